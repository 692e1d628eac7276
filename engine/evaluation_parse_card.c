/* Scorecards: inputs with their normalisation, rates, and rows with conditions. What could not be meant is refused: a
 * normalisation with a hole, a row that can never hold, a cap that allows everything. */
#include "engine/evaluation_conditions.h"
#include "engine/evaluation_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *or_empty(const char *text) { return text ? text : ""; }

/* An array in the set's arena; says it if there is no memory. */
#define KEEP_ARRAY(l, type, n) ((type *)keep_array((l), (n) * sizeof(type), _Alignof(type)))
static void *keep_array(policy_loader *l, size_t size, size_t align) {
    void *made = policy_arena_alloc(l->keep, size, align);
    if (!made) l->no_memory = true;
    return made;
}

/* ------------------------------------------------------------------ fields */

/* Whether a field can be normalised at all; `by_name` tells how. */
static bool usable(policy_loader *l, const evaluation *e, const policy_node *node, const profile_field *field,
                   bool *by_name) {
    *by_name = field->type == PROFILE_ENUM || field->type == PROFILE_FLAG;
    if (evaluation_is_result(field))
        policy_error(l, node, "'%s' is computed after the evaluation and cannot enter it", field->name);
    else if (field->type == PROFILE_DIVISION || field->type == PROFILE_SECTOR || field->type == PROFILE_DAY)
        policy_error(l, node, "'%s' has no normalisation; use it in the condition of an adjustment or a cap",
                     field->name);
    else if (evaluation_is_slot(field) && !evaluation_indicator_of(e, field))
        policy_error(l, node, "no indicator says what '%s' means; declare its source and scale under 'indicators:'",
                     field->name);
    else
        return true;
    return false;
}

/* ------------------------------------------------------------------ normalisation */

static bool read_score(policy_loader *l, const policy_node *node, uint16_t *out) {
    int64_t score;
    if (!policy_read_number(l, node, "a normalised score", 0, EVALUATION_SCORE_MAX, &score)) return false;
    *out = (uint16_t)score;
    return true;
}

/* Every name the field can have, once. */
static bool read_values(policy_loader *l, const policy_node *node, normalisation *n) {
    const profile_field *field = n->field;
    if (node->kind != NODE_MAP) {
        policy_error(l, node, "'values' gives a score to each value of '%s': {A: 950, B: 800, …}", field->name);
        return false;
    }
    n->count = (uint16_t)(field->max + 1);
    uint16_t *to = KEEP_ARRAY(l, uint16_t, n->count);
    if (!to) return false;
    for (unsigned v = 0; v < n->count; v++) to[v] = EVALUATION_NONE;
    bool good = true;
    for (const policy_node *key = node->first; key; key = key->next) {
        int64_t value;
        uint16_t score;
        if (!policy_read_value(l, field, key, &value) || !read_score(l, key->value, &score)) {
            good = false;
        } else if (value == PROFILE_MISSING) {
            policy_error(l, key, "what a missing value counts as is written beside 'values:', as 'missing: %u'", score);
            good = false;
        } else if (to[value] != EVALUATION_NONE) {
            policy_error(l, key, "this value stands here twice; remove one");
            good = false;
        } else
            to[value] = score;
    }
    char lacking[160] = "";
    size_t used = 0;
    sfeel_range domain = sfeel_domain(field);
    for (int64_t v = domain.low; good && v <= domain.high && used < sizeof lacking; v++) {
        char text[PROFILE_VALUE_TEXT];
        if (to[v] != EVALUATION_NONE) continue;
        used += (size_t)snprintf(lacking + used, sizeof lacking - used, "%s%s", used ? ", " : "",
                                 profile_format_value(field, v, text));
    }
    if (used) policy_error(l, node, "no score is given for %s of '%s'; add it", lacking, field->name);
    n->to = to;
    return good && !used;
}

static bool read_point(policy_loader *l, const evaluation *e, const policy_node *key, const profile_field *field,
                       uint32_t *from, uint16_t *to) {
    int64_t value;
    if (!policy_read_value(l, field, key, &value) || !read_score(l, key->value, to)) return false;
    if (value == PROFILE_MISSING) {
        policy_error(l, key, "what a missing value counts as is written beside 'points:', as 'missing: %u'", *to);
        return false;
    }
    const indicator *of = evaluation_indicator_of(e, field);
    if (of && (value < of->min || value > of->max)) {
        policy_error(l, key, "%lld is outside the scale of '%s', which goes from %u to %u", (long long)value, of->id,
                     of->min, of->max);
        return false;
    }
    *from = (uint32_t)value;
    return true;
}

