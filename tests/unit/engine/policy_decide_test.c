#include "../policy_helper.h"

#define HEAD                                                                                                           \
    "policy: p\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\neffective: {}\n"            \
    "benefits: [{code: 0, id: b0}, {code: 5, id: b5}, {code: 63, id: b63}]\nexamples: []\n"

static decision decide(const policy_set *set, const char *given) {
    profile p = profile_of(given);
    decision d;
    policy_decide(set, 9, &p, on_day(2026, 1, 1), &d);
    return d;
}

Test(policy_decide, earlier_tables_win_and_benefits_add_up) {
    policy_set *set = load_text(
        HEAD
        "tables:\n"
        "  - {table: t1, hit: first, inputs: [tax_grade], outputs: [outcome, tier, benefits], gaps: allowed, rows: [\n"
        "     {id: A, when: [A], then: [granted, 3, b0]}, {id: B, when: [B], then: ['-', '-', b5]}]}\n"
        "  - {table: t2, hit: first, inputs: [tax_grade], outputs: [outcome, tier, amount_fen, benefits], rows: [\n"
        "     {id: C, when: ['-'], then: [review, 1, 7, b63]}]}\n");
    decision d = decide(set, "tax_grade=A");
    cr_assert_eq(d.outcome, OUTCOME_GRANTED);
    cr_assert_eq(d.tier, 3);
    cr_assert_eq(d.amount_fen, 7);
    cr_assert_eq(d.benefits, 1 | UINT64_C(1) << 63);
    cr_assert_eq(d.row, 0x1001);
    d = decide(set, "tax_grade=B");
    cr_assert_eq(d.outcome, OUTCOME_REVIEW);
    cr_assert_eq(d.tier, 1);
    cr_assert_eq(d.benefits, UINT64_C(1) << 5 | UINT64_C(1) << 63);
    cr_assert_eq(d.row, 0x2001);
    policy_destroy(&set);
}

Test(policy_decide, declined_clears_and_ends) {
    policy_set *set =
        load_text(HEAD "tables:\n"
                       "  - {table: t0, hit: collect, inputs: [tax_grade], outputs: [tier, percent_bp, rate_bp, "
                       "amount_fen, benefits],\n"
                       "     rows: [{id: Z, when: ['-'], then: [3, 5%, -10, 99, [b0, b5]]}]}\n"
                       "  - {table: t1, hit: first, inputs: [serious_list], outputs: [outcome], gaps: allowed,\n"
                       "     rows: [{id: D, when: [true], then: [declined]}]}\n"
                       "  - {table: t2, hit: first, inputs: [tax_grade], outputs: [outcome, benefits],\n"
                       "     rows: [{id: G, when: ['-'], then: [granted, b63]}]}\n");
    decision d = decide(set, "serious_list=true");
    decision want = {.status = STATUS_OK, .outcome = OUTCOME_DECLINED, .row = 0x2001, .policy_version = 1};
    cr_assert_eq(memcmp(&d, &want, sizeof d), 0);
    d = decide(set, "serious_list=false");
    cr_assert_eq(d.outcome, OUTCOME_GRANTED);
    cr_assert_eq(d.benefits, 1 | 1 << 5 | UINT64_C(1) << 63);
    cr_assert_eq(d.tier, 3);
    cr_assert_eq(d.percent_bp, 500);
    cr_assert_eq(d.rate_bp, -10);
    cr_assert_eq(d.amount_fen, 99);
    /* what is explained: the row behind the declining table matches, but was not used */
    profile p = profile_of("serious_list=true");
    policy_explanation e;
    cr_assert_eq(policy_explain(set, 9, &p, on_day(2026, 1, 1), &e), STATUS_OK);
    cr_assert_eq(e.row_count, 3);
    cr_assert(e.rows[0].hit && e.rows[1].hit && e.rows[2].matched && !e.rows[2].hit);
    policy_explanation_deinit(&e);
    policy_destroy(&set);
}

