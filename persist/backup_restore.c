/* The other way: listing, reading again what was written, and making a data directory of it. Whatever is read is
 * compared with its checksum, so damage in a backup never reaches a data directory.
 *
 * A restored directory gets its stamp last: until then it is none, and xinyid refuses it. */
#include "persist/backup.h"
#include "persist/backup_internal.h"
#include "persist/directory.h"
#include "persist/problem.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void file_path(const char *set, uint32_t id, const backup_file *f, char path[BACKUP_PATH]) {
    if (f->shared[0] != '\0')
        backup_path(path, "%s/files/%s", set, f->shared);
    else
        backup_path(path, "%s/backup-%06" PRIu32 "/%s", set, id, f->name);
}

/* Reads a file, to `to` if that is not NULL. CORRUPT with one sentence in `what`: it is not what was written. */
static status read_file(copying *c, const char *from, const char *to, const backup_file *f, char *what, size_t room) {
    struct stat info;
    uint64_t size = 0;
    XXH128_hash_t sum;
    if (stat(from, &info) != 0 && errno == ENOENT) {
        problem_set(what, room, "it is missing");
        return STATUS_CORRUPT;
    }
    status s = copy_file(c, from, to, &size, &sum, what, room);
    if (s != STATUS_OK) return s;
    if (size != f->size) {
        problem_set(what, room, "it has %" PRIu64 " bytes instead of %" PRIu64, size, f->size);
        return STATUS_CORRUPT;
    }
    if (XXH128_isEqual(sum, f->sum)) return STATUS_OK;
    problem_set(what, room, "its checksum does not match");
    return STATUS_CORRUPT;
}

/* ---- list */

status backup_list(const char *directory, backup_info **list, size_t *count, char *problem, size_t room) {
    backup_contents *all = NULL;
    int lock = -1;
    *list = NULL;
    *count = 0;
    status s = set_open(directory, SET_LOOK, &lock, problem, room);
    if (s == STATUS_OK) s = set_read(directory, &all, count, problem, room);
    if (s == STATUS_OK) {
        *list = calloc(*count + 1, sizeof **list);
        if (*list == NULL) s = STATUS_NO_MEMORY;
    }
    for (size_t i = 0; s == STATUS_OK && i < *count; i++) (*list)[i] = all[i].info;
    set_free(all, *count);
    if (lock >= 0) close(lock);
    return s;
}

/* ---- verify */

typedef struct verifying {
    const char *set;
    const backup_contents *list;
    size_t count;
    backup_fault fault;
    copying copying;
    uint64_t files, bytes;
    bool faulty;
    char *problem;
    size_t room;
} verifying;

static bool wanted(const backup_contents *b, uint32_t id) { return id == 0 || b->info.id == id; }

/* A shared file is read with the first backup that holds it. */
static bool read_before(const verifying *v, size_t backup, const backup_file *f, uint32_t id) {
    if (f->shared[0] == '\0') return false;
    for (size_t i = 0; i < backup; i++) {
        if (!wanted(&v->list[i], id)) continue;
        for (size_t k = 0; k < v->list[i].count; k++) {
            const backup_file *other = &v->list[i].files[k];
            if (strcmp(other->shared, f->shared) == 0 && other->size == f->size && XXH128_isEqual(other->sum, f->sum))
                return true;
        }
    }
    return false;
}

static status verify_one(verifying *v, size_t backup, uint32_t id) {
    const backup_contents *b = &v->list[backup];
    char path[BACKUP_PATH], what[PROBLEM_ROOM + BACKUP_PATH];
    for (size_t i = 0; i < b->count; i++) {
        if (read_before(v, backup, &b->files[i], id)) continue;
        file_path(v->set, b->info.id, &b->files[i], path);
        status s = read_file(&v->copying, path, NULL, &b->files[i], what, sizeof what);
        v->files++;
        if (s == STATUS_OK) v->bytes += b->files[i].size;
        if (s == STATUS_OK) continue;
        if (s != STATUS_CORRUPT && s != STATUS_IO_ERROR) { /* a place that cannot be read is damage too */
            problem_set(v->problem, v->room, "%s", what);
            return s;
        }
        v->faulty = true;
        v->fault(v->copying.context, b->info.id, path, what);
    }
    return STATUS_OK;
}

static status verify_all(verifying *v, uint32_t id) {
    bool found = false;
    for (size_t i = 0; i < v->count; i++)
        for (size_t f = 0; wanted(&v->list[i], id) && f < v->list[i].count; f++)
            if (!read_before(v, i, &v->list[i].files[f], id)) v->copying.total += v->list[i].files[f].size;
    for (size_t i = 0; i < v->count; i++) {
        const backup_contents *b = &v->list[i];
        if (!wanted(b, id)) continue;
        found = true;
        status s = STATUS_OK;
        if (b->info.damaged) {
            char path[BACKUP_PATH];
            backup_path(path, "%s/backup-%06" PRIu32 "/contents", v->set, b->info.id);
            v->faulty = true;
            v->fault(v->copying.context, b->info.id, path, "it cannot be read: the backup is lost");
        } else {
            s = verify_one(v, i, id);
        }
        if (s != STATUS_OK) return s;
    }
    if (!found && id != 0) {
        problem_set(v->problem, v->room, "there is no backup %" PRIu32 " in %s", id, v->set);
        return STATUS_NOT_FOUND;
    }
    if (!v->faulty) return STATUS_OK;
    problem_set(v->problem, v->room, "%s", status_text(STATUS_CORRUPT));
    return STATUS_CORRUPT;
}

