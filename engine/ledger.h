/* The guarantee ledger: per subject and program an account of guarantees lodged, exposure reserved and committed, and
 * the energy history that the required amount is computed from. DOMAIN section 3 is the source of the rules; their
 * numbers come from the policy (engine/policy.h, guarantee_terms).
 *
 *   base      = max(energy_12m × fen_per_mwh_12m, max(wholesale_2m, retail_2m) × fen_per_mwh_2m); without history (all
 *               three are 0) the same from forecast_12m, of which two months are a sixth, rounded up to the fen
 *   required  = base × factor, rounded up to the fen; not below base where the policy keeps the floor; 0 if the subject
 *               is exempt or the program does not cover it
 *   lodged    = Σ amounts of instruments valid at this moment
 *   limit     = lodged × (1 + unsecured ratio), rounded down to the fen; 0 without an account
 *   used      = reserved + committed
 *   available = max(0, limit − used); 0 for a subject that the program does not cover
 *   usage     = used × 100 / limit, rounded down to the percent
 *   warning   = level 1, 2, 3 from used × 100 ≥ limit × warn_percent (80, 90, 100) on, compared exactly, which is the
 *               same as usage ≥ warn_percent: 79.99 % shows as 79. 0 while nothing is used, and for exempt subjects
 *   shortfall = max(0, required − lodged)
 *
 * New exposure needs used + amount ≤ limit and a warning below 3, or an exempt subject. Reducing exposure is always
 * allowed. A limit that falls below used (downgrade, expired bond) changes no amount; it only stops new exposure.
 *
 * Money is int64 fen, energy int64 MWh, instrument validity in hours since the epoch [from, to): an expired bond leaves
 * the limit by itself at its hour. Every sum is checked; amounts are bounded by LIMIT_AMOUNT_FEN.
 *
 * This header is the arithmetic and the images: pure functions over records, without a store. engine/engine.h keeps the
 * accounts and operations and applies operations in order. */
#ifndef XINYI_ENGINE_LEDGER_H
#define XINYI_ENGINE_LEDGER_H

#include "base/limits.h"
#include "base/profile.h"
#include "base/status.h"
#include "engine/policy.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum instrument_kind {
    INSTRUMENT_NONE = 0,
    INSTRUMENT_DEPOSIT = 1,         /* 保证金 */
    INSTRUMENT_BOND = 2,            /* 履约保函 */
    INSTRUMENT_GROUP_GUARANTEE = 3, /* 集团担保 */
} instrument_kind;
const char *instrument_name(unsigned kind); /* "deposit" "bond" "group_guarantee", NULL if unknown */

typedef struct instrument {
    uint64_t id; /* chosen by the operator, unique within the account; 0 = empty place */
    int64_t amount_fen;
    uint32_t from_hour; /* valid from_hour ≤ hour < to_hour; to_hour UINT32_MAX = no end (deposits) */
    uint32_t to_hour;
    uint8_t kind;
    uint8_t zero[7];
} instrument;
static_assert(sizeof(instrument) == 32, "instruments have no padding");

/* An account, a record of a store (engine/store.h): the key is the subject's id with the program in the high nibble of
 * the kind byte. Six cache lines; the first holds what a check needs when there is one instrument. */
typedef struct account {
    subject_id key;
    uint32_t seq;         /* version << 1 */
    int64_t reserved_fen; /* open reservations, expired ones included until they are swept */
    int64_t committed_fen;
    int64_t settled_fen;      /* settled since the account was opened */
    int64_t energy_12m_mwh;   /* wholesale energy of the past 12 months */
    int64_t wholesale_2m_mwh; /* of the past 2 months */
    int64_t retail_2m_mwh;
    int64_t forecast_12m_mwh; /* used only without history */
    int64_t opened_ms;
    uint32_t open_reservations;
    uint32_t instrument_count; /* places 0..count-1 are in use, without holes */
    uint64_t zero[5];
    instrument instruments[LIMIT_INSTRUMENTS];
} account;
static_assert(sizeof(account) == 384, "an account is six cache lines");

/* The key of an account, and the subject back from it. program 1..PROGRAM_MAX. */
subject_id account_key(const subject_id *subject, unsigned program);
subject_id account_subject(const account *a);
unsigned account_program(const account *a);

/* Where an account stands at a moment. */
typedef struct quota {
    uint16_t status;        /* OK; NO_ACCOUNT (all amounts 0), UNKNOWN_PROGRAM, NOT_EFFECTIVE, UNKNOWN_SUBJECT */
    uint8_t warning;        /* 0..3 */
    uint8_t flags;          /* QUOTA_* */
    uint32_t usage_percent; /* rounded down, at most UINT32_MAX − 1; UINT32_MAX if used > 0 and limit is 0 */
    int64_t base_fen, required_fen, lodged_fen, limit_fen, reserved_fen, committed_fen, used_fen, available_fen,
        shortfall_fen;
    int64_t next_expiry_ms; /* when the next valid instrument ends; 0 none */
    uint32_t policy_version;
    uint32_t account_version;
    int32_t factor_bp, unsecured_bp;
} quota;
#define QUOTA_COVERED (1u << 0)
#define QUOTA_EXEMPT (1u << 1)
#define QUOTA_SUSPENDED (1u << 2)
#define QUOTA_RATED (1u << 3)
#define QUOTA_SHORT (1u << 4) /* shortfall > 0 */

/* used_fen of an account never passes this: AMOUNT_OVERFLOW. Only exempt subjects could come near it. */
#define LEDGER_USED_MAX (LIMIT_INSTRUMENTS * LIMIT_AMOUNT_FEN)