Test(policy_decide, collect_takes_the_best_and_the_strictest) {
    policy_set *set = load_text(HEAD "tables:\n"
                                     "  - {table: t, hit: collect, inputs: [public_score], outputs: [outcome, tier, "
                                     "percent_bp, rate_bp, amount_fen, benefits],\n"
                                     "     rows: [{id: A, when: ['>= 100'], then: [granted, 1, 1%, -5, 10, b0]},\n"
                                     "            {id: B, when: ['>= 200'], then: [review, 3, '-', -50, 5, b5]},\n"
                                     "            {id: C, when: ['>= 300'], then: [granted, 2, 9%, -7, 20, '-']}]}\n");
    decision d = decide(set, "public_score=99");
    cr_assert_eq(d.outcome, OUTCOME_NONE);
    cr_assert_eq(d.row, 0);
    cr_assert_eq(d.benefits, 0);
    d = decide(set, "public_score=150");
    cr_assert_eq(d.outcome, OUTCOME_GRANTED);
    cr_assert_eq(d.row, 0x1001);
    cr_assert_eq(d.rate_bp, -5);
    d = decide(set, "public_score=300");
    cr_assert_eq(d.outcome, OUTCOME_REVIEW);
    cr_assert_eq(d.row, 0x1002);
    cr_assert_eq(d.tier, 3);
    cr_assert_eq(d.percent_bp, 900);
    cr_assert_eq(d.rate_bp, -50);
    cr_assert_eq(d.amount_fen, 20);
    cr_assert_eq(d.benefits, 1 | 1 << 5);
    policy_destroy(&set);
}

Test(policy_decide, scope_decides_first_and_is_explained) {
    policy_set *set = load_text(HEAD "scope: {division: [530100, 530300], form: 'not(person)', sector: D}\n"
                                     "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome], "
                                     "rows: [{id: A, when: ['-'], then: [granted]}]}\n");
    cr_assert_eq(decide(set, "division=530102 form=enterprise sector=D44").status, STATUS_OK);
    cr_assert_eq(decide(set, "division=530100 form=enterprise sector=D").outcome, OUTCOME_GRANTED);
    static const char *const OUTSIDE[] = {
        "division=530402 form=enterprise sector=D44", "form=enterprise sector=D44",
        "division=530102 form=person sector=D44",     "division=530102 sector=D44",
        "division=530102 form=enterprise sector=E48", "division=530000 form=enterprise sector=D44"};
    for (size_t i = 0; i < sizeof OUTSIDE / sizeof OUTSIDE[0]; i++) {
        decision d = decide(set, OUTSIDE[i]), want = {.status = STATUS_OUT_OF_SCOPE, .policy_version = 1};
        cr_assert_eq(memcmp(&d, &want, sizeof d), 0, "%s", OUTSIDE[i]);
    }
    profile p = profile_of("division=530402 form=enterprise sector=D44");
    policy_explanation e;
    cr_assert_eq(policy_explain(set, 9, &p, on_day(2026, 1, 1), &e), STATUS_OK);
    cr_assert_eq(e.result.status, STATUS_OUT_OF_SCOPE);
    cr_assert_eq(e.row_count, 1);
    cr_assert_str_eq(e.rows[0].row, "scope");
    cr_assert_eq(e.rows[0].cell_count, 3);
    cr_assert_not(e.rows[0].matched);
    for (unsigned i = 0; i < 3; i++) {
        bool division = strcmp(e.rows[0].cells[i].field, "division") == 0;
        cr_assert_eq(e.rows[0].cells[i].satisfied, !division);
        if (!division) continue;
        cr_assert_str_eq(e.rows[0].cells[i].test, "530100, 530300");
        cr_assert_str_eq(e.rows[0].cells[i].value, "530402");
    }
    policy_explanation_deinit(&e);
    policy_destroy(&set);
}

