/* watch: alerts as they come, for somebody at a desk or a program behind a pipe.
 *
 * What has been printed is written out before anything else is done, so an alert is acknowledged only after it has been
 * seen: at least once, whatever breaks. Acknowledgements that could not be made are made after the next connection.
 * Signals are let in only while there is nothing to do but wait. */
#include "base/clock.h"
#include "base/status.h"
#include "client/cli/alert_view.h"
#include "client/cli/ask.h"
#include "client/cli/command.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/programs.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_watch[] =
    "usage: xinyi watch [--ack] [--after N] [--kind K,...] [--program P] [--once] [--count N]\n"
    "\n"
    "Shows alerts of the guarantee quota as they come, a line each: first those that are open, then every new one.\n"
    "Times are China's. An alert stays open until it is acknowledged; those that were not are shown again next time.\n"
    "If the server is away it connects again by itself and goes on behind the last alert. Ctrl-C ends it.\n"
    "  --ack          acknowledge each alert after it was printed (at least once: after a crash one may come again)\n"
    "  --after N      only alerts with higher numbers\n"
    "  --kind K,...   only these: usage (a warning level of the quota was reached), expiring and expired (a bond or\n"
    "                 group guarantee), topup, overdue and topped_up (required guarantee), frozen, unfrozen\n"
    "  --program P    only this guarantee program\n"
    "  --once         what is open now, then end\n"
    "  --count N      end after N alerts\n"
    "  --purpose NAME what the query is for (power_trading)\n"
    "\n"
    "  xinyi watch\n"
    "  xinyi watch --kind usage,overdue --ack\n"
    "  xinyi watch --json --ack | while read -r alert; do notify \"$alert\"; done\n";

#define BATCH 256
#define PING_EVERY_MS 30000   /* of silence: is the other end still there? */
#define RETRY_FIRST_MS 500    /* to connect again; doubled each time … */
#define RETRY_MOST_MS 5000    /* … up to this */
#define REFUSED_MS 5000       /* to acknowledge again what the server would not acknowledge now */
#define ACKNOWLEDGE_MOST 1000 /* of one command */

typedef struct watch_run {
    cli *c;
    alert_filter filter;
    unsigned asked_for;
    uint64_t after; /* everything up to this number was dealt with */
    uint64_t left;  /* still to be printed; 0: no end */
    bool acknowledges, counts;
    uint64_t *pending; /* printed, to be acknowledged */
    size_t pending_count, pending_capacity;
    int64_t pause_ms;        /* before the next attempt to connect */
    uint64_t acknowledge_ns; /* when it may be tried again */
    bool told;               /* that it could not */
    bool away;               /* the connection broke, and nothing is followed since */
} watch_run;

static volatile sig_atomic_t interrupted;
static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

/* Blocks what ends the program but for waits; *open is what those let in. */
static void hold_signals(sigset_t *open) {
    sigset_t held;
    struct sigaction act = {.sa_handler = on_signal};
    sigemptyset(&act.sa_mask);
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, open);
    sigdelset(open, SIGINT);
    sigdelset(open, SIGTERM);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

/* Until there is something to read, a signal came, or the time is over; true in the last case. fd -1: only waits. */
static bool wait_for(int fd, int64_t ms, const sigset_t *open) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return ppoll(&p, fd >= 0 ? 1 : 0, &t, open) == 0;
}

/* ------------------------------------------------------------------ acknowledging */

static bool remember(watch_run *w, uint64_t number) {
    if (w->pending_count == w->pending_capacity) {
        size_t more = w->pending_capacity == 0 ? BATCH : w->pending_capacity * 2;
        uint64_t *pending = realloc(w->pending, more * sizeof *pending);
        if (pending == NULL) return false;
        w->pending = pending;
        w->pending_capacity = more;
    }
    w->pending[w->pending_count++] = number;
    return true;
}

