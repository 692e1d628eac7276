/* `xinyi id check NUMBER...`: are these numbers valid, and what is in them? Needs no server and sends nothing. */
#ifndef XINYI_CLI_CMD_ID_H
#define XINYI_CLI_CMD_ID_H

#include <stdbool.h>

/* argv[0] is "id". 0 all numbers are valid (warnings allowed), 1 some are not or the answer could not be written, 2
 * wrong usage. `json` as if --json were among the arguments: one object a line. A NUMBER "-" alone reads lines from
 * stdin. */
int cmd_id(int argc, char **argv, bool json);
/* What --help prints. */
extern const char cmd_id_help[];

#endif
