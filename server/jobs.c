/* A list under a mutex, one thread behind it. Commands are few and some take a second, so nothing here is fast; it is
 * only never in the way: the thread rests for readers' purposes (base/rcu.h) except in the moments when it takes hold
 * of something that the writer may replace. */
#include "server/jobs.h"

#include "base/rcu.h"
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>

struct jobs {
    server *server;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards from here … */
    pthread_cond_t wake;
    write_request *first, *last;
    unsigned waiting;
    bool stop; /* … to here */
    job_state state;
};

job_state *jobs_state(const server *s) { return &s->jobs->state; }

bool jobs_submit(jobs *j, write_request *r) {
    pthread_mutex_lock(&j->mutex);
    bool room = j->waiting < LIMIT_COMMANDS && !j->stop;
    if (room) {
        r->next = NULL;
        if (j->first == NULL)
            j->first = r;
        else
            j->last->next = r;
        j->last = r;
        j->waiting++;
        pthread_cond_signal(&j->wake);
    }
    pthread_mutex_unlock(&j->mutex);
    return room;
}

static write_request *next_request(jobs *j, bool *stop) {
    pthread_mutex_lock(&j->mutex);
    while (j->first == NULL && !j->stop) pthread_cond_wait(&j->wake, &j->mutex);
    write_request *r = j->first;
    if (r != NULL) {
        j->first = r->next;
        j->waiting--;
        r->next = NULL;
    }
    *stop = j->stop;
    pthread_mutex_unlock(&j->mutex);
    return r;
}

static void *jobs_main(void *arg) {
    jobs *j = arg;
    rcu_enter();
    rcu_rest();
    for (;;) {
        bool stop;
        write_request *r = next_request(j, &stop);
        if (r == NULL) break; /* only when it is to stop */
        r->whole = stop ? STATUS_UNAVAILABLE : command_execute(j->server, r->command);
        worker_deliver(r->worker, r, r);
    }
    rcu_wake();
    rcu_leave();
    return NULL;
}

status jobs_init(server *s) {
    jobs *j = calloc(1, sizeof *j);
    if (j == NULL) return STATUS_NO_MEMORY;
    j->server = s;
    j->state.runs = impact_runs_create(s);
    j->state.backups = backup_runs_create(s);
    if (j->state.runs == NULL || j->state.backups == NULL) {
        impact_runs_destroy(&j->state.runs);
        backup_runs_destroy(&j->state.backups);
        free(j);
        return STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&j->mutex, NULL);
    pthread_cond_init(&j->wake, NULL);
    s->jobs = j;
    return STATUS_OK;
}

status jobs_start(server *s) {
    return pthread_create(&s->jobs->thread, NULL, jobs_main, s->jobs) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void jobs_stop(server *s) {
    jobs *j = s->jobs;
    pthread_mutex_lock(&j->mutex);
    j->stop = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->mutex);
    pthread_join(j->thread, NULL);
    impact_runs_stop(j->state.runs);
    backup_runs_stop(j->state.backups);
}

void jobs_deinit(server *s) {
    jobs *j = s->jobs;
    if (j == NULL) return;
    impact_runs_destroy(&j->state.runs);
    backup_runs_destroy(&j->state.backups);
    policy_destroy(&j->state.replayed);
    pthread_mutex_destroy(&j->mutex);
    pthread_cond_destroy(&j->wake);
    free(j);
    s->jobs = NULL;
}
