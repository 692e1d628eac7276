/* Backups and disks that are full: the destination's, the data directory's, and one that fills again and again while
 * backups are made. Needs to mount small file systems; skipped where that is not permitted. */
#include "persist/directory.h"
#include "persist/internal.h"
#include "tests/unit/persist/backup_help.h"

#include <pthread.h>
#include <sys/mount.h>

Test(backup_disk, full_destination, .timeout = 60) {
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
Test(backup_disk, full_source, .timeout = 60) {
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
Test(backup_disk, while_the_disk_fills_again_and_again, .timeout = 120) {
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
Test(backup_disk, after_a_fold_that_failed, .timeout = 60) {
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
