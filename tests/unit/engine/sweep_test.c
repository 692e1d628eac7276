/* The sweep: it writes what readers see already, counts only when it is published, and comes to rest. */
#include "tests/unit/report_world.h"

TestSuite(sweep, .timeout = 60);

#define SUBJECTS 300u

static void say_record(world *w, uint32_t n, const char *id, unsigned type) {
    report r = world_report(REPORT_RECORD_ADD, n, id);
    r.type = (uint16_t)type;
    cr_assert_eq(world_send(w, &r).status, STATUS_OK);
}

static void open_many(world *w) {
    report_world_open(w);
    world_begin(w);
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        profile_put put = {.mask = 1ull << FIELD_division};
        subject_id id = help_subject(n);
        profile_init(&put.fields, &id);
        put.fields.division = 530102;
        uint32_t version;
        cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
    }
    world_commit(w);
}

/* As it was last written. */
static profile stored(const world *w, uint32_t n) {
    subject_id id = help_subject(n);
    profile p;
    cr_assert(engine_profile(w->e, &id, (policy_moment){0}, &p));
    return p;
}

/* Sweeps until it rests; returns how many groups that took. */
static unsigned sweep_all(world *w, size_t budget) {
    for (unsigned groups = 1; groups < 2000; groups++) {
        world_begin(w);
        bool more = txn_sweep(w->t, budget);
        world_commit(w);
        if (!more) return groups;
    }
    cr_assert_fail("the sweep does not rest");
    return 0;
}

static sweep_progress progress(const world *w) {
    sweep_progress p;
    engine_sweep_progress(w->e, &p);
    return p;
}

static const char *variant(char text[4096], const char *find, const char *replace) {
    const char *at = strstr(REPORT_PARTS[0], find);
    cr_assert_not_null(at);
    int n = snprintf(text, 4096, "%.*s%s%s", (int)(at - REPORT_PARTS[0]), REPORT_PARTS[0], replace, at + strlen(find));
    cr_assert(n > 0 && n < 4096);
    return text;
}

/* The same set with another text in the first file. */
static void activate_variant(world *w, uint32_t version, const char *first) {
    policy_file files[REPORT_PART_COUNT];
    policy_findings findings = {0};
    policy_set *set = NULL;
    report_world_files(files);
    files[0].text = first;
    files[0].length = strlen(first);
    status code = policy_load(files, REPORT_PART_COUNT, version, &findings, &set);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    world_begin(w);
    cr_assert_eq(txn_activate(w->t, set, files, REPORT_PART_COUNT), STATUS_OK);
    world_commit(w);
}

static uint32_t dossier_kinds(const world *w, uint32_t n, unsigned kind) {
    subject_id id = help_subject(n);
    profile p;
    const dossier *d;
    uint32_t found = 0;
    cr_assert(engine_dossier(w->e, &id, world_moment(w), &p, &d));
    for (uint32_t i = 0; d != NULL && i < d->count; i++) found += d->items[i].kind == kind;
    return found;
}

Test(sweep, writes_what_readers_see_already) {
    world w;
    open_many(&w);
    world_begin(&w);
    for (uint32_t n = 0; n < 20; n++) say_record(&w, n, "r", n % 2 ? 101 : 501);
    world_commit(&w);
    sweep_all(&w, 100);
    for (int month = 0; month < 13; month++) {
        world_pass_days(&w, 31);
        profile seen[20];
        unsigned stale = 0;
        for (uint32_t n = 0; n < 20; n++) {
            profile old = stored(&w, n);
            seen[n] = world_profile(&w, n);
            stale += memcmp(&seen[n], &old, sizeof old) != 0;
        }
        uint32_t groups = sweep_all(&w, 3);
        cr_assert_eq(progress(&w).changed, stale);
        if (stale > 3) cr_assert_gt(groups, 1u, "no more than the budget in a group");
        for (uint32_t n = 0; n < 20; n++) {
            profile now = stored(&w, n), read = world_profile(&w, n);
            cr_assert_arr_eq(&now, &read, sizeof now);
            now.seq = seen[n].seq; /* only the version went on */
            cr_assert_arr_eq(&now, &seen[n], sizeof now);
        }
        size_t before = w.log.size;
        cr_assert_eq(sweep_all(&w, 1000), 1u);
        cr_assert_eq(w.log.size, before, "nothing is written twice");
    }
    for (uint32_t n = 0; n < 20; n++) cr_assert_eq(stored(&w, n).negative_points, 0);
    world_close(&w);
}

