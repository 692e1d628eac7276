/* Options are judged before a connection is made; names are looked up behind it. */
#include "client/cli/reporting.h"

#include "base/clock.h"
#include "base/purpose.h"
#include "base/status.h"
#include "base/utf8.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/suggest.h"
#include "client/cli/view.h"
#include "engine/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE_MAX 32

/* ------------------------------------------------------------------ ids and days */

bool reporting_parse_id(const char *text, size_t length, xinyi_operation_id *out) {
    char hex[XINYI_OPERATION_TEXT] = "";
    static const xinyi_operation_id zero;
    if (length == XINYI_OPERATION_TEXT - 1) {
        memcpy(hex, text, length);
        return xinyi_operation_parse(hex, out) == 0 && memcmp(out, &zero, sizeof zero) != 0;
    }
    if (length == 0 || length > sizeof out->bytes || !utf8_is_line(text, length)) return false;
    memset(out, 0, sizeof *out);
    memcpy(out->bytes, text, length);
    return true;
}

/* A text is shown as one only if it would be read back as the same id. */
const char *reporting_format_id(const xinyi_operation_id *id, char buffer[REPORTING_ID_TEXT]) {
    size_t length = strnlen((const char *)id->bytes, sizeof id->bytes);
    bool rest = true;
    for (size_t i = length; i < sizeof id->bytes; i++) rest &= id->bytes[i] == 0;
    if (length > 0 && rest && utf8_is_line(id->bytes, length))
        snprintf(buffer, REPORTING_ID_TEXT, "%.*s", (int)length, (const char *)id->bytes);
    else
        xinyi_operation_format(id, buffer);
    return buffer;
}

const char *reporting_show_id(const char *hex, char buffer[REPORTING_ID_TEXT]) {
    xinyi_operation_id id;
    if (hex != NULL && xinyi_operation_parse(hex, &id) == 0) return reporting_format_id(&id, buffer);
    snprintf(buffer, REPORTING_ID_TEXT, "%s", hex != NULL ? hex : "");
    return buffer;
}

bool reporting_parse_day(const char *text, size_t length, uint16_t *day) {
    int32_t value;
    if (!clock_parse_day(text, length, &value) || value < 1 || value > UINT16_MAX) return false;
    *day = (uint16_t)value;
    return true;
}

bool reporting_parse_hours(const char *text, size_t length, uint32_t *minutes) {
    const char *dot = memchr(text, '.', length);
    size_t whole = dot != NULL ? (size_t)(dot - text) : length, rest = dot != NULL ? length - whole - 1 : 0;
    int64_t hours = 0, part = 0;
    if (!money_parse_count(text, whole, 100000, &hours) || (dot != NULL && (rest == 0 || rest > 2))) return false;
    if (rest > 0 && !money_parse_count(dot + 1, rest, 99, &part)) return false;
    if (rest == 1) part *= 10;
    if (part * 60 % 100 != 0) return false;
    *minutes = (uint32_t)(hours * 60 + part * 60 / 100);
    return *minutes > 0;
}

const char *reporting_kind_name(unsigned kind) {
    const char *name = report_kind_name(kind);
    return name != NULL ? name : "unknown";
}

/* ------------------------------------------------------------------ options */

typedef struct arguments {
    const char *type, *matter, *day, *source, *id, *ref, *target, *minutes, *hours, *until, *deadline, *asked_for;
} arguments;

