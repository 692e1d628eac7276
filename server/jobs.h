/* The thread of commands, and what its commands keep between them. A worker hands a COMMAND over and goes on; the
 * answer comes back like that of a write, so lookups overtake it.
 *
 * Long runs over the population (impact) and backups have threads of their own, at a lower priority:
 * server/impact_run.h, server/backup_run.h. */
#ifndef XINYI_SERVER_JOBS_H
#define XINYI_SERVER_JOBS_H

#include "server/backup_run.h"
#include "server/command.h"
#include "server/commit.h"
#include "server/impact_run.h"

typedef struct jobs jobs;

/* init makes s->jobs; start begins the thread. stop: workers submit no more and the commit thread still runs; commands
 * that wait are answered UNAVAILABLE, runs are cancelled. deinit frees. */
status jobs_init(server *s) MUST_CHECK;
status jobs_start(server *s) MUST_CHECK;
void jobs_stop(server *s);
void jobs_deinit(server *s);

/* A request of type COMMAND. False, and nothing taken, when LIMIT_COMMANDS wait. */
bool jobs_submit(jobs *j, write_request *r);

/* [thread of commands] What commands share. */
typedef struct job_state {
    impact_runs *runs;
    backup_runs *backups;
    int64_t shadow_since_ms; /* 0: no shadow */
    policy_set *replayed;    /* the last set that a receipt asked for; NULL none */
} job_state;
job_state *jobs_state(const server *s);

#endif
