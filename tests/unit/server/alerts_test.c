/* The commands about alerts on the commit thread: what they answer, what is durable, and what the board shows when the
 * journal fails. The test is the thread of commands. */
#include "base/clock.h"
#include "base/rcu.h"
#include "persist/fault.h"
#include "server/command.h"
#include "server/commit.h"
#include "server/watch.h"
#include "server/worker.h"
#include "tests/unit/engine_policy.h"
#include "tests/unit/persist/journal_help.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_MS 20000

static server s;
static char *directory;
static uploads drafts;
static char problem[COMMAND_PROBLEM];
static uint64_t operations;
static bool frozen; /* the account */

static status apply(void *context, const change *record) { return engine_apply(context, record); }

static void run(void) {
    journal_options options = {.directory = directory, .cluster = "test", .min_free_bytes = UINT64_MAX};
    s = (server){.config = {.queue_bytes = 1 << 20, .max_connections = 1}, .worker_count = 1};
    expect_ok(journal_open(&options, &s.journal, NULL, 0));
    engine_options space = {.max_subjects = 1 << 20, .max_accounts = 1 << 16, .seed = journal_seed(s.journal)};
    expect_ok(engine_create(&space, &s.engine));
    expect_ok(journal_load(s.journal, 1, apply, NULL, s.engine, NULL, 0));
    expect_ok(engine_recovered(s.engine));
    expect_ok(commit_init(&s));
    policy_file file = {.name = "power.yaml", .text = HELP_POLICY, .length = sizeof HELP_POLICY - 1};
    if (engine_policy_newest(s.engine) == 0)
        expect_ok(commit_activate(&s, help_policy(HELP_POLICY, 1), &file, 1, NULL));
    s.workers = calloc(1, sizeof *s.workers);
    expect_ok(worker_create(&s, 0, -1, &s.workers[0]));
    expect_ok(commit_start(&s));
}

static void halt(void) {
    commit_stop(&s);
    worker_destroy(&s.workers[0]);
    free(s.workers);
    commit_deinit(&s);
    journal_close(&s.journal);
    rcu_drain();
    engine_destroy(&s.engine);
}

static void start(void) {
    directory = help_directory();
    rcu_enter();
    rcu_rest();
    run();
}

static void stop(void) {
    halt();
    rcu_wake();
    rcu_leave();
    fault_clear();
    help_remove_parent(&directory);
}

static void again(void) {
    halt();
    run();
}

static void nap(unsigned ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL); }

/* ------------------------------------------------------------------ raising them */

static operation operation_of(unsigned kind) {
    uint64_t number = UINT64_C(53000019900101001);
    operation o = {.program = 1, .kind = (uint8_t)kind, .subject = {{SUBJECT_PERSON}}};
    for (int b = 11; b >= 1; b--, number >>= 8) o.subject.bytes[b] = (uint8_t)number;
    memcpy(o.id.bytes, &(uint64_t){++operations}, 8);
    return o;
}

/* worker_deliver has put the answer into the mail that no loop takes. */
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

static status operate(const operation *o) {
    write_request *r = write_request_new(MESSAGE_QUOTA_OPERATE, 1, sizeof *o, sizeof(operation_result));
    cr_assert_not_null(r);
    memcpy(r->entries, o, sizeof *o);
    r->worker = s.workers[0];
    r->arrived_ns = clock_mono_ns();
    cr_assert(commit_submit(s.committer, r, r, r->bytes));
    r = answer();
    operation_result result;
    memcpy(&result, r->replies, sizeof result);
    status code = r->whole != STATUS_OK ? r->whole : (status)result.status;
    write_request_free(r);
    return code;
}

