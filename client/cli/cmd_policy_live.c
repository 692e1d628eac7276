/* What is told beforehand is what the server says of the draft, so that nothing can be accepted here and refused there.
 */
#include "client/cli/cmd_policy_live.h"

#include "base/status.h"
#include "client/cli/ask.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/policy_texts.h"
#include "client/cli/progress.h"
#include "client/cli/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 100

const char help_policy_activate[] =
    "usage: xinyi policy activate DIR [--expect VERSION] [--wait]\n"
    "\n"
    "Puts the *.yaml files of a directory into force on the running server: they are checked, their examples run, the\n"
    "set is stored and then exchanged between two lookups. None is refused and none waits. It stays in force over\n"
    "restarts, also with --policy DIR, until the files of that directory change.\n"
    "  --expect VERSION  only if this version is in force now\n"
    "  --wait            until everybody has been evaluated again, if the rules of credit have changed\n"
    "\n"
    "  xinyi policy activate policy.new --expect 3\n";

const char help_policy_rollback[] =
    "usage: xinyi policy rollback VERSION [--expect VERSION] [--wait]\n"
    "\n"
    "Puts a set that was active before into force again, from the texts that the server keeps (xinyi policy list\n"
    "--history). It gets a new version number: history only grows. Options as of activate.\n"
    "\n"
    "  xinyi policy rollback 3\n";

const char help_policy_shadow[] =
    "usage: xinyi policy shadow start DIR|VERSION\n"
    "       xinyi policy shadow show | stop\n"
    "\n"
    "A candidate decides every lookup a second time, beside the active set. It answers nothing and stores nothing; "
    "its\n"
    "differences are counted, by scenario, outcome and benefit. It ends with stop, with another start, or with the\n"
    "server. For the whole population instead of the traffic: xinyi policy impact.\n"
    "\n"
    "  xinyi policy shadow start policy.new && sleep 600 && xinyi policy shadow show\n";

/* ------------------------------------------------------------------ what activate and rollback share */

typedef struct change_options {
    const char *expect;
    bool wait;
    int64_t expected; /* -1: not given */
} change_options;

static int parse_change(cli *c, int argc, char **argv, change_options *o, const char **what, const char *usage) {
    const option_spec specs[] = {{"expect", NULL, &o->expect}, {"wait", &o->wait, NULL}, OPTION_END};
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "%s", usage);
    *what = argv[first];
    o->expected = -1;
    if (o->expect != NULL && !money_parse_count(o->expect, strlen(o->expect), UINT32_MAX, &o->expected))
        return cli_usage(c, "--expect %s: the number of a version", o->expect);
    return 0;
}

static json_t *change_request(const char *name, const char *key, json_int_t value, const change_options *o) {
    json_t *request = json_pack("{s:s, s:I}", "command", name, key, value);
    if (request != NULL && o->expected >= 0)
        json_object_set_new(request, "expect_version", json_integer((json_int_t)o->expected));
    return request;
}

/* Until the walk over everybody is done. */
static int wait_for_evaluation(cli *c) {
    progress bar;
    int code = 0;
    progress_init(&bar, "evaluation", 0);
    for (;;) {
        const char *text;
        int result = xinyi_info(c->x, &text);
        json_t *info = result == 0 ? json_loads(text, 0, NULL) : NULL;
        const json_t *sweep = json_object_get(info, "sweep");
        bool running = ask_true(sweep, "everybody");
        bar.total = (uint64_t)ask_number(sweep, "total");
        if (running) progress_update(&bar, (uint64_t)ask_number(sweep, "done"), PROGRESS_NONE, PROGRESS_NONE);
        json_decref(info);
        if (result != 0) code = cli_failed(c, result);
        if (!running) break;
        nanosleep(&(struct timespec){0, POLL_MS * 1000000L}, NULL);
    }
    progress_clear(&bar);
    return code;
}

