/* xinyid: reads its settings, loads its data, starts its threads, waits for a signal, stops in order. */
#include "base/clock.h"
#include "base/log.h"
#include "base/rcu.h"
#include "server/commit.h"
#include "server/config.h"
#include "server/jobs.h"
#include "server/listener.h"
#include "server/server.h"
#include "server/startup.h"
#include "server/worker.h"

#include <errno.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Read by jemalloc, if the program is linked with it: memory that is not used goes back to the system after a second.
 */
extern const char *malloc_conf __attribute__((visibility("default")));
const char *malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:4";

static log_level level_of(const char *name) {
    return strcmp(name, "debug") == 0   ? LOG_DEBUG
           : strcmp(name, "warn") == 0  ? LOG_WARN
           : strcmp(name, "error") == 0 ? LOG_ERROR
                                        : LOG_INFO;
}

static unsigned choose_threads(const config *c) {
    if (c->threads > 0) return (unsigned)c->threads;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > LIMIT_THREADS_MAX ? LIMIT_THREADS_MAX : (unsigned)cores;
}

#define OWN_FILES 1024 /* descriptors for everything but connections, mainly the database's */

/* A descriptor a connection, and some for files: asks for as many as the limit on connections needs. With fewer,
 * connections get less: they must never take those of the database, which would stop writes. */
static void raise_file_limit(config *c) {
    struct rlimit limit;
    rlim_t want = (rlim_t)c->max_connections + OWN_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want) return;
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > want ? want : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    if (limit.rlim_cur >= want) return;
    rlim_t own = limit.rlim_cur / 2 < OWN_FILES ? limit.rlim_cur / 2 : OWN_FILES;
    c->max_connections = (int64_t)(limit.rlim_cur - own);
    log_event(LOG_WARN, "few_files", "open_files=%llu max_connections=%lld reason=\"raise the limit (ulimit -n)\"",
              (unsigned long long)limit.rlim_cur, (long long)c->max_connections);
}

/* Before anything is made on the disk, and long before the data are loaded. */
static status check_address(const server *s) {
    char problem[512];
    status result = listener_check(s->config.listen, problem, sizeof problem);
    if (result != STATUS_OK) log_event(LOG_ERROR, "cannot_listen", "reason=\"%s\"", problem);
    return result;
}

static status make_workers(server *s) {
    int fds[LIMIT_THREADS_MAX];
    bool loopback;
    char problem[512];
    status result = listener_open(s->config.listen, s->worker_count, fds, s->address, sizeof s->address, &loopback,
                                  problem, sizeof problem);
    if (result != STATUS_OK) {
        log_event(LOG_ERROR, "cannot_listen", "reason=\"%s\"", problem);
        return result;
    }
    if (!loopback)
        log_event(LOG_WARN, "open_address", "listen=%s reason=\"members are not authenticated: use a trusted network\"",
                  s->address);
    s->workers = calloc(s->worker_count, sizeof *s->workers);
    unsigned made = 0;
    result = s->workers != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (; result == STATUS_OK && made < s->worker_count; made++)
        result = worker_create(s, made, fds[made], &s->workers[made]);
    for (unsigned i = made; i < s->worker_count; i++) close(fds[i]);
    if (result != STATUS_OK) log_event(LOG_ERROR, "cannot_start", "reason=\"%s\"", status_text(result));
    return result;
}

static status start_threads(server *s) {
    status result = commit_start(s);
    if (result == STATUS_OK) result = jobs_start(s);
    for (unsigned i = 0; result == STATUS_OK && i < s->worker_count; i++) result = worker_start(s->workers[i]);
    if (result != STATUS_OK) {
        log_event(LOG_ERROR, "cannot_start", "reason=\"no thread can be made\"");
        exit(1); /* nothing acknowledged is lost: nothing has been accepted */
    }
    return result;
}

/* The last thing that a start will know of: the ledger's time. */
static void note_clock(void *arg) {
    server *s = arg;
    if (commit_note_clock(s) != STATUS_OK)
        log_event(LOG_WARN, "clock_not_noted", "reason=\"%s\" effect=\"the next start goes on from the last write\"",
                  journal_trouble(s->journal));
}

static void drain(server *s) {
    atomic_store(&s->draining, true);
    for (unsigned i = 0; i < s->worker_count; i++) worker_drain(s->workers[i]);
    for (unsigned i = 0; i < s->worker_count; i++) worker_join(s->workers[i]);
    jobs_stop(s);
    commit_call(s, note_clock, s);
    commit_stop(s);
    status folded = journal_fold(s->journal);
    if (folded != STATUS_OK)
        log_event(LOG_WARN, "not_folded", "reason=\"%s\" effect=\"the next start replays the log\"",
                  status_text(folded));
}

static void destroy(server *s) {
    for (unsigned i = 0; s->workers != NULL && i < s->worker_count; i++) worker_destroy(&s->workers[i]);
    free(s->workers);
    jobs_deinit(s);
    commit_deinit(s);
    journal_close(&s->journal);
    rcu_drain();
    engine_destroy(&s->engine);
    config_deinit(&s->config);
}

int main(int argc, char **argv) {
    server s = {.started_ns = clock_mono_ns()};
    switch (config_read(argc, argv, &s.config)) {
    case CONFIG_DONE: config_deinit(&s.config); return 0;
    case CONFIG_BAD: config_deinit(&s.config); return 2;
    case CONFIG_RUN: break;
    }
    log_setup(level_of(s.config.log_level), strcmp(s.config.log_format, "json") == 0);
    if (s.config.offline.action != OFFLINE_NONE) {
        int done = offline_run(&s.config);
        config_deinit(&s.config);
        return done;
    }
    s.worker_count = choose_threads(&s.config);
    raise_file_limit(&s.config);
    signal(SIGPIPE, SIG_IGN);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, NULL); /* every thread inherits it: only sigwait below takes them */
    evthread_use_pthreads();

    int code = 1;
    if (check_address(&s) != STATUS_OK) goto out;
    status loaded = startup_load(&s);
    if (loaded == STATUS_UNAVAILABLE) {
        log_event(LOG_INFO, "stopped", "while=loading");
        code = 0;
    }
    if (loaded != STATUS_OK) goto out;
    if (commit_init(&s) != STATUS_OK || jobs_init(&s) != STATUS_OK || startup_migrate(&s) != STATUS_OK ||
        startup_policies(&s) != STATUS_OK)
        goto out;
    if (commit_is_well(&s)) note_clock(&s);
    if (make_workers(&s) != STATUS_OK || start_threads(&s) != STATUS_OK) goto out;

    engine_stats stats;
    commit_snapshot snapshot;
    commit_get_snapshot(s.committer, &snapshot);
    stats = snapshot.engine;
    log_event(LOG_INFO, "ready", "listen=%s subjects=%zu accounts=%zu policy_version=%u threads=%u seconds=%.2f",
              s.address, stats.subjects.records, stats.accounts.records, stats.policy_version, s.worker_count,
              (double)(clock_mono_ns() - s.started_ns) / 1e9);
    int got;
    sigwait(&stop, &got);
    log_event(LOG_INFO, "draining", "signal=%s connections=%zu", got == SIGTERM ? "SIGTERM" : "SIGINT",
              (size_t)atomic_load(&s.connections));
    drain(&s);
    log_event(LOG_INFO, "stopped", "sequence=%llu", (unsigned long long)journal_sequence(s.journal));
    code = 0;
out:
    destroy(&s);
    return code;
}
