/* Evaluation: scorecards turn public score, market rating, tax grade, third-party and city scores, records, service and
 * commitments into a composite score (0–1000) and grade. One scorecard for natural persons, one for legal entities, or
 * more; the first whose condition is true of the subject is used.
 *
 *   inputs      each gives 0–1000 by its normalisation (piecewise linear over a number, rounded half up, or a
 *               map of names), counted with its weight: Σ weight × value / Σ weight of the inputs that are there.
 *               An input without a value is left out, unless it says what a missing value counts as. Fewer
 *               inputs than `at_least` with a value of their own: unrated.
 *   merits      positive points × per_point, at most max; added
 *   penalties   negative points × per_point, at most max; subtracted
 *   adjustments rows of cells with a number, e.g. -100 for a state of affairs; all that match are added
 *   caps        rows of cells with a score that cannot be passed; the lowest that matches counts
 *   instead     rows of cells with a field whose value is taken as the result (a third party's or an existing
 *               score, as the plan allows), through that field's normalisation: the first that matches and has
 *               a value. It replaces all of the above but the caps
 *   grades      cut-offs of AAA AA A B; else C. Unrated score, unrated grade.
 *
 * The sum is kept exact and rounded once, half up, then held within 0–1000.
 *
 * Scores of two sources are never mixed raw: an indicator slot is declared with one source and one scale, and enters
 * only through a normalisation.
 *
 * Integers only: the same on every machine. Constant after load; pure functions; nothing allocates or fails. */
#ifndef XINYI_ENGINE_EVALUATION_H
#define XINYI_ENGINE_EVALUATION_H

#include "engine/credit.h"

/* A slot of the profile that the evaluation gives a meaning. */
typedef struct indicator {
    uint8_t slot; /* 1..PROFILE_SLOTS */
    uint16_t source;
    uint16_t min, max; /* of the source's scale */
    const char *id, *title;
} indicator;

typedef enum contribution_kind {
    CONTRIBUTION_INPUT,
    CONTRIBUTION_MERITS,
    CONTRIBUTION_PENALTIES,
    CONTRIBUTION_ADJUSTMENT,
    CONTRIBUTION_CAP,
    CONTRIBUTION_INSTEAD,
} contribution_kind;
const char *contribution_kind_name(unsigned kind);

/* One line of a scorecard as it was filled in for a subject. */
typedef struct contribution {
    uint8_t kind;
    bool counted;      /* false: no value, no match, or replaced by an `instead`; then share is 0 */
    const char *field; /* of an input; NULL elsewhere */
    const char *title; /* of the line, for people; of a row (adjustment, cap, instead) its id */
    const char *because;
    char value[PROFILE_VALUE_TEXT]; /* the subject's value as written; "" missing */
    int32_t normalised; /* 0–1000: what the input's normalisation makes of it; for others the number of the row */
    uint32_t weight;    /* of the input */
    int32_t share;      /* what it adds to the score, in hundredths of a point; a cap: the score it allows × 100 */
} contribution;

#define CONTRIBUTIONS_MAX 96

typedef struct scorecard_result {
    uint16_t score;                /* PROFILE_UNRATED if not rated */
    uint8_t grade;                 /* market_grade enum, as composite_grade */
    const char *scorecard, *title; /* NULL: no scorecard is for this subject */
    const char *evaluation;        /* id of the file */
    unsigned count;
    contribution lines[CONTRIBUTIONS_MAX];
} scorecard_result;

/* Score and grade alone: what credit_derive calls; some tens of nanoseconds. Reads every field but composite_*. */
void evaluation_score(const evaluation *e, const profile *p, uint16_t *score, uint8_t *grade);
/* The same with each contribution. Never disagrees with evaluation_score. */
void evaluation_explain(const evaluation *e, const profile *p, scorecard_result *out);

const char *evaluation_id(const evaluation *e);
size_t evaluation_indicators(const evaluation *e, const indicator **out);
/* Runs the examples of the file; as policy_run_examples. */
size_t evaluation_run_examples(const evaluation *e, policy_report tell, void *context);

#endif
