/* xinyi.h — the C client library of the Xinyi credit evaluation engine.
 *
 * Link with -lxinyi (pkg-config: xinyi). This header needs nothing else of the project; C99 or C++.
 * docs/example.c is a whole program. In short, without the checks:
 *
 *     xinyi *x;                     xinyi_connect("127.0.0.1:7420", NULL, &x);
 *     xinyi_subject who;            xinyi_subject_parse("uscc:91530000MA00TTT099", &who);
 *     xinyi_decision d;             xinyi_decide(x, XINYI_LOAN, XINYI_FOR_LOAN_REVIEW, &who, 1, &d);
 *     if (d.status == 0 && d.outcome == XINYI_GRANTED) ...
 *                                   xinyi_close(&x);
 *
 * Conventions
 *   Return values are status codes: 0 done, else see xinyi_status_text() and, for what exactly happened and where,
 *   xinyi_last_error(). Calls for many subjects return 0 when every answer arrived; each entry then has a status of
 *   its own. When such a call fails, the entries that were answered before are there all the same, and the others have
 *   a status that says what became of them: for writes that may have been executed XINYI_OUTCOME_UNKNOWN, else the
 *   code that the call returned.
 *   Money is int64 fen; days are days since 1970-01-01 in China Standard Time.
 *   Ownership: out-parameters are the caller's memory unless a comment says otherwise. Strings returned are the
 *   library's, valid until the next call on the same connection.
 *   Threads: one connection may be used by one thread at a time; different connections are independent. The error of
 *   calls without a connection (xinyi_last_error(NULL)) is kept by thread.
 *   Signals: interrupted waits go on; the library never raises SIGPIPE.
 *   Broken connections: a call returns XINYI_CLOSED, XINYI_TIMEOUT, or the reason that the server gave before it closed
 *   (idle_timeout, ...), and so does every call after it: close it and connect again. Reads may be repeated. A write
 *   whose answer did not arrive has an unknown outcome: repeat it with the same operation id, or ask with
 *   xinyi_outcome(). Nothing reconnects or repeats behind your back. */
#ifndef XINYI_H
#define XINYI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define XINYI_API __attribute__((visibility("default")))
#else
#define XINYI_API
#endif

/* ------------------------------------------------------------------ connection */

typedef struct xinyi xinyi;

typedef struct xinyi_options {
    const char *cluster;    /* refuse a server of another cluster; NULL: any */
    const char *agent;      /* name of your program in the server's log; NULL: "libxinyi" */
    uint32_t timeout_ms;    /* of connecting, and of waiting for the next answer (not of a whole batch); 0: 5000 */
    uint32_t max_in_flight; /* pipelined requests on their way before xinyi_send_* waits; 0: 256, at most 65536 */
    int no_checksum;        /* ask for frames without checksums */
} xinyi_options;

/* Connects and says HELLO. `address` is HOST:PORT or HOST (port 7420), a name or a number; IPv6 as [::1]:7420. options
 * may be NULL; its strings are not kept. A name is looked up without a timeout. On failure *out is NULL and
 * xinyi_last_error(NULL) has the reason, of this thread: "cannot connect to 127.0.0.1:7420: Connection refused; is
 * xinyid running?" */
XINYI_API int xinyi_connect(const char *address, const xinyi_options *options, xinyi **out);
/* Closes and clears *x; accepts NULL. Requests in flight are forgotten without a callback. */
XINYI_API void xinyi_close(xinyi **x);

/* One sentence about the last failure of this connection; if x is NULL, of this thread's last xinyi_connect,
 * xinyi_subject_parse or xinyi_operation_parse. "" if there was none. */
XINYI_API const char *xinyi_last_error(const xinyi *x);
XINYI_API const char *xinyi_status_text(int status); /* "the amount is more than the available quota" */
XINYI_API const char *xinyi_status_name(int status); /* "limit_exceeded" */
XINYI_API const char *xinyi_server_cluster(const xinyi *x);
XINYI_API uint32_t xinyi_max_entries(const xinyi *x); /* entries a frame may hold, as agreed */

