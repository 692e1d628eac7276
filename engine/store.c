/* The writer's half of the store; store_read.c is the readers'. store_internal.h tells how slots are protected.
 *
 * The records are the truth and the index is derived: growing scans the shard's blocks in order, which is sequential,
 * and fills a new index that fits the second-level cache (a shard of 200,000 records takes some milliseconds). The new
 * index is published by one store, the old one retired. A reader inside the old one loses nothing that was there all
 * the time, for records do not move.
 *
 * Invariants: every slot below `used` is either in the index, under its own hash, or in the free list; records =
 * entries of the index; free + records = used. store_check.c walks them.
 * Cost: insert and replace take the two cache misses of a lookup; a block of 16 KiB a shard is the slack. */
#include "engine/store.h"

#include "base/check.h"
#include "base/rcu.h"
#include "engine/store_internal.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384u

static unsigned shift_for(size_t record_size) {
    unsigned shift = 0;
    while ((record_size << (shift + 1)) <= BLOCK_BYTES) shift++;
    return shift;
}

/* Room for max_records wherever the hash puts them: a partly filled block a shard; and, as freed slots stay with their
 * shard, one part in 32 more for the drift between shards as subjects come and go. */
static uint32_t record_blocks_for(uint32_t max_records, unsigned shift) {
    if (max_records == 0) return 0;
    uint64_t wanted = (uint64_t)max_records + max_records / 32;
    return (uint32_t)((wanted + (1u << shift) - 1) >> shift) + LIMIT_SHARDS - 1;
}

/* Indexes of full size, with those of the growths before them waiting for slow readers. Address space, not memory. */
static uint32_t pool_chunks_for(uint32_t max_records) {
    uint64_t full = store_index_buckets_for((uint64_t)max_records + max_records / 4) / STORE_INDEX_CHUNK;
    return (uint32_t)(6 * (full + 4 * LIMIT_SHARDS));
}

status store_create(const store_options *options, store **out) {
    CHECK(options->record_size >= 64 && options->record_size % 64 == 0 && options->record_size <= STORE_RECORD_MAX);
    if (options->max_records > STORE_RECORDS_MAX) return STATUS_CAPACITY;
    if (arena_fault != NULL && arena_fault()) return STATUS_NO_MEMORY;
    store *s = aligned_alloc(64, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    memset(s, 0, sizeof *s);
    s->record_size = options->record_size;
    s->words = options->record_size / 8;
    s->seed = options->seed;
    s->block_shift = shift_for(options->record_size);
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) s->shards[i].free_head = STORE_NO_SLOT;
    status code = arena_create(options->record_size << s->block_shift,
                               record_blocks_for(options->max_records, s->block_shift), &s->records);
    if (code == STATUS_OK)
        code = arena_create(STORE_INDEX_CHUNK_BYTES, pool_chunks_for(options->max_records), &s->pool);
    if (code != STATUS_OK) {
        store_destroy(&s);
        return code;
    }
    s->base = arena_base(s->records);
    *out = s;
    return STATUS_OK;
}

void store_destroy(store **s) {
    if (*s == NULL) return;
    CHECK((*s)->snapshot == NULL);
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) {
        shard *sh = &(*s)->shards[i];
        store_index_free(atomic_load(&sh->index));
        free(atomic_load(&sh->blocks));
    }
    arena_drop((*s)->records);
    arena_drop((*s)->pool); /* indexes that still wait to be freed hold it */
    free(*s);
    *s = NULL;
}

uint64_t store_hash(const store *s, const subject_id *key) { return store_hash_key(s->seed, key); }

bool store_find(const store *s, const store_index *index, uint64_t hash, const subject_id *key, store_place *place) {
    if (index == NULL) return false;
    const uint64_t first = slot_first(key);
    const uint32_t tail = slot_tail(slot_second(key, 0));
    const uint8_t tag = store_index_tag(hash);
    uint32_t number = store_index_home(index, hash);
    for (uint32_t left = index->buckets; left > 0; left--, number = store_index_next(index, number)) {
        const store_bucket *at = store_index_bucket(index, number);
        uint64_t low = atomic_load_explicit(&at->low, memory_order_relaxed);
        uint64_t high = atomic_load_explicit(&at->high, memory_order_relaxed);
        for (unsigned mask = store_index_match(low, high, tag); mask != 0; mask &= mask - 1) {
            unsigned way = (unsigned)__builtin_ctz(mask);
            uint32_t ref = atomic_load_explicit(&at->ref[way], memory_order_relaxed);
            const slot_word *slot = store_slot(s, ref);
            if (slot_load(&slot[0]) == first && slot_tail(slot_load(&slot[1])) == tail) {
                *place = (store_place){.ref = ref, .bucket = number, .way = way};
                return true;
            }
        }
        if (store_index_passed(high) == 0) return false;
    }
    return false;
}

/* ---------------------------------------------------------------- changing a slot */

