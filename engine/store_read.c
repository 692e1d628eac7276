/* The readers' half of the store: no locks, no allocation, no stores to shared memory. store_internal.h tells how a
 * copy is known to be whole, store_index.h why a search misses nothing.
 *
 * A single lookup waits for two cache misses, one after the other. A batch overlaps the misses of up to 64 keys: every
 * step of a key uses a line asked for one step earlier and asks for the next one, and all keys take a step before any
 * takes another. Most are done after bucket and record; the few that met another's record under an equal tag, or lie in
 * a later bucket, go on together.
 *
 * Cost: some 15 ns a key of computing; the rest is memory, see bench/micro_store.c. */
#include "base/check.h"
#include "engine/store.h"
#include "engine/store_internal.h"

#include <string.h>

#define PASS                                                                                                           \
    64u /* keys in flight: enough to keep the core's line-fill buffers busy, few enough for the first cache            \
         */

bool store_copy(const store *s, uint64_t hash, const subject_id *key, void *out, uint32_t *ref) {
    const shard *sh = &s->shards[store_shard_of(hash)];
    const store_index *index = atomic_load_explicit(&sh->index, memory_order_acquire);
    if (index == NULL || key->bytes[0] == SUBJECT_NONE) return false;
    const uint8_t tag = store_index_tag(hash);
    uint32_t number = store_index_home(index, hash);
    for (uint32_t left = index->buckets; left > 0; left--, number = store_index_next(index, number)) {
        const store_bucket *at = store_index_bucket(index, number);
        uint64_t low = atomic_load_explicit(&at->low, memory_order_acquire);
        uint64_t high = atomic_load_explicit(&at->high, memory_order_acquire);
        for (unsigned mask = store_index_match(low, high, tag); mask != 0; mask &= mask - 1) {
            *ref = atomic_load_explicit(&at->ref[__builtin_ctz(mask)], memory_order_acquire);
            if (slot_copy(sh, store_slot(s, *ref), s->words, key, out)) return true;
        }
        if (store_index_passed(high) == 0) return false;
    }
    return false;
}

bool store_read(const store *s, const subject_id *key, void *out) {
    uint32_t ref;
    return store_copy(s, store_hash_key(s->seed, key), key, out, &ref);
}

/* A key on its way. Each step uses a line that was asked for by the step before, and asks for the next. */
typedef struct lookup {
    const store_index *index;
    const slot_word *slot; /* a candidate; NULL: the bucket is next */
    uint32_t number;       /* of the bucket */
    uint32_t left;         /* buckets not looked at */
    uint16_t mask;         /* candidates of the bucket not looked at, this one included */
    uint8_t tag;
    uint8_t shard;
    bool further; /* the bucket was passed by others */
} lookup;

static void start(const store *s, const subject_id *key, lookup *l) {
    uint64_t hash = store_hash_key(s->seed, key);
    l->shard = (uint8_t)store_shard_of(hash);
    l->index = atomic_load_explicit(&s->shards[l->shard].index, memory_order_acquire);
    l->slot = NULL;
    l->left = 0;
    if (l->index == NULL || key->bytes[0] == SUBJECT_NONE) return;
    l->left = l->index->buckets;
    l->tag = store_index_tag(hash);
    l->number = store_index_home(l->index, hash);
    __builtin_prefetch(store_index_bucket(l->index, l->number));
}

static void ask_for_candidate(const store *s, const store_bucket *at, lookup *l) {
    l->slot = store_slot(s, atomic_load_explicit(&at->ref[__builtin_ctz(l->mask)], memory_order_acquire));
    for (size_t i = 0; i < s->words; i += 8) __builtin_prefetch((const void *)(l->slot + i));
}

/* False: there is no further bucket. */
static bool ask_for_bucket(lookup *l) {
    l->slot = NULL;
    if (!l->further || l->left == 0) return false;
    l->number = store_index_next(l->index, l->number);
    __builtin_prefetch(store_index_bucket(l->index, l->number));
    return true;
}

/* Returns whether the key is still on its way; if not, *found is the answer. */
static bool look_at_bucket(const store *s, lookup *l) {
    if (l->left == 0) return false;
    l->left--;
    const store_bucket *at = store_index_bucket(l->index, l->number);
    uint64_t low = atomic_load_explicit(&at->low, memory_order_acquire);
    uint64_t high = atomic_load_explicit(&at->high, memory_order_acquire);
    l->mask = (uint16_t)store_index_match(low, high, l->tag);
    l->further = store_index_passed(high) != 0;
    if (l->mask == 0) return ask_for_bucket(l);
    ask_for_candidate(s, at, l);
    return true;
}

