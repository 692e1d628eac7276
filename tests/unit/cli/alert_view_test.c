/* Alerts in words, as JSON, and which of them are wanted. */
#include "client/cli/alert_view.h"

#include "base/clock.h"
#include "engine/alert.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

static xinyi_alert alert_of(unsigned kind) {
    xinyi_alert a = {.number = 12,
                     .at_ms = clock_ms_of_day(clock_day_from_date(2026, 11, 24)) + 66605000, /* 18:30:05 */
                     .program = 1,
                     .kind = (uint8_t)kind,
                     .account_version = 9,
                     .usage_percent = 82,
                     .limit_fen = 1000000000,
                     .used_fen = 820000000,
                     .required_fen = 950000000,
                     .lodged_fen = 900000000};
    cr_assert_eq(xinyi_subject_parse("uscc:91530000MA00TTT099", &a.subject), 0);
    return a;
}

#define HEAD "2026-11-24 18:30:05  #12  "
#define WHO "  uscc:91530000MA00TTT099  "

static void shows(const xinyi_alert *a, const char *want) {
    cli c = {.command = ""};
    buf text = {0};
    alert_view_line(&c, a, &text);
    cr_expect_str_eq(buf_cstr(&text), want, "got\n%s\nwant\n%s", buf_cstr(&text), want);
    buf_deinit(&text);
}

Test(alert_view, usage) {
    xinyi_alert a = alert_of(ALERT_USAGE);
    a.level = 1;
    shows(&a,
          HEAD "usage 82%, level 1 of 3 额度使用告警" WHO "used ¥8,200,000.00 of ¥10,000,000.00, ¥1,800,000.00 left; "
               "settle exposure or lodge more before the limit is reached");
    a.level = 3;
    a.used_fen = 1000000001;
    a.usage_percent = 100;
    shows(&a, HEAD "usage 100%, level 3 of 3 额度使用告警" WHO "used ¥10,000,000.01 of ¥10,000,000.00, ¥0.01 over; no "
                   "new exposure until some is settled or more is lodged");
    a.limit_fen = 0;
    a.usage_percent = UINT32_MAX;
    shows(&a, HEAD "usage 额度使用告警" WHO "used ¥10,000,000.01 with no limit at all; no new exposure until guarantee "
                   "is lodged");
}

Test(alert_view, ends_of_instruments) {
    xinyi_alert a = alert_of(ALERT_EXPIRING);
    a.instrument = 7;
    a.instrument_kind = XINYI_BOND;
    a.due_ms = clock_ms_of_day(clock_day_from_date(2027, 1, 1)); /* the last day is the one before */
    shows(&a, HEAD "expiring 担保即将到期" WHO "bond 7 ends 2026-12-31; lodged ¥9,000,000.00, required ¥9,500,000.00; "
                   "renew it or pledge another before that");
    a.kind = ALERT_EXPIRED;
    a.due_ms = a.at_ms - 5000 - 30 * 60000;
    shows(&a,
          HEAD "expired 担保已到期" WHO "bond 7 has ended (2026-11-24 18:00); the limit is ¥10,000,000.00 now, used "
               "¥8,200,000.00; pledge another if it is still needed");
    a.limit_fen = 5;
    shows(&a, HEAD "expired 担保已到期" WHO "bond 7 has ended (2026-11-24 18:00); the limit is ¥0.05 now, used "
                   "¥8,200,000.00; no new exposure until another is pledged");
}

Test(alert_view, topping_up) {
    xinyi_alert a = alert_of(ALERT_TOPUP);
    a.due_ms = clock_ms_of_day(clock_day_from_date(2026, 11, 28));
    shows(&a,
          HEAD "topup 限期补缴" WHO "¥500,000.00 short: lodged ¥9,000,000.00 of ¥9,500,000.00 required; to be topped "
               "up by 2026-11-27");
    a.kind = ALERT_OVERDUE;
    shows(&a,
          HEAD "overdue 逾期未补缴" WHO "¥500,000.00 short: lodged ¥9,000,000.00 of ¥9,500,000.00 required; was due "
               "by 2026-11-27: demand it");
    a.kind = ALERT_TOPPED_UP;
    a.lodged_fen = a.required_fen;
    shows(&a, HEAD "topped_up 已补足" WHO "lodged ¥9,500,000.00 of ¥9,500,000.00 required; nothing more to do");
}

