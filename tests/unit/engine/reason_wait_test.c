/* Waiting: the day on which it is enough, and what happens on that day, for dossiers made by hand and drawn at random.
 * Every day named is checked with the decision of that day and of the days before. */
#include "../policy_helper.h"
#include "engine/reason.h"

static const char RECORDS[] =
    "records: r\ntitle: t\nauthority: a\nlegal_basis: [x]\n"
    "classes:\n"
    "  minor: {publicity: {max: 3 months}}\n"
    "  general: {publicity: {min: 3 months, max: 1 year}}\n"
    "  serious: {publicity: {min: 1 year, max: 3 years}}\n"
    "  merit: {publicity: {max: 12 months}}\n"
    "types:\n"
    "  - {code: 1, id: late_filing, title: 逾期申报, domain: tax, class: general, points: 4}\n"
    "  - {code: 2, id: slow, title: 迟延, domain: tax, class: general, points: 8, decay: linear}\n"
    "  - {code: 3, id: gap, title: 未补正, domain: approval, class: general, points: 1, effects: [{gaps_barred: 6 "
    "months}]}\n"
    "  - {code: 4, id: grave, title: 严重, domain: power, class: serious, points: 10, effects: [suspended]}\n"
    "  - {code: 5, id: judged, title: 裁判, domain: court, class: general, points: 6, decay: linear}\n"
    "thresholds:\n"
    "  - {points: 6, effect: observed}\n"
    "  - {domain: court, points: 5, effect: suspended}\n";

static const char LISTS[] =
    "lists: l\ntitle: t\nauthority: a\nlegal_basis: [x]\nitems:\n"
    "  - {code: 1, id: red_list, title: 守信红名单, flag: red_list, valid: 12 months, published: true}\n"
    "  - {code: 2, id: serious_list, title: 严重失信主体名单, flag: serious_list, valid: 3 years, "
    "published: true}\n";

static const char RULES[] =
    "policy: p\nscenario: {name: loan, code: 1}\ntitle: t\nauthority: a\nlegal_basis: [x]\n"
    "effective: {from: 2020-01-01}\n"
    "benefits: [{code: 0, id: few_points, title: 零}, {code: 1, id: gaps, title: 一}, {code: 2, id: trade, title: 二}, "
    "{code: 3, id: unobserved, title: 三}, {code: 4, id: clean, title: 四}]\n"
    "tables:\n"
    "  - table: A\n    hit: first\n    gaps: allowed\n    inputs: [serious_list]\n    outputs: [outcome]\n    rows:\n"
    "      - {id: S, when: [true], then: [declined], because: 失信}\n"
    "      - {id: G, when: [false], then: [granted]}\n"
    "  - table: B\n    hit: collect\n    gaps: allowed\n"
    "    inputs: [negative_points, gaps_barred, suspended, observed]\n    outputs: [benefits]\n    rows:\n"
    "      - {id: B0, when: ['< 3', '-', '-', '-'], then: [[few_points]]}\n"
    "      - {id: B1, when: ['-', false, '-', '-'], then: [[gaps]]}\n"
    "      - {id: B2, when: ['-', '-', false, '-'], then: [[trade]]}\n"
    "      - {id: B3, when: ['-', '-', '-', false], then: [[unobserved]]}\n"
    "      - {id: B4, when: ['0', false, false, false], then: [[clean]]}\n"
    "examples: []\n";

static policy_set *load_rules(void) {
    policy_file files[] = {{"records.yaml", RECORDS, sizeof RECORDS - 1},
                           {"lists.yaml", LISTS, sizeof LISTS - 1},
                           {"loan.yaml", RULES, sizeof RULES - 1}};
    policy_findings f = {0};
    policy_set *set = NULL;
    status s = policy_load(files, 3, 1, &f, &set);
    if (s != STATUS_OK) print_findings(&f);
    cr_assert_eq(s, STATUS_OK);
    policy_findings_deinit(&f);
    return set;
}

/* ------------------------------------------------------------------ dossiers by hand */

#define ITEMS_MAX 24

static dossier *new_dossier(void) {
    dossier *d = calloc(1, sizeof *d + ITEMS_MAX * sizeof(item));
    cr_assert_not_null(d);
    static const char ID[] = "uscc:91530000MA00TTT099";
    cr_assert_eq(subject_parse(ID, strlen(ID), 20000, &d->subject).verdict, SUBJECT_VALID);
    d->capacity = ITEMS_MAX;
    return d;
}

static void add(dossier *d, item_kind kind, unsigned type, int32_t day) {
    cr_assert_lt(d->count, d->capacity);
    item *i = &d->items[d->count++];
    *i = (item){.kind = (uint8_t)kind, .day = (uint16_t)day, .reported = (uint16_t)day};
    i->type = (uint16_t)type;
    i->id.bytes[0] = (uint8_t)d->count;
}

static int32_t day(int year, int month, int day_of_month) { return clock_day_from_date(year, month, day_of_month); }

static profile profile_on(const policy_set *set, const dossier *d, int32_t on) {
    profile stored, p;
    profile_init(&stored, &d->subject);
    stored.form = FORM_ENTERPRISE;
    credit_derive(policy_credit(set), d, &stored, on, &p);
    return p;
}

