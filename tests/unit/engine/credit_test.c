/* The rules of records, commitments, lists, service and sources, worked by hand; lengths of time. */
#include "../credit_help.h"

#define ENTITY "uscc:91530000MA00TTT099"
#define PERSON "id:530000199001010011"

static const char *const PARTS[] = {
    "records: r\n" HEAD_TEXT "classes:\n"
    "  minor: {publicity: {max: 3 months}}\n"
    "  general: {publicity: {min: 3 months, max: 1 year}}\n"
    "  serious: {publicity: {min: 1 year, max: 3 years}}\n"
    "  merit: {publicity: {max: 12 months}}\n"
    "types:\n"
    "  - {code: 1, id: late, class: minor, domain: tax, points: 1, decay: linear}\n"
    "  - {code: 2, id: debt, class: general, domain: tax, points: 4, decay: linear}\n"
    "  - {code: 3, id: fraud, class: serious, domain: tax, points: 12, effects: [red_list_removed]}\n"
    "  - {code: 4, id: default, class: general, domain: power, points: 3.5, observation: 6 months, effects: "
    "[no_exemption, {late_settlement: 2 years}, {arrears: 1 month}]}\n"
    "  - {code: 5, id: collusion, class: serious, domain: power, points: 9, observation: 12 months}\n"
    "  - {code: 6, id: breach, class: general, points: 3, effects: [{gaps_barred: 12 months}]}\n"
    "  - {code: 7, id: falsified, class: general, effects: [service_void, {volunteer_barred: 1 year}]}\n"
    "  - {code: 8, id: merit, class: merit, points: 5}\n"
    "  - {code: 9, id: removing, class: minor, effects: [red_list_removed]}\n"
    "thresholds:\n"
    "  - {domain: power, points: 3, effect: noticed}\n"
    "  - {domain: power, points: 9, effect: observed}\n"
    "  - {points: 12, effect: suspended}\n",
    "commitments: c\n" HEAD_TEXT "breach: breach\nmatters: [{code: 1, id: m}]\n",
    "calendar: k\n" HEAD_TEXT "holidays: ['2026-02-15..2026-02-23', '2026-10-01..2026-10-07']\n"
    "workdays: [2026-02-14, 2026-02-28, 2026-09-20, 2026-10-10]\n",
    "lists: l\n" HEAD_TEXT "items:\n"
    "  - {code: 1, id: red, flag: red_list, valid: 12 months, removed_by: [general, serious, red_list_removed, "
    "breach], "
    "excluded_by: serious}\n"
    "  - {code: 2, id: serious, flag: serious_list, valid: 3 years}\n",
    "sources: s\n" HEAD_TEXT "items:\n"
    "  - {number: 0, id: base, priority: 50, fields: all}\n"
    "  - {number: 1, id: tax, priority: 90, fields: [tax_grade]}\n"
    "  - {number: 2, id: other, priority: 50, fields: [tax_grade, public_score]}\n",
};

static policy_set *set;
static const credit_rules *r;
static made_dossier memory;
static dossier *d;

static void setup(void) {
    set = must_load_parts(PARTS, sizeof PARTS / sizeof *PARTS);
    r = policy_credit(set);
    d = begin_dossier(&memory, ENTITY);
}

static void teardown(void) { policy_destroy(&set); }

TestSuite(credit, .init = setup, .fini = teardown);

#define ON(day, text)                                                                                                  \
    do {                                                                                                               \
        profile now_ = derived(r, d, date(day));                                                                       \
        expect_profile(&now_, text);                                                                                   \
    } while (0)

static uint32_t record(unsigned type, const char *day) { return add_item(d, ITEM_RECORD, type, date(day), 0); }
static uint32_t repair(uint32_t number, const char *day) { return add_item(d, ITEM_REPAIR, 0, date(day), number); }

/* ------------------------------------------------------------------ time */

static void expect_end(const char *from, period p, const char *end) {
    char text[CLOCK_DATE_TEXT];
    cr_expect_str_eq(clock_format_day(credit_period_end(r, date(from), p), text), end, "%s", from);
}

