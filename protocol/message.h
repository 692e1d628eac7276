/* Messages: types, entry layouts, encode and decode in both directions. PROTOCOL.md section 4 is normative; one row of
 * MESSAGE_TABLE adds a message everywhere (server dispatch, statistics, client).
 *
 * Entry structs have the wire's layout (asserted); on little-endian machines encoding is a copy. Decoders check what
 * concerns the bytes — lengths, reserved bits — and leave meaning to the engine. Profiles and ids are opaque bytes here
 * but for base/profile.h's codec, which base shares with the engine. Pure functions; any thread. */
#ifndef XINYI_PROTOCOL_MESSAGE_H
#define XINYI_PROTOCOL_MESSAGE_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/profile.h"
#include "base/subject.h"
#include "protocol/frame.h"

/*  X(NAME, type, name, request_entry, reply_entry, max_entries, is_write)
 *  entry lengths 0: variable or none. */
#define MESSAGE_TABLE(X)                                                                                               \
    X(HELLO, 1, "hello", 0, 0, 1, 0)                                                                                   \
    X(PING, 2, "ping", 0, 0, 0, 0)                                                                                     \
    X(INFO, 3, "info", 0, 0, 0, 0)                                                                                     \
    X(STATS, 4, "stats", 0, 0, 0, 0)                                                                                   \
    X(POLICY_INFO, 5, "policy_info", 0, 0, 0, 0)                                                                       \
    X(DECIDE, 16, "decide", 16, 32, LIMIT_ENTRIES_MAX, 0)                                                              \
    X(EXPLAIN, 17, "explain", 16, 0, 64, 0)                                                                            \
    X(GET, 18, "get", 16, 72, LIMIT_ENTRIES_MAX, 0)                                                                    \
    X(PUT, 19, "put", 80, 8, LIMIT_ENTRIES_MAX, 1)                                                                     \
    X(SCAN, 20, "scan", 16, 72, 1, 0)                                                                                  \
    X(RECEIPT, 21, "receipt", 16, 168, 1024, 0)                                                                        \
    X(SCORECARD, 22, "scorecard", 16, 0, 64, 0)                                                                        \
    X(QUOTA_SHOW, 32, "quota_show", 24, 144, LIMIT_ENTRIES_MAX, 0)                                                     \
    X(QUOTA_CHECK, 33, "quota_check", 24, 56, LIMIT_ENTRIES_MAX, 0)                                                    \
    X(QUOTA_OPERATE, 34, "quota_operate", 64, 64, LIMIT_ENTRIES_MAX, 1)                                                \
    X(QUOTA_OUTCOME, 35, "quota_outcome", 16, 152, LIMIT_ENTRIES_MAX, 1)                                               \
    X(QUOTA_SCAN, 36, "quota_scan", 16, 392, 1, 0)                                                                     \
    X(QUOTA_ACCOUNT, 37, "quota_account", 24, 392, 1024, 0)                                                            \
    X(WATCH, 38, "watch", 24, 96, 1, 0)                                                                                \
    X(REPORT, 48, "report", 160, 16, LIMIT_ENTRIES_MAX, 1)                                                             \
    X(DOSSIER, 49, "dossier", 24, 0, 64, 0)                                                                            \
    X(LIST, 50, "list", 24, 168, 1, 0)                                                                                 \
    X(UPLOAD, 64, "upload", 0, 0, 1, 0)                                                                                \
    X(COMMAND, 65, "command", 0, 0, 1, 0)

typedef enum message_type {
#define X(name, type, text, request, reply, max, write) MESSAGE_##name = (type),
    MESSAGE_TABLE(X)
#undef X
        MESSAGE_TYPE_END
} message_type;

typedef struct message_info {
    uint8_t type;
    bool is_write; /* goes through the commit thread, in order (QUOTA_OUTCOME too: it must see what came before) */
    uint16_t request_entry, reply_entry, max_entries;
    const char *name;
} message_info;
const message_info *message_find(unsigned type); /* NULL if unknown */

#define WIRE_ASSERT(type, size) static_assert(sizeof(type) == (size), "wire layout of " #type)

