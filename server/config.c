/* The table in config.h is walked for everything: defaults, getopt_long, YAML keys, help. Adding an option is one row.
 */
#include "server/config.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/version.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define CONFIG_FILE_MAX (1u << 20)

typedef struct option_row {
    const char *name, *initial, *argument, *help;
    config_type type;
    size_t offset;
    int64_t min, max;
} option_row;

static const option_row rows[] = {
#define X(name, type, initial, min, max, argument, help)                                                               \
    {#name, initial, argument, help, type, offsetof(config, name), min, max},
    CONFIG_TABLE(X)
#undef X
};
#define ROWS (sizeof rows / sizeof *rows)

/* "max_subjects" as an option: "max-subjects". */
static const char *option_name(const char *name, char buffer[64]) {
    size_t i = 0;
    for (; name[i] != '\0' && i < 63; i++) buffer[i] = name[i] == '_' ? '-' : name[i];
    buffer[i] = '\0';
    return buffer;
}

static bool parse_number(const option_row *row, const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || value < 0) return false;
    if (row->type == CONFIG_BYTES && *end != '\0') {
        static const char units[] = "KMGT";
        const char *unit = strchr(units, *end);
        if (unit == NULL) return false;
        unsigned shift = 10u * (unsigned)(unit - units + 1);
        if (value > INT64_MAX >> shift) return false;
        value <<= shift;
        end++;
        if (*end == 'B') end++;
    }
    *out = value;
    return *end == '\0' && value >= row->min && value <= row->max;
}

/* `where` names the option in messages: "--threads", "xinyi.yaml:3:1: threads". */
static bool set_value(config *c, const option_row *row, const char *text, const char *where) {
    void *member = (char *)c + row->offset;
    if (row->type == CONFIG_TEXT) {
        char *copy = strdup(text);
        if (copy == NULL) return false;
        free(*(char **)member);
        *(char **)member = copy;
        return true;
    }
    int64_t value;
    if (!parse_number(row, text, &value)) {
        fprintf(stderr, "xinyid: %s needs a number from %lld to %lld%s, not '%s'\n", where, (long long)row->min,
                (long long)row->max, row->type == CONFIG_BYTES ? " (K, M, G, T allowed)" : "", text);
        return false;
    }
    *(int64_t *)member = value;
    return true;
}

static const option_row *find_row(const char *name) {
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

/* A place in a settings file, for messages. */
typedef struct place {
    const char *path;
    size_t line, column;
} place;

static place place_of(const char *path, yaml_mark_t mark) { return (place){path, mark.line + 1, mark.column + 1}; }

static bool complain(place at, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool complain(place at, const char *format, ...) {
    fprintf(stderr, "xinyid: %s:%zu:%zu: ", at.path, at.line, at.column);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

/* lines[i]: the line in which option i was met before, 0 not yet. */
static bool read_pair(config *c, place at, yaml_node_t *key, yaml_node_t *value, const bool given[ROWS],
                      size_t lines[ROWS]) {
    if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE)
        return complain(at, "expected 'option: value'");
    char *name = (char *)key->data.scalar.value;
    for (char *n = name; *n != '\0'; n++)
        if (*n == '-') *n = '_';
    const option_row *row = find_row(name);
    if (row == NULL) return complain(at, "unknown option '%s'; `xinyid --describe-config` lists them", name);
    size_t *line = &lines[row - rows];
    if (*line != 0) return complain(at, "'%s' stands here twice, first in line %zu; remove one", name, *line);
    *line = at.line;
    if (given[row - rows]) return true;
    char where[512];
    snprintf(where, sizeof where, "%s:%zu:%zu: %s", at.path, at.line, at.column, row->name);
    return set_value(c, row, (const char *)value->data.scalar.value, where);
}

static bool read_document(config *c, const char *path, yaml_document_t *document, const bool given[ROWS]) {
    yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL) return true;
    if (root->type != YAML_MAPPING_NODE)
        return complain(place_of(path, root->start_mark), "expected 'option: value' lines");
    size_t lines[ROWS] = {0};
    bool good = true;
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(document, pair->key);
        yaml_node_t *value = yaml_document_get_node(document, pair->value);
        good = read_pair(c, place_of(path, key->start_mark), key, value, given, lines) && good;
    }
    return good;
}

