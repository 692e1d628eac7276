/* What is said about mistakes in the parts of a policy that are written seldom: one mistake, its place, its message.
 * policy_load_test.c has those that are made often. */
#include "../policy_helper.h"

#define HEAD "policy: p\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\neffective: {}\n"
#define BENEFITS "benefits: [{code: 0, id: b0}]\n"
#define TABLE(outputs, then)                                                                                           \
    "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: " outputs                                       \
    ", rows: [\n     {id: A, when: ['-'], "                                                                            \
    "then: " then "}]}\n"
#define GOOD TABLE("[outcome]", "[granted]")
#define GUARANTEE(tables)                                                                                              \
    "guarantee:\n  program: {name: other, code: 7}\n  roles: [retailer]\n"                                             \
    "  base: {fen_per_mwh_12m: 800, fen_per_mwh_2m: 5000}\n  exposure_fen_per_mwh: 5000\n  floor_at_base: false\n"     \
    "  refuse_when_short: false\n  factor_bp: {AAA: 50%, AA: 70%, A: 100%, B: 130%, C: 150%}\n"                        \
    "  warn_percent: [80, 90, 100]\n  reservation: {default: 300 s, max: 1 h}\n" tables

static status load_one(const char *text, policy_findings *findings, policy_set **set) {
    policy_file file = {"test.yaml", text, strlen(text)};
    return policy_load(&file, 1, 1, findings, set);
}

static void refuses(const char *text, unsigned line, unsigned column, const char *says) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    cr_assert_eq(load_one(text, &findings, &set), STATUS_POLICY_INVALID, "%s", says);
    if (!find_finding(&findings, POLICY_ERROR, line, column, says)) {
        print_findings(&findings);
        cr_assert_fail("%u:%u: %s", line, column, says);
    }
    policy_findings_deinit(&findings);
}

