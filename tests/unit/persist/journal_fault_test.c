/* Every write of the journal fails in its turn, before it reaches the database and after: a group and its history are
 * there together or not at all, what was acknowledged stays, and the journal goes on after healing. Each loop goes on
 * until no fault fires any more. */
#include "persist/fault.h"

#include "tests/unit/persist/raw_help.h"

static char *dir;
static void setup(void) { dir = help_directory(); }
static void teardown(void) {
    fault_clear();
    help_remove_parent(&dir);
}
TestSuite(journal_fault, .init = setup, .fini = teardown, .timeout = 120);

#define GROUPS 12
#define FIRST_MS INT64_C(1795449600000)

typedef struct world {
    journal *j;
    uint64_t groups; /* that count: acknowledged, or found by healing */
    uint64_t cut;    /* history up to here may be gone */
    unsigned healed;
} world;

/* Heals until it works; the group in doubt counts if it is there. A failed cut has none. */
static void heal(world *w, bool committing) {
    bool applied = false;
    status s = STATUS_IO_ERROR;
    for (int i = 0; i < 8 && s != STATUS_OK; i++) s = journal_heal(w->j, &applied);
    expect_ok(s);
    w->healed++;
    cr_assert(committing || !applied, "a group that nobody committed was applied");
    if (applied) w->groups++;
    cr_assert_eq(journal_sequence(w->j), w->groups);
}

static void commit(world *w) {
    buf b = {0};
    char text[32];
    uint64_t sequence = 0, wanted = w->groups + 1;
    snprintf(text, sizeof text, "%llu", (unsigned long long)wanted);
    help_named(&b, CHANGE_STATE, "last", text);
    help_named(&b, CHANGE_MEMBERS, text, text);
    while (w->groups < wanted) {
        status s = journal_commit(w->j, FIRST_MS + (int64_t)wanted, b.data, b.size, (const uint8_t *)text, strlen(text),
                                  &sequence);
        if (s == STATUS_OK)
            w->groups++;
        else
            heal(w, true);
    }
    buf_deinit(&b);
}

typedef struct history {
    uint64_t count, first, last;
    help_map map;
} history;

static status keep(void *context, const change *c) {
    history *h = context;
    if (c->table != CHANGE_HISTORY) {
        help_apply(&h->map, c);
        return STATUS_OK;
    }
    char text[32] = "";
    uint64_t number = format_group_sequence(c->key, c->key_length);
    memcpy(text, c->value, c->value_length < 31 ? c->value_length : 31);
    cr_assert_eq(strtoull(text, NULL, 10), number);
    if (h->count++ == 0) h->first = number;
    cr_assert(h->last == 0 || number == h->last + 1, "the history has a hole");
    h->last = number;
    return STATUS_OK;
}

/* What a start finds. */
static void expect_everything(const world *w, bool history_kept) {
    journal_options options = help_options(dir);
    journal *j = NULL;
    history h = {0};
    char text[64], wanted[64];
    expect_ok(journal_open(&options, &j, NULL, 0));
    expect_ok(journal_load(j, 1, keep, NULL, &h, NULL, 0));
    cr_assert_eq(journal_sequence(j), w->groups);
    cr_assert_eq(help_present(&h.map), w->groups + 1);
    snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)w->groups);
    cr_assert_str_eq(help_text(&h.map, CHANGE_STATE, "last", text), wanted);
    cr_assert_eq(h.last, w->groups, "a group without its history");
    cr_assert(h.first == 1 || (!history_kept && h.first <= w->cut + 1), "history from %zu on", (size_t)h.first);
    help_map_clear(&h.map);
    journal_close(&j);
}

