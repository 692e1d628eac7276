#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

/* Splits "host:port" and "[v6]:port" in place. */
static bool split(char *text, char **host, char **port) {
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == '\0') return false;
    *colon = '\0';
    *port = colon + 1;
    *host = text;
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text[n - 1] = '\0';
        *host = text + 1;
    }
    return true;
}

static bool is_loopback(const struct sockaddr *a) {
    if (a->sa_family == AF_INET) return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static int open_one(const struct sockaddr *address, socklen_t length) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 || bind(fd, address, length) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* SO_REUSEPORT lets a second server of the same user bind the same address and take half of the connections; a plain
 * bind first finds out that somebody is there. */
static bool somebody_listens(const struct sockaddr *address, socklen_t length) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool taken = bind(fd, address, length) != 0 && errno == EADDRINUSE;
    close(fd);
    return taken;
}

/* The address that host_port names, if nobody listens there. */
static status find_address(const char *host_port, struct sockaddr_storage *bound, socklen_t *length, char *problem,
                           size_t room) {
    char copy[256], *host, *port;
    snprintf(copy, sizeof copy, "%s", host_port);
    if (!split(copy, &host, &port)) {
        snprintf(problem, room, "--listen needs HOST:PORT, not '%s'", host_port);
        return STATUS_SYNTAX;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0) {
        snprintf(problem, room, "cannot use address '%s': %s", host_port, gai_strerror(failed));
        return STATUS_SYNTAX;
    }
    *length = found->ai_addrlen;
    memcpy(bound, found->ai_addr, *length);
    freeaddrinfo(found);
    in_port_t *port_place = bound->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)bound)->sin6_port
                                                         : &((struct sockaddr_in *)bound)->sin_port;
    if (*port_place != 0 && somebody_listens((struct sockaddr *)bound, *length)) {
        snprintf(problem, room, "cannot listen on %s: another program listens there already", host_port);
        return STATUS_LOCKED;
    }
    return STATUS_OK;
}

status listener_check(const char *host_port, char *problem, size_t room) {
    struct sockaddr_storage bound;
    socklen_t length;
    status s = find_address(host_port, &bound, &length, problem, room);
    if (s != STATUS_OK) return s;
    int fd = open_one((struct sockaddr *)&bound, length);
    if (fd < 0) {
        snprintf(problem, room, "cannot listen on %s: %s", host_port, strerror(errno));
        return STATUS_IO_ERROR;
    }
    close(fd);
    return STATUS_OK;
}

status listener_open(const char *host_port, unsigned count, int *fds, char *address, size_t address_room,
                     bool *loopback, char *problem, size_t room) {
    struct sockaddr_storage bound;
    socklen_t length;
    status s = find_address(host_port, &bound, &length, problem, room);
    if (s != STATUS_OK) return s;
    for (unsigned i = 0; i < count; i++) {
        fds[i] = open_one((struct sockaddr *)&bound, length);
        if (fds[i] < 0) {
            snprintf(problem, room, "cannot listen on %s: %s", host_port, strerror(errno));
            while (i-- > 0) close(fds[i]);
            return STATUS_IO_ERROR;
        }
        socklen_t n = sizeof bound;
        getsockname(fds[i], (struct sockaddr *)&bound, &n); /* the port that 0 became */
    }
    char name[64], number[16];
    getnameinfo((struct sockaddr *)&bound, length, name, sizeof name, number, sizeof number,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(address, address_room, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", name, number);
    *loopback = is_loopback((struct sockaddr *)&bound);
    return STATUS_OK;
}
