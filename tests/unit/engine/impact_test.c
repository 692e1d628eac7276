/* Impact beside a naive recomputation: copies of all profiles and accounts of the moment, decided one by one, counted
 * group by group in the plainest way. Meanwhile the writer goes on. */
#include "tests/unit/engine/impact_fixture.h"

/* ------------------------------------------------------------------ the naive way */

typedef struct moment {
    profile *profiles;
    size_t count;
    account *accounts;
    size_t account_count;
} moment;

static void copy_moment(const world *w, moment *m) {
    *m = (moment){0};
    store_cursor cursor = 0;
    m->profiles = calloc(PEOPLE * 2, sizeof *m->profiles);
    m->accounts = calloc(PEOPLE, sizeof *m->accounts);
    cr_assert(m->profiles != NULL && m->accounts != NULL);
    policy_moment at = policy_moment_at(w->now_ms);
    size_t n;
    while ((n = engine_scan_profiles(w->e, &cursor, at, m->profiles + m->count, NULL, 500)) > 0) m->count += n;
    cursor = 0;
    while ((n = engine_scan_accounts(w->e, &cursor, m->accounts + m->account_count, NULL, 500)) > 0)
        m->account_count += n;
}

static void free_moment(moment *m) {
    free(m->profiles);
    free(m->accounts);
}

static unsigned naive_group(unsigned dimension, const profile *p) {
    switch (dimension) {
    case IMPACT_FORM: return p->form;
    case IMPACT_GRADE: return p->composite_grade;
    case IMPACT_DIVISION: return p->division / 10000 == 53 ? p->division / 100 : p->division / 10000 * 100;
    case IMPACT_SECTOR: return p->sector / 100;
    default: return 0;
    }
}

typedef struct question {
    const policy_set *before, *after;
    policy_moment at, at_new;
    unsigned scenario, benefit, dimension, group;
} question;

static void naive(const moment *m, const question *q, impact_counts *out) {
    *out = (impact_counts){0};
    for (size_t i = 0; i < m->count; i++) {
        const profile *p = &m->profiles[i];
        decision was, is;
        if (naive_group(q->dimension, p) != q->group) continue;
        policy_decide(q->before, q->scenario, p, q->at, &was);
        policy_decide(q->after, q->scenario, p, q->at_new, &is);
        if (was.status != STATUS_OK && is.status != STATUS_OK) continue;
        out->subjects++;
        if (q->benefit == IMPACT_ANY) {
            out->outcome_from_to[was.outcome][is.outcome]++;
            out->amount_before_fen += was.amount_fen;
            out->amount_after_fen += is.amount_fen;
            out->gained += (is.benefits & ~was.benefits) != 0;
            out->lost += (was.benefits & ~is.benefits) != 0;
            out->before += was.benefits != 0;
            out->after += is.benefits != 0;
        } else {
            bool had = was.benefits >> q->benefit & 1, has = is.benefits >> q->benefit & 1;
            out->gained += has && !had;
            out->lost += had && !has;
            out->before += had;
            out->after += has;
        }
    }
}

static const profile *find(const moment *m, const subject_id *id) {
    for (size_t i = 0; i < m->count; i++)
        if (memcmp(&m->profiles[i].id, id, sizeof *id) == 0) return &m->profiles[i];
    return NULL;
}

static void naive_quota(const policy_set *set, const account *a, const profile *p, policy_moment at, quota *out) {
    guarantee_terms terms;
    status code = policy_terms(set, PROGRAM, p, at, &terms);
    if (code == STATUS_OK)
        ledger_quota(a, &terms, at, out);
    else
        ledger_quota_without_terms(a, code, at, out);
}

