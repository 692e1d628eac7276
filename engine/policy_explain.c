/* Explanations ask the compiled tables cell by cell and the pilots kind by kind, so what is explained is what was
 * decided. Two allocations: rows
 * and cells; all texts belong to the set. */
#include "engine/policy_model.h"

#include <stdlib.h>
#include <string.h>

static size_t count_cells(const policy_table *t) {
    size_t n = 0;
    for (unsigned r = 0; r < t->row_count; r++) {
        for (unsigned c = 0; c < t->column_count; c++) n += t->rows[r].tests[c] != NULL;
        for (unsigned k = 0; t->rows[r].pilot && k < POLICY_PILOT_KINDS; k++) n += t->rows[r].pilot->texts[k] != NULL;
    }
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

/* Each kind of a pilot as if it were a cell. */
static void explain_pilot(const policy_pilot *pilot, const profile *p, int32_t day, policy_row_reason *reason,
                          policy_explanation *out) {
    static const unsigned FIELDS[POLICY_PILOT_KINDS] = {
        [PILOT_AREAS] = FIELD_division, [PILOT_DIVISIONS] = FIELD_division, [PILOT_SECTORS] = FIELD_sector};
    for (unsigned k = 0; k < POLICY_PILOT_KINDS; k++) {
        if (!pilot->texts[k]) continue;
        policy_cell_reason *cell = &out->cells[out->cell_count++];
        *cell = (policy_cell_reason){.field = "pilot",
                                     .title = "试点范围",
                                     .test = pilot->texts[k],
                                     .satisfied = policy_pilot_kind_holds(pilot, k, p, day)};
        const profile_field *field = profile_field_at(FIELDS[k]);
        if (k == PILOT_PERIOD)
            clock_format_day(day, cell->value);
        else
            profile_format_value(field, profile_get(p, field), cell->value);
        reason->matched &= cell->satisfied;
        reason->cell_count++;
    }
}

/* Appends a row with its cells. */
static void explain_row(const policy_table *t, unsigned table_number, unsigned r, const profile *p, int32_t day,
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
    if (row->pilot) explain_pilot(row->pilot, p, day, reason, out);
}

/* All rows of all tables; those behind a table that declined have not been used, whatever they match. */
static void explain_tables(const policy *item, const profile *p, int32_t day, policy_explanation *out) {
    bool ended = false;
    for (unsigned i = 0; i < item->table_count; i++) {
        const policy_table *t = &item->tables[i];
        unsigned first = policy_table_first(t, p, day);
        for (unsigned r = 0; r < t->row_count; r++) {
            explain_row(t, i + 1, r, p, day, out);
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
    status s = policy_in_force(set, scenario, at, &item);
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
        explain_row(item->scope, 0, 0, p, at.day, out);
    else
        explain_tables(item, p, at.day, out);
    return STATUS_OK;
}

void policy_explanation_deinit(policy_explanation *e) {
    free(e->rows);
    free(e->cells);
    *e = (policy_explanation){0};
}
