/* The order of steps is that of server/commit.c. What the real one does beside requests (sweep, watch) is a part of
 * every group here, in portions of random size. */
#include "tests/sim/sim_server.h"

#include "base/check.h"
#include "tests/sim/breaks.h"
#include "tests/sim/rules.h"

#include <inttypes.h>

#define HEAL_EVERY_MS 200
#define TAKEN_MOST 12 /* requests of a group */

typedef struct taken {
    reply replies[TAKEN_MOST];
    unsigned count;
} taken;

void server_init(sim_server *s, sim_clock *clock, book *b, clients *c, disk *d) {
    *s = (sim_server){.clock = clock, .book = b, .clients = c, .disk = d};
}

/* The process is gone with all it had in memory. */
static void forget(sim_server *s) {
    if (s->txn != NULL && s->group_open) txn_abort(s->txn);
    txn_destroy(&s->txn);
    engine_destroy(&s->engine);
    sim_journal_close(&s->journal);
    s->up = s->in_trouble = s->undecided = s->group_open = false;
    s->held_ms = 0;
}

void server_deinit(sim_server *s) {
    forget(s);
    buf_deinit(&s->changes);
    buf_deinit(&s->history);
}

/* The machine comes back after a while, perhaps with another idea of the time. */
static void die(sim_server *s) {
    forget(s);
    disk_revive(s->disk, sim_one_in(s->clock, 2));
    s->deaths++;
    if (sim_one_in(s->clock, 3)) s->disk->dies_in = 1 + sim_below(s->clock, 120); /* while it starts */
    s->next_heal_ms = s->clock->mono_ms + sim_below(s->clock, 200);
    if (sim_one_in(s->clock, 4)) s->clock->wall_ms += (int64_t)sim_below(s->clock, 120000) - 60000;
}

/* True if it has died. */
static bool died(sim_server *s, status code) {
    if (code != STATUS_CLOSED) return false;
    die(s);
    return true;
}

void server_kill(sim_server *s) {
    s->disk->dies_in = 1;
    if (disk_point(s->disk, DISK_AT_PUBLISHED) != STATUS_CLOSED) sim_fail("a death that did not happen");
    die(s);
}

/* ------------------------------------------------------------------ starting */

static status new_engine(engine **out) {
    engine_options options = {
        .max_subjects = 4096, .max_accounts = 4096, .seed = 0x51A7, .operations_kept_ms = SIM_KEPT_MS};
    return engine_create(&options, out);
}

static status apply(void *context, const change *record) { return engine_apply(context, record); }

static status load(sim_server *s) {
    CHECK(new_engine(&s->engine) == STATUS_OK);
    status code = sim_journal_load(&s->journal, apply, s->engine);
    if (code != STATUS_OK) return code;
    code = engine_recovered(s->engine);
    if (code != STATUS_OK) snprintf(s->journal.problem, sizeof s->journal.problem, "what was loaded does not fit");
    return code;
}

/* A flipped bit must not go unseen. */
static status load_flipped(sim_server *s) {
    uint64_t which = help_random(&s->clock->random);
    if (!sim_journal_flip(&s->journal, which)) return STATUS_OK;
    status code = load(s);
    engine_destroy(&s->engine);
    CHECK(sim_journal_flip(&s->journal, which));
    s->flipped++;
    if (code == STATUS_OK) sim_fail("a flipped bit was not found");
    return code == STATUS_CLOSED ? code : STATUS_OK;
}

