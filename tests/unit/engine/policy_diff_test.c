/* What changed between two policy sets, line by line. */
#include "engine/policy_diff.h"

#include "../policy_helper.h"
#include "engine/policy_model.h"

static policy_set *load_files(const policy_file *files, size_t n, uint32_t version) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    status s = policy_load(files, n, version, &findings, &set);
    if (s != STATUS_OK) print_findings(&findings);
    cr_assert_eq(s, STATUS_OK);
    policy_findings_deinit(&findings);
    return set;
}

/* All differences as lines: "+|-|~ policy: where: before → after". */
static void lines_of(const policy_set *before, const policy_set *after, buf *to) {
    policy_differences d;
    cr_assert_eq(policy_diff(before, after, &d), STATUS_OK);
    buf_clear(to);
    for (size_t i = 0; i < d.count; i++) {
        const policy_difference *x = &d.items[i];
        buf_printf(to, "%c %s: %s: %s → %s\n", "+-~"[x->kind], x -> policy, x -> where, x -> before, x -> after);
        cr_assert_eq(x->before[0] == 0, x->kind == DIFFERENCE_ADDED, "%s", x->where);
        cr_assert_eq(x->after[0] == 0, x->kind == DIFFERENCE_REMOVED, "%s", x->where);
    }
    policy_differences_deinit(&d);
    policy_differences_deinit(&d);
}

static void expect(const policy_set *before, const policy_set *after, const char *want) {
    buf got = {0};
    lines_of(before, after, &got);
    cr_expect_str_eq(buf_cstr(&got), want, "got\n%s\nwant\n%s", buf_cstr(&got), want);
    buf_deinit(&got);
}

/* The text with one part of it replaced. */
static char *with(const char *text, const char *part, const char *other) {
    const char *at = strstr(text, part);
    cr_assert_not_null(at, "%s", part);
    size_t room = strlen(text) + strlen(other) + 1;
    char *out = malloc(room);
    snprintf(out, room, "%.*s%s%s", (int)(at - text), text, other, at + strlen(part));
    return out;
}

static const char BASE[] =
    "policy: loan-2026\nscenario: {name: loan, code: 1, title: 信易贷}\ntitle: 规则\nauthority: 某局\nlegal_basis: "
    "[甲]\n"
    "effective: {from: 2026-01-01}\nscope: {form: enterprise}\n"
    "benefits: [{code: 0, id: pre, title: 预审批}, {code: 1, id: fast, title: 优先}]\ntables:\n"
    "  - table: eligibility\n    title: 资格\n    hit: first\n    inputs: [tax_grade, negative_points]\n"
    "    outputs: [outcome, amount_fen, rate_bp, percent_bp, tier, benefits]\n    rows:\n"
    "      - {id: L1, when: [D, '-'], then: [declined, '-', '-', '-', '-', '-'], because: 纳税D}\n"
    "      - {id: L2, when: ['-', '>= 9'], then: [review, '-', '-', '-', '-', '-']}\n"
    "      - {id: L7, when: ['A, B', '-'], then: [granted, 300万元, -30, 5%, 2, [pre]]}\n"
    "      - {id: L9, when: ['-', '-'], then: [review, 'min(volunteer_minutes / 60 * 100, 500000)', '-', '-', '-', "
    "'-']}\n"
    "examples:\n  - {name: 好, given: {form: enterprise, tax_grade: A}, expect: {outcome: granted}}\n";

static void changed(const char *part, const char *other, const char *want) {
    char *text = with(BASE, part, other);
    policy_set *before = load_text(BASE), *after = load_text(text);
    expect(before, after, want);
    policy_destroy(&before);
    policy_destroy(&after);
    free(text);
}

Test(policy_diff, nothing) { changed("规则", "规则", ""); }
Test(policy_diff, comments_and_versions_are_none) { changed("tables:", "# 说明\ntables:", ""); }

Test(policy_diff, amounts) {
    changed("300万元", "350万元", "~ loan-2026: table eligibility, row L7, amount_fen: 300万元 → 350万元\n");
    changed("300万元", "12345.60 yuan", "~ loan-2026: table eligibility, row L7, amount_fen: 300万元 → 12345.6元\n");
    changed("min(volunteer_minutes / 60 * 100, 500000)", "max(1, (volunteer_minutes + 5 - 2) * 2)",
            "~ loan-2026: table eligibility, row L9, amount_fen: min(volunteer_minutes / 60 * 100, 500000) → max(1, "
            "(volunteer_minutes + 5 - 2) * 2)\n");
}

