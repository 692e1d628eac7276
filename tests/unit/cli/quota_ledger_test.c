/* Statements that add up, and ones that do not; the reasons of refusals. */
#include "client/cli/quota_ledger.h"

#include "base/status.h"
#include "client/cli/quota_refusal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define EVENT(version, kind, amount, r0, c0, r1, c1)                                                                   \
    "{'version': " #version ", 'kind': '" kind "', 'amount_fen': " #amount ", 'reserved_before_fen': " #r0             \
    ", 'committed_before_fen': " #c0 ", 'reserved_fen': " #r1 ", 'committed_fen': " #c1 "}"

/* JSON with ' for ". */
static json_t *page_of(const char *opening, const char *events, const char *account, bool more) {
    char text[4096];
    snprintf(text, sizeof text, "{'opening': %s, 'events': [%s], 'account': %s, 'more': %s}", opening, events, account,
             more ? "true" : "false");
    for (char *p = text; *p != '\0'; p++)
        if (*p == '\'') *p = '"';
    json_t *page = json_loads(text, 0, NULL);
    cr_assert_not_null(page, "%s", text);
    return page;
}

#define BALANCE(version, r, c) "{'version': " #version ", 'reserved_fen': " #r ", 'committed_fen': " #c "}"

static const char *verdict(const char *opening, const char *events, const char *account) {
    static char why[160];
    json_t *page = page_of(opening, events, account, false);
    const char *problem = quota_ledger_check(page, why, sizeof why);
    json_decref(page);
    return problem != NULL ? problem : "";
}

#define GOOD                                                                                                           \
    EVENT(1, "pledge", 900, 0, 0, 0, 0)                                                                                \
    "," EVENT(2, "reserve", 100, 0, 0, 100, 0) "," EVENT(3, "reserve", 50, 100, 0, 150, 0) "," EVENT(                  \
        4, "commit", 60, 150, 0, 50, 60) "," EVENT(5, "expiry", 50, 50, 60, 0, 60) "," EVENT(6, "settle", 10, 0, 60,   \
                                                                                             0, 50)

Test(quota_ledger, a_statement_adds_up) {
    cr_assert_str_eq(verdict(BALANCE(0, 0, 0), GOOD, BALANCE(6, 0, 50)), "");
    cr_assert_str_eq(verdict(BALANCE(0, 0, 0), GOOD, BALANCE(9, 7, 7)), "", "a page that ends earlier");
    cr_assert_str_eq(verdict(BALANCE(4, 2, 3), "", BALANCE(4, 2, 3)), "");
    cr_assert_str_eq(verdict(BALANCE(2147483647, 0, 0), EVENT(1, "freeze", 0, 0, 0, 0, 0), BALANCE(1, 0, 0)), "",
                     "versions begin again");
}

Test(quota_ledger, what_does_not_add_up_is_told) {
    cr_assert_str_eq(verdict(BALANCE(0, 1, 0), GOOD, BALANCE(6, 0, 50)),
                     "line 1 (pledge) does not begin with the balances before it");
    cr_assert_str_eq(verdict(BALANCE(0, 0, 0), EVENT(2, "pledge", 9, 0, 0, 0, 0), BALANCE(2, 0, 0)),
                     "line 2 (pledge) does not follow the line before it");
    cr_assert_str_eq(verdict(BALANCE(1, 0, 0), EVENT(2, "reserve", 9, 0, 0, 8, 0), BALANCE(2, 8, 0)),
                     "line 2 (reserve) changes the balances by something else than its amount");
    cr_assert_str_eq(verdict(BALANCE(1, 9, 0), EVENT(2, "commit", 9, 9, 0, 1, 9), BALANCE(2, 1, 9)),
                     "line 2 (commit) changes the balances by something else than its amount");
    cr_assert_str_eq(verdict(BALANCE(1, 5, 0), EVENT(2, "freeze", 0, 5, 0, 4, 0), BALANCE(2, 4, 0)),
                     "line 2 (freeze) changes the balances by something else than its amount");
    cr_assert_str_eq(verdict(BALANCE(0, 0, 0), GOOD, BALANCE(6, 0, 51)),
                     "the last line leaves other balances than the account has");
    cr_assert_str_eq(verdict(BALANCE(3, 1, 1), "", BALANCE(3, 1, 0)),
                     "the last line leaves other balances than the account has");
}

