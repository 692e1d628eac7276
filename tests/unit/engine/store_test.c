/* The store's functions one by one: what they promise, at record sizes of profiles and accounts, and what happens when
 * room or memory ends. */
#include "base/limits.h"
#include "base/rcu.h"
#include "engine/arena.h"
#include "engine/store_index.h"
#include "tests/unit/engine/store_fixture.h"

#include <pthread.h>
#include <unistd.h>

static const size_t sizes[] = {64, 128, 192, 384, 512};
#define EACH_SIZE(size)                                                                                                \
    for (size_t k = 0, size = sizes[0]; k < sizeof sizes / sizeof *sizes && (size = sizes[k], 1); k++)

static void write_one(store *s, size_t size, uint64_t number, uint32_t version, uint64_t nonce) {
    fixture_record r;
    subject_id id = fixture_id(number);
    fixture_make(&r, size, &id, version, nonce);
    cr_assert_eq(store_write(s, &r), STATUS_OK);
}

static void expect(const store *s, size_t size, uint64_t number, uint32_t version, uint64_t nonce) {
    fixture_record want, got = {.seq = 77};
    subject_id id = fixture_id(number);
    fixture_make(&want, size, &id, version, nonce);
    cr_assert(store_read(s, &id, &got), "record %llu is missing", (unsigned long long)number);
    cr_assert_arr_eq(&got, &want, size);
}

static bool present(const store *s, uint64_t number) {
    fixture_record got;
    subject_id id = fixture_id(number);
    return store_read(s, &id, &got);
}

static store_stats stats_of(const store *s) {
    store_stats stats;
    store_get_stats(s, &stats);
    return stats;
}

Test(store, an_empty_store_finds_nothing) {
    store *none = NULL;
    store_destroy(&none);
    store *s = fixture_store(64, 1000);
    cr_assert_not(present(s, 1));
    subject_id id = fixture_id(1), zero = {{0}};
    cr_assert_not(store_remove(s, &id));
    cr_assert_not(store_remove(s, &zero));
    cr_assert_eq(store_count(s), 0);
    store_cursor cursor = 0;
    fixture_record out;
    cr_assert_eq(store_scan(s, &cursor, &out, NULL, 1), 0);
    fixture_check(s);
    store_destroy(&s);
    cr_assert_null(s);
}

Test(store, too_many_records_to_refer_to_are_refused) {
    store *s = NULL;
    store_options o = {.record_size = 64, .max_records = STORE_RECORDS_MAX + 1};
    cr_assert_eq(store_create(&o, &s), STATUS_CAPACITY);
    cr_assert_null(s);
}

Test(store, what_was_written_is_read) {
    EACH_SIZE(size) {
        store *s = fixture_store(size, 20000);
        for (uint64_t i = 0; i < 20000; i++) write_one(s, size, i, (uint32_t)i, i * 3);
        cr_assert_eq(store_count(s), 20000);
        for (uint64_t i = 0; i < 20000; i++) expect(s, size, i, (uint32_t)i, i * 3);
        for (uint64_t i = 20000; i < 40000; i++) cr_assert_not(present(s, i));
        fixture_check(s);
        store_destroy(&s);
    }
}

Test(store, replaces_under_any_version) {
    static const uint32_t versions[] = {5, 6, 6, 6, 2, 0, 0, 0x7FFFFFFF, 0, 1};
    EACH_SIZE(size) {
        store *s = fixture_store(size, 10);
        for (uint32_t i = 0; i < sizeof versions / sizeof *versions; i++) {
            write_one(s, size, 4, versions[i], i);
            expect(s, size, 4, versions[i], i);
            cr_assert_eq(store_count(s), 1);
        }
        fixture_check(s);
        store_destroy(&s);
    }
}

Test(store, the_writers_bit_of_a_record_is_ignored) {
    store *s = fixture_store(64, 10);
    fixture_record r, got;
    subject_id id = fixture_id(1);
    for (int i = 0; i < 2; i++) { /* insert, replace */
        fixture_make(&r, 64, &id, 9, 0);
        r.seq |= 1;
        cr_assert_eq(store_write(s, &r), STATUS_OK);
        cr_assert(store_read(s, &id, &got));
        cr_assert_eq(got.seq, 18);
    }
    fixture_check(s);
    store_destroy(&s);
}

