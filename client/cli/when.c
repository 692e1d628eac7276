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

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define UNITS (sizeof units / sizeof units[0])

/* Larger units first, each once: "1h30m", not "30m1h". */
bool when_parse_duration(const char *text, uint32_t *ms) {
    int64_t total = 0, last = INT64_MAX;
    const char *p = text;
    do {
        int64_t value, unit = 0;
        size_t digits = strspn(p, "0123456789"), letters = strspn(p + digits, "dhmins");
        for (size_t i = 0; i < UNITS; i++)
            if (strlen(units[i].name) == letters && memcmp(p + digits, units[i].name, letters) == 0) unit = units[i].ms;
        if (letters == 0 && p == text && p[digits] == '\0') unit = 1000;
        if (unit == 0 || unit >= last || !money_parse_count(p, digits, UINT32_MAX / unit, &value)) return false;
        total += value * unit;
        last = unit;
        p += digits + letters;
    } while (*p != '\0');
    if (total < 1 || total > UINT32_MAX) return false;
    *ms = (uint32_t)total;
    return true;
}

const char *when_format_duration(uint32_t ms, char buffer[WHEN_TEXT]) {
    size_t n = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < UNITS; i++) {
        uint32_t unit = (uint32_t)units[i].ms;
        if (strcmp(units[i].name, "min") == 0 || ms < unit) continue;
        n += (size_t)snprintf(buffer + n, WHEN_TEXT - n, "%u%s", ms / unit, units[i].name);
        ms %= unit;
    }
    if (n == 0) snprintf(buffer, WHEN_TEXT, "0s");
    return buffer;
}
