/* A raw connection for tests: bytes out as they are, frames in. Unlike libxinyi it does not mind being wrong.
 * Everything ends the program with a sentence when the server does not do what is expected; every wait is bounded. */
#ifndef XINYI_TESTS_TOOLS_PEER_H
#define XINYI_TESTS_TOOLS_PEER_H

#include "base/buf.h"
#include "protocol/frame.h"
#include "protocol/message.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEER_WAIT_MS 20000

#define FAIL(...)                                                                                                      \
    do {                                                                                                               \
        fprintf(stderr, "line %d: ", __LINE__);                                                                        \
        fprintf(stderr, __VA_ARGS__);                                                                                  \
        fprintf(stderr, "\n");                                                                                         \
        exit(1);                                                                                                       \
    } while (0)
#define EXPECT(condition, ...)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) FAIL(__VA_ARGS__);                                                                           \
    } while (0)
#define EXPECT_STATUS(got, want) EXPECT((got) == (want), "%s instead of %s", status_name(got), status_name(want))

typedef struct peer {
    int fd;
    buf in;
    size_t at;   /* bytes of `in` that peer_next has returned already */
    bool closed; /* the server has closed */
    uint32_t max_frame;
} peer;

static inline int64_t peer_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Connects; `receive_bytes` shrinks the receive buffer, 0 leaves it. False if the server does not accept. */
static inline bool peer_try_open(peer *p, const char *address, int receive_bytes) {
    char copy[256];
    snprintf(copy, sizeof copy, "%s", address);
    char *colon = strrchr(copy, ':');
    EXPECT(colon != NULL, "'%s' is not HOST:PORT", address);
    *colon = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    EXPECT(getaddrinfo(copy, colon + 1, &hints, &found) == 0, "unknown address %s", address);
    *p = (peer){.fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), .max_frame = LIMIT_FRAME_MAX};
    EXPECT(p->fd >= 0, "no socket");
    if (receive_bytes > 0) setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    bool connected = connect(p->fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (!connected)
        close(p->fd);
    else
        fcntl(p->fd, F_SETFL, O_NONBLOCK);
    return connected;
}

static inline void peer_close(peer *p) {
    close(p->fd);
    buf_deinit(&p->in);
    p->fd = -1;
}

/* Takes what has arrived, waiting at most wait_ms for the first byte. */
static inline void peer_receive(peer *p, int wait_ms) {
    struct pollfd poll_in = {.fd = p->fd, .events = POLLIN};
    if (p->closed || poll(&poll_in, 1, wait_ms) <= 0) return;
    buf_consume(&p->in, p->at);
    p->at = 0;
    uint8_t *room = buf_reserve(&p->in, 256 << 10);
    EXPECT(room != NULL, "no memory");
    ssize_t n = recv(p->fd, room, 256 << 10, 0);
    if (n > 0) p->in.size += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) p->closed = true;
}

/* Sends all, and receives meanwhile: a server that stops reading until its replies are taken is in its right. */
static inline void peer_send(peer *p, const void *bytes, size_t length) {
    size_t sent = 0;
    int64_t until = peer_now_ms() + PEER_WAIT_MS;
    while (sent < length && !p->closed) {
        EXPECT(peer_now_ms() < until, "the server takes nothing for %d ms", PEER_WAIT_MS);
        ssize_t n = send(p->fd, (const uint8_t *)bytes + sent, length - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            until = peer_now_ms() + PEER_WAIT_MS;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) p->closed = true;
        struct pollfd both = {.fd = p->fd, .events = POLLIN | POLLOUT};
        poll(&both, 1, 1000);
        if ((both.revents & POLLIN) != 0) peer_receive(p, 0);
    }
}

static inline void peer_send_buf(peer *p, buf *bytes) {
    EXPECT(!bytes->failed, "no memory");
    peer_send(p, bytes->data, bytes->size);
    buf_clear(bytes);
}

