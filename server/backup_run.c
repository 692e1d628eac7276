/* A run is a slot with its thread, which publishes the outcome in `state`; what is behind the state belongs to the
 * thread until then, and to the thread of commands afterwards. */
#include "server/backup_run.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 10

typedef struct slot {
    server *server;
    uint32_t number; /* 0: free */
    _Atomic int state;
    atomic_bool cancelled;
    _Atomic uint64_t done, total;
    char *directory;
    unsigned keep;
    int64_t started_ms;
    bool joined;
    pthread_t thread;
    /* the outcome */
    status why;
    char problem[BACKUP_PROBLEM];
    backup_info info;
    backup_cost cost;
    double seconds;
} slot;

struct backup_runs {
    server *server;
    slot slots[LIMIT_JOBS];
};

backup_runs *backup_runs_create(server *s) {
    backup_runs *r = calloc(1, sizeof *r);
    if (r != NULL) r->server = s;
    return r;
}

/* ------------------------------------------------------------------ the thread */

static bool note_progress(void *context, uint64_t done, uint64_t total) {
    slot *x = context;
    atomic_store_explicit(&x->total, total, memory_order_relaxed);
    atomic_store_explicit(&x->done, done, memory_order_relaxed);
    return !atomic_load_explicit(&x->cancelled, memory_order_relaxed);
}

static void log_outcome(const slot *x, int state) {
    if (state == RUN_DONE)
        log_event(LOG_INFO, "backup_made",
                  "job=%u directory=\"%s\" id=%u sequence=%llu bytes=%llu added_bytes=%llu writes_waited_ms=%.1f "
                  "seconds=%.2f",
                  x->number, x->directory, x->info.id, (unsigned long long)x->info.sequence,
                  (unsigned long long)x->info.bytes, (unsigned long long)x->info.added_bytes,
                  (double)x->cost.held_ns / 1e6, x->seconds);
    else
        log_event(state == RUN_CANCELLED ? LOG_INFO : LOG_ERROR, "backup_failed",
                  "job=%u directory=\"%s\" status=%s reason=\"%s\"", x->number, x->directory,
                  state == RUN_CANCELLED ? "cancelled" : status_name(x->why), x->problem);
}

static void *work(void *arg) {
    slot *x = arg;
    uint64_t begin = clock_mono_ns();
    pthread_setname_np(pthread_self(), "backup");
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread alone; a courtesy */
    x->why = backup_create(x->server->journal, x->directory, x->keep, note_progress, x, &x->info, &x->cost, x->problem,
                           sizeof x->problem);
    x->seconds = (double)(clock_mono_ns() - begin) / 1e9;
    if (x->why != STATUS_OK && x->problem[0] == '\0')
        snprintf(x->problem, sizeof x->problem, "%s", status_text(x->why));
    int state = x->why == STATUS_OK                                          ? RUN_DONE
                : x->why == STATUS_UNAVAILABLE && atomic_load(&x->cancelled) ? RUN_CANCELLED
                                                                             : RUN_FAILED;
    log_outcome(x, state);
    atomic_store(&x->state, state);
    return NULL;
}

/* ------------------------------------------------------------------ beginning and ending */

static void empty(slot *x) {
    if (x->number != 0 && !x->joined) pthread_join(x->thread, NULL);
    free(x->directory);
    memset((void *)x, 0, sizeof *x);
}

/* A free slot, or that of the oldest; NULL while one runs. */
static slot *take_slot(backup_runs *r) {
    slot *oldest = &r->slots[0];
    for (size_t i = 0; i < LIMIT_JOBS; i++) {
        slot *x = &r->slots[i];
        if (x->number != 0 && atomic_load(&x->state) == RUN_RUNNING) return NULL;
        if (x->number < oldest->number) oldest = x;
    }
    empty(oldest);
    return oldest;
}

status backup_runs_begin(backup_runs *r, uint32_t number, const char *directory, unsigned keep) {
    slot *x = take_slot(r);
    if (x == NULL) return STATUS_OVERLOADED;
    x->server = r->server;
    x->directory = strdup(directory);
    x->keep = keep;
    x->started_ms = clock_wall_ms();
    atomic_store(&x->state, RUN_RUNNING);
    x->number = number;
    if (x->directory != NULL && pthread_create(&x->thread, NULL, work, x) == 0) return STATUS_OK;
    x->joined = true;
    empty(x);
    return STATUS_NO_MEMORY;
}

/* ------------------------------------------------------------------ looking */

static void show(slot *x, backup_run *out) {
    int state = atomic_load(&x->state);
    *out = (backup_run){.number = x->number,
                        .state = (run_state)state,
                        .done_bytes = atomic_load(&x->done),
                        .total_bytes = atomic_load(&x->total),
                        .started_ms = x->started_ms,
                        .directory = x->directory};
    if (state == RUN_RUNNING) return;
    out->why = x->why;
    out->problem = x->problem;
    out->info = x->info;
    out->cost = x->cost;
    out->seconds = x->seconds;
}

static slot *find(backup_runs *r, uint32_t number) {
    for (size_t i = 0; i < LIMIT_JOBS; i++)
        if (number != 0 && r->slots[i].number == number) return &r->slots[i];
    return NULL;
}

bool backup_runs_find(backup_runs *r, uint32_t number, backup_run *out) {
    slot *x = find(r, number);
    if (x != NULL) show(x, out);
    return x != NULL;
}

bool backup_runs_before(backup_runs *r, uint32_t below, backup_run *out) {
    slot *newest = NULL;
    for (size_t i = 0; i < LIMIT_JOBS; i++) {
        slot *x = &r->slots[i];
        if (x->number != 0 && x->number < below && (newest == NULL || x->number > newest->number)) newest = x;
    }
    if (newest != NULL) show(newest, out);
    return newest != NULL;
}

bool backup_runs_cancel(backup_runs *r, uint32_t number) {
    slot *x = find(r, number);
    if (x != NULL) atomic_store(&x->cancelled, true);
    return x != NULL;
}

void backup_runs_stop(backup_runs *r) {
    for (size_t i = 0; i < LIMIT_JOBS; i++) {
        slot *x = &r->slots[i];
        atomic_store(&x->cancelled, true);
        if (x->number != 0 && !x->joined) pthread_join(x->thread, NULL);
        x->joined = true;
    }
}

void backup_runs_destroy(backup_runs **r) {
    if (*r == NULL) return;
    for (size_t i = 0; i < LIMIT_JOBS; i++) empty(&(*r)->slots[i]);
    free(*r);
    *r = NULL;
}
