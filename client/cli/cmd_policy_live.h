/* policy activate, rollback, shadow and list --history: the sets of a running server. */
#ifndef XINYI_CLI_CMD_POLICY_LIVE_H
#define XINYI_CLI_CMD_POLICY_LIVE_H

#include "client/cli/cli.h"

/* argv[0] is the action's name. Exit codes. */
int cmd_policy_activate(cli *c, int argc, char **argv);
int cmd_policy_rollback(cli *c, int argc, char **argv);
int cmd_policy_shadow(cli *c, int argc, char **argv);
int policy_history(cli *c);

/* Help of an action of `policy`; NULL if there is none (cmd_policy.c). */
const char *policy_action_help(const char *action);
extern const char help_policy_activate[], help_policy_rollback[], help_policy_shadow[];

#endif
