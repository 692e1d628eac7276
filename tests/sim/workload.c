/* What clients ask for: mostly sensible trades, at the edges of limits, and now and then nonsense. The book tells what
 * there is to refer to. */
#include "tests/sim/clients.h"

#include "base/purpose.h"
#include "tests/sim/rules.h"

static uint32_t below(clients *c, uint32_t n) { return sim_below(c->clock, n); }
static bool one_in(clients *c, uint32_t n) { return sim_one_in(c->clock, n); }

static int64_t any_amount(clients *c) {
    static const int64_t odd[] = {0, -1, INT64_MIN, INT64_MAX, LIMIT_AMOUNT_FEN, LIMIT_AMOUNT_FEN + 1, 1};
    if (one_in(c, 40)) return odd[below(c, sizeof odd / sizeof *odd)];
    return 1 + below(c, one_in(c, 4) ? 500000 : 40000);
}

static const execution *any_reservation(clients *c) {
    const book *b = c->book;
    if (b->count == 0) return NULL;
    uint32_t window = b->count < 60 ? b->count : 60, from = b->count - window;
    for (int tries = 0; tries < 8; tries++) {
        const execution *e = &b->list[from + below(c, window)];
        if (e->op.kind == OPERATION_RESERVE && (e->state == OPERATION_OPEN || one_in(c, 6))) return e;
    }
    return NULL;
}

static void fill_target(clients *c, operation *op) {
    const execution *e = any_reservation(c);
    op->target = book_id(1 + below(c, (uint32_t)c->next_id));
    if (e == NULL) return;
    op->target = e->op.id;
    if (!one_in(c, 25)) {
        op->subject = e->op.subject;
        op->program = e->op.program;
    }
    if (op->kind != OPERATION_COMMIT || one_in(c, 2)) return;
    bool small = e->op.amount_fen > 0 && e->op.amount_fen < UINT32_MAX;
    op->amount_fen = one_in(c, 8) || !small ? e->op.amount_fen : 1 + below(c, (uint32_t)e->op.amount_fen);
    if (one_in(c, 8) && small) op->amount_fen = e->op.amount_fen + 1;
}

static void fill_instrument(clients *c, operation *op) {
    uint32_t hour = (uint32_t)(c->clock->wall_ms / 3600000);
    op->instrument = below(c, 30) == 0 ? 0 : 1 + below(c, 14);
    if (op->kind == OPERATION_WITHDRAW) return;
    op->amount_fen = one_in(c, 20) ? any_amount(c) : 50000 + below(c, 1000000);
    op->to_hour = one_in(c, 3) ? UINT32_MAX : hour + (one_in(c, 20) ? 0 : 1 + below(c, 80));
    if (op->kind == OPERATION_PLEDGE) op->instrument_kind = (uint8_t)(one_in(c, 40) ? 9 : 1 + below(c, 3));
    if (one_in(c, 6)) op->from_hour = hour - 2 + below(c, 5);
    if (op->kind != OPERATION_AMEND) return;
    if (one_in(c, 3)) op->amount_fen = 0;
    if (one_in(c, 2)) op->to_hour = 0;
}

static int64_t committed_of(const clients *c, uint32_t n, unsigned program) {
    return n < SIM_SUBJECTS && program >= 1 && program <= SIM_PROGRAMS ? c->book->accounts[n][program - 1].committed
                                                                       : 0;
}

static operation any_operation(clients *c) {
    static const uint8_t kinds[] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7, 8, 8, 9, 10, 10};
    uint32_t n = one_in(c, 40) ? SIM_SUBJECTS + 1 : below(c, SIM_SUBJECTS);
    operation op = {.id = book_id(c->next_id++),
                    .subject = help_subject(n),
                    .program = (uint8_t)(one_in(c, 50)  ? 3 * below(c, 6)
                                         : one_in(c, 4) ? 2
                                                        : 1),
                    .kind = kinds[below(c, sizeof kinds)]};
    switch (op.kind) {
    case OPERATION_RESERVE:
        op.amount_fen = any_amount(c);
        op.ttl_ms = one_in(c, 3) ? 0 : one_in(c, 30) ? 3600001 : 1 + below(c, 20000);
        break;
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: fill_target(c, &op); break;
    case OPERATION_SETTLE:
        op.amount_fen = any_amount(c);
        if (one_in(c, 2)) op.amount_fen = committed_of(c, n, op.program) / (1 + below(c, 2)) + below(c, 2);
        break;
    case OPERATION_ENERGY:
        op.amount_fen = one_in(c, 3) ? 0 : below(c, 400);
        op.energy.wholesale_2m_mwh = below(c, 60);
        op.energy.retail_2m_mwh = one_in(c, 30) ? -1 : (int64_t)below(c, 60);
        break;
    case OPERATION_FREEZE: snprintf((char *)op.reference, sizeof op.reference, "case %u", below(c, 100)); break;
    case OPERATION_UNFREEZE: break;
    default:
        if (op.kind == OPERATION_PLEDGE && one_in(c, 3)) op.subject = help_subject(0); /* one account that is full */
        fill_instrument(c, &op);
        break;
    }
    if (one_in(c, 80)) op.flags = (uint8_t)(1 + below(c, 3)); /* a chain that does not end, or a flag of nobody */
    return op;
}

