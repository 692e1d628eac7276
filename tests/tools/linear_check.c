/* Is what the clients of crash_ledger saw what one sequential ledger would have told them?
 *
 *   linear_check LOG
 *
 * Every answer names the version of its account, and every change makes a new version. So the server itself says in
 * which order it claims to have executed what changed an account (the witness), and between which two changes each
 * refusal was decided. Nothing has to be searched, and the check is complete, not a sample: the run was strictly
 * serializable (which is linearizable for each account, and atomic for chains over several) if and only if there is a
 * total order that contains
 *
 *   the order of versions of each account, refusals in their place,
 *   real time: what was answered before another was asked comes before it,
 *   a chain as one step,
 *
 * and in which a naive ledger gives the same answers. Such an order exists if and only if these relations, taken as
 * edges of a graph whose nodes are requests, have no cycle; and answers depend on the account's order only, so the
 * accounts are replayed one by one.
 *
 * Besides: versions have no gaps but those of reservations that ended by their time, each exactly then; nothing that
 * was acknowledged is unknown or was changed afterwards, over any number of crashes; what nobody knows the fate of
 * happened once or not at all; in the end each account, its history included, is what the replay says.
 *
 * Cost: sorting; memory some 300 bytes an operation. */
#include "tests/tools/crash.h"

#include "tests/tools/naive_ledger.h"
#include "tests/tools/oplog.h"

#define NONE SIZE_MAX
#define NEVER UINT64_MAX
#define PROBLEMS_MOST 20
#define FROZEN_FLAG 32u
#define LINKED_FAILED 182

typedef struct answer {
    unsigned status, version;
    int64_t amount, limit, used, committed, expires;
} answer;

typedef struct op {
    xinyi_operation_id id, target;
    naive_operation is;
    uint32_t ttl;
    size_t unit;
    bool answered, kept, asked; /* asked: `finish` has a line about it */
    answer told, stored;
    unsigned flags;     /* of the answer */
    unsigned end_state; /* as kept */
    int64_t at_ms;      /* … */
} op;

/* A request: one operation or a chain. */
typedef struct unit {
    uint64_t number, invoked, answered;
    size_t first, count;
} unit;

/* An event of an account's history, as the server tells it in the end. */
typedef struct event {
    unsigned account, version, expiry;
    size_t op;
    int64_t reserved, committed;
} event;

typedef struct final_account {
    bool known;
    unsigned version, open, frozen;
    int64_t reserved, committed, lodged;
} final_account;

static op *ops;
static unit *units;
static size_t op_count, op_room, unit_count, unit_room;
static event *events;
static size_t event_count, event_room;
static size_t *by_id, table_size; /* places of ops + 1 */
static final_account finals[ACCOUNTS];
static size_t refusals, expiries, chains, unanswered;

#define WRONG(...)                                                                                                     \
    do {                                                                                                               \
        EXPECT(false, __VA_ARGS__);                                                                                    \
        if (problems == PROBLEMS_MOST) printf("... and so on\n");                                                      \
        if (problems >= PROBLEMS_MOST) exit(1);                                                                        \
    } while (0)

static const char *name_of(const op *o) {
    static char texts[4][XINYI_OPERATION_TEXT];
    static unsigned next;
    return xinyi_operation_format(&o->id, texts[next++ % 4]);
}

/* ------------------------------------------------------------------ reading */

static size_t *place_of(const xinyi_operation_id *id) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (unsigned i = 0; i < sizeof id->bytes; i++) hash = (hash ^ id->bytes[i]) * UINT64_C(1099511628211);
    size_t at = (hash ^ hash >> 32) & (table_size - 1);
    while (by_id[at] != 0 && memcmp(&ops[by_id[at] - 1].id, id, sizeof *id) != 0) at = (at + 1) & (table_size - 1);
    return &by_id[at];
}

static size_t find(const xinyi_operation_id *id) { return table_size == 0 ? NONE : *place_of(id) - 1; }

static void remember(size_t index) {
    if (2 * index >= table_size) {
        free(by_id);
        table_size = table_size == 0 ? 1024 : table_size * 4;
        by_id = calloc(table_size, sizeof *by_id);
        if (by_id == NULL) fail("no memory");
        for (size_t i = 0; i < index; i++) *place_of(&ops[i].id) = i + 1;
    }
    size_t *place = place_of(&ops[index].id);
    if (*place != 0) WRONG("operation %s is asked for twice in the log", name_of(&ops[index]));
    *place = index + 1;
}

