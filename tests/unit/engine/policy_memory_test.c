/* Running out of memory at any allocation of a load or an explanation is a status, never a crash or a leak. The
 * allocator's functions are replaced here by ones that can fail on demand; sanitizers replace them too, so there this
 * file has nothing to test. */
#include "../policy_helper.h"

#include <errno.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *old);

static _Thread_local bool armed;
static _Thread_local long countdown, live, total;

static bool fails(void) {
    if (!armed) return false;
    total++;
    return countdown-- == 0;
}

static void *counted(void *p) {
    if (armed && p) live++;
    return p;
}

#define VISIBLE __attribute__((visibility("default"), used))
VISIBLE void *malloc(size_t size) { return fails() ? NULL : counted(__libc_malloc(size)); }
VISIBLE void *calloc(size_t n, size_t size) { return fails() ? NULL : counted(__libc_calloc(n, size)); }
VISIBLE int posix_memalign(void **to, size_t align, size_t size) {
    void *p = fails() ? NULL : counted(__libc_memalign(align, size));
    if (p) *to = p;
    return p ? 0 : ENOMEM;
}
VISIBLE void *realloc(void *old, size_t size) {
    if (fails()) return NULL;
    if (armed && !old) live++;
    return __libc_realloc(old, size);
}
VISIBLE void free(void *old) {
    if (armed && old) live--;
    __libc_free(old);
}

/* Something of everything. */
static const char FULL[] =
    "policy: p\nscenario: {name: sample, code: 9, title: s}\ntitle: t\nauthority: a\nlegal_basis: [x, y]\n"
    "effective: {from: 2026-01-01}\nscope: {form: [enterprise, missing]}\nbenefits: [{code: 0, id: b0, title: B}]\n"
    "tables:\n  - {table: t, title: T, hit: first, inputs: [tax_grade, volunteer_minutes], outputs: [outcome, "
    "amount_fen, "
    "benefits], rows: [\n"
    "     {id: A, when: ['A, B', '> 60'], then: [granted, 'min(volunteer_minutes / 60, 7元)', [b0]], because: why},\n"
    "     {id: B, when: {tax_grade: [D, C]}, then: {outcome: declined}}, {id: C, when: {}, then: {outcome: review}}]}\n"
    "  - {table: u, hit: collect, inputs: [red_list], outputs: [benefits], rows: [{id: D, when: [true], then: [b0]}]}\n"
    "guarantee:\n  program: {name: other, code: 7}\n  roles: [retailer]\n  base: {fen_per_mwh_12m: 800, "
    "fen_per_mwh_2m: "
    "5000}\n  exposure_fen_per_mwh: 5000\n  floor_at_base: false\n  refuse_when_short: false\n"
    "  factor_bp: {AAA: 50%, AA: 70%, A: 100%, B: 130%, C: 150%}\n  warn_percent: [80, 90, 100]\n"
    "  reservation: {default: 300 s, max: 1 h}\n"
    "  tables: [{table: v, hit: unique, gaps: allowed, inputs: [observed], outputs: [exempt], rows: [{id: E, when: "
    "[true], "
    "then: [false]}]}]\n  examples: [{name: x, given: {}, expect: {covered: false}}]\n"
    "examples: [{name: x, given: {tax_grade: A}, expect: {outcome: review}}]\n";

/* Runs with the nth allocation failing; true if it ran to the end without a failure. */
static bool load_and_explain(const char *const *texts, size_t count, long nth, status *code) {
    policy_file files[16];
    for (size_t i = 0; i < count; i++) files[i] = (policy_file){"p.yaml", texts[i], strlen(texts[i])};
    policy_findings f = {0};
    policy_set *set = NULL;
    profile p = profile_of("form=enterprise tax_grade=A volunteer_minutes=100");
    live = total = 0;
    countdown = nth;
    armed = true;
    *code = policy_load(files, count, 1, &f, &set);
    if (*code == STATUS_OK) {
        policy_explanation e;
        *code = policy_explain(set, 9, &p, on_day(2026, 11, 24), &e);
        policy_explanation_deinit(&e);
    }
    policy_destroy(&set);
    policy_findings_deinit(&f);
    armed = false;
    return total <= nth;
}

static void every_allocation_of(const char *const *texts, size_t count, status in_the_end, long at_least) {
    long nth = 0;
    status code = STATUS_OK;
    for (;; nth++) {
        bool complete = load_and_explain(texts, count, nth, &code);
        cr_assert_eq(live, 0, "allocation %ld: %ld blocks stayed behind", nth, live);
        if (complete) break;
        cr_assert_eq(code, STATUS_NO_MEMORY, "allocation %ld: %s", nth, status_name(code));
    }
    cr_assert_eq(code, in_the_end, "%s", status_name(code));
    cr_assert_gt(nth, at_least, "%ld", nth);
}

static void every_allocation(const char *text, status in_the_end, long at_least) {
    every_allocation_of(&text, 1, in_the_end, at_least);
}

Test(policy_memory, every_allocation_may_fail, .timeout = 300) { every_allocation(FULL, STATUS_OK, 500); }

#define PART_HEAD "title: t\nauthority: a\nlegal_basis: [x, y]\n"