Test(policy_mistakes, single_places) {
    static const struct {
        const char *text;
        unsigned line, column;
        const char *says;
    } CASES[] = {
        {HEAD TABLE("[outcome, [tier]]", "[granted, 1]"), 8, 68, "an output is a name; known are outcome, tier"},
        {HEAD TABLE("[]", "[]"), 8, 58, "0 outputs; a table has 1 to 8"},
        {HEAD TABLE("[outcome, tier, percent_bp, benefits, amount_fen, rate_bp, a, b, c]", "[]"), 8, 58, "9 outputs"},
        {HEAD BENEFITS TABLE("[outcome, benefits]", "[granted, [[b0]]]"), 10, 44, "a benefit is named by its id"},
        {HEAD TABLE("[outcome, amount_fen]", "[granted, [5]]"), 9, 43, "an amount is a text"},
        {HEAD GOOD "  - {table: t, hit: first, inputs: [tax_grade], outputs: [tier], rows: [{id: B, when: ['-'], then: "
                   "[1]}]}\n",
         10, 5, "the table 't' stands here twice"},
        {HEAD GOOD GUARANTEE(
             "  tables: [{table: v, hit: collect, inputs: [observed], outputs: [exempt], rows: [{id: E, "
             "when: [true], then: [false]}]}]\n"),
         20, 28, "'collect' has no meaning for guarantee terms"},
        {HEAD GOOD GUARANTEE("  tables: [{table: v, hit: first, inputs: [observed], outputs: [covered], rows: [{id: E, "
                             "when: ['-'], then: [maybe]}]}]\n"),
         20, 110, "covered is true or false"},
        {HEAD GOOD "examples: [{name: x, given: {tax_grade: [A]}, expect: {outcome: granted}}]\n", 10, 41,
         "tax_grade is a text"},
        {HEAD GOOD "examples: [{name: x, given: [], expect: {outcome: granted}}]\n", 10, 29, "'given' is written as"},
        {HEAD TABLE("[outcome, tier]", "[granted, 256]"), 9, 43, "a tier is a whole number from 0 to 255"},
        {HEAD "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n     {id: A, "
              "when: [[]], then: [granted]}]}\n",
         9, 21, "an empty list is never true"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        refuses(CASES[i].text, CASES[i].line, CASES[i].column, CASES[i].says);
}

/* `before`, n times `item`, `after`. */
static void refuses_many(const char *before, const char *item, int n, const char *after, const char *says) {
    buf text = {0};
    buf_printf(&text, "%s", before);
    for (int i = 0; i < n; i++) buf_printf(&text, "%s", item);
    buf_printf(&text, "%s", after);
    buf_append(&text, "", 1);
    refuses((const char *)text.data, 0, 0, says);
    buf_deinit(&text);
}

Test(policy_mistakes, too_much_of_something) {
    refuses_many(HEAD "benefits: [", "{code: 0, id: b}, ", LIMIT_BENEFITS + 1, "]\n" GOOD, "65 benefits");
    refuses_many(HEAD GOOD "examples: [", "{}, ", LIMIT_POLICY_EXAMPLES + 1, "]\n", "1025 examples");
    refuses_many(HEAD "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"
                      "     {id: A, when: [[",
                 "A, ", LIMIT_POLICY_ALTERNATIVES + 1, "]], then: [granted]}]}\n",
                 "more than 256 alternatives in one cell");
    refuses_many(HEAD "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [amount_fen], rows: [\n"
                      "     {id: A, when: ['-'], then: ['1",
                 " + 1", LIMIT_POLICY_OPERATIONS, "']}]}\n", "more than 64 parts");
    refuses_many("policy: p", "p", LIMIT_NAME_MAX, "\nscenario: {name: sample, code: 9}\n" GOOD,
                 "a policy's id has more than 63 bytes");
    buf scope = {0};
    buf_printf(&scope, HEAD "scope: {");
    for (unsigned i = 0; i <= LIMIT_POLICY_COLUMNS; i++) buf_printf(&scope, "%s: missing, ", profile_field_at(i)->name);
    buf_printf(&scope, "}\n" GOOD);
    buf_append(&scope, "", 1);
    refuses((const char *)scope.data, 7, 8, "a scope of more than 32 fields");
    buf_deinit(&scope);
}

/* Compiled, each interval of a column has a bit for each row: some 20 MiB for 4095 rows with ends of their own in five
 * columns. Three of these fit. */
Test(policy_mistakes, tables_have_a_size, .timeout = 120) {
    enum { TABLES = 4 };
    buf text = {0};
    buf_printf(&text, HEAD "tables:\n");
    for (int t = 0; t < TABLES; t++) {
        buf_printf(&text,
                   "  - table: t%d\n    hit: collect\n    outputs: [outcome]\n"
                   "    inputs: [slot_1, slot_2, slot_3, slot_4, volunteer_minutes]\n    rows:\n",
                   t);
        for (int r = 0; r < LIMIT_POLICY_ROWS; r++) {
            buf_printf(&text, "    - {id: R%d_%d, then: [granted], when: [", t, r);
            for (int c = 0; c < 5; c++) buf_printf(&text, "'[%d..%d]',", r * 15, r * 15 + 7);
            buf_printf(&text, "]}\n");
        }
    }
    buf_append(&text, "", 1);
    policy_findings findings = {0};
    policy_set *set = NULL;
    cr_assert_eq(load_one((const char *)text.data, &findings, &set), STATUS_POLICY_INVALID);
    cr_assert_eq(findings.errors, 1);
    cr_assert_not_null(find_finding(&findings, POLICY_ERROR, 8 + (TABLES - 1) * (LIMIT_POLICY_ROWS + 5), 5,
                                    "the tables of this set need more than 64 MiB"));
    policy_findings_deinit(&findings);
    buf_deinit(&text);
}

/* ------------------------------------------------------------------ examples that fail */

typedef struct told {
    unsigned count;
    char text[8][512];
} told;

static void remember(void *context, const char *file, unsigned line, const char *name, bool ok,
                     const char *difference) {
    told *t = context;
    (void)file;
    (void)line;
    (void)name;
    cr_assert_not(ok);
    cr_assert_lt(t->count, 8);
    snprintf(t->text[t->count++], sizeof t->text[0], "%s", difference);
}

Test(policy_mistakes, examples_say_what_is_different) {
    policy_set *set = load_text(
        HEAD "scope: {form: enterprise}\n" BENEFITS "tables:\n  - {table: t, hit: first, inputs: [tax_grade], "
             "outputs: [outcome, tier, percent_bp, benefits, "
             "amount_fen, rate_bp], rows: [\n     {id: A, when: ['-'], then: [granted, 2, 5%, b0, 7, "
             "-10]}]}\n" GUARANTEE(
                 "  examples:\n    - {name: t, given: {retailer: true, form: enterprise, market_grade: A}, expect: "
                 "{covered: false, exempt: true, suspended: true, rated: false, factor_bp: 50%, unsecured_bp: "
                 "1%}}\n") "examples:\n"
                           "  - {name: a, given: {form: person}, expect: {outcome: granted}}\n"
                           "  - {name: b, given: {form: enterprise}, expect: {status: out_of_scope}}\n"
                           "  - {name: c, given: {form: enterprise}, expect: {outcome: review, tier: 3, "
                           "percent_bp: 6%, "
                           "benefits: [], amount_fen: 8, rate_bp: 1, row: none}}\n");
    told t = {0};
    cr_assert_eq(policy_run_examples(set, remember, &t), 4);
    cr_assert_eq(t.count, 4);
    cr_assert_str_eq(t.text[0], "status: expected ok, got out_of_scope; outcome: expected granted, got none");
    cr_assert_str_eq(t.text[1], "status: expected out_of_scope, got ok");
    cr_assert_str_eq(t.text[2],
                     "outcome: expected review, got granted; tier: expected 3, got 2; percent_bp: expected "
                     "600, got 500; benefits: expected [], got [b0]; amount_fen: expected 8, got 7; rate_bp: "
                     "expected 1, got -10; row: expected none, got A");
    cr_assert_str_eq(t.text[3], "covered: expected false, got true; exempt: expected true, got false; suspended: "
                                "expected true, got false; rated: expected false, got true; factor_bp: expected 5000, "
                                "got 10000; unsecured_bp: expected 100, got 0");
    policy_destroy(&set);
}
