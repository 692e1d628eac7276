/* Differences of scorecards: inputs by field, adjustments, caps and `instead` by row, cut-offs by grade. */
#include "engine/evaluation_model.h"
#include "engine/policy_diff_internal.h"

#include <stdio.h>
#include <string.h>

static const char *known(const char *text) { return text ? text : ""; }

/* "0: 0, 1000: 1000" or "优 950, 良 800": what a field's values count as. */
static void normal_text(const normalisation *n, char text[DIFF_TEXT]) {
    text[0] = '\0';
    for (unsigned i = 0; i < n->count; i++) {
        char value[PROFILE_VALUE_TEXT];
        if (n->to[i] == EVALUATION_NONE) continue;
        if (n->from)
            diff_append(text, "%s%s: %u", text[0] ? ", " : "", profile_format_value(n->field, n->from[i], value),
                        n->to[i]);
        else
            diff_append(text, "%s%s %u", text[0] ? ", " : "", profile_format_value(n->field, i, value), n->to[i]);
    }
}

static const evaluation_input *find_input(const scorecard *c, const profile_field *f) {
    for (unsigned i = 0; i < c->input_count; i++)
        if (c->inputs[i].normal.field == f) return &c->inputs[i];
    return NULL;
}

static void input_text(const evaluation_input *in, char text[DIFF_TEXT]) {
    char normal[DIFF_TEXT];
    text[0] = '\0';
    normal_text(&in->normal, normal);
    diff_append(text, "weight %u; %s", in->weight, normal);
}

static void diff_input(differ *w, diff_place at, const evaluation_input *b, const evaluation_input *a) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    diff_number(w, diff_at("%s, weight", at.text), b->weight, a->weight);
    normal_text(&b->normal, x);
    normal_text(&a->normal, y);
    diff_text(w, diff_at("%s, values", at.text), x, y);
    snprintf(x, sizeof x, b->otherwise == EVALUATION_NONE ? "left out" : "%u", b->otherwise);
    snprintf(y, sizeof y, a->otherwise == EVALUATION_NONE ? "left out" : "%u", a->otherwise);
    diff_text(w, diff_at("%s, missing", at.text), x, y);
    diff_text(w, diff_at("%s, title", at.text), b->title, a->title);
}

static void rate_text(evaluation_rate r, char text[DIFF_TEXT]) {
    text[0] = '\0';
    if (r.per_point == 0)
        diff_append(text, "none");
    else
        diff_append(text, "%u a point, at most %u", r.per_point, r.max);
}

static void diff_rate(differ *w, diff_place at, evaluation_rate before, evaluation_rate after) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    rate_text(before, x);
    rate_text(after, y);
    diff_text(w, at, x, y);
}

static const evaluation_row *find_line(const evaluation_row *rows, unsigned n, const char *id) {
    for (unsigned i = 0; i < n; i++)
        if (strcmp(known(rows[i].id), known(id)) == 0) return &rows[i];
    return NULL;
}

static void line_text(const evaluation_row *r, char text[DIFF_TEXT]) {
    text[0] = '\0';
    diff_append(text, "%s → ", known(r->when)[0] ? r->when : "always");
    if (r->value) {
        diff_append(text, "%s: ", r->value->field->name);
        char normal[DIFF_TEXT];
        normal_text(r->value, normal);
        diff_append(text, "%s", normal);
    } else {
        diff_append(text, "%d", r->amount);
    }
}

static void diff_lines(differ *w, diff_place at, const char *kind, const evaluation_row *before, unsigned n,
                       const evaluation_row *after, unsigned m) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    for (unsigned i = 0; i < m; i++) {
        const evaluation_row *old = find_line(before, n, after[i].id);
        diff_place line = diff_at("%s, %s %s", at.text, kind, known(after[i].id));
        line_text(&after[i], y);
        x[0] = '\0';
        if (old) line_text(old, x);
        diff_text(w, line, x, y);
        if (old) diff_text(w, diff_at("%s, because", line.text), old->because, after[i].because);
    }
    for (unsigned i = 0; i < n; i++) {
        if (find_line(after, m, before[i].id)) continue;
        line_text(&before[i], x);
        diff_text(w, diff_at("%s, %s %s", at.text, kind, known(before[i].id)), x, "");
    }
}

