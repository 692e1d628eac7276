/* An account's history, read from the chain of operations that changed it. Each operation is an event, and a
 * reservation that ended by its time is a second one; versions order them. The balances after an operation are its own,
 * those after an expiry follow from the one before. What is handed out was added up: versions without gaps, each
 * event's balances from the last one's, the newest the account's.
 *
 * Cost: the chain's operations, up to HISTORY_WALK of them; expiries may lie far behind the reservations they end, so
 * all are looked at before the newest are chosen. */
#include "base/check.h"
#include "base/purpose.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY_WALK 65536u

typedef struct raw_event {
    uint32_t version;
    uint32_t ref;
    bool expiry;
} raw_event;

typedef struct raw_events {
    raw_event *events;
    size_t count, room;
    bool cut; /* the chain goes on behind what was looked at */
} raw_events;

static bool add_raw(raw_events *r, uint32_t version, uint32_t ref, bool expiry) {
    if (r->count == r->room) {
        size_t room = r->room == 0 ? 256 : r->room * 2;
        raw_event *larger = realloc(r->events, room * sizeof *larger);
        if (larger == NULL) return false;
        r->events = larger;
        r->room = room;
    }
    r->events[r->count++] = (raw_event){version, ref, expiry};
    return true;
}

/* The account's last operation. It may have been forgotten since, and its reference used again. */
static uint32_t newest_of(const engine *e, const account *a) {
    if (a->newest == 0 || a->newest > operations_end(&e->operations)) return OPERATIONS_NONE;
    const operation_entry *o = operations_at(&e->operations, a->newest - 1);
    if (o->status != STATUS_OK || o->account_version == 0) return OPERATIONS_NONE; /* a free one is all zero */
    subject_id key = account_key(&o->request.subject, o->request.program);
    return subject_equal(&key, &a->key) ? a->newest - 1 : OPERATIONS_NONE;
}

static bool gather(const engine *e, const account *a, raw_events *r) {
    uint32_t ref = newest_of(e, a);
    for (unsigned n = 0; ref != OPERATIONS_NONE; n++, ref = operations_previous(&e->operations, ref)) {
        r->cut = n == HISTORY_WALK;
        if (r->cut) return true;
        const operation_entry *o = operations_at(&e->operations, ref);
        if (!add_raw(r, o->account_version, ref, false)) return false;
        if (o->state == OPERATION_EXPIRED && !add_raw(r, o->resolved_version, ref, true)) return false;
    }
    return true;
}

/* By version, as near as 2^30 apart; they wrap at 2^31. */
static int by_version(const void *a, const void *b) {
    uint32_t x = ((const raw_event *)a)->version, y = ((const raw_event *)b)->version;
    return (int32_t)((x - y) << 1) < 0 ? -1 : x != y;
}

static uint32_t version_after(uint32_t version) { return version == UINT32_MAX >> 1 ? 1 : version + 1; }

/* The newest events that follow each other without a gap, up to the version `last`; expiries of reservations that were
 * forgotten leave gaps. Returns the index of the first. */
static size_t contiguous(const raw_events *r, size_t end) {
    size_t first = end;
    while (first > 0 && (first == end || version_after(r->events[first - 1].version) == r->events[first].version))
        first--;
    return first;
}

/* The reservation that a commit ended; NULL if it was forgotten, whatever bears its id now. */
static const operation_entry *target_of(const engine *e, const operation_entry *o) {
    const operation_id *id = &o->request.target;
    uint32_t ref = operations_find(&e->operations, operations_hash(&e->operations, id), id);
    const operation_entry *target = ref == OPERATIONS_NONE ? NULL : operations_at(&e->operations, ref);
    return target != NULL && target->resolved_version == o->account_version ? target : NULL;
}

