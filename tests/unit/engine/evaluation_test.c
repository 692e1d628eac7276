/* Scorecards by example: each rule of the arithmetic, each message, and that the explanation adds up to the score. */
#include "../evaluation_help.h"

#define HEAD                                                                                                           \
    "evaluation: test\n"                                                                                               \
    "authority: test\n"                                                                                                \
    "legal_basis: test\n"                                                                                              \
    "indicators:\n"                                                                                                    \
    "  - {slot: 1, id: city, title: 城市分, source: 7, scale: {min: 100, max: 900}}\n"                              \
    "grades: {AAA: 900, AA: 800, A: 700, B: 600}\n"                                                                    \
    "scorecards:\n"
#define TAIL                                                                                                           \
    "examples:\n"                                                                                                      \
    "  - {name: nothing, given: {}, expect: {composite_grade: unrated}}\n"

static uint16_t score_of(const policy_set *set, const char *given) {
    profile p = profile_of(given);
    uint16_t score;
    uint8_t grade;
    scorecard_result r;
    const evaluation *e = evaluation_in(set);
    evaluation_score(e, &p, &score, &grade);
    evaluation_explain(e, &p, &r);
    cr_assert_eq(r.score, score, "%s", given);
    cr_assert_eq(r.grade, grade, "%s", given);
    return score;
}

static uint8_t grade_of(const policy_set *set, const char *given) {
    profile p = profile_of(given);
    uint16_t score;
    uint8_t grade;
    evaluation_score(evaluation_in(set), &p, &score, &grade);
    return grade;
}

/* ------------------------------------------------------------------ arithmetic */

Test(evaluation, points_are_joined_by_lines) {
    policy_set *set = load_good_evaluation(HEAD "  - scorecard: one\n"
                                                "    inputs:\n"
                                                "      - {field: public_score, weight: 1, points: {100: 200, 200: 300, "
                                                "500: 0, 503: 1}}\n" TAIL);
    static const struct {
        const char *given;
        unsigned score;
    } V[] = {{"public_score=0", 200},   {"public_score=100", 200}, {"public_score=101", 201}, {"public_score=200", 300},
             {"public_score=201", 299}, {"public_score=350", 150}, {"public_score=499", 1},   {"public_score=500", 0},
             {"public_score=501", 0},   {"public_score=502", 1},   {"public_score=503", 1},   {"public_score=1000", 1},
             {"", PROFILE_UNRATED}};
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++)
        cr_assert_eq(score_of(set, V[i].given), V[i].score, "%s: %u", V[i].given, score_of(set, V[i].given));
    policy_destroy(&set);
}

Test(evaluation, the_mean_is_weighted_and_rounded_half_up_once) {
    policy_set *set =
        load_good_evaluation(HEAD "  - scorecard: one\n"
                                  "    inputs:\n"
                                  "      - {field: public_score, weight: 3, points: {0: 0, 1000: 1000}}\n"
                                  "      - {field: tax_grade, weight: 1, values: {A: 900, B: 800, M: 1, C: 2, D: 0}}\n"
                                  "      - {field: slot_1, weight: 2, points: {100: 0, 900: 1000}, missing: 500}\n"
                                  "    merits: {per_point: 10, max: 50}\n"
                                  "    penalties: {per_point: 20, max: 400}\n" TAIL);
    cr_assert_eq(score_of(set, ""), PROFILE_UNRATED, "what counts as missing is no knowledge");
    cr_assert_eq(score_of(set, "public_score=700"), (3 * 700 + 2 * 500) / 5);
    cr_assert_eq(score_of(set, "public_score=700 tax_grade=A"), (2100 + 900 + 1000 + 3) / 6);
    cr_assert_eq(score_of(set, "public_score=700 slot_1=900"), (2100 + 2000) / 5);
    cr_assert_eq(score_of(set, "public_score=700 slot_1=9000"), (2100 + 2000) / 5, "beyond the last point it is flat");
    cr_assert_eq(score_of(set, "public_score=0 tax_grade=M slot_1=100"), 0, "1/6");
    cr_assert_eq(score_of(set, "public_score=1 slot_1=100"), 1, "3/5");
    cr_assert_eq(score_of(set, "public_score=1 tax_grade=D slot_1=100"), 1, "3/6 is rounded up");
    /* 3/5 + 0.10: rounded when all is added */
    cr_assert_eq(score_of(set, "public_score=1 slot_1=100 positive_points=0.89"), 10, "0.6 + 8.9 = 9.5");
    cr_assert_eq(score_of(set, "public_score=1 slot_1=100 positive_points=0.88"), 9, "0.6 + 8.8 = 9.4");
    cr_assert_eq(score_of(set, "public_score=700 positive_points=4.99"), 670, "620 + 49.9");
    cr_assert_eq(score_of(set, "public_score=700 positive_points=655.35"), 670);
    cr_assert_eq(score_of(set, "public_score=700 negative_points=3.50"), 550);
    cr_assert_eq(score_of(set, "public_score=700 negative_points=20"), 220);
    cr_assert_eq(score_of(set, "public_score=700 negative_points=655.35"), 220);
    cr_assert_eq(score_of(set, "public_score=0 negative_points=20"), 0);
    cr_assert_eq(score_of(set, "public_score=1000 slot_1=900 positive_points=1"), 1000);
    policy_destroy(&set);
}

