/* Random requests against the naive ledger of tests/unit/ledger_model.h: single operations and chains, sensible ones,
 * ones at the edge and nonsense. After each request the answers must be the model's, to the last byte: status,
 * violations, balances, warnings, versions. Groups are published or aborted at random, a virtual clock makes
 * reservations and bonds end, profiles and policies change, and after each group everything that the engine shows must
 * be what the model says. Now and then the engine is thrown away and goes on as it is recovered.
 *
 * XINYI_SEED repeats a run, XINYI_OPERATIONS makes it longer (millions take some minutes). */
#include "tests/unit/engine_world.h"
#include "tests/unit/ledger_model_operate.h"

#define KEPT_MS 120000
#define CHAIN_MOST 5
#define RESTARTS 6 /* each costs what was done so far */

static uint32_t below(model *m, uint32_t n) { return help_below(&m->random, n); }
static bool one_in(model *m, uint32_t n) { return below(m, n) == 0; }

/* ------------------------------------------------------------------ random requests */

static int64_t any_amount(model *m, uint32_t n) {
    static const int64_t odd[] = {0, -1, INT64_MIN, INT64_MAX, LIMIT_AMOUNT_FEN, LIMIT_AMOUNT_FEN + 1, 1};
    if (one_in(m, 40)) return odd[below(m, sizeof odd / sizeof *odd)];
    if (n < MODEL_SUBJECTS && one_in(m, 4)) {
        m_terms t = m_terms_of(m, n, 1);
        return m_quota_of(m, n, &t).available + below(m, 3) - 1; /* at the very edge */
    }
    return 1 + below(m, one_in(m, 5) ? 2000000 : 20000);
}

static const m_operation *any_earlier(model *m) {
    if (m->s.count == 0) return NULL;
    uint32_t window = one_in(m, 10) ? 3000 : 60;
    if (window > m->s.count) window = m->s.count;
    return &m->operations[m->s.count - 1 - below(m, window)];
}

static void any_target(model *m, operation *op) {
    if (m->s.open_count > 0 && !one_in(m, 5)) {
        const m_operation *o = &m->operations[m->s.open[below(m, m->s.open_count)]];
        op->target = o->request.id;
        if (one_in(m, 20)) return; /* most likely somebody else's */
        op->subject = o->request.subject;
        op->program = o->request.program;
        if (op->kind == OPERATION_COMMIT)
            op->amount_fen = one_in(m, 3)  ? 0
                             : below(m, 2) ? o->request.amount_fen - below(m, 2)
                                           : o->request.amount_fen + below(m, 3) - 1;
        return;
    }
    const m_operation *o = any_earlier(m);
    if (o == NULL) return;
    op->target = o->request.id;
    if (!one_in(m, 4)) op->subject = o->request.subject;
}

static void any_bond(model *m, operation *op, uint32_t n) {
    uint32_t hour = (uint32_t)(m->now / 3600000);
    op->instrument = below(m, 14);
    if (op->kind == OPERATION_WITHDRAW) return;
    op->amount_fen = any_amount(m, n);
    op->from_hour = one_in(m, 2) ? 0 : hour - 3 + below(m, 6);
    op->to_hour = one_in(m, 6) ? UINT32_MAX : hour + below(m, 40);
    if (op->kind == OPERATION_PLEDGE) op->instrument_kind = (uint8_t)(one_in(m, 30) ? below(m, 6) : 1 + below(m, 3));
    if (op->kind != OPERATION_AMEND) return;
    if (one_in(m, 2)) op->amount_fen = 0;
    if (one_in(m, 2)) op->to_hour = 0;
}

static void any_reference(model *m, operation *op) {
    memset(op->reference, 0, sizeof op->reference);
    unsigned length = below(m, sizeof op->reference + 1);
    for (unsigned i = 0; i < length; i++) op->reference[i] = (uint8_t)('!' + below(m, 90));
    if (one_in(m, 10)) op->reference[below(m, sizeof op->reference)] = (uint8_t)below(m, 3);
}

