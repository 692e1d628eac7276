/* Executions are a list in the order in which they became durable. Expiries are the book's own: whatever is open and
 * due when a group begins has ended with that group. */
#include "tests/sim/book.h"

#include "base/check.h"
#include "engine/operate.h"

#include <inttypes.h>

static void *grown(void *items, uint32_t *room, size_t size) {
    *room = *room == 0 ? 64 : *room * 2;
    items = realloc(items, *room * size);
    CHECK(items != NULL);
    return items;
}

void book_init(book *b) { *b = (book){0}; }

void book_deinit(book *b) {
    free(b->list);
    free(b->latest);
    free(b->group);
    free(b->acknowledged);
    free(b->alerts);
    *b = (book){0};
}

operation_id book_id(uint64_t number) {
    operation_id id = {{0}};
    memcpy(id.bytes + 4, &number, sizeof number);
    return id;
}

uint64_t book_number(const operation_id *id) {
    uint64_t number;
    memcpy(&number, id->bytes + 4, sizeof number);
    return number;
}

execution *book_find(const book *b, const operation_id *id) {
    uint64_t n = book_number(id);
    return n < b->latest_room && b->latest[n] != BOOK_NONE ? &b->list[b->latest[n]] : NULL;
}

bool book_may_forget(const book *b, const execution *e) {
    return e->ended_ms != 0 && b->newest_ms >= e->ended_ms + SIM_KEPT_MS;
}

bool book_same_result(const operation_result *a, const operation_result *b) { return memcmp(a, b, sizeof *a) == 0; }

const char *book_text(const operation *op, const operation_result *r) {
    static char text[320];
    snprintf(text, sizeof text,
             "%s %" PRIu64 " of %" PRId64 ": %s, amount %" PRId64 " limit %" PRId64 " used %" PRId64
             " committed %" PRId64 " version %u warning %u flags %u expires %" PRId64 " violations %x",
             operation_name(op->kind) != NULL ? operation_name(op->kind) : "?", book_number(&op->id), op->amount_fen,
             status_name(r->status), r->amount_fen, r->limit_fen, r->used_fen, r->committed_fen, r->account_version,
             r->warning, r->flags, r->expires_ms, r->violations);
    return text;
}

/* ------------------------------------------------------------------ noting */

void book_note(book *b, const operation *op, const operation_result *result, int64_t at_ms, bool of_chain) {
    if (b->group_count == b->group_room) b->group = grown(b->group, &b->group_room, sizeof *b->group);
    b->group[b->group_count++] = (noted){*op, *result, at_ms, of_chain};
}

void book_note_acknowledged(book *b, uint64_t alert_number) {
    if (b->acknowledged_count == b->acknowledged_room)
        b->acknowledged = grown(b->acknowledged, &b->acknowledged_room, sizeof *b->acknowledged);
    b->acknowledged[b->acknowledged_count++] = alert_number;
}

void book_note_policy(book *b, uint32_t version) { b->group_policy = version; }

static bool is_kept(unsigned code) {
    return status_classify(code) == STATUS_CLASS_DONE ||
           (status_classify(code) == STATUS_CLASS_REFUSED && code != STATUS_BAD_ENTRY && code != STATUS_BAD_SUBJECT &&
            code != STATUS_OPERATION_REUSED);
}

static bool same_content(const operation *a, const operation *b) { return memcmp(a, b, sizeof *a) == 0; }

/* A malformed entry of a chain that another entry failed: there is nothing to keep. */
static bool is_malformed(const noted *n) {
    return n->result.status == STATUS_LINKED_FAILED && operate_form(&n->op) != STATUS_OK;
}

/* The engine has executed it just now, rather than said again what it said before. */
static bool is_new(const book *b, const noted *n) {
    if (!is_kept(n->result.status) || is_malformed(n)) return false;
    const execution *e = book_find(b, &n->op.id);
    return e == NULL || (e->at_ms != n->at_ms && book_may_forget(b, e));
}

bool book_witness(const book *b, operation_id *id, int64_t *at_ms) {
    for (uint32_t i = 0; i < b->group_count; i++) {
        if (!is_new(b, &b->group[i])) continue;
        *id = b->group[i].op.id;
        *at_ms = b->group[i].at_ms;
        return true;
    }
    return false;
}

