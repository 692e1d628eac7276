/* Messages lie in one array and are taken by their due time, then in the order in which they were sent, so that a run
 * depends on nothing but its seed. */
#include "tests/sim/clients.h"

#include "base/check.h"

#define RETRY_MS 400

void clients_init(clients *c, sim_clock *clock, book *b) {
    *c = (clients){.clock = clock, .book = b, .next_id = 1, .next_request = 1, .next_report = 1};
}

void clients_deinit(clients *c) {
    for (uint32_t i = 0; i < c->wire_count; i++) free(c->wire[i]);
    free(c->wire);
    *c = (clients){0};
}

static message *post(clients *c, bool to_server, int64_t most_ms) {
    if (c->wire_count == c->wire_room) {
        c->wire_room = c->wire_room == 0 ? 64 : c->wire_room * 2;
        c->wire = realloc(c->wire, c->wire_room * sizeof *c->wire);
        CHECK(c->wire != NULL);
    }
    message *m = malloc(sizeof *m);
    CHECK(m != NULL);
    m->due_ms = c->clock->mono_ms + 1 + sim_below(c->clock, (uint32_t)most_ms);
    m->order = c->next_order++;
    m->to_server = to_server;
    c->wire[c->wire_count++] = m;
    return m;
}

/* The message that is due first; NULL if none is. The caller frees it. */
static message *take(clients *c, bool to_server) {
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < c->wire_count; i++) {
        const message *m = c->wire[i], *b = best != UINT32_MAX ? c->wire[best] : NULL;
        if (m->to_server != to_server || m->due_ms > c->clock->mono_ms) continue;
        if (b == NULL || m->due_ms < b->due_ms || (m->due_ms == b->due_ms && m->order < b->order)) best = i;
    }
    if (best == UINT32_MAX) return NULL;
    message *m = c->wire[best];
    c->wire[best] = c->wire[--c->wire_count];
    return m;
}

static bool is_lost(clients *c) {
    bool lost = sim_one_in(c->clock, 12);
    c->lost += lost;
    return lost;
}

/* ------------------------------------------------------------------ asking */

static void send_request(clients *c, const request *r) {
    c->sent++;
    if (!is_lost(c)) post(c, true, 120)->ask = *r;
    if (!sim_one_in(c->clock, 10)) return;
    post(c, true, 20000)->ask = *r;
    c->duplicated++;
}

void clients_prepare(clients *c) {
    request r = {.client = 0, .kind = ASK_POLICY};
    post(c, true, 1)->ask = r;
    for (uint32_t n = 0; n < SIM_SUBJECTS; n++) {
        workload_subject(n, &r);
        post(c, true, 2)->ask = r;
    }
}

/* Old requests turn up again, from some queue in between. */
static void send_late(clients *c) {
    if (c->late_count == 0 || !sim_one_in(c->clock, 20)) return;
    uint32_t n = c->late_count < CLIENTS_LATE ? c->late_count : CLIENTS_LATE;
    post(c, true, 5000)->ask = c->late[sim_below(c->clock, n)];
    c->duplicated++;
}

static void ask(clients *c, client *who) {
    request r = who->current;
    if (who->in_doubt && r.kind == ASK_OPERATE && sim_one_in(c->clock, 2)) r.kind = ASK_OUTCOME;
    send_request(c, &r);
    who->retry_ms = c->clock->mono_ms + RETRY_MS + sim_below(c->clock, RETRY_MS);
}

static void begin(clients *c, client *who) {
    who->current = (request){.client = (uint32_t)(who - c->client), .number = c->next_request++};
    workload_next(c, &who->current);
    who->busy = true;
    who->in_doubt = false;
    if (who->current.kind == ASK_OPERATE) c->late[c->late_count++ % CLIENTS_LATE] = who->current;
    ask(c, who);
}

void clients_act(clients *c) {
    for (unsigned i = 0; i < CLIENTS; i++) {
        client *who = &c->client[i];
        if (who->busy && c->clock->mono_ms >= who->retry_ms)
            ask(c, who);
        else if (!who->busy && !c->resting && sim_one_in(c->clock, 2))
            begin(c, who);
    }
    if (!c->resting) send_late(c);
}

/* ------------------------------------------------------------------ answering */

void clients_reply(clients *c, const reply *r) {
    if (is_lost(c)) return;
    post(c, false, sim_one_in(c->clock, 20) ? 10000 : 80)->say = *r;
}

bool clients_arrived(clients *c, request *out) {
    message *m = take(c, true);
    if (m == NULL) return false;
    *out = m->ask;
    free(m);
    return true;
}

static bool not_executed(unsigned code) {
    status_class class = status_classify(code);
    return class == STATUS_CLASS_AGAIN || class == STATUS_CLASS_LOCAL;
}

/* True if the client has learnt all it wanted to. */
static bool learn(clients *c, const reply *r) {
    bool all = true;
    if (r->whole != STATUS_OK) return false;
    if (r->kind != ASK_OPERATE && r->kind != ASK_OUTCOME) return true;
    for (unsigned i = 0; i < r->count; i++) {
        bool unknown = r->kind == ASK_OUTCOME && r->results[i].status == STATUS_UNKNOWN_OPERATION &&
                       r->results[i].flags == UINT8_MAX;
        if (unknown || not_executed(r->results[i].status))
            all = false;
        else
            book_answered(c->book, &r->operations[i], &r->results[i]);
    }
    return all;
}

void clients_listen(clients *c) {
    for (message *m; (m = take(c, false)) != NULL; free(m)) {
        const reply *r = &m->say;
        client *who = &c->client[r->client];
        bool learnt = learn(c, r);
        if (!who->busy || who->current.number != r->number) continue; /* late: learnt, and no longer waited for */
        if (learnt) who->busy = false;
        if (r->whole == STATUS_OUTCOME_UNKNOWN) who->in_doubt = true;
        if (r->whole == STATUS_OK && r->kind == ASK_OUTCOME) who->in_doubt = false;
    }
}

bool clients_idle(const clients *c) {
    for (unsigned i = 0; i < CLIENTS; i++)
        if (c->client[i].busy) return false;
    return true;
}
