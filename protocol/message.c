/* Shapes of messages. Requests are checked strictly (a peer that sets what we do not know wants something we would not
 * do), replies leniently (a newer server may tell more than we ask).
 *
 * The layout strings are the one place that knows where integers lie in an entry; they serve machines of the other byte
 * order, and tests compare them with the structs. */
#include "protocol/message.h"

#include "base/check.h"
#include "base/le.h"
#include "base/utf8.h"

#include <string.h>

#define PING_BODY_MAX 1024
#define ERROR_TEXT_MAX 512

static const message_info infos[] = {
#define X(name, type, text, request, reply, max, write) {(type), (write) != 0, (request), (reply), (max), (text)},
    MESSAGE_TABLE(X)
#undef X
};

enum {
#define X(name, type, text, request, reply, max, write) INDEX_##name,
    MESSAGE_TABLE(X)
#undef X
};

/* Index into infos plus 1, by type. */
static const uint8_t info_of_type[256] = {
#define X(name, type, text, request, reply, max, write) [type] = INDEX_##name + 1,
    MESSAGE_TABLE(X)
#undef X
};

const message_info *message_find(unsigned type) {
    if (type > UINT8_MAX || info_of_type[type] == 0) return NULL;
    return &infos[info_of_type[type] - 1];
}

/* ------------------------------------------------------------------ layouts */

/* 1 2 4 8: an integer of so many bytes; s: subject id (12); o: operation or report id, or target (16); p: profile (64);
 * t: text (32); n: name (96); r: receipt (160); z: a reserved byte. All but integers are bytes in an order of their
 * own.
 */
#define LAYOUT_OPERATION "os11118o44"
#define LAYOUT_OPERATION_ANSWER "211488888"
#define LAYOUT_OPERATION_MORE "82zzzzzz"
#define LAYOUT_INSTRUMENT "884411zzzzzz"
#define LAYOUT_8(x) x x x x x x x x
#define LAYOUT_ACCOUNT "s4" LAYOUT_8("8") "441124o" LAYOUT_8("zz") LAYOUT_8(LAYOUT_INSTRUMENT)

const char *message_layout(unsigned type, bool reply) {
    switch (type) {
    case MESSAGE_DECIDE: return reply ? "2112288224" : "s112";
    case MESSAGE_EXPLAIN: return reply ? NULL : "s112";
    case MESSAGE_GET: return reply ? "2zzzzzzp" : "sz12";
    case MESSAGE_PUT: return reply ? "224" : "844p";
    case MESSAGE_SCAN: return reply ? "8p" : "844";
    case MESSAGE_RECEIPT: return reply ? "2zzzzzzr" : "s112";
    case MESSAGE_SCORECARD: return reply ? NULL : "sz12";
    case MESSAGE_REPORT: return reply ? "22442zz" : "os112222zz4zzzzon";
    case MESSAGE_DOSSIER: return reply ? NULL : "s11244";
    case MESSAGE_LIST: return reply ? "8s42221zzzzzzzzztn" : "8421z8";
    case MESSAGE_QUOTA_SHOW:
        return reply ? "2114" LAYOUT_8("8") "88"
                                            "4444"
                                            "8888"
                                            "44"
                     : "s1128";
    case MESSAGE_QUOTA_CHECK: return reply ? "21148888442zzzzzz" : "s1128";
    case MESSAGE_QUOTA_OPERATE: return reply ? LAYOUT_OPERATION_ANSWER LAYOUT_OPERATION_MORE : LAYOUT_OPERATION;
    case MESSAGE_QUOTA_OUTCOME:
        return reply ? "21zzzzz" LAYOUT_OPERATION LAYOUT_OPERATION_ANSWER "8zzzzzzzz" LAYOUT_OPERATION_MORE : "o";
    case MESSAGE_QUOTA_SCAN: return reply ? "8" LAYOUT_ACCOUNT : "844";
    case MESSAGE_QUOTA_ACCOUNT: return reply ? "2zzzzzz" LAYOUT_ACCOUNT : "s1128";
    case MESSAGE_WATCH: return reply ? "88s1111448888888" : "841128";
    default: return NULL;
    }
}

