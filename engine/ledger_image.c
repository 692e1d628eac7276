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
AT(account, flags, 88);
AT(account, topup_day, 90);
AT(account, freeze_reference, 96);
AT(account, zero, 112);
AT(account, instruments, 128);
AT(instrument, kind, 24);
AT(operation, subject, 16);
AT(operation, program, 28);
AT(operation, flags, 31);
AT(operation, amount_fen, 32);
AT(operation, target, 40);
AT(operation, ttl_ms, 56);
AT(operation, to_hour, 60);
AT(operation_result, amount_fen, 8);
AT(operation_result, expires_ms, 40);
AT(operation_result, violations, 56);
AT(operation_entry, at_ms, OPERATION_TIME_AT);
AT(operation_entry, account_version, 104);
AT(operation_entry, status, 112);
AT(operation_entry, state, OPERATION_STATE_AT);
AT(operation_entry, resolved_s, 120);

static_assert(sizeof(account) == ACCOUNT_IMAGE, "as in memory");
static_assert(sizeof(operation_entry) == OPERATION_IMAGE, "as in memory");

static uint8_t *put64(uint8_t *to, uint64_t v) {
    le_put64(to, v);
    return to + 8;
}

static uint8_t *put16(uint8_t *to, uint16_t v) {
    le_put16(to, v);
    return to + 2;
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

static uint16_t take16(const uint8_t **from) {
    uint16_t v = le_get16(*from);
    *from += 2;
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
    *at++ = a->flags;
    *at++ = a->warned;
    at = put16(at, a->topup_day);
    at = put_zero(at, sizeof a->newest); /* of memory only */
    memcpy(at, a->freeze_reference, sizeof a->freeze_reference);
    at = put_zero(at + sizeof a->freeze_reference, sizeof a->zero);
    for (size_t i = 0; i < LIMIT_INSTRUMENTS; i++) {
        const instrument *bond = &a->instruments[i];
        at = put64(at, bond->id);
        at = put64(at, (uint64_t)bond->amount_fen);
        at = put32(at, bond->from_hour);
        at = put32(at, bond->to_hour);
        *at++ = bond->kind;
        *at++ = bond->alerted;
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
    a->flags = *at++;
    a->warned = *at++;
    a->topup_day = take16(&at);
    a->newest = take32(&at);
    memcpy(a->freeze_reference, at, sizeof a->freeze_reference);
    at += sizeof a->freeze_reference;
    memcpy(a->zero, at, sizeof a->zero);
    at += sizeof a->zero;
    for (size_t i = 0; i < LIMIT_INSTRUMENTS; i++) {
        instrument *bond = &a->instruments[i];
        bond->id = take64(&at);
        bond->amount_fen = (int64_t)take64(&at);
        bond->from_hour = take32(&at);
        bond->to_hour = take32(&at);
        bond->kind = *at++;
        bond->alerted = *at++;
        memcpy(bond->zero, at, sizeof bond->zero);
        at += sizeof bond->zero;
    }
    return (a->seq & 1) == 0 && a->newest == 0 && account_check(a) ? STATUS_OK : STATUS_CORRUPT;
}

void balance_encode(const account *a, uint8_t to[BALANCE_IMAGE]) {
    uint8_t *at = put32(to, a->seq & ~1u);
    at = put64(at, (uint64_t)a->reserved_fen);
    at = put64(at, (uint64_t)a->committed_fen);
    at = put64(at, (uint64_t)a->settled_fen);
    at = put32(at, a->open_reservations);
    put32(at, 0);
}

status balance_decode(const uint8_t from[BALANCE_IMAGE], account *a) {
    account with = *a;
    with.seq = take32(&from);
    with.reserved_fen = (int64_t)take64(&from);
    with.committed_fen = (int64_t)take64(&from);
    with.settled_fen = (int64_t)take64(&from);
    with.open_reservations = take32(&from);
    if (take32(&from) != 0 || (with.seq & 1) != 0 || !account_check(&with)) return STATUS_CORRUPT;
    if ((int32_t)(with.seq - a->seq) > 0) *a = with; /* versions wrap */
    return STATUS_OK;
}

/* The 16 bytes whose meaning follows from the kind are an id or a text (bytes as they are) or two numbers. */
static bool has_target(unsigned kind) {
    return kind == OPERATION_COMMIT || kind == OPERATION_RELEASE || kind == OPERATION_FREEZE;
}

static void request_encode(const operation *op, uint8_t to[64]) {
    memcpy(to, op->id.bytes, sizeof op->id);
    memcpy(to + 16, op->subject.bytes, sizeof op->subject);
    to[28] = op->program;
    to[29] = op->kind;
    to[30] = op->instrument_kind;
    to[31] = op->flags;
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
    op->instrument_kind = from[30];
    op->flags = from[31];
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

uint32_t operation_seconds(int64_t at_ms) {
    int64_t s = (at_ms + 999) / 1000;
    return s < 1 ? 1 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

void operation_entry_result(const operation_entry *e, operation_result *out) {
    bool covered = (e->flags & QUOTA_COVERED) != 0;
    *out = (operation_result){
        .status = e->status,
        .warning = e->warning,
        .flags = e->flags,
        .account_version = e->account_version,
        .amount_fen = e->amount_fen,
        .limit_fen = e->limit_fen,
        .used_fen = e->used_fen,
        .available_fen = covered && e->limit_fen > e->used_fen ? e->limit_fen - e->used_fen : 0,
        .expires_ms = e->life_ms != 0 ? e->at_ms + e->life_ms : 0,
        .committed_fen = e->committed_fen,
        .violations = e->violations,
    };
}

void operation_entry_encode(const operation_entry *e, uint8_t to[OPERATION_IMAGE]) {
    request_encode(&e->request, to);
    uint8_t *at = put64(to + OPERATION_TIME_AT, (uint64_t)e->at_ms);
    at = put64(at, (uint64_t)e->amount_fen);
    at = put64(at, (uint64_t)e->limit_fen);
    at = put64(at, (uint64_t)e->used_fen);
    at = put64(at, (uint64_t)e->committed_fen);
    at = put32(at, e->account_version);
    at = put32(at, e->life_ms);
    at = put16(at, e->status);
    at = put16(at, e->violations);
    *at++ = e->warning;
    *at++ = e->flags;
    *at++ = e->state;
    *at++ = 0;
    at = put32(at, e->resolved_s);
    put32(at, e->resolved_version);
}

status operation_entry_decode(const uint8_t from[OPERATION_IMAGE], operation_entry *e) {
    request_decode(from, &e->request);
    const uint8_t *at = from + OPERATION_TIME_AT;
    e->at_ms = (int64_t)take64(&at);
    e->amount_fen = (int64_t)take64(&at);
    e->limit_fen = (int64_t)take64(&at);
    e->used_fen = (int64_t)take64(&at);
    e->committed_fen = (int64_t)take64(&at);
    e->account_version = take32(&at);
    e->life_ms = take32(&at);
    e->status = take16(&at);
    e->violations = take16(&at);
    e->warning = *at++;
    e->flags = *at++;
    e->state = *at++;
    e->zero = *at++;
    e->resolved_s = take32(&at);
    e->resolved_version = take32(&at);
    return operation_entry_check(e) ? STATUS_OK : STATUS_CORRUPT;
}

/* Version 1: u16 status, u8 warning, u8 flags, u32 account version, i64 amount, limit, used, available, expires; i64
 * moment, u8 state, 3 zero, u32 resolved_s. What it did not keep is not known: the committed part, and what else was
 * violated. */
status operation_entry_decode_v1(const uint8_t from[OPERATION_IMAGE], operation_entry *e) {
    const uint8_t *at = from + 64;
    *e = (operation_entry){0};
    request_decode(from, &e->request);
    e->status = take16(&at);
    e->warning = *at++;
    e->flags = *at++;
    e->account_version = take32(&at);
    e->amount_fen = (int64_t)take64(&at);
    e->limit_fen = (int64_t)take64(&at);
    e->used_fen = (int64_t)take64(&at);
    (void)take64(&at);
    int64_t expires_ms = (int64_t)take64(&at);
    e->at_ms = (int64_t)take64(&at);
    e->state = *at;
    at += 4;
    e->resolved_s = take32(&at);
    int64_t life = expires_ms - e->at_ms;
    if (expires_ms != 0 && (e->at_ms < 0 || expires_ms < 0 || life <= 0 || life > UINT32_MAX)) return STATUS_CORRUPT;
    e->life_ms = expires_ms != 0 ? (uint32_t)life : 0;
    return operation_entry_check(e) ? STATUS_OK : STATUS_CORRUPT;
}

bool operation_entry_check(const operation_entry *e) {
    const operation *op = &e->request;
    if (operate_form(op) != STATUS_OK || !subject_is_valid(&op->subject)) return false;
    if (operation_state_name(e->state) == NULL || e->zero != 0) return false;
    if (e->at_ms < 0 || e->at_ms > LEDGER_TIME_MAX_MS) return false;
    bool refused = status_classify(e->status) == STATUS_CLASS_REFUSED;
    if (e->status != STATUS_OK && !refused) return false;
    if (refused && e->amount_fen != 0) return false;
    if (e->warning > 3 || e->limit_fen < 0 || e->used_fen < 0 || e->committed_fen < 0 ||
        e->committed_fen > e->used_fen || e->amount_fen < 0 || (e->violations & ~VIOLATIONS_ALL) != 0)
        return false;
    if (e->violations != 0 && (!refused || op->kind != OPERATION_RESERVE)) return false;
    /* a granted reservation is open or has been resolved; nothing else ever is */
    bool granted = op->kind == OPERATION_RESERVE && !refused;
    if (granted != (e->state != OPERATION_FINAL) || granted != (e->life_ms != 0)) return false;
    if (granted && (e->amount_fen != op->amount_fen || e->amount_fen <= 0)) return false;
    if (granted && (op->program < 1 || op->program > PROGRAM_MAX)) return false;
    bool ended = granted && e->state != OPERATION_OPEN;
    if (!ended && e->resolved_version != 0) return false;
    return (e->state == OPERATION_OPEN) == (e->resolved_s == 0);
}
