/* What a parser of single cells cannot see: rows that never apply, rows that contradict each other, combinations nobody
 * thought of, and names, codes and periods that clash between files. Tables are compiled here as well, because both
 * need the plan. */
#include "engine/policy_load.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ one table */

/* "tax_grade = unrated, public_grade = 优": what matters of a combination. */
static const char *point_text(const policy_table *t, const table_point *point, char *buffer, size_t room) {
    size_t used = 0;
    buffer[0] = 0;
    for (unsigned c = 0; c < t->column_count && used < room; c++) {
        if (!point->matters[c]) continue;
        char value[PROFILE_VALUE_TEXT];
        int64_t v = point->values[c];
        used += (size_t)snprintf(buffer + used, room - used, "%s%s = %s", used ? ", " : "", t->fields[c]->name,
                                 v == PROFILE_MISSING ? "missing" : profile_format_value(t->fields[c], v, value));
    }
    if (!used) snprintf(buffer, room, "any values");
    return buffer;
}

/* The rows with a pilot for which `take` says so of their pilot and the one of row r, which may be NULL. */
static const uint64_t *pilot_rows(const policy_table *t, unsigned r,
                                  bool (*take)(const policy_pilot *, const policy_pilot *),
                                  uint64_t rows[TABLE_WORDS_MAX]) {
    memset(rows, 0, TABLE_WORDS_MAX * sizeof *rows);
    const policy_pilot *pilot = r < t->row_count ? t->rows[r].pilot : NULL;
    for (unsigned i = 0; i < t->restriction_count; i++)
        if (take(pilot, t->restrictions[i].pilot))
            for (unsigned w = 0; w < (t->row_count + 63) / 64; w++) rows[w] |= t->restrictions[i].rows[w];
    return rows;
}

static bool may_be_absent(const policy_pilot *here, const policy_pilot *other) {
    return !here || !policy_pilot_same(here, other);
}

static bool never_together(const policy_pilot *here, const policy_pilot *other) {
    return here && policy_pilot_apart(here, other);
}

/* Rows with pilots that never meet do not overlap. */
static void check_unique(policy_loader *l, const policy_table *t, table_plan *plan) {
    char text[200];
    uint64_t apart[TABLE_WORDS_MAX];
    for (unsigned r = 1; r < t->row_count; r++) {
        table_point both;
        unsigned other;
        if (t->restriction_count) plan->without = pilot_rows(t, r, never_together, apart);
        table_verdict v = table_plan_overlap(plan, r, &l->work, &other, &both);
        if (v == TABLE_UNDECIDED) {
            policy_say_at(l, POLICY_ERROR, t->mark,
                          "the table '%s' is too large to prove that its rows are unique; split it or use hit: first",
                          t->id);
            return;
        }
        if (v == TABLE_COVERED)
            policy_say_at(l, POLICY_ERROR, t->rows[r].mark,
                          "the rows '%s' and '%s' both match, for instance %s; narrow one of them or use hit: first",
                          t->rows[other].id, t->rows[r].id, point_text(t, &both, text, sizeof text));
    }
}

/* A row with a pilot covers nothing for certain, but for rows with the same pilot. */
static void check_reachable(policy_loader *l, const policy_table *t, table_plan *plan) {
    uint64_t absent[TABLE_WORDS_MAX];
    for (unsigned r = 1; r < t->row_count; r++) {
        table_point hole;
        if (t->restriction_count) plan->without = pilot_rows(t, r, may_be_absent, absent);
        table_verdict v = table_plan_covered(plan, r, r, &l->work, &hole);
        if (v == TABLE_UNDECIDED) {
            policy_say_at(l, POLICY_NOTE, t->rows[r].mark,
                          "the table '%s' is too large to check it for rows that can never apply", t->id);
            return;
        }
        if (v != TABLE_COVERED) continue;
        if (hole.alone)
            policy_say_at(l, POLICY_ERROR, t->rows[r].mark,
                          "the row '%s' can never apply: '%s' before it matches all that it matches; move it up or "
                          "remove it",
                          t->rows[r].id, t->rows[hole.alone - 1].id);
        else
            policy_say_at(l, POLICY_ERROR, t->rows[r].mark,
                          "the row '%s' can never apply: the rows before it match all that it matches; move it up or "
                          "remove it",
                          t->rows[r].id);
    }
}

