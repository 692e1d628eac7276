/* Changes: what a commit group did, as plain records. The engine emits them, persist stores them without knowing what
 * is in them, and recovery hands them back. A record is an absolute post-image (the whole new state of one thing), so
 * applying a record twice, or an old one before a newer one, is harmless.
 *
 * Encoded record: u8 table, u8 key length, u16 zero, u32 value length, key, value. A value length of CHANGE_REMOVED
 * says that the thing is gone. Records follow each other without padding.
 *
 * HISTORY is the exception: no group's changes hold such records. A group's events go beside its changes as one value
 * that is never changed nor folded (persist/journal.h), and recovery hands them back as records of this table.
 *
 * Within `subjects` and `accounts` the first key byte is the shard, so that a shard is a key range. */
#ifndef XINYI_ENGINE_CHANGE_H
#define XINYI_ENGINE_CHANGE_H

#include "base/buf.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*  X(NAME, number, name) — numbers are part of the disk format; names are those of the column families. */
#define CHANGE_TABLES(X)                                                                                               \
    X(SUBJECTS, 1, "subjects") /* key: shard, 12 id bytes            value: image version, profile */                  \
    X(RECORDS, 2, "records")   /* behaviour records */                                                                 \
    X(ACCOUNTS, 3, "accounts") /* key: shard, 12 id bytes with program   value: image version, account or balance */   \
    X(OPERATIONS, 4, "operations") /* of version 1 only: moved into the history at the first start */                  \
    X(POLICIES, 5, "policies")     /* key: u32 set version big-endian    value: image version, texts */                \
    X(MEMBERS, 6, "members")                                                                                           \
    X(STATE, 7, "state")   /* key: name                      value: small singletons of the engine */                  \
    X(ALERTS, 8, "alerts") /* key: u64 number big-endian     value: image version, alert */                            \
    X(HISTORY, 9,                                                                                                      \
      "history") /* key: u64 sequence big-endian   value: a group's events of the ledger, engine/history.h */

typedef enum change_table {
#define X(name, number, text) CHANGE_##name = (number),
    CHANGE_TABLES(X)
#undef X
        CHANGE_TABLE_END
} change_table;

#define CHANGE_HEADER 8
#define CHANGE_REMOVED UINT32_MAX

typedef struct change {
    change_table table;
    const uint8_t *key;
    size_t key_length;
    const uint8_t *value; /* NULL if removed */
    size_t value_length;
    bool removed;
} change;

/* Appends one record. Failures latch in the buffer. key_length 1..LIMIT_KEY_BYTES, value ≤ LIMIT_RECORD_BYTES. */
void change_append(buf *to, change_table table, const void *key, size_t key_length, const void *value,
                   size_t value_length);
void change_append_removed(buf *to, change_table table, const void *key, size_t key_length);

/* Reads the record at *at and moves on. END behind the last, CORRUPT if the bytes are not records. Pointers go into the
 * given bytes. */
status change_next(const uint8_t *bytes, size_t length, size_t *at, change *out) MUST_CHECK;

/* Name of a table, NULL if unknown. */
const char *change_table_name(unsigned table);

#endif
