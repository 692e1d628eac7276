/* Part files: what is wrong with them is said with place and remedy, word for word; what is right arrives. */
#include "../credit_help.h"

#define RECORDS                                                                                                        \
    "records: r\n" HEAD_TEXT "classes:\n"                                                                              \
    "  general: {publicity: {min: 3 months, max: 1 year}}\n"                                                           \
    "types:\n"                                                                                                         \
    "  - {code: 7, id: late, class: general, domain: tax, points: 1.5}\n"
#define EXAMPLES "examples: [{name: e, given: {day: 2026-01-01}, expect: {negative_points: 0}}]\n"
#define COMMITMENTS "commitments: c\n" HEAD_TEXT "breach: late\n"
#define CALENDAR "calendar: c\n" HEAD_TEXT
#define LISTS "lists: l\n" HEAD_TEXT "items:\n"
#define RED "  - {code: 1, id: red, flag: red_list}\n"
#define SERVICE "service: s\n" HEAD_TEXT
#define SOURCES "sources: s\n" HEAD_TEXT "items:\n  - {number: 0, id: base, fields: all, reports: all}\n"

typedef struct wrong {
    const char *text;
    policy_severity severity;
    unsigned line, column;
    const char *message;
} wrong;

static const wrong WRONG[] = {
    /* what a file is */
    {"recods: r\n" HEAD_TEXT, POLICY_ERROR, 1, 1,
     "unknown key 'recods'; did you mean 'records'?; the first key says what a file is"},
    {"title: t\nrecords: r\n", POLICY_ERROR, 2, 1,
     "'records:' says what this file is, so it comes first; move it to the top"},
    {"service: s\ntitle: t\nlegal_basis: x\n", POLICY_WARNING, 1, 1,
     "no authority is named; write 'authority:' with the department that decides this"},
    {"service: s\nauthority: a\n", POLICY_WARNING, 1, 1,
     "no legal basis is named; write 'legal_basis: [ … ]' with the documents this rests on"},
    {"service: s\nauthority: a\nlegal_basis: []\n", POLICY_WARNING, 3, 14,
     "no legal basis is named; write 'legal_basis: [ … ]' with the documents this rests on"},
    {SERVICE "titel: x\n", POLICY_ERROR, 5, 1,
     "unknown key 'titel' in a file of volunteer service; did you mean 'title'?"},
    {"service: [s]\n" HEAD_TEXT, POLICY_ERROR, 1, 10, "this file's id is a text, not a list"},
    /* records */
    {RECORDS, POLICY_WARNING, 1, 1, "no examples; write some under 'examples:', one for each kind of rule"},
    {RECORDS "  - {code: 7, id: other, class: general}\n" EXAMPLES, POLICY_ERROR, 9, 5,
     "record code 7 is taken by 'late'; a code means one type for ever, give each its own"},
    {RECORDS "  - {code: 8, id: late, class: general}\n" EXAMPLES, POLICY_ERROR, 9, 5,
     "the record type 'late' is defined twice, first in line 8; rename or remove one"},
    {RECORDS "  - {code: 0, id: x, class: general}\n" EXAMPLES, POLICY_ERROR, 9, 12,
     "a record's code is a whole number from 1 to 65535, not '0'"},
    {RECORDS "  - {code: 8, id: x, class: genral}\n" EXAMPLES, POLICY_ERROR, 9, 29,
     "unknown class 'genral'; did you mean 'general'?"},
    {RECORDS "  - {code: 8, id: x, class: bad}\n" EXAMPLES, POLICY_ERROR, 9, 29,
     "unknown class 'bad'; known are minor, general, serious, merit"},
    {RECORDS "  - {code: 8, id: x}\n" EXAMPLES, POLICY_ERROR, 9, 5, "'class:' is missing in a record type"},
    {RECORDS "  - {code: 8, id: x, class: general, points: 1.234}\n" EXAMPLES, POLICY_ERROR, 9, 46,
     "'points' are points from 0 to 655.35 with at most two decimals, such as 3.5"},
    {RECORDS "  - {code: 8, id: x, class: general, points: 656}\n" EXAMPLES, POLICY_ERROR, 9, 46,
     "'points' are points from 0 to 655.35 with at most two decimals, such as 3.5"},
    {RECORDS "  - {code: 8, id: x, class: general, observation: 3 moons}\n" EXAMPLES, POLICY_ERROR, 9, 51,
     "'observation' is a time such as '15 working days', '30 days', '3 months', '1 year' or none, not '3 moons'"},
    {RECORDS "  - {code: 8, id: x, class: general, observation: 101 years}\n" EXAMPLES, POLICY_ERROR, 9, 51,
     "'observation' is too long; at most 100 years"},
    {RECORDS "  - {code: 8, id: x, class: general, observation: [1 year]}\n" EXAMPLES, POLICY_ERROR, 9, 51,
     "'observation' is a time such as '15 working days', '30 days', '3 months', '1 year' or none"},
    {RECORDS "  - {code: 8, id: x, class: general, observation: 2 years}\n" EXAMPLES, POLICY_WARNING, 9, 5,
     "the points of 'x' end with the record, at publicity's max; the observation is longer"},
    {RECORDS "  - {code: 8, id: x, class: general, publicity: {max: 1 month}}\n" EXAMPLES, POLICY_ERROR, 9, 5,
     "'x' can be repaired only after it has ended: publicity's min is longer than its max"},
    {RECORDS "  - {code: 8, id: x, class: minor}\n" EXAMPLES, POLICY_WARNING, 9, 5,
     "records of 'x' never end by themselves; write 'publicity: {max: …}' here or in the class minor"},
    {RECORDS "  - {code: 8, id: x, class: minor, decay: linear}\n" EXAMPLES, POLICY_ERROR, 9, 5,
     "'decay: linear' needs an end: write 'observation:' or 'publicity: {max: …}'"},
    {RECORDS "  - {code: 8, id: x, class: general, decay: liner}\n" EXAMPLES, POLICY_ERROR, 9, 45,
     "unknown decay 'liner'; did you mean 'linear'?"},
    {RECORDS "  - {code: 8, id: x, class: general, effects: [gap_barred]}\n" EXAMPLES, POLICY_ERROR, 9, 48,
     "unknown effect 'gap_barred'; did you mean 'gaps_barred'?"},
    {RECORDS "  - {code: 8, id: x, class: general, effects: [observed, observed]}\n" EXAMPLES, POLICY_ERROR, 9, 58,
     "the effect 'observed' stands here twice; remove one"},
    {RECORDS "  - {code: 8, id: x, class: general, effects: [{service_void: 1 year}]}\n" EXAMPLES, POLICY_ERROR, 9, 63,
     "service that is void stays void; write service_void without a time"},
    {RECORDS "  - {code: 8, id: x, class: general, effects: [{arrears: none}]}\n" EXAMPLES, POLICY_ERROR, 9, 58,
     "an effect without a length of its own is written by its name alone: arrears"},
    {RECORDS "thresholds: [{domain: tac, points: 3, effect: noticed}]\n" EXAMPLES, POLICY_ERROR, 9, 23,
     "no record type has the domain 'tac'; did you mean 'tax'?"},
    {RECORDS "thresholds: [{points: 0, effect: noticed}]\n" EXAMPLES, POLICY_ERROR, 9, 23,
     "a threshold of 0 points is reached by everybody; write a number above 0"},
    {RECORDS "thresholds: [{points: 3, effect: service_void}]\n" EXAMPLES, POLICY_ERROR, 9, 34,
     "unknown effect of a threshold 'service_void'; known are no_exemption, graded_down, gaps_barred, noticed, "
     "observed, "
     "suspended, arrears, late_settlement, volunteer_barred"},
    {RECORDS "  - {code: 8, id: x, class: general, domain: idle}\nthresholds: [{domain: idle, points: 3, effect: "
             "noticed}]\n" EXAMPLES,
     POLICY_WARNING, 10, 14,
     "no type of the domain 'idle' has points, so this threshold is never reached; give some of them points"},
    {RECORDS "thresholds: [{points: 3, effect: noticed}, {points: 4, effect: noticed}]\n" EXAMPLES, POLICY_WARNING, 9,
     44, "there is another threshold for 'noticed' of the same points; the higher one does nothing, remove it"},
    {RECORDS "personal_adverse_kept: 6 years\n" EXAMPLES, POLICY_WARNING, 9, 24,
     "adverse records of persons are deleted 5 years after the behaviour ended; write '5 years' or less"},
    {RECORDS "examples: [{name: e, given: {records: [{type: laet, day: 2026-01-01}], day: 2026-01-02}, expect: "
             "{negative_points: 1}}]\n",
     POLICY_ERROR, 9, 47, "unknown record type 'laet'; did you mean 'late'?"},
    {RECORDS "examples: [{name: e, given: {lists: [{list: rad, day: 2026-01-01}], day: 2026-01-02}, expect: {red_list: "
             "true}}]\n",
     POLICY_ERROR, 9, 45, "unknown list 'rad'; lists are in the file 'lists:'"},
    {RECORDS "examples: [{name: e, given: {tax_grade: A}, expect: {tax_grade: A}}]\n", POLICY_ERROR, 9, 29,
     "'day:' is missing in 'given': what counts depends on the day"},
    {RECORDS "examples: [{name: e, given: {day: 2026-01-02}, expect: {}}]\n", POLICY_ERROR, 9, 56,
     "'expect' is written as fields and values: {negative_points: 3.5, observed: true}"},
    {RECORDS "examples:\n  - {name: e, given: {day: 2026-01-02}, expect: {tax_grade: missing}}\n"
             "  - {name: e, given: {day: 2026-01-02}, expect: {tax_grade: missing}}\n",
     POLICY_ERROR, 11, 5, "an example of this name stands in line 10 already; rename one"},
    /* commitments */
    {"commitments: c\n" HEAD_TEXT "matters: [{code: 1, id: m}]\n", POLICY_WARNING, 1, 1,
     "a breach has no consequence but being counted; write 'breach:' with the id of a record type"},
    {COMMITMENTS "matters: []\n", POLICY_ERROR, 5, 9, "unknown record type 'late'; define it in the file 'records:'"},
    {COMMITMENTS "deadline: none\nmatters: []\n", POLICY_ERROR, 6, 11,
     "a commitment without a deadline is never breached; give 'deadline' a time"},
    {COMMITMENTS "matters: [{code: 1, id: m}, {code: 1, id: n}]\n", POLICY_ERROR, 6, 29,
     "matter code 1 is taken by 'm'; a code means one matter for ever, give each its own"},
    {COMMITMENTS "matters: [{code: 1, id: m}, {code: 2, id: m}]\n", POLICY_ERROR, 6, 29,
     "the matter 'm' is defined twice; rename or remove one"},
    {COMMITMENTS "maters: []\n", POLICY_ERROR, 6, 1,
     "unknown key 'maters' in a file of commitments; did you mean 'matters'?"},
    /* calendar */
    {CALENDAR "holidays: [2026-02-30]\n", POLICY_ERROR, 5, 12,
     "'2026-02-30' is no day; write 2026-05-01, or 2026-05-01..2026-05-05 in quotes"},
    {CALENDAR "holidays: ['2026-05-05..2026-05-01']\n", POLICY_ERROR, 5, 12,
     "the range ends before it begins; write the earlier day first"},
    {CALENDAR "holidays: ['2026-05-01..2099-05-01']\n", POLICY_ERROR, 5, 12,
     "more than 4096 days; keep a calendar of fewer years"},
    {CALENDAR "holidays: [2026-05-01, 2026-05-01]\n", POLICY_WARNING, 5, 24,
     "2026-05-01 stands here twice; remove one"},
    {CALENDAR "holidays: [2026-05-09]\nworkdays: [2026-05-09]\n", POLICY_ERROR, 6, 11,
     "2026-05-09 is a holiday and a shifted working day; remove it from one of them"},
    {CALENDAR "holidays: []\nworkdays: [2026-05-11]\n", POLICY_WARNING, 6, 11,
     "2026-05-11 is a working day anyway; 'workdays' are weekend days on which people work"},
    {CALENDAR "holidays: []\nweekend: [sunnday]\n", POLICY_ERROR, 6, 11,
     "unknown day of the week 'sunnday'; did you mean 'sunday'?"},
    {CALENDAR "holidays: []\nweekend: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]\n", POLICY_ERROR,
     6, 10, "a week without working days; leave some out"},
    /* lists */
    {"lists: l\n" HEAD_TEXT, POLICY_ERROR, 1, 1,
     "'items:' is missing: write the lists there, each as {code: …, id: …}"},
    {"lists: []\n" HEAD_TEXT "items: []\n", POLICY_ERROR, 5, 8,
     "the lists stand behind 'lists:' already; put them all in one place"},
    {LISTS "  - {code: 1, id: red}\n", POLICY_ERROR, 6, 5,
     "the list with code 1 is the one with 'flag: red_list', and no other"},
    {LISTS "  - {code: 3, id: x, flag: serious_list}\n", POLICY_ERROR, 6, 5,
     "the list with code 2 is the one with 'flag: serious_list', and no other"},
    {LISTS "  - {code: 9, id: x}\n", POLICY_ERROR, 6, 12, "a list's code is a whole number from 1 to 8, not '9'"},
    {LISTS RED "  - {code: 3, id: red}\n", POLICY_ERROR, 7, 5, "the list 'red' is defined twice; rename or remove one"},
    {LISTS "  - {code: 3, id: a}\n  - {code: 3, id: b}\n", POLICY_ERROR, 7, 5,
     "list code 3 is taken by 'a'; a code means one list for ever, give each its own"},
    {LISTS "  - {code: 3, id: a, flag: observed}\n  - {code: 4, id: b, flag: observed}\n", POLICY_ERROR, 7, 5,
     "the flag of 'b' is set by the list 'a' already; give each list its own"},
    {LISTS "  - {code: 3, id: a, flag: consent_loan}\n", POLICY_ERROR, 6, 28,
     "'consent_loan' is no flag that a list can set; take one such as red_list, or leave 'flag:' out"},
    {LISTS "  - {code: 3, id: a, removed_by: [sereous]}\n", POLICY_ERROR, 6, 35,
     "unknown reason of removal 'sereous'; did you mean 'serious'?"},
    {LISTS "  - {code: 3, id: a, excluded_by: c}\n", POLICY_ERROR, 6, 35, "unknown list 'c'; known are a"},
    {LISTS "  - {code: 3, id: a, excluded_by: b}\n  - {code: 4, id: b, excluded_by: a}\n", POLICY_ERROR, 6, 35,
     "the list 'a' excludes itself in the end; of two lists one comes first"},
    {LISTS "  - {code: 3, id: a, qualify: []}\n", POLICY_ERROR, 6, 31,
     "an empty 'qualify' admits nobody; leave it out, or write conditions"},
    {LISTS "  - {code: 3, id: a, qualify: [{public_grad: 优}]}\n", POLICY_ERROR, 6, 33,
     "unknown field 'public_grad'; did you mean 'public_grade'?"},
    {LISTS "  - {code: 3, id: a, qualify: [优]}\n", POLICY_ERROR, 6, 32,
     "a condition is written as fields and cells: {public_grade: 优}"},
    /* service */
    {SERVICE "max_minutes_a_day: 1441\n", POLICY_ERROR, 5, 20,
     "max_minutes_a_day is a whole number from 1 to 1440, not '1441'"},
    {SERVICE "stars: [100 h, 100 h]\n", POLICY_ERROR, 5, 16,
     "each star takes more than the one before; write rising times"},
    {SERVICE "stars: [100 hours]\n", POLICY_ERROR, 5, 9, "service is counted in hours or minutes: '100 h', '90 min'"},
    {SERVICE "stars: [100]\n", POLICY_ERROR, 5, 9, "service is counted in hours or minutes: '100 h', '90 min'"},
    {SERVICE "stars: [99999999 h]\n", POLICY_ERROR, 5, 9, "more hours than can be counted"},
    {SERVICE "stars: []\n", POLICY_ERROR, 5, 8, "0 stars; write 1 to 10 rising times"},
    /* sources */
    {SOURCES "  - {number: 0, id: other, fields: all}\n", POLICY_ERROR, 7, 5,
     "source number 0 is taken by 'base'; a number means one source for ever"},
    {SOURCES "  - {number: 1, id: base, fields: all}\n", POLICY_ERROR, 7, 5,
     "the source 'base' is defined twice; rename or remove one"},
    {SOURCES "  - {number: 256, id: x, fields: all}\n", POLICY_ERROR, 7, 14,
     "a source's number is a whole number from 0 to 255, not '256'"},
    {SOURCES "  - {number: 1, id: x, fields: [tax_grad]}\n", POLICY_ERROR, 7, 33,
     "unknown field 'tax_grad'; did you mean 'tax_grade'?"},
    {SOURCES "  - {number: 1, id: x, fields: [change_day]}\n", POLICY_ERROR, 7, 33,
     "'change_day' is computed; no source can write it"},
    {SOURCES "  - {number: 1, id: x, fields: {sector: 0}}\n", POLICY_ERROR, 7, 41,
     "a priority is a whole number from 1 to 255, not '0'"},
    {SOURCES "  - {number: 1, id: x, fields: none}\n", POLICY_ERROR, 7, 32,
     "'fields' is all, a list of fields, or a map of fields to priorities: {sector: 10}"},
    {SOURCES "  - {number: 1, id: x, reports: [record_ad]}\n", POLICY_ERROR, 7, 34,
     "unknown report 'record_ad'; did you mean 'record_add'?"},
    {SOURCES "  - {number: 1, id: x, fields: []}\n", POLICY_WARNING, 7, 5,
     "the source 'x' may write nothing; give it 'fields:' or 'reports:'"},
    {SOURCES "  - {number: 1, id: x, fields: all, corrects: all}\n", POLICY_ERROR, 7, 47,
     "unknown 'corrects' 'all'; known are own, any"},
    {"sources: s\n" HEAD_TEXT "items: [{number: 1, id: x, fields: all}]\n", POLICY_WARNING, 5, 8,
     "source 0, the base, is not listed: it can write nothing, and what it wrote gives way to all others"},
};