Test(evaluation, grades_begin_at_their_cut_offs) {
    policy_set *set = load_good_evaluation(
        HEAD "  - {scorecard: one, inputs: [{field: public_score, weight: 1, points: {0: 0, 1000: 1000}}]}\n" TAIL);
    static const struct {
        const char *given;
        unsigned grade;
    } V[] = {{"public_score=1000", MARKET_AAA},
             {"public_score=900", MARKET_AAA},
             {"public_score=899", MARKET_AA},
             {"public_score=800", MARKET_AA},
             {"public_score=799", MARKET_A},
             {"public_score=700", MARKET_A},
             {"public_score=699", MARKET_B},
             {"public_score=600", MARKET_B},
             {"public_score=599", MARKET_C},
             {"public_score=0", MARKET_C},
             {"", MARKET_UNRATED}};
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) cr_assert_eq(grade_of(set, V[i].given), V[i].grade);
    policy_destroy(&set);
}

#define RICH                                                                                                           \
    HEAD "  - scorecard: persons\n"                                                                                    \
         "    title: 自然人\n"                                                                                      \
         "    for: {form: person}\n"                                                                                   \
         "    at_least: 2\n"                                                                                           \
         "    inputs:\n"                                                                                               \
         "      - {field: public_score, weight: 60, points: {0: 0, 1000: 1000}, title: 得分}\n"                      \
         "      - {field: slot_1, weight: 30, points: {100: 0, 900: 800}}\n"                                           \
         "      - {field: red_list, weight: 10, values: {true: 900, false: 500}}\n"                                    \
         "    merits: {per_point: 10, max: 50}\n"                                                                      \
         "    penalties: {per_point: 20, max: 400}\n"                                                                  \
         "    adjustments:\n"                                                                                          \
         "      - {id: E1, when: {broken_commitments: '>= 1'}, add: -100, because: 违反承诺}\n"                    \
         "      - {id: E2, when: {broken_commitments: '>= 2'}, add: -50}\n"                                            \
         "    caps:\n"                                                                                                 \
         "      - {id: C1, when: {tax_grade: D}, score: 600}\n"                                                        \
         "      - {id: C2, when: {serious_list: true}, score: 300, because: 严重失信}\n"                           \
         "    instead:\n"                                                                                              \
         "      - {id: I1, when: {arrears: false, market_grade: '>= B'}, field: market_grade,\n"                       \
         "         values: {AAA: 950, AA: 850, A: 750, B: 650, C: 400}, because: 采用评级}\n"                      \
         "      - {id: I2, when: {late_settlement: true}, field: slot_1, points: {100: 100, 900: 900}}\n"              \
         "  - scorecard: others\n"                                                                                     \
         "    inputs: [{field: public_score, weight: 1, points: {0: 500, 1000: 600}}]\n" TAIL

Test(evaluation, the_first_scorecard_that_is_for_the_subject) {
    policy_set *set = load_good_evaluation(RICH);
    scorecard_result r;
    profile p = profile_of("form=person");
    evaluation_explain(evaluation_in(set), &p, &r);
    cr_assert_str_eq(r.scorecard, "persons");
    cr_assert_str_eq(r.title, "自然人");
    cr_assert_str_eq(r.evaluation, "test");
    cr_assert_str_eq(evaluation_id(evaluation_in(set)), "test");
    cr_assert_eq(r.score, PROFILE_UNRATED, "one input of two");
    cr_assert_eq(score_of(set, "public_score=1000"), 600);
    const indicator *of;
    cr_assert_eq(evaluation_indicators(evaluation_in(set), &of), 1);
    cr_assert(of->slot == 1 && of->source == 7 && of->min == 100 && of->max == 900);
    cr_assert_str_eq(of->id, "city");
    cr_assert_str_eq(of->title, "城市分");
    policy_destroy(&set);
}

