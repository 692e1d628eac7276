/* Entries lie in an arena and never move. Beside each block of entries lies one link per entry, which is whatever the
 * entry's place in life needs: the next in the age queue, the position in the expiry heap, or the next free entry; and
 * the reference of the operation that changed the same account before it.
 *
 * The index is 256 open-addressing tables of 8-byte slots, because one table of tens of millions would stall a commit
 * for seconds when it grows; a small one takes well under a millisecond. A slot keeps half of the hash, so growing
 * never touches the entries. Removal shifts back, so there are no tombstones.
 *
 * The expiry queue is a binary heap that knows each entry's position: a reservation that is committed leaves at once,
 * so the heap is as large as what is open, not as what was opened in a time to live.
 *
 * Invariants: every entry in use is in the index under its hash; open ones are in the heap at the position their link
 * tells, all others in the age queue; open + resolved = count; free + count = filled.
 * Cost: finding two cache misses; 136 bytes an operation and some 12 of index. */
#include "engine/operations.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define BLOCK_SHIFT 9u
#define BLOCK_ENTRIES (1u << BLOCK_SHIFT)
#define BLOCK_BYTES (BLOCK_ENTRIES * (sizeof(operation_entry) + 2 * sizeof(uint32_t)))
#define FIRST_SLOTS 16u
#define FIRST_HEAP 256u

static uint8_t *block_of(const operations *o, uint32_t ref) { return o->base + (ref >> BLOCK_SHIFT) * BLOCK_BYTES; }

static operation_entry *entry_of(const operations *o, uint32_t ref) {
    return (operation_entry *)(void *)block_of(o, ref) + (ref & (BLOCK_ENTRIES - 1));
}

static uint32_t *link_of(const operations *o, uint32_t ref) {
    uint8_t *links = block_of(o, ref) + BLOCK_ENTRIES * sizeof(operation_entry);
    return (uint32_t *)(void *)links + (ref & (BLOCK_ENTRIES - 1));
}

static uint32_t *previous_of(const operations *o, uint32_t ref) { return link_of(o, ref) + BLOCK_ENTRIES; }

static int64_t expires_ms(const operation_entry *e) { return e->at_ms + e->life_ms; }

static bool in_use(const operation_entry *e) {
    static const operation_id none;
    return memcmp(&e->request.id, &none, sizeof none) != 0;
}

status operations_init(operations *o, uint64_t seed, uint32_t max_operations) {
    *o = (operations){.seed = seed, .free_head = OPERATIONS_NONE, .oldest = OPERATIONS_NONE, .newest = OPERATIONS_NONE};
    status code = arena_create(BLOCK_BYTES, (max_operations >> BLOCK_SHIFT) + 1, &o->memory);
    if (code == STATUS_OK) o->base = arena_base(o->memory);
    return code;
}

void operations_deinit(operations *o) {
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) free(o->shards[i].slots);
    free(o->heap);
    arena_drop(o->memory);
    *o = (operations){0};
}

uint64_t operations_hash(const operations *o, const operation_id *id) {
    return XXH3_64bits_withSeed(id->bytes, sizeof id->bytes, o->seed);
}

const operation_entry *operations_at(const operations *o, uint32_t ref) { return entry_of(o, ref); }

/* ------------------------------------------------------------------ index */

static uint32_t slot_limit(const operations_shard *sh) { return sh->slots == NULL ? 0 : (sh->mask + 1) / 4 * 3; }

static void place(operations_shard *sh, operations_slot what) {
    uint32_t at = what.fragment & sh->mask;
    while (sh->slots[at].ref_plus != 0) at = (at + 1) & sh->mask;
    sh->slots[at] = what;
}

static status grow_index(operations_shard *sh, uint32_t more) {
    if (more <= slot_limit(sh) - sh->used) return STATUS_OK;
    uint64_t wanted = (uint64_t)sh->used + more;
    uint64_t slots = sh->slots == NULL ? FIRST_SLOTS : (uint64_t)sh->mask + 1;
    while (slots / 4 * 3 < wanted) slots *= 2;
    if (slots > UINT32_MAX / 2) return STATUS_CAPACITY;
    operations_shard larger = {.slots = calloc(slots, sizeof *larger.slots), .mask = (uint32_t)(slots - 1)};
    if (larger.slots == NULL) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; sh->slots != NULL && i <= sh->mask; i++)
        if (sh->slots[i].ref_plus != 0) place(&larger, sh->slots[i]);
    larger.used = sh->used;
    free(sh->slots);
    *sh = larger;
    return STATUS_OK;
}