/* An account, and n alerts about it. */
static void raise_alerts(unsigned n) {
    operation o = operation_of(OPERATION_PLEDGE);
    o.instrument = operations;
    o.instrument_kind = INSTRUMENT_DEPOSIT;
    o.amount_fen = 100;
    o.to_hour = UINT32_MAX;
    if (alerts_newest(engine_alerts(s.engine)) == 0) {
        profile_put *p;
        write_request *r = write_request_new(MESSAGE_PUT, 1, sizeof *p, sizeof(wire_put_reply));
        p = r->entries;
        *p = (profile_put){.mask = UINT64_C(1) << FIELD_generator};
        profile_init(&p->fields, &o.subject);
        p->fields.roles = PROFILE_ROLE_GENERATOR;
        r->worker = s.workers[0];
        r->arrived_ns = clock_mono_ns();
        cr_assert(commit_submit(s.committer, r, r, r->bytes));
        write_request_free(answer());
        expect_ok(operate(&o));
    }
    for (unsigned i = 0; i < n; i++) {
        operation f = operation_of(frozen ? OPERATION_UNFREEZE : OPERATION_FREEZE);
        frozen = !frozen;
        expect_ok(operate(&f));
    }
}

/* ------------------------------------------------------------------ asking */

static json_t *ask(status expected, const char *text) {
    command *c = command_new((const uint8_t *)text, strlen(text), &drafts);
    cr_assert_not_null(c);
    status got = command_execute(&s, c);
    snprintf(problem, sizeof problem, "%s", c->problem);
    cr_assert_eq(got, expected, "%s gave %s (%s), not %s", text, status_name(got), problem, status_name(expected));
    json_t *document = c->document != NULL ? json_loads(c->document, 0, NULL) : NULL;
    command_free(c);
    return document;
}

static void refused(const char *said, const char *text) {
    json_decref(ask(STATUS_BAD_COMMAND, text));
    cr_assert(strstr(problem, said) != NULL, "'%s' does not say '%s'", problem, said);
}

/* The numbers of a list, of objects or plain: "1 2 3". */
static const char *numbers_of(const json_t *list) {
    static char text[256];
    const json_t *one;
    size_t i;
    text[0] = '\0';
    cr_assert(json_is_array(list));
    json_array_foreach(list, i, one) {
        const json_t *n = json_is_object(one) ? json_object_get(one, "number") : one;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%" JSON_INTEGER_FORMAT, i > 0 ? " " : "",
                 json_integer_value(n));
    }
    return text;
}

