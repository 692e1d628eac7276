/* What is wrong with a policy is found, all of it, where it stands. Each case replaces a line or more of a good policy;
 * lines and columns are those of the resulting text. */
#include "../policy_helper.h"

static const char *const GOOD[] = {
    /*  1 */ "policy: p",
    /*  2 */ "scenario: {name: sample, code: 9}",
    /*  3 */ "title: 示例",
    /*  4 */ "authority: a",
    /*  5 */ "legal_basis: [x]",
    /*  6 */ "effective: {from: 2026-01-01, to: 2027-01-01}",
    /*  7 */ "benefits:",
    /*  8 */ "  - {code: 0, id: fast, title: 快}",
    /*  9 */ "  - {code: 1, id: cheap}",
    /* 10 */ "tables:",
    /* 11 */ "  - table: t1",
    /* 12 */ "    hit: first",
    /* 13 */ "    inputs: [tax_grade, public_score]",
    /* 14 */ "    outputs: [outcome, amount_fen, benefits]",
    /* 15 */ "    rows:",
    /* 16 */ "      - {id: R1, when: ['A, B', '>= 700'], then: [granted, 300万元, [fast, cheap]]}",
    /* 17 */ "      - {id: R2, when: [D, '-'], then: [declined, '-', '-']}",
    /* 18 */ "      - {id: R3, when: ['-', '-'], then: [review, '-', '-']}",
    /* 19 */ "examples:",
    /* 20 */ "  - {name: e1, given: {tax_grade: A, public_score: 800}, expect: {outcome: granted, row: R1}}",
};
#define LINES (sizeof GOOD / sizeof GOOD[0])

/* GOOD with line `line` replaced; "" takes it out, 0 replaces nothing. */
static void build(buf *out, unsigned line, const char *with) {
    buf_clear(out);
    for (unsigned i = 0; i < LINES; i++) {
        const char *text = i + 1 == line ? with : GOOD[i];
        if (*text || i + 1 != line) buf_printf(out, "%s\n", text);
    }
}

static status load(const buf *text, policy_findings *findings, policy_set **set) {
    policy_file file = {"p.yaml", (const char *)text->data, text->size};
    *findings = (policy_findings){0};
    return policy_load(&file, 1, 1, findings, set);
}

typedef struct broken {
    unsigned line;
    const char *with;
    policy_severity severity;
    unsigned at_line, at_column;
    const char *part;
} broken;