/* The slot of an id, or OPERATIONS_NONE. */
static uint32_t find_slot(const operations *o, const operations_shard *sh, uint64_t hash, const operation_id *id) {
    if (sh->slots == NULL) return OPERATIONS_NONE;
    for (uint32_t at = (uint32_t)hash & sh->mask; sh->slots[at].ref_plus != 0; at = (at + 1) & sh->mask) {
        operations_slot slot = sh->slots[at];
        if (slot.fragment != (uint32_t)hash) continue;
        if (memcmp(&entry_of(o, slot.ref_plus - 1)->request.id, id, sizeof *id) == 0) return at;
    }
    return OPERATIONS_NONE;
}

uint32_t operations_find(const operations *o, uint64_t hash, const operation_id *id) {
    const operations_shard *sh = &o->shards[operations_shard_of(hash)];
    uint32_t at = find_slot(o, sh, hash, id);
    return at == OPERATIONS_NONE ? OPERATIONS_NONE : sh->slots[at].ref_plus - 1;
}

void operations_prefetch(const operations *o, uint64_t hash) {
    const operations_shard *sh = &o->shards[operations_shard_of(hash)];
    if (sh->slots != NULL) __builtin_prefetch(&sh->slots[(uint32_t)hash & sh->mask]);
}

void operations_prefetch_entry(const operations *o, uint64_t hash) {
    const operations_shard *sh = &o->shards[operations_shard_of(hash)];
    if (sh->slots == NULL) return;
    uint32_t at = (uint32_t)hash & sh->mask;
    while (sh->slots[at].ref_plus != 0 && sh->slots[at].fragment != (uint32_t)hash) at = (at + 1) & sh->mask;
    if (sh->slots[at].ref_plus == 0) return;
    const operation_entry *e = entry_of(o, sh->slots[at].ref_plus - 1);
    __builtin_prefetch(&e->request);
    __builtin_prefetch(&e->resolved_s);
}

/* Frees a slot and moves back those behind it that had to step over it. */
static void vacate(operations_shard *sh, uint32_t hole) {
    for (uint32_t at = (hole + 1) & sh->mask; sh->slots[at].ref_plus != 0; at = (at + 1) & sh->mask) {
        uint32_t home = sh->slots[at].fragment & sh->mask;
        if (((at - home) & sh->mask) < ((at - hole) & sh->mask)) continue;
        sh->slots[hole] = sh->slots[at];
        hole = at;
    }
    sh->slots[hole] = (operations_slot){0};
    sh->used--;
}

/* ------------------------------------------------------------------ expiry queue */

static void heap_put(operations *o, uint32_t at, operations_due what) {
    o->heap[at] = what;
    *link_of(o, what.ref) = at;
}

static void heap_up(operations *o, uint32_t at, operations_due what) {
    while (at > 0 && o->heap[(at - 1) / 2].expires_ms > what.expires_ms) {
        heap_put(o, at, o->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(o, at, what);
}

static void heap_down(operations *o, uint32_t at, operations_due what) {
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= o->open) break;
        if (child + 1 < o->open && o->heap[child + 1].expires_ms < o->heap[child].expires_ms) child++;
        if (o->heap[child].expires_ms >= what.expires_ms) break;
        heap_put(o, at, o->heap[child]);
        at = child;
    }
    heap_put(o, at, what);
}

static void heap_add(operations *o, uint32_t ref) {
    CHECK(o->open < o->heap_room);
    operations_due due = {.expires_ms = expires_ms(entry_of(o, ref)), .ref = ref};
    heap_up(o, o->open++, due);
}

static void heap_remove(operations *o, uint32_t at) {
    operations_due last = o->heap[--o->open];
    if (at == o->open) return;
    if (at > 0 && o->heap[(at - 1) / 2].expires_ms > last.expires_ms)
        heap_up(o, at, last);
    else
        heap_down(o, at, last);
}

