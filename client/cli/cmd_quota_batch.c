/* quota batch: the operations of a file, some thousands at a time, each answer told as soon as it is durable. A chain
 * is never divided over two requests. When the connection is lost every line is told whether it was answered, may have
 * been executed, or was not sent. */
#include "client/cli/cmd_quota.h"

#include "base/status.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/programs.h"
#include "client/cli/progress.h"
#include "client/cli/quota_batch.h"
#include "client/cli/quota_refusal.h"
#include "client/cli/quota_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART 4096 /* operations of one call */

typedef struct batch_run {
    cli *c;
    quota_batch b;
    xinyi_operation_reply *replies; /* of one part */
    xinyi_outcome_reply *earlier;   /* of one part, as it was before: what is known is a repetition; or NULL */
    xinyi_operation_id *ids;        /* to ask for them */
    progress bar;
    bool bar_shown; /* lines go elsewhere than to the terminal */
    size_t done, refused, again, unknown, not_sent, repeated;
} batch_run;

static void count(batch_run *r, const xinyi_operation_reply *reply) {
    switch (status_classify(reply->status)) {
    case STATUS_CLASS_DONE: r->done++; break;
    case STATUS_CLASS_AGAIN: r->again++; break;
    case STATUS_CLASS_REFUSED: r->refused++; break;
    case STATUS_CLASS_UNKNOWN: r->unknown++; break;
    case STATUS_CLASS_LOCAL: r->not_sent++; break;
    }
}

/* The answer to entry `k` of the part is the first one given again. */
static bool is_repeated(const batch_run *r, size_t k) {
    unsigned class = status_classify(r->replies[k].status);
    return r->earlier != NULL && r->earlier[k].status == 0 && r->replies[k].status != STATUS_OPERATION_REUSED &&
           (class == STATUS_CLASS_DONE || class == STATUS_CLASS_REFUSED);
}

/* ------------------------------------------------------------------ a line an answer */

static void answer_text(const xinyi_operation *op, bool chained, const xinyi_operation_reply *reply, buf *to) {
    char amount[MONEY_TEXT], available[MONEY_TEXT], moment[QUOTA_VIEW_TIME];
    if (reply->status == 0) {
        buf_printf(to, "done");
        if (op->kind != XINYI_ENERGY && reply->amount_fen != 0)
            buf_printf(to, " %s", money_format(reply->amount_fen, amount));
        if (reply->expires_ms != 0) buf_printf(to, " until %s", quota_view_time(reply->expires_ms, moment));
        if ((reply->flags & XINYI_QUOTA_EXEMPT) == 0)
            buf_printf(to, ", available %s", money_format(reply->available_fen, available));
        return;
    }
    switch (status_classify(reply->status)) {
    case STATUS_CLASS_AGAIN: buf_printf(to, "not executed: %s", xinyi_status_text(reply->status)); return;
    case STATUS_CLASS_LOCAL: buf_printf(to, "not sent: %s", xinyi_status_text(reply->status)); return;
    case STATUS_CLASS_UNKNOWN: buf_printf(to, "unknown: %s", xinyi_status_text(reply->status)); return;
    case STATUS_CLASS_DONE:
    case STATUS_CLASS_REFUSED: break;
    }
    if (reply->status == STATUS_LINKED_FAILED || op->kind != XINYI_RESERVE) {
        buf_printf(to, "refused: %s", xinyi_status_text(reply->status));
        return;
    }
    quota_refusal why = quota_refusal_of_operation(op, reply);
    why.chained = chained;
    buf_printf(to, "refused%s ", __builtin_popcount(quota_refusal_bits(&why)) > 1 ? "," : ":");
    quota_refusal_write(NULL, &why, to);
}

