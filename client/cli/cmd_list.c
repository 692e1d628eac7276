/* list: who is on the red list, the serious list or another one; listing and delisting; and the file for publication,
 * in which natural persons are masked. */
#include "base/clock.h"
#include "base/division.h"
#include "base/purpose.h"
#include "base/status.h"
#include "client/cli/command.h"
#include "client/cli/masking.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/output.h"
#include "client/cli/progress.h"
#include "client/cli/reporting.h"
#include "client/cli/sheet.h"
#include "client/cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_list[] =
    "usage: xinyi list\n"
    "       xinyi list show LIST [--division D] [--max N]\n"
    "       xinyi list export LIST --output FILE [--division D]\n"
    "       xinyi list add LIST ID [--day D] [--until D] [--source S] [--id TEXT] [--ref TEXT]\n"
    "       xinyi list remove LIST ID [--target ID] [--day D] [--source S] [--id TEXT] [--ref TEXT]\n"
    "\n"
    "Lists of the policy set: red_list, serious_list and others (xinyi list shows them). LIST is an id or a number.\n"
    "export writes the file for publication, CSV or with --json an object a line: entities in full, natural persons "
    "with\n"
    "masked names and numbers. Lists that the policy does not publish are not exported.\n"
    "  --division D     only this division; a prefecture covers its counties\n"
    "  --max N          at most so many (show: 100; 0: all)\n"
    "  --day D          first day on the list, or of the removal, YYYY-MM-DD; default today\n"
    "  --until D        first day that is no longer on it; default: by policy\n"
    "  --target ID      the id under which it was listed; may be left out where only one can be meant\n"
    "  --source S       who reports: number or id (xinyi sources); default 0, the province's own platform\n"
    "  --id TEXT        the source's own id of this report: up to 16 bytes, or 32 hexadecimal digits; without it a new "
    "one\n"
    "                   is made and printed\n"
    "  --ref TEXT       document reference, up to 32 bytes\n"
    "  --purpose NAME   what the query is for (data_maintenance; export: supervision)\n"
    "\n"
    "  xinyi list add red_list uscc:91530000MA00TTT099 --ref 云信〔2026〕8号\n"
    "  xinyi list show red_list --division 530100\n"
    "  xinyi list export red_list --output red.csv\n";

#define ENTRIES 1024
#define SHOWN_DEFAULT 100

static const reporting_action actions[] = {
    {"add", "list add", XINYI_LISTING_ADD, REPORTING_DAY | REPORTING_TYPE | REPORTING_UNTIL, NULL, NULL},
    {"remove", "list remove", XINYI_LISTING_REMOVE, REPORTING_DAY | REPORTING_TARGET, "listing", " active "},
};

/* ------------------------------------------------------------------ the walk */

typedef struct walk {
    cli *c;
    rulebook book;
    unsigned list, asked_for;
    uint32_t division; /* 0 all */
    uint64_t max;      /* 0 all */
    uint64_t count;
    xinyi_list_entry entries[ENTRIES];
    progress bar;
    /* where entries go */
    int (*give)(struct walk *w, const xinyi_list_entry *e);
    sheet *table;
    output file;
    buf out;
} walk;

static int walk_list(walk *w) {
    uint64_t cursor = 0;
    progress_init(&w->bar, "list", 0);
    for (;;) {
        size_t n = ENTRIES;
        int result = xinyi_list(w->c->x, w->asked_for, w->list, &cursor, w->entries, &n);
        if (result != 0) {
            progress_clear(&w->bar);
            return cli_failed(w->c, result);
        }
        for (size_t i = 0; i < n; i++) {
            if (w->max != 0 && w->count == w->max) n = 0;
            if (n == 0 || !division_covers(w->division, w->entries[i].division)) continue;
            w->count++;
            int code = w->give(w, &w->entries[i]);
            if (code != 0) return code;
        }
        progress_update(&w->bar, w->count, w->count, PROGRESS_NONE);
        if (n == 0 || (w->max != 0 && w->count == w->max)) break;
    }
    progress_clear(&w->bar);
    return 0;
}

static const char *division_name(uint32_t code) {
    const division *d = division_find(code);
    return d != NULL ? d->name : "";
}

/* ------------------------------------------------------------------ show */