Test(credit_parse, what_is_wrong_is_said_word_for_word) {
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        const wrong *w = &WRONG[i];
        policy_findings f;
        policy_set *set = NULL;
        status s = load_parts(&w->text, 1, &f, &set);
        const policy_finding *found = NULL;
        for (size_t k = 0; k < f.count; k++)
            if (f.items[k].severity == w->severity && f.items[k].line == w->line && f.items[k].column == w->column &&
                strcmp(f.items[k].message, w->message) == 0)
                found = &f.items[k];
        if (!found) print_findings(&f);
        cr_expect_not_null(found, "%zu: %u:%u: %s", i, w->line, w->column, w->message);
        if (found) cr_expect_str_eq(found->file, "p0.yaml");
        cr_expect_eq(s, f.errors ? STATUS_POLICY_INVALID : STATUS_OK, "%zu", i);
        if (w->severity == POLICY_ERROR) cr_expect_null(set);
        policy_findings_deinit(&f);
        policy_destroy(&set);
    }
}

Test(credit_parse, each_part_stands_in_a_set_once) {
    const char *const texts[] = {SERVICE, CALENDAR "holidays: []\n", SERVICE};
    policy_findings f;
    policy_set *set;
    cr_assert_eq(load_parts(texts, 3, &f, &set), STATUS_POLICY_INVALID);
    cr_assert_eq(f.errors, 1u);
    const policy_finding *found =
        find_finding(&f, POLICY_ERROR, 1, 1, "the set has 'service:' in p0.yaml already; put both in one file");
    cr_assert_not_null(found);
    cr_assert_str_eq(found->file, "p2.yaml");
    policy_findings_deinit(&f);
}

