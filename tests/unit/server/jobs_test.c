/* Drafts and commands without sockets: what is understood, what is refused and how it is said, what is durable. The
 * test is the thread of commands. */
#include "base/clock.h"
#include "base/rcu.h"
#include "persist/fault.h"
#include "server/connection.h"
#include "server/jobs.h"
#include "server/worker.h"
#include "tests/unit/engine_policy.h"
#include "tests/unit/persist/journal_help.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

static server s;
static char *directory;
static uploads drafts; /* of the one connection */

static void load(void) {
    journal_options options = {.directory = directory, .cluster = "test", .min_free_bytes = UINT64_MAX};
    s = (server){.config = {.queue_bytes = 1 << 20, .max_connections = 1}, .worker_count = 2};
    expect_ok(journal_open(&options, &s.journal, NULL, 0));
    engine_options space = {.max_subjects = 1 << 20, .max_accounts = 1 << 16, .seed = journal_seed(s.journal)};
    expect_ok(engine_create(&space, &s.engine));
}

static status apply(void *context, const change *record) { return engine_apply(context, record); }

static void run(void) {
    expect_ok(journal_load(s.journal, 1, apply, NULL, s.engine, NULL, 0));
    expect_ok(engine_recovered(s.engine));
    expect_ok(commit_init(&s));
    expect_ok(jobs_init(&s));
    s.workers = calloc(2, sizeof *s.workers);
    for (unsigned w = 0; w < 2; w++) expect_ok(worker_create(&s, w, -1, &s.workers[w]));
    expect_ok(commit_start(&s));
}

static void start(void) {
    directory = help_directory();
    rcu_enter();
    rcu_rest();
    load();
    run();
}

/* Without the thread of commands: the test was it. */
static void halt(void) {
    impact_runs_stop(jobs_state(&s)->runs);
    commit_stop(&s);
    for (unsigned w = 0; w < 2; w++) worker_destroy(&s.workers[w]);
    free(s.workers);
    jobs_deinit(&s);
    commit_deinit(&s);
    journal_close(&s.journal);
    rcu_drain();
    engine_destroy(&s.engine);
}

static void stop(void) {
    halt();
    rcu_wake();
    rcu_leave();
    fault_clear();
    uploads_deinit(&drafts);
    help_remove_parent(&directory);
}

static void again(void) {
    halt();
    load();
    run();
}

/* ------------------------------------------------------------------ drafts */

static status take(uint32_t number_of_draft, const char *name, uint32_t total, uint32_t offset, const char *part,
                   size_t length, uint32_t *number, uint32_t *received) {
    upload u = {.draft = number_of_draft,
                .total = total,
                .offset = offset,
                .name = name,
                .name_length = (uint16_t)strlen(name),
                .part = (const uint8_t *)part,
                .part_length = length};
    return uploads_take(&drafts, &u, number, received);
}

static uint32_t put_file(uint32_t number_of_draft, const char *name, const char *text) {
    uint32_t number, received, length = (uint32_t)strlen(text);
    expect_ok(take(number_of_draft, name, length, 0, text, length, &number, &received));
    cr_assert_eq(received, length);
    return number;
}

