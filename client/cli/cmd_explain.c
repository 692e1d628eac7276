/* explain: the server's document of reasons. --json passes it through; for people it becomes sentences
 * (reasons_view.c) and, if asked for, a table a decision table, one line a tested cell. */
#include "base/purpose.h"
#include "base/status.h"
#include "client/cli/catalog.h"
#include "client/cli/command.h"
#include "client/cli/option.h"
#include "client/cli/reasons_view.h"
#include "client/cli/view.h"

#include <stdio.h>
#include <string.h>

const char help_explain[] =
    "usage: xinyi explain --scenario NAME ID [--purpose NAME] [--rows | --all] [--receipt]\n"
    "\n"
    "Why the decision comes out as it does: the row that decided; then for each benefit the row that granted it, or\n"
    "the rule that comes nearest, the smallest change that would grant it, the records or breaches whose repair "
    "would,\n"
    "and the day on which waiting would.\n"
    "--json is the server's document; the `value` of a cell is a string there whatever the field's type, as in CSV.\n"
    "  --rows           also every row up to the one that was used, with the cells that did (✓) and did not (✗) hold\n"
    "  --all            the same with the rows behind it\n"
    "  --receipt        only the receipt: a line with which `xinyi replay` makes the same decision again\n"
    "  --purpose NAME   what the query is for; default: the scenario's own (xinyi help evaluate lists them)\n"
    "\n"
    "  xinyi explain --scenario loan uscc:91530000MA00TTT099\n"
    "  xinyi explain --scenario loan uscc:91530000MA00TTT099 --json | jq .benefits_explained\n"
    "  xinyi explain --scenario loan uscc:91530000MA00TTT099 --receipt >kept.txt\n";

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static void join_list(const json_t *list, buf *to) {
    json_t *item;
    size_t i;
    buf_clear(to);
    json_array_foreach(list, i, item) {
        if (i > 0) buf_append(to, ", ", 2);
        if (json_is_string(item))
            buf_append_str(to, json_string_value(item));
        else
            buf_printf(to, "#%lld", (long long)json_integer_value(item));
    }
}

static void add_row(sheet *t, const json_t *row) {
    bool hit = json_is_true(json_object_get(row, "hit")), matched = json_is_true(json_object_get(row, "matched"));
    const char *name = text_of(row, "row");
    const char *state = hit ? "applies" : matched ? "holds, not used" : "";
    const char *paint = hit ? "green" : NULL;
    const json_t *cells = json_object_get(row, "cells");
    buf why = {0};
    json_t *cell;
    size_t i;
    join_list(json_object_get(row, "benefits"), &why);
    if (why.size > 0 && text_of(row, "because")[0] != '\0') buf_append_str(&why, " — ");
    buf_append_str(&why, text_of(row, "because"));
    const char *reason = buf_cstr(&why);
    if (json_array_size(cells) == 0) {
        sheet_row(t);
        sheet_cell_painted(t, name, paint);
        sheet_cell_painted(t, state, paint);
        sheet_cell(t, "always");
        for (int k = 0; k < 3; k++) sheet_cell(t, "");
        sheet_cell(t, reason);
    }
    json_array_foreach(cells, i, cell) {
        char field[160];
        bool satisfied = json_is_true(json_object_get(cell, "satisfied"));
        const char *value = text_of(cell, "value");
        snprintf(field, sizeof field, "%s %s", text_of(cell, "field"), text_of(cell, "title"));
        sheet_row(t);
        sheet_cell_painted(t, i == 0 ? name : "", paint);
        sheet_cell_painted(t, i == 0 ? state : "", paint);
        sheet_cell(t, field);
        sheet_cell(t, value[0] != '\0' ? value : "(none)");
        sheet_cell_painted(t, satisfied ? "✓" : "✗", satisfied ? "green" : "red");
        sheet_cell(t, text_of(cell, "test"));
        sheet_cell(t, i == 0 ? reason : "");
    }
    buf_deinit(&why);
}

/* The rows of one decision table, from *at on; *at moves behind them. */
static bool print_table(cli *c, const json_t *rows, size_t *at, bool all) {
    static const sheet_column columns[] = {{.name = "row"},
                                           {.name = "state"},
                                           {.name = "field"},
                                           {.name = "value"},
                                           {.name = ""},
                                           {.name = "test"},
                                           {.name = "grants, because", .wrap = true}};
    const char *name = text_of(json_array_get(rows, *at), "table");
    size_t end = *at, last = *at;
    while (end < json_array_size(rows) && strcmp(text_of(json_array_get(rows, end), "table"), name) == 0) {
        if (json_is_true(json_object_get(json_array_get(rows, end), "hit"))) last = end + 1;
        end++;
    }
    if (all || last == *at) last = end; /* nothing was used: every row says why */
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    for (size_t i = *at; i < last; i++) add_row(t, json_array_get(rows, i));
    printf("\n%stable %s%s\n", cli_paint(c, "1"), name, cli_paint(c, "0"));
    bool ok = sheet_print(t);
    sheet_destroy(&t);
    if (last < end) printf("… and %zu more that %s not used (--all)\n", end - last, end - last == 1 ? "was" : "were");
    *at = end;
    return ok;
}