static void entry_json(walk *w, const xinyi_list_entry *e, jout *j, bool masked) {
    char text[SUBJECT_TEXT], day[VIEW_TEXT], name[MASKING_NAME];
    subject_id id;
    memcpy(id.bytes, e->subject.bytes, sizeof id.bytes);
    bool hide = masked && subject_kind_of(&id) == SUBJECT_PERSON;
    jout_object(j, NULL);
    jout_string(j, "list", rulebook_id(&w->book, RULEBOOK_LISTS, w->list));
    jout_string(j, "subject", hide ? subject_format_masked(&id, text) : cli_subject_text(&e->subject, text));
    jout_string(j, "name", e->name[0] == '\0' ? NULL : hide ? masking_name(e->name, name) : e->name);
    jout_int(j, "division", e->division);
    jout_int(j, "source", e->source);
    jout_string(j, "source_id", rulebook_id(&w->book, RULEBOOK_SOURCES, e->source));
    jout_string(j, "from", e->from_day != 0 ? view_day(e->from_day, day) : NULL);
    jout_string(j, "until", e->until_day != 0 ? view_day(e->until_day, day) : NULL);
    const char *reference = hide ? masking_reference(e->text, e->name) : e->text;
    jout_string(j, "reference", reference[0] != '\0' ? reference : NULL);
    jout_end(j);
}

static int show_one(walk *w, const xinyi_list_entry *e) {
    char text[SUBJECT_TEXT], day[VIEW_TEXT], source[96];
    if (w->c->json) {
        entry_json(w, e, &w->c->out, false);
        jout_line(&w->c->out);
        return 0;
    }
    const char *id = rulebook_id(&w->book, RULEBOOK_SOURCES, e->source);
    snprintf(source, sizeof source, "%u%s%s", e->source, id != NULL ? " " : "", id != NULL ? id : "");
    sheet_row(w->table);
    sheet_cell(w->table, cli_subject_text(&e->subject, text));
    sheet_cell(w->table, e->name);
    sheet_cell(w->table, division_name(e->division));
    sheet_cell(w->table, view_day(e->from_day, day));
    sheet_cell(w->table, view_day(e->until_day, day));
    sheet_cell(w->table, source);
    sheet_cell(w->table, e->text);
    return 0;
}

static int show(walk *w) {
    static const sheet_column columns[] = {{.name = "subject"},
                                           {.name = "name", .wrap = true},
                                           {.name = "division"},
                                           {.name = "from"},
                                           {.name = "until"},
                                           {.name = "source"},
                                           {.name = "reference", .wrap = true}};
    w->give = show_one;
    w->table = w->c->json ? NULL : sheet_create(columns, sizeof columns / sizeof columns[0], w->c->color);
    int code = walk_list(w);
    if (code == 0 && !w->c->json) {
        if (w->count == 0)
            puts("nobody is on it");
        else if (!sheet_print(w->table))
            code = cli_no_memory(w->c);
        if (code == 0 && w->max != 0 && w->count == w->max)
            fprintf(stderr, "at most %llu are shown; --max 0 shows all\n", (unsigned long long)w->max);
    }
    sheet_destroy(&w->table);
    return code;
}

/* ------------------------------------------------------------------ export */

static void csv_cell(buf *to, const char *text) {
    bool quote = strpbrk(text, ",\"\n\r") != NULL;
    if (to->size > 0 && to->data[to->size - 1] != '\n') buf_append(to, ",", 1);
    if (quote) buf_append(to, "\"", 1);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"') buf_append(to, "\"", 1);
        buf_append(to, p, 1);
    }
    if (quote) buf_append(to, "\"", 1);
}

static int write_out(walk *w, size_t least) {
    char why[OUTPUT_WHY];
    if (buf_status(&w->out) != STATUS_OK) return cli_no_memory(w->c);
    if (w->out.size < least || w->out.size == 0) return 0;
    bool ok = output_write(&w->file, w->out.data, w->out.size, why);
    buf_clear(&w->out);
    if (ok) return 0;
    cli_error(w->c, "%s", why);
    return CLI_EXIT_REFUSED;
}

static void export_csv(walk *w, const xinyi_list_entry *e) {
    char text[SUBJECT_TEXT], day[VIEW_TEXT], name[MASKING_NAME];
    subject_id id;
    memcpy(id.bytes, e->subject.bytes, sizeof id.bytes);
    bool hide = subject_kind_of(&id) == SUBJECT_PERSON;
    const char *source =
        json_string_value(json_object_get(rulebook_find(&w->book, RULEBOOK_SOURCES, e->source), "title"));
    csv_cell(&w->out, rulebook_id(&w->book, RULEBOOK_LISTS, w->list));
    csv_cell(&w->out, hide ? subject_format_masked(&id, text) : cli_subject_text(&e->subject, text));
    csv_cell(&w->out, hide ? masking_name(e->name, name) : e->name);
    csv_cell(&w->out, division_name(e->division));
    csv_cell(&w->out, source != NULL ? source : "");
    csv_cell(&w->out, view_day(e->from_day, day));
    csv_cell(&w->out, view_day(e->until_day, day));
    csv_cell(&w->out, hide ? masking_reference(e->text, e->name) : e->text);
    buf_append(&w->out, "\n", 1);
}

