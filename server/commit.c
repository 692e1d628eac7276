/* A mutex-protected list is the queue: workers append whole chains once a turn and the commit thread takes everything
 * at once, so the lock is held for a few stores and hardly ever contended; a lock-free queue would save nothing next to
 * the disk's write. Bytes, not requests, bound it. */
#include "server/commit_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/message.h"
#include "server/command.h"
#include "server/watch.h"
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEAL_EVERY_NS UINT64_C(1000000000)

write_request *write_request_new(unsigned type, uint16_t count, size_t entry_size, uint16_t reply_length) {
    size_t head = (sizeof(write_request) + 15) & ~(size_t)15;
    size_t entries = (count * entry_size + 15) & ~(size_t)15;
    size_t bytes = head + entries + (size_t)count * reply_length;
    write_request *r = malloc(bytes);
    if (r == NULL) return NULL;
    *r = (write_request){.type = (uint8_t)type, .count = count, .reply_length = reply_length, .bytes = bytes};
    r->promised = (size_t)count * reply_length;
    r->entries = (uint8_t *)r + head;
    r->replies = (uint8_t *)r + head + entries;
    memset(r->replies, 0, (size_t)count * reply_length);
    return r;
}

void write_request_free(write_request *r) {
    if (r == NULL) return;
    command_free(r->command);
    free(r);
}

bool commit_submit(committer *c, write_request *first, write_request *last, size_t bytes) {
    pthread_mutex_lock(&c->mutex);
    /* One chain always fits, or a small queue would refuse a large one for ever. */
    bool room = c->queued_bytes == 0 || c->queued_bytes + bytes <= (size_t)c->server->config.queue_bytes;
    if (room) {
        bool was_empty = c->first == NULL;
        if (was_empty)
            c->first = first;
        else
            c->last->next = first;
        c->last = last;
        c->queued_bytes += bytes;
        if (was_empty) pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&c->mutex);
    return room;
}

#define MIGRATED_A_GROUP 16384

/* ------------------------------------------------------------------ executing */

static void execute_puts(txn *t, write_request *r) {
    const profile_put *puts = r->entries;
    wire_put_reply *replies = (wire_put_reply *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        if (replies[i].status != STATUS_OK) continue;
        uint32_t version = 0;
        status s = txn_put(t, &puts[i], &version);
        replies[i].status = (uint16_t)s;
        replies[i].version = version;
        if (s == STATUS_BAD_VALUE) replies[i].field = FIELD_form;
        if (s != STATUS_BAD_FIELD) continue;
        uint64_t foreign = puts[i].mask & ~txn_source_fields(t, puts[i].flags >> PUT_SOURCE_SHIFT);
        if (foreign != 0) replies[i].field = (uint16_t)__builtin_ctzll(foreign);
    }
}

static void execute_operations(txn *t, write_request *r) {
    static_assert(sizeof(operation_result) == sizeof(wire_operation_reply), "a result is the reply");
    txn_operate_all(t, r->entries, r->count, (operation_result *)r->replies);
}

/* The misses of the operations that come next run together, whatever frames they came in. */
static void prefetch(const txn *t, const write_request *r, unsigned *ahead) {
    const operation *next[LIMIT_BATCH];
    unsigned n = 0, requests = 0;
    for (; r != NULL && r->type == MESSAGE_QUOTA_OPERATE && n < LIMIT_BATCH; r = r->next, requests++)
        for (unsigned i = 0; i < r->count && n < LIMIT_BATCH; i++) next[n++] = (const operation *)r->entries + i;
    txn_prefetch(t, next, n);
    *ahead = requests;
}

static void execute_outcomes(txn *t, write_request *r) {
    const operation_id *ids = r->entries;
    wire_outcome_reply *replies = (wire_outcome_reply *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        operation_entry entry;
        replies[i].status = (uint16_t)txn_outcome(t, &ids[i], &entry);
        if (replies[i].status != STATUS_OK) continue;
        replies[i].state = entry.state;
        operation_result answer;
        operation_entry_result(&entry, &answer);
        memcpy(&replies[i].request, &entry.request, sizeof replies[i].request);
        memcpy(&replies[i].reply, &answer, sizeof replies[i].reply);
        replies[i].at_ms = entry.at_ms;
        replies[i].committed_fen = answer.committed_fen;
        replies[i].violations = answer.violations;
    }
}

