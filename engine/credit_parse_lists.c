/* Lists that are kept and published: what admits to them, what ends a listing, which list overrides which. The
 * condition of admission is a decision table of one row. */
#include "engine/credit_parse.h"

#include "engine/policy_suggest.h"

#include <stdlib.h>
#include <string.h>

typedef struct lists_reader {
    policy_loader *l;
    credit_list *lists;
    const policy_node *excluded_by[LIMIT_LISTS]; /* by list: as written, NULL none */
    unsigned count;
} lists_reader;

/* ------------------------------------------------------------------ admission */

static const table *compile_row(policy_loader *l, const policy_node *node, const profile_field *const *fields,
                                const sfeel_test *cells, unsigned columns) {
    table_spec spec = {.rows = 1, .columns = columns, .fields = fields, .cells = cells};
    table_plan plan;
    status s = table_plan_make(&spec, LIMIT_POLICY_COMPILED_BYTES - l->compiled, &l->scratch, &plan);
    size_t bytes = s == STATUS_OK ? table_bytes(&plan) : 0;
    if (s == STATUS_TOO_LARGE || (s == STATUS_OK && bytes > LIMIT_POLICY_COMPILED_BYTES - l->compiled)) {
        policy_error(l, node, "the tables of this set need more than %u MiB; use fewer ranges",
                     LIMIT_POLICY_COMPILED_BYTES >> 20);
        return NULL;
    }
    void *memory = s == STATUS_OK ? policy_arena_alloc(l->keep, bytes, 64) : NULL;
    if (!memory) {
        l->no_memory = true;
        return NULL;
    }
    l->compiled += bytes;
    return table_build(&plan, memory);
}

static bool read_condition(policy_loader *l, const policy_node *node, credit_condition *out) {
    if (node->kind != NODE_MAP || node->count == 0 || node->count > LIMIT_POLICY_COLUMNS) {
        policy_error(l, node, "a condition is written as fields and cells: {public_grade: 优}");
        return false;
    }
    policy_table *t = CREDIT_KEEP(l, policy_table, 1);
    policy_row *row = CREDIT_KEEP(l, policy_row, 1);
    const profile_field **fields = CREDIT_KEEP(l, const profile_field *, node->count);
    const char **tests = CREDIT_KEEP(l, const char *, node->count);
    sfeel_test *cells = POLICY_ARENA_ARRAY(&l->scratch, sfeel_test, node->count);
    if (!t || !row || !fields || !tests || !cells) {
        l->no_memory = true;
        return false;
    }
    unsigned n = 0;
    for (const policy_node *key = node->first; key; key = key->next) {
        fields[n] = policy_read_field(l, key);
        if (fields[n] && policy_read_cell(l, fields[n], key->value, &cells[n], &tests[n])) n++;
    }
    if (n < node->count) return false;
    *row = (policy_row){.id = "qualify", .because = "", .tests = tests, .mark = policy_mark_of(node)};
    *t = (policy_table){.compiled = compile_row(l, node, fields, cells, n),
                        .gaps_allowed = true,
                        .row_count = 1,
                        .column_count = n,
                        .id = "qualify",
                        .title = "",
                        .fields = fields,
                        .rows = row,
                        .mark = policy_mark_of(node)};
    out->table = t;
    return t->compiled != NULL;
}

static void read_qualify(policy_loader *l, const policy_node *node, credit_list *out) {
    if (!policy_is_list(l, node, "'qualify'")) return;
    if (node->count == 0) {
        policy_error(l, node, "an empty 'qualify' admits nobody; leave it out, or write conditions");
        return;
    }
    if (node->count > LIMIT_POLICY_ALTERNATIVES) {
        policy_error(l, node, "more than %d conditions; use ranges", LIMIT_POLICY_ALTERNATIVES);
        return;
    }
    credit_condition *list = CREDIT_KEEP(l, credit_condition, node->count);
    if (!list) return;
    for (const policy_node *n = node->first; n; n = n->next)
        if (read_condition(l, n, &list[out->qualify_count])) out->qualify_count++;
    out->qualify = list;
}

/* ------------------------------------------------------------------ a list */

static void read_removed_by(policy_loader *l, const policy_node *node, credit_list *out) {
    enum { EFFECT = CLASS_MERIT + 1, BREACH, WORDS };
    const char *names[WORDS] = {[EFFECT] = "red_list_removed", [BREACH] = "breach"};
    unsigned word;
    for (unsigned c = CLASS_MINOR; c < CLASS_MERIT; c++) names[c] = record_class_name(c);
    if (!policy_is_list(l, node, "'removed_by'")) return;
    for (const policy_node *n = node->first; n; n = n->next) {
        if (!credit_read_word(l, n, "reason of removal", names, WORDS, &word)) continue;
        if (word == EFFECT)
            out->removed_by_effect = true;
        else if (word == BREACH)
            out->removed_by_breach = true;
        else
            out->removed_by_classes |= (uint8_t)(1u << word);
    }
}

/* Flags of a profile, but for consents, which are no lists. */
static bool read_flag(policy_loader *l, const policy_node *node, uint32_t *flag) {
    const profile_field *field = policy_read_field(l, node);
    if (!field) return false;
    if (field->type == PROFILE_FLAG && field->offset == offsetof(profile, flags) &&
        field->bit < PROFILE_FLAG_CONSENT_LOAN) {
        *flag = field->bit;
        return true;
    }
    policy_error(l, node, "'%s' is no flag that a list can set; take one such as red_list, or leave 'flag:' out",
                 field->name);
    return false;
}

