/* Random operations on the store and on a map that could not be simpler, compared at every step. Three shapes: keys
 * over all shards; keys of one shard only, so that buckets overflow and wrap around; and one shard whose allocations
 * fail for long stretches, so that the index fills to its last place. */
#include "engine/arena.h"
#include "tests/unit/engine/store_fixture.h"

#define MOST_KEYS 6000
#define MOST_NUMBERS (1u << 20) /* 1500 keys of one shard are found among some 400,000 */

/* The model: for key number i, whether it is there and what was written last. */
typedef struct entry {
    subject_id id;
    bool present;
    uint32_t version;
    uint64_t nonce;
} entry;

typedef struct world {
    store *s;
    size_t size;
    entry entries[MOST_KEYS];
    size_t keys, present;
    uint64_t random;
    uint16_t key_of_number[MOST_NUMBERS];
} world;

static world w;
static uint64_t fault_state;
static uint64_t fault_per_mille;

static bool maybe_fault(void) { return fixture_random(&fault_state) % 1000 < fault_per_mille; }

static entry *any(void) { return &w.entries[fixture_random(&w.random) % w.keys]; }

static bool agrees(const entry *e, bool found, const fixture_record *got) {
    if (found != e->present) return false;
    if (!found) return true;
    fixture_record want;
    fixture_make(&want, w.size, &e->id, e->version, e->nonce);
    return memcmp(got, &want, w.size) == 0;
}

static void write_step(void) {
    entry *e = any(), next = *e;
    next.present = true;
    next.nonce = fixture_random(&w.random);
    switch (fixture_random(&w.random) % 4) {
    case 0: break; /* the same version */
    case 1: next.version = (uint32_t)fixture_random(&w.random) >> 1; break;
    default: next.version = (next.version + 1) & 0x7FFFFFFF; break;
    }
    fixture_record r;
    fixture_make(&r, w.size, &e->id, next.version, next.nonce);
    status code = fixture_random(&w.random) % 2 ? store_write(w.s, &r) : store_load(w.s, &r);
    if (code == STATUS_OK) {
        w.present += !e->present;
        *e = next;
    } else {
        cr_assert(code == STATUS_NO_MEMORY && fault_per_mille > 0 && !e->present, "status %d", code);
    }
}

static void remove_step(void) {
    entry *e = any();
    cr_assert_eq(store_remove(w.s, &e->id), e->present);
    w.present -= e->present;
    e->present = false;
}

static void read_step(void) {
    const entry *e = any();
    fixture_record got;
    bool found = store_read(w.s, &e->id, &got);
    cr_assert(agrees(e, found, &got));
}

static void batch_step(void) {
    static subject_id keys[200];
    static const entry *asked[200];
    static uint8_t out[200 * STORE_RECORD_MAX];
    static bool found[200];
    size_t n = fixture_random(&w.random) % 200, hits = 0;
    for (size_t i = 0; i < n; i++) {
        asked[i] = any();
        keys[i] = asked[i]->id;
    }
    size_t got = store_read_batch(w.s, keys, sizeof keys[0], n, out, w.size, found);
    for (size_t i = 0; i < n; i++) {
        fixture_record r;
        memcpy(&r, out + i * w.size, w.size);
        cr_assert(agrees(asked[i], found[i], &r));
        hits += found[i];
    }
    cr_assert_eq(got, hits);
}

static void walk_all(void) {
    static uint8_t out[64 * STORE_RECORD_MAX];
    static bool seen[MOST_KEYS];
    memset(seen, 0, sizeof seen);
    store_cursor cursor = 0;
    size_t total = 0, n, step = 1 + fixture_random(&w.random) % 64;
    while ((n = store_scan(w.s, &cursor, out, NULL, step)) > 0) {
        for (size_t i = 0; i < n; i++) {
            fixture_record r;
            memcpy(&r, out + i * w.size, w.size);
            uint64_t number = fixture_number(&r.id);
            cr_assert_lt(number, MOST_NUMBERS);
            size_t k = w.key_of_number[number];
            cr_assert(subject_equal(&r.id, &w.entries[k].id));
            cr_assert_not(seen[k]);
            seen[k] = true;
            cr_assert(agrees(&w.entries[k], true, &r));
        }
        total += n;
    }
    cr_assert_eq(total, w.present);
}

static void run(const char *name, size_t size, size_t keys, int shard, uint64_t faults, long operations) {
    uint64_t seed = fixture_seed(name);
    memset(&w, 0, sizeof w);
    w.s = fixture_store(size, MOST_KEYS);
    w.size = size;
    w.keys = keys;
    w.random = seed;
    fault_state = ~seed;
    fault_per_mille = 0;
    for (uint64_t i = 0, k = 0; k < keys; i++) {
        subject_id id = fixture_id(i);
        if (shard >= 0 && store_shard_of(store_hash(w.s, &id)) != (unsigned)shard) continue;
        cr_assert_lt(i, MOST_NUMBERS);
        w.key_of_number[i] = (uint16_t)k;
        w.entries[k++].id = id;
    }
    arena_fault = maybe_fault;
    uint64_t write_share = 60;
    for (long i = 0; i < operations; i++) {
        if (i % 5000 == 0) { /* times of growth, of decline, of memory trouble */
            write_share = 30 + fixture_random(&w.random) % 60;
            fault_per_mille = fixture_random(&w.random) % 2 ? faults : faults / 50;
        }
        uint64_t what = fixture_random(&w.random) % 100;
        if (what < write_share)
            write_step();
        else if (what < 85)
            remove_step();
        else if (what < 99)
            read_step();
        else
            batch_step();
        cr_assert_eq(store_count(w.s), w.present);
        if (i % 2000 == 1999) fixture_check(w.s);
        if (i % 20000 == 19999) walk_all();
    }
    arena_fault = NULL;
    fixture_check(w.s);
    walk_all();
    store_destroy(&w.s);
}

#define SCALE (FIXTURE_SLOW ? 10 : 1)

Test(store_model, profiles) { run("profiles", 64, 6000, -1, 0, 200000 / SCALE); }
Test(store_model, accounts) { run("accounts", 384, 3000, -1, 20, 200000 / SCALE); }
Test(store_model, one_shard) { run("one_shard", 64, 1500, 77, 0, 200000 / SCALE); }
Test(store_model, one_shard_short_of_memory) { run("one_shard_short_of_memory", 128, 400, 3, 1000, 200000 / SCALE); }
