/* Documents: the JSON answers for people and tools. None is on a hot path, so a library builds them; field names are
 * PROTOCOL.md's. A document that finds no memory comes out NULL as a whole. */
#include "server/document.h"
#include "base/clock.h"
#include "base/purpose.h"
#include "persist/backup.h"
#include "server/connection.h"
#include "server/watch.h"
#include "server/worker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *document_dump(json_t *root) {
    if (root == NULL) return NULL;
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(root);
    return text;
}

static size_t resident_bytes(void) {
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL) return 0;
    if (fscanf(f, "%lu %lu", &size, &resident) != 2) resident = 0;
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

json_t *document_day(int32_t day, int32_t open) {
    char text[CLOCK_DATE_TEXT];
    return day == open ? json_null() : json_string(clock_format_day(day, text));
}

void document_set(json_t **object, const char *key, json_t *value) {
    if (*object == NULL) {
        json_decref(value);
    } else if (json_object_set_new(*object, key, value) != 0) { /* of NULL, too */
        json_decref(*object);
        *object = NULL;
    }
}

void document_append(json_t **array, json_t *value) {
    if (*array == NULL) {
        json_decref(value);
    } else if (json_array_append_new(*array, value) != 0) { /* of NULL, too */
        json_decref(*array);
        *array = NULL;
    }
}

json_t *document_value(const profile_field *field, int64_t value) {
    char text[PROFILE_VALUE_TEXT];
    if (value == PROFILE_MISSING) return json_null();
    switch ((profile_type)field->type) {
    case PROFILE_FLAG: return json_boolean(value != 0);
    case PROFILE_NUMBER:
    case PROFILE_SCORE: return json_integer((json_int_t)value);
    case PROFILE_HUNDREDTHS: return document_hundredths(value);
    default: return json_string(profile_format_value(field, value, text));
    }
}

void document_set_source(json_t **object, const credit_rules *rules, unsigned number) {
    const credit_source *source = credit_source_of(rules, number);
    document_set(object, "source", json_integer((json_int_t)number));
    document_set(object, "source_id", document_optional(source != NULL ? source->id : NULL));
    document_set(object, "source_title", document_optional(source != NULL ? source->title : NULL));
}

json_t *document_text(const char *text, size_t room) {
    size_t length = strnlen(text, room);
    return length > 0 ? json_stringn(text, length) : json_null();
}

json_t *document_hundredths(int64_t n) {
    return n % 100 == 0 ? json_integer((json_int_t)(n / 100)) : json_real((double)n / 100.0);
}

json_t *document_optional(const char *text) { return text != NULL ? json_string(text) : json_null(); }

static json_t *sweep_document(const sweep_progress *p) {
    return json_pack("{s:b, s:I, s:I, s:I}", "everybody", (int)p->everybody, "done", (json_int_t)p->done, "total",
                     (json_int_t)p->total, "changed", (json_int_t)p->changed);
}

/* What a start would replay, and what bounds it. */
static json_t *log_document(const server *s, const journal_stats *disk) {
    return json_pack("{s:I, s:I, s:I, s:I}", "unfolded_groups", (json_int_t)(disk->sequence - disk->folded_sequence),
                     "unfolded_bytes", (json_int_t)disk->log_bytes, "fold_bytes", (json_int_t)s->config.fold_bytes,
                     "fold_interval_ms", (json_int_t)s->config.fold_interval_ms);
}

static json_t *last_backup_document(const server *s) {
    backup_last last;
    char time[CLOCK_TIME_TEXT];
    if (!backup_get_last(s->config.data, &last)) return json_null();
    int64_t age_ms = clock_wall_ms() - last.time_ms;
    return json_pack("{s:s, s:I, s:I, s:I, s:s}", "time", clock_format_ms(last.time_ms, time), "age_s",
                     (json_int_t)(age_ms > 0 ? age_ms / 1000 : 0), "sequence", (json_int_t)last.sequence, "id",
                     (json_int_t)last.id, "directory", last.directory);
}

static json_t *alerts_document(const server *s) {
    return json_pack("{s:I, s:I, s:I}", "open", (json_int_t)watch_count(s), "newest", (json_int_t)watch_newest(s),
                     "dropped", (json_int_t)watch_dropped(s));
}