static const broken CASES[] = {
    /* YAML */
    {3, "title: \"open", POLICY_ERROR, 21, 1, "closing quote"},
    {3, "\ttitle: x", POLICY_ERROR, 3, 1, "tabs"},
    {3, "title: a: b", POLICY_ERROR, 3, 9, "': '"},
    {3, "title: &x y", POLICY_ERROR, 3, 8, "anchors"},
    {3, "title: *x", POLICY_ERROR, 3, 8, "aliases"},
    {3, "title: !!str y", POLICY_ERROR, 3, 8, "tags"},
    {3, "title: x\ntitle: y", POLICY_ERROR, 4, 1, "twice, first in line 3"},
    {3, "title: x\n---\na: b", POLICY_ERROR, 4, 1, "second document"},
    {3, "title: \"a\\0b\"", POLICY_ERROR, 3, 8, "control character"},
    {3, "? [a]\n: b", POLICY_ERROR, 3, 3, "a key must be a text"},
    /* the head */
    {1, "polcy: p", POLICY_ERROR, 1, 1, "did you mean 'policy'"},
    {1, "", POLICY_ERROR, 1, 1, "'policy:' is missing"},
    {1, "policy: a b", POLICY_ERROR, 1, 10, "one word"},
    {1, "policy: [a]", POLICY_ERROR, 1, 9, "is a text, not a list"},
    {2, "scenario: sample", POLICY_ERROR, 2, 11, "keys and values"},
    {2, "scenario: {name: sample}", POLICY_ERROR, 2, 11, "'code:' is missing"},
    {2, "scenario: {name: sample, code: 64}", POLICY_ERROR, 2, 32, "1 to 63"},
    {2, "scenario: {name: sample, code: 1}", POLICY_ERROR, 2, 32, "belongs to the scenario 'loan'"},
    {2, "scenario: {name: loan, code: 9}", POLICY_ERROR, 2, 30, "'loan' has code 1"},
    {2, "scenario: {name: sample, code: 9, purpose: approval}", POLICY_ERROR, 2, 44, "such as administrative_approval"},
    {2, "scenario: {name: sample, code: 9, purpose: self_inqiry}", POLICY_ERROR, 2, 44, "did you mean 'self_inquiry'"},
    {2, "scenario: {name: sample, code: 9, purpose: [loan_review]}", POLICY_ERROR, 2, 44, "the usual purpose"},
    {2, "scenario: {name: loan, code: 1, purpose: self_inquiry}", POLICY_ERROR, 2, 42, "is asked for loan_review"},
    {3, "title: ''", POLICY_ERROR, 3, 8, "is empty"},
    {4, "", POLICY_WARNING, 1, 1, "no authority"},
    {5, "", POLICY_WARNING, 1, 1, "no legal basis"},
    {5, "legal_basis: []", POLICY_WARNING, 5, 14, "no legal basis"},
    {6, "effective: {from: 2026-02-30}", POLICY_ERROR, 6, 19, "YYYY-MM-DD"},
    {6, "effective: {from: 2026-02-01, to: 2026-02-01}", POLICY_ERROR, 6, 35, "ends before it begins"},
    {6, "", POLICY_ERROR, 1, 1, "'effective:' is missing"},
    {8, "  - {code: 64, id: fast}", POLICY_ERROR, 8, 12, "0 to 63"},
    {8, "  - {code: 1, id: fast}", POLICY_ERROR, 9, 5, "benefit code 1 is taken by 'fast'"},
    {8, "  - {code: 0, id: cheap}", POLICY_ERROR, 9, 5, "defined twice"},
    {8, "  - {code: 0, id: fast, titel: x}", POLICY_ERROR, 8, 25, "did you mean 'title'"},
    {9, "  - {code: 1, id: cheap}\n  - {code: 2, id: never}", POLICY_NOTE, 8, 3, "no row grants the benefit 'never'"},
    {10, "scope: {divison: 530100}\ntables:", POLICY_ERROR, 10, 9, "did you mean 'division'"},
    {10, "scope: {division: 5301}\ntables:", POLICY_ERROR, 10, 19, "six digits"},
    {10, "scope: [530100]\ntables:", POLICY_ERROR, 10, 8, "fields and cells"},
    {10, "scope: {division: [530100, 539900]}\ntables:", POLICY_WARNING, 10, 28, "no division with the code 539900"},
    {10, "scope: {division: 'not(530100, 530199)'}\ntables:", POLICY_WARNING, 10, 32,
     "no division with the code 530199"},
    /* tables */
    {11, "  - tabel: t1", POLICY_ERROR, 11, 5, "did you mean 'table'"},
    {12, "    hit: any", POLICY_ERROR, 12, 10, "first"},
    {12, "    hit: first\n    gaps: yes", POLICY_ERROR, 13, 11, "allowed"},
    {13, "    inputs: [tax_grad, public_score]", POLICY_ERROR, 13, 14, "did you mean 'tax_grade'"},
    {13, "    inputs: [tax_grade, tax_grade]", POLICY_ERROR, 13, 25, "stands here twice"},
    {13, "    inputs: [tax_grade]", POLICY_ERROR, 16, 24, "2 cells, but the table has 1: tax_grade"},
    {13, "    inputs: tax_grade", POLICY_ERROR, 13, 13, "is a list"},
    {13, "    inputs: []", POLICY_ERROR, 13, 13, "1 to 32"},
    {14, "    outputs: [outcom, amount_fen, benefits]", POLICY_ERROR, 14, 15, "did you mean 'outcome'"},
    {14, "    outputs: [outcome, outcome, benefits]", POLICY_ERROR, 14, 24, "twice"},
    {14, "    outputs: [outcome]", POLICY_ERROR, 16, 50, "3 cells, but the table has 1: outcome"},
    /* cells */
    {16, "      - {id: R1, when: ['A, X', '-'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 29,
     "'X' is not a value"},
    {16, "      - {id: R1, when: [\"A, X\", '-'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 29, "'X'"},
    {16, "      - {id: R1, when: [A, '>= 优'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 32, "not a number"},
    {16, "      - {id: R1, when: [A, '>= 1001'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 32, "0 to 1000"},
    {16, "      - {id: R1, when: ['>= B', '-'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 26, "no order"},
    {16, "      - {id: R1, when: [A, ''], then: [granted, '-', '-']}", POLICY_ERROR, 16, 29, "empty cell"},
    {16, "      - {id: R1, when: [[A, X], '-'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 29, "'X'"},
    {16, "      - {id: R1, when: [{A: B}, '-'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 25, "a cell is a text"},
    {16, "      - {id: R1, when: {tax_grad: A}, then: [granted, '-', '-']}", POLICY_ERROR, 16, 25, "did you mean"},
    {16, "      - {id: R1, when: [A, [3..6)], then: [granted, '-', '-']}", POLICY_ERROR, 16, 62, "in quotes"},
    {16, "      - {when: [A, '-'], then: [granted, '-', '-']}", POLICY_ERROR, 16, 9, "'id:' is missing"},
    {16, "      - {id: R1, then: [granted, '-', '-']}", POLICY_ERROR, 16, 9, "'when:' is missing"},
    {16, "      - {id: R1, when: [A, '-']}", POLICY_ERROR, 16, 9, "'then:' is missing"},
    {16, "      - {id: R2, when: [A, '-'], then: [granted, '-', '-']}", POLICY_ERROR, 17, 9, "before in line 16"},
    {16, "      - {id: R1, when: [A, '-'], because: 一, 二, then: [granted, '-', '-']}", POLICY_ERROR, 16, 46,
     "quotes"},
    /* outputs */
    {16, "      - {id: R1, when: [A, '-'], then: [grant, '-', '-']}", POLICY_ERROR, 16, 41,
     "granted, review or declined"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, '-', [fst]]}", POLICY_ERROR, 16, 56, "did you mean 'fast'"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, '-', [zzz]]}", POLICY_ERROR, 16, 56, "define it"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, 3万, '-']}", POLICY_ERROR, 16, 50, "unknown unit"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, 0.5, '-']}", POLICY_ERROR, 16, 50, "whole number"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, 0.001 yuan, '-']}", POLICY_ERROR, 16, 50,
     "whole number of fen"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, 1 +, '-']}", POLICY_ERROR, 16, 53, "is expected"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, tax_grade * 2, '-']}", POLICY_ERROR, 16, 50, "not a number"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, volunter_minutes, '-']}", POLICY_ERROR, 16, 50,
     "did you mean"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, public_score * 2, '-']}", POLICY_ERROR, 16, 50,
     "may be missing"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, 100 / open_commitments, '-']}", POLICY_ERROR, 16, 54,
     "may be 0"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, 5 - open_commitments, '-']}", POLICY_ERROR, 16, 50,
     "negative"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, volunteer_minutes * 1亿元, '-']}", POLICY_ERROR, 16, 68,
     "too large"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, volunteer_minutes * 100万元, '-']}", POLICY_ERROR, 16, 50,
     "min("},
    /* completeness */
    {17, "      - {id: R2, when: [A, '> 800'], then: [declined, '-', '-']}", POLICY_ERROR, 17, 9,
     "'R2' can never apply: 'R1'"},
    {18, "      - {id: R3, when: ['A, B', '< 700'], then: [review, '-', '-']}", POLICY_WARNING, 11, 5,
     "covers tax_grade = missing"},
    {12, "    hit: unique", POLICY_ERROR, 18, 9, "'R1' and 'R3' both match"},
    {14, "    outputs: [tier, amount_fen, benefits]", POLICY_ERROR, 16, 51, "a whole number"},
    /* examples */
    {20, "  - {name: e1, given: {tax_grad: A}, expect: {outcome: granted}}", POLICY_ERROR, 20, 24, "did you mean"},
    {20, "  - {name: e1, given: {tax_grade: X}, expect: {outcome: granted}}", POLICY_ERROR, 20, 35, "D, C, B, A or M"},
    {20, "  - {name: e1, given: {}, expect: {outcome: yes}}", POLICY_ERROR, 20, 45, "none, granted"},
    {20, "  - {name: e1, given: {}, expect: {row: R9}}", POLICY_ERROR, 20, 41, "no row"},
    {20, "  - {name: e1, given: {}, expect: {}}", POLICY_ERROR, 20, 35, "expects nothing"},
    {20, "  - {given: {}, expect: {row: R3}}", POLICY_ERROR, 20, 5, "'name:' is missing"},
    {20, "  - {name: e1, given: {}, expect: {row: R3}}\n  - {name: e1, given: {}, expect: {row: R3}}", POLICY_ERROR, 21,
     5, "in line 20 already"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, 99999999999亿元, '-']}", POLICY_ERROR, 16, 50,
     "the number is too large"},
    {16, "      - {id: R1, when: [A, '-'], then: [granted, -300万元, '-']}", POLICY_ERROR, 16, 50,
     "amounts cannot be negative"},
    {20, "  - {name: e1, given: {}, expect: {benefits: [fst]}}", POLICY_ERROR, 20, 47,
     "unknown benefit 'fst'; did you mean 'fast'"},
    {20, "  - {name: e1, given: {}, expect: {amount_fen: -1元}}", POLICY_ERROR, 20, 48, "amounts cannot be negative"},
    {20, "  - {name: e1, given: {}, expect: {status: lost}}", POLICY_ERROR, 20, 44, "ok or out_of_scope"},
};

