/* service: volunteer hours of a person. */
#include "client/cli/command.h"
#include "client/cli/report_import.h"
#include "client/cli/reporting.h"
#include "client/cli/sheet.h"

#include <stdio.h>
#include <string.h>

const char help_service[] =
    "usage: xinyi service add ID --minutes N | --hours N [--day D] [--source S] [--id TEXT] [--ref TEXT]\n"
    "       xinyi service reverse ID --target ID [--source S] [--id TEXT] [--ref TEXT]\n"
    "       xinyi service list ID\n"
    "       xinyi service import FILE.csv [--source S] [--rejects FILE] [--dry-run]\n"
    "\n"
    "Volunteer service of natural persons, event by event. More on one day than is plausible is refused; what was "
    "wrong is\n"
    "reversed by another report.\n"
    "  --day D          day of the service, YYYY-MM-DD; default today\n"
    "  --source S       who reports: number or id (xinyi sources); default 0, the province's own platform\n"
    "  --id TEXT        the id of the event: up to 16 bytes, or 32 hexadecimal digits; counted once. Without it a new "
    "one\n"
    "                   is made and printed\n"
    "  --target ID      the id under which the service was reported\n"
    "  --ref TEXT       reference, up to 32 bytes\n"
    "  --purpose NAME   what the query is for (data_maintenance)\n"
    "import reads columns subject day id, minutes or hours, and optionally ref; rows that are refused go to "
    "FILE.rejects.\n"
    "\n"
    "  xinyi service add id:530000199001010011 --hours 4 --day 2026-11-21 --source volunteer_platform --id E-77\n"
    "  xinyi service list id:530000199001010011\n";

static const reporting_action actions[] = {
    {"add", "service add", XINYI_SERVICE_ADD, REPORTING_DAY | REPORTING_MINUTES, NULL, NULL},
    {"reverse", "service reverse", XINYI_SERVICE_REVERSE, REPORTING_TARGET, NULL, NULL},
};

static int list(cli *c, int argc, char **argv) {
    static const sheet_column columns[] = {{.name = "day"},   {.name = "minutes", .right = true},
                                           {.name = "state"}, {.name = "source"},
                                           {.name = "id"},    {.name = "reference", .wrap = true}};
    json_t *document, *thing;
    size_t i;
    int code = reporting_list(c, XINYI_DOSSIER_SERVICE, argc, argv, &document);
    if (document == NULL) return code;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(document, "items"), i, thing) {
        char a[REPORTING_MEMBER], source[96], id[REPORTING_ID_TEXT];
        if (strcmp(reporting_member(thing, "kind", a), "service") != 0) continue;
        sheet_row(t);
        sheet_cell(t, reporting_member(thing, "day", a));
        sheet_cell(t, reporting_member(thing, "minutes", a));
        const char *state = reporting_member(thing, "state", a);
        sheet_cell_painted(t, state, strcmp(state, "counted") == 0 ? NULL : "darkgray");
        sheet_cell(t, reporting_source(thing, source));
        sheet_cell(t, reporting_show_id(json_string_value(json_object_get(thing, "id")), id));
        sheet_cell(t, reporting_member(thing, "text", a));
    }
    if (sheet_rows(t) == 0)
        puts("no service was reported");
    else if (!sheet_print(t))
        code = cli_no_memory(c);
    sheet_destroy(&t);
    const json_t *totals = json_object_get(document, "totals");
    long long minutes = (long long)json_integer_value(json_object_get(totals, "volunteer_minutes"));
    long long stars = (long long)json_integer_value(json_object_get(totals, "stars"));
    if (code == 0)
        printf("\n%lld h %02lld min in all, %lld %s\n", minutes / 60, minutes % 60, stars,
               stars == 1 ? "star" : "stars");
    json_decref(document);
    return code;
}

static int import(cli *c, int argc, char **argv) { return report_import_run(c, REPORT_IMPORT_SERVICE, argc, argv); }

int command_service(cli *c, int argc, char **argv) {
    static const reporting_word words[] = {{"list", "service list", list}, {"import", "service import", import}};
    return reporting_dispatch(c, actions, sizeof actions / sizeof actions[0], RULEBOOK_TYPES, words,
                              sizeof words / sizeof words[0], argc, argv);
}
