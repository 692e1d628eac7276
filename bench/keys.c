/* Picks must cost the generator less than the server spends on an answer (some 100 ns), so they are table look-ups
 * whose cache misses overlap: numbers first, then prefetch, then copy. The schedule multiplies instead of adding up, so
 * it does not drift: 53 bits hold ten days of nanoseconds exactly. */
#include "bench/keys.h"

#include <math.h>
#include <stdlib.h>

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void prng_init(prng *p, uint64_t seed, uint64_t stream) { p->state = mix(seed) ^ mix(~stream); }

uint64_t prng_next(prng *p) { return mix(p->state += UINT64_C(0x9e3779b97f4a7c15)); }

uint64_t prng_below(prng *p, uint64_t n) { return (uint64_t)(((unsigned __int128)prng_next(p) * n) >> 64); }

/* Vose: columns with less than the mean take the rest from one with more, until all are full. `weight` becomes each
 * column's share in units of the mean. */
static void build_columns(zipf *z, double *weight, uint32_t *stack) {
    uint32_t small = 0, large = z->n; /* two stacks growing towards each other: below `small`, from `large` up */
    for (uint32_t i = 0; i < z->n; i++) {
        if (weight[i] < 1.0)
            stack[small++] = i;
        else
            stack[--large] = i;
    }
    while (small > 0 && large < z->n) {
        uint32_t poor = stack[--small], rich = stack[large];
        z->columns[poor] = (struct zipf_column){.keep = (uint32_t)(weight[poor] * 4294967296.0), .alias = rich};
        weight[rich] -= 1.0 - weight[poor];
        if (weight[rich] < 1.0) {
            large++;
            stack[small++] = rich;
        }
    }
    /* What is left is full up to rounding. */
    while (small > 0) {
        uint32_t i = stack[--small];
        z->columns[i] = (struct zipf_column){.keep = UINT32_MAX, .alias = i};
    }
    for (; large < z->n; large++)
        z->columns[stack[large]] = (struct zipf_column){.keep = UINT32_MAX, .alias = stack[large]};
}

status zipf_init(zipf *z, uint32_t n, double theta) {
    status result = STATUS_NO_MEMORY;
    *z = (zipf){.n = n, .columns = malloc(n * sizeof *z->columns)};
    double *weight = malloc(n * sizeof *weight);
    uint32_t *stack = malloc(n * sizeof *stack);
    if (z->columns == NULL || weight == NULL || stack == NULL) goto out;
    double sum = 0;
    for (uint32_t i = n; i > 0; i--) sum += weight[i - 1] = pow((double)i, -theta); /* smallest first: less rounding */
    for (uint32_t i = 0; i < n; i++) weight[i] *= (double)n / sum;
    build_columns(z, weight, stack);
    result = STATUS_OK;
out:
    free(weight);
    free(stack);
    if (result != STATUS_OK) zipf_deinit(z);
    return result;
}

void zipf_deinit(zipf *z) {
    free(z->columns);
    *z = (zipf){0};
}

/* One multiplication gives the column (above) and where in the column (below). */
uint32_t zipf_pick(const zipf *z, uint64_t random) {
    unsigned __int128 product = (unsigned __int128)random * z->n;
    uint32_t column = (uint32_t)(product >> 64), fraction = (uint32_t)((uint64_t)product >> 32);
    return fraction < z->columns[column].keep ? column : z->columns[column].alias;
}

void keys_shuffle(xinyi_subject *subjects, size_t count, uint64_t seed) {
    prng p;
    prng_init(&p, seed, UINT64_C(0x73687566666c65)); /* a stream that no thread has */
    for (size_t i = count; i > 1; i--) {
        size_t j = prng_below(&p, i);
        xinyi_subject kept = subjects[i - 1];
        subjects[i - 1] = subjects[j];
        subjects[j] = kept;
    }
}

void keys_pick(prng *p, const zipf *z, const xinyi_subject *sample, uint32_t sample_count, xinyi_subject *out,
               size_t n) {
    enum { PASS = 64 };
    uint64_t random[PASS];
    while (n > 0) {
        size_t pass = n < PASS ? n : PASS;
        for (size_t i = 0; i < pass; i++) {
            random[i] = z != NULL ? prng_next(p) : prng_below(p, sample_count);
            if (z != NULL)
                __builtin_prefetch(&z->columns[((unsigned __int128)random[i] * z->n) >> 64]);
            else
                __builtin_prefetch(&sample[random[i]]);
        }
        if (z != NULL) {
            for (size_t i = 0; i < pass; i++) {
                random[i] = zipf_pick(z, random[i]);
                __builtin_prefetch(&sample[random[i]]);
            }
        }
        for (size_t i = 0; i < pass; i++) out[i] = sample[random[i]];
        out += pass;
        n -= pass;
    }
}

void schedule_init(schedule *s, uint64_t start_ns, double requests_per_second, uint64_t connections, uint64_t first,
                   uint64_t count) {
    *s = (schedule){.start_ns = start_ns,
                    .interval_ns = 1e9 / requests_per_second,
                    .connections = connections,
                    .first = first,
                    .count = count};
}

uint64_t schedule_at(const schedule *s, uint64_t round, uint64_t slot) {
    return s->start_ns + (uint64_t)((double)(round * s->connections + s->first + slot) * s->interval_ns);
}

uint64_t schedule_next(const schedule *s) { return schedule_at(s, s->round, s->slot); }

bool schedule_take(schedule *s, uint64_t now_ns, uint64_t *slot) {
    if (schedule_next(s) > now_ns) return false;
    *slot = s->slot++;
    if (s->slot == s->count) {
        s->slot = 0;
        s->round++;
    }
    return true;
}
