/* policy impact: who would gain and who would lose under a candidate set, before it is law.
 *
 * The documents it exchanges with the server (message COMMAND; UPLOAD brings the files first):
 *
 *   {"command": "impact_start", "draft": 3, "scenario": "loan", "day": "2026-07-01", "samples": 5, "seed": 1,
 *    "by": ["division"]}
 *     → {"job": 7}
 *
 *     draft     of UPLOAD
 *     scenario  absent: all that differ
 *     day       absent: today; both sets decide as of it
 *     samples   0..100 for each benefit gained or lost
 *     by        dimensions to break down by: "kind" "grade" "division" "sector"
 *
 *   {"command": "job", "job": 7}
 *     → {"job": 7, "kind": "impact", "state": "running" | "done" | "failed" | "cancelled", "progress": 0.42,
 *        "status": "overloaded", "message": "…",           failed only: name of the status, one sentence
 *        "result": {…}}                                    done only
 *   {"command": "job_cancel", "job": 7}                    → {"job": 7}
 *
 *   result:
 *   {"population": 52000000, "seconds": 4.1, "day": "2026-07-01",
 *    "active": {"version": 3, "hash": "…"}, "candidate": {"version": 4, "hash": "…"},
 *    "derived_again": false, "composite_up": 0, "composite_down": 0, "newer": 0,
 *    "scenarios": [
 *      {"scenario": "loan", "title": "信易贷", "total": COUNTS,
 *       "by": {"division": [{"group": "5301", "title": "昆明市", …COUNTS}, …]},
 *       "benefits": [
 *         {"code": 0, "id": "pre_approval", "title": "预授信", "total": COUNTS, "by": {"division": […]},
 *          "gained_samples": [{"subject": "id:530000********0011", "before": DECISION, "after": DECISION}],
 *          "lost_samples": […]}]}],
 *    "guarantees": [{"program": "power", "total": GUARANTEE, "by": {"division": […GUARANTEE]}}]}
 *
 *   COUNTS: {"subjects": n, "gained": n, "lost": n, "before": n, "after": n,
 *            "outcomes": [[n, n, n, n], [n, n, n, n], [n, n, n, n], [n, n, n, n]],
 *            "amount_before_fen": n, "amount_after_fen": n}
 *
 *   as impact_counts; outcomes: a row for each of none, granted, review, declined before, a column for each after. A
 *   benefit's have no outcomes and amounts. Groups in which nothing differs may be left out.
 *
 *   DECISION: {"status": "ok", "outcome": "granted", "tier": 2, "benefits": ["pre_approval"], "amount_fen": n,
 *              "rate_bp": n, "percent_bp": n}
 *   GUARANTEE: the fields of impact_guarantee by their names.
 *   Groups: kind by the name of the field `form`, grade by that of `composite_grade` ("" unrated), division by four
 *   digits ("" unknown), sector by letter ("" unknown); title is for people.
 *   Subjects are masked by the server. */
#include "client/cli/cmd_impact.h"

#include "base/clock.h"
#include "client/cli/ask.h"
#include "client/cli/impact_view.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/output.h"
#include "client/cli/policy_texts.h"
#include "client/cli/progress.h"
#include "engine/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MOST 100
#define POLL_LEAST_MS 20
#define POLL_MOST_MS 250

typedef struct ask {
    const char *directory, *scenario, *by, *day, *csv;
    int64_t samples, seed;
} ask;

/* ------------------------------------------------------------------ what is asked */

