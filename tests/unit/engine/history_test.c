/* Events as bytes, and an account's history that adds up. */
#include "tests/unit/engine_world.h"

#include "engine/operate.h"

static operation_entry an_entry(bool open) {
    operation_entry e = {.request = {.id = world_id(77),
                                     .subject = help_subject(3),
                                     .program = PROGRAM_POWER,
                                     .kind = OPERATION_RESERVE,
                                     .amount_fen = 5},
                         .at_ms = WORLD_START + 1,
                         .amount_fen = 5,
                         .limit_fen = 100,
                         .used_fen = 7,
                         .committed_fen = 2,
                         .account_version = 12,
                         .life_ms = 1000,
                         .state = open ? OPERATION_OPEN : OPERATION_EXPIRED};
    if (!open) {
        e.resolved_s = operation_seconds(WORLD_START + 1001);
        e.resolved_version = 14;
    }
    return e;
}

Test(history, events_come_back) {
    buf b = {0};
    operation_entry open = an_entry(true), ended = an_entry(false), refused = an_entry(true);
    refused.state = OPERATION_FINAL;
    refused.status = STATUS_LIMIT_EXCEEDED;
    refused.violations = VIOLATION_LIMIT_EXCEEDED | VIOLATION_FROZEN;
    refused.amount_fen = 0;
    refused.life_ms = 0;
    history_begin(&b, 41);
    size_t ends[5] = {b.size};
    history_add_operation(&b, &open);
    ends[1] = b.size;
    history_add_operation(&b, &refused);
    ends[2] = b.size;
    history_add_expiry(&b, &open.request.id, 13, WORLD_START + 1001);
    ends[3] = b.size;
    history_add_kept(&b, &ended);
    cr_assert_leq(ends[1] - ends[0], HISTORY_OPERATION_BYTES / 2, "trades are packed");
    uint64_t previous;
    size_t at;
    history_event v;
    cr_assert_eq(history_head(b.data, b.size, &at, &previous), STATUS_OK);
    cr_assert_eq(previous, 41);
    cr_assert_eq(history_next(b.data, b.size, &at, &v), STATUS_OK);
    cr_assert(v.kind == HISTORY_OPERATION && memcmp(&v.entry, &open, sizeof open) == 0);
    cr_assert_eq(history_next(b.data, b.size, &at, &v), STATUS_OK);
    refused.resolved_s = operation_seconds(refused.at_ms);
    cr_assert(v.kind == HISTORY_OPERATION && memcmp(&v.entry, &refused, sizeof refused) == 0);
    cr_assert_eq(history_next(b.data, b.size, &at, &v), STATUS_OK);
    cr_assert(v.kind == HISTORY_EXPIRY && v.account_version == 13 && v.at_ms == WORLD_START + 1001);
    cr_assert_eq(memcmp(&v.reservation, &open.request.id, sizeof v.reservation), 0);
    cr_assert_eq(history_next(b.data, b.size, &at, &v), STATUS_OK);
    cr_assert(v.kind == HISTORY_KEPT && memcmp(&v.entry, &ended, sizeof ended) == 0);
    cr_assert_eq(history_next(b.data, b.size, &at, &v), STATUS_END);
    for (size_t cut = 0; cut < b.size; cut++) { /* an end between events is the checksum's to find */
        status s = history_head(b.data, cut, &at, &previous);
        while (s == STATUS_OK) s = history_next(b.data, cut, &at, &v);
        bool between = false;
        for (size_t i = 0; i < 4; i++) between |= cut == ends[i];
        cr_assert_eq(s, between ? STATUS_END : STATUS_CORRUPT, "cut to %zu", cut);
    }
    at = HISTORY_HEAD;
    b.data[at] = 5;
    cr_assert_eq(history_next(b.data, b.size, &at, &v), STATUS_CORRUPT);
    buf_deinit(&b);
}

static int64_t some_amount(uint64_t *seed) {
    int64_t v = (int64_t)(help_random(seed) >> (12 + help_below(seed, 52)));
    return v > LIMIT_AMOUNT_FEN ? LIMIT_AMOUNT_FEN : v;
}