/* A mapping of scalars; keys as in the table, '-' and '_' alike. Keys in `given` came from the command line and win. */
static bool read_file(config *c, const char *path, const bool given[ROWS]) {
    buf text = {0};
    status got = file_read(path, CONFIG_FILE_MAX, &text);
    if (got != STATUS_OK) {
        fprintf(stderr, "xinyid: cannot read %s: %s\n", path, status_text(got));
        buf_deinit(&text);
        return false;
    }
    yaml_parser_t parser;
    yaml_document_t document;
    CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, text.data, text.size);
    bool good = yaml_parser_load(&parser, &document) != 0;
    if (good) {
        good = read_document(c, path, &document, given);
        yaml_document_delete(&document);
    } else {
        complain(place_of(path, parser.problem_mark), "%s", parser.problem);
    }
    yaml_parser_delete(&parser);
    buf_deinit(&text);
    return good;
}

static void help_offline(const offline_option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char name[64], left[96];
        snprintf(left, sizeof left, "--%s %s", option_name(options[i].name, name),
                 options[i].argument != NULL ? options[i].argument : "");
        printf("  %-28s %s\n", left, options[i].help);
    }
}

static void print_help(void) {
    printf("xinyid: the Xinyi credit evaluation server\n\n"
           "usage: xinyid --data DIR --policy DIR [options]\n\n");
    for (size_t i = 0; i < ROWS; i++) {
        char name[64], left[96];
        snprintf(left, sizeof left, "--%s %s", option_name(rows[i].name, name), rows[i].argument);
        printf("  %-28s %s%s%s%s\n", left, rows[i].help, rows[i].initial[0] != '\0' ? " [" : "", rows[i].initial,
               rows[i].initial[0] != '\0' ? "]" : "");
    }
    printf("  %-28s read options from a YAML file (option: value); the command line wins\n", "--config FILE");
    printf("  %-28s print every option with its value now in force, as YAML, and exit\n", "--describe-config");
    printf("  %-28s take the wall clock as it is, after it was set right: reservations end by it\n", "--take-clock");
    printf("  %-28s\n  %-28s\n\n"
           "instead of serving, do one thing and exit:\n",
           "--help", "--version");
    help_offline(offline_actions, OFFLINE_ACTION_COUNT);
    help_offline(offline_modifiers, OFFLINE_MODIFIER_COUNT);
    putchar('\n');
    printf("examples:\n"
           "  xinyid --data /var/lib/xinyi --policy /etc/xinyi/policy\n"
           "  xinyid --data ./data --policy ./policy --listen 127.0.0.1:0 --threads 1 --log-format json\n"
           "  xinyid --restore /backup/xinyi --data /var/lib/xinyi.new\n"
           "  xinyid --verify --data /var/lib/xinyi.new --json\n\n"
           "It logs to stderr, one line an event; \"ready\" is logged once it answers. SIGTERM drains and exits 0.\n"
           "exit status: 0 stopped as asked or done, 1 could not start or go on, or data are damaged, 2 wrong usage,\n"
           "             3 --repair without --yes found something wrong\n");
}

/* In YAML's single quotes everything but the quote stands for itself. */
static void print_quoted(const char *name, const char *value) {
    printf("%s: '", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'') putchar('\'');
        putchar(*value);
    }
    printf("'\n");
}

static void describe(const config *c) {
    for (size_t i = 0; i < ROWS; i++) {
        const void *member = (const char *)c + rows[i].offset;
        printf("# %s%s%s\n", rows[i].help, rows[i].initial[0] != '\0' ? "; default " : "", rows[i].initial);
        if (rows[i].type == CONFIG_TEXT)
            print_quoted(rows[i].name, *(char *const *)member);
        else
            printf("%s: %lld\n", rows[i].name, (long long)*(const int64_t *)member);
    }
}

static bool one_of(const char *value, const char *name, const char *const *allowed) {
    for (const char *const *a = allowed; *a != NULL; a++)
        if (strcmp(*a, value) == 0) return true;
    fprintf(stderr, "xinyid: --%s does not know '%s'; see xinyid --help\n", name, value);
    return false;
}

/* What would otherwise be found out only after the data are loaded. */
static bool check_texts(const config *c) {
    size_t cluster = strlen(c->cluster);
    if (cluster < 1 || cluster > LIMIT_NAME_MAX) {
        fprintf(stderr, "xinyid: --cluster needs a name of 1 to %d bytes\n", LIMIT_NAME_MAX);
        return false;
    }
    const char *colon = strrchr(c->listen, ':');
    char *end = NULL;
    long port = colon != NULL && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : -1;
    if (port < 0 || port > UINT16_MAX || *end != '\0') {
        fprintf(stderr, "xinyid: --listen needs HOST:PORT with a port from 0 to 65535, not '%s'\n", c->listen);
        return false;
    }
    return true;
}

static bool check_words(const config *c) {
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    return one_of(c->log_level, "log-level", levels) && one_of(c->log_format, "log-format", formats);
}