static int parse_options(const cli *c, const reporting_action *a, rulebook_part part, int argc, char **argv,
                         arguments *g, int *first) {
    const struct {
        option_spec spec;
        bool taken;
    } all[] = {{{"source", NULL, &g->source}, true},
               {{"id", NULL, &g->id}, true},
               {{"ref", NULL, &g->ref}, true},
               {{"purpose", NULL, &g->asked_for}, true},
               {{"day", NULL, &g->day}, (a->takes & REPORTING_DAY) != 0},
               {{"type", NULL, &g->type}, (a->takes & REPORTING_TYPE) != 0 && part == RULEBOOK_TYPES},
               {{"matter", NULL, &g->type}, (a->takes & REPORTING_TYPE) != 0 && part == RULEBOOK_MATTERS},
               {{"target", NULL, &g->target}, (a->takes & REPORTING_TARGET) != 0},
               {{"minutes", NULL, &g->minutes}, (a->takes & REPORTING_MINUTES) != 0},
               {{"hours", NULL, &g->hours}, (a->takes & REPORTING_MINUTES) != 0},
               {{"until", NULL, &g->until}, (a->takes & REPORTING_UNTIL) != 0},
               {{"deadline", NULL, &g->deadline}, (a->takes & REPORTING_DEADLINE) != 0}};
    option_spec specs[sizeof all / sizeof all[0] + 1];
    size_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].taken) specs[n++] = all[i].spec;
    specs[n] = (option_spec)OPTION_END;
    return option_parse(c, argc, argv, specs, first);
}

static int parse_day(const cli *c, const char *option, const char *text, uint16_t *day) {
    if (text == NULL || reporting_parse_day(text, strlen(text), day)) return 0;
    return cli_usage(c, "%s is a day YYYY-MM-DD from 1970-01-02 on, not '%s'", option, text);
}

/* "240" minutes; "4", "1.5", "0.25" hours: exact to the minute. */
static int parse_minutes(const cli *c, const arguments *g, uint32_t *minutes) {
    int64_t value = 0;
    if ((g->minutes != NULL) == (g->hours != NULL)) return cli_usage(c, "how long? Give --minutes or --hours");
    if (g->hours != NULL) {
        if (reporting_parse_hours(g->hours, strlen(g->hours), minutes)) return 0;
        return cli_usage(c, "--hours is a number that is whole in minutes, such as 4 or 1.5, not '%s'", g->hours);
    }
    if (!money_parse_count(g->minutes, strlen(g->minutes), UINT32_MAX, &value) || value == 0)
        return cli_usage(c, "--minutes is a whole number from 1, not '%s'", g->minutes);
    *minutes = (uint32_t)value;
    return 0;
}

static int parse_reference(const cli *c, const char *text, char *to) {
    if (text == NULL) return 0;
    size_t length = strlen(text);
    if (length > REFERENCE_MAX)
        return cli_usage(c, "--ref has at most %d bytes (about 10 Chinese characters), not %zu", REFERENCE_MAX, length);
    if (!utf8_is_line(text, length)) return cli_usage(c, "--ref is one line of UTF-8");
    memcpy(to, text, length);
    return 0;
}

static int parse_id_option(const cli *c, const char *option, const char *text, xinyi_operation_id *id) {
    if (reporting_parse_id(text, strlen(text), id)) return 0;
    return cli_usage(c, "%s is 1 to 16 bytes of text or 32 hexadecimal digits, not '%s'", option, text);
}

/* Everything that needs no server. */
static int parse_arguments(const cli *c, const reporting_action *a, const arguments *g, xinyi_report_entry *r) {
    int code;
    unsigned asked_for;
    if ((code = cli_purpose(c, g->asked_for, PURPOSE_DATA_MAINTENANCE, &asked_for)) != 0 ||
        (code = parse_day(c, "--day", g->day, &r->day)) != 0 ||
        (code = parse_day(c, "--until", g->until, &r->until)) != 0 ||
        (code = parse_day(c, "--deadline", g->deadline, &r->until)) != 0 ||
        (code = parse_reference(c, g->ref, r->text)) != 0)
        return code;
    r->purpose = (uint8_t)asked_for;
    r->kind = (uint8_t)a->kind;
    if ((a->takes & REPORTING_MINUTES) != 0 && (code = parse_minutes(c, g, &r->value)) != 0) return code;
    if (g->target != NULL && (code = parse_id_option(c, "--target", g->target, &r->target)) != 0) return code;
    if (g->target == NULL && (a->takes & REPORTING_TARGET) != 0 && (a->takes & REPORTING_TYPE) == 0 &&
        a->target_kind == NULL)
        return cli_usage(c, "what is meant? Give --target, the id under which it was reported (xinyi %.*s list ID)",
                         (int)strcspn(a->title, " "), a->title);
    if (g->id != NULL) return parse_id_option(c, "--id", g->id, &r->id);
    r->id = xinyi_operation_new();
    return 0;
}

