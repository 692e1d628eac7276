/* --load: a data directory from a dump (engine/dump.h). It is made under another name, NAME.partial, and gets its own
 * when every line has been read, the counts and the checksum of the end line agree, everything is on disk, and the
 * engine has loaded it and found its invariants to hold; whatever fails before leaves nothing. Nothing is synced on the
 * way: a crash leaves a directory of the other name, which the next attempt tells of.
 *
 * Groups of records are a MiB; groups of events are those of the dump, with numbers of the new directory. */
#include "base/rcu.h"
#include "engine/clock_mark.h"
#include "engine/dump.h"
#include "engine/history.h"
#include "server/document.h"
#include "server/offline_data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEM 1024
#define GROUP_BYTES (1u << 20)

typedef struct loading {
    const char *file;
    char partial[4096]; /* the directory that is made; "" if there is none */
    FILE *in;
    uint64_t line;
    dump_head head;
    dump_end end;
    bool ended;
    dump_totals *totals;
    dump_parser parser;
    journal *journal;
    buf changes;       /* not committed yet */
    buf events;        /* of the group under way, with its head */
    uint64_t group;    /* of the dump; 0: none yet */
    uint64_t previous; /* sequence of the last group of events committed here */
    int64_t group_ms;
    char problem[PROBLEM];
} loading;

static status wrong(loading *l, status s, const char *format, ...) __attribute__((format(printf, 3, 4)));
static status wrong(loading *l, status s, const char *format, ...) {
    va_list args;
    if (l->problem[0] != '\0') return s;
    va_start(args, format);
    vsnprintf(l->problem, sizeof l->problem, format, args);
    va_end(args);
    return s;
}

/* ------------------------------------------------------------------ the directory */

static bool is_empty(const char *directory) {
    DIR *dir = opendir(directory);
    if (dir == NULL) return false;
    size_t entries = 0;
    while (readdir(dir) != NULL) entries++;
    closedir(dir);
    return entries <= 2; /* itself and its parent */
}

