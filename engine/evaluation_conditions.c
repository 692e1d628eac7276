/* Conditions name few fields each, so they are kept sparse and spread over the union of their fields when a table is
 * made of them. What can never hold is decided by the same plan that the tables of decisions are checked with. */
#include "engine/evaluation_conditions.h"

#include <string.h>

/* ------------------------------------------------------------------ fields */

bool evaluation_is_slot(const profile_field *field) {
    return field->number >= FIELD_slot_1 && field->number < FIELD_slot_1 + PROFILE_SLOTS;
}

bool evaluation_is_result(const profile_field *field) {
    return field->number == FIELD_composite_score || field->number == FIELD_composite_grade ||
           field->number == FIELD_change_day;
}

const indicator *evaluation_indicator_of(const evaluation *e, const profile_field *field) {
    if (!evaluation_is_slot(field)) return NULL;
    for (unsigned i = 0; i < e->indicator_count; i++)
        if (e->indicators[i].slot == field->number - FIELD_slot_1 + 1) return &e->indicators[i];
    return NULL;
}

/* ------------------------------------------------------------------ sets of values */

static sfeel_test everything_there(policy_loader *l, const profile_field *field) {
    sfeel_range *whole = POLICY_ARENA_ARRAY(&l->scratch, sfeel_range, 1);
    if (!whole) {
        l->no_memory = true;
        return (sfeel_test){.any = true};
    }
    *whole = sfeel_domain(field);
    return (sfeel_test){.count = 1, .ranges = whole};
}

/* The values that pass both; any, missing and ranges alike. */
static sfeel_test meet(policy_loader *l, const sfeel_test *a, const sfeel_test *b) {
    if (a->any) return *b;
    if (b->any) return *a;
    sfeel_test out = {.missing = a->missing && b->missing};
    sfeel_range *ranges = POLICY_ARENA_ARRAY(&l->scratch, sfeel_range, a->count + b->count);
    if (!ranges) {
        l->no_memory = true;
        return *a;
    }
    for (uint32_t i = 0, k = 0; i < a->count && k < b->count;) {
        int64_t low = a->ranges[i].low > b->ranges[k].low ? a->ranges[i].low : b->ranges[k].low;
        int64_t high = a->ranges[i].high < b->ranges[k].high ? a->ranges[i].high : b->ranges[k].high;
        if (low <= high) ranges[out.count++] = (sfeel_range){low, high};
        if (a->ranges[i].high < b->ranges[k].high)
            i++;
        else
            k++;
    }
    out.ranges = ranges;
    return out;
}

static bool is_nothing(const sfeel_test *t) { return !t->any && !t->missing && t->count == 0; }

/* ------------------------------------------------------------------ reading */

static bool usable(policy_loader *l, const evaluation *e, const policy_node *key, const profile_field *field) {
    if (evaluation_is_result(field)) {
        policy_error(l, key, "'%s' is computed after the evaluation and cannot be a condition of it", field->name);
        return false;
    }
    if (!evaluation_is_slot(field) || evaluation_indicator_of(e, field)) return true;
    policy_error(l, key, "no indicator says what '%s' means; declare its source and scale under 'indicators:'",
                 field->name);
    return false;
}

static bool within_scale(policy_loader *l, const evaluation *e, const policy_node *node, const profile_field *field,
                         const sfeel_test *cell) {
    const indicator *of = evaluation_indicator_of(e, field);
    if (!of || cell->any) return true;
    sfeel_range scale = {of->min, of->max};
    sfeel_test whole = {.missing = true, .count = 1, .ranges = &scale};
    sfeel_test left = meet(l, cell, &whole);
    if (!is_nothing(&left)) return true;
    policy_error(l, node, "the scale of '%s' goes from %u to %u: this is never true", of->id, of->min, of->max);
    return false;
}

bool condition_read(policy_loader *l, const evaluation *e, const policy_node *node, const char *what, condition *out) {
    *out = (condition){.mark = policy_mark_of(node)};
    if (node->kind != NODE_MAP) {
        policy_error(l, node, "%s is written as fields and cells: {serious_list: true, tax_grade: \"A, B\"}", what);
        return false;
    }
    if (node->count > LIMIT_POLICY_COLUMNS) {
        policy_error(l, node, "%s has more than %d fields", what, LIMIT_POLICY_COLUMNS);
        return false;
    }
    bool good = true;
    for (const policy_node *key = node->first; key; key = key->next) {
        const profile_field *field = policy_read_field(l, key);
        const char *text;
        sfeel_test *cell = &out->cells[out->count];
        if (!field || !usable(l, e, key, field) || !policy_read_cell(l, field, key->value, cell, &text) ||
            !within_scale(l, e, key->value, field, cell)) {
            good = false;
            continue;
        }
        out->fields[out->count++] = field;
    }
    return good;
}

static sfeel_test *cell_of(condition *c, const profile_field *field) {
    for (unsigned i = 0; i < c->count; i++)
        if (c->fields[i] == field) return &c->cells[i];
    return NULL;
}

