/* What the store's own files share: the shard, the slot protocol, the search. Nobody else includes this.
 *
 * Slots. A record lies in a slot of its shard's blocks and never moves. All access to slots is by atomic 64-bit words;
 * word 1 holds the end of the id and the seq, so one load sees both. A slot whose id is zero is free; word 2 of a slot
 * that was removed links the shard's free list.
 *
 * Torn copies. A reader copies a slot between two loads of its seq and accepts if it is even and the same. That alone
 * would not do: the caller sets the version, so a record may be replaced under the same or a lower one (replay), and a
 * free slot may be filled with another record of the same version; a slow reader would see equal seqs around a
 * mixture. Hence the rule: **the seq of a slot only ever rises, except inside a fence of its shard**. `fence` is a
 * second sequence counter, odd while the writer changes a slot to a seq that is not higher than the one it had, and
 * never set back; a reader accepts only if the fence too is even and unchanged. If anything changed during a copy,
 * either the seq rose, or the fence moved. Ordinary updates raise the version and leave the fence, which is in the
 * cache line every reader of the shard needs, alone.
 *
 * Publication. An insert leaves the seq odd until the index leads to the slot, so no reader can see a record that
 * another one, later, does not find. */
#ifndef XINYI_ENGINE_STORE_INTERNAL_H
#define XINYI_ENGINE_STORE_INTERNAL_H

#include "base/limits.h"
#include "engine/arena.h"
#include "engine/store.h"
#include "engine/store_index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <sched.h>
#include <stdatomic.h>

typedef _Atomic uint64_t slot_word;

/* The blocks of a shard in the order they were taken; replaced as a whole when full. */
typedef struct shard_blocks {
    uint32_t room;
    _Atomic uint32_t block[];
} shard_blocks;

#define STORE_NO_SLOT UINT64_MAX

typedef struct shard {
    /* the line of the readers */
    _Alignas(64) _Atomic(store_index *) index; /* NULL until the first insert */
    _Atomic uint32_t fence;
    /* the lines of the writer and of scans */
    _Alignas(64) _Atomic(shard_blocks *) blocks;
    _Atomic uint32_t used; /* slots ever filled: positions 0..used-1 in `blocks` */
    _Atomic uint32_t records;
    uint32_t block_count;
    uint32_t free_count;
    uint64_t free_head; /* reference of a slot, or STORE_NO_SLOT */
    uint64_t growths;
} shard;

struct store {
    size_t record_size;
    size_t words;
    uint64_t seed;
    store_snapshot *snapshot; /* the writer's; NULL: none */
    uint8_t *base;            /* of `records`: record r begins r * record_size further */
    unsigned block_shift;
    arena *records;
    arena *pool; /* of index chunks */
    shard shards[LIMIT_SHARDS];
};

static inline uint64_t store_hash_key(uint64_t seed, const void *key) {
    return XXH3_64bits_withSeed(key, sizeof(subject_id), seed);
}

/* The 16 bytes every record begins with, as the two words in which they are stored. */
typedef struct slot_head {
    subject_id id;
    uint32_t seq;
} slot_head;
static_assert(sizeof(slot_head) == 16, "two words");

static inline uint64_t slot_first(const subject_id *id) {
    uint64_t word;
    memcpy(&word, id->bytes, sizeof word);
    return word;
}
static inline uint64_t slot_second(const subject_id *id, uint32_t seq) {
    uint64_t word;
    memcpy(&word, id->bytes + 8, 4);
    memcpy((uint8_t *)&word + 4, &seq, 4);
    return word;
}
static inline uint32_t slot_seq(uint64_t second) {
    uint32_t seq;
    memcpy(&seq, (const uint8_t *)&second + 4, 4);
    return seq;
}
static inline uint32_t slot_tail(uint64_t second) {
    uint32_t tail;
    memcpy(&tail, &second, 4);
    return tail;
}
static inline bool slot_is_free(uint64_t first) { return *(const uint8_t *)&first == SUBJECT_NONE; }

static inline slot_word *store_slot(const store *s, uint32_t ref) {
    return (slot_word *)(void *)(s->base + ref * s->record_size);
}
/* The reference at a position of a shard's blocks; position < used. */
static inline uint32_t store_ref_at(const store *s, const shard_blocks *blocks, uint32_t position) {
    uint32_t block = atomic_load_explicit(&blocks->block[position >> s->block_shift], memory_order_acquire);
    return block << s->block_shift | (position & ((1u << s->block_shift) - 1));
}

static inline uint64_t slot_load(const slot_word *word) { return atomic_load_explicit(word, memory_order_acquire); }

/* The writer is inside for some ten nanoseconds, unless it lost its processor in there: then give it ours. */
static inline void store_pause(unsigned *turn) {
    if (++*turn % 64 == 0) {
        sched_yield();
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Copies the record if the slot holds this key. The key must not be the zero id. `out` may be written to even if the
 * answer is false. */
static inline bool slot_copy(const shard *sh, const slot_word *slot, size_t words, const subject_id *key, void *out) {
    const uint64_t first = slot_first(key);
    const uint32_t tail = slot_tail(slot_second(key, 0));
    for (unsigned turn = 0;; store_pause(&turn)) {
        uint32_t fence = atomic_load_explicit(&sh->fence, memory_order_acquire);
        uint64_t second = slot_load(&slot[1]);
        /* A slot that holds the key the whole time never shows another one, not even to a torn look. */
        if (slot_load(&slot[0]) != first || slot_tail(second) != tail) return false;
        if ((slot_seq(second) | fence) & 1) continue;
        memcpy(out, &first, 8);
        memcpy((uint8_t *)out + 8, &second, 8);
        for (size_t i = 2; i < words; i++) {
            uint64_t word = slot_load(&slot[i]);
            memcpy((uint8_t *)out + i * 8, &word, 8);
        }
        if (slot_load(&slot[1]) == second && atomic_load_explicit(&sh->fence, memory_order_acquire) == fence)
            return true;
    }
}

/* Copies whatever record the slot holds; false if it is free. */
static inline bool slot_copy_any(const shard *sh, const slot_word *slot, size_t words, void *out) {
    for (unsigned turn = 0;; store_pause(&turn)) {
        uint64_t head[2] = {slot_load(&slot[0]), slot_load(&slot[1])};
        if (slot_is_free(head[0])) return false;
        subject_id id;
        memcpy(&id, head, sizeof id);
        if (slot_copy(sh, slot, words, &id, out)) return true; /* else it has just changed hands: look again */
    }
}

/* [reader] store_read that also tells where the record lies. */
bool store_copy(const store *s, uint64_t hash, const subject_id *key, void *out, uint32_t *ref);

/* [writer] Keeps what the slot holds for the snapshot (store_snapshot.c), which there must be; before any change to the
 * slot, and before the index leads to it or away from it. */
void store_snapshot_keep(const store *s, uint32_t ref);
static inline void store_before_change(const store *s, uint32_t ref) {
    if (__builtin_expect(s->snapshot != NULL, 0)) store_snapshot_keep(s, ref);
}

/* Where the writer found a key. */
typedef struct store_place {
    uint32_t ref;
    uint32_t bucket;
    unsigned way;
} store_place;

/* [writer] */
bool store_find(const store *s, const store_index *index, uint64_t hash, const subject_id *key, store_place *place);

#endif