static bool look_at_slot(const store *s, lookup *l, const subject_id *key, void *out, bool *found) {
    const shard *sh = &s->shards[l->shard];
    /* the size of a profile as a constant: the copy is unrolled */
    *found = s->words == 8 ? slot_copy(sh, l->slot, 8, key, out) : slot_copy(sh, l->slot, s->words, key, out);
    if (*found) return false;
    l->mask &= (uint16_t)(l->mask - 1);
    if (l->mask == 0) return ask_for_bucket(l);
    ask_for_candidate(s, store_index_bucket(l->index, l->number), l);
    return true;
}

static void read_pass(const store *s, const uint8_t *keys, size_t key_stride, unsigned n, uint8_t *out,
                      size_t out_stride, bool *found) {
    lookup all[PASS];
    uint8_t way[PASS]; /* those still on their way */
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) start(s, (const subject_id *)(keys + i * key_stride), &all[i]);
    for (unsigned i = 0; i < n; i++) {
        found[i] = false;
        way[count] = (uint8_t)i;
        count += look_at_bucket(s, &all[i]);
    }
    while (count > 0) {
        unsigned still = 0;
        for (unsigned w = 0; w < count; w++) {
            unsigned i = way[w];
            const subject_id *key = (const subject_id *)(keys + i * key_stride);
            bool on = all[i].slot != NULL ? look_at_slot(s, &all[i], key, out + i * out_stride, &found[i])
                                          : look_at_bucket(s, &all[i]);
            way[still] = (uint8_t)i;
            still += on;
        }
        count = still;
    }
}

size_t store_read_batch(const store *s, const void *keys, size_t key_stride, size_t n, void *out, size_t out_stride,
                        bool *found) {
    size_t hits = 0;
    for (size_t done = 0; done < n;) {
        unsigned count = n - done < PASS ? (unsigned)(n - done) : PASS;
        read_pass(s, (const uint8_t *)keys + done * key_stride, key_stride, count, (uint8_t *)out + done * out_stride,
                  out_stride, found + done);
        for (unsigned i = 0; i < count; i++) hits += found[done + i];
        done += count;
    }
    return hits;
}

void store_prefetch(const store *s, const subject_id *keys, size_t n) {
    for (size_t done = 0; done < n; done += PASS) {
        lookup all[PASS];
        unsigned count = n - done < PASS ? (unsigned)(n - done) : PASS;
        for (unsigned i = 0; i < count; i++) start(s, &keys[done + i], &all[i]);
        for (unsigned i = 0; i < count; i++) (void)look_at_bucket(s, &all[i]);
    }
}

size_t store_count(const store *s) {
    size_t count = 0;
    for (unsigned i = 0; i < LIMIT_SHARDS; i++)
        count += atomic_load_explicit(&s->shards[i].records, memory_order_relaxed);
    return count;
}

/* ---------------------------------------------------------------- the walk: shard in the high bits, then position */

#define POSITION_BITS 33

size_t store_scan(const store *s, store_cursor *cursor, void *out, store_cursor *after, size_t max) {
    CHECK(max > 0);
    size_t count = 0;
    uint64_t number = *cursor >> POSITION_BITS;
    uint64_t position = *cursor & ((UINT64_C(1) << POSITION_BITS) - 1);
    for (; number < LIMIT_SHARDS && count < max; number++, position = 0) {
        const shard *sh = &s->shards[number];
        uint32_t used = atomic_load_explicit(&sh->used, memory_order_acquire);
        const shard_blocks *blocks = atomic_load_explicit(&sh->blocks, memory_order_acquire);
        while (position < used && count < max) {
            const slot_word *slot = store_slot(s, store_ref_at(s, blocks, (uint32_t)position));
            position++;
            if (!slot_copy_any(sh, slot, s->words, (uint8_t *)out + count * s->record_size)) continue;
            if (after != NULL) after[count] = number << POSITION_BITS | position;
            count++;
        }
        if (count == max) break;
    }
    *cursor = number << POSITION_BITS | position;
    return count;
}
