/* One function works a scorecard out; the score takes its result, and the explanation writes down how it came about. So
 * they cannot disagree.
 *
 * Numbers: normalised values are whole, the weighted mean is kept as a fraction, and merits, penalties and adjustments
 * are exact in hundredths; the sum is rounded once, half up, when it is complete, and kept within 0–1000. Bounds: a sum
 * of weights is at most 32 × 1000, so everything fits int64 with room to spare.
 *
 * Cost: at most two lookups of bit vectors (which scorecard, which rows), a table lookup or one division an input, one
 * division for the mean. */
#include "engine/evaluation_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static_assert((int64_t)LIMIT_EVALUATION_INPUTS * EVALUATION_WEIGHT_MAX * EVALUATION_SCORE_MAX < INT64_MAX / 1000,
              "sums in hundredths stay in int64");

const char *contribution_kind_name(unsigned kind) {
    static const char *const NAMES[] = {"input", "merits", "penalties", "adjustment", "cap", "instead"};
    return kind <= CONTRIBUTION_INSTEAD ? NAMES[kind] : NULL;
}

/* ------------------------------------------------------------------ normalisation */

static inline uint32_t raw_of(const normalisation *n, const profile *p) {
    const uint8_t *at = (const uint8_t *)p + n->offset;
    uint16_t half;
    uint32_t word;
    switch (n->width) {
    case 1: return *at;
    case 2: memcpy(&half, at, sizeof half); return half;
    default: memcpy(&word, at, sizeof word); return word;
    }
}

/* On the line between two points, rounded half up. */
static inline unsigned between(const normalisation *n, uint32_t raw) {
    unsigned last = n->count - 1u, i = 1;
    if (raw <= n->from[0]) return n->to[0];
    if (raw >= n->from[last]) return n->to[last];
    while (n->from[i] <= raw) i++;
    int64_t span = n->from[i] - n->from[i - 1], way = raw - n->from[i - 1];
    int64_t height = n->to[i - 1] * span + ((int64_t)n->to[i] - n->to[i - 1]) * way;
    return (unsigned)((uint64_t)(2 * height + span) / (uint64_t)(2 * span));
}

static inline unsigned normalise(const normalisation *n, const profile *p) {
    uint32_t raw = raw_of(n, p);
    if (n->from) return n->has_missing && raw == n->missing ? EVALUATION_NONE : between(n, raw);
    if (n->bit) raw = (raw & n->bit) != 0;
    return n->to[raw < n->count ? raw : n->count - 1u];
}

/* ------------------------------------------------------------------ working it out */

/* A scorecard as it is filled in. */
typedef struct working {
    const scorecard *card;               /* NULL: none is for this subject */
    int64_t weighted, weights;           /* Σ weight × value, Σ weight */
    int32_t merits, penalties, adjusted; /* hundredths; added, subtracted, added */
    uint64_t rows;                       /* that hold */
    unsigned instead;                    /* the row taken instead, from 1; 0 none */
    uint16_t score;
} working;

static inline int32_t rate(evaluation_rate r, uint16_t points) {
    int32_t most = r.max * 100, got = points * r.per_point;
    return got < most ? got : most;
}

static inline unsigned highest_allowed(const scorecard *c, uint64_t rows, unsigned score) {
    unsigned first = c->instead_count + c->adjustment_count;
    for (uint64_t left = rows >> first; left; left &= left - 1) {
        unsigned cap = (unsigned)c->rows[first + (unsigned)__builtin_ctzll(left)].amount;
        if (cap < score) score = cap;
    }
    return score;
}

/* The sum of everything that counts; false: too little is known. */
static inline bool sum_up(const scorecard *c, const profile *p, working *w, unsigned *score) {
    unsigned there = 0;
    for (unsigned i = 0; i < c->input_count; i++) {
        const evaluation_input *in = &c->inputs[i];
        unsigned value = normalise(&in->normal, p);
        there += value != EVALUATION_NONE;
        if (value == EVALUATION_NONE) value = in->otherwise;
        if (value == EVALUATION_NONE) continue;
        w->weighted += (int64_t)in->weight * value;
        w->weights += in->weight;
    }
    if (there < c->at_least) return false;
    w->merits = rate(c->merits, p->positive_points);
    w->penalties = rate(c->penalties, p->negative_points);
    uint64_t adjusting = w->rows >> c->instead_count & ((UINT64_C(1) << c->adjustment_count) - 1);
    for (; adjusting; adjusting &= adjusting - 1)
        w->adjusted += 100 * c->rows[c->instead_count + (unsigned)__builtin_ctzll(adjusting)].amount;
    int64_t more = w->merits - w->penalties + w->adjusted;
    int64_t sum = 100 * w->weighted + more * w->weights; /* × 100 × weights */
    int64_t unit = 100 * w->weights;
    int64_t rounded = sum > 0 ? (int64_t)((uint64_t)(2 * sum + unit) / (uint64_t)(2 * unit)) : 0;
    *score = rounded < EVALUATION_SCORE_MAX ? (unsigned)rounded : EVALUATION_SCORE_MAX;
    return true;
}

