/* Requests on their way: slots, queueing, answers. Nothing is allocated a request: entries are encoded into the output
 * buffer in place and replies are handed to the callback where they lie in the input buffer.
 *
 * Invariant: in_flight slots are in use, the others are on the free list; an answer finds its slot by the low half of
 * its request id and is believed only if the high half is the slot's generation. */
#include "client/internal.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define WATCH_SLOT UINT32_MAX /* number of the subscription's */

uint64_t client_request_id(const xinyi *x, const slot *s) {
    return (uint64_t)s->generation << 32 | (s == &x->watch ? WATCH_SLOT : (uint64_t)(s - x->slots));
}

slot *client_slot(xinyi *x) {
    if (x->broken != 0) return NULL;
    if (x->free_slot == x->slot_count) {
        if (x->in_callback) return NULL;
        if (client_wait(x, x->slot_count - 1, SIZE_MAX) != 0) return NULL;
    }
    slot *s = &x->slots[x->free_slot];
    x->free_slot = s->next_free;
    s->generation++;
    s->call = NULL;
    s->out = NULL;
    return s;
}

static void put_back(xinyi *x, slot *s) {
    s->answered = NULL;
    s->next_free = x->free_slot;
    x->free_slot = (uint32_t)(s - x->slots);
}

uint8_t *client_entries(xinyi *x, size_t entry, size_t count) {
    uint8_t *frame = buf_reserve(&x->out, frame_length(count * entry));
    return frame != NULL ? frame + FRAME_HEADER : NULL;
}

void client_queue(xinyi *x, slot *s, unsigned type, size_t entry, size_t count, on_answer answered) {
    size_t body = count * entry;
    uint8_t *frame = x->out.data + x->out.size;
    if (count > 0) message_swap_entries(type, false, frame + FRAME_HEADER, count);
    frame_header h = {.type = (uint8_t)type,
                      .request_id = client_request_id(x, s),
                      .entry_length = (uint16_t)entry,
                      .entry_count = (uint16_t)count};
    frame_finish(frame, h, body, !x->no_checksum);
    x->out.size += frame_length(body);
    client_queue_frame(x, s, type, count, answered);
}

void client_queue_frame(xinyi *x, slot *s, unsigned type, size_t count, on_answer answered) {
    s->answered = answered;
    s->type = (uint8_t)type;
    s->count = (uint16_t)count;
    x->in_flight++;
    if (client_queued(x) < CLIENT_OUTPUT_HIGH || x->in_callback) return;
    bool moved;
    if (client_pump(x, 0, &moved) == 0) (void)client_wait(x, SIZE_MAX, CLIENT_OUTPUT_MAX);
}

/* ------------------------------------------------------------------ answers */

static void call_back(xinyi *x, const slot *s, const answer *a) {
    x->progress++;
    x->partial_bytes = 0;
    bool outer = x->in_callback;
    x->in_callback = true;
    s->answered(x, s, a);
    x->in_callback = outer;
}

/* The subscription keeps its slot until it fails. */
static void give_watch(xinyi *x, const answer *a) {
    slot copy = x->watch;
    if (x->watch_asked) x->in_flight--;
    x->watch_asked = false;
    if (a->status != 0) x->watch.answered = NULL;
    call_back(x, &copy, a);
}

/* The slot is free before the callback runs: it may send the next request. */
static void give(xinyi *x, slot *s, const answer *a) {
    if (s == &x->watch) {
        give_watch(x, a);
        return;
    }
    slot copy = *s;
    put_back(x, s);
    x->in_flight--;
    call_back(x, &copy, a);
}

void client_drop_all(xinyi *x, int code) {
    answer a = {.status = code, .error = x->error};
    if (x->watch.answered != NULL) give_watch(x, &a);
    for (uint32_t i = 0; i < x->slot_count && x->in_flight > 0; i++)
        if (x->slots[i].answered != NULL) give(x, &x->slots[i], &a);
}

/* Entries the layout's length apart, in the machine's order: in place, or compacted if a newer server sends longer
 * ones. */
static const uint8_t *entries_of(xinyi *x, const frame_view *f) {
    size_t known = message_find(f->header.type)->reply_entry, count = f->header.entry_count;
    if (known == 0) return f->body;
    uint8_t *entries = x->in.data + (f->body - x->in.data);
    if (f->header.entry_length != known) {
        buf_clear(&x->scratch);
        for (size_t i = 0; i < count; i++) buf_append(&x->scratch, f->body + i * f->header.entry_length, known);
        if (x->scratch.failed) return NULL;
        if (count > 0) entries = x->scratch.data;
    }
    if (count > 0) message_swap_entries(f->header.type, true, entries, count);
    return entries;
}

