/* One document per run; the tables point into it. */
#include "client/cli/catalog.h"

#include "base/purpose.h"
#include "client/cli/suggest.h"

#include <stdio.h>
#include <string.h>

static const char *const shipped[] = {
    [SCENARIO_LOAN] = "loan",         [SCENARIO_TRAVEL] = "travel",       [SCENARIO_POWER] = "power",
    [SCENARIO_APPROVAL] = "approval", [SCENARIO_VOLUNTEER] = "volunteer",
};
#define SHIPPED (sizeof shipped / sizeof shipped[0])

static void read_policy(catalog *k, const json_t *policy) {
    json_int_t code = json_integer_value(json_object_get(policy, "code"));
    if (code <= 0 || code >= CATALOG_SCENARIOS) return;
    k->scenario[code] = json_string_value(json_object_get(policy, "scenario"));
    k->title[code] = json_string_value(json_object_get(policy, "title"));
    const char *usual = json_string_value(json_object_get(policy, "purpose"));
    k->purpose[code] = (uint8_t)(usual != NULL ? purpose_find(usual) : PURPOSE_NONE);
    json_t *benefit;
    size_t i;
    json_array_foreach(json_object_get(policy, "benefits"), i, benefit) {
        json_int_t bit = json_integer_value(json_object_get(benefit, "code"));
        if (bit < 0 || bit >= CATALOG_BENEFITS) continue;
        k->benefit_id[code][bit] = json_string_value(json_object_get(benefit, "id"));
        k->benefit_title[code][bit] = json_string_value(json_object_get(benefit, "title"));
    }
}

int catalog_load(cli *c, catalog *out) {
    const char *text = NULL;
    json_error_t problem;
    int code = xinyi_policy_info(c->x, &text);
    if (code != 0) return cli_failed(c, code);
    *out = (catalog){.document = json_loads(text, 0, &problem)};
    if (out->document == NULL) {
        cli_error(c, "the server's list of policies cannot be read: %s", problem.text);
        return CLI_EXIT_REFUSED;
    }
    json_t *policy;
    size_t i;
    json_array_foreach(json_object_get(out->document, "policies"), i, policy) read_policy(out, policy);
    return 0;
}

void catalog_deinit(catalog *k) {
    json_decref(k->document);
    *k = (catalog){0};
}

int catalog_scenario(const cli *c, const catalog *k, const char *name, unsigned *code) {
    char near[SUGGEST_TEXT];
    suggest s = {.word = name};
    for (unsigned i = 1; i < CATALOG_SCENARIOS; i++) {
        const char *known = i < SHIPPED ? shipped[i] : k->scenario[i];
        if (known == NULL) continue;
        if (strcmp(known, name) == 0) {
            *code = i;
            return 0;
        }
        suggest_offer(&s, known);
    }
    return cli_usage(c, "unknown scenario '%s'%s", name, suggest_text(&s, near));
}

unsigned catalog_purpose(const catalog *k, unsigned scenario) {
    if (scenario > 0 && scenario < SHIPPED) return scenario;
    return scenario < CATALOG_SCENARIOS ? k->purpose[scenario] : PURPOSE_NONE;
}

const char *catalog_scenario_name(const catalog *k, unsigned code, char buffer[32]) {
    if (code > 0 && code < SHIPPED) return shipped[code];
    if (code < CATALOG_SCENARIOS && k->scenario[code] != NULL) return k->scenario[code];
    snprintf(buffer, 32, "scenario_%u", code);
    return buffer;
}
