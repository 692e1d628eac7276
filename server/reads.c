/* Requests that need no disk. Decisions, quota checks and profiles of all frames of a turn are gathered into batches of
 * LIMIT_BATCH, so that their cache misses overlap; replies are built in place in the worker's output. */
#include "server/reads.h"

#include "base/check.h"
#include "base/purpose.h"
#include "server/watch.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ reply frames */

frame_header reads_header(const frame_view *f, uint16_t entry_length, uint16_t count) {
    return (frame_header){.type = f->header.type,
                          .flags = FRAME_REPLY,
                          .request_id = f->header.request_id,
                          .entry_length = entry_length,
                          .entry_count = count};
}

size_t reads_open(worker *w, size_t body_bytes) {
    size_t offset = w->output.size;
    return buf_extend(&w->output, frame_length(body_bytes)) != NULL ? offset : SIZE_MAX;
}

void reads_finish(connection *c, size_t offset, frame_header header, size_t body_bytes) {
    frame_finish(c->worker->output.data + offset, header, body_bytes, !c->no_checksum);
}

status reads_check(unsigned type, const void *entry, unsigned asked_for, const subject_id *subject) {
    status s = message_entry_status(type, entry);
    if (s == STATUS_OK && purpose_name(asked_for) == NULL) s = STATUS_BAD_PURPOSE;
    if (s == STATUS_OK && !subject_is_valid(subject)) s = STATUS_BAD_SUBJECT;
    return s;
}

/* ------------------------------------------------------------------ batches of lookups */

static void run_decisions(worker *w) {
    static_assert(sizeof(decision) == sizeof(wire_decision), "a decision is the reply entry");
    lookup_batch *b = w->batch;
    decision out[LIMIT_BATCH];
    engine_decide_tallied(w->server->engine, b->decisions, b->count, w->at, w->tally, out);
    for (unsigned i = 0; i < b->count; i++) memcpy(w->output.data + b->offsets[i], &out[i], sizeof out[i]);
}

static void run_checks(worker *w) {
    lookup_batch *b = w->batch;
    quota quotas[LIMIT_BATCH];
    quota_admission admit[LIMIT_BATCH];
    engine_quota(w->server->engine, b->quotas, b->count, w->at, quotas, admit);
    for (unsigned i = 0; i < b->count; i++) {
        const quota *q = &quotas[i];
        wire_quota_check reply = {.status = admit[i].status,
                                  .violations = admit[i].violations,
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
            reads_finish(c, b->frames[i].offset, b->frames[i].header, b->frames[i].body_bytes);
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
    size_t offset = reads_open(w, body_bytes);
    if (offset == SIZE_MAX) return;
    for (unsigned i = 0; i < f->header.entry_count; i++) {
        if (b->count == LIMIT_BATCH) run_batch(w);
        memcpy(requests + b->count * request_length, f->body + (size_t)i * f->header.entry_length, request_length);
        b->offsets[b->count++] = (uint32_t)(offset + FRAME_HEADER + (size_t)i * reply_length);
    }
    b->frames[b->frame_count++] =
        (pending_frame){reads_header(f, reply_length, f->header.entry_count), offset, body_bytes};
}

/* ------------------------------------------------------------------ answered one frame at a time */

static void ping(connection *c, const frame_view *f) {
    size_t offset = reads_open(c->worker, f->body_length);
    if (offset == SIZE_MAX) return;
    memcpy(c->worker->output.data + offset + FRAME_HEADER, f->body, f->body_length);
    reads_finish(c, offset, reads_header(f, 0, 0), f->body_length);
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
    case MESSAGE_INFO: reads_send_document(c, f, document_info(w->server, w->at)); break;
    case MESSAGE_STATS: reads_send_document(c, f, document_stats(w->server)); break;
    case MESSAGE_POLICY_INFO: reads_send_document(c, f, document_policies(engine_policy(w->server->engine))); break;
    case MESSAGE_EXPLAIN:
    case MESSAGE_SCORECARD:
    case MESSAGE_DOSSIER: reads_documents(c, f); break;
    case MESSAGE_RECEIPT: reads_receipts(c, f); break;
    case MESSAGE_LIST: reads_list(c, f); break;
    case MESSAGE_WATCH: watch_handle(c, f); break;
    case MESSAGE_UPLOAD: commands_upload(c, f); break;
    case MESSAGE_COMMAND: commands_handle(c, f); break;
    case MESSAGE_SCAN:
    case MESSAGE_QUOTA_SCAN: reads_scan(c, f); break;
    case MESSAGE_QUOTA_SHOW: reads_quotas(c, f); break;
    case MESSAGE_QUOTA_ACCOUNT: reads_accounts(c, f); break;
    default: connection_error(c, f->header.type, f->header.request_id, STATUS_UNKNOWN_TYPE, NULL);
    }
}
