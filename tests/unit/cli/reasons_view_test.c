/* Reasons in sentences. */
#include "client/cli/reasons_view.h"

#include <criterion/criterion.h>

static void shows(const char *document, const char *title, const char *want) {
    json_error_t problem;
    json_t *d = json_loads(document, 0, &problem);
    cr_assert_not_null(d, "%s", problem.text);
    cli c = {.command = ""};
    buf text = {0};
    reasons_view(&c, d, title, &text);
    cr_assert_eq(buf_status(&text), STATUS_OK);
    cr_expect_str_eq(buf_cstr(&text), want, "got\n%s\nwant\n%s", buf_cstr(&text), want);
    buf_deinit(&text);
    json_decref(d);
}

#define HEAD                                                                                                           \
    "\"subject\":\"uscc:91530000MA00TTT099\",\"scenario\":\"loan\",\"policy\":\"loan-2026\",\"policy_title\":"         \
    "\"规则\","                                                                                                      \
    "\"policy_version\":3,\"data_day\":\"2026-03-02\""

Test(reasons_view, granted) {
    shows(
        "{" HEAD ",\"status\":\"ok\",\"outcome\":\"granted\",\"authority\":\"某局\",\"legal_basis\":\"某法\",\"tier\":"
        "2,\"amount_fen\":30000000,\"rate_bp\":-30,"
        "\"percent_bp\":500,\"decided_by\":{\"table\":\"e\",\"row\":\"L7\",\"because\":\"优\"},"
        "\"outcome_explained\":{\"granted\":true,\"changes\":[],\"wait\":null},"
        "\"benefits_explained\":[{\"id\":\"pre\",\"title\":\"预审批\",\"granted\":true,\"table\":\"e\",\"row\":\"L7\","
        "\"because\":\"优\",\"changes\":[],\"wait\":null}],\"rows\":[]}",
        "信易贷",
        "uscc:91530000MA00TTT099, loan 信易贷: granted by e / L7: 优\n"
        "    tier 2, amount ¥300,000.00, rate -30 basis points, share 5%\n"
        "\n"
        "✓ 预审批 (pre): granted by e / L7: 优\n"
        "\n"
        "by loan-2026 规则, policy version 3; data of 2026-03-02\n"
        "某局; legal basis: 某法\n");
}

#define CELL(field, title, value, test, satisfied)                                                                     \
    "{\"field\":\"" field "\",\"title\":\"" title "\",\"value\":" value ",\"test\":\"" test                            \
    "\",\"satisfied\":" satisfied "}"
#define ROW(table, row, hit, benefits, cells)                                                                          \
    "{\"table\":\"" table "\",\"row\":\"" row "\",\"hit\":" hit ",\"because\":\"\",\"benefits\":[" benefits            \
    "],\"cells\":[" cells "]}"
#define NOT(id, title, changes, wait)                                                                                  \
    "{\"id\":\"" id "\",\"title\":\"" title "\",\"granted\":false,\"table\":null,\"row\":null,\"because\":null,"       \
    "\"changes\":[" changes "],\"wait\":" wait "}"

