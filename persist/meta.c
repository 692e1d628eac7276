/* The few facts about a directory: names and small values, each with the checksum of a table value. */
#include "base/check.h"
#include "base/le.h"
#include "persist/internal.h"
#include "persist/problem.h"

#include <string.h>

void meta_put(rocks *r, rocksdb_writebatch_t *batch, const char *name, const void *value, size_t size) {
    uint8_t stored[META_MAX + FORMAT_VALUE_SUM];
    CHECK(size <= META_MAX);
    memcpy(stored, value, size);
    size_t name_length = strlen(name);
    le_put32(stored + size, format_value_sum(FORMAT_META, (const uint8_t *)name, name_length, stored, size));
    rocksdb_writebatch_put_cf(batch, r->families[ROCKS_META], name, name_length, (const char *)stored,
                              size + FORMAT_VALUE_SUM);
}

void meta_put_number(rocks *r, rocksdb_writebatch_t *batch, const char *name, uint64_t value) {
    uint8_t bytes[8];
    le_put64(bytes, value);
    meta_put(r, batch, name, bytes, sizeof bytes);
}

status meta_get_bytes(rocks *r, const char *name, uint8_t value[META_MAX], size_t *size, char *problem, size_t room) {
    uint8_t stored[META_MAX + FORMAT_VALUE_SUM];
    size_t name_length = strlen(name), stored_size = 0;
    status s = rocks_get(r, ROCKS_META, name, name_length, stored, sizeof stored, &stored_size, problem, room);
    if (s == STATUS_NOT_FOUND) problem_set(problem, room, "meta has no \"%s\"", name);
    if (s != STATUS_OK) return s;
    s = format_value_check(FORMAT_META, (const uint8_t *)name, name_length, stored, stored_size, size);
    if (s != STATUS_OK) {
        problem_set(problem, room, "meta \"%s\" is damaged: its checksum does not match", name);
        return s;
    }
    memcpy(value, stored, *size);
    return STATUS_OK;
}

status meta_get_number(rocks *r, const char *name, uint64_t *value, char *problem, size_t room) {
    uint8_t bytes[META_MAX];
    size_t size = 0;
    status s = meta_get_bytes(r, name, bytes, &size, problem, room);
    if (s != STATUS_OK) return s;
    if (size != sizeof *value) {
        problem_set(problem, room, "meta \"%s\" has %zu bytes instead of %zu", name, size, sizeof *value);
        return STATUS_CORRUPT;
    }
    *value = le_get64(bytes);
    return STATUS_OK;
}