typedef struct wire_decide {
    subject_id subject;
    uint8_t scenario, purpose;
    uint16_t flags;
} wire_decide;
WIRE_ASSERT(wire_decide, 16);

typedef struct wire_decision {
    uint16_t status;
    uint8_t outcome, tier;
    uint16_t row, percent_bp;
    uint64_t benefits;
    int64_t amount_fen;
    int16_t rate_bp;
    uint16_t data_day;
    uint32_t policy_version;
} wire_decision;
WIRE_ASSERT(wire_decision, 32);

typedef struct wire_get {
    subject_id subject;
    uint8_t zero, purpose;
    uint16_t flags;
} wire_get;
WIRE_ASSERT(wire_get, 16);

typedef struct wire_profile {
    uint16_t status;
    uint8_t zero[6];
    uint8_t profile[PROFILE_SIZE];
} wire_profile;
WIRE_ASSERT(wire_profile, 72);

typedef struct wire_put {
    uint64_t mask;
    uint32_t flags, expected_version;
    uint8_t profile[PROFILE_SIZE];
} wire_put;
WIRE_ASSERT(wire_put, 80);
#define WIRE_PUT_CREATE (1u << 0)
#define WIRE_PUT_UPDATE (1u << 1)
#define WIRE_PUT_IF_VERSION (1u << 2)
#define WIRE_PUT_FLAGS (WIRE_PUT_CREATE | WIRE_PUT_UPDATE | WIRE_PUT_IF_VERSION) /* of the lower half */
#define WIRE_PUT_SOURCE_SHIFT 16 /* the upper half is the number of the source; 0 the base */

typedef struct wire_put_reply {
    uint16_t status, field;
    uint32_t version;
} wire_put_reply;
WIRE_ASSERT(wire_put_reply, 8);

typedef struct wire_scan {
    uint64_t cursor;
    uint32_t max, purpose;
} wire_scan;
WIRE_ASSERT(wire_scan, 16);

typedef struct wire_scan_reply {
    uint64_t cursor;
    uint8_t profile[PROFILE_SIZE];
} wire_scan_reply;
WIRE_ASSERT(wire_scan_reply, 72);

typedef struct wire_quota {
    subject_id subject;
    uint8_t program, purpose;
    uint16_t flags;
    int64_t amount_fen;
} wire_quota;
WIRE_ASSERT(wire_quota, 24);

typedef struct wire_quota_check {
    uint16_t status;
    uint8_t warning, flags;
    uint32_t usage_percent;
    int64_t required_fen, limit_fen, used_fen, available_fen;
    uint32_t policy_version, account_version;
    uint16_t violations, zero[3]; /* every reason against it, bits as in PROTOCOL.md 4.4 */
} wire_quota_check;
WIRE_ASSERT(wire_quota_check, 56);

typedef struct wire_quota_show {
    uint16_t status;
    uint8_t warning, flags;
    uint32_t usage_percent;
    int64_t base_fen, required_fen, lodged_fen, limit_fen, reserved_fen, committed_fen, used_fen, available_fen,
        shortfall_fen, next_expiry_ms;
    uint32_t policy_version, account_version;
    int32_t factor_bp, unsecured_bp;
    int64_t energy_12m_mwh, wholesale_2m_mwh, retail_2m_mwh, forecast_12m_mwh;
    uint32_t open_reservations, instrument_count;
} wire_quota_show;
WIRE_ASSERT(wire_quota_show, 144);

enum {
    WIRE_RESERVE = 1,
    WIRE_COMMIT,
    WIRE_RELEASE,
    WIRE_SETTLE,
    WIRE_PLEDGE,
    WIRE_WITHDRAW,
    WIRE_ENERGY,
    WIRE_AMEND,
    WIRE_FREEZE,
    WIRE_UNFREEZE,
    WIRE_OPERATION_END
};
#define WIRE_LINKED (1u << 0) /* wire_operation.flags: the chain goes on with the next entry */