Test(policy_load, the_good_policy_is_good) {
    buf text = {0};
    policy_findings findings;
    policy_set *set = NULL;
    build(&text, 0, "");
    status s = load(&text, &findings, &set);
    print_findings(&findings);
    cr_assert_eq(s, STATUS_OK);
    cr_assert_eq(findings.count, 0);
    cr_assert_eq(policy_run_examples(set, NULL, NULL), 0);
    policy_findings_deinit(&findings);
    policy_destroy(&set);
    buf_deinit(&text);
}

Test(policy_load, each_mistake_is_found_where_it_stands) {
    buf text = {0};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const broken *c = &CASES[i];
        policy_findings findings;
        policy_set *set = NULL;
        build(&text, c->line, c->with);
        status s = load(&text, &findings, &set);
        const policy_finding *f = find_finding(&findings, c->severity, c->at_line, c->at_column, c->part);
        if (!f) print_findings(&findings);
        cr_expect_not_null(f, "'%s': nothing at %u:%u with '%s'", c->with, c->at_line, c->at_column, c->part);
        if (f) cr_assert_str_eq(f->file, "p.yaml");
        if (c->severity == POLICY_ERROR) {
            cr_assert_eq(s, STATUS_POLICY_INVALID, "'%s'", c->with);
            cr_assert_null(set);
            cr_assert_gt(findings.errors, 0);
        } else {
            cr_assert_eq(s, STATUS_OK, "'%s'", c->with);
        }
        policy_destroy(&set);
        policy_findings_deinit(&findings);
    }
    buf_deinit(&text);
}

