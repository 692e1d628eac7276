/* What the files of backups share. Not for anybody outside persist/ and its tests. */
#ifndef XINYI_PERSIST_BACKUP_INTERNAL_H
#define XINYI_PERSIST_BACKUP_INTERNAL_H

#include "persist/backup.h"
#include "persist/problem.h"

#include <xxhash.h>

#define BACKUP_STAMP "XINYI-BACKUP"
#define BACKUP_PATH 4096
#define BACKUP_NAME 80

/* A file of a backup: where it is, and what it must be. */
typedef struct backup_file {
    char name[BACKUP_NAME];   /* in the database's directory */
    char shared[BACKUP_NAME]; /* in files/; "" if the backup has it for itself */
    uint64_t size;
    XXH128_hash_t sum;
} backup_file;

typedef struct backup_contents {
    backup_info info;
    uint64_t origin; /* of the data directory: the same for what was restored from it */
    backup_file *files;
    size_t count, capacity;
} backup_contents;

void contents_deinit(backup_contents *c);
/* NULL without memory. */
backup_file *contents_add(backup_contents *c);
/* NOT_FOUND: the backup is not complete. CORRUPT, UNSUPPORTED_VERSION, IO_ERROR, NO_MEMORY. */
status contents_read(const char *set, uint32_t id, backup_contents *out, char *problem, size_t room) MUST_CHECK;
/* Durable when it returns: from then on the backup is complete. */
status contents_write(const char *set, const backup_contents *c, char *problem, size_t room) MUST_CHECK;

/* ---- the directory of backups (backup_set.c) */

/* SET_LOOK takes no lock: for what needs only the lists. */
typedef enum set_use { SET_LOOK, SET_READ, SET_WRITE } set_use;
/* Opens and locks it, for one who writes (and makes it, if missing) or for many who read. *lock is closed by the
 * caller. As backup_create. */
status set_open(const char *set, set_use use, int *lock, char *problem, size_t room) MUST_CHECK;
/* Numbers of the backups in it, complete or not, ascending; *ids is the caller's to free. */
status set_ids(const char *set, uint32_t **ids, size_t *count, char *problem, size_t room) MUST_CHECK;
/* All complete backups, ascending, those that cannot be read as `damaged`. *list with set_free. */
status set_read(const char *set, backup_contents **list, size_t *count, char *problem, size_t room) MUST_CHECK;
void set_free(backup_contents *list, size_t count);
/* Removes all but the newest `keep` good ones (0: none). */
status set_prune(const char *set, unsigned keep, char *problem, size_t room) MUST_CHECK;
/* Removes what interrupted backups have left, and files that no backup holds any more. While a backup cannot be read
 * nobody knows what it holds: then its files stay. */
status set_sweep(const char *set, char *problem, size_t room) MUST_CHECK;

/* ---- files (backup_copy.c) */

/* One sentence with errno's reason; NO_SPACE or IO_ERROR. */
status backup_failed(const char *what, const char *path, char *problem, size_t room);
/* Joins into BACKUP_PATH bytes; a path that is too long becomes one that does not exist. */
void backup_path(char path[BACKUP_PATH], const char *format, ...) __attribute__((format(printf, 2, 3)));
status backup_sync_directory(const char *path, char *problem, size_t room) MUST_CHECK;
/* Removes a directory with the plain files in it. What is missing is fine. */
void backup_remove_directory(const char *path);

/* Done so far, of a whole. */
typedef struct copying {
    backup_progress progress; /* may be NULL */
    void *context;
    uint64_t done, total;
} copying;

/* Copies a file, durably, with the checksum of what was read. `to` NULL: only reads. UNAVAILABLE: given up. */
status copy_file(copying *c, const char *from, const char *to, uint64_t *size, XXH128_hash_t *sum, char *problem,
                 size_t room) MUST_CHECK;
/* XXH3 of a file's last 64 KiB, where RocksDB keeps what tells it from every other file. */
status copy_identity(const char *path, uint64_t *size, uint64_t *identity, char *problem, size_t room) MUST_CHECK;

#endif
