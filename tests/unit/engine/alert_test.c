/* What raises which alert: each kind, the numbers of policies, and that a level is told once for each crossing. */
#include "tests/unit/alert_world.h"
#include "tests/unit/report_world.h"

/* ------------------------------------------------------------------ usage */

Test(alert, levels_of_usage) {
    world w = world_started();
    uint64_t at = 0;
    world_reserve_now(&w, 1, 823999); /* limit 1,030,000: 80 % is 824,000 */
    world_no_alert(&w, at);
    world_reserve_now(&w, 1, 1);
    alert a = world_alert(&w, &at, 1, ALERT_USAGE);
    cr_assert_eq(a.number, 1);
    cr_assert_eq(a.level, 1);
    cr_assert_eq(a.usage_percent, 80);
    cr_assert(a.limit_fen == 1030000 && a.used_fen == 824000 && a.lodged_fen == MILLION && a.required_fen == 0);
    cr_assert(a.instrument == 0 && a.due_ms == 0 && a.account_version == world_account(&w, 1).seq >> 1);
    world_reserve_now(&w, 1, 1);
    world_no_alert(&w, at);
    world_reserve_now(&w, 1, 1030000 - 824001);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_USAGE).level, 3, "one alert for the highest level reached");
    cr_assert_eq(world_account(&w, 1).warned, 3);
    cr_assert_not(world_watch(&w));
    world_no_alert(&w, at);
    world_close(&w);
}

Test(alert, a_level_is_left_and_reached_again) {
    world w = world_started();
    uint64_t at = 0;
    operation_id first = world_reserve_now(&w, 1, 900000), second = world_reserve_now(&w, 1, 30000);
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 2);
    at = 2;
    world_resolve_now(&w, OPERATION_RELEASE, 1, second);
    world_no_alert(&w, at);
    cr_assert_eq(world_account(&w, 1).warned, 1, "a fall is remembered");
    world_reserve_now(&w, 1, 30000);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_USAGE).level, 2);
    world_resolve_now(&w, OPERATION_COMMIT, 1, first);
    world_no_alert(&w, at);
    world_granted(world_once(&w, OPERATION_SETTLE, 1, 900000));
    cr_assert_eq(world_account(&w, 1).warned, 0);
    /* several crossings in one group: each has its alert */
    world_begin(&w);
    operation_id id = world_reserve(&w, 1, 900000, 0);
    world_granted(world_resolve(&w, OPERATION_RELEASE, 1, 0, id));
    world_reserve(&w, 1, 900000, 0);
    world_commit(&w);
    alert found[3];
    cr_assert_eq(alerts_after(engine_alerts(w.e), at, found, 3), 2);
    cr_assert(found[0].level == 2 && found[1].level == 2 && found[1].number == found[0].number + 1);
    world_close(&w);
}

Test(alert, an_expired_reservation_is_a_fall) {
    world w = world_started();
    uint64_t at = 0;
    world_reserve_now(&w, 1, 900000);
    world_alert(&w, &at, 1, ALERT_USAGE);
    w.now_ms += 300000; /* it ends as the next group begins, in which the level is reached again */
    world_reserve_now(&w, 1, 900000);
    world_alert(&w, &at, 1, ALERT_USAGE);
    w.now_ms += 300000;
    world_watch(&w);
    world_no_alert(&w, at);
    cr_assert_eq(world_account(&w, 1).warned, 0);
    world_close(&w);
}

Test(alert, the_exempt_have_no_level) {
    world w = world_started();
    uint64_t at = 0;
    world_reserve_now(&w, 5, 5 * MILLION);
    world_watch(&w);
    world_no_alert(&w, at);
    world_grade(&w, 5, MARKET_B); /* a generator below A is exempt no longer */
    world_watch(&w);
    cr_assert_eq(world_alert(&w, &at, 5, ALERT_USAGE).level, 3);
    world_grade(&w, 5, MARKET_A);
    world_watch(&w);
    world_no_alert(&w, at);
    cr_assert_eq(world_account(&w, 5).warned, 0);
    world_close(&w);
}