/* All that a journal does, with everything that can fail on the way; false once no fault fired. */
static bool run(fault_point point, unsigned nth, unsigned times) {
    world w = {0};
    help_remove(dir);
    w.j = help_open(dir, NULL);
    fault_arm(point, nth, times, STATUS_IO_ERROR);
    unsigned failed_folds = 0;
    for (unsigned i = 0; i < GROUPS; i++) {
        commit(&w);
        if (i % 4 == 3) {
            status s = journal_fold(w.j);
            failed_folds += s != STATUS_OK;
        }
        if (i % 5 == 4) {
            w.cut = w.groups - 2;
            if (journal_cut_history(w.j, FIRST_MS + (int64_t)w.cut) != STATUS_OK) heal(&w, false);
        }
    }
    fault_clear();
    expect_ok(journal_fold(w.j));
    journal_close(&w.j);
    expect_everything(&w, false);
    return w.healed > 0 || failed_folds > 0;
}

static void each(fault_point point, unsigned least) {
    unsigned fired = 0, nth = 1;
    for (; run(point, nth, 1 + nth % 3); nth++) fired++;
    cr_assert_geq(fired, least, "point %d fired %u times only", point, fired);
}

Test(journal_fault, commits_that_are_not_written) { each(FAULT_COMMIT, GROUPS); }
Test(journal_fault, commits_that_are_written_and_fail) { each(FAULT_COMMITTED, GROUPS); }
Test(journal_fault, cuts_that_are_not_made) { each(FAULT_CUT, 2); }
Test(journal_fault, cuts_that_are_made_and_fail) { each(FAULT_CUT_DONE, 2); }
Test(journal_fault, folds) {
    static const fault_point points[] = {FAULT_FOLD_READ, FAULT_FOLD_TABLE, FAULT_FOLD_MARK, FAULT_FOLD_MARKED};
    for (size_t p = 0; p < sizeof points / sizeof *points; p++) each(points[p], 3);
}

/* LAST is kept where it can be, and never in the way. */
Test(journal_fault, without_last_nothing_is_refused) {
    char path[HELP_ROOM];
    journal_options options = help_options(dir);
    options.unsynced = false;
    for (int kind = 0; kind < 3; kind++) {
        journal *j = help_open_with(&options, NULL);
        buf b = {0};
        help_named(&b, CHANGE_STATE, "k", "v");
        help_commit(j, &b);
        buf_deinit(&b);
        uint64_t last = journal_sequence(j);
        journal_close(&j);
        snprintf(path, sizeof path, "%s/LAST", dir);
        cr_assert_eq(unlink(path), 0, "LAST is kept");
        if (kind == 1) cr_assert_eq(mkdir(path, 0700), 0); /* cannot be written */
        if (kind == 2) {
            FILE *f = fopen(path, "w");
            cr_assert_not_null(f);
            fputs("nonsense", f);
            fclose(f);
        }
        j = help_open_with(&options, NULL);
        cr_assert_eq(journal_sequence(j), last);
        journal_close(&j);
        if (kind == 1) rmdir(path);
    }
}

/* Of another database, or of this one when it was elsewhere: a backup that is put back. */
Test(journal_fault, last_of_another_database_says_nothing) {
    char *other = help_directory(), command[3 * HELP_ROOM];
    journal_options options = help_options(dir);
    options.unsynced = false;
    buf b = {0};
    help_named(&b, CHANGE_STATE, "k", "v");
    journal *j = help_open_with(&options, NULL);
    for (int i = 0; i < 5; i++) help_commit(j, &b);
    journal_close(&j);
    journal_options elsewhere = options;
    elsewhere.directory = other;
    j = help_open_with(&elsewhere, NULL);
    help_commit(j, &b);
    journal_close(&j);
    snprintf(command, sizeof command, "cp '%s/LAST' '%s/LAST.manifest' '%s'", dir, dir, other);
    cr_assert_eq(system(command), 0);
    j = help_open_with(&elsewhere, NULL);
    cr_assert_eq(journal_sequence(j), 1);
    journal_close(&j);
    buf_deinit(&b);
    help_remove_parent(&other);
}