Test(store, keys_with_a_program_in_the_kind_byte_are_different_keys) {
    store *s = fixture_store(384, 100);
    for (unsigned program = 0; program < 16; program++) {
        fixture_record r;
        subject_id id = fixture_id(1);
        id.bytes[0] |= (uint8_t)(program << 4);
        fixture_make(&r, 384, &id, 1, program);
        cr_assert_eq(store_write(s, &r), STATUS_OK);
    }
    cr_assert_eq(store_count(s), 16);
    for (unsigned program = 0; program < 16; program++) {
        fixture_record r;
        subject_id id = fixture_id(1);
        id.bytes[0] |= (uint8_t)(program << 4);
        cr_assert(store_read(s, &id, &r));
        cr_assert_eq(r.words[2], program);
    }
    store_destroy(&s);
}

Test(store, removed_records_are_gone_and_their_slots_used_again) {
    EACH_SIZE(size) {
        store *s = fixture_store(size, 5000);
        for (uint64_t i = 0; i < 5000; i++) write_one(s, size, i, 1, i);
        store_stats before = stats_of(s);
        for (uint64_t i = 0; i < 5000; i += 2) {
            subject_id id = fixture_id(i);
            cr_assert(store_remove(s, &id));
            cr_assert_not(store_remove(s, &id));
        }
        cr_assert_eq(store_count(s), 2500);
        fixture_check(s);
        for (uint64_t i = 0; i < 5000; i++) cr_assert_eq(present(s, i), i % 2 == 1);
        for (uint64_t i = 0; i < 5000; i += 2) write_one(s, size, i, 1, i + 7);
        for (uint64_t i = 0; i < 5000; i++) expect(s, size, i, 1, i % 2 ? i : i + 7);
        cr_assert_eq(stats_of(s).arena_bytes, before.arena_bytes);
        fixture_check(s);
        store_destroy(&s);
    }
}

Test(store, a_batch_answers_as_single_reads_do) {
    enum { N = 1000 };
    typedef struct request {
        uint32_t before;
        subject_id key;
        uint8_t behind[5];
    } request;
    static request requests[N];
    static struct {
        uint64_t before;
        fixture_record record;
        uint64_t behind;
    } answers[N];
    static bool found[N + 1];
    EACH_SIZE(size) {
        store *s = fixture_store(size, 3000);
        for (uint64_t i = 0; i < 3000; i++) write_one(s, size, i, 1, i);
        static const size_t lengths[] = {0, 1, 63, 64, 65, 128, 129, N};
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            size_t n = lengths[l], hits = 0;
            uint64_t random = l;
            for (size_t i = 0; i < N; i++) {
                requests[i].key = fixture_id(fixture_random(&random) % 4000); /* a quarter absent, many repeated */
                if (i % 97 == 5) requests[i].key = (subject_id){{0}};
                answers[i].before = answers[i].behind = 42;
            }
            memset(found, 2, sizeof found);
            size_t got =
                store_read_batch(s, &requests[0].key, sizeof(request), n, &answers[0].record, sizeof answers[0], found);
            for (size_t i = 0; i < n; i++) {
                fixture_record one;
                bool hit = store_read(s, &requests[i].key, &one);
                cr_assert_eq(found[i], hit);
                if (hit) cr_assert_arr_eq(&answers[i].record, &one, size);
                hits += hit;
                cr_assert(answers[i].before == 42 && answers[i].behind == 42);
            }
            cr_assert_eq(got, hits);
            uint8_t beyond;
            memcpy(&beyond, &found[n], 1);
            cr_assert_eq(beyond, 2);
        }
        store_destroy(&s);
    }
}

