/* Random operations on a few guarantee accounts by many clients at once, while the server is being killed; the log of
 * it is for linear_check.
 *
 *   crash_ledger load   --server HOST:PORT --log FILE [--threads T] [--seconds S] [--seed N]
 *   crash_ledger finish --server HOST:PORT --log FILE
 *
 * Threads share ACCOUNTS accounts, so that operations meet: reservations that others commit or release, guarantees that
 * are withdrawn under open exposure, freezes in between, chains over two accounts. Every operation is driven to an
 * answer: when the connection breaks the client connects again and, at random, repeats it, asks for its outcome first,
 * or gives up, so that only the server knows what became of it. Answered operations are repeated now and then, and ids
 * are used again with other content, which must be refused. oplog.h describes the log. */
#include "tests/tools/crash.h"

#include "tests/tools/oplog.h"

#define RETAILER_FIELD (UINT64_C(1) << 3) /* field numbers of PROTOCOL.md */
#define MARKET_GRADE_FIELD (UINT64_C(1) << 20)
#define POOL 24         /* reservations of an account that somebody may end */
#define PATIENCE_S 60.0 /* for a server that is away */
#define SHORT_TTL_MS 1500
#define PAUSE_US 2000 /* at most, between two requests */

static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;
static xinyi_operation_id pool[ACCOUNTS][POOL];

typedef struct job {
    unsigned thread;
    uint64_t random;
    uint64_t unit;
    double until;
    xinyi *x;
    xinyi_operation last[CHAIN_MAX]; /* the last request that was answered */
    size_t last_count;
} job;