Test(credit, months_keep_the_day_or_take_the_last) {
    expect_end("2026-01-31", (period){1, PERIOD_MONTHS, 0}, "2026-02-28");
    expect_end("2028-01-31", (period){1, PERIOD_MONTHS, 0}, "2028-02-29");
    expect_end("2028-02-29", (period){12, PERIOD_MONTHS, 0}, "2029-02-28");
    expect_end("2028-02-29", (period){48, PERIOD_MONTHS, 0}, "2032-02-29");
    expect_end("2026-03-31", (period){3, PERIOD_MONTHS, 0}, "2026-06-30");
    expect_end("2026-11-30", (period){3, PERIOD_MONTHS, 0}, "2027-02-28");
    expect_end("2026-03-02", (period){30, PERIOD_DAYS, 0}, "2026-04-01");
    expect_end("2026-03-02", (period){0}, "2026-03-02");
    cr_assert_eq(credit_period_end(r, 65000, (period){36500, PERIOD_DAYS, 0}), UINT16_MAX);
    cr_assert_eq(credit_period_end(r, 65000, (period){1200, PERIOD_MONTHS, 0}), UINT16_MAX);
    cr_assert_eq(credit_period_end(r, 65500, (period){2500, PERIOD_WORKING_DAYS, 0}), UINT16_MAX);
}

Test(credit, months_are_added_as_the_clock_does) {
    static const uint16_t MONTHS[] = {1, 2, 3, 5, 6, 11, 12, 13, 24, 36, 48, 60, 119, 1200};
    for (int32_t day = 0; day < 60000; day++)
        for (size_t i = 0; i < sizeof MONTHS / sizeof *MONTHS; i++) {
            int32_t end = clock_add_months(day, MONTHS[i]);
            if (end > UINT16_MAX) end = UINT16_MAX;
            int32_t got = credit_period_end(r, day, (period){MONTHS[i], PERIOD_MONTHS, 0});
            cr_assert_eq(got, end, "day %d and %u months: %d, not %d", day, MONTHS[i], got, end);
        }
}

/* The first day behind the n-th working day behind the first. */
Test(credit, working_days_follow_the_calendar) {
    expect_end("2026-03-02", (period){5, PERIOD_WORKING_DAYS, 0}, "2026-03-10"); /* Monday to Monday */
    expect_end("2026-03-06", (period){1, PERIOD_WORKING_DAYS, 0}, "2026-03-10"); /* Friday: Monday counts */
    expect_end("2026-03-07", (period){1, PERIOD_WORKING_DAYS, 0}, "2026-03-10"); /* Saturday */
    /* the Saturday before the spring festival is worked, the nine days of it are not */
    expect_end("2026-02-13", (period){1, PERIOD_WORKING_DAYS, 0}, "2026-02-15");
    expect_end("2026-02-13", (period){2, PERIOD_WORKING_DAYS, 0}, "2026-02-25");
    expect_end("2026-02-13", (period){6, PERIOD_WORKING_DAYS, 0}, "2026-03-01"); /* 24 25 26 27, and Saturday 28 */
    expect_end("2026-09-30", (period){3, PERIOD_WORKING_DAYS, 0}, "2026-10-11"); /* 8, 9, and Saturday 10 */
    cr_assert(credit_is_working_day(r, date("2026-02-14")));
    cr_assert_not(credit_is_working_day(r, date("2026-02-16")));
    cr_assert_not(credit_is_working_day(r, date("2026-03-01")));
    cr_assert(credit_is_working_day(r, date("2026-03-02")));
}

/* ------------------------------------------------------------------ records */

Test(credit, points_fall_in_a_line_and_end_with_the_record) {
    uint32_t n = record(1, "2026-03-02"); /* to 2026-06-02: 92 days */
    ON("2026-03-01", "negative_points=0 change_day=2026-03-02");
    ON("2026-03-02", "negative_points=1 change_day=2026-03-03");
    ON("2026-03-03", "negative_points=0.99 change_day=2026-03-04");
    ON("2026-04-17", "negative_points=0.5");                        /* 46 of 92 left */
    ON("2026-06-01", "negative_points=0.01 change_day=2026-06-02"); /* 1.087 hundredths */
    ON("2026-06-02", "negative_points=0 change_day=");
    record_standing s;
    credit_record_standing(r, d, n, date("2026-04-17"), &s);
    cr_assert(s.active);
    cr_assert_eq(s.points, 50);
    cr_assert_eq(s.end, date("2026-06-02"));
    cr_assert_eq(s.repairable_from, date("2026-03-02"));
    credit_record_standing(r, d, n, date("2026-06-02"), &s);
    cr_assert_not(s.active);
    cr_assert_eq(s.points, 0);
    cr_assert_not(s.repaired);
}

