#include "client/cli/suggest.h"

#include <criterion/criterion.h>
#include <string.h>

Test(suggest, distances) {
    cr_expect_eq(suggest_distance("", ""), 0);
    cr_expect_eq(suggest_distance("abc", ""), 3);
    cr_expect_eq(suggest_distance("abc", "abc"), 0);
    cr_expect_eq(suggest_distance("abc", "abd"), 1);
    cr_expect_eq(suggest_distance("abc", "acb"), 1); /* neighbours swapped */
    cr_expect_eq(suggest_distance("kitten", "sitting"), 3);
    cr_expect_eq(suggest_distance("tax_grad", "tax_grade"), 1);
}

static const char *near(const char *word) {
    static const char *const names[] = {"evaluate", "explain", "export", "import", "info", "stats", "id"};
    suggest s = {.word = word};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) suggest_offer(&s, names[i]);
    return s.best;
}

Test(suggest, offers_only_what_is_near) {
    cr_expect_str_eq(near("evalute"), "evaluate");
    cr_expect_str_eq(near("eval"), "evaluate"); /* begun and not finished */
    cr_expect_str_eq(near("exprot"), "export");
    cr_expect_str_eq(near("stat"), "stats");
    cr_expect_null(near("xyzzy"));
    cr_expect_null(near("a-word-that-is-far-longer-than-sixty-three-bytes-and-near-to-nothing-at-all"));
}

Test(suggest, text) {
    char text[SUGGEST_TEXT];
    suggest s = {.word = "a", .best = "b"};
    cr_expect_str_eq(suggest_text(&s, text), "; did you mean 'b'?");
    s.best = NULL;
    cr_expect_str_eq(suggest_text(&s, text), "");
}
