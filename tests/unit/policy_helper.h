/* Helpers of the policy tests: a seeded generator, profiles from words, loading texts, finding findings. */
#ifndef XINYI_TESTS_POLICY_HELPER_H
#define XINYI_TESTS_POLICY_HELPER_H

#include "base/clock.h"
#include "base/file.h"
#include "base/profile.h"
#include "base/purpose.h"
#include "engine/policy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xorshift64*: the same numbers everywhere, from a seed that a failing test prints. XINYI_SEED overrides it. */
typedef struct dice {
    uint64_t state, seed;
} dice;

static inline dice dice_make(uint64_t seed) {
    const char *text = getenv("XINYI_SEED");
    if (text) seed = strtoull(text, NULL, 10);
    return (dice){seed * 2685821657736338717u + 88172645463325252u, seed};
}

static inline uint64_t dice_below(dice *d, uint64_t below) {
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return (d->state * 2685821657736338717u >> 16) % below;
}

static inline profile blank_profile(void) {
    profile p;
    subject_id nobody = {{0}};
    profile_init(&p, &nobody);
    return p;
}

static inline const profile_field *field_named(const char *name) {
    const profile_field *f = profile_field_find(name, strlen(name));
    cr_assert_not_null(f, "no field %s", name);
    return f;
}

static inline void give(profile *p, const char *name, const char *value) {
    const profile_field *f = field_named(name);
    int64_t v;
    cr_assert_eq(profile_parse_value(f, value, strlen(value), &v), STATUS_OK, "%s = %s", name, value);
    cr_assert_eq(profile_set(p, f, v), STATUS_OK, "%s = %s", name, value);
}

/* "tax_grade=A public_grade=优" */
static inline profile profile_of(const char *text) {
    profile p = blank_profile();
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');
        if (!value) continue;
        *value++ = 0;
        give(&p, word, value);
    }
    return p;
}

static inline policy_moment on_day(int year, int month, int day) {
    int32_t d = clock_day_from_date(year, month, day);
    return (policy_moment){.now_ms = clock_ms_of_day(d), .day = d};
}

static inline void print_findings(const policy_findings *f) {
    for (size_t i = 0; i < f->count; i++)
        fprintf(stderr, "  %s:%u:%u: %s: %s\n", f->items[i].file, f->items[i].line, f->items[i].column,
                f->items[i].severity == POLICY_ERROR ? "error"
                                                     : (f->items[i].severity == POLICY_WARNING ? "warning" : "note"),
                f->items[i].message);
}

/* Loads one text that must be without errors. */
static inline policy_set *load_text(const char *text) {
    policy_file file = {"test.yaml", text, strlen(text)};
    policy_findings findings = {0};
    policy_set *set = NULL;
    status s = policy_load(&file, 1, 1, &findings, &set);
    if (s != STATUS_OK) print_findings(&findings);
    cr_assert_eq(s, STATUS_OK, "%s", status_name(s));
    policy_findings_deinit(&findings);
    return set;
}

/* The finding at this place whose message contains `part`; NULL if there is none. line 0: any place. */
static inline const policy_finding *find_finding(const policy_findings *f, policy_severity severity, unsigned line,
                                                 unsigned column, const char *part) {
    for (size_t i = 0; i < f->count; i++) {
        const policy_finding *x = &f->items[i];
        if (x->severity == severity && (line == 0 || (x->line == line && x->column == column)) &&
            strstr(x->message, part))
            return x;
    }
    return NULL;
}

/* The policies that ship. Free the texts with free_shipped. */
typedef struct shipped {
    file_list list;
    buf texts[32];
    policy_file files[32];
} shipped;

static inline void read_shipped(shipped *s) {
    *s = (shipped){0};
    cr_assert_eq(file_list_dir("policy", ".yaml", &s->list), STATUS_OK, "run from the project's root");
    cr_assert_leq(s->list.count, 32);
    for (size_t i = 0; i < s->list.count; i++) {
        char path[256];
        snprintf(path, sizeof path, "policy/%s", s->list.names[i]);
        cr_assert_eq(file_read(path, LIMIT_POLICY_FILE_BYTES, &s->texts[i]), STATUS_OK, "%s", path);
        s->files[i] = (policy_file){s->list.names[i], (const char *)s->texts[i].data, s->texts[i].size};
    }
}

static inline void free_shipped(shipped *s) {
    for (size_t i = 0; i < s->list.count; i++) buf_deinit(&s->texts[i]);
    file_list_deinit(&s->list);
}

static inline policy_set *load_shipped(uint32_t version) {
    shipped s;
    policy_findings findings = {0};
    policy_set *set = NULL;
    read_shipped(&s);
    status code = policy_load(s.files, s.list.count, version, &findings, &set);
    print_findings(&findings);
    cr_assert_eq(code, STATUS_OK);
    policy_findings_deinit(&findings);
    free_shipped(&s);
    return set;
}

#endif
