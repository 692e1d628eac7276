/* What changed between two policy sets, in the words of the files: policies, rows, cells, outputs, benefits, periods,
 * guarantee terms, credit rules. For people who approve a change and for records of it. */
#ifndef XINYI_ENGINE_POLICY_DIFF_H
#define XINYI_ENGINE_POLICY_DIFF_H

#include "engine/policy.h"

typedef enum policy_difference_kind { DIFFERENCE_ADDED, DIFFERENCE_REMOVED, DIFFERENCE_CHANGED } policy_difference_kind;

typedef struct policy_difference {
    uint8_t kind;
    const char *policy; /* id of the policy or of the part ("records", "lists" …); belongs to a set */
    char where[192];    /* "table eligibility, row L7, public_grade" */
    char before[256];   /* "" if added */
    char after[256];    /* "" if removed */
} policy_difference;

typedef struct policy_differences {
    policy_difference *items; /* owned */
    size_t count, capacity;
} policy_differences;

/* In the order of the new set's files, removed things last. NO_MEMORY. */
status policy_diff(const policy_set *before, const policy_set *after, policy_differences *out) MUST_CHECK;
void policy_differences_deinit(policy_differences *d);

#endif