Test(store, a_walk_sees_every_record_once) {
    enum { N = 7000 };
    static unsigned char seen[N];
    static uint8_t out[100 * STORE_RECORD_MAX];
    static store_cursor after[100];
    EACH_SIZE(size) {
        store *s = fixture_store(size, N);
        for (uint64_t i = 0; i < N; i++) write_one(s, size, i, 1, i);
        for (uint64_t i = 0; i < N; i += 3) {
            subject_id id = fixture_id(i);
            cr_assert(store_remove(s, &id));
        }
        for (size_t step = 1; step <= 100; step += 33) {
            memset(seen, 0, sizeof seen);
            store_cursor cursor = 0;
            size_t n;
            for (size_t rounds = 0; (n = store_scan(s, &cursor, out, after, step)) > 0; rounds++) {
                cr_assert_leq(n, step);
                for (size_t i = 0; i < n; i++) {
                    fixture_record r;
                    memcpy(&r, out + i * size, size);
                    cr_assert(fixture_whole(&r, size));
                    seen[fixture_number(&r.id)]++;
                }
                if (rounds % 3 == 1) { /* go on behind the first of the records instead: the others come again */
                    for (size_t i = 1; i < n; i++) {
                        fixture_record r;
                        memcpy(&r, out + i * size, size);
                        seen[fixture_number(&r.id)]--;
                    }
                    cursor = after[0];
                }
                cr_assert_lt(rounds, 2 * N);
            }
            cr_assert_eq(store_scan(s, &cursor, out, NULL, step), 0);
            for (uint64_t i = 0; i < N; i++) cr_assert_eq(seen[i], i % 3 != 0);
        }
        store_destroy(&s);
    }
}

Test(store, a_walk_stays_valid_while_the_store_grows) {
    enum { FIRST = 2000, LAST = 60000 };
    static unsigned char seen[LAST];
    store *s = fixture_store(64, LAST);
    for (uint64_t i = 0; i < FIRST; i++) write_one(s, 64, i, 1, i);
    store_cursor cursor = 0;
    fixture_record r;
    for (uint64_t next = FIRST; store_scan(s, &cursor, &r, NULL, 1) > 0;) {
        seen[fixture_number(&r.id)]++;
        for (int i = 0; i < 10 && next < LAST; i++, next++) write_one(s, 64, next, 1, next);
    }
    for (uint64_t i = 0; i < LAST; i++) cr_assert(i < FIRST ? seen[i] == 1 : seen[i] <= 1);
    store_destroy(&s);
}

/* ---------------------------------------------------------------- room and memory */

Test(store, holds_as_many_as_were_asked_for_then_refuses) {
    static const uint32_t limits[] = {0, 1, 100, 5000};
    EACH_SIZE(size) for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        if (FIXTURE_SLOW && size != 384) continue;
        store *s = fixture_store(size, limits[l]);
        uint64_t n = 0;
        fixture_record r;
        status code = STATUS_OK;
        for (; n < 200000; n++) {
            subject_id id = fixture_id(n);
            fixture_make(&r, size, &id, 1, n);
            if ((code = store_write(s, &r)) != STATUS_OK) break;
        }
        cr_assert_eq(code, STATUS_CAPACITY);
        cr_assert_geq(n, limits[l]);
        if (limits[l] == 0) cr_assert_eq(n, 0);
        cr_assert_eq(store_count(s), n);
        cr_assert_not(present(s, n));
        fixture_check(s);
        for (uint64_t i = 0; i < n; i++) expect(s, size, i, 1, i);
        if (n > 0) {
            write_one(s, size, 0, 2, 99); /* replacing needs no room */
            expect(s, size, 0, 2, 99);
            /* a slot that comes free in the shard of the refused record lets it in */
            for (uint64_t i = 0; i < n; i++) {
                subject_id id = fixture_id(i);
                if (store_shard_of(store_hash(s, &id)) != store_shard_of(store_hash(s, &r.id))) continue;
                cr_assert(store_remove(s, &id));
                cr_assert_eq(store_write(s, &r), STATUS_OK);
                expect(s, size, n, 1, n);
                break;
            }
        }
        fixture_check(s);
        store_destroy(&s);
    }
}

