/* Steps of operations on a private copy of an account. Each leaves account_check true; what would break it is refused
 * before anything is written. */
#include "engine/operate.h"

#include "base/check.h"
#include "base/le.h"
#include "base/utf8.h"

#include <string.h>

/* ------------------------------------------------------------------ requests */

static bool is_zero(const void *bytes, size_t n) {
    static const uint8_t zero[16];
    return memcmp(bytes, zero, n) == 0;
}

/* What a kind does not use must be zero, so that it can get a meaning later. */
static bool unused_is_zero(const operation *op) {
    bool no_instrument_kind = op->instrument_kind == 0;
    bool no_target = is_zero(&op->target, sizeof op->target);
    bool no_second = is_zero(&op->energy.retail_2m_mwh, sizeof op->energy.retail_2m_mwh); /* behind an instrument id */
    switch ((operation_kind)op->kind) {
    case OPERATION_RESERVE: return no_instrument_kind && no_target && op->to_hour == 0;
    case OPERATION_COMMIT: return no_instrument_kind && op->ttl_ms == 0 && op->to_hour == 0;
    case OPERATION_RELEASE: return no_instrument_kind && op->amount_fen == 0 && op->ttl_ms == 0 && op->to_hour == 0;
    case OPERATION_SETTLE: return no_instrument_kind && no_target && op->ttl_ms == 0 && op->to_hour == 0;
    case OPERATION_PLEDGE: return no_second;
    case OPERATION_WITHDRAW:
        return no_instrument_kind && no_second && op->amount_fen == 0 && op->from_hour == 0 && op->to_hour == 0;
    case OPERATION_ENERGY: return no_instrument_kind && op->to_hour == 0;
    case OPERATION_AMEND: return no_instrument_kind && no_second;
    case OPERATION_FREEZE: return no_instrument_kind && op->amount_fen == 0 && op->ttl_ms == 0 && op->to_hour == 0;
    case OPERATION_UNFREEZE:
        return no_instrument_kind && no_target && op->amount_fen == 0 && op->ttl_ms == 0 && op->to_hour == 0;
    case OPERATION_KIND_END: break;
    }
    return false; /* unknown kind */
}

status operate_form(const operation *op) {
    if (is_zero(&op->id, sizeof op->id) || (op->flags & ~OPERATION_LINKED) != 0 || !unused_is_zero(op))
        return STATUS_BAD_ENTRY;
    subject_kind kind = subject_kind_of(&op->subject);
    return kind == SUBJECT_PERSON || kind == SUBJECT_ENTITY ? STATUS_OK : STATUS_BAD_SUBJECT;
}

static bool amount_ok(int64_t amount, int64_t least) { return amount >= least && amount <= LIMIT_AMOUNT_FEN; }

static bool energy_ok(int64_t mwh) { return mwh >= 0 && mwh <= LIMIT_ENERGY_MWH; }

static int64_t forecast_mwh(const operation *op) { return (int64_t)op->forecast_gwh * 1000; }

static status pledge_content(const operation *op, uint32_t hour) {
    if (!amount_ok(op->amount_fen, 1)) return STATUS_BAD_AMOUNT;
    if (op->instrument == 0 || instrument_name(op->instrument_kind) == NULL) return STATUS_BAD_VALUE;
    return op->from_hour < op->to_hour && hour < op->to_hour ? STATUS_OK : STATUS_BAD_VALIDITY;
}

static status amend_content(const operation *op, uint32_t hour) {
    if (!amount_ok(op->amount_fen, 0)) return STATUS_BAD_AMOUNT;
    bool nothing = op->amount_fen == 0 && op->from_hour == 0 && op->to_hour == 0;
    if (op->instrument == 0 || nothing) return STATUS_BAD_VALUE;
    bool ended = op->to_hour != 0 && hour >= op->to_hour;
    bool reversed = op->to_hour != 0 && op->from_hour >= op->to_hour;
    return ended || reversed ? STATUS_BAD_VALIDITY : STATUS_OK;
}