Test(uploads, parts_come_in_order_and_files_may_be_brought_anew) {
    uint32_t number, received;
    expect_ok(take(0, "a.yaml", 10, 0, "hello", 5, &number, &received));
    cr_assert(number == 1 && received == 5);
    const policy_file *files;
    size_t count;
    const char *missing;
    draft *held[LIMIT_DRAFTS];
    uploads_hold(&drafts, held);
    cr_assert_not(draft_files(held[0], &files, &count, &missing));
    cr_assert_str_eq(missing, "a.yaml");
    /* held by a command: what comes now goes into a copy */
    expect_ok(take(1, "a.yaml", 10, 5, "world", 5, &number, &received));
    cr_assert_eq(received, 10);
    cr_assert_not(draft_files(held[0], &files, &count, &missing), "as it was");
    draft_release(held[0]);
    expect_status(take(1, "a.yaml", 10, 5, "world", 5, &number, &received), STATUS_BAD_ENTRY);
    expect_status(take(1, "a.yaml", 12, 10, "!!", 2, &number, &received), STATUS_BAD_ENTRY);
    expect_status(take(1, "b.yaml", 10, 5, "world", 5, &number, &received), STATUS_BAD_ENTRY);
    expect_status(take(1, "dir/b.yaml", 1, 0, "x", 1, &number, &received), STATUS_BAD_ENTRY);
    expect_status(take(2, "a.yaml", 1, 0, "x", 1, &number, &received), STATUS_UNKNOWN_DRAFT);
    cr_assert_eq(put_file(1, "a.yaml", "anew"), 1);
    cr_assert_eq(put_file(1, "empty.yaml", ""), 1);
    uploads_hold(&drafts, held);
    cr_assert(draft_files(held[0], &files, &count, &missing));
    cr_assert_eq(count, 2);
    cr_assert(files[0].length == 4 && memcmp(files[0].text, "anew", 4) == 0);
    cr_assert_eq(files[1].length, 0);
    draft_release(held[0]);
    uploads_deinit(&drafts);
    cr_assert_eq(uploads_bytes(), 0);
}

Test(uploads, a_third_draft_takes_the_place_of_the_oldest) {
    uint32_t number, received;
    for (uint32_t i = 1; i <= 3; i++) cr_assert_eq(put_file(0, "a.yaml", "x"), i);
    expect_status(take(1, "b.yaml", 1, 0, "x", 1, &number, &received), STATUS_UNKNOWN_DRAFT);
    cr_assert_eq(put_file(2, "b.yaml", "x"), 2);
    cr_assert_eq(put_file(3, "b.yaml", "x"), 3);
    cr_assert_eq(uploads_bytes(), 4);
    uploads_deinit(&drafts);
    cr_assert_eq(uploads_bytes(), 0);
}

Test(uploads, limits) {
    uint32_t number = 0, received;
    char *large = malloc(LIMIT_DRAFT_BYTES);
    memset(large, 'x', LIMIT_DRAFT_BYTES);
    expect_status(take(0, "a", LIMIT_POLICY_FILE_BYTES + 1, 0, large, 1, &number, &received), STATUS_TOO_LARGE);
    cr_assert_null(drafts.drafts[0], "a draft is begun only with a part that is taken");
    expect_ok(take(0, "a", LIMIT_DRAFT_BYTES - 2, 0, large, LIMIT_DRAFT_BYTES - 2, &number, &received));
    cr_assert_eq(put_file(number, "b", "12"), number);
    expect_status(take(number, "c", 1, 0, "x", 1, &number, &received), STATUS_TOO_LARGE);
    uploads many = {0};
    char name[16];
    uint32_t first = 0;
    for (unsigned i = 0; i <= LIMIT_POLICY_FILES; i++) {
        snprintf(name, sizeof name, "f%u", i);
        upload u = {.draft = first,
                    .total = 1,
                    .name = name,
                    .name_length = (uint16_t)strlen(name),
                    .part = (const uint8_t *)"x",
                    .part_length = 1};
        status got = uploads_take(&many, &u, &number, &received);
        cr_assert_eq(got, i < LIMIT_POLICY_FILES ? STATUS_OK : STATUS_TOO_LARGE);
        first = number;
    }
    uploads_deinit(&many);
    uploads_deinit(&drafts);
    free(large);
    cr_assert_eq(uploads_bytes(), 0);
}

/* ------------------------------------------------------------------ commands */

static char problem[COMMAND_PROBLEM];

/* The answer, or NULL and the status. */
static json_t *ask(status expected, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    command *c = command_new((const uint8_t *)text, strlen(text), &drafts);
    cr_assert_not_null(c);
    status got = command_execute(&s, c);
    snprintf(problem, sizeof problem, "%s", c->problem);
    cr_assert_eq(got, expected, "%s gave %s (%s), not %s", text, status_name(got), problem, status_name(expected));
    json_t *answer = c->document != NULL ? json_loads(c->document, 0, NULL) : NULL;
    cr_assert_eq(answer != NULL, got == STATUS_OK);
    command_free(c);
    return answer;
}

