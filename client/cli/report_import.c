/* Batches are synchronous: the library splits one over several frames that are on their way together, and a group
 * commit makes thousands of rows durable at once, so more batches on the way would gain little and cost the order of
 * retries. */
#include "client/cli/report_import.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/purpose.h"
#include "base/status.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/progress.h"
#include "client/cli/rejects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH LIMIT_ENTRIES_MAX
#define AGAIN_MS_MAX 30000 /* how long a server that refuses for now is asked again */

/* A row of the batch, good or bad: rejects are told in the file's order. */
typedef struct line_kept {
    uint64_t line;
    size_t raw, raw_length; /* in job.raw */
    size_t reason;          /* in job.raw: why it was not sent */
    bool sent;
} line_kept;

typedef struct job {
    cli *c;
    const char *path;
    bool dry_run;
    report_columns columns;
    rulebook book;
    uint16_t source;
    uint8_t asked_for;
    int fd;
    csv_reader *reader;
    rejects bad;
    progress bar;
    xinyi_report_entry entries[BATCH];
    xinyi_report_reply replies[BATCH];
    line_kept lines[BATCH];
    size_t count, line_count; /* of entries, of lines */
    buf raw;
    uint64_t rows, accepted, repeated, rejected, certain_line;
} job;

static int reject(job *j, uint64_t line, const char *why, const void *raw, size_t length) {
    j->rejected++;
    return rejects_write(&j->bad, line, why, strlen(why), raw, length);
}

static bool is_again(unsigned code) {
    status_class class = status_classify(code);
    return class == STATUS_CLASS_AGAIN || class == STATUS_CLASS_UNKNOWN;
}

/* Sends the batch until every row has a final answer; ids make sending again harmless. */
static int send_batch(job *j) {
    int64_t waited_ms = 0, pause_ms = 50, limit_ms = j->c->timeout_ms > 0 ? j->c->timeout_ms : AGAIN_MS_MAX;
    size_t from = 0;
    for (;;) {
        int code = xinyi_report(j->c->x, j->entries + from, j->count - from, j->replies + from);
        if (code != 0 && status_classify((unsigned)code) == STATUS_CLASS_LOCAL) {
            int exit_code = cli_failed(j->c, code);
            cli_error(j->c, "rows up to line %llu are certain; running the same import again is safe",
                      (unsigned long long)j->certain_line);
            return j->accepted > 0 ? CLI_EXIT_PARTLY : exit_code;
        }
        while (from < j->count && !is_again(j->replies[from].status)) from++;
        if (from == j->count) return 0;
        if (waited_ms >= limit_ms) {
            cli_error(j->c, "gave up after %lld s: %s; rows up to line %llu are certain", (long long)waited_ms / 1000,
                      xinyi_status_text(j->replies[from].status), (unsigned long long)j->certain_line);
            return j->accepted > 0 ? CLI_EXIT_PARTLY : CLI_EXIT_NO_CONNECTION;
        }
        nanosleep(&(struct timespec){.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000}, NULL);
        waited_ms += pause_ms;
        pause_ms = pause_ms * 2 < 2000 ? pause_ms * 2 : 2000;
    }
}

static int finish_batch(job *j) {
    int code = j->dry_run || j->count == 0 ? 0 : send_batch(j);
    size_t entry = 0;
    for (size_t i = 0; i < j->line_count && code == 0; i++) {
        const line_kept *l = &j->lines[i];
        const xinyi_report_reply *r = &j->replies[entry];
        unsigned answer = !l->sent || j->dry_run ? 0 : r->status;
        if (!l->sent || answer != 0)
            code = reject(j, l->line, l->sent ? xinyi_status_text((int)answer) : (const char *)j->raw.data + l->reason,
                          j->raw.data + l->raw, l->raw_length);
        else
            j->accepted++;
        if (l->sent && answer == 0 && !j->dry_run && (r->flags & XINYI_REPEATED) != 0) j->repeated++;
        entry += l->sent;
        j->certain_line = l->line;
    }
    j->count = j->line_count = 0;
    buf_clear(&j->raw);
    progress_update(&j->bar, csv_reader_bytes(j->reader), j->rows, j->rejected);
    return code;
}

static int add_row(job *j, const csv_record *row) {
    char why[512];
    xinyi_report_entry *e = &j->entries[j->count];
    line_kept *l = &j->lines[j->line_count++];
    j->rows++;
    *l = (line_kept){.line = row->line, .raw = j->raw.size, .raw_length = row->raw_length};
    buf_append(&j->raw, row->raw, row->raw_length);
    l->sent = report_columns_parse(&j->columns, row, &j->book, j->c->today, e, why, sizeof why);
    if (l->sent) {
        e->source = j->source;
        e->purpose = j->asked_for;
        j->count++;
    } else {
        l->reason = j->raw.size;
        buf_append(&j->raw, why, strlen(why) + 1);
    }
    if (j->raw.failed) return cli_no_memory(j->c);
    return j->line_count == BATCH ? finish_batch(j) : 0;
}

static int read_rows(job *j) {
    for (;;) {
        csv_record row;
        status s = csv_reader_next(j->reader, &row);
        if (s == STATUS_END) return finish_batch(j);
        int code;
        if (s == STATUS_NO_MEMORY) {
            code = cli_no_memory(j->c);
        } else if (s != STATUS_OK) {
            cli_error(j->c, "cannot read %s: %s", j->path, strerror(errno));
            code = CLI_EXIT_REFUSED;
        } else {
            if ((code = add_row(j, &row)) == 0) continue;
            return code;
        }
        int rest = finish_batch(j);
        return rest != 0 ? rest : code;
    }
}

