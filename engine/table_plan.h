/* A decision table cut up: the form between parsed cells and the compiled table, on which completeness is decided.
 *
 * Each column's axis — the numbers as they are stored in the profile, the one that means "missing" among them — is cut
 * wherever a cell begins or ends. Within an interval no cell changes its mind, so an interval has one bitmap: the rows
 * whose cell it satisfies. Lives in the arena it was made in. */
#ifndef XINYI_ENGINE_TABLE_PLAN_H
#define XINYI_ENGINE_TABLE_PLAN_H

#include "base/limits.h"
#include "base/profile.h"
#include "base/status.h"
#include "engine/policy_arena.h"
#include "engine/sfeel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_WORDS_MAX ((LIMIT_POLICY_ROWS + 63) / 64)

typedef struct table_spec {
    unsigned rows, columns; /* at most LIMIT_POLICY_ROWS and LIMIT_POLICY_COLUMNS */
    const profile_field *const *fields;
    const sfeel_test *cells; /* rows × columns, row by row */
} table_spec;

typedef struct table_axis {
    const profile_field *field;
    bool tested;    /* some cell is not "-" */
    uint32_t count; /* intervals */
    uint32_t *cuts; /* interval i is [cuts[i], cuts[i + 1]), the last one open; cuts[0] is 0 */
    bool *possible; /* the field can have these values */
    uint64_t *bits; /* count × words */
} table_axis;

typedef struct table_plan {
    unsigned rows, columns, words;
    size_t bytes;            /* of all bitmaps */
    const uint64_t *without; /* rows that completeness takes for not there; NULL: all are. Set by the caller */
    table_axis axes[LIMIT_POLICY_COLUMNS];
} table_plan;

/* TOO_LARGE if the bitmaps would need more than max_bytes; NO_MEMORY. */
status table_plan_make(const table_spec *spec, size_t max_bytes, policy_arena *memory, table_plan *out) MUST_CHECK;

/* A combination of values, for messages. */
typedef struct table_point {
    int64_t values[LIMIT_POLICY_COLUMNS]; /* PROFILE_MISSING among them */
    bool matters[LIMIT_POLICY_COLUMNS];   /* false: any value will do */
    unsigned alone; /* of COVERED: a row that covers all by itself, counted from 1; 0 if it takes several */
} table_point;

typedef enum table_verdict { TABLE_COVERED, TABLE_UNCOVERED, TABLE_UNDECIDED } table_verdict;

/* Rows of plan->without neither cover nor overlap; the row that is asked about may be among them.
 *
 * Is each combination that row `row` matches (row == rows: each combination there is) matched by one of the rows
 * 0 … before - 1? If not, *hole is one that is not. Exact, but the problem is hard in the worst case: every word looked
 * at is taken off *work, and at 0 the answer is UNDECIDED. */
table_verdict table_plan_covered(const table_plan *plan, unsigned row, unsigned before, uint64_t *work,
                                 table_point *hole);

/* Does a row before `row` match something that `row` matches too? UNCOVERED means none does. On COVERED *other is the
 * first such row and *both a combination that both match. */
table_verdict table_plan_overlap(const table_plan *plan, unsigned row, uint64_t *work, unsigned *other,
                                 table_point *both);

#endif