Test(evaluation, adjustments_caps_and_instead) {
    policy_set *set = load_good_evaluation(RICH);
    cr_assert_eq(score_of(set, "form=person public_score=900"), 843, "(54000 + 5000) / 70 = 842.86");
    cr_assert_eq(score_of(set, "form=person public_score=900 broken_commitments=1"), 743);
    cr_assert_eq(score_of(set, "form=person public_score=900 broken_commitments=2"), 693, "all that match are added");
    cr_assert_eq(score_of(set, "form=person public_score=900 tax_grade=D"), 600);
    cr_assert_eq(score_of(set, "form=person public_score=900 tax_grade=D serious_list=true"), 300, "the lowest cap");
    cr_assert_eq(score_of(set, "form=person public_score=100 tax_grade=D"), 157, "a cap never raises");
    cr_assert_eq(score_of(set, "form=person market_grade=AA"), 850, "too little is known, but a rating is taken");
    cr_assert_eq(score_of(set, "form=person market_grade=AA broken_commitments=2 negative_points=5"), 850);
    cr_assert_eq(score_of(set, "form=person market_grade=AA serious_list=true"), 300, "caps still hold");
    cr_assert_eq(score_of(set, "form=person market_grade=C public_score=900"), 843, "the condition does not hold");
    cr_assert_eq(score_of(set, "form=person late_settlement=true slot_1=500"), 500);
    cr_assert_eq(score_of(set, "form=person late_settlement=true public_score=900"), 843, "no value to take");
    cr_assert_eq(score_of(set, "form=person late_settlement=true slot_1=500 market_grade=A"), 750, "the first counts");
    cr_assert_eq(score_of(set, "form=person serious_list=true"), PROFILE_UNRATED);
    policy_destroy(&set);
}

/* ------------------------------------------------------------------ explanations */

static const contribution *line_of(const scorecard_result *r, contribution_kind kind, unsigned which) {
    for (unsigned i = 0; i < r->count; i++)
        if (r->lines[i].kind == kind && which-- == 0) return &r->lines[i];
    cr_assert_fail("no line of kind %s", contribution_kind_name(kind));
    return NULL;
}

Test(evaluation, an_explanation_tells_every_line) {
    policy_set *set = load_good_evaluation(RICH);
    scorecard_result r;
    profile p = profile_of("form=person public_score=901 broken_commitments=1 positive_points=1.25 negative_points=3.5 "
                           "tax_grade=D");
    evaluation_explain(evaluation_in(set), &p, &r);
    cr_assert_eq(r.count, 3 + 2 + 2 + 2 + 2);
    const contribution *c = line_of(&r, CONTRIBUTION_INPUT, 0);
    cr_assert(c->counted && c->weight == 60 && c->normalised == 901 && c->share == 77229, "%d", c->share);
    cr_assert_str_eq(c->field, "public_score");
    cr_assert_str_eq(c->title, "得分");
    cr_assert_str_eq(c->value, "901");
    c = line_of(&r, CONTRIBUTION_INPUT, 1);
    cr_assert(!c->counted && c->share == 0 && c->weight == 30);
    cr_assert_str_eq(c->title, "城市分", "a slot is called what its indicator is called");
    cr_assert_str_eq(c->value, "");
    c = line_of(&r, CONTRIBUTION_INPUT, 2);
    cr_assert(c->counted && c->normalised == 500 && c->share == 7142);
    cr_assert_str_eq(c->value, "false");
    c = line_of(&r, CONTRIBUTION_MERITS, 0);
    cr_assert(c->counted && c->share == 1250 && c->field == NULL);
    cr_assert_str_eq(c->value, "1.25");
    c = line_of(&r, CONTRIBUTION_PENALTIES, 0);
    cr_assert(c->counted && c->share == -7000);
    c = line_of(&r, CONTRIBUTION_ADJUSTMENT, 0);
    cr_assert(c->counted && c->share == -10000 && c->normalised == 1);
    cr_assert_str_eq(c->title, "E1");
    cr_assert_str_eq(c->because, "违反承诺");
    c = line_of(&r, CONTRIBUTION_ADJUSTMENT, 1);
    cr_assert(!c->counted && c->share == 0 && c->normalised == 2);
    c = line_of(&r, CONTRIBUTION_CAP, 0);
    cr_assert(c->counted && c->share == 60000);
    c = line_of(&r, CONTRIBUTION_CAP, 1);
    cr_assert(!c->counted && c->share == 0);
    cr_assert_eq(r.score, 600);
    p = profile_of("form=person public_score=901 broken_commitments=1 market_grade=AA serious_list=true");
    evaluation_explain(evaluation_in(set), &p, &r);
    c = line_of(&r, CONTRIBUTION_INSTEAD, 0);
    cr_assert(c->counted && c->share == 85000);
    cr_assert_str_eq(c->title, "I1");
    cr_assert_str_eq(c->value, "AA");
    for (unsigned i = 0; i < r.count; i++)
        if (r.lines[i].kind != CONTRIBUTION_INSTEAD && r.lines[i].kind != CONTRIBUTION_CAP)
            cr_assert(!r.lines[i].counted && r.lines[i].share == 0, "replaced");
    cr_assert_eq(r.score, 300);
    policy_destroy(&set);
}

Test(evaluation, kinds_have_names) {
    cr_assert_str_eq(contribution_kind_name(CONTRIBUTION_INPUT), "input");
    cr_assert_str_eq(contribution_kind_name(CONTRIBUTION_INSTEAD), "instead");
    cr_assert_null(contribution_kind_name(6));
}

/* ------------------------------------------------------------------ messages */

