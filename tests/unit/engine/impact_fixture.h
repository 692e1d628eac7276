/* What the tests of impact share: policies of two scenarios with a candidate, a random population with guarantee
 * accounts, a writer that goes on, threads that run an impact to its end. */
#ifndef XINYI_TESTS_ENGINE_IMPACT_FIXTURE_H
#define XINYI_TESTS_ENGINE_IMPACT_FIXTURE_H

#include "base/rcu.h"
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

static inline policy_set *load(const texts *t, uint32_t version, policy_file *files, size_t *count) {
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

static inline void random_fields(profile *p) {
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
static inline subject_id someone(uint32_t n) {
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

static inline void put_someone(world *w, uint32_t n) {
    profile_put put = {.mask = profile_writable_mask()};
    subject_id id = someone(n);
    uint32_t version;
    profile_init(&put.fields, &id);
    random_fields(&put.fields);
    if (n % 3 == 0) put.fields.form = n % 2 ? FORM_ENTERPRISE : FORM_UNKNOWN;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
}

static inline void publish(world *w) {
    buf_clear(&w->log);
    cr_assert_eq(world_changes(w), STATUS_OK);
    world_publish(w);
}

static inline void pledge(world *w, uint32_t n) {
    operation op = world_operation(w, OPERATION_PLEDGE, 0, (int64_t)(1 + help_below(&seed, 1000)) * 100000);
    op.subject = someone(n);
    op.instrument = op.id.bytes[4] | (uint64_t)w->next_id << 8;
    op.instrument_kind = INSTRUMENT_DEPOSIT;
    op.to_hour = UINT32_MAX;
    (void)world_operate(w, &op);
}

static inline void energy(world *w, uint32_t n) {
    operation op = world_operation(w, OPERATION_ENERGY, 0, (int64_t)help_below(&seed, 100000));
    op.subject = someone(n);
    (void)world_operate(w, &op);
}

static inline void populate(world *w, const texts *active) {
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
static inline void disturb(world *w, uint32_t *fresh) {
    world_begin(w);
    for (int k = 0; k < 20; k++) put_someone(w, help_below(&seed, PEOPLE));
    for (int k = 0; k < 5; k++) put_someone(w, PEOPLE + (*fresh)++);
    energy(w, help_below(&seed, PEOPLE));
    publish(w);
}

/* ------------------------------------------------------------------ running */

static inline void *work(void *argument) {
    rcu_enter();
    while (impact_work(argument)) rcu_pass();
    rcu_leave();
    return NULL;
}

/* Runs to the end on so many threads while the writer goes on. */
static inline void run(world *w, impact *i, unsigned threads, bool disturbed) {
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

#endif
