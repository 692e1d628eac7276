/* An evaluation file: who decides, what the slots mean, the cut-offs of the grades, the scorecards. Scorecards are read
 * in evaluation_parse_card.c, examples in evaluation_parse_example.c. Sources are known only when all files of the set
 * have been read, so their names are looked up at the end. */
#include "engine/evaluation_parse.h"

#include "engine/credit_parse.h"
#include "engine/policy_suggest.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ indicators */

/* "slot: 1"; the scale's ends are scores that the slot can hold. */
static void parse_scale(policy_loader *l, const policy_node *node, indicator *out) {
    policy_key keys[] = {{.name = "min", .required = true}, {.name = "max", .required = true}};
    const profile_field *slot = profile_field_at(FIELD_slot_1);
    int64_t min = 0, max = 0;
    if (!policy_read_keys(l, node, "'scale'", keys, 2) || !keys[0].value || !keys[1].value) return;
    if (!policy_read_number(l, keys[0].value, "the scale's lowest score", slot->min, slot->max, &min) ||
        !policy_read_number(l, keys[1].value, "the scale's highest score", slot->min, slot->max, &max))
        return;
    if (min >= max) {
        policy_error(l, keys[1].value, "the scale ends at %lld, but begins at %lld; give 'max' more than 'min'",
                     (long long)max, (long long)min);
        return;
    }
    out->min = (uint16_t)min;
    out->max = (uint16_t)max;
}

static void check_indicator(policy_loader *l, const policy_node *node, const evaluation *e, const indicator *in) {
    for (unsigned i = 0; i < e->indicator_count; i++) {
        if (e->indicators[i].slot == in->slot)
            policy_error(l, node,
                         "slot %u already holds '%s'; a slot has one source and one scale, take another slot (1 to %d)",
                         in->slot, e->indicators[i].id, PROFILE_SLOTS);
        if (in->id && e->indicators[i].id && strcmp(e->indicators[i].id, in->id) == 0)
            policy_error(l, node, "the indicator '%s' is declared twice; rename or remove one", in->id);
    }
}

static void parse_indicator(policy_loader *l, const policy_node *node, evaluation *e) {
    policy_key keys[] = {{.name = "slot", .required = true},
                         {.name = "id", .required = true},
                         {.name = "source", .required = true},
                         {.name = "scale", .required = true},
                         {.name = "title"}};
    int64_t slot = 0;
    if (!policy_read_keys(l, node, "an indicator", keys, 5)) return;
    if (!keys[0].value || !policy_read_number(l, keys[0].value, "a slot", 1, PROFILE_SLOTS, &slot)) return;
    indicator in = {.slot = (uint8_t)slot, .max = UINT16_MAX - 1, .id = "", .title = ""};
    const char *id = keys[1].value ? policy_read_name(l, keys[1].value, "an indicator's id") : NULL;
    if (id) in.id = id;
    if (keys[3].value) parse_scale(l, keys[3].value, &in);
    const char *title = keys[4].value ? policy_read_text(l, keys[4].value, "an indicator's title") : NULL;
    in.title = title ? title : in.id;
    check_indicator(l, node, e, &in);
    if (e->indicator_count == PROFILE_SLOTS) return; /* said: one of them has a slot that is taken */
    if (keys[2].value) {
        e->source_names[e->indicator_count] = policy_read_name(l, keys[2].value, "a source");
        e->source_marks[e->indicator_count] = policy_mark_of(keys[2].value);
    }
    e->indicators[e->indicator_count++] = in;
}

static void parse_indicators(policy_loader *l, const policy_node *node, evaluation *e) {
    if (!policy_is_list(l, node, "'indicators'")) return;
    for (const policy_node *each = node->first; each; each = each->next) parse_indicator(l, each, e);
}

static const credit_source *source_named(const credit_rules *rules, const char *id) {
    for (unsigned i = 0; i < rules->source_count; i++)
        if (strcmp(rules->sources[i].id, id) == 0) return &rules->sources[i];
    return NULL;
}

/* Sources have numbers; without a file of sources only these can be written. */
static bool as_number(const char *text, uint16_t *number) {
    unsigned value = 0;
    size_t n = 0;
    for (; text[n] >= '0' && text[n] <= '9' && n < 4; n++) value = value * 10 + (unsigned)(text[n] - '0');
    *number = (uint16_t)value;
    return n > 0 && text[n] == 0 && value <= LIMIT_SOURCES;
}

void evaluation_resolve(policy_loader *l, const credit_rules *rules) {
    const evaluation *e = rules->evaluation;
    const char *file = l->file;
    if (!e) return;
    l->file = e->file;
    for (unsigned i = 0; i < e->indicator_count; i++) {
        const char *name = e->source_names[i], *names[LIMIT_SOURCES + 1] = {0};
        if (!name) continue;
        uint16_t number;
        bool counted = as_number(name, &number);
        const credit_source *source = source_named(rules, name);
        if (!source && counted) source = credit_source_of(rules, number);
        if (source) {
            e->indicators[i].source = source->number;
            const profile_field *slot = profile_field_at(FIELD_slot_1 + e->indicators[i].slot - 1u);
            if (!(source->fields >> slot->number & 1))
                policy_say_at(l, POLICY_ERROR, e->source_marks[i],
                              "the source '%s' may not write '%s'; add the field to it in the file of sources",
                              source->id, slot->name);
        } else if (counted && !rules->sources_given)
            e->indicators[i].source = number;
        else {
            char near[80] = "";
            for (unsigned s = 0; s < rules->source_count; s++) names[s] = rules->sources[s].id;
            policy_suggest_text(name, strlen(name), names, rules->source_count, near, sizeof near);
            policy_say_at(l, POLICY_ERROR, e->source_marks[i], "unknown source '%s'%s", name,
                          near[0] ? near : "; define it in the file of sources ('sources:')");
        }
    }
    l->file = file;
}

