/* libevent with raw persistent events. The loop rests (base/rcu.h) while it waits; every callback that touches the
 * engine wakes it and rests again at its end, so a quiet worker never holds up reclamation. */
#include "server/worker.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rcu.h"
#include "server/connection.h"
#include "server/watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define ACCEPT_PAUSE_MS 100
#define TICK_MS 1000
#define NS_PER_MS UINT64_C(1000000)

unsigned worker_index(const worker *w) { return w->index; }
const metrics *worker_metrics(const worker *w) { return &w->metrics; }
tally *worker_tally(const worker *w) { return w->tally; }

unsigned worker_shadow_generation(const worker *w) { return atomic_load(&w->shadow_generation); }

/* Another shadow: its differences are counted from zero. */
static void follow_shadow(worker *w) {
    unsigned now = atomic_load_explicit(&w->server->shadow_generation, memory_order_acquire);
    if (now == atomic_load_explicit(&w->shadow_generation, memory_order_relaxed)) return;
    tally_shadow_reset(w->tally);
    atomic_store(&w->shadow_generation, now);
}

void worker_begin_turn(worker *w) {
    rcu_wake();
    follow_shadow(w);
    w->turn_ns = clock_mono_ns();
    w->at.now_ms = timekeeper_now_ms(&w->server->clock);
    w->at.day = clock_day_of_ms(w->at.now_ms);
}

void worker_end_turn(void) { rcu_rest(); }

/* ------------------------------------------------------------------ accepting */

static void refuse(worker *w, int fd) {
    metrics_add(&w->metrics.connections_refused, 1);
    buf frame = {0};
    message_error(&frame, 0, 0, STATUS_TOO_MANY_CONNECTIONS, 1000, status_text(STATUS_TOO_MANY_CONNECTIONS));
    if (!frame.failed) {
        ssize_t ignored = send(fd, frame.data, frame.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)ignored; /* a courtesy */
    }
    buf_deinit(&frame);
    close(fd);
}

/* For clients whose machine is gone, which say nothing any more, not even that: TCP asks after so much silence, and
 * gives up when there is no answer for as long again. It asks nothing while replies are under way: those it sends again
 * and again for a quarter of an hour, unless told how long to try. */
static void watch_out(int fd, const config *c) {
    int on = 1, idle_s = (int)(c->keepalive_ms / 1000), probes = 4;
    int interval_s = idle_s < probes ? 1 : idle_s / probes;
    unsigned stall_ms = (unsigned)c->stall_ms + 2 * TICK_MS; /* what on_tick sees, it is to see first */
    if (idle_s < 1) idle_s = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms);
}

static void on_accept(evutil_socket_t listener, short what, void *arg) {
    (void)what;
    worker *w = arg;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                /* Nothing to accept with: spinning on a readable listener would burn the core. */
                if (!w->accept_paused) log_event(LOG_WARN, "accept_paused", "reason=\"%s\"", strerror(errno));
                w->accept_paused = true;
                event_del(w->accept_event);
                event_add(w->accept_retry, &(struct timeval){0, ACCEPT_PAUSE_MS * 1000});
            }
            return;
        }
        w->accept_paused = false;
        if (atomic_fetch_add(&w->server->connections, 1) >= (size_t)w->server->config.max_connections) {
            atomic_fetch_sub(&w->server->connections, 1);
            refuse(w, fd);
            continue;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch_out(fd, &w->server->config);
        if (connection_new(w, fd) == NULL)
            atomic_fetch_sub(&w->server->connections, 1);
        else
            metrics_add(&w->metrics.connections_accepted, 1);
    }
}

static void on_accept_retry(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    worker *w = arg;
    if (!w->draining) event_add(w->accept_event, NULL);
}

/* ------------------------------------------------------------------ mail from other threads */

static void wake(worker *w) {
    uint64_t one = 1;
    ssize_t ignored = write(w->mail_fd, &one, sizeof one);
    (void)ignored; /* full means that a wake-up is pending already */
}

void worker_deliver(worker *w, write_request *first, write_request *last) {
    pthread_mutex_lock(&w->mail_mutex);
    bool was_empty = w->mail_first == NULL;
    if (was_empty)
        w->mail_first = first;
    else
        w->mail_last->next = first;
    w->mail_last = last;
    pthread_mutex_unlock(&w->mail_mutex);
    if (was_empty) wake(w);
}

void worker_alert(worker *w) {
    if (atomic_load(&w->follower_count) == 0) return;
    atomic_store(&w->alerts_wanted, true);
    wake(w);
}

void worker_drain(worker *w) {
    atomic_store(&w->drain_wanted, true);
    wake(w);
}

static bool is_quiet(const connection *c) { return c->in_flight == 0 && c->out.size == 0; }

static void begin_drain(worker *w) {
    w->draining = true;
    w->drain_until_ns = clock_mono_ns() + (uint64_t)w->server->config.drain_ms * NS_PER_MS;
    event_del(w->accept_event);
    event_del(w->accept_retry);
    close(w->listener);
    w->listener = -1;
    for (connection *c = w->connections, *next; c != NULL; c = next) {
        next = c->next;
        if (is_quiet(c)) connection_kill(c);
    }
}

/* Answers of one connection lie together for the most part: they go out with one write a run. */
static void take_mail(worker *w) {
    uint64_t count;
    ssize_t ignored = read(w->mail_fd, &count, sizeof count);
    (void)ignored;
    pthread_mutex_lock(&w->mail_mutex);
    write_request *list = w->mail_first;
    w->mail_first = w->mail_last = NULL;
    pthread_mutex_unlock(&w->mail_mutex);
    while (list != NULL) {
        connection *c = list->connection;
        do {
            write_request *r = list;
            list = r->next;
            writes_answer(r);
            write_request_free(r);
        } while (list != NULL && list->connection == c && w->output.size < OUTPUT_TURN);
        if (c->dead) {
            buf_clear(&w->output);
            connection_free_if_done(c);
        } else {
            connection_flush(c);
            if (w->draining && is_quiet(c))
                connection_close_after_output(c);
            else
                connection_resume(c);
        }
    }
}

