/* The history of a guarantee account, told so that it can be added up by hand: balances before and after every event.
 * Read on the commit thread, between two groups, so what is told is durable and belongs together. */
#include "base/clock.h"
#include "server/command.h"
#include "server/commit.h"
#include "server/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_DEFAULT 100

typedef struct history_call {
    const server *s;
    subject_id subject;
    unsigned program;
    uint32_t before;
    size_t max;
    status result;
    account_event *events;
    size_t count;
    bool more;
    account now;
    int64_t kept_from_ms;
} history_call;

static void read_history(void *arg) {
    history_call *h = arg;
    const engine *e = h->s->engine;
    if (!commit_is_well(h->s)) { /* the open group may become durable yet */
        h->result = STATUS_READ_ONLY;
        return;
    }
    h->result = engine_history(e, &h->subject, h->program, h->before, h->max, h->events, &h->count, &h->more);
    if (h->result == STATUS_OK && !engine_account(e, &h->subject, h->program, &h->now)) h->result = STATUS_NO_ACCOUNT;
    h->kept_from_ms = engine_history_cut_ms(e, timekeeper_now_ms(&h->s->clock));
}

static json_t *moment(int64_t ms) {
    char text[CLOCK_TIME_TEXT];
    return json_string(clock_format_ms(ms, text));
}

static json_t *id_text(const operation_id *id) {
    char text[33];
    for (unsigned i = 0; i < sizeof id->bytes; i++) snprintf(text + i * 2, 3, "%02x", id->bytes[i]);
    return json_string(text);
}

/* JSON integers are signed: a number beyond them is told as a text. */
static json_t *instrument_number(uint64_t id) {
    char text[24];
    if (id <= INT64_MAX) return json_integer((json_int_t)id);
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    return json_string(text);
}

static json_t *balances(uint32_t version, int64_t reserved_fen, int64_t committed_fen) {
    return json_pack("{s:I, s:I, s:I}", "version", (json_int_t)version, "reserved_fen", (json_int_t)reserved_fen,
                     "committed_fen", (json_int_t)committed_fen);
}

#define HOUR_MS INT64_C(3600000)

/* As quota show has it: null without end. An amendment says what it changed, a pledge from when it counts. */
static void put_validity(json_t **event, const operation *op, int64_t at_ms) {
    bool pledge = op->kind == OPERATION_PLEDGE;
    if (op->from_hour != 0 || pledge)
        document_set(event, "from_ms",
                     json_integer(op->from_hour != 0 ? op->from_hour * HOUR_MS : at_ms - at_ms % HOUR_MS));
    if (op->to_hour == UINT32_MAX)
        document_set(event, "to_ms", json_null());
    else if (op->to_hour != 0)
        document_set(event, "to_ms", json_integer(op->to_hour * HOUR_MS));
}

static void put_energy(json_t **event, const operation *op) {
    document_set(event, "energy_12m_mwh", json_integer(op->amount_fen));
    document_set(event, "wholesale_2m_mwh", json_integer(op->energy.wholesale_2m_mwh));
    document_set(event, "retail_2m_mwh", json_integer(op->energy.retail_2m_mwh));
    document_set(event, "forecast_12m_gwh", json_integer(op->forecast_gwh));
}

/* What the request says besides its amount. */
static void put_request(json_t **event, const operation *op, int64_t at_ms) {
    switch ((operation_kind)op->kind) {
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: document_set(event, "reservation", id_text(&op->target)); break;
    case OPERATION_PLEDGE:
        document_set(event, "instrument_kind", json_string(instrument_name(op->instrument_kind)));
        document_set(event, "instrument", instrument_number(op->instrument));
        put_validity(event, op, at_ms);
        break;
    case OPERATION_WITHDRAW: document_set(event, "instrument", instrument_number(op->instrument)); break;
    case OPERATION_AMEND:
        document_set(event, "instrument", instrument_number(op->instrument));
        put_validity(event, op, at_ms);
        break;
    case OPERATION_FREEZE:
        document_set(event, "reference", document_text((const char *)op->reference, sizeof op->reference));
        break;
    case OPERATION_RESERVE:
    case OPERATION_SETTLE:
    case OPERATION_UNFREEZE:
    case OPERATION_KIND_END: break;
    case OPERATION_ENERGY: put_energy(event, op); break;
    }
}

