/* Pilots of rows and policies that switch at their hour: what they mean, and what is said about mistakes in them.
 * policy_model_test.c compares random ones with a naive interpreter. */
#include "../pilot_help.h"

/* ------------------------------------------------------------------ rows */

#define PILOT_TABLE(pilot)                                                                                             \
    OPEN "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome, tier], rows: [\n"                \
         "     {id: A, when: [A], then: [granted, 7], pilot: " pilot "},\n"                                            \
         "     {id: B, when: ['-'], then: [review, 1]}]}\n"

typedef struct pilot_case {
    const char *given;
    int year, month, day;
    bool inside;
} pilot_case;

static void check_cases(const char *text, const pilot_case *cases, size_t count) {
    policy_set *set = load(text, AREAS);
    for (size_t i = 0; i < count; i++) {
        profile p = profile_of(cases[i].given);
        policy_moment at = on_day(cases[i].year, cases[i].month, cases[i].day);
        decision d;
        if (strstr(cases[i].given, "arrears=true")) p.id = subject(COMPANY); /* a mark for the cases below */
        policy_decide(set, 9, &p, at, &d);
        cr_assert_eq(d.row, cases[i].inside ? 0x1001 : 0x1002, "case %zu", i);
        policy_explanation e;
        cr_assert_eq(policy_explain(set, 9, &p, at, &e), STATUS_OK);
        cr_assert_eq(e.rows[0].matched, cases[i].inside);
        cr_assert_eq(e.rows[0].hit, cases[i].inside);
        cr_assert_eq(e.rows[1].hit, !cases[i].inside);
        policy_explanation_deinit(&e);
    }
    policy_destroy(&set);
}
#define CHECK_CASES(text, ...)                                                                                         \
    check_cases(text, (const pilot_case[]){__VA_ARGS__}, sizeof(const pilot_case[]){__VA_ARGS__} / sizeof(pilot_case))

Test(pilot, any_of_a_kind_and_all_kinds) {
    CHECK_CASES(PILOT_TABLE("{areas: [park]}"), {"tax_grade=A division=530102", 2026, 1, 1, true},
                {"tax_grade=A division=530102", 2025, 12, 31, false}, /* the area is not in effect yet */
                {"tax_grade=A division=530102", 2027, 12, 31, true}, {"tax_grade=A division=530102", 2028, 1, 1, false},
                {"tax_grade=A division=530103", 2026, 1, 1, false}, {"tax_grade=A arrears=true", 2026, 1, 1, true},
                {"tax_grade=B division=530102", 2026, 1, 1, false});
    CHECK_CASES(PILOT_TABLE("{areas: [park, town]}"), {"tax_grade=A division=530303", 2020, 1, 1, true},
                {"tax_grade=A division=530102", 2020, 1, 1, false});
    CHECK_CASES(PILOT_TABLE("{areas: town}"), {"tax_grade=A division=530303", 2020, 1, 1, true});
    CHECK_CASES(PILOT_TABLE("{divisions: [530421, 530100]}"), {"tax_grade=A division=530102", 2026, 1, 1, true},
                {"tax_grade=A division=530100", 2026, 1, 1, true}, {"tax_grade=A division=530421", 2026, 1, 1, true},
                {"tax_grade=A division=530422", 2026, 1, 1, false}, {"tax_grade=A division=530000", 2026, 1, 1, false},
                {"tax_grade=A division=530200", 2026, 1, 1, false}, {"tax_grade=A", 2026, 1, 1, false});
    CHECK_CASES(PILOT_TABLE("{divisions: 530000}"), {"tax_grade=A division=539999", 2026, 1, 1, true},
                {"tax_grade=A division=540000", 2026, 1, 1, false});
    CHECK_CASES(PILOT_TABLE("{sectors: [D44, I]}"), {"tax_grade=A sector=D44", 2026, 1, 1, true},
                {"tax_grade=A sector=D45", 2026, 1, 1, false}, {"tax_grade=A sector=I61", 2026, 1, 1, true},
                {"tax_grade=A sector=J66", 2026, 1, 1, false}, {"tax_grade=A", 2026, 1, 1, false});
    CHECK_CASES(PILOT_TABLE("{from: 2026-07-01, to: 2027-01-01}"), {"tax_grade=A", 2026, 6, 30, false},
                {"tax_grade=A", 2026, 7, 1, true}, {"tax_grade=A", 2026, 12, 31, true},
                {"tax_grade=A", 2027, 1, 1, false});
    CHECK_CASES(PILOT_TABLE("{divisions: [530100], sectors: [D44], areas: [park], to: 2027-01-01}"),
                {"tax_grade=A division=530102 sector=D44", 2026, 1, 1, true},
                {"tax_grade=A division=530103 sector=D44", 2026, 1, 1, false},
                {"tax_grade=A division=530102 sector=D45", 2026, 1, 1, false},
                {"tax_grade=A division=530102 sector=D44", 2027, 1, 1, false},
                {"tax_grade=A division=530302 sector=D44 arrears=true", 2026, 1, 1, false});
}

