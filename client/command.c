/* Commands and uploads: requests without fixed entries, one at a time. */
#include "client/internal.h"

#include <string.h>

/* What happens to every request whose frame was appended by hand. */
static int send_frame(xinyi *x, slot *s, unsigned type, call *c, on_answer answered) {
    if (x->out.failed) return client_break(x, STATUS_NO_MEMORY, "out of memory");
    s->call = c;
    client_queue_frame(x, s, type, 1, answered);
    client_wait(x, 0, 0);
    return c->status != 0 ? c->status : x->broken;
}

int xinyi_command(xinyi *x, const char *json, const char **document) {
    *document = NULL;
    int result = client_begin_call(x, 0, 0);
    if (result != 0) return result;
    size_t length = strlen(json);
    if (length == 0) return client_fail(x, STATUS_BAD_COMMAND, "an empty text is no command");
    if (length > x->max_frame - FRAME_HEADER - 8)
        return client_fail(x, STATUS_TOO_LARGE, "a command has at most %u bytes, not %zu",
                           x->max_frame - FRAME_HEADER - 8, length);
    slot *s = client_slot(x);
    if (s == NULL) return x->broken;
    call c = {.remaining = 1};
    command_encode(&x->out, client_request_id(x, s), json, !x->no_checksum);
    result = send_frame(x, s, MESSAGE_COMMAND, &c, client_on_document);
    if (result == 0) *document = buf_cstr(&x->document);
    return result;
}

typedef struct upload_answer {
    uint32_t draft, received;
} upload_answer;

static void on_upload(xinyi *x, const slot *s, const answer *a) {
    call *c = s->call;
    upload_answer *got = s->out;
    c->remaining = 0;
    c->status = a->status;
    if (a->status == 0 &&
        upload_reply_decode(a->frame->body, a->frame->body_length, &got->draft, &got->received) != STATUS_OK)
        c->status = client_fail(x, STATUS_BAD_ENTRY, "%s sent a reply that cannot be understood", x->address);
}

static int upload_part(xinyi *x, const upload *u, upload_answer *got) {
    slot *s = client_slot(x);
    if (s == NULL) return x->broken;
    call c = {.remaining = 1};
    s->out = got;
    upload_encode(&x->out, client_request_id(x, s), u, !x->no_checksum);
    int result = send_frame(x, s, MESSAGE_UPLOAD, &c, on_upload);
    if (result != 0) return result;
    if (got->draft == 0 || got->received != u->offset + u->part_length)
        return client_break(x, STATUS_BAD_ENTRY, "%s has %u bytes of %.*s instead of %zu", x->address, got->received,
                            (int)u->name_length, u->name, u->offset + u->part_length);
    return 0;
}

int xinyi_upload(xinyi *x, uint32_t *draft, const char *name, const void *text, size_t length) {
    int result = client_begin_call(x, 0, 0);
    size_t name_length = strlen(name);
    if (result != 0) return result;
    if (name_length == 0 || name_length > LIMIT_NAME_MAX)
        return client_fail(x, STATUS_BAD_VALUE, "the name of a file has 1 to %d bytes, not %zu", LIMIT_NAME_MAX,
                           name_length);
    if (length > UINT32_MAX) return client_fail(x, STATUS_TOO_LARGE, "a file is shorter than 4 GiB");
    size_t most = upload_part_max(x->max_frame, name_length);
    upload u = {
        .draft = *draft, .total = (uint32_t)length, .name = name, .name_length = (uint16_t)name_length, .part = text};
    do {
        upload_answer got = {0};
        u.part_length = length - u.offset < most ? length - u.offset : most;
        if ((result = upload_part(x, &u, &got)) != 0) return result;
        *draft = u.draft = got.draft;
        u.offset += (uint32_t)u.part_length;
        u.part += u.part_length;
    } while (u.offset < length);
    return 0;
}
