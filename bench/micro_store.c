/* What a lookup costs, beside what the memory of this machine allows.
 *
 *     micro_store [--records N] [--lookups N] [--record-size BYTES]
 *
 * Fills a store, then looks up random keys (all present; and a part absent), one at a time and in batches, on one
 * core. Keys are computed, not read from a table, so that only the store is in the caches; what computing them costs
 * is measured alone and printed. The limit is measured over an array of the size of the records: random dependent
 * loads (each address comes from the load before), random independent ones, prefetched in groups as a batch is, and the
 * bare shape of a batched lookup: a line of a table of the size of the index, then the line of the array that it leads
 * to. Memory is the growth of the process's resident set. The last part loads a second store as recovery does, shard
 * by shard into reserved indexes. */
#include "base/check.h"
#include "base/clock.h"
#include "base/rcu.h"
#include "engine/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH 128u

typedef struct options {
    uint64_t records, lookups, record_size;
} options;

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);
static inline uint64_t random_next(void) { /* xorshift64* */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}
static inline uint64_t random_below(uint64_t n) { return (uint64_t)(((unsigned __int128)random_next() * n) >> 64); }

/* Distinct ids of no person: division 530000 and a number instead of a date. */
static inline subject_id key_of(uint64_t i) {
    uint64_t number = UINT64_C(53000000000000000) + i;
    subject_id id = {{SUBJECT_PERSON}};
    for (int b = 11; b > 3; b--, number >>= 8) id.bytes[b] = (uint8_t)number;
    return id;
}

