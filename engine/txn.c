/* A commit group. What it changes lies in three overlays over the published state, so aborting is forgetting, and an
 * operation that fails half way has nothing to undo: room is acquired before anything is changed.
 *
 * Room is acquired as the group grows, in the stores and in the table of operations too: so a capacity that is reached
 * refuses one entry and not the whole group, and publishing, which comes after the group is durable, cannot fail.
 *
 * Steady state allocates nothing. Cost of an operation: the cache misses of a profile, an account and two table
 * look-ups. The operation itself is txn_operate.c. */
#include "base/check.h"
#include "base/clock.h"
#include "engine/history.h"
#include "engine/operate.h"
#include "engine/txn_internal.h"

#include <stdlib.h>
#include <string.h>

#define FORGET_LEAST 256u

#define DUE_MOST 8192u /* due reservations a group carries at most: some milliseconds */

status txn_create(engine *e, txn **out) {
    txn *t = calloc(1, sizeof *t);
    if (t == NULL) return STATUS_NO_MEMORY;
    t->e = e;
    overlay_init(&t->profiles, sizeof(pending_profile), sizeof(subject_id));
    overlay_init(&t->accounts, sizeof(pending_account), sizeof(subject_id));
    overlay_init(&t->operations, sizeof(pending_operation), sizeof(operation_id));
    overlay_init(&t->dossiers, sizeof(pending_dossier), sizeof(subject_id));
    txn_init_effects(t);
    txn_alert_init(t);
    *out = t;
    return STATUS_OK;
}

void txn_destroy(txn **t) {
    if (*t == NULL) return;
    policy_destroy(&(*t)->policy);
    overlay_deinit(&(*t)->profiles);
    overlay_deinit(&(*t)->accounts);
    overlay_deinit(&(*t)->operations);
    txn_forget_dossiers(*t);
    overlay_deinit(&(*t)->dossiers);
    overlay_deinit(&(*t)->effects);
    buf_deinit(&(*t)->state);
    buf_deinit(&(*t)->policy_changes);
    buf_deinit(&(*t)->undo);
    txn_alert_deinit(*t);
    free(*t);
    *t = NULL;
}

/* Forgets the group; the policy set, if any, is somebody else's by now. */
static void reset(txn *t) {
    overlay_clear(&t->profiles);
    overlay_clear(&t->accounts);
    overlay_clear(&t->operations);
    overlay_clear(&t->effects);
    txn_forget_dossiers(t);
    txn_alert_reset(t);
    buf_clear(&t->state);
    t->new_dossiers = 0;
    t->swept = false;
    memset(t->new_subjects, 0, sizeof t->new_subjects);
    memset(t->new_accounts, 0, sizeof t->new_accounts);
    memset(t->new_operations, 0, sizeof t->new_operations);
    t->new_operation_count = t->new_open_count = t->forgotten = t->moved = 0;
    t->bytes = t->event_bytes = 0;
    t->policy = NULL;
    buf_clear(&t->policy_changes);
    t->directory[0] = '\0';
    t->failed = STATUS_OK;
    t->full = false;
    t->phase = TXN_CLOSED;
}

/* ------------------------------------------------------------------ the state as of this group */

bool txn_stored_profile(const txn *t, const subject_id *subject, profile *out) {
    if (t->profiles.count > 0) {
        const pending_profile *p = overlay_find(&t->profiles, store_hash(t->e->subjects, subject), subject);
        if (p != NULL) {
            *out = p->now;
            return true;
        }
    }
    return store_read(t->e->subjects, subject, out);
}

bool txn_profile(const txn *t, const subject_id *subject, profile *out) {
    if (!txn_stored_profile(t, subject, out)) return false;
    if (out->change_day == 0 || out->change_day > t->at.day) return true;
    profile stored = *out;
    txn_derive(t, txn_dossier(t, subject, store_hash(t->e->subjects, subject)), &stored, out);
    return true;
}

