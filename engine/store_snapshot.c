/* Snapshots: the records of one moment, while the writer goes on.
 *
 * By slots, not by keys. A record never moves, so the records of the moment are the contents of the slots of the
 * moment: walking every slot once gives every record once, whatever becomes of keys, of the index or of freed slots
 * afterwards. Before the writer first changes a slot (overwrite, insert into a free one, removal) it puts a copy of
 * what the slot held, or a note that it was free, into a side table under the slot's number. Blocks that were taken
 * from the arena later are not walked: nothing in them is of the moment.
 *
 * Why a walker is right. It first copies the slot, then looks into the side table; a kept copy takes precedence.
 *   - The copy is of one state of the slot (slot_copy). If that state is not the moment's, the walker has read at least
 *     one word that the writer stored after the moment. The writer published the kept copy (release) before its first
 *     store to the slot (release), and slots are read by acquiring loads: so the walker, looking afterwards, finds it.
 *   - A kept copy is complete when it is published and never changed again. So it does not matter whether the walker
 *     finds one that was made only after its own copy: both are the same state then.
 *   - Each slot is in one part and a part is walked by one thread: nothing comes twice.
 * A slot that is taken, freed and taken again by other keys is one slot with one kept state, the first. Growth replaces
 * the index, which a walk does not use.
 *
 * Why a read by key is right. It looks in the store, then in the side table, in this order.
 *   - A key of the moment whose slot has since changed hands was kept under its key, before the index lost it: whoever
 *     misses it in the index, or meets it elsewhere, finds it there.
 *   - Otherwise its slot is the one the index led to. If something was kept of that slot, that is the answer: this
 * key's record, or another's or nothing: then the record that was met is newer than the moment. If nothing was kept,
 * the copy is the moment's, by the argument above.
 *
 * Spoilt: set (release) before the first change of which nothing could be kept, so who reads the consequence of such a
 * change and asks afterwards is told.
 *
 * The side table: entries in pieces that never move, linked into two arrays of chains. By slot the hash is the
 * identity: a walk in the order of slots reads these heads in order too, four bytes a record.
 *
 * Cost: for the writer two cache misses a first change, one for a further one; for a walker four bytes beside the
 * record. Beginning takes about a millisecond for 50 million records. Arrays of chains are zero pages until used. */
#include "base/check.h"
#include "engine/store.h"
#include "engine/store_internal.h"

#include <stdlib.h>
#include <string.h>

#define PART_BYTES (1u << 20)
#define CHAINS_LEAST 64u
#define CHAINS_MOST (1u << 22)
#define PIECE 1024u /* entries allocated together */

typedef struct kept {
    uint32_t ref;
    uint32_t next;        /* of the same chain by slot: 1 + number, 0 ends */
    uint32_t next_of_key; /* likewise by key */
    uint32_t zero;
    uint64_t words[]; /* the record; the first word is 0 if the slot was free */
} kept;

struct store_snapshot {
    const store *s;
    size_t entry_size;
    unsigned part_shift; /* blocks of a part, as a power of two */
    uint32_t blocks;     /* of the arena, at the moment */
    uint32_t max_changes;
    size_t records;
    uint32_t ref_mask, key_mask;
    _Atomic uint32_t *by_ref, *by_key; /* heads: 1 + number of the newest entry */
    uint8_t *owner;                    /* shard of a block */
    atomic_bool spoilt;
    uint32_t count; /* the writer's */
    uint8_t *piece[];
};

static uint32_t chains_for(uint32_t n) {
    uint32_t chains = CHAINS_LEAST;
    while (chains < n && chains < CHAINS_MOST) chains *= 2;
    return chains;
}

/* ------------------------------------------------------------------ beginning and ending */

static void note_owners(const store *s, uint8_t *owner) {
    for (unsigned i = 0; i < LIMIT_SHARDS; i++) {
        const shard *sh = &s->shards[i];
        const shard_blocks *list = atomic_load_explicit(&sh->blocks, memory_order_relaxed);
        for (uint32_t b = 0; b < sh->block_count; b++)
            owner[atomic_load_explicit(&list->block[b], memory_order_relaxed)] = (uint8_t)i;
    }
}

static void drop(store_snapshot *n) {
    if (n == NULL) return;
    for (uint32_t p = 0; p * (uint64_t)PIECE < n->count; p++) free(n->piece[p]);
    free(n->by_ref);
    free(n->by_key);
    free(n->owner);
    free(n);
}

status store_snapshot_begin(store *s, uint32_t max_changes, store_snapshot **out) {
    CHECK(max_changes > 0);
    if (s->snapshot != NULL) return STATUS_OVERLOADED;
    size_t pieces = (max_changes + (size_t)PIECE - 1) / PIECE;
    store_snapshot *n = arena_calloc(1, sizeof *n + pieces * sizeof n->piece[0]);
    if (n == NULL) return STATUS_NO_MEMORY;
    n->s = s;
    n->entry_size = sizeof(kept) + s->record_size;
    arena_use use = arena_get_use(s->records);
    n->blocks = use.taken;
    while ((use.block_bytes << (n->part_shift + 1)) <= PART_BYTES) n->part_shift++;
    n->max_changes = max_changes;
    n->records = store_count(s);
    n->ref_mask = chains_for(max_changes) - 1;
    n->key_mask = chains_for(max_changes / 4) - 1;
    n->by_ref = arena_calloc(n->ref_mask + (size_t)1, sizeof n->by_ref[0]);
    n->by_key = arena_calloc(n->key_mask + (size_t)1, sizeof n->by_key[0]);
    n->owner = arena_calloc(n->blocks + (size_t)1, 1);
    if (n->by_ref == NULL || n->by_key == NULL || n->owner == NULL) {
        drop(n);
        return STATUS_NO_MEMORY;
    }
    note_owners(s, n->owner);
    s->snapshot = n;
    *out = n;
    return STATUS_OK;
}

