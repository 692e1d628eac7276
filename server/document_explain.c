/* The document of EXPLAIN: a decision with its reasons, for people and tools. Not on a hot path, so a library builds
 * it; field names are PROTOCOL.md's. */
#include "base/clock.h"
#include "engine/reason.h"
#include "engine/receipt.h"
#include "server/connection.h"
#include "server/document.h"
#include "server/worker.h"

#include <stdlib.h>

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

static json_t *text_or_null(const char *text) { return text != NULL ? json_string(text) : json_null(); }

static json_t *changes(const benefit_reason *b) {
    json_t *list = json_array();
    for (unsigned i = 0; i < b->change_count; i++) {
        const reason_change *c = &b->changes[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s, s:b, s:s}", "field", c->field, "title", c->title,
                                              "from", c->from[0] != '\0' ? json_string(c->from) : json_null(), "to",
                                              c->to, "indirect", (int)c->indirect, "text", c->text));
    }
    return list;
}

static json_t *wait(const benefit_reason *b) {
    if (b->wait_day == 0 && b->wait_text[0] == '\0') return json_null();
    return json_pack("{s:o, s:s}", "day", document_day(b->wait_day, 0), "text", b->wait_text);
}

static json_t *repair(const benefit_reason *b) {
    if (b->repair_day == 0) return json_null();
    return json_pack("{s:o, s:s}", "day", document_day(b->repair_day, 0), "text", b->repair_text);
}

/* Of a benefit, or of the outcome, which has neither id nor title. */
static json_t *reason(const benefit_reason *b) {
    json_t *o = json_object();
    if (b->id != NULL) {
        json_object_set_new(o, "id", json_string(b->id));
        json_object_set_new(o, "title", json_string(b->title != NULL ? b->title : ""));
    }
    json_object_set_new(o, "granted", json_boolean(b->granted));
    json_object_set_new(o, "row", text_or_null(b->row));
    json_object_set_new(o, "table", text_or_null(b->table));
    json_object_set_new(o, "because", text_or_null(b->because));
    json_object_set_new(o, "changes", changes(b));
    json_object_set_new(o, "wait", wait(b));
    json_object_set_new(o, "repair", repair(b));
    return o;
}

static json_t *benefits_explained(const reasons *r) {
    json_t *list = json_array();
    for (unsigned i = 0; i < r->count; i++) json_array_append_new(list, reason(&r->items[i]));
    return list;
}

/* What a document has beside the decision and its rows. False without memory. */
static bool add_reasons(json_t *root, const policy_set *set, const wire_decide *asked, const profile *p,
                        const dossier *d, policy_moment at) {
    reasons *r = malloc(sizeof *r);
    receipt kept;
    char text[RECEIPT_TEXT], moment[CLOCK_TIME_TEXT];
    bool found = r != NULL && reason_find(set, asked->scenario, p, d, at, r) == STATUS_OK;
    if (found) {
        receipt_make(set, asked->scenario, asked->purpose, p, at, &r->result, &kept);
        found = json_object_set_new(root, "outcome_explained", reason(&r->outcome)) == 0 &&
                json_object_set_new(root, "benefits_explained", benefits_explained(r)) == 0 &&
                json_object_set_new(root, "receipt", json_string(receipt_format(&kept, text))) == 0 &&
                json_object_set_new(root, "profile_as_of", json_string(clock_format_ms(at.now_ms, moment))) == 0;
    }
    free(r);
    return found;
}

char *document_explain(const policy_set *set, const wire_decide *asked, const profile *p, const dossier *d,
                       policy_moment at, status *result) {
    policy_explanation e = {0};
    status s = policy_explain(set, asked->scenario, p, at, &e);
    char *text = NULL;
    *result = s != STATUS_OK ? s : (status)e.result.status;
    if (s == STATUS_OK) {
        char subject[SUBJECT_TEXT], day[CLOCK_DATE_TEXT];
        const decision *made = &e.result;
        json_t *root = json_pack(
            "{s:s, s:s, s:s, s:s, s:i, s:o, s:I, s:i, s:i, s:o, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:o, s:o}",
            "subject", subject_format(&p->id, subject), "scenario", e.scenario, "status", status_name(made->status),
            "outcome", policy_outcome_name(made->outcome), "tier", (int)made->tier, "benefits",
            benefit_list(set, asked->scenario, made->benefits), "amount_fen", (json_int_t)made->amount_fen,
            "percent_bp", (int)made->percent_bp, "rate_bp", (int)made->rate_bp, "data_day",
            document_day(made->data_day, 0), "policy", e.policy, "policy_title", e.title, "authority", e.authority,
            "legal_basis", e.legal_basis, "policy_version", (json_int_t)made->policy_version, "policy_hash",
            policy_hash(set), "profile_version", (json_int_t)profile_version(p), "day", clock_format_day(at.day, day),
            "decided_by", decided_by(&e), "rows", explain_rows(set, asked->scenario, &e));
        if (root != NULL && !add_reasons(root, set, asked, p, d, at)) {
            json_decref(root);
            root = NULL;
        }
        text = document_dump(root);
        if (text == NULL) *result = STATUS_OVERLOADED;
    }
    policy_explanation_deinit(&e);
    return text;
}