static status grow_heap(operations *o, uint32_t more) {
    if (more <= o->heap_room - o->open) return STATUS_OK;
    uint64_t wanted = (uint64_t)o->open + more;
    uint64_t room = o->heap_room == 0 ? FIRST_HEAP : o->heap_room;
    while (room < wanted) room *= 2;
    if (room > UINT32_MAX / 2) return STATUS_CAPACITY; /* positions of children fit 32 bits */
    operations_due *larger = realloc(o->heap, room * sizeof *larger);
    if (larger == NULL) return STATUS_NO_MEMORY;
    o->heap = larger;
    o->heap_room = (uint32_t)room;
    return STATUS_OK;
}

int64_t operations_next_due_ms(const operations *o) { return o->open == 0 ? INT64_MAX : o->heap[0].expires_ms; }

static bool is_due(const operations *o, uint32_t at, int64_t now_ms) {
    return at < o->open && o->heap[at].expires_ms <= now_ms;
}

/* The due part of a heap is a tree that begins at its root: walk it depth first, without a stack. */
static uint32_t due_after(const operations *o, uint32_t at, int64_t now_ms) {
    if (is_due(o, at * 2 + 1, now_ms)) return at * 2 + 1;
    if (is_due(o, at * 2 + 2, now_ms)) return at * 2 + 2;
    for (; at != 0; at = (at - 1) / 2)
        if (at % 2 == 1 && is_due(o, at + 1, now_ms)) return at + 1;
    return OPERATIONS_NONE;
}

uint32_t operations_walk_due(const operations *o, int64_t now_ms, uint32_t *at) {
    if (*at == OPERATIONS_NONE)
        *at = is_due(o, 0, now_ms) ? 0 : OPERATIONS_NONE;
    else
        *at = due_after(o, *at, now_ms);
    return *at == OPERATIONS_NONE ? OPERATIONS_NONE : o->heap[*at].ref;
}

/* ------------------------------------------------------------------ age queue */

static void age_append(operations *o, uint32_t ref) {
    *link_of(o, ref) = OPERATIONS_NONE;
    if (o->newest == OPERATIONS_NONE)
        o->oldest = ref;
    else
        *link_of(o, o->newest) = ref;
    o->newest = ref;
    o->resolved++;
}

uint32_t operations_oldest(const operations *o) { return o->oldest; }

uint32_t operations_younger(const operations *o, uint32_t ref) { return *link_of(o, ref); }

/* ------------------------------------------------------------------ entries */

static status grow_entries(operations *o, uint32_t more) {
    while (more > (o->blocks << BLOCK_SHIFT) - o->filled + o->free_count) {
        uint32_t block;
        status code = arena_take(o->memory, &block);
        if (code != STATUS_OK) return code;
        CHECK(block == o->blocks); /* none is ever given back */
        o->blocks++;
    }
    return STATUS_OK;
}

status operations_reserve(operations *o, unsigned shard, uint32_t in_shard, uint32_t total, uint32_t open) {
    status code = grow_index(&o->shards[shard], in_shard);
    if (code == STATUS_OK) code = grow_entries(o, total);
    if (code == STATUS_OK) code = grow_heap(o, open);
    return code;
}

/* A new entry, in the index but in no queue. */
static uint32_t insert(operations *o, uint64_t hash, const operation_entry *e) {
    operations_shard *sh = &o->shards[operations_shard_of(hash)];
    CHECK(sh->used < slot_limit(sh));
    uint32_t ref = o->free_head;
    if (ref != OPERATIONS_NONE) {
        o->free_head = *link_of(o, ref);
        o->free_count--;
    } else {
        CHECK(o->filled < o->blocks << BLOCK_SHIFT);
        ref = o->filled++;
    }
    *entry_of(o, ref) = *e;
    place(sh, (operations_slot){.fragment = (uint32_t)hash, .ref_plus = ref + 1});
    sh->used++;
    o->count++;
    return ref;
}

/* Takes an entry that is in no queue out of the index. */
static void take_out(operations *o, uint64_t hash, uint32_t ref) {
    operation_entry *e = entry_of(o, ref);
    operations_shard *sh = &o->shards[operations_shard_of(hash)];
    uint32_t at = find_slot(o, sh, hash, &e->request.id);
    CHECK(at != OPERATIONS_NONE);
    vacate(sh, at);
    *e = (operation_entry){0};
    o->count--;
}

static void set_free(operations *o, uint32_t ref) {
    *link_of(o, ref) = o->free_head;
    o->free_head = ref;
    o->free_count++;
}

