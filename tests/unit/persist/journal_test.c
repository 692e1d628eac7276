/* Opening, committing, loading, folding. Damage and trouble have files of their own (journal_damage_test.c,
 * journal_trouble_test.c). */
#include "tests/unit/persist/journal_help.h"

#include "persist/internal.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

static char *dir;
static void setup(void) { dir = help_directory(); }
static void teardown(void) { help_remove_parent(&dir); }
TestSuite(journal, .init = setup, .fini = teardown, .timeout = 120);

/* ------------------------------------------------------------------ opening */

Test(journal, a_new_directory_remembers_seed_and_cluster) {
    help_map map = {0};
    journal *j = help_open(dir, &map);
    uint64_t seed = journal_seed(j);
    cr_assert_eq(journal_sequence(j), 0);
    cr_assert_str_eq(journal_cluster(j), "test");
    cr_assert_eq(map.visits, 0);
    journal_close(&j);
    cr_assert_null(j);
    journal_close(&j); /* accepts NULL */
    j = help_open(dir, &map);
    cr_assert_eq(journal_seed(j), seed);
    journal_close(&j);
    char *other = help_directory();
    j = help_open(other, &map);
    cr_assert_neq(journal_seed(j), seed, "the seed must be random");
    journal_close(&j);
    help_remove_parent(&other);
}

static status try_open(const char *directory, const char *cluster, char problem[HELP_ROOM]) {
    journal_options options = help_options(directory);
    options.cluster = cluster;
    journal *j = NULL;
    status s = journal_open(&options, &j, problem, HELP_ROOM);
    cr_assert_eq(j != NULL, s == STATUS_OK);
    if (s != STATUS_OK) cr_assert_neq(problem[0], '\0', "a refusal without a word");
    journal_close(&j);
    return s;
}

Test(journal, the_cluster_must_match) {
    char problem[HELP_ROOM];
    expect_status(try_open(dir, NULL, problem), STATUS_NOT_FOUND);
    cr_assert_neq(access(dir, F_OK), 0, "looking must not make a directory");
    expect_ok(try_open(dir, "one", problem));
    cr_assert_str_empty(problem);
    expect_status(try_open(dir, "two", problem), STATUS_WRONG_CLUSTER);
    cr_assert_not_null(strstr(problem, "\"one\""), "%s", problem);
    expect_ok(try_open(dir, NULL, problem));
    expect_ok(try_open(dir, "one", problem));
}

