/* Events as bytes. The images are those of engine/ledger.h, so what is checked there is checked here. Cost: copies. */
#include "engine/history.h"

#include "base/le.h"

#include <string.h>

#define OPERATION_PART (OPERATION_IMAGE - 8) /* without what a reservation's end adds */

void history_begin(buf *to, uint64_t previous) {
    uint8_t head[HISTORY_HEAD];
    le_put64(head, previous);
    buf_append(to, head, sizeof head);
}

static void add_image(buf *to, history_kind kind, const operation_entry *e, size_t length) {
    uint8_t bytes[1 + OPERATION_IMAGE];
    bytes[0] = (uint8_t)kind;
    operation_entry_encode(e, bytes + 1);
    buf_append(to, bytes, 1 + length);
}

void history_add_operation(buf *to, const operation_entry *e) { add_image(to, HISTORY_OPERATION, e, OPERATION_PART); }

void history_add_kept(buf *to, const operation_entry *e) { add_image(to, HISTORY_KEPT, e, OPERATION_IMAGE); }

void history_add_expiry(buf *to, const operation_id *reservation, uint32_t account_version, int64_t at_ms) {
    uint8_t bytes[HISTORY_EXPIRY_BYTES];
    bytes[0] = HISTORY_EXPIRY;
    memcpy(bytes + 1, reservation->bytes, sizeof reservation->bytes);
    le_put32(bytes + 17, account_version);
    le_put64(bytes + 21, (uint64_t)at_ms);
    buf_append(to, bytes, sizeof bytes);
}

/* ------------------------------------------------------------------ reading */

status history_head(const uint8_t *bytes, size_t length, size_t *at, uint64_t *previous) {
    if (length < HISTORY_HEAD) return STATUS_CORRUPT;
    *previous = le_get64(bytes);
    *at = HISTORY_HEAD;
    return STATUS_OK;
}

/* A new operation is final at once unless it is a granted reservation; the image says when it was. */
static status read_operation(const uint8_t *from, operation_entry *e) {
    uint8_t image[OPERATION_IMAGE] = {0};
    memcpy(image, from, OPERATION_PART);
    if (image[OPERATION_STATE_AT] != OPERATION_OPEN)
        le_put32(image + OPERATION_PART, operation_seconds((int64_t)le_get64(image + OPERATION_TIME_AT)));
    status s = operation_entry_decode(image, e);
    if (s != STATUS_OK) return s;
    return e->state == OPERATION_OPEN || e->state == OPERATION_FINAL ? STATUS_OK : STATUS_CORRUPT;
}

static status read_expiry(const uint8_t *from, history_event *out) {
    memcpy(out->reservation.bytes, from, sizeof out->reservation.bytes);
    out->account_version = le_get32(from + 16);
    out->at_ms = (int64_t)le_get64(from + 20);
    return out->at_ms >= 0 ? STATUS_OK : STATUS_CORRUPT;
}

status history_next(const uint8_t *bytes, size_t length, size_t *at, history_event *out) {
    static const size_t sizes[] = {0, HISTORY_OPERATION_BYTES, HISTORY_EXPIRY_BYTES, HISTORY_KEPT_BYTES};
    if (*at >= length) return *at == length ? STATUS_END : STATUS_CORRUPT;
    unsigned kind = bytes[*at];
    if (kind == 0 || kind >= sizeof sizes / sizeof *sizes || sizes[kind] > length - *at) return STATUS_CORRUPT;
    const uint8_t *from = bytes + *at + 1;
    *at += sizes[kind];
    out->kind = (history_kind)kind;
    if (kind == HISTORY_OPERATION) return read_operation(from, &out->entry);
    return kind == HISTORY_EXPIRY ? read_expiry(from, out) : operation_entry_decode(from, &out->entry);
}