static xinyi_operation_id id_of(const char *text) {
    xinyi_operation_id id;
    if (xinyi_operation_parse(text, &id) != 0) fail("bad id in the log");
    return id;
}

static op *known_op(const char *text) {
    xinyi_operation_id id = id_of(text);
    size_t i = find(&id);
    if (i == NONE) fail("an answer without a question in the log");
    return &ops[i];
}

static void take_question(const char *line) {
    uint64_t at, number;
    unsigned linked;
    char id[64], target[64];
    op o = {.is = {.state = NOT_MADE}};
    if (sscanf(line, "I %" SCNu64 " %" SCNu64 " %u %63s %u %u %" SCNd64 " %63s %" SCNu64 " %u", &at, &number, &linked,
               id, &o.is.kind, &o.is.account, &o.is.amount, target, &o.is.instrument, &o.ttl) != 10 ||
        o.is.account >= ACCOUNTS || o.is.instrument > INSTRUMENTS)
        fail("a bad question in the log");
    o.id = id_of(id);
    o.target = id_of(target);
    if (unit_count == 0 || units[unit_count - 1].number != number) {
        ARRAY_ADD(units, unit_count, unit_room);
        units[unit_count++] = (unit){.number = number, .invoked = at, .answered = NEVER, .first = op_count};
    }
    o.unit = unit_count - 1;
    units[o.unit].count++;
    ARRAY_ADD(ops, op_count, op_room);
    ops[op_count] = o;
    remember(op_count++);
}

static bool same_answer(const answer *a, const answer *b) {
    return a->status == b->status && a->version == b->version && a->amount == b->amount && a->limit == b->limit &&
           a->used == b->used && a->committed == b->committed && a->expires == b->expires;
}

static void tell_two(const op *o, const char *what, const answer *now) {
    WRONG("operation %s was answered %s, version %u, amount %" PRId64 ", used %" PRId64
          "; %s it is %s, version %u, amount "
          "%" PRId64 ", used %" PRId64,
          name_of(o), xinyi_status_name((int)o->told.status), o->told.version, o->told.amount, o->told.used, what,
          xinyi_status_name((int)now->status), now->version, now->amount, now->used);
}

static void take_answer(const char *line) {
    uint64_t at;
    unsigned flags;
    char id[64];
    answer a;
    if (sscanf(line + 1, " %" SCNu64 " %63s %u %u %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %u", &at,
               id, &a.status, &a.version, &a.amount, &a.limit, &a.used, &a.committed, &a.expires, &flags) != 10)
        fail("a bad answer in the log");
    op *o = known_op(id);
    if (line[0] == 'R') {
        if (!same_answer(&o->told, &a)) tell_two(o, "repeated", &a);
        return;
    }
    o->answered = true;
    o->told = a;
    o->flags = flags;
    units[o->unit].answered = at;
}

static void take_outcome(const char *line) {
    char id[64];
    unsigned known, state;
    int64_t at_ms;
    answer a;
    if (sscanf(line, "O %u %63s %u %u %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %u %" SCNd64, &known,
               id, &a.status, &a.version, &a.amount, &a.limit, &a.used, &a.committed, &a.expires, &state, &at_ms) != 11)
        fail("a bad outcome in the log");
    op *o = known_op(id);
    o->asked = true;
    o->kept = known != 0;
    o->stored = a;
    o->end_state = state;
    o->at_ms = at_ms;
}

static void take_event(const char *line) {
    char id[64];
    event e;
    if (sscanf(line, "H %u %u %63s %" SCNd64 " %" SCNd64 " %u", &e.account, &e.version, id, &e.reserved, &e.committed,
               &e.expiry) != 6)
        fail("a bad event in the log");
    e.op = (size_t)(known_op(id) - ops);
    ARRAY_ADD(events, event_count, event_room);
    events[event_count++] = e;
}

static void take_account(const char *line) {
    unsigned account;
    final_account f = {.known = true};
    if (sscanf(line, "Q %u %u %" SCNd64 " %" SCNd64 " %u %" SCNd64 " %u", &account, &f.version, &f.reserved,
               &f.committed, &f.open, &f.lodged, &f.frozen) != 7 ||
        account >= ACCOUNTS)
        fail("a bad account in the log");
    finals[account] = f;
}

