/* getopt_long does the work; this keeps its state (optind) and its messages out of the commands. */
#include "client/cli/option.h"

#include "client/cli/money.h"
#include "client/cli/suggest.h"

#include <getopt.h>
#include <string.h>

#define SPECS_MAX 24

static const char *const global_names[] = {"server", "cluster", "timeout", "json", "help", "version"};

/* The global option an argument names: its index, -1 none. *value: behind "=", NULL without. */
static int global_of(const char *argument, const char **value) {
    if (strncmp(argument, "--", 2) != 0) return strcmp(argument, "-h") == 0 ? 4 : -1;
    const char *name = argument + 2, *equals = strchr(name, '=');
    size_t length = equals == NULL ? strlen(name) : (size_t)(equals - name);
    *value = equals == NULL ? NULL : equals + 1;
    for (int i = 0; i < 5; i++)
        if (strlen(global_names[i]) == length && strncmp(name, global_names[i], length) == 0) return i;
    return -1;
}

static int set_timeout(cli *c, const char *text) {
    int64_t ms;
    if (!money_parse_count(text, strlen(text), 3600000, &ms) || ms == 0)
        return cli_usage(c, "--timeout is in milliseconds, 1 to 3600000, not '%s'", text);
    c->timeout_ms = (uint32_t)ms;
    return 0;
}

int option_globals(cli *c, int *argc, char **argv) {
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], "--") == 0) {
            while (i < *argc) argv[kept++] = argv[i++];
            break;
        }
        int which = global_of(argv[i], &value);
        if (which < 0) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *name = global_names[which];
        if (which >= 3) { /* flags */
            if (value != NULL) return cli_usage(c, "--%s takes no value", name);
            if (which == 3)
                c->json = true;
            else
                c->help = true;
            continue;
        }
        if (value == NULL) {
            if (i + 1 >= *argc) return cli_usage(c, "--%s needs a value", name);
            value = argv[++i];
        }
        if (which == 0)
            c->server = value;
        else if (which == 1)
            c->cluster = value;
        else if (set_timeout(c, value) != 0)
            return CLI_EXIT_USAGE;
    }
    *argc = kept;
    argv[kept] = NULL;
    return 0;
}

static int unknown(const cli *c, const char *argument, const option_spec *specs) {
    char word[64], near[SUGGEST_TEXT];
    const char *name = argument + strspn(argument, "-");
    size_t length = strcspn(name, "=");
    if (length >= sizeof word) length = sizeof word - 1;
    memcpy(word, name, length);
    word[length] = '\0';
    suggest s = {.word = word};
    for (const option_spec *o = specs; o->name != NULL; o++) /* getopt reports this as unknown, too */
        if (o->flag != NULL && strcmp(o->name, word) == 0 && strchr(argument, '=') != NULL)
            return cli_usage(c, "--%s takes no value", word);
    for (; specs->name != NULL; specs++) suggest_offer(&s, specs->name);
    for (size_t i = 0; i < 5; i++) suggest_offer(&s, global_names[i]);
    if (s.best == NULL) return cli_usage(c, "unknown option '%s'", argument);
    char option[72] = "--";
    strncat(option, s.best, sizeof option - 3);
    s.best = option;
    return cli_usage(c, "unknown option '%s'%s", argument, suggest_text(&s, near));
}

int option_parse(const cli *c, int argc, char **argv, const option_spec *specs, int *first) {
    struct option longs[SPECS_MAX + 1] = {0};
    size_t n = 0;
    for (const option_spec *s = specs; s->name != NULL && n < SPECS_MAX; s++, n++)
        longs[n] = (struct option){.name = s->name, .has_arg = s->value != NULL ? required_argument : no_argument};
    opterr = 0;
    optind = 0; /* start anew, and forget the permutation of an earlier call */
    for (;;) {
        int index = -1;
        int at = optind > 0 ? optind : 1;
        int got = getopt_long(argc, argv, ":", longs, &index);
        if (got == -1) break;
        const char *culprit = argv[optind > at ? optind - 1 : at];
        if (got == ':') return cli_usage(c, "%s needs a value", culprit);
        if (got != 0) return unknown(c, culprit, specs);
        if (specs[index].flag != NULL)
            *specs[index].flag = true;
        else
            *specs[index].value = optarg;
    }
    *first = optind;
    return 0;
}
