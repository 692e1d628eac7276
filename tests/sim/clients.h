/* Clients and the network between them and the server: requests are delayed, lost, sent again, delivered twice and long
 * afterwards; replies are delayed and lost. A client keeps at its request until it has an answer, as libxinyi does: the
 * same operations under the same ids, or a question for their outcome. */
#ifndef XINYI_TESTS_SIM_CLIENTS_H
#define XINYI_TESTS_SIM_CLIENTS_H

#include "tests/sim/book.h"

#define CLIENTS 6
#define REQUEST_MOST 6  /* operations */
#define CLIENTS_LATE 24 /* requests that may turn up again */

typedef enum request_kind { ASK_OPERATE, ASK_OUTCOME, ASK_PUT, ASK_REPORT, ASK_ACKNOWLEDGE, ASK_POLICY } request_kind;

typedef struct request {
    uint32_t client;
    uint64_t number;
    request_kind kind;
    unsigned count;
    operation operations[REQUEST_MOST]; /* outcome: of these */
    profile_put put;
    report report;
    uint64_t alert;
    unsigned variant; /* of the policies */
} request;

typedef struct reply {
    uint32_t client;
    uint64_t number;
    status whole;
    request_kind kind;
    unsigned count;
    operation operations[REQUEST_MOST];
    operation_result results[REQUEST_MOST]; /* outcome: UNKNOWN_OPERATION, or the answer that is kept */
} reply;

typedef struct message {
    int64_t due_ms; /* by the clock that never jumps */
    uint64_t order;
    bool to_server;
    request ask;
    reply say;
} message;

typedef struct client {
    request current;
    bool busy, in_doubt;
    int64_t retry_ms;
} client;

typedef struct clients {
    sim_clock *clock;
    book *book;
    client client[CLIENTS];
    request late[CLIENTS_LATE];
    uint32_t late_count;
    message **wire; /* in no order */
    uint32_t wire_count, wire_room;
    uint64_t next_id, next_request, next_order, next_report;
    uint64_t sent, lost, duplicated;
    bool resting; /* nothing new is asked any more */
} clients;

void clients_init(clients *c, sim_clock *clock, book *b);
void clients_deinit(clients *c);

/* Policies and subjects to begin with are on their way. */
void clients_prepare(clients *c);
/* Begins new requests, and sends again what has no answer. */
void clients_act(clients *c);
/* The server says something to a client. */
void clients_reply(clients *c, const reply *r);
/* The next request that has arrived; false if there is none. */
bool clients_arrived(clients *c, request *out);
/* Hands the replies that have arrived to their clients. */
void clients_listen(clients *c);
/* Nobody waits for anything. */
bool clients_idle(const clients *c);

/* workload.c: something to ask for. */
void workload_next(clients *c, request *r);
/* A subject to begin with. */
void workload_subject(uint32_t n, request *r);

#endif
