/* export: the accounts first, into memory, then a walk over the profiles that joins them. The file is output.h's.
 * --everything is another thing: the server backs itself up, and xinyid writes the backup as text. */
#include "base/clock.h"
#include "base/purpose.h"
#include "client/cli/accounts.h"
#include "client/cli/backup.h"
#include "client/cli/columns.h"
#include "client/cli/command.h"
#include "client/cli/convert.h"
#include "client/cli/daemon.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_export[] =
    "usage: xinyi export --output FILE [--kind person|entity]\n"
    "       xinyi export --everything --backups DIR --output FILE\n"
    "\n"
    "Writes every profile, with its guarantee account, as CSV that xinyi import reads again. FILE is written as\n"
    "FILE.partial and renamed when it is complete; pipes and devices are written as they are; - is standard output.\n"
    "Exposure and operation ids are not exported.\n"
    "  --kind KIND   persons or entities only\n"
    "\n"
    "--everything writes all that the running server holds, operations and their history, dossiers and policies too, "
    "as\n"
    "JSON Lines (docs/FORMAT.md) that xinyid --load makes a data directory of. It works on the machine of the server,\n"
    "which backs itself up for it (as xinyi backup DIR does); the backup stays. A copy lies beside FILE meanwhile.\n"
    "  --backups DIR  where to: an absolute path, new, or holding its earlier backups\n"
    "\n"
    "  xinyi export --output backup.csv\n"
    "  xinyi export --output - --kind entity | gzip > entities.csv.gz\n"
    "  xinyi export --everything --backups /backup/xinyi --output all.jsonl\n";

#define SCAN_ENTRIES 4096
#define WRITE_BYTES (1u << 20)

typedef struct job {
    cli *c;
    const char *path;
    output file;
    unsigned kind; /* subject_kind, 0 all */
    accounts known;
    buf out;
    uint64_t rows, accounts;
    uint32_t now_hour;
    progress bar;
} job;

static int file_failed(const job *j, const char *why) {
    cli_error(j->c, "%s", why);
    return CLI_EXIT_REFUSED;
}

static int write_out(job *j, size_t least) {
    char why[OUTPUT_WHY];
    if (buf_status(&j->out) != STATUS_OK) return cli_no_memory(j->c);
    if (j->out.size < least) return 0;
    if (!output_write(&j->file, j->out.data, j->out.size, why)) return file_failed(j, why);
    buf_clear(&j->out);
    return 0;
}

static columns_export account_of(const job *j, accounts_entry *e) {
    columns_export a = {.instruments = accounts_instruments(&j->known, e), .instrument_count = e->instrument_count};
    memcpy(a.energy, e->energy, sizeof a.energy);
    return a;
}

static void write_profile(job *j, const xinyi_profile *from) {
    profile p;
    convert_from_client(from, &p);
    accounts_entry *e = accounts_find(&j->known, from->id.bytes);
    if (e != NULL) e->seen = true;
    if (j->kind != 0 && subject_kind_of(&p.id) != j->kind) return;
    columns_export a;
    if (e != NULL) a = account_of(j, e);
    columns_write_row(&j->out, &p.id, &p, e != NULL ? &a : NULL, j->now_hour);
    j->rows++;
    j->accounts += e != NULL;
}

/* Accounts whose subject came after the walk had passed its place. */
static void write_unseen(job *j) {
    for (size_t i = 0; i < j->known.capacity; i++) {
        accounts_entry *e = &j->known.entries[i];
        subject_id id;
        if (!e->used || e->seen) continue;
        memcpy(id.bytes, e->subject, sizeof id.bytes);
        if (j->kind != 0 && subject_kind_of(&id) != j->kind) continue;
        columns_export a = account_of(j, e);
        columns_write_row(&j->out, &id, NULL, &a, j->now_hour);
        j->rows++;
        j->accounts++;
    }
}

static int walk(job *j) {
    xinyi_profile *batch = malloc(SCAN_ENTRIES * sizeof *batch);
    uint64_t cursor = 0, walked = 0;
    int code = batch == NULL ? cli_no_memory(j->c) : 0;
    columns_write_header(&j->out);
    while (code == 0) {
        size_t n = SCAN_ENTRIES;
        int result = xinyi_scan(j->c->x, PURPOSE_DATA_MAINTENANCE, &cursor, batch, &n);
        if (result != 0) code = cli_failed(j->c, result);
        if (result != 0 || n == 0) break;
        for (size_t i = 0; i < n; i++) write_profile(j, &batch[i]);
        walked += n;
        progress_update(&j->bar, walked, walked, PROGRESS_NONE);
        code = write_out(j, WRITE_BYTES);
    }
    free(batch);
    if (code != 0) return code;
    write_unseen(j);
    return write_out(j, 1);
}