char *document_info(const server *s, policy_moment at) {
    commit_snapshot snapshot;
    commit_get_snapshot(s->committer, &snapshot);
    journal_stats disk;
    journal_get_stats(s->journal, &disk);
    const policy_set *set = engine_policy(s->engine);
    size_t subjects = snapshot.engine.subjects.records, resident = resident_bytes();
    char day[CLOCK_DATE_TEXT], time[CLOCK_TIME_TEXT];
    return document_dump(json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, "
        "s:s, s:s, s:I, s:o, s:o, s:o, s:o}",
        "server", SERVER_NAME, "version", SERVER_VERSION, "cluster", journal_cluster(s->journal), "listen", s->address,
        "subjects", (json_int_t)subjects, "accounts", (json_int_t)snapshot.engine.accounts.records, "operations",
        (json_int_t)snapshot.engine.operations, "open_reservations", (json_int_t)snapshot.engine.open_reservations,
        "resident_bytes", (json_int_t)resident, "bytes_per_subject",
        subjects > 0 ? json_real((double)(resident * 10 / subjects) / 10.0) : json_null(), "policy_version",
        (json_int_t)policy_version(set), "policy_hash", policy_hash(set), "last_sequence", (json_int_t)disk.sequence,
        "folded_sequence", (json_int_t)disk.folded_sequence, "log_bytes", (json_int_t)disk.log_bytes, "disk_bytes",
        (json_int_t)disk.disk_bytes, "free_bytes", (json_int_t)disk.free_bytes, "uptime_s",
        (json_int_t)((clock_mono_ns() - s->started_ns) / 1000000000u), "threads", (json_int_t)s->worker_count,
        "connections", (json_int_t)atomic_load(&s->connections), "read_only", snapshot.read_only || disk.read_only,
        "day", clock_format_day(at.day, day), "time", clock_format_ms(at.now_ms, time), "clock_offset_ms",
        (json_int_t)timekeeper_offset_ms(&s->clock), "sweep", sweep_document(&snapshot.sweep), "log",
        log_document(s, &disk), "last_backup", last_backup_document(s), "alerts", alerts_document(s)));
}

char *document_stats(const server *s) {
    json_t *requests = json_object(), *root = json_object();
    for (unsigned type = 0; type < METRICS_MESSAGE_TYPES; type++) {
        const message_info *info = message_find(type);
        if (info == NULL) continue;
        uint64_t n = 0;
        for (unsigned w = 0; w < s->worker_count; w++)
            n += metrics_read(&worker_metrics(s->workers[w])->requests[type]);
        json_object_set_new(requests, info->name, json_integer((json_int_t)n));
    }
    json_object_set_new(root, "requests", requests);
#define X(name)                                                                                                        \
    {                                                                                                                  \
        uint64_t n = 0;                                                                                                \
        for (unsigned w = 0; w < s->worker_count; w++) n += metrics_read(&worker_metrics(s->workers[w])->name);        \
        json_object_set_new(root, #name, json_integer((json_int_t)n));                                                 \
    }
    METRICS_TABLE(X)
#undef X
    commit_snapshot snapshot;
    commit_get_snapshot(s->committer, &snapshot);
    journal_stats disk;
    journal_get_stats(s->journal, &disk);
    const store_stats *subjects = &snapshot.engine.subjects;
    json_object_set_new(root, "commit_us",
                        json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)snapshot.commit_ns.count, "p50",
                                  (json_int_t)(histogram_percentile(&snapshot.commit_ns, 50) / 1000), "p99",
                                  (json_int_t)(histogram_percentile(&snapshot.commit_ns, 99) / 1000), "max",
                                  (json_int_t)(snapshot.commit_ns.max / 1000)));
    json_object_set_new(root, "kept_bytes", json_integer((json_int_t)atomic_load(&s->kept_bytes)));
    json_object_set_new(root, "write_requests", json_integer((json_int_t)snapshot.requests));
    json_object_set_new(root, "groups", json_integer((json_int_t)snapshot.groups));
    json_object_set_new(root, "group_bytes", json_integer((json_int_t)disk.bytes));
    json_object_set_new(root, "folds", json_integer((json_int_t)disk.folds));
    json_object_set_new(root, "folded_records", json_integer((json_int_t)disk.folded_records));
    json_object_set_new(root, "store",
                        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "arena_bytes", (json_int_t)subjects->arena_bytes,
                                  "index_bytes", (json_int_t)subjects->index_bytes, "buckets",
                                  (json_int_t)subjects->buckets, "overflowed", (json_int_t)subjects->overflowed,
                                  "growths", (json_int_t)subjects->growths, "engine_bytes",
                                  (json_int_t)snapshot.engine.memory_bytes));
    return document_dump(root);
}

/* "2026-11-11 08:00", "2026-11-11" at midnight, null for an open end. */
static json_t *document_hour(int32_t hour) {
    char text[POLICY_HOUR_TEXT];
    return policy_format_hour(hour, text)[0] ? json_string(text) : json_null();
}

char *document_policies(const policy_set *set) {
    json_t *list = json_array();
    for (size_t i = 0; i < policy_count(set); i++) {
        policy_info info;
        policy_get_info(set, i, &info);
        json_t *benefits = json_array();
        for (size_t b = 0; b < info.benefit_count; b++)
            json_array_append_new(benefits, json_pack("{s:i, s:s, s:s}", "code", (int)info.benefits[b].code, "id",
                                                      info.benefits[b].id, "title", info.benefits[b].title));
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:i, s:s?, s:s, s:s, s:s, s:o, s:o, s:i, s:s?, s:o, s:I, s:I, s:I}", "id", info.id,
                      "scenario", info.scenario_name, "code", (int)info.scenario, "purpose", purpose_name(info.purpose),
                      "title", info.title, "authority", info.authority, "legal_basis", info.legal_basis, "from",
                      document_hour(info.from_hour), "to", document_hour(info.to_hour), "program", (int)info.program,
                      "program_name", info.program_name, "benefits", benefits, "tables", (json_int_t)info.tables,
                      "rows", (json_int_t)info.rows, "examples", (json_int_t)info.examples));
    }
    return document_dump(json_pack("{s:I, s:s, s:o}", "version", (json_int_t)policy_version(set), "hash",
                                   policy_hash(set), "policies", list));
}