/* Statuses that programs look at; the full list is in PROTOCOL.md. Below 100: not executed, try again. 100–199:
 * refused. 200–219: outcome unknown. From 220: this side. */
enum {
    XINYI_OK = 0,
    XINYI_OVERLOADED = 1, /* also: a call that is not allowed within a callback */
    XINYI_READ_ONLY = 4,
    XINYI_BAD_SUBJECT = 120,
    XINYI_UNKNOWN_SUBJECT = 121,
    XINYI_UNKNOWN_SCENARIO = 122,
    XINYI_NO_ACCOUNT = 140,
    XINYI_LIMIT_EXCEEDED = 142,
    XINYI_UNKNOWN_OPERATION = 145,
    XINYI_OPERATION_REUSED = 146,
    XINYI_FROZEN = 181,
    XINYI_LINKED_FAILED = 182,
    XINYI_LINKED_OPEN = 183,
    XINYI_OUTCOME_UNKNOWN = 200,
    XINYI_NO_MEMORY = 220,
    XINYI_NO_CONNECTION = 227,
    XINYI_TIMEOUT = 228,
    XINYI_CLOSED = 229,
};

/* ------------------------------------------------------------------ subjects */

typedef struct xinyi_subject {
    uint8_t bytes[12];
} xinyi_subject;

/* "id:530000199001010011" or "uscc:91530000MA00TTT099". 0, or XINYI_BAD_SUBJECT with the reason in
 * xinyi_last_error(NULL). */
XINYI_API int xinyi_subject_parse(const char *text, xinyi_subject *out);
#define XINYI_SUBJECT_TEXT 32
/* Returns buffer; "invalid" if the bytes are no subject. */
XINYI_API const char *xinyi_subject_format(const xinyi_subject *subject, char buffer[XINYI_SUBJECT_TEXT]);

/* ------------------------------------------------------------------ ids of what is written */

typedef struct xinyi_operation_id {
    uint8_t bytes[16];
} xinyi_operation_id;
/* Time-ordered and random: make one before you send, keep it, repeat with it. */
XINYI_API xinyi_operation_id xinyi_operation_new(void);
#define XINYI_OPERATION_TEXT 33 /* 32 hex digits */
XINYI_API const char *xinyi_operation_format(const xinyi_operation_id *id, char buffer[XINYI_OPERATION_TEXT]);
XINYI_API int xinyi_operation_parse(const char *text, xinyi_operation_id *out);

/* ------------------------------------------------------------------ decisions */

enum { XINYI_LOAN = 1, XINYI_TRAVEL = 2, XINYI_POWER = 3, XINYI_APPROVAL = 4, XINYI_VOLUNTEER = 5 };
enum {
    XINYI_FOR_LOAN_REVIEW = 1,
    XINYI_FOR_TRAVEL_SERVICE = 2,
    XINYI_FOR_POWER_TRADING = 3,
    XINYI_FOR_ADMINISTRATIVE_APPROVAL = 4,
    XINYI_FOR_VOLUNTEER_SERVICE = 5,
    XINYI_FOR_DATA_MAINTENANCE = 6,
    XINYI_FOR_SELF_INQUIRY = 7,
    XINYI_FOR_SUPERVISION = 8,
    XINYI_FOR_BENCHMARK = 9,
};
enum { XINYI_NONE = 0, XINYI_GRANTED = 1, XINYI_REVIEW = 2, XINYI_DECLINED = 3 };

typedef struct xinyi_decision {
    uint16_t status;
    uint8_t outcome;
    uint8_t tier;
    uint16_t row; /* table × 4096 + row */
    uint16_t percent_bp;
    uint64_t benefits; /* bit by benefit code: xinyi_policy_info tells the names */
    int64_t amount_fen;
    int16_t rate_bp;
    uint16_t data_day;
    uint32_t policy_version;
} xinyi_decision;

