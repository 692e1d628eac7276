/* Records for the tests of the store: every record carries a checksum over itself, so that a mixture of two is seen. */
#ifndef XINYI_TESTS_ENGINE_STORE_FIXTURE_H
#define XINYI_TESTS_ENGINE_STORE_FIXTURE_H

#include "engine/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define FIXTURE_SLOW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define FIXTURE_SLOW 1
#endif
#endif
#ifndef FIXTURE_SLOW
#define FIXTURE_SLOW 0
#endif

#define FIXTURE_WORDS (STORE_RECORD_MAX / 8)

typedef union fixture_record {
    struct {
        subject_id id;
        uint32_t seq;
    };
    uint64_t words[FIXTURE_WORDS];
} fixture_record;

static inline uint64_t fixture_mix(uint64_t x) { /* splitmix64's finish */
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* Distinct ids of no person: division 530000 and a number instead of a date. */
static inline subject_id fixture_id(uint64_t i) {
    uint64_t number = UINT64_C(53000000000000000) + i;
    subject_id id = {{SUBJECT_PERSON}};
    for (int b = 11; b > 3; b--, number >>= 8) id.bytes[b] = (uint8_t)number;
    return id;
}
static inline uint64_t fixture_number(const subject_id *id) {
    uint64_t number = 0;
    for (int b = 4; b < 12; b++) number = number << 8 | id->bytes[b];
    return number - UINT64_C(53000000000000000);
}

static inline uint64_t fixture_sum(const fixture_record *r, size_t size) {
    uint64_t sum = size;
    for (size_t i = 0; i < size / 8 - 1; i++) sum = fixture_mix(sum ^ r->words[i]);
    return sum;
}

/* The content follows from id, version and `nonce`, which is word 2. */
static inline void fixture_make(fixture_record *r, size_t size, const subject_id *id, uint32_t version,
                                uint64_t nonce) {
    r->id = *id;
    r->seq = version << 1;
    r->words[2] = nonce;
    for (size_t i = 3; i < size / 8 - 1; i++) r->words[i] = fixture_mix(nonce + i);
    r->words[size / 8 - 1] = fixture_sum(r, size);
}
static inline bool fixture_whole(const fixture_record *r, size_t size) {
    return (r->seq & 1) == 0 && r->words[size / 8 - 1] == fixture_sum(r, size);
}

static inline store *fixture_store(size_t record_size, uint32_t max_records) {
    store *s = NULL;
    store_options o = {.record_size = record_size, .max_records = max_records, .seed = 0x5EED};
    cr_assert_eq(store_create(&o, &s), STATUS_OK);
    return s;
}

static inline void fixture_check(const store *s) {
    char problem[200] = "";
    cr_assert(store_check(s, problem, sizeof problem), "%s", problem);
}

/* XINYI_SEED repeats a run; the seed is printed in any case. */
static inline uint64_t fixture_seed(const char *test) {
    const char *given = getenv("XINYI_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec;
    fprintf(stderr, "%s: XINYI_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}
static inline uint64_t fixture_random(uint64_t *state) { return fixture_mix((*state)++); }

#endif
