/* Samples of an impact, and what can go wrong with a run: spoilt, given up, overtaken by an activation, without memory.
 */
#include "engine/arena.h"
#include "tests/unit/engine/impact_fixture.h"

static const unsigned BENEFITS[] = {0, 7, 63};

/* ------------------------------------------------------------------ samples */

static size_t samples_of(world *w, const policy_set *candidate, uint64_t with, unsigned threads, unsigned benefit,
                         bool gained, unsigned most, impact_sample out[LIMIT_IMPACT_SAMPLES]) {
    policy_moment at = policy_moment_at(w->now_ms);
    impact_options o = {.at = at, .at_new = at, .samples = (uint16_t)most, .seed = with};
    const impact_sample *found;
    impact *i;
    cr_assert_eq(impact_begin(w->e, candidate, &o, &i), STATUS_OK);
    run(w, i, threads, false);
    size_t n = impact_samples(i, 1, benefit, gained, &found);
    if (n > 0) memcpy(out, found, n * sizeof *out);
    cr_assert_eq(impact_samples(i, 1, 5, gained, &found), 0, "no such benefit");
    cr_assert_eq(impact_samples(i, 2, benefit, gained, &found), 0, "not run");
    impact_destroy(&i);
    return n;
}

static bool same(const impact_sample *a, const impact_sample *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i].subject, &b[i].subject, sizeof a->subject) != 0 ||
            memcmp(&a[i].before, &b[i].before, sizeof a->before) != 0 ||
            memcmp(&a[i].after, &b[i].after, sizeof a->after) != 0)
            return false;
    return true;
}

Test(impact, samples_are_the_same_for_a_seed) {
    static impact_sample a[LIMIT_IMPACT_SAMPLES], b[LIMIT_IMPACT_SAMPLES];
    world w;
    policy_file files[6];
    size_t count;
    seed = fixture_seed("samples");
    populate(&w, &(texts){{LOAN, TRAVEL}});
    policy_set *candidate = load(&(texts){{LOAN_NEW, TRAVEL}}, 2, files, &count);
    policy_moment at = policy_moment_at(w.now_ms);
    for (unsigned k = 0; k < 6; k++) {
        unsigned benefit = BENEFITS[k / 2];
        bool gained = k % 2;
        size_t n = samples_of(&w, candidate, 42, 1, benefit, gained, 10, a);
        cr_assert_eq(samples_of(&w, candidate, 42, 4, benefit, gained, 10, b), n);
        cr_assert(same(a, b, n));
        for (size_t s = 0; s < n; s++) {
            profile p;
            decision was, is;
            cr_assert(engine_profile(w.e, &a[s].subject, at, &p));
            policy_decide(engine_policy(w.e), 1, &p, at, &was);
            policy_decide(candidate, 1, &p, at, &is);
            cr_assert(memcmp(&was, &a[s].before, sizeof was) == 0 && memcmp(&is, &a[s].after, sizeof is) == 0);
            cr_assert_eq((gained ? is.benefits & ~was.benefits : was.benefits & ~is.benefits) >> benefit & 1, 1);
            for (size_t o = 0; o < s; o++) cr_assert_neq(memcmp(&a[s].subject, &a[o].subject, sizeof a[s].subject), 0);
        }
    }
    size_t n = samples_of(&w, candidate, 42, 2, 7, true, 100, a);
    cr_assert_eq(n, 100);
    cr_assert_eq(samples_of(&w, candidate, 43, 2, 7, true, 100, b), 100);
    cr_assert_not(same(a, b, 100), "another seed, others");
    cr_assert_eq(samples_of(&w, candidate, 42, 2, 7, true, 30000, b), 100, "at most the limit");
    cr_assert(same(a, b, 100));
    cr_assert_eq(samples_of(&w, candidate, 42, 2, 7, true, 10, b), 10);
    cr_assert(same(a, b, 10), "fewer are the first of more");
    cr_assert_eq(samples_of(&w, candidate, 42, 2, 7, true, 0, b), 0);
    policy_destroy(&candidate);
    world_close(&w);
    rcu_drain();
}

/* ------------------------------------------------------------------ what can go wrong */

static impact *begun(world *w, policy_set **candidate, uint32_t max_changes) {
    policy_file files[6];
    size_t count;
    seed = fixture_seed("trouble");
    populate(w, &(texts){{LOAN, TRAVEL, HELP_POLICY}});
    *candidate = load(&(texts){{LOAN_NEW, TRAVEL, HELP_POLICY "# other\n"}}, 2, files, &count);
    policy_moment at = policy_moment_at(w->now_ms);
    impact_options o = {.at = at, .at_new = at, .samples = 5, .max_changes = max_changes};
    impact *i;
    cr_assert_eq(impact_begin(w->e, *candidate, &o, &i), STATUS_OK);
    return i;
}

static void finished(world *w, impact **i, policy_set **candidate) {
    impact_destroy(i);
    policy_destroy(candidate);
    world_close(w);
    rcu_drain();
}

static void expect_nothing(const impact *i, status code) {
    impact_totals totals;
    impact_counts counts;
    impact_guarantee guarantee;
    const impact_sample *samples;
    impact_get_totals(i, &totals);
    cr_assert_eq(totals.outcome, code, "%s", status_name(totals.outcome));
    impact_get(i, 1, IMPACT_ANY, IMPACT_DIMENSIONS, 0, &counts);
    cr_assert_eq(counts.subjects, 0);
    impact_get_guarantee(i, PROGRAM, IMPACT_DIMENSIONS, 0, &guarantee);
    cr_assert_eq(guarantee.accounts, 0);
    cr_assert_eq(impact_group(i, IMPACT_FORM, 0), UINT32_MAX);
    cr_assert_eq(impact_samples(i, 1, 7, true, &samples), 0);
}

