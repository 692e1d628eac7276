/* What tests of backups share: groups whose content follows from their number, places, and looking at what came of it.
 */
#ifndef XINYI_TESTS_PERSIST_BACKUP_HELP_H
#define XINYI_TESTS_PERSIST_BACKUP_HELP_H

#include "base/clock.h"
#include "persist/backup.h"
#include "persist/verify.h"
#include "tests/unit/persist/journal_help.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* ---- what a group holds */

static uint8_t pads; /* so many values of 64 KiB in each group, so that a disk fills */

static inline void make_group(uint64_t sequence, buf *changes, buf *history) {
    uint64_t random = sequence * UINT64_C(0x9e3779b97f4a7c15) + 1;
    char text[32];
    buf_clear(changes);
    buf_clear(history);
    snprintf(text, sizeof text, "%llu", (unsigned long long)sequence);
    help_named(changes, CHANGE_STATE, "sequence", text);
    for (uint64_t n = help_random(&random) % 40; n > 0; n--)
        help_subject(changes, (uint32_t)(help_random(&random) % 300), sequence);
    if (sequence % 3 == 0)
        help_named(changes, CHANGE_MEMBERS, sequence % 2 == 0 ? "even" : "odd", sequence % 5 == 0 ? NULL : text);
    if (sequence % 4 == 0) buf_append_str(history, text);
    static uint64_t noise[1 << 13];
    for (uint8_t pad = 0; pad < pads; pad++) {
        for (size_t i = 0; i < sizeof noise / 8; i++) noise[i] = help_random(&random);
        change_append(changes, CHANGE_RECORDS, &pad, 1, noise, sizeof noise);
    }
}

static uint64_t commit_next(journal *j) {
    buf changes = {0}, history = {0};
    uint64_t sequence = 0, next = journal_sequence(j) + 1;
    make_group(next, &changes, &history);
    expect_ok(journal_commit(j, clock_wall_ms(), changes.data, changes.size, history.size > 0 ? history.data : NULL,
                             history.size, &sequence));
    cr_assert_eq(sequence, next);
    buf_deinit(&changes);
    buf_deinit(&history);
    return sequence;
}

static inline void commit_many(journal *j, unsigned n) {
    while (n-- > 0) commit_next(j);
}

static inline void expected_at(uint64_t sequence, help_map *map) {
    buf changes = {0}, history = {0};
    for (uint64_t n = 1; n <= sequence; n++) {
        uint64_t key = htobe64(n);
        make_group(n, &changes, &history);
        help_apply_all(map, changes.data, changes.size);
        change events = {.table = CHANGE_HISTORY,
                         .key = (const uint8_t *)&key,
                         .key_length = sizeof key,
                         .value = history.data,
                         .value_length = history.size};
        if (history.size > 0) help_apply(map, &events);
    }
    buf_deinit(&changes);
    buf_deinit(&history);
}

/* A table that is big enough for sorted files of its own: 4 MiB that do not compress. */
static inline void commit_bulk(journal *j, uint64_t seed) {
    buf changes = {0};
    uint64_t sequence, *noise = malloc(65536);
    cr_assert_not_null(noise);
    for (uint16_t n = 0; n < 64; n++) {
        uint8_t key[3] = {'b', (uint8_t)(n >> 8), (uint8_t)n};
        for (size_t i = 0; i < 65536 / 8; i++) noise[i] = help_random(&seed);
        change_append(&changes, CHANGE_RECORDS, key, sizeof key, noise, 65536);
    }
    expect_ok(journal_commit(j, 0, changes.data, changes.size, NULL, 0, &sequence));
    expect_ok(journal_fold(j));
    free(noise);
    buf_deinit(&changes);
}

/* ---- places */

typedef struct place {
    char *data; /* in a directory of its own, which holds the others too */
    char set[HELP_ROOM], restored[HELP_ROOM];
} place;

