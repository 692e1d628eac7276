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

/* A dossier made of the bytes: numbers that items name lie before them, everything else is anything. */
static void derive(const credit_rules *r, const uint8_t *data, size_t size) {
    enum { ITEMS = 48, BYTES = 6 };
    static _Alignas(64) char memory[sizeof(dossier) + ITEMS * sizeof(item)];
    dossier *d = (dossier *)(void *)memory;
    memset(memory, 0, sizeof memory);
    d->subject.bytes[0] = size & 1 ? SUBJECT_PERSON : SUBJECT_ENTITY;
    for (size_t at = 0; at + BYTES <= size && d->count < ITEMS; at += BYTES) {
        const uint8_t *b = data + at;
        item *it = &d->items[d->count];
        *it = (item){.kind = b[0] % ITEM_KIND_END, .step = b[1] % 6, .source = b[1] % 4, .day = 20400 + b[2] * 2};
        if (it->kind == ITEM_CLAIM)
            it->claim.mask = (uint64_t)b[3] << (b[4] % 32);
        else
            it->type = b[3] % 12, it->until = b[4] ? 20400 + b[4] * 3 : 0, it->value = d->count ? b[5] % d->count : 0;
        d->count++;
    }
    profile stored, p, q;
    uint32_t numbers[ITEMS];
    uint16_t next;
    profile_init(&stored, &d->subject);
    for (int32_t day = 20300; day < 23000; day += 131) {
        credit_derive(r, d, &stored, day, &p);
        CHECK(p.change_day == 0 || p.change_day > day);
        credit_derive(r, d, &p, day, &q);
        CHECK(memcmp(&p, &q, sizeof p) == 0);
        CHECK(credit_erasable(r, d, day, numbers, ITEMS, &next) <= d->count && (next == 0 || next > day));
    }
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
        derive(policy_credit(set), data, size);
        policy_run_examples(set, NULL, NULL);
        policy_destroy(&set);
    }
    policy_findings_deinit(&findings);
    return 0;
}
