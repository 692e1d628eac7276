/* A server for tests of the client: a thread with a listening socket on 127.0.0.1 that accepts one connection after
 * another and runs the test's script on each. The script speaks through the protocol layer, and may send anything.
 *
 * Assertions belong to the test's thread: the script notes what is wrong with fake_problem, and fake_stop gives it. All
 * waits of the script are bounded by the socket's timeouts. */
#ifndef XINYI_TESTS_FAKE_SERVER_H
#define XINYI_TESTS_FAKE_SERVER_H

#include "base/buf.h"
#include "client/xinyi.h"
#include "protocol/message.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

typedef struct fake fake;
struct fake {
    void (*script)(fake *f, int fd);
    void *arg;
    hello hello; /* what HELLO is answered with; fake_start fills in the usual */
    /* the rest is the server's */
    int listener;
    pthread_t thread;
    char address[32];
    char problem[256];
    atomic_bool stopping;
    atomic_uint connections, frames; /* accepted; requests read, HELLO not counted */
    buf in;                          /* bytes of the connection, frames from in_at on */
    size_t in_at;
    hello greeting; /* the client's, strings cut off */
    char agent[64], cluster[64];
    bool no_checksum;
};

__attribute__((format(printf, 2, 3))) static inline void fake_problem(fake *f, const char *format, ...) {
    if (f->problem[0] != '\0') return;
    va_list args;
    va_start(args, format);
    vsnprintf(f->problem, sizeof f->problem, format, args);
    va_end(args);
}

static inline void fake_pause(unsigned ms) { usleep(ms * 1000); }