static void check_gaps(policy_loader *l, const policy_table *t, table_plan *plan) {
    table_point hole;
    char text[200];
    uint64_t absent[TABLE_WORDS_MAX];
    if (t->restriction_count) plan->without = pilot_rows(t, t->row_count, may_be_absent, absent);
    table_verdict v = table_plan_covered(plan, plan->rows, plan->rows, &l->work, &hole);
    if (v == TABLE_UNDECIDED)
        policy_say_at(l, POLICY_NOTE, t->mark, "the table '%s' is too large to check it for gaps", t->id);
    if (v == TABLE_UNCOVERED)
        policy_say_at(l, POLICY_WARNING, t->mark,
                      "no row of the table '%s' covers %s; add a row for it, or write 'gaps: allowed'", t->id,
                      point_text(t, &hole, text, sizeof text));
}

static void too_large(policy_loader *l, const policy_table *t) {
    policy_say_at(l, POLICY_ERROR, t->mark, "the tables of this set need more than %u MiB; use fewer rows or ranges",
                  LIMIT_POLICY_COMPILED_BYTES >> 20);
}

/* Rows with the same pilot share a restriction. */
static bool find_restrictions(policy_loader *l, policy_table *t) {
    const policy_pilot *pilots[LIMIT_POLICY_PILOTS];
    uint64_t *rows[LIMIT_POLICY_PILOTS];
    unsigned n = 0;
    for (unsigned r = 0; r < t->row_count; r++) {
        const policy_pilot *pilot = t->rows[r].pilot;
        unsigned i = 0;
        if (!pilot) continue;
        while (i < n && !policy_pilot_same(pilots[i], pilot)) i++;
        if (i == LIMIT_POLICY_PILOTS) {
            policy_say_at(l, POLICY_ERROR, t->rows[r].mark, "more than %d different pilots in the table '%s'; split it",
                          LIMIT_POLICY_PILOTS, t->id);
            return false;
        }
        if (i == n) {
            pilots[n] = pilot;
            rows[n] = POLICY_ARENA_ARRAY(l->keep, uint64_t, (t->row_count + 63) / 64);
            if (!rows[n++]) goto no_memory;
        }
        rows[i][r / 64] |= UINT64_C(1) << (r % 64);
    }
    if (n == 0) return true;
    policy_restriction *restrictions = POLICY_ARENA_ARRAY(l->keep, policy_restriction, n);
    if (!restrictions) goto no_memory;
    for (unsigned i = 0; i < n; i++) restrictions[i] = (policy_restriction){.pilot = pilots[i], .rows = rows[i]};
    t->restrictions = restrictions;
    t->restriction_count = (uint8_t)n;
    return true;
no_memory:
    l->no_memory = true;
    return false;
}

static void compile(policy_loader *l, policy_table *t) {
    table_spec spec = {.rows = t->row_count, .columns = t->column_count, .fields = t->fields, .cells = t->cells};
    table_plan plan;
    status s = table_plan_make(&spec, LIMIT_POLICY_COMPILED_BYTES - l->compiled, &l->scratch, &plan);
    t->cells = NULL;
    if (s == STATUS_TOO_LARGE) too_large(l, t);
    if (s == STATUS_NO_MEMORY) l->no_memory = true;
    if (s != STATUS_OK || !find_restrictions(l, t)) return;
    if (t->hit == HIT_UNIQUE) check_unique(l, t, &plan);
    if (t->hit == HIT_FIRST) check_reachable(l, t, &plan);
    if (t->hit != HIT_COLLECT && !t->gaps_allowed) check_gaps(l, t, &plan);
    size_t bytes = table_bytes(&plan);
    if (bytes > LIMIT_POLICY_COMPILED_BYTES - l->compiled) {
        too_large(l, t);
        return;
    }
    l->compiled += bytes;
    void *memory = policy_arena_alloc(l->keep, bytes, 64);
    if (memory)
        t->compiled = table_build(&plan, memory);
    else
        l->no_memory = true;
}

/* ------------------------------------------------------------------ one policy */

