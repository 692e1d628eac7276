/* An arena: one reservation of address space, cut into equal blocks that are taken one by one.
 *
 * Memory is committed behind the blocks as they are taken, in pieces that grow up to 32 MiB, and is advised to be huge
 * pages once there are enough blocks to fill them. A block never moves, so block numbers serve as references. Blocks
 * that were given back are taken again before new ones; memory is not returned to the system before the end.
 *
 * Ownership: counted. Whoever holds blocks that outlive the creator (an index waiting for its grace period) holds the
 * arena too; the last arena_drop unmaps it. Threading: every function from any thread; arena_take locks, so blocks
 * should be large. Content of a block: zero when taken for the first time, anything when taken again.
 * Left out of core dumps: it holds personal data. */
#ifndef XINYI_ENGINE_ARENA_H
#define XINYI_ENGINE_ARENA_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct arena arena;

/* Reserves max_blocks blocks of block_bytes (a multiple of 64, at most 1 MiB). NO_MEMORY if the address space cannot be
 * had. */
status arena_create(size_t block_bytes, uint32_t max_blocks, arena **out) MUST_CHECK;
arena *arena_hold(arena *a);
void arena_drop(arena *a); /* accepts NULL */

/* Address of block 0, aligned to a huge page; block n begins n * block_bytes further. Constant. */
uint8_t *arena_base(const arena *a);

/* CAPACITY: the reservation is used up; NO_MEMORY: the system refuses to commit more. Nothing is changed then. */
status arena_take(arena *a, uint32_t *block) MUST_CHECK;
/* Nobody may still look at the block. */
void arena_give(arena *a, uint32_t block);

typedef struct arena_use {
    uint32_t taken; /* blocks ever taken: what may be resident */
    uint32_t idle;  /* of these, given back and waiting to be taken again */
    size_t block_bytes;
} arena_use;
arena_use arena_get_use(arena *a);

/* malloc and calloc for the few other allocations of the store and of what works on its snapshots, so that tests can
 * make any of them fail. */
void *arena_malloc(size_t bytes);
void *arena_calloc(size_t count, size_t size);

/* For tests only: if set, called before every allocation of any arena, of arena_malloc and of arena_calloc; true makes
 * it fail. Set it while no other thread allocates. */
extern bool (*arena_fault)(void);

#endif
