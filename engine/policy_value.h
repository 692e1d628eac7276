/* The written forms of money, ratios, durations and hours in policy files. Exact: never a floating-point number, never
 * rounded. Pure. On failure *why (if not NULL) tells what is wrong and what to write. */
#ifndef XINYI_ENGINE_POLICY_VALUE_H
#define XINYI_ENGINE_POLICY_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_WHY_TEXT 200

/* 300000000 (fen), 5000 fen, 500分, 3000000 yuan, 300万元, 1.5亿元: at most LIMIT_AMOUNT_FEN, not negative. Reads a
 * prefix of the text and gives its length; *unit tells whether one was written. */
bool policy_value_amount(const char *text, size_t length, int64_t *fen, size_t *used, bool *unit,
                         char why[POLICY_WHY_TEXT]);
/* 130 % or 1.5% or -0.30%, or basis points as a whole number: 13000. All of the text. */
bool policy_value_ratio(const char *text, size_t length, int64_t *bp, char why[POLICY_WHY_TEXT]);
/* 2026-11-11 08:00, or 2026-11-11: its midnight. China time; gives hours since the epoch (clock.h). All of the text. */
bool policy_value_hour(const char *text, size_t length, int32_t *hour, char why[POLICY_WHY_TEXT]);
/* 300 s, 5 min, 1 h. All of the text. */
bool policy_value_duration(const char *text, size_t length, int64_t *ms, char why[POLICY_WHY_TEXT]);

#endif
