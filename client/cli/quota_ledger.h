/* The history of an account as it is told by the server (COMMAND quota_history), page by page, and whether it adds up:
 * every line begins with the balances that the one before it left, the newest ends with the account's own. Owned by the
 * caller, one thread. */
#ifndef XINYI_CLI_QUOTA_LEDGER_H
#define XINYI_CLI_QUOTA_LEDGER_H

#include "client/cli/cli.h"

#include <jansson.h>

#define QUOTA_LEDGER_PAGE 1024 /* events of one answer, at most */

/* Joins an older page to what was read so far (*whole, NULL at first; owned): the older opening, its events in front.
 * Takes over `page`. False without memory. */
bool quota_ledger_join(json_t **whole, json_t *page);

/* NULL if it adds up; else one sentence about the first place where it does not. */
const char *quota_ledger_check(const json_t *whole, char *why, size_t room);

/* The account's statement for people. False without memory. */
bool quota_ledger_print(const cli *c, const json_t *whole);

#endif