static size_t resident_bytes(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    CHECK(f != NULL && fscanf(f, "%*u %lu", &pages) == 1);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static volatile uint64_t sink;

static double ns_each(uint64_t begin, uint64_t count) { return (double)(clock_mono_ns() - begin) / (double)count; }

static void report(const char *what, double ns) { printf("%-44s %8.1f ns %8.2f M/s\n", what, ns, 1e3 / ns); }

static void fill(store *s, const options *o) {
    uint64_t record[STORE_RECORD_MAX / 8] = {0};
    uint64_t begin = clock_mono_ns(), slowest = 0;
    for (uint64_t i = 0; i < o->records; i++) {
        subject_id id = key_of(i);
        uint32_t seq = 2;
        memcpy(record, &id, sizeof id);
        memcpy((uint8_t *)record + sizeof id, &seq, sizeof seq);
        record[2] = i;
        if (i % 16 == 0) {
            uint64_t before = clock_mono_ns();
            CHECK(store_write(s, record) == STATUS_OK);
            uint64_t took = clock_mono_ns() - before;
            if (took > slowest) slowest = took;
        } else {
            CHECK(store_write(s, record) == STATUS_OK);
        }
    }
    report("insert, growing from nothing", ns_each(begin, o->records));
    printf("%-44s %8.1f us\n", "slowest insert seen (1 in 16 timed)", (double)slowest / 1e3);
}

static void report_memory(store *s, const options *o, size_t resident_before) {
    rcu_drain();
    store_stats stats;
    store_get_stats(s, &stats);
    double n = (double)o->records;
    printf("%-44s %8.2f bytes\n", "memory a subject, resident", (double)(resident_bytes() - resident_before) / n);
    printf("%-44s %8.2f bytes\n", "  by the store's account: records", (double)stats.arena_bytes / n);
    printf("%-44s %8.2f bytes\n", "  by the store's account: index", (double)stats.index_bytes / n);
    printf("%-44s %8.2f %%\n", "load of the index", 100 * n / (12.0 * (double)stats.buckets));
    printf("%-44s %8.2f %%\n", "records outside their home bucket", 100 * (double)stats.overflowed / n);
    printf("%-44s %8" PRIu64 "\n", "indexes replaced by growth", stats.growths);
}

/* Recovery reads the records of a shard together; here they are sorted by shard first. */
static double measure_recovery(const store_options *so, const options *o) {
    store *s;
    CHECK(store_create(so, &s) == STATUS_OK);
    uint32_t *order = malloc(o->records * sizeof *order);
    CHECK(order != NULL);
    size_t first[257] = {0}, next[256];
    for (uint64_t i = 0; i < o->records; i++) {
        subject_id id = key_of(i);
        first[store_shard_of(store_hash(s, &id)) + 1]++;
    }
    for (unsigned shard = 0; shard < 256; shard++) {
        first[shard + 1] += first[shard];
        next[shard] = first[shard];
    }
    for (uint64_t i = 0; i < o->records; i++) {
        subject_id id = key_of(i);
        order[next[store_shard_of(store_hash(s, &id))]++] = (uint32_t)i;
    }
    uint64_t record[STORE_RECORD_MAX / 8] = {0}, begin = clock_mono_ns();
    for (unsigned shard = 0; shard < 256; shard++) {
        CHECK(store_reserve(s, shard, first[shard + 1] - first[shard]) == STATUS_OK);
        for (size_t i = first[shard]; i < first[shard + 1]; i++) {
            subject_id id = key_of(order[i]);
            uint32_t seq = 2;
            memcpy(record, &id, sizeof id);
            memcpy((uint8_t *)record + sizeof id, &seq, sizeof seq);
            CHECK(store_load(s, record) == STATUS_OK);
        }
    }
    double ns = ns_each(begin, o->records);
    CHECK(store_count(s) == o->records);
    free(order);
    store_destroy(&s);
    return ns;
}

static double measure_single(const store *s, const options *o, uint64_t span) {
    uint64_t out[STORE_RECORD_MAX / 8], hits = 0, begin = clock_mono_ns();
    for (uint64_t i = 0; i < o->lookups; i++) {
        subject_id id = key_of(random_below(span));
        if (store_read(s, &id, out)) hits += out[2] != UINT64_MAX;
    }
    double ns = ns_each(begin, o->lookups);
    sink = hits;
    CHECK(span > o->records || hits == o->lookups);
    return ns;
}

/* With no store only the keys are made. */
static double measure_batched(const store *s, const options *o, uint64_t span) {
    static subject_id keys[BATCH];
    static uint8_t out[BATCH * STORE_RECORD_MAX];
    static bool found[BATCH];
    uint64_t hits = 0, rounds = o->lookups / BATCH, begin = clock_mono_ns();
    for (uint64_t r = 0; r < rounds; r++) {
        for (unsigned i = 0; i < BATCH; i++) keys[i] = key_of(random_below(span));
        if (s != NULL)
            hits += store_read_batch(s, keys, sizeof keys[0], BATCH, out, o->record_size, found);
        else
            for (unsigned i = 0; i < BATCH; i++) hits += keys[i].bytes[11];
    }
    double ns = ns_each(begin, rounds * BATCH);
    sink = hits;
    CHECK(s == NULL || span > o->records || hits == rounds * BATCH);
    return ns;
}

static double measure_updates(store *s, const options *o) {
    uint64_t record[STORE_RECORD_MAX / 8] = {0}, count = o->lookups / 8, begin = clock_mono_ns();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = random_below(o->records);
        subject_id id = key_of(number);
        uint32_t seq = (uint32_t)(4 + i) << 1;
        memcpy(record, &id, sizeof id);
        memcpy((uint8_t *)record + sizeof id, &seq, sizeof seq);
        record[2] = number;
        CHECK(store_write(s, record) == STATUS_OK);
    }
    return ns_each(begin, count);
}

