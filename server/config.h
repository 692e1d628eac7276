/* Settings of xinyid: one table for the command line, the YAML file, the defaults and --describe-config.
 * Precedence: command line over file over default. Read once at start, then constant. */
#ifndef XINYI_SERVER_CONFIG_H
#define XINYI_SERVER_CONFIG_H

#include "base/status.h"
#include "server/offline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum config_type { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_BYTES } config_type;

/*  X(name, type, default, min, max, argument, help) — the option is --name with '-' for '_'; text has no min and max.
 */
#define CONFIG_TABLE(X)                                                                                                \
    X(data, CONFIG_TEXT, "", 0, 0, "DIR", "data directory; made if missing")                                           \
    X(policy, CONFIG_TEXT, "", 0, 0, "DIR",                                                                            \
      "policy files (*.yaml) to activate; without it the stored set stays in force")                                   \
    X(listen, CONFIG_TEXT, "127.0.0.1:7420", 0, 0, "HOST:PORT", "address to serve; port 0 takes a free one")           \
    X(threads, CONFIG_NUMBER, "0", 0, 64, "N", "event loops; 0: one per core")                                         \
    X(cluster, CONFIG_TEXT, "xinyi", 0, 0, "NAME", "name of the cluster, fixed when the data directory is made")       \
    X(max_connections, CONFIG_NUMBER, "10000", 1, 1000000, "N", "connections before new ones are refused")             \
    X(idle_ms, CONFIG_NUMBER, "0", 0, 86400000, "MS", "close a connection after so much silence; 0: never")            \
    X(hello_ms, CONFIG_NUMBER, "10000", 100, 600000, "MS", "close a connection that has not said HELLO by then")       \
    X(stall_ms, CONFIG_NUMBER, "60000", 100, 86400000, "MS",                                                           \
      "close a connection that has taken none of its waiting replies for so long")                                     \
    X(keepalive_ms, CONFIG_NUMBER, "60000", 1000, 86400000, "MS",                                                      \
      "silence after which TCP asks whether a client is still there")                                                  \
    X(buffer_bytes, CONFIG_BYTES, "512M", 1 << 20, INT64_MAX, "BYTES",                                                 \
      "for unfinished requests and replies not taken, of all connections together")                                    \
    X(drain_ms, CONFIG_NUMBER, "5000", 0, 600000, "MS", "longest wait for open connections after SIGTERM")             \
    X(queue_bytes, CONFIG_BYTES, "256M", 1 << 20, INT64_MAX, "BYTES",                                                  \
      "waiting writes before new ones are refused as overloaded")                                                      \
    X(fold_bytes, CONFIG_BYTES, "64M", 1 << 16, INT64_MAX, "BYTES", "log size at which it is folded into the tables")  \
    X(fold_interval_ms, CONFIG_NUMBER, "60000", 100, 86400000, "MS", "age of the log at which it is folded")           \
    X(min_free_bytes, CONFIG_BYTES, "256M", 0, INT64_MAX, "BYTES", "free disk below which writes are refused")         \
    X(keep_days, CONFIG_NUMBER, "7", 1, 3660, "N",                                                                     \
      "days for which ledger operations are remembered: ids, answers, histories")                                      \
    X(max_subjects, CONFIG_NUMBER, "0", 0, 4000000000, "N",                                                            \
      "capacity for subjects (address space, not memory); 0: 96 Mi")                                                   \
    X(log_level, CONFIG_TEXT, "info", 0, 0, "LEVEL", "debug, info, warn or error")                                     \
    X(log_format, CONFIG_TEXT, "text", 0, 0, "FORMAT", "text or json")

typedef struct config {
#define X(name, type, ...) CONFIG_MEMBER_##type(name)
#define CONFIG_MEMBER_CONFIG_TEXT(name) char *name;
#define CONFIG_MEMBER_CONFIG_NUMBER(name) int64_t name;
#define CONFIG_MEMBER_CONFIG_BYTES(name) int64_t name;
    CONFIG_TABLE(X)
#undef X
    bool take_clock; /* of this start: the wall clock as it is, whatever the data remember */
    offline offline; /* what to do instead of serving */
} config;

typedef enum config_result {
    CONFIG_RUN,  /* go on: serve, or do what `offline` says */
    CONFIG_DONE, /* --help, --version or --describe-config has been answered: exit 0 */
    CONFIG_BAD,  /* a message is on stderr: exit 2 */
} config_result;

config_result config_read(int argc, char **argv, config *out);
void config_deinit(config *c);

#endif