Test(policy_load, all_mistakes_are_told_in_one_go_in_order) {
    static const char *const TEXT =
        "policy: p\nscenario: {name: sample, code: 99}\ntitle: t\nauthority: a\nlegal_basis: x\neffective: {from: x}\n"
        "tables:\n  - table: t\n    hit: first\n    inputs: [tax_grade, nonsense]\n    outputs: [outcome]\n    rows:\n"
        "      - {id: R1, when: ['>= A', '-'], then: [wrong]}\n      - {id: R1, when: [X, '-'], then: [granted]}\n"
        "examples: [{name: e, given: {a: b}, expect: {outcome: granted}}]\n";
    policy_file file = {"dir/p.yaml", TEXT, strlen(TEXT)};
    policy_findings f = {0};
    policy_set *set;
    cr_assert_eq(policy_load(&file, 1, 1, &f, &set), STATUS_POLICY_INVALID);
    static const struct {
        unsigned line, column;
    } WANT[] = {{2, 32}, {6, 19}, {10, 25}, {13, 26}, {13, 46}, {14, 9}, {14, 25}, {15, 30}};
    print_findings(&f);
    cr_assert_eq(f.errors, sizeof WANT / sizeof WANT[0]);
    for (size_t i = 0; i < f.errors; i++) {
        cr_assert_eq(f.items[i].line, WANT[i].line, "finding %zu", i);
        cr_assert_eq(f.items[i].column, WANT[i].column, "finding %zu", i);
    }
    policy_findings_deinit(&f);
}

/* ------------------------------------------------------------------ several files */

static void head(buf *out, const char *id, const char *scenario, const char *effective, const char *more) {
    buf_printf(out,
               "policy: %s\nscenario: %s\ntitle: t\nauthority: a\nlegal_basis: x\neffective: %s\n%s"
               "tables:\n  - table: t\n    hit: first\n    inputs: [red_list]\n    outputs: [outcome]\n    rows:\n"
               "      - {id: R1, when: ['-'], then: [granted]}\nexamples: []\n",
               id, scenario, effective, more);
}

