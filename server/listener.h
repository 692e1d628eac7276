/* Listening sockets, one a worker on the same address (SO_REUSEPORT), so that the kernel spreads connections. */
#ifndef XINYI_SERVER_LISTENER_H
#define XINYI_SERVER_LISTENER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Opens `count` sockets on HOST:PORT (IPv6 as [::1]:7420); with port 0 the first one's free port serves for all. The
 * bound address is written to `address`. On failure nothing stays open and `problem` has one sentence. */
status listener_open(const char *host_port, unsigned count, int *fds, char *address, size_t address_room,
                     bool *loopback, char *problem, size_t room) MUST_CHECK;

/* Whether listener_open could succeed, without keeping anything open: what is wrong with an address is worth knowing
 * before the data are loaded. The same errors. */
status listener_check(const char *host_port, char *problem, size_t room) MUST_CHECK;

#endif
