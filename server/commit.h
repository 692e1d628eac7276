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
    size_t bytes;            /* of this allocation */
    size_t promised;         /* bytes of the reply, as its connection counts them */
    struct command *command; /* COMMAND only: owned (server/command.h) */
    void *entries;           /* profile_put, operation, operation_id or report, by type */
    uint8_t *replies; /* count × reply_length; PUT, OPERATE and REPORT: a status set already means "do not execute" */
} write_request;

/* NULL without memory. Replies are zero. */
write_request *write_request_new(unsigned type, uint16_t count, size_t entry_size, uint16_t reply_length);
void write_request_free(write_request *r); /* accepts NULL */

/* init makes s->committer, and starts s->clock by what the engine has recovered; start begins the thread; stop finishes
 * what is queued (workers must have stopped submitting); deinit frees. */
status commit_init(server *s) MUST_CHECK;
status commit_start(server *s) MUST_CHECK;
void commit_stop(server *s);
void commit_deinit(server *s);

/* Hands over a list of requests (linked by next), in order. False, and nothing taken, when the queue is full. */
bool commit_submit(committer *c, write_request *first, write_request *last, size_t bytes);

/* Any thread but the commit thread, between commit_start and commit_stop: runs `run` on the commit thread, between two
 * groups, and returns when it is done. For what only the writer may do or see: the archive, effect totals, snapshots of
 * the stores, a shadow, an activation. Short things only: writes wait meanwhile. A caller that is a reader
 * (base/rcu.h) must rest. */
void commit_call(server *s, void (*run)(void *), void *arg);

/* On the commit thread, so within a call, or at start, between commit_init and commit_start. All are durable when they
 * return OK. READ_ONLY: nothing was written, storage is in trouble; OUTCOME_UNKNOWN: it is in trouble since just now,
 * and what becomes of it shows when it is healed.
 *
 * commit_activate makes a set the active one; it owns the set, whatever happens. `directory`, if not NULL, is the hash
 * to remember of the directory of policies; with set NULL that is all. */
status commit_activate(server *s, policy_set *set, const policy_file *files, size_t count,
                       const char *directory) MUST_CHECK;
/* As commit_activate, for a set of archived texts. */
status commit_rollback(server *s, policy_set *set, uint32_t version) MUST_CHECK;
/* Acknowledges alerts; known[i]: numbers[i] was open. */
status commit_acknowledge(server *s, const uint64_t *numbers, size_t count, bool *known) MUST_CHECK;
/* Makes the ledger's time durable (server/timekeeper.h), though nothing else has changed. */
status commit_note_clock(server *s) MUST_CHECK;
/* Takes over what the workers have counted so far. */
status commit_collect(server *s) MUST_CHECK;
/* At start, before commit_start: what an earlier version stored otherwise is moved. */
status commit_migrate(server *s) MUST_CHECK;
/* On the commit thread: no transaction is open. False: storage is in trouble. */
bool commit_is_well(const server *s);

/* Numbers that only the commit thread may read at the source, as of its last group. */
typedef struct commit_snapshot {
    engine_stats engine;
    sweep_progress sweep;
    uint64_t groups, requests;
    histogram commit_ns; /* from taking the group to durable */
    bool read_only;
} commit_snapshot;
void commit_get_snapshot(committer *c, commit_snapshot *out);

#endif