Test(alert, a_grade_that_falls) {
    world w = world_started();
    uint64_t at = 0;
    world_reserve_now(&w, 2, 860000); /* AAA: limit 1,080,000, 79.6 % */
    world_no_alert(&w, at);
    world_grade(&w, 2, MARKET_B); /* limit 1,000,000 */
    world_no_alert(&w, at);
    uint32_t version = world_account(&w, 2).seq >> 1;
    world_watch(&w);
    alert a = world_alert(&w, &at, 2, ALERT_USAGE);
    cr_assert(a.level == 1 && a.usage_percent == 86 && a.limit_fen == MILLION);
    cr_assert_eq(world_account(&w, 2).seq >> 1, version, "to be told about is no change of an account");
    world_grade(&w, 2, MARKET_AAA);
    world_watch(&w);
    world_grade(&w, 2, MARKET_B);
    world_watch(&w);
    world_alert(&w, &at, 2, ALERT_USAGE);
    world_close(&w);
}

Test(alert, a_policy_that_warns_earlier) {
    world w = world_started();
    uint64_t at = 0;
    char text[8192];
    world_reserve_now(&w, 1, 600000);
    world_watch(&w);
    world_no_alert(&w, at);
    world_activate_with(&w, help_policy_with("[80, 90, 100]", "[50, 55, 60]", text, sizeof text), "", 2);
    world_watch(&w);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_USAGE).level, 2);
    /* a policy that is not in force yet judges nothing: what was raised stays remembered */
    world_activate_with(&w, help_policy_with("{from: 2026-01-01", "{from: 2028-01-01", text, sizeof text), "", 3);
    cr_assert_not(world_watch(&w));
    cr_assert_eq(world_account(&w, 1).warned, 2);
    world_activate_with(&w, help_policy_with("[80, 90, 100]", "[50, 55, 60]", text, sizeof text), "", 4);
    world_watch(&w);
    world_no_alert(&w, at);
    world_close(&w);
}

/* What ends by itself counts from its day on, whether the sweep has been there or not. */
Test(alert, an_observation_that_ends) {
    world w;
    uint64_t at = 0;
    report_world_open(&w);
    world_begin(&w);
    world_subject(&w, 1, PROFILE_ROLE_GENERATOR, MARKET_A);
    world_granted(world_pledge(&w, 1, 1, MILLION, UINT32_MAX));
    operation_id id = world_reserve(&w, 1, 2 * MILLION, 0);
    world_granted(world_resolve(&w, OPERATION_COMMIT, 1, 0, id));
    for (unsigned i = 0; i < 3; i++) { /* nine points: under observation, not exempt */
        report r = world_report(REPORT_RECORD_ADD, 1, (const char *[]){"a", "b", "c"}[i]);
        r.type = 501;
        cr_assert_eq(world_send(&w, &r).status, STATUS_OK);
    }
    world_commit(&w);
    world_no_alert(&w, at);
    world_watch(&w);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_USAGE).level, 3);
    world_wait(&w, 364 * DAY);
    cr_assert_eq(world_account(&w, 1).warned, 3);
    world_wait(&w, 2 * DAY);
    cr_assert_eq(world_account(&w, 1).warned, 0);
    world_no_alert(&w, at);
    world_close(&w);
}

/* ------------------------------------------------------------------ instruments */