/* ------------------------------------------------------------------ dossiers */

/* A refusal is about the subject; everything else is about the server. */
static int failed_of(cli *c, const xinyi_subject *subject, int result) {
    char text[SUBJECT_TEXT];
    if (result != STATUS_UNKNOWN_SUBJECT) return cli_failed(c, result);
    cli_error(c, "%s: %s", cli_subject_text(subject, text), xinyi_status_text(STATUS_UNKNOWN_SUBJECT));
    return CLI_EXIT_REFUSED;
}

int reporting_dossier(cli *c, unsigned asked_for, unsigned part, const xinyi_subject *subject, json_t **out) {
    json_t *whole = NULL;
    json_int_t next = 0;
    for (;;) {
        const char *text;
        json_error_t problem;
        int result = xinyi_dossier(c->x, asked_for, part, subject, (uint32_t)next, 0, &text);
        json_t *page = result == 0 ? json_loads(text, 0, &problem) : NULL;
        if (page == NULL) {
            json_decref(whole);
            if (result == 0) cli_error(c, "the server's document cannot be read: %s", problem.text);
            return result != 0 ? failed_of(c, subject, result) : CLI_EXIT_REFUSED;
        }
        const json_t *more = json_object_get(page, "next");
        json_int_t at = json_is_integer(more) ? json_integer_value(more) : 0;
        if (whole == NULL) {
            whole = page;
        } else {
            json_array_extend(json_object_get(whole, "items"), json_object_get(page, "items"));
            json_decref(page);
        }
        if (at <= next || at > UINT32_MAX) break;
        next = at;
    }
    json_object_set_new(whole, "next", json_null());
    *out = whole;
    return 0;
}

/* The only thing of the action's kind that can be meant. */
static int find_target(cli *c, const reporting_action *a, unsigned part, xinyi_report_entry *r) {
    json_t *document, *thing;
    size_t i, found = 0;
    char state[32], shown[REPORTING_ID_TEXT], subject[SUBJECT_TEXT];
    int code = reporting_dossier(c, r->purpose, part, &r->subject, &document);
    if (code != 0) return code;
    json_array_foreach(json_object_get(document, "items"), i, thing) {
        const char *kind = json_string_value(json_object_get(thing, "kind"));
        const char *is = json_string_value(json_object_get(thing, "state"));
        const char *id = json_string_value(json_object_get(thing, "id"));
        if (kind == NULL || is == NULL || id == NULL || strcmp(kind, a->target_kind) != 0) continue;
        snprintf(state, sizeof state, " %s ", is);
        if (strstr(a->target_states, state) == NULL) continue;
        if (r->type != 0 && json_integer_value(json_object_get(thing, "type")) != r->type) continue;
        if (found++ == 0) (void)xinyi_operation_parse(id, &r->target);
        if (found > 1)
            cli_error(c, "%s of %s, id %s", a->target_kind, json_string_value(json_object_get(thing, "day")),
                      reporting_show_id(id, shown));
    }
    json_decref(document);
    if (found == 1) return 0;
    cli_subject_text(&r->subject, subject);
    if (found > 1) return cli_usage(c, "%s has %zu of them: say with --target which", subject, found);
    cli_error(c, "%s has no %s that this could be about", subject, a->target_kind);
    return CLI_EXIT_REFUSED;
}

