/* Requests that need no disk. Decisions, quota checks and profiles of all frames of a turn are gathered into batches of
 * LIMIT_BATCH, so that their cache misses overlap; replies are built in place in the worker's output. */
#include "server/connection.h"

#include "base/check.h"
#include "base/purpose.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ reply frames */

static frame_header reply_header(const frame_view *f, uint16_t entry_length, uint16_t count) {
    return (frame_header){.type = f->header.type,
                          .flags = FRAME_REPLY,
                          .request_id = f->header.request_id,
                          .entry_length = entry_length,
                          .entry_count = count};
}

/* Room for a reply frame in the output; its offset, or SIZE_MAX without memory. */
static size_t open_frame(worker *w, size_t body_bytes) {
    size_t offset = w->output.size;
    return buf_extend(&w->output, frame_length(body_bytes)) != NULL ? offset : SIZE_MAX;
}

static void finish_frame(connection *c, size_t offset, frame_header header, size_t body_bytes) {
    frame_finish(c->worker->output.data + offset, header, body_bytes, !c->no_checksum);
}

/* ------------------------------------------------------------------ batches of lookups */

static void run_decisions(worker *w) {
    static_assert(sizeof(decision) == sizeof(wire_decision), "a decision is the reply entry");
    lookup_batch *b = w->batch;
    decision out[LIMIT_BATCH];
    engine_decide(w->server->engine, b->decisions, b->count, w->at, out);
    for (unsigned i = 0; i < b->count; i++) memcpy(w->output.data + b->offsets[i], &out[i], sizeof out[i]);
}

static void run_checks(worker *w) {
    lookup_batch *b = w->batch;
    quota quotas[LIMIT_BATCH];
    uint16_t admit[LIMIT_BATCH];
    engine_quota(w->server->engine, b->quotas, b->count, w->at, quotas, admit);
    for (unsigned i = 0; i < b->count; i++) {
        const quota *q = &quotas[i];
        wire_quota_check reply = {.status = admit[i],
                                  .warning = q->warning,
                                  .flags = q->flags,
                                  .usage_percent = q->usage_percent,
                                  .required_fen = q->required_fen,
                                  .limit_fen = q->limit_fen,
                                  .used_fen = q->used_fen,
                                  .available_fen = q->available_fen,
                                  .policy_version = q->policy_version,
                                  .account_version = q->account_version};
        memcpy(w->output.data + b->offsets[i], &reply, sizeof reply);
    }
}

static void run_gets(worker *w) {
    lookup_batch *b = w->batch;
    profile found[LIMIT_BATCH];
    bool present[LIMIT_BATCH];
    engine_profiles(w->server->engine, &b->gets[0].subject, sizeof b->gets[0], b->count, w->at, found, present);
    for (unsigned i = 0; i < b->count; i++) {
        const wire_get *asked = &b->gets[i];
        wire_profile reply = {.status = (uint16_t)message_entry_status(MESSAGE_GET, asked)};
        if (reply.status == STATUS_OK && purpose_name(asked->purpose) == NULL) reply.status = STATUS_BAD_PURPOSE;
        if (reply.status == STATUS_OK && !present[i])
            reply.status = subject_is_valid(&asked->subject) ? STATUS_UNKNOWN_SUBJECT : STATUS_BAD_SUBJECT;
        if (reply.status == STATUS_OK) profile_encode(&found[i], reply.profile);
        memcpy(w->output.data + b->offsets[i], &reply, sizeof reply);
    }
}

/* Runs the lookups gathered so far; complete frames are finished, one that is still being filled stays open. */
static void run_batch(worker *w) {
    lookup_batch *b = w->batch;
    if (b->count == 0 || w->output.failed) {
        b->count = 0;
        return;
    }
    switch (b->type) {
    case MESSAGE_DECIDE: run_decisions(w); break;
    case MESSAGE_QUOTA_CHECK: run_checks(w); break;
    default: run_gets(w);
    }
    b->count = 0;
}

void reads_flush_batch(worker *w, connection *c) {
    lookup_batch *b = w->batch;
    run_batch(w);
    if (!w->output.failed)
        for (unsigned i = 0; i < b->frame_count; i++)
            finish_frame(c, b->frames[i].offset, b->frames[i].header, b->frames[i].body_bytes);
    b->frame_count = 0;
    b->type = 0;
}