static void naive_guarantee(const moment *m, const question *q, impact_guarantee *out) {
    *out = (impact_guarantee){0};
    for (size_t i = 0; i < m->account_count; i++) {
        const account *a = &m->accounts[i];
        subject_id id = account_subject(a);
        const profile *p = find(m, &id);
        quota was, is;
        cr_assert_not_null(p);
        if (naive_group(q->dimension, p) != q->group) continue;
        naive_quota(q->before, a, p, q->at, &was);
        naive_quota(q->after, a, p, q->at_new, &is);
        out->accounts++;
        out->covered_before += (was.flags & QUOTA_COVERED) != 0;
        out->covered_after += (is.flags & QUOTA_COVERED) != 0;
        out->exempt_before += (was.flags & QUOTA_EXEMPT) != 0;
        out->exempt_after += (is.flags & QUOTA_EXEMPT) != 0;
        out->suspended_before += (was.flags & QUOTA_SUSPENDED) != 0;
        out->suspended_after += (is.flags & QUOTA_SUSPENDED) != 0;
        out->short_before += was.shortfall_fen > 0;
        out->short_after += is.shortfall_fen > 0;
        out->required_before_fen += was.required_fen;
        out->required_after_fen += is.required_fen;
        out->limit_before_fen += was.limit_fen;
        out->limit_after_fen += is.limit_fen;
        out->available_before_fen += was.available_fen;
        out->available_after_fen += is.available_fen;
    }
}

/* ------------------------------------------------------------------ comparing */

static void compare_one(const impact *i, const moment *m, const question *q) {
    impact_counts found, expected;
    impact_get(i, q->scenario, q->benefit, q->dimension, q->group, &found);
    naive(m, q, &expected);
    cr_assert(memcmp(&found, &expected, sizeof found) == 0,
              "scenario %u benefit %u dimension %u group %u: %llu subjects, %llu gain, %llu lose, %llu have, %lld fen "
              "instead of %llu, %llu, %llu, %llu, %lld",
              q->scenario, q->benefit, q->dimension, q->group, (unsigned long long)found.subjects,
              (unsigned long long)found.gained, (unsigned long long)found.lost, (unsigned long long)found.before,
              (long long)found.amount_after_fen, (unsigned long long)expected.subjects,
              (unsigned long long)expected.gained, (unsigned long long)expected.lost,
              (unsigned long long)expected.before, (long long)expected.amount_after_fen);
}

static void compare_guarantee(const impact *i, const moment *m, const question *q) {
    impact_guarantee found, expected;
    impact_get_guarantee(i, PROGRAM, q->dimension, q->group, &found);
    naive_guarantee(m, q, &expected);
    cr_assert(memcmp(&found, &expected, sizeof found) == 0,
              "dimension %u group %u: %llu accounts, required %lld not %lld", q->dimension, q->group,
              (unsigned long long)found.accounts, (long long)found.required_after_fen,
              (long long)expected.required_after_fen);
}

static const unsigned BENEFITS[] = {IMPACT_ANY, 0, 7, 63};

static void compare_all(const impact *i, const moment *m, question q, bool guarantees) {
    for (unsigned n = 0; (q.scenario = impact_scenario(i, n)) != 0; n++) {
        for (unsigned b = 0; b < sizeof BENEFITS / sizeof *BENEFITS; b++) {
            if (BENEFITS[b] != IMPACT_ANY && policy_benefit_of(q.before, q.scenario, BENEFITS[b]) == NULL &&
                policy_benefit_of(q.after, q.scenario, BENEFITS[b]) == NULL)
                continue;
            q.benefit = BENEFITS[b];
            q.dimension = IMPACT_DIMENSIONS;
            q.group = 0;
            compare_one(i, m, &q);
            for (q.dimension = 0; q.dimension < IMPACT_DIMENSIONS; q.dimension++)
                for (unsigned g = 0; (q.group = impact_group(i, q.dimension, g)) != UINT32_MAX; g++)
                    compare_one(i, m, &q);
        }
    }
    q.dimension = IMPACT_DIMENSIONS;
    q.group = 0;
    if (guarantees) compare_guarantee(i, m, &q);
    for (q.dimension = 0; guarantees && q.dimension < IMPACT_DIMENSIONS; q.dimension++)
        for (unsigned g = 0; (q.group = impact_group(i, q.dimension, g)) != UINT32_MAX; g++)
            compare_guarantee(i, m, &q);
}

