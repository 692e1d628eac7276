/* Differences of policies. Things are matched by what names them — policies, tables and rows by id, benefits by code,
 * examples by name, cells and outputs by field — so that a row that moved or a column that was added does not make
 * everything after it look different. A policy that has no namesake is matched with the one of its scenario that has
 * none either, if there is just one on each side: rules that were given the next year's name.
 *
 * Cost: rows are matched by comparing every id with every other; not for a hot path. */
#include "engine/policy_diff.h"

#include "base/check.h"
#include "engine/policy_diff_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ writing */

/* Where a text of n bytes must end so that it holds whole characters. */
static size_t whole(const char *text, size_t n) {
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) n--;
    return n;
}

static void copy(char *to, size_t room, const char *from) {
    size_t n = strlen(from);
    if (n < room) {
        memcpy(to, from, n + 1);
        return;
    }
    n = whole(from, room - sizeof "…");
    memcpy(to, from, n);
    memcpy(to + n, "…", sizeof "…");
}

static __attribute__((format(printf, 3, 0))) void append(char *to, size_t room, const char *format, va_list args) {
    char more[1024];
    size_t used = strlen(to);
    int n = vsnprintf(more, sizeof more, format, args);
    if (n < 0 || (used >= sizeof "…" - 1 && strcmp(to + used - (sizeof "…" - 1), "…") == 0)) return;
    if ((size_t)n >= sizeof more) more[whole(more, sizeof more - 1)] = '\0';
    if (used + strlen(more) < room) {
        memcpy(to + used, more, strlen(more) + 1);
        return;
    }
    size_t left = room - used, end = left > sizeof "…" ? whole(more, left - sizeof "…") : 0;
    size_t at = left > sizeof "…" ? used + end : whole(to, room - sizeof "…");
    if (left > sizeof "…") memcpy(to + used, more, end);
    memcpy(to + at, "…", sizeof "…");
}

void diff_append(char *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(text, DIFF_TEXT, format, args);
    va_end(args);
}

diff_place diff_at(const char *format, ...) {
    diff_place place = {""};
    va_list args;
    va_start(args, format);
    append(place.text, sizeof place.text, format, args);
    va_end(args);
    return place;
}

void diff_add(differ *w, policy_difference_kind kind, diff_place where, const char *before, const char *after) {
    policy_differences *d = w->out;
    if (d->count == d->capacity) {
        size_t capacity = d->capacity ? d->capacity * 2 : 32;
        policy_difference *grown = realloc(d->items, capacity * sizeof *grown);
        if (!grown) {
            w->no_memory = true;
            return;
        }
        d->items = grown;
        d->capacity = capacity;
    }
    policy_difference *item_of = &d->items[d->count++];
    *item_of = (policy_difference){.kind = (uint8_t)kind, .policy = w->policy};
    copy(item_of->where, sizeof item_of->where, where.text);
    copy(item_of->before, sizeof item_of->before, before);
    copy(item_of->after, sizeof item_of->after, after);
}

void diff_text(differ *w, diff_place where, const char *before, const char *after) {
    before = before ? before : "";
    after = after ? after : "";
    if (strcmp(before, after) == 0) return;
    diff_add(w, !before[0] ? DIFFERENCE_ADDED : (!after[0] ? DIFFERENCE_REMOVED : DIFFERENCE_CHANGED), where, before,
             after);
}

void diff_number(differ *w, diff_place where, int64_t before, int64_t after) {
    char a[32], b[32];
    snprintf(a, sizeof a, "%lld", (long long)before);
    snprintf(b, sizeof b, "%lld", (long long)after);
    diff_text(w, where, a, b);
}

void diff_bool(differ *w, diff_place where, bool before, bool after) {
    diff_text(w, where, before ? "true" : "false", after ? "true" : "false");
}

void policy_differences_deinit(policy_differences *d) {
    free(d->items);
    *d = (policy_differences){0};
}

/* ------------------------------------------------------------------ values */

/* A number of hundredths without the zeros that say nothing. */
static void decimal(int64_t n, const char *unit, char buffer[48]) {
    int64_t size = n < 0 ? -n : n;
    const char *sign = n < 0 ? "-" : "";
    if (size % 100 == 0)
        snprintf(buffer, 48, "%s%lld%s", sign, (long long)(size / 100), unit);
    else if (size % 10 == 0)
        snprintf(buffer, 48, "%s%lld.%lld%s", sign, (long long)(size / 100), (long long)(size / 10 % 10), unit);
    else
        snprintf(buffer, 48, "%s%lld.%02lld%s", sign, (long long)(size / 100), (long long)(size % 100), unit);
}

