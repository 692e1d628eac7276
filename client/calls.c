/* Synchronous calls, on top of the pipeline: a call for many subjects becomes as many frames as it takes, all on their
 * way together, each answer put in its place in the caller's array. */
#include "client/internal.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define CALL_BYTES (128u << 10) /* of entries of one frame, so that many frames are on their way */

/* Entries without an answer say so themselves. */
static void fill_status(const call *c, uint8_t *out, size_t count, int code) {
    uint16_t status16 = (uint16_t)code;
    if (!c->has_status) return;
    for (size_t i = 0; i < count; i++) memcpy(out + i * c->stride, &status16, sizeof status16);
}

static void on_call(xinyi *x, const slot *s, const answer *a) {
    (void)x;
    call *c = s->call;
    uint8_t *out = s->out;
    c->remaining--;
    if (a->status != 0) {
        bool unknown = a->frame == NULL && message_find(s->type)->is_write && s->type != MESSAGE_QUOTA_OUTCOME;
        if (c->status == 0) c->status = a->status;
        fill_status(c, out, s->count, unknown ? STATUS_OUTCOME_UNKNOWN : a->status);
        return;
    }
    size_t wire = message_find(s->type)->reply_entry;
    c->counted += a->count;
    for (size_t i = 0; i < a->count; i++) c->convert(a->entries + i * wire, out + i * c->stride);
    if (message_is_walk(s->type) && a->count > 0)
        memcpy(&c->cursor, a->entries + (a->count - 1) * wire, sizeof c->cursor);
}

int client_begin_call(xinyi *x, unsigned a, unsigned b) {
    if (!x->in_callback && x->broken == 0 && (a | b) > UINT8_MAX)
        return client_fail(x, STATUS_BAD_VALUE, "scenarios, programs and purposes are at most 255");
    return xinyi_flush(x);
}

/* Queues one frame of a call; false when the connection broke. */
static bool call_part(xinyi *x, unsigned type, const encoder *e, size_t at, size_t n, call *c, uint8_t *out) {
    size_t entry = message_find(type)->request_entry;
    slot *s = client_slot(x);
    if (s == NULL) return false;
    uint8_t *to = client_entries(x, entry, n);
    if (to == NULL) { /* half of a call must not stay on its way */
        client_break(x, STATUS_NO_MEMORY, "out of memory");
        return false;
    }
    for (size_t i = 0; i < n; i++) e->encode(e, at + i, to + i * entry);
    s->call = c;
    s->out = out;
    s->tag = c->room;
    c->remaining++;
    client_queue(x, s, type, entry, n, on_call);
    return true;
}

/* How many entries from `at` on make a frame: `part` of them, fewer where that would cut a chain in two, up to `most`
 * where a chain is longer; 0 if it is longer than that. */
static size_t frame_of(const encoder *e, size_t at, size_t count, size_t part, size_t most) {
    size_t n = count - at < part ? count - at : part;
    if (e->joined == NULL || at + n == count) return n;
    size_t cut = n;
    while (cut > 0 && e->joined(e, at + cut - 1)) cut--;
    if (cut > 0) return cut;
    while (at + n < count && e->joined(e, at + n - 1)) n++;
    return n <= most ? n : 0;
}

/* Nothing of a call is sent if a part of it cannot be. */
static int check_chains(xinyi *x, const encoder *e, size_t count, size_t part, size_t most) {
    if (e->joined == NULL) return 0;
    for (size_t at = 0, n; at < count; at += n) {
        n = frame_of(e, at, count, part, most);
        if (n == 0)
            return client_fail(x, STATUS_TOO_LARGE, "a chain of linked operations must fit one frame of %zu entries",
                               most);
    }
    return 0;
}

int client_call_many(xinyi *x, unsigned type, const encoder *e, size_t count, void *out, size_t stride,
                     void (*convert)(const uint8_t *, void *)) {
    int result = client_begin_call(x, e->a, e->b);
    call c = {.stride = stride, .convert = convert, .has_status = true};
    const message_info *info = message_find(type);
    size_t longer = info->request_entry > info->reply_entry ? info->request_entry : info->reply_entry;
    size_t part = CALL_BYTES / info->request_entry, at = 0;
    size_t most = (x->max_frame - FRAME_HEADER) / longer; /* the answer has to fit as well */
    if (most > x->max_entries) most = x->max_entries;
    if (most > info->max_entries) most = info->max_entries;
    if (part > most) part = most;
    if (result == 0) result = check_chains(x, e, count, part, most);
    while (result == 0 && x->broken == 0 && c.status == 0 && at < count) {
        size_t n = frame_of(e, at, count, part, most);
        if (!call_part(x, type, e, at, n, &c, (uint8_t *)out + at * stride)) break;
        at += n;
    }
    if (result == 0 && x->broken == 0) client_wait(x, 0, 0);
    if (result == 0) result = c.status != 0 ? c.status : x->broken;
    if (result != 0 && at < count) fill_status(&c, (uint8_t *)out + at * stride, count - at, result);
    return result;
}