/* Groups are ascending, complete, and hold everybody once. */
static void compare_groups(const impact *i, const moment *m) {
    cr_assert_eq(impact_population(i, IMPACT_DIMENSIONS, 0), m->count);
    for (unsigned d = 0; d < IMPACT_DIMENSIONS; d++) {
        uint64_t all = 0;
        uint32_t last = 0, group;
        for (unsigned g = 0; (group = impact_group(i, d, g)) != UINT32_MAX; g++) {
            uint64_t here = 0;
            cr_assert(g == 0 || group > last);
            last = group;
            for (size_t k = 0; k < m->count; k++) here += naive_group(d, &m->profiles[k]) == group;
            cr_assert_eq(impact_population(i, d, group), here, "%s %u", impact_dimension_name(d), group);
            all += here;
        }
        cr_assert_eq(all, m->count);
    }
    cr_assert_eq(impact_population(i, IMPACT_DIVISION, 5399), 0);
    cr_assert_eq(impact_population(i, IMPACT_DIVISION, 99999), 0);
    cr_assert_eq(impact_population(i, IMPACT_DIVISION, 4403), 0);
    cr_assert_eq(impact_population(i, IMPACT_FORM, 13), 0);
    cr_assert_eq(impact_population(i, 9, 0), 0);
    cr_assert_eq(impact_group(i, IMPACT_DIMENSIONS, 0), UINT32_MAX);
}

/* ------------------------------------------------------------------ trials */

typedef struct trial {
    texts active, candidate;
    unsigned scenario;
    int days_later;
    unsigned threads;
    bool disturbed;
    unsigned scenarios; /* expected to be run */
    bool guarantees;
    bool moves;  /* loans change hands */
    bool shifts; /* and so do guarantee totals */
} trial;

/* The comparison would be of little worth if nothing had changed. */
static void expect_change(const impact *i, const trial *t) {
    impact_counts c;
    impact_guarantee g;
    impact_get(i, SCENARIO_LOAN, IMPACT_ANY, IMPACT_DIMENSIONS, 0, &c);
    impact_get_guarantee(i, PROGRAM, IMPACT_DIMENSIONS, 0, &g);
    if (t->moves) cr_assert(c.lost > PEOPLE / 10 && c.amount_before_fen != c.amount_after_fen);
    if (t->shifts)
        cr_assert(g.accounts == ACCOUNTS && g.required_before_fen != g.required_after_fen &&
                  g.exempt_before != g.exempt_after);
}

static void attempt(const char *name, const trial *t) {
    world w;
    moment m;
    policy_file files[6];
    size_t count;
    impact_totals totals;
    seed = fixture_seed(name);
    populate(&w, &t->active);
    policy_set *candidate = load(&t->candidate, 9, files, &count);
    policy_set *active = policy_hold(engine_policy(w.e));
    policy_moment at = policy_moment_at(w.now_ms);
    impact_options o = {.scenario = (uint8_t)t->scenario,
                        .at = at,
                        .at_new = policy_moment_at(w.now_ms + t->days_later * INT64_C(86400000))};
    impact *i, *second;
    copy_moment(&w, &m);
    cr_assert_eq(impact_begin(w.e, candidate, &o, &i), STATUS_OK);
    cr_assert_eq(impact_begin(w.e, candidate, &o, &second), STATUS_OVERLOADED);
    cr_assert_not(impact_done(i));
    run(&w, i, t->threads, t->disturbed);
    impact_get_totals(i, &totals);
    cr_assert_eq(totals.outcome, STATUS_OK);
    cr_assert_eq(totals.subjects, m.count);
    cr_assert_eq(totals.seconds, 0.5);
    cr_assert_eq(totals.before_version, 1);
    cr_assert_eq(totals.after_version, 9);
    cr_assert_not(totals.derived_again);
    cr_assert_eq(totals.newer, 0);
    unsigned scenarios = 0;
    while (impact_scenario(i, scenarios) != 0) scenarios++;
    cr_assert_eq(scenarios, t->scenarios);
    cr_assert_eq(impact_program(i, 0), t->guarantees ? PROGRAM : 0);
    compare_groups(i, &m);
    expect_change(i, t);
    question q = {.before = active, .after = candidate, .at = o.at, .at_new = o.at_new};
    compare_all(i, &m, q, t->guarantees);
    impact_destroy(&i);
    free_moment(&m);
    policy_destroy(&active);
    policy_destroy(&candidate);
    world_check(w.e);
    world_close(&w);
    rcu_drain();
}