static long allocations_left; /* until one fails */
static bool fail_once(void) { return allocations_left-- == 0; }
static bool fail_from_then_on(void) { return allocations_left-- <= 0; }

Test(store, creation_survives_any_failing_allocation) {
    store_options o = {.record_size = 64, .max_records = 1000};
    long n = 0;
    for (;; n++) {
        store *s = NULL;
        allocations_left = n;
        arena_fault = fail_once;
        status code = store_create(&o, &s);
        arena_fault = NULL;
        if (code == STATUS_OK) {
            store_destroy(&s);
            break;
        }
        cr_assert_eq(code, STATUS_NO_MEMORY);
        cr_assert_null(s);
    }
    cr_assert_gt(n, 1);
}

/* One shard's worth of ids, so that few records reach every kind of allocation. */
static size_t ids_of_shard(const store *s, unsigned shard, subject_id *ids, size_t n) {
    size_t count = 0;
    for (uint64_t i = 0; count < n; i++) {
        subject_id id = fixture_id(i);
        if (store_shard_of(store_hash(s, &id)) == shard) ids[count++] = id;
    }
    return count;
}

Test(store, a_failed_allocation_changes_nothing) {
    enum { N = 400 };
    static subject_id ids[N];
    long failures = 0, passes = 0;
    for (long nth = 0; passes < 1; nth++) {
        store *s = fixture_store(384, 10000);
        ids_of_shard(s, 7, ids, N);
        allocations_left = nth;
        arena_fault = fail_once;
        bool failed = false;
        for (size_t i = 0; i < N; i++) {
            fixture_record r, got;
            fixture_make(&r, 384, &ids[i], 1, i);
            status code = store_write(s, &r);
            if (code != STATUS_OK) {
                cr_assert_eq(code, STATUS_NO_MEMORY);
                cr_assert_eq(store_count(s), i);
                cr_assert_not(store_read(s, &ids[i], &got));
                fixture_check(s);
                failed = true;
                cr_assert_eq(store_write(s, &r), STATUS_OK); /* memory is back */
            }
        }
        arena_fault = NULL;
        failures += failed;
        passes += allocations_left >= 0;
        cr_assert_eq(store_count(s), N);
        for (size_t i = 0; i < N; i++) {
            fixture_record got;
            cr_assert(store_read(s, &ids[i], &got) && got.words[2] == i && fixture_whole(&got, 384));
        }
        fixture_check(s);
        store_destroy(&s);
        cr_assert_lt(nth, 1000);
    }
    cr_assert_gt(failures, 5);
}

Test(store, without_memory_for_growth_the_index_is_filled_to_the_last_place) {
    enum { N = 300 };
    static subject_id ids[N];
    store *s = fixture_store(64, 10000);
    ids_of_shard(s, 200, ids, N);
    cr_assert_eq(store_reserve(s, 200, 160), STATUS_OK); /* 16 buckets of 12 */
    fixture_record r;
    fixture_make(&r, 64, &ids[0], 1, 0);
    cr_assert_eq(store_write(s, &r), STATUS_OK); /* takes the block */
    arena_fault = fail_from_then_on;
    allocations_left = 0;
    size_t n = 1;
    status code = STATUS_OK;
    for (; n < N; n++) {
        fixture_make(&r, 64, &ids[n], 1, n);
        if ((code = store_write(s, &r)) != STATUS_OK) break;
        if (n % 16 == 0) fixture_check(s);
    }
    cr_assert_eq(code, STATUS_NO_MEMORY);
    cr_assert_eq(n, 16 * 12);
    fixture_check(s);
    for (size_t i = 0; i < N; i++) cr_assert_eq(store_read(s, &ids[i], &r), i < n);
    static fixture_record out[N];
    static bool found[N];
    cr_assert_eq(store_read_batch(s, ids, sizeof ids[0], N, out, sizeof out[0], found), n);
    /* full to the last place, an update and a removal still work */
    fixture_make(&r, 64, &ids[5], 2, 5);
    cr_assert_eq(store_write(s, &r), STATUS_OK);
    for (size_t i = 0; i < n; i += 2) cr_assert(store_remove(s, &ids[i]));
    fixture_check(s);
    arena_fault = NULL;
    for (size_t i = 0; i < N; i++) {
        fixture_make(&r, 64, &ids[i], 3, i);
        cr_assert_eq(store_write(s, &r), STATUS_OK);
    }
    cr_assert_eq(store_count(s), N);
    fixture_check(s);
    store_destroy(&s);
}

