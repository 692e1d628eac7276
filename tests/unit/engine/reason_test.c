/* Reasons: what is told for a benefit that was granted, and for one that was not. */
#include "engine/reason.h"

#include "../policy_helper.h"

static const char HEAD[] = "policy: p\nscenario: {name: loan, code: 1}\ntitle: t\nauthority: a\nlegal_basis: [x]\n"
                           "effective: {from: 2026-01-01, to: 2027-01-01}\n"
                           "benefits: [{code: 0, id: zero, title: 零}, {code: 3, id: three, title: 三}, {code: 63, id: "
                           "last, title: 末}]\n";

static policy_set *load_tables(const char *tables) {
    char text[8192];
    snprintf(text, sizeof text, "%s%sexamples: []\n", HEAD, tables);
    return load_text(text);
}

static reasons *find(const policy_set *set, const profile *p, policy_moment at) {
    reasons *r = malloc(sizeof *r);
    cr_assert_not_null(r);
    cr_assert_eq(reason_find(set, 1, p, NULL, at, r), STATUS_OK);
    return r;
}

static reasons *find_of(const policy_set *set, const char *given) {
    profile p = profile_of(given);
    return find(set, &p, on_day(2026, 5, 1));
}

static const char ONE[] =
    "tables:\n"
    "  - table: T\n    hit: first\n    gaps: allowed\n"
    "    inputs: [form, serious_list, consent_loan, volunteer_minutes, negative_points, "
    "open_commitments, broken_commitments, arrears, public_grade, tax_grade, public_score]\n"
    "    outputs: [outcome, benefits]\n    rows:\n"
    "      - {id: NO, when: {serious_list: true}, then: [declined, '-'], because: 失信}\n"
    "      - {id: ASK, when: {form: person, consent_loan: false}, then: [review, '-'], because: 授权}\n"
    "%s";

static policy_set *load_one(const char *rows) {
    char text[8192];
    snprintf(text, sizeof text, ONE, rows);
    return load_tables(text);
}

Test(reason, granted_by_the_first_row_that_does) {
    policy_set *set =
        load_tables("tables:\n  - table: A\n    hit: collect\n    gaps: allowed\n    inputs: [tax_grade]\n"
                    "    outputs: [benefits]\n    rows:\n"
                    "      - {id: A1, when: [B], then: [[zero]], because: 乙}\n"
                    "      - {id: A2, when: [A], then: [[zero]], because: 甲}\n"
                    "      - {id: A3, when: ['-'], then: [[zero, three]]}\n"
                    "  - table: B\n    hit: first\n    inputs: [tax_grade]\n    outputs: [outcome, benefits]\n"
                    "    rows:\n      - {id: B1, when: ['-'], then: [granted, [zero]]}\n");
    reasons *r = find_of(set, "tax_grade=A");
    cr_assert_eq(r->count, 3);
    cr_assert_eq(r->result.outcome, OUTCOME_GRANTED);
    cr_assert_str_eq(r->items[0].id, "zero");
    cr_assert_str_eq(r->items[0].title, "零");
    cr_assert(r->items[0].granted);
    cr_assert_str_eq(r->items[0].table, "A");
    cr_assert_str_eq(r->items[0].row, "A2");
    cr_assert_str_eq(r->items[0].because, "甲");
    cr_assert_str_eq(r->items[1].row, "A3");
    cr_assert_str_eq(r->items[1].because, "");
    cr_assert_not(r->items[2].granted);
    cr_assert_null(r->items[2].row);
    cr_assert_eq(r->items[2].change_count, 0, "no row grants it");
    cr_assert_eq(r->items[2].wait_day, 0);
    cr_assert(r->outcome.granted);
    cr_assert_str_eq(r->outcome.row, "B1");
    cr_assert_null(r->outcome.id);
    free(r);
    policy_destroy(&set);
}

