/* The head of a policy file, and the order in which its parts are read: benefits before the tables that grant them,
 * tables before the examples that name their rows. */
#include "engine/policy_load.h"

#include "base/clock.h"
#include "base/division.h"
#include "engine/policy_suggest.h"
#include "engine/policy_value.h"

#include <stdio.h>
#include <string.h>

static const char *or_empty(const char *text) { return text ? text : ""; }

/* ------------------------------------------------------------------ who, when, why */

/* The five that ship are asked for their own purpose, whatever client asks. */
static void parse_purpose(policy_loader *l, const policy_node *node, policy *out) {
    out->purpose = out->scenario <= SCENARIO_VOLUNTEER ? out->scenario : PURPOSE_NONE;
    if (!node) return;
    const char *names[PURPOSE_END] = {0};
    char near[80] = "";
    bool text = node->kind == NODE_TEXT;
    unsigned code = text ? purpose_find(node->text) : PURPOSE_NONE;
    for (unsigned i = 1; i < PURPOSE_END; i++) names[i] = purpose_name(i);
    if (text) policy_suggest_text(node->text, node->length, names, PURPOSE_END, near, sizeof near);
    if (code == PURPOSE_NONE)
        policy_error(l, node, "the usual purpose of a scenario is one such as administrative_approval%s", near);
    else if (out->purpose != PURPOSE_NONE && code != out->purpose)
        policy_error(l, node, "the scenario '%s' is asked for %s; leave 'purpose:' out", out->scenario_name,
                     purpose_name(out->purpose));
    else
        out->purpose = (uint8_t)code;
}

static void parse_scenario(policy_loader *l, const policy_node *node, policy *out) {
    static const char *const SHIPPED[] = {NULL, "loan", "travel", "power", "approval", "volunteer"};
    policy_key keys[] = {
        {.name = "name", .required = true}, {.name = "code", .required = true}, {.name = "title"}, {.name = "purpose"}};
    int64_t code = 0;
    out->scenario_mark = policy_mark_of(node);
    if (!policy_read_keys(l, node, "'scenario'", keys, 4)) return;
    if (keys[0].value) out->scenario_name = or_empty(policy_read_name(l, keys[0].value, "a scenario's name"));
    if (keys[2].value) out->scenario_title = or_empty(policy_read_text(l, keys[2].value, "a scenario's title"));
    if (!keys[1].value || !policy_read_number(l, keys[1].value, "a scenario's code", 1, SCENARIO_MAX, &code)) return;
    out->scenario = (uint8_t)code;
    parse_purpose(l, keys[3].value, out);
    if (!out->scenario_name[0]) return;
    for (int64_t i = 1; i <= SCENARIO_VOLUNTEER; i++) {
        bool same = strcmp(SHIPPED[i], out->scenario_name) == 0;
        if (same == (i == code)) continue;
        if (same)
            policy_error(l, keys[1].value, "the scenario '%s' has code %lld", SHIPPED[i], (long long)i);
        else
            policy_error(l, keys[1].value, "code %lld belongs to the scenario '%s'; other scenarios have 6 to %d",
                         (long long)code, SHIPPED[i], SCENARIO_MAX);
        return;
    }
}

static bool parse_hour(policy_loader *l, const policy_node *node, int32_t *hour) {
    char why[POLICY_WHY_TEXT];
    bool text = node->kind == NODE_TEXT;
    if (policy_value_hour(text ? node->text : "", text ? node->length : 0, hour, why)) return true;
    policy_error(l, node, "%s", why);
    return false;
}

static void parse_effective(policy_loader *l, const policy_node *node, policy *out) {
    policy_key keys[] = {{.name = "from"}, {.name = "to"}};
    out->effective_mark = policy_mark_of(node);
    if (!policy_read_keys(l, node, "'effective'", keys, 2)) return;
    if (keys[0].value) parse_hour(l, keys[0].value, &out->from_hour);
    if (keys[1].value && parse_hour(l, keys[1].value, &out->to_hour) && out->to_hour <= out->from_hour)
        policy_error(l, keys[1].value,
                     "the policy ends before it begins; 'to' is the first day, or hour, it is no longer in force");
}

/* One text, or a list of them, joined with "; ". */
static const char *parse_texts(policy_loader *l, const policy_node *node, const char *what) {
    if (node->kind != NODE_LIST) return or_empty(policy_read_text(l, node, what));
    size_t total = 1, used = 0;
    for (const policy_node *n = node->first; n; n = n->next) total += n->length + 2u;
    char *text = policy_arena_alloc(l->keep, total, 1);
    if (!text) {
        l->no_memory = true;
        return "";
    }
    for (const policy_node *n = node->first; n; n = n->next) {
        if (!policy_read_text(l, n, what)) return "";
        used += (size_t)snprintf(text + used, total - used, "%s%s", used ? "; " : "", n->text);
    }
    return text;
}

