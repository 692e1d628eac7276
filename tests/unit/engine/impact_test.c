/* Impact beside a naive recomputation: copies of all profiles and accounts of the moment, decided one by one, counted
 * group by group in the plainest way. Meanwhile the writer goes on. */
#include "base/rcu.h"
#include "engine/arena.h"
#include "engine/impact.h"
#include "tests/unit/engine/store_fixture.h"
#include "tests/unit/engine_world.h"

#include <pthread.h>

enum { PEOPLE = FIXTURE_SLOW ? 6000 : 30000, ACCOUNTS = PEOPLE / 20, PROGRAM = PROGRAM_POWER };

/* ------------------------------------------------------------------ policies */

#define HEAD(name, code, scope)                                                                                        \
    "policy: " name "-test\nscenario: {name: " name ", code: " code "}\ntitle: t\nauthority: t\nlegal_basis: t\n"      \
    "effective: {from: 2026-01-01, to: 2030-01-01}\n" scope                                                            \
    "benefits:\n  - {code: 0, id: one, title: one}\n  - {code: 7, id: seven, title: seven}\n"                          \
    "  - {code: 63, id: last, title: last}\n"                                                                          \
    "tables:\n  - table: t\n    hit: first\n    inputs: [public_grade, serious_list]\n"                                \
    "    outputs: [outcome, benefits, amount_fen]\n    rows:\n"                                                        \
    "      - {id: A, when: ['-', 'true'], then: [declined, [], 0]}\n"
#define ROW(id, grade, then) "      - {id: " id ", when: ['" grade "', '-'], then: [" then "]}\n"

#define LOAN                                                                                                           \
    HEAD("loan", "1", "scope: {form: [person, missing]}\n")                                                            \
    ROW("B", "优", "granted, [one, seven], 300000000")                                                                 \
    ROW("C", "良", "granted, [one], 100000000")                                                                        \
    ROW("D", "中", "review, [last], 30000000") ROW("E", "-", "review, [], 0")
/* 优 is given more and loses `seven`, 良 has to be looked at and gains `last`, 中 keeps all, others are granted. */
#define LOAN_NEW                                                                                                       \
    HEAD("loan", "1", "scope: {form: person}\n")                                                                       \
    ROW("B", "优", "granted, [one], 500000000")                                                                        \
    ROW("C", "良", "review, [one, last], 50000000")                                                                    \
    ROW("D", "中", "review, [last], 30000000") ROW("E", "-", "granted, [seven], 0")
#define TRAVEL                                                                                                         \
    HEAD("travel", "2", "")                                                                                            \
    ROW("B", "优", "granted, [one], 0") ROW("C", "-", "review, [], 0")
#define APPROVAL                                                                                                       \
    HEAD("approval", "4", "")                                                                                          \
    ROW("B", "优", "granted, [last], 0") ROW("C", "-", "'-', [], 0")

typedef struct texts {
    const char *text[6];
} texts;

static policy_set *load(const texts *t, uint32_t version, policy_file *files, size_t *count) {
    static const char *const names[] = {"a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml"};
    policy_findings findings = {0};
    policy_set *set = NULL;
    *count = 0;
    for (; *count < 6 && t->text[*count] != NULL; ++*count)
        files[*count] = (policy_file){names[*count], t->text[*count], strlen(t->text[*count])};
    status code = policy_load(files, *count, version, &findings, &set);
    for (size_t i = 0; i < findings.count && code != STATUS_OK; i++)
        cr_log_error("%s:%u:%u: %s", findings.items[i].file, findings.items[i].line, findings.items[i].column,
                     findings.items[i].message);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    return set;
}

/* ------------------------------------------------------------------ the population */

static uint64_t seed;

static void random_fields(profile *p) {
    static const uint32_t divisions[] = {0, 530000, 530102, 530181, 532901, 533423, 440305, 110000, 530000};
    static const uint16_t sectors[] = {0, 101, 444, 2699};
    p->division = divisions[help_below(&seed, 9)];
    p->sector = sectors[help_below(&seed, 4)];
    p->roles = (uint8_t)help_below(&seed, 8);
    p->flags = (help_below(&seed, 20) == 0 ? PROFILE_FLAG_SERIOUS_LIST : 0) |
               (help_below(&seed, 10) == 0 ? PROFILE_FLAG_SUSPENDED : 0) |
               (help_below(&seed, 5) == 0 ? PROFILE_FLAG_OBSERVED : 0);
    p->public_grade = (uint8_t)help_below(&seed, PUBLIC_EXCELLENT + 1);
    p->market_grade = (uint8_t)help_below(&seed, MARKET_AAA + 1);
    p->composite_grade = (uint8_t)help_below(&seed, MARKET_AAA + 1);
    p->composite_score = PROFILE_UNRATED;
}

