/* Alerts: each kind, once for each crossing, whatever happens in between: restarts, aborts, chains taken back, changes
 * of grade and policy, weekends, a memory that is short. */
#include "engine/alert_internal.h"
#include "engine/state.h"
#include "tests/unit/engine_world.h"
#include "tests/unit/failing_memory.h"

#define HOUR CLOCK_MS_PER_HOUR
#define DAY CLOCK_MS_PER_DAY
#define MILLION INT64_C(1000000)

/* ------------------------------------------------------------------ helpers */

/* A whole round; true if it made changes. */
static bool watch(world *w) {
    unsigned rounds = 0;
    world_begin(w);
    while (!txn_watch(w->t, 3)) cr_assert_lt(++rounds, 1000);
    bool any = txn_size(w->t) > 0;
    world_commit(w);
    return any;
}

static void wait(world *w, int64_t ms) {
    w->now_ms += ms;
    watch(w);
}

static operation_result once(world *w, unsigned kind, uint32_t n, int64_t amount) {
    world_begin(w);
    operation_result r = world_do(w, kind, n, amount);
    world_commit(w);
    return r;
}

static void granted(operation_result r) { cr_assert_eq(r.status, STATUS_OK, "%s", status_name(r.status)); }

static operation_id reserve(world *w, uint32_t n, int64_t amount) {
    world_begin(w);
    operation_id id = world_reserve(w, n, amount, 0);
    world_commit(w);
    return id;
}

static void resolve(world *w, unsigned kind, uint32_t n, operation_id id) {
    world_begin(w);
    granted(world_resolve(w, kind, n, 0, id));
    world_commit(w);
}

static void pledge(world *w, uint32_t n, uint64_t id, unsigned kind, int64_t amount, uint32_t to_hour) {
    world_begin(w);
    operation op = world_operation(w, OPERATION_PLEDGE, n, amount);
    op.instrument = id;
    op.instrument_kind = (uint8_t)kind;
    op.to_hour = to_hour;
    granted(world_operate(w, &op));
    world_commit(w);
}

static uint32_t hour_in(const world *w, int64_t ms) { return ledger_hour(w->now_ms + ms); }

static void set_grade(world *w, uint32_t n, unsigned grade) {
    world_begin(w);
    profile_put put = {.mask = 1ull << FIELD_market_grade, .flags = PUT_UPDATE};
    subject_id id = help_subject(n);
    profile_init(&put.fields, &id);
    put.fields.market_grade = (uint8_t)grade;
    uint32_t version;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
    world_commit(w);
}

static account account_of(const world *w, uint32_t n) {
    subject_id id = help_subject(n);
    account a;
    cr_assert(engine_account(w->e, &id, PROGRAM_POWER, &a));
    return a;
}

/* The only alert behind *after, which moves on to it. */
static alert next(const world *w, uint64_t *after) {
    alert found[2];
    cr_assert_eq(alerts_after(engine_alerts(w->e), *after, found, 2), 1);
    *after = found[0].number;
    return found[0];
}

static void none(const world *w, uint64_t after) {
    alert found;
    cr_assert_eq(alerts_after(engine_alerts(w->e), after, &found, 1), 0, "%s of level %u", alert_kind_name(found.kind),
                 found.level);
}

static alert expect(const world *w, uint64_t *after, uint32_t n, alert_kind kind) {
    alert a = next(w, after);
    subject_id id = help_subject(n);
    cr_assert_eq(a.kind, kind, "%s", alert_kind_name(a.kind));
    cr_assert(subject_equal(&a.subject, &id));
    cr_assert_eq(a.program, PROGRAM_POWER);
    cr_assert_eq(a.at_ms, w->now_ms);
    return a;
}

static world started(void) {
    world w;
    world_populate(&w);
    cr_assert_not(watch(&w), "what begins well raises nothing");
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 0);
    return w;
}

/* ------------------------------------------------------------------ usage */

Test(alert, levels_of_usage) {
    world w = started();
    uint64_t at = 0;
    reserve(&w, 1, 823999); /* limit 1,030,000: 80 % is 824,000 */
    none(&w, at);
    reserve(&w, 1, 1);
    alert a = expect(&w, &at, 1, ALERT_USAGE);
    cr_assert_eq(a.number, 1);
    cr_assert_eq(a.level, 1);
    cr_assert_eq(a.usage_percent, 80);
    cr_assert(a.limit_fen == 1030000 && a.used_fen == 824000 && a.lodged_fen == MILLION && a.required_fen == 0);
    cr_assert(a.instrument == 0 && a.due_ms == 0 && a.account_version == account_of(&w, 1).seq >> 1);
    reserve(&w, 1, 1);
    none(&w, at);
    reserve(&w, 1, 1030000 - 824001);
    cr_assert_eq(expect(&w, &at, 1, ALERT_USAGE).level, 3, "one alert for the highest level reached");
    cr_assert_eq(account_of(&w, 1).warned, 3);
    cr_assert_not(watch(&w));
    none(&w, at);
    world_close(&w);
}