Test(policy_diff, outputs) {
    changed("-30, 5%, 2, [pre]", "-25, 7.5%, 3, [pre, fast]",
            "~ loan-2026: table eligibility, row L7, tier: 2 → 3\n"
            "~ loan-2026: table eligibility, row L7, percent_bp: 5% → 7.5%\n"
            "~ loan-2026: table eligibility, row L7, rate_bp: -30 → -25\n"
            "~ loan-2026: table eligibility, row L7, benefits: pre → pre, fast\n");
    changed("-30, 5%, 2, [pre]", "'-', 5%, 2, []",
            "~ loan-2026: table eligibility, row L7, rate_bp: -30 → -\n"
            "~ loan-2026: table eligibility, row L7, benefits: pre → none\n");
    changed("[review, '-', '-'", "[declined, '-', '-'",
            "~ loan-2026: table eligibility, row L2, outcome: review → declined\n");
}

Test(policy_diff, cells_and_reasons) {
    changed("['-', '>= 9']", "['-', '>= 6']", "~ loan-2026: table eligibility, row L2, negative_points: >= 9 → >= 6\n");
    changed("['A, B', '-']", "['A', '< 12']",
            "~ loan-2026: table eligibility, row L7, tax_grade: A, B → A\n"
            "~ loan-2026: table eligibility, row L7, negative_points: - → < 12\n");
    changed(", because: 纳税D", "", "- loan-2026: table eligibility, row L1, because: 纳税D → \n");
    changed("because: 纳税D", "because: 不行", "~ loan-2026: table eligibility, row L1, because: 纳税D → 不行\n");
}

Test(policy_diff, a_column_more) {
    char *text = with(BASE, "inputs: [tax_grade, negative_points]", "inputs: [red_list, tax_grade, negative_points]");
    char *a = with(text, "[D, '-']", "['-', D, '-']"), *b = with(a, "['-', '>= 9']", "['-', '-', '>= 9']"),
         *c = with(b, "['A, B', '-']", "[true, 'A, B', '-']"),
         *d = with(c, "L9, when: ['-', '-']", "L9, when: ['-', '-', '-']");
    policy_set *before = load_text(BASE), *after = load_text(d);
    expect(before, after, "~ loan-2026: table eligibility, row L7, red_list: - → true\n");
    expect(after, before, "~ loan-2026: table eligibility, row L7, red_list: true → -\n");
    policy_destroy(&before);
    policy_destroy(&after);
    free(text), free(a), free(b), free(c), free(d);
}

Test(policy_diff, rows_come_go_and_move) {
    changed(
        "      - {id: L9",
        "      - {id: L8, when: [C, '[3..6)'], then: [granted, 30万元, '-', '-', '-', [fast]]}\n      - {id: L9",
        "+ loan-2026: table eligibility, row L8:  → tax_grade C, negative_points [3..6) → outcome granted, amount_fen "
        "30万元, benefits fast\n");
    changed("      - {id: L2, when: ['-', '>= 9'], then: [review, '-', '-', '-', '-', '-']}\n", "",
            "- loan-2026: table eligibility, row L2: negative_points >= 9 → outcome review → \n");
    changed("      - {id: L1, when: [D, '-'], then: [declined, '-', '-', '-', '-', '-'], because: 纳税D}\n"
            "      - {id: L2, when: ['-', '>= 9'], then: [review, '-', '-', '-', '-', '-']}\n",
            "      - {id: L2, when: ['-', '>= 9'], then: [review, '-', '-', '-', '-', '-']}\n"
            "      - {id: L1, when: [D, '-'], then: [declined, '-', '-', '-', '-', '-'], because: 纳税D}\n",
            "~ loan-2026: table eligibility, order of rows: L1 L2 L7 L9 → L2 L1 L7 L9\n");
    changed("because: 纳税D}", "because: 纳税D, pilot: {divisions: [530100], from: 2026-07-01}}",
            "+ loan-2026: table eligibility, row L1, pilot:  → divisions: 530100\n"
            "+ loan-2026: table eligibility, row L1, pilot:  → from 2026-07-01\n");
}

