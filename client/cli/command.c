/* One table, made from CLI_COMMANDS. Global options are taken out first, so they may stand anywhere. */
#include "client/cli/command.h"

#include "client/cli/cmd_id.h"
#include "client/cli/cmd_policy_live.h"
#include "client/cli/cmd_quota.h"
#include "client/cli/gen.h"
#include "client/cli/option.h"
#include "client/cli/suggest.h"

#include <stdio.h>
#include <string.h>

/* Their texts are with their options. */
#define help_id cmd_id_help
#define help_gen gen_help

static const struct {
    const char *name, *summary, *help;
    int (*run)(cli *c, int argc, char **argv);
} commands[] = {
#define X(name, summary) {#name, summary, help_##name, command_##name},
    CLI_COMMANDS(X)
#undef X
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const char globals[] = "Options of every command, before or after it:\n"
                              "  --server HOST:PORT   default: $XINYI_SERVER, or 127.0.0.1:7420\n"
                              "  --json               JSON: one document, or one object a line\n"
                              "  --cluster NAME       refuse a server of another cluster\n"
                              "  --timeout MS         of connecting and of each request (5000)\n";
static const char exits[] =
    "Exit status: 0 done, 1 refused, 2 wrong usage, 3 no connection or no answer, 4 partly done\n";

const char help_help[] = "usage: xinyi help [COMMAND [ACTION]]\n"
                         "\n"
                         "  xinyi help import\n"
                         "  xinyi help quota reserve\n";

/* As it is typed: report-use. */
static const char *typed(size_t i, char buffer[32]) {
    snprintf(buffer, 32, "%s", commands[i].name);
    for (char *at = buffer; *at != '\0'; at++)
        if (*at == '_') *at = '-';
    return buffer;
}

static int find(const char *name) {
    char known[32];
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(typed(i, known), name) == 0) return (int)i;
    return -1;
}

static void overview(FILE *to) {
    char name[32];
    fputs("xinyi — client of the Xinyi credit evaluation engine\n\n"
          "usage: xinyi [OPTIONS] COMMAND ...\n\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(to, "  %-10s %s\n", typed(i, name), commands[i].summary);
    fprintf(to, "\n%s  --version            print the version\n\n%s\nxinyi help COMMAND tells more, with examples.\n",
            globals, exits);
}

static int unknown_command(cli *c, const char *name) {
    char near[SUGGEST_TEXT];
    c->command = ""; /* so that the list of commands is pointed to */
    suggest s = {.word = name};
    static char names[COMMANDS][32]; /* suggestions point to them */
    for (size_t i = 0; i < COMMANDS; i++) suggest_offer(&s, typed(i, names[i]));
    return cli_usage(c, "unknown command '%s'%s", name, suggest_text(&s, near));
}

/* Commands whose help has all their actions. */
static bool has_actions(const char *name) {
    static const char *const names[] = {"record", "commitment", "service", "list", "alerts", "backup"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* Of commands whose actions have a help of their own; NULL otherwise. */
static const char *action_help(const char *name, const char *action) {
    if (strcmp(name, "quota") == 0) return cmd_quota_help(action);
    return strcmp(name, "policy") == 0 ? policy_action_help(action) : NULL;
}

/* action NULL: of the command as a whole. */
static int show_help(cli *c, const char *name, const char *action) {
    int i = find(name);
    if (i < 0) return unknown_command(c, name);
    bool quota = strcmp(name, "quota") == 0;
    const char *text = action == NULL || has_actions(name) ? commands[i].help : action_help(name, action);
    c->command = commands[i].name;
    if (text == NULL && quota) return cmd_quota_unknown(c, action);
    if (text == NULL) return cli_usage(c, "has no actions, but got '%s'", action);
    fputs(text, stdout);
    if (strcmp(name, "help") != 0 && strcmp(name, "gen") != 0 && strcmp(name, "id") != 0)
        fprintf(stdout, "\n%s", globals);
    return CLI_EXIT_DONE;
}

int command_help(cli *c, int argc, char **argv) {
    if (argc > 3) return cli_usage(c, "give a command and perhaps an action, not '%s' as well", argv[3]);
    if (argc > 1) return show_help(c, argv[1], argc > 2 ? argv[2] : NULL);
    overview(stdout);
    return CLI_EXIT_DONE;
}

int command_gen(cli *c, int argc, char **argv) { return gen_run(argc, argv, c->json); }

int command_id(cli *c, int argc, char **argv) { return cmd_id(argc, argv, c->json); }

static int run(cli *c, int argc, char **argv) {
    int code = option_globals(c, &argc, argv);
    if (code != 0) return code;
    if (argc < 2) {
        overview(c->help ? stdout : stderr);
        return c->help ? CLI_EXIT_DONE : CLI_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("xinyi %s\n", CLI_VERSION);
        return CLI_EXIT_DONE;
    }
    if (argv[1][0] == '-' && argv[1][1] != '\0') {
        static const option_spec none[] = {OPTION_END};
        int first;
        return option_parse(c, 2, argv, none, &first) != 0 ? CLI_EXIT_USAGE
                                                           : cli_usage(c, "no command behind '%s'", argv[1]);
    }
    int i = find(argv[1]);
    if (i < 0) return unknown_command(c, argv[1]);
    c->command = commands[i].name;
    if (c->help) /* of "quota reserve --help" the action, whatever else is there */
        return show_help(c, argv[1], argc > 2 && action_help(argv[1], argv[2]) != NULL ? argv[2] : NULL);
    return commands[i].run(c, argc - 1, argv + 1);
}

int command_main(int argc, char **argv) {
    cli c;
    cli_init(&c);
    int code = cli_finish(&c, run(&c, argc, argv));
    cli_deinit(&c);
    return code;
}
