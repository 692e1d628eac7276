/* Memory that runs out on demand: malloc and its kin are replaced by ones that count down. Under sanitizers, which
 * replace them themselves, only the arenas' hook counts. For one file of a test program. */
#ifndef XINYI_TESTS_FAILING_MEMORY_H
#define XINYI_TESTS_FAILING_MEMORY_H

#include "engine/arena.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REPLACE_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REPLACE_MALLOC 0
#endif
#endif
#ifndef REPLACE_MALLOC
#define REPLACE_MALLOC 1
#endif

static _Thread_local bool armed;
static _Thread_local bool lasting;   /* once it has failed, it goes on failing until disarmed */
static _Thread_local long countdown; /* allocations that still succeed */
static _Thread_local bool failed;

static bool allocation_fails(void) {
    if (!armed || countdown-- > 0) return false;
    failed = true;
    armed = lasting;
    return true;
}

static void arm(long n, bool for_long) {
    countdown = n;
    lasting = for_long;
    failed = false;
    armed = true;
}

/* Whether anything failed since arm. */
static bool disarm(void) {
    armed = false;
    return failed;
}

#if REPLACE_MALLOC
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

__attribute__((visibility("default"))) void *malloc(size_t n) {
    return allocation_fails() ? no_memory() : __libc_malloc(n);
}
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
    return allocation_fails() ? no_memory() : __libc_calloc(n, size);
}
__attribute__((visibility("default"))) void *realloc(void *old, size_t n) {
    return allocation_fails() ? no_memory() : __libc_realloc(old, n);
}
__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t n) {
    return allocation_fails() ? no_memory() : __libc_memalign(alignment, n);
}
#endif

static void hook(void) { arena_fault = allocation_fails; }

#endif