/* Whatever a trade can be, packed and back; and no number of bits changed in it is taken for something invalid. */
Test(history, trades_are_packed_without_loss) {
    uint64_t seed = help_seed("history");
    for (unsigned i = 0; i < 20000; i++) {
        unsigned kind = OPERATION_RESERVE + (unsigned)help_below(&seed, 4);
        bool refused = help_below(&seed, 3) == 0, open = kind == OPERATION_RESERVE && !refused;
        operation_entry e = {.request = {.id = world_id(1 + help_random(&seed)),
                                         .subject = help_subject(3),
                                         .program = (uint8_t)(refused ? help_random(&seed) : 1 + help_below(&seed, 15)),
                                         .kind = (uint8_t)kind,
                                         .flags = (uint8_t)help_below(&seed, 2),
                                         .amount_fen = kind == OPERATION_RELEASE ? 0 : some_amount(&seed)},
                             .at_ms = (int64_t)(help_random(&seed) >> 20),
                             .account_version = (uint32_t)(help_random(&seed) >> 33),
                             .limit_fen = some_amount(&seed),
                             .warning = (uint8_t)help_below(&seed, 4),
                             .flags = (uint8_t)help_below(&seed, 64)};
        e.committed_fen = some_amount(&seed);
        e.used_fen = e.committed_fen + some_amount(&seed);
        if (kind == OPERATION_RESERVE) e.request.ttl_ms = (uint32_t)(help_random(&seed) >> 40 << help_below(&seed, 8));
        if (kind == OPERATION_COMMIT || kind == OPERATION_RELEASE) e.request.target = world_id(help_random(&seed));
        if (open && e.request.amount_fen == 0) e.request.amount_fen = 1;
        if (refused) e.status = help_below(&seed, 2) == 0 ? STATUS_LIMIT_EXCEEDED : STATUS_LINKED_FAILED;
        if (refused && kind == OPERATION_RESERVE) e.violations = (uint16_t)help_below(&seed, VIOLATIONS_ALL + 1);
        if (!refused) e.amount_fen = open ? e.request.amount_fen : some_amount(&seed);
        e.life_ms = !open ? 0 : e.request.ttl_ms != 0 && help_below(&seed, 2) == 0 ? e.request.ttl_ms : 300000;
        e.state = open ? OPERATION_OPEN : OPERATION_FINAL;
        e.resolved_s = open ? 0 : operation_seconds(e.at_ms);
        buf b = {0};
        history_event v;
        size_t at = 0;
        history_add_operation(&b, &e);
        cr_assert_leq(b.size, HISTORY_OPERATION_BYTES);
        cr_assert_eq(history_next(b.data, b.size, &at, &v), STATUS_OK, "entry %u", i);
        cr_assert(at == b.size && v.kind == HISTORY_OPERATION);
        cr_assert_eq(memcmp(&v.entry, &e, sizeof e), 0, "entry %u", i);
        b.data[help_below(&seed, b.size)] ^= (uint8_t)(1 + help_below(&seed, 255));
        at = 0;
        if (history_next(b.data, b.size, &at, &v) == STATUS_OK && v.kind == HISTORY_OPERATION)
            cr_assert(operation_entry_check(&v.entry));
        buf_deinit(&b);
    }
}

typedef struct told {
    account_event events[LIMIT_HISTORY_EVENTS];
    size_t n;
    bool more;
} told;

static void ask(const world *w, uint32_t n, uint32_t before, size_t max, told *t) {
    subject_id id = help_subject(n);
    cr_assert_eq(engine_history(w->e, &id, PROGRAM_POWER, before, max, t->events, &t->n, &t->more), STATUS_OK);
}

/* A line of balances follows from the line before. */
static void expect_adds_up(const told *t) {
    for (size_t i = 0; i < t->n; i++) {
        const account_event *v = &t->events[i];
        int64_t reserved = v->reserved_fen - v->reserved_before_fen;
        int64_t committed = v->committed_fen - v->committed_before_fen;
        if (i > 0) {
            cr_assert_eq(v->version, v[-1].version + 1);
            cr_assert(v->reserved_before_fen == v[-1].reserved_fen && v->committed_before_fen == v[-1].committed_fen);
            cr_assert_geq(v->at_ms, v[-1].at_ms);
        }
        if (v->expiry) {
            cr_assert(reserved == -v->amount_fen && committed == 0);
            continue;
        }
        switch (v->entry.request.kind) {
        case OPERATION_RESERVE: cr_assert(reserved == v->amount_fen && committed == 0); break;
        case OPERATION_SETTLE: cr_assert(reserved == 0 && committed == -v->amount_fen); break;
        case OPERATION_RELEASE: cr_assert(reserved == -v->amount_fen && committed == 0); break;
        case OPERATION_COMMIT: cr_assert(committed == v->amount_fen && reserved <= -v->amount_fen); break;
        default: cr_assert(reserved == 0 && committed == 0);
        }
    }
}