typedef struct wire_operation {
    uint8_t id[16];
    subject_id subject;
    uint8_t program, kind;
    uint8_t instrument_kind, flags; /* flags: WIRE_LINKED */
    int64_t amount_fen;
    uint8_t target[16]; /* by kind: reservation's id; u64 instrument id and u64 0; two i64 of energy; a reference */
    uint32_t a;         /* ttl_ms, from_hour, forecast_gwh */
    uint32_t b;         /* to_hour */
} wire_operation;
WIRE_ASSERT(wire_operation, 64);

#define WIRE_OPERATION_ANSWER                                                                                          \
    uint16_t status;                                                                                                   \
    uint8_t warning, flags;                                                                                            \
    uint32_t account_version;                                                                                          \
    int64_t amount_fen, limit_fen, used_fen, available_fen, expires_ms
#define WIRE_OPERATION_MORE                                                                                            \
    int64_t committed_fen;                                                                                             \
    uint16_t violations, zero_violations[3]

typedef struct wire_operation_reply {
    WIRE_OPERATION_ANSWER;
    WIRE_OPERATION_MORE;
} wire_operation_reply;
WIRE_ASSERT(wire_operation_reply, 64);

typedef struct wire_operation_answer {
    WIRE_OPERATION_ANSWER;
} wire_operation_answer;
WIRE_ASSERT(wire_operation_answer, 48);

typedef struct wire_outcome {
    uint8_t id[16];
} wire_outcome;
WIRE_ASSERT(wire_outcome, 16);

typedef struct wire_outcome_reply {
    uint16_t status;
    uint8_t state, zero[5];
    wire_operation request;
    wire_operation_answer reply;
    int64_t at_ms;
    uint8_t zero_more[8];
    WIRE_OPERATION_MORE; /* of the reply */
} wire_outcome_reply;
WIRE_ASSERT(wire_outcome_reply, 152);

typedef struct wire_instrument {
    uint64_t id;
    int64_t amount_fen;
    uint32_t from_hour, to_hour;
    uint8_t kind, alerted, zero[6];
} wire_instrument;
WIRE_ASSERT(wire_instrument, 32);

/* The 384 bytes of an account, behind the 8 of an entry. */
#define WIRE_ACCOUNT_MEMBERS                                                                                           \
    subject_id key;                                                                                                    \
    uint32_t seq;                                                                                                      \
    int64_t reserved_fen, committed_fen, settled_fen, energy_12m_mwh, wholesale_2m_mwh, retail_2m_mwh,                 \
        forecast_12m_mwh, opened_ms;                                                                                   \
    uint32_t open_reservations, instrument_count;                                                                      \
    uint8_t account_flags, warned;                                                                                     \
    uint16_t topup_day;                                                                                                \
    uint32_t zero32;                                                                                                   \
    uint8_t freeze_reference[16];                                                                                      \
    uint8_t zero[16];                                                                                                  \
    wire_instrument instruments[LIMIT_INSTRUMENTS]

typedef struct wire_account {
    uint64_t cursor;
    WIRE_ACCOUNT_MEMBERS;
} wire_account;
WIRE_ASSERT(wire_account, 392);

typedef struct wire_account_reply {
    uint16_t status;
    uint8_t zero_status[6];
    WIRE_ACCOUNT_MEMBERS;
} wire_account_reply;
WIRE_ASSERT(wire_account_reply, 392);

/* Asks for alerts, and goes on answering: PROTOCOL.md 4.8. */
typedef struct wire_watch {
    uint64_t after;        /* alerts with higher numbers */
    uint32_t max;          /* of one reply; 0: the limit */
    uint8_t purpose, mode; /* WIRE_WATCH_* */
    uint16_t flags;
    uint64_t zero;
} wire_watch;
WIRE_ASSERT(wire_watch, 24);
enum { WIRE_WATCH_ONCE = 0, WIRE_WATCH_FOLLOW = 1, WIRE_WATCH_STOP = 2 };