static void check_granted(policy_loader *l, const policy *p) {
    uint64_t granted = 0;
    for (unsigned t = 0; t < p->table_count; t++)
        for (unsigned r = 0; r < p->tables[t].row_count; r++) granted |= p->tables[t].outputs[r].benefits;
    for (unsigned i = 0; i < p->benefit_count; i++)
        if (!(granted >> p->benefits[i].code & 1))
            policy_say_at(l, POLICY_NOTE, p->benefits_mark, "no row grants the benefit '%s'", p->benefits[i].id);
}

void policy_check_tables(policy_loader *l, policy *p) {
    for (unsigned t = 0; t < p->table_count; t++) compile(l, &p->tables[t]);
    for (unsigned t = 0; p->guarantee && t < p->guarantee->table_count; t++) compile(l, &p->guarantee->tables[t]);
    if (p->scope) compile(l, (policy_table *)p->scope);
    check_granted(l, p);
}

/* ------------------------------------------------------------------ between files */

static void check_periods(policy_loader *l, const policy *a, const policy *b) {
    if (a->from_hour >= b->to_hour || b->from_hour >= a->to_hour) return;
    int32_t from = a->from_hour > b->from_hour ? a->from_hour : b->from_hour;
    char hour[POLICY_HOUR_TEXT] = "every day";
    if (from != INT32_MIN) policy_format_hour(from, hour);
    policy_say_at(l, POLICY_ERROR, b->effective_mark,
                  "'%s' and '%s' (%s) are both in force on %s; end one with 'to:', the first day it is not in force",
                  b->id, a->id, a->file, hour);
}

static void check_benefit_codes(policy_loader *l, const policy *a, const policy *b) {
    for (unsigned i = 0; i < b->benefit_count; i++)
        for (unsigned j = 0; j < a->benefit_count; j++) {
            const policy_benefit *x = &b->benefits[i], *y = &a->benefits[j];
            if ((x->code == y->code) == (strcmp(x->id, y->id) == 0)) continue;
            policy_say_at(l, POLICY_ERROR, b->benefits_mark,
                          "the benefit '%s' has code %u, but in %s '%s' has code %u; a code means one benefit for ever",
                          x->id, x->code, a->file, y->id, y->code);
        }
}

static void check_programs(policy_loader *l, const policy *a, const policy *b) {
    if (!a->guarantee || !b->guarantee) return;
    const policy_guarantee *x = a->guarantee, *y = b->guarantee;
    if (x->program != y->program && strcmp(x->name, y->name) != 0) return;
    if (x->program == y->program && strcmp(x->name, y->name) == 0 && a->scenario == b->scenario) return;
    policy_say_at(
        l, POLICY_ERROR, y->mark,
        "the program '%s' (code %u) clashes with '%s' (code %u) of the scenario '%s' in %s; a program has one "
        "name, one code and one scenario",
        y->name, y->program, x->name, x->program, a->scenario_name, a->file);
}

static void check_pair(policy_loader *l, const policy *a, const policy *b) {
    if (strcmp(a->id, b->id) == 0)
        policy_say_at(l, POLICY_ERROR, b->mark, "the policy id '%s' stands in %s as well; rename one", b->id, a->file);
    bool same_code = a->scenario == b->scenario, same_name = strcmp(a->scenario_name, b->scenario_name) == 0;
    if (same_code != same_name)
        policy_say_at(l, POLICY_ERROR, b->scenario_mark,
                      "the scenario '%s' has code %u, but '%s' has code %u in %s; a scenario has one name and one code",
                      b->scenario_name, b->scenario, a->scenario_name, a->scenario, a->file);
    check_programs(l, a, b);
    if (!same_code || !same_name) return;
    check_periods(l, a, b);
    check_benefit_codes(l, a, b);
}

void policy_check_set(policy_loader *l, const policy *items, size_t count) {
    for (size_t j = 0; j < count; j++) {
        l->file = items[j].file;
        for (size_t i = 0; i < j; i++)
            if (items[i].scenario && items[j].scenario && items[i].id[0] && items[j].id[0])
                check_pair(l, &items[i], &items[j]);
    }
    l->file = NULL;
}
