/* The comparison. What was reserved, committed and settled is added up from the list of answers anew each time; the
 * running sums of the book have to agree with that too. Cost: a walk over everything. */
#include "tests/sim/book.h"

#include <inttypes.h>
#include <xxhash.h>

/* ------------------------------------------------------------------ accounts */

typedef struct sums {
    int64_t granted, open, committed, settled, returned; /* returned: released, expired, or not taken by a commit */
    uint32_t open_count;
} sums;

static sums add_up(const book *b, uint32_t subject, unsigned program) {
    sums s = {0};
    subject_id id = help_subject(subject);
    for (uint32_t i = 0; i < b->count; i++) {
        const execution *e = &b->list[i];
        if (e->result.status != STATUS_OK || e->op.program != program || !subject_equal(&e->op.subject, &id)) continue;
        int64_t amount = e->result.amount_fen;
        if (e->op.kind == OPERATION_RESERVE) s.granted += amount;
        if (e->op.kind == OPERATION_SETTLE) s.settled += amount;
        if (e->op.kind == OPERATION_COMMIT) s.committed += amount;
        if (e->state == OPERATION_OPEN) s.open += amount;
        if (e->state == OPERATION_OPEN) s.open_count++;
        if (e->state == OPERATION_RELEASED || e->state == OPERATION_EXPIRED) s.returned += amount;
        if (e->op.kind == OPERATION_COMMIT) s.returned += b->list[e->ended].result.amount_fen - amount;
    }
    return s;
}

static void check_instruments(const book_account *a, const account *got, uint32_t n) {
    if (got->instrument_count != a->instruments)
        sim_fail("subject %u has %u instruments, by the answers %u", n, got->instrument_count, a->instruments);
    for (uint32_t i = 0; i < a->instruments; i++)
        if (got->instruments[i].id != a->instrument[i].id ||
            got->instruments[i].amount_fen != a->instrument[i].amount_fen)
            sim_fail("subject %u: instrument %" PRIu64 " of %" PRId64 ", by the answers %" PRIu64 " of %" PRId64, n,
                     got->instruments[i].id, got->instruments[i].amount_fen, a->instrument[i].id,
                     a->instrument[i].amount_fen);
}

static void check_account(const book *b, const engine *e, uint32_t n, unsigned program) {
    const book_account *a = &b->accounts[n][program - 1];
    subject_id id = help_subject(n);
    account got;
    bool there = engine_account(e, &id, program, &got);
    if (there != a->exists)
        sim_fail("account of subject %u, program %u: there is %s", n, program, there ? "one" : "none");
    sums s = add_up(b, n, program);
    if (s.open != a->reserved || s.committed - s.settled != a->committed ||
        s.granted != s.open + s.committed + s.returned)
        sim_fail("the answers themselves do not add up: subject %u, program %u", n, program);
    if (!there) return;
    if (!account_check(&got)) sim_fail("account_check: subject %u, program %u", n, program);
    if (got.reserved_fen != s.open || got.open_reservations != s.open_count ||
        got.committed_fen != s.committed - s.settled || got.settled_fen != s.settled)
        sim_fail("subject %u, program %u: reserved %" PRId64 " in %u, committed %" PRId64 ", settled %" PRId64
                 "; by the answers %" PRId64 " in %u, %" PRId64 ", %" PRId64,
                 n, program, got.reserved_fen, got.open_reservations, got.committed_fen, got.settled_fen, s.open,
                 s.open_count, s.committed - s.settled, s.settled);
    if (got.seq >> 1 != a->version)
        sim_fail("subject %u, program %u: version %u, by the answers %u", n, program, got.seq >> 1, a->version);
    if (((got.flags & ACCOUNT_FROZEN) != 0) != a->frozen) sim_fail("subject %u, program %u: frozen or not", n, program);
    check_instruments(a, &got, n);
}

/* ------------------------------------------------------------------ history */

static account_event events[LIMIT_HISTORY_EVENTS];

