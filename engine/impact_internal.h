/* What the files of impact share: the run, its counters, the groups. Private to the engine.
 *
 * Counters are dense arrays, one set a thread (a space), added up by the thread that finishes last: counting shares no
 * cache line. A group is a place 0..IMPACT_GROUPS-1 over all four dimensions, so a subject is in four groups at once;
 * totals are the sums over the forms, of which everybody has exactly one. */
#ifndef XINYI_ENGINE_IMPACT_INTERNAL_H
#define XINYI_ENGINE_IMPACT_INTERNAL_H

#include "engine/impact.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    IMPACT_FORMS = 13,
    IMPACT_GRADES = 6,
    IMPACT_PLACES = 200, /* provinces by two digits, then the prefectures of this one */
    IMPACT_LETTERS = 27,

    IMPACT_AT_FORM = 0,
    IMPACT_AT_GRADE = IMPACT_AT_FORM + IMPACT_FORMS,
    IMPACT_AT_DIVISION = IMPACT_AT_GRADE + IMPACT_GRADES,
    IMPACT_AT_SECTOR = IMPACT_AT_DIVISION + IMPACT_PLACES,
    IMPACT_GROUPS = IMPACT_AT_SECTOR + IMPACT_LETTERS,

    IMPACT_PASS = 128,    /* subjects decided together: profiles and decisions stay in the second-level cache */
    IMPACT_ACCOUNTS = 16, /* accounts looked at together */
    IMPACT_SCENARIOS = SCENARIO_MAX,
};

__extension__ typedef __int128 impact_sum; /* of amounts: exact, whatever the order */

/* A scenario in a group. */
typedef struct impact_cell {
    impact_sum before_fen, after_fen;
    uint64_t moves[16]; /* outcome before × 4 + after */
    uint64_t gained, lost, held, holds;
} impact_cell;
static_assert(sizeof(impact_cell) == 192, "three cache lines");

/* A benefit in a group. */
typedef struct impact_share {
    uint64_t gained, lost, held; /* held: before */
} impact_share;

/* A program in a group; [0] before, [1] after. */
typedef struct impact_pledge {
    impact_sum required_fen[2], limit_fen[2], available_fen[2];
    uint64_t accounts, covered[2], exempt[2], suspended[2], lacking[2];
} impact_pledge;

/* The samples of a benefit gained, or lost: those with the lowest hashes. */
typedef struct impact_box {
    _Atomic uint64_t bar; /* a new one must be below it */
    uint32_t count;
    uint64_t *hash;
    impact_sample *item;
} impact_box;

/* A scenario that is run. */
typedef struct impact_run {
    uint8_t scenario;
    unsigned benefits;   /* how many */
    uint64_t known;      /* their bits */
    uint8_t place[64];   /* of a benefit's code among them */
    size_t first_cell;   /* of its IMPACT_GROUPS cells */
    size_t first_share;  /* of its IMPACT_GROUPS × benefits shares */
    impact_box *boxes;   /* benefits × {gained, lost}; NULL: no samples */
    pthread_mutex_t *by; /* guards the boxes' content */
} impact_run;

/* What one thread counts into, and its working memory. */
typedef struct impact_space {
    struct impact_space *next;
    uint64_t population[IMPACT_GROUPS];
    uint64_t subjects, up, down, newer;
    impact_cell *cells;
    impact_share *shares;
    impact_pledge *pledges; /* programs × IMPACT_GROUPS */
    uint16_t groups[IMPACT_PASS][IMPACT_DIMENSIONS];
    profile before[IMPACT_PASS], after[IMPACT_PASS];
    decision decided[2][IMPACT_PASS];
    account accounts[IMPACT_ACCOUNTS];
} impact_space;

struct impact {
    const policy_set *active; /* held */
    const policy_set *candidate;
    const credit_rules *rules[2]; /* of both */
    const struct dossiers *dossiers;
    impact_options options;
    store *subjects, *accounts;
    store_snapshot *subjects_then, *accounts_then; /* NULL once ended; accounts only if there are programs */
    bool derive_again;                             /* the credit rules differ */
    bool apart;                                    /* profiles before and after may differ */

    impact_run runs[IMPACT_SCENARIOS];
    unsigned run_count;
    uint8_t programs[PROGRAM_MAX];
    unsigned program_count;
    size_t cells, shares; /* of a space */

    /* the slices: parts of the accounts, then of the subjects */
    pthread_mutex_t lock;
    unsigned account_parts, parts;
    unsigned next, inside;
    impact_space *idle;
    impact_space *spaces[LIMIT_THREADS_MAX];
    unsigned space_count;
    status outcome;
    _Atomic uint32_t finished;
    atomic_bool done;
    pthread_mutex_t sampling;

    impact_space *sum; /* once done */
    double seconds;
    uint64_t population;
};

/* impact_run.c: one part. */
void impact_run_subjects(impact *i, impact_space *s, unsigned part);
void impact_run_accounts(impact *i, impact_space *s, unsigned part);
void impact_groups_of(const profile *p, uint16_t groups[IMPACT_DIMENSIONS]);

/* impact_result.c: adds up the spaces and sorts the samples. */
void impact_add_up(impact *i);

#endif
