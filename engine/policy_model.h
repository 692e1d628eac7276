/* Inside a policy set: what a file becomes. Everything lives in the set's arena and is constant once loaded. */
#ifndef XINYI_ENGINE_POLICY_MODEL_H
#define XINYI_ENGINE_POLICY_MODEL_H

#include "base/purpose.h"
#include "engine/policy.h"
#include "engine/policy_arena.h"
#include "engine/policy_expr.h"
#include "engine/sfeel.h"
#include "engine/table.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct policy_mark {
    unsigned line, column; /* 1-based, 0 unknown */
} policy_mark;

enum { PILOT_AREAS, PILOT_DIVISIONS, PILOT_SECTORS, PILOT_PERIOD, POLICY_PILOT_KINDS };

typedef enum policy_hit { HIT_FIRST, HIT_UNIQUE, HIT_COLLECT } policy_hit;

/* Which outputs a row sets, and which an example expects. */
enum {
    SETS_OUTCOME = 1 << 0,
    SETS_TIER = 1 << 1,
    SETS_PERCENT = 1 << 2,
    SETS_BENEFITS = 1 << 3,
    SETS_AMOUNT = 1 << 4,
    SETS_RATE = 1 << 5,
    SETS_STATUS = 1 << 6, /* examples only, as SETS_ROW */
    SETS_ROW = 1 << 7,
    /* of a guarantee program */
    SETS_COVERED = 1 << 0,
    SETS_EXEMPT = 1 << 1,
    SETS_SUSPENDED = 1 << 2,
    SETS_FACTOR = 1 << 3,
    SETS_UNSECURED = 1 << 4,
    SETS_RATED = 1 << 5, /* examples only */
};

/* What a row of a decision table gives. */
typedef struct policy_output {
    uint64_t benefits;
    int64_t amount_fen;
    const policy_expr *amount; /* NULL: amount_fen is it */
    int16_t rate_bp;
    uint16_t percent_bp;
    uint8_t outcome, tier;
    uint8_t sets;
    uint8_t zero;
} policy_output;
static_assert(sizeof(policy_output) == 32, "two rows' outputs a cache line");

/* What a row of a guarantee program's table gives. */
typedef struct policy_term {
    int32_t factor_bp, unsecured_bp;
    uint8_t sets;
    bool covered, exempt, suspended;
} policy_term;

/* Where and when a row exists: each kind that is named must hold, and of a kind any of its list. A row outside its
 * pilot is not there: it neither matches nor keeps rows behind it from matching. */
typedef struct policy_span {
    uint32_t low, high; /* both belong to it */
} policy_span;

typedef struct policy_pilot {
    const struct credit_rules *rules; /* whose areas are meant */
    const struct credit_area *const *areas;
    const policy_span *divisions, *sectors; /* ascending, apart from each other */
    unsigned area_count, division_count, sector_count;
    int32_t from_day, to_day; /* from_day ≤ day < to_day; INT32_MIN and INT32_MAX if open */
    /* As written, one text a kind, NULL for those that are not named: "areas: km_hightech", "from 2026-07-01". */
    const char *texts[POLICY_PILOT_KINDS];
} policy_pilot;

/* All rows of a table with the same pilot. */
typedef struct policy_restriction {
    const policy_pilot *pilot;
    const uint64_t *rows; /* bits, as table_all */
} policy_restriction;

typedef struct policy_row {
    const char *id, *because;  /* because: "" if none */
    const policy_pilot *pilot; /* NULL: the row exists for everybody, always */
    const char *const *tests;  /* by column, as written; NULL where any value will do */
    policy_mark mark;
} policy_row;

typedef struct policy_table {
    const table *compiled;
    const policy_output *outputs; /* by row; NULL in a guarantee program */
    const policy_term *terms;     /* by row; NULL elsewhere */
    uint8_t hit;                  /* policy_hit */
    bool gaps_allowed;
    uint8_t restriction_count; /* 0 for almost all tables, which pay a branch for it */
    unsigned row_count, column_count;
    const policy_restriction *restrictions;
    const char *id, *title;
    const profile_field *const *fields;
    const policy_row *rows;
    const sfeel_test *cells; /* only while the file is loaded */
    policy_mark mark;
} policy_table;

typedef struct policy_example {
    const char *name; /* name and mark first, as policy_named */
    policy_mark mark;
    profile given;
    int32_t day;     /* of the decision; matters to pilots only */
    uint8_t expects; /* SETS_* */
    union {
        struct {
            decision result;
            const char *row; /* id, NULL: none */
        };
        guarantee_terms terms;
    };
} policy_example;

