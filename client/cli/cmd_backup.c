/* backup: the server makes one, as a job; what has been made is xinyid's to list and to check.
 *
 *   {"command": "backup", "directory": "/backup/xinyi", "keep": 7}   → {"job": 7}
 *   {"command": "job", "job": 7}
 *     → {"job": 7, "kind": "backup", "state": "running" | "done" | "failed" | "cancelled", "progress": 0.42,
 *        "done_bytes": n, "total_bytes": n, "started": time, "directory": "…",
 *        "status": "no_space", "message": "…",             failed only
 *        "result": {"id": n, "time": …, "sequence": n, "folded_sequence": n, "bytes": n, "added_bytes": n, "files": n,
 *                   "seconds": s, "writes_waited_ms": ms}}  done only */
#include "client/cli/ask.h"
#include "client/cli/backup.h"
#include "client/cli/command.h"
#include "client/cli/daemon.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char help_backup[] =
    "usage: xinyi backup DIR [--keep N]\n"
    "       xinyi backup list DIR\n"
    "       xinyi backup verify DIR [--backup ID]\n"
    "\n"
    "backup DIR makes the running server back itself up into DIR, an absolute path on the machine where it runs: new,\n"
    "empty, or holding its earlier backups. Everything acknowledged so far is in it. Lookups and writes go on; what\n"
    "earlier backups have is not copied again. Ctrl-C gives it up; earlier backups stay as they are.\n"
    "  --keep N     afterwards keep the newest N backups and remove the others (otherwise all are kept)\n"
    "\n"
    "list and verify work on files of this machine, without a server (they run xinyid --backups, --verify-backup):\n"
    "  list         the backups in DIR: number, time, last sequence number, size\n"
    "  verify       reads every file of every backup, or of one, and compares checksums\n"
    "  --backup ID  this one only\n"
    "\n"
    "A backup becomes a data directory again with\n"
    "  xinyid --restore DIR [--backup ID] --data NEW\n"
    "\n"
    "  xinyi backup /backup/xinyi --keep 7\n"
    "  xinyi backup list /backup/xinyi --json | jq .backups[-1].id\n"
    "  xinyi backup verify /backup/xinyi\n";

#define KEEP_MOST 100000
#define POLL_LEAST_MS 20
#define POLL_MOST_MS 250
#define MIB (1 << 20)

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static void rest(unsigned ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* ------------------------------------------------------------------ the job */

/* 0 and *answer is the job that is over. */
static int wait_for(cli *c, json_int_t job, json_t **answer) {
    progress bar;
    int code;
    bool cancelled = false;
    progress_init(&bar, "backup", 1000000);
    for (unsigned ms = POLL_LEAST_MS;; ms = ms * 2 < POLL_MOST_MS ? ms * 2 : POLL_MOST_MS) {
        rest(ms);
        if (interrupted && !cancelled) {
            code = ask_server(c, json_pack("{ss, sI}", "command", "job_cancel", "job", job), answer);
            json_decref(*answer);
            *answer = NULL;
            cancelled = true;
            if (code != 0) break;
        }
        code = ask_server(c, json_pack("{ss, sI}", "command", "job", "job", job), answer);
        if (code != 0 || strcmp(ask_text(*answer, "state"), "running") != 0) break;
        double share = json_number_value(json_object_get(*answer, "progress"));
        progress_update(&bar, share > 0 ? (uint64_t)(share * 1000000) : 0, PROGRESS_NONE, PROGRESS_NONE);
        json_decref(*answer);
        *answer = NULL;
    }
    progress_clear(&bar);
    return code;
}

static int show(cli *c, const char *directory, const json_t *job, bool tell) {
    const json_t *r = json_object_get(job, "result");
    if (strcmp(ask_text(job, "state"), "done") != 0 || !json_is_object(r)) {
        const char *state = ask_text(job, "state"), *message = ask_text(job, "message");
        cli_error(c, "%s%s%s", state[0] != '\0' ? state : "the server's answer cannot be understood",
                  message[0] != '\0' ? ": " : "", message);
        return CLI_EXIT_REFUSED;
    }
    if (!tell) return CLI_EXIT_DONE;
    if (c->json) return ask_print(c, r);
    char sequence[MONEY_TEXT];
    printf("backup %lld in %s: %.1f MiB, %.1f MiB of them copied; up to sequence number %s\n",
           (long long)ask_number(r, "id"), directory, (double)ask_number(r, "bytes") / MIB,
           (double)ask_number(r, "added_bytes") / MIB, money_format_count(ask_number(r, "sequence"), sequence));
    printf("took %.1f s; writes waited for %.1f ms\n", json_number_value(json_object_get(r, "seconds")),
           json_number_value(json_object_get(r, "writes_waited_ms")));
    return CLI_EXIT_DONE;
}

int backup_make(cli *c, const char *directory, int64_t keep, bool tell) {
    json_t *job = NULL, *started = NULL;
    json_t *request = json_pack("{ss, ss}", "command", "backup", "directory", directory);
    if (request != NULL && keep > 0) json_object_set_new(request, "keep", json_integer(keep));
    int code = cli_connect(c);
    if (code != 0) {
        json_decref(request);
        return code;
    }
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    code = ask_server(c, request, &started);
    if (code == 0) code = wait_for(c, ask_number(started, "job"), &job);
    if (code == 0) code = show(c, directory, job, tell);
    json_decref(started);
    json_decref(job);
    return code;
}

/* ------------------------------------------------------------------ arguments */

static int on_files(cli *c, const char *what, const char *directory, const char *id) {
    const char *const list[DAEMON_ARGUMENTS] = {"--backups", directory};
    const char *const verify[DAEMON_ARGUMENTS] = {"--verify-backup", directory, id != NULL ? "--backup" : NULL, id};
    return daemon_become(c, strcmp(what, "list") == 0 ? list : verify);
}

int command_backup(cli *c, int argc, char **argv) {
    const char *keep_text = NULL, *id = NULL;
    const option_spec specs[] = {{"keep", NULL, &keep_text}, {"backup", NULL, &id}, OPTION_END};
    int64_t keep = 0;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    int left = argc - first;
    bool list = left > 0 && strcmp(argv[first], "list") == 0, verify = left > 0 && strcmp(argv[first], "verify") == 0;
    if (left != (list || verify ? 2 : 1)) return cli_usage(c, "give one directory");
    if (id != NULL && !verify) return cli_usage(c, "--backup goes with verify");
    if (keep_text != NULL && (list || verify)) return cli_usage(c, "--keep goes with making a backup");
    if (list || verify) return on_files(c, argv[first], argv[first + 1], id);
    if (keep_text != NULL && (!money_parse_count(keep_text, strlen(keep_text), KEEP_MOST, &keep) || keep == 0))
        return cli_usage(c, "--keep %s: a number from 1 to %d", keep_text, KEEP_MOST);
    if (argv[first][0] != '/')
        return cli_usage(c, "%s is not an absolute path: the directory is one of the machine where the server runs",
                         argv[first]);
    return backup_make(c, argv[first], keep, true);
}
