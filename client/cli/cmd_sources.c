/* sources: where a profile's values come from; without a subject, who may say what. */
#include "base/purpose.h"
#include "client/cli/command.h"
#include "client/cli/option.h"
#include "client/cli/reporting.h"
#include "client/cli/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_sources[] =
    "usage: xinyi sources [ID] [--purpose NAME]\n"
    "\n"
    "Of a subject: for every field that has a value, who said so, and who says otherwise. Of several sources the one "
    "with\n"
    "the highest priority for the field counts, then the latest day of the data. Records, lists and service may add to "
    "what\n"
    "a source claims; scores that the evaluation computes are nobody's claim.\n"
    "Without a subject: the catalogue of sources — numbers, ids, which fields and reports each may send.\n"
    "  --purpose NAME   what the query is for (data_maintenance)\n"
    "\n"
    "  xinyi sources\n"
    "  xinyi sources uscc:91530000MA00TTT099\n"
    "  xinyi sources uscc:91530000MA00TTT099 --json | jq '.fields[] | select(.losing != [])'\n";

static int catalogue(cli *c) {
    static const sheet_column columns[] = {{.name = "number", .right = true},
                                           {.name = "id"},
                                           {.name = "title", .wrap = true},
                                           {.name = "fields", .wrap = true},
                                           {.name = "reports", .wrap = true}};
    static const char *const members[] = {"number", "id", "title", "fields", "reports"};
    return reporting_catalogue(c, RULEBOOK_SOURCES, columns, members, sizeof members / sizeof members[0]);
}

/* "3 power_exchange: AA (2026-01-01)" */
static void losing_text(const json_t *field, buf *to) {
    json_t *claim;
    size_t i;
    buf_clear(to);
    json_array_foreach(json_object_get(field, "losing"), i, claim) {
        char source[96], value[REPORTING_MEMBER], day[REPORTING_MEMBER];
        const char *said = reporting_member(claim, "value", value);
        buf_printf(to, "%s%s: %s (%s)", i > 0 ? "; " : "", reporting_source(claim, source),
                   json_is_false(json_object_get(claim, "value")) ? "no" : said, reporting_member(claim, "day", day));
    }
}

static int show(cli *c, const json_t *document) {
    static const sheet_column columns[] = {{.name = "field"}, {.name = "value"}, {.name = "source"},
                                           {.name = "day"},   {.name = "title"}, {.name = "others say", .wrap = true}};
    json_t *field;
    size_t i;
    buf others = {0};
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(document, "fields"), i, field) {
        char value[REPORTING_MEMBER], source[96], day[REPORTING_MEMBER], a[REPORTING_MEMBER], title[REPORTING_MEMBER];
        bool computed = json_is_true(json_object_get(field, "computed"));
        bool nobody = json_is_null(json_object_get(field, "source"));
        losing_text(field, &others);
        sheet_row(t);
        sheet_cell(t, reporting_member(field, "field", a));
        sheet_cell(t, json_is_false(json_object_get(field, "value")) ? "no" : reporting_member(field, "value", value));
        sheet_cell(t, computed ? "computed" : nobody ? "records, lists" : reporting_source(field, source));
        sheet_cell(t, reporting_member(field, "day", day));
        sheet_cell(t, reporting_member(field, "title", title));
        sheet_cell(t, buf_cstr(&others));
    }
    bool ok = sheet_rows(t) == 0 ? puts("no values") >= 0 : sheet_print(t);
    sheet_destroy(&t);
    buf_deinit(&others);
    return ok ? CLI_EXIT_DONE : cli_no_memory(c);
}

int command_sources(cli *c, int argc, char **argv) {
    json_t *document;
    if (argc == 1) return catalogue(c);
    int code = reporting_list(c, XINYI_DOSSIER_SOURCES, argc, argv, &document);
    if (document == NULL) return code;
    code = show(c, document);
    json_decref(document);
    return code;
}
