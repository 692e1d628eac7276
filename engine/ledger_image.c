/* Stored images of accounts and operations. Field by field, so that they are little-endian on any machine; on a
 * little-endian one the compiler turns this into plain copies. The layouts are those of the structs and are asserted
 * here, because protocol/PROTOCOL.md hands both out as they are. */
#include "base/le.h"
#include "base/purpose.h"
#include "engine/ledger.h"
#include "engine/operate.h"

#include <stddef.h>
#include <string.h>

#define AT(type, member, offset)                                                                                       \
    static_assert(offsetof(type, member) == (offset), "the image of " #type "." #member " has moved")
AT(account, seq, 12);
AT(account, reserved_fen, 16);
AT(account, opened_ms, 72);
AT(account, open_reservations, 80);
AT(account, zero, 88);
AT(account, instruments, 128);
AT(instrument, kind, 24);
AT(operation, subject, 16);
AT(operation, program, 28);
AT(operation, amount_fen, 32);
AT(operation, target, 40);
AT(operation, ttl_ms, 56);
AT(operation, to_hour, 60);
AT(operation_result, amount_fen, 8);
AT(operation_result, expires_ms, 40);
AT(operation_entry, result, 64);
AT(operation_entry, at_ms, 112);
AT(operation_entry, state, 120);
AT(operation_entry, resolved_s, 124);

static_assert(sizeof(account) == ACCOUNT_IMAGE, "as in memory");
static_assert(sizeof(operation_entry) == OPERATION_IMAGE, "as in memory");

static uint8_t *put64(uint8_t *to, uint64_t v) {
    le_put64(to, v);
    return to + 8;
}

static uint8_t *put32(uint8_t *to, uint32_t v) {
    le_put32(to, v);
    return to + 4;
}

static uint8_t *put_zero(uint8_t *to, size_t n) {
    memset(to, 0, n);
    return to + n;
}

/* Reading: *from moves on. */
static uint64_t take64(const uint8_t **from) {
    uint64_t v = le_get64(*from);
    *from += 8;
    return v;
}

static uint32_t take32(const uint8_t **from) {
    uint32_t v = le_get32(*from);
    *from += 4;
    return v;
}

void account_encode(const account *a, uint8_t to[ACCOUNT_IMAGE]) {
    memcpy(to, a->key.bytes, sizeof a->key);
    uint8_t *at = put32(to + sizeof a->key, a->seq & ~1u);
    const int64_t numbers[] = {a->reserved_fen,     a->committed_fen, a->settled_fen,      a->energy_12m_mwh,
                               a->wholesale_2m_mwh, a->retail_2m_mwh, a->forecast_12m_mwh, a->opened_ms};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) at = put64(at, (uint64_t)numbers[i]);
    at = put32(at, a->open_reservations);
    at = put32(at, a->instrument_count);
    at = put_zero(at, sizeof a->zero);
    for (size_t i = 0; i < LIMIT_INSTRUMENTS; i++) {
        const instrument *bond = &a->instruments[i];
        at = put64(at, bond->id);
        at = put64(at, (uint64_t)bond->amount_fen);
        at = put32(at, bond->from_hour);
        at = put32(at, bond->to_hour);
        *at++ = bond->kind;
        at = put_zero(at, sizeof bond->zero);
    }
}

status account_decode(const uint8_t from[ACCOUNT_IMAGE], account *a) {
    const uint8_t *at = from + sizeof a->key;
    memcpy(a->key.bytes, from, sizeof a->key);
    a->seq = take32(&at);
    int64_t *const numbers[] = {&a->reserved_fen,     &a->committed_fen, &a->settled_fen,      &a->energy_12m_mwh,
                                &a->wholesale_2m_mwh, &a->retail_2m_mwh, &a->forecast_12m_mwh, &a->opened_ms};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] = (int64_t)take64(&at);
    a->open_reservations = take32(&at);
    a->instrument_count = take32(&at);
    memcpy(a->zero, at, sizeof a->zero);
    at += sizeof a->zero;
    for (size_t i = 0; i < LIMIT_INSTRUMENTS; i++) {
        instrument *bond = &a->instruments[i];
        bond->id = take64(&at);
        bond->amount_fen = (int64_t)take64(&at);
        bond->from_hour = take32(&at);
        bond->to_hour = take32(&at);
        bond->kind = *at++;
        memcpy(bond->zero, at, sizeof bond->zero);
        at += sizeof bond->zero;
    }
    return (a->seq & 1) == 0 && account_check(a) ? STATUS_OK : STATUS_CORRUPT;
}

