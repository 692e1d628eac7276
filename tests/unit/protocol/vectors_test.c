/* protocol/vectors.txt, read from the repository root or from XINYI_VECTORS: every frame decodes to its fields and is
 * encoded from them byte for byte. The format is described in PROTOCOL.md section 7. */
#include "base/file.h"
#include "base/le.h"
#include "protocol/message.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the file */

#define LINES_MAX 160

typedef struct line {
    const char *key, *value;
} line;

typedef struct vector {
    const char *name;
    uint8_t *frame; /* owned, exactly length bytes so that a sanitizer sees reads beyond */
    size_t length;
    line lines[LINES_MAX]; /* without name and frame */
    size_t count;
} vector;

static buf text;

static unsigned hex_digit(char c) {
    const char *digits = "0123456789abcdef", *at = c == '\0' ? NULL : strchr(digits, c);
    cr_assert(at != NULL, "not a hex digit: %c", c);
    return (unsigned)(at - digits);
}

static size_t hex_decode(const char *hex, uint8_t *out, size_t room) {
    size_t n = strlen(hex);
    cr_assert(n % 2 == 0 && n / 2 <= room, "bad hex: %s", hex);
    for (size_t i = 0; i < n / 2; i++) out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    return n / 2;
}

static void add_hex(vector *v, const char *hex) {
    size_t more = strlen(hex) / 2;
    v->frame = realloc(v->frame, v->length + more);
    cr_assert(v->frame != NULL);
    v->length += hex_decode(hex, v->frame + v->length, more);
}

/* Reads the next block; false at the end. Lines are cut in place. */
static bool next_vector(char **at, vector *v) {
    memset(v, 0, sizeof *v);
    char *l;
    while ((l = strsep(at, "\n")) != NULL) {
        if (*l == '\0') {
            if (v->name != NULL) return true;
            continue;
        }
        if (*l == '#') continue;
        if (*l == ' ') {
            add_hex(v, l + strspn(l, " "));
            continue;
        }
        char *value = strchr(l, ' ');
        if (value != NULL) *value++ = '\0';
        if (strcmp(l, "name") == 0) {
            v->name = value;
        } else if (strcmp(l, "frame") == 0) {
            add_hex(v, value);
        } else {
            cr_assert(v->count < LINES_MAX);
            v->lines[v->count++] = (line){l, value == NULL ? "" : value};
        }
    }
    return v->name != NULL;
}

static const char *find(const vector *v, const char *key) {
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->lines[i].key, key) == 0) return v->lines[i].value;
    return NULL;
}

static uint64_t number(const char *value) {
    char *end;
    uint64_t n = value[0] == '-' ? (uint64_t)strtoll(value, &end, 10) : strtoull(value, &end, 10);
    cr_assert(*value != '\0' && *end == '\0', "not a number: %s", value);
    return n;
}

static uint64_t find_number(const vector *v, const char *key) {
    const char *value = find(v, key);
    cr_assert(value != NULL, "%s: %s is missing", v->name, key);
    return number(value);
}

/* ------------------------------------------------------------------ entries */