static void take_line(const char *line) {
    switch (line[0]) {
    case 'I': take_question(line); break;
    case 'A':
    case 'R': take_answer(line); break;
    case 'O': take_outcome(line); break;
    case 'H': take_event(line); break;
    case 'Q': take_account(line); break;
    default: fail("a line in the log that nobody writes");
    }
}

/* ------------------------------------------------------------------ nothing is lost, nothing is changed */

static void check_kept(op *o) {
    if (!o->asked) WRONG("operation %s was not asked for in the end", name_of(o));
    if (o->answered && !o->kept) WRONG("operation %s was answered, and is lost", name_of(o));
    if (o->answered && o->kept && !same_answer(&o->told, &o->stored)) tell_two(o, "kept", &o->stored);
    unanswered += !o->answered && o->kept;
    if (o->kept && !o->answered) o->told = o->stored;
    refusals += o->kept && o->told.status != 0;
}

/* Of a chain all entries are done, or one is refused and the others with it. */
static void check_chain(const unit *u) {
    size_t done = 0, with_it = 0, kept = 0;
    for (size_t i = u->first; i < u->first + u->count; i++) {
        kept += ops[i].kept;
        done += ops[i].kept && ops[i].told.status == 0;
        with_it += ops[i].kept && ops[i].told.status == LINKED_FAILED;
    }
    chains++;
    if (kept == 0 || done == u->count || (done == 0 && kept == u->count && with_it == u->count - 1)) return;
    WRONG("the chain that begins with %s has %zu of %zu done, %zu refused with another", name_of(&ops[u->first]), done,
          u->count, with_it);
}

/* ------------------------------------------------------------------ the graph */

typedef struct edge {
    size_t from, to;
} edge;
static edge *edges;
static size_t edge_count, edge_room;

static void add_edge(size_t from, size_t to) {
    if (from == NONE || to == NONE || from == to) return;
    ARRAY_ADD(edges, edge_count, edge_room);
    edges[edge_count++] = (edge){from, to};
}

typedef struct moment {
    uint64_t at;
    bool is_answer;
    size_t unit;
} moment;

static int by_moment(const void *a, const void *b) {
    const moment *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (int)x->is_answer - (int)y->is_answer; /* at the same moment: nothing is said */
}

/* Each answer gets a node of time, in a row: what is asked later hangs on the last of them. Returns how many nodes
 * there are in all. */
static size_t add_time(void) {
    moment *moments = calloc(2 * unit_count + 1, sizeof *moments);
    size_t n = 0, last = NONE, next = unit_count;
    if (moments == NULL) fail("no memory");
    for (size_t u = 0; u < unit_count; u++) {
        if (!ops[units[u].first].kept) continue;
        moments[n++] = (moment){units[u].invoked, false, u};
        if (units[u].answered != NEVER) moments[n++] = (moment){units[u].answered, true, u};
    }
    qsort(moments, n, sizeof *moments, by_moment);
    for (size_t i = 0; i < n; i++) {
        if (moments[i].is_answer) {
            add_edge(last, next);
            add_edge(moments[i].unit, next);
            last = next++;
        } else {
            add_edge(last, moments[i].unit);
        }
    }
    free(moments);
    return next;
}

static void tell_cycle(const size_t *indegree, size_t nodes) {
    size_t *before = malloc(nodes * sizeof *before), at = NONE;
    bool *passed = calloc(nodes, sizeof *passed);
    if (before == NULL || passed == NULL) fail("no memory");
    for (size_t e = 0; e < edge_count; e++)
        if (indegree[edges[e].from] > 0 && indegree[edges[e].to] > 0) before[at = edges[e].to] = edges[e].from;
    while (!passed[at]) passed[at] = true, at = before[at];
    printf("wrong: no order is possible; of these each comes before the one above it:\n");
    size_t end = at, told = 0;
    do {
        if (at < unit_count && told++ < 12) {
            const op *o = &ops[units[at].first];
            printf("  %s kind %u on account %u: asked at %" PRIu64 ", answered at %" PRIu64 ", %s, version %u\n",
                   name_of(o), o->is.kind, o->is.account, units[at].invoked, units[at].answered,
                   xinyi_status_name((int)o->told.status), o->told.version);
        }
        at = before[at];
    } while (at != end);
    problems++;
    free(before);
    free(passed);
}