static operation any_operation(model *m, world *w) {
    static const uint8_t kinds[] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 4, 5, 5, 6, 7, 8, 8, 9, 10, 10};
    static const uint8_t programs[] = {0, 2, 15, 16, 255};
    uint32_t n = one_in(m, 30) ? MODEL_SUBJECTS + below(m, MODEL_STRANGERS) : below(m, MODEL_SUBJECTS);
    operation op = {.id = world_id(w->next_id++),
                    .subject = help_subject(n),
                    .program = one_in(m, 50) ? programs[below(m, sizeof programs)] : 1,
                    .kind = kinds[below(m, sizeof kinds)]};
    switch (op.kind) {
    case OPERATION_RESERVE:
        op.amount_fen = any_amount(m, n);
        op.ttl_ms = one_in(m, 3) ? 0 : one_in(m, 30) ? 3600000 + below(m, 2) : 1 + below(m, 20000);
        break;
    case OPERATION_COMMIT:
        op.amount_fen = any_amount(m, n);
        any_target(m, &op);
        break;
    case OPERATION_RELEASE: any_target(m, &op); break;
    case OPERATION_SETTLE:
        op.amount_fen = any_amount(m, n);
        if (n < MODEL_SUBJECTS && one_in(m, 2)) op.amount_fen = m->s.subjects[n].account.committed + below(m, 2);
        break;
    case OPERATION_ENERGY:
        op.amount_fen = one_in(m, 3) ? 0 : below(m, 4000);
        op.energy.wholesale_2m_mwh = one_in(m, 2) ? 0 : below(m, 300);
        op.energy.retail_2m_mwh = one_in(m, 2) ? 0 : (int64_t)below(m, 300) - one_in(m, 30);
        op.forecast_gwh = below(m, 4);
        break;
    case OPERATION_FREEZE: any_reference(m, &op); break;
    case OPERATION_UNFREEZE: break;
    default: any_bond(m, &op, n); break;
    }
    if (!one_in(m, 60)) return op;
    if (one_in(m, 3)) { /* malformed: answered, not kept */
        op.flags |= 2;
    } else if (op.kind == OPERATION_PLEDGE || op.kind == OPERATION_AMEND) {
        op.energy.retail_2m_mwh = 1;
    } else {
        op.to_hour = 1;
    }
    return op;
}

/* ------------------------------------------------------------------ both, step by step */

/* Beyond their time operations may be known or not, at the engine's leisure: ask, and let the model follow. */
static void follow_forgetting(model *m, world *w, const operation_id *id) {
    m_operation *o = m_find_any(m, id);
    if (o == NULL || o->state == OPERATION_OPEN || m->now < o->resolved + KEPT_MS) return;
    operation_entry entry;
    o->forgotten = txn_outcome(w->t, id, &entry) == STATUS_UNKNOWN_OPERATION;
}

static void same_result(const operation_result *got, const operation_result *expected, const operation *op) {
    if (memcmp(got, expected, sizeof *got) == 0) return;
    const operation_result *both[] = {got, expected};
    char text[2][256];
    for (int i = 0; i < 2; i++)
        snprintf(text[i], sizeof text[i],
                 "%s amount %lld limit %lld used %lld committed %lld available %lld warning %u flags %u version %u "
                 "expires %lld violations %x",
                 status_name(both[i]->status), (long long)both[i]->amount_fen, (long long)both[i]->limit_fen,
                 (long long)both[i]->used_fen, (long long)both[i]->committed_fen, (long long)both[i]->available_fen,
                 both[i]->warning, both[i]->flags, both[i]->account_version, (long long)both[i]->expires_ms,
                 both[i]->violations);
    cr_assert_fail("%s: %s; expected %s", operation_name(op->kind), text[0], text[1]);
}

static void note_seen(model *m, const operation_result *r) {
    m->seen[r->status]++;
    for (unsigned i = 0; i < 16; i++) m->reasons[i] += r->violations >> i & 1;
}

static void step_new(model *m, world *w) {
    operation op = any_operation(m, w);
    if (op.kind == OPERATION_COMMIT || op.kind == OPERATION_RELEASE) follow_forgetting(m, w, &op.target);
    operation_result expected = m_operate(m, &op), got = world_operate(w, &op);
    same_result(&got, &expected, &op);
    note_seen(m, &got);
}

