/* Why one reservation: references are 32-bit block or record numbers, and an address is base + number * size, without
 * a table to look up. PROT_NONE address space costs nothing; mprotect commits it front to back, so the committed part
 * stays one mapping and huge pages can cover it. The first 32 MiB use small pages, for small stores must not pay 2 MiB
 * at a time; the kernel merges them later if it likes.
 *
 * Invariants (under the lock): taken * block_bytes <= committed <= reserved; idle blocks form a list through their
 * first four bytes.
 * Cost: a lock a block, a system call a piece. */
#include "engine/arena.h"

#include "base/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define FIRST_PIECE ((size_t)1 << 20)
#define LARGEST_PIECE ((size_t)32 << 20)
#define NO_BLOCK UINT32_MAX

bool (*arena_fault)(void);

struct arena {
    atomic_uint holders;
    void *mapping;
    size_t mapping_bytes;
    uint8_t *base;
    size_t block_bytes;
    size_t reserved;
    uint32_t max_blocks;
    pthread_mutex_t lock;
    size_t committed;
    bool huge; /* advised */
    uint32_t taken;
    uint32_t idle;
    uint32_t idle_head;
};

static bool fails(void) { return arena_fault != NULL && arena_fault(); }

void *arena_malloc(size_t bytes) { return fails() ? NULL : malloc(bytes); }
void *arena_calloc(size_t count, size_t size) { return fails() ? NULL : calloc(count, size); }

static size_t round_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

status arena_create(size_t block_bytes, uint32_t max_blocks, arena **out) {
    CHECK(block_bytes >= 64 && block_bytes % 64 == 0 && block_bytes <= FIRST_PIECE && max_blocks < NO_BLOCK);
    size_t reserved;
    if (__builtin_mul_overflow(block_bytes, (size_t)max_blocks, &reserved) || reserved > SIZE_MAX / 2)
        return STATUS_NO_MEMORY;
    arena *a = arena_malloc(sizeof *a);
    if (a == NULL) return STATUS_NO_MEMORY;
    *a = (arena){.block_bytes = block_bytes, .max_blocks = max_blocks, .idle_head = NO_BLOCK};
    a->reserved = round_up(reserved, HUGE_PAGE);
    a->mapping_bytes = a->reserved + HUGE_PAGE;
    a->mapping = mmap(NULL, a->mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (a->mapping == MAP_FAILED) {
        free(a);
        return STATUS_NO_MEMORY;
    }
    a->base = (uint8_t *)a->mapping + (HUGE_PAGE - (uintptr_t)a->mapping % HUGE_PAGE) % HUGE_PAGE;
    (void)madvise(a->mapping, a->mapping_bytes, MADV_DONTDUMP); /* a kernel without it is no reason to fail */
    CHECK(pthread_mutex_init(&a->lock, NULL) == 0);
    atomic_init(&a->holders, 1);
    *out = a;
    return STATUS_OK;
}

arena *arena_hold(arena *a) {
    atomic_fetch_add_explicit(&a->holders, 1, memory_order_relaxed);
    return a;
}

void arena_drop(arena *a) {
    if (a == NULL || atomic_fetch_sub_explicit(&a->holders, 1, memory_order_acq_rel) != 1) return;
    CHECK(munmap(a->mapping, a->mapping_bytes) == 0);
    CHECK(pthread_mutex_destroy(&a->lock) == 0);
    free(a);
}

uint8_t *arena_base(const arena *a) { return a->base; }

/* Makes the first `bytes` usable. */
static status commit(arena *a, size_t bytes) {
    if (bytes <= a->committed) return STATUS_OK;
    size_t piece = a->committed;
    if (piece < FIRST_PIECE) piece = FIRST_PIECE;
    if (piece > LARGEST_PIECE) piece = LARGEST_PIECE;
    if (piece > a->reserved - a->committed) piece = a->reserved - a->committed;
    CHECK(a->committed + piece >= bytes);
    if (mprotect(a->base + a->committed, piece, PROT_READ | PROT_WRITE) != 0) return STATUS_NO_MEMORY;
    a->committed += piece;
    if (!a->huge && a->committed >= LARGEST_PIECE) {
        (void)madvise(a->base, a->reserved, MADV_HUGEPAGE); /* advice only */
        a->huge = true;
    }
    return STATUS_OK;
}

static status take_locked(arena *a, uint32_t *block) {
    if (fails()) return STATUS_NO_MEMORY;
    if (a->idle_head != NO_BLOCK) {
        *block = a->idle_head;
        memcpy(&a->idle_head, a->base + *block * a->block_bytes, sizeof a->idle_head);
        a->idle--;
        return STATUS_OK;
    }
    if (a->taken == a->max_blocks) return STATUS_CAPACITY;
    status code = commit(a, (a->taken + (size_t)1) * a->block_bytes);
    if (code == STATUS_OK) *block = a->taken++;
    return code;
}

status arena_take(arena *a, uint32_t *block) {
    CHECK(pthread_mutex_lock(&a->lock) == 0);
    status code = take_locked(a, block);
    CHECK(pthread_mutex_unlock(&a->lock) == 0);
    return code;
}

void arena_give(arena *a, uint32_t block) {
    CHECK(pthread_mutex_lock(&a->lock) == 0);
    CHECK(block < a->taken && a->idle < a->taken);
    memcpy(a->base + block * a->block_bytes, &a->idle_head, sizeof a->idle_head);
    a->idle_head = block;
    a->idle++;
    CHECK(pthread_mutex_unlock(&a->lock) == 0);
}

arena_use arena_get_use(arena *a) {
    CHECK(pthread_mutex_lock(&a->lock) == 0);
    arena_use use = {.taken = a->taken, .idle = a->idle, .block_bytes = a->block_bytes};
    CHECK(pthread_mutex_unlock(&a->lock) == 0);
    return use;
}
