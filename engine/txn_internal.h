/* A transaction from the inside: what txn.c and txn_operate.c share. Private to them. */
#ifndef XINYI_ENGINE_TXN_INTERNAL_H
#define XINYI_ENGINE_TXN_INTERNAL_H

#include "engine/overlay.h"
#include "engine/state.h"

/* Pending states. Each begins with its key, as overlays want. */
typedef struct pending_profile {
    profile now; /* differs from what is published */
    uint64_t hash;
    bool is_new;
} pending_profile;

typedef struct pending_account {
    account now;
    uint64_t hash;
    bool is_new; /* not published yet */
    bool dirty;  /* differs from what is published; others are copies kept for the next operation */
} pending_account;

typedef struct pending_operation {
    operation_entry now; /* begins with the request, which begins with the id */
    uint64_t hash;
    uint32_t ref; /* the open entry that this one resolves; OPERATIONS_NONE if it is new */
} pending_operation;

typedef enum txn_phase { TXN_CLOSED, TXN_OPEN, TXN_READY } txn_phase;

struct txn {
    engine *e;
    txn_phase phase;
    status failed; /* releasing due reservations found no memory: nothing more can be exact */
    bool full;     /* more reservations are due than this group carries */
    policy_moment at;
    overlay profiles, accounts, operations;
    /* new things by shard, for reserving their room */
    uint32_t new_subjects[LIMIT_SHARDS], new_accounts[LIMIT_SHARDS], new_operations[LIMIT_SHARDS];
    uint32_t new_operation_count, new_open_count;
    uint32_t forgotten; /* of the oldest resolved operations, dropped with this group */
    uint32_t last_new;  /* operations of the last published group: forgetting keeps pace */
    size_t bytes;       /* encoded size of what is pending */
    policy_set *policy; /* activated in this group; owned; NULL if none */
    buf policy_changes; /* its records */
    uint32_t policy_newest;
};

/* Encoded sizes of records. */
#define TXN_SUBJECT_BYTES (CHANGE_HEADER + KEY_RECORD + 1 + PROFILE_SIZE)
#define TXN_ACCOUNT_BYTES (CHANGE_HEADER + KEY_RECORD + 1 + ACCOUNT_IMAGE)
#define TXN_OPERATION_BYTES (CHANGE_HEADER + sizeof(operation_id) + 1 + OPERATION_IMAGE)
#define TXN_REMOVAL_BYTES (CHANGE_HEADER + sizeof(operation_id))

/* The moment in seconds, rounded up, as resolved entries carry it. */
static inline uint32_t txn_seconds(const txn *t) {
    int64_t s = (t->at.now_ms + 999) / 1000;
    return s < 1 ? 1 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

static inline const policy_set *txn_policy(const txn *t) {
    return t->policy != NULL ? t->policy : atomic_load_explicit(&t->e->policy, memory_order_relaxed);
}

/* The profile as of this group; false if the subject is not known. */
bool txn_profile(const txn *t, const subject_id *subject, profile *out);
/* The account as of this group, in the overlay; NULL if there is none. The overlay must have room for one. */
pending_account *txn_account(txn *t, const subject_id *key);
/* Opens it in the overlay, which must have room for one. NULL and a status without room in the store. */
pending_account *txn_open_account(txn *t, const subject_id *key, status *code);
/* Gives a changed account its new version and makes it part of the group. */
void txn_touch(txn *t, pending_account *a);
/* The entry as of this group; NULL if the id is not known. */
const operation_entry *txn_operation(const txn *t, uint64_t hash, const operation_id *id);
/* Puts a reservation's end into the group, and takes it from its account. The overlays must have room for one each. */
void txn_resolve(txn *t, uint64_t hash, const operation_id *reservation, pending_account *a, operation_state state,
                 int64_t committed_fen);

#endif
