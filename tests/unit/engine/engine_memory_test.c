/* The Nth allocation fails, for every N: whatever was asked says so and nothing has changed; asked again, it is done;
 * and in the end everything is as if memory had never been short. */
#include "tests/unit/engine_world.h"
#include "tests/unit/failing_memory.h"

Test(engine_memory, creating, .init = hook) {
    engine_options options = {.max_subjects = 1 << 16, .max_accounts = 1 << 12, .seed = WORLD_SEED};
    bool short_of_memory = true;
    long n = 0;
    for (; short_of_memory; n++) {
        engine *e = NULL;
        txn *t = NULL;
        arm(n, false);
        status code = engine_create(&options, &e);
        if (code == STATUS_OK) code = txn_create(e, &t);
        short_of_memory = disarm();
        cr_assert_eq(code, short_of_memory ? STATUS_NO_MEMORY : STATUS_OK);
        txn_destroy(&t);
        engine_destroy(&e);
        cr_assert_null(e);
    }
    cr_assert_gt(n, 6);
}

/* ------------------------------------------------------------------ a group under failing memory */

typedef struct trial {
    world w;
    long n; /* the allocation that fails, counted over the whole group */
    bool lasting, failed_once;
} trial;

/* Continues the countdown for one call; keeps what is left of it for the next. */
static void trial_arm(trial *t) {
    if (!t->failed_once) arm(t->n, t->lasting);
}

static bool trial_disarm(trial *t) {
    if (t->failed_once) return false;
    t->failed_once = disarm();
    t->n = countdown;
    return t->failed_once;
}

static void trial_put(trial *t, uint32_t n, unsigned grade) {
    profile_put put = {.mask = 1ull << FIELD_retailer | 1ull << FIELD_market_grade};
    subject_id id = help_subject(n);
    profile_init(&put.fields, &id);
    put.fields.roles = PROFILE_ROLE_RETAILER;
    put.fields.market_grade = (uint8_t)grade;
    uint32_t version;
    trial_arm(t);
    status code = txn_put(t->w.t, &put, &version);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        code = txn_put(t->w.t, &put, &version);
    }
    cr_assert_eq(code, STATUS_OK);
}

static operation_id trial_operate(trial *t, operation op) {
    operation_result r;
    bool repeated;
    trial_arm(t);
    status code = txn_operate(t->w.t, &op, &r, &repeated);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        operation_entry entry;
        cr_assert_eq(txn_outcome(t->w.t, &op.id, &entry), STATUS_UNKNOWN_OPERATION);
        code = txn_operate(t->w.t, &op, &r, &repeated);
    }
    cr_assert_eq(code, STATUS_OK);
    cr_assert_not(repeated);
    cr_assert_eq(r.status, STATUS_OK, "%s: %s", operation_name(op.kind), status_name(r.status));
    return op.id;
}

static operation trial_operation(trial *t, unsigned kind, uint32_t n, int64_t amount) {
    return world_operation(&t->w, kind, n, amount);
}

static void trial_activate(trial *t, uint32_t version) {
    policy_file file = {.name = "power.yaml", .text = HELP_POLICY, .length = strlen(HELP_POLICY)};
    policy_set *set = help_policy(HELP_POLICY, version);
    trial_arm(t);
    status code = txn_activate(t->w.t, set, &file, 1);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        code = txn_activate(t->w.t, help_policy(HELP_POLICY, version), &file, 1);
    }
    cr_assert_eq(code, STATUS_OK);
}

static void trial_begin(trial *t) {
    trial_arm(t);
    txn_begin(t->w.t, t->w.now_ms);
    if (!trial_disarm(t)) return;
    /* what is due could not be released: nothing exact can be said in this group */
    operation op = trial_operation(t, OPERATION_SETTLE, 0, 1);
    operation_result r;
    bool repeated;
    cr_assert_eq(txn_operate(t->w.t, &op, &r, &repeated), STATUS_NO_MEMORY);
    t->w.next_id--;
    cr_assert_eq(world_changes(&t->w), STATUS_NO_MEMORY);
    txn_abort(t->w.t);
    world_check(t->w.e);
    txn_begin(t->w.t, t->w.now_ms);
}

static void trial_commit(trial *t) {
    buf changes = {0}, history = {0};
    trial_arm(t);
    status code = txn_changes(t->w.t, &changes, &history);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        buf_clear(&changes);
        buf_clear(&history);
        code = txn_changes(t->w.t, &changes, &history);
    }
    cr_assert_eq(code, STATUS_OK);
    world_keep(&t->w, &changes, &history);
    buf_deinit(&changes);
    buf_deinit(&history);
    trial_arm(t);
    world_publish(&t->w);
    (void)trial_disarm(t); /* publishing cannot fail, whatever happens */
    world_check(t->w.e);
}