static inline void work_out(const evaluation *e, const profile *p, working *w) {
    w->weighted = w->weights = 0;
    w->merits = w->penalties = w->adjusted = 0;
    w->rows = 0;
    w->instead = 0;
    w->score = PROFILE_UNRATED;
    unsigned row = e->which ? table_first(e->which, p) : 1;
    w->card = row ? &e->cards[row - 1] : NULL;
    if (!w->card) return;
    const scorecard *c = w->card;
    if (c->conditions) (void)table_all(c->conditions, p, &w->rows);
    uint64_t instead = w->rows & ((UINT64_C(1) << c->instead_count) - 1);
    unsigned score = 0;
    if (instead) {
        w->instead = (unsigned)__builtin_ctzll(instead) + 1;
        score = normalise(c->rows[w->instead - 1].value, p);
    } else if (!sum_up(c, p, w, &score))
        return;
    w->score = (uint16_t)highest_allowed(c, w->rows, score);
}

static inline uint8_t grade_of(const evaluation *e, unsigned score) {
    if (score == PROFILE_UNRATED) return MARKET_UNRATED;
    unsigned grade = MARKET_C;
    for (unsigned g = MARKET_B; g <= MARKET_AAA; g++) grade += score >= e->cut_offs[g];
    return (uint8_t)grade;
}

void evaluation_score(const evaluation *e, const profile *p, uint16_t *score, uint8_t *grade) {
    working w;
    work_out(e, p, &w);
    *score = w.score;
    *grade = grade_of(e, w.score);
}

/* ------------------------------------------------------------------ explaining it */

static void format(const profile_field *field, const profile *p, char value[PROFILE_VALUE_TEXT]) {
    profile_format_value(field, profile_get(p, field), value);
}

/* Shares in hundredths, so rounded that they add up to the rounded mean. */
static void tell_inputs(const working *w, const profile *p, bool counted, scorecard_result *out) {
    int64_t so_far = 0, told = 0;
    for (unsigned i = 0; i < w->card->input_count; i++) {
        const evaluation_input *in = &w->card->inputs[i];
        unsigned own = normalise(&in->normal, p), value = own == EVALUATION_NONE ? in->otherwise : own;
        contribution *line = &out->lines[out->count++];
        *line = (contribution){.kind = CONTRIBUTION_INPUT,
                               .field = in->normal.field->name,
                               .title = in->title,
                               .because = "",
                               .weight = in->weight};
        format(in->normal.field, p, line->value);
        if (value != EVALUATION_NONE) line->normalised = (int32_t)value;
        if (!counted || value == EVALUATION_NONE) continue;
        so_far += (int64_t)in->weight * value;
        int64_t now = (200 * so_far + w->weights) / (2 * w->weights);
        line->counted = true;
        line->share = (int32_t)(now - told);
        told = now;
    }
}

static void tell_rate(evaluation_rate r, contribution_kind kind, unsigned field_number, int32_t share, bool counted,
                      const profile *p, scorecard_result *out) {
    if (!r.per_point) return;
    const profile_field *field = profile_field_at(field_number);
    contribution *line = &out->lines[out->count++];
    *line = (contribution){.kind = (uint8_t)kind, .title = field->title, .because = ""};
    format(field, p, line->value);
    line->counted = counted && share != 0;
    if (line->counted) line->share = share;
}

static void tell_row(const working *w, unsigned row, contribution_kind kind, unsigned number, int32_t share,
                     bool counted, const profile *p, scorecard_result *out) {
    const evaluation_row *r = &w->card->rows[row];
    contribution *line = &out->lines[out->count++];
    *line = (contribution){.kind = (uint8_t)kind,
                           .counted = counted && w->rows >> row & 1,
                           .title = r->id,
                           .because = r->because,
                           .normalised = (int32_t)number};
    if (r->value) format(r->value->field, p, line->value);
    if (line->counted) line->share = share;
}