/* Any number of subjects: more than a frame holds are split over several and pipelined. */
XINYI_API int xinyi_decide(xinyi *x, unsigned scenario, unsigned purpose, const xinyi_subject *subjects, size_t count,
                           xinyi_decision *out);
/* The reasons, one JSON document; valid until the next call on x. *document is NULL on failure. */
XINYI_API int xinyi_explain(xinyi *x, unsigned scenario, unsigned purpose, const xinyi_subject *subject,
                            const char **document);

/* ------------------------------------------------------------------ profiles */

/* The profile as in PROTOCOL.md section 4.3. */
typedef struct xinyi_profile {
    xinyi_subject id;
    uint32_t version;
    uint32_t division;
    uint16_t sector;
    uint8_t form, roles;
    uint32_t flags;
    uint16_t public_score;
    uint8_t public_grade, market_grade, tax_grade, composite_grade;
    uint16_t composite_score;
    uint32_t volunteer_minutes;
    uint16_t negative_points, positive_points;
    uint8_t open_commitments, broken_commitments;
    uint16_t since_day, change_day, data_day;
    uint16_t slots[4];
} xinyi_profile;

typedef struct xinyi_profile_reply {
    uint16_t status;
    xinyi_profile profile;
} xinyi_profile_reply;
XINYI_API int xinyi_get(xinyi *x, unsigned purpose, const xinyi_subject *subjects, size_t count,
                        xinyi_profile_reply *out);

typedef struct xinyi_put_entry {
    uint64_t mask;  /* fields to write: bit by field number (PROTOCOL.md) */
    uint32_t flags; /* XINYI_PUT_*, and the source: XINYI_PUT_SOURCE(n) */
    uint32_t expected_version;
    xinyi_profile profile;
} xinyi_put_entry;
enum { XINYI_PUT_CREATE = 1, XINYI_PUT_UPDATE = 2, XINYI_PUT_IF_VERSION = 4 };
/* Who says so: the number of a source of the policy set's catalogue; 0 the base, the province's own platform. With a
 * source the fields become its claims, and which of several sources' values shows in the profile is decided by the
 * rules. A field of the mask that is missing in the profile withdraws the source's claim. */
#define XINYI_PUT_SOURCE(number) ((uint32_t)(number) << 16)
typedef struct xinyi_put_reply {
    uint16_t status, field;
    uint32_t version;
} xinyi_put_reply;
/* Durable when it returns. */
XINYI_API int xinyi_put(xinyi *x, const xinyi_put_entry *entries, size_t count, xinyi_put_reply *out);

/* A walk over all profiles: start with *cursor = 0; *count is in: room, out: how many; 0 ends the walk. Profiles
 * present for the whole walk are seen exactly once. A failed call leaves *cursor where it was. */
XINYI_API int xinyi_scan(xinyi *x, unsigned purpose, uint64_t *cursor, xinyi_profile *out, size_t *count);

/* ------------------------------------------------------------------ records, commitments, service, lists
 *
 * A report says one thing about one subject: a behaviour record, a step of a commitment, volunteer hours, a place on a
 * list, a name. It is durable and in force when the call returns. Its id is the source's own: make it before you send
 * (xinyi_operation_new, or the number that your own system has given) and repeat with it: the same report twice counts
 * once (XINYI_REPEATED), the same id with other content is refused. */

enum {
    XINYI_RECORD_ADD = 1,        /* type, day, text */
    XINYI_RECORD_REPAIR = 2,     /* target, day, text */
    XINYI_RECORD_REVOKE = 3,     /* target, text */
    XINYI_SERVICE_ADD = 4,       /* day, value: minutes, text */
    XINYI_SERVICE_REVERSE = 5,   /* target, text */
    XINYI_COMMITMENT_DRAFT = 6,  /* type: the matter, day, text */
    XINYI_COMMITMENT_ACCEPT = 7, /* type, or target: a draft, day, text */
    XINYI_COMMITMENT_EXTEND = 8, /* target, day, until: 0 by policy, text */
    XINYI_COMMITMENT_FULFIL = 9, /* target, day, text; these four alike */
    XINYI_COMMITMENT_BREACH = 10,
    XINYI_COMMITMENT_WITHDRAW = 11,
    XINYI_COMMITMENT_REPAIR = 12,
    XINYI_LISTING_ADD = 13,    /* type: the list, day, until: 0 as the list says, text */
    XINYI_LISTING_REMOVE = 14, /* target, day, text */
    XINYI_NAME = 15,           /* text: the name */
    XINYI_USE = 16,            /* type: scenario × 256 + benefit, day */
};

