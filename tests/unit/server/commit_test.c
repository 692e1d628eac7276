/* The commit thread against a journal that fails on order: what clients are told, and what memory holds afterwards. */
#include "base/clock.h"
#include "base/rcu.h"
#include "persist/fault.h"
#include "server/connection.h"
#include "server/worker.h"
#include "tests/unit/engine_policy.h"
#include "tests/unit/persist/journal_help.h"

#include <pthread.h>
#include <time.h>

#define WAIT_MS 20000

static server s;
static char *directory;
static uint64_t min_free_bytes = UINT64_MAX;

static void start(bool thread) {
    s = (server){.config = {.queue_bytes = 1 << 20, .max_connections = 1}, .worker_count = 1};
    directory = help_directory();
    journal_options options = {.directory = directory, .cluster = "test", .min_free_bytes = min_free_bytes};
    expect_ok(journal_open(&options, &s.journal, NULL, 0));
    engine_options space = {.max_subjects = 1 << 20, .max_accounts = 1 << 16, .seed = journal_seed(s.journal)};
    expect_ok(engine_create(&space, &s.engine));
    expect_ok(journal_load(s.journal, 1, NULL, NULL, NULL, NULL, 0)); /* an empty one: nothing to visit */
    expect_ok(engine_recovered(s.engine));
    expect_ok(commit_init(&s));
    s.workers = calloc(1, sizeof *s.workers);
    expect_ok(worker_create(&s, 0, -1, &s.workers[0]));
    if (thread) expect_ok(commit_start(&s));
    rcu_enter();
    rcu_rest();
}

static void stop(void) {
    worker_destroy(&s.workers[0]);
    free(s.workers);
    commit_deinit(&s);
    journal_close(&s.journal);
    rcu_wake();
    rcu_leave();
    rcu_drain();
    engine_destroy(&s.engine);
    fault_clear();
    help_remove_parent(&directory);
}

static subject_id person(unsigned i) {
    uint64_t number = UINT64_C(53000019900101000) + i;
    subject_id id = {{SUBJECT_PERSON}};
    for (int b = 11; b >= 1; b--, number >>= 8) id.bytes[b] = (uint8_t)number;
    return id;
}

static write_request *put_of(unsigned who, uint32_t minutes, uint16_t entries) {
    write_request *r = write_request_new(MESSAGE_PUT, entries, sizeof(profile_put), sizeof(wire_put_reply));
    cr_assert_not_null(r);
    profile_put *puts = r->entries;
    for (unsigned i = 0; i < entries; i++) {
        subject_id id = person(who);
        puts[i] = (profile_put){.mask = UINT64_C(1) << FIELD_volunteer_minutes};
        profile_init(&puts[i].fields, &id);
        puts[i].fields.volunteer_minutes = minutes;
    }
    r->worker = s.workers[0];
    r->arrived_ns = clock_mono_ns();
    return r;
}

static void nap(unsigned ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL); }

/* The next answer: worker_deliver has put it into the mail that no loop takes. */
static write_request *answer(void) {
    worker *w = s.workers[0];
    for (unsigned waited = 0; waited < WAIT_MS; waited++) {
        pthread_mutex_lock(&w->mail_mutex);
        write_request *r = w->mail_first;
        if (r != NULL) w->mail_first = r->next;
        pthread_mutex_unlock(&w->mail_mutex);
        if (r != NULL) return r;
        nap(1);
    }
    cr_assert_fail("no answer");
    return NULL;
}

static status outcome_of(write_request *r) {
    wire_put_reply reply;
    memcpy(&reply, r->replies, sizeof reply);
    status result = r->whole != STATUS_OK ? r->whole : (status)reply.status;
    free(r);
    return result;
}

static status put(unsigned who, uint32_t minutes) {
    write_request *r = put_of(who, minutes, 1);
    cr_assert(commit_submit(s.committer, r, r, r->bytes));
    return outcome_of(answer());
}

/* What lookups see; 0 if the subject is unknown. */
static uint32_t minutes_of(unsigned who) {
    subject_id id = person(who);
    profile p;
    rcu_wake();
    bool found = engine_profile(s.engine, &id, (policy_moment){0}, &p);
    rcu_rest();
    return found ? p.volunteer_minutes : 0;
}

/* Writes until it works again; how many were refused on the way. */
static unsigned put_until_healed(unsigned who, uint32_t minutes) {
    for (unsigned refused = 0; refused < WAIT_MS / 20; refused++) {
        status got = put(who, minutes);
        if (got == STATUS_OK) return refused;
        cr_assert_eq(got, STATUS_READ_ONLY, "%s", status_name(got));
        nap(20);
    }
    cr_assert_fail("it does not heal");
    return 0;
}

static bool is_read_only(void) {
    commit_snapshot seen;
    commit_get_snapshot(s.committer, &seen);
    return seen.read_only;
}

Test(commit, durable_then_visible, .timeout = 60) {
    start(true);
    expect_ok(put(1, 10));
    cr_assert_eq(minutes_of(1), 10);
    cr_assert_eq(journal_sequence(s.journal), 1);
    commit_snapshot seen;
    commit_get_snapshot(s.committer, &seen);
    cr_assert(seen.groups == 1 && seen.requests == 1 && seen.engine.subjects.records == 1);
    commit_stop(&s);
    stop();
}

