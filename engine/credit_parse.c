/* The part files of a set: which is which, what they have in common, their defaults, and what is looked up between
 * them when all have been read. */
#include "engine/credit_parse.h"

#include "engine/policy_suggest.h"
#include "engine/policy_value.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>
#include <yaml.h>

static const char *const KEYS[PART_COUNT] = {
#define X(name, key, derives) [PART_##name] = (key),
    CREDIT_PARTS(X)
#undef X
};

void *credit_keep(policy_loader *l, size_t size, size_t align) {
    void *memory = policy_arena_alloc(l->keep, size, align);
    if (!memory) l->no_memory = true;
    return memory;
}

/* ------------------------------------------------------------------ which part */

/* The first text of a file: its first key, if it is a map in order. */
unsigned credit_part_of(policy_loader *l, const char *text, size_t length) {
    yaml_parser_t parser;
    unsigned part = PART_COUNT;
    if (!yaml_parser_initialize(&parser)) {
        l->no_memory = true;
        return part;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    for (bool end = false; !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) break;
        end = event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT &&
              event.type != YAML_MAPPING_START_EVENT;
        for (unsigned i = 0; event.type == YAML_SCALAR_EVENT && i < PART_COUNT; i++)
            if (event.data.scalar.length == strlen(KEYS[i]) &&
                memcmp(event.data.scalar.value, KEYS[i], event.data.scalar.length) == 0)
                part = i;
        yaml_event_delete(&event);
    }
    l->no_memory |= parser.error == YAML_MEMORY_ERROR;
    yaml_parser_delete(&parser);
    return part;
}

/* A file that is no part is a scenario, unless its keys say that it was meant to be something else. */
bool credit_is_scenario(policy_loader *l, const policy_node *root) {
    const char *names[PART_COUNT + 1];
    char near[80];
    if (root->kind != NODE_MAP || !root->first) return true;
    for (const policy_node *key = root->first; key; key = key->next)
        if (policy_is_text(key, "policy") || policy_is_text(key, "scenario") || policy_is_text(key, "tables"))
            return true;
    for (const policy_node *key = root->first; key; key = key->next)
        for (unsigned i = 0; i < PART_COUNT; i++) {
            if (!policy_is_text(key, KEYS[i])) continue;
            policy_error(l, key, "'%s:' says what this file is, so it comes first; move it to the top", KEYS[i]);
            return false;
        }
    for (unsigned i = 0; i < PART_COUNT; i++) names[i] = KEYS[i];
    names[PART_COUNT] = "policy";
    policy_suggest_text(root->first->text, root->first->length, names, PART_COUNT + 1, near, sizeof near);
    if (!near[0]) return true;
    policy_error(l, root->first, "unknown key '%.*s'%s; the first key says what a file is",
                 policy_shown(root->first->text, root->first->length), root->first->text, near);
    return false;
}

/* ------------------------------------------------------------------ defaults */

bool credit_loading_begin(policy_loader *l, credit_loading *c) {
    static const uint32_t STARS[] = {100 * 60, 300 * 60, 600 * 60, 1000 * 60, 1500 * 60};
    static const credit_list LISTS[] = {
        {.code = 1, .flag = PROFILE_FLAG_RED_LIST, .published = true, .id = "red_list", .title = "守信红名单"},
        {.code = 2,
         .flag = PROFILE_FLAG_SERIOUS_LIST,
         .published = true,
         .id = "serious_list",
         .title = "严重失信主体名单"}};
    *c = (credit_loading){.rules = CREDIT_KEEP(l, credit_rules, 1)};
    if (!c->rules) return false;
    *c->rules = (credit_rules){.personal_kept = {60, PERIOD_MONTHS, 0},
                               .commitment_deadline = {15, PERIOD_WORKING_DAYS, 0},
                               .commitment_extension = {10, PERIOD_WORKING_DAYS, 0},
                               .weekend = 1 << 5 | 1 << 6,
                               .lists = LISTS,
                               .list_count = sizeof LISTS / sizeof *LISTS,
                               .service_minutes_a_day = 720,
                               .star_minutes = STARS,
                               .star_count = sizeof STARS / sizeof *STARS};
    l->rules = c->rules;
    return true;
}

/* ------------------------------------------------------------------ readers */

