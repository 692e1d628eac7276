/* Time of one decision, without store and network: make build/micro_policy && build/micro_policy [directory]
 *
 * First tables of 10, 100 and 1000 rows over the same 8 columns, which should cost about the same: for subjects whose
 * rows lie all over the table, and for subjects whom only its last row matches, the worst case. Then the shipped
 * policies.
 *
 * Loads the policies of a directory (policy), makes random profiles that fit into the first-level cache a batch at a
 * time, and decides them again and again: one at a time, in batches, and the guarantee terms. Prints the best of
 * several rounds, because everything else that runs on the machine can only add to it. */
#include "base/clock.h"
#include "base/file.h"
#include "base/purpose.h"
#include "engine/evaluation.h"
#include "engine/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROFILES 256
#define PASSES 2000
#define ROUNDS 7

static uint64_t state = 20260101;

static uint64_t draw(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

/* Mostly good subjects, as in life: most pass most tests. */
static void make_profile(profile *p) {
    subject_id nobody = {{0}};
    profile_init(p, &nobody);
    p->form = draw(2) ? FORM_ENTERPRISE : FORM_PERSON;
    p->roles = (uint8_t)(1u << draw(3));
    p->flags = draw(8) ? PROFILE_FLAG_CONSENT_LOAN | PROFILE_FLAG_CONSENT_TRAVEL | PROFILE_FLAG_CONSENT_POWER |
                             PROFILE_FLAG_CONSENT_APPROVAL | PROFILE_FLAG_CONSENT_VOLUNTEER
                       : 0;
    if (draw(32) == 0) p->flags |= PROFILE_FLAG_SERIOUS_LIST;
    if (draw(4) == 0) p->flags |= PROFILE_FLAG_RED_LIST;
    p->public_score = (uint16_t)draw(1001);
    p->public_grade = (uint8_t)draw(PUBLIC_EXCELLENT + 1);
    p->market_grade = (uint8_t)draw(MARKET_AAA + 1);
    p->tax_grade = (uint8_t)draw(TAX_M + 1);
    p->negative_points = (uint16_t)(draw(4) ? 0 : draw(1500));
    p->volunteer_minutes = (uint32_t)draw(120000);
    p->data_day = 20000;
}

static policy_set *load(const char *directory) {
    file_list list = {0};
    policy_file files[LIMIT_POLICY_FILES];
    buf texts[LIMIT_POLICY_FILES] = {0};
    char path[512];
    policy_findings findings = {0};
    policy_set *set = NULL;
    if (file_list_dir(directory, ".yaml", &list) != STATUS_OK || list.count > LIMIT_POLICY_FILES) return NULL;
    bool read = true;
    for (size_t i = 0; i < list.count && read; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, list.names[i]);
        read = file_read(path, LIMIT_POLICY_FILE_BYTES, &texts[i]) == STATUS_OK;
        files[i] = (policy_file){list.names[i], (const char *)texts[i].data, texts[i].size};
    }
    if (!read || policy_load(files, list.count, 1, &findings, &set) != STATUS_OK)
        for (size_t i = 0; i < findings.count; i++)
            fprintf(stderr, "%s:%u:%u: %s\n", findings.items[i].file, findings.items[i].line, findings.items[i].column,
                    findings.items[i].message);
    policy_findings_deinit(&findings);
    for (size_t i = 0; i < list.count; i++) buf_deinit(&texts[i]);
    file_list_deinit(&list);
    return set;
}

static volatile uint64_t sink; /* what is computed is used */

static double decide_single(const policy_set *set, unsigned scenario, const profile *profiles, policy_moment at) {
    uint64_t sum = 0, start = clock_mono_ns();
    for (int pass = 0; pass < PASSES; pass++) {
        for (int i = 0; i < PROFILES; i++) {
            decision d;
            policy_decide(set, scenario, &profiles[i], at, &d);
            sum += d.row + (uint64_t)d.amount_fen + d.benefits;
        }
    }
    sink = sum;
    return (double)(clock_mono_ns() - start) / ((double)PASSES * PROFILES);
}

static double decide_batch(const policy_set *set, unsigned scenario, const profile *profiles, policy_moment at) {
    static decision out[PROFILES];
    uint8_t code = (uint8_t)scenario;
    uint64_t sum = 0, start = clock_mono_ns();
    for (int pass = 0; pass < PASSES; pass++) {
        policy_decide_batch(set, &code, 0, profiles, NULL, PROFILES, at, out);
        sum += out[pass % PROFILES].row;
    }
    sink = sum;
    return (double)(clock_mono_ns() - start) / ((double)PASSES * PROFILES);
}

static double terms(const policy_set *set, unsigned program, const profile *profiles, policy_moment at) {
    uint64_t sum = 0, start = clock_mono_ns();
    for (int pass = 0; pass < PASSES; pass++) {
        for (int i = 0; i < PROFILES; i++) {
            guarantee_terms t;
            sum += policy_terms(set, program, &profiles[i], at, &t) == STATUS_OK ? (uint64_t)t.factor_bp : 0;
        }
    }
    sink = sum;
    return (double)(clock_mono_ns() - start) / ((double)PASSES * PROFILES);
}

/* Composite score and grade, as they are computed when something changes. */
static double scores(const policy_set *set, unsigned unused, const profile *profiles, policy_moment at) {
    const evaluation *e = policy_credit(set)->evaluation;
    (void)unused;
    (void)at;
    if (!e) return 0;
    uint64_t sum = 0, start = clock_mono_ns();
    for (int pass = 0; pass < PASSES; pass++) {
        for (int i = 0; i < PROFILES; i++) {
            uint16_t score;
            uint8_t grade;
            evaluation_score(e, &profiles[i], &score, &grade);
            sum += score + grade;
        }
    }
    sink = sum;
    return (double)(clock_mono_ns() - start) / ((double)PASSES * PROFILES);
}