/* One missing thing at a time, and what is said of it. */
Test(reason, changes_in_words) {
    static const struct {
        const char *rows, *given, *field, *from, *to, *text;
    } V[] = {
        {"{volunteer_minutes: '>= 6000'}", "volunteer_minutes=5280", "volunteer_minutes", "5280", "6000",
         "12 more volunteer hours"},
        {"{volunteer_minutes: '>= 6000'}", "volunteer_minutes=5940", "volunteer_minutes", "5940", "6000",
         "1 more volunteer hour"},
        {"{volunteer_minutes: '>= 6000'}", "volunteer_minutes=5999", "volunteer_minutes", "5999", "6000",
         "1 more volunteer minute"},
        {"{volunteer_minutes: '>= 6000'}", "volunteer_minutes=5000", "volunteer_minutes", "5000", "6000",
         "16 h 40 min more volunteer service"},
        {"{negative_points: '< 3'}", "negative_points=5.49", "negative_points", "5.49", "2.99",
         "2.50 fewer negative points: by repair or by waiting"},
        {"{negative_points: '[1..3]'}", "negative_points=9", "negative_points", "9", "3",
         "6.00 fewer negative points: by repair or by waiting"},
        {"{open_commitments: '<= 2'}", "open_commitments=3", "open_commitments", "3", "2", "fulfil 1 open commitment"},
        {"{open_commitments: '0'}", "open_commitments=3", "open_commitments", "3", "0", "fulfil 3 open commitments"},
        {"{broken_commitments: '0'}", "broken_commitments=1", "broken_commitments", "1", "0",
         "repair 1 broken commitment"},
        {"{arrears: false}", "arrears=true", "arrears", "true", "false", "pay what is in arrears"},
        {"{public_grade: '>= 良'}", "public_grade=差", "public_grade", "差", "良",
         "a public credit grade of 良 or better"},
        {"{public_grade: '良'}", "public_grade=中", "public_grade", "中", "良", "a public credit grade of 良"},
        {"{public_grade: '优'}", "", "public_grade", "", "优", "a public credit grade of 优"},
        {"{tax_grade: 'A, B, M'}", "tax_grade=D", "tax_grade", "D", "B", "a tax grade of B or better"},
        {"{public_score: '>= 700'}", "", "public_score", "", "700", "a public credit score of 700 or more"},
        {"{public_score: '[700..800]'}", "public_score=100", "public_score", "100", "700",
         "a public credit score of 700"},
        {"{consent_loan: true}", "", "consent_loan", "false", "true", "give the authorisation for 信易贷"},
    };
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        char rows[512];
        snprintf(rows, sizeof rows, "      - {id: YES, when: %s, then: [granted, [three]], because: 好}\n", V[i].rows);
        if (!strstr(V[i].rows, "consent")) {
            policy_set *set = load_one(rows);
            reasons *r = find_of(set, V[i].given);
            const benefit_reason *b = &r->items[1];
            cr_assert_str_eq(b->id, "three");
            cr_assert_eq(b->change_count, 1, "%s", V[i].rows);
            cr_expect_str_eq(b->changes[0].field, V[i].field);
            cr_expect_str_eq(b->changes[0].from, V[i].from);
            cr_expect_str_eq(b->changes[0].to, V[i].to);
            cr_expect_str_eq(b->changes[0].text, V[i].text);
            cr_expect_eq(b->wait_day, 0);
            cr_expect_eq(r->outcome.change_count, 1);
            cr_expect_str_eq(r->outcome.changes[0].text, V[i].text);
            free(r);
            policy_destroy(&set);
        } else {
            policy_set *set = load_one("      - {id: YES, when: {}, then: [granted, [three]]}\n");
            reasons *r = find_of(set, "form=person");
            cr_assert_eq(r->items[1].change_count, 1);
            cr_assert_str_eq(r->items[1].changes[0].text, V[i].text);
            cr_assert_str_eq(r->outcome.row, "ASK");
            cr_assert_str_eq(r->outcome.because, "授权");
            free(r);
            policy_destroy(&set);
        }
    }
}

