/* The quota commands; cmd_quota.c dispatches to them. */
#ifndef XINYI_CLI_CMD_QUOTA_H
#define XINYI_CLI_CMD_QUOTA_H

#include "client/cli/cli.h"

/* reserve, commit, release, settle, pledge, amend, withdraw, energy, freeze, unfreeze: kind is XINYI_RESERVE … */
int cmd_quota_operate(cli *c, unsigned kind, int argc, char **argv);

int cmd_quota_show(cli *c, int argc, char **argv);
int cmd_quota_history(cli *c, int argc, char **argv);
int cmd_quota_batch(cli *c, int argc, char **argv);

/* The help of an action, NULL if there is none of that name. */
const char *cmd_quota_help(const char *action);
/* "unknown action 'X'; did you mean …"; returns CLI_EXIT_USAGE. */
int cmd_quota_unknown(const cli *c, const char *action);

/* --amount or --amount-fen (NULL where not given) → fen. 0, or CLI_EXIT_USAGE after a message. */
int cmd_quota_amount(const cli *c, const char *yuan, const char *fen, bool needed, int64_t *out);

/* The end of an instrument: as when_parse_hour, or "none". False if it is neither. */
bool cmd_quota_end(const char *text, uint32_t *hour);
/* The reference of a freeze; false with one sentence in `why`. */
bool cmd_quota_reference(const char *text, xinyi_operation *op, char *why, size_t room);

#endif