/* The options of offline.h: numbers from `first` on. */
static void add_offline(struct option *to, char names[][64], const offline_option *from, size_t count, int first) {
    for (size_t i = 0; i < count; i++)
        to[i] = (struct option){option_name(from[i].name, names[i]),
                                from[i].argument != NULL ? required_argument : no_argument, NULL, first + (int)i};
}

static bool set_action(offline *o, int action, const char *argument) {
    if (o->action != OFFLINE_NONE && (int)o->action != action) {
        fprintf(stderr, "xinyid: one thing at a time; see xinyid --help\n");
        return false;
    }
    o->action = (offline_action)action;
    o->argument = argument;
    return true;
}

static bool check_data(const config *c) {
    if (!offline_fits(&c->offline)) return false;
    bool needed = c->offline.action == OFFLINE_NONE || offline_actions[c->offline.action].needs_data;
    if (!needed || c->data[0] != '\0') return true;
    fprintf(stderr, "xinyid: --data DIR is needed: where the data are kept; see xinyid --help\n");
    return false;
}

config_result config_read(int argc, char **argv, config *out) {
    enum {
        OPT_CONFIG = 1000,
        OPT_DESCRIBE,
        OPT_HELP,
        OPT_VERSION,
        OPT_TAKE_CLOCK,
        OPT_ACTION = 2000,
        OPT_MODIFIER = 3000
    };
    *out = (config){.offline = {.action = OFFLINE_NONE}};
    struct option options[ROWS + OFFLINE_ACTION_COUNT + OFFLINE_MODIFIER_COUNT + 6] = {0};
    char names[ROWS + OFFLINE_ACTION_COUNT + OFFLINE_MODIFIER_COUNT][64];
    bool given[ROWS] = {false};
    for (size_t i = 0; i < ROWS; i++) {
        options[i] = (struct option){option_name(rows[i].name, names[i]), required_argument, NULL, (int)i};
        if (!set_value(out, &rows[i], rows[i].initial, "default")) return CONFIG_BAD;
    }
    options[ROWS] = (struct option){"config", required_argument, NULL, OPT_CONFIG};
    options[ROWS + 1] = (struct option){"describe-config", no_argument, NULL, OPT_DESCRIBE};
    options[ROWS + 2] = (struct option){"help", no_argument, NULL, OPT_HELP};
    options[ROWS + 3] = (struct option){"version", no_argument, NULL, OPT_VERSION};
    options[ROWS + 4] = (struct option){"take-clock", no_argument, NULL, OPT_TAKE_CLOCK};
    add_offline(options + ROWS + 5, names + ROWS, offline_actions, OFFLINE_ACTION_COUNT, OPT_ACTION);
    add_offline(options + ROWS + 5 + OFFLINE_ACTION_COUNT, names + ROWS + OFFLINE_ACTION_COUNT, offline_modifiers,
                OFFLINE_MODIFIER_COUNT, OPT_MODIFIER);
    const char *file = NULL;
    bool wants_description = false;
    int o;
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (o >= 0 && o < (int)ROWS) {
            char where[80];
            snprintf(where, sizeof where, "--%s", names[o]);
            if (!set_value(out, &rows[o], optarg, where)) return CONFIG_BAD;
            given[o] = true;
            continue;
        }
        if (o >= OPT_MODIFIER) {
            out->offline.modifiers[o - OPT_MODIFIER] = optarg != NULL ? optarg : "";
            continue;
        }
        if (o >= OPT_ACTION) {
            if (!set_action(&out->offline, o - OPT_ACTION, optarg)) return CONFIG_BAD;
            continue;
        }
        switch (o) {
        case OPT_CONFIG: file = optarg; break;
        case OPT_TAKE_CLOCK: out->take_clock = true; break;
        case OPT_DESCRIBE: wants_description = true; break;
        case OPT_VERSION: printf("xinyid %s\n", XINYI_VERSION); return CONFIG_DONE;
        case OPT_HELP:
        case 'h': print_help(); return CONFIG_DONE;
        default: fprintf(stderr, "see xinyid --help\n"); return CONFIG_BAD;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "xinyid: unexpected argument '%s'; see xinyid --help\n", argv[optind]);
        return CONFIG_BAD;
    }
    if (file != NULL && !read_file(out, file, given)) return CONFIG_BAD;
    if (!check_words(out) || !check_texts(out)) return CONFIG_BAD;
    if (wants_description) {
        describe(out);
        return CONFIG_DONE;
    }
    return check_data(out) ? CONFIG_RUN : CONFIG_BAD;
}

void config_deinit(config *c) {
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].type == CONFIG_TEXT) free(*(char **)((char *)c + rows[i].offset));
    *c = (config){0};
}
