/* The frame loop. One read, all frames in it, one write; replies of lookups are gathered into batches that cross
 * frames. */
#include "server/connection.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/watch.h"
#include "server/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

connection *connection_new(worker *w, int fd) {
    connection *c = calloc(1, sizeof *c);
    uint64_t now = clock_mono_ns();
    if (c == NULL) goto fail;
    *c = (connection){.worker = w,
                      .fd = fd,
                      .max_frame = LIMIT_FRAME_MAX,
                      .max_entries = LIMIT_ENTRIES_MAX,
                      .max_in_flight = LIMIT_IN_FLIGHT_MAX,
                      .idle_ms = (uint32_t)w->server->config.idle_ms,
                      .opened_ns = now,
                      .last_ns = now};
    c->readable = event_new(w->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(w->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) != 0) goto fail;
    c->reading = true;
    c->next = w->connections;
    if (c->next != NULL) c->next->prev = c;
    w->connections = c;
    return c;
fail:
    if (c != NULL) {
        if (c->readable != NULL) event_free(c->readable);
        if (c->writable != NULL) event_free(c->writable);
        free(c);
    }
    close(fd);
    return NULL;
}

/* Tells the server how much the connection keeps now. */
static void recount(connection *c) {
    server *s = c->worker->server;
    size_t now = c->in.capacity + c->out.capacity;
    if (now == c->kept) return;
    if (c->kept == 0) c->kept_since_ns = c->worker->turn_ns;
    atomic_fetch_add_explicit(&s->kept_bytes, now - c->kept, memory_order_relaxed); /* modulo: it may be less */
    c->kept = now;
}

void connection_free_if_done(connection *c) {
    if (!c->dead || c->in_flight > 0) return;
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    recount(c);
    uploads_deinit(&c->uploads);
    free(c);
}

void connection_kill(connection *c) {
    if (c->dead) return;
    worker *w = c->worker;
    c->dead = true;
    watch_forget(c);
    event_free(c->readable);
    event_free(c->writable);
    close(c->fd);
    if (c->next != NULL) c->next->prev = c->prev;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        w->connections = c->next;
    atomic_fetch_sub(&w->server->connections, 1);
    metrics_add(&w->metrics.connections_closed, 1);
    connection_free_if_done(c);
}

/* ------------------------------------------------------------------ what connections keep */

#define KEPT_FREE (2 * INPUT_BYTES) /* so much is never too much: an unfinished frame of the usual size */

/* How much of what may be kept is; 0 without a limit. */
static double taken_share(const server *s) {
    if (s->config.buffer_bytes == 0) return 0;
    return (double)atomic_load_explicit(&s->kept_bytes, memory_order_relaxed) / (double)s->config.buffer_bytes;
}

/* The buffers of all connections are full, and this one wants more of them. Told why if nothing of it is under way, of
 * which the client would believe that it was not executed. */
static bool shed(connection *c) {
    if (c->kept <= KEPT_FREE || taken_share(c->worker->server) <= 1) return false;
    log_event(LOG_WARN, "connection_dropped", "reason=\"the buffers of all connections are full\" kept=%zu", c->kept);
    metrics_add(&c->worker->metrics.connections_shed, 1);
    if (c->out.size == 0 && c->in_flight == 0 && !c->closing) {
        connection_error(c, 0, 0, STATUS_OVERLOADED, NULL);
        connection_flush(c);
    }
    connection_kill(c);
    return true;
}

/* As long as the settings say while less than half of the bytes is taken; nothing when all are. */
bool connection_is_in_the_way(const connection *c, uint64_t now_ns) {
    double taken = taken_share(c->worker->server);
    if (taken < 0.5 || c->kept == 0 || c->in_flight > 0 || now_ns < c->kept_since_ns) return false;
    double patience_ns = taken < 1 ? (double)c->worker->server->config.stall_ms * 1e6 * 2 * (1 - taken) : 0;
    return (double)(now_ns - c->kept_since_ns) > patience_ns;
}

/* ------------------------------------------------------------------ output and input */

static bool has_enough_writes(const connection *c) {
    return c->in_flight >= c->max_in_flight || c->promised >= PROMISED_MAX;
}

