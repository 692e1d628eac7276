/* Repairs that are suggested: by hand, and for dossiers drawn at random against a model that tries every day on which
 * something may be repaired. */
#include "../credit_help.h"
#include "../engine_help.h"
#include "engine/reason.h"

static const char *const PARTS[] = {
    "records: r\n" HEAD_TEXT "classes:\n"
    "  minor: {publicity: {max: 3 months}}\n"
    "  general: {publicity: {min: 3 months, max: 1 year}}\n"
    "  merit: {publicity: {max: 1 year}}\n"
    "types:\n"
    "  - {code: 1, id: small, class: minor, points: 1, decay: linear}\n"
    "  - {code: 2, id: large, class: general, points: 4, effects: [observed]}\n"
    "  - {code: 3, id: breach, class: general, points: 2, effects: [{gaps_barred: 12 months}]}\n"
    "  - {code: 4, id: good, class: merit, points: 1}\n"
    "examples: [{name: e, given: {day: 2026-01-01}, expect: {negative_points: 0}}]\n",
    "commitments: c\n" HEAD_TEXT "breach: breach\nmatters: [{code: 1, id: m}]\n",
    "policy: p\nscenario: {name: loan, code: 1}\n" HEAD_TEXT "effective: {from: 2020-01-01}\n"
    "benefits: [{code: 0, id: few, title: 零}, {code: 1, id: gaps, title: 一}, {code: 2, id: free, title: 二}]\n"
    "tables:\n  - table: A\n    hit: collect\n    inputs: [negative_points, gaps_barred, broken_commitments, "
    "observed]\n"
    "    outputs: [outcome, benefits]\n    rows:\n"
    "      - {id: A0, when: ['< 2', '-', '-', '-'], then: [granted, few]}\n"
    "      - {id: A1, when: ['-', false, '0', '-'], then: ['-', gaps]}\n"
    "      - {id: A2, when: ['-', '-', '-', false], then: ['-', free]}\n"
    "examples: []\n"};

static policy_set *set;
static made_dossier memory;
static dossier *d;
static reasons found;

static void setup(void) {
    set = must_load_parts(PARTS, sizeof PARTS / sizeof *PARTS);
    d = begin_dossier(&memory, "uscc:91530000MA00TTT099");
}
static void teardown(void) { policy_destroy(&set); }
TestSuite(reason_repair, .init = setup, .fini = teardown);

static uint32_t breach(const char *accepted, const char *deadline) {
    uint32_t n = add_item(d, ITEM_COMMITMENT, 1, date(accepted), 0);
    add_step(d, n, COMMITMENT_ACCEPTED, date(accepted), date(deadline));
    return n;
}

static void find(int32_t day) {
    profile empty, p;
    profile_init(&empty, &d->subject);
    credit_derive(policy_credit(set), d, &empty, day, &p);
    cr_assert_eq(reason_find(set, 1, &p, d, policy_moment_of_day(day), &found), STATUS_OK);
}

static void expect_repair(const benefit_reason *b, const char *day, const char *text) {
    cr_expect_eq(b->repair_day, day[0] != '\0' ? date(day) : 0, "%s: %s", text, b->repair_text);
    cr_expect_str_eq(b->repair_text, text);
}

Test(reason_repair, a_breach_takes_its_record_with_it) {
    breach("2026-03-02", "2026-03-23");
    find(date("2026-09-01"));
    expect_repair(&found.items[0], "2026-09-01", "repair the breach of the commitment of 2026-03-02");
    expect_repair(&found.items[1], "2026-09-01", "repair the breach of the commitment of 2026-03-02");
    expect_repair(&found.items[2], "", ""); /* granted */
    expect_repair(&found.outcome, "2026-09-01", "repair the breach of the commitment of 2026-03-02");
}