static const char GUARANTEE[] =
    "guarantee:\n  program: {name: power, code: 1}\n  roles: [retailer]\n"
    "  base: {fen_per_mwh_12m: 800, fen_per_mwh_2m: 5000}\n  exposure_fen_per_mwh: 5000\n  floor_at_base: false\n"
    "  refuse_when_short: false\n  factor_bp: {AAA: 50%, AA: 70%, A: 100%, B: 130%, C: 150%}\n"
    "  warn_percent: [80, 90, 100]\n  reservation: {default: 300 s, max: 1 h}\n";

static void two(const char *id_b, const char *scenario_a, const char *scenario_b, const char *effective_a,
                const char *effective_b, const char *more_a, const char *more_b, unsigned line, const char *part) {
    buf a = {0}, b = {0};
    head(&a, "a", scenario_a, effective_a, more_a);
    head(&b, id_b, scenario_b, effective_b, more_b);
    policy_file files[] = {{"a.yaml", (char *)a.data, a.size}, {"b.yaml", (char *)b.data, b.size}};
    policy_findings f = {0};
    policy_set *set = NULL;
    status s = policy_load(files, 2, 1, &f, &set);
    if (part) {
        cr_assert_eq(s, STATUS_POLICY_INVALID, "%s", part);
        bool found = false;
        for (size_t i = 0; i < f.count; i++)
            found |=
                strstr(f.items[i].message, part) && strcmp(f.items[i].file, "b.yaml") == 0 && f.items[i].line == line;
        if (!found) print_findings(&f);
        cr_assert(found, "%s", part);
    } else {
        print_findings(&f);
        cr_assert_eq(s, STATUS_OK);
    }
    policy_findings_deinit(&f);
    policy_destroy(&set);
    buf_deinit(&a);
    buf_deinit(&b);
}

#define S9 "{name: nine, code: 9}"
#define Y26 "{from: 2026-01-01, to: 2027-01-01}"
#define Y27 "{from: 2027-01-01}"

Test(policy_load, clashes_between_files) {
    two("b", S9, S9, Y26, Y27, "", "", 0, NULL);
    two("b", S9, "{name: ten, code: 10}", Y26, Y26, "", "", 0, NULL);
    two("a", S9, "{name: ten, code: 10}", Y26, Y26, "", "", 1, "the policy id 'a' stands in a.yaml as well");
    two("b", S9, "{name: nine, code: 10}", Y26, Y27, "", "", 2, "one name and one code");
    two("b", S9, "{name: ten, code: 9}", Y26, Y27, "", "", 2, "one name and one code");
    two("b", S9, S9, Y26, "{from: 2026-12-31}", "", "", 6, "both in force on 2026-12-31");
    two("b", S9, S9, Y26, "{}", "", "", 6, "both in force on 2026-01-01");
    two("b", S9, S9, "{to: 2027-01-01}", "{to: 2026-01-01}", "", "", 6, "both in force on every day");
    two("b", S9, S9, Y26, Y27, "benefits: [{code: 1, id: x}]\n", "benefits: [{code: 1, id: y}]\n", 7, "for ever");
    two("b", S9, S9, Y26, Y27, "benefits: [{code: 1, id: x}]\n", "benefits: [{code: 2, id: x}]\n", 7, "for ever");
    two("b", S9, S9, Y26, Y27, "benefits: [{code: 1, id: x}]\n", "benefits: [{code: 2, id: y}]\n", 0, NULL);
    two("b", S9, S9, Y26, Y27, GUARANTEE, GUARANTEE, 0, NULL);
    two("b", S9, "{name: ten, code: 10}", Y26, Y26, GUARANTEE, GUARANTEE, 8, "one scenario");
}

