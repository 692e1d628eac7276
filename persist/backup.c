/* Making a backup: a checkpoint of RocksDB's (hard links beside the database, made in a moment), then our own copy of
 * what the earlier backups do not have.
 *
 * Not RocksDB's backup engine: through the C interface of 7.8 it verifies sizes but no checksums, cannot be given up,
 * tells no progress and keeps no number of ours. What it would do for the copy is little.
 *
 * Who waits for whom. Backup engine and checkpoint both sync the write-ahead log (we let the manifest track it), and
 * that call aborts the process, where RocksDB was built with assertions, if a write to the log has failed before it.
 * So nobody may write while the checkpoint is made: the gate keeps commits and healing out, the fold is paused, a
 * sick database is left alone, and a write of our own proves that no other one has failed. That takes as long as
 * copying the tail of the log, which the flush before it keeps short. What follows works on links that nobody else
 * knows: the journal may be healed, even closed by healing, and fold as it likes. Until the links go, files that
 * compaction has replaced take their disk space.
 *
 * A sorted file never changes, and its end holds what tells it from all others (session, number, time), so its number,
 * size and the hash of its last 64 KiB name it: a file of that name in an earlier backup need not be read again.
 * Cost: a read of what is new, and of 64 KiB of the rest. */
#include "persist/backup.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "persist/backup_internal.h"
#include "persist/directory.h"
#include "persist/fault.h"
#include "persist/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGIN_SEED UINT64_C(0x796e6978)
#define FLUSH_ROOM (UINT64_C(128) << 20) /* free disk with which memtables are flushed before */
#define LINK_ROOM (UINT64_C(16) << 20)   /* free disk beside the log's size that linking needs */
#define LAST_FILE "BACKUP"

typedef struct making {
    journal *j;
    const char *set;
    char snapshot[BACKUP_PATH], own[BACKUP_PATH], files[BACKUP_PATH];
    backup_contents contents;
    backup_contents *before; /* earlier backups */
    size_t before_count;
    copying copying;
    char *problem;
    size_t room;
} making;

/* ---- where to */

/* Absolute and without links; the last part need not exist. */
static status resolve(const char *path, char out[BACKUP_PATH], char *problem, size_t room) {
    char copy[BACKUP_PATH], *real = realpath(path, NULL);
    size_t length = strlen(path);
    if (real == NULL && errno == ENOENT && length > 0 && length < sizeof copy) {
        snprintf(copy, sizeof copy, "%s", path);
        while (length > 1 && copy[length - 1] == '/') copy[--length] = '\0';
        char *slash = strrchr(copy, '/');
        const char *name = slash != NULL ? slash + 1 : copy;
        char *parent = slash == NULL ? realpath(".", NULL) : NULL;
        if (slash != NULL) {
            *slash = '\0';
            parent = realpath(slash == copy ? "/" : copy, NULL);
        }
        if (parent != NULL && strcmp(name, "..") != 0 && strcmp(name, ".") != 0 &&
            asprintf(&real, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name) < 0)
            real = NULL;
        free(parent);
    }
    if (real == NULL) return backup_failed("cannot use", path, problem, room);
    backup_path(out, "%s", real);
    free(real);
    return STATUS_OK;
}