static int export_one(walk *w, const xinyi_list_entry *e) {
    if (w->c->json) {
        jout line = {.out = w->out}; /* borrows the buffer: an object is a line of the file */
        entry_json(w, e, &line, true);
        w->out = line.out;
        buf_append(&w->out, "\n", 1);
    } else {
        export_csv(w, e);
    }
    return write_out(w, 1u << 20);
}

static int export(walk *w, const char *where) {
    char why[OUTPUT_WHY], count[MONEY_TEXT];
    const json_t *list = rulebook_find(&w->book, RULEBOOK_LISTS, w->list);
    if (!json_is_true(json_object_get(list, "published"))) {
        cli_error(w->c, "the policy does not publish this list (lists.yaml, published); xinyi list show has it");
        return CLI_EXIT_REFUSED;
    }
    if (!output_open(&w->file, where, 0644, why)) return cli_usage(w->c, "%s", why);
    if (!w->c->json) buf_append_str(&w->out, "list,subject,name,division,source,from,until,reference\n");
    w->give = export_one;
    int code = walk_list(w);
    if (code == 0) code = write_out(w, 1);
    if (!output_close(&w->file, code == 0, why)) {
        cli_error(w->c, "%s", why);
        code = CLI_EXIT_REFUSED;
    }
    if (code == 0)
        fprintf(stderr, "exported %s entries, natural persons masked\n", money_format_count((int64_t)w->count, count));
    return code;
}

/* ------------------------------------------------------------------ arguments */

static int run_walk(cli *c, int argc, char **argv, bool to_file) {
    const char *place = NULL, *most = NULL, *where = NULL, *purpose_text = NULL;
    const option_spec specs[] = {{"division", NULL, &place},
                                 {"purpose", NULL, &purpose_text},
                                 {to_file ? "output" : "max", NULL, to_file ? &where : &most},
                                 OPTION_END};
    int64_t number = 0, max = to_file ? 0 : SHOWN_DEFAULT;
    walk *w = calloc(1, sizeof *w);
    if (w == NULL) return cli_no_memory(c);
    int first, code = option_parse(c, argc, argv, specs, &first);
    w->c = c;
    w->file.fd = -1;
    if (code == 0)
        code = cli_purpose(c, purpose_text, to_file ? PURPOSE_SUPERVISION : PURPOSE_DATA_MAINTENANCE, &w->asked_for);
    if (code == 0 && argc - first != 1) code = cli_usage(c, "give one list, such as red_list");
    if (code == 0 && to_file && where == NULL)
        code = cli_usage(c, "where to? Give --output FILE, or - for standard output");
    if (code == 0 && place != NULL && (!money_parse_count(place, strlen(place), 999999, &number) || number < 100000))
        code = cli_usage(c, "--division is six digits such as 530100, not '%s'", place);
    if (code == 0 && most != NULL && !money_parse_count(most, strlen(most), INT64_MAX, &max))
        code = cli_usage(c, "--max is a whole number, not '%s'", most);
    w->division = (uint32_t)number;
    w->max = (uint64_t)max;
    if (code == 0) code = rulebook_load(c, &w->book);
    if (code == 0) code = rulebook_code(c, &w->book, RULEBOOK_LISTS, argv[first], &w->list);
    if (code == 0) code = to_file ? export(w, where) : show(w);
    rulebook_deinit(&w->book);
    buf_deinit(&w->out);
    free(w);
    return code;
}

static int show_list(cli *c, int argc, char **argv) { return run_walk(c, argc, argv, false); }
static int export_list(cli *c, int argc, char **argv) { return run_walk(c, argc, argv, true); }

int command_list(cli *c, int argc, char **argv) {
    static const reporting_word words[] = {{"show", "list show", show_list}, {"export", "list export", export_list}};
    static const sheet_column columns[] = {{.name = "code", .right = true},
                                           {.name = "id"},
                                           {.name = "title", .wrap = true},
                                           {.name = "field"},
                                           {.name = "valid"},
                                           {.name = "published"},
                                           {.name = "nobody of"}};
    static const char *const members[] = {"code", "id", "title", "flag", "valid", "published", "excluded_by"};
    if (argc == 1) return reporting_catalogue(c, RULEBOOK_LISTS, columns, members, sizeof members / sizeof members[0]);
    return reporting_dispatch(c, actions, sizeof actions / sizeof actions[0], RULEBOOK_LISTS, words,
                              sizeof words / sizeof words[0], argc, argv);
}
