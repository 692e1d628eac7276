/* Records are framed by two lengths and nothing else: integrity is the journal's (a checksum over each group and each
 * stored value), so reading here only has to be safe on any bytes, not to detect damage. */
#include "engine/change.h"

#include "base/check.h"
#include "base/le.h"

static_assert(LIMIT_KEY_BYTES <= UINT8_MAX, "a key's length fits its byte");
static_assert(LIMIT_RECORD_BYTES < CHANGE_REMOVED, "no length means removed");

static void append(buf *to, change_table table, const void *key, size_t key_length, const void *value,
                   size_t value_length, uint32_t coded_length) {
    CHECK(change_table_name(table) != NULL);
    CHECK(key_length >= 1 && key_length <= LIMIT_KEY_BYTES);
    uint8_t *at = buf_extend(to, CHANGE_HEADER + key_length + value_length);
    if (at == NULL) return; /* latched in the buffer */
    le_put8(at, (uint8_t)table);
    le_put8(at + 1, (uint8_t)key_length);
    le_put16(at + 2, 0);
    le_put32(at + 4, coded_length);
    memcpy(at + CHANGE_HEADER, key, key_length);
    if (value_length != 0) memcpy(at + CHANGE_HEADER + key_length, value, value_length);
}

void change_append(buf *to, change_table table, const void *key, size_t key_length, const void *value,
                   size_t value_length) {
    CHECK(value_length <= LIMIT_RECORD_BYTES);
    append(to, table, key, key_length, value, value_length, (uint32_t)value_length);
}

void change_append_removed(buf *to, change_table table, const void *key, size_t key_length) {
    append(to, table, key, key_length, NULL, 0, CHANGE_REMOVED);
}

status change_next(const uint8_t *bytes, size_t length, size_t *at, change *out) {
    if (*at == length) return STATUS_END;
    if (*at > length || length - *at < CHANGE_HEADER) return STATUS_CORRUPT;
    const uint8_t *record = bytes + *at;
    size_t room = length - *at - CHANGE_HEADER;
    unsigned table = le_get8(record);
    size_t key_length = le_get8(record + 1);
    uint32_t coded_length = le_get32(record + 4);
    bool removed = coded_length == CHANGE_REMOVED;
    size_t value_length = removed ? 0 : coded_length;
    if (change_table_name(table) == NULL || le_get16(record + 2) != 0) return STATUS_CORRUPT;
    if (key_length < 1 || key_length > LIMIT_KEY_BYTES || value_length > LIMIT_RECORD_BYTES) return STATUS_CORRUPT;
    if (key_length + value_length > room) return STATUS_CORRUPT;
    *out = (change){
        .table = (change_table)table,
        .key = record + CHANGE_HEADER,
        .key_length = key_length,
        .value = removed ? NULL : record + CHANGE_HEADER + key_length,
        .value_length = value_length,
        .removed = removed,
    };
    *at += CHANGE_HEADER + key_length + value_length;
    return STATUS_OK;
}

const char *change_table_name(unsigned table) {
    switch (table) {
#define X(name, number, text)                                                                                          \
    case number: return text;
        CHANGE_TABLES(X)
#undef X
    default: return NULL;
    }
}