Test(pilot, explanations_show_a_pilot_kind_by_kind) {
    policy_set *set = load(PILOT_TABLE("{areas: [park, town], sectors: [D44, I], divisions: [530100], "
                                       "from: 2026-07-01, to: 2027-01-01}"),
                           AREAS);
    profile p = profile_of("tax_grade=A division=530102 sector=D45");
    policy_explanation e;
    cr_assert_eq(policy_explain(set, 9, &p, on_day(2026, 6, 30), &e), STATUS_OK);
    static const struct {
        const char *field, *test, *value;
        bool satisfied;
    } CELLS[] = {{"tax_grade", "A", "A", true},
                 {"pilot", "areas: park, town", "530102", true},
                 {"pilot", "divisions: 530100", "530102", true},
                 {"pilot", "sectors: D44, I", "D45", false},
                 {"pilot", "from 2026-07-01 to 2027-01-01", "2026-06-30", false}};
    cr_assert_eq(e.rows[0].cell_count, 5);
    for (int i = 0; i < 5; i++) {
        const policy_cell_reason *cell = &e.rows[0].cells[i];
        cr_assert_str_eq(cell->field, CELLS[i].field);
        cr_assert_str_eq(cell->test, CELLS[i].test);
        cr_assert_str_eq(cell->value, CELLS[i].value);
        cr_assert_str_eq(cell->title, i ? "试点范围" : "纳税信用等级");
        cr_assert_eq(cell->satisfied, CELLS[i].satisfied, "%d", i);
    }
    cr_assert_not(e.rows[0].matched);
    cr_assert_eq(e.cell_count, 5);
    policy_explanation_deinit(&e);
    policy_destroy(&set);
}

Test(pilot, collect_takes_the_rows_that_exist) {
    policy_set *set =
        load(OPEN "tables:\n  - {table: t, hit: collect, inputs: [tax_grade], outputs: [outcome, tier], rows: [\n"
                  "     {id: A, when: ['-'], then: [granted, 7], pilot: {divisions: [530100]}},\n"
                  "     {id: B, when: ['-'], then: [granted, 9], pilot: {from: 2026-07-01}},\n"
                  "     {id: C, when: ['-'], then: [granted, 1]}]}\n",
             NULL);
    static const struct {
        const char *given;
        int month;
        unsigned tier, row;
    } CASES[] = {{"division=530102", 6, 7, 0x1001},
                 {"division=530102", 7, 9, 0x1001},
                 {"division=530302", 7, 9, 0x1002},
                 {"division=530302", 6, 1, 0x1003}};
    for (size_t i = 0; i < 4; i++) {
        profile p = profile_of(CASES[i].given);
        decision d;
        policy_decide(set, 9, &p, on_day(2026, CASES[i].month, 1), &d);
        cr_assert_eq(d.tier, CASES[i].tier);
        cr_assert_eq(d.row, CASES[i].row);
    }
    policy_destroy(&set);
}

