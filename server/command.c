/* Understanding a command and answering it: one row of a table a command, with the members that it knows, so that a
 * misspelt one is told and not passed over. Not on any hot path. */
#include "server/command.h"

#include "base/clock.h"
#include "base/rcu.h"
#include "server/commit.h"
#include "server/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

command *command_new(const uint8_t *body, size_t length, const uploads *drafts) {
    command *c = calloc(1, sizeof *c + length);
    if (c == NULL) return NULL;
    c->length = length;
    memcpy(c->text, body, length);
    uploads_hold(drafts, c->drafts);
    return c;
}

void command_free(command *c) {
    if (c == NULL) return;
    for (size_t i = 0; i < LIMIT_DRAFTS; i++) draft_release(c->drafts[i]);
    free(c->document);
    free(c);
}

status command_fail(command_run *r, status why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->c->problem, sizeof r->c->problem, format, arguments);
    va_end(arguments);
    return why;
}

void command_put(command_run *r, const char *key, json_t *value) { document_set(&r->answer, key, value); }

/* ------------------------------------------------------------------ members */

status command_number(command_run *r, const char *key, int64_t least, int64_t most, bool *given, int64_t *out) {
    const json_t *value = json_object_get(r->asked, key);
    if (given != NULL) *given = value != NULL;
    if (value == NULL) return STATUS_OK;
    if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
        return command_fail(r, STATUS_BAD_COMMAND, "'%s' must be a whole number from %lld to %lld", key,
                            (long long)least, (long long)most);
    *out = json_integer_value(value);
    return STATUS_OK;
}

status command_need_number(command_run *r, const char *key, int64_t least, int64_t most, int64_t *out) {
    bool given;
    status s = command_number(r, key, least, most, &given, out);
    if (s == STATUS_OK && !given) return command_fail(r, STATUS_BAD_COMMAND, "'%s' is missing: a number", key);
    return s;
}

status command_string(command_run *r, const char *key, bool *given, const char **out) {
    const json_t *value = json_object_get(r->asked, key);
    if (given != NULL) *given = value != NULL;
    if (value == NULL) return STATUS_OK;
    if (!json_is_string(value)) return command_fail(r, STATUS_BAD_COMMAND, "'%s' must be a text", key);
    *out = json_string_value(value);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ policy sets */

status command_draft(command_run *r, const policy_file **files, size_t *count) {
    int64_t number = 0;
    const char *missing;
    status s = command_need_number(r, "draft", 1, UINT32_MAX, &number);
    if (s != STATUS_OK) return s;
    for (size_t i = 0; i < LIMIT_DRAFTS && r->c->drafts[i] != NULL; i++) {
        if (draft_number(r->c->drafts[i]) != (uint32_t)number) continue;
        if (draft_files(r->c->drafts[i], files, count, &missing)) return STATUS_OK;
        return command_fail(r, STATUS_BAD_COMMAND, "'%s' of draft %lld has not been uploaded completely", missing,
                            (long long)number);
    }
    return command_fail(r, STATUS_UNKNOWN_DRAFT,
                        "this connection has no draft %lld: upload the files first, on the same connection",
                        (long long)number);
}

typedef struct find_call {
    const server *s;
    uint32_t version; /* 0: only newest is asked for */
    bool found;
    policy_archive_entry entry;
    uint32_t newest;
} find_call;

static void find_archived(void *arg) {
    find_call *f = arg;
    f->newest = engine_policy_newest(f->s->engine);
    f->found = f->version != 0 && policy_archive_find(engine_archive(f->s->engine), f->version, &f->entry);
}

status command_archived(command_run *r, uint32_t version, policy_archive_entry *out) {
    find_call f = {.s = r->s, .version = version};
    commit_call(r->s, find_archived, &f);
    if (!f.found)
        return command_fail(r, STATUS_UNKNOWN_POLICY, "no policy set has version %u; the newest is %u", version,
                            f.newest);
    *out = f.entry;
    return STATUS_OK;
}

status command_texts(command_run *r, const policy_file **files, size_t *count) {
    bool draft_given = json_object_get(r->asked, "draft") != NULL;
    bool version_given = json_object_get(r->asked, "version") != NULL;
    if (draft_given == version_given)
        return command_fail(r, STATUS_BAD_COMMAND, "give a 'draft' that was uploaded, or the 'version' of a kept set");
    if (draft_given) return command_draft(r, files, count);
    int64_t version = 0;
    policy_archive_entry entry = {0};
    status s = command_need_number(r, "version", 1, UINT32_MAX, &version);
    if (s == STATUS_OK) s = command_archived(r, (uint32_t)version, &entry);
    if (s != STATUS_OK) return s;
    *files = entry.files;
    *count = entry.file_count;
    return STATUS_OK;
}

json_t *command_findings(const policy_findings *f) {
    static const char *const severities[] = {"note", "warning", "error"};
    json_t *list = json_array();
    for (size_t i = 0; i < f->count; i++) {
        const policy_finding *x = &f->items[i];
        document_append(&list,
                        json_pack("{s:s, s:s, s:i, s:i, s:s}", "severity", severities[x->severity], "file", x->file,
                                  "line", (int)x->line, "column", (int)x->column, "message", x->message));
    }
    return list;
}

static status say_first_error(command_run *r, const policy_findings *f) {
    for (size_t i = 0; i < f->count; i++) {
        const policy_finding *x = &f->items[i];
        if (x->severity == POLICY_ERROR)
            return command_fail(r, STATUS_POLICY_INVALID, "%zu error%s, the first: %s:%u:%u: %s", f->errors,
                                f->errors == 1 ? "" : "s", x->file, x->line, x->column, x->message);
    }
    return command_fail(r, STATUS_POLICY_INVALID, "%zu errors", f->errors);
}

status command_compile(command_run *r, const policy_file *files, size_t count, policy_set **out, json_t **told) {
    find_call f = {.s = r->s};
    commit_call(r->s, find_archived, &f);
    policy_findings findings = {0};
    status s = policy_load(files, count, f.newest + 1, &findings, out);
    if (s == STATUS_POLICY_INVALID) s = say_first_error(r, &findings);
    if (s == STATUS_OK && told != NULL) *told = command_findings(&findings);
    policy_findings_deinit(&findings);
    return s;
}

policy_set *command_active(const server *s) {
    rcu_wake();
    policy_set *set = policy_hold(engine_policy(s->engine));
    rcu_rest();
    return set;
}

json_t *command_decision(const policy_set *set, unsigned scenario, const decision *d) {
    json_t *benefits = json_array();
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
        if ((d->benefits >> code & 1) == 0) continue;
        const policy_benefit *b = policy_benefit_of(set, scenario, code);
        document_append(&benefits, b != NULL ? json_string(b->id) : json_integer(code));
    }
    return json_pack("{s:s, s:s, s:i, s:i, s:o, s:I, s:i, s:i}", "status", status_name(d->status), "outcome",
                     policy_outcome_name(d->outcome), "tier", (int)d->tier, "row", (int)d->row, "benefits", benefits,
                     "amount_fen", (json_int_t)d->amount_fen, "percent_bp", (int)d->percent_bp, "rate_bp",
                     (int)d->rate_bp);
}

