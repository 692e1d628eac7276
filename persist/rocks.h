/* RocksDB as the journal uses it: one database with fixed column families, its settings, and its error texts turned
 * into status codes. Nothing here knows groups or marks.
 *
 * Threading: a rocks may be used by several threads between rocks_open and rocks_close; those two, init and deinit need
 * it alone, with no cursor open. */
#ifndef XINYI_PERSIST_ROCKS_H
#define XINYI_PERSIST_ROCKS_H

#include "base/limits.h"
#include "base/status.h"
#include "engine/change.h"

#include <rocksdb/c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Column families: the tables by their number, then our own two. RocksDB insists on a default one; it stays empty. */
enum { ROCKS_DEFAULT = 0, ROCKS_LOG = CHANGE_TABLE_END, ROCKS_META, ROCKS_FAMILIES };

typedef struct rocks {
    rocksdb_t *db; /* NULL while closed */
    rocksdb_column_family_handle_t *families[ROCKS_FAMILIES];
    rocksdb_options_t *general, *table, *small, *log, *history; /* of the database; of the kinds of families */
    rocksdb_writeoptions_t *synced, *loose;
    rocksdb_flushoptions_t *flush;
    rocksdb_cache_t *cache;
} rocks;

const char *rocks_family_name(unsigned family);

/* Prepares the options; deinit closes the database if it is open. CORRUPT never; IO_ERROR if RocksDB does not know an
 * option (a library of another version). */
status rocks_init(rocks *r, char *problem, size_t room) MUST_CHECK;
void rocks_deinit(rocks *r);

/* Free bytes of disk that opening needs beside the size of the write-ahead log; with less it is not tried (rocks.c says
 * why). */
#define ROCKS_OPEN_ROOM (UINT64_C(8) << 20)

/* create: make what is missing; otherwise everything must be there but families that are new since the directory was
 * made, which come into being empty. LOCKED, CORRUPT, NO_SPACE, IO_ERROR,
 * UNSUPPORTED_VERSION (column families we do not know). */
status rocks_open(rocks *r, const char *path, bool create, char *problem, size_t room) MUST_CHECK;
void rocks_close(rocks *r);

/* Takes an error of RocksDB (NULL: none), frees it and gives its status; text goes to problem. */
status rocks_status(char *error, char *problem, size_t room) MUST_CHECK;

status rocks_write(rocks *r, rocksdb_writebatch_t *batch, bool synced, char *problem, size_t room) MUST_CHECK;
/* Copies the value into `value`; *size is its length. NOT_FOUND; CORRUPT if it is longer than `capacity`. */
status rocks_get(rocks *r, unsigned family, const void *key, size_t key_length, void *value, size_t capacity,
                 size_t *size, char *problem, size_t room) MUST_CHECK;
status rocks_flush(rocks *r, unsigned family, char *problem, size_t room) MUST_CHECK;
/* Moves a file made by a rocksdb_sstfilewriter of r->table into a family. */
status rocks_ingest(rocks *r, unsigned family, const char *path, char *problem, size_t room) MUST_CHECK;

uint64_t rocks_level0_files(rocks *r, unsigned family);
uint64_t rocks_memtable_bytes(rocks *r, unsigned family);

/* Reads lower <= key < upper in order, from disk with read-ahead, past the cache, with checksums verified. */
typedef struct rocks_cursor {
    rocksdb_iterator_t *iterator;
    rocksdb_readoptions_t *options;
    uint8_t lower[LIMIT_KEY_BYTES], upper[LIMIT_KEY_BYTES];
} rocks_cursor;

/* NULL bounds: from the first, to the last. Positioned at the first key, or the last if `last`. */
void rocks_cursor_open(rocks *r, unsigned family, const uint8_t *lower, size_t lower_length, const uint8_t *upper,
                       size_t upper_length, bool last, rocks_cursor *c);
void rocks_cursor_close(rocks_cursor *c);
/* After the cursor is no longer valid: OK at the end of the range, or why it stopped. */
status rocks_cursor_status(rocks_cursor *c, char *problem, size_t room) MUST_CHECK;

static inline bool rocks_cursor_valid(const rocks_cursor *c) { return rocksdb_iter_valid(c->iterator) != 0; }
static inline void rocks_cursor_next(rocks_cursor *c) { rocksdb_iter_next(c->iterator); }
/* Bytes live until the cursor moves. */
static inline const uint8_t *rocks_cursor_key(const rocks_cursor *c, size_t *size) {
    return (const uint8_t *)rocksdb_iter_key(c->iterator, size);
}
static inline const uint8_t *rocks_cursor_value(const rocks_cursor *c, size_t *size) {
    return (const uint8_t *)rocksdb_iter_value(c->iterator, size);
}

#endif
