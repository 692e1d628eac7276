/* The quota commands that change an account; cmd_quota.c dispatches to them. */
#ifndef XINYI_CLI_CMD_QUOTA_H
#define XINYI_CLI_CMD_QUOTA_H

#include "client/cli/cli.h"

/* reserve, commit, release, settle, pledge, withdraw, energy: kind is XINYI_RESERVE … */
int cmd_quota_operate(cli *c, unsigned kind, int argc, char **argv);

/* The help of an action, NULL if there is none of that name. */
const char *cmd_quota_help(const char *action);
/* "unknown action 'X'; did you mean …"; returns CLI_EXIT_USAGE. */
int cmd_quota_unknown(const cli *c, const char *action);

/* --amount or --amount-fen (NULL where not given) → fen. 0, or CLI_EXIT_USAGE after a message. */
int cmd_quota_amount(const cli *c, const char *yuan, const char *fen, bool needed, int64_t *out);

#endif