static void parse_basis(policy_loader *l, const policy_node *root, const policy_node *authority,
                        const policy_node *basis, policy *out) {
    if (authority)
        out->authority = or_empty(policy_read_text(l, authority, "'authority'"));
    else
        policy_say(l, POLICY_WARNING, root,
                   "no authority is named; write 'authority:' with the department that decides this policy");
    if (basis) out->legal_basis = parse_texts(l, basis, "a legal basis");
    if (!basis || (basis->kind == NODE_LIST && basis->count == 0))
        policy_say(l, POLICY_WARNING, basis ? basis : root,
                   "no legal basis is named; write 'legal_basis: [ … ]' with the documents this policy rests on");
}

/* ------------------------------------------------------------------ benefits */

static void check_benefit(policy_loader *l, const policy_node *node, const policy *out, const policy_benefit *b) {
    for (unsigned i = 0; i < out->benefit_count; i++) {
        const policy_benefit *other = &out->benefits[i];
        if (other->code == b->code)
            policy_error(l, node, "benefit code %u is taken by '%s'; give each benefit a code of its own", b->code,
                         other->id);
        if (strcmp(other->id, b->id) == 0)
            policy_error(l, node, "the benefit '%s' is defined twice; remove one", b->id);
    }
}

static void parse_benefit(policy_loader *l, const policy_node *node, policy *out) {
    policy_key keys[] = {{.name = "code", .required = true}, {.name = "id", .required = true}, {.name = "title"}};
    if (!policy_read_keys(l, node, "a benefit", keys, 3) || !keys[0].value || !keys[1].value) return;
    int64_t code;
    policy_benefit b = {.title = ""};
    bool good = policy_read_number(l, keys[0].value, "a benefit's code", 0, LIMIT_BENEFITS - 1, &code);
    b.id = policy_read_name(l, keys[1].value, "a benefit's id");
    if (keys[2].value) b.title = or_empty(policy_read_text(l, keys[2].value, "a benefit's title"));
    if (!good || !b.id) return;
    b.code = (uint8_t)code;
    check_benefit(l, node, out, &b);
    out->benefits[out->benefit_count++] = b;
}

static void parse_benefits(policy_loader *l, const policy_node *node, policy *out) {
    out->benefits_mark = policy_mark_of(node);
    if (!policy_is_list(l, node, "'benefits'")) return;
    if (node->count > LIMIT_BENEFITS) {
        policy_error(l, node, "%u benefits; a scenario has at most %d", node->count, LIMIT_BENEFITS);
        return;
    }
    out->benefits = POLICY_ARENA_ARRAY(l->keep, policy_benefit, node->count);
    if (!out->benefits) {
        l->no_memory = true;
        return;
    }
    for (const policy_node *n = node->first; n; n = n->next) parse_benefit(l, n, out);
}

/* ------------------------------------------------------------------ scope */

/* A code that no division has takes everybody out of the scope, or lets nobody in. Well-formed cells hold six digits
 * for a division and no other digits. */
static void check_divisions(policy_loader *l, const policy_node *node) {
    if (node->kind == NODE_LIST) {
        for (const policy_node *item = node->first; item; item = item->next) check_divisions(l, item);
        return;
    }
    for (size_t at = 0; at + 6 <= node->length; at++) {
        uint32_t code = 0;
        size_t n = 0;
        for (; n < 6 && node->text[at + n] >= '0' && node->text[at + n] <= '9'; n++)
            code = code * 10 + (uint32_t)(node->text[at + n] - '0');
        if (n == 0) continue;
        if (n == 6 && !division_find(code))
            policy_say_in(l, POLICY_WARNING, node, at, "no division with the code %06u is known; check the number",
                          code);
        at += n - 1;
    }
}

/* A table of one row: one column for each field that the scope names; areas are the pilot of the row. */
void policy_parse_scope(policy_loader *l, const policy_node *node, policy *out) {
    if (node->kind != NODE_MAP) {
        policy_error(l, node, "'scope' is written as fields and cells: {division: 530100, form: [enterprise, person]}");
        return;
    }
    if (node->count > LIMIT_POLICY_COLUMNS) {
        policy_error(l, node, "a scope of more than %d fields", LIMIT_POLICY_COLUMNS);
        return;
    }
    policy_table *t = POLICY_ARENA_ARRAY(l->keep, policy_table, 1);
    policy_row *row = POLICY_ARENA_ARRAY(l->keep, policy_row, 1);
    const profile_field **fields = POLICY_ARENA_ARRAY(l->keep, const profile_field *, node->count);
    const char **tests = POLICY_ARENA_ARRAY(l->keep, const char *, node->count);
    sfeel_test *cells = POLICY_ARENA_ARRAY(&l->scratch, sfeel_test, node->count);
    if (!t || !row || !fields || !tests || !cells) {
        l->no_memory = true;
        return;
    }
    unsigned n = 0;
    const policy_pilot *areas = NULL;
    for (const policy_node *key = node->first; key; key = key->next) {
        if (policy_is_text(key, "area")) {
            areas = policy_parse_area_scope(l, key->value, out);
            continue;
        }
        const profile_field *field = policy_read_field(l, key);
        if (!field || !policy_read_cell(l, field, key->value, &cells[n], &tests[n])) continue;
        if (field->type == PROFILE_DIVISION) check_divisions(l, key->value);
        fields[n++] = field;
    }
    *row = (policy_row){.id = "scope", .because = "", .pilot = areas, .tests = tests, .mark = policy_mark_of(node)};
    *t = (policy_table){.id = "scope",
                        .title = "",
                        .row_count = 1,
                        .column_count = n,
                        .gaps_allowed = true,
                        .fields = fields,
                        .rows = row,
                        .cells = cells,
                        .mark = policy_mark_of(node)};
    if (n || areas) out->scope = t;
}