Test(policy_decide, periods_change_by_the_day) {
    static const char *const TEXT = "policy: %s\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: "
                                    "a\nlegal_basis: x\neffective: %s\nexamples: []\n"
                                    "benefits: [{code: %d, id: b%d}]\n"
                                    "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [tier, "
                                    "outcome], rows: [{id: A, when: ['-'], then: [%d, granted]}]}\n";
    char texts[3][600];
    snprintf(texts[0], 600, TEXT, "late", "{from: 2027-01-01}", 3, 3, 3);
    snprintf(texts[1], 600, TEXT, "early", "{from: 2025-01-01, to: 2026-01-01}", 1, 1, 1);
    snprintf(texts[2], 600, TEXT, "middle", "{from: 2026-01-01, to: 2026-07-01}", 2, 2, 2);
    policy_file files[3];
    for (int i = 0; i < 3; i++) files[i] = (policy_file){"x.yaml", texts[i], strlen(texts[i])};
    policy_findings f = {0};
    policy_set *set = NULL;
    cr_assert_eq(policy_load(files, 3, 4, &f, &set), STATUS_OK);
    static const struct {
        int year, month, day;
        status s;
        int tier;
    } V[] = {{2024, 12, 31, STATUS_NOT_EFFECTIVE, 0},
             {2025, 1, 1, STATUS_OK, 1},
             {2025, 12, 31, STATUS_OK, 1},
             {2026, 1, 1, STATUS_OK, 2},
             {2026, 6, 30, STATUS_OK, 2},
             {2026, 7, 1, STATUS_NOT_EFFECTIVE, 0},
             {2026, 12, 31, STATUS_NOT_EFFECTIVE, 0},
             {2027, 1, 1, STATUS_OK, 3},
             {2999, 1, 1, STATUS_OK, 3}};
    profile p = blank_profile();
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        decision d;
        policy_decide(set, 9, &p, on_day(V[i].year, V[i].month, V[i].day), &d);
        cr_assert_eq(d.status, V[i].s, "%d-%d-%d", V[i].year, V[i].month, V[i].day);
        cr_assert_eq(d.tier, V[i].tier);
        cr_assert_eq(d.policy_version, 4);
        policy_explanation e;
        cr_assert_eq(policy_explain(set, 9, &p, on_day(V[i].year, V[i].month, V[i].day), &e), V[i].s);
        cr_assert_eq(e.result.status, V[i].s);
        cr_assert_eq(e.row_count, V[i].s == STATUS_OK);
        policy_explanation_deinit(&e);
    }
    policy_info info;
    policy_get_info(set, 0, &info);
    cr_assert_str_eq(info.id, "early");
    policy_get_info(set, 2, &info);
    cr_assert_str_eq(info.id, "late");
    cr_assert_eq(info.to_day, INT32_MAX);
    for (unsigned b = 1; b <= 3; b++) cr_assert_eq(policy_benefit_of(set, 9, b)->code, b);
    cr_assert_null(policy_benefit_of(set, 9, 4));
    policy_findings_deinit(&f);
    policy_destroy(&set);
}

Test(policy_decide, amounts_follow_the_profile) {
    policy_set *set =
        load_text(HEAD "tables:\n  - {table: t, hit: first, inputs: [public_score], outputs: [outcome, amount_fen], "
                       "gaps: allowed, rows: [\n"
                       "      {id: A, when: ['>= 600'], then: [granted, '(public_score - 600) * 100元']}]}\n");
    cr_assert_eq(decide(set, "public_score=600").amount_fen, 0);
    cr_assert_eq(decide(set, "public_score=601").amount_fen, 10000);
    cr_assert_eq(decide(set, "public_score=1000").amount_fen, 4000000);
    cr_assert_eq(decide(set, "").amount_fen, 0);
    policy_destroy(&set);
}

