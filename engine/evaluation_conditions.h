/* Conditions of an evaluation: cells over fields, as in `for:` and `when:`. They are read one by one, combined,
 * compiled into one table for all of them, and checked for those that can never hold. Only while a set is loaded;
 * conditions and their cells live in the loader's scratch arena. */
#ifndef XINYI_ENGINE_EVALUATION_CONDITIONS_H
#define XINYI_ENGINE_EVALUATION_CONDITIONS_H

#include "engine/evaluation_model.h"

typedef struct condition {
    unsigned count;
    const profile_field *fields[LIMIT_POLICY_COLUMNS];
    sfeel_test cells[LIMIT_POLICY_COLUMNS];
    policy_mark mark;
} condition;

/* Reads a map of fields and cells; {} is always true. False (said) if any cell is wrong. Slots are read against the
 * scales of the evaluation's indicators. `what` names it in messages: "'when'". */
bool condition_read(policy_loader *l, const evaluation *e, const policy_node *node, const char *what, condition *out);
/* The same map as one text, for people who compare sets: "public_grade >= 良, red_list true"; kept with the set. "" for
 * a node that is none, NULL without memory. */
const char *condition_text(policy_loader *l, const policy_node *node);
/* Demands that the field has a value. */
bool condition_need_value(policy_loader *l, const profile_field *field, condition *c);
/* Both at once. False: no subject can fulfil both, because of *field. Without memory it is said, and true. */
bool condition_both(policy_loader *l, const condition *a, const condition *b, condition *out,
                    const profile_field **field);
/* Which of n conditions, in order, hold only where one of those before it holds: shadowed[i] is then one of these,
 * counted from 1, or n + 1 if it takes several; else 0. False without memory. */
bool conditions_shadowed(policy_loader *l, const condition *conditions, unsigned n, unsigned *shadowed);
/* One table, a row a condition. NULL without memory or (said) if it gets too large. */
const table *conditions_compile(policy_loader *l, const condition *conditions, unsigned n, policy_mark mark);

/* The indicator of a slot's field; NULL: none is declared, or it is no slot. */
const indicator *evaluation_indicator_of(const evaluation *e, const profile_field *field);
bool evaluation_is_slot(const profile_field *field);
/* Composite score and grade, which are the result, and the day of change, which is found after it. */
bool evaluation_is_result(const profile_field *field);

#endif
