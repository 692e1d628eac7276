/* get, set and fields: profiles, by the schema of base/profile.h. */
#include "base/division.h"
#include "base/purpose.h"
#include "client/cli/command.h"
#include "client/cli/convert.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/rulebook.h"
#include "client/cli/suggest.h"
#include "client/cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ get */

const char help_get[] = "usage: xinyi get ID... [--all] [--purpose NAME]\n"
                        "\n"
                        "Shows profiles. Only what is known is shown; --all shows every field.\n"
                        "  --purpose NAME   what the query is for (data_maintenance)\n"
                        "\n"
                        "  xinyi get uscc:91530000MA00TTT099\n"
                        "  xinyi get --json id:530000199001010011 | jq .public_grade\n";

static int get_for_people(cli *c, const xinyi_profile *p, bool all) {
    sheet *card = sheet_card(3, c->color);
    view_profile_card(c, card, p, all);
    bool ok = sheet_print(card);
    sheet_destroy(&card);
    return ok ? 0 : cli_no_memory(c);
}

static int get_show(cli *c, const xinyi_subject *subjects, const xinyi_profile_reply *replies, size_t n, bool all) {
    char text[SUBJECT_TEXT];
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        bool ok = replies[i].status == 0;
        failed += !ok;
        if (c->json) {
            jout_object(&c->out, NULL);
            if (!ok) jout_string(&c->out, "subject", cli_subject_text(&subjects[i], text));
            jout_string(&c->out, "status", xinyi_status_name(replies[i].status));
            if (ok) view_profile_json(&c->out, &replies[i].profile);
            jout_end(&c->out);
            jout_line(&c->out);
        } else if (!ok) {
            cli_error(c, "%s: %s", cli_subject_text(&subjects[i], text), xinyi_status_text(replies[i].status));
        } else {
            if (i > 0) putchar('\n');
            if (get_for_people(c, &replies[i].profile, all) != 0) return CLI_EXIT_REFUSED;
        }
    }
    return cli_exit_of_many(n - failed, failed);
}

int command_get(cli *c, int argc, char **argv) {
    const char *purpose_text = NULL;
    bool all = false;
    const option_spec specs[] = {{"all", &all, NULL}, {"purpose", NULL, &purpose_text}, OPTION_END};
    xinyi_subject *subjects = NULL;
    xinyi_profile_reply *replies = NULL;
    unsigned asked_for;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0 || (code = cli_purpose(c, purpose_text, PURPOSE_DATA_MAINTENANCE, &asked_for)) != 0 ||
        (code = cli_subjects(c, argc - first, argv + first, &subjects)) != 0 || (code = cli_connect(c)) != 0)
        goto done;
    size_t n = (size_t)(argc - first);
    replies = calloc(n, sizeof *replies);
    if (replies == NULL) {
        code = cli_no_memory(c);
        goto done;
    }
    int result = xinyi_get(c->x, asked_for, subjects, n, replies);
    code = result != 0 ? cli_failed(c, result) : get_show(c, subjects, replies, n, all);
done:
    free(replies);
    free(subjects);
    return code;
}

/* ------------------------------------------------------------------ set */

const char help_set[] =
    "usage: xinyi set ID FIELD=VALUE... [--create] [--if-version N] [--source S]\n"
    "\n"
    "Changes fields of a profile; all others stay as they are. FIELD=- clears a field. Durable when it returns.\n"
    "  --create         make the subject if it is not known (otherwise that is an error)\n"
    "  --if-version N   only if the profile still has this version; 0: only if the subject is not known\n"
    "  --source S       who says so: number or id (xinyi sources); default 0, the province's own platform. Then "
    "FIELD=-\n"
    "                   withdraws what this source said\n"
    "\n"
    "  xinyi set uscc:91530000MA00TTT099 tax_grade=A public_grade=优\n"
    "  xinyi set uscc:91530000MA00TTT099 tax_grade=B --source tax_bureau\n"
    "  xinyi set id:530000199001010011 consent_loan=true --create\n"
    "  xinyi fields                                       the fields and their domains\n";

