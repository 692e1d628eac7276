/* The subjects a run asks about: real ones of the server. One thread. */
#ifndef XINYI_BENCH_SAMPLE_H
#define XINYI_BENCH_SAMPLE_H

#include "bench/options.h"
#include "client/xinyi.h"

#include <stdint.h>

typedef struct sample {
    xinyi_subject *subjects; /* owned, shuffled by the seed */
    uint32_t count;
    uint64_t population; /* subjects, or accounts of the power program, the walk met */
} sample;

/* Walks the server's profiles (for quota-check and reserve its guarantee accounts) and keeps o->sample of them, spread
 * evenly over the whole walk: the first ones alone would lie in few shards, and their index would stay in the cache. 0,
 * or an exit code after a message. */
int sample_take(xinyi *x, const bench_options *o, sample *out);
void sample_deinit(sample *s);

#endif
