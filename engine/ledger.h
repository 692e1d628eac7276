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
 * New exposure needs used + amount ≤ limit and a warning below 3, or an exempt subject, and an account that is not
 * frozen. Reducing exposure is always allowed. A limit that falls below used (downgrade, expired bond) changes no
 * amount; it only stops new exposure.
 *
 * An account that is frozen (by an order: an inquiry, a default) takes no new exposure and gives nothing back: no
 * reserve, no withdraw, no amend that lowers what is lodged. Reservations that are open may still be committed or
 * released, and pledging is always welcome.
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
    uint8_t alerted; /* INSTRUMENT_*: alerts that were raised about its end (engine/alert.h) */
    uint8_t zero[6];
} instrument;
#define INSTRUMENT_EXPIRING (1u << 0)
#define INSTRUMENT_EXPIRED (1u << 1)
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
    uint8_t flags;             /* ACCOUNT_* */
    uint8_t warned;     /* the highest warning level that an alert was raised for and that lasts (engine/alert.h) */
    uint16_t topup_day; /* last day to top up, days since the epoch in China; 0: nothing is asked for */
    uint32_t newest;    /* in memory only, the writer's: operation that changed it last, reference + 1; 0 none */
    uint8_t freeze_reference[16]; /* document of the freeze, UTF-8, zero bytes behind it; all zero unless frozen */
    uint64_t zero[2];
    instrument instruments[LIMIT_INSTRUMENTS];
} account;
#define ACCOUNT_FROZEN (1u << 0)
#define ACCOUNT_TOPUP_OVERDUE (1u << 1) /* the alert about it was raised */
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
#define QUOTA_FROZEN (1u << 5)

/* No moment of a record lies later (some 570,000 years): sums with times to live and time zones fit. */
#define LEDGER_TIME_MAX_MS (INT64_C(1) << 54)

/* No reservation lives longer, whatever a policy says. */
#define LEDGER_LIFE_MAX_MS (INT64_C(7) * 86400000)

/* used_fen of an account never passes this: AMOUNT_OVERFLOW. Only exempt subjects could come near it. */
#define LEDGER_USED_MAX (LIMIT_INSTRUMENTS * LIMIT_AMOUNT_FEN)

/* Computes it. `a` may be NULL: no account. Cannot fail; saturates nothing: all inputs are bounded. */
void ledger_quota(const account *a, const guarantee_terms *terms, policy_moment at, quota *out);

/* Follows an account of which nothing changed but exposure since *q was computed, by the same terms. */
void ledger_quota_follow(const account *a, const guarantee_terms *terms, quota *q);

/* The same where no terms apply; `why` (UNKNOWN_PROGRAM, NOT_EFFECTIVE, UNKNOWN_SUBJECT) becomes the status. What does
 * not depend on terms is told (lodged, reserved, committed, used); the limit is 0. */
void ledger_quota_without_terms(const account *a, status why, policy_moment at, quota *out);

/* The hour of a moment, as instruments count it; before 1970 it is 0. Whether an instrument counts at an hour. */
uint32_t ledger_hour(int64_t now_ms);
bool instrument_valid(const instrument *i, uint32_t hour);

/* Every reason against new exposure, in the documented order of checks: the first that applies is the answer's status,
 * all that apply are its violations, so that who asks learns at once what has to be put right. A bit each; bits are
 * part of the protocol. Where an earlier one leaves nothing to judge (no such program, no subject), later ones are not
 * told; without an account the limits are not. BAD_AMOUNT and the form of a request come before all of them and stand
 * alone. */
#define LEDGER_VIOLATIONS(X)                                                                                           \
    X(UNKNOWN_SUBJECT, 0)                                                                                              \
    X(UNKNOWN_PROGRAM, 1)                                                                                              \
    X(NOT_EFFECTIVE, 2)                                                                                                \
    X(BAD_TTL, 3)                                                                                                      \
    X(NOT_COVERED, 4)                                                                                                  \
    X(SUSPENDED, 5)                                                                                                    \
    X(NO_ACCOUNT, 6)                                                                                                   \
    X(FROZEN, 7)                                                                                                       \
    X(UNRATED, 8)                                                                                                      \
    X(SHORTFALL, 9)                                                                                                    \
    X(LIMIT_EXCEEDED, 10)                                                                                              \
    X(AMOUNT_OVERFLOW, 11)

typedef enum ledger_violation {
#define X(name, bit) VIOLATION_##name = 1 << (bit),
    LEDGER_VIOLATIONS(X)
#undef X
} ledger_violation;
#define VIOLATIONS_ALL 0x0FFFu

/* The status of the first violation in order; OK if there is none. */
status ledger_first_violation(unsigned violations);

/* May `amount` of new exposure be taken? All violations but BAD_TTL; 0: it may. Exempt subjects with an account skip
 * UNRATED, SHORTFALL and LIMIT_EXCEEDED. The amount must be within 1..LIMIT_AMOUNT_FEN (ledger_amount_fits). */
unsigned ledger_violated(const quota *q, const guarantee_terms *terms, int64_t amount_fen);
bool ledger_amount_fits(int64_t amount_fen);

/* BAD_AMOUNT, or ledger_first_violation of ledger_violated. */
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
    OPERATION_AMEND = 8,    /* instrument id; amount, from_hour, to_hour: 0 keeps what it has; not all of them 0 */
    OPERATION_FREEZE = 9,   /* reference of the document, may be all zero */
    OPERATION_UNFREEZE = 10,
    OPERATION_KIND_END
} operation_kind;
const char *operation_name(unsigned kind); /* "reserve" …, NULL if unknown */

