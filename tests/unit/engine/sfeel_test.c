#include "../policy_helper.h"
#include "engine/sfeel.h"

/* "[1..3] [5..5] +" : ranges, then + if a missing value matches; "any" for '-'. */
static const char *show(const sfeel_test *t, char *to, size_t room) {
    size_t n = 0;
    to[0] = 0;
    if (t->any) return "any";
    for (uint32_t i = 0; i < t->count; i++)
        n += (size_t)snprintf(to + n, room - n, "%s%lld..%lld", n ? " " : "", (long long)t->ranges[i].low,
                              (long long)t->ranges[i].high);
    if (t->missing) snprintf(to + n, room - n, "%s+", n ? " " : "");
    return to;
}

Test(sfeel, cells_become_sets) {
    static const struct {
        const char *field, *text, *want;
    } V[] = {
        {"tax_grade", "-", "any"},
        {"tax_grade", "  -  ", "any"},
        {"volunteer_minutes", "-", "any"},
        {"tax_grade", "A", "4..4"},
        {"tax_grade", "\"A\"", "4..4"},
        {"tax_grade", "\"A\",\"B\"", "3..4"},
        {"tax_grade", "A, M , D", "1..1 4..5"},
        {"tax_grade", "B,A,B", "3..4"},
        {"tax_grade", "not(\"D\")", "2..5"},
        {"tax_grade", "not(A, C)", "1..1 3..3 5..5"},
        {"tax_grade", "missing", "+"},
        {"tax_grade", "unrated", "+"},
        {"tax_grade", "not(missing)", "1..5"},
        {"tax_grade", "not(D), missing", "2..5 +"},
        {"tax_grade", "not(D, missing)", "2..5"},
        {"tax_grade", "missing, A", "4..4 +"},
        {"form", "unknown", "+"},
        {"form", "person, missing", "1..1 +"},
        {"public_grade", "优", "4..4"},
        {"public_grade", ">= 良", "3..4"},
        {"public_grade", "excellent", "4..4"},
        {"market_grade", ">= AA", "4..5"},
        {"market_grade", ">=AA", "4..5"},
        {"market_grade", "< A", "1..2"},
        {"market_grade", "[B..AA]", "2..4"},
        {"market_grade", "(B..AA)", "3..3"},
        {"market_grade", "]B..AA[", "3..3"},
        {"market_grade", "[B .. AA)", "2..3"},
        {"market_grade", "not(>= A)", "1..2"},
        {"public_score", "< 550", "0..549"},
        {"public_score", "<= 550", "0..550"},
        {"public_score", "> 850", "851..1000"},
        {"public_score", "[3..6)", "3..5"},
        {"public_score", "(3..6]", "4..6"},
        {"public_score", "0", "0..0"},
        {"public_score", ">= 0", "0..1000"},
        {"public_score", "< 10, > 990, 500", "0..9 500..500 991..1000"},
        {"public_score", "[1..3], [4..6]", "1..6"},
        {"public_score", "not([1..998])", "0..0 999..1000"},
        {"public_score", "1, 500", "1..1 500..500"},
        {"negative_points", "< 3.5", "0..349"},
        {"negative_points", ">= 3.50", "350..65535"},
        {"negative_points", "[6..9)", "600..899"},
        {"negative_points", "(3..4)", "301..399"},
        {"negative_points", "0.01", "1..1"},
        {"negative_points", "655.35", "65535..65535"},
        {"volunteer_minutes", "4294967295", "4294967295..4294967295"},
        {"volunteer_minutes", "> 4294967294", "4294967295..4294967295"},
        {"slot_4", "65534", "65534..65534"},
        {"serious_list", "true", "1..1"},
        {"serious_list", "false", "0..0"},
        {"serious_list", "true, false", "0..1"},
        {"serious_list", "not(true)", "0..0"},
        {"since_day", ">= 1970-01-11", "10..65535"},
        {"since_day", "[1970-01-02..1970-01-05)", "1..3"},
        {"since_day", "missing", "+"},
        {"division", "530102", "530102..530102"},
        {"division", "530100", "530100..530199"},
        {"division", "530000", "530000..539999"},
        {"division", "530100, 530300", "530100..530199 530300..530399"},
        {"division", "not(530000)", "1..529999 540000..999999"},
        {"sector", "D44", "444..444"},
        {"sector", "D", "400..499"},
        {"sector", "not(D)", "100..399 500..2699"},
    };
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        policy_arena memory = {0};
        sfeel_test t;
        sfeel_error e = {0};
        char got[200];
        status s = sfeel_parse(field_named(V[i].field), V[i].text, strlen(V[i].text), &memory, &t, &e);
        cr_assert_eq(s, STATUS_OK, "%s: '%s': %s", V[i].field, V[i].text, e.message);
        cr_assert_str_eq(show(&t, got, sizeof got), V[i].want, "%s: '%s'", V[i].field, V[i].text);
        policy_arena_deinit(&memory);
    }
}

