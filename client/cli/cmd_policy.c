/* policy: check and test read files here and ask the engine's own loader, so what they say is what the server would
 * say; list asks the server what is active. */
#include "client/cli/cmd_impact.h"
#include "client/cli/cmd_policy_diff.h"
#include "client/cli/cmd_policy_live.h"
#include "client/cli/command.h"
#include "client/cli/option.h"
#include "client/cli/policy_texts.h"
#include "client/cli/sheet.h"
#include "client/cli/suggest.h"
#include "engine/policy.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

const char help_policy[] =
    "usage: xinyi policy check DIR         find every mistake in the *.yaml files of a directory (or in one file)\n"
    "       xinyi policy test DIR          the same, then run the examples inside the files\n"
    "       xinyi policy diff OLD NEW      what changed between two sets, in the words of the files\n"
    "       xinyi policy impact DIR        who would gain and who would lose what, before it is law\n"
    "       xinyi policy activate DIR      put a set into force on the running server\n"
    "       xinyi policy rollback VERSION  put an earlier set into force again\n"
    "       xinyi policy shadow ACTION     decide by a candidate beside, on live traffic: start DIR, show, stop\n"
    "       xinyi policy list [--history]  what is active on the server, or every set that ever was\n"
    "\n"
    "DIR, OLD and NEW may be one file, too; OLD and NEW also the version of a set that the server keeps. Otherwise\n"
    "check, test and diff need no server: they say what it would say. Findings are file:line:column.\n"
    "xinyi help policy impact, activate, rollback or shadow tells more.\n"
    "\n"
    "  xinyi policy check policy\n"
    "  xinyi policy test policy --json | jq 'select(.ok == false)'\n"
    "  xinyi policy diff 3 policy\n"
    "  xinyi policy impact policy.new --scenario loan --by division --samples 3\n"
    "  xinyi policy activate policy.new --expect 3\n";

static const char help_impact[] = "usage: xinyi policy impact DIR [--scenario NAME] [--by DIMENSION] [--day D] "
                                  "[--samples N] [--seed N] [--csv FILE]\n"
                                  "\n" HELP_IMPACT "\n" HELP_IMPACT_EXAMPLES;

const char *policy_action_help(const char *action) {
    static const struct {
        const char *action, *text;
    } texts[] = {{"check", help_policy},
                 {"test", help_policy},
                 {"diff", help_policy},
                 {"list", help_policy},
                 {"impact", help_impact},
                 {"activate", help_policy_activate},
                 {"rollback", help_policy_rollback},
                 {"shadow", help_policy_shadow}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i].action, action) == 0) return texts[i].text;
    return NULL;
}

/* ------------------------------------------------------------------ check */

static const char *severity_name(policy_severity s) {
    return s == POLICY_ERROR ? "error" : s == POLICY_WARNING ? "warning" : "note";
}

static void print_finding(cli *c, const policy_finding *f) {
    if (c->json) {
        jout_object(&c->out, NULL);
        jout_string(&c->out, "severity", severity_name(f->severity));
        jout_string(&c->out, "file", f->file);
        jout_int(&c->out, "line", f->line);
        jout_int(&c->out, "column", f->column);
        jout_string(&c->out, "message", f->message);
        jout_end(&c->out);
        return;
    }
    const char *paint = f->severity == POLICY_ERROR ? "1;31" : f->severity == POLICY_WARNING ? "1;35" : "1;36";
    if (f->file[0] != '\0') printf("%s:", f->file);
    if (f->line != 0) printf("%u:%u:", f->line, f->column);
    printf("%s%s%s%s: %s\n", f->file[0] != '\0' ? " " : "", cli_paint(c, paint), severity_name(f->severity),
           cli_paint(c, "0"), f->message);
}

