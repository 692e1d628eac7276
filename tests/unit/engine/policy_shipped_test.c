/* The policies that ship: clean, with examples for every row, and with the numbers of the domain. */
#include "../policy_helper.h"

Test(policy_shipped, load_without_any_finding) {
    shipped s;
    policy_findings f = {0};
    policy_set *set = NULL;
    read_shipped(&s);
    cr_assert_eq(s.list.count, 6);
    status code = policy_load(s.files, s.list.count, 9, &f, &set);
    print_findings(&f);
    cr_assert_eq(code, STATUS_OK);
    cr_assert_eq(f.count, 0);
    cr_assert_eq(policy_version(set), 9);
    for (size_t i = 0; i < s.list.count; i++) {
        cr_assert_not_null(memmem(s.files[i].text, s.files[i].length, "示例默认值", strlen("示例默认值")), "%s",
                           s.files[i].name);
    }
    policy_findings_deinit(&f);
    policy_destroy(&set);
    free_shipped(&s);
}

static void report(void *context, const char *file, unsigned line, const char *name, bool ok, const char *difference) {
    ++*(size_t *)context;
    cr_assert(ok, "%s:%u: %s: %s", file, line, name, difference);
    cr_assert_str_eq(difference, "");
}

Test(policy_shipped, all_examples_pass) {
    policy_set *set = load_shipped(1);
    size_t ran = 0, promised = 0;
    cr_assert_eq(policy_run_examples(set, report, &ran), 0);
    for (size_t i = 0; i < policy_count(set); i++) {
        policy_info info;
        policy_get_info(set, i, &info);
        cr_assert_geq(info.examples, 6, "%s", info.id);
        cr_assert_gt(strlen(info.title), 0);
        cr_assert_gt(strlen(info.authority), 0);
        cr_assert_gt(strlen(info.legal_basis), 0);
        promised += info.examples;
    }
    cr_assert_eq(ran, promised);
    policy_destroy(&set);
}

Test(policy_shipped, scenarios_have_their_codes) {
    static const char *const NAMES[] = {"loan", "travel", "power", "approval", "volunteer"};
    policy_set *set = load_shipped(1);
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq(policy_scenario_find(set, NAMES[i]), i + 1);
        cr_assert_str_eq(policy_scenario_name(set, i + 1), NAMES[i]);
    }
    cr_assert_null(policy_scenario_name(set, 6));
    cr_assert_null(policy_scenario_name(set, 64));
    cr_assert_eq(policy_scenario_find(set, "nothing"), 0);
    const policy_benefit *b = policy_benefit_of(set, SCENARIO_LOAN, 0);
    cr_assert_str_eq(b->id, "pre_approval");
    cr_assert_str_eq(b->title, "预审批");
    policy_info info;
    bool program = false;
    for (size_t i = 0; i < policy_count(set); i++) {
        policy_get_info(set, i, &info);
        if (info.scenario == SCENARIO_LOAN) cr_assert_geq(info.rows, 10);
        program |= info.program == PROGRAM_POWER;
        cr_assert_eq(info.program != 0, info.scenario == SCENARIO_POWER);
    }
    cr_assert(program);
    policy_destroy(&set);
}

static decision loan(const policy_set *set, const char *given) {
    profile p = profile_of(given);
    decision d;
    policy_decide(set, SCENARIO_LOAN, &p, on_day(2026, 11, 24), &d);
    return d;
}

Test(policy_shipped, loans_as_the_domain_says) {
    policy_set *set = load_shipped(1);
    static const char *const ELIGIBLE[] = {"A", "B", "M"};
    static const struct {
        const char *grade;
        int outcome;
        int64_t yuan;
        int rate;
        uint64_t benefits;
    } V[] = {{"优", OUTCOME_GRANTED, 3000000, -30, 1},
             {"良", OUTCOME_GRANTED, 1000000, -10, 0},
             {"中", OUTCOME_REVIEW, 300000, 0, 0},
             {"差", OUTCOME_DECLINED, 0, 0, 0}};
    char given[200];
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 4; k++) {
            snprintf(given, sizeof given, "form=enterprise tax_grade=%s public_grade=%s", ELIGIBLE[i], V[k].grade);
            decision d = loan(set, given);
            cr_assert_eq(d.outcome, V[k].outcome, "%s", given);
            cr_assert_eq(d.amount_fen, V[k].yuan * 100, "%s", given);
            cr_assert_eq(d.rate_bp, V[k].rate, "%s", given);
            cr_assert_eq(d.benefits, V[k].benefits, "%s", given);
            snprintf(given, sizeof given, "serious_list=true form=enterprise tax_grade=%s public_grade=%s", ELIGIBLE[i],
                     V[k].grade);
            cr_assert_eq(loan(set, given).outcome, OUTCOME_DECLINED, "%s", given);
            snprintf(given, sizeof given, "form=enterprise tax_grade=D public_grade=%s red_list=true", V[k].grade);
            d = loan(set, given);
            cr_assert(d.outcome == OUTCOME_DECLINED && d.amount_fen == 0 && d.benefits == 0, "%s", given);
        }
    }
    policy_destroy(&set);
}

