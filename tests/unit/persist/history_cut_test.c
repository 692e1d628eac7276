/* The history's old end: what is cut off stays gone whatever the files still hold, and cutting often costs what cutting
 * once does. */
#include "persist/repair.h"
#include "persist/verify.h"
#include "tests/unit/persist/raw_help.h"

#include "base/clock.h"

static char *dir;
static void setup(void) { dir = help_directory(); }
static void teardown(void) { help_remove_parent(&dir); }
TestSuite(history_cut, .init = setup, .fini = teardown, .timeout = 120);

static void commit(journal *j, int64_t at_ms) {
    static const uint8_t events[40];
    uint64_t sequence;
    expect_ok(journal_commit(j, at_ms, NULL, 0, events, sizeof events, &sequence));
}

static uint64_t history_first(const journal *j) {
    journal_stats stats;
    journal_get_stats(j, &stats);
    return stats.history_first;
}

/* 100 groups, of which 80 are cut off. */
static void make_cut(void) {
    journal *j = help_open(dir, NULL);
    for (int i = 1; i <= 100; i++) commit(j, i);
    expect_ok(journal_cut_history(j, 80));
    cr_assert_eq(history_first(j), 81);
    journal_close(&j);
}

static size_t groups_of(const help_map *map) {
    size_t n = 0;
    for (size_t i = 0; i < map->count; i++) n += map->images[i].table == CHANGE_HISTORY;
    return n;
}

Test(history_cut, it_stays_cut) {
    make_cut();
    help_map map = {0};
    journal *j = help_open(dir, &map);
    cr_assert_eq(groups_of(&map), 20);
    cr_assert_eq(history_first(j), 81);
    expect_ok(journal_cut_history(j, 80));
    cr_assert_eq(history_first(j), 81);
    expect_ok(journal_cut_history(j, 100));
    cr_assert_eq(history_first(j), 0);
    commit(j, 101);
    cr_assert_eq(history_first(j), 101);
    journal_close(&j);
    help_map_clear(&map);
    j = help_open(dir, &map);
    cr_assert_eq(groups_of(&map), 1);
    journal_close(&j);
    help_map_clear(&map);
}

/* A cut a minute, of little each: so many come together in two days. Memory and time grew with their square. */
Test(history_cut, a_cut_costs_the_same_however_many_there_were) {
    journal *j = help_open(dir, NULL);
    uint64_t first_ns = 0, last_ns = 0;
    for (int i = 1; i <= 3000; i++) {
        commit(j, i);
        uint64_t begin = clock_mono_ns();
        expect_ok(journal_cut_history(j, i - 10));
        *(i <= 200 ? &first_ns : &last_ns) += i <= 200 || i > 2800 ? clock_mono_ns() - begin : 0;
        cr_assert(last_ns < UINT64_C(10000000000), "200 cuts took %d ms", (int)(last_ns / 1000000));
    }
    cr_assert_eq(history_first(j), 2991);
    cr_assert(last_ns < 20 * first_ns + 1000000000, "200 cuts took %d ms, %d at first", (int)(last_ns / 1000000),
              (int)(first_ns / 1000000));
    journal_close(&j);
}

/* The clock was set back a year: what came after is not older than what was before. */
Test(history_cut, a_clock_that_was_set_back_cuts_nothing_of_before) {
    const int64_t year = INT64_C(365) * 86400000;
    journal *j = help_open(dir, NULL);
    for (int i = 1; i <= 50; i++) commit(j, year + i);
    journal_close(&j);
    j = help_open(dir, NULL);
    for (int i = 1; i <= 50; i++) commit(j, 1000 + i);
    expect_ok(journal_cut_history(j, 2000));
    cr_assert_eq(history_first(j), 1, "reservations of before are open for a year yet");
    expect_ok(journal_cut_history(j, year + 10));
    cr_assert_eq(history_first(j), 11);
    journal_close(&j);
}

static void ignore(void *context, repair_line kind, const char *text) {
    char *told = context;
    (void)kind;
    strncat(told, text, HELP_ROOM - strlen(told) - 1);
}

static repair_outcome repair_it(bool apply, char told[HELP_ROOM]) {
    char problem[HELP_ROOM] = "";
    told[0] = '\0';
    repair_report report;
    repair_options options = {.directory = dir, .apply = apply, .say = ignore, .context = told};
    repair_outcome o = repair_run(&options, &report, problem, sizeof problem);
    strncat(told, problem, HELP_ROOM - strlen(told) - 1);
    if (report.aside[0] != '\0') help_remove(report.aside);
    return o;
}

Test(history_cut, damage_in_what_is_cut_off_is_nobodys_business) {
    char told[HELP_ROOM];
    rocks r;
    uint8_t key[FORMAT_GROUP_KEY];
    make_cut();
    raw_open(&r, dir);
    format_group_key(40, key);
    raw_put(&r, CHANGE_HISTORY, key, sizeof key, "what????", 8);
    rocks_deinit(&r);
    help_map map = {0};
    verify_report report;
    journal *j = help_open(dir, &map);
    cr_assert_eq(groups_of(&map), 20);
    expect_ok(journal_verify(j, NULL, NULL, NULL, &report));
    journal_close(&j);
    help_map_clear(&map);
    cr_assert_eq(repair_it(false, told), REPAIR_SOUND, "%s", told);
}

/* Where the history begins is a fact like others: damage of it is told, and can be done without. */
Test(history_cut, a_lost_beginning_is_repaired) {
    char told[HELP_ROOM], problem[HELP_ROOM] = "";
    make_cut();
    for (int ahead = 0; ahead < 2; ahead++) {
        rocks r;
        raw_open(&r, dir);
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        meta_put_number(&r, batch, META_HISTORY, 200); /* ahead of what the log has */
        expect_ok(rocks_write(&r, batch, true, NULL, 0));
        rocksdb_writebatch_destroy(batch);
        if (ahead == 0) raw_put(&r, ROCKS_META, META_HISTORY, strlen(META_HISTORY), "damaged!", 8);
        rocks_deinit(&r);
        journal_options options = help_options(dir);
        journal *j = NULL;
        expect_status(journal_open(&options, &j, problem, sizeof problem), STATUS_CORRUPT);
        cr_assert_not_null(strstr(problem, META_HISTORY), "%s", problem);
        cr_assert_eq(repair_it(true, told), REPAIR_DONE, "%s", told);
        j = help_open(dir, NULL);
        commit(j, 101 + ahead);
        journal_close(&j);
        help_map map = {0};
        j = help_open(dir, &map);
        cr_assert(groups_of(&map) >= 1 && history_first(j) <= 101 + (uint64_t)ahead);
        journal_close(&j);
        help_map_clear(&map);
    }
}