Test(policy_diff, what_is_about_the_policy) {
    changed("{from: 2026-01-01}", "{from: 2026-01-01 08:00, to: 2027-01-01}",
            "~ loan-2026: effective from: 2026-01-01 → 2026-01-01 08:00\n"
            "~ loan-2026: effective to: open → 2027-01-01\n");
    changed("title: 规则\nauthority: 某局\nlegal_basis: [甲]", "title: 新规则\nauthority: 他局\nlegal_basis: [甲, 乙]",
            "~ loan-2026: title: 规则 → 新规则\n"
            "~ loan-2026: authority: 某局 → 他局\n"
            "~ loan-2026: legal_basis: 甲 → 甲; 乙\n");
    changed("scope: {form: enterprise}\n", "", "~ loan-2026: scope: form enterprise → everybody\n");
    changed("scope: {form: enterprise}\n", "scope: {form: 'not(person)', tax_grade: not(D)}\n",
            "~ loan-2026: scope, form: enterprise → not(person)\n"
            "~ loan-2026: scope, tax_grade: - → not(D)\n");
    changed("{code: 1, id: fast, title: 优先}", "{code: 1, id: fast, title: 优先办理}, {code: 4, id: new, title: 新}",
            "~ loan-2026: benefit 1: fast 优先 → fast 优先办理\n"
            "+ loan-2026: benefit 4:  → new 新\n");
    changed("hit: first", "hit: collect", "~ loan-2026: table eligibility, hit: first → collect\n");
    changed("- {name: 好, given: {form: enterprise, tax_grade: A}",
            "- {name: 好, given: {form: enterprise, tax_grade: B}",
            "~ loan-2026: example: 好 → other values given or expected\n");
    changed("- {name: 好", "- {name: 好的", "+ loan-2026: example:  → 好的\n- loan-2026: example: 好 → \n");
}

Test(policy_diff, policies_come_go_and_are_renamed) {
    char *other = with(BASE, "policy: loan-2026\nscenario: {name: loan, code: 1, title: 信易贷}",
                       "policy: buy-1\nscenario: {name: procurement, code: 9, title: 采购}");
    char *renamed = with(BASE, "policy: loan-2026", "policy: loan-2027");
    policy_file one[] = {{"a.yaml", BASE, sizeof BASE - 1}},
                two[] = {{"a.yaml", BASE, sizeof BASE - 1}, {"b.yaml", other, strlen(other)}},
                next[] = {{"a.yaml", renamed, strlen(renamed)}};
    policy_set *a = load_files(one, 1, 1), *b = load_files(two, 2, 2), *c = load_files(next, 1, 3), *none;
    cr_assert_eq(policy_empty(&none), STATUS_OK);
    expect(a, b, "+ buy-1: policy:  → 规则; scenario procurement, in force from 2026-01-01 to open\n");
    expect(b, a, "- buy-1: policy: 规则; scenario procurement, in force from 2026-01-01 to open → \n");
    expect(a, c, "~ loan-2027: policy: loan-2026 → loan-2027\n");
    expect(none, none, "");
    expect(none, a, "+ loan-2026: policy:  → 规则; scenario loan, in force from 2026-01-01 to open\n");
    policy_destroy(&a), policy_destroy(&b), policy_destroy(&c), policy_destroy(&none);
    free(other), free(renamed);
}

Test(policy_diff, guarantee) {
    buf text = {0};
    cr_assert_eq(file_read("policy/power-2026.yaml", 1 << 20, &text), STATUS_OK, "run from the project's root");
    char *new = with(buf_cstr(&text), "fen_per_mwh_2m: 5000", "fen_per_mwh_2m: 6000"),
         *newer = with(new, "AAA: 50%", "AAA: 45.5%"), *newest = with(newer, "warn_percent: [80", "warn_percent: [75"),
         *latest = with(newest, "{bond_notice_days: 30, topup_days: 3}", "{bond_notice_days: 45}"),
         *last =
             with(latest, "  alerts: {bond_notice_days: 45}\n", "  alerts: {bond_notice_days: 45, topup_days: 5}\n");
    policy_set *before = load_text(buf_cstr(&text)), *after = load_text(last);
    expect(before, after,
           "~ power-2026: guarantee, base fen_per_mwh_2m: 5000 → 6000\n"
           "~ power-2026: guarantee, warn_percent 1: 80 → 75\n"
           "~ power-2026: guarantee, alerts bond_notice_days: 30 → 45\n"
           "~ power-2026: guarantee, alerts topup_days: 3 → 5\n"
           "~ power-2026: guarantee, factor_bp of AAA: 50% → 45.5%\n");
    policy_destroy(&before);
    policy_destroy(&after);
    free(new), free(newer), free(newest), free(latest), free(last);
    buf_deinit(&text);
}

