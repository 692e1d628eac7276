/* Dossiers that are as full as they can be: nothing about them takes so long that others notice. Times are a tenth or
 * less of what is asked for here, so that sanitizers have room. */
#include "tests/unit/report_world.h"

#include <time.h>

TestSuite(report_full, .timeout = 120);

#define FULL (LIMIT_DOSSIER_ITEMS - 1) /* reports: the base's claim is an item as well */

/* Of this process, whatever else the machine does. */
static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static void open_excellent(world *w) {
    subject_id id = help_subject(1);
    profile p;
    report_world_open(w);
    profile_init(&p, &id);
    p.public_grade = PUBLIC_EXCELLENT;
    cr_assert_eq(world_put(w, 1, 0, 1ull << FIELD_public_grade, &p), STATUS_OK);
}

static report numbered(unsigned kind, unsigned n, unsigned type, int32_t day) {
    char id[16];
    snprintf(id, sizeof id, "n%u", n);
    report r = world_report(kind, 1, id);
    r.type = (uint16_t)type;
    r.day = (uint16_t)day;
    return r;
}

static const dossier *full_dossier(const world *w, profile *p) {
    subject_id id = help_subject(1);
    const dossier *d;
    cr_assert(engine_dossier(w->e, &id, world_moment(w), p, &d));
    return d;
}

/* All points that a profile can hold, and more: they do not change for a long time, and so the next day on which they
 * do is looked for. */
Test(report_full, records_beyond_all_points) {
    world w;
    open_excellent(&w);
    int32_t day = world_day(&w);
    double began = seconds();
    world_begin(&w);
    for (unsigned n = 0; n < FULL; n++) {
        report r = numbered(REPORT_RECORD_ADD, n, n % 2 ? 101 : 102, day - (int32_t)(n % 80));
        cr_assert_eq(world_send(&w, &r).status, STATUS_OK);
    }
    world_commit(&w);
    report more = numbered(REPORT_RECORD_ADD, FULL, 101, day);
    cr_assert_eq(world_say(&w, &more, NULL), STATUS_DOSSIER_FULL);
    cr_assert_lt(seconds() - began, 15.0);

    profile p, later;
    const dossier *d = full_dossier(&w, &p);
    cr_assert_eq(p.negative_points, UINT16_MAX);
    cr_assert_gt(p.change_day, day);
    const credit_rules *rules = policy_credit(engine_policy(w.e));
    for (int32_t on = day; on < p.change_day; on++) { /* never too late */
        credit_derive(rules, d, &p, on, &later);
        later.change_day = p.change_day;
        cr_assert_arr_eq(&later, &p, sizeof p);
    }

    began = seconds();
    world_begin(&w);
    report again = numbered(REPORT_RECORD_ADD, FULL - 1, (FULL - 1) % 2 ? 101 : 102, 0);
    for (unsigned n = 0; n < 1000; n++) cr_assert_eq(world_send(&w, &again).flags, REPORT_REPEATED);
    world_commit(&w);
    cr_assert_lt(seconds() - began, 1.0, "a thousand repetitions take %.2f s", seconds() - began);
    world_close(&w);
}

Test(report_full, listings_have_a_limit_of_their_own) {
    world w;
    open_excellent(&w);
    int32_t day = world_day(&w);
    world_begin(&w);
    for (unsigned n = 0; n < LIMIT_DOSSIER_LISTINGS; n++) {
        report r = numbered(REPORT_LISTING_ADD, n, 1, day - (int32_t)(n * 7 % 100));
        cr_assert_eq(world_send(&w, &r).status, STATUS_OK, "listing %u", n);
        if (n % 3 != 0) continue;
        report end = numbered(REPORT_LISTING_REMOVE, 1000 + n, 0, 0);
        end.target = r.id;
        cr_assert_eq(world_send(&w, &end).status, STATUS_OK);
    }
    report more = numbered(REPORT_LISTING_ADD, 999, 1, day);
    cr_assert_eq(world_send(&w, &more).status, STATUS_DOSSIER_FULL);
    report other = numbered(REPORT_RECORD_ADD, 999, 501, day - 50);
    cr_assert_eq(world_send(&w, &other).status, STATUS_OK, "there is room for everything else");
    world_commit(&w);

    static uint16_t numbers[LIMIT_DOSSIER_ITEMS];
    static listing_standing all[LIMIT_DOSSIER_ITEMS];
    profile p;
    const dossier *d = full_dossier(&w, &p);
    const credit_rules *rules = policy_credit(engine_policy(w.e));
    for (int32_t on = day - 110; on < day + 400; on += 17) {
        cr_assert_eq(credit_listing_standings(rules, d, on, numbers, all), (unsigned)LIMIT_DOSSIER_LISTINGS);
        for (unsigned i = 0; i < LIMIT_DOSSIER_LISTINGS; i++) {
            listing_standing one;
            cr_assert(i == 0 || numbers[i] > numbers[i - 1]);
            credit_listing_standing(rules, d, numbers[i], on, &one);
            cr_assert(one.active == all[i].active && one.until == all[i].until && one.removed_by == all[i].removed_by);
        }
    }
    world_close(&w);
}