/* Rows of later months stand first; each takes more subjects than those before it, so that none is hidden. */
Test(pilot, long_tables) {
    for (int k = 0; k < 2; k++) {
        buf text = {0};
        buf_printf(&text,
                   OPEN "tables:\n  - {table: t, hit: %s, inputs: [volunteer_minutes], outputs: [tier], rows: [\n",
                   k ? "first" : "collect");
        for (int r = 0; r < 300; r++)
            buf_printf(&text, "    {id: R%d, when: ['>= %d'], then: [%d], pilot: {from: 2026-%02d-01}},\n", r, 300 - r,
                       (300 - r) % 250, 12 - r / 30);
        buf_printf(&text, "    {id: Z, when: ['-'], then: [0]}]}\n");
        buf_append(&text, "", 1);
        policy_set *set = load((char *)text.data, NULL);
        profile p = profile_of("volunteer_minutes=300");
        for (int month = 1; month <= 12; month++) {
            decision d;
            policy_explanation e;
            policy_decide(set, 9, &p, on_day(2026, month, 1), &d);
            int first = (12 - month) * 30, most = 0;
            for (int r = first; r < 300; r++)
                if ((300 - r) % 250 > most) most = (300 - r) % 250;
            cr_assert_eq(d.tier, k && first < 300 ? (300 - first) % 250 : most, "month %d: %d", month, d.tier);
            cr_assert_eq(policy_explain(set, 9, &p, on_day(2026, month, 1), &e), STATUS_OK);
            for (int r = 0; r < 300; r++) {
                cr_assert_eq(e.rows[r].matched, r >= first);
                cr_assert_eq(e.rows[r].hit, k ? r == first : r >= first);
            }
            policy_explanation_deinit(&e);
        }
        policy_destroy(&set);
        buf_deinit(&text);
    }
}

/* ------------------------------------------------------------------ scope and terms */

#define SCOPED(scope)                                                                                                  \
    OPEN "scope: " scope "\ntables: [{table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"        \
         "  {id: A, when: ['-'], then: [granted]}]}]\n"

Test(pilot, a_scope_of_areas) {
    static const struct {
        const char *text, *given;
        int year;
        bool inside;
    } CASES[] = {{SCOPED("{area: [park, town]}"), "division=530102", 2026, true},
                 {SCOPED("{area: [park, town]}"), "division=530102", 2025, false},
                 {SCOPED("{area: [park, town]}"), "division=530302", 2025, true},
                 {SCOPED("{area: town}"), "division=530102", 2026, false},
                 {SCOPED("{area: [park], form: enterprise}"), "division=530102 form=enterprise", 2026, true},
                 {SCOPED("{area: [park], form: enterprise}"), "division=530102 form=cooperative", 2026, false},
                 {SCOPED("{form: enterprise, area: [park]}"), "division=530103 form=enterprise", 2026, false}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        policy_set *set = load(CASES[i].text, AREAS);
        profile p = profile_of(CASES[i].given);
        policy_explanation e;
        cr_assert_eq(policy_explain(set, 9, &p, on_day(CASES[i].year, 5, 5), &e), STATUS_OK);
        cr_assert_eq(e.result.status, CASES[i].inside ? STATUS_OK : STATUS_OUT_OF_SCOPE, "case %zu", i);
        if (!CASES[i].inside) {
            const policy_cell_reason *last = &e.rows[0].cells[e.rows[0].cell_count - 1];
            cr_assert_str_eq(e.rows[0].row, "scope");
            cr_assert_not(e.rows[0].matched);
            cr_assert_str_eq(last->field, "pilot");
            cr_assert_eq(strncmp(last->test, "areas: ", 7), 0);
        }
        policy_explanation_deinit(&e);
        policy_destroy(&set);
    }
    finds(SCOPED("{area: [parc]}"), AREAS, POLICY_ERROR, 9, 16, "unknown area 'parc'; did you mean 'park'?");
    finds(SCOPED("{area: {a: park}}"), AREAS, POLICY_ERROR, 9, 15, "'area' is a list");
    finds(SCOPED("{areas: [park]}"), AREAS, POLICY_ERROR, 9, 9, "unknown field 'areas'");
}

