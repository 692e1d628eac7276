/* Failing commits, failing folds, healing, full disks: by ordered faults at every step, and on a real small disk. */
#include "base/check.h"
#include "persist/fault.h"
#include "tests/unit/persist/child_help.h"
#include "tests/unit/persist/raw_help.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

static char *dir;
static void setup(void) { dir = help_directory(); }
static void teardown(void) {
    fault_clear();
    help_remove_parent(&dir);
}
TestSuite(journal_trouble, .init = setup, .fini = teardown, .timeout = 120);

static status commit_value(journal *j, const char *key, const char *value, uint64_t *sequence) {
    buf b = {0};
    help_named(&b, CHANGE_STATE, key, value);
    status s = journal_commit(j, 0, b.data, b.size, NULL, 0, sequence);
    buf_deinit(&b);
    return s;
}

static bool read_only(const journal *j) {
    journal_stats stats;
    journal_get_stats(j, &stats);
    return stats.read_only;
}

static void expect_after_reopen(const char *key, const char *value, uint64_t sequence) {
    help_map map = {0};
    char text[64];
    journal *j = help_open(dir, &map);
    cr_assert_eq(journal_sequence(j), sequence);
    const char *got = help_text(&map, CHANGE_STATE, key, text);
    cr_assert(got == value || (got != NULL && value != NULL && strcmp(got, value) == 0), "%s is %s", key,
              got != NULL ? got : "(nothing)");
    journal_close(&j);
    help_map_clear(&map);
}

Test(journal_trouble, a_group_that_is_not_on_disk_is_said_so) {
    uint64_t sequence = 0;
    bool applied = true;
    journal *j = help_open(dir, NULL);
    expect_ok(journal_heal(j, &applied)); /* nothing to heal */
    cr_assert_not(applied);
    expect_ok(commit_value(j, "k", "1", &sequence));
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_NO_SPACE);
    expect_status(commit_value(j, "k", "2", &sequence), STATUS_NO_SPACE);
    cr_assert(read_only(j));
    cr_assert_not(journal_untouched(j), "what the database refused has an unknown fate");
    expect_status(commit_value(j, "k", "3", &sequence), STATUS_NO_SPACE); /* not tried */
    cr_assert_eq(journal_sequence(j), 1);
    expect_ok(journal_heal(j, &applied));
    cr_assert_not(applied);
    cr_assert_not(read_only(j));
    expect_ok(commit_value(j, "k", "4", &sequence));
    cr_assert_eq(sequence, 2, "the number was not used up");
    expect_ok(journal_fold(j));
    journal_close(&j);
    expect_after_reopen("k", "4", 2);
}

Test(journal_trouble, a_group_that_is_on_disk_is_said_so) {
    uint64_t sequence = 0;
    bool applied = false;
    journal *j = help_open(dir, NULL);
    expect_ok(commit_value(j, "k", "1", &sequence));
    fault_arm(FAULT_COMMITTED, 1, 1, STATUS_IO_ERROR);
    expect_status(commit_value(j, "k", "2", &sequence), STATUS_IO_ERROR);
    cr_assert_eq(journal_sequence(j), 1);
    expect_status(journal_fold(j), STATUS_IO_ERROR); /* must not touch a sick database */
    expect_ok(journal_heal(j, &applied));
    cr_assert(applied);
    cr_assert_eq(journal_sequence(j), 2);
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.folded_sequence, 0);
    cr_assert_eq(stats.groups, 2);
    cr_assert_gt(stats.log_bytes, 0);
    expect_ok(commit_value(j, "other", "x", &sequence));
    cr_assert_eq(sequence, 3);
    journal_close(&j);
    expect_after_reopen("k", "2", 3);
}

Test(journal_trouble, other_failures_are_io_errors) {
    uint64_t sequence = 0;
    bool applied;
    journal *j = help_open(dir, NULL);
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_CORRUPT);
    expect_status(commit_value(j, "k", "1", &sequence), STATUS_IO_ERROR);
    expect_ok(journal_heal(j, &applied));
    journal_close(&j);
}

