/* The data directory: claiming it for one process, telling ours from others', and how full its disk is.
 *
 *   JOURNAL   says that the directory is ours, and whether it was made completely; locked while a journal is open
 *   db/       RocksDB's files
 *   fold/     sorted files being written; swept when the directory is claimed
 *   snapshot/ links that a backup copies from; likewise
 *   BACKUP    when the last backup was made, for people */
#ifndef XINYI_PERSIST_DIRECTORY_H
#define XINYI_PERSIST_DIRECTORY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Locks the directory; makes it first if it is missing or empty and may_create. *fd holds the lock until it is closed.
 * *fresh: there is no complete database in it yet, make one and call directory_complete. NOT_FOUND (nothing there and
 * not may_create), LOCKED, WRONG_CLUSTER (files of somebody else), UNSUPPORTED_VERSION, CORRUPT (JOURNAL is damaged or
 * gone, or the database gone), IO_ERROR, NO_SPACE. */
status directory_claim(const char *path, bool may_create, int *fd, bool *fresh, char *problem, size_t room) MUST_CHECK;
/* From now on a missing database is damage, not a directory that is still being made. */
status directory_complete(int fd, char *problem, size_t room) MUST_CHECK;

/* What JOURNAL of a complete directory says. */
#define DIRECTORY_COMPLETE "xinyi journal 1r"
#define DIRECTORY_FRESH 'n' /* the last byte of one that is still being made */

/* Makes `path`, which holds a complete database in db/ and nothing else, a data directory: the last step of whoever
 * brings one here. IO_ERROR, NO_SPACE. */
status directory_adopt(const char *path, char *problem, size_t room) MUST_CHECK;

/* Bytes that we may still write; UINT64_MAX if the system does not say. */
uint64_t directory_free_bytes(const char *path);
/* Bytes in the files of a directory whose names end with suffix. */
uint64_t directory_file_bytes(const char *path, const char *suffix);

#endif