/* Length of the item; *swaps tells if it is an integer of more than a byte. */
static size_t layout_item(char item, bool *swaps) {
    *swaps = item == '2' || item == '4' || item == '8';
    switch (item) {
    case 's': return sizeof(subject_id);
    case 'o': return 16;
    case 'p': return PROFILE_SIZE;
    case 't': return 32;
    case 'n': return 96;
    case 'r': return 160;
    case 'z': return 1;
    default: return (size_t)(item - '0');
    }
}

size_t message_reverse_entry(const char *layout, uint8_t *entry) {
    size_t at = 0;
    for (const char *item = layout; *item != '\0'; item++) {
        bool swaps;
        size_t n = layout_item(*item, &swaps);
        if (swaps)
            for (size_t i = 0; i < n / 2; i++) {
                uint8_t byte = entry[at + i];
                entry[at + i] = entry[at + n - 1 - i];
                entry[at + n - 1 - i] = byte;
            }
        at += n;
    }
    return at;
}

void message_swap_entries(unsigned type, bool reply, void *entries, size_t count) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    const char *layout = message_layout(type, reply);
    if (layout == NULL) return;
    /* What a target holds depends on the kind of the operation: an id, or two integers. */
    size_t operation = type == MESSAGE_QUOTA_OPERATE && !reply  ? 0
                       : type == MESSAGE_QUOTA_OUTCOME && reply ? offsetof(wire_outcome_reply, request)
                                                                : SIZE_MAX;
    uint8_t *at = entries;
    for (size_t i = 0; i < count; i++) {
        if (operation != SIZE_MAX) {
            uint8_t *o = at + operation;
            unsigned kind = o[offsetof(wire_operation, kind)];
            if (kind == WIRE_PLEDGE || kind == WIRE_WITHDRAW || kind == WIRE_ENERGY || kind == WIRE_AMEND)
                message_reverse_entry("88", o + offsetof(wire_operation, target));
        }
        at += message_reverse_entry(layout, at);
    }
#else
    (void)type, (void)reply, (void)entries, (void)count;
#endif
}

/* ------------------------------------------------------------------ HELLO */

enum { OPTION_CLUSTER = 1, OPTION_AGENT, OPTION_MECHANISM, OPTION_CREDENTIALS, OPTION_UNKNOWN };
#define HELLO_FIXED 32
#define OPTION_HEAD 4

static size_t option_padding(size_t length) { return (4 - length % 4) % 4; }

static void put_option(buf *to, uint16_t tag, const void *value, size_t length) {
    static const uint8_t zeros[4];
    uint8_t head[OPTION_HEAD];
    le_put16(head, tag);
    le_put16(head + 2, (uint16_t)length);
    buf_append(to, head, sizeof head);
    buf_append(to, value, length);
    buf_append(to, zeros, option_padding(length));
}

/* Completes the frame that begins at offset and whose body has just been appended. */
static void finish_frame(buf *to, size_t offset, const frame_header *header, bool checksum) {
    if (to->failed) return;
    size_t body_bytes = to->size - offset - FRAME_HEADER;
    buf_extend(to, frame_length(body_bytes) - FRAME_HEADER - body_bytes);
    if (!to->failed) frame_finish(to->data + offset, *header, body_bytes, checksum);
}

void hello_encode(buf *to, uint64_t request_id, uint16_t flags, const hello *h, const uint8_t *extra,
                  size_t extra_length) {
    size_t offset = to->size;
    uint8_t fixed[FRAME_HEADER + HELLO_FIXED] = {0}, *body = fixed + FRAME_HEADER;
    le_put16(body, h->version_min);
    le_put16(body + 2, h->version_max);
    le_put32(body + 4, h->features);
    le_put32(body + 8, h->max_frame);
    le_put32(body + 12, h->max_entries);
    le_put32(body + 16, h->max_in_flight);
    le_put32(body + 20, h->idle_ms);
    buf_append(to, fixed, sizeof fixed);
    if (h->cluster != NULL) put_option(to, OPTION_CLUSTER, h->cluster, h->cluster_length);
    if (h->agent != NULL) put_option(to, OPTION_AGENT, h->agent, h->agent_length);
    if (h->mechanism != NULL) put_option(to, OPTION_MECHANISM, h->mechanism, h->mechanism_length);
    if (h->credentials != NULL) put_option(to, OPTION_CREDENTIALS, h->credentials, h->credentials_length);
    if ((flags & FRAME_REPLY) != 0 && h->unknown_count > 0) {
        CHECK(h->unknown_count <= LIMIT_HELLO_OPTIONS);
        uint8_t tags[2 * LIMIT_HELLO_OPTIONS];
        for (unsigned i = 0; i < h->unknown_count; i++) le_put16(tags + 2 * (size_t)i, h->unknown[i]);
        put_option(to, OPTION_UNKNOWN, tags, 2 * (size_t)h->unknown_count);
    }
    buf_append(to, extra, extra_length);
    frame_header header = {.type = MESSAGE_HELLO, .flags = flags, .request_id = request_id, .entry_count = 1};
    finish_frame(to, offset, &header, true);
}