typedef struct wrong {
    const char *text;      /* of the scorecards */
    unsigned line, column; /* of the finding; the first scorecard's line is 8 */
    const char *message;
} wrong;

static void expect(const char *text, policy_severity severity, unsigned line, unsigned column, const char *message) {
    policy_findings f = {0};
    policy_set *set = load_evaluation(text, &f);
    cr_expect_eq(set == NULL, severity == POLICY_ERROR, "%s", message);
    const policy_finding *found = find_finding(&f, severity, line, column, message);
    if (!found) print_findings(&f);
    cr_expect(found && strcmp(found->file, "evaluation.yaml") == 0, "no finding at %u:%u: %s", line, column, message);
    policy_findings_deinit(&f);
    policy_destroy(&set);
}

#define CARD "  - scorecard: one\n    inputs:\n"
#define GOOD "      - {field: public_score, weight: 1, points: {0: 0, 1000: 1000}}\n"

Test(evaluation, what_is_wrong_with_inputs) {
    static const wrong V[] = {
        {CARD "      - {field: public_score, weight: 0, points: {0: 0, 1000: 1000}}\n", 10, 39, "a weight is a whole"},
        {CARD "      - {field: public_score, weight: -5, points: {0: 0, 1000: 1000}}\n", 10, 39, "from 1 to 1000, not"},
        {CARD "      - {field: public_score, weight: 1, points: {0: 0, 500: 400, 400: 500}}\n", 10, 67, "sort them"},
        {CARD "      - {field: public_score, weight: 1, points: {0: 0, 1000: 1001}}\n", 10, 63, "from 0 to 1000"},
        {CARD "      - {field: public_score, weight: 1, points: {0: 0, 1001: 1000}}\n", 10, 57, "1001"},
        {CARD "      - {field: public_score, weight: 1, points: {0: 0}}\n", 10, 50, "two points or more"},
        {CARD "      - {field: public_score, weight: 1, points: {0: 0, missing: 5}}\n", 10, 57, "'missing: 5'"},
        {CARD "      - {field: public_score, weight: 1}\n", 10, 9, "how 'public_score' becomes a score is missing"},
        {CARD "      - {field: public_score, weight: 1, values: {0: 0}}\n", 10, 50, "write 'points:'"},
        {CARD "      - {field: tax_grade, weight: 1, points: {0: 0, 1: 1}}\n", 10, 47, "write 'values:'"},
        {CARD "      - {field: tax_grade, weight: 1, values: {A: 900, B: 800, D: 0}}\n", 10, 47,
         "no score is given for C, M of 'tax_grade'"},
        {CARD "      - {field: tax_grade, weight: 1, values: {A: 900, B: 800, C: 1, D: 0, M: 2, E: 3}}\n", 10, 82, "E"},
        {CARD "      - {field: public_grade, weight: 1, values: {优: 9, 良: 8, 中: 7, 差: 6, excellent: 5}}\n", 10, 75,
         "twice"},
        {CARD "      - {field: tax_grade, weight: 1, values: 900}\n", 10, 47,
         "gives a score to each value of 'tax_grade'"},
        {CARD "      - {field: tax_grade, weight: 1, values: {missing: 9, A: 1, B: 1, C: 1, D: 1, M: 1}}\n", 10, 48,
         "as 'missing: 9'"},
        {CARD "      - {field: red_list, weight: 1, values: {true: 900}}\n", 10, 46, "no score is given for false"},
        {CARD "      - {field: composite_score, weight: 1, points: {0: 0, 1000: 1000}}\n", 10, 17, "computed after"},
        {CARD "      - {field: composite_grade, weight: 1, values: {A: 0}}\n", 10, 17, "computed after"},
        {CARD "      - {field: division, weight: 1, points: {530000: 0, 530100: 1}}\n", 10, 17, "has no normalisation"},
        {CARD "      - {field: since_day, weight: 1, points: {0: 0, 1: 1}}\n", 10, 17, "has no normalisation"},
        {CARD "      - {field: slot_2, weight: 1, points: {0: 0, 1: 1}}\n", 10, 17, "no indicator says what 'slot_2'"},
        {CARD "      - {field: slot_1, weight: 1, points: {99: 0, 900: 1}}\n", 10, 45,
         "99 is outside the scale of 'city', which goes from 100 to 900"},
        {CARD "      - {field: slot_1, weight: 1, points: {100: 0, 901: 1}}\n", 10, 53, "901 is outside the scale"},
        {CARD "      - {field: public_scor, weight: 1, points: {0: 0, 1: 1}}\n", 10, 17, "did you mean 'public_score'"},
        {CARD "      - {field: public_score, weight: 1, points: {0: 0, 1: 1}, missing: 1001}\n", 10, 73, "0 to 1000"},
        {CARD "      - {weight: 1, points: {0: 0, 1: 1}}\n", 10, 9, "'field:' is missing in an input"},
        {"  - {scorecard: one, inputs: []}\n", 8, 30, "0 inputs; a scorecard has 1 to 32"},
        {"  - {scorecard: one, inputs: x}\n", 8, 30, "'inputs' is a list"},
        {"  - {scorecard: one}\n", 8, 5, "'inputs:' is missing"},
    };
    char text[4096];
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        snprintf(text, sizeof text, "%s%s%s", HEAD, V[i].text, TAIL);
        expect(text, POLICY_ERROR, V[i].line, V[i].column, V[i].message);
    }
    expect(HEAD CARD GOOD "      - {field: volunteer_minutes, weight: 1, points: {0: 0, 1: 1}, missing: 5}\n" TAIL,
           POLICY_NOTE, 11, 78, "always has a value");
    expect(HEAD CARD GOOD GOOD TAIL, POLICY_NOTE, 11, 17, "twice");
}

