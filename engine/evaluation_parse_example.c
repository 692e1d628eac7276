/* Examples of an evaluation: a profile, and the score, grade and scorecard that it must get. */
#include "engine/evaluation_conditions.h"
#include "engine/evaluation_parse.h"

#include "engine/policy_suggest.h"

#include <stdlib.h>
#include <string.h>

static void parse_given(policy_loader *l, const policy_node *node, profile *given) {
    if (node->kind != NODE_MAP) {
        policy_error(l, node, "'given' is written as fields and values: {form: person, public_score: 780}");
        return;
    }
    for (const policy_node *key = node->first; key; key = key->next) {
        const profile_field *field = policy_read_field(l, key);
        int64_t value;
        if (!field || !policy_read_value(l, field, key->value, &value)) continue;
        if (evaluation_is_result(field))
            policy_error(l, key, "'%s' is what the evaluation computes; write it under 'expect:'", field->name);
        else if (profile_set(given, field, value) != STATUS_OK)
            policy_error(l, key->value, "'%s' cannot have this value", field->name);
    }
}

static void parse_card_name(policy_loader *l, const policy_node *node, const evaluation *e, evaluation_example *out) {
    const char *names[LIMIT_EVALUATION_CARDS];
    char near[80] = "";
    out->wants_card = true;
    if (policy_is_text(node, "none")) return;
    for (unsigned i = 0; i < e->card_count; i++) {
        names[i] = out->card = e->cards[i].id;
        if (policy_is_text(node, out->card)) return;
    }
    out->card = NULL;
    if (node->kind == NODE_TEXT) policy_suggest_text(node->text, node->length, names, e->card_count, near, sizeof near);
    policy_error(l, node, "no scorecard has this id; write 'none' if none may be used%s", near);
}

static void parse_expect(policy_loader *l, const policy_node *node, const evaluation *e, evaluation_example *out) {
    policy_key k[] = {{.name = "composite_score"}, {.name = "composite_grade"}, {.name = "scorecard"}};
    int64_t value;
    if (!policy_read_keys(l, node, "'expect'", k, 3)) return;
    if (k[0].value && policy_read_value(l, profile_field_at(FIELD_composite_score), k[0].value, &value)) {
        out->score = (uint16_t)(value == PROFILE_MISSING ? PROFILE_UNRATED : value);
        out->wants_score = true;
    }
    if (k[1].value && policy_read_value(l, profile_field_at(FIELD_composite_grade), k[1].value, &value)) {
        out->grade = (uint8_t)(value == PROFILE_MISSING ? MARKET_UNRATED : value);
        out->wants_grade = true;
    }
    if (k[2].value) parse_card_name(l, k[2].value, e, out);
    if (node->count == 0) policy_error(l, node, "the example expects nothing; write at least 'composite_grade:'");
}

static void parse_example(policy_loader *l, const policy_node *node, const evaluation *e, evaluation_example *out) {
    policy_key keys[] = {
        {.name = "name", .required = true}, {.name = "given", .required = true}, {.name = "expect", .required = true}};
    subject_id nobody = {{0}};
    *out = (evaluation_example){.name = "", .mark = policy_mark_of(node)};
    profile_init(&out->given, &nobody);
    if (!policy_read_keys(l, node, "an example", keys, 3)) return;
    const char *name = keys[0].value ? policy_read_text(l, keys[0].value, "an example's name") : NULL;
    if (name) out->name = name;
    if (keys[1].value) parse_given(l, keys[1].value, &out->given);
    if (keys[2].value) parse_expect(l, keys[2].value, e, out);
}

void evaluation_parse_examples(policy_loader *l, const policy_node *node, evaluation *e) {
    if (!policy_is_list(l, node, "'examples'")) return;
    if (node->count > LIMIT_POLICY_EXAMPLES) {
        policy_error(l, node, "%u examples; an evaluation has at most %d", node->count, LIMIT_POLICY_EXAMPLES);
        return;
    }
    evaluation_example *examples = POLICY_ARENA_ARRAY(l->keep, evaluation_example, node->count);
    if (!examples) {
        l->no_memory = true;
        return;
    }
    e->examples = examples;
    for (const policy_node *each = node->first; each; each = each->next)
        parse_example(l, each, e, &examples[e->example_count++]);
    policy_check_names(l, examples, sizeof(evaluation_example), e->example_count);
}
