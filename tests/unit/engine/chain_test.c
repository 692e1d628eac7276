/* Chains of linked operations: all or none, and what each entry is told. */
#include "tests/unit/engine_world.h"

enum { MOST = 8 };

typedef struct chain {
    operation ops[MOST];
    operation_result results[MOST];
    size_t n;
} chain;

static operation *link(chain *c, operation op) {
    cr_assert_lt(c->n, MOST);
    if (c->n > 0) c->ops[c->n - 1].flags = OPERATION_LINKED;
    c->ops[c->n] = op;
    return &c->ops[c->n++];
}

static void run(world *w, chain *c) {
    memset(c->results, 0, sizeof c->results);
    txn_operate_all(w->t, c->ops, c->n, c->results);
}

static void expect(const chain *c, const status *codes) {
    for (size_t i = 0; i < c->n; i++)
        cr_assert_eq(c->results[i].status, codes[i], "entry %zu: %s", i, status_name(c->results[i].status));
}

static account account_of(const world *w, uint32_t n) {
    account a;
    subject_id id = help_subject(n);
    cr_assert(engine_account(w->e, &id, PROGRAM_POWER, &a));
    return a;
}

Test(chain, all_are_executed_each_after_the_other) {
    world w;
    world_populate(&w);
    world_begin(&w);
    chain c = {0};
    operation *pledge = link(&c, world_operation(&w, OPERATION_PLEDGE, 1, 500000));
    pledge->instrument = 9;
    pledge->instrument_kind = INSTRUMENT_BOND;
    pledge->to_hour = UINT32_MAX;
    operation *reserve = link(&c, world_operation(&w, OPERATION_RESERVE, 1, 1500000)); /* more than was there */
    operation_id reserved = reserve->id;
    link(&c, world_operation(&w, OPERATION_COMMIT, 1, 1000000))->target = reserved;
    link(&c, world_operation(&w, OPERATION_RESERVE, 2, 7));
    run(&w, &c);
    expect(&c, (status[]){STATUS_OK, STATUS_OK, STATUS_OK, STATUS_OK});
    cr_assert(c.results[1].used_fen == 1500000 && c.results[2].used_fen == 1000000);
    cr_assert(c.results[2].committed_fen == 1000000 && c.results[3].used_fen == 7);
    world_commit(&w);
    account a = account_of(&w, 1);
    cr_assert(a.reserved_fen == 0 && a.committed_fen == 1000000 && a.instrument_count == 2);
    world_restart(&w);
    world_begin(&w);
    chain again = c;
    run(&w, &again);
    cr_assert_arr_eq(again.results, c.results, sizeof c.results);
    world_commit(&w);
    world_close(&w);
}

/* The accounts, the operations and the sizes are as if the chain had not been, but for the answers. */
Test(chain, one_refusal_refuses_all) {
    world w;
    world_populate(&w);
    for (size_t bad = 0; bad < 4; bad++) {
        world_begin(&w);
        operation_id open = world_reserve(&w, 1, 100, 0); /* pending before the chain, and changed in it */
        account before = {0};
        chain c = {0};
        link(&c, world_operation(&w, OPERATION_RESERVE, 1, 10));
        link(&c, world_operation(&w, OPERATION_RELEASE, 1, 0))->target = open;
        operation *energy = link(&c, world_operation(&w, OPERATION_ENERGY, 7, 5)); /* would open an account */
        energy->energy.retail_2m_mwh = 1;
        link(&c, world_operation(&w, OPERATION_RESERVE, 2, 20));
        c.ops[bad].subject = help_subject(99); /* unknown */
        run(&w, &c);
        status codes[4];
        for (size_t i = 0; i < 4; i++) codes[i] = i == bad ? STATUS_UNKNOWN_SUBJECT : STATUS_LINKED_FAILED;
        if (bad == 1) codes[1] = STATUS_UNKNOWN_SUBJECT;
        expect(&c, codes);
        operation_entry entry;
        cr_assert_eq(txn_outcome(w.t, &open, &entry), STATUS_OK);
        cr_assert_eq(entry.state, OPERATION_OPEN);
        for (size_t i = 0; i < 4; i++)
            cr_assert_eq(txn_outcome(w.t, &c.ops[i].id, &entry), STATUS_OK, "answers are kept");
        world_commit(&w); /* checks the sizes and every invariant */
        before = account_of(&w, 1);
        cr_assert_eq(before.reserved_fen, 100 * (int64_t)(bad + 1));
        cr_assert_eq(account_of(&w, 2).reserved_fen, 0);
        account none;
        subject_id seven = help_subject(7);
        cr_assert_not(engine_account(w.e, &seven, PROGRAM_POWER, &none));
        world_begin(&w);
        chain late = c;
        run(&w, &late);
        expect(&late, codes);
        world_commit(&w);
    }
    world_restart(&w);
    world_close(&w);
}