/* A text, zero bytes behind it. */
static status freeze_content(const operation *op) {
    size_t length = strnlen((const char *)op->reference, sizeof op->reference);
    bool zero_behind = bytes_are_zero(op->reference + length, sizeof op->reference - length);
    return zero_behind && utf8_is_line((const char *)op->reference, length) ? STATUS_OK : STATUS_BAD_VALUE;
}

status operate_content(const operation *op, uint32_t hour) {
    bool ok = true;
    switch ((operation_kind)op->kind) {
    case OPERATION_RESERVE:
    case OPERATION_SETTLE: ok = amount_ok(op->amount_fen, 1); break;
    case OPERATION_COMMIT: ok = amount_ok(op->amount_fen, 0); break;
    case OPERATION_PLEDGE: return pledge_content(op, hour);
    case OPERATION_ENERGY:
        ok = energy_ok(op->amount_fen) && energy_ok(op->energy.wholesale_2m_mwh) &&
             energy_ok(op->energy.retail_2m_mwh) && energy_ok(forecast_mwh(op));
        break;
    case OPERATION_AMEND: return amend_content(op, hour);
    case OPERATION_FREEZE: return freeze_content(op);
    case OPERATION_RELEASE:
    case OPERATION_WITHDRAW:
    case OPERATION_UNFREEZE:
    case OPERATION_KIND_END: break;
    }
    return ok ? STATUS_OK : STATUS_BAD_AMOUNT;
}

/* ------------------------------------------------------------------ effects */

void account_open(account *a, const subject_id *key, int64_t now_ms) {
    *a = (account){.key = *key, .opened_ms = now_ms};
}

void account_touch(account *a) {
    uint32_t version = (a->seq >> 1) + 1;
    if (version > UINT32_MAX >> 1) version = 1;
    a->seq = version << 1;
}

void account_reserve(account *a, int64_t amount_fen) {
    CHECK(amount_fen > 0 && amount_fen <= LEDGER_USED_MAX - a->reserved_fen - a->committed_fen);
    a->reserved_fen += amount_fen;
    a->open_reservations++;
}

void account_resolve(account *a, int64_t reserved_fen, int64_t committed_fen) {
    CHECK(a->open_reservations > 0 && reserved_fen > 0 && reserved_fen <= a->reserved_fen);
    CHECK(committed_fen >= 0 && committed_fen <= reserved_fen);
    a->reserved_fen -= reserved_fen;
    a->committed_fen += committed_fen;
    a->open_reservations--;
}

status account_settle(account *a, int64_t amount_fen) {
    if (amount_fen > a->committed_fen) return STATUS_OVER_COMMITTED;
    a->committed_fen -= amount_fen;
    if (__builtin_add_overflow(a->settled_fen, amount_fen, &a->settled_fen)) a->settled_fen = INT64_MAX;
    return STATUS_OK;
}

static void drop_instrument(account *a, uint32_t place) {
    uint32_t behind = a->instrument_count - place - 1;
    memmove(&a->instruments[place], &a->instruments[place + 1], behind * sizeof(instrument));
    a->instrument_count--;
    a->instruments[a->instrument_count] = (instrument){0};
}

/* Drops the instrument that ended first, if it ended long ago. */
static bool make_room(account *a, uint32_t hour) {
    uint32_t first = 0;
    for (uint32_t i = 1; i < a->instrument_count; i++)
        if (a->instruments[i].to_hour < a->instruments[first].to_hour) first = i;
    uint64_t ended = a->instruments[first].to_hour;
    if (ended == UINT32_MAX || ended + OPERATE_ENDED_HOURS > hour) return false;
    drop_instrument(a, first);
    return true;
}

status account_pledge(account *a, const operation *op, uint32_t hour) {
    for (uint32_t i = 0; i < a->instrument_count; i++)
        if (a->instruments[i].id == op->instrument) return STATUS_INSTRUMENT_EXISTS;
    if (a->instrument_count == LIMIT_INSTRUMENTS && !make_room(a, hour)) return STATUS_TOO_MANY_INSTRUMENTS;
    a->instruments[a->instrument_count++] = (instrument){
        .id = op->instrument,
        .amount_fen = op->amount_fen,
        .from_hour = op->from_hour == 0 ? hour : op->from_hour,
        .to_hour = op->to_hour,
        .kind = (uint8_t)op->instrument_kind,
    };
    return STATUS_OK;
}