/* The text of an error frame, for people: never what could steer a terminal. */
static void error_text(const frame_view *f, int code, char *text, size_t room) {
    size_t n = strnlen((const char *)f->body, f->body_length < room - 1 ? f->body_length : room - 1);
    if (f->body_length > n && n == room - 1)
        while (n > 0 && (f->body[n] & 0xC0) == 0x80) n--;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = f->body[i];
        bool control = c < 0x20 || c == 0x7F || (c == 0xC2 && i + 1 < n && f->body[i + 1] < 0xA0);
        text[i] = control ? '?' : (char)c;
    }
    text[n] = '\0';
    if (n == 0) snprintf(text, room, "%s", status_text((unsigned)code));
}

static int take_error(xinyi *x, slot *s, const frame_view *f) {
    char text[256];
    int code = f->header.status != 0 ? f->header.status : STATUS_BAD_FRAME;
    error_text(f, code, text, sizeof text);
    if (s == NULL) return client_break(x, code, "%s ended the connection: %s", x->address, text);
    answer a = {.status = code, .error = text, .frame = f};
    client_fail(x, code, "%s: %s", x->address, text);
    give(x, s, &a);
    return 0;
}

static int take_reply(xinyi *x, const frame_view *f) {
    if ((f->header.flags & FRAME_REPLY) == 0)
        return client_break(x, STATUS_BAD_FRAME, "%s sent a request instead of a reply", x->address);
    uint32_t number = (uint32_t)f->header.request_id;
    slot *s = number == WATCH_SLOT ? &x->watch : number < x->slot_count ? &x->slots[number] : NULL;
    bool ours = s != NULL && s->answered != NULL && s->generation == f->header.request_id >> 32 &&
                (s->type == f->header.type || (f->header.flags & FRAME_ERROR) != 0);
    if ((f->header.flags & FRAME_ERROR) != 0) return take_error(x, ours ? s : NULL, f);
    bool of_before = s == &x->watch && f->header.type == MESSAGE_WATCH && f->header.request_id >> 32 < s->generation;
    if (of_before) return 0; /* replaced, or stopped: sent before the server knew */
    if (!ours) return client_break(x, STATUS_BAD_FRAME, "%s sent a reply that nobody asked for", x->address);
    status good = message_check_reply(f, message_is_walk(s->type) ? s->tag : s->count);
    if (good != STATUS_OK)
        return client_break(x, (int)good, "%s sent a reply that cannot be understood: %s", x->address,
                            status_text(good));
    answer a = {.frame = f, .count = f->header.entry_count, .entries = entries_of(x, f)};
    if (a.entries == NULL) return client_break(x, STATUS_NO_MEMORY, "%s: out of memory", x->address);
    give(x, s, &a);
    return x->broken;
}

int client_take_frames(xinyi *x) {
    size_t at = 0;
    int result = 0;
    while (result == 0 && at < x->in.size) {
        frame_view f;
        /* A reply may be as large as the protocol allows, whatever was agreed for requests. */
        frame_result r = frame_parse(x->in.data + at, x->in.size - at, LIMIT_FRAME_MAX, x->no_checksum, &f);
        if (r == FRAME_PARTIAL) break;
        if (r != FRAME_READY)
            return client_break(x, (int)f.why,
                                x->greeted ? "%s sent a damaged frame: %s" : "%s does not speak this protocol: %s",
                                x->address, status_text(f.why));
        result = take_reply(x, &f);
        at += f.header.length;
    }
    if (result == 0) buf_consume(&x->in, at);
    return result;
}

/* ------------------------------------------------------------------ the public pipelined interface */

void xinyi_on(xinyi *x, xinyi_on_reply callback, void *context) {
    x->on_reply = callback;
    x->context = context;
}

/* Profiles differ from the wire's layout: they are converted into the document buffer, which no pipelined call uses. */
static const xinyi_profile_reply *profiles_of(xinyi *x, const answer *a, xinyi_profile_reply *one) {
    xinyi_profile_reply *profiles = one;
    if (a->count > 1) {
        buf_clear(&x->document);
        profiles = (void *)buf_extend(&x->document, a->count * sizeof *profiles);
        if (profiles == NULL) return NULL;
    }
    for (size_t i = 0; i < a->count; i++) decode_profile_reply(a->entries + i * sizeof(wire_profile), &profiles[i]);
    return profiles;
}

static void on_pipelined(xinyi *x, const slot *s, const answer *a) {
    if (x->on_reply == NULL) return;
    xinyi_reply r = {.tag = s->tag, .status = a->status, .error = a->error, .count = a->count};
    xinyi_profile_reply one;
    const void *entries = a->entries;
    if (a->status == 0) {
        switch (s->type) {
        case MESSAGE_DECIDE: r.decisions = entries; break;
        case MESSAGE_QUOTA_CHECK: r.quota_answers = entries; break;
        case MESSAGE_PUT: r.puts = entries; break;
        case MESSAGE_QUOTA_OPERATE: r.operations = entries; break;
        case MESSAGE_REPORT: r.reports = entries; break;
        case MESSAGE_GET: r.profiles = entries = profiles_of(x, a, &one); break;
        default: CHECK(!"a pipelined reply of another type");
        }
    }
    if (a->status == 0 && entries == NULL) {
        r.status = STATUS_NO_MEMORY;
        r.error = status_text(STATUS_NO_MEMORY);
        r.count = 0;
    }
    x->on_reply(x->context, &r);
}