static bool read_points(policy_loader *l, const evaluation *e, const policy_node *node, normalisation *n) {
    if (node->kind != NODE_MAP || node->count < 2) {
        policy_error(l, node, "'points' has two points or more, value and score: {0: 0, 1000: 1000}");
        return false;
    }
    uint32_t *from = KEEP_ARRAY(l, uint32_t, node->count);
    uint16_t *to = KEEP_ARRAY(l, uint16_t, node->count);
    if (!from || !to) return false;
    bool good = true;
    unsigned i = 0;
    for (const policy_node *key = node->first; key; key = key->next, i++) {
        if (!read_point(l, e, key, n->field, &from[i], &to[i])) {
            good = false;
        } else if (good && i > 0 && from[i] <= from[i - 1]) {
            policy_error(l, key, "the points are not in rising order of the value; sort them");
            good = false;
        }
    }
    n->from = from;
    n->to = to;
    n->count = (uint16_t)node->count;
    return good;
}

/* The keys `values` and `points`, of which a field takes one. */
static bool read_normalisation(policy_loader *l, const evaluation *e, const policy_node *whole,
                               const profile_field *field, bool by_name, const policy_node *values,
                               const policy_node *points, normalisation *n) {
    *n = (normalisation){.field = field,
                         .offset = field->offset,
                         .width = field->width,
                         .has_missing = field->has_missing,
                         .missing = field->missing,
                         .bit = field->type == PROFILE_FLAG ? field->bit : 0};
    const policy_node *right = by_name ? values : points, *wrong = by_name ? points : values;
    if (wrong)
        policy_error(l, wrong,
                     by_name ? "'%s' has names, not numbers; write 'values:' with a score for each"
                             : "'%s' is a number; write 'points:' with scores between which lines are drawn",
                     field->name);
    else if (!right)
        policy_error(l, whole, "how '%s' becomes a score is missing; write '%s'", field->name,
                     by_name ? "values: {A: 950, B: 800, …}" : "points: {0: 0, 1000: 1000}");
    if (!right || wrong) return false;
    return by_name ? read_values(l, right, n) : read_points(l, e, right, n);
}

/* ------------------------------------------------------------------ inputs */

static void parse_input(policy_loader *l, const policy_node *node, const evaluation *e, evaluation_input *inputs,
                        unsigned *count) {
    enum { FIELD, WEIGHT, VALUES, POINTS, MISSING, TITLE, COUNT };
    policy_key k[COUNT] = {{.name = "field", .required = true},
                           {.name = "weight", .required = true},
                           {.name = "values"},
                           {.name = "points"},
                           {.name = "missing"},
                           {.name = "title"}};
    evaluation_input in = {.otherwise = EVALUATION_NONE};
    int64_t weight = 0;
    bool by_name;
    if (!policy_read_keys(l, node, "an input", k, COUNT)) return;
    if (k[WEIGHT].value) policy_read_number(l, k[WEIGHT].value, "a weight", 1, EVALUATION_WEIGHT_MAX, &weight);
    in.weight = (uint16_t)weight;
    if (k[MISSING].value) read_score(l, k[MISSING].value, &in.otherwise);
    const profile_field *field = k[FIELD].value ? policy_read_field(l, k[FIELD].value) : NULL;
    if (!field || !usable(l, e, k[FIELD].value, field, &by_name)) return;
    const indicator *of = evaluation_indicator_of(e, field);
    const char *title = k[TITLE].value ? policy_read_text(l, k[TITLE].value, "an input's title") : NULL;
    in.title = title ? title : (of ? of->title : field->title);
    if (k[MISSING].value && !field->has_missing)
        policy_say(l, POLICY_NOTE, k[MISSING].value, "'%s' always has a value; 'missing:' never counts", field->name);
    for (unsigned i = 0; i < *count; i++)
        if (inputs[i].normal.field == field)
            policy_say(l, POLICY_NOTE, k[FIELD].value, "'%s' is an input of this scorecard twice", field->name);
    if (read_normalisation(l, e, node, field, by_name, k[VALUES].value, k[POINTS].value, &in.normal))
        inputs[(*count)++] = in;
}