/* The database stays closed while it cannot be opened; everything else must cope. */
Test(journal_trouble, healing_may_take_many_tries) {
    uint64_t sequence = 0;
    bool applied = true;
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        journal *j = help_open(dir, NULL);
        uint64_t before = journal_sequence(j);
        fault_arm(on_disk ? FAULT_COMMITTED : FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
        expect_status(commit_value(j, "k", on_disk ? "there" : "lost", &sequence), STATUS_IO_ERROR);
        fault_arm(FAULT_REOPEN, 1, 3, STATUS_NO_SPACE);
        for (int i = 0; i < 3; i++) {
            expect_status(journal_heal(j, &applied), STATUS_NO_SPACE);
            cr_assert_not(applied);
            expect_status(commit_value(j, "k", "no", &sequence), STATUS_IO_ERROR);
            expect_status(journal_fold(j), STATUS_IO_ERROR);
            cr_assert(read_only(j));
        }
        /* Open again, but the first write fails: the group is settled, then looked at once more. */
        fault_arm(FAULT_HEALED, 1, 2, STATUS_NO_SPACE);
        for (int i = 0; i < 2; i++) {
            expect_status(journal_heal(j, &applied), STATUS_NO_SPACE);
            cr_assert_not(applied, "not before it is over");
            cr_assert(read_only(j));
            expect_status(journal_fold(j), STATUS_IO_ERROR);
        }
        expect_ok(journal_heal(j, &applied));
        cr_assert_eq(applied, on_disk == 1);
        expect_ok(commit_value(j, "after", "x", &sequence));
        cr_assert_eq(sequence, before + 1 + (uint64_t)on_disk);
        journal_close(&j);
        expect_after_reopen("k", on_disk ? "there" : NULL, sequence);
    }
}

/* A close in the middle of trouble loses nothing that was acknowledged. */
Test(journal_trouble, closing_without_healing) {
    uint64_t sequence = 0;
    bool applied;
    journal *j = help_open(dir, NULL);
    expect_ok(commit_value(j, "k", "1", &sequence));
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_NO_SPACE);
    expect_status(commit_value(j, "k", "2", &sequence), STATUS_NO_SPACE);
    fault_arm(FAULT_REOPEN, 1, 0, STATUS_IO_ERROR);
    expect_status(journal_heal(j, &applied), STATUS_IO_ERROR);
    journal_close(&j);
    fault_clear();
    expect_after_reopen("k", "1", 1);
}

/* The reopened database lacks an acknowledged group: never go on. */
Test(journal_trouble, a_lost_group_is_never_healed) {
    uint64_t sequence = 0;
    bool applied;
    journal *j = help_open(dir, NULL);
    for (int i = 0; i < 3; i++) expect_ok(commit_value(j, "k", "1", &sequence));
    raw_put_group(&j->rocks, 3, NULL, 0);
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
    expect_status(commit_value(j, "k", "2", &sequence), STATUS_IO_ERROR);
    for (int i = 0; i < 2; i++) {
        expect_status(journal_heal(j, &applied), STATUS_CORRUPT);
        cr_assert(read_only(j));
        cr_assert_eq(journal_sequence(j), 3);
    }
    journal_close(&j);
}

/* Another group than ours under the next number is not ours. */
Test(journal_trouble, a_strangers_group_is_not_taken_for_ours) {
    uint64_t sequence = 0;
    bool applied;
    journal *j = help_open(dir, NULL);
    expect_ok(commit_value(j, "k", "1", &sequence));
    uint8_t value[256];
    format_group g = {.sequence = 2, .changes = value, .length = 0};
    format_group_encode(&g, value);
    raw_put_group(&j->rocks, 2, value, FORMAT_GROUP_HEADER);
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
    expect_status(commit_value(j, "k", "2", &sequence), STATUS_IO_ERROR);
    expect_status(journal_heal(j, &applied), STATUS_CORRUPT);
    journal_close(&j);
}

/* ------------------------------------------------------------------ folds */

static const fault_point fold_points[] = {FAULT_FOLD_READ,     FAULT_FOLD_TABLE, FAULT_FOLD_INGEST,
                                          FAULT_FOLD_INGESTED, FAULT_FOLD_MARK,  FAULT_FOLD_MARKED};

/* Small changes, and in every third group enough for a sorted file. For children too: no Criterion. */
static void commit_some(journal *j, help_map *map, uint32_t version) {
    buf b = {0};
    for (uint32_t group = 0; group < 4; group++) {
        buf_clear(&b);
        for (uint32_t i = 0; i < 20; i++) help_subject(&b, 20 * group + i, version);
        help_named(&b, CHANGE_MEMBERS, "m", version % 2 == 0 ? NULL : "here");
        if (group == 2) {
            uint8_t *blob = malloc(FOLD_PUT_BYTES);
            memset(blob, (int)version, FOLD_PUT_BYTES);
            change_append(&b, CHANGE_POLICIES, "p", 1, blob, FOLD_PUT_BYTES);
            change_append(&b, CHANGE_ACCOUNTS, "a", 1, blob, FOLD_PUT_BYTES);
            free(blob);
        }
        uint64_t sequence;
        CHECK(buf_status(&b) == STATUS_OK);
        CHECK(journal_commit(j, 0, b.data, b.size, NULL, 0, &sequence) == STATUS_OK);
        if (map != NULL) help_apply_all(map, b.data, b.size);
    }
    buf_deinit(&b);
}

