/* Snapshots walked by several threads while the writer goes on at full speed with inserts, replacements under higher,
 * equal and lower versions, and removals: all parts together must give exactly the records of the moment, each once, as
 * they were. At the same time other threads read single keys of the snapshot.
 *
 * Threads cannot fail a Criterion test, so they count failures and keep the first one's description. */
#include "base/rcu.h"
#include "tests/unit/engine/store_fixture.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

enum { WALKERS = 2, READERS = 1, KEYS_MOST = 40000 };

static struct {
    store *s;
    store_snapshot *n;
    size_t size;
    uint64_t keys;
    uint64_t nonce[KEYS_MOST]; /* of the moment; 0: absent */
    _Atomic uint16_t seen[KEYS_MOST];
    unsigned laps; /* how often the walkers walk it all */
    atomic_uint part, walking;
    atomic_ulong writes;
    atomic_bool walked;
    atomic_ulong failures, reads;
    char first_failure[200];
} play;

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
    if (atomic_fetch_add(&play.failures, 1) != 0) return;
    va_list list;
    va_start(list, format);
    vsnprintf(play.first_failure, sizeof play.first_failure, format, list);
    va_end(list);
}

static void judge(const char *how, const fixture_record *r) {
    uint64_t number = fixture_number(&r->id);
    if (number >= play.keys) {
        fail("%s: a key that was never written", how);
    } else if (!fixture_whole(r, play.size)) {
        fail("%s: key %llu is torn", how, (unsigned long long)number);
    } else if (r->words[2] != play.nonce[number]) {
        fail("%s: key %llu is not as it was", how, (unsigned long long)number);
    }
}

static void *walker(void *argument) {
    (void)argument;
    static _Thread_local uint8_t out[64 * STORE_RECORD_MAX];
    rcu_enter();
    unsigned parts = store_snapshot_parts(play.n), part;
    while (atomic_load(&play.writes) < 20) rcu_pass(); /* the writer is under way */
    while ((part = atomic_fetch_add(&play.part, 1)) < parts * play.laps) {
        store_cursor cursor = 0;
        size_t got;
        while ((got = store_snapshot_scan(play.n, part % parts, &cursor, out, 64)) > 0) {
            for (size_t i = 0; i < got; i++) {
                fixture_record r;
                memcpy(&r, out + i * play.size, play.size);
                judge("walk", &r);
                uint64_t number = fixture_number(&r.id);
                if (number < play.keys) atomic_fetch_add(&play.seen[number], 1);
            }
            rcu_pass();
        }
    }
    if (atomic_fetch_sub(&play.walking, 1) == 1) atomic_store(&play.walked, true);
    rcu_leave();
    return NULL;
}

static void *reader(void *argument) {
    uint64_t random = (uintptr_t)argument * 1000003;
    rcu_enter();
    while (!atomic_load(&play.walked)) {
        uint64_t number = fixture_random(&random) % play.keys;
        subject_id id = fixture_id(number);
        fixture_record r;
        bool found = store_snapshot_read(play.n, &id, &r);
        if (found != (play.nonce[number] != 0))
            fail("read: key %llu was %s", (unsigned long long)number, found ? "found" : "not found");
        if (found) judge("read", &r);
        if (found && fixture_number(&r.id) != number) fail("read: the record of another key");
        atomic_fetch_add(&play.reads, 1);
        rcu_pass();
    }
    rcu_leave();
    return NULL;
}

/* The writer's own truth, ahead of the moment's. */
static uint64_t truth[KEYS_MOST];

static void change(uint64_t *random) {
    uint64_t what = fixture_random(random), number = fixture_random(random) % play.keys;
    subject_id id = fixture_id(number);
    if (what >> 62 == 0) {
        (void)store_remove(play.s, &id);
        truth[number] = 0;
        return;
    }
    fixture_record r;
    truth[number] = what | 1;
    fixture_make(&r, play.size, &id, (uint32_t)(what >> 40) % 3, what | 1);
    if (store_write(play.s, &r) != STATUS_OK) fail("a write was refused");
}

static void walk_once(uint64_t *random) {
    memcpy(play.nonce, truth, sizeof truth);
    memset(play.seen, 0, sizeof play.seen);
    cr_assert_eq(store_snapshot_begin(play.s, KEYS_MOST * 4, &play.n), STATUS_OK);
    atomic_store(&play.part, 0);
    atomic_store(&play.writes, 0);
    atomic_store(&play.walking, WALKERS);
    atomic_store(&play.walked, false);
    pthread_t threads[WALKERS + READERS];
    for (uintptr_t i = 0; i < WALKERS + READERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, i < WALKERS ? walker : reader, (void *)(i + 1)), 0);
    while (!atomic_load(&play.walked)) {
        change(random);
        atomic_fetch_add(&play.writes, 1);
    }
    for (unsigned i = 0; i < WALKERS + READERS; i++) pthread_join(threads[i], NULL);
    for (uint64_t i = 0; i < play.keys; i++)
        if (atomic_load(&play.seen[i]) != (play.nonce[i] != 0 ? play.laps : 0))
            fail("key %llu was seen %d times", (unsigned long long)i, play.seen[i]);
    cr_assert(!store_snapshot_spoilt(play.n));
    store_snapshot_end(play.s, &play.n);
}

static void run(const char *name, size_t size, uint64_t keys, unsigned laps, int rounds) {
    uint64_t random = fixture_seed(name);
    memset(&play, 0, sizeof play);
    memset(truth, 0, sizeof truth);
    play.s = fixture_store(size, (uint32_t)keys);
    play.size = size;
    play.keys = keys;
    play.laps = laps;
    unsigned long writes = 0;
    for (uint64_t i = 0; i < keys; i++) change(&random);
    for (int i = 0; i < rounds && atomic_load(&play.failures) == 0; i++) {
        walk_once(&random);
        writes += atomic_load(&play.writes);
    }
    cr_assert_eq(atomic_load(&play.failures), 0, "%lu failures, the first: %s", atomic_load(&play.failures),
                 play.first_failure);
    fprintf(stderr, "%s: %lu writes beside the walks, %lu reads\n", name, writes, atomic_load(&play.reads));
    cr_assert_gt(writes, 20);
    fixture_check(play.s);
    store_destroy(&play.s);
    rcu_drain();
}

Test(snapshot_threads, many_keys) { run("many_keys", 64, KEYS_MOST, 1, FIXTURE_SLOW ? 10 : 150); }
Test(snapshot_threads, large_records) { run("large_records", 384, 5000, 1, FIXTURE_SLOW ? 10 : 150); }
/* Few keys, long copies: every slot changes hands while it is looked at. */
Test(snapshot_threads, the_same_few_slots) { run("few_slots", 512, 12, 100, FIXTURE_SLOW ? 30 : 600); }
