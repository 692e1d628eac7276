/* What an officer reads of an impact, and the CSV. */
#include "client/cli/impact_view.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAN_GROUPS                                                                                                       \
    "{\"division\": ["                                                                                                    \
    "{\"group\": \"5301\", \"title\": \"昆明市\", \"subjects\": 600, \"before\": 300, \"after\": 250, \"gained\": 0, " \
    "\"lost\": 50, \"outcomes\": [[0], [0, 90, 7], [0, 2, 9]], \"amount_before_fen\": 900000, \"amount_after_fen\": "     \
    "700000},"                                                                                                            \
    "{\"group\": \"\", \"title\": \"\", \"subjects\": 400, \"before\": 100, \"after\": 110, \"gained\": 10, "             \
    "\"lost\": 0}]}"

#define RESULT                                                                                                         \
    "{\"population\": 1234567, \"seconds\": 0.451, \"day\": \"2026-07-01\","                                           \
    " \"active\": {\"version\": 3, \"hash\": \"aaaa\"}, \"candidate\": {\"version\": 4, \"hash\": "                    \
    "\"0123456789abcdef0123456789abcdef\"},"                                                                           \
    " \"derived_again\": false, \"newer\": 0,"                                                                         \
    " \"scenarios\": [{\"scenario\": \"loan\", \"title\": \"信易贷\","                                              \
    "   \"total\": {\"subjects\": 1000, \"before\": 400, \"after\": 360, \"gained\": 10, \"lost\": 50,"                \
    "     \"outcomes\": [[1, 0, 0, 0], [0, 300, 45, 5], [0, 10, 639, 0], [0, 0, 0, 0]],"                               \
    "     \"amount_before_fen\": 1000000, \"amount_after_fen\": 800000},"                                              \
    "   \"by\": " LOAN_GROUPS ","                                                                                      \
    "   \"benefits\": [{\"code\": 0, \"id\": \"pre_approval\", \"title\": \"预授信\","                              \
    "     \"total\": {\"subjects\": 1000, \"before\": 400, \"after\": 360, \"gained\": 10, \"lost\": 50},"             \
    "     \"by\": " LOAN_GROUPS ","                                                                                    \
    "     \"lost_samples\": [{\"subject\": \"id:530000********0011\","                                                 \
    "       \"before\": {\"outcome\": \"granted\", \"amount_fen\": 30000000},"                                         \
    "       \"after\": {\"outcome\": \"review\", \"amount_fen\": 0}}]},"                                               \
    "     {\"code\": 1, \"id\": \"fast_track\", \"total\": {\"before\": 9, \"after\": 9}}]}],"                         \
    " \"guarantees\": [{\"program\": \"power\","                                                                       \
    "   \"total\": {\"accounts\": 7, \"covered_before\": 7, \"covered_after\": 6, \"required_before_fen\": 1000,"      \
    "     \"required_after_fen\": 1500, \"limit_before_fen\": 100, \"limit_after_fen\": 100}, \"by\": {}}]}"

static json_t *parse(const char *text) {
    json_error_t why;
    json_t *document = json_loads(text, 0, &why);
    cr_assert_not_null(document, "%s", why.text);
    return document;
}

static char shown[16384];

static void show(const char *text, const char *by) {
    cli c = {.json = false};
    cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
    json_t *document = parse(text);
    cr_redirect_stdout();
    cr_assert(impact_view(&c, document, by));
    fflush(stdout);
    FILE *f = cr_get_redirected_stdout();
    size_t n = fread(shown, 1, sizeof shown - 1, f);
    shown[n] = '\0';
    json_decref(document);
}