Test(sfeel, errors_say_where_and_what_to_write) {
    static const struct {
        const char *field, *text;
        status want;
        size_t offset;
        const char *part;
    } V[] = {
        {"tax_grade", "", STATUS_SYNTAX, 0, "write '-'"},
        {"tax_grade", "   ", STATUS_SYNTAX, 0, "write '-'"},
        {"tax_grade", "X", STATUS_BAD_VALUE, 0, "D, C, B, A or M"},
        {"tax_grade", "A, X", STATUS_BAD_VALUE, 3, "'X'"},
        {"tax_grade", ">= B", STATUS_SYNTAX, 0, "no order"},
        {"tax_grade", "[A..B]", STATUS_SYNTAX, 0, "no order"},
        {"tax_grade", "A B", STATUS_SYNTAX, 2, "separated by ','"},
        {"tax_grade", "A,", STATUS_SYNTAX, 2, "a test is expected"},
        {"tax_grade", ",A", STATUS_SYNTAX, 0, "a test is expected"},
        {"tax_grade", "A,,B", STATUS_SYNTAX, 2, "a test is expected"},
        {"tax_grade", "A, -", STATUS_SYNTAX, 3, "must stand alone"},
        {"tax_grade", "\"A", STATUS_SYNTAX, 0, "closing"},
        {"tax_grade", "\"\"", STATUS_SYNTAX, 0, "a value is missing"},
        {"tax_grade", "= A", STATUS_SYNTAX, 0, "without '='"},
        {"tax_grade", "!= A", STATUS_SYNTAX, 0, "not(value)"},
        {"tax_grade", "<> A", STATUS_SYNTAX, 0, "not(value)"},
        {"tax_grade", "not(A", STATUS_SYNTAX, 5, "')' of not"},
        {"tax_grade", "not()", STATUS_SYNTAX, 4, "expected"},
        {"tax_grade", "not(not(A))", STATUS_SYNTAX, 4, "within not"},
        {"tax_grade", "not(A,B,C,D,M)", STATUS_BAD_VALUE, 0, "never true"},
        {"tax_grade", "not A", STATUS_BAD_VALUE, 0, "'not'"},
        {"tax_grade", "A，B", STATUS_SYNTAX, 1, "write ','"},
        {"market_grade", "≥ A", STATUS_SYNTAX, 0, "write '>='"},
        {"market_grade", "AAAA", STATUS_BAD_VALUE, 0, "did you mean 'AAA'"},
        {"market_grade", "> AAA", STATUS_BAD_VALUE, 0, "never true"},
        {"market_grade", "< C", STATUS_BAD_VALUE, 0, "never true"},
        {"market_grade", "[AA..B]", STATUS_BAD_VALUE, 0, "swap"},
        {"market_grade", ">= missing", STATUS_SYNTAX, 0, "cannot be compared"},
        {"public_score", "1001", STATUS_BAD_VALUE, 0, "0 to 1000"},
        {"public_score", ">= 1001", STATUS_BAD_VALUE, 3, "0 to 1000"},
        {"public_score", "-5", STATUS_SYNTAX, 0, "digits"},
        {"public_score", "3.5", STATUS_SYNTAX, 0, "whole numbers"},
        {"public_score", "12a", STATUS_SYNTAX, 0, "not a number"},
        {"public_score", "007", STATUS_SYNTAX, 0, "leading zeros"},
        {"public_score", "1,000", STATUS_SYNTAX, 1, "thousand"},
        {"public_score", "> 1,000", STATUS_SYNTAX, 3, "thousand"},
        {"public_score", "1000, 1", STATUS_OK, 0, ""},
        {"public_score", "[3..6", STATUS_SYNTAX, 5, "not closed"},
        {"public_score", "[3.6]", STATUS_SYNTAX, 1, "whole"},
        {"public_score", "[3 6]", STATUS_SYNTAX, 3, "'..'"},
        {"public_score", "[..6]", STATUS_SYNTAX, 1, "a value is expected"},
        {"public_score", "(3..4)", STATUS_BAD_VALUE, 0, "no value"},
        {"public_score", "99999999999999999999999999", STATUS_BAD_VALUE, 0, "0 to 1000"},
        {"negative_points", "3.555", STATUS_SYNTAX, 0, "two decimals"},
        {"negative_points", "655.36", STATUS_BAD_VALUE, 0, "655.35"},
        {"negative_points", "missing", STATUS_BAD_VALUE, 0, "never missing"},
        {"serious_list", "yes", STATUS_BAD_VALUE, 0, "true or false"},
        {"serious_list", "1", STATUS_BAD_VALUE, 0, "true or false"},
        {"serious_list", "> true", STATUS_SYNTAX, 0, "true or false"},
        {"serious_list", "missing", STATUS_BAD_VALUE, 0, "never missing"},
        {"since_day", "2026-02-30", STATUS_BAD_VALUE, 0, "YYYY-MM-DD"},
        {"since_day", "2026/01/01", STATUS_BAD_VALUE, 0, "YYYY-MM-DD"},
        {"division", "5301", STATUS_BAD_VALUE, 0, "six digits"},
        {"division", "> 530100", STATUS_SYNTAX, 0, "cannot be compared"},
        {"sector", "44", STATUS_BAD_VALUE, 0, "D44"},
        {"form", "persn", STATUS_BAD_VALUE, 0, "did you mean 'person'"},
    };
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        policy_arena memory = {0};
        sfeel_test t;
        sfeel_error e = {0};
        status s = sfeel_parse(field_named(V[i].field), V[i].text, strlen(V[i].text), &memory, &t, &e);
        cr_assert_eq(s, V[i].want, "%s: '%s' gives %s: %s", V[i].field, V[i].text, status_name(s), e.message);
        if (s != STATUS_OK) {
            cr_assert_eq(e.offset, V[i].offset, "%s: '%s' at %zu: %s", V[i].field, V[i].text, e.offset, e.message);
            cr_assert_not_null(strstr(e.message, V[i].part), "%s: '%s': %s", V[i].field, V[i].text, e.message);
        }
        policy_arena_deinit(&memory);
    }
}

