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
 *   4 trade       an operation that is a reserve, commit, release or settle, packed: u16 mask of what follows at the
 * end, id 16, subject 12, program, kind, flags of the answer, warning, 48 bits of at_ms, then by the mask: u16 status,
 * u16 violations, target 16; then numbers of 7 bits a byte, the lowest first, a set high bit saying that there is more:
 * amount asked for and time to live (by the mask), what took effect and the life (by the mask; else as asked for, 0 if
 * refused), limit, used, committed, account version
 *
 * Trades are what a busy ledger writes all day: packed they are half as long.
 *
 * Pure functions. */
#ifndef XINYI_ENGINE_HISTORY_H
#define XINYI_ENGINE_HISTORY_H

#include "base/buf.h"
#include "engine/ledger.h"

typedef enum history_kind {
    HISTORY_OPERATION = 1,
    HISTORY_EXPIRY = 2,
    HISTORY_KEPT = 3,
    HISTORY_TRADE = 4, /* read as HISTORY_OPERATION */
} history_kind;

#define HISTORY_HEAD 8
#define HISTORY_OPERATION_BYTES (1 + OPERATION_IMAGE - 8) /* the most that an operation takes */
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

/* The entry of an image without its last 8 bytes, whatever its kind. CORRUPT. */
status history_read_image(const uint8_t from[OPERATION_IMAGE - 8], operation_entry *e) MUST_CHECK;

/* Reading: *at begins as 0. The first call also gives *previous. END behind the last, CORRUPT. */
status history_head(const uint8_t *bytes, size_t length, size_t *at, uint64_t *previous) MUST_CHECK;
status history_next(const uint8_t *bytes, size_t length, size_t *at, history_event *out) MUST_CHECK;

#endif
