/* effect: do the incentives work? What was decided and granted, and what members report as used. One document of the
 * server's, as a table of a line a benefit. report-use: how a member tells. */
#include "base/clock.h"
#include "base/purpose.h"
#include "client/cli/ask.h"
#include "client/cli/catalog.h"
#include "client/cli/command.h"
#include "client/cli/option.h"
#include "client/cli/reporting.h"
#include "client/cli/sheet.h"
#include "client/cli/suggest.h"

#include <stdio.h>
#include <string.h>

const char help_effect[] =
    "usage: xinyi effect [--month YYYY-MM | --month all] [--scenario NAME] [--by prefecture|division]\n"
    "\n"
    "The effect of what is granted (跟踪评估问效): decisions by outcome, each benefit given, and each benefit used as\n"
    "members report it (xinyi report-use). Decisions with the purpose benchmark are not counted. Months are China "
    "time;\n"
    "without --month the current one. A benefit that is never used, or a county where nobody asks, shows here.\n"
    "Counters are durable within five seconds.\n"
    "\n"
    "  xinyi effect --scenario travel --by prefecture\n"
    "  xinyi effect --month all --json | jq '.rows[] | select(.decisions > 1000)'\n";

const char help_report_use[] =
    "usage: xinyi report-use ID --scenario NAME --benefit NAME [--day D] [--source S] [--id TEXT] [--purpose NAME]\n"
    "\n"
    "Reports that a subject has used a benefit, for xinyi effect. The same --id counts once.\n"
    "  --scenario NAME  and --benefit NAME: as xinyi policy list --json shows them\n"
    "  --day D          YYYY-MM-DD; default today\n"
    "  --source S       who reports: number or id (xinyi sources); default 0, the province's own platform\n"
    "  --id TEXT        the id of the report: up to 16 bytes, or 32 hexadecimal digits. Without it a new one is made\n"
    "                   and printed\n"
    "  --purpose NAME   default: the scenario's usual one\n"
    "\n"
    "  xinyi report-use id:530000199001010011 --scenario travel --benefit fast_lane --id ticket-20261124-7\n";

/* ------------------------------------------------------------------ effect */

typedef struct effect_ask {
    const char *month, *scenario, *by;
} effect_ask;

static json_t *effect_request(const cli *c, const effect_ask *a) {
    char month[CLOCK_DATE_TEXT];
    json_t *request = json_pack("{s:s}", "command", "effect");
    if (request == NULL) return NULL;
    if (a->month == NULL)
        json_object_set_new(request, "month", json_stringn(clock_format_day(c->today, month), 7));
    else if (strcmp(a->month, "all") != 0)
        json_object_set_new(request, "month", json_string(a->month));
    if (a->scenario != NULL) json_object_set_new(request, "scenario", json_string(a->scenario));
    if (a->by != NULL) json_object_set_new(request, "by", json_string(a->by));
    return request;
}

static void put_number(sheet *t, int64_t n) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    sheet_cell(t, text);
}

/* The first cells of a line: when, what, where. Empty behind the first line of a row. */
static void put_head(sheet *t, const json_t *row, bool places, bool first) {
    char place[160] = "";
    sheet_row(t);
    sheet_cell(t, first ? ask_text(row, "month") : "");
    sheet_cell(t, first ? ask_text(row, "scenario") : "");
    if (places && first) {
        const char *code = ask_text(row, "division"), *title = ask_text(row, "title");
        snprintf(place, sizeof place, "%s%s%s", code[0] != '\0' ? code : "elsewhere", title[0] != '\0' ? " " : "",
                 title);
    }
    if (places) sheet_cell(t, place);
    static const char *const outcomes[] = {"granted", "review", "declined", "none"};
    const json_t *counts = json_object_get(row, "outcomes");
    if (first) put_number(t, ask_number(row, "decisions"));
    for (size_t o = 0; o < sizeof outcomes / sizeof outcomes[0] && first; o++)
        put_number(t, ask_number(counts, outcomes[o]));
    for (size_t o = 0; o < 1 + sizeof outcomes / sizeof outcomes[0] && !first; o++) sheet_cell(t, "");
}

static void put_benefit(sheet *t, const json_t *titles, const json_t *benefit) {
    char text[256];
    int64_t given = ask_number(benefit, "given"), used = ask_number(benefit, "used");
    const char *id = ask_text(benefit, "id"), *title = ask_text(titles, id);
    if (id[0] != '\0')
        snprintf(text, sizeof text, "%s%s%s", id, title[0] != '\0' ? " " : "", title);
    else
        snprintf(text, sizeof text, "benefit %lld", (long long)ask_number(benefit, "code"));
    sheet_cell(t, text);
    put_number(t, given);
    put_number(t, used);
    if (given > 0)
        snprintf(text, sizeof text, "%.1f%%", (double)used * 100 / (double)given);
    else
        text[0] = '\0';
    sheet_cell_painted(t, text, used == 0 ? "yellow" : NULL);
}

static void put_row(sheet *t, const json_t *answer, const json_t *row, bool places) {
    const json_t *titles = json_object_get(json_object_get(answer, "benefit_titles"), ask_text(row, "scenario"));
    const json_t *benefits = json_object_get(row, "benefits"), *one;
    size_t i;
    if (json_array_size(benefits) == 0) {
        put_head(t, row, places, true);
        for (unsigned n = 0; n < 4; n++) sheet_cell(t, "");
    }
    json_array_foreach(benefits, i, one) {
        put_head(t, row, places, i == 0);
        put_benefit(t, titles, one);
    }
}