Test(journal, cluster_names_are_checked) {
    char problem[HELP_ROOM], longest[LIMIT_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[LIMIT_NAME_MAX + 1] = '\0';
    expect_status(try_open(dir, longest, problem), STATUS_BAD_VALUE);
    expect_status(try_open(dir, "", problem), STATUS_BAD_VALUE);
    expect_status(try_open(dir, "a\nb", problem), STATUS_BAD_VALUE);
    longest[LIMIT_NAME_MAX] = '\0';
    expect_ok(try_open(dir, longest, problem));
    expect_ok(try_open(dir, longest, problem));
}

Test(journal, a_missing_parent_is_an_error) {
    char problem[HELP_ROOM], path[HELP_ROOM];
    snprintf(path, sizeof path, "%s/deeper", dir);
    expect_status(try_open(path, "test", problem), STATUS_IO_ERROR);
    cr_assert_not_null(strstr(problem, path));
}

Test(journal, one_process_at_a_time) {
    help_map map = {0};
    char problem[HELP_ROOM];
    journal *j = help_open(dir, &map);
    expect_status(try_open(dir, "test", problem), STATUS_LOCKED);
    pid_t child = fork();
    if (child == 0) {
        journal_options options = help_options(dir);
        journal *second = NULL;
        _exit(journal_open(&options, &second, NULL, 0) == STATUS_LOCKED ? 0 : 1);
    }
    int code = -1;
    cr_assert_eq(waitpid(child, &code, 0), child);
    cr_assert(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    journal_close(&j);
    expect_ok(try_open(dir, "test", problem));
}

static void put_file(const char *name, const char *bytes, size_t size) {
    char path[HELP_ROOM];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

Test(journal, a_strangers_directory_is_refused_and_left_alone) {
    char problem[HELP_ROOM], path[HELP_ROOM];
    cr_assert_eq(mkdir(dir, 0700), 0);
    put_file("letters.txt", "dear", 4);
    expect_status(try_open(dir, "test", problem), STATUS_WRONG_CLUSTER);
    cr_assert_not_null(strstr(problem, "letters.txt"), "%s", problem);
    snprintf(path, sizeof path, "%s/JOURNAL", dir);
    cr_assert_neq(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/letters.txt", dir);
    cr_assert_eq(unlink(path), 0);
    snprintf(path, sizeof path, "%s/lost+found", dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_ok(try_open(dir, "test", problem));
}

Test(journal, an_interrupted_beginning_is_completed) {
    char problem[HELP_ROOM];
    cr_assert_eq(mkdir(dir, 0700), 0);
    put_file("JOURNAL", "", 0); /* stopped before the stamp was written */
    expect_status(try_open(dir, NULL, problem), STATUS_NOT_FOUND);
    expect_ok(try_open(dir, "test", problem));
    put_file("JOURNAL", "xinyi journal 1n", 16); /* stopped before it was declared complete */
    expect_ok(try_open(dir, "test", problem));
    expect_ok(try_open(dir, NULL, problem));
}

Test(journal, lost_or_foreign_parts_are_named) {
    char problem[HELP_ROOM], path[HELP_ROOM];
    expect_ok(try_open(dir, "test", problem));
    put_file("JOURNAL", "xinyi journal 2r", 16);
    expect_status(try_open(dir, "test", problem), STATUS_UNSUPPORTED_VERSION);
    put_file("JOURNAL", "xinyi?", 6);
    expect_status(try_open(dir, "test", problem), STATUS_CORRUPT);
    put_file("JOURNAL", "xinyi journal 1r", 16);
    expect_ok(try_open(dir, "test", problem));
    snprintf(path, sizeof path, "%s/db/CURRENT", dir);
    cr_assert_eq(unlink(path), 0);
    expect_status(try_open(dir, "test", problem), STATUS_CORRUPT);
    cr_assert_not_null(strstr(problem, "CURRENT"), "%s", problem);
}

/* ------------------------------------------------------------------ committing and loading */

Test(journal, commits_come_back_in_order) {
    help_map map = {0}, got = {0};
    journal *j = help_open(dir, &map);
    for (uint32_t i = 1; i <= 20; i++) {
        buf b = {0};
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        help_named(&b, CHANGE_STATE, "last", text);
        help_subject(&b, i % 5, i);
        cr_assert_eq(help_commit(j, &b), i);
        help_apply_all(&map, b.data, b.size);
        buf_deinit(&b);
    }
    cr_assert_eq(journal_sequence(j), 20);
    journal_close(&j);
    j = help_open(dir, &got);
    cr_assert_eq(journal_sequence(j), 20);
    cr_assert_eq(got.visits, 40, "nothing was folded: every record comes from the log");
    help_map_same(&map, &got);
    char text[64];
    cr_assert_str_eq(help_text(&got, CHANGE_STATE, "last", text), "20");
    buf b = {0};
    help_named(&b, CHANGE_STATE, "last", "21");
    cr_assert_eq(help_commit(j, &b), 21, "numbers go on after a restart");
    buf_deinit(&b);
    journal_close(&j);
    help_map_clear(&map);
    help_map_clear(&got);
}

Test(journal, an_empty_group_is_a_group) {
    help_map map = {0};
    journal *j = help_open(dir, &map);
    buf none = {0};
    cr_assert_eq(help_commit(j, &none), 1);
    expect_ok(journal_fold(j));
    cr_assert_eq(help_commit(j, &none), 2);
    journal_close(&j);
    j = help_open(dir, &map);
    cr_assert_eq(journal_sequence(j), 2);
    cr_assert_eq(map.visits, 0);
    journal_close(&j);
}

Test(journal, a_group_has_a_largest_size) {
    help_map map = {0}, got = {0};
    journal *j = help_open(dir, &map);
    size_t most = LIMIT_GROUP_BYTES + LIMIT_RECORD_BYTES, third = most / 3 - CHANGE_HEADER - 1;
    uint8_t *value = calloc(1, LIMIT_RECORD_BYTES + 1);
    buf b = {0};
    for (int i = 0; i < 3; i++) {
        memset(value, 'a' + i, third);
        change_append(&b, CHANGE_POLICIES, (char[]){(char)i}, 1, value, third);
    }
    while (b.size < most) {
        size_t room = most - b.size - CHANGE_HEADER - 2;
        change_append(&b, CHANGE_STATE, "xx", 2, value, room);
    }
    cr_assert_eq(b.size, most);
    help_commit(j, &b);
    help_apply_all(&map, b.data, b.size);
    expect_ok(journal_fold(j));
    uint64_t sequence = 0;
    help_named(&b, CHANGE_STATE, "y", "");
    expect_status(journal_commit(j, 0, b.data, b.size, NULL, 0, &sequence), STATUS_TOO_LARGE);
    buf_clear(&b);
    help_named(&b, CHANGE_STATE, "z", "after");
    cr_assert_eq(help_commit(j, &b), 2, "a group too large has no number");
    help_apply_all(&map, b.data, b.size);
    buf_deinit(&b);
    journal_close(&j);
    j = help_open(dir, &got);
    help_map_same(&map, &got);
    journal_close(&j);
    free(value);
    help_map_clear(&map);
    help_map_clear(&got);
}

typedef struct counter {
    atomic_int inside[256]; /* threads at a first key byte */
    atomic_int overlaps;
    _Atomic uint64_t big, rest, sum;
    _Atomic uint64_t stop_after;
    pthread_t caller;
    atomic_int rest_elsewhere; /* records of other tables on other threads */
    atomic_int progress;
} counter;

static status count_visit(void *context, const change *c) {
    counter *n = context;
    if (c->table == CHANGE_SUBJECTS || c->table == CHANGE_ACCOUNTS) {
        atomic_int *at = &n->inside[c->key[0]];
        if (atomic_fetch_add(at, 1) != 0) atomic_fetch_add(&n->overlaps, 1);
        uint64_t seen = atomic_fetch_add(&n->big, 1) + 1;
        if (c->value_length == 66) atomic_fetch_add(&n->sum, le_get32(c->value + 2) + le_get64(c->value + 8));
        atomic_fetch_sub(at, 1);
        if (n->stop_after != 0 && seen >= n->stop_after) return STATUS_CAPACITY;
    } else {
        if (!pthread_equal(pthread_self(), n->caller)) atomic_fetch_add(&n->rest_elsewhere, 1);
        atomic_fetch_add(&n->rest, 1);
    }
    return STATUS_OK;
}

static void count_progress(void *context, uint64_t records, bool log) {
    (void)records;
    (void)log;
    atomic_fetch_add(&((counter *)context)->progress, 1);
}

/* Enough to become sorted files. */
#define MANY 60000u

static void commit_many(journal *j, uint64_t version) {
    buf b = {0};
    for (uint32_t i = 0; i < MANY; i++) {
        help_subject(&b, i, version);
        if (i % 8 == 0) {
            uint8_t key[14] = {(uint8_t)i, 1, 2};
            le_put32(key + 3, i);
            change_append(&b, CHANGE_ACCOUNTS, key, sizeof key, &i, sizeof i);
        }
        if (i % 64 == 0) {
            change_append(&b, CHANGE_RECORDS, &i, sizeof i, &i, sizeof i);
        }
        if (b.size > 1000000 || i + 1 == MANY) {
            help_commit(j, &b);
            buf_clear(&b);
        }
    }
    buf_deinit(&b);
}

static void load_counted(unsigned threads, counter *n, status wanted) {
    journal_options options = help_options(dir);
    journal *j = NULL;
    char problem[HELP_ROOM] = "";
    expect_ok(journal_open(&options, &j, problem, sizeof problem));
    n->caller = pthread_self();
    status s = journal_load(j, threads, count_visit, count_progress, n, problem, sizeof problem);
    cr_assert_eq(s, wanted, "%s: %s", status_name(s), problem);
    cr_assert_eq(problem[0] == '\0', s == STATUS_OK, "%s", problem);
    journal_close(&j);
}

Test(journal, threads_share_the_load) {
    help_map map = {0};
    journal *j = help_open(dir, &map);
    commit_many(j, 1);
    commit_many(j, 2);
    expect_ok(journal_fold(j));
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.folds, 1);
    cr_assert_eq(stats.log_bytes, 0);
    cr_assert_eq(stats.folded_records, MANY + MANY / 8 + (MANY + 63) / 64);
    journal_close(&j);
    uint64_t sum = (uint64_t)MANY * (MANY - 1) / 2 + 2 * (uint64_t)MANY;
    static const unsigned threads[] = {0, 1, 2, 7, 1000};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        counter n = {0};
        load_counted(threads[i], &n, STATUS_OK);
        cr_assert_eq(n.big, MANY + MANY / 8);
        cr_assert_eq(n.rest, (MANY + 63) / 64);
        cr_assert_eq(n.sum, sum, "every subject once, with its newest version");
        cr_assert_eq(n.overlaps, 0);
        cr_assert_eq(n.rest_elsewhere, 0);
    }
    counter n = {.stop_after = 100};
    load_counted(2, &n, STATUS_CAPACITY);
    cr_assert_lt(n.big, MANY, "a visitor's refusal stops all threads");
}

/* ------------------------------------------------------------------ folding */

/* Groups that are still in the log, as RocksDB sees it. */
static uint64_t raw_log_groups(const char *directory) {
    rocks r;
    char path[HELP_ROOM], problem[HELP_ROOM];
    snprintf(path, sizeof path, "%s/db", directory);
    expect_ok(rocks_init(&r, problem, sizeof problem));
    expect_ok(rocks_open(&r, path, false, problem, sizeof problem));
    uint64_t n = 0;
    rocks_cursor c;
    rocks_cursor_open(&r, ROCKS_LOG, NULL, 0, NULL, 0, false, &c);
    for (; rocks_cursor_valid(&c); rocks_cursor_next(&c)) n++;
    expect_ok(rocks_cursor_status(&c, problem, sizeof problem));
    rocks_cursor_close(&c);
    rocks_deinit(&r);
    return n;
}

Test(journal, a_fold_moves_the_log_into_the_tables) {
    help_map map = {0}, got = {0};
    journal *j = help_open(dir, &map);
    expect_ok(journal_fold(j)); /* nothing to do */
    static const char *const steps[][2] = {
        {"a", "first"}, {"b", "kept"}, {"a", "second"}, {"c", "gone"}, {"c", NULL}, {"d", NULL}, {"e", ""},
    };
    buf b = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        buf_clear(&b);
        help_named(&b, CHANGE_MEMBERS, steps[i][0], steps[i][1]);
        help_commit(j, &b);
    }
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.groups, 7);
    cr_assert_eq(stats.log_bytes, stats.bytes);
    cr_assert_eq(stats.folded_sequence, 0);
    expect_ok(journal_fold(j));
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.sequence, 7);
    cr_assert_eq(stats.folded_sequence, 7);
    cr_assert_eq(stats.log_bytes, 0);
    cr_assert_eq(stats.folds, 1);
    cr_assert_eq(stats.folded_records, 5, "one image a key");
    cr_assert_gt(stats.disk_bytes, 0);
    cr_assert_gt(stats.free_bytes, 0);
    journal_close(&j);
    cr_assert_eq(raw_log_groups(dir), 0);

    j = help_open(dir, &got);
    char text[64];
    cr_assert_eq(journal_sequence(j), 7, "the number survives an empty log");
    cr_assert_eq(got.visits, 3);
    cr_assert_str_eq(help_text(&got, CHANGE_MEMBERS, "a", text), "second");
    cr_assert_str_eq(help_text(&got, CHANGE_MEMBERS, "b", text), "kept");
    cr_assert_str_eq(help_text(&got, CHANGE_MEMBERS, "e", text), "");
    buf_clear(&b);
    help_named(&b, CHANGE_MEMBERS, "b", NULL);
    cr_assert_eq(help_commit(j, &b), 8);
    expect_ok(journal_fold(j));
    journal_close(&j);
    help_map_clear(&got);
    j = help_open(dir, &got);
    cr_assert_eq(got.visits, 2, "removed from the table");
    journal_close(&j);
    help_map_clear(&got);
    buf_deinit(&b);
}