/* Computes it. `a` may be NULL: no account. Cannot fail; saturates nothing: all inputs are bounded. */
void ledger_quota(const account *a, const guarantee_terms *terms, policy_moment at, quota *out);

/* The same where no terms apply; `why` (UNKNOWN_PROGRAM, NOT_EFFECTIVE, UNKNOWN_SUBJECT) becomes the status. What does
 * not depend on terms is told (lodged, reserved, committed, used); the limit is 0. */
void ledger_quota_without_terms(const account *a, status why, policy_moment at, quota *out);

/* The hour of a moment, as instruments count it; before 1970 it is 0. Whether an instrument counts at an hour. */
uint32_t ledger_hour(int64_t now_ms);
bool instrument_valid(const instrument *i, uint32_t hour);

/* May `amount` of new exposure be taken? OK or the refusal, in this documented order: BAD_AMOUNT, UNKNOWN_PROGRAM /
 * NOT_EFFECTIVE / UNKNOWN_SUBJECT (from q->status), NOT_COVERED, SUSPENDED, NO_ACCOUNT, UNRATED, SHORTFALL (policy
 * switch), LIMIT_EXCEEDED, AMOUNT_OVERFLOW. Exempt subjects with an account skip UNRATED, SHORTFALL and LIMIT_EXCEEDED.
 */
status ledger_admit(const quota *q, const guarantee_terms *terms, int64_t amount_fen);

/* ------------------------------------------------------------------ operations */

typedef struct operation_id {
    uint8_t bytes[16]; /* chosen by the client before it sends; all zero is refused */
} operation_id;

typedef enum operation_kind {
    OPERATION_RESERVE = 1,  /* amount, ttl_ms (0: the policy's default) */
    OPERATION_COMMIT = 2,   /* target reservation, amount ≤ reserved (0: all); the rest is released */
    OPERATION_RELEASE = 3,  /* target reservation */
    OPERATION_SETTLE = 4,   /* amount ≤ committed */
    OPERATION_PLEDGE = 5,   /* instrument: id, kind, amount, validity; opens the account if there is none */
    OPERATION_WITHDRAW = 6, /* instrument id */
    OPERATION_ENERGY = 7,   /* energy history; opens the account if there is none */
} operation_kind;
const char *operation_name(unsigned kind); /* "reserve" …, NULL if unknown */

/* A request as the protocol carries it (64 bytes, protocol/PROTOCOL.md QUOTA_OPERATE). */
typedef struct operation {
    operation_id id;
    subject_id subject;
    uint8_t program;
    uint8_t kind;
    uint16_t instrument_kind; /* pledge */
    int64_t amount_fen;       /* energy: energy_12m_mwh */
    union {
        operation_id target; /* commit, release */
        uint64_t instrument; /* pledge, withdraw */
        struct {
            int64_t wholesale_2m_mwh, retail_2m_mwh;
        } energy;
    };
    union {
        uint32_t ttl_ms;       /* reserve */
        uint32_t from_hour;    /* pledge; 0: from now */
        uint32_t forecast_gwh; /* energy: forecast_12m in GWh (1000 MWh), 0 unless there is no history */
    };
    uint32_t to_hour; /* pledge; UINT32_MAX: no end */
} operation;
static_assert(sizeof(operation) == 64, "an operation has no padding");

/* The answer to an operation, and what is kept of it. */
typedef struct operation_result {
    uint16_t status; /* OK or the refusal */
    uint8_t warning; /* of the account after the operation */
    uint8_t flags;   /* QUOTA_* */
    uint32_t account_version;
    int64_t amount_fen; /* what took effect: reserved, committed, released, settled, pledged, withdrawn */
    int64_t limit_fen, used_fen, available_fen; /* after the operation */
    int64_t expires_ms;                         /* reserve: when the reservation ends */
} operation_result;
static_assert(sizeof(operation_result) == 48, "a result has no padding");

typedef enum operation_state {
    OPERATION_FINAL = 0, /* nothing can follow: every kind but reserve, and refusals */
    OPERATION_OPEN = 1,  /* a reservation that holds exposure */
    OPERATION_COMMITTED = 2,
    OPERATION_RELEASED = 3,
    OPERATION_EXPIRED = 4,
} operation_state;
const char *operation_state_name(unsigned state);

/* What is kept of an operation under its id: the request for comparing content, its first answer, its state. */
typedef struct operation_entry {
    operation request;
    operation_result result;
    int64_t at_ms; /* when it was executed */
    uint8_t state; /* operation_state */
    uint8_t zero[3];
    uint32_t resolved_s; /* when it became final, seconds since the epoch, rounded up; 0 while open */
} operation_entry;
static_assert(sizeof(operation_entry) == 128, "an entry is two cache lines");

/* Image encodings (little-endian; sizes as the structs; first byte of the stored value is the image version). */
#define ACCOUNT_IMAGE 384
#define OPERATION_IMAGE 128
void account_encode(const account *a, uint8_t to[ACCOUNT_IMAGE]);
status account_decode(const uint8_t from[ACCOUNT_IMAGE], account *a) MUST_CHECK; /* CORRUPT unless account_check */
void operation_entry_encode(const operation_entry *e, uint8_t to[OPERATION_IMAGE]);
/* CORRUPT unless operation_entry_check. */
status operation_entry_decode(const uint8_t from[OPERATION_IMAGE], operation_entry *e) MUST_CHECK;

/* The invariants of one account: amounts within range and not negative, instruments dense, unique and well-formed. */
bool account_check(const account *a);
/* Of a kept operation: well-formed request, known state; open only if it is a granted reservation. */
bool operation_entry_check(const operation_entry *e);

#endif