Test(reason, one_field_before_two_and_own_acts_before_grades) {
    policy_set *set =
        load_one("      - {id: A, when: {volunteer_minutes: '>= 600', open_commitments: 0}, then: [granted, [zero]]}\n"
                 "      - {id: B, when: {public_grade: 优}, then: [granted, [zero, three]]}\n"
                 "      - {id: C, when: {volunteer_minutes: '>= 60000'}, then: [granted, [three]]}\n");
    reasons *r = find_of(set, "open_commitments=1 public_grade=良");
    cr_assert_eq(r->items[0].change_count, 1, "one field, though it is a grade");
    cr_assert_str_eq(r->items[0].changes[0].field, "public_grade");
    cr_assert(r->items[0].changes[0].indirect);
    cr_assert_eq(r->items[1].change_count, 1);
    cr_assert_str_eq(r->items[1].changes[0].field, "volunteer_minutes", "own acts before grades");
    cr_assert_not(r->items[1].changes[0].indirect);
    free(r);
    r = find_of(set, "open_commitments=1 volunteer_minutes=600");
    cr_assert_eq(r->items[0].change_count, 1);
    cr_assert_str_eq(r->items[0].changes[0].field, "open_commitments");
    free(r);
    policy_destroy(&set);
}

Test(reason, three_fields_and_no_more) {
    policy_set *set = load_one("      - {id: A, when: {volunteer_minutes: '>= 600', open_commitments: 0, "
                               "negative_points: '< 1', arrears: false}, then: [granted, [zero]]}\n");
    reasons *r = find_of(set, "open_commitments=2 negative_points=4");
    cr_assert_eq(r->items[0].change_count, 3);
    free(r);
    r = find_of(set, "open_commitments=2 negative_points=4 arrears=true");
    cr_assert_eq(r->items[0].change_count, 0, "four are too many to ask");
    free(r);
    policy_destroy(&set);
}

Test(reason, what_nobody_can_change) {
    policy_set *set = load_one("      - {id: A, when: {form: enterprise}, then: [granted, [zero]]}\n"
                               "      - {id: B, when: {}, then: [granted, [three]]}\n");
    reasons *r = find_of(set, "serious_list=true");
    cr_assert_eq(r->result.outcome, OUTCOME_DECLINED);
    for (unsigned i = 0; i < r->count; i++) {
        cr_assert_not(r->items[i].granted);
        cr_assert_str_eq(r->items[i].row, "NO", "the row that declined everything");
        cr_assert_str_eq(r->items[i].because, "失信");
        cr_assert_eq(r->items[i].change_count, 0);
    }
    cr_assert_str_eq(r->outcome.row, "NO");
    cr_assert_not(r->outcome.granted);
    free(r);
    r = find_of(set, "form=association");
    cr_assert_eq(r->items[0].change_count, 0, "a form is what it is");
    cr_assert(r->items[1].granted);
    free(r);
    policy_destroy(&set);
}

/* Fewer minutes would match a row that grants more: nobody is told to do less. */
Test(reason, only_the_right_way) {
    policy_set *set = load_one("      - {id: A, when: {volunteer_minutes: '< 10'}, then: [granted, [zero]]}\n"
                               "      - {id: B, when: {negative_points: '>= 5'}, then: [granted, [three]]}\n");
    reasons *r = find_of(set, "volunteer_minutes=100");
    cr_assert_eq(r->items[0].change_count, 0);
    cr_assert_eq(r->items[1].change_count, 0);
    free(r);
    policy_destroy(&set);
}

Test(reason, applying_is_what_was_meant) {
    policy_set *set = load_one("      - {id: A, when: {volunteer_minutes: '>= 600', public_grade: '>= 中'}, then: "
                               "[granted, [zero]]}\n");
    profile p = profile_of("public_grade=差"), q;
    reasons *r = find(set, &p, on_day(2026, 5, 1));
    cr_assert_eq(r->items[0].change_count, 2);
    reason_apply(set, &r->items[0], &p, &q);
    cr_assert_eq(q.volunteer_minutes, 600);
    cr_assert_eq(q.public_grade, PUBLIC_FAIR);
    cr_assert_eq(p.volunteer_minutes, 0);
    decision d;
    policy_decide(set, 1, &q, on_day(2026, 5, 1), &d);
    cr_assert_eq(d.benefits, 1);
    free(r);
    policy_destroy(&set);
}

