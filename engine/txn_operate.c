/* One operation within a group: known id, subject, terms, account, then its kind (engine/operate.h has the table of
 * checks). All room is acquired before the first change, so whatever happens an operation is either wholly in the group
 * or not at all. */
#include "base/check.h"
#include "base/purpose.h"
#include "engine/operate.h"
#include "engine/txn_internal.h"

#include <string.h>

/* What an operation works with. */
typedef struct step {
    txn *t;
    const operation *op;
    uint64_t hash;            /* of the operation's id */
    subject_id key;           /* of the account */
    pending_account *account; /* NULL if there is none (yet) */
    status terms_code;        /* OK if terms apply; UNKNOWN_SUBJECT, UNKNOWN_PROGRAM, NOT_EFFECTIVE */
    guarantee_terms terms;
    int64_t effect_fen; /* what took effect */
    int64_t expires_ms; /* of a new reservation */
} step;

static void take_quota(const step *s, quota *q) {
    const account *a = s->account != NULL ? &s->account->now : NULL;
    if (s->terms_code == STATUS_OK)
        ledger_quota(a, &s->terms, s->t->at, q);
    else
        ledger_quota_without_terms(a, s->terms_code, s->t->at, q);
}

/* ------------------------------------------------------------------ the kinds */

static status do_reserve(step *s) {
    const operation *op = s->op;
    if (s->terms_code != STATUS_OK) return s->terms_code;
    int64_t ttl_ms = op->ttl_ms == 0 ? s->terms.ttl_default_ms : op->ttl_ms;
    if (ttl_ms <= 0 || ttl_ms > s->terms.ttl_max_ms) return STATUS_BAD_TTL;
    quota q;
    take_quota(s, &q);
    status code = ledger_admit(&q, &s->terms, op->amount_fen);
    if (code != STATUS_OK) return code;
    account_reserve(&s->account->now, op->amount_fen);
    txn_touch(s->t, s->account);
    s->effect_fen = op->amount_fen;
    s->expires_ms = s->t->at.now_ms + ttl_ms;
    return STATUS_OK;
}

/* commit and release: the end of a reservation */
static status do_resolve(step *s) {
    const operation *op = s->op;
    uint64_t hash = operations_hash(&s->t->e->operations, &op->target);
    const operation_entry *target = txn_operation(s->t, hash, &op->target);
    if (target == NULL || target->state == OPERATION_FINAL || target->request.program != op->program ||
        !subject_equal(&target->request.subject, &op->subject))
        return STATUS_UNKNOWN_OPERATION;
    if (target->state == OPERATION_EXPIRED) return STATUS_RESERVATION_EXPIRED;
    if (target->state != OPERATION_OPEN) return STATUS_ALREADY_RESOLVED;
    int64_t reserved = target->request.amount_fen;
    if (op->amount_fen > reserved) return STATUS_OVER_RESERVED;
    CHECK(s->account != NULL);
    int64_t committed = 0;
    if (op->kind == OPERATION_COMMIT) committed = op->amount_fen == 0 ? reserved : op->amount_fen;
    operation_state state = op->kind == OPERATION_COMMIT ? OPERATION_COMMITTED : OPERATION_RELEASED;
    txn_resolve(s->t, hash, &op->target, s->account, state, committed);
    s->effect_fen = op->kind == OPERATION_COMMIT ? committed : reserved;
    return STATUS_OK;
}

/* Why there is no account: nobody could have opened one in a program that does not exist. */
static status no_account(const step *s) {
    return s->terms_code == STATUS_UNKNOWN_PROGRAM ? STATUS_UNKNOWN_PROGRAM : STATUS_NO_ACCOUNT;
}

static status do_settle(step *s) {
    if (s->account == NULL) return no_account(s);
    status code = account_settle(&s->account->now, s->op->amount_fen);
    if (code != STATUS_OK) return code;
    txn_touch(s->t, s->account);
    s->effect_fen = s->op->amount_fen;
    return STATUS_OK;
}

static status do_withdraw(step *s) {
    if (s->account == NULL) return no_account(s);
    const guarantee_terms *terms = s->terms_code == STATUS_OK ? &s->terms : NULL;
    status code = account_withdraw(&s->account->now, s->op->instrument, terms, s->t->at, &s->effect_fen);
    if (code == STATUS_OK) txn_touch(s->t, s->account);
    return code;
}

/* The account, opened if need be. */
static status want_account(step *s) {
    if (s->terms_code == STATUS_UNKNOWN_PROGRAM) return STATUS_UNKNOWN_PROGRAM;
    status code = STATUS_OK;
    if (s->account == NULL) s->account = txn_open_account(s->t, &s->key, &code);
    return code;
}

static status do_pledge(step *s) {
    status code = want_account(s);
    if (code != STATUS_OK) return code;
    code = account_pledge(&s->account->now, s->op, ledger_hour(s->t->at.now_ms));
    if (code != STATUS_OK) return code;
    txn_touch(s->t, s->account);
    s->effect_fen = s->op->amount_fen;
    return STATUS_OK;
}

static status do_energy(step *s) {
    status code = want_account(s);
    if (code != STATUS_OK) return code;
    account_set_energy(&s->account->now, s->op);
    txn_touch(s->t, s->account);
    return STATUS_OK;
}