Test(credit, half_a_hundredth_is_rounded_up) {
    record(2, "2026-01-01");                  /* 400 hundredths over 365 days: 1.0959 a day */
    ON("2026-01-02", "negative_points=3.99"); /* 398.904 */
    ON("2026-07-02", "negative_points=2.01"); /* 183 left: 200.548 */
    ON("2026-12-31", "negative_points=0.01"); /* 1.096 */
}

Test(credit, whole_points_last_for_the_observation) {
    record(4, "2026-08-31");
    ON("2027-02-27", "negative_points=3.5 noticed=true no_exemption=true arrears=false late_settlement=true "
                     "change_day=2027-02-28");
    ON("2027-02-28", "negative_points=0 noticed=false no_exemption=true change_day=2027-08-31");
    ON("2026-09-29", "arrears=true change_day=2026-09-30");                            /* a shorter length of its own */
    ON("2027-08-31", "no_exemption=false late_settlement=true change_day=2028-08-31"); /* a longer one */
    ON("2028-08-31", "late_settlement=false change_day=");
}

Test(credit, a_repair_ends_everything_on_its_day) {
    uint32_t n = record(4, "2026-03-02");
    repair(n, "2026-06-10");
    ON("2026-06-09", "negative_points=3.5 late_settlement=true change_day=2026-06-10");
    ON("2026-06-10", "negative_points=0 no_exemption=false late_settlement=false noticed=false change_day=");
    record_standing s;
    credit_record_standing(r, d, n, date("2026-06-10"), &s);
    cr_assert(s.repaired);
    cr_assert_not(s.active);
    cr_assert_eq(s.effects, 0);
    cr_assert_eq(s.repairable_from, date("2026-06-02"));
}

Test(credit, what_was_revoked_counts_on_no_day) {
    uint32_t n = record(3, "2026-03-02");
    add_item(d, ITEM_LISTING, 1, date("2026-01-05"), 0);
    ON("2026-03-02", "negative_points=12 suspended=true red_list=false");
    add_item(d, ITEM_REVOKE, 0, date("2026-05-01"), n);
    ON("2026-03-02", "negative_points=0 suspended=false red_list=true change_day=2027-01-05");
    record_standing s;
    credit_record_standing(r, d, n, date("2026-05-01"), &s);
    cr_assert(s.revoked);
    cr_assert_not(s.active);
}

Test(credit, thresholds_are_of_a_domain_or_of_all) {
    add_claim(d, 0, date("2026-01-01"), "negative_points=3");
    record(5, "2026-03-02");
    ON("2026-03-02", "negative_points=12 noticed=true observed=true suspended=true change_day=2027-03-02");
    /* claimed points are of no domain */
    d->count = 0;
    add_claim(d, 0, date("2026-01-01"), "negative_points=11.99");
    ON("2026-03-02", "negative_points=11.99 noticed=false suspended=false change_day=");
    record(8, "2026-03-02");
    ON("2026-03-02", "negative_points=11.99 positive_points=5 suspended=false change_day=2027-03-02");
}

Test(credit, sums_stop_at_their_largest_value) {
    add_claim(d, 0, date("2026-01-01"), "negative_points=655 broken_commitments=255 volunteer_minutes=4294967290");
    record(3, "2026-03-02");
    add_item(d, ITEM_SERVICE, 0, date("2026-03-02"), 100);
    ON("2026-03-03", "negative_points=655.35 volunteer_minutes=4294967295");
    /* what does not show is no change: 655 + 12 becomes 655 again only when the record ends */
    ON("2026-03-03", "change_day=2029-03-02");
}