Test(policy_decide, a_batch_equals_single_decisions) {
    policy_set *set = load_shipped(3);
    dice d = dice_make(5);
    enum { N = 1000 };
    static profile profiles[N];
    static decision out[N];
    static struct { uint8_t pad[3], scenario, rest[12]; } requests[N];
    static bool present[N];
    for (int i = 0; i < N; i++) {
        profiles[i] = blank_profile();
        profiles[i].form = (uint8_t)dice_below(&d, FORM_OTHER + 1);
        profiles[i].public_grade = (uint8_t)dice_below(&d, PUBLIC_EXCELLENT + 1);
        profiles[i].tax_grade = (uint8_t)dice_below(&d, TAX_M + 1);
        profiles[i].market_grade = (uint8_t)dice_below(&d, MARKET_AAA + 1);
        profiles[i].roles = (uint8_t)dice_below(&d, 8);
        profiles[i].flags = (uint32_t)dice_below(&d, 1u << 21);
        profiles[i].volunteer_minutes = (uint32_t)dice_below(&d, 120000);
        profiles[i].data_day = (uint16_t)dice_below(&d, 65536);
        requests[i].scenario = (uint8_t)(dice_below(&d, 20) ? 1 + dice_below(&d, 5) : dice_below(&d, 256));
        present[i] = dice_below(&d, 10) != 0;
    }
    for (int year = 2020; year <= 2027; year += 7) {
        policy_moment at = on_day(year, 1, 1);
        memset(out, 0x5A, sizeof out);
        policy_decide_batch(set, &requests[0].scenario, sizeof requests[0], profiles, present, N, at, out);
        for (int i = 0; i < N; i++) {
            decision want;
            memset(&want, 0x5A, sizeof want);
            if (present[i]) policy_decide(set, requests[i].scenario, &profiles[i], at, &want);
            cr_assert_eq(memcmp(&out[i], &want, sizeof want), 0, "%d", i);
        }
        uint8_t one = SCENARIO_POWER;
        policy_decide_batch(set, &one, 0, profiles, NULL, N, at, out);
        for (int i = 0; i < N; i++) {
            decision want;
            policy_decide(set, one, &profiles[i], at, &want);
            cr_assert_eq(memcmp(&out[i], &want, sizeof want), 0, "%d", i);
        }
    }
    policy_destroy(&set);
}

/* ------------------------------------------------------------------ guarantee terms */

#define GUARANTEE(unrated)                                                                                              \
    HEAD "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [{id: A, when: ['-'], "    \
         "then: [granted]}]}\n"                                                                                         \
         "guarantee:\n  program: {name: other, code: 7}\n  roles: [retailer, power_user]\n"                             \
         "  base: {fen_per_mwh_12m: 8元, fen_per_mwh_2m: 5000}\n  exposure_fen_per_mwh: 4000\n  floor_at_base: true\n" \
         "  refuse_when_short: true\n  factor_bp: {AAA: 50%, AA: 70%, A: 100%, B: 130%, C: 150%}\n"                     \
         "  unsecured_bp: {AAA: 8%}\n" unrated                                                                          \
         "  warn_percent: [70, 85, 99]\n  reservation: {default: 90 s, max: 5 min}\n"

Test(policy_terms, what_holds_for_everybody) {
    policy_set *set = load_text(GUARANTEE(""));
    guarantee_terms t;
    profile p = profile_of("retailer=true market_grade=AA");
    cr_assert_eq(policy_terms(set, 7, &p, on_day(2026, 1, 1), &t), STATUS_OK);
    cr_assert(t.covered && t.rated && t.floor_at_base && t.refuse_when_short && !t.exempt && !t.suspended);
    cr_assert_eq(t.fen_per_mwh_12m, 800);
    cr_assert_eq(t.fen_per_mwh_2m, 5000);
    cr_assert_eq(t.exposure_fen_per_mwh, 4000);
    cr_assert_eq(t.factor_bp, 7000);
    cr_assert_eq(t.unsecured_bp, 0);
    cr_assert(t.warn_percent[0] == 70 && t.warn_percent[1] == 85 && t.warn_percent[2] == 99);
    cr_assert_eq(t.ttl_default_ms, 90000);
    cr_assert_eq(t.ttl_max_ms, 300000);
    cr_assert_eq(t.policy_version, 1);
    p = profile_of("generator=true market_grade=AA");
    cr_assert_eq(policy_terms(set, 7, &p, on_day(2026, 1, 1), &t), STATUS_OK);
    cr_assert_not(t.covered);
    cr_assert_eq(policy_terms(set, 1, &p, on_day(2026, 1, 1), &t), STATUS_UNKNOWN_PROGRAM);
    cr_assert_eq(policy_terms(set, 255, &p, on_day(2026, 1, 1), &t), STATUS_UNKNOWN_PROGRAM);
    cr_assert_eq(t.policy_version, 1);
    cr_assert_not(t.covered);
    policy_destroy(&set);
}

