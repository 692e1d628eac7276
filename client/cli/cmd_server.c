/* info and stats: the server's documents. --json passes them through; for people nested objects become dotted names,
 * so a counter that the server gains is shown without a change here. */
#include "client/cli/command.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/sheet.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char help_info[] =
    "usage: xinyi info\n"
    "\n"
    "Size, memory, policy, sequence numbers and state of the server. log is what a start would replay and what bounds\n"
    "it; last_backup is - if none is known.\n"
    "\n"
    "  xinyi info --json | jq .subjects\n";

const char help_stats[] =
    "usage: xinyi stats [--watch SECONDS [--count N]]\n"
    "\n"
    "Counters since the server's start: requests by message, bytes, commit groups and their times.\n"
    "  --watch SECONDS   again and again, with the change per second\n"
    "  --count N         stop after N times\n"
    "\n"
    "  xinyi stats --watch 1\n"
    "  xinyi stats --json | jq .requests\n";

#define NAME_MAX_BYTES 96

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void format_bytes(double bytes, char *to, size_t room) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++) bytes /= 1024;
    snprintf(to, room, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void format_value(const char *name, const json_t *value, char *to, size_t room) {
    char count[MONEY_TEXT];
    json_int_t n = json_integer_value(value);
    if (json_is_string(value))
        snprintf(to, room, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        snprintf(to, room, "%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_real(value))
        snprintf(to, room, "%.1f", json_real_value(value));
    else if (!json_is_integer(value))
        snprintf(to, room, "-");
    else if (ends_with(name, "_bytes"))
        format_bytes((double)n, to, room);
    else if (strcmp(name, "uptime_s") == 0 || ends_with(name, "age_s"))
        snprintf(to, room, "%lld d %02lld:%02lld:%02lld", (long long)n / 86400, (long long)n / 3600 % 24,
                 (long long)n / 60 % 60, (long long)n % 60);
    else
        snprintf(to, room, "%s", money_format_count(n, count));
}

typedef void (*on_member)(void *context, const char *name, const json_t *value);

/* Calls for each member of nested objects, names joined with dots. */
static void walk(const json_t *object, const char *prefix, on_member call, void *context) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
        if (json_is_object(value))
            walk(value, name, call, context);
        else
            call(context, name, value);
    }
}

static json_t *parse(const cli *c, const char *text) {
    json_error_t problem;
    json_t *document = json_loads(text, 0, &problem);
    if (document == NULL) cli_error(c, "the server's answer cannot be read: %s", problem.text);
    return document;
}

/* ------------------------------------------------------------------ info */

static void info_line(void *context, const char *name, const json_t *value) {
    char text[160];
    format_value(name, value, text, sizeof text);
    bool trouble = strcmp(name, "read_only") == 0 && json_is_true(value);
    sheet_pair_painted(context, name, text, trouble ? "red" : NULL);
}

int command_info(cli *c, int argc, char **argv) {
    static const option_spec none[] = {OPTION_END};
    const char *text;
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    if ((code = cli_connect(c)) != 0) return code;
    if ((code = xinyi_info(c->x, &text)) != 0) return cli_failed(c, code);
    if (c->json) {
        jout_raw(&c->out, NULL, text);
        jout_line(&c->out);
        return CLI_EXIT_DONE;
    }
    json_t *document = parse(c, text);
    if (document == NULL) return CLI_EXIT_REFUSED;
    sheet *card = sheet_card(2, c->color);
    walk(document, "", info_line, card);
    code = sheet_print(card) ? CLI_EXIT_DONE : cli_no_memory(c);
    sheet_destroy(&card);
    json_decref(document);
    return code;
}

/* ------------------------------------------------------------------ stats */

typedef struct stats_view {
    sheet *t;
    json_t *before; /* flat: name → number; NULL the first time */
    json_t *flat;
    double seconds;
} stats_view;

static void stats_line(void *context, const char *name, const json_t *value) {
    stats_view *v = context;
    char text[160], rate[MONEY_TEXT] = "";
    format_value(name, value, text, sizeof text);
    if (json_is_integer(value)) {
        json_object_set_new(v->flat, name, json_integer(json_integer_value(value)));
        const json_t *old = json_object_get(v->before, name);
        if (old != NULL && v->seconds > 0 && strstr(name, "_us.") == NULL) {
            double change = (double)(json_integer_value(value) - json_integer_value(old)) / v->seconds;
            if (change != 0) money_format_count((int64_t)(change + (change < 0 ? -0.5 : 0.5)), rate);
        }
    }
    sheet_row(v->t);
    sheet_cell(v->t, name);
    sheet_cell(v->t, text);
    if (v->before != NULL) sheet_cell_painted(v->t, rate, "green");
}

static int stats_print(cli *c, stats_view *v, const char *text) {
    static const sheet_column columns[] = {
        {.name = "counter"}, {.name = "value", .right = true}, {.name = "per second", .right = true}};
    json_t *document = parse(c, text);
    if (document == NULL) return CLI_EXIT_REFUSED;
    v->t = sheet_create(columns, v->before != NULL ? 3 : 2, c->color);
    v->flat = json_object();
    walk(document, "", stats_line, v);
    bool ok = v->flat != NULL && sheet_print(v->t);
    sheet_destroy(&v->t);
    json_decref(document);
    json_decref(v->before);
    v->before = v->flat;
    v->flat = NULL;
    return ok ? CLI_EXIT_DONE : cli_no_memory(c);
}

static int stats_once(cli *c, stats_view *v) {
    const char *text;
    int code = xinyi_stats(c->x, &text);
    if (code != 0) return cli_failed(c, code);
    if (!c->json) return stats_print(c, v, text);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    return jout_flush(&c->out) ? CLI_EXIT_DONE : CLI_EXIT_REFUSED;
}

int command_stats(cli *c, int argc, char **argv) {
    const char *watch = NULL, *count = NULL;
    const option_spec specs[] = {{"watch", NULL, &watch}, {"count", NULL, &count}, OPTION_END};
    stats_view v = {0};
    int64_t seconds = 0, times = 1;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    if (watch != NULL && (!money_parse_count(watch, strlen(watch), 86400, &seconds) || seconds == 0))
        return cli_usage(c, "--watch is a whole number of seconds, not '%s'", watch);
    if (watch != NULL) times = INT64_MAX;
    if (count != NULL && (watch == NULL || !money_parse_count(count, strlen(count), INT64_MAX, &times) || times == 0))
        return cli_usage(c, "--count is how many times --watch repeats");
    if ((code = cli_connect(c)) != 0) return code;
    v.seconds = (double)seconds;
    for (int64_t i = 0; i < times && code == 0; i++) {
        if (i > 0) nanosleep(&(struct timespec){.tv_sec = (time_t)seconds}, NULL);
        if (i > 0 && c->color)
            fputs("\033[H\033[2J", stdout); /* redraw in place on a terminal */
        else if (i > 0 && !c->json)
            putchar('\n');
        code = stats_once(c, &v);
        fflush(stdout);
    }
    json_decref(v.before);
    return code;
}