/* Those that somebody else has acknowledged meanwhile do not matter. 0, or a status. */
static int acknowledge(watch_run *w) {
    while (w->pending_count > 0) {
        size_t n = w->pending_count < ACKNOWLEDGE_MOST ? w->pending_count : ACKNOWLEDGE_MOST;
        json_t *numbers = json_array(), *answer;
        for (size_t i = 0; i < n; i++) json_array_append_new(numbers, json_integer((json_int_t)w->pending[i]));
        int failure, code = ask_server_quietly(
                         w->c, json_pack("{s:s, s:o}", "command", "alert_ack", "numbers", numbers), &answer, &failure);
        json_decref(answer);
        if (code != 0) return failure != 0 ? failure : STATUS_NO_MEMORY;
        w->told = false;
        w->pending_count -= n;
        memmove(w->pending, w->pending + n, w->pending_count * sizeof *w->pending);
    }
    return 0;
}

/* The same on a connection that lives on when the server cannot do it now (storage in trouble, say): it is tried again
 * later. To acknowledge twice does no harm. */
static int acknowledge_or_later(watch_run *w) {
    uint64_t now = clock_mono_ns();
    if (w->pending_count == 0 || now < w->acknowledge_ns) return 0;
    int result = acknowledge(w);
    status_class class = status_classify((unsigned)result);
    if (xinyi_fd(w->c->x) < 0 || (class != STATUS_CLASS_AGAIN && class != STATUS_CLASS_UNKNOWN)) return result;
    if (!w->told) cli_error(w->c, "cannot acknowledge now: %s; trying again", xinyi_last_error(w->c->x));
    w->told = true;
    w->acknowledge_ns = now + REFUSED_MS * UINT64_C(1000000);
    return 0;
}

/* ------------------------------------------------------------------ printing */

/* 0, or an exit code after a message. */
static int print(watch_run *w, const xinyi_alert *alerts, size_t count) {
    for (size_t i = 0; i < count && !(w->counts && w->left == 0); i++) {
        w->after = alerts[i].number;
        if (!alert_filter_passes(&w->filter, &alerts[i])) continue;
        errno = 0;
        if (!alert_view_print(w->c, &alerts[i])) {
            cli_error(w->c, "cannot write to standard output: %s", errno != 0 ? strerror(errno) : "output error");
            return CLI_EXIT_REFUSED;
        }
        w->left--;
        if (w->acknowledges && !remember(w, alerts[i].number)) return cli_no_memory(w->c);
    }
    return 0;
}

/* ------------------------------------------------------------------ once */

static int show_open(watch_run *w) {
    xinyi_alert alerts[BATCH];
    while (!(w->counts && w->left == 0)) {
        size_t count = BATCH;
        uint64_t after = w->after;
        int result = xinyi_alerts(w->c->x, w->asked_for, &after, alerts, &count);
        if (result != 0) return cli_failed(w->c, result);
        if (count == 0) break;
        int code = print(w, alerts, count);
        if (code != 0) return code;
        if ((result = acknowledge(w)) != 0) return cli_failed(w->c, result);
    }
    return CLI_EXIT_DONE;
}

/* ------------------------------------------------------------------ live */

/* Whether it may be another time: the connection is gone, or the server will have us later. */
static bool may_return(int result) {
    return cli_exit_of(result) == CLI_EXIT_NO_CONNECTION || result == STATUS_IDLE_TIMEOUT ||
           status_classify((unsigned)result) == STATUS_CLASS_AGAIN;
}

/* Follows until the connection breaks or it is over: 0 with *over, or a status, or *over with an exit code. */
static int follow(watch_run *w, const sigset_t *open, bool *over, int *code) {
    xinyi_alert alerts[BATCH];
    xinyi *x = w->c->x;
    *code = CLI_EXIT_DONE;
    int result = xinyi_watch(x, w->asked_for, w->after);
    if (result == 0 && w->away) cli_error(w->c, "connected again; going on behind alert %" PRIu64, w->after);
    w->away &= result != 0;
    while (result == 0) {
        size_t count = BATCH;
        bool enough = w->counts && w->left == 0; /* but for acknowledging */
        if ((result = acknowledge_or_later(w)) != 0) break;
        if ((*over = interrupted || (enough && w->pending_count == 0))) break;
        if (enough) count = 0;
        if (!enough && (result = xinyi_watch_next(x, 0, alerts, &count)) != 0) break;
        if (count > 0) {
            if ((*code = print(w, alerts, count)) != 0) break;
        } else if (wait_for(enough ? -1 : xinyi_fd(x), w->pending_count > 0 ? REFUSED_MS : PING_EVERY_MS, open)) {
            result = xinyi_ping(x);
        }
    }
    *over |= *code != 0;
    return result;
}