/* Something of every part of a set, and a scenario whose rows have pilots. */
static const char *const PARTS[] = {
    "areas: a\n" PART_HEAD
    "items: [{code: 1, id: park, title: P, kind: park, divisions: [530102], subjects: ['uscc:91530000MA00TTT099'],\n"
    "  effective: {from: 2026-01-01}}, {code: 2, id: town, divisions: [530300]}]\n",
    "records: r\n" PART_HEAD
    "classes: {minor: {publicity: {max: 3 months}}, general: {publicity: {min: 3 months, max: 1 year}}}\n"
    "types: [{code: 1, id: late, title: L, domain: tax, class: minor, points: 1, decay: linear},\n"
    "  {code: 2, id: broken, title: B, domain: credit, class: general, points: 3.5, observation: 12 months,\n"
    "   effects: [red_list_removed, {gaps_barred: 12 months}]}]\n"
    "thresholds: [{domain: tax, points: 3, effect: noticed}, {points: 9, effect: observed}]\n"
    "examples: [{name: x, given: {records: [{type: late, day: 2026-03-02}], day: 2026-03-02}, expect: "
    "{negative_points: 1}}]\n",
    "commitments: c\n" PART_HEAD "breach: broken\nmatters: [{code: 1, id: m, title: M, deadline: 20 working days}]\n",
    "calendar: c\n" PART_HEAD "holidays: ['2026-01-01..2026-01-03', 2026-05-01]\nworkdays: [2026-01-04]\n",
    "lists: l\n" PART_HEAD
    "items: [{code: 1, id: red_list, title: R, flag: red_list, valid: 12 months, removed_by: [general, breach],\n"
    "   excluded_by: serious_list, qualify: [{public_grade: 优, form: 'not(person)'}, {tax_grade: A}]},\n"
    "  {code: 2, id: serious_list, title: S, flag: serious_list, valid: 3 years}]\n",
    "service: s\n" PART_HEAD "stars: [100 h, 300 h]\n",
    "sources: s\n" PART_HEAD
    "items: [{number: 0, id: base, title: B, priority: 50, fields: all, reports: all, corrects: any},\n"
    "  {number: 1, id: tax, title: T, priority: 90, fields: {tax_grade: 9, data_day: 8}, reports: [record_add]}]\n",
    "policy: p\nscenario: {name: sample, code: 9}\n" PART_HEAD "effective: {from: 2026-01-01 08:00}\n"
    "scope: {area: [park, town], form: enterprise}\nbenefits: []\nexamples: [{name: x, given: {division: 530102, "
    "day: 2026-07-01}, expect: {status: out_of_scope}}]\n"
    "tables:\n  - {table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"
    "     {id: A, when: ['A, B'], then: [granted], pilot: {areas: [park], divisions: [530100, 530102], sectors: [D44,\n"
    "      I], from: 2026-07-01, to: 2027-01-01}}, {id: C, when: {}, then: {outcome: review}}]}\n"};

Test(policy_memory, parts_may_fail_too, .timeout = 300) {
    every_allocation_of(PARTS, sizeof PARTS / sizeof PARTS[0], STATUS_OK, 1000);
}

static const char SCORECARDS[] =
    "evaluation: e\ntitle: t\nauthority: a\nlegal_basis: [x, y]\n"
    "indicators: [{slot: 1, id: i, title: I, source: 3, scale: {min: 0, max: 100}}]\n"
    "grades: {AAA: 900, AA: 800, A: 700, B: 600}\n"
    "scorecards:\n"
    "  - {scorecard: s, title: S, for: {form: person, tax_grade: 'not(D), missing'}, inputs: [\n"
    "      {field: public_score, weight: 2, points: {0: 0, 1000: 1000}, title: P},\n"
    "      {field: slot_1, weight: 1, points: {0: 0, 100: 1000}, missing: 5}],\n"
    "     merits: {per_point: 1, max: 5}, adjustments: [{id: A, when: {red_list: true}, add: 5, because: b}],\n"
    "     caps: [{id: B, when: {arrears: true}, score: 500}, {id: C, when: {serious_list: true}, score: 300}],\n"
    "     instead: [{id: D, when: {market_grade: '>= B'}, field: public_grade, values: {优: 9, 良: 8, 中: 7, 差: "
    "6}}]}\n"
    "  - {scorecard: o, inputs: [{field: red_list, weight: 1, values: {true: 1, false: 0}}]}\n"
    "examples: [{name: x, given: {form: person}, expect: {scorecard: s, composite_grade: unrated}}]\n";

Test(policy_memory, scorecards_may_fail_too, .timeout = 300) {
    every_allocation(SCORECARDS, STATUS_UNKNOWN_SCENARIO, 100);
}

/* While findings are being collected. */
Test(policy_memory, findings_may_fail_too, .timeout = 300) {
    every_allocation("polcy: p\nscenario: {name: sample, code: 99}\ntables:\n  - {table: t, hit: x, inputs: [y], "
                     "outputs: [z], rows: [{id: A, when: [A], then: [B]}]}\n",
                     STATUS_POLICY_INVALID, 50);
}

#else
Test(policy_memory, sanitizers_own_the_allocator) { cr_assert(true); }
#endif
