/* Backups: complete, shared, named where they are damaged, and never in the way. What a group holds follows from its
 * number, so every restored directory can be compared with what it must hold. Disks that fill: backup_disk_test.c. */
#include "persist/fault.h"
#include "tests/unit/persist/backup_help.h"
#include "tests/unit/persist/child_help.h"

#include <pthread.h>
#include <sys/file.h>

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

/* Directories that lead elsewhere: what is there is not ours to remove, neither by a start nor by a sweep of backups.
 */
Test(backup, removes_nothing_behind_links, .timeout = 60) {
    place p = place_make();
    char other[HELP_ROOM], file[HELP_ROOM + 16], path[HELP_ROOM + 16], problem[HELP_ROOM] = "";
    int n = (int)(strrchr(p.data, '/') - p.data);
    snprintf(other, sizeof other, "%.*s/other", n, p.data);
    snprintf(file, sizeof file, "%s/precious", other);
    cr_assert_eq(mkdir(other, 0700), 0);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    journal *j = open_small(&p);
    commit_many(j, 5);
    backup_info info;
    backup_cost cost;
    expect_ok(backup_create(j, p.set, 0, NULL, NULL, &info, &cost, problem, sizeof problem));
    snprintf(path, sizeof path, "%s/backup-000009", p.set); /* and not a complete one */
    cr_assert_eq(symlink(other, path), 0);
    expect_ok(backup_create(j, p.set, 1, NULL, NULL, &info, &cost, problem, sizeof problem));
    cr_assert_eq(access(file, F_OK), 0);
    journal_close(&j);
    snprintf(path, sizeof path, "%s/snapshot", p.data);
    cr_assert_eq(symlink(other, path), 0);
    j = open_small(&p);
    cr_assert_eq(access(file, F_OK), 0);
    journal_close(&j);
    place_remove(&p);
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
