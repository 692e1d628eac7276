/* LAST: what the journal knows about itself, beside the database and in no need of it. The write-ahead log may be cut
 * where a group ends, the manifest where a record ends, and RocksDB opens as if what followed had never been; a start
 * that finds more in LAST than in the database says so instead.
 *
 *   the last group    its number and time, the journal's seed. Written after each group is durable, by the committing
 *                     thread, not synced: the system keeps it when the process dies, and writes it to disk in its time,
 *                     so after a power loss it is some seconds old. Never ahead of what is durable.
 *   the manifest      number, length and checksum of what is durable of it; a copy lies beside, in LAST.manifest.
 *                     Written at the start, after each round of folding and at the end.
 *   the name          of the cluster
 *
 * A missing, damaged or foreign part (each names the database by its IDENTITY) is no part: nothing is checked by it,
 * nothing refused because of it. Backups have no LAST. Format: parts of 64 bytes: u64 magic "XYLAST" and the number of
 * the part, u64 XXH3-64 of IDENTITY, 40 bytes, u64 XXH3-64 of the 56 bytes before. */
#ifndef XINYI_PERSIST_LAST_H
#define XINYI_PERSIST_LAST_H

#include "base/limits.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAST_ENTRY "LAST"
#define LAST_MANIFEST "LAST.manifest"
#define LAST_NAME_MAX 39 /* a longer name is not kept */

typedef struct last_known {
    bool damaged; /* the file is there, and a part of it is not what was written */
    bool group;
    uint64_t sequence, seed;
    int64_t time_ms;
    bool manifest;
    uint64_t manifest_number, manifest_bytes, manifest_sum;
    char name[LAST_NAME_MAX + 1]; /* "": not known */
} last_known;

/* What LAST of a data directory says. */
void last_read(const char *directory, last_known *out);

/* Before the database is opened: whether the manifest still begins with what was durable of it. OK too if nothing is
 * known about this manifest, or there is none. CORRUPT. */
status last_check_manifest(const char *directory, const last_known *known, char *problem, size_t room) MUST_CHECK;

/* Puts the manifest back as it was when it was last looked at. False: there is no copy of it that is well. */
bool last_restore_manifest(const char *directory, const last_known *known) MUST_CHECK;

typedef struct last_file {
    int fd; /* -1: not kept; init so */
    uint64_t database;
    uint64_t manifest_number, manifest_bytes; /* as last noted */
} last_file;

/* Begins to keep LAST, from what is known of it; the database has been opened. Where the file cannot be written it is
 * not kept. */
void last_open(const char *directory, last_file *l);
/* The three parts may be written by different threads, each by one. */
void last_note_group(const last_file *l, uint64_t sequence, int64_t time_ms, uint64_t seed);
void last_note_manifest(last_file *l, const char *directory);
void last_note_name(const last_file *l, const char *name);
/* Synced. */
void last_close(last_file *l);

#endif
