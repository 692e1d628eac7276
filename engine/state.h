/* What engine.c, engine_check.c and the transactions share: the engine's parts and the images of its records. Private
 * to the engine. */
#ifndef XINYI_ENGINE_STATE_H
#define XINYI_ENGINE_STATE_H

#include "base/buf.h"
#include "engine/clock_mark.h"
#include "engine/engine.h"
#include "engine/operations.h"
#include "engine/overlay.h"

#include <stdatomic.h>

/* Where the sweep is (sweep.c). */
typedef struct sweep {
    bool everybody;          /* all profiles are derived again by the rules of `wanted` */
    bool rests;              /* nothing is left to do on `day` */
    int32_t day;             /* the day the walk is for */
    uint32_t place;          /* dossiers: next to look at */
    store_cursor cursor;     /* everybody: where to go on */
    uint64_t wanted;         /* hash of the rules of the walk under way */
    uint64_t evaluated_with; /* hash of the rules by which everybody was derived; durable */
    uint64_t done, total, changed;
} sweep;

struct engine {
    store *subjects, *accounts;
    _Atomic(policy_set *) policy; /* never NULL */
    _Atomic(policy_set *) shadow; /* a candidate on live traffic; NULL: none */
    operations operations;
    dossiers *dossiers;
    sweep sweep;
    int64_t operations_kept_ms;
    alerts *alerts;
    store_cursor watch;    /* where the walk for alerts is (txn_alert.c) */
    uint64_t history_last; /* number of the last group that has events; 0 none */
    overlay kept;          /* ids of operations that are stored as in version 1, and have to be moved (engine_load.c) */
    overlay moved;         /* while loading: ids of version 1 that the history tells; in no account's chain */
    uint32_t kept_moved;   /* how many of them are moved */
    uint32_t policy_newest;  /* the newest version that is stored, whether it compiles or not */
    policy_archive *archive; /* of every set that was active */
    effects *effects;
    clock_mark clock;   /* as recovered */
    char trouble[256];  /* why recovery failed; "" if it did not, or its status says it all */
    char directory[33]; /* hash of the policy directory when it was last looked at; "" never */
};

/* First byte of each table's values. */
#define IMAGE_SUBJECT 1
#define IMAGE_ACCOUNT 2
#define IMAGE_ACCOUNT_1 1 /* of earlier data: what is new is zero there */
#define IMAGE_BALANCE 1
#define IMAGE_OPERATION_1 1
#define IMAGE_ALERT 1
#define IMAGE_POLICIES 2
#define IMAGE_POLICIES_1 1 /* of earlier data */
#define IMAGE_ITEM 1
#define IMAGE_EVALUATED 1

/* Keys of table STATE. */
#define STATE_EVALUATED "evaluated"        /* value: image version, u64 hash */
#define STATE_DIRECTORY "policy_directory" /* value: image version, 32 hex digits */

#define KEY_RECORD (1 + sizeof(subject_id)) /* shard and id: subjects and accounts */
#define KEY_BALANCE (KEY_RECORD + 1)        /* … and a byte 1: an account's balance */
#define KEY_ITEM (KEY_RECORD + 4)           /* and the item's number, big-endian */

/* The value of a POLICIES record: image version, i64 moment of activation, u32 version that is brought back, u16 count,
 * then per file u16 name length, name, u32 text length, text. Version 1 has neither moment nor rollback. */
typedef struct policy_image {
    int64_t activated_ms; /* 0: not known */
    uint32_t rollback_of; /* 0: new texts */
    const policy_file *files;
    size_t count;
} policy_image;
/* TOO_LARGE over LIMIT_RECORD_BYTES, NO_MEMORY: nothing is appended. */
status policy_image_encode(buf *to, const policy_image *image) MUST_CHECK;
/* The names and the array of files are `memory`'s, the texts lie in `value`. CORRUPT, NO_MEMORY. */
status policy_image_decode(const uint8_t *value, size_t length, buf *memory, policy_image *out) MUST_CHECK;

/* Recovery (txn_policy.c). */
status engine_apply_policies(engine *e, const change *record) MUST_CHECK;
bool engine_is_directory(const change *record);
status engine_apply_directory(engine *e, const change *record) MUST_CHECK;
/* Compiles the newest stored set and makes it the active one. POLICY_INVALID, NO_MEMORY. */
status engine_compile_stored(engine *e) MUST_CHECK;

/* Recovery (engine_load.c): the history, the operations of version 1, and the chain of operations of each account. */
status engine_apply_history(engine *e, const change *record) MUST_CHECK;
status engine_apply_operation(engine *e, const change *record) MUST_CHECK;
status engine_link_operations(engine *e) MUST_CHECK; /* NO_MEMORY */

/* The profile of a dossier is published: when has the sweep to look at it again? */
void sweep_note(engine *e, uint32_t side, const profile *p, const credit_rules *r, int32_t day);
/* Rules are active: whoever was derived by others is derived again. */
void sweep_rules(engine *e, const credit_rules *r);
/* Recovery: the dossiers find their profiles. CORRUPT with one sentence, NO_MEMORY. */
status engine_attach_dossiers(engine *e, char *problem, size_t room) MUST_CHECK;

/* Every open reservation belongs to an account, and each account's reserved_fen and open_reservations are the sum and
 * the number of its open reservations. NO_MEMORY, or CORRUPT with one sentence. */
status engine_check_ledger(const engine *e, char *problem, size_t room) MUST_CHECK;

#endif