static void parse_inputs(policy_loader *l, const policy_node *node, const evaluation *e, scorecard *card) {
    if (!policy_is_list(l, node, "'inputs'")) return;
    if (node->count == 0 || node->count > LIMIT_EVALUATION_INPUTS) {
        policy_error(l, node, "%u inputs; a scorecard has 1 to %d", node->count, LIMIT_EVALUATION_INPUTS);
        return;
    }
    evaluation_input *inputs = KEEP_ARRAY(l, evaluation_input, node->count);
    if (!inputs) return;
    card->inputs = inputs;
    for (const policy_node *each = node->first; each; each = each->next)
        parse_input(l, each, e, inputs, &card->input_count);
}

static void parse_rate(policy_loader *l, const policy_node *node, const char *what, evaluation_rate *out) {
    policy_key keys[] = {{.name = "per_point", .required = true}, {.name = "max", .required = true}};
    int64_t per_point = 0, max = 0;
    if (!policy_read_keys(l, node, what, keys, 2) || !keys[0].value || !keys[1].value) return;
    if (!policy_read_number(l, keys[0].value, "'per_point'", 1, EVALUATION_SCORE_MAX, &per_point) ||
        !policy_read_number(l, keys[1].value, "'max'", 1, EVALUATION_SCORE_MAX, &max))
        return;
    *out = (evaluation_rate){.per_point = (uint16_t)per_point, .max = (uint16_t)max};
}

/* ------------------------------------------------------------------ rows */

/* The rows of a scorecard while it is read, in the order of the table: instead, adjustments, caps. */
typedef struct card_reader {
    policy_loader *l;
    const evaluation *e;
    scorecard *card;
    const condition *for_whom;
    bool for_known; /* false: it could not be read */
    evaluation_row *rows;
    condition *conditions;
    policy_mark *marks;
    unsigned count;
    bool good; /* every condition could be read */
} card_reader;

enum { ROW_ID, ROW_WHEN, ROW_BECAUSE, ROW_ADD, ROW_SCORE, ROW_FIELD, ROW_VALUES, ROW_POINTS, ROW_KEYS };

static void read_instead(card_reader *r, const policy_node *node, const policy_key *k, evaluation_row *row) {
    bool by_name;
    const profile_field *field = k[ROW_FIELD].value ? policy_read_field(r->l, k[ROW_FIELD].value) : NULL;
    normalisation *n = KEEP_ARRAY(r->l, normalisation, 1);
    r->good = false;
    if (!field || !n || !usable(r->l, r->e, k[ROW_FIELD].value, field, &by_name)) return;
    r->good = read_normalisation(r->l, r->e, node, field, by_name, k[ROW_VALUES].value, k[ROW_POINTS].value, n);
    row->value = n;
}

static void read_amount(card_reader *r, const policy_node *node, contribution_kind kind, evaluation_row *row) {
    int64_t v = 0;
    if (kind == CONTRIBUTION_ADJUSTMENT) {
        if (policy_read_number(r->l, node, "'add'", -EVALUATION_SCORE_MAX, EVALUATION_SCORE_MAX, &v) && v == 0)
            policy_error(r->l, node, "an adjustment of 0 changes nothing; write points to add or to subtract");
    } else if (policy_read_number(r->l, node, "a cap", 0, EVALUATION_SCORE_MAX, &v) && v == EVALUATION_SCORE_MAX)
        policy_error(r->l, node, "a cap of %d allows every score; write a lower one or remove the row",
                     EVALUATION_SCORE_MAX);
    row->amount = (int16_t)v;
}

