/* --dump: everything in a data directory as text (engine/dump.h). The log is folded into the tables first, so that each
 * thing is told once, as it is; then the tables are walked by one thread, so that lines have an order. Each line is
 * read back and compared with what it was written of: what is in the file is what was stored, or there is no file.
 *
 * Where --data is a directory of backups, one of them is restored beside the file for the time of the dump: so all that
 * a running server holds can be had without stopping it.
 *
 * A file is written under another name and gets its own when it is complete and on disk. */
#include "base/clock.h"
#include "engine/dump.h"
#include "engine/history.h"
#include "persist/backup.h"
#include "server/document.h"
#include "server/offline_data.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEM 1024
#define FLUSH_BYTES (1u << 20)

typedef struct dumping {
    const char *file;   /* as asked for */
    char partial[4096]; /* what is written; "" if that is `file` itself */
    char copy[4096];    /* a backup restored for this; "" if there is none */
    int fd;
    buf lines;        /* not written yet */
    buf events, back; /* a group's events, as renumbered and as read back */
    uint64_t group;   /* groups of events so far */
    uint64_t last;    /* number of the last one in the data */
    uint64_t records;
    dump_totals *totals;
    dump_parser parser;
    char problem[PROBLEM];
} dumping;

static status failed(dumping *d, status s, const char *what) {
    if (d->problem[0] == '\0') snprintf(d->problem, sizeof d->problem, "%s: %s: %s", d->file, what, strerror(errno));
    return s;
}

/* ------------------------------------------------------------------ the file */

static status open_file(dumping *d) {
    struct stat found;
    d->fd = STDOUT_FILENO;
    if (strcmp(d->file, "-") == 0) return STATUS_OK;
    const char *path = d->file;
    if (stat(path, &found) != 0 || S_ISREG(found.st_mode)) {
        int n = snprintf(d->partial, sizeof d->partial, "%s.partial", d->file);
        if (n < 0 || (size_t)n >= sizeof d->partial) {
            d->partial[0] = '\0';
            errno = ENAMETOOLONG;
            d->fd = -1;
            return failed(d, STATUS_IO_ERROR, "cannot write");
        }
        path = d->partial;
    }
    d->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* it holds what the data directory holds */
    if (d->fd >= 0) return STATUS_OK;
    d->partial[0] = '\0';
    return failed(d, STATUS_IO_ERROR, "cannot write");
}