#define EXAMPLE_OF(type, more)                                                                                         \
    "examples: [{name: e, given: {day: 2026-09-01, records: [{type: " type ", day: 2026-01-10" more                    \
    "}]}, expect: {negative_points: 0}}]\n"

static void only_finding(const char *const *texts, size_t n, unsigned line, unsigned column, const char *message) {
    policy_findings f;
    policy_set *set = NULL;
    cr_assert_eq(load_parts(texts, n, &f, &set), STATUS_POLICY_INVALID, "%s", message);
    cr_assert_not_null(find_finding(&f, POLICY_ERROR, line, column, message), "%s", message);
    cr_assert_eq(f.errors, 1u, "%s", message);
    policy_findings_deinit(&f);
}

/* What a file names of a type or a list that could not be read is not wrong itself. */
Test(credit_parse, one_mistake_is_told_once) {
    const char *const type[] = {RECORDS "  - {code: 0, id: x, class: general}\n" EXAMPLE_OF("x", ""),
                                "commitments: c\n" HEAD_TEXT "breach: x\nmatters: []\n"};
    only_finding(type, 2, 9, 12, "a record's code is a whole number from 1 to 65535, not '0'");
    const char *const list[] = {
        LISTS "  - {code: 3, id: a, excluded_by: b}\n  - {code: 9, id: b}\n", RECORDS
        "examples: [{name: e, given: {day: 2026-09-01, lists: [{list: b, day: 2026-01-10}]}, expect: {red_list: "
        "false}}]\n"};
    only_finding(list, 2, 7, 12, "a list's code is a whole number from 1 to 8, not '9'");
}