static uint64_t draw(job *j) { /* splitmix64 */
    uint64_t z = j->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static unsigned below(job *j, unsigned n) { return (unsigned)(draw(j) >> 33) % n; }

static xinyi_subject owner_of(unsigned account) { return subject_of_number(UINT64_C(53000019900201000) + account); }

static unsigned account_of(const xinyi_subject *owner) {
    unsigned a = 0;
    for (xinyi_subject s = owner_of(a); memcmp(&s, owner, sizeof s) != 0; s = owner_of(a)) a++;
    return a;
}

/* ------------------------------------------------------------------ what is asked */

static xinyi_operation_id some_reservation(job *j, unsigned account) {
    pthread_mutex_lock(&pool_mutex);
    xinyi_operation_id *place = &pool[account][below(j, POOL)], id = *place;
    if (below(j, 4) != 0) memset(place, 0, sizeof *place); /* else it is ended twice, perhaps */
    pthread_mutex_unlock(&pool_mutex);
    return id;
}

static void offer_reservation(job *j, unsigned account, const xinyi_operation_id *id) {
    pthread_mutex_lock(&pool_mutex);
    pool[account][below(j, POOL)] = *id;
    pthread_mutex_unlock(&pool_mutex);
}

static bool is_zero(const xinyi_operation_id *id) {
    static const xinyi_operation_id zero;
    return memcmp(id, &zero, sizeof zero) == 0;
}

static xinyi_operation operation_on(job *j, unsigned account, unsigned kind) {
    xinyi_operation o = {.id = xinyi_operation_new(),
                         .subject = owner_of(account),
                         .program = XINYI_PROGRAM_POWER,
                         .kind = (uint8_t)kind};
    switch (kind) {
    case XINYI_RESERVE:
        o.amount_fen = 1 + below(j, 80000);
        o.ttl_ms = below(j, 20) == 0 ? 300000 : 1 + below(j, SHORT_TTL_MS);
        break;
    case XINYI_COMMIT:
    case XINYI_RELEASE:
        o.target = some_reservation(j, below(j, 50) == 0 ? below(j, ACCOUNTS) : account);
        if (is_zero(&o.target)) o.target = xinyi_operation_new(); /* of nothing */
        if (kind == XINYI_COMMIT && below(j, 2) == 0) o.amount_fen = 1 + below(j, 60000);
        break;
    case XINYI_SETTLE: o.amount_fen = 1 + below(j, 60000); break;
    case XINYI_PLEDGE: o.instrument_kind = XINYI_DEPOSIT, o.to_hour = UINT32_MAX; break;
    default: break;
    }
    if (kind == XINYI_PLEDGE || kind == XINYI_AMEND) o.amount_fen = 100000 + below(j, 400000);
    if (kind == XINYI_PLEDGE || kind == XINYI_AMEND || kind == XINYI_WITHDRAW) o.instrument = 1 + below(j, INSTRUMENTS);
    return o;
}

static unsigned some_kind(job *j) {
    unsigned n = below(j, 1000);
    return n < 350   ? XINYI_RESERVE
           : n < 550 ? XINYI_COMMIT
           : n < 650 ? XINYI_RELEASE
           : n < 900 ? XINYI_SETTLE
           : n < 940 ? XINYI_PLEDGE
           : n < 965 ? XINYI_AMEND
           : n < 980 ? XINYI_WITHDRAW
           : n < 998 ? XINYI_UNFREEZE
                     : XINYI_FREEZE;
}

/* A request of one operation, or a chain: the same trade on two accounts, one reservation exchanged for another, or
 * whatever comes. */
static size_t make_request(job *j, xinyi_operation ops[CHAIN_MAX]) {
    unsigned a = below(j, ACCOUNTS), b = (a + 1 + below(j, ACCOUNTS - 1)) % ACCOUNTS, what = below(j, 10);
    size_t n = 2;
    if (what == 0) {
        ops[0] = operation_on(j, a, XINYI_RESERVE);
        ops[1] = operation_on(j, b, XINYI_RESERVE);
    } else if (what == 1) {
        ops[0] = operation_on(j, a, XINYI_RELEASE);
        ops[1] = operation_on(j, a, XINYI_RESERVE);
    } else if (what == 2) {
        n = CHAIN_MAX;
        for (size_t i = 0; i < n; i++) ops[i] = operation_on(j, i % 2 == 0 ? a : b, some_kind(j));
    } else {
        n = 1;
        ops[0] = operation_on(j, a, some_kind(j));
    }
    for (size_t i = 0; i < n; i++) ops[i].linked = i + 1 < n;
    return n;
}

/* ------------------------------------------------------------------ asking until there is an answer */

static void log_request(job *j, const xinyi_operation *ops, size_t n) {
    char lines[CHAIN_MAX * 256];
    size_t length = 0;
    uint64_t unit = (uint64_t)j->thread << 40 | ++j->unit, now = now_ns();
    for (size_t i = 0; i < n; i++) {
        char id[XINYI_OPERATION_TEXT], target[XINYI_OPERATION_TEXT];
        xinyi_operation_format(&ops[i].id, id);
        xinyi_operation_format(&ops[i].target, target);
        length += (size_t)snprintf(lines + length, sizeof lines - length,
                                   "I %" PRIu64 " %" PRIu64 " %u %s %u %u %" PRId64 " %s %" PRIu64 " %u\n", now, unit,
                                   n > 1, id, ops[i].kind, account_of(&ops[i].subject), ops[i].amount_fen, target,
                                   ops[i].instrument, ops[i].ttl_ms);
    }
    put_text(lines, length);
}

static void log_answer(char what, const xinyi_operation *ops, const xinyi_operation_reply *replies, size_t n) {
    char lines[CHAIN_MAX * 256];
    size_t length = 0;
    uint64_t now = now_ns();
    for (size_t i = 0; i < n; i++) {
        char id[XINYI_OPERATION_TEXT];
        const xinyi_operation_reply *r = &replies[i];
        length +=
            (size_t)snprintf(lines + length, sizeof lines - length,
                             "%c %" PRIu64 " %s %u %u %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %u\n",
                             what, now, xinyi_operation_format(&ops[i].id, id), r->status, r->account_version,
                             r->amount_fen, r->limit_fen, r->used_fen, r->committed_fen, r->expires_ms, r->flags);
    }
    put_text(lines, length);
}

static bool connect_again(job *j) {
    double until = now_s() + PATIENCE_S;
    xinyi_close(&j->x);
    while (xinyi_connect(server, &(xinyi_options){.agent = tool}, &j->x) != 0) {
        if (now_s() > until) return false;
        usleep(5000 + below(j, 20000));
    }
    return true;
}

/* Whether a status says that nothing was decided: not executed, or not known. */
static bool is_no_answer(unsigned status) { return (status != 0 && status < 100) || status >= 200; }

static bool all_answered(const xinyi_operation_reply *replies, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (is_no_answer(replies[i].status)) return false;
    return true;
}

/* Asks what became of them; true if that is their answer. */
static bool ask_outcome(job *j, const xinyi_operation *ops, xinyi_operation_reply *replies, size_t n) {
    xinyi_operation_id ids[CHAIN_MAX] = {0};
    xinyi_outcome_reply outcome[CHAIN_MAX];
    for (size_t i = 0; i < n; i++) ids[i] = ops[i].id;
    if (xinyi_outcome(j->x, ids, n, outcome) != 0) return false;
    for (size_t i = 0; i < n; i++) {
        if (outcome[i].status != 0) return false;
        replies[i] = outcome[i].reply;
    }
    return true;
}

typedef enum asked { ANSWERED, GIVEN_UP, AWAY } asked;

/* The request's answers, whatever it takes; AWAY when the server stays away. With `free` the client may ask for the
 * outcome instead of repeating, or never know. */
static asked ask(job *j, const xinyi_operation *ops, xinyi_operation_reply *replies, size_t n, bool free) {
    for (;;) {
        int code = xinyi_operate(j->x, ops, n, replies);
        if (code == 0 && all_answered(replies, n)) return ANSWERED;
        if (code == 0 || (code > 0 && code < 100)) {
            usleep(2000);
            continue;
        }
        if (!connect_again(j)) return AWAY;
        if (free && below(j, 4) == 0) return GIVEN_UP;
        if (free && below(j, 2) == 0 && ask_outcome(j, ops, replies, n)) return ANSWERED;
    }
}

static bool same_reply(const xinyi_operation_reply *a, const xinyi_operation_reply *b) {
    return a->status == b->status && a->account_version == b->account_version && a->amount_fen == b->amount_fen &&
           a->limit_fen == b->limit_fen && a->used_fen == b->used_fen && a->committed_fen == b->committed_fen &&
           a->expires_ms == b->expires_ms && a->flags == b->flags;
}

/* The last request again: the same answers. One of its ids with other content: refused. */
static bool repeat_last(job *j, const xinyi_operation_reply *first) {
    xinyi_operation_reply replies[CHAIN_MAX];
    if (ask(j, j->last, replies, j->last_count, false) == AWAY) return false;
    log_answer('R', j->last, replies, j->last_count);
    for (size_t i = 0; i < j->last_count; i++)
        if (!same_reply(&replies[i], &first[i])) fail("a repeated operation has another answer");
    xinyi_operation other = j->last[0];
    if (below(j, 4) != 0 || (j->last_count == 1 && other.kind != XINYI_RESERVE)) return true;
    if (j->last_count == 1) other.amount_fen++;
    other.linked = 0;
    if (ask(j, &other, replies, 1, false) == AWAY) return false;
    if (replies[0].status != XINYI_OPERATION_REUSED) fail("an id was used twice with different content");
    return true;
}

static bool run_one(job *j) {
    xinyi_operation ops[CHAIN_MAX];
    xinyi_operation_reply replies[CHAIN_MAX];
    size_t n = make_request(j, ops);
    log_request(j, ops, n);
    asked a = ask(j, ops, replies, n, true);
    if (a != ANSWERED) return a == GIVEN_UP;
    log_answer('A', ops, replies, n);
    atomic_fetch_add(&acknowledged, n);
    for (size_t i = 0; i < n; i++)
        if (ops[i].kind == XINYI_RESERVE && replies[i].status == 0)
            offer_reservation(j, account_of(&ops[i].subject), &ops[i].id);
    memcpy(j->last, ops, sizeof ops);
    j->last_count = n;
    if (below(j, 16) == 0 && !repeat_last(j, replies)) return false;
    usleep(below(j, PAUSE_US));
    return true;
}

static void *load_thread(void *arg) {
    job *j = arg;
    bool alive = connect_again(j);
    while (alive && now_s() < j->until) alive = run_one(j);
    xinyi_close(&j->x);
    if (!alive) fail("the server stays away");
    return NULL;
}

/* Subjects that are covered and whose limit is what is lodged: retailers of grade B. */
static void make_owners(void) {
    xinyi *x = connect_or_fail();
    xinyi_put_entry entries[ACCOUNTS];
    xinyi_put_reply replies[ACCOUNTS];
    for (unsigned a = 0; a < ACCOUNTS; a++) {
        entries[a] =
            (xinyi_put_entry){.mask = RETAILER_FIELD | MARKET_GRADE_FIELD, .profile = bare_profile(owner_of(a))};
        entries[a].profile.roles = 1;
        entries[a].profile.market_grade = 2;
    }
    if (xinyi_put(x, entries, ACCOUNTS, replies) != 0) fail(xinyi_last_error(x));
    for (unsigned a = 0; a < ACCOUNTS; a++)
        if (replies[a].status != 0) fail(xinyi_status_text(replies[a].status));
    xinyi_close(&x);
}

static int load(void) {
    static job jobs[THREADS_MAX];
    make_owners();
    for (unsigned t = 0; t < threads; t++)
        jobs[t] = (job){.thread = t,
                        .random = seed * 1000003 + t,
                        .unit = (uint64_t)round_number << 24,
                        .until = now_s() + seconds};
    return run_threads(load_thread, jobs, sizeof *jobs);
}

/* ------------------------------------------------------------------ finish */

static xinyi_operation_id *all_ids;
static size_t all_count, all_room;

static void take_line(const char *line) {
    char text[64];
    if (sscanf(line, "I %*u %*u %*u %63s", text) != 1) return;
    ARRAY_ADD(all_ids, all_count, all_room);
    if (xinyi_operation_parse(text, &all_ids[all_count++]) != 0) fail("bad id in the log");
}

static void read_accounts(xinyi *x, xinyi_account_reply accounts[ACCOUNTS]) {
    xinyi_subject owners[ACCOUNTS];
    for (unsigned a = 0; a < ACCOUNTS; a++) owners[a] = owner_of(a);
    if (xinyi_accounts(x, XINYI_PROGRAM_POWER, XINYI_FOR_POWER_TRADING, owners, ACCOUNTS, accounts) != 0)
        fail(xinyi_last_error(x));
}

static bool same_versions(const xinyi_account_reply *a, const xinyi_account_reply *b) {
    for (unsigned i = 0; i < ACCOUNTS; i++)
        if (a[i].account.version != b[i].account.version) return false;
    return true;
}

static void log_outcomes(const xinyi_outcome_reply *outcomes) {
    for (size_t i = 0; i < all_count; i++) {
        char id[XINYI_OPERATION_TEXT];
        const xinyi_outcome_reply *o = &outcomes[i];
        const xinyi_operation_reply *r = &o->reply;
        xinyi_operation_format(&all_ids[i], id);
        if (o->status != 0 && o->status != XINYI_UNKNOWN_OPERATION) fail(xinyi_status_text(o->status));
        put_line("O %d %s %u %u %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %u %" PRId64 "\n",
                 o->status == 0, id, r->status, r->account_version, r->amount_fen, r->limit_fen, r->used_fen,
                 r->committed_fen, r->expires_ms, o->state, o->at_ms);
    }
}

static void log_accounts(const xinyi_account_reply *accounts) {
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        const xinyi_account *a = &accounts[i].account;
        int64_t lodged = 0;
        for (uint32_t k = 0; k < a->instrument_count; k++) lodged += a->instruments[k].amount_fen;
        put_line("Q %u %u %" PRId64 " %" PRId64 " %u %" PRId64 " %u\n", i, a->version, a->reserved_fen,
                 a->committed_fen, a->open_reservations, lodged, (a->flags & XINYI_ACCOUNT_FROZEN) != 0);
    }
}

