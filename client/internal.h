/* Inside libxinyi: a connection, its buffers, and the requests on their way. */
#ifndef XINYI_CLIENT_INTERNAL_H
#define XINYI_CLIENT_INTERNAL_H

#include "base/buf.h"
#include "client/xinyi.h"
#include "protocol/message.h"

#include <stdarg.h>
#include <stdbool.h>

#define CLIENT_INPUT (256u << 10)       /* one read */
#define CLIENT_OUTPUT_HIGH (256u << 10) /* queued bytes at which sending begins by itself */
#define CLIENT_OUTPUT_MAX (1u << 20)    /* queued bytes at which a sender waits */
#define CLIENT_IN_FLIGHT 256            /* default of max_in_flight */
#define CLIENT_IN_FLIGHT_MAX 65536
#define CLIENT_TIMEOUT_MS 5000
#define CLIENT_PROGRESS_BYTES 4096 /* received bytes that count as progress though no answer is complete */

/* An answer. `entries` are in the machine's byte order, 8-aligned, exactly the layout's length apart; count as asked
 * except in walks. NULL entries: the request failed with `status`. */
typedef struct answer {
    int status;
    const char *error;
    const frame_view *frame; /* NULL if there is none: the connection broke, and what was asked may have been done */
    size_t count;
    const uint8_t *entries;
} answer;

typedef struct slot slot;
typedef void (*on_answer)(xinyi *x, const slot *s, const answer *a);

/* A request on its way (tag: the caller's, or the room of a walk). Its id on the wire is (generation << 32 | slot
 * number): an answer to an older use of the slot is recognised. */
struct slot {
    on_answer answered; /* NULL: free */
    void *out;          /* synchronous calls: where entries go */
    struct call *call;
    uint64_t tag;
    uint32_t generation, next_free;
    uint16_t count;
    uint8_t type;
};

/* A synchronous call, over as many frames as it takes. */
typedef struct call {
    int status;       /* first failure of a whole frame */
    size_t remaining; /* frames without an answer */
    size_t counted;   /* walks: entries that came */
    size_t room;      /* walks: entries asked for */
    size_t stride;    /* bytes of an entry in the caller's array */
    void (*convert)(const uint8_t *wire, void *out);
    bool has_status; /* the caller's entries begin with a u16 status */
    uint64_t cursor; /* walks: where to go on */
} call;

struct xinyi {
    int fd;
    int broken; /* status that ended the connection, 0 while it lives */
    char address[160];
    char cluster[LIMIT_NAME_MAX + 1];
    char error[320];
    uint32_t max_frame, max_entries, timeout_ms;
    int receive_wait_ms; /* the socket's receive timeout as it was last set; -1 none */
    bool no_checksum, greeted, in_callback;
    buf out, in, scratch, document;
    size_t out_sent; /* of out */
    slot *slots;
    uint32_t slot_count, free_slot;
    size_t in_flight;
    slot watch;       /* watch.c: the subscription; answered again and again, and in flight only while watch_asked */
    bool watch_asked; /* its first answer has not come yet */
    uint8_t watch_purpose;
    int watch_status;                 /* of its last answer */
    buf alerts;                       /* that have come, from alerts_taken on */
    size_t alerts_taken;              /* bytes */
    uint64_t progress, partial_bytes; /* see client_wait */
    xinyi_on_reply on_reply;
    void *context;
};

static inline size_t client_queued(const xinyi *x) { return x->out.size - x->out_sent; }