static uint64_t subjects_on_server(const job *j) {
    const char *text;
    json_error_t problem;
    if (xinyi_info(j->c->x, &text) != 0) return 0;
    json_t *info = json_loads(text, 0, &problem);
    json_int_t n = json_integer_value(json_object_get(info, "subjects"));
    json_decref(info);
    return n > 0 ? (uint64_t)n : 0;
}

static void summarise(job *j) {
    double seconds = progress_seconds(&j->bar);
    char rows[MONEY_TEXT], accounts_text[MONEY_TEXT], rate[MONEY_TEXT], number[32];
    int64_t per_second = (int64_t)((double)j->rows / (seconds > 0 ? seconds : 1));
    bool to_stdout = strcmp(j->path, "-") == 0;
    if (j->c->json && !to_stdout) {
        jout *o = &j->c->out;
        jout_object(o, NULL);
        jout_string(o, "output", j->path);
        jout_int(o, "rows", (int64_t)j->rows);
        jout_int(o, "accounts", (int64_t)j->accounts);
        snprintf(number, sizeof number, "%.3f", seconds);
        jout_raw(o, "seconds", number);
        jout_int(o, "rows_per_s", per_second);
        jout_end(o);
        jout_line(o);
    } else {
        fprintf(to_stdout ? stderr : stdout, "exported %s rows, %s with accounts, in %.1f s (%s rows/s)\n",
                money_format_count((int64_t)j->rows, rows), money_format_count((int64_t)j->accounts, accounts_text),
                seconds, money_format_count(per_second, rate));
    }
    if (j->known.foreign > 0)
        cli_error(j->c,
                  "%zu account%s of programs other than power: not in the file (xinyi export --everything has all)",
                  j->known.foreign, j->known.foreign == 1 ? "" : "s");
}

static int run(job *j) {
    char why[OUTPUT_WHY];
    int code = cli_connect(j->c);
    if (code != 0) return code;
    if (!output_open(&j->file, j->path, 0600, why)) return cli_usage(j->c, "%s", why); /* 0600: personal information */
    progress_init(&j->bar, "export", subjects_on_server(j));
    j->now_hour = (uint32_t)(clock_wall_ms() / CLOCK_MS_PER_HOUR);
    int result = accounts_load(&j->known, j->c->x, PURPOSE_DATA_MAINTENANCE);
    code = result != 0 ? cli_failed(j->c, result) : walk(j);
    progress_clear(&j->bar);
    if (!output_close(&j->file, code == 0, why)) code = file_failed(j, why);
    if (code == 0) summarise(j);
    return code == 0 && j->known.foreign > 0 ? CLI_EXIT_PARTLY : code;
}

/* Becomes xinyid. */
static int everything(cli *c, const char *backups, const char *where, const char *kind) {
    if (kind != NULL) return cli_usage(c, "--everything takes no --kind");
    if (backups == NULL || backups[0] != '/')
        return cli_usage(c, "--everything needs --backups DIR, an absolute path on the machine where the server runs");
    if (strcmp(where, "-") == 0) return cli_usage(c, "--everything needs a FILE: a copy lies beside it meanwhile");
    int code = backup_make(c, backups, 0, false);
    if (code != 0) return code;
    const char *const dump[DAEMON_ARGUMENTS] = {"--dump", where, "--data", backups};
    return daemon_become(c, dump);
}

int command_export(cli *c, int argc, char **argv) {
    const char *where = NULL, *kind = NULL, *backups = NULL;
    bool all = false;
    const option_spec specs[] = {{"output", NULL, &where},
                                 {"kind", NULL, &kind},
                                 {"everything", &all, NULL},
                                 {"backups", NULL, &backups},
                                 OPTION_END};
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    if (where == NULL) return cli_usage(c, "where to? Give --output FILE, or - for standard output");
    if (all) return everything(c, backups, where, kind);
    if (backups != NULL) return cli_usage(c, "--backups goes with --everything");
    job *j = calloc(1, sizeof *j);
    if (j == NULL) return cli_no_memory(c);
    j->c = c;
    j->path = where;
    j->file.fd = -1;
    if (kind != NULL) {
        j->kind = strcmp(kind, "person") == 0 ? SUBJECT_PERSON : strcmp(kind, "entity") == 0 ? SUBJECT_ENTITY : 0;
        if (j->kind == 0) code = cli_usage(c, "--kind is person or entity, not '%s'", kind);
    }
    if (code == 0) code = run(j);
    accounts_deinit(&j->known);
    buf_deinit(&j->out);
    free(j);
    return code;
}