Test(credit, an_unknown_type_does_nothing) {
    uint32_t n = record(99, "2026-03-02");
    ON("2026-03-02", "negative_points=0 change_day=");
    record_standing s;
    credit_record_standing(r, d, n, date("2026-03-02"), &s);
    cr_assert_not(s.active);
}

/* ------------------------------------------------------------------ commitments */

Test(credit, a_commitment_is_open_to_its_last_day) {
    uint32_t n = add_item(d, ITEM_COMMITMENT, 1, date("2026-03-02"), 0);
    commitment_standing s;
    ON("2026-03-02", "open_commitments=0 change_day=");
    add_step(d, n, COMMITMENT_ACCEPTED, date("2026-03-04"), date("2026-03-25"));
    ON("2026-03-03", "open_commitments=0 change_day=2026-03-04");
    ON("2026-03-25", "open_commitments=1 broken_commitments=0 change_day=2026-03-26");
    ON("2026-03-26", "open_commitments=0 broken_commitments=1 negative_points=3 gaps_barred=true");
    credit_commitment_standing(r, d, n, date("2026-03-26"), &s);
    cr_assert_eq(s.state, COMMITMENT_BREACHED);
    cr_assert(s.overdue);
    cr_assert_eq(s.breached, date("2026-03-26"));
    cr_assert_eq(s.accepted, date("2026-03-04"));
    credit_commitment_standing(r, d, n, date("2026-03-25"), &s);
    cr_assert_eq(s.state, COMMITMENT_ACCEPTED);
    cr_assert_eq(s.deadline, date("2026-03-25"));
    cr_assert_eq(s.breached, 0);
    /* the breach is a record: over after a year */
    ON("2027-03-25", "broken_commitments=1 gaps_barred=true change_day=2027-03-26");
    ON("2027-03-26", "broken_commitments=0 negative_points=0 gaps_barred=false change_day=");
    record_standing as_record;
    credit_record_standing(r, d, n, date("2026-03-26"), &as_record);
    cr_assert(as_record.active);
    cr_assert_eq(as_record.repairable_from, date("2026-06-26"));
    repair(n, "2026-07-01");
    ON("2026-07-01", "broken_commitments=0 negative_points=0 gaps_barred=false change_day=");
    credit_commitment_standing(r, d, n, date("2026-07-01"), &s);
    cr_assert(s.repaired);
    cr_assert_eq(s.state, COMMITMENT_BREACHED);
}

Test(credit, a_commitment_is_extended_and_fulfilled) {
    uint32_t n = add_item(d, ITEM_COMMITMENT, 1, date("2026-03-02"), 0);
    commitment_standing s;
    add_step(d, n, COMMITMENT_ACCEPTED, date("2026-03-02"), date("2026-03-23"));
    add_step(d, n, COMMITMENT_EXTENDED, date("2026-03-20"), date("2026-04-03"));
    ON("2026-03-24", "open_commitments=1 change_day=2026-04-04");
    credit_commitment_standing(r, d, n, date("2026-03-24"), &s);
    cr_assert_eq(s.state, COMMITMENT_EXTENDED);
    cr_assert(s.extended);
    cr_assert_eq(s.deadline, date("2026-04-03"));
    add_step(d, n, COMMITMENT_FULFILLED, date("2026-04-03"), 0);
    ON("2026-04-02", "open_commitments=1 change_day=2026-04-03");
    ON("2026-04-03", "open_commitments=0 broken_commitments=0 change_day=");
    /* too late: the breach stands */
    uint32_t late = add_item(d, ITEM_COMMITMENT, 1, date("2026-05-04"), 0);
    add_step(d, late, COMMITMENT_ACCEPTED, date("2026-05-04"), date("2026-05-20"));
    add_step(d, late, COMMITMENT_FULFILLED, date("2026-05-21"), 0);
    credit_commitment_standing(r, d, late, date("2026-05-21"), &s);
    cr_assert_eq(s.state, COMMITMENT_BREACHED);
    cr_assert(s.overdue);
    uint32_t gone = add_item(d, ITEM_COMMITMENT, 1, date("2026-05-04"), 0);
    add_step(d, gone, COMMITMENT_ACCEPTED, date("2026-05-04"), date("2026-05-20"));
    add_step(d, gone, COMMITMENT_WITHDRAWN, date("2026-05-05"), 0);
    credit_commitment_standing(r, d, gone, date("2026-06-05"), &s);
    cr_assert_eq(s.state, COMMITMENT_WITHDRAWN);
    ON("2026-06-05", "open_commitments=0 broken_commitments=1");
}

