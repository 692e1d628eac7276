/* The frames of UPLOAD and COMMAND, on the worker's thread. Uploads are answered at once: taking a part is a copy.
 * Commands go to their thread (server/jobs.h) as requests like writes, and count as such: a connection with as many on
 * the way as agreed is not read. Each promises a whole frame, so that documents which nobody takes stay few. */
#include "server/jobs.h"
#include "server/reads.h"
#include "server/worker.h"

#include <stdlib.h>
#include <string.h>

void commands_upload(connection *c, const frame_view *f) {
    upload part;
    uint32_t number = 0, received = 0;
    status s = upload_decode(f->body, f->body_length, &part);
    if (s == STATUS_OK) s = uploads_take(&c->uploads, &part, &number, &received);
    if (s != STATUS_OK) {
        if (s == STATUS_NO_MEMORY) s = STATUS_OVERLOADED;
        const char *text = s == STATUS_TOO_LARGE ? "a draft has at most 4 MiB of texts in 256 files" : NULL;
        connection_error(c, f->header.type, f->header.request_id, s, text);
        return;
    }
    size_t offset = reads_open(c->worker, UPLOAD_REPLY);
    if (offset == SIZE_MAX) return;
    upload_reply_encode(c->worker->output.data + offset + FRAME_HEADER, number, received);
    reads_finish(c, offset, reads_header(f, 0, 1), UPLOAD_REPLY);
}

static write_request *request_of(connection *c, const frame_view *f) {
    write_request *r = write_request_new(f->header.type, 0, 0, 0);
    if (r == NULL) return NULL;
    r->command = command_new(f->body, f->body_length, &c->uploads);
    r->worker = c->worker;
    r->connection = c;
    r->request_id = f->header.request_id;
    r->promised = c->max_frame;
    if (r->command != NULL) return r;
    write_request_free(r);
    return NULL;
}

void commands_handle(connection *c, const frame_view *f) {
    status s = f->body_length <= LIMIT_COMMAND_BYTES ? STATUS_OK : STATUS_TOO_LARGE;
    write_request *r = s == STATUS_OK ? request_of(c, f) : NULL;
    jobs *j = c->worker->server->jobs;
    if (r != NULL && j != NULL && jobs_submit(j, r)) {
        c->in_flight++;
        c->promised += r->promised;
        return;
    }
    write_request_free(r);
    connection_error(c, f->header.type, f->header.request_id, s != STATUS_OK ? s : STATUS_OVERLOADED,
                     s != STATUS_OK ? "a command has at most 64 KiB" : NULL);
}

void commands_answer(write_request *r) {
    connection *c = r->connection;
    const command *done = r->command;
    if (r->whole != STATUS_OK) {
        status why = r->whole == STATUS_NO_MEMORY ? STATUS_OVERLOADED : r->whole;
        connection_error(c, r->type, r->request_id, why, done->problem[0] != '\0' ? done->problem : NULL);
        return;
    }
    size_t length = strlen(done->document), padded = (length + 7) & ~(size_t)7;
    if (frame_length(padded) > c->max_frame) {
        connection_error(c, r->type, r->request_id, STATUS_TOO_LARGE,
                         "the answer does not fit a frame: ask for less of it (a scenario, a month, one dimension)");
        return;
    }
    size_t offset = reads_open(c->worker, padded);
    if (offset == SIZE_MAX) return;
    uint8_t *body = c->worker->output.data + offset + FRAME_HEADER;
    memcpy(body, done->document, length);
    memset(body + length, ' ', padded - length);
    frame_header h = {.type = r->type, .flags = FRAME_REPLY, .request_id = r->request_id, .entry_count = 1};
    reads_finish(c, offset, h, padded);
}