typedef enum detail { DETAIL_REASONS, DETAIL_ROWS, DETAIL_ALL_ROWS, DETAIL_RECEIPT } detail;

static int print_receipt(cli *c, const json_t *d) {
    const char *receipt = text_of(d, "receipt");
    if (receipt[0] == '\0') {
        cli_error(c, "this server gives no receipts");
        return CLI_EXIT_REFUSED;
    }
    if (c->json) {
        jout_object(&c->out, NULL);
        jout_string(&c->out, "receipt", receipt);
        jout_end(&c->out);
        jout_line(&c->out);
    } else {
        puts(receipt);
    }
    return CLI_EXIT_DONE;
}

static int print_reasons(cli *c, const json_t *d, const char *title, detail how) {
    buf text = {0};
    reasons_view(c, d, title, &text);
    bool ok = buf_status(&text) == STATUS_OK;
    if (ok) fputs(buf_cstr(&text), stdout);
    buf_deinit(&text);
    const json_t *rows = json_object_get(d, "rows");
    for (size_t at = 0; ok && how != DETAIL_REASONS && at < json_array_size(rows);)
        ok = print_table(c, rows, &at, how == DETAIL_ALL_ROWS);
    return ok ? CLI_EXIT_DONE : cli_no_memory(c);
}

static int for_people(cli *c, const catalog *names, unsigned scenario, const char *text, detail how) {
    json_error_t problem;
    json_t *document = json_loads(text, 0, &problem);
    if (document == NULL) {
        cli_error(c, "the server's answer cannot be read: %s", problem.text);
        return CLI_EXIT_REFUSED;
    }
    int code =
        how == DETAIL_RECEIPT ? print_receipt(c, document) : print_reasons(c, document, names->title[scenario], how);
    json_decref(document);
    return code;
}

static int explain(cli *c, const catalog *names, const char *scenario_text, const char *purpose_text,
                   const xinyi_subject *subject, detail how) {
    unsigned scenario, asked_for;
    const char *text = NULL;
    int code = catalog_scenario(c, names, scenario_text, &scenario);
    if (code == 0) code = cli_purpose(c, purpose_text, catalog_purpose(names, scenario), &asked_for);
    if (code != 0) return code;
    int result = xinyi_explain(c->x, scenario, asked_for, subject, &text);
    if (result != 0 && status_classify((unsigned)result) == STATUS_CLASS_REFUSED) {
        char who[SUBJECT_TEXT];
        cli_error(c, "%s: %s", cli_subject_text(subject, who), xinyi_status_text(result));
        return cli_exit_of(result);
    }
    if (result != 0) return cli_failed(c, result);
    if (!c->json || how == DETAIL_RECEIPT) return for_people(c, names, scenario, text, how);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    return CLI_EXIT_DONE;
}

int command_explain(cli *c, int argc, char **argv) {
    const char *scenario = NULL, *purpose_text = NULL;
    bool rows = false, all = false, receipt = false;
    const option_spec specs[] = {{"scenario", NULL, &scenario}, {"purpose", NULL, &purpose_text}, {"rows", &rows, NULL},
                                 {"all", &all, NULL},           {"receipt", &receipt, NULL},      OPTION_END};
    xinyi_subject subject;
    catalog names = {0};
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (scenario == NULL)
        return cli_usage(c, "which scenario? Give --scenario loan, travel, power, approval or volunteer");
    if (argc - first != 1) return cli_usage(c, "give one subject, such as uscc:91530000MA00TTT099");
    if ((code = cli_subject(c, argv[first], &subject)) != 0 || (code = cli_connect(c)) != 0 ||
        (code = catalog_load(c, &names)) != 0)
        return code;
    detail how = receipt ? DETAIL_RECEIPT : (all ? DETAIL_ALL_ROWS : (rows ? DETAIL_ROWS : DETAIL_REASONS));
    code = explain(c, &names, scenario, purpose_text, &subject, how);
    catalog_deinit(&names);
    return code;
}
