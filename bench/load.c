/* One thread drives its connections with epoll over the library's descriptors. A turn of a connection takes what has
 * arrived with one read; every answer's callback queues the next request, and the library writes them with one call
 * when the callbacks are through: two system calls a turn, shared by all that is on the way. The clock is read once a
 * turn: the answers of one read, and the requests that follow them, get one time. (So a request's clock starts before
 * it is encoded, and the generator's own work counts as latency, never the other way round.)
 *
 * A request's tag is the time its latency counts from, and a bit for writes; nothing else is kept of it. Runs of equal
 * tags go into the histogram at once. */
#include "bench/load.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/purpose.h"
#include "base/status.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PICKS 256                   /* subjects picked in one go */
#define EVENTS 256                  /* of one epoll call */
#define ROUNDS 4                    /* of one turn before the next connection gets its own */
#define SWEEP_NS UINT64_C(20000000) /* how often a connection that nothing woke is looked at */
#define MINUTES_FIELD 24            /* volunteer_minutes, PROTOCOL.md section 4.3 */
#define MINUTES_MAX 100000

typedef struct worker worker;

typedef struct conn {
    xinyi *x;
    worker *w;
    uint64_t due, sent; /* open loop: requests due so far, and sent */
    uint32_t slot;
    bool dead, ready; /* ready: is in the worker's list of connections with work left */
} conn;

struct worker {
    const bench_options *o;
    load_keys keys;
    prng random;
    uint64_t write_below; /* a random number below makes a request a write; UINT64_MAX: every one */
    conn *conns;
    uint32_t count, first;
    int epoll;
    uint64_t begin_ns, start_ns, end_ns; /* warm-up begins, measuring starts, measuring ends */
    schedule plan;
    uint32_t *ready; /* slots; room for all of them twice, since a turn may mark its connection again */
    uint32_t ready_count, alive;
    uint64_t now_ns; /* when the answers of this turn arrived; 0: not read yet */
    uint64_t run_tag, run_count;
    uint64_t swept_ns;
    bool closing, connect_lost;
    xinyi_subject *subjects; /* room for PICKS and for one batch */
    size_t stock, picked;    /* of them: used, and there */
    union {
        xinyi_quota_ask *asks;
        xinyi_operation *operations;
    } entries;             /* one batch of the op, where it is more than subjects */
    xinyi_put_entry *puts; /* one batch */
    double cpu_at_start;
    load_result result;
    pthread_t thread;
};

struct load {
    const bench_options *o;
    conn *conns;
    worker **workers;
};

static atomic_bool interrupted;
void load_interrupt(void) { atomic_store(&interrupted, true); }

bool load_is_refusal(unsigned code) {
    return code == STATUS_OUT_OF_SCOPE || (code >= STATUS_NO_ACCOUNT && code <= STATUS_BAD_TTL);
}

/* ------------------------------------------------------------------ answers */

static void count_errors(worker *w, int code, uint64_t entries) {
    unsigned place = (unsigned)code < LOAD_STATUSES ? (unsigned)code : LOAD_STATUSES - 1;
    w->result.errors += entries;
    w->result.by_status[place] += entries;
}

/* Latency belongs to the requests of the measured time. */
static void flush_run(worker *w) {
    uint64_t from = w->run_tag >> 1;
    if (w->run_count > 0 && from >= w->start_ns && from < w->end_ns)
        histogram_add_many((w->run_tag & 1) != 0 ? &w->result.writes : &w->result.latency,
                           w->now_ns > from ? w->now_ns - from : 0, w->run_count);
    w->run_count = 0;
}

/* Entries that are not ok: refusals are answers, the rest are errors. Returns how many are errors. */
static uint64_t count_status(worker *w, unsigned code, bool measured, uint64_t *refused) {
    if (!load_is_refusal(code)) {
        count_errors(w, (int)code, 1);
        return 1;
    }
    if (measured) w->result.by_status[code]++;
    (*refused)++;
    return 0;
}