/* Sorted files over puts over sorted files, with removals in each: the newest must win every time. */
Test(journal, big_and_small_folds_mix) {
    help_map map = {0};
    journal *j = help_open(dir, &map);
    buf b = {0};
    for (uint64_t version = 1; version <= 6; version++) {
        bool big = version % 2 == 1;
        if (big) commit_many(j, version);
        for (uint32_t i = 0; i < 100; i++) help_subject(&b, i, 10 * version); /* newer than those of commit_many */
        uint8_t key[13] = {(uint8_t)(version * 37)};
        le_put32(key + 1, (uint32_t)version);
        change_append_removed(&b, CHANGE_SUBJECTS, key, sizeof key); /* subject number `version` */
        help_commit(j, &b);
        buf_clear(&b);
        expect_ok(journal_fold(j));
    }
    journal_close(&j);
    /* 100 subjects have version 60 but number 6, removed last; the others have 5 of the last big fold. */
    uint64_t sum = (uint64_t)MANY * (MANY - 1) / 2 - 6 + 5 * (uint64_t)(MANY - 100) + 60 * 99;
    for (unsigned threads = 1; threads <= 2; threads++) {
        counter n = {0};
        load_counted(threads, &n, STATUS_OK);
        cr_assert_eq(n.big, MANY - 1 + MANY / 8);
        cr_assert_eq(n.sum, sum);
    }
    buf_deinit(&b);
}