Test(alert, a_bond_ends) {
    world w = world_started();
    uint64_t at = 0;
    uint32_t end = world_hour_in(&w, 40 * DAY);
    world_pledge_now(&w, 1, 77, INSTRUMENT_BOND, 500000, end);
    world_watch(&w);
    world_no_alert(&w, at);
    world_wait(&w, 10 * DAY - 1);
    world_no_alert(&w, at);
    world_wait(&w, 1);
    alert a = world_alert(&w, &at, 1, ALERT_EXPIRING);
    cr_assert(a.instrument == 77 && a.instrument_kind == INSTRUMENT_BOND && a.due_ms == end * HOUR && a.level == 0);
    world_wait(&w, 30 * DAY - 1);
    world_no_alert(&w, at);
    world_wait(&w, 1);
    a = world_alert(&w, &at, 1, ALERT_EXPIRED);
    cr_assert(a.instrument == 77 && a.due_ms == w.now_ms && a.lodged_fen == MILLION);
    cr_assert_eq(world_account(&w, 1).instruments[1].alerted, INSTRUMENT_EXPIRING | INSTRUMENT_EXPIRED);
    world_wait(&w, 100 * DAY);
    world_no_alert(&w, at);
    world_close(&w);
}

Test(alert, what_ends_soon_is_told_when_it_is_pledged) {
    world w = world_started();
    uint64_t at = 0;
    world_pledge_now(&w, 1, 77, INSTRUMENT_GROUP_GUARANTEE, 500000, world_hour_in(&w, 30 * DAY));
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_EXPIRING).instrument_kind, INSTRUMENT_GROUP_GUARANTEE);
    world_pledge_now(&w, 1, 78, INSTRUMENT_DEPOSIT, 500000, world_hour_in(&w, HOUR));
    world_no_alert(&w, at);
    world_wait(&w, HOUR);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_EXPIRED).instrument_kind, INSTRUMENT_DEPOSIT);
    world_close(&w);
}

Test(alert, a_bond_that_has_not_begun) {
    world w = world_started();
    uint64_t at = 0;
    world_begin(&w);
    operation op = world_operation(&w, OPERATION_PLEDGE, 1, 500000);
    op.instrument = 77;
    op.instrument_kind = INSTRUMENT_BOND;
    op.from_hour = world_hour_in(&w, 2 * DAY);
    op.to_hour = world_hour_in(&w, 4 * DAY);
    world_granted(world_operate(&w, &op));
    world_commit(&w);
    world_watch(&w);
    world_no_alert(&w, at);
    world_wait(&w, 2 * DAY);
    world_alert(&w, &at, 1, ALERT_EXPIRING);
    world_close(&w);
}

Test(alert, an_amended_end_is_another_end) {
    world w = world_started();
    uint64_t at = 0;
    world_pledge_now(&w, 1, 77, INSTRUMENT_BOND, 500000, world_hour_in(&w, 20 * DAY));
    world_alert(&w, &at, 1, ALERT_EXPIRING);
    world_begin(&w);
    operation op = world_operation(&w, OPERATION_AMEND, 1, 400000);
    op.instrument = 77;
    world_granted(world_operate(&w, &op));
    world_commit(&w);
    world_no_alert(&w, at);
    world_begin(&w);
    op = world_operation(&w, OPERATION_AMEND, 1, 0);
    op.instrument = 77;
    op.to_hour = world_hour_in(&w, 60 * DAY);
    world_granted(world_operate(&w, &op));
    world_commit(&w);
    world_watch(&w);
    world_no_alert(&w, at);
    world_wait(&w, 30 * DAY);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_EXPIRING).due_ms, op.to_hour * HOUR);
    world_close(&w);
}

Test(alert, notice_by_policy_and_without_one) {
    world w = world_started();
    uint64_t at = 0;
    char text[8192];
    world_activate_with(&w,
                        help_policy_with("  warn_percent",
                                         "  alerts: {bond_notice_days: 2, topup_days: 1}\n  warn_percent", text,
                                         sizeof text),
                        "", 2);
    world_pledge_now(&w, 1, 77, INSTRUMENT_BOND, 500000, world_hour_in(&w, 20 * DAY));
    world_watch(&w);
    world_no_alert(&w, at);
    world_activate_with(
        &w, help_policy_with("  warn_percent", "  alerts: {bond_notice_days: 0}\n  warn_percent", text, sizeof text),
        "", 3);
    world_wait(&w, 20 * DAY - HOUR);
    world_no_alert(&w, at);
    world_activate_with(&w, help_policy_with("{from: 2026-01-01", "{from: 2028-01-01", text, sizeof text), "", 4);
    world_watch(&w);
    world_alert(&w, &at, 1, ALERT_EXPIRING);
    world_close(&w);
}

