/* Explanations ask the compiled tables cell by cell, so what is explained is what was decided. Two allocations: rows
 * and cells; all texts belong to the set. */
#include "engine/policy_model.h"

#include <stdlib.h>
#include <string.h>

static size_t count_cells(const policy_table *t) {
    size_t n = 0;
    for (unsigned r = 0; r < t->row_count; r++)
        for (unsigned c = 0; c < t->column_count; c++) n += t->rows[r].tests[c] != NULL;
    return n;
}

static status allocate(const policy_table *tables, unsigned count, policy_explanation *out) {
    size_t rows = 0, cells = 0;
    for (unsigned t = 0; t < count; t++) {
        rows += tables[t].row_count;
        cells += count_cells(&tables[t]);
    }
    out->rows = calloc(rows + 1, sizeof *out->rows);
    out->cells = calloc(cells + 1, sizeof *out->cells);
    return out->rows && out->cells ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Appends a row with its cells. */
static void explain_row(const policy_table *t, unsigned table_number, unsigned r, const profile *p,
                        policy_explanation *out) {
    const policy_row *row = &t->rows[r];
    policy_row_reason *reason = &out->rows[out->row_count++];
    *reason = (policy_row_reason){.table = t->id,
                                  .row = row->id,
                                  .because = row->because,
                                  .table_number = (uint8_t)table_number,
                                  .row_number = (uint16_t)(table_number ? r + 1 : 0),
                                  .matched = true,
                                  .benefits = t->outputs ? t->outputs[r].benefits : 0,
                                  .cells = out->cells + out->cell_count};
    for (unsigned c = 0; c < t->column_count; c++) {
        bool satisfied = table_cell(t->compiled, r, c, p);
        reason->matched &= satisfied;
        if (!row->tests[c]) continue;
        policy_cell_reason *cell = &out->cells[out->cell_count++];
        *cell = (policy_cell_reason){
            .field = t->fields[c]->name, .title = t->fields[c]->title, .test = row->tests[c], .satisfied = satisfied};
        profile_format_value(t->fields[c], profile_get(p, t->fields[c]), cell->value);
        reason->cell_count++;
    }
}

/* All rows of all tables; those behind a table that declined have not been used, whatever they match. */
static void explain_tables(const policy *item, const profile *p, policy_explanation *out) {
    bool ended = false;
    for (unsigned i = 0; i < item->table_count; i++) {
        const policy_table *t = &item->tables[i];
        unsigned first = table_first(t->compiled, p);
        for (unsigned r = 0; r < t->row_count; r++) {
            explain_row(t, i + 1, r, p, out);
            policy_row_reason *reason = &out->rows[out->row_count - 1];
            reason->hit = !ended && (t->hit == HIT_COLLECT ? reason->matched : first == r + 1);
        }
        ended |= out->result.outcome == OUTCOME_DECLINED && out->result.row >> 12 == i + 1;
    }
}

status policy_explain(const policy_set *set, unsigned scenario, const profile *p, policy_moment at,
                      policy_explanation *out) {
    const policy *item = NULL;
    *out = (policy_explanation){0};
    policy_decide(set, scenario, p, at, &out->result);
    status s = policy_in_force(set, scenario, at.day, &item);
    if (s != STATUS_OK) {
        out->scenario = policy_scenario_name(set, scenario);
        return s;
    }
    out->scenario = item->scenario_name;
    out->policy = item->id;
    out->title = item->title;
    out->authority = item->authority;
    out->legal_basis = item->legal_basis;
    bool outside = out->result.status == STATUS_OUT_OF_SCOPE;
    s = outside ? allocate(item->scope, 1, out) : allocate(item->tables, item->table_count, out);
    if (s != STATUS_OK) {
        policy_explanation_deinit(out);
        return s;
    }
    if (outside)
        explain_row(item->scope, 0, 0, p, out);
    else
        explain_tables(item, p, out);
    return STATUS_OK;
}

void policy_explanation_deinit(policy_explanation *e) {
    free(e->rows);
    free(e->cells);
    *e = (policy_explanation){0};
}
