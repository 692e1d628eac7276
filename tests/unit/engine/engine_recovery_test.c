#include "tests/unit/engine_world.h"

#define HOUR_OF(ms) ((uint32_t)((ms) / CLOCK_MS_PER_HOUR))

/* A little of everything, over several groups. */
static void live(world *w) {
    world_populate(w);
    for (unsigned group = 0; group < 40; group++) {
        w->now_ms += 7000;
        world_begin(w);
        operation_id a = world_reserve(w, 1 + group % 2, 1000 + group, 60000);
        operation_id b = world_reserve(w, 2, 50, 5000);
        operation_id c = world_reserve(w, 5, 5000, 0);
        if (group % 3 == 0) (void)world_resolve(w, OPERATION_COMMIT, 1 + group % 2, 0, a);
        if (group % 4 == 0) (void)world_resolve(w, OPERATION_RELEASE, 2, 0, b);
        if (group % 5 == 0) (void)world_resolve(w, OPERATION_COMMIT, 5, 17, c);
        (void)world_do(w, OPERATION_SETTLE, 5, 3);
        (void)world_do(w, OPERATION_ENERGY, 1 + group % 6, group * 1000);
        (void)world_pledge(w, 6, 100 + group, 10 + group, HOUR_OF(w->now_ms) + 1 + group);
        world_subject(w, 200 + group, PROFILE_ROLE_USER, group % 6);
        if (group == 20) cr_assert_eq(world_activate(w, HELP_POLICY, 9), STATUS_OK);
        world_commit(w);
    }
}

static void expect_recovery(const world *w, const uint8_t *bytes, size_t length, const uint8_t *more,
                            size_t more_length) {
    engine *fresh = world_engine(0);
    cr_assert_eq(world_apply(fresh, bytes, length), STATUS_OK);
    cr_assert_eq(world_feed(fresh, more, more_length, true), STATUS_OK);
    cr_assert_eq(engine_recovered(fresh), STATUS_OK);
    world_check(fresh);
    world_same(w->e, fresh);
    txn *t;
    cr_assert_eq(txn_create(fresh, &t), STATUS_OK);
    txn_begin(w->t, w->now_ms);
    txn_begin(t, w->now_ms);
    for (uint64_t id = 1; id < w->next_id; id++) {
        operation_entry x, y;
        operation_id name = world_id(id);
        status expected = txn_outcome(w->t, &name, &x);
        cr_assert_eq(txn_outcome(t, &name, &y), expected);
        if (expected == STATUS_OK) cr_assert_arr_eq(&x, &y, sizeof x);
    }
    txn_abort(w->t);
    txn_abort(t);
    txn_destroy(&t);
    engine_destroy(&fresh);
}

Test(engine_recovery, the_changes_are_the_state) {
    world w;
    live(&w);
    expect_recovery(&w, w.log.data, w.log.size, NULL, 0);
    world_close(&w);
}

/* Replaying a log over a newer checkpoint repeats a suffix; every such repetition must be harmless. */
Test(engine_recovery, changes_may_be_applied_again) {
    world w;
    live(&w);
    expect_recovery(&w, w.log.data, w.log.size, w.log.data, w.log.size);
    size_t at = 0, records = 0;
    change c;
    while (change_next(w.log.data, w.log.size, &at, &c) == STATUS_OK)
        if (records++ % 37 == 0) expect_recovery(&w, w.log.data, w.log.size, w.log.data + at, w.log.size - at);
    world_close(&w);
}