static int show_effect(cli *c, const json_t *answer, bool places) {
    const sheet_column columns[] = {{.name = "month"},
                                    {.name = "scenario"},
                                    {.name = "where", .wrap = true},
                                    {.name = "decisions", .right = true},
                                    {.name = "granted", .right = true},
                                    {.name = "review", .right = true},
                                    {.name = "declined", .right = true},
                                    {.name = "none", .right = true},
                                    {.name = "benefit", .wrap = true},
                                    {.name = "given", .right = true},
                                    {.name = "used", .right = true},
                                    {.name = "", .right = true}};
    sheet_column shown[sizeof columns / sizeof columns[0]];
    size_t n = 0, i;
    json_t *row;
    for (i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (places || i != 2) shown[n++] = columns[i];
    sheet *t = sheet_create(shown, n, c->color);
    json_array_foreach(json_object_get(answer, "rows"), i, row) put_row(t, answer, row, places);
    int code = CLI_EXIT_DONE;
    if (json_array_size(json_object_get(answer, "rows")) == 0)
        puts("nothing was decided or used in that time");
    else if (!sheet_print(t))
        code = cli_no_memory(c);
    sheet_destroy(&t);
    return code;
}

int command_effect(cli *c, int argc, char **argv) {
    effect_ask a = {0};
    const option_spec specs[] = {
        {"month", NULL, &a.month}, {"scenario", NULL, &a.scenario}, {"by", NULL, &a.by}, OPTION_END};
    json_t *answer;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    if (a.by != NULL && strcmp(a.by, "prefecture") != 0 && strcmp(a.by, "division") != 0)
        return cli_usage(c, "--by %s: prefecture or division", a.by);
    if ((code = cli_connect(c)) != 0) return code;
    code = ask_server(c, effect_request(c, &a), &answer);
    if (code == 0) code = c->json ? ask_print(c, answer) : show_effect(c, answer, a.by != NULL);
    json_decref(answer);
    return code;
}

/* ------------------------------------------------------------------ report-use */

typedef struct use_ask {
    const char *scenario, *benefit, *day, *source, *id, *asked_for;
} use_ask;

static int find_benefit(const cli *c, const catalog *k, unsigned scenario, const char *name, unsigned *code) {
    char near[SUGGEST_TEXT];
    suggest s = {.word = name};
    for (unsigned b = 0; b < CATALOG_BENEFITS; b++) {
        const char *id = k->benefit_id[scenario][b];
        if (id == NULL) continue;
        if (strcmp(id, name) == 0) {
            *code = b;
            return 0;
        }
        suggest_offer(&s, id);
    }
    return cli_usage(c, "the scenario has no benefit '%s'%s", name, suggest_text(&s, near));
}

static int resolve(cli *c, const use_ask *a, xinyi_report_entry *r) {
    catalog k = {0};
    rulebook book = {0};
    unsigned scenario = 0, benefit = 0, source = 0, asked_for = 0;
    int code = catalog_load(c, &k);
    if (code == 0) code = catalog_scenario(c, &k, a->scenario, &scenario);
    if (code == 0) code = find_benefit(c, &k, scenario, a->benefit, &benefit);
    if (code == 0) code = cli_purpose(c, a->asked_for, catalog_purpose(&k, scenario), &asked_for);
    if (code == 0 && a->source != NULL) code = rulebook_code(c, &book, RULEBOOK_SOURCES, a->source, &source);
    r->purpose = (uint8_t)asked_for;
    r->type = (uint16_t)(scenario << 8 | benefit);
    r->source = (uint16_t)source;
    rulebook_deinit(&book);
    catalog_deinit(&k);
    return code;
}

int command_report_use(cli *c, int argc, char **argv) {
    use_ask a = {0};
    const option_spec specs[] = {{"scenario", NULL, &a.scenario},
                                 {"benefit", NULL, &a.benefit},
                                 {"day", NULL, &a.day},
                                 {"source", NULL, &a.source},
                                 {"id", NULL, &a.id},
                                 {"purpose", NULL, &a.asked_for},
                                 OPTION_END};
    xinyi_report_entry r = {.kind = XINYI_USE};
    c->command = "report-use";
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one subject");
    if (a.scenario == NULL || a.benefit == NULL) return cli_usage(c, "give --scenario and --benefit");
    if ((code = cli_subject(c, argv[first], &r.subject)) != 0) return code;
    if (a.day != NULL && !reporting_parse_day(a.day, strlen(a.day), &r.day))
        return cli_usage(c, "--day is a day YYYY-MM-DD, not '%s'", a.day);
    r.id = xinyi_operation_new();
    if (a.id != NULL && !reporting_parse_id(a.id, strlen(a.id), &r.id))
        return cli_usage(c, "--id is 1 to 16 bytes of text or 32 hexadecimal digits, not '%s'", a.id);
    if ((code = cli_connect(c)) != 0) return code;
    code = resolve(c, &a, &r);
    return code != 0 ? code : reporting_send(c, &r);
}
