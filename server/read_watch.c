/* WATCH, and what is sent to those who follow. Everything here belongs to the connection's worker.
 *
 * A follower is a connection in its worker's list, with the number behind which it has been sent everything. Pushing
 * looks at the board's newest number first, so that a turn on a follower with nothing new costs one load. No alert can
 * be missed: a worker counts its follower before it reads the board, and the commit thread changes the board before it
 * asks for followers. */
#include "server/watch.h"

#include "base/purpose.h"
#include "server/reads.h"
#include "server/worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* A follower says nothing for days: is its machine still there? Asked after a minute of silence, gone after two. */
#define SILENCE_S 60
#define ASK_EVERY_S 10
#define ASK_TIMES 6

static_assert(sizeof(alert) == sizeof(wire_alert) && offsetof(alert, subject) == offsetof(wire_alert, subject) &&
                  offsetof(alert, usage_percent) == offsetof(wire_alert, usage_percent) &&
                  offsetof(alert, due_ms) == offsetof(wire_alert, due_ms),
              "an alert is the reply entry");

static void keep_alive(int fd) {
    int silence = SILENCE_S, every = ASK_EVERY_S, times = ASK_TIMES, gone_ms = 1000 * (SILENCE_S + 60);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &silence, sizeof silence); /* SO_KEEPALIVE is on since accept */
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms); /* with something unacknowledged */
}

static void follow(connection *c, uint64_t request_id, uint64_t after, uint32_t max) {
    worker *w = c->worker;
    follower *f = &c->follower;
    if (!f->follows) {
        f->next = w->followers;
        f->prev = NULL;
        if (f->next != NULL) f->next->follower.prev = c;
        w->followers = c;
        atomic_fetch_add(&w->follower_count, 1);
        keep_alive(c->fd);
    }
    f->follows = true;
    f->request_id = request_id;
    f->after = after;
    f->max = max;
}

void watch_forget(connection *c) {
    worker *w = c->worker;
    follower *f = &c->follower;
    if (!f->follows) return;
    f->follows = false;
    if (f->next != NULL) f->next->follower.prev = f->prev;
    if (f->prev != NULL)
        f->prev->follower.next = f->next;
    else
        w->followers = f->next;
    atomic_fetch_sub(&w->follower_count, 1);
    c->last_ns = w->turn_ns; /* its silence counts from here */
}

/* Appends a reply with up to max alerts to the output; returns how many, and where to go on in *after. */
static size_t append_reply(connection *c, uint64_t request_id, uint64_t *after, size_t max, bool even_if_empty) {
    worker *w = c->worker;
    size_t offset = reads_open(w, max * sizeof(alert));
    if (offset == SIZE_MAX) return 0; /* the flush will end the connection */
    size_t n = watch_read(w->server, after, w->output.data + offset + FRAME_HEADER, max);
    if (n == 0 && !even_if_empty) {
        w->output.size = offset;
        return 0;
    }
    frame_header h = {.type = MESSAGE_WATCH,
                      .flags = FRAME_REPLY,
                      .request_id = request_id,
                      .entry_length = sizeof(alert),
                      .entry_count = (uint16_t)n};
    w->output.size = offset + frame_length(n * sizeof(alert));
    reads_finish(c, offset, h, n * sizeof(alert));
    return n;
}

static uint32_t room_of(const connection *c, uint32_t wish, bool follows) {
    size_t room = (c->max_frame - FRAME_HEADER - 8) / sizeof(alert);
    if (room > c->max_entries) room = c->max_entries;
    if (follows && room > WATCH_FRAME_ENTRIES) room = WATCH_FRAME_ENTRIES;
    return wish != 0 && wish < room ? wish : (uint32_t)room;
}

void watch_handle(connection *c, const frame_view *f) {
    wire_watch asked;
    memcpy(&asked, f->body, sizeof asked);
    status s = message_entry_status(MESSAGE_WATCH, &asked);
    if (s == STATUS_OK && purpose_name(asked.purpose) == NULL) s = STATUS_BAD_PURPOSE;
    bool above = s == STATUS_OK && asked.mode != WIRE_WATCH_STOP && asked.after > watch_newest(c->worker->server);
    if (above) s = STATUS_BAD_VALUE;
    if (s != STATUS_OK) {
        if (asked.mode == WIRE_WATCH_FOLLOW) watch_forget(c); /* what it was to replace */
        connection_error(c, MESSAGE_WATCH, f->header.request_id, s,
                         above ? "no alert has had such a high number: is it of another system, or of before a restore?"
                               : NULL);
        return;
    }
    if (asked.mode == WIRE_WATCH_STOP) {
        watch_forget(c);
        size_t offset = reads_open(c->worker, 0);
        if (offset != SIZE_MAX) reads_finish(c, offset, reads_header(f, sizeof(alert), 0), 0);
        return;
    }
    bool follows = asked.mode == WIRE_WATCH_FOLLOW;
    uint32_t room = room_of(c, asked.max, follows);
    if (follows) follow(c, f->header.request_id, asked.after, room);
    append_reply(c, f->header.request_id, follows ? &c->follower.after : &asked.after, room, true);
}

void watch_push(connection *c) {
    worker *w = c->worker;
    follower *f = &c->follower;
    for (size_t sent = 0; f->follows && !c->closing && !w->draining && !c->yielded && c->out.size == 0;) {
        if (watch_newest(w->server) <= f->after) return;
        if (sent > OUTPUT_TURN) { /* others want to be looked at, too */
            c->yielded = true;
            c->taken_ns = w->turn_ns;
            event_add(c->writable, NULL);
            return;
        }
        size_t n = append_reply(c, f->request_id, &f->after, f->max, false);
        c->closing |= w->output.failed; /* without memory the stream would have a gap */
        if (n == 0) return;
        metrics_add(&w->metrics.alerts, n);
        sent += n * sizeof(alert);
        connection_flush(c);
    }
}

void watch_push_all(worker *w) {
    for (connection *c = w->followers, *next; c != NULL; c = next) {
        next = c->follower.next;
        connection_push(c);
    }
}