static const char CARDS[] =
    "evaluation: eval-2026\ntitle: 评价\nauthority: 某局\nlegal_basis: [甲]\nstatus: 示例默认值\n"
    "grades: {AAA: 900, AA: 800, A: 700, B: 600}\nscorecards:\n"
    "  - scorecard: persons\n    title: 自然人\n    for: {form: person}\n    at_least: 1\n    inputs:\n"
    "      - {field: public_score, weight: 60, points: {0: 0, 1000: 1000}}\n"
    "      - {field: public_grade, weight: 20, values: {优: 950, 良: 800, 中: 620, 差: 300}}\n"
    "    merits: {per_point: 10, max: 50}\n    penalties: {per_point: 20, max: 400}\n"
    "    adjustments:\n      - {id: E1, when: {broken_commitments: '>= 1'}, add: -100, because: 违诺}\n"
    "    caps:\n      - {id: C1, when: {serious_list: true}, score: 300, because: 失信}\nexamples: []\n";

static void cards_changed(const char *part, const char *other, const char *want) {
    char *text = with(CARDS, part, other);
    policy_set *before = load_text(CARDS), *after = load_text(text);
    expect(before, after, want);
    policy_destroy(&before);
    policy_destroy(&after);
    free(text);
}

Test(policy_diff, scorecards) {
    cards_changed("评价", "评价", "");
    cards_changed("weight: 60, points: {0: 0, 1000: 1000}", "weight: 50, points: {0: 100, 1000: 1000}, missing: 500",
                  "~ evaluation: scorecard persons, input public_score, weight: 60 → 50\n"
                  "~ evaluation: scorecard persons, input public_score, values: 0: 0, 1000: 1000 → 0: 100, 1000: 1000\n"
                  "~ evaluation: scorecard persons, input public_score, missing: left out → 500\n");
    cards_changed(
        "优: 950", "优: 900",
        "~ evaluation: scorecard persons, input public_grade, values: 差 300, 中 620, 良 800, 优 950 → 差 300, "
        "中 620, 良 800, 优 900\n");
    cards_changed("AA: 800", "AA: 820", "~ evaluation: grade AA from: 800 → 820\n");
    cards_changed(
        "'>= 1'}, add: -100", "'>= 2'}, add: -50",
        "~ evaluation: scorecard persons, adjustment E1: broken_commitments >= 1 → -100 → broken_commitments >= "
        "2 → -50\n");
    cards_changed("{form: person}", "{form: [person, enterprise]}",
                  "~ evaluation: scorecard persons, for: form person → form person or enterprise\n");
    cards_changed("per_point: 20", "per_point: 25",
                  "~ evaluation: scorecard persons, penalties: 20 a point, at most 400 → 25 a point, at most 400\n");
    cards_changed(
        "      - {field: public_grade, weight: 20, values: {优: 950, 良: 800, 中: 620, 差: 300}}\n",
        "      - {field: volunteer_minutes, weight: 10, points: {0: 600, 6000: 700}}\n",
        "+ evaluation: scorecard persons, input volunteer_minutes:  → weight 10; 0: 600, 6000: 700\n"
        "- evaluation: scorecard persons, input public_grade: weight 20; 差 300, 中 620, 良 800, 优 950 → \n");
}

#define PART "title: t\nauthority: a\nlegal_basis: [x]\n"

/* Two texts of one part that differ in one place. */
static void part_changed(const char *text, const char *part, const char *other, const char *want) {
    char *changed_text = with(text, part, other);
    policy_set *before = load_text(text), *after = load_text(changed_text);
    expect(before, after, want);
    policy_destroy(&before);
    policy_destroy(&after);
    free(changed_text);
}

