/* Reasons for people: for each benefit of a scenario whether it was granted, by which row, or what stands in the way
 * and the smallest change that would grant it.
 *
 * A suggestion is never guessed: it is a change of changeable inputs after which policy_decide — the same compiled
 * tables — does grant the benefit. Three kinds:
 *   change   other values of one to three changeable fields: more volunteer hours, a given consent, fulfilled
 *            commitments, fewer points …; the smallest by number of fields, then by the number of those that others
 *            judge (grades, scores), then by distance
 *   wait     the first later day on which the subject as it is now (records end, points decay, listings and bars run
 *            out: credit_derive) would get it, searched for five years ahead
 *   repair   repairs of records and breaches after which it is granted, whatever they brought going with them: on the
 *            first of the days, today and those on which one more may be repaired, on which they are enough
 * A benefit that only unchangeable inputs stand in the way of has none.
 *
 * Which fields can be changed, and which way, is a table in reason_change.c: what a subject can bring about itself, and
 * grades and scores, which it can only earn. If the composite score is computed, it follows what is changed. */
#ifndef XINYI_ENGINE_REASON_H
#define XINYI_ENGINE_REASON_H

#include "engine/credit.h"

#define REASON_CHANGES 3
#define REASON_EVALUATIONS 16384 /* decisions that are tried with one, two and three fields changed, each */
#define REASON_YEARS 5           /* how far ahead waiting is looked at */

typedef struct reason_change {
    const char *field, *title;
    char from[PROFILE_VALUE_TEXT], to[PROFILE_VALUE_TEXT];
    int64_t from_value, to_value; /* PROFILE_MISSING among them */
    bool indirect;                /* others judge it: a grade, a score; not an act of the subject's own */
    char text[160];               /* "12 more volunteer hours" */
} reason_change;

typedef struct benefit_reason {
    uint8_t code;
    const char *id, *title;
    bool granted;
    const char *row, *table; /* the first row that granted it; the row that declined everything; NULL if neither */
    const char *because;     /* that row's note for people, "" if it has none; NULL without a row */
    unsigned change_count;   /* 0: no change helps */
    reason_change changes[REASON_CHANGES];
    int32_t wait_day;    /* 0: waiting alone does not help within five years */
    char wait_text[200]; /* "when the record of 2026-03-02 (逾期申报) ends on 2027-03-02"; without a day what kept the
                          * search from going on ("the policy ends on 2027-01-01 …"), or "" */
    int32_t repair_day;    /* 0: repairs do not help, or waiting does as soon */
    char repair_text[160]; /* "repair the record of 2026-10-20, possible from 2027-01-20" */
} benefit_reason;

typedef struct reasons {
    decision result;
    unsigned count;
    benefit_reason items[LIMIT_BENEFITS];
    /* the outcome itself: as for a benefit, with id NULL; row: the one that set it; granted: it is `granted` */
    benefit_reason outcome;
} reasons;

/* `p` is the derived profile of that day; d may be NULL. Some hundred microseconds, up to ten milliseconds with the
 * largest tables (REASON_EVALUATIONS for each number of fields, and five years of days): not for the hot path. Errors:
 * UNKNOWN_SCENARIO, NOT_EFFECTIVE, NO_MEMORY. `out` is large: not on a small stack. */
status reason_find(const policy_set *set, unsigned scenario, const profile *p, const dossier *d, policy_moment at,
                   reasons *out) MUST_CHECK;

/* The profile after the changes that are suggested for a benefit or for the outcome. */
void reason_apply(const policy_set *set, const benefit_reason *b, const profile *p, profile *out);

#endif
