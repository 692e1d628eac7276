/* One document a run, searched linearly: a few hundred entries, looked at a few times. */
#include "client/cli/rulebook.h"

#include "client/cli/money.h"
#include "client/cli/suggest.h"

#include <string.h>

static const struct {
    const char *member, *code, *word, *command;
} parts[] = {
    [RULEBOOK_TYPES] = {"types", "code", "record type", "xinyi record types"},
    [RULEBOOK_MATTERS] = {"matters", "code", "matter", "xinyi commitment matters"},
    [RULEBOOK_LISTS] = {"lists", "code", "list", "xinyi list"},
    [RULEBOOK_SOURCES] = {"sources", "number", "source", "xinyi sources"},
};

int rulebook_load(cli *c, rulebook *r) {
    const char *text;
    json_error_t problem;
    if (r->document != NULL) return 0;
    int code = cli_connect(c);
    if (code != 0) return code;
    int result = xinyi_command(c->x, "{\"command\":\"catalogue\"}", &text);
    if (result != 0) return cli_failed(c, result);
    r->document = json_loads(text, 0, &problem);
    if (r->document != NULL) return 0;
    cli_error(c, "the server's catalogue cannot be read: %s", problem.text);
    return CLI_EXIT_REFUSED;
}

void rulebook_deinit(rulebook *r) {
    json_decref(r->document);
    r->document = NULL;
}

const json_t *rulebook_entries(const rulebook *r, rulebook_part part) {
    return json_object_get(r->document, parts[part].member);
}

const json_t *rulebook_find(const rulebook *r, rulebook_part part, unsigned code) {
    const json_t *entry;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)rulebook_entries(r, part), i, entry) {
        if (json_integer_value(json_object_get(entry, parts[part].code)) == (json_int_t)code) return entry;
    }
    return NULL;
}

const char *rulebook_id(const rulebook *r, rulebook_part part, unsigned code) {
    return json_string_value(json_object_get(rulebook_find(r, part, code), "id"));
}

bool rulebook_lookup(const rulebook *r, rulebook_part part, const char *text, size_t length, unsigned *code) {
    int64_t number;
    const json_t *entry;
    size_t i;
    if (money_parse_count(text, length, UINT16_MAX, &number)) {
        *code = (unsigned)number;
        return true;
    }
    json_array_foreach((json_t *)(uintptr_t)rulebook_entries(r, part), i, entry) {
        const json_t *id = json_object_get(entry, "id");
        if (json_string_length(id) != length || memcmp(json_string_value(id), text, length) != 0) continue;
        *code = (unsigned)json_integer_value(json_object_get(entry, parts[part].code));
        return true;
    }
    return false;
}

int rulebook_code(cli *c, rulebook *r, rulebook_part part, const char *text, unsigned *code) {
    char near[SUGGEST_TEXT];
    suggest s = {.word = text};
    const json_t *entry;
    size_t i;
    if (rulebook_lookup(r, part, text, strlen(text), code)) return 0;
    int result = rulebook_load(c, r);
    if (result != 0) return result;
    if (rulebook_lookup(r, part, text, strlen(text), code)) return 0;
    json_array_foreach((json_t *)(uintptr_t)rulebook_entries(r, part), i, entry) {
        const char *id = json_string_value(json_object_get(entry, "id"));
        if (id != NULL) suggest_offer(&s, id);
    }
    cli_error(c, "unknown %s '%s'%s (see: %s)", parts[part].word, text, suggest_text(&s, near), parts[part].command);
    return CLI_EXIT_USAGE;
}