/* ------------------------------------------------------------------ lists */

Test(credit, a_listing_runs_out) {
    listing_standing s;
    uint32_t n = add_item(d, ITEM_LISTING, 1, date("2026-01-31"), 0);
    ON("2027-01-30", "red_list=true change_day=2027-01-31");
    ON("2027-01-31", "red_list=false change_day=");
    credit_listing_standing(r, d, n, date("2026-05-01"), &s);
    cr_assert(s.active);
    cr_assert_eq(s.until, date("2027-01-31"));
    cr_assert_eq(s.removed_by, 0);
    d->items[n].until = (uint16_t)date("2026-03-01");
    ON("2026-02-28", "red_list=true change_day=2026-03-01");
    add_item(d, ITEM_DELISTING, 0, date("2026-02-10"), n);
    credit_listing_standing(r, d, n, date("2026-02-10"), &s);
    cr_assert_not(s.active);
    cr_assert_eq(s.removed_by, 1);
}

Test(credit, records_end_a_listing_for_good) {
    listing_standing s;
    uint32_t n = add_item(d, ITEM_LISTING, 1, date("2026-01-05"), 0), x = record(2, "2026-02-10");
    ON("2026-02-09", "red_list=true change_day=2026-02-10");
    ON("2026-02-10", "red_list=false");
    repair(x, "2026-06-01");
    ON("2026-06-01", "red_list=false negative_points=0 change_day=");
    credit_listing_standing(r, d, n, date("2026-06-01"), &s);
    cr_assert_not(s.active);
    cr_assert_eq(s.removed_by, 2);
    cr_assert_eq(s.until, date("2026-02-10"));
    /* listed again later, with the old record known */
    add_item(d, ITEM_LISTING, 1, date("2026-06-02"), 0);
    ON("2026-06-02", "red_list=true change_day=2027-06-02");
    /* of before, but reported now */
    record(2, "2026-05-01");
    ON("2026-06-02", "red_list=false");
}

Test(credit, minor_records_end_a_listing_only_by_their_effect) {
    add_item(d, ITEM_LISTING, 1, date("2026-01-05"), 0);
    record(1, "2026-02-10");
    ON("2026-02-10", "red_list=true");
    record(9, "2026-02-11");
    ON("2026-02-10", "red_list=true change_day=2026-02-11");
    ON("2026-02-11", "red_list=false");
}

Test(credit, a_breach_ends_a_listing) {
    listing_standing s;
    uint32_t n = add_item(d, ITEM_LISTING, 1, date("2026-01-05"), 0),
             c = add_item(d, ITEM_COMMITMENT, 1, date("2026-03-02"), 0);
    add_step(d, c, COMMITMENT_ACCEPTED, date("2026-03-02"), date("2026-03-23"));
    ON("2026-03-23", "red_list=true open_commitments=1 change_day=2026-03-24");
    ON("2026-03-24", "red_list=false broken_commitments=1");
    credit_listing_standing(r, d, n, date("2026-03-24"), &s);
    cr_assert_eq(s.removed_by, 3);
}

Test(credit, the_serious_list_overrides_the_red_one) {
    listing_standing s;
    uint32_t red = add_item(d, ITEM_LISTING, 1, date("2026-01-05"), 0);
    uint32_t serious = add_item(d, ITEM_LISTING, 2, date("2026-03-01"), 0);
    ON("2026-02-28", "red_list=true serious_list=false change_day=2026-03-01");
    ON("2026-03-01", "red_list=false serious_list=true change_day=2029-03-01");
    add_item(d, ITEM_DELISTING, 0, date("2026-04-01"), serious);
    ON("2026-04-01", "red_list=false serious_list=false change_day=");
    credit_listing_standing(r, d, red, date("2026-04-01"), &s);
    cr_assert_eq(s.removed_by, 4);
    /* while a source claims the serious list, a listing is suspended */
    uint32_t again = add_item(d, ITEM_LISTING, 1, date("2026-05-01"), 0);
    uint32_t claim = add_claim(d, 0, date("2026-05-02"), "serious_list=true");
    ON("2026-05-02", "red_list=false serious_list=true change_day=");
    credit_listing_standing(r, d, again, date("2026-05-02"), &s);
    cr_assert_not(s.active);
    cr_assert_eq(s.removed_by, 4);
    d->items[claim].kind = ITEM_ERASED;
    ON("2026-05-02", "red_list=true serious_list=false change_day=2027-05-01");
}