Test(impact, one_changed_scenario) {
    trial t = {.active = {{LOAN, TRAVEL, APPROVAL, HELP_POLICY}},
               .candidate = {{TRAVEL, LOAN_NEW, APPROVAL, HELP_POLICY}},
               .threads = 1,
               .scenarios = 1,
               .moves = true};
    attempt("one_changed_scenario", &t);
}

Test(impact, while_the_writer_goes_on) {
    trial t = {.active = {{LOAN, TRAVEL, APPROVAL, HELP_POLICY}},
               .candidate = {{LOAN_NEW, TRAVEL, APPROVAL, HELP_POLICY "# other\n"}},
               .threads = 3,
               .disturbed = true,
               .scenarios = 2,
               .guarantees = true,
               .moves = true};
    attempt("while_the_writer_goes_on", &t);
}

#define MORE_FACTOR                                                                                                    \
    "        - {id: L1, when: ['true'], then: ['0']}\n"                                                                \
    "    - table: more\n      hit: first\n      gaps: allowed\n      inputs: [market_grade, observed]\n"               \
    "      outputs: [factor_bp]\n      rows:\n"                                                                        \
    "        - {id: F1, when: ['>= AA', 'true'], then: [15000]}\n"

/* The new program also asks those for more who are observed, and exempts nobody of grade A. */
Test(impact, guarantee_totals_move) {
    char text[8192];
    const char *at = strstr(HELP_POLICY, "        - {id: L1");
    snprintf(text, sizeof text, "%.*s%s", (int)(at - HELP_POLICY), HELP_POLICY, MORE_FACTOR);
    for (char *hit = text; (hit = strstr(hit, "'>= A',")) != NULL;) memcpy(hit, "'AAA', ", 7);
    trial t = {.active = {{LOAN, HELP_POLICY}},
               .candidate = {{LOAN, text}},
               .threads = 2,
               .disturbed = true,
               .scenarios = 1,
               .guarantees = true,
               .shifts = true};
    attempt("guarantee_totals_move", &t);
}

/* Scenarios that only one of the sets has: everything is gained, or lost. */
Test(impact, scenarios_come_and_go) {
    trial t = {.active = {{LOAN, TRAVEL, HELP_POLICY}},
               .candidate = {{TRAVEL, APPROVAL}},
               .threads = 2,
               .scenarios = 3,
               .guarantees = true,
               .moves = true,
               .shifts = true};
    attempt("scenarios_come_and_go", &t);
}

Test(impact, nothing_differs) {
    trial t = {.active = {{LOAN, TRAVEL, HELP_POLICY}}, .candidate = {{HELP_POLICY, TRAVEL, LOAN}}, .threads = 1};
    attempt("nothing_differs", &t);
}

Test(impact, a_scenario_is_run_if_asked_for) {
    trial t = {.active = {{LOAN, TRAVEL, HELP_POLICY}},
               .candidate = {{LOAN_NEW, TRAVEL, HELP_POLICY}},
               .scenario = 2,
               .threads = 1,
               .scenarios = 1};
    attempt("a_scenario_is_run_if_asked_for", &t);
}

/* The same texts, but on the candidate's day none is in force any longer. */
Test(impact, another_day) {
    trial t = {.active = {{LOAN, HELP_POLICY}},
               .candidate = {{LOAN, HELP_POLICY}},
               .days_later = 4 * 366,
               .threads = 1,
               .scenarios = 2,
               .guarantees = true,
               .moves = true,
               .shifts = true};
    attempt("another_day", &t);
}