/* A line with all of these words, in their order. */
static bool has_line(const char *const *words) {
    for (const char *line = shown; line != NULL && *line != '\0';) {
        const char *end = strchrnul(line, '\n'), *at = line;
        const char *const *word = words;
        for (; *word != NULL; word++) {
            at = memmem(at, (size_t)(end - at), *word, strlen(*word));
            if (at == NULL) break;
            at += strlen(*word);
        }
        if (*word == NULL) return true;
        line = *end != '\0' ? end + 1 : NULL;
    }
    return false;
}
#define EXPECT_LINE(...)                                                                                               \
    cr_expect(has_line((const char *const[]){__VA_ARGS__, NULL}), "no line %s in:\n%s", #__VA_ARGS__, shown)

Test(impact_view, who_wins_and_who_loses) {
    show(RESULT, "division");
    EXPECT_LINE("1,234,567 subjects as of 2026-07-01", "version 3", "0123456789ab)", "451 ms");
    EXPECT_LINE("loan 信易贷", "1,000 subjects covered");
    EXPECT_LINE("pre_approval  预授信", "400", "360", "10", "50", "12.5%");
    EXPECT_LINE("any benefit", "400", "360", "10", "50", "12.5%");
    EXPECT_LINE("amounts: ¥10,000.00 now, ¥8,000.00 then (-¥2,000.00, -20.0%)");
    EXPECT_LINE("granted", "review", "45");
    EXPECT_LINE("granted", "declined", "5");
    EXPECT_LINE("review", "granted", "10");
    EXPECT_LINE("the same outcome: 940");
    EXPECT_LINE("5301  昆明市", "any", "300", "0", "50", "16.7%", "-5", "-¥2,000.00");
    EXPECT_LINE("unknown", "any", "100", "10", "0");
    EXPECT_LINE("id:530000********0011", "loses", "pre_approval", "granted → review", "¥300,000.00 → ¥0.00");
    EXPECT_LINE("guarantee program power", "7 accounts");
    EXPECT_LINE("covered by the program", "7", "6", "-1");
    EXPECT_LINE("required", "¥10.00", "¥15.00", "+¥5.00", "+50.0%");
    EXPECT_LINE("the same holders: fast_track");
    cr_expect_null(strstr(shown, "evaluated anew"));
    cr_expect_null(strstr(shown, "meanwhile"));
    cr_expect_null(strstr(shown, "no total changes"));
}

/* Who loses one of two benefits has one before and after: 13 - 3 + 1 are not 12. */
Test(impact_view, a_line_that_does_not_add_up_says_why) {
    show("{\"scenarios\": [{\"scenario\": \"loan\", \"total\": {\"subjects\": 76, \"before\": 13, \"after\": 12, "
         "\"gained\": 1, \"lost\": 3}, \"benefits\": []}]}",
         NULL);
    cr_assert_not_null(strstr(shown, "who gains or loses at least one"), "%s", shown);
    show(RESULT, NULL);
    cr_assert_null(strstr(shown, "at least one"), "%s", shown);
}

Test(impact_view, groups_only_if_asked_for) {
    show(RESULT, NULL);
    cr_expect_null(strstr(shown, "昆明市"));
    EXPECT_LINE("pre_approval", "12.5%");
}

Test(impact_view, nothing_differs) {
    show("{\"population\": 5, \"day\": \"2026-07-01\", \"scenarios\": []}", "kind");
    EXPECT_LINE("nobody gains or loses anything");
}

Test(impact_view, other_credit_rules_and_reports_meanwhile) {
    show("{\"population\": 5, \"derived_again\": true, \"composite_up\": 1200, \"composite_down\": 7, \"newer\": 3,"
         " \"scenarios\": [{\"scenario\": \"x\", \"total\": {\"subjects\": 2, \"outcomes\": [[0], [0, 2]]}}],"
         " \"guarantees\": [{\"program\": \"power\", \"total\": {\"accounts\": 3}}]}",
         "kind");
    EXPECT_LINE("nobody gains or loses a benefit (0 have one)");
    EXPECT_LINE("no total changes");
    EXPECT_LINE("evaluated anew", "rise for 1,200, fall for 7");
    EXPECT_LINE("of 3 subjects");
    EXPECT_LINE("no outcome changes (2 subjects)");
}

Test(impact_view, csv_has_a_line_for_each_measure) {
    buf out = {0};
    json_t *document = parse(RESULT);
    impact_csv(document, &out);
    cr_assert_eq(buf_status(&out), STATUS_OK);
    const char *text = buf_cstr(&out);
    const char *const lines[] = {
        "about,name,benefit,by,group,title,measure,before,after,gained,lost\n",
        "\nscenario,loan,,,,,holders,400,360,10,50\n",
        "\nscenario,loan,,,,,granted,350,310,,\n",
        "\nscenario,loan,,,,,declined,0,5,,\n",
        "\nscenario,loan,,,,,amount_fen,1000000,800000,,\n",
        "\nscenario,loan,,division,5301,昆明市,holders,300,250,0,50\n",
        "\nscenario,loan,pre_approval,,,,holders,400,360,10,50\n",
        "\nscenario,loan,pre_approval,division,,,holders,100,110,10,0\n",
        "\nguarantee,power,,,,,accounts,7,7,,\n",
        "\nguarantee,power,,,,,required_fen,1000,1500,,\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not_null(strstr(text, lines[i]), "%s is not in\n%s", lines[i], text);
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
        unsigned commas = 0;
        for (const char *end = strchr(at, '\n'), *k = at; k < end; k++) commas += *k == ',';
        cr_assert_eq(commas, 10);
    }
    buf_deinit(&out);
    json_decref(document);
}

Test(impact_view, csv_quotes_what_it_must) {
    buf out = {0};
    json_t *document = parse("{\"scenarios\": [{\"scenario\": \"a,\\\"b\\\"\", \"total\": {}}]}");
    impact_csv(document, &out);
    cr_assert_not_null(strstr(buf_cstr(&out), "scenario,\"a,\"\"b\"\"\",,"));
    buf_deinit(&out);
    json_decref(document);
}