/* The day on which most service is reported is added up in one pass. */
Test(report_full, service_of_one_day) {
    world w;
    open_excellent(&w);
    int32_t day = world_day(&w);
    world_begin(&w);
    for (unsigned n = 0; n + 1 < FULL; n += 2) {
        report r = numbered(REPORT_SERVICE_ADD, n, 0, day - 1), back = numbered(REPORT_SERVICE_REVERSE, n + 1, 0, 0);
        r.value = 1;
        back.target = r.id;
        cr_assert_eq(world_send(&w, &r).status, STATUS_OK);
        cr_assert_eq(world_send(&w, &back).status, STATUS_OK);
    }
    double began = seconds();
    report most = numbered(REPORT_SERVICE_ADD, 5000, 0, day - 1);
    for (unsigned n = 0; n < 1000; n++) {
        most.value = 721;
        cr_assert_eq(world_send(&w, &most).status, STATUS_IMPLAUSIBLE);
    }
    cr_assert_lt(seconds() - began, 1.0, "a thousand implausible reports take %.2f s", seconds() - began);
    most.value = 720;
    cr_assert_eq(world_send(&w, &most).status, STATUS_OK, "what was reversed does not count");
    world_commit(&w);
    profile p;
    full_dossier(&w, &p);
    cr_assert_eq(p.volunteer_minutes, 720u);
    world_close(&w);
}

/* Without rules for sources 255 of them may claim each field by itself. */
Test(report_full, claims_of_many_sources) {
    world w;
    world_open(&w);
    subject_id id = help_subject(1);
    profile_put put = {.mask = 1ull << FIELD_division};
    profile_init(&put.fields, &id);
    put.fields.division = 530102;
    uint32_t version;
    static const unsigned fields[] = {FIELD_sector,    FIELD_public_score, FIELD_market_grade, FIELD_tax_grade,
                                      FIELD_since_day, FIELD_slot_1,       FIELD_slot_2,       FIELD_slot_3};
    put.fields.public_score = 500;
    put.fields.market_grade = MARKET_A;
    world_begin(&w);
    cr_assert_eq(txn_put(w.t, &put, &version), STATUS_OK);
    for (unsigned f = 0; f < sizeof fields / sizeof *fields; f++)
        for (unsigned source = 1; source <= 255; source++) {
            put.mask = 1ull << fields[f];
            put.flags = source << PUT_SOURCE_SHIFT;
            put.fields.public_score = (uint16_t)(400 + source);
            cr_assert_eq(txn_put(w.t, &put, &version), STATUS_OK);
        }
    world_commit(&w);
    profile p, q;
    const dossier *d = full_dossier(&w, &p);
    cr_assert_eq(d->count, 255u * 8 + 1);
    cr_assert_eq(p.public_score, 655, "the latest of equals");
    cr_assert_eq(p.market_grade, MARKET_A);
    double began = seconds();
    for (unsigned n = 0; n < 100; n++) credit_derive(policy_credit(engine_policy(w.e)), d, &p, world_day(&w), &q);
    cr_assert_lt(seconds() - began, 1.0, "to derive a hundred times takes %.2f s", seconds() - began);
    world_close(&w);
}
