/* Files that commands write: complete under their name, or not at all.
 *
 * A regular file, or one that does not exist, is written beside its place as NAME.partial, flushed to disk and renamed
 * when it is complete: a failure leaves an older file as it was. A link is followed first, so it stays a link. What is
 * no regular file — a pipe, a device, a socket's end — is written directly and never replaced. "-" is standard output.
 * Two runs that write the same file: the second is refused.
 *
 * Owned by the caller, one thread. Errors are one sentence in `why`, ready for people. */
#ifndef XINYI_CLI_OUTPUT_H
#define XINYI_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define OUTPUT_WHY 512

typedef struct output {
    int fd;        /* -1: not open */
    bool standard; /* standard output */
    char *name;    /* as given, for messages */
    char *place;   /* with links resolved; NULL if written directly */
    char *partial; /* what is written meanwhile; NULL likewise */
} output;          /* start with {.fd = -1} */

/* mode: of a new file, before umask. */
bool output_open(output *o, const char *path, mode_t mode, char why[OUTPUT_WHY]);
bool output_write(output *o, const void *bytes, size_t n, char why[OUTPUT_WHY]);
/* keep: puts it in its place; otherwise what was written beside it goes away. Everything is released in any case; a
 * second call does nothing and succeeds. */
bool output_close(output *o, bool keep, char why[OUTPUT_WHY]);

/* Whether writing to `path` would touch the file that `about` (of fstat) describes. */
bool output_touches(const char *path, const struct stat *about);

#endif