/* Without consent nothing of a person's record shows: the decision is the same whatever it holds. */
Test(policy_shipped, without_consent_a_decision_tells_nothing) {
    policy_set *set = load_shipped(1);
    static const uint32_t CONSENT[] = {0, PROFILE_FLAG_CONSENT_LOAN,     PROFILE_FLAG_CONSENT_TRAVEL,
                                       0, PROFILE_FLAG_CONSENT_APPROVAL, PROFILE_FLAG_CONSENT_VOLUNTEER};
    dice d = dice_make(1);
    for (unsigned s = 1; s <= 5; s++) {
        if (s == SCENARIO_POWER) continue;
        decision first;
        for (int i = 0; i < 5000; i++) {
            profile p = blank_profile();
            p.form = FORM_PERSON;
            p.flags = (uint32_t)dice_below(&d, 1u << 21) & ~CONSENT[s];
            p.public_grade = (uint8_t)dice_below(&d, PUBLIC_EXCELLENT + 1);
            p.composite_grade = (uint8_t)dice_below(&d, MARKET_AAA + 1);
            p.negative_points = (uint16_t)dice_below(&d, 3000);
            p.volunteer_minutes = (uint32_t)dice_below(&d, 200000);
            p.broken_commitments = (uint8_t)dice_below(&d, 3);
            decision out;
            policy_decide(set, s, &p, on_day(2026, 11, 24), &out);
            if (i == 0) first = out;
            cr_assert_eq(memcmp(&first, &out, sizeof out), 0, "scenario %u", s);
            cr_assert_neq(out.outcome, OUTCOME_GRANTED);
            cr_assert_eq(out.benefits, 0);
        }
    }
    policy_destroy(&set);
}

static guarantee_terms terms(const policy_set *set, const char *given, policy_moment at) {
    profile p = profile_of(given);
    guarantee_terms t;
    cr_assert_eq(policy_terms(set, PROGRAM_POWER, &p, at, &t), STATUS_OK);
    return t;
}

Test(policy_shipped, guarantee_terms_by_grade) {
    policy_set *set = load_shipped(1);
    static const struct {
        const char *grade;
        int factor, unsecured;
        bool exempt;
    } V[] = {{"AAA", 5000, 800, true}, {"AA", 7000, 500, true}, {"A", 10000, 300, true},
             {"B", 13000, 0, false},   {"C", 15000, 0, false},  {"unrated", 10000, 0, false}};
    static const char *const ROLES[] = {"retailer", "generator", "power_user"};
    policy_moment days[] = {on_day(2026, 11, 10), on_day(2026, 11, 11)};
    char given[200];
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        for (size_t r = 0; r < 3; r++) {
            for (size_t k = 0; k < 2; k++) {
                snprintf(given, sizeof given, "%s=true market_grade=%s", ROLES[r], V[i].grade);
                guarantee_terms t = terms(set, given, days[k]);
                cr_assert(t.covered && t.rated && !t.suspended && !t.floor_at_base && !t.refuse_when_short, "%s",
                          given);
                cr_assert_eq(t.factor_bp, V[i].factor, "%s", given);
                cr_assert_eq(t.unsecured_bp, V[i].unsecured, "%s", given);
                cr_assert_eq(t.exempt, r > 0 && V[i].exempt, "%s", given);
                cr_assert_eq(t.fen_per_mwh_12m, 800);
                cr_assert_eq(t.fen_per_mwh_2m, 5000);
                cr_assert_eq(t.exposure_fen_per_mwh, 5000);
                cr_assert(t.warn_percent[0] == 80 && t.warn_percent[1] == 90 && t.warn_percent[2] == 100);
                cr_assert_eq(t.ttl_default_ms, 300000);
                snprintf(given, sizeof given, "%s=true market_grade=%s observed=true", ROLES[r], V[i].grade);
                t = terms(set, given, days[k]);
                cr_assert(!t.exempt && !t.suspended, "%s", given);
                cr_assert_eq(t.factor_bp, V[i].factor > 13000 ? V[i].factor : 13000, "%s", given);
                snprintf(given, sizeof given, "%s=true market_grade=%s suspended=true", ROLES[r], V[i].grade);
                t = terms(set, given, days[k]);
                cr_assert(!t.exempt && t.suspended, "%s", given);
                snprintf(given, sizeof given, "%s=true market_grade=%s arrears=true late_settlement=true", ROLES[r],
                         V[i].grade);
                t = terms(set, given, days[k]);
                cr_assert(!t.exempt && t.unsecured_bp == 0 && t.factor_bp == V[i].factor, "%s", given);
            }
        }
    }
    cr_assert_not(terms(set, "market_grade=AAA", days[0]).covered);
    policy_destroy(&set);
}