static void step_repeat(model *m, world *w) {
    const m_operation *o = any_earlier(m);
    if (o == NULL || (o->request.flags & OPERATION_LINKED) != 0) return;
    follow_forgetting(m, w, &o->request.id);
    if (o->forgotten) return;
    operation op = o->request;
    bool other = one_in(m, 3), repeated = false;
    if (other) op.subject = help_subject((m_subject_number(&op.subject) + 1) % MODEL_SUBJECTS);
    operation_result r, expected = m_operate(m, &op);
    cr_assert_eq(txn_operate(w->t, &op, &r, &repeated), STATUS_OK);
    cr_assert_eq(repeated, !other);
    same_result(&r, &expected, &op);
    note_seen(m, &r);
}

/* Of an operation before it in the chain, or of any. */
static void any_link(model *m, world *w, operation *ops, size_t i) {
    ops[i] = any_operation(m, w);
    ops[i].flags |= OPERATION_LINKED;
    bool ends = ops[i].kind == OPERATION_COMMIT || ops[i].kind == OPERATION_RELEASE;
    if (i == 0 || !ends || one_in(m, 3)) return;
    const operation *before = &ops[below(m, (uint32_t)i)];
    ops[i].target = before->id;
    ops[i].subject = before->subject;
    if (ops[i].kind == OPERATION_COMMIT) ops[i].amount_fen = one_in(m, 2) ? 0 : before->amount_fen;
}

static void operate_chain(model *m, world *w, const operation *ops, size_t n) {
    operation_result got[CHAIN_MOST] = {{0}}, expected[CHAIN_MOST] = {{0}};
    for (size_t i = 0; i < n; i++) {
        follow_forgetting(m, w, &ops[i].id);
        if (ops[i].kind == OPERATION_COMMIT || ops[i].kind == OPERATION_RELEASE)
            follow_forgetting(m, w, &ops[i].target);
    }
    m_operate_chain(m, ops, n, expected);
    txn_operate_all(w->t, ops, n, got);
    for (size_t i = 0; i < n; i++) {
        same_result(&got[i], &expected[i], &ops[i]);
        note_seen(m, &got[i]);
    }
}

static void step_chain(model *m, world *w) {
    operation ops[CHAIN_MOST];
    size_t n = 2 + (one_in(m, 2) ? 0 : below(m, CHAIN_MOST - 1));
    for (size_t i = 0; i < n; i++) any_link(m, w, ops, i);
    if (one_in(m, 2)) { /* what should go well */
        subject_id somebody = ops[0].subject;
        for (size_t i = 0; i < n; i++)
            ops[i] = (operation){.id = ops[i].id,
                                 .subject = somebody,
                                 .program = 1,
                                 .kind = OPERATION_RESERVE,
                                 .flags = OPERATION_LINKED,
                                 .amount_fen = 1 + below(m, 200)};
        ops[n - 1].kind = one_in(m, 2) ? OPERATION_COMMIT : OPERATION_RELEASE;
        ops[n - 1].target = ops[0].id;
        ops[n - 1].amount_fen = 0;
    }
    if (!one_in(m, 20)) ops[n - 1].flags &= (uint8_t)~OPERATION_LINKED;
    const m_operation *o = any_earlier(m);
    if (o != NULL && one_in(m, 15)) { /* an id that is known, or twice in the chain */
        follow_forgetting(m, w, &o->request.id);
        if (!o->forgotten) ops[below(m, (uint32_t)n)].id = o->request.id;
    }
    if (one_in(m, 30)) ops[n - 1].id = ops[0].id;
    operate_chain(m, w, ops, n);
    if (one_in(m, 4)) operate_chain(m, w, ops, n); /* late, a second time */
}

static void step_put(model *m, world *w) {
    static const uint8_t roles[] = {1, 1, 1, 2, 4, 6, 3, 0};
    static const unsigned flag_fields[] = {FIELD_observed, FIELD_suspended, FIELD_arrears, FIELD_late_settlement};
    static const uint32_t flag_bits[] = {PROFILE_FLAG_OBSERVED, PROFILE_FLAG_SUSPENDED, PROFILE_FLAG_ARREARS,
                                         PROFILE_FLAG_LATE_SETTLEMENT};
    uint32_t n = below(m, MODEL_SUBJECTS), version, flag = below(m, 4);
    m_subject *s = &m->s.subjects[n], next = *s;
    profile_put put = {.mask = 1ull << flag_fields[flag]};
    subject_id id = help_subject(n);
    profile_init(&put.fields, &id);
    bool on = one_in(m, 4);
    next.flags = on ? next.flags | flag_bits[flag] : next.flags & ~flag_bits[flag];
    put.fields.flags = next.flags;
    if (!s->known || one_in(m, 2)) {
        put.mask |=
            1ull << FIELD_retailer | 1ull << FIELD_generator | 1ull << FIELD_power_user | 1ull << FIELD_market_grade;
        put.fields.roles = (uint8_t)(next.roles = roles[below(m, sizeof roles)]);
        put.fields.market_grade = (uint8_t)(next.grade = below(m, 6));
    }
    bool changed = !s->known || memcmp(&next, s, sizeof next) != 0;
    next.known = true;
    next.version += changed;
    *s = next;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
    cr_assert_eq(version, s->version);
}