static void refused(status expected, const char *said, const char *text) {
    json_decref(ask(expected, "%s", text));
    cr_assert(strstr(problem, said) != NULL, "'%s' does not say '%s'", problem, said);
}

static int64_t number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_integer(value), "no number '%s'", key);
    return json_integer_value(value);
}

static void expect_number(json_t *answer, const char *key, int64_t expected) {
    int64_t got = number_of(answer, key);
    cr_assert_eq(got, expected, "%s is %lld, not %lld", key, (long long)got, (long long)expected);
    json_decref(answer);
}

Test(commands, what_cannot_be_understood_is_said, .timeout = 60) {
    start();
    refused(STATUS_BAD_COMMAND, "not a JSON object", "{");
    refused(STATUS_BAD_COMMAND, "not a JSON object", "[1]");
    refused(STATUS_BAD_COMMAND, "not a JSON object", "\"catalogue\"");
    refused(STATUS_BAD_COMMAND, "not a JSON object", "{\"command\": \"jobs\", \"command\": \"jobs\"}");
    refused(STATUS_BAD_COMMAND, "'command' is missing", "{}");
    refused(STATUS_BAD_COMMAND, "'command' is missing", "{\"command\": 3}");
    refused(STATUS_BAD_COMMAND, "unknown command 'nothing'", "{\"command\": \"nothing\"}");
    refused(STATUS_BAD_COMMAND, "does not know 'drafft'; it takes draft, expect_version",
            "{\"command\": \"policy_activate\", \"drafft\": 1}");
    refused(STATUS_BAD_COMMAND, "'draft' is missing", "{\"command\": \"policy_check\"}");
    refused(STATUS_BAD_COMMAND, "'draft' must be a whole number", "{\"command\": \"policy_check\", \"draft\": \"1\"}");
    refused(STATUS_BAD_COMMAND, "'draft' must be a whole number", "{\"command\": \"policy_check\", \"draft\": -1}");
    refused(STATUS_UNKNOWN_DRAFT, "no draft 7", "{\"command\": \"policy_check\", \"draft\": 7}");
    refused(STATUS_BAD_COMMAND, "give a 'draft'", "{\"command\": \"shadow_start\"}");
    refused(STATUS_BAD_COMMAND, "give a 'draft'", "{\"command\": \"shadow_start\", \"draft\": 1, \"version\": 1}");
    refused(STATUS_UNKNOWN_POLICY, "no policy set has version 3; the newest is 0",
            "{\"command\": \"policy_rollback\", \"version\": 3}");
    refused(STATUS_BAD_RECEIPT, "", "{\"command\": \"replay\", \"receipt\": \"xr1-none\"}");
    refused(STATUS_BAD_COMMAND, "'receipt' is missing", "{\"command\": \"replay\"}");
    refused(STATUS_BAD_COMMAND, "'month' must be written", "{\"command\": \"effect\", \"month\": \"2026-11-01\"}");
    refused(STATUS_BAD_COMMAND, "'by' must be", "{\"command\": \"effect\", \"by\": \"colour\"}");
    refused(STATUS_UNKNOWN_SCENARIO, "no scenario 'x'", "{\"command\": \"effect\", \"scenario\": \"x\"}");
    refused(STATUS_UNKNOWN_JOB, "no job 1", "{\"command\": \"job\", \"job\": 1}");
    refused(STATUS_UNKNOWN_JOB, "no job 1", "{\"command\": \"job_cancel\", \"job\": 1}");
    uint32_t number, received;
    expect_ok(take(0, "half.yaml", 10, 0, "half", 4, &number, &received));
    refused(STATUS_BAD_COMMAND, "'half.yaml' of draft 1 has not been uploaded completely",
            "{\"command\": \"policy_check\", \"draft\": 1}");
    stop();
}

