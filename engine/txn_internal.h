/* A transaction from the inside: what txn.c and txn_operate.c share. Private to them. */
#ifndef XINYI_ENGINE_TXN_INTERNAL_H
#define XINYI_ENGINE_TXN_INTERNAL_H

#include "engine/overlay.h"
#include "engine/state.h"
#include "engine/txn_alert.h"

/* Pending states. Each begins with its key, as overlays want. */
typedef struct pending_profile {
    profile now; /* differs from what is published */
    uint64_t hash;
    bool is_new;
} pending_profile;

typedef enum account_change { ACCOUNT_SAME, ACCOUNT_BALANCE, ACCOUNT_WHOLE } account_change;

typedef struct pending_account {
    account now;
    uint64_t hash;
    bool is_new;       /* not published yet */
    uint8_t change;    /* account_change: what of it differs from what is published */
    bool has_quota;    /* `standing` is that of `now` */
    status terms_code; /* as txn_terms found them, valid while `rules` is the group's */
    uint32_t rules;    /* 0: not looked for */
    guarantee_terms terms;
    quota standing;
} pending_account;

typedef struct pending_operation {
    operation_entry now; /* begins with the request, which begins with the id */
    uint64_t hash;
    uint32_t ref;     /* the open entry that this one resolves; OPERATIONS_NONE if it is new */
    uint32_t account; /* index of the pending account that it changed; OPERATIONS_NONE if none */
} pending_operation;

/* The dossier as it will be: a copy of its own, as long as it is pending. */
typedef struct pending_dossier {
    subject_id subject;
    uint64_t hash;
    dossier *now;
    uint32_t published; /* items of the published one */
    bool is_new;
    uint64_t dirty[LIMIT_DOSSIER_ITEMS / 64]; /* items that the group writes */
} pending_dossier;

typedef enum txn_phase { TXN_CLOSED, TXN_OPEN, TXN_READY } txn_phase;

/* Where a chain began: everything behind it can be taken back (txn_chain.c). */
typedef struct txn_chain {
    uint32_t accounts, operations;
    size_t bytes, event_bytes;
    txn_alert_mark alerts;
} txn_chain;

struct txn {
    engine *e;
    txn_phase phase;
    status failed; /* releasing due reservations found no memory: nothing more can be exact */
    bool full;     /* more reservations are due than this group carries */
    policy_moment at;
    overlay profiles, accounts, operations, dossiers, effects;
    /* new things by shard, for reserving their room */
    uint32_t new_subjects[LIMIT_SHARDS], new_accounts[LIMIT_SHARDS], new_operations[LIMIT_SHARDS];
    uint32_t new_operation_count, new_open_count, new_dossiers;
    txn_alerts alerts;
    sweep sweep;        /* where it will be once the group is published */
    bool swept;         /* … which is only then of interest */
    buf state;          /* records of table STATE */
    uint32_t forgotten; /* of the oldest resolved operations, dropped with this group */
    uint32_t moved;     /* operations of version 1 that this group moves */
    uint32_t last_new;  /* operations of the last published group: forgetting keeps pace */
    size_t bytes;       /* encoded size of what is pending */
    size_t event_bytes; /* … of its events, at most */
    uint32_t rules;     /* changes with whatever terms depend on: profiles, policies */
    txn_chain *chain;   /* the chain that is being executed; NULL: none */
    buf undo;           /* its before-images */
    policy_set *policy; /* activated in this group; owned; NULL if none */
    buf policy_changes; /* its records */
    uint32_t policy_newest;
    char directory[33]; /* as in struct engine; "" if the group does not say */
};

/* Encoded sizes of records. */
#define TXN_SUBJECT_BYTES (CHANGE_HEADER + KEY_RECORD + 1 + PROFILE_SIZE)
#define TXN_ITEM_BYTES (CHANGE_HEADER + KEY_ITEM + 1 + ITEM_IMAGE)
#define TXN_ACCOUNT_BYTES (CHANGE_HEADER + KEY_RECORD + 1 + ACCOUNT_IMAGE)
#define TXN_BALANCE_BYTES (CHANGE_HEADER + KEY_BALANCE + 1 + BALANCE_IMAGE)
#define TXN_REMOVAL_BYTES (CHANGE_HEADER + sizeof(operation_id))

/* The moment in seconds, rounded up, as resolved entries carry it. */
static inline uint32_t txn_seconds(const txn *t) { return operation_seconds(t->at.now_ms); }

static inline const policy_set *txn_policy(const txn *t) {
    return t->policy != NULL ? t->policy : atomic_load_explicit(&t->e->policy, memory_order_relaxed);
}