/* ------------------------------------------------------------------ grades */

static void parse_grades(policy_loader *l, const policy_node *node, evaluation *e) {
    const profile_field *field = profile_field_at(FIELD_composite_grade);
    policy_key keys[MARKET_AAA - MARKET_C];
    for (unsigned g = MARKET_AAA, i = 0; g > MARKET_C; g--, i++)
        keys[i] = (policy_key){.name = field->names[g], .required = true};
    if (!policy_read_keys(l, node, "'grades'", keys, MARKET_AAA - MARKET_C)) return;
    int64_t above = EVALUATION_SCORE_MAX + 1, cut = 0;
    for (unsigned g = MARKET_AAA, i = 0; g > MARKET_C; g--, i++) {
        if (!keys[i].value ||
            !policy_read_number(l, keys[i].value, "a grade's lowest score", 1, EVALUATION_SCORE_MAX, &cut))
            continue;
        if (cut >= above)
            policy_error(l, keys[i].value,
                         "the grade %s begins at %lld, not below the better grade before it (%lld); "
                         "write falling scores",
                         field->names[g], (long long)cut, (long long)above);
        e->cut_offs[g] = (uint16_t)cut;
        above = cut;
    }
}

/* ------------------------------------------------------------------ the file */

enum { KEY_EVALUATION, KEY_INDICATORS, KEY_GRADES, KEY_CARDS, KEY_EXAMPLES, KEY_HEAD };
enum { HEAD_TITLE = KEY_HEAD, HEAD_AUTHORITY, HEAD_BASIS }; /* CREDIT_HEAD */

static evaluation *new_evaluation(policy_loader *l) {
    evaluation *e = POLICY_ARENA_ARRAY(l->keep, evaluation, 1);
    if (e) {
        *e = (evaluation){.id = "", .title = "", .authority = "", .legal_basis = "", .file = l->file};
        e->indicators = POLICY_ARENA_ARRAY(l->keep, indicator, PROFILE_SLOTS);
        e->source_marks = POLICY_ARENA_ARRAY(l->keep, policy_mark, PROFILE_SLOTS);
        e->source_names = POLICY_ARENA_ARRAY(l->keep, const char *, PROFILE_SLOTS);
    }
    if (e && e->indicators && e->source_marks && e->source_names) return e;
    l->no_memory = true;
    return NULL;
}

/* A text or a list of texts, joined with "; "; what is wrong with them has been said. */
static const char *keep_texts(policy_loader *l, const policy_node *node) {
    if (!node) return "";
    const policy_node *first = node->kind == NODE_LIST ? node->first : node;
    size_t room = 1, used = 0;
    for (const policy_node *n = first; n; n = n == node ? NULL : n->next) room += n->length + 2u;
    char *text = policy_arena_alloc(l->keep, room, 1);
    if (!text) {
        l->no_memory = true;
        return "";
    }
    for (const policy_node *n = first; n; n = n == node ? NULL : n->next)
        if (n->kind == NODE_TEXT) used += (size_t)snprintf(text + used, room - used, "%s%s", used ? "; " : "", n->text);
    return text;
}

void evaluation_parse(policy_loader *l, const policy_node *root, credit_rules *out) {
    policy_key k[KEY_HEAD + CREDIT_HEAD_KEYS] = {[KEY_EVALUATION] = {.name = "evaluation", .required = true},
                                                 [KEY_INDICATORS] = {.name = "indicators"},
                                                 [KEY_GRADES] = {.name = "grades", .required = true},
                                                 [KEY_CARDS] = {.name = "scorecards", .required = true},
                                                 [KEY_EXAMPLES] = {.name = "examples"}};
    evaluation *e = new_evaluation(l);
    if (!e || !credit_read_head(l, root, "an evaluation", k, sizeof k / sizeof k[0])) return;
    e->title = keep_texts(l, k[HEAD_TITLE].value);
    e->authority = keep_texts(l, k[HEAD_AUTHORITY].value);
    e->legal_basis = keep_texts(l, k[HEAD_BASIS].value);
    const char *id =
        k[KEY_EVALUATION].value ? policy_read_name(l, k[KEY_EVALUATION].value, "an evaluation's id") : NULL;
    if (id) e->id = id;
    if (k[KEY_INDICATORS].value) parse_indicators(l, k[KEY_INDICATORS].value, e);
    if (k[KEY_GRADES].value) parse_grades(l, k[KEY_GRADES].value, e);
    if (k[KEY_CARDS].value) evaluation_parse_cards(l, k[KEY_CARDS].value, e);
    if (k[KEY_EXAMPLES].value)
        evaluation_parse_examples(l, k[KEY_EXAMPLES].value, e);
    else
        policy_say(l, POLICY_WARNING, root,
                   "no examples; write some under 'examples:', for each scorecard at least one");
    out->evaluation = e;
}