Test(store, reserved_shards_do_not_grow) {
    enum { N = 40000 };
    store *s = fixture_store(64, N);
    size_t per_shard[LIMIT_SHARDS] = {0};
    for (uint64_t i = 0; i < N; i++) {
        subject_id id = fixture_id(i);
        per_shard[store_shard_of(store_hash(s, &id))]++;
    }
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) {
        cr_assert_eq(store_reserve(s, i, 0), STATUS_OK);
        cr_assert_eq(store_reserve(s, i, per_shard[i]), STATUS_OK);
    }
    for (uint64_t i = 0; i < N / 2; i++) write_one(s, 64, i, 1, i);
    cr_assert_eq(stats_of(s).growths, 0);
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) cr_assert_eq(store_reserve(s, i, 1), STATUS_OK); /* there is room */
    for (uint64_t i = N / 2; i < N; i++) write_one(s, 64, i, 1, i);
    cr_assert_eq(stats_of(s).growths, 0);
    for (uint64_t i = 0; i < N; i++) expect(s, 64, i, 1, i);
    fixture_check(s);
    cr_assert_neq(store_reserve(s, 3, SIZE_MAX), STATUS_OK);
    cr_assert_neq(store_reserve(s, 3, UINT32_MAX), STATUS_OK);
    fixture_check(s);
    store_destroy(&s);
}

typedef struct loader {
    store *s;
    unsigned first_shard, shards;
    uint64_t records;
    status code;
} loader;

static void *load_some(void *argument) {
    loader *l = argument;
    for (unsigned i = 0; i < l->shards && l->code == STATUS_OK; i++)
        l->code = store_reserve(l->s, l->first_shard + i, (size_t)(l->records / LIMIT_SHARDS / 2));
    for (uint64_t i = 0; i < l->records && l->code == STATUS_OK; i++) {
        fixture_record r;
        subject_id id = fixture_id(i);
        unsigned shard = store_shard_of(store_hash(l->s, &id));
        if (shard < l->first_shard || shard >= l->first_shard + l->shards) continue;
        fixture_make(&r, 64, &id, 1, i);
        l->code = store_load(l->s, &r);
    }
    return NULL;
}