void book_drop(book *b) { b->group_count = b->acknowledged_count = b->group_policy = 0; }

/* ------------------------------------------------------------------ what answers mean */

static int subject_number(const subject_id *id) {
    for (uint32_t n = 0; n < SIM_SUBJECTS; n++) {
        subject_id other = help_subject(n);
        if (subject_equal(&other, id)) return (int)n;
    }
    return -1;
}

static book_account *account_of(book *b, const operation *op) {
    int n = subject_number(&op->subject);
    return n >= 0 && op->program >= 1 && op->program <= SIM_PROGRAMS ? &b->accounts[n][op->program - 1] : NULL;
}

#define EXPECT(ok, why)                                                                                                \
    do {                                                                                                               \
        if (!(ok)) sim_fail("%s: %s", why, book_text(&e->op, &e->result));                                             \
    } while (0)

static void end_reservation(book_account *a, execution *e, operation_state state, int64_t now_ms) {
    a->reserved -= e->result.amount_fen;
    a->open--;
    a->version++;
    e->state = (uint8_t)state;
    e->ended_ms = now_ms;
    e->end_version = a->version;
}

static void granted_reserve(book *b, book_account *a, execution *e) {
    const operation_result *r = &e->result;
    EXPECT(r->amount_fen == e->op.amount_fen && r->amount_fen > 0, "reserved another amount than was asked for");
    EXPECT(r->expires_ms > e->at_ms, "a reservation that has ended already");
    EXPECT(e->op.ttl_ms == 0 || r->expires_ms == e->at_ms + e->op.ttl_ms, "a reservation of another length");
    EXPECT(r->flags & QUOTA_COVERED && !(r->flags & (QUOTA_SUSPENDED | QUOTA_FROZEN)),
           "exposure for whom there is none");
    EXPECT(r->flags & QUOTA_EXEMPT || (r->flags & QUOTA_RATED && r->used_fen <= r->limit_fen), "over the limit");
    EXPECT(r->violations == 0 && !a->frozen && a->exists, "granted in spite of a violation");
    a->reserved += r->amount_fen;
    a->open++;
    a->version++;
    e->state = OPERATION_OPEN;
    e->ended_ms = 0;
    b->granted++;
}

static void granted_resolve(book *b, book_account *a, execution *e) {
    execution *target = book_find(b, &e->op.target);
    if (target == NULL || target->state != OPERATION_OPEN)
        sim_fail("ended a reservation that is not open: %s", book_text(&e->op, &e->result));
    EXPECT(subject_equal(&target->op.subject, &e->op.subject) && target->op.program == e->op.program,
           "ended somebody else's reservation");
    EXPECT(target->result.expires_ms > e->at_ms, "ended a reservation that has expired");
    e->ended = (uint32_t)(target - b->list);
    int64_t asked = e->op.amount_fen, reserved = target->result.amount_fen;
    if (e->op.kind == OPERATION_COMMIT) {
        EXPECT(e->result.amount_fen == (asked == 0 ? reserved : asked), "committed another amount");
        EXPECT(e->result.amount_fen <= reserved, "committed more than was reserved");
        a->committed += e->result.amount_fen;
    } else {
        EXPECT(e->result.amount_fen == reserved, "released another amount");
    }
    end_reservation(a, target, e->op.kind == OPERATION_COMMIT ? OPERATION_COMMITTED : OPERATION_RELEASED, e->at_ms);
}

static uint32_t find_instrument(const book_account *a, uint64_t id) {
    uint32_t i = 0;
    while (i < a->instruments && a->instrument[i].id != id) i++;
    return i;
}

static void drop_instrument(book_account *a, uint32_t i) {
    a->instruments--;
    memmove(&a->instrument[i], &a->instrument[i + 1], (a->instruments - i) * sizeof a->instrument[0]);
}

/* A full account gives up what ended first, if that was a month ago. */
static void make_room(book_account *a, const execution *e) {
    uint32_t first = 0;
    for (uint32_t i = 1; i < a->instruments; i++)
        if (a->instrument[i].to_hour < a->instrument[first].to_hour) first = i;
    int64_t end = a->instrument[first].to_hour;
    EXPECT(end != UINT32_MAX && end + 31 * 24 <= e->at_ms / 3600000, "one instrument too many");
    drop_instrument(a, first);
}

