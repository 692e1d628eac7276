/* Alerts through groups: acknowledging, restarts, aborts, chains taken back, too many of them, the walk in portions, a
 * memory that is short. */
#include "engine/state.h"
#include "tests/unit/alert_world.h"
#include "tests/unit/failing_memory.h"

/* ------------------------------------------------------------------ acknowledging, restarts */

static status acknowledge(world *w, uint64_t number) {
    world_begin(w);
    status code = txn_acknowledge(w->t, number);
    if (code == STATUS_OK) cr_assert_eq(txn_acknowledge(w->t, number), STATUS_UNKNOWN_ALERT, "once");
    world_commit(w);
    return code;
}

Test(alert_group, acknowledged_ones_are_gone_for_good) {
    world w = world_started();
    world_granted(world_once(&w, OPERATION_FREEZE, 1, 0));
    world_granted(world_once(&w, OPERATION_FREEZE, 2, 0));
    world_granted(world_once(&w, OPERATION_FREEZE, 6, 0));
    cr_assert_eq(acknowledge(&w, 4), STATUS_UNKNOWN_ALERT);
    cr_assert_eq(acknowledge(&w, 0), STATUS_UNKNOWN_ALERT);
    cr_assert_eq(acknowledge(&w, UINT64_MAX), STATUS_UNKNOWN_ALERT);
    cr_assert_eq(acknowledge(&w, 2), STATUS_OK);
    cr_assert_eq(acknowledge(&w, 2), STATUS_UNKNOWN_ALERT);
    cr_assert_eq(acknowledge(&w, 3), STATUS_OK);
    for (unsigned i = 0; i < 2; i++) {
        alert found[4];
        engine_stats stats;
        engine_get_stats(w.e, &stats);
        cr_assert_eq(stats.alerts_open, 1);
        cr_assert_eq(alerts_after(engine_alerts(w.e), 0, found, 4), 1);
        cr_assert_eq(found[0].number, 1);
        world_restart(&w);
    }
    cr_assert_eq(acknowledge(&w, 3), STATUS_UNKNOWN_ALERT);
    uint64_t at = 1;
    world_granted(world_once(&w, OPERATION_UNFREEZE, 1, 0));
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_UNFROZEN).number, 4, "a number is never used again");
    world_close(&w);
}

/* The newest number outlives its alert, whose record is gone. */
Test(alert_group, numbers_are_kept_when_tables_are_folded) {
    world w = world_started();
    world_granted(world_once(&w, OPERATION_FREEZE, 1, 0));
    cr_assert_eq(acknowledge(&w, 1), STATUS_OK);
    engine *fresh = world_engine(0);
    size_t at = 0;
    change c;
    while (change_next(w.log.data, w.log.size, &at, &c) == STATUS_OK)
        if (c.table != CHANGE_ALERTS) cr_assert_eq(engine_apply(fresh, &c), STATUS_OK);
    cr_assert_eq(alerts_count(engine_alerts(fresh)), 0);
    cr_assert_eq(alerts_newest(engine_alerts(fresh)), 1);
    engine_destroy(&fresh);
    world_close(&w);
}

Test(alert_group, once_whatever_the_restarts) {
    world w = world_started();
    world_pledge_now(&w, 1, 77, INSTRUMENT_BOND, 100000, world_hour_in(&w, 5 * DAY));
    world_energy(&w, 2, 100000);
    world_reserve_now(&w, 1, MILLION);
    world_granted(world_once(&w, OPERATION_FREEZE, 6, 0));
    alert before[16], after[16];
    for (unsigned day = 0; day < 12; day++) {
        world_wait(&w, DAY);
        size_t n = alerts_after(engine_alerts(w.e), 0, before, 16);
        cr_assert(n >= 4 && n <= 8);
        world_restart(&w);
        cr_assert_eq(alerts_newest(engine_alerts(w.e)), n);
        cr_assert_not(world_watch(&w));
        cr_assert_eq(alerts_after(engine_alerts(w.e), 0, after, 16), n);
        cr_assert_arr_eq(before, after, n * sizeof *before);
    }
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 6, "usage, expiring, expired; topup, overdue; frozen");
    world_close(&w);
}

