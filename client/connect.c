/* Finding the server, connecting, HELLO. One deadline spans all of it, but for the name service, which knows none. */
#include "client/internal.h"

#include "base/check.h"
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
#define MAX_TIMEOUT_MS 86400000u

/* ------------------------------------------------------------------ the address */

static bool is_port(const char *text) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n >= 1 && n <= 65535;
}

/* "host:port", "host", "[v6]:port", "[v6]", "v6". */
static bool split_address(const char *address, char *host, size_t room, char *port, size_t port_room) {
    const char *end = address + strlen(address), *colon = strchr(address, ':');
    if (address[0] == '[') {
        end = strchr(address, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) return false;
        colon = end[1] == ':' ? end + 1 : NULL;
        address++;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        end = colon;
    } else {
        colon = NULL; /* none, or those of a bare IPv6 address */
    }
    size_t n = (size_t)(end - address);
    if (n == 0 || n >= room) return false;
    memcpy(host, address, n);
    host[n] = '\0';
    int written = snprintf(port, port_room, "%s", colon != NULL ? colon + 1 : DEFAULT_PORT);
    return written > 0 && (size_t)written < port_room && is_port(port);
}

/* ------------------------------------------------------------------ the socket */

static int left_ms(uint64_t until) {
    uint64_t now = clock_mono_ns();
    return now >= until ? 0 : (int)((until - now + 999999) / 1000000);
}

/* 0 when the socket is connected, else an errno. */
static int wait_connected(int fd, uint64_t until) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n, failed = 0;
    do n = poll(&p, 1, left_ms(until));
    while (n < 0 && errno == EINTR);
    if (n < 0) return errno;
    if (n == 0) return ETIMEDOUT;
    socklen_t length = sizeof failed;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) != 0 ? errno : failed;
}

