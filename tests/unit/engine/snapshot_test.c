/* Snapshots of the store beside a model: the records of the moment, whatever is written afterwards. */
#include "base/rcu.h"
#include "tests/unit/engine/store_fixture.h"

#include "engine/arena.h"

enum { KEYS = 3000 };

static void put(store *s, size_t size, uint64_t number, uint32_t version, uint64_t nonce) {
    fixture_record r;
    subject_id id = fixture_id(number);
    fixture_make(&r, size, &id, version, nonce);
    cr_assert_eq(store_write(s, &r), STATUS_OK);
}

/* The nonces of the moment; 0: absent. */
typedef struct model {
    uint64_t nonce[KEYS];
} model;

static void compare_walk(const store_snapshot *n, size_t size, const model *m, size_t portion) {
    static uint8_t out[100 * STORE_RECORD_MAX];
    static uint8_t seen[KEYS];
    memset(seen, 0, sizeof seen);
    for (unsigned part = 0; part < store_snapshot_parts(n); part++) {
        store_cursor cursor = 0;
        size_t got;
        while ((got = store_snapshot_scan(n, part, &cursor, out, portion)) > 0) {
            for (size_t i = 0; i < got; i++) {
                fixture_record r;
                memcpy(&r, out + i * size, size);
                cr_assert(fixture_whole(&r, size));
                uint64_t number = fixture_number(&r.id);
                cr_assert_lt(number, KEYS);
                cr_assert_eq(r.words[2], m->nonce[number], "key %llu", (unsigned long long)number);
                cr_assert_eq(seen[number]++, 0, "key %llu came twice", (unsigned long long)number);
            }
        }
    }
    for (unsigned i = 0; i < KEYS; i++) cr_assert_eq(seen[i], m->nonce[i] != 0, "key %u", i);
}

static void compare_reads(const store_snapshot *n, size_t size, const model *m) {
    for (unsigned i = 0; i < KEYS; i++) {
        fixture_record r;
        subject_id id = fixture_id(i);
        bool found = store_snapshot_read(n, &id, &r);
        cr_assert_eq(found, m->nonce[i] != 0, "key %u", i);
        if (!found) continue;
        cr_assert(fixture_whole(&r, size));
        cr_assert_eq(fixture_number(&r.id), i);
        cr_assert_eq(r.words[2], m->nonce[i]);
    }
}

static void change(store *s, size_t size, uint64_t *random, model *m) {
    uint64_t what = fixture_random(random), number = what % KEYS;
    if (what >> 62 == 0) {
        subject_id id = fixture_id(number);
        cr_assert_eq(store_remove(s, &id), m->nonce[number] != 0);
        m->nonce[number] = 0;
    } else {
        m->nonce[number] = what | 1;
        put(s, size, number, (uint32_t)(what >> 40) % 4, what | 1);
    }
}

static void random_changes(const char *name, size_t size) {
    uint64_t random = fixture_seed(name);
    store *s = fixture_store(size, KEYS);
    model now = {{0}};
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 500; i++) change(s, size, &random, &now);
        model moment = now;
        size_t records = store_count(s);
        store_snapshot *n, *second;
        cr_assert_eq(store_snapshot_begin(s, KEYS * 2, &n), STATUS_OK);
        cr_assert_eq(store_snapshot_begin(s, 1, &second), STATUS_OVERLOADED);
        cr_assert_eq(store_snapshot_count(n), records);
        compare_walk(n, size, &moment, 1 + (size_t)round);
        for (int i = 0; i < 100 * round; i++) change(s, size, &random, &now);
        compare_walk(n, size, &moment, 7);
        compare_reads(n, size, &moment);
        cr_assert(!store_snapshot_spoilt(n));
        fixture_check(s);
        store_snapshot_end(s, &n);
        cr_assert_null(n);
    }
    store_destroy(&s);
    rcu_drain();
}

