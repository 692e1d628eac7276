/* Chunks in a list, the newest in use. A request larger than a chunk gets a chunk of its own. Requests are checked
 * against overflow by their callers' limits: nothing here is larger than LIMIT_POLICY_COMPILED_BYTES. */
#include "engine/policy_arena.h"

#include "base/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Under the address sanitizer every request has a chunk of exactly its size, so that reading past it is seen. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNK_BYTES ((size_t)1)
#endif
#endif
#if !defined(CHUNK_BYTES) && defined(__SANITIZE_ADDRESS__)
#define CHUNK_BYTES ((size_t)1)
#endif
#ifndef CHUNK_BYTES
#define CHUNK_BYTES ((size_t)64 << 10)
#endif

typedef struct policy_arena_chunk {
    struct policy_arena_chunk *older;
    size_t used, size;
    _Alignas(64) char bytes[];
} policy_arena_chunk;

void policy_arena_deinit(policy_arena *a) {
    while (a->newest) {
        policy_arena_chunk *chunk = a->newest;
        a->newest = chunk->older;
        free(chunk);
    }
    *a = (policy_arena){0};
}

static policy_arena_chunk *chunk_create(policy_arena *a, size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, sizeof(policy_arena_chunk) + size) != 0) {
        a->failed = true;
        return NULL;
    }
    memset(memory, 0, sizeof(policy_arena_chunk) + size);
    policy_arena_chunk *chunk = memory;
    chunk->size = size;
    chunk->older = a->newest;
    a->newest = chunk;
    return chunk;
}

void *policy_arena_alloc(policy_arena *a, size_t size, size_t align) {
    CHECK(align <= 64 && (align & (align - 1)) == 0 && size < SIZE_MAX / 2);
    if (size == 0) size = 1;
    policy_arena_chunk *chunk = a->newest;
    size_t at = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;
    if (!chunk || at + size > chunk->size) {
        chunk = chunk_create(a, size > CHUNK_BYTES ? size : CHUNK_BYTES);
        if (!chunk) return NULL;
        at = 0;
    }
    chunk->used = at + size;
    a->bytes += size;
    return chunk->bytes + at;
}

char *policy_arena_text(policy_arena *a, const char *text, size_t length) {
    char *copy = policy_arena_alloc(a, length + 1, 1);
    if (copy && length) memcpy(copy, text, length);
    return copy;
}