const char *diff_money(int64_t fen, char buffer[48]) {
    if (fen != 0 && fen % 1000000 == 0)
        snprintf(buffer, 48, "%lld万元", (long long)(fen / 1000000));
    else
        decimal(fen, "元", buffer);
    return buffer;
}

const char *diff_percent(int64_t bp, char buffer[48]) {
    decimal(bp, "%", buffer);
    return buffer;
}

const char *diff_hundredths(int64_t n, char buffer[48]) {
    decimal(n, "", buffer);
    return buffer;
}

const char *diff_day(int32_t day, char buffer[48]) {
    char date[CLOCK_DATE_TEXT];
    bool open = day == INT32_MIN || day == INT32_MAX;
    snprintf(buffer, 48, "%s", open ? "open" : clock_format_day(day, date));
    return buffer;
}

static const char *hour_text(int32_t hour, char buffer[POLICY_HOUR_TEXT]) {
    policy_format_hour(hour, buffer);
    return buffer[0] ? buffer : "open";
}

/* ------------------------------------------------------------------ cells */

static bool has_field(const policy_table *t, const profile_field *f) {
    for (unsigned c = 0; c < t->column_count; c++)
        if (t->fields[c] == f) return true;
    return false;
}

const char *diff_cell(const policy_table *t, unsigned row, const profile_field *f) {
    for (unsigned c = 0; c < t->column_count; c++)
        if (t->fields[c] == f && t->rows[row].tests[c]) return t->rows[row].tests[c];
    return "-";
}

void diff_cells(differ *w, const char *where, const policy_table *before, unsigned b, const policy_table *after,
                unsigned a) {
    for (unsigned c = 0; c < after->column_count; c++)
        diff_text(w, diff_at("%s, %s", where, after->fields[c]->name), diff_cell(before, b, after->fields[c]),
                  diff_cell(after, a, after->fields[c]));
    for (unsigned c = 0; c < before->column_count; c++)
        if (!has_field(after, before->fields[c]))
            diff_text(w, diff_at("%s, %s", where, before->fields[c]->name), diff_cell(before, b, before->fields[c]),
                      "-");
}

/* "tax_grade A, public_grade 优" */
static void append_cells(char *text, const policy_table *t, unsigned row) {
    unsigned n = 0;
    for (unsigned c = 0; c < t->column_count; c++)
        if (t->rows[row].tests[c])
            diff_append(text, "%s%s %s", n++ ? ", " : "", t->fields[c]->name, t->rows[row].tests[c]);
    for (unsigned k = 0; t->rows[row].pilot && k < POLICY_PILOT_KINDS; k++)
        if (t->rows[row].pilot->texts[k]) diff_append(text, "%s%s", n++ ? ", " : "", t->rows[row].pilot->texts[k]);
    if (n == 0) diff_append(text, "always");
}

/* ------------------------------------------------------------------ outputs */

static void benefits_text(const policy *p, uint64_t bits, char *text) {
    unsigned n = 0;
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
        if ((bits >> code & 1) == 0) continue;
        const char *id = "?";
        for (unsigned i = 0; i < p->benefit_count; i++)
            if (p->benefits[i].code == code) id = p->benefits[i].id;
        diff_append(text, "%s%s", n++ ? ", " : "", id);
    }
    if (n == 0) diff_append(text, "none");
}

static const struct {
    unsigned sets;
    const char *name;
} OUTPUTS[] = {{SETS_OUTCOME, "outcome"},   {SETS_TIER, "tier"},    {SETS_PERCENT, "percent_bp"},
               {SETS_AMOUNT, "amount_fen"}, {SETS_RATE, "rate_bp"}, {SETS_BENEFITS, "benefits"}},
  TERMS[] = {{SETS_COVERED, "covered"},
             {SETS_EXEMPT, "exempt"},
             {SETS_SUSPENDED, "suspended"},
             {SETS_FACTOR, "factor_bp"},
             {SETS_UNSECURED, "unsecured_bp"}};
#define OUTPUT_COUNT (sizeof OUTPUTS / sizeof OUTPUTS[0])
#define TERM_COUNT (sizeof TERMS / sizeof TERMS[0])

