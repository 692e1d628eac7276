/* policy activate, rollback, shadow and list --history: the sets of a running server. */
#ifndef XINYI_CLI_CMD_POLICY_LIVE_H
#define XINYI_CLI_CMD_POLICY_LIVE_H

#include "client/cli/cli.h"

/* argv[0] is the action's name. Exit codes. */
int cmd_policy_activate(cli *c, int argc, char **argv);
int cmd_policy_rollback(cli *c, int argc, char **argv);
int cmd_policy_shadow(cli *c, int argc, char **argv);
int policy_history(cli *c);

/* Parts of help_policy. */
#define HELP_POLICY_LIVE_USAGE                                                                                         \
    "       xinyi policy activate DIR  put a set into force on the running server\n"                                   \
    "       xinyi policy rollback VERSION\n"                                                                           \
    "                                  put an earlier set into force again\n"                                          \
    "       xinyi policy shadow start DIR|VERSION | show | stop\n"                                                     \
    "                                  decide by a candidate beside, on live traffic, and count the differences\n"
#define HELP_POLICY_LIVE                                                                                               \
    "activate checks the set and runs its examples, then exchanges the sets between two lookups: none is refused, "    \
    "none "                                                                                                            \
    "waits. It\nis durable: a restart keeps it, also with --policy, until the server's directory changes. rollback "   \
    "does the same with\ntexts that the server keeps (list --history); it gets a new version number.\n"                \
    "  --expect N        only if version N is in force now (activate, rollback)\n"                                     \
    "  --wait            until everybody has been evaluated by new rules of credit, with a progress bar\n"             \
    "  --history         every set that was ever active (list)\n"                                                      \
    "A shadow decides every lookup a second time, answers nothing, stores nothing, and ends with the server.\n"
#define HELP_POLICY_LIVE_EXAMPLES                                                                                      \
    "  xinyi policy activate policy.new --expect 3\n"                                                                  \
    "  xinyi policy list --history\n"                                                                                  \
    "  xinyi policy rollback 3\n"                                                                                      \
    "  xinyi policy shadow start policy.new && sleep 600 && xinyi policy shadow show\n"

#endif
