/* Commands: what officers and tools ask for in JSON (message COMMAND). PROTOCOL.md section 4.6 lists them.
 *
 * They run one after another on the thread of commands (server/jobs.h), so their state needs no lock and nothing that
 * takes a while — compiling, replaying, reading effect totals — stands in the way of lookups. What only the writer may
 * do goes through commit_call.
 *
 * A command fails with a status and one sentence, or makes a document. */
#ifndef XINYI_SERVER_COMMAND_H
#define XINYI_SERVER_COMMAND_H

#include "server/server.h"
#include "server/uploads.h"

#include <jansson.h>

#define COMMAND_PROBLEM 480

/* One on its way: made by a worker, run by the thread of commands, answered and freed by the worker. */
typedef struct command {
    draft *drafts[LIMIT_DRAFTS];   /* as they were when it came; held */
    char *document;                /* the answer, malloc'd; NULL if it failed */
    char problem[COMMAND_PROBLEM]; /* why; "" if the status says it all */
    size_t length;
    char text[]; /* the request's body, length bytes */
} command;

/* Takes copies and holds. NULL without memory. */
command *command_new(const uint8_t *body, size_t length, const uploads *drafts);
void command_free(command *c); /* accepts NULL */

/* [thread of commands] Runs it: document or problem are set. */
status command_execute(server *s, command *c);

/* ------------------------------------------------------------------ for the commands themselves */

typedef struct command_run {
    server *s;
    command *c;
    json_t *asked;
    json_t *answer; /* an object that the command fills; the document */
} command_run;

/* Sets the problem; returns `why`. */
status command_fail(command_run *r, status why, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Members of the request. An absent one leaves *out alone and *given (may be NULL) false; of the wrong type or beyond
 * least..most: BAD_COMMAND, said. */
status command_number(command_run *r, const char *key, int64_t least, int64_t most, bool *given, int64_t *out);
status command_string(command_run *r, const char *key, bool *given, const char **out);
/* The same, and it must be there. */
status command_need_number(command_run *r, const char *key, int64_t least, int64_t most, int64_t *out);

/* The texts that the member `draft` names: UNKNOWN_DRAFT, or BAD_COMMAND of one that is not complete, said. */
status command_draft(command_run *r, const policy_file **files, size_t *count);
/* The archived set of that version; what it points to lives as long as the engine. UNKNOWN_POLICY, said. */
status command_archived(command_run *r, uint32_t version, policy_archive_entry *out);
/* Texts by `draft` or `version`, one of which must be there. */
status command_texts(command_run *r, const policy_file **files, size_t *count);
/* Compiles as the next version. POLICY_INVALID, said with the first error. What there is to say about the texts goes
 * into *findings, if not NULL; the caller's. */
status command_compile(command_run *r, const policy_file *files, size_t count, policy_set **out, json_t **findings);
/* [{severity, file, line, column, message}] */
json_t *command_findings(const policy_findings *f);

/* The active set, held: give it back with policy_destroy. */
policy_set *command_active(const server *s);

/* Adds a member; a failure shows when the document is made. */
void command_put(command_run *r, const char *key, json_t *value);

/* {"status", "outcome", "tier", "row", "benefits": [id], "amount_fen", "percent_bp", "rate_bp"} */
json_t *command_decision(const policy_set *set, unsigned scenario, const decision *d);

/* A row for each outcome before, in it a number for each after. */
json_t *command_outcomes(const uint64_t matrix[4][4]);

typedef status (*command_function)(command_run *r);
/* command_policy.c */
status command_policy_check(command_run *r);
status command_policy_test(command_run *r);
status command_policy_activate(command_run *r);
status command_policy_rollback(command_run *r);
/* command_history.c */
status command_policy_list(command_run *r);
status command_policy_texts(command_run *r);
status command_replay(command_run *r);
/* command_live.c */
status command_catalogue(command_run *r);
status command_shadow_start(command_run *r);
status command_shadow_stop(command_run *r);
status command_shadow(command_run *r);
status command_effect(command_run *r);
/* command_impact.c */
status command_impact_start(command_run *r);
status command_job(command_run *r);
status command_job_cancel(command_run *r);
status command_jobs(command_run *r);
/* command_backup.c */
status command_backup(command_run *r);
status command_verify(command_run *r);
struct backup_run;
/* The members of a job that is a backup. */
void command_backup_document(const struct backup_run *run, json_t **to);
/* command_alerts.c */
status command_alerts(command_run *r);
status command_alert_ack(command_run *r);
/* command_ledger.c */
status command_quota_history(command_run *r);

#endif