Test(reason, a_pilot_that_begins_later) {
    policy_set *set = load_tables(
        "tables:\n  - table: A\n    hit: collect\n    gaps: allowed\n    inputs: [tax_grade]\n"
        "    outputs: [benefits]\n    rows:\n"
        "      - {id: A1, when: [A], then: [[zero]], pilot: {from: 2026-07-01}}\n"
        "      - {id: A2, when: [A], then: [[three]], pilot: {divisions: [530100], from: 2026-08-01, to: 2026-09-01}}\n"
        "      - {id: A3, when: [A], then: [[last]], pilot: {from: 2026-02-01, to: 2026-04-01}}\n");
    profile p = profile_of("tax_grade=A division=530102");
    reasons *r = find(set, &p, on_day(2026, 5, 1));
    cr_assert_eq(r->items[0].wait_day, on_day(2026, 7, 1).day);
    cr_assert_str_eq(r->items[0].wait_text, "when another rule of the policy applies on 2026-07-01");
    cr_assert_eq(r->items[1].wait_day, on_day(2026, 8, 1).day);
    cr_assert_eq(r->items[2].wait_day, 0);
    cr_assert_str_eq(r->items[2].wait_text,
                     "not by waiting until 2027-01-01, when the policy in force ends; later ones are not looked at");
    free(r);
    p.division = 530300;
    r = find(set, &p, on_day(2026, 5, 1));
    cr_assert_eq(r->items[1].wait_day, 0, "another place");
    cr_assert_eq(r->items[1].change_count, 0);
    free(r);
    policy_destroy(&set);
}

Test(reason, errors_and_what_is_out_of_scope) {
    policy_set *set =
        load_tables("scope: {form: enterprise}\ntables:\n  - table: A\n    hit: first\n    inputs: [tax_grade]\n"
                    "    outputs: [outcome, benefits]\n    rows:\n"
                    "      - {id: A1, when: ['-'], then: [granted, [zero]]}\n");
    reasons *r = malloc(sizeof *r);
    profile p = profile_of("form=association");
    cr_assert_eq(reason_find(set, 2, &p, NULL, on_day(2026, 5, 1), r), STATUS_UNKNOWN_SCENARIO);
    cr_assert_eq(r->result.status, STATUS_UNKNOWN_SCENARIO);
    cr_assert_eq(reason_find(set, 1, &p, NULL, on_day(2025, 5, 1), r), STATUS_NOT_EFFECTIVE);
    cr_assert_eq(r->count, 0);
    cr_assert_eq(reason_find(set, 1, &p, NULL, on_day(2026, 5, 1), r), STATUS_OK);
    cr_assert_eq(r->result.status, STATUS_OUT_OF_SCOPE);
    cr_assert_eq(r->count, 3);
    cr_assert_str_eq(r->outcome.row, "scope");
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_not(r->items[i].granted);
        cr_assert_null(r->items[i].row);
        cr_assert_eq(r->items[i].change_count, 0);
    }
    free(r);
    policy_destroy(&set);
}

/* Far more cuts than are tried: the nearest are, and the answer is right. */
Test(reason, many_cuts) {
    buf rows = {0};
    for (int i = 1; i <= 400; i++)
        buf_printf(&rows, "      - {id: R%d, when: {volunteer_minutes: '[%d..%d)'}, then: [granted, [%s]]}\n", i,
                   i * 10, i * 10 + 10, i == 60 ? "zero" : (i == 300 ? "three" : "last"));
    buf_append_str(&rows, "");
    buf text = {0};
    buf_printf(&text,
               "%stables:\n  - table: T\n    hit: first\n    gaps: allowed\n    inputs: [volunteer_minutes]\n"
               "    outputs: [outcome, benefits]\n    rows:\n%sexamples: []\n",
               HEAD, buf_cstr(&rows));
    policy_set *set = load_text(buf_cstr(&text));
    reasons *r = find_of(set, "");
    cr_assert_eq(r->items[2].changes[0].to_value, 10);
    cr_assert_eq(r->items[0].changes[0].to_value, 600);
    cr_assert_eq(r->items[1].change_count, 0, "farther away than is looked");
    free(r);
    policy_destroy(&set);
    buf_deinit(&rows);
    buf_deinit(&text);
}
