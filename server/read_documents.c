/* Documents: one that fills the body, or one for each entry of the request. Texts are made one at a time and copied
 * into the output, so that no more than one is in memory twice. */
#include "server/reads.h"

#include "base/purpose.h"
#include "server/document.h"

#include <stdlib.h>
#include <string.h>

void reads_send_document(connection *c, const frame_view *f, char *text) {
    worker *w = c->worker;
    if (text == NULL) {
        connection_error(c, f->header.type, f->header.request_id, STATUS_OVERLOADED, NULL);
        return;
    }
    size_t length = strlen(text), padded = (length + 7) & ~(size_t)7;
    size_t offset = padded + FRAME_HEADER > c->max_frame ? SIZE_MAX : reads_open(w, padded);
    if (offset == SIZE_MAX) {
        connection_error(c, f->header.type, f->header.request_id, STATUS_TOO_LARGE, NULL);
    } else {
        uint8_t *body = w->output.data + offset + FRAME_HEADER;
        memcpy(body, text, length);
        memset(body + length, ' ', padded - length);
        reads_finish(c, offset, reads_header(f, 0, 1), padded);
    }
    free(text);
}

/* ------------------------------------------------------------------ a document an entry */

static char *explain(worker *w, const void *entry, size_t room, status *result) {
    (void)room;
    const wire_decide *asked = entry;
    profile p;
    const dossier *d;
    *result = reads_check(MESSAGE_EXPLAIN, asked, asked->purpose, &asked->subject);
    if (*result != STATUS_OK) return NULL;
    if (!engine_dossier(w->server->engine, &asked->subject, w->at, &p, &d)) {
        *result = STATUS_UNKNOWN_SUBJECT;
        return NULL;
    }
    return document_explain(engine_policy(w->server->engine), asked, &p, d, w->at, result);
}

static char *scorecard(worker *w, const void *entry, size_t room, status *result) {
    (void)room;
    const wire_get *asked = entry;
    profile p;
    *result = reads_check(MESSAGE_SCORECARD, asked, asked->purpose, &asked->subject);
    if (*result == STATUS_OK && !engine_profile(w->server->engine, &asked->subject, w->at, &p))
        *result = STATUS_UNKNOWN_SUBJECT;
    if (*result != STATUS_OK) return NULL;
    char *text = document_scorecard(engine_policy(w->server->engine), &p, w->at);
    if (text == NULL) *result = STATUS_OVERLOADED;
    return text;
}

static char *dossier_of(worker *w, const void *entry, size_t room, status *result) {
    const wire_dossier *asked = entry;
    profile p;
    const dossier *d;
    *result = reads_check(MESSAGE_DOSSIER, asked, asked->purpose, &asked->subject);
    if (*result == STATUS_OK && !engine_dossier(w->server->engine, &asked->subject, w->at, &p, &d))
        *result = STATUS_UNKNOWN_SUBJECT;
    if (*result != STATUS_OK) return NULL;
    const policy_set *set = engine_policy(w->server->engine);
    char *text = asked->part == WIRE_DOSSIER_SOURCES ? document_sources(set, &p, d, w->at)
                                                     : document_dossier(set, asked, &p, d, w->at, room);
    if (text == NULL) *result = STATUS_OVERLOADED;
    return text;
}

static void append_document(buf *to, status s, const char *text) {
    size_t length = text != NULL ? strlen(text) : 0, padded = (8 + length + 7) & ~(size_t)7;
    uint8_t *at = buf_extend(to, padded);
    if (at == NULL) return;
    memset(at, 0, padded);
    uint16_t code = (uint16_t)s;
    uint32_t size = (uint32_t)length;
    memcpy(at, &code, sizeof code);
    memcpy(at + 4, &size, sizeof size);
    if (length > 0) memcpy(at + 8, text, length);
}

void reads_documents(connection *c, const frame_view *f) {
    worker *w = c->worker;
    size_t offset = w->output.size, count = f->header.entry_count;
    size_t room = (c->max_frame - FRAME_HEADER) / count - 16; /* of one, so that all find room */
    if (buf_extend(&w->output, FRAME_HEADER) == NULL) return;
    for (size_t i = 0; i < count && w->output.size - offset <= c->max_frame; i++) {
        _Alignas(8) uint8_t entry[24];
        status s;
        static_assert(sizeof(wire_dossier) <= sizeof entry && sizeof(wire_decide) <= sizeof entry, "the largest");
        memcpy(entry, f->body + i * f->header.entry_length, message_find(f->header.type)->request_entry);
        char *text = f->header.type == MESSAGE_EXPLAIN     ? explain(w, entry, room, &s)
                     : f->header.type == MESSAGE_SCORECARD ? scorecard(w, entry, room, &s)
                                                           : dossier_of(w, entry, room, &s);
        append_document(&w->output, s, text);
        free(text);
    }
    size_t body_bytes = w->output.size - offset - FRAME_HEADER;
    if (w->output.failed) return;
    if (body_bytes + FRAME_HEADER > c->max_frame) {
        w->output.size = offset;
        connection_error(c, f->header.type, f->header.request_id, STATUS_TOO_LARGE, "ask for fewer documents at once");
        return;
    }
    reads_finish(c, offset, reads_header(f, 0, (uint16_t)count), body_bytes);
}
