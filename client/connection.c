/* Connecting, HELLO, and moving bytes. The socket never blocks: sending and receiving go on side by side, so client and
 * server cannot both wait with full buffers. */
#include "client/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_PORT "7420"

static _Thread_local char thread_error[320];

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

/* ------------------------------------------------------------------ bytes */

static int send_queued(xinyi *x, bool *moved) {
    while (x->out_sent < x->out.size) {
        ssize_t n = send(x->fd, x->out.data + x->out_sent, x->out.size - x->out_sent, MSG_NOSIGNAL);
        if (n > 0) {
            x->out_sent += (size_t)n;
            *moved = true;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return 0;
        } else {
            /* The server may have said why before it closed: that is still to be read. */
            return errno == EPIPE || errno == ECONNRESET
                       ? 0
                       : client_break(x, STATUS_CLOSED, "%s: cannot send: %s", x->address, strerror(errno));
        }
    }
    x->out_sent = 0;
    buf_clear(&x->out);
    return 0;
}

static int receive(xinyi *x, bool *moved) {
    uint8_t *room = buf_reserve(&x->in, CLIENT_INPUT);
    if (room == NULL) return client_break(x, STATUS_NO_MEMORY, "%s: out of memory", x->address);
    ssize_t n;
    do n = recv(x->fd, room, CLIENT_INPUT, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        x->in.size += (size_t)n;
        *moved = true;
        return client_take_frames(x);
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
    return client_break(x, STATUS_CLOSED, "%s closed the connection%s%s", x->address, n < 0 ? ": " : "",
                        n < 0 ? strerror(errno) : "");
}

int client_pump(xinyi *x, int wait_ms, bool *moved) {
    *moved = false;
    if (x->broken != 0) return x->broken;
    bool had_output = x->out.size > 0;
    int result = had_output ? send_queued(x, moved) : 0;
    if (result == 0) result = receive(x, moved);
    if (result == 0 && x->out.size > 0) result = send_queued(x, moved); /* what callbacks have queued */
    if (result != 0 || *moved || wait_ms == 0) return result;
    struct pollfd p = {.fd = x->fd, .events = (short)(POLLIN | (x->out.size > 0 ? POLLOUT : 0))};
    int n = poll(&p, 1, wait_ms);
    if (n < 0 && errno != EINTR) return client_break(x, STATUS_CLOSED, "%s: %s", x->address, strerror(errno));
    if (n <= 0) return 0;
    if (x->out.size > 0 && (p.revents & POLLOUT) != 0) result = send_queued(x, moved);
    if (result == 0 && (p.revents & (POLLIN | POLLERR | POLLHUP)) != 0) result = receive(x, moved);
    if (result == 0 && x->out.size > 0) result = send_queued(x, moved);
    return result;
}

/* ------------------------------------------------------------------ connecting */

/* "host:port", "host", "[v6]:port", "[v6]". */
static bool split_address(const char *address, char *host, size_t room, char *port, size_t port_room) {
    const char *end, *colon;
    if (address[0] == '[') {
        end = strchr(address, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) return false;
        colon = end[1] == ':' ? end + 1 : NULL;
        address++;
    } else {
        colon = strrchr(address, ':');
        end = colon != NULL ? colon : address + strlen(address);
    }
    size_t n = (size_t)(end - address);
    if (n == 0 || n >= room) return false;
    memcpy(host, address, n);
    host[n] = '\0';
    int written = snprintf(port, port_room, "%s", colon != NULL ? colon + 1 : DEFAULT_PORT);
    return written > 0 && (size_t)written < port_room;
}

static int connect_one(const struct addrinfo *a, int timeout_ms) {
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        if (errno != EINPROGRESS) goto fail;
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int n = poll(&p, 1, timeout_ms), failed = 0;
        socklen_t length = sizeof failed;
        if (n == 0) errno = ETIMEDOUT;
        if (n <= 0) goto fail;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) != 0) goto fail;
        if (failed != 0) {
            errno = failed;
            goto fail;
        }
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
fail:;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int open_socket(xinyi *x, const char *address) {
    char host[128], port[16];
    if (!split_address(address, host, sizeof host, port, sizeof port))
        return client_fail(x, STATUS_NO_CONNECTION, "'%s' is not HOST:PORT", address);
    snprintf(x->address, sizeof x->address, "%s:%s", host, port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return client_fail(x, STATUS_NO_CONNECTION, "cannot find %s: %s", x->address, gai_strerror(failed));
    int error = 0;
    for (struct addrinfo *a = found; a != NULL && x->fd < 0; a = a->ai_next) {
        x->fd = connect_one(a, (int)x->timeout_ms);
        if (x->fd < 0) error = errno;
    }
    freeaddrinfo(found);
    if (x->fd >= 0) return 0;
    return client_fail(x, STATUS_NO_CONNECTION, "cannot connect to %s: %s%s", x->address, strerror(error),
                       error == ECONNREFUSED ? "; is xinyid running there?" : "");
}

/* ------------------------------------------------------------------ HELLO */

static void on_hello(xinyi *x, const slot *s, const answer *a) {
    hello h;
    s->call->remaining = 0;
    s->call->status = a->status;
    if (a->status != 0) {
        client_fail(x, a->status, "%s refused: %s", x->address, a->error);
        return;
    }
    if (hello_decode(a->frame->body, a->frame->body_length, true, &h) != STATUS_OK || h.version_min != FRAME_VERSION ||
        h.max_entries == 0 || h.max_frame < 4096) {
        s->call->status = client_fail(x, STATUS_BAD_FRAME, "%s does not speak this protocol", x->address);
        return;
    }
    if (h.max_entries < x->max_entries) x->max_entries = h.max_entries;
    if (h.max_frame < x->max_frame) x->max_frame = h.max_frame;
    uint32_t fit = (x->max_frame - FRAME_HEADER) / sizeof(wire_put); /* the largest request entry */
    if (fit < x->max_entries) x->max_entries = fit;
    x->no_checksum = (h.features & HELLO_NO_CHECKSUM) != 0;
    if (h.cluster != NULL) snprintf(x->cluster, sizeof x->cluster, "%.*s", (int)h.cluster_length, h.cluster);
}

static int say_hello(xinyi *x, const xinyi_options *o) {
    const char *agent = o->agent != NULL ? o->agent : "libxinyi";
    hello h = {.version_min = FRAME_VERSION,
               .version_max = FRAME_VERSION,
               .features = o->no_checksum ? HELLO_NO_CHECKSUM : 0,
               .max_frame = LIMIT_FRAME_MAX,
               .cluster = o->cluster,
               .agent = agent};
    size_t cluster = o->cluster != NULL ? strlen(o->cluster) : 0, name = strlen(agent);
    if (cluster > LIMIT_NAME_MAX || name > LIMIT_NAME_MAX || (o->cluster != NULL && cluster == 0))
        return client_fail(x, STATUS_BAD_VALUE, "cluster and agent have 1 to %d bytes", LIMIT_NAME_MAX);
    h.cluster_length = (uint8_t)cluster;
    h.agent_length = (uint8_t)name;
    call c = {.remaining = 1};
    slot *s = client_slot(x);
    s->call = &c;
    s->answered = on_hello;
    s->type = MESSAGE_HELLO;
    s->count = 1;
    x->in_flight++;
    hello_encode(&x->out, client_request_id(x, s), 0, &h, NULL, 0);
    uint64_t until = clock_mono_ns() + (uint64_t)x->timeout_ms * 1000000u;
    while (c.remaining > 0) {
        bool moved;
        int result = client_pump(x, 100, &moved);
        if (result != 0) return result;
        if (c.remaining > 0 && clock_mono_ns() > until)
            return client_break(x, STATUS_TIMEOUT, "%s did not answer within %u ms", x->address, x->timeout_ms);
    }
    return c.status;
}

int xinyi_connect(const char *address, const xinyi_options *options, xinyi **out) {
    static const xinyi_options defaults;
    if (options == NULL) options = &defaults;
    *out = NULL;
    xinyi *x = calloc(1, sizeof *x);
    if (x == NULL) {
        client_set_thread_error("out of memory");
        return STATUS_NO_MEMORY;
    }
    x->fd = -1;
    x->max_frame = LIMIT_FRAME_MAX;
    x->max_entries = LIMIT_ENTRIES_MAX;
    x->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : CLIENT_TIMEOUT_MS;
    x->slot_count = options->max_in_flight != 0 ? options->max_in_flight : CLIENT_IN_FLIGHT;
    x->slots = calloc(x->slot_count, sizeof *x->slots);
    int result = x->slots != NULL ? 0 : client_fail(x, STATUS_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; result == 0 && i < x->slot_count; i++) x->slots[i].next_free = i + 1;
    if (result == 0) result = open_socket(x, address);
    if (result == 0) result = say_hello(x, options);
    if (result != 0) {
        client_set_thread_error("%s", x->error);
        xinyi_close(&x);
        return result;
    }
    *out = x;
    return 0;
}

void xinyi_close(xinyi **out) {
    xinyi *x = *out;
    if (x == NULL) return;
    if (x->fd >= 0) close(x->fd);
    buf_deinit(&x->out);
    buf_deinit(&x->in);
    buf_deinit(&x->scratch);
    buf_deinit(&x->document);
    free(x->slots);
    free(x);
    *out = NULL;
}

const char *xinyi_server_cluster(const xinyi *x) { return x->cluster; }
uint32_t xinyi_max_entries(const xinyi *x) { return x->max_entries; }
size_t xinyi_in_flight(const xinyi *x) { return x->in_flight; }
int xinyi_fd(const xinyi *x) { return x->fd; }
