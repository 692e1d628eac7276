/* Moving bytes. Sending never blocks and receiving goes on beside it, so client and server cannot both wait with full
 * buffers. Where there is nothing to send, waiting is one receive call with a timeout instead of poll and receive: a
 * synchronous call is two system calls. */
#include "client/internal.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static _Thread_local char thread_error[sizeof((xinyi *)0)->error];

void client_set_thread_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(thread_error, sizeof thread_error, format, args);
    va_end(args);
}

const char *xinyi_last_error(const xinyi *x) { return x != NULL ? x->error : thread_error; }

int client_fail(xinyi *x, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(x->error, sizeof x->error, format, args);
    va_end(args);
    return code;
}

int client_break(xinyi *x, int code, const char *format, ...) {
    if (x->broken != 0) return x->broken;
    va_list args;
    va_start(args, format);
    vsnprintf(x->error, sizeof x->error, format, args);
    va_end(args);
    x->broken = code;
    if (x->fd >= 0) close(x->fd);
    x->fd = -1;
    client_drop_all(x, code);
    return code;
}

int client_enter(xinyi *x) {
    if (x->in_callback)
        return client_fail(x, STATUS_OVERLOADED, "the callback of xinyi_on may only call xinyi_send_*: nothing else");
    return x->broken;
}

/* ------------------------------------------------------------------ bytes */

static int send_queued(xinyi *x, bool *moved) {
    while (client_queued(x) > 0) {
        ssize_t n = send(x->fd, x->out.data + x->out_sent, client_queued(x), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            x->out_sent += (size_t)n;
            x->progress++;
            *moved = true;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        } else if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            break; /* the server may have said why before it closed: that is still to be read */
        } else {
            return client_break(x, STATUS_CLOSED, "%s: cannot send: %s", x->address, strerror(errno));
        }
    }
    if (x->out_sent * 2 >= x->out.size) { /* so that moving bytes costs no more than having sent as many */
        buf_consume(&x->out, x->out_sent);
        x->out_sent = 0;
    }
    return 0;
}

/* The kernel's receive timeout is set when it changes, which is rarely. */
static void set_receive_wait(xinyi *x, int wait_ms) {
    if (x->receive_wait_ms == wait_ms) return;
    struct timeval t = {0}; /* zero: for ever */
    if (wait_ms > 0) t = (struct timeval){.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    if (setsockopt(x->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0) x->receive_wait_ms = wait_ms;
}

/* One read, waiting up to wait_ms for it, and the frames in it. */
static int receive(xinyi *x, int wait_ms, bool *moved) {
    uint8_t *room = buf_reserve(&x->in, CLIENT_INPUT);
    if (room == NULL) return client_break(x, STATUS_NO_MEMORY, "%s: out of memory", x->address);
    if (wait_ms != 0) set_receive_wait(x, wait_ms);
    ssize_t n = recv(x->fd, room, CLIENT_INPUT, wait_ms == 0 ? MSG_DONTWAIT : 0);
    if (n > 0) {
        x->in.size += (size_t)n;
        x->partial_bytes += (size_t)n;
        if (x->partial_bytes >= CLIENT_PROGRESS_BYTES) {
            x->partial_bytes = 0;
            x->progress++;
        }
        *moved = true;
        return client_take_frames(x);
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
    return client_break(x, STATUS_CLOSED, "%s closed the connection%s%s", x->address, n < 0 ? ": " : "",
                        n < 0 ? strerror(errno) : "");
}

/* Waits until the socket takes bytes or has some. */
static int wait_both_ways(xinyi *x, int wait_ms) {
    struct pollfd p = {.fd = x->fd, .events = POLLIN | POLLOUT};
    if (poll(&p, 1, wait_ms) < 0 && errno != EINTR)
        return client_break(x, STATUS_CLOSED, "%s: %s", x->address, strerror(errno));
    return 0;
}

int client_pump(xinyi *x, int wait_ms, bool *moved) {
    CHECK(!x->in_callback);
    *moved = false;
    if (x->broken != 0) return x->broken;
    int result = client_queued(x) > 0 ? send_queued(x, moved) : 0;
    if (result == 0 && wait_ms != 0 && client_queued(x) > 0 && !*moved) {
        result = wait_both_ways(x, wait_ms);
        if (result == 0) result = send_queued(x, moved);
        wait_ms = 0;
    }
    if (result == 0) result = receive(x, client_queued(x) > 0 ? 0 : wait_ms, moved);
    if (result == 0 && client_queued(x) > 0) result = send_queued(x, moved); /* what callbacks have queued */
    return result;
}

int client_wait(xinyi *x, size_t in_flight, size_t queued) {
    if (x->in_flight <= in_flight && client_queued(x) <= queued) return x->broken;
    const uint64_t patience_ns = (uint64_t)x->timeout_ms * 1000000u, slack_ns = 10000000u; /* of the kernel's timers */
    uint64_t until = clock_mono_ns() + patience_ns, seen = x->progress;
    for (;;) {
        bool moved;
        int result = client_pump(x, (int)x->timeout_ms, &moved);
        if (result != 0) return result;
        if (x->in_flight <= in_flight && client_queued(x) <= queued) return 0;
        uint64_t now = clock_mono_ns();
        if (x->progress != seen) {
            seen = x->progress;
            until = now + patience_ns;
        } else if (now + slack_ns >= until) {
            return client_break(x, STATUS_TIMEOUT, "%s did not answer within %u ms", x->address, x->timeout_ms);
        }
    }
}