bool credit_read_head(policy_loader *l, const policy_node *root, const char *what, policy_key *keys, size_t count) {
    static const char *const HEAD[CREDIT_HEAD_KEYS] = {"title", "authority", "legal_basis", "status", "note"};
    policy_key *head = keys + count - CREDIT_HEAD_KEYS;
    for (size_t i = 0; i < CREDIT_HEAD_KEYS; i++) head[i] = (policy_key){.name = HEAD[i]};
    if (!policy_read_keys(l, root, what, keys, count)) return false;
    if (head[0].value) (void)policy_read_text(l, head[0].value, "'title'");
    if (head[1].value)
        (void)policy_read_text(l, head[1].value, "'authority'");
    else
        policy_say(l, POLICY_WARNING, root,
                   "no authority is named; write 'authority:' with the department that decides this");
    const policy_node *basis = head[2].value;
    if (!basis || (basis->kind == NODE_LIST && basis->count == 0))
        policy_say(l, POLICY_WARNING, basis ? basis : root,
                   "no legal basis is named; write 'legal_basis: [ … ]' with the documents this rests on");
    for (size_t i = 2; i < CREDIT_HEAD_KEYS; i++) {
        const policy_node *text = head[i].value;
        if (text && text->kind != NODE_LIST) (void)policy_read_text(l, text, "this note");
        for (const policy_node *n = text && text->kind == NODE_LIST ? text->first : NULL; n; n = n->next)
            (void)policy_read_text(l, n, "this note");
    }
    return true;
}

