/* A decimal is read as digits and a scale, multiplied out in int64 with checks, and refused if something would be left
 * over. */
#include "engine/policy_value.h"

#include "base/clock.h"
#include "base/limits.h"

#include <stdio.h>
#include <string.h>

typedef struct decimal {
    int64_t digits; /* the number without its point */
    unsigned scale; /* digits behind the point */
} decimal;

static bool say(char *why, const char *text) {
    snprintf(why, POLICY_WHY_TEXT, "%s", text);
    return false;
}

static bool is_digit(const char *text, size_t length, size_t at) {
    return at < length && text[at] >= '0' && text[at] <= '9';
}

/* Reads digits and at most one point followed by digits; *used 0 if there are none. */
static bool read_decimal(const char *text, size_t length, decimal *out, size_t *used, char *why) {
    *out = (decimal){0};
    size_t at = 0;
    bool point = false;
    for (; is_digit(text, length, at) || (at > 0 && !point && at < length && text[at] == '.'); at++) {
        if (text[at] == '.') {
            if (!is_digit(text, length, at + 1)) break;
            point = true;
            continue;
        }
        if (out->digits > (INT64_MAX - 9) / 10) return say(why, "the number is too large");
        out->digits = out->digits * 10 + (text[at] - '0');
        out->scale += point;
    }
    *used = at;
    if (at == 0) return say(why, "a number is expected");
    if (at > 1 && text[0] == '0' && text[1] != '.') return say(why, "numbers are written without leading zeros");
    return true;
}

/* digits / 10^scale × factor, if that is whole. */
static bool multiply(decimal d, int64_t factor, int64_t *out, const char *broken, char *why) {
    while (d.scale > 0 && factor % 10 == 0) factor /= 10, d.scale--;
    while (d.scale > 0 && d.digits % 10 == 0) d.digits /= 10, d.scale--;
    if (d.scale > 0) return say(why, broken);
    return !__builtin_mul_overflow(d.digits, factor, out) || say(why, "the number is too large");
}

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static const unit MONEY[] = {{"fen", 1},  {"分", 1},         {"yuan", 100},
                             {"元", 100}, {"万元", 1000000}, {"亿元", 10000000000}};

static bool letter_at(const char *text, size_t length, size_t at) {
    if (at >= length) return false;
    unsigned char c = (unsigned char)text[at];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

/* The unit at `at`, spaces before it skipped; NULL if no word stands there. */
static const unit *find_unit(const unit *units, size_t count, const char *text, size_t length, size_t *at, bool *word) {
    size_t from = *at;
    while (from < length && text[from] == ' ') from++;
    size_t end = from;
    while (letter_at(text, length, end)) end++;
    *word = end > from;
    for (size_t i = 0; i < count; i++) {
        if (strlen(units[i].name) != end - from || memcmp(units[i].name, text + from, end - from) != 0) continue;
        *at = end;
        return &units[i];
    }
    return NULL;
}

bool policy_value_amount(const char *text, size_t length, int64_t *fen, size_t *used, bool *with_unit,
                         char why[POLICY_WHY_TEXT]) {
    decimal d;
    *used = 0;
    if (length > 0 && text[0] == '-') return say(why, "amounts cannot be negative");
    if (!read_decimal(text, length, &d, used, why)) return false;
    bool word;
    const unit *u = find_unit(MONEY, sizeof MONEY / sizeof MONEY[0], text, length, used, &word);
    *with_unit = u != NULL;
    if (!u && word) return say(why, "unknown unit; write fen, yuan, 分, 元, 万元 or 亿元, or a plain number of fen");
    if (!u && d.scale) return say(why, "an amount in fen is a whole number; for yuan write a unit: 12.50 yuan");
    if (!multiply(d, u ? u->factor : 1, fen, "the amount is not a whole number of fen", why)) return false;
    if (*fen > LIMIT_AMOUNT_FEN) return say(why, "the amount is more than 10000000000000 yuan");
    return true;
}

bool policy_value_ratio(const char *text, size_t length, int64_t *bp, char why[POLICY_WHY_TEXT]) {
    bool negative = length > 0 && text[0] == '-';
    size_t at = negative, used;
    decimal d;
    if (!read_decimal(text + at, length - at, &d, &used, why)) return false;
    at += used;
    while (at < length && text[at] == ' ') at++;
    bool percent = at < length && text[at] == '%';
    if (at + percent != length) return say(why, "a ratio is written 130% or, in basis points, 13000");
    if (!percent && d.scale) return say(why, "basis points are whole numbers; write a percentage as 1.5%");
    if (!multiply(d, percent ? 100 : 1, bp, "percentages have at most two decimals", why)) return false;
    if (negative) *bp = -*bp;
    return true;
}

bool policy_value_duration(const char *text, size_t length, int64_t *ms, char why[POLICY_WHY_TEXT]) {
    static const unit UNITS[] = {{"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    decimal d;
    size_t at;
    if (!read_decimal(text, length, &d, &at, why)) return false;
    bool word;
    const unit *u = find_unit(UNITS, sizeof UNITS / sizeof UNITS[0], text, length, &at, &word);
    if (!u || at != length) return say(why, "a duration needs a unit: 300 s, 5 min, 1 h or 1 d");
    return multiply(d, u->factor, ms, "the duration is not a whole number of milliseconds", why);
}

bool policy_value_hour(const char *text, size_t length, int32_t *hour, char why[POLICY_WHY_TEXT]) {
    static const char *const EXPECTED = "a date that exists is expected here, written YYYY-MM-DD or YYYY-MM-DD HH:00";
    int32_t day, of_day = 0;
    if (length < 10 || !clock_parse_day(text, 10, &day)) return say(why, EXPECTED);
    if (length > 10) {
        const char *t = text + 10;
        if (length != 16 || t[0] != ' ' || t[3] != ':') return say(why, EXPECTED);
        for (size_t i = 1; i < 6; i++)
            if (i != 3 && !is_digit(t, 6, i)) return say(why, EXPECTED);
        of_day = (t[1] - '0') * 10 + (t[2] - '0');
        if (t[4] != '0' || t[5] != '0') return say(why, "policies begin and end at a full hour: 08:00");
        if (of_day > 23) return say(why, "hours go from 00:00 to 23:00; for midnight write the next day");
    }
    *hour = (int32_t)(clock_ms_of_day(day) / CLOCK_MS_PER_HOUR) + of_day;
    return true;
}