static void tell_rows(const working *w, const profile *p, bool summed, bool rated, scorecard_result *out) {
    const scorecard *c = w->card;
    unsigned row = 0;
    for (unsigned i = 1; i <= c->instead_count; i++, row++) {
        bool taken = w->instead == i;
        int32_t share = taken ? 100 * (int32_t)normalise(c->rows[row].value, p) : 0;
        tell_row(w, row, CONTRIBUTION_INSTEAD, i, share, taken, p, out);
    }
    for (unsigned i = 1; i <= c->adjustment_count; i++, row++)
        tell_row(w, row, CONTRIBUTION_ADJUSTMENT, i, 100 * c->rows[row].amount, summed, p, out);
    for (unsigned i = 1; i <= c->cap_count; i++, row++)
        tell_row(w, row, CONTRIBUTION_CAP, i, 100 * c->rows[row].amount, rated, p, out);
}

void evaluation_explain(const evaluation *e, const profile *p, scorecard_result *out) {
    working w;
    work_out(e, p, &w);
    out->score = w.score;
    out->grade = grade_of(e, w.score);
    out->scorecard = out->title = NULL;
    out->evaluation = e->id;
    out->count = 0;
    if (!w.card) return;
    out->scorecard = w.card->id;
    out->title = w.card->title;
    bool rated = w.score != PROFILE_UNRATED, summed = rated && !w.instead;
    tell_inputs(&w, p, summed, out);
    tell_rate(w.card->merits, CONTRIBUTION_MERITS, FIELD_positive_points, w.merits, summed, p, out);
    tell_rate(w.card->penalties, CONTRIBUTION_PENALTIES, FIELD_negative_points, -w.penalties, summed, p, out);
    tell_rows(&w, p, summed, rated, out);
}

/* ------------------------------------------------------------------ what is in it */

const char *evaluation_id(const evaluation *e) { return e->id; }

size_t evaluation_indicators(const evaluation *e, const indicator **out) {
    *out = e->indicators;
    return e->indicator_count;
}

/* ------------------------------------------------------------------ examples */

typedef struct difference {
    char text[256];
    size_t used;
} difference;

static __attribute__((format(printf, 2, 3))) void differ(difference *d, const char *form, ...) {
    va_list args;
    if (d->used) d->used += (size_t)snprintf(d->text + d->used, sizeof d->text - d->used, "; ");
    if (d->used >= sizeof d->text) return;
    va_start(args, form);
    d->used += (size_t)vsnprintf(d->text + d->used, sizeof d->text - d->used, form, args);
    va_end(args);
}

static const char *value_text(unsigned field_number, int64_t value, char text[PROFILE_VALUE_TEXT]) {
    const char *shown = profile_format_value(profile_field_at(field_number), value, text);
    return shown[0] ? shown : "unrated";
}

static void compare(const evaluation *e, const evaluation_example *x, difference *d) {
    char want[PROFILE_VALUE_TEXT], got[PROFILE_VALUE_TEXT];
    working w;
    work_out(e, &x->given, &w);
    uint8_t grade = grade_of(e, w.score);
    const char *card = w.card ? w.card->id : "none", *wanted = x->card ? x->card : "none";
    if (x->wants_card && strcmp(card, wanted) != 0) differ(d, "scorecard: expected %s, got %s", wanted, card);
    if (x->wants_score && w.score != x->score)
        differ(d, "composite_score: expected %s, got %s",
               value_text(FIELD_composite_score, x->score == PROFILE_UNRATED ? PROFILE_MISSING : x->score, want),
               value_text(FIELD_composite_score, w.score == PROFILE_UNRATED ? PROFILE_MISSING : w.score, got));
    if (x->wants_grade && grade != x->grade)
        differ(d, "composite_grade: expected %s, got %s",
               value_text(FIELD_composite_grade, x->grade ? x->grade : PROFILE_MISSING, want),
               value_text(FIELD_composite_grade, grade ? grade : PROFILE_MISSING, got));
}

size_t evaluation_run_examples(const evaluation *e, policy_report tell, void *context) {
    size_t failed = 0;
    for (unsigned i = 0; i < e->example_count; i++) {
        const evaluation_example *x = &e->examples[i];
        difference d = {.used = 0};
        compare(e, x, &d);
        failed += d.used > 0;
        if (tell) tell(context, e->file, x->mark.line, x->name, d.used == 0, d.text);
    }
    return failed;
}