Test(alert, a_level_is_left_and_reached_again) {
    world w = started();
    uint64_t at = 0;
    operation_id first = reserve(&w, 1, 900000), second = reserve(&w, 1, 30000);
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 2);
    at = 2;
    resolve(&w, OPERATION_RELEASE, 1, second);
    none(&w, at);
    cr_assert_eq(account_of(&w, 1).warned, 1, "a fall is remembered");
    reserve(&w, 1, 30000);
    cr_assert_eq(expect(&w, &at, 1, ALERT_USAGE).level, 2);
    resolve(&w, OPERATION_COMMIT, 1, first);
    none(&w, at);
    granted(once(&w, OPERATION_SETTLE, 1, 900000));
    cr_assert_eq(account_of(&w, 1).warned, 0);
    /* several crossings in one group: each has its alert */
    world_begin(&w);
    operation_id id = world_reserve(&w, 1, 900000, 0);
    granted(world_resolve(&w, OPERATION_RELEASE, 1, 0, id));
    world_reserve(&w, 1, 900000, 0);
    world_commit(&w);
    alert found[3];
    cr_assert_eq(alerts_after(engine_alerts(w.e), at, found, 3), 2);
    cr_assert(found[0].level == 2 && found[1].level == 2 && found[1].number == found[0].number + 1);
    world_close(&w);
}

Test(alert, an_expired_reservation_is_a_fall) {
    world w = started();
    uint64_t at = 0;
    reserve(&w, 1, 900000);
    expect(&w, &at, 1, ALERT_USAGE);
    w.now_ms += 300000; /* it ends as the next group begins, in which the level is reached again */
    reserve(&w, 1, 900000);
    expect(&w, &at, 1, ALERT_USAGE);
    w.now_ms += 300000;
    watch(&w);
    none(&w, at);
    cr_assert_eq(account_of(&w, 1).warned, 0);
    world_close(&w);
}

Test(alert, the_exempt_have_no_level) {
    world w = started();
    uint64_t at = 0;
    reserve(&w, 5, 5 * MILLION);
    watch(&w);
    none(&w, at);
    set_grade(&w, 5, MARKET_B); /* a generator below A is exempt no longer */
    watch(&w);
    cr_assert_eq(expect(&w, &at, 5, ALERT_USAGE).level, 3);
    set_grade(&w, 5, MARKET_A);
    watch(&w);
    none(&w, at);
    cr_assert_eq(account_of(&w, 5).warned, 0);
    world_close(&w);
}

Test(alert, a_grade_that_falls) {
    world w = started();
    uint64_t at = 0;
    reserve(&w, 2, 860000); /* AAA: limit 1,080,000, 79.6 % */
    none(&w, at);
    set_grade(&w, 2, MARKET_B); /* limit 1,000,000 */
    none(&w, at);
    uint32_t version = account_of(&w, 2).seq >> 1;
    watch(&w);
    alert a = expect(&w, &at, 2, ALERT_USAGE);
    cr_assert(a.level == 1 && a.usage_percent == 86 && a.limit_fen == MILLION);
    cr_assert_eq(account_of(&w, 2).seq >> 1, version, "to be told about is no change of an account");
    set_grade(&w, 2, MARKET_AAA);
    watch(&w);
    set_grade(&w, 2, MARKET_B);
    watch(&w);
    expect(&w, &at, 2, ALERT_USAGE);
    world_close(&w);
}

static void activate(world *w, const char *text, const char *calendar, uint32_t version) {
    policy_file files[] = {{.name = "power.yaml", .text = text, .length = strlen(text)},
                           {.name = "calendar.yaml", .text = calendar, .length = strlen(calendar)}};
    size_t count = *calendar != '\0' ? 2 : 1;
    policy_findings findings = {0};
    policy_set *set = NULL;
    status code = policy_load(files, count, version, &findings, &set);
    for (size_t i = 0; i < findings.count; i++) cr_log_info("%s", findings.items[i].message);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    world_begin(w);
    cr_assert_eq(txn_activate(w->t, set, files, count), STATUS_OK);
    world_commit(w);
}

