/* Linear probing by whole buckets at up to 85 % load: nine of ten records lie in their home bucket, nearly all others
 * in the next one. Growing is by a quarter, so the index costs between 6.3 and 7.8 bytes a record once it is larger
 * than a few chunks; the price is that a record is placed about five times while a shard fills from nothing.
 *
 * Invariants: passed(b) = number of entries whose way from home to their bucket goes through b and beyond; entries =
 * number of tags that are not 0. store_check walks them.
 * Cost: insert and remove touch the buckets from home to the entry's, mostly one. */
#include "engine/store_index.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define FEWEST 4u

uint64_t store_index_buckets_for(uint64_t entries) {
    uint64_t buckets = (entries * 100 + STORE_INDEX_WAYS * 85 - 1) / (STORE_INDEX_WAYS * 85);
    if (buckets > STORE_INDEX_CHUNK) return (buckets + STORE_INDEX_CHUNK - 1) / STORE_INDEX_CHUNK * STORE_INDEX_CHUNK;
    uint64_t power = FEWEST;
    while (power < buckets) power *= 2;
    return power;
}

status store_index_create(arena *pool, uint32_t buckets, store_index **out) {
    uint32_t chunks = (buckets + STORE_INDEX_CHUNK - 1) / STORE_INDEX_CHUNK;
    store_index *index = arena_malloc(sizeof *index + chunks * sizeof index->chunk[0]);
    if (index == NULL) return STATUS_NO_MEMORY;
    *index = (store_index){.base = arena_base(pool), .buckets = buckets, .pool = arena_hold(pool)};
    for (; index->chunks < chunks; index->chunks++) {
        status code = arena_take(pool, &index->chunk[index->chunks]);
        if (code != STATUS_OK) {
            store_index_free(index);
            return code;
        }
    }
    for (uint32_t number = 0; number < buckets; number += STORE_INDEX_CHUNK) {
        uint32_t here = buckets - number < STORE_INDEX_CHUNK ? buckets - number : STORE_INDEX_CHUNK;
        memset(store_index_bucket(index, number), 0, here * sizeof(store_bucket));
    }
    *out = index;
    return STATUS_OK;
}

void store_index_free(void *index) {
    store_index *x = index;
    if (x == NULL) return;
    for (uint32_t i = 0; i < x->chunks; i++) arena_give(x->pool, x->chunk[i]);
    arena_drop(x->pool);
    free(x);
}

static uint64_t get(const _Atomic uint64_t *word) { return atomic_load_explicit(word, memory_order_relaxed); }
static void put(_Atomic uint64_t *word, uint64_t v) { atomic_store_explicit(word, v, memory_order_release); }

static void set_tag(store_bucket *at, unsigned way, uint8_t tag) {
    _Atomic uint64_t *word = way < 8 ? &at->low : &at->high;
    unsigned shift = 8 * (way % 8);
    put(word, (get(word) & ~(UINT64_C(0xFF) << shift)) | (uint64_t)tag << shift);
}

void store_index_insert(store_index *index, uint64_t hash, uint32_t ref) {
    CHECK(index->entries < (uint64_t)index->buckets * STORE_INDEX_WAYS);
    uint32_t home = store_index_home(index, hash);
    uint32_t number = home;
    store_bucket *at = store_index_bucket(index, number);
    unsigned free_ways = store_index_match(get(&at->low), get(&at->high), 0);
    while (free_ways == 0) {
        put(&at->high, get(&at->high) + (UINT64_C(1) << 32));
        number = store_index_next(index, number);
        at = store_index_bucket(index, number);
        free_ways = store_index_match(get(&at->low), get(&at->high), 0);
    }
    unsigned way = (unsigned)__builtin_ctz(free_ways);
    atomic_store_explicit(&at->ref[way], ref, memory_order_release);
    set_tag(at, way, store_index_tag(hash));
    index->entries++;
    index->strays += number != home;
}

void store_index_remove(store_index *index, uint64_t hash, uint32_t bucket, unsigned way) {
    uint32_t home = store_index_home(index, hash);
    set_tag(store_index_bucket(index, bucket), way, 0);
    for (uint32_t number = home; number != bucket; number = store_index_next(index, number)) {
        store_bucket *at = store_index_bucket(index, number);
        CHECK(store_index_passed(get(&at->high)) > 0);
        put(&at->high, get(&at->high) - (UINT64_C(1) << 32));
    }
    index->entries--;
    index->strays -= home != bucket;
}
