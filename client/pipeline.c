/* Requests on their way: slots, queueing, answers. Nothing is allocated a request: entries are encoded into the output
 * buffer in place and replies are handed to the callback where they lie in the input buffer.
 *
 * Invariant: in_flight slots are in use, the others are on the free list; an answer finds its slot by the low half of
 * its request id and is believed only if the high half is the slot's generation. */
#include "client/internal.h"

#include "base/check.h"

#include <string.h>

uint64_t client_request_id(const xinyi *x, const slot *s) {
    return (uint64_t)s->generation << 32 | (uint64_t)(s - x->slots);
}

static int wait_until_below(xinyi *x, size_t limit) {
    while (x->in_flight >= limit) {
        bool moved;
        int result = client_pump(x, (int)x->timeout_ms, &moved);
        if (result != 0) return result;
        if (!moved && x->in_flight >= limit)
            return client_break(x, STATUS_TIMEOUT, "%s did not answer within %u ms", x->address, x->timeout_ms);
    }
    return 0;
}

slot *client_slot(xinyi *x) {
    if (x->broken != 0) return NULL;
    if (x->free_slot == x->slot_count) {
        if (x->in_callback) return NULL;
        if (wait_until_below(x, x->slot_count) != 0) return NULL;
    }
    slot *s = &x->slots[x->free_slot];
    x->free_slot = s->next_free;
    s->generation++;
    s->call = NULL;
    s->out = NULL;
    return s;
}

static void release(xinyi *x, slot *s) {
    s->answered = NULL;
    s->next_free = x->free_slot;
    x->free_slot = (uint32_t)(s - x->slots);
    x->in_flight--;
}

uint8_t *client_entries(xinyi *x, unsigned type, size_t count) {
    size_t body = count * message_find(type)->request_entry;
    uint8_t *frame = buf_reserve(&x->out, frame_length(body));
    return frame != NULL ? frame + FRAME_HEADER : NULL;
}

int client_queue(xinyi *x, slot *s, unsigned type, size_t count, on_answer answered) {
    size_t entry = message_find(type)->request_entry, body = count * entry;
    uint8_t *frame = x->out.data + x->out.size;
    message_swap_entries(type, false, frame + FRAME_HEADER, count);
    frame_header h = {.type = (uint8_t)type,
                      .request_id = client_request_id(x, s),
                      .entry_length = (uint16_t)entry,
                      .entry_count = (uint16_t)count};
    frame_finish(frame, h, body, !x->no_checksum);
    x->out.size += frame_length(body);
    s->answered = answered;
    s->type = (uint8_t)type;
    s->count = (uint16_t)count;
    x->in_flight++;
    if (x->out.size - x->out_sent < CLIENT_OUTPUT_HIGH || x->in_callback) return 0;
    bool moved;
    return client_pump(x, 0, &moved);
}

/* ------------------------------------------------------------------ answers */

static void give(xinyi *x, slot *s, const answer *a) {
    slot copy = *s;
    release(x, s);
    bool outer = x->in_callback;
    x->in_callback = true;
    copy.answered(x, &copy, a);
    x->in_callback = outer;
}

void client_drop_all(xinyi *x, int code) {
    answer a = {.status = code, .error = x->error};
    for (uint32_t i = 0; i < x->slot_count && x->in_flight > 0; i++)
        if (x->slots[i].answered != NULL) give(x, &x->slots[i], &a);
}

/* Entries with the layout's length apart: in place, or compacted when a newer server sends longer ones. */
static const uint8_t *entries_of(xinyi *x, const frame_view *f) {
    size_t known = message_find(f->header.type)->reply_entry;
    if (known == 0 || f->header.entry_length == known) return f->body;
    buf_clear(&x->scratch);
    for (unsigned i = 0; i < f->header.entry_count; i++)
        buf_append(&x->scratch, f->body + (size_t)i * f->header.entry_length, known);
    return x->scratch.failed ? NULL : x->scratch.data;
}

static int answer_failed(xinyi *x, slot *s, const frame_view *f) {
    char text[sizeof x->error];
    size_t n = f->body_length < sizeof text - 1 ? f->body_length : sizeof text - 1;
    memcpy(text, f->body, n);
    text[n] = '\0';
    int code = f->header.status != 0 ? f->header.status : STATUS_BAD_FRAME;
    answer a = {.status = code, .error = text[0] != '\0' ? text : status_text((unsigned)code), .frame = f};
    client_fail(x, code, "%s: %s", x->address, a.error);
    give(x, s, &a);
    return 0;
}

static int take_reply(xinyi *x, const frame_view *f) {
    bool error = (f->header.flags & FRAME_ERROR) != 0;
    if ((f->header.flags & FRAME_REPLY) == 0)
        return client_break(x, STATUS_BAD_FRAME, "%s sent a request instead of a reply", x->address);
    uint32_t number = (uint32_t)f->header.request_id;
    slot *s = number < x->slot_count ? &x->slots[number] : NULL;
    bool ours = s != NULL && s->answered != NULL && s->generation == f->header.request_id >> 32;
    if (error && (f->header.type == 0 || !ours)) {
        int code = f->header.status != 0 ? f->header.status : STATUS_BAD_FRAME;
        return client_break(x, code, "%s ended the connection: %.*s", x->address, (int)f->body_length,
                            (const char *)f->body);
    }
    if (!ours || s->type != f->header.type)
        return client_break(x, STATUS_BAD_FRAME, "%s sent a reply that nobody asked for", x->address);
    if (error) return answer_failed(x, s, f);
    /* A scan is asked with one entry and may be answered with as many as fit. */
    bool walk = s->type == MESSAGE_SCAN || s->type == MESSAGE_QUOTA_SCAN;
    status good = message_check_reply(f, walk ? s->tag : s->count);
    if (good != STATUS_OK)
        return client_break(x, good, "%s sent a reply that cannot be understood: %s", x->address, status_text(good));
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
            return client_break(x, f.why, "%s sent a damaged frame: %s", x->address, status_text(f.why));
        if (f.body_length > 0) message_swap_entries(f.header.type, true, (void *)f.body, f.header.entry_count);
        result = take_reply(x, &f);
        at += f.header.length;
    }
    if (x->broken == 0) buf_consume(&x->in, at);
    return result;
}