static inline place place_make(void) {
    place p = {.data = help_directory()};
    int n = (int)(strrchr(p.data, '/') - p.data);
    snprintf(p.set, sizeof p.set, "%.*s/backups", n, p.data);
    snprintf(p.restored, sizeof p.restored, "%.*s/restored", n, p.data);
    return p;
}

static inline void place_remove(place *p) { help_remove_parent(&p->data); }

static inline journal *open_small(const place *p) {
    journal_options options = help_options(p->data);
    options.fold_bytes = 20000; /* folds all the time */
    return help_open_with(&options, NULL);
}

static inline status try_backup(journal *j, const char *set, unsigned keep, backup_info *out, char problem[HELP_ROOM]) {
    backup_cost cost;
    problem[0] = '\0';
    return backup_create(j, set, keep, NULL, NULL, out, &cost, problem, HELP_ROOM);
}

static inline backup_info backup_now(journal *j, const char *set, unsigned keep) {
    backup_info info = {0};
    char problem[HELP_ROOM];
    status s = try_backup(j, set, keep, &info, problem);
    cr_assert_eq(s, STATUS_OK, "%s: %s", status_name(s), problem);
    return info;
}

/* Restores, loads, compares with what the groups up to its sequence make. */
static inline void check_backup(const place *p, uint32_t id, uint64_t sequence) {
    help_map want = {0}, got = {0};
    backup_info info;
    char problem[HELP_ROOM] = "";
    status s = backup_restore(p->set, id, p->restored, NULL, NULL, &info, problem, sizeof problem);
    cr_assert_eq(s, STATUS_OK, "%s", problem);
    cr_assert_eq(info.sequence, sequence);
    expected_at(sequence, &want);
    journal *j = help_open(p->restored, &got);
    cr_assert_eq(journal_sequence(j), sequence);
    help_map_same(&want, &got);
    verify_report report;
    expect_ok(journal_verify(j, NULL, NULL, NULL, &report));
    commit_next(j); /* and it goes on */
    journal_close(&j);
    help_map_clear(&want);
    help_map_clear(&got);
    help_remove(p->restored);
}

typedef struct faults {
    unsigned count;
    uint32_t id;
    char file[HELP_ROOM], what[HELP_ROOM];
} faults;

static inline void note_fault(void *context, uint32_t id, const char *file, const char *what) {
    faults *f = context;
    f->count++;
    f->id = id;
    snprintf(f->file, sizeof f->file, "%s", file);
    snprintf(f->what, sizeof f->what, "%s", what);
}

static inline status verify_set(const char *set, uint32_t id, faults *f) {
    uint64_t files, bytes;
    char problem[HELP_ROOM];
    *f = (faults){0};
    return backup_verify(set, id, note_fault, NULL, f, &files, &bytes, problem, sizeof problem);
}

/* The first entry of a directory that ends so; false if there is none. */
static inline bool find_entry(const char *directory, const char *end, char path[HELP_ROOM]) {
    DIR *dir = opendir(directory);
    bool found = false;
    cr_assert_not_null(dir, "%s", directory);
    for (struct dirent *e; !found && (e = readdir(dir)) != NULL;) {
        size_t n = strlen(e->d_name), m = strlen(end);
        found = n >= m && e->d_name[0] != '.' && strcmp(e->d_name + n - m, end) == 0;
        if (found) snprintf(path, HELP_ROOM, "%s/%s", directory, e->d_name);
    }
    closedir(dir);
    return found;
}

static inline unsigned count_entries(const char *directory) {
    unsigned n = 0;
    DIR *dir = opendir(directory);
    cr_assert_not_null(dir, "%s", directory);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static inline void flip(const char *path, off_t at) {
    uint8_t byte;
    int fd = open(path, O_RDWR);
    cr_assert(fd >= 0, "%s", path);
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static inline bool exists(const char *path) { return access(path, F_OK) == 0; }

typedef struct committing {
    journal *j;
    atomic_bool stop;
    _Atomic uint64_t acknowledged;
    uint64_t slowest_ns;
} committing;

#endif