/* The nearest rule is the one with the fewest cells that fail; one that holds has lost to one before it. */
Test(reasons_view, what_stands_in_the_way) {
    shows(
        "{" HEAD ",\"status\":\"ok\",\"outcome\":\"review\",\"decided_by\":{\"table\":\"e\",\"row\":\"L5\"},"
        "\"outcome_explained\":{\"granted\":false,\"changes\":[{\"text\":\"12 more volunteer hours\"},{\"text\":\"pay "
        "what is in arrears\"}],\"wait\":{\"day\":\"2027-03-02\",\"text\":\"when it ends on 2027-03-02\"}},"
        "\"rows\":[" ROW("e", "L5", "true", "", CELL("negative_points", "负面积分", "\"9.5\"", ">= 9", "true")) "," ROW(
            "e", "L6", "false", "\"a\"",
            CELL("tax_grade", "纳税", "null", "A", "false") "," CELL(
                "red_list", "红名单", "\"false\"", "true",
                "false")) "," ROW("e", "L7", "false", "\"a\"",
                                  CELL("tax_grade", "纳税", "null", "A, B", "false") "," CELL(
                                      "red_list", "红名单", "\"false\"", "-",
                                      "true")) "," ROW("e", "L8", "false", "\"b\"",
                                                       CELL("tax_grade", "纳税", "null", "missing",
                                                            "true")) "],"
                                                                     "\"benefits_explained\":[" NOT(
                                                                         "a", "甲",
                                                                         "{\"text\":\"a tax grade of B or better\"}",
                                                                         "null") "," NOT("b", "乙", "",
                                                                                         "null") "," NOT("c", "丙", "",
                                                                                                         "{\"day\":"
                                                                                                         "null,"
                                                                                                         "\"text\":"
                                                                                                         "\"not by "
                                                                                                         "waiting "
                                                                                                         "until "
                                                                                                         "2027-01-"
                                                                                                         "01\"}") "]}",
        NULL,
        "uscc:91530000MA00TTT099, loan: review by e / L5\n"
        "    would grant it: 12 more volunteer hours\n"
        "                and pay what is in arrears\n"
        "    waiting:        when it ends on 2027-03-02\n"
        "\n"
        "✗ 甲 (a): not granted\n"
        "    nearest rule:   e / L7: 纳税 is not known, needs A, B\n"
        "    would grant it: a tax grade of B or better\n"
        "✗ 乙 (b): not granted\n"
        "    nearest rule:   e / L8: holds, but e / L5 comes before it: 负面积分 is 9.5\n"
        "✗ 丙 (c): not granted\n"
        "    no rule grants it\n"
        "    waiting:        not by waiting until 2027-01-01\n"
        "\n"
        "by loan-2026 规则, policy version 3; data of 2026-03-02\n");
}

Test(reasons_view, declined_and_out_of_scope) {
    shows("{" HEAD ",\"status\":\"ok\",\"outcome\":\"declined\",\"decided_by\":{\"table\":\"e\",\"row\":\"L2\","
          "\"because\":\"失信\"},\"rows\":[" ROW("e", "L9", "false", "\"a\"",
                                                 "") "],"
                                                     "\"benefits_explained\":[" NOT("a", "甲", "", "null") "]}",
          "信易贷",
          "uscc:91530000MA00TTT099, loan 信易贷: declined by e / L2: 失信\n"
          "\n"
          "✗ 甲 (a): not granted\n"
          "    declined as a whole\n"
          "\n"
          "by loan-2026 规则, policy version 3; data of 2026-03-02\n");
    shows("{" HEAD ",\"status\":\"out_of_scope\",\"outcome\":\"none\",\"decided_by\":null}", NULL,
          "uscc:91530000MA00TTT099, loan: out_of_scope\n"
          "\n"
          "by loan-2026 规则, policy version 3; data of 2026-03-02\n");
    shows("{" HEAD ",\"status\":\"ok\",\"outcome\":\"none\",\"decided_by\":null}", NULL,
          "uscc:91530000MA00TTT099, loan: none, no rule applied\n"
          "\n"
          "by loan-2026 规则, policy version 3; data of 2026-03-02\n");
}

/* Whatever a server sends: nothing worse than a dull text. */
Test(reasons_view, odd_documents) {
    static const char *const ODD[] = {
        "{}", "[]", "{\"rows\":7,\"benefits_explained\":[7,null,{}],\"outcome_explained\":3}",
        "{\"benefits_explained\":[{\"changes\":[[]],\"wait\":{}}],\"rows\":[[],{\"benefits\":[1],\"cells\":[2]}]}",
        "{\"outcome_explained\":{\"changes\":{},\"wait\":[]}}"};
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++) {
        json_t *d = json_loads(ODD[i], 0, NULL);
        cli c = {.command = ""};
        buf text = {0};
        reasons_view(&c, d, NULL, &text);
        cr_assert_gt(text.size, 0);
        buf_deinit(&text);
        json_decref(d);
    }
}
