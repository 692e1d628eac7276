/* Backups of the running server, for the commands that want one. One thread. */
#ifndef XINYI_CLI_BACKUP_H
#define XINYI_CLI_BACKUP_H

#include "client/cli/cli.h"

#include <stdbool.h>
#include <stdint.h>

/* Makes the server back itself up into `directory`, an absolute path on its machine, keeping the newest `keep` (0:
 * all), and waits for it; `tell`: prints what was made. The exit code, after a message if it is not 0. */
int backup_make(cli *c, const char *directory, int64_t keep, bool tell);

#endif
