/* Repairs: what is told is what happens; what is said to be kept is there afterwards, and nothing is lost that was not
 * said to be. */
#include "persist/repair.h"

#include "tests/unit/persist/damage_help.h"
#include "tests/unit/persist/raw_help.h"

#include "base/subject.h"

#include <time.h>

#ifdef __SANITIZE_ADDRESS__ /* each start of a child takes its time there */
#define ROUNDS 4
#else
#define ROUNDS 16
#endif

static char *original, *dir;
static char whole[HELP_ROOM]; /* what a start says of the original */

static int child_main(const char *directory, const char *arguments) { return damage_child(directory, arguments); }

static void setup(void) {
    original = help_directory();
    dir = help_directory();
    cr_assert(child_was_killed(child_start(original, "make 25", -1)));
    damage_copy(original, dir);
    char *look = help_directory(); /* a start changes what it looks at */
    damage_copy(original, look);
    cr_assert(damage_ask(look, "tell", whole));
    help_remove_parent(&look);
}
static void teardown(void) {
    help_remove_parent(&original);
    help_remove_parent(&dir);
}
TestSuite(repair, .init = setup, .fini = teardown, .timeout = 290);

/* ------------------------------------------------------------------ helpers */

typedef struct told {
    char text[16384];
    size_t used;
    repair_report report;
    char problem[HELP_ROOM];
} told;

static void hear(void *context, repair_line kind, const char *text) {
    static const char *const names[] = {"harmless", "lost", "detail", "kept"};
    told *t = context;
    int n = snprintf(t->text + t->used, sizeof t->text - t->used, "%s: %s\n", names[kind], text);
    if (n > 0 && (size_t)n < sizeof t->text - t->used) t->used += (size_t)n;
}

static repair_outcome repair_it(bool apply, told *t) {
    *t = (told){.used = 0};
    repair_options options = {.directory = dir, .apply = apply, .say = hear, .context = t};
    options.now_ms = INT64_C(1795449600000);
    return repair_run(&options, &t->report, t->problem, sizeof t->problem);
}

/* Of all names and contents, but for the repair's own. */
static uint64_t fingerprint(void) {
    damage_file files[128];
    uint64_t sum = 0;
    size_t n = damage_files(dir, "", files, 128);
    for (size_t i = 0; i < n; i++) {
        int fd = open(files[i].path, O_RDONLY);
        uint8_t *bytes = malloc((size_t)files[i].size);
        cr_assert_eq(read(fd, bytes, (size_t)files[i].size), files[i].size);
        sum = XXH3_64bits_withSeed(files[i].path, strlen(files[i].path), sum);
        sum = XXH3_64bits_withSeed(bytes, (size_t)files[i].size, sum);
        free(bytes);
        close(fd);
    }
    return sum;
}

static bool starts(char line[HELP_ROOM]) { return damage_ask(dir, "tell", line) && strncmp(line, "ok ", 3) == 0; }

static void expect_told(const told *t, const char *words) {
    cr_assert_not_null(strstr(t->text, words), "no \"%s\" in:\n%s%s", words, t->text, t->problem);
}

/* Looking changes nothing and tells what doing tells; afterwards the directory is sound. */
static void expect_repaired(told *t) {
    char line[HELP_ROOM];
    uint64_t before = fingerprint();
    told looked;
    repair_outcome o = repair_it(false, &looked);
    cr_assert_eq(o, REPAIR_POSSIBLE, "%d: %s%s", o, looked.text, looked.problem);
    cr_assert_eq(fingerprint(), before, "looking has changed something");
    o = repair_it(true, t);
    cr_assert_eq(o, REPAIR_DONE, "%d: %s", o, t->problem);
    cr_assert_str_eq(t->text, looked.text);
    cr_assert_eq(access(t->report.aside, F_OK), 0);
    cr_assert(starts(line), "%s\nafter:\n%s", line, t->text);
    told again;
    o = repair_it(false, &again);
    cr_assert_eq(o, REPAIR_SOUND, "%s%s", again.text, again.problem);
    help_remove(t->report.aside);
}

static void expect_nothing_lost(told *t) {
    char line[HELP_ROOM];
    expect_repaired(t);
    cr_assert_eq(t->report.lost, 0, "%s", t->text);
    cr_assert_geq(t->report.items, 1);
    cr_assert(starts(line));
    cr_assert_str_eq(line, whole, "%s", t->text);
}