/* connection.c */
int client_fail(xinyi *x, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* One error for this thread, for calls without a connection. */
void client_set_thread_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the connection: every request in flight is answered with the status. Returns it. */
int client_break(xinyi *x, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Sends what it can and takes what is there; waits up to wait_ms (negative: for ever) if neither moved. *moved tells
 * whether bytes did. Not within a callback. */
int client_pump(xinyi *x, int wait_ms, bool *moved);
/* Pumps until at most this many requests are in flight and this many bytes are queued. Breaks the connection when
 * nothing moves on for timeout_ms: neither an answer nor some kilobytes of one, nor bytes sent. */
int client_wait(xinyi *x, size_t in_flight, size_t queued);
/* Refuses what must not be done within a callback; 0 if all is well. */
int client_enter(xinyi *x);

/* pipeline.c */
/* A free slot, taking answers while all are in use; NULL when the connection broke (x->broken) or within a callback. */
slot *client_slot(xinyi *x);
uint64_t client_request_id(const xinyi *x, const slot *s);
/* Room for a request's entries behind the queued output; NULL without memory. client_queue completes the frame. */
uint8_t *client_entries(xinyi *x, size_t entry, size_t count);
/* Queues the frame whose entries were just written and counts it as on its way; then sends if much is queued. That may
 * break the connection (x->broken): the request has been answered with it then, as every other. */
void client_queue(xinyi *x, slot *s, unsigned type, size_t entry, size_t count, on_answer answered);
/* Looks at the frames that have arrived. */
int client_take_frames(xinyi *x);
/* Answers every request in flight with a status: the connection is gone. */
void client_drop_all(xinyi *x, int code);

/* Completes a request whose whole frame was just appended to the output, as client_queue does. */
void client_queue_frame(xinyi *x, slot *s, unsigned type, size_t count, on_answer answered);

/* calls.c: what synchronous calls are made of */
/* Encodes entry i of a call. */
typedef struct encoder {
    void (*encode)(const struct encoder *e, size_t i, uint8_t *to);
    const void *entries;
    unsigned a, b;
    bool (*joined)(const struct encoder *e, size_t i); /* entry i must share a frame with the next; NULL: none must */
} encoder;
/* A connection that may be asked: alive, not within a callback, and with nothing else on its way. */
int client_begin_call(xinyi *x, unsigned a, unsigned b);
/* A call for `count` entries, over as many frames as it takes; answers go to out, `stride` apart. */
int client_call_many(xinyi *x, unsigned type, const encoder *e, size_t count, void *out, size_t stride,
                     void (*convert)(const uint8_t *, void *));
/* One step of a walk: a request of one entry, at most `room` entries back. Entries begin with the cursor that goes on
 * behind them. After client_begin_call. */
int client_call_walk(xinyi *x, unsigned type, const void *request, uint32_t room, uint64_t *cursor, void *out,
                     size_t stride, size_t *count, void (*convert)(const uint8_t *, void *));
/* A request of one entry (NULL: none) that a document answers; it is kept in x->document. */
int client_call_document(xinyi *x, unsigned type, const uint8_t *entry, const char **document);
void client_on_document(xinyi *x, const slot *s, const answer *a);

/* convert.c: public structs to and from the wire's. Wire entries are in the machine's byte order. */
void encode_decide(const xinyi_subject *subject, unsigned scenario, unsigned purpose, uint8_t *to);
void encode_get(const xinyi_subject *subject, unsigned purpose, uint8_t *to);
void encode_quota(const xinyi_quota_ask *ask, unsigned program, unsigned purpose, uint8_t *to);
void encode_put(const xinyi_put_entry *entry, uint8_t *to);
void encode_operation(const xinyi_operation *o, uint8_t *to);
void decode_decision(const uint8_t *wire, void *out);
void decode_profile_reply(const uint8_t *wire, void *out);
void decode_put_reply(const uint8_t *wire, void *out);
void decode_scan(const uint8_t *wire, void *out);
void decode_quota_show(const uint8_t *wire, void *out);
void decode_quota_answer(const uint8_t *wire, void *out);
void decode_operation_reply(const uint8_t *wire, void *out);
void decode_outcome(const uint8_t *wire, void *out);
void decode_account(const uint8_t *wire, void *out);
void decode_account_reply(const uint8_t *wire, void *out);
void encode_report(const xinyi_report_entry *entry, uint8_t *to);
void decode_report_reply(const uint8_t *wire, void *out);

#endif