/* Told before the findings of the loader, as warnings. */
static void print_ignored(cli *c, const file_list *ignored) {
    for (size_t i = 0; i < ignored->count; i++) {
        policy_finding f = {.severity = POLICY_WARNING};
        snprintf(f.file, sizeof f.file, "%s", ignored->names[i]);
        snprintf(f.message, sizeof f.message, "not read: policy files end in .yaml; rename it");
        print_finding(c, &f);
    }
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

/* Loads; prints findings. `list` opens a JSON array of them. *set is NULL if there are errors. */
static int load(cli *c, const policy_texts *t, policy_set **set) {
    policy_findings findings = {0};
    *set = NULL;
    status s = policy_load(t->files, t->count, 1, &findings, set);
    if (c->json) jout_array(&c->out, "findings");
    print_ignored(c, &t->ignored);
    findings.warnings += t->ignored.count;
    for (size_t i = 0; i < findings.count; i++) print_finding(c, &findings.items[i]);
    if (c->json) {
        jout_end(&c->out);
        jout_int(&c->out, "errors", (int64_t)findings.errors);
        jout_int(&c->out, "warnings", (int64_t)findings.warnings);
    } else if (s != STATUS_OK || findings.count > 0 || t->ignored.count > 0) {
        printf("%zu file%s: %zu error%s, %zu warning%s\n", t->count, plural(t->count), findings.errors,
               plural(findings.errors), findings.warnings, plural(findings.warnings));
    }
    policy_findings_deinit(&findings);
    if (s == STATUS_NO_MEMORY) return cli_no_memory(c);
    return s == STATUS_OK ? CLI_EXIT_DONE : CLI_EXIT_REFUSED;
}

static void summarise(cli *c, const policy_texts *t, const policy_set *set) {
    size_t tables = 0, rows = 0, examples = 0;
    for (size_t i = 0; i < policy_count(set); i++) {
        policy_info info;
        policy_get_info(set, i, &info);
        tables += info.tables;
        rows += info.rows;
        examples += info.examples;
    }
    if (c->json) {
        jout_int(&c->out, "policies", (int64_t)policy_count(set));
        jout_int(&c->out, "tables", (int64_t)tables);
        jout_int(&c->out, "rows", (int64_t)rows);
        jout_int(&c->out, "examples", (int64_t)examples);
    } else {
        printf("%sok%s: %zu file%s, %zu policies, %zu tables, %zu rows, %zu examples\n", cli_paint(c, "32"),
               cli_paint(c, "0"), t->count, plural(t->count), policy_count(set), tables, rows, examples);
    }
}

static int check(cli *c, const policy_texts *t) {
    policy_set *set;
    if (c->json) jout_object(&c->out, NULL);
    int code = load(c, t, &set);
    if (c->json) jout_bool(&c->out, "ok", code == 0);
    if (code == 0) summarise(c, t, set);
    if (c->json) {
        jout_end(&c->out);
        jout_line(&c->out);
    }
    policy_destroy(&set);
    return code;
}

/* ------------------------------------------------------------------ test */

typedef struct examples {
    cli *c;
    size_t passed, failed;
} examples;

static void on_example(void *context, const char *file, unsigned line, const char *name, bool ok,
                       const char *difference) {
    examples *e = context;
    if (ok)
        e->passed++;
    else
        e->failed++;
    if (e->c->json) {
        jout_object(&e->c->out, NULL);
        jout_string(&e->c->out, "file", file);
        jout_int(&e->c->out, "line", line);
        jout_string(&e->c->out, "name", name);
        jout_bool(&e->c->out, "ok", ok);
        if (!ok) jout_string(&e->c->out, "difference", difference);
        jout_end(&e->c->out);
        jout_line(&e->c->out);
    } else if (!ok) {
        printf("%s:%u: %sfailed%s: %s: %s\n", file, line, cli_paint(e->c, "1;31"), cli_paint(e->c, "0"), name,
               difference != NULL ? difference : "");
    }
}

/* With errors in the files the answer is check's. */
static int test(cli *c, const policy_texts *t) {
    policy_set *set = NULL;
    policy_findings findings = {0};
    status s = policy_load(t->files, t->count, 1, &findings, &set);
    if (s == STATUS_OK && !c->json) {
        print_ignored(c, &t->ignored);
        for (size_t i = 0; i < findings.count; i++) print_finding(c, &findings.items[i]);
    }
    policy_findings_deinit(&findings);
    if (s != STATUS_OK) return check(c, t);
    examples e = {.c = c};
    policy_run_examples(set, on_example, &e);
    if (!c->json)
        printf("%s%zu examples passed, %zu failed%s\n", cli_paint(c, e.failed == 0 ? "32" : "31"), e.passed, e.failed,
               cli_paint(c, "0"));
    policy_destroy(&set);
    return e.failed == 0 ? CLI_EXIT_DONE : CLI_EXIT_REFUSED;
}

static int with_files(cli *c, int argc, char **argv, int (*run)(cli *c, const policy_texts *t)) {
    static const option_spec none[] = {OPTION_END};
    policy_texts t = {0};
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one directory with *.yaml files, or one file");
    code = policy_texts_read(c, argv[first], &t);
    if (code == 0) code = run(c, &t);
    policy_texts_deinit(&t);
    return code;
}

/* ------------------------------------------------------------------ list */

static void list_line(sheet *t, const json_t *policy) {
    static const char *const keys[] = {"scenario", "id", "title", "authority", "from", "to"};
    char number[24];
    sheet_row(t);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *text = json_string_value(json_object_get(policy, keys[i]));
        sheet_cell(t, text != NULL ? text : "-");
    }
    snprintf(number, sizeof number, "%zu", json_array_size(json_object_get(policy, "benefits")));
    sheet_cell(t, number);
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json_object_get(policy, "rows")));
    sheet_cell(t, number);
}