/* True if the connection may be read and its frames be looked at. */
static bool may_read(const connection *c) {
    return !c->dead && !c->closing && !c->ended && !c->yielded && c->out.size == 0 && !has_enough_writes(c) &&
           !c->worker->draining;
}

static void update_reading(connection *c) {
    bool want = may_read(c);
    if (want == c->reading) return;
    c->reading = want;
    if (want)
        event_add(c->readable, NULL);
    else
        event_del(c->readable);
}

/* Writes as much as the socket takes; returns how much, or -1 when the connection is lost. */
static ssize_t send_some(connection *c, const uint8_t *bytes, size_t length) {
    size_t sent = 0;
    while (sent < length) {
        ssize_t n = send(c->fd, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        } else {
            return -1;
        }
    }
    metrics_add(&c->worker->metrics.bytes_out, sent);
    return (ssize_t)sent;
}

/* Never frees c: a lost connection is marked closing and goes at the end of its turn. */
void connection_flush(connection *c) {
    worker *w = c->worker;
    if (w->output.size == 0) return;
    size_t sent = 0;
    if (w->output.failed) {
        c->closing = true; /* a reply is missing: the stream would be wrong */
        log_event(LOG_ERROR, "connection_dropped", "reason=\"out of memory for a reply\"");
    } else if (c->out.size == 0) {
        ssize_t n = send_some(c, w->output.data, w->output.size);
        if (n < 0) c->closing = true;
        sent = n < 0 ? w->output.size : (size_t)n;
    }
    if (sent < w->output.size && !w->output.failed) {
        if (c->out.size == 0) {
            event_add(c->writable, NULL);
            c->taken_ns = clock_mono_ns();
            metrics_add(&w->metrics.stalls, 1);
        }
        buf_append(&c->out, w->output.data + sent, w->output.size - sent);
        if (c->out.failed || c->out.size > LIMIT_OUTPUT_MAX + OUTPUT_TURN) {
            log_event(LOG_WARN, "connection_dropped", "reason=\"%zu bytes of replies are not read\"", c->out.size);
            buf_clear(&c->out);
            c->closing = true;
        }
    }
    buf_clear(&w->output);
}

void connection_error(connection *c, unsigned type, uint64_t request_id, status why, const char *text) {
    uint16_t retry_ms = status_classify(why) == STATUS_CLASS_AGAIN ? 100 : 0;
    metrics_add(&c->worker->metrics.errors, 1);
    message_error(&c->worker->output, type, request_id, why, retry_ms, text != NULL ? text : status_text(why));
}

/* ------------------------------------------------------------------ HELLO and dispatch */

static uint32_t lesser_wish(uint32_t limit, uint32_t wish) { return wish != 0 && wish < limit ? wish : limit; }