static void step_policy(model *m, world *w) {
    m->s.strict = one_in(m, 2);
    m->s.policy_version++;
    cr_assert_eq(world_activate(w, m->s.strict ? HELP_POLICY_STRICT : HELP_POLICY, m->s.policy_version), STATUS_OK);
}

/* Often by the millisecond to the very end of the next reservation, or to just before it. */
static int64_t any_time(model *m) {
    static const int64_t steps[] = {0, 1, 500, 2000, 2000, 5000};
    int64_t end = clock_ms_of_day(clock_day_from_date(MODEL_YEAR_ENDS, 1, 1));
    if (m->late && m->now < end) return end - m->now;
    if (m->s.open_count > 0 && one_in(m, 4)) {
        const m_operation *o = &m->operations[m->s.open[below(m, m->s.open_count)]];
        int64_t step = o->answer.expires_ms - m->now - below(m, 2);
        if (step >= 0 && step < 10000) return step;
    }
    if (one_in(m, 800)) return (int64_t)below(m, 40) * 24 * 3600000;
    if (one_in(m, 100)) return below(m, 6 * 3600000);
    if (one_in(m, 50)) return -(int64_t)below(m, 100000);
    return one_in(m, 20) ? below(m, 600000) : steps[below(m, 6)];
}

static void m_begin(model *m, world *w) {
    w->now_ms = m->now + any_time(m);
    if (w->now_ms > m->now) m->now = w->now_ms;
    m->s.touched_count = 0;
    m->before = m->s;
    m_expire(m);
    world_begin(w);
}

/* ------------------------------------------------------------------ comparing */

static void compare_account(const model *m, const world *w, uint32_t n) {
    const m_account *a = &m->s.subjects[n].account;
    subject_id id = help_subject(n);
    account got;
    cr_assert_eq(engine_account(w->e, &id, PROGRAM_POWER, &got), a->exists);
    if (!a->exists) return;
    cr_assert_eq(got.reserved_fen, m_reserved(m, n), "subject %u", n);
    cr_assert_eq(got.committed_fen, a->committed);
    cr_assert_eq(got.settled_fen, a->settled);
    cr_assert_eq(got.seq, a->version << 1);
    cr_assert_eq(got.opened_ms, a->opened);
    cr_assert_eq((got.flags & ACCOUNT_FROZEN) != 0, a->frozen);
    cr_assert_eq(memcmp(got.freeze_reference, a->reference, sizeof a->reference), 0);
    cr_assert(got.energy_12m_mwh == a->year && got.wholesale_2m_mwh == a->wholesale && got.retail_2m_mwh == a->retail &&
              got.forecast_12m_mwh == a->forecast);
    cr_assert_eq(got.instrument_count, a->bond_count);
    for (unsigned i = 0; i < a->bond_count; i++) {
        const instrument *b = &got.instruments[i];
        cr_assert(b->id == a->bonds[i].id && b->amount_fen == a->bonds[i].amount && b->from_hour == a->bonds[i].from &&
                  b->to_hour == a->bonds[i].to && b->kind == a->bonds[i].kind);
    }
}

