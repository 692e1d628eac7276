/* Events as bytes. The images are those of engine/ledger.h, so what is checked there is checked here. Cost: copies; a
 * packed trade takes some 15 ns more to write and saves five times that on its way to the disk. */
#include "engine/history.h"

#include "base/check.h"
#include "base/le.h"

#include <string.h>

#define OPERATION_PART (OPERATION_IMAGE - 8) /* without what a reservation's end adds */

void history_begin(buf *to, uint64_t previous) {
    uint8_t head[HISTORY_HEAD];
    le_put64(head, previous);
    buf_append(to, head, sizeof head);
}

static void add_image(buf *to, history_kind kind, const operation_entry *e, size_t length) {
    uint8_t bytes[1 + OPERATION_IMAGE];
    bytes[0] = (uint8_t)kind;
    operation_entry_encode(e, bytes + 1);
    buf_append(to, bytes, 1 + length);
}

/* ------------------------------------------------------------------ trades, packed */

enum {
    TRADE_LINKED = 1 << 0,
    TRADE_STATUS = 1 << 1,
    TRADE_VIOLATIONS = 1 << 2,
    TRADE_TARGET = 1 << 3,
    TRADE_AMOUNT = 1 << 4,
    TRADE_TTL = 1 << 5,
    TRADE_EFFECT = 1 << 6, /* not what was asked for */
    TRADE_LIFE = 1 << 7,   /* not the time to live that was asked for */
    TRADE_ALL = (1 << 8) - 1
};
#define TRADE_HEAD (1 + 2 + 16 + 12 + 4 + 6)
#define TRADE_NUMBER 10 /* bytes of the longest */

static bool is_trade(const operation_entry *e) {
    unsigned kind = e->request.kind;
    return kind >= OPERATION_RESERVE && kind <= OPERATION_SETTLE && e->at_ms >> 48 == 0;
}

static uint8_t *put_number(uint8_t *to, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *to++ = (uint8_t)(v | 0x80);
    *to++ = (uint8_t)v;
    return to;
}

/* What an operation takes effect with if nothing else is said. */
static int64_t usual_effect(const operation_entry *e) { return e->status == STATUS_OK ? e->request.amount_fen : 0; }

static uint32_t usual_life(const operation_entry *e) {
    return e->request.kind == OPERATION_RESERVE && e->status == STATUS_OK ? e->request.ttl_ms : 0;
}

static bool has_target(const operation *op) { return op->kind == OPERATION_COMMIT || op->kind == OPERATION_RELEASE; }

#define TRADE_MOST (TRADE_HEAD + 4 + 16 + 8 * TRADE_NUMBER) /* if every number were as long as it can be */

static size_t pack_trade(const operation_entry *e, uint8_t bytes[TRADE_MOST]) {
    uint8_t *at = bytes + TRADE_HEAD;
    const operation *op = &e->request;
    unsigned mask = op->flags & OPERATION_LINKED ? TRADE_LINKED : 0;
    if (e->status != STATUS_OK) {
        mask |= TRADE_STATUS;
        le_put16(at, e->status);
        at += 2;
    }
    if (e->violations != 0) {
        mask |= TRADE_VIOLATIONS;
        le_put16(at, e->violations);
        at += 2;
    }
    if (has_target(op)) {
        mask |= TRADE_TARGET;
        memcpy(at, op->target.bytes, sizeof op->target);
        at += sizeof op->target;
    }
    const struct {
        unsigned bit;
        uint64_t number;
        bool there;
    } numbers[] = {{TRADE_AMOUNT, (uint64_t)op->amount_fen, op->amount_fen != 0},
                   {TRADE_TTL, op->ttl_ms, op->ttl_ms != 0},
                   {TRADE_EFFECT, (uint64_t)e->amount_fen, e->amount_fen != usual_effect(e)},
                   {TRADE_LIFE, e->life_ms, e->life_ms != usual_life(e)}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!numbers[i].there) continue;
        mask |= numbers[i].bit;
        at = put_number(at, numbers[i].number);
    }
    at = put_number(at, (uint64_t)e->limit_fen);
    at = put_number(at, (uint64_t)e->used_fen);
    at = put_number(at, (uint64_t)e->committed_fen);
    at = put_number(at, e->account_version);
    bytes[0] = HISTORY_TRADE;
    le_put16(bytes + 1, (uint16_t)mask);
    memcpy(bytes + 3, op->id.bytes, sizeof op->id);
    memcpy(bytes + 19, op->subject.bytes, sizeof op->subject);
    bytes[31] = op->program;
    bytes[32] = op->kind;
    bytes[33] = e->flags;
    bytes[34] = e->warning;
    le_put32(bytes + 35, (uint32_t)e->at_ms);
    le_put16(bytes + 39, (uint16_t)(e->at_ms >> 32));
    return (size_t)(at - bytes);
}