/* Inlined into its callers, where the lengths are constants and the copies are a few moves. */
static inline __attribute__((always_inline)) void gather(connection *c, const frame_view *f, size_t request_length,
                                                         uint16_t reply_length) {
    worker *w = c->worker;
    lookup_batch *b = w->batch;
    uint8_t *requests = (uint8_t *)b->decisions; /* the same place as the others */
    if (b->type != f->header.type || b->frame_count == FRAMES_PENDING) reads_flush_batch(w, c);
    b->type = f->header.type;
    size_t body_bytes = (size_t)f->header.entry_count * reply_length;
    size_t offset = open_frame(w, body_bytes);
    if (offset == SIZE_MAX) return;
    for (unsigned i = 0; i < f->header.entry_count; i++) {
        if (b->count == LIMIT_BATCH) run_batch(w);
        memcpy(requests + b->count * request_length, f->body + (size_t)i * f->header.entry_length, request_length);
        b->offsets[b->count++] = (uint32_t)(offset + FRAME_HEADER + (size_t)i * reply_length);
    }
    b->frames[b->frame_count++] =
        (pending_frame){reply_header(f, reply_length, f->header.entry_count), offset, body_bytes};
}

/* ------------------------------------------------------------------ answered one frame at a time */

#define CHUNK 64 /* profiles or quotas on the stack at once */

static void fill_quota(const engine *e, const quota_request *asked, const quota *q, wire_quota_show *out) {
    *out = (wire_quota_show){.status = q->status,
                             .warning = q->warning,
                             .flags = q->flags,
                             .usage_percent = q->usage_percent,
                             .base_fen = q->base_fen,
                             .required_fen = q->required_fen,
                             .lodged_fen = q->lodged_fen,
                             .limit_fen = q->limit_fen,
                             .reserved_fen = q->reserved_fen,
                             .committed_fen = q->committed_fen,
                             .used_fen = q->used_fen,
                             .available_fen = q->available_fen,
                             .shortfall_fen = q->shortfall_fen,
                             .next_expiry_ms = q->next_expiry_ms,
                             .policy_version = q->policy_version,
                             .account_version = q->account_version,
                             .factor_bp = q->factor_bp,
                             .unsecured_bp = q->unsecured_bp};
    account a;
    if (q->status != STATUS_OK || !engine_account(e, &asked->subject, asked->program, &a)) return;
    out->energy_12m_mwh = a.energy_12m_mwh;
    out->wholesale_2m_mwh = a.wholesale_2m_mwh;
    out->retail_2m_mwh = a.retail_2m_mwh;
    out->forecast_12m_mwh = a.forecast_12m_mwh;
    out->open_reservations = a.open_reservations;
    out->instrument_count = a.instrument_count;
}

static void show_quotas(connection *c, const frame_view *f) {
    worker *w = c->worker;
    size_t n = f->header.entry_count, body_bytes = n * sizeof(wire_quota_show), offset = open_frame(w, body_bytes);
    if (offset == SIZE_MAX) return;
    for (size_t at = 0; at < n; at += CHUNK) {
        size_t part = n - at < CHUNK ? n - at : CHUNK;
        quota_request asked[CHUNK];
        quota quotas[CHUNK];
        for (size_t i = 0; i < part; i++)
            memcpy(&asked[i], f->body + (at + i) * f->header.entry_length, sizeof asked[i]);
        engine_quota(w->server->engine, asked, part, w->at, quotas, NULL);
        for (size_t i = 0; i < part; i++) {
            wire_quota_show reply;
            fill_quota(w->server->engine, &asked[i], &quotas[i], &reply);
            memcpy(w->output.data + offset + FRAME_HEADER + (at + i) * sizeof reply, &reply, sizeof reply);
        }
    }
    finish_frame(c, offset, reply_header(f, sizeof(wire_quota_show), (uint16_t)n), body_bytes);
}