/* The usual policy with some of its lines changed. */
static const char *policy_with(const char *what, const char *instead, char *room, size_t size) {
    const char *at = strstr(HELP_POLICY, what);
    cr_assert_not_null(at);
    snprintf(room, size, "%.*s%s%s", (int)(at - HELP_POLICY), HELP_POLICY, instead, at + strlen(what));
    return room;
}

Test(alert, a_policy_that_warns_earlier) {
    world w = started();
    uint64_t at = 0;
    char text[8192];
    reserve(&w, 1, 600000);
    watch(&w);
    none(&w, at);
    activate(&w, policy_with("[80, 90, 100]", "[50, 55, 60]", text, sizeof text), "", 2);
    watch(&w);
    cr_assert_eq(expect(&w, &at, 1, ALERT_USAGE).level, 2);
    /* a policy that is not in force yet judges nothing: what was raised stays remembered */
    activate(&w, policy_with("{from: 2026-01-01", "{from: 2028-01-01", text, sizeof text), "", 3);
    cr_assert_not(watch(&w));
    cr_assert_eq(account_of(&w, 1).warned, 2);
    activate(&w, policy_with("[80, 90, 100]", "[50, 55, 60]", text, sizeof text), "", 4);
    watch(&w);
    none(&w, at);
    world_close(&w);
}

/* ------------------------------------------------------------------ instruments */

Test(alert, a_bond_ends) {
    world w = started();
    uint64_t at = 0;
    uint32_t end = hour_in(&w, 40 * DAY);
    pledge(&w, 1, 77, INSTRUMENT_BOND, 500000, end);
    watch(&w);
    none(&w, at);
    wait(&w, 10 * DAY - 1);
    none(&w, at);
    wait(&w, 1);
    alert a = expect(&w, &at, 1, ALERT_EXPIRING);
    cr_assert(a.instrument == 77 && a.instrument_kind == INSTRUMENT_BOND && a.due_ms == end * HOUR && a.level == 0);
    wait(&w, 30 * DAY - 1);
    none(&w, at);
    wait(&w, 1);
    a = expect(&w, &at, 1, ALERT_EXPIRED);
    cr_assert(a.instrument == 77 && a.due_ms == w.now_ms && a.lodged_fen == MILLION);
    cr_assert_eq(account_of(&w, 1).instruments[1].alerted, INSTRUMENT_EXPIRING | INSTRUMENT_EXPIRED);
    wait(&w, 100 * DAY);
    none(&w, at);
    world_close(&w);
}

Test(alert, what_ends_soon_is_told_when_it_is_pledged) {
    world w = started();
    uint64_t at = 0;
    pledge(&w, 1, 77, INSTRUMENT_GROUP_GUARANTEE, 500000, hour_in(&w, 30 * DAY));
    cr_assert_eq(expect(&w, &at, 1, ALERT_EXPIRING).instrument_kind, INSTRUMENT_GROUP_GUARANTEE);
    pledge(&w, 1, 78, INSTRUMENT_DEPOSIT, 500000, hour_in(&w, HOUR));
    none(&w, at);
    wait(&w, HOUR);
    cr_assert_eq(expect(&w, &at, 1, ALERT_EXPIRED).instrument_kind, INSTRUMENT_DEPOSIT);
    world_close(&w);
}

Test(alert, a_bond_that_has_not_begun) {
    world w = started();
    uint64_t at = 0;
    world_begin(&w);
    operation op = world_operation(&w, OPERATION_PLEDGE, 1, 500000);
    op.instrument = 77;
    op.instrument_kind = INSTRUMENT_BOND;
    op.from_hour = hour_in(&w, 2 * DAY);
    op.to_hour = hour_in(&w, 4 * DAY);
    granted(world_operate(&w, &op));
    world_commit(&w);
    watch(&w);
    none(&w, at);
    wait(&w, 2 * DAY);
    expect(&w, &at, 1, ALERT_EXPIRING);
    world_close(&w);
}

Test(alert, an_amended_end_is_another_end) {
    world w = started();
    uint64_t at = 0;
    pledge(&w, 1, 77, INSTRUMENT_BOND, 500000, hour_in(&w, 20 * DAY));
    expect(&w, &at, 1, ALERT_EXPIRING);
    world_begin(&w);
    operation op = world_operation(&w, OPERATION_AMEND, 1, 400000);
    op.instrument = 77;
    granted(world_operate(&w, &op));
    world_commit(&w);
    none(&w, at);
    world_begin(&w);
    op = world_operation(&w, OPERATION_AMEND, 1, 0);
    op.instrument = 77;
    op.to_hour = hour_in(&w, 60 * DAY);
    granted(world_operate(&w, &op));
    world_commit(&w);
    watch(&w);
    none(&w, at);
    wait(&w, 30 * DAY);
    cr_assert_eq(expect(&w, &at, 1, ALERT_EXPIRING).due_ms, op.to_hour * HOUR);
    world_close(&w);
}

