/* The frame of a repair: the copy, the steps, the proof by loading, the exchange. What the steps do is in
 * repair_files.c (what RocksDB must find before it opens), repair_log.c and repair_tables.c.
 *
 * The exchange moves db/, JOURNAL and LAST aside and the copy's in, all by rename. A death in the middle leaves a
 * directory whose database is gone and a copy that is marked ready: the next repair ends the exchange.
 *
 * Cost: links for sorted files, copies of the write-ahead log, two readings of everything; a table is only written
 * anew if a part of it cannot be read. */
#include "persist/repair.h"

#include "base/clock.h"
#include "persist/repair_internal.h"
#include "persist/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COPY "repair"
#define READY "READY" /* in the copy: it only has to be put in place */
#define COPY_BLOCK ((size_t)1 << 20)

void repair_tell(repair *r, repair_line kind, const char *format, ...) {
    char text[2 * PROBLEM_ROOM];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (kind == REPAIR_HARMLESS || kind == REPAIR_LOST) r->report->items++;
    if (kind == REPAIR_LOST) r->report->lost++;
    r->options->say(r->options->context, kind, text);
}

bool repair_path(repair *r, char path[REPAIR_PATH], const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, REPAIR_PATH, format, args);
    va_end(args);
    if (n >= 0 && n < REPAIR_PATH) return true;
    problem_set(r->problem, r->room, "the directory's name is too long");
    return false;
}

static status failed(repair *r, const char *what, const char *path) {
    problem_set(r->problem, r->room, "cannot %s %s: %s", what, path, strerror(errno));
    return errno == ENOSPC || errno == EDQUOT ? STATUS_NO_SPACE : STATUS_IO_ERROR;
}