/* A listing goes by its id alone, and a delisting is for good: so it must be of the list that the command names. */
static int check_list(cli *c, const xinyi_report_entry *r) {
    json_t *document, *thing;
    size_t i;
    char shown[REPORTING_ID_TEXT], subject[SUBJECT_TEXT];
    const json_t *meant = NULL;
    int code = reporting_dossier(c, r->purpose, XINYI_DOSSIER_LISTINGS, &r->subject, &document);
    if (code != 0) return code;
    json_array_foreach(json_object_get(document, "items"), i, thing) {
        const char *kind = json_string_value(json_object_get(thing, "kind"));
        const char *id = json_string_value(json_object_get(thing, "id"));
        xinyi_operation_id is;
        if (kind == NULL || id == NULL || strcmp(kind, "listing") != 0 || xinyi_operation_parse(id, &is) != 0) continue;
        if (memcmp(&is, &r->target, sizeof is) != 0) continue;
        bool own = json_integer_value(json_object_get(thing, "source")) == r->source;
        if (meant == NULL || own) meant = thing;
        if (own) break;
    }
    if (meant != NULL && json_integer_value(json_object_get(meant, "type")) != r->type) {
        const char *list = json_string_value(json_object_get(meant, "type_id"));
        cli_error(c, "%s: the listing %s is on another list, %s: nothing was changed",
                  cli_subject_text(&r->subject, subject), reporting_format_id(&r->target, shown),
                  list != NULL ? list : "one that the policy no longer has");
        code = CLI_EXIT_REFUSED;
    }
    json_decref(document);
    return code;
}

/* ------------------------------------------------------------------ sending */

/* What a status means for this kind of report, where the general text does not say it. */
static const char *text_of(unsigned kind, unsigned code) {
    if (code == STATUS_BAD_SUBJECT && kind == REPORT_SERVICE_ADD) return "only natural persons do volunteer service";
    if (code == STATUS_UNKNOWN_RECORD_TYPE && kind == REPORT_LISTING_ADD) return "the policy set has no such list";
    if (code == STATUS_UNKNOWN_RECORD_TYPE && kind != REPORT_RECORD_ADD) return "the policy set has no such matter";
    return xinyi_status_text(code);
}

static const char *hint_of(unsigned code) {
    switch (code) {
    case STATUS_UNKNOWN_SUBJECT: return " (xinyi set ID --create makes it)";
    case STATUS_UNKNOWN_SOURCE: return " (see: xinyi sources)";
    case STATUS_UNKNOWN_TARGET: return " (the source is the one that reported it; the base may name anybody's)";
    case STATUS_TOO_EARLY: return " (the list command with --json shows repairable_from)";
    case STATUS_NOT_QUALIFIED: return " (policy: lists, qualify)";
    default: return "";
    }
}

static int show_result(cli *c, const xinyi_report_entry *r, const xinyi_report_reply *reply) {
    char subject[SUBJECT_TEXT], id[REPORTING_ID_TEXT], hex[XINYI_OPERATION_TEXT], day[VIEW_TEXT];
    cli_subject_text(&r->subject, subject);
    bool repeated = (reply->flags & XINYI_REPEATED) != 0;
    if (c->json) {
        jout_object(&c->out, NULL);
        jout_string(&c->out, "subject", subject);
        jout_string(&c->out, "kind", reporting_kind_name(r->kind));
        jout_string(&c->out, "id", xinyi_operation_format(&r->id, hex));
        jout_string(&c->out, "status", xinyi_status_name(reply->status));
        jout_bool(&c->out, "repeated", repeated);
        jout_int(&c->out, "version", reply->version);
        if (reply->status == 0) jout_int(&c->out, "number", reply->number);
        jout_string(&c->out, "until", reply->until != 0 ? view_day(reply->until, day) : NULL);
        jout_end(&c->out);
        jout_line(&c->out);
    } else if (reply->status == 0) {
        static const char *const ends[] = {[XINYI_RECORD_ADD] = "ends",
                                           [XINYI_LISTING_ADD] = "ends",
                                           [XINYI_COMMITMENT_ACCEPT] = "deadline",
                                           [XINYI_COMMITMENT_EXTEND] = "deadline"};
        printf("%s%s, version %u; id %s", subject, repeated ? ": known already" : "", reply->version,
               reporting_format_id(&r->id, id));
        if (reply->until != 0 && r->kind < sizeof ends / sizeof ends[0] && ends[r->kind] != NULL)
            printf("; %s %s", ends[r->kind], view_day(reply->until, day));
        putchar('\n');
    }
    if (reply->status != 0) cli_error(c, "%s: %s%s", subject, text_of(r->kind, reply->status), hint_of(reply->status));
    return cli_exit_of(reply->status);
}