/* As if group n had been the last. */
static void expect_as_of(uint64_t n) {
    char line[HELP_ROOM], wanted[HELP_ROOM], arguments[32];
    char *shorter = help_directory();
    snprintf(arguments, sizeof arguments, "make %llu", (unsigned long long)n);
    cr_assert(child_was_killed(child_start(shorter, arguments, -1)));
    cr_assert(damage_ask(shorter, "tell", wanted));
    cr_assert(starts(line), "%s", line);
    cr_assert_str_eq(line, wanted);
    help_remove_parent(&shorter);
}

static damage_file only(const char *part) {
    damage_file files[64];
    size_t n = damage_files(dir, part, files, 64);
    cr_assert_geq(n, 1, "no %s", part);
    damage_file biggest = files[0];
    for (size_t i = 1; i < n; i++)
        if (files[i].size > biggest.size) biggest = files[i];
    return biggest;
}

static void hurt(const char *part, int kind, double where, unsigned bit) {
    damage_file f = only(part);
    char what[HELP_ROOM];
    damage_do(&f, kind, (off_t)((double)(f.size - 1) * where), bit, what);
}

/* ------------------------------------------------------------------ what can be put back */

Test(repair, a_sound_directory_is_left_alone) {
    told t;
    char line[HELP_ROOM];
    uint64_t before = fingerprint();
    cr_assert_eq(repair_it(false, &t), REPAIR_SOUND, "%s%s", t.text, t.problem);
    cr_assert_eq(repair_it(true, &t), REPAIR_SOUND);
    cr_assert_eq(fingerprint(), before);
    expect_told(&t, "kept: cluster \"test\": ");
    cr_assert_eq(t.report.items, 0);
    cr_assert(starts(line));
    cr_assert_str_eq(line, whole);
}

Test(repair, single_bits_are_put_back) {
    static const char *const parts[] = {".log", "MANIFEST-", ".sst", "CURRENT", "JOURNAL"};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (unsigned i = 0; i < 2; i++) {
            told t;
            help_remove(dir);
            damage_copy(original, dir);
            hurt(parts[p], DAMAGE_BIT, 0.2 + 0.3 * i, i * 3 % 8);
            char line[HELP_ROOM];
            if (strcmp(parts[p], ".sst") == 0 && starts(line)) continue; /* hit nothing that is read */
            expect_nothing_lost(&t);
        }
}

Test(repair, small_files_are_written_again) {
    static const char *const parts[] = {"CURRENT", "JOURNAL"};
    for (size_t p = 0; p < 2; p++)
        for (int kind = DAMAGE_CUT; kind <= DAMAGE_GONE; kind++) {
            told t;
            help_remove(dir);
            damage_copy(original, dir);
            hurt(parts[p], kind, 0.6, 0);
            expect_nothing_lost(&t);
            expect_told(&t, parts[p]);
        }
}

Test(repair, meta_comes_back_from_what_else_is_known) {
    static const char *const names[] = {META_FORMAT, META_CLUSTER, META_SEED, META_MARK};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int gone = 0; gone < 2; gone++) {
            told t;
            rocks r;
            help_remove(dir);
            damage_copy(original, dir);
            raw_open(&r, dir);
            raw_put(&r, ROCKS_META, names[i], strlen(names[i]), gone ? NULL : "damage??", 8);
            rocks_deinit(&r);
            expect_nothing_lost(&t);
            expect_told(&t, names[i]);
        }
}

/* ------------------------------------------------------------------ tables */

static void person_key(uint8_t key[13], const char *text) {
    subject_id id;
    subject_finding f = subject_parse(text, strlen(text), 30000, &id);
    cr_assert(!subject_verdict_is_error(f.verdict));
    key[0] = 0x42;
    memcpy(key + 1, id.bytes, sizeof id.bytes);
}