/* One output of a row; "-" if the row leaves it alone. */
static void output_text(const policy *p, const policy_output *o, unsigned sets, char *text) {
    char value[48], expression[200];
    if ((o->sets & sets) == 0) {
        diff_append(text, "-");
        return;
    }
    switch (sets) {
    case SETS_OUTCOME: diff_append(text, "%s", policy_outcome_name(o->outcome)); break;
    case SETS_TIER: diff_append(text, "%u", o->tier); break;
    case SETS_PERCENT: diff_append(text, "%s", diff_percent(o->percent_bp, value)); break;
    case SETS_RATE: diff_append(text, "%d", o->rate_bp); break;
    case SETS_BENEFITS: benefits_text(p, o->benefits, text); break;
    default:
        diff_append(text, "%s",
                    o->amount ? policy_expr_format(o->amount, expression, sizeof expression)
                              : diff_money(o->amount_fen, value));
    }
}

static void term_text(const policy_term *t, unsigned sets, char *text) {
    char value[48];
    bool flag = sets == SETS_COVERED ? t->covered : (sets == SETS_EXEMPT ? t->exempt : t->suspended);
    if ((t->sets & sets) == 0)
        diff_append(text, "-");
    else if (sets == SETS_FACTOR || sets == SETS_UNSECURED)
        diff_append(text, "%s", diff_percent(sets == SETS_FACTOR ? t->factor_bp : t->unsecured_bp, value));
    else
        diff_append(text, "%s", flag ? "true" : "false");
}

static void value_text(const policy *p, const policy_table *t, unsigned row, unsigned i, char *text) {
    text[0] = '\0';
    if (t->outputs)
        output_text(p, &t->outputs[row], OUTPUTS[i].sets, text);
    else
        term_text(&t->terms[row], TERMS[i].sets, text);
}

static unsigned value_count(const policy_table *t) { return t->outputs ? OUTPUT_COUNT : TERM_COUNT; }
static const char *value_name(const policy_table *t, unsigned i) {
    return t->outputs ? OUTPUTS[i].name : TERMS[i].name;
}

/* ------------------------------------------------------------------ rows */

/* "tax_grade A → outcome granted, amount_fen 300万元" */
static void row_text(const policy *p, const policy_table *t, unsigned row, char text[DIFF_TEXT]) {
    unsigned n = 0;
    text[0] = '\0';
    append_cells(text, t, row);
    for (unsigned i = 0; i < value_count(t); i++) {
        char value[DIFF_TEXT];
        value_text(p, t, row, i, value);
        if (strcmp(value, "-") != 0) diff_append(text, "%s%s %s", n++ ? ", " : " → ", value_name(t, i), value);
    }
}

static void diff_row(differ *w, const char *where, const policy *p, const policy_table *before, unsigned b,
                     const policy *q, const policy_table *after, unsigned a) {
    const policy_row *was = &before->rows[b], *is = &after->rows[a];
    diff_cells(w, where, before, b, after, a);
    for (unsigned i = 0; i < value_count(after); i++) {
        char x[DIFF_TEXT], y[DIFF_TEXT];
        value_text(p, before, b, i, x);
        value_text(q, after, a, i, y);
        diff_text(w, diff_at("%s, %s", where, value_name(after, i)), x, y);
    }
    for (unsigned k = 0; k < POLICY_PILOT_KINDS; k++)
        diff_text(w, diff_at("%s, pilot", where), was->pilot ? was->pilot->texts[k] : NULL,
                  is->pilot ? is->pilot->texts[k] : NULL);
    diff_text(w, diff_at("%s, because", where), was->because, is->because);
}

static int find_row(const policy_table *t, const char *id) {
    for (unsigned r = 0; r < t->row_count; r++)
        if (strcmp(t->rows[r].id, id) == 0) return (int)r;
    return -1;
}

/* Of rows that are in both, the order: it decides where the first that matches is taken. */
static void diff_order(differ *w, const char *where, const policy_table *before, const policy_table *after) {
    int last = -1;
    bool moved = false;
    char x[DIFF_TEXT] = "", y[DIFF_TEXT] = "";
    for (unsigned r = 0; r < after->row_count; r++) {
        int old = find_row(before, after->rows[r].id);
        if (old < 0) continue;
        moved |= old < last;
        last = old > last ? old : last;
        diff_append(y, "%s%s", y[0] ? " " : "", after->rows[r].id);
    }
    if (!moved || after->hit == HIT_COLLECT) return;
    for (unsigned r = 0; r < before->row_count; r++)
        if (find_row(after, before->rows[r].id) >= 0) diff_append(x, "%s%s", x[0] ? " " : "", before->rows[r].id);
    diff_add(w, DIFFERENCE_CHANGED, diff_at("%s, order of rows", where), x, y);
}