Test(policy_diff, records) {
    static const char TEXT[] =
        "records: r\n" PART "classes:\n  minor: {publicity: {max: 3 months}}\n"
        "  general: {publicity: {min: 3 months, max: 1 year}}\n  serious: {publicity: {min: 1 year, max: 3 years}}\n"
        "  merit: {publicity: {max: 12 months}}\ntypes:\n"
        "  - {code: 1, id: late_filing, title: 逾期申报, domain: tax, class: minor, points: 1, decay: linear}\n"
        "  - {code: 5, id: default, title: 违约, domain: power, class: general, points: 3.5, observation: 12 months, "
        "effects: [red_list_removed, {gaps_barred: 12 months}]}\n"
        "thresholds:\n  - {domain: power, points: 3, effect: noticed}\n  - {points: 9, effect: observed}\n";
    part_changed(TEXT, "逾期申报", "逾期申报", "");
    part_changed(TEXT, "class: minor, points: 1, decay: linear", "class: general, points: 1.5",
                 "~ records: type 1 late_filing, class: minor → general\n"
                 "~ records: type 1 late_filing, points: 1 → 1.5\n"
                 "~ records: type 1 late_filing, decay: linear → none\n"
                 "~ records: type 1 late_filing, publicity min: none → 3 months\n"
                 "~ records: type 1 late_filing, publicity max: 3 months → 1 year\n");
    part_changed(
        TEXT, "{gaps_barred: 12 months}", "{gaps_barred: 6 months}, no_exemption",
        "~ records: type 5 default, effects: gaps_barred 1 year, red_list_removed → no_exemption, gaps_barred 6 "
        "months, red_list_removed\n");
    part_changed(TEXT, "points: 3, effect: noticed", "points: 2.5, effect: noticed",
                 "~ records: threshold of noticed, domain power: 3 → 2.5\n");
    part_changed(TEXT, "  - {points: 9, effect: observed}\n", "", "- records: threshold of observed: 9 → \n");
    part_changed(TEXT,
                 "thresholds:", "  - {code: 9, id: new, title: 新, domain: tax, class: minor, points: 2}\nthresholds:",
                 "+ records: type 9:  → new 新: minor, 2 points, ends after 3 months\n");
}

Test(policy_diff, lists_and_calendar) {
    static const char LISTS[] =
        "lists: l\n" PART "items:\n"
        "  - {code: 1, id: red_list, title: 守信红名单, flag: red_list, valid: 12 months, published: true, removed_by: "
        "[general, breach], excluded_by: serious_list, qualify: [{public_grade: 优}, {tax_grade: A}]}\n"
        "  - {code: 2, id: serious_list, title: 严重失信主体名单, flag: serious_list, valid: 3 years, published: "
        "true}\n";
    part_changed(LISTS, "valid: 12 months, published: true, removed_by: [general, breach]",
                 "valid: 2 years, published: false, removed_by: [general, serious]",
                 "~ lists: list 1 red_list, valid: 1 year → 2 years\n"
                 "~ lists: list 1 red_list, published: true → false\n"
                 "~ lists: list 1 red_list, removed_by: general, breach → general, serious\n");
    part_changed(LISTS, "[{public_grade: 优}, {tax_grade: A}]", "[{public_grade: 优, volunteer_minutes: '>= 6000'}]",
                 "~ lists: list 1 red_list, qualify: public_grade 优 or tax_grade A → public_grade 优 and "
                 "volunteer_minutes >= 6000\n");
    static const char DAYS[] = "calendar: c\n" PART "weekend: [saturday, sunday]\n"
                               "holidays: [\"2026-01-01..2026-01-03\", 2026-05-01]\nworkdays: [2026-01-04]\n";
    part_changed(DAYS, "\"2026-01-01..2026-01-03\"", "\"2025-12-30..2026-01-03\", 2026-10-01",
                 "+ calendar: holidays:  → 2025-12-30..2025-12-31, 2026-10-01\n");
    part_changed(DAYS, "[\"2026-01-01..2026-01-03\", 2026-05-01]", "[2026-01-02]",
                 "- calendar: holidays: 2026-01-01, 2026-01-03, 2026-05-01 → \n");
    part_changed(DAYS, "[saturday, sunday]", "[sunday]", "~ calendar: weekend: saturday, sunday → sunday\n");
}