/* ------------------------------------------------------------------ nothing is left behind */

Test(alert_group, an_aborted_group_leaves_nothing) {
    world w = world_started();
    world_granted(world_once(&w, OPERATION_FREEZE, 2, 0));
    world_pledge_now(&w, 6, 77, INSTRUMENT_BOND, 100000, world_hour_in(&w, 35 * DAY));
    w.now_ms += 10 * DAY;
    world_begin(&w);
    world_reserve(&w, 1, MILLION, 0);
    cr_assert_eq(txn_acknowledge(w.t, 1), STATUS_OK);
    while (!txn_watch(w.t, 100)) {
    }
    cr_assert_gt(txn_size(w.t), 0);
    txn_abort(w.t);
    alert found[2];
    cr_assert_eq(alerts_after(engine_alerts(w.e), 0, found, 2), 1);
    cr_assert_eq(world_account(&w, 1).warned, 0);
    cr_assert_eq(world_account(&w, 6).instruments[1].alerted, 0);
    uint64_t at = 1;
    world_watch(&w);
    world_alert(&w, &at, 6, ALERT_EXPIRING);
    cr_assert_eq(at, 2);
    world_reserve_now(&w, 1, MILLION);
    world_alert(&w, &at, 1, ALERT_USAGE);
    world_close(&w);
}

static operation linked(operation op) {
    op.flags = OPERATION_LINKED;
    return op;
}

Test(alert_group, a_chain_that_is_taken_back_leaves_nothing) {
    world w = world_started();
    uint64_t at = 0;
    for (unsigned before = 0; before < 2; before++) { /* with an account in the group already, and without */
        world_begin(&w);
        if (before == 1) world_granted(world_do(&w, OPERATION_FREEZE, 2, 0));
        operation ops[3] = {linked(world_operation(&w, OPERATION_RESERVE, 1, MILLION)),
                            linked(world_operation(&w, OPERATION_RESERVE, 6, MILLION)),
                            world_operation(&w, OPERATION_SETTLE, 1, 1)};
        operation_result results[3] = {0};
        txn_operate_all(w.t, ops, 3, results);
        cr_assert_eq(results[2].status, STATUS_OVER_COMMITTED);
        cr_assert_eq(results[0].status, STATUS_LINKED_FAILED);
        world_commit(&w);
        if (before == 1) world_alert(&w, &at, 2, ALERT_FROZEN);
        world_no_alert(&w, at);
        cr_assert_eq(world_account(&w, 1).warned, 0);
    }
    world_begin(&w);
    operation ops[2] = {linked(world_operation(&w, OPERATION_RESERVE, 1, MILLION)),
                        world_operation(&w, OPERATION_UNFREEZE, 2, 0)};
    operation_result results[2] = {0};
    txn_operate_all(w.t, ops, 2, results);
    world_granted(results[1]);
    world_commit(&w);
    alert found[3];
    cr_assert_eq(alerts_after(engine_alerts(w.e), at, found, 3), 2);
    cr_assert(found[0].kind == ALERT_USAGE && found[1].kind == ALERT_UNFROZEN && found[1].number == at + 2);
    world_close(&w);
}

/* ------------------------------------------------------------------ too many */

static void limit_to(world *w, size_t limit) {
    alerts_destroy(&w->e->alerts);
    cr_assert_eq(alerts_create(limit, &w->e->alerts), STATUS_OK);
}