static void on_mail(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    worker *w = arg;
    worker_begin_turn(w);
    take_mail(w);
    if (atomic_exchange(&w->alerts_wanted, false)) watch_push_all(w);
    if (atomic_load(&w->drain_wanted) && !w->draining) begin_drain(w);
    worker_end_turn();
}

/* ------------------------------------------------------------------ once a second */

/* What is wrong with a connection by the clock: OK, or why it must go. */
static status overdue(const connection *c, uint64_t now) {
    uint64_t silent_ms = now > c->last_ns ? (now - c->last_ns) / NS_PER_MS : 0;
    bool late_hello = !c->said_hello && (now - c->opened_ns) / NS_PER_MS > (uint64_t)c->worker->server->config.hello_ms;
    if (late_hello) return STATUS_HELLO_REQUIRED;
    if (c->follower.follows) return STATUS_OK; /* it has nothing to say: TCP asks whether it is still there */
    return c->idle_ms != 0 && silent_ms > c->idle_ms && c->in_flight == 0 ? STATUS_IDLE_TIMEOUT : STATUS_OK;
}

static bool is_stalled(const connection *c, uint64_t now) {
    uint64_t limit = (uint64_t)c->worker->server->config.stall_ms * NS_PER_MS;
    bool waits = c->out.size > 0 || c->yielded; /* for the socket to take more */
    return waits && now > c->taken_ns && now - c->taken_ns > limit;
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    worker *w = arg;
    uint64_t now = clock_mono_ns();
    for (connection *c = w->connections, *next; c != NULL; c = next) {
        next = c->next;
        status why;
        if (w->draining ? is_quiet(c) || now > w->drain_until_ns : is_stalled(c, now)) {
            if (!w->draining)
                log_event(LOG_WARN, "connection_dropped", "reason=\"replies are not read\" waiting=%zu", c->out.size);
            connection_kill(c);
        } else if (!w->draining && connection_is_in_the_way(c, now)) {
            log_event(LOG_WARN, "connection_dropped", "reason=\"buffers are short, and it gets nothing done\" kept=%zu",
                      c->kept);
            metrics_add(&w->metrics.connections_shed, 1);
            connection_kill(c);
        } else if (!c->closing && (why = overdue(c, now)) != STATUS_OK) {
            connection_error(c, 0, 0, why, NULL);
            connection_close_after_output(c);
        }
    }
}

static void *worker_main(void *arg) {
    worker *w = arg;
    pthread_setname_np(pthread_self(), "worker");
    rcu_enter();
    rcu_rest();
    while (!(w->draining && w->connections == NULL)) event_base_loop(w->base, EVLOOP_ONCE);
    rcu_wake();
    rcu_leave();
    return NULL;
}

/* ------------------------------------------------------------------ life */

status worker_create(server *s, unsigned index, int listener, worker **out) {
    worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
    if (w == NULL) return STATUS_NO_MEMORY;
    memset((void *)w, 0, sizeof *w);
    *out = w;
    w->server = s;
    w->index = index;
    w->listener = listener;
    pthread_mutex_init(&w->mail_mutex, NULL);
    w->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->base = event_base_new();
    w->input = aligned_alloc(64, INPUT_BYTES);
    w->batch = calloc(1, sizeof *w->batch);
    bool counts = tally_create(&w->tally) == STATUS_OK;
    if (w->mail_fd < 0 || w->base == NULL || w->input == NULL || w->batch == NULL || !counts) goto fail;
    w->accept_event = event_new(w->base, listener, EV_READ | EV_PERSIST, on_accept, w);
    w->accept_retry = event_new(w->base, -1, 0, on_accept_retry, w);
    w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
    w->mail = event_new(w->base, w->mail_fd, EV_READ | EV_PERSIST, on_mail, w);
    if (w->accept_event == NULL || w->accept_retry == NULL || w->tick == NULL || w->mail == NULL ||
        event_add(w->accept_event, NULL) != 0 || event_add(w->mail, NULL) != 0 ||
        event_add(w->tick, &(struct timeval){TICK_MS / 1000, 0}) != 0)
        goto fail;
    return STATUS_OK;
fail:
    worker_destroy(out);
    return STATUS_NO_MEMORY;
}

status worker_start(worker *w) {
    return pthread_create(&w->thread, NULL, worker_main, w) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void worker_join(worker *w) { pthread_join(w->thread, NULL); }

void worker_destroy(worker **out) {
    worker *w = *out;
    if (w == NULL) return;
    /* Requests that were given back after the loop ended belong to connections that are dead already. */
    while (w->mail_first != NULL) {
        write_request *r = w->mail_first;
        w->mail_first = r->next;
        r->connection->in_flight--;
        connection_free_if_done(r->connection);
        write_request_free(r);
    }
    struct event *events[] = {w->accept_event, w->accept_retry, w->tick, w->mail};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i] != NULL) event_free(events[i]);
    if (w->base != NULL) event_base_free(w->base);
    if (w->mail_fd >= 0) close(w->mail_fd);
    if (w->listener >= 0) close(w->listener);
    pthread_mutex_destroy(&w->mail_mutex);
    buf_deinit(&w->output);
    free(w->input);
    free(w->batch);
    tally_destroy(&w->tally);
    free(w);
    *out = NULL;
}
