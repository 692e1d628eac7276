/* A recursive-descent parser of depth two (not(...) does not nest) that collects ranges in a fixed array, then sorts
 * and merges them. Everything a table needs later is the set; the text is only kept for people.
 *
 * The errors are half of this file because credit officers write these cells by hand: full-width punctuation, thousands
 * separated by commas and comparisons of grades that have no order are named as what they are. */
#include "engine/sfeel.h"

#include "base/check.h"
#include "base/limits.h"
#include "engine/policy_suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX (2 * LIMIT_POLICY_ALTERNATIVES + 2) /* the complement of n ranges has n + 1 */

typedef struct sfeel_parser {
    const profile_field *field;
    const char *text;
    size_t length, at;
    sfeel_error *error;
    bool missing;
    unsigned count;
    sfeel_range items[ITEMS_MAX];
} sfeel_parser;

/* ------------------------------------------------------------------ domains */

sfeel_range sfeel_domain(const profile_field *field) {
    sfeel_range r = {field->min, field->max};
    if (field->type == PROFILE_SECTOR) r.low = 100; /* a letter at least: A is 100 */
    if (field->has_missing && (int64_t)field->missing == r.low) r.low++;
    if (field->has_missing && (int64_t)field->missing == r.high) r.high--;
    CHECK(r.low <= r.high && r.low >= 0 && r.high <= UINT32_MAX);
    CHECK(!field->has_missing || (int64_t)field->missing < r.low || (int64_t)field->missing > r.high);
    return r;
}

static bool is_number(const profile_field *field) {
    return field->type == PROFILE_NUMBER || field->type == PROFILE_SCORE || field->type == PROFILE_HUNDREDTHS;
}

const char *sfeel_domain_text(const profile_field *field, char *buffer, size_t room) {
    sfeel_range domain = sfeel_domain(field);
    char low[PROFILE_VALUE_TEXT], high[PROFILE_VALUE_TEXT];
    size_t used = 0;
    switch (field->type) {
    case PROFILE_ENUM:
        buffer[0] = 0;
        for (int64_t v = domain.low; v <= domain.high && used < room; v++)
            used += (size_t)snprintf(buffer + used, room - used, "%s%s",
                                     v == domain.low ? "" : (v == domain.high ? " or " : ", "), field->names[v]);
        break;
    case PROFILE_FLAG: snprintf(buffer, room, "true or false"); break;
    case PROFILE_DAY: snprintf(buffer, room, "a date, YYYY-MM-DD"); break;
    case PROFILE_DIVISION: snprintf(buffer, room, "a division of six digits, such as 530100"); break;
    case PROFILE_SECTOR: snprintf(buffer, room, "a sector of GB/T 4754, such as D or D44"); break;
    default:
        snprintf(buffer, room, "%s to %s", profile_format_value(field, domain.low, low),
                 profile_format_value(field, domain.high, high));
    }
    return buffer;
}

sfeel_test sfeel_any(const profile_field *field) { return (sfeel_test){.any = true, .missing = field->has_missing}; }

bool sfeel_matches(const sfeel_test *test, int64_t value) {
    if (test->any) return true;
    if (value == PROFILE_MISSING) return test->missing;
    for (uint32_t i = 0; i < test->count; i++)
        if (value >= test->ranges[i].low && value <= test->ranges[i].high) return true;
    return false;
}

bool sfeel_parse_bool(const char *text, size_t length, bool *out) {
    *out = length == 4 && memcmp(text, "true", 4) == 0;
    return *out || (length == 5 && memcmp(text, "false", 5) == 0);
}

/* ------------------------------------------------------------------ errors */

static __attribute__((format(printf, 4, 5))) status fail(sfeel_error *error, status code, size_t offset,
                                                         const char *format, ...) {
    va_list args;
    va_start(args, format);
    error->offset = offset;
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return code;
}

/* What a Chinese keyboard writes, and what it should be. None of it can be part of a value. */
static const struct {
    const char *wide, *plain;
} WIDE[] = {{"，", ","}, {"、", ","}, {"（", "("}, {"）", ")"}, {"【", "["}, {"】", "]"}, {"［", "["},
            {"］", "]"}, {"“", "\""}, {"”", "\""}, {"≥", ">="}, {"≤", "<="}, {"＞", ">"}, {"＜", "<"},
            {"＝", "="}, {"…", ".."}, {"－", "-"}, {"—", "-"},  {"．", "."}, {"。", "."}};