static void compare_quota(const model *m, const world *w, uint32_t n) {
    m_terms t = m_terms_of(m, n, 1);
    m_quota expected = m_quota_of(m, n, &t);
    quota_request r = {
        .subject = help_subject(n), .program = PROGRAM_POWER, .purpose = PURPOSE_POWER_TRADING, .amount_fen = 1};
    quota q;
    quota_admission admit;
    engine_quota(w->e, &r, 1, policy_moment_at(m->now), &q, &admit);
    if (!m->s.subjects[n].known) {
        cr_assert_eq(q.status, STATUS_UNKNOWN_SUBJECT);
        return;
    }
    bool exists = m->s.subjects[n].account.exists;
    cr_assert_eq(q.status, t.code != STATUS_OK ? t.code : exists ? STATUS_OK : STATUS_NO_ACCOUNT);
    cr_assert(q.limit_fen == expected.limit && q.used_fen == expected.used && q.lodged_fen == expected.lodged);
    cr_assert(q.available_fen == expected.available && q.required_fen == expected.required);
    cr_assert(q.warning == expected.warning && q.flags == expected.flags);
    cr_assert_eq(q.reserved_fen + q.committed_fen, q.used_fen);
    operation one = {.amount_fen = 1};
    unsigned violations = t.code != STATUS_OK ? m_no_terms(t.code) : m_reserve_violations(m, &one, n, &t);
    cr_assert_eq(admit.violations, violations, "subject %u: %x, expected %x", n, admit.violations, violations);
    cr_assert_eq(admit.status, m_first(violations));
}

static void compare(const model *m, const world *w) {
    int64_t due = INT64_MAX;
    for (unsigned i = 0; i < m->s.open_count; i++) {
        int64_t expires = m->operations[m->s.open[i]].answer.expires_ms;
        if (expires < due) due = expires;
    }
    cr_assert_eq(engine_next_due_ms(w->e), due);
    engine_stats stats;
    engine_get_stats(w->e, &stats);
    cr_assert_eq(stats.open_reservations, m->s.open_count);
    cr_assert_eq(stats.policy_version, m->s.policy_version);
    for (uint32_t n = 0; n < MODEL_SUBJECTS; n++) {
        const m_subject *s = &m->s.subjects[n];
        subject_id id = help_subject(n);
        profile p;
        cr_assert_eq(engine_profile(w->e, &id, (policy_moment){0}, &p), s->known);
        if (s->known)
            cr_assert(profile_version(&p) == s->version && p.market_grade == s->grade && p.roles == s->roles &&
                      p.flags == s->flags);
        compare_account(m, w, n);
        compare_quota(m, w, n);
    }
}

static void compare_operations(model *m, world *w) {
    world_begin(w);
    for (uint32_t i = 0; i < m->s.count; i++) {
        const m_operation *o = &m->operations[i];
        if (!o->forgotten) follow_forgetting(m, w, &o->request.id);
        if (o->forgotten) continue;
        /* an aborted group ended nothing, and the next one does */
        bool due = o->state == OPERATION_OPEN && o->answer.expires_ms <= m->now;
        unsigned state = due ? OPERATION_EXPIRED : o->state;
        operation_entry entry;
        operation_result answer;
        cr_assert_eq(txn_outcome(w->t, &o->request.id, &entry), STATUS_OK);
        cr_assert(entry.state == state && entry.at_ms == o->at);
        cr_assert_eq(memcmp(&entry.request, &o->request, sizeof entry.request), 0);
        operation_entry_result(&entry, &answer);
        same_result(&answer, &o->answer, &o->request);
    }
    txn_abort(w->t);
}

/* Reservations that end at one moment do so in any order: of an expiry only what it took is compared. */
static void compare_event(const model *m, const m_event *expected, const account_event *got) {
    const operation *request = &m->operations[expected->operation].request;
    cr_assert_eq(got->version, expected->version);
    cr_assert_eq(got->expiry, expected->expiry);
    cr_assert_eq(got->committed_fen, expected->committed);
    if (got->expiry) {
        cr_assert_eq(got->reserved_before_fen - got->reserved_fen, got->entry.request.amount_fen);
        cr_assert_eq(got->committed_before_fen, got->committed_fen);
        return;
    }
    cr_assert_eq(memcmp(&got->entry.request, request, sizeof *request), 0);
    cr_assert_eq(got->reserved_fen, expected->reserved);
    cr_assert_eq(got->reserved_before_fen, expected->reserved_before);
    cr_assert_eq(got->committed_before_fen, expected->committed_before);
    cr_assert_eq(got->amount_fen, m->operations[expected->operation].answer.amount_fen);
}