Test(quota_ledger, pages_join) {
    json_t *whole = NULL;
    char why[160];
    cr_assert(quota_ledger_join(&whole,
                                page_of(BALANCE(2, 100, 0),
                                        EVENT(3, "release", 40, 100, 0, 60, 0) "," EVENT(4, "release", 60, 60, 0, 0, 0),
                                        BALANCE(4, 0, 0), true)));
    cr_assert(quota_ledger_join(
        &whole, page_of(BALANCE(1, 0, 0), EVENT(2, "reserve", 100, 0, 0, 100, 0), BALANCE(7, 9, 9), false)));
    cr_assert_eq(json_array_size(json_object_get(whole, "events")), 3);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(whole, "opening"), "version")), 1);
    cr_assert(json_is_false(json_object_get(whole, "more")));
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(whole, "account"), "version")), 4, "the newest");
    cr_assert_null(quota_ledger_check(whole, why, sizeof why));
    json_decref(whole);
}

/* ------------------------------------------------------------------ refusals */

static const char *reasons(const quota_refusal *r) {
    static char text[2048];
    buf b = {0};
    quota_refusal_write(NULL, r, &b);
    snprintf(text, sizeof text, "%s", buf_cstr(&b));
    buf_deinit(&b);
    return text;
}

Test(quota_refusal, every_reason_has_a_line_with_numbers) {
    quota_refusal r = {.subject = {{2}},
                       .program = 1,
                       .status = STATUS_FROZEN,
                       .violations = XINYI_VIOLATES_FROZEN | XINYI_VIOLATES_LIMIT_EXCEEDED,
                       .asked_fen = 50000,
                       .limit_fen = 100000,
                       .used_fen = 80000};
    cr_assert_str_eq(reasons(&r),
                     "for 2 reasons:\n"
                     "  frozen: the guarantee account is frozen: no new exposure until it is unfrozen\n"
                     "  limit_exceeded: the amount is more than the available quota: limit ¥1,000.00, used ¥800.00, "
                     "asked ¥500.00: ¥300.00 too much");
    r.status = STATUS_LIMIT_EXCEEDED;
    r.violations = 0; /* of a status alone */
    r.limit_fen = 70000;
    cr_assert_str_eq(reasons(&r), "the amount is more than the available quota: limit ¥700.00, used ¥800.00, asked "
                                  "¥500.00: ¥600.00 too much");
    r.limit_fen = 1000000;
    cr_assert_not_null(strstr(reasons(&r), "the last warning level is reached"));
    r.status = STATUS_BAD_AMOUNT;
    cr_assert_str_eq(reasons(&r), "the amount must be positive and within range: asked ¥500.00");
    r.status = STATUS_BAD_TTL;
    r.ttl_ms = 86400000;
    cr_assert_not_null(strstr(reasons(&r), "asked 1d; without --ttl"));
    r.violations = 1u << 15 | XINYI_VIOLATES_SUSPENDED;
    cr_assert_not_null(strstr(reasons(&r), "\n  unknown_violation: "));
}

Test(quota_refusal, violations_as_json) {
    jout j = {0};
    jout_object(&j, NULL);
    quota_refusal_json(&j, XINYI_VIOLATES_NO_ACCOUNT | XINYI_VIOLATES_SHORTFALL);
    quota_refusal_json(&j, 0);
    jout_end(&j);
    cr_assert_str_eq(buf_cstr(&j.out), "{\"violations\":[\"no_account\",\"shortfall\"],\"violations\":[]}");
    jout_deinit(&j);
}