static void execute_reports(txn *t, write_request *r) {
    static_assert(sizeof(report_result) == sizeof(wire_report_reply), "a result is the reply");
    const report *reports = r->entries;
    report_result *results = (report_result *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        if (results[i].status != STATUS_OK) continue;
        status s = txn_report(t, &reports[i], &results[i]);
        if (s != STATUS_OK) results[i] = (report_result){.status = (uint16_t)s};
    }
}

static void execute(txn *t, write_request *r) {
    if (r->deadline_ms != 0 && clock_mono_ns() - r->arrived_ns > (uint64_t)r->deadline_ms * 1000000u) {
        r->whole = STATUS_DEADLINE;
        return;
    }
    switch (r->type) {
    case MESSAGE_PUT: execute_puts(t, r); break;
    case MESSAGE_QUOTA_OPERATE: execute_operations(t, r); break;
    case MESSAGE_QUOTA_OUTCOME: execute_outcomes(t, r); break;
    case MESSAGE_REPORT: execute_reports(t, r); break;
    default: CHECK(!"a write message without an executor");
    }
}

/* ------------------------------------------------------------------ answering */

/* Gives requests back to their workers, one wake-up a worker. */
static void deliver(committer *c, write_request *list, status whole) {
    write_request *heads[LIMIT_THREADS_MAX] = {NULL}, *tails[LIMIT_THREADS_MAX] = {NULL};
    size_t bytes = 0;
    while (list != NULL) {
        write_request *r = list;
        list = r->next;
        r->next = NULL;
        bytes += r->bytes;
        if (whole != STATUS_OK && r->whole == STATUS_OK) r->whole = whole;
        unsigned w = worker_index(r->worker);
        if (heads[w] == NULL)
            heads[w] = r;
        else
            tails[w]->next = r;
        tails[w] = r;
    }
    pthread_mutex_lock(&c->mutex);
    c->queued_bytes -= bytes;
    pthread_mutex_unlock(&c->mutex);
    for (unsigned w = 0; w < c->server->worker_count; w++)
        if (heads[w] != NULL) worker_deliver(c->server->workers[w], heads[w], tails[w]);
}

/* ------------------------------------------------------------------ what others may see */

static void take_snapshot(committer *c) {
    engine_stats stats;
    sweep_progress sweep;
    engine_get_stats(c->server->engine, &stats);
    engine_sweep_progress(c->server->engine, &sweep);
    pthread_mutex_lock(&c->snapshot_mutex);
    c->snapshot.engine = stats;
    c->snapshot.sweep = sweep;
    c->snapshot.groups = c->groups;
    c->snapshot.requests = c->requests;
    c->snapshot.commit_ns = c->commit_ns;
    c->snapshot.read_only = c->in_trouble;
    pthread_mutex_unlock(&c->snapshot_mutex);
}

void commit_get_snapshot(committer *c, commit_snapshot *out) {
    pthread_mutex_lock(&c->snapshot_mutex);
    *out = c->snapshot;
    pthread_mutex_unlock(&c->snapshot_mutex);
}

/* ------------------------------------------------------------------ groups */

static void publish(committer *c) {
    txn_publish(c->txn, journal_sequence(c->server->journal));
    upkeep_published(c);
    watch_publish(c->server);
}

static void abandon(committer *c) {
    txn_abort(c->txn);
    upkeep_aborted(c);
}