/* The descriptor, or a negative errno. */
static int connect_one(const struct addrinfo *a, uint64_t until) {
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int error = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno, on = 1;
    if (error == EINPROGRESS || error == EINTR) error = wait_connected(fd, until);
    int flags = fcntl(fd, F_GETFL);
    if (error == 0 && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)) error = errno;
    if (error != 0) {
        close(fd);
        return -error;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int open_socket(xinyi *x, const char *address, uint64_t until) {
    char host[128], port[8];
    if (address == NULL || !split_address(address, host, sizeof host, port, sizeof port))
        return client_fail(x, STATUS_NO_CONNECTION, "'%s' is not HOST:PORT", address != NULL ? address : "");
    bool v6 = strchr(host, ':') != NULL;
    snprintf(x->address, sizeof x->address, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return client_fail(x, STATUS_NO_CONNECTION, "cannot find %s: %s", x->address,
                           failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
    int fd = -ENOENT;
    for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) fd = connect_one(a, until);
    freeaddrinfo(found);
    if (fd < 0)
        return client_fail(x, STATUS_NO_CONNECTION, "cannot connect to %s: %s%s", x->address, strerror(-fd),
                           fd == -ECONNREFUSED ? "; is xinyid running?" : "");
    x->fd = fd;
    return 0;
}

/* ------------------------------------------------------------------ HELLO */

typedef struct greeting {
    call call;
    const xinyi_options *options;
} greeting;

static bool wrong_cluster(const xinyi_options *o, const hello *h) {
    if (o->cluster == NULL) return false;
    size_t n = strlen(o->cluster);
    return h->cluster == NULL || h->cluster_length != n || memcmp(h->cluster, o->cluster, n) != 0;
}

static void on_hello(xinyi *x, const slot *s, const answer *a) {
    greeting *g = s->out;
    const xinyi_options *o = g->options;
    hello h;
    g->call.remaining = 0;
    g->call.status = a->status;
    if (a->status == STATUS_WRONG_CLUSTER && o->cluster != NULL)
        client_fail(x, a->status, "%s does not belong to cluster '%s'", x->address, o->cluster);
    if (a->status != 0) return;
    if (hello_decode(a->frame->body, a->frame->body_length, true, &h) != STATUS_OK || h.max_entries == 0 ||
        h.max_frame < 4096) {
        g->call.status = client_fail(x, STATUS_BAD_FRAME, "%s answers HELLO with something else", x->address);
    } else if (h.version_min != FRAME_VERSION) {
        g->call.status = client_fail(x, STATUS_UNSUPPORTED_VERSION, "%s speaks version %u of the protocol, not %u",
                                     x->address, h.version_min, FRAME_VERSION);
    } else if (wrong_cluster(o, &h)) {
        g->call.status = client_fail(x, STATUS_WRONG_CLUSTER, "%s belongs to cluster '%.*s', not '%s'", x->address,
                                     (int)h.cluster_length, h.cluster != NULL ? h.cluster : "", o->cluster);
    }
    if (g->call.status != 0) return;
    if (h.max_frame < x->max_frame) x->max_frame = h.max_frame;
    if (h.max_entries < x->max_entries) x->max_entries = h.max_entries;
    uint32_t fit = (x->max_frame - FRAME_HEADER) / sizeof(wire_put); /* the largest request entry */
    if (fit < x->max_entries) x->max_entries = fit;
    x->no_checksum = o->no_checksum != 0 && (h.features & HELLO_NO_CHECKSUM) != 0;
    x->greeted = true;
    snprintf(x->cluster, sizeof x->cluster, "%.*s", (int)h.cluster_length, h.cluster != NULL ? h.cluster : "");
}

static int say_hello(xinyi *x, const xinyi_options *o, uint64_t until) {
    const char *agent = o->agent != NULL ? o->agent : "libxinyi";
    size_t cluster_length = o->cluster != NULL ? strlen(o->cluster) : 1, agent_length = strlen(agent);
    if (cluster_length - 1 >= LIMIT_NAME_MAX || agent_length - 1 >= LIMIT_NAME_MAX)
        return client_fail(x, STATUS_BAD_VALUE, "the names of cluster and agent have 1 to %d bytes", LIMIT_NAME_MAX);
    hello h = {.version_min = FRAME_VERSION,
               .version_max = FRAME_VERSION,
               .features = o->no_checksum ? HELLO_NO_CHECKSUM : 0,
               .max_frame = LIMIT_FRAME_MAX,
               .cluster = o->cluster,
               .cluster_length = (uint8_t)cluster_length,
               .agent = agent,
               .agent_length = (uint8_t)agent_length};
    greeting g = {.call.remaining = 1, .options = o};
    slot *s = client_slot(x);
    hello_encode(&x->out, client_request_id(x, s), 0, &h, NULL, 0);
    if (buf_status(&x->out) != STATUS_OK) return client_fail(x, STATUS_NO_MEMORY, "out of memory");
    s->out = &g;
    s->answered = on_hello;
    s->type = MESSAGE_HELLO;
    s->count = 1;
    x->in_flight++;
    while (g.call.remaining > 0) {
        bool moved;
        int left = left_ms(until);
        if (left == 0)
            return client_break(x, STATUS_TIMEOUT, "%s did not answer within %u ms", x->address, x->timeout_ms);
        int result = client_pump(x, left, &moved);
        if (result != 0) return result;
    }
    return g.call.status;
}

/* ------------------------------------------------------------------ open and close */

static xinyi *new_connection(const xinyi_options *o) {
    xinyi *x = calloc(1, sizeof *x);
    if (x == NULL) return NULL;
    *x = (xinyi){.fd = -1,
                 .max_frame = LIMIT_FRAME_MAX,
                 .max_entries = LIMIT_ENTRIES_MAX,
                 .timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : CLIENT_TIMEOUT_MS,
                 .receive_wait_ms = -1,
                 .slot_count = o->max_in_flight != 0 ? o->max_in_flight : CLIENT_IN_FLIGHT};
    if (x->timeout_ms > MAX_TIMEOUT_MS) x->timeout_ms = MAX_TIMEOUT_MS;
    if (x->slot_count > CLIENT_IN_FLIGHT_MAX) x->slot_count = CLIENT_IN_FLIGHT_MAX;
    x->slots = calloc(x->slot_count, sizeof *x->slots);
    if (x->slots == NULL) {
        free(x);
        return NULL;
    }
    for (uint32_t i = 0; i < x->slot_count; i++) x->slots[i].next_free = i + 1;
    return x;
}

int xinyi_connect(const char *address, const xinyi_options *options, xinyi **out) {
    static const xinyi_options defaults;
    if (options == NULL) options = &defaults;
    *out = NULL;
    xinyi *x = new_connection(options);
    if (x == NULL) {
        client_set_thread_error("out of memory");
        return STATUS_NO_MEMORY;
    }
    uint64_t until = clock_mono_ns() + (uint64_t)x->timeout_ms * 1000000u;
    int result = open_socket(x, address, until);
    if (result == 0) result = say_hello(x, options, until);
    if (result != 0) {
        client_set_thread_error("%s", x->error);
        xinyi_close(&x);
        return result;
    }
    *out = x;
    return 0;
}

void xinyi_close(xinyi **out) {
    if (out == NULL || *out == NULL) return;
    xinyi *x = *out;
    CHECK(!x->in_callback); /* the caller of the callback goes on using it */
    *out = NULL;
    if (x->fd >= 0) close(x->fd);
    buf_deinit(&x->out);
    buf_deinit(&x->in);
    buf_deinit(&x->scratch);
    buf_deinit(&x->document);
    buf_deinit(&x->alerts);
    free(x->slots);
    free(x);
}

const char *xinyi_server_cluster(const xinyi *x) { return x->cluster; }
uint32_t xinyi_max_entries(const xinyi *x) { return x->max_entries; }
size_t xinyi_in_flight(const xinyi *x) { return x->in_flight; }
int xinyi_fd(const xinyi *x) { return x->fd; }
