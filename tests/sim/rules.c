/* The texts are made once from one pattern, so that variants cannot drift apart. */
#include "tests/sim/rules.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define HEAD "title: t\nauthority: a\nlegal_basis: [x]\n"

static const char records[] = "records: sim\n" HEAD "classes:\n"
                              "  minor: {publicity: {max: 3 months}}\n"
                              "  general: {publicity: {min: 3 months, max: 1 year}}\n"
                              "  serious: {publicity: {min: 1 year, max: 3 years}}\n"
                              "  merit: {publicity: {max: 12 months}}\n"
                              "types:\n"
                              "  - {code: 101, id: default, title: 违约, domain: power, class: minor, points: 4, "
                              "decay: linear, effects: [suspended]}\n"
                              "  - {code: 102, id: tax_fraud, title: 虚开发票, domain: tax, class: minor, points: 6, "
                              "effects: [no_exemption]}\n";

static const char calendar[] = "calendar: sim\n" HEAD "weekend: [saturday, sunday]\n"
                               "holidays: [\"2026-10-01..2026-10-07\"]\nworkdays: [2026-10-10]\n";

static const char sources[] =
    "sources: sim\n" HEAD "items:\n"
    "  - {number: 0, id: base, title: 平台, priority: 50, fields: all, reports: all, corrects: "
    "any}\n";

/* scenario, its code, program, its code, refuse_when_short, factor of A and B, ratio of AAA, default and max of ttl */
static const char program[] =
    "policy: %s-sim\nscenario: {name: %s, code: %d}\n" HEAD "effective: {from: 2026-01-01, to: 2036-01-01}\n"
    "tables:\n"
    "  - table: market\n    hit: first\n    inputs: [suspended]\n    outputs: [outcome]\n    rows:\n"
    "      - {id: P1, when: ['true'], then: [declined]}\n"
    "      - {id: P2, when: ['-'], then: [granted]}\n"
    "guarantee:\n"
    "  program: {name: %s, code: %d}\n"
    "  roles: [retailer, generator, power_user]\n"
    "  base: {fen_per_mwh_12m: 800, fen_per_mwh_2m: 5000}\n"
    "  exposure_fen_per_mwh: 5000\n"
    "  floor_at_base: false\n"
    "  refuse_when_short: %s\n"
    "  unrated: refuse\n"
    "  factor_bp: {AAA: 5000, AA: 7000, A: %d, B: %d, C: 15000}\n"
    "  unsecured_bp: {AAA: %d, AA: 500, A: 300}\n"
    "  warn_percent: [80, 90, 100]\n"
    "  reservation: {default: %d s, max: 3600 s}\n"
    "  tables:\n"
    "    - table: exempt\n      hit: first\n"
    "      inputs: [retailer, generator, power_user, market_grade, no_exemption, arrears]\n"
    "      outputs: [exempt]\n      rows:\n"
    "        - {id: E1, when: ['false', 'true', '-', '>= A', 'false', 'false'], then: ['true']}\n"
    "        - {id: E2, when: ['false', '-', 'true', '>= A', 'false', 'false'], then: ['true']}\n"
    "        - {id: E3, when: ['-', '-', '-', '-', '-', '-'], then: ['false']}\n"
    "    - table: suspended\n      hit: first\n      inputs: [suspended]\n      outputs: [suspended]\n      rows:\n"
    "        - {id: S1, when: ['true'], then: ['true']}\n"
    "        - {id: S2, when: ['-'], then: ['false']}\n";

const policy_file *rules_files(unsigned variant) {
    static char texts[RULES_VARIANTS][2][4096];
    static policy_file files[RULES_VARIANTS][RULES_FILES];
    static const struct {
        const char *strict;
        int a, b, aaa, ttl_s;
    } values[RULES_VARIANTS] = {
        {"false", 10000, 13000, 800, 300}, {"true", 9000, 14000, 1200, 20}, {"false", 12000, 12000, 0, 60}};
    CHECK(variant < RULES_VARIANTS);
    policy_file *f = files[variant];
    if (f[0].text != NULL) return f;
    static const char *const names[] = {"power", "travel"}, *const programs[] = {"power", "tickets"};
    for (int i = 0; i < 2; i++) {
        char *text = texts[variant][i];
        int n = snprintf(text, sizeof texts[variant][i], program, names[i], names[i], 3 - i, programs[i], i + 1,
                         values[variant].strict, values[variant].a, values[variant].b, values[variant].aaa,
                         values[variant].ttl_s * (i + 1));
        CHECK(n > 0 && (size_t)n < sizeof texts[variant][i]);
        f[3 + i] = (policy_file){i == 0 ? "power.yaml" : "travel.yaml", text, (size_t)n};
    }
    f[0] = (policy_file){"records.yaml", records, sizeof records - 1};
    f[1] = (policy_file){"calendar.yaml", calendar, sizeof calendar - 1};
    f[2] = (policy_file){"sources.yaml", sources, sizeof sources - 1};
    return f;
}

policy_set *rules_compile(unsigned variant, uint32_t version) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    status code = policy_load(rules_files(variant), RULES_FILES, version, &findings, &set);
    for (size_t i = 0; i < findings.count && code != STATUS_OK; i++)
        fprintf(stderr, "%s:%u:%u: %s\n", findings.items[i].file, findings.items[i].line, findings.items[i].column,
                findings.items[i].message);
    policy_findings_deinit(&findings);
    CHECK(code == STATUS_OK);
    return set;
}
