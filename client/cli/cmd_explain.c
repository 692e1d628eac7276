/* explain: the server's document of reasons. --json passes it through; for people it becomes a card and a table a
 * decision table, one line a tested cell. */
#include "base/purpose.h"
#include "base/status.h"
#include "client/cli/catalog.h"
#include "client/cli/command.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/view.h"

#include <stdio.h>
#include <string.h>

const char help_explain[] =
    "usage: xinyi explain --scenario NAME ID [--purpose NAME] [--all]\n"
    "\n"
    "Why the decision comes out as it does: the row that decided, and every row with the cells that did (✓) and\n"
    "did not (✗) hold. Rows below the one that was used are left out unless --all.\n"
    "--json is the server's document; the `value` of a cell is a string there whatever the field's type, as in CSV.\n"
    "  --purpose NAME   what the query is for; default: the scenario's own (xinyi help evaluate lists them)\n"
    "\n"
    "  xinyi explain --scenario loan uscc:91530000MA00TTT099\n"
    "  xinyi explain --scenario loan uscc:91530000MA00TTT099 --json | jq .decided_by\n";

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static json_int_t number_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
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

static unsigned outcome_code(const char *name) {
    for (unsigned i = 0; i <= XINYI_DECLINED; i++)
        if (strcmp(view_outcome(i), name) == 0) return i;
    return XINYI_NONE;
}

/* Benefits by title and id. */
static void benefits_of(const catalog *k, unsigned scenario, const json_t *list, sheet *card) {
    const char *heading = "benefits";
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        char text[192];
        const char *id = json_string_value(item), *title = NULL;
        for (unsigned bit = 0; id != NULL && bit < CATALOG_BENEFITS; bit++)
            if (k->benefit_id[scenario][bit] != NULL && strcmp(k->benefit_id[scenario][bit], id) == 0)
                title = k->benefit_title[scenario][bit];
        if (id == NULL)
            snprintf(text, sizeof text, "#%lld", (long long)json_integer_value(item));
        else if (title == NULL)
            snprintf(text, sizeof text, "%s", id);
        else
            snprintf(text, sizeof text, "%s (%s)", title, id);
        sheet_pair(card, heading, text);
        heading = "";
    }
    if (json_array_size(list) == 0) sheet_pair(card, heading, "none");
}

static bool print_header(cli *c, const catalog *k, unsigned scenario, const json_t *d) {
    char text[512], money[MONEY_TEXT], percent[VIEW_TEXT];
    const char *outcome = text_of(d, "outcome");
    const json_t *row = json_object_get(d, "decided_by");
    sheet *card = sheet_card(2, c->color);
    sheet_pair(card, "subject", text_of(d, "subject"));
    snprintf(text, sizeof text, "%s  %s", text_of(d, "scenario"), text_of(d, "policy_title"));
    sheet_pair(card, "scenario", text);
    if (strcmp(text_of(d, "status"), "ok") == 0)
        sheet_pair_painted(card, "outcome", outcome, view_outcome_paint(outcome_code(outcome)));
    else
        sheet_pair_painted(card, "outcome", text_of(d, "status"), "red");
    if (json_is_object(row)) {
        snprintf(text, sizeof text, "%s / %s%s%s", text_of(row, "table"), text_of(row, "row"),
                 text_of(row, "because")[0] != '\0' ? ": " : "", text_of(row, "because"));
        sheet_pair(card, "decided by", text);
    }
    if (number_of(d, "tier") != 0) {
        snprintf(text, sizeof text, "%lld", (long long)number_of(d, "tier"));
        sheet_pair(card, "tier", text);
    }
    benefits_of(k, scenario, json_object_get(d, "benefits"), card);
    if (number_of(d, "amount_fen") != 0) sheet_pair(card, "amount", money_format(number_of(d, "amount_fen"), money));
    if (number_of(d, "rate_bp") != 0) {
        snprintf(text, sizeof text, "%+lld basis points", (long long)number_of(d, "rate_bp"));
        sheet_pair(card, "rate", text);
    }
    if (number_of(d, "percent_bp") != 0)
        sheet_pair(card, "percent", view_percent((int)number_of(d, "percent_bp"), percent));
    snprintf(text, sizeof text, "%s, version %lld, %s", text_of(d, "policy"), (long long)number_of(d, "policy_version"),
             text_of(d, "authority"));
    sheet_pair(card, "policy", text);
    if (text_of(d, "legal_basis")[0] != '\0') sheet_pair(card, "legal basis", text_of(d, "legal_basis"));
    sheet_pair(card, "date of data", text_of(d, "data_day")[0] != '\0' ? text_of(d, "data_day") : "none");
    bool ok = sheet_print(card);
    sheet_destroy(&card);
    return ok;
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

static int for_people(cli *c, const catalog *names, unsigned scenario, const char *text, bool all) {
    json_error_t problem;
    json_t *document = json_loads(text, 0, &problem);
    if (document == NULL) {
        cli_error(c, "the server's answer cannot be read: %s", problem.text);
        return CLI_EXIT_REFUSED;
    }
    const json_t *rows = json_object_get(document, "rows");
    bool ok = print_header(c, names, scenario, document);
    for (size_t at = 0; ok && at < json_array_size(rows);) ok = print_table(c, rows, &at, all);
    json_decref(document);
    return ok ? CLI_EXIT_DONE : cli_no_memory(c);
}

static int explain(cli *c, const catalog *names, const char *scenario_text, const char *purpose_text,
                   const xinyi_subject *subject, bool all) {
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
    if (!c->json) return for_people(c, names, scenario, text, all);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    return CLI_EXIT_DONE;
}

int command_explain(cli *c, int argc, char **argv) {
    const char *scenario = NULL, *purpose_text = NULL;
    bool all = false;
    const option_spec specs[] = {
        {"scenario", NULL, &scenario}, {"purpose", NULL, &purpose_text}, {"all", &all, NULL}, OPTION_END};
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
    code = explain(c, &names, scenario, purpose_text, &subject, all);
    catalog_deinit(&names);
    return code;
}