/* ------------------------------------------------------------------ the file */

static void check_outcome(policy_loader *l, const policy_node *tables, const policy *p) {
    for (unsigned t = 0; t < p->table_count; t++)
        for (unsigned r = 0; p->tables[t].outputs && r < p->tables[t].row_count; r++)
            if (p->tables[t].outputs[r].sets & SETS_OUTCOME) return;
    policy_say(l, POLICY_WARNING, tables,
               "no row sets 'outcome': every decision will be 'none'; add it to the outputs");
}

enum {
    KEY_POLICY,
    KEY_SCENARIO,
    KEY_TITLE,
    KEY_AUTHORITY,
    KEY_BASIS,
    KEY_STATUS,
    KEY_NOTE,
    KEY_EFFECTIVE,
    KEY_SCOPE,
    KEY_BENEFITS,
    KEY_TABLES,
    KEY_GUARANTEE,
    KEY_EXAMPLES,
    KEY_COUNT
};

void policy_parse(policy_loader *l, const policy_node *root, policy *out) {
    policy_key k[KEY_COUNT] = {[KEY_POLICY] = {.name = "policy", .required = true},
                               [KEY_SCENARIO] = {.name = "scenario", .required = true},
                               [KEY_TITLE] = {.name = "title", .required = true},
                               [KEY_AUTHORITY] = {.name = "authority"},
                               [KEY_BASIS] = {.name = "legal_basis"},
                               [KEY_STATUS] = {.name = "status"},
                               [KEY_NOTE] = {.name = "note"},
                               [KEY_EFFECTIVE] = {.name = "effective", .required = true},
                               [KEY_SCOPE] = {.name = "scope"},
                               [KEY_BENEFITS] = {.name = "benefits"},
                               [KEY_TABLES] = {.name = "tables", .required = true},
                               [KEY_GUARANTEE] = {.name = "guarantee"},
                               [KEY_EXAMPLES] = {.name = "examples"}};
    *out = (policy){.from_hour = INT32_MIN,
                    .to_hour = INT32_MAX,
                    .id = "",
                    .scenario_name = "",
                    .scenario_title = "",
                    .title = "",
                    .authority = "",
                    .legal_basis = "",
                    .file = l->file,
                    .mark = policy_mark_of(root)};
    if (!policy_read_keys(l, root, "a policy", k, KEY_COUNT)) return;
    if (k[KEY_POLICY].value) {
        out->mark = policy_mark_of(k[KEY_POLICY].value);
        out->id = or_empty(policy_read_name(l, k[KEY_POLICY].value, "a policy's id"));
    }
    if (k[KEY_SCENARIO].value) parse_scenario(l, k[KEY_SCENARIO].value, out);
    if (k[KEY_TITLE].value) out->title = or_empty(policy_read_text(l, k[KEY_TITLE].value, "'title'"));
    parse_basis(l, root, k[KEY_AUTHORITY].value, k[KEY_BASIS].value, out);
    for (int i = KEY_STATUS; i <= KEY_NOTE; i++)
        if (k[i].value) parse_texts(l, k[i].value, "this note");
    if (k[KEY_EFFECTIVE].value) parse_effective(l, k[KEY_EFFECTIVE].value, out);
    if (k[KEY_BENEFITS].value) parse_benefits(l, k[KEY_BENEFITS].value, out);
    if (k[KEY_SCOPE].value) policy_parse_scope(l, k[KEY_SCOPE].value, out);
    if (k[KEY_TABLES].value) {
        policy_parse_tables(l, k[KEY_TABLES].value, out, false, &out->tables, &out->table_count);
        check_outcome(l, k[KEY_TABLES].value, out);
    }
    if (k[KEY_GUARANTEE].value) policy_parse_guarantee(l, k[KEY_GUARANTEE].value, out);
    if (k[KEY_EXAMPLES].value)
        policy_parse_examples(l, k[KEY_EXAMPLES].value, out, false, &out->examples, &out->example_count);
    else
        policy_say(l, POLICY_WARNING, root, "no examples; write some under 'examples:', one for each row that matters");
}
