/* Candidates: checked, tested, activated; and versions brought back. A set becomes active only if it compiles, if its
 * own examples hold, and if it is stored; no lookup waits for any of that, and none is refused: the set is exchanged
 * between two batches. */
#include "base/clock.h"
#include "base/log.h"
#include "server/command.h"
#include "server/commit.h"
#include "server/document.h"

#include <stdio.h>
#include <string.h>

#define FAILURES_TOLD 200

/* ------------------------------------------------------------------ check and test */

status command_policy_check(command_run *r) {
    const policy_file *files;
    size_t count;
    char hash[33];
    status s = command_draft(r, &files, &count);
    if (s != STATUS_OK) return s;
    policy_findings findings = {0};
    policy_set *set = NULL;
    s = policy_load(files, count, 1, &findings, &set);
    if (s == STATUS_OK || s == STATUS_POLICY_INVALID) {
        policy_files_hash(files, count, hash);
        command_put(r, "ok", json_boolean(s == STATUS_OK));
        command_put(r, "hash", json_string(hash));
        command_put(r, "errors", json_integer((json_int_t)findings.errors));
        command_put(r, "warnings", json_integer((json_int_t)findings.warnings));
        command_put(r, "findings", command_findings(&findings));
        s = STATUS_OK;
    }
    policy_findings_deinit(&findings);
    policy_destroy(&set);
    return s;
}

typedef struct example_results {
    json_t *failures;
    size_t passed, failed;
    char first[400];
} example_results;

static void take_example(void *context, const char *file, unsigned line, const char *name, bool ok,
                         const char *difference) {
    example_results *e = context;
    if (ok) {
        e->passed++;
        return;
    }
    if (e->failed++ == 0) snprintf(e->first, sizeof e->first, "%s:%u: \"%s\" fails: %s", file, line, name, difference);
    if (e->failures != NULL && e->failed <= FAILURES_TOLD)
        document_append(&e->failures, json_pack("{s:s, s:i, s:s, s:s}", "file", file, "line", (int)line, "name", name,
                                                "difference", difference));
}