/* ------------------------------------------------------------------ tables */

static const char *hit_name(unsigned hit) {
    return hit == HIT_FIRST ? "first" : (hit == HIT_UNIQUE ? "unique" : "collect");
}

static void diff_table(differ *w, const char *where, const policy *p, const policy_table *before, const policy *q,
                       const policy_table *after) {
    char text[DIFF_TEXT];
    diff_text(w, diff_at("%s, title", where), before->title, after->title);
    diff_text(w, diff_at("%s, hit", where), hit_name(before->hit), hit_name(after->hit));
    diff_bool(w, diff_at("%s, gaps allowed", where), before->gaps_allowed, after->gaps_allowed);
    for (unsigned r = 0; r < after->row_count; r++) {
        diff_place row = diff_at("%s, row %s", where, after->rows[r].id);
        int old = find_row(before, after->rows[r].id);
        if (old >= 0) {
            diff_row(w, row.text, p, before, (unsigned)old, q, after, r);
            continue;
        }
        row_text(q, after, r, text);
        diff_add(w, DIFFERENCE_ADDED, row, "", text);
    }
    diff_order(w, where, before, after);
    for (unsigned r = 0; r < before->row_count; r++) {
        if (find_row(after, before->rows[r].id) >= 0) continue;
        row_text(p, before, r, text);
        diff_add(w, DIFFERENCE_REMOVED, diff_at("%s, row %s", where, before->rows[r].id), text, "");
    }
}

static const policy_table *find_table(const policy_table *tables, unsigned count, const char *id) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(tables[i].id, id) == 0) return &tables[i];
    return NULL;
}

static const char *size_text(const policy_table *t, char text[DIFF_TEXT]) {
    snprintf(text, DIFF_TEXT, "%u row%s", t->row_count, t->row_count == 1 ? "" : "s");
    return text;
}

static void diff_tables(differ *w, const char *kind, const policy *p, const policy_table *before, unsigned n,
                        const policy *q, const policy_table *after, unsigned m) {
    char text[DIFF_TEXT];
    for (unsigned i = 0; i < m; i++) {
        diff_place where = diff_at("%s %s", kind, after[i].id);
        const policy_table *old = find_table(before, n, after[i].id);
        if (old)
            diff_table(w, where.text, p, old, q, &after[i]);
        else
            diff_add(w, DIFFERENCE_ADDED, where, "", size_text(&after[i], text));
    }
    for (unsigned i = 0; i < n; i++)
        if (!find_table(after, m, before[i].id))
            diff_add(w, DIFFERENCE_REMOVED, diff_at("%s %s", kind, before[i].id), size_text(&before[i], text), "");
}

/* ------------------------------------------------------------------ benefits, scope, examples */

static const policy_benefit *find_benefit(const policy *p, unsigned code) {
    for (unsigned i = 0; i < p->benefit_count; i++)
        if (p->benefits[i].code == code) return &p->benefits[i];
    return NULL;
}

static void benefit_text(const policy_benefit *b, char text[DIFF_TEXT]) {
    text[0] = '\0';
    if (b) diff_append(text, "%s%s%s", b->id, b->title && b->title[0] ? " " : "", b->title ? b->title : "");
}

static void diff_benefits(differ *w, const policy *before, const policy *after) {
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
        char x[DIFF_TEXT], y[DIFF_TEXT];
        benefit_text(find_benefit(before, code), x);
        benefit_text(find_benefit(after, code), y);
        diff_text(w, diff_at("benefit %u", code), x, y);
    }
}

static void diff_scope(differ *w, const policy_table *before, const policy_table *after) {
    char text[DIFF_TEXT] = "";
    if (before && after) {
        diff_cells(w, "scope", before, 0, after, 0);
        for (unsigned k = 0; k < POLICY_PILOT_KINDS; k++)
            diff_text(w, diff_at("scope, pilot"), before->rows[0].pilot ? before->rows[0].pilot->texts[k] : NULL,
                      after->rows[0].pilot ? after->rows[0].pilot->texts[k] : NULL);
    } else if (before || after) {
        append_cells(text, before ? before : after, 0);
        diff_text(w, diff_at("scope"), before ? text : "everybody", after ? text : "everybody");
    }
}

