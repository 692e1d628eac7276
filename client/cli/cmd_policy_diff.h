/* policy diff: what changed between two policy sets, each a directory, a file, or the number of a version that the
 * server keeps. */
#ifndef XINYI_CLI_CMD_POLICY_DIFF_H
#define XINYI_CLI_CMD_POLICY_DIFF_H

#include "client/cli/cli.h"
#include "engine/policy_diff.h"

/* argv[0] is "diff". An exit code; that the sets differ is no failure. */
int cmd_policy_diff(cli *c, int argc, char **argv);

/* "loan-2026: table eligibility, row L7, amount_fen: 300万元 → 350万元", a line a difference, and how many. */
void policy_diff_view(const cli *c, const policy_differences *d, buf *to);

#endif
