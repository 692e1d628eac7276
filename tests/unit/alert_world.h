/* What tests of alerts share: groups of one operation, whole rounds of the walk, and what has been raised since. */
#ifndef XINYI_TESTS_ALERT_WORLD_H
#define XINYI_TESTS_ALERT_WORLD_H

#include "engine/alert_internal.h"
#include "tests/unit/engine_world.h"

#define HOUR CLOCK_MS_PER_HOUR
#define DAY CLOCK_MS_PER_DAY
#define MILLION INT64_C(1000000)

/* A whole round; true if it made changes. */
static inline bool world_watch(world *w) {
    unsigned rounds = 0;
    world_begin(w);
    while (!txn_watch(w->t, 3)) cr_assert_lt(++rounds, 1000);
    bool any = txn_size(w->t) > 0;
    world_commit(w);
    return any;
}

static inline void world_wait(world *w, int64_t ms) {
    w->now_ms += ms;
    world_watch(w);
}

static inline operation_result world_once(world *w, unsigned kind, uint32_t n, int64_t amount) {
    world_begin(w);
    operation_result r = world_do(w, kind, n, amount);
    world_commit(w);
    return r;
}

static inline void world_granted(operation_result r) { cr_assert_eq(r.status, STATUS_OK, "%s", status_name(r.status)); }

static inline operation_id world_reserve_now(world *w, uint32_t n, int64_t amount) {
    world_begin(w);
    operation_id id = world_reserve(w, n, amount, 0);
    world_commit(w);
    return id;
}

static inline void world_resolve_now(world *w, unsigned kind, uint32_t n, operation_id id) {
    world_begin(w);
    world_granted(world_resolve(w, kind, n, 0, id));
    world_commit(w);
}

static inline void world_pledge_now(world *w, uint32_t n, uint64_t id, unsigned kind, int64_t amount,
                                    uint32_t to_hour) {
    world_begin(w);
    operation op = world_operation(w, OPERATION_PLEDGE, n, amount);
    op.instrument = id;
    op.instrument_kind = (uint8_t)kind;
    op.to_hour = to_hour;
    world_granted(world_operate(w, &op));
    world_commit(w);
}

static inline uint32_t world_hour_in(const world *w, int64_t ms) { return ledger_hour(w->now_ms + ms); }

static inline void world_grade(world *w, uint32_t n, unsigned grade) {
    world_begin(w);
    profile_put put = {.mask = 1ull << FIELD_market_grade, .flags = PUT_UPDATE};
    subject_id id = help_subject(n);
    profile_init(&put.fields, &id);
    put.fields.market_grade = (uint8_t)grade;
    uint32_t version;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
    world_commit(w);
}

static inline account world_account(const world *w, uint32_t n) {
    subject_id id = help_subject(n);
    account a;
    cr_assert(engine_account(w->e, &id, PROGRAM_POWER, &a));
    return a;
}

/* The only alert behind *after, which moves on to it. */
static inline alert world_next_alert(const world *w, uint64_t *after) {
    alert found[2];
    cr_assert_eq(alerts_after(engine_alerts(w->e), *after, found, 2), 1);
    *after = found[0].number;
    return found[0];
}

static inline void world_no_alert(const world *w, uint64_t after) {
    alert found;
    cr_assert_eq(alerts_after(engine_alerts(w->e), after, &found, 1), 0, "%s of level %u", alert_kind_name(found.kind),
                 found.level);
}

static inline alert world_alert(const world *w, uint64_t *after, uint32_t n, alert_kind kind) {
    alert a = world_next_alert(w, after);
    subject_id id = help_subject(n);
    cr_assert_eq(a.kind, kind, "%s", alert_kind_name(a.kind));
    cr_assert(subject_equal(&a.subject, &id));
    cr_assert_eq(a.program, PROGRAM_POWER);
    cr_assert_eq(a.at_ms, w->now_ms);
    return a;
}

static inline world world_started(void) {
    world w;
    world_populate(&w);
    cr_assert_not(world_watch(&w), "what begins well raises nothing");
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 0);
    return w;
}

static inline void world_activate_with(world *w, const char *text, const char *calendar, uint32_t version) {
    policy_file files[] = {{.name = "power.yaml", .text = text, .length = strlen(text)},
                           {.name = "calendar.yaml", .text = calendar, .length = strlen(calendar)}};
    size_t count = *calendar != '\0' ? 2 : 1;
    policy_findings findings = {0};
    policy_set *set = NULL;
    status code = policy_load(files, count, version, &findings, &set);
    for (size_t i = 0; i < findings.count; i++) cr_log_info("%s", findings.items[i].message);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    world_begin(w);
    cr_assert_eq(txn_activate(w->t, set, files, count), STATUS_OK);
    world_commit(w);
}

/* The usual policy with some of its lines changed. */
static inline const char *help_policy_with(const char *what, const char *instead, char *room, size_t size) {
    const char *at = strstr(HELP_POLICY, what);
    cr_assert_not_null(at);
    snprintf(room, size, "%.*s%s%s", (int)(at - HELP_POLICY), HELP_POLICY, instead, at + strlen(what));
    return room;
}

/* And a round behind it, which finds what is short. */
static inline void world_energy(world *w, uint32_t n, int64_t mwh) {
    world_granted(world_once(w, OPERATION_ENERGY, n, mwh));
    world_watch(w);
}

#endif