Test(alert_group, beyond_the_limit_the_oldest_gives_way) {
    world w = world_started();
    limit_to(&w, 3);
    for (unsigned i = 0; i < 4; i++)
        world_granted(world_once(&w, i % 2 == 0 ? OPERATION_FREEZE : OPERATION_UNFREEZE, 1, 0));
    alert found[5];
    cr_assert_eq(alerts_after(engine_alerts(w.e), 0, found, 5), 3);
    cr_assert(found[0].number == 2 && found[2].number == 4);
    /* acknowledged within the group: there is room for one, and the next takes the place of the oldest */
    world_begin(&w);
    cr_assert_eq(txn_acknowledge(w.t, 2), STATUS_OK);
    world_granted(world_do(&w, OPERATION_FREEZE, 1, 0));
    world_granted(world_do(&w, OPERATION_FREEZE, 2, 0));
    /* a chain that is taken back makes nobody give way */
    operation ops[2] = {linked(world_operation(&w, OPERATION_FREEZE, 6, 0)),
                        world_operation(&w, OPERATION_SETTLE, 1, 1)};
    operation_result results[2] = {0};
    txn_operate_all(w.t, ops, 2, results);
    cr_assert_eq(results[1].status, STATUS_OVER_COMMITTED);
    cr_assert_eq(txn_acknowledge(w.t, 3), STATUS_UNKNOWN_ALERT, "it has given way");
    world_granted(world_do(&w, OPERATION_FREEZE, 6, 0)); /* now the next one */
    world_commit(&w);
    cr_assert_eq(alerts_after(engine_alerts(w.e), 0, found, 5), 3);
    cr_assert(found[0].number == 5 && found[1].number == 6 && found[2].number == 7);
    engine_stats stats;
    engine_get_stats(w.e, &stats);
    cr_assert(stats.alerts_open == 3 && stats.alerts_dropped == 3);
    world_restart(&w);
    engine_get_stats(w.e, &stats);
    cr_assert(stats.alerts_open == 3 && stats.alerts_dropped == 3);
    world_close(&w);
}

/* ------------------------------------------------------------------ the walk in portions */

Test(alert_group, the_walk_goes_on_where_it_ended) {
    world w;
    world_open(&w);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    for (uint32_t n = 0; n < 500; n++) {
        world_subject(&w, n, PROFILE_ROLE_RETAILER, MARKET_A);
        world_granted(world_pledge(&w, n, 1, MILLION, world_hour_in(&w, 31 * DAY)));
    }
    world_commit(&w);
    w.now_ms += 2 * DAY;
    size_t open = 0;
    for (unsigned i = 0; i < 500 / 50; i++) {
        world_begin(&w);
        cr_assert_not(txn_watch(w.t, 50));
        if (i % 3 == 0) { /* dropped: looked at again */
            txn_abort(w.t);
            cr_assert_eq(alerts_count(engine_alerts(w.e)), open);
            world_begin(&w); /* a group without a walk does not take its position */
            world_commit(&w);
            world_begin(&w);
            cr_assert_not(txn_watch(w.t, 50));
        }
        world_commit(&w);
        open += 50;
        cr_assert_eq(alerts_count(engine_alerts(w.e)), open);
    }
    world_begin(&w);
    cr_assert(txn_watch(w.t, 50), "it has come round");
    cr_assert_not(txn_watch(w.t, 400));
    cr_assert(txn_watch(w.t, 400), "and again");
    cr_assert_eq(txn_size(w.t), 0);
    world_commit(&w);
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 500);
    world_close(&w);
}

/* A bond of everybody ends at once: as much as a group carries, and on. */
Test(alert_group, more_than_a_group_carries) {
    enum { MANY = 12000 };
    world w;
    world_open(&w);
    for (uint32_t n = 0; n < MANY;) {
        world_begin(&w);
        if (n == 0) cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
        for (uint32_t end = n + MANY / 4; n < end; n++) {
            world_subject(&w, n, PROFILE_ROLE_RETAILER, MARKET_A);
            world_granted(world_pledge(&w, n, 1, MILLION, world_hour_in(&w, 31 * DAY)));
        }
        world_commit(&w);
    }
    w.now_ms += 2 * DAY;
    world_begin(&w);
    cr_assert_not(txn_watch(w.t, 10 * MANY));
    cr_assert_not(txn_watch(w.t, 10 * MANY), "it is full");
    cr_assert(txn_size(w.t) >= LIMIT_GROUP_BYTES / 2 && txn_size(w.t) < LIMIT_GROUP_BYTES / 2 + (64u << 10));
    world_commit(&w);
    size_t first = alerts_count(engine_alerts(w.e));
    cr_assert(first > 0 && first < MANY);
    world_begin(&w);
    cr_assert(txn_watch(w.t, 10 * MANY));
    world_commit(&w);
    cr_assert_eq(alerts_count(engine_alerts(w.e)), MANY);
    world_close(&w);
}

