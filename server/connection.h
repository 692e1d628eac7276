/* A client connection: bytes in, frames, bytes out. Belongs to one worker's thread.
 *
 * Idle connections hold no buffers: input is read into the worker's scratch and only an unfinished frame is kept;
 * output is written from the worker's scratch and only what the socket did not take is kept.
 *
 * Backpressure: while unsent output is kept, or as many writes as agreed are unanswered, or their replies will be
 * PROMISED_MAX long, the connection is not read. So a client that does not take its replies costs at most one turn's
 * output plus the replies of its writes in flight, and one that takes them is never closed for being slow.
 *
 * What connections keep is counted together, and bounded by buffer_bytes: the fuller, the less patience with those that
 * keep something without getting on, and what would go beyond it costs its connection. So many clients that do not
 * read, or that send halves of frames, take no more memory than that.
 *
 * Fairness: a connection that has worked for TURN_NS is put behind the others, with what it sent still to be looked
 * at. */
#ifndef XINYI_SERVER_CONNECTION_H
#define XINYI_SERVER_CONNECTION_H

#include "base/buf.h"
#include "protocol/message.h"
#include "server/commit.h"
#include "server/metrics.h"
#include "server/server.h"
#include "server/uploads.h"

#include <event2/event.h>
#include <pthread.h>

#define INPUT_BYTES (64u << 10)  /* one read */
#define OUTPUT_TURN (256u << 10) /* output of one turn before it is written in the middle */
#define PROMISED_MAX (LIMIT_OUTPUT_MAX / 2)
#define TURN_NS 2000000     /* looked at after requests that are answered one by one */
#define FRAMES_PENDING 1024 /* reply frames of one batch that wait for their decisions */

/* A reply frame under construction in the worker's output. */
typedef struct pending_frame {
    frame_header header;
    size_t offset; /* in worker output */
    size_t body_bytes;
} pending_frame;

/* Lookups of one kind, gathered over frames, answered together: one prefetch pass over all of them. */
typedef struct lookup_batch {
    uint8_t type; /* MESSAGE_DECIDE, MESSAGE_QUOTA_CHECK or MESSAGE_GET; 0 empty */
    unsigned count, frame_count;
    union {
        decision_request decisions[LIMIT_BATCH];
        quota_request quotas[LIMIT_BATCH];
        wire_get gets[LIMIT_BATCH];
    };
    uint32_t offsets[LIMIT_BATCH]; /* where each reply entry goes, in worker output */
    pending_frame frames[FRAMES_PENDING];
} lookup_batch;

/* What a connection that follows alerts was sent (server/watch.h). */
typedef struct follower {
    connection *next, *prev; /* of the same worker */
    uint64_t request_id;
    uint64_t after; /* everything up to this number was sent */
    uint32_t max;   /* alerts of one frame */
    bool follows;
} follower;

struct worker {
    server *server;
    unsigned index;
    pthread_t thread;
    struct event_base *base;
    struct event *accept_event, *accept_retry, *tick, *mail;
    int listener, mail_fd;
    connection *connections;      /* doubly linked */
    connection *followers;        /* those of them that follow alerts */
    atomic_uint follower_count;   /* of them; this thread writes */
    bool draining, accept_paused; /* paused: until the next connection is accepted, told once */
    uint64_t drain_until_ns;

    /* scratch of a turn */
    policy_moment at;
    uint64_t turn_ns; /* when it began */
    uint8_t *input;   /* INPUT_BYTES, 16-aligned */
    buf output;
    lookup_batch *batch;
    tally *tally;                  /* what this worker decided */
    atomic_uint shadow_generation; /* of the shadow whose differences it counts; this thread writes */
    write_request *submit_first, *submit_last;
    size_t submit_bytes;

    /* from other threads */
    pthread_mutex_t mail_mutex;
    write_request *mail_first, *mail_last;
    atomic_bool drain_wanted, alerts_wanted;

    metrics metrics;
};