static bool is_inside(const char *path, const char *directory) {
    size_t n = strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

status backup_check_directory(const journal *j, const char *set, char *problem, size_t room) {
    char data[BACKUP_PATH], there[BACKUP_PATH];
    status s = resolve(j->directory, data, problem, room);
    if (s == STATUS_OK) s = resolve(set, there, problem, room);
    if (s != STATUS_OK) return s;
    if (!is_inside(there, data)) return STATUS_OK;
    problem_set(problem, room,
                "%s is the data directory or lies in it: name a directory elsewhere, best on another disk", set);
    return STATUS_BAD_VALUE;
}

static uint64_t origin_of(const journal *j) { return XXH3_64bits_withSeed(&j->seed, sizeof j->seed, ORIGIN_SEED); }

static status check_origin(const making *m) {
    for (size_t i = 0; i < m->before_count; i++) {
        const backup_contents *b = &m->before[i];
        if (b->info.damaged || b->origin == m->contents.origin) continue;
        problem_set(m->problem, m->room,
                    "%s holds backups of another data directory (cluster \"%s\"): name another directory", m->set,
                    b->info.cluster);
        return STATUS_WRONG_CLUSTER;
    }
    return STATUS_OK;
}

/* ---- the moment */

static status refuse_trouble(const journal *j, char *problem, size_t room) {
    if (!atomic_load(&j->sick)) return STATUS_OK;
    problem_set(problem, room, "storage is in trouble: back up when it is healed");
    return STATUS_UNAVAILABLE;
}

/* Makes the log's tail short, so that commits need not wait for it to be copied. Not needed for anything else: where it
 * fails the log goes into the backup. */
static void flush_memtables(journal *j) {
    char ignored[PROBLEM_ROOM];
    pthread_mutex_lock(&j->opening);
    bool can = !atomic_load(&j->sick) && directory_free_bytes(j->directory) >= FLUSH_ROOM;
    for (unsigned f = 1; can && f < ROCKS_FAMILIES; f++)
        can = rocks_flush(&j->rocks, f, ignored, sizeof ignored) == STATUS_OK && !atomic_load(&j->sick);
    pthread_mutex_unlock(&j->opening);
}

/* The log takes a write, so it may be synced. A write beside the commits may have failed, the fold's, with nobody
 * having been told yet: then this one fails, without touching the log, and the next commit finds out. */
static status prove_log(journal *j, char *problem, size_t room) {
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(&j->rocks, batch, META_BACKUP, (uint64_t)clock_wall_ms());
    status s = rocks_write(&j->rocks, batch, true, problem, room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

static status link_files(journal *j, const char *to, char *problem, size_t room) {
    uint64_t need = LINK_ROOM + directory_file_bytes(j->db_path, ".log");
    uint64_t left = directory_free_bytes(j->directory);
    if (left < need) {
        problem_set(problem, room, "linking files needs %" PRIu64 " MiB of free disk in %s, there are %" PRIu64,
                    (need + (1 << 20) - 1) >> 20, j->directory, left >> 20);
        return STATUS_NO_SPACE;
    }
    char *error = NULL;
    rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(j->rocks.db, &error);
    if (error == NULL) {
        rocksdb_checkpoint_create(c, to, UINT64_MAX, &error); /* and does not flush */
        rocksdb_checkpoint_object_destroy(c);
    }
    return rocks_status(error, problem, room);
}

static status take_snapshot(making *m, uint64_t *held_ns) {
    journal *j = m->j;
    status s = refuse_trouble(j, m->problem, m->room);
    if (s == STATUS_OK) s = journal_fold(j);
    if (s == STATUS_CORRUPT) {
        problem_set(m->problem, m->room, "the log is damaged: it cannot be folded; see the server's log");
        return s; /* nobody needs a copy of damage */
    }
    if (s != STATUS_UNAVAILABLE) flush_memtables(j);
    fold_pause(j);
    pthread_mutex_lock(&j->gate);
    uint64_t begin = clock_mono_ns();
    m->contents.info.sequence = atomic_load(&j->sequence);
    m->contents.info.folded = atomic_load(&j->mark);
    s = refuse_trouble(j, m->problem, m->room);
    if (s == STATUS_OK) s = prove_log(j, m->problem, m->room);
    if (s == STATUS_OK) s = link_files(j, m->snapshot, m->problem, m->room);
    *held_ns = clock_mono_ns() - begin;
    pthread_mutex_unlock(&j->gate);
    fold_resume(j);
    return s == STATUS_OK ? fault_step(FAULT_BACKUP_LINKED) : s;
}

/* ---- the copy */

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* What an earlier backup says of a shared file that is there in full length. NULL: it must be copied. */
static const backup_file *find_before(const making *m, const char *shared, uint64_t size) {
    char path[BACKUP_PATH];
    struct stat info;
    backup_path(path, "%s/%s", m->files, shared);
    if (stat(path, &info) != 0 || (uint64_t)info.st_size != size) return NULL;
    for (size_t i = m->before_count; i-- > 0;)
        for (size_t f = 0; f < m->before[i].count; f++) {
            const backup_file *file = &m->before[i].files[f];
            if (file->size == size && strcmp(file->shared, shared) == 0) return file;
        }
    return NULL;
}

/* Its size, and what it is called among the shared ones. What is found there is taken from there. */
static status plan_file(making *m, backup_file *f) {
    char path[BACKUP_PATH];
    uint64_t identity;
    backup_path(path, "%s/%s", m->snapshot, f->name);
    status s = copy_identity(path, &f->size, &identity, m->problem, m->room);
    if (s != STATUS_OK) return s;
    m->contents.info.bytes += f->size;
    m->contents.info.files++;
    if (ends_with(f->name, ".sst")) {
        int stem = (int)(strlen(f->name) - strlen(".sst"));
        snprintf(f->shared, sizeof f->shared, "%.*s-%016" PRIx64 ".sst", stem, f->name, identity);
        const backup_file *known = find_before(m, f->shared, f->size);
        if (known != NULL) {
            f->sum = known->sum;
            return STATUS_OK;
        }
    }
    m->contents.info.added_bytes += f->size;
    return STATUS_OK;
}

static status plan(making *m) {
    DIR *dir = opendir(m->snapshot);
    status s = dir != NULL ? STATUS_OK : backup_failed("cannot read", m->snapshot, m->problem, m->room);
    for (struct dirent *e; s == STATUS_OK && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        backup_file *f = contents_add(&m->contents);
        if (f == NULL)
            s = STATUS_NO_MEMORY;
        else
            snprintf(f->name, sizeof f->name, "%s", e->d_name);
        if (s == STATUS_OK) s = plan_file(m, f);
    }
    if (dir != NULL) closedir(dir);
    m->copying.total = m->contents.info.added_bytes;
    return s;
}

static status copy_one(making *m, backup_file *f) {
    char from[BACKUP_PATH], to[BACKUP_PATH], partial[BACKUP_PATH];
    uint64_t size;
    status s = fault_step(FAULT_BACKUP_FILE);
    if (s != STATUS_OK) return s;
    backup_path(from, "%s/%s", m->snapshot, f->name);
    if (f->shared[0] == '\0') {
        backup_path(to, "%s/%s", m->own, f->name);
        s = copy_file(&m->copying, from, to, &size, &f->sum, m->problem, m->room);
    } else { /* one of that name that nobody vouches for, from an interrupted backup, is replaced as a whole */
        backup_path(to, "%s/%s", m->files, f->shared);
        backup_path(partial, "%s.partial", to);
        s = copy_file(&m->copying, from, partial, &size, &f->sum, m->problem, m->room);
        if (s == STATUS_OK && rename(partial, to) != 0) s = backup_failed("cannot make", to, m->problem, m->room);
    }
    if (s != STATUS_OK || size == f->size) return s;
    problem_set(m->problem, m->room, "%s has changed while it was copied", from);
    return STATUS_CORRUPT;
}

static status make_directory(const char *path, char *problem, size_t room) {
    return mkdir(path, 0700) == 0 || errno == EEXIST ? STATUS_OK : backup_failed("cannot make", path, problem, room);
}

static status copy_all(making *m) {
    status s = STATUS_OK;
    for (size_t i = 0; s == STATUS_OK && i < m->contents.count; i++) {
        backup_file *f = &m->contents.files[i];
        if (f->shared[0] == '\0' || find_before(m, f->shared, f->size) == NULL) s = copy_one(m, f);
    }
    if (s == STATUS_OK) s = backup_sync_directory(m->files, m->problem, m->room);
    if (s == STATUS_OK) s = backup_sync_directory(m->own, m->problem, m->room);
    if (s == STATUS_OK) s = backup_sync_directory(m->set, m->problem, m->room);
    if (s == STATUS_OK) s = fault_step(FAULT_BACKUP_COPIED);
    return s == STATUS_OK ? contents_write(m->set, &m->contents, m->problem, m->room) : s;
}

/* ---- all of it */

static status next_id(making *m) {
    uint32_t *ids = NULL;
    size_t count = 0;
    status s = set_ids(m->set, &ids, &count, m->problem, m->room);
    m->contents.info.id = count > 0 ? ids[count - 1] + 1 : 1;
    free(ids);
    return s;
}

static void remove_snapshot(const making *m) {
    char partial[BACKUP_PATH];
    backup_path(partial, "%s.tmp", m->snapshot);
    backup_remove_directory(m->snapshot);
    backup_remove_directory(partial);
}

/* Under the set's lock. */
static status make(making *m, uint64_t *held_ns) {
    status s = set_sweep(m->set, m->problem, m->room);
    if (s == STATUS_OK) s = set_read(m->set, &m->before, &m->before_count, m->problem, m->room);
    if (s == STATUS_OK) s = check_origin(m);
    if (s == STATUS_OK) s = next_id(m);
    if (s != STATUS_OK) return s;
    backup_path(m->own, "%s/backup-%06" PRIu32, m->set, m->contents.info.id);
    backup_path(m->files, "%s/files", m->set);
    backup_path(m->snapshot, "%s/snapshot", m->j->directory);
    remove_snapshot(m);
    s = make_directory(m->files, m->problem, m->room);
    if (s == STATUS_OK) s = make_directory(m->own, m->problem, m->room);
    if (s == STATUS_OK) s = take_snapshot(m, held_ns);
    if (s == STATUS_OK) s = plan(m);
    if (s == STATUS_OK) s = copy_all(m);
    remove_snapshot(m);
    return s;
}

static void remember(const journal *j, const char *set, const backup_info *info) {
    char path[BACKUP_PATH], partial[BACKUP_PATH];
    backup_path(path, "%s/" LAST_FILE, j->directory);
    backup_path(partial, "%s.partial", path);
    FILE *f = fopen(partial, "we");
    if (f == NULL) return; /* only people miss it */
    fprintf(f, "time %" PRId64 " sequence %" PRIu64 " id %" PRIu32 " directory %s\n", info->time_ms, info->sequence,
            info->id, set);
    if (fclose(f) != 0 || rename(partial, path) != 0) unlink(partial);
}

bool backup_get_last(const char *data_directory, backup_last *out) {
    char path[BACKUP_PATH];
    backup_path(path, "%s/" LAST_FILE, data_directory);
    FILE *f = fopen(path, "re");
    if (f == NULL) return false;
    int n = fscanf(f, "time %" SCNd64 " sequence %" SCNu64 " id %" SCNu32 " directory %4095[^\n]", &out->time_ms,
                   &out->sequence, &out->id, out->directory);
    fclose(f);
    return n == 4;
}

/* The backup is good whatever becomes of the old ones. */
static status tidy(const making *m, unsigned keep) {
    char why[PROBLEM_ROOM];
    status s = set_prune(m->set, keep, why, sizeof why);
    if (s == STATUS_OK) s = set_sweep(m->set, why, sizeof why);
    if (s != STATUS_OK)
        problem_set(m->problem, m->room, "backup %" PRIu32 " is complete, but older ones cannot be removed: %s",
                    m->contents.info.id, why);
    return s;
}

status backup_create(journal *j, const char *directory, unsigned keep, backup_progress progress, void *context,
                     backup_info *out, backup_cost *cost, char *problem, size_t room) {
    CHECK(j->loaded);
    making m = {.j = j, .set = directory, .problem = problem, .room = room};
    m.copying = (copying){.progress = progress, .context = context};
    m.contents.origin = origin_of(j);
    m.contents.info.time_ms = clock_wall_ms();
    snprintf(m.contents.info.cluster, sizeof m.contents.info.cluster, "%s", j->cluster);
    *cost = (backup_cost){0};
    problem_set(problem, room, "%s", "");
    int lock = -1;
    status s = backup_check_directory(j, directory, problem, room);
    if (s == STATUS_OK) s = set_open(directory, SET_WRITE, &lock, problem, room);
    if (s == STATUS_OK) s = make(&m, &cost->held_ns);
    char ignored[PROBLEM_ROOM]; /* what failed is told already; a set that is none of ours is left alone */
    if (lock >= 0 && s != STATUS_OK && s != STATUS_WRONG_CLUSTER &&
        set_sweep(directory, ignored, sizeof ignored) != STATUS_OK)
        log_event(LOG_WARN, "backup_not_swept", "directory=\"%s\" reason=\"%s\"", directory, ignored);
    if (s == STATUS_OK) {
        *out = m.contents.info;
        remember(j, directory, out);
        s = tidy(&m, keep);
    }
    if (s == STATUS_NO_MEMORY) problem_set(problem, room, "%s", status_text(s));
    if (lock >= 0) close(lock);
    contents_deinit(&m.contents);
    set_free(m.before, m.before_count);
    return s;
}
