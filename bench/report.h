/* What a run found, for people, for programs, and as a file of percentiles. One thread. */
#ifndef XINYI_BENCH_REPORT_H
#define XINYI_BENCH_REPORT_H

#include "bench/load.h"
#include "bench/options.h"

#include <stdbool.h>
#include <stdint.h>

/* The sample the run asked about. */
typedef struct report_sample {
    uint32_t count;
    uint64_t population;
} report_sample;

/* Both write to stdout; false if that failed. */
bool report_table(const bench_options *o, const report_sample *sample, const load_result *r);
bool report_json(const bench_options *o, const report_sample *sample, const load_result *r);
/* Percentile, latency in µs, count up to it: one line a step, finer towards the end. False, with a message, if the file
 * cannot be written. */
bool report_histogram(const char *path, const bench_options *o, const load_result *r);

#endif
