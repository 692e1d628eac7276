/* The commands. One row of CLI_COMMANDS and one function in a file of its own add one: dispatch, help and suggestions
 * follow. help_NAME is the text behind "xinyi help NAME": usage, what it does, options, examples. */
#ifndef XINYI_CLI_COMMAND_H
#define XINYI_CLI_COMMAND_H

#include "client/cli/cli.h"

/*  X(name, summary) in the order of "xinyi help"; a name is typed with - for _ */
#define CLI_COMMANDS(X)                                                                                                \
    X(evaluate, "decide a scenario for one subject, for many, or for a file of them")                                  \
    X(explain, "why a decision comes out as it does")                                                                  \
    X(replay, "make a decision again from its receipt")                                                                \
    X(get, "show profiles")                                                                                            \
    X(set, "change fields of a profile")                                                                               \
    X(record, "behaviour records: report, repair, revoke, list; the catalogue of types")                               \
    X(commitment, "acceptance with gaps: accept, extend, fulfil, breach, …")                                           \
    X(service, "volunteer hours: add, reverse, list")                                                                  \
    X(list, "the red list, the serious list and others: show, add, remove, export")                                    \
    X(name, "tell the name of a subject")                                                                              \
    X(sources, "where the values of a profile come from; who may say what")                                            \
    X(quota, "the guarantee quota: show, check, reserve, commit, release, settle, pledge, …")                          \
    X(watch, "alerts as they come: quotas nearly used up, bonds that end, top-ups that are due")                       \
    X(alerts, "the alerts that are open; acknowledge them")                                                            \
    X(import, "load profiles and accounts from CSV")                                                                   \
    X(export, "write profiles and accounts as CSV")                                                                    \
    X(policy, "check, test, compare, activate policy sets; their impact, their history")                               \
    X(effect, "what was granted and what was used, month by month")                                                    \
    X(report_use, "report that a benefit was used")                                                                    \
    X(fields, "the schema of profile fields")                                                                          \
    X(info, "size, policy and state of the server")                                                                    \
    X(stats, "counters of the server")                                                                                 \
    X(backup, "back up the running server; list and verify backups")                                                   \
    X(verify, "check everything that a server or a data directory holds")                                              \
    X(id, "check identification numbers")                                                                              \
    X(gen, "make a file of invented subjects")                                                                         \
    X(help, "this list, or the help of a command")

#define X(name, summary)                                                                                               \
    int command_##name(cli *c, int argc, char **argv);                                                                 \
    extern const char help_##name[];
CLI_COMMANDS(X)
#undef X

/* Runs the program; what main returns. */
int command_main(int argc, char **argv);

#endif