static void discard(operations *o, uint64_t hash, uint32_t ref) {
    take_out(o, hash, ref);
    set_free(o, ref);
}

uint32_t operations_add(operations *o, uint64_t hash, const operation_entry *e, uint32_t previous) {
    uint32_t ref = insert(o, hash, e);
    *previous_of(o, ref) = previous;
    if (e->state == OPERATION_OPEN)
        heap_add(o, ref);
    else
        age_append(o, ref);
    return ref;
}

void operations_set_previous(operations *o, uint32_t ref, uint32_t previous) { *previous_of(o, ref) = previous; }

/* An entry that was dropped leaves its reference behind in the one after it, and may have been used again since. */
uint32_t operations_previous(const operations *o, uint32_t ref) {
    uint32_t previous = *previous_of(o, ref);
    if (previous == OPERATIONS_NONE || previous >= o->filled) return OPERATIONS_NONE;
    const operation_entry *e = entry_of(o, ref), *before = entry_of(o, previous);
    if (!in_use(before) || before->status != STATUS_OK || before->request.program != e->request.program ||
        !subject_equal(&before->request.subject, &e->request.subject))
        return OPERATIONS_NONE;
    return (int32_t)((before->account_version - e->account_version) << 1) < 0 ? previous : OPERATIONS_NONE;
}

uint32_t operations_end(const operations *o) { return o->filled; }

void operations_resolve(operations *o, uint32_t ref, const operation_entry *e) {
    CHECK(entry_of(o, ref)->state == OPERATION_OPEN && e->state != OPERATION_OPEN);
    heap_remove(o, *link_of(o, ref));
    *entry_of(o, ref) = *e;
    age_append(o, ref);
}

/* The oldest operations have long left the caches. Their links lie close together, so a scout walks the queue some
 * steps ahead of the work and asks for the lines that it will need. */
#define SCOUT 16u

static uint32_t scout(const operations *o, uint32_t ref) {
    return ref == OPERATIONS_NONE ? OPERATIONS_NONE : *link_of(o, ref);
}

uint32_t operations_count_old(const operations *o, int64_t resolved_s, uint32_t most) {
    uint32_t n = 0, ref = o->oldest, ahead = o->oldest;
    for (uint32_t i = 0; i < SCOUT; i++) ahead = scout(o, ahead);
    for (; n < most && ref != OPERATIONS_NONE && entry_of(o, ref)->resolved_s <= resolved_s; n++) {
        if (ahead != OPERATIONS_NONE) {
            __builtin_prefetch(&entry_of(o, ahead)->request);
            __builtin_prefetch(&entry_of(o, ahead)->resolved_s);
        }
        ahead = scout(o, ahead);
        ref = *link_of(o, ref);
    }
    return n;
}

static void drop_oldest(operations *o) {
    uint32_t ref = o->oldest;
    CHECK(ref != OPERATIONS_NONE);
    o->oldest = *link_of(o, ref);
    if (o->oldest == OPERATIONS_NONE) o->newest = OPERATIONS_NONE;
    o->resolved--;
    discard(o, operations_hash(o, &entry_of(o, ref)->request.id), ref);
}

void operations_drop_oldest(operations *o, uint32_t n) {
    uint32_t ahead = o->oldest;
    for (uint32_t i = 0; i < n + SCOUT; i++) {
        if (i < n && ahead != OPERATIONS_NONE)
            operations_prefetch(o, operations_hash(o, &entry_of(o, ahead)->request.id));
        if (i < n) ahead = scout(o, ahead);
        if (i >= SCOUT) drop_oldest(o);
    }
}

/* ------------------------------------------------------------------ recovery */

status operations_load(operations *o, const operation_entry *e) {
    uint64_t hash = operations_hash(o, &e->request.id);
    uint32_t ref = operations_find(o, hash, &e->request.id);
    if (ref != OPERATIONS_NONE) {
        *entry_of(o, ref) = *e;
        return STATUS_OK;
    }
    status code = operations_reserve(o, operations_shard_of(hash), 1, 1, 0);
    if (code == STATUS_OK) (void)insert(o, hash, e);
    return code;
}