static void count_done(worker *w, bool write, uint64_t done, uint64_t refused) {
    load_result *s = &w->result;
    *(write ? &s->write_requests : &s->requests) += 1;
    *(write ? &s->write_done : &s->done) += done;
    s->refused += refused;
}

/* ------------------------------------------------------------------ requests */

static void lose(worker *w, conn *c, int code, const char *why) {
    if (c->dead) return;
    c->dead = true;
    w->alive--;
    if (w->result.lost++ == 0)
        snprintf(w->result.lost_why, sizeof w->result.lost_why, "%s", why != NULL ? why : xinyi_status_text(code));
    (void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, xinyi_fd(c->x), NULL);
}

static size_t wanted(const worker *w, const conn *c) {
    size_t on_the_way = xinyi_in_flight(c->x);
    if (w->closing || on_the_way >= w->o->pipeline) return 0;
    size_t room = w->o->pipeline - on_the_way;
    if (w->o->rate <= 0) return room;
    return c->due - c->sent < room ? (size_t)(c->due - c->sent) : room;
}

static int send_put(worker *w, conn *c, uint64_t tag, const xinyi_subject *subjects) {
    for (size_t i = 0; i < w->o->batch; i++) {
        w->puts[i].profile.id = subjects[i];
        w->puts[i].profile.volunteer_minutes = (uint32_t)prng_below(&w->random, MINUTES_MAX);
    }
    return xinyi_send_put(c->x, tag | 1, w->puts, w->o->batch);
}

static int send_op(worker *w, conn *c, uint64_t tag, const xinyi_subject *subjects) {
    const bench_options *o = w->o;
    switch (o->op) {
    case BENCH_EVALUATE: return xinyi_send_decide(c->x, tag, o->scenario, o->purpose, subjects, o->batch);
    case BENCH_GET: return xinyi_send_get(c->x, tag, o->purpose, subjects, o->batch);
    case BENCH_QUOTA_CHECK:
        for (size_t i = 0; i < o->batch; i++) w->entries.asks[i].subject = subjects[i];
        return xinyi_send_quota_check(c->x, tag, XINYI_PROGRAM_POWER, o->purpose, w->entries.asks, o->batch);
    case BENCH_RESERVE:
        for (size_t i = 0; i < o->batch; i++) {
            w->entries.operations[i].subject = subjects[i];
            w->entries.operations[i].id = xinyi_operation_new();
        }
        return xinyi_send_operate(c->x, tag, w->entries.operations, o->batch);
    }
    return XINYI_CLOSED; /* not reached: every op is above */
}

/* The subjects of the next request, from a stock that is picked in one go. */
static const xinyi_subject *next_subjects(worker *w) {
    size_t batch = w->o->batch;
    if (w->stock == w->picked) {
        w->picked = batch >= PICKS ? batch : PICKS / batch * batch;
        w->stock = 0;
        keys_pick(&w->random, w->keys.skew, w->keys.sample, w->keys.count, w->subjects, w->picked);
    }
    const xinyi_subject *subjects = w->subjects + w->stock;
    w->stock += batch;
    return subjects;
}

/* A failure to send ends the connection: the library only refuses what it can never send. */
static bool send_one(worker *w, conn *c, uint64_t now) {
    uint64_t from = now;
    if (w->o->rate > 0) {
        from = schedule_at(&w->plan, c->sent, c->slot);
        if (from >= w->start_ns && from < w->end_ns) histogram_add(&w->result.lateness, now > from ? now - from : 0);
    }
    c->sent++;
    bool write = w->write_below != 0 && prng_next(&w->random) <= w->write_below;
    const xinyi_subject *subjects = next_subjects(w);
    int code = write ? send_put(w, c, from << 1, subjects) : send_op(w, c, from << 1, subjects);
    if (code == 0) return true;
    count_errors(w, code, w->o->batch);
    lose(w, c, code, xinyi_last_error(c->x));
    return false;
}

/* ------------------------------------------------------------------ a connection's turn */

