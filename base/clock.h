/* Time as the rest of the program sees it. Only server, client and bench call the functions that read a clock; the
 * engine gets its time as an argument.
 *
 * Units: milliseconds since the Unix epoch for moments, days since 1970-01-01 in China Standard Time (UTC+8, no
 * summer time) for dates of law and policy, hours since the epoch for the validity of guarantee instruments. */
#ifndef XINYI_BASE_CLOCK_H
#define XINYI_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_MS_PER_HOUR INT64_C(3600000)
#define CLOCK_MS_PER_DAY INT64_C(86400000)

int64_t clock_wall_ms(void);
uint64_t clock_mono_ns(void);

/* The day (China Standard Time) of a moment, and the moment at which a day begins. */
int32_t clock_day_of_ms(int64_t unix_ms);
int64_t clock_ms_of_day(int32_t day);

/* Proleptic Gregorian calendar. month 1–12, day 1–31. */
bool clock_date_exists(int year, int month, int day);
int32_t clock_day_from_date(int year, int month, int day);
void clock_date_from_day(int32_t day, int *year, int *month, int *day_of_month);
/* The same day n months later (or earlier), clamped to the month's last day. */
int32_t clock_add_months(int32_t day, int months);

#define CLOCK_DATE_TEXT 16
/* "2026-11-24"; returns buffer. */
const char *clock_format_day(int32_t day, char buffer[CLOCK_DATE_TEXT]);
/* Exactly YYYY-MM-DD and a day that exists. */
bool clock_parse_day(const char *text, size_t length, int32_t *day);

#define CLOCK_TIME_TEXT 32
/* "2026-11-24T19:05:03.120+08:00"; returns buffer. */
const char *clock_format_ms(int64_t unix_ms, char buffer[CLOCK_TIME_TEXT]);

#endif