typedef struct field {
    const char *name;
    size_t offset, size;
} field;
#define F(type, member)                                                                                                \
    { #member, offsetof(type, member), sizeof(((type *)0)->member) }
#define AS(name, type, member)                                                                                         \
    { name, offsetof(type, member), sizeof(((type *)0)->member) }

static const field decide[] = {
    F(wire_decide, subject), F(wire_decide, scenario), F(wire_decide, purpose), F(wire_decide, flags), {0}};
static const field decision[] = {F(wire_decision, status),
                                 F(wire_decision, outcome),
                                 F(wire_decision, tier),
                                 F(wire_decision, row),
                                 F(wire_decision, percent_bp),
                                 F(wire_decision, benefits),
                                 F(wire_decision, amount_fen),
                                 F(wire_decision, rate_bp),
                                 F(wire_decision, data_day),
                                 F(wire_decision, policy_version),
                                 {0}};
static const field get[] = {F(wire_get, subject), F(wire_get, purpose), {0}};
static const field profile_reply[] = {F(wire_profile, status), F(wire_profile, profile), {0}};
static const field put[] = {
    F(wire_put, mask), F(wire_put, flags), F(wire_put, expected_version), F(wire_put, profile), {0}};
static const field put_reply[] = {F(wire_put_reply, status), F(wire_put_reply, field), F(wire_put_reply, version), {0}};
static const field scan[] = {F(wire_scan, cursor), F(wire_scan, max), F(wire_scan, purpose), {0}};
static const field scan_reply[] = {F(wire_scan_reply, cursor), F(wire_scan_reply, profile), {0}};
static const field quota[] = {F(wire_quota, subject), F(wire_quota, program),    F(wire_quota, purpose),
                              F(wire_quota, flags),   F(wire_quota, amount_fen), {0}};
#define C(member) F(wire_quota_check, member)
static const field quota_check[] = {C(status),         C(warning),         C(flags),      C(usage_percent),
                                    C(required_fen),   C(limit_fen),       C(used_fen),   C(available_fen),
                                    C(policy_version), C(account_version), C(violations), {0}};
#define S(member) F(wire_quota_show, member)
static const field quota_show[] = {S(status),
                                   S(warning),
                                   S(flags),
                                   S(usage_percent),
                                   S(base_fen),
                                   S(required_fen),
                                   S(lodged_fen),
                                   S(limit_fen),
                                   S(reserved_fen),
                                   S(committed_fen),
                                   S(used_fen),
                                   S(available_fen),
                                   S(shortfall_fen),
                                   S(next_expiry_ms),
                                   S(policy_version),
                                   S(account_version),
                                   S(factor_bp),
                                   S(unsecured_bp),
                                   S(energy_12m_mwh),
                                   S(wholesale_2m_mwh),
                                   S(retail_2m_mwh),
                                   S(forecast_12m_mwh),
                                   S(open_reservations),
                                   S(instrument_count),
                                   {0}};
#define OPERATION(prefix, type, at)                                                                                    \
    AS(prefix "id", type, at id), AS(prefix "subject", type, at subject), AS(prefix "program", type, at program),      \
        AS(prefix "kind", type, at kind), AS(prefix "instrument_kind", type, at instrument_kind),                      \
        AS(prefix "flags", type, at flags), AS(prefix "amount_fen", type, at amount_fen),                              \
        AS(prefix "target", type, at target), AS(prefix "reference", type, at target),                                 \
        {prefix "instrument", offsetof(type, at target), 8},                                                           \
        {prefix "wholesale_2m_mwh", offsetof(type, at target), 8},                                                     \
        {prefix "retail_2m_mwh", offsetof(type, at target) + 8, 8}, AS(prefix "ttl_ms", type, at a),                   \
        AS(prefix "from_hour", type, at a), AS(prefix "forecast_12m_gwh", type, at a),                                 \
        AS(prefix "to_hour", type, at b)
#define OPERATION_REPLY(prefix, type, at)                                                                              \
    AS(prefix "status", type, at status), AS(prefix "warning", type, at warning), AS(prefix "flags", type, at flags),  \
        AS(prefix "account_version", type, at account_version), AS(prefix "amount_fen", type, at amount_fen),          \
        AS(prefix "limit_fen", type, at limit_fen), AS(prefix "used_fen", type, at used_fen),                          \
        AS(prefix "available_fen", type, at available_fen), AS(prefix "expires_ms", type, at expires_ms)
static const field operation[] = {OPERATION("", wire_operation, ), {0}};
#define OPERATION_MORE(prefix, type)                                                                                   \
    AS(prefix "committed_fen", type, committed_fen), AS(prefix "violations", type, violations)
static const field operation_reply[] = {
    OPERATION_REPLY("", wire_operation_reply, ), OPERATION_MORE("", wire_operation_reply), {0}};
static const field outcome[] = {F(wire_outcome, id), {0}};
static const field outcome_reply[] = {F(wire_outcome_reply, status),
                                      F(wire_outcome_reply, state),
                                      OPERATION("request.", wire_outcome_reply, request.),
                                      OPERATION_REPLY("reply.", wire_outcome_reply, reply.),
                                      OPERATION_MORE("reply.", wire_outcome_reply),
                                      F(wire_outcome_reply, at_ms),
                                      {0}};
#define A(type, member) F(type, member)
#define INSTRUMENT(type, n)                                                                                            \
    AS("instrument_" #n ".id", type, instruments[n - 1].id),                                                           \
        AS("instrument_" #n ".amount_fen", type, instruments[n - 1].amount_fen),                                       \
        AS("instrument_" #n ".from_hour", type, instruments[n - 1].from_hour),                                         \
        AS("instrument_" #n ".to_hour", type, instruments[n - 1].to_hour),                                             \
        AS("instrument_" #n ".kind", type, instruments[n - 1].kind),                                                   \
        AS("instrument_" #n ".alerted", type, instruments[n - 1].alerted)
#define ACCOUNT(type)                                                                                                  \
    AS("subject", type, key), AS("version", type, seq), A(type, reserved_fen), A(type, committed_fen),                 \
        A(type, settled_fen), A(type, energy_12m_mwh), A(type, wholesale_2m_mwh), A(type, retail_2m_mwh),              \
        A(type, forecast_12m_mwh), A(type, opened_ms), A(type, open_reservations), A(type, instrument_count),          \
        A(type, account_flags), A(type, warned), A(type, topup_day), A(type, freeze_reference), INSTRUMENT(type, 1),   \
        INSTRUMENT(type, 2), INSTRUMENT(type, 3), INSTRUMENT(type, 4), INSTRUMENT(type, 5), INSTRUMENT(type, 6),       \
        INSTRUMENT(type, 7), INSTRUMENT(type, 8)
static const field account[] = {A(wire_account, cursor), ACCOUNT(wire_account), {0}};
static const field account_reply[] = {A(wire_account_reply, status), ACCOUNT(wire_account_reply), {0}};

static const field scorecard[] = {F(wire_get, subject), F(wire_get, purpose), F(wire_get, flags), {0}};
static const field receipt_reply[] = {F(wire_receipt, status), F(wire_receipt, receipt), {0}};
#define R(member) F(wire_report, member)
static const field report[] = {R(id),    R(subject), R(kind),  R(purpose), R(source), R(type), R(day),
                               R(until), R(zero16),  R(value), R(zero32),  R(target), R(text), {0}};
static const field report_reply[] = {F(wire_report_reply, status),  F(wire_report_reply, flags),
                                     F(wire_report_reply, version), F(wire_report_reply, number),
                                     F(wire_report_reply, until),   {0}};
static const field dossier[] = {F(wire_dossier, subject),
                                F(wire_dossier, part),
                                F(wire_dossier, purpose),
                                F(wire_dossier, flags),
                                F(wire_dossier, from),
                                F(wire_dossier, max),
                                {0}};
static const field list[] = {F(wire_list, cursor),
                             F(wire_list, max),
                             F(wire_list, list),
                             F(wire_list, purpose),
                             F(wire_list, zero),
                             F(wire_list, flags),
                             {0}};
#define L(member) F(wire_list_reply, member)
static const field list_reply[] = {L(cursor), L(subject),  L(division),
                                   L(source), L(from_day), L(until_day),
                                   L(form),   L(text),     AS("subject_name", wire_list_reply, name),
                                   {0}};

static const field watch[] = {
    F(wire_watch, after), F(wire_watch, max), F(wire_watch, purpose), F(wire_watch, mode), {0}};
#define W(member) F(wire_alert, member)
static const field alert[] = {W(number),        W(at_ms),      W(subject),         W(program),
                              W(kind),          W(level),      W(instrument_kind), W(account_version),
                              W(usage_percent), W(limit_fen),  W(used_fen),        W(required_fen),
                              W(lodged_fen),    W(instrument), W(due_ms),          {0}};

static bool is_account(const field *fields) { return fields == account || fields == account_reply; }

static const field *fields_of(unsigned type, bool reply) {
    switch (type) {
    case MESSAGE_DECIDE: return reply ? decision : decide;
    case MESSAGE_EXPLAIN: return reply ? NULL : decide;
    case MESSAGE_GET: return reply ? profile_reply : get;
    case MESSAGE_PUT: return reply ? put_reply : put;
    case MESSAGE_SCAN: return reply ? scan_reply : scan;
    case MESSAGE_RECEIPT: return reply ? receipt_reply : decide;
    case MESSAGE_SCORECARD: return reply ? NULL : scorecard;
    case MESSAGE_REPORT: return reply ? report_reply : report;
    case MESSAGE_DOSSIER: return reply ? NULL : dossier;
    case MESSAGE_LIST: return reply ? list_reply : list;
    case MESSAGE_WATCH: return reply ? alert : watch;
    case MESSAGE_QUOTA_SHOW: return reply ? quota_show : quota;
    case MESSAGE_QUOTA_CHECK: return reply ? quota_check : quota;
    case MESSAGE_QUOTA_OPERATE: return reply ? operation_reply : operation;
    case MESSAGE_QUOTA_OUTCOME: return reply ? outcome_reply : outcome;
    case MESSAGE_QUOTA_SCAN: return reply ? account : scan;
    case MESSAGE_QUOTA_ACCOUNT: return reply ? account_reply : quota;
    default: return NULL;
    }
}

static void parse_subject(const char *value, uint8_t *to) {
    subject_id id;
    subject_finding f = subject_parse(value, strlen(value), 20000, &id);
    cr_assert_not(subject_verdict_is_error(f.verdict), "%s", value);
    memcpy(to, id.bytes, sizeof id.bytes);
}

static void set_profile(profile *p, const char *key, const char *value) {
    static const field names[] = {
        AS("division", profile, division),
        AS("sector", profile, sector),
        AS("form", profile, form),
        AS("roles", profile, roles),
        AS("flags", profile, flags),
        AS("public_score", profile, public_score),
        AS("public_grade", profile, public_grade),
        AS("market_grade", profile, market_grade),
        AS("tax_grade", profile, tax_grade),
        AS("composite_grade", profile, composite_grade),
        AS("composite_score", profile, composite_score),
        AS("volunteer_minutes", profile, volunteer_minutes),
        AS("negative_points", profile, negative_points),
        AS("positive_points", profile, positive_points),
        AS("open_commitments", profile, open_commitments),
        AS("broken_commitments", profile, broken_commitments),
        AS("since_day", profile, since_day),
        AS("change_day", profile, change_day),
        AS("data_day", profile, data_day),
        AS("slot_1", profile, slots[0]),
        AS("slot_2", profile, slots[1]),
        AS("slot_3", profile, slots[2]),
        AS("slot_4", profile, slots[3]),
    };
    if (strcmp(key, "id") == 0) {
        parse_subject(value, p->id.bytes);
        return;
    }
    if (strcmp(key, "version") == 0) {
        p->seq = (uint32_t)number(value) << 1;
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, key) == 0) {
            uint64_t n = number(value);
            uint32_t n32 = (uint32_t)n;
            uint16_t n16 = (uint16_t)n;
            uint8_t n8 = (uint8_t)n;
            memcpy((uint8_t *)p + names[i].offset,
                   names[i].size == 4   ? (void *)&n32
                   : names[i].size == 2 ? (void *)&n16
                                        : (void *)&n8,
                   names[i].size);
            return;
        }
    cr_assert(false, "unknown field of a profile: %s", key);
}

/* Writes a value where the struct has the field, in the machine's order (or as the 16 or 12 bytes of an id). */
static void set_field(const vector *v, const field *fields, const char *key, const char *value, uint8_t *entry) {
    const field *f = fields;
    while (f->name != NULL && strcmp(f->name, key) != 0) f++;
    cr_assert(f->name != NULL, "%s: unknown field %s", v->name, key);
    uint8_t *to = entry + f->offset;
    if (f->size == sizeof(subject_id)) {
        parse_subject(value, to);
    } else if (strcmp(key, "text") == 0 || strcmp(key, "subject_name") == 0 || strcmp(key, "reference") == 0 ||
               strcmp(key, "freeze_reference") == 0) {
        cr_assert(strlen(value) <= f->size);
        memcpy(to, value, strlen(value));
    } else if (f->size == 160) {
        cr_assert_eq(hex_decode(value, to, 160), 160);
    } else if (f->size == 16) {
        cr_assert_eq(hex_decode(value, to, 16), 16);
    } else {
        uint64_t n = number(value);
        if (strcmp(key, "version") == 0 && is_account(fields)) n *= 2;
        uint32_t n32 = (uint32_t)n;
        uint16_t n16 = (uint16_t)n;
        switch (f->size) {
        case 1: *to = (uint8_t)n; break;
        case 2: memcpy(to, &n16, 2); break;
        case 4: memcpy(to, &n32, 4); break;
        default: cr_assert_eq(f->size, 8); memcpy(to, &n, 8);
        }
    }
}

#define ENTRY_MAX 400
typedef struct entry {
    _Alignas(8) uint8_t bytes[ENTRY_MAX]; /* the wire's order */
    uint8_t extra[64];
    size_t extra_length;
    const char *status; /* of the entry's check, NULL: OK */
} entry;

/* Builds the n-th entry from its lines. */
static void build_entry(const vector *v, unsigned type, bool reply, size_t n, entry *out) {
    memset(out, 0, sizeof *out);
    const field *fields = fields_of(type, reply);
    size_t i = 0, seen = 0;
    while (seen <= n) {
        cr_assert(i < v->count, "%s: too few entries", v->name);
        if (strcmp(v->lines[i++].key, "entry") == 0) seen++;
    }
    profile p = {0};
    unsigned program = 0;
    bool has_profile = false;
    for (; i < v->count && strcmp(v->lines[i].key, "entry") != 0; i++) {
        const char *key = v->lines[i].key, *value = v->lines[i].value;
        if (strncmp(key, "profile.", 8) == 0) {
            has_profile = true;
            set_profile(&p, key + 8, value);
        } else if (strcmp(key, "extra") == 0) {
            out->extra_length = hex_decode(value, out->extra, sizeof out->extra);
        } else if (strcmp(key, "entry_status") == 0) {
            out->status = value;
        } else if (strcmp(key, "program") == 0 && is_account(fields)) {
            program = (unsigned)number(value);
        } else {
            set_field(v, fields, key, value, out->bytes);
        }
    }
    if (is_account(fields)) out->bytes[offsetof(wire_account, key)] += (uint8_t)(program * 16);
    message_swap_entries(type, reply, out->bytes, 1);
    if (!has_profile) return;
    const field *f = fields;
    while (strcmp(f->name, "profile") != 0) f++;
    profile_encode(&p, out->bytes + f->offset);
    profile back;
    cr_assert_eq(profile_decode(out->bytes + f->offset, &back, NULL), STATUS_OK, "%s", v->name);
    cr_assert_arr_eq(&back, &p, sizeof p, "%s", v->name);
}

/* ------------------------------------------------------------------ both directions */

static void expect_bytes(const vector *v, const char *what, const uint8_t *got, const uint8_t *expected,
                         size_t length) {
    for (size_t i = 0; i < length; i++)
        cr_assert(got[i] == expected[i], "%s: %s differs at byte %zu: %02x instead of %02x", v->name, what, i, got[i],
                  expected[i]);
}

static void expect_frame(const vector *v, const buf *made) {
    cr_assert_eq(buf_status(made), STATUS_OK);
    cr_assert_eq(made->size, v->length, "%s: %zu bytes instead of %zu", v->name, made->size, v->length);
    expect_bytes(v, "the frame", made->data, v->frame, v->length);
}

static bool decode_only(const vector *v) { return find(v, "decode") != NULL; }
static bool agreed(const vector *v) { return find(v, "agreed") != NULL; }

static void check_header(const vector *v, const frame_header *h) {
    cr_assert_eq(h->length, v->length, "%s", v->name);
    cr_assert_eq(h->type, find_number(v, "type"), "%s", v->name);
    cr_assert_eq(h->flags, find_number(v, "flags"), "%s", v->name);
    cr_assert_eq(h->request_id, find_number(v, "request_id"), "%s", v->name);
    cr_assert_eq(h->entry_length, find_number(v, "entry_length"), "%s", v->name);
    cr_assert_eq(h->entry_count, find_number(v, "entry_count"), "%s", v->name);
    if ((h->flags & FRAME_REPLY) == 0) {
        cr_assert_eq(h->deadline_ms, find_number(v, "deadline_ms"), "%s", v->name);
    } else {
        cr_assert_eq(h->status, find_number(v, "status"), "%s", v->name);
        cr_assert_eq(h->retry_after_ms, find_number(v, "retry_after_ms"), "%s", v->name);
    }
}

/* The frame again, from a header and a body. */
static void encode_again(const vector *v, const frame_header *h, const uint8_t *body, size_t length) {
    buf made = {0};
    uint8_t *frame = buf_extend(&made, frame_length(length));
    if (length > 0) memcpy(frame + FRAME_HEADER, body, length);
    frame_header again = {.type = h->type,
                          .flags = h->flags,
                          .request_id = h->request_id,
                          .entry_length = h->entry_length,
                          .entry_count = h->entry_count};
    if ((h->flags & FRAME_REPLY) != 0) {
        again.status = h->status;
        again.retry_after_ms = h->retry_after_ms;
    } else {
        again.deadline_ms = h->deadline_ms;
    }
    frame_finish(frame, again, length, (h->flags & FRAME_NO_CHECKSUM) == 0);
    expect_frame(v, &made);
    buf_deinit(&made);
}

static void check_fixed(const vector *v, const frame_view *f) {
    const frame_header *h = &f->header;
    bool reply = (h->flags & FRAME_REPLY) != 0;
    const message_info *info = message_find(h->type);
    size_t known = reply ? info->reply_entry : info->request_entry;
    buf body = {0}, plain = {0};
    for (size_t i = 0; i < h->entry_count; i++) {
        entry e;
        build_entry(v, h->type, reply, i, &e);
        const uint8_t *at = f->body + i * h->entry_length;
        cr_assert_eq(known + e.extra_length, h->entry_length, "%s", v->name);
        expect_bytes(v, "an entry", at, e.bytes, known);
        if (e.extra_length > 0) expect_bytes(v, "the extra bytes", at + known, e.extra, e.extra_length);
        if (!reply) {
            status expected = e.status != NULL ? (status)number(e.status) : STATUS_OK;
            cr_assert_eq(message_entry_status(h->type, e.bytes), expected, "%s", v->name);
        }
        buf_append(&body, e.bytes, known);
        message_swap_entries(h->type, reply, e.bytes, 1);
        buf_append(&plain, e.bytes, known);
        buf_append(&body, e.extra, e.extra_length);
    }
    if (!decode_only(v)) encode_again(v, h, body.data, body.size);
    if (!reply && h->entry_length == known && !decode_only(v)) {
        buf made = {0};
        message_request(&made, h->type, h->request_id, h->deadline_ms, plain.data, h->entry_count,
                        (h->flags & FRAME_NO_CHECKSUM) == 0);
        expect_frame(v, &made);
        buf_deinit(&made);
    }
    buf_deinit(&body);
    buf_deinit(&plain);
}

static void check_name(const vector *v, const char *key, const char *got, size_t length) {
    const char *expected = find(v, key);
    cr_assert((expected == NULL) == (got == NULL), "%s: %s", v->name, key);
    if (got == NULL) return;
    cr_assert_eq(strlen(expected), length, "%s: %s", v->name, key);
    cr_assert(memcmp(expected, got, length) == 0, "%s: %s", v->name, key);
}

static uint64_t number_or_0(const vector *v, const char *key) {
    return find(v, key) != NULL ? number(find(v, key)) : 0;
}

/* Raw options of the lines "option TAG HEX". */
static void raw_options(const vector *v, buf *out) {
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->lines[i].key, "option") != 0) continue;
        char *hex;
        uint16_t tag = (uint16_t)strtoul(v->lines[i].value, &hex, 10);
        uint8_t option[128] = {0};
        size_t n = hex_decode(hex + 1, option + 4, sizeof option - 4);
        le_put16(option, tag);
        le_put16(option + 2, (uint16_t)n);
        buf_append(out, option, 4 + (n + 3) / 4 * 4);
    }
}

static void check_hello(const vector *v, const frame_view *f) {
    bool reply = (f->header.flags & FRAME_REPLY) != 0;
    hello h;
    cr_assert_eq(hello_decode(f->body, f->body_length, reply, &h), STATUS_OK, "%s", v->name);
    cr_assert_eq(h.version_min, find_number(v, "version_min"));
    cr_assert_eq(h.version_max, find_number(v, "version_max"));
    cr_assert_eq(h.features, number_or_0(v, "features"));
    cr_assert_eq(h.max_frame, number_or_0(v, "max_frame"));
    cr_assert_eq(h.max_entries, number_or_0(v, "max_entries"));
    cr_assert_eq(h.max_in_flight, number_or_0(v, "max_in_flight"));
    cr_assert_eq(h.idle_ms, number_or_0(v, "idle_ms"));
    check_name(v, "cluster", h.cluster, h.cluster_length);
    check_name(v, "agent", h.agent, h.agent_length);
    check_name(v, "mechanism", h.mechanism, h.mechanism_length);
    if (find(v, "credentials") != NULL) {
        uint8_t expected[64];
        size_t n = hex_decode(find(v, "credentials"), expected, sizeof expected);
        cr_assert_eq(h.credentials_length, n);
        expect_bytes(v, "credentials", h.credentials, expected, n);
    }
    size_t unknown = 0;
    for (size_t i = 0; i < v->count; i++) {
        const char *key = v->lines[i].key;
        if (strcmp(key, reply ? "unknown" : "option") != 0) continue;
        cr_assert_eq(h.unknown[unknown++], strtoul(v->lines[i].value, NULL, 10), "%s", v->name);
    }
    cr_assert_eq(h.unknown_count, unknown, "%s", v->name);
    buf extra = {0}, made = {0};
    raw_options(v, &extra);
    hello_encode(&made, f->header.request_id, f->header.flags, &h, extra.data, extra.size);
    expect_frame(v, &made);
    buf_deinit(&extra);
    buf_deinit(&made);
}

static void check_error(const vector *v, const frame_view *f) {
    const char *expected = find(v, "text") != NULL ? find(v, "text") : "";
    size_t length = strnlen((const char *)f->body, f->body_length);
    cr_assert_eq(length, strlen(expected), "%s", v->name);
    cr_assert(memcmp(f->body, expected, length) == 0, "%s", v->name);
    buf made = {0};
    message_error(&made, f->header.type, f->header.request_id, (status)f->header.status, f->header.retry_after_ms,
                  expected);
    expect_frame(v, &made);
    buf_deinit(&made);
}

static void check_explanations(const vector *v, const frame_view *f) {
    size_t offset = 0, at = 0;
    for (unsigned i = 0; i < f->header.entry_count; i++) {
        while (strcmp(v->lines[at].key, "entry") != 0) at++;
        uint16_t code;
        const char *document;
        size_t length;
        cr_assert_eq(message_document_next(f, &offset, &code, &document, &length), STATUS_OK, "%s", v->name);
        const line *l = &v->lines[at + 1];
        cr_assert_str_eq(l[0].key, "status");
        cr_assert_eq(code, number(l[0].value), "%s", v->name);
        const char *expected = at + 2 < v->count && strcmp(l[1].key, "document") == 0 ? l[1].value : "";
        cr_assert_eq(length, strlen(expected), "%s", v->name);
        cr_assert(memcmp(document, expected, length) == 0, "%s", v->name);
        at++;
    }
    cr_assert_eq(offset, f->body_length, "%s: something is behind the last document", v->name);
    encode_again(v, &f->header, f->body, f->body_length);
}

static void check_upload(const vector *v, const frame_view *f) {
    uint8_t part[64];
    upload got;
    size_t length = hex_decode(find(v, "part"), part, sizeof part);
    cr_assert_eq(upload_decode(f->body, f->body_length, &got), STATUS_OK, "%s", v->name);
    cr_assert_eq(got.draft, find_number(v, "draft"));
    cr_assert_eq(got.total, find_number(v, "total"));
    cr_assert_eq(got.offset, find_number(v, "offset"));
    check_name(v, "file", got.name, got.name_length);
    cr_assert_eq(got.part_length, length, "%s: a part of %zu bytes", v->name, got.part_length);
    expect_bytes(v, "the part", got.part, part, length);
    buf made = {0};
    upload_encode(&made, f->header.request_id, &got, true);
    expect_frame(v, &made);
    buf_deinit(&made);
}

static void check_upload_reply(const vector *v, const frame_view *f) {
    uint32_t draft, received;
    uint8_t body[UPLOAD_REPLY];
    cr_assert_eq(upload_reply_decode(f->body, f->body_length, &draft, &received), STATUS_OK);
    cr_assert_eq(draft, find_number(v, "draft"));
    cr_assert_eq(received, find_number(v, "received"));
    upload_reply_encode(body, draft, received);
    encode_again(v, &f->header, body, sizeof body);
}

static void check_command(const vector *v, const frame_view *f) {
    buf made = {0};
    command_encode(&made, f->header.request_id, find(v, "document"), true);
    expect_frame(v, &made);
    buf_deinit(&made);
}

/* PING, and documents that fill a body. */
static void check_free_form(const vector *v, const frame_view *f) {
    uint8_t body[1024];
    size_t length = 0;
    if (find(v, "body") != NULL) length = hex_decode(find(v, "body"), body, sizeof body);
    if (find(v, "document") != NULL) {
        const char *document = find(v, "document");
        length = strlen(document);
        memcpy(body, document, length);
        while (length % 8 != 0) body[length++] = ' ';
    }
    cr_assert_eq(length, f->body_length, "%s", v->name);
    if (length > 0) expect_bytes(v, "the body", f->body, body, length);
    encode_again(v, &f->header, body, length);
}

static void check_ready(const vector *v, const frame_view *f) {
    check_header(v, &f->header);
    bool reply = (f->header.flags & FRAME_REPLY) != 0;
    if ((f->header.flags & FRAME_ERROR) != 0) {
        check_error(v, f);
        return;
    }
    if (reply)
        cr_assert_eq(message_check_reply(f, f->header.entry_count), STATUS_OK, "%s", v->name);
    else
        cr_assert_eq(message_check_request(f, LIMIT_ENTRIES_MAX), STATUS_OK, "%s", v->name);
    if (f->header.type == MESSAGE_HELLO)
        check_hello(v, f);
    else if (message_has_documents(f->header.type) && reply)
        check_explanations(v, f);
    else if (f->header.type == MESSAGE_UPLOAD)
        reply ? check_upload_reply(v, f) : check_upload(v, f);
    else if (f->header.type == MESSAGE_COMMAND && !reply)
        check_command(v, f);
    else if (fields_of(f->header.type, reply) != NULL)
        check_fixed(v, f);
    else
        check_free_form(v, f);
}

static void check_vector(const vector *v) {
    frame_view f;
    frame_result r = frame_parse(v->frame, v->length, LIMIT_FRAME_MAX, agreed(v), &f);
    const char *result = find(v, "result");
    cr_assert(result != NULL, "%s: no result", v->name);
    if (strcmp(result, "ready") == 0) {
        cr_assert_eq(r, FRAME_READY, "%s: %d, %s", v->name, r, status_name(f.why));
        cr_assert_eq(f.why, STATUS_OK);
        check_ready(v, &f);
        for (size_t n = 0; n < v->length; n++) {
            frame_view part;
            cr_assert_eq(frame_parse(v->frame, n, LIMIT_FRAME_MAX, agreed(v), &part), FRAME_PARTIAL, "%s", v->name);
            cr_assert_eq(part.need, n < FRAME_HEADER ? FRAME_HEADER : v->length, "%s", v->name);
        }
    } else if (strcmp(result, "request_refused") == 0) {
        cr_assert_eq(r, FRAME_READY, "%s: %d, %s", v->name, r, status_name(f.why));
        cr_assert_eq(message_check_request(&f, LIMIT_ENTRIES_MAX), find_number(v, "why"), "%s", v->name);
    } else {
        cr_assert(strcmp(result, "broken") == 0 || strcmp(result, "refused") == 0, "%s", v->name);
        cr_assert_eq(r, *result == 'b' ? FRAME_BROKEN : FRAME_REFUSED, "%s: %d", v->name, r);
        cr_assert_eq(f.why, find_number(v, "why"), "%s: %s", v->name, status_name(f.why));
    }
}

static size_t each_vector(void (*visit)(const vector *v)) {
    const char *path = getenv("XINYI_VECTORS");
    if (path == NULL) path = "protocol/vectors.txt";
    cr_assert_eq(file_read(path, 1 << 20, &text), STATUS_OK, "cannot read %s", path);
    char *at = (char *)(uintptr_t)buf_cstr(&text);
    vector v;
    size_t n = 0;
    for (; next_vector(&at, &v); n++) {
        visit(&v);
        free(v.frame);
    }
    buf_deinit(&text);
    return n;
}

Test(vectors, every_frame_decodes_and_encodes) { cr_assert_geq(each_vector(check_vector), 50); }

static bool seen[2][256];

static void note_kind(const vector *v) {
    frame_view f;
    if (frame_parse(v->frame, v->length, LIMIT_FRAME_MAX, true, &f) != FRAME_READY) return;
    if ((f.header.flags & FRAME_ERROR) == 0) seen[f.header.flags & 1][f.header.type] = true;
}

Test(vectors, there_is_one_of_every_message) {
    each_vector(note_kind);
    for (unsigned type = 0; type < 256; type++) {
        if (message_find(type) == NULL) continue;
        cr_assert(seen[0][type], "no request %s", message_find(type)->name);
        bool same_as_info = type == MESSAGE_STATS || type == MESSAGE_POLICY_INFO;
        cr_assert(seen[1][type] || same_as_info, "no reply %s", message_find(type)->name);
    }
}