typedef struct xinyi_report_entry {
    xinyi_operation_id id;
    xinyi_subject subject;
    uint8_t kind, purpose;
    uint16_t source; /* number in the catalogue of sources; 0 the base */
    uint16_t type;
    uint16_t day, until; /* 0: today; as the rules say */
    uint32_t value;
    xinyi_operation_id target; /* the id under which the same source reported what this is about */
    char text[97];             /* a reference of up to 32 bytes; a name of up to 96 */
} xinyi_report_entry;
#define XINYI_REPEATED 1 /* flags: it was known; this is its answer again */
typedef struct xinyi_report_reply {
    uint16_t status, flags;
    uint32_t version; /* of the profile after it */
    uint32_t number;  /* of the item within the dossier */
    uint16_t until;   /* deadline of a commitment, end of a record or listing; 0 none */
    uint16_t reserved;
} xinyi_report_reply;
XINYI_API int xinyi_report(xinyi *x, const xinyi_report_entry *entries, size_t count, xinyi_report_reply *out);

enum {
    XINYI_DOSSIER_ALL = 0,
    XINYI_DOSSIER_RECORDS = 1,
    XINYI_DOSSIER_COMMITMENTS = 2,
    XINYI_DOSSIER_SERVICE = 3,
    XINYI_DOSSIER_LISTINGS = 4,
    XINYI_DOSSIER_SOURCES = 5,
    XINYI_DOSSIER_USES = 6,
};
/* What was reported about a subject, one JSON document (PROTOCOL.md section 4.5); valid until the next call on x. Items
 * from number `from` on, at most max (0: as many as fit); its `next` is where to go on, null at the end. */
XINYI_API int xinyi_dossier(xinyi *x, unsigned purpose, unsigned part, const xinyi_subject *subject, uint32_t from,
                            uint32_t max, const char **document);
/* How the composite score came about, one JSON document. */
XINYI_API int xinyi_scorecard(xinyi *x, unsigned purpose, const xinyi_subject *subject, const char **document);

typedef struct xinyi_list_entry {
    xinyi_subject subject;
    uint32_t division;
    uint16_t source;
    uint16_t from_day, until_day; /* 0: not known; no end */
    uint8_t form;
    char text[33]; /* document reference */
    char name[97]; /* "" if nobody has told it */
} xinyi_list_entry;
/* A walk over those who are on a list now (1 red list, 2 serious list, others by policy), as xinyi_scan. */
XINYI_API int xinyi_list(xinyi *x, unsigned purpose, unsigned list, uint64_t *cursor, xinyi_list_entry *out,
                         size_t *count);

/* Decisions with all that is needed to make them again later. */
typedef struct xinyi_receipt {
    uint16_t status;
    uint8_t bytes[160]; /* zero unless status is 0 */
} xinyi_receipt;
XINYI_API int xinyi_receipts(xinyi *x, unsigned scenario, unsigned purpose, const xinyi_subject *subjects, size_t count,
                             xinyi_receipt *out);
#define XINYI_RECEIPT_TEXT 224
/* "xr1-…": one word, for letters and files. Returns buffer. */
XINYI_API const char *xinyi_receipt_format(const xinyi_receipt *receipt, char buffer[XINYI_RECEIPT_TEXT]);

/* ------------------------------------------------------------------ guarantee quota */

