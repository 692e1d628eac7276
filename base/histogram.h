/* A log-linear histogram of unsigned values (latencies in nanoseconds): 64 linear steps in each power of two, so a
 * reported percentile is at most 1.6 % above the true value, for any value, in a fixed 30 KiB. Init with {0}.
 * One thread adds; merge copies of threads to read them together. */
#ifndef XINYI_BASE_HISTOGRAM_H
#define XINYI_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_CELLS ((64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS)

typedef struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t cells[HISTOGRAM_CELLS];
} histogram;

void histogram_add(histogram *h, uint64_t value);
void histogram_add_many(histogram *h, uint64_t value, uint64_t times);
void histogram_merge(histogram *into, const histogram *from);
/* The value at or below which `percent` (0–100) of all values lie; the top of its cell, never above max; 0 if empty. */
uint64_t histogram_percentile(const histogram *h, double percent);

#endif