/* A request as the protocol carries it (64 bytes, protocol/PROTOCOL.md QUOTA_OPERATE). */
typedef struct operation {
    operation_id id;
    subject_id subject;
    uint8_t program;
    uint8_t kind;
    uint8_t instrument_kind; /* pledge */
    uint8_t flags;           /* OPERATION_LINKED */
    int64_t amount_fen;      /* energy: energy_12m_mwh */
    union {
        operation_id target;   /* commit, release */
        uint64_t instrument;   /* pledge, withdraw, amend */
        uint8_t reference[16]; /* freeze */
        struct {
            int64_t wholesale_2m_mwh, retail_2m_mwh;
        } energy;
    };
    union {
        uint32_t ttl_ms;       /* reserve */
        uint32_t from_hour;    /* pledge; 0: from now. amend */
        uint32_t forecast_gwh; /* energy: forecast_12m in GWh (1000 MWh), 0 unless there is no history */
    };
    uint32_t to_hour; /* pledge, amend; UINT32_MAX: no end */
} operation;
static_assert(sizeof(operation) == 64, "an operation has no padding");

/* The operation belongs to a chain with the one behind it in its request; the first one without the flag ends the
 * chain. All of a chain are executed or none: see engine/operate.h. */
#define OPERATION_LINKED (1u << 0)

/* The answer to an operation. */
typedef struct operation_result {
    uint16_t status; /* OK or the refusal */
    uint8_t warning; /* of the account after the operation */
    uint8_t flags;   /* QUOTA_* */
    uint32_t account_version;
    int64_t amount_fen; /* what took effect: reserved, committed, released, settled, pledged, withdrawn, amended to */
    int64_t limit_fen, used_fen, available_fen; /* after the operation */
    int64_t expires_ms;                         /* reserve: when the reservation ends */
    int64_t committed_fen;                      /* of used; the rest is reserved */
    uint16_t violations;                        /* reserve: every VIOLATION_* */
    uint16_t zero[3];
} operation_result;
static_assert(sizeof(operation_result) == 64, "a result has no padding");

typedef enum operation_state {
    OPERATION_FINAL = 0, /* nothing can follow: every kind but reserve, and refusals */
    OPERATION_OPEN = 1,  /* a reservation that holds exposure */
    OPERATION_COMMITTED = 2,
    OPERATION_RELEASED = 3,
    OPERATION_EXPIRED = 4,
} operation_state;
const char *operation_state_name(unsigned state);

/* What is kept of an operation under its id: the request for comparing content, its first answer, its state. The
 * request and the answer never change; what ends a reservation is another operation, or its time. */
typedef struct operation_entry {
    operation request;
    int64_t at_ms;                              /* when it was executed */
    int64_t amount_fen;                         /* what took effect */
    int64_t limit_fen, used_fen, committed_fen; /* after it */
    uint32_t account_version;
    uint32_t life_ms; /* a granted reservation ends at at_ms + life_ms; else 0 */
    uint16_t status;
    uint16_t violations;
    uint8_t warning;
    uint8_t flags; /* QUOTA_* */
    uint8_t state; /* operation_state */
    uint8_t zero;
    uint32_t resolved_s;       /* when it became final (of an expiry: was due), in seconds, rounded up; 0 while open */
    uint32_t resolved_version; /* of the account, by the end of a reservation; else 0 */
} operation_entry;
static_assert(sizeof(operation_entry) == 128, "an entry is two cache lines");

/* The answer that the entry keeps: given again for the same id and content. */
void operation_entry_result(const operation_entry *e, operation_result *out);

/* Stored images (little-endian; sizes as the structs; an image version in front of each, see engine/state.h).
 *
 * An account is stored in two records of the table ACCOUNTS: everything (key: shard, account key), written when
 * instruments, energy or flags change, and its balance (the same key and one byte 1), written when only amounts change,
 * which is what trades do all day. A balance counts if its version is ahead of the account's. */
#define ACCOUNT_IMAGE 384
#define BALANCE_IMAGE 36 /* seq, reserved, committed, settled, open_reservations, zero */
void account_encode(const account *a, uint8_t to[ACCOUNT_IMAGE]);
status account_decode(const uint8_t from[ACCOUNT_IMAGE], account *a) MUST_CHECK; /* CORRUPT unless account_check */
void balance_encode(const account *a, uint8_t to[BALANCE_IMAGE]);
/* Puts a stored balance into an account unless the account is as new; CORRUPT unless account_check holds then, and *a
 * is as before. */
status balance_decode(const uint8_t from[BALANCE_IMAGE], account *a) MUST_CHECK;

/* Operations are stored as the history they are: a group's events in order, never changed (engine/history.h). */
#define OPERATION_IMAGE 128
#define OPERATION_TIME_AT 64   /* at_ms */
#define OPERATION_STATE_AT 118 /* state */
/* A moment in seconds, rounded up, as resolved_s has it. */
uint32_t operation_seconds(int64_t at_ms);
void operation_entry_encode(const operation_entry *e, uint8_t to[OPERATION_IMAGE]);
/* CORRUPT unless operation_entry_check. */
status operation_entry_decode(const uint8_t from[OPERATION_IMAGE], operation_entry *e) MUST_CHECK;
/* The image of version 1, which kept the answer as it was sent then. */
status operation_entry_decode_v1(const uint8_t from[OPERATION_IMAGE], operation_entry *e) MUST_CHECK;

/* The invariants of one account: amounts within range and not negative, instruments dense, unique and well-formed. */
bool account_check(const account *a);
/* Of a kept operation: well-formed request, known state; open only if it is a granted reservation. */
bool operation_entry_check(const operation_entry *e);

#endif