void store_snapshot_end(store *s, store_snapshot **n) {
    if (*n == NULL) return;
    CHECK(s->snapshot == *n);
    s->snapshot = NULL;
    drop(*n);
    *n = NULL;
}

unsigned store_snapshot_parts(const store_snapshot *n) {
    return (unsigned)((n->blocks + (UINT64_C(1) << n->part_shift) - 1) >> n->part_shift);
}

size_t store_snapshot_count(const store_snapshot *n) { return n->records; }

bool store_snapshot_spoilt(const store_snapshot *n) { return atomic_load_explicit(&n->spoilt, memory_order_acquire); }

/* ------------------------------------------------------------------ the side table */

static kept *entry_at(const store_snapshot *n, uint32_t number) {
    return (kept *)(void *)(n->piece[number / PIECE] + (number % PIECE) * n->entry_size);
}

/* In a chain of slots, from a head. */
static const kept *find_ref(const store_snapshot *n, uint32_t head, uint32_t ref) {
    while (head != 0) {
        const kept *k = entry_at(n, head - 1);
        if (k->ref == ref) return k;
        head = k->next;
    }
    return NULL;
}

static const kept *find_kept(const store_snapshot *n, uint32_t ref) {
    return find_ref(n, atomic_load_explicit(&n->by_ref[ref & n->ref_mask], memory_order_acquire), ref);
}

static bool is_of(const kept *k, const subject_id *key) { return memcmp(k->words, key, sizeof *key) == 0; }

static const kept *find_key(const store_snapshot *n, uint64_t hash, const subject_id *key) {
    uint32_t head = atomic_load_explicit(&n->by_key[hash & n->key_mask], memory_order_acquire);
    while (head != 0) {
        const kept *k = entry_at(n, head - 1);
        if (is_of(k, key)) return k;
        head = k->next_of_key;
    }
    return NULL;
}

/* NULL: the snapshot is spoilt. */
static kept *next_entry(store_snapshot *n) {
    if (n->count == n->max_changes) return NULL;
    uint8_t **piece = &n->piece[n->count / PIECE];
    if (*piece == NULL) *piece = arena_malloc(PIECE * n->entry_size);
    return *piece != NULL ? entry_at(n, n->count) : NULL;
}

void store_snapshot_keep(const store *s, uint32_t ref) {
    store_snapshot *n = s->snapshot;
    if (ref >> s->block_shift >= n->blocks || atomic_load_explicit(&n->spoilt, memory_order_relaxed)) return;
    _Atomic uint32_t *head = &n->by_ref[ref & n->ref_mask];
    uint32_t older = atomic_load_explicit(head, memory_order_relaxed);
    if (find_ref(n, older, ref) != NULL) return;
    kept *k = next_entry(n);
    if (k == NULL) {
        atomic_store_explicit(&n->spoilt, true, memory_order_release);
        return;
    }
    const slot_word *slot = store_slot(s, ref);
    for (size_t i = 0; i < s->words; i++) k->words[i] = atomic_load_explicit(&slot[i], memory_order_relaxed);
    if (slot_is_free(k->words[0])) k->words[0] = k->words[1] = 0;
    k->ref = ref;
    k->next = older;
    k->next_of_key = 0;
    k->zero = 0;
    n->count++;
    if (k->words[0] != 0) {
        _Atomic uint32_t *of_key = &n->by_key[store_hash_key(s->seed, k->words) & n->key_mask];
        k->next_of_key = atomic_load_explicit(of_key, memory_order_relaxed);
        atomic_store_explicit(of_key, n->count, memory_order_release);
    }
    atomic_store_explicit(head, n->count, memory_order_release);
}

/* ------------------------------------------------------------------ reading */

size_t store_snapshot_scan(const store_snapshot *n, unsigned part, store_cursor *cursor, void *out, size_t max) {
    CHECK(max > 0 && part < store_snapshot_parts(n));
    const store *s = n->s;
    uint64_t first = (uint64_t)part << n->part_shift, last = first + (UINT64_C(1) << n->part_shift);
    if (last > n->blocks) last = n->blocks;
    uint64_t at = (first << s->block_shift) + *cursor, end = last << s->block_shift;
    size_t count = 0;
    for (; at < end && count < max; at++) {
        uint32_t ref = (uint32_t)at;
        uint8_t *to = (uint8_t *)out + count * s->record_size;
        const shard *sh = &s->shards[n->owner[ref >> s->block_shift]];
        const slot_word *slot = store_slot(s, ref);
        bool there = s->words == 8 ? slot_copy_any(sh, slot, 8, to) : slot_copy_any(sh, slot, s->words, to);
        const kept *k = find_kept(n, ref);
        if (__builtin_expect(k != NULL, 0)) {
            there = k->words[0] != 0;
            memcpy(to, k->words, s->record_size);
        }
        count += there;
    }
    *cursor = at - (first << s->block_shift);
    return count;
}

bool store_snapshot_read(const store_snapshot *n, const subject_id *key, void *out) {
    const store *s = n->s;
    if (key->bytes[0] == SUBJECT_NONE) return false;
    uint64_t hash = store_hash_key(s->seed, key);
    uint32_t ref;
    bool found = store_copy(s, hash, key, out, &ref);
    const kept *k = find_key(n, hash, key);
    if (k == NULL && found) {
        if (ref >> s->block_shift >= n->blocks) return false;
        k = find_kept(n, ref);
        if (k == NULL) return true;
        if (!is_of(k, key)) return false;
    }
    if (k == NULL) return false;
    memcpy(out, k->words, s->record_size);
    return true;
}
