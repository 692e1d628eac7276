/* The server of the simulation: the commit thread (server/commit.c) in steps, on the simulated journal. Groups of what
 * has arrived, durable before they are published, published before they are answered; in trouble it refuses, and heals;
 * a group of unknown fate is settled by what healing finds.
 *
 * It dies wherever the disk says so. Starting it again loads everything anew, and then the whole state is compared with
 * what was durable. */
#ifndef XINYI_TESTS_SIM_SERVER_H
#define XINYI_TESTS_SIM_SERVER_H

#include "tests/sim/clients.h"
#include "tests/sim/sim_journal.h"

typedef struct sim_server {
    sim_clock *clock;
    book *book;
    clients *clients;
    disk *disk;
    engine *engine;
    txn *txn;
    sim_journal journal;
    buf changes, history;
    bool up, in_trouble, undecided;
    bool group_open;      /* the transaction is */
    bool in_flight;       /* a group was handed to the journal, and its fate is not known yet */
    int64_t group_ms;     /* its moment */
    int64_t held_ms;      /* the engine's clock: it does not step back while the process lives */
    int64_t next_heal_ms; /* or, while it is down, when it is started */
    uint64_t durable;     /* number of the last group that was published, or found after a start */
    uint64_t digest;      /* of the state that is durable */
    bool flips;           /* at starts, a bit is flipped before: it must be found */
    uint64_t groups, starts, deaths, heals, settled_there, settled_gone, flipped, checks;
} sim_server;

void server_init(sim_server *s, sim_clock *clock, book *b, clients *c, disk *d);
void server_deinit(sim_server *s);
/* One turn: start, heal, or a group. */
void server_turn(sim_server *s);
void server_fold(sim_server *s);
/* Compares everything, if the server is up and well. False if it is not. */
bool server_check(sim_server *s);
/* Dies in good health. */
void server_kill(sim_server *s);

#endif
