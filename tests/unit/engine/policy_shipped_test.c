/* The policies that ship: clean, with examples for every row, and with the numbers of the domain. */
#include "../policy_helper.h"
#include "engine/evaluation.h"

Test(policy_shipped, load_without_any_finding) {
    shipped s;
    policy_findings f = {0};
    policy_set *set = NULL;
    read_shipped(&s);
    status code = policy_load(s.files, s.list.count, 9, &f, &set);
    print_findings(&f);
    cr_assert_eq(code, STATUS_OK);
    cr_assert_eq(f.count, 0);
    cr_assert_eq(policy_version(set), 9);
    cr_assert_eq(policy_count(set), 6, "loan, travel, power twice, approval, volunteer");
    for (size_t i = 0; i < s.list.count; i++) {
        bool numbers = strcmp(s.list.names[i], "calendar.yaml") != 0; /* days off are published, not ours */
        const char *says = numbers ? "示例默认值" : "status:";
        cr_assert_not_null(memmem(s.files[i].text, s.files[i].length, says, strlen(says)), "%s", s.files[i].name);
    }
    policy_findings_deinit(&f);
    policy_destroy(&set);
    free_shipped(&s);
}

static void good(void *context, const char *file, unsigned line, const char *name, bool ok, const char *difference) {
    ++*(size_t *)context;
    cr_assert(ok, "%s:%u: %s: %s", file, line, name, difference);
    cr_assert_str_eq(difference, "");
}

Test(policy_shipped, all_examples_pass) {
    policy_set *set = load_shipped(1);
    size_t ran = 0, promised = 0, of_evaluation = 0;
    cr_assert_eq(policy_run_examples(set, good, &ran), 0);
    for (size_t i = 0; i < policy_count(set); i++) {
        policy_info info;
        policy_get_info(set, i, &info);
        cr_assert_geq(info.examples, 6, "%s", info.id);
        cr_assert_gt(strlen(info.title), 0);
        cr_assert_gt(strlen(info.authority), 0);
        cr_assert_gt(strlen(info.legal_basis), 0);
        promised += info.examples;
    }
    cr_assert_eq(evaluation_run_examples(policy_credit(set)->evaluation, good, &of_evaluation), 0);
    cr_assert_geq(of_evaluation, 20);
    cr_assert_geq(ran, promised + of_evaluation);
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
        cr_assert_eq(info.purpose, info.scenario, "the usual purpose of the five is their own");
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

/* What the province's plan names, each as a benefit of its scenario; codes are for ever. */
Test(policy_shipped, every_benefit_of_the_plan) {
    static const struct {
        unsigned scenario, code;
        const char *id;
    } V[] = {
        {SCENARIO_LOAN, 0, "pre_approval"},
        {SCENARIO_LOAN, 1, "fast_track"},
        {SCENARIO_TRAVEL, 0, "discount"},
        {SCENARIO_TRAVEL, 1, "fast_lane"},
        {SCENARIO_TRAVEL, 2, "free_deposit"},
        {SCENARIO_TRAVEL, 3, "no_room_check"},
        {SCENARIO_TRAVEL, 4, "priority_booking"},
        {SCENARIO_TRAVEL, 5, "shuttle"},
        {SCENARIO_TRAVEL, 6, "group_tour"},
        {SCENARIO_TRAVEL, 7, "meals_shopping"},
        {SCENARIO_TRAVEL, 8, "fast_checkout"},
        {SCENARIO_POWER, 0, "market_access"},
        {SCENARIO_POWER, 1, "medium_long_term"},
        {SCENARIO_POWER, 2, "spot"},
        {SCENARIO_POWER, 3, "green_power"},
        {SCENARIO_POWER, 4, "green_certificate"},
        {SCENARIO_POWER, 5, "inter_provincial"},
        {SCENARIO_POWER, 6, "ancillary"},
        {SCENARIO_POWER, 7, "lower_guarantee"},
        {SCENARIO_POWER, 8, "guarantee_exemption"},
        {SCENARIO_POWER, 9, "credit_increase"},
        {SCENARIO_POWER, 10, "simplified_registration"},
        {SCENARIO_APPROVAL, 0, "priority"},
        {SCENARIO_APPROVAL, 1, "simplified"},
        {SCENARIO_APPROVAL, 2, "acceptance_with_gaps"},
        {SCENARIO_APPROVAL, 3, "parallel"},
        {SCENARIO_APPROVAL, 4, "against_commitment"},
        {SCENARIO_APPROVAL, 5, "statutory_excluded"},
        {SCENARIO_VOLUNTEER, 0, "certificate"},
        {SCENARIO_VOLUNTEER, 1, "free_deposit"},
        {SCENARIO_VOLUNTEER, 2, "discount"},
        {SCENARIO_VOLUNTEER, 3, "training"},
        {SCENARIO_VOLUNTEER, 4, "priority"},
        {SCENARIO_VOLUNTEER, 5, "transit"},
        {SCENARIO_VOLUNTEER, 6, "health_check"},
    };
    policy_set *set = load_shipped(1);
    size_t in_set = 0;
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        const policy_benefit *b = policy_benefit_of(set, V[i].scenario, V[i].code);
        cr_assert(b && strcmp(b->id, V[i].id) == 0, "%u.%u %s", V[i].scenario, V[i].code, V[i].id);
        cr_assert_gt(strlen(b->title), 0);
    }
    for (unsigned s = 1; s <= 5; s++)
        for (unsigned c = 0; c < LIMIT_BENEFITS; c++) in_set += policy_benefit_of(set, s, c) != NULL;
    cr_assert_eq(in_set, sizeof V / sizeof V[0]);
    policy_destroy(&set);
}