/* What has become of the group that was under way: the journal and the engine must say the same. */
static void settle_after_start(sim_server *s) {
    uint64_t last = s->journal.sequence;
    bool there = last == s->durable + 1;
    if (last != s->durable && !(there && s->in_flight))
        sim_fail("the journal ends with group %" PRIu64 ", but group %" PRIu64 " was durable", last, s->durable);
    operation_id witness;
    int64_t at_ms;
    if (s->in_flight && book_witness(s->book, &witness, &at_ms)) {
        operation_entry entry;
        txn_begin(s->txn, s->group_ms < s->clock->wall_ms ? s->group_ms : s->clock->wall_ms);
        bool known = txn_outcome(s->txn, &witness, &entry) == STATUS_OK && entry.at_ms == at_ms;
        txn_abort(s->txn);
        if (known != there)
            sim_fail("group %" PRIu64 " is half there: in the log %d, operation %" PRIu64 " %d", s->durable + 1, there,
                     book_number(&witness), known);
    }
    if (there)
        book_confirm(s->book, s->group_ms);
    else
        book_drop(s->book);
    s->settled_there += there && s->in_flight;
    s->settled_gone += !there && s->in_flight;
    s->in_flight = false;
    s->durable = last;
    uint64_t digest = book_digest(s->engine);
    if (!there && s->digest != 0 && digest != s->digest)
        sim_fail("another state after the start than was durable before");
    s->digest = digest;
    book_take_alerts(s->book, s->engine);
}

static void start(sim_server *s) {
    status code = sim_journal_open(&s->journal, s->disk);
    if (code == STATUS_OK && s->flips && sim_one_in(s->clock, 4)) code = load_flipped(s);
    if (code == STATUS_OK) code = load(s);
    if (died(s, code)) return;
    if (code == STATUS_IO_ERROR || code == STATUS_NO_SPACE) { /* the disk is ill: later */
        forget(s);
        s->next_heal_ms = s->clock->mono_ms + HEAL_EVERY_MS;
        return;
    }
    if (code != STATUS_OK) sim_fail("the start fails: %s: %s", status_name(code), s->journal.problem);
    CHECK(txn_create(s->engine, &s->txn) == STATUS_OK);
    s->up = true;
    s->starts++;
    settle_after_start(s);
    server_check(s);
}

/* ------------------------------------------------------------------ executing */

static void execute_operations(sim_server *s, const request *r, reply *out) {
    const operation *all[REQUEST_MOST];
    for (unsigned i = 0; i < r->count; i++) all[i] = &r->operations[i];
    txn_prefetch(s->txn, all, r->count);
    txn_operate_all(s->txn, r->operations, r->count, out->results);
    for (unsigned i = 0; i < r->count; i++) {
        operation_entry entry;
        bool kept = txn_outcome(s->txn, &r->operations[i].id, &entry) == STATUS_OK;
        bool of_chain = ((r->operations[i].flags | (i > 0 ? all[i - 1]->flags : 0)) & OPERATION_LINKED) != 0;
        book_note(s->book, &r->operations[i], &out->results[i], kept ? entry.at_ms : 0, of_chain);
    }
}

static void execute_outcomes(sim_server *s, const request *r, reply *out) {
    for (unsigned i = 0; i < r->count; i++) {
        operation_entry entry;
        if (txn_outcome(s->txn, &r->operations[i].id, &entry) == STATUS_OK &&
            memcmp(&entry.request, &r->operations[i], sizeof entry.request) == 0)
            operation_entry_result(&entry, &out->results[i]);
        else
            out->results[i] = (operation_result){.status = STATUS_UNKNOWN_OPERATION, .flags = UINT8_MAX};
    }
}

/* A set is activated in the open group; the real server gives it one of its own. */
static void execute_policy(sim_server *s, unsigned variant) {
    uint32_t version = engine_policy_newest(s->engine) + 1;
    if (s->book->group_policy != 0) return; /* one a group */
    status code = txn_activate(s->txn, rules_compile(variant, version), rules_files(variant), RULES_FILES);
    if (code != STATUS_OK) sim_fail("a policy set is refused: %s", status_name(code));
    book_note_policy(s->book, version);
}

