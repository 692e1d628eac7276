/* What the store says about itself: its memory, and the walk over its invariants. Both are the writer's.
 *
 * Cost of the walk: every bucket and every slot is looked at once or twice, with 4 bytes a bucket and a byte a slot of
 * working memory for one shard at a time. */
#include "base/check.h"
#include "engine/store.h"
#include "engine/store_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_get_stats(const store *s, store_stats *out) {
    *out = (store_stats){.records = store_count(s)};
    arena_use records = arena_get_use(s->records), pool = arena_get_use(s->pool);
    out->arena_bytes = records.taken * records.block_bytes;
    out->index_bytes = pool.taken * pool.block_bytes;
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) {
        const shard *sh = &s->shards[i];
        const store_index *index = atomic_load_explicit(&sh->index, memory_order_relaxed);
        out->growths += sh->growths;
        if (index == NULL) continue;
        out->buckets += index->buckets;
        out->overflowed += index->strays;
        out->index_bytes += sizeof *index + index->chunks * sizeof index->chunk[0];
    }
}

#define NOBODY UINT32_MAX
#define OTHERS (UINT32_MAX - 1) /* no position: those are multiples of a block's length */

typedef struct walk {
    const store *s;
    unsigned shard;
    char *problem;
    size_t room;
    uint32_t *first_of; /* a block of records: its first position in this shard, OTHERS or NOBODY */
    uint8_t *chunk_owned;
    arena_use records, pool;
} walk;

__attribute__((format(printf, 2, 3))) static bool wrong(const walk *w, const char *format, ...) {
    char what[160];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(w->problem, w->room, "shard %u: %s", w->shard, what);
    return false;
}

typedef struct shard_view {
    const shard *sh;
    const store_index *index;
    const shard_blocks *blocks;
    uint32_t used;
    uint32_t strays;
    uint32_t *passed; /* a bucket: as its entries demand */
    uint8_t *seen;    /* a position: the index or the free list led to it */
} shard_view;

static bool check_blocks(walk *w, shard_view *v) {
    const store *s = w->s;
    if (v->sh->block_count > 0 && (v->blocks == NULL || v->blocks->room < v->sh->block_count))
        return wrong(w, "the block list is too small for %u blocks", v->sh->block_count);
    if (((uint64_t)v->used + (1u << s->block_shift) - 1) >> s->block_shift > v->sh->block_count)
        return wrong(w, "%u slots are used in only %u blocks", v->used, v->sh->block_count);
    for (uint32_t i = 0; i < v->sh->block_count; i++) {
        uint32_t block = atomic_load_explicit(&v->blocks->block[i], memory_order_relaxed);
        if (block >= w->records.taken) return wrong(w, "block %u was never taken", block);
        if (w->first_of[block] != NOBODY) return wrong(w, "block %u is listed twice", block);
        w->first_of[block] = i << s->block_shift;
    }
    for (uint32_t i = 0; v->index != NULL && i < v->index->chunks; i++) {
        uint32_t chunk = v->index->chunk[i];
        if (chunk >= w->pool.taken) return wrong(w, "index chunk %u was never taken", chunk);
        if (w->chunk_owned[chunk]) return wrong(w, "index chunk %u belongs to two indexes", chunk);
        w->chunk_owned[chunk] = 1;
    }
    return true;
}

/* Marks the slot of a reference as seen; false if it is not one of the shard's or was seen before. */
static bool see(const walk *w, shard_view *v, uint32_t ref) {
    uint32_t block = ref >> w->s->block_shift;
    if (block >= w->records.taken || w->first_of[block] >= OTHERS)
        return wrong(w, "reference %u is outside its blocks", ref);
    uint32_t position = w->first_of[block] + (ref & ((1u << w->s->block_shift) - 1));
    if (position >= v->used) return wrong(w, "reference %u is beyond the slots in use", ref);
    if (v->seen[position]) return wrong(w, "slot %u is referred to twice", ref);
    v->seen[position] = 1;
    return true;
}

static bool check_entry(const walk *w, shard_view *v, uint32_t bucket, unsigned way, uint8_t tag) {
    const store *s = w->s;
    const store_bucket *at = store_index_bucket(v->index, bucket);
    uint32_t ref = atomic_load_explicit(&at->ref[way], memory_order_relaxed);
    if (!see(w, v, ref)) return false;
    const slot_word *slot = store_slot(s, ref);
    uint64_t words[2] = {slot_load(&slot[0]), slot_load(&slot[1])};
    subject_id id;
    memcpy(&id, words, sizeof id);
    if (slot_is_free(words[0])) return wrong(w, "bucket %u refers to the free slot %u", bucket, ref);
    if (slot_seq(words[1]) & 1) return wrong(w, "slot %u has a writer inside", ref);
    uint64_t hash = store_hash_key(s->seed, &id);
    if (store_shard_of(hash) != w->shard) return wrong(w, "slot %u belongs to shard %u", ref, store_shard_of(hash));
    if (store_index_tag(hash) != tag) return wrong(w, "bucket %u has a wrong tag for slot %u", bucket, ref);
    store_place place;
    if (!store_find(s, v->index, hash, &id, &place)) return wrong(w, "slot %u cannot be found by its key", ref);
    if (place.ref != ref) return wrong(w, "slots %u and %u have the same key", ref, place.ref);
    v->strays += bucket != store_index_home(v->index, hash);
    for (uint32_t b = store_index_home(v->index, hash); b != bucket; b = store_index_next(v->index, b)) v->passed[b]++;
    return true;
}

