/* Zipf against the definition, picks against the sample, the schedule against its arithmetic. */
#include "bench/keys.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double harmonic(uint32_t n, double theta) {
    double sum = 0;
    for (uint32_t i = n; i > 0; i--) sum += pow(i, -theta);
    return sum;
}

/* The probability of a rank, read off the table itself: no sampling error. */
static double probability(const zipf *z, uint32_t rank) {
    double sum = 0;
    for (uint32_t c = 0; c < z->n; c++) {
        double keep = z->columns[c].alias == c ? 1.0 : z->columns[c].keep / 4294967296.0;
        if (c == rank) sum += keep;
        if (z->columns[c].alias == rank && c != rank) sum += 1.0 - keep;
    }
    return sum / z->n;
}

Test(zipf, table_is_exact) {
    static const double thetas[] = {0.0, 0.5, 0.99, 1.0, 1.2, 3.0};
    static const uint32_t sizes[] = {1, 2, 3, 10, 257, 1000};
    for (size_t t = 0; t < sizeof thetas / sizeof *thetas; t++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            zipf z;
            cr_assert_eq(zipf_init(&z, sizes[s], thetas[t]), STATUS_OK);
            double total = harmonic(sizes[s], thetas[t]), sum = 0;
            for (uint32_t r = 0; r < sizes[s]; r++) {
                double expected = pow(r + 1.0, -thetas[t]) / total, got = probability(&z, r);
                sum += got;
                cr_assert_lt(fabs(got - expected), 1e-8, "n %u theta %g rank %u: %.12f, expected %.12f", sizes[s],
                             thetas[t], r, got, expected);
            }
            cr_assert_lt(fabs(sum - 1.0), 1e-9);
            zipf_deinit(&z);
        }
    }
}

/* A million picks: the head within five standard deviations, every rank in range. */
Test(zipf, picks_follow_the_table) {
    enum { N = 100000, PICKS = 1000000 };
    zipf z;
    cr_assert_eq(zipf_init(&z, N, 0.99), STATUS_OK);
    uint32_t *seen = calloc(N, sizeof *seen);
    cr_assert_not_null(seen);
    prng p;
    prng_init(&p, 20261124, 0);
    for (int i = 0; i < PICKS; i++) {
        uint32_t r = zipf_pick(&z, prng_next(&p));
        cr_assert_lt(r, N);
        seen[r]++;
    }
    double total = harmonic(N, 0.99);
    for (uint32_t r = 0; r < 50; r++) {
        double mean = PICKS * pow(r + 1.0, -0.99) / total;
        cr_assert_lt(fabs(seen[r] - mean), 5 * sqrt(mean), "rank %u: %u, expected %.0f", r, seen[r], mean);
    }
    free(seen);
    zipf_deinit(&z);
}

Test(zipf, ends_of_the_random_range) {
    zipf z;
    cr_assert_eq(zipf_init(&z, 7, 1.0), STATUS_OK);
    cr_assert_lt(zipf_pick(&z, 0), 7);
    cr_assert_lt(zipf_pick(&z, UINT64_MAX), 7);
    zipf_deinit(&z);
    cr_assert_null(z.columns);
    cr_assert_eq(zipf_init(&z, 1, 2.0), STATUS_OK);
    cr_assert_eq(zipf_pick(&z, UINT64_MAX), 0);
    zipf_deinit(&z);
}

static xinyi_subject numbered(uint32_t i) {
    xinyi_subject s = {{1}};
    memcpy(s.bytes + 4, &i, sizeof i);
    return s;
}

static uint32_t number_of(const xinyi_subject *s) {
    uint32_t i;
    memcpy(&i, s->bytes + 4, sizeof i);
    return i;
}

Test(keys, same_seed_same_keys_other_stream_others) {
    enum { N = 1000, PICKS = 333 };
    xinyi_subject sample[N], a[PICKS], b[PICKS], c[PICKS];
    for (uint32_t i = 0; i < N; i++) sample[i] = numbered(i);
    prng p, q, r;
    prng_init(&p, 7, 0);
    prng_init(&q, 7, 0);
    prng_init(&r, 7, 1);
    keys_pick(&p, NULL, sample, N, a, PICKS);
    for (size_t i = 0; i < PICKS; i += 111) keys_pick(&q, NULL, sample, N, b + i, 111);
    keys_pick(&r, NULL, sample, N, c, PICKS);
    cr_assert_arr_eq(a, b, sizeof a);
    cr_assert_arr_neq(a, c, sizeof a);
}

