/* Impact before law: a candidate policy set over the whole population beside the active one, on one consistent view,
 * while lookups and writes go on. Who gains and who loses each benefit, which outcomes change, how guarantee totals
 * move — in total and by kind of subject, grade, division (prefecture) and sector (letter).
 *
 * The view is that of the moment of impact_begin [writer]: the stores keep what is overwritten meanwhile until it has
 * been looked at (engine/store.h, snapshots). The run itself may use several threads, each calling impact_work until it
 * returns false; each is a reader under base/rcu.h and must pass quiescent points between calls.
 *
 * Policies that are the same in both sets (same file text) are not run again; their decisions cannot differ unless the
 * credit rules do. If the candidate's credit rules differ (policy_credit(..)->hash), profiles are derived by the
 * candidate's rules before it decides, which costs more: the result says so. */
#ifndef XINYI_ENGINE_IMPACT_H
#define XINYI_ENGINE_IMPACT_H

#include "engine/engine.h"

typedef struct impact impact;

typedef struct impact_options {
    uint8_t scenario;     /* 0: all that differ */
    policy_moment at;     /* both decide as of this moment */
    policy_moment at_new; /* the candidate's moment, e.g. the day on which it would be in force; usually the same */
    uint16_t samples;     /* subjects to keep for each benefit gained or lost; 0..100 */
    uint64_t seed;        /* which subjects are sampled */
} impact_options;

typedef enum impact_dimension {
    IMPACT_FORM,
    IMPACT_GRADE,
    IMPACT_DIVISION,
    IMPACT_SECTOR,
    IMPACT_DIMENSIONS
} impact_dimension;
const char *impact_dimension_name(unsigned dimension); /* "kind" "grade" "division" "sector" */

/* [writer] The engine must not be in a transaction. `candidate` belongs to the caller and must outlive the impact; the
 * active set is held by it. OVERLOADED if another one is running. NO_MEMORY. */
status impact_begin(engine *e, const policy_set *candidate, const impact_options *options, impact **out) MUST_CHECK;
/* [any reader thread] A slice of work (some milliseconds). False when nothing is left to begin. */
bool impact_work(impact *i);
/* 0..1,000,000: how far it is. Any thread. */
uint32_t impact_progress(const impact *i);
/* All threads have seen false, and none is inside impact_work. */
bool impact_done(const impact *i);
/* [writer] Ends the snapshot, also of a run that was given up. */
void impact_end(impact *i);
void impact_destroy(impact **i); /* after impact_end; accepts NULL */

/* ---- results, after impact_done. STATUS OVERLOADED if more was overwritten meanwhile than is kept: run again. */

typedef struct impact_counts {
    uint64_t subjects;                           /* decided by both */
    uint64_t outcome_from_to[4][4];              /* policy_outcome before, after */
    uint64_t gained, lost;                       /* of the benefit, or of any */
    int64_t amount_before_fen, amount_after_fen; /* sums, saturating */
} impact_counts;

typedef struct impact_sample {
    subject_id subject;
    decision before, after;
} impact_sample;

typedef struct impact_totals {
    status outcome;
    uint64_t subjects; /* of the population */
    double seconds;
    bool derived_again; /* the credit rules differ */
    uint32_t before_version, after_version;
    uint64_t composite_up, composite_down; /* grades moved by the candidate's evaluation */
} impact_totals;
void impact_get_totals(const impact *i, impact_totals *out);

/* The scenarios that were run: n-th, 0 beyond the last. */
unsigned impact_scenario(const impact *i, unsigned n);
/* Counts of a scenario; benefit: its code, or IMPACT_ANY for the outcome as a whole. dimension IMPACT_DIMENSIONS and
 * group 0: in total. Groups: form 0..12; composite grade 0..5, of persons and entities; division: the prefecture's
 * four digits, or 0; sector: letter 1..26, 0 unknown. */
#define IMPACT_ANY 64
void impact_get(const impact *i, unsigned scenario, unsigned benefit, unsigned dimension, unsigned group,
                impact_counts *out);
/* Groups of a dimension that have subjects: n-th group, UINT32_MAX beyond the last. */
uint32_t impact_group(const impact *i, unsigned dimension, unsigned n);
size_t impact_samples(const impact *i, unsigned scenario, unsigned benefit, bool gained, const impact_sample **out);

/* How the guarantee totals of a program move, over all its accounts. */
typedef struct impact_guarantee {
    uint64_t accounts, covered_before, covered_after, exempt_before, exempt_after, suspended_before, suspended_after,
        short_before, short_after;
    int64_t required_before_fen, required_after_fen, limit_before_fen, limit_after_fen, available_before_fen,
        available_after_fen;
} impact_guarantee;
/* dimension as above, IMPACT_DIMENSIONS and group 0: in total. */
void impact_get_guarantee(const impact *i, unsigned program, unsigned dimension, unsigned group, impact_guarantee *out);

#endif