static json_t *event_document(const account_event *v) {
    const operation_entry *e = &v->entry;
    json_t *event =
        json_pack("{s:I, s:I, s:o, s:s, s:s, s:s}", "version", (json_int_t)v->version, "at_ms", (json_int_t)v->at_ms,
                  "at", moment(v->at_ms), "kind", v->expiry ? "expiry" : operation_name(e->request.kind), "state",
                  operation_state_name(e->state), "status", status_name(e->status));
    document_set(&event, "operation", v->expiry ? json_null() : id_text(&e->request.id));
    if (v->expiry)
        document_set(&event, "reservation", id_text(&e->request.id));
    else
        put_request(&event, &e->request, v->at_ms);
    document_set(&event, "amount_fen", json_integer(v->amount_fen));
    document_set(&event, "reserved_before_fen", json_integer(v->reserved_before_fen));
    document_set(&event, "committed_before_fen", json_integer(v->committed_before_fen));
    document_set(&event, "reserved_fen", json_integer(v->reserved_fen));
    document_set(&event, "committed_fen", json_integer(v->committed_fen));
    return event;
}

static json_t *account_document(const account *a) {
    json_t *now = balances(a->seq >> 1, a->reserved_fen, a->committed_fen);
    document_set(&now, "settled_fen", json_integer(a->settled_fen));
    document_set(&now, "open_reservations", json_integer(a->open_reservations));
    document_set(&now, "opened", moment(a->opened_ms));
    document_set(&now, "frozen", json_boolean(a->flags & ACCOUNT_FROZEN));
    document_set(&now, "freeze_reference",
                 document_text((const char *)a->freeze_reference, sizeof a->freeze_reference));
    return now;
}

/* Balances before the first event told; of a page behind the oldest event nothing is known. */
static json_t *opening(const history_call *h) {
    const account_event *first = h->events;
    if (h->count > 0) return balances(first->version - 1, first->reserved_before_fen, first->committed_before_fen);
    return h->before == 0 ? balances(h->now.seq >> 1, h->now.reserved_fen, h->now.committed_fen) : json_null();
}

static void tell(command_run *r, const history_call *h) {
    char text[SUBJECT_TEXT];
    json_t *events = json_array();
    for (size_t i = 0; i < h->count; i++) document_append(&events, event_document(&h->events[i]));
    command_put(r, "subject", json_string(subject_format(&h->subject, text)));
    command_put(r, "program", json_integer(h->program));
    command_put(r, "account", account_document(&h->now));
    command_put(r, "kept_from_ms", json_integer(h->kept_from_ms > 0 ? h->kept_from_ms : 0));
    command_put(r, "opening", opening(h));
    command_put(r, "events", events);
    command_put(r, "more", json_boolean(h->more));
}

static status parse(command_run *r, history_call *h) {
    const char *subject = NULL;
    int64_t program = PROGRAM_POWER, before = 0, max = EVENTS_DEFAULT;
    status s = command_string(r, "subject", NULL, &subject);
    if (s == STATUS_OK) s = command_number(r, "program", 1, PROGRAM_MAX, NULL, &program);
    if (s == STATUS_OK) s = command_number(r, "before", 0, INT32_MAX, NULL, &before);
    if (s == STATUS_OK) s = command_number(r, "max", 1, LIMIT_HISTORY_EVENTS, NULL, &max);
    if (s != STATUS_OK) return s;
    if (subject == NULL) return command_fail(r, STATUS_BAD_COMMAND, "'subject' is missing: a text such as uscc:…");
    int32_t today = clock_day_of_ms(timekeeper_now_ms(&r->s->clock));
    subject_finding f = subject_parse(subject, strlen(subject), today, &h->subject);
    if (subject_verdict_is_error(f.verdict))
        return command_fail(r, STATUS_BAD_SUBJECT, "'subject': '%.40s' is not a subject id", subject);
    h->program = (unsigned)program;
    h->before = (uint32_t)before;
    h->max = (size_t)max;
    return STATUS_OK;
}

status command_quota_history(command_run *r) {
    history_call h = {.s = r->s};
    status s = parse(r, &h);
    if (s != STATUS_OK) return s;
    h.events = malloc(h.max * sizeof *h.events);
    if (h.events == NULL) return STATUS_NO_MEMORY;
    commit_call(r->s, read_history, &h);
    s = h.result;
    if (s == STATUS_OK) tell(r, &h);
    if (s == STATUS_CORRUPT)
        s = command_fail(r, s, "the history of this account does not add up to its balances: see xinyi verify");
    free(h.events);
    return s;
}
