/* Readers beside a writer. Every record carries a checksum over itself, so a copy that mixes two states is seen; a key
 * that was there before a lookup began and is never removed must be found; a walk must see it exactly once.
 *
 * Threads cannot fail a Criterion test, so they count failures and keep the first one's description. */
#include "base/rcu.h"
#include "tests/unit/engine/store_fixture.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#define READERS 3

typedef struct arena_of_play {
    store *s;
    size_t size;
    _Atomic uint64_t stable; /* keys 0..stable-1 are present and stay */
    uint64_t stable_most;
    uint64_t volatile_first; /* keys from here on come and go */
    uint64_t volatile_count;
    atomic_bool over;
    atomic_ulong reads, walks;
    atomic_ulong failures;
    char first_failure[200];
} arena_of_play;

static arena_of_play play;

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
    if (atomic_fetch_add(&play.failures, 1) != 0) return;
    va_list list;
    va_start(list, format);
    vsnprintf(play.first_failure, sizeof play.first_failure, format, list);
    va_end(list);
}

static void judge(const char *how, uint64_t number, bool found, bool must, const fixture_record *r) {
    unsigned long long n = number;
    if (!found) {
        if (must) fail("%s: key %llu was not found", how, n);
        return;
    }
    if (fixture_number(&r->id) != number) fail("%s: key %llu gave the record of another", how, n);
    if (!fixture_whole(r, play.size)) fail("%s: key %llu gave a torn record", how, n);
}

/* A key and whether it must be found: half are stable ones, half come and go. */
static uint64_t pick(uint64_t *random, bool *must) {
    uint64_t stable = atomic_load(&play.stable);
    *must = stable > 0 && (fixture_random(random) % 2 || play.volatile_count == 0);
    return *must ? fixture_random(random) % stable : play.volatile_first + fixture_random(random) % play.volatile_count;
}

static void read_singly(uint64_t *random) {
    bool must;
    uint64_t number = pick(random, &must);
    subject_id id = fixture_id(number);
    fixture_record r;
    judge("read", number, store_read(play.s, &id, &r), must, &r);
}

static void read_in_batch(uint64_t *random) {
    enum { N = 150 };
    subject_id ids[N];
    fixture_record out[N];
    bool found[N], must[N];
    uint64_t numbers[N];
    size_t n = 1 + fixture_random(random) % N;
    for (size_t i = 0; i < n; i++) {
        numbers[i] = pick(random, &must[i]);
        ids[i] = fixture_id(numbers[i]);
    }
    store_read_batch(play.s, ids, sizeof ids[0], n, out, sizeof out[0], found);
    for (size_t i = 0; i < n; i++) judge("batch", numbers[i], found[i], must[i], &out[i]);
}

static void *reader(void *argument) {
    uint64_t random = (uintptr_t)argument * 1000003;
    rcu_enter();
    while (!atomic_load(&play.over)) {
        for (int i = 0; i < 20; i++) read_singly(&random);
        read_in_batch(&random);
        atomic_fetch_add(&play.reads, 1);
        rcu_pass();
    }
    rcu_leave();
    return NULL;
}

static void *walker(void *argument) {
    (void)argument;
    uint8_t *seen = malloc(play.stable_most + 1);
    cr_assert_not_null(seen);
    static uint8_t out[64 * STORE_RECORD_MAX];
    rcu_enter();
    while (!atomic_load(&play.over)) {
        uint64_t stable = atomic_load(&play.stable);
        memset(seen, 0, play.stable_most + 1);
        store_cursor cursor = 0;
        size_t n;
        while ((n = store_scan(play.s, &cursor, out, NULL, 64)) > 0) {
            for (size_t i = 0; i < n; i++) {
                fixture_record r;
                memcpy(&r, out + i * play.size, play.size);
                uint64_t number = fixture_number(&r.id);
                judge("walk", number, true, true, &r);
                if (number < play.stable_most) seen[number]++;
            }
            rcu_pass(); /* a cursor outlives it */
        }
        for (uint64_t i = 0; i < play.stable_most; i++)
            if (i < stable ? seen[i] != 1 : seen[i] > 1)
                fail("walk: key %llu was seen %d times", (unsigned long long)i, seen[i]);
        atomic_fetch_add(&play.walks, 1);
    }
    rcu_leave();
    free(seen);
    return NULL;
}

static void put(uint64_t number, uint32_t version, uint64_t nonce) {
    fixture_record r;
    subject_id id = fixture_id(number);
    fixture_make(&r, play.size, &id, version, nonce);
    if (store_write(play.s, &r) != STATUS_OK) fail("a write was refused");
}

static double seconds_since(const struct timespec *begin) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

/* Grows the stable keys to their full number over about half of the time, and all the while replaces (under higher,
 * equal and lower versions), removes and inserts again. */
static void write_for(double seconds, uint64_t seed) {
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    uint64_t random = seed;
    for (unsigned turn = 0; atomic_load(&play.failures) == 0; turn++) {
        double part = seconds_since(&begin) / seconds;
        if (part >= 1) break;
        uint64_t goal = (uint64_t)(2 * part * (double)play.stable_most);
        if (goal > play.stable_most) goal = play.stable_most;
        uint64_t stable = atomic_load(&play.stable);
        for (uint64_t end = stable + 200; stable < goal && stable < end;) {
            put(stable, 1, fixture_random(&random));
            atomic_store(&play.stable, ++stable);
        }
        for (int i = 0; i < 50; i++) {
            uint64_t what = fixture_random(&random);
            if (stable > 0) put(what % stable, (uint32_t)(what >> 40) % 3, what);
            if (play.volatile_count == 0) continue;
            uint64_t number = play.volatile_first + fixture_random(&random) % play.volatile_count;
            if (what >> 63) {
                put(number, 1, what);
            } else {
                subject_id id = fixture_id(number);
                (void)store_remove(play.s, &id);
            }
        }
    }
}

static void run(const char *name, size_t size, uint64_t stable, uint64_t come_and_go, double seconds) {
    uint64_t seed = fixture_seed(name);
    memset(&play, 0, sizeof play);
    play.s = fixture_store(size, (uint32_t)(stable + come_and_go));
    play.size = size;
    play.stable_most = stable;
    play.volatile_first = stable;
    play.volatile_count = come_and_go;
    pthread_t threads[READERS];
    for (uintptr_t i = 0; i < READERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, i == 0 ? walker : reader, (void *)(i + 1)), 0);
    write_for(seconds, seed);
    atomic_store(&play.over, true);
    for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&play.failures), 0, "%lu failures, the first: %s", atomic_load(&play.failures),
                 play.first_failure);
    fprintf(stderr, "%s: %lu rounds of reading, %lu walks, %zu records\n", name, atomic_load(&play.reads),
            atomic_load(&play.walks), store_count(play.s));
    cr_assert_gt(atomic_load(&play.reads), 10);
    cr_assert_gt(atomic_load(&play.walks), 0);
    cr_assert_gt(atomic_load(&play.stable), 0);
    fixture_check(play.s);
    store_destroy(&play.s);
    rcu_drain();
}

Test(store_threads, growth_from_nothing) { run("growth", 64, FIXTURE_SLOW ? 60000 : 400000, 5000, 2.0); }
Test(store_threads, large_records) { run("large_records", 384, FIXTURE_SLOW ? 5000 : 50000, 2000, 1.0); }
/* Few keys, long copies, slots handed on all the time under the same versions: where seq alone would be fooled. */
Test(store_threads, the_same_slots_under_the_same_versions) { run("same_slots", 512, 2, 6, 1.5); }