static inline const credit_rules *txn_rules(const txn *t) { return policy_credit(txn_policy(t)); }

/* The profile as of this group, as it was last written; false if the subject is not known. */
bool txn_stored_profile(const txn *t, const subject_id *subject, profile *out);
/* … and as it is on this group's day: what anything is decided by. */
bool txn_profile(const txn *t, const subject_id *subject, profile *out);
/* The dossier as of this group; NULL if there is none. */
const dossier *txn_dossier(const txn *t, const subject_id *subject, uint64_t hash);
/* The same to write to, with room for `more` items, made with its base claim if there is none; `p` is the profile as of
 * this group. NO_MEMORY, CAPACITY, DOSSIER_FULL: nothing is changed. */
status txn_open_dossier(txn *t, const profile *p, uint64_t hash, uint32_t more, pending_dossier **out);
/* Puts an item at a number, at most the dossier's count (which then grows). */
void txn_set_item(txn *t, pending_dossier *d, uint32_t number, const item *i);
static inline void txn_add_item(txn *t, pending_dossier *d, const item *i) { txn_set_item(t, d, d->now->count, i); }
void txn_append_dossiers(const txn *t, buf *to);
/* Publishes profiles, each right after its dossier: in between, readers see the two at odds. */
void txn_publish_profiles(txn *t);
void txn_forget_dossiers(txn *t);

/* txn_effect.c */
void txn_init_effects(txn *t);
/* Counts one use of a benefit by a subject of this division. */
status txn_use(txn *t, unsigned month, unsigned scenario, uint32_t division, unsigned benefit);
void txn_append_effects(const txn *t, buf *to);
void txn_publish_effects(txn *t);

/* sweep.c: for the activation of a set. NO_MEMORY: nothing is changed. */
status sweep_take_back(txn *t, const credit_rules *r);

/* txn_policy.c */
void txn_publish_policies(txn *t);
void txn_abort_policies(txn *t);

/* A profile to write to. `is_new`: not in the store; room for it is made. `before` is what is known of it. */
status txn_open_profile(txn *t, const profile *before, uint64_t hash, bool is_new, pending_profile **out);
/* Both, or neither: who writes to a dossier writes to its profile, if only its version. */
status txn_open_both(txn *t, const profile *before, uint64_t hash, bool is_new, uint32_t more, pending_profile **p,
                     pending_dossier **d);
/* Puts `after` into the group, under the next version. */
void txn_set_profile(pending_profile *p, const profile *after);
/* Derives the profile from claims, dossier and rules as of this group's day. */
void txn_derive(const txn *t, const dossier *d, const profile *stored, profile *out);
void txn_put_key(uint8_t key[KEY_RECORD], uint64_t hash, const subject_id *id);

/* The account as of this group, in the overlay; NULL if there is none. The overlay must have room for one. */
pending_account *txn_account(txn *t, const subject_id *key);
/* Opens it in the overlay, which must have room for one. NULL and a status without room in the store. */
pending_account *txn_open_account(txn *t, const subject_id *key, status *code);
/* Makes a changed account part of the group. With amounts or terms of its own it gets its new version first. */
void txn_touch(txn *t, pending_account *a, account_change how);
void txn_include_account(txn *t, pending_account *a, account_change how);
/* The terms of an account, and where it stands by them; found once a group as long as nothing they depend on changes.
 * OK, or why none apply (then terms are not to be looked at). */
status txn_terms(txn *t, pending_account *a);
const quota *txn_standing(txn *t, pending_account *a);
/* The entry as of this group; NULL if the id is not known. */
const operation_entry *txn_operation(const txn *t, uint64_t hash, const operation_id *id);
/* Puts a reservation's end into the group, and takes it from its account. The overlays must have room for one each. */
void txn_resolve(txn *t, uint64_t hash, const operation_id *reservation, pending_account *a, operation_state state,
                 int64_t committed_fen);

/* Terms found so far no longer count. */
static inline void txn_rules_changed(txn *t) {
    if (++t->rules == 0) t->rules = 1;
}

/* txn_migrate.c: operations of version 1 on their way into the history. */
void txn_append_removed(const txn *t, buf *to);
void txn_append_kept(txn *t, buf *history);
void txn_publish_kept(txn *t);

/* txn_chain.c. Between begin and end or take_back, whoever is about to change a pending account or operation that was
 * in the overlay before the chain keeps it first. keep: false without memory, nothing is kept then. */
void chain_begin(txn *t, txn_chain *chain);
bool chain_keep_account(txn *t, const pending_account *a);
bool chain_keep_operation(txn *t, const pending_operation *p);
void chain_end(txn *t);
void chain_take_back(txn *t);

#endif