/* Connects, trying again for as long as it takes. 0, or a status that will not change by waiting, said. */
static int come_back(watch_run *w, const sigset_t *open) {
    cli *c = w->c;
    xinyi_options options = {.cluster = c->cluster, .agent = "xinyi/" CLI_VERSION, .timeout_ms = c->timeout_ms};
    while (!interrupted) {
        wait_for(-1, w->pause_ms, open);
        w->pause_ms = w->pause_ms * 2 < RETRY_MOST_MS ? w->pause_ms * 2 : RETRY_MOST_MS;
        if (interrupted) break;
        int result = xinyi_connect(c->server, &options, &c->x);
        if (result == 0) return 0;
        if (may_return(result)) continue;
        cli_error(c, "%s", xinyi_last_error(NULL));
        return result;
    }
    return 0;
}

static int watch_live(watch_run *w) {
    cli *c = w->c;
    sigset_t open;
    bool over = false, fresh = true;
    int code;
    hold_signals(&open);
    for (;;) {
        uint64_t began = clock_mono_ns();
        int result = follow(w, &open, &over, &code);
        if (clock_mono_ns() - began > RETRY_MOST_MS * UINT64_C(1000000)) w->pause_ms = RETRY_FIRST_MS;
        if (over || interrupted) return code;
        if (result == STATUS_BAD_VALUE && !fresh) { /* numbers begin anew: other data */
            cli_error(c,
                      "the server has had no alert %" PRIu64
                      " (was it restored from a backup?): showing all that are open",
                      w->after);
            w->after = 0;
            w->pending_count = 0; /* of other alerts, now */
            fresh = true;
            w->away = false;
            continue;
        }
        if (!may_return(result)) return cli_failed(c, result);
        cli_error(c, "%s; trying again", xinyi_last_error(c->x));
        xinyi_close(&c->x);
        w->away = true;
        if ((result = come_back(w, &open)) != 0) return cli_exit_of(result);
        if (interrupted) return CLI_EXIT_DONE;
        fresh = false;
    }
}

int command_watch(cli *c, int argc, char **argv) {
    const char *after = NULL, *kinds = NULL, *program = NULL, *count = NULL, *asked_for = NULL;
    bool once = false;
    watch_run w = {.c = c, .pause_ms = RETRY_FIRST_MS};
    const option_spec specs[] = {{"ack", &w.acknowledges, NULL}, {"after", NULL, &after},
                                 {"kind", NULL, &kinds},         {"program", NULL, &program},
                                 {"once", &once, NULL},          {"count", NULL, &count},
                                 {"purpose", NULL, &asked_for},  OPTION_END};
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    if (after != NULL && !money_parse_u64(after, strlen(after), &w.after))
        return cli_usage(c, "--after is the number of an alert, not '%s'", after);
    w.counts = count != NULL;
    if (w.counts && (!money_parse_u64(count, strlen(count), &w.left) || w.left == 0))
        return cli_usage(c, "--count is a whole number from 1 on, not '%s'", count);
    if ((code = alert_filter_parse(c, kinds, program, &w.filter)) != 0 ||
        (code = cli_purpose(c, asked_for, PURPOSE_POWER_TRADING, &w.asked_for)) != 0 || (code = cli_connect(c)) != 0 ||
        (code = programs_learn(c)) != 0)
        return code;
    code = once ? show_open(&w) : watch_live(&w);
    free(w.pending);
    return code;
}