Test(policy_load, mistakes_of_a_guarantee) {
    static const struct {
        const char *from, *to, *part;
        unsigned line, column;
    } V[] = {
        {"code: 1}", "code: 16}", "1 to 15", 8, 32},
        {"code: 1}", "code: 2}", "belongs to the program 'power'", 8, 32},
        {"[retailer]", "[seller]", "retailer, generator or power_user", 9, 11},
        {"fen_per_mwh_12m: 800", "fen_per_mwh_12m: 8.5", "whole number", 10, 27},
        {"fen_per_mwh_12m: 800", "fen_per_mwh_12m: 1亿元", "at most 1000000", 10, 27},
        {"floor_at_base: false", "floor_at_base: no", "true or false", 12, 18},
        {"C: 150%", "D: 150%", "unknown key 'D'", 14, 52},
        {"C: 150%", "C: 1.5", "percentage", 14, 55},
        {"C: 150%", "C: 1001%", "0 to 100000", 14, 55},
        {"[80, 90, 100]", "[90, 80, 100]", "rising", 15, 17},
        {"[80, 90, 100]", "[80, 90]", "rising", 15, 17},
        {"default: 300 s", "default: 300", "a unit", 16, 26},
        {"default: 300 s", "default: 2 h", "longer than 'max'", 16, 26},
        {"max: 1 h", "max: 8 d", "7 d", 16, 38},
        {"  refuse_when_short: false\n", "", "'refuse_when_short:' is missing", 8, 3},
        {"  refuse_when_short: false\n", "  refuse_when_short: false\n  unrated: as Z\n", "as A", 14, 12},
    };
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        char more[1024];
        const char *at = strstr(GUARANTEE, V[i].from);
        cr_assert_not_null(at);
        snprintf(more, sizeof more, "%.*s%s%s", (int)(at - GUARANTEE), GUARANTEE, V[i].to, at + strlen(V[i].from));
        buf text = {0};
        head(&text, "p", S9, Y26, more);
        policy_findings f;
        policy_set *set;
        cr_assert_eq(load(&text, &f, &set), STATUS_POLICY_INVALID, "%s", V[i].to);
        if (!find_finding(&f, POLICY_ERROR, V[i].line, V[i].column, V[i].part)) {
            print_findings(&f);
            cr_expect_fail("'%s': nothing at %u:%u with '%s'", V[i].to, V[i].line, V[i].column, V[i].part);
        }
        policy_findings_deinit(&f);
        buf_deinit(&text);
    }
}

Test(policy_load, implausible_prices_are_doubted) {
    static const struct {
        const char *to, *part;
    } V[] = {{"fen_per_mwh_12m: 0", "fen_per_mwh_12m is 0"},
             {"fen_per_mwh_12m: 100001", "fen_per_mwh_12m is 100001 fen, that is 1000 yuan for one MWh"},
             {"fen_per_mwh_12m: 1", NULL},
             {"fen_per_mwh_12m: 100000", NULL}};
    static const char FROM[] = "fen_per_mwh_12m: 800";
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        char more[1024];
        const char *at = strstr(GUARANTEE, FROM);
        snprintf(more, sizeof more, "%.*s%s%s", (int)(at - GUARANTEE), GUARANTEE, V[i].to, at + strlen(FROM));
        buf text = {0};
        head(&text, "p", S9, Y26, more);
        policy_findings f;
        policy_set *set;
        cr_assert_eq(load(&text, &f, &set), STATUS_OK, "%s", V[i].to);
        bool doubted = find_finding(&f, POLICY_WARNING, 10, 27, V[i].part != NULL ? V[i].part : "") != NULL;
        cr_expect_eq(doubted, V[i].part != NULL, "%s", V[i].to);
        policy_findings_deinit(&f);
        policy_destroy(&set);
        buf_deinit(&text);
    }
}

Test(policy_load, a_better_grade_with_a_worse_factor_is_doubted) {
    buf text = {0};
    char more[1024];
    snprintf(more, sizeof more, "%s", GUARANTEE);
    char *at = strstr(more, "AA: 70%");
    memcpy(at, "AA: 40%", 7);
    head(&text, "p", S9, Y26, more);
    policy_findings f;
    policy_set *set;
    cr_assert_eq(load(&text, &f, &set), STATUS_OK);
    cr_assert_not_null(find_finding(&f, POLICY_WARNING, 14, 14, "factor_bp of grade AAA is worse"));
    policy_findings_deinit(&f);
    policy_destroy(&set);
    buf_deinit(&text);
}

