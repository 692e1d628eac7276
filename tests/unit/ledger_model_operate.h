/* How the naive ledger executes operations and chains (tests/unit/ledger_model.h). */
#ifndef XINYI_TESTS_LEDGER_MODEL_OPERATE_H
#define XINYI_TESTS_LEDGER_MODEL_OPERATE_H

#include "tests/unit/ledger_model.h"

/* ------------------------------------------------------------------ the form and the content of requests */

/* Generated requests are malformed only by a field that their kind does not use, or by a flag of nobody. */
static inline bool m_malformed(const operation *op) {
    bool about_bond = op->kind == OPERATION_PLEDGE || op->kind == OPERATION_WITHDRAW || op->kind == OPERATION_AMEND;
    bool bond = op->kind == OPERATION_PLEDGE || op->kind == OPERATION_AMEND;
    if ((op->flags & ~OPERATION_LINKED) != 0) return true;
    if (op->to_hour != 0 && !bond) return true;
    return about_bond && op->energy.retail_2m_mwh != 0;
}

static inline bool m_is_amount(int64_t amount, int64_t least) { return amount >= least && amount <= LIMIT_AMOUNT_FEN; }

static inline status m_content(const operation *op, int64_t now) {
    int64_t hour = now / 3600000;
    const int64_t energies[] = {op->amount_fen, op->energy.wholesale_2m_mwh, op->energy.retail_2m_mwh,
                                (int64_t)op->forecast_gwh * 1000};
    switch (op->kind) {
    case OPERATION_RESERVE:
    case OPERATION_SETTLE: return m_is_amount(op->amount_fen, 1) ? STATUS_OK : STATUS_BAD_AMOUNT;
    case OPERATION_COMMIT: return m_is_amount(op->amount_fen, 0) ? STATUS_OK : STATUS_BAD_AMOUNT;
    case OPERATION_ENERGY:
        for (int i = 0; i < 4; i++)
            if (energies[i] < 0 || energies[i] > LIMIT_ENERGY_MWH) return STATUS_BAD_AMOUNT;
        return STATUS_OK;
    case OPERATION_PLEDGE:
        if (!m_is_amount(op->amount_fen, 1)) return STATUS_BAD_AMOUNT;
        if (op->instrument == 0 || op->instrument_kind < 1 || op->instrument_kind > 3) return STATUS_BAD_VALUE;
        return op->from_hour >= op->to_hour || op->to_hour <= hour ? STATUS_BAD_VALIDITY : STATUS_OK;
    case OPERATION_AMEND:
        if (!m_is_amount(op->amount_fen, 0)) return STATUS_BAD_AMOUNT;
        if (op->instrument == 0 || (op->amount_fen == 0 && op->from_hour == 0 && op->to_hour == 0))
            return STATUS_BAD_VALUE;
        if (op->to_hour == 0) return STATUS_OK;
        return op->from_hour >= op->to_hour || op->to_hour <= hour ? STATUS_BAD_VALIDITY : STATUS_OK;
    case OPERATION_FREEZE: /* a text that ends at the first zero byte, without control characters */
        for (unsigned i = 0; i < sizeof op->reference; i++) {
            bool ended = i > 0 && op->reference[i - 1] == 0, zero = op->reference[i] == 0;
            if (ended && !zero) return STATUS_BAD_VALUE;
            if (!zero && (op->reference[i] < 0x20 || op->reference[i] == 0x7F)) return STATUS_BAD_VALUE;
        }
        return STATUS_OK;
    default: return STATUS_OK;
    }
}

/* ------------------------------------------------------------------ the kinds */

static inline unsigned m_reserve_violations(const model *m, const operation *op, uint32_t n, const m_terms *t) {
    const m_account *a = &m->s.subjects[n].account;
    m_quota q = m_quota_of(m, n, t);
    unsigned v = 0;
    if (op->ttl_ms > 3600000) v |= VIOLATION_BAD_TTL;
    if (!t->covered) v |= VIOLATION_NOT_COVERED;
    if (t->suspended) v |= VIOLATION_SUSPENDED;
    if (!a->exists) v |= VIOLATION_NO_ACCOUNT;
    if (a->exists && a->frozen) v |= VIOLATION_FROZEN;
    if (!t->exempt && !t->rated) v |= VIOLATION_UNRATED;
    if (!a->exists) return v;
    if (!t->exempt && m->s.strict && q.required > q.lodged) v |= VIOLATION_SHORTFALL;
    if (!t->exempt && q.used + op->amount_fen > q.limit) v |= VIOLATION_LIMIT_EXCEEDED;
    if (q.used + op->amount_fen > 8 * LIMIT_AMOUNT_FEN) v |= VIOLATION_AMOUNT_OVERFLOW;
    return v;
}