/* What this group has done to accounts and subjects before the walk counts. */
Test(alert_group, the_walk_sees_its_own_group) {
    world w = world_started();
    uint64_t at = 0;
    world_begin(&w);
    world_reserve(&w, 2, 860000, 0);
    world_subject(&w, 2, PROFILE_ROLE_RETAILER, MARKET_B);
    while (!txn_watch(w.t, 100)) {
    }
    world_commit(&w);
    cr_assert_eq(world_alert(&w, &at, 2, ALERT_USAGE).level, 1);
    account a = world_account(&w, 2);
    cr_assert(a.warned == 1 && a.reserved_fen == 860000);
    world_close(&w);
}

/* ------------------------------------------------------------------ memory */

typedef struct trial {
    world w;
    long n;
    bool lasting, failed_once;
} trial;

static void trial_arm(trial *t) {
    if (!t->failed_once) arm(t->n, t->lasting);
}

static bool trial_disarm(trial *t) {
    if (t->failed_once) return false;
    t->failed_once = disarm();
    t->n = countdown;
    return t->failed_once;
}

static void trial_operate(trial *t, operation op) {
    operation_result r;
    bool repeated;
    trial_arm(t);
    status code = txn_operate(t->w.t, &op, &r, &repeated);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        code = txn_operate(t->w.t, &op, &r, &repeated);
    }
    cr_assert_eq(code, STATUS_OK);
    world_granted(r);
}

/* A group of everything; the numbers of alerts are those of a group in which nothing failed. False once nothing has
 * failed. */
static bool try_group(long n, bool for_long) {
    trial t = {.w = world_started(), .n = n, .lasting = for_long};
    world *w = &t.w;
    world_granted(world_once(w, OPERATION_FREEZE, 1, 0));
    for (uint32_t s = 1; s <= 6; s++)
        world_pledge_now(w, s, 100 + s, INSTRUMENT_BOND, 1000, world_hour_in(w, 31 * DAY));
    world_restart(w); /* nothing is kept from earlier groups */
    w->now_ms += 2 * DAY;
    world_begin(w);
    trial_arm(&t);
    status code = txn_acknowledge(w->t, 1);
    if (trial_disarm(&t) && code == STATUS_NO_MEMORY) code = txn_acknowledge(w->t, 1);
    cr_assert_eq(code, STATUS_OK);
    trial_operate(&t, world_operation(w, OPERATION_RESERVE, 2, MILLION));
    trial_operate(&t, world_operation(w, OPERATION_UNFREEZE, 1, 0));
    trial_operate(&t, world_operation(w, OPERATION_ENERGY, 6, 100000));
    trial_arm(&t);
    for (unsigned i = 0; i < 20 && !txn_watch(w->t, 4); i++) {
    }
    trial_disarm(&t);
    for (unsigned round = 0; round < 2; round++) /* from wherever it was */
        for (unsigned i = 0; !txn_watch(w->t, 100); i++) cr_assert_lt(i, 100);
    world_commit(w);
    alert found[16];
    size_t count = alerts_after(engine_alerts(w->e), 0, found, 16), kinds[ALERT_KIND_END] = {0};
    cr_assert_eq(count, 9);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(found[i].number, i + 2);
        kinds[found[i].kind]++;
    }
    cr_assert(kinds[ALERT_USAGE] == 1 && kinds[ALERT_UNFROZEN] == 1 && kinds[ALERT_TOPUP] == 1 &&
              kinds[ALERT_EXPIRING] == 6);
    cr_assert_not(world_watch(w));
    bool failed_once = t.failed_once;
    world_close(w);
    return failed_once;
}

Test(alert_group, memory_that_is_short, .init = hook) {
    for (unsigned for_long = 0; for_long < 2; for_long++) {
        long n = 0;
        while (try_group(n, for_long != 0)) n++;
        if (REPLACE_MALLOC) cr_assert_gt(n, 8);
    }
}