static int tell_change(cli *c, const change_options *o, const json_t *answer) {
    bool evaluation = ask_true(answer, "evaluation_started"), unchanged = ask_true(answer, "unchanged");
    long long version = (long long)ask_number(answer, "version");
    if (c->json) return ask_print(c, answer);
    if (unchanged) {
        printf("version %lld is in force already, with the same texts (hash %s)\n", version, ask_text(answer, "hash"));
        return CLI_EXIT_DONE;
    }
    printf("version %lld is in force%s (hash %s); before it: %lld\n", version,
           json_object_get(answer, "rollback_of") != NULL ? " again" : "", ask_text(answer, "hash"),
           (long long)ask_number(answer, "before"));
    if (evaluation && !o->wait)
        puts("the rules of credit have changed: everybody is evaluated again, and lookups go on (xinyi info shows how "
             "far it is)");
    return CLI_EXIT_DONE;
}

static int run_change(cli *c, const change_options *o, json_t *request) {
    json_t *answer;
    int code = ask_server(c, request, &answer);
    if (code == 0 && o->wait && ask_true(answer, "evaluation_started")) code = wait_for_evaluation(c);
    if (code == 0) code = tell_change(c, o, answer);
    json_decref(answer);
    return code;
}

/* ------------------------------------------------------------------ activate */

static void tell_finding(const cli *c, const json_t *f) {
    const char *severity = ask_text(f, "severity");
    const char *paint = strcmp(severity, "error") == 0 ? "1;31" : "1;35";
    if (strcmp(severity, "note") == 0) return;
    if (ask_text(f, "file")[0] != '\0')
        fprintf(stderr, "%s:%lld:%lld: ", ask_text(f, "file"), (long long)ask_number(f, "line"),
                (long long)ask_number(f, "column"));
    bool painted = c->color && isatty(STDERR_FILENO) == 1;
    fprintf(stderr, "%s%s%s: %s\n", painted ? cli_paint(c, paint) : "", severity, painted ? cli_paint(c, "0") : "",
            ask_text(f, "message"));
}

/* Says every finding and every example that fails. */
static int check_draft(cli *c, const char *directory, uint32_t draft) {
    json_t *answer, *one;
    size_t i;
    int code = ask_server(c, json_pack("{s:s, s:I}", "command", "policy_check", "draft", (json_int_t)draft), &answer);
    if (code != 0) return code;
    json_array_foreach(json_object_get(answer, "findings"), i, one) tell_finding(c, one);
    int64_t errors = ask_number(answer, "errors");
    bool ok = ask_true(answer, "ok");
    json_decref(answer);
    if (!ok) {
        cli_error(c, "%s has %lld error%s: nothing was changed", directory, (long long)errors, errors == 1 ? "" : "s");
        return CLI_EXIT_REFUSED;
    }
    code = ask_server(c, json_pack("{s:s, s:I}", "command", "policy_test", "draft", (json_int_t)draft), &answer);
    if (code != 0) return code;
    json_array_foreach(json_object_get(answer, "failures"), i, one)
        fprintf(stderr, "%s:%lld: \"%s\" fails: %s\n", ask_text(one, "file"), (long long)ask_number(one, "line"),
                ask_text(one, "name"), ask_text(one, "difference"));
    int64_t failed = ask_number(answer, "failed");
    json_decref(answer);
    if (failed == 0) return 0;
    cli_error(c, "%lld of the examples in %s fail%s: nothing was changed", (long long)failed, directory,
              failed == 1 ? "s" : "");
    return CLI_EXIT_REFUSED;
}

int cmd_policy_activate(cli *c, int argc, char **argv) {
    change_options o = {0};
    policy_texts t = {0};
    const char *directory = NULL;
    uint32_t draft = 0;
    int code = parse_change(c, argc, argv, &o, &directory, "give one directory with *.yaml files");
    if (code != 0) return code;
    code = policy_texts_read(c, directory, &t);
    for (size_t i = 0; code == 0 && i < t.ignored.count; i++)
        fprintf(stderr, "%s: warning: not sent: policy files end in .yaml; rename it\n", t.ignored.names[i]);
    if (code == 0) code = cli_connect(c);
    if (code == 0) code = ask_upload(c, &t, &draft);
    policy_texts_deinit(&t);
    if (code == 0) code = check_draft(c, directory, draft);
    if (code == 0) code = run_change(c, &o, change_request("policy_activate", "draft", draft, &o));
    return code;
}

/* ------------------------------------------------------------------ rollback and history */

