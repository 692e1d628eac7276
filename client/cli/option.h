/* Options of commands: a table per command over getopt_long, with one line about a mistake instead of a screen of
 * usage. The global options (--server --cluster --timeout --json --help) are taken out of the arguments before, so they
 * are accepted on both sides of the command. One thread (getopt). */
#ifndef XINYI_CLI_OPTION_H
#define XINYI_CLI_OPTION_H

#include "client/cli/cli.h"

typedef struct option_spec {
    const char *name;   /* without dashes */
    bool *flag;         /* an option without value … */
    const char **value; /* … or one with; exactly one of both is set */
} option_spec;
#define OPTION_END                                                                                                     \
    { NULL, NULL, NULL }

/* Takes the global options out of argv[1..]: *argc shrinks, argv keeps the rest in order. Stops at "--". 0, or 2 after
 * a message. */
int option_globals(cli *c, int *argc, char **argv);

/* argv[0] is the command's name. Fills the targets; argv is permuted so that the positional arguments are
 * argv[*first..argc-1]. 0, or 2 after a message. */
int option_parse(const cli *c, int argc, char **argv, const option_spec *specs, int *first);

#endif
