/* The index of one shard of the store: from hash to record reference. Private to the engine's store.
 *
 * An array of buckets of one cache line: 12 tags (a byte of the hash each, 0 = free), 12 references, and a count of the
 * records that passed this bucket, because it was full, to settle in a later one. A lookup starts at the home bucket
 * and goes on to the next one only while that count is not zero, so a removal leaves no tombstone.
 *
 * Hash bits: 63..56 the shard, 55..48 the tag, 31..0 the home bucket by multiply and shift, so that the number of
 * buckets need not be a power of two. The array is made of chunks of a pool: they are all of one size, so growing
 * leaves no holes, and huge pages can cover them.
 *
 * Threading: one writer; readers beside it. A reader misses no entry that is there the whole time: entries never move
 * within an index, tags change eight at a time by single stores, and the counts an entry needs are raised before its
 * tag appears and lowered after it has gone. */
#ifndef XINYI_ENGINE_STORE_INDEX_H
#define XINYI_ENGINE_STORE_INDEX_H

#include "base/status.h"
#include "engine/arena.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define STORE_INDEX_WAYS 12u
#define STORE_INDEX_CHUNK 256u /* buckets */
#define STORE_INDEX_CHUNK_BYTES (STORE_INDEX_CHUNK * 64u)

typedef struct store_bucket {
    _Atomic uint64_t low;  /* tags 0..7, tag 0 in the lowest byte */
    _Atomic uint64_t high; /* tags 8..11 in the low half, passed-by count in the high half */
    _Atomic uint32_t ref[STORE_INDEX_WAYS];
} store_bucket;
static_assert(sizeof(store_bucket) == 64, "a bucket is one cache line");

typedef struct store_index {
    uint8_t *base;    /* of the pool */
    uint32_t buckets; /* constant */
    uint32_t chunks;
    arena *pool;      /* held */
    uint32_t entries; /* writer's */
    uint32_t strays;  /* writer's: entries outside their home bucket */
    uint32_t chunk[]; /* block numbers in the pool */
} store_index;

/* An empty index over blocks of STORE_INDEX_CHUNK_BYTES. NO_MEMORY or CAPACITY. */
status store_index_create(arena *pool, uint32_t buckets, store_index **out) MUST_CHECK;
/* Takes a store_index *; the form is that of rcu_retire's callback. Accepts NULL. */
void store_index_free(void *index);

/* How many buckets to make for this many entries, and how many entries to put into so many buckets at most. */
uint64_t store_index_buckets_for(uint64_t entries);
static inline uint64_t store_index_limit(uint64_t buckets) { return buckets * (STORE_INDEX_WAYS * 85) / 100; }

/* [writer] There must be room: entries < buckets * STORE_INDEX_WAYS. */
void store_index_insert(store_index *index, uint64_t hash, uint32_t ref);
/* [writer] Removes the entry in `way` of `bucket`, which the hash led to. */
void store_index_remove(store_index *index, uint64_t hash, uint32_t bucket, unsigned way);

static inline uint8_t store_index_tag(uint64_t hash) {
    uint8_t tag = (uint8_t)(hash >> 48);
    return tag != 0 ? tag : 1;
}
static inline uint32_t store_index_home(const store_index *index, uint64_t hash) {
    return (uint32_t)(((hash & UINT32_MAX) * index->buckets) >> 32);
}
static inline store_bucket *store_index_bucket(const store_index *index, uint32_t number) {
    size_t chunk = index->chunk[number / STORE_INDEX_CHUNK];
    return (store_bucket *)(index->base + chunk * STORE_INDEX_CHUNK_BYTES) + number % STORE_INDEX_CHUNK;
}
static inline uint32_t store_index_next(const store_index *index, uint32_t number) {
    return number + 1 == index->buckets ? 0 : number + 1;
}
static inline uint32_t store_index_passed(uint64_t high) { return (uint32_t)(high >> 32); }

/* Bit i is set if tag i of the two words equals `tag` (0 finds the free ways). Works on the words' values, so it is
 * right on either byte order. */
static inline unsigned store_index_match_portable(uint64_t low, uint64_t high, uint8_t tag) {
    const uint64_t ones = UINT64_C(0x0101010101010101), sevens = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t words[2] = {low ^ ones * tag, high ^ ones * tag};
    unsigned mask = 0;
    for (int i = 0; i < 2; i++) {
        uint64_t w = words[i];
        uint64_t zero = ~(((w & sevens) + sevens) | w | sevens);            /* 0x80 in exactly the bytes that are 0 */
        uint64_t bits = ((zero >> 7) * UINT64_C(0x0102040810204080)) >> 56; /* byte i to bit i */
        mask |= (unsigned)bits << (8 * i);
    }
    return mask & ((1u << STORE_INDEX_WAYS) - 1);
}

static inline unsigned store_index_match(uint64_t low, uint64_t high, uint8_t tag) {
#ifdef __SSE2__
    __m128i tags = _mm_set_epi64x((long long)high, (long long)low);
    int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag)));
    return (unsigned)mask & ((1u << STORE_INDEX_WAYS) - 1);
#else
    return store_index_match_portable(low, high, tag);
#endif
}

#endif