static void parse_row(card_reader *r, const policy_node *node, contribution_kind kind) {
    policy_key k[ROW_KEYS] = {[ROW_ID] = {.name = "id", .required = true},
                              [ROW_WHEN] = {.name = "when", .required = true},
                              [ROW_BECAUSE] = {.name = "because"},
                              [ROW_ADD] = {.name = "add", .required = kind == CONTRIBUTION_ADJUSTMENT},
                              [ROW_SCORE] = {.name = "score", .required = kind == CONTRIBUTION_CAP},
                              [ROW_FIELD] = {.name = "field", .required = kind == CONTRIBUTION_INSTEAD},
                              [ROW_VALUES] = {.name = "values"},
                              [ROW_POINTS] = {.name = "points"}};
    static const bool TAKES[ROW_KEYS][CONTRIBUTION_INSTEAD + 1] = {
        [ROW_ADD] = {[CONTRIBUTION_ADJUSTMENT] = true}, [ROW_SCORE] = {[CONTRIBUTION_CAP] = true},
        [ROW_FIELD] = {[CONTRIBUTION_INSTEAD] = true},  [ROW_VALUES] = {[CONTRIBUTION_INSTEAD] = true},
        [ROW_POINTS] = {[CONTRIBUTION_INSTEAD] = true},
    };
    char what[32];
    snprintf(what, sizeof what, "a row of '%s'",
             kind == CONTRIBUTION_CAP ? "caps" : (kind == CONTRIBUTION_INSTEAD ? "instead" : "adjustments"));
    r->marks[r->count] = policy_mark_of(node);
    evaluation_row *row = &r->rows[r->count];
    condition *when = &r->conditions[r->count++];
    *row = (evaluation_row){.id = "", .because = "", .when = ""};
    *when = (condition){.mark = policy_mark_of(node)};
    if (!policy_read_keys(r->l, node, what, k, ROW_KEYS)) {
        r->good = false;
        return;
    }
    for (unsigned i = ROW_ADD; i < ROW_KEYS; i++)
        if (k[i].value && !TAKES[i][kind])
            policy_error(r->l, k[i].value, "'%s:' has no meaning in %s", k[i].name, what);
    if (k[ROW_ID].value) row->id = or_empty(policy_read_name(r->l, k[ROW_ID].value, "a row's id"));
    if (k[ROW_BECAUSE].value) row->because = or_empty(policy_read_text(r->l, k[ROW_BECAUSE].value, "'because'"));
    bool readable = k[ROW_WHEN].value && condition_read(r->l, r->e, k[ROW_WHEN].value, "'when'", when);
    row->when = or_empty(condition_text(r->l, k[ROW_WHEN].value));
    const policy_node *amount = kind == CONTRIBUTION_CAP ? k[ROW_SCORE].value : k[ROW_ADD].value;
    bool good = r->good;
    if (kind == CONTRIBUTION_INSTEAD) {
        read_instead(r, node, k, row);
        readable &= r->good;
        if (readable && !condition_need_value(r->l, row->value->field, when)) {
            policy_error(r->l, k[ROW_WHEN].value,
                         "the condition asks that '%s' is missing, but its value is taken; "
                         "this can never apply",
                         row->value->field->name);
            readable = false;
        }
    } else if (amount)
        read_amount(r, amount, kind, row);
    r->good = good && readable;
}

static void check_row_ids(card_reader *r) {
    for (unsigned i = 1; i < r->count; i++)
        for (unsigned j = 0; j < i; j++)
            if (r->rows[i].id[0] && strcmp(r->rows[i].id, r->rows[j].id) == 0)
                policy_say_at(r->l, POLICY_ERROR, r->marks[i],
                              "the row id '%s' stands here twice, before in line %u; rename one", r->rows[i].id,
                              r->marks[j].line);
}

/* ------------------------------------------------------------------ rows that can never count */

/* What rows demand of the subjects of this scorecard; false (said) if one asks for what none of them has. */
static bool narrow(card_reader *r, condition *out) {
    bool good = true;
    for (unsigned i = 0; i < r->count; i++) {
        const profile_field *field;
        if (condition_both(r->l, r->for_whom, &r->conditions[i], &out[i], &field)) continue;
        policy_say_at(r->l, POLICY_ERROR, r->marks[i],
                      "the row '%s' can never apply: the scorecard is not 'for' subjects whose '%s' fulfils it",
                      r->rows[i].id, field->name);
        good = false;
    }
    return good;
}

/* `by` is NULL if it takes several rows to shadow this one. */
static void say_shadowed(card_reader *r, unsigned row, const char *by, const char *does) {
    char other[LIMIT_NAME_MAX + 3];
    snprintf(other, sizeof other, "'%s'", by ? by : "");
    policy_say_at(r->l, POLICY_ERROR, r->marks[row],
                  "the row '%s' can never count: where it applies, %s %s; remove or narrow one", r->rows[row].id,
                  by ? other : "one of the others", does);
}