Test(commit, failed_group_that_is_not_on_disk, .timeout = 60) {
    start(true);
    expect_ok(put(1, 10));
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
    expect_status(put(1, 20), STATUS_OUTCOME_UNKNOWN);
    cr_assert_eq(minutes_of(1), 10, "not durable, but visible");
    put_until_healed(2, 30);
    cr_assert_eq(minutes_of(1), 10, "dropped, but visible");
    cr_assert_eq(minutes_of(2), 30);
    cr_assert_eq(journal_sequence(s.journal), 2);
    cr_assert_not(is_read_only());
    commit_stop(&s);
    stop();
}

Test(commit, failed_group_that_is_on_disk, .timeout = 60) {
    start(true);
    expect_ok(put(1, 10));
    fault_arm(FAULT_COMMITTED, 1, 1, STATUS_IO_ERROR);
    expect_status(put(1, 20), STATUS_OUTCOME_UNKNOWN);
    put_until_healed(2, 30);
    cr_assert_eq(minutes_of(1), 20, "on disk, but not visible");
    cr_assert_eq(journal_sequence(s.journal), 3);
    commit_stop(&s);
    stop();
}

Test(commit, lookups_go_on_while_it_cannot_be_healed, .timeout = 60) {
    start(true);
    expect_ok(put(1, 10));
    fault_arm(FAULT_REOPEN, 1, 2, STATUS_IO_ERROR);
    fault_arm(FAULT_COMMITTED, 1, 1, STATUS_NO_SPACE);
    expect_status(put(1, 20), STATUS_OUTCOME_UNKNOWN);
    expect_status(put(2, 30), STATUS_READ_ONLY);
    cr_assert_eq(minutes_of(1), 10);
    cr_assert_eq(minutes_of(2), 0);
    cr_assert(is_read_only());
    cr_assert_gt(put_until_healed(3, 40), 10, "healed before the disk was");
    cr_assert_eq(minutes_of(1), 20);
    cr_assert_eq(minutes_of(2), 0, "refused, but executed");
    commit_stop(&s);
    stop();
}

Test(commit, stops_in_trouble, .timeout = 60) {
    start(true);
    fault_arm(FAULT_REOPEN, 1, 0, STATUS_IO_ERROR);
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
    expect_status(put(1, 10), STATUS_OUTCOME_UNKNOWN);
    write_request *r = put_of(2, 20, 1);
    cr_assert(commit_submit(s.committer, r, r, r->bytes));
    commit_stop(&s);
    expect_status(outcome_of(answer()), STATUS_READ_ONLY);
    stop();
}

/* What is refused before anything is written was not executed, and the client is told so. */
Test(commit, too_little_space_executes_nothing, .timeout = 60) {
    min_free_bytes = UINT64_C(1) << 60;
    start(false);
    journal_stats disk;
    journal_get_stats(s.journal, &disk);
    cr_assert(disk.read_only, "nothing was tried yet, but nothing would work");
    policy_file file = {.name = "power.yaml", .text = HELP_POLICY, .length = strlen(HELP_POLICY)};
    expect_status(commit_activate(&s, help_policy(HELP_POLICY, 1), &file, 1, NULL), STATUS_READ_ONLY);
    cr_assert_not_null(strstr(journal_trouble(s.journal), "less than 1152921504606846976 bytes are free in "));
    cr_assert_eq(policy_count(engine_policy(s.engine)), 0);
    expect_ok(commit_start(&s));
    for (unsigned i = 0; i < 3; i++) {
        expect_status(put(1, 10 + i), STATUS_READ_ONLY);
        nap(400);
    }
    cr_assert_eq(minutes_of(1), 0);
    cr_assert_eq(journal_sequence(s.journal), 0);
    cr_assert(is_read_only());
    commit_stop(&s);
    stop();
}

Test(commit, a_full_queue_refuses_and_a_stop_answers, .timeout = 60) {
    start(false);
    write_request *large = put_of(1, 1, LIMIT_ENTRIES_MAX);
    large->bytes = 3 << 20; /* more than the queue: it is taken all the same, alone */
    cr_assert(commit_submit(s.committer, large, large, large->bytes));
    write_request *more = put_of(2, 1, 1);
    cr_assert_not(commit_submit(s.committer, more, more, more->bytes));
    expect_ok(commit_start(&s));
    expect_ok(outcome_of(answer()));
    cr_assert(commit_submit(s.committer, more, more, more->bytes), "room again once it is answered");
    commit_stop(&s);
    expect_ok(outcome_of(answer()));
    cr_assert(minutes_of(1) == 1 && minutes_of(2) == 1);
    stop();
}

Test(commit, deadlines_and_order, .timeout = 60) {
    start(false);
    write_request *chain[4];
    for (unsigned i = 0; i < 4; i++) {
        chain[i] = put_of(1, i + 1, 1);
        if (i > 0) chain[i - 1]->next = chain[i];
    }
    chain[1]->deadline_ms = 60000;
    chain[3]->deadline_ms = 5;
    cr_assert(commit_submit(s.committer, chain[0], chain[3], 4 * chain[0]->bytes));
    nap(10);
    expect_ok(commit_start(&s));
    for (uint32_t i = 0; i < 4; i++) {
        write_request *r = answer();
        cr_assert_eq(r, chain[i], "answers out of order");
        wire_put_reply reply;
        memcpy(&reply, r->replies, sizeof reply);
        cr_assert(i == 3 || reply.version == i + 1, "executed out of order");
        expect_status(outcome_of(r), i == 3 ? STATUS_DEADLINE : STATUS_OK);
    }
    cr_assert_eq(minutes_of(1), 3, "too late, but executed");
    cr_assert_eq(journal_sequence(s.journal), 1, "what waited together is one group");
    commit_stop(&s);
    stop();
}