static reasons *find_on(const policy_set *set, const dossier *d, int32_t on) {
    reasons *r = malloc(sizeof *r);
    profile p = profile_on(set, d, on);
    cr_assert_not_null(r);
    cr_assert_eq(reason_find(set, 1, &p, d, policy_moment_of_day(on), r), STATUS_OK);
    return r;
}

static bool grants(const policy_set *set, const dossier *d, unsigned goal, int32_t on) {
    profile p = profile_on(set, d, on);
    decision made;
    policy_decide(set, 1, &p, policy_moment_of_day(on), &made);
    return goal == 64 ? made.outcome == OUTCOME_GRANTED : (made.benefits >> goal & 1) != 0;
}

static void waits(const benefit_reason *b, int32_t on, const char *text) {
    char got[CLOCK_DATE_TEXT], want[CLOCK_DATE_TEXT];
    cr_assert_not(b->granted, "%s", b->id);
    cr_expect_eq(b->wait_day, on, "%s: %s instead of %s", b->id, clock_format_day(b->wait_day, got),
                 clock_format_day(on, want));
    cr_expect_str_eq(b->wait_text, text);
}

Test(reason_wait, a_record_ends) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    add(d, ITEM_RECORD, 1, day(2026, 3, 2));
    reasons *r = find_on(set, d, day(2026, 5, 1));
    waits(&r->items[0], day(2027, 3, 2), "when the record of 2026-03-02 (逾期申报) ends on 2027-03-02");
    cr_assert_eq(r->items[0].change_count, 1, "repair is told, too");
    cr_assert_str_eq(r->items[0].changes[0].text, "1.01 fewer negative points: by repair or by waiting");
    cr_assert(r->items[1].granted && r->items[2].granted && r->items[3].granted);
    waits(&r->items[4], day(2027, 3, 2), "when the record of 2026-03-02 (逾期申报) ends on 2027-03-02");
    free(r);
    free(d);
    policy_destroy(&set);
}

Test(reason_wait, points_decay) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    add(d, ITEM_RECORD, 2, day(2026, 1, 1)); /* 8 points, over 365 days to nothing */
    reasons *r = find_on(set, d, day(2026, 1, 2));
    cr_assert_gt(r->items[0].wait_day, day(2026, 8, 1));
    cr_assert_lt(r->items[0].wait_day, day(2026, 9, 1));
    cr_assert_not(grants(set, d, 0, r->items[0].wait_day - 1));
    cr_assert(grants(set, d, 0, r->items[0].wait_day));
    char want[200], date[CLOCK_DATE_TEXT];
    snprintf(want, sizeof want, "when negative points have decayed below 3.00 on %s",
             clock_format_day(r->items[0].wait_day, date));
    cr_expect_str_eq(r->items[0].wait_text, want);
    snprintf(want, sizeof want, "when negative points have decayed below 6.00 on %s",
             clock_format_day(r->items[3].wait_day, date));
    cr_expect_str_eq(r->items[3].wait_text, want, "a flag that the points set: %s", r->items[3].wait_text);
    waits(&r->items[4], day(2027, 1, 1), "when the record of 2026-01-01 (迟延) ends on 2027-01-01");
    free(r);
    free(d);
    policy_destroy(&set);
}

/* A threshold of one domain: other points do not matter. */
Test(reason_wait, points_of_a_domain_decay) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    add(d, ITEM_RECORD, 5, day(2026, 1, 1));
    add(d, ITEM_RECORD, 1, day(2026, 1, 10));
    reasons *r = find_on(set, d, day(2026, 1, 12));
    char want[200], date[CLOCK_DATE_TEXT];
    cr_assert_gt(r->items[2].wait_day, day(2026, 2, 1));
    cr_assert_lt(r->items[2].wait_day, day(2026, 4, 1));
    snprintf(want, sizeof want, "when negative points of domain court have decayed below 5.00 on %s",
             clock_format_day(r->items[2].wait_day, date));
    cr_expect_str_eq(r->items[2].wait_text, want, "%s", r->items[2].wait_text);
    free(r);
    free(d);
    policy_destroy(&set);
}

Test(reason_wait, an_effect_ends_before_its_record) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    add(d, ITEM_RECORD, 3, day(2026, 2, 10));
    reasons *r = find_on(set, d, day(2026, 5, 1));
    waits(&r->items[1], day(2026, 8, 10),
          "when the exclusion from acceptance with gaps by the record of 2026-02-10 (未补正) ends on 2026-08-10");
    cr_assert_eq(r->items[1].change_count, 0);
    free(r);
    free(d);
    policy_destroy(&set);
}

Test(reason_wait, a_listing_ends_and_the_outcome_with_it) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    add(d, ITEM_LISTING, 2, day(2025, 6, 1));
    reasons *r = find_on(set, d, day(2026, 5, 1));
    cr_assert_eq(r->result.outcome, OUTCOME_DECLINED);
    waits(&r->outcome, day(2028, 6, 1), "when the listing of 2025-06-01 on 严重失信主体名单 ends on 2028-06-01");
    for (unsigned i = 0; i < r->count; i++)
        waits(&r->items[i], day(2028, 6, 1), "when the listing of 2025-06-01 on 严重失信主体名单 ends on 2028-06-01");
    free(r);
    free(d);
    policy_destroy(&set);
}

