/* Dates stand for hours at midnight, China Standard Time; an end date means the midnight behind it. */
#include "client/cli/when.h"

#include "base/clock.h"
#include "client/cli/money.h"

#include <stdio.h>
#include <string.h>

#define DATE_LENGTH 10      /* YYYY-MM-DD */
#define DATE_HOUR_LENGTH 13 /* YYYY-MM-DDTHH */
#define CST_HOURS 8

bool when_parse_hour(const char *text, size_t length, bool is_end, uint32_t *hour) {
    int32_t day;
    int64_t at = 0;
    if (length != DATE_LENGTH && length != DATE_HOUR_LENGTH) return false;
    if (!clock_parse_day(text, DATE_LENGTH, &day)) return false;
    if (length == DATE_HOUR_LENGTH) {
        if (text[DATE_LENGTH] != 'T' || !money_parse_count(text + DATE_LENGTH + 1, 2, 24, &at)) return false;
    } else if (is_end) {
        at = 24;
    }
    int64_t value = (int64_t)day * 24 - CST_HOURS + at;
    if (value < 1 || value >= WHEN_NO_END) return false;
    *hour = (uint32_t)value;
    return true;
}

const char *when_format_hour(uint32_t hour, bool is_end, char buffer[WHEN_TEXT]) {
    char date[CLOCK_DATE_TEXT];
    uint32_t local = hour + CST_HOURS;
    buffer[0] = '\0';
    if (hour == WHEN_NO_END) return buffer;
    if (local % 24 != 0)
        snprintf(buffer, WHEN_TEXT, "%sT%02u", clock_format_day((int32_t)(local / 24), date), local % 24);
    else
        snprintf(buffer, WHEN_TEXT, "%s", clock_format_day((int32_t)(local / 24) - (is_end ? 1 : 0), date));
    return buffer;
}

bool when_parse_duration(const char *text, uint32_t *ms) {
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"", 1000}};
    size_t digits = strspn(text, "0123456789");
    int64_t value;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].suffix) != 0) continue;
        if (!money_parse_count(text, digits, UINT32_MAX / units[i].ms, &value) || value == 0) return false;
        *ms = (uint32_t)(value * units[i].ms);
        return true;
    }
    return false;
}