/* ------------------------------------------------------------------ topping up */

static int64_t end_of(int year, int month, int day) {
    return clock_ms_of_day(clock_day_from_date(year, month, day) + 1);
}

Test(alert, a_shortfall_is_topped_up) {
    world w = world_started(); /* a Tuesday */
    uint64_t at = 0;
    world_energy(&w, 1, 1250); /* 1250 × 800 = 1,000,000 */
    world_no_alert(&w, at);
    world_energy(&w, 1, 1251);
    alert a = world_alert(&w, &at, 1, ALERT_TOPUP);
    cr_assert(a.required_fen == 1000800 && a.lodged_fen == MILLION);
    cr_assert_eq(a.due_ms, end_of(2026, 11, 27), "Wednesday, Thursday, Friday");
    world_energy(&w, 1, 1300);
    world_wait(&w, 2 * DAY);
    world_no_alert(&w, at);
    world_pledge_now(&w, 1, 77, INSTRUMENT_DEPOSIT, 40000, UINT32_MAX);
    a = world_alert(&w, &at, 1, ALERT_TOPPED_UP);
    cr_assert_eq(a.due_ms, 0);
    cr_assert_eq(world_account(&w, 1).topup_day, 0);
    world_energy(&w, 1, 2000);
    world_alert(&w, &at, 1, ALERT_TOPUP);
    world_close(&w);
}

Test(alert, a_shortfall_that_is_put_right_at_once) {
    world w = world_started();
    world_granted(world_once(&w, OPERATION_ENERGY, 1, 2000));
    world_pledge_now(&w, 1, 77, INSTRUMENT_DEPOSIT, MILLION, UINT32_MAX);
    world_watch(&w);
    world_no_alert(&w, 0);
    world_begin(&w);
    world_granted(world_withdraw(&w, 1, 77));
    world_granted(world_pledge(&w, 1, 78, 2 * MILLION, UINT32_MAX));
    world_commit(&w);
    world_watch(&w);
    world_no_alert(&w, 0);
    world_close(&w);
}

Test(alert, a_shortfall_is_not_topped_up) {
    world w = world_started();
    uint64_t at = 0;
    world_energy(&w, 1, 1300);
    int64_t due = world_alert(&w, &at, 1, ALERT_TOPUP).due_ms;
    world_wait(&w, due - 1 - w.now_ms);
    world_no_alert(&w, at);
    world_wait(&w, 1);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_OVERDUE).due_ms, due);
    cr_assert(world_account(&w, 1).flags & ACCOUNT_TOPUP_OVERDUE);
    world_wait(&w, 10 * DAY);
    world_no_alert(&w, at);
    world_energy(&w, 1, 10);
    world_alert(&w, &at, 1, ALERT_TOPPED_UP);
    cr_assert_eq(world_account(&w, 1).flags, 0);
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
        world w = world_started();
        uint64_t at = 0;
        w.now_ms += (cases[i].start_day - 24) * DAY + DAY - 1; /* the last moment of the day counts as the day */
        if (cases[i].calendar[0] != '\0') world_activate_with(&w, HELP_POLICY, cases[i].calendar, 2);
        world_energy(&w, 1, 1300);
        alert a = world_alert(&w, &at, 1, ALERT_TOPUP);
        cr_assert_eq(a.due_ms, end_of(2026, cases[i].due_month, cases[i].due_day), "case %zu", i);
        world_close(&w);
    }
}