/* What the clients of the group are told: a group that the journal refused before writing was not executed. */
static status begin_trouble(committer *c, status why) {
    const journal *j = c->server->journal;
    c->in_trouble = true;
    c->undecided = !journal_untouched(j);
    c->next_heal_ns = clock_mono_ns();
    log_event(LOG_ERROR, "storage_trouble", "status=%s reason=\"%s\" last_group=%s writes=refused lookups=served",
              status_name(why), journal_trouble(j), c->undecided ? "unknown" : "refused");
    if (c->undecided) return STATUS_OUTCOME_UNKNOWN;
    abandon(c);
    return STATUS_READ_ONLY;
}

static status make_durable(committer *c, int64_t now_ms) {
    buf_clear(&c->changes);
    buf_clear(&c->history);
    upkeep_mark_clock(c);
    status s = txn_changes(c->txn, &c->changes, &c->history);
    if (s != STATUS_OK) {
        log_event(LOG_ERROR, "group_refused", "reason=\"%s\"", status_text(s));
        abandon(c);
        return STATUS_OVERLOADED;
    }
    if (c->changes.size + c->history.size > 0) {
        uint64_t began = clock_mono_ns(), sequence;
        s = journal_commit(c->server->journal, now_ms, c->changes.data, c->changes.size, c->history.data,
                           c->history.size, &sequence);
        if (s == STATUS_TOO_LARGE) {
            abandon(c);
            return s;
        }
        if (s != STATUS_OK) return begin_trouble(c, s);
        c->groups++;
        histogram_add(&c->commit_ns, clock_mono_ns() - began);
    }
    publish(c);
    return STATUS_OK;
}

/* Executes requests from *list until the group is full, commits, answers; leaves the rest in *list. */
static void run_group(committer *c, write_request **list) {
    int64_t now_ms = timekeeper_now_ms(&c->server->clock);
    bool idle = *list == NULL;
    txn_begin(c->txn, now_ms);
    write_request *taken = NULL, **tail = &taken;
    unsigned prefetched = 0;
    while (*list != NULL && txn_size(c->txn) < GROUP_BYTES) {
        write_request *r = *list;
        if (prefetched == 0) prefetch(c->txn, r, &prefetched);
        if (prefetched > 0) prefetched--;
        *list = r->next;
        r->next = NULL;
        execute(c->txn, r);
        c->requests++;
        *tail = r;
        tail = &r->next;
    }
    upkeep_add(c, idle);
    status whole = make_durable(c, now_ms);
    take_snapshot(c); /* before the answers: who asks next sees numbers that hold its own writes */
    deliver(c, taken, whole);
}

static void try_heal(committer *c) {
    uint64_t now = clock_mono_ns();
    if (now < c->next_heal_ns) return;
    bool applied;
    if (journal_heal(c->server->journal, &applied) != STATUS_OK) {
        c->next_heal_ns = now + HEAL_EVERY_NS;
        return;
    }
    const char *last = "refused";
    if (c->undecided) {
        last = applied ? "kept" : "dropped";
        if (applied)
            publish(c);
        else
            abandon(c);
    }
    c->in_trouble = c->undecided = false;
    take_snapshot(c);
    log_event(LOG_INFO, "storage_healed", "sequence=%llu last_group=%s",
              (unsigned long long)journal_sequence(c->server->journal), last);
}

/* ------------------------------------------------------------------ the thread */

#define SWEEP_PAUSE_MS 1 /* between portions of an idle thread's sweep: the cores are the lookups' first of all */

static int64_t how_long_to_wait(const committer *c) {
    if (c->in_trouble) return 1000;
    int64_t due = engine_next_due_ms(c->server->engine), now = timekeeper_now_ms(&c->server->clock);
    if (due <= now) return 0;
    int64_t most = upkeep_wanted(c) ? SWEEP_PAUSE_MS : 1000;
    return due - now < most ? due - now : most;
}

static struct timespec moment_in(int64_t wait_ms) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += wait_ms / 1000;
    at.tv_nsec += wait_ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* Waits for requests and calls, for the next reservation to end, or for the next attempt to heal. */