Test(alert, notice_by_policy_and_without_one) {
    world w = started();
    uint64_t at = 0;
    char text[8192];
    activate(&w,
             policy_with("  warn_percent", "  alerts: {bond_notice_days: 2, topup_days: 1}\n  warn_percent", text,
                         sizeof text),
             "", 2);
    pledge(&w, 1, 77, INSTRUMENT_BOND, 500000, hour_in(&w, 20 * DAY));
    watch(&w);
    none(&w, at);
    activate(&w, policy_with("  warn_percent", "  alerts: {bond_notice_days: 0}\n  warn_percent", text, sizeof text),
             "", 3);
    wait(&w, 20 * DAY - HOUR);
    none(&w, at);
    activate(&w, policy_with("{from: 2026-01-01", "{from: 2028-01-01", text, sizeof text), "", 4);
    watch(&w);
    expect(&w, &at, 1, ALERT_EXPIRING);
    world_close(&w);
}

/* ------------------------------------------------------------------ topping up */

static void energy(world *w, uint32_t n, int64_t mwh) { granted(once(w, OPERATION_ENERGY, n, mwh)); }

static int64_t end_of(int year, int month, int day) {
    return clock_ms_of_day(clock_day_from_date(year, month, day) + 1);
}

Test(alert, a_shortfall_is_topped_up) {
    world w = started(); /* a Tuesday */
    uint64_t at = 0;
    energy(&w, 1, 1250); /* 1250 × 800 = 1,000,000 */
    none(&w, at);
    energy(&w, 1, 1251);
    alert a = expect(&w, &at, 1, ALERT_TOPUP);
    cr_assert(a.required_fen == 1000800 && a.lodged_fen == MILLION);
    cr_assert_eq(a.due_ms, end_of(2026, 11, 27), "Wednesday, Thursday, Friday");
    energy(&w, 1, 1300);
    wait(&w, 2 * DAY);
    none(&w, at);
    pledge(&w, 1, 77, INSTRUMENT_DEPOSIT, 40000, UINT32_MAX);
    a = expect(&w, &at, 1, ALERT_TOPPED_UP);
    cr_assert_eq(a.due_ms, 0);
    cr_assert_eq(account_of(&w, 1).topup_day, 0);
    energy(&w, 1, 2000);
    expect(&w, &at, 1, ALERT_TOPUP);
    world_close(&w);
}

Test(alert, a_shortfall_is_not_topped_up) {
    world w = started();
    uint64_t at = 0;
    energy(&w, 1, 1300);
    int64_t due = expect(&w, &at, 1, ALERT_TOPUP).due_ms;
    wait(&w, due - 1 - w.now_ms);
    none(&w, at);
    wait(&w, 1);
    cr_assert_eq(expect(&w, &at, 1, ALERT_OVERDUE).due_ms, due);
    cr_assert(account_of(&w, 1).flags & ACCOUNT_TOPUP_OVERDUE);
    wait(&w, 10 * DAY);
    none(&w, at);
    energy(&w, 1, 10);
    expect(&w, &at, 1, ALERT_TOPPED_UP);
    cr_assert_eq(account_of(&w, 1).flags, 0);
    world_close(&w);
}

#define CALENDAR                                                                                                       \
    "calendar: test\ntitle: test\nauthority: test\nlegal_basis: test\nholidays: [2026-11-26, 2026-11-27]\n"            \
    "workdays: [2026-11-28]\n"

Test(alert, working_days_over_weekends_and_holidays) {
    struct {
        int start_day; /* of November 2026; the 24th is a Tuesday */
        const char *calendar;
        int due_month, due_day;
    } cases[] = {
        {25, "", 11, 30},       /* Thursday, Friday, Monday */
        {28, "", 12, 2},        /* from a Saturday: Monday, Tuesday, Wednesday */
        {24, CALENDAR, 11, 30}, /* Wednesday 25, Saturday 28 as a working day, Monday 30 */
        {27, CALENDAR, 12, 1},  /* from a holiday: Saturday 28, Monday, Tuesday */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world w = started();
        uint64_t at = 0;
        w.now_ms += (cases[i].start_day - 24) * DAY + DAY - 1; /* the last moment of the day counts as the day */
        if (cases[i].calendar[0] != '\0') activate(&w, HELP_POLICY, cases[i].calendar, 2);
        energy(&w, 1, 1300);
        alert a = expect(&w, &at, 1, ALERT_TOPUP);
        cr_assert_eq(a.due_ms, end_of(2026, cases[i].due_month, cases[i].due_day), "case %zu", i);
        world_close(&w);
    }
}

