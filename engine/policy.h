/* Policies: rules as data. A policy set is loaded from YAML texts, checked whole, compiled to bit vectors and then
 * never changes; it is shared by any number of threads.
 *
 *   texts (one file a policy) → parse, with marks → check → compile → policy_set (version, hash)
 *
 * A policy file describes one scenario for one period: inputs are profile fields, decision tables (hit policy `first`,
 * `unique` or `collect`) have S-FEEL unary tests as cells, outputs are outcome, tier, benefits and amounts. The power
 * scenario also carries the terms of the guarantee program. docs/POLICY.md describes the language for officers.
 *
 * Several files may describe the same scenario if their periods of effect do not overlap; the day decides.
 *
 * Evaluation allocates nothing, reads no clock and cannot fail: what can be wrong is found at load. */
#ifndef XINYI_ENGINE_POLICY_H
#define XINYI_ENGINE_POLICY_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/profile.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct policy_set policy_set;

/* ------------------------------------------------------------------ loading */

typedef struct policy_file {
    const char *name; /* shown in messages, usually the path */
    const char *text; /* not NUL-terminated */
    size_t length;
} policy_file;

typedef enum policy_severity { POLICY_NOTE, POLICY_WARNING, POLICY_ERROR } policy_severity;

/* One finding: "loan.yaml:31:18: error: unknown field 'tax_grad'; did you mean 'tax_grade'?" */
typedef struct policy_finding {
    policy_severity severity;
    char file[128];
    unsigned line, column; /* 1-based; 0 if the finding is about a whole file or set */
    char message[384];     /* what is wrong, and what to do */
} policy_finding;

typedef struct policy_findings {
    policy_finding *items; /* owned */
    size_t count, capacity;
    size_t errors, warnings;
} policy_findings;

void policy_findings_deinit(policy_findings *f);

/* Loads and checks a whole set. `findings` is {0} or grows; it is sorted by file and place, and what is about the whole
 * set (file "", line 0) comes last. Beyond LIMIT_POLICY_FINDINGS findings are only counted. On POLICY_INVALID nothing
 * is made and the findings tell everything that was found, not only the first error. Warnings do not prevent loading.
 * `version` is the number the set will carry in decisions. The texts are not kept. Errors: POLICY_INVALID, NO_MEMORY.
 */
status policy_load(const policy_file *files, size_t count, uint32_t version, policy_findings *findings,
                   policy_set **out) MUST_CHECK;
/* Gives up the caller's hold; the last one frees the set. Accepts NULL. Any thread. */
void policy_destroy(policy_set **set);
/* One more holder, who calls policy_destroy when done: for whoever needs the active set beyond an rcu_pass. */
policy_set *policy_hold(const policy_set *set);

/* A set with no policies: every scenario answers UNKNOWN_SCENARIO. */
status policy_empty(policy_set **out) MUST_CHECK;

uint32_t policy_version(const policy_set *set);
/* SHA-256-free content hash: XXH3-128 of names and texts in order of name, as 32 hex digits and a NUL. Not a secret and
 * not a signature: it names the content. */
const char *policy_hash(const policy_set *set);
uint64_t policy_hash64(const policy_set *set); /* its first 8 bytes, for the wire */

/* ------------------------------------------------------------------ evaluation */

/* The moment of a decision; the caller derives both from one clock reading. Which policy is in force is read off
 * now_ms, to the hour; pilots of rows and everything about records go by the day. */
typedef struct policy_moment {
    int64_t now_ms;
    int32_t day; /* clock_day_of_ms(now_ms) */
} policy_moment;
static inline policy_moment policy_moment_at(int64_t now_ms) {
    return (policy_moment){.now_ms = now_ms, .day = clock_day_of_ms(now_ms)};
}
/* The beginning of a day in China. */
static inline policy_moment policy_moment_of_day(int32_t day) {
    return (policy_moment){.now_ms = clock_ms_of_day(day), .day = day};
}

