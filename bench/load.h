/* The load itself: connections driven by threads, answers counted, latencies in a histogram.
 *
 * Closed loop: every connection keeps `pipeline` requests on the way; a request's latency counts from when it was given
 * to the library. Open loop: requests are due by a schedule, whatever the server does; latency counts from when a
 * request was due, and one that could not be sent because `pipeline` were on the way waits its turn with its clock
 * running.
 *
 * What is counted when: throughput, the answers that arrived in the measured time; latency, the requests that were sent
 * (closed) or due (open) in it, also if the answer came after it; errors, always, warm-up included. */
#ifndef XINYI_BENCH_LOAD_H
#define XINYI_BENCH_LOAD_H

#include "base/histogram.h"
#include "bench/keys.h"
#include "bench/options.h"

#include <stdbool.h>
#include <stdint.h>

#define LOAD_STATUSES 256 /* counted by code; the last place takes all codes beyond */

typedef struct load_result {
    histogram latency;                 /* of the op's requests, ns */
    histogram writes;                  /* of the requests mixed in, ns */
    histogram lateness;                /* open loop: when a request was sent, after it was due, ns */
    uint64_t requests, write_requests; /* answered in the measured time */
    uint64_t done, refused,
        write_done; /* their entries: ok; refused by a rule of the ledger or a policy's scope; writes */
    uint64_t by_status[LOAD_STATUSES]; /* entries: refusals of the measured time, errors of all time */
    uint64_t errors;                   /* entries */
    uint64_t due;                      /* open loop: entries that were due in the measured time */
    uint64_t unsent;                   /* open loop: of them, never sent */
    uint64_t unanswered;               /* entries without an answer when waiting ended; also in errors, as timeout */
    uint32_t lost;                     /* connections that broke */
    char lost_why[160];                /* the first of them */
    double seconds;                    /* measured */
    double cpu_seconds;                /* of the generator's threads, in the measured time */
    double busiest;                    /* cores the busiest thread used, 0..1 */
    bool interrupted;
} load_result;

/* Is this status an answer that says no, rather than a failure of the measurement? */
bool load_is_refusal(unsigned status);

typedef struct load load;

/* What every thread may read while the load runs. */
typedef struct load_keys {
    const xinyi_subject *sample;
    uint32_t count;
    const zipf *skew; /* NULL: uniform */
} load_keys;

typedef struct load load;

/* Makes the connections of `o`, which must outlive the load. On failure *out is NULL, a message is on stderr and the
 * exit code is returned; else 0. */
int load_connect(const bench_options *o, load **out);
/* A connection for asking before the run. */
xinyi *load_first(load *l);
/* Runs warm-up and measurement; blocks. 0, or an exit code after a message. */
int load_run(load *l, const load_keys *keys, load_result *out);
/* Ends a run early, from a signal handler or another thread; what was measured so far is reported. */
void load_interrupt(void);
void load_destroy(load **l); /* accepts NULL */

#endif
