/* One operation within a group: known id, subject, terms, account, then its kind (engine/operate.h has the table of
 * checks). All room is acquired before the first change, so whatever happens an operation is either wholly in the group
 * or not at all. */
#include "base/check.h"
#include "base/purpose.h"
#include "engine/history.h"
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
    guarantee_terms terms;    /* without an account; else it has them */
    quota standing;           /* … likewise */
    int64_t effect_fen;       /* what took effect */
    uint32_t life_ms;         /* of a new reservation */
    unsigned violations;      /* of a refused one */
    operation_result result;
} step;

/* The larger members are filled where they are needed. */
static void begin_step(step *s, txn *t, const operation *op, uint64_t hash) {
    s->t = t;
    s->op = op;
    s->hash = hash;
    s->account = NULL;
    s->terms_code = STATUS_OK;
    s->effect_fen = 0;
    s->life_ms = 0;
    s->violations = 0;
    s->result = (operation_result){0};
}

static const guarantee_terms *terms_of(const step *s) { return s->account != NULL ? &s->account->terms : &s->terms; }

static const quota *take_quota(step *s) {
    if (s->account != NULL) return txn_standing(s->t, s->account);
    if (s->terms_code == STATUS_OK)
        ledger_quota(NULL, &s->terms, s->t->at, &s->standing);
    else
        ledger_quota_without_terms(NULL, s->terms_code, s->t->at, &s->standing);
    return &s->standing;
}

/* ------------------------------------------------------------------ the kinds */

static status do_reserve(step *s) {
    const operation *op = s->op;
    const guarantee_terms *terms = terms_of(s);
    int64_t life_ms = 0;
    s->violations = ledger_violated(take_quota(s), terms, op->amount_fen);
    if (s->terms_code == STATUS_OK) {
        life_ms = op->ttl_ms == 0 ? terms->ttl_default_ms : op->ttl_ms;
        if (life_ms <= 0 || life_ms > terms->ttl_max_ms || life_ms > LEDGER_LIFE_MAX_MS)
            s->violations |= VIOLATION_BAD_TTL;
    }
    if (s->violations != 0) return ledger_first_violation(s->violations);
    account_reserve(&s->account->now, op->amount_fen);
    txn_touch(s->t, s->account, ACCOUNT_BALANCE);
    s->effect_fen = op->amount_fen;
    s->life_ms = (uint32_t)life_ms;
    return STATUS_OK;
}

/* The reservation as of this group, kept if it is about to change within a chain. */
static status find_target(step *s, uint64_t hash, const operation_entry **target) {
    const operation *op = s->op;
    *target = txn_operation(s->t, hash, &op->target);
    if (*target == NULL || (*target)->state == OPERATION_FINAL || (*target)->request.program != op->program ||
        !subject_equal(&(*target)->request.subject, &op->subject))
        return STATUS_UNKNOWN_OPERATION;
    const pending_operation *p = overlay_find(&s->t->operations, hash, &op->target);
    return p == NULL || chain_keep_operation(s->t, p) ? STATUS_OK : STATUS_NO_MEMORY;
}

/* commit and release: the end of a reservation */
static status do_resolve(step *s) {
    const operation *op = s->op;
    uint64_t hash = operations_hash(&s->t->e->operations, &op->target);
    const operation_entry *target = NULL;
    status code = find_target(s, hash, &target);
    if (code != STATUS_OK) return code;
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
    status code = account_settle(&s->account->now, s->op->amount_fen);
    if (code != STATUS_OK) return code;
    txn_touch(s->t, s->account, ACCOUNT_BALANCE);
    s->effect_fen = s->op->amount_fen;
    return STATUS_OK;
}

/* The account, opened if need be. */
static status want_account(step *s) {
    if (s->terms_code == STATUS_UNKNOWN_PROGRAM) return STATUS_UNKNOWN_PROGRAM;
    status code = STATUS_OK;
    if (s->account == NULL) s->account = txn_open_account(s->t, &s->key, &code);
    if (code == STATUS_OK) (void)txn_terms(s->t, s->account);
    return code;
}

static status do_pledge(step *s) {
    status code = want_account(s);
    if (code != STATUS_OK) return code;
    code = account_pledge(&s->account->now, s->op, ledger_hour(s->t->at.now_ms));
    if (code == STATUS_OK) s->effect_fen = s->op->amount_fen;
    return code;
}