Test(snapshot, the_moment_stays_whatever_is_written) { random_changes("small", 64); }
Test(snapshot, large_records) { random_changes("large", 384); }

Test(snapshot, an_empty_store_stays_empty) {
    store *s = fixture_store(64, KEYS);
    store_snapshot *n;
    model none = {{0}};
    cr_assert_eq(store_snapshot_begin(s, 1, &n), STATUS_OK);
    cr_assert_eq(store_snapshot_parts(n), 0);
    for (unsigned i = 0; i < 1000; i++) put(s, 64, i, 1, 1);
    compare_walk(n, 64, &none, 10);
    compare_reads(n, 64, &none);
    cr_assert(!store_snapshot_spoilt(n), "records in new memory cost nothing");
    store_snapshot_end(s, &n);
    store_destroy(&s);
}

/* A key that moves to another slot, and a slot that goes to another key. */
Test(snapshot, keys_and_slots_change_hands) {
    store *s = fixture_store(64, KEYS);
    model m = {{0}};
    store_snapshot *n;
    for (unsigned i = 0; i < 2000; i++) put(s, 64, i, 1, m.nonce[i] = i + 1);
    cr_assert_eq(store_snapshot_begin(s, KEYS, &n), STATUS_OK);
    for (int turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < KEYS; i++) {
            subject_id id = fixture_id(i);
            (void)store_remove(s, &id);
        }
        cr_assert_eq(store_count(s), 0);
        for (unsigned i = KEYS; i-- > 0;) put(s, 64, i, 1, 7777 + i);
    }
    compare_walk(n, 64, &m, 64);
    compare_reads(n, 64, &m);
    store_snapshot_end(s, &n);
    fixture_check(s);
    store_destroy(&s);
}

/* Exactly max_changes fit; the next one spoils it, and changing what was kept already never does. */
Test(snapshot, more_changes_than_are_kept_spoil_it) {
    store *s = fixture_store(64, KEYS);
    store_snapshot *n;
    for (unsigned i = 0; i < KEYS; i++) put(s, 64, i, 1, i + 1);
    cr_assert_eq(store_snapshot_begin(s, 100, &n), STATUS_OK);
    for (int turn = 0; turn < 3; turn++)
        for (unsigned i = 0; i < 100; i++) put(s, 64, i, 2, 5);
    cr_assert(!store_snapshot_spoilt(n));
    put(s, 64, 100, 2, 5);
    cr_assert(store_snapshot_spoilt(n));
    put(s, 64, 101, 2, 5);
    store_snapshot_end(s, &n);
    cr_assert_eq(store_snapshot_begin(s, 100, &n), STATUS_OK);
    cr_assert(!store_snapshot_spoilt(n));
    store_snapshot_end(s, &n);
    fixture_check(s);
    store_destroy(&s);
}

static int fail_at;
static bool fault(void) { return fail_at-- == 0; }

Test(snapshot, no_memory_to_begin_or_to_keep) {
    store *s = fixture_store(64, KEYS);
    store_snapshot *n;
    for (unsigned i = 0; i < 10; i++) put(s, 64, i, 1, i + 1);
    arena_fault = fault;
    status code = STATUS_NO_MEMORY;
    int failures = 0;
    for (; failures < 20; failures++) {
        fail_at = failures;
        code = store_snapshot_begin(s, 100, &n);
        if (code == STATUS_OK) break;
        cr_assert_eq(code, STATUS_NO_MEMORY);
    }
    cr_assert_eq(code, STATUS_OK);
    cr_assert_eq(failures, 4);
    fail_at = 0;
    put(s, 64, 3, 2, 99);
    cr_assert(store_snapshot_spoilt(n));
    arena_fault = NULL;
    fixture_record r;
    subject_id id = fixture_id(3);
    cr_assert(store_read(s, &id, &r) && r.words[2] == 99, "the write itself went through");
    store_snapshot_end(s, &n);
    store_destroy(&s);
}
