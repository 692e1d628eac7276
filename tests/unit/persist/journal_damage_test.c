/* Damage is named and never handed out: bytes changed below RocksDB's checksums, above them, and in its files. */
#include "tests/unit/persist/raw_help.h"

#include <dirent.h>
#include <fcntl.h>

static char *dir;
static void setup(void) { dir = help_directory(); }
static void teardown(void) { help_remove_parent(&dir); }
TestSuite(journal_damage, .init = setup, .fini = teardown, .timeout = 120);

/* Ten groups with a subject each; folded up to `folded`. */
static void make(uint64_t folded) {
    help_map map = {0};
    journal *j = help_open(dir, &map);
    buf b = {0};
    for (uint32_t i = 1; i <= 10; i++) {
        buf_clear(&b);
        help_subject(&b, i, i);
        help_named(&b, CHANGE_STATE, "last", "value");
        help_commit(j, &b);
        if (i == folded) expect_ok(journal_fold(j));
    }
    buf_deinit(&b);
    journal_close(&j);
}

/* Opens and loads; the status of whichever failed. */
static status reload(unsigned threads, help_map *map, char problem[HELP_ROOM]) {
    journal_options options = help_options(dir);
    journal *j = NULL;
    problem[0] = '\0';
    status s = journal_open(&options, &j, problem, HELP_ROOM);
    if (s == STATUS_OK) s = journal_load(j, threads, help_visit, NULL, map, problem, HELP_ROOM);
    cr_assert_eq(problem[0] == '\0', s == STATUS_OK, "%s: %s", status_name(s), problem);
    journal_close(&j);
    return s;
}

#define expect_damage(...) expect_damage_((const char *const[]){__VA_ARGS__, NULL})
static void expect_damage_(const char *const *words) {
    help_map map = {0};
    char problem[HELP_ROOM];
    expect_status(reload(1, &map, problem), STATUS_CORRUPT);
    for (; *words != NULL; words++) cr_assert_not_null(strstr(problem, *words), "no \"%s\" in: %s", *words, problem);
    help_map_clear(&map);
}

static void subject_key(uint32_t number, uint8_t key[13]) {
    memset(key, 0, 13);
    key[0] = (uint8_t)(number * 37);
    le_put32(key + 1, number);
}

Test(journal_damage, a_changed_value_is_named) {
    make(10);
    rocks r;
    uint8_t key[13], value[128], other[128];
    subject_key(3, key);
    raw_open(&r, dir);
    size_t size = raw_get(&r, CHANGE_SUBJECTS, key, sizeof key, value, sizeof value);
    cr_assert_eq(size, 66 + FORMAT_VALUE_SUM);
    for (size_t i = 0; i < size; i += 3) {
        memcpy(other, value, size);
        other[i] ^= 0x10;
        raw_put(&r, CHANGE_SUBJECTS, key, sizeof key, other, size);
        rocks_deinit(&r);
        expect_damage("subjects", "6f03000000");
        raw_open(&r, dir);
    }
    raw_put(&r, CHANGE_SUBJECTS, key, sizeof key, value, 2); /* too short for a sum */
    rocks_deinit(&r);
    expect_damage("subjects", "6f03000000");
    raw_open(&r, dir);
    raw_put(&r, CHANGE_SUBJECTS, key, sizeof key, value, size);
    subject_key(4, key);
    raw_put(&r, CHANGE_SUBJECTS, key, sizeof key, value, size); /* another subject's */
    rocks_deinit(&r);
    expect_damage("subjects", "9404000000");
    char problem[HELP_ROOM];
    expect_status(reload(2, NULL, problem), STATUS_CORRUPT);
}

Test(journal_damage, small_tables_are_checked_too) {
    make(10);
    rocks r;
    raw_open(&r, dir);
    raw_put(&r, CHANGE_STATE, "last", 4, "value????", 9);
    rocks_deinit(&r);
    expect_damage("state", "6c617374");
}

Test(journal_damage, a_changed_group_is_named) {
    make(4);
    rocks r;
    uint8_t value[512];
    raw_open(&r, dir);
    size_t size = raw_get_group(&r, 7, value, sizeof value);
    for (size_t i = 0; i < size; i += 5) {
        value[i] ^= 1;
        raw_put_group(&r, 7, value, size);
        value[i] ^= 1;
        rocks_deinit(&r);
        expect_damage("group 7 is damaged");
        raw_open(&r, dir);
    }
    raw_put_group(&r, 7, value, size - 1);
    rocks_deinit(&r);
    expect_damage("group 7 is damaged");
    raw_open(&r, dir);
    raw_put_group(&r, 7, value, size);
    rocks_deinit(&r);
    help_map map = {0};
    char problem[HELP_ROOM];
    expect_ok(reload(1, &map, problem));
    cr_assert_eq(help_present(&map), 11);
    help_map_clear(&map);
}

Test(journal_damage, the_last_group_is_not_excused) {
    make(4);
    rocks r;
    uint8_t value[512];
    raw_open(&r, dir);
    size_t size = raw_get_group(&r, 10, value, sizeof value);
    value[size - 1] ^= 1;
    raw_put_group(&r, 10, value, size);
    rocks_deinit(&r);
    expect_damage("group 10 is damaged");
}