pending_account *txn_account(txn *t, const subject_id *key) {
    uint64_t hash = store_hash(t->e->accounts, key);
    pending_account *a = overlay_find(&t->accounts, hash, key);
    if (a != NULL) return a;
    a = overlay_add(&t->accounts, hash);
    a->hash = hash;
    a->is_new = a->has_quota = false;
    a->change = ACCOUNT_SAME;
    a->rules = 0;
    if (store_read(t->e->accounts, key, &a->now)) return a;
    overlay_drop_last(&t->accounts);
    return NULL;
}

pending_account *txn_open_account(txn *t, const subject_id *key, status *code) {
    uint64_t hash = store_hash(t->e->accounts, key);
    unsigned shard = store_shard_of(hash);
    *code = store_reserve(t->e->accounts, shard, t->new_accounts[shard] + 1);
    if (*code != STATUS_OK) return NULL;
    t->new_accounts[shard]++;
    pending_account *a = overlay_add(&t->accounts, hash);
    account_open(&a->now, key, t->at.now_ms);
    a->hash = hash;
    a->is_new = true;
    a->change = ACCOUNT_SAME;
    a->has_quota = false;
    a->rules = 0;
    return a;
}

void txn_include_account(txn *t, pending_account *a, account_change how) {
    static const size_t bytes[] = {0, TXN_BALANCE_BYTES, TXN_ACCOUNT_BYTES};
    if (how == ACCOUNT_WHOLE || a->is_new) {
        how = ACCOUNT_WHOLE;
        a->has_quota = false;
    }
    if (how <= a->change) return;
    t->bytes += bytes[how] - bytes[a->change];
    a->change = (uint8_t)how;
}

void txn_touch(txn *t, pending_account *a, account_change how) {
    account_touch(&a->now);
    txn_include_account(t, a, how);
    if (a->has_quota) ledger_quota_follow(&a->now, &a->terms, &a->standing);
}

status txn_terms(txn *t, pending_account *a) {
    if (a->rules == t->rules) return a->terms_code;
    subject_id subject = account_subject(&a->now);
    profile owner;
    a->rules = t->rules;
    a->has_quota = false;
    a->terms_code = STATUS_UNKNOWN_SUBJECT;
    if (txn_profile(t, &subject, &owner))
        a->terms_code = policy_terms(txn_policy(t), account_program(&a->now), &owner, t->at, &a->terms);
    return a->terms_code;
}

const quota *txn_standing(txn *t, pending_account *a) {
    status code = txn_terms(t, a);
    if (a->has_quota) return &a->standing;
    if (code == STATUS_OK)
        ledger_quota(&a->now, &a->terms, t->at, &a->standing);
    else
        ledger_quota_without_terms(&a->now, code, t->at, &a->standing);
    a->has_quota = code == STATUS_OK;
    return &a->standing;
}

const operation_entry *txn_operation(const txn *t, uint64_t hash, const operation_id *id) {
    const pending_operation *p = overlay_find(&t->operations, hash, id);
    if (p != NULL) return &p->now;
    uint32_t ref = operations_find(&t->e->operations, hash, id);
    return ref == OPERATIONS_NONE ? NULL : operations_at(&t->e->operations, ref);
}

void txn_resolve(txn *t, uint64_t hash, const operation_id *reservation, pending_account *a, operation_state state,
                 int64_t committed_fen) {
    pending_operation *p = overlay_find(&t->operations, hash, reservation);
    if (p == NULL) {
        uint32_t ref = operations_find(&t->e->operations, hash, reservation);
        CHECK(ref != OPERATIONS_NONE);
        p = overlay_add(&t->operations, hash);
        *p = (pending_operation){
            .now = *operations_at(&t->e->operations, ref), .hash = hash, .ref = ref, .account = OPERATIONS_NONE};
    }
    CHECK(p->now.state == OPERATION_OPEN);
    account_resolve(&a->now, p->now.request.amount_fen, committed_fen);
    txn_touch(t, a, ACCOUNT_BALANCE);
    p->now.state = (uint8_t)state;
    /* An end by time is remembered from that time on, however late it was noticed: the history is cut by the clock. */
    bool expired = state == OPERATION_EXPIRED;
    p->now.resolved_s = expired ? operation_seconds(p->now.at_ms + p->now.life_ms) : txn_seconds(t);
    p->now.resolved_version = a->now.seq >> 1;
    if (expired) t->event_bytes += HISTORY_EXPIRY_BYTES;
}