/* A slot for a request of `count` entries and room for them; NULL with *why. */
static uint8_t *begin_send(xinyi *x, size_t entry, uint64_t tag, unsigned a, unsigned b, size_t count, slot **out,
                           int *why) {
    if (x->broken != 0) {
        *why = x->broken;
    } else if (count == 0 || count > x->max_entries) {
        *why = client_fail(x, STATUS_TOO_LARGE, "a request holds 1 to %u entries, not %zu", x->max_entries, count);
    } else if ((a | b) > UINT8_MAX) {
        *why = client_fail(x, STATUS_BAD_VALUE, "scenarios, programs and purposes are at most 255");
    } else {
        slot *s = *out = client_slot(x);
        uint8_t *entries = s != NULL ? client_entries(x, entry, count) : NULL;
        if (entries != NULL) {
            s->tag = tag;
            return entries;
        }
        if (s != NULL) put_back(x, s);
        *why = s != NULL ? client_fail(x, STATUS_NO_MEMORY, "out of memory")
               : x->broken != 0
                   ? x->broken
                   : client_fail(x, STATUS_OVERLOADED, "max_in_flight (%u) requests are on their way", x->slot_count);
    }
    return NULL;
}

int xinyi_send_decide(xinyi *x, uint64_t tag, unsigned scenario, unsigned purpose, const xinyi_subject *subjects,
                      size_t count) {
    enum { entry = sizeof(wire_decide) };
    slot *s;
    int why;
    uint8_t *to = begin_send(x, entry, tag, scenario, purpose, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_decide(&subjects[i], scenario, purpose, to + i * entry);
    client_queue(x, s, MESSAGE_DECIDE, entry, count, on_pipelined);
    return 0;
}

int xinyi_send_get(xinyi *x, uint64_t tag, unsigned purpose, const xinyi_subject *subjects, size_t count) {
    enum { entry = sizeof(wire_get) };
    slot *s;
    int why;
    uint8_t *to = begin_send(x, entry, tag, 0, purpose, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_get(&subjects[i], purpose, to + i * entry);
    client_queue(x, s, MESSAGE_GET, entry, count, on_pipelined);
    return 0;
}

int xinyi_send_quota_check(xinyi *x, uint64_t tag, unsigned program, unsigned purpose, const xinyi_quota_ask *asks,
                           size_t count) {
    enum { entry = sizeof(wire_quota) };
    slot *s;
    int why;
    uint8_t *to = begin_send(x, entry, tag, program, purpose, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_quota(&asks[i], program, purpose, to + i * entry);
    client_queue(x, s, MESSAGE_QUOTA_CHECK, entry, count, on_pipelined);
    return 0;
}

int xinyi_send_put(xinyi *x, uint64_t tag, const xinyi_put_entry *entries, size_t count) {
    enum { entry = sizeof(wire_put) };
    slot *s;
    int why;
    uint8_t *to = begin_send(x, entry, tag, 0, 0, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_put(&entries[i], to + i * entry);
    client_queue(x, s, MESSAGE_PUT, entry, count, on_pipelined);
    return 0;
}

int xinyi_send_operate(xinyi *x, uint64_t tag, const xinyi_operation *operations, size_t count) {
    enum { entry = sizeof(wire_operation) };
    slot *s;
    int why;
    uint8_t *to = begin_send(x, entry, tag, 0, 0, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_operation(&operations[i], to + i * entry);
    client_queue(x, s, MESSAGE_QUOTA_OPERATE, entry, count, on_pipelined);
    return 0;
}

int xinyi_send_report(xinyi *x, uint64_t tag, const xinyi_report_entry *entries, size_t count) {
    enum { entry = sizeof(wire_report) };
    slot *s;
    int why;
    uint8_t *to = begin_send(x, entry, tag, 0, 0, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_report(&entries[i], to + i * entry);
    client_queue(x, s, MESSAGE_REPORT, entry, count, on_pipelined);
    return 0;
}

int xinyi_poll(xinyi *x, int wait_ms) {
    bool moved;
    int why = client_enter(x);
    if (why != 0) return why;
    return client_pump(x, x->in_flight > 0 ? wait_ms : 0, &moved);
}

int xinyi_flush(xinyi *x) {
    int why = client_enter(x);
    return why != 0 ? why : client_wait(x, 0, 0);
}