/* ------------------------------------------------------------------ the copy */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_tree(const char *path) { nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

static status copy_bytes(repair *r, int from, int to, const char *path) {
    uint8_t *block = malloc(COPY_BLOCK);
    if (block == NULL) return STATUS_NO_MEMORY;
    status s = STATUS_OK;
    for (ssize_t n = 1; s == STATUS_OK && n > 0;) {
        n = read(from, block, COPY_BLOCK);
        if (n < 0) s = failed(r, "read", path);
        if (n > 0 && write(to, block, (size_t)n) != n) s = failed(r, "copy", path);
    }
    if (s == STATUS_OK && fsync(to) != 0) s = failed(r, "copy", path);
    free(block);
    return s;
}

static status copy_file(repair *r, const char *from_path, const char *to_path) {
    int from = open(from_path, O_RDONLY | O_CLOEXEC);
    if (from < 0) return failed(r, "read", from_path);
    int to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    status s = to < 0 ? failed(r, "make", to_path) : copy_bytes(r, from, to, from_path);
    close(from);
    if (to >= 0) close(to);
    return s;
}

static bool ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

/* Sorted files never change, so a link is as good as a copy. RocksDB's diary is left behind. */
static status take_file(repair *r, const char *name) {
    char from[REPAIR_PATH], to[REPAIR_PATH];
    if (strncmp(name, "LOG", 3) == 0 || strcmp(name, "LOCK") == 0) return STATUS_OK;
    if (!repair_path(r, from, "%s/db/%s", r->options->directory, name)) return STATUS_IO_ERROR;
    if (!repair_path(r, to, "%s/%s", r->db, name)) return STATUS_IO_ERROR;
    if (ends_with(name, ".sst") && link(from, to) == 0) return STATUS_OK;
    struct stat info;
    if (stat(from, &info) != 0 || !S_ISREG(info.st_mode)) return STATUS_OK;
    return copy_file(r, from, to);
}

static status take_database(repair *r) {
    char from[REPAIR_PATH];
    if (!repair_path(r, from, "%s/db", r->options->directory)) return STATUS_IO_ERROR;
    DIR *d = opendir(from);
    if (d == NULL) return failed(r, "read", from);
    status s = STATUS_OK;
    for (struct dirent *e; s == STATUS_OK && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.') s = take_file(r, e->d_name);
    closedir(d);
    return s;
}

static status take_small(repair *r, const char *name) {
    char from[REPAIR_PATH], to[REPAIR_PATH];
    if (!repair_path(r, from, "%s/%s", r->options->directory, name)) return STATUS_IO_ERROR;
    if (!repair_path(r, to, "%s/%s", r->copy, name)) return STATUS_IO_ERROR;
    return access(from, F_OK) == 0 ? copy_file(r, from, to) : STATUS_OK;
}

static status make_copy(repair *r) {
    remove_tree(r->copy);
    if (mkdir(r->copy, 0700) != 0 || mkdir(r->db, 0700) != 0) return failed(r, "make", r->copy);
    status s = take_database(r);
    if (s == STATUS_OK) s = take_small(r, "JOURNAL");
    if (s == STATUS_OK) s = take_small(r, LAST_ENTRY);
    if (s == STATUS_OK) s = take_small(r, LAST_MANIFEST);
    return s;
}

/* ------------------------------------------------------------------ the proof */

static status count_visit(void *context, const change *record) {
    (void)record;
    atomic_fetch_add((_Atomic uint64_t *)context, 1);
    return STATUS_OK;
}

/* As a start opens it, and everything read. */
static status prove(repair *r) {
    journal_options options = {.directory = r->copy, .fold_interval_ms = UINT64_MAX, .min_free_bytes = UINT64_MAX};
    options.fold_bytes = UINT64_MAX;
    journal *j = NULL;
    _Atomic uint64_t records = 0;
    verify_report report = {0};
    status s = journal_open(&options, &j, r->problem, r->room);
    if (s == STATUS_OK) s = journal_load(j, 2, count_visit, NULL, &records, r->problem, r->room);
    if (s == STATUS_OK) s = journal_verify(j, NULL, NULL, NULL, &report);
    if (s == STATUS_OK) {
        char when[CLOCK_TIME_TEXT] = "", cluster[LIMIT_NAME_MAX + 1];
        snprintf(cluster, sizeof cluster, "%s", journal_cluster(j));
        if (r->last_ms != 0) clock_format_ms(r->last_ms, when);
        repair_tell(r, REPAIR_KEPT, "cluster \"%s\": %" PRIu64 " records, up to group %" PRIu64 "%s%s", cluster,
                    (uint64_t)records, journal_sequence(j), when[0] != '\0' ? " of " : "", when);
    }
    journal_close(&j);
    if (s == STATUS_OK && r->options->check != NULL)
        s = r->options->check(r->options->context, r->copy, r->problem, r->room);
    return s;
}

/* ------------------------------------------------------------------ the exchange */

static status sync_path(repair *r, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    status s = fd >= 0 && fsync(fd) == 0 ? STATUS_OK : failed(r, "sync", path);
    if (fd >= 0) close(fd);
    return s;
}

static status move_entry(repair *r, const char *from, const char *to, const char *name) {
    char a[REPAIR_PATH], b[REPAIR_PATH];
    if (!repair_path(r, a, "%s/%s", from, name) || !repair_path(r, b, "%s/%s", to, name)) return STATUS_IO_ERROR;
    return rename(a, b) == 0 || errno == ENOENT ? STATUS_OK : failed(r, "move", a);
}

/* Beside the directory if that is the same file system, else within. */
static status make_aside(repair *r) {
    char when[32], *aside = r->report->aside;
    time_t seconds = (time_t)(r->options->now_ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", &local);
    size_t length = strlen(r->options->directory);
    while (length > 1 && r->options->directory[length - 1] == '/') length--;
    struct stat here, there;
    for (int inside = 0; inside < 2; inside++) {
        if (!repair_path(r, aside, inside ? "%.*s/before-repair-%s" : "%.*s.before-repair-%s", (int)length,
                         r->options->directory, when))
            return STATUS_IO_ERROR;
        if (mkdir(aside, 0700) != 0) {
            if (inside) return failed(r, "make", aside);
            continue;
        }
        if (stat(r->options->directory, &here) == 0 && stat(aside, &there) == 0 && here.st_dev == there.st_dev)
            return STATUS_OK;
        rmdir(aside);
    }
    return STATUS_IO_ERROR;
}

static status put_in_place(repair *r) {
    static const char *const entries[] = {"db", "JOURNAL", LAST_ENTRY, LAST_MANIFEST};
    status s = STATUS_OK;
    for (size_t i = 0; s == STATUS_OK && i < sizeof entries / sizeof *entries; i++)
        s = move_entry(r, r->copy, r->options->directory, entries[i]);
    if (s == STATUS_OK) s = sync_path(r, r->options->directory);
    if (s == STATUS_OK) remove_tree(r->copy);
    return s;
}

static status exchange(repair *r) {
    static const char *const entries[] = {"db", "JOURNAL", LAST_ENTRY, LAST_MANIFEST};
    char ready[REPAIR_PATH];
    if (!repair_path(r, ready, "%s/" READY, r->copy)) return STATUS_IO_ERROR;
    status s = make_aside(r);
    if (s != STATUS_OK) return s;
    int fd = open(ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fsync(fd) != 0) s = failed(r, "make", ready);
    if (fd >= 0) close(fd);
    if (s == STATUS_OK) s = sync_path(r, r->db);
    if (s == STATUS_OK) s = sync_path(r, r->copy);
    for (size_t i = 0; s == STATUS_OK && i < sizeof entries / sizeof *entries; i++)
        s = move_entry(r, r->options->directory, r->report->aside, entries[i]);
    if (s == STATUS_OK) s = sync_path(r, r->report->aside);
    return s == STATUS_OK ? put_in_place(r) : s;
}

/* An exchange that was cut short: the old is aside (or a part of it), the copy is ready. */
static bool resume_exchange(repair *r, status *s) {
    char ready[REPAIR_PATH], database[REPAIR_PATH];
    *s = STATUS_OK;
    if (!repair_path(r, ready, "%s/" READY, r->copy) || access(ready, F_OK) != 0) return false;
    if (!repair_path(r, database, "%s/db", r->options->directory)) return false;
    if (access(database, F_OK) == 0 && access(r->db, F_OK) == 0) return false; /* not begun: start again */
    repair_tell(r, REPAIR_HARMLESS, "an earlier repair was interrupted while its result was put in place");
    if (r->options->apply) *s = put_in_place(r);
    return true;
}

/* ------------------------------------------------------------------ all of it */

static status lock_directory(repair *r, int *fd) {
    char path[REPAIR_PATH];
    if (!repair_path(r, path, "%s/JOURNAL", r->options->directory)) return STATUS_IO_ERROR;
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0) *fd = open(r->options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return failed(r, "open", r->options->directory);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return STATUS_OK;
    problem_set(r->problem, r->room, "another process is using %s", r->options->directory);
    return STATUS_LOCKED;
}

static status work_on(repair *r) {
    rocks db = {0};
    status s = make_copy(r);
    last_read(r->options->directory, &r->known);
    if (s == STATUS_OK) s = repair_small_files(r);
    if (s == STATUS_OK) s = repair_records(r);
    if (s == STATUS_OK) s = repair_wal(r);
    if (s == STATUS_OK) s = repair_open(r, &db);
    if (s == STATUS_OK) s = repair_meta(r, &db);
    if (s == STATUS_OK) s = repair_log(r, &db);
    if (s == STATUS_OK) s = repair_tables(r, &db);
    rocks_deinit(&db);
    return s == STATUS_OK ? prove(r) : s;
}

static status run(repair *r, bool *resumed) {
    struct stat info;
    char database[REPAIR_PATH];
    if (!repair_path(r, database, "%s/db", r->options->directory)) return STATUS_IO_ERROR;
    if (!repair_path(r, r->copy, "%s/" COPY, r->options->directory)) return STATUS_IO_ERROR;
    if (!repair_path(r, r->db, "%s/db", r->copy)) return STATUS_IO_ERROR;
    status s = STATUS_OK;
    *resumed = resume_exchange(r, &s);
    if (*resumed) return s;
    if (stat(database, &info) != 0 || !S_ISDIR(info.st_mode)) {
        problem_set(r->problem, r->room, "there is no database in %s: restore a backup", r->options->directory);
        return STATUS_NOT_FOUND;
    }
    s = work_on(r);
    if (s == STATUS_OK && r->options->apply && r->report->items > 0) return exchange(r);
    if (access(r->copy, F_OK) == 0) remove_tree(r->copy);
    return s;
}

repair_outcome repair_run(const repair_options *options, repair_report *out, char *problem, size_t room) {
    *out = (repair_report){0};
    problem_set(problem, room, "%s", "");
    repair *r = calloc(1, sizeof *r);
    if (r == NULL) {
        problem_set(problem, room, "%s", status_text(STATUS_NO_MEMORY));
        return REPAIR_IMPOSSIBLE;
    }
    *r = (repair){.options = options, .report = out, .problem = problem, .room = room};
    int lock = -1;
    bool resumed = false;
    status s = lock_directory(r, &lock);
    if (s == STATUS_OK) s = run(r, &resumed);
    if (lock >= 0) close(lock);
    free(r);
    if (s != STATUS_OK) {
        if (problem != NULL && room > 0 && problem[0] == '\0') problem_set(problem, room, "%s", status_text(s));
        return REPAIR_IMPOSSIBLE;
    }
    if (out->items == 0) return REPAIR_SOUND;
    return options->apply ? REPAIR_DONE : REPAIR_POSSIBLE;
}