Test(journal_damage, a_gap_is_named) {
    static const uint64_t gaps[] = {5, 7, 9};
    make(4);
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        rocks r;
        uint8_t value[512];
        char text[64];
        raw_open(&r, dir);
        size_t size = raw_get_group(&r, gaps[i], value, sizeof value);
        raw_put_group(&r, gaps[i], NULL, 0);
        rocks_deinit(&r);
        snprintf(text, sizeof text, "group %u is missing", (unsigned)gaps[i]);
        expect_damage(text);
        raw_open(&r, dir);
        raw_put_group(&r, gaps[i], value, size);
        rocks_deinit(&r);
    }
}

Test(journal_damage, a_group_under_another_number_is_named) {
    make(0);
    rocks r;
    uint8_t value[512];
    raw_open(&r, dir);
    size_t size = raw_get_group(&r, 3, value, sizeof value);
    raw_put_group(&r, 5, value, size);
    rocks_deinit(&r);
    expect_damage("group 5", "another number");
}

Test(journal_damage, a_group_of_nonsense_is_named) {
    make(0);
    rocks r;
    static const uint8_t nonsense[] = "these are not records, but the sum is right";
    uint8_t value[512];
    format_group g = {.sequence = 6, .changes = nonsense, .length = sizeof nonsense};
    format_group_encode(&g, value);
    memcpy(value + FORMAT_GROUP_HEADER, nonsense, sizeof nonsense);
    raw_open(&r, dir);
    raw_put_group(&r, 6, value, FORMAT_GROUP_HEADER + sizeof nonsense);
    rocks_deinit(&r);
    expect_damage("group 6", "records");
}

Test(journal_damage, a_key_that_is_no_number_is_named) {
    make(0);
    rocks r;
    raw_open(&r, dir);
    raw_put(&r, ROCKS_LOG, "\xff\xff\xff", 3, "x", 1);
    rocks_deinit(&r);
    expect_damage("log", "3 bytes");
}

Test(journal_damage, meta_is_checked) {
    static const char *const names[] = {META_FORMAT, META_CLUSTER, META_SEED, META_MARK};
    make(4);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rocks r;
        uint8_t value[128];
        raw_open(&r, dir);
        size_t size = raw_get(&r, ROCKS_META, names[i], strlen(names[i]), value, sizeof value);
        value[0] ^= 1;
        raw_put(&r, ROCKS_META, names[i], strlen(names[i]), value, size);
        rocks_deinit(&r);
        expect_damage("meta", names[i]);
        raw_open(&r, dir);
        raw_put(&r, ROCKS_META, names[i], strlen(names[i]), NULL, 0);
        rocks_deinit(&r);
        expect_damage("meta", names[i]);
        raw_open(&r, dir);
        value[0] ^= 1;
        raw_put(&r, ROCKS_META, names[i], strlen(names[i]), value, size);
        rocks_deinit(&r);
    }
    rocks r;
    raw_open(&r, dir);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(&r, batch, META_FORMAT, META_VERSION + 1);
    expect_ok(rocks_write(&r, batch, true, NULL, 0));
    rocksdb_writebatch_destroy(batch);
    rocks_deinit(&r);
    help_map map = {0};
    char problem[HELP_ROOM];
    expect_status(reload(1, &map, problem), STATUS_UNSUPPORTED_VERSION);
    cr_assert_not_null(strstr(problem, "version 3"), "%s", problem);
}

/* ------------------------------------------------------------------ RocksDB's files */

/* The newest (highest) file of a kind; its path. */
static bool newest(const char *suffix, off_t least, char path[HELP_ROOM], off_t *size) {
    char db[HELP_ROOM - 64];
    snprintf(db, sizeof db, "%s/db", dir);
    DIR *d = opendir(db);
    cr_assert_not_null(d);
    char best[64] = "";
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat info;
        size_t length = strlen(e->d_name);
        if (length < strlen(suffix) || length >= sizeof best ||
            strcmp(e->d_name + length - strlen(suffix), suffix) != 0)
            continue;
        if (fstatat(dirfd(d), e->d_name, &info, 0) != 0 || info.st_size < least || strcmp(e->d_name, best) < 0)
            continue;
        snprintf(best, sizeof best, "%s", e->d_name);
        *size = info.st_size;
    }
    closedir(d);
    snprintf(path, HELP_ROOM, "%s/%s", db, best);
    return best[0] != '\0';
}