/* A value below our own checksum, in the table; the log may know it too. */
static void plant(const char *subject, change_table table, bool in_log) {
    uint8_t key[13];
    person_key(key, subject);
    if (table == CHANGE_ACCOUNTS) key[1] |= 1 << 4;
    journal_options options = help_options(dir);
    options.unsynced = false;
    journal *j = help_open_with(&options, NULL);
    buf b = {0};
    for (int i = 0; i < (in_log ? 2 : 1); i++) {
        buf_clear(&b);
        change_append(&b, table, key, sizeof key, "image", 5);
        help_commit(j, &b);
        if (i == 0) expect_ok(journal_fold(j));
    }
    buf_deinit(&b);
    journal_close(&j);
    rocks r;
    raw_open(&r, dir);
    raw_put(&r, table, key, sizeof key, "imagE????", 9);
    rocks_deinit(&r);
}

Test(repair, a_damaged_value_is_named_and_removed) {
    told t;
    plant("id:530000199001010011", CHANGE_SUBJECTS, false);
    expect_repaired(&t);
    expect_told(&t, "lost: subjects: the value of id:530000199001010011 is damaged, and there is no other");
    cr_assert_eq(t.report.lost, 1);
    help_remove(dir);
    damage_copy(original, dir);
    plant("uscc:91530000MA00TTT099", CHANGE_ACCOUNTS, false);
    expect_repaired(&t);
    expect_told(&t, "lost: accounts: the value of uscc:91530000MA00TTT099 program 1 is damaged");
}

Test(repair, a_damaged_value_with_a_newer_image_loses_nothing) {
    told t;
    plant("id:530000199001010011", CHANGE_SUBJECTS, true);
    expect_repaired(&t);
    cr_assert_eq(t.report.lost, 0, "%s", t.text);
    expect_told(&t, "harmless: subjects: the value of id:530000199001010011 is damaged; group 27 of the log has");
    help_map map = {0};
    journal *j = help_open(dir, &map);
    uint8_t key[13];
    person_key(key, "id:530000199001010011");
    const help_image *e = help_find(&map, CHANGE_SUBJECTS, key, sizeof key);
    cr_assert(e != NULL && e->value_length == 5 && memcmp(e->value, "image", 5) == 0);
    journal_close(&j);
    help_map_clear(&map);
}

Test(repair, damaged_history_is_named_and_removed) {
    told t;
    rocks r;
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(7, key);
    raw_open(&r, dir);
    raw_put(&r, CHANGE_HISTORY, key, sizeof key, "what????", 8);
    rocks_deinit(&r);
    expect_repaired(&t);
    expect_told(&t, "lost: history: the value of group 7 is damaged");
    cr_assert_eq(t.report.lost, 1);
}

/* Two blocks of the big table's file: only they are lost. */
Test(repair, a_table_is_written_anew_without_what_cannot_be_read) {
    told t;
    damage_file files[64], biggest = {.size = 0};
    size_t n = damage_files(dir, ".sst", files, 64);
    char what[HELP_ROOM], line[HELP_ROOM];
    for (size_t i = 0; i < n; i++) { /* the sorted file of subjects: the first one that a start names */
        help_remove(dir);
        damage_copy(original, dir);
        damage_do(&files[i], DAMAGE_ZEROS, files[i].size / 3, 0, what);
        if (!starts(line) && strstr(line, "subjects") != NULL && files[i].size > biggest.size) biggest = files[i];
    }
    cr_assert_gt(biggest.size, 100000);
    help_remove(dir);
    damage_copy(original, dir);
    damage_do(&biggest, DAMAGE_ZEROS, biggest.size / 3, 0, what);
    damage_do(&biggest, DAMAGE_ZEROS, biggest.size / 3 * 2, 0, what);
    expect_repaired(&t);
    expect_told(&t, "lost: subjects: a part cannot be read");
    expect_told(&t, "detail: lost, but for what the log has of it: everything between");
    help_map map = {0};
    unsigned long long sum, present = 0, all = 0, last = 0;
    cr_assert(starts(line));
    cr_assert_eq(sscanf(line, "ok %llx %llu %llu", &sum, &present, &last), 3);
    cr_assert_eq(sscanf(whole, "ok %llx %llu", &sum, &all), 2);
    cr_assert_eq(last, 25);
    cr_assert(present < all && present + 1000 > all, "%llu of %llu are left\n%s", present, all, t.text);
    help_map_clear(&map);
}

/* ------------------------------------------------------------------ the log */