/* More negative points never help. */
Test(policy_shipped, negative_points_only_ever_cost) {
    policy_set *set = load_shipped(1);
    static const char *const ROLES[] = {"retailer", "generator", "power_user"};
    for (unsigned role = 0; role < 3; role++) {
        for (unsigned grade = 0; grade <= MARKET_AAA; grade++) {
            for (unsigned flags = 0; flags < 2; flags++) {
                guarantee_terms last = {.exempt = true, .unsecured_bp = INT32_MAX};
                unsigned last_tier = 255;
                for (unsigned points = 0; points <= 1300; points++) {
                    profile p = blank_profile();
                    give(&p, ROLES[role], "true");
                    p.market_grade = (uint8_t)grade;
                    p.negative_points = (uint16_t)points;
                    if (flags) p.flags |= PROFILE_FLAG_OBSERVED;
                    guarantee_terms t;
                    decision d;
                    cr_assert_eq(policy_terms(set, PROGRAM_POWER, &p, on_day(2026, 11, 24), &t), STATUS_OK);
                    policy_decide(set, SCENARIO_POWER, &p, on_day(2026, 11, 24), &d);
                    cr_assert_geq(t.factor_bp, last.factor_bp, "grade %u, %u points", grade, points);
                    cr_assert_leq(t.unsecured_bp, last.unsecured_bp, "grade %u, %u points", grade, points);
                    cr_assert(last.exempt || !t.exempt, "grade %u, %u points", grade, points);
                    cr_assert_eq(t.suspended, points >= 1200, "grade %u, %u points", grade, points);
                    cr_assert_leq(d.tier, last_tier);
                    if (points >= 900) cr_assert(t.factor_bp >= 13000 && !t.exempt);
                    last = t;
                    last_tier = d.tier;
                }
            }
        }
    }
    policy_destroy(&set);
}

Test(policy_shipped, the_national_rule_ends_on_its_day) {
    policy_set *set = load_shipped(1);
    profile p = profile_of("retailer=true market_grade=A");
    policy_explanation e;
    guarantee_terms t;
    decision d;
    cr_assert_eq(policy_explain(set, SCENARIO_POWER, &p, on_day(2026, 11, 10), &e), STATUS_OK);
    cr_assert_str_eq(e.policy, "power-2021");
    policy_explanation_deinit(&e);
    cr_assert_eq(policy_explain(set, SCENARIO_POWER, &p, on_day(2026, 11, 11), &e), STATUS_OK);
    cr_assert_str_eq(e.policy, "power-2026");
    policy_explanation_deinit(&e);
    cr_assert_eq(policy_terms(set, PROGRAM_POWER, &p, on_day(2021, 11, 10), &t), STATUS_NOT_EFFECTIVE);
    policy_decide(set, SCENARIO_POWER, &p, on_day(2021, 11, 10), &d);
    cr_assert_eq(d.status, STATUS_NOT_EFFECTIVE);
    cr_assert_eq(policy_terms(set, PROGRAM_POWER, &p, on_day(2021, 11, 11), &t), STATUS_OK);
    policy_destroy(&set);
}

Test(policy_shipped, the_hash_names_the_content) {
    shipped s;
    policy_findings f = {0};
    policy_set *a = NULL, *b = NULL;
    read_shipped(&s);
    cr_assert_eq(policy_load(s.files, s.list.count, 1, &f, &a), STATUS_OK);
    policy_file other[32];
    char paths[32][300];
    for (size_t i = 0; i < s.list.count; i++) { /* other directory, other order, other version */
        other[s.list.count - 1 - i] = s.files[i];
        snprintf(paths[i], sizeof paths[i], "/etc/%zu/%s", i, s.files[i].name);
        other[s.list.count - 1 - i].name = paths[i];
    }
    cr_assert_eq(policy_load(other, s.list.count, 2, &f, &b), STATUS_OK);
    cr_assert_str_eq(policy_hash(a), policy_hash(b));
    cr_assert_eq(policy_hash64(a), policy_hash64(b));
    cr_assert_eq(strlen(policy_hash(a)), 32);
    char first[17];
    snprintf(first, sizeof first, "%016llx", (unsigned long long)policy_hash64(a));
    cr_assert_eq(memcmp(first, policy_hash(a), 16), 0);
    policy_destroy(&b);
    other[0].name = "renamed.yaml";
    cr_assert_eq(policy_load(other, s.list.count, 2, &f, &b), STATUS_OK);
    cr_assert_str_neq(policy_hash(a), policy_hash(b));
    policy_destroy(&b);
    char *copy = strndup(s.files[0].text, s.files[0].length);
    copy[0] = copy[0] == '#' ? '\n' : copy[0]; /* the comment's first character */
    copy[1] = '#';
    s.files[0].text = copy;
    cr_assert_eq(policy_load(s.files, s.list.count, 1, &f, &b), STATUS_OK);
    cr_assert_str_neq(policy_hash(a), policy_hash(b));
    free(copy);
    policy_destroy(&a);
    policy_destroy(&b);
    policy_findings_deinit(&f);
    free_shipped(&s);
}