static bool is_dimension(const char *name) {
    static const char *const names[] = {"kind", "grade", "division", "sector"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static int parse(const cli *c, int argc, char **argv, ask *a) {
    const char *samples = NULL, *seed = NULL;
    const option_spec specs[] = {{"scenario", NULL, &a->scenario},
                                 {"by", NULL, &a->by},
                                 {"day", NULL, &a->day},
                                 {"samples", NULL, &samples},
                                 {"seed", NULL, &seed},
                                 {"csv", NULL, &a->csv},
                                 OPTION_END};
    int first, code = option_parse(c, argc, argv, specs, &first);
    int32_t day;
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one directory with the candidate's *.yaml files");
    a->directory = argv[first];
    if (a->by != NULL && !is_dimension(a->by)) return cli_usage(c, "--by %s: kind, grade, division or sector", a->by);
    if (a->day != NULL && !clock_parse_day(a->day, strlen(a->day), &day))
        return cli_usage(c, "--day %s: not a day; write YYYY-MM-DD", a->day);
    if (samples != NULL && !money_parse_count(samples, strlen(samples), SAMPLES_MOST, &a->samples))
        return cli_usage(c, "--samples %s: a number from 0 to %d", samples, SAMPLES_MOST);
    if (seed != NULL && !money_parse_count(seed, strlen(seed), INT64_MAX, &a->seed))
        return cli_usage(c, "--seed %s: a whole number", seed);
    if (c->json && a->csv != NULL && strcmp(a->csv, "-") == 0)
        return cli_usage(c, "--json and --csv - would both write to standard output; give --csv a file");
    return 0;
}

/* What cannot become active has no impact: said here, before anything is sent. */
static int check_texts(const cli *c, const ask *a, const policy_texts *t) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    status s = policy_load(t->files, t->count, 1, &findings, &set);
    size_t errors = findings.errors;
    policy_findings_deinit(&findings);
    policy_destroy(&set);
    if (s == STATUS_OK) return 0;
    if (s == STATUS_NO_MEMORY) return cli_no_memory(c);
    cli_error(c, "%s has %zu error%s; xinyi policy check %s tells them", a->directory, errors, errors == 1 ? "" : "s",
              a->directory);
    return CLI_EXIT_REFUSED;
}

/* ------------------------------------------------------------------ the job */

static json_t *dimensions(const cli *c, const ask *a) {
    if (c->json || a->csv != NULL) return json_pack("[ssss]", "kind", "grade", "division", "sector");
    return a->by != NULL ? json_pack("[s]", a->by) : json_array();
}

static int start(cli *c, const ask *a, uint32_t draft, json_int_t *job) {
    json_t *answer;
    json_t *request = json_pack("{ss, sI, so, sI, sI}", "command", "impact_start", "draft", (json_int_t)draft, "by",
                                dimensions(c, a), "samples", (json_int_t)a->samples, "seed", (json_int_t)a->seed);
    if (request != NULL && a->scenario != NULL) json_object_set_new(request, "scenario", json_string(a->scenario));
    if (request != NULL && a->day != NULL) json_object_set_new(request, "day", json_string(a->day));
    int code = ask_server(c, request, &answer);
    *job = json_integer_value(json_object_get(answer, "job"));
    json_decref(answer);
    return code;
}

static void rest(unsigned ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* 0 and *answer is the job that is done. */
static int wait_for(cli *c, json_int_t job, json_t **answer) {
    progress bar;
    int code;
    progress_init(&bar, "impact", 1000000);
    for (unsigned ms = POLL_LEAST_MS;; ms = ms * 2 < POLL_MOST_MS ? ms * 2 : POLL_MOST_MS) {
        rest(ms);
        code = ask_server(c, json_pack("{ss, sI}", "command", "job", "job", job), answer);
        if (code != 0) break;
        const char *state = json_string_value(json_object_get(*answer, "state"));
        if (state == NULL || strcmp(state, "running") != 0) break;
        double share = json_number_value(json_object_get(*answer, "progress"));
        progress_update(&bar, share > 0 ? (uint64_t)(share * 1000000) : 0, PROGRESS_NONE, PROGRESS_NONE);
        json_decref(*answer);
        *answer = NULL;
    }
    progress_clear(&bar);
    return code;
}

static int judge(const cli *c, const json_t *job) {
    const char *state = json_string_value(json_object_get(job, "state"));
    const char *message = json_string_value(json_object_get(job, "message"));
    if (state != NULL && strcmp(state, "done") == 0 && json_is_object(json_object_get(job, "result"))) return 0;
    cli_error(c, "%s: %s", state != NULL ? state : "the server's answer cannot be understood",
              message != NULL ? message : "no reason was given");
    return CLI_EXIT_REFUSED;
}

/* ------------------------------------------------------------------ the result */

static int write_csv(const cli *c, const ask *a, const json_t *result) {
    char why[OUTPUT_WHY];
    output file = {.fd = -1};
    buf text = {0};
    impact_csv(result, &text);
    int code = buf_status(&text) == STATUS_OK ? 0 : cli_no_memory(c);
    if (code == 0 && !(output_open(&file, a->csv, 0666, why) && output_write(&file, text.data, text.size, why))) {
        cli_error(c, "%s", why);
        code = CLI_EXIT_REFUSED;
    }
    if (!output_close(&file, code == 0, why)) {
        cli_error(c, "%s", why);
        code = CLI_EXIT_REFUSED;
    }
    buf_deinit(&text);
    return code;
}

static int show(cli *c, const ask *a, const json_t *result) {
    if (a->csv != NULL) {
        int code = write_csv(c, a, result);
        if (code != 0 || !c->json) return code;
    }
    if (!c->json) return impact_view(c, result, a->by) ? CLI_EXIT_DONE : cli_no_memory(c);
    char *text = json_dumps(result, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (text == NULL) return cli_no_memory(c);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    free(text);
    return CLI_EXIT_DONE;
}

static int run(cli *c, const ask *a, const policy_texts *t) {
    uint32_t draft;
    json_int_t number;
    json_t *job = NULL;
    int code = check_texts(c, a, t);
    if (code == 0) code = cli_connect(c);
    if (code == 0) code = ask_upload(c, t, &draft);
    if (code == 0) code = start(c, a, draft, &number);
    if (code == 0) code = wait_for(c, number, &job);
    if (code == 0) code = judge(c, job);
    if (code == 0) code = show(c, a, json_object_get(job, "result"));
    json_decref(job);
    return code;
}

int cmd_impact(cli *c, int argc, char **argv) {
    ask a = {0};
    policy_texts t = {0};
    int code = parse(c, argc, argv, &a);
    if (code != 0) return code;
    code = policy_texts_read(c, a.directory, &t);
    if (code == 0) code = run(c, &a, &t);
    policy_texts_deinit(&t);
    return code;
}