enum { XINYI_PROGRAM_POWER = 1 };
enum {
    XINYI_QUOTA_COVERED = 1,
    XINYI_QUOTA_EXEMPT = 2,
    XINYI_QUOTA_SUSPENDED = 4,
    XINYI_QUOTA_RATED = 8,
    XINYI_QUOTA_SHORT = 16,
    XINYI_QUOTA_FROZEN = 32
};

typedef struct xinyi_quota {
    uint16_t status;
    uint8_t warning, flags;
    uint32_t usage_percent;
    int64_t base_fen, required_fen, lodged_fen, limit_fen, reserved_fen, committed_fen, used_fen, available_fen,
        shortfall_fen, next_expiry_ms;
    uint32_t policy_version, account_version;
    int32_t factor_bp, unsecured_bp;
    int64_t energy_12m_mwh, wholesale_2m_mwh, retail_2m_mwh, forecast_12m_mwh;
    uint32_t open_reservations, instrument_count;
} xinyi_quota;
XINYI_API int xinyi_quota_show(xinyi *x, unsigned program, unsigned purpose, const xinyi_subject *subjects,
                               size_t count, xinyi_quota *out);

/*  X(NAME, bit, status) — reasons against new exposure, in the order in which they are checked: the first that applies
 *  is the status of an answer, and all that apply are its violations, a bit each. */
#define XINYI_VIOLATIONS(X)                                                                                            \
    X(UNKNOWN_SUBJECT, 0, 121)                                                                                         \
    X(UNKNOWN_PROGRAM, 1, 141)                                                                                         \
    X(NOT_EFFECTIVE, 2, 126)                                                                                           \
    X(BAD_TTL, 3, 159)                                                                                                 \
    X(NOT_COVERED, 4, 157)                                                                                             \
    X(SUSPENDED, 5, 143)                                                                                               \
    X(NO_ACCOUNT, 6, 140)                                                                                              \
    X(FROZEN, 7, 181)                                                                                                  \
    X(UNRATED, 8, 144)                                                                                                 \
    X(SHORTFALL, 9, 156)                                                                                               \
    X(LIMIT_EXCEEDED, 10, 142)                                                                                         \
    X(AMOUNT_OVERFLOW, 11, 152)
enum {
#define XINYI_VIOLATES(name, bit, status) XINYI_VIOLATES_##name = 1 << (bit),
    XINYI_VIOLATIONS(XINYI_VIOLATES)
#undef XINYI_VIOLATES
        XINYI_VIOLATION_BITS = 12
};
/* By the number of a bit, 0 to 15: "limit_exceeded"; "the amount is more than the available quota"; 142. Of a bit that
 * this library does not know: "unknown_violation", a text that says so, and 0. */
XINYI_API const char *xinyi_violation_name(unsigned bit);
XINYI_API const char *xinyi_violation_text(unsigned bit);
XINYI_API int xinyi_violation_status(unsigned bit);

typedef struct xinyi_quota_ask {
    xinyi_subject subject;
    int64_t amount_fen;
} xinyi_quota_ask;
typedef struct xinyi_quota_answer {
    uint16_t status; /* 0: the amount fits; else why not */
    uint8_t warning, flags;
    uint32_t usage_percent;
    int64_t required_fen, limit_fen, used_fen, available_fen;
    uint32_t policy_version, account_version;
    uint16_t violations, reserved[3]; /* every reason against it, XINYI_VIOLATES_* */
} xinyi_quota_answer;
XINYI_API int xinyi_quota_check(xinyi *x, unsigned program, unsigned purpose, const xinyi_quota_ask *asks, size_t count,
                                xinyi_quota_answer *out);

enum {
    XINYI_RESERVE = 1,
    XINYI_COMMIT = 2,
    XINYI_RELEASE = 3,
    XINYI_SETTLE = 4,
    XINYI_PLEDGE = 5,
    XINYI_WITHDRAW = 6,
    XINYI_ENERGY = 7,
    XINYI_AMEND = 8,
    XINYI_FREEZE = 9,
    XINYI_UNFREEZE = 10,
};
enum { XINYI_DEPOSIT = 1, XINYI_BOND = 2, XINYI_GROUP_GUARANTEE = 3 };

