/* A worker: one event loop with its own listener (SO_REUSEPORT), its connections, its scratch memory and its counters.
 * Everything of a worker is touched by its thread only, except worker_deliver and the functions that say so. */
#ifndef XINYI_SERVER_WORKER_H
#define XINYI_SERVER_WORKER_H

#include "server/metrics.h"
#include "server/server.h"

typedef struct write_request write_request;

/* Binds nothing: `listener` is a listening socket that becomes the worker's. */
status worker_create(server *s, unsigned index, int listener, worker **out) MUST_CHECK;
status worker_start(worker *w) MUST_CHECK;
/* Any thread: stop accepting, close each connection once its replies are out, at most drain_ms; then the loop ends. */
void worker_drain(worker *w);
void worker_join(worker *w);
void worker_destroy(worker **w); /* after worker_join; accepts NULL */

unsigned worker_index(const worker *w);         /* any thread */
const metrics *worker_metrics(const worker *w); /* any thread */
/* What it decided: the worker's own thread adds, one collector takes. Lives as long as the worker. */
tally *worker_tally(const worker *w);
/* Which shadow its tally counts the differences of (server.shadow_generation); any thread. */
unsigned worker_shadow_generation(const worker *w);
/* Any thread: a chain of answered writes for this worker's connections. */
void worker_deliver(worker *w, write_request *first, write_request *last);
/* Any thread: there are new alerts on the board (server/watch.h). Wakes the worker if it has followers. */
void worker_alert(worker *w);

#endif