static const policy_example *find_example(const policy_example *list, unsigned count, const char *name) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) return &list[i];
    return NULL;
}

/* The marks are places in a file and no difference. */
static bool same_example(const policy_example *a, const policy_example *b, bool terms) {
    if (memcmp(&a->given, &b->given, sizeof a->given) != 0 || a->expects != b->expects || a->day != b->day)
        return false;
    if (terms) return memcmp(&a->terms, &b->terms, sizeof a->terms) == 0;
    bool rows = a->row && b->row ? strcmp(a->row, b->row) == 0 : a->row == b->row;
    return rows && memcmp(&a->result, &b->result, sizeof a->result) == 0;
}

static void diff_examples(differ *w, const policy_example *before, unsigned n, const policy_example *after, unsigned m,
                          bool terms) {
    for (unsigned i = 0; i < m; i++) {
        const policy_example *old = find_example(before, n, after[i].name);
        if (!old)
            diff_add(w, DIFFERENCE_ADDED, diff_at("example"), "", after[i].name);
        else if (!same_example(old, &after[i], terms))
            diff_add(w, DIFFERENCE_CHANGED, diff_at("example"), after[i].name, "other values given or expected");
    }
    for (unsigned i = 0; i < n; i++)
        if (!find_example(after, m, before[i].name))
            diff_add(w, DIFFERENCE_REMOVED, diff_at("example"), before[i].name, "");
}

/* ------------------------------------------------------------------ guarantee */

static void diff_percents(differ *w, diff_place where, int64_t before, int64_t after) {
    char x[48], y[48];
    diff_text(w, where, diff_percent(before, x), diff_percent(after, y));
}

static void diff_by_grade(differ *w, const policy_guarantee *before, const policy_guarantee *after) {
    const profile_field *grade = profile_field_at(FIELD_market_grade);
    for (int g = MARKET_AAA; g >= MARKET_UNRATED; g--) {
        diff_percents(w, diff_at("guarantee, factor_bp of %s", grade->names[g]), before->factor_bp[g],
                      after->factor_bp[g]);
        diff_percents(w, diff_at("guarantee, unsecured_bp of %s", grade->names[g]), before->unsecured_bp[g],
                      after->unsecured_bp[g]);
    }
}

static void roles_text(unsigned roles, char text[DIFF_TEXT]) {
    text[0] = '\0';
    for (unsigned i = FIELD_retailer; i <= FIELD_power_user; i++) {
        const profile_field *f = profile_field_at(i);
        if (roles & f->bit) diff_append(text, "%s%s", text[0] ? ", " : "", f->name);
    }
}

static void diff_terms(differ *w, const guarantee_terms *b, const guarantee_terms *a) {
    diff_number(w, diff_at("guarantee, base fen_per_mwh_12m"), b->fen_per_mwh_12m, a->fen_per_mwh_12m);
    diff_number(w, diff_at("guarantee, base fen_per_mwh_2m"), b->fen_per_mwh_2m, a->fen_per_mwh_2m);
    diff_number(w, diff_at("guarantee, exposure_fen_per_mwh"), b->exposure_fen_per_mwh, a->exposure_fen_per_mwh);
    diff_bool(w, diff_at("guarantee, floor_at_base"), b->floor_at_base, a->floor_at_base);
    diff_bool(w, diff_at("guarantee, refuse_when_short"), b->refuse_when_short, a->refuse_when_short);
    for (unsigned i = 0; i < 3; i++)
        diff_number(w, diff_at("guarantee, warn_percent %u", i + 1), b->warn_percent[i], a->warn_percent[i]);
    diff_number(w, diff_at("guarantee, reservation default (ms)"), b->ttl_default_ms, a->ttl_default_ms);
    diff_number(w, diff_at("guarantee, reservation max (ms)"), b->ttl_max_ms, a->ttl_max_ms);
    diff_number(w, diff_at("guarantee, alerts bond_notice_days"), b->bond_notice_days, a->bond_notice_days);
    diff_number(w, diff_at("guarantee, alerts topup_days"), b->topup_days, a->topup_days);
}