Test(alert_view, frozen_and_others) {
    xinyi_alert a = alert_of(ALERT_FROZEN);
    shows(&a, HEAD "frozen 账户冻结" WHO "used ¥8,200,000.00 of ¥10,000,000.00; no new exposure and nothing withdrawn "
                   "until it is unfrozen");
    a.kind = ALERT_UNFROZEN;
    shows(&a, HEAD "unfrozen 账户解冻" WHO "used ¥8,200,000.00 of ¥10,000,000.00; open for new exposure again");
    a.kind = 200; /* of a newer server */
    a.program = 3;
    shows(&a, HEAD "kind 200" WHO "program_3  used ¥8,200,000.00 of ¥10,000,000.00");
}

Test(alert_view, as_json) {
    xinyi_alert a = alert_of(ALERT_EXPIRING);
    a.instrument = 7;
    a.instrument_kind = XINYI_GROUP_GUARANTEE;
    a.due_ms = a.at_ms;
    jout j = {0};
    alert_view_json(&j, &a);
    json_t *d = json_loads(buf_cstr(&j.out), 0, NULL);
    cr_assert_not_null(d, "%s", buf_cstr(&j.out));
    cr_expect_eq(json_integer_value(json_object_get(d, "number")), 12);
    cr_expect_str_eq(json_string_value(json_object_get(d, "at")), "2026-11-24T18:30:05.000+08:00");
    cr_expect_str_eq(json_string_value(json_object_get(d, "due")), "2026-11-24T18:30:05.000+08:00");
    cr_expect_str_eq(json_string_value(json_object_get(d, "subject")), "uscc:91530000MA00TTT099");
    cr_expect_str_eq(json_string_value(json_object_get(d, "kind")), "expiring");
    cr_expect_str_eq(json_string_value(json_object_get(d, "instrument_kind")), "group_guarantee");
    cr_expect_eq(json_integer_value(json_object_get(d, "instrument")), 7);
    cr_expect_eq(json_integer_value(json_object_get(d, "usage_percent")), 82);
    cr_expect_eq(json_integer_value(json_object_get(d, "lodged_fen")), 900000000);
    json_decref(d);
    buf_clear(&j.out);
    a = alert_of(ALERT_USAGE);
    a.usage_percent = UINT32_MAX;
    alert_view_json(&j, &a);
    d = json_loads(buf_cstr(&j.out), 0, NULL);
    cr_assert_not_null(d);
    cr_expect(json_is_null(json_object_get(d, "usage_percent")));
    cr_expect(json_is_null(json_object_get(d, "due")));
    cr_expect_null(json_object_get(d, "instrument"));
    json_decref(d);
    jout_deinit(&j);
}

Test(alert_view, filters) {
    cli c = {.command = "watch"};
    alert_filter f;
    xinyi_alert usage = alert_of(ALERT_USAGE), overdue = alert_of(ALERT_OVERDUE), newer = alert_of(200);
    cr_assert_eq(alert_filter_parse(&c, NULL, NULL, &f), 0);
    cr_expect(alert_filter_passes(&f, &usage) && alert_filter_passes(&f, &newer));
    cr_assert_eq(alert_filter_parse(&c, "topup,overdue", "power", &f), 0);
    cr_expect(!alert_filter_passes(&f, &usage) && alert_filter_passes(&f, &overdue) &&
              !alert_filter_passes(&f, &newer));
    overdue.program = 2;
    cr_expect(!alert_filter_passes(&f, &overdue));
    cr_expect_eq(alert_filter_parse(&c, "usage,overdu", NULL, &f), CLI_EXIT_USAGE);
    cr_expect_eq(alert_filter_parse(&c, "usage,,overdue", NULL, &f), CLI_EXIT_USAGE);
}