/* In the order in which people are told. */
static inline status m_first(unsigned v) {
    static const struct {
        unsigned violation;
        status code;
    } order[] = {{VIOLATION_UNKNOWN_SUBJECT, STATUS_UNKNOWN_SUBJECT},
                 {VIOLATION_UNKNOWN_PROGRAM, STATUS_UNKNOWN_PROGRAM},
                 {VIOLATION_NOT_EFFECTIVE, STATUS_NOT_EFFECTIVE},
                 {VIOLATION_BAD_TTL, STATUS_BAD_TTL},
                 {VIOLATION_NOT_COVERED, STATUS_NOT_COVERED},
                 {VIOLATION_SUSPENDED, STATUS_SUSPENDED},
                 {VIOLATION_NO_ACCOUNT, STATUS_NO_ACCOUNT},
                 {VIOLATION_FROZEN, STATUS_FROZEN},
                 {VIOLATION_UNRATED, STATUS_UNRATED},
                 {VIOLATION_SHORTFALL, STATUS_SHORTFALL},
                 {VIOLATION_LIMIT_EXCEEDED, STATUS_LIMIT_EXCEEDED},
                 {VIOLATION_AMOUNT_OVERFLOW, STATUS_AMOUNT_OVERFLOW}};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (v & order[i].violation) return order[i].code;
    return STATUS_OK;
}

static inline unsigned m_no_terms(status why) {
    return why == STATUS_UNKNOWN_SUBJECT   ? VIOLATION_UNKNOWN_SUBJECT
           : why == STATUS_UNKNOWN_PROGRAM ? VIOLATION_UNKNOWN_PROGRAM
                                           : VIOLATION_NOT_EFFECTIVE;
}

static inline status m_resolve(model *m, const operation *op, uint32_t n, int64_t *effect) {
    m_operation *target = m_find(m, &op->target);
    if (target == NULL || target->request.kind != OPERATION_RESERVE || target->answer.status != STATUS_OK ||
        target->request.program != op->program || !subject_equal(&target->request.subject, &op->subject))
        return STATUS_UNKNOWN_OPERATION;
    if (target->state == OPERATION_EXPIRED) return STATUS_RESERVATION_EXPIRED;
    if (target->state != OPERATION_OPEN) return STATUS_ALREADY_RESOLVED;
    int64_t reserved = target->request.amount_fen;
    if (op->amount_fen > reserved) return STATUS_OVER_RESERVED;
    bool commit = op->kind == OPERATION_COMMIT;
    int64_t committed = !commit ? 0 : op->amount_fen == 0 ? reserved : op->amount_fen;
    *effect = commit ? committed : reserved;
    m->s.subjects[n].account.committed += committed;
    m_end(m, (uint32_t)(target - m->operations), commit ? OPERATION_COMMITTED : OPERATION_RELEASED, m->now);
    return STATUS_OK;
}

static inline void m_drop_bond(m_account *a, unsigned i) {
    for (; i + 1 < a->bond_count; i++) a->bonds[i] = a->bonds[i + 1];
    a->bond_count--;
}

static inline void m_open_account(m_account *a, int64_t now) {
    if (!a->exists) *a = (m_account){.exists = true, .opened = now};
}

static inline status m_pledge(const model *m, const operation *op, m_account *a) {
    int64_t hour = m->now / 3600000;
    for (unsigned i = 0; i < a->bond_count; i++)
        if (a->bonds[i].id == op->instrument) return STATUS_INSTRUMENT_EXISTS;
    if (a->bond_count == 8) {
        unsigned first = 0;
        for (unsigned i = 1; i < 8; i++)
            if (a->bonds[i].to < a->bonds[first].to) first = i;
        if (a->bonds[first].to == UINT32_MAX || a->bonds[first].to + 31 * 24 > hour) return STATUS_TOO_MANY_INSTRUMENTS;
        m_drop_bond(a, first);
    }
    m_open_account(a, m->now);
    a->bonds[a->bond_count++] =
        (m_bond){op->instrument, op->amount_fen, op->from_hour == 0 ? (uint32_t)hour : op->from_hour, op->to_hour,
                 op->instrument_kind};
    return STATUS_OK;
}

/* Withdraw and amend: what lowers the sum that is lodged now must leave enough. */
static inline status m_bond_change(model *m, const operation *op, uint32_t n, const m_terms *t, int64_t *effect) {
    m_account *a = &m->s.subjects[n].account, old = *a;
    unsigned i = 0;
    while (i < a->bond_count && a->bonds[i].id != op->instrument) i++;
    if (i == a->bond_count) return STATUS_UNKNOWN_INSTRUMENT;
    m_bond bond = a->bonds[i];
    *effect = bond.amount;
    if (op->kind == OPERATION_WITHDRAW) {
        m_drop_bond(a, i);
    } else {
        if (op->amount_fen != 0) bond.amount = op->amount_fen;
        if (op->from_hour != 0) bond.from = op->from_hour;
        if (op->to_hour != 0) bond.to = op->to_hour;
        if (bond.from >= bond.to) return STATUS_BAD_VALIDITY;
        a->bonds[i] = bond;
        *effect = bond.amount;
    }
    status code = STATUS_OK;
    if (m_lodged(a, m->now) < m_lodged(&old, m->now)) {
        m_quota q = m_quota_of(m, n, t);
        if (!t->exempt && q.used > q.limit) code = STATUS_LIMIT_EXCEEDED;
        if (a->frozen) code = STATUS_FROZEN;
    }
    if (code != STATUS_OK) *a = old;
    return code;
}