static status do_energy(step *s) {
    status code = want_account(s);
    if (code == STATUS_OK) account_set_energy(&s->account->now, s->op);
    return code;
}

/* Those that change more of an account than its exposure. */
static status do_whole(step *s) {
    account *a = s->account != NULL ? &s->account->now : NULL;
    const guarantee_terms *terms = s->terms_code == STATUS_OK ? terms_of(s) : NULL;
    switch (s->op->kind) {
    case OPERATION_PLEDGE: return do_pledge(s);
    case OPERATION_ENERGY: return do_energy(s);
    case OPERATION_WITHDRAW: return account_withdraw(a, s->op->instrument, terms, s->t->at, &s->effect_fen);
    case OPERATION_AMEND: return account_amend(a, s->op, terms, s->t->at, &s->effect_fen);
    case OPERATION_FREEZE: return account_freeze(a, s->op);
    default: return account_unfreeze(a);
    }
}

static bool opens_account(unsigned kind) { return kind == OPERATION_PLEDGE || kind == OPERATION_ENERGY; }

static status do_kind(step *s) {
    unsigned kind = s->op->kind;
    if (kind == OPERATION_RESERVE) return do_reserve(s);
    if (kind == OPERATION_COMMIT || kind == OPERATION_RELEASE) return do_resolve(s);
    if (s->account == NULL && !opens_account(kind)) return no_account(s);
    if (kind == OPERATION_SETTLE) return do_settle(s);
    status code = do_whole(s);
    if (code == STATUS_OK) txn_touch(s->t, s->account, ACCOUNT_WHOLE);
    return code;
}

/* ------------------------------------------------------------------ around them */

/* Terms for a subject without an account. */
static status find_terms(step *s) {
    profile owner;
    s->terms_code = STATUS_UNKNOWN_SUBJECT;
    if (!txn_profile(s->t, &s->op->subject, &owner))
        return subject_is_valid(&s->op->subject) ? STATUS_UNKNOWN_SUBJECT : STATUS_BAD_SUBJECT;
    s->terms_code = policy_terms(txn_policy(s->t), s->op->program, &owner, s->t->at, &s->terms);
    return STATUS_OK;
}

/* Finds subject, terms and account, even for a request that will be refused: its answer tells where the account stands.
 * OK, or the refusal; NO_MEMORY. */
static status find_parts(step *s) {
    const operation *op = s->op;
    if (op->program < 1 || op->program > PROGRAM_MAX) {
        status code = find_terms(s);
        s->terms_code = code == STATUS_OK ? STATUS_UNKNOWN_PROGRAM : s->terms_code;
        return code == STATUS_OK ? STATUS_UNKNOWN_PROGRAM : code;
    }
    s->key = account_key(&op->subject, op->program);
    s->account = txn_account(s->t, &s->key);
    if (s->account == NULL) return find_terms(s);
    if (!chain_keep_account(s->t, s->account)) return STATUS_NO_MEMORY;
    s->terms_code = txn_terms(s->t, s->account);
    return STATUS_OK;
}

static status acquire_room(txn *t, uint64_t hash) {
    unsigned shard = operations_shard_of(hash);
    if (!overlay_reserve(&t->accounts, 1) || !overlay_reserve(&t->operations, 2)) return STATUS_NO_MEMORY;
    if (txn_alert_room(t) != STATUS_OK) return STATUS_NO_MEMORY;
    return operations_reserve(&t->e->operations, shard, t->new_operations[shard] + 1, t->new_operation_count + 1,
                              t->new_open_count + 1);
}

static void remember(step *s, status code) {
    txn *t = s->t;
    const quota *q = take_quota(s);
    bool open = s->life_ms != 0;
    pending_operation *p = overlay_add(&t->operations, s->hash);
    p->now = (operation_entry){
        .request = *s->op,
        .at_ms = t->at.now_ms,
        .amount_fen = s->effect_fen,
        .limit_fen = q->limit_fen,
        .used_fen = q->used_fen,
        .committed_fen = q->committed_fen,
        .account_version = q->account_version,
        .life_ms = s->life_ms,
        .status = (uint16_t)code,
        .violations = (uint16_t)s->violations,
        .warning = q->warning,
        .flags = q->flags,
        .state = open ? OPERATION_OPEN : OPERATION_FINAL,
        .resolved_s = open ? 0 : txn_seconds(t),
    };
    p->hash = s->hash;
    p->ref = OPERATIONS_NONE;
    p->account = OPERATIONS_NONE;
    if (code == STATUS_OK) p->account = overlay_index(&t->accounts, s->account);
    t->new_operations[operations_shard_of(s->hash)]++;
    t->new_operation_count++;
    t->new_open_count += open;
    t->event_bytes += HISTORY_OPERATION_BYTES;
    operation_entry_result(&p->now, &s->result);
}

