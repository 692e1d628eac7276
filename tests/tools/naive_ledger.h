/* The guarantee ledger once more, naively and for one account, in the words of PROTOCOL.md 4.4: what each operation
 * does and why it is refused. For subjects that are covered, not exempt, without energy history, and whose limit is
 * what is lodged without end. It shares nothing with the server. */
#ifndef XINYI_TESTS_TOOLS_NAIVE_LEDGER_H
#define XINYI_TESTS_TOOLS_NAIVE_LEDGER_H

#include "client/xinyi.h"
#include "tests/tools/oplog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum reservation { NOT_MADE = -1, NO_RESERVATION = 0, OPEN, COMMITTED, RELEASED, EXPIRED } reservation;

typedef struct naive {
    bool exists, frozen;
    int64_t reserved, committed;
    int64_t lodged[INSTRUMENTS + 1]; /* by instrument; 0: none */
    unsigned open;
} naive;

/* What the naive ledger wants to know of an operation. */
typedef struct naive_operation {
    unsigned kind, account;
    int64_t amount;
    uint64_t instrument;
    reservation state; /* of a reservation; NOT_MADE before its turn */
} naive_operation;

static inline int64_t naive_limit(const naive *n) {
    int64_t sum = 0;
    for (unsigned i = 1; i <= INSTRUMENTS; i++) sum += n->lodged[i];
    return sum;
}

static inline const char *naive_end(naive *n, const naive_operation *o, naive_operation *target, int64_t *effect) {
    if (target == NULL || target->account != o->account || target->state <= NO_RESERVATION) return "unknown_operation";
    if (target->state == EXPIRED) return "reservation_expired";
    if (target->state != OPEN) return "already_resolved";
    if (o->amount > target->amount) return "over_reserved";
    *effect = o->kind == XINYI_COMMIT && o->amount != 0 ? o->amount : target->amount;
    n->reserved -= target->amount;
    n->open--;
    if (o->kind == XINYI_COMMIT) n->committed += *effect;
    target->state = o->kind == XINYI_COMMIT ? COMMITTED : RELEASED;
    return NULL;
}

/* To lodge less, or more, of an instrument that is there. */
static inline const char *naive_lodge(naive *n, const naive_operation *o, int64_t amount, int64_t *effect) {
    int64_t *lodged = &n->lodged[o->instrument], before = *lodged;
    if (before == 0) return "unknown_instrument";
    if (amount < before && n->frozen) return "frozen";
    if (amount < before && n->reserved + n->committed > naive_limit(n) - before + amount) return "limit_exceeded";
    *lodged = amount;
    *effect = amount == 0 ? before : amount;
    return NULL;
}

/* Does it, if it may be done: NULL and what took effect; else the name of the refusal, and nothing has happened. */
static inline const char *naive_do(naive *n, naive_operation *o, naive_operation *target, int64_t *effect) {
    *effect = 0;
    if (o->kind == XINYI_COMMIT || o->kind == XINYI_RELEASE) return naive_end(n, o, target, effect);
    if (o->kind == XINYI_PLEDGE) {
        if (n->lodged[o->instrument] != 0) return "instrument_exists";
        n->exists = true;
        n->lodged[o->instrument] = *effect = o->amount;
        return NULL;
    }
    if (!n->exists) return "no_account";
    switch (o->kind) {
    case XINYI_RESERVE:
        if (n->frozen) return "frozen";
        if (n->reserved + n->committed + o->amount > naive_limit(n)) return "limit_exceeded";
        n->reserved += *effect = o->amount;
        n->open++;
        o->state = OPEN;
        return NULL;
    case XINYI_SETTLE:
        if (o->amount > n->committed) return "over_committed";
        n->committed -= *effect = o->amount;
        return NULL;
    case XINYI_WITHDRAW: return naive_lodge(n, o, 0, effect);
    case XINYI_AMEND: return naive_lodge(n, o, o->amount, effect);
    case XINYI_FREEZE:
    case XINYI_UNFREEZE:
        if (n->frozen == (o->kind == XINYI_FREEZE)) return n->frozen ? "already_frozen" : "not_frozen";
        n->frozen = o->kind == XINYI_FREEZE;
        return NULL;
    default: return "unknown kind";
    }
}

static inline void naive_expire(naive *n, naive_operation *ended) {
    n->reserved -= ended->amount;
    n->open--;
    ended->state = EXPIRED;
}

#endif