Test(evaluation, what_is_wrong_with_rows) {
    static const wrong V[] = {
        {CARD GOOD "    at_least: 2\n", 11, 15, "from 1 to 1"},
        {CARD GOOD "    at_least: 0\n", 11, 15, "from 1 to 1"},
        {CARD GOOD "    merits: {per_point: 0, max: 5}\n", 11, 25, "'per_point' is a whole number"},
        {CARD GOOD "    penalties: {per_point: 5}\n", 11, 16, "'max:' is missing in 'penalties'"},
        {CARD GOOD "    adjustments: [{id: E, when: {red_list: true}, add: 0}]\n", 11, 56, "changes nothing"},
        {CARD GOOD "    adjustments: [{id: E, when: {composite_grade: A}, add: 5}]\n", 11, 34, "cannot be a condition"},
        {CARD GOOD "    adjustments: [{id: E, when: {slot_3: 5}, add: 5}]\n", 11, 34, "no indicator says"},
        {CARD GOOD "    adjustments: [{id: E, when: {slot_1: '> 900'}, add: 5}]\n", 11, 42, "this is never true"},
        {CARD GOOD "    adjustments: [{id: E, when: {slot_1: '< 100'}, add: 5}]\n", 11, 42, "goes from 100 to 900"},
        {CARD GOOD "    adjustments: [{id: E, when: {red_list: true}, add: 5, score: 6}]\n", 11, 66, "has no meaning"},
        {CARD GOOD "    adjustments: [E]\n", 11, 19, "a row of 'adjustments' is written as keys and values"},
        {CARD GOOD "    adjustments: {id: E}\n", 11, 18, "'adjustments' is a list"},
        {CARD GOOD "    adjustments: [{id: E, when: [red_list], add: 5}]\n", 11, 33, "is written as fields and cells"},
        {CARD GOOD "    adjustments: [{id: E, when: {red_list: true}, add: 5}, {id: E, when: {}, add: 5}]\n", 11, 60,
         "stands here twice"},
        {CARD GOOD "    caps: [{id: C, when: {red_list: true}, score: 1000}]\n", 11, 51, "allows every score"},
        {CARD GOOD "    caps: [{id: C, when: {red_list: yes}, score: 10}]\n", 11, 37, "true or false"},
        {CARD GOOD "    caps: [{id: C, when: {red_list: true}, score: 500}, "
                   "{id: D, when: {red_list: true, arrears: true}, score: 500}]\n",
         11, 57, "the row 'D' can never count: where it applies, 'C' always caps as low or lower"},
        {CARD GOOD "    caps: [{id: C, when: {red_list: true, arrears: true}, score: 700}, "
                   "{id: D, when: {arrears: true}, score: 500}]\n",
         11, 12, "the row 'C' can never count: where it applies, 'D' always caps as low or lower"},
        {CARD GOOD "    caps: [{id: A, when: {red_list: true}, score: 400}, {id: B, when: {red_list: false}, score: "
                   "500}, {id: C, when: {arrears: true}, score: 600}]\n",
         11, 103, "where it applies, one of the others always caps"},
        {CARD GOOD "    instead: [{id: I, when: {market_grade: missing}, field: market_grade, values: {AAA: 9, AA: 8, "
                   "A: 7, B: 6, C: 5}}]\n",
         11, 29, "this can never apply"},
        {CARD GOOD "    instead: [{id: I, when: {}, field: public_score}]\n", 11, 15, "becomes a score is missing"},
        {CARD GOOD "    instead: [{id: I, when: {}, field: composite_score, points: {0: 0, 1: 1}}]\n", 11, 40,
         "computed after"},
        {CARD GOOD "    instead: [{id: I, when: {}, field: public_score, points: {0: 0, 1: 1}}, "
                   "{id: J, when: {public_score: '> 5'}, field: public_score, points: {0: 0, 1: 1}}]\n",
         11, 77, "the row 'J' can never count: where it applies, 'I' before it always applies too"},
        {"  - scorecard: one\n    for: {form: person}\n    inputs:\n" GOOD
         "    caps: [{id: C, when: {form: enterprise}, score: 500}]\n",
         12, 12, "can never apply: the scorecard is not 'for' subjects whose 'form' fulfils it"},
        {"  - scorecard: one\n    for: {form: person}\n    inputs:\n" GOOD "  - scorecard: two\n"
         "    for: {form: person, red_list: true}\n    inputs:\n" GOOD,
         12, 5, "the scorecard 'two' is for nobody: 'one' before it takes all its subjects"},
        {CARD GOOD "  - scorecard: two\n    for: {form: person}\n    inputs:\n" GOOD, 11, 5, "is for nobody: 'one'"},
        {"  - scorecard: one\n    for: {red_list: true}\n    inputs:\n" GOOD
         "  - scorecard: two\n    for: {red_list: false}\n    inputs:\n" GOOD
         "  - scorecard: three\n    for: {arrears: true}\n    inputs:\n" GOOD,
         16, 5, "is for nobody: those before it take"},
        {CARD GOOD "  - scorecard: one\n    for: {form: person}\n    inputs:\n" GOOD, 11, 5, "stands here twice"},
        {"  - scorecard: one\n    for: {change_day: missing}\n    inputs:\n" GOOD, 9, 11, "cannot be a condition"},
    };
    char text[4096];
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        snprintf(text, sizeof text, "%s%s%s", HEAD, V[i].text, TAIL);
        expect(text, POLICY_ERROR, V[i].line, V[i].column, V[i].message);
    }
}

