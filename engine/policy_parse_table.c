/* Decision tables: inputs, outputs and rows, cell by cell. A row may be written as lists in the order of the columns,
 * or as keys and values, which leave out what does not matter. */
#include "engine/policy_load.h"

#include "engine/policy_suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUTS_MAX 8

typedef struct output_kind {
    const char *name;
    uint8_t sets;
} output_kind;

static const output_kind DECISION_OUTPUTS[] = {{"outcome", SETS_OUTCOME},    {"tier", SETS_TIER},
                                               {"percent_bp", SETS_PERCENT}, {"benefits", SETS_BENEFITS},
                                               {"amount_fen", SETS_AMOUNT},  {"rate_bp", SETS_RATE}};
static const output_kind TERM_OUTPUTS[] = {{"covered", SETS_COVERED},
                                           {"exempt", SETS_EXEMPT},
                                           {"suspended", SETS_SUSPENDED},
                                           {"factor_bp", SETS_FACTOR},
                                           {"unsecured_bp", SETS_UNSECURED}};

/* What is being read. */
typedef struct table_reader {
    policy_loader *l;
    const policy *owner; /* for its benefits */
    bool guarantee;
    policy_table *table;
    const profile_field **fields; /* NULL where the column is not known */
    const char *columns[LIMIT_POLICY_COLUMNS];
    const output_kind *outputs[OUTPUTS_MAX]; /* likewise */
    const char *output_names[OUTPUTS_MAX];
    unsigned output_count;
    sfeel_test *cells;
    policy_row *rows;
    policy_output *results;
    policy_term *terms;
} table_reader;

static bool out_of_memory(policy_loader *l) {
    l->no_memory = true;
    return false;
}

/* ------------------------------------------------------------------ columns */

static bool read_inputs(table_reader *r, const policy_node *node) {
    if (!policy_is_list(r->l, node, "'inputs'")) return false;
    if (node->count == 0 || node->count > LIMIT_POLICY_COLUMNS) {
        policy_error(r->l, node, "%u inputs; a table has 1 to %d", node->count, LIMIT_POLICY_COLUMNS);
        return false;
    }
    r->fields = POLICY_ARENA_ARRAY(r->l->keep, const profile_field *, node->count);
    if (!r->fields) return out_of_memory(r->l);
    unsigned n = 0;
    for (const policy_node *item = node->first; item; item = item->next, n++) {
        const profile_field *field = policy_read_field(r->l, item);
        r->columns[n] = field ? field->name : (item->kind == NODE_TEXT ? item->text : "");
        r->fields[n] = field;
        for (unsigned i = 0; field && i < n; i++)
            if (r->fields[i] == field) {
                policy_error(r->l, item, "the input '%s' stands here twice; put both tests into one cell", field->name);
                r->fields[n] = NULL;
            }
    }
    r->table->column_count = n;
    r->table->fields = r->fields;
    return true;
}

static const output_kind *find_output(table_reader *r, const policy_node *node) {
    const output_kind *known = r->guarantee ? TERM_OUTPUTS : DECISION_OUTPUTS;
    size_t count = r->guarantee ? sizeof TERM_OUTPUTS / sizeof *known : sizeof DECISION_OUTPUTS / sizeof *known;
    const char *names[OUTPUTS_MAX] = {0};
    char near[80], all[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (policy_is_text(node, known[i].name)) return &known[i];
        names[i] = known[i].name;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "; known are ", known[i].name);
    }
    if (node->kind != NODE_TEXT)
        policy_error(r->l, node, "an output is a name%s", all);
    else {
        policy_suggest_text(node->text, node->length, names, count, near, sizeof near);
        policy_error(r->l, node, "unknown output '%.*s'%s", policy_shown(node->text, node->length), node->text,
                     near[0] ? near : all);
    }
    return NULL;
}

