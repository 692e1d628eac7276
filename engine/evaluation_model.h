/* Inside an evaluation: what evaluation_parse.c fills and evaluation.c computes with. Everything lives in the arena of
 * its policy set and is constant once loaded. */
#ifndef XINYI_ENGINE_EVALUATION_MODEL_H
#define XINYI_ENGINE_EVALUATION_MODEL_H

#include "engine/evaluation.h"
#include "engine/policy_load.h"
#include "engine/table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define EVALUATION_SCORE_MAX 1000
#define EVALUATION_WEIGHT_MAX 1000
#define EVALUATION_NONE 0xFFFFu /* a normalised value that is not there */

/* What makes 0–1000 of a field. By name: `to` is indexed by the raw value, the missing one included. By number: the
 * points (from[i], to[i]) are joined by lines; before the first and behind the last their values go on. */
typedef struct normalisation {
    const profile_field *field;
    const uint32_t *from; /* ascending; NULL: by name */
    const uint16_t *to;
    uint16_t count; /* of `to` */
    uint8_t offset, width;
    bool has_missing; /* by number: the raw value `missing` is none */
    uint32_t missing;
    uint32_t bit; /* of a flag, else 0 */
} normalisation;

typedef struct evaluation_input {
    normalisation normal;
    uint16_t weight;
    uint16_t otherwise; /* what a missing value counts as; EVALUATION_NONE: the input is left out */
    const char *title;
} evaluation_input;

/* An adjustment, a cap or an `instead`. */
typedef struct evaluation_row {
    const char *id, *because;
    const char *when;           /* as written */
    int16_t amount;             /* of an adjustment: added; of a cap: the score */
    const normalisation *value; /* of an `instead` */
} evaluation_row;

/* points × per_point, at most max */
typedef struct evaluation_rate {
    uint16_t per_point, max;
} evaluation_rate;

typedef struct scorecard {
    unsigned input_count, at_least;
    const evaluation_input *inputs;
    evaluation_rate merits, penalties; /* per_point 0: none */
    /* Of all rows, which hold: first the `instead` (each only where its field has a value), then the adjustments, then
     * the caps; NULL: there are no rows. One word: see the assertion. */
    const table *conditions;
    unsigned instead_count, adjustment_count, cap_count;
    const evaluation_row *rows;
    const char *id, *title;
    const char *for_whom; /* as written; "": everybody */
} scorecard;
static_assert(3 * LIMIT_EVALUATION_ROWS <= 64, "the rows that hold fit into one word");
static_assert(3 * LIMIT_EVALUATION_ROWS + LIMIT_EVALUATION_INPUTS + 2 <= CONTRIBUTIONS_MAX, "every line is told");

typedef struct evaluation_example {
    const char *name; /* name and mark first, as policy_named */
    policy_mark mark;
    profile given;
    bool wants_score, wants_grade, wants_card;
    uint16_t score;
    uint8_t grade;
    const char *card; /* NULL: none */
} evaluation_example;

struct evaluation {
    const table *which; /* the scorecard of a subject: the first row; NULL: the only one is for everybody */
    unsigned card_count;
    const scorecard *cards;
    uint16_t cut_offs[MARKET_AAA + 1]; /* by grade, from B on; ascending */
    const char *id, *title, *authority, *legal_basis, *file;
    indicator *indicators;
    policy_mark *source_marks; /* by indicator: where its source is named, and how; only while the set is loaded */
    const char **source_names;
    unsigned indicator_count, example_count;
    const evaluation_example *examples;
};

#endif