#define ONE "scorecards: [{scorecard: one, inputs: [{field: public_score, weight: 1, points: {0: 0, 1: 1}}]}]\n"
#define BASIS "authority: a\nlegal_basis: b\n"
#define GRADES "grades: {AAA: 900, AA: 800, A: 700, B: 600}\n"

Test(evaluation, what_is_wrong_with_the_file) {
    static const wrong V[] = {
        {"evaluation: e\n" BASIS "grades: {AAA: 900, AA: 900, A: 700, B: 600}\n" ONE TAIL, 4, 24,
         "write falling scores"},
        {"evaluation: e\n" BASIS "grades: {AAA: 900, AA: 800, A: 700, B: 0}\n" ONE TAIL, 4, 40, "from 1 to 1000"},
        {"evaluation: e\n" BASIS "grades: {AAA: 900, AA: 800, A: 700}\n" ONE TAIL, 4, 9, "'B:' is missing"},
        {"evaluation: e\n" BASIS ONE TAIL, 1, 1, "'grades:' is missing"},
        {"evaluation: e\n" BASIS GRADES TAIL, 1, 1, "'scorecards:' is missing"},
        {"evaluation: e\n" BASIS GRADES "scorecards: []\n" TAIL, 5, 13, "0 scorecards"},
        {"evaluation: e f\n" BASIS GRADES ONE TAIL, 1, 14, "one word"},
        {"evaluation: e\n" BASIS GRADES ONE "indicators: [{slot: 5, id: a, source: 1, scale: {min: 0, max: 9}}]\n" TAIL,
         6, 21, "from 1 to 4"},
        {"evaluation: e\n" BASIS GRADES ONE "indicators: [{slot: 1, id: a, source: 1, scale: {min: 9, max: 9}}]\n" TAIL,
         6, 63, "the scale ends at 9, but begins at 9"},
        {"evaluation: e\n" BASIS GRADES ONE "indicators: [{slot: 1, id: a, source: x, scale: {min: 0, max: 9}}]\n" TAIL,
         6, 39, "unknown source 'x'"},
        {"evaluation: e\n" BASIS GRADES ONE
         "indicators: [{slot: 1, id: a, source: 256, scale: {min: 0, max: 9}}]\n" TAIL,
         6, 39, "unknown source '256'"},
        {"evaluation: e\n" BASIS GRADES ONE "indicators: [{slot: 1, id: a, source: 1, scale: {min: 0, max: 9}}, "
         "{slot: 1, id: b, source: 2, scale: {min: 0, max: 100}}]\n" TAIL,
         6, 68, "slot 1 already holds 'a'"},
        {"evaluation: e\n" BASIS GRADES ONE "indicators: [{slot: 1, id: a, source: 1, scale: {min: 0, max: 9}}, "
         "{slot: 2, id: a, source: 2, scale: {min: 0, max: 100}}]\n" TAIL,
         6, 68, "is declared twice"},
        {"evaluation: e\n" BASIS GRADES ONE
         "examples: [{name: a, given: {composite_score: 5}, expect: {composite_score: "
         "5}}]\n",
         6, 30, "is what the evaluation computes"},
        {"evaluation: e\n" BASIS GRADES ONE "examples: [{name: a, given: [red_list], expect: {scorecard: one}}]\n", 6,
         29, "'given' is written as fields and values"},
        {"evaluation: e\n" BASIS GRADES ONE "examples: x\n", 6, 11, "'examples' is a list"},
        {"evaluation: e\n" BASIS GRADES ONE
         "indicators: [{slot: 1, id: a, source: 1, scale: {min: 0, max: 9}}, x]\n" TAIL,
         6, 68, "an indicator is written as keys and values"},
        {"evaluation: [e]\n" BASIS GRADES ONE TAIL, 1, 13, "is a text, not a list"},
        {"evaluation: e\n" BASIS GRADES ONE "examples: [{name: a, given: {}, expect: {}}]\n", 6, 41, "expects nothing"},
        {"evaluation: e\n" BASIS GRADES ONE "examples: [{name: a, given: {}, expect: {scorecard: ones}}]\n", 6, 53,
         "did you mean 'one'"},
        {"evaluation: e\n" BASIS GRADES ONE "examples: [{name: a, given: {}, expect: {scorecard: one}}, "
         "{name: a, given: {}, expect: {scorecard: one}}]\n",
         6, 60, "stands in line 6 already"},
    };
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++)
        expect(V[i].text, POLICY_ERROR, V[i].line, V[i].column, V[i].message);
    expect("evaluation: e\nauthority: a\n" GRADES ONE TAIL, POLICY_WARNING, 1, 1, "no legal basis is named");
    expect("evaluation: e\nlegal_basis: a\n" GRADES ONE TAIL, POLICY_WARNING, 1, 1, "no authority is named");
    expect("evaluation: e\n" BASIS GRADES ONE, POLICY_WARNING, 1, 1, "no examples");
}