/* The server would refuse such a repair. */
Test(credit_parse, examples_cannot_do_what_the_server_refuses) {
    const char *const early = RECORDS EXAMPLE_OF("late", ", repaired: 2026-04-09");
    only_finding(&early, 1, 9, 97, "such a record of that day cannot be repaired before 2026-04-10");
    const char *const in_time = RECORDS EXAMPLE_OF("late", ", repaired: 2026-04-10");
    policy_set *set = must_load_parts(&in_time, 1);
    policy_destroy(&set);
}

Test(credit_parse, references_are_found_whatever_the_order) {
    const char *const texts[] = {COMMITMENTS
                                 "matters: [{code: 3, id: m, deadline: 20 working days}, {code: 1, id: n}]\n",
                                 LISTS RED, RECORDS EXAMPLES};
    policy_set *set = must_load_parts(texts, 3);
    const credit_rules *r = policy_credit(set);
    cr_assert_eq(policy_count(set), 0u);
    cr_assert_eq(r->breach_type, 7);
    cr_assert_eq(r->matter_count, 2u);
    cr_assert_eq(r->matters[0].code, 1);
    cr_assert_eq(credit_matter(r, 3)->deadline.count, 20);
    cr_assert_eq(credit_matter(r, 3)->deadline.unit, PERIOD_WORKING_DAYS);
    cr_assert_null(credit_matter(r, 2));
    cr_assert_eq(r->list_count, 1u);
    cr_assert_null(credit_list_of(r, 2));
    policy_destroy(&set);
    const char *const merit[] = {"commitments: c\n" HEAD_TEXT "breach: good\nmatters: []\n",
                                 "records: r\n" HEAD_TEXT
                                 "types: [{code: 1, id: good, class: merit, publicity: {max: 1 "
                                 "year}}]\n" EXAMPLES};
    policy_findings f;
    cr_assert_eq(load_parts(merit, 2, &f, &set), STATUS_POLICY_INVALID);
    cr_assert_not_null(
        find_finding(&f, POLICY_ERROR, 5, 9, "'good' is a merit; a breach is a record of class general"));
    policy_findings_deinit(&f);
}