/* Every step of a fold fails in its turn; the next attempt does it all, and nothing is ever lost. */
Test(journal_trouble, any_step_of_a_fold_may_fail) {
    help_map map = {0};
    uint32_t version = 0, failures = 0;
    for (size_t p = 0; p < sizeof fold_points / sizeof *fold_points; p++) {
        for (unsigned nth = 1; nth < 20; nth++) {
            help_map got = {0};
            journal *j = help_open(dir, &got);
            help_map_same(&map, &got);
            help_map_clear(&got);
            commit_some(j, &map, ++version);
            fault_arm(fold_points[p], nth, 1, STATUS_IO_ERROR);
            status s = journal_fold(j);
            fault_clear();
            bool failed = s != STATUS_OK;
            if (failed) {
                cr_assert_eq(s, STATUS_IO_ERROR);
                failures++;
                journal_stats stats;
                journal_get_stats(j, &stats);
                cr_assert_eq(stats.folded_sequence == stats.sequence, fold_points[p] == FAULT_FOLD_MARKED);
                cr_assert_not(stats.read_only);
                if (nth % 2 == 1) {
                    help_map halfway = {0}; /* reopen with the fold half done */
                    journal_close(&j);
                    j = help_open(dir, &halfway);
                    help_map_same(&map, &halfway);
                    help_map_clear(&halfway);
                }
                commit_some(j, &map, ++version);
                expect_ok(journal_fold(j));
            }
            journal_close(&j);
            if (!failed) break;
        }
    }
    help_map_clear(&map);
    /* 8 reads at most, 4 tables, 2 files twice, 1 mark twice */
    cr_assert_geq(failures, 4 + 4 + 2 + 2 + 1 + 1);
}

Test(journal_trouble, a_failed_fold_is_tried_again) {
    journal_options options = help_options(dir);
    options.fold_bytes = 1;
    uint64_t sequence;
    journal *j = help_open_with(&options, NULL);
    fault_arm(FAULT_FOLD_MARK, 1, 1, STATUS_IO_ERROR);
    expect_ok(commit_value(j, "k", "1", &sequence));
    journal_stats stats = {0};
    for (int i = 0; i < 1000 && stats.folds == 0; i++) {
        usleep(10000);
        journal_get_stats(j, &stats);
    }
    cr_assert_eq(stats.folds, 1);
    cr_assert_eq(stats.folded_sequence, 1);
    journal_close(&j);
}

/* Commits what commit_some does and dies at a step of the fold, or not. */
static int child_main(const char *directory, const char *arguments) {
    unsigned point, nth, version;
    child_check(sscanf(arguments, "%u %u %u", &point, &nth, &version) == 3);
    journal_options options = help_options(directory);
    journal *j = NULL;
    child_check(journal_open(&options, &j, NULL, 0) == STATUS_OK);
    child_check(journal_load(j, 1, help_visit, NULL, NULL, NULL, 0) == STATUS_OK);
    commit_some(j, NULL, version);
    fault_arm_kill((fault_point)point, nth);
    child_check(journal_fold(j) == STATUS_OK);
    journal_close(&j);
    return 0;
}

static void expect_version(uint32_t version) {
    help_map got = {0};
    journal *j = help_open(dir, &got);
    cr_assert_eq(journal_sequence(j), 4 * version);
    const help_image *policy = help_find(&got, CHANGE_POLICIES, "p", 1);
    cr_assert(policy != NULL && policy->value_length == FOLD_PUT_BYTES && policy->value[9] == (uint8_t)version);
    const help_image *member = help_find(&got, CHANGE_MEMBERS, "m", 1);
    cr_assert_eq(member != NULL && !member->removed, version % 2 == 1);
    cr_assert_eq(help_present(&got), 80 + 2 + version % 2);
    for (uint32_t i = 0; i < 80; i++) {
        uint8_t key[13] = {(uint8_t)(i * 37)};
        le_put32(key + 1, i);
        const help_image *subject = help_find(&got, CHANGE_SUBJECTS, key, sizeof key);
        cr_assert(subject != NULL && le_get64(subject->value + 8) == version);
    }
    help_map_clear(&got);
    if (version % 3 == 0) expect_ok(journal_fold(j));
    journal_close(&j);
}

