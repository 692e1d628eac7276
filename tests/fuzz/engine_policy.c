/* Any text as a policy: it ends in findings or in a set, and a set decides, explains and runs its examples for profiles
 * made from the same bytes. A set that loads gives the same decision each way. */
#include "base/check.h"
#include "engine/evaluation.h"
#include "engine/policy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const policy_set *set, const profile *p, unsigned scenario, policy_moment at) {
    decision single, batch;
    policy_explanation e;
    guarantee_terms terms;
    uint8_t code = (uint8_t)scenario;
    policy_decide(set, scenario, p, at, &single);
    policy_decide_batch(set, &code, 1, p, NULL, 1, at, &batch);
    CHECK(memcmp(&single, &batch, sizeof single) == 0);
    status s = policy_explain(set, scenario, p, at, &e);
    if (s == STATUS_OK) CHECK(memcmp(&single, &e.result, sizeof single) == 0);
    policy_explanation_deinit(&e);
    CHECK(single.status == STATUS_OK || (single.outcome == 0 && single.benefits == 0 && single.amount_fen == 0));
    CHECK(single.amount_fen >= 0 && single.amount_fen <= LIMIT_AMOUNT_FEN);
    for (unsigned program = 0; program <= 16; program++)
        if (policy_terms(set, program, p, at, &terms) == STATUS_OK)
            CHECK(terms.factor_bp >= 0 && terms.unsecured_bp >= 0);
}

/* The explanation gives the same score, and its lines are whole. */
static void score(const evaluation *e, const profile *p) {
    static scorecard_result r;
    uint16_t points;
    uint8_t grade;
    evaluation_score(e, p, &points, &grade);
    evaluation_explain(e, p, &r);
    CHECK(r.score == points && r.grade == grade && r.count <= CONTRIBUTIONS_MAX);
    CHECK(points <= 1000 || points == PROFILE_UNRATED);
    CHECK((points == PROFILE_UNRATED) == (grade == MARKET_UNRATED) && grade <= MARKET_AAA);
    for (unsigned i = 0; i < r.count; i++) CHECK(r.lines[i].title && r.lines[i].because);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    policy_file file = {"fuzz.yaml", (const char *)data, size};
    policy_findings findings = {0};
    policy_set *set = NULL;
    status s = policy_load(&file, 1, 1, &findings, &set);
    CHECK((s == STATUS_OK) == (set != NULL));
    CHECK(s == STATUS_OK || findings.errors > 0);
    for (size_t i = 0; i < findings.count; i++) CHECK(findings.items[i].message[0] != 0);
    if (set) {
        profile p;
        for (size_t at = 0; at + sizeof p <= size && at < 8 * sizeof p; at += sizeof p) {
            memcpy(&p, data + at, sizeof p); /* damaged on purpose: evaluation holds for any bytes */
            if (policy_credit(set)->evaluation) score(policy_credit(set)->evaluation, &p);
            for (unsigned scenario = 0; scenario < 12; scenario++)
                use(set, &p, scenario, policy_moment_of_day(20000 + (int32_t)at));
        }
        policy_run_examples(set, NULL, NULL);
        policy_destroy(&set);
    }
    policy_findings_deinit(&findings);
    return 0;
}