static status do_kind(step *s) {
    switch ((operation_kind)s->op->kind) {
    case OPERATION_RESERVE: return do_reserve(s);
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: return do_resolve(s);
    case OPERATION_SETTLE: return do_settle(s);
    case OPERATION_PLEDGE: return do_pledge(s);
    case OPERATION_WITHDRAW: return do_withdraw(s);
    case OPERATION_ENERGY: return do_energy(s);
    }
    return STATUS_BAD_ENTRY;
}

/* ------------------------------------------------------------------ around them */

/* Finds subject, terms and account, even for a request that will be refused: its answer tells where the account stands.
 * OK, or the refusal. */
static status find_parts(step *s) {
    const operation *op = s->op;
    bool possible = op->program >= 1 && op->program <= PROGRAM_MAX;
    profile owner;
    if (!txn_profile(s->t, &op->subject, &owner)) {
        s->terms_code = STATUS_UNKNOWN_SUBJECT;
        return subject_is_valid(&op->subject) ? STATUS_UNKNOWN_SUBJECT : STATUS_BAD_SUBJECT;
    }
    s->terms_code =
        possible ? policy_terms(txn_policy(s->t), op->program, &owner, s->t->at, &s->terms) : STATUS_UNKNOWN_PROGRAM;
    if (!possible) return STATUS_UNKNOWN_PROGRAM;
    s->key = account_key(&op->subject, op->program);
    s->account = txn_account(s->t, &s->key);
    return STATUS_OK;
}

static status acquire_room(txn *t, uint64_t hash) {
    unsigned shard = operations_shard_of(hash);
    if (!overlay_reserve(&t->accounts, 1) || !overlay_reserve(&t->operations, 2)) return STATUS_NO_MEMORY;
    return operations_reserve(&t->e->operations, shard, t->new_operations[shard] + 1, t->new_operation_count + 1,
                              t->new_open_count + 1);
}

static void fill_result(const step *s, status code, operation_result *result) {
    quota q;
    take_quota(s, &q);
    *result = (operation_result){
        .status = (uint16_t)code,
        .warning = q.warning,
        .flags = q.flags,
        .account_version = q.account_version,
        .limit_fen = q.limit_fen,
        .used_fen = q.used_fen,
        .available_fen = q.available_fen,
    };
    if (code != STATUS_OK) return;
    result->amount_fen = s->effect_fen;
    result->expires_ms = s->expires_ms;
}

static void remember(const step *s, const operation_result *result) {
    txn *t = s->t;
    bool open = s->op->kind == OPERATION_RESERVE && result->status == STATUS_OK;
    pending_operation *p = overlay_add(&t->operations, s->hash);
    *p = (pending_operation){
        .now = {.request = *s->op,
                .result = *result,
                .at_ms = t->at.now_ms,
                .state = open ? OPERATION_OPEN : OPERATION_FINAL,
                .resolved_s = open ? 0 : txn_seconds(t)},
        .hash = s->hash,
        .ref = OPERATIONS_NONE,
    };
    t->new_operations[operations_shard_of(s->hash)]++;
    t->new_operation_count++;
    t->new_open_count += open;
    t->bytes += TXN_OPERATION_BYTES;
}

/* An operation whose id is not known yet. */
static status execute(step *s, operation_result *result) {
    status code = acquire_room(s->t, s->hash);
    if (code != STATUS_OK) return code;
    status parts = find_parts(s);
    if (parts == STATUS_BAD_SUBJECT) {
        result->status = STATUS_BAD_SUBJECT;
        return STATUS_OK; /* not kept */
    }
    code = operate_content(s->op, ledger_hour(s->t->at.now_ms));
    if (code == STATUS_OK) code = parts;
    if (code == STATUS_OK) code = do_kind(s);
    if (status_classify(code) == STATUS_CLASS_LOCAL) return code;
    fill_result(s, code, result);
    remember(s, result);
    return STATUS_OK;
}

status txn_operate(txn *t, const operation *op, operation_result *result, bool *repeated) {
    CHECK(t->phase == TXN_OPEN);
    *result = (operation_result){0};
    *repeated = false;
    if (t->failed != STATUS_OK) return t->failed;
    if (t->full) return STATUS_OVERLOADED;
    status code = operate_form(op);
    if (code != STATUS_OK) {
        result->status = (uint16_t)code;
        return STATUS_OK;
    }
    uint64_t hash = operations_hash(&t->e->operations, &op->id);
    const operation_entry *known = txn_operation(t, hash, &op->id);
    if (known == NULL) return execute(&(step){.t = t, .op = op, .hash = hash}, result);
    *repeated = memcmp(&known->request, op, sizeof *op) == 0;
    if (*repeated)
        *result = known->result;
    else
        result->status = STATUS_OPERATION_REUSED;
    return STATUS_OK;
}

status txn_outcome(txn *t, const operation_id *id, operation_entry *out) {
    CHECK(t->phase == TXN_OPEN);
    const operation_entry *known = txn_operation(t, operations_hash(&t->e->operations, id), id);
    if (known == NULL) return STATUS_UNKNOWN_OPERATION;
    *out = *known;
    return STATUS_OK;
}
