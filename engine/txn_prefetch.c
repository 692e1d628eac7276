/* An operation meets some eight cache misses, each of which leads to the next: index and record of the profile, of the
 * account, of its own id and of the reservation it ends. One operation at a time, the processor waits for all of them;
 * here the misses of many run together. */
#include "base/purpose.h"
#include "engine/txn_internal.h"

#define PASS 64u
#define WORTH_IT 4u /* fewer misses than this hide nothing */

static bool has_target(const operation *op) { return op->kind == OPERATION_COMMIT || op->kind == OPERATION_RELEASE; }

/* An account that is in the group already is at hand, and so are its terms. */
static bool at_hand(const txn *t, const subject_id *key) {
    return t->accounts.count > 0 && overlay_find(&t->accounts, store_hash(t->e->accounts, key), key) != NULL;
}

static void prefetch_pass(const txn *t, const operation *const *ops, size_t n) {
    const operations *known = &t->e->operations;
    uint64_t targets[PASS];
    subject_id subjects[PASS], keys[PASS];
    size_t wanted = 0;
    for (size_t i = 0; i < n; i++) {
        operations_prefetch(known, operations_hash(known, &ops[i]->id));
        if (has_target(ops[i])) {
            targets[i] = operations_hash(known, &ops[i]->target);
            operations_prefetch(known, targets[i]);
        }
        if (ops[i]->program < 1 || ops[i]->program > PROGRAM_MAX) continue;
        keys[wanted] = account_key(&ops[i]->subject, ops[i]->program);
        if (at_hand(t, &keys[wanted])) continue;
        subjects[wanted++] = ops[i]->subject;
    }
    if (wanted > 0) {
        store_prefetch(t->e->subjects, subjects, wanted);
        store_prefetch(t->e->accounts, keys, wanted);
    }
    for (size_t i = 0; i < n; i++)
        if (has_target(ops[i])) operations_prefetch_entry(known, targets[i]);
}

void txn_prefetch(const txn *t, const operation *const *ops, size_t n) {
    if (n < WORTH_IT) return;
    for (size_t done = 0; done < n; done += PASS) prefetch_pass(t, ops + done, n - done < PASS ? n - done : PASS);
}