typedef enum policy_outcome {
    OUTCOME_NONE = 0,     /* no rule applied */
    OUTCOME_GRANTED = 1,  /* eligible, approved, granted */
    OUTCOME_REVIEW = 2,   /* a person decides */
    OUTCOME_DECLINED = 3, /* not eligible */
} policy_outcome;
const char *policy_outcome_name(unsigned outcome); /* "none" "granted" "review" "declined" */

/* A decision, 32 bytes, in the order of the protocol's entry. */
typedef struct decision {
    uint16_t status;     /* status code: OK, UNKNOWN_SUBJECT, UNKNOWN_SCENARIO, NOT_EFFECTIVE, OUT_OF_SCOPE, … */
    uint8_t outcome;     /* policy_outcome */
    uint8_t tier;        /* a scenario's tier or level; 0 none */
    uint16_t row;        /* the row that set the outcome: table number (1-based) << 12 | row (1-based); 0 none */
    uint16_t percent_bp; /* a discount or share in hundredths of a percent; 0 none */
    uint64_t benefits;   /* one bit each: the scenario's benefit codes */
    int64_t amount_fen;  /* suggested cap, waived deposit, …; 0 none */
    int16_t rate_bp;     /* rate hint in basis points, negative is cheaper */
    uint16_t data_day;   /* date of the data (days since 1970-01-01) */
    uint32_t policy_version;
} decision;
static_assert(sizeof(decision) == 32, "a decision is half a cache line");

/* Decides. `p` is a private copy of the profile. Everything but status, data_day and policy_version is 0 unless status
 * is OK. */
void policy_decide(const policy_set *set, unsigned scenario, const profile *p, policy_moment at, decision *out);

/* Decides for many profiles of one scenario or of mixed ones; the same result as policy_decide for each. The scenario
 * of profile i is scenarios[i * scenario_stride]; stride 0: the same for all. Where present[i] is false out[i] is left
 * alone; present may be NULL. Laid out so that a batch keeps the tables in the cache. */
void policy_decide_batch(const policy_set *set, const uint8_t *scenarios, size_t scenario_stride,
                         const profile *profiles, const bool *present, size_t n, policy_moment at, decision *out);

/* ------------------------------------------------------------------ guarantee terms */

/* The terms of a guarantee program for one subject on one day: what the ledger computes with.
 * Source: DOMAIN "Power-market guarantee"; the values come from the policy file of the scenario. */
typedef struct guarantee_terms {
    bool covered;                 /* the program covers the subject's role */
    bool exempt;                  /* no guarantee is asked: exposure is admitted without limit check */
    bool suspended;               /* no new exposure */
    bool rated;                   /* the policy has a rule for the subject's grade, or for the unrated if it has none */
    bool refuse_when_short;       /* lodged < required refuses new exposure */
    bool floor_at_base;           /* a factor below 1 does not lower required below the base (the national floor) */
    uint8_t warn_percent[3];      /* usage at which warning levels 1, 2, 3 begin; level 3 refuses new exposure */
    int32_t factor_bp;            /* required = base × factor_bp / 10000 */
    int32_t unsecured_bp;         /* limit = Σ valid guarantees × (10000 + unsecured_bp) / 10000 */
    int64_t fen_per_mwh_12m;      /* base: wholesale energy of 12 months × this … */
    int64_t fen_per_mwh_2m;       /* … or the larger of wholesale and retail of 2 months × this, whichever is more */
    int64_t exposure_fen_per_mwh; /* exposure of one MWh traded and not settled */
    int64_t ttl_default_ms, ttl_max_ms; /* of a reservation */
    uint32_t policy_version;
    uint16_t bond_notice_days; /* alerts: a bond that ends within so many days */
    uint8_t topup_days;        /* alerts: working days in which a shortfall is to be topped up */
} guarantee_terms;

/* OK; UNKNOWN_PROGRAM if no policy has one; NOT_EFFECTIVE on this day. Allocates nothing. */
status policy_terms(const policy_set *set, unsigned program, const profile *p, policy_moment at, guarantee_terms *out);

/* ------------------------------------------------------------------ explanation */

