#include "base/histogram.h"

#include <criterion/criterion.h>

Test(histogram, empty_has_no_percentile) {
    static histogram h;
    cr_assert_eq(histogram_percentile(&h, 99), 0);
}

Test(histogram, small_values_are_exact) {
    static histogram h;
    for (uint64_t v = 0; v < 64; v++) histogram_add(&h, v);
    cr_assert_eq(histogram_percentile(&h, 50), 31);
    cr_assert_eq(histogram_percentile(&h, 100), 63);
}

Test(histogram, error_is_below_two_percent_at_any_magnitude) {
    for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 + 1) {
        static histogram h;
        h = (histogram){0};
        histogram_add(&h, v);
        histogram_add(&h, UINT64_MAX);
        uint64_t p = histogram_percentile(&h, 50);
        cr_assert_geq(p, v);
        cr_assert_leq((double)(p - v), (double)v * 0.016 + 0.5, "value %llu gives %llu", (unsigned long long)v,
                      (unsigned long long)p);
    }
}

Test(histogram, merge_equals_adding_all_to_one) {
    static histogram a, b, all;
    for (uint64_t v = 1; v < 100000; v += 7) {
        histogram_add(v % 2 ? &a : &b, v * v);
        histogram_add(&all, v * v);
    }
    histogram_merge(&a, &b);
    cr_assert_eq(a.count, all.count);
    cr_assert_eq(a.sum, all.sum);
    cr_assert_eq(a.max, all.max);
    for (double p = 0; p <= 100; p += 0.5) cr_assert_eq(histogram_percentile(&a, p), histogram_percentile(&all, p));
}