int reporting_send(cli *c, const xinyi_report_entry *r) {
    xinyi_report_reply reply;
    char id[REPORTING_ID_TEXT];
    int code = xinyi_report(c->x, r, 1, &reply);
    if (code == 0) return show_result(c, r, &reply);
    int exit_code = cli_failed(c, code);
    if (exit_code == CLI_EXIT_NO_CONNECTION)
        cli_error(c, "whether it was accepted is not known; the same command with --id %s is safe to repeat",
                  reporting_format_id(&r->id, id));
    return exit_code;
}

static unsigned part_of(rulebook_part part) {
    return part == RULEBOOK_LISTS     ? XINYI_DOSSIER_LISTINGS
           : part == RULEBOOK_MATTERS ? XINYI_DOSSIER_COMMITMENTS
                                      : XINYI_DOSSIER_ALL;
}

int reporting_run(cli *c, const reporting_action *a, rulebook_part part, int argc, char **argv) {
    arguments g = {0};
    xinyi_report_entry r = {0};
    rulebook book = {0};
    unsigned number = 0, source = 0;
    bool of_list = part == RULEBOOK_LISTS;
    int first, code = parse_options(c, a, part, argc, argv, &g, &first);
    if (code != 0) return code;
    if (argc - first != (of_list ? 2 : 1))
        return cli_usage(c, of_list ? "give a list and a subject, such as red_list uscc:91530000MA00TTT099"
                                    : "give one subject, such as uscc:91530000MA00TTT099");
    if ((code = cli_subject(c, argv[argc - 1], &r.subject)) != 0 || (code = parse_arguments(c, a, &g, &r)) != 0)
        return code;
    const char *type = of_list ? argv[first] : g.type;
    if (type == NULL && (a->takes & REPORTING_TYPE) != 0 && g.target == NULL)
        return cli_usage(c, part == RULEBOOK_TYPES ? "which type? Give --type (see: xinyi record types)"
                                                   : "which matter? Give --matter (see: xinyi commitment matters)");
    if (type != NULL && g.target != NULL && !of_list) return cli_usage(c, "give --matter or --target, not both");
    if (g.source != NULL) code = rulebook_code(c, &book, RULEBOOK_SOURCES, g.source, &source);
    if (code == 0 && type != NULL) code = rulebook_code(c, &book, part, type, &number);
    rulebook_deinit(&book);
    if (code != 0 || (code = cli_connect(c)) != 0) return code;
    r.source = (uint16_t)source;
    r.type = (uint16_t)number;
    if (g.target == NULL && a->target_kind != NULL && (code = find_target(c, a, part_of(part), &r)) != 0) return code;
    if (r.kind == XINYI_LISTING_REMOVE && (code = check_list(c, &r)) != 0) return code;
    if ((a->takes & REPORTING_TYPE) == 0) r.type = 0; /* it only helped to find what is meant */
    return reporting_send(c, &r);
}

/* ------------------------------------------------------------------ lists and dispatch */

const char *reporting_member(const json_t *object, const char *key, char buffer[REPORTING_MEMBER]) {
    const json_t *value = json_object_get(object, key);
    buffer[0] = '\0';
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_integer(value))
        snprintf(buffer, REPORTING_MEMBER, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(buffer, REPORTING_MEMBER, "%.2f", json_real_value(value));
    else if (json_is_true(value))
        snprintf(buffer, REPORTING_MEMBER, "yes");
    return buffer;
}

const char *reporting_source(const json_t *object, char buffer[96]) {
    char number[REPORTING_MEMBER], id[REPORTING_MEMBER];
    snprintf(buffer, 96, "%s %s", reporting_member(object, "source", number),
             reporting_member(object, "source_id", id));
    size_t length = strlen(buffer);
    if (length > 0 && buffer[length - 1] == ' ') buffer[length - 1] = '\0';
    return buffer;
}