static void flip(const char *path, off_t at) {
    int fd = open(path, O_RDWR);
    cr_assert_geq(fd, 0);
    char c;
    cr_assert_eq(pread(fd, &c, 1, at), 1);
    c ^= 0x20;
    cr_assert_eq(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

Test(journal_damage, a_changed_table_file_is_named) {
    journal *j = help_open(dir, NULL);
    buf b = {0};
    for (uint32_t i = 0; i < 50000; i++) help_subject(&b, i, i);
    help_commit(j, &b);
    buf_deinit(&b);
    expect_ok(journal_fold(j));
    journal_close(&j);
    char path[HELP_ROOM], problem[HELP_ROOM];
    off_t size = 0;
    cr_assert(newest(".sst", 500000, path, &size), "the fold made no file");
    static const int parts[] = {1, 3, 7};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        off_t at = size * parts[i] / 10;
        flip(path, at);
        expect_status(reload(1 + (unsigned)i % 2, NULL, problem), STATUS_CORRUPT);
        cr_assert_not_null(strstr(problem, "subjects"), "%s", problem);
        cr_assert_not_null(strstr(problem, strrchr(path, '/')), "the file's name is missing: %s", problem);
        flip(path, at);
    }
    expect_ok(reload(2, NULL, problem));
    cr_assert_eq(unlink(path), 0);
    expect_status(reload(1, NULL, problem), STATUS_CORRUPT);
}

/* Cuts the write-ahead log at every length: the groups whose last byte is gone are gone wholly, in order. */
Test(journal_damage, a_torn_tail_loses_whole_groups_only) {
    make(0);
    char path[HELP_ROOM];
    off_t size = 0;
    cr_assert(newest(".log", 1, path, &size));
    int fd = open(path, O_RDONLY);
    uint8_t *whole = malloc((size_t)size);
    cr_assert_eq(read(fd, whole, (size_t)size), size);
    close(fd);
    char *original = dir;
    unsigned seen[11] = {0};
    for (off_t cut = 0; cut < 600; cut += 11) {
        /* A copy of the directory, since opening changes it. */
        dir = help_directory();
        char command[2 * HELP_ROOM];
        snprintf(command, sizeof command, "cp -r '%s' '%s'", original, dir);
        cr_assert_eq(system(command), 0);
        cr_assert(newest(".log", 1, path, &size));
        cr_assert_eq(truncate(path, size - cut), 0);
        help_map map = {0};
        char problem[HELP_ROOM];
        status s = reload(1, &map, problem);
        cr_assert_eq(s, STATUS_OK, "cut %d: %s", (int)cut, problem);
        size_t groups = map.visits / 2;
        cr_assert_eq(map.visits % 2, 0, "half a group");
        cr_assert_leq(groups, 10);
        seen[groups]++;
        for (uint32_t i = 1; i <= 10; i++) {
            uint8_t key[13];
            subject_key(i, key);
            cr_assert_eq(help_find(&map, CHANGE_SUBJECTS, key, sizeof key) != NULL, i <= groups);
        }
        help_map_clear(&map);
        help_remove_parent(&dir);
    }
    dir = original;
    free(whole);
    cr_assert_eq(seen[10], 1, "only the uncut log has all");
    cr_assert_gt(seen[9], 3);
    cr_assert_gt(seen[7], 3);
}

/* A bit changed anywhere before the last group must never be taken for a shorter log. */
Test(journal_damage, a_changed_write_ahead_log_is_refused) {
    make(0);
    char path[HELP_ROOM];
    off_t size = 0;
    cr_assert(newest(".log", 1, path, &size));
    char *original = dir;
    for (off_t at = 3; at < size - 250; at += 97) {
        dir = help_directory();
        char command[2 * HELP_ROOM];
        snprintf(command, sizeof command, "cp -r '%s' '%s'", original, dir);
        cr_assert_eq(system(command), 0);
        cr_assert(newest(".log", 1, path, &size));
        flip(path, at);
        help_map map = {0};
        char problem[HELP_ROOM];
        status s = reload(1, &map, problem);
        cr_assert_eq(s, STATUS_CORRUPT, "byte %d: %s, %zu records: %s", (int)at, status_name(s), map.visits, problem);
        help_map_clear(&map);
        help_remove_parent(&dir);
    }
    dir = original;
}

/* ------------------------------------------------------------------ while running */

Test(journal_damage, the_fold_reports_a_damaged_log_and_commits_go_on) {
    help_map map = {0};
    journal *j = help_open(dir, &map);
    buf b = {0};
    help_named(&b, CHANGE_STATE, "k", "v");
    for (int i = 0; i < 5; i++) help_commit(j, &b);
    uint8_t value[512];
    size_t size = raw_get_group(&j->rocks, 3, value, sizeof value);
    value[size - 1] ^= 1;
    raw_put_group(&j->rocks, 3, value, size);
    expect_status(journal_fold(j), STATUS_CORRUPT);
    journal_stats stats;
    journal_get_stats(j, &stats);
    cr_assert_eq(stats.folded_sequence, 0);
    cr_assert_eq(help_commit(j, &b), 6);
    value[size - 1] ^= 1;
    raw_put_group(&j->rocks, 3, value, size);
    expect_ok(journal_fold(j));
    raw_put_group(&j->rocks, 7, value, size); /* not ours, and beyond what was committed */
    cr_assert_eq(help_commit(j, &b), 7);
    expect_ok(journal_fold(j));
    journal_close(&j);
    buf_deinit(&b);
}
