/* The guarantee ledger as naive as can be, in the tests' own words: arrays, sums taken anew each time, nothing shared
 * with the engine but the records that both speak of. What it says is what engine/ledger.h and engine/operate.h
 * promise; ledger_model_test.c compares the two step by step.
 *
 * One program, the policies of engine_policy.h. A group that is aborted is copied back. */
#ifndef XINYI_TESTS_LEDGER_MODEL_H
#define XINYI_TESTS_LEDGER_MODEL_H

#include "engine/ledger.h"
#include "tests/unit/engine_help.h"

#include <criterion/criterion.h>
#include <stdbool.h>

enum { MODEL_SUBJECTS = 48, MODEL_STRANGERS = 3, MODEL_OPEN = 4096, MODEL_TOUCHED = 16384 };
#define MODEL_YEAR_ENDS 2030
#define MODEL_TTL_MS 300000

typedef struct m_bond {
    uint64_t id;
    int64_t amount;
    uint32_t from, to, kind;
} m_bond;

typedef struct m_account {
    bool exists, frozen;
    m_bond bonds[8];
    unsigned bond_count;
    int64_t committed, settled, year, wholesale, retail, forecast, opened;
    uint32_t version, events; /* of its history, forgotten ones included */
    uint8_t reference[16];
} m_account;

typedef struct m_subject {
    bool known;
    unsigned roles, grade;
    uint32_t flags, version;
    m_account account;
} m_subject;

typedef struct m_operation {
    operation request;
    operation_result answer;
    unsigned state;
    int64_t at, resolved; /* resolved 0: open */
    bool forgotten;
} m_operation;

/* One event of an account's history, with the balances around it. */
typedef struct m_event {
    uint32_t subject, operation, version; /* operation: its index; of an expiry the reservation's */
    bool expiry;
    int64_t reserved_before, committed_before, reserved, committed;
} m_event;

/* What a group can change, so that aborting is copying it back. */
typedef struct m_state {
    m_subject subjects[MODEL_SUBJECTS];
    uint32_t open[MODEL_OPEN]; /* operations that hold exposure */
    unsigned open_count;
    uint32_t count, event_count; /* operations and events */
    bool strict;                 /* the policy refuses those who are short */
    uint32_t policy_version;
    unsigned touched_count;
} m_state;

typedef struct model {
    m_state s, before, chain; /* before the group; before the chain */
    m_operation *operations;
    m_event *events;
    uint32_t *index;                 /* by the number of an id: operation + 1; 0 none */
    uint32_t room;                   /* of all three */
    uint32_t touched[MODEL_TOUCHED]; /* operations resolved in this group, in order */
    uint32_t seen[256];              /* answers by status */
    uint32_t reasons[16];            /* reservations refused, by violation */
    uint32_t chains_done, chains_refused;
    int64_t now;
    uint64_t random;
    bool late; /* the policy's last day is over */
} model;

static inline uint64_t m_number(const operation_id *id) {
    uint64_t n;
    memcpy(&n, id->bytes + 4, sizeof n);
    return n;
}

/* Forgotten ones too. */
static inline m_operation *m_find_any(model *m, const operation_id *id) {
    uint64_t n = m_number(id);
    return n < m->room && m->index[n] != 0 ? &m->operations[m->index[n] - 1] : NULL;
}

static inline m_operation *m_find(model *m, const operation_id *id) {
    m_operation *o = m_find_any(m, id);
    return o != NULL && !o->forgotten ? o : NULL;
}

static inline uint32_t m_subject_number(const subject_id *id) {
    for (uint32_t n = 0; n < MODEL_SUBJECTS + MODEL_STRANGERS; n++) {
        subject_id other = help_subject(n);
        if (subject_equal(id, &other)) return n;
    }
    cr_assert_fail("a subject from nowhere");
    return 0;
}

/* ------------------------------------------------------------------ what the rules say */

typedef struct m_terms {
    status code;
    bool covered, exempt, suspended, rated;
    int64_t factor, unsecured; /* in ten-thousandths */
} m_terms;

static inline m_terms m_terms_of(const model *m, uint32_t n, unsigned program) {
    static const int64_t factors[] = {15000, 15000, 13000, 10000, 7000, 5000};
    static const int64_t unsecured[] = {0, 0, 0, 300, 500, 800};
    m_terms t = {.code = STATUS_UNKNOWN_SUBJECT};
    if (n >= MODEL_SUBJECTS || !m->s.subjects[n].known) return t;
    const m_subject *s = &m->s.subjects[n];
    t.code = STATUS_UNKNOWN_PROGRAM;
    if (program != 1) return t;
    t.code = STATUS_NOT_EFFECTIVE;
    int year, month, day;
    clock_date_from_day(clock_day_of_ms(m->now), &year, &month, &day);
    if (year < 2026 || year >= MODEL_YEAR_ENDS) return t;
    bool retailer = s->roles & PROFILE_ROLE_RETAILER;
    bool other = s->roles & (PROFILE_ROLE_GENERATOR | PROFILE_ROLE_USER);
    t.code = STATUS_OK;
    t.covered = retailer || other;
    t.exempt =
        !retailer && other && s->grade >= MARKET_A && !(s->flags & (PROFILE_FLAG_OBSERVED | PROFILE_FLAG_ARREARS));
    t.suspended = s->flags & PROFILE_FLAG_SUSPENDED;
    t.rated = s->grade != 0;
    t.factor = factors[s->grade];
    t.unsecured = s->flags & PROFILE_FLAG_LATE_SETTLEMENT ? 0 : unsecured[s->grade];
    return t;
}