Test(credit_parse, what_is_right_arrives) {
    const char *const text =
        "records: r\n" HEAD_TEXT "status: s\nnote: [n, m]\npersonal_adverse_kept: 30 months\n"
        "classes: {minor: {publicity: {max: 90 days}, decay: linear, points: 1}}\n"
        "types:\n"
        "  - {code: 300, id: c, title: 丙, class: minor, domain: d, decay: none}\n"
        "  - {code: 2, id: a, class: minor, points: 0.05, publicity: {min: 1 day}, effects: [observed, {arrears: 1 "
        "month}]}\n"
        "thresholds: [{points: 12.34, effect: suspended}, {domain: d, points: 1, effect: noticed}]\n" EXAMPLES;
    policy_set *set = must_load_parts(&text, 1);
    const credit_rules *r = policy_credit(set);
    const record_type *a = credit_record_type(r, 2), *c = credit_record_type_find(r, "c");
    cr_assert_eq(r->type_count, 2u);
    cr_assert_eq(r->personal_kept.count, 30);
    cr_assert_str_eq(a->title, "a");
    cr_assert_eq(a->points, 5);
    cr_assert(a->linear);
    cr_assert_eq(a->publicity_min.unit, PERIOD_DAYS);
    cr_assert_eq(a->publicity_max.count, 90);
    cr_assert_eq(a->effects, 1 << EFFECT_OBSERVED | 1 << EFFECT_ARREARS);
    cr_assert_eq(a->effect_length[EFFECT_ARREARS].count, 1);
    cr_assert_eq(a->effect_length[EFFECT_OBSERVED].unit, PERIOD_NONE);
    cr_assert_null(a->domain);
    cr_assert_eq(c->code, 300);
    cr_assert_str_eq(c->title, "丙");
    cr_assert_not(c->linear);
    cr_assert_eq(c->points, 100);
    cr_assert_eq(r->threshold_count, 2u);
    cr_assert_null(r->thresholds[0].domain);
    cr_assert_eq(r->thresholds[0].points, 1234);
    cr_assert_eq(r->thresholds[1].effect, EFFECT_NOTICED);
    cr_assert_null(credit_record_type(r, 3));
    cr_assert_null(credit_record_type_find(r, "x"));
    policy_destroy(&set);

    const char *const others[] = {
        SOURCES "  - {number: 9, id: self, priority: 10, fields: {sector: 12, since_day: 20}}\n"
                "  - {number: 3, id: p, reports: [use], corrects: any}\n",
        SERVICE "max_minutes_a_day: 600\nstars: [90 min, 2 h, 150 min]\n",
        CALENDAR "weekend: [sunday]\nholidays: ['2026-05-01..2026-05-03', 2026-01-01]\nworkdays: [2026-05-10]\n",
        "lists:\n  - {code: 4, id: x, valid: 10 days, published: true, qualify: [{tax_grade: A}, {public_score: '>= "
        "800', "
        "form: person}]}\n" HEAD_TEXT};
    set = must_load_parts(others, 4);
    r = policy_credit(set);
    cr_assert(r->sources_given);
    cr_assert_eq(r->source_count, 3u);
    const credit_source *self = credit_source_of(r, 9), *p = credit_source_of(r, 3);
    cr_assert_eq(self->fields, UINT64_C(1) << FIELD_sector | UINT64_C(1) << FIELD_since_day);
    cr_assert_eq(self->priority[FIELD_sector], 12);
    cr_assert_eq(self->priority[FIELD_since_day], 20);
    cr_assert_eq(self->reports, 0u);
    cr_assert_eq(p->reports, 1u << 16);
    cr_assert(p->corrects_any);
    cr_assert_eq(credit_source_of(r, 0)->fields, profile_writable_mask());
    cr_assert_eq(credit_source_of(r, 0)->priority[FIELD_tax_grade], 50);
    cr_assert_eq(r->service_minutes_a_day, 600u);
    cr_assert_eq(credit_stars(r, 89), 0u);
    cr_assert_eq(credit_stars(r, 90), 1u);
    cr_assert_eq(credit_stars(r, 149), 2u);
    cr_assert_eq(credit_stars(r, UINT32_MAX), 3u);
    cr_assert_eq(r->weekend, 1 << 6);
    cr_assert_eq(r->holiday_count, 4u);
    cr_assert_eq(r->holidays[0], date("2026-01-01"));
    cr_assert_eq(credit_list_of(r, 4)->qualify_count, 2u);
    cr_assert_eq(credit_list_of(r, 4)->flag, 0u);
    policy_destroy(&set);
}