Test(engine_recovery, a_recovered_engine_goes_on_as_the_old_one_would) {
    world w;
    live(&w);
    world v = {.e = world_engine(0), .now_ms = w.now_ms, .next_id = w.next_id};
    cr_assert_eq(world_apply(v.e, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(v.e), STATUS_OK);
    cr_assert_eq(txn_create(v.e, &v.t), STATUS_OK);
    for (unsigned group = 0; group < 30; group++) {
        w.now_ms += 9000;
        v.now_ms += 9000;
        world_begin(&w);
        world_begin(&v);
        for (uint32_t n = 1; n <= 8; n++) {
            operation_result x = world_do(&w, OPERATION_RESERVE, n, 10 + group);
            operation_result y = world_do(&v, OPERATION_RESERVE, n, 10 + group);
            cr_assert_arr_eq(&x, &y, sizeof x);
        }
        world_commit(&w);
        world_commit(&v);
        world_same(w.e, v.e);
    }
    world_close(&w);
    world_close(&v);
}

/* Data of a time when the form was whatever a source had written. */
Test(engine_recovery, the_form_of_stored_profiles_fits_their_ids) {
    world w;
    world_open(&w);
    world_begin(&w);
    for (uint32_t n = 0; n <= FORM_OTHER; n++) world_subject(&w, n, 0, MARKET_A);
    subject_id company;
    cr_assert_eq(subject_parse("uscc:91530000MA00TTT099", 23, 20000, &company).verdict, SUBJECT_VALID);
    profile_put put = {.mask = 0};
    profile_init(&put.fields, &company);
    uint32_t version;
    cr_assert_eq(txn_put(w.t, &put, &version), STATUS_OK);
    world_commit(&w);
    engine *fresh = world_engine(0);
    size_t at = 0;
    change c;
    for (uint8_t n = 0; change_next(w.log.data, w.log.size, &at, &c) == STATUS_OK; n++) {
        uint8_t value[1 + PROFILE_SIZE];
        cr_assert_eq(c.value_length, sizeof value);
        memcpy(value, c.value, sizeof value);
        value[1 + offsetof(profile, form)] = n <= FORM_OTHER ? n : FORM_PERSON;
        c.value = value;
        cr_assert_eq(engine_apply(fresh, &c), STATUS_OK);
    }
    cr_assert_eq(engine_recovered(fresh), STATUS_OK);
    world_check(fresh);
    profile p;
    for (uint32_t n = 0; n <= FORM_OTHER; n++) {
        subject_id id = help_subject(n);
        cr_assert(engine_profile(fresh, &id, (policy_moment){0}, &p));
        cr_assert_eq(p.form, FORM_PERSON);
        cr_assert_eq(p.market_grade, MARKET_A);
    }
    cr_assert(engine_profile(fresh, &company, (policy_moment){0}, &p));
    cr_assert_eq(p.form, FORM_UNKNOWN);
    engine_destroy(&fresh);
    world_close(&w);
}

Test(engine_recovery, damaged_records_are_refused_and_change_nothing) {
    world w;
    live(&w);
    engine *fresh = world_engine(0);
    size_t at = 0, refused = 0;
    change c;
    bool seen[CHANGE_TABLE_END] = {false};
    while (change_next(w.log.data, w.log.size, &at, &c) == STATUS_OK) {
        if (seen[c.table] || c.removed) continue;
        seen[c.table] = true;
        uint8_t value[512], key[LIMIT_KEY_BYTES];
        cr_assert_leq(c.value_length, sizeof value * 64);
        if (c.value_length > sizeof value) continue;
        change bad = c;
        for (size_t length = 0; length < c.value_length; length++) {
            bad.value_length = length;
            cr_assert_eq(engine_apply(fresh, &bad), STATUS_CORRUPT, "table %d cut to %zu", c.table, length);
        }
        memcpy(value, c.value, c.value_length);
        bad = c;
        bad.value = value;
        value[0]++;
        cr_assert_eq(engine_apply(fresh, &bad), STATUS_CORRUPT, "unknown image version");
        bad = c;
        for (size_t i = 0; i < c.key_length && c.table != CHANGE_POLICIES; i++) {
            memcpy(key, c.key, c.key_length);
            key[i] ^= 1;
            bad.key = key;
            cr_assert_eq(engine_apply(fresh, &bad), STATUS_CORRUPT, "table %d key byte %zu", c.table, i);
        }
        bad = c;
        bad.key_length--;
        cr_assert_eq(engine_apply(fresh, &bad), STATUS_CORRUPT);
        if (c.table != CHANGE_OPERATIONS && c.table != CHANGE_ALERTS) {
            bad = c;
            bad.removed = true;
            bad.value = NULL;
            bad.value_length = 0;
            cr_assert_eq(engine_apply(fresh, &bad), STATUS_CORRUPT);
        }
        refused++;
    }
    cr_assert_geq(refused, 2);
    cr_assert_eq(engine_apply(fresh, &(change){.table = CHANGE_STATE, .key = (const uint8_t *)"x", .key_length = 1}),
                 STATUS_CORRUPT);
    engine *empty = world_engine(0);
    world_same(fresh, empty);
    world_same(empty, fresh);
    engine_destroy(&empty);
    engine_destroy(&fresh);
    world_close(&w);
}

Test(engine_recovery, money_that_does_not_add_up_is_corrupt) {
    world w;
    world_populate(&w);
    world_begin(&w);
    (void)world_reserve(&w, 1, 100, 0);
    world_commit(&w);
    static const change_table tables[] = {CHANGE_ACCOUNTS, CHANGE_HISTORY};
    for (unsigned i = 0; i < 2; i++) {
        engine *fresh = world_engine(0);
        size_t at = 0;
        change c;
        while (change_next(w.log.data, w.log.size, &at, &c) == STATUS_OK)
            if (c.table != tables[i]) cr_assert_eq(engine_apply(fresh, &c), STATUS_OK);
        cr_assert_eq(engine_recovered(fresh), STATUS_CORRUPT);
        if (tables[i] == CHANGE_HISTORY) cr_assert_not_null(strstr(engine_trouble(fresh), "100 fen"));
        char problem[256] = "";
        cr_assert_not(engine_check(fresh, problem, sizeof problem));
        cr_assert_neq(problem[0], '\0');
        engine_destroy(&fresh);
    }
    world_close(&w);
}

Test(engine_recovery, policies_that_no_longer_compile_leave_the_empty_set) {
    world w;
    world_populate(&w);
    world_begin(&w);
    policy_file broken = {.name = "power.yaml", .text = HELP_POLICY_BROKEN, .length = strlen(HELP_POLICY_BROKEN)};
    cr_assert_eq(txn_activate(w.t, help_policy(HELP_POLICY, 4), &broken, 1), STATUS_OK);
    world_commit(&w);
    engine *fresh = world_engine(0);
    cr_assert_eq(world_apply(fresh, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(fresh), STATUS_POLICY_INVALID);
    world_check(fresh);
    cr_assert_eq(policy_count(engine_policy(fresh)), 0);
    cr_assert_eq(engine_policy_newest(fresh), 4);
    txn *t;
    cr_assert_eq(txn_create(fresh, &t), STATUS_OK);
    txn_begin(t, w.now_ms);
    cr_assert_eq(txn_activate(t, help_policy(HELP_POLICY, 4), NULL, 0), STATUS_VERSION_CONFLICT);
    cr_assert_eq(txn_activate(t, help_policy(HELP_POLICY, 5), NULL, 0), STATUS_OK);
    txn_abort(t);
    txn_destroy(&t);
    engine_destroy(&fresh);
    world_close(&w);
}

Test(engine_recovery, another_seed_is_noticed) {
    world w;
    world_populate(&w);
    engine_options options = {.max_subjects = 1000, .max_accounts = 1000, .seed = WORLD_SEED + 1};
    engine *other;
    cr_assert_eq(engine_create(&options, &other), STATUS_OK);
    cr_assert_eq(world_apply(other, w.log.data, w.log.size), STATUS_CORRUPT);
    engine_destroy(&other);
    world_close(&w);
}

Test(engine_recovery, policies_too_large_to_store_are_refused) {
    world w;
    world_open(&w);
    char *text = malloc(LIMIT_RECORD_BYTES);
    memset(text, '#', LIMIT_RECORD_BYTES);
    policy_file files[2] = {{.name = "a.yaml", .text = text, .length = LIMIT_RECORD_BYTES / 2},
                            {.name = "b.yaml", .text = text, .length = LIMIT_RECORD_BYTES / 2}};
    world_begin(&w);
    cr_assert_eq(txn_activate(w.t, help_policy(HELP_POLICY, 1), files, 2), STATUS_TOO_LARGE);
    files[1].length -= 64;
    cr_assert_eq(txn_activate(w.t, help_policy(HELP_POLICY, 1), files, 2), STATUS_OK);
    world_commit(&w);
    free(text);
    world_close(&w);
}

/* What is forgotten is a matter of age, not of being stored: recovery brings it back, the first groups forget it. */
Test(engine_recovery, a_recovered_engine_forgets_the_oldest_first) {
    enum { N = 50 };
    world w = {.e = world_engine(60000), .now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    operation_id ids[N];
    world_begin(&w);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
    world_commit(&w);
    for (unsigned i = 0; i < N; i++) {
        w.now_ms += 1000;
        world_begin(&w);
        operation op = world_operation(&w, OPERATION_SETTLE, 1, 5);
        (void)world_operate(&w, &op);
        world_commit(&w);
        ids[i] = op.id;
    }
    world v = {.e = world_engine(60000), .now_ms = WORLD_START + 60000 + N / 2 * 1000};
    cr_assert_eq(world_apply(v.e, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(v.e), STATUS_OK);
    cr_assert_eq(txn_create(v.e, &v.t), STATUS_OK);
    world_begin(&v);
    world_commit(&v);
    world_begin(&v);
    operation_entry entry;
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(txn_outcome(v.t, &ids[i], &entry), i < N / 2 ? STATUS_UNKNOWN_OPERATION : STATUS_OK,
                     "operation %u", i);
    txn_abort(v.t);
    world_close(&v);
    world_close(&w);
}