typedef struct wire_alert {
    uint64_t number;
    int64_t at_ms;
    subject_id subject;
    uint8_t program, kind, level, instrument_kind;
    uint32_t account_version, usage_percent;
    int64_t limit_fen, used_fen, required_fen, lodged_fen;
    uint64_t instrument;
    int64_t due_ms;
    uint64_t zero;
} wire_alert;
WIRE_ASSERT(wire_alert, 96);

typedef struct wire_receipt {
    uint16_t status;
    uint8_t zero[6];
    uint8_t receipt[160]; /* zero unless the decision was made */
} wire_receipt;
WIRE_ASSERT(wire_receipt, 168);

typedef struct wire_report {
    uint8_t id[16];
    subject_id subject;
    uint8_t kind, purpose;
    uint16_t source, type, day, until, zero16;
    uint32_t value, zero32;
    uint8_t target[16];
    uint8_t text[96];
} wire_report;
WIRE_ASSERT(wire_report, 160);

typedef struct wire_report_reply {
    uint16_t status, flags;
    uint32_t version, number;
    uint16_t until, zero;
} wire_report_reply;
WIRE_ASSERT(wire_report_reply, 16);

typedef struct wire_dossier {
    subject_id subject;
    uint8_t part, purpose; /* DOSSIER_* below */
    uint16_t flags;
    uint32_t from, max; /* items: the first number, and how many at most; 0: the limit */
} wire_dossier;
WIRE_ASSERT(wire_dossier, 24);
enum {
    WIRE_DOSSIER_ALL = 0,
    WIRE_DOSSIER_RECORDS,
    WIRE_DOSSIER_COMMITMENTS,
    WIRE_DOSSIER_SERVICE,
    WIRE_DOSSIER_LISTINGS,
    WIRE_DOSSIER_SOURCES,
    WIRE_DOSSIER_USES,
    WIRE_DOSSIER_END
};

typedef struct wire_list {
    uint64_t cursor;
    uint32_t max;
    uint16_t list;
    uint8_t purpose, zero;
    uint64_t flags; /* reserved */
} wire_list;
WIRE_ASSERT(wire_list, 24);

typedef struct wire_list_reply {
    uint64_t cursor;
    subject_id subject; /* zero: nobody more in this stretch of the walk, go on from cursor */
    uint32_t division;
    uint16_t source, from_day, until_day; /* 0: not known, no end */
    uint8_t form, zero;
    uint32_t zero32[2];
    uint8_t text[32]; /* document reference */
    uint8_t name[96];
} wire_list_reply;
WIRE_ASSERT(wire_list_reply, 168);

/* UPLOAD: a part of a file of a draft. The reply's body is u32 draft, u32 bytes received so far, u64 reserved. */
#define UPLOAD_HEAD 16
#define UPLOAD_REPLY 16
typedef struct upload {
    uint32_t draft;         /* 0: a new one */
    uint32_t total, offset; /* bytes of the file; where the part begins */
    uint16_t name_length;
    const char *name; /* 1..LIMIT_NAME_MAX bytes, no NUL */
    const uint8_t *part;
    size_t part_length;
} upload;
/* Pointers go into the body. BAD_ENTRY: lengths that do not fit, a name that is no text, padding that is not zero. */
status upload_decode(const uint8_t *body, size_t length, upload *out) MUST_CHECK;
/* The longest part that fits a frame of max_frame bytes; every part but a file's last has to fill its frame to the
 * multiple of 8, or what is behind it would be taken for the part. */
size_t upload_part_max(uint32_t max_frame, size_t name_length);
/* The body of a reply, both ways. BAD_ENTRY if it is too short. */
void upload_reply_encode(uint8_t body[UPLOAD_REPLY], uint32_t draft, uint32_t received);
status upload_reply_decode(const uint8_t *body, size_t length, uint32_t *draft, uint32_t *received) MUST_CHECK;
/* Append whole request frames. */
void upload_encode(buf *to, uint64_t request_id, const upload *u, bool checksum);
void command_encode(buf *to, uint64_t request_id, const char *json, bool checksum);

