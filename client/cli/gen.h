/* `xinyi gen`: writes a synthetic province (client/cli/province.h) as CSV. Needs no server. */
#ifndef XINYI_CLI_GEN_H
#define XINYI_CLI_GEN_H

#include <stdbool.h>

/* argv[0] is "gen". 0 done, 1 failure (file, disk), 2 wrong usage; says why on stderr. The summary is one line on
 * stderr, or with --json one object: on stdout, or on stderr if the rows go to stdout. */
int cmd_gen(int argc, char **argv);
/* The same with --json given from outside. */
int gen_run(int argc, char **argv, bool json);
/* What --help prints. */
extern const char gen_help[];

#endif
