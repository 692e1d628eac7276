/* The board: alerts in the order of their numbers in one array. What is acknowledged, or has given way to newer ones,
 * becomes a hole, and the array is closed up when half of it is holes, so that an alert costs a constant number of
 * copies, however many are open.
 *
 * Invariant: what is not a hole is what the engine had open when the board was last brought up to date. Nothing becomes
 * a hole that the engine still has, so it is enough to count: if there are too many (nobody said which alert left)
 * everything is copied anew. */
#include "server/watch.h"

#include "base/log.h"
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HOLES_LEAST 64 /* below this many it is not worth closing up */
#define AT_ONCE 1024   /* alerts copied from the engine before memory is looked after */

struct watch_board {
    pthread_mutex_t mutex; /* guards `open` and its numbers; the commit thread alone changes them */
    alert *open;           /* kind 0: a hole */
    size_t count, capacity, holes;
    size_t front;                     /* holes only before it */
    _Atomic uint64_t newest, dropped; /* of the engine, when the board was last brought up to date */

    /* the commit thread's */
    uint64_t *leaving;
    size_t leaving_count, leaving_capacity;
    bool told; /* that it stays behind */
};

status watch_init(server *s) {
    s->watch = calloc(1, sizeof *s->watch);
    if (s->watch == NULL) return STATUS_NO_MEMORY;
    pthread_mutex_init(&s->watch->mutex, NULL);
    return STATUS_OK;
}

void watch_deinit(server *s) {
    struct watch_board *b = s->watch;
    if (b == NULL) return;
    pthread_mutex_destroy(&b->mutex);
    free(b->open);
    free(b->leaving);
    free(b);
    s->watch = NULL;
}

/* ------------------------------------------------------------------ the commit thread */

/* The first place whose number is above `after`. */
static size_t place_after(const struct watch_board *b, uint64_t after) {
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->open[middle].number <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void close_up(struct watch_board *b) {
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->open[i].kind != 0) b->open[kept++] = b->open[i];
    b->count = kept;
    b->holes = b->front = 0;
}

static void make_hole(struct watch_board *b, size_t at) {
    if (b->open[at].kind == 0) return;
    b->open[at].kind = 0;
    b->holes++;
}

/* What was acknowledged, and what is older than the oldest that the engine has. */
static void take_away(struct watch_board *b, const alerts *from) {
    alert oldest;
    uint64_t first = alerts_after(from, 0, &oldest, 1) == 1 ? oldest.number : UINT64_MAX;
    for (; b->front < b->count && b->open[b->front].number < first; b->front++) make_hole(b, b->front);
    for (size_t i = 0; i < b->leaving_count; i++) {
        size_t at = place_after(b, b->leaving[i] - 1);
        if (at == b->count || b->open[at].number != b->leaving[i]) continue;
        if (alerts_find(from, b->leaving[i]) == NULL) make_hole(b, at);
    }
    if (b->holes > HOLES_LEAST && b->holes * 2 > b->count) close_up(b);
}

/* Appends all that the engine has above the last number here. */
static bool append(struct watch_board *b, const alerts *from) {
    for (;;) {
        if (b->capacity - b->count < AT_ONCE) {
            size_t more = b->capacity == 0 ? AT_ONCE : b->capacity * 2;
            alert *open = realloc(b->open, more * sizeof *open);
            if (open == NULL) return false;
            b->open = open;
            b->capacity = more;
        }
        uint64_t last = b->count > 0 ? b->open[b->count - 1].number : 0;
        size_t got = alerts_after(from, last, b->open + b->count, AT_ONCE);
        b->count += got;
        if (got < AT_ONCE) return true;
    }
}

/* With the lock: the board becomes what the engine has. */
static bool bring_up_to_date(struct watch_board *b, const alerts *from) {
    take_away(b, from);
    bool well = append(b, from);
    if (well && b->count - b->holes != alerts_count(from)) {
        b->count = b->holes = b->front = 0;
        well = append(b, from);
    }
    atomic_store_explicit(&b->dropped, alerts_dropped(from), memory_order_relaxed);
    if (well) atomic_store_explicit(&b->newest, alerts_newest(from), memory_order_release);
    return well;
}

void watch_publish(server *s) { watch_take(s, engine_alerts(s->engine)); }

void watch_take(server *s, const alerts *open) {
    struct watch_board *b = s->watch;
    uint64_t newest = alerts_newest(open), before = atomic_load_explicit(&b->newest, memory_order_relaxed);
    if (newest == before && alerts_count(open) == b->count - b->holes) return;
    pthread_mutex_lock(&b->mutex);
    bool well = bring_up_to_date(b, open);
    pthread_mutex_unlock(&b->mutex);
    b->leaving_count = 0;
    if (!well && !b->told) log_event(LOG_ERROR, "alerts_late", "reason=\"out of memory\" open=%zu", alerts_count(open));
    b->told = !well;
    if (newest == before) return;
    for (unsigned i = 0; s->workers != NULL && i < s->worker_count; i++)
        if (s->workers[i] != NULL) worker_alert(s->workers[i]);
}

void watch_leaving(server *s, uint64_t number) {
    struct watch_board *b = s->watch;
    if (b->leaving_count == b->leaving_capacity) {
        size_t more = b->leaving_capacity == 0 ? 64 : b->leaving_capacity * 2;
        uint64_t *leaving = realloc(b->leaving, more * sizeof *leaving);
        if (leaving == NULL) return; /* it will be found out */
        b->leaving = leaving;
        b->leaving_capacity = more;
    }
    b->leaving[b->leaving_count++] = number;
}

/* ------------------------------------------------------------------ anybody */

size_t watch_read(const server *s, uint64_t *after, uint8_t *out, size_t max) {
    struct watch_board *b = s->watch;
    size_t n = 0;
    pthread_mutex_lock(&b->mutex);
    for (size_t i = place_after(b, *after); i < b->count && n < max; i++) {
        if (b->open[i].kind == 0) continue;
        memcpy(out + n++ * sizeof(alert), &b->open[i], sizeof(alert));
        *after = b->open[i].number;
    }
    uint64_t newest = atomic_load_explicit(&b->newest, memory_order_relaxed);
    if (n < max && *after < newest) *after = newest;
    pthread_mutex_unlock(&b->mutex);
    return n;
}

size_t watch_count(const server *s) {
    pthread_mutex_lock(&s->watch->mutex);
    size_t n = s->watch->count - s->watch->holes;
    pthread_mutex_unlock(&s->watch->mutex);
    return n;
}

uint64_t watch_dropped(const server *s) { return atomic_load_explicit(&s->watch->dropped, memory_order_relaxed); }
uint64_t watch_newest(const server *s) { return atomic_load_explicit(&s->watch->newest, memory_order_acquire); }