Test(repair, a_cut_log_is_told_and_accepted) {
    for (unsigned i = 0; i < 3; i++) {
        told t;
        help_remove(dir);
        damage_copy(original, dir);
        hurt(".log", DAMAGE_CUT, 0.3 + 0.2 * i, 0);
        expect_repaired(&t);
        cr_assert_eq(t.report.lost, 1, "%s", t.text);
        unsigned long long from = 0, to = 0;
        const char *line = strstr(t.text, "lost are groups ");
        cr_assert_not_null(line, "%s", t.text);
        cr_assert_eq(sscanf(line, "lost are groups %llu to %llu", &from, &to), 2);
        cr_assert_eq(to, 25);
        expect_as_of(from - 1);
    }
}

Test(repair, a_log_with_a_hole_is_cut_before_it) {
    told t;
    hurt(".log", DAMAGE_ZEROS, 0.5, 0);
    expect_repaired(&t);
    expect_told(&t, "damaged at byte ");
    unsigned long long from = 0;
    const char *line = strstr(t.text, "lost are groups ");
    cr_assert_not_null(line, "%s", t.text);
    cr_assert_eq(sscanf(line, "lost are groups %llu to 25", &from), 1);
    expect_told(&t, "detail: group 25 of 2026-");
    expect_as_of(from - 1);
}

Test(repair, a_lost_log_file_is_told) {
    told t;
    hurt(".log", DAMAGE_GONE, 0, 0);
    expect_repaired(&t);
    expect_told(&t, "to 25");
    cr_assert_geq(t.report.lost, 1);
}

Test(repair, a_damaged_group_is_cut_with_what_follows) {
    told t;
    rocks r;
    raw_open(&r, dir);
    raw_put_group(&r, 23, "this is no group", 16);
    rocks_deinit(&r);
    expect_repaired(&t);
    expect_told(&t, "lost: log: group 23 is damaged");
    expect_told(&t, "lost are groups 23 to 25");
    expect_as_of(22);
}

/* Groups that are folded lie about in files for a while: what cannot be read of them is no loss. */
Test(repair, the_dead_part_of_the_log_is_left_out) {
    told t;
    damage_file f = only(".sst"); /* the biggest is the log's */
    char what[HELP_ROOM];
    damage_do(&f, DAMAGE_ZEROS, f.size / 2, 0, what);
    repair_outcome o = repair_it(false, &t);
    if (o == REPAIR_SOUND) return; /* it was dropped at the start */
    expect_nothing_lost(&t);
    expect_told(&t, "log: a part that is in the tables already cannot be read");
}

/* ------------------------------------------------------------------ the list of files */

Test(repair, the_manifest_is_put_back) {
    for (int kind = DAMAGE_CUT; kind <= DAMAGE_GONE; kind++) {
        told t;
        help_remove(dir);
        damage_copy(original, dir);
        hurt("MANIFEST-", kind, 0.5, 0);
        expect_nothing_lost(&t);
        expect_told(&t, "it is put back as it was");
    }
}

/* The files say nothing of their tables, the values do. */
Test(repair, without_a_manifest_the_files_are_put_together_again) {
    told t;
    char line[HELP_ROOM];
    hurt("MANIFEST-", DAMAGE_GONE, 0, 0);
    hurt("LAST.manifest", DAMAGE_GONE, 0, 0);
    expect_repaired(&t);
    cr_assert_geq(t.report.lost, 1);
    unsigned long long sum, present = 0, all = 0, last = 0;
    cr_assert(starts(line));
    cr_assert_eq(sscanf(line, "ok %llx %llu %llu", &sum, &present, &last), 3);
    cr_assert_eq(sscanf(whole, "ok %llx %llu", &sum, &all), 2);
    cr_assert_eq(present, all, "%s\n%s", line, t.text);
    cr_assert_eq(last, 25);
}

Test(repair, a_lost_table_file_is_told) {
    told t;
    hurt(".sst", DAMAGE_GONE, 0, 0);
    expect_repaired(&t);
    cr_assert_geq(t.report.lost, 1);
}

/* ------------------------------------------------------------------ the frame */

Test(repair, a_directory_in_use_is_not_touched) {
    told t;
    journal *j = help_open(dir, NULL);
    cr_assert_eq(repair_it(true, &t), REPAIR_IMPOSSIBLE);
    cr_assert_not_null(strstr(t.problem, "another process is using"), "%s", t.problem);
    journal_close(&j);
}

