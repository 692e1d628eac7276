/* Examples of the catalogue as they are written: what was reported about somebody, a day, and fields of the profile
 * that must come out. It becomes items just as reports would have made them. */
#include "engine/credit_parse.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

typedef struct example_reader {
    policy_loader *l;
    credit_loading *loading;
    credit_example *e;
    unsigned room;
} example_reader;

/* ------------------------------------------------------------------ items */

static bool read_day(policy_loader *l, const policy_node *node, uint16_t *out) {
    int32_t day;
    if (node->kind == NODE_TEXT && clock_parse_day(node->text, node->length, &day) && day > 0 && day < UINT16_MAX) {
        *out = (uint16_t)day;
        return true;
    }
    policy_error(l, node, "a day that exists is expected here, written YYYY-MM-DD");
    return false;
}

/* The number of the new item in the dossier. */
static unsigned add(example_reader *r, item it) {
    it.reported = it.day;
    r->e->items[r->e->item_count++] = it;
    return r->e->item_count;
}

/* An item of `kind` on the day that a key gives, about another item. */
static void add_about(example_reader *r, const policy_key *key, unsigned kind, unsigned step, unsigned about,
                      const policy_node *until) {
    item it = {.kind = (uint8_t)kind, .step = (uint8_t)step, .value = about};
    if (!key->value || !read_day(r->l, key->value, &it.day)) return;
    if (until && !read_day(r->l, until, &it.until)) return;
    add(r, it);
}

static bool is_there(const policy_node *word, const char *const *names, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (policy_is_text(word, names[i])) return true;
    return false;
}

/* What the server would refuse proves nothing. The calendar may not have been read yet. */
static void check_repair(const example_reader *r, const policy_node *repaired, const record_type *type,
                         const item *it) {
    char text[CLOCK_DATE_TEXT];
    uint16_t day;
    if (!repaired || type->publicity_min.unit == PERIOD_WORKING_DAYS) return;
    if (!read_day(r->l, repaired, &day)) return;
    int32_t from = credit_period_end(r->loading->rules, it->day, type->publicity_min);
    if (type->publicity_min.unit == PERIOD_NONE) from = it->day;
    if (day < from)
        policy_error(r->l, repaired, "such a record of that day cannot be repaired before %s",
                     clock_format_day(from, text));
}

static void read_record(example_reader *r, const policy_node *node) {
    policy_key k[] = {{.name = "type", .required = true},
                      {.name = "day", .required = true},
                      {.name = "repaired"},
                      {.name = "revoked"}};
    const credit_rules *rules = r->loading->rules;
    const char *names[LIMIT_RECORD_TYPES];
    unsigned type;
    item it = {.kind = ITEM_RECORD};
    if (!policy_read_keys(r->l, node, "a record", k, 4) || !k[0].value || !k[1].value) return;
    for (unsigned i = 0; i < rules->type_count; i++) names[i] = rules->types[i].id;
    if (!is_there(k[0].value, names, rules->type_count) && r->loading->types_missing) return;
    if (!credit_read_word(r->l, k[0].value, "record type", names, rules->type_count, &type) ||
        !read_day(r->l, k[1].value, &it.day))
        return;
    it.type = rules->types[type].code;
    check_repair(r, k[2].value, &rules->types[type], &it);
    unsigned number = add(r, it);
    add_about(r, &k[2], ITEM_REPAIR, 0, number, NULL);
    add_about(r, &k[3], ITEM_REVOKE, 0, number, NULL);
}

static void read_service(example_reader *r, const policy_node *node) {
    policy_key k[] = {{.name = "day", .required = true}, {.name = "minutes", .required = true}, {.name = "reversed"}};
    item it = {.kind = ITEM_SERVICE};
    int64_t minutes;
    if (!policy_read_keys(r->l, node, "service", k, 3) || !k[0].value || !k[1].value) return;
    if (!read_day(r->l, k[0].value, &it.day) || !policy_read_number(r->l, k[1].value, "'minutes'", 1, 1440, &minutes))
        return;
    it.value = (uint32_t)minutes;
    unsigned number = add(r, it);
    add_about(r, &k[2], ITEM_SERVICE_REVERSE, 0, number, NULL);
}

