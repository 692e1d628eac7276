/* What xinyid does with files instead of serving: one thing, then it exits. Each is an option of the command line with
 * a function of its own; the options that only refine such an action are a second table. Adding either is one row here
 * and one function.
 *
 * Results go to stdout, for people or with --json as one document; messages about failures go to stderr. Exit status:
 * 0 done, 1 not done or something is wrong with the data, 2 wrong usage, 3 (--repair) wrong and nothing done yet.
 *
 * One thread; nothing of the server runs. */
#ifndef XINYI_SERVER_OFFLINE_H
#define XINYI_SERVER_OFFLINE_H

#include <jansson.h>
#include <stdbool.h>

struct config;

/*  X(name, argument or NULL, needs --data, help) — the option is --name with '-' for '_'. The function is
 *  offline_name. */
#define OFFLINE_ACTIONS(X)                                                                                             \
    X(backups, "DIR", false, "list the backups in DIR")                                                                \
    X(verify_backup, "DIR", false, "read every file of the backups in DIR, compare checksums (one: --backup ID)")      \
    X(restore, "DIR", true, "make the new data directory --data from a backup in DIR, and check it")                   \
    X(verify, NULL, true, "read and check everything in --data")                                                       \
    X(repair, NULL, true, "tell what is wrong with --data and what can be done; with --yes do it")                     \
    X(dump, "FILE", true, "write all of --data (or of a backup, if it holds backups) as text; - is standard output")   \
    X(load, "FILE", true, "make the new data directory --data from such a text, and check it; - is standard input")

/*  X(name, argument or NULL, help) — of no use without an action. */
#define OFFLINE_MODIFIERS(X)                                                                                           \
    X(backup, "ID", "with --restore, --dump and --verify-backup: the backup, instead of the latest or all")            \
    X(yes, NULL, "with --repair: do what it would do, instead of only telling")                                        \
    X(json, NULL, "with these: answer with a JSON document")

#define X(name, ...) OFFLINE_##name,
typedef enum offline_action { OFFLINE_NONE = -1, OFFLINE_ACTIONS(X) OFFLINE_ACTION_COUNT } offline_action;
#undef X
#define X(name, ...) OFFLINE_WITH_##name,
typedef enum offline_modifier { OFFLINE_MODIFIERS(X) OFFLINE_MODIFIER_COUNT } offline_modifier;
#undef X

/* What was asked for on the command line; texts belong to it. */
typedef struct offline {
    offline_action action;
    const char *argument;                          /* of the action */
    const char *modifiers[OFFLINE_MODIFIER_COUNT]; /* NULL: not given; "" of one without an argument */
} offline;

typedef struct offline_option {
    const char *name, *argument, *help;
    bool needs_data;
} offline_option;
/* [OFFLINE_ACTION_COUNT], [OFFLINE_MODIFIER_COUNT] */
extern const offline_option offline_actions[], offline_modifiers[];

/* False after a message on stderr: modifiers without an action, or one that it has no use for. */
bool offline_fits(const offline *o);
/* Does it; the exit status. Log messages on stderr are for failures only. */
int offline_run(const struct config *c);

#define X(name, ...) int offline_##name(const struct config *c);
OFFLINE_ACTIONS(X)
#undef X

/* ------------------------------------------------------------------ for the actions */

/* "xinyid: …" on stderr; returns 1. */
int offline_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline bool offline_json(const offline *o) { return o->modifiers[OFFLINE_WITH_json] != NULL; }
/* Prints the document and gives it up. 0, or 1 after a message. */
int offline_print(json_t *document);
/* How far something long is: on stderr, a line that is redrawn, if that is a terminal; else nothing. `label` "" ends
 * it. */
void offline_progress(const char *label, unsigned long long done, unsigned long long total);

#endif