/* Takes away what nothing comes before, again and again: what is left over is a cycle. */
static void check_order(size_t nodes) {
    size_t *indegree = calloc(nodes + 1, sizeof *indegree), *start = calloc(nodes + 2, sizeof *start);
    size_t *to = malloc((edge_count + 1) * sizeof *to), *queue = malloc((nodes + 1) * sizeof *queue);
    size_t head = 0, tail = 0;
    if (indegree == NULL || start == NULL || to == NULL || queue == NULL) fail("no memory");
    for (size_t e = 0; e < edge_count; e++) indegree[edges[e].to]++, start[edges[e].from + 2]++;
    for (size_t i = 2; i < nodes + 2; i++) start[i] += start[i - 1];
    for (size_t e = 0; e < edge_count; e++) to[start[edges[e].from + 1]++] = edges[e].to;
    for (size_t i = 0; i < nodes; i++)
        if (indegree[i] == 0) queue[tail++] = i;
    while (head < tail) {
        size_t node = queue[head++];
        for (size_t e = start[node]; e < start[node + 1]; e++)
            if (--indegree[to[e]] == 0) queue[tail++] = to[e];
    }
    if (tail < nodes) tell_cycle(indegree, nodes);
    free(indegree);
    free(start);
    free(to);
    free(queue);
}

/* ------------------------------------------------------------------ the replay of an account */

typedef struct replay {
    unsigned account, version;
    naive is;
    int64_t at_ms; /* of the last step */
    size_t *open;  /* reservations */
    size_t open_count, open_room;
    size_t last;   /* the unit of the last change */
    size_t *since; /* units of refusals after it */
    size_t since_count, since_room;
} replay;

static int by_version(const void *a, const void *b) {
    const op *x = &ops[*(const size_t *)a], *y = &ops[*(const size_t *)b];
    if (x->told.version != y->told.version) return x->told.version < y->told.version ? -1 : 1;
    bool refused_x = x->told.status != 0, refused_y = y->told.status != 0;
    if (refused_x != refused_y) return refused_x ? 1 : -1;
    return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

static naive_operation *target_of(const op *o) {
    size_t i = find(&o->target);
    return i == NONE ? NULL : &ops[i].is;
}

static void drop_closed(replay *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->open_count; i++)
        if (ops[r->open[i]].is.state == OPEN) r->open[n++] = r->open[i];
    r->open_count = n;
}

/* The open reservation that ends first. */
static op *first_to_end(const replay *r) {
    op *first = NULL;
    for (size_t i = 0; i < r->open_count; i++) {
        op *o = &ops[r->open[i]];
        if (first == NULL || o->told.expires < first->told.expires) first = o;
    }
    return first;
}

/* Versions up to `version` that no operation made: reservations have ended, in the order of their times. */
static void expire_until(replay *r, unsigned version, int64_t at_ms) {
    while (r->version < version) {
        op *o = first_to_end(r);
        if (o == NULL || o->end_state != EXPIRED) {
            WRONG("account %u has a version %u that nothing has made", r->account, r->version + 1);
            r->version = version;
            return;
        }
        if (o->told.expires > at_ms)
            WRONG("reservation %s ended before its time: %" PRId64 " ms early", name_of(o), o->told.expires - at_ms);
        naive_expire(&r->is, &o->is);
        drop_closed(r);
        r->version++;
        expiries++;
    }
}

/* Nothing is open any more that has to have ended by then. */
static void check_moment(replay *r, const op *o) {
    const op *first = first_to_end(r);
    if (first != NULL && first->told.expires <= o->at_ms)
        WRONG("reservation %s is still open at %" PRId64 ", %" PRId64 " ms after its time", name_of(first), o->at_ms,
              o->at_ms - first->told.expires);
    if (o->at_ms < r->at_ms)
        WRONG("operation %s was executed %" PRId64 " ms before the one before it", name_of(o), r->at_ms - o->at_ms);
    r->at_ms = o->at_ms;
}