static bool print_line(batch_run *r, size_t i, size_t k, buf *text) {
    char subject[SUBJECT_TEXT], hex[XINYI_OPERATION_TEXT], moment[QUOTA_VIEW_TIME];
    const xinyi_operation *op = &r->b.operations[i];
    const xinyi_operation_reply *reply = &r->replies[k];
    quota_view_more more = {.earlier = is_repeated(r, k) ? &r->earlier[k] : NULL, .released_fen = -1};
    cli *c = r->c;
    if (c->json) {
        jout_object(&c->out, NULL);
        jout_int(&c->out, "line", (int64_t)r->b.lines[i]);
        quota_view_operation_json(&c->out, op, reply, &more);
        jout_end(&c->out);
        jout_line(&c->out);
        return true;
    }
    buf_clear(text);
    answer_text(op, op->linked != 0 || (i > 0 && r->b.operations[i - 1].linked != 0), reply, text);
    if (more.earlier != NULL)
        buf_printf(text, " (first answer repeated; executed %s)", quota_view_time(more.earlier->at_ms, moment));
    if (buf_status(text) != STATUS_OK) return false;
    printf("line %llu  %s %s  %s  %s%s%s\n", (unsigned long long)r->b.lines[i], quota_view_kind(op->kind),
           cli_subject_text(&op->subject, subject), xinyi_operation_format(&op->id, hex),
           reply->status == 0 ? cli_paint(c, "32") : cli_paint(c, "31"), buf_cstr(text), cli_paint(c, "0"));
    return true;
}

static bool print_part(batch_run *r, size_t at, size_t n) {
    buf text = {0};
    bool ok = true;
    for (size_t k = 0; k < n && ok; k++) {
        count(r, &r->replies[k]);
        r->repeated += is_repeated(r, k);
        ok = print_line(r, at + k, k, &text);
    }
    buf_deinit(&text);
    return ok;
}

/* ------------------------------------------------------------------ sending */

static void forget_earlier(batch_run *r, size_t n) {
    for (size_t k = 0; k < n; k++) r->earlier[k].status = STATUS_UNKNOWN_OPERATION;
}

/* What has been executed already, so that an answer given again is not taken for news. */
static int look_back(batch_run *r, size_t at, size_t n) {
    if (r->earlier == NULL) return 0;
    for (size_t k = 0; k < n; k++) r->ids[k] = r->b.operations[at + k].id;
    forget_earlier(r, n);
    return xinyi_outcome(r->c->x, r->ids, n, r->earlier);
}

/* Everything from `at` on was not sent. */
static bool print_rest(batch_run *r, size_t at, int code) {
    for (; at < r->b.count; at += PART) {
        size_t n = r->b.count - at < PART ? r->b.count - at : PART;
        memset(r->replies, 0, n * sizeof *r->replies);
        if (r->earlier != NULL) forget_earlier(r, n);
        for (size_t k = 0; k < n; k++) r->replies[k].status = (uint16_t)code;
        if (!print_part(r, at, n)) return false;
    }
    return true;
}

static int send_all(batch_run *r, size_t most) {
    size_t at = 0;
    while (at < r->b.count) {
        size_t n = quota_batch_part(&r->b, at, PART, most);
        int result = look_back(r, at, n);
        if (result != 0) { /* nothing of this part was sent */
            int code = cli_failed(r->c, result);
            return print_rest(r, at, STATUS_CLOSED) ? code : cli_no_memory(r->c);
        }
        result = xinyi_operate(r->c->x, r->b.operations + at, n, r->replies);
        if (r->bar_shown) progress_clear(&r->bar);
        if (!print_part(r, at, n)) return cli_no_memory(r->c);
        at += n;
        if (result != 0) {
            int code = cli_failed(r->c, result);
            bool local = status_classify((unsigned)result) == STATUS_CLASS_LOCAL;
            return print_rest(r, at, local ? result : STATUS_CLOSED) ? code : cli_no_memory(r->c);
        }
        if (r->bar_shown) progress_update(&r->bar, at, at, r->refused);
    }
    return 0;
}

/* A chain that no request can hold would be found out only after everything before it was executed. */
static int check_parts(const batch_run *r, size_t most) {
    for (size_t at = 0, n; at < r->b.count; at += n) {
        n = quota_batch_part(&r->b, at, PART, most);
        if (n > 0) continue;
        return cli_usage(r->c,
                         "the chain that begins in line %llu is longer than a request may be (%zu); nothing was sent",
                         (unsigned long long)r->b.lines[at], most);
    }
    return 0;
}