/* The account's bytes go straight into the reply; a subject is looked for only where there is none. */
static status account_reply(const engine *e, const wire_quota *asked, policy_moment at, uint8_t *to) {
    account found;
    profile p;
    status s = message_entry_status(MESSAGE_QUOTA_ACCOUNT, asked);
    if (s != STATUS_OK) return s;
    if (purpose_name(asked->purpose) == NULL) return STATUS_BAD_PURPOSE;
    if (!subject_is_valid(&asked->subject)) return STATUS_BAD_SUBJECT;
    if (asked->program == 0 || asked->program > PROGRAM_MAX) return STATUS_UNKNOWN_PROGRAM;
    if (!engine_account(e, &asked->subject, asked->program, &found))
        return engine_profile(e, &asked->subject, at, &p) ? STATUS_NO_ACCOUNT : STATUS_UNKNOWN_SUBJECT;
    account_encode(&found, to);
    return STATUS_OK;
}

static void show_accounts(connection *c, const frame_view *f) {
    worker *w = c->worker;
    size_t n = f->header.entry_count, body_bytes = n * sizeof(wire_account_reply), offset = open_frame(w, body_bytes);
    if (offset == SIZE_MAX) return;
    for (size_t i = 0; i < n; i++) {
        uint8_t *to = w->output.data + offset + FRAME_HEADER + i * sizeof(wire_account_reply);
        wire_quota asked;
        memcpy(&asked, f->body + i * f->header.entry_length, sizeof asked);
        memset(to, 0, sizeof(wire_account_reply));
        uint16_t code =
            (uint16_t)account_reply(w->server->engine, &asked, w->at, to + offsetof(wire_account_reply, key));
        memcpy(to, &code, sizeof code);
    }
    finish_frame(c, offset, reply_header(f, sizeof(wire_account_reply), (uint16_t)n), body_bytes);
}

/* How many entries of a scan fit the client's frame and its wish. */
static size_t scan_room(const connection *c, const wire_scan *asked, size_t entry) {
    size_t room = (c->max_frame - FRAME_HEADER - 8) / entry;
    if (room > c->max_entries) room = c->max_entries;
    return asked->max != 0 && asked->max < room ? asked->max : room;
}

static void scan(connection *c, const frame_view *f) {
    worker *w = c->worker;
    wire_scan asked;
    memcpy(&asked, f->body, sizeof asked);
    if (asked.purpose > UINT8_MAX || purpose_name(asked.purpose) == NULL) {
        connection_error(c, f->header.type, f->header.request_id, STATUS_BAD_PURPOSE, NULL);
        return;
    }
    bool accounts = f->header.type == MESSAGE_QUOTA_SCAN;
    size_t entry = accounts ? sizeof(wire_account) : sizeof(wire_scan_reply);
    size_t room = scan_room(c, &asked, entry), n = 0, offset = open_frame(w, room * entry);
    if (offset == SIZE_MAX) return;
    uint8_t *body = w->output.data + offset + FRAME_HEADER;
    store_cursor cursor = asked.cursor;
    while (n < room) {
        store_cursor after[CHUNK];
        size_t part = room - n < CHUNK ? room - n : CHUNK, got;
        if (accounts) {
            account found[CHUNK];
            got = engine_scan_accounts(w->server->engine, &cursor, found, after, part);
            for (size_t i = 0; i < got; i++) {
                uint8_t *to = body + (n + i) * entry;
                memcpy(to, &after[i], sizeof after[i]);
                account_encode(&found[i], to + 8);
            }
        } else {
            profile found[CHUNK];
            got = engine_scan_profiles(w->server->engine, &cursor, w->at, found, after, part);
            for (size_t i = 0; i < got; i++) {
                uint8_t *to = body + (n + i) * entry;
                memcpy(to, &after[i], sizeof after[i]);
                profile_encode(&found[i], to + 8);
            }
        }
        n += got;
        if (got < part) break;
    }
    w->output.size = offset + frame_length(n * entry);
    finish_frame(c, offset, reply_header(f, (uint16_t)entry, (uint16_t)n), n * entry);
}

/* ------------------------------------------------------------------ documents */

static void send_document(connection *c, const frame_view *f, char *text) {
    worker *w = c->worker;
    if (text == NULL) {
        connection_error(c, f->header.type, f->header.request_id, STATUS_OVERLOADED, NULL);
        return;
    }
    size_t length = strlen(text), padded = (length + 7) & ~(size_t)7;
    size_t offset = padded + FRAME_HEADER > c->max_frame ? SIZE_MAX : open_frame(w, padded);
    if (offset == SIZE_MAX) {
        connection_error(c, f->header.type, f->header.request_id, STATUS_TOO_LARGE, NULL);
    } else {
        uint8_t *body = w->output.data + offset + FRAME_HEADER;
        memcpy(body, text, length);
        memset(body + length, ' ', padded - length);
        finish_frame(c, offset, reply_header(f, 0, 1), padded);
    }
    free(text);
}