/* Sends all; false when the client is gone. */
static inline bool fake_send(int fd, const void *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        ssize_t n = send(fd, (const uint8_t *)bytes + at, length - at, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static inline bool fake_send_slowly(int fd, const void *bytes, size_t length, size_t chunk, unsigned pause_ms) {
    for (size_t at = 0; at < length; at += chunk) {
        if (!fake_send(fd, (const uint8_t *)bytes + at, length - at < chunk ? length - at : chunk)) return false;
        if (pause_ms > 0) fake_pause(pause_ms);
    }
    return true;
}

/* The next whole frame; its body is valid until the next call. False when the client is gone or silent. */
static inline bool fake_read(fake *f, int fd, frame_view *v) {
    for (;;) {
        frame_result r = frame_parse(f->in.data + f->in_at, f->in.size - f->in_at, LIMIT_FRAME_MAX, f->no_checksum, v);
        if (f->in.size > f->in_at && r == FRAME_READY) {
            f->in_at += v->header.length;
            return true;
        }
        if (f->in.size > f->in_at && r != FRAME_PARTIAL) {
            fake_problem(f, "the client sent a bad frame: %s", status_name(v->why));
            return false;
        }
        buf_consume(&f->in, f->in_at);
        f->in_at = 0;
        uint8_t *room = buf_reserve(&f->in, 1 << 16);
        ssize_t n = recv(fd, room, 1 << 16, 0);
        if (n <= 0) return false;
        f->in.size += (size_t)n;
    }
}

/* The next request, of this type and well-formed. */
static inline bool fake_request(fake *f, int fd, unsigned type, frame_view *v) {
    if (!fake_read(f, fd, v)) return false;
    atomic_fetch_add(&f->frames, 1);
    status s = message_check_request(v, LIMIT_ENTRIES_MAX);
    if (s != STATUS_OK) fake_problem(f, "the client sent a bad request: %s", status_name(s));
    if (type != 0 && v->header.type != type) fake_problem(f, "request of type %u instead of %u", v->header.type, type);
    return s == STATUS_OK && (type == 0 || v->header.type == type);
}

/* Appends a reply of `count` entries to a request. */
static inline void fake_append(const fake *f, buf *to, const frame_header *request, const void *entries,
                               size_t entry_length, size_t count) {
    size_t body = entry_length * count;
    uint8_t *frame = buf_extend(to, frame_length(body));
    if (frame == NULL) return;
    if (body > 0) memcpy(frame + FRAME_HEADER, entries, body);
    frame_header h = {.type = request->type,
                      .flags = FRAME_REPLY,
                      .request_id = request->request_id,
                      .entry_length = (uint16_t)entry_length,
                      .entry_count = (uint16_t)count};
    frame_finish(frame, h, body, !f->no_checksum);
}

static inline bool fake_reply(fake *f, int fd, const frame_header *request, const void *entries, size_t entry_length,
                              size_t count) {
    buf b = {0};
    fake_append(f, &b, request, entries, entry_length, count);
    bool sent = fake_send(fd, b.data, b.size);
    buf_deinit(&b);
    return sent;
}

/* A body that is not entries. */
static inline bool fake_reply_body(fake *f, int fd, const frame_header *request, const void *body, size_t length,
                                   size_t count) {
    uint8_t frame[4096] = {0};
    memcpy(frame + FRAME_HEADER, body, length);
    frame_header h = {
        .type = request->type, .flags = FRAME_REPLY, .request_id = request->request_id, .entry_count = (uint16_t)count};
    frame_finish(frame, h, length, !f->no_checksum);
    return fake_send(fd, frame, frame_length(length));
}

static inline bool fake_error(int fd, unsigned type, uint64_t id, status why, const char *text) {
    buf b = {0};
    message_error(&b, type, id, why, 0, text);
    bool sent = fake_send(fd, b.data, b.size);
    buf_deinit(&b);
    return sent;
}

/* Reads HELLO and notes what it said. */
static inline bool fake_read_hello(fake *f, int fd, frame_view *v) {
    if (!fake_read(f, fd, v)) return false;
    if (v->header.type != MESSAGE_HELLO || message_check_request(v, 1) != STATUS_OK ||
        hello_decode(v->body, v->body_length, false, &f->greeting) != STATUS_OK) {
        fake_problem(f, "no HELLO");
        return false;
    }
    snprintf(f->agent, sizeof f->agent, "%.*s", (int)f->greeting.agent_length, f->greeting.agent);
    snprintf(f->cluster, sizeof f->cluster, "%.*s", (int)f->greeting.cluster_length,
             f->greeting.cluster != NULL ? f->greeting.cluster : "");
    return true;
}

/* HELLO, answered with f->hello. */
static inline bool fake_hello(fake *f, int fd) {
    frame_view v;
    f->no_checksum = false;
    if (!fake_read_hello(f, fd, &v)) return false;
    buf b = {0};
    hello_encode(&b, v.header.request_id, FRAME_REPLY, &f->hello, NULL, 0);
    bool sent = fake_send(fd, b.data, b.size);
    buf_deinit(&b);
    f->no_checksum = (f->hello.features & f->greeting.features & HELLO_NO_CHECKSUM) != 0;
    return sent;
}

static inline void *fake_run(void *arg) {
    fake *f = arg;
    for (;;) {
        int fd = accept(f->listener, NULL, NULL), on = 1;
        if (fd < 0 || atomic_load(&f->stopping)) {
            if (fd >= 0) close(fd);
            break;
        }
        atomic_fetch_add(&f->connections, 1);
        struct timeval patience = {.tv_sec = 10};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        buf_clear(&f->in);
        f->in_at = 0;
        f->script(f, fd);
        close(fd);
    }
    return NULL;
}

static inline void fake_start(fake *f, void (*script)(fake *f, int fd), void *arg) {
    memset(f, 0, sizeof *f);
    f->script = script;
    f->arg = arg;
    f->hello = (hello){.version_min = 1,
                       .version_max = 1,
                       .max_frame = LIMIT_FRAME_MAX,
                       .max_entries = LIMIT_ENTRIES_MAX,
                       .max_in_flight = 1024,
                       .cluster = "fake",
                       .cluster_length = 4,
                       .agent = "fake",
                       .agent_length = 4};
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    cr_assert(f->listener >= 0);
    cr_assert_eq(bind(f->listener, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(listen(f->listener, 16), 0);
    cr_assert_eq(getsockname(f->listener, (struct sockaddr *)&a, &length), 0);
    snprintf(f->address, sizeof f->address, "127.0.0.1:%u", ntohs(a.sin_port));
    cr_assert_eq(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

/* Ends the thread and fails the test if the script met a problem. */
static inline void fake_stop(fake *f) {
    atomic_store(&f->stopping, true);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t length = sizeof a;
    getsockname(f->listener, (struct sockaddr *)&a, &length);
    int wake = socket(AF_INET, SOCK_STREAM, 0);
    (void)!connect(wake, (struct sockaddr *)&a, sizeof a);
    pthread_join(f->thread, NULL);
    close(wake);
    close(f->listener);
    buf_deinit(&f->in);
    cr_assert_str_eq(f->problem, "");
}

/* A connection to the fake server, or the test fails. */
static inline xinyi *fake_connect(const fake *f, const xinyi_options *options) {
    xinyi *x = NULL;
    cr_assert_eq(xinyi_connect(f->address, options, &x), 0, "%s", xinyi_last_error(NULL));
    cr_assert(x != NULL);
    return x;
}

/* A subject that tests tell apart by a number. */
static inline xinyi_subject fake_subject(uint64_t n) {
    xinyi_subject s = {.bytes = {2}};
    for (int i = 0; i < 8; i++) s.bytes[11 - i] = (uint8_t)(n >> 8 * i);
    return s;
}
static inline uint64_t fake_subject_number(const uint8_t *entry) {
    uint64_t n = 0;
    for (int i = 4; i < 12; i++) n = n << 8 | entry[i];
    return n;
}

/* The answer to a request for decisions: amount and policy tell the subject and the scenario. */
static inline void fake_decide(const frame_view *v, wire_decision *out) {
    for (size_t i = 0; i < v->header.entry_count; i++) {
        const uint8_t *e = v->body + i * v->header.entry_length;
        out[i] = (wire_decision){.outcome = XINYI_GRANTED,
                                 .amount_fen = (int64_t)fake_subject_number(e),
                                 .policy_version = e[12] * 1000u + e[13]};
        if (fake_subject_number(e) % 10 == 7) out[i] = (wire_decision){.status = STATUS_UNKNOWN_SUBJECT};
    }
}

#define expect_contains(text, part) cr_assert(strstr(text, part) != NULL, "\"%s\" lacks \"%s\"", text, part)

#endif