Test(store, threads_load_different_shards) {
    const uint64_t n = FIXTURE_SLOW ? 30000 : 200000;
    store *s = fixture_store(64, (uint32_t)n);
    loader loaders[3] = {{s, 0, 100, n, STATUS_OK}, {s, 100, 100, n, STATUS_OK}, {s, 200, 56, n, STATUS_OK}};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) cr_assert_eq(pthread_create(&threads[i], NULL, load_some, &loaders[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(loaders[i].code, STATUS_OK);
    }
    cr_assert_eq(store_count(s), n);
    for (uint64_t i = 0; i < n; i++) expect(s, 64, i, 1, i);
    fixture_check(s);
    store_destroy(&s);
}

Test(store, may_be_destroyed_while_old_indexes_wait) {
    for (int i = 0; i < (FIXTURE_SLOW ? 3 : 20); i++) {
        store *s = fixture_store(64, 20000);
        for (uint64_t n = 0; n < 20000; n++) write_one(s, 64, n, 1, n);
        cr_assert_gt(stats_of(s).growths, 256);
        store_destroy(&s);
    }
    rcu_drain();
}

static size_t resident_bytes(void) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert(f != NULL && fscanf(f, "%*u %lu", &pages) == 1);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

Test(store, memory_a_subject_is_bounded) {
    static const uint64_t counts[] = {1000, 1000000, 3000000};
    static const double most[] = {8192, 100, 80};
    for (size_t c = 0; c < (FIXTURE_SLOW ? 1 : 3); c++) {
        size_t before = resident_bytes();
        store *s = fixture_store(64, (uint32_t)counts[c]);
        size_t peak = 0;
        for (uint64_t i = 0; i < counts[c]; i++) {
            write_one(s, 64, i, 1, i);
            if (i % 65536 == 0 && resident_bytes() - before > peak) peak = resident_bytes() - before;
        }
        rcu_drain();
        size_t now = resident_bytes() - before;
        store_stats stats = stats_of(s);
        double each = (double)now / (double)counts[c];
        fprintf(stderr,
                "%llu records: %.1f bytes each resident, index %.1f by its own account, peak while filling %.1f\n",
                (unsigned long long)counts[c], each, (double)stats.index_bytes / (double)counts[c],
                (double)peak / (double)counts[c]);
        if (!FIXTURE_SLOW) {
            cr_assert_lt(each, most[c]);
            if (c > 0) cr_assert_lt((double)peak, 1.3 * (double)now);
        }
        cr_assert_eq(stats.records, counts[c]);
        store_destroy(&s);
    }
}

/* ---------------------------------------------------------------- parts */

Test(store_index, tags_are_matched_exactly) {
    uint64_t random = 1;
    for (int round = 0; round < 100000; round++) {
        uint8_t tags[16];
        for (int i = 0; i < 16; i++) tags[i] = (uint8_t)(fixture_random(&random) % (round % 2 ? 3 : 256));
        if (round % 3 == 0) tags[round % 16] = (uint8_t)(0x80 - round % 2); /* neighbours of the sign */
        uint64_t low = 0, high = 0;
        for (int i = 7; i >= 0; i--) {
            low = low << 8 | tags[i];
            high = high << 8 | tags[8 + i];
        }
        uint8_t tag = tags[fixture_random(&random) % 16];
        if (round % 5 == 0) tag = (uint8_t)(tag ^ 1);
        unsigned want = 0;
        for (unsigned i = 0; i < 12; i++) want |= (unsigned)(tags[i] == tag) << i;
        cr_assert_eq(store_index_match(low, high, tag), want);
        cr_assert_eq(store_index_match_portable(low, high, tag), want);
    }
}

Test(store_index, sizes_leave_room) {
    for (uint64_t entries = 1; entries < 100000; entries++) {
        uint64_t buckets = store_index_buckets_for(entries);
        cr_assert_geq(store_index_limit(buckets), entries);
        cr_assert_leq(buckets, entries / 5 + 260);
    }
}

Test(arena, blocks_are_zero_distinct_and_taken_again) {
    arena *a;
    cr_assert_eq(arena_create(4096, 1000, &a), STATUS_OK);
    uint32_t block, first = UINT32_MAX;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(arena_take(a, &block), STATUS_OK);
        if (i == 0) first = block;
        uint8_t *bytes = arena_base(a) + (size_t)block * 4096;
        for (int b = 0; b < 4096; b++) cr_assert_eq(bytes[b], 0);
        memset(bytes, 0xA5, 4096);
    }
    cr_assert_eq(arena_take(a, &block), STATUS_CAPACITY);
    arena_give(a, 17);
    arena_give(a, first);
    cr_assert_eq(arena_get_use(a).idle, 2);
    cr_assert(arena_take(a, &block) == STATUS_OK && block == first);
    cr_assert(arena_take(a, &block) == STATUS_OK && block == 17);
    cr_assert_eq(arena_take(a, &block), STATUS_CAPACITY);
    cr_assert_eq(arena_get_use(a).taken, 1000);
    arena_drop(arena_hold(a));
    arena_drop(a);
    /* 16 TiB of address space cost nothing; the sanitizers have only less */
    cr_assert_eq(arena_create(4096, FIXTURE_SLOW ? 1u << 24 : UINT32_MAX - 1, &a), STATUS_OK);
    cr_assert_eq(arena_take(a, &block), STATUS_OK);
    arena_drop(a);
}
