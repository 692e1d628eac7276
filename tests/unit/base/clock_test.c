#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

Test(clock, every_day_of_four_centuries_comes_back) {
    int32_t expected = clock_day_from_date(1900, 1, 1);
    for (int y = 1900; y < 2300; y++)
        for (int m = 1; m <= 12; m++)
            for (int d = 1; clock_date_exists(y, m, d); d++, expected++) {
                cr_assert_eq(clock_day_from_date(y, m, d), expected);
                int yy, mm, dd;
                clock_date_from_day(expected, &yy, &mm, &dd);
                cr_assert(yy == y && mm == m && dd == d);
            }
}

Test(clock, known_days) {
    cr_assert_eq(clock_day_from_date(1970, 1, 1), 0);
    cr_assert_eq(clock_day_from_date(2000, 3, 1), 11017);
    cr_assert(clock_date_exists(2000, 2, 29));
    cr_assert_not(clock_date_exists(1900, 2, 29));
    cr_assert_not(clock_date_exists(1985, 2, 29));
}

Test(clock, the_day_turns_at_midnight_in_china) {
    int32_t day = clock_day_from_date(2026, 11, 24);
    int64_t begins = clock_ms_of_day(day);
    cr_assert_eq(begins, INT64_C(1795449600000)); /* 2026-11-23T16:00:00Z */
    cr_assert_eq(clock_day_of_ms(begins), day);
    cr_assert_eq(clock_day_of_ms(begins - 1), day - 1);
    cr_assert_eq(clock_day_of_ms(-1), 0); /* already 08:00 of 1970-01-01 */
    char text[CLOCK_TIME_TEXT];
    cr_assert_str_eq(clock_format_ms(begins - 1, text), "2026-11-23T23:59:59.999+08:00");
    cr_assert_str_eq(clock_format_ms(INT64_MAX, text), clock_format_ms(INT64_C(1) << 54, (char[CLOCK_TIME_TEXT]){0}));
    cr_assert_eq(clock_format_ms(INT64_MIN, text)[0], '-');
}

Test(clock, months_are_added_with_the_last_day_clamped) {
    int32_t jan31 = clock_day_from_date(2027, 1, 31);
    cr_assert_eq(clock_add_months(jan31, 1), clock_day_from_date(2027, 2, 28));
    cr_assert_eq(clock_add_months(jan31, 13), clock_day_from_date(2028, 2, 29));
    cr_assert_eq(clock_add_months(jan31, -2), clock_day_from_date(2026, 11, 30));
    cr_assert_eq(clock_add_months(jan31, -13), clock_day_from_date(2025, 12, 31));
}

Test(clock, dates_are_parsed_strictly) {
    int32_t day;
    cr_assert(clock_parse_day("2026-11-24", 10, &day));
    cr_assert_eq(day, clock_day_from_date(2026, 11, 24));
    static const char *const bad[] = {"2026-11-31", "2026-1-24", "26-11-24",  "2026/11/24",
                                      "2026-11-2x", "",          "0000-01-01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(clock_parse_day(bad[i], strlen(bad[i]), &day), "%s", bad[i]);
}
