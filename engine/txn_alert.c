/* Alerts within a group: what operations raise, what the walk over the accounts finds, what is acknowledged. New ones
 * wait in order, the others' numbers in an overlay; both become true when the group is published. Room is acquired
 * before anything is remembered in an account, so an alert is never forgotten and never raised twice.
 *
 * The walk reads accounts and profiles in small batches, whose cache misses overlap, as this group has left them; those
 * that the group itself opens it leaves to the next. Its position counts only once its group is published. Cost: two
 * comparisons for an operation that changes no level; some 300 ns an account for the walk, most of it the terms. */
#include "base/check.h"
#include "engine/txn_internal.h"

#include <string.h>

#define SCAN 32u
#define TXN_ALERT_BYTES (CHANGE_HEADER + KEY_ALERT + 1 + ALERT_IMAGE)
#define TXN_GONE_BYTES (CHANGE_HEADER + KEY_ALERT)
#define TXN_NUMBERS_BYTES (CHANGE_HEADER + sizeof STATE_ALERTS - 1 + ALERTS_IMAGE)

static size_t raised_count(const txn *t) { return t->alerts.raised.size / sizeof(alert); }

static alert *raised_at(const txn *t, size_t i) {
    return (alert *)(void *)(t->alerts.raised.data + i * sizeof(alert)); /* aligned as malloc does */
}

static uint64_t hash_of(uint64_t number) {
    number *= UINT64_C(0x9E3779B97F4A7C15);
    return number ^ number >> 29;
}

void txn_alert_init(txn *t) { overlay_init(&t->alerts.gone, sizeof(uint64_t), sizeof(uint64_t)); }

void txn_alert_deinit(txn *t) {
    buf_deinit(&t->alerts.raised);
    overlay_deinit(&t->alerts.gone);
}

void txn_alert_reset(txn *t) {
    buf_clear(&t->alerts.raised);
    overlay_clear(&t->alerts.gone);
    t->alerts.given_way = t->alerts.dropped = 0;
    t->alerts.walked = false;
}

/* ------------------------------------------------------------------ raising */

status txn_alert_room(txn *t) {
    txn_alerts *g = &t->alerts;
    size_t most = ALERT_MOST * sizeof(alert);
    if (g->raised.capacity - g->raised.size < most && buf_reserve(&g->raised, most) == NULL) {
        g->raised.failed = false; /* nothing is missing: nothing was appended */
        return STATUS_NO_MEMORY;
    }
    if (!overlay_reserve(&g->gone, ALERT_MOST)) return STATUS_NO_MEMORY;
    return alerts_reserve(t->e->alerts, raised_count(t) + ALERT_MOST);
}

static bool is_gone(const txn *t, uint64_t number) {
    return overlay_find(&t->alerts.gone, hash_of(number), &number) != NULL;
}

static void let_go(txn *t, uint64_t number) {
    *(uint64_t *)overlay_add(&t->alerts.gone, hash_of(number)) = number;
    t->bytes += TXN_GONE_BYTES;
}

/* The oldest published one that is open as of this group makes room. */
static void give_way(txn *t) {
    txn_alerts *g = &t->alerts;
    alert oldest;
    while (alerts_after(t->e->alerts, g->given_way, &oldest, 1) == 1) {
        g->given_way = oldest.number;
        if (is_gone(t, oldest.number)) continue;
        let_go(t, oldest.number);
        g->dropped++;
        return;
    }
}

static void add(txn *t, alert *raised) {
    size_t before = raised_count(t);
    if (before >= ALERT_NUMBER_MAX - alerts_newest(t->e->alerts)) { /* of a damaged directory: none is left */
        t->alerts.dropped++;
        return;
    }
    if (alerts_count(t->e->alerts) + before - t->alerts.gone.count >= alerts_limit(t->e->alerts)) give_way(t);
    raised->number = alerts_newest(t->e->alerts) + 1 + before;
    buf_append(&t->alerts.raised, raised, sizeof *raised);
    CHECK(!t->alerts.raised.failed);
    t->bytes += TXN_ALERT_BYTES + (before == 0 ? TXN_NUMBERS_BYTES : 0);
}

static bool moves_amounts_only(unsigned kind) {
    return kind == 0 || kind == OPERATION_RESERVE || kind == OPERATION_COMMIT || kind == OPERATION_RELEASE ||
           kind == OPERATION_SETTLE;
}

void txn_alert_account(txn *t, pending_account *a, unsigned kind) {
    const quota *q = txn_standing(t, a);
    bool applies = a->terms_code == STATUS_OK;
    if (moves_amounts_only(kind) && (!applies || alert_is_quiet(&a->now, q))) return;
    unsigned event = kind == OPERATION_FREEZE ? ALERT_FROZEN : kind == OPERATION_UNFREEZE ? ALERT_UNFROZEN : 0;
    alert raised[ALERT_MOST];
    bool changed;
    unsigned n = alert_examine(&a->now, q, applies ? &a->terms : NULL, txn_rules(t), t->at, event, raised, &changed);
    for (unsigned i = 0; i < n; i++) add(t, &raised[i]);
    if (changed) txn_include_account(t, a, ACCOUNT_WHOLE);
}

txn_alert_mark txn_alert_begin_chain(const txn *t) {
    const txn_alerts *g = &t->alerts;
    return (txn_alert_mark){g->raised.size, g->gone.count, g->given_way, g->dropped};
}

void txn_alert_take_back(txn *t, const txn_alert_mark *mark) {
    txn_alerts *g = &t->alerts;
    g->raised.size = mark->raised;
    while (g->gone.count > mark->gone) overlay_drop_last(&g->gone);
    g->given_way = mark->given_way;
    g->dropped = mark->dropped;
}