Test(sweep, counts_only_what_is_published) {
    world w;
    open_many(&w);
    world_begin(&w);
    for (uint32_t n = 0; n < 20; n++) say_record(&w, n, "r", 101);
    world_commit(&w);
    sweep_all(&w, 1000);
    world_pass_days(&w, 40);
    sweep_progress before = progress(&w);
    profile old = stored(&w, 3);
    for (int i = 0; i < 5; i++) {
        world_begin(&w);
        txn_sweep(w.t, 7);
        txn_abort(w.t);
    }
    sweep_progress after = progress(&w);
    cr_assert_eq(before.done, after.done);
    cr_assert_eq(before.changed, after.changed);
    profile same = stored(&w, 3);
    cr_assert_arr_eq(&old, &same, sizeof old);
    world_check(w.e);
    sweep_all(&w, 7);
    cr_assert_eq(progress(&w).changed, 20u);
    for (uint32_t n = 0; n < 20; n++) cr_assert_gt(stored(&w, n).change_day, world_day(&w));
    world_close(&w);
}

Test(sweep, new_rules_reach_everybody) {
    world w;
    char text[4096];
    open_many(&w);
    world_begin(&w);
    for (uint32_t n = 0; n < 20; n++) say_record(&w, n, "r", 501);
    world_commit(&w);
    sweep_all(&w, 1000);
    cr_assert_eq(stored(&w, 5).negative_points, 300);
    cr_assert_eq(progress(&w).total, 0u);

    activate_variant(&w, 2, variant(text, "points: 3, observation", "points: 4, observation"));
    sweep_progress p = progress(&w);
    cr_assert(p.everybody);
    cr_assert_eq(p.total, SUBJECTS);
    cr_assert_eq(p.done, 0u);
    world_begin(&w);
    cr_assert(txn_sweep(w.t, 100));
    world_commit(&w);
    p = progress(&w);
    cr_assert_eq(p.done, 100u);
    world_restart(&w); /* in the middle: the walk begins anew */
    p = progress(&w);
    cr_assert(p.everybody);
    cr_assert_eq(p.done, 0u);
    sweep_all(&w, 64);
    for (uint32_t n = 0; n < SUBJECTS; n++) cr_assert_eq(stored(&w, n).negative_points, n < 20 ? 400 : 0);
    cr_assert_not(progress(&w).everybody);
    world_restart(&w); /* at the end: it does not */
    cr_assert_not(progress(&w).everybody);
    size_t before = w.log.size;
    sweep_all(&w, 64);
    cr_assert_eq(w.log.size, before);

    /* back: the rules of before are others again */
    activate_variant(&w, 3, REPORT_PARTS[0]);
    cr_assert(progress(&w).everybody);
    sweep_all(&w, 64);
    cr_assert_eq(progress(&w).changed, 20u);
    cr_assert_eq(stored(&w, 5).negative_points, 300);
    world_close(&w);
}

Test(sweep, the_same_rules_in_a_new_set_move_nobody) {
    world w;
    open_many(&w);
    sweep_all(&w, 1000);
    activate_variant(&w, 2, REPORT_PARTS[0]);
    cr_assert_not(progress(&w).everybody);
    world_close(&w);
}

Test(sweep, what_was_kept_long_enough_is_erased) {
    world w;
    open_many(&w);
    world_begin(&w);
    say_record(&w, 1, "adverse", 101);
    say_record(&w, 1, "merit", 901);
    report repair = world_report(REPORT_RECORD_REPAIR, 1, "repair");
    repair.target = report_named("adverse");
    cr_assert_eq(world_send(&w, &repair).status, STATUS_OK);
    world_commit(&w);
    world_pass_days(&w, 5 * 365);
    sweep_all(&w, 100);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_RECORD), 2u, "a day or two are missing to five years");
    profile seen = world_profile(&w, 1);
    world_pass_days(&w, 3);
    sweep_all(&w, 100);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_RECORD), 1u);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_REPAIR), 0u);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_ERASED), 2u);
    profile now = world_profile(&w, 1);
    now.seq = seen.seq;
    cr_assert_arr_eq(&now, &seen, sizeof now, "nothing shows");
    world_restart(&w);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_ERASED), 2u);
    /* no byte of it is left in what the next start reads */
    subject_id id = help_subject(1);
    const dossier *d;
    cr_assert(engine_dossier(w.e, &id, world_moment(&w), &now, &d));
    for (uint32_t i = 0; i < d->count; i++) cr_assert_neq(d->items[i].type, 101);
    world_close(&w);
}