/* Of `instead` the first counts, of caps the lowest. */
static void check_shadowed(card_reader *r, const condition *narrowed) {
    unsigned shadowed[LIMIT_EVALUATION_ROWS], order[LIMIT_EVALUATION_ROWS];
    const scorecard *c = r->card;
    if (!conditions_shadowed(r->l, narrowed, c->instead_count, shadowed)) return;
    for (unsigned i = 0; i < c->instead_count; i++)
        if (shadowed[i])
            say_shadowed(r, i, shadowed[i] <= c->instead_count ? r->rows[shadowed[i] - 1].id : NULL,
                         "before it always applies too");
    unsigned first = c->instead_count + c->adjustment_count, n = 0;
    for (; n < c->cap_count; n++) { /* insertion by score: few rows, and equal ones stay in order */
        unsigned at = n;
        while (at > 0 && r->rows[first + order[at - 1]].amount > r->rows[first + n].amount) at--;
        memmove(&order[at + 1], &order[at], (n - at) * sizeof order[0]);
        order[at] = n;
    }
    condition *sorted = POLICY_ARENA_ARRAY(&r->l->scratch, condition, n);
    if (!sorted) {
        r->l->no_memory = true;
        return;
    }
    for (unsigned i = 0; i < n; i++) sorted[i] = narrowed[first + order[i]];
    if (!conditions_shadowed(r->l, sorted, n, shadowed)) return;
    for (unsigned i = 0; i < n; i++)
        if (shadowed[i])
            say_shadowed(r, first + order[i], shadowed[i] <= n ? r->rows[first + order[shadowed[i] - 1]].id : NULL,
                         "always caps as low or lower");
}

static void finish_rows(card_reader *r) {
    scorecard *c = r->card;
    c->rows = r->rows;
    check_row_ids(r);
    if (!r->good || r->count == 0) return;
    condition *narrowed = POLICY_ARENA_ARRAY(&r->l->scratch, condition, r->count);
    if (!narrowed) {
        r->l->no_memory = true;
        return;
    }
    if (r->for_known && narrow(r, narrowed)) check_shadowed(r, narrowed);
    c->conditions = conditions_compile(r->l, r->conditions, r->count, r->marks[0]);
}

/* `nodes`: the lists of instead, adjustments and caps, NULL where there is none. */
static void parse_rows(policy_loader *l, const policy_node *const nodes[3], const evaluation *e,
                       const condition *for_whom, bool for_known, scorecard *card) {
    static const struct {
        const char *name;
        contribution_kind kind;
    } PARTS[3] = {
        {"'instead'", CONTRIBUTION_INSTEAD}, {"'adjustments'", CONTRIBUTION_ADJUSTMENT}, {"'caps'", CONTRIBUTION_CAP}};
    unsigned *counts[3] = {&card->instead_count, &card->adjustment_count, &card->cap_count};
    card_reader r = {.l = l, .e = e, .card = card, .for_whom = for_whom, .for_known = for_known, .good = true};
    r.rows = KEEP_ARRAY(l, evaluation_row, 3 * LIMIT_EVALUATION_ROWS);
    r.conditions = POLICY_ARENA_ARRAY(&l->scratch, condition, 3 * LIMIT_EVALUATION_ROWS);
    r.marks = POLICY_ARENA_ARRAY(&l->scratch, policy_mark, 3 * LIMIT_EVALUATION_ROWS);
    if (!r.rows || !r.conditions || !r.marks) {
        l->no_memory = true;
        return;
    }
    for (unsigned part = 0; part < 3; part++) {
        const policy_node *node = nodes[part];
        if (!node || !policy_is_list(l, node, PARTS[part].name)) continue;
        if (node->count > LIMIT_EVALUATION_ROWS) {
            policy_error(l, node, "%u rows; a scorecard has at most %d of this kind", node->count,
                         LIMIT_EVALUATION_ROWS);
            r.good = false;
            continue;
        }
        *counts[part] = node->count;
        for (const policy_node *each = node->first; each; each = each->next) parse_row(&r, each, PARTS[part].kind);
    }
    finish_rows(&r);
}

/* ------------------------------------------------------------------ scorecards */

enum {
    CARD_ID,
    CARD_INPUTS,
    CARD_INSTEAD,
    CARD_ADJUSTMENTS,
    CARD_CAPS,
    CARD_TITLE,
    CARD_FOR,
    CARD_AT_LEAST,
    CARD_MERITS,
    CARD_PENALTIES,
    CARD_KEYS
};