static status refuse_wide(const char *text, size_t length, sfeel_error *error) {
    for (size_t at = 0; at < length; at++) {
        if (((unsigned char)text[at] & 0x80) == 0) continue;
        for (size_t i = 0; i < sizeof WIDE / sizeof WIDE[0]; i++) {
            size_t n = strlen(WIDE[i].wide);
            if (n <= length - at && memcmp(text + at, WIDE[i].wide, n) == 0)
                return fail(error, STATUS_SYNTAX, at, "'%s' is not understood in a test; write '%s'", WIDE[i].wide,
                            WIDE[i].plain);
        }
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ values */

static bool all_digits(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9') return false;
    return length > 0;
}

/* Whole, or with one or two decimals where the field has them: exact, or refused. */
static status check_number(const profile_field *field, const char *text, size_t length, sfeel_error *error) {
    const char *point = memchr(text, '.', length);
    size_t whole = point ? (size_t)(point - text) : length, decimals = point ? length - whole - 1 : 0;
    if (!all_digits(text, whole) || (point && !all_digits(point + 1, decimals)))
        return fail(error, STATUS_SYNTAX, 0, "'%.*s' is not a number; '%s' takes digits only%s",
                    policy_shown(text, length), text, field->name,
                    field->type == PROFILE_HUNDREDTHS ? ", with up to two decimals" : "");
    if (whole > 1 && text[0] == '0')
        return fail(error, STATUS_SYNTAX, 0,
                    "'%.*s' begins with 0; write numbers without leading zeros and without commas between thousands",
                    policy_shown(text, length), text);
    if (point && field->type != PROFILE_HUNDREDTHS)
        return fail(error, STATUS_SYNTAX, 0, "'%s' takes whole numbers, not '%.*s'", field->name,
                    policy_shown(text, length), text);
    if (decimals > 2)
        return fail(error, STATUS_SYNTAX, 0, "'%.*s' has more than two decimals; '%s' is kept in hundredths",
                    policy_shown(text, length), text, field->name);
    return STATUS_OK;
}

static bool is_missing_word(const profile_field *field, const char *text, size_t length) {
    if (length == 7 && (memcmp(text, "missing", 7) == 0 || memcmp(text, "unrated", 7) == 0)) return true;
    return field->type == PROFILE_ENUM && field->has_missing && strlen(field->names[0]) == length &&
           memcmp(field->names[0], text, length) == 0;
}

static status outside(const profile_field *field, const char *text, size_t length, sfeel_error *error) {
    char domain[200], near[80] = "";
    sfeel_domain_text(field, domain, sizeof domain);
    if (field->type == PROFILE_ENUM)
        policy_suggest_text(text, length, field->names, (size_t)field->max + 1, near, sizeof near);
    return fail(error, STATUS_BAD_VALUE, 0, "'%.*s' is not a value of '%s', which is %s%s", policy_shown(text, length),
                text, field->name, domain, near);
}

status sfeel_parse_value(const profile_field *field, const char *text, size_t length, int64_t *value,
                         sfeel_error *error) {
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') text++, length -= 2;
    if (length == 0) return fail(error, STATUS_SYNTAX, 0, "a value is missing; write 'missing' if that is meant");
    *value = PROFILE_MISSING;
    if (is_missing_word(field, text, length)) {
        if (field->has_missing) return STATUS_OK;
        return fail(error, STATUS_BAD_VALUE, 0, "'%s' always has a value and is never missing", field->name);
    }
    if (is_number(field)) {
        status s = check_number(field, text, length, error);
        if (s != STATUS_OK) return s;
    }
    bool truth;
    if (field->type == PROFILE_FLAG) {
        if (!sfeel_parse_bool(text, length, &truth)) return outside(field, text, length, error);
        *value = truth;
        return STATUS_OK;
    }
    if (profile_parse_value(field, text, length, value) != STATUS_OK || *value == PROFILE_MISSING)
        return outside(field, text, length, error);
    sfeel_range domain = sfeel_domain(field);
    if (*value < domain.low || *value > domain.high) return outside(field, text, length, error);
    return STATUS_OK;
}

/* The whole numbers that a written value stands for: a division or a section covers what lies in it. */
static sfeel_range covered(const profile_field *field, int64_t value) {
    int64_t width = 1;
    if (field->type == PROFILE_DIVISION) width = value % 10000 == 0 ? 10000 : (value % 100 == 0 ? 100 : 1);
    if (field->type == PROFILE_SECTOR) width = value % 100 == 0 ? 100 : 1;
    int64_t high = value + width - 1, last = sfeel_domain(field).high;
    return (sfeel_range){value, high < last ? high : last};
}

/* ------------------------------------------------------------------ reading */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void skip_space(sfeel_parser *p) {
    while (p->at < p->length && is_space(p->text[p->at])) p->at++;
}

static char look(const sfeel_parser *p, size_t ahead) {
    return p->at + ahead < p->length ? p->text[p->at + ahead] : '\0';
}

/* Reads a quoted or bare value; a bare one ends at a space, a delimiter or "..". */
static status read_value(sfeel_parser *p, int64_t *value) {
    skip_space(p);
    size_t from = p->at;
    if (look(p, 0) == '"') {
        p->at++;
        while (p->at < p->length && p->text[p->at] != '"') p->at++;
        if (p->at == p->length) return fail(p->error, STATUS_SYNTAX, from, "the closing '\"' is missing");
        p->at++;
    } else {
        while (p->at < p->length && !is_space(p->text[p->at]) && !strchr(",()[]<>=\"", p->text[p->at]) &&
               !(p->text[p->at] == '.' && look(p, 1) == '.'))
            p->at++;
    }
    if (p->at == from) return fail(p->error, STATUS_SYNTAX, from, "a value is expected here");
    status s = sfeel_parse_value(p->field, p->text + from, p->at - from, value, p->error);
    if (s != STATUS_OK) p->error->offset += from;
    return s;
}

static status too_many(sfeel_parser *p, size_t from) {
    return fail(p->error, STATUS_SYNTAX, from, "more than %d alternatives in one cell; use ranges or several rows",
                LIMIT_POLICY_ALTERNATIVES);
}

static status add_range(sfeel_parser *p, size_t from, int64_t low, int64_t high) {
    sfeel_range domain = sfeel_domain(p->field);
    if (low < domain.low) low = domain.low;
    if (high > domain.high) high = domain.high;
    char text[200];
    if (low > high)
        return fail(p->error, STATUS_BAD_VALUE, from, "'%.*s' is never true: '%s' is %s",
                    policy_shown(p->text + from, p->at - from), p->text + from, p->field->name,
                    sfeel_domain_text(p->field, text, sizeof text));
    if (p->count >= LIMIT_POLICY_ALTERNATIVES) return too_many(p, from);
    p->items[p->count++] = (sfeel_range){low, high};
    return STATUS_OK;
}

static status need_order(sfeel_parser *p, size_t from) {
    const profile_field *f = p->field;
    if (is_number(f) || f->type == PROFILE_DAY || (f->type == PROFILE_ENUM && f->ordered)) return STATUS_OK;
    char text[200];
    switch (f->type) {
    case PROFILE_ENUM:
        return fail(p->error, STATUS_SYNTAX, from, "the values of '%s' have no order; list those you mean of %s",
                    f->name, sfeel_domain_text(f, text, sizeof text));
    case PROFILE_FLAG: return fail(p->error, STATUS_SYNTAX, from, "'%s' is a flag; write true or false", f->name);
    default:
        return fail(p->error, STATUS_SYNTAX, from,
                    "'%s' cannot be compared; list what you mean: a code covers all that lies in it", f->name);
    }
}

static status needs_value(sfeel_parser *p, size_t from, int64_t value) {
    if (value != PROFILE_MISSING) return STATUS_OK;
    return fail(p->error, STATUS_SYNTAX, from, "a missing value cannot be compared; write 'missing' as an alternative");
}

static status read_comparison(sfeel_parser *p, size_t from) {
    char op = look(p, 0);
    bool equal = look(p, 1) == '=';
    if (op == '=' || op == '!' || (op == '<' && look(p, 1) == '>'))
        return fail(p->error, STATUS_SYNTAX, from, "write %s",
                    op == '=' ? "the value alone, without '='" : "not(value)");
    p->at += equal ? 2 : 1;
    int64_t value;
    status s = need_order(p, from);
    if (s == STATUS_OK) s = read_value(p, &value);
    if (s == STATUS_OK) s = needs_value(p, from, value);
    if (s != STATUS_OK) return s;
    if (op == '<') return add_range(p, from, INT64_MIN, equal ? value : value - 1);
    return add_range(p, from, equal ? value : value + 1, INT64_MAX);
}

static status read_range(sfeel_parser *p, size_t from) {
    bool open_low = p->text[p->at++] != '[';
    int64_t low, high;
    status s = need_order(p, from);
    if (s == STATUS_OK) s = read_value(p, &low);
    if (s == STATUS_OK) s = needs_value(p, from, low);
    if (s != STATUS_OK) return s;
    skip_space(p);
    if (look(p, 0) != '.' || look(p, 1) != '.')
        return fail(p->error, STATUS_SYNTAX, p->at, "'..' is expected between the ends of a range, as in [3..6)");
    p->at += 2;
    s = read_value(p, &high);
    if (s == STATUS_OK) s = needs_value(p, from, high);
    if (s != STATUS_OK) return s;
    skip_space(p);
    char end = look(p, 0);
    if (end != ')' && end != ']' && end != '[')
        return fail(p->error, STATUS_SYNTAX, p->at, "the range is not closed; write ] to include its end, ) not to");
    p->at++;
    if (high < low)
        return fail(p->error, STATUS_BAD_VALUE, from, "the range '%.*s' ends before it begins; swap its ends",
                    policy_shown(p->text + from, p->at - from), p->text + from);
    if (open_low) low++;
    if (end != ']') high--;
    if (high < low)
        return fail(p->error, STATUS_BAD_VALUE, from, "the range '%.*s' contains no value",
                    policy_shown(p->text + from, p->at - from), p->text + from);
    return add_range(p, from, low, high);
}

/* "1,500" would be "1 or 500": nobody means that. */
static status refuse_thousands(sfeel_parser *p) {
    if (!is_number(p->field) || p->at == 0 || p->text[p->at - 1] < '0' || p->text[p->at - 1] > '9') return STATUS_OK;
    size_t digits = 0;
    while (look(p, 1 + digits) >= '0' && look(p, 1 + digits) <= '9') digits++;
    if (digits != 3) return STATUS_OK;
    return fail(p->error, STATUS_SYNTAX, p->at,
                "a comma separates alternatives; write a thousand as 1000, or a space after the comma");
}

/* ------------------------------------------------------------------ sets */

static int by_low(const void *a, const void *b) {
    const sfeel_range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

/* Sorts and merges, so that ranges are ascending, disjoint and not adjacent. Returns how many are left. */
static unsigned merge(sfeel_range *items, unsigned count) {
    if (count < 2) return count;
    qsort(items, count, sizeof *items, by_low);
    unsigned kept = 0;
    for (unsigned i = 1; i < count; i++) {
        if (items[i].low <= items[kept].high + 1) {
            if (items[i].high > items[kept].high) items[kept].high = items[i].high;
        } else
            items[++kept] = items[i];
    }
    return kept + 1;
}

/* Replaces the last items of the array by what lies between them. */
static void complement(sfeel_parser *p, unsigned from) {
    sfeel_range domain = sfeel_domain(p->field), *items = p->items + from, out[LIMIT_POLICY_ALTERNATIVES + 1];
    unsigned count = merge(items, p->count - from), n = 0;
    int64_t next = domain.low;
    for (unsigned i = 0; i < count; i++) {
        if (items[i].low > next) out[n++] = (sfeel_range){next, items[i].low - 1};
        next = items[i].high + 1;
    }
    if (next <= domain.high) out[n++] = (sfeel_range){next, domain.high};
    if (n) memcpy(items, out, n * sizeof *items);
    p->count = from + n;
}

static status read_tests(sfeel_parser *p, bool within_not);

static status read_not(sfeel_parser *p, size_t from, bool within_not) {
    if (within_not) return fail(p->error, STATUS_SYNTAX, from, "not(...) cannot stand within not(...)");
    p->at += 3;
    skip_space(p);
    p->at++; /* the parenthesis: is_not has seen it */
    unsigned before = p->count;
    bool missing = p->missing;
    status s = read_tests(p, true);
    if (s != STATUS_OK) return s;
    p->missing = missing;
    if (look(p, 0) != ')') return fail(p->error, STATUS_SYNTAX, p->at, "the ')' of not(...) is missing");
    p->at++;
    if (p->count >= LIMIT_POLICY_ALTERNATIVES) return too_many(p, from);
    complement(p, before);
    if (p->count == before)
        return fail(p->error, STATUS_BAD_VALUE, from, "'%.*s' is never true; to match a missing value write 'missing'",
                    policy_shown(p->text + from, p->at - from), p->text + from);
    return STATUS_OK;
}

static bool is_not(const sfeel_parser *p) {
    if (p->length - p->at < 4 || memcmp(p->text + p->at, "not", 3) != 0) return false;
    size_t i = p->at + 3;
    while (i < p->length && is_space(p->text[i])) i++;
    return i < p->length && p->text[i] == '(';
}

static status read_item(sfeel_parser *p, bool within_not) {
    size_t from = p->at;
    char c = look(p, 0);
    if (is_not(p)) return read_not(p, from, within_not);
    if (c == '<' || c == '>' || c == '=' || c == '!') return read_comparison(p, from);
    if (c == '[' || c == '(' || c == ']') return read_range(p, from);
    if (c == '-' && (p->at + 1 == p->length || strchr(" ,)", look(p, 1))))
        return fail(p->error, STATUS_SYNTAX, from, "'-' (any value) must stand alone in its cell");
    int64_t value;
    status s = read_value(p, &value);
    if (s != STATUS_OK) return s;
    if (value == PROFILE_MISSING) {
        p->missing = true;
        return STATUS_OK;
    }
    sfeel_range r = covered(p->field, value);
    return add_range(p, from, r.low, r.high);
}

static status read_tests(sfeel_parser *p, bool within_not) {
    for (;;) {
        skip_space(p);
        if (p->at == p->length || look(p, 0) == ',')
            return fail(p->error, STATUS_SYNTAX, p->at, "a test is expected here; write '-' for any value");
        status s = read_item(p, within_not);
        if (s != STATUS_OK) return s;
        if (look(p, 0) == ',') {
            s = refuse_thousands(p);
            if (s != STATUS_OK) return s;
        }
        skip_space(p);
        if (look(p, 0) != ',') return STATUS_OK;
        p->at++;
    }
}

static status keep(const sfeel_range *items, unsigned count, policy_arena *memory, sfeel_test *out) {
    out->count = count;
    out->ranges = NULL;
    if (count == 0) return STATUS_OK;
    sfeel_range *copy = POLICY_ARENA_ARRAY(memory, sfeel_range, count);
    if (!copy) return STATUS_NO_MEMORY;
    memcpy(copy, items, count * sizeof *items);
    out->ranges = copy;
    return STATUS_OK;
}

status sfeel_parse(const profile_field *field, const char *text, size_t length, policy_arena *memory, sfeel_test *out,
                   sfeel_error *error) {
    while (length > 0 && is_space(text[length - 1])) length--;
    sfeel_parser p = {.field = field, .text = text, .length = length, .error = error};
    skip_space(&p);
    if (p.at == length) return fail(error, STATUS_SYNTAX, 0, "an empty cell; write '-' for any value");
    if (length - p.at == 1 && text[p.at] == '-') {
        *out = sfeel_any(field);
        return STATUS_OK;
    }
    status s = refuse_wide(text, length, error);
    if (s == STATUS_OK) s = read_tests(&p, false);
    if (s != STATUS_OK) return s;
    if (p.at < length)
        return fail(error, STATUS_SYNTAX, p.at, "'%.*s' is not understood here; alternatives are separated by ','",
                    policy_shown(text + p.at, length - p.at), text + p.at);
    *out = (sfeel_test){.missing = p.missing};
    return keep(p.items, merge(p.items, p.count), memory, out);
}

status sfeel_union(const profile_field *field, const sfeel_test *tests, size_t n, policy_arena *memory,
                   sfeel_test *out) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += tests[i].count;
        if (!tests[i].any) continue;
        *out = sfeel_any(field);
        return STATUS_OK;
    }
    *out = (sfeel_test){0};
    for (size_t i = 0; i < n; i++) out->missing |= tests[i].missing;
    if (total == 0) return STATUS_OK;
    sfeel_range *all = POLICY_ARENA_ARRAY(memory, sfeel_range, total);
    if (!all) return STATUS_NO_MEMORY;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (tests[i].count) memcpy(all + used, tests[i].ranges, tests[i].count * sizeof *all);
        used += tests[i].count;
    }
    out->ranges = all;
    out->count = merge(all, (unsigned)total);
    return STATUS_OK;
}