/* Its place stays empty until the queues are built: references are in the order of loading until then. */
void operations_unload(operations *o, const operation_id *id) {
    uint64_t hash = operations_hash(o, id);
    uint32_t ref = operations_find(o, hash, id);
    if (ref != OPERATIONS_NONE) take_out(o, hash, ref);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

status operations_rebuild(operations *o) {
    uint32_t open = 0, n = 0;
    for (uint32_t ref = 0; ref < o->filled; ref++) open += entry_of(o, ref)->state == OPERATION_OPEN;
    o->open = 0;
    status code = grow_heap(o, open);
    if (code != STATUS_OK) return code;
    uint64_t *by_age = malloc((size_t)(o->count - open) * sizeof *by_age + 1);
    if (by_age == NULL) return STATUS_NO_MEMORY;
    for (uint32_t ref = 0; ref < o->filled; ref++) {
        const operation_entry *e = entry_of(o, ref);
        if (!in_use(e)) continue;
        if (e->state == OPERATION_OPEN)
            heap_add(o, ref);
        else
            by_age[n++] = (uint64_t)e->resolved_s << 32 | ref;
    }
    qsort(by_age, n, sizeof *by_age, by_value);
    o->oldest = o->newest = OPERATIONS_NONE;
    o->resolved = 0;
    for (uint32_t i = 0; i < n; i++) age_append(o, (uint32_t)by_age[i]);
    free(by_age);
    o->free_head = OPERATIONS_NONE;
    o->free_count = 0;
    for (uint32_t ref = 0; ref < o->filled; ref++)
        if (!in_use(entry_of(o, ref))) set_free(o, ref);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ measuring and checking */

size_t operations_bytes(const operations *o) {
    size_t bytes = o->blocks * BLOCK_BYTES + o->heap_room * sizeof *o->heap;
    for (unsigned i = 0; i < LIMIT_SHARDS; i++)
        if (o->shards[i].slots != NULL) bytes += ((size_t)o->shards[i].mask + 1) * sizeof(operations_slot);
    return bytes;
}

static bool entry_check(const operations *o, uint32_t ref, char *problem, size_t room) {
    const operation_entry *e = entry_of(o, ref);
    if (operations_find(o, operations_hash(o, &e->request.id), &e->request.id) != ref) {
        snprintf(problem, room, "operation %u is not found under its id", ref);
        return false;
    }
    if (!operation_entry_check(e)) {
        snprintf(problem, room, "operation %u is not a valid entry", ref);
        return false;
    }
    uint32_t at = *link_of(o, ref);
    if (e->state != OPERATION_OPEN) return true;
    if (at < o->open && o->heap[at].ref == ref && o->heap[at].expires_ms == expires_ms(e)) return true;
    snprintf(problem, room, "open reservation %u is not in the expiry queue", ref);
    return false;
}

static bool queues_check(const operations *o, char *problem, size_t room) {
    for (uint32_t at = 1; at < o->open; at++)
        if (o->heap[(at - 1) / 2].expires_ms > o->heap[at].expires_ms) {
            snprintf(problem, room, "the expiry queue is out of order at %u", at);
            return false;
        }
    uint32_t n = 0, last = OPERATIONS_NONE;
    for (uint32_t ref = o->oldest; ref != OPERATIONS_NONE && n <= o->resolved; ref = *link_of(o, ref), n++) {
        last = ref;
        if (ref >= o->filled || !in_use(entry_of(o, ref)) || entry_of(o, ref)->state == OPERATION_OPEN) {
            snprintf(problem, room, "the age queue holds an entry that is free or open");
            return false;
        }
    }
    if (n == o->resolved && last == o->newest) return true;
    snprintf(problem, room, "the age queue does not hold the %u entries it counts", o->resolved);
    return false;
}

bool operations_check(const operations *o, char *problem, size_t room) {
    uint32_t used = 0, open = 0, indexed = 0;
    for (uint32_t ref = 0; ref < o->filled; ref++) {
        const operation_entry *e = entry_of(o, ref);
        if (!in_use(e)) continue;
        if (!entry_check(o, ref, problem, room)) return false;
        used++;
        open += e->state == OPERATION_OPEN;
    }
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) indexed += o->shards[i].used;
    if (used != o->count || indexed != o->count || open != o->open || open + o->resolved != o->count ||
        o->count + o->free_count != o->filled) {
        snprintf(problem, room, "operations do not add up: %u in use, %u counted, %u indexed, %u open, %u resolved",
                 used, o->count, indexed, o->open, o->resolved);
        return false;
    }
    return queues_check(o, problem, room);
}