/* A random subject with everything that the shipped policies look at. */
static profile draw_profile(dice *d) {
    profile p = blank_profile();
    p.form = (uint8_t)dice_below(d, 4);
    p.roles = (uint8_t)dice_below(d, 8);
    for (unsigned bit = 0; bit < 21; bit++)
        if (dice_below(d, bit >= 16 ? 2 : 6) == 0) p.flags |= 1u << bit;
    p.flags &= ~(31u << 11); /* of no field */
    p.public_score = (uint16_t)(dice_below(d, 4) ? dice_below(d, 1001) : PROFILE_UNRATED);
    p.public_grade = (uint8_t)dice_below(d, PUBLIC_EXCELLENT + 1);
    p.tax_grade = (uint8_t)dice_below(d, TAX_M + 1);
    p.market_grade = (uint8_t)dice_below(d, MARKET_AAA + 1);
    p.composite_grade = (uint8_t)dice_below(d, MARKET_AAA + 1);
    p.slots[0] = (uint16_t)(dice_below(d, 2) ? dice_below(d, 1001) : PROFILE_UNRATED);
    p.slots[1] = (uint16_t)(dice_below(d, 2) ? dice_below(d, 101) : PROFILE_UNRATED);
    p.volunteer_minutes = (uint32_t)dice_below(d, 120000);
    p.negative_points = (uint16_t)(dice_below(d, 2) ? 0 : dice_below(d, 1500));
    p.positive_points = (uint16_t)(dice_below(d, 2) ? 0 : dice_below(d, 1000));
    p.open_commitments = (uint8_t)dice_below(d, 5);
    p.broken_commitments = (uint8_t)(dice_below(d, 4) == 0);
    return p;
}

static uint64_t bit_of(const policy_set *set, unsigned scenario, const char *id) {
    for (unsigned c = 0; c < LIMIT_BENEFITS; c++) {
        const policy_benefit *b = policy_benefit_of(set, scenario, c);
        if (b && strcmp(b->id, id) == 0) return UINT64_C(1) << c;
    }
    cr_assert_fail("no benefit %s", id);
    return 0;
}

