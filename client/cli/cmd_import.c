/* import: arguments, the file, progress and the summary; the work is in importer.c. */
#include "base/clock.h"
#include "base/limits.h"
#include "client/cli/command.h"
#include "client/cli/importer.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/progress.h"
#include "client/cli/rejects.h"
#include "client/cli/rulebook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char help_import[] =
    "usage: xinyi import FILE [--source S] [--rejects FILE] [--batch N] [--dry-run]\n"
    "\n"
    "Loads a CSV file (UTF-8, with a header; - is standard input): a column subject, any profile fields (xinyi "
    "fields),\n"
    "and for guarantee accounts energy_12m_mwh wholesale_2m_mwh retail_2m_mwh forecast_12m_gwh deposit_fen bond_fen\n"
    "bond_from bond_to other_instruments. Every row is on disk before it counts; importing the same file again "
    "changes\n"
    "nothing. Instruments that have ended are left out.\n"
    "  An empty cell leaves things as they are; - clears a profile field. Energy is cleared with 0. A file never "
    "takes\n"
    "  an instrument away or changes one: xinyi quota withdraw ID --instrument N (deposit_fen is 1, bond_fen 2), then\n"
    "  import again.\n"
    "  --source S       whose data it is: number or id (xinyi sources); default 0, the province's own platform. Of "
    "several\n"
    "                   sources the rules decide whose value counts; - withdraws what the source said of a field\n"
    "  --rejects FILE   lines that are refused, with the reason: FILE.rejects, of standard input stdin.rejects;\n"
    "                   the rest goes in (exit status 4)\n"
    "  --batch N        rows of one request (1024)\n"
    "  --dry-run        check the file without a server\n"
    "A server that refuses writes for now is waited for, 30 s or --timeout MS; then exit status 4 if some rows are in, "
    "3\n"
    "if none is.\n"
    "\n"
    "  xinyi import province.csv\n"
    "  xinyi import tax.csv --source tax_bureau\n"
    "  zcat province.csv.gz | xinyi import - --rejects bad.csv\n";

#define BATCH_DEFAULT 1024

typedef struct job {
    cli *c;
    const char *path;   /* as given */
    const char *source; /* as given, NULL: the base */
    rejects bad;        /* the name only: the importer writes it */
    size_t batch;
    bool dry_run;
    int fd;
    csv_reader *reader;
    columns cols;
    importer *work;
    progress bar;
} job;

static int read_failed(const job *j, status s) {
    if (s == STATUS_NO_MEMORY) return cli_no_memory(j->c);
    cli_error(j->c, "cannot read %s: %s", j->path, strerror(errno));
    return CLI_EXIT_REFUSED;
}

static int open_file(job *j) {
    struct stat about;
    bool standard = strcmp(j->path, "-") == 0;
    j->fd = standard ? STDIN_FILENO : open(j->path, O_RDONLY | O_CLOEXEC);
    if (j->fd < 0) return cli_usage(j->c, "cannot open %s: %s", j->path, strerror(errno));
    if (fstat(j->fd, &about) != 0) return cli_usage(j->c, "cannot read %s: %s", j->path, strerror(errno));
    if (S_ISDIR(about.st_mode)) return cli_usage(j->c, "%s is a directory", j->path);
    if (S_ISREG(about.st_mode) && output_touches(j->bad.path, &about))
        return cli_usage(j->c, "rejected lines would overwrite %s itself: name another file with --rejects", j->path);
    j->reader = csv_reader_create(j->fd);
    if (j->reader == NULL) return cli_no_memory(j->c);
    progress_init(&j->bar, j->dry_run ? "check" : "import", S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0);
    return 0;
}

static int read_header(job *j) {
    csv_record header;
    char why[2048];
    status s = csv_reader_next(j->reader, &header);
    if (s == STATUS_END) return cli_usage(j->c, "%s is empty: the first line must name the columns", j->path);
    if (s != STATUS_OK) return read_failed(j, s);
    if (columns_from_header(&header, &j->cols, why, sizeof why)) return 0;
    return cli_usage(j->c, "%s:%llu: %s", j->path, (unsigned long long)header.line, why);
}

static int read_rows(job *j) {
    csv_record record;
    uint64_t since = 0;
    for (;;) {
        status s = csv_reader_next(j->reader, &record);
        if (s == STATUS_END) return importer_finish(j->work);
        if (s != STATUS_OK) {
            int code = read_failed(j, s);
            int rest = importer_finish(j->work);
            return rest != 0 ? rest : code;
        }
        int code = importer_record(j->work, &record);
        if (code != 0) return code;
        if (++since < 1024) continue;
        since = 0;
        const importer_totals *t = importer_get_totals(j->work);
        progress_update(&j->bar, csv_reader_bytes(j->reader), t->rows, t->rejected);
    }
}

