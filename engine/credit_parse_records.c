/* The catalogue of records: classes with what their types have in common, types, thresholds of points, examples.
 * Domains are kept once each, so that comparing two of them mostly is comparing pointers. */
#include "engine/credit_parse.h"

#include "engine/policy_suggest.h"

#include <stdlib.h>
#include <string.h>

#define REFERENCE_DAY 20454 /* 2026-01-01: where lengths of time are compared */

typedef struct records_reader {
    policy_loader *l;
    credit_rules *rules;
    record_type classes[CLASS_MERIT + 1];
    record_type *types;
    policy_mark *marks; /* by type */
    bool missing;       /* types that could not be read */
} records_reader;

static bool is_none(period p) { return p.unit == PERIOD_NONE; }

static bool longer(const records_reader *r, period a, period b) {
    return credit_period_end(r->rules, REFERENCE_DAY, a) > credit_period_end(r->rules, REFERENCE_DAY, b);
}

/* ------------------------------------------------------------------ what classes and types have in common */

enum { KEY_POINTS, KEY_DECAY, KEY_OBSERVATION, KEY_PUBLICITY, KEY_EFFECTS, COMMON_COUNT };
static const char *const COMMON[COMMON_COUNT] = {"points", "decay", "observation", "publicity", "effects"};

static void read_publicity(policy_loader *l, const policy_node *node, record_type *out) {
    policy_key k[] = {{.name = "min"}, {.name = "max"}};
    if (!policy_read_keys(l, node, "'publicity'", k, 2)) return;
    if (k[0].value) credit_read_period(l, k[0].value, "publicity's min", &out->publicity_min);
    if (k[1].value) credit_read_period(l, k[1].value, "publicity's max", &out->publicity_max);
}

/* "red_list_removed", or {gaps_barred: 12 months}: with a length of its own. */
static void read_effect(policy_loader *l, const policy_node *node, record_type *out) {
    const char *names[EFFECT_COUNT];
    const policy_node *own = NULL;
    unsigned effect;
    for (unsigned i = 0; i < EFFECT_COUNT; i++) names[i] = record_effect_name(i);
    if (node->kind == NODE_MAP && node->count == 1) {
        node = node->first;
        own = node->value;
    }
    if (!credit_read_word(l, node, "effect", names, EFFECT_COUNT, &effect)) return;
    if (out->effects >> effect & 1)
        policy_error(l, node, "the effect '%s' stands here twice; remove one", names[effect]);
    out->effects |= (uint16_t)(1u << effect);
    out->effect_length[effect] = (period){0};
    if (own && effect == EFFECT_SERVICE_VOID)
        policy_error(l, own, "service that is void stays void; write service_void without a time");
    else if (own && credit_read_period(l, own, "an effect's length", &out->effect_length[effect]) &&
             is_none(out->effect_length[effect]))
        policy_error(l, own, "an effect without a length of its own is written by its name alone: %s", names[effect]);
}

static void read_effects(policy_loader *l, const policy_node *node, record_type *out) {
    out->effects = 0;
    memset(out->effect_length, 0, sizeof out->effect_length);
    if (!policy_is_list(l, node, "'effects'")) return;
    for (const policy_node *n = node->first; n; n = n->next) read_effect(l, n, out);
}

static void read_common(policy_loader *l, const policy_key *k, record_type *out) {
    static const char *const DECAYS[] = {"none", "linear"};
    unsigned decay;
    if (k[KEY_POINTS].value) credit_read_points(l, k[KEY_POINTS].value, "'points'", &out->points);
    if (k[KEY_DECAY].value && credit_read_word(l, k[KEY_DECAY].value, "decay", DECAYS, 2, &decay)) out->linear = decay;
    if (k[KEY_OBSERVATION].value) credit_read_period(l, k[KEY_OBSERVATION].value, "'observation'", &out->observation);
    if (k[KEY_PUBLICITY].value) read_publicity(l, k[KEY_PUBLICITY].value, out);
    if (k[KEY_EFFECTS].value) read_effects(l, k[KEY_EFFECTS].value, out);
}

