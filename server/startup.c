#include "server/startup.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "server/commit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_EVERY 4096u /* records between two looks for a signal */

/* journal_load has one context for both callbacks. */
typedef struct load_context {
    engine *engine;
    uint64_t began_ns;
} load_context;

/* SIGTERM and SIGINT are blocked in every thread; one that waits is for a load of minutes to give way to. */
static bool asked_to_stop(void) {
    sigset_t waiting;
    return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1);
}

static status apply(void *context, const change *record) {
    static _Thread_local unsigned applied;
    if (++applied % STOP_EVERY == 0 && asked_to_stop()) return STATUS_UNAVAILABLE;
    return engine_apply(((load_context *)context)->engine, record);
}

static void progress(void *context, uint64_t records, bool log) {
    uint64_t took = clock_mono_ns() - ((load_context *)context)->began_ns;
    log_event(LOG_INFO, "loading", "from=%s records=%llu records_per_s=%.0f", log ? "log" : "tables",
              (unsigned long long)records, took > 0 ? (double)records * 1e9 / (double)took : 0.0);
}

/* Damaged data are not the end: often nothing is lost, and no backup need be restored. */
static void cannot(const char *event, const char *directory, status why, const char *problem) {
    log_event(LOG_ERROR, event, "directory=\"%s\" reason=\"%s\"", directory,
              problem[0] != '\0' ? problem : status_text(why));
    if (why == STATUS_CORRUPT)
        log_event(LOG_ERROR, "data_damaged", "remedy=\"xinyid --repair --data %s tells what can be done\"", directory);
}

status startup_load(server *s) {
    const config *c = &s->config;
    char problem[512] = "";
    journal_options options = {.directory = c->data,
                               .cluster = c->cluster,
                               .fold_bytes = (uint64_t)c->fold_bytes,
                               .fold_interval_ms = (uint64_t)c->fold_interval_ms,
                               .min_free_bytes = c->min_free_bytes == 0 ? UINT64_MAX : (uint64_t)c->min_free_bytes};
    status result = journal_open(&options, &s->journal, problem, sizeof problem);
    if (result != STATUS_OK) {
        cannot("cannot_open_data", c->data, result, problem);
        return result;
    }
    engine_options space = {.max_subjects = (uint32_t)c->max_subjects,
                            .seed = journal_seed(s->journal),
                            .operations_kept_ms = c->keep_days * 86400000};
    result = engine_create(&space, &s->engine);
    if (result != STATUS_OK) {
        log_event(LOG_ERROR, "cannot_start", "reason=\"%s\"", status_text(result));
        return result;
    }
    load_context context = {s->engine, clock_mono_ns()};
    result = journal_load(s->journal, s->worker_count, apply, progress, &context, problem, sizeof problem);
    if (result == STATUS_OK) {
        result = engine_recovered(s->engine);
        if (result == STATUS_POLICY_INVALID) {
            log_event(LOG_WARN, "stored_policy_unusable",
                      "reason=\"the policy set in the data directory is not valid for this version\"");
            result = STATUS_OK;
        } else if (result != STATUS_OK) {
            const char *why = engine_trouble(s->engine);
            snprintf(problem, sizeof problem, "%s", why[0] != '\0' ? why : status_text(result));
        }
    }
    if (result == STATUS_OK && asked_to_stop()) result = STATUS_UNAVAILABLE;
    if (result == STATUS_UNAVAILABLE) return result;
    if (result != STATUS_OK) {
        cannot("cannot_load_data", c->data, result, problem);
        return result;
    }
    engine_stats stats;
    engine_get_stats(s->engine, &stats);
    double seconds = (double)(clock_mono_ns() - context.began_ns) / 1e9;
    log_event(LOG_INFO, "loaded", "directory=\"%s\" cluster=%s subjects=%zu accounts=%zu sequence=%llu seconds=%.2f",
              c->data, journal_cluster(s->journal), stats.subjects.records, stats.accounts.records,
              (unsigned long long)journal_sequence(s->journal), seconds);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ policies */

typedef struct policy_texts {
    buf *texts;
    policy_file *files;
    size_t count;
} policy_texts;

static void texts_deinit(policy_texts *t) {
    for (size_t i = 0; i < t->count; i++) buf_deinit(&t->texts[i]);
    free(t->texts);
    free(t->files);
}

static status read_texts(const char *directory, const file_list *list, policy_texts *out) {
    out->texts = calloc(list->count + 1, sizeof *out->texts);
    out->files = calloc(list->count + 1, sizeof *out->files);
    if (out->texts == NULL || out->files == NULL) return STATUS_NO_MEMORY;
    for (size_t i = 0; i < list->count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", directory, list->names[i]);
        out->count = i + 1;
        status s = file_read(path, LIMIT_POLICY_FILE_BYTES, &out->texts[i]);
        if (s != STATUS_OK) {
            log_event(LOG_ERROR, "cannot_read_policy", "file=\"%s\" reason=\"%s\"", path, status_text(s));
            return s;
        }
        out->files[i] = (policy_file){list->names[i], (const char *)out->texts[i].data, out->texts[i].size};
    }
    return STATUS_OK;
}

static void log_findings(const policy_findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        const policy_finding *f = &findings->items[i];
        if (f->severity == POLICY_NOTE) continue;
        log_event(f->severity == POLICY_ERROR ? LOG_ERROR : LOG_WARN, "policy_finding", "%s:%u:%u: %s", f->file,
                  f->line, f->column, f->message);
    }
}

static void log_example(void *context, const char *file, unsigned line, const char *name, bool ok,
                        const char *difference) {
    (void)context;
    if (!ok) log_event(LOG_ERROR, "policy_example", "%s:%u: \"%s\" fails: %s", file, line, name, difference);
}

