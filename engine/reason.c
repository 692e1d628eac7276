/* Reasons: the decision and which rows made it come from policy_explain, so they are the decision's own; what would
 * change it is searched for with policy_decide (reason_change.c, reason_wait.c, reason_repair.c). Nothing here knows
 * how tables are evaluated.
 *
 * Cost: one explanation, then for what was not granted the two searches, each bounded. One allocation of about 100 KiB
 * beside the explanation's own. */
#include "engine/reason_internal.h"

#include <string.h>

benefit_reason *reason_item(reasons *out, unsigned code) {
    for (unsigned i = 0; i < out->count; i++)
        if (out->items[i].code == code) return &out->items[i];
    return NULL;
}

static void name_row(benefit_reason *b, const policy_row_reason *row) {
    b->row = row->row;
    b->table = row->table;
    b->because = row->because;
}

/* The row that set the outcome; of a subject out of scope the scope. NULL: none did. */
static const policy_row_reason *deciding_row(const policy_explanation *e) {
    for (size_t i = 0; i < e->row_count; i++) {
        const policy_row_reason *row = &e->rows[i];
        if (row->table_number == 0) return row;
        if (e->result.row != 0 && POLICY_ROW_NUMBER(row->table_number - 1u, row->row_number) == e->result.row)
            return row;
    }
    return NULL;
}

static void tell_benefits(const policy *in_force, const policy_explanation *e, reasons *out) {
    const policy_row_reason *decided = deciding_row(e);
    for (unsigned i = 0; i < in_force->benefit_count; i++) {
        const policy_benefit *benefit = &in_force->benefits[i];
        benefit_reason *b = &out->items[out->count++];
        b->code = benefit->code;
        b->id = benefit->id;
        b->title = benefit->title;
        b->granted = (e->result.benefits >> benefit->code & 1) != 0;
        for (size_t r = 0; b->granted && b->row == NULL && r < e->row_count; r++)
            if (e->rows[r].hit && (e->rows[r].benefits >> benefit->code & 1) != 0) name_row(b, &e->rows[r]);
        if (!b->granted && decided != NULL && e->result.outcome == OUTCOME_DECLINED) name_row(b, decided);
    }
    out->outcome.granted = e->result.outcome == OUTCOME_GRANTED;
    if (decided != NULL) name_row(&out->outcome, decided);
}

static reason_goals not_granted(const reasons *out) {
    reason_goals goals = {.outcome = !out->outcome.granted};
    for (unsigned i = 0; i < out->count; i++)
        if (!out->items[i].granted) goals.benefits |= UINT64_C(1) << out->items[i].code;
    return goals;
}

status reason_find(const policy_set *set, unsigned scenario, const profile *p, const dossier *d, policy_moment at,
                   reasons *out) {
    *out = (reasons){0};
    policy_explanation e;
    reason_case c = {.set = set, .scenario = scenario, .p = p, .d = d, .at = at};
    status s = policy_in_force(set, scenario, at, &c.item);
    if (s != STATUS_OK) {
        policy_decide(set, scenario, p, at, &out->result);
        return s;
    }
    if ((s = policy_explain(set, scenario, p, at, &e)) != STATUS_OK) return s;
    out->result = e.result;
    tell_benefits(c.item, &e, out);
    policy_explanation_deinit(&e);
    c.computed = reason_is_computed(set, p);
    reason_goals goals = not_granted(out);
    if (!reason_any(goals)) return STATUS_OK;
    s = reason_find_changes(&c, goals, out);
    if (s != STATUS_OK) return s;
    reason_find_waits(&c, goals, out);
    return reason_find_repairs(&c, goals, out);
}