static inline status m_freeze(const operation *op, m_account *a) {
    bool freeze = op->kind == OPERATION_FREEZE;
    if (a->frozen == freeze) return freeze ? STATUS_ALREADY_FROZEN : STATUS_NOT_FROZEN;
    a->frozen = freeze;
    memset(a->reference, 0, sizeof a->reference);
    if (freeze) memcpy(a->reference, op->reference, sizeof a->reference);
    return STATUS_OK;
}

static inline status m_settle(const operation *op, m_account *a) {
    if (op->amount_fen > a->committed) return STATUS_OVER_COMMITTED;
    a->committed -= op->amount_fen;
    a->settled += op->amount_fen;
    return STATUS_OK;
}

static inline void m_energy(const model *m, const operation *op, m_account *a) {
    m_open_account(a, m->now);
    a->year = op->amount_fen;
    a->wholesale = op->energy.wholesale_2m_mwh;
    a->retail = op->energy.retail_2m_mwh;
    a->forecast = (int64_t)op->forecast_gwh * 1000;
}

/* The subject is known, the program possible, the content good. */
static inline status m_kind(model *m, const operation *op, uint32_t n, const m_terms *t, int64_t *effect,
                            unsigned *violations) {
    bool elsewhere = op->program != 1; /* other programs never have accounts here */
    m_account *a = &m->s.subjects[n].account;
    bool exists = !elsewhere && a->exists;
    switch (op->kind) {
    case OPERATION_RESERVE:
        *violations = t->code != STATUS_OK ? m_no_terms(t->code) : m_reserve_violations(m, op, n, t);
        return m_first(*violations);
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: return m_resolve(m, op, n, effect);
    case OPERATION_PLEDGE: return t->code == STATUS_UNKNOWN_PROGRAM ? t->code : m_pledge(m, op, a);
    case OPERATION_ENERGY:
        *effect = 0;
        if (t->code == STATUS_UNKNOWN_PROGRAM) return t->code;
        m_energy(m, op, a);
        return STATUS_OK;
    default: break;
    }
    if (!exists) return t->code == STATUS_UNKNOWN_PROGRAM ? t->code : STATUS_NO_ACCOUNT;
    if (op->kind == OPERATION_SETTLE) return m_settle(op, a);
    if (op->kind == OPERATION_WITHDRAW || op->kind == OPERATION_AMEND) return m_bond_change(m, op, n, t, effect);
    *effect = 0;
    return m_freeze(op, a);
}

/* ------------------------------------------------------------------ one operation */

/* The id is not known. With a verdict other than OK it is refused with that. Returns its answer and keeps it. */
static inline operation_result m_execute(model *m, const operation *op, status verdict, unsigned violations) {
    uint32_t n = m_subject_number(&op->subject);
    m_terms t = m_terms_of(m, n, op->program);
    int64_t effect = op->amount_fen, reserved = 0, committed = 0;
    bool mine = n < MODEL_SUBJECTS && m->s.subjects[n].known && op->program == 1;
    if (mine) {
        reserved = m_reserved(m, n);
        committed = m->s.subjects[n].account.committed;
    }
    status code = verdict != STATUS_OK ? verdict : m_content(op, m->now);
    bool possible = op->program >= 1 && op->program <= 15;
    if (code == STATUS_OK && (t.code == STATUS_UNKNOWN_SUBJECT || !possible)) {
        code = t.code;
        if (op->kind == OPERATION_RESERVE) violations = m_no_terms(code);
    }
    if (code == STATUS_OK) code = m_kind(m, op, n, &t, &effect, &violations);
    cr_assert_lt(m->s.count, m->room);
    uint32_t index = m->s.count++;
    m_operation *o = &m->operations[index];
    bool open = op->kind == OPERATION_RESERVE && code == STATUS_OK;
    *o = (m_operation){.request = *op, .at = m->now, .resolved = open ? 0 : m->now};
    m->index[m_number(&op->id)] = index + 1;
    if (open) {
        cr_assert_lt(m->s.open_count, MODEL_OPEN);
        m->s.open[m->s.open_count++] = index;
        o->state = OPERATION_OPEN;
    }
    if (code == STATUS_OK) m_event_of(m, n, index, false, reserved, committed);
    uint32_t where = mine ? n : MODEL_SUBJECTS;
    m_quota q = m_quota_of(m, where, &t);
    o->answer = (operation_result){.status = (uint16_t)code,
                                   .warning = (uint8_t)q.warning,
                                   .flags = (uint8_t)q.flags,
                                   .account_version = mine ? m->s.subjects[n].account.version : 0,
                                   .amount_fen = code == STATUS_OK ? effect : 0,
                                   .limit_fen = q.limit,
                                   .used_fen = q.used,
                                   .available_fen = q.available,
                                   .committed_fen = mine ? m->s.subjects[n].account.committed : 0,
                                   .violations = (uint16_t)violations};
    if (open) o->answer.expires_ms = m->now + (op->ttl_ms == 0 ? MODEL_TTL_MS : op->ttl_ms);
    return o->answer;
}

