/* Helpers of the engine's tests: subjects that exist nowhere, a small random generator with a printed seed. */
#ifndef XINYI_TESTS_ENGINE_HELP_H
#define XINYI_TESTS_ENGINE_HELP_H

#include "base/clock.h"
#include "base/subject.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The n-th person of division 530000, which no county issues: 1,000 a day from 1950-01-01. */
static inline subject_id help_subject(uint32_t n) {
    int year, month, day;
    clock_date_from_day(clock_day_from_date(1950, 1, 1) + (int32_t)(n / 1000), &year, &month, &day);
    uint64_t date = (uint64_t)year * 10000 + (uint64_t)month * 100 + (uint64_t)day;
    uint64_t number = UINT64_C(53000000000000000) + date * 1000 + n % 1000;
    subject_id id = {{SUBJECT_PERSON}};
    for (unsigned i = 0; i < 8; i++) id.bytes[11 - i] = (uint8_t)(number >> (8 * i));
    return id;
}

/* XINYI_SEED, or a new one; printed, so that a failure can be repeated. */
static inline uint64_t help_seed(const char *test) {
    const char *given = getenv("XINYI_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)clock_wall_ms() * 0x9E3779B97F4A7C15u;
    fprintf(stderr, "%s: XINYI_SEED=0x%llx\n", test, (unsigned long long)seed);
    return seed;
}

/* splitmix64 */
static inline uint64_t help_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline uint32_t help_below(uint64_t *state, uint32_t n) { return (uint32_t)(help_random(state) >> 32) % n; }

#endif