/* The process dies at every step of a fold, sometimes twice in a row before anybody looks. */
Test(journal_trouble, dying_at_any_step_of_a_fold) {
    uint32_t version = 0, deaths = 0;
    for (size_t p = 0; p < sizeof fold_points / sizeof *fold_points; p++) {
        bool died = true;
        for (unsigned nth = 1; nth < 20 && died; nth++) {
            char arguments[64];
            snprintf(arguments, sizeof arguments, "%u %u %u", (unsigned)fold_points[p], nth, ++version);
            died = child_was_killed(child_start(dir, arguments, -1));
            deaths += died;
            if (nth % 2 == 0 || !died) expect_version(version);
        }
    }
    cr_assert_geq(deaths, 4 + 4 + 2 + 2 + 1 + 1);
}

/* ------------------------------------------------------------------ disk space */

Test(journal_trouble, too_little_space_is_refused_before_it_is_gone) {
    journal_options options = help_options(dir);
    options.min_free_bytes = UINT64_C(1) << 60;
    uint64_t sequence = 0;
    bool applied = true;
    journal *j = help_open_with(&options, NULL);
    cr_assert(read_only(j), "nothing would be accepted, even before it is tried");
    cr_assert_not(journal_untouched(j));
    cr_assert_str_empty(journal_trouble(j));
    expect_status(commit_value(j, "k", "1", &sequence), STATUS_NO_SPACE);
    cr_assert(read_only(j));
    cr_assert(journal_untouched(j));
    cr_assert_not_null(strstr(journal_trouble(j), "less than 1152921504606846976 bytes are free in "));
    cr_assert_not_null(strstr(journal_trouble(j), dir));
    expect_status(journal_heal(j, &applied), STATUS_NO_SPACE);
    cr_assert(journal_untouched(j));
    j->min_free_bytes = 1; /* somebody tidied up */
    expect_ok(journal_heal(j, &applied));
    cr_assert_not(applied);
    cr_assert_not(journal_untouched(j));
    cr_assert_not(read_only(j));
    expect_ok(commit_value(j, "k", "2", &sequence));
    cr_assert_eq(sequence, 1);
    journal_close(&j);
    expect_after_reopen("k", "2", 1);
}

/* A small disk of our own, in a mount namespace of our own. False, with the reason printed, where that is not allowed.
 */
static bool mount_small_disk(const char *at, unsigned mib) {
    char size[32];
    snprintf(size, sizeof size, "size=%um", mib);
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", at, "tmpfs", 0, size) == 0)
        return true;
    printf("skipped: cannot mount a small file system here (%s)\n", strerror(errno));
    return false;
}

static size_t fill(const char *path, size_t at_most) {
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    static char block[65536];
    size_t written = 0, n = 1;
    while (written < at_most && n > 0) written += n = fwrite(block, 1, sizeof block, f);
    if (written < at_most) /* to the last byte */
        while (fwrite(block, 1, 1, f) == 1) written++;
    fclose(f);
    return written;
}

typedef struct run {
    journal *j;
    help_map map;
    uint32_t version;
    buf last; /* what was tried last */
} run;

static status commit_block(run *r) {
    buf_clear(&r->last);
    r->version++;
    uint8_t *blob = malloc(200000);
    uint64_t state = r->version;
    for (size_t i = 0; i + 8 <= 200000; i += 8) le_put64(blob + i, help_random(&state)); /* does not compress */
    change_append(&r->last, CHANGE_RECORDS, &(char){(char)(r->version % 20)}, 1, blob, 200000);
    free(blob);
    help_subject(&r->last, r->version % 50, r->version);
    uint64_t sequence;
    status s = journal_commit(r->j, 0, r->last.data, r->last.size, NULL, 0, &sequence);
    if (s == STATUS_OK) help_apply_all(&r->map, r->last.data, r->last.size);
    return s;
}

static void heal_until_well(run *r) {
    bool applied = false;
    status s = STATUS_UNAVAILABLE;
    for (int i = 0; i < 100 && s != STATUS_OK; i++) {
        s = journal_heal(r->j, &applied);
        if (s != STATUS_OK) usleep(50000);
    }
    journal_stats stats;
    journal_get_stats(r->j, &stats);
    cr_assert_eq(s, STATUS_OK, "not healed: %s, %zu MiB free", status_name(s), (size_t)stats.free_bytes >> 20);
    if (applied) help_apply_all(&r->map, r->last.data, r->last.size);
}

