/* Runs of an impact (engine/impact.h) in the background: begun and ended on the commit thread, worked on by as many
 * threads as there are workers, at a lower priority, so that lookups go on. One run at a time; the results of the last
 * LIMIT_JOBS are kept.
 *
 * All functions: the thread of commands only. */
#ifndef XINYI_SERVER_IMPACT_RUN_H
#define XINYI_SERVER_IMPACT_RUN_H

#include "engine/impact.h"
#include "server/server.h"

typedef struct impact_runs impact_runs;

typedef enum run_state { RUN_RUNNING, RUN_DONE, RUN_FAILED, RUN_CANCELLED } run_state;
const char *run_state_name(unsigned state); /* "running" … */

typedef struct impact_run {
    uint32_t number;
    run_state state;
    status why;        /* failed */
    uint32_t progress; /* millionths */
    int64_t started_ms;
    const impact *impact;             /* its results, if done */
    const policy_set *before, *after; /* for names of scenarios and benefits */
    policy_moment at;
    unsigned by; /* bits 1 << impact_dimension that were asked for */
} impact_run;

impact_runs *impact_runs_create(server *s); /* NULL without memory */
/* The next number of a job, for other kinds of jobs too: numbers grow, and none is given twice. */
uint32_t impact_runs_number(impact_runs *r);
/* Takes over `candidate`, whatever happens. OVERLOADED while another one runs; READ_ONLY while a group's fate is not
 * known; UNKNOWN_SCENARIO, NO_MEMORY. */
status impact_runs_begin(impact_runs *r, policy_set *candidate, const impact_options *options, unsigned by,
                         uint32_t *number);
/* False if it is not known (any longer). */
bool impact_runs_find(impact_runs *r, uint32_t number, impact_run *out);
/* The n-th of those that are known, newest first; false beyond. */
bool impact_runs_at(impact_runs *r, size_t n, impact_run *out);
/* Gives it up. False if it is not known; nothing happens to one that is over. */
bool impact_runs_cancel(impact_runs *r, uint32_t number);
/* Gives up what runs and waits for its threads; the commit thread must still run. */
void impact_runs_stop(impact_runs *r);
void impact_runs_destroy(impact_runs **r);

#endif