static bool check_index(const walk *w, shard_view *v) {
    uint32_t entries = 0;
    for (uint32_t b = 0; b < v->index->buckets; b++) {
        const store_bucket *at = store_index_bucket(v->index, b);
        uint64_t low = atomic_load_explicit(&at->low, memory_order_relaxed);
        uint64_t high = atomic_load_explicit(&at->high, memory_order_relaxed);
        for (unsigned way = 0; way < STORE_INDEX_WAYS; way++) {
            uint8_t tag = (uint8_t)((way < 8 ? low : high) >> (8 * (way % 8)));
            if (tag == 0) continue;
            entries++;
            if (!check_entry(w, v, b, way, tag)) return false;
        }
    }
    for (uint32_t b = 0; b < v->index->buckets; b++) {
        uint64_t high = atomic_load_explicit(&store_index_bucket(v->index, b)->high, memory_order_relaxed);
        if (store_index_passed(high) != v->passed[b])
            return wrong(w, "bucket %u counts %u entries passed by, there are %u", b, store_index_passed(high),
                         v->passed[b]);
    }
    if (entries != v->index->entries) return wrong(w, "%u tags, %u entries counted", entries, v->index->entries);
    if (v->strays != v->index->strays) return wrong(w, "%u entries off home, %u counted", v->strays, v->index->strays);
    return true;
}

static bool check_free(const walk *w, shard_view *v) {
    uint32_t length = 0;
    for (uint64_t ref = v->sh->free_head; ref != STORE_NO_SLOT; length++) {
        if (ref > UINT32_MAX) return wrong(w, "the free list leads to no slot");
        if (!see(w, v, (uint32_t)ref)) return false;
        const slot_word *slot = store_slot(w->s, (uint32_t)ref);
        if (slot_load(&slot[0]) != 0 || slot_tail(slot_load(&slot[1])) != 0)
            return wrong(w, "slot %u is in the free list and has an id", (uint32_t)ref);
        if (slot_seq(slot_load(&slot[1])) & 1) return wrong(w, "free slot %u has a writer inside", (uint32_t)ref);
        ref = slot_load(&slot[2]);
    }
    if (length != v->sh->free_count) return wrong(w, "%u free slots, %u counted", length, v->sh->free_count);
    return true;
}

static bool check_counts(const walk *w, const shard_view *v) {
    uint32_t records = atomic_load_explicit(&v->sh->records, memory_order_relaxed);
    uint32_t entries = v->index != NULL ? v->index->entries : 0;
    if (atomic_load_explicit(&v->sh->fence, memory_order_relaxed) & 1) return wrong(w, "a writer is inside the fence");
    if (records != entries) return wrong(w, "%u records, %u entries of the index", records, entries);
    if ((uint64_t)records + v->sh->free_count != v->used)
        return wrong(w, "%u records and %u free slots do not make %u slots", records, v->sh->free_count, v->used);
    return true; /* with `seen` unique, every slot is in the index or in the free list */
}

static bool check_shard(walk *w) {
    shard_view v = {.sh = &w->s->shards[w->shard]};
    v.index = atomic_load_explicit(&v.sh->index, memory_order_relaxed);
    v.blocks = atomic_load_explicit(&v.sh->blocks, memory_order_relaxed);
    v.used = atomic_load_explicit(&v.sh->used, memory_order_relaxed);
    v.passed = calloc(v.index != NULL ? v.index->buckets : 1, sizeof *v.passed);
    v.seen = calloc((size_t)v.used + 1, 1);
    bool good;
    if (v.passed == NULL || v.seen == NULL) {
        good = wrong(w, "no memory for the walk");
    } else {
        good =
            check_blocks(w, &v) && (v.index == NULL || check_index(w, &v)) && check_free(w, &v) && check_counts(w, &v);
    }
    for (uint32_t i = 0; good && i < v.sh->block_count; i++)
        w->first_of[atomic_load_explicit(&v.blocks->block[i], memory_order_relaxed)] = OTHERS;
    free(v.passed);
    free(v.seen);
    return good;
}

bool store_check(const store *s, char *problem, size_t room) {
    walk w = {.s = s, .problem = problem, .room = room};
    w.records = arena_get_use(s->records);
    w.pool = arena_get_use(s->pool);
    w.first_of = malloc(((size_t)w.records.taken + 1) * sizeof *w.first_of);
    w.chunk_owned = calloc((size_t)w.pool.taken + 1, 1);
    bool good = true;
    if (w.first_of == NULL || w.chunk_owned == NULL)
        good = wrong(&w, "no memory for the walk");
    else
        memset(w.first_of, 0xFF, ((size_t)w.records.taken + 1) * sizeof *w.first_of);
    size_t owned = 0;
    for (; good && w.shard < LIMIT_SHARDS; w.shard++) {
        good = check_shard(&w);
        owned += s->shards[w.shard].block_count;
    }
    if (good && owned != w.records.taken) {
        snprintf(problem, room, "the shards have %zu blocks, the arena gave %u", owned, w.records.taken);
        good = false;
    }
    free(w.first_of);
    free(w.chunk_owned);
    return good;
}