static void say_hello(connection *c, const frame_view *f) {
    worker *w = c->worker;
    hello asked;
    status s = hello_decode(f->body, f->body_length, false, &asked);
    const char *cluster = journal_cluster(w->server->journal);
    if (s == STATUS_OK && c->said_hello) s = STATUS_BAD_FRAME;
    if (s == STATUS_OK && (asked.version_min > FRAME_VERSION || asked.version_max < FRAME_VERSION))
        s = STATUS_UNSUPPORTED_VERSION;
    if (s == STATUS_OK && asked.cluster != NULL &&
        (asked.cluster_length != strlen(cluster) || memcmp(asked.cluster, cluster, asked.cluster_length) != 0))
        s = STATUS_WRONG_CLUSTER;
    if (s != STATUS_OK) {
        connection_error(c, MESSAGE_HELLO, f->header.request_id, s, NULL);
        c->closing = s == STATUS_UNSUPPORTED_VERSION || s == STATUS_WRONG_CLUSTER;
        return;
    }
    c->max_frame = lesser_wish(LIMIT_FRAME_MAX, asked.max_frame);
    if (c->max_frame < 4096) c->max_frame = 4096; /* room for any single entry and for documents' heads */
    c->max_entries = lesser_wish(LIMIT_ENTRIES_MAX, asked.max_entries);
    c->max_in_flight = lesser_wish(LIMIT_IN_FLIGHT_MAX, asked.max_in_flight);
    c->idle_ms = c->idle_ms != 0 ? lesser_wish(c->idle_ms, asked.idle_ms) : asked.idle_ms;
    hello answer = {.version_min = FRAME_VERSION,
                    .version_max = FRAME_VERSION,
                    .features = asked.features & HELLO_NO_CHECKSUM,
                    .max_frame = c->max_frame,
                    .max_entries = c->max_entries,
                    .max_in_flight = c->max_in_flight,
                    .idle_ms = c->idle_ms,
                    .cluster = cluster,
                    .cluster_length = (uint8_t)strlen(cluster),
                    .agent = SERVER_NAME " " SERVER_VERSION,
                    .agent_length = sizeof(SERVER_NAME " " SERVER_VERSION) - 1,
                    .unknown_count = asked.unknown_count};
    memcpy(answer.unknown, asked.unknown, sizeof answer.unknown);
    hello_encode(&w->output, f->header.request_id, FRAME_REPLY, &answer, NULL, 0);
    c->said_hello = true;
    c->no_checksum = (answer.features & HELLO_NO_CHECKSUM) != 0;
    char agent[LIMIT_NAME_MAX + 1] = ""; /* without quotes, or it could say more than its name */
    for (unsigned i = 0; i < asked.agent_length && i < LIMIT_NAME_MAX; i++)
        agent[i] = (char)(asked.agent[i] == '"' ? '\'' : asked.agent[i]);
    log_event(LOG_DEBUG, "hello", "agent=\"%s\"", agent);
}

/* Whether a frame that waited in the kept input did so for too long. `last_ns` is when its bytes came, or later. */
static bool is_late(const connection *c, const frame_view *f) {
    return f->header.deadline_ms != 0 && c->in.size > 0 &&
           c->worker->turn_ns - c->last_ns > (uint64_t)f->header.deadline_ms * 1000000u;
}

/* Replies with fixed entries must fit what the client accepts; walks and documents look at it themselves. */
static bool reply_fits(const connection *c, const frame_view *f, const message_info *info) {
    return message_is_walk(info->type) ||
           frame_length((size_t)f->header.entry_count * info->reply_entry) <= c->max_frame;
}

/* One whole frame with a good body. */
static void dispatch(connection *c, const frame_view *f) {
    worker *w = c->worker;
    const message_info *info = message_find(f->header.type);
    status s = (f->header.flags & (FRAME_REPLY | FRAME_ERROR)) != 0 ? STATUS_BAD_FRAME
                                                                    : message_check_request(f, c->max_entries);
    if (s == STATUS_OK && !c->said_hello && info->type != MESSAGE_HELLO && info->type != MESSAGE_PING)
        s = STATUS_HELLO_REQUIRED;
    if (s == STATUS_OK && !reply_fits(c, f, info)) s = STATUS_TOO_LARGE;
    if (s == STATUS_OK && is_late(c, f)) s = STATUS_DEADLINE;
    if (s != STATUS_OK) {
        reads_flush_batch(w, c);
        connection_error(c, f->header.type, f->header.request_id, s, NULL);
        if (s == STATUS_HELLO_REQUIRED) c->closing = true;
        return;
    }
    metrics_add(&w->metrics.requests[info->type], 1);
    metrics_add(&w->metrics.entries, f->header.entry_count);
    if (info->type == MESSAGE_HELLO)
        say_hello(c, f);
    else if (info->is_write)
        writes_handle(c, f);
    else
        reads_handle(c, f);
}

#define WRITES_A_LOOK 32

/* Whether a turn may have become long: lookups may cost anything, taking a write costs little. */
static bool looks_at_clock(const frame_view *f, unsigned *writes) {
    const message_info *info = message_find(f->header.type);
    return info == NULL || !info->is_write || ++*writes % WRITES_A_LOOK == 0;
}