/* The next frame, valid until the next call; false if the server closed or was silent for wait_ms. */
static inline bool peer_next(peer *p, frame_view *f, int wait_ms) {
    int64_t until = peer_now_ms() + wait_ms;
    for (;;) {
        frame_result r = frame_parse(p->in.data + p->at, p->in.size - p->at, p->max_frame, true, f);
        if (r == FRAME_READY) {
            EXPECT((f->header.flags & FRAME_REPLY) != 0, "a reply without the reply flag");
            p->at += f->header.length;
            return true;
        }
        EXPECT(r == FRAME_PARTIAL, "the server sent a bad frame: %s", status_name(f->why));
        int64_t left = until - peer_now_ms();
        size_t before = p->in.size - p->at;
        if (p->closed) return false;
        peer_receive(p, left > 0 ? (int)left : 0);
        if (left <= 0 && p->in.size - p->at == before) return false;
    }
}

static inline void peer_expect(peer *p, frame_view *f, unsigned type, uint64_t id) {
    EXPECT(peer_next(p, f, PEER_WAIT_MS), "no reply to request %llu (%s)", (unsigned long long)id,
           p->closed ? "closed" : "silence");
    EXPECT(f->header.request_id == id && f->header.type == type, "a reply to request %llu of type %u, not %llu of %u",
           (unsigned long long)f->header.request_id, f->header.type, (unsigned long long)id, type);
}

/* Expects an error frame with this status; type and id 0 where the server cannot know them. */
static inline void peer_expect_error(peer *p, unsigned type, uint64_t id, status why) {
    frame_view f;
    peer_expect(p, &f, type, id);
    EXPECT((f.header.flags & FRAME_ERROR) != 0, "no error frame");
    EXPECT_STATUS(f.header.status, why);
}

static inline void peer_expect_closed(peer *p, int wait_ms) {
    frame_view f;
    EXPECT(!peer_next(p, &f, wait_ms), "one more frame, of type %u, status %s", f.header.type,
           status_name(f.header.status));
    EXPECT(p->closed, "the connection lives after %d ms", wait_ms);
}

/* HELLO with these wishes; the answer's limits go to *h, whose names are lost. */
static inline void peer_hello(peer *p, hello *h) {
    buf out = {0};
    h->version_min = h->version_max = FRAME_VERSION;
    hello_encode(&out, 1, 0, h, NULL, 0);
    peer_send_buf(p, &out);
    buf_deinit(&out);
    frame_view f;
    peer_expect(p, &f, MESSAGE_HELLO, 1);
    EXPECT_STATUS(f.header.status, STATUS_OK);
    EXPECT(hello_decode(f.body, f.body_length, true, h) == STATUS_OK, "a bad HELLO reply");
    h->cluster = h->agent = h->mechanism = NULL;
    h->unknown_count = 0;
}

/* Connected, and HELLO said. */
static inline peer peer_ready(const char *address, int receive_bytes) {
    peer p;
    EXPECT(peer_try_open(&p, address, receive_bytes), "cannot connect: %s", strerror(errno));
    hello h = {0};
    peer_hello(&p, &h);
    return p;
}

static inline void peer_ping(peer *p, uint64_t id) {
    buf out = {0};
    frame_view f;
    message_request(&out, MESSAGE_PING, id, 0, NULL, 0, true);
    peer_send_buf(p, &out);
    buf_deinit(&out);
    peer_expect(p, &f, MESSAGE_PING, id);
    EXPECT_STATUS(f.header.status, STATUS_OK);
}

/* Appends a frame whose header is the caller's to spoil: checksums are right for what it says. */
static inline uint8_t *odd_frame(buf *to, frame_header h, const void *body, size_t length) {
    size_t offset = to->size;
    EXPECT(buf_extend(to, frame_length(length)) != NULL, "no memory");
    if (length > 0) memcpy(to->data + offset + FRAME_HEADER, body, length);
    frame_finish(to->data + offset, h, length, true);
    return to->data + offset;
}

/* Recomputes the header's checksum after bytes of it were changed. */
static inline void sign(uint8_t *frame) {
    uint32_t sum = frame_checksum(frame, 28);
    memcpy(frame + 28, &sum, sizeof sum);
}

#endif