/* Two examples, one of which does not hold in the second text. */
#define EXAMPLES(second)                                                                                               \
    "examples:\n"                                                                                                      \
    "  - {name: goes, given: {suspended: 'false'}, expect: {outcome: granted}}\n"                                      \
    "  - {name: stops, given: {suspended: 'true'}, expect: {outcome: " second "}}\n"

static void expect_in_force(uint32_t version, const char *text) {
    rcu_wake();
    const policy_set *set = engine_policy(s.engine);
    cr_assert_eq(policy_version(set), version);
    char hash[33];
    policy_file file = {"power.yaml", text, strlen(text)};
    policy_files_hash(&file, text != NULL, hash);
    cr_assert_str_eq(policy_hash(set), hash);
    rcu_rest();
}

Test(commands, a_draft_is_checked_tested_and_activated_durably, .timeout = 60) {
    start();
    uint32_t broken = put_file(0, "power.yaml", HELP_POLICY_BROKEN);
    json_t *answer = ask(STATUS_OK, "{\"command\": \"policy_check\", \"draft\": %u}", broken);
    cr_assert(json_is_false(json_object_get(answer, "ok")));
    cr_assert_gt(number_of(answer, "errors"), 0);
    json_t *first = json_array_get(json_object_get(answer, "findings"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(first, "file")), "power.yaml");
    cr_assert_str_eq(json_string_value(json_object_get(first, "severity")), "error");
    json_decref(answer);
    ask(STATUS_POLICY_INVALID, "{\"command\": \"policy_activate\", \"draft\": %u}", broken);
    cr_assert_not_null(strstr(problem, "the first: power.yaml:"));

    uint32_t lying = put_file(0, "power.yaml", HELP_POLICY EXAMPLES("granted"));
    answer = ask(STATUS_OK, "{\"command\": \"policy_test\", \"draft\": %u}", lying);
    cr_assert(number_of(answer, "passed") == 1 && number_of(answer, "failed") == 1);
    first = json_array_get(json_object_get(answer, "failures"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(first, "name")), "stops");
    json_decref(answer);
    ask(STATUS_POLICY_INVALID, "{\"command\": \"policy_activate\", \"draft\": %u}", lying);
    cr_assert_not_null(strstr(problem, "1 of its examples fails, the first: power.yaml:"));
    cr_assert_eq(engine_policy_newest(s.engine), 0);

    const char *good = HELP_POLICY EXAMPLES("declined");
    uint32_t number_of_draft = put_file(0, "power.yaml", good);
    ask(STATUS_VERSION_CONFLICT, "{\"command\": \"policy_activate\", \"draft\": %u, \"expect_version\": 4}",
        number_of_draft);
    cr_assert_not_null(strstr(problem, "version 0 is in force, not 4"));
    expect_number(
        ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u, \"expect_version\": 0}", number_of_draft),
        "version", 1);
    expect_in_force(1, good);
    answer = ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft);
    cr_assert(json_is_true(json_object_get(answer, "unchanged")));
    expect_number(answer, "version", 1);

    put_file(number_of_draft, "power.yaml", HELP_POLICY_STRICT);
    expect_number(ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft), "version", 2);
    answer = ask(STATUS_OK, "{\"command\": \"policy_rollback\", \"version\": 1, \"expect_version\": 2}");
    cr_assert_eq(number_of(answer, "before"), 2);
    expect_number(answer, "version", 3);
    again();
    expect_in_force(3, good);
    answer = ask(STATUS_OK, "{\"command\": \"policy_list\"}");
    cr_assert_eq(number_of(answer, "sets"), 3);
    const json_t *newest = json_array_get(json_object_get(answer, "history"), 0);
    cr_assert_eq(number_of(newest, "rollback_of"), 1);
    cr_assert(json_is_string(json_object_get(newest, "activated")));
    json_decref(answer);
    answer = ask(STATUS_OK, "{\"command\": \"policy_texts\", \"version\": 2}");
    first = json_array_get(json_object_get(answer, "files"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(first, "text")), HELP_POLICY_STRICT);
    json_decref(answer);
    stop();
}

