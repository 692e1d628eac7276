/* Memory that is given back all at once: what a policy set keeps, and what a load needs on its way.
 * Init with {0}; owned by the caller; not thread-safe. Nothing in an arena is freed alone. */
#ifndef XINYI_ENGINE_POLICY_ARENA_H
#define XINYI_ENGINE_POLICY_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct policy_arena {
    struct policy_arena_chunk *newest; /* owned */
    size_t bytes;                      /* asked for so far */
    bool failed;                       /* an allocation found no memory; stays set */
} policy_arena;

void policy_arena_deinit(policy_arena *a);
/* `size` zeroed bytes at a multiple of `align` (a power of two up to 64); NULL, and failed, without memory. */
void *policy_arena_alloc(policy_arena *a, size_t size, size_t align);
/* A copy with a NUL behind it; NULL without memory. */
char *policy_arena_text(policy_arena *a, const char *text, size_t length);

/* An array of n zeroed items of a type; n may be 0. */
#define POLICY_ARENA_ARRAY(arena, type, n) ((type *)policy_arena_alloc((arena), (n) * sizeof(type), _Alignof(type)))

#endif
