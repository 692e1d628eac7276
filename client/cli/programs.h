/* Guarantee programs by name. "power" is known without a server; the others are named by the policies that are in force
 * there, and are asked for once a run. One thread. */
#ifndef XINYI_CLI_PROGRAMS_H
#define XINYI_CLI_PROGRAMS_H

#include "client/cli/cli.h"

#define PROGRAMS_MAX 15 /* programs are 1..15 */

/* The number of a program: NULL gives power; a name of the server's policies (connects), or a number. 0, or an exit
 * code after a message. */
int programs_find(cli *c, const char *text, unsigned *out);
/* The same without messages: false with one sentence in `why`. Connects if it has to. */
bool programs_look(cli *c, const char *text, unsigned *out, char *why, size_t room);
/* Asks the server for the names, if that has not been done; connected already. 0, or an exit code after a message. */
int programs_learn(cli *c);
/* "power"; "program_3" as long as the name is not known. Valid for the run. */
const char *programs_name(unsigned program);

#endif