static void expect_open(const char *numbers) {
    json_t *d = ask(STATUS_OK, "{\"command\": \"alerts\"}");
    cr_assert_str_eq(numbers_of(json_object_get(d, "alerts")), numbers);
    cr_assert(json_is_null(json_object_get(d, "next")));
    cr_assert_eq(json_integer_value(json_object_get(d, "open")),
                 (json_int_t)json_array_size(json_object_get(d, "alerts")));
    json_decref(d);
    alert open[64]; /* the engine says the same */
    rcu_wake();
    size_t n = alerts_after(engine_alerts(s.engine), 0, open, 64), at = 0;
    rcu_rest();
    char text[256] = "";
    for (; at < n; at++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%" PRIu64, at > 0 ? " " : "", open[at].number);
    cr_assert_str_eq(text, numbers);
}

static void acknowledge(const char *numbers, int64_t acknowledged, const char *unknown) {
    char text[256];
    snprintf(text, sizeof text, "{\"command\": \"alert_ack\", \"numbers\": [%s]}", numbers);
    json_t *d = ask(STATUS_OK, text);
    cr_assert_eq(json_integer_value(json_object_get(d, "acknowledged")), acknowledged);
    cr_assert_str_eq(numbers_of(json_object_get(d, "unknown")), unknown);
    json_decref(d);
}

Test(alerts, what_cannot_be_understood, .timeout = 60) {
    start();
    refused("'numbers' must be a list", "{\"command\": \"alert_ack\"}");
    refused("'numbers' must be a list", "{\"command\": \"alert_ack\", \"numbers\": []}");
    refused("'numbers' must be a list", "{\"command\": \"alert_ack\", \"numbers\": 1}");
    refused("whole, from 1 on", "{\"command\": \"alert_ack\", \"numbers\": [1, 0]}");
    refused("whole, from 1 on", "{\"command\": \"alert_ack\", \"numbers\": [1.5]}");
    refused("whole, from 1 on", "{\"command\": \"alert_ack\", \"numbers\": [\"1\"]}");
    refused("'max' must be", "{\"command\": \"alerts\", \"max\": 0}");
    refused("'max' must be", "{\"command\": \"alerts\", \"max\": 1001}");
    refused("'after' must be", "{\"command\": \"alerts\", \"after\": -1}");
    refused("does not know 'number'", "{\"command\": \"alert_ack\", \"number\": 1}");
    buf many = {0};
    buf_append_str(&many, "{\"command\": \"alert_ack\", \"numbers\": [1");
    for (unsigned i = 0; i < 1000; i++) buf_append_str(&many, ",1");
    buf_append_str(&many, "]}");
    refused("1 to 1000 numbers", buf_cstr(&many));
    buf_deinit(&many);
    expect_open("");
    acknowledge("1, 9223372036854775807, 1", 0, "1 9223372036854775807");
    stop();
}

Test(alerts, are_listed_and_acknowledged_for_good, .timeout = 60) {
    start();
    raise_alerts(5);
    expect_open("1 2 3 4 5");
    json_t *d = ask(STATUS_OK, "{\"command\": \"alerts\", \"after\": 1, \"max\": 2}");
    cr_assert_str_eq(numbers_of(json_object_get(d, "alerts")), "2 3");
    cr_assert_eq(json_integer_value(json_object_get(d, "next")), 3);
    cr_assert_eq(json_integer_value(json_object_get(d, "open")), 5);
    cr_assert_eq(json_integer_value(json_object_get(d, "newest")), 5);
    const json_t *one = json_array_get(json_object_get(d, "alerts"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(one, "kind")), "unfrozen");
    cr_assert_str_eq(json_string_value(json_object_get(one, "title")), "账户解冻");
    cr_assert_eq(json_integer_value(json_object_get(one, "lodged_fen")), 100);
    cr_assert(json_is_null(json_object_get(one, "due")));
    cr_assert_null(json_object_get(one, "instrument"));
    json_decref(d);
    acknowledge("4, 2, 4, 17", 2, "17");
    expect_open("1 3 5");
    again();
    expect_open("1 3 5");
    acknowledge("5, 4", 1, "4");
    again();
    expect_open("1 3");
    raise_alerts(1);
    expect_open("1 3 6");
    stop();
}

/* The journal fails while an acknowledgement is written; `applied`: it is on disk all the same. */
static void fail_acknowledging(bool applied) {
    start();
    raise_alerts(3);
    fault_arm(FAULT_REOPEN, 1, 0, STATUS_IO_ERROR);
    fault_arm(applied ? FAULT_COMMITTED : FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
    json_decref(ask(STATUS_OUTCOME_UNKNOWN, "{\"command\": \"alert_ack\", \"numbers\": [2]}"));
    expect_open("1 2 3");
    json_decref(ask(STATUS_READ_ONLY, "{\"command\": \"alert_ack\", \"numbers\": [1]}"));
    fault_clear();
    for (unsigned waited = 0; waited < WAIT_MS; waited += 10, nap(10)) {
        commit_snapshot now;
        commit_get_snapshot(s.committer, &now);
        if (!now.read_only) break;
    }
    expect_open(applied ? "1 3" : "1 2 3");
    acknowledge("2", applied ? 0 : 1, applied ? "2" : "");
    expect_open("1 3");
    again();
    expect_open("1 3");
    stop();
}

Test(alerts, an_acknowledgement_of_unknown_fate_that_was_kept, .timeout = 60) { fail_acknowledging(true); }
Test(alerts, an_acknowledgement_of_unknown_fate_that_was_dropped, .timeout = 60) { fail_acknowledging(false); }