static void execute(sim_server *s, const request *r, reply *out) {
    uint32_t version;
    report_result result;
    *out = (reply){.client = r->client, .number = r->number, .kind = r->kind, .count = r->count};
    memcpy(out->operations, r->operations, sizeof out->operations);
    switch (r->kind) {
    case ASK_OPERATE: execute_operations(s, r, out); break;
    case ASK_OUTCOME: execute_outcomes(s, r, out); break;
    case ASK_PUT:
        if (txn_put(s->txn, &r->put, &version) != STATUS_OK) sim_fail("a put is refused");
        break;
    case ASK_REPORT:
        if (txn_report(s->txn, &r->report, &result) != STATUS_OK) sim_fail("a report is not executed");
        break;
    case ASK_ACKNOWLEDGE:
        if (txn_acknowledge(s->txn, r->alert) == STATUS_OK) book_note_acknowledged(s->book, r->alert);
        break;
    case ASK_POLICY: execute_policy(s, r->variant); break;
    }
}

static void answer(sim_server *s, taken *t, status whole) {
    for (unsigned i = 0; i < t->count; i++) {
        t->replies[i].whole = whole;
        clients_reply(s->clients, &t->replies[i]);
    }
}

/* ------------------------------------------------------------------ groups */

static void publish(sim_server *s, uint64_t sequence) {
    txn_publish(s->txn, sequence);
    s->group_open = s->in_flight = s->undecided = false;
    s->durable = sequence;
    book_confirm(s->book, s->group_ms);
    book_take_alerts(s->book, s->engine);
    s->digest = book_digest(s->engine);
    s->groups++;
}

static void abandon(sim_server *s) {
    txn_abort(s->txn);
    s->group_open = s->in_flight = s->undecided = false;
    book_drop(s->book);
}

static status begin_trouble(sim_server *s, taken *t) {
    s->in_trouble = true;
    s->next_heal_ms = s->clock->mono_ms;
    s->undecided = !sim_journal_untouched(&s->journal);
    if (!s->undecided) abandon(s);
    answer(s, t, s->undecided ? broken(BREAK_ANSWER_UNDECIDED) ? STATUS_OK : STATUS_OUTCOME_UNKNOWN : STATUS_READ_ONLY);
    return STATUS_OK;
}

/* CLOSED: it has died. */
static status make_durable(sim_server *s, taken *t) {
    buf_clear(&s->changes);
    buf_clear(&s->history);
    status code = txn_changes(s->txn, &s->changes, &s->history);
    if (code != STATUS_OK) sim_fail("the group's changes: %s", status_name(code));
    uint64_t sequence = s->journal.sequence;
    if (s->changes.size == 0 && s->history.size == 0) {
        publish(s, sequence);
        answer(s, t, STATUS_OK);
        return STATUS_OK;
    }
    if (broken(BREAK_PUBLISH_EARLY)) {
        publish(s, sequence + 1);
        answer(s, t, STATUS_OK);
        if (sim_journal_commit(&s->journal, s->clock->wall_ms, &s->changes, &s->history, &sequence) == STATUS_CLOSED)
            return STATUS_CLOSED;
        s->in_trouble = s->journal.read_only;
        return STATUS_OK;
    }
    s->in_flight = true;
    code = sim_journal_commit(&s->journal, s->clock->wall_ms, &s->changes, &s->history, &sequence);
    if (code == STATUS_CLOSED) return code;
    if (code != STATUS_OK) return begin_trouble(s, t);
    if (disk_point(s->disk, DISK_AT_COMMITTED) != STATUS_OK) return STATUS_CLOSED;
    publish(s, sequence);
    if (disk_point(s->disk, DISK_AT_PUBLISHED) != STATUS_OK) return STATUS_CLOSED;
    answer(s, t, STATUS_OK);
    return STATUS_OK;
}