/* The last of several causes is the one that is waited for. */
Test(reason_wait, the_last_of_several) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    add(d, ITEM_RECORD, 1, day(2026, 3, 2));
    add(d, ITEM_RECORD, 4, day(2026, 4, 1));
    add(d, ITEM_RECORD, 3, day(2026, 4, 20));
    reasons *r = find_on(set, d, day(2026, 5, 1));
    waits(&r->items[1], day(2026, 10, 20),
          "when the exclusion from acceptance with gaps by the record of 2026-04-20 (未补正) ends on 2026-10-20");
    waits(&r->items[2], day(2029, 4, 1), "when the record of 2026-04-01 (严重) ends on 2029-04-01");
    waits(&r->items[4], day(2029, 4, 1), "when the record of 2026-04-01 (严重) ends on 2029-04-01");
    free(r);
    r = find_on(set, d, day(2029, 4, 1));
    for (unsigned i = 0; i < r->count; i++) cr_assert(r->items[i].granted);
    free(r);
    free(d);
    policy_destroy(&set);
}

Test(reason_wait, what_never_comes) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    add(d, ITEM_LISTING, 2, day(2026, 6, 1));
    d->items[0].until = (uint16_t)day(2040, 1, 1);
    reasons *r = find_on(set, d, day(2026, 7, 1));
    cr_assert_eq(r->outcome.wait_day, 0);
    cr_assert_str_eq(r->outcome.wait_text, "");
    cr_assert_eq(r->items[0].wait_day, 0);
    free(r);
    free(d);
    policy_destroy(&set);
}

/* ------------------------------------------------------------------ at random */

static void draw_dossier(dice *dd, dossier *d, int32_t today) {
    d->count = 0;
    unsigned n = (unsigned)dice_below(dd, 7);
    for (unsigned i = 0; i < n; i++)
        add(d, ITEM_RECORD, 1 + (unsigned)dice_below(dd, 5), today - (int32_t)dice_below(dd, 1200));
    if (dice_below(dd, 4) == 0)
        add(d, ITEM_LISTING, 1 + (unsigned)dice_below(dd, 2), today - (int32_t)dice_below(dd, 1200));
    if (n > 0 && dice_below(dd, 3) == 0) {
        add(d, ITEM_REPAIR, 0, today);
        d->items[d->count - 1].value = (uint32_t)dice_below(dd, n);
        d->items[d->count - 1].day =
            d->items[d->items[d->count - 1].value].day + 100 < today ? (uint16_t)(today - 1) : (uint16_t)today;
    }
}

static bool check_wait(const policy_set *set, const dossier *d, unsigned goal, const benefit_reason *b, int32_t today,
                       dice *dd) {
    if (b->granted) return false;
    int32_t last = clock_add_months(today, 12 * REASON_YEARS), end = b->wait_day ? b->wait_day : last + 1;
    cr_assert(b->wait_day == 0 || (b->wait_day > today && b->wait_day <= last));
    if (b->wait_day) {
        char date[CLOCK_DATE_TEXT];
        cr_assert(grants(set, d, goal, b->wait_day), "seed %llu", (unsigned long long)dd->seed);
        cr_assert_eq(memcmp(b->wait_text, "when ", 5), 0, "%s", b->wait_text);
        cr_assert_not_null(strstr(b->wait_text, clock_format_day(b->wait_day, date)), "%s", b->wait_text);
    }
    cr_assert_not(grants(set, d, goal, end - 1), "seed %llu: the day before", (unsigned long long)dd->seed);
    for (int k = 0; k < 12; k++) {
        int32_t on = today + (int32_t)dice_below(dd, (uint64_t)(end - today));
        cr_assert_not(grants(set, d, goal, on), "seed %llu: earlier", (unsigned long long)dd->seed);
    }
    return b->wait_day != 0;
}

Test(reason_wait, the_day_and_not_the_day_before, .timeout = 600) {
    policy_set *set = load_rules();
    dossier *d = new_dossier();
    dice dd = dice_make(20260313);
    fprintf(stderr, "seed %llu (XINYI_SEED overrides)\n", (unsigned long long)dd.seed);
    unsigned came = 0;
    for (int k = 0; k < 400; k++) {
        int32_t today = day(2026, 1, 1) + (int32_t)dice_below(&dd, 700);
        draw_dossier(&dd, d, today);
        reasons *r = find_on(set, d, today);
        for (unsigned i = 0; i < r->count; i++) came += check_wait(set, d, r->items[i].code, &r->items[i], today, &dd);
        came += check_wait(set, d, 64, &r->outcome, today, &dd);
        free(r);
    }
    fprintf(stderr, "%u came by waiting\n", came);
    cr_assert_gt(came, 200);
    free(d);
    policy_destroy(&set);
}
