/* Nothing on the lookup path allocates: decisions, quotas and profiles of a populated engine — the policies that ship,
 * one with areas, pilots and a long table, dossiers with records, service, listings and claims — on the day they were
 * reported, when nothing is due, and months later, when readers derive the profiles anew.
 *
 * malloc and its kin are replaced by ones that count. Sanitizers replace them too, so under these the same runs without
 * counting. */
#include "../engine_world.h"
#include "../policy_helper.h"
#include "base/purpose.h"

#include <errno.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTING 0
#endif
#endif
#ifndef COUNTING
#define COUNTING 1
#endif

static _Thread_local volatile long allocations; /* compilers know that malloc changes no variable: not here */

#if COUNTING
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

#define VISIBLE __attribute__((visibility("default"), used))
VISIBLE void *malloc(size_t n) {
    allocations++;
    return __libc_malloc(n);
}
VISIBLE void *calloc(size_t n, size_t size) {
    allocations++;
    return __libc_calloc(n, size);
}
VISIBLE void *realloc(void *old, size_t n) {
    allocations++;
    return __libc_realloc(old, n);
}
VISIBLE void *aligned_alloc(size_t alignment, size_t n) {
    allocations++;
    return __libc_memalign(alignment, n);
}
VISIBLE int posix_memalign(void **to, size_t alignment, size_t n) {
    allocations++;
    void *p = __libc_memalign(alignment, n);
    if (p != NULL) *to = p;
    return p != NULL ? 0 : ENOMEM;
}
#endif

enum { SUBJECTS = 600, PILOT_SCENARIO = 40, LATER_DAYS = 200 };

static void print_pilot_policy(buf *text) {
    buf_printf(text,
               "policy: pilots\nscenario: {name: pilots, code: %d}\ntitle: t\nauthority: a\nlegal_basis: x\n"
               "effective: {}\nscope: {area: [kunming, dali_old_town], form: [person, missing]}\nexamples: []\n"
               "tables:\n  - {table: t, hit: first, inputs: [volunteer_minutes, public_grade], outputs: [outcome, "
               "amount_fen], rows: [\n",
               PILOT_SCENARIO);
    for (int r = 0; r < 500; r++)
        buf_printf(text, "     {id: R%d, when: ['[%d..%d)', '>= 中'], then: [granted, 'volunteer_minutes * 2']%s},\n",
                   r, r * 30, r * 30 + 30,
                   r % 3 == 0 ? ", pilot: {areas: [km_hightech, alliance_members], from: 2026-02-01}" : "");
    buf_printf(text, "     {id: Z, when: ['-', '-'], then: [review, 0]}]}\n"
                     "  - {table: c, hit: collect, inputs: [red_list], outputs: [tier], rows: [\n"
                     "     {id: C1, when: [true], then: [3], pilot: {divisions: [530100]}},\n"
                     "     {id: C2, when: ['-'], then: [1]}]}\n");
}

/* The shipped policies and the one above. */
static void activate(world *w) {
    static shipped s;
    buf text = {0};
    policy_findings findings = {0};
    policy_set *set = NULL;
    read_shipped(&s);
    print_pilot_policy(&text);
    size_t n = s.list.count;
    s.files[n] = (policy_file){"zz-pilots.yaml", (const char *)text.data, text.size};
    status code = policy_load(s.files, n + 1, 1, &findings, &set);
    if (code != STATUS_OK) print_findings(&findings);
    cr_assert_eq(code, STATUS_OK);
    cr_assert_eq(txn_activate(w->t, set, s.files, n + 1), STATUS_OK);
    policy_findings_deinit(&findings);
    buf_deinit(&text);
    free_shipped(&s);
}

static void put(world *w, dice *d, uint32_t n) {
    subject_id id = help_subject(n);
    profile_put put = {.mask = profile_writable_mask() & ~(UINT64_C(1) << FIELD_form)};
    profile_init(&put.fields, &id);
    put.fields.division = n % 3 == 0 ? 530102 : (n % 3 == 1 ? 532901 : 530300);
    put.fields.flags = PROFILE_FLAG_CONSENT_LOAN | PROFILE_FLAG_CONSENT_TRAVEL | PROFILE_FLAG_CONSENT_VOLUNTEER |
                       PROFILE_FLAG_CONSENT_POWER | PROFILE_FLAG_CONSENT_APPROVAL;
    put.fields.roles = PROFILE_ROLE_USER;
    put.fields.public_score = (uint16_t)dice_below(d, 1001);
    put.fields.public_grade = (uint8_t)dice_below(d, PUBLIC_EXCELLENT + 1);
    put.fields.market_grade = (uint8_t)dice_below(d, MARKET_AAA + 1);
    put.fields.tax_grade = (uint8_t)dice_below(d, TAX_M + 1);
    put.fields.volunteer_minutes = (uint32_t)dice_below(d, 16000);
    uint32_t version;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
    /* a second source's claim makes a dossier */
    profile_put tax = {.mask = UINT64_C(1) << FIELD_tax_grade, .flags = 1u << PUT_SOURCE_SHIFT};
    profile_init(&tax.fields, &id);
    tax.fields.tax_grade = TAX_A;
    if (n % 2) cr_assert_eq(txn_put(w->t, &tax, &version), STATUS_OK);
}

static void say(world *w, uint32_t n, unsigned kind, unsigned source, unsigned type, uint32_t value) {
    report r = {.kind = (uint8_t)kind,
                .purpose = PURPOSE_DATA_MAINTENANCE,
                .subject = help_subject(n),
                .source = (uint16_t)source,
                .type = (uint16_t)type};
    uint64_t number = w->next_id++;
    report_result result;
    memcpy(&r.id, &number, sizeof number);
    r.value = value;
    if (kind == REPORT_SERVICE_ADD) r.day = (uint16_t)clock_day_of_ms(w->now_ms);
    cr_assert_eq(txn_report(w->t, &r, &result), STATUS_OK);
    cr_assert_eq(result.status, STATUS_OK, "%s of %u: %s", report_kind_name(kind), n, status_name(result.status));
}

