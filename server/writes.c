/* Requests for the commit thread. What can be judged without order — lengths, ids, domains of fields — is judged here,
 * on the worker, so that the one commit thread does only what must be in order. */
#include "server/connection.h"

#include "base/check.h"
#include "base/purpose.h"
#include "server/worker.h"

#include <stdlib.h>
#include <string.h>

static void decode_puts(const frame_view *f, write_request *r) {
    profile_put *puts = r->entries;
    wire_put_reply *replies = (wire_put_reply *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        wire_put w;
        memcpy(&w, f->body + (size_t)i * f->header.entry_length, sizeof w);
        puts[i].mask = w.mask;
        puts[i].flags = w.flags;
        puts[i].expected_version = w.expected_version;
        unsigned field = 0;
        status s = message_entry_status(MESSAGE_PUT, &w);
        if (s == STATUS_OK) s = profile_decode(w.profile, &puts[i].fields, &field);
        replies[i] = (wire_put_reply){.status = (uint16_t)s, .field = (uint16_t)(s == STATUS_BAD_VALUE ? field : 0)};
    }
}

static void decode_operations(const frame_view *f, write_request *r) {
    static_assert(sizeof(operation) == sizeof(wire_operation), "an operation is the request entry");
    operation *operations = r->entries;
    wire_operation_reply *replies = (wire_operation_reply *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        memcpy(&operations[i], f->body + (size_t)i * f->header.entry_length, sizeof operations[i]);
        /* whether the subject's number is one is looked at only if nobody has it: engine/txn_operate.c */
        replies[i].status = (uint16_t)message_entry_status(MESSAGE_QUOTA_OPERATE, &operations[i]);
    }
}

static void decode_reports(const frame_view *f, write_request *r) {
    static_assert(sizeof(report) == sizeof(wire_report), "a report is the request entry");
    static_assert(offsetof(report, source) == offsetof(wire_report, source) &&
                      offsetof(report, value) == offsetof(wire_report, value) &&
                      offsetof(report, target) == offsetof(wire_report, target),
                  "field by field");
    report *reports = r->entries;
    wire_report_reply *replies = (wire_report_reply *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        memcpy(&reports[i], f->body + (size_t)i * f->header.entry_length, sizeof reports[i]);
        status s = message_entry_status(MESSAGE_REPORT, &reports[i]);
        if (s == STATUS_OK) s = report_form(&reports[i]);
        if (s == STATUS_OK && purpose_name(reports[i].purpose) == NULL) s = STATUS_BAD_PURPOSE;
        if (s == STATUS_OK && !subject_is_valid(&reports[i].subject)) s = STATUS_BAD_SUBJECT;
        replies[i].status = (uint16_t)s;
    }
}

static void copy_ids(const frame_view *f, write_request *r) {
    operation_id *ids = r->entries;
    for (unsigned i = 0; i < r->count; i++)
        memcpy(&ids[i], f->body + (size_t)i * f->header.entry_length, sizeof ids[i]);
}

/* What the commit thread gets of an entry, and how it is made from the wire's. */
static const struct {
    size_t entry;
    void (*decode)(const frame_view *f, write_request *r);
} kinds[] = {
    [MESSAGE_PUT] = {sizeof(profile_put), decode_puts},
    [MESSAGE_QUOTA_OPERATE] = {sizeof(operation), decode_operations},
    [MESSAGE_QUOTA_OUTCOME] = {sizeof(operation_id), copy_ids},
    [MESSAGE_REPORT] = {sizeof(report), decode_reports},
};

void writes_handle(connection *c, const frame_view *f) {
    worker *w = c->worker;
    unsigned type = f->header.type;
    CHECK(type < sizeof kinds / sizeof kinds[0] && kinds[type].decode != NULL);
    size_t entry = kinds[type].entry;
    write_request *r = write_request_new(type, f->header.entry_count, entry, message_find(type)->reply_entry);
    if (r == NULL) {
        connection_error(c, type, f->header.request_id, STATUS_OVERLOADED, NULL);
        return;
    }
    r->worker = w;
    r->connection = c;
    r->request_id = f->header.request_id;
    r->deadline_ms = f->header.deadline_ms;
    r->arrived_ns = c->last_ns;
    kinds[type].decode(f, r);
    c->in_flight++;
    c->promised += r->promised;
    if (w->submit_first == NULL)
        w->submit_first = r;
    else
        w->submit_last->next = r;
    w->submit_last = r;
    w->submit_bytes += r->bytes;
}

/* The request is answered, one way or the other. */
static void settle(const write_request *r) {
    r->connection->in_flight--;
    r->connection->promised -= r->promised;
}

void writes_submit(worker *w) {
    write_request *r = w->submit_first;
    if (r == NULL) return;
    w->submit_first = NULL;
    size_t bytes = w->submit_bytes;
    w->submit_bytes = 0;
    if (commit_submit(w->server->committer, r, w->submit_last, bytes)) return;
    /* All of a turn's chain belongs to the connection whose turn it is. */
    while (r != NULL) {
        write_request *next = r->next;
        settle(r);
        metrics_add(&w->metrics.overloaded, 1);
        connection_error(r->connection, r->type, r->request_id, STATUS_OVERLOADED, NULL);
        write_request_free(r);
        r = next;
    }
}

void writes_answer(write_request *r) {
    connection *c = r->connection;
    worker *w = c->worker;
    settle(r);
    if (c->dead) return;
    if (r->command != NULL) {
        commands_answer(r);
        return;
    }
    if (r->whole != STATUS_OK) {
        connection_error(c, r->type, r->request_id, r->whole, NULL);
        return;
    }
    size_t body_bytes = (size_t)r->count * r->reply_length;
    uint8_t *frame = buf_extend(&w->output, frame_length(body_bytes));
    if (frame == NULL) return;
    memcpy(frame + FRAME_HEADER, r->replies, body_bytes);
    frame_header h = {.type = r->type,
                      .flags = FRAME_REPLY,
                      .request_id = r->request_id,
                      .entry_length = r->reply_length,
                      .entry_count = r->count};
    frame_finish(frame, h, body_bytes, !c->no_checksum);
}