static void wait_for_folds(journal *j, uint64_t folds) {
    const struct timespec pause = {.tv_nsec = 10000000};
    journal_stats stats = {0};
    for (int i = 0; i < 2000; i++) {
        journal_get_stats(j, &stats);
        if (stats.folds >= folds && stats.log_bytes == 0) return;
        nanosleep(&pause, NULL);
    }
    cr_assert_fail("only %llu folds", (unsigned long long)stats.folds);
}

Test(journal, folds_by_itself_when_the_log_is_big) {
    help_map map = {0};
    journal_options options = help_options(dir);
    options.fold_bytes = 4096;
    journal *j = help_open_with(&options, &map);
    buf b = {0};
    help_named(&b, CHANGE_STATE, "small", "x");
    help_commit(j, &b);
    usleep(200000);
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.folds, 0, "a small log is left alone");
    for (uint32_t i = 0; i < 100; i++) help_subject(&b, i, i);
    help_commit(j, &b);
    wait_for_folds(j, 1);
    journal_close(&j);
    buf_deinit(&b);
}

Test(journal, folds_by_itself_when_the_log_is_old) {
    help_map map = {0};
    journal_options options = help_options(dir);
    options.fold_interval_ms = 300;
    journal *j = help_open_with(&options, &map);
    buf b = {0};
    help_named(&b, CHANGE_STATE, "key", "x");
    help_commit(j, &b);
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.folds, 0, "not before its time");
    wait_for_folds(j, 1);
    help_commit(j, &b);
    journal_close(&j);
    j = help_open_with(&options, &map); /* a log that was there before counts as well */
    wait_for_folds(j, 1);
    journal_close(&j);
    buf_deinit(&b);
    help_map_clear(&map);
}

Test(journal, commits_go_on_during_folds) {
    help_map map = {0}, got = {0};
    journal_options options = help_options(dir);
    options.fold_bytes = 1;
    journal *j = help_open_with(&options, &map);
    buf b = {0};
    journal_stats stats = {0};
    uint32_t committed = 0;
    for (; committed < 3000 || (stats.folds < 3 && committed < 300000); committed++) {
        buf_clear(&b);
        help_subject(&b, committed % 300, committed);
        cr_assert_eq(help_commit(j, &b), committed + 1);
        help_apply_all(&map, b.data, b.size);
        if (committed % 100 == 0) journal_get_stats(j, &stats);
    }
    cr_assert_geq(stats.folds, 3);
    journal_close(&j); /* perhaps in the middle of a fold */
    j = help_open(dir, &got);
    cr_assert_eq(journal_sequence(j), committed);
    help_map_same(&map, &got);
    journal_close(&j);
    buf_deinit(&b);
    help_map_clear(&map);
    help_map_clear(&got);
}

/* More than one round's worth of records, in one request. */
Test(journal, a_long_log_is_folded_in_rounds) {
    help_map map = {0};
    journal *j = help_open(dir, &map);
    buf b = {0};
    uint64_t records = 0;
    for (uint32_t group = 0; records <= FOLD_ROUND_RECORDS + 150000; group++) {
        for (uint32_t i = 0; i < 100000; i++, records++) {
            uint8_t key[5] = {(uint8_t)i};
            le_put32(key + 1, i);
            change_append(&b, CHANGE_SUBJECTS, key, sizeof key, &group, sizeof group);
        }
        help_commit(j, &b);
        buf_clear(&b);
    }
    expect_ok(journal_fold(j));
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.folds, 1);
    cr_assert_eq(stats.folded_records, 200000, "two rounds, each with the newest of every key");
    journal_close(&j);
    counter n = {0};
    load_counted(2, &n, STATUS_OK);
    cr_assert_eq(n.big, 100000);
    buf_deinit(&b);
}

