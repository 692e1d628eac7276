/* Differences of policies for people. */
#include "client/cli/cmd_policy_diff.h"

#include <criterion/criterion.h>

static void shows(policy_difference *items, size_t count, const char *want) {
    policy_differences d = {.items = items, .count = count};
    cli c = {.command = ""};
    buf text = {0};
    policy_diff_view(&c, &d, &text);
    cr_assert_eq(buf_status(&text), STATUS_OK);
    cr_expect_str_eq(buf_cstr(&text), want, "got\n%s", buf_cstr(&text));
    buf_deinit(&text);
}

Test(policy_diff_view, lines) {
    policy_difference d[] = {
        {DIFFERENCE_CHANGED, "loan-2026", "table eligibility, row L7, amount_fen", "300万元", "350万元"},
        {DIFFERENCE_ADDED, "loan-2026", "table eligibility, row L8", "", "tax_grade C → outcome granted"},
        {DIFFERENCE_REMOVED, "lists", "list 3 blue", "蓝名单", ""}};
    shows(d, 3,
          "loan-2026: table eligibility, row L7, amount_fen: 300万元 → 350万元\n"
          "loan-2026: table eligibility, row L8: added: tax_grade C → outcome granted\n"
          "lists: list 3 blue: removed: 蓝名单\n"
          "3 differences\n");
    shows(d, 1, "loan-2026: table eligibility, row L7, amount_fen: 300万元 → 350万元\n1 difference\n");
    shows(d, 0, "no differences: what the two say is the same\n");
}
