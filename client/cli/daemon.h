/* Work on files that only the server's program can do: the command line becomes xinyid. One thread. */
#ifndef XINYI_CLI_DAEMON_H
#define XINYI_CLI_DAEMON_H

#include "client/cli/cli.h"

#define DAEMON_ARGUMENTS 12

/* Runs xinyid, the one beside this program or else from PATH, in place of this program, with these arguments (up to
 * DAEMON_ARGUMENTS, NULL behind the last) and --json if it was asked for. Returns only if it cannot: an exit code,
 * after a message. */
int daemon_become(cli *c, const char *const arguments[]);

#endif