static void fence_store(shard *sh, uint32_t value) { atomic_store_explicit(&sh->fence, value, memory_order_release); }
static void slot_store(slot_word *word, uint64_t v) { atomic_store_explicit(word, v, memory_order_release); }

/* Between slot_begin and slot_end the words may be changed in any order by slot_store. Returns whether the shard's
 * fence was needed, which slot_end must be told. */
static bool slot_begin(shard *sh, slot_word *slot, uint32_t new_seq) {
    uint64_t second = slot_load(&slot[1]);
    uint32_t old_seq = slot_seq(second);
    CHECK((old_seq & 1) == 0);
    bool fenced = new_seq <= old_seq;
    if (fenced) fence_store(sh, atomic_load_explicit(&sh->fence, memory_order_relaxed) + 1);
    slot_head head;
    memcpy(head.id.bytes + 8, &second, 4);
    slot_store(&slot[1], slot_second(&head.id, old_seq | 1));
    return fenced;
}

static void slot_end(shard *sh, slot_word *slot, uint64_t second, bool fenced) {
    slot_store(&slot[1], second);
    if (fenced) fence_store(sh, atomic_load_explicit(&sh->fence, memory_order_relaxed) + 1);
}

static void slot_fill(slot_word *slot, const void *record, size_t words) {
    for (size_t i = 0; i < words; i++) {
        if (i == 1) continue;
        uint64_t word;
        memcpy(&word, (const uint8_t *)record + i * 8, 8);
        slot_store(&slot[i], word);
    }
}

/* ---------------------------------------------------------------- room for one more */

static status add_block(store *s, shard *sh) {
    shard_blocks *list = atomic_load_explicit(&sh->blocks, memory_order_relaxed);
    if (list == NULL || sh->block_count == list->room) {
        uint32_t room = list == NULL ? 4 : list->room + list->room / 2;
        shard_blocks *larger = arena_malloc(sizeof *larger + room * sizeof larger->block[0]);
        if (larger == NULL) return STATUS_NO_MEMORY;
        larger->room = room;
        for (uint32_t i = 0; i < room; i++)
            atomic_init(&larger->block[i], i < sh->block_count ? atomic_load(&list->block[i]) : 0);
        atomic_store_explicit(&sh->blocks, larger, memory_order_release);
        rcu_retire(list, free);
        list = larger;
    }
    uint32_t block;
    status code = arena_take(s->records, &block);
    if (code != STATUS_OK) return code;
    atomic_store_explicit(&list->block[sh->block_count], block, memory_order_release);
    sh->block_count++;
    return STATUS_OK;
}

/* The slot stays free until take_slot. */
static status find_slot(store *s, shard *sh, uint32_t *ref) {
    if (sh->free_head != STORE_NO_SLOT) {
        *ref = (uint32_t)sh->free_head;
        return STATUS_OK;
    }
    uint32_t position = atomic_load_explicit(&sh->used, memory_order_relaxed);
    if (position >> s->block_shift == sh->block_count) {
        status code = add_block(s, sh);
        if (code != STATUS_OK) return code;
    }
    *ref = store_ref_at(s, atomic_load_explicit(&sh->blocks, memory_order_relaxed), position);
    return STATUS_OK;
}

static void take_slot(store *s, shard *sh) {
    if (sh->free_head != STORE_NO_SLOT) {
        sh->free_head = slot_load(&store_slot(s, (uint32_t)sh->free_head)[2]);
        sh->free_count--;
    } else {
        atomic_store_explicit(&sh->used, atomic_load_explicit(&sh->used, memory_order_relaxed) + 1,
                              memory_order_release);
    }
}

/* Replaces the index by one of so many buckets, made from the records. */
static status rebuild(store *s, shard *sh, uint64_t buckets) {
    if (buckets > UINT32_MAX) return STATUS_CAPACITY;
    store_index *larger;
    status code = store_index_create(s->pool, (uint32_t)buckets, &larger);
    if (code != STATUS_OK) return code;
    const shard_blocks *blocks = atomic_load_explicit(&sh->blocks, memory_order_relaxed);
    uint32_t used = atomic_load_explicit(&sh->used, memory_order_relaxed);
    for (uint32_t position = 0; position < used; position++) {
        uint32_t ref = store_ref_at(s, blocks, position);
        const slot_word *slot = store_slot(s, ref);
        uint64_t words[2] = {slot_load(&slot[0]), slot_load(&slot[1])};
        if (slot_is_free(words[0])) continue;
        store_index_insert(larger, store_hash_key(s->seed, words), ref);
    }
    store_index *old = atomic_load_explicit(&sh->index, memory_order_relaxed);
    atomic_store_explicit(&sh->index, larger, memory_order_release);
    if (old != NULL) sh->growths++;
    rcu_retire(old, store_index_free);
    return STATUS_OK;
}

/* Room in the index for one more entry. If growing fails, what the present index has left beyond its usual load is
 * used: slower lookups are better than a refused record. */
