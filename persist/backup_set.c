/* The directory of backups as a whole: whose it is, which backups it holds, what may go.
 *
 * A backup is taken away by its `contents` first: interrupted there, it is one that was never complete, and swept. */
#include "persist/backup_internal.h"
#include "persist/problem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAMP "xinyi backups 1\n"
#define STAMP_PARTIAL BACKUP_STAMP ".partial"

/* ---- open */

/* An entry that is not ours, in a directory without a stamp. What mkfs makes does not count, nor an interrupted
 * beginning. */
static bool stranger(const char *set, char *name, size_t room) {
    DIR *dir = opendir(set);
    bool found = false;
    snprintf(name, room, "something unreadable");
    if (dir == NULL) return true;
    for (struct dirent *e; !found && (e = readdir(dir)) != NULL;) {
        static const char *const known[] = {".", "..", "lost+found", STAMP_PARTIAL};
        found = true;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(e->d_name, known[i]) == 0) found = false;
        if (found) snprintf(name, room, "%s", e->d_name);
    }
    closedir(dir);
    return found;
}

static status make_stamp(const char *set, char *problem, size_t room) {
    char other[256], partial[BACKUP_PATH], path[BACKUP_PATH];
    if (stranger(set, other, sizeof other)) {
        problem_set(problem, room, "%s is not empty and holds no backups of ours (it holds %s): name another directory",
                    set, other);
        return STATUS_WRONG_CLUSTER;
    }
    backup_path(partial, "%s/" STAMP_PARTIAL, set);
    backup_path(path, "%s/" BACKUP_STAMP, set);
    int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    status s = fd >= 0 && write(fd, STAMP, strlen(STAMP)) == (ssize_t)strlen(STAMP) && fsync(fd) == 0 &&
                       rename(partial, path) == 0
                   ? STATUS_OK
                   : backup_failed("cannot write", path, problem, room);
    if (fd >= 0) close(fd);
    return s == STATUS_OK ? backup_sync_directory(set, problem, room) : s;
}

static status make_set(const char *set, char *problem, size_t room) {
    char parent[BACKUP_PATH];
    if (mkdir(set, 0700) == 0) {
        backup_path(parent, "%s/..", set);
        return backup_sync_directory(parent, problem, room);
    }
    return errno == EEXIST ? STATUS_OK : backup_failed("cannot make", set, problem, room);
}

static status check_stamp(const char *set, int fd, char *problem, size_t room) {
    char text[sizeof STAMP] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n == (ssize_t)strlen(STAMP) && strcmp(text, STAMP) == 0) return STATUS_OK;
    if (n > 14 && strncmp(text, STAMP, 14) == 0) {
        problem_set(problem, room, "%s was written by another version of this program", set);
        return STATUS_UNSUPPORTED_VERSION;
    }
    problem_set(problem, room, "%s/" BACKUP_STAMP " is damaged: if the rest is well, write \"%.15s\" into it", set,
                STAMP);
    return STATUS_CORRUPT;
}

static status no_set(const char *set, char *problem, size_t room) {
    struct stat info;
    if (stat(set, &info) != 0 && errno == ENOENT) {
        problem_set(problem, room, "there is no directory %s", set);
        return STATUS_NOT_FOUND;
    }
    problem_set(problem, room, "%s holds no backups: there is no " BACKUP_STAMP " in it", set);
    return STATUS_WRONG_CLUSTER;
}