Test(policy_diff, commitments_service_sources_areas) {
    static const char MATTERS[] =
        "commitments: c\n" PART "deadline: 15 working days\nextension: 10 working days\nmatters:\n"
        "  - {code: 1, id: business_premises, title: 经营场所证明, deadline: 20 working days}\n"
        "  - {code: 2, id: staff, title: 资格证明}\n";
    part_changed(MATTERS, "extension: 10 working days", "extension: 14 days",
                 "~ commitments: extension: 10 working days → 14 days\n");
    part_changed(MATTERS, ", deadline: 20 working days}", ", extension: 1 month}",
                 "~ commitments: matter 1 business_premises, deadline: 20 working days → none\n"
                 "~ commitments: matter 1 business_premises, extension: none → 1 month\n");
    part_changed(MATTERS, "  - {code: 2, id: staff, title: 资格证明}\n", "  - {code: 3, id: fire, title: 消防}\n",
                 "+ commitments: matter 3 fire:  → 消防\n"
                 "- commitments: matter 2 staff: 资格证明 → \n");
    static const char SERVICE[] = "service: s\n" PART "max_minutes_a_day: 720\nstars: [100 h, 300 h]\n";
    part_changed(SERVICE, "720\nstars: [100 h, 300 h]", "600\nstars: [100 h, 250 h, 600 h]",
                 "~ service: max_minutes_a_day: 720 → 600\n"
                 "~ service: stars: 100 h, 300 h → 100 h, 250 h, 600 h\n");
    static const char SOURCES[] =
        "sources: s\n" PART "items:\n"
        "  - {number: 0, id: base, title: 平台, priority: 50, fields: all, reports: all, corrects: any}\n"
        "  - {number: 1, id: tax_bureau, title: 税务局, priority: 90, fields: [tax_grade, data_day], reports: "
        "[record_add]}\n";
    part_changed(SOURCES, "fields: [tax_grade, data_day], reports: [record_add]",
                 "fields: [tax_grade, sector], reports: [record_add, record_repair]",
                 "~ sources: source 1 tax_bureau, reports: record_add → record_add, record_repair\n"
                 "~ sources: source 1 tax_bureau, sector: may not write it → priority 90\n"
                 "~ sources: source 1 tax_bureau, data_day: priority 90 → may not write it\n");
    part_changed(SOURCES, "priority: 50, fields: all, reports: all", "priority: 40, fields: all, reports: []",
                 "~ sources: source 0 base, reports: all → none\n"
                 "~ sources: source 0 base, 39 fields: priority 50 → priority 40\n");
    static const char AREAS[] =
        "areas: a\n" PART "items:\n"
        "  - {code: 1, id: km, title: 高新区, kind: park, divisions: [530102], effective: {from: "
        "2026-01-01}}\n";
    part_changed(
        AREAS, "divisions: [530102], effective: {from: 2026-01-01}",
        "divisions: [530102, 530103], subjects: ['uscc:91530000MA00TTT099'], effective: {from: 2026-01-01, to: "
        "2028-01-01}",
        "~ areas: area 1 km, divisions: 530102 → 530102, 530103\n"
        "~ areas: area 1 km, subjects named: 0 → 1\n"
        "~ areas: area 1 km, effective to: open → 2028-01-01\n");
}

Test(policy_diff, the_shipped_set_is_itself) {
    policy_set *a = load_shipped(1), *b = load_shipped(2);
    expect(a, b, "");
    policy_destroy(&a);
    policy_destroy(&b);
}

/* Texts that do not fit end at a whole character. */
Test(policy_diff, long_texts) {
    char title[1024] = "";
    for (size_t i = 0; i < 200; i++) memcpy(title + 3 * i, "字", sizeof "字");
    char line[1100];
    snprintf(line, sizeof line, "title: %s", title);
    char *text = with(BASE, "title: 规则", line);
    policy_set *before = load_text(BASE), *after = load_text(text);
    policy_differences d;
    cr_assert_eq(policy_diff(before, after, &d), STATUS_OK);
    cr_assert_eq(d.count, 1);
    size_t n = strlen(d.items[0].after);
    cr_assert_lt(n, sizeof d.items[0].after);
    cr_assert_str_eq(d.items[0].after + n - 3, "…");
    for (size_t i = 0; i + 3 < n; i += 3) cr_assert_eq(memcmp(d.items[0].after + i, "字", 3), 0);
    policy_differences_deinit(&d);
    policy_destroy(&before);
    policy_destroy(&after);
    free(text);
}
