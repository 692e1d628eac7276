/* Helpers of the credit tests: part files from texts, dossiers item by item. */
#ifndef XINYI_TESTS_CREDIT_HELP_H
#define XINYI_TESTS_CREDIT_HELP_H

#include "engine/credit.h"
#include "policy_helper.h"

#define HEAD_TEXT "title: t\nauthority: a\nlegal_basis: [x]\n"

/* Texts become files p0.yaml, p1.yaml … of one set. */
static inline status load_parts(const char *const *texts, size_t n, policy_findings *findings, policy_set **set) {
    policy_file files[16];
    static char names[16][16];
    cr_assert_leq(n, 16u);
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "p%zu.yaml", i);
        files[i] = (policy_file){names[i], texts[i], strlen(texts[i])};
    }
    *findings = (policy_findings){0};
    return policy_load(files, n, 1, findings, set);
}

static inline policy_set *must_load_parts(const char *const *texts, size_t n) {
    policy_findings findings;
    policy_set *set = NULL;
    status s = load_parts(texts, n, &findings, &set);
    if (s != STATUS_OK) print_findings(&findings);
    cr_assert_eq(s, STATUS_OK);
    policy_findings_deinit(&findings);
    return set;
}

static inline int32_t date(const char *text) {
    int32_t day;
    cr_assert(clock_parse_day(text, strlen(text), &day), "%s", text);
    return day;
}

/* A dossier on the caller's side, of one cache line an item. */
typedef struct made_dossier {
    _Alignas(64) char memory[sizeof(dossier) + LIMIT_DOSSIER_ITEMS * sizeof(item)];
} made_dossier;

static inline dossier *begin_dossier(made_dossier *m, const char *subject) {
    dossier *d = (dossier *)(void *)m->memory;
    *d = (dossier){.capacity = LIMIT_DOSSIER_ITEMS};
    subject_finding f = subject_parse(subject, strlen(subject), INT32_MAX, &d->subject);
    cr_assert(!subject_verdict_is_error(f.verdict), "%s", subject);
    return d;
}

/* Returns the item's number. */
static inline uint32_t add_item(dossier *d, unsigned kind, unsigned type, int32_t day, uint32_t value) {
    cr_assert_lt(d->count, d->capacity);
    d->items[d->count] = (item){
        .kind = (uint8_t)kind, .type = (uint16_t)type, .day = (uint16_t)day, .reported = (uint16_t)day, .value = value};
    return d->count++;
}

static inline uint32_t add_step(dossier *d, uint32_t commitment, unsigned step, int32_t day, int32_t until) {
    uint32_t n = add_item(d, ITEM_COMMITMENT_STEP, 0, day, commitment);
    d->items[n].step = (uint8_t)step;
    d->items[n].until = (uint16_t)until;
    return n;
}

/* "tax_grade=A public_score=" — an empty value withdraws the claim. */
static inline uint32_t add_claim(dossier *d, unsigned source, int32_t day, const char *text) {
    uint64_t mask = 0;
    profile p;
    char copy[512], *rest = copy;
    profile_init(&p, &d->subject);
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');
        if (!value) continue;
        *value++ = 0;
        give(&p, word, value);
        mask |= UINT64_C(1) << field_named(word)->number;
    }
    uint32_t n = add_item(d, ITEM_CLAIM, 0, day, 0);
    claim_from_profile(&d->items[n], &p, mask);
    d->items[n].source = (uint16_t)source;
    return n;
}

static inline profile derived(const credit_rules *r, const dossier *d, int32_t day) {
    profile stored, out;
    profile_init(&stored, &d->subject);
    stored.seq = 14;
    stored.side = 3;
    credit_derive(r, d, &stored, day, &out);
    cr_assert_eq(out.seq, 14u);
    cr_assert_eq(out.side, 3u);
    cr_assert(subject_equal(&out.id, &d->subject));
    return out;
}

/* "negative_points=3.5 observed=true change_day=2027-03-02": all that is named. */
static inline void expect_profile_at(const profile *p, const char *text, const char *file, unsigned line) {
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '='), got[PROFILE_VALUE_TEXT];
        if (!value) continue;
        *value++ = 0;
        const profile_field *f = field_named(word);
        profile_format_value(f, profile_get(p, f), got);
        cr_assert_str_eq(got, value, "%s:%u: %s", file, line, word);
    }
}
#define expect_profile(p, text) expect_profile_at((p), (text), __FILE__, __LINE__)

#endif