Test(alert, days_to_top_up_by_policy) {
    world w = world_started();
    uint64_t at = 0;
    char text[8192];
    world_activate_with(
        &w, help_policy_with("  warn_percent", "  alerts: {topup_days: 0}\n  warn_percent", text, sizeof text), "", 2);
    world_energy(&w, 1, 1300);
    cr_assert_eq(world_alert(&w, &at, 1, ALERT_TOPUP).due_ms, end_of(2026, 11, 24));
    world_wait(&w, DAY);
    world_alert(&w, &at, 1, ALERT_OVERDUE);
    world_close(&w);
}

Test(alert, a_bond_that_ends_leaves_a_shortfall_and_a_level) {
    world w = world_started();
    uint64_t at = 0;
    world_pledge_now(&w, 1, 77, INSTRUMENT_BOND, MILLION, world_hour_in(&w, 40 * DAY));
    world_energy(&w, 1, 2000);
    world_granted(world_once(&w, OPERATION_FREEZE, 1, 0));
    at = alerts_newest(engine_alerts(w.e));
    world_granted(world_once(&w, OPERATION_UNFREEZE, 1, 0));
    world_alert(&w, &at, 1, ALERT_UNFROZEN);
    world_begin(&w);
    operation_id id = world_reserve(&w, 1, 1000000, 3600000);
    world_granted(world_resolve(&w, OPERATION_COMMIT, 1, 0, id));
    world_commit(&w);
    world_wait(&w, 39 * DAY);
    world_alert(&w, &at, 1, ALERT_EXPIRING);
    world_wait(&w, DAY);
    alert found[4];
    cr_assert_eq(alerts_after(engine_alerts(w.e), at, found, 4), 3);
    cr_assert(found[0].kind == ALERT_USAGE && found[0].level == 2);
    cr_assert(found[1].kind == ALERT_EXPIRED && found[2].kind == ALERT_TOPUP);
    world_close(&w);
}

/* ------------------------------------------------------------------ freezing */

Test(alert, freezing) {
    world w = world_started();
    uint64_t at = 0;
    world_granted(world_once(&w, OPERATION_FREEZE, 1, 0));
    alert a = world_alert(&w, &at, 1, ALERT_FROZEN);
    cr_assert(a.due_ms == 0 && a.level == 0 && a.lodged_fen == MILLION);
    cr_assert_eq(world_once(&w, OPERATION_FREEZE, 1, 0).status, STATUS_ALREADY_FROZEN);
    world_no_alert(&w, at);
    world_granted(world_once(&w, OPERATION_UNFREEZE, 1, 0));
    world_alert(&w, &at, 1, ALERT_UNFROZEN);
    cr_assert_not(world_watch(&w));
    world_close(&w);
}

/* ------------------------------------------------------------------ the policy's numbers */

static void refuses(const char *line, const char *says) {
    char text[8192], with[256];
    snprintf(with, sizeof with, "  %s\n  warn_percent", line);
    help_policy_with("  warn_percent", with, text, sizeof text);
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
    world w = world_started();
    subject_id id = help_subject(1);
    profile p;
    guarantee_terms terms;
    cr_assert(engine_profile(w.e, &id, world_moment(&w), &p));
    cr_assert_eq(policy_terms(engine_policy(w.e), PROGRAM_POWER, &p, world_moment(&w), &terms), STATUS_OK);
    cr_assert(terms.bond_notice_days == 30 && terms.topup_days == 3);
    char text[8192];
    world_activate_with(
        &w, help_policy_with("  warn_percent", "  alerts: {topup_days: 60}\n  warn_percent", text, sizeof text), "", 2);
    cr_assert_eq(policy_terms(engine_policy(w.e), PROGRAM_POWER, &p, world_moment(&w), &terms), STATUS_OK);
    cr_assert(terms.bond_notice_days == 30 && terms.topup_days == 60);
    world_close(&w);
}