static void diff_guarantee(differ *w, const policy *p, const policy *q) {
    const policy_guarantee *before = p->guarantee, *after = q->guarantee;
    if (!before || !after) {
        diff_text(w, diff_at("guarantee"), before ? before->name : NULL, after ? after->name : NULL);
        return;
    }
    char x[DIFF_TEXT], y[DIFF_TEXT];
    diff_text(w, diff_at("guarantee, program"), before->name, after->name);
    diff_number(w, diff_at("guarantee, program code"), before->program, after->program);
    roles_text(before->roles, x);
    roles_text(after->roles, y);
    diff_text(w, diff_at("guarantee, roles"), x, y);
    diff_text(w, diff_at("guarantee, unrated"), before->refuse_unrated ? "refuse" : "as a grade",
              after->refuse_unrated ? "refuse" : "as a grade");
    diff_terms(w, &before->terms, &after->terms);
    diff_by_grade(w, before, after);
    diff_tables(w, "guarantee table", p, before->tables, before->table_count, q, after->tables, after->table_count);
    diff_examples(w, before->examples, before->example_count, after->examples, after->example_count, true);
}

/* ------------------------------------------------------------------ policies */

static void diff_policy(differ *w, const policy *before, const policy *after) {
    char x[POLICY_HOUR_TEXT], y[POLICY_HOUR_TEXT];
    w->policy = after->id;
    diff_text(w, diff_at("policy"), before->id, after->id);
    diff_text(w, diff_at("scenario"), before->scenario_name, after->scenario_name);
    diff_number(w, diff_at("scenario code"), before->scenario, after->scenario);
    diff_text(w, diff_at("scenario title"), before->scenario_title, after->scenario_title);
    diff_text(w, diff_at("title"), before->title, after->title);
    diff_text(w, diff_at("authority"), before->authority, after->authority);
    diff_text(w, diff_at("legal_basis"), before->legal_basis, after->legal_basis);
    diff_text(w, diff_at("effective from"), hour_text(before->from_hour, x), hour_text(after->from_hour, y));
    diff_text(w, diff_at("effective to"), hour_text(before->to_hour, x), hour_text(after->to_hour, y));
    diff_benefits(w, before, after);
    diff_scope(w, before->scope, after->scope);
    diff_tables(w, "table", before, before->tables, before->table_count, after, after->tables, after->table_count);
    diff_guarantee(w, before, after);
    diff_examples(w, before->examples, before->example_count, after->examples, after->example_count, false);
}

static const policy *namesake(const policy_set *set, const char *id) {
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].id, id) == 0) return &set->items[i];
    return NULL;
}

/* The one policy of a scenario in `set` without a namesake in `other`; NULL if there is none or more than one. */
static const policy *only_nameless(const policy_set *set, const policy_set *other, unsigned scenario) {
    const policy *one = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const policy *p = &set->items[i];
        if (p->scenario != scenario || namesake(other, p->id)) continue;
        if (one) return NULL;
        one = p;
    }
    return one;
}

static const policy *counterpart(const policy *p, const policy_set *own, const policy_set *other) {
    const policy *same = namesake(other, p->id);
    if (same || only_nameless(own, other, p->scenario) != p) return same;
    return only_nameless(other, own, p->scenario);
}

static void describe(const policy *p, char text[DIFF_TEXT]) {
    char x[POLICY_HOUR_TEXT], y[POLICY_HOUR_TEXT];
    text[0] = '\0';
    diff_append(text, "%s; scenario %s, in force from %s to %s", p->title, p->scenario_name, hour_text(p->from_hour, x),
                hour_text(p->to_hour, y));
}

status policy_diff(const policy_set *before, const policy_set *after, policy_differences *out) {
    differ w = {.out = out};
    char text[DIFF_TEXT];
    *out = (policy_differences){0};
    for (size_t i = 0; i < after->count; i++) {
        const policy *is = &after->items[i], *was = counterpart(is, after, before);
        w.policy = is->id;
        describe(is, text);
        if (was)
            diff_policy(&w, was, is);
        else
            diff_add(&w, DIFFERENCE_ADDED, diff_at("policy"), "", text);
    }
    diff_credit(&w, policy_credit(before), policy_credit(after));
    for (size_t i = 0; i < before->count; i++) {
        const policy *was = &before->items[i];
        if (counterpart(was, before, after)) continue;
        w.policy = was->id;
        describe(was, text);
        diff_add(&w, DIFFERENCE_REMOVED, diff_at("policy"), text, "");
    }
    if (!w.no_memory) return STATUS_OK;
    policy_differences_deinit(out);
    return STATUS_NO_MEMORY;
}
