/* Verification tells each damaged place, with file, table and key, and goes on behind it. */
#include "persist/verify.h"
#include "tests/unit/persist/raw_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TOLD 64

typedef struct told {
    unsigned count;
    struct {
        char table[32], file[HELP_ROOM], what[HELP_ROOM];
        uint8_t key[LIMIT_KEY_BYTES];
        size_t key_length;
        bool block;
    } problems[TOLD];
} told;

static void note(void *context, const verify_problem *p) {
    told *t = context;
    cr_assert_lt(t->count, TOLD);
    snprintf(t->problems[t->count].table, sizeof t->problems[0].table, "%s", p->table);
    snprintf(t->problems[t->count].file, sizeof t->problems[0].file, "%s", p->file);
    snprintf(t->problems[t->count].what, sizeof t->problems[0].what, "%s", p->what);
    memcpy(t->problems[t->count].key, p->key_length > 0 ? p->key : (const uint8_t *)"", p->key_length);
    t->problems[t->count].key_length = p->key_length;
    t->problems[t->count].block = p->block;
    t->count++;
}

/* Without loading, as xinyid --verify does. */
static status verify(const char *directory, told *t, verify_report *report) {
    journal_options options = help_options(directory);
    journal *j = NULL;
    char problem[HELP_ROOM] = "";
    *t = (told){0};
    status s = journal_open(&options, &j, problem, sizeof problem);
    cr_assert_eq(s, STATUS_OK, "%s", problem);
    s = journal_verify(j, note, NULL, t, report);
    cr_assert_eq(report->problems, t->count);
    journal_close(&j);
    return s;
}

static const verify_table *table_of(const verify_report *r, const char *name) {
    size_t i = 0;
    while (i < r->table_count && strcmp(r->tables[i].name, name) != 0) i++;
    cr_assert_lt(i, r->table_count, "no table %s", name);
    return &r->tables[i];
}

static void commit(journal *j, const buf *changes, const char *history) {
    uint64_t sequence;
    expect_ok(journal_commit(j, 1795449600000, changes->data, changes->size, (const uint8_t *)history,
                             history != NULL ? strlen(history) : 0, &sequence));
}

/* Groups 1 to 6 folded, 7 to 10 in the log; 64 values of 64 KiB that do not compress, each a block of its own. */
static char *make_directory(void) {
    char *dir = help_directory();
    journal *j = help_open(dir, NULL);
    buf changes = {0};
    uint64_t random = 7, *noise = malloc(65536);
    cr_assert_not_null(noise);
    for (uint8_t n = 0; n < 64; n++) {
        uint8_t key[2] = {'b', n};
        for (size_t i = 0; i < 65536 / 8; i++) noise[i] = help_random(&random);
        change_append(&changes, CHANGE_RECORDS, key, sizeof key, noise, 65536);
    }
    for (unsigned n = 0; n < 10; n++) {
        if (n > 0) buf_clear(&changes);
        for (uint32_t k = 0; k < 20; k++) help_subject(&changes, 20 * n + k, n);
        commit(j, &changes, n % 2 == 0 ? "an event" : NULL);
        if (n == 5) expect_ok(journal_fold(j));
    }
    free(noise);
    buf_deinit(&changes);
    journal_close(&j);
    return dir;
}

/* The biggest sorted file. */
static void biggest_file(const char *directory, char path[HELP_ROOM]) {
    char db[HELP_ROOM], one[HELP_ROOM];
    off_t most = 0;
    snprintf(db, sizeof db, "%s/db", directory);
    DIR *dir = opendir(db);
    cr_assert_not_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct stat info;
        snprintf(one, sizeof one, "%.200s/%.200s", db, e->d_name);
        if (strstr(e->d_name, ".sst") == NULL || stat(one, &info) != 0 || info.st_size <= most) continue;
        most = info.st_size;
        snprintf(path, HELP_ROOM, "%s", one);
    }
    closedir(dir);
    cr_assert_gt(most, 4000000);
}

