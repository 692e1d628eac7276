#include "base/histogram.h"

static unsigned cell_of(uint64_t value) {
    if (value < HISTOGRAM_STEPS) return (unsigned)value;
    unsigned top = 63u - (unsigned)__builtin_clzll(value);
    unsigned shift = top - HISTOGRAM_STEP_BITS;
    return (shift + 1) * HISTOGRAM_STEPS + (unsigned)((value >> shift) - HISTOGRAM_STEPS);
}

static uint64_t cell_top(unsigned cell) {
    if (cell < HISTOGRAM_STEPS) return cell;
    unsigned shift = cell / HISTOGRAM_STEPS - 1;
    uint64_t base = (uint64_t)(cell % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
    return base + ((UINT64_C(1) << shift) - 1);
}

void histogram_add_many(histogram *h, uint64_t value, uint64_t times) {
    h->cells[cell_of(value)] += times;
    h->count += times;
    h->sum += value * times;
    if (value > h->max) h->max = value;
}

void histogram_add(histogram *h, uint64_t value) { histogram_add_many(h, value, 1); }

void histogram_merge(histogram *into, const histogram *from) {
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max) into->max = from->max;
    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) into->cells[i] += from->cells[i];
}

uint64_t histogram_percentile(const histogram *h, double percent) {
    if (h->count == 0) return 0;
    double wanted = percent / 100.0 * (double)h->count;
    uint64_t rank = (uint64_t)wanted;
    if ((double)rank < wanted || rank == 0) rank++;
    if (rank > h->count) rank = h->count;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += h->cells[i];
        if (seen >= rank) return cell_top(i) < h->max ? cell_top(i) : h->max;
    }
    return h->max;
}
