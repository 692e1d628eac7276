/* What can be done about a damaged data directory: `xinyid --repair`.
 *
 * Everything is done to a copy inside the directory (`repair/`; sorted files by hard links, the rest copied), step by
 * step with the best source first, and the copy is then loaded as a start would. What was done and how it ended is told
 * item by item. Only then, and only if asked to, the copy takes the place of what was there, which is moved aside as a
 * data directory of its own. So what is told is what happens, and looking changes nothing.
 *
 * Sources, best first: what is known for certain (the stamp, the name of the manifest); the flipped bit itself
 * (persist/bits.h); the part of the log that is not folded, and LAST; else what can still be read is kept, and what
 * cannot is named. The log is cut before a group that is lost: later groups were built on it.
 *
 * One thread; the directory is locked meanwhile. */
#ifndef XINYI_PERSIST_REPAIR_H
#define XINYI_PERSIST_REPAIR_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum repair_line {
    REPAIR_HARMLESS, /* something was wrong; nothing is lost by it */
    REPAIR_LOST,     /* something that was acknowledged is lost, or may be */
    REPAIR_DETAIL,   /* more about the item before */
    REPAIR_KEPT,     /* at the end: what there will be */
} repair_line;

/* One line for people, without its end; subjects are named by their numbers. */
typedef void (*repair_say)(void *context, repair_line kind, const char *text);
/* Whether the engine can live with what a data directory holds; NULL: not asked. One line in problem if not. */
typedef status (*repair_check)(void *context, const char *directory, char *problem, size_t room);

typedef struct repair_options {
    const char *directory;
    const char *cluster; /* the name to give it if its own is lost; NULL: then nothing can be done */
    bool apply;          /* false: only look */
    int64_t now_ms;      /* for the name of what is moved aside */
    repair_say say;
    repair_check check;
    void *context;
} repair_options;

typedef struct repair_report {
    unsigned items, lost; /* that were told; how many of them were REPAIR_LOST */
    char aside[4096];     /* done: where what was there is now */
} repair_report;

typedef enum repair_outcome {
    REPAIR_SOUND,      /* nothing was wrong */
    REPAIR_POSSIBLE,   /* something is wrong and can be put right as was told; nothing has changed */
    REPAIR_DONE,       /* it was put right */
    REPAIR_IMPOSSIBLE, /* no way was found, or something else kept us from it: problem says what; nothing has changed */
} repair_outcome;

repair_outcome repair_run(const repair_options *options, repair_report *out, char *problem, size_t room);

#endif
