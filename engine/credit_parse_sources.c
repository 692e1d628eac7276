/* Sources of data: which fields and reports each may write, and whose value wins. */
#include "engine/credit_parse.h"

#include "engine/report.h"

#include <stdlib.h>
#include <string.h>

#define PRIORITY_DEFAULT 50

typedef struct sources_reader {
    policy_loader *l;
    credit_source *sources;
    unsigned count;
} sources_reader;

static void grant(policy_loader *l, const policy_node *node, unsigned priority, credit_source *out) {
    const profile_field *field = policy_read_field(l, node);
    if (!field) return;
    if (!field->writable) {
        policy_error(l, node, "'%s' is computed; no source can write it", field->name);
        return;
    }
    if (out->fields >> field->number & 1)
        policy_say(l, POLICY_WARNING, node, "the field '%s' stands here twice; remove one", field->name);
    out->fields |= UINT64_C(1) << field->number;
    out->priority[field->number] = (uint8_t)priority;
}

/* "all", a list, or a map of fields to priorities. */
static void read_fields(policy_loader *l, const policy_node *node, unsigned priority, credit_source *out) {
    if (policy_is_text(node, "all")) {
        out->fields = profile_writable_mask();
        memset(out->priority, (int)priority, sizeof out->priority);
    } else if (node->kind == NODE_LIST) {
        for (const policy_node *n = node->first; n; n = n->next) grant(l, n, priority, out);
    } else if (node->kind == NODE_MAP) {
        for (const policy_node *key = node->first; key; key = key->next) {
            int64_t own = priority;
            if (policy_read_number(l, key->value, "a priority", 1, UINT8_MAX, &own)) grant(l, key, (unsigned)own, out);
        }
    } else
        policy_error(l, node, "'fields' is all, a list of fields, or a map of fields to priorities: {sector: 10}");
}

static void read_reports(policy_loader *l, const policy_node *node, credit_source *out) {
    const char *names[REPORT_KIND_END] = {0};
    unsigned kind;
#define X(name, code, text) names[code] = (text);
    REPORT_KINDS(X)
#undef X
    if (policy_is_text(node, "all")) {
        for (unsigned i = 0; i < REPORT_KIND_END; i++)
            if (names[i]) out->reports |= 1u << i;
        return;
    }
    if (node->kind != NODE_LIST) {
        policy_error(l, node, "'reports' is all, or a list such as [record_add, record_repair]; [] for none");
        return;
    }
    for (const policy_node *n = node->first; n; n = n->next)
        if (credit_read_word(l, n, "report", names, REPORT_KIND_END, &kind)) out->reports |= 1u << kind;
}

static void check_source(sources_reader *r, const policy_node *node, const credit_source *s) {
    for (unsigned i = 0; i < r->count; i++) {
        if (r->sources[i].number == s->number)
            policy_error(r->l, node, "source number %u is taken by '%s'; a number means one source for ever", s->number,
                         r->sources[i].id);
        if (strcmp(r->sources[i].id, s->id) == 0)
            policy_error(r->l, node, "the source '%s' is defined twice; rename or remove one", s->id);
    }
    if (s->fields == 0 && s->reports == 0)
        policy_say(r->l, POLICY_WARNING, node, "the source '%s' may write nothing; give it 'fields:' or 'reports:'",
                   s->id);
}

static void read_source(sources_reader *r, const policy_node *node) {
    enum { NUMBER, ID, TITLE, PRIORITY, FIELDS, REPORTS, CORRECTS, NOTE, COUNT };
    policy_key k[COUNT] = {[NUMBER] = {.name = "number", .required = true},
                           [ID] = {.name = "id", .required = true},
                           [TITLE] = {.name = "title"},
                           [PRIORITY] = {.name = "priority"},
                           [FIELDS] = {.name = "fields"},
                           [REPORTS] = {.name = "reports"},
                           [CORRECTS] = {.name = "corrects"},
                           [NOTE] = {.name = "note"}};
    static const char *const CORRECTS_WORDS[] = {"own", "any"};
    credit_source s = {0};
    int64_t number, priority = PRIORITY_DEFAULT;
    unsigned corrects;
    if (!policy_read_keys(r->l, node, "a source", k, COUNT) || !k[NUMBER].value || !k[ID].value) return;
    bool good = policy_read_number(r->l, k[NUMBER].value, "a source's number", 0, LIMIT_SOURCES, &number);
    s.id = policy_read_name(r->l, k[ID].value, "a source's id");
    s.title = k[TITLE].value ? policy_read_text(r->l, k[TITLE].value, "a source's title") : s.id;
    if (k[PRIORITY].value) good &= policy_read_number(r->l, k[PRIORITY].value, "a priority", 1, UINT8_MAX, &priority);
    size_t errors = r->l->file_errors;
    if (k[FIELDS].value) read_fields(r->l, k[FIELDS].value, (unsigned)priority, &s);
    if (k[REPORTS].value) read_reports(r->l, k[REPORTS].value, &s);
    if (k[CORRECTS].value && credit_read_word(r->l, k[CORRECTS].value, "'corrects'", CORRECTS_WORDS, 2, &corrects))
        s.corrects_any = corrects;
    if (k[NOTE].value) (void)policy_read_text(r->l, k[NOTE].value, "a note");
    if (!good || !s.id || !s.title) return;
    s.number = (uint16_t)number;
    if (errors == r->l->file_errors) check_source(r, node, &s);
    r->sources[r->count++] = s;
}

static int by_number(const void *a, const void *b) {
    const credit_source *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

void credit_parse_sources(policy_loader *l, const policy_node *root, credit_loading *c) {
    enum { SOURCES, ITEMS, HEAD, COUNT = HEAD + CREDIT_HEAD_KEYS };
    policy_key k[COUNT] = {[SOURCES] = {.name = "sources", .required = true}, [ITEMS] = {.name = "items"}};
    sources_reader r = {.l = l};
    if (!credit_read_head(l, root, "a file of sources", k, COUNT)) return;
    const policy_node *list = credit_read_items(l, root, k, "sources");
    if (!list || !policy_is_list(l, list, "'sources'")) return;
    if (list->count > LIMIT_SOURCES + 1) {
        policy_error(l, list, "%u sources; a set has at most %d", list->count, LIMIT_SOURCES + 1);
        return;
    }
    r.sources = CREDIT_KEEP(l, credit_source, list->count);
    if (!r.sources) return;
    for (const policy_node *n = list->first; n; n = n->next) read_source(&r, n);
    qsort(r.sources, r.count, sizeof *r.sources, by_number);
    if (r.count && r.sources[0].number != 0)
        policy_say(
            l, POLICY_WARNING, list,
            "source 0, the base, is not listed: it can write nothing, and what it wrote gives way to all others");
    c->rules->sources_given = true;
    c->rules->sources = r.sources;
    c->rules->source_count = r.count;
}
