/* Backups: complete, shared, named where they are damaged, and never in the way. What a group holds follows from its
 * number, so every restored directory can be compared with what it must hold. */
#include "base/clock.h"
#include "persist/backup.h"
#include "persist/directory.h"
#include "persist/fault.h"
#include "persist/internal.h"
#include "persist/verify.h"
#include "tests/unit/persist/child_help.h"
#include "tests/unit/persist/journal_help.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* ---- what a group holds */

static uint8_t pads; /* so many values of 64 KiB in each group, so that a disk fills */

static void make_group(uint64_t sequence, buf *changes, buf *history) {
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

static void commit_many(journal *j, unsigned n) {
    while (n-- > 0) commit_next(j);
}

static void expected_at(uint64_t sequence, help_map *map) {
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
static void commit_bulk(journal *j, uint64_t seed) {
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

static place place_make(void) {
    place p = {.data = help_directory()};
    int n = (int)(strrchr(p.data, '/') - p.data);
    snprintf(p.set, sizeof p.set, "%.*s/backups", n, p.data);
    snprintf(p.restored, sizeof p.restored, "%.*s/restored", n, p.data);
    return p;
}

static void place_remove(place *p) { help_remove_parent(&p->data); }

static journal *open_small(const place *p) {
    journal_options options = help_options(p->data);
    options.fold_bytes = 20000; /* folds all the time */
    return help_open_with(&options, NULL);
}

static status try_backup(journal *j, const char *set, unsigned keep, backup_info *out, char problem[HELP_ROOM]) {
    backup_cost cost;
    problem[0] = '\0';
    return backup_create(j, set, keep, NULL, NULL, out, &cost, problem, HELP_ROOM);
}

static backup_info backup_now(journal *j, const char *set, unsigned keep) {
    backup_info info = {0};
    char problem[HELP_ROOM];
    status s = try_backup(j, set, keep, &info, problem);
    cr_assert_eq(s, STATUS_OK, "%s: %s", status_name(s), problem);
    return info;
}

/* Restores, loads, compares with what the groups up to its sequence make. */
static void check_backup(const place *p, uint32_t id, uint64_t sequence) {
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

static void note_fault(void *context, uint32_t id, const char *file, const char *what) {
    faults *f = context;
    f->count++;
    f->id = id;
    snprintf(f->file, sizeof f->file, "%s", file);
    snprintf(f->what, sizeof f->what, "%s", what);
}

static status verify_set(const char *set, uint32_t id, faults *f) {
    uint64_t files, bytes;
    char problem[HELP_ROOM];
    *f = (faults){0};
    return backup_verify(set, id, note_fault, NULL, f, &files, &bytes, problem, sizeof problem);
}

/* The first entry of a directory that ends so; false if there is none. */
static bool find_entry(const char *directory, const char *end, char path[HELP_ROOM]) {
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

static unsigned count_entries(const char *directory) {
    unsigned n = 0;
    DIR *dir = opendir(directory);
    cr_assert_not_null(dir, "%s", directory);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void flip(const char *path, off_t at) {
    uint8_t byte;
    int fd = open(path, O_RDWR);
    cr_assert(fd >= 0, "%s", path);
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

/* ---- a child that is killed while it makes a backup */

static int child_main(const char *directory, const char *arguments) {
    int point, nth;
    char set[HELP_ROOM], problem[HELP_ROOM];
    backup_info info;
    backup_cost cost;
    child_check(sscanf(arguments, "%d %d %511s", &point, &nth, set) == 3);
    journal_options options = help_options(directory);
    options.unsynced = false;
    journal *j = NULL;
    child_check(journal_open(&options, &j, NULL, 0) == STATUS_OK);
    child_check(journal_load(j, 1, help_visit, NULL, NULL, NULL, 0) == STATUS_OK);
    fault_arm_kill((fault_point)point, (unsigned)nth);
    child_check(backup_create(j, set, 1, NULL, NULL, &info, &cost, problem, sizeof problem) == STATUS_OK);
    return 0;
}

/* ---- tests */

Test(backup, holds_everything, .timeout = 60) {
    place p = place_make();
    journal *j = open_small(&p);
    commit_many(j, 40);
    backup_info a = backup_now(j, p.set, 0);
    cr_assert_eq(a.id, 1);
    cr_assert_eq(a.sequence, 40);
    cr_assert_str_eq(a.cluster, "test");
    commit_many(j, 17);
    backup_info b = backup_now(j, p.set, 0);
    cr_assert_eq(b.id, 2);
    cr_assert_eq(b.sequence, 57);
    uint64_t seed = journal_seed(j);
    backup_last last;
    cr_assert(backup_get_last(p.data, &last));
    cr_assert(last.id == 2 && last.sequence == 57 && strcmp(last.directory, p.set) == 0);
    journal_close(&j);
    check_backup(&p, 1, 40);
    check_backup(&p, 0, 57);
    char problem[HELP_ROOM];
    expect_ok(backup_restore(p.set, 1, p.restored, NULL, NULL, &a, problem, sizeof problem));
    journal_options options = help_options(p.restored);
    options.cluster = NULL;
    j = help_open_with(&options, NULL);
    cr_assert_eq(journal_seed(j), seed);
    cr_assert_str_eq(journal_cluster(j), "test");
    /* what was restored goes on into the same directory of backups */
    commit_many(j, 3);
    b = backup_now(j, p.set, 0);
    cr_assert_eq(b.id, 3);
    journal_close(&j);
    help_remove(p.restored);
    check_backup(&p, 3, 43);
    place_remove(&p);
}

typedef struct committing {
    journal *j;
    atomic_bool stop;
    _Atomic uint64_t acknowledged;
    uint64_t slowest_ns;
} committing;

static void *keep_committing(void *context) {
    committing *c = context;
    while (!atomic_load(&c->stop)) {
        uint64_t begin = clock_mono_ns();
        atomic_store(&c->acknowledged, commit_next(c->j));
        uint64_t took = clock_mono_ns() - begin;
        if (took > c->slowest_ns) c->slowest_ns = took;
        usleep(300); /* or there is more to compare than the test has time for */
    }
    return NULL;
}

Test(backup, while_commits_and_folds_go_on, .timeout = 120) {
    place p = place_make();
    committing c = {.j = open_small(&p)};
    backup_info made[5];
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, keep_committing, &c), 0);
    for (int i = 0; i < 5; i++) {
        usleep(60000);
        uint64_t before = atomic_load(&c.acknowledged);
        made[i] = backup_now(c.j, p.set, 0);
        uint64_t after = atomic_load(&c.acknowledged);
        cr_assert(made[i].sequence >= before, "group %llu was acknowledged, the backup ends with %llu",
                  (unsigned long long)before, (unsigned long long)made[i].sequence);
        cr_assert(made[i].sequence <= after + 1);
    }
    atomic_store(&c.stop, true);
    pthread_join(thread, NULL);
    journal_stats stats;
    journal_get_stats(c.j, &stats);
    journal_close(&c.j);
    printf("backup: %llu groups, %llu folds, slowest commit %.1f ms\n", (unsigned long long)stats.groups,
           (unsigned long long)stats.folds, (double)c.slowest_ns / 1e6);
    cr_assert_gt(stats.folds, 5);
    cr_assert_gt(made[4].sequence, made[0].sequence);
    for (int i = 0; i < 5; i++) check_backup(&p, made[i].id, made[i].sequence);
    place_remove(&p);
}

Test(backup, shares_what_has_not_changed, .timeout = 60) {
    place p = place_make();
    journal *j = help_open(p.data, NULL);
    commit_bulk(j, 1);
    backup_info a = backup_now(j, p.set, 0);
    cr_assert_gt(a.bytes, 4000000);
    cr_assert_eq(a.added_bytes, a.bytes);
    commit_next(j);
    backup_info b = backup_now(j, p.set, 0);
    cr_assert_gt(b.bytes, 4000000);
    cr_assert_lt(b.added_bytes, 400000, "%llu bytes were copied again", (unsigned long long)b.added_bytes);
    backup_info c = backup_now(j, p.set, 1);
    backup_info *list;
    size_t count;
    char problem[HELP_ROOM];
    expect_ok(backup_list(p.set, &list, &count, problem, sizeof problem));
    cr_assert_eq(count, 1);
    cr_assert_eq(list[0].id, c.id);
    cr_assert_eq(list[0].sequence, 2);
    cr_assert_eq(list[0].bytes, c.bytes);
    free(list);
    faults f;
    expect_ok(verify_set(p.set, 0, &f));
    /* nothing lies about that no backup holds */
    char files[HELP_ROOM];
    snprintf(files, sizeof files, "%s/files", p.set);
    cr_assert_leq(count_entries(files), c.files);
    cr_assert_eq(count_entries(p.set), 3, "stamp, files, one backup");
    expect_ok(backup_restore(p.set, 0, p.restored, NULL, NULL, &a, problem, sizeof problem));
    journal_close(&j);
    help_map m = {0};
    j = help_open(p.restored, &m);
    const uint8_t key[3] = {'b', 0, 63};
    cr_assert_not_null(help_find(&m, CHANGE_RECORDS, key, sizeof key));
    help_map_clear(&m);
    journal_close(&j);
    place_remove(&p);
}

Test(backup, damage_is_named_and_not_restored, .timeout = 60) {
    place p = place_make();
    journal *j = help_open(p.data, NULL);
    char files[HELP_ROOM], path[HELP_ROOM], contents[HELP_ROOM], problem[HELP_ROOM] = "";
    backup_info info;
    faults f;
    commit_many(j, 10);
    backup_now(j, p.set, 0);
    snprintf(files, sizeof files, "%s/files", p.set);
    cr_assert(find_entry(files, ".sst", path));
    expect_ok(verify_set(p.set, 0, &f));
    flip(path, 100);
    expect_status(verify_set(p.set, 0, &f), STATUS_CORRUPT);
    cr_assert_eq(f.count, 1);
    cr_assert_eq(f.id, 1);
    cr_assert_str_eq(f.file, path);
    cr_assert_not_null(strstr(f.what, "checksum"), "%s", f.what);
    expect_status(backup_restore(p.set, 1, p.restored, NULL, NULL, &info, problem, sizeof problem), STATUS_CORRUPT);
    cr_assert_not_null(strstr(problem, path), "%s", problem);
    cr_assert(!exists(p.restored), "something was left of it");
    /* a file that is too short is copied again by the next backup, which heals the earlier one */
    cr_assert_eq(truncate(path, 50), 0);
    expect_status(verify_set(p.set, 1, &f), STATUS_CORRUPT);
    cr_assert_not_null(strstr(f.what, "50 bytes"), "%s", f.what);
    backup_now(j, p.set, 0);
    expect_ok(verify_set(p.set, 0, &f));
    /* a list of contents that cannot be read loses its backup only */
    snprintf(contents, sizeof contents, "%s/backup-000002/contents", p.set);
    flip(contents, 30);
    expect_status(verify_set(p.set, 0, &f), STATUS_CORRUPT);
    cr_assert_str_eq(f.file, contents);
    backup_info *list;
    size_t count;
    expect_ok(backup_list(p.set, &list, &count, problem, sizeof problem));
    cr_assert(count == 2 && !list[0].damaged && list[1].damaged && list[1].id == 2);
    free(list);
    check_backup(&p, 0, 10);
    backup_info next = backup_now(j, p.set, 0);
    cr_assert_eq(next.id, 3);
    expect_ok(verify_set(p.set, 3, &f));
    expect_status(verify_set(p.set, 7, &f), STATUS_NOT_FOUND);
    cr_assert_eq(unlink(path), 0);
    expect_status(verify_set(p.set, 1, &f), STATUS_CORRUPT);
    cr_assert_not_null(strstr(f.what, "missing"), "%s", f.what);
    journal_close(&j);
    place_remove(&p);
}

Test(backup, killed_in_the_middle, .timeout = 120) {
    static const struct {
        fault_point point;
        int nth;
    } moments[] = {{FAULT_BACKUP_LINKED, 1}, {FAULT_BACKUP_FILE, 1}, {FAULT_BACKUP_FILE, 3}, {FAULT_BACKUP_COPIED, 1}};
    place p = place_make();
    char path[HELP_ROOM], arguments[2 * HELP_ROOM];
    faults f;
    journal *j = help_open(p.data, NULL);
    commit_many(j, 20);
    backup_now(j, p.set, 0);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        commit_many(j, 5);
        uint64_t sequence = journal_sequence(j);
        journal_close(&j);
        snprintf(arguments, sizeof arguments, "%d %d %s", (int)moments[i].point, moments[i].nth, p.set);
        cr_assert(child_was_killed(child_start(p.data, arguments, -1)), "moment %zu did not come", i);
        expect_ok(verify_set(p.set, 0, &f));
        check_backup(&p, 0, 20);
        j = help_open(p.data, NULL);
        cr_assert_eq(journal_sequence(j), sequence);
        snprintf(path, sizeof path, "%s/snapshot", p.data);
        cr_assert(!exists(path), "links of the interrupted backup are left");
    }
    backup_info last = backup_now(j, p.set, 1);
    cr_assert_eq(count_entries(p.set), 3, "what interrupted backups have left is swept");
    journal_close(&j);
    check_backup(&p, 0, last.sequence);
    place_remove(&p);
}

Test(backup, full_destination, .timeout = 60) {
    place p = place_make();
    if (mkdir(p.set, 0700) != 0 || mount("tmpfs", p.set, "tmpfs", 0, "size=3m") != 0) {
        place_remove(&p);
        cr_skip_test("mounting is not permitted here");
    }
    journal *j = help_open(p.data, NULL);
    char problem[HELP_ROOM];
    backup_info info;
    faults f;
    commit_many(j, 20);
    backup_now(j, p.set, 0);
    commit_bulk(j, 2);
    expect_status(try_backup(j, p.set, 1, &info, problem), STATUS_NO_SPACE);
    cr_assert_not_null(strstr(problem, "No space left"), "%s", problem);
    commit_bulk(j, 3);
    expect_status(try_backup(j, p.set, 1, &info, problem), STATUS_NO_SPACE);
    expect_ok(verify_set(p.set, 0, &f));
    check_backup(&p, 0, 20);
    cr_assert_geq(directory_free_bytes(p.set), 2500000, "what did not fit is gone again");
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert(!stats.read_only);
    journal_close(&j);
    cr_assert_eq(umount(p.set), 0);
    place_remove(&p);
}

/* The disk of the data directory is full: no backup, and no harm. */
Test(backup, full_source, .timeout = 60) {
    place p = place_make();
    if (mkdir(p.data, 0700) != 0 || mount("tmpfs", p.data, "tmpfs", 0, "size=40m") != 0) {
        place_remove(&p);
        cr_skip_test("mounting is not permitted here");
    }
    char path[HELP_ROOM + 8], problem[HELP_ROOM];
    backup_info info;
    journal *j = help_open(p.data, NULL);
    commit_many(j, 20);
    snprintf(path, sizeof path, "%s/filler", p.data);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_eq(posix_fallocate(fd, 0, (off_t)(directory_free_bytes(p.data) - (1 << 20))), 0);
    expect_status(try_backup(j, p.set, 0, &info, problem), STATUS_NO_SPACE);
    commit_next(j);
    cr_assert_eq(unlink(path), 0);
    close(fd);
    backup_now(j, p.set, 0);
    journal_close(&j);
    cr_assert_eq(umount(p.data), 0);
    check_backup(&p, 0, 21);
    place_remove(&p);
}

typedef struct filling {
    committing c;
    char filler[HELP_ROOM + 8];
    atomic_uint failures;
    atomic_bool stop;
} filling;

/* To the last byte, for a moment or for good. */
static void fill(const char *path, bool for_a_moment) {
    static const uint8_t block[1 << 16];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (size_t n = sizeof block; fd >= 0 && n > 0; n /= 2)
        while (write(fd, block, n) == (ssize_t)n) continue;
    if (fd >= 0) close(fd);
    if (!for_a_moment) return;
    usleep(40000);
    unlink(path);
}

static void *keep_filling(void *context) {
    filling *f = context;
    while (!atomic_load(&f->stop)) {
        fill(f->filler, true);
        usleep(60000);
    }
    return NULL;
}

/* One more group; what failed is healed, and done again unless it turned out to be there. */
static void commit_surely(filling *f) {
    buf changes = {0}, history = {0};
    uint64_t sequence = journal_sequence(f->c.j) + 1, got;
    make_group(sequence, &changes, &history);
    while (journal_sequence(f->c.j) < sequence) {
        bool applied;
        status s = journal_commit(f->c.j, 0, changes.data, changes.size, history.size > 0 ? history.data : NULL,
                                  history.size, &got);
        if (s != STATUS_OK) atomic_fetch_add(&f->failures, 1);
        while (s != STATUS_OK && (s = journal_heal(f->c.j, &applied)) != STATUS_OK) usleep(5000);
    }
    atomic_store(&f->c.acknowledged, sequence);
    buf_deinit(&changes);
    buf_deinit(&history);
}

static void *commit_and_heal(void *context) {
    filling *f = context;
    while (!atomic_load(&f->c.stop)) {
        commit_surely(f);
        usleep(1000);
    }
    return NULL;
}

/* The disk of the data directory fills while backups are made: RocksDB would abort if a write to its log failed in the
 * moment of a checkpoint. */
Test(backup, while_the_disk_fills_again_and_again, .timeout = 120) {
    place p = place_make();
    if (mkdir(p.data, 0700) != 0 || mount("tmpfs", p.data, "tmpfs", 0, "size=200m") != 0) {
        place_remove(&p);
        cr_skip_test("mounting is not permitted here");
    }
    journal_options options = help_options(p.data);
    options.unsynced = false;
    options.fold_bytes = 200000;
    pads = 1;
    filling f = {.c.j = help_open_with(&options, NULL)};
    snprintf(f.filler, sizeof f.filler, "%s/filler", p.data);
    pthread_t filler, writer;
    unsigned made = 0, refused = 0;
    char problem[HELP_ROOM];
    backup_info info, last = {0};
    cr_assert_eq(pthread_create(&filler, NULL, keep_filling, &f), 0);
    cr_assert_eq(pthread_create(&writer, NULL, commit_and_heal, &f), 0);
    uint64_t end = clock_mono_ns() + UINT64_C(15000000000);
    while ((atomic_load(&f.failures) < 4 || made < 4) && clock_mono_ns() < end) {
        uint64_t before = atomic_load(&f.c.acknowledged);
        status s = try_backup(f.c.j, p.set, 2, &info, problem);
        if (s == STATUS_OK) {
            cr_assert_geq(info.sequence, before);
            last = info;
            made++;
        } else {
            cr_assert(s == STATUS_NO_SPACE || s == STATUS_UNAVAILABLE || s == STATUS_IO_ERROR, "%s: %s", status_name(s),
                      problem);
            refused++;
        }
    }
    atomic_store(&f.stop, true);
    pthread_join(filler, NULL);
    atomic_store(&f.c.stop, true);
    pthread_join(writer, NULL);
    printf("backup: a disk that fills: %u failed commits, %u backups, %u refused\n", f.failures, made, refused);
    cr_assert_gt(f.failures, 0);
    cr_assert_gt(made, 0);
    check_backup(&p, last.id, last.sequence);
    info = backup_now(f.c.j, p.set, 1);
    cr_assert_eq(info.sequence, journal_sequence(f.c.j));
    journal_close(&f.c.j);
    cr_assert_eq(umount(p.data), 0);
    check_backup(&p, 0, info.sequence);
    place_remove(&p);
}

/* A write beside the commits, as the fold makes them, has failed, and nobody has written since: RocksDB must not be
 * made to sync its log. */
Test(backup, after_a_fold_that_failed, .timeout = 60) {
    place p = place_make();
    if (mkdir(p.data, 0700) != 0 || mount("tmpfs", p.data, "tmpfs", 0, "size=100m") != 0) {
        place_remove(&p);
        cr_skip_test("mounting is not permitted here");
    }
    filling f = {.c.j = help_open(p.data, NULL)};
    char problem[HELP_ROOM], *big = calloc(30, 1 << 20);
    backup_info info;
    cr_assert_not_null(big);
    commit_many(f.c.j, 5);
    snprintf(f.filler, sizeof f.filler, "%s/filler", p.data);
    fill(f.filler, false);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_put_cf(batch, f.c.j->rocks.families[CHANGE_RECORDS], "big", 3, big, (size_t)30 << 20);
    expect_status(rocks_write(&f.c.j->rocks, batch, false, problem, sizeof problem), STATUS_NO_SPACE);
    rocksdb_writebatch_destroy(batch);
    free(big);
    cr_assert_eq(unlink(f.filler), 0);
    expect_status(try_backup(f.c.j, p.set, 0, &info, problem), STATUS_NO_SPACE);
    commit_surely(&f);
    cr_assert_eq(atomic_load(&f.failures), 1, "the next commit tells that there is trouble");
    info = backup_now(f.c.j, p.set, 0);
    cr_assert_eq(info.sequence, 6);
    journal_close(&f.c.j);
    cr_assert_eq(umount(p.data), 0);
    check_backup(&p, 0, 6);
    place_remove(&p);
}

Test(backup, places_that_will_not_do, .timeout = 60) {
    place p = place_make();
    char inside[HELP_ROOM + 16], problem[HELP_ROOM], other[HELP_ROOM];
    backup_info info, *list;
    size_t count;
    journal *j = help_open(p.data, NULL);
    commit_many(j, 3);
    expect_status(try_backup(j, p.data, 0, &info, problem), STATUS_BAD_VALUE);
    snprintf(inside, sizeof inside, "%s/backups", p.data);
    expect_status(try_backup(j, inside, 0, &info, problem), STATUS_BAD_VALUE);
    cr_assert(!exists(inside));
    snprintf(inside, sizeof inside, "%s/db/../new/", p.data);
    expect_status(try_backup(j, inside, 0, &info, problem), STATUS_BAD_VALUE);
    snprintf(inside, sizeof inside, "%s/no/such", p.set);
    expect_status(try_backup(j, inside, 0, &info, problem), STATUS_IO_ERROR);
    snprintf(inside, sizeof inside, "%s/..", p.data);
    expect_status(try_backup(j, inside, 0, &info, problem), STATUS_WRONG_CLUSTER);
    cr_assert_not_null(strstr(problem, "holds data"), "%s", problem);
    expect_status(backup_list(p.set, &list, &count, problem, sizeof problem), STATUS_NOT_FOUND);
    expect_status(backup_list(p.data, &list, &count, problem, sizeof problem), STATUS_WRONG_CLUSTER);
    backup_now(j, p.set, 0);
    journal_close(&j);
    /* another data directory, of the same cluster's name */
    snprintf(other, sizeof other, "%s.other", p.data);
    j = help_open(other, NULL);
    expect_status(try_backup(j, p.set, 1, &info, problem), STATUS_WRONG_CLUSTER);
    cr_assert_not_null(strstr(problem, "another data directory"), "%s", problem);
    journal_close(&j);
    expect_status(backup_restore(p.set, 0, p.data, NULL, NULL, &info, problem, sizeof problem), STATUS_BAD_VALUE);
    expect_status(backup_restore(p.set, 9, p.restored, NULL, NULL, &info, problem, sizeof problem), STATUS_NOT_FOUND);
    cr_assert(!exists(p.restored));
    check_backup(&p, 0, 3);
    place_remove(&p);
}

static bool give_up(void *context, uint64_t done, uint64_t total) {
    unsigned *calls = context;
    cr_assert(done <= total && total > 0);
    return ++*calls < 3;
}

Test(backup, given_up, .timeout = 60) {
    place p = place_make();
    char problem[HELP_ROOM];
    unsigned calls = 0;
    backup_info info;
    backup_cost cost;
    faults f;
    journal *j = help_open(p.data, NULL);
    commit_many(j, 5);
    backup_now(j, p.set, 0);
    commit_bulk(j, 3);
    expect_status(backup_create(j, p.set, 1, give_up, &calls, &info, &cost, problem, sizeof problem),
                  STATUS_UNAVAILABLE);
    cr_assert_eq(calls, 3);
    cr_assert_eq(count_entries(p.set), 3);
    expect_ok(verify_set(p.set, 0, &f));
    journal_close(&j);
    check_backup(&p, 0, 5);
    place_remove(&p);
}

typedef struct sickness {
    journal *j;
    unsigned calls;
    bool healed;
} sickness;

/* In the middle of the copy the journal falls ill, is closed, opened and goes on. */
static bool fall_ill(void *context, uint64_t done, uint64_t total) {
    sickness *s = context;
    (void)done;
    (void)total;
    if (s->calls++ != 0) return true;
    bool applied;
    uint64_t sequence;
    buf b = {0};
    help_named(&b, CHANGE_STATE, "late", "1");
    fault_arm(FAULT_COMMITTED, 1, 1, STATUS_IO_ERROR);
    expect_status(journal_commit(s->j, 0, b.data, b.size, NULL, 0, &sequence), STATUS_IO_ERROR);
    expect_ok(journal_heal(s->j, &applied));
    cr_assert(applied);
    expect_ok(journal_fold(s->j));
    s->healed = true;
    buf_deinit(&b);
    return true;
}

Test(backup, beside_healing, .timeout = 60) {
    place p = place_make();
    char problem[HELP_ROOM];
    backup_info info;
    backup_cost cost;
    buf b = {0};
    uint64_t sequence;
    bool applied;
    journal *j = help_open(p.data, NULL);
    commit_many(j, 30);
    /* while it is ill there is none */
    help_named(&b, CHANGE_STATE, "x", "1");
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
    expect_status(journal_commit(j, 0, b.data, b.size, NULL, 0, &sequence), STATUS_IO_ERROR);
    expect_status(try_backup(j, p.set, 0, &info, problem), STATUS_UNAVAILABLE);
    expect_ok(journal_heal(j, &applied));
    cr_assert(!applied);
    sickness s = {.j = j};
    status made = backup_create(j, p.set, 0, fall_ill, &s, &info, &cost, problem, sizeof problem);
    cr_assert_eq(made, STATUS_OK, "%s", problem);
    cr_assert(s.healed);
    cr_assert_eq(info.sequence, 30);
    cr_assert_eq(journal_sequence(j), 31);
    journal_close(&j);
    check_backup(&p, 0, 30);
    buf_deinit(&b);
    fault_clear();
    place_remove(&p);
}

Test(backup, one_at_a_time, .timeout = 60) {
    place p = place_make();
    char stamp[HELP_ROOM + 16], problem[HELP_ROOM];
    backup_info info, *list;
    size_t count;
    journal *j = help_open(p.data, NULL);
    commit_next(j);
    backup_now(j, p.set, 0);
    snprintf(stamp, sizeof stamp, "%s/XINYI-BACKUP", p.set);
    int fd = open(stamp, O_RDONLY);
    cr_assert_eq(flock(fd, LOCK_SH | LOCK_NB), 0);
    expect_status(try_backup(j, p.set, 0, &info, problem), STATUS_LOCKED);
    expect_ok(backup_list(p.set, &list, &count, problem, sizeof problem));
    cr_assert_eq(count, 1);
    free(list);
    close(fd);
    backup_now(j, p.set, 0);
    journal_close(&j);
    place_remove(&p);
}
