/* Impact before law: beginning a run, asking how far it is, its results as a document (server/impact_document.c). */
#include "base/clock.h"
#include "server/command.h"
#include "server/document.h"
#include "server/impact_document.h"
#include "server/impact_run.h"
#include "server/jobs.h"

#include <stdlib.h>
#include <string.h>

static status dimensions(command_run *r, unsigned *by) {
    const json_t *list = json_object_get(r->asked, "by"), *one;
    size_t i;
    if (list == NULL) return STATUS_OK;
    *by = 0;
    json_array_foreach(list, i, one) {
        const char *name = json_string_value(one);
        unsigned d = 0;
        while (d < IMPACT_DIMENSIONS && (name == NULL || strcmp(impact_dimension_name(d), name) != 0)) d++;
        if (d == IMPACT_DIMENSIONS)
            return command_fail(r, STATUS_BAD_COMMAND, "'by' takes kind, grade, division and sector");
        *by |= 1u << d;
    }
    return json_is_array(list) ? STATUS_OK : command_fail(r, STATUS_BAD_COMMAND, "'by' must be a list");
}

static status moment_of(command_run *r, policy_moment *at) {
    const char *text = NULL;
    int32_t day;
    status s = command_string(r, "day", NULL, &text);
    if (s != STATUS_OK) return s;
    *at = policy_moment_at(timekeeper_now_ms(&r->s->clock));
    if (text == NULL) return STATUS_OK;
    if (!clock_parse_day(text, strlen(text), &day))
        return command_fail(r, STATUS_BAD_COMMAND, "'day' must be written like 2026-11-24");
    *at = policy_moment_of_day(day);
    return STATUS_OK;
}

static status parse(command_run *r, impact_options *o, const char **scenario, unsigned *by) {
    int64_t samples = 0, seed = 1;
    status s = command_string(r, "scenario", NULL, scenario);
    if (s == STATUS_OK) s = command_number(r, "samples", 0, LIMIT_IMPACT_SAMPLES, NULL, &samples);
    if (s == STATUS_OK) s = command_number(r, "seed", 0, INT64_MAX, NULL, &seed);
    if (s == STATUS_OK) s = dimensions(r, by);
    if (s == STATUS_OK) s = moment_of(r, &o->at);
    o->at_new = o->at;
    o->samples = (uint16_t)samples;
    o->seed = (uint64_t)seed;
    return s;
}

/* By the candidate's names, or those of the active set for what it leaves out. */
static unsigned scenario_of(const server *s, const policy_set *candidate, const char *name) {
    unsigned code = policy_scenario_find(candidate, name);
    policy_set *active = command_active(s);
    if (code == 0) code = policy_scenario_find(active, name);
    policy_destroy(&active);
    return code;
}

status command_impact_start(command_run *r) {
    impact_options options = {0};
    const char *scenario = NULL;
    const policy_file *files;
    size_t count;
    policy_set *candidate = NULL;
    unsigned by = 0;
    uint32_t number = 0;
    status s = parse(r, &options, &scenario, &by);
    if (s == STATUS_OK) s = command_texts(r, &files, &count);
    if (s == STATUS_OK) s = command_compile(r, files, count, &candidate, NULL);
    if (s != STATUS_OK) return s;
    if (scenario != NULL && scenario[0] != '\0') {
        options.scenario = (uint8_t)scenario_of(r->s, candidate, scenario);
        if (options.scenario == 0) {
            policy_destroy(&candidate);
            return command_fail(r, STATUS_UNKNOWN_SCENARIO, "neither set has a scenario '%.64s'", scenario);
        }
    }
    s = impact_runs_begin(jobs_state(r->s)->runs, candidate, &options, by, &number);
    if (s == STATUS_OVERLOADED)
        return command_fail(r, s, "another impact is running: wait for it, or cancel it (jobs)");
    if (s == STATUS_OK) command_put(r, "job", json_integer(number));
    return s;
}

/* ------------------------------------------------------------------ jobs, backups among them */

