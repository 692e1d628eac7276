/* A mutex-protected list is the queue: workers append whole chains once a turn and the commit thread takes everything
 * at once, so the lock is held for a few stores and hardly ever contended; a lock-free queue would save nothing next to
 * the disk's write. Bytes, not requests, bound it. */
#include "server/commit.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/message.h"
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP_BYTES (4u << 20) /* a group is closed beyond this; one more frame still fits LIMIT_GROUP_BYTES */
#define HEAL_EVERY_NS UINT64_C(1000000000)

struct committer {
    server *server;
    txn *txn;
    buf changes;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards from here … */
    pthread_cond_t wake;
    write_request *first, *last;
    size_t queued_bytes; /* not answered yet: waiting here, or with the commit thread */
    bool stop;           /* … to here */

    bool in_trouble; /* the journal is read-only until it is healed */
    bool undecided;  /* … and the open transaction's fate is unknown until then */
    uint64_t next_heal_ns;

    uint64_t groups, requests;
    histogram commit_ns;
    pthread_mutex_t snapshot_mutex;
    commit_snapshot snapshot;
};

write_request *write_request_new(unsigned type, uint16_t count, size_t entry_size, uint16_t reply_length) {
    size_t head = (sizeof(write_request) + 15) & ~(size_t)15;
    size_t entries = (count * entry_size + 15) & ~(size_t)15;
    size_t bytes = head + entries + (size_t)count * reply_length;
    write_request *r = malloc(bytes);
    if (r == NULL) return NULL;
    *r = (write_request){.type = (uint8_t)type, .count = count, .reply_length = reply_length, .bytes = bytes};
    r->entries = (uint8_t *)r + head;
    r->replies = (uint8_t *)r + head + entries;
    memset(r->replies, 0, (size_t)count * reply_length);
    return r;
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

/* ------------------------------------------------------------------ executing */

static void execute_puts(txn *t, write_request *r) {
    const profile_put *puts = r->entries;
    wire_put_reply *replies = (wire_put_reply *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        if (replies[i].status != STATUS_OK) continue;
        uint32_t version = 0;
        status s = txn_put(t, &puts[i], &version);
        uint64_t foreign = puts[i].mask & ~profile_writable_mask();
        replies[i].status = (uint16_t)s;
        replies[i].version = version;
        if (s == STATUS_BAD_VALUE) replies[i].field = FIELD_form;
        if (s == STATUS_BAD_FIELD && foreign != 0) replies[i].field = (uint16_t)__builtin_ctzll(foreign);
    }
}

static void execute_operations(txn *t, write_request *r) {
    const operation *operations = r->entries;
    static_assert(sizeof(operation_result) == sizeof(wire_operation_reply), "a result is the reply");
    for (unsigned i = 0; i < r->count; i++) {
        if (i % LIMIT_BATCH == 0)
            txn_prefetch(t, operations + i, r->count - i < LIMIT_BATCH ? r->count - i : LIMIT_BATCH);
        operation_result *result = (operation_result *)(r->replies + (size_t)i * sizeof *result);
        if (result->status != STATUS_OK) continue;
        bool repeated;
        status s = txn_operate(t, &operations[i], result, &repeated);
        if (s != STATUS_OK) *result = (operation_result){.status = (uint16_t)s};
    }
}

static void execute_outcomes(txn *t, write_request *r) {
    const operation_id *ids = r->entries;
    wire_outcome_reply *replies = (wire_outcome_reply *)r->replies;
    for (unsigned i = 0; i < r->count; i++) {
        operation_entry entry;
        replies[i].status = (uint16_t)txn_outcome(t, &ids[i], &entry);
        if (replies[i].status != STATUS_OK) continue;
        replies[i].state = entry.state;
        memcpy(&replies[i].request, &entry.request, sizeof replies[i].request);
        memcpy(&replies[i].reply, &entry.result, sizeof replies[i].reply);
        replies[i].at_ms = entry.at_ms;
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
    engine_get_stats(c->server->engine, &stats);
    pthread_mutex_lock(&c->snapshot_mutex);
    c->snapshot.engine = stats;
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

/* What the clients of the group are told: a group that the journal refused before writing was not executed. */
static status begin_trouble(committer *c, status why) {
    const journal *j = c->server->journal;
    c->in_trouble = true;
    c->undecided = !journal_untouched(j);
    c->next_heal_ns = clock_mono_ns();
    log_event(LOG_ERROR, "storage_trouble", "status=%s reason=\"%s\" last_group=%s writes=refused lookups=served",
              status_name(why), journal_trouble(j), c->undecided ? "unknown" : "refused");
    if (c->undecided) return STATUS_OUTCOME_UNKNOWN;
    txn_abort(c->txn);
    return STATUS_READ_ONLY;
}

static status make_durable(committer *c, int64_t now_ms) {
    buf_clear(&c->changes);
    status s = txn_changes(c->txn, &c->changes);
    if (s != STATUS_OK) {
        log_event(LOG_ERROR, "group_refused", "reason=\"%s\"", status_text(s));
        txn_abort(c->txn);
        return STATUS_OVERLOADED;
    }
    if (c->changes.size > 0) {
        uint64_t began = clock_mono_ns(), sequence;
        s = journal_commit(c->server->journal, now_ms, c->changes.data, c->changes.size, &sequence);
        if (s == STATUS_TOO_LARGE) {
            txn_abort(c->txn);
            return s;
        }
        if (s != STATUS_OK) return begin_trouble(c, s);
        c->groups++;
        histogram_add(&c->commit_ns, clock_mono_ns() - began);
    }
    txn_publish(c->txn);
    return STATUS_OK;
}

/* Executes requests from *list until the group is full, commits, answers; leaves the rest in *list. */
static void run_group(committer *c, write_request **list) {
    int64_t now_ms = clock_wall_ms();
    txn_begin(c->txn, now_ms);
    write_request *taken = NULL, **tail = &taken;
    while (*list != NULL && txn_size(c->txn) < GROUP_BYTES) {
        write_request *r = *list;
        *list = r->next;
        r->next = NULL;
        execute(c->txn, r);
        c->requests++;
        *tail = r;
        tail = &r->next;
    }
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
            txn_publish(c->txn);
        else
            txn_abort(c->txn);
    }
    c->in_trouble = c->undecided = false;
    take_snapshot(c);
    log_event(LOG_INFO, "storage_healed", "sequence=%llu last_group=%s",
              (unsigned long long)journal_sequence(c->server->journal), last);
}

/* ------------------------------------------------------------------ the thread */

/* Waits for requests, for the next reservation to end, or for the next attempt to heal. */
static write_request *wait_for_work(committer *c, bool *stop) {
    int64_t wait_ms = 1000;
    if (!c->in_trouble) {
        int64_t due = engine_next_due_ms(c->server->engine), now = clock_wall_ms();
        if (due <= now)
            wait_ms = 0;
        else if (due - now < wait_ms)
            wait_ms = due - now;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&c->mutex);
    while (c->first == NULL && !c->stop && wait_ms > 0)
        if (pthread_cond_timedwait(&c->wake, &c->mutex, &until) != 0) break;
    write_request *list = c->first;
    c->first = c->last = NULL;
    *stop = c->stop;
    pthread_mutex_unlock(&c->mutex);
    return list;
}

static void *commit_main(void *arg) {
    committer *c = arg;
    for (;;) {
        bool stop;
        write_request *list = wait_for_work(c, &stop);
        if (c->in_trouble) try_heal(c);
        if (c->in_trouble) {
            deliver(c, list, STATUS_READ_ONLY);
            list = NULL;
        } else if (list == NULL && engine_next_due_ms(c->server->engine) <= clock_wall_ms()) {
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

status commit_activate(server *s, policy_set *set, const policy_file *files, size_t count) {
    committer *c = s->committer;
    int64_t now_ms = clock_wall_ms();
    txn_begin(c->txn, now_ms);
    status result = txn_activate(c->txn, set, files, count);
    if (result != STATUS_OK) {
        txn_abort(c->txn);
        return result;
    }
    return make_durable(c, now_ms);
}

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
    pthread_condattr_destroy(&attributes);
    if (txn_create(s->engine, &c->txn) != STATUS_OK) {
        free(c);
        return NULL;
    }
    return c;
}

status commit_init(server *s) {
    s->committer = committer_new(s);
    return s->committer != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

status commit_start(server *s) {
    take_snapshot(s->committer);
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
    if (c == NULL) return;
    if (c->undecided) txn_abort(c->txn);
    txn_destroy(&c->txn);
    buf_deinit(&c->changes);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->mutex);
    pthread_mutex_destroy(&c->snapshot_mutex);
    free(c);
    s->committer = NULL;
}
