/* Backups of the running server (persist/backup.h), each on a thread of its own at a lower priority. One at a time; the
 * outcomes of the last LIMIT_JOBS are kept.
 *
 * All functions: the thread of commands only. */
#ifndef XINYI_SERVER_BACKUP_RUN_H
#define XINYI_SERVER_BACKUP_RUN_H

#include "persist/backup.h"
#include "server/impact_run.h"
#include "server/server.h"

#define BACKUP_PROBLEM 512

typedef struct backup_runs backup_runs;

typedef struct backup_run {
    uint32_t number;
    run_state state;
    uint64_t done_bytes, total_bytes; /* total 0: not known yet */
    int64_t started_ms;
    const char *directory;
    /* once it is over */
    status why; /* failed */
    const char *problem;
    backup_info info;
    backup_cost cost;
    double seconds;
} backup_run;

backup_runs *backup_runs_create(server *s); /* NULL without memory */
/* `number`: of the job. OVERLOADED while another one runs; NO_MEMORY. keep 0: removes no older ones. */
status backup_runs_begin(backup_runs *r, uint32_t number, const char *directory, unsigned keep);
/* False if it is not known (any longer). Texts live until the next backup begins. */
bool backup_runs_find(backup_runs *r, uint32_t number, backup_run *out);
/* The newest whose number is below; false if there is none. */
bool backup_runs_before(backup_runs *r, uint32_t below, backup_run *out);
/* Gives it up. False if it is not known; nothing happens to one that is over. */
bool backup_runs_cancel(backup_runs *r, uint32_t number);
/* Gives up what runs and waits for its thread; the journal must still be open. */
void backup_runs_stop(backup_runs *r);
void backup_runs_destroy(backup_runs **r); /* accepts NULL */

#endif