static void granted_instrument(book_account *a, execution *e) {
    uint32_t i = find_instrument(a, e->op.instrument);
    bool pledge = e->op.kind == OPERATION_PLEDGE;
    EXPECT(pledge == (i == a->instruments), pledge ? "pledged twice" : "no such instrument");
    if (pledge) {
        if (a->instruments == LIMIT_INSTRUMENTS) make_room(a, e);
        a->instrument[a->instruments++] = (book_instrument){e->op.instrument, e->result.amount_fen, e->op.to_hour};
        a->exists = true;
    } else if (e->op.kind == OPERATION_AMEND) {
        a->instrument[i].amount_fen = e->result.amount_fen;
        if (e->op.to_hour != 0) a->instrument[i].to_hour = e->op.to_hour;
    } else {
        EXPECT(a->instrument[i].amount_fen == e->result.amount_fen, "withdrew another amount");
        drop_instrument(a, i);
    }
    a->version++;
}

static void granted(book *b, book_account *a, execution *e) {
    if (a == NULL) sim_fail("granted without an account: %s", book_text(&e->op, &e->result));
    switch ((operation_kind)e->op.kind) {
    case OPERATION_RESERVE: granted_reserve(b, a, e); break;
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: granted_resolve(b, a, e); break;
    case OPERATION_SETTLE:
        EXPECT(e->result.amount_fen == e->op.amount_fen && e->op.amount_fen <= a->committed, "settled too much");
        a->committed -= e->result.amount_fen;
        a->settled += e->result.amount_fen;
        a->version++;
        break;
    case OPERATION_PLEDGE:
    case OPERATION_WITHDRAW:
    case OPERATION_AMEND: granted_instrument(a, e); break;
    case OPERATION_ENERGY:
        a->exists = true;
        a->version++;
        break;
    case OPERATION_FREEZE:
    case OPERATION_UNFREEZE:
        EXPECT(a->frozen == (e->op.kind == OPERATION_UNFREEZE), "frozen, or unfrozen, twice");
        a->frozen = !a->frozen;
        a->version++;
        break;
    case OPERATION_KIND_END: break;
    }
}

/* Refusals that the book can judge: those within a chain may be about a moment that never was. */
static void refused(const book *b, const book_account *a, const execution *e, bool of_chain) {
    const execution *target = book_find(b, &e->op.target);
    EXPECT(e->result.amount_fen == 0, "a refusal with an effect");
    if (of_chain) return;
    switch (e->result.status) {
    case STATUS_ALREADY_RESOLVED:
        EXPECT(target != NULL && (target->state == OPERATION_COMMITTED || target->state == OPERATION_RELEASED),
               "not resolved before");
        break;
    case STATUS_RESERVATION_EXPIRED: EXPECT(target != NULL && target->state == OPERATION_EXPIRED, "not expired"); break;
    case STATUS_NO_ACCOUNT: EXPECT(a == NULL || !a->exists, "there is an account"); break;
    case STATUS_OVER_COMMITTED: EXPECT(a != NULL && e->op.amount_fen > a->committed, "not over committed"); break;
    default: break;
    }
}

/* Answers tell where the account stands after the operation. */
static void check_balance(const book_account *a, const execution *e, bool of_chain) {
    if (a == NULL || of_chain || e->result.status == STATUS_LINKED_FAILED || e->result.status == STATUS_UNKNOWN_SUBJECT)
        return;
    EXPECT(e->result.used_fen == a->reserved + a->committed, "used does not add up");
    EXPECT(e->result.committed_fen == a->committed, "committed does not add up");
    EXPECT(e->result.account_version == a->version, "the account's version is not the next");
}

static uint32_t *latest_of(book *b, const operation_id *id) {
    uint64_t n = book_number(id);
    while (n >= b->latest_room) {
        uint64_t room = b->latest_room == 0 ? 256 : b->latest_room * 2;
        b->latest = realloc(b->latest, room * sizeof *b->latest);
        CHECK(b->latest != NULL);
        for (uint64_t i = b->latest_room; i < room; i++) b->latest[i] = BOOK_NONE;
        b->latest_room = room;
    }
    return &b->latest[n];
}

