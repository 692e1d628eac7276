/* record: behaviour records of a subject, and the catalogue of their types. */
#include "client/cli/command.h"
#include "client/cli/option.h"
#include "client/cli/report_import.h"
#include "client/cli/reporting.h"
#include "client/cli/sheet.h"
#include "client/xinyi.h"

#include <stdio.h>
#include <string.h>

const char help_record[] =
    "usage: xinyi record add ID --type TYPE [--day D] [--source S] [--id TEXT] [--ref TEXT]\n"
    "       xinyi record repair ID --target ID [--day D] [--source S] [--id TEXT] [--ref TEXT]\n"
    "       xinyi record revoke ID --target ID [--source S] [--id TEXT] [--ref TEXT]\n"
    "       xinyi record list ID\n"
    "       xinyi record types\n"
    "       xinyi record import FILE.csv [--source S] [--rejects FILE] [--dry-run]\n"
    "\n"
    "Behaviour records. A report is on disk and in force when the command returns; nothing is ever edited: what was\n"
    "wrong is revoked, what was made good is repaired, by another report.\n"
    "  --type TYPE      number or id of the catalogue (xinyi record types)\n"
    "  --day D          day of the behaviour, or of the repair, YYYY-MM-DD; default today\n"
    "  --source S       who reports: number or id (xinyi sources); default 0, the province's own platform\n"
    "  --id TEXT        the source's own id of this report: up to 16 bytes, or 32 hexadecimal digits. The same report\n"
    "                   twice counts once. Without it a new one is made and printed\n"
    "  --target ID      the id under which the record was reported\n"
    "  --ref TEXT       document reference, up to 32 bytes\n"
    "  --purpose NAME   what the query is for (data_maintenance)\n"
    "import reads columns subject type day id and optionally ref, action (add, repair, revoke) and target; rows that "
    "are\n"
    "refused go to FILE.rejects. Importing a file again counts nothing twice.\n"
    "\n"
    "  xinyi record add uscc:91530000MA00TTT099 --type late_filing --day 2026-11-02 --source tax_bureau --id "
    "S-2026-118\n"
    "  xinyi record repair uscc:91530000MA00TTT099 --target S-2026-118 --source tax_bureau\n"
    "  xinyi record list uscc:91530000MA00TTT099 --json | jq '.items[] | select(.state == \"active\")'\n";

static const reporting_action actions[] = {
    {"add", "record add", XINYI_RECORD_ADD, REPORTING_DAY | REPORTING_TYPE, NULL, NULL},
    {"repair", "record repair", XINYI_RECORD_REPAIR, REPORTING_DAY | REPORTING_TARGET, NULL, NULL},
    {"revoke", "record revoke", XINYI_RECORD_REVOKE, REPORTING_TARGET, NULL, NULL},
};

static const char *paint_of(const char *state) {
    return strcmp(state, "active") == 0 ? "red" : strcmp(state, "repaired") == 0 ? "green" : "darkgray";
}

static int list(cli *c, int argc, char **argv) {
    static const sheet_column columns[] = {{.name = "day"},
                                           {.name = "type"},
                                           {.name = "title", .wrap = true},
                                           {.name = "class"},
                                           {.name = "points", .right = true},
                                           {.name = "state"},
                                           {.name = "ends"},
                                           {.name = "source"},
                                           {.name = "id"},
                                           {.name = "reference", .wrap = true}};
    json_t *document, *thing;
    size_t i;
    int code = reporting_list(c, XINYI_DOSSIER_RECORDS, argc, argv, &document);
    if (document == NULL) return code;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(document, "items"), i, thing) {
        char a[REPORTING_MEMBER], source[96], id[REPORTING_ID_TEXT];
        if (strcmp(reporting_member(thing, "kind", a), "record") != 0) continue;
        const char *state = reporting_member(thing, "state", a);
        sheet_row(t);
        sheet_cell(t, reporting_member(thing, "day", a));
        sheet_cell(t,
                   reporting_member(thing, json_is_string(json_object_get(thing, "type_id")) ? "type_id" : "type", a));
        sheet_cell(t, reporting_member(thing, "type_title", a));
        sheet_cell(t, reporting_member(thing, "class", a));
        sheet_cell(t, reporting_member(thing, "points", a));
        sheet_cell_painted(t, state, paint_of(state));
        sheet_cell(t, reporting_member(thing, "end", a));
        sheet_cell(t, reporting_source(thing, source));
        sheet_cell(t, reporting_show_id(json_string_value(json_object_get(thing, "id")), id));
        sheet_cell(t, reporting_member(thing, "text", a));
    }
    if (sheet_rows(t) == 0)
        puts("no records");
    else if (!sheet_print(t))
        code = cli_no_memory(c);
    sheet_destroy(&t);
    const json_t *totals = json_object_get(document, "totals");
    char negative[REPORTING_MEMBER], positive[REPORTING_MEMBER];
    if (code == 0)
        printf("\nnegative points %s, positive points %s\n", reporting_member(totals, "negative_points", negative),
               reporting_member(totals, "positive_points", positive));
    json_decref(document);
    return code;
}

static int types(cli *c, int argc, char **argv) {
    static const sheet_column columns[] = {{.name = "code", .right = true},
                                           {.name = "id"},
                                           {.name = "title", .wrap = true},
                                           {.name = "domain"},
                                           {.name = "class"},
                                           {.name = "points", .right = true},
                                           {.name = "repair after"},
                                           {.name = "shown for"},
                                           {.name = "effects", .wrap = true}};
    static const char *const members[] = {
        "code", "id", "title", "domain", "class", "points", "publicity_min", "publicity_max", "effects"};
    static const option_spec none[] = {OPTION_END};
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    return reporting_catalogue(c, RULEBOOK_TYPES, columns, members, sizeof members / sizeof members[0]);
}

static int import(cli *c, int argc, char **argv) { return report_import_run(c, REPORT_IMPORT_RECORDS, argc, argv); }

int command_record(cli *c, int argc, char **argv) {
    static const reporting_word words[] = {
        {"list", "record list", list}, {"types", "record types", types}, {"import", "record import", import}};
    return reporting_dispatch(c, actions, sizeof actions / sizeof actions[0], RULEBOOK_TYPES, words,
                              sizeof words / sizeof words[0], argc, argv);
}