Test(sfeel, missing_satisfies_only_what_names_it) {
    static const char *const NO[] = {"< 60", "<= 1000", ">= 0", "not(5)", "not(missing)", "[0..1000]", "5"};
    static const char *const YES[] = {"-", "missing", "not(5), missing", "< 60, missing"};
    const profile_field *f = field_named("public_score");
    policy_arena memory = {0};
    sfeel_test t;
    sfeel_error e;
    for (size_t i = 0; i < sizeof NO / sizeof NO[0]; i++) {
        cr_assert_eq(sfeel_parse(f, NO[i], strlen(NO[i]), &memory, &t, &e), STATUS_OK);
        cr_assert_not(sfeel_matches(&t, PROFILE_MISSING), "%s", NO[i]);
    }
    for (size_t i = 0; i < sizeof YES / sizeof YES[0]; i++) {
        cr_assert_eq(sfeel_parse(f, YES[i], strlen(YES[i]), &memory, &t, &e), STATUS_OK);
        cr_assert(sfeel_matches(&t, PROFILE_MISSING), "%s", YES[i]);
    }
    policy_arena_deinit(&memory);
}

Test(sfeel, alternatives_are_bounded) {
    const profile_field *f = field_named("volunteer_minutes");
    policy_arena memory = {0};
    sfeel_test t;
    sfeel_error e;
    char text[8192];
    size_t n = 0;
    for (int i = 0; i < LIMIT_POLICY_ALTERNATIVES; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%d", i ? ", " : "", i * 2);
    cr_assert_eq(sfeel_parse(f, text, n, &memory, &t, &e), STATUS_OK);
    cr_assert_eq(t.count, LIMIT_POLICY_ALTERNATIVES);
    n += (size_t)snprintf(text + n, sizeof text - n, ", 9999");
    cr_assert_eq(sfeel_parse(f, text, n, &memory, &t, &e), STATUS_SYNTAX);
    cr_assert_not_null(strstr(e.message, "alternatives"));
    f = field_named("tax_grade"); /* not(missing) adds a range without naming one */
    n = 0;
    for (int i = 0; i < 400; i++) n += (size_t)snprintf(text + n, sizeof text - n, "%snot(missing)", i ? "," : "");
    cr_assert_eq(sfeel_parse(f, text, n, &memory, &t, &e), STATUS_SYNTAX);
    policy_arena_deinit(&memory);
}

Test(sfeel, no_byte_sequence_breaks_the_parser) {
    dice d = dice_make(3);
    static const char ALPHABET[] = "A\"B,<>=()[]..- 0159not missing优，\x80\xff\n";
    for (int i = 0; i < 200000; i++) {
        char text[24];
        size_t n = dice_below(&d, sizeof text);
        for (size_t k = 0; k < n; k++) text[k] = ALPHABET[dice_below(&d, sizeof ALPHABET - 1)];
        const profile_field *f = profile_field_at((unsigned)dice_below(&d, PROFILE_FIELD_COUNT));
        policy_arena memory = {0};
        sfeel_test t;
        sfeel_error e = {0};
        status s = sfeel_parse(f, text, n, &memory, &t, &e);
        if (s == STATUS_OK) {
            cr_assert(t.any || t.missing || t.count > 0);
            for (uint32_t k = 0; k < t.count; k++) {
                cr_assert_leq(t.ranges[k].low, t.ranges[k].high);
                if (k) cr_assert_gt(t.ranges[k].low, t.ranges[k - 1].high + 1);
            }
        } else {
            cr_assert(s == STATUS_SYNTAX || s == STATUS_BAD_VALUE);
            cr_assert_leq(e.offset, n);
            cr_assert_gt(strlen(e.message), 10);
        }
        policy_arena_deinit(&memory);
    }
}