static bool take_name(const uint8_t *value, size_t length, const char **name, uint8_t *name_length) {
    if (length == 0 || length > LIMIT_NAME_MAX) return false;
    if (!utf8_is_line(value, length)) return false; /* names go to logs as they are */
    *name = (const char *)value;
    *name_length = (uint8_t)length;
    return true;
}

static bool take_option(unsigned tag, const uint8_t *value, size_t length, bool reply, hello *out) {
    switch (tag) {
    case OPTION_CLUSTER: return take_name(value, length, &out->cluster, &out->cluster_length);
    case OPTION_AGENT: return take_name(value, length, &out->agent, &out->agent_length);
    case OPTION_MECHANISM: return take_name(value, length, &out->mechanism, &out->mechanism_length);
    case OPTION_CREDENTIALS:
        out->credentials = value;
        out->credentials_length = (uint16_t)length;
        return true;
    default: break;
    }
    if (!reply) {
        out->unknown[out->unknown_count++] = (uint16_t)tag;
        return true;
    }
    if (tag != OPTION_UNKNOWN) return true; /* a newer server's: not ours to understand */
    if (length % 2 != 0 || length / 2 > LIMIT_HELLO_OPTIONS) return false;
    for (size_t i = 0; i < length / 2; i++) out->unknown[i] = le_get16(value + 2 * i);
    out->unknown_count = (uint8_t)(length / 2);
    return true;
}

static bool take_options(const uint8_t *at, size_t left, bool reply, hello *out) {
    uint16_t seen[LIMIT_HELLO_OPTIONS];
    size_t count = 0;
    while (left > 0) {
        if (left < OPTION_HEAD) return false;
        uint16_t tag = le_get16(at);
        size_t length = le_get16(at + 2), whole = OPTION_HEAD + length + option_padding(length);
        if (tag == 0) return left == OPTION_HEAD && length == 0; /* the frame's padding */
        if (whole > left || count == LIMIT_HELLO_OPTIONS) return false;
        if (!bytes_are_zero(at + OPTION_HEAD + length, option_padding(length))) return false;
        for (size_t i = 0; i < count; i++)
            if (seen[i] == tag) return false;
        seen[count++] = tag;
        if (!take_option(tag, at + OPTION_HEAD, length, reply, out)) return false;
        at += whole;
        left -= whole;
    }
    return true;
}