bool credit_read_word(policy_loader *l, const policy_node *node, const char *what, const char *const *names,
                      unsigned count, unsigned *out) {
    char near[80] = "", all[240] = "";
    size_t used = 0;
    bool more = false;
    for (unsigned i = 0; i < count; i++) {
        if (!names[i]) continue;
        *out = i;
        if (policy_is_text(node, names[i])) return true;
        if (used + strlen(names[i]) + 2 + sizeof " …" <= sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", names[i]);
        else
            more = true;
    }
    if (more) snprintf(all + used, sizeof all - used, " …");
    if (node->kind == NODE_TEXT) policy_suggest_text(node->text, node->length, names, count, near, sizeof near);
    if (near[0])
        policy_error(l, node, "unknown %s '%.*s'%s", what, policy_shown(node->text, node->length), node->text, near);
    else if (node->kind == NODE_TEXT)
        policy_error(l, node, "unknown %s '%.*s'; known are %s", what, policy_shown(node->text, node->length),
                     node->text, all);
    else
        policy_error(l, node, "%s is one of %s", what, all);
    return false;
}

/* ------------------------------------------------------------------ periods and points */

static const struct {
    const char *name;
    uint8_t unit;
    uint16_t factor, most;
} UNITS[] = {
    {"days", PERIOD_DAYS, 1, 36500},
    {"day", PERIOD_DAYS, 1, 36500},
    {"months", PERIOD_MONTHS, 1, 1200},
    {"month", PERIOD_MONTHS, 1, 1200},
    {"years", PERIOD_MONTHS, 12, 100},
    {"year", PERIOD_MONTHS, 12, 100},
    {"working days", PERIOD_WORKING_DAYS, 1, 2500},
    {"working day", PERIOD_WORKING_DAYS, 1, 2500},
};

bool credit_read_period(policy_loader *l, const policy_node *node, const char *what, period *out) {
    if (policy_is_text(node, "none")) {
        *out = (period){0};
        return true;
    }
    uint64_t n = 0;
    size_t at = 0, length = node->kind == NODE_TEXT ? node->length : 0;
    for (; at < length && at < 6 && node->text[at] >= '0' && node->text[at] <= '9'; at++)
        n = n * 10 + (uint64_t)(node->text[at] - '0');
    bool number = at > 0 && node->text[0] != '0' && at < length && node->text[at] == ' ';
    for (size_t i = 0; number && i < sizeof UNITS / sizeof *UNITS; i++) {
        if (strlen(UNITS[i].name) != length - at - 1 ||
            memcmp(node->text + at + 1, UNITS[i].name, length - at - 1) != 0)
            continue;
        if (n > UNITS[i].most) {
            policy_error(l, node, "%s is too long; at most %u %s", what, UNITS[i].most, UNITS[i].name);
            return false;
        }
        *out = (period){(uint16_t)(n * UNITS[i].factor), UNITS[i].unit, 0};
        return true;
    }
    if (node->kind == NODE_TEXT)
        policy_error(l, node,
                     "%s is a time such as '15 working days', '30 days', '3 months', '1 year' or none, not '%.*s'",
                     what, policy_shown(node->text, node->length), node->text);
    else
        policy_error(l, node, "%s is a time such as '15 working days', '30 days', '3 months', '1 year' or none", what);
    return false;
}

bool credit_read_points(policy_loader *l, const policy_node *node, const char *what, uint16_t *out) {
    const profile_field *field = profile_field_at(FIELD_negative_points);
    int64_t value = 0;
    if (node->kind == NODE_TEXT && node->length > 0 &&
        profile_parse_value(field, node->text, node->length, &value) == STATUS_OK && value != PROFILE_MISSING) {
        *out = (uint16_t)value;
        return true;
    }
    policy_error(l, node, "%s are points from 0 to 655.35 with at most two decimals, such as 3.5", what);
    return false;
}

/* ------------------------------------------------------------------ reading a part */

/* The list of a part whose first key is the name of what it lists: `areas: yunnan-2026` with the list under `items:`,
 * or the list right behind the first key. */
static void parse_areas(policy_loader *l, const policy_node *root, credit_loading *c) {
    enum { AREAS, ITEMS, HEAD, COUNT = HEAD + CREDIT_HEAD_KEYS };
    policy_key k[COUNT] = {[AREAS] = {.name = "areas", .required = true}, [ITEMS] = {.name = "items"}};
    if (!credit_read_head(l, root, "a file of areas", k, COUNT)) return;
    const policy_node *list = credit_read_items(l, root, k, "areas");
    if (list) credit_parse_areas(l, list, c->rules);
}

const policy_node *credit_read_items(policy_loader *l, const policy_node *root, const policy_key *keys,
                                     const char *what) {
    const policy_node *own = keys[0].value, *items = keys[1].value;
    if (!own) return NULL;
    if (own->kind == NODE_TEXT) (void)policy_read_name(l, own, "this file's id");
    if (own->kind == NODE_TEXT && !items)
        policy_error(l, root, "'items:' is missing: write the %s there, each as {code: …, id: …}", what);
    if (own->kind != NODE_TEXT && items)
        policy_error(l, items, "the %s stand behind '%s:' already; put them all in one place", what, keys[0].name);
    return own->kind == NODE_TEXT ? items : own;
}

void credit_parse(policy_loader *l, credit_loading *c, unsigned part, const policy_file *file,
                  const policy_node *root) {
    policy_mark start = policy_mark_of(root);
    if (c->files[part]) {
        policy_say_at(l, POLICY_ERROR, start, "the set has '%s:' in %s already; put both in one file", KEYS[part],
                      c->files[part]);
        return;
    }
    c->files[part] = l->file;
    c->starts[part] = start;
    c->texts[part] = XXH3_64bits(file->text, file->length);
    switch ((credit_part)part) {
    case PART_RECORDS: credit_parse_records(l, root, c); break;
    case PART_COMMITMENTS: credit_parse_commitments(l, root, c); break;
    case PART_CALENDAR: credit_parse_calendar(l, root, c); break;
    case PART_LISTS: credit_parse_lists(l, root, c); break;
    case PART_SERVICE: credit_parse_service(l, root, c); break;
    case PART_SOURCES: credit_parse_sources(l, root, c); break;
    case PART_EVALUATION: evaluation_parse(l, root, c->rules); break;
    case PART_AREAS: parse_areas(l, root, c); break;
    case PART_COUNT: break;
    }
}

/* ------------------------------------------------------------------ after all parts */

/* Of the parts that profiles depend on, in order of kind: which, and the hash of its text. Without any: of nothing. */
static uint64_t hash_of(const credit_loading *c) {
    static const bool DERIVES[PART_COUNT] = {
#define X(name, key, derives) [PART_##name] = (derives),
        CREDIT_PARTS(X)
#undef X
    };
    unsigned char bytes[PART_COUNT * 9];
    size_t n = 0;
    for (unsigned part = 0; part < PART_COUNT; part++) {
        if (!DERIVES[part] || !c->files[part]) continue;
        bytes[n++] = (unsigned char)part;
        for (int i = 0; i < 8; i++) bytes[n++] = (unsigned char)(c->texts[part] >> (8 * i));
    }
    return XXH3_64bits(bytes, n);
}

static void resolve_breach(policy_loader *l, credit_loading *c) {
    credit_rules *r = c->rules;
    if (!c->breach) return;
    l->file = c->files[PART_COMMITMENTS];
    const record_type *type = credit_record_type_find(r, c->breach);
    if (type && type->class == CLASS_MERIT)
        policy_say_at(l, POLICY_ERROR, c->breach_mark, "'%s' is a merit; a breach is a record of class general or so",
                      c->breach);
    if (type) {
        r->breach_type = type->code;
        return;
    }
    if (c->types_missing) return;
    const char *names[LIMIT_RECORD_TYPES];
    char near[80] = "";
    for (unsigned i = 0; i < r->type_count; i++) names[i] = r->types[i].id;
    policy_suggest_text(c->breach, strlen(c->breach), names, r->type_count, near, sizeof near);
    policy_say_at(l, POLICY_ERROR, c->breach_mark, "unknown record type '%s'%s", c->breach,
                  near[0] ? near : "; define it in the file 'records:'");
}

void credit_loading_end(policy_loader *l, credit_loading *c) {
    c->rules->hash = hash_of(c);
    resolve_breach(l, c);
    credit_resolve_examples(l, c);
    evaluation_resolve(l, c->rules);
}