static void run_group(sim_server *s) {
    static taken t;
    request r;
    t.count = 0;
    if (s->clock->wall_ms > s->held_ms) s->held_ms = s->clock->wall_ms;
    s->group_ms = s->held_ms;
    txn_begin(s->txn, s->clock->wall_ms);
    s->group_open = true;
    unsigned most = 1 + sim_below(s->clock, TAKEN_MOST);
    while (t.count < most && clients_arrived(s->clients, &r)) execute(s, &r, &t.replies[t.count++]);
    txn_sweep(s->txn, sim_below(s->clock, 8));
    txn_watch(s->txn, sim_below(s->clock, 8));
    died(s, make_durable(s, &t));
}

/* ------------------------------------------------------------------ trouble */

static void refuse_arrived(sim_server *s) {
    static taken t;
    request r;
    for (t.count = 0; t.count < TAKEN_MOST && clients_arrived(s->clients, &r); t.count++)
        t.replies[t.count] = (reply){.client = r.client, .number = r.number, .kind = r.kind};
    answer(s, &t, STATUS_READ_ONLY);
}

static void heal(sim_server *s) {
    bool applied;
    s->next_heal_ms = s->clock->mono_ms + HEAL_EVERY_MS;
    status code = sim_journal_heal(&s->journal, &applied);
    if (died(s, code)) return;
    if (code == STATUS_IO_ERROR || code == STATUS_NO_SPACE) return;
    if (code != STATUS_OK) sim_fail("healing: %s: %s", status_name(code), s->journal.problem);
    s->in_trouble = false;
    s->heals++;
    if (!s->undecided) return;
    uint64_t sequence = s->durable + 1;
    s->settled_there += applied;
    s->settled_gone += !applied;
    bool keep = (applied && !broken(BREAK_ALWAYS_ABORT)) || broken(BREAK_FORGET_ABORT);
    if (keep)
        publish(s, sequence);
    else
        abandon(s);
    server_check(s);
}

/* The journal has fallen ill outside of a commit: nothing of a group is in doubt. */
static void notice_trouble(sim_server *s) {
    if (!s->journal.read_only || s->in_trouble) return;
    s->in_trouble = true;
    s->next_heal_ms = s->clock->mono_ms;
}

void server_fold(sim_server *s) {
    if (!s->up || s->in_trouble) return;
    status code = sim_journal_fold(&s->journal);
    if (code == STATUS_CORRUPT) sim_fail("folding: %s", s->journal.problem);
    if (!died(s, code)) notice_trouble(s);
}

static void cut_history(sim_server *s) {
    int64_t before_ms = engine_history_cut_ms(s->engine, s->held_ms);
    if (broken(BREAK_CUT_EARLY)) before_ms = s->held_ms - SIM_KEPT_MS / 20;
    if (s->book->newest_ms < s->held_ms) s->book->newest_ms = s->held_ms;
    if (!died(s, sim_journal_cut_history(&s->journal, before_ms))) notice_trouble(s);
}

/* ------------------------------------------------------------------ turns */

static bool anything_to_do(sim_server *s) {
    for (uint32_t i = 0; i < s->clients->wire_count; i++) {
        const message *m = s->clients->wire[i];
        if (m->to_server && m->due_ms <= s->clock->mono_ms) return true;
    }
    return engine_next_due_ms(s->engine) <= s->clock->wall_ms || sim_one_in(s->clock, 10);
}

void server_turn(sim_server *s) {
    if (!s->up) {
        if (s->clock->mono_ms >= s->next_heal_ms) start(s);
        return;
    }
    if (s->in_trouble) {
        if (s->clock->mono_ms >= s->next_heal_ms) heal(s);
        if (s->up && s->in_trouble) refuse_arrived(s);
        return;
    }
    if (anything_to_do(s)) run_group(s);
    if (s->up && !s->in_trouble && sim_one_in(s->clock, 12)) cut_history(s);
}

bool server_check(sim_server *s) {
    if (!s->up || s->in_trouble) return false;
    int64_t now_ms = s->held_ms > s->clock->wall_ms ? s->held_ms : s->clock->wall_ms;
    book_check(s->book, s->engine, s->txn, now_ms);
    s->held_ms = now_ms;
    s->checks++;
    return true;
}