Test(alert, days_to_top_up_by_policy) {
    world w = started();
    uint64_t at = 0;
    char text[8192];
    activate(&w, policy_with("  warn_percent", "  alerts: {topup_days: 0}\n  warn_percent", text, sizeof text), "", 2);
    energy(&w, 1, 1300);
    cr_assert_eq(expect(&w, &at, 1, ALERT_TOPUP).due_ms, end_of(2026, 11, 24));
    wait(&w, DAY);
    expect(&w, &at, 1, ALERT_OVERDUE);
    world_close(&w);
}

Test(alert, a_bond_that_ends_leaves_a_shortfall_and_a_level) {
    world w = started();
    uint64_t at = 0;
    pledge(&w, 1, 77, INSTRUMENT_BOND, MILLION, hour_in(&w, 40 * DAY));
    energy(&w, 1, 2000);
    granted(once(&w, OPERATION_FREEZE, 1, 0));
    at = alerts_newest(engine_alerts(w.e));
    granted(once(&w, OPERATION_UNFREEZE, 1, 0));
    expect(&w, &at, 1, ALERT_UNFROZEN);
    world_begin(&w);
    operation_id id = world_reserve(&w, 1, 1000000, 3600000);
    granted(world_resolve(&w, OPERATION_COMMIT, 1, 0, id));
    world_commit(&w);
    wait(&w, 39 * DAY);
    expect(&w, &at, 1, ALERT_EXPIRING);
    wait(&w, DAY);
    alert found[4];
    cr_assert_eq(alerts_after(engine_alerts(w.e), at, found, 4), 3);
    cr_assert(found[0].kind == ALERT_USAGE && found[0].level == 2);
    cr_assert(found[1].kind == ALERT_EXPIRED && found[2].kind == ALERT_TOPUP);
    world_close(&w);
}

/* ------------------------------------------------------------------ freezing, acknowledging, restarts */

Test(alert, freezing) {
    world w = started();
    uint64_t at = 0;
    granted(once(&w, OPERATION_FREEZE, 1, 0));
    alert a = expect(&w, &at, 1, ALERT_FROZEN);
    cr_assert(a.due_ms == 0 && a.level == 0 && a.lodged_fen == MILLION);
    cr_assert_eq(once(&w, OPERATION_FREEZE, 1, 0).status, STATUS_ALREADY_FROZEN);
    none(&w, at);
    granted(once(&w, OPERATION_UNFREEZE, 1, 0));
    expect(&w, &at, 1, ALERT_UNFROZEN);
    cr_assert_not(watch(&w));
    world_close(&w);
}

static status acknowledge(world *w, uint64_t number) {
    world_begin(w);
    status code = txn_acknowledge(w->t, number);
    if (code == STATUS_OK) cr_assert_eq(txn_acknowledge(w->t, number), STATUS_UNKNOWN_ALERT, "once");
    world_commit(w);
    return code;
}

Test(alert, acknowledged_ones_are_gone_for_good) {
    world w = started();
    granted(once(&w, OPERATION_FREEZE, 1, 0));
    granted(once(&w, OPERATION_FREEZE, 2, 0));
    granted(once(&w, OPERATION_FREEZE, 6, 0));
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
    granted(once(&w, OPERATION_UNFREEZE, 1, 0));
    cr_assert_eq(expect(&w, &at, 1, ALERT_UNFROZEN).number, 4, "a number is never used again");
    world_close(&w);
}

/* The newest number outlives its alert, whose record is gone. */
Test(alert, numbers_are_kept_when_tables_are_folded) {
    world w = started();
    granted(once(&w, OPERATION_FREEZE, 1, 0));
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

Test(alert, once_whatever_the_restarts) {
    world w = started();
    pledge(&w, 1, 77, INSTRUMENT_BOND, 100000, hour_in(&w, 5 * DAY));
    energy(&w, 2, 100000);
    reserve(&w, 1, MILLION);
    granted(once(&w, OPERATION_FREEZE, 6, 0));
    alert before[16], after[16];
    for (unsigned day = 0; day < 12; day++) {
        wait(&w, DAY);
        size_t n = alerts_after(engine_alerts(w.e), 0, before, 16);
        cr_assert(n >= 4 && n <= 8);
        world_restart(&w);
        cr_assert_eq(alerts_newest(engine_alerts(w.e)), n);
        cr_assert_not(watch(&w));
        cr_assert_eq(alerts_after(engine_alerts(w.e), 0, after, 16), n);
        cr_assert_arr_eq(before, after, n * sizeof *before);
    }
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 6, "usage, expiring, expired; topup, overdue; frozen");
    world_close(&w);
}

