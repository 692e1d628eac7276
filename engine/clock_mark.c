/* One small record, written over and over: the fold keeps the newest. */
#include "engine/clock_mark.h"

#include "base/check.h"
#include "base/le.h"
#include "engine/txn_internal.h"

#include <string.h>

#define KEY "ledger_clock" /* value: image version, boot id 16, i64 boot clock, i64 ledger's time */
#define KEY_LENGTH (sizeof KEY - 1)
#define IMAGE_CLOCK 1
#define LEDGER_NS_MAX (INT64_MAX / 16 * 15) /* the year 2244: time goes on from it, in 64 bits */
#define IMAGE_BYTES (1 + CLOCK_MARK_BOOT + 8 + 8)
static_assert(CLOCK_MARK_BYTES == CHANGE_HEADER + KEY_LENGTH + IMAGE_BYTES, "the header says what a mark costs");

const clock_mark *engine_clock_mark(const engine *e) { return &e->clock; }

status txn_remember_clock(txn *t, const clock_mark *mark) {
    CHECK(t->phase == TXN_OPEN && mark->ledger_ns > 0);
    uint8_t value[IMAGE_BYTES] = {IMAGE_CLOCK};
    memcpy(value + 1, mark->boot_id, CLOCK_MARK_BOOT);
    le_put64(value + 1 + CLOCK_MARK_BOOT, (uint64_t)mark->boot_ns);
    le_put64(value + 1 + CLOCK_MARK_BOOT + 8, (uint64_t)mark->ledger_ns);
    if (buf_reserve(&t->state, CLOCK_MARK_BYTES) == NULL) {
        t->state.failed = false; /* nothing is missing: nothing was appended */
        return STATUS_NO_MEMORY;
    }
    change_append(&t->state, CHANGE_STATE, KEY, KEY_LENGTH, value, sizeof value);
    t->bytes += CLOCK_MARK_BYTES;
    return STATUS_OK;
}

bool clock_mark_is_record(const change *record) {
    return record->key_length == KEY_LENGTH && memcmp(record->key, KEY, KEY_LENGTH) == 0;
}

status clock_mark_decode(const change *record, clock_mark *out) {
    if (record->value_length != IMAGE_BYTES || record->value[0] != IMAGE_CLOCK) return STATUS_CORRUPT;
    clock_mark m;
    memcpy(m.boot_id, record->value + 1, CLOCK_MARK_BOOT);
    m.boot_ns = (int64_t)le_get64(record->value + 1 + CLOCK_MARK_BOOT);
    m.ledger_ns = (int64_t)le_get64(record->value + 1 + CLOCK_MARK_BOOT + 8);
    if (m.boot_ns < 0 || m.ledger_ns <= 0 || m.ledger_ns > LEDGER_NS_MAX) return STATUS_CORRUPT;
    *out = m;
    return STATUS_OK;
}