typedef struct reader {
    const uint8_t *at, *end;
    bool bad;
} reader;

static const uint8_t *take(reader *r, size_t n) {
    static const uint8_t nothing[16];
    if ((size_t)(r->end - r->at) < n) r->bad = true;
    if (r->bad) return nothing;
    r->at += n;
    return r->at - n;
}

static uint64_t take_number(reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = *take(r, 1);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return v;
    }
    r->bad = true;
    return 0;
}

/* *at stands behind the kind byte. */
static status read_trade(const uint8_t *bytes, size_t length, size_t *from, operation_entry *e) {
    reader r = {.at = bytes + *from, .end = bytes + length};
    operation *op = &e->request;
    *e = (operation_entry){0};
    unsigned mask = le_get16(take(&r, 2));
    memcpy(op->id.bytes, take(&r, sizeof op->id), sizeof op->id);
    memcpy(op->subject.bytes, take(&r, sizeof op->subject), sizeof op->subject);
    op->program = *take(&r, 1);
    op->kind = *take(&r, 1);
    op->flags = mask & TRADE_LINKED ? OPERATION_LINKED : 0;
    e->flags = *take(&r, 1);
    e->warning = *take(&r, 1);
    e->at_ms = le_get32(take(&r, 4));
    e->at_ms |= (int64_t)le_get16(take(&r, 2)) << 32;
    if (mask & TRADE_STATUS) e->status = le_get16(take(&r, 2));
    if (mask & TRADE_VIOLATIONS) e->violations = le_get16(take(&r, 2));
    if (mask & TRADE_TARGET) memcpy(op->target.bytes, take(&r, sizeof op->target), sizeof op->target);
    if (mask & TRADE_AMOUNT) op->amount_fen = (int64_t)take_number(&r);
    uint64_t ttl = mask & TRADE_TTL ? take_number(&r) : 0;
    op->ttl_ms = (uint32_t)ttl;
    e->amount_fen = mask & TRADE_EFFECT ? (int64_t)take_number(&r) : usual_effect(e);
    uint64_t life = mask & TRADE_LIFE ? take_number(&r) : usual_life(e);
    e->life_ms = (uint32_t)life;
    e->limit_fen = (int64_t)take_number(&r);
    e->used_fen = (int64_t)take_number(&r);
    e->committed_fen = (int64_t)take_number(&r);
    uint64_t version = take_number(&r);
    e->account_version = (uint32_t)version;
    if (r.bad || (mask & ~TRADE_ALL) != 0 || (ttl | life | version) > UINT32_MAX || !is_trade(e)) return STATUS_CORRUPT;
    e->state = e->life_ms != 0 ? OPERATION_OPEN : OPERATION_FINAL;
    e->resolved_s = e->state == OPERATION_OPEN ? 0 : operation_seconds(e->at_ms);
    size_t begin = *from - 1, size = (size_t)(r.at - bytes) - begin;
    uint8_t again[TRADE_MOST]; /* there is one way to pack a trade */
    if (pack_trade(e, again) != size || memcmp(again, bytes + begin, size) != 0) return STATUS_CORRUPT;
    *from = begin + size;
    return operation_entry_check(e) ? STATUS_OK : STATUS_CORRUPT;
}