static void read_commitment(example_reader *r, const policy_node *node) {
    enum { ACCEPTED, DEADLINE, EXTENDED, UNTIL, FULFILLED, BREACHED, WITHDRAWN, REPAIRED, COUNT };
    policy_key k[COUNT] = {{.name = "accepted", .required = true},
                           {.name = "deadline", .required = true},
                           {.name = "extended"},
                           {.name = "until"},
                           {.name = "fulfilled"},
                           {.name = "breached"},
                           {.name = "withdrawn"},
                           {.name = "repaired"}};
    item it = {.kind = ITEM_COMMITMENT, .type = 1};
    if (!policy_read_keys(r->l, node, "a commitment", k, COUNT) || !k[ACCEPTED].value || !k[DEADLINE].value) return;
    if (!read_day(r->l, k[ACCEPTED].value, &it.day)) return;
    if (!k[EXTENDED].value != !k[UNTIL].value)
        policy_error(r->l, node, "an extension has a day and a new deadline: write 'extended:' and 'until:'");
    unsigned number = add(r, it);
    add_about(r, &k[ACCEPTED], ITEM_COMMITMENT_STEP, COMMITMENT_ACCEPTED, number, k[DEADLINE].value);
    add_about(r, &k[EXTENDED], ITEM_COMMITMENT_STEP, COMMITMENT_EXTENDED, number, k[UNTIL].value);
    add_about(r, &k[FULFILLED], ITEM_COMMITMENT_STEP, COMMITMENT_FULFILLED, number, NULL);
    add_about(r, &k[BREACHED], ITEM_COMMITMENT_STEP, COMMITMENT_BREACHED, number, NULL);
    add_about(r, &k[WITHDRAWN], ITEM_COMMITMENT_STEP, COMMITMENT_WITHDRAWN, number, NULL);
    add_about(r, &k[REPAIRED], ITEM_REPAIR, 0, number, NULL);
}

static void read_listing(example_reader *r, const policy_node *node) {
    policy_key k[] = {
        {.name = "list", .required = true}, {.name = "day", .required = true}, {.name = "until"}, {.name = "removed"}};
    item it = {.kind = ITEM_LISTING};
    if (!policy_read_keys(r->l, node, "a listing", k, 4) || !k[0].value || !k[1].value) return;
    const char *list = policy_read_name(r->l, k[0].value, "a list");
    if (!list || !read_day(r->l, k[1].value, &it.day)) return;
    if (k[2].value && !read_day(r->l, k[2].value, &it.until)) return;
    unsigned number = add(r, it);
    r->e->lists[number - 1] = list;
    r->e->list_marks[number - 1] = policy_mark_of(k[0].value);
    add_about(r, &k[3], ITEM_DELISTING, 0, number, NULL);
}

/* ------------------------------------------------------------------ an example */

static const struct {
    const char *key;
    void (*read)(example_reader *r, const policy_node *node);
    unsigned most; /* items that one of them makes */
} KINDS[] = {{"records", read_record, 3},
             {"service", read_service, 2},
             {"commitments", read_commitment, 7},
             {"lists", read_listing, 2}};
#define KIND_COUNT (sizeof KINDS / sizeof *KINDS)

static void read_kind(example_reader *r, unsigned kind, const policy_node *list) {
    if (!policy_is_list(r->l, list, KINDS[kind].key)) return;
    for (const policy_node *n = list->first; n; n = n->next) {
        if (r->e->item_count + KINDS[kind].most > r->room) {
            policy_error(r->l, n, "an example of more than %u things; write several", r->room);
            return;
        }
        KINDS[kind].read(r, n);
    }
}

static void read_field(example_reader *r, const policy_node *key, profile *p, uint64_t *fields) {
    const profile_field *field = policy_read_field(r->l, key);
    int64_t value;
    if (!field || !policy_read_value(r->l, field, key->value, &value)) return;
    if (profile_set(p, field, value) == STATUS_OK)
        *fields |= UINT64_C(1) << field->number;
    else
        policy_error(r->l, key->value, "'%s' cannot have this value", field->name);
}

static void read_subject(example_reader *r, const policy_node *node) {
    const char *text = node->kind == NODE_TEXT ? node->text : "";
    subject_finding f = subject_parse(text, strlen(text), INT32_MAX, &r->e->subject);
    if (subject_verdict_is_error(f.verdict))
        policy_error(r->l, node,
                     "'subject' is a number with its kind: 'uscc:91530000MA00TTT099' or 'id:530000199001010011'");
}

