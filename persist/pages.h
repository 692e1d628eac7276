/* Big short-lived arrays straight from the system: given back at once when freed, whatever the allocator of the program
 * does with its own memory. For a fold's tens of megabytes, once a minute. */
#ifndef XINYI_PERSIST_PAGES_H
#define XINYI_PERSIST_PAGES_H

#include "base/check.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/* Zero-filled; NULL without memory. size > 0. */
static inline void *pages_alloc(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Like realloc, the old size given; NULL without memory, then `old` is as it was. old may be NULL. */
static inline void *pages_grow(void *old, size_t old_size, size_t size) {
    if (old == NULL) return pages_alloc(size);
    void *p = mremap(old, old_size, size, MREMAP_MAYMOVE);
    return p == MAP_FAILED ? NULL : p;
}

/* p may be NULL. */
static inline void pages_free(void *p, size_t size) {
    if (p != NULL) CHECK(munmap(p, size) == 0);
}

#endif