Test(impact, more_was_overwritten_than_is_kept) {
    world w;
    policy_set *candidate;
    impact *i = begun(&w, &candidate, 15);
    uint32_t fresh = 0;
    disturb(&w, &fresh);
    while (impact_work(i)) {
    }
    cr_assert(impact_done(i));
    impact_end(i);
    expect_nothing(i, STATUS_OVERLOADED);
    finished(&w, &i, &candidate);
}

Test(impact, given_up_half_way) {
    world w;
    policy_set *candidate;
    impact *i = begun(&w, &candidate, 0);
    cr_assert(impact_work(i));
    cr_assert_not(impact_done(i));
    cr_assert(impact_progress(i) > 0 && impact_progress(i) < 1000000);
    expect_nothing(i, STATUS_UNAVAILABLE);
    impact_end(i);
    cr_assert_not(impact_work(i));
    expect_nothing(i, STATUS_UNAVAILABLE);
    impact_destroy(&i);
    policy_moment at = policy_moment_at(w.now_ms);
    impact_options o = {.at = at, .at_new = at};
    cr_assert_eq(impact_begin(w.e, candidate, &o, &i), STATUS_OK, "the next one can begin");
    impact_end(i);
    finished(&w, &i, &candidate);
}

/* The active set is replaced while an impact runs: it goes on with the one of its moment. */
Test(impact, another_set_is_activated_meanwhile) {
    world w;
    policy_set *candidate;
    policy_file files[6];
    size_t count;
    impact *i = begun(&w, &candidate, 0);
    impact_counts first, second;
    cr_assert(impact_work(i));
    world_begin(&w);
    policy_set *next = load(&(texts){{TRAVEL}}, 7, files, &count);
    cr_assert_eq(txn_activate(w.t, next, files, count), STATUS_OK);
    publish(&w);
    rcu_drain();
    while (impact_work(i)) {
    }
    impact_end(i);
    impact_get(i, 1, IMPACT_ANY, IMPACT_DIMENSIONS, 0, &first);
    cr_assert_gt(first.before, PEOPLE / 10);
    impact_destroy(&i);
    policy_moment at = policy_moment_at(w.now_ms);
    impact_options o = {.at = at, .at_new = at};
    cr_assert_eq(impact_begin(w.e, candidate, &o, &i), STATUS_OK);
    while (impact_work(i)) {
    }
    impact_end(i);
    impact_get(i, 1, IMPACT_ANY, IMPACT_DIMENSIONS, 0, &second);
    cr_assert_eq(second.before, 0, "now nobody has anything");
    cr_assert_eq(second.after, first.after);
    finished(&w, &i, &candidate);
}

Test(impact, an_empty_engine_and_unknown_scenarios) {
    world w;
    policy_file files[6];
    size_t count;
    impact_totals totals;
    world_open(&w);
    policy_set *candidate = load(&(texts){{LOAN}}, 2, files, &count);
    policy_moment at = policy_moment_at(w.now_ms);
    impact_options o = {.at = at, .at_new = at, .samples = 3};
    impact *i;
    cr_assert_eq(impact_begin(w.e, candidate, &o, &i), STATUS_OK);
    cr_assert(impact_done(i));
    cr_assert_not(impact_work(i));
    impact_end(i);
    impact_get_totals(i, &totals);
    cr_assert_eq(totals.outcome, STATUS_OK);
    cr_assert_eq(totals.subjects, 0);
    impact_destroy(&i);
    o.scenario = 2;
    cr_assert_eq(impact_begin(w.e, candidate, &o, &i), STATUS_UNKNOWN_SCENARIO);
    o.scenario = 200;
    cr_assert_eq(impact_begin(w.e, candidate, &o, &i), STATUS_UNKNOWN_SCENARIO);
    cr_assert_null(i);
    impact_destroy(&i);
    policy_destroy(&candidate);
    world_close(&w);
}

static long fail_at;
static bool fault(void) { return fail_at-- == 0; }

/* The Nth allocation fails, for every N: beginning, and taking in a second thread. */
Test(impact, no_memory) {
    world w;
    policy_set *candidate;
    impact *i = begun(&w, &candidate, 0);
    impact_end(i);
    impact_destroy(&i);
    policy_moment at = policy_moment_at(w.now_ms);
    impact_options o = {.at = at, .at_new = at, .samples = 5};
    status code = STATUS_NO_MEMORY;
    long failures = 0;
    arena_fault = fault;
    for (; code != STATUS_OK; failures++) {
        cr_assert_lt(failures, 100);
        fail_at = failures;
        code = impact_begin(w.e, candidate, &o, &i);
        cr_assert(code == STATUS_OK || (code == STATUS_NO_MEMORY && i == NULL));
    }
    cr_assert_gt(failures, 15);
    arena_fault = NULL;
    while (impact_work(i)) {
    }
    impact_end(i);
    impact_totals totals;
    impact_get_totals(i, &totals);
    cr_assert_eq(totals.outcome, STATUS_OK);
    finished(&w, &i, &candidate);
}
