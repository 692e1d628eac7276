#include "base/clock.h"
#include "client/cli/when.h"

#include <criterion/criterion.h>
#include <string.h>

static uint32_t hour(const char *text, bool is_end) {
    uint32_t value = 0;
    cr_assert(when_parse_hour(text, strlen(text), is_end, &value), "'%s'", text);
    return value;
}

Test(when, a_day_begins_and_ends_at_midnight_in_china) {
    uint32_t midnight = (uint32_t)(clock_ms_of_day(clock_day_from_date(2026, 1, 1)) / CLOCK_MS_PER_HOUR);
    cr_expect_eq(hour("2026-01-01", false), midnight);
    cr_expect_eq(hour("2026-01-01", true), midnight + 24); /* valid through the day */
    cr_expect_eq(hour("2026-01-01T09", false), midnight + 9);
    cr_expect_eq(hour("2026-01-01T09", true), midnight + 9);
    cr_expect_eq(hour("2026-01-01T24", true), midnight + 24);
}

Test(when, refuses_what_is_no_date) {
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-02-30",
                                      "2026-1-1",
                                      "2026-01-01T",
                                      "2026-01-01T9",
                                      "2026-01-01T25",
                                      "2026-01-01 09",
                                      "1969-12-31",
                                      "1970-01-01",
                                      "20260101",
                                      "2026-01-01T0x",
                                      "2026-01-01T09:00",
                                      "0000-01-01"};
    uint32_t value;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(!when_parse_hour(bad[i], strlen(bad[i]), false, &value), "'%s'", bad[i]);
}

Test(when, formats_what_it_parses) {
    static const char *const texts[] = {"2026-01-01", "2026-12-31", "2027-02-28T13", "1970-01-02", "9999-12-31"};
    char text[WHEN_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int is_end = 0; is_end < 2; is_end++)
            cr_expect_str_eq(when_format_hour(hour(texts[i], is_end), is_end, text), texts[i]);
    cr_expect_str_eq(when_format_hour(WHEN_NO_END, true, text), "");
}

Test(when, durations) {
    uint32_t ms;
    cr_expect(when_parse_duration("300", &ms) && ms == 300000);
    cr_expect(when_parse_duration("300s", &ms) && ms == 300000);
    cr_expect(when_parse_duration("5m", &ms) && ms == 300000);
    cr_expect(when_parse_duration("1h", &ms) && ms == 3600000);
    cr_expect(when_parse_duration("500ms", &ms) && ms == 500);
    cr_expect(when_parse_duration("90s", &ms) && ms == 90000);
    cr_expect(when_parse_duration("5min", &ms) && ms == 300000);
    cr_expect(when_parse_duration("1h30m", &ms) && ms == 5400000);
    cr_expect(when_parse_duration("1h30min15s", &ms) && ms == 5415000);
    cr_expect(when_parse_duration("1d", &ms) && ms == 86400000);
    cr_expect(when_parse_duration("7d", &ms) && ms == 7 * 86400000);
    cr_expect(when_parse_duration("49d17h2m47s295ms", &ms) && ms == UINT32_MAX);
    static const char *const texts[] = {"1d", "1h30m", "500ms", "49d17h2m47s295ms", "5m"};
    char text[WHEN_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert(when_parse_duration(texts[i], &ms));
        cr_expect_str_eq(when_format_duration(ms, text), texts[i]);
    }
    cr_expect(when_parse_duration("4294967295ms", &ms) && ms == UINT32_MAX);
    static const char *const bad[] = {
        "",    "0",  "-1", "s",  "50d", "1.5h",   "1h30",         "30m1h", "1m1min",
        "1h ", "h1", "1x", "0s", "1hm", "10mins", "4294967296ms", "1194h", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) cr_expect(!when_parse_duration(bad[i], &ms), "%s", bad[i]);
}