static void summary_json(job *j, const importer_totals *t, double seconds) {
    char number[32];
    jout *o = &j->c->out;
    jout_object(o, NULL);
    jout_bool(o, "dry_run", j->dry_run);
    jout_int(o, "rows", (int64_t)t->rows);
    jout_int(o, "subjects", (int64_t)t->subjects);
    jout_int(o, "accounts", (int64_t)t->accounts);
    jout_int(o, "rejected", (int64_t)t->rejected);
    jout_int(o, "imported", j->dry_run ? 0 : (int64_t)(t->certain_rows - t->rejected));
    jout_int(o, "ended_instruments", (int64_t)t->ended);
    jout_int(o, "certain_rows", (int64_t)t->certain_rows);
    jout_string(o, "rejects", importer_wrote_rejects(j->work) ? j->bad.path : NULL);
    snprintf(number, sizeof number, "%.3f", seconds);
    jout_raw(o, "seconds", number);
    jout_int(o, "rows_per_s", (int64_t)((double)t->rows / (seconds > 0 ? seconds : 1)));
    jout_end(o);
    jout_line(o);
}

static const char *plural(uint64_t n, const char *one, const char *many) { return n == 1 ? one : many; }

static void summary_text(const job *j, const importer_totals *t, double seconds) {
    char rows[MONEY_TEXT], subjects[MONEY_TEXT], accounts_text[MONEY_TEXT], rejected[MONEY_TEXT], rate[MONEY_TEXT];
    uint64_t counted = j->dry_run ? t->certain_rows : t->certain_rows - t->rejected;
    printf("%s %s %s in %.1f s (%s rows/s): %s %s %s, %s %s, %s rejected\n", j->dry_run ? "checked" : "imported",
           money_format_count((int64_t)counted, rows), plural(counted, "row", "rows"), seconds,
           money_format_count((int64_t)((double)t->certain_rows / (seconds > 0 ? seconds : 1)), rate),
           money_format_count((int64_t)t->subjects, subjects), plural(t->subjects, "subject", "subjects"),
           j->dry_run ? "to write" : "written", money_format_count((int64_t)t->accounts, accounts_text),
           plural(t->accounts, "account", "accounts"), money_format_count((int64_t)t->rejected, rejected));
    if (t->ended > 0)
        printf("%s %s ended and %s left out\n", money_format_count((int64_t)t->ended, rows),
               plural(t->ended, "instrument has", "instruments have"), plural(t->ended, "was", "were"));
    if (importer_wrote_rejects(j->work)) printf("rejected lines and reasons: %s\n", j->bad.path);
}

static int find_source(job *j, unsigned *number) {
    rulebook book = {0};
    *number = 0;
    int code = j->source == NULL ? 0 : rulebook_code(j->c, &book, RULEBOOK_SOURCES, j->source, number);
    rulebook_deinit(&book);
    return code;
}

static int run(job *j) {
    unsigned source = 0;
    int code = open_file(j);
    if (code != 0 || (code = read_header(j)) != 0) return code;
    if (!j->dry_run && (code = cli_connect(j->c)) != 0) return code;
    if (!j->dry_run && j->batch > xinyi_max_entries(j->c->x)) j->batch = xinyi_max_entries(j->c->x);
    if (!j->dry_run && (code = find_source(j, &source)) != 0) return code;
    rejects_remove_stale(&j->bad);
    j->work = importer_create(j->c, &j->cols, j->batch, j->dry_run, j->bad.path);
    if (j->work == NULL) return cli_no_memory(j->c);
    importer_set_source(j->work, source);
    code = read_rows(j);
    int kept = importer_keep_rejects(j->work);
    if (code == 0) code = kept;
    double seconds = progress_seconds(&j->bar);
    progress_clear(&j->bar);
    const importer_totals *t = importer_get_totals(j->work);
    if (j->c->json)
        summary_json(j, t, seconds);
    else
        summary_text(j, t, seconds);
    if (code != 0) return code;
    return t->rejected == 0 ? CLI_EXIT_DONE : CLI_EXIT_PARTLY;
}

int command_import(cli *c, int argc, char **argv) {
    const char *rejected = NULL, *batch = NULL;
    job *j = calloc(1, sizeof *j);
    if (j == NULL) return cli_no_memory(c);
    const option_spec specs[] = {{"source", NULL, &j->source},
                                 {"rejects", NULL, &rejected},
                                 {"batch", NULL, &batch},
                                 {"dry-run", &j->dry_run, NULL},
                                 OPTION_END};
    int64_t rows = BATCH_DEFAULT;
    int first, code = option_parse(c, argc, argv, specs, &first);
    j->c = c;
    j->fd = -1;
    if (code == 0 && argc - first != 1) code = cli_usage(c, "give one CSV file, or - for standard input");
    if (code == 0 && batch != NULL && (!money_parse_count(batch, strlen(batch), LIMIT_ENTRIES_MAX, &rows) || rows == 0))
        code = cli_usage(c, "--batch is 1 to %d rows, not '%s'", LIMIT_ENTRIES_MAX, batch);
    if (code == 0) code = rejects_init(&j->bad, c, rejected, argv[first]);
    if (code == 0) {
        j->path = argv[first];
        j->batch = (size_t)rows;
        code = run(j);
    }
    importer_destroy(&j->work);
    csv_reader_destroy(&j->reader);
    if (j->fd > STDIN_FILENO) close(j->fd);
    free(j);
    return code;
}