static void trial_group(trial *t, uint32_t first, uint32_t subjects) {
    uint32_t end = (uint32_t)(t->w.now_ms / CLOCK_MS_PER_HOUR) + 1000;
    for (uint32_t n = first; n < first + subjects; n++) {
        trial_put(t, n, MARKET_A);
        operation pledge = trial_operation(t, OPERATION_PLEDGE, n, 100000);
        pledge.instrument = 1;
        pledge.instrument_kind = INSTRUMENT_BOND;
        pledge.to_hour = end;
        (void)trial_operate(t, pledge);
        (void)trial_operate(t, trial_operation(t, OPERATION_ENERGY, n, 10));
        operation_id kept[4];
        for (unsigned i = 0; i < 4; i++) {
            operation reserve = trial_operation(t, OPERATION_RESERVE, n, 1000);
            reserve.ttl_ms = 1000 + i;
            kept[i] = trial_operate(t, reserve);
        }
        operation commit = trial_operation(t, OPERATION_COMMIT, n, 400),
                  release = trial_operation(t, OPERATION_RELEASE, n, 0);
        commit.target = kept[0];
        release.target = kept[1];
        (void)trial_operate(t, commit);
        (void)trial_operate(t, release);
        (void)trial_operate(t, trial_operation(t, OPERATION_SETTLE, n, 100));
        trial_put(t, n, MARKET_AAA);
    }
}

/* Three groups: from nothing; with everything due; and once more. */
static void trial_run(trial *t) {
    t->w = (world){.e = world_engine(1500), .now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(txn_create(t->w.e, &t->w.t), STATUS_OK);
    trial_begin(t);
    trial_activate(t, 1);
    trial_activate(t, 2);
    trial_group(t, 0, 40);
    trial_commit(t);
    t->w.now_ms += 2000;
    trial_begin(t);
    trial_activate(t, 3);
    trial_group(t, 30, 0);
    trial_commit(t);
    t->w.now_ms += 2000;
    trial_begin(t);
    trial_group(t, 40, 40);
    trial_commit(t);
}

static void every_failure(bool for_long) {
    trial control = {.failed_once = true};
    trial_run(&control);
    long n = 0;
    for (bool more = true; more; n++) {
        trial t = {.n = n, .lasting = for_long};
        trial_run(&t);
        world_same(control.w.e, t.w.e);
        world_same(t.w.e, control.w.e);
        cr_assert_eq(t.w.log.size, control.w.log.size);
        cr_assert_arr_eq(t.w.log.data, control.w.log.data, t.w.log.size);
        more = t.failed_once;
        world_close(&t.w);
    }
    fprintf(stderr, "engine_memory: %ld allocations failed, one after the other\n", n - 1);
    cr_assert_gt(n, 100);
    world_close(&control.w);
}

Test(engine_memory, one_allocation_of_a_group_fails, .init = hook) { every_failure(false); }

Test(engine_memory, all_allocations_of_a_call_fail_from_one_on, .init = hook) { every_failure(true); }

/* ------------------------------------------------------------------ recovery */

/* False: a group of events was applied in part, and the engine cannot be used. */
static bool apply_all(engine *e, const buf *log, long *n, bool *failed_once) {
    size_t at = 0;
    change c;
    while (change_next(log->data, log->size, &at, &c) == STATUS_OK) {
        if (!*failed_once) arm(*n, false);
        status code = engine_apply(e, &c);
        if (!*failed_once) {
            *failed_once = disarm();
            *n = countdown;
        }
        if (code == STATUS_NO_MEMORY && c.table == CHANGE_HISTORY) return false;
        if (code == STATUS_NO_MEMORY) code = engine_apply(e, &c);
        cr_assert_eq(code, STATUS_OK);
    }
    return true;
}

Test(engine_memory, recovering, .init = hook) {
    trial control = {.failed_once = true};
    trial_run(&control);
    long n = 0;
    for (bool more = true; more; n++) {
        engine *fresh = world_engine(1500);
        long left = n;
        more = false;
        if (!apply_all(fresh, &control.w.log, &left, &more)) {
            engine_destroy(&fresh);
            fresh = world_engine(1500);
            cr_assert(apply_all(fresh, &control.w.log, &left, &more));
        }
        if (!more) arm(left, false);
        status code = engine_recovered(fresh);
        if (!more) more = disarm();
        if (code != STATUS_OK) {
            cr_assert_eq(code, STATUS_NO_MEMORY);
            code = engine_recovered(fresh);
        }
        cr_assert_eq(code, STATUS_OK);
        world_check(fresh);
        world_same(control.w.e, fresh);
        engine_destroy(&fresh);
    }
    cr_assert_gt(n, 100);
    world_close(&control.w);
}
