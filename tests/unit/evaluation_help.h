/* Loading evaluations from texts, for tests. */
#ifndef XINYI_TESTS_EVALUATION_HELP_H
#define XINYI_TESTS_EVALUATION_HELP_H

#include "engine/evaluation.h"
#include "policy_helper.h"

/* A set of this one file; NULL (and findings) if it has errors. */
static inline policy_set *load_evaluation(const char *text, policy_findings *findings) {
    policy_file file = {"evaluation.yaml", text, strlen(text)};
    policy_set *set = NULL;
    status s = policy_load(&file, 1, 1, findings, &set);
    cr_assert(s == STATUS_OK || s == STATUS_POLICY_INVALID, "%s", status_name(s));
    return set;
}

static inline const evaluation *evaluation_in(const policy_set *set) {
    cr_assert_not_null(set);
    const evaluation *e = policy_credit(set)->evaluation;
    cr_assert_not_null(e);
    return e;
}

/* The text must be without findings. */
static inline policy_set *load_good_evaluation(const char *text) {
    policy_findings f = {0};
    policy_set *set = load_evaluation(text, &f);
    if (f.count) print_findings(&f);
    cr_assert_eq(f.count, 0);
    cr_assert_not_null(set);
    policy_findings_deinit(&f);
    return set;
}

#endif