static void put_head(json_t **to, const impact_run *run) {
    char started[CLOCK_TIME_TEXT];
    document_set(to, "job", json_integer(run->number));
    document_set(to, "kind", json_string("impact"));
    document_set(to, "state", json_string(run_state_name(run->state)));
    document_set(to, "progress", json_real((double)run->progress / 1e6));
    document_set(to, "started", json_string(clock_format_ms(run->started_ms, started)));
    document_set(to, "hash", json_string(policy_hash(run->after)));
    if (run->state != RUN_FAILED) return;
    document_set(to, "status", json_string(status_name(run->why)));
    document_set(to, "message",
                 json_string(run->why == STATUS_OVERLOADED
                                 ? "more profiles were written meanwhile than are kept: run it again"
                                 : status_text(run->why)));
}

static status find_run(command_run *r, impact_run *run) {
    int64_t number = 0;
    status s = command_need_number(r, "job", 1, UINT32_MAX, &number);
    if (s != STATUS_OK) return s;
    if (impact_runs_find(jobs_state(r->s)->runs, (uint32_t)number, run)) return STATUS_OK;
    return command_fail(r, STATUS_UNKNOWN_JOB, "no job %lld; those of the last %d are kept", (long long)number,
                        LIMIT_JOBS);
}

/* True if the job that is asked for is a backup. */
static bool find_backup(command_run *r, backup_run *run) {
    const json_t *number = json_object_get(r->asked, "job");
    return json_is_integer(number) && json_integer_value(number) > 0 && json_integer_value(number) <= UINT32_MAX &&
           backup_runs_find(jobs_state(r->s)->backups, (uint32_t)json_integer_value(number), run);
}

status command_job(command_run *r) {
    impact_run run;
    backup_run backup;
    const char *scenario = NULL;
    unsigned only = 0;
    if (find_backup(r, &backup)) {
        command_backup_document(&backup, &r->answer);
        return STATUS_OK;
    }
    status s = find_run(r, &run);
    if (s == STATUS_OK) s = command_string(r, "scenario", NULL, &scenario);
    if (s == STATUS_OK) s = dimensions(r, &run.by);
    if (s != STATUS_OK) return s;
    if (scenario != NULL) {
        only = policy_scenario_find(run.after, scenario);
        if (only == 0) only = policy_scenario_find(run.before, scenario);
        if (only == 0) return command_fail(r, STATUS_UNKNOWN_SCENARIO, "neither set has a scenario '%.64s'", scenario);
    }
    put_head(&r->answer, &run);
    if (run.state == RUN_DONE) command_put(r, "result", impact_document(&run, only));
    return STATUS_OK;
}

status command_job_cancel(command_run *r) {
    impact_run run;
    backup_run backup;
    if (find_backup(r, &backup)) {
        backup_runs_cancel(jobs_state(r->s)->backups, backup.number);
        command_put(r, "job", json_integer(backup.number));
        command_put(r, "state", json_string(run_state_name(backup.state)));
        return STATUS_OK;
    }
    status s = find_run(r, &run);
    if (s != STATUS_OK) return s;
    impact_runs_cancel(jobs_state(r->s)->runs, run.number);
    command_put(r, "job", json_integer(run.number));
    command_put(r, "state", json_string(run_state_name(run.state)));
    return STATUS_OK;
}

/* Those of both kinds, the newest first. */
status command_jobs(command_run *r) {
    job_state *state = jobs_state(r->s);
    json_t *list = json_array();
    impact_run run;
    backup_run backup;
    bool backups = backup_runs_before(state->backups, UINT32_MAX, &backup);
    for (size_t n = 0;; n++) {
        bool impacts = impact_runs_at(state->runs, n, &run);
        for (; backups && (!impacts || backup.number > run.number);
             backups = backup_runs_before(state->backups, backup.number, &backup)) {
            json_t *one = json_object();
            command_backup_document(&backup, &one);
            document_append(&list, one);
        }
        if (!impacts) break;
        json_t *one = json_object();
        put_head(&one, &run);
        document_append(&list, one);
    }
    command_put(r, "jobs", list);
    return STATUS_OK;
}