static int open_file(job *j, report_import_kind kind) {
    struct stat about;
    csv_record header;
    char why[1024];
    bool standard = strcmp(j->path, "-") == 0;
    j->fd = standard ? STDIN_FILENO : open(j->path, O_RDONLY | O_CLOEXEC);
    if (j->fd < 0 || fstat(j->fd, &about) != 0) return cli_usage(j->c, "cannot open %s: %s", j->path, strerror(errno));
    if (S_ISDIR(about.st_mode)) return cli_usage(j->c, "%s is a directory", j->path);
    if (S_ISREG(about.st_mode) && output_touches(j->bad.path, &about))
        return cli_usage(j->c, "rejected lines would overwrite %s itself: name another file with --rejects", j->path);
    j->reader = csv_reader_create(j->fd);
    if (j->reader == NULL) return cli_no_memory(j->c);
    progress_init(&j->bar, j->dry_run ? "check" : "import", S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0);
    status s = csv_reader_next(j->reader, &header);
    if (s == STATUS_END) return cli_usage(j->c, "%s is empty: the first line must name the columns", j->path);
    if (s != STATUS_OK) return cli_usage(j->c, "cannot read %s: %s", j->path, strerror(errno));
    if (report_columns_from_header(kind, &header, &j->columns, why, sizeof why)) return 0;
    return cli_usage(j->c, "%s:%llu: %s", j->path, (unsigned long long)header.line, why);
}

static void summarise(job *j) {
    double seconds = progress_seconds(&j->bar);
    char rows[MONEY_TEXT], accepted[MONEY_TEXT], repeated[MONEY_TEXT], rejected[MONEY_TEXT], number[32];
    if (j->c->json) {
        jout *o = &j->c->out;
        jout_object(o, NULL);
        jout_bool(o, "dry_run", j->dry_run);
        jout_int(o, "rows", (int64_t)j->rows);
        jout_int(o, "accepted", j->dry_run ? 0 : (int64_t)j->accepted);
        jout_int(o, "repeated", (int64_t)j->repeated);
        jout_int(o, "rejected", (int64_t)j->rejected);
        jout_string(o, "rejects", j->bad.kept ? j->bad.path : NULL);
        snprintf(number, sizeof number, "%.3f", seconds);
        jout_raw(o, "seconds", number);
        jout_end(o);
        jout_line(o);
        return;
    }
    printf("%s %s rows in %.1f s: %s %s, %s of them known already, %s rejected\n", j->dry_run ? "checked" : "read",
           money_format_count((int64_t)j->rows, rows), seconds, money_format_count((int64_t)j->accepted, accepted),
           j->dry_run ? "well-formed" : "in force", money_format_count((int64_t)j->repeated, repeated),
           money_format_count((int64_t)j->rejected, rejected));
    if (j->bad.kept) printf("rejected lines and reasons: %s\n", j->bad.path);
}

static int run(job *j, report_import_kind kind, const char *source) {
    unsigned number = 0;
    int code = open_file(j, kind);
    /* the catalogue is asked for once: types by name are looked up a row */
    if (code == 0 && !(j->dry_run && kind == REPORT_IMPORT_SERVICE)) code = rulebook_load(j->c, &j->book);
    if (code == 0 && source != NULL) code = rulebook_code(j->c, &j->book, RULEBOOK_SOURCES, source, &number);
    if (code != 0) return code;
    j->source = (uint16_t)number;
    rejects_remove_stale(&j->bad);
    code = read_rows(j);
    int kept = rejects_keep(&j->bad);
    if (code == 0) code = kept;
    progress_clear(&j->bar);
    summarise(j);
    if (code != 0) return code;
    return j->rejected == 0 ? CLI_EXIT_DONE : CLI_EXIT_PARTLY;
}

int report_import_run(cli *c, report_import_kind kind, int argc, char **argv) {
    const char *source = NULL, *rejected = NULL, *purpose_text = NULL;
    unsigned asked_for;
    job *j = calloc(1, sizeof *j);
    if (j == NULL) return cli_no_memory(c);
    const option_spec specs[] = {{"source", NULL, &source},
                                 {"rejects", NULL, &rejected},
                                 {"purpose", NULL, &purpose_text},
                                 {"dry-run", &j->dry_run, NULL},
                                 OPTION_END};
    int first, code = option_parse(c, argc, argv, specs, &first);
    j->c = c;
    j->fd = -1;
    if (code == 0) code = cli_purpose(c, purpose_text, PURPOSE_DATA_MAINTENANCE, &asked_for);
    if (code == 0 && argc - first != 1) code = cli_usage(c, "give one CSV file, or - for standard input");
    if (code == 0) code = rejects_init(&j->bad, c, rejected, argv[first]);
    if (code == 0) {
        j->path = argv[first];
        j->asked_for = (uint8_t)asked_for;
        code = run(j, kind, source);
        rejects_keep(&j->bad);
    }
    csv_reader_destroy(&j->reader);
    rulebook_deinit(&j->book);
    buf_deinit(&j->raw);
    if (j->fd > STDIN_FILENO) close(j->fd);
    free(j);
    return code;
}