static void summary(const batch_run *r, const char *path, const char *name) {
    char all[MONEY_TEXT];
    if (!r->c->json) {
        printf("%s operation%s: %zu done, %zu refused", money_format_count((int64_t)r->b.count, all),
               r->b.count == 1 ? "" : "s", r->done, r->refused);
        if (r->again > 0) printf(", %zu not executed", r->again);
        if (r->unknown > 0) printf(", of %zu the outcome is not known", r->unknown);
        if (r->not_sent > 0) printf(", %zu not sent", r->not_sent);
        if (r->repeated > 0)
            printf("; %zu %s executed before: the first answer again", r->repeated, r->repeated == 1 ? "was" : "were");
        putchar('\n');
    }
    if (r->again + r->unknown + r->not_sent == 0) return;
    fflush(stdout);
    if (r->b.named && strcmp(path, "-") != 0)
        fprintf(stderr,
                "to go on, repeat the whole file, which is safe: what was done is not done twice:\n"
                "  xinyi --server %s quota batch '%s'%s%s%s\n",
                r->c->server, path, name != NULL ? " --name '" : "", name != NULL ? name : "", name != NULL ? "'" : "");
    else
        fputs("ask for what is not known with xinyi quota outcome and the ids above; a file whose lines have operation "
              "ids,\nor that is sent with --name, can simply be repeated\n",
              stderr);
}

static int run(batch_run *r, const char *path, const char *name) {
    cli *c = r->c;
    int code = cli_connect(c);
    if (code != 0) return code;
    for (size_t i = 0; i < r->b.count; i++)
        if (r->b.operations[i].program != XINYI_PROGRAM_POWER) {
            if ((code = programs_learn(c)) != 0) return code;
            break;
        }
    size_t most = xinyi_max_entries(c->x);
    if ((code = check_parts(r, most)) != 0) return code;
    size_t room = most > PART ? most : PART;
    r->replies = calloc(room, sizeof *r->replies);
    if (r->replies == NULL) return cli_no_memory(c);
    if (r->b.may_repeat) {
        r->earlier = calloc(room, sizeof *r->earlier);
        r->ids = calloc(room, sizeof *r->ids);
        if (r->earlier == NULL || r->ids == NULL) return cli_no_memory(c);
    }
    r->bar_shown = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    progress_init(&r->bar, "batch", r->b.count);
    code = send_all(r, most);
    if (r->bar_shown) progress_clear(&r->bar);
    summary(r, path, name);
    if (code != 0) return code;
    return r->unknown > 0 ? CLI_EXIT_NO_CONNECTION : r->refused + r->again > 0 ? CLI_EXIT_REFUSED : CLI_EXIT_DONE;
}

int cmd_quota_batch(cli *c, int argc, char **argv) {
    const char *name = NULL;
    bool check = false;
    const option_spec specs[] = {{"name", NULL, &name}, {"dry-run", &check, NULL}, OPTION_END};
    batch_run r = {.c = c};
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "which file? Give its name, or - for standard input");
    const char *path = argv[first];
    if (name != NULL && (name[0] == '\0' || strlen(name) > 63 || strchr(name, '\'') != NULL))
        return cli_usage(c, "--name is a text of 1 to 63 bytes without ', such as 2026-11-24-morning");
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cli_usage(c, "cannot open %s: %s", path, strerror(errno));
    code = quota_batch_read(c, fd, standard ? "stdin" : path, name, &r.b);
    if (!standard) close(fd);
    if (code == 0 && check)
        printf("%zu operation%s, all well-formed; nothing was sent\n", r.b.count, r.b.count == 1 ? "" : "s");
    else if (code == 0)
        code = run(&r, path, name);
    free(r.replies);
    free(r.earlier);
    free(r.ids);
    quota_batch_deinit(&r.b);
    return code;
}
