/* The commit thread from the inside: what commit.c and commit_upkeep.c share. Private to them; everything belongs to
 * the commit thread unless it says otherwise. */
#ifndef XINYI_SERVER_COMMIT_INTERNAL_H
#define XINYI_SERVER_COMMIT_INTERNAL_H

#include "engine/overlay.h"
#include "server/commit.h"

#include <pthread.h>

#define GROUP_BYTES (4u << 20) /* a group is closed beyond this; one more frame still fits LIMIT_GROUP_BYTES */

/* What others want done on the commit thread. */
typedef struct call {
    struct call *next;
    void (*run)(void *);
    void *arg;
    bool done;
} call;

/* What is done beside requests. */
typedef struct upkeep {
    overlay counted; /* what tallies have handed over and no published group carries yet */
    bool in_group;   /* the open group carries some of it */
    uint64_t next_collection_ns, next_cut_ns;
    bool mark_wanted; /* the ledger's time is to be made durable even if nothing else is */
    bool mark_in_group;
    uint64_t next_mark_ns;
    uint64_t lost; /* decisions of which could not be kept what to count */

    bool sweep_more;     /* the sweep has something to do now */
    int32_t day;         /* when it was last looked for */
    uint64_t cost_ns;    /* of one step of it, as measured */
    bool told_everybody; /* as of the last group */
    uint64_t told_changed;
    uint64_t everybody_ns; /* when that walk began */

    /* the walk for alerts, in rounds */
    bool watching;           /* a round is under way … */
    bool watch_again;        /* … and another one is wanted right behind it */
    uint64_t watch_began_ns; /* the last one */
    uint64_t watch_cost_ns;  /* of one account, as measured */
    int64_t watch_hour;      /* hour and policies as of the last round */
    uint32_t watch_policies;
} upkeep;

struct committer {
    server *server;
    txn *txn;
    buf changes, history;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards from here … */
    pthread_cond_t wake;
    write_request *first, *last;
    call *first_call, *last_call;
    pthread_cond_t called; /* some call is done */
    size_t queued_bytes;   /* not answered yet: waiting here, or with the commit thread */
    bool stop;             /* … to here */

    bool in_trouble; /* the journal is read-only until it is healed */
    bool undecided;  /* … and the open transaction's fate is unknown until then */
    uint64_t next_heal_ns;

    upkeep upkeep;
    uint64_t groups, requests;
    histogram commit_ns;
    pthread_mutex_t snapshot_mutex;
    commit_snapshot snapshot;
};

/* Gives back what the history does not need any more. */
void commit_cut_history(committer *c);

void upkeep_init(committer *c);
void upkeep_deinit(committer *c);
/* Takes what the tallies have counted, if it is time (or always). */
void upkeep_collect(committer *c, bool always);
/* Puts it into the open group, as far as it fits, sweeps for some hundred µs, and looks at accounts for alerts as long;
 * for 2 ms each if nobody waits. */
void upkeep_add(committer *c, bool idle);
/* The last thing that goes into a group, if there is one: the ledger's time, so that a start goes on from there. */
void upkeep_mark_clock(committer *c);
/* True if there is a reason for a group without requests. */
bool upkeep_wanted(const committer *c);
/* The group is published, or dropped. */
void upkeep_published(committer *c);
void upkeep_aborted(committer *c);

#endif