/* The newest events, as many as are kept; all of them as long as nothing of the account was forgotten. */
static void compare_history(const model *m, const world *w, uint32_t n) {
    static account_event events[LIMIT_HISTORY_EVENTS];
    subject_id id = help_subject(n);
    const m_account *a = &m->s.subjects[n].account;
    size_t count = 0;
    bool more = false, forgotten = false;
    status code = engine_history(w->e, &id, PROGRAM_POWER, 0, LIMIT_HISTORY_EVENTS, events, &count, &more);
    if (!a->exists) return;
    cr_assert_eq(code, STATUS_OK, "subject %u: %s", n, status_name(code));
    size_t at = count;
    for (uint32_t i = m->s.event_count; i-- > 0 && (at > 0 || !forgotten);) {
        const m_event *v = &m->events[i];
        if (v->subject != n) continue;
        const m_operation *o = &m->operations[v->operation];
        forgotten |= o->resolved != 0 && m->now >= o->resolved + KEPT_MS;
        if (at > 0) compare_event(m, v, &events[--at]);
    }
    cr_assert_eq(at, 0);
    for (size_t i = 1; i < count; i++)
        cr_assert(events[i].reserved_before_fen == events[i - 1].reserved_fen &&
                  events[i].version == events[i - 1].version + 1);
    if (!forgotten && a->events <= LIMIT_HISTORY_EVENTS) cr_assert_eq(count, a->events, "subject %u", n);
}

/* What was granted is open, was given back, or was committed; what was committed is there or is settled. */
static void compare_conservation(const model *m) {
    int64_t granted[MODEL_SUBJECTS] = {0}, given_back[MODEL_SUBJECTS] = {0}, committed[MODEL_SUBJECTS] = {0};
    for (uint32_t i = 0; i < m->s.event_count; i++) {
        const m_event *v = &m->events[i];
        const m_operation *o = &m->operations[v->operation];
        int64_t less = v->reserved_before - v->reserved, more = v->committed - v->committed_before;
        if (o->request.kind == OPERATION_RESERVE && !v->expiry) granted[v->subject] -= less;
        if (v->expiry || o->request.kind == OPERATION_RELEASE) given_back[v->subject] += less;
        if (o->request.kind == OPERATION_COMMIT) {
            committed[v->subject] += more;
            given_back[v->subject] += less - more;
        }
    }
    for (uint32_t n = 0; n < MODEL_SUBJECTS; n++) {
        const m_account *a = &m->s.subjects[n].account;
        cr_assert_eq(granted[n], m_reserved(m, n) + committed[n] + given_back[n]);
        cr_assert_eq(committed[n], a->committed + a->settled);
    }
}

static void compare_all(model *m, world *w) {
    world_check(w->e);
    for (uint32_t n = 0; n < MODEL_SUBJECTS; n++) compare_history(m, w, n);
    compare_conservation(m);
    compare_operations(m, w);
}