Test(credit, a_claimed_listing_gives_way_while_a_record_is_in_force) {
    add_claim(d, 0, date("2026-01-01"), "red_list=true");
    uint32_t x = record(2, "2026-02-10");
    ON("2026-02-09", "red_list=true change_day=2026-02-10");
    ON("2026-02-10", "red_list=false");
    repair(x, "2026-06-01");
    ON("2026-06-01", "red_list=true change_day=");
}

/* ------------------------------------------------------------------ service */

Test(credit, service_counts_unless_reversed_or_void) {
    d = begin_dossier(&memory, PERSON);
    add_claim(d, 0, date("2026-01-01"), "volunteer_minutes=6000");
    uint32_t early = add_item(d, ITEM_SERVICE, 0, date("2026-01-10"), 240);
    uint32_t n = add_item(d, ITEM_SERVICE, 0, date("2026-01-11"), 60);
    ON("2026-01-11", "volunteer_minutes=6300 form=person");
    add_item(d, ITEM_SERVICE_REVERSE, 0, date("2026-01-20"), n);
    ON("2026-01-11", "volunteer_minutes=6240 change_day=");
    uint32_t x = record(7, "2026-02-01");
    uint32_t late = add_item(d, ITEM_SERVICE, 0, date("2026-02-01"), 30);
    ON("2026-01-31", "volunteer_minutes=6240 volunteer_barred=false change_day=2026-02-01");
    ON("2026-02-01", "volunteer_minutes=6030 volunteer_barred=true change_day=2027-02-01");
    repair(x, "2026-06-01"); /* gives the right back, not the hours */
    ON("2026-06-01", "volunteer_minutes=6030 volunteer_barred=false change_day=");
    cr_assert_eq(credit_service_state(r, d, early, date("2026-01-31")), SERVICE_COUNTED);
    cr_assert_eq(credit_service_state(r, d, early, date("2026-02-01")), SERVICE_VOID);
    cr_assert_eq(credit_service_state(r, d, early, date("2026-06-01")), SERVICE_VOID);
    cr_assert_eq(credit_service_state(r, d, n, date("2026-06-01")), SERVICE_REVERSED);
    cr_assert_eq(credit_service_state(r, d, late, date("2026-06-01")), SERVICE_COUNTED);
    add_item(d, ITEM_REVOKE, 0, date("2026-06-02"), x);
    cr_assert_eq(credit_service_state(r, d, early, date("2026-06-02")), SERVICE_COUNTED);
}

/* ------------------------------------------------------------------ sources */

Test(credit, the_highest_priority_wins_then_the_latest) {
    uint32_t base = add_claim(d, 0, date("2026-05-01"), "tax_grade=B public_score=700 form=enterprise");
    uint32_t tax = add_claim(d, 1, date("2026-01-01"), "tax_grade=A");
    uint32_t other = add_claim(d, 2, date("2026-04-01"), "tax_grade=D public_score=600");
    ON("2026-05-01", "tax_grade=A public_score=700 form=enterprise change_day=");
    cr_assert_eq(credit_winner(r, d, FIELD_tax_grade), (int32_t)tax);
    cr_assert_eq(credit_winner(r, d, FIELD_public_score), (int32_t)base);
    cr_assert_eq(credit_winner(r, d, FIELD_market_grade), -1);
    /* the same day: the later item */
    d->items[other].day = d->items[base].day;
    ON("2026-05-01", "tax_grade=A public_score=600");
    /* the tax bureau has nothing to say any longer */
    add_claim(d, 1, date("2026-06-01"), "tax_grade=");
    ON("2026-06-01", "tax_grade=D");
    cr_assert_eq(credit_winner(r, d, FIELD_tax_grade), (int32_t)other);
    /* an older message of the same source changes nothing */
    add_claim(d, 1, date("2026-02-01"), "tax_grade=C");
    ON("2026-06-01", "tax_grade=D");
    add_claim(d, 1, date("2026-06-01"), "tax_grade=C");
    ON("2026-06-01", "tax_grade=C");
    /* a source that is not listed gives way */
    add_claim(d, 77, date("2026-09-01"), "tax_grade=A market_grade=AA");
    ON("2026-06-01", "tax_grade=C market_grade=AA");
}