/* Acceptance with gaps never comes without its conditions, nor for those who may not have it. */
Test(policy_shipped, gaps_only_against_a_commitment_and_never_statutory) {
    policy_set *set = load_shipped(1);
    dice d = dice_make(31);
    uint64_t gaps = bit_of(set, SCENARIO_APPROVAL, "acceptance_with_gaps");
    uint64_t commitment = bit_of(set, SCENARIO_APPROVAL, "against_commitment");
    uint64_t statutory = bit_of(set, SCENARIO_APPROVAL, "statutory_excluded");
    uint64_t simplified = bit_of(set, SCENARIO_APPROVAL, "simplified");
    size_t seen = 0;
    for (int i = 0; i < 50000; i++) {
        profile p = draw_profile(&d);
        decision out;
        policy_decide(set, SCENARIO_APPROVAL, &p, on_day(2026, 11, 24), &out);
        cr_assert_eq((out.benefits & gaps) != 0, (out.benefits & commitment) != 0);
        if (out.benefits & (gaps | simplified)) cr_assert(out.benefits & statutory);
        if (!(out.benefits & gaps)) continue;
        seen++;
        cr_assert_eq(p.flags & (PROFILE_FLAG_GAPS_BARRED | PROFILE_FLAG_SERIOUS_LIST), 0);
        cr_assert(p.broken_commitments == 0 && p.open_commitments <= 2);
        cr_assert(p.form != FORM_PERSON || (p.flags & PROFILE_FLAG_CONSENT_APPROVAL));
    }
    cr_assert_gt(seen, 1000);
    policy_destroy(&set);
}

Test(policy_shipped, falsified_service_has_no_stars) {
    policy_set *set = load_shipped(1);
    for (unsigned barred = 0; barred < 2; barred++) {
        profile p = profile_of("form=person consent_volunteer=true volunteer_minutes=90000");
        if (barred) p.flags |= PROFILE_FLAG_VOLUNTEER_BARRED;
        decision out;
        policy_decide(set, SCENARIO_VOLUNTEER, &p, on_day(2026, 11, 24), &out);
        cr_assert_eq(out.tier, barred ? 0 : 5);
        cr_assert_eq(out.outcome, barred ? OUTCOME_DECLINED : OUTCOME_GRANTED);
        cr_assert_eq(out.benefits == 0, barred);
    }
    policy_destroy(&set);
}