static void diff_card(differ *w, const scorecard *b, const scorecard *a) {
    char text[DIFF_TEXT];
    diff_place at = diff_at("scorecard %s", known(a->id));
    diff_text(w, diff_at("%s, title", at.text), b->title, a->title);
    diff_text(w, diff_at("%s, for", at.text), known(b->for_whom)[0] ? b->for_whom : "everybody",
              known(a->for_whom)[0] ? a->for_whom : "everybody");
    diff_number(w, diff_at("%s, at_least", at.text), b->at_least, a->at_least);
    for (unsigned i = 0; i < a->input_count; i++) {
        const profile_field *f = a->inputs[i].normal.field;
        const evaluation_input *old = find_input(b, f);
        diff_place input = diff_at("%s, input %s", at.text, f->name);
        input_text(&a->inputs[i], text);
        if (old)
            diff_input(w, input, old, &a->inputs[i]);
        else
            diff_text(w, input, "", text);
    }
    for (unsigned i = 0; i < b->input_count; i++) {
        if (find_input(a, b->inputs[i].normal.field)) continue;
        input_text(&b->inputs[i], text);
        diff_text(w, diff_at("%s, input %s", at.text, b->inputs[i].normal.field->name), text, "");
    }
    diff_rate(w, diff_at("%s, merits", at.text), b->merits, a->merits);
    diff_rate(w, diff_at("%s, penalties", at.text), b->penalties, a->penalties);
    const evaluation_row *x = b->rows, *y = a->rows;
    diff_lines(w, at, "instead", x, b->instead_count, y, a->instead_count);
    diff_lines(w, at, "adjustment", x + b->instead_count, b->adjustment_count, y + a->instead_count,
               a->adjustment_count);
    diff_lines(w, at, "cap", x + b->instead_count + b->adjustment_count, b->cap_count,
               y + a->instead_count + a->adjustment_count, a->cap_count);
}

static const scorecard *find_card(const evaluation *e, const char *id) {
    for (unsigned i = 0; i < e->card_count; i++)
        if (strcmp(known(e->cards[i].id), known(id)) == 0) return &e->cards[i];
    return NULL;
}

static void indicator_text(const evaluation *e, unsigned slot, char text[DIFF_TEXT]) {
    text[0] = '\0';
    for (unsigned i = 0; i < e->indicator_count; i++) {
        const indicator *in = &e->indicators[i];
        if (in->slot == slot)
            diff_append(text, "%s %s: source %u, scale %u to %u", known(in->id), known(in->title), in->source, in->min,
                        in->max);
    }
}

void diff_evaluation(differ *w, const evaluation *before, const evaluation *after) {
    w->policy = "evaluation";
    if (!before || !after) {
        diff_text(w, diff_at("evaluation"), before ? known(before->id) : NULL, after ? known(after->id) : NULL);
        return;
    }
    char x[DIFF_TEXT], y[DIFF_TEXT];
    const profile_field *grade = profile_field_at(FIELD_composite_grade);
    diff_text(w, diff_at("id"), before->id, after->id);
    diff_text(w, diff_at("title"), before->title, after->title);
    diff_text(w, diff_at("authority"), before->authority, after->authority);
    diff_text(w, diff_at("legal_basis"), before->legal_basis, after->legal_basis);
    for (unsigned slot = 1; slot <= PROFILE_SLOTS; slot++) {
        indicator_text(before, slot, x);
        indicator_text(after, slot, y);
        diff_text(w, diff_at("indicator slot %u", slot), x, y);
    }
    for (unsigned g = MARKET_AAA; g > MARKET_C; g--)
        diff_number(w, diff_at("grade %s from", grade->names[g]), before->cut_offs[g], after->cut_offs[g]);
    for (unsigned i = 0; i < after->card_count; i++) {
        const scorecard *is = &after->cards[i], *was = find_card(before, is->id);
        if (was)
            diff_card(w, was, is);
        else
            diff_text(w, diff_at("scorecard %s", known(is->id)), "", is->title ? is->title : known(is->id));
    }
    for (unsigned i = 0; i < before->card_count; i++)
        if (!find_card(after, before->cards[i].id))
            diff_text(w, diff_at("scorecard %s", known(before->cards[i].id)),
                      before->cards[i].title ? before->cards[i].title : known(before->cards[i].id), "");
}