/* What entry o of a refused chain would have been answered, after the entries before it. */
static const char *try_entry(const replay *r, op *o) {
    naive then = r->is;
    struct {
        naive_operation *what, was;
    } kept[2 * CHAIN_MAX];
    size_t n = 0;
    int64_t effect;
    const char *said = NULL;
    for (op *e = &ops[units[o->unit].first]; e <= o && said == NULL; e++) {
        naive_operation *target = target_of(e);
        if (e->is.account != o->is.account) continue;
        kept[n].what = &e->is, kept[n].was = e->is, n++;
        if (target != NULL) kept[n].what = target, kept[n].was = *target, n++;
        said = naive_do(&then, &e->is, target, &effect);
        if (said != NULL && e != o) said = "an entry before it refused";
    }
    while (n-- > 0) *kept[n].what = kept[n].was;
    return said;
}

/* An entry of a refused chain: those before the one that failed would have been done, that one not. */
static void check_refused_entry(const replay *r, op *o) {
    const unit *u = &units[o->unit];
    size_t fault = u->first, self = (size_t)(o - ops);
    while (fault < u->first + u->count && ops[fault].told.status == LINKED_FAILED) fault++;
    if (self > fault) return;
    const char *said = try_entry(r, o), *want = self < fault ? NULL : xinyi_status_name((int)o->told.status);
    bool same = said == NULL || want == NULL ? said == want : strcmp(said, want) == 0;
    if (!same)
        WRONG("entry %zu of the chain of %s was refused with %s; a sequential ledger says %s", self - u->first,
              name_of(o), xinyi_status_name((int)o->told.status), said != NULL ? said : "ok");
}

static void check_answer(const replay *r, const op *o, int64_t effect) {
    const answer *a = &o->told;
    int64_t limit = naive_limit(&r->is), used = r->is.reserved + r->is.committed;
    if (a->version != r->version || a->amount != effect || a->limit != limit || a->used != used ||
        a->committed != r->is.committed)
        WRONG("operation %s was answered version %u, amount %" PRId64 ", limit %" PRId64 ", used %" PRId64
              ", committed %" PRId64 "; a sequential ledger says %u, %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64,
              name_of(o), a->version, a->amount, a->limit, a->used, a->committed, r->version, effect, limit, used,
              r->is.committed);
    if (o->answered && r->is.exists && ((o->flags & FROZEN_FLAG) != 0) != r->is.frozen)
        WRONG("operation %s was told that the account is %sfrozen", name_of(o), r->is.frozen ? "not " : "");
    if (o->is.kind == XINYI_RESERVE && a->status == 0 && a->expires != o->at_ms + o->ttl)
        WRONG("reservation %s was made at %" PRId64 " for %u ms, and ends at %" PRId64, name_of(o), o->at_ms, o->ttl,
              a->expires);
}

static void replay_refusal(replay *r, op *o) {
    int64_t effect;
    check_moment(r, o);
    if (units[o->unit].count > 1) {
        check_refused_entry(r, o);
    } else {
        const char *said = naive_do(&r->is, &o->is, target_of(o), &effect);
        if (said == NULL || strcmp(said, xinyi_status_name((int)o->told.status)) != 0)
            WRONG("operation %s was refused with %s; a sequential ledger says %s", name_of(o),
                  xinyi_status_name((int)o->told.status), said != NULL ? said : "ok");
    }
    check_answer(r, o, 0);
    add_edge(r->last, o->unit);
    ARRAY_ADD(r->since, r->since_count, r->since_room);
    r->since[r->since_count++] = o->unit;
}

static void replay_change(replay *r, op *o) {
    int64_t effect;
    if (o->told.version <= r->version)
        WRONG("operation %s made version %u of account %u, which is there already", name_of(o), o->told.version,
              r->account);
    expire_until(r, o->told.version - 1, o->at_ms);
    check_moment(r, o);
    const char *said = naive_do(&r->is, &o->is, target_of(o), &effect);
    if (said != NULL) WRONG("operation %s was done; a sequential ledger says %s", name_of(o), said);
    r->version = o->told.version;
    if (o->is.kind == XINYI_RESERVE) {
        ARRAY_ADD(r->open, r->open_count, r->open_room);
        r->open[r->open_count++] = (size_t)(o - ops);
    } else {
        drop_closed(r);
    }
    check_answer(r, o, effect);
    add_edge(r->last, o->unit);
    for (size_t i = 0; i < r->since_count; i++) add_edge(r->since[i], o->unit);
    r->since_count = 0;
    r->last = o->unit;
}

