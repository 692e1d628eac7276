/* An operation meets some eight cache misses, each of which leads to the next: index and record of the profile, of the
 * account, of its own id and of the reservation it ends. One operation at a time, the processor waits for all of them;
 * here the misses of many run together. What is read is thrown away: the lines are in the caches now. */
#include "base/purpose.h"
#include "engine/txn_internal.h"

#define PASS 64u
#define WORTH_IT 4u /* fewer misses than this hide nothing */

static bool has_target(const operation *op) { return op->kind == OPERATION_COMMIT || op->kind == OPERATION_RELEASE; }

static void prefetch_pass(const txn *t, const operation *const *ops, size_t n) {
    const operations *known = &t->e->operations;
    uint64_t targets[PASS];
    subject_id keys[PASS];
    profile profiles[PASS];
    account accounts[PASS];
    bool found[PASS];
    for (size_t i = 0; i < n; i++) {
        operations_prefetch(known, operations_hash(known, &ops[i]->id));
        if (!has_target(ops[i])) continue;
        targets[i] = operations_hash(known, &ops[i]->target);
        operations_prefetch(known, targets[i]);
    }
    for (size_t i = 0; i < n; i++) keys[i] = ops[i]->subject;
    (void)store_read_batch(t->e->subjects, keys, sizeof *keys, n, profiles, sizeof *profiles, found);
    for (size_t i = 0; i < n; i++) {
        bool possible = ops[i]->program >= 1 && ops[i]->program <= PROGRAM_MAX;
        keys[i] = possible ? account_key(&ops[i]->subject, ops[i]->program) : (subject_id){{0}};
    }
    (void)store_read_batch(t->e->accounts, keys, sizeof *keys, n, accounts, sizeof *accounts, found);
    for (size_t i = 0; i < n; i++)
        if (has_target(ops[i])) operations_prefetch_entry(known, targets[i]);
}

void txn_prefetch(const txn *t, const operation *const *ops, size_t n) {
    if (n < WORTH_IT) return;
    for (size_t done = 0; done < n; done += PASS) prefetch_pass(t, ops + done, n - done < PASS ? n - done : PASS);
}
