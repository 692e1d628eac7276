/* The table of operations: what is remembered under each operation id, the queue of reservations by the moment they
 * end, and the queue of resolved operations by age. Belongs to the writer; no other thread looks into it.
 *
 * An operation is open (a reservation that holds exposure: in the expiry queue) or resolved (in the age queue, oldest
 * first). Entries are found by id and named by a reference of 32 bits, which is stable until the entry is dropped.
 *
 * Recovery fills the table with operations_load in any order and builds the queues once, with operations_rebuild. */
#ifndef XINYI_ENGINE_OPERATIONS_H
#define XINYI_ENGINE_OPERATIONS_H

#include "base/limits.h"
#include "engine/arena.h"
#include "engine/ledger.h"

#define OPERATIONS_NONE UINT32_MAX

typedef struct operations_slot {
    uint32_t fragment; /* low half of the hash */
    uint32_t ref_plus; /* reference + 1; 0 free */
} operations_slot;

typedef struct operations_shard {
    operations_slot *slots;
    uint32_t mask; /* number of slots - 1; 0 if there are none */
    uint32_t used;
} operations_shard;

typedef struct operations_due {
    int64_t expires_ms;
    uint32_t ref;
} operations_due;

typedef struct operations {
    uint64_t seed;
    arena *memory;
    uint8_t *base;
    uint32_t blocks; /* taken from the arena */
    uint32_t filled; /* entries ever used: references below it exist */
    uint32_t free_head, free_count;
    uint32_t count; /* entries in use */
    uint32_t oldest, newest, resolved;
    operations_due *heap; /* open reservations, next to end first */
    uint32_t open, heap_room;
    operations_shard shards[LIMIT_SHARDS];
} operations;

/* max_operations bounds address space, not memory. NO_MEMORY. */
status operations_init(operations *o, uint64_t seed, uint32_t max_operations) MUST_CHECK;
void operations_deinit(operations *o);

uint64_t operations_hash(const operations *o, const operation_id *id);
static inline unsigned operations_shard_of(uint64_t hash) { return (unsigned)(hash >> 56); }

/* Asks for the cache line in which operations_find begins; later, when that is there, for the entry it leads to. */
void operations_prefetch(const operations *o, uint64_t hash);
void operations_prefetch_entry(const operations *o, uint64_t hash);
uint32_t operations_find(const operations *o, uint64_t hash, const operation_id *id);
const operation_entry *operations_at(const operations *o, uint32_t ref);

/* Room for `total` further entries, `in_shard` of them in this shard and `open` of them open reservations. Then
 * operations_add cannot fail for them. NO_MEMORY, CAPACITY: nothing is changed. */
status operations_reserve(operations *o, unsigned shard, uint32_t in_shard, uint32_t total, uint32_t open) MUST_CHECK;
/* Adds an entry whose id is not known; open or resolved by its state. `previous`: the operation that changed the same
 * account before it, OPERATIONS_NONE if it changed none or was the first. Returns its reference. */
uint32_t operations_add(operations *o, uint64_t hash, const operation_entry *e, uint32_t previous);
/* Replaces an open entry by its resolved state. */
void operations_resolve(operations *o, uint32_t ref, const operation_entry *e);

/* The operation that changed the same account before this one; OPERATIONS_NONE if it is not known any more. */
uint32_t operations_previous(const operations *o, uint32_t ref);

/* The age queue: the operation resolved first, and the one after it; OPERATIONS_NONE at the end. */
uint32_t operations_oldest(const operations *o);
uint32_t operations_younger(const operations *o, uint32_t ref);
/* How many of the oldest were resolved at or before this second; stops counting at `most`. */
uint32_t operations_count_old(const operations *o, int64_t resolved_s, uint32_t most);
/* Drops the n oldest; there must be so many. */
void operations_drop_oldest(operations *o, uint32_t n);

/* When the next open reservation ends; INT64_MAX if none is open. */
int64_t operations_next_due_ms(const operations *o);
/* Walks the open reservations that end at or before now_ms, in no particular order: *at begins as OPERATIONS_NONE.
 * Returns OPERATIONS_NONE behind the last. The table must not change during the walk. */
uint32_t operations_walk_due(const operations *o, int64_t now_ms, uint32_t *at);

/* Recovery. */
status operations_load(operations *o, const operation_entry *e) MUST_CHECK; /* adds or replaces */
void operations_unload(operations *o, const operation_id *id);              /* unknown ids are no mistake */
status operations_rebuild(operations *o) MUST_CHECK;                        /* NO_MEMORY */
/* References below this one exist; a free one holds a zero id. In the order of loading, as long as none was dropped. */
uint32_t operations_end(const operations *o);
void operations_set_previous(operations *o, uint32_t ref, uint32_t previous);

size_t operations_bytes(const operations *o); /* memory in use */

/* The invariant walker; false with one sentence. */
bool operations_check(const operations *o, char *problem, size_t room);

#endif