const char *condition_text(policy_loader *l, const policy_node *node) {
    buf text = {0};
    for (const policy_node *key = node && node->kind == NODE_MAP ? node->first : NULL; key; key = key->next) {
        const policy_node *cell = key->value;
        buf_printf(&text, "%s%s ", key == node->first ? "" : ", ", key->text);
        if (cell && cell->kind == NODE_TEXT) buf_append_str(&text, cell->text);
        for (const policy_node *n = cell && cell->kind == NODE_LIST ? cell->first : NULL; n; n = n->next)
            if (n->kind == NODE_TEXT) buf_printf(&text, "%s%s", n == cell->first ? "" : " or ", n->text);
    }
    bool whole = buf_status(&text) == STATUS_OK;
    const char *kept = whole ? policy_arena_text(l->keep, (const char *)text.data, text.size) : NULL;
    if (!kept) l->no_memory = true;
    buf_deinit(&text);
    return kept;
}

bool condition_need_value(policy_loader *l, const profile_field *field, condition *c) {
    sfeel_test there = everything_there(l, field), *cell = cell_of(c, field);
    if (cell) {
        *cell = meet(l, cell, &there);
        return !is_nothing(cell);
    }
    if (c->count == LIMIT_POLICY_COLUMNS) {
        policy_say_at(l, POLICY_ERROR, c->mark, "more than %d fields", LIMIT_POLICY_COLUMNS);
        return true;
    }
    c->fields[c->count] = field;
    c->cells[c->count++] = there;
    return true;
}

bool condition_both(policy_loader *l, const condition *a, const condition *b, condition *out,
                    const profile_field **field) {
    *out = *b;
    for (unsigned i = 0; i < a->count; i++) {
        sfeel_test *cell = cell_of(out, a->fields[i]);
        if (cell) {
            *cell = meet(l, &a->cells[i], cell);
            *field = a->fields[i];
            if (is_nothing(cell)) return false;
        } else if (out->count < LIMIT_POLICY_COLUMNS) {
            out->fields[out->count] = a->fields[i];
            out->cells[out->count++] = a->cells[i];
        } /* else the check is made with fewer cells: it then finds less, and nothing wrong */
    }
    return true;
}

/* ------------------------------------------------------------------ tables of conditions */

/* The plan of n conditions over the union of their fields. TOO_LARGE also if that has too many columns. */
static status plan_of(policy_loader *l, const condition *conditions, unsigned n, table_plan *out) {
    const profile_field *fields[LIMIT_POLICY_COLUMNS];
    unsigned columns = 0;
    for (unsigned r = 0; r < n; r++)
        for (unsigned i = 0; i < conditions[r].count; i++) {
            unsigned c = 0;
            while (c < columns && fields[c] != conditions[r].fields[i]) c++;
            if (c < columns) continue;
            if (columns == LIMIT_POLICY_COLUMNS) return STATUS_TOO_LARGE;
            fields[columns++] = conditions[r].fields[i];
        }
    sfeel_test *cells = POLICY_ARENA_ARRAY(&l->scratch, sfeel_test, (size_t)n * columns + 1);
    if (!cells) return STATUS_NO_MEMORY;
    for (unsigned r = 0; r < n; r++) {
        for (unsigned c = 0; c < columns; c++) cells[r * columns + c] = sfeel_any(fields[c]);
        for (unsigned i = 0; i < conditions[r].count; i++) {
            unsigned c = 0;
            while (fields[c] != conditions[r].fields[i]) c++;
            cells[r * columns + c] = conditions[r].cells[i];
        }
    }
    table_spec spec = {.rows = n, .columns = columns, .fields = fields, .cells = cells};
    return table_plan_make(&spec, LIMIT_POLICY_COMPILED_BYTES - l->compiled, &l->scratch, out);
}

bool conditions_shadowed(policy_loader *l, const condition *conditions, unsigned n, unsigned *shadowed) {
    table_plan plan;
    memset(shadowed, 0, n * sizeof *shadowed);
    status s = n ? plan_of(l, conditions, n, &plan) : STATUS_TOO_LARGE;
    if (s == STATUS_NO_MEMORY) l->no_memory = true;
    if (s != STATUS_OK) return s != STATUS_NO_MEMORY; /* what is too large is said when it is compiled */
    for (unsigned r = 1; r < n; r++) {
        table_point hole;
        if (table_plan_covered(&plan, r, r, &l->work, &hole) == TABLE_COVERED)
            shadowed[r] = hole.alone ? hole.alone : n + 1;
    }
    return true;
}

const table *conditions_compile(policy_loader *l, const condition *conditions, unsigned n, policy_mark mark) {
    table_plan plan;
    status s = plan_of(l, conditions, n, &plan);
    size_t bytes = s == STATUS_OK ? table_bytes(&plan) : 0;
    if (s == STATUS_OK && bytes > LIMIT_POLICY_COMPILED_BYTES - l->compiled) s = STATUS_TOO_LARGE;
    if (s == STATUS_TOO_LARGE)
        policy_say_at(l, POLICY_ERROR, mark, "the conditions name more than %d fields, or too many values; use fewer",
                      LIMIT_POLICY_COLUMNS);
    void *memory = s == STATUS_OK ? policy_arena_alloc(l->keep, bytes, 64) : NULL;
    if (s == STATUS_NO_MEMORY || (s == STATUS_OK && !memory)) l->no_memory = true;
    if (!memory) return NULL;
    l->compiled += bytes;
    return table_build(&plan, memory);
}