Test(commands, large_texts_come_in_parts, .timeout = 60) {
    start();
    /* some 600 KiB of comments, three bytes a character, so that parts would end within one */
    buf text = {0};
    buf_append_str(&text, HELP_POLICY);
    for (unsigned i = 0; i < 6000; i++) buf_append_str(&text, "# 示例默认值示例默认值示例默认值示例默认值示例默认值\n");
    uint32_t number, received;
    expect_ok(take(0, "power.yaml", (uint32_t)text.size, 0, (const char *)text.data, text.size, &number, &received));
    expect_number(ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u}", number), "version", 1);
    json_t *answer = ask(STATUS_OK, "{\"command\": \"policy_texts\", \"version\": 1}");
    const json_t *file = json_array_get(json_object_get(answer, "files"), 0);
    cr_assert_eq(number_of(file, "length"), (int64_t)text.size);
    cr_assert_null(json_object_get(file, "text"));
    json_decref(answer);
    buf whole = {0};
    for (unsigned parts = 0; parts < 10; parts++) {
        answer =
            ask(STATUS_OK, "{\"command\": \"policy_texts\", \"version\": 1, \"file\": \"power.yaml\", \"offset\": %zu}",
                whole.size);
        const json_t *part = json_object_get(answer, "text");
        cr_assert_lt(json_string_length(part), 300000);
        buf_append(&whole, json_string_value(part), json_string_length(part));
        bool more = json_is_integer(json_object_get(answer, "next"));
        json_decref(answer);
        if (!more) break;
    }
    cr_assert_eq(whole.size, text.size);
    cr_assert_arr_eq(whole.data, text.data, text.size);
    refused(STATUS_BAD_COMMAND, "has no file 'x'", "{\"command\": \"policy_texts\", \"version\": 1, \"file\": \"x\"}");
    buf_deinit(&whole);
    buf_deinit(&text);
    stop();
}

Test(commands, storage_in_trouble_activates_nothing, .timeout = 60) {
    start();
    uint32_t number_of_draft = put_file(0, "power.yaml", HELP_POLICY);
    expect_number(ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft), "version", 1);
    fault_arm(FAULT_REOPEN, 1, 0, STATUS_IO_ERROR);
    fault_arm(FAULT_COMMIT, 1, 1, STATUS_IO_ERROR);
    put_file(number_of_draft, "power.yaml", HELP_POLICY_STRICT);
    ask(STATUS_OUTCOME_UNKNOWN, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft);
    expect_in_force(1, HELP_POLICY);
    ask(STATUS_READ_ONLY, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft);
    ask(STATUS_READ_ONLY, "{\"command\": \"impact_start\", \"draft\": %u}", number_of_draft);
    json_decref(ask(STATUS_OK, "{\"command\": \"effect\"}"));
    json_decref(ask(STATUS_OK, "{\"command\": \"policy_list\"}"));
    fault_clear();
    for (unsigned waited = 0; waited < 400; waited++) {
        commit_snapshot seen;
        commit_get_snapshot(s.committer, &seen);
        if (!seen.read_only) break;
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    /* the number was given back: the group never reached the disk */
    expect_number(ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft), "version", 2);
    expect_in_force(2, HELP_POLICY_STRICT);
    stop();
}

/* ------------------------------------------------------------------ live */