static int unknown_field(const cli *c, const char *word) {
    char near[SUGGEST_TEXT];
    suggest s = {.word = word};
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) suggest_offer(&s, profile_field_at(i)->name);
    return cli_usage(c, "unknown field '%s'%s", word, suggest_text(&s, near));
}

static int set_field(const cli *c, const char *assignment, profile *p, uint64_t *mask) {
    char why[512], word[64];
    const char *equals = strchr(assignment, '=');
    if (equals == NULL) return cli_usage(c, "'%s' is not FIELD=VALUE", assignment);
    size_t length = (size_t)(equals - assignment);
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), assignment);
    const profile_field *field = profile_field_find(assignment, length);
    if (field == NULL) return unknown_field(c, word);
    if (!field->writable) return cli_usage(c, "field '%s' is computed by the server", word);
    if ((*mask >> field->number & 1) != 0) return cli_usage(c, "field '%s' is given twice", word);
    int64_t value;
    if (equals[1] == '\0') return cli_usage(c, "%s= has no value; write %s=- to clear the field", word, word);
    if (!convert_value(field, equals + 1, strlen(equals + 1), &value, why, sizeof why)) return cli_usage(c, "%s", why);
    if (profile_set(p, field, value) != STATUS_OK)
        return cli_usage(c, "%s: the value is outside the field's domain", word);
    if (field->type == PROFILE_DIVISION && value != PROFILE_MISSING && division_find((uint32_t)value) == NULL)
        cli_error(c, "warning: %s: %s is not among the divisions known here; it is stored all the same", word,
                  equals + 1);
    *mask |= UINT64_C(1) << field->number;
    return 0;
}

static const char *set_hint(const xinyi_put_entry *entry, unsigned code) {
    if (code == STATUS_UNKNOWN_SUBJECT) return " (--create makes it)";
    if (code == STATUS_UNKNOWN_SOURCE) return " (see: xinyi sources)";
    return code == STATUS_BAD_FIELD && entry->flags >> 16 != 0 ? ", or not this source's to write (see: xinyi sources)"
                                                               : "";
}

static int set_send(cli *c, const xinyi_subject *subject, const xinyi_put_entry *entry) {
    char text[SUBJECT_TEXT];
    xinyi_put_reply reply;
    int code = xinyi_put(c->x, entry, 1, &reply);
    if (code != 0) {
        int exit_code = cli_failed(c, code);
        if (exit_code == CLI_EXIT_NO_CONNECTION)
            cli_error(c, "whether the change was made is not known; the same command can be repeated safely");
        return exit_code;
    }
    const profile_field *field = profile_field_at(reply.field);
    bool names_field = (reply.status == STATUS_BAD_VALUE || reply.status == STATUS_BAD_FIELD) && field != NULL;
    cli_subject_text(subject, text);
    if (c->json) {
        jout_object(&c->out, NULL);
        jout_string(&c->out, "subject", text);
        jout_string(&c->out, "status", xinyi_status_name(reply.status));
        if (names_field) jout_string(&c->out, "field", field->name);
        jout_int(&c->out, "version", reply.version);
        jout_end(&c->out);
        jout_line(&c->out);
    } else if (reply.status == 0) {
        printf("%s is now version %u\n", text, reply.version);
    }
    if (reply.status != 0)
        cli_error(c, "%s%s%s: %s%s", text, names_field ? ", " : "", names_field ? field->name : "",
                  xinyi_status_text(reply.status), set_hint(entry, reply.status));
    return cli_exit_of(reply.status);
}

