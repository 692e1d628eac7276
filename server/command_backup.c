/* Backups of the running server, as jobs; and the check of everything in memory. */
#include "base/clock.h"
#include "base/rcu.h"
#include "server/backup_run.h"
#include "server/command.h"
#include "server/document.h"
#include "server/jobs.h"

#define KEEP_MOST 100000
#define CHECK_PROBLEM 400
#define CHECK_PORTION 4096 /* subjects between two moments in which memory can be given back */

/* ------------------------------------------------------------------ backup */

status command_backup(command_run *r) {
    const char *directory = NULL;
    char problem[BACKUP_PROBLEM] = "";
    int64_t keep = 0;
    job_state *state = jobs_state(r->s);
    status s = command_string(r, "directory", NULL, &directory);
    if (s == STATUS_OK) s = command_number(r, "keep", 1, KEEP_MOST, NULL, &keep);
    if (s != STATUS_OK) return s;
    if (directory == NULL || directory[0] != '/')
        return command_fail(r, STATUS_BAD_COMMAND,
                            "'directory' must be an absolute path, on the machine where the server runs");
    s = backup_check_directory(r->s->journal, directory, problem, sizeof problem);
    if (s != STATUS_OK) return command_fail(r, STATUS_BAD_COMMAND, "%s", problem[0] ? problem : status_text(s));
    uint32_t number = impact_runs_number(state->runs);
    s = backup_runs_begin(state->backups, number, directory, (unsigned)keep);
    if (s == STATUS_OVERLOADED)
        return command_fail(r, s, "another backup is running: wait for it, or cancel it (jobs)");
    if (s == STATUS_OK) command_put(r, "job", json_integer(number));
    return s;
}

static json_t *result_of(const backup_run *run) {
    char time[CLOCK_TIME_TEXT];
    const backup_info *b = &run->info;
    return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "id", (json_int_t)b->id, "time",
                     clock_format_ms(b->time_ms, time), "sequence", (json_int_t)b->sequence, "folded_sequence",
                     (json_int_t)b->folded, "bytes", (json_int_t)b->bytes, "added_bytes", (json_int_t)b->added_bytes,
                     "files", (json_int_t)b->files, "seconds", run->seconds, "writes_waited_ms",
                     (double)run->cost.held_ns / 1e6);
}

void command_backup_document(const backup_run *run, json_t **to) {
    char started[CLOCK_TIME_TEXT];
    double share = run->total_bytes > 0 ? (double)run->done_bytes / (double)run->total_bytes : 0;
    document_set(to, "job", json_integer(run->number));
    document_set(to, "kind", json_string("backup"));
    document_set(to, "state", json_string(run_state_name(run->state)));
    document_set(to, "progress", json_real(run->state == RUN_DONE ? 1 : share));
    document_set(to, "done_bytes", json_integer((json_int_t)run->done_bytes));
    document_set(to, "total_bytes", json_integer((json_int_t)run->total_bytes));
    document_set(to, "started", json_string(clock_format_ms(run->started_ms, started)));
    document_set(to, "directory", json_string(run->directory));
    if (run->state == RUN_DONE) document_set(to, "result", result_of(run));
    if (run->state != RUN_FAILED) return;
    document_set(to, "status", json_string(status_name(run->why)));
    document_set(to, "message", json_string(run->problem));
}

/* ------------------------------------------------------------------ verify */

typedef struct check_call {
    server *s;
    bool well, trouble;
    uint64_t took_ns;
    uint64_t sequence;
    uint64_t subjects; /* that were checked */
    engine_stats stats;
    char problem[CHECK_PROBLEM];
} check_call;

static void check(void *arg) {
    check_call *c = arg;
    c->trouble = !commit_is_well(c->s);
    if (c->trouble) return;
    uint64_t begin = clock_mono_ns();
    c->well = engine_check_accounts(c->s->engine, c->problem, sizeof c->problem);
    c->sequence = journal_sequence(c->s->journal);
    engine_get_stats(c->s->engine, &c->stats);
    c->took_ns = clock_mono_ns() - begin;
}

/* The subjects are too many to hold up writes for: they are walked beside them. */
static void check_subjects(check_call *c) {
    store_cursor cursor = 0;
    uint64_t before;
    rcu_wake();
    do {
        before = c->subjects;
        c->well =
            engine_check_subjects(c->s->engine, &cursor, CHECK_PORTION, &c->subjects, c->problem, sizeof c->problem);
        rcu_pass();
    } while (c->well && c->subjects > before && !atomic_load_explicit(&c->s->draining, memory_order_relaxed));
    rcu_rest();
}

status command_verify(command_run *r) {
    check_call c = {.s = r->s};
    commit_call(r->s, check, &c);
    if (!c.trouble && c.well) check_subjects(&c);
    if (c.trouble) return command_fail(r, STATUS_READ_ONLY, "storage is in trouble: verify when it is healed");
    command_put(r, "ok", json_boolean(c.well));
    command_put(r, "problem", c.well ? json_null() : json_string(c.problem));
    command_put(r, "last_sequence", json_integer((json_int_t)c.sequence));
    command_put(r, "subjects", json_integer((json_int_t)c.subjects));
    command_put(r, "accounts", json_integer((json_int_t)c.stats.accounts.records));
    command_put(r, "operations", json_integer((json_int_t)c.stats.operations));
    command_put(r, "open_reservations", json_integer((json_int_t)c.stats.open_reservations));
    command_put(r, "writes_waited_ms", json_real((double)c.took_ns / 1e6));
    return STATUS_OK;
}
