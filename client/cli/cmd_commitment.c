/* commitment: acceptance with gaps against a promise — drafted, accepted, extended once, fulfilled, breached or
 * withdrawn — and the catalogue of matters. */
#include "client/cli/command.h"
#include "client/cli/option.h"
#include "client/cli/reporting.h"
#include "client/cli/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_commitment[] =
    "usage: xinyi commitment draft ID --matter M [--day D]\n"
    "       xinyi commitment accept ID --matter M | --target ID [--day D]\n"
    "       xinyi commitment extend ID [--target ID] [--deadline D]\n"
    "       xinyi commitment fulfil | breach | withdraw | repair ID [--target ID] [--day D]\n"
    "       xinyi commitment list ID\n"
    "       xinyi commitment matters\n"
    "\n"
    "Commitments: an application is accepted with gaps, and what is missing follows by a deadline in working days. It "
    "can\n"
    "be extended once; when the deadline has passed the commitment counts as breached without anybody saying so.\n"
    "  --matter M       number or id (xinyi commitment matters); accept with it drafts and accepts in one\n"
    "  --target ID      the id under which the commitment was reported; may be left out where only one can be meant\n"
    "  --deadline D     the new last day, YYYY-MM-DD; default: by policy\n"
    "  --day D          the day on which it happened; default today\n"
    "  --source S       who reports: number or id (xinyi sources); default 0, the province's own platform\n"
    "  --id TEXT        the source's own id of this report: up to 16 bytes, or 32 hexadecimal digits; without it a new "
    "one\n"
    "                   is made and printed\n"
    "  --ref TEXT       reference, up to 32 bytes\n"
    "  --purpose NAME   what the query is for (data_maintenance)\n"
    "\n"
    "  xinyi commitment accept uscc:91530000MA00TTT099 --matter business_premises --id C-2026-7\n"
    "  xinyi commitment fulfil uscc:91530000MA00TTT099 --target C-2026-7\n";

#define OPEN " drafted accepted extended "
static const reporting_action actions[] = {
    {"draft", "commitment draft", XINYI_COMMITMENT_DRAFT, REPORTING_DAY | REPORTING_TYPE, NULL, NULL},
    {"accept", "commitment accept", XINYI_COMMITMENT_ACCEPT, REPORTING_DAY | REPORTING_TYPE | REPORTING_TARGET, NULL,
     NULL},
    {"extend", "commitment extend", XINYI_COMMITMENT_EXTEND, REPORTING_DAY | REPORTING_TARGET | REPORTING_DEADLINE,
     "commitment", " accepted extended "},
    {"fulfil", "commitment fulfil", XINYI_COMMITMENT_FULFIL, REPORTING_DAY | REPORTING_TARGET, "commitment",
     " accepted extended "},
    {"breach", "commitment breach", XINYI_COMMITMENT_BREACH, REPORTING_DAY | REPORTING_TARGET, "commitment",
     " accepted extended "},
    {"withdraw", "commitment withdraw", XINYI_COMMITMENT_WITHDRAW, REPORTING_DAY | REPORTING_TARGET, "commitment",
     OPEN},
    {"repair", "commitment repair", XINYI_COMMITMENT_REPAIR, REPORTING_DAY | REPORTING_TARGET, "commitment",
     " breached "},
};

static const char *paint_of(const char *state) {
    return strcmp(state, "breached") == 0 ? "red" : strcmp(state, "fulfilled") == 0 ? "green" : NULL;
}

/* "breached 2026-11-02, overdue, repaired" */
static void state_text(const json_t *thing, char *to, size_t room) {
    char a[REPORTING_MEMBER], b[REPORTING_MEMBER];
    const char *breached = reporting_member(thing, "breached", b);
    snprintf(to, room, "%s%s%s%s%s", reporting_member(thing, "state", a), breached[0] != '\0' ? " " : "", breached,
             json_is_true(json_object_get(thing, "overdue")) ? ", overdue" : "",
             json_is_true(json_object_get(thing, "repaired")) ? ", repaired" : "");
}

static int list(cli *c, int argc, char **argv) {
    static const sheet_column columns[] = {{.name = "drafted"},
                                           {.name = "matter"},
                                           {.name = "title", .wrap = true},
                                           {.name = "state"},
                                           {.name = "accepted"},
                                           {.name = "deadline"},
                                           {.name = "extended"},
                                           {.name = "source"},
                                           {.name = "id"},
                                           {.name = "reference", .wrap = true}};
    json_t *document, *thing;
    size_t i;
    int code = reporting_list(c, XINYI_DOSSIER_COMMITMENTS, argc, argv, &document);
    if (document == NULL) return code;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(document, "items"), i, thing) {
        char a[REPORTING_MEMBER], source[96], id[REPORTING_ID_TEXT], state[96];
        if (strcmp(reporting_member(thing, "kind", a), "commitment") != 0) continue;
        sheet_row(t);
        sheet_cell(t, reporting_member(thing, "day", a));
        sheet_cell(t,
                   reporting_member(thing, json_is_string(json_object_get(thing, "type_id")) ? "type_id" : "type", a));
        sheet_cell(t, reporting_member(thing, "type_title", a));
        state_text(thing, state, sizeof state);
        sheet_cell_painted(t, state, paint_of(reporting_member(thing, "state", a)));
        sheet_cell(t, reporting_member(thing, "accepted", a));
        sheet_cell(t, reporting_member(thing, "deadline", a));
        sheet_cell(t, reporting_member(thing, "extended", a));
        sheet_cell(t, reporting_source(thing, source));
        sheet_cell(t, reporting_show_id(json_string_value(json_object_get(thing, "id")), id));
        sheet_cell(t, reporting_member(thing, "text", a));
    }
    if (sheet_rows(t) == 0)
        puts("no commitments");
    else if (!sheet_print(t))
        code = cli_no_memory(c);
    sheet_destroy(&t);
    const json_t *totals = json_object_get(document, "totals");
    char open[REPORTING_MEMBER], broken[REPORTING_MEMBER];
    if (code == 0)
        printf("\n%s open, %s broken\n", reporting_member(totals, "open_commitments", open),
               reporting_member(totals, "broken_commitments", broken));
    json_decref(document);
    return code;
}

static int matters(cli *c, int argc, char **argv) {
    static const sheet_column columns[] = {{.name = "code", .right = true},
                                           {.name = "id"},
                                           {.name = "title", .wrap = true},
                                           {.name = "deadline"},
                                           {.name = "extension"}};
    static const option_spec none[] = {OPTION_END};
    static const char *const members[] = {"code", "id", "title", "deadline", "extension"};
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    return reporting_catalogue(c, RULEBOOK_MATTERS, columns, members, sizeof members / sizeof members[0]);
}

int command_commitment(cli *c, int argc, char **argv) {
    static const reporting_word words[] = {{"list", "commitment list", list},
                                           {"matters", "commitment matters", matters}};
    return reporting_dispatch(c, actions, sizeof actions / sizeof actions[0], RULEBOOK_MATTERS, words,
                              sizeof words / sizeof words[0], argc, argv);
}
