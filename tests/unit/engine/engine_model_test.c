/* Random operations against a model that is as naive as can be: arrays, linear searches, sums taken anew each time.
 * Groups are published or aborted at random, a virtual clock makes reservations and bonds end, and after each group
 * everything that the engine shows must be what the model says.
 *
 * XINYI_SEED repeats a run, XINYI_OPERATIONS makes it longer. */
#include "tests/unit/engine_world.h"

#include <stdbool.h>

enum { SUBJECTS = 48, STRANGERS = 3, MOST_OPEN = 4096 };
#define KEPT_MS 120000
#define MODEL_YEAR_ENDS 2030

typedef struct m_bond {
    uint64_t id;
    int64_t amount;
    uint32_t from, to, kind;
} m_bond;

typedef struct m_account {
    bool exists;
    m_bond bonds[8];
    unsigned bond_count;
    int64_t committed, settled, year, wholesale, retail, forecast, opened;
    uint32_t version;
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
    int64_t at, resolved;
    bool forgotten;
} m_operation;

/* What a group can change, so that aborting is copying it back. */
typedef struct m_state {
    m_subject subjects[SUBJECTS];
    uint32_t open[MOST_OPEN]; /* operations that hold exposure */
    unsigned open_count;
    bool strict; /* the policy refuses those who are short */
    uint32_t policy_version;
} m_state;

typedef struct model {
    m_state s, before;
    m_operation *operations;
    uint32_t count, room, count_before;
    uint32_t touched[MOST_OPEN * 4]; /* operations resolved in this group */
    unsigned touched_count;
    uint32_t seen[256]; /* answers by status */
    int64_t now;
    uint64_t random;
    bool late; /* the policy's last day is over */
} model;

static uint32_t below(model *m, uint32_t n) { return help_below(&m->random, n); }
static bool one_in(model *m, uint32_t n) { return below(m, n) == 0; }

/* ------------------------------------------------------------------ what the rules say */

typedef struct m_terms {
    status code;
    bool covered, exempt, suspended, rated;
    int64_t factor, unsecured; /* in ten-thousandths */
} m_terms;