int reporting_list(cli *c, unsigned part, int argc, char **argv, json_t **document) {
    const char *purpose_text = NULL;
    const option_spec specs[] = {{"purpose", NULL, &purpose_text}, OPTION_END};
    xinyi_subject subject;
    unsigned asked_for;
    int first, code = option_parse(c, argc, argv, specs, &first);
    *document = NULL;
    if (code != 0 || (code = cli_purpose(c, purpose_text, PURPOSE_DATA_MAINTENANCE, &asked_for)) != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one subject, such as uscc:91530000MA00TTT099");
    if ((code = cli_subject(c, argv[first], &subject)) != 0 || (code = cli_connect(c)) != 0) return code;
    if ((code = reporting_dossier(c, asked_for, part, &subject, document)) != 0 || !c->json) return code;
    char *text = json_dumps(*document, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(*document);
    *document = NULL;
    if (text == NULL) return cli_no_memory(c);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    free(text);
    return 0;
}

/* What may write every field, or report everything, need not be told one by one. */
static bool is_all(const json_t *value) {
    return json_object_size(value) >= (size_t)__builtin_popcountll(profile_writable_mask()) ||
           json_array_size(value) >= REPORT_KIND_END - 1;
}

static void join(const json_t *value, buf *to) {
    json_t *each;
    size_t i;
    const char *key;
    if (is_all(value)) {
        buf_append_str(to, "all");
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)value, i, each) {
        if (json_is_string(each)) buf_printf(to, "%s%s", to->size > 0 ? " " : "", json_string_value(each));
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, each) { buf_printf(to, "%s%s", to->size > 0 ? " " : "", key); }
}

int reporting_catalogue(cli *c, rulebook_part part, const sheet_column *columns, const char *const *members,
                        size_t count) {
    rulebook book = {0};
    json_t *entry;
    size_t i;
    buf joined = {0};
    int code = rulebook_load(c, &book);
    if (code != 0) return code;
    sheet *t = c->json ? NULL : sheet_create(columns, count, c->color);
    json_array_foreach((json_t *)(uintptr_t)rulebook_entries(&book, part), i, entry) {
        if (c->json) {
            char *text = json_dumps(entry, JSON_COMPACT | JSON_REAL_PRECISION(6));
            if (text != NULL) jout_raw(&c->out, NULL, text);
            jout_line(&c->out);
            free(text);
            continue;
        }
        sheet_row(t);
        for (size_t k = 0; k < count; k++) {
            char a[REPORTING_MEMBER];
            const json_t *value = json_object_get(entry, members[k]);
            buf_clear(&joined);
            join(value, &joined);
            sheet_cell(t, joined.size > 0 ? buf_cstr(&joined) : reporting_member(entry, members[k], a));
        }
    }
    if (!c->json && !sheet_print(t)) code = cli_no_memory(c);
    sheet_destroy(&t);
    buf_deinit(&joined);
    rulebook_deinit(&book);
    return code;
}

int reporting_dispatch(cli *c, const reporting_action *actions, size_t action_count, rulebook_part part,
                       const reporting_word *words, size_t word_count, int argc, char **argv) {
    char near[SUGGEST_TEXT];
    const char *asked = argc > 1 ? argv[1] : "";
    suggest s = {.word = asked};
    for (size_t i = 0; i < word_count; i++) {
        suggest_offer(&s, words[i].name);
        if (strcmp(asked, words[i].name) != 0) continue;
        c->command = words[i].title;
        return words[i].run(c, argc - 1, argv + 1);
    }
    for (size_t i = 0; i < action_count; i++) {
        suggest_offer(&s, actions[i].name);
        if (strcmp(asked, actions[i].name) != 0) continue;
        c->command = actions[i].title;
        return reporting_run(c, &actions[i], part, argc - 1, argv + 1);
    }
    if (argc > 1) return cli_usage(c, "unknown action '%s'%s", asked, suggest_text(&s, near));
    buf all = {0};
    for (size_t i = 0; i < action_count; i++) buf_printf(&all, "%s%s", i > 0 ? ", " : "", actions[i].name);
    for (size_t i = 0; i < word_count; i++) buf_printf(&all, ", %s", words[i].name);
    int code = cli_usage(c, "what to do? %s", buf_cstr(&all));
    buf_deinit(&all);
    return code;
}