Test(policy_terms, the_unrated) {
    static const struct {
        const char *text;
        bool rated;
        int factor;
    } V[] = {{GUARANTEE(""), true, 10000},
             {GUARANTEE("  unrated: as A\n"), true, 10000},
             {GUARANTEE("  unrated: as B\n"), true, 13000},
             {GUARANTEE("  unrated: as AAA\n"), true, 5000},
             {GUARANTEE("  unrated: refuse\n"), false, 15000}};
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        policy_set *set = load_text(V[i].text);
        guarantee_terms t;
        profile p = profile_of("retailer=true");
        cr_assert_eq(policy_terms(set, 7, &p, on_day(2026, 1, 1), &t), STATUS_OK);
        cr_assert_eq(t.rated, V[i].rated);
        cr_assert_eq(t.factor_bp, V[i].factor);
        cr_assert_eq(t.unsecured_bp, 0, "nothing is trusted to the unrated");
        policy_destroy(&set);
    }
}

Test(policy_terms, who_is_out_of_scope_is_not_covered) {
    char text[3000];
    snprintf(text, sizeof text, "%sscope: {division: 530100}\n", GUARANTEE(""));
    policy_set *set = load_text(text);
    guarantee_terms t;
    profile p = profile_of("retailer=true division=530102");
    cr_assert_eq(policy_terms(set, 7, &p, on_day(2026, 1, 1), &t), STATUS_OK);
    cr_assert(t.covered);
    p = profile_of("retailer=true division=530302");
    cr_assert_eq(policy_terms(set, 7, &p, on_day(2026, 1, 1), &t), STATUS_OK);
    cr_assert_not(t.covered);
    policy_destroy(&set);
}

/* ------------------------------------------------------------------ examples */

typedef struct reports {
    unsigned ok, failed, last_line;
    char text[600];
} reports;

static void note(void *context, const char *file, unsigned line, const char *name, bool ok, const char *difference) {
    reports *r = context;
    (void)name;
    cr_assert_str_eq(file, "test.yaml");
    if (ok)
        r->ok++;
    else {
        r->failed++;
        r->last_line = line;
        snprintf(r->text, sizeof r->text, "%s", difference);
    }
}

Test(policy_examples, failures_tell_what_is_different) {
    policy_set *set =
        load_text("policy: p\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\neffective: "
                  "{from: 2999-01-01}\n"
                  "scope: {form: enterprise}\nbenefits: [{code: 3, id: b3}]\ntables:\n"
                  "  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome, tier, percent_bp, rate_bp, "
                  "amount_fen, benefits], rows: [\n"
                  "     {id: A, when: [A], then: [granted, 2, 5%, -3, 7元, b3]}, {id: B, when: ['-'], then: [review, "
                  "'-', '-', '-', '-', '-']}]}\n"
                  "examples:\n"
                  "  - {name: right, given: {form: enterprise, tax_grade: A}, expect: {outcome: granted, tier: 2, "
                  "percent_bp: 5%, rate_bp: -3, amount_fen: 7元, benefits: [b3], row: A, status: ok}}\n"
                  "  - {name: outside, given: {tax_grade: A}, expect: {status: out_of_scope}}\n"
                  "  - {name: wrong, given: {form: enterprise}, expect: {outcome: granted, tier: 2, percent_bp: 5%, "
                  "rate_bp: -3, amount_fen: 7元, benefits: [b3], row: A}}\n");
    reports r = {0};
    cr_assert_eq(policy_run_examples(set, note, &r), 1);
    cr_assert_eq(r.ok, 2);
    cr_assert_eq(r.failed, 1);
    cr_assert_eq(r.last_line, 15);
    cr_assert_str_eq(r.text,
                     "outcome: expected granted, got review; tier: expected 2, got 0; percent_bp: expected 500, got 0; "
                     "benefits: expected [b3], got []; amount_fen: expected 700, got 0; rate_bp: expected -3, got 0; "
                     "row: expected A, got B");
    policy_destroy(&set);
    set = load_text(
        "policy: p\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\neffective: {}\n"
        "scope: {form: enterprise}\ntables:\n"
        "  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [{id: A, when: ['-'], then: "
        "[granted]}]}\n"
        "examples:\n  - {name: a, given: {}, expect: {outcome: none}}\n");
    r = (reports){0};
    cr_assert_eq(policy_run_examples(set, note, &r), 1);
    cr_assert_str_eq(r.text, "status: expected ok, got out_of_scope");
    policy_destroy(&set);
}
