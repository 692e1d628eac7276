/* Impact before law: a candidate policy set over the whole population beside the active one, on one consistent view,
 * while lookups and writes go on. Who gains and who loses each benefit, which outcomes change, how guarantee totals
 * move — in total and by kind of subject, grade, division (prefecture) and sector (letter).
 *
 * The view is that of the moment of impact_begin [writer]: the stores keep what is overwritten meanwhile
 * (engine/store.h, snapshots). The run itself may use several threads, each calling impact_work until it returns false;
 * each is a reader under base/rcu.h and must pass quiescent points between calls, not within.
 *
 * Scenarios whose policy is the same in both sets (the same file text in force, the same credit rules, the same day)
 * are not run: their decisions cannot differ. A policy with pilots is run even so, unless the whole sets are the same,
 * for the areas it names are of another file.
 *
 * What is decided on. Before: the stored profile, or, if it is due on that day, what the active credit rules derive
 * from it and its dossier. After: the same, unless the candidate's credit rules differ (policy_credit(..)->hash): then
 * every profile is derived by them first, which costs more; the result says so. A day that lies before what is stored
 * changes nothing: profiles are not taken back in time.
 *
 * What is exact: profiles, accounts, policies, and everything that follows from them. Dossiers have no snapshot: one
 * that was reported to after the moment is used as it is now wherever a profile is derived; `totals.newer` counts
 * these, and with 0 all is exact. Records that arrive meanwhile are the only way in which they come about.
 *
 * A subject that a policy does not cover, or a scenario that one of the sets does not have on its day, counts as
 * outcome `none` without benefits, so what is lost by narrowing a scope shows as lost. Who is covered by neither is not
 * counted. Subjects are grouped by what they are before: form, composite grade, division and sector of the moment. */
#ifndef XINYI_ENGINE_IMPACT_H
#define XINYI_ENGINE_IMPACT_H

#include "engine/engine.h"

typedef struct impact impact;

typedef struct impact_options {
    uint8_t scenario;     /* 0: all that differ */
    policy_moment at;     /* both decide as of this moment */
    policy_moment at_new; /* the candidate's moment, e.g. the day on which it would be in force; usually the same */
    uint16_t samples;     /* subjects to keep for each benefit gained or lost; 0..100 */
    uint64_t seed;        /* which subjects are sampled: the same ones for the same seed, whatever the threads */
    uint32_t max_changes; /* profiles overwritten meanwhile that are kept; 0: LIMIT_IMPACT_CHANGES */
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
 * active set is held by it. OVERLOADED if another one is running, UNKNOWN_SCENARIO if neither set has the one asked
 * for, NO_MEMORY. */
status impact_begin(engine *e, const policy_set *candidate, const impact_options *options, impact **out) MUST_CHECK;
/* [any reader thread] A slice of work (some milliseconds). False when nothing is left to begin. At most
 * LIMIT_THREADS_MAX threads take part; more are sent away. */
bool impact_work(impact *i);
/* 0..1,000,000: how far it is. Any thread. */
uint32_t impact_progress(const impact *i);
/* All slices are done, or the run has failed and no thread is inside: the results are there. Any thread. */
bool impact_done(const impact *i);
/* The engine reads no clock: how long it took is told by who ran it. Before impact_get_totals. */
void impact_took(impact *i, double seconds);
/* [writer] Ends the snapshots, also of a run that was given up. No thread may be inside impact_work. */
void impact_end(impact *i);
void impact_destroy(impact **i); /* after impact_end; accepts NULL */

/* ---- results, after impact_done and until impact_destroy. totals.outcome: OVERLOADED if more was overwritten
 * meanwhile than is kept: run again; NO_MEMORY; UNAVAILABLE if it was given up before it was done. Then the numbers
 * mean nothing.
 */

typedef struct impact_counts {
    uint64_t subjects;                           /* covered before or after */
    uint64_t outcome_from_to[4][4];              /* policy_outcome before, after */
    uint64_t gained, lost;                       /* of the benefit, or of any */
    uint64_t before, after;                      /* who has the benefit, or any, before and after */
    int64_t amount_before_fen, amount_after_fen; /* sums, saturating */
} impact_counts;

typedef struct impact_sample {
    subject_id subject;
    decision before, after;
} impact_sample;

typedef struct impact_totals {
    status outcome;
    uint64_t subjects;  /* of the population */
    double seconds;     /* of impact_took */
    bool derived_again; /* the credit rules differ */
    uint32_t before_version, after_version;
    uint64_t composite_up, composite_down; /* grades moved by the candidate's evaluation; unrated is lowest */
    uint64_t newer;                        /* profiles derived from a dossier newer than the moment */
} impact_totals;
void impact_get_totals(const impact *i, impact_totals *out);

/* The scenarios that were run: n-th, 0 beyond the last. */
unsigned impact_scenario(const impact *i, unsigned n);
/* Counts of a scenario; benefit: its code, or IMPACT_ANY for the outcome as a whole. Of a benefit only subjects,
 * gained, lost, before and after are given. dimension IMPACT_DIMENSIONS and group 0: in total. Groups: form 0..12;
 * composite grade 0..5, of persons and entities; division: four digits of the prefecture (5301), of another province
 * with 00 (4400), or 0; sector: letter 1..26, 0 unknown. Zeros for what was not run. */
#define IMPACT_ANY 64
void impact_get(const impact *i, unsigned scenario, unsigned benefit, unsigned dimension, unsigned group,
                impact_counts *out);
/* Groups of a dimension that have subjects: n-th group, UINT32_MAX beyond the last. */
uint32_t impact_group(const impact *i, unsigned dimension, unsigned n);
/* How many subjects a group has, whether they are covered or not. */
uint64_t impact_population(const impact *i, unsigned dimension, unsigned group);
/* Subjects that gained or lost a benefit, at most as many as asked for: a random choice. */
size_t impact_samples(const impact *i, unsigned scenario, unsigned benefit, bool gained, const impact_sample **out);

/* How the guarantee totals of a program move, over all its accounts. Programs are looked at if their scenario is run:
 * the n-th, 0 beyond the last. */
unsigned impact_program(const impact *i, unsigned n);
typedef struct impact_guarantee {
    uint64_t accounts, covered_before, covered_after, exempt_before, exempt_after, suspended_before, suspended_after,
        short_before, short_after;
    int64_t required_before_fen, required_after_fen, limit_before_fen, limit_after_fen, available_before_fen,
        available_after_fen;
} impact_guarantee;
/* dimension as above, IMPACT_DIMENSIONS and group 0: in total. */
void impact_get_guarantee(const impact *i, unsigned program, unsigned dimension, unsigned group, impact_guarantee *out);

#endif