/* ------------------------------------------------------------------ beginning */

static status release_due(txn *t, uint32_t ref) {
    if (!overlay_reserve(&t->accounts, 1) || !overlay_reserve(&t->operations, 1)) return STATUS_NO_MEMORY;
    const operation *r = &operations_at(&t->e->operations, ref)->request;
    subject_id key = account_key(&r->subject, r->program);
    pending_account *a = txn_account(t, &key);
    CHECK(a != NULL);
    txn_resolve(t, operations_hash(&t->e->operations, &r->id), &r->id, a, OPERATION_EXPIRED, 0);
    /* a level that has fallen can be reached again in this group; without memory the walk will see it */
    if (a->now.warned != 0 && txn_alert_room(t) == STATUS_OK) txn_alert_account(t, a, 0);
    return STATUS_OK;
}

static void release_all_due(txn *t) {
    const operations *o = &t->e->operations;
    uint32_t at = OPERATIONS_NONE, released = 0, ref;
    while ((ref = operations_walk_due(o, t->at.now_ms, &at)) != OPERATIONS_NONE) {
        t->full = released++ == DUE_MOST;
        if (t->full) return;
        t->failed = release_due(t, ref);
        if (t->failed != STATUS_OK) return;
    }
}

/* Counts what can be forgotten; it stays known until the group is published. */
static void forget_old(txn *t) {
    int64_t moment = t->at.now_ms - t->e->operations_kept_ms;
    if (moment < 0) return;
    t->forgotten = operations_count_old(&t->e->operations, moment / 1000, FORGET_LEAST + 2 * t->last_new);
}

void txn_begin(txn *t, int64_t now_ms) {
    CHECK(t->phase == TXN_CLOSED);
    t->phase = TXN_OPEN;
    t->policy_newest = t->e->policy_newest;
    if (now_ms > t->at.now_ms) t->at.now_ms = now_ms;
    t->at.day = clock_day_of_ms(t->at.now_ms);
    txn_rules_changed(t);
    release_all_due(t);
    forget_old(t);
}

/* ------------------------------------------------------------------ ending */

void txn_put_key(uint8_t key[KEY_RECORD], uint64_t hash, const subject_id *id) {
    key[0] = (uint8_t)store_shard_of(hash);
    memcpy(key + 1, id, sizeof *id);
}

static void append_profiles(const txn *t, buf *to) {
    uint8_t key[KEY_RECORD], value[1 + PROFILE_SIZE] = {IMAGE_SUBJECT};
    for (uint32_t i = 0; i < t->profiles.count; i++) {
        const pending_profile *p = overlay_at(&t->profiles, i);
        txn_put_key(key, p->hash, &p->now.id);
        profile_encode(&p->now, value + 1);
        change_append(to, CHANGE_SUBJECTS, key, sizeof key, value, sizeof value);
    }
}

static void append_accounts(const txn *t, buf *to) {
    uint8_t key[KEY_BALANCE], value[1 + ACCOUNT_IMAGE];
    key[KEY_RECORD] = 1;
    for (uint32_t i = 0; i < t->accounts.count; i++) {
        const pending_account *a = overlay_at(&t->accounts, i);
        if (a->change == ACCOUNT_SAME) continue;
        txn_put_key(key, a->hash, &a->now.key);
        if (a->change == ACCOUNT_WHOLE) {
            value[0] = IMAGE_ACCOUNT;
            account_encode(&a->now, value + 1);
            change_append(to, CHANGE_ACCOUNTS, key, KEY_RECORD, value, 1 + ACCOUNT_IMAGE);
        } else {
            value[0] = IMAGE_BALANCE;
            balance_encode(&a->now, value + 1);
            change_append(to, CHANGE_ACCOUNTS, key, KEY_BALANCE, value, 1 + BALANCE_IMAGE);
        }
    }
}

/* A commit or a release ends its target by being there: only an end by time is an event of its own. */
static void append_event(const txn *t, const pending_operation *p, buf *to) {
    if (p->ref == OPERATIONS_NONE) {
        operation_entry as_executed = p->now;
        if (as_executed.life_ms != 0) as_executed.state = OPERATION_OPEN; /* perhaps ended within this group */
        history_add_operation(to, &as_executed);
    } else if (p->now.state == OPERATION_EXPIRED) {
        history_add_expiry(to, &p->now.request.id, p->now.resolved_version, t->at.now_ms);
    }
}