/* Every other subject has something in its dossier that ends or decays. */
static void populate(world *w, dice *d) {
    world_open(w);
    world_begin(w);
    activate(w);
    world_commit(w);
    for (uint32_t begin = 0; begin < SUBJECTS; begin += 100) {
        world_begin(w);
        for (uint32_t n = begin; n < begin + 100; n++) put(w, d, n);
        world_commit(w);
    }
    world_begin(w);
    for (uint32_t n = 0; n < SUBJECTS; n += 2) {
        if (n % 4 == 0) say(w, n, REPORT_RECORD_ADD, 1, 101, 0);
        if (n % 6 == 0) say(w, n, REPORT_RECORD_ADD, 1, 102, 0);
        if (n % 10 == 0) say(w, n, REPORT_SERVICE_ADD, 4, 0, 60);
        if (n % 8 == 2) say(w, n, REPORT_COMMITMENT_ACCEPT, 5, 1, 0);
        if (n % 3 == 0) world_pledge(w, n, n + 1, 1000000, UINT32_MAX);
    }
    world_commit(w);
}

typedef struct answers {
    decision decisions[SUBJECTS];
    quota quotas[SUBJECTS];
    quota_admission admit[SUBJECTS];
    profile profiles[SUBJECTS];
    bool found[SUBJECTS];
} answers;

/* One of everything that is looked up; returns how many allocations that took. */
static long look_up(const world *w, policy_moment at, tally *t, answers *out) {
    static decision_request asked[SUBJECTS];
    static quota_request quotas[SUBJECTS];
    static subject_id ids[SUBJECTS];
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        ids[n] = help_subject(n);
        unsigned scenario = n % 7 == 6 ? PILOT_SCENARIO : n % 7; /* 0: unknown */
        asked[n] = (decision_request){.subject = ids[n], .scenario = (uint8_t)scenario, .purpose = PURPOSE_LOAN_REVIEW};
        quotas[n] = (quota_request){
            .subject = ids[n], .program = PROGRAM_POWER, .purpose = PURPOSE_POWER_TRADING, .amount_fen = 1000};
    }
    long before = allocations;
    engine_decide(w->e, asked, SUBJECTS, at, out->decisions);
    engine_decide_tallied(w->e, asked, SUBJECTS, at, t, out->decisions);
    engine_quota(w->e, quotas, SUBJECTS, at, out->quotas, out->admit);
    engine_profiles(w->e, ids, sizeof *ids, SUBJECTS, at, out->profiles, out->found);
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        const dossier *d;
        profile p;
        bool known = engine_profile(w->e, &ids[n], at, &p) && engine_dossier(w->e, &ids[n], at, &p, &d);
        if (!known) return -1;
    }
    return allocations - before;
}

Test(lookup_alloc, the_counter_counts) {
    long before = allocations;
    void *volatile p = malloc(10);
    p = realloc(p, 20000);
    free(p);
    p = calloc(2, 8);
    free(p);
    cr_assert_eq(allocations - before, COUNTING ? 3 : 0);
}

Test(lookup_alloc, nothing_on_the_lookup_path_allocates, .timeout = 120) {
    static answers now, later;
    dice d = dice_make(20260107);
    world w;
    tally *t;
    populate(&w, &d);
    cr_assert_eq(tally_create(&t), STATUS_OK);
    policy_moment today = world_moment(&w);
    policy_moment then = policy_moment_at(today.now_ms + LATER_DAYS * CLOCK_MS_PER_DAY);
    cr_assert_eq(look_up(&w, today, t, &now), 0);
    cr_assert_eq(look_up(&w, then, t, &later), 0);
    unsigned due = 0, changed = 0, granted = 0, pilots = 0, limits = 0;
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        cr_assert(now.found[n] && later.found[n]);
        due += now.profiles[n].change_day != 0 && now.profiles[n].change_day <= then.day;
        changed += now.profiles[n].negative_points != later.profiles[n].negative_points ||
                   now.profiles[n].broken_commitments != later.profiles[n].broken_commitments;
        granted += now.decisions[n].status == STATUS_OK && now.decisions[n].outcome == OUTCOME_GRANTED;
        pilots += n % 7 == 6 && now.decisions[n].status == STATUS_OK;
        limits += now.quotas[n].limit_fen > 0;
    }
    cr_assert_gt(due, 150, "%u", due);
    cr_assert_gt(changed, 150, "%u", changed);
    cr_assert_gt(granted, 100, "%u", granted);
    cr_assert_gt(pilots, 30, "%u", pilots);
    cr_assert_gt(limits, 50, "%u", limits);
    fprintf(stderr, "%d subjects, %u due later, %u changed by then; no allocation\n", SUBJECTS, due, changed);
    tally_destroy(&t);
    world_close(&w);
}

/* A candidate that is decided beside the active set allocates as little. */
Test(lookup_alloc, a_shadow_does_not_allocate, .timeout = 120) {
    static answers now;
    dice d = dice_make(20260108);
    world w;
    tally *t;
    populate(&w, &d);
    cr_assert_eq(tally_create(&t), STATUS_OK);
    engine_set_shadow(w.e, load_shipped(2));
    cr_assert_eq(look_up(&w, world_moment(&w), t, &now), 0);
    tally_destroy(&t);
    world_close(&w);
}
