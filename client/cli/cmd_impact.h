/* policy impact: a candidate set over the whole population of the server, beside the active one. */
#ifndef XINYI_CLI_CMD_IMPACT_H
#define XINYI_CLI_CMD_IMPACT_H

#include "client/cli/cli.h"

/* argv[0] is "impact". An exit code; that people lose something is no failure. */
int cmd_impact(cli *c, int argc, char **argv);

/* A part of help_policy. */
#define HELP_IMPACT                                                                                                    \
    "impact decides for every subject of the server by the candidate DIR and by the active set, on the view of one\n"  \
    "moment, while lookups and writes go on: who gains, who loses, how amounts and guarantee totals move. Nothing "    \
    "is\n"                                                                                                             \
    "activated and nothing is stored.\n"                                                                               \
    "  --scenario NAME   this scenario only; otherwise all that differ\n"                                              \
    "  --by DIMENSION    also by kind of subject, grade (composite), division (prefecture) or sector\n"                \
    "  --day YYYY-MM-DD  both sets decide as of this day; otherwise today\n"                                           \
    "  --samples N       so many subjects for each benefit gained or lost, masked; 0 to 100\n"                         \
    "  --seed N          which ones: the same seed gives the same subjects\n"                                          \
    "  --csv FILE        every number by every dimension as CSV, amounts in fen; - is standard output\n"
#define HELP_IMPACT_EXAMPLES                                                                                           \
    "  xinyi policy impact policy.new --scenario loan --by division --samples 3\n"                                     \
    "  xinyi policy impact policy.new --csv impact.csv --json > impact.json\n"

#endif
