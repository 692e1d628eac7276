/* Tallies: months, places, nothing lost or counted twice while threads count and the collector collects; shadows. */
#include "engine/tally.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define KUNMING 530100u
#define WUHUA 530102u
#define ELSEWHERE 440100u

static tally *fresh(void) {
    tally *t;
    cr_assert_eq(tally_create(&t), STATUS_OK);
    return t;
}

static decision granted(uint64_t benefits) {
    return (decision){.status = STATUS_OK, .outcome = OUTCOME_GRANTED, .benefits = benefits};
}

typedef struct sums {
    uint64_t calls, outcomes[TALLY_OUTCOMES], given[LIMIT_BENEFITS];
    unsigned month, scenario;
    uint32_t division;
} sums;

static void add_up(void *context, unsigned month, unsigned scenario, uint32_t division, const effect_counts *added) {
    sums *s = context;
    s->calls++;
    s->month = month;
    s->scenario = scenario;
    s->division = division;
    for (unsigned i = 0; i < TALLY_OUTCOMES; i++) s->outcomes[i] += added->outcomes[i];
    for (unsigned i = 0; i < LIMIT_BENEFITS; i++) {
        s->given[i] += added->given[i];
        cr_assert_eq(added->used[i], 0);
    }
}

Test(tally, months_are_counted_from_1970) {
    cr_assert_eq(tally_month(0), 0);
    cr_assert_eq(tally_month(clock_day_from_date(1970, 1, 31)), 0);
    cr_assert_eq(tally_month(clock_day_from_date(1970, 2, 1)), 1);
    cr_assert_eq(tally_month(clock_day_from_date(2026, 11, 30)), 56 * 12 + 10);
    cr_assert_eq(tally_month(clock_day_from_date(2026, 12, 1)), 56 * 12 + 11);
    cr_assert_eq(tally_month(clock_day_from_date(1969, 12, 31)), 0);
}

Test(tally, what_is_new_is_told_once) {
    tally *t = fresh();
    decision d = granted(1 | UINT64_C(1) << 63), none = {.outcome = OUTCOME_NONE};
    sums s = {0};
    tally_collect(t, add_up, &s);
    cr_assert_eq(s.calls, 0);
    for (int i = 0; i < 3; i++) tally_decision(t, 682, 2, WUHUA, &d);
    tally_decision(t, 682, 2, WUHUA, &none);
    tally_collect(t, add_up, &s);
    cr_assert_eq(s.calls, 1);
    cr_assert(s.month == 682 && s.scenario == 2 && s.division == WUHUA);
    cr_assert_eq(s.outcomes[OUTCOME_GRANTED], 3);
    cr_assert_eq(s.outcomes[OUTCOME_NONE], 1);
    cr_assert(s.given[0] == 3 && s.given[63] == 3 && s.given[1] == 0);
    tally_collect(t, add_up, &s);
    cr_assert_eq(s.calls, 1);
    tally_decision(t, 682, 2, WUHUA, &d);
    s = (sums){0};
    tally_collect(t, add_up, &s);
    cr_assert(s.calls == 1 && s.outcomes[OUTCOME_GRANTED] == 1 && s.given[63] == 1);
    tally_destroy(&t);
    cr_assert_null(t);
}

Test(tally, places_of_the_province_are_kept_apart_and_all_others_are_one) {
    tally *t = fresh();
    decision d = granted(0);
    const uint32_t given[] = {KUNMING, WUHUA, ELSEWHERE, 0, 530199, 539999, UINT32_MAX, 110000};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) tally_decision(t, 682, 1, given[i], &d);
    sums s = {0};
    tally_collect(t, add_up, &s);
    cr_assert_eq(s.calls, 3);
    cr_assert_eq(s.outcomes[OUTCOME_GRANTED], 8);
    cr_assert_eq(tally_place(WUHUA), WUHUA);
    cr_assert_eq(tally_place(ELSEWHERE), 0);
    cr_assert_eq(tally_place(530199), 0);
    tally_destroy(&t);
}

Test(tally, a_month_that_ended_counts_for_itself) {
    tally *t = fresh();
    decision d = granted(2);
    tally_decision(t, 682, 1, WUHUA, &d);
    tally_decision(t, 683, 1, WUHUA, &d);
    tally_decision(t, 683, 1, WUHUA, &d);
    sums s = {0};
    tally_collect(t, add_up, &s);
    cr_assert_eq(s.calls, 2);
    cr_assert_eq(s.outcomes[OUTCOME_GRANTED], 3);
    /* the next month of the same parity, after a visit */
    tally_decision(t, 684, 1, WUHUA, &d);
    s = (sums){0};
    tally_collect(t, add_up, &s);
    cr_assert(s.calls == 1 && s.month == 684 && s.outcomes[OUTCOME_GRANTED] == 1 && s.given[1] == 1);
    tally_destroy(&t);
}