static status write_out(dumping *d) {
    for (size_t at = 0; at < d->lines.size;) {
        ssize_t n = write(d->fd, d->lines.data + at, d->lines.size - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return failed(d, errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO_ERROR, "cannot write");
        at += (size_t)n;
    }
    buf_clear(&d->lines);
    return STATUS_OK;
}

/* The directory too: without it the name could be lost with the power. */
static void sync_directory(const char *file) {
    char path[4096];
    const char *slash = strrchr(file, '/');
    size_t length = slash == NULL ? 0 : slash == file ? 1 : (size_t)(slash - file);
    snprintf(path, sizeof path, "%.*s", length > 0 ? (int)length : 1, length > 0 ? file : ".");
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

static status finish_file(dumping *d) {
    status s = write_out(d);
    if (s != STATUS_OK || d->partial[0] == '\0') return s;
    if (fsync(d->fd) != 0) return failed(d, STATUS_IO_ERROR, "cannot sync");
    if (rename(d->partial, d->file) != 0) return failed(d, STATUS_IO_ERROR, "cannot rename to it");
    d->partial[0] = '\0';
    sync_directory(d->file);
    return STATUS_OK;
}

static void close_file(dumping *d) {
    if (d->fd >= 0 && d->fd != STDOUT_FILENO) close(d->fd);
    if (d->partial[0] != '\0') unlink(d->partial);
}

/* ------------------------------------------------------------------ lines */

static status damaged(dumping *d, const change *record, const char *what) {
    char key[2 * LIMIT_KEY_BYTES + 1] = "";
    for (size_t i = 0; i < record->key_length && i < LIMIT_KEY_BYTES; i++)
        snprintf(key + 2 * i, 3, "%02x", record->key[i]);
    snprintf(d->problem, sizeof d->problem, "table %s, key %s: %s", change_table_name(record->table), key, what);
    return STATUS_CORRUPT;
}

/* Groups of events are numbered from 1: what their numbers are in this directory is of no use to another. The chain
 * that they make is looked at here. */
static status renumber(dumping *d, const change *record, change *out) {
    uint64_t number = 0, previous;
    size_t at;
    static uint8_t key[8];
    if (record->key_length != sizeof key ||
        history_head(record->value, record->value_length, &at, &previous) != STATUS_OK)
        return damaged(d, record, "not a group of events");
    for (size_t i = 0; i < sizeof key; i++) number = number << 8 | record->key[i];
    if (number <= d->last || (d->last != 0 && previous != d->last))
        return damaged(d, record, "a group of events before this one is missing");
    d->last = number;
    d->group++;
    for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)(d->group >> (56 - 8 * i));
    buf_clear(&d->events);
    history_begin(&d->events, d->group - 1);
    buf_append(&d->events, record->value + at, record->value_length - at);
    *out = (change){.table = record->table,
                    .key = key,
                    .key_length = sizeof key,
                    .value = d->events.data,
                    .value_length = d->events.size};
    return buf_status(&d->events);
}

/* The lines from `at` on say exactly this record. */
static bool says(dumping *d, size_t at, const change *record) {
    buf_clear(&d->back);
    if (record->table == CHANGE_HISTORY) buf_append(&d->back, record->value, HISTORY_HEAD);
    while (at < d->lines.size) {
        const char *line = (const char *)d->lines.data + at, *stop = memchr(line, '\n', d->lines.size - at);
        dump_parsed parsed;
        if (stop == NULL || dump_parse(&d->parser, line, (size_t)(stop - line), &parsed) != STATUS_OK) return false;
        at += (size_t)(stop - line) + 1;
        const change *r = &parsed.record;
        bool same = parsed.kind == DUMP_EVENT
                        ? parsed.group == d->group
                        : r->key_length == record->key_length && memcmp(r->key, record->key, r->key_length) == 0;
        if (r->table != record->table || !same) return false;
        buf_append(&d->back, r->value, r->value_length);
    }
    return !d->back.failed && d->back.size == record->value_length &&
           memcmp(d->back.data, record->value, record->value_length) == 0;
}

static status visit(void *context, const change *record) {
    dumping *d = context;
    change renumbered;
    size_t before = d->lines.size, lines;
    if (record->table == CHANGE_HISTORY) {
        status s = renumber(d, record, &renumbered);
        if (s != STATUS_OK) return s;
        record = &renumbered;
    }
    if (record->removed) return STATUS_OK; /* what was folded is gone */
    status s = dump_write(record, &d->lines, &lines);
    if (s == STATUS_CORRUPT) return damaged(d, record, "not a record that this program knows");
    if (s != STATUS_OK) return s;
    if (!says(d, before, record)) return damaged(d, record, "cannot be said as text");
    dump_totals_add(d->totals, record->table, lines, d->lines.data + before, d->lines.size - before);
    if ((++d->records & 1023) == 0) offline_progress("writing, records", d->records, 0);
    return d->lines.size >= FLUSH_BYTES ? write_out(d) : STATUS_OK;
}

static status ignore(void *context, const change *record) {
    (void)context;
    (void)record;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the whole */

static bool restoring(void *context, uint64_t done, uint64_t total) {
    (void)context;
    offline_progress("restoring", done, total);
    return true;
}

/* *directory: the data directory that is dumped. */
static status choose_directory(dumping *d, const config *c, uint32_t backup, const char **directory) {
    backup_info *list = NULL, restored;
    size_t count;
    char problem[PROBLEM], copy[sizeof d->copy];
    *directory = c->data;
    status s = backup_list(c->data, &list, &count, problem, sizeof problem);
    free(list);
    if (s != STATUS_OK && backup == 0) return STATUS_OK; /* no backups: opening it says what it is */
    int n = snprintf(copy, sizeof copy, "%s.data", d->file);
    if (strcmp(d->file, "-") == 0 || n < 0 || (size_t)n >= sizeof copy) {
        snprintf(d->problem, sizeof d->problem, "a backup is restored beside FILE for it: FILE must be a name");
        return STATUS_BAD_VALUE;
    }
    s = backup_restore(c->data, backup, copy, restoring, NULL, &restored, d->problem, sizeof d->problem);
    if (s != STATUS_OK) return s;
    memcpy(d->copy, copy, sizeof copy);
    *directory = d->copy;
    return STATUS_OK;
}

/* So that the tables hold everything, once. */
static status fold(const char *directory, offline_data *data, char *problem, size_t room) {
    status s = offline_open(directory, data, problem, room);
    if (s == STATUS_OK) s = journal_load(data->journal, 1, ignore, NULL, NULL, problem, room);
    journal_stats stats;
    if (s == STATUS_OK) journal_get_stats(data->journal, &stats);
    if (s == STATUS_OK && stats.folded_sequence < stats.sequence) s = journal_fold(data->journal);
    offline_close(data);
    return s;
}

static status write_all(dumping *d, const config *c, uint32_t backup) {
    const char *directory;
    offline_data data = {0};
    dump_end end;
    status s = choose_directory(d, c, backup, &directory);
    if (s == STATUS_OK) s = fold(directory, &data, d->problem, sizeof d->problem);
    if (s == STATUS_OK) s = offline_open(directory, &data, d->problem, sizeof d->problem);
    if (s == STATUS_OK) s = open_file(d);
    if (s == STATUS_OK) {
        dump_head head = {.sequence = journal_sequence(data.journal), .time_ms = clock_wall_ms()};
        snprintf(head.cluster, sizeof head.cluster, "%s", journal_cluster(data.journal));
        dump_parser_init(&d->parser, journal_seed(data.journal));
        dump_write_head(&head, &d->lines);
        dump_totals_add(d->totals, 0, 1, d->lines.data, d->lines.size);
        char problem[PROBLEM] = ""; /* what is wrong with a record is in ours */
        s = journal_load(data.journal, 1, visit, NULL, d, problem, sizeof problem);
        if (d->problem[0] == '\0') snprintf(d->problem, sizeof d->problem, "%s", problem);
    }
    dump_totals_get(d->totals, &end);
    if (s == STATUS_OK) dump_write_end(&end, &d->lines);
    if (s == STATUS_OK) s = buf_status(&d->lines);
    if (s == STATUS_OK) s = finish_file(d);
    offline_close(&data);
    return s;
}

static int tell(const dumping *d, const config *c) {
    dump_end end;
    dump_totals_get(d->totals, &end);
    if (offline_json(&c->offline)) {
        json_t *lines = json_object();
        for (unsigned table = 1; table < CHANGE_TABLE_END; table++)
            json_object_set_new(lines, change_table_name(table), json_integer((json_int_t)end.lines[table]));
        return offline_print(json_pack("{s:s, s:s, s:o}", "data", c->data, "file", d->file, "lines", lines));
    }
    const char *before = " lines: ";
    printf("%s holds all of %s;", d->file, c->data);
    for (unsigned table = 1; table < CHANGE_TABLE_END; table++) {
        if (end.lines[table] == 0) continue;
        printf("%s%s %" PRIu64, before, change_table_name(table), end.lines[table]);
        before = ", ";
    }
    puts("");
    return 0;
}

int offline_dump(const config *c) {
    dumping d = {.file = c->offline.argument, .fd = -1};
    uint32_t backup;
    if (!offline_chosen(&c->offline, &backup)) return 2;
    status s = dump_totals_create(&d.totals);
    if (s == STATUS_OK) s = write_all(&d, c, backup);
    offline_progress("", 0, 0);
    int code = 0;
    if (s != STATUS_OK)
        code = offline_fail("not dumped: %s", d.problem[0] != '\0' ? d.problem : status_text(s));
    else if (d.fd != STDOUT_FILENO)
        code = tell(&d, c);
    close_file(&d);
    if (d.copy[0] != '\0') offline_remove(d.copy);
    dump_parser_deinit(&d.parser);
    dump_totals_destroy(&d.totals);
    buf_deinit(&d.lines);
    buf_deinit(&d.events);
    buf_deinit(&d.back);
    return code;
}