/* Beyond the limits: too many rows, fields, examples. */
Test(evaluation, what_is_too_much) {
    buf text = {0};
    buf_printf(&text, HEAD CARD GOOD "    adjustments:\n");
    for (int i = 0; i <= LIMIT_EVALUATION_ROWS; i++)
        buf_printf(&text, "      - {id: E%d, when: {negative_points: %d}, add: 1}\n", i, i);
    buf_printf(&text, TAIL);
    expect(buf_cstr(&text), POLICY_ERROR, 12, 7, "21 rows; a scorecard has at most 20 of this kind");
    text.size = 0;
    buf_printf(&text, HEAD CARD GOOD "    caps:\n");
    unsigned named = 0; /* every field that a condition may name, half in one row, half in the other */
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        if (i == FIELD_composite_score || i == FIELD_composite_grade || i == FIELD_change_day) continue;
        if (i > FIELD_slot_1 && i <= FIELD_slot_4) continue;
        char value[PROFILE_VALUE_TEXT];
        int64_t v = f->type == PROFILE_DIVISION ? 530100 : (f->type == PROFILE_SECTOR ? 444 : 1);
        if (i == FIELD_slot_1) v = 500;
        if (named % 20 == 0)
            buf_printf(&text, "%s      - {id: C%u, score: %u, when: {", named ? "}}\n" : "", named, 500 + named);
        buf_printf(&text, "%s%s: %s", named % 20 ? ", " : "", f->name, profile_format_value(f, v, value));
        named++;
    }
    cr_assert_gt(named, LIMIT_POLICY_COLUMNS);
    buf_printf(&text, "}}\n" TAIL);
    expect(buf_cstr(&text), POLICY_ERROR, 12, 9, "the conditions name more than 32 fields");
    text.size = 0;
    buf_printf(&text, "evaluation: e\n" BASIS GRADES ONE "examples:\n");
    for (int i = 0; i <= LIMIT_POLICY_EXAMPLES; i++)
        buf_printf(&text, "  - {name: n%d, given: {}, expect: {scorecard: one}}\n", i);
    expect(buf_cstr(&text), POLICY_ERROR, 7, 3, "1025 examples; an evaluation has at most 1024");
    text.size = 0;
    buf_printf(&text, "evaluation: e\n" BASIS GRADES "scorecards:\n");
    for (int i = 0; i <= LIMIT_EVALUATION_CARDS; i++)
        buf_printf(&text, "  - {scorecard: s%d, for: {negative_points: %d}, inputs: []}\n", i, i);
    buf_printf(&text, TAIL);
    expect(buf_cstr(&text), POLICY_ERROR, 6, 3, "17 scorecards; an evaluation has 1 to 16");
    buf_deinit(&text);
}

/* ------------------------------------------------------------------ examples */

typedef struct told {
    size_t good, bad;
    char text[1024];
} told;

static void note(void *context, const char *file, unsigned line, const char *name, bool ok, const char *difference) {
    told *t = context;
    cr_assert_str_eq(file, "evaluation.yaml");
    cr_assert_gt(line, 5);
    t->good += ok;
    t->bad += !ok;
    size_t used = strlen(t->text);
    if (!ok) snprintf(t->text + used, sizeof t->text - used, "%s: %s\n", name, difference);
}