#define COUNT_ENTRIES(entries)                                                                                         \
    do {                                                                                                               \
        for (size_t i = 0; i < r->count; i++)                                                                          \
            if (__builtin_expect((entries)[i].status != 0, 0))                                                         \
                bad += count_status(w, (entries)[i].status, measured, &refused);                                       \
    } while (0)

static void on_reply(void *context, const xinyi_reply *r) {
    conn *c = context;
    worker *w = c->w;
    if (w->now_ns == 0) w->now_ns = clock_mono_ns();
    bool write = (r->tag & 1) != 0, measured = w->now_ns >= w->start_ns && w->now_ns < w->end_ns;
    if (r->status != 0) {
        count_errors(w, r->status, w->o->batch);
        return;
    }
    uint64_t bad = 0, refused = 0;
    if (r->decisions != NULL)
        COUNT_ENTRIES(r->decisions);
    else if (r->quota_answers != NULL)
        COUNT_ENTRIES(r->quota_answers);
    else if (r->profiles != NULL)
        COUNT_ENTRIES(r->profiles);
    else if (r->operations != NULL)
        COUNT_ENTRIES(r->operations);
    else if (r->puts != NULL)
        COUNT_ENTRIES(r->puts);
    if (r->tag != w->run_tag) {
        flush_run(w);
        w->run_tag = r->tag;
    }
    if (bad < r->count) w->run_count++; /* a request of errors only has no latency worth knowing */
    if (measured) count_done(w, write, r->count - bad - refused, refused);
    if (wanted(w, c) > 0) (void)send_one(w, c, w->now_ns);
}

/* Writes what is queued and takes what is there. False: the connection is gone, and the library has reported every
 * request on the way. */
static bool take(worker *w, conn *c) {
    w->now_ns = 0;
    int code = xinyi_poll(c->x, 0);
    flush_run(w);
    if (code != 0) lose(w, c, code, xinyi_last_error(c->x));
    return !c->dead;
}

static void mark_ready(worker *w, conn *c) {
    if (c->ready || c->dead) return;
    c->ready = true;
    w->ready[w->ready_count++] = c->slot;
}

/* Everything a connection can do now. Callbacks keep the pipeline full; this starts it, and goes on after requests that
 * failed. What is sent here is written by the poll that follows, which may take new answers already; a server that
 * answers that fast must not keep the others waiting. */
static void turn(worker *w, conn *c, bool may_have_answers) {
    if (c->dead || (may_have_answers && !take(w, c))) return;
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = wanted(w, c);
        if (n == 0) return;
        uint64_t now = clock_mono_ns();
        w->now_ns = 0; /* should the library take answers here, they have a time of their own */
        while (n > 0 && send_one(w, c, now)) n--;
        flush_run(w);
        if (c->dead || !take(w, c)) return;
    }
    if (wanted(w, c) > 0) mark_ready(w, c);
}

/* ------------------------------------------------------------------ the loop */

static double thread_cpu(void) {
    struct rusage u;
    if (getrusage(RUSAGE_THREAD, &u) != 0) return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Waits with nanoseconds where the system can; returns the number of events. */
static int wait_events(worker *w, struct epoll_event *events, uint64_t wait_ns) {
    struct timespec t = {.tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u)};
    int n = epoll_pwait2(w->epoll, events, EVENTS, &t, NULL);
    if (n < 0 && errno == ENOSYS) n = epoll_wait(w->epoll, events, EVENTS, (int)(wait_ns / 1000000u));
    return n;
}

/* Hands what is due by now to its connections. A connection that is full leaves it due. */
static void take_due(worker *w, uint64_t now) {
    uint64_t slot;
    uint64_t last = now < w->end_ns ? now : w->end_ns - 1;
    while (schedule_take(&w->plan, last, &slot)) {
        w->conns[slot].due++;
        mark_ready(w, &w->conns[slot]);
    }
}

/* Work that no event announces: what is ready, and now and then every connection, since one whose socket was full has
 * more to write. */