typedef double (*measure)(const policy_set *, unsigned, const profile *, policy_moment);

static double best(measure m, const policy_set *set, unsigned which, const profile *profiles, policy_moment at) {
    double least = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double ns = m(set, which, profiles, at);
        if (ns < least) least = ns;
    }
    return least;
}

/* ------------------------------------------------------------------ tables of different length */

#define SIZED_SCENARIO 6
#define STEP_MINUTES 30 /* of volunteer service, between neighbouring pairs of rows */

/* Two rows for each stretch of service time, differing in the other columns, and one for everybody at the end. */
static policy_set *load_sized(unsigned rows) {
    static const char *const GRADES[] = {">= 中", "not(missing)", ">= 差", "良, 中, 优"};
    static const char *const FORMS[] = {"person, enterprise", "not(government)", "-", "enterprise"};
    buf text = {0};
    buf_printf(&text,
               "policy: sized\nscenario: {name: sized, code: %d}\ntitle: t\nauthority: a\nlegal_basis: [x]\n"
               "effective: {}\nexamples: []\ntables:\n  - table: t\n    hit: first\n    outputs: [outcome, tier]\n"
               "    inputs: [volunteer_minutes, form, public_grade, market_grade, tax_grade, serious_list, "
               "negative_points, public_score]\n    rows:\n",
               SIZED_SCENARIO);
    for (unsigned r = 0; r + 1 < rows; r++) {
        unsigned from = r / 2 * STEP_MINUTES;
        buf_printf(&text, "      - {id: R%u, when: ['[%u..%u)', '%s', '%s', '%s', '%s', '%s', '< %u.%02u', '>= %u'], ",
                   r, from, from + STEP_MINUTES, r % 2 ? "-" : FORMS[draw(4)], r % 2 ? "-" : GRADES[draw(4)],
                   r % 2 ? "-" : ">= B, missing", r % 2 ? "not(D), missing" : "A, B, M", r % 2 ? "-" : "false",
                   (unsigned)(6 + draw(20)), (unsigned)draw(100), (unsigned)draw(400));
        buf_printf(&text, "then: [granted, %u]}\n", 1 + r % 200);
    }
    buf_printf(&text, "      - {id: last, when: ['-', '-', '-', '-', '-', '-', '-', '-'], then: [review, 0]}\n");
    policy_file file = {"sized.yaml", (const char *)text.data, text.size};
    policy_findings findings = {0};
    policy_set *set = NULL;
    if (policy_load(&file, 1, 1, &findings, &set) != STATUS_OK && findings.count)
        fprintf(stderr, "%s:%u: %s\n", findings.items[0].file, findings.items[0].line, findings.items[0].message);
    policy_findings_deinit(&findings);
    buf_deinit(&text);
    return set;
}

static bool compare_sizes(policy_moment at) {
    static const unsigned SIZES[] = {10, 100, 1000, 4000};
    static profile spread[PROFILES], last[PROFILES];
    printf("%-12s %10s %10s %10s %10s\n", "rows", "spread", "batch", "last", "batch");
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        policy_set *set = load_sized(SIZES[i]);
        if (!set) return false;
        for (int k = 0; k < PROFILES; k++) {
            make_profile(&spread[k]);
            spread[k].public_score = (uint16_t)(400 + draw(600));
            last[k] = spread[k];
            spread[k].volunteer_minutes = (uint32_t)draw(SIZES[i] * STEP_MINUTES / 2);
            last[k].volunteer_minutes = SIZES[i] * STEP_MINUTES + (uint32_t)draw(1000);
        }
        printf("%-12u %10.1f %10.1f %10.1f %10.1f\n", SIZES[i], best(decide_single, set, SIZED_SCENARIO, spread, at),
               best(decide_batch, set, SIZED_SCENARIO, spread, at), best(decide_single, set, SIZED_SCENARIO, last, at),
               best(decide_batch, set, SIZED_SCENARIO, last, at));
        policy_destroy(&set);
    }
    printf("\n");
    return true;
}

int main(int argc, char **argv) {
    static profile profiles[PROFILES];
    policy_set *set = load(argc > 1 ? argv[1] : "policy");
    if (!set) {
        fprintf(stderr, "micro_policy: cannot load policies\n");
        return 1;
    }
    policy_moment at = policy_moment_of_day(clock_day_from_date(2026, 11, 24));
    printf("ns a decision, best of %d rounds\n", ROUNDS);
    if (!compare_sizes(at)) return 1;
    for (int i = 0; i < PROFILES; i++) make_profile(&profiles[i]);
    printf("%-12s %10s %10s\n", "scenario", "single", "batch");
    for (unsigned s = 1; s <= SCENARIO_MAX; s++) {
        const char *name = policy_scenario_name(set, s);
        if (!name) continue;
        printf("%-12s %10.1f %10.1f\n", name, best(decide_single, set, s, profiles, at),
               best(decide_batch, set, s, profiles, at));
    }
    printf("%-12s %10.1f\n", "terms", best(terms, set, PROGRAM_POWER, profiles, at));
    printf("%-12s %10.1f\n", "evaluation", best(scores, set, 0, profiles, at));
    policy_destroy(&set);
    return 0;
}