/* Reserve and take it at once, perhaps settle it too; or any operations. */
static void any_chain(clients *c, request *r) {
    r->count = 2 + below(c, REQUEST_MOST - 2);
    for (unsigned i = 0; i < r->count; i++) {
        operation *op = &r->operations[i];
        *op = any_operation(c);
        const operation *before = i > 0 ? op - 1 : NULL;
        if (before != NULL && before->kind == OPERATION_RESERVE && !one_in(c, 4)) {
            *op = (operation){.id = op->id,
                              .subject = before->subject,
                              .program = before->program,
                              .kind = one_in(c, 3) ? OPERATION_RELEASE : OPERATION_COMMIT};
            op->target = before->id;
        }
        op->flags = i + 1 < r->count ? OPERATION_LINKED : 0;
    }
    if (one_in(c, 20)) r->operations[r->count - 1].flags = OPERATION_LINKED;
}

static void any_operations(clients *c, request *r) {
    r->kind = ASK_OPERATE;
    if (one_in(c, 4)) {
        any_chain(c, r);
        return;
    }
    r->count = 1 + below(c, one_in(c, 3) ? REQUEST_MOST : 2);
    for (unsigned i = 0; i < r->count; i++) r->operations[i] = any_operation(c);
    if (c->book->count > 0 && one_in(c, 25)) { /* somebody's id for something else */
        r->operations[0].id = c->book->list[below(c, c->book->count)].op.id;
        r->operations[0].flags = 0;
    }
    if (r->count > 1 && one_in(c, 25)) r->operations[1] = r->operations[0];
}

#define PUT_ROLES                                                                                                      \
    (1ull << FIELD_retailer | 1ull << FIELD_generator | 1ull << FIELD_power_user | 1ull << FIELD_market_grade)

void workload_subject(uint32_t n, request *r) {
    *r = (request){.kind = ASK_PUT};
    subject_id id = help_subject(n);
    profile_init(&r->put.fields, &id);
    r->put.mask = PUT_ROLES;
    r->put.fields.roles = n % 4 == 3 ? PROFILE_ROLE_GENERATOR : PROFILE_ROLE_RETAILER;
    r->put.fields.market_grade = (uint8_t)(1 + n % 5);
}

static void any_put(clients *c, request *r) {
    static const uint8_t roles[] = {1, 1, 1, 1, 2, 4, 6, 0};
    static const unsigned fields[] = {FIELD_suspended, FIELD_arrears, FIELD_late_settlement, FIELD_observed};
    static const uint32_t bits[] = {PROFILE_FLAG_SUSPENDED, PROFILE_FLAG_ARREARS, PROFILE_FLAG_LATE_SETTLEMENT,
                                    PROFILE_FLAG_OBSERVED};
    subject_id id = help_subject(below(c, SIM_SUBJECTS));
    r->kind = ASK_PUT;
    profile_init(&r->put.fields, &id);
    r->put.mask = PUT_ROLES;
    r->put.fields.roles = roles[below(c, sizeof roles)];
    r->put.fields.market_grade = (uint8_t)(one_in(c, 8) ? 0 : 1 + below(c, 5));
    unsigned flag = below(c, 4);
    if (one_in(c, 2)) {
        r->put.mask |= 1ull << fields[flag];
        r->put.fields.flags = one_in(c, 4) ? bits[flag] : 0;
    }
}

static report_id any_report_id(uint64_t number) {
    report_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

static void any_report(clients *c, request *r) {
    r->kind = ASK_REPORT;
    r->report = (report){.id = any_report_id(c->next_report++),
                         .subject = help_subject(below(c, SIM_SUBJECTS)),
                         .kind = REPORT_RECORD_ADD,
                         .purpose = PURPOSE_DATA_MAINTENANCE,
                         .type = one_in(c, 2) ? RULES_RECORD_SUSPENDS : RULES_RECORD_NO_EXEMPTION};
    if (c->next_report < 3 || one_in(c, 2)) return;
    r->report.kind = one_in(c, 2) ? REPORT_RECORD_REVOKE : REPORT_RECORD_REPAIR;
    r->report.type = 0;
    r->report.target = any_report_id(1 + below(c, (uint32_t)c->next_report));
}

void workload_next(clients *c, request *r) {
    const book *b = c->book;
    uint32_t what = below(c, 100);
    if (what < 8) {
        any_put(c, r);
    } else if (what < 12) {
        any_report(c, r);
    } else if (what < 15) {
        r->kind = ASK_ACKNOWLEDGE;
        r->alert = b->alert_count > 0 && !one_in(c, 6) ? b->alerts[below(c, b->alert_count)].number : below(c, 50);
    } else if (what < 16) {
        r->kind = ASK_POLICY;
        r->variant = below(c, RULES_VARIANTS);
    } else {
        any_operations(c, r);
    }
}