static void common_keys(policy_key *k) {
    for (unsigned i = 0; i < COMMON_COUNT; i++) k[i] = (policy_key){.name = COMMON[i]};
}

static void read_classes(records_reader *r, const policy_node *node) {
    policy_key classes[CLASS_MERIT];
    for (unsigned c = CLASS_MINOR; c <= CLASS_MERIT; c++) classes[c - 1] = (policy_key){.name = record_class_name(c)};
    if (!policy_read_keys(r->l, node, "'classes'", classes, CLASS_MERIT)) return;
    for (unsigned c = CLASS_MINOR; c <= CLASS_MERIT; c++) {
        policy_key k[COMMON_COUNT];
        common_keys(k);
        if (!classes[c - 1].value || !policy_read_keys(r->l, classes[c - 1].value, "a class", k, COMMON_COUNT))
            continue;
        read_common(r->l, k, &r->classes[c]);
    }
}

/* ------------------------------------------------------------------ types */

static void check_type(records_reader *r, const policy_node *node, const record_type *t) {
    const credit_rules *rules = r->rules;
    for (unsigned i = 0; i < rules->type_count; i++) {
        const record_type *other = &r->types[i];
        if (other->code == t->code)
            policy_error(r->l, node,
                         "record code %u is taken by '%s'; a code means one type for ever, give each its own", t->code,
                         other->id);
        if (strcmp(other->id, t->id) == 0)
            policy_error(r->l, node, "the record type '%s' is defined twice, first in line %u; rename or remove one",
                         t->id, r->marks[i].line);
    }
    if (is_none(t->publicity_max))
        policy_say(r->l, POLICY_WARNING, node,
                   "records of '%s' never end by themselves; write 'publicity: {max: …}' here or in the class %s",
                   t->id, record_class_name(t->class));
    else if (longer(r, t->publicity_min, t->publicity_max))
        policy_error(r->l, node, "'%s' can be repaired only after it has ended: publicity's min is longer than its max",
                     t->id);
    else if (longer(r, t->observation, t->publicity_max))
        policy_say(r->l, POLICY_WARNING, node,
                   "the points of '%s' end with the record, at publicity's max; the observation is longer", t->id);
    if (t->linear && is_none(t->observation) && is_none(t->publicity_max))
        policy_error(r->l, node, "'decay: linear' needs an end: write 'observation:' or 'publicity: {max: …}'");
}

static const char *keep_domain(records_reader *r, const policy_node *node) {
    for (unsigned i = 0; i < r->rules->type_count; i++)
        if (r->types[i].domain && policy_is_text(node, r->types[i].domain)) return r->types[i].domain;
    return policy_read_name(r->l, node, "a domain");
}

static void read_type(records_reader *r, const policy_node *node) {
    enum { CODE = COMMON_COUNT, ID, CLASS, TITLE, DOMAIN_OF, NOTE, COUNT };
    policy_key k[COUNT] = {[CODE] = {.name = "code", .required = true},
                           [ID] = {.name = "id", .required = true},
                           [CLASS] = {.name = "class", .required = true},
                           [TITLE] = {.name = "title"},
                           [DOMAIN_OF] = {.name = "domain"},
                           [NOTE] = {.name = "note"}};
    const char *classes[CLASS_MERIT + 1];
    unsigned class;
    int64_t code;
    common_keys(k);
    for (unsigned c = 0; c <= CLASS_MERIT; c++) classes[c] = record_class_name(c);
    if (!policy_read_keys(r->l, node, "a record type", k, COUNT)) return;
    if (!k[CODE].value || !k[ID].value || !k[CLASS].value) return;
    bool good = policy_read_number(r->l, k[CODE].value, "a record's code", 1, UINT16_MAX, &code);
    const char *id = policy_read_name(r->l, k[ID].value, "a record's id");
    good &= credit_read_word(r->l, k[CLASS].value, "class", classes, CLASS_MERIT + 1, &class);
    record_type t = good ? r->classes[class] : (record_type){0};
    size_t errors = r->l->file_errors;
    read_common(r->l, k, &t);
    if (k[TITLE].value) t.title = policy_read_text(r->l, k[TITLE].value, "a record's title");
    if (k[DOMAIN_OF].value) t.domain = keep_domain(r, k[DOMAIN_OF].value);
    if (k[NOTE].value) (void)policy_read_text(r->l, k[NOTE].value, "a note");
    if (!good || !id) return;
    t.code = (uint16_t)code;
    t.class = (uint8_t) class;
    t.id = id;
    if (!t.title) t.title = id;
    if (errors == r->l->file_errors) check_type(r, node, &t);
    r->marks[r->rules->type_count] = policy_mark_of(node);
    r->types[r->rules->type_count++] = t;
}