static void put_subjects(unsigned count) {
    write_request *r = write_request_new(MESSAGE_PUT, (uint16_t)count, sizeof(profile_put), sizeof(wire_put_reply));
    profile_put *puts = r->entries;
    for (unsigned i = 0; i < count; i++) {
        subject_id id = {{SUBJECT_PERSON}};
        uint64_t number = UINT64_C(53000019900101000) + i;
        for (int b = 11; b >= 1; b--, number >>= 8) id.bytes[b] = (uint8_t)number;
        puts[i] = (profile_put){.mask = UINT64_C(1) << FIELD_division | UINT64_C(1) << FIELD_suspended};
        profile_init(&puts[i].fields, &id);
        puts[i].fields.division = i % 2 ? 530102 : 530103;
        puts[i].fields.flags = i % 4 == 0 ? PROFILE_FLAG_SUSPENDED : 0;
    }
    r->worker = s.workers[0];
    cr_assert(commit_submit(s.committer, r, r, r->bytes));
    for (unsigned waited = 0; waited < 10000; waited++) {
        pthread_mutex_lock(&s.workers[0]->mail_mutex);
        write_request *done = s.workers[0]->mail_first;
        s.workers[0]->mail_first = NULL;
        pthread_mutex_unlock(&s.workers[0]->mail_mutex);
        if (done != NULL) {
            write_request_free(done);
            return;
        }
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    cr_assert_fail("no answer");
}

/* As a worker does it. */
static void decide(worker *w, unsigned count) {
    worker_begin_turn(w);
    for (unsigned i = 0; i < count; i++) {
        decision_request r = {.scenario = SCENARIO_POWER, .purpose = PURPOSE_POWER_TRADING};
        uint64_t number = UINT64_C(53000019900101000) + i;
        r.subject.bytes[0] = SUBJECT_PERSON;
        for (int b = 11; b >= 1; b--, number >>= 8) r.subject.bytes[b] = (uint8_t)number;
        decision out;
        engine_decide_tallied(s.engine, &r, 1, w->at, w->tally, &out);
        cr_assert_eq(out.status, STATUS_OK);
    }
    worker_end_turn();
}

static int64_t sum_of(const json_t *rows, const char *key) {
    int64_t sum = 0;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) sum += number_of(row, key);
    return sum;
}

static void activate(const char *text, uint32_t version) {
    uint32_t number_of_draft = put_file(0, "power.yaml", text);
    expect_number(ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft), "version",
                  version);
}

Test(commands, effect_is_counted_kept_and_summed, .timeout = 60) {
    start();
    activate(HELP_POLICY, 1);
    put_subjects(8);
    decide(s.workers[0], 8);
    decide(s.workers[1], 4);
    json_t *answer = ask(STATUS_OK, "{\"command\": \"effect\"}");
    json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    cr_assert_eq(number_of(row, "decisions"), 12);
    cr_assert_str_eq(json_string_value(json_object_get(row, "scenario")), "power");
    cr_assert_eq(number_of(json_object_get(row, "outcomes"), "declined"), 3);
    cr_assert_eq(number_of(json_object_get(row, "outcomes"), "granted"), 9);
    json_decref(answer);
    again();
    answer = ask(STATUS_OK, "{\"command\": \"effect\", \"by\": \"division\", \"scenario\": \"power\"}");
    const json_t *rows = json_object_get(answer, "rows");
    cr_assert_eq(json_array_size(rows), 2);
    cr_assert_eq(sum_of(rows, "decisions"), 12);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "division")), "530102");
    json_decref(answer);
    answer = ask(STATUS_OK, "{\"command\": \"effect\", \"by\": \"prefecture\"}");
    cr_assert_eq(json_array_size(json_object_get(answer, "rows")), 1);
    json_decref(answer);
    answer = ask(STATUS_OK, "{\"command\": \"effect\", \"month\": \"1999-01\"}");
    cr_assert_eq(json_array_size(json_object_get(answer, "rows")), 0);
    json_decref(answer);
    /* what nobody asks for is kept when the server ends */
    decide(s.workers[1], 5);
    again();
    answer = ask(STATUS_OK, "{\"command\": \"effect\"}");
    cr_assert_eq(sum_of(json_object_get(answer, "rows"), "decisions"), 17);
    json_decref(answer);
    stop();
}