#define ENTRIES(type) ((const type *)e->entries)[i]
static void encode_one_decide(const encoder *e, size_t i, uint8_t *to) {
    encode_decide(&ENTRIES(xinyi_subject), e->a, e->b, to);
}
static void encode_one_get(const encoder *e, size_t i, uint8_t *to) { encode_get(&ENTRIES(xinyi_subject), e->b, to); }
static void encode_one_show(const encoder *e, size_t i, uint8_t *to) {
    encode_quota(&(xinyi_quota_ask){.subject = ENTRIES(xinyi_subject)}, e->a, e->b, to);
}
static void encode_one_check(const encoder *e, size_t i, uint8_t *to) {
    encode_quota(&ENTRIES(xinyi_quota_ask), e->a, e->b, to);
}
static void encode_one_put(const encoder *e, size_t i, uint8_t *to) { encode_put(&ENTRIES(xinyi_put_entry), to); }
static void encode_one_operation(const encoder *e, size_t i, uint8_t *to) {
    encode_operation(&ENTRIES(xinyi_operation), to);
}
static bool operation_is_linked(const encoder *e, size_t i) { return ENTRIES(xinyi_operation).linked != 0; }
static void encode_one_id(const encoder *e, size_t i, uint8_t *to) { memcpy(to, &ENTRIES(xinyi_operation_id), 16); }

int xinyi_decide(xinyi *x, unsigned scenario, unsigned purpose, const xinyi_subject *subjects, size_t count,
                 xinyi_decision *out) {
    encoder e = {encode_one_decide, subjects, scenario, purpose, NULL};
    return client_call_many(x, MESSAGE_DECIDE, &e, count, out, sizeof *out, decode_decision);
}

int xinyi_get(xinyi *x, unsigned purpose, const xinyi_subject *subjects, size_t count, xinyi_profile_reply *out) {
    encoder e = {encode_one_get, subjects, 0, purpose, NULL};
    return client_call_many(x, MESSAGE_GET, &e, count, out, sizeof *out, decode_profile_reply);
}

int xinyi_put(xinyi *x, const xinyi_put_entry *entries, size_t count, xinyi_put_reply *out) {
    encoder e = {encode_one_put, entries, 0, 0, NULL};
    return client_call_many(x, MESSAGE_PUT, &e, count, out, sizeof *out, decode_put_reply);
}

int xinyi_quota_show(xinyi *x, unsigned program, unsigned purpose, const xinyi_subject *subjects, size_t count,
                     xinyi_quota *out) {
    encoder e = {encode_one_show, subjects, program, purpose, NULL};
    return client_call_many(x, MESSAGE_QUOTA_SHOW, &e, count, out, sizeof *out, decode_quota_show);
}

int xinyi_accounts(xinyi *x, unsigned program, unsigned purpose, const xinyi_subject *subjects, size_t count,
                   xinyi_account_reply *out) {
    encoder e = {encode_one_show, subjects, program, purpose, NULL};
    return client_call_many(x, MESSAGE_QUOTA_ACCOUNT, &e, count, out, sizeof *out, decode_account_reply);
}

int xinyi_quota_check(xinyi *x, unsigned program, unsigned purpose, const xinyi_quota_ask *asks, size_t count,
                      xinyi_quota_answer *out) {
    encoder e = {encode_one_check, asks, program, purpose, NULL};
    return client_call_many(x, MESSAGE_QUOTA_CHECK, &e, count, out, sizeof *out, decode_quota_answer);
}

int xinyi_operate(xinyi *x, const xinyi_operation *operations, size_t count, xinyi_operation_reply *out) {
    encoder e = {encode_one_operation, operations, 0, 0, operation_is_linked};
    return client_call_many(x, MESSAGE_QUOTA_OPERATE, &e, count, out, sizeof *out, decode_operation_reply);
}

int xinyi_outcome(xinyi *x, const xinyi_operation_id *ids, size_t count, xinyi_outcome_reply *out) {
    encoder e = {encode_one_id, ids, 0, 0, NULL};
    return client_call_many(x, MESSAGE_QUOTA_OUTCOME, &e, count, out, sizeof *out, decode_outcome);
}

