/* An engine with a transaction and a clock, for tests that speak in operations rather than in calls. */
#ifndef XINYI_TESTS_ENGINE_WORLD_H
#define XINYI_TESTS_ENGINE_WORLD_H

#include "base/purpose.h"
#include "engine/engine.h"
#include "engine/history.h"
#include "tests/unit/engine_help.h"
#include "tests/unit/engine_policy.h"

#include <criterion/criterion.h>

#define WORLD_SEED 0x5EED
#define WORLD_START INT64_C(1795449600000) /* 2026-11-24, midnight in China */

typedef struct world {
    engine *e;
    txn *t;
    int64_t now_ms;
    uint64_t next_id;
    buf log; /* every published group's changes, in order, its history behind them */
    uint64_t sequence;
    size_t history_bytes; /* of the last group */
} world;

static inline engine *world_engine(int64_t kept_ms) {
    engine_options options = {
        .max_subjects = 1 << 20, .max_accounts = 1 << 16, .seed = WORLD_SEED, .operations_kept_ms = kept_ms};
    engine *e;
    cr_assert_eq(engine_create(&options, &e), STATUS_OK);
    return e;
}

static inline void world_open(world *w) {
    *w = (world){.e = world_engine(0), .now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(txn_create(w->e, &w->t), STATUS_OK);
}

static inline void world_close(world *w) {
    txn_destroy(&w->t);
    engine_destroy(&w->e);
    buf_deinit(&w->log);
}

static inline void world_check(const engine *e) {
    char problem[256] = "";
    cr_assert(engine_check(e, problem, sizeof problem), "%s", problem);
}

static inline void world_begin(world *w) { txn_begin(w->t, w->now_ms); }

/* Appends what a group has made durable. */
static inline void world_keep(world *w, const buf *changes, const buf *history) {
    uint8_t key[8];
    for (unsigned i = 0; i < 8; i++) key[i] = (uint8_t)((w->sequence + 1) >> (56 - 8 * i));
    buf_append(&w->log, changes->data, changes->size);
    if (history->size > 0) change_append(&w->log, CHANGE_HISTORY, key, sizeof key, history->data, history->size);
    cr_assert_eq(buf_status(&w->log), STATUS_OK);
}

/* Only what is published then, with world_publish, belongs into the log. */
static inline status world_changes(world *w) {
    buf changes = {0}, history = {0};
    status code = txn_changes(w->t, &changes, &history);
    if (code == STATUS_OK) world_keep(w, &changes, &history);
    w->history_bytes = history.size;
    buf_deinit(&changes);
    buf_deinit(&history);
    return code;
}

static inline void world_publish(world *w) { txn_publish(w->t, ++w->sequence); }

static inline void world_commit(world *w) {
    size_t expected = txn_size(w->t), before = w->log.size;
    cr_assert_eq(world_changes(w), STATUS_OK);
    size_t beside = w->history_bytes > 0 ? CHANGE_HEADER + 8 + HISTORY_HEAD : 0;
    cr_assert_leq(w->log.size - before, expected + beside, "txn_size is what changes and events take at most");
    if (w->history_bytes == 0) cr_assert_eq(w->log.size - before, expected, "and exactly what changes take");
    world_publish(w);
    world_check(w->e);
}

static inline status world_activate(world *w, const char *text, uint32_t version) {
    policy_file file = {.name = "power.yaml", .text = text, .length = strlen(text)};
    return txn_activate(w->t, help_policy(text, version), &file, 1);
}

/* A retailer (or whatever the roles say) of a grade. */
static inline void world_subject(world *w, uint32_t n, unsigned roles, unsigned grade) {
    profile_put put = {.mask = 1ull << FIELD_retailer | 1ull << FIELD_generator | 1ull << FIELD_power_user |
                               1ull << FIELD_market_grade};
    subject_id id = help_subject(n);
    profile_init(&put.fields, &id);
    put.fields.roles = (uint8_t)roles;
    put.fields.market_grade = (uint8_t)grade;
    uint32_t version;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
}

static inline status world_set_flags(world *w, uint32_t n, unsigned field, uint32_t flags) {
    profile_put put = {.mask = 1ull << field, .flags = PUT_UPDATE};
    subject_id id = help_subject(n);
    profile_init(&put.fields, &id);
    put.fields.flags = flags;
    uint32_t version;
    return txn_put(w->t, &put, &version);
}

static inline operation_id world_id(uint64_t n) {
    operation_id id = {{0}};
    memcpy(id.bytes + 4, &n, sizeof n);
    return id;
}

static inline operation world_operation(world *w, unsigned kind, uint32_t n, int64_t amount) {
    return (operation){.id = world_id(w->next_id++),
                       .subject = help_subject(n),
                       .program = PROGRAM_POWER,
                       .kind = (uint8_t)kind,
                       .amount_fen = amount};
}

/* Executes an operation that is new. */
static inline operation_result world_operate(world *w, const operation *op) {
    operation_result r;
    bool repeated;
    cr_assert_eq(txn_operate(w->t, op, &r, &repeated), STATUS_OK);
    cr_assert_not(repeated);
    return r;
}

static inline operation_result world_do(world *w, unsigned kind, uint32_t n, int64_t amount) {
    operation op = world_operation(w, kind, n, amount);
    return world_operate(w, &op);
}

static inline operation_result world_pledge(world *w, uint32_t n, uint64_t bond, int64_t amount, uint32_t to_hour) {
    operation op = world_operation(w, OPERATION_PLEDGE, n, amount);
    op.instrument = bond;
    op.instrument_kind = INSTRUMENT_BOND;
    op.to_hour = to_hour;
    return world_operate(w, &op);
}

static inline operation_result world_withdraw(world *w, uint32_t n, uint64_t bond) {
    operation op = world_operation(w, OPERATION_WITHDRAW, n, 0);
    op.instrument = bond;
    return world_operate(w, &op);
}

/* commit and release */
static inline operation_result world_resolve(world *w, unsigned kind, uint32_t n, int64_t amount, operation_id target) {
    operation op = world_operation(w, kind, n, amount);
    op.target = target;
    return world_operate(w, &op);
}

/* Reserves and returns the id. */
static inline operation_id world_reserve(world *w, uint32_t n, int64_t amount, uint32_t ttl_ms) {
    operation op = world_operation(w, OPERATION_RESERVE, n, amount);
    op.ttl_ms = ttl_ms;
    operation_result r = world_operate(w, &op);
    cr_assert_eq(r.status, STATUS_OK, "%s", status_name(r.status));
    return op.id;
}

static inline policy_moment world_moment(const world *w) {
    return (policy_moment){.now_ms = w->now_ms, .day = clock_day_of_ms(w->now_ms)};
}

/* Subjects: 1 a retailer of grade A, 2 of grade AAA, 3 unrated, 4 suspended, 5 a generator of grade A (exempt), 6 of
 * grade B, 7 without a role. 1, 2, 3, 4, 5, 6 have a deposit of 1,000,000 fen. */
static inline void world_populate(world *w) {
    world_open(w);
    world_begin(w);
    cr_assert_eq(world_activate(w, HELP_POLICY, 1), STATUS_OK);
    world_subject(w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
    world_subject(w, 2, PROFILE_ROLE_RETAILER, MARKET_AAA);
    world_subject(w, 3, PROFILE_ROLE_RETAILER, MARKET_UNRATED);
    world_subject(w, 4, PROFILE_ROLE_RETAILER, MARKET_A);
    cr_assert_eq(world_set_flags(w, 4, FIELD_suspended, PROFILE_FLAG_SUSPENDED), STATUS_OK);
    world_subject(w, 5, PROFILE_ROLE_GENERATOR, MARKET_A);
    world_subject(w, 6, PROFILE_ROLE_GENERATOR, MARKET_B);
    world_subject(w, 7, 0, MARKET_A);
    for (uint32_t n = 1; n <= 6; n++) cr_assert_eq(world_pledge(w, n, n, 1000000, UINT32_MAX).status, STATUS_OK);
    world_commit(w);
}

/* What a reader sees. */
static inline quota world_quota(const world *w, uint32_t n) {
    quota_request r = {.subject = help_subject(n), .program = PROGRAM_POWER, .purpose = PURPOSE_POWER_TRADING};
    quota q;
    engine_quota(w->e, &r, 1, world_moment(w), &q, NULL);
    return q;
}

/* Feeds records to an engine; the first that fails ends it. `again`: what recovery may hand over more than once. */
static inline status world_feed(engine *e, const uint8_t *bytes, size_t length, bool again) {
    size_t at = 0;
    change c;
    status code;
    while ((code = change_next(bytes, length, &at, &c)) == STATUS_OK) {
        if (again && c.table == CHANGE_HISTORY) continue;
        code = engine_apply(e, &c);
        if (code != STATUS_OK) return code;
    }
    return code == STATUS_END ? STATUS_OK : code;
}

static inline status world_apply(engine *e, const uint8_t *bytes, size_t length) {
    return world_feed(e, bytes, length, false);
}

/* A new engine from what was published, in the place of the old one. */
static inline void world_restart(world *w) {
    engine *fresh = world_engine(0);
    cr_assert_eq(world_apply(fresh, w->log.data, w->log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(fresh), STATUS_OK);
    world_check(fresh);
    txn_destroy(&w->t);
    engine_destroy(&w->e);
    w->e = fresh;
    cr_assert_eq(txn_create(w->e, &w->t), STATUS_OK);
}

/* Two engines hold the same: profiles, accounts, operations by count, the next expiry, policies. What `a` has forgotten
 * `b`, if it was recovered, may still know. */
static inline void world_same(const engine *a, const engine *b) {
    engine_stats sa, sb;
    engine_get_stats(a, &sa);
    engine_get_stats(b, &sb);
    cr_assert_eq(sa.subjects.records, sb.subjects.records);
    cr_assert_eq(sa.accounts.records, sb.accounts.records);
    cr_assert_leq(sa.operations, sb.operations);
    cr_assert_eq(sa.open_reservations, sb.open_reservations);
    cr_assert_eq(sa.policy_version, sb.policy_version);
    cr_assert_eq(engine_policy_newest(a), engine_policy_newest(b));
    cr_assert_eq(engine_next_due_ms(a), engine_next_due_ms(b));
    store_cursor cursor = 0;
    profile p, q;
    while (engine_scan_profiles(a, &cursor, (policy_moment){0}, &p, NULL, 1) == 1) {
        cr_assert(engine_profile(b, &p.id, (policy_moment){0}, &q));
        cr_assert_arr_eq(&p, &q, sizeof p);
    }
    account x, y;
    cursor = 0;
    while (engine_scan_accounts(a, &cursor, &x, NULL, 1) == 1) {
        subject_id subject = account_subject(&x);
        cr_assert(engine_account(b, &subject, account_program(&x), &y));
        x.newest = y.newest = 0; /* a reference of each engine's own */
        cr_assert_arr_eq(&x, &y, sizeof x);
    }
}

#endif