static write_request *wait_for_work(committer *c, call **calls, bool *stop) {
    int64_t wait_ms = how_long_to_wait(c);
    struct timespec until = moment_in(wait_ms);
    pthread_mutex_lock(&c->mutex);
    while (c->first == NULL && c->first_call == NULL && !c->stop && wait_ms > 0)
        if (pthread_cond_timedwait(&c->wake, &c->mutex, &until) != 0) break;
    write_request *list = c->first;
    c->first = c->last = NULL;
    *calls = c->first_call;
    c->first_call = c->last_call = NULL;
    *stop = c->stop;
    pthread_mutex_unlock(&c->mutex);
    return list;
}

static void run_calls(committer *c, call *list) {
    while (list != NULL) {
        call *next = list->next; /* the caller's memory: gone once it is done */
        list->run(list->arg);
        pthread_mutex_lock(&c->mutex);
        list->done = true;
        pthread_cond_broadcast(&c->called);
        pthread_mutex_unlock(&c->mutex);
        list = next;
    }
}

void commit_call(server *s, void (*run)(void *), void *arg) {
    committer *c = s->committer;
    call own = {.run = run, .arg = arg};
    pthread_mutex_lock(&c->mutex);
    if (c->first_call == NULL)
        c->first_call = &own;
    else
        c->last_call->next = &own;
    c->last_call = &own;
    pthread_cond_signal(&c->wake);
    while (!own.done) pthread_cond_wait(&c->called, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
}

/* Reservations that are due, counts to keep, a portion of the sweep. */
static bool idle_group_wanted(const committer *c) {
    return engine_next_due_ms(c->server->engine) <= timekeeper_now_ms(&c->server->clock) || upkeep_wanted(c);
}

static void *commit_main(void *arg) {
    committer *c = arg;
    pthread_setname_np(pthread_self(), "commit");
    for (;;) {
        bool stop;
        call *calls;
        write_request *list = wait_for_work(c, &calls, &stop);
        timekeeper_look(&c->server->clock);
        if (c->in_trouble) try_heal(c);
        run_calls(c, calls);
        upkeep_collect(c, stop);
        if (c->in_trouble) {
            deliver(c, list, STATUS_READ_ONLY);
            list = NULL;
        } else if (list == NULL && idle_group_wanted(c)) {
            run_group(c, &list);
        }
        while (list != NULL) {
            if (c->in_trouble) {
                deliver(c, list, STATUS_READ_ONLY);
                break;
            }
            run_group(c, &list);
        }
        if (stop) return NULL;
    }
}

/* ------------------------------------------------------------------ policies and counts, between groups */

/* Ends a group that was begun for one thing only. */
static status end_own(committer *c, int64_t now_ms, status so_far) {
    if (so_far != STATUS_OK) {
        abandon(c);
        return so_far;
    }
    status result = make_durable(c, now_ms);
    if (result == STATUS_OK) c->upkeep.sweep_more = true; /* other rules, perhaps */
    take_snapshot(c);
    return result;
}

static status begin_own(committer *c, int64_t *now_ms) {
    if (c->in_trouble) return STATUS_READ_ONLY;
    *now_ms = timekeeper_now_ms(&c->server->clock);
    txn_begin(c->txn, *now_ms);
    return STATUS_OK;
}

status commit_activate(server *s, policy_set *set, const policy_file *files, size_t count, const char *directory) {
    committer *c = s->committer;
    int64_t now_ms;
    status result = begin_own(c, &now_ms);
    if (result != STATUS_OK) {
        policy_destroy(&set);
        return result;
    }
    if (set != NULL) result = txn_activate(c->txn, set, files, count);
    if (result == STATUS_OK && directory != NULL) result = txn_policy_directory(c->txn, directory);
    return end_own(c, now_ms, result);
}

status commit_rollback(server *s, policy_set *set, uint32_t version) {
    committer *c = s->committer;
    int64_t now_ms;
    status result = begin_own(c, &now_ms);
    if (result != STATUS_OK) {
        policy_destroy(&set);
        return result;
    }
    return end_own(c, now_ms, txn_rollback(c->txn, set, version));
}

status commit_migrate(server *s) {
    committer *c = s->committer;
    bool more = engine_wants_migration(s->engine);
    if (more) log_event(LOG_INFO, "migration_started", "what=\"operations move into the history\"");
    while (more) {
        int64_t now_ms;
        status result = begin_own(c, &now_ms);
        if (result != STATUS_OK) return result;
        more = txn_migrate(c->txn, MIGRATED_A_GROUP);
        result = end_own(c, now_ms, STATUS_OK);
        if (result != STATUS_OK) return result;
    }
    return STATUS_OK;
}

status commit_acknowledge(server *s, const uint64_t *numbers, size_t count, bool *known) {
    committer *c = s->committer;
    int64_t now_ms;
    status result = begin_own(c, &now_ms);
    if (result != STATUS_OK) return result;
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        result = txn_acknowledge(c->txn, numbers[i]);
        known[i] = result == STATUS_OK;
        if (known[i]) watch_leaving(s, numbers[i]);
        if (result == STATUS_UNKNOWN_ALERT) result = STATUS_OK;
    }
    return end_own(c, now_ms, result);
}