status set_open(const char *set, set_use use, int *lock, char *problem, size_t room) {
    char path[BACKUP_PATH];
    backup_path(path, "%s/" BACKUP_STAMP, set);
    status s = use == SET_WRITE ? make_set(set, problem, room) : STATUS_OK;
    *lock = -1;
    if (s == STATUS_OK && use == SET_WRITE && access(path, F_OK) != 0) s = make_stamp(set, problem, room);
    if (s != STATUS_OK) return s;
    *lock = open(path, O_RDONLY | O_CLOEXEC);
    if (*lock < 0 && (errno == ENOENT || errno == ENOTDIR)) return no_set(set, problem, room);
    if (*lock < 0) return backup_failed("cannot open", path, problem, room);
    if (use != SET_LOOK && flock(*lock, (use == SET_WRITE ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
        problem_set(problem, room, "another backup, restore or verification is using %s", set);
        s = STATUS_LOCKED;
    }
    if (s == STATUS_OK) s = check_stamp(set, *lock, problem, room);
    if (s == STATUS_OK) return s;
    close(*lock);
    *lock = -1;
    return s;
}

/* ---- what it holds */

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t number_of(const char *name) {
    uint32_t id = 0;
    int length = 0;
    if (sscanf(name, "backup-%" SCNu32 "%n", &id, &length) != 1 || name[length] != '\0') return 0;
    return id;
}

status set_ids(const char *set, uint32_t **ids, size_t *count, char *problem, size_t room) {
    DIR *dir = opendir(set);
    size_t capacity = 0;
    status s = STATUS_OK;
    *ids = NULL;
    *count = 0;
    if (dir == NULL) return backup_failed("cannot read", set, problem, room);
    for (struct dirent *e; s == STATUS_OK && (e = readdir(dir)) != NULL;) {
        uint32_t id = number_of(e->d_name);
        if (id == 0) continue;
        if (*count == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            uint32_t *grown = realloc(*ids, capacity * sizeof *grown);
            if (grown == NULL) {
                s = STATUS_NO_MEMORY;
                break;
            }
            *ids = grown;
        }
        (*ids)[(*count)++] = id;
    }
    closedir(dir);
    if (*count > 0) qsort(*ids, *count, sizeof **ids, by_number);
    return s;
}

void set_free(backup_contents *list, size_t count) {
    for (size_t i = 0; i < count; i++) contents_deinit(&list[i]);
    free(list);
}

status set_read(const char *set, backup_contents **list, size_t *count, char *problem, size_t room) {
    uint32_t *ids = NULL;
    size_t n = 0;
    *list = NULL;
    *count = 0;
    status s = set_ids(set, &ids, &n, problem, room);
    if (s == STATUS_OK) {
        *list = calloc(n + 1, sizeof **list);
        if (*list == NULL) s = STATUS_NO_MEMORY;
    }
    for (size_t i = 0; s == STATUS_OK && i < n; i++) {
        status one = contents_read(set, ids[i], &(*list)[*count], problem, room);
        if (one == STATUS_NOT_FOUND) continue; /* never completed */
        if (one == STATUS_NO_MEMORY || one == STATUS_IO_ERROR) s = one;
        (*list)[*count].info.damaged = one != STATUS_OK;
        (*count)++;
    }
    free(ids);
    if (s == STATUS_OK) return s;
    set_free(*list, *count);
    *list = NULL;
    *count = 0;
    return s;
}

/* ---- what may go */

static status take_away(const char *set, uint32_t id, char *problem, size_t room) {
    char directory[BACKUP_PATH], path[BACKUP_PATH];
    backup_path(directory, "%s/backup-%06" PRIu32, set, id);
    backup_path(path, "%s/contents", directory);
    if (unlink(path) != 0 && errno != ENOENT) return backup_failed("cannot remove", path, problem, room);
    status s = backup_sync_directory(directory, problem, room);
    if (s == STATUS_OK) backup_remove_directory(directory);
    return s;
}

status set_prune(const char *set, unsigned keep, char *problem, size_t room) {
    backup_contents *list = NULL;
    size_t count = 0, good = 0;
    if (keep == 0) return STATUS_OK;
    status s = set_read(set, &list, &count, problem, room);
    for (size_t i = count; s == STATUS_OK && i-- > 0;) {
        if (good >= keep) s = take_away(set, list[i].info.id, problem, room);
        if (!list[i].info.damaged) good++;
    }
    set_free(list, count);
    return s;
}

static status sweep_incomplete(const char *set, char *problem, size_t room) {
    uint32_t *ids = NULL;
    size_t count = 0;
    status s = set_ids(set, &ids, &count, problem, room);
    for (size_t i = 0; s == STATUS_OK && i < count; i++) {
        char directory[BACKUP_PATH], path[BACKUP_PATH];
        backup_path(directory, "%s/backup-%06" PRIu32, set, ids[i]);
        backup_path(path, "%s/contents", directory);
        if (access(path, F_OK) != 0 && errno == ENOENT) backup_remove_directory(directory);
    }
    free(ids);
    return s;
}

static bool is_held(const backup_contents *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        for (size_t f = 0; f < list[i].count; f++)
            if (strcmp(list[i].files[f].shared, name) == 0) return true;
    return false;
}

static bool all_good(const backup_contents *list, size_t count) {
    bool good = true;
    for (size_t i = 0; i < count; i++) good = good && !list[i].info.damaged;
    return good;
}

status set_sweep(const char *set, char *problem, size_t room) {
    backup_contents *list = NULL;
    size_t count = 0;
    char files[BACKUP_PATH];
    status s = sweep_incomplete(set, problem, room);
    if (s == STATUS_OK) s = set_read(set, &list, &count, problem, room);
    backup_path(files, "%s/files", set);
    DIR *dir = s == STATUS_OK && all_good(list, count) ? opendir(files) : NULL;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.' && !is_held(list, count, e->d_name)) unlinkat(dirfd(dir), e->d_name, 0);
    if (dir != NULL) closedir(dir);
    set_free(list, count);
    return s;
}