/* The lines of the array form one random cycle, for the dependent loads. */
static void measure_limit(const options *o) {
    uint64_t lines = o->records * o->record_size / 64, bytes = lines * 64;
    uint64_t *array = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(array != MAP_FAILED);
    (void)madvise(array, bytes, MADV_HUGEPAGE);
    for (uint64_t i = 0; i < lines; i++) array[i * 8] = i;
    for (uint64_t i = lines - 1; i > 0; i--) { /* Sattolo's shuffle */
        uint64_t j = random_below(i), swap = array[i * 8];
        array[i * 8] = array[j * 8];
        array[j * 8] = swap;
    }
    uint64_t at = 0, count = o->lookups / 8, begin = clock_mono_ns();
    for (uint64_t i = 0; i < count; i++) at = array[at * 8];
    sink = at;
    report("limit: dependent random load", ns_each(begin, count));

    uint64_t sum = 0, where[64];
    begin = clock_mono_ns();
    for (uint64_t r = 0; r < o->lookups / 64; r++) {
        for (unsigned i = 0; i < 64; i++) {
            where[i] = random_below(lines) * 8;
            __builtin_prefetch(&array[where[i]]);
        }
        for (unsigned i = 0; i < 64; i++) sum += array[where[i]];
    }
    sink = sum;
    report("limit: independent random load, prefetched", ns_each(begin, o->lookups / 64 * 64));

    uint64_t table = lines / 10 + 1; /* the first part of the array stands for the index */
    begin = clock_mono_ns();
    for (uint64_t r = 0; r < o->lookups / 64; r++) {
        for (unsigned i = 0; i < 64; i++) {
            where[i] = random_below(table) * 8;
            __builtin_prefetch(&array[where[i]]);
        }
        for (unsigned i = 0; i < 64; i++) {
            where[i] = array[where[i]] * 8; /* the cycle is random: any line follows */
            __builtin_prefetch(&array[where[i]]);
        }
        for (unsigned i = 0; i < 64; i++) sum += array[where[i]];
    }
    sink = sum;
    report("limit: two such loads, one after the other", ns_each(begin, o->lookups / 64 * 64));
    munmap(array, bytes);
}

static uint64_t number_after(const char *text, uint64_t least, uint64_t most, uint64_t *out) {
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < least || n > most) return 0;
    *out = n;
    return n;
}

static bool parse(int argc, char **argv, options *o) {
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) return false;
        uint64_t given = 0;
        if (strcmp(argv[i], "--records") == 0)
            given = number_after(argv[i + 1], 1000, STORE_RECORDS_MAX, &o->records);
        else if (strcmp(argv[i], "--lookups") == 0)
            given = number_after(argv[i + 1], 1000, UINT64_C(1) << 40, &o->lookups);
        else if (strcmp(argv[i], "--record-size") == 0)
            given = number_after(argv[i + 1], 64, STORE_RECORD_MAX, &o->record_size);
        if (given == 0) return false;
    }
    return o->record_size % 64 == 0;
}

int main(int argc, char **argv) {
    options o = {.records = 5000000, .lookups = 20000000, .record_size = 64};
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: %s [--records 1000..] [--lookups 1000..] [--record-size 64..%d, a multiple of 64]\n",
                argv[0], STORE_RECORD_MAX);
        return 2;
    }
    store *s;
    store_options so = {.record_size = o.record_size, .max_records = (uint32_t)o.records, .seed = 20261124};
    size_t resident_before = resident_bytes();
    if (store_create(&so, &s) != STATUS_OK) {
        fprintf(stderr, "%s: no address space for %" PRIu64 " records\n", argv[0], o.records);
        return 1;
    }
    printf("%" PRIu64 " records of %" PRIu64 " bytes, %" PRIu64 " lookups, one thread\n", o.records, o.record_size,
           o.lookups);
    fill(s, &o);
    report_memory(s, &o, resident_before);
    report("making a key (in the numbers below)", measure_batched(NULL, &o, o.records));
    report("lookup, one at a time", measure_single(s, &o, o.records));
    report("lookup, batches of 128", measure_batched(s, &o, o.records));
    report("lookup, batches of 128, half absent", measure_batched(s, &o, 2 * o.records));
    report("replace", measure_updates(s, &o));
    store_destroy(&s);
    report("load shard by shard, reserved", measure_recovery(&so, &o));
    measure_limit(&o);
    return 0;
}