/* Why a decision came out as it did, from the same compiled tables. Strings belong to the set or to the explanation. */
typedef struct policy_cell_reason {
    const char *field; /* profile field; "pilot": where or when the row exists, one a kind that it names */
    const char *title;
    char value[PROFILE_VALUE_TEXT]; /* the subject's value, "" if missing */
    const char *test;               /* the cell as written: ">= AA" */
    bool satisfied;
} policy_cell_reason;

typedef struct policy_row_reason {
    const char *table;   /* table id */
    const char *row;     /* row id, e.g. "L3" */
    const char *because; /* the row's note for people, or "" */
    uint8_t table_number;
    uint16_t row_number;
    bool hit;            /* the row matched and was used by the hit policy */
    bool matched;        /* all cells satisfied, those of the pilot among them */
    uint64_t benefits;   /* the benefits this row grants */
    uint32_t cell_count; /* cells that test something ('-' cells are left out) */
    const policy_cell_reason *cells;
} policy_row_reason;

typedef struct policy_explanation {
    decision result;
    const char *scenario; /* "loan" */
    const char *policy;   /* policy id */
    const char *title;
    const char *authority;
    const char *legal_basis;
    policy_row_reason *rows; /* every row of every table, in order */
    size_t row_count;
    policy_cell_reason *cells; /* storage of the rows' cells */
    size_t cell_count;
} policy_explanation;

/* Errors: NO_MEMORY, UNKNOWN_SCENARIO, NOT_EFFECTIVE (then out->result.status says it and rows is empty). The result is
 * exactly policy_decide's. Of a subject that is out of scope (result.status says so) the only row is the policy's
 * scope, with table and row "scope" and both numbers 0. Rows behind a table that declined are never `hit`. */
status policy_explain(const policy_set *set, unsigned scenario, const profile *p, policy_moment at,
                      policy_explanation *out) MUST_CHECK;
void policy_explanation_deinit(policy_explanation *e);

/* ------------------------------------------------------------------ what is in a set */

typedef struct policy_benefit {
    uint8_t code; /* bit in decision.benefits */
    const char *id;
    const char *title;
} policy_benefit;

/* A policy: one scenario for one period. Pointers live as long as the set. */
typedef struct policy_info {
    uint8_t scenario;
    uint8_t program; /* guarantee program, 0 none */
    uint8_t purpose; /* for which it is usually asked (base/purpose.h); 0: whoever asks has to say */
    const char *id, *scenario_name, *title, *authority, *legal_basis, *file;
    const char *program_name; /* NULL: none */
    /* In force from_hour ≤ hour < to_hour; hours since the epoch (clock.h), INT32_MIN / INT32_MAX if open. People see
     * them as China time: policy_format_hour. */
    int32_t from_hour, to_hour;
    int32_t from_day, to_day; /* in force at some hour of from_day ≤ day < to_day; likewise */
    const policy_benefit *benefits;
    size_t benefit_count;
    size_t tables, rows, examples;
} policy_info;

/* "2026-11-11 08:00" in China time, "2026-11-11" at midnight, "" for an open end. Returns buffer. */
#define POLICY_HOUR_TEXT 24
const char *policy_format_hour(int32_t hour, char buffer[POLICY_HOUR_TEXT]);

size_t policy_count(const policy_set *set);
void policy_get_info(const policy_set *set, size_t index, policy_info *out);
/* The scenario's number by name, 0 if unknown; and back, NULL if unknown. */
unsigned policy_scenario_find(const policy_set *set, const char *name);
const char *policy_scenario_name(const policy_set *set, unsigned scenario);
/* The benefit of a scenario by its bit, in any of its periods; NULL if unknown. */
const policy_benefit *policy_benefit_of(const policy_set *set, unsigned scenario, unsigned code);

/* ------------------------------------------------------------------ examples */

/* Runs the examples inside the policy files ("given this profile, expect this decision"). Calls report for each with
 * ok and one line of text; returns the number that failed. */
typedef void (*policy_report)(void *context, const char *file, unsigned line, const char *name, bool ok,
                              const char *difference);
size_t policy_run_examples(const policy_set *set, policy_report report, void *context);

#endif