/* An operation whose id is not known yet. With a `verdict` other than OK it is refused with that once the request
 * itself is well. */
static status execute(step *s, status verdict) {
    status code = acquire_room(s->t, s->hash);
    if (code != STATUS_OK) return code;
    status parts = find_parts(s);
    if (parts == STATUS_NO_MEMORY) return parts;
    if (parts == STATUS_BAD_SUBJECT) {
        s->result.status = STATUS_BAD_SUBJECT;
        return STATUS_OK; /* not kept */
    }
    code = verdict;
    if (code == STATUS_OK) code = operate_content(s->op, ledger_hour(s->t->at.now_ms));
    if (code == STATUS_OK && parts != STATUS_OK) {
        code = parts;
        if (s->op->kind == OPERATION_RESERVE) s->violations = ledger_violated(take_quota(s), &s->terms, 1);
    }
    if (code == STATUS_OK) code = do_kind(s);
    if (status_classify(code) == STATUS_CLASS_LOCAL) return code;
    if (code == STATUS_OK) txn_alert_account(s->t, s->account, s->op->kind);
    remember(s, code);
    return STATUS_OK;
}

/* The first answer to an id that is known; false if it is not. */
static bool repeat(txn *t, const operation *op, uint64_t hash, operation_result *result, bool *same) {
    const operation_entry *known = txn_operation(t, hash, &op->id);
    if (known == NULL) return false;
    *same = memcmp(&known->request, op, sizeof *op) == 0;
    if (*same)
        operation_entry_result(known, result);
    else
        *result = (operation_result){.status = STATUS_OPERATION_REUSED};
    return true;
}

/* Why nothing can be executed in this group. */
static status cannot(const txn *t) {
    if (t->failed != STATUS_OK) return t->failed;
    return t->full ? STATUS_OVERLOADED : STATUS_OK;
}

static status operate(txn *t, const operation *op, operation_result *result, bool *repeated) {
    *repeated = false;
    status code = cannot(t);
    if (code != STATUS_OK) return code;
    uint64_t hash = operations_hash(&t->e->operations, &op->id);
    if (repeat(t, op, hash, result, repeated)) return STATUS_OK;
    step s;
    begin_step(&s, t, op, hash);
    code = execute(&s, STATUS_OK);
    *result = s.result;
    return code;
}

status txn_operate(txn *t, const operation *op, operation_result *result, bool *repeated) {
    CHECK(t->phase == TXN_OPEN);
    *result = (operation_result){.status = (uint16_t)operate_form(op)};
    *repeated = false;
    if (result->status == STATUS_OK && (op->flags & OPERATION_LINKED)) result->status = STATUS_LINKED_OPEN;
    return result->status == STATUS_OK ? operate(t, op, result, repeated) : cannot(t);
}

/* ------------------------------------------------------------------ chains */

typedef struct links {
    txn *t;
    const operation *ops;
    operation_result *results;
    size_t n;
    size_t at_fault; /* the entry that failed the chain */
    status why;
    unsigned violations; /* … of it */
} links;

static bool fail(links *l, size_t i, status why) {
    l->at_fault = i;
    l->why = why;
    return false;
}

/* Before anything is executed: entries that cannot be, an end that is missing, ids that are known. False: the chain is
 * refused. *known: all of it was executed before, and the answers are given. */
static bool look_over(links *l, bool *known) {
    size_t repeats = 0, first_known = l->n;
    for (size_t i = 0; i < l->n; i++) {
        status form = (status)l->results[i].status;
        if (form == STATUS_OK) form = operate_form(&l->ops[i]);
        if (form != STATUS_OK) return fail(l, i, form);
    }
    for (size_t i = 0; i < l->n; i++) {
        bool same;
        operation_result answer;
        if (!repeat(l->t, &l->ops[i], operations_hash(&l->t->e->operations, &l->ops[i].id), &answer, &same)) continue;
        if (!same) return fail(l, i, STATUS_OPERATION_REUSED);
        l->results[i] = answer;
        if (repeats++ == 0) first_known = i;
    }
    *known = repeats == l->n;
    if (*known) return true;
    for (size_t i = 0; i < l->n; i++) l->results[i] = (operation_result){0};
    if (repeats > 0) return fail(l, first_known, STATUS_LINKED_FAILED);
    if (l->ops[l->n - 1].flags & OPERATION_LINKED) return fail(l, l->n - 1, STATUS_LINKED_OPEN);
    return true;
}

