/* Lengths of time as law writes them. Months keep the day of the month and fall back to its last; working days follow
 * the calendar's holidays and shifted working days, which are walked along with the days: some nanoseconds a day, and
 * periods of working days are short. */
#include "engine/credit.h"

#include "base/clock.h"

static int32_t saturate(int64_t day) { return day < UINT16_MAX ? (int32_t)day : UINT16_MAX; }

/* Monday 0; 1970-01-01 was a Thursday. */
static unsigned day_of_week(int32_t day) { return (unsigned)(((int64_t)day % 7 + 10) % 7); }

/* The first of ascending days that is not before `day`. */
static unsigned first_from(const uint16_t *days, unsigned count, int32_t day) {
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (days[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool holds(const uint16_t *days, unsigned count, int32_t day) {
    unsigned at = first_from(days, count, day);
    return at < count && days[at] == day;
}

bool credit_is_working_day(const credit_rules *r, int32_t day) {
    if (r->weekend >> day_of_week(day) & 1) return holds(r->workdays, r->workday_count, day);
    return !holds(r->holidays, r->holiday_count, day);
}

/* The n-th working day behind `day`. */
static int32_t working_day_behind(const credit_rules *r, int32_t day, unsigned n) {
    unsigned h = first_from(r->holidays, r->holiday_count, day), w = first_from(r->workdays, r->workday_count, day);
    unsigned week = day_of_week(day);
    while (n > 0 && day < UINT16_MAX) {
        day++;
        week = week == 6 ? 0 : week + 1;
        while (h < r->holiday_count && r->holidays[h] < day) h++;
        while (w < r->workday_count && r->workdays[w] < day) w++;
        bool works = r->weekend >> week & 1 ? w < r->workday_count && r->workdays[w] == day
                                            : h == r->holiday_count || r->holidays[h] != day;
        n -= works;
    }
    return day;
}

/* clock_add_months for the years in which every fourth is a leap year, 1970 to 2099, in a few nanoseconds: profiles are
 * derived by the million. Years begin in March, so that the odd day is their last. */
static int32_t add_months(int32_t day, unsigned months) {
    enum { BEFORE = 671 }; /* days from 1968-03-01 to 1970-01-01 */
    if (day < 0 || day > 47400 - 31 * (int32_t)(months < 1500 ? months : 1500))
        return clock_add_months(day, (int)months);
    uint32_t days = (uint32_t)day + BEFORE, year = (4 * days + 3) / 1461, of_year = days - 1461 * year / 4;
    uint32_t month = (5 * of_year + 2) / 153, of_month = of_year - (153 * month + 2) / 5;
    uint32_t total = year * 12 + month + months;
    year = total / 12;
    month = total % 12;
    uint32_t begin = (153 * month + 2) / 5,
             length = month == 11 ? 28 + (year % 4 == 3) : (153 * month + 155) / 5 - begin;
    return (int32_t)(1461 * year / 4 + begin + (of_month < length ? of_month : length - 1)) - BEFORE;
}

int32_t credit_period_end(const credit_rules *r, int32_t day, period p) {
    switch ((period_unit)p.unit) {
    case PERIOD_DAYS: return saturate((int64_t)day + p.count);
    case PERIOD_WORKING_DAYS: return saturate((int64_t)working_day_behind(r, day, p.count) + 1);
    case PERIOD_MONTHS: return saturate(add_months(day, p.count));
    case PERIOD_NONE: break;
    }
    return saturate(day);
}