/* Explanations of the shipped policies: the row that decided is hit, and what is not matched has a cell that failed. */
Test(policy_shipped, explanations_agree_with_decisions) {
    policy_set *set = load_shipped(1);
    dice d = dice_make(20260104);
    policy_moment at = on_day(2026, 11, 24);
    for (int i = 0; i < 20000; i++) {
        profile p = blank_profile();
        p.form = (uint8_t)dice_below(&d, 4);
        p.roles = (uint8_t)dice_below(&d, 8);
        p.flags = (uint32_t)dice_below(&d, 1u << 21) & (uint32_t)dice_below(&d, 1u << 21);
        p.public_grade = (uint8_t)dice_below(&d, PUBLIC_EXCELLENT + 1);
        p.tax_grade = (uint8_t)dice_below(&d, TAX_M + 1);
        p.market_grade = (uint8_t)dice_below(&d, MARKET_AAA + 1);
        p.composite_grade = (uint8_t)dice_below(&d, MARKET_AAA + 1);
        p.volunteer_minutes = (uint32_t)dice_below(&d, 120000);
        p.negative_points = (uint16_t)(dice_below(&d, 2) ? 0 : dice_below(&d, 1500));
        p.open_commitments = (uint8_t)dice_below(&d, 5);
        p.broken_commitments = (uint8_t)(dice_below(&d, 4) == 0);
        unsigned scenario = 1 + (unsigned)dice_below(&d, 5);
        decision want;
        policy_explanation e;
        policy_decide(set, scenario, &p, at, &want);
        cr_assert_eq(policy_explain(set, scenario, &p, at, &e), STATUS_OK);
        cr_assert_eq(memcmp(&e.result, &want, sizeof want), 0);
        uint64_t granted = 0;
        bool decided = want.row == 0;
        for (size_t k = 0; k < e.row_count; k++) {
            const policy_row_reason *r = &e.rows[k];
            bool all = true;
            for (unsigned c = 0; c < r->cell_count; c++) all &= r->cells[c].satisfied;
            cr_assert_eq(all, r->matched);
            cr_assert(!r->hit || r->matched);
            if (r->hit) granted |= r->benefits;
            if (want.row && r->table_number == want.row >> 12 && r->row_number == (want.row & 0xFFF)) {
                decided = true;
                cr_assert(r->hit, "the row that decided was used");
                cr_assert_gt(strlen(r->because), 0);
            }
        }
        cr_assert(decided);
        cr_assert_eq(want.benefits, want.outcome == OUTCOME_DECLINED ? 0 : granted);
        policy_explanation_deinit(&e);
    }
    policy_destroy(&set);
}

/* The policy that the manual shows is a good one, and its examples hold. */
Test(policy_shipped, the_manual_shows_a_good_policy) {
    buf manual = {0};
    cr_assert_eq(file_read("docs/POLICY.md", 1 << 20, &manual), STATUS_OK, "run from the project's root");
    const char *begin = strstr(buf_cstr(&manual), "```yaml\npolicy:");
    cr_assert_not_null(begin);
    begin += strlen("```yaml\n");
    policy_file file = {"POLICY.md", begin, (size_t)(strstr(begin, "```") - begin)};
    policy_findings f = {0};
    policy_set *set = NULL;
    status s = policy_load(&file, 1, 1, &f, &set);
    print_findings(&f);
    cr_assert_eq(s, STATUS_OK);
    cr_assert_eq(f.count, 0);
    size_t ran = 0;
    cr_assert_eq(policy_run_examples(set, report, &ran), 0);
    cr_assert_eq(ran, 3);
    policy_findings_deinit(&f);
    policy_destroy(&set);
    buf_deinit(&manual);
}