/* The scorecards that ship: the explanation is the score, and a record never helps. */
Test(policy_shipped, scorecards) {
    policy_set *set = load_shipped(1);
    const evaluation *e = policy_credit(set)->evaluation;
    cr_assert_not_null(e);
    const indicator *slots;
    cr_assert_eq(evaluation_indicators(e, &slots), 2);
    cr_assert_gt(slots[0].source, 0);
    dice d = dice_make(20260102);
    size_t rated = 0;
    static scorecard_result r;
    for (int i = 0; i < 50000; i++) {
        profile p = draw_profile(&d);
        uint16_t score, worse_score;
        uint8_t grade, worse_grade;
        evaluation_score(e, &p, &score, &grade);
        evaluation_explain(e, &p, &r);
        cr_assert(r.score == score && r.grade == grade);
        cr_assert_str_eq(r.scorecard, p.form == FORM_PERSON ? "persons" : "entities");
        if (score == PROFILE_UNRATED) continue;
        rated++;
        if (p.flags & PROFILE_FLAG_SERIOUS_LIST) cr_assert(score <= 300 && grade == MARKET_C);
        p.negative_points = (uint16_t)(p.negative_points + dice_below(&d, 500));
        evaluation_score(e, &p, &worse_score, &worse_grade);
        cr_assert(worse_score <= score && worse_grade <= grade);
    }
    cr_assert_gt(rated, 10000);
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

static unsigned count_bits(uint32_t bits) { return (unsigned)__builtin_popcount(bits); }

/* Flags of records and thresholds only ever cost as well, and the flag and the points that set it count once. */
Test(policy_shipped, flags_only_ever_cost_and_count_once) {
    static const uint32_t BAD[] = {PROFILE_FLAG_GRADED_DOWN, PROFILE_FLAG_OBSERVED,    PROFILE_FLAG_NO_EXEMPTION,
                                   PROFILE_FLAG_NOTICED,     PROFILE_FLAG_ARREARS,     PROFILE_FLAG_LATE_SETTLEMENT,
                                   PROFILE_FLAG_SUSPENDED,   PROFILE_FLAG_SERIOUS_LIST};
    policy_set *set = load_shipped(1);
    dice d = dice_make(99);
    for (int i = 0; i < 20000; i++) {
        profile p = draw_profile(&d);
        policy_moment at = dice_below(&d, 2) ? on_day(2026, 11, 10) : on_day(2026, 11, 24);
        uint32_t bad = BAD[dice_below(&d, sizeof BAD / sizeof BAD[0])];
        guarantee_terms before, after;
        decision was, is;
        p.flags &= ~bad;
        cr_assert_eq(policy_terms(set, PROGRAM_POWER, &p, at, &before), STATUS_OK);
        policy_decide(set, SCENARIO_POWER, &p, at, &was);
        p.flags |= bad;
        cr_assert_eq(policy_terms(set, PROGRAM_POWER, &p, at, &after), STATUS_OK);
        policy_decide(set, SCENARIO_POWER, &p, at, &is);
        cr_assert_geq(after.factor_bp, before.factor_bp);
        cr_assert_leq(after.unsecured_bp, before.unsecured_bp);
        cr_assert(before.exempt || !after.exempt);
        cr_assert(after.suspended || !before.suspended);
        cr_assert_leq(is.tier, was.tier);
        cr_assert_geq(is.outcome, was.outcome);
        cr_assert(count_bits((uint32_t)is.benefits) <= count_bits((uint32_t)was.benefits) + 1,
                  "an exemption lost may leave a lower guarantee and an increase");
        if (bad == PROFILE_FLAG_GRADED_DOWN && p.negative_points >= 600) { /* the points have cost the grade already */
            cr_assert_eq(memcmp(&before, &after, sizeof before), 0);
            cr_assert(is.tier == was.tier && is.outcome == was.outcome && is.benefits == was.benefits);
        }
        if (bad == PROFILE_FLAG_NOTICED) cr_assert_eq(memcmp(&before, &after, sizeof before), 0);
    }
    policy_destroy(&set);
}

/* The decision names the relief that the terms of the guarantee give, and no other. */
Test(policy_shipped, relief_is_what_the_ledger_computes_with) {
    policy_set *set = load_shipped(1);
    dice d = dice_make(7);
    uint64_t lower = bit_of(set, SCENARIO_POWER, "lower_guarantee");
    uint64_t exempt = bit_of(set, SCENARIO_POWER, "guarantee_exemption");
    uint64_t increase = bit_of(set, SCENARIO_POWER, "credit_increase");
    size_t seen = 0;
    for (int i = 0; i < 50000; i++) {
        profile p = draw_profile(&d);
        policy_moment at = dice_below(&d, 2) ? on_day(2026, 11, 10) : on_day(2026, 11, 24);
        guarantee_terms t;
        decision out;
        policy_decide(set, SCENARIO_POWER, &p, at, &out);
        cr_assert_eq(policy_terms(set, PROGRAM_POWER, &p, at, &t), STATUS_OK);
        uint64_t want = t.exempt ? exempt : (t.factor_bp < 10000 ? lower : 0) | (t.unsecured_bp > 0 ? increase : 0);
        if (out.outcome == OUTCOME_DECLINED) want = 0;
        if (p.form == FORM_PERSON && !(p.flags & PROFILE_FLAG_CONSENT_POWER)) want = 0;
        cr_assert_eq(out.benefits & (lower | exempt | increase), want, "%d: %llx instead of %llx", i,
                     (unsigned long long)(out.benefits & (lower | exempt | increase)), (unsigned long long)want);
        if (t.suspended && t.covered) cr_assert_neq(out.outcome, OUTCOME_GRANTED);
        seen += want != 0;
    }
    cr_assert_gt(seen, 1000);
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
        profile p = draw_profile(&d);
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
    cr_assert_eq(policy_run_examples(set, good, &ran), 0);
    cr_assert_eq(ran, 3);
    policy_findings_deinit(&f);
    policy_destroy(&set);
    buf_deinit(&manual);
}
