/* Backups: complete copies of a journal in a directory of their own, made while it works, told apart by number.
 *
 *   XINYI-BACKUP         says that the directory holds backups; locked while they are used
 *   files/               sorted files, each once for all the backups that hold it: NUMBER-IDENTITY.sst
 *   backup-000001/       a backup's own files, and `contents`: what it consists of, with checksums; written last
 *
 * A backup holds everything: cluster name, hash seed, every table, the history, every group that was acknowledged
 * before it was asked for. It is complete when its `contents` is there; what an interrupted one has left is swept by
 * the next. A backup is never changed.
 *
 * A directory takes the backups of one data directory, and of those that were restored from them. */
#ifndef XINYI_PERSIST_BACKUP_H
#define XINYI_PERSIST_BACKUP_H

#include "base/limits.h"
#include "persist/journal.h"

typedef struct backup_info {
    uint32_t id;
    int64_t time_ms;      /* when it was asked for */
    uint64_t sequence;    /* of the last group in it */
    uint64_t folded;      /* up to here the groups are in the tables */
    uint64_t bytes;       /* of all its files */
    uint64_t added_bytes; /* of those that were copied for it: the others an earlier one had already */
    uint32_t files;
    bool damaged; /* its `contents` cannot be read: of the above only id is known */
    char cluster[LIMIT_NAME_MAX + 1];
} backup_info;

/* Called now and then from the thread that does the work; `total` is known from the first call. False gives up. */
typedef bool (*backup_progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);

/* How commits were held up. */
typedef struct backup_cost {
    uint64_t held_ns; /* no group was committed for so long */
} backup_cost;

/* BAD_VALUE, said in problem: the directory is the data directory, or lies in it, so no backup may go there. IO_ERROR:
 * no such parent directory. Makes nothing. Any thread. */
status backup_check_directory(const journal *j, const char *directory, char *problem, size_t room) MUST_CHECK;

/* Makes a backup of a journal that is loaded, in `directory` (made if missing; its parent must exist), and removes all
 * but the newest `keep` (0: removes none). Any thread but the committing one, one at a time; the journal must not be
 * closed meanwhile. Commits wait for the moment in which files are linked, some ten milliseconds; healing waits as
 * long.
 *
 * BAD_VALUE: as backup_check_directory. WRONG_CLUSTER: it holds something else, or backups of
 * another data directory. LOCKED. UNAVAILABLE: given up by progress, or the journal is in trouble. NO_SPACE, IO_ERROR,
 * CORRUPT, NO_MEMORY. After a failure earlier backups are as they were, and so is the journal. */
status backup_create(journal *j, const char *directory, unsigned keep, backup_progress progress, void *context,
                     backup_info *out, backup_cost *cost, char *problem, size_t room) MUST_CHECK;

/* Oldest first; *list is the caller's to free. NOT_FOUND, WRONG_CLUSTER (it holds something else), UNSUPPORTED_VERSION,
 * IO_ERROR, NO_MEMORY. */
status backup_list(const char *directory, backup_info **list, size_t *count, char *problem, size_t room) MUST_CHECK;

/* A file that is not as it was written; `what` is one sentence. */
typedef void (*backup_fault)(void *context, uint32_t id, const char *file, const char *what);

/* Reads every file of one backup (id 0: of all) and compares it with its checksum. CORRUPT after all is read, if there
 * were faults; NOT_FOUND if there is no such backup; as backup_list. *files and *bytes: what was read. */
status backup_verify(const char *directory, uint32_t id, backup_fault fault, backup_progress progress, void *context,
                     uint64_t *files, uint64_t *bytes, char *problem, size_t room) MUST_CHECK;

/* Makes a data directory from a backup (id 0: the latest that is not damaged): `to` must be empty or missing, its
 * parent must exist. Every file is compared with its checksum on the way. BAD_VALUE: `to` is not empty. CORRUPT names
 * the file. NOT_FOUND: no such backup. After a failure nothing is left of it. */
status backup_restore(const char *directory, uint32_t id, const char *to, backup_progress progress, void *context,
                      backup_info *out, char *problem, size_t room) MUST_CHECK;

/* The last backup of a data directory, as remembered in it. */
typedef struct backup_last {
    int64_t time_ms;
    uint64_t sequence;
    uint32_t id;
    char directory[4096];
} backup_last;
/* False if none is known. Any thread. */
bool backup_get_last(const char *data_directory, backup_last *out);

#endif
