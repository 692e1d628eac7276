/* Sets of two files, a scenario and its areas, for the tests of pilots. */
#ifndef XINYI_TESTS_PILOT_HELP_H
#define XINYI_TESTS_PILOT_HELP_H

#include "engine/credit.h"
#include "policy_helper.h"

#define AREAS_HEAD "areas: test\ntitle: t\nauthority: a\nlegal_basis: x\nitems:\n"
#define HEAD                                                                                                           \
    "policy: p\nscenario: {name: sample, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\n"                           \
    "benefits: [{code: 0, id: b0}]\nexamples: []\n"
#define OPEN HEAD "effective: {}\n"
#define COMPANY "uscc:91530000MA00TTT099"

static const char AREAS[] __attribute__((unused)) =
    AREAS_HEAD "  - {code: 300, id: park, title: 园区, kind: park, divisions: [530102], subjects: ['" COMPANY "'],\n"
               "     effective: {from: 2026-01-01, to: 2028-01-01}}\n"
               "  - {code: 2, id: town, divisions: [530300, 530421]}\n"
               "  - {code: 70, id: club, kind: community, subjects: ['id:530000199001010011', '" COMPANY "']}\n";

static inline status load_two(const char *scenario, const char *areas, policy_findings *findings, policy_set **set) {
    policy_file files[] = {{"a-scenario.yaml", scenario, strlen(scenario)},
                           {"b-areas.yaml", areas, areas ? strlen(areas) : 0}};
    return policy_load(files, areas ? 2 : 1, 1, findings, set);
}

/* Both must be without errors. */
static inline policy_set *load(const char *scenario, const char *areas) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    status s = load_two(scenario, areas, &findings, &set);
    if (s != STATUS_OK) print_findings(&findings);
    cr_assert_eq(s, STATUS_OK);
    policy_findings_deinit(&findings);
    return set;
}

/* The finding must be there, at its place. */
static inline void finds(const char *scenario, const char *areas, policy_severity severity, unsigned line,
                         unsigned column, const char *part) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    status s = load_two(scenario, areas, &findings, &set);
    bool found = find_finding(&findings, severity, line, column, part) != NULL;
    if (!found) print_findings(&findings);
    cr_assert(found, "%u:%u: %s", line, column, part);
    cr_assert_eq(s, severity == POLICY_ERROR ? STATUS_POLICY_INVALID : STATUS_OK);
    policy_findings_deinit(&findings);
    policy_destroy(&set);
}

static inline subject_id subject(const char *text) {
    subject_id id;
    cr_assert_eq(subject_parse(text, strlen(text), INT32_MAX, &id).verdict, SUBJECT_VALID);
    return id;
}

#endif