/* The guarantee program of a policy. Grade 0 of the arrays is the unrated subject. */
typedef struct policy_guarantee {
    uint8_t program;
    const char *name;
    uint8_t roles;         /* PROFILE_ROLE_*: covered unless a table says otherwise */
    bool refuse_unrated;   /* the unrated are not `rated` */
    guarantee_terms terms; /* what does not depend on the subject */
    int32_t factor_bp[MARKET_AAA + 1], unsecured_bp[MARKET_AAA + 1];
    unsigned table_count, example_count;
    policy_table *tables;
    policy_example *examples;
    policy_mark mark;
} policy_guarantee;

typedef struct policy {
    int32_t from_hour, to_hour; /* in force from_hour ≤ hour < to_hour; INT32_MIN and INT32_MAX if open */
    unsigned table_count;
    policy_table *tables;
    const policy_table *scope;         /* one row, which must match; NULL: everybody is in scope */
    uint8_t scenario;                  /* 0 only while loading fails */
    uint8_t purpose;                   /* the usual one of who asks, 0 none */
    const policy_guarantee *guarantee; /* NULL: none */
    const char *id, *scenario_name, *scenario_title, *title, *authority, *legal_basis, *file;
    policy_benefit *benefits;
    unsigned benefit_count, example_count;
    policy_example *examples;
    policy_mark mark, scenario_mark, effective_mark, benefits_mark;
    uint64_t text_hash; /* of the file's text: the same text compiles to the same policy, but for the areas it names */
} policy;

struct policy_set {
    uint32_t version;
    char hash[33];
    uint64_t hash64;
    size_t count;
    policy *items;                        /* by scenario, then by day */
    uint16_t first[SCENARIO_MAX + 2];     /* items of scenario s: first[s] … first[s + 1] - 1 */
    uint16_t program_of[PROGRAM_MAX + 1]; /* the scenario that has the program, 0 none */
    const struct credit_rules *credit;    /* never NULL; credit.h */
    const struct credit_example *credit_examples;
    unsigned credit_example_count;
    policy_arena arena;
    atomic_uint holders; /* beside the first */
};
static_assert(LIMIT_POLICY_FILES <= UINT16_MAX, "an item's index fits");

/* Evaluates one policy, whether or not it is in force: policy_decide of a set without its dates. The day is that of
 * pilots. */
void policy_evaluate(const policy *item, const profile *p, int32_t day, uint32_t version, decision *out);
void policy_evaluate_terms(const policy *item, const profile *p, int32_t day, uint32_t version, guarantee_terms *out);
/* The policy of a scenario at a moment. OK, UNKNOWN_SCENARIO, NOT_EFFECTIVE. */
status policy_in_force(const policy_set *set, unsigned scenario, policy_moment at, const policy **out);

/* The first row that matches and exists for the subject on this day, from 1; 0 if none does. */
unsigned policy_table_first(const policy_table *t, const profile *p, int32_t day);
/* All of them, as table_all. */
bool policy_table_all(const policy_table *t, const profile *p, int32_t day, uint64_t *rows);

/* The day in China that an hour belongs to; open ends stay open. */
static inline int32_t policy_day_of_hour(int32_t hour) {
    return hour == INT32_MIN || hour == INT32_MAX ? hour : clock_day_of_ms(hour * CLOCK_MS_PER_HOUR);
}
/* The first day that is wholly behind the end of a period. */
static inline int32_t policy_day_after(int32_t to_hour) {
    return to_hour == INT32_MAX ? INT32_MAX : policy_day_of_hour(to_hour - 1) + 1;
}

/* policy_pilot.c */
bool policy_pilot_holds(const policy_pilot *pilot, const profile *p, int32_t day);
bool policy_pilot_kind_holds(const policy_pilot *pilot, unsigned kind, const profile *p, int32_t day);
/* No subject on no day is in both, for certain. */
bool policy_pilot_apart(const policy_pilot *a, const policy_pilot *b);
bool policy_pilot_same(const policy_pilot *a, const policy_pilot *b);

/* Bounds that keep the ledger's products within 128 bits and sane: ten times the base, all of the guarantees again,
 * 10,000 yuan a MWh. */
#define POLICY_FACTOR_MAX_BP 100000
#define POLICY_UNSECURED_MAX_BP 10000
#define POLICY_FEN_PER_MWH_MAX 1000000
static_assert(LIMIT_ENERGY_MWH <= INT64_MAX / POLICY_FEN_PER_MWH_MAX, "energy × price stays in int64");

#define POLICY_ROW_NUMBER(table_index, row) ((uint16_t)(((table_index) + 1) << 12 | (row)))

#endif