status backup_verify(const char *directory, uint32_t id, backup_fault fault, backup_progress progress, void *context,
                     uint64_t *files, uint64_t *bytes, char *problem, size_t room) {
    backup_contents *all = NULL;
    int lock = -1;
    verifying v = {.set = directory, .fault = fault, .problem = problem, .room = room};
    v.copying = (copying){.progress = progress, .context = context};
    status s = set_open(directory, SET_READ, &lock, problem, room);
    if (s == STATUS_OK) s = set_read(directory, &all, &v.count, problem, room);
    v.list = all;
    if (s == STATUS_OK) s = verify_all(&v, id);
    *files = v.files;
    *bytes = v.bytes;
    set_free(all, v.count);
    if (lock >= 0) close(lock);
    return s;
}

/* ---- restore */

static status choose(const char *set, uint32_t id, backup_contents *out, char *problem, size_t room) {
    backup_contents *all = NULL;
    size_t count = 0;
    if (id != 0) return contents_read(set, id, out, problem, room);
    status s = set_read(set, &all, &count, problem, room);
    size_t latest = count;
    while (latest > 0 && all[latest - 1].info.damaged) latest--;
    if (s == STATUS_OK && latest == 0) {
        problem_set(problem, room, count > 0 ? "no backup in %s can be read" : "there is no complete backup in %s",
                    set);
        s = STATUS_NOT_FOUND;
    }
    if (s == STATUS_OK) {
        *out = all[latest - 1];
        all[latest - 1] = (backup_contents){0};
    }
    set_free(all, count);
    return s;
}

/* The empty directory, made or found. *made: it was missing. */
static status begin_target(const char *to, bool *made, char *problem, size_t room) {
    *made = mkdir(to, 0700) == 0;
    if (*made) return STATUS_OK;
    if (errno != EEXIST) return backup_failed("cannot make", to, problem, room);
    DIR *dir = opendir(to);
    if (dir == NULL) return backup_failed("cannot read", to, problem, room);
    status s = STATUS_OK;
    for (struct dirent *e; s == STATUS_OK && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "lost+found") == 0)
            continue;
        problem_set(problem, room, "%s is not empty (it holds %s): restore into a new directory", to, e->d_name);
        s = STATUS_BAD_VALUE;
    }
    closedir(dir);
    return s;
}

static status check_room(const char *to, uint64_t bytes, char *problem, size_t room) {
    uint64_t free_bytes = directory_free_bytes(to);
    if (free_bytes >= bytes) return STATUS_OK;
    problem_set(problem, room, "%s has %" PRIu64 " MiB of free disk, the backup takes %" PRIu64, to, free_bytes >> 20,
                (bytes >> 20) + 1);
    return STATUS_NO_SPACE;
}

static status restore_files(const char *set, const backup_contents *b, const char *db, copying *c, char *problem,
                            size_t room) {
    char from[BACKUP_PATH], path[BACKUP_PATH], what[PROBLEM_ROOM + BACKUP_PATH] = "";
    if (mkdir(db, 0700) != 0) return backup_failed("cannot make", db, problem, room);
    for (size_t i = 0; i < b->count; i++) {
        file_path(set, b->info.id, &b->files[i], from);
        backup_path(path, "%s/%s", db, b->files[i].name);
        status s = read_file(c, from, path, &b->files[i], what, sizeof what);
        if (s == STATUS_OK) continue;
        if (s == STATUS_CORRUPT)
            problem_set(problem, room, "%s is damaged: %s; another backup may be well (--verify-backup tells)", from,
                        what);
        else
            problem_set(problem, room, "%s", what[0] != '\0' ? what : status_text(s));
        return s;
    }
    return backup_sync_directory(db, problem, room);
}

static void undo(const char *to, const char *db, bool made) {
    char path[BACKUP_PATH];
    backup_remove_directory(db);
    backup_path(path, "%s/fold", to);
    rmdir(path);
    backup_path(path, "%s/JOURNAL", to);
    unlink(path);
    if (made) rmdir(to);
}

static status restore(const char *set, const backup_contents *b, const char *to, copying *c, char *problem,
                      size_t room) {
    char db[BACKUP_PATH], parent[BACKUP_PATH];
    bool made = false;
    backup_path(db, "%s/db", to);
    backup_path(parent, "%s/..", to);
    status s = begin_target(to, &made, problem, room);
    if (s != STATUS_OK) return s;
    s = check_room(to, b->info.bytes, problem, room);
    if (s == STATUS_OK) s = restore_files(set, b, db, c, problem, room);
    if (s == STATUS_OK) s = directory_adopt(to, problem, room);
    if (s == STATUS_OK) s = backup_sync_directory(parent, problem, room);
    if (s != STATUS_OK) undo(to, db, made);
    return s;
}

status backup_restore(const char *directory, uint32_t id, const char *to, backup_progress progress, void *context,
                      backup_info *out, char *problem, size_t room) {
    backup_contents b = {0};
    int lock = -1;
    copying c = {.progress = progress, .context = context};
    status s = set_open(directory, SET_READ, &lock, problem, room);
    if (s == STATUS_OK) s = choose(directory, id, &b, problem, room);
    c.total = b.info.bytes;
    if (s == STATUS_OK) s = restore(directory, &b, to, &c, problem, room);
    *out = b.info;
    contents_deinit(&b);
    if (lock >= 0) close(lock);
    return s;
}