Test(alert, damaged_records_are_refused) {
    world w = started();
    granted(once(&w, OPERATION_FREEZE, 1, 0));
    alert a;
    cr_assert_eq(alerts_after(engine_alerts(w.e), 0, &a, 1), 1);
    uint8_t key[KEY_ALERT], value[1 + ALERT_IMAGE] = {IMAGE_ALERT};
    alerts_put_key(1, key);
    alert_encode(&a, value + 1);
    alert again;
    cr_assert_eq(alert_decode(value + 1, &again), STATUS_OK);
    cr_assert_arr_eq(&a, &again, sizeof a);
    change c = {CHANGE_ALERTS, key, sizeof key, value, sizeof value, false};
    cr_assert_eq(engine_apply(w.e, &c), STATUS_OK, "twice is harmless");
    struct {
        unsigned at;
        uint8_t byte;
    } damage[] = {{0, 2},      {1, 2},  {1 + 16, 9}, {1 + 28, 0},   {1 + 28, 16}, {1 + 29, 0}, {1 + 29, 9},
                  {1 + 29, 1}, {31, 1}, {32, 1},     {1 + 47, 128}, {1 + 72, 1},  {1 + 80, 1}, {1 + 95, 1}};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        uint8_t kept = value[damage[i].at];
        value[damage[i].at] = damage[i].byte;
        cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT, "case %zu", i);
        value[damage[i].at] = kept;
    }
    c.value_length--;
    cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT);
    c.value_length++;
    c.key_length--;
    cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT);
    uint8_t numbers[ALERTS_IMAGE] = {IMAGE_ALERT + 1};
    c = (change){CHANGE_STATE, (const uint8_t *)STATE_ALERTS, strlen(STATE_ALERTS), numbers, sizeof numbers, false};
    cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT);
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 1);
    world_check(w.e);
    world_close(&w);
}

/* ------------------------------------------------------------------ nothing is left behind */

Test(alert, an_aborted_group_leaves_nothing) {
    world w = started();
    granted(once(&w, OPERATION_FREEZE, 2, 0));
    pledge(&w, 6, 77, INSTRUMENT_BOND, 100000, hour_in(&w, 35 * DAY));
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
    cr_assert_eq(account_of(&w, 1).warned, 0);
    cr_assert_eq(account_of(&w, 6).instruments[1].alerted, 0);
    uint64_t at = 1;
    watch(&w);
    expect(&w, &at, 6, ALERT_EXPIRING);
    cr_assert_eq(at, 2);
    reserve(&w, 1, MILLION);
    expect(&w, &at, 1, ALERT_USAGE);
    world_close(&w);
}

static operation linked(operation op) {
    op.flags = OPERATION_LINKED;
    return op;
}