Test(credit, without_a_dossier_the_profile_is_what_sources_claim) {
    profile p = blank_profile(), out;
    give(&p, "tax_grade", "A");
    give(&p, "red_list", "true");
    p.seq = 8;
    p.side = 0;
    p.change_day = 77;
    credit_derive(r, NULL, &p, date("2026-06-01"), &out);
    cr_assert_eq(out.change_day, 0);
    out.change_day = 77;
    cr_assert_eq(memcmp(&p, &out, sizeof p), 0);
    give(&p, "serious_list", "true");
    credit_derive(r, NULL, &p, date("2026-06-01"), &out);
    expect_profile(&out, "red_list=false serious_list=true");
}

Test(credit, deriving_twice_is_deriving_once) {
    profile p, q;
    record(4, "2026-03-02");
    add_claim(d, 0, date("2026-01-01"), "negative_points=3 red_list=true tax_grade=A");
    p = derived(r, d, date("2026-03-05"));
    credit_derive(r, d, &p, date("2026-03-05"), &q);
    cr_assert_eq(memcmp(&p, &q, sizeof p), 0);
}

/* ------------------------------------------------------------------ forgetting */

Test(credit, adverse_records_of_persons_are_forgotten_after_five_years) {
    uint32_t numbers[8];
    uint16_t next;
    record(3, "2026-03-02");
    cr_assert_eq(credit_erasable(r, d, date("2036-01-01"), numbers, 8, &next), 0u);
    cr_assert_eq(next, 0);
    d = begin_dossier(&memory, PERSON);
    uint32_t merit = record(8, "2020-01-01"), x = record(3, "2026-03-02");
    repair(x, "2027-04-01");
    record(2, "2027-05-05");
    cr_assert_eq(credit_erasable(r, d, date("2031-03-01"), numbers, 8, &next), 0u);
    cr_assert_eq(next, date("2031-03-02"));
    cr_assert_eq(credit_erasable(r, d, date("2031-03-02"), numbers, 8, &next), 2u);
    cr_assert_eq(next, date("2032-05-05"));
    cr_assert_eq(numbers[0], x);
    cr_assert_eq(numbers[1], x + 1);
    cr_assert_eq(credit_erasable(r, d, date("2031-03-02"), numbers, 1, NULL), 1u);
    cr_assert_neq(numbers[0], merit);
}

Test(credit, what_a_forgotten_record_took_away_does_not_come_back) {
    uint32_t numbers[8];
    d = begin_dossier(&memory, PERSON);
    add_item(d, ITEM_SERVICE, 0, date("2026-01-10"), 240);
    uint32_t listing = add_item(d, ITEM_LISTING, 1, date("2026-01-05"), 0);
    d->items[listing].until = (uint16_t)date("2040-01-01");
    uint32_t x = record(7, "2026-02-01");
    ON("2031-02-01", "volunteer_minutes=0 red_list=false");
    cr_assert_eq(credit_erasable(r, d, date("2031-02-01"), numbers, 8, NULL), 3u);
    cr_assert_eq(numbers[2], x); /* last */
    for (unsigned i = 0; i < 3; i++) memset(&d->items[numbers[i]], 0, sizeof(item));
    ON("2031-02-01", "volunteer_minutes=0 red_list=false change_day=");
    char problem[200];
    cr_assert(dossier_check(d, problem, sizeof problem), "%s", problem);
}
