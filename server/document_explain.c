/* The document of EXPLAIN: a decision with its reasons, for people and tools. Not on a hot path, so a library builds
 * it; field names are PROTOCOL.md's. */
#include "base/clock.h"
#include "server/connection.h"
#include "server/document.h"
#include "server/worker.h"

#include <stdio.h>
#include <string.h>

static json_t *benefit_list(const policy_set *set, unsigned scenario, uint64_t bits) {
    json_t *list = json_array();
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
        if ((bits >> code & 1) == 0) continue;
        const policy_benefit *b = policy_benefit_of(set, scenario, code);
        json_array_append_new(list, b != NULL ? json_string(b->id) : json_integer(code));
    }
    return list;
}

static json_t *explain_rows(const policy_set *set, unsigned scenario, const policy_explanation *e) {
    json_t *rows = json_array();
    for (size_t i = 0; i < e->row_count; i++) {
        const policy_row_reason *row = &e->rows[i];
        json_t *cells = json_array();
        for (uint32_t k = 0; k < row->cell_count; k++) {
            const policy_cell_reason *cell = &row->cells[k];
            json_array_append_new(cells,
                                  json_pack("{s:s, s:s, s:o, s:s, s:b}", "field", cell->field, "title", cell->title,
                                            "value", cell->value[0] != '\0' ? json_string(cell->value) : json_null(),
                                            "test", cell->test, "satisfied", (int)cell->satisfied));
        }
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:b, s:b, s:s, s:o, s:o}", "table", row->table, "row", row->row,
                                        "hit", (int)row->hit, "matched", (int)row->matched, "because", row->because,
                                        "benefits", benefit_list(set, scenario, row->benefits), "cells", cells));
    }
    return rows;
}

/* The row that decision.row names, as an object, or null. */
static json_t *decided_by(const policy_explanation *e) {
    for (size_t i = 0; i < e->row_count; i++) {
        const policy_row_reason *row = &e->rows[i];
        if (e->result.row != 0 && e->result.row == (row->table_number << 12 | row->row_number))
            return json_pack("{s:s, s:s, s:s}", "table", row->table, "row", row->row, "because", row->because);
    }
    return json_null();
}

char *document_explain(const policy_set *set, const wire_decide *asked, const profile *p, policy_moment at,
                       status *result) {
    policy_explanation e = {0};
    status s = policy_explain(set, asked->scenario, p, at, &e);
    char *text = NULL;
    *result = s != STATUS_OK ? s : (status)e.result.status;
    if (s == STATUS_OK) {
        char subject[SUBJECT_TEXT], day[CLOCK_DATE_TEXT];
        const decision *d = &e.result;
        text = document_dump(json_pack(
            "{s:s, s:s, s:s, s:s, s:i, s:o, s:I, s:i, s:i, s:o, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:o, s:o}",
            "subject", subject_format(&p->id, subject), "scenario", e.scenario, "status", status_name(d->status),
            "outcome", policy_outcome_name(d->outcome), "tier", (int)d->tier, "benefits",
            benefit_list(set, asked->scenario, d->benefits), "amount_fen", (json_int_t)d->amount_fen, "percent_bp",
            (int)d->percent_bp, "rate_bp", (int)d->rate_bp, "data_day", document_day(d->data_day, 0), "policy",
            e.policy, "policy_title", e.title, "authority", e.authority, "legal_basis", e.legal_basis, "policy_version",
            (json_int_t)d->policy_version, "policy_hash", policy_hash(set), "profile_version",
            (json_int_t)profile_version(p), "day", clock_format_day(at.day, day), "decided_by", decided_by(&e), "rows",
            explain_rows(set, asked->scenario, &e)));
        if (text == NULL) *result = STATUS_OVERLOADED;
    }
    policy_explanation_deinit(&e);
    return text;
}