static void check_list(lists_reader *r, const policy_node *node, const credit_list *list) {
    static const struct {
        const char *name;
        uint32_t flag;
    } FIXED[] = {{"red_list", PROFILE_FLAG_RED_LIST}, {"serious_list", PROFILE_FLAG_SERIOUS_LIST}};
    for (unsigned i = 0; i < 2; i++)
        if ((list->code == i + 1) != (list->flag == FIXED[i].flag))
            policy_error(r->l, node, "the list with code %u is the one with 'flag: %s', and no other", i + 1,
                         FIXED[i].name);
    for (unsigned i = 0; i < r->count; i++) {
        const credit_list *other = &r->lists[i];
        if (other->code == list->code)
            policy_error(r->l, node, "list code %u is taken by '%s'; a code means one list for ever, give each its own",
                         list->code, other->id);
        if (strcmp(other->id, list->id) == 0)
            policy_error(r->l, node, "the list '%s' is defined twice; rename or remove one", list->id);
        if (list->flag && other->flag == list->flag && other->code != list->code)
            policy_error(r->l, node, "the flag of '%s' is set by the list '%s' already; give each list its own",
                         list->id, other->id);
    }
}

static void read_list(lists_reader *r, const policy_node *node) {
    enum { CODE, ID, TITLE, FLAG, VALID, PUBLISHED, REMOVED, EXCLUDED, QUALIFY, NOTE, COUNT };
    policy_key k[COUNT] = {[CODE] = {.name = "code", .required = true},
                           [ID] = {.name = "id", .required = true},
                           [TITLE] = {.name = "title"},
                           [FLAG] = {.name = "flag"},
                           [VALID] = {.name = "valid"},
                           [PUBLISHED] = {.name = "published"},
                           [REMOVED] = {.name = "removed_by"},
                           [EXCLUDED] = {.name = "excluded_by"},
                           [QUALIFY] = {.name = "qualify"},
                           [NOTE] = {.name = "note"}};
    credit_list list = {0};
    int64_t code;
    if (!policy_read_keys(r->l, node, "a list", k, COUNT) || !k[CODE].value || !k[ID].value) return;
    bool good = policy_read_number(r->l, k[CODE].value, "a list's code", 1, LIMIT_LISTS, &code);
    list.id = policy_read_name(r->l, k[ID].value, "a list's id");
    list.title = k[TITLE].value ? policy_read_text(r->l, k[TITLE].value, "a list's title") : list.id;
    if (k[FLAG].value) good &= read_flag(r->l, k[FLAG].value, &list.flag);
    if (k[VALID].value) credit_read_period(r->l, k[VALID].value, "'valid'", &list.valid);
    if (k[PUBLISHED].value) policy_read_bool(r->l, k[PUBLISHED].value, "'published'", &list.published);
    if (k[REMOVED].value) read_removed_by(r->l, k[REMOVED].value, &list);
    if (k[QUALIFY].value) read_qualify(r->l, k[QUALIFY].value, &list);
    if (k[NOTE].value) (void)policy_read_text(r->l, k[NOTE].value, "a note");
    if (!good || !list.id || !list.title) return;
    list.code = (uint16_t)code;
    size_t errors = r->l->file_errors;
    check_list(r, node, &list);
    if (errors != r->l->file_errors) return;
    r->excluded_by[code - 1] = k[EXCLUDED].value;
    r->lists[r->count++] = list;
}

/* ------------------------------------------------------------------ which overrides which */

static void find_excluding(lists_reader *r, credit_list *list) {
    const policy_node *node = r->excluded_by[list->code - 1];
    const char *names[LIMIT_LISTS];
    unsigned found;
    if (!node) return;
    for (unsigned i = 0; i < r->count; i++) names[i] = r->lists[i].id;
    if (credit_read_word(r->l, node, "list", names, r->count, &found))
        list->excluded_by = (uint8_t)r->lists[found].code;
}

static void check_circle(lists_reader *r, const credit_list *list) {
    unsigned code = list->excluded_by;
    for (unsigned step = 0; code && step < r->count; step++) {
        if (code == list->code) {
            policy_error(r->l, r->excluded_by[list->code - 1],
                         "the list '%s' excludes itself in the end; of two lists one comes first", list->id);
            return;
        }
        unsigned i = 0;
        while (r->lists[i].code != code) i++;
        code = r->lists[i].excluded_by;
    }
}

static int by_code(const void *a, const void *b) {
    const credit_list *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

void credit_parse_lists(policy_loader *l, const policy_node *root, credit_loading *c) {
    enum { LISTS, ITEMS, HEAD, COUNT = HEAD + CREDIT_HEAD_KEYS };
    policy_key k[COUNT] = {[LISTS] = {.name = "lists", .required = true}, [ITEMS] = {.name = "items"}};
    lists_reader r = {.l = l};
    if (!credit_read_head(l, root, "a file of lists", k, COUNT)) return;
    const policy_node *list = credit_read_items(l, root, k, "lists");
    if (!list || !policy_is_list(l, list, "'lists'")) return;
    if (list->count > LIMIT_LISTS) {
        policy_error(l, list, "%u lists; a set has at most %d", list->count, LIMIT_LISTS);
        return;
    }
    r.lists = CREDIT_KEEP(l, credit_list, list->count);
    if (!r.lists) return;
    for (const policy_node *n = list->first; n; n = n->next) read_list(&r, n);
    qsort(r.lists, r.count, sizeof *r.lists, by_code);
    /* one that could not be read may be the one that is meant */
    for (unsigned i = 0; i < r.count && r.count == list->count; i++) find_excluding(&r, &r.lists[i]);
    size_t errors = l->file_errors;
    for (unsigned i = 0; i < r.count && errors == l->file_errors; i++) check_circle(&r, &r.lists[i]);
    c->lists_missing = r.count < list->count;
    c->rules->lists = r.lists;
    c->rules->list_count = r.count;
}