Test(tally, the_last_scenario_counts_and_what_is_beyond_is_said) {
    tally *t = fresh();
    decision d = granted(1);
    tally_decision(t, 682, SCENARIO_MAX, WUHUA, &d);
    tally_decision(t, 682, SCENARIO_MAX + 1, WUHUA, &d);
    tally_decision(t, 682, 255, WUHUA, &d);
    sums s = {0};
    tally_collect(t, add_up, &s);
    cr_assert(s.calls == 1 && s.scenario == SCENARIO_MAX);
    cr_assert_eq(tally_lost(t), 2);
    tally_destroy(&t);
}

/* ------------------------------------------------------------------ threads */

#define COUNTERS 3
#define EACH 200000u

typedef struct counter {
    tally *t;
    pthread_t thread;
    atomic_bool *go;
} counter;

static void *count(void *arg) {
    counter *c = arg;
    while (!atomic_load(c->go)) continue;
    for (unsigned i = 0; i < EACH; i++) {
        decision d = {.outcome = (uint8_t)(i % 4), .benefits = i % 3 == 0 ? 5 : 2};
        tally_decision(c->t, 682 + i / (EACH / 2), 1 + i % 2, i % 5 == 0 ? ELSEWHERE : WUHUA, &d);
        decision other = d;
        other.amount_fen = i % 7 == 0;
        tally_shadow(c->t, 1, &d, &other);
    }
    return NULL;
}

Test(tally, nothing_is_lost_or_counted_twice_while_threads_count) {
    counter counters[COUNTERS];
    atomic_bool go = false;
    for (int i = 0; i < COUNTERS; i++) {
        counters[i] = (counter){.t = fresh(), .go = &go};
        cr_assert_eq(pthread_create(&counters[i].thread, NULL, count, &counters[i]), 0);
    }
    sums s = {0};
    atomic_store(&go, true);
    for (int visit = 0; visit < 200; visit++)
        for (int i = 0; i < COUNTERS; i++) tally_collect(counters[i].t, add_up, &s);
    for (int i = 0; i < COUNTERS; i++) pthread_join(counters[i].thread, NULL);
    for (int i = 0; i < COUNTERS; i++) tally_collect(counters[i].t, add_up, &s);
    for (unsigned o = 0; o < 4; o++) cr_assert_eq(s.outcomes[o], COUNTERS * EACH / 4);
    uint64_t thirds = COUNTERS * ((EACH + 2) / 3);
    cr_assert_eq(s.given[0], thirds);
    cr_assert_eq(s.given[2], thirds);
    cr_assert_eq(s.given[1], (uint64_t)COUNTERS * EACH - thirds);
    shadow_counts seen = {0};
    for (int i = 0; i < COUNTERS; i++) tally_shadow_read(counters[i].t, 1, &seen);
    cr_assert_eq(seen.decisions, COUNTERS * EACH);
    cr_assert_eq(seen.different, COUNTERS * ((EACH + 6) / 7));
    cr_assert_eq(seen.amount_up, seen.different);
    for (int i = 0; i < COUNTERS; i++) tally_destroy(&counters[i].t);
}

/* ------------------------------------------------------------------ shadow */

Test(tally, a_shadow_counts_what_it_would_have_decided_otherwise) {
    tally *t = fresh();
    decision a = granted(3), b = granted(6), declined = {.outcome = OUTCOME_DECLINED};
    decision cheaper = a, uncovered = {.status = STATUS_OUT_OF_SCOPE};
    cheaper.rate_bp = -5;
    a.policy_version = 1;
    b.policy_version = cheaper.policy_version = 2;
    a.row = 4097;
    tally_shadow(t, 1, &a, &a);
    tally_shadow(t, 1, &a, &b);
    tally_shadow(t, 1, &a, &declined);
    tally_shadow(t, 1, &a, &cheaper);
    tally_shadow(t, 1, &a, &uncovered);
    tally_shadow(t, 2, &a, &b);
    shadow_counts c = {0};
    tally_shadow_read(t, 1, &c);
    cr_assert_eq(c.decisions, 5);
    cr_assert_eq(c.different, 4);
    cr_assert_eq(c.outcome_from_to[OUTCOME_GRANTED][OUTCOME_GRANTED], 3);
    cr_assert_eq(c.outcome_from_to[OUTCOME_GRANTED][OUTCOME_DECLINED], 1);
    cr_assert_eq(c.outcome_from_to[OUTCOME_GRANTED][OUTCOME_NONE], 1);
    cr_assert(c.gained[2] == 1 && c.lost[0] == 3 && c.lost[1] == 2);
    tally_shadow_reset(t);
    c = (shadow_counts){0};
    tally_shadow_read(t, 1, &c);
    tally_shadow_read(t, 2, &c);
    tally_shadow_read(t, 99, &c);
    cr_assert_eq(c.decisions, 0);
    cr_assert_eq(c.lost[0], 0);
    tally_destroy(&t);
}