static int list_for_people(cli *c, const char *text) {
    static const sheet_column columns[] = {{.name = "scenario"},
                                           {.name = "policy"},
                                           {.name = "title", .wrap = true},
                                           {.name = "authority", .wrap = true},
                                           {.name = "from"},
                                           {.name = "to"},
                                           {.name = "benefits", .right = true},
                                           {.name = "rows", .right = true}};
    json_error_t problem;
    json_t *document = json_loads(text, 0, &problem), *policy;
    size_t i;
    if (document == NULL) {
        cli_error(c, "the server's answer cannot be read: %s", problem.text);
        return CLI_EXIT_REFUSED;
    }
    const char *hash = json_string_value(json_object_get(document, "hash"));
    printf("policy version %lld, hash %s\n\n", (long long)json_integer_value(json_object_get(document, "version")),
           hash != NULL ? hash : "-");
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(document, "policies"), i, policy) list_line(t, policy);
    int code = CLI_EXIT_DONE;
    if (sheet_rows(t) == 0)
        puts("no policies are active");
    else if (!sheet_print(t))
        code = cli_no_memory(c);
    sheet_destroy(&t);
    json_decref(document);
    return code;
}

static int list(cli *c, int argc, char **argv) {
    bool history = false;
    const option_spec specs[] = {{"history", &history, NULL}, OPTION_END};
    const char *text;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    if ((code = cli_connect(c)) != 0) return code;
    if (history) return policy_history(c);
    if ((code = xinyi_policy_info(c->x, &text)) != 0) return cli_failed(c, code);
    if (!c->json) return list_for_people(c, text);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    return CLI_EXIT_DONE;
}

static int check_files(cli *c, int argc, char **argv) { return with_files(c, argc, argv, check); }
static int test_files(cli *c, int argc, char **argv) { return with_files(c, argc, argv, test); }

int command_policy(cli *c, int argc, char **argv) {
    static const struct {
        const char *name, *title;
        int (*run)(cli *c, int argc, char **argv);
    } actions[] = {
        {"check", "policy check", check_files},
        {"test", "policy test", test_files},
        {"diff", "policy diff", cmd_policy_diff},
        {"impact", "policy impact", cmd_impact},
        {"activate", "policy activate", cmd_policy_activate},
        {"list", "policy list", list},
        {"rollback", "policy rollback", cmd_policy_rollback},
        {"shadow", "policy shadow", cmd_policy_shadow},
    };
    char near[SUGGEST_TEXT];
    if (argc < 2) return cli_usage(c, "check, test, diff, impact, activate, list, rollback or shadow?");
    suggest s = {.word = argv[1]};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        suggest_offer(&s, actions[i].name);
        if (strcmp(actions[i].name, argv[1]) != 0) continue;
        c->command = actions[i].title;
        return actions[i].run(c, argc - 1, argv + 1);
    }
    return cli_usage(c, "unknown action '%s'%s", argv[1], suggest_text(&s, near));
}