Test(keys, uniform_reaches_everything_evenly) {
    enum { N = 100, PICKS = 100000 };
    xinyi_subject sample[N];
    static xinyi_subject picked[PICKS];
    unsigned seen[N] = {0};
    for (uint32_t i = 0; i < N; i++) sample[i] = numbered(i);
    prng p;
    prng_init(&p, 3, 0);
    keys_pick(&p, NULL, sample, N, picked, PICKS);
    for (size_t i = 0; i < PICKS; i++) seen[number_of(&picked[i])]++;
    for (uint32_t i = 0; i < N; i++) cr_assert(seen[i] > 840 && seen[i] < 1160, "%u: %u", i, seen[i]);
}

Test(keys, zipf_picks_by_rank) {
    enum { N = 1000, PICKS = 50000 };
    xinyi_subject sample[N];
    static xinyi_subject picked[PICKS];
    unsigned first = 0, last = 0;
    for (uint32_t i = 0; i < N; i++) sample[i] = numbered(i);
    zipf z;
    cr_assert_eq(zipf_init(&z, N, 1.0), STATUS_OK);
    prng p;
    prng_init(&p, 3, 0);
    keys_pick(&p, &z, sample, N, picked, PICKS);
    for (size_t i = 0; i < PICKS; i++) {
        first += number_of(&picked[i]) == 0;
        last += number_of(&picked[i]) == N - 1;
    }
    double mean = PICKS / harmonic(N, 1.0);
    cr_assert_lt(fabs(first - mean), 5 * sqrt(mean), "%u, expected %.0f", first, mean);
    cr_assert_lt(last, 40);
    zipf_deinit(&z);
}

Test(keys, shuffle_is_a_permutation_of_its_seed) {
    enum { N = 1000 };
    xinyi_subject a[N], b[N], c[N];
    bool seen[N] = {false};
    unsigned moved = 0;
    for (uint32_t i = 0; i < N; i++) a[i] = b[i] = c[i] = numbered(i);
    keys_shuffle(a, N, 5);
    keys_shuffle(b, N, 5);
    keys_shuffle(c, N, 6);
    cr_assert_arr_eq(a, b, sizeof a);
    cr_assert_arr_neq(a, c, sizeof a);
    for (uint32_t i = 0; i < N; i++) {
        cr_assert(!seen[number_of(&a[i])]);
        seen[number_of(&a[i])] = true;
        moved += number_of(&a[i]) != i;
    }
    cr_assert_gt(moved, 900);
    keys_shuffle(a, 0, 1);
    keys_shuffle(a, 1, 1);
}

/* Two threads of 2 and 3 connections together are one schedule: each moment once, in each thread in order. */
Test(schedule, parts_make_a_whole) {
    enum { REQUESTS = 5000 };
    const uint64_t start = UINT64_C(1000000000000);
    schedule parts[2];
    schedule_init(&parts[0], start, 1000, 5, 0, 2);
    schedule_init(&parts[1], start, 1000, 5, 2, 3);
    static bool taken[REQUESTS];
    for (int t = 0; t < 2; t++) {
        uint64_t rounds[3] = {0}, slot, last = 0;
        while (schedule_next(&parts[t]) < start + REQUESTS * UINT64_C(1000000)) {
            uint64_t due = schedule_next(&parts[t]);
            cr_assert(due > last);
            last = due;
            cr_assert(!schedule_take(&parts[t], due - 1, &slot), "not before it is due");
            cr_assert(schedule_take(&parts[t], due, &slot));
            cr_assert_lt(slot, t == 0 ? 2 : 3);
            cr_assert_eq(schedule_at(&parts[t], rounds[slot]++, slot), due);
            uint64_t k = (due - start) / 1000000;
            cr_assert_eq((due - start) % 1000000, 0);
            cr_assert_eq(k % 5, slot + (t == 0 ? 0 : 2));
            cr_assert(!taken[k]);
            taken[k] = true;
        }
    }
    for (int k = 0; k < REQUESTS; k++) cr_assert(taken[k], "%d", k);
}

/* An interval that is no whole number of nanoseconds must not add up to a drift: 7 million a second for a day. */
Test(schedule, does_not_drift) {
    schedule s;
    schedule_init(&s, 0, 7e6, 50, 0, 50);
    uint64_t rounds = UINT64_C(7000000) * 86400 / 50;
    int64_t off = (int64_t)schedule_at(&s, rounds, 0) - INT64_C(86400000000000);
    cr_assert(off >= -1 && off <= 1, "%lld ns", (long long)off);
}

/* After a stall everything that was due comes at once, with the moments it was due. */
Test(schedule, catches_up_without_forgetting) {
    schedule s;
    schedule_init(&s, 500, 1e6, 4, 0, 4);
    uint64_t slot, n = 0;
    while (schedule_take(&s, 500 + 10000000, &slot)) n++;
    cr_assert_eq(n, 10001);
    cr_assert_eq(schedule_next(&s), 500 + 10001 * 1000);
}