static status load_and_activate(server *s, const policy_texts *texts, const char *hash) {
    const policy_set *active = engine_policy(s->engine);
    uint32_t version = engine_policy_newest(s->engine) + 1;
    policy_set *set = NULL;
    policy_findings findings = {0};
    status result = policy_load(texts->files, texts->count, version, &findings, &set);
    log_findings(&findings);
    policy_findings_deinit(&findings);
    if (result != STATUS_OK) return result;
    /* A set that does not do what its own examples say is not activated. */
    if (policy_run_examples(set, log_example, NULL) > 0) {
        policy_destroy(&set);
        return STATUS_POLICY_INVALID;
    }
    size_t policies = policy_count(set);
    result = commit_activate(s, set, texts->files, texts->count, hash);
    if (result == STATUS_READ_ONLY && policy_count(active) > 0) {
        log_event(LOG_WARN, "policy_not_activated",
                  "reason=\"%s\" in_force=%u hash=%s effect=\"the stored policy stays in force until the next start\"",
                  journal_trouble(s->journal), policy_version(active), policy_hash(active));
        return STATUS_OK;
    }
    if (result == STATUS_OK)
        log_event(LOG_INFO, "policy_activated", "version=%u hash=%s policies=%zu", version, hash, policies);
    return result;
}

/* Not worth refusing to start for: the next start will look again. */
static status remember_directory(server *s, const char *hash) {
    if (strcmp(hash, engine_policy_directory(s->engine)) == 0) return STATUS_OK;
    status result = commit_activate(s, NULL, NULL, 0, hash);
    if (result != STATUS_OK)
        log_event(LOG_WARN, "policy_directory_not_noted", "reason=\"%s\"", journal_trouble(s->journal));
    return STATUS_OK;
}

/* The directory is applied when it has changed since a start last looked at it: an edited file comes into force with a
 * restart, and what was activated or rolled back on a running server stays in force over restarts. */
static status apply_directory(server *s, const policy_texts *texts) {
    const policy_set *active = engine_policy(s->engine);
    char hash[33];
    policy_files_hash(texts->files, texts->count, hash);
    bool in_force = strcmp(hash, policy_hash(active)) == 0;
    if (in_force || (strcmp(hash, engine_policy_directory(s->engine)) == 0 && policy_count(active) > 0)) {
        log_event(LOG_INFO, "policy_in_force", "version=%u hash=%s", policy_version(active), policy_hash(active));
        if (!in_force)
            log_event(LOG_WARN, "policy_directory_kept_out",
                      "directory=\"%s\" hash=%s reason=\"it has not changed since it was last applied, and another set "
                      "was activated after it\" see=\"xinyi policy activate %s\"",
                      s->config.policy, hash, s->config.policy);
        return in_force ? remember_directory(s, hash) : STATUS_OK;
    }
    return load_and_activate(s, texts, hash);
}

/* A policy that is not in force because of its file's name would be missed late. */
static void warn_of_ignored(const char *directory) {
    file_list list;
    if (file_list_dir(directory, ".yml", &list) != STATUS_OK) return;
    for (size_t i = 0; i < list.count; i++)
        log_event(LOG_WARN, "policy_ignored", "file=\"%s/%s\" reason=\"policy files end in .yaml: rename it\"",
                  directory, list.names[i]);
    file_list_deinit(&list);
}

status startup_policies(server *s) {
    const char *directory = s->config.policy;
    if (directory[0] == '\0') {
        if (policy_count(engine_policy(s->engine)) == 0)
            log_event(LOG_WARN, "no_policy",
                      "reason=\"no --policy DIR and none stored: every decision is unknown_scenario\"");
        return STATUS_OK;
    }
    file_list list = {0};
    policy_texts texts = {0};
    warn_of_ignored(directory);
    errno = 0;
    status result = file_list_dir(directory, ".yaml", &list);
    if (result == STATUS_NOT_FOUND || result == STATUS_IO_ERROR) {
        log_event(LOG_ERROR, "policy_refused", "directory=\"%s\" reason=\"%s\"", directory,
                  errno == ENOENT ? "the directory does not exist" : strerror(errno));
        return result;
    }
    if (result == STATUS_OK && list.count == 0) result = STATUS_NOT_FOUND;
    if (result == STATUS_OK && list.count > LIMIT_POLICY_FILES) result = STATUS_TOO_LARGE;
    if (result == STATUS_OK) result = read_texts(directory, &list, &texts);
    if (result == STATUS_OK) result = apply_directory(s, &texts);
    if (result == STATUS_READ_ONLY || result == STATUS_OUTCOME_UNKNOWN)
        log_event(LOG_ERROR, "policy_not_stored", "directory=\"%s\" reason=\"%s\"", directory,
                  journal_trouble(s->journal));
    else if (result != STATUS_OK)
        log_event(LOG_ERROR, "policy_refused", "directory=\"%s\" reason=\"%s\" see=\"xinyi policy check %s\"",
                  directory, result == STATUS_NOT_FOUND ? "no *.yaml files there" : status_text(result), directory);
    texts_deinit(&texts);
    file_list_deinit(&list);
    return result;
}

status startup_migrate(server *s) {
    status result = commit_migrate(s);
    if (result == STATUS_OK) return result;
    log_event(LOG_WARN, "migration_not_finished", "status=%s reason=\"%s\" effect=\"the next start goes on with it\"",
              status_name(result), journal_trouble(s->journal));
    return result == STATUS_READ_ONLY || result == STATUS_OUTCOME_UNKNOWN ? STATUS_OK : result;
}