/* The 16 bytes whose meaning follows from the kind are an id (bytes as they are) or two numbers. */
static bool has_target(unsigned kind) { return kind == OPERATION_COMMIT || kind == OPERATION_RELEASE; }

static void request_encode(const operation *op, uint8_t to[64]) {
    memcpy(to, op->id.bytes, sizeof op->id);
    memcpy(to + 16, op->subject.bytes, sizeof op->subject);
    to[28] = op->program;
    to[29] = op->kind;
    le_put16(to + 30, op->instrument_kind);
    le_put64(to + 32, (uint64_t)op->amount_fen);
    if (has_target(op->kind)) {
        memcpy(to + 40, op->target.bytes, sizeof op->target);
    } else {
        le_put64(to + 40, (uint64_t)op->energy.wholesale_2m_mwh);
        le_put64(to + 48, (uint64_t)op->energy.retail_2m_mwh);
    }
    le_put32(to + 56, op->ttl_ms);
    le_put32(to + 60, op->to_hour);
}

static void request_decode(const uint8_t from[64], operation *op) {
    memcpy(op->id.bytes, from, sizeof op->id);
    memcpy(op->subject.bytes, from + 16, sizeof op->subject);
    op->program = from[28];
    op->kind = from[29];
    op->instrument_kind = le_get16(from + 30);
    op->amount_fen = (int64_t)le_get64(from + 32);
    if (has_target(op->kind)) {
        memcpy(op->target.bytes, from + 40, sizeof op->target);
    } else {
        op->energy.wholesale_2m_mwh = (int64_t)le_get64(from + 40);
        op->energy.retail_2m_mwh = (int64_t)le_get64(from + 48);
    }
    op->ttl_ms = le_get32(from + 56);
    op->to_hour = le_get32(from + 60);
}

void operation_entry_encode(const operation_entry *e, uint8_t to[OPERATION_IMAGE]) {
    request_encode(&e->request, to);
    const operation_result *r = &e->result;
    le_put16(to + 64, r->status);
    to[66] = r->warning;
    to[67] = r->flags;
    uint8_t *at = put32(to + 68, r->account_version);
    at = put64(at, (uint64_t)r->amount_fen);
    at = put64(at, (uint64_t)r->limit_fen);
    at = put64(at, (uint64_t)r->used_fen);
    at = put64(at, (uint64_t)r->available_fen);
    at = put64(at, (uint64_t)r->expires_ms);
    at = put64(at, (uint64_t)e->at_ms);
    *at++ = e->state;
    at = put_zero(at, sizeof e->zero);
    put32(at, e->resolved_s);
}

status operation_entry_decode(const uint8_t from[OPERATION_IMAGE], operation_entry *e) {
    request_decode(from, &e->request);
    operation_result *r = &e->result;
    r->status = le_get16(from + 64);
    r->warning = from[66];
    r->flags = from[67];
    const uint8_t *at = from + 68;
    r->account_version = take32(&at);
    r->amount_fen = (int64_t)take64(&at);
    r->limit_fen = (int64_t)take64(&at);
    r->used_fen = (int64_t)take64(&at);
    r->available_fen = (int64_t)take64(&at);
    r->expires_ms = (int64_t)take64(&at);
    e->at_ms = (int64_t)take64(&at);
    e->state = *at++;
    memcpy(e->zero, at, sizeof e->zero);
    at += sizeof e->zero;
    e->resolved_s = take32(&at);
    return operation_entry_check(e) ? STATUS_OK : STATUS_CORRUPT;
}

bool operation_entry_check(const operation_entry *e) {
    const operation *op = &e->request;
    const operation_result *r = &e->result;
    static const uint8_t none[sizeof e->zero];
    if (operate_form(op) != STATUS_OK || !subject_is_valid(&op->subject)) return false;
    if (operation_state_name(e->state) == NULL || memcmp(e->zero, none, sizeof none) != 0 || e->at_ms < 0) return false;
    bool refused = status_classify(r->status) == STATUS_CLASS_REFUSED;
    if (r->status != STATUS_OK && !refused) return false;
    if (refused && r->amount_fen != 0) return false;
    if (r->warning > 3 || r->limit_fen < 0 || r->used_fen < 0 || r->available_fen < 0) return false;
    /* a granted reservation is open or has been resolved; nothing else ever is */
    bool granted = op->kind == OPERATION_RESERVE && !refused;
    if (granted != (e->state != OPERATION_FINAL)) return false;
    if (granted && (r->amount_fen != op->amount_fen || r->amount_fen <= 0 || r->expires_ms <= e->at_ms)) return false;
    if (granted && (op->program < 1 || op->program > PROGRAM_MAX)) return false;
    return (e->state == OPERATION_OPEN) == (e->resolved_s == 0);
}