/* The engine goes on as it is recovered from what was published; its clock is where it was. */
static void restart(model *m, world *w) {
    engine *fresh = world_engine(KEPT_MS);
    cr_assert_eq(world_apply(fresh, w->log.data, w->log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(fresh), STATUS_OK);
    world_check(fresh);
    world_same(w->e, fresh);
    txn_destroy(&w->t);
    engine_destroy(&w->e);
    w->e = fresh;
    cr_assert_eq(txn_create(w->e, &w->t), STATUS_OK);
    w->now_ms = m->now;
    world_begin(w);
    txn_abort(w->t);
    compare(m, w);
}

/* A model that never meets a rule proves nothing about it. */
static void every_answer_was_met(const model *m) {
    static const uint16_t answers[] = {STATUS_OK,
                                       STATUS_BAD_ENTRY,
                                       STATUS_UNKNOWN_SUBJECT,
                                       STATUS_UNKNOWN_PROGRAM,
                                       STATUS_NOT_EFFECTIVE,
                                       STATUS_BAD_AMOUNT,
                                       STATUS_BAD_VALUE,
                                       STATUS_BAD_VALIDITY,
                                       STATUS_BAD_TTL,
                                       STATUS_NOT_COVERED,
                                       STATUS_SUSPENDED,
                                       STATUS_NO_ACCOUNT,
                                       STATUS_FROZEN,
                                       STATUS_UNRATED,
                                       STATUS_SHORTFALL,
                                       STATUS_LIMIT_EXCEEDED,
                                       STATUS_OVER_RESERVED,
                                       STATUS_UNKNOWN_OPERATION,
                                       STATUS_RESERVATION_EXPIRED,
                                       STATUS_ALREADY_RESOLVED,
                                       STATUS_OVER_COMMITTED,
                                       STATUS_INSTRUMENT_EXISTS,
                                       STATUS_UNKNOWN_INSTRUMENT,
                                       STATUS_TOO_MANY_INSTRUMENTS,
                                       STATUS_LINKED_FAILED,
                                       STATUS_LINKED_OPEN,
                                       STATUS_ALREADY_FROZEN,
                                       STATUS_NOT_FROZEN,
                                       STATUS_OPERATION_REUSED};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        cr_assert_gt(m->seen[answers[i]], 0, "no operation was answered with %s", status_name(answers[i]));
    for (unsigned i = 0; i < 11; i++) cr_assert_gt(m->reasons[i], 0, "no reservation was refused for violation %u", i);
    cr_assert_gt(m->chains_done, 0);
    cr_assert_gt(m->chains_refused, 0);
}

/* ------------------------------------------------------------------ the run */

static void run_group(model *m, world *w, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        uint32_t what = below(m, 100);
        if (what < 8)
            step_put(m, w);
        else if (what < 18)
            step_repeat(m, w);
        else if (what < 28)
            step_chain(m, w);
        else
            step_new(m, w);
    }
    if (one_in(m, 200)) step_policy(m, w);
    alert oldest; /* of no interest here, but for their number */
    while (alerts_after(engine_alerts(w->e), 0, &oldest, 1) == 1 && one_in(m, 2))
        if (txn_acknowledge(w->t, oldest.number) != STATUS_OK) break;
}

/* Published, or as if nothing had been asked. */
static bool end_group(model *m, world *w) {
    if (!one_in(m, 7)) {
        cr_assert_eq(world_changes(w), STATUS_OK);
        world_publish(w);
        return true;
    }
    size_t before = w->log.size;
    if (one_in(m, 2)) cr_assert_eq(world_changes(w), STATUS_OK);
    w->log.size = before;
    txn_abort(w->t);
    m_back_to(m, &m->before);
    return false;
}

static model *new_model(uint32_t operations) {
    model *m = calloc(1, sizeof *m);
    m->random = help_seed("ledger_model");
    m->now = WORLD_START;
    m->room = operations * 4 + 10000;
    m->operations = calloc(m->room, sizeof *m->operations);
    m->events = calloc(m->room, sizeof *m->events);
    m->index = calloc(m->room, sizeof *m->index);
    cr_assert(m->operations != NULL && m->events != NULL && m->index != NULL);
    return m;
}

Test(ledger_model, the_engine_does_what_the_naive_ledger_says, .timeout = 0) {
    const char *wanted = getenv("XINYI_OPERATIONS");
    uint32_t operations = wanted != NULL ? (uint32_t)strtoul(wanted, NULL, 10) : 500000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    if (wanted == NULL) operations = 20000;
#endif
    model *m = new_model(operations);
    world w = {.e = world_engine(KEPT_MS), .now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    step_policy(m, &w);
    world_commit(&w);
    uint32_t groups = 0, aborted = 0, restarts = 0;
    for (; w.next_id < operations; groups++) {
        m->late = w.next_id > operations / 20 * 19;
        m_begin(m, &w);
        run_group(m, &w, 1 + below(m, one_in(m, 10) ? 300 : 40));
        aborted += !end_group(m, &w);
        compare(m, &w);
        if (groups % 100 == 99) world_check(w.e);
        if (groups % 500 == 499) compare_all(m, &w);
        if (w.next_id > operations / RESTARTS * (restarts + 1)) {
            restart(m, &w);
            restarts++;
        }
    }
    compare_all(m, &w);
    restart(m, &w);
    compare_all(m, &w);
    if (operations >= 100000) every_answer_was_met(m);
    fprintf(stderr,
            "ledger_model: %llu operations in %u groups, %u aborted, %u restarts, %u chains done and %u refused\n",
            (unsigned long long)w.next_id, groups, aborted, restarts + 1, m->chains_done, m->chains_refused);
    world_close(&w);
    free(m->operations);
    free(m->events);
    free(m->index);
    free(m);
}