static void check_event(const book *b, const account_event *v) {
    const execution *e = book_find(b, &v->entry.request.id);
    const char *wrong = NULL;
    int64_t reserved = v->reserved_fen - v->reserved_before_fen, committed = v->committed_fen - v->committed_before_fen;
    int64_t more_reserved = 0, more_committed = 0;
    if (e == NULL || e->result.status != STATUS_OK || memcmp(&e->op, &v->entry.request, sizeof e->op) != 0)
        sim_fail("history holds an operation that was never granted: %" PRIu64, book_number(&v->entry.request.id));
    int64_t amount = e->result.amount_fen;
    if (v->expiry) {
        more_reserved = -amount;
        if (e->state != OPERATION_EXPIRED) wrong = "an expiry of what did not expire";
    } else {
        if (v->version != e->result.account_version || v->amount_fen != amount) wrong = "another version or amount";
        if (e->op.kind == OPERATION_RESERVE) more_reserved = amount;
        if (e->op.kind == OPERATION_SETTLE) more_committed = -amount;
        if (e->op.kind == OPERATION_COMMIT) more_committed = amount;
        if (e->ended != BOOK_NONE) more_reserved = -b->list[e->ended].result.amount_fen;
    }
    if (reserved != more_reserved || committed != more_committed) wrong = "other balances";
    if (wrong != NULL) sim_fail("history: %s: %s", wrong, book_text(&e->op, &e->result));
}

static bool is_event(const execution *e, const subject_id *id, unsigned program) {
    return e->result.status == STATUS_OK && e->op.program == program && subject_equal(&e->op.subject, id);
}

/* The last version of which something may be forgotten: the history may begin behind it. The end of a reservation from
 * before it is not found any more, whenever it came. */
static uint32_t forgotten_version(const book *b, const subject_id *id, unsigned program) {
    uint32_t version = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const execution *e = &b->list[i];
        if (!is_event(e, id, program) || (book_find(b, &e->op.id) == e && !book_may_forget(b, e))) continue;
        if (e->result.account_version > version) version = e->result.account_version;
        if (e->end_version > version) version = e->end_version;
    }
    uint32_t last = version;
    for (uint32_t i = 0; i < b->count; i++) {
        const execution *e = &b->list[i];
        bool unfound = is_event(e, id, program) && e->state == OPERATION_EXPIRED && e->result.account_version < version;
        if (unfound && e->end_version > last) last = e->end_version;
    }
    return last;
}

/* Everything that is not old is there. */
static void check_complete(const book *b, const subject_id *id, unsigned program, uint32_t first) {
    uint32_t forgotten = forgotten_version(b, id, program);
    for (uint32_t i = 0; i < b->count; i++) {
        const execution *e = &b->list[i];
        if (!is_event(e, id, program) || e->result.account_version <= forgotten) continue;
        if (e->result.account_version < first)
            sim_fail("history begins at version %u: %s", first, book_text(&e->op, &e->result));
    }
}

static void check_history(const book *b, const engine *e, uint32_t n, unsigned program) {
    const book_account *a = &b->accounts[n][program - 1];
    subject_id id = help_subject(n);
    size_t count = 0;
    bool more = false;
    status code = engine_history(e, &id, program, 0, LIMIT_HISTORY_EVENTS, events, &count, &more);
    if (!a->exists) return;
    if (code != STATUS_OK) sim_fail("history of subject %u, program %u: %s", n, program, status_name(code));
    for (size_t i = 0; i < count; i++) {
        const account_event *v = &events[i], *before = i > 0 ? v - 1 : NULL;
        if (before != NULL && (v->version != before->version + 1 || v->reserved_before_fen != before->reserved_fen ||
                               v->committed_before_fen != before->committed_fen))
            sim_fail("history of subject %u, program %u has a gap at version %u", n, program, v->version);
        check_event(b, v);
    }
    const account_event *last = count > 0 ? &events[count - 1] : NULL;
    if (last != NULL &&
        (last->version != a->version || last->reserved_fen != a->reserved || last->committed_fen != a->committed))
        sim_fail("history of subject %u, program %u does not end with the account", n, program);
    if (count < LIMIT_HISTORY_EVENTS) check_complete(b, &id, program, count > 0 ? events[0].version : UINT32_MAX);
}

/* ------------------------------------------------------------------ answers */

