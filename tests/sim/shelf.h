/* A small database on the simulated disk, as much of RocksDB as the journal needs: families of keys, batches that are
 * written whole or not at all, a write-ahead log with checksums whose torn end is dropped, and an opening that writes
 * what it found into a new, synced file. Not RocksDB's code but its promises.
 *
 * After a failed write nothing may be written before the shelf is opened again: what is read then is the truth. */
#ifndef XINYI_TESTS_SIM_SHELF_H
#define XINYI_TESTS_SIM_SHELF_H

#include "base/buf.h"
#include "base/limits.h"
#include "tests/sim/disk.h"

#define SHELF_META 0 /* tables have their own numbers, engine/change.h */
#define SHELF_LOG 32

typedef struct shelf_item {
    uint8_t family, key_length;
    uint8_t key[LIMIT_KEY_BYTES];
    uint8_t *value; /* owned */
    size_t length;
} shelf_item;

typedef struct shelf {
    disk *d;
    unsigned file;
    shelf_item *items; /* by family and key */
    size_t count, room;
    uint64_t frames; /* written to the file */
    buf batch, frame;
} shelf;

/* Everything that was written whole, in a new file. CLOSED, IO_ERROR, NO_SPACE: try again. */
status shelf_open(disk *d, shelf *s) MUST_CHECK;
void shelf_close(shelf *s);

/* Into the batch. */
void shelf_put(shelf *s, unsigned family, const void *key, size_t key_length, const void *value, size_t length);
void shelf_delete(shelf *s, unsigned family, const void *key, size_t key_length);
void shelf_cut(shelf *s, unsigned family, const void *upto, size_t key_length); /* all keys up to this one */
/* The batch, as one; it is empty afterwards. `sync_at` DISK_PLACES: not synced. */
status shelf_write(shelf *s, disk_place at, disk_place sync_at) MUST_CHECK;

/* Places of a family's items: the first with a key not before this one (NULL: its first); items[i] as long as they are
 * of the family. */
size_t shelf_seek(const shelf *s, unsigned family, const void *key, size_t key_length);
static inline const shelf_item *shelf_at(const shelf *s, unsigned family, size_t place) {
    return place < s->count && s->items[place].family == family ? &s->items[place] : NULL;
}
const shelf_item *shelf_get(const shelf *s, unsigned family, const void *key, size_t key_length);

#endif