static void flip(const char *path, off_t at) {
    uint8_t byte;
    int fd = open(path, O_RDWR);
    cr_assert(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

Test(verify, counts_what_is_well, .timeout = 60) {
    char *dir = make_directory();
    told t;
    verify_report r;
    expect_ok(verify(dir, &t, &r));
    cr_assert_eq(t.count, 0);
    cr_assert_eq(table_of(&r, "records")->values, 64);
    cr_assert_gt(table_of(&r, "records")->bytes, 64 * 65536);
    cr_assert_eq(table_of(&r, "subjects")->values, 120, "those of the folded groups");
    cr_assert_eq(table_of(&r, "history")->values, 5);
    cr_assert_geq(table_of(&r, "log")->values, 4);
    cr_assert_geq(table_of(&r, "meta")->values, 4);
    cr_assert_gt(r.files, 0);
    cr_assert_gt(r.file_bytes, 4000000);
    help_remove_parent(&dir);
}

Test(verify, unreadable_blocks_are_passed, .timeout = 60) {
    char *dir = make_directory(), path[HELP_ROOM] = "";
    told t;
    verify_report r;
    biggest_file(dir, path);
    flip(path, 10 * 65600 + 1000);
    flip(path, 30 * 65600 + 1000);
    expect_status(verify(dir, &t, &r), STATUS_CORRUPT);
    cr_assert_eq(t.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_str_eq(t.problems[i].table, "records");
        cr_assert_str_eq(t.problems[i].file, path);
        cr_assert(t.problems[i].block);
        cr_assert_eq(t.problems[i].key_length, 2);
    }
    cr_assert(abs(t.problems[0].key[1] - 9) <= 1, "the key before is %d", t.problems[0].key[1]);
    cr_assert(abs(t.problems[1].key[1] - 29) <= 1, "the key before is %d", t.problems[1].key[1]);
    cr_assert_eq(table_of(&r, "records")->values, 62, "%d values were read", (int)table_of(&r, "records")->values);
    cr_assert_eq(table_of(&r, "subjects")->values, 120);
    help_remove_parent(&dir);
}

Test(verify, values_and_groups_are_named, .timeout = 60) {
    char *dir = make_directory();
    told t;
    verify_report r;
    rocks raw;
    raw_open(&raw, dir);
    static const uint8_t subject[13] = {0, 0, 0, 0, 0}; /* that of number 0 */
    raw_put(&raw, CHANGE_SUBJECTS, subject, sizeof subject, "damaged!", 8);
    uint8_t group[FORMAT_GROUP_KEY];
    format_group_key(8, group);
    raw_put(&raw, ROCKS_LOG, group, sizeof group, NULL, 0);
    format_group_key(3, group);
    raw_put(&raw, CHANGE_HISTORY, group, sizeof group, "nothing", 7);
    raw_put(&raw, ROCKS_META, "extra", 5, "bad", 3);
    rocks_deinit(&raw);
    expect_status(verify(dir, &t, &r), STATUS_CORRUPT);
    cr_assert_eq(t.count, 4);
    cr_assert_str_eq(t.problems[0].table, "subjects");
    cr_assert_eq(t.problems[0].key_length, sizeof subject);
    cr_assert_eq(memcmp(t.problems[0].key, subject, sizeof subject), 0);
    cr_assert(!t.problems[0].block);
    cr_assert_str_eq(t.problems[1].table, "history");
    cr_assert_not_null(strstr(t.problems[1].what, "group 3"), "%s", t.problems[1].what);
    cr_assert_str_eq(t.problems[2].table, "log");
    cr_assert_not_null(strstr(t.problems[2].what, "groups 8 to 8 are missing"), "%s", t.problems[2].what);
    cr_assert_str_eq(t.problems[3].table, "meta");
    cr_assert_eq(table_of(&r, "subjects")->values, 119);
    cr_assert_eq(table_of(&r, "subjects")->damaged, 1);
    cr_assert_eq(table_of(&r, "history")->values, 4);
    help_remove_parent(&dir);
}