status hello_decode(const uint8_t *body, size_t length, bool reply, hello *out) {
    *out = (hello){0};
    if (length < HELLO_FIXED) return STATUS_BAD_ENTRY;
    out->version_min = le_get16(body);
    out->version_max = le_get16(body + 2);
    out->features = le_get32(body + 4);
    out->max_frame = le_get32(body + 8);
    out->max_entries = le_get32(body + 12);
    out->max_in_flight = le_get32(body + 16);
    out->idle_ms = le_get32(body + 20);
    if (out->version_min > out->version_max) return STATUS_BAD_ENTRY;
    if (!reply && !bytes_are_zero(body + 24, 8)) return STATUS_BAD_ENTRY;
    if (!take_options(body + HELLO_FIXED, length - HELLO_FIXED, reply, out)) return STATUS_BAD_ENTRY;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ shapes of requests */

static bool extra_bytes_are_zero(const frame_view *f, size_t known) {
    size_t step = f->header.entry_length, entries = step * f->header.entry_count;
    if (step > known)
        for (size_t i = 0; i < f->header.entry_count; i++)
            if (!bytes_are_zero(f->body + i * step + known, step - known)) return false;
    return bytes_are_zero(f->body + entries, f->body_length - entries);
}

/* Messages without fixed entries. */
static status check_free_form(const frame_view *f) {
    const frame_header *h = &f->header;
    unsigned count = h->type == MESSAGE_HELLO || h->type == MESSAGE_UPLOAD || h->type == MESSAGE_COMMAND;
    if (h->entry_length != 0 || h->entry_count != count) return STATUS_BAD_ENTRY;
    switch (h->type) {
    case MESSAGE_UPLOAD: return f->body_length > UPLOAD_HEAD ? STATUS_OK : STATUS_BAD_ENTRY;
    case MESSAGE_COMMAND: return f->body_length > 0 ? STATUS_OK : STATUS_BAD_ENTRY;
    case MESSAGE_HELLO: return f->body_length >= HELLO_FIXED ? STATUS_OK : STATUS_BAD_ENTRY;
    case MESSAGE_PING: return f->body_length <= PING_BODY_MAX ? STATUS_OK : STATUS_TOO_LARGE;
    default: return f->body_length == 0 ? STATUS_OK : STATUS_BAD_ENTRY;
    }
}

status message_check_request(const frame_view *frame, uint32_t max_entries) {
    const frame_header *h = &frame->header;
    if ((h->flags & (FRAME_REPLY | FRAME_ERROR)) != 0) return STATUS_BAD_FRAME;
    const message_info *info = message_find(h->type);
    if (info == NULL) return STATUS_UNKNOWN_TYPE;
    if (info->request_entry == 0) return check_free_form(frame);
    if (h->entry_length < info->request_entry || h->entry_length % 8 != 0) return STATUS_BAD_ENTRY;
    if (h->entry_count == 0) return STATUS_BAD_ENTRY;
    if (h->entry_count > info->max_entries || h->entry_count > max_entries) return STATUS_TOO_LARGE;
    size_t entries = (size_t)h->entry_count * h->entry_length;
    CHECK(entries <= frame->body_length); /* frame_parse saw to it */
    return extra_bytes_are_zero(frame, info->request_entry) ? STATUS_OK : STATUS_BAD_ENTRY;
}

/* Fields that have no meaning for an operation's kind are reserved. */
static bool operation_is_clean(const wire_operation *o) {
    bool no_target = bytes_are_zero(o->target, 16), half_target = bytes_are_zero(o->target + 8, 8);
    if (o->flags & ~WIRE_LINKED) return false;
    if (o->kind != WIRE_PLEDGE && o->instrument_kind != 0) return false;
    if (o->kind != WIRE_PLEDGE && o->kind != WIRE_AMEND && o->b != 0) return false;
    switch (o->kind) {
    case WIRE_RESERVE: return no_target;
    case WIRE_COMMIT: return o->a == 0;
    case WIRE_RELEASE: return o->a == 0 && o->amount_fen == 0;
    case WIRE_SETTLE: return no_target && o->a == 0;
    case WIRE_PLEDGE: return half_target;
    case WIRE_WITHDRAW: return half_target && o->a == 0 && o->amount_fen == 0;
    case WIRE_ENERGY: return true;
    case WIRE_AMEND: return half_target;
    case WIRE_FREEZE: return o->a == 0 && o->amount_fen == 0;
    case WIRE_UNFREEZE: return no_target && o->a == 0 && o->amount_fen == 0;
    default: return false;
    }
}

status message_entry_status(unsigned type, const void *entry) {
    bool clean = true;
    switch (type) {
    case MESSAGE_DECIDE:
    case MESSAGE_EXPLAIN:
    case MESSAGE_RECEIPT: clean = ((const wire_decide *)entry)->flags == 0; break;
    case MESSAGE_REPORT: {
        const wire_report *e = entry;
        clean = e->zero16 == 0 && e->zero32 == 0;
        break;
    }
    case MESSAGE_DOSSIER: {
        const wire_dossier *e = entry;
        clean = e->flags == 0 && e->part < WIRE_DOSSIER_END;
        break;
    }
    case MESSAGE_LIST: {
        const wire_list *e = entry;
        clean = e->zero == 0 && e->flags == 0;
        break;
    }
    case MESSAGE_SCORECARD:
    case MESSAGE_GET: {
        const wire_get *e = entry;
        clean = e->zero == 0 && e->flags == 0;
        break;
    }
    case MESSAGE_PUT: {
        const wire_put *e = entry;
        clean =
            (e->flags & UINT16_MAX & ~WIRE_PUT_FLAGS) == 0 && bytes_are_zero(e->profile + offsetof(profile, side), 4);
        break;
    }
    case MESSAGE_QUOTA_SHOW:
    case MESSAGE_QUOTA_ACCOUNT: {
        const wire_quota *e = entry;
        clean = e->flags == 0 && e->amount_fen == 0;
        break;
    }
    case MESSAGE_WATCH: {
        const wire_watch *e = entry;
        bool stops = e->mode == WIRE_WATCH_STOP;
        clean = e->mode <= WIRE_WATCH_STOP && e->flags == 0 && e->zero == 0 && !(stops && (e->after | e->max) != 0);
        break;
    }
    case MESSAGE_QUOTA_CHECK: clean = ((const wire_quota *)entry)->flags == 0; break;
    case MESSAGE_QUOTA_OPERATE: clean = operation_is_clean(entry); break;
    default: break;
    }
    return clean ? STATUS_OK : STATUS_BAD_ENTRY;
}

/* ------------------------------------------------------------------ replies */

bool message_is_walk(unsigned type) {
    return type == MESSAGE_SCAN || type == MESSAGE_QUOTA_SCAN || type == MESSAGE_LIST || type == MESSAGE_WATCH;
}
bool message_has_documents(unsigned type) {
    return type == MESSAGE_EXPLAIN || type == MESSAGE_SCORECARD || type == MESSAGE_DOSSIER;
}

status message_check_reply(const frame_view *frame, size_t asked) {
    const frame_header *h = &frame->header;
    const message_info *info = message_find(h->type);
    if (info == NULL) return STATUS_UNKNOWN_TYPE;
    if ((h->flags & FRAME_REPLY) == 0 || (h->flags & FRAME_ERROR) != 0 || h->status != STATUS_OK)
        return STATUS_BAD_FRAME;
    if (info->reply_entry > 0) {
        if (h->entry_length < info->reply_entry || h->entry_length % 8 != 0) return STATUS_BAD_ENTRY;
        return message_is_walk(h->type) ? (h->entry_count <= asked ? STATUS_OK : STATUS_TOO_LARGE)
                                        : (h->entry_count == asked ? STATUS_OK : STATUS_BAD_ENTRY);
    }
    size_t count = h->type == MESSAGE_PING ? 0 : message_has_documents(h->type) ? asked : 1;
    if (h->entry_length != 0 || h->entry_count != count) return STATUS_BAD_ENTRY;
    return STATUS_OK;
}

status message_document_next(const frame_view *frame, size_t *offset, uint16_t *code, const char **text,
                             size_t *length) {
    size_t left = *offset <= frame->body_length ? frame->body_length - *offset : 0;
    if (left < 8) return STATUS_BAD_ENTRY;
    const uint8_t *at = frame->body + *offset;
    size_t size = le_get32(at + 4);
    if (size > left - 8) return STATUS_BAD_ENTRY;
    size_t padded = (8 + size + 7) & ~(size_t)7;
    if (padded > left) return STATUS_BAD_ENTRY;
    *code = le_get16(at);
    *text = (const char *)at + 8;
    *length = size;
    *offset += padded;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ whole frames */

void message_request(buf *to, unsigned type, uint64_t request_id, uint32_t deadline_ms, const void *entries,
                     size_t count, bool checksum) {
    const message_info *info = message_find(type);
    CHECK(info != NULL && count <= LIMIT_ENTRIES_MAX);
    size_t body_bytes = count * info->request_entry;
    uint8_t *frame = buf_extend(to, frame_length(body_bytes));
    if (frame == NULL) return;
    if (body_bytes > 0) {
        memcpy(frame + FRAME_HEADER, entries, body_bytes);
        message_swap_entries(type, false, frame + FRAME_HEADER, count);
    }
    frame_header header = {.type = info->type,
                           .request_id = request_id,
                           .deadline_ms = deadline_ms,
                           .entry_length = info->request_entry,
                           .entry_count = (uint16_t)count};
    frame_finish(frame, header, body_bytes, checksum);
}

/* ------------------------------------------------------------------ uploads and commands */

status upload_decode(const uint8_t *body, size_t length, upload *out) {
    if (length < UPLOAD_HEAD) return STATUS_BAD_ENTRY;
    *out = (upload){.draft = le_get32(body), .total = le_get32(body + 4), .offset = le_get32(body + 8)};
    out->name_length = le_get16(body + 12);
    out->name = (const char *)body + UPLOAD_HEAD;
    size_t left = length - UPLOAD_HEAD;
    if (le_get16(body + 14) != 0 || out->name_length == 0 || out->name_length > LIMIT_NAME_MAX) return STATUS_BAD_ENTRY;
    if (out->name_length > left || !utf8_is_line(out->name, out->name_length)) return STATUS_BAD_ENTRY;
    if (out->offset > out->total) return STATUS_BAD_ENTRY;
    left -= out->name_length;
    out->part = body + UPLOAD_HEAD + out->name_length;
    out->part_length = out->total - out->offset < left ? out->total - out->offset : left;
    /* what is behind the part is padding */
    return left - out->part_length < 8 && bytes_are_zero(out->part + out->part_length, left - out->part_length)
               ? STATUS_OK
               : STATUS_BAD_ENTRY;
}

void upload_encode(buf *to, uint64_t request_id, const upload *u, bool checksum) {
    size_t body_bytes = UPLOAD_HEAD + u->name_length + u->part_length;
    uint8_t *frame = buf_extend(to, frame_length(body_bytes));
    if (frame == NULL) return;
    uint8_t *at = frame + FRAME_HEADER;
    le_put32(at, u->draft);
    le_put32(at + 4, u->total);
    le_put32(at + 8, u->offset);
    le_put16(at + 12, u->name_length);
    le_put16(at + 14, 0);
    memcpy(at + UPLOAD_HEAD, u->name, u->name_length);
    if (u->part_length > 0) memcpy(at + UPLOAD_HEAD + u->name_length, u->part, u->part_length);
    frame_finish(frame, (frame_header){.type = MESSAGE_UPLOAD, .request_id = request_id, .entry_count = 1}, body_bytes,
                 checksum);
}

size_t upload_part_max(uint32_t max_frame, size_t name_length) {
    size_t whole = max_frame & ~(size_t)7, head = FRAME_HEADER + UPLOAD_HEAD + name_length;
    CHECK(whole > head);
    return whole - head;
}

void upload_reply_encode(uint8_t body[UPLOAD_REPLY], uint32_t draft, uint32_t received) {
    memset(body, 0, UPLOAD_REPLY);
    le_put32(body, draft);
    le_put32(body + 4, received);
}

status upload_reply_decode(const uint8_t *body, size_t length, uint32_t *draft, uint32_t *received) {
    if (length < UPLOAD_REPLY) return STATUS_BAD_ENTRY;
    *draft = le_get32(body);
    *received = le_get32(body + 4);
    return STATUS_OK;
}

void command_encode(buf *to, uint64_t request_id, const char *json, bool checksum) {
    size_t length = strlen(json), padded = (length + 7) & ~(size_t)7;
    uint8_t *frame = buf_extend(to, frame_length(padded));
    if (frame == NULL) return;
    memcpy(frame + FRAME_HEADER, json, length);
    memset(frame + FRAME_HEADER + length, ' ', padded - length);
    frame_finish(frame, (frame_header){.type = MESSAGE_COMMAND, .request_id = request_id, .entry_count = 1}, padded,
                 checksum);
}

/* ------------------------------------------------------------------ errors */

void message_error(buf *to, unsigned type, uint64_t request_id, status why, uint16_t retry_after_ms, const char *text) {
    size_t length = text != NULL ? strlen(text) : 0;
    if (length > ERROR_TEXT_MAX) {
        length = ERROR_TEXT_MAX;
        while (length > 0 && ((uint8_t)text[length] & 0xC0) == 0x80) length--; /* never half a character */
    }
    uint8_t *frame = buf_extend(to, frame_length(length));
    if (frame == NULL) return;
    if (length > 0) memcpy(frame + FRAME_HEADER, text, length);
    frame_header header = {.type = (uint8_t)type,
                           .flags = FRAME_REPLY | FRAME_ERROR,
                           .request_id = request_id,
                           .status = (uint16_t)why,
                           .retry_after_ms = retry_after_ms};
    frame_finish(frame, header, length, true);
}
