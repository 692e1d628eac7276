/* The policy that the engine's tests run under: retailers are always covered, generators and users are exempt from
 * grade A on unless observed or in arrears; factors and ratios by grade; in force 2026 to 2029. Two variants differ in
 * whether a shortfall refuses new exposure. */
#ifndef XINYI_TESTS_ENGINE_POLICY_H
#define XINYI_TESTS_ENGINE_POLICY_H

#include "engine/policy.h"

#include <criterion/criterion.h>
#include <string.h>

#define HELP_POLICY_TEXT(short_refuses)                                                                                \
    "policy: power-test\n"                                                                                             \
    "scenario: {name: power, code: 3}\n"                                                                               \
    "title: test\n"                                                                                                    \
    "authority: test\n"                                                                                                \
    "legal_basis: test\n"                                                                                              \
    "effective: {from: 2026-01-01, to: 2030-01-01}\n"                                                                  \
    "tables:\n"                                                                                                        \
    "  - table: market\n"                                                                                              \
    "    hit: first\n"                                                                                                 \
    "    inputs: [suspended]\n"                                                                                        \
    "    outputs: [outcome]\n"                                                                                         \
    "    rows:\n"                                                                                                      \
    "      - {id: P1, when: ['true'], then: [declined]}\n"                                                             \
    "      - {id: P2, when: ['-'], then: [granted]}\n"                                                                 \
    "guarantee:\n"                                                                                                     \
    "  program: {name: power, code: 1}\n"                                                                              \
    "  roles: [retailer, generator, power_user]\n"                                                                     \
    "  base: {fen_per_mwh_12m: 800, fen_per_mwh_2m: 5000}\n"                                                           \
    "  exposure_fen_per_mwh: 5000\n"                                                                                   \
    "  floor_at_base: false\n"                                                                                         \
    "  refuse_when_short: " short_refuses "\n"                                                                         \
    "  unrated: refuse\n"                                                                                              \
    "  factor_bp: {AAA: 5000, AA: 7000, A: 10000, B: 13000, C: 15000}\n"                                               \
    "  unsecured_bp: {AAA: 800, AA: 500, A: 300}\n"                                                                    \
    "  warn_percent: [80, 90, 100]\n"                                                                                  \
    "  reservation: {default: 300 s, max: 3600 s}\n"                                                                   \
    "  tables:\n"                                                                                                      \
    "    - table: exempt\n"                                                                                            \
    "      hit: first\n"                                                                                               \
    "      inputs: [retailer, generator, power_user, market_grade, observed, arrears]\n"                               \
    "      outputs: [exempt]\n"                                                                                        \
    "      rows:\n"                                                                                                    \
    "        - {id: E1, when: ['false', 'true', '-', '>= A', 'false', 'false'], then: ['true']}\n"                     \
    "        - {id: E2, when: ['false', '-', 'true', '>= A', 'false', 'false'], then: ['true']}\n"                     \
    "        - {id: E3, when: ['-', '-', '-', '-', '-', '-'], then: ['false']}\n"                                      \
    "    - table: suspended\n"                                                                                         \
    "      hit: first\n"                                                                                               \
    "      inputs: [suspended]\n"                                                                                      \
    "      outputs: [suspended]\n"                                                                                     \
    "      rows:\n"                                                                                                    \
    "        - {id: S1, when: ['true'], then: ['true']}\n"                                                             \
    "        - {id: S2, when: ['-'], then: ['false']}\n"                                                               \
    "    - table: late\n"                                                                                              \
    "      hit: first\n"                                                                                               \
    "      gaps: allowed\n"                                                                                            \
    "      inputs: [late_settlement]\n"                                                                                \
    "      outputs: [unsecured_bp]\n"                                                                                  \
    "      rows:\n"                                                                                                    \
    "        - {id: L1, when: ['true'], then: ['0']}\n"
#define HELP_POLICY HELP_POLICY_TEXT("false")
#define HELP_POLICY_STRICT HELP_POLICY_TEXT("true")
#define HELP_POLICY_BROKEN "policy: [\n"

static inline policy_set *help_policy(const char *text, uint32_t version) {
    policy_file file = {.name = "power.yaml", .text = text, .length = strlen(text)};
    policy_findings findings = {0};
    policy_set *set = NULL;
    status code = policy_load(&file, 1, version, &findings, &set);
    for (size_t i = 0; i < findings.count && code != STATUS_OK; i++)
        cr_log_error("%s:%u:%u: %s", findings.items[i].file, findings.items[i].line, findings.items[i].column,
                     findings.items[i].message);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    return set;
}

#endif