static void expect_all(run *r, const journal_options *options) {
    help_map got = {0};
    uint64_t sequence = journal_sequence(r->j);
    journal_close(&r->j);
    r->j = help_open_with(options, &got);
    cr_assert_eq(journal_sequence(r->j), sequence);
    help_map_same(&r->map, &got);
    help_map_clear(&got);
}

static void fill_and_heal(uint64_t fold_bytes, bool synced) {
    if (!mount_small_disk(dir, 384)) return;
    char path[HELP_ROOM], ballast[HELP_ROOM];
    snprintf(path, sizeof path, "%s/journal", dir);
    snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    journal_options options = help_options(path);
    options.unsynced = !synced;
    options.fold_bytes = fold_bytes;
    run r = {0};
    r.j = help_open_with(&options, NULL);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 20; i++) expect_ok(commit_block(&r));
        if (round >= 3) expect_ok(journal_fold(r.j));
        journal_stats stats;
        journal_get_stats(r.j, &stats);
        size_t leave = (size_t)(4 + 5 * round) << 20;
        size_t filled = fill(ballast, stats.free_bytes > leave ? stats.free_bytes - leave : 1);
        status s = STATUS_OK;
        int committed = 0;
        for (; s == STATUS_OK && committed < 2000; committed++) s = commit_block(&r);
        cr_assert_eq(s, STATUS_NO_SPACE, "%s after %d commits on a full disk", status_name(s), committed);
        status fold = journal_fold(r.j);
        bool applied;
        status still = journal_heal(r.j, &applied);
        cr_assert_eq(fold, STATUS_IO_ERROR, "a sick database is not folded");
        printf("round %d: ballast %zu MiB, full after %d commits; first try to heal: %s\n", round, filled >> 20,
               committed, status_name(still));
        if (still == STATUS_OK && applied) help_apply_all(&r.map, r.last.data, r.last.size);
        cr_assert_eq(unlink(ballast), 0);
        heal_until_well(&r);
        for (int i = 0; i < 10; i++) {
            s = commit_block(&r);
            cr_assert_eq(s, STATUS_OK, "round %d, commit %d after healing: %s", round, i, status_name(s));
        }
        s = journal_fold(r.j);
        cr_assert_eq(s, STATUS_OK, "round %d, fold after healing: %s", round, status_name(s));
        if (round % 2 == 1) expect_all(&r, &options);
    }
    expect_all(&r, &options);
    journal_close(&r.j);
    help_map_clear(&r.map);
    buf_deinit(&r.last);
}

/* Around the suite's own setup and teardown. */
static void mount_setup(void) { cr_assert_eq(mkdir(dir, 0700), 0); }
static void mount_teardown(void) { umount2(dir, MNT_DETACH); }

Test(journal_trouble, a_disk_that_fills_and_is_emptied, .init = mount_setup, .fini = mount_teardown) {
    fill_and_heal(NEVER, true);
}

Test(journal_trouble, a_disk_that_fills_during_folds, .init = mount_setup, .fini = mount_teardown) {
    fill_and_heal(1000000, false);
}

/* With a reserve the disk never gets full: the journal stops itself, folds on, and goes on when there is room. */
Test(journal_trouble, a_reserve_keeps_the_disk_usable, .init = mount_setup, .fini = mount_teardown) {
    if (!mount_small_disk(dir, 320)) return;
    char path[HELP_ROOM], ballast[HELP_ROOM];
    snprintf(path, sizeof path, "%s/journal", dir);
    snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    journal_options options = help_options(path);
    options.min_free_bytes = 140 << 20; /* RocksDB writes some 100 MiB behind a commit */
    run r = {0};
    r.j = help_open_with(&options, NULL);
    expect_ok(commit_block(&r));
    fill(ballast, 100 << 20);
    status s = STATUS_OK;
    int committed = 0;
    for (; s == STATUS_OK && committed < 2000; committed++) s = commit_block(&r);
    cr_assert_eq(s, STATUS_NO_SPACE);
    journal_stats stats;
    journal_get_stats(r.j, &stats);
    cr_assert_geq(stats.free_bytes, 20 << 20, "%zu MiB left", (size_t)stats.free_bytes >> 20);
    cr_assert_eq(unlink(ballast), 0);
    heal_until_well(&r);
    expect_ok(commit_block(&r));
    expect_ok(journal_fold(r.j));
    expect_all(&r, &options);
    journal_close(&r.j);
    help_map_clear(&r.map);
    buf_deinit(&r.last);
}