Test(repair, there_must_be_something_to_repair) {
    told t;
    help_remove(dir);
    cr_assert_eq(repair_it(false, &t), REPAIR_IMPOSSIBLE);
    cr_assert_str_not_empty(t.problem);
    cr_assert_eq(mkdir(dir, 0700), 0);
    cr_assert_eq(repair_it(false, &t), REPAIR_IMPOSSIBLE);
    cr_assert_not_null(strstr(t.problem, "there is no database in"), "%s", t.problem);
}

static status refuse(void *context, const char *directory, char *problem, size_t room) {
    (void)context;
    (void)directory;
    snprintf(problem, room, "it does not add up");
    return STATUS_CORRUPT;
}

Test(repair, what_does_not_fit_together_is_no_repair) {
    told t = {.used = 0};
    char what[HELP_ROOM];
    uint64_t before;
    damage_file f = only("CURRENT");
    damage_do(&f, DAMAGE_BIT, 3, 3, what);
    before = fingerprint();
    repair_options options = {.directory = dir, .apply = true, .say = hear, .check = refuse, .context = &t};
    cr_assert_eq(repair_run(&options, &t.report, t.problem, sizeof t.problem), REPAIR_IMPOSSIBLE);
    cr_assert_str_eq(t.problem, "it does not add up");
    cr_assert_eq(fingerprint(), before);
}

/* The copy is ready and half of the old is moved away. */
Test(repair, an_interrupted_exchange_is_ended) {
    told t;
    char from[HELP_ROOM], to[HELP_ROOM], line[HELP_ROOM];
    snprintf(to, sizeof to, "%s/repair", dir);
    cr_assert_eq(mkdir(to, 0700), 0);
    static const char *const moved[] = {"db", "JOURNAL"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s/%s", dir, moved[i]);
        snprintf(to, sizeof to, "%s/repair/%s", dir, moved[i]);
        cr_assert_eq(rename(from, to), 0);
    }
    snprintf(to, sizeof to, "%s/repair/READY", dir);
    int fd = open(to, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(repair_it(false, &t), REPAIR_POSSIBLE, "%s", t.problem);
    expect_told(&t, "an earlier repair was interrupted");
    cr_assert_eq(repair_it(true, &t), REPAIR_DONE, "%s", t.problem);
    cr_assert(starts(line), "%s", line);
    cr_assert_str_eq(line, whole);
}

/* Whatever is damaged: either nothing can be done and nothing was, or what is not said to be lost is there. */
Test(repair, random_damage) {
    const char *given = getenv("XINYI_SEED"), *wanted = getenv("XINYI_DAMAGE_ROUNDS");
    uint64_t seed = (given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u) | 1, random = seed;
    int rounds = wanted != NULL ? (int)strtol(wanted, NULL, 10) : ROUNDS, outcomes[4] = {0}, lost = 0;
    printf("repair: XINYI_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < rounds; round++) {
        char what[HELP_ROOM], line[HELP_ROOM];
        told t;
        help_remove(dir);
        damage_copy(original, dir);
        damage_random(dir, &random, what);
        repair_outcome o = repair_it(true, &t);
        outcomes[o]++;
        if (getenv("XINYI_TELL") != NULL) printf("%s: %d\n%s%s\n", what, o, t.text, t.problem);
        if (o == REPAIR_IMPOSSIBLE) {
            cr_assert_str_not_empty(t.problem);
            continue;
        }
        cr_assert(starts(line), "%s: %s\n%s", what, line, t.text);
        if (t.report.lost == 0) cr_assert_str_eq(line, whole, "%s: %s\n%s", what, line, t.text);
        lost += t.report.lost > 0;
        if (o == REPAIR_DONE) help_remove(t.report.aside);
    }
    printf("repair: %d damages: %d harmless, %d repaired (%d with losses), %d beyond repair\n", rounds,
           outcomes[REPAIR_SOUND], outcomes[REPAIR_DONE], lost, outcomes[REPAIR_IMPOSSIBLE]);
    cr_assert(rounds < ROUNDS || outcomes[REPAIR_DONE] > rounds / 3);
}