Test(reason_repair, not_before_its_day_and_no_more_than_needed) {
    add_item(d, ITEM_RECORD, 1, date("2026-08-30"), 0);
    add_item(d, ITEM_RECORD, 2, date("2026-08-01"), 0);
    add_item(d, ITEM_RECORD, 2, date("2026-07-01"), 0);
    add_item(d, ITEM_RECORD, 4, date("2026-07-01"), 0);
    find(date("2026-09-01"));
    expect_repair(&found.items[0], "2026-11-01",
                  "repair the record of 2026-08-01 and the record of 2026-07-01, possible from 2026-11-01");
    expect_repair(&found.items[2], "2026-11-01",
                  "repair the record of 2026-08-01 and the record of 2026-07-01, possible from 2026-11-01");
}

Test(reason_repair, waiting_may_do_as_soon) {
    add_item(d, ITEM_RECORD, 2, date("2026-01-15"), 0);
    find(date("2027-01-10")); /* may be repaired now, ends on 2027-01-15 */
    expect_repair(&found.items[0], "2027-01-10", "repair the record of 2026-01-15");
    uint32_t n = add_item(d, ITEM_REPAIR, 0, date("2027-01-10"), 0);
    cr_assert_eq(n, 1u);
    find(date("2027-01-10"));
    cr_expect(found.items[0].granted);
    expect_repair(&found.items[0], "", "");
}

/* ------------------------------------------------------------------ at random */

/* The decision on a day if all is repaired that may be. */
static decision all_repaired(int32_t today, int32_t day) {
    static made_dossier other;
    memcpy(&other, &memory, sizeof other);
    dossier *copy = (dossier *)(void *)other.memory;
    for (uint32_t i = 0; i < d->count; i++) {
        record_standing s;
        credit_record_standing(policy_credit(set), d, i, today, &s);
        bool adverse =
            d->items[i].kind == ITEM_COMMITMENT || (d->items[i].kind == ITEM_RECORD && d->items[i].type != 4);
        if (adverse && s.active && s.repairable_from <= day && day < s.end) add_item(copy, ITEM_REPAIR, 0, day, i);
    }
    profile empty, p;
    decision out;
    profile_init(&empty, &d->subject);
    credit_derive(policy_credit(set), copy, &empty, day, &p);
    policy_decide(set, 1, &p, policy_moment_of_day(day), &out);
    return out;
}

static int32_t model_day(int32_t today, unsigned code) {
    int32_t best = 0;
    for (uint32_t i = 0; i <= d->count; i++) { /* the last: today */
        record_standing s = {.active = true, .repairable_from = (uint16_t)today};
        if (i < d->count) credit_record_standing(policy_credit(set), d, i, today, &s);
        int32_t day = s.repairable_from > today ? s.repairable_from : today;
        if (s.active && (best == 0 || day < best) && (all_repaired(today, day).benefits >> code & 1)) best = day;
    }
    return best;
}

Test(reason_repair, agrees_with_a_model) {
    uint64_t state = help_seed("reason_repair");
    unsigned told = 0, later = 0;
    for (int round = 0; round < 400; round++) {
        int32_t today = date("2026-09-01");
        d->count = 0;
        for (unsigned n = 1 + (unsigned)(help_random(&state) % 4); n > 0; n--) {
            int32_t day = today - (int32_t)(help_random(&state) % 500);
            if (help_random(&state) % 3 == 0) {
                uint32_t c = add_item(d, ITEM_COMMITMENT, 1, day, 0);
                add_step(d, c, COMMITMENT_ACCEPTED, day, day + 20);
            } else {
                add_item(d, ITEM_RECORD, 1 + (unsigned)(help_random(&state) % 4), day, 0);
            }
        }
        find(today);
        for (unsigned i = 0; i < found.count; i++) {
            const benefit_reason *b = &found.items[i];
            int32_t want = b->granted ? 0 : model_day(today, b->code);
            if (b->wait_day != 0 && b->wait_day <= want) want = 0;
            cr_assert_eq(b->repair_day, want, "round %d, %s: %d, not %d", round, b->id, b->repair_day, want);
            told += want != 0;
            later += want > today;
        }
    }
    cr_assert_gt(told, 100u);
    cr_assert_gt(later, 20u);
}