Test(pilot, terms_of_a_guarantee) {
    policy_set *set = load(
        OPEN "scope: {area: [park, town]}\n"
             "tables: [{table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"
             "  {id: A, when: ['-'], then: [granted]}]}]\n"
             "guarantee:\n  program: {name: other, code: 7}\n  roles: [retailer]\n"
             "  base: {fen_per_mwh_12m: 8元, fen_per_mwh_2m: 5000}\n  exposure_fen_per_mwh: 4000\n"
             "  floor_at_base: true\n  refuse_when_short: true\n"
             "  factor_bp: {AAA: 50%, AA: 70%, A: 100%, B: 130%, C: 150%}\n  warn_percent: [80, 90, 100]\n"
             "  reservation: {default: 300 s, max: 1 h}\n  tables:\n"
             "    - {table: pilot, hit: first, gaps: allowed, inputs: [market_grade], outputs: [factor_bp], rows: [\n"
             "        {id: P, when: ['>= A'], then: [40%], pilot: {areas: [park], from: 2026-07-01}},\n"
             "        {id: Q, when: [AAA], then: [45%]}]}\n",
        AREAS);
    static const struct {
        const char *given;
        int month, factor;
        bool covered;
    } CASES[] = {{"retailer=true market_grade=A division=530102", 7, 4000, true},
                 {"retailer=true market_grade=A division=530102", 6, 10000, true},
                 {"retailer=true market_grade=AAA division=530102", 6, 4500, true},
                 {"retailer=true market_grade=AAA division=530302", 7, 4500, true},
                 {"retailer=true market_grade=A division=530302", 7, 10000, true},
                 {"retailer=true market_grade=A division=530502", 7, 10000, false}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        profile p = profile_of(CASES[i].given);
        guarantee_terms terms;
        cr_assert_eq(policy_terms(set, 7, &p, on_day(2026, CASES[i].month, 1), &terms), STATUS_OK);
        cr_assert_eq(terms.factor_bp, CASES[i].factor, "case %zu: %d", i, terms.factor_bp);
        cr_assert_eq(terms.covered, CASES[i].covered);
    }
    policy_destroy(&set);
}

/* ------------------------------------------------------------------ completeness */

#define TWO_ROWS(hit, first, second)                                                                                   \
    HEAD "effective: {from: 2026-01-01, to: 2027-01-01}\ntables:\n"                                                    \
         "  - {table: t, hit: " hit ", gaps: allowed, inputs: [tax_grade], outputs: [tier], rows: [\n"                 \
         "     {id: A, when: ['not(D)'], then: [7]" first "},\n"                                                       \
         "     {id: B, when: [A], then: [1]" second "}]}\n"

static bool accepted(const char *text) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    status s = load_two(text, AREAS, &findings, &set);
    policy_findings_deinit(&findings);
    policy_destroy(&set);
    return s == STATUS_OK;
}

Test(pilot, a_row_that_may_be_absent_hides_nothing) {
    finds(TWO_ROWS("first", "", ""), AREAS, POLICY_ERROR, 12, 6, "the row 'B' can never apply: 'A' before it");
    cr_assert(accepted(TWO_ROWS("first", ", pilot: {divisions: [530100]}", "")));
    cr_assert(accepted(TWO_ROWS("first", ", pilot: {divisions: [530100]}", ", pilot: {divisions: [530102]}")));
    /* a pilot of its own does not help a row that others hide */
    finds(TWO_ROWS("first", "", ", pilot: {divisions: [530100]}"), AREAS, POLICY_ERROR, 12, 6, "can never apply");
    /* rows of the same pilot are there together */
    finds(TWO_ROWS("first", ", pilot: {divisions: [530100, 530102]}", ", pilot: {divisions: [530100]}"), AREAS,
          POLICY_ERROR, 12, 6, "can never apply");
    finds(TWO_ROWS("first", ", pilot: {areas: [park], from: 2026-02-01}", ", pilot: {areas: [park], from: 2026-02-01}"),
          AREAS, POLICY_ERROR, 12, 6, "can never apply");
    cr_assert(accepted(
        TWO_ROWS("first", ", pilot: {areas: [park], from: 2026-02-01}", ", pilot: {areas: [town], from: 2026-02-01}")));
}