/* ------------------------------------------------------------------ histories */

typedef struct event {
    unsigned account, version;
    xinyi_operation_id id; /* of the operation, or of the reservation that ended by its time */
    int64_t reserved, committed;
    bool expiry;
} event;
static event *events;
static size_t event_count, event_room;

/* What follows "name": in the object from `at` on. */
static const char *member(const char *at, const char *name) {
    char key[48];
    int n = snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = strstr(at, key), *end = strchr(at, '}');
    if (found == NULL || end == NULL || found > end) fail("an event of a history without a member");
    return found + n;
}

static const char *take_event(const char *at, unsigned account) {
    event e = {.account = account};
    e.version = (unsigned)strtoul(member(at, "version"), NULL, 10);
    e.reserved = strtoll(member(at, "reserved_fen"), NULL, 10);
    e.committed = strtoll(member(at, "committed_fen"), NULL, 10);
    e.expiry = strncmp(member(at, "kind"), "\"expiry\"", 8) == 0;
    char id[XINYI_OPERATION_TEXT];
    snprintf(id, sizeof id, "%s", member(at, e.expiry ? "reservation" : "operation") + 1);
    if (xinyi_operation_parse(id, &e.id) != 0) fail("an event of a history without an id");
    ARRAY_ADD(events, event_count, event_room);
    events[event_count++] = e;
    return strchr(at, '}') + 1;
}