/* ------------------------------------------------------------------ walks */

static void encode_walk(const encoder *e, size_t i, uint8_t *to) {
    (void)i;
    memcpy(to, e->entries, e->a);
}

int client_call_walk(xinyi *x, unsigned type, const void *request, uint32_t room, uint64_t *cursor, void *out,
                     size_t stride, size_t *count, void (*convert)(const uint8_t *, void *)) {
    call c = {.stride = stride, .convert = convert, .cursor = *cursor, .room = room};
    encoder e = {encode_walk, request, message_find(type)->request_entry, 0, NULL};
    if (call_part(x, type, &e, 0, 1, &c, out)) client_wait(x, 0, 0);
    int result = c.status != 0 ? c.status : x->broken;
    if (result != 0) return result;
    if (c.counted > 0 && c.cursor == *cursor)
        return client_break(x, STATUS_BAD_ENTRY, "%s answers a walk without moving on", x->address);
    *cursor = c.cursor;
    *count = c.counted;
    return 0;
}

static int call_scan(xinyi *x, unsigned type, unsigned purpose, uint64_t *cursor, void *out, size_t stride,
                     size_t *count, void (*convert)(const uint8_t *, void *)) {
    size_t room = *count;
    *count = 0;
    int result = client_begin_call(x, 0, purpose);
    if (result != 0 || room == 0) return result;
    wire_scan w = {
        .cursor = *cursor, .max = room < x->max_entries ? (uint32_t)room : x->max_entries, .purpose = purpose};
    return client_call_walk(x, type, &w, w.max, cursor, out, stride, count, convert);
}

int xinyi_scan(xinyi *x, unsigned purpose, uint64_t *cursor, xinyi_profile *out, size_t *count) {
    return call_scan(x, MESSAGE_SCAN, purpose, cursor, out, sizeof *out, count, decode_scan);
}

int xinyi_scan_accounts(xinyi *x, unsigned purpose, uint64_t *cursor, xinyi_account *out, size_t *count) {
    return call_scan(x, MESSAGE_QUOTA_SCAN, purpose, cursor, out, sizeof *out, count, decode_account);
}

/* ------------------------------------------------------------------ documents */

static void keep_document(xinyi *x, call *c, const char *text, size_t length) {
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\0')) length--;
    buf_append(&x->document, text, length);
    if (buf_status(&x->document) != STATUS_OK) c->status = client_fail(x, STATUS_NO_MEMORY, "out of memory");
}

void client_on_document(xinyi *x, const slot *s, const answer *a) {
    call *c = s->call;
    c->remaining = 0;
    c->status = a->status;
    buf_clear(&x->document);
    if (a->status != 0) return;
    if (!message_has_documents(s->type)) {
        keep_document(x, c, (const char *)a->frame->body, a->frame->body_length);
        return;
    }
    size_t offset = 0, length;
    uint16_t code;
    const char *text;
    if (message_document_next(a->frame, &offset, &code, &text, &length) != STATUS_OK)
        c->status = client_fail(x, STATUS_BAD_ENTRY, "%s sent a reply that cannot be understood", x->address);
    else if (length > 0)
        keep_document(x, c, text, length);
    else
        c->status = client_fail(x, code != STATUS_OK ? code : STATUS_BAD_ENTRY, "%s: %s", x->address,
                                status_text(code != STATUS_OK ? code : STATUS_BAD_ENTRY));
}

int client_call_document(xinyi *x, unsigned type, const uint8_t *entry, const char **document) {
    if (document != NULL) *document = NULL;
    int result = xinyi_flush(x);
    if (result != 0) return result;
    slot *s = client_slot(x);
    size_t length = message_find(type)->request_entry, count = entry != NULL ? 1 : 0;
    uint8_t *to = s != NULL ? client_entries(x, length, count) : NULL;
    if (to == NULL) return client_break(x, STATUS_NO_MEMORY, "out of memory");
    if (entry != NULL) memcpy(to, entry, length);
    call c = {.remaining = 1};
    s->call = &c;
    client_queue(x, s, type, length, count, client_on_document);
    client_wait(x, 0, 0);
    result = c.status != 0 ? c.status : x->broken;
    if (document != NULL && result == 0) *document = buf_cstr(&x->document);
    return result;
}

int xinyi_ping(xinyi *x) { return client_call_document(x, MESSAGE_PING, NULL, NULL); }
int xinyi_info(xinyi *x, const char **document) { return client_call_document(x, MESSAGE_INFO, NULL, document); }
int xinyi_stats(xinyi *x, const char **document) { return client_call_document(x, MESSAGE_STATS, NULL, document); }
int xinyi_policy_info(xinyi *x, const char **document) {
    return client_call_document(x, MESSAGE_POLICY_INFO, NULL, document);
}