Test(pilot, a_row_that_may_be_absent_fills_no_gap) {
    finds(OPEN "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"
               "     {id: A, when: [A], then: [granted]},\n"
               "     {id: B, when: ['-'], then: [granted], pilot: {sectors: [D]}}]}\n",
          NULL, POLICY_WARNING, 10, 5, "no row of the table 't' covers tax_grade = missing");
}

Test(pilot, rows_of_a_unique_table_may_take_turns) {
    finds(TWO_ROWS("unique", "", ""), AREAS, POLICY_ERROR, 12, 6, "'A' and 'B' both match");
    finds(TWO_ROWS("unique", ", pilot: {to: 2026-07-01}", ""), AREAS, POLICY_ERROR, 12, 6, "both match");
    cr_assert(accepted(TWO_ROWS("unique", ", pilot: {to: 2026-07-01}", ", pilot: {from: 2026-07-01}")));
    finds(TWO_ROWS("unique", ", pilot: {to: 2026-07-02}", ", pilot: {from: 2026-07-01}"), AREAS, POLICY_ERROR, 12, 6,
          "both match");
    cr_assert(accepted(
        TWO_ROWS("unique", ", pilot: {divisions: [530300, 530102]}", ", pilot: {divisions: [530421, 530103]}")));
    finds(TWO_ROWS("unique", ", pilot: {divisions: [530300, 530102]}", ", pilot: {divisions: [530421, 530100]}"), AREAS,
          POLICY_ERROR, 12, 6, "both match");
    cr_assert(accepted(TWO_ROWS("unique", ", pilot: {sectors: [D44, A]}", ", pilot: {sectors: [D45, B]}")));
    finds(TWO_ROWS("unique", ", pilot: {sectors: [D44]}", ", pilot: {sectors: [D]}"), AREAS, POLICY_ERROR, 12, 6,
          "both match");
    /* different areas may share subjects, even those that name none together */
    finds(TWO_ROWS("unique", ", pilot: {areas: [park]}", ", pilot: {areas: [town]}"), AREAS, POLICY_ERROR, 12, 6,
          "both match");
    finds(TWO_ROWS("unique", ", pilot: {divisions: [530100]}", ", pilot: {sectors: [D]}"), AREAS, POLICY_ERROR, 12, 6,
          "both match");
    /* but not if their periods do not meet */
    const char *turns = AREAS_HEAD "  - {code: 1, id: park, divisions: [530100], effective: {to: 2026-05-01}}\n"
                                   "  - {code: 2, id: town, divisions: [530100], effective: {from: 2026-05-01}}\n";
    policy_set *set = load(TWO_ROWS("unique", ", pilot: {areas: [park]}", ", pilot: {areas: [town]}"), turns);
    profile p = profile_of("tax_grade=A division=530102");
    decision d;
    policy_decide(set, 9, &p, on_day(2026, 4, 30), &d);
    cr_assert_eq(d.tier, 7);
    policy_decide(set, 9, &p, on_day(2026, 5, 1), &d);
    cr_assert_eq(d.tier, 1);
    policy_destroy(&set);
}

/* ------------------------------------------------------------------ mistakes */

