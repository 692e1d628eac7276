/* Civil-date arithmetic over 400-year eras that begin on 1 March, so that the leap day is the last day of its year. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define CST_OFFSET_MS (8 * CLOCK_MS_PER_HOUR)
#define FORMAT_MOST_MS (INT64_C(1) << 54) /* what lies beyond is shown as this */

int64_t clock_wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t clock_mono_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int32_t clock_day_of_ms(int64_t unix_ms) { return (int32_t)floor_div(unix_ms + CST_OFFSET_MS, CLOCK_MS_PER_DAY); }

int64_t clock_ms_of_day(int32_t day) { return (int64_t)day * CLOCK_MS_PER_DAY - CST_OFFSET_MS; }

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool clock_date_exists(int year, int month, int day) {
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
}

int32_t clock_day_from_date(int year, int month, int day) {
    int y = month <= 2 ? year - 1 : year;
    int era = (int)floor_div(y, 400);
    int year_of_era = y - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void clock_date_from_day(int32_t day, int *year, int *month, int *day_of_month) {
    int64_t z = (int64_t)day + 719468;
    int64_t era = floor_div(z, 146097);
    int day_of_era = (int)(z - era * 146097);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted = (5 * day_of_year + 2) / 153;
    *day_of_month = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted + (shifted < 10 ? 3 : -9);
    *year = (int)(era * 400) + year_of_era + (*month <= 2);
}

int32_t clock_add_months(int32_t day, int months) {
    int y, m, d;
    clock_date_from_day(day, &y, &m, &d);
    int64_t total = (int64_t)y * 12 + (m - 1) + months;
    y = (int)floor_div(total, 12);
    m = (int)(total - (int64_t)y * 12) + 1;
    int last = days_in_month(y, m);
    return clock_day_from_date(y, m, d < last ? d : last);
}

const char *clock_format_day(int32_t day, char buffer[CLOCK_DATE_TEXT]) {
    int y, m, d;
    clock_date_from_day(day, &y, &m, &d);
    snprintf(buffer, CLOCK_DATE_TEXT, "%04d-%02d-%02d", y, m, d);
    return buffer;
}

bool clock_parse_day(const char *text, size_t length, int32_t *day) {
    if (length != 10 || text[4] != '-' || text[7] != '-') return false;
    int part[3] = {0, 0, 0};
    static const int start[] = {0, 5, 8}, width[] = {4, 2, 2};
    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < width[p]; i++) {
            char c = text[start[p] + i];
            if (c < '0' || c > '9') return false;
            part[p] = part[p] * 10 + (c - '0');
        }
    }
    if (!clock_date_exists(part[0], part[1], part[2])) return false;
    *day = clock_day_from_date(part[0], part[1], part[2]);
    return true;
}

const char *clock_format_ms(int64_t unix_ms, char buffer[CLOCK_TIME_TEXT]) {
    int y, m, d;
    if (unix_ms > FORMAT_MOST_MS) unix_ms = FORMAT_MOST_MS;
    if (unix_ms < -FORMAT_MOST_MS) unix_ms = -FORMAT_MOST_MS;
    int32_t day = clock_day_of_ms(unix_ms);
    clock_date_from_day(day, &y, &m, &d);
    int ms = (int)(unix_ms - clock_ms_of_day(day));
    snprintf(buffer, CLOCK_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03d+08:00", y, m, d, ms / 3600000,
             ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
    return buffer;
}