int cmd_policy_rollback(cli *c, int argc, char **argv) {
    change_options o = {0};
    const char *text = NULL;
    int64_t version = 0;
    int code = parse_change(c, argc, argv, &o, &text, "give the version to bring back (xinyi policy list --history)");
    if (code != 0) return code;
    if (!money_parse_count(text, strlen(text), UINT32_MAX, &version) || version == 0)
        return cli_usage(c, "'%s' is no version: a number (xinyi policy list --history)", text);
    code = cli_connect(c);
    return code != 0 ? code : run_change(c, &o, change_request("policy_rollback", "version", version, &o));
}

static void history_row(sheet *t, const json_t *one, int64_t in_force) {
    char text[32];
    int64_t version = ask_number(one, "version"), of = ask_number(one, "rollback_of");
    sheet_row(t);
    snprintf(text, sizeof text, "%lld", (long long)version);
    sheet_cell(t, text);
    snprintf(text, sizeof text, "%.19s", ask_text(one, "activated"));
    char *separator = strchr(text, 'T');
    if (separator != NULL) *separator = ' ';
    sheet_cell(t, text[0] != '\0' ? text : "-");
    snprintf(text, sizeof text, "%lld", (long long)ask_number(one, "files"));
    sheet_cell(t, text);
    sheet_cell(t, ask_text(one, "hash"));
    if (of != 0)
        snprintf(text, sizeof text, "%sversion %lld again", version == in_force ? "in force; " : "", (long long)of);
    else
        snprintf(text, sizeof text, "%s", version == in_force ? "in force" : "");
    sheet_cell_painted(t, text, version == in_force ? "green" : NULL);
}

static int show_history(cli *c, const json_t *answer) {
    static const sheet_column columns[] = {{.name = "version", .right = true},
                                           {.name = "activated"},
                                           {.name = "files", .right = true},
                                           {.name = "hash"},
                                           {.name = ""}};
    const json_t *history = json_object_get(answer, "history"), *one;
    size_t i;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(history, i, one) history_row(t, one, ask_number(answer, "version"));
    int code = CLI_EXIT_DONE;
    if (json_array_size(history) == 0)
        puts("no set was ever active");
    else if (!sheet_print(t))
        code = cli_no_memory(c);
    int64_t all = ask_number(answer, "sets");
    if ((size_t)all > json_array_size(history))
        printf("the newest %zu of %lld\n", json_array_size(history), (long long)all);
    sheet_destroy(&t);
    return code;
}

int policy_history(cli *c) {
    json_t *answer;
    int code = ask_server(c, json_pack("{s:s}", "command", "policy_list"), &answer);
    if (code == 0) code = c->json ? ask_print(c, answer) : show_history(c, answer);
    json_decref(answer);
    return code;
}

/* ------------------------------------------------------------------ shadow */

static bool is_version(const char *name) {
    size_t n = strlen(name);
    return n > 0 && n <= 10 && name[0] != '0' && strspn(name, "0123456789") == n && access(name, F_OK) != 0;
}

static int shadow_start(cli *c, const char *what) {
    policy_texts t = {0};
    uint32_t draft = 0;
    json_t *answer = NULL;
    bool version = is_version(what);
    int code = version ? 0 : policy_texts_read(c, what, &t);
    if (code == 0) code = cli_connect(c);
    if (code == 0 && !version) code = ask_upload(c, &t, &draft);
    policy_texts_deinit(&t);
    json_int_t number = version ? (json_int_t)strtoll(what, NULL, 10) : (json_int_t)draft;
    if (code == 0)
        code = ask_server(c, json_pack("{s:s, s:I}", "command", "shadow_start", version ? "version" : "draft", number),
                          &answer);
    if (code == 0 && c->json)
        code = ask_print(c, answer);
    else if (code == 0)
        printf("the candidate decides in the shadow (hash %s); see: xinyi policy shadow show\n",
               ask_text(answer, "hash"));
    json_decref(answer);
    return code;
}

static void put_count(sheet *t, int64_t n, const char *paint) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    sheet_cell_painted(t, text, n != 0 ? paint : NULL);
}