/* Enough images of few keys that folding looks for them before it sorts; and enough of many keys that it does not. */
static void fold_images(uint32_t keys, uint32_t images) {
    journal *j = help_open(dir, NULL);
    buf b = {0};
    for (uint32_t i = 0; i < images; i++) {
        help_subject(&b, i * 7919u % keys, i);
        if (i % 5000 == 4999 || i + 1 == images) {
            (void)help_commit(j, &b);
            buf_clear(&b);
        }
    }
    expect_ok(journal_fold(j));
    journal_close(&j);
    help_map map = {0};
    j = help_open(dir, &map);
    cr_assert_eq(map.count, keys);
    cr_assert_eq(map.visits, keys, "folded: one image each");
    for (size_t k = 0; k < map.count; k++) {
        uint32_t number = le_get32(map.images[k].value + 2);
        uint64_t version = le_get64(map.images[k].value + 8), last = images;
        do last--;
        while (last * 7919u % keys != number);
        cr_assert_eq(version, last, "key %u", number);
    }
    journal_close(&j);
    help_map_clear(&map);
    buf_deinit(&b);
}

Test(journal, folding_keeps_the_newest_of_many_images) { fold_images(97, 60000); }

Test(journal, folding_keeps_everything_that_was_written_once) { fold_images(1500, 40000); }