Test(history, balances_add_up_over_everything_that_happens) {
    world w;
    world_populate(&w);
    static told t;
    for (unsigned group = 0; group < 30; group++) {
        w.now_ms += 4000;
        world_begin(&w);
        operation_id a = world_reserve(&w, 1, 1000 + group, 60000), b = world_reserve(&w, 1, 50, 5000);
        (void)world_do(&w, OPERATION_RESERVE, 1, INT64_C(900000000)); /* refused: no event */
        if (group % 3 == 0) (void)world_resolve(&w, OPERATION_COMMIT, 1, 600, a);
        if (group % 4 == 0) (void)world_resolve(&w, OPERATION_RELEASE, 1, 0, b);
        if (group % 5 == 4) (void)world_do(&w, OPERATION_SETTLE, 1, 300);
        if (group % 7 == 0) (void)world_pledge(&w, 1, 100 + group, 5, UINT32_MAX);
        world_commit(&w);
        if (group == 15) world_restart(&w);
    }
    ask(&w, 1, 0, LIMIT_HISTORY_EVENTS, &t);
    cr_assert_not(t.more);
    expect_adds_up(&t);
    size_t expiries = 0;
    for (size_t i = 0; i < t.n; i++) expiries += t.events[i].expiry;
    cr_assert_geq(expiries, 20);
    cr_assert_eq(t.events[0].reserved_before_fen, 0);
    account x;
    subject_id id = help_subject(1);
    cr_assert(engine_account(w.e, &id, PROGRAM_POWER, &x));
    const account_event *last = &t.events[t.n - 1];
    cr_assert(last->reserved_fen == x.reserved_fen && last->committed_fen == x.committed_fen);
    cr_assert_eq(last->version, x.seq >> 1);
    /* in pages, from the newest */
    static told page;
    size_t seen = 0;
    for (uint32_t before = 0;; before = page.events[0].version) {
        ask(&w, 1, before, 7, &page);
        if (page.n == 0) break;
        expect_adds_up(&page);
        seen += page.n;
        cr_assert_eq(page.events[page.n - 1].version, t.events[t.n - 1 - (seen - page.n)].version);
        if (!page.more) break;
    }
    cr_assert_eq(seen, t.n);
    world_close(&w);
}

Test(history, what_is_forgotten_is_not_told) {
    world w = {.e = world_engine(60000), .now_ms = WORLD_START, .next_id = 1};
    static told t;
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
    cr_assert_eq(world_pledge(&w, 1, 1, 1000000, UINT32_MAX).status, STATUS_OK);
    world_commit(&w);
    for (unsigned i = 0; i < 200; i++) {
        w.now_ms += 1000;
        world_begin(&w);
        operation_id a = world_reserve(&w, 1, 10, 3000);
        if (i % 2 == 0) (void)world_resolve(&w, OPERATION_COMMIT, 1, 0, a);
        world_commit(&w);
        ask(&w, 1, 0, LIMIT_HISTORY_EVENTS, &t);
        expect_adds_up(&t);
        cr_assert_gt(t.n, 0);
    }
    cr_assert(t.more || t.events[0].version > 1, "the oldest are gone");
    cr_assert_lt(t.n, 200);
    world_close(&w);
}

Test(history, asking_for_what_is_not_there) {
    world w;
    world_populate(&w);
    static told t;
    subject_id id = help_subject(99), seven = help_subject(7), one = help_subject(1);
    cr_assert_eq(engine_history(w.e, &id, 1, 0, 10, t.events, &t.n, &t.more), STATUS_UNKNOWN_SUBJECT);
    cr_assert_eq(engine_history(w.e, &one, 0, 0, 10, t.events, &t.n, &t.more), STATUS_UNKNOWN_PROGRAM);
    cr_assert_eq(engine_history(w.e, &seven, 1, 0, 10, t.events, &t.n, &t.more), STATUS_NO_ACCOUNT);
    ask(&w, 1, 1, 10, &t);
    cr_assert(t.n == 0 && !t.more, "nothing before the first version");
    world_close(&w);
}