static bool begin(example_reader *r, const policy_node *given) {
    credit_example *e = r->e;
    unsigned things = 0;
    for (const policy_node *key = given->first; key; key = key->next)
        if (key->value && key->value->kind == NODE_LIST) things += key->value->count;
    r->room = things > CREDIT_EXAMPLE_ITEMS / 8 ? CREDIT_EXAMPLE_ITEMS : things * 8;
    e->items = CREDIT_KEEP(r->l, item, r->room);
    e->lists = CREDIT_KEEP(r->l, const char *, r->room);
    e->list_marks = CREDIT_KEEP(r->l, policy_mark, r->room);
    return e->items && e->lists && e->list_marks;
}

static void read_given(example_reader *r, const policy_node *node) {
    credit_example *e = r->e;
    uint16_t day = 0;
    if (node->kind != NODE_MAP) {
        policy_error(r->l, node, "'given' is written as {records: [{type: …, day: …}], day: …}");
        return;
    }
    if (!begin(r, node)) return;
    for (const policy_node *key = node->first; key; key = key->next) {
        unsigned kind = 0;
        while (kind < KIND_COUNT && !policy_is_text(key, KINDS[kind].key)) kind++;
        if (kind < KIND_COUNT)
            read_kind(r, kind, key->value);
        else if (policy_is_text(key, "day"))
            (void)read_day(r->l, key->value, &day);
        else if (policy_is_text(key, "subject"))
            read_subject(r, key->value);
        else
            read_field(r, key, &e->given, &e->given_fields);
    }
    if (day == 0 && r->l->file_errors == 0)
        policy_error(r->l, node, "'day:' is missing in 'given': what counts depends on the day");
    e->day = day;
}

static void read_expect(example_reader *r, const policy_node *node) {
    if (node->kind != NODE_MAP || node->count == 0) {
        policy_error(r->l, node, "'expect' is written as fields and values: {negative_points: 3.5, observed: true}");
        return;
    }
    for (const policy_node *key = node->first; key; key = key->next)
        read_field(r, key, &r->e->expect, &r->e->expect_fields);
}

static void check_name(policy_loader *l, const credit_loading *c, const credit_example *e) {
    for (unsigned i = 0; e->name && i < c->example_count; i++) {
        if (strcmp(c->examples[i].name, e->name) != 0) continue;
        policy_say_at(l, POLICY_ERROR, e->mark, "an example of this name stands in line %u already; rename one",
                      c->examples[i].mark.line);
        return;
    }
}

void credit_parse_examples(policy_loader *l, const policy_node *node, credit_loading *c) {
    static const char *const SOMEBODY = "91530000MA00TTT099";
    if (!policy_is_list(l, node, "'examples'")) return;
    if (node->count > LIMIT_POLICY_EXAMPLES) {
        policy_error(l, node, "%u examples; a file has at most %d", node->count, LIMIT_POLICY_EXAMPLES);
        return;
    }
    c->examples = CREDIT_KEEP(l, credit_example, node->count);
    if (!c->examples) return;
    for (const policy_node *n = node->first; n; n = n->next) {
        policy_key k[] = {{.name = "name", .required = true},
                          {.name = "given", .required = true},
                          {.name = "expect", .required = true}};
        credit_example *e = &c->examples[c->example_count];
        example_reader r = {.l = l, .loading = c, .e = e};
        if (!policy_read_keys(l, n, "an example", k, 3) || !k[0].value || !k[1].value || !k[2].value) continue;
        *e = (credit_example){.file = l->file, .mark = policy_mark_of(n)};
        (void)subject_parse_number(SUBJECT_ENTITY, SOMEBODY, strlen(SOMEBODY), INT32_MAX, &e->subject);
        profile_init(&e->given, &e->subject);
        e->expect = e->given;
        e->name = policy_read_text(l, k[0].value, "an example's name");
        read_given(&r, k[1].value);
        read_expect(&r, k[2].value);
        check_name(l, c, e);
        if (e->name) c->example_count++;
    }
}

void credit_resolve_examples(policy_loader *l, credit_loading *c) {
    const credit_rules *r = c->rules;
    for (unsigned i = 0; i < c->example_count; i++) {
        credit_example *e = &c->examples[i];
        l->file = e->file;
        for (unsigned n = 0; n < e->item_count; n++) {
            if (!e->lists[n]) continue;
            unsigned found = 0;
            while (found < r->list_count && strcmp(r->lists[found].id, e->lists[n]) != 0) found++;
            if (found < r->list_count)
                e->items[n].type = r->lists[found].code;
            else if (!c->lists_missing)
                policy_say_at(l, POLICY_ERROR, e->list_marks[n], "unknown list '%s'; lists are in the file 'lists:'",
                              e->lists[n]);
        }
    }
    l->file = NULL;
}