/* False at the first refusal. A LOCAL status in *code: nothing can be said about the chain. */
static bool run_links(links *l, status *code) {
    for (size_t i = 0; i < l->n; i++) {
        const operation *op = &l->ops[i];
        uint64_t hash = operations_hash(&l->t->e->operations, &op->id);
        step s;
        begin_step(&s, l->t, op, hash);
        if (txn_operation(l->t, hash, &op->id) != NULL) return fail(l, i, STATUS_OPERATION_REUSED); /* twice in it */
        *code = execute(&s, STATUS_OK);
        if (*code != STATUS_OK) return false;
        l->results[i] = s.result;
        l->violations = s.violations;
        if (s.result.status != STATUS_OK) return fail(l, i, (status)s.result.status);
    }
    return true;
}

/* Whether the refusal of a form is kept: there is nothing to keep of what is no operation. */
static bool can_be_kept(status why) {
    return why != STATUS_BAD_ENTRY && why != STATUS_BAD_SUBJECT && why != STATUS_OPERATION_REUSED;
}

/* Answers every entry of a refused chain, and keeps the answers of ids that are new. */
static status refuse_links(links *l) {
    for (size_t i = 0; i < l->n; i++) {
        const operation *op = &l->ops[i];
        status why = i == l->at_fault ? l->why : STATUS_LINKED_FAILED;
        status form = operate_form(op);
        uint64_t hash = operations_hash(&l->t->e->operations, &op->id);
        bool same;
        if (form == STATUS_OK && repeat(l->t, op, hash, &l->results[i], &same)) continue;
        l->results[i] = (operation_result){.status = (uint16_t)why};
        if (form != STATUS_OK || !can_be_kept(why)) continue;
        step s;
        begin_step(&s, l->t, op, hash);
        if (i == l->at_fault) s.violations = l->violations;
        status code = execute(&s, why);
        if (code != STATUS_OK) return code;
        l->results[i] = s.result;
    }
    return STATUS_OK;
}

static void answer_all(links *l, status why) {
    for (size_t i = 0; i < l->n; i++) l->results[i] = (operation_result){.status = (uint16_t)why};
}

static void operate_links(links *l) {
    txn *t = l->t;
    txn_chain chain;
    bool known = false;
    status code = cannot(t);
    if (code != STATUS_OK) {
        answer_all(l, code);
        return;
    }
    bool good = look_over(l, &known);
    if (known) return;
    chain_begin(t, &chain);
    if (good && run_links(l, &code)) {
        chain_end(t);
        return;
    }
    chain_take_back(t);
    if (code == STATUS_OK) {
        chain_begin(t, &chain);
        code = refuse_links(l);
        if (code == STATUS_OK) {
            chain_end(t);
            return;
        }
        chain_take_back(t);
    }
    answer_all(l, code);
}

void txn_operate_all(txn *t, const operation *ops, size_t n, operation_result *results) {
    CHECK(t->phase == TXN_OPEN);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && (ops[end].flags & OPERATION_LINKED) != 0;) end++;
        end = end < n ? end + 1 : n;
        if (end - i > 1 || (ops[i].flags & OPERATION_LINKED) != 0) {
            operate_links(&(links){.t = t, .ops = ops + i, .results = results + i, .n = end - i});
            continue;
        }
        if (results[i].status != STATUS_OK) continue;
        bool repeated;
        status code = txn_operate(t, &ops[i], &results[i], &repeated);
        if (code != STATUS_OK) results[i] = (operation_result){.status = (uint16_t)code};
    }
}

status txn_outcome(txn *t, const operation_id *id, operation_entry *out) {
    CHECK(t->phase == TXN_OPEN);
    const operation_entry *known = txn_operation(t, operations_hash(&t->e->operations, id), id);
    if (known == NULL) return STATUS_UNKNOWN_OPERATION;
    *out = *known;
    return STATUS_OK;
}
