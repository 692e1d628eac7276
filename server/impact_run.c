/* A run is a slot with its threads. The thread that leaves last ends the impact on the commit thread and publishes the
 * outcome in `state`; the slot's other members belong to the thread of commands, which touches the impact itself only
 * once the state is no longer "running". */
#include "server/impact_run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rcu.h"
#include "server/commit.h"

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
    status why; /* before state */
    atomic_bool cancelled;
    atomic_uint inside; /* threads that have not left */
    impact *impact;
    policy_set *before, *after;
    policy_moment at;
    unsigned by;
    int64_t started_ms;
    uint64_t began_ns;
    unsigned thread_count;
    pthread_t threads[LIMIT_THREADS_MAX];
} slot;

struct impact_runs {
    server *server;
    uint32_t last;
    slot slots[LIMIT_JOBS];
};

const char *run_state_name(unsigned state) {
    static const char *const names[] = {"running", "done", "failed", "cancelled"};
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

impact_runs *impact_runs_create(server *s) {
    impact_runs *r = calloc(1, sizeof *r);
    if (r != NULL) r->server = s;
    return r;
}

/* ------------------------------------------------------------------ the threads */

static void end_impact(void *arg) { impact_end(arg); }

static void finish(slot *x) {
    impact_totals totals;
    double seconds = (double)(clock_mono_ns() - x->began_ns) / 1e9;
    impact_took(x->impact, seconds);
    commit_call(x->server, end_impact, x->impact);
    impact_get_totals(x->impact, &totals);
    x->why = totals.outcome;
    int state = totals.outcome == STATUS_OK ? RUN_DONE : atomic_load(&x->cancelled) ? RUN_CANCELLED : RUN_FAILED;
    log_event(LOG_INFO, "impact_ended", "job=%u state=%s subjects=%llu seconds=%.2f", x->number,
              run_state_name((unsigned)state), (unsigned long long)totals.subjects, seconds);
    atomic_store(&x->state, state);
}

static void *work(void *arg) {
    slot *x = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread alone; a courtesy */
    rcu_enter();
    while (!atomic_load_explicit(&x->cancelled, memory_order_relaxed) && impact_work(x->impact)) rcu_pass();
    rcu_leave();
    if (atomic_fetch_sub(&x->inside, 1) == 1) finish(x);
    return NULL;
}

/* ------------------------------------------------------------------ beginning and ending */

typedef struct begin_call {
    server *s;
    slot *x;
    const impact_options *options;
    status result;
} begin_call;

static void begin_impact(void *arg) {
    begin_call *b = arg;
    if (!commit_is_well(b->s)) {
        b->result = STATUS_READ_ONLY;
        return;
    }
    b->x->before = policy_hold(engine_policy(b->s->engine));
    b->result = impact_begin(b->s->engine, b->x->after, b->options, &b->x->impact);
}

static void join(slot *x) {
    for (unsigned i = 0; i < x->thread_count; i++) pthread_join(x->threads[i], NULL);
    x->thread_count = 0;
}

static void empty(slot *x) {
    join(x);
    impact_destroy(&x->impact);
    policy_destroy(&x->before);
    policy_destroy(&x->after);
    memset((void *)x, 0, sizeof *x);
}

/* A free slot, or that of the oldest run; NULL while one runs. */
static slot *take_slot(impact_runs *r) {
    slot *oldest = &r->slots[0];
    for (size_t i = 0; i < LIMIT_JOBS; i++) {
        slot *x = &r->slots[i];
        if (x->number != 0 && atomic_load(&x->state) == RUN_RUNNING) return NULL;
        if (x->number < oldest->number) oldest = x;
    }
    empty(oldest);
    return oldest;
}

/* One thread at least, or it is given up. */
static status start_threads(slot *x) {
    unsigned wanted = x->server->worker_count;
    atomic_store(&x->inside, wanted);
    unsigned made = 0;
    while (made < wanted && pthread_create(&x->threads[made], NULL, work, x) == 0) made++;
    x->thread_count = made;
    if (made == wanted) return STATUS_OK;
    if (made == 0) {
        commit_call(x->server, end_impact, x->impact);
        return STATUS_NO_MEMORY;
    }
    /* those that could not be made leave at once */
    if (atomic_fetch_sub(&x->inside, wanted - made) == wanted - made) finish(x);
    return STATUS_OK;
}

uint32_t impact_runs_number(impact_runs *r) { return ++r->last; }

status impact_runs_begin(impact_runs *r, policy_set *candidate, const impact_options *options, unsigned by,
                         uint32_t *number) {
    slot *x = take_slot(r);
    if (x == NULL) {
        policy_destroy(&candidate);
        return STATUS_OVERLOADED;
    }
    x->server = r->server;
    x->after = candidate;
    x->at = options->at;
    x->by = by;
    x->started_ms = clock_wall_ms();
    x->began_ns = clock_mono_ns();
    begin_call b = {.s = r->server, .x = x, .options = options};
    commit_call(r->server, begin_impact, &b);
    if (b.result == STATUS_OK) {
        x->number = impact_runs_number(r);
        atomic_store(&x->state, RUN_RUNNING);
        b.result = start_threads(x);
    }
    if (b.result != STATUS_OK)
        empty(x);
    else
        *number = x->number;
    return b.result;
}

/* ------------------------------------------------------------------ looking */

static void show(const slot *x, impact_run *out) {
    int state = atomic_load(&x->state);
    *out = (impact_run){.number = x->number,
                        .state = (run_state)state,
                        .why = state == RUN_FAILED ? x->why : STATUS_OK,
                        .progress = state == RUN_DONE ? 1000000 : impact_progress(x->impact),
                        .started_ms = x->started_ms,
                        .impact = state == RUN_DONE ? x->impact : NULL,
                        .before = x->before,
                        .after = x->after,
                        .at = x->at,
                        .by = x->by};
}

static slot *find(impact_runs *r, uint32_t number) {
    for (size_t i = 0; i < LIMIT_JOBS; i++)
        if (number != 0 && r->slots[i].number == number) return &r->slots[i];
    return NULL;
}

bool impact_runs_find(impact_runs *r, uint32_t number, impact_run *out) {
    const slot *x = find(r, number);
    if (x != NULL) show(x, out);
    return x != NULL;
}

bool impact_runs_at(impact_runs *r, size_t n, impact_run *out) {
    uint32_t below = UINT32_MAX;
    for (;;) {
        const slot *newest = NULL;
        for (size_t i = 0; i < LIMIT_JOBS; i++)
            if (r->slots[i].number < below && (newest == NULL || r->slots[i].number > newest->number))
                newest = &r->slots[i];
        if (newest == NULL || newest->number == 0) return false;
        below = newest->number;
        if (n-- > 0) continue;
        show(newest, out);
        return true;
    }
}

bool impact_runs_cancel(impact_runs *r, uint32_t number) {
    slot *x = find(r, number);
    if (x != NULL) atomic_store(&x->cancelled, true);
    return x != NULL;
}

void impact_runs_stop(impact_runs *r) {
    for (size_t i = 0; i < LIMIT_JOBS; i++) {
        atomic_store(&r->slots[i].cancelled, true);
        join(&r->slots[i]);
    }
}

void impact_runs_destroy(impact_runs **r) {
    if (*r == NULL) return;
    for (size_t i = 0; i < LIMIT_JOBS; i++) empty(&(*r)->slots[i]);
    free(*r);
    *r = NULL;
}
