/* Inside policy_diff: where differences go, and how values are written. */
#ifndef XINYI_ENGINE_POLICY_DIFF_INTERNAL_H
#define XINYI_ENGINE_POLICY_DIFF_INTERNAL_H

#include "engine/credit.h"
#include "engine/policy_diff.h"
#include "engine/policy_model.h"

#define DIFF_TEXT sizeof(((policy_difference *)0)->after)

typedef struct differ {
    policy_differences *out;
    const char *policy; /* whose differences are found */
    bool no_memory;
} differ;

/* A place within the policy: "table eligibility, row L7". */
typedef struct diff_place {
    char text[sizeof(((policy_difference *)0)->where)];
} diff_place;
diff_place diff_at(const char *format, ...) __attribute__((format(printf, 1, 2)));

void diff_add(differ *w, policy_difference_kind kind, diff_place where, const char *before, const char *after);
/* Nothing if the texts are the same; NULL is "". Added if there was none, removed if there is none. */
void diff_text(differ *w, diff_place where, const char *before, const char *after);
void diff_number(differ *w, diff_place where, int64_t before, int64_t after);
void diff_bool(differ *w, diff_place where, bool before, bool after);

/* Appends to a text of DIFF_TEXT bytes; what does not fit is left out and "…" put in its place. */
void diff_append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *diff_money(int64_t fen, char buffer[48]);    /* 300万元, 12.50元 */
const char *diff_percent(int64_t bp, char buffer[48]);   /* 130%, 1.5% */
const char *diff_hundredths(int64_t n, char buffer[48]); /* 3.5 */
const char *diff_period(period p, char buffer[48]);      /* 3 months, 15 working days, none */
const char *diff_day(int32_t day, char buffer[48]);      /* "open" at either end */

/* The tests of one row, cell by cell. */
const char *diff_cell(const policy_table *t, unsigned row, const profile_field *f);
void diff_cells(differ *w, const char *where, const policy_table *before, unsigned b, const policy_table *after,
                unsigned a);

/* What is beside the scenarios. */
void diff_credit(differ *w, const credit_rules *before, const credit_rules *after);
void diff_evaluation(differ *w, const evaluation *before, const evaluation *after);

#endif