struct connection {
    worker *worker;
    connection *next, *prev;
    int fd;
    struct event *readable, *writable;
    buf in;  /* the beginning of an unfinished frame, or frames not looked at yet while blocked */
    buf out; /* what the socket did not take */
    uint32_t max_frame, max_entries, max_in_flight, idle_ms;
    uint32_t in_flight;     /* write requests with the commit thread */
    size_t promised;        /* bytes of their replies */
    size_t kept;            /* bytes of `in` and `out`, as they are counted in the server's sum */
    uint64_t kept_since_ns; /* since when there is something kept, and nothing done with it */
    uploads uploads;        /* drafts of policy sets */
    follower follower;      /* of alerts */
    uint64_t opened_ns;     /* when it was accepted */
    uint64_t last_ns;       /* of the last bytes from the client */
    uint64_t taken_ns;      /* while waiting to write: when the client last took something */
    bool yielded;           /* its turn was over before its input was: goes on when it can be written */
    bool ended;             /* the client has sent its last byte: close once its writes are answered */
    bool said_hello, no_checksum, reading, closing, dead;
};

static_assert(PROMISED_MAX + 3 * LIMIT_FRAME_MAX / 2 + OUTPUT_TURN <= LIMIT_OUTPUT_MAX + OUTPUT_TURN,
              "what backpressure lets through fits the limit");

/* The beginning of every callback that may answer requests: wakes (base/rcu.h), reads the clocks. */
void worker_begin_turn(worker *w);
void worker_end_turn(void);

/* Takes over fd. NULL without memory (fd is closed then). */
connection *connection_new(worker *w, int fd);
/* Unlinks, closes; memory goes once the commit thread has given back the last request. */
void connection_kill(connection *c);
void connection_free_if_done(connection *c);
/* Sends what is in w->output to c; clears w->output. */
void connection_flush(connection *c);
/* After in_flight went down or output went out: looks at kept input, reads again. */
void connection_resume(connection *c);
void connection_close_after_output(connection *c);
/* Alerts may be there for it: see watch_push. It may be gone afterwards. */
void connection_push(connection *c);

/* True if it has kept something for longer than there is patience; false while the server owes it an answer. */
bool connection_is_in_the_way(const connection *c, uint64_t now_ns);

/* Answers an error frame into w->output and counts it. */
void connection_error(connection *c, unsigned type, uint64_t request_id, status why, const char *text);

/* reads.c: requests answered at once into w->output. */
void reads_flush_batch(worker *w, connection *c);
void reads_handle(connection *c, const frame_view *f);

/* writes.c: requests for the commit thread, and its answers. */
void writes_handle(connection *c, const frame_view *f);
void writes_submit(worker *w);
void writes_answer(write_request *r);

/* command_frames.c: drafts, commands for their thread, and its answers. */
void commands_upload(connection *c, const frame_view *f);
void commands_handle(connection *c, const frame_view *f);
void commands_answer(write_request *r);

/* document.c: JSON documents. Malloc'd NUL-terminated text, NULL without memory. */
char *document_info(const server *s, policy_moment at);
char *document_stats(const server *s);
char *document_policies(const policy_set *set);
/* document_catalogue.c: what reports may name; COMMAND `catalogue` */
char *document_catalogue(const policy_set *set);
/* document_scorecard.c */
char *document_scorecard(const policy_set *set, const profile *p, policy_moment at);
/* document_dossier.c: the items of a part, as many as `room` bytes hold (one at least); d may be NULL. */
char *document_dossier(const policy_set *set, const wire_dossier *asked, const profile *p, const dossier *d,
                       policy_moment at, size_t room);
/* document_sources.c: where the profile's values come from; d may be NULL. */
char *document_sources(const policy_set *set, const profile *p, const dossier *d, policy_moment at);
/* document_explain.c; d may be NULL. */
char *document_explain(const policy_set *set, const wire_decide *asked, const profile *p, const dossier *d,
                       policy_moment at, status *result);

#endif
