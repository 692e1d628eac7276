/* The history of the ledger: what happened, in order, as it is stored. A group's events are one value under the group's
 * sequence number; it is written once with the group, never changed, and cut off at its old end when operations are
 * forgotten. The table of operations (engine/operations.h) is this history, loaded.
 *
 * A value: u64 sequence of the group with events before this one (0: none), then the events, each a kind byte first:
 *
 *   1 operation   the image of an operation_entry without its last 8 bytes (120): its state is OPEN for a granted
 *                 reservation, else FINAL. A granted commit or release ends its target as well.
 *   2 expiry      operation id 16, account version u32, moment in ms i64: that reservation has ended by its time
 *   3 kept        a whole image (128): an operation of a data directory of version 1
 *
 * Pure functions. */
#ifndef XINYI_ENGINE_HISTORY_H
#define XINYI_ENGINE_HISTORY_H

#include "base/buf.h"
#include "engine/ledger.h"

typedef enum history_kind { HISTORY_OPERATION = 1, HISTORY_EXPIRY = 2, HISTORY_KEPT = 3 } history_kind;

#define HISTORY_HEAD 8
#define HISTORY_OPERATION_BYTES (1 + OPERATION_IMAGE - 8)
#define HISTORY_EXPIRY_BYTES (1 + 16 + 4 + 8)
#define HISTORY_KEPT_BYTES (1 + OPERATION_IMAGE)

typedef struct history_event {
    history_kind kind;
    operation_entry entry;    /* operation, kept */
    operation_id reservation; /* expiry */
    uint32_t account_version; /* expiry */
    int64_t at_ms;            /* expiry */
} history_event;

/* Append; failures latch in the buffer. */
void history_begin(buf *to, uint64_t previous);
void history_add_operation(buf *to, const operation_entry *e);
void history_add_expiry(buf *to, const operation_id *reservation, uint32_t account_version, int64_t at_ms);
void history_add_kept(buf *to, const operation_entry *e);

/* Reading: *at begins as 0. The first call also gives *previous. END behind the last, CORRUPT. */
status history_head(const uint8_t *bytes, size_t length, size_t *at, uint64_t *previous) MUST_CHECK;
status history_next(const uint8_t *bytes, size_t length, size_t *at, history_event *out) MUST_CHECK;

#endif