static bool read_outputs(table_reader *r, const policy_node *node) {
    if (!policy_is_list(r->l, node, "'outputs'")) return false;
    if (node->count == 0 || node->count > OUTPUTS_MAX) {
        policy_error(r->l, node, "%u outputs; a table has 1 to %d", node->count, OUTPUTS_MAX);
        return false;
    }
    for (const policy_node *item = node->first; item; item = item->next) {
        unsigned n = r->output_count++;
        r->outputs[n] = find_output(r, item);
        r->output_names[n] = r->outputs[n] ? r->outputs[n]->name : (item->kind == NODE_TEXT ? item->text : "");
        for (unsigned i = 0; r->outputs[n] && i < n; i++)
            if (r->outputs[i] == r->outputs[n]) {
                policy_error(r->l, item, "the output '%s' stands here twice; remove one", r->outputs[n]->name);
                r->outputs[n] = NULL;
            }
    }
    return true;
}

/* ------------------------------------------------------------------ placing cells */

static void wrong_count(table_reader *r, const policy_node *node, const char *what, const char *const *names,
                        unsigned count) {
    char all[240] = "";
    size_t used = 0;
    for (unsigned i = 0; i < count && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    policy_error(r->l, node, "'%s' has %u cells, but the table has %u: %s", what, node->count, count, all);
}

/* Finds the node for each column in a list or a map; absent ones stay NULL. */
static bool place(table_reader *r, const policy_node *node, const char *what, const char *const *names, unsigned count,
                  const policy_node **to) {
    memset(to, 0, count * sizeof *to);
    if (node->kind == NODE_LIST) {
        if (node->count != count) {
            wrong_count(r, node, what, names, count);
            return false;
        }
        unsigned n = 0;
        for (const policy_node *item = node->first; item; item = item->next) to[n++] = item;
        return true;
    }
    policy_key keys[LIMIT_POLICY_COLUMNS] = {0};
    for (unsigned i = 0; i < count; i++) keys[i].name = names[i];
    char title[32];
    snprintf(title, sizeof title, "'%s'", what);
    if (!policy_read_keys(r->l, node, title, keys, count)) return false;
    for (unsigned i = 0; i < count; i++) to[i] = keys[i].value;
    return true;
}

/* ------------------------------------------------------------------ when */

static bool read_when(table_reader *r, const policy_node *node, unsigned row) {
    unsigned columns = r->table->column_count;
    const policy_node *nodes[LIMIT_POLICY_COLUMNS];
    sfeel_test *cells = r->cells + (size_t)row * columns;
    const char **tests = POLICY_ARENA_ARRAY(r->l->keep, const char *, columns);
    if (!tests) return out_of_memory(r->l);
    r->rows[row].tests = tests;
    if (!place(r, node, "when", r->columns, columns, nodes)) return false;
    bool good = true;
    for (unsigned c = 0; c < columns; c++) {
        if (!r->fields[c])
            good = false;
        else if (!nodes[c])
            cells[c] = sfeel_any(r->fields[c]);
        else if (!policy_read_cell(r->l, r->fields[c], nodes[c], &cells[c], &tests[c]))
            good = false;
    }
    return good;
}

/* ------------------------------------------------------------------ then */

typedef struct row_ranges {
    const table_reader *reader;
    const sfeel_test *cells; /* of the row; NULL if they could not be read: then anything goes */
} row_ranges;

/* What the row's cell leaves of a field; see policy_expr_range. */
static bool range_of(void *context, const profile_field *field, sfeel_range *range) {
    const row_ranges *row = context;
    *range = sfeel_domain(field);
    if (!row->cells) return true;
    for (unsigned c = 0; c < row->reader->table->column_count; c++) {
        const sfeel_test *cell = &row->cells[c];
        if (row->reader->fields[c] != field || cell->any) continue;
        if (cell->count) *range = (sfeel_range){cell->ranges[0].low, cell->ranges[cell->count - 1].high};
        return !cell->missing;
    }
    return !field->has_missing;
}

static bool read_outcome(policy_loader *l, const policy_node *node, uint8_t *out) {
    for (unsigned i = OUTCOME_GRANTED; i <= OUTCOME_DECLINED; i++) {
        *out = (uint8_t)i;
        if (policy_is_text(node, policy_outcome_name(i))) return true;
    }
    policy_error(l, node, "an outcome is granted, review or declined; write '-' for none");
    return false;
}

static bool read_benefit(table_reader *r, const policy_node *node, uint64_t *bits) {
    const char *names[LIMIT_BENEFITS] = {0};
    const policy *p = r->owner;
    char near[80];
    for (unsigned i = 0; i < p->benefit_count; i++) {
        names[i] = p->benefits[i].id;
        if (!policy_is_text(node, names[i])) continue;
        *bits |= UINT64_C(1) << p->benefits[i].code;
        return true;
    }
    if (node->kind != NODE_TEXT)
        policy_error(r->l, node, "a benefit is named by its id");
    else
        policy_error(r->l, node, "unknown benefit '%.*s'%s", policy_shown(node->text, node->length), node->text,
                     policy_suggest_text(node->text, node->length, names, p->benefit_count, near, sizeof near)[0]
                         ? near
                         : "; define it under 'benefits:'");
    return false;
}

static bool read_benefits(table_reader *r, const policy_node *node, uint64_t *bits) {
    *bits = 0;
    if (node->kind != NODE_LIST) return read_benefit(r, node, bits);
    bool good = true;
    for (const policy_node *item = node->first; item; item = item->next) good &= read_benefit(r, item, bits);
    return good;
}

static bool read_amount(table_reader *r, const policy_node *node, row_ranges *ranges, policy_output *out) {
    if (node->kind != NODE_TEXT) {
        policy_error(r->l, node, "an amount is a text; put it in quotes");
        return false;
    }
    sfeel_error e;
    status s =
        policy_expr_parse(node->text, node->length, range_of, ranges, r->l->keep, &out->amount, &out->amount_fen, &e);
    if (s == STATUS_NO_MEMORY) return out_of_memory(r->l);
    if (s != STATUS_OK) policy_say_in(r->l, POLICY_ERROR, node, e.offset, "%s", e.message);
    return s == STATUS_OK;
}

static bool read_decision_output(table_reader *r, const policy_node *node, uint8_t sets, row_ranges *ranges,
                                 policy_output *out) {
    int64_t v = 0;
    bool good = false;
    switch (sets) {
    case SETS_OUTCOME: return read_outcome(r->l, node, &out->outcome);
    case SETS_BENEFITS: return read_benefits(r, node, &out->benefits);
    case SETS_AMOUNT: return read_amount(r, node, ranges, out);
    case SETS_TIER:
        good = policy_read_number(r->l, node, "a tier", 0, UINT8_MAX, &v);
        out->tier = (uint8_t)v;
        return good;
    case SETS_PERCENT:
        good = policy_read_ratio(r->l, node, "percent_bp", 0, 10000, &v);
        out->percent_bp = (uint16_t)(good ? v : 0);
        return good;
    default:
        good = policy_read_ratio(r->l, node, "rate_bp", -10000, 10000, &v);
        out->rate_bp = (int16_t)(good ? v : 0);
        return good;
    }
}

static bool read_term_output(policy_loader *l, const policy_node *node, uint8_t sets, policy_term *out) {
    int64_t v = 0;
    bool good = false;
    switch (sets) {
    case SETS_COVERED: return policy_read_bool(l, node, "covered", &out->covered);
    case SETS_EXEMPT: return policy_read_bool(l, node, "exempt", &out->exempt);
    case SETS_SUSPENDED: return policy_read_bool(l, node, "suspended", &out->suspended);
    case SETS_FACTOR:
        good = policy_read_ratio(l, node, "factor_bp", 0, POLICY_FACTOR_MAX_BP, &v);
        out->factor_bp = (int32_t)(good ? v : 0);
        return good;
    default:
        good = policy_read_ratio(l, node, "unsecured_bp", 0, POLICY_UNSECURED_MAX_BP, &v);
        out->unsecured_bp = (int32_t)(good ? v : 0);
        return good;
    }
}

static void read_then(table_reader *r, const policy_node *node, unsigned row, bool cells_known) {
    const policy_node *nodes[OUTPUTS_MAX];
    row_ranges ranges = {.reader = r, .cells = cells_known ? r->cells + (size_t)row * r->table->column_count : NULL};
    if (!place(r, node, "then", r->output_names, r->output_count, nodes)) return;
    for (unsigned i = 0; i < r->output_count; i++) {
        if (!r->outputs[i] || !nodes[i] || policy_is_text(nodes[i], "-")) continue;
        uint8_t sets = r->outputs[i]->sets;
        if (r->guarantee) {
            if (read_term_output(r->l, nodes[i], sets, &r->terms[row])) r->terms[row].sets |= sets;
        } else if (read_decision_output(r, nodes[i], sets, &ranges, &r->results[row]))
            r->results[row].sets |= sets;
    }
}

/* ------------------------------------------------------------------ rows and tables */

static void read_row(table_reader *r, const policy_node *node, unsigned row) {
    policy_key keys[] = {{.name = "id", .required = true},
                         {.name = "when", .required = true},
                         {.name = "then", .required = true},
                         {.name = "because"},
                         {.name = "pilot"}};
    policy_row *out = &r->rows[row];
    *out = (policy_row){.id = "", .because = "", .mark = policy_mark_of(node)};
    if (!policy_read_keys(r->l, node, "a row", keys, 5)) return;
    const char *id = keys[0].value ? policy_read_name(r->l, keys[0].value, "a row's id") : NULL;
    if (id) out->id = id;
    const char *because = keys[3].value ? policy_read_text(r->l, keys[3].value, "'because'") : NULL;
    if (because) out->because = because;
    if (keys[4].value) out->pilot = policy_parse_pilot(r->l, keys[4].value, r->owner);
    bool known = keys[1].value && read_when(r, keys[1].value, row);
    if (keys[2].value) read_then(r, keys[2].value, row, known);
}

static void read_rows(table_reader *r, const policy_node *node) {
    if (!policy_is_list(r->l, node, "'rows'")) return;
    if (node->count == 0 || node->count > LIMIT_POLICY_ROWS) {
        policy_error(r->l, node, "%u rows; a table has 1 to %d", node->count, LIMIT_POLICY_ROWS);
        return;
    }
    policy_table *t = r->table;
    r->cells = POLICY_ARENA_ARRAY(&r->l->scratch, sfeel_test, (size_t)node->count * t->column_count);
    r->rows = POLICY_ARENA_ARRAY(r->l->keep, policy_row, node->count);
    if (r->guarantee)
        t->terms = r->terms = POLICY_ARENA_ARRAY(r->l->keep, policy_term, node->count);
    else
        t->outputs = r->results = policy_arena_alloc(r->l->keep, node->count * sizeof(policy_output), 64);
    if (!r->cells || !r->rows || !(r->guarantee ? (void *)r->terms : (void *)r->results)) {
        out_of_memory(r->l);
        return;
    }
    t->cells = r->cells;
    t->rows = r->rows;
    for (const policy_node *item = node->first; item; item = item->next) read_row(r, item, t->row_count++);
}

static uint8_t read_hit(policy_loader *l, const policy_node *node, bool guarantee) {
    if (policy_is_text(node, "first")) return HIT_FIRST;
    if (policy_is_text(node, "unique")) return HIT_UNIQUE;
    if (!policy_is_text(node, "collect"))
        policy_error(l, node, "'hit' is first (the first row that matches), unique (at most one may) or collect (all)");
    else if (guarantee)
        policy_error(l, node, "'collect' has no meaning for guarantee terms; use first or unique");
    return HIT_COLLECT;
}

static void read_table(policy_loader *l, const policy_node *node, const policy *owner, bool guarantee,
                       policy_table *out) {
    policy_key keys[] = {{.name = "table", .required = true},
                         {.name = "hit", .required = true},
                         {.name = "inputs", .required = true},
                         {.name = "outputs", .required = true},
                         {.name = "rows", .required = true},
                         {.name = "title"},
                         {.name = "gaps"}};
    *out = (policy_table){.id = "", .title = "", .mark = policy_mark_of(node)};
    if (!policy_read_keys(l, node, "a table", keys, 7)) return;
    table_reader r = {.l = l, .owner = owner, .guarantee = guarantee, .table = out};
    const char *id = keys[0].value ? policy_read_name(l, keys[0].value, "a table's id") : NULL;
    if (id) out->id = id;
    if (keys[1].value) out->hit = read_hit(l, keys[1].value, guarantee);
    const char *title = keys[5].value ? policy_read_text(l, keys[5].value, "a table's title") : NULL;
    if (title) out->title = title;
    out->gaps_allowed = keys[6].value && policy_is_text(keys[6].value, "allowed");
    if (keys[6].value && !out->gaps_allowed)
        policy_error(l, keys[6].value, "'gaps:' can only be 'allowed'; or leave it out");
    bool good = keys[2].value && read_inputs(&r, keys[2].value);
    good &= keys[3].value && read_outputs(&r, keys[3].value);
    if (good && keys[4].value) read_rows(&r, keys[4].value);
}

static int by_id(const void *a, const void *b) {
    const policy_row *x = *(const policy_row *const *)a, *y = *(const policy_row *const *)b;
    int order = strcmp(x->id, y->id);
    if (order == 0) order = (x->mark.line > y->mark.line) - (x->mark.line < y->mark.line);
    if (order == 0) order = (x->mark.column > y->mark.column) - (x->mark.column < y->mark.column);
    return order;
}

/* Explanations, examples and people name a row by its id alone, so it is unique in the policy. */
static void check_ids(policy_loader *l, const policy_table *tables, unsigned count) {
    size_t total = 0, n = 0;
    for (unsigned t = 0; t < count; t++) {
        total += tables[t].row_count;
        for (unsigned i = 0; i < t; i++)
            if (tables[i].id[0] && strcmp(tables[i].id, tables[t].id) == 0)
                policy_say_at(l, POLICY_ERROR, tables[t].mark, "the table '%s' stands here twice; rename one",
                              tables[t].id);
    }
    const policy_row **rows = POLICY_ARENA_ARRAY(&l->scratch, const policy_row *, total);
    if (!rows) {
        l->no_memory = true;
        return;
    }
    for (unsigned t = 0; t < count; t++)
        for (unsigned r = 0; r < tables[t].row_count; r++) rows[n++] = &tables[t].rows[r];
    qsort(rows, n, sizeof *rows, by_id);
    for (size_t i = 1; i < n; i++)
        if (rows[i]->id[0] && strcmp(rows[i]->id, rows[i - 1]->id) == 0)
            policy_say_at(l, POLICY_ERROR, rows[i]->mark,
                          "the row id '%s' stands here twice, before in line %u; "
                          "rename one",
                          rows[i]->id, rows[i - 1]->mark.line);
}

void policy_parse_tables(policy_loader *l, const policy_node *node, policy *out, bool guarantee, policy_table **tables,
                         unsigned *count) {
    if (!policy_is_list(l, node, "'tables'")) return;
    if (node->count == 0 || node->count > LIMIT_POLICY_TABLES) {
        policy_error(l, node, "%u tables; a policy has 1 to %d", node->count, LIMIT_POLICY_TABLES);
        return;
    }
    *tables = POLICY_ARENA_ARRAY(l->keep, policy_table, node->count);
    if (!*tables) {
        l->no_memory = true;
        return;
    }
    for (const policy_node *item = node->first; item; item = item->next)
        read_table(l, item, out, guarantee, &(*tables)[(*count)++]);
    check_ids(l, *tables, *count);
}
