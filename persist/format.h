/* What the journal puts on disk, byte by byte. Integers are little-endian except in keys, which are big-endian so that
 * their byte order is their numeric order.
 *
 *   log      key: u64 sequence
 *            value: u32 magic "XYLG", u16 format version, u16 flags (zero), u64 sequence, i64 time in Unix ms, u32
 * payload length, u32 zero, u64 checksum, payload (records of engine/change.h). The checksum is the XXH3-64 of the
 *            payload, seeded with the XXH3-64 of the header before it: no bit of either can change unseen.
 *   history  the same with the magic "XYHI"; the payload is opaque here.
 *   tables   key: the record's key; value: the record's value, u32 checksum. The checksum is the low half of the
 * XXH3-64 of the value, seeded with that of the key, seeded with the table's number: a value that turns up under
 *            another key or in another table is damage too.
 *   meta     key: a name; value: bytes and checksum as in a table, with FORMAT_META for the table.
 *
 * Pure functions; nothing here allocates or fails but by its result. */
#ifndef XINYI_PERSIST_FORMAT_H
#define XINYI_PERSIST_FORMAT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_VERSION 1
#define FORMAT_META 0 /* no table has this number */

#define FORMAT_GROUP_KEY 8
#define FORMAT_GROUP_HEADER 40
#define FORMAT_GROUP_MAGIC UINT32_C(0x474c5958)   /* "XYLG" */
#define FORMAT_HISTORY_MAGIC UINT32_C(0x49485958) /* "XYHI" */

typedef struct format_group {
    bool history; /* a group's history, not its changes */
    uint64_t sequence;
    int64_t time_ms;
    const uint8_t *changes; /* into the value that was decoded */
    size_t length;
    uint64_t checksum;
} format_group;

void format_group_key(uint64_t sequence, uint8_t key[FORMAT_GROUP_KEY]);
/* 0 if the key has the wrong length: no group has that number. */
uint64_t format_group_sequence(const uint8_t *key, size_t key_length);

/* The header that goes in front of the changes; fills in group->checksum. */
void format_group_encode(format_group *group, uint8_t header[FORMAT_GROUP_HEADER]);
/* `history`: which of the two is expected. OK; UNSUPPORTED_VERSION of a newer format; CORRUPT with *why, a constant
 * text, otherwise. */
status format_group_decode(const uint8_t *value, size_t size, bool history, format_group *out,
                           const char **why) MUST_CHECK;

#define FORMAT_VALUE_SUM 4
uint32_t format_value_sum(unsigned table, const uint8_t *key, size_t key_length, const uint8_t *value,
                          size_t value_length);
/* Checks a stored value; *length becomes that of the value alone. CORRUPT. */
status format_value_check(unsigned table, const uint8_t *key, size_t key_length, const uint8_t *stored, size_t size,
                          size_t *length) MUST_CHECK;

#endif