Test(pilot, mistakes_in_pilots_are_told) {
#define PILOT(pilot) TWO_ROWS("first", ", pilot: " pilot, "")
    enum { AT = 50 }; /* of what follows "pilot: " */
    static const struct {
        const char *text;
        unsigned column;
        const char *says;
    } CASES[] = {{PILOT("{}"), AT, "the pilot restricts nothing"},
                 {PILOT("[park]"), AT, "'pilot' is written as keys and values"},
                 {PILOT("{area: [park]}"), AT + 1, "unknown key 'area' in 'pilot'"},
                 {PILOT("{areas: [parl]}"), AT + 9, "unknown area 'parl'; did you mean 'park'?"},
                 {PILOT("{areas: [nowhere-at-all]}"), AT + 9, "unknown area 'nowhere-at-all'; the areas are in"},
                 {PILOT("{areas: [[park]]}"), AT + 9, "an area is named by its id"},
                 {PILOT("{areas: []}"), AT + 8, "'areas' is an empty list"},
                 {PILOT("{areas: {park: 1}}"), AT + 8, "'areas' is a list"},
                 {PILOT("{areas: ''}"), AT + 8, "'areas' is a list"},
                 {PILOT("{divisions: [5301]}"), AT + 13, ""},
                 {PILOT("{divisions: [missing]}"), AT + 13, "subjects without one are in no pilot"},
                 {PILOT("{divisions: []}"), AT + 12, "divisions is an empty list"},
                 {PILOT("{sectors: [D444]}"), AT + 11, ""},
                 {PILOT("{sectors: [unknown, missing]}"), 0, "subjects without one are in no pilot"},
                 {PILOT("{from: 2026-13-01}"), AT + 7, "begins and ends with a day"},
                 {PILOT("{from: 2026-03-01 08:00}"), AT + 7, "begins and ends with a day"},
                 {PILOT("{to: [x]}"), AT + 5, "begins and ends with a day"},
                 {PILOT("{from: 2026-03-01, to: 2026-03-01}"), AT + 23, "the pilot ends before it begins"},
                 {PILOT("{from: 2027-01-01}"), AT, "can never hold: it does not meet the period of the policy"},
                 {PILOT("{to: 2026-01-01}"), AT, "can never hold"},
                 {PILOT("{areas: [park], from: 2028-01-01}"), AT, "or its areas' own period"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        finds(CASES[i].text, AREAS, POLICY_ERROR, CASES[i].column ? 11 : 0, CASES[i].column, CASES[i].says);
    finds(PILOT("{areas: [park]}"), NULL, POLICY_ERROR, 11, AT + 9, "there are no areas");
    finds(PILOT("{divisions: [539999]}"), NULL, POLICY_WARNING, 11, AT + 13, "no division with the code 539999");
    buf text = {0};
    buf_printf(&text, "%.*s", (int)(strstr(PILOT("{divisions: [@"), "@") - PILOT("{divisions: [@")),
               PILOT("{divisions: [@"));
    for (int i = 0; i <= LIMIT_POLICY_ALTERNATIVES; i++) buf_printf(&text, "%s530102", i ? ", " : "");
    buf_printf(&text, "]}},\n     {id: B, when: [A], then: [1]}]}\n");
    buf_append(&text, "", 1);
    finds((char *)text.data, NULL, POLICY_ERROR, 11, AT + 12, "more than 256 in divisions");
    /* 65 different pilots */
    buf_clear(&text);
    buf_printf(&text, OPEN "tables:\n  - {table: t, hit: collect, inputs: [tax_grade], outputs: [tier], rows: [\n");
    for (int r = 0; r <= LIMIT_POLICY_PILOTS; r++)
        buf_printf(&text, "    {id: R%d, when: ['-'], then: [1], pilot: {from: 2026-%02d-%02d}},\n", r, 1 + r / 28,
                   1 + r % 28);
    buf_printf(&text, "    ]}\n");
    buf_append(&text, "", 1);
    finds((char *)text.data, NULL, POLICY_ERROR, 11 + LIMIT_POLICY_PILOTS, 5, "more than 64 different pilots");
    buf_deinit(&text);
}

/* ------------------------------------------------------------------ hours */

static policy_moment at_hour(int year, int month, int day, int hour, int minute) {
    return policy_moment_at(clock_ms_of_day(clock_day_from_date(year, month, day)) + hour * CLOCK_MS_PER_HOUR +
                            minute * 60000);
}

#define DATED(name, effective, tier)                                                                                   \
    "policy: " name "\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\nexamples: []\n"      \
    "effective: " effective "\ntables: [{table: t, hit: first, inputs: [tax_grade], outputs: [outcome, tier], "        \
    "rows: [\n  {id: A, when: ['-'], then: [granted, " tier "]}]}]\n"

Test(pilot, a_policy_switches_at_its_hour) {
    policy_set *set = load(DATED("old", "{from: 2026-01-01, to: 2026-11-11 08:00}", "1"),
                           DATED("new", "{from: 2026-11-11 08:00, to: 2026-12-31 23:00}", "2"));
    profile p = blank_profile();
    static const struct {
        int month, day, hour, minute;
        unsigned status, tier;
    } CASES[] = {{1, 1, 0, 0, STATUS_OK, 1},
                 {11, 11, 0, 0, STATUS_OK, 1},
                 {11, 11, 7, 59, STATUS_OK, 1},
                 {11, 11, 8, 0, STATUS_OK, 2},
                 {11, 11, 23, 59, STATUS_OK, 2},
                 {12, 31, 22, 59, STATUS_OK, 2},
                 {12, 31, 23, 0, STATUS_NOT_EFFECTIVE, 0}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        policy_moment at = at_hour(2026, CASES[i].month, CASES[i].day, CASES[i].hour, CASES[i].minute);
        decision d, again;
        uint8_t scenario = 9;
        policy_explanation e;
        policy_decide(set, 9, &p, at, &d);
        cr_assert_eq(d.status, CASES[i].status, "case %zu", i);
        cr_assert_eq(d.tier, CASES[i].tier);
        policy_decide_batch(set, &scenario, 0, &p, NULL, 1, at, &again);
        cr_assert_eq(memcmp(&d, &again, sizeof d), 0);
        cr_assert_eq(policy_explain(set, 9, &p, at, &e), (status)CASES[i].status);
        cr_assert_eq(memcmp(&d, &e.result, sizeof d), 0);
        policy_explanation_deinit(&e);
    }
    decision d;
    policy_moment before = policy_moment_at(at_hour(2026, 1, 1, 0, 0).now_ms - 1);
    policy_decide(set, 9, &p, before, &d);
    cr_assert_eq(d.status, STATUS_NOT_EFFECTIVE);
    policy_destroy(&set);
}

Test(pilot, hours_before_1970_and_open_ends) {
    policy_set *set = load_text(DATED("p", "{to: 1970-01-01 07:00}", "1"));
    profile p = blank_profile();
    decision d;
    /* 07:00 in China on that day is an hour before the epoch */
    policy_decide(set, 9, &p, policy_moment_at(-CLOCK_MS_PER_HOUR - 1), &d);
    cr_assert_eq(d.status, STATUS_OK);
    policy_decide(set, 9, &p, policy_moment_at(-CLOCK_MS_PER_HOUR), &d);
    cr_assert_eq(d.status, STATUS_NOT_EFFECTIVE);
    policy_decide(set, 9, &p, on_day(1, 1, 1), &d);
    cr_assert_eq(d.status, STATUS_OK);
    policy_destroy(&set);
}

Test(pilot, info_tells_hours_and_days) {
    static const struct {
        const char *text;
        int32_t from_day, to_day; /* of January 2026, 0: open */
        const char *from, *to;
    } CASES[] = {{DATED("p", "{from: 2026-01-05, to: 2026-01-09}", "1"), 5, 9, "2026-01-05", "2026-01-09"},
                 {DATED("p", "{from: 2026-01-05 08:00, to: 2026-01-09 23:00}", "1"), 5, 10, "2026-01-05 08:00",
                  "2026-01-09 23:00"},
                 {DATED("p", "{from: 2026-01-05 00:00}", "1"), 5, 0, "2026-01-05", ""},
                 {DATED("p", "{to: 2026-01-09 01:00}", "1"), 0, 10, "", "2026-01-09 01:00"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        policy_set *set = load_text(CASES[i].text);
        policy_info info;
        char text[POLICY_HOUR_TEXT];
        int32_t zero = clock_day_from_date(2025, 12, 31);
        policy_get_info(set, 0, &info);
        cr_assert_eq(info.from_day, CASES[i].from_day ? zero + CASES[i].from_day : INT32_MIN);
        cr_assert_eq(info.to_day, CASES[i].to_day ? zero + CASES[i].to_day : INT32_MAX, "case %zu", i);
        cr_assert_str_eq(policy_format_hour(info.from_hour, text), CASES[i].from);
        cr_assert_str_eq(policy_format_hour(info.to_hour, text), CASES[i].to);
        policy_destroy(&set);
    }
}

Test(pilot, periods_overlap_by_the_hour) {
    finds(DATED("old", "{from: 2026-01-01, to: 2026-11-11 09:00}", "1"), DATED("new", "{from: 2026-11-11 08:00}", "2"),
          POLICY_ERROR, 7, 12, "'new' and 'old' (a-scenario.yaml) are both in force on 2026-11-11 08:00");
    finds(DATED("old", "{from: 2026-01-01}", "1"), DATED("new", "{from: 2026-11-11}", "2"), POLICY_ERROR, 7, 12,
          "both in force on 2026-11-11; end one");
    finds(DATED("p", "{from: 2026-01-01 08:00, to: 2026-01-01 08:00}", "1"), NULL, POLICY_ERROR, 7, 41,
          "ends before it begins");
    finds(DATED("p", "{from: 2026-01-01 08:30}", "1"), NULL, POLICY_ERROR, 7, 19, "full hour");
    finds(DATED("p", "{from: 2026-01-01 24:00}", "1"), NULL, POLICY_ERROR, 7, 19, "hours go from 00:00 to 23:00");
    finds(DATED("p", "{from: 2026-01-01T08:00}", "1"), NULL, POLICY_ERROR, 7, 19, "YYYY-MM-DD HH:00");
    finds(DATED("p", "{from: 2026-01-01 x8:00}", "1"), NULL, POLICY_ERROR, 7, 19, "YYYY-MM-DD HH:00");
    finds(DATED("p", "{from: 2026-02-29}", "1"), NULL, POLICY_ERROR, 7, 19, "a date that exists");
    finds(DATED("p", "{from: [2026-02-01]}", "1"), NULL, POLICY_ERROR, 7, 19, "a date that exists");
}

/* ------------------------------------------------------------------ examples */

static void count_example(void *context, const char *file, unsigned line, const char *name, bool ok,
                          const char *difference) {
    unsigned *passed = context;
    (void)file;
    (void)line;
    cr_assert_eq(ok, strncmp(name, "right", 5) == 0, "%s: %s", name, difference);
    *passed += ok;
}

Test(pilot, examples_have_a_day_and_a_subject) {
#define EXAMPLED(given)                                                                                                \
    "policy: p\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\n"                           \
    "effective: {from: 2026-03-01}\n"                                                                                  \
    "tables:\n  - {table: t, hit: first, inputs: [form], outputs: [outcome, tier], rows: [\n"                          \
    "     {id: A, when: ['-'], then: [granted, 7], pilot: {areas: [club], from: 2026-07-01}},\n"                       \
    "     {id: P, when: [person], then: [granted, 3]},\n"                                                              \
    "     {id: B, when: ['-'], then: [review, 1]}]}\nexamples:\n" given
    policy_set *set =
        load(EXAMPLED("  - {name: right 1, given: {subject: '" COMPANY "', day: 2026-07-01}, expect: {row: A}}\n"
                      "  - {name: right 2, given: {subject: '" COMPANY "', day: 2026-06-30}, expect: {row: B}}\n"
                      "  - {name: right 3, given: {subject: '" COMPANY "'}, expect: {row: B}}\n"
                      "  - {name: right 4, given: {day: 2026-07-01}, expect: {row: B}}\n"
                      "  - {name: right 5, given: {subject: 'id:53000019900101002X'}, expect: {row: P}}\n"
                      "  - {name: wrong 6, given: {day: 2026-07-01}, expect: {row: A}}\n"),
             AREAS);
    unsigned passed = 0;
    cr_assert_eq(policy_run_examples(set, count_example, &passed), 1);
    cr_assert_eq(passed, 5);
    policy_destroy(&set);
    finds(EXAMPLED("  - {name: x, given: {day: tomorrow}, expect: {row: B}}\n"), AREAS, POLICY_ERROR, 13, 28,
          "'day' is a date");
    finds(EXAMPLED("  - {name: x, given: {day: [x]}, expect: {row: B}}\n"), AREAS, POLICY_ERROR, 13, 28,
          "'day' is a date");
    finds(EXAMPLED("  - {name: x, given: {subject: 530000199001010011}, expect: {row: B}}\n"), AREAS, POLICY_ERROR, 13,
          32, "'subject' a number with its kind");
}
