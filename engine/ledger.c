/* The ledger's arithmetic. Products of an amount and a factor are formed in 128 bits and divided once, so each
 * documented rounding happens in exactly one place. Inputs are bounded (base/limits.h and the policy loader), so
 * results fit 64 bits; if a bound were ever widened carelessly, narrow() keeps a number from wrapping into a small one.
 *
 * Cost: one pass over at most LIMIT_INSTRUMENTS places and three divisions, some 30 ns. No memory, no state. */
#include "engine/ledger.h"

#include "base/clock.h"
#include "base/le.h"
#include "base/purpose.h"

#include <string.h>

typedef __int128 wide;

static int64_t narrow(wide v) {
    if (v > INT64_MAX) return INT64_MAX;
    return v < 0 ? 0 : (int64_t)v;
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* a × times / by, rounded down; as a rule in 64 bits, since dividing 128 takes a call. Nothing here is negative. */
static int64_t scaled(int64_t a, int64_t times, int64_t by, int64_t round) {
    wide product = (wide)a * times + round;
    if (product <= INT64_MAX && product >= 0) return (int64_t)product / by;
    return narrow(product / by);
}

/* ------------------------------------------------------------------ names and keys */

const char *instrument_name(unsigned kind) {
    static const char *const names[] = {NULL, "deposit", "bond", "group_guarantee"};
    return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

const char *operation_name(unsigned kind) {
    static const char *const names[] = {NULL,       "reserve", "commit", "release", "settle",  "pledge",
                                        "withdraw", "energy",  "amend",  "freeze",  "unfreeze"};
    return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

const char *operation_state_name(unsigned state) {
    static const char *const names[] = {"final", "open", "committed", "released", "expired"};
    return state < sizeof names / sizeof *names ? names[state] : NULL;
}

subject_id account_key(const subject_id *subject, unsigned program) {
    subject_id key = *subject;
    key.bytes[0] = (uint8_t)((key.bytes[0] & 0x0f) | program << 4);
    return key;
}

subject_id account_subject(const account *a) {
    subject_id subject = a->key;
    subject.bytes[0] &= 0x0f;
    return subject;
}

unsigned account_program(const account *a) { return a->key.bytes[0] >> 4; }

/* ------------------------------------------------------------------ where an account stands */

uint32_t ledger_hour(int64_t now_ms) {
    if (now_ms < 0) return 0;
    int64_t hour = now_ms / CLOCK_MS_PER_HOUR;
    return hour >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)hour;
}

bool instrument_valid(const instrument *i, uint32_t hour) {
    return hour >= i->from_hour && (hour < i->to_hour || i->to_hour == UINT32_MAX);
}

static int64_t base_of(const account *a, const guarantee_terms *terms) {
    int64_t two_months = larger(a->wholesale_2m_mwh, a->retail_2m_mwh);
    if (a->energy_12m_mwh != 0 || two_months != 0)
        return larger(scaled(a->energy_12m_mwh, terms->fen_per_mwh_12m, 1, 0),
                      scaled(two_months, terms->fen_per_mwh_2m, 1, 0));
    return larger(scaled(a->forecast_12m_mwh, terms->fen_per_mwh_12m, 1, 0),
                  scaled(a->forecast_12m_mwh, terms->fen_per_mwh_2m, 6, 5));
}

static int64_t required_of(int64_t base, const guarantee_terms *terms) {
    if (terms->exempt || !terms->covered) return 0;
    int64_t required = scaled(base, terms->factor_bp, 10000, 9999);
    return terms->floor_at_base ? larger(required, base) : required;
}

/* Fills what depends on the account and the moment alone. */
static void take_stock(const account *a, policy_moment at, quota *out) {
    uint32_t hour = ledger_hour(at.now_ms);
    uint32_t first_end = UINT32_MAX;
    int64_t lodged = 0;
    for (uint32_t i = 0; i < a->instrument_count && i < LIMIT_INSTRUMENTS; i++) {
        const instrument *bond = &a->instruments[i];
        if (!instrument_valid(bond, hour)) continue;
        lodged += bond->amount_fen;
        if (bond->to_hour < first_end) first_end = bond->to_hour;
    }
    out->lodged_fen = lodged;
    out->reserved_fen = a->reserved_fen;
    out->committed_fen = a->committed_fen;
    out->used_fen = a->reserved_fen + a->committed_fen;
    out->account_version = a->seq >> 1;
    if (a->flags & ACCOUNT_FROZEN) out->flags |= QUOTA_FROZEN;
    if (first_end != UINT32_MAX) out->next_expiry_ms = (int64_t)first_end * CLOCK_MS_PER_HOUR;
}

static uint32_t usage_of(int64_t used, int64_t limit) {
    if (used == 0) return 0;
    if (limit == 0) return UINT32_MAX;
    int64_t percent = scaled(used, 100, limit, 0);
    return percent >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)percent;
}

static uint8_t warning_of(int64_t used, int64_t limit, const uint8_t percent[3]) {
    uint8_t level = 0;
    if (used == 0) return 0;
    while (level < 3 && (wide)used * 100 >= (wide)limit * percent[level]) level++;
    return level;
}

static uint8_t flags_of(const guarantee_terms *terms) {
    return (uint8_t)((terms->covered ? QUOTA_COVERED : 0) | (terms->exempt ? QUOTA_EXEMPT : 0) |
                     (terms->suspended ? QUOTA_SUSPENDED : 0) | (terms->rated ? QUOTA_RATED : 0));
}

/* What follows from the amounts used: all that changes while nothing but exposure does. */
static void take_usage(const guarantee_terms *terms, quota *q) {
    if (terms->covered) q->available_fen = larger(0, q->limit_fen - q->used_fen);
    q->usage_percent = usage_of(q->used_fen, q->limit_fen);
    q->warning = terms->exempt ? 0 : warning_of(q->used_fen, q->limit_fen, terms->warn_percent);
}

void ledger_quota(const account *a, const guarantee_terms *terms, policy_moment at, quota *out) {
    *out = (quota){
        .status = a == NULL ? STATUS_NO_ACCOUNT : STATUS_OK,
        .flags = flags_of(terms),
        .policy_version = terms->policy_version,
        .factor_bp = terms->factor_bp,
        .unsecured_bp = terms->unsecured_bp,
    };
    if (a == NULL) return;
    take_stock(a, at, out);
    out->base_fen = base_of(a, terms);
    out->required_fen = required_of(out->base_fen, terms);
    out->limit_fen = scaled(out->lodged_fen, INT64_C(10000) + terms->unsecured_bp, 10000, 0);
    take_usage(terms, out);
    out->shortfall_fen = larger(0, out->required_fen - out->lodged_fen);
    if (out->shortfall_fen > 0) out->flags |= QUOTA_SHORT;
}

void ledger_quota_follow(const account *a, const guarantee_terms *terms, quota *q) {
    q->reserved_fen = a->reserved_fen;
    q->committed_fen = a->committed_fen;
    q->used_fen = a->reserved_fen + a->committed_fen;
    q->account_version = a->seq >> 1;
    take_usage(terms, q);
}

void ledger_quota_without_terms(const account *a, status why, policy_moment at, quota *out) {
    *out = (quota){.status = (uint16_t)why};
    if (a == NULL) return;
    take_stock(a, at, out);
    out->usage_percent = usage_of(out->used_fen, 0);
}

status ledger_first_violation(unsigned violations) {
    static const status codes[] = {
#define X(name, bit) [bit] = STATUS_##name,
        LEDGER_VIOLATIONS(X)
#undef X
    };
    return violations == 0 ? STATUS_OK : codes[__builtin_ctz(violations)];
}

bool ledger_amount_fits(int64_t amount_fen) { return amount_fen > 0 && amount_fen <= LIMIT_AMOUNT_FEN; }

/* Why no terms apply. */
static unsigned without_terms(uint16_t why) {
    switch (why) {
    case STATUS_UNKNOWN_SUBJECT: return VIOLATION_UNKNOWN_SUBJECT;
    case STATUS_UNKNOWN_PROGRAM: return VIOLATION_UNKNOWN_PROGRAM;
    default: return VIOLATION_NOT_EFFECTIVE;
    }
}

unsigned ledger_violated(const quota *q, const guarantee_terms *terms, int64_t amount_fen) {
    if (q->status != STATUS_OK && q->status != STATUS_NO_ACCOUNT) return without_terms(q->status);
    unsigned v = 0;
    if (!terms->covered) v |= VIOLATION_NOT_COVERED;
    if (terms->suspended) v |= VIOLATION_SUSPENDED;
    if (q->flags & QUOTA_FROZEN) v |= VIOLATION_FROZEN;
    if (q->status == STATUS_NO_ACCOUNT) v |= VIOLATION_NO_ACCOUNT;
    if (!terms->exempt) {
        if (!terms->rated) v |= VIOLATION_UNRATED;
        if (q->status == STATUS_NO_ACCOUNT) return v;
        if (terms->refuse_when_short && q->shortfall_fen > 0) v |= VIOLATION_SHORTFALL;
        if (amount_fen > q->limit_fen - q->used_fen || q->warning >= 3) v |= VIOLATION_LIMIT_EXCEEDED;
    }
    if (amount_fen > LEDGER_USED_MAX - q->used_fen) v |= VIOLATION_AMOUNT_OVERFLOW;
    return v;
}

status ledger_admit(const quota *q, const guarantee_terms *terms, int64_t amount_fen) {
    if (!ledger_amount_fits(amount_fen)) return STATUS_BAD_AMOUNT;
    return ledger_first_violation(ledger_violated(q, terms, amount_fen));
}

/* ------------------------------------------------------------------ invariants */

static bool instrument_check(const instrument *i) {
    return i->id != 0 && ledger_amount_fits(i->amount_fen) && i->from_hour < i->to_hour &&
           instrument_name(i->kind) != NULL && (i->alerted & ~(INSTRUMENT_EXPIRING | INSTRUMENT_EXPIRED)) == 0 &&
           bytes_are_zero(i->zero, sizeof i->zero);
}

static bool instruments_check(const account *a) {
    static const instrument empty;
    if (a->instrument_count > LIMIT_INSTRUMENTS) return false;
    for (uint32_t i = 0; i < LIMIT_INSTRUMENTS; i++) {
        if (i >= a->instrument_count) {
            if (memcmp(&a->instruments[i], &empty, sizeof empty) != 0) return false;
            continue;
        }
        if (!instrument_check(&a->instruments[i])) return false;
        for (uint32_t j = 0; j < i; j++)
            if (a->instruments[j].id == a->instruments[i].id) return false;
    }
    return true;
}

static bool within(int64_t v, int64_t max) { return v >= 0 && v <= max; }

bool account_check(const account *a) {
    unsigned program = account_program(a);
    subject_id subject = account_subject(a);
    if (program < 1 || program > PROGRAM_MAX || !subject_is_valid(&subject)) return false;
    if (!within(a->reserved_fen, LEDGER_USED_MAX) || !within(a->committed_fen, LEDGER_USED_MAX - a->reserved_fen))
        return false;
    if (a->settled_fen < 0 || !within(a->opened_ms, LEDGER_TIME_MAX_MS)) return false;
    if (!within(a->energy_12m_mwh, LIMIT_ENERGY_MWH) || !within(a->wholesale_2m_mwh, LIMIT_ENERGY_MWH) ||
        !within(a->retail_2m_mwh, LIMIT_ENERGY_MWH) || !within(a->forecast_12m_mwh, LIMIT_ENERGY_MWH))
        return false;
    /* every open reservation holds at least one fen */
    if (a->open_reservations > a->reserved_fen || (a->open_reservations == 0) != (a->reserved_fen == 0)) return false;
    if ((a->flags & ~(ACCOUNT_FROZEN | ACCOUNT_TOPUP_OVERDUE)) != 0 || a->warned > 3) return false;
    bool frozen = (a->flags & ACCOUNT_FROZEN) != 0;
    if (!frozen && !bytes_are_zero(a->freeze_reference, sizeof a->freeze_reference)) return false;
    if (!bytes_are_zero(a->zero, sizeof a->zero)) return false;
    return instruments_check(a);
}