Test(alert, a_chain_that_is_taken_back_leaves_nothing) {
    world w = started();
    uint64_t at = 0;
    for (unsigned before = 0; before < 2; before++) { /* with an account in the group already, and without */
        world_begin(&w);
        if (before == 1) granted(world_do(&w, OPERATION_FREEZE, 2, 0));
        operation ops[3] = {linked(world_operation(&w, OPERATION_RESERVE, 1, MILLION)),
                            linked(world_operation(&w, OPERATION_RESERVE, 6, MILLION)),
                            world_operation(&w, OPERATION_SETTLE, 1, 1)};
        operation_result results[3] = {0};
        txn_operate_all(w.t, ops, 3, results);
        cr_assert_eq(results[2].status, STATUS_OVER_COMMITTED);
        cr_assert_eq(results[0].status, STATUS_LINKED_FAILED);
        world_commit(&w);
        if (before == 1) expect(&w, &at, 2, ALERT_FROZEN);
        none(&w, at);
        cr_assert_eq(account_of(&w, 1).warned, 0);
    }
    world_begin(&w);
    operation ops[2] = {linked(world_operation(&w, OPERATION_RESERVE, 1, MILLION)),
                        world_operation(&w, OPERATION_UNFREEZE, 2, 0)};
    operation_result results[2] = {0};
    txn_operate_all(w.t, ops, 2, results);
    granted(results[1]);
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

Test(alert, beyond_the_limit_the_oldest_gives_way) {
    world w = started();
    limit_to(&w, 3);
    for (unsigned i = 0; i < 4; i++) granted(once(&w, i % 2 == 0 ? OPERATION_FREEZE : OPERATION_UNFREEZE, 1, 0));
    alert found[5];
    cr_assert_eq(alerts_after(engine_alerts(w.e), 0, found, 5), 3);
    cr_assert(found[0].number == 2 && found[2].number == 4);
    /* acknowledged within the group: there is room for one, and the next takes the place of the oldest */
    world_begin(&w);
    cr_assert_eq(txn_acknowledge(w.t, 2), STATUS_OK);
    granted(world_do(&w, OPERATION_FREEZE, 1, 0));
    granted(world_do(&w, OPERATION_FREEZE, 2, 0));
    /* a chain that is taken back makes nobody give way */
    operation ops[2] = {linked(world_operation(&w, OPERATION_FREEZE, 6, 0)),
                        world_operation(&w, OPERATION_SETTLE, 1, 1)};
    operation_result results[2] = {0};
    txn_operate_all(w.t, ops, 2, results);
    cr_assert_eq(results[1].status, STATUS_OVER_COMMITTED);
    cr_assert_eq(txn_acknowledge(w.t, 3), STATUS_UNKNOWN_ALERT, "it has given way");
    world_commit(&w);
    cr_assert_eq(alerts_after(engine_alerts(w.e), 0, found, 5), 3);
    cr_assert(found[0].number == 4 && found[1].number == 5 && found[2].number == 6);
    engine_stats stats;
    engine_get_stats(w.e, &stats);
    cr_assert(stats.alerts_open == 3 && stats.alerts_dropped == 2);
    world_restart(&w);
    engine_get_stats(w.e, &stats);
    cr_assert(stats.alerts_open == 3 && stats.alerts_dropped == 2);
    world_close(&w);
}

/* ------------------------------------------------------------------ the walk in portions */

Test(alert, the_walk_goes_on_where_it_ended) {
    world w;
    world_open(&w);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    for (uint32_t n = 0; n < 500; n++) {
        world_subject(&w, n, PROFILE_ROLE_RETAILER, MARKET_A);
        granted(world_pledge(&w, n, 1, MILLION, hour_in(&w, 31 * DAY)));
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

/* What this group has done to accounts and subjects before the walk counts. */
Test(alert, the_walk_sees_its_own_group) {
    world w = started();
    uint64_t at = 0;
    world_begin(&w);
    world_reserve(&w, 2, 860000, 0);
    world_subject(&w, 2, PROFILE_ROLE_RETAILER, MARKET_B);
    while (!txn_watch(w.t, 100)) {
    }
    world_commit(&w);
    cr_assert_eq(expect(&w, &at, 2, ALERT_USAGE).level, 1);
    account a = account_of(&w, 2);
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
    granted(r);
}

/* A group of everything; the numbers of alerts are those of a group in which nothing failed. False once nothing has
 * failed. */
static bool try_group(long n, bool for_long) {
    trial t = {.w = started(), .n = n, .lasting = for_long};
    world *w = &t.w;
    granted(once(w, OPERATION_FREEZE, 1, 0));
    for (uint32_t s = 1; s <= 6; s++) pledge(w, s, 100 + s, INSTRUMENT_BOND, 1000, hour_in(w, 31 * DAY));
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
    cr_assert_not(watch(w));
    bool failed_once = t.failed_once;
    world_close(w);
    return failed_once;
}

Test(alert, memory_that_is_short, .init = hook) {
    for (unsigned for_long = 0; for_long < 2; for_long++) {
        long n = 0;
        while (try_group(n, for_long != 0)) n++;
        if (REPLACE_MALLOC) cr_assert_gt(n, 8);
    }
}

/* ------------------------------------------------------------------ the policy's numbers */

static void refuses(const char *line, const char *says) {
    char text[8192], with[256];
    snprintf(with, sizeof with, "  %s\n  warn_percent", line);
    policy_with("  warn_percent", with, text, sizeof text);
    policy_file file = {.name = "power.yaml", .text = text, .length = strlen(text)};
    policy_findings findings = {0};
    policy_set *set = NULL;
    cr_assert_eq(policy_load(&file, 1, 1, &findings, &set), STATUS_POLICY_INVALID, "%s", line);
    bool said = false;
    for (size_t i = 0; i < findings.count; i++) said |= strstr(findings.items[i].message, says) != NULL;
    cr_assert(said, "%s: %s", line, findings.count > 0 ? findings.items[0].message : "");
    policy_findings_deinit(&findings);
}

Test(alert, numbers_that_a_policy_may_not_give) {
    refuses("alerts: {bond_notice_days: 366}", "bond_notice_days");
    refuses("alerts: {bond_notice_days: -1}", "bond_notice_days");
    refuses("alerts: {topup_days: 61}", "topup_days");
    refuses("alerts: {topup_days: 1.5}", "topup_days");
    refuses("alerts: {bond_days: 3}", "bond_days");
    refuses("alerts: [30, 3]", "'alerts'");
}

/* What the shipped policies say, and what is meant if nothing is said. */
Test(alert, numbers_of_policies) {
    world w = started();
    subject_id id = help_subject(1);
    profile p;
    guarantee_terms terms;
    cr_assert(engine_profile(w.e, &id, world_moment(&w), &p));
    cr_assert_eq(policy_terms(engine_policy(w.e), PROGRAM_POWER, &p, world_moment(&w), &terms), STATUS_OK);
    cr_assert(terms.bond_notice_days == 30 && terms.topup_days == 3);
    char text[8192];
    activate(&w, policy_with("  warn_percent", "  alerts: {topup_days: 60}\n  warn_percent", text, sizeof text), "", 2);
    cr_assert_eq(policy_terms(engine_policy(w.e), PROGRAM_POWER, &p, world_moment(&w), &terms), STATUS_OK);
    cr_assert(terms.bond_notice_days == 30 && terms.topup_days == 60);
    world_close(&w);
}

/* ------------------------------------------------------------------ the container */

static alert numbered(uint64_t number) {
    return (alert){.number = number, .subject = help_subject(1), .program = 1, .kind = ALERT_FROZEN};
}

/* Against a row of flags, in any order of loading and acknowledging. */
Test(alert, the_container) {
    enum { N = 3000 };
    static bool open[N + 1];
    uint64_t random = help_seed("alert_container");
    alerts *a;
    char problem[128] = "";
    cr_assert_eq(alerts_create(N, &a), STATUS_OK);
    uint64_t newest = 0;
    size_t count = 0;
    for (unsigned step = 0; step < 30000; step++) {
        uint64_t number = 1 + help_below(&random, N);
        unsigned kind = help_below(&random, 8);
        if (kind == 0 && newest < N) {
            cr_assert_eq(alerts_reserve(a, 1), STATUS_OK);
            newest++;
            alert added = numbered(newest);
            alerts_add(a, &added);
            open[newest] = true;
            count++;
        } else if (kind < 4 && number <= newest) {
            alert loaded = numbered(number);
            cr_assert_eq(alerts_load(a, &loaded), STATUS_OK);
            count += !open[number];
            open[number] = true;
        } else if (kind >= 4 && number <= newest) {
            cr_assert_eq(alerts_remove(a, number), open[number]);
            count -= open[number];
            open[number] = false;
        }
        cr_assert_eq(alerts_find(a, number) != NULL, open[number]);
        cr_assert_eq(alerts_count(a), count);
        cr_assert_eq(alerts_newest(a), newest);
        if (step % 500 != 0) continue;
        cr_assert(alerts_check(a, problem, sizeof problem), "%s", problem);
        alert page[7];
        uint64_t after = 0;
        size_t n, seen = 0;
        while ((n = alerts_after(a, after, page, 7)) > 0)
            for (size_t i = 0; i < n; i++, seen++) {
                for (after++; !open[after]; after++) {
                }
                cr_assert_eq(page[i].number, after);
            }
        cr_assert_eq(seen, count);
    }
    for (uint64_t number = 1; number <= newest; number++) alerts_remove(a, number);
    cr_assert_eq(alerts_count(a), 0);
    cr_assert_lt(alerts_bytes(a), 40000, "memory follows what is open");
    alert none_left;
    cr_assert_eq(alerts_after(a, 0, &none_left, 1), 0);
    cr_assert_eq(alerts_after(a, UINT64_MAX, &none_left, 1), 0);
    alerts_destroy(&a);
    cr_assert_null(a);
}

Test(alert, names) {
    cr_assert_null(alert_kind_name(0));
    cr_assert_null(alert_kind_title(ALERT_KIND_END));
    for (unsigned k = 1; k < ALERT_KIND_END; k++) cr_assert(alert_kind_name(k) != NULL && alert_kind_title(k) != NULL);
    cr_assert_str_eq(alert_kind_name(ALERT_TOPPED_UP), "topped_up");
    cr_assert_str_eq(alert_kind_title(ALERT_OVERDUE), "逾期未补缴");
}