/* HELLO, both directions. Strings point into the decoded body. */
typedef struct hello {
    uint16_t version_min, version_max;
    uint32_t features, max_frame, max_entries, max_in_flight, idle_ms;
    const char *cluster, *agent, *mechanism; /* not NUL-terminated; NULL if absent */
    uint8_t cluster_length, agent_length, mechanism_length;
    const uint8_t *credentials;
    uint16_t credentials_length;
    uint16_t unknown[LIMIT_HELLO_OPTIONS]; /* tags not known (request decoded), or reported as such (reply) */
    uint8_t unknown_count;
} hello;
#define HELLO_NO_CHECKSUM (1u << 0)

/* Appends a whole HELLO frame (request, or reply with FRAME_REPLY in flags). Extra raw options may be given for tests.
 */
void hello_encode(buf *to, uint64_t request_id, uint16_t flags, const hello *h, const uint8_t *extra,
                  size_t extra_length);
/* BAD_ENTRY if the body is not well-formed: repeated options, more than 16, names that are empty, over LIMIT_NAME_MAX,
 * not UTF-8 or with control characters (they go to logs), version_min over version_max; in requests reserved bytes. */
status hello_decode(const uint8_t *body, size_t length, bool reply, hello *out) MUST_CHECK;

/* Entries in place: on big-endian machines these swap every field; on little-endian ones they are nothing. `type` and
 * `reply` choose the layout. */
void message_swap_entries(unsigned type, bool reply, void *entries, size_t count);
/* Where the integers of an entry lie, an item a letter: 1 2 4 8 integers of so many bytes, s subject id (12 bytes),
 * o operation or report id, or target (16), p profile (64), t text (32), n name (96), r receipt (160), z a reserved
 * byte. NULL where entries are not fixed. */
const char *message_layout(unsigned type, bool reply);
/* Reverses the bytes of every integer of one entry; returns the entry's length. What message_swap_entries does on
 * big-endian machines, and a way to test the layouts on others. */
size_t message_reverse_entry(const char *layout, uint8_t *entry);

/* Checks a request's shape after frame_parse: flags of a request (BAD_FRAME), type known (UNKNOWN_TYPE), entry_length
 * at least the layout's and a multiple of 8, extra bytes and padding zero, count not 0 where there are entries
 * (BAD_ENTRY), count within the limits, PING not too long (TOO_LARGE). Entries whose own reserved bits are set do not
 * fail here but alone: see message_entry_status. */
status message_check_request(const frame_view *frame, uint32_t max_entries) MUST_CHECK;
/* OK or BAD_ENTRY for one entry of a fixed-size request, aligned as its struct: reserved bits; for operations the kind,
 * and zeros in what the kind does not use. */
status message_entry_status(unsigned type, const void *entry);

/* Its reply has as many entries as there are, not as many as were asked about: SCAN, QUOTA_SCAN, LIST, WATCH. */
bool message_is_walk(unsigned type);
/* Its reply is a document an entry: EXPLAIN, SCORECARD, DOSSIER. */
bool message_has_documents(unsigned type);
/* Checks the shape of an OK reply (not an error frame) to a request of `asked` entries; of walks, `asked` is the most
 * entries that fit. OK, UNKNOWN_TYPE, BAD_FRAME (not an OK reply), BAD_ENTRY, TOO_LARGE. Entries may be longer than the
 * layout: step by header.entry_length. */
status message_check_reply(const frame_view *frame, size_t asked) MUST_CHECK;
/* The next document of a reply with one an entry (message_has_documents); *offset starts at 0. *text points into the
 * body, without a NUL. BAD_ENTRY if the body ends early or a length does not fit. */
status message_document_next(const frame_view *frame, size_t *offset, uint16_t *code, const char **text,
                             size_t *length) MUST_CHECK;

/* Appends a request frame with fixed entries copied from `entries` (layout length apart). */
void message_request(buf *to, unsigned type, uint64_t request_id, uint32_t deadline_ms, const void *entries,
                     size_t count, bool checksum);
/* Appends an error frame, always with checksums: status, optional text (cut after 512 bytes, never within a character).
 */
void message_error(buf *to, unsigned type, uint64_t request_id, status why, uint16_t retry_after_ms, const char *text);

#endif