status command_policy_test(command_run *r) {
    const policy_file *files;
    size_t count;
    policy_set *set = NULL;
    status s = command_draft(r, &files, &count);
    if (s == STATUS_OK) s = command_compile(r, files, count, &set, NULL);
    if (s != STATUS_OK) return s;
    example_results e = {.failures = json_array()};
    policy_run_examples(set, take_example, &e);
    policy_destroy(&set);
    command_put(r, "passed", json_integer((json_int_t)e.passed));
    command_put(r, "failed", json_integer((json_int_t)e.failed));
    command_put(r, "failures", e.failures);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ activation */

typedef struct change_call {
    server *s;
    policy_set *set;
    const policy_file *files;
    size_t count;
    uint32_t rollback_of; /* 0: new texts */
    int64_t expected;     /* -1: whatever is in force */
    uint32_t in_force;    /* before */
    bool evaluation;      /* everybody is evaluated again */
    status result;
} change_call;

static void change_set(void *arg) {
    change_call *a = arg;
    sweep_progress sweep;
    a->in_force = policy_version(engine_policy(a->s->engine));
    if (a->expected >= 0 && a->expected != a->in_force) {
        policy_destroy(&a->set);
        a->result = STATUS_VERSION_CONFLICT;
        return;
    }
    a->result = a->rollback_of != 0 ? commit_rollback(a->s, a->set, a->rollback_of)
                                    : commit_activate(a->s, a->set, a->files, a->count, NULL);
    engine_sweep_progress(a->s->engine, &sweep);
    a->evaluation = sweep.everybody;
}

static status say_why_not(command_run *r, const change_call *a) {
    switch (a->result) {
    case STATUS_VERSION_CONFLICT:
        if (a->expected < 0) return command_fail(r, a->result, "another set was stored meanwhile: try again");
        return command_fail(r, a->result, "version %u is in force, not %lld", a->in_force, (long long)a->expected);
    case STATUS_OUTCOME_UNKNOWN:
        return command_fail(r, a->result,
                            "storage failed while the set was being stored: whether it is in force shows once storage "
                            "is well again (policy_list)");
    case STATUS_TOO_LARGE:
        return command_fail(r, a->result, "the set has more than %u MiB of texts and names", LIMIT_RECORD_BYTES >> 20);
    default: return a->result;
    }
}

/* Runs what is said in *a; tells the new set. */
static status exchange(command_run *r, change_call *a) {
    char hash[33];
    uint32_t version = policy_version(a->set);
    size_t policies = policy_count(a->set);
    snprintf(hash, sizeof hash, "%s", policy_hash(a->set));
    a->s = r->s;
    commit_call(r->s, change_set, a);
    if (a->result != STATUS_OK) return say_why_not(r, a);
    log_event(LOG_INFO, "policy_activated", "version=%u hash=%s policies=%zu before=%u rollback_of=%u", version, hash,
              policies, a->in_force, a->rollback_of);
    command_put(r, "version", json_integer(version));
    command_put(r, "hash", json_string(hash));
    command_put(r, "before", json_integer(a->in_force));
    command_put(r, "unchanged", json_false());
    command_put(r, "evaluation_started", json_boolean(a->evaluation));
    return STATUS_OK;
}

/* True if these texts are what is in force: nothing is to be done then. */
static bool is_in_force(command_run *r, const char *hash) {
    policy_set *active = command_active(r->s);
    bool same = strcmp(policy_hash(active), hash) == 0;
    if (same) {
        command_put(r, "version", json_integer(policy_version(active)));
        command_put(r, "hash", json_string(hash));
        command_put(r, "before", json_integer(policy_version(active)));
        command_put(r, "unchanged", json_true());
        command_put(r, "evaluation_started", json_false());
    }
    policy_destroy(&active);
    return same;
}

static status check_examples(command_run *r, const policy_set *set) {
    example_results e = {0};
    policy_run_examples(set, take_example, &e);
    if (e.failed == 0) return STATUS_OK;
    return command_fail(r, STATUS_POLICY_INVALID, "%zu of its examples fail%s, the first: %s", e.failed,
                        e.failed == 1 ? "s" : "", e.first);
}

static status expected_version(command_run *r, int64_t *expected) {
    *expected = -1;
    return command_number(r, "expect_version", 0, UINT32_MAX, NULL, expected);
}

status command_policy_activate(command_run *r) {
    change_call a = {0};
    status s = expected_version(r, &a.expected);
    json_t *findings = NULL;
    if (s == STATUS_OK) s = command_draft(r, &a.files, &a.count);
    if (s == STATUS_OK) s = command_compile(r, a.files, a.count, &a.set, &findings);
    if (s == STATUS_OK) command_put(r, "findings", findings);
    if (s == STATUS_OK) s = check_examples(r, a.set);
    bool done = s == STATUS_OK && a.expected < 0 && is_in_force(r, policy_hash(a.set));
    if (s != STATUS_OK || done) {
        policy_destroy(&a.set);
        return s;
    }
    return exchange(r, &a);
}

/* The examples of a set that was active once are not asked again: it is what the province had in force. */
status command_policy_rollback(command_run *r) {
    change_call a = {0};
    int64_t version = 0;
    policy_archive_entry old;
    status s = command_need_number(r, "version", 1, UINT32_MAX, &version);
    if (s == STATUS_OK) s = expected_version(r, &a.expected);
    if (s == STATUS_OK) s = command_archived(r, (uint32_t)version, &old);
    if (s != STATUS_OK) return s;
    command_put(r, "rollback_of", json_integer((json_int_t)version));
    if (a.expected < 0 && is_in_force(r, old.hash)) return STATUS_OK;
    s = command_compile(r, old.files, old.file_count, &a.set, NULL);
    if (s != STATUS_OK) return s;
    a.rollback_of = (uint32_t)version;
    return exchange(r, &a);
}