/* The first answer again, or that the id is somebody else's; false if it is not known. */
static inline bool m_repeat(model *m, const operation *op, operation_result *answer) {
    const m_operation *o = m_find(m, &op->id);
    if (o == NULL) return false;
    bool same = memcmp(&o->request, op, sizeof *op) == 0;
    *answer = same ? o->answer : (operation_result){.status = STATUS_OPERATION_REUSED};
    return true;
}

static inline operation_result m_operate(model *m, const operation *op) {
    operation_result answer = {.status = STATUS_BAD_ENTRY};
    if (m_malformed(op) || m_repeat(m, op, &answer)) return answer;
    return m_execute(m, op, STATUS_OK, 0);
}

/* ------------------------------------------------------------------ chains */

/* What refuses a chain before anything is executed: its place and why; OK: nothing does. */
static inline status m_look_over(model *m, const operation *ops, size_t n, size_t *fault) {
    operation_result answer;
    size_t known = 0;
    for (*fault = 0; *fault < n; ++*fault)
        if (m_malformed(&ops[*fault])) return STATUS_BAD_ENTRY;
    for (size_t i = n; i-- > 0;)
        if (m_repeat(m, &ops[i], &answer)) {
            known++;
            *fault = i;
        }
    for (size_t i = 0; i < n; i++)
        if (m_repeat(m, &ops[i], &answer) && answer.status == STATUS_OPERATION_REUSED &&
            memcmp(&m_find(m, &ops[i].id)->request, &ops[i], sizeof ops[i]) != 0) {
            *fault = i;
            return STATUS_OPERATION_REUSED;
        }
    if (known > 0) return STATUS_LINKED_FAILED; /* or it is known as a whole */
    *fault = n - 1;
    return ops[n - 1].flags & OPERATION_LINKED ? STATUS_LINKED_OPEN : STATUS_OK;
}

static inline bool m_all_known(model *m, const operation *ops, size_t n, operation_result *answers) {
    for (size_t i = 0; i < n; i++)
        if (m_malformed(&ops[i]) || !m_repeat(m, &ops[i], &answers[i]) ||
            memcmp(&m_find(m, &ops[i].id)->request, &ops[i], sizeof ops[i]) != 0)
            return false;
    return true;
}

static inline void m_refuse_chain(model *m, const operation *ops, size_t n, operation_result *answers, size_t fault,
                                  status why, unsigned violations) {
    m->chains_refused++;
    for (size_t i = 0; i < n; i++) {
        status mine = i == fault ? why : STATUS_LINKED_FAILED;
        if (!m_malformed(&ops[i]) && m_repeat(m, &ops[i], &answers[i])) continue;
        answers[i] = (operation_result){.status = (uint16_t)mine};
        if (m_malformed(&ops[i]) || mine == STATUS_OPERATION_REUSED || mine == STATUS_BAD_ENTRY) continue;
        answers[i] = m_execute(m, &ops[i], mine, i == fault ? violations : 0);
    }
}

/* All of it, or nothing but the refusals. */
static inline void m_operate_chain(model *m, const operation *ops, size_t n, operation_result *answers) {
    size_t fault;
    if (m_all_known(m, ops, n, answers)) return;
    status why = m_look_over(m, ops, n, &fault);
    unsigned violations = 0;
    m->chain = m->s;
    for (size_t i = 0; i < n && why == STATUS_OK; i++) {
        fault = i;
        if (m_find(m, &ops[i].id) != NULL) {
            why = STATUS_OPERATION_REUSED; /* twice in the chain */
            break;
        }
        answers[i] = m_execute(m, &ops[i], STATUS_OK, 0);
        violations = answers[i].violations;
        why = (status)answers[i].status;
    }
    if (why == STATUS_OK) {
        m->chains_done++;
        return;
    }
    m_back_to(m, &m->chain);
    m_refuse_chain(m, ops, n, answers, fault, why, violations);
}

#endif