static void confirm_one(book *b, const noted *n, int64_t now_ms) {
    b->seen[n->result.status < 256 ? n->result.status : 0]++;
    execution *known = book_find(b, &n->op.id);
    if (n->result.status == STATUS_OPERATION_REUSED) {
        if (known == NULL || same_content(&known->op, &n->op))
            sim_fail("refused as reused, but it is not: %s", book_text(&n->op, &n->result));
        return;
    }
    if (!is_kept(n->result.status) || is_malformed(n)) return;
    if (!is_new(b, n)) {
        if (!same_content(&known->op, &n->op) || !book_same_result(&known->result, &n->result))
            sim_fail("another answer than at first: %s", book_text(&n->op, &n->result));
        b->repeated++;
        return;
    }
    if (n->at_ms != now_ms) sim_fail("executed at another moment: %s", book_text(&n->op, &n->result));
    uint32_t *latest = latest_of(b, &n->op.id);
    if (b->count == b->room) b->list = grown(b->list, &b->room, sizeof *b->list);
    execution *e = &b->list[b->count];
    *e = (execution){.op = n->op,
                     .result = n->result,
                     .at_ms = n->at_ms,
                     .ended_ms = n->at_ms,
                     .older = *latest,
                     .ended = BOOK_NONE};
    book_account *a = account_of(b, &n->op);
    bool of_chain = n->of_chain && n->result.status != STATUS_OK;
    if (n->result.status == STATUS_OK)
        granted(b, a, e);
    else
        refused(b, a, e, of_chain);
    check_balance(a, e, of_chain);
    *latest = b->count++;
    b->executed++;
}

static void expire(book *b, int64_t now_ms) {
    for (uint32_t i = 0; i < b->count; i++) {
        execution *e = &b->list[i];
        book_account *a = account_of(b, &e->op);
        if (a == NULL || e->state != OPERATION_OPEN || e->result.expires_ms > now_ms) continue;
        end_reservation(a, e, OPERATION_EXPIRED, e->result.expires_ms);
        b->expired++;
    }
}

void book_confirm(book *b, int64_t now_ms) {
    expire(b, now_ms);
    if (now_ms > b->newest_ms) b->newest_ms = now_ms;
    for (uint32_t i = 0; i < b->group_count; i++) {
        confirm_one(b, &b->group[i], now_ms);
    }
    if (b->group_policy != 0) b->policy_version = b->group_policy;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->alert_count; i++) {
        bool gone = false;
        for (uint32_t k = 0; k < b->acknowledged_count; k++) gone |= b->alerts[i].number == b->acknowledged[k];
        if (!gone) b->alerts[kept++] = b->alerts[i];
    }
    b->alert_count = kept;
    book_drop(b);
}

void book_take_alerts(book *b, const engine *e) {
    for (;;) {
        if (b->alert_count == b->alert_room) b->alerts = grown(b->alerts, &b->alert_room, sizeof *b->alerts);
        alert *a = &b->alerts[b->alert_count];
        if (alerts_after(engine_alerts(e), b->newest_alert, a, 1) == 0) return;
        if (a->number <= b->newest_alert || a->number > alerts_newest(engine_alerts(e)))
            sim_fail("alert %" PRIu64 " follows %" PRIu64, a->number, b->newest_alert);
        b->newest_alert = a->number;
        b->alert_count++;
        b->raised++;
    }
}

/* ------------------------------------------------------------------ what clients know */

void book_answered(book *b, const operation *op, const operation_result *result) {
    if (!is_kept(result->status) || operate_form(op) != STATUS_OK) return;
    const execution *newest = book_find(b, &op->id);
    uint32_t i = newest != NULL ? (uint32_t)(newest - b->list) : BOOK_NONE;
    while (i != BOOK_NONE && !book_same_result(&b->list[i].result, result)) i = b->list[i].older;
    if (i == BOOK_NONE) sim_fail("answered, but not durable: %s", book_text(op, result));
    b->list[i].answered = true;
}