/* ------------------------------------------------------------------ the public pipelined interface */

void xinyi_on(xinyi *x, xinyi_on_reply callback, void *context) {
    x->on_reply = callback;
    x->context = context;
}

static void on_pipelined(xinyi *x, const slot *s, const answer *a) {
    if (x->on_reply == NULL) return;
    xinyi_reply r = {.tag = s->tag, .status = a->status, .error = a->error, .count = a->count};
    xinyi_profile_reply one;
    if (a->status == 0) {
        const void *entries = a->entries;
        switch (s->type) {
        case MESSAGE_DECIDE: r.decisions = entries; break;
        case MESSAGE_QUOTA_CHECK: r.quota_answers = entries; break;
        case MESSAGE_PUT: r.puts = entries; break;
        case MESSAGE_QUOTA_OPERATE: r.operations = entries; break;
        case MESSAGE_GET: {
            /* Profiles differ from the wire's layout: converted into the document buffer, which no pipelined call uses.
             */
            xinyi_profile_reply *profiles = &one;
            if (a->count > 1) {
                buf_clear(&x->document);
                profiles = (xinyi_profile_reply *)(void *)buf_extend(&x->document, a->count * sizeof *profiles);
            }
            if (profiles == NULL) {
                r.status = STATUS_NO_MEMORY;
                r.error = status_text(STATUS_NO_MEMORY);
                break;
            }
            for (size_t i = 0; i < a->count; i++)
                decode_profile_reply(a->entries + i * sizeof(wire_profile), &profiles[i]);
            r.profiles = profiles;
            break;
        }
        default: CHECK(!"a pipelined reply of another type");
        }
    }
    x->on_reply(x->context, &r);
}

/* A slot for a request of `count` entries and room for them; NULL with *why. */
static uint8_t *begin_send(xinyi *x, unsigned type, uint64_t tag, size_t count, slot **s, int *why) {
    *why = 0;
    if (x->broken != 0) {
        *why = x->broken;
    } else if (count == 0 || count > x->max_entries) {
        *why = client_fail(x, STATUS_TOO_LARGE, "a request holds 1 to %u entries, not %zu", x->max_entries, count);
    } else if ((*s = client_slot(x)) == NULL) {
        *why = x->broken != 0 ? x->broken
                              : client_fail(x, STATUS_OVERLOADED, "max_in_flight requests are on their way already");
    }
    if (*why != 0) return NULL;
    (*s)->tag = tag;
    uint8_t *entries = client_entries(x, type, count);
    if (entries == NULL) {
        *why = client_fail(x, STATUS_NO_MEMORY, "out of memory");
        x->in_flight++;
        release(x, *s);
    }
    return entries;
}

int xinyi_send_decide(xinyi *x, uint64_t tag, unsigned scenario, unsigned purpose, const xinyi_subject *subjects,
                      size_t count) {
    slot *s;
    int why;
    uint8_t *to = begin_send(x, MESSAGE_DECIDE, tag, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_decide(&subjects[i], scenario, purpose, to + i * sizeof(wire_decide));
    return client_queue(x, s, MESSAGE_DECIDE, count, on_pipelined);
}

int xinyi_send_get(xinyi *x, uint64_t tag, unsigned purpose, const xinyi_subject *subjects, size_t count) {
    slot *s;
    int why;
    uint8_t *to = begin_send(x, MESSAGE_GET, tag, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_get(&subjects[i], purpose, to + i * sizeof(wire_get));
    return client_queue(x, s, MESSAGE_GET, count, on_pipelined);
}

int xinyi_send_quota_check(xinyi *x, uint64_t tag, unsigned program, unsigned purpose, const xinyi_quota_ask *asks,
                           size_t count) {
    slot *s;
    int why;
    uint8_t *to = begin_send(x, MESSAGE_QUOTA_CHECK, tag, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_quota(&asks[i], program, purpose, to + i * sizeof(wire_quota));
    return client_queue(x, s, MESSAGE_QUOTA_CHECK, count, on_pipelined);
}

int xinyi_send_put(xinyi *x, uint64_t tag, const xinyi_put_entry *entries, size_t count) {
    slot *s;
    int why;
    uint8_t *to = begin_send(x, MESSAGE_PUT, tag, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_put(&entries[i], to + i * sizeof(wire_put));
    return client_queue(x, s, MESSAGE_PUT, count, on_pipelined);
}

int xinyi_send_operate(xinyi *x, uint64_t tag, const xinyi_operation *operations, size_t count) {
    slot *s;
    int why;
    uint8_t *to = begin_send(x, MESSAGE_QUOTA_OPERATE, tag, count, &s, &why);
    if (to == NULL) return why;
    for (size_t i = 0; i < count; i++) encode_operation(&operations[i], to + i * sizeof(wire_operation));
    return client_queue(x, s, MESSAGE_QUOTA_OPERATE, count, on_pipelined);
}

int xinyi_poll(xinyi *x, int wait_ms) {
    bool moved;
    return client_pump(x, wait_ms, &moved);
}

int xinyi_flush(xinyi *x) {
    if (x->broken != 0) return x->broken;
    return x->in_flight > 0 ? wait_until_below(x, 1) : 0;
}