typedef struct xinyi_operation {
    xinyi_operation_id id;
    xinyi_subject subject;
    uint8_t program;
    uint8_t kind;
    uint8_t instrument_kind;                 /* pledge */
    uint8_t linked;                          /* not 0: chained to the operation behind it */
    int64_t amount_fen;                      /* energy: energy_12m in MWh. Amend: 0 as it is */
    xinyi_operation_id target;               /* commit, release: the reservation's id */
    uint64_t instrument;                     /* pledge, withdraw, amend */
    int64_t wholesale_2m_mwh, retail_2m_mwh; /* energy */
    uint32_t forecast_12m_gwh;               /* energy */
    uint32_t ttl_ms;                         /* reserve; 0: the policy's */
    uint32_t from_hour, to_hour;             /* pledge: hours since the epoch; from 0: now; to UINT32_MAX: no end.
                                                Amend: 0 as they are */
    char reference[17];                      /* freeze: its document, up to 16 bytes of UTF-8, or "" */
} xinyi_operation;

typedef struct xinyi_operation_reply {
    uint16_t status;
    uint8_t warning, flags;
    uint32_t account_version;
    int64_t amount_fen, limit_fen, used_fen, available_fen, expires_ms;
    int64_t committed_fen;            /* of used; the rest is reserved */
    uint16_t violations, reserved[3]; /* reserve: every reason against it, XINYI_VIOLATES_* */
} xinyi_operation_reply;
/* Durable when it returns. Executed in order. Operations that are `linked` make a chain, ended by the first one that is
 * not: all of a chain are executed or none. The one that was refused has the reason, the others XINYI_LINKED_FAILED. A
 * chain must fit one frame (xinyi_max_entries), else nothing is sent: too_large. */
XINYI_API int xinyi_operate(xinyi *x, const xinyi_operation *operations, size_t count, xinyi_operation_reply *out);

typedef struct xinyi_outcome_reply {
    uint16_t status; /* 0, or XINYI_UNKNOWN_OPERATION */
    uint8_t state;   /* 0 final, 1 open, 2 committed, 3 released, 4 expired */
    xinyi_operation request;
    xinyi_operation_reply reply;
    int64_t at_ms;
} xinyi_outcome_reply;
XINYI_API int xinyi_outcome(xinyi *x, const xinyi_operation_id *ids, size_t count, xinyi_outcome_reply *out);

typedef struct xinyi_instrument {
    uint64_t id;
    int64_t amount_fen;
    uint32_t from_hour, to_hour;
    uint8_t kind;
} xinyi_instrument;
enum { XINYI_ACCOUNT_FROZEN = 1, XINYI_ACCOUNT_TOPUP_OVERDUE = 2 };
typedef struct xinyi_account {
    xinyi_subject subject;
    uint8_t program;
    uint32_t version;
    int64_t reserved_fen, committed_fen, settled_fen, energy_12m_mwh, wholesale_2m_mwh, retail_2m_mwh, forecast_12m_mwh,
        opened_ms;
    uint32_t open_reservations, instrument_count;
    uint8_t flags;             /* XINYI_ACCOUNT_* */
    uint8_t warned;            /* the highest warning level that an alert was raised for and that lasts */
    uint16_t topup_day;        /* the last day to top up the guarantee; 0: nothing is asked for */
    char freeze_reference[17]; /* of a frozen account, or "" */
    xinyi_instrument instruments[8];
} xinyi_account;
typedef struct xinyi_account_reply {
    uint16_t status; /* 0; XINYI_NO_ACCOUNT of a known subject without one */
    xinyi_account account;
} xinyi_account_reply;
/* Accounts with their instruments. */
XINYI_API int xinyi_accounts(xinyi *x, unsigned program, unsigned purpose, const xinyi_subject *subjects, size_t count,
                             xinyi_account_reply *out);
/* A walk over all accounts, as xinyi_scan. */
XINYI_API int xinyi_scan_accounts(xinyi *x, unsigned purpose, uint64_t *cursor, xinyi_account *out, size_t *count);