Test(credit_parse, without_parts_there_are_defaults) {
    policy_set *set, *other;
    cr_assert_eq(policy_empty(&set), STATUS_OK);
    cr_assert_eq(policy_empty(&other), STATUS_OK);
    const credit_rules *r = policy_credit(set);
    cr_assert_eq(r->hash, policy_credit(other)->hash);
    cr_assert_eq(r->list_count, 2u);
    cr_assert_eq(credit_list_of(r, 1)->flag, PROFILE_FLAG_RED_LIST);
    cr_assert_eq(credit_list_of(r, 2)->flag, PROFILE_FLAG_SERIOUS_LIST);
    cr_assert_eq(credit_list_of(r, 1)->excluded_by, 0);
    cr_assert_not(r->sources_given);
    cr_assert_eq(r->service_minutes_a_day, 720u);
    cr_assert_eq(credit_stars(r, 60000), 4u);
    cr_assert_null(r->evaluation);
    policy_destroy(&other);
    policy_destroy(&set);
}

/* Profiles depend on the parts, not on scenarios, areas or the names of files. */
Test(credit_parse, the_hash_is_of_what_profiles_depend_on) {
    static const char SCENARIO[] =
        "policy: p\nscenario: {name: s, code: 9}\ntitle: t\neffective: {from: 2026-01-01}\n"
        "tables: [{table: a, hit: first, inputs: [red_list], outputs: [outcome], rows: [{id: R, "
        "when: ['-'], then: [granted]}]}]\n";
    static const char AREAS[] = "areas: a\n" HEAD_TEXT "items: [{code: 1, id: k, divisions: [530100]}]\n";
    const char *const sets[][3] = {{RECORDS EXAMPLES, SERVICE, SERVICE},
                                   {RECORDS EXAMPLES, SERVICE, SCENARIO},
                                   {SERVICE, RECORDS EXAMPLES, AREAS},
                                   {RECORDS EXAMPLES "note: x\n", SERVICE, SCENARIO},
                                   {RECORDS EXAMPLES, SCENARIO, SCENARIO}};
    static const size_t COUNT[] = {2, 3, 3, 3, 2};
    uint64_t hash[5];
    for (size_t i = 0; i < 5; i++) {
        policy_set *set = must_load_parts(sets[i], COUNT[i]);
        hash[i] = policy_credit(set)->hash;
        policy_destroy(&set);
    }
    cr_assert_eq(hash[0], hash[1]);
    cr_assert_eq(hash[0], hash[2]);
    cr_assert_neq(hash[0], hash[3]);
    cr_assert_neq(hash[0], hash[4]);
}