static void run_ready(worker *w, uint64_t now) {
    uint32_t n = w->ready_count;
    for (uint32_t i = 0; i < n; i++) {
        conn *c = &w->conns[w->ready[i]];
        c->ready = false;
        turn(w, c, false);
    }
    memmove(w->ready, w->ready + n, (w->ready_count - n) * sizeof *w->ready);
    w->ready_count -= n;
    if (now - w->swept_ns < SWEEP_NS) return;
    w->swept_ns = now;
    for (uint32_t i = 0; i < w->count; i++) turn(w, &w->conns[i], true);
}

static uint64_t next_wait(const worker *w, uint64_t now, uint64_t until) {
    if (w->ready_count > 0) return 0;
    uint64_t next = now + SWEEP_NS < until ? now + SWEEP_NS : until;
    if (!w->closing && w->o->rate > 0) {
        uint64_t due = schedule_next(&w->plan);
        if (due < next) next = due;
    }
    return next > now ? next - now : 0;
}

static void run_events(worker *w, uint64_t wait_ns) {
    struct epoll_event events[EVENTS];
    int n = wait_events(w, events, wait_ns);
    for (int i = 0; i < n; i++) turn(w, events[i].data.ptr, true);
}

static size_t on_the_way(const worker *w) {
    size_t sum = 0;
    for (uint32_t i = 0; i < w->count; i++)
        if (!w->conns[i].dead) sum += xinyi_in_flight(w->conns[i].x);
    return sum;
}

/* Waits for the last answers: a stall at the end must show in the latencies. */
static void finish(worker *w) {
    w->closing = true;
    w->ready_count = 0;
    uint64_t now = clock_mono_ns(), until = now + (uint64_t)w->o->timeout_ms * 1000000u;
    while (w->alive > 0 && on_the_way(w) > 0 && now < until) {
        run_events(w, next_wait(w, now, until));
        now = clock_mono_ns();
    }
    uint64_t left = on_the_way(w) * w->o->batch;
    w->result.unanswered = left;
    if (left > 0) count_errors(w, STATUS_TIMEOUT, left);
}

/* Requests that were due and never sent have waited at least until the end; leaving them out would flatter. */
static void count_unsent(worker *w) {
    for (uint32_t i = 0; i < w->count; i++) {
        for (uint64_t k = w->conns[i].sent; k < w->conns[i].due; k++) {
            uint64_t from = schedule_at(&w->plan, k, i);
            if (from < w->start_ns || from >= w->end_ns) continue;
            w->result.unsent += w->o->batch;
            histogram_add(&w->result.latency, w->end_ns - from);
        }
    }
    w->result.due = (w->result.lateness.count * w->o->batch) + w->result.unsent;
}

static void *work(void *argument) {
    worker *w = argument;
    (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* the schedule wants better than the usual 50 us */
    bool measuring = false;
    uint64_t now = clock_mono_ns();
    w->swept_ns = now;
    if (w->o->rate <= 0)
        for (uint32_t i = 0; i < w->count; i++) mark_ready(w, &w->conns[i]);
    for (;; now = clock_mono_ns()) {
        if (!measuring && now >= w->start_ns) {
            measuring = true;
            w->cpu_at_start = thread_cpu();
        }
        if (atomic_load_explicit(&interrupted, memory_order_relaxed) && now < w->end_ns) {
            w->result.interrupted = true;
            w->end_ns = now;
        }
        if (w->o->rate > 0) take_due(w, now);
        if (now >= w->end_ns || w->alive == 0) break;
        run_ready(w, now);
        run_events(w, next_wait(w, now, measuring ? w->end_ns : w->start_ns));
    }
    if (w->o->rate > 0) run_ready(w, now); /* what became due in the last turn */
    if (now < w->end_ns) w->end_ns = now;  /* every connection broke */
    if (measuring) {
        w->result.cpu_seconds = thread_cpu() - w->cpu_at_start;
        w->result.seconds = (double)(w->end_ns - w->start_ns) / 1e9;
        double cores = w->result.seconds > 0 ? w->result.cpu_seconds / w->result.seconds : 0;
        w->result.busiest = cores;
    }
    finish(w);
    if (w->o->rate > 0) count_unsent(w);
    return NULL;
}

/* ------------------------------------------------------------------ set-up */

static int no_memory(void) {
    fprintf(stderr, "xinyi-bench: out of memory\n");
    return BENCH_EXIT_FAILED;
}

static int connect_one(const bench_options *o, conn *c) {
    /* One more than is ever on the way, so that sending never waits inside the library. */
    const xinyi_options options = {.cluster = o->cluster,
                                   .agent = "xinyi-bench",
                                   .timeout_ms = o->timeout_ms,
                                   .max_in_flight = o->pipeline + 1,
                                   .no_checksum = o->no_checksum};
    if (xinyi_connect(o->server, &options, &c->x) != 0) {
        fprintf(stderr, "xinyi-bench: cannot connect to %s: %s\n", o->server, xinyi_last_error(NULL));
        return BENCH_EXIT_NO_CONNECTION;
    }
    if (o->batch > xinyi_max_entries(c->x)) {
        fprintf(stderr, "xinyi-bench: --batch %u is more than the %u entries this server takes in a request\n",
                o->batch, xinyi_max_entries(c->x));
        return BENCH_EXIT_USAGE;
    }
    return 0;
}

static void raise_file_limit(uint32_t connections) {
    struct rlimit limit;
    rlim_t want = (rlim_t)connections + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want) return;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > want ? want : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* too low shows as a connection that cannot be made */
}

