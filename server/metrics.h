/* Counters of one worker, summed on demand. Written by their worker only (relaxed atomics: a reader sees a moment's
 * values), on a cache line of their own. One row adds a counter, also to STATS. */
#ifndef XINYI_SERVER_METRICS_H
#define XINYI_SERVER_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#define METRICS_MESSAGE_TYPES 128

/*  X(name) */
#define METRICS_TABLE(X)                                                                                               \
    X(entries) /* entries of requests answered or queued */                                                            \
    X(errors)  /* error frames sent */                                                                                 \
    X(bytes_in)                                                                                                        \
    X(bytes_out)                                                                                                       \
    X(turns) /* readable events */                                                                                     \
    X(connections_accepted)                                                                                            \
    X(connections_refused) /* over the limit */                                                                        \
    X(connections_closed)                                                                                              \
    X(connections_shed) /* dropped because the buffers of all were short */                                            \
    X(overloaded)       /* writes refused because the queue was full */                                                \
    X(alerts)           /* sent to those who follow them */                                                            \
    X(stalls)           /* times reading stopped because a client did not take its replies */

typedef struct metrics {
    _Alignas(64) _Atomic uint64_t requests[METRICS_MESSAGE_TYPES]; /* by message type */
#define X(name) _Atomic uint64_t name;
    METRICS_TABLE(X)
#undef X
} metrics;

static inline void metrics_add(_Atomic uint64_t *counter, uint64_t n) {
    /* One writer: load and store are cheaper than a locked add. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline uint64_t metrics_read(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