Test(policy_load, limits_are_findings) {
    policy_findings f;
    policy_set *set = NULL;
    buf text = {0}, row = {0};
    static const struct {
        unsigned rows, tables;
        const char *part;
    } V[] = {{LIMIT_POLICY_ROWS + 1, 1, "1 to 4095"},
             {1, LIMIT_POLICY_TABLES + 1, "1 to 15"},
             {LIMIT_POLICY_ROWS, 1, NULL},
             {1, LIMIT_POLICY_TABLES, NULL}};
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        buf_clear(&text);
        buf_printf(&text, "policy: p\nscenario: " S9 "\ntitle: t\nauthority: a\nlegal_basis: x\neffective: {}\n"
                          "examples: []\ntables:\n");
        for (unsigned t = 0; t < V[i].tables; t++) {
            buf_printf(
                &text,
                "  - {table: t%u, hit: first, gaps: allowed, inputs: [volunteer_minutes], outputs: [outcome], rows: [",
                t);
            for (unsigned r = 0; r < V[i].rows; r++)
                buf_printf(&text, "{id: R%u_%u, when: ['%u'], then: [granted]},\n", t, r, r);
            buf_printf(&text, "]}\n");
        }
        status s = load(&text, &f, &set);
        if (V[i].part)
            cr_assert_not_null(find_finding(&f, POLICY_ERROR, 0, 0, V[i].part));
        else
            cr_assert_eq(s, STATUS_OK);
        policy_findings_deinit(&f);
        policy_destroy(&set);
    }
    policy_file many[LIMIT_POLICY_FILES + 1];
    for (size_t i = 0; i <= LIMIT_POLICY_FILES; i++) many[i] = (policy_file){"x.yaml", "a", 1};
    f = (policy_findings){0};
    cr_assert_eq(policy_load(many, LIMIT_POLICY_FILES + 1, 1, &f, &set), STATUS_POLICY_INVALID);
    cr_assert_not_null(find_finding(&f, POLICY_ERROR, 0, 0, "at most 256"));
    policy_findings_deinit(&f);
    buf_deinit(&text);
    buf_deinit(&row);
}

Test(policy_load, many_findings_are_cut_but_counted) {
    buf text = {0};
    policy_findings f;
    policy_set *set = NULL;
    buf_printf(&text,
               "policy: p\nscenario: " S9 "\ntitle: t\nauthority: a\nlegal_basis: x\neffective: {}\nexamples: []\n"
               "tables:\n  - table: t\n    hit: first\n    inputs: [tax_grade]\n    outputs: [outcome]\n    rows:\n");
    for (int i = 0; i < 2000; i++) buf_printf(&text, "      - {id: R%d, when: [X], then: [granted]}\n", i);
    cr_assert_eq(load(&text, &f, &set), STATUS_POLICY_INVALID);
    cr_assert_eq(f.errors, 2000);
    cr_assert_eq(f.count, LIMIT_POLICY_FINDINGS + 1);
    cr_assert_not_null(strstr(f.items[f.count - 1].message, "more findings"));
    policy_findings_deinit(&f);
    buf_deinit(&text);
}

Test(policy_load, an_empty_set_knows_no_scenario) {
    policy_set *set = NULL;
    cr_assert_eq(policy_empty(&set), STATUS_OK);
    cr_assert_eq(policy_count(set), 0);
    cr_assert_eq(policy_version(set), 0);
    profile p = blank_profile();
    p.data_day = 77;
    for (unsigned s = 0; s < 300; s++) {
        decision d;
        memset(&d, 0xAA, sizeof d);
        policy_decide(set, s, &p, on_day(2026, 1, 1), &d);
        decision want = {.status = STATUS_UNKNOWN_SCENARIO, .data_day = 77};
        cr_assert_eq(memcmp(&d, &want, sizeof d), 0);
        guarantee_terms t;
        cr_assert_eq(policy_terms(set, s, &p, on_day(2026, 1, 1), &t), STATUS_UNKNOWN_PROGRAM);
        policy_explanation e;
        cr_assert_eq(policy_explain(set, s, &p, on_day(2026, 1, 1), &e), STATUS_UNKNOWN_SCENARIO);
        cr_assert_eq(e.result.status, STATUS_UNKNOWN_SCENARIO);
        cr_assert_eq(e.row_count, 0);
        policy_explanation_deinit(&e);
        cr_assert_null(policy_scenario_name(set, s));
        cr_assert_null(policy_benefit_of(set, s, 0));
    }
    cr_assert_eq(policy_scenario_find(set, "loan"), 0);
    policy_destroy(&set);
    cr_assert_null(set);
    policy_destroy(&set);
    policy_destroy(NULL);
}
