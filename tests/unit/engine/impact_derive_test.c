/* Impact where profiles are derived: subjects of whom something was reported and who are due on the day, and candidates
 * with other credit rules. The naive way derives every stored profile by itself. */
#include "base/rcu.h"
#include "engine/impact.h"
#include "engine/state.h"
#include "tests/unit/engine/store_fixture.h"
#include "tests/unit/engine_world.h"

enum { PEOPLE = FIXTURE_SLOW ? 1500 : 6000, LATER_DAYS = 60 };

#define LOAN                                                                                                           \
    "policy: loan-test\nscenario: {name: loan, code: 1}\ntitle: t\nauthority: t\nlegal_basis: t\n"                     \
    "effective: {from: 2026-01-01, to: 2030-01-01}\n"                                                                  \
    "benefits:\n  - {code: 0, id: one, title: one}\n"                                                                  \
    "tables:\n  - table: t\n    hit: first\n    inputs: [composite_grade, negative_points]\n"                          \
    "    outputs: [outcome, benefits, amount_fen]\n    rows:\n"                                                        \
    "      - {id: A, when: ['-', '>= 2'], then: [declined, [], 0]}\n"                                                  \
    "      - {id: B, when: ['>= AA', '-'], then: [granted, [one], 300000000]}\n"                                       \
    "      - {id: C, when: ['>= B', '< 0.5'], then: [granted, [one], 100000000]}\n"                                    \
    "      - {id: D, when: ['-', '-'], then: [review, [], 0]}\n"
#define RECORDS                                                                                                        \
    "records: r\ntitle: t\nauthority: t\nlegal_basis: t\n"                                                             \
    "classes:\n  minor: {publicity: {max: 3 months}}\n  general: {publicity: {min: 3 months, max: 1 year}}\n"          \
    "types:\n  - {code: 101, id: late, title: t, domain: tax, class: minor, points: 1.5, decay: linear}\n"             \
    "  - {code: 102, id: overdue, title: t, domain: tax, class: general, points: 2}\n"
#define EVALUATION(penalty)                                                                                            \
    "evaluation: e\ntitle: t\nauthority: t\nlegal_basis: t\n"                                                          \
    "grades: {AAA: 900, AA: 800, A: 700, B: 600}\n"                                                                    \
    "scorecards:\n  - scorecard: all\n    title: t\n    at_least: 1\n    inputs:\n"                                    \
    "      - {field: public_score, weight: 100, points: {0: 0, 1000: 1000}}\n"                                         \
    "    penalties: {per_point: " penalty ", max: 400}\n"

static uint64_t seed;

static policy_set *load(const char *scorecard, uint32_t version, policy_file files[3]) {
    const char *const texts[] = {LOAN, RECORDS, scorecard};
    static const char *const names[] = {"loan.yaml", "records.yaml", "evaluation.yaml"};
    policy_findings findings = {0};
    policy_set *set = NULL;
    for (int i = 0; i < 3; i++) files[i] = (policy_file){names[i], texts[i], strlen(texts[i])};
    status code = policy_load(files, 3, version, &findings, &set);
    for (size_t i = 0; i < findings.count && code != STATUS_OK; i++)
        cr_log_error("%s:%u:%u: %s", findings.items[i].file, findings.items[i].line, findings.items[i].column,
                     findings.items[i].message);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    return set;
}

static void publish(world *w) {
    buf_clear(&w->log);
    cr_assert_eq(world_changes(w), STATUS_OK);
    world_publish(w);
}

static void put_someone(world *w, uint32_t n) {
    profile_put put = {.mask = UINT64_C(1) << FIELD_public_score | UINT64_C(1) << FIELD_division};
    subject_id id = help_subject(n);
    uint32_t version;
    profile_init(&put.fields, &id);
    put.fields.public_score = (uint16_t)help_below(&seed, 1001);
    put.fields.division = help_below(&seed, 2) ? 530102 : 532901;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
}

static void report_someone(world *w, uint32_t n) {
    report r = {.subject = help_subject(n), .kind = REPORT_RECORD_ADD, .purpose = PURPOSE_DATA_MAINTENANCE};
    report_result result;
    uint64_t number = w->next_id++;
    memcpy(r.id.bytes, &number, sizeof number);
    r.type = (uint16_t)(101 + help_below(&seed, 2));
    r.day = (uint16_t)(clock_day_of_ms(w->now_ms) - (int32_t)help_below(&seed, 80));
    cr_assert_eq(txn_report(w->t, &r, &result), STATUS_OK);
    cr_assert_eq(result.status, STATUS_OK, "%s", status_name(result.status));
}

static void populate(world *w) {
    policy_file files[3];
    world_open(w);
    world_begin(w);
    policy_set *set = load(EVALUATION("20"), 1, files);
    cr_assert_eq(txn_activate(w->t, set, files, 3), STATUS_OK);
    publish(w);
    for (uint32_t n = 0; n < PEOPLE; n++) {
        if (n % 500 == 0) world_begin(w);
        put_someone(w, n);
        if (n % 500 == 499) publish(w);
    }
    world_begin(w);
    for (uint32_t n = 0; n < PEOPLE; n += 3) report_someone(w, n);
    publish(w);
}

/* ------------------------------------------------------------------ the naive way */

typedef struct expected {
    impact_counts all, kunming;
    uint64_t up, down, due;
} expected;

static void add(impact_counts *c, const decision *was, const decision *is) {
    c->subjects++;
    c->outcome_from_to[was->outcome][is->outcome]++;
    c->gained += is->benefits && !was->benefits;
    c->lost += was->benefits && !is->benefits;
    c->before += was->benefits != 0;
    c->after += is->benefits != 0;
    c->amount_before_fen += was->amount_fen;
    c->amount_after_fen += is->amount_fen;
}