/* ------------------------------------------------------------------ the walk */

/* The subject as of this group; `read` is what a batch read of it, NULL if it is not known. */
static bool owner_of(const txn *t, const subject_id *subject, const profile *read, profile *out) {
    if (t->profiles.count == 0) {
        if (read == NULL) return false;
        *out = *read;
        if (read->change_day == 0 || read->change_day > t->at.day) return true;
    }
    return txn_profile(t, subject, out);
}

/* Looks at one account, of which `a` is a copy. NO_MEMORY: nothing is changed. */
static status look_at(txn *t, account *a, const profile *read) {
    subject_id subject = account_subject(a);
    guarantee_terms terms;
    quota q;
    profile owner;
    status code = owner_of(t, &subject, read, &owner)
                      ? policy_terms(txn_policy(t), account_program(a), &owner, t->at, &terms)
                      : STATUS_UNKNOWN_SUBJECT;
    if (code == STATUS_OK)
        ledger_quota(a, &terms, t->at, &q);
    else
        ledger_quota_without_terms(a, code, t->at, &q);
    alert raised[ALERT_MOST];
    bool changed;
    unsigned n =
        alert_examine(a, &q, code == STATUS_OK ? &terms : NULL, txn_rules(t), t->at, ALERT_WALK, raised, &changed);
    if (!changed) return STATUS_OK;
    if (!overlay_reserve(&t->accounts, 1) || txn_alert_room(t) != STATUS_OK) return STATUS_NO_MEMORY;
    pending_account *p = txn_account(t, &a->key);
    CHECK(p != NULL);
    p->now = *a;
    for (unsigned i = 0; i < n; i++) add(t, &raised[i]);
    txn_include_account(t, p, ACCOUNT_WHOLE);
    return STATUS_OK;
}

/* As of this group, of which the store knows nothing yet. */
static void take_pending(const txn *t, account *a) {
    if (t->accounts.count == 0) return;
    const pending_account *p = overlay_find(&t->accounts, store_hash(t->e->accounts, &a->key), &a->key);
    if (p != NULL) *a = p->now;
}

bool txn_watch(txn *t, size_t budget) {
    CHECK(t->phase == TXN_OPEN);
    if (t->failed != STATUS_OK || t->full) return false;
    store_cursor at = t->alerts.walked ? t->alerts.cursor : t->e->watch;
    t->alerts.walked = true;
    account accounts[SCAN];
    subject_id subjects[SCAN];
    profile profiles[SCAN];
    bool known[SCAN];
    while (budget > 0 && t->bytes < LIMIT_GROUP_BYTES / 2) {
        t->alerts.cursor = at; /* where it stays if memory is short: to look twice does no harm */
        size_t n = store_scan(t->e->accounts, &at, accounts, NULL, budget < SCAN ? budget : SCAN);
        if (n == 0) {
            t->alerts.cursor = 0;
            return true;
        }
        for (size_t i = 0; i < n; i++) subjects[i] = account_subject(&accounts[i]);
        store_read_batch(t->e->subjects, subjects, sizeof *subjects, n, profiles, sizeof *profiles, known);
        for (size_t i = 0; i < n; i++) {
            take_pending(t, &accounts[i]);
            if (look_at(t, &accounts[i], known[i] ? &profiles[i] : NULL) != STATUS_OK) return false;
        }
        budget -= n;
    }
    t->alerts.cursor = at;
    return false;
}

/* ------------------------------------------------------------------ acknowledging, and the group's end */

status txn_acknowledge(txn *t, uint64_t number) {
    CHECK(t->phase == TXN_OPEN);
    if (alerts_find(t->e->alerts, number) == NULL || is_gone(t, number)) return STATUS_UNKNOWN_ALERT;
    if (!overlay_reserve(&t->alerts.gone, 1)) return STATUS_NO_MEMORY;
    let_go(t, number);
    return STATUS_OK;
}

void txn_append_alerts(const txn *t, buf *to) {
    const txn_alerts *g = &t->alerts;
    uint8_t key[KEY_ALERT], value[1 + ALERT_IMAGE] = {IMAGE_ALERT};
    for (uint32_t i = 0; i < g->gone.count; i++) {
        alerts_put_key(*(const uint64_t *)overlay_at(&g->gone, i), key);
        change_append_removed(to, CHANGE_ALERTS, key, sizeof key);
    }
    size_t n = raised_count(t);
    for (size_t i = 0; i < n; i++) {
        alerts_put_key(raised_at(t, i)->number, key);
        alert_encode(raised_at(t, i), value + 1);
        change_append(to, CHANGE_ALERTS, key, sizeof key, value, sizeof value);
    }
    const alerts *a = t->e->alerts;
    if (n > 0) alerts_append_numbers(to, alerts_newest(a) + n, alerts_dropped(a) + g->dropped);
}

/* New ones first: for them there is room, and what goes may give memory back. */
void txn_publish_alerts(txn *t) {
    txn_alerts *g = &t->alerts;
    size_t n = raised_count(t);
    for (size_t i = 0; i < n; i++) alerts_add(t->e->alerts, raised_at(t, i));
    for (uint32_t i = 0; i < g->gone.count; i++)
        CHECK(alerts_remove(t->e->alerts, *(const uint64_t *)overlay_at(&g->gone, i)));
    alerts_count_dropped(t->e->alerts, g->dropped);
    if (g->walked) t->e->watch = g->cursor;
}