static uint32_t place_of(const account *a, uint64_t instrument_id) {
    uint32_t place = 0;
    while (place < a->instrument_count && a->instruments[place].id != instrument_id) place++;
    return place;
}

static int64_t lodged_at(const account *a, uint32_t hour) {
    int64_t lodged = 0;
    for (uint32_t i = 0; i < a->instrument_count; i++)
        if (instrument_valid(&a->instruments[i], hour)) lodged += a->instruments[i].amount_fen;
    return lodged;
}

/* May the account become `after`, in which other guarantees are lodged? Lodging less is a choice, unlike an expiry. */
static status may_lodge(const account *before, const account *after, const guarantee_terms *terms, policy_moment at) {
    uint32_t hour = ledger_hour(at.now_ms);
    if (lodged_at(after, hour) >= lodged_at(before, hour)) return STATUS_OK;
    if (before->flags & ACCOUNT_FROZEN) return STATUS_FROZEN;
    if (terms != NULL && terms->exempt) return STATUS_OK;
    quota q = {0};
    if (terms != NULL)
        ledger_quota(after, terms, at, &q);
    else
        ledger_quota_without_terms(after, STATUS_NOT_EFFECTIVE, at, &q);
    return q.used_fen > q.limit_fen ? STATUS_LIMIT_EXCEEDED : STATUS_OK;
}

status account_withdraw(account *a, uint64_t instrument_id, const guarantee_terms *terms, policy_moment at,
                        int64_t *amount_fen) {
    uint32_t place = place_of(a, instrument_id);
    if (place == a->instrument_count) return STATUS_UNKNOWN_INSTRUMENT;
    account without = *a;
    drop_instrument(&without, place);
    status code = may_lodge(a, &without, terms, at);
    if (code != STATUS_OK) return code;
    *amount_fen = a->instruments[place].amount_fen;
    *a = without;
    return STATUS_OK;
}

status account_amend(account *a, const operation *op, const guarantee_terms *terms, policy_moment at,
                     int64_t *amount_fen) {
    uint32_t place = place_of(a, op->instrument);
    if (place == a->instrument_count) return STATUS_UNKNOWN_INSTRUMENT;
    account amended = *a;
    instrument *bond = &amended.instruments[place];
    if (op->amount_fen != 0) bond->amount_fen = op->amount_fen;
    if (op->from_hour != 0) bond->from_hour = op->from_hour;
    if (op->to_hour != 0) bond->to_hour = op->to_hour;
    if (bond->from_hour >= bond->to_hour) return STATUS_BAD_VALIDITY;
    if (bond->to_hour != a->instruments[place].to_hour) bond->alerted = 0; /* another end: to be alerted about anew */
    status code = may_lodge(a, &amended, terms, at);
    if (code != STATUS_OK) return code;
    *amount_fen = bond->amount_fen;
    *a = amended;
    return STATUS_OK;
}

status account_freeze(account *a, const operation *op) {
    if (a->flags & ACCOUNT_FROZEN) return STATUS_ALREADY_FROZEN;
    a->flags |= ACCOUNT_FROZEN;
    memcpy(a->freeze_reference, op->reference, sizeof a->freeze_reference);
    return STATUS_OK;
}

status account_unfreeze(account *a) {
    if (!(a->flags & ACCOUNT_FROZEN)) return STATUS_NOT_FROZEN;
    a->flags &= (uint8_t)~ACCOUNT_FROZEN;
    memset(a->freeze_reference, 0, sizeof a->freeze_reference);
    return STATUS_OK;
}

void account_set_energy(account *a, const operation *op) {
    a->energy_12m_mwh = op->amount_fen;
    a->wholesale_2m_mwh = op->energy.wholesale_2m_mwh;
    a->retail_2m_mwh = op->energy.retail_2m_mwh;
    a->forecast_12m_mwh = forecast_mwh(op);
}
