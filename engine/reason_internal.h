/* Inside the reasons: what is looked for, and what was found. Shared by reason*.c. */
#ifndef XINYI_ENGINE_REASON_INTERNAL_H
#define XINYI_ENGINE_REASON_INTERNAL_H

#include "engine/policy_model.h"
#include "engine/reason.h"

/* What is not granted yet and looked for: benefits by their bit, and the outcome `granted`. */
typedef struct reason_goals {
    uint64_t benefits;
    bool outcome;
} reason_goals;

typedef struct reason_case {
    const policy_set *set;
    const policy *item; /* in force */
    unsigned scenario;
    const profile *p;
    const dossier *d;
    policy_moment at;
    bool computed; /* the composite score is computed and p carries what the computation gives */
} reason_case;

/* How a changeable field is spoken of and what a step of it costs. */
typedef enum reason_way { WAY_UP, WAY_DOWN, WAY_TRUE, WAY_FALSE, WAY_TAX } reason_way;
typedef struct reason_field {
    uint8_t number; /* FIELD_* */
    uint8_t way;    /* reason_way */
    bool indirect;
    uint32_t step;    /* cost of one unit of the stored value, to compare changes of different fields */
    const char *noun; /* of grades and scores: "public credit grade"; NULL: the field's title */
} reason_field;
const reason_field *reason_field_of(const profile_field *f); /* NULL: nobody can change it */

static inline bool reason_any(reason_goals g) { return g.benefits != 0 || g.outcome; }
static inline reason_goals reason_met(const decision *d, reason_goals wanted) {
    return (reason_goals){d->benefits & wanted.benefits, wanted.outcome && d->outcome == OUTCOME_GRANTED};
}

/* Sets fields as if they had come about; a computed composite follows, unless it is among them. */
typedef struct reason_value {
    const profile_field *field;
    int64_t to;
} reason_value;
void reason_set(const reason_case *c, const reason_value *values, unsigned n, profile *p);
/* Whether the composite score is computed and that of p is what the computation gives. */
bool reason_is_computed(const policy_set *set, const profile *p);

/* The smallest changes for each goal, into the items of `out` (by benefit code, and the outcome). NO_MEMORY. */
status reason_find_changes(const reason_case *c, reason_goals goals, reasons *out) MUST_CHECK;
/* The first day for each goal. */
void reason_find_waits(const reason_case *c, reason_goals goals, reasons *out);
/* The first day for each goal on which repairs are enough; after the waits. NO_MEMORY. */
status reason_find_repairs(const reason_case *c, reason_goals goals, reasons *out) MUST_CHECK;

/* The text of one change; `better`: every better value would do as well. */
void reason_change_text(const reason_field *r, const profile_field *f, int64_t from, int64_t to, bool better,
                        char *text, size_t room);
/* What happens between the profiles of one day and the next that lets `wanted` come about. */
void reason_wait_text(const reason_case *c, const profile *before, const profile *after, int32_t day,
                      reason_goals wanted, char *text, size_t room);

/* The item of a benefit in `out`. */
benefit_reason *reason_item(reasons *out, unsigned code);

#endif