static bool is_due(const profile *p, int32_t day) { return p->change_day != 0 && p->change_day <= day; }

static void naive(const world *w, const policy_set *candidate, policy_moment at, expected *out) {
    const credit_rules *now = policy_credit(engine_policy(w->e)), *then = policy_credit(candidate);
    bool differ = now->hash != then->hash;
    profile stored, before, after;
    store_cursor cursor = 0;
    *out = (expected){0};
    while (store_scan(w->e->subjects, &cursor, &stored, NULL, 1) > 0) {
        const dossier *d = stored.side != 0 ? dossiers_at(w->e->dossiers, stored.side) : NULL;
        decision was, is;
        before = after = stored;
        out->due += is_due(&stored, at.day);
        if (is_due(&stored, at.day)) credit_derive(now, d, &stored, at.day, &before);
        if (differ || is_due(&stored, at.day)) credit_derive(then, d, &stored, at.day, &after);
        policy_decide(engine_policy(w->e), 1, &before, at, &was);
        policy_decide(candidate, 1, &after, at, &is);
        add(&out->all, &was, &is);
        if (before.division / 100 == 5301) add(&out->kunming, &was, &is);
        if (differ) out->up += after.composite_grade > before.composite_grade;
        if (differ) out->down += after.composite_grade < before.composite_grade;
    }
}

static void compare(const impact *i, const expected *e) {
    impact_counts found;
    impact_totals totals;
    impact_get_totals(i, &totals);
    cr_assert_eq(totals.outcome, STATUS_OK);
    cr_assert_eq(totals.composite_up, e->up);
    cr_assert_eq(totals.composite_down, e->down);
    impact_get(i, 1, IMPACT_ANY, IMPACT_DIMENSIONS, 0, &found);
    cr_assert_eq(memcmp(&found, &e->all, sizeof found), 0, "%llu lose instead of %llu", (unsigned long long)found.lost,
                 (unsigned long long)e->all.lost);
    impact_get(i, 1, IMPACT_ANY, IMPACT_DIVISION, 5301, &found);
    cr_assert_eq(memcmp(&found, &e->kunming, sizeof found), 0);
}

static impact *begin(const world *w, const policy_set *candidate, policy_moment at) {
    impact_options o = {.scenario = 1, .at = at, .at_new = at};
    impact *i;
    cr_assert_eq(impact_begin(w->e, candidate, &o, &i), STATUS_OK);
    return i;
}

static void end(impact **i) {
    while (impact_work(*i)) {
    }
    cr_assert(impact_done(*i));
    impact_end(*i);
}

static policy_moment later(const world *w) { return policy_moment_at(w->now_ms + LATER_DAYS * INT64_C(86400000)); }

/* Points have decayed and records ended by then: both sides are derived, and agree. */
Test(impact_derive, who_is_due_is_derived) {
    world w;
    policy_file files[3];
    expected e;
    impact_totals totals;
    seed = fixture_seed("due");
    populate(&w);
    policy_set *candidate = load(EVALUATION("20"), 2, files);
    naive(&w, candidate, later(&w), &e);
    cr_assert_gt(e.due, PEOPLE / 10);
    cr_assert(e.all.lost == 0 && e.all.gained == 0 && e.all.before > PEOPLE / 10);
    impact *i = begin(&w, candidate, later(&w));
    end(&i);
    impact_get_totals(i, &totals);
    cr_assert_not(totals.derived_again);
    cr_assert_eq(totals.newer, 0);
    compare(i, &e);
    impact_destroy(&i);
    policy_destroy(&candidate);
    world_close(&w);
    rcu_drain();
}

/* Heavier penalties: those with records fall, nobody else does, and everybody is derived. */
Test(impact_derive, other_credit_rules_derive_everybody) {
    world w;
    policy_file files[3];
    impact_totals totals;
    seed = fixture_seed("rules");
    populate(&w);
    policy_set *candidate = load(EVALUATION("90"), 2, files);
    for (int days = 0; days < 2; days++) {
        expected e;
        policy_moment at = days ? later(&w) : policy_moment_at(w.now_ms);
        naive(&w, candidate, at, &e);
        cr_assert(e.down > 0 && e.up == 0);
        impact *i = begin(&w, candidate, at);
        end(&i);
        impact_get_totals(i, &totals);
        cr_assert(totals.derived_again);
        cr_assert_eq(totals.newer, 0);
        compare(i, &e);
        impact_destroy(&i);
    }
    policy_destroy(&candidate);
    world_close(&w);
    rcu_drain();
}

/* Reports that arrive meanwhile are counted, once for each subject that is derived. */
Test(impact_derive, newer_dossiers_are_counted) {
    world w;
    policy_file files[3];
    impact_totals totals;
    seed = fixture_seed("newer");
    populate(&w);
    policy_set *candidate = load(EVALUATION("90"), 2, files);
    impact *i = begin(&w, candidate, later(&w));
    world_begin(&w);
    for (uint32_t n = 0; n < 60; n += 3) report_someone(&w, n);
    for (uint32_t n = 1; n < 61; n += 3) report_someone(&w, n); /* had no dossier at the moment */
    publish(&w);
    end(&i);
    impact_get_totals(i, &totals);
    cr_assert_eq(totals.outcome, STATUS_OK);
    cr_assert_eq(totals.newer, 20);
    impact_destroy(&i);
    policy_destroy(&candidate);
    world_close(&w);
    rcu_drain();
}
