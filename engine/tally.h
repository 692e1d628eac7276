/* Counting while deciding: what was given (effect tracking) and where a candidate policy would have decided otherwise
 * (shadow). One tally a thread; only its thread adds, any thread may read (relaxed counters).
 *
 * Effect: per month × scenario × division: decisions by outcome, and each benefit given. Decisions for the purpose
 * `benchmark` are not counted. The place of a division: its prefecture and county as base/division.h knows them;
 * unknown divisions share one place.
 *
 * The collector (the commit thread) takes what has been added since its last visit: tally_collect. Two halves by parity
 * of the month, so that what was decided before midnight of a month's last day counts for that month whenever it is
 * collected, if that is within a month. */
#ifndef XINYI_ENGINE_TALLY_H
#define XINYI_ENGINE_TALLY_H

#include "base/purpose.h"
#include "engine/policy.h"

typedef struct tally tally;

status tally_create(tally **out) MUST_CHECK;
void tally_destroy(tally **t); /* accepts NULL */

/* The month of a China day: (year - 1970) * 12 + month - 1. */
unsigned tally_month(int32_t day);

#define TALLY_OUTCOMES 4

/* The place of a division: itself if it is known, else 0. */
uint32_t tally_place(uint32_t division);

/* Called by engine_decide_tallied for each decision with status OK; never allocates and cannot fail. What is counted
 * nowhere (a scenario beyond the last) is in `lost`. */
void tally_decision(tally *t, unsigned month, unsigned scenario, uint32_t division, const decision *d);
/* A decision by the candidate beside the active one, whatever their statuses. `different`: in status, outcome, tier,
 * benefits, amount, percentage or rate. */
void tally_shadow(tally *t, unsigned scenario, const decision *active, const decision *candidate);
uint64_t tally_lost(const tally *t);

/* What was added since the last collection, one call for each month × scenario × division where something was. Only one
 * collector. */
typedef struct effect_counts {
    uint64_t outcomes[TALLY_OUTCOMES];
    uint64_t given[LIMIT_BENEFITS];
    uint64_t used[LIMIT_BENEFITS]; /* reported by members; never from a tally */
} effect_counts;
typedef void (*tally_visit)(void *context, unsigned month, unsigned scenario, uint32_t division,
                            const effect_counts *added);
void tally_collect(tally *t, tally_visit visit, void *context);

/* Differences seen by the shadow, by scenario; sums since tally_shadow_reset. */
typedef struct shadow_counts {
    uint64_t decisions, different;
    uint64_t outcome_from_to[TALLY_OUTCOMES][TALLY_OUTCOMES];
    uint64_t gained[LIMIT_BENEFITS], lost[LIMIT_BENEFITS];
    uint64_t amount_up, amount_down;
} shadow_counts;
void tally_shadow_read(const tally *t, unsigned scenario, shadow_counts *add_to);
void tally_shadow_reset(tally *t); /* the thread that owns it */

#endif