static int by_code(const void *a, const void *b) {
    const record_type *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

static void read_types(records_reader *r, const policy_node *node) {
    if (!policy_is_list(r->l, node, "'types'")) return;
    if (node->count > LIMIT_RECORD_TYPES) {
        policy_error(r->l, node, "%u record types; a set has at most %d", node->count, LIMIT_RECORD_TYPES);
        return;
    }
    r->types = CREDIT_KEEP(r->l, record_type, node->count);
    r->marks = POLICY_ARENA_ARRAY(&r->l->scratch, policy_mark, node->count);
    if (!r->types || !r->marks) {
        r->l->no_memory = true;
        return;
    }
    for (const policy_node *n = node->first; n; n = n->next) read_type(r, n);
    r->missing = r->rules->type_count < node->count;
    qsort(r->types, r->rules->type_count, sizeof *r->types, by_code);
    r->rules->types = r->types;
}

/* ------------------------------------------------------------------ thresholds */

static void unknown_domain(records_reader *r, const policy_node *node) {
    const char *names[LIMIT_RECORD_TYPES];
    char near[80];
    for (unsigned i = 0; i < r->rules->type_count; i++) names[i] = r->types[i].domain;
    policy_suggest_text(node->text, node->length, names, r->rules->type_count, near, sizeof near);
    policy_error(r->l, node, "no record type has the domain '%.*s'%s", policy_shown(node->text, node->length),
                 node->text, near);
}

static bool domain_of(records_reader *r, const policy_node *node, points_threshold *t) {
    if (node->kind != NODE_TEXT) {
        policy_error(r->l, node, "a threshold has one domain, or none for the points of all");
        return false;
    }
    for (unsigned i = 0; i < r->rules->type_count && !t->domain; i++)
        if (r->types[i].domain && policy_is_text(node, r->types[i].domain)) t->domain = r->types[i].domain;
    if (!t->domain) unknown_domain(r, node);
    return t->domain != NULL;
}

static void check_threshold(records_reader *r, const policy_node *node, const points_threshold *list, unsigned count,
                            const points_threshold *t) {
    bool reachable = !t->domain; /* sources claim points too */
    for (unsigned i = 0; i < r->rules->type_count && !reachable; i++)
        reachable = r->types[i].class != CLASS_MERIT && r->types[i].points > 0 && r->types[i].domain == t->domain;
    if (!reachable)
        policy_say(
            r->l, POLICY_WARNING, node,
            "no type of the domain '%s' has points, so this threshold is never reached; give some of them points",
            t->domain);
    for (unsigned i = 0; i < count; i++)
        if (list[i].effect == t->effect && list[i].domain == t->domain)
            policy_say(r->l, POLICY_WARNING, node,
                       "there is another threshold for '%s' of the same points; the higher one does nothing, remove it",
                       record_effect_name(t->effect));
}

static bool read_threshold(records_reader *r, const policy_node *node, points_threshold *t) {
    policy_key k[] = {{.name = "points", .required = true}, {.name = "effect", .required = true}, {.name = "domain"}};
    const char *names[EFFECT_COUNT];
    unsigned effect;
    for (unsigned i = 0; i < EFFECT_COUNT; i++)
        names[i] = i == EFFECT_RED_LIST_REMOVED || i == EFFECT_SERVICE_VOID ? NULL : record_effect_name(i);
    *t = (points_threshold){0};
    if (!policy_read_keys(r->l, node, "a threshold", k, 3) || !k[0].value || !k[1].value) return false;
    bool good = credit_read_points(r->l, k[0].value, "'points'", &t->points);
    good &= credit_read_word(r->l, k[1].value, "effect of a threshold", names, EFFECT_COUNT, &effect);
    if (good && t->points == 0)
        policy_error(r->l, k[0].value, "a threshold of 0 points is reached by everybody; write a number above 0");
    if (k[2].value) good &= domain_of(r, k[2].value, t);
    t->effect = (uint8_t)effect;
    return good;
}

static void read_thresholds(records_reader *r, const policy_node *node) {
    if (!policy_is_list(r->l, node, "'thresholds'")) return;
    if (node->count > LIMIT_THRESHOLDS) {
        policy_error(r->l, node, "%u thresholds; a set has at most %d", node->count, LIMIT_THRESHOLDS);
        return;
    }
    points_threshold *list = CREDIT_KEEP(r->l, points_threshold, node->count);
    if (!list) return;
    for (const policy_node *n = node->first; n; n = n->next) {
        points_threshold *t = &list[r->rules->threshold_count];
        if (!read_threshold(r, n, t)) continue;
        check_threshold(r, n, list, r->rules->threshold_count, t);
        r->rules->threshold_count++;
    }
    r->rules->thresholds = list;
}

/* ------------------------------------------------------------------ the file */

static void read_kept(records_reader *r, const policy_node *node) {
    static const period LAW = {60, PERIOD_MONTHS, 0};
    if (!credit_read_period(r->l, node, "'personal_adverse_kept'", &r->rules->personal_kept)) return;
    if (is_none(r->rules->personal_kept) || longer(r, r->rules->personal_kept, LAW))
        policy_say(r->l, POLICY_WARNING, node,
                   "adverse records of persons are deleted 5 years after the behaviour ended; write '5 years' or less");
}

void credit_parse_records(policy_loader *l, const policy_node *root, credit_loading *c) {
    enum { RECORDS, CLASSES, KEPT, TYPES, THRESHOLDS, EXAMPLES, HEAD, COUNT = HEAD + CREDIT_HEAD_KEYS };
    policy_key k[COUNT] = {[RECORDS] = {.name = "records", .required = true},
                           [CLASSES] = {.name = "classes"},
                           [KEPT] = {.name = "personal_adverse_kept"},
                           [TYPES] = {.name = "types", .required = true},
                           [THRESHOLDS] = {.name = "thresholds"},
                           [EXAMPLES] = {.name = "examples"}};
    records_reader r = {.l = l, .rules = c->rules};
    if (!credit_read_head(l, root, "a catalogue of records", k, COUNT)) return;
    if (k[RECORDS].value) (void)policy_read_name(l, k[RECORDS].value, "a catalogue's id");
    if (k[CLASSES].value) read_classes(&r, k[CLASSES].value);
    if (k[KEPT].value) read_kept(&r, k[KEPT].value);
    if (k[TYPES].value) read_types(&r, k[TYPES].value);
    c->types_missing = r.missing;
    if (k[THRESHOLDS].value) read_thresholds(&r, k[THRESHOLDS].value);
    if (k[EXAMPLES].value)
        credit_parse_examples(l, k[EXAMPLES].value, c);
    else
        policy_say(l, POLICY_WARNING, root, "no examples; write some under 'examples:', one for each kind of rule");
}
