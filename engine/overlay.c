/* Open addressing over an array of items in the order of their addition. Emptying costs the number of items, not the
 * size of the table, so one huge group does not make the small ones after it slow. Load stays at or below one half. */
#include "engine/overlay.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u

void overlay_init(overlay *o, size_t item_size, size_t key_size) {
    *o = (overlay){.item_size = item_size, .key_size = key_size};
}

void overlay_deinit(overlay *o) {
    free(o->items);
    free(o->hashes);
    free(o->places);
    free(o->slots);
    overlay_init(o, o->item_size, o->key_size);
}

static void place(overlay *o, uint32_t index) {
    uint32_t slot = (uint32_t)o->hashes[index] & o->mask;
    while (o->slots[slot] != 0) slot = (slot + 1) & o->mask;
    o->slots[slot] = index + 1;
    o->places[index] = slot;
}

/* realloc that leaves *array alone when there is no memory */
static bool enlarge(void *array, size_t count, size_t size) {
    void *old;
    memcpy(&old, array, sizeof old);
    void *bigger = realloc(old, count * size);
    if (bigger == NULL) return false;
    memcpy(array, &bigger, sizeof bigger);
    return true;
}

bool overlay_reserve(overlay *o, uint32_t more) {
    if (more <= o->capacity - o->count) return true;
    if (more > UINT32_MAX / 8 - o->count) return false;
    uint32_t capacity = o->capacity == 0 ? FIRST_CAPACITY : o->capacity;
    while (capacity - o->count < more) capacity *= 2;
    if (!enlarge(&o->items, capacity, o->item_size)) return false;
    if (!enlarge(&o->hashes, capacity, sizeof *o->hashes)) return false;
    if (!enlarge(&o->places, capacity, sizeof *o->places)) return false;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (slots == NULL) return false;
    free(o->slots);
    o->slots = slots;
    o->capacity = capacity;
    o->mask = capacity * 2 - 1;
    for (uint32_t i = 0; i < o->count; i++) place(o, i);
    return true;
}

void *overlay_find(const overlay *o, uint64_t hash, const void *key) {
    if (o->count == 0) return NULL;
    for (uint32_t slot = (uint32_t)hash & o->mask; o->slots[slot] != 0; slot = (slot + 1) & o->mask) {
        uint32_t index = o->slots[slot] - 1;
        if (o->hashes[index] != hash) continue;
        void *item = overlay_at(o, index);
        if (memcmp(item, key, o->key_size) == 0) return item;
    }
    return NULL;
}

void *overlay_add(overlay *o, uint64_t hash) {
    CHECK(o->count < o->capacity);
    uint32_t index = o->count++;
    o->hashes[index] = hash;
    place(o, index);
    return overlay_at(o, index);
}

void overlay_drop_last(overlay *o) {
    CHECK(o->count > 0);
    /* nothing was added behind it, so no probe passes over its slot to another item */
    o->slots[o->places[--o->count]] = 0;
}

void overlay_clear(overlay *o) {
    for (uint32_t i = 0; i < o->count; i++) o->slots[o->places[i]] = 0;
    o->count = 0;
}