Test(evaluation, examples_are_run_with_those_of_the_policies) {
    policy_set *set = load_good_evaluation(
        "evaluation: e\n" BASIS GRADES
        "scorecards: [{scorecard: one, for: {red_list: true}, inputs: [{field: public_score, weight: 1, points: {0: 0, "
        "1000: 1000}}]}]\n"
        "examples:\n"
        "  - {name: a, given: {red_list: true, public_score: 700}, expect: {composite_score: 700, composite_grade: A, "
        "scorecard: one}}\n"
        "  - {name: b, given: {red_list: true, public_score: 700}, expect: {composite_score: 701, composite_grade: "
        "AA}}\n"
        "  - {name: c, given: {public_score: 700}, expect: {composite_score: unrated, scorecard: none}}\n"
        "  - {name: d, given: {red_list: true}, expect: {scorecard: none, composite_score: 0, composite_grade: C}}\n");
    told t = {0};
    cr_assert_eq(evaluation_run_examples(evaluation_in(set), note, &t), 2);
    cr_assert_eq(t.good, 2);
    cr_assert_eq(t.bad, 2);
    cr_assert_str_eq(t.text, "b: composite_score: expected 701, got 700; composite_grade: expected AA, got A\n"
                             "d: scorecard: expected none, got one; composite_score: expected 0, got unrated; "
                             "composite_grade: expected C, got unrated\n");
    t = (told){0};
    cr_assert_eq(policy_run_examples(set, note, &t), 2);
    cr_assert_eq(t.good, 2);
    cr_assert_eq(evaluation_run_examples(evaluation_in(set), NULL, NULL), 2);
    policy_destroy(&set);
}

/* The evaluation that the manual shows is a good one, and its example holds. */
Test(evaluation, the_manual_shows_a_good_evaluation) {
    static const char SOURCES[] = "sources: s\nauthority: a\nlegal_basis: b\n"
                                  "items: [{number: 0, id: base, fields: all, reports: all}, {number: 8, id: "
                                  "city_platform, title: c, priority: 60, fields: [slot_1], "
                                  "reports: []}]\n";
    buf manual = {0};
    cr_assert_eq(file_read("docs/POLICY.md", 1 << 20, &manual), STATUS_OK, "run from the project's root");
    const char *begin = strstr(buf_cstr(&manual), "```yaml\nevaluation:");
    cr_assert_not_null(begin);
    begin += strlen("```yaml\n");
    policy_file files[] = {{"evaluation.yaml", begin, (size_t)(strstr(begin, "```") - begin)},
                           {"sources.yaml", SOURCES, sizeof SOURCES - 1}};
    policy_findings f = {0};
    policy_set *set = NULL;
    status s = policy_load(files, 2, 1, &f, &set);
    print_findings(&f);
    cr_assert_eq(s, STATUS_OK);
    cr_assert_eq(f.count, 0);
    told t = {0};
    cr_assert_eq(evaluation_run_examples(evaluation_in(set), note, &t), 0, "%s", t.text);
    cr_assert_eq(t.good, 1);
    const indicator *of;
    cr_assert_eq(evaluation_indicators(evaluation_in(set), &of), 1);
    cr_assert_eq(of->source, 8);
    policy_findings_deinit(&f);
    policy_destroy(&set);
    buf_deinit(&manual);
}

/* Sources are looked up in the set, whichever file comes first, and must be allowed to write the slot. */
Test(evaluation, sources_of_indicators) {
    static const struct {
        const char *source, *message;
    } V[] = {{"city", NULL},
             {"8", NULL},
             {"citi", "did you mean 'city'?"},
             {"9", "unknown source '9'"},
             {"bank", "the source 'bank' may not write 'slot_1'"}};
    static const char SOURCES[] = "sources: s\nauthority: a\nlegal_basis: b\nitems:\n"
                                  "  - {number: 8, id: city, title: c, priority: 60, fields: [slot_1], reports: []}\n"
                                  "  - {number: 7, id: bank, title: c, priority: 60, fields: [slot_2], reports: []}\n";
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 "evaluation: e\n" BASIS GRADES ONE
                 "indicators: [{slot: 1, id: a, source: %s, scale: {min: 0, max: 9}}]\n" TAIL,
                 V[i].source);
        policy_file files[] = {{"z.yaml", SOURCES, sizeof SOURCES - 1}, {"a.yaml", text, strlen(text)}};
        for (size_t first = 0; first < 2; first++) {
            policy_file order[] = {files[first], files[1 - first]};
            policy_findings f = {0};
            policy_set *set = NULL;
            status s = policy_load(order, 2, 1, &f, &set);
            cr_assert_eq(s, V[i].message ? STATUS_POLICY_INVALID : STATUS_OK, "%s", V[i].source);
            if (V[i].message) {
                const policy_finding *found = find_finding(&f, POLICY_ERROR, 6, 39, V[i].message);
                if (!found) print_findings(&f);
                cr_assert(found && strcmp(found->file, "a.yaml") == 0);
            } else {
                const indicator *of;
                cr_assert_eq(evaluation_indicators(evaluation_in(set), &of), 1);
                cr_assert_eq(of->source, 8);
            }
            policy_findings_deinit(&f);
            policy_destroy(&set);
        }
    }
}