/* Nothing of the profile changes, only the time to be kept. */
Test(sweep, a_shorter_time_to_be_kept_holds_for_what_is_there) {
    world w;
    char text[4096];
    open_many(&w);
    world_begin(&w);
    say_record(&w, 1, "adverse", 101);
    world_commit(&w);
    world_pass_days(&w, 200); /* over, but kept */
    sweep_all(&w, 100);
    cr_assert_eq(stored(&w, 1).change_day, 0);
    activate_variant(&w, 2, variant(text, "types:\n", "personal_adverse_kept: 1 year\ntypes:\n"));
    sweep_all(&w, 100);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_RECORD), 1u);
    world_pass_days(&w, 200);
    sweep_all(&w, 100);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_RECORD), 0u);
    world_close(&w);
}

/* More than one look erases. */
Test(sweep, a_long_dossier_is_erased_in_the_end) {
    world w;
    open_many(&w);
    world_begin(&w);
    for (unsigned i = 0; i < 150; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%u", i);
        say_record(&w, 1, name, 501);
    }
    world_commit(&w);
    world_pass_days(&w, 6 * 365);
    for (int day = 0; day < 4; day++) {
        sweep_all(&w, 100);
        world_pass_days(&w, 1);
    }
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_RECORD), 0u);
    cr_assert_eq(dossier_kinds(&w, 1, ITEM_ERASED), 150u);
    world_close(&w);
}

Test(sweep, an_activation_in_the_same_group_waits) {
    world w;
    char text[4096];
    open_many(&w);
    world_begin(&w);
    for (uint32_t n = 0; n < 20; n++) say_record(&w, n, "r", 501);
    world_commit(&w);
    sweep_all(&w, 1000);
    policy_file files[REPORT_PART_COUNT];
    policy_findings findings = {0};
    policy_set *set = NULL;
    report_world_files(files);
    files[0].text = variant(text, "points: 3, observation", "points: 7, observation");
    files[0].length = strlen(text);
    cr_assert_eq(policy_load(files, REPORT_PART_COUNT, 2, &findings, &set), STATUS_OK);
    policy_findings_deinit(&findings);
    world_begin(&w);
    cr_assert_eq(txn_activate(w.t, set, files, REPORT_PART_COUNT), STATUS_OK);
    cr_assert(txn_sweep(w.t, 1000));
    say_record(&w, 30, "r", 501); /* by the new rules already */
    world_commit(&w);
    cr_assert_eq(stored(&w, 30).negative_points, 700);
    cr_assert_eq(stored(&w, 5).negative_points, 300);
    cr_assert(progress(&w).everybody);
    sweep_all(&w, 1000);
    cr_assert_eq(stored(&w, 5).negative_points, 700);
    world_close(&w);
}

/* Groups that are full leave no room for the sweep: what they wrote by rules that were in force for a moment is found.
 */
Test(sweep, finds_what_was_written_under_rules_that_went_again) {
    world w;
    char text[4096];
    open_many(&w);
    sweep_all(&w, 1000);
    const char *first = REPORT_PARTS[0];
    activate_variant(&w, 2, variant(text, "class: minor, points: 2", "class: minor, points: 7"));
    report r = world_report(REPORT_RECORD_ADD, 5, "r");
    r.type = 101;
    cr_assert_eq(world_say(&w, &r, NULL), STATUS_OK);
    cr_assert_eq(stored(&w, 5).negative_points, 700);
    activate_variant(&w, 3, first);
    cr_assert(progress(&w).everybody);
    world_restart(&w);
    cr_assert(progress(&w).everybody, "that is durable");
    sweep_all(&w, 1000);
    cr_assert_eq(stored(&w, 5).negative_points, 200);
    world_close(&w);
}