int xinyi_explain(xinyi *x, unsigned scenario, unsigned purpose, const xinyi_subject *subject, const char **document) {
    uint8_t entry[sizeof(wire_decide)];
    *document = NULL;
    int result = client_begin_call(x, scenario, purpose);
    if (result != 0) return result;
    encode_decide(subject, scenario, purpose, entry);
    return client_call_document(x, MESSAGE_EXPLAIN, entry, document);
}

/* ------------------------------------------------------------------ ids and texts */

const char *xinyi_status_text(int code) { return status_text((unsigned)code); }
const char *xinyi_status_name(int code) { return status_name((unsigned)code); }

int xinyi_violation_status(unsigned bit) {
#define X(name, number, code) [number] = (code),
    static const uint8_t codes[] = {XINYI_VIOLATIONS(X)};
#undef X
#define X(name, number, code) static_assert((code) == STATUS_##name, "a violation has the status of its name");
    XINYI_VIOLATIONS(X)
#undef X
    static_assert(sizeof codes == XINYI_VIOLATION_BITS, "a bit each");
    return bit < sizeof codes ? codes[bit] : 0;
}

const char *xinyi_violation_name(unsigned bit) {
    int code = xinyi_violation_status(bit);
    return code != 0 ? xinyi_status_name(code) : "unknown_violation";
}

const char *xinyi_violation_text(unsigned bit) {
    int code = xinyi_violation_status(bit);
    return code != 0 ? xinyi_status_text(code) : "a reason that this program does not know";
}

int xinyi_subject_parse(const char *text, xinyi_subject *out) {
    subject_id id;
    subject_finding found = subject_parse(text, strlen(text), clock_day_of_ms(clock_wall_ms()), &id);
    if (subject_verdict_is_error(found.verdict)) {
        char why[256];
        client_set_thread_error("%s: %s", text, subject_explain(&found, text, why, sizeof why));
        return STATUS_BAD_SUBJECT;
    }
    memcpy(out->bytes, id.bytes, sizeof out->bytes);
    return 0;
}

const char *xinyi_subject_format(const xinyi_subject *subject, char buffer[XINYI_SUBJECT_TEXT]) {
    subject_id id;
    memcpy(id.bytes, subject->bytes, sizeof id.bytes);
    if (!subject_is_valid(&id)) {
        snprintf(buffer, XINYI_SUBJECT_TEXT, "invalid");
        return buffer;
    }
    return subject_format(&id, buffer);
}

/* Random bytes are fetched a few kilobytes at a time; a fork must not hand out the parent's again. */
static void random_bytes(uint8_t *to, size_t n) {
    static _Thread_local uint8_t pool[4096];
    static _Thread_local size_t used = sizeof pool;
    static _Thread_local pid_t owner;
    if (used + n > sizeof pool || owner != getpid()) {
        for (size_t got = 0; got < sizeof pool;) {
            ssize_t r = getrandom(pool + got, sizeof pool - got, 0);
            CHECK(r > 0 || errno == EINTR); /* an id that is not random would be somebody else's */
            if (r > 0) got += (size_t)r;
        }
        used = 0;
        owner = getpid();
    }
    memcpy(to, pool + used, n);
    memset(pool + used, 0, n);
    used += n;
}

xinyi_operation_id xinyi_operation_new(void) {
    xinyi_operation_id id;
    uint64_t ms = (uint64_t)clock_wall_ms();
    for (int i = 5; i >= 0; i--, ms >>= 8) id.bytes[i] = (uint8_t)ms;
    random_bytes(id.bytes + 6, 10);
    return id;
}

const char *xinyi_operation_format(const xinyi_operation_id *id, char buffer[XINYI_OPERATION_TEXT]) {
    for (unsigned i = 0; i < sizeof id->bytes; i++) snprintf(buffer + i * 2, 3, "%02x", id->bytes[i]);
    return buffer;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int xinyi_operation_parse(const char *text, xinyi_operation_id *out) {
    if (strlen(text) != 32) goto bad;
    for (unsigned i = 0; i < 16; i++) {
        int high = hex_digit(text[i * 2]), low = hex_digit(text[i * 2 + 1]);
        if (high < 0 || low < 0) goto bad;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
bad:
    client_set_thread_error("'%s' is not an operation id: 32 hexadecimal digits", text);
    return STATUS_SYNTAX;
}