static inline int64_t m_reserved(const model *m, uint32_t subject) {
    subject_id id = help_subject(subject);
    int64_t sum = 0;
    for (unsigned i = 0; i < m->s.open_count; i++) {
        const m_operation *o = &m->operations[m->s.open[i]];
        if (subject_equal(&o->request.subject, &id)) sum += o->request.amount_fen;
    }
    return sum;
}

typedef struct m_quota {
    int64_t lodged, limit, reserved, used, available, required;
    unsigned warning, flags;
} m_quota;

static inline bool m_counts(const m_bond *b, int64_t now) {
    int64_t hour = now / 3600000;
    return b->from <= hour && (b->to == UINT32_MAX || hour < b->to);
}

static inline int64_t m_lodged(const m_account *a, int64_t now) {
    int64_t sum = 0;
    for (unsigned i = 0; i < a->bond_count; i++) sum += m_counts(&a->bonds[i], now) ? a->bonds[i].amount : 0;
    return sum;
}

static inline int64_t m_required(const m_account *a, const m_terms *t) {
    __int128 base = (__int128)a->year * 800,
             two = (__int128)(a->wholesale > a->retail ? a->wholesale : a->retail) * 5000;
    if (a->year == 0 && a->wholesale == 0 && a->retail == 0) {
        base = (__int128)a->forecast * 800;
        two = (__int128)a->forecast * 5000;
        two = two / 6 + (two % 6 != 0);
    }
    if (two > base) base = two;
    if (t->exempt || !t->covered) return 0;
    __int128 required = base * t->factor / 10000;
    return (int64_t)(required * 10000 < base * t->factor ? required + 1 : required);
}

/* Subject MODEL_SUBJECTS: nobody's account. */
static inline m_quota m_quota_of(const model *m, uint32_t n, const m_terms *t) {
    m_quota q = {0};
    if (t->code == STATUS_OK)
        q.flags = (t->covered ? QUOTA_COVERED : 0) | (t->exempt ? QUOTA_EXEMPT : 0) |
                  (t->suspended ? QUOTA_SUSPENDED : 0) | (t->rated ? QUOTA_RATED : 0);
    if (n >= MODEL_SUBJECTS) return q;
    const m_account *a = &m->s.subjects[n].account;
    if (!a->exists) return q;
    if (a->frozen) q.flags |= QUOTA_FROZEN;
    q.lodged = m_lodged(a, m->now);
    q.reserved = m_reserved(m, n);
    q.used = q.reserved + a->committed;
    if (t->code != STATUS_OK) return q;
    q.limit = (int64_t)((__int128)q.lodged * (10000 + t->unsecured) / 10000);
    q.available = t->covered && q.used < q.limit ? q.limit - q.used : 0;
    q.required = m_required(a, t);
    if (q.required > q.lodged) q.flags |= QUOTA_SHORT;
    static const int percents[] = {80, 90, 100};
    for (int i = 0; i < 3 && q.used > 0 && !t->exempt; i++)
        if ((__int128)q.used * 100 >= (__int128)q.limit * percents[i]) q.warning = (unsigned)i + 1;
    return q;
}

/* ------------------------------------------------------------------ events */

/* The account of subject n is changed by an operation, or by the end of a reservation. */
static inline void m_event_of(model *m, uint32_t n, uint32_t index, bool expiry, int64_t reserved_before,
                              int64_t committed_before) {
    m_account *a = &m->s.subjects[n].account;
    a->version++;
    a->events++;
    cr_assert_lt(m->s.event_count, m->room);
    m->events[m->s.event_count++] = (m_event){.subject = n,
                                              .operation = index,
                                              .version = a->version,
                                              .expiry = expiry,
                                              .reserved_before = reserved_before,
                                              .committed_before = committed_before,
                                              .reserved = m_reserved(m, n),
                                              .committed = a->committed};
}

static inline void m_end(model *m, uint32_t index, unsigned state, int64_t resolved) {
    m_operation *o = &m->operations[index];
    for (unsigned i = 0; i < m->s.open_count; i++)
        if (m->s.open[i] == index) m->s.open[i] = m->s.open[--m->s.open_count];
    cr_assert_lt(m->s.touched_count, MODEL_TOUCHED);
    m->touched[m->s.touched_count++] = index;
    o->state = state;
    o->resolved = resolved;
}

/* What is due ends, each with an event of its own. */
static inline void m_expire(model *m) {
    for (unsigned i = 0; i < m->s.open_count;) {
        uint32_t index = m->s.open[i];
        const m_operation *o = &m->operations[index];
        if (o->answer.expires_ms > m->now) {
            i++;
            continue;
        }
        uint32_t n = m_subject_number(&o->request.subject);
        int64_t reserved = m_reserved(m, n), committed = m->s.subjects[n].account.committed;
        m_end(m, index, OPERATION_EXPIRED, o->answer.expires_ms);
        m_event_of(m, n, index, true, reserved, committed);
    }
}

/* Back to an earlier state of this group, or to before it. */
static inline void m_back_to(model *m, const m_state *then) {
    for (unsigned i = m->s.touched_count; i-- > then->touched_count;) {
        m_operation *o = &m->operations[m->touched[i]];
        o->state = OPERATION_OPEN;
        o->resolved = 0;
    }
    for (uint32_t i = then->count; i < m->s.count; i++) m->index[m_number(&m->operations[i].request.id)] = 0;
    m->s = *then;
}

#endif