static void check_again(txn *t, const execution *e, int64_t now_ms) {
    operation_entry entry;
    operation_result r;
    bool repeated;
    if (txn_outcome(t, &e->op.id, &entry) != STATUS_OK) {
        sim_fail("forgotten (at %" PRId64 ", ended %" PRId64 "; now %" PRId64 "): %s", e->at_ms, e->ended_ms, now_ms,
                 book_text(&e->op, &e->result));
    }
    operation_entry_result(&entry, &r);
    bool due = e->state == OPERATION_OPEN && e->result.expires_ms <= now_ms; /* by now, and exactly then */
    unsigned state = due ? OPERATION_EXPIRED : e->state;
    if (!book_same_result(&r, &e->result) || entry.at_ms != e->at_ms || entry.state != state ||
        memcmp(&entry.request, &e->op, sizeof e->op) != 0)
        sim_fail("kept otherwise than it was answered (state %u, by the answers %u): %s", entry.state, state,
                 book_text(&e->op, &e->result));
    if (e->op.flags & OPERATION_LINKED) return; /* a part of a chain is another request than the chain */
    status code = txn_operate(t, &e->op, &r, &repeated);
    if (code != STATUS_OK || !repeated || !book_same_result(&r, &e->result))
        sim_fail("asked again, the answer is another (%s, %s): %s", status_name(code),
                 repeated ? "repeated" : "executed", book_text(&e->op, &e->result));
}

static void check_answers(const book *b, txn *t, int64_t now_ms) {
    txn_begin(t, now_ms);
    for (uint32_t i = 0; i < b->count; i++) {
        const execution *e = &b->list[i];
        if (book_find(b, &e->op.id) == e && !book_may_forget(b, e) &&
            (e->ended_ms == 0 || now_ms < e->ended_ms + SIM_KEPT_MS))
            check_again(t, e, now_ms);
    }
    txn_abort(t);
}

static void check_alerts(const book *b, const engine *e) {
    alert got;
    uint64_t after = 0;
    for (uint32_t i = 0; i < b->alert_count; i++) {
        if (alerts_after(engine_alerts(e), after, &got, 1) != 1 || memcmp(&got, &b->alerts[i], sizeof got) != 0)
            sim_fail("alert %" PRIu64 " is gone or another, and nobody has acknowledged it", b->alerts[i].number);
        after = got.number;
    }
    if (alerts_count(engine_alerts(e)) != b->alert_count)
        sim_fail("%zu alerts are open, %u were raised and not acknowledged", alerts_count(engine_alerts(e)),
                 b->alert_count);
}

void book_check(const book *b, const engine *e, txn *t, int64_t now_ms) {
    char problem[256] = "";
    if (!engine_check(e, problem, sizeof problem)) sim_fail("engine_check: %s", problem);
    int64_t due = INT64_MAX;
    uint32_t open = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const execution *x = &b->list[i];
        if (x->state != OPERATION_OPEN) continue;
        open++;
        if (x->result.expires_ms < due) due = x->result.expires_ms;
    }
    if (engine_next_due_ms(e) != due)
        sim_fail("the next reservation ends at %" PRId64 ", by the answers at %" PRId64, engine_next_due_ms(e), due);
    engine_stats stats;
    engine_get_stats(e, &stats);
    if (stats.open_reservations != open)
        sim_fail("%zu reservations are open, by the answers %u", stats.open_reservations, open);
    if (stats.policy_version != b->policy_version)
        sim_fail("policy version %u is active, %u was activated", stats.policy_version, b->policy_version);
    for (uint32_t n = 0; n < SIM_SUBJECTS; n++)
        for (unsigned program = 1; program <= SIM_PROGRAMS; program++) {
            check_account(b, e, n, program);
            check_history(b, e, n, program);
        }
    check_alerts(b, e);
    check_answers(b, t, now_ms);
}

/* ------------------------------------------------------------------ all that is durable */

uint64_t book_digest(const engine *e) {
    uint64_t sum = 1;
    for (uint32_t n = 0; n < SIM_SUBJECTS; n++) {
        subject_id id = help_subject(n);
        profile p;
        const dossier *d = NULL;
        if (!engine_dossier(e, &id, (policy_moment){0}, &p, &d)) continue;
        p.side = 0; /* a reference, not a value */
        sum = XXH3_64bits_withSeed(&p, sizeof p, sum);
        if (d != NULL) sum = XXH3_64bits_withSeed(d->items, d->count * sizeof d->items[0], sum);
        for (unsigned program = 1; program <= SIM_PROGRAMS; program++) {
            account a;
            if (!engine_account(e, &id, program, &a)) continue;
            a.newest = 0;
            sum = XXH3_64bits_withSeed(&a, sizeof a, sum);
        }
    }
    alert got;
    for (uint64_t after = 0; alerts_after(engine_alerts(e), after, &got, 1) == 1; after = got.number)
        sum = XXH3_64bits_withSeed(&got, sizeof got, sum);
    return sum ^ engine_policy_newest(e) ^ alerts_newest(engine_alerts(e)) << 32;
}