/* Between groups. A failure is storage in trouble, with no group of unknown fate. */
void commit_cut_history(committer *c) {
    server *s = c->server;
    if (c->in_trouble) return;
    status result = journal_cut_history(s->journal, engine_history_cut_ms(s->engine, timekeeper_now_ms(&s->clock)));
    if (result == STATUS_OK) return;
    c->in_trouble = true;
    c->next_heal_ns = clock_mono_ns();
    log_event(LOG_ERROR, "storage_trouble", "status=%s reason=\"%s\" last_group=none writes=refused lookups=served",
              status_name(result), journal_trouble(s->journal));
}

status commit_note_clock(server *s) {
    int64_t now_ms;
    status result = begin_own(s->committer, &now_ms);
    if (result != STATUS_OK) return result;
    s->committer->upkeep.mark_wanted = true;
    return end_own(s->committer, now_ms, STATUS_OK);
}

status commit_collect(server *s) {
    committer *c = s->committer;
    upkeep_collect(c, true);
    if (c->in_trouble) return STATUS_READ_ONLY;
    write_request *none = NULL;
    run_group(c, &none);
    return c->in_trouble ? STATUS_READ_ONLY : STATUS_OK;
}

bool commit_is_well(const server *s) { return !s->committer->in_trouble; }

static committer *committer_new(server *s) {
    committer *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->server = s;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_mutex_init(&c->snapshot_mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attributes);
    pthread_cond_init(&c->called, &attributes);
    upkeep_init(c);
    pthread_condattr_destroy(&attributes);
    if (txn_create(s->engine, &c->txn) != STATUS_OK) {
        free(c);
        return NULL;
    }
    return c;
}

status commit_init(server *s) {
    if (watch_init(s) != STATUS_OK) return STATUS_NO_MEMORY;
    timekeeper_sources machine;
    timekeeper_machine(&machine);
    timekeeper_start(&s->clock, &machine, engine_clock_mark(s->engine), s->config.take_clock);
    s->committer = committer_new(s);
    return s->committer != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

status commit_start(server *s) {
    take_snapshot(s->committer);
    watch_publish(s);
    return pthread_create(&s->committer->thread, NULL, commit_main, s->committer) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void commit_stop(server *s) {
    committer *c = s->committer;
    pthread_mutex_lock(&c->mutex);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mutex);
    pthread_join(c->thread, NULL);
}

void commit_deinit(server *s) {
    committer *c = s->committer;
    watch_deinit(s);
    if (c == NULL) return;
    if (c->undecided) abandon(c);
    upkeep_deinit(c);
    txn_destroy(&c->txn);
    buf_deinit(&c->changes);
    buf_deinit(&c->history);
    pthread_cond_destroy(&c->wake);
    pthread_cond_destroy(&c->called);
    pthread_mutex_destroy(&c->mutex);
    pthread_mutex_destroy(&c->snapshot_mutex);
    free(c);
    s->committer = NULL;
}
