/* As server/startup.c loads it, but quietly, and with folding put off for ever: whoever only looks changes nothing. */
#include "server/offline_data.h"

#include "server/offline.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#define NEVER_MS (UINT64_C(1000) * 86400 * 365)

status offline_open(const char *directory, offline_data *out, char *problem, size_t room) {
    journal_options options = {
        .directory = directory, .fold_bytes = UINT64_MAX, .fold_interval_ms = NEVER_MS, .min_free_bytes = UINT64_MAX};
    *out = (offline_data){0};
    status s = journal_open(&options, &out->journal, problem, room);
    if (s == STATUS_NOT_FOUND) snprintf(problem, room, "%s is no data directory", directory);
    if (s == STATUS_LOCKED)
        snprintf(problem, room, "another process is using %s, a server perhaps: `xinyi verify` asks a running one",
                 directory);
    if (s != STATUS_OK && problem[0] == '\0') snprintf(problem, room, "%s", status_text(s));
    return s;
}

static status apply(void *context, const change *record) { return engine_apply(context, record); }

static void progress(void *context, uint64_t records, bool log) {
    (void)context;
    offline_progress(log ? "loading the log, records" : "loading, records", records, 0);
}

static unsigned threads_of(const config *c) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (c->threads > 0) return (unsigned)c->threads;
    return cores < 1 ? 1 : cores > LIMIT_THREADS_MAX ? LIMIT_THREADS_MAX : (unsigned)cores;
}

status offline_fill(const config *c, offline_data *d, char *problem, size_t room) {
    engine_options options = {.max_subjects = (uint32_t)c->max_subjects,
                              .seed = journal_seed(d->journal),
                              .operations_kept_ms = c->keep_days * 86400000};
    problem[0] = '\0';
    status s = engine_create(&options, &d->engine);
    if (s == STATUS_OK) s = journal_load(d->journal, threads_of(c), apply, progress, d->engine, problem, room);
    if (s == STATUS_OK) s = engine_recovered(d->engine);
    d->policy_invalid = s == STATUS_POLICY_INVALID;
    if (d->policy_invalid) s = STATUS_OK;
    if (s != STATUS_OK && problem[0] == '\0') {
        const char *why = d->engine != NULL ? engine_trouble(d->engine) : "";
        snprintf(problem, room, "%s", why[0] != '\0' ? why : status_text(s));
    }
    offline_progress("", 0, 0);
    return s;
}

void offline_close(offline_data *d) {
    journal_close(&d->journal);
    engine_destroy(&d->engine);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void offline_remove(const char *directory) { (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }
