/* The book: what the simulation itself remembers of the answers that were given, in words of its own. It adds up what
 * was reserved, committed and settled from these answers alone, and is what the engine is compared with.
 *
 * A group's answers are noted first; they count once the group is durable (confirm) and are struck out otherwise
 * (drop). Whatever contradicts the rules of exactly-once or the sums is a failed run (sim_fail). */
#ifndef XINYI_TESTS_SIM_BOOK_H
#define XINYI_TESTS_SIM_BOOK_H

#include "engine/engine.h"
#include "tests/sim/sim.h"

#define BOOK_NONE UINT32_MAX

typedef struct execution {
    operation op;
    operation_result result;
    int64_t at_ms, ended_ms; /* ended 0: a reservation that is open */
    uint32_t older;          /* execution of the same id, forgotten before this one; BOOK_NONE */
    uint32_t ended;          /* execution of the reservation that this one ended; BOOK_NONE */
    uint32_t end_version;    /* of the account, by a reservation's end */
    uint8_t state;           /* operation_state */
    bool answered;           /* somebody has got the answer */
} execution;

typedef struct book_instrument {
    uint64_t id;
    int64_t amount_fen;
    uint32_t to_hour;
} book_instrument;

typedef struct book_account {
    bool exists, frozen;
    int64_t reserved, committed, settled;
    uint32_t open, version, instruments;
    book_instrument instrument[LIMIT_INSTRUMENTS];
} book_account;

typedef struct noted {
    operation op;
    operation_result result;
    int64_t at_ms; /* when the engine says it was executed; 0: it is not kept */
    bool of_chain;
} noted;

typedef struct book {
    execution *list;
    uint32_t count, room;
    uint32_t *latest; /* by the number of an id: its last execution, BOOK_NONE */
    uint64_t latest_room;
    book_account accounts[SIM_SUBJECTS][SIM_PROGRAMS];
    int64_t newest_ms; /* latest moment of a durable group or of a cut: what was old by then may be forgotten */
    uint32_t policy_version;

    noted *group; /* of the open group */
    uint32_t group_count, group_room;
    uint64_t *acknowledged; /* alerts, likewise */
    uint32_t acknowledged_count, acknowledged_room;
    uint32_t group_policy; /* 0: none */

    alert *alerts; /* open, as they were when they turned up */
    uint32_t alert_count, alert_room;
    uint64_t newest_alert;

    uint64_t executed, repeated, granted, expired, raised; /* for people, and to see that a run does something */
    uint64_t seen[256];                                    /* answers by status */
} book;

void book_init(book *b);
void book_deinit(book *b);

/* Ids are numbers. */
operation_id book_id(uint64_t number);
uint64_t book_number(const operation_id *id);
/* The newest durable execution; NULL if there is none. */
execution *book_find(const book *b, const operation_id *id);
bool book_may_forget(const book *b, const execution *e);

void book_note(book *b, const operation *op, const operation_result *result, int64_t at_ms, bool of_chain);
void book_note_acknowledged(book *b, uint64_t alert_number);
void book_note_policy(book *b, uint32_t version);
/* Is there anything new in the open group by which one could tell later whether it is there? Its first such id. */
bool book_witness(const book *b, operation_id *id, int64_t *at_ms);
/* The group of this moment is durable. */
void book_confirm(book *b, int64_t now_ms);
void book_drop(book *b);
/* After a published group: alerts that it raised. */
void book_take_alerts(book *b, const engine *e);

/* A client has got this answer. */
void book_answered(book *b, const operation *op, const operation_result *result);

/* Compares everything with the engine (book_check.c). No group is open. `now_ms` is not before the engine's last
 * group. */
void book_check(const book *b, const engine *e, txn *t, int64_t now_ms);
/* A number for the whole state that is durable: subjects, dossiers, accounts, alerts. */
uint64_t book_digest(const engine *e);

bool book_same_result(const operation_result *a, const operation_result *b);
const char *book_text(const operation *op, const operation_result *r); /* for messages; one at a time */

#endif