#define DECLINES_ALL                                                                                                   \
    "policy: power-none\nscenario: {name: power, code: 3}\ntitle: test\nauthority: test\nlegal_basis: test\n"          \
    "effective: {from: 2026-01-01, to: 2030-01-01}\n"                                                                  \
    "tables:\n  - table: market\n    hit: first\n    inputs: [suspended]\n    outputs: [outcome]\n    rows:\n"         \
    "      - {id: N1, when: ['-'], then: [declined]}\n"

static json_t *shadow_row(json_t *answer) { return json_array_get(json_object_get(answer, "scenarios"), 0); }

Test(commands, a_shadow_starts_from_zero_and_ends, .timeout = 60) {
    start();
    activate(HELP_POLICY, 1);
    put_subjects(8);
    uint32_t number_of_draft = put_file(0, "power.yaml", DECLINES_ALL);
    json_decref(ask(STATUS_OK, "{\"command\": \"shadow_start\", \"draft\": %u}", number_of_draft));
    decide(s.workers[0], 8);
    decide(s.workers[1], 4);
    json_t *answer = ask(STATUS_OK, "{\"command\": \"shadow\"}");
    json_t *row = shadow_row(answer);
    cr_assert_eq(number_of(row, "decisions"), 12);
    cr_assert_eq(number_of(row, "different"), 9);
    json_t *granted = json_array_get(json_object_get(row, "outcomes"), OUTCOME_GRANTED);
    cr_assert_eq(json_integer_value(json_array_get(granted, OUTCOME_DECLINED)), 9);
    json_decref(answer);
    json_decref(ask(STATUS_OK, "{\"command\": \"shadow_start\", \"version\": 1}"));
    answer = ask(STATUS_OK, "{\"command\": \"shadow\"}");
    cr_assert_eq(json_array_size(json_object_get(answer, "scenarios")), 0, "the counts of the one before");
    json_decref(answer);
    decide(s.workers[0], 2);
    answer = ask(STATUS_OK, "{\"command\": \"shadow\"}");
    cr_assert_eq(number_of(shadow_row(answer), "decisions"), 2);
    cr_assert_eq(number_of(shadow_row(answer), "different"), 0);
    json_decref(answer);
    answer = ask(STATUS_OK, "{\"command\": \"shadow_stop\"}");
    cr_assert(json_is_true(json_object_get(answer, "was_running")));
    json_decref(answer);
    decide(s.workers[0], 2);
    answer = ask(STATUS_OK, "{\"command\": \"shadow\"}");
    cr_assert(json_is_false(json_object_get(answer, "running")));
    json_decref(answer);
    stop();
}

Test(commands, the_catalogue_has_areas_and_scenarios, .timeout = 60) {
    start();
    uint32_t number_of_draft = put_file(0, "power.yaml", HELP_POLICY);
    put_file(number_of_draft, "areas.yaml",
             "areas: test\nitems:\n  - {code: 1, id: park, title: 园区, kind: park, divisions: [530102]}\n");
    expect_number(ask(STATUS_OK, "{\"command\": \"policy_activate\", \"draft\": %u}", number_of_draft), "version", 1);
    json_t *answer = ask(STATUS_OK, "{\"command\": \"catalogue\"}");
    const json_t *area = json_array_get(json_object_get(answer, "areas"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(area, "id")), "park");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(area, "divisions"), 0)), "530102");
    cr_assert(json_is_null(json_object_get(area, "to")));
    const json_t *scenarios = json_object_get(answer, "scenarios");
    cr_assert_eq(json_array_size(scenarios), 1);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(scenarios, 0), "scenario")), "power");
    json_decref(answer);
    stop();
}