int load_connect(const bench_options *o, load **out) {
    *out = NULL;
    raise_file_limit(o->connections);
    load *l = calloc(1, sizeof *l);
    if (l == NULL) return no_memory();
    l->o = o;
    l->conns = calloc(o->connections, sizeof *l->conns);
    l->workers = calloc(o->threads, sizeof(worker *));
    int code = l->conns == NULL || l->workers == NULL ? no_memory() : 0;
    for (uint32_t i = 0; code == 0 && i < o->connections; i++) code = connect_one(o, &l->conns[i]);
    if (code != 0) load_destroy(&l);
    *out = l;
    return code;
}

xinyi *load_first(load *l) { return l->conns[0].x; }

/* The parts of the entries that stay the same are filled in once. */
static bool make_entries(worker *w) {
    const bench_options *o = w->o;
    size_t picks = o->batch > PICKS ? o->batch : PICKS;
    w->subjects = malloc(picks * sizeof *w->subjects);
    w->ready = malloc(2 * (size_t)w->count * sizeof *w->ready);
    w->puts = calloc(o->batch, sizeof *w->puts);
    if (w->subjects == NULL || w->ready == NULL || w->puts == NULL) return false;
    for (uint32_t i = 0; i < o->batch; i++) {
        w->puts[i].mask = UINT64_C(1) << MINUTES_FIELD;
        w->puts[i].flags = XINYI_PUT_UPDATE;
    }
    if (o->op == BENCH_QUOTA_CHECK) {
        w->entries.asks = calloc(o->batch, sizeof *w->entries.asks);
        if (w->entries.asks == NULL) return false;
        for (uint32_t i = 0; i < o->batch; i++) w->entries.asks[i].amount_fen = o->amount_fen;
    } else if (o->op == BENCH_RESERVE) {
        w->entries.operations = calloc(o->batch, sizeof *w->entries.operations);
        if (w->entries.operations == NULL) return false;
        for (uint32_t i = 0; i < o->batch; i++)
            w->entries.operations[i] = (xinyi_operation){.program = XINYI_PROGRAM_POWER,
                                                         .kind = XINYI_RESERVE,
                                                         .amount_fen = o->amount_fen,
                                                         .ttl_ms = o->ttl_ms};
    }
    return true;
}

