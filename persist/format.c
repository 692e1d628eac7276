/* The hash is compiled in: most values are one cache line, where a call through the library costs more than the sum. */
#define XXH_INLINE_ALL
#include "persist/format.h"

#include "base/le.h"
#include "base/limits.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

static_assert(LIMIT_GROUP_BYTES + LIMIT_RECORD_BYTES < UINT32_MAX, "a payload's length fits its field");

void format_group_key(uint64_t sequence, uint8_t key[FORMAT_GROUP_KEY]) {
    uint64_t big = htobe64(sequence);
    memcpy(key, &big, sizeof big);
}

uint64_t format_group_sequence(const uint8_t *key, size_t key_length) {
    uint64_t big;
    if (key_length != sizeof big) return 0;
    memcpy(&big, key, sizeof big);
    return be64toh(big);
}

static uint64_t group_sum(const uint8_t *header, const uint8_t *changes, size_t length) {
    return XXH3_64bits_withSeed(changes, length, XXH3_64bits(header, FORMAT_GROUP_HEADER - 8));
}

void format_group_encode(format_group *group, uint8_t header[FORMAT_GROUP_HEADER]) {
    le_put32(header, group->history ? FORMAT_HISTORY_MAGIC : FORMAT_GROUP_MAGIC);
    le_put16(header + 4, FORMAT_VERSION);
    le_put16(header + 6, 0);
    le_put64(header + 8, group->sequence);
    le_put64(header + 16, (uint64_t)group->time_ms);
    le_put32(header + 24, (uint32_t)group->length);
    le_put32(header + 28, 0);
    group->checksum = group_sum(header, group->changes, group->length);
    le_put64(header + 32, group->checksum);
}

status format_group_decode(const uint8_t *value, size_t size, bool history, format_group *out, const char **why) {
    *why = "it is shorter than a header";
    if (size < FORMAT_GROUP_HEADER) return STATUS_CORRUPT;
    *why = "it does not begin like a group";
    if (le_get32(value) != (history ? FORMAT_HISTORY_MAGIC : FORMAT_GROUP_MAGIC)) return STATUS_CORRUPT;
    *why = "its checksum does not match";
    uint64_t sum = le_get64(value + 32);
    if (sum != group_sum(value, value + FORMAT_GROUP_HEADER, size - FORMAT_GROUP_HEADER)) return STATUS_CORRUPT;
    *why = "it was written by a newer program";
    if (le_get16(value + 4) > FORMAT_VERSION) return STATUS_UNSUPPORTED_VERSION;
    *why = "its header contradicts itself";
    if (le_get16(value + 4) == 0 || le_get16(value + 6) != 0 || le_get32(value + 28) != 0 ||
        le_get32(value + 24) != size - FORMAT_GROUP_HEADER)
        return STATUS_CORRUPT;
    *why = NULL;
    *out = (format_group){
        .history = history,
        .sequence = le_get64(value + 8),
        .time_ms = (int64_t)le_get64(value + 16),
        .changes = value + FORMAT_GROUP_HEADER,
        .length = size - FORMAT_GROUP_HEADER,
        .checksum = sum,
    };
    return STATUS_OK;
}

uint32_t format_value_sum(unsigned table, const uint8_t *key, size_t key_length, const uint8_t *value,
                          size_t value_length) {
    return (uint32_t)XXH3_64bits_withSeed(value, value_length, XXH3_64bits_withSeed(key, key_length, table));
}

status format_value_check(unsigned table, const uint8_t *key, size_t key_length, const uint8_t *stored, size_t size,
                          size_t *length) {
    if (size < FORMAT_VALUE_SUM) return STATUS_CORRUPT;
    *length = size - FORMAT_VALUE_SUM;
    uint32_t sum = format_value_sum(table, key, key_length, stored, *length);
    return sum == le_get32(stored + *length) ? STATUS_OK : STATUS_CORRUPT;
}