static json_t *wait_for(int64_t job) {
    for (unsigned waited = 0; waited < 2000; waited++) {
        json_t *answer = ask(STATUS_OK, "{\"command\": \"job\", \"job\": %lld}", (long long)job);
        if (strcmp(json_string_value(json_object_get(answer, "state")), "running") != 0) return answer;
        json_decref(answer);
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    cr_assert_fail("the job does not end");
    return NULL;
}

Test(commands, impact_runs_in_the_background, .timeout = 60) {
    start();
    activate(HELP_POLICY, 1);
    put_subjects(400);
    uint32_t number_of_draft = put_file(0, "power.yaml", DECLINES_ALL);
    refused(STATUS_BAD_COMMAND, "'by' takes", "{\"command\": \"impact_start\", \"version\": 1, \"by\": [\"colour\"]}");
    refused(STATUS_BAD_COMMAND, "'samples' must be",
            "{\"command\": \"impact_start\", \"version\": 1, \"samples\": 101}");
    refused(STATUS_BAD_COMMAND, "'day' must be", "{\"command\": \"impact_start\", \"version\": 1, \"day\": \"soon\"}");
    refused(STATUS_UNKNOWN_SCENARIO, "neither set",
            "{\"command\": \"impact_start\", \"version\": 1, \"scenario\": \"x\"}");
    for (int64_t job = 1; job <= LIMIT_JOBS + 2; job++) {
        expect_number(
            ask(STATUS_OK,
                "{\"command\": \"impact_start\", \"draft\": %u, \"by\": [\"division\"], \"day\": \"2026-11-24\"}",
                number_of_draft),
            "job", job);
        json_t *answer = wait_for(job);
        cr_assert_str_eq(json_string_value(json_object_get(answer, "state")), "done");
        const json_t *result = json_object_get(answer, "result");
        cr_assert_eq(number_of(result, "population"), 400);
        const json_t *power = json_array_get(json_object_get(result, "scenarios"), 0);
        const json_t *outcomes = json_object_get(json_object_get(power, "total"), "outcomes");
        cr_assert_eq(json_integer_value(json_array_get(json_array_get(outcomes, OUTCOME_GRANTED), OUTCOME_DECLINED)),
                     300);
        const json_t *places = json_object_get(json_object_get(power, "by"), "division");
        cr_assert_eq(json_array_size(places), 1);
        cr_assert_str_eq(json_string_value(json_object_get(json_array_get(places, 0), "group")), "5301");
        json_decref(answer);
    }
    refused(STATUS_UNKNOWN_JOB, "no job 1", "{\"command\": \"job\", \"job\": 1}");
    json_t *answer = ask(STATUS_OK, "{\"command\": \"jobs\"}");
    cr_assert_eq(json_array_size(json_object_get(answer, "jobs")), LIMIT_JOBS);
    cr_assert_eq(number_of(json_array_get(json_object_get(answer, "jobs"), 0), "job"), LIMIT_JOBS + 2);
    json_decref(answer);
    json_decref(ask(STATUS_OK, "{\"command\": \"job_cancel\", \"job\": 10}"));
    stop();
}

/* ------------------------------------------------------------------ the thread */

static write_request *command_request(const char *text) {
    write_request *r = write_request_new(MESSAGE_COMMAND, 0, 0, 0);
    r->command = command_new((const uint8_t *)text, strlen(text), &drafts);
    r->worker = s.workers[0];
    return r;
}

Test(commands, a_thread_runs_them_in_order_and_its_stop_answers_the_rest, .timeout = 60) {
    start();
    unsigned taken = 0;
    while (taken < LIMIT_COMMANDS && jobs_submit(s.jobs, command_request("{\"command\": \"jobs\"}"))) taken++;
    cr_assert_eq(taken, LIMIT_COMMANDS);
    write_request *more = command_request("{\"command\": \"jobs\"}");
    cr_assert_not(jobs_submit(s.jobs, more), "there is an end");
    write_request_free(more);
    expect_ok(jobs_start(&s));
    jobs_stop(&s);
    unsigned done = 0, unavailable = 0;
    for (write_request *r = s.workers[0]->mail_first; r != NULL;) {
        write_request *next = r->next;
        if (r->whole == STATUS_OK)
            done++;
        else
            unavailable += r->whole == STATUS_UNAVAILABLE;
        write_request_free(r);
        r = next;
    }
    s.workers[0]->mail_first = NULL;
    cr_assert_eq(done + unavailable, LIMIT_COMMANDS);
    stop();
}