/* Missing or empty: only that may be replaced. */
static status check_target(loading *l, const char *directory) {
    struct stat st;
    if (lstat(directory, &st) != 0) {
        if (errno == ENOENT) return STATUS_OK;
        return wrong(l, STATUS_IO_ERROR, "%s: %s", directory, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) return wrong(l, STATUS_BAD_VALUE, "%s is no directory", directory);
    if (is_empty(directory)) return STATUS_OK;
    return wrong(l, STATUS_BAD_VALUE, "%s is not empty: a dump is loaded into a new directory only", directory);
}

static status make_partial(loading *l, const char *directory) {
    char path[sizeof l->partial];
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/') length--;
    status s = check_target(l, directory);
    if (s != STATUS_OK) return s;
    int n = snprintf(path, sizeof path, "%.*s.partial", (int)length, directory);
    if (n < 0 || (size_t)n >= sizeof path) return wrong(l, STATUS_BAD_VALUE, "the name of the directory is too long");
    if (mkdir(path, 0700) != 0) {
        if (errno == EEXIST)
            return wrong(l, STATUS_BAD_VALUE, "%s exists: a load was interrupted, or is under way; remove it", path);
        return wrong(l, STATUS_IO_ERROR, "%s: %s", path, strerror(errno));
    }
    memcpy(l->partial, path, sizeof path);
    return STATUS_OK;
}

/* All of the file system: what RocksDB has written is in many files. */
static status sync_all(loading *l) {
    int fd = open(l->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && syncfs(fd) == 0;
    if (fd >= 0) close(fd);
    return good ? STATUS_OK : wrong(l, STATUS_IO_ERROR, "%s: cannot be synced: %s", l->partial, strerror(errno));
}

static status give_name(loading *l, const char *directory) {
    status s = sync_all(l);
    if (s != STATUS_OK) return s;
    if (rename(l->partial, directory) != 0)
        return wrong(l, STATUS_IO_ERROR, "%s: cannot be renamed to %s: %s", l->partial, directory, strerror(errno));
    l->partial[0] = '\0';
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)syncfs(fd); /* the name */
        close(fd);
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ groups */

static status commit(loading *l, int64_t at_ms, const buf *changes, const buf *events) {
    uint64_t sequence;
    size_t size = events != NULL ? events->size : 0;
    status s = journal_commit(l->journal, at_ms, changes != NULL ? changes->data : NULL,
                              changes != NULL ? changes->size : 0, size > 0 ? events->data : NULL, size, &sequence);
    if (s != STATUS_OK) {
        const char *trouble = journal_trouble(l->journal);
        return wrong(l, s, "%s: %s", l->partial, trouble[0] != '\0' ? trouble : status_text(s));
    }
    if (size > 0) l->previous = sequence;
    return STATUS_OK;
}

static status commit_changes(loading *l) {
    status s = buf_status(&l->changes);
    if (s == STATUS_OK && l->changes.size > 0) s = commit(l, l->head.time_ms, &l->changes, NULL);
    buf_clear(&l->changes);
    return s;
}

static status commit_events(loading *l) {
    status s = buf_status(&l->events);
    if (s == STATUS_OK && l->events.size > 0) s = commit(l, l->group_ms, NULL, &l->events);
    buf_clear(&l->events);
    return s;
}

static status add_event(loading *l, const dump_parsed *event) {
    if (event->group < l->group)
        return wrong(l, STATUS_CORRUPT, "line %" PRIu64 ": field 'group' is lower than before", l->line);
    if (event->group > l->group) {
        status s = commit_events(l);
        if (s != STATUS_OK) return s;
        history_begin(&l->events, l->previous);
        l->group = event->group;
    }
    if (l->events.size + event->record.value_length > LIMIT_GROUP_BYTES + LIMIT_RECORD_BYTES)
        return wrong(l, STATUS_CORRUPT, "line %" PRIu64 ": more events than a group can hold", l->line);
    buf_append(&l->events, event->record.value, event->record.value_length);
    if (event->at_ms > l->group_ms) l->group_ms = event->at_ms;
    return buf_status(&l->events);
}

static status add_record(loading *l, const change *r) {
    change_append(&l->changes, r->table, r->key, r->key_length, r->value, r->value_length);
    return l->changes.size >= GROUP_BYTES ? commit_changes(l) : buf_status(&l->changes);
}

/* ------------------------------------------------------------------ lines */

static status take_line(loading *l, const dump_parsed *parsed) {
    if ((l->line == 1) != (parsed->kind == DUMP_HEAD))
        return wrong(l, STATUS_CORRUPT, "line %" PRIu64 ": %s", l->line,
                     l->line == 1 ? "not the header of a dump" : "a second header");
    switch (parsed->kind) {
    case DUMP_HEAD: l->head = parsed->head; return STATUS_OK;
    case DUMP_RECORD: return add_record(l, &parsed->record);
    case DUMP_EVENT: return add_event(l, parsed);
    case DUMP_END: break;
    }
    l->end = parsed->end;
    l->ended = true;
    return STATUS_OK;
}

/* Until the header is read there is no directory, and no seed. */
static status open_journal(loading *l) {
    journal_options options = {.directory = l->partial, .cluster = l->head.cluster, .unsynced = true};
    status s = journal_open(&options, &l->journal, l->problem, sizeof l->problem);
    if (s != STATUS_OK) return wrong(l, s, "%s: %s", l->partial, status_text(s));
    l->parser.seed = journal_seed(l->journal);
    return STATUS_OK;
}

static status nothing_yet(void *context, const change *record) {
    (void)context;
    (void)record;
    return STATUS_CORRUPT;
}

static status begin(loading *l) {
    status s = open_journal(l);
    if (s == STATUS_OK) s = journal_load(l->journal, 1, nothing_yet, NULL, NULL, l->problem, sizeof l->problem);
    return s;
}

static status read_line(loading *l, char *line, size_t length) {
    dump_parsed parsed;
    l->line++;
    if (l->ended) return wrong(l, STATUS_CORRUPT, "line %" PRIu64 ": there is more behind the end line", l->line);
    if (length == 0 || line[length - 1] != '\n') return wrong(l, STATUS_CORRUPT, "line %" PRIu64 ": cut off", l->line);
    status s = dump_parse(&l->parser, line, length - 1, &parsed);
    if (s != STATUS_OK)
        return wrong(l, s, "line %" PRIu64 ": %s", l->line, s == STATUS_NO_MEMORY ? status_text(s) : l->parser.problem);
    s = take_line(l, &parsed);
    if (s == STATUS_OK && l->line == 1) s = begin(l);
    unsigned table = parsed.kind == DUMP_RECORD || parsed.kind == DUMP_EVENT ? parsed.record.table : 0;
    if (!l->ended) dump_totals_add(l->totals, table, 1, line, length);
    if ((l->line & 1023) == 0) offline_progress("loading, lines", l->line, 0);
    return s;
}

static status check_end(loading *l) {
    dump_end found;
    dump_totals_get(l->totals, &found);
    if (!l->ended) return wrong(l, STATUS_CORRUPT, "it has no end line: cut off behind line %" PRIu64, l->line);
    for (unsigned table = 1; table < CHANGE_TABLE_END; table++)
        if (found.lines[table] != l->end.lines[table])
            return wrong(l, STATUS_CORRUPT, "it holds %" PRIu64 " lines of %s; its end line says %" PRIu64,
                         found.lines[table], change_table_name(table), l->end.lines[table]);
    if (found.sum != l->end.sum)
        return wrong(l, STATUS_CORRUPT,
                     "it was changed: the checksum of its lines is %016" PRIx64 ", its end line says %016" PRIx64,
                     found.sum, l->end.sum);
    return STATUS_OK;
}

static status read_lines(loading *l) {
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    status s = STATUS_OK;
    while (s == STATUS_OK && (n = getline(&line, &room, l->in)) > 0) s = read_line(l, line, (size_t)n);
    free(line);
    if (s == STATUS_OK && ferror(l->in)) s = wrong(l, STATUS_IO_ERROR, "cannot be read: %s", strerror(errno));
    if (s == STATUS_OK) s = check_end(l);
    if (s == STATUS_OK) s = commit_changes(l);
    if (s == STATUS_OK) s = commit_events(l);
    if (s == STATUS_OK) s = journal_fold(l->journal);
    journal_close(&l->journal);
    return s;
}

/* ------------------------------------------------------------------ the whole */

#define CLOCK_MOST_NS (INT64_C(7258118400) * 1000000000) /* the year 2200 */

/* Numbers that only rise and have hardly any left; NULL if all is well. */
static const char *used_up(const engine *e) {
    if (alerts_newest(engine_alerts(e)) > (uint64_t)INT64_MAX / 2) return "the numbers of alerts are used up";
    if (engine_policy_newest(e) > UINT32_MAX / 2) return "the versions of the policy are used up";
    return engine_clock_mark(e)->ledger_ns > CLOCK_MOST_NS ? "the ledger's time is after the year 2200" : NULL;
}

/* As a server would load it. */
static status check_loaded(loading *l, const config *c, engine_stats *stats, bool *policy_invalid) {
    offline_data data = {0};
    char problem[PROBLEM] = "";
    status s = offline_open(l->partial, &data, problem, sizeof problem);
    if (s == STATUS_OK) s = offline_fill(c, &data, problem, sizeof problem);
    if (s == STATUS_OK && !engine_check(data.engine, problem, sizeof problem)) s = STATUS_CORRUPT;
    const char *why = s == STATUS_OK ? used_up(data.engine) : NULL;
    if (why != NULL) {
        snprintf(problem, sizeof problem, "%s", why);
        s = STATUS_CORRUPT;
    }
    if (s != STATUS_OK) /* each line is sound, and the sum is right */
        wrong(l, s, "%s%.900s", s == STATUS_CORRUPT ? "its records do not fit together: " : "", problem);
    if (s == STATUS_OK) engine_get_stats(data.engine, stats);
    *policy_invalid = data.policy_invalid;
    offline_close(&data);
    rcu_drain();
    return s;
}

static int tell(const loading *l, const config *c, const engine_stats *stats, bool policy_invalid) {
    if (offline_json(&c->offline))
        return offline_print(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "file", l->file, "data", c->data,
                                       "cluster", l->head.cluster, "lines", (json_int_t)l->line, "subjects",
                                       (json_int_t)stats->subjects.records, "accounts",
                                       (json_int_t)stats->accounts.records, "operations", (json_int_t)stats->operations,
                                       "policy_compiles", !policy_invalid));
    printf("%s (cluster %s) holds all of %s: %zu subjects, %zu accounts, %zu operations; everything adds up\n", c->data,
           l->head.cluster, l->file, (size_t)stats->subjects.records, (size_t)stats->accounts.records,
           stats->operations);
    if (policy_invalid) puts("the policy set in it does not compile with this program: start with --policy DIR");
    return 0;
}

static status load(loading *l, const config *c, engine_stats *stats, bool *policy_invalid) {
    l->in = strcmp(l->file, "-") == 0 ? stdin : fopen(l->file, "re");
    if (l->in == NULL) return wrong(l, STATUS_NOT_FOUND, "%s", strerror(errno));
    status s = make_partial(l, c->data);
    if (s == STATUS_OK) s = read_lines(l);
    if (s == STATUS_OK) s = check_loaded(l, c, stats, policy_invalid);
    return s == STATUS_OK ? give_name(l, c->data) : s;
}

int offline_load(const config *c) {
    loading l = {.file = c->offline.argument};
    engine_stats stats = {0};
    bool policy_invalid = false;
    dump_parser_init(&l.parser, 0);
    status s = dump_totals_create(&l.totals);
    if (s == STATUS_OK) s = load(&l, c, &stats, &policy_invalid);
    offline_progress("", 0, 0);
    int code = 0;
    if (s != STATUS_OK)
        code = offline_fail("not loaded: %s: %s", l.file, l.problem[0] != '\0' ? l.problem : status_text(s));
    else
        code = tell(&l, c, &stats, policy_invalid);
    journal_close(&l.journal);
    if (l.partial[0] != '\0') offline_remove(l.partial);
    if (l.in != NULL && l.in != stdin) fclose(l.in);
    dump_totals_destroy(&l.totals);
    dump_parser_deinit(&l.parser);
    buf_deinit(&l.changes);
    buf_deinit(&l.events);
    return code;
}