json_t *command_outcomes(const uint64_t matrix[4][4]) {
    json_t *rows = json_array();
    for (unsigned from = 0; from < 4; from++)
        document_append(&rows, json_pack("[IIII]", (json_int_t)matrix[from][0], (json_int_t)matrix[from][1],
                                         (json_int_t)matrix[from][2], (json_int_t)matrix[from][3]));
    return rows;
}

/* ------------------------------------------------------------------ the table */

static const struct {
    const char *name;
    command_function run;
    const char *members[8]; /* beside `command` */
} commands[] = {
    {"catalogue", command_catalogue, {NULL}},
    {"policy_check", command_policy_check, {"draft", NULL}},
    {"policy_test", command_policy_test, {"draft", NULL}},
    {"policy_activate", command_policy_activate, {"draft", "expect_version", NULL}},
    {"policy_rollback", command_policy_rollback, {"version", "expect_version", NULL}},
    {"policy_list", command_policy_list, {NULL}},
    {"policy_texts", command_policy_texts, {"version", "file", "offset", NULL}},
    {"replay", command_replay, {"receipt", NULL}},
    {"shadow_start", command_shadow_start, {"draft", "version", NULL}},
    {"shadow_stop", command_shadow_stop, {NULL}},
    {"shadow", command_shadow, {NULL}},
    {"effect", command_effect, {"month", "scenario", "by", NULL}},
    {"impact_start", command_impact_start, {"draft", "version", "scenario", "day", "samples", "seed", "by", NULL}},
    {"job", command_job, {"job", "scenario", "by", NULL}},
    {"job_cancel", command_job_cancel, {"job", NULL}},
    {"jobs", command_jobs, {NULL}},
    {"backup", command_backup, {"directory", "keep", NULL}},
    {"verify", command_verify, {NULL}},
    {"alerts", command_alerts, {"after", "max", NULL}},
    {"alert_ack", command_alert_ack, {"numbers", NULL}},
    {"quota_history", command_quota_history, {"subject", "program", "before", "max", NULL}},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static status check_members(command_run *r, size_t which) {
    const char *key;
    json_t *value;
    json_object_foreach(r->asked, key, value) {
        bool known = strcmp(key, "command") == 0;
        for (size_t m = 0; commands[which].members[m] != NULL && !known; m++)
            known = strcmp(key, commands[which].members[m]) == 0;
        if (known) continue;
        char members[160] = "";
        for (size_t m = 0; commands[which].members[m] != NULL; m++)
            snprintf(members + strlen(members), sizeof members - strlen(members), "%s%s", m > 0 ? ", " : "",
                     commands[which].members[m]);
        return command_fail(r, STATUS_BAD_COMMAND, "%s does not know '%.64s'; it takes %s", commands[which].name, key,
                            members[0] != '\0' ? members : "nothing");
    }
    return STATUS_OK;
}

static status dispatch(command_run *r) {
    const char *name = json_string_value(json_object_get(r->asked, "command"));
    if (name == NULL) return command_fail(r, STATUS_BAD_COMMAND, "'command' is missing: the command's name");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) != 0) continue;
        status s = check_members(r, i);
        return s == STATUS_OK ? commands[i].run(r) : s;
    }
    return command_fail(r, STATUS_BAD_COMMAND, "unknown command '%.64s'", name);
}

status command_execute(server *s, command *c) {
    json_error_t problem;
    command_run r = {.s = s, .c = c};
    r.asked = json_loadb(c->text, c->length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(r.asked)) {
        const char *what = r.asked != NULL ? "something else" : problem.text;
        json_decref(r.asked);
        return command_fail(&r, STATUS_BAD_COMMAND, "not a JSON object: %s", what);
    }
    r.answer = json_object();
    status result = dispatch(&r);
    json_decref(r.asked);
    if (result != STATUS_OK) {
        json_decref(r.answer);
        return result;
    }
    c->document = document_dump(r.answer);
    return c->document != NULL ? STATUS_OK : STATUS_OVERLOADED;
}
