/* Money for people: yuan on the command line and on the screen, fen inside. Exact decimal text, never floating point.
 * Pure functions; any thread. */
#ifndef XINYI_CLI_MONEY_H
#define XINYI_CLI_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MONEY_TEXT 40

/* "1000000", "1,000,000.00", "¥12.5", "100万", "1.25亿", "3元" → fen. False with one sentence in *why (constant text):
 * not a number, finer than a fen, more than LIMIT_AMOUNT_FEN. Signs are not accepted: every amount is positive. */
bool money_parse(const char *text, int64_t *fen, const char **why);

/* "¥10,000,000.00", "-¥0.05"; returns buffer. */
const char *money_format(int64_t fen, char buffer[MONEY_TEXT]);

/* "1,234,567"; returns buffer. */
const char *money_format_count(int64_t value, char buffer[MONEY_TEXT]);

/* Decimal digits only, 0..UINT64_MAX. False if it is anything else. */
bool money_parse_u64(const char *text, size_t length, uint64_t *value);
/* A whole number without sign, 0..max. False if it is anything else. */
/* The same with optional thousands separators: "1,200,000". */
bool money_parse_grouped(const char *text, int64_t max, int64_t *value);
bool money_parse_count(const char *text, size_t length, int64_t max, int64_t *value);

#endif
