/* Amounts that depend on the subject: min(volunteer_minutes / 60 * 100, 500000).
 *
 *   numbers      whole; money may carry a unit: 5000 yuan, 30万元 (both exact), else it is fen
 *   fields       numbers, scores and hundredths of the profile; hundredths count as they are stored: 3.50 is 350
 *   + - * /      the usual precedence; division drops the fraction
 *   min(a, b, …), max(a, b, …), parentheses
 *
 * Nothing can go wrong at evaluation, because it is proved at load: from the values that the row's cells admit, the
 * range of every step follows, and an expression that could overflow, divide by zero, be negative, exceed
 * LIMIT_AMOUNT_FEN or meet a missing value is refused. Pure; lives in the arena it was parsed into. */
#ifndef XINYI_ENGINE_POLICY_EXPR_H
#define XINYI_ENGINE_POLICY_EXPR_H

#include "base/profile.h"
#include "engine/policy_arena.h"
#include "engine/sfeel.h"

#include <stdbool.h>

typedef struct policy_expr policy_expr;

/* The values that a field can have where the expression is used. False if it may be missing there. */
typedef bool (*policy_expr_range)(void *context, const profile_field *field, sfeel_range *range);

/* SYNTAX or BAD_VALUE with *error filled, NO_MEMORY. *out is NULL if the expression is constant: then it is *constant.
 */
status policy_expr_parse(const char *text, size_t length, policy_expr_range range, void *context, policy_arena *memory,
                         const policy_expr **out, int64_t *constant, sfeel_error *error) MUST_CHECK;

/* For people, as it could have been written: "min(volunteer_minutes / 60 * 100, 500000)". Cut off where the room ends;
 * returns buffer. */
const char *policy_expr_format(const policy_expr *e, char *buffer, size_t room);

/* Of a profile within the ranges promised; any other gives some number in 0 … LIMIT_AMOUNT_FEN. */
int64_t policy_expr_value(const policy_expr *e, const profile *p);

#endif