/* Balances before an event, from those after it. False if what it ended is not known any more. */
static bool undo(const engine *e, account_event *v) {
    const operation_entry *o = &v->entry;
    v->reserved_before_fen = v->reserved_fen;
    v->committed_before_fen = v->committed_fen;
    if (v->expiry) {
        v->reserved_before_fen += o->amount_fen;
        return true;
    }
    const operation_entry *target;
    switch ((operation_kind)o->request.kind) {
    case OPERATION_RESERVE: v->reserved_before_fen -= o->amount_fen; break;
    case OPERATION_SETTLE: v->committed_before_fen += o->amount_fen; break;
    case OPERATION_RELEASE: v->reserved_before_fen += o->amount_fen; break;
    case OPERATION_COMMIT:
        target = target_of(e, o);
        if (target == NULL) return false;
        v->reserved_before_fen += target->amount_fen;
        v->committed_before_fen -= o->amount_fen;
        break;
    default: break;
    }
    return true;
}

/* Fills events[0..n) from the newest backwards. False at the first that does not add up; *first becomes the index of
 * the oldest that could be told. */
static bool fill(const engine *e, const raw_event *raw, size_t n, int64_t reserved_fen, int64_t committed_fen,
                 account_event *events, size_t *first) {
    for (size_t i = n; i-- > 0;) {
        const operation_entry *o = operations_at(&e->operations, raw[i].ref);
        account_event *v = &events[i];
        *v = (account_event){.entry = *o,
                             .expiry = raw[i].expiry,
                             .version = raw[i].version,
                             .at_ms = raw[i].expiry ? o->at_ms + o->life_ms : o->at_ms,
                             .amount_fen = o->amount_fen,
                             .reserved_fen = reserved_fen,
                             .committed_fen = committed_fen};
        if (!v->expiry && (o->used_fen != reserved_fen + committed_fen || o->committed_fen != committed_fen))
            return false;
        if (!undo(e, v)) {
            *first = i + 1;
            return true;
        }
        reserved_fen = v->reserved_before_fen;
        committed_fen = v->committed_before_fen;
        if (reserved_fen < 0 || committed_fen < 0) return false;
        *first = i;
    }
    return true;
}

/* All from the account's own balances back to the oldest wanted one, then only those that were asked for. */
static status choose(const engine *e, const account *a, raw_events *r, uint32_t before, size_t max,
                     account_event *events, size_t *count, bool *more) {
    if (r->count > 1) qsort(r->events, r->count, sizeof *r->events, by_version);
    size_t end = r->count, from = contiguous(r, end);
    if (end > 0 && r->events[end - 1].version != a->seq >> 1) {
        /* Then the last event is the end of a reservation from behind an operation that was forgotten before it, where
         * the chain breaks: nothing can be told. With everything from the first on at hand that cannot be. */
        *more = true;
        return from == 0 && r->events[0].version == 1 ? STATUS_CORRUPT : STATUS_OK;
    }
    size_t upto = end;
    while (before != 0 && upto > from && (int32_t)((r->events[upto - 1].version - before) << 1) >= 0) upto--;
    size_t begin = upto - from > max ? upto - max : from;
    account_event *all = malloc((end - begin) * sizeof *all + 1);
    if (all == NULL) return STATUS_NO_MEMORY;
    size_t first = 0;
    bool good = fill(e, r->events + begin, end - begin, a->reserved_fen, a->committed_fen, all, &first);
    *count = good && upto - begin > first ? upto - begin - first : 0;
    *more = begin > from || first > 0 || from > 0 || r->cut;
    if (*count > 0) memcpy(events, all + first, *count * sizeof *all);
    free(all);
    return good ? STATUS_OK : STATUS_CORRUPT;
}

status engine_history(const engine *e, const subject_id *subject, unsigned program, uint32_t before, size_t max,
                      account_event *events, size_t *count, bool *more) {
    profile owner;
    account a;
    *count = 0;
    *more = false;
    if (max > LIMIT_HISTORY_EVENTS) max = LIMIT_HISTORY_EVENTS;
    if (program < 1 || program > PROGRAM_MAX) return STATUS_UNKNOWN_PROGRAM;
    if (!store_read(e->subjects, subject, &owner)) return STATUS_UNKNOWN_SUBJECT;
    if (!engine_account(e, subject, program, &a)) return STATUS_NO_ACCOUNT;
    raw_events r = {0};
    status code = gather(e, &a, &r) ? choose(e, &a, &r, before, max, events, count, more) : STATUS_NO_MEMORY;
    free(r.events);
    return code;
}