/* ------------------------------------------------------------------ alerts
 *
 * What somebody should know before it hurts: a quota nearly used up, a bond about to end, a top-up that is due. Alerts
 * are durable, have rising numbers, and stay open until they are acknowledged (command alert_ack). A program that goes
 * on behind the last number it has dealt with misses none, whatever breaks meanwhile. */

enum {
    XINYI_ALERT_USAGE = 1,     /* level 1 to 3 of the policy's thresholds (80, 90, 100 %) was reached */
    XINYI_ALERT_EXPIRING = 2,  /* an instrument ends at due_ms */
    XINYI_ALERT_EXPIRED = 3,   /* it has ended */
    XINYI_ALERT_TOPUP = 4,     /* less is lodged than required: to be topped up before due_ms */
    XINYI_ALERT_OVERDUE = 5,   /* and was not */
    XINYI_ALERT_TOPPED_UP = 6, /* and was */
    XINYI_ALERT_FROZEN = 7,
    XINYI_ALERT_UNFROZEN = 8,
};
typedef struct xinyi_alert {
    uint64_t number;
    int64_t at_ms; /* when it was raised */
    xinyi_subject subject;
    uint8_t program;
    uint8_t kind;            /* XINYI_ALERT_*; newer servers may have more */
    uint8_t level;           /* usage */
    uint8_t instrument_kind; /* expiring, expired: XINYI_DEPOSIT, XINYI_BOND, XINYI_GROUP_GUARANTEE */
    uint32_t account_version;
    uint32_t usage_percent;                                /* UINT32_MAX: exposure without any limit */
    int64_t limit_fen, used_fen, required_fen, lodged_fen; /* of the account, when it was raised */
    uint64_t instrument;                                   /* expiring, expired: its id */
    int64_t due_ms;                                        /* 0: nothing is due */
    uint64_t reserved;
} xinyi_alert;

/* A walk over the open alerts, in the order of their numbers: those above *after (0: all). *count is in: room, out: how
 * many; 0 ends the walk. *after becomes the last number. */
XINYI_API int xinyi_alerts(xinyi *x, unsigned purpose, uint64_t *after, xinyi_alert *out, size_t *count);

/* Subscribes: from now on the open alerts with numbers above `after`, and every new one, come by themselves, each once
 * and in order; take them with xinyi_watch_next. Other calls may be made meanwhile; alerts that arrive within them wait
 * in memory. A connection has one subscription, another xinyi_watch replaces it. XINYI_BAD_VALUE if no alert ever had a
 * number as high as `after`: it is of another system, or of one that was restored from a backup. */
XINYI_API int xinyi_watch(xinyi *x, unsigned purpose, uint64_t after);
/* The next alerts. Waits up to wait_ms for the first (0: not at all; negative: for ever). *count is in: room, out: how
 * many; 0 with the return 0: nothing came in time. Otherwise what broke the connection; what had arrived before is
 * given first. A connection whose other end is silently gone looks like one without alerts: xinyi_ping now and then. */
XINYI_API int xinyi_watch_next(xinyi *x, int wait_ms, xinyi_alert *out, size_t *count);
/* Ends the subscription; alerts that were not taken are forgotten here and stay open there. */
XINYI_API int xinyi_watch_stop(xinyi *x);

/* ------------------------------------------------------------------ the server */

XINYI_API int xinyi_ping(xinyi *x);
/* JSON documents; valid until the next call on x. */
XINYI_API int xinyi_info(xinyi *x, const char **document);
XINYI_API int xinyi_stats(xinyi *x, const char **document);
XINYI_API int xinyi_policy_info(xinyi *x, const char **document);

/* Commands (PROTOCOL.md section 4.6): one JSON object, such as {"command":"catalogue"}; the answer is a JSON document,
 * valid until the next call on x, NULL on failure. A command that changes something may have been executed if the
 * connection breaks before the answer: ask before you repeat it. */