static status ensure_index(store *s, shard *sh) {
    const store_index *index = atomic_load_explicit(&sh->index, memory_order_relaxed);
    if (index == NULL) return rebuild(s, sh, store_index_buckets_for(1));
    uint64_t limit = store_index_limit(index->buckets);
    if (index->entries < limit) return STATUS_OK;
    bool room = index->entries < (uint64_t)index->buckets * STORE_INDEX_WAYS; /* asked now: rebuild retires it */
    status code = rebuild(s, sh, store_index_buckets_for(limit + limit / 4));
    return code != STATUS_OK && room ? STATUS_OK : code;
}

/* ---------------------------------------------------------------- the writer's functions */

static status insert(store *s, shard *sh, uint64_t hash, const slot_head *head, const void *record) {
    uint32_t ref;
    status code = ensure_index(s, sh);
    if (code == STATUS_OK) code = find_slot(s, sh, &ref);
    if (code != STATUS_OK) return code;
    store_before_change(s, ref);
    take_slot(s, sh);
    slot_word *slot = store_slot(s, ref);
    bool fenced = slot_begin(sh, slot, head->seq);
    slot_fill(slot, record, s->words);
    store_index_insert(atomic_load_explicit(&sh->index, memory_order_relaxed), hash, ref);
    slot_end(sh, slot, slot_second(&head->id, head->seq), fenced);
    atomic_store_explicit(&sh->records, atomic_load_explicit(&sh->records, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return STATUS_OK;
}

status store_load(store *s, const void *record) {
    slot_head head;
    memcpy(&head, record, sizeof head);
    CHECK(head.id.bytes[0] != SUBJECT_NONE);
    head.seq &= ~1u;
    uint64_t hash = store_hash_key(s->seed, &head.id);
    shard *sh = &s->shards[store_shard_of(hash)];
    store_place place;
    if (!store_find(s, atomic_load_explicit(&sh->index, memory_order_relaxed), hash, &head.id, &place))
        return insert(s, sh, hash, &head, record);
    store_before_change(s, place.ref);
    slot_word *slot = store_slot(s, place.ref);
    bool fenced = slot_begin(sh, slot, head.seq);
    slot_fill(slot, record, s->words);
    slot_end(sh, slot, slot_second(&head.id, head.seq), fenced);
    return STATUS_OK;
}

status store_write(store *s, const void *record) { return store_load(s, record); }

bool store_remove(store *s, const subject_id *key) {
    if (key->bytes[0] == SUBJECT_NONE) return false;
    uint64_t hash = store_hash_key(s->seed, key);
    shard *sh = &s->shards[store_shard_of(hash)];
    store_index *index = atomic_load_explicit(&sh->index, memory_order_relaxed);
    store_place place;
    if (!store_find(s, index, hash, key, &place)) return false;
    store_before_change(s, place.ref);
    store_index_remove(index, hash, place.bucket, place.way);
    slot_word *slot = store_slot(s, place.ref);
    uint32_t seq = slot_seq(slot_load(&slot[1])) + 2;
    bool fenced = slot_begin(sh, slot, seq);
    slot_store(&slot[0], 0);
    slot_store(&slot[2], sh->free_head);
    for (size_t i = 3; i < s->words; i++) slot_store(&slot[i], 0);
    slot_end(sh, slot, slot_second(&(subject_id){{0}}, seq), fenced);
    sh->free_head = place.ref;
    sh->free_count++;
    atomic_store_explicit(&sh->records, atomic_load_explicit(&sh->records, memory_order_relaxed) - 1,
                          memory_order_relaxed);
    return true;
}

/* Growing for one more record at a time must not rebuild each time, so a rebuild is at least the usual step. */
static status reserve_index(store *s, shard *sh, uint64_t wanted) {
    const store_index *index = atomic_load_explicit(&sh->index, memory_order_relaxed);
    uint64_t limit = index == NULL ? 0 : store_index_limit(index->buckets);
    if (wanted <= limit) return STATUS_OK;
    uint64_t step = limit + limit / 4;
    return rebuild(s, sh, store_index_buckets_for(wanted > step ? wanted : step));
}

static uint64_t free_slots(const store *s, const shard *sh) {
    uint64_t slots = (uint64_t)sh->block_count << s->block_shift;
    return slots - atomic_load_explicit(&sh->used, memory_order_relaxed) + sh->free_count;
}

status store_reserve(store *s, unsigned shard_number, size_t more) {
    CHECK(shard_number < LIMIT_SHARDS);
    shard *sh = &s->shards[shard_number];
    if (more > UINT32_MAX) return STATUS_CAPACITY;
    if (more == 0) return STATUS_OK;
    uint64_t records = atomic_load_explicit(&sh->records, memory_order_relaxed);
    status code = reserve_index(s, sh, records + more);
    while (code == STATUS_OK && free_slots(s, sh) < more) code = add_block(s, sh);
    return code;
}
