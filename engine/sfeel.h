/* Cells of decision tables: S-FEEL unary tests over one profile field.
 *
 *   -                      any value, a missing one too
 *   A    "A"    优         this value; quotes are optional
 *   A, B, >= 90            one of several
 *   < 3.5  <= 3  > AA  >= 2026-01-01
 *   [3..6)  (3..6]  ]3..6[ a range: [ ] with, ( ) without its end; ]a and b[ are the same as (a and b)
 *   not(D)  not(A, [3..6]) a value that is there and passes none of these
 *   missing                no value: unrated, unknown, none; not(missing): any value that is there
 *   530100                 divisions: this one and all that lie in it;  D, D44: a sector's section or division
 *
 * A missing value satisfies '-' and 'missing' and nothing else: neither `< 60` nor `not(D)` is ever true of it.
 *
 * A parsed test is a set: ascending, disjoint ranges of whole numbers within the field's domain, and whether a missing
 * value belongs to it. Pure; ranges live in the arena they were parsed into. */
#ifndef XINYI_ENGINE_SFEEL_H
#define XINYI_ENGINE_SFEEL_H

#include "base/profile.h"
#include "base/status.h"
#include "engine/policy_arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sfeel_range {
    int64_t low, high; /* both belong to it */
} sfeel_range;

typedef struct sfeel_test {
    bool any;     /* "-": everything */
    bool missing; /* a missing value satisfies it; also set with any */
    uint32_t count;
    const sfeel_range *ranges;
} sfeel_test;

typedef struct sfeel_error {
    size_t offset;     /* byte in the text at which it was found */
    char message[280]; /* what is wrong and what to write instead */
} sfeel_error;

/* SYNTAX (cannot be understood), BAD_VALUE (a value outside the domain, a test that is never true), NO_MEMORY. *error
 * is filled with the first two. */
status sfeel_parse(const profile_field *field, const char *text, size_t length, policy_arena *memory, sfeel_test *out,
                   sfeel_error *error) MUST_CHECK;

/* "-" for any field. */
sfeel_test sfeel_any(const profile_field *field);
/* Satisfied by what satisfies one of n tests. NO_MEMORY. */
status sfeel_union(const profile_field *field, const sfeel_test *tests, size_t n, policy_arena *memory,
                   sfeel_test *out) MUST_CHECK;

/* Whether a value (or PROFILE_MISSING) satisfies the test. */
bool sfeel_matches(const sfeel_test *test, int64_t value);

/* The values a field can have when it is not missing. */
sfeel_range sfeel_domain(const profile_field *field);
/* The domain for people: "0 to 1000", "D, C, B, A or M". Returns buffer. */
const char *sfeel_domain_text(const profile_field *field, char *buffer, size_t room);
/* "true" or "false" of a policy text; nothing else will do. */
bool sfeel_parse_bool(const char *text, size_t length, bool *out);

/* A value as policies write it: quotes are taken off, "missing" and "unrated" are understood, numbers are exact and
 * without leading zeros. SYNTAX or BAD_VALUE with *error filled. */
status sfeel_parse_value(const profile_field *field, const char *text, size_t length, int64_t *value,
                         sfeel_error *error) MUST_CHECK;

#endif
