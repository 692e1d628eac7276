/* What to ask, and when: a fast PRNG, Zipf-distributed picks, the sample of subjects, and the schedule of an open loop.
 * Pure functions over the caller's memory: no clock, no socket. Everything follows from the seed, so that two runs with
 * the same seed and sample ask for the same keys. One thread per prng; a zipf and a sample are shared and constant. */
#ifndef XINYI_BENCH_KEYS_H
#define XINYI_BENCH_KEYS_H

#include "base/status.h"
#include "client/xinyi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------ random numbers */

/* SplitMix64: a counter and a mixer. Any seed is good; about 1 ns a number. Not for secrets. */
typedef struct prng {
    uint64_t state;
} prng;
/* Different streams of one seed are independent for our purposes (one per thread). */
void prng_init(prng *p, uint64_t seed, uint64_t stream);
uint64_t prng_next(prng *p);
/* Uniform in [0, n), n > 0, by multiplication; the bias is below n / 2^64. */
uint64_t prng_below(prng *p, uint64_t n);

/* ------------------------------------------------------------------ Zipf */

/* Rank r (from 0) of n with a probability proportional to 1 / (r + 1)^theta, exactly (up to 2^-32 per rank): an alias
 * table (Walker 1977, built by Vose's method), 8 bytes a rank, two memory accesses and one random number a pick
 * whatever theta is. theta 0 is uniform. */
typedef struct zipf {
    uint32_t n;
    struct zipf_column {
        uint32_t keep;  /* a fraction of 2^32 below this keeps the column … */
        uint32_t alias; /* … else it stands for this rank */
    } * columns;
} zipf;
/* n 1..2^31, theta 0..10. NO_MEMORY. */
status zipf_init(zipf *z, uint32_t n, double theta) MUST_CHECK;
void zipf_deinit(zipf *z);
uint32_t zipf_pick(const zipf *z, uint64_t random);

/* ------------------------------------------------------------------ the sample */

/* Shuffles the sample: neighbours of a walk lie side by side in the server's memory, and hot ranks must not. */
void keys_shuffle(xinyi_subject *subjects, size_t count, uint64_t seed);

/* Picks `n` subjects of the sample; z NULL: uniformly. Works in passes that prefetch, so that the misses of a sample
 * larger than the cache overlap. */
void keys_pick(prng *p, const zipf *z, const xinyi_subject *sample, uint32_t sample_count, xinyi_subject *out,
               size_t n);

/* ------------------------------------------------------------------ open loop */

/* Requests are due at start + k × interval, k = 0, 1, 2 …; request k belongs to connection k mod `connections`. This is
 * the part of it that one thread drives: connections first … first + count - 1, its slots 0 … count - 1. */
typedef struct schedule {
    uint64_t start_ns;
    double interval_ns; /* between two requests of all threads together */
    uint64_t connections, first, count;
    uint64_t round; /* the next request due in this thread: of this round … */
    uint64_t slot;  /* … and this slot */
} schedule;
void schedule_init(schedule *s, uint64_t start_ns, double requests_per_second, uint64_t connections, uint64_t first,
                   uint64_t count);
/* When request number `round` of a slot is due. */
uint64_t schedule_at(const schedule *s, uint64_t round, uint64_t slot);
/* The due time of the next request. */
uint64_t schedule_next(const schedule *s);
/* True, with the slot of the next request, if it is due by now; then it counts as taken. */
bool schedule_take(schedule *s, uint64_t now_ns, uint64_t *slot);

#endif