/* Returns whether the condition could be read. */
static bool parse_card(policy_loader *l, const policy_node *node, const evaluation *e, scorecard *card,
                       condition *for_whom) {
    policy_key k[CARD_KEYS] = {[CARD_ID] = {.name = "scorecard", .required = true},
                               [CARD_INPUTS] = {.name = "inputs", .required = true},
                               [CARD_INSTEAD] = {.name = "instead"},
                               [CARD_ADJUSTMENTS] = {.name = "adjustments"},
                               [CARD_CAPS] = {.name = "caps"},
                               [CARD_TITLE] = {.name = "title"},
                               [CARD_FOR] = {.name = "for"},
                               [CARD_AT_LEAST] = {.name = "at_least"},
                               [CARD_MERITS] = {.name = "merits"},
                               [CARD_PENALTIES] = {.name = "penalties"}};
    *card = (scorecard){.at_least = 1, .id = "", .title = "", .for_whom = ""};
    *for_whom = (condition){.mark = policy_mark_of(node)};
    if (!policy_read_keys(l, node, "a scorecard", k, CARD_KEYS)) return false;
    if (k[CARD_ID].value) card->id = or_empty(policy_read_name(l, k[CARD_ID].value, "a scorecard's id"));
    card->title = card->id;
    const char *title = k[CARD_TITLE].value ? policy_read_text(l, k[CARD_TITLE].value, "a scorecard's title") : NULL;
    if (title) card->title = title;
    bool known = !k[CARD_FOR].value || condition_read(l, e, k[CARD_FOR].value, "'for'", for_whom);
    card->for_whom = or_empty(condition_text(l, k[CARD_FOR].value));
    for_whom->mark = policy_mark_of(node);
    if (k[CARD_INPUTS].value) parse_inputs(l, k[CARD_INPUTS].value, e, card);
    int64_t at_least = 1;
    unsigned inputs = card->input_count ? card->input_count : LIMIT_EVALUATION_INPUTS;
    if (k[CARD_AT_LEAST].value &&
        policy_read_number(l, k[CARD_AT_LEAST].value, "'at_least' (of the inputs)", 1, inputs, &at_least))
        card->at_least = (unsigned)at_least;
    if (k[CARD_MERITS].value) parse_rate(l, k[CARD_MERITS].value, "'merits'", &card->merits);
    if (k[CARD_PENALTIES].value) parse_rate(l, k[CARD_PENALTIES].value, "'penalties'", &card->penalties);
    const policy_node *rows[3] = {k[CARD_INSTEAD].value, k[CARD_ADJUSTMENTS].value, k[CARD_CAPS].value};
    parse_rows(l, rows, e, for_whom, known, card);
    return known;
}

static void check_reachable(policy_loader *l, const evaluation *e, const condition *for_whom) {
    unsigned shadowed[LIMIT_EVALUATION_CARDS];
    if (!conditions_shadowed(l, for_whom, e->card_count, shadowed)) return;
    for (unsigned i = 0; i < e->card_count; i++) {
        if (!shadowed[i]) continue;
        bool alone = shadowed[i] <= e->card_count;
        policy_say_at(
            l, POLICY_ERROR, for_whom[i].mark,
            "the scorecard '%s' is for nobody: %s%s%s before it %s all its subjects; narrow that or move this "
            "up",
            e->cards[i].id, alone ? "'" : "", alone ? e->cards[shadowed[i] - 1].id : "those", alone ? "'" : "",
            alone ? "takes" : "take");
    }
}

void evaluation_parse_cards(policy_loader *l, const policy_node *node, evaluation *e) {
    if (!policy_is_list(l, node, "'scorecards'")) return;
    if (node->count == 0 || node->count > LIMIT_EVALUATION_CARDS) {
        policy_error(l, node, "%u scorecards; an evaluation has 1 to %d", node->count, LIMIT_EVALUATION_CARDS);
        return;
    }
    scorecard *cards = KEEP_ARRAY(l, scorecard, node->count);
    condition *for_whom = POLICY_ARENA_ARRAY(&l->scratch, condition, node->count);
    if (!cards || !for_whom) {
        l->no_memory = true;
        return;
    }
    bool known = true;
    unsigned n = 0;
    for (const policy_node *each = node->first; each; each = each->next, n++) {
        known &= parse_card(l, each, e, &cards[n], &for_whom[n]);
        for (unsigned i = 0; i < n; i++)
            if (cards[n].id[0] && strcmp(cards[i].id, cards[n].id) == 0)
                policy_error(l, each, "the scorecard '%s' stands here twice; rename one", cards[n].id);
    }
    e->cards = cards;
    e->card_count = n;
    if (!known) return;
    check_reachable(l, e, for_whom);
    if (n > 1 || for_whom[0].count) e->which = conditions_compile(l, for_whom, n, policy_mark_of(node));
}
