/* An overlay: the pending states of one kind of thing within a commit group, found by key. Items have a fixed size and
 * begin with their key; they keep the order in which they were added. Emptied after every group, memory kept, so that a
 * group of a usual size allocates nothing.
 *
 * One thread. Pointers to items are valid until the next overlay_reserve. */
#ifndef XINYI_ENGINE_OVERLAY_H
#define XINYI_ENGINE_OVERLAY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct overlay {
    size_t item_size, key_size;
    uint8_t *items;   /* capacity × item_size */
    uint64_t *hashes; /* of each item */
    uint32_t *places; /* the slot of each item, for emptying */
    uint32_t *slots;  /* item index + 1, 0 free; linear probing; at least 2 × capacity of them */
    uint32_t count, capacity, mask;
} overlay;

void overlay_init(overlay *o, size_t item_size, size_t key_size);
void overlay_deinit(overlay *o);
/* Room for `more` further items: overlay_add cannot fail for so many. False without memory; nothing is lost then. */
bool overlay_reserve(overlay *o, uint32_t more);
/* NULL if there is none. */
void *overlay_find(const overlay *o, uint64_t hash, const void *key);
/* Adds an item that is not there yet, uninitialised: the caller fills it, its key first of all. */
void *overlay_add(overlay *o, uint64_t hash);
/* Takes back the last addition. */
void overlay_drop_last(overlay *o);
void overlay_clear(overlay *o);

/* Of an item in it. */
static inline uint32_t overlay_index(const overlay *o, const void *within) {
    return (uint32_t)((size_t)((const uint8_t *)within - o->items) / o->item_size);
}

static inline void *overlay_at(const overlay *o, uint32_t index) { return o->items + index * o->item_size; }

#endif