/* Looks at the frames in bytes; returns how many bytes are done with. Stops early when the connection blocks. */
static size_t take_frames(connection *c, const uint8_t *bytes, size_t length) {
    worker *w = c->worker;
    size_t at = 0;
    unsigned writes = 0;
    while (at < length) {
        if (has_enough_writes(c)) writes_submit(w); /* if refused, they are answered and count no more */
        if (!may_read(c)) break;
        frame_view f;
        frame_result r = frame_parse(bytes + at, length - at, c->max_frame, c->no_checksum, &f);
        if (r == FRAME_PARTIAL) break;
        if (r == FRAME_READY) {
            dispatch(c, &f);
        } else {
            reads_flush_batch(w, c);
            connection_error(c, r == FRAME_BROKEN ? 0 : f.header.type, r == FRAME_BROKEN ? 0 : f.header.request_id,
                             f.why, NULL);
            if (r == FRAME_BROKEN) {
                c->closing = true;
                at = length;
                break;
            }
        }
        at += f.header.length;
        if (w->batch->count == 0 && looks_at_clock(&f, &writes) && clock_mono_ns() - w->turn_ns > TURN_NS)
            c->yielded = at < length;
        if (w->output.size > OUTPUT_TURN) {
            reads_flush_batch(w, c);
            writes_submit(w);
            connection_flush(c);
        }
    }
    reads_flush_batch(w, c);
    writes_submit(w);
    if (c->yielded) {
        event_add(c->writable, NULL);
        c->taken_ns = w->turn_ns;
    }
    return at;
}

/* The end of every turn on a connection: nothing of c may be touched after it. */
static void finish_turn(connection *c) {
    connection_flush(c);
    watch_push(c);
    recount(c);
    if (shed(c)) return;
    bool over = c->closing || (c->ended && c->in_flight == 0);
    if (over && c->out.size == 0) {
        connection_kill(c);
        return;
    }
    update_reading(c);
}

/* Runs over kept input. */
static void take_kept(connection *c) {
    if (c->in.size == 0 || !may_read(c)) return;
    size_t done = take_frames(c, c->in.data, c->in.size);
    if (done > 0) c->kept_since_ns = c->worker->turn_ns;
    buf_consume(&c->in, done);
    if (c->in.size == 0) buf_deinit(&c->in);
}

void connection_resume(connection *c) {
    if (!c->closing) take_kept(c);
    finish_turn(c);
}

void connection_push(connection *c) { finish_turn(c); }

void connection_close_after_output(connection *c) {
    c->closing = true;
    finish_turn(c);
}

/* Reads into the worker's scratch, or behind the kept beginning of a frame. False when the client is gone. */
static bool read_and_take(connection *c) {
    worker *w = c->worker;
    bool kept = c->in.size > 0;
    uint8_t *room = kept ? buf_reserve(&c->in, INPUT_BYTES) : w->input;
    if (room == NULL) return false;
    ssize_t n = recv(c->fd, room, INPUT_BYTES, 0);
    if (n == 0) { /* perhaps only its sending half: it may still want its answers */
        c->ended = true;
        return true;
    }
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    metrics_add(&w->metrics.bytes_in, (uint64_t)n);
    metrics_add(&w->metrics.turns, 1);
    c->last_ns = w->turn_ns;
    if (kept) {
        c->in.size += (size_t)n;
        take_kept(c);
        return true;
    }
    size_t done = take_frames(c, w->input, (size_t)n);
    if (done < (size_t)n) {
        buf_append(&c->in, w->input + done, (size_t)n - done);
        if (c->in.failed) return false;
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    connection *c = arg;
    worker *w = c->worker;
    worker_begin_turn(w);
    if (read_and_take(c)) {
        finish_turn(c);
    } else {
        connection_kill(c);
        buf_clear(&w->output);
    }
    worker_end_turn();
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    connection *c = arg;
    worker *w = c->worker;
    worker_begin_turn(w);
    c->yielded = false;
    ssize_t n = send_some(c, c->out.data, c->out.size);
    if (n < 0) {
        connection_kill(c);
    } else {
        if (n > 0) c->taken_ns = w->turn_ns;
        buf_consume(&c->out, (size_t)n);
        if (c->out.size == 0) {
            event_del(c->writable);
            buf_deinit(&c->out);
            c->kept_since_ns = w->turn_ns;
            connection_resume(c);
        }
    }
    worker_end_turn();
}