XINYI_API int xinyi_command(xinyi *x, const char *json, const char **document);
/* Puts a file into a draft of a policy set. *draft 0 begins a new draft and becomes its number. A draft lives as long
 * as the connection. `name` is the file's, without a directory. */
XINYI_API int xinyi_upload(xinyi *x, uint32_t *draft, const char *name, const void *text, size_t length);

/* ------------------------------------------------------------------ pipelining
 *
 * For load, import and nightly batches: many requests on the way at once. xinyi_send_* puts a request into the output
 * buffer; it is written when the buffer is full, or by xinyi_poll or xinyi_flush. With max_in_flight requests on their
 * way it takes answers first, waiting for them. Replies may overtake each other; writes are executed in order.
 *
 * xinyi_send_* returns 0 when the request was taken: its answer, or what broke the connection, will come through the
 * callback exactly once. Otherwise nothing was sent and the callback never hears of it.
 *
 * The callback runs inside xinyi_send_*, xinyi_poll, xinyi_flush and synchronous calls, never elsewhere. Within it only
 * xinyi_send_* may be called (which then never waits: XINYI_OVERLOADED if max_in_flight are on their way) and what
 * reads no answers, such as xinyi_in_flight; other calls return XINYI_OVERLOADED, and xinyi_close aborts.
 *
 * Synchronous calls wait until nothing is in flight, as xinyi_flush does, before they ask. */

typedef struct xinyi_reply {
    uint64_t tag;      /* as given to xinyi_send_* */
    int status;        /* 0: entries are there; else the whole request failed with it */
    const char *error; /* text of the failure, or NULL */
    size_t count;
    /* by what was asked, the others are NULL */
    const xinyi_decision *decisions;
    const xinyi_quota_answer *quota_answers;
    const xinyi_profile_reply *profiles;
    const xinyi_put_reply *puts;
    const xinyi_operation_reply *operations;
    const xinyi_report_reply *reports;
} xinyi_reply;
/* The reply and what it points to are valid during the call only. */
typedef void (*xinyi_on_reply)(void *context, const xinyi_reply *reply);

XINYI_API void xinyi_on(xinyi *x, xinyi_on_reply callback, void *context);
/* 1 to xinyi_max_entries(x) entries each; tag is yours and comes back with the answer. */
XINYI_API int xinyi_send_decide(xinyi *x, uint64_t tag, unsigned scenario, unsigned purpose,
                                const xinyi_subject *subjects, size_t count);
XINYI_API int xinyi_send_get(xinyi *x, uint64_t tag, unsigned purpose, const xinyi_subject *subjects, size_t count);
XINYI_API int xinyi_send_quota_check(xinyi *x, uint64_t tag, unsigned program, unsigned purpose,
                                     const xinyi_quota_ask *asks, size_t count);
XINYI_API int xinyi_send_put(xinyi *x, uint64_t tag, const xinyi_put_entry *entries, size_t count);
XINYI_API int xinyi_send_operate(xinyi *x, uint64_t tag, const xinyi_operation *operations, size_t count);
XINYI_API int xinyi_send_report(xinyi *x, uint64_t tag, const xinyi_report_entry *entries, size_t count);
/* Writes what is queued, as far as the socket takes it, and takes what has arrived; waits up to wait_ms for the first
 * bytes if there are none (0: not at all; negative: for ever; never when nothing is in flight). Returns 0, or what
 * broke the connection (then every request in flight has been reported to the callback with that status). */
XINYI_API int xinyi_poll(xinyi *x, int wait_ms);
/* Writes everything and waits until every answer is there. When nothing moves on for timeout_ms it ends the connection
 * with XINYI_TIMEOUT. */
XINYI_API int xinyi_flush(xinyi *x);
XINYI_API size_t xinyi_in_flight(const xinyi *x);
/* For your own poll loop: when it is readable, call xinyi_poll(x, 0). Only to wait on; -1 once the connection is gone.
 */
XINYI_API int xinyi_fd(const xinyi *x);

#ifdef __cplusplus
}
#endif

#endif