static void explain(connection *c, const frame_view *f) {
    worker *w = c->worker;
    const policy_set *set = engine_policy(w->server->engine);
    size_t offset = w->output.size;
    if (buf_extend(&w->output, FRAME_HEADER) == NULL) return;
    for (unsigned i = 0; i < f->header.entry_count && w->output.size - offset <= c->max_frame; i++) {
        wire_decide asked;
        memcpy(&asked, f->body + (size_t)i * f->header.entry_length, sizeof asked);
        profile p;
        const dossier *d = NULL;
        status s = message_entry_status(MESSAGE_EXPLAIN, &asked);
        if (s == STATUS_OK && purpose_name(asked.purpose) == NULL) s = STATUS_BAD_PURPOSE;
        if (s == STATUS_OK && !subject_is_valid(&asked.subject)) s = STATUS_BAD_SUBJECT;
        if (s == STATUS_OK && !engine_dossier(w->server->engine, &asked.subject, w->at, &p, &d))
            s = STATUS_UNKNOWN_SUBJECT;
        char *text = s == STATUS_OK ? document_explain(set, &asked, &p, d, w->at, &s) : NULL;
        size_t length = text != NULL ? strlen(text) : 0, padded = (8 + length + 7) & ~(size_t)7;
        uint8_t *to = buf_extend(&w->output, padded);
        if (to != NULL) {
            memset(to, 0, padded);
            uint16_t code = (uint16_t)s;
            uint32_t size = (uint32_t)length;
            memcpy(to, &code, sizeof code);
            memcpy(to + 4, &size, sizeof size);
            if (length > 0) memcpy(to + 8, text, length);
        }
        free(text);
    }
    size_t body_bytes = w->output.size - offset - FRAME_HEADER;
    if (w->output.failed) return;
    if (body_bytes + FRAME_HEADER > c->max_frame) {
        w->output.size = offset;
        connection_error(c, f->header.type, f->header.request_id, STATUS_TOO_LARGE,
                         "ask for fewer explanations at once");
        return;
    }
    finish_frame(c, offset, reply_header(f, 0, f->header.entry_count), body_bytes);
}

static void ping(connection *c, const frame_view *f) {
    size_t offset = open_frame(c->worker, f->body_length);
    if (offset == SIZE_MAX) return;
    memcpy(c->worker->output.data + offset + FRAME_HEADER, f->body, f->body_length);
    finish_frame(c, offset, reply_header(f, 0, 0), f->body_length);
}

void reads_handle(connection *c, const frame_view *f) {
    worker *w = c->worker;
    switch (f->header.type) {
    case MESSAGE_DECIDE: gather(c, f, sizeof(wire_decide), sizeof(wire_decision)); return;
    case MESSAGE_QUOTA_CHECK: gather(c, f, sizeof(wire_quota), sizeof(wire_quota_check)); return;
    case MESSAGE_GET: gather(c, f, sizeof(wire_get), sizeof(wire_profile)); return;
    default: reads_flush_batch(w, c);
    }
    switch (f->header.type) {
    case MESSAGE_PING: ping(c, f); break;
    case MESSAGE_INFO: send_document(c, f, document_info(w->server, w->at)); break;
    case MESSAGE_STATS: send_document(c, f, document_stats(w->server)); break;
    case MESSAGE_POLICY_INFO: send_document(c, f, document_policies(engine_policy(w->server->engine))); break;
    case MESSAGE_EXPLAIN: explain(c, f); break;
    case MESSAGE_SCAN:
    case MESSAGE_QUOTA_SCAN: scan(c, f); break;
    case MESSAGE_QUOTA_SHOW: show_quotas(c, f); break;
    case MESSAGE_QUOTA_ACCOUNT: show_accounts(c, f); break;
    default: connection_error(c, f->header.type, f->header.request_id, STATUS_UNKNOWN_TYPE, NULL);
    }
}