typedef struct told {
    unsigned count, failed;
    char text[256];
} told;

static void tell(void *context, const char *file, unsigned line, const char *name, bool ok, const char *difference) {
    told *t = context;
    t->count++;
    t->failed += !ok;
    if (!ok) snprintf(t->text, sizeof t->text, "%s:%u: %s: %s", file, line, name, difference);
}

Test(credit_parse, examples_of_the_catalogue_are_run) {
    const char *const text =
        RECORDS "examples:\n"
                "  - name: right\n"
                "    given: {records: [{type: late, day: 2026-01-31}], tax_grade: A, day: 2026-02-01}\n"
                "    expect: {negative_points: 1.5, tax_grade: A, change_day: 2027-01-31}\n"
                "  - name: wrong\n"
                "    given: {records: [{type: late, day: 2026-01-31, repaired: 2026-04-30}], day: 2026-04-30}\n"
                "    expect: {negative_points: 1.5, tax_grade: A}\n";
    policy_set *set = must_load_parts(&text, 1);
    told t = {0};
    cr_assert_eq(policy_run_examples(set, tell, &t), 1u);
    cr_assert_eq(t.count, 2u);
    cr_assert_str_eq(t.text,
                     "p0.yaml:13: wrong: tax_grade: expected A, got missing; negative_points: expected 1.5, got 0");
    policy_destroy(&set);
}