/* Every third an organisation with TT in its code: its last three characters count. */
static subject_id someone(uint32_t n) {
    if (n % 3 != 0) return help_subject(n);
    subject_id id;
    const char *text = "uscc:91530000MA00TTT099";
    cr_assert_eq(subject_parse(text, strlen(text), 20000, &id).verdict, SUBJECT_VALID);
    uint64_t low = 0;
    for (int b = 4; b < 12; b++) low = low << 8 | id.bytes[b];
    low += n / 3 % (31 * 31 * 20);
    for (int b = 11; b >= 4; b--, low >>= 8) id.bytes[b] = (uint8_t)low;
    return id;
}

static void put_someone(world *w, uint32_t n) {
    profile_put put = {.mask = profile_writable_mask()};
    subject_id id = someone(n);
    uint32_t version;
    profile_init(&put.fields, &id);
    random_fields(&put.fields);
    if (n % 3 == 0) put.fields.form = n % 2 ? FORM_ENTERPRISE : FORM_UNKNOWN;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
}

static void publish(world *w) {
    buf_clear(&w->log);
    cr_assert_eq(txn_changes(w->t, &w->log), STATUS_OK);
    txn_publish(w->t);
}

static void pledge(world *w, uint32_t n) {
    operation op = world_operation(w, OPERATION_PLEDGE, 0, (int64_t)(1 + help_below(&seed, 1000)) * 100000);
    op.subject = someone(n);
    op.instrument = op.id.bytes[4] | (uint64_t)w->next_id << 8;
    op.instrument_kind = INSTRUMENT_DEPOSIT;
    op.to_hour = UINT32_MAX;
    (void)world_operate(w, &op);
}

static void energy(world *w, uint32_t n) {
    operation op = world_operation(w, OPERATION_ENERGY, 0, (int64_t)help_below(&seed, 100000));
    op.subject = someone(n);
    (void)world_operate(w, &op);
}

static void populate(world *w, const texts *active) {
    policy_file files[6];
    size_t count;
    world_open(w);
    world_begin(w);
    policy_set *set = load(active, 1, files, &count);
    cr_assert_eq(txn_activate(w->t, set, files, count), STATUS_OK);
    publish(w);
    for (uint32_t n = 0; n < PEOPLE; n++) {
        if (n % 1000 == 0) world_begin(w);
        put_someone(w, n);
        if (n % 1000 == 999) publish(w);
    }
    world_begin(w);
    for (uint32_t n = 0; n < ACCOUNTS; n++) {
        pledge(w, n * 7 % PEOPLE);
        energy(w, n * 7 % PEOPLE);
    }
    publish(w);
}

/* What the writer does while the impact runs: new subjects, new values, new accounts. */
static void disturb(world *w, uint32_t *fresh) {
    world_begin(w);
    for (int k = 0; k < 20; k++) put_someone(w, help_below(&seed, PEOPLE));
    for (int k = 0; k < 5; k++) put_someone(w, PEOPLE + (*fresh)++);
    energy(w, help_below(&seed, PEOPLE));
    publish(w);
}

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

/* ------------------------------------------------------------------ running */

static void *work(void *argument) {
    rcu_enter();
    while (impact_work(argument)) rcu_pass();
    rcu_leave();
    return NULL;
}

/* Runs to the end on so many threads while the writer goes on. */
static void run(world *w, impact *i, unsigned threads, bool disturbed) {
    pthread_t ids[8];
    uint32_t fresh = 0;
    for (int k = 0; disturbed && k < 10; k++) disturb(w, &fresh);
    for (unsigned k = 0; k < threads; k++) cr_assert_eq(pthread_create(&ids[k], NULL, work, i), 0);
    while (disturbed && !impact_done(i)) disturb(w, &fresh);
    for (unsigned k = 0; k < threads; k++) pthread_join(ids[k], NULL);
    cr_assert(impact_done(i));
    cr_assert_eq(impact_progress(i), 1000000);
    cr_assert_not(impact_work(i));
    impact_took(i, 0.5);
    impact_end(i);
}

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
        unsigned benefit = BENEFITS[1 + k / 2];
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