int command_set(cli *c, int argc, char **argv) {
    bool create = false;
    const char *if_version = NULL, *source = NULL;
    const option_spec specs[] = {
        {"create", &create, NULL}, {"if-version", NULL, &if_version}, {"source", NULL, &source}, OPTION_END};
    rulebook book = {0};
    unsigned number = 0;
    xinyi_subject subject;
    xinyi_put_entry entry = {0};
    profile p;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (argc - first < 2 && !(create && argc - first == 1)) return cli_usage(c, "give a subject and FIELD=VALUE");
    if ((code = cli_subject(c, argv[first], &subject)) != 0) return code;
    subject_id id;
    memcpy(id.bytes, subject.bytes, sizeof id.bytes);
    profile_init(&p, &id);
    for (int i = first + 1; i < argc; i++)
        if ((code = set_field(c, argv[i], &p, &entry.mask)) != 0) return code;
    entry.flags = create ? 0 : XINYI_PUT_UPDATE;
    if (if_version != NULL) {
        int64_t version;
        if (!money_parse_count(if_version, strlen(if_version), INT32_MAX, &version))
            return cli_usage(c, "--if-version is a profile's version, not '%s'", if_version);
        entry.flags = version == 0 ? XINYI_PUT_CREATE : entry.flags | XINYI_PUT_IF_VERSION;
        entry.expected_version = (uint32_t)version;
    }
    convert_to_client(&p, &entry.profile);
    if (source != NULL) code = rulebook_code(c, &book, RULEBOOK_SOURCES, source, &number);
    rulebook_deinit(&book);
    entry.flags |= XINYI_PUT_SOURCE(number);
    if (code != 0 || (code = cli_connect(c)) != 0) return code;
    return set_send(c, &subject, &entry);
}

/* ------------------------------------------------------------------ fields */

const char help_fields[] =
    "usage: xinyi fields\n"
    "\n"
    "The fields of a profile: their names in CSV, JSON and policies, and what values they take.\n"
    "Needs no server.\n"
    "\n"
    "  xinyi fields --json | jq -r 'select(.type == \"enum\") | .name'\n";

static const char *type_name(unsigned type) {
    static const char *const names[] = {
        [PROFILE_NUMBER] = "number",     [PROFILE_SCORE] = "score",   [PROFILE_HUNDREDTHS] = "decimal",
        [PROFILE_ENUM] = "enum",         [PROFILE_FLAG] = "flag",     [PROFILE_DAY] = "date",
        [PROFILE_DIVISION] = "division", [PROFILE_SECTOR] = "sector",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

static void field_json(jout *j, const profile_field *field) {
    char domain[CONVERT_DOMAIN_TEXT];
    jout_object(j, NULL);
    jout_string(j, "name", field->name);
    jout_int(j, "number", field->number);
    jout_string(j, "type", type_name(field->type));
    jout_string(j, "domain", convert_domain(field, domain));
    if (field->names != NULL) {
        jout_array(j, "values");
        for (int64_t i = 1; i <= field->max; i++) jout_string(j, NULL, field->names[i]);
        jout_end(j);
    }
    jout_bool(j, "ordered", field->ordered);
    jout_bool(j, "writable", field->writable);
    jout_string(j, "title", field->title);
    jout_end(j);
    jout_line(j);
}

int command_fields(cli *c, int argc, char **argv) {
    static const sheet_column columns[] = {{.name = "field"},
                                           {.name = "number", .right = true},
                                           {.name = "type"},
                                           {.name = "domain", .wrap = true},
                                           {.name = "title"}};
    static const option_spec none[] = {OPTION_END};
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "takes no arguments, but got '%s'", argv[first]);
    sheet *t = c->json ? NULL : sheet_create(columns, 5, c->color);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        char number[8], domain[CONVERT_DOMAIN_TEXT];
        if (c->json) {
            field_json(&c->out, field);
            continue;
        }
        snprintf(number, sizeof number, "%u", field->number);
        convert_domain(field, domain);
        if (!field->writable) strncat(domain, " (read-only)", sizeof domain - strlen(domain) - 1);
        sheet_row(t);
        sheet_cell(t, field->name);
        sheet_cell(t, number);
        sheet_cell(t, type_name(field->type));
        sheet_cell(t, field->title);
        sheet_cell(t, domain);
    }
    if (!c->json && !sheet_print(t)) code = cli_no_memory(c);
    sheet_destroy(&t);
    return code;
}
