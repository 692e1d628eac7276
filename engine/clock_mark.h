/* What is remembered of the ledger's clock: a point at which the machine's boot clock and the ledger's time are known
 * together. The engine reads no clock; it keeps the mark durable for whoever does, as a record of table STATE that goes
 * with each group. Units: nanoseconds since the boot, and since the epoch. */
#ifndef XINYI_ENGINE_CLOCK_MARK_H
#define XINYI_ENGINE_CLOCK_MARK_H

#include "base/status.h"
#include "engine/change.h"

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_MARK_BOOT 16
typedef struct clock_mark {
    uint8_t boot_id[CLOCK_MARK_BOOT]; /* of the machine's boot; all zero: not known */
    int64_t boot_ns;
    int64_t ledger_ns; /* 0: nothing is remembered */
} clock_mark;

typedef struct engine engine;
typedef struct txn txn;

/* Bytes that it adds to a group. */
#define CLOCK_MARK_BYTES (CHANGE_HEADER + 12 + 1 + CLOCK_MARK_BOOT + 16)

/* [writer] As recovered; ledger_ns 0 if the data have none. */
const clock_mark *engine_clock_mark(const engine *e);
/* Puts a mark into the open group; at most one a group. NO_MEMORY: nothing is added. */
status txn_remember_clock(txn *t, const clock_mark *mark) MUST_CHECK;

/* Recovery, for engine.c. CORRUPT: an unknown version, another length, times before the epoch. */
bool clock_mark_is_record(const change *record);
status clock_mark_decode(const change *record, clock_mark *out) MUST_CHECK;

#endif