static int make_worker(load *l, uint32_t index, const load_keys *keys) {
    const bench_options *o = l->o;
    worker *w = l->workers[index] = calloc(1, sizeof *w);
    if (w == NULL) return no_memory();
    w->epoll = -1;
    w->o = o;
    w->keys = *keys;
    w->first = (uint32_t)((uint64_t)o->connections * index / o->threads);
    w->count = (uint32_t)((uint64_t)o->connections * (index + 1) / o->threads) - w->first;
    w->conns = l->conns + w->first;
    w->alive = w->count;
    w->write_below = o->mix >= 100 ? UINT64_MAX : (uint64_t)(o->mix / 100 * 18446744073709551616.0);
    w->run_tag = UINT64_MAX;
    prng_init(&w->random, o->seed, index);
    if (!make_entries(w)) return no_memory();
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < w->count; i++) {
        conn *c = &w->conns[i];
        c->w = w;
        c->slot = i;
        xinyi_on(c->x, on_reply, c);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        if (w->epoll < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, xinyi_fd(c->x), &e) != 0) {
            fprintf(stderr, "xinyi-bench: cannot watch the connections: %s\n", strerror(errno));
            return BENCH_EXIT_FAILED;
        }
    }
    return 0;
}

static void destroy_worker(worker **w) {
    if (*w == NULL) return;
    if ((*w)->epoll >= 0) close((*w)->epoll);
    free((*w)->subjects);
    free((*w)->ready);
    free((*w)->puts);
    free((*w)->entries.asks);
    free(*w);
    *w = NULL;
}

static void merge(load_result *into, const load_result *from) {
    histogram_merge(&into->latency, &from->latency);
    histogram_merge(&into->writes, &from->writes);
    histogram_merge(&into->lateness, &from->lateness);
    into->requests += from->requests;
    into->write_requests += from->write_requests;
    into->done += from->done;
    into->refused += from->refused;
    into->write_done += from->write_done;
    for (unsigned i = 0; i < LOAD_STATUSES; i++) into->by_status[i] += from->by_status[i];
    into->errors += from->errors;
    into->due += from->due;
    into->unsent += from->unsent;
    into->unanswered += from->unanswered;
    if (into->lost == 0) memcpy(into->lost_why, from->lost_why, sizeof into->lost_why);
    into->lost += from->lost;
    if (from->seconds > into->seconds) into->seconds = from->seconds;
    into->cpu_seconds += from->cpu_seconds;
    if (from->busiest > into->busiest) into->busiest = from->busiest;
    into->interrupted = into->interrupted || from->interrupted;
}

int load_run(load *l, const load_keys *keys, load_result *out) {
    const bench_options *o = l->o;
    memset(out, 0, sizeof *out);
    int code = 0;
    for (uint32_t i = 0; code == 0 && i < o->threads; i++) code = make_worker(l, i, keys);
    if (code != 0) return code;
    uint64_t begin = clock_mono_ns() + 1000000u;
    for (uint32_t i = 0; i < o->threads; i++) {
        worker *w = l->workers[i];
        w->begin_ns = begin;
        w->start_ns = begin + (uint64_t)(o->warmup * 1e9);
        w->end_ns = w->start_ns + (uint64_t)(o->seconds * 1e9);
        if (o->rate > 0) schedule_init(&w->plan, begin, o->rate / o->batch, o->connections, w->first, w->count);
    }
    uint32_t started = 0;
    for (; started < o->threads; started++)
        if (pthread_create(&l->workers[started]->thread, NULL, work, l->workers[started]) != 0) break;
    if (started < o->threads) {
        fprintf(stderr, "xinyi-bench: no thread can be made\n");
        load_interrupt();
        code = BENCH_EXIT_FAILED;
    }
    for (uint32_t i = 0; i < started; i++) {
        CHECK(pthread_join(l->workers[i]->thread, NULL) == 0);
        merge(out, &l->workers[i]->result);
    }
    return code;
}

void load_destroy(load **l) {
    if (*l == NULL) return;
    for (uint32_t i = 0; (*l)->conns != NULL && i < (*l)->o->connections; i++) xinyi_close(&(*l)->conns[i].x);
    for (uint32_t i = 0; (*l)->workers != NULL && i < (*l)->o->threads; i++) destroy_worker(&(*l)->workers[i]);
    free((*l)->workers);
    free((*l)->conns);
    free(*l);
    *l = NULL;
}
