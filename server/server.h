/* What the parts of the server share. main.c owns it; everything here is set before threads start, unless atomic.
 *
 * Threads: main (signals), N workers (event loops: reads answered at once, writes handed on), one commit thread (the
 * only writer of engine and journal), one thread of commands, those of an impact run, the journal's fold thread.
 *
 *   worker → commit_submit → commit thread: execute in order → journal_commit → publish → worker_deliver → reply */
#ifndef XINYI_SERVER_SERVER_H
#define XINYI_SERVER_SERVER_H

#include "base/limits.h"
#include "base/version.h"
#include "engine/engine.h"
#include "persist/journal.h"
#include "server/config.h"
#include "server/timekeeper.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_NAME "xinyid"
#define SERVER_VERSION XINYI_VERSION

typedef struct committer committer;
typedef struct worker worker;
typedef struct jobs jobs;
typedef struct watch_board watch_board;

typedef struct server {
    config config;
    engine *engine;
    journal *journal;
    committer *committer;
    jobs *jobs;         /* commands */
    watch_board *watch; /* open alerts, for those who watch */
    worker **workers;
    unsigned worker_count;
    timekeeper clock;    /* the ledger's: what is decided and dated goes by it; from commit_init on */
    uint64_t started_ns; /* monotonic */
    char address[128];   /* as bound */
    _Atomic size_t connections;
    _Atomic size_t kept_bytes; /* of all connections' buffers (server/connection.h) */
    atomic_bool draining;
    atomic_uint shadow_generation; /* grows with every shadow that begins or ends */
} server;

#endif
