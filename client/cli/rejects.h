/* The file of lines that an import could not take: line number, reason, the line as it stands. Opened when the first
 * one is written and put in its place at the end (output.h). Owned by the caller, one thread. */
#ifndef XINYI_CLI_REJECTS_H
#define XINYI_CLI_REJECTS_H

#include "client/cli/cli.h"
#include "client/cli/output.h"

#include <stdio.h>

#define REJECTS_PATH 4096

typedef struct rejects {
    const cli *c;
    char path[REJECTS_PATH];
    bool own_name; /* ours by convention */
    output file;
    FILE *out; /* onto a descriptor of its own of the same file */
    bool kept, failed;
} rejects;

/* `named` NULL: INPUT.rejects, of standard input stdin.rejects. 0, or CLI_EXIT_USAGE after a message. */
int rejects_init(rejects *r, const cli *c, const char *named, const char *input);
/* A file of an earlier run would be mistaken for this one's. Only what is ours is removed. */
void rejects_remove_stale(const rejects *r);
/* 0, or an exit code after a message. */
int rejects_write(rejects *r, uint64_t line, const void *why, size_t why_length, const void *raw, size_t raw_length);
/* Puts what was written in its place; 0, or an exit code after a message. Once is enough. */
int rejects_keep(rejects *r);

#endif