static void check_final(replay *r) {
    const final_account *f = &finals[r->account];
    if (!f->known) fail("the log does not say where the accounts stand in the end");
    expire_until(r, f->version, INT64_MAX);
    if (r->version != f->version || r->is.reserved != f->reserved || r->is.committed != f->committed ||
        r->is.open != f->open || naive_limit(&r->is) != f->lodged || r->is.frozen != (f->frozen != 0))
        WRONG("account %u is version %u, reserved %" PRId64 " in %u, committed %" PRId64 ", lodged %" PRId64
              "; the operations make %u, %" PRId64 " in %u, %" PRId64 ", %" PRId64,
              r->account, f->version, f->reserved, f->open, f->committed, f->lodged, r->version, r->is.reserved,
              r->is.open, r->is.committed, naive_limit(&r->is));
}

static void replay_account(unsigned account) {
    replay r = {.account = account, .last = NONE};
    size_t *order = malloc((op_count + 1) * sizeof *order), n = 0;
    if (order == NULL) fail("no memory");
    for (size_t i = 0; i < op_count; i++)
        if (ops[i].kept && ops[i].is.account == account) order[n++] = i;
    qsort(order, n, sizeof *order, by_version);
    for (size_t i = 0; i < n; i++) {
        op *o = &ops[order[i]];
        if (o->told.status == 0) {
            replay_change(&r, o);
        } else {
            expire_until(&r, o->told.version, o->at_ms);
            replay_refusal(&r, o);
        }
    }
    check_final(&r);
    free(order);
    free(r.open);
    free(r.since);
}

/* What the server keeps as the end of each reservation is what ended it. */
static void check_ends(void) {
    for (size_t i = 0; i < op_count; i++) {
        const op *o = &ops[i];
        reservation said = o->kept && o->told.status == 0 && o->is.kind == XINYI_RESERVE ? o->is.state : NO_RESERVATION;
        if (o->kept && (unsigned)said != o->end_state)
            WRONG("operation %s is kept in state %u, not %u", name_of(o), o->end_state, (unsigned)said);
    }
}

/* Histories hold every version once: the operation that made it, or the reservation that ended. */
static void check_histories(void) {
    size_t versions = 0;
    for (unsigned a = 0; a < ACCOUNTS; a++) versions += finals[a].version;
    if (event_count != versions)
        WRONG("the histories have %zu events, the accounts %zu versions", event_count, versions);
    for (size_t i = 0; i < event_count; i++) {
        const event *e = &events[i];
        const op *o = &ops[e->op];
        bool first = i == 0 || events[i - 1].account != e->account || events[i - 1].version > e->version;
        if (!first && e->version != events[i - 1].version + 1)
            WRONG("the history of account %u goes from version %u to %u", e->account, events[i - 1].version,
                  e->version);
        bool fits = e->account == o->is.account && o->told.status == 0 && o->kept;
        if (e->expiry != 0)
            fits = fits && o->is.state == EXPIRED;
        else
            fits = fits && e->version == o->told.version && e->committed == o->told.committed &&
                   e->reserved + e->committed == o->told.used;
        if (!fits)
            WRONG("version %u of account %u in its history is not what %s did", e->version, e->account, name_of(o));
    }
}

int main(int argc, char **argv) {
    tool = "linear_check";
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: linear_check LOG\n");
        return 2;
    }
    log_path = argv[1];
    read_log(take_line);
    for (size_t i = 0; i < op_count; i++) check_kept(&ops[i]);
    for (size_t u = 0; u < unit_count; u++)
        if (units[u].count > 1) check_chain(&units[u]);
    for (unsigned a = 0; a < ACCOUNTS; a++) replay_account(a);
    check_ends();
    check_histories();
    check_order(add_time());
    printf("%zu operations (%zu refused, %zu never answered), %zu chains, %zu expiries: %s\n", op_count, refusals,
           unanswered, chains, expiries, problems == 0 ? "one order explains them all" : "wrong");
    free(ops);
    free(units);
    free(by_id);
    free(edges);
    free(events);
    return problems == 0 && op_count > 0 ? 0 : 1;
}