void history_add_operation(buf *to, const operation_entry *e) {
    if (!is_trade(e)) {
        add_image(to, HISTORY_OPERATION, e, OPERATION_PART);
        return;
    }
    uint8_t bytes[TRADE_MOST];
    size_t size = pack_trade(e, bytes);
    CHECK(size <= HISTORY_OPERATION_BYTES);
    buf_append(to, bytes, size);
}

void history_add_kept(buf *to, const operation_entry *e) { add_image(to, HISTORY_KEPT, e, OPERATION_IMAGE); }

void history_add_expiry(buf *to, const operation_id *reservation, uint32_t account_version, int64_t at_ms) {
    uint8_t bytes[HISTORY_EXPIRY_BYTES];
    bytes[0] = HISTORY_EXPIRY;
    memcpy(bytes + 1, reservation->bytes, sizeof reservation->bytes);
    le_put32(bytes + 17, account_version);
    le_put64(bytes + 21, (uint64_t)at_ms);
    buf_append(to, bytes, sizeof bytes);
}

/* ------------------------------------------------------------------ reading */

status history_head(const uint8_t *bytes, size_t length, size_t *at, uint64_t *previous) {
    if (length < HISTORY_HEAD) return STATUS_CORRUPT;
    *previous = le_get64(bytes);
    *at = HISTORY_HEAD;
    return STATUS_OK;
}

/* A new operation is final at once unless it is a granted reservation; the image says when it was. */
status history_read_image(const uint8_t from[OPERATION_IMAGE - 8], operation_entry *e) {
    uint8_t image[OPERATION_IMAGE] = {0};
    memcpy(image, from, OPERATION_PART);
    if (image[OPERATION_STATE_AT] != OPERATION_OPEN)
        le_put32(image + OPERATION_PART, operation_seconds((int64_t)le_get64(image + OPERATION_TIME_AT)));
    status s = operation_entry_decode(image, e);
    if (s != STATUS_OK) return s;
    return e->state == OPERATION_OPEN || e->state == OPERATION_FINAL ? STATUS_OK : STATUS_CORRUPT;
}

static status read_expiry(const uint8_t *from, history_event *out) {
    memcpy(out->reservation.bytes, from, sizeof out->reservation.bytes);
    out->account_version = le_get32(from + 16);
    out->at_ms = (int64_t)le_get64(from + 20);
    return out->at_ms >= 0 && out->at_ms <= LEDGER_TIME_MAX_MS ? STATUS_OK : STATUS_CORRUPT;
}

status history_next(const uint8_t *bytes, size_t length, size_t *at, history_event *out) {
    static const size_t sizes[] = {0, HISTORY_OPERATION_BYTES, HISTORY_EXPIRY_BYTES, HISTORY_KEPT_BYTES, TRADE_HEAD};
    if (*at >= length) return *at == length ? STATUS_END : STATUS_CORRUPT;
    unsigned kind = bytes[*at];
    if (kind == 0 || kind >= sizeof sizes / sizeof *sizes || sizes[kind] > length - *at) return STATUS_CORRUPT;
    if (kind == HISTORY_TRADE) {
        out->kind = HISTORY_OPERATION;
        ++*at;
        return read_trade(bytes, length, at, &out->entry);
    }
    const uint8_t *from = bytes + *at + 1;
    *at += sizes[kind];
    out->kind = (history_kind)kind;
    if (kind == HISTORY_OPERATION) {
        status s = history_read_image(from, &out->entry);
        return s == STATUS_OK && is_trade(&out->entry) ? STATUS_CORRUPT : s; /* there is one way to write one */
    }
    return kind == HISTORY_EXPIRY ? read_expiry(from, out) : operation_entry_decode(from, &out->entry);
}