Test(chain, an_end_is_needed_and_ids_are_single) {
    world w;
    world_populate(&w);
    world_begin(&w);
    chain c = {0};
    link(&c, world_operation(&w, OPERATION_RESERVE, 1, 10));
    link(&c, world_operation(&w, OPERATION_RESERVE, 1, 10))->flags = OPERATION_LINKED;
    run(&w, &c);
    expect(&c, (status[]){STATUS_LINKED_FAILED, STATUS_LINKED_OPEN});
    chain alone = {0};
    link(&alone, world_operation(&w, OPERATION_RESERVE, 1, 10))->flags = OPERATION_LINKED;
    run(&w, &alone);
    expect(&alone, (status[]){STATUS_LINKED_OPEN});
    chain twice = {0};
    link(&twice, world_operation(&w, OPERATION_RESERVE, 1, 10));
    link(&twice, twice.ops[0])->flags = 0;
    twice.ops[1].amount_fen = 11;
    run(&w, &twice);
    expect(&twice, (status[]){STATUS_LINKED_FAILED, STATUS_OPERATION_REUSED});
    world_commit(&w);
    cr_assert_eq(account_of(&w, 1).reserved_fen, 0);
    world_close(&w);
}

Test(chain, some_known_ids_refuse_the_others) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation first = world_operation(&w, OPERATION_RESERVE, 1, 10);
    first.flags = 0;
    cr_assert_eq(world_operate(&w, &first).status, STATUS_OK);
    chain c = {0};
    link(&c, world_operation(&w, OPERATION_RESERVE, 1, 20));
    link(&c, first);
    run(&w, &c);
    expect(&c, (status[]){STATUS_LINKED_FAILED, STATUS_OK});
    cr_assert_eq(c.results[1].amount_fen, 10, "its first answer");
    chain other = {0};
    link(&other, world_operation(&w, OPERATION_RESERVE, 1, 20));
    link(&other, first)->amount_fen = 11;
    run(&w, &other);
    expect(&other, (status[]){STATUS_LINKED_FAILED, STATUS_OPERATION_REUSED});
    world_commit(&w);
    cr_assert_eq(account_of(&w, 1).reserved_fen, 10);
    world_close(&w);
}

Test(chain, malformed_entries_fail_it_and_are_not_kept) {
    world w;
    world_populate(&w);
    world_begin(&w);
    chain c = {0};
    link(&c, world_operation(&w, OPERATION_RESERVE, 1, 10));
    operation *bad = link(&c, world_operation(&w, OPERATION_RESERVE, 1, 10));
    bad->to_hour = 1;
    link(&c, world_operation(&w, OPERATION_RESERVE, 1, 10));
    run(&w, &c);
    expect(&c, (status[]){STATUS_LINKED_FAILED, STATUS_BAD_ENTRY, STATUS_LINKED_FAILED});
    operation_entry entry;
    cr_assert_eq(txn_outcome(w.t, &bad->id, &entry), STATUS_UNKNOWN_OPERATION);
    cr_assert_eq(txn_outcome(w.t, &c.ops[2].id, &entry), STATUS_OK);
    /* what a decoder has refused already */
    chain d = {0};
    link(&d, world_operation(&w, OPERATION_RESERVE, 1, 10));
    link(&d, world_operation(&w, OPERATION_RESERVE, 1, 10));
    memset(d.results, 0, sizeof d.results);
    d.results[1].status = STATUS_BAD_ENTRY;
    txn_operate_all(w.t, d.ops, d.n, d.results);
    expect(&d, (status[]){STATUS_LINKED_FAILED, STATUS_BAD_ENTRY});
    world_commit(&w);
    cr_assert_eq(account_of(&w, 1).reserved_fen, 0);
    world_close(&w);
}

Test(chain, single_operations_and_chains_share_a_request) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation ops[5];
    for (unsigned i = 0; i < 5; i++) ops[i] = world_operation(&w, OPERATION_RESERVE, 1, 1 << i);
    ops[1].flags = OPERATION_LINKED;
    ops[2].amount_fen = INT64_C(100000000); /* too much */
    operation_result results[5] = {0};
    txn_operate_all(w.t, ops, 5, results);
    const status codes[] = {STATUS_OK, STATUS_LINKED_FAILED, STATUS_LIMIT_EXCEEDED, STATUS_OK, STATUS_OK};
    for (unsigned i = 0; i < 5; i++) cr_assert_eq(results[i].status, codes[i], "entry %u", i);
    cr_assert_eq(results[2].violations, VIOLATION_LIMIT_EXCEEDED);
    cr_assert_eq(results[2].used_fen, 1, "where the account stands, without the chain");
    world_commit(&w);
    cr_assert_eq(account_of(&w, 1).reserved_fen, 1 + 8 + 16);
    world_close(&w);
}
