/* Taking back a chain: what was added behind its beginning is dropped from the ends of the overlays, what was there
 * before and was changed gets its before-image back. Room that was acquired in the stores stays, which costs nothing.
 * Memory of the before-images is kept from group to group. */
#include "base/check.h"
#include "engine/txn_internal.h"

#include <string.h>

typedef struct before_image {
    uint32_t index;
    bool is_account;
    union {
        pending_account account;
        pending_operation operation;
    };
} before_image;

void chain_begin(txn *t, txn_chain *chain) {
    CHECK(t->chain == NULL);
    *chain = (txn_chain){.accounts = t->accounts.count,
                         .operations = t->operations.count,
                         .bytes = t->bytes,
                         .event_bytes = t->event_bytes,
                         .alerts = txn_alert_begin_chain(t)};
    buf_clear(&t->undo);
    t->chain = chain;
}

static bool keep(txn *t, const before_image *before) {
    if (buf_reserve(&t->undo, sizeof *before) == NULL) {
        t->undo.failed = false;
        return false;
    }
    buf_append(&t->undo, before, sizeof *before);
    return true;
}

bool chain_keep_account(txn *t, const pending_account *a) {
    if (t->chain == NULL) return true;
    before_image before = {.index = overlay_index(&t->accounts, a), .is_account = true};
    if (before.index >= t->chain->accounts) return true;
    before.account = *a;
    return keep(t, &before);
}

bool chain_keep_operation(txn *t, const pending_operation *p) {
    if (t->chain == NULL) return true;
    before_image before = {.index = overlay_index(&t->operations, p)};
    if (before.index >= t->chain->operations) return true;
    before.operation = *p;
    return keep(t, &before);
}

void chain_end(txn *t) {
    CHECK(t->chain != NULL);
    t->chain = NULL;
}

static void drop_operation(txn *t) {
    const pending_operation *p = overlay_at(&t->operations, t->operations.count - 1);
    if (p->ref == OPERATIONS_NONE) {
        t->new_operations[operations_shard_of(p->hash)]--;
        t->new_operation_count--;
        t->new_open_count -= p->now.life_ms != 0;
    }
    overlay_drop_last(&t->operations);
}

static void drop_account(txn *t) {
    const pending_account *a = overlay_at(&t->accounts, t->accounts.count - 1);
    if (a->is_new) t->new_accounts[store_shard_of(a->hash)]--;
    overlay_drop_last(&t->accounts);
}

/* In reverse, so that the earliest image of a thing is the last to be put back. */
static void put_back(txn *t) {
    for (size_t at = t->undo.size; at > 0;) {
        before_image before;
        at -= sizeof before;
        memcpy(&before, t->undo.data + at, sizeof before);
        if (before.is_account)
            *(pending_account *)overlay_at(&t->accounts, before.index) = before.account;
        else
            *(pending_operation *)overlay_at(&t->operations, before.index) = before.operation;
    }
    buf_clear(&t->undo);
}

void chain_take_back(txn *t) {
    const txn_chain *chain = t->chain;
    CHECK(chain != NULL);
    put_back(t);
    while (t->operations.count > chain->operations) drop_operation(t);
    while (t->accounts.count > chain->accounts) drop_account(t);
    t->bytes = chain->bytes;
    t->event_bytes = chain->event_bytes;
    txn_alert_take_back(t, &chain->alerts);
    t->chain = NULL;
}
