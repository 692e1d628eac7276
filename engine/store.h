/* The store: fixed-size records found by subject id, one writer, any number of readers that never lock or wait.
 *
 * Used twice: for profiles (64 bytes, one cache line) and for guarantee accounts (larger; their key is the subject id
 * with the program in the high nibble of the kind byte). Every record begins with
 *     subject_id id;    12 bytes, the key
 *     uint32_t   seq;   sequence counter: bit 0 set while the writer is inside; version = seq >> 1
 *
 * Structure: 256 shards by the high byte of the seeded XXH3 of the key. A shard has an index of cache-line buckets
 * (12 tags of 8 bits compared at once, 12 references of 32 bits, overflow to the next bucket) over a dense arena of
 * records. A lookup is two cache misses: bucket, record. Arena memory is one reservation of address space, committed in
 * large huge-page-advised pieces and handed to shards in small blocks, so the cost of a record is its size + 6–11
 * bytes.
 *
 * Threading: one writer at a time calls the functions marked [writer]; different shards may be filled by different
 * threads during recovery only (store_load). Readers [reader] may run beside the writer at any time, provided each
 * reading thread follows base/rcu.h: registered, and passing a quiescent point now and then. An index replaced by
 * growth is freed once all readers have passed one.
 *
 * Errors: NO_MEMORY, CAPACITY (the reserved address space is used up). Nothing is changed then. */
#ifndef XINYI_ENGINE_STORE_H
#define XINYI_ENGINE_STORE_H

#include "base/status.h"
#include "base/subject.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct store store;

typedef struct store_options {
    size_t record_size;   /* multiple of 64, at most STORE_RECORD_MAX */
    uint32_t max_records; /* bounds address space, not memory */
    uint64_t seed;        /* secret of the data directory: nobody can choose collisions */
} store_options;

#define STORE_RECORD_MAX 512
#define STORE_RECORDS_MAX 4000000000u /* references have 32 bits */

/* max_records records fit wherever the hash puts them (some per cent more may). CAPACITY if max_records is over
 * STORE_RECORDS_MAX, NO_MEMORY if the address space cannot be had. */
status store_create(const store_options *options, store **out) MUST_CHECK;
/* No reader may be inside, no snapshot be open. Accepts NULL. */
void store_destroy(store **s);

uint64_t store_hash(const store *s, const subject_id *key);
static inline unsigned store_shard_of(uint64_t hash) { return (unsigned)(hash >> 56); }

/* [reader] Copies a consistent record to `out` (record_size bytes; seq even); false if there is none: `out` may then
 * have been written to, for instance with a record removed meanwhile. */
bool store_read(const store *s, const subject_id *key, void *out);

/* [reader] Many at once, as passes over the batch: hash, prefetch buckets, probe, prefetch records, copy.
 * `key_stride` and `out_stride` are distances in bytes, so that keys can lie inside request entries and copies inside
 * larger structures. found[i] tells whether out i is a record. Returns how many were found. Any n; keys may repeat. */
size_t store_read_batch(const store *s, const void *keys, size_t key_stride, size_t n, void *out, size_t out_stride,
                        bool *found);
/* Asks for the cache lines that lookups of these keys will need, and changes nothing. */
void store_prefetch(const store *s, const subject_id *keys, size_t n);

/* [writer] Inserts or replaces the record whose id is in `record`. The stored seq is the record's with bit 0 clear:
 * the caller sets the version. */
status store_write(store *s, const void *record) MUST_CHECK;
/* [writer] Removes; false if there was none. The slot is reused by a later insert. */
bool store_remove(store *s, const subject_id *key);
/* As store_write for a shard that no other thread writes to at the moment: recovery fills shards in parallel. The same
 * holds for store_reserve. */
status store_load(store *s, const void *record) MUST_CHECK;
/* [writer] Makes room in the shard for `more` further records: writing them cannot fail then. Also spares steps during
 * a bulk load. */
status store_reserve(store *s, unsigned shard, size_t more) MUST_CHECK;

/* [reader] Number of records; a moment's value beside a writer. */
size_t store_count(const store *s);

/* A position in a walk over all records: 0 starts. Opaque otherwise; stays valid over growth. Records present for the
 * whole walk are seen exactly once; those added or removed meanwhile may be seen or not. */
typedef uint64_t store_cursor;

/* [reader] Copies up to `max` records from *cursor on to out (record_size apart) and moves the cursor. If `after` is
 * not NULL, after[i] is the cursor that continues behind record i. Returns how many; 0 means the walk is over. */
size_t store_scan(const store *s, store_cursor *cursor, void *out, store_cursor *after, size_t max);

/* A snapshot: the records as they are at one moment, walked while the writer goes on. Before the writer overwrites,
 * adds or removes a record for the first time it keeps what was there, so memory follows the changes made meanwhile:
 * some 16 bytes more than a record each. Beyond max_changes, or without memory, the snapshot is spoilt and says so:
 * what it gives from then on may be wrong. One at a time a store. Without a snapshot a write pays one branch that is
 * always foretold.
 *
 * The walk is cut into `store_snapshot_parts` parts of about a MiB of neighbouring records, each walked by one thread;
 * parts may be walked by different threads at once. All parts together give every record of the moment exactly once. */
typedef struct store_snapshot store_snapshot;
/* [writer] max_changes at least 1. OVERLOADED if there is one already, NO_MEMORY. */
status store_snapshot_begin(store *s, uint32_t max_changes, store_snapshot **out) MUST_CHECK;
unsigned store_snapshot_parts(const store_snapshot *n);
/* The number of records it has. */
size_t store_snapshot_count(const store_snapshot *n);
/* [reader] Copies up to `max` records of a part from *cursor (0 starts) on. 0: the part is over. */
size_t store_snapshot_scan(const store_snapshot *n, unsigned part, store_cursor *cursor, void *out, size_t max);
/* [reader] One record as it was; false if there was none: `out` may have been written to. Works for parts that have
 * been walked already too. */
bool store_snapshot_read(const store_snapshot *n, const subject_id *key, void *out);
bool store_snapshot_spoilt(const store_snapshot *n); /* any thread; what was read before it said no was right */
/* [writer] No reader may be inside; frees it. Accepts NULL. */
void store_snapshot_end(store *s, store_snapshot **n);

typedef struct store_stats {
    size_t records;
    size_t arena_bytes; /* memory committed for records */
    size_t index_bytes; /* memory of all indexes */
    size_t buckets;
    size_t overflowed; /* records outside their home bucket */
    uint64_t growths;  /* indexes replaced so far */
} store_stats;
void store_get_stats(const store *s, store_stats *out); /* [writer] */

/* [writer] The invariant walker: every record is reachable by its key and only once, tags and counts agree, no writer
 * bit is left, arena and free list add up. Returns true; else false with one sentence in `problem`. */
bool store_check(const store *s, char *problem, size_t room);

#endif