static status append_events(txn *t, buf *to) {
    if (t->event_bytes == 0) return STATUS_OK;
    if (buf_reserve(to, HISTORY_HEAD + t->event_bytes) == NULL) return STATUS_NO_MEMORY;
    size_t before = to->size;
    history_begin(to, t->e->history_last);
    for (uint32_t i = 0; i < t->operations.count; i++) append_event(t, overlay_at(&t->operations, i), to);
    txn_append_kept(t, to);
    CHECK(to->failed || to->size - before <= HISTORY_HEAD + t->event_bytes);
    return buf_status(to);
}

status txn_changes(txn *t, buf *to, buf *history) {
    CHECK(t->phase == TXN_OPEN);
    if (t->failed != STATUS_OK) return t->failed;
    if (buf_reserve(to, t->bytes) == NULL && t->bytes > 0) return STATUS_NO_MEMORY;
    size_t before = to->size;
    append_profiles(t, to);
    append_accounts(t, to);
    txn_append_removed(t, to);
    txn_append_dossiers(t, to);
    txn_append_effects(t, to);
    txn_append_alerts(t, to);
    buf_append(to, t->state.data, t->state.size);
    buf_append(to, t->policy_changes.data, t->policy_changes.size);
    CHECK(to->failed || to->size - before == t->bytes);
    status code = buf_status(to);
    if (code == STATUS_OK) code = append_events(t, history);
    if (code == STATUS_OK) t->phase = TXN_READY;
    return code;
}

size_t txn_size(const txn *t) {
    size_t size = t->bytes + t->event_bytes;
    return t->full && size < LIMIT_GROUP_BYTES ? LIMIT_GROUP_BYTES : size;
}

static void publish_operation(txn *t, const pending_operation *p) {
    operations *o = &t->e->operations;
    if (p->ref != OPERATIONS_NONE) {
        operations_resolve(o, p->ref, &p->now);
        return;
    }
    account *changed =
        p->account != OPERATIONS_NONE ? &((pending_account *)overlay_at(&t->accounts, p->account))->now : NULL;
    uint32_t previous = changed != NULL && changed->newest != 0 ? changed->newest - 1 : OPERATIONS_NONE;
    uint32_t ref = operations_add(o, p->hash, &p->now, previous);
    if (changed != NULL) changed->newest = ref + 1;
}

#define PUBLISH_AHEAD 16u /* whose places are asked for meanwhile: the disk took long, and caches forget */

static void publish_operations(txn *t) {
    operations *o = &t->e->operations;
    uint32_t n = t->operations.count;
    operations_drop_oldest(o, t->forgotten);
    for (uint32_t i = 0; i < n + PUBLISH_AHEAD; i++) {
        if (i < n) operations_prefetch(o, ((pending_operation *)overlay_at(&t->operations, i))->hash);
        if (i >= PUBLISH_AHEAD) publish_operation(t, overlay_at(&t->operations, i - PUBLISH_AHEAD));
    }
    t->last_new = t->new_operation_count;
}

/* Operations come first: accounts remember the last of theirs. */
void txn_publish(txn *t, uint64_t sequence) {
    CHECK(t->phase == TXN_READY);
    txn_publish_profiles(t);
    publish_operations(t);
    for (uint32_t i = 0; i < t->accounts.count; i++) {
        const pending_account *a = overlay_at(&t->accounts, i);
        if (a->change != ACCOUNT_SAME) CHECK(store_write(t->e->accounts, &a->now) == STATUS_OK);
    }
    if (t->event_bytes > 0) t->e->history_last = sequence;
    txn_publish_kept(t);
    if (t->swept) t->e->sweep = t->sweep;
    txn_publish_effects(t);
    txn_publish_alerts(t);
    txn_publish_policies(t);
    reset(t);
}

void txn_abort(txn *t) {
    CHECK(t->phase != TXN_CLOSED);
    txn_abort_policies(t);
    reset(t);
}