static m_terms terms_of(const model *m, const m_subject *s, unsigned program) {
    static const int64_t factors[] = {15000, 15000, 13000, 10000, 7000, 5000};
    static const int64_t unsecured[] = {0, 0, 0, 300, 500, 800};
    m_terms t = {.code = STATUS_UNKNOWN_PROGRAM};
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

static int64_t reserved_of(const model *m, uint32_t subject) {
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

static bool counts(const m_bond *b, int64_t now) {
    int64_t hour = now / 3600000;
    return b->from <= hour && (b->to == UINT32_MAX || hour < b->to);
}

static int64_t required_of(const m_account *a, const m_terms *t) {
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
    if (required * 10000 < base * t->factor) required++;
    return (int64_t)required;
}

static m_quota quota_of(const model *m, uint32_t subject, const m_terms *t) {
    m_quota q = {0};
    if (t->code == STATUS_OK)
        q.flags = (t->covered ? QUOTA_COVERED : 0) | (t->exempt ? QUOTA_EXEMPT : 0) |
                  (t->suspended ? QUOTA_SUSPENDED : 0) | (t->rated ? QUOTA_RATED : 0);
    if (subject >= SUBJECTS) return q;
    const m_account *a = &m->s.subjects[subject].account;
    if (!a->exists) return q;
    for (unsigned i = 0; i < a->bond_count; i++)
        if (counts(&a->bonds[i], m->now)) q.lodged += a->bonds[i].amount;
    q.reserved = reserved_of(m, subject);
    q.used = q.reserved + a->committed;
    if (t->code != STATUS_OK) return q;
    q.limit = (int64_t)((__int128)q.lodged * (10000 + t->unsecured) / 10000);
    q.available = t->covered && q.used < q.limit ? q.limit - q.used : 0;
    q.required = required_of(a, t);
    if (q.required > q.lodged) q.flags |= QUOTA_SHORT;
    static const int percents[] = {80, 90, 100};
    for (int i = 0; i < 3 && q.used > 0 && !t->exempt; i++)
        if ((__int128)q.used * 100 >= (__int128)q.limit * percents[i]) q.warning = (unsigned)i + 1;
    return q;
}

/* ------------------------------------------------------------------ executing in the model */

static m_operation *find(model *m, const operation_id *id) {
    for (uint32_t i = m->count; i-- > 0;)
        if (memcmp(&m->operations[i].request.id, id, sizeof *id) == 0)
            return m->operations[i].forgotten ? NULL : &m->operations[i];
    return NULL;
}

static void resolve(model *m, uint32_t index, unsigned state, int64_t committed) {
    m_operation *o = &m->operations[index];
    for (unsigned i = 0; i < m->s.open_count; i++)
        if (m->s.open[i] == index) m->s.open[i] = m->s.open[--m->s.open_count];
    cr_assert_lt(m->touched_count, sizeof m->touched / sizeof *m->touched);
    m->touched[m->touched_count++] = index;
    o->state = state;
    o->resolved = m->now;
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        subject_id id = help_subject(n);
        if (!subject_equal(&id, &o->request.subject)) continue;
        m->s.subjects[n].account.committed += committed;
        m->s.subjects[n].account.version++;
    }
}

static status m_reserve(model *m, const operation *op, uint32_t n, const m_terms *t) {
    const m_account *a = &m->s.subjects[n].account;
    if (t->code != STATUS_OK) return t->code;
    if (op->ttl_ms > 3600000) return STATUS_BAD_TTL;
    if (!t->covered) return STATUS_NOT_COVERED;
    if (t->suspended) return STATUS_SUSPENDED;
    if (!a->exists) return STATUS_NO_ACCOUNT;
    m_quota q = quota_of(m, n, t);
    if (!t->exempt) {
        if (!t->rated) return STATUS_UNRATED;
        if (m->s.strict && q.required > q.lodged) return STATUS_SHORTFALL;
        if (q.used + op->amount_fen > q.limit) return STATUS_LIMIT_EXCEEDED;
    }
    if (q.used + op->amount_fen > 8 * LIMIT_AMOUNT_FEN) return STATUS_AMOUNT_OVERFLOW;
    return STATUS_OK;
}

static status m_resolve(model *m, const operation *op, int64_t *effect) {
    m_operation *target = find(m, &op->target);
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
    resolve(m, (uint32_t)(target - m->operations), commit ? OPERATION_COMMITTED : OPERATION_RELEASED, committed);
    return STATUS_OK;
}

static void drop_bond(m_account *a, unsigned i) {
    for (; i + 1 < a->bond_count; i++) a->bonds[i] = a->bonds[i + 1];
    a->bond_count--;
}

static status m_pledge(model *m, const operation *op, m_account *a) {
    int64_t hour = m->now / 3600000;
    for (unsigned i = 0; a->exists && i < a->bond_count; i++)
        if (a->bonds[i].id == op->instrument) return STATUS_INSTRUMENT_EXISTS;
    if (a->bond_count == 8) {
        unsigned first = 0;
        for (unsigned i = 1; i < 8; i++)
            if (a->bonds[i].to < a->bonds[first].to) first = i;
        if (a->bonds[first].to == UINT32_MAX || a->bonds[first].to + 31 * 24 > hour) return STATUS_TOO_MANY_INSTRUMENTS;
        drop_bond(a, first);
    }
    if (!a->exists) *a = (m_account){.exists = true, .opened = m->now};
    a->bonds[a->bond_count++] =
        (m_bond){op->instrument, op->amount_fen, op->from_hour == 0 ? (uint32_t)hour : op->from_hour, op->to_hour,
                 op->instrument_kind};
    a->version++;
    return STATUS_OK;
}

static status m_withdraw(model *m, const operation *op, uint32_t n, const m_terms *t, int64_t *effect) {
    m_account *a = &m->s.subjects[n].account, old = *a;
    if (!a->exists) return t->code == STATUS_UNKNOWN_PROGRAM ? t->code : STATUS_NO_ACCOUNT;
    unsigned i = 0;
    while (i < a->bond_count && a->bonds[i].id != op->instrument) i++;
    if (i == a->bond_count) return STATUS_UNKNOWN_INSTRUMENT;
    drop_bond(a, i);
    m_quota q = quota_of(m, n, t);
    if (counts(&old.bonds[i], m->now) && !t->exempt && q.used > q.limit) {
        *a = old;
        return STATUS_LIMIT_EXCEEDED;
    }
    *effect = old.bonds[i].amount;
    a->version++;
    return STATUS_OK;
}

static bool amount_within(const operation *op) {
    const int64_t energies[] = {op->amount_fen, op->energy.wholesale_2m_mwh, op->energy.retail_2m_mwh,
                                (int64_t)op->forecast_gwh * 1000};
    switch (op->kind) {
    case OPERATION_COMMIT: return op->amount_fen >= 0 && op->amount_fen <= LIMIT_AMOUNT_FEN;
    case OPERATION_RELEASE:
    case OPERATION_WITHDRAW: return true;
    case OPERATION_ENERGY:
        for (int i = 0; i < 4; i++)
            if (energies[i] < 0 || energies[i] > LIMIT_ENERGY_MWH) return false;
        return true;
    default: return op->amount_fen > 0 && op->amount_fen <= LIMIT_AMOUNT_FEN;
    }
}

static status m_energy(model *m, const operation *op, m_account *a) {
    if (!a->exists) *a = (m_account){.exists = true, .opened = m->now};
    a->year = op->amount_fen;
    a->wholesale = op->energy.wholesale_2m_mwh;
    a->retail = op->energy.retail_2m_mwh;
    a->forecast = (int64_t)op->forecast_gwh * 1000;
    a->version++;
    return STATUS_OK;
}

static status m_execute(model *m, const operation *op, uint32_t n, const m_terms *t, int64_t *effect) {
    if (!amount_within(op)) return STATUS_BAD_AMOUNT;
    if (op->kind == OPERATION_PLEDGE) {
        if (op->instrument == 0 || op->instrument_kind < 1 || op->instrument_kind > 3) return STATUS_BAD_VALUE;
        if (op->from_hour >= op->to_hour || op->to_hour <= m->now / 3600000) return STATUS_BAD_VALIDITY;
    }
    if (n >= SUBJECTS || !m->s.subjects[n].known) return STATUS_UNKNOWN_SUBJECT;
    if (op->program < 1 || op->program > 15) return STATUS_UNKNOWN_PROGRAM;
    m_account nobody = {0}; /* other programs never have accounts here */
    m_account *a = op->program == 1 ? &m->s.subjects[n].account : &nobody;
    switch (op->kind) {
    case OPERATION_RESERVE: return m_reserve(m, op, n, t);
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: return m_resolve(m, op, effect);
    case OPERATION_SETTLE:
        if (!a->exists) return t->code == STATUS_UNKNOWN_PROGRAM ? t->code : STATUS_NO_ACCOUNT;
        if (op->amount_fen > a->committed) return STATUS_OVER_COMMITTED;
        a->committed -= op->amount_fen;
        a->settled += op->amount_fen;
        a->version++;
        return STATUS_OK;
    case OPERATION_PLEDGE: return t->code == STATUS_UNKNOWN_PROGRAM ? t->code : m_pledge(m, op, a);
    case OPERATION_WITHDRAW: return op->program == 1 ? m_withdraw(m, op, n, t, effect) : STATUS_UNKNOWN_PROGRAM;
    case OPERATION_ENERGY: return t->code == STATUS_UNKNOWN_PROGRAM ? t->code : m_energy(m, op, a);
    default: cr_assert_fail("the model knows no such kind");
    }
    return STATUS_OK;
}

/* The operation is new. Returns its answer and keeps it. */
static operation_result m_operate(model *m, const operation *op, uint32_t n) {
    m_subject nobody = {0};
    const m_subject *s = n < SUBJECTS ? &m->s.subjects[n] : &nobody;
    m_terms t = terms_of(m, s, op->program);
    if (!s->known) t = (m_terms){.code = STATUS_UNKNOWN_SUBJECT};
    int64_t effect = op->kind == OPERATION_ENERGY ? 0 : op->amount_fen;
    status code = m_execute(m, op, n, &t, &effect);
    bool elsewhere = n >= SUBJECTS || !s->known || op->program != 1;
    m_quota q = quota_of(m, elsewhere ? SUBJECTS : n, &t);
    operation_result r = {.status = (uint16_t)code,
                          .warning = (uint8_t)q.warning,
                          .flags = (uint8_t)q.flags,
                          .account_version = elsewhere ? 0 : s->account.version,
                          .amount_fen = code == STATUS_OK ? effect : 0,
                          .limit_fen = q.limit,
                          .used_fen = q.used,
                          .available_fen = q.available};
    bool open = op->kind == OPERATION_RESERVE && code == STATUS_OK;
    if (open) {
        cr_assert_lt(m->s.open_count, MOST_OPEN);
        m->s.open[m->s.open_count++] = m->count;
        m->s.subjects[n].account.version++;
        r.expires_ms = m->now + (op->ttl_ms == 0 ? 300000 : op->ttl_ms);
        q = quota_of(m, n, &t);
        m->s.open_count--; /* counted again below, once it is in the list of operations */
    }
    cr_assert_lt(m->count, m->room);
    m->operations[m->count] = (m_operation){.request = *op, .at = m->now, .resolved = open ? 0 : m->now};
    if (open) {
        m->operations[m->count].state = OPERATION_OPEN;
        m->s.open[m->s.open_count++] = m->count;
        q = quota_of(m, n, &t);
        r.warning = (uint8_t)q.warning;
        r.used_fen = q.used;
        r.available_fen = q.available;
        r.account_version = s->account.version;
    }
    m->operations[m->count].answer = r;
    m->count++;
    return r;
}

/* ------------------------------------------------------------------ random requests */

static int64_t any_amount(model *m, uint32_t n) {
    static const int64_t odd[] = {0, -1, INT64_MIN, INT64_MAX, LIMIT_AMOUNT_FEN, LIMIT_AMOUNT_FEN + 1, 1};
    if (one_in(m, 40)) return odd[below(m, sizeof odd / sizeof *odd)];
    if (n < SUBJECTS && one_in(m, 4)) {
        m_terms t = terms_of(m, &m->s.subjects[n], 1);
        return quota_of(m, n, &t).available + below(m, 3) - 1; /* at the very edge */
    }
    return 1 + below(m, one_in(m, 5) ? 2000000 : 20000);
}

static const m_operation *any_earlier(model *m) {
    if (m->count == 0) return NULL;
    uint32_t window = one_in(m, 10) ? 3000 : 60;
    if (window > m->count) window = m->count;
    return &m->operations[m->count - 1 - below(m, window)];
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

static operation any_operation(model *m, uint32_t n) {
    static const uint8_t kinds[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 4, 5, 5, 6, 7};
    static const uint8_t programs[] = {0, 2, 15, 16, 255};
    operation op = {.subject = help_subject(n), .program = 1, .kind = kinds[below(m, sizeof kinds)]};
    if (one_in(m, 50)) op.program = programs[below(m, sizeof programs)];
    uint32_t hour = (uint32_t)(m->now / 3600000);
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
        if (n < SUBJECTS && one_in(m, 2)) op.amount_fen = m->s.subjects[n].account.committed + below(m, 2);
        break;
    case OPERATION_PLEDGE:
        op.amount_fen = any_amount(m, n);
        op.instrument = below(m, 14);
        op.instrument_kind = (uint16_t)(one_in(m, 30) ? below(m, 6) : 1 + below(m, 3));
        op.from_hour = one_in(m, 2) ? 0 : hour - 3 + below(m, 6);
        op.to_hour = one_in(m, 6) ? UINT32_MAX : hour + below(m, 40);
        break;
    case OPERATION_WITHDRAW: op.instrument = below(m, 14); break;
    case OPERATION_ENERGY:
        op.amount_fen = one_in(m, 3) ? 0 : below(m, 4000);
        op.energy.wholesale_2m_mwh = one_in(m, 2) ? 0 : below(m, 300);
        op.energy.retail_2m_mwh = one_in(m, 2) ? 0 : (int64_t)below(m, 300) - one_in(m, 30);
        op.forecast_gwh = below(m, 4);
        break;
    }
    return op;
}

static uint32_t subject_number(const subject_id *id) {
    for (uint32_t n = 0; n < SUBJECTS + STRANGERS; n++) {
        subject_id other = help_subject(n);
        if (subject_equal(id, &other)) return n;
    }
    cr_assert_fail("a subject from nowhere");
    return 0;
}

/* ------------------------------------------------------------------ both, step by step */

/* Beyond their time operations may be known or not, at the engine's leisure: ask, and let the model follow. */
static void follow_forgetting(model *m, world *w, const operation_id *id) {
    m_operation *o = find(m, id);
    if (o == NULL || o->state == OPERATION_OPEN || m->now < o->resolved + KEPT_MS) return;
    operation_entry entry;
    o->forgotten = txn_outcome(w->t, id, &entry) == STATUS_UNKNOWN_OPERATION;
}

static void same_result(const operation_result *got, const operation_result *expected, const operation *op) {
    if (memcmp(got, expected, sizeof *got) == 0) return;
    cr_assert_fail(
        "%s: %s amount %lld limit %lld used %lld available %lld warning %u flags %u version %u expires %lld; "
        "expected %s amount %lld limit %lld used %lld available %lld warning %u flags %u version %u expires %lld",
        operation_name(op->kind), status_name(got->status), (long long)got->amount_fen, (long long)got->limit_fen,
        (long long)got->used_fen, (long long)got->available_fen, got->warning, got->flags, got->account_version,
        (long long)got->expires_ms, status_name(expected->status), (long long)expected->amount_fen,
        (long long)expected->limit_fen, (long long)expected->used_fen, (long long)expected->available_fen,
        expected->warning, expected->flags, expected->account_version, (long long)expected->expires_ms);
}

static void step_new(model *m, world *w) {
    uint32_t n = one_in(m, 30) ? SUBJECTS + below(m, STRANGERS) : below(m, SUBJECTS);
    operation op = any_operation(m, n);
    op.id = world_id(w->next_id++);
    if (one_in(m, 60)) { /* malformed: answered, not kept */
        op.to_hour = op.kind == OPERATION_PLEDGE ? op.to_hour : 1;
        if (op.kind == OPERATION_PLEDGE) op.energy.retail_2m_mwh = 1;
        operation_result r = world_operate(w, &op);
        cr_assert_eq(r.status, STATUS_BAD_ENTRY);
        return;
    }
    if (op.kind == OPERATION_COMMIT || op.kind == OPERATION_RELEASE) follow_forgetting(m, w, &op.target);
    operation_result expected = m_operate(m, &op, subject_number(&op.subject)), got = world_operate(w, &op);
    same_result(&got, &expected, &op);
    m->seen[got.status]++;
}

static void step_repeat(model *m, world *w) {
    const m_operation *o = any_earlier(m);
    if (o == NULL) return;
    follow_forgetting(m, w, &o->request.id);
    if (o->forgotten) return;
    operation op = o->request;
    bool other = one_in(m, 3), repeated = false;
    if (other) op.subject = help_subject((subject_number(&op.subject) + 1) % SUBJECTS);
    operation_result r;
    cr_assert_eq(txn_operate(w->t, &op, &r, &repeated), STATUS_OK);
    cr_assert_eq(repeated, !other);
    if (!other)
        same_result(&r, &o->answer, &op);
    else
        cr_assert_eq(r.status, STATUS_OPERATION_REUSED);
}

static void step_put(model *m, world *w) {
    static const uint8_t roles[] = {1, 1, 1, 2, 4, 6, 3, 0};
    static const unsigned flag_fields[] = {FIELD_observed, FIELD_suspended, FIELD_arrears, FIELD_late_settlement};
    static const uint32_t flag_bits[] = {PROFILE_FLAG_OBSERVED, PROFILE_FLAG_SUSPENDED, PROFILE_FLAG_ARREARS,
                                         PROFILE_FLAG_LATE_SETTLEMENT};
    uint32_t n = below(m, SUBJECTS), version, flag = below(m, 4);
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

static void m_begin(model *m, world *w) {
    static const int64_t steps[] = {0, 1, 500, 2000, 2000, 5000};
    int64_t step = steps[below(m, 6)];
    if (one_in(m, 20)) step = below(m, 600000);
    if (one_in(m, 100)) step = below(m, 6 * 3600000);
    if (one_in(m, 800)) step = (int64_t)below(m, 40) * 24 * 3600000;
    if (one_in(m, 50)) step = -(int64_t)below(m, 100000);
    int64_t end = clock_ms_of_day(clock_day_from_date(MODEL_YEAR_ENDS, 1, 1));
    if (m->late && m->now < end) step = end - m->now;
    w->now_ms = m->now + step;
    if (w->now_ms > m->now) m->now = w->now_ms;
    m->before = m->s;
    m->count_before = m->count;
    m->touched_count = 0;
    for (unsigned i = 0; i < m->s.open_count;) {
        const m_operation *o = &m->operations[m->s.open[i]];
        if (o->answer.expires_ms <= m->now)
            resolve(m, m->s.open[i], OPERATION_EXPIRED, 0);
        else
            i++;
    }
    world_begin(w);
}

static void m_abort(model *m) {
    m->s = m->before;
    m->count = m->count_before;
    for (unsigned i = 0; i < m->touched_count; i++) {
        m_operation *o = &m->operations[m->touched[i]];
        o->state = OPERATION_OPEN;
        o->resolved = 0;
    }
}

/* ------------------------------------------------------------------ comparing */

static void compare_account(const model *m, const world *w, uint32_t n) {
    const m_account *a = &m->s.subjects[n].account;
    subject_id id = help_subject(n);
    account got;
    cr_assert_eq(engine_account(w->e, &id, PROGRAM_POWER, &got), a->exists);
    if (!a->exists) return;
    cr_assert_eq(got.reserved_fen, reserved_of(m, n), "subject %u", n);
    cr_assert_eq(got.committed_fen, a->committed);
    cr_assert_eq(got.settled_fen, a->settled);
    cr_assert_eq(got.seq, a->version << 1);
    cr_assert_eq(got.opened_ms, a->opened);
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
    m_terms t = terms_of(m, &m->s.subjects[n], 1);
    m_quota expected = quota_of(m, n, &t);
    quota_request r = {.subject = help_subject(n), .program = PROGRAM_POWER, .purpose = PURPOSE_POWER_TRADING};
    quota q;
    engine_quota(w->e, &r, 1, (policy_moment){.now_ms = m->now, .day = clock_day_of_ms(m->now)}, &q, NULL);
    if (!m->s.subjects[n].known) {
        cr_assert_eq(q.status, STATUS_UNKNOWN_SUBJECT);
        return;
    }
    cr_assert_eq(q.status, t.code != STATUS_OK               ? t.code
                           : m->s.subjects[n].account.exists ? STATUS_OK
                                                             : STATUS_NO_ACCOUNT);
    cr_assert(q.limit_fen == expected.limit && q.used_fen == expected.used && q.lodged_fen == expected.lodged);
    cr_assert(q.available_fen == expected.available && q.required_fen == expected.required);
    cr_assert(q.warning == expected.warning && q.flags == expected.flags);
    cr_assert_eq(q.reserved_fen + q.committed_fen, q.used_fen);
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
    for (uint32_t n = 0; n < SUBJECTS; n++) {
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
    world_check(w->e);
}

static void compare_operations(model *m, world *w) {
    world_begin(w);
    for (uint32_t i = 0; i < m->count; i++) {
        follow_forgetting(m, w, &m->operations[i].request.id);
        const m_operation *o = &m->operations[i];
        if (o->forgotten) continue;
        operation_entry entry;
        cr_assert_eq(txn_outcome(w->t, &o->request.id, &entry), STATUS_OK);
        cr_assert(entry.state == o->state && entry.at_ms == o->at);
        cr_assert_eq(memcmp(&entry.request, &o->request, sizeof entry.request), 0);
        same_result(&entry.result, &o->answer, &o->request);
    }
    txn_abort(w->t);
}

static void expect_recovery(const world *w) {
    engine *fresh = world_engine(KEPT_MS);
    cr_assert_eq(world_apply(fresh, w->log.data, w->log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(fresh), STATUS_OK);
    world_check(fresh);
    world_same(w->e, fresh);
    world_same(fresh, w->e);
    engine_destroy(&fresh);
}

/* A model that never meets a rule proves nothing about it. */
static void every_answer_was_met(const model *m) {
    static const uint16_t answers[] = {STATUS_OK,
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
                                       STATUS_UNRATED,
                                       STATUS_SHORTFALL,
                                       STATUS_LIMIT_EXCEEDED,
                                       STATUS_UNKNOWN_OPERATION,
                                       STATUS_RESERVATION_EXPIRED,
                                       STATUS_OVER_RESERVED,
                                       STATUS_ALREADY_RESOLVED,
                                       STATUS_OVER_COMMITTED,
                                       STATUS_INSTRUMENT_EXISTS,
                                       STATUS_UNKNOWN_INSTRUMENT,
                                       STATUS_TOO_MANY_INSTRUMENTS};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        cr_assert_gt(m->seen[answers[i]], 0, "no operation was answered with %s", status_name(answers[i]));
}

Test(engine_model, the_engine_does_what_the_model_says) {
    const char *wanted = getenv("XINYI_OPERATIONS");
    uint32_t operations = wanted != NULL ? (uint32_t)strtoul(wanted, NULL, 10) : 120000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    if (wanted == NULL) operations = 20000;
#endif
    model *m = calloc(1, sizeof *m);
    m->random = help_seed("engine_model");
    m->now = WORLD_START;
    m->room = operations + 1000;
    m->operations = calloc(m->room, sizeof *m->operations);
    world w = {.e = world_engine(KEPT_MS), .now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    step_policy(m, &w);
    world_commit(&w);
    uint32_t done = 0, groups = 0, aborted = 0;
    for (; done < operations; groups++) {
        m->late = done > operations / 20 * 19;
        m_begin(m, &w);
        uint32_t size = one_in(m, 10) ? 1 + below(m, 300) : 1 + below(m, 40);
        for (uint32_t i = 0; i < size && m->count + 1 < m->room; i++, done++) {
            uint32_t what = below(m, 100);
            if (what < 8)
                step_put(m, &w);
            else if (what < 20)
                step_repeat(m, &w);
            else
                step_new(m, &w);
        }
        if (one_in(m, 200)) step_policy(m, &w);
        if (one_in(m, 7)) {
            size_t before = w.log.size;
            if (one_in(m, 2)) cr_assert_eq(txn_changes(w.t, &w.log), STATUS_OK);
            w.log.size = before;
            txn_abort(w.t);
            m_abort(m);
            aborted++;
        } else {
            world_commit(&w);
        }
        compare(m, &w);
        if (groups % 500 == 499) expect_recovery(&w);
    }
    compare_operations(m, &w);
    expect_recovery(&w);
    if (operations >= 100000) every_answer_was_met(m);
    engine_stats stats;
    engine_get_stats(w.e, &stats);
    fprintf(stderr,
            "engine_model: %u operations in %u groups, %u aborted, %zu open, %zu remembered, %zu bytes of log\n", done,
            groups, aborted, stats.open_reservations, stats.operations, w.log.size);
    world_close(&w);
    free(m->operations);
    free(m);
}