static int show_moves(const cli *c, const json_t *scenario) {
    static const sheet_column columns[] = {{.name = "active → candidate"}, {.name = "decisions", .right = true}};
    static const char *const outcomes[] = {"none", "granted", "review", "declined"};
    const json_t *matrix = json_object_get(scenario, "outcomes");
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    for (unsigned from = 0; from < 4; from++)
        for (unsigned to = 0; to < 4; to++) {
            json_int_t n = json_integer_value(json_array_get(json_array_get(matrix, from), to));
            char text[64];
            if (n == 0 || from == to) continue;
            snprintf(text, sizeof text, "%s → %s", outcomes[from], outcomes[to]);
            sheet_row(t);
            sheet_cell(t, text);
            put_count(t, n, NULL);
        }
    bool ok = sheet_rows(t) == 0 || sheet_print(t);
    sheet_destroy(&t);
    return ok ? 0 : cli_no_memory(c);
}

static int show_benefits(const cli *c, const json_t *scenario) {
    static const sheet_column columns[] = {{.name = "benefit"},
                                           {.name = "title", .wrap = true},
                                           {.name = "gained", .right = true},
                                           {.name = "lost", .right = true}};
    json_t *one;
    size_t i;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(scenario, "benefits"), i, one) {
        sheet_row(t);
        sheet_cell(t, ask_text(one, "id"));
        sheet_cell(t, ask_text(one, "title"));
        put_count(t, ask_number(one, "gained"), "green");
        put_count(t, ask_number(one, "lost"), "red");
    }
    bool ok = sheet_rows(t) == 0 || sheet_print(t);
    sheet_destroy(&t);
    return ok ? 0 : cli_no_memory(c);
}

static int show_scenario(const cli *c, const json_t *scenario) {
    int64_t decisions = ask_number(scenario, "decisions"), different = ask_number(scenario, "different");
    int64_t up = ask_number(scenario, "amount_up"), down = ask_number(scenario, "amount_down");
    printf("\n%s: %lld decisions, %s%lld different%s (%.2f%%)\n", ask_text(scenario, "scenario"), (long long)decisions,
           different != 0 ? cli_paint(c, "33") : "", (long long)different, different != 0 ? cli_paint(c, "0") : "",
           decisions > 0 ? (double)different * 100 / (double)decisions : 0.0);
    if (up != 0 || down != 0) printf("amounts: higher in %lld, lower in %lld\n", (long long)up, (long long)down);
    int code = show_moves(c, scenario);
    return code == 0 ? show_benefits(c, scenario) : code;
}

static int shadow_show(cli *c) {
    json_t *answer, *one;
    size_t i;
    int code = cli_connect(c);
    if (code == 0) code = ask_server(c, json_pack("{s:s}", "command", "shadow"), &answer);
    if (code != 0) return code;
    const json_t *scenarios = json_object_get(answer, "scenarios");
    if (c->json) {
        code = ask_print(c, answer);
    } else if (!ask_true(answer, "running")) {
        puts("no candidate decides in the shadow");
    } else {
        printf("candidate %s since %.19s, beside version %lld\n",
               ask_text(json_object_get(answer, "candidate"), "hash"), ask_text(answer, "since"),
               (long long)ask_number(json_object_get(answer, "active"), "version"));
        if (json_array_size(scenarios) == 0) puts("no decisions yet");
        json_array_foreach(scenarios, i, one) {
            if (code == 0) code = show_scenario(c, one);
        }
    }
    json_decref(answer);
    return code;
}

static int shadow_stop(cli *c) {
    json_t *answer = NULL;
    int code = cli_connect(c);
    if (code == 0) code = ask_server(c, json_pack("{s:s}", "command", "shadow_stop"), &answer);
    if (code == 0 && c->json)
        code = ask_print(c, answer);
    else if (code == 0)
        puts(ask_true(answer, "was_running") ? "the shadow has ended" : "there was no shadow");
    json_decref(answer);
    return code;
}

int cmd_policy_shadow(cli *c, int argc, char **argv) {
    static const option_spec none[] = {OPTION_END};
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    int words = argc - first;
    const char *action = words > 0 ? argv[first] : "";
    if (strcmp(action, "start") == 0 && words == 2) return shadow_start(c, argv[first + 1]);
    if (strcmp(action, "start") == 0)
        return cli_usage(c, "shadow start takes one candidate: a directory, or a version of the server");
    if (strcmp(action, "show") == 0 && words == 1) return shadow_show(c);
    if (strcmp(action, "stop") == 0 && words == 1) return shadow_stop(c);
    return cli_usage(c, "shadow start DIR, shadow show or shadow stop?");
}