static void read_history(xinyi *x, unsigned account) {
    char subject[XINYI_SUBJECT_TEXT], command[160];
    const char *document;
    xinyi_subject owner = owner_of(account);
    xinyi_subject_format(&owner, subject);
    for (unsigned before = 0; before != 1;) {
        snprintf(command, sizeof command,
                 "{\"command\":\"quota_history\",\"subject\":\"%s\",\"program\":1,\"max\":1024,\"before\":%u}", subject,
                 before);
        if (xinyi_command(x, command, &document) != 0) fail(xinyi_last_error(x));
        const char *at = strstr(document, "\"events\":[");
        if (at == NULL) fail("a history without events");
        size_t first = event_count;
        for (at += 10; *at == '{' || *at == ',';) at = *at == '{' ? take_event(at, account) : at + 1;
        if (first == event_count) return;
        before = events[first].version;
    }
}

static void log_histories(void) {
    for (size_t i = 0; i < event_count; i++) {
        char id[XINYI_OPERATION_TEXT];
        const event *e = &events[i];
        put_line("H %u %u %s %" PRId64 " %" PRId64 " %d\n", e->account, e->version, xinyi_operation_format(&e->id, id),
                 e->reserved, e->committed, e->expiry);
    }
}

/* Outcomes, histories and accounts of one moment: again if a reservation ended in between. */
static int finish(void) {
    xinyi *x = connect_or_fail();
    read_log(take_line);
    xinyi_outcome_reply *outcomes = malloc((all_count + 1) * sizeof *outcomes);
    xinyi_account_reply before[ACCOUNTS], after[ACCOUNTS];
    if (outcomes == NULL) fail("no memory");
    do {
        read_accounts(x, before);
        if (xinyi_outcome(x, all_ids, all_count, outcomes) != 0) fail(xinyi_last_error(x));
        event_count = 0;
        for (unsigned a = 0; a < ACCOUNTS; a++)
            if (before[a].status == 0) read_history(x, a); /* else nobody has opened it */
        read_accounts(x, after);
    } while (!same_versions(before, after));
    log_outcomes(outcomes);
    log_histories();
    log_accounts(after);
    printf("%zu outcomes, %zu events\n", all_count, event_count);
    free(events);
    free(outcomes);
    free(all_ids);
    xinyi_close(&x);
    return 0;
}

int main(int argc, char **argv) {
    tool = "crash_ledger";
    threads = 16;
    if (!read_arguments(argc, argv, "load|finish")) return 2;
    return strcmp(argv[1], "finish") == 0 ? finish() : load();
}
