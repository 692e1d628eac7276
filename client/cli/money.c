/* Amounts are parsed as a mantissa and a power of ten, so "0.01亿" and "1.005万" come out exact and what cannot be a
 * whole number of fen is refused instead of rounded. */
#include "client/cli/money.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

static bool digit(char c) { return c >= '0' && c <= '9'; }

static bool skip_text(const char **p, const char *text) {
    size_t n = strlen(text);
    if (strncmp(*p, text, n) != 0) return false;
    *p += n;
    return true;
}

/* Digits with optional thousands separators; commas must separate groups of three. Appends to *mantissa. */
static bool whole_part(const char **p, uint64_t *mantissa, size_t *digits, bool *overflow) {
    size_t group = 0, groups = 0;
    for (;; (*p)++) {
        if (digit(**p)) {
            group++;
            (*digits)++;
            *overflow |= __builtin_mul_overflow(*mantissa, UINT64_C(10), mantissa) ||
                         __builtin_add_overflow(*mantissa, (uint64_t)(**p - '0'), mantissa);
        } else if (**p == ',') {
            if (group == 0 || group > 3 || (groups > 0 && group != 3)) return false;
            groups++;
            group = 0;
        } else {
            return groups == 0 || group == 3;
        }
    }
}

/* Digits behind the point; trailing zeros do not count. *places: how many decimals the mantissa now has. */
static void fraction_part(const char **p, uint64_t *mantissa, size_t *digits, unsigned *places, bool *overflow) {
    unsigned zeros = 0;
    for (; digit(**p); (*p)++) {
        (*digits)++;
        if (**p == '0') {
            zeros++;
            continue;
        }
        for (; zeros > 0; zeros--, (*places)++) *overflow |= __builtin_mul_overflow(*mantissa, UINT64_C(10), mantissa);
        *overflow |= __builtin_mul_overflow(*mantissa, UINT64_C(10), mantissa) ||
                     __builtin_add_overflow(*mantissa, (uint64_t)(**p - '0'), mantissa);
        (*places)++;
    }
}

bool money_parse(const char *text, int64_t *fen, const char **why) {
    static const char not_a_number[] = "is not an amount; write yuan as 1000000, 1,000,000.00 or 100万";
    static const char too_fine[] = "is finer than one fen";
    static const char too_large[] = "is more than an amount can be";
    const char *p = text;
    uint64_t mantissa = 0;
    size_t digits = 0;
    unsigned places = 0, power = 2;
    bool overflow = false;

    *why = not_a_number;
    if (!skip_text(&p, "¥")) skip_text(&p, "\xEF\xBF\xA5"); /* half or full width */
    if (!whole_part(&p, &mantissa, &digits, &overflow)) return false;
    if (*p == '.') {
        p++;
        if (digits == 0 || !digit(*p)) return false;
        fraction_part(&p, &mantissa, &digits, &places, &overflow);
    }
    if (digits == 0) return false;
    if (skip_text(&p, "万"))
        power += 4;
    else if (skip_text(&p, "亿"))
        power += 8;
    skip_text(&p, "元");
    if (*p != '\0') return false;
    if (places > power) {
        *why = too_fine;
        return false;
    }
    for (; power > places; power--) overflow |= __builtin_mul_overflow(mantissa, UINT64_C(10), &mantissa);
    if (overflow || mantissa > (uint64_t)LIMIT_AMOUNT_FEN) {
        *why = too_large;
        return false;
    }
    *fen = (int64_t)mantissa;
    return true;
}

/* Writes value with thousands separators right-aligned at `end` and returns where it begins. */
static char *grouped(uint64_t value, char *end) {
    unsigned n = 0;
    do {
        if (n > 0 && n % 3 == 0) *--end = ',';
        *--end = (char)('0' + value % 10);
        value /= 10;
        n++;
    } while (value > 0);
    return end;
}

static uint64_t magnitude(int64_t value) { return value < 0 ? -(uint64_t)value : (uint64_t)value; }

const char *money_format(int64_t fen, char buffer[MONEY_TEXT]) {
    char digits[32], *end = digits + sizeof digits;
    uint64_t m = magnitude(fen);
    *--end = '\0';
    const char *yuan = grouped(m / 100, end);
    snprintf(buffer, MONEY_TEXT, "%s¥%s.%02u", fen < 0 ? "-" : "", yuan, (unsigned)(m % 100));
    return buffer;
}

const char *money_format_count(int64_t value, char buffer[MONEY_TEXT]) {
    char digits[32], *end = digits + sizeof digits;
    *--end = '\0';
    const char *text = grouped(magnitude(value), end);
    snprintf(buffer, MONEY_TEXT, "%s%s", value < 0 ? "-" : "", text);
    return buffer;
}

bool money_parse_u64(const char *text, size_t length, uint64_t *value) {
    uint64_t v = 0;
    if (length == 0) return false;
    for (size_t i = 0; i < length; i++) {
        if (!digit(text[i])) return false;
        if (__builtin_mul_overflow(v, UINT64_C(10), &v) || __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
            return false;
    }
    *value = v;
    return true;
}

bool money_parse_count(const char *text, size_t length, int64_t max, int64_t *value) {
    uint64_t v;
    if (!money_parse_u64(text, length, &v) || v > (uint64_t)max) return false;
    *value = (int64_t)v;
    return true;
}

bool money_parse_grouped(const char *text, int64_t max, int64_t *value) {
    uint64_t v = 0;
    size_t digits = 0;
    bool overflow = false;
    if (!whole_part(&text, &v, &digits, &overflow) || digits == 0 || *text != '\0') return false;
    if (overflow || v > (uint64_t)max) return false;
    *value = (int64_t)v;
    return true;
}
