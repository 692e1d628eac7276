/* The commit thread: the one writer. Takes all that waits as a group, executes it in order against the engine, makes
 * the group durable, publishes it, then answers.
 *
 * When the journal fails, the group's clients learn that the outcome is unknown (read-only, if it refused the group
 * before writing), later writes are refused as read-only, lookups go on, and the thread tries to heal the journal every
 * second; a group of unknown fate is then published or dropped by what the reopened journal holds. */
#ifndef XINYI_SERVER_COMMIT_H
#define XINYI_SERVER_COMMIT_H

#include "base/histogram.h"
#include "server/server.h"

typedef struct connection connection;

/* One write frame on its way. Owned by the worker until submitted, by the commit thread until delivered, then by the
 * worker again. `entries` and `replies` lie in the same allocation. */
typedef struct write_request {
    struct write_request *next;
    worker *worker;
    connection *connection;
    uint64_t request_id;
    uint64_t arrived_ns;
    uint32_t deadline_ms;
    status whole; /* not OK: the whole frame is answered with it */
    uint8_t type; /* message_type */
    uint16_t count;
    uint16_t reply_length;
    size_t bytes;     /* of this allocation */
    void *entries;    /* profile_put, operation, operation_id or report, by type */
    uint8_t *replies; /* count × reply_length; PUT, OPERATE and REPORT: a status set already means "do not execute" */
} write_request;

/* NULL without memory. Replies are zero. */
write_request *write_request_new(unsigned type, uint16_t count, size_t entry_size, uint16_t reply_length);

/* init makes s->committer; start begins the thread; stop finishes what is queued (workers must have stopped
 * submitting); deinit frees. */
status commit_init(server *s) MUST_CHECK;
status commit_start(server *s) MUST_CHECK;
void commit_stop(server *s);
void commit_deinit(server *s);

/* Hands over a list of requests (linked by next), in order. False, and nothing taken, when the queue is full. */
bool commit_submit(committer *c, write_request *first, write_request *last, size_t bytes);

/* Executes one policy activation on the calling thread: used at start, between commit_init and commit_start. READ_ONLY:
 * nothing was written, and the server can go on without it; journal_trouble says why. */
status commit_activate(server *s, policy_set *set, const policy_file *files, size_t count) MUST_CHECK;

/* Numbers that only the commit thread may read at the source, as of its last group. */
typedef struct commit_snapshot {
    engine_stats engine;
    uint64_t groups, requests;
    histogram commit_ns; /* from taking the group to durable */
    bool read_only;
} commit_snapshot;
void commit_get_snapshot(committer *c, commit_snapshot *out);

#endif
