/* Named areas: who is in them, the set of subjects named one by one, and what is said about mistakes. */
#include "../engine_help.h"
#include "../pilot_help.h"
#include "engine/areas.h"

Test(areas, hold_divisions_and_subjects) {
    policy_set *set = load(OPEN "tables: [{table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"
                                "  {id: A, when: ['-'], then: [granted]}]}]\n",
                           AREAS);
    const credit_rules *r = policy_credit(set);
    cr_assert_eq(r->area_count, 3);
    for (unsigned i = 1; i < 3; i++) cr_assert_lt(r->areas[i - 1].code, r->areas[i].code);
    const credit_area *park = credit_area_find(r, "park"), *town = credit_area_find(r, "town"),
                      *club = credit_area_find(r, "club");
    cr_assert_null(credit_area_find(r, "par"));
    cr_assert_eq(park->code, 300);
    cr_assert_str_eq(park->title, "园区");
    cr_assert_str_eq(park->kind, "park");
    cr_assert_eq(park->from_day, clock_day_from_date(2026, 1, 1));
    cr_assert_eq(park->to_day, clock_day_from_date(2028, 1, 1));
    cr_assert_eq(town->from_day, INT32_MIN);
    cr_assert_eq(town->to_day, INT32_MAX);
    cr_assert_str_eq(town->title, "town");
    cr_assert_eq(club->subject_count, 2);
    static const struct {
        unsigned division;
        const char *id;
        bool park, town, club;
    } CASES[] = {{530102, NULL, true, false, false},
                 {530103, NULL, false, false, false},
                 {530100, NULL, false, false, false},
                 {530300, NULL, false, true, false},
                 {530326, NULL, false, true, false},
                 {530421, NULL, false, true, false},
                 {530400, NULL, false, false, false},
                 {0, NULL, false, false, false},
                 {0, COMPANY, true, false, true},
                 {530301, COMPANY, true, true, true},
                 {0, "id:530000199001010011", false, false, true}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        profile p = blank_profile();
        if (CASES[i].id) p.id = subject(CASES[i].id);
        p.division = CASES[i].division;
        cr_assert_eq(credit_in_area(r, park, &p), CASES[i].park, "%zu", i);
        cr_assert_eq(credit_in_area(r, town, &p), CASES[i].town, "%zu", i);
        cr_assert_eq(credit_in_area(r, club, &p), CASES[i].club, "%zu", i);
    }
    policy_destroy(&set);
}

Test(areas, mistakes_in_areas_are_told) {
    const char *any = OPEN "tables: [{table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"
                           "  {id: A, when: ['-'], then: [granted]}]}]\n";
    static const struct {
        policy_severity severity;
        const char *line; /* line 6 of the file */
        unsigned column;
        const char *says;
    } CASES[] = {
        {POLICY_ERROR, "  - {code: 0, id: a, divisions: [530100]}\n", 12, "an area's code is a whole number from 1"},
        {POLICY_ERROR, "  - {code: 65536, id: a, divisions: [530100]}\n", 12, "from 1 to 65535"},
        {POLICY_ERROR, "  - {id: a, divisions: [530100]}\n", 5, "'code:' is missing"},
        {POLICY_ERROR, "  - {code: 1, divisions: [530100]}\n", 5, "'id:' is missing"},
        {POLICY_ERROR, "  - {code: 1, id: 'a b', divisions: [530100]}\n", 0, "one word"},
        {POLICY_ERROR, "  - {code: 1, id: a, kind: 'a b', divisions: [530100]}\n", 0, "one word"},
        {POLICY_ERROR, "  - {code: 1, id: a, title: '', divisions: [530100]}\n", 0, "is empty"},
        {POLICY_ERROR, "  - {code: 1, id: a, note: [], divisions: [530100]}\n", 0, "a note is a text"},
        {POLICY_ERROR, "  - {code: 1, id: a, division: [530100]}\n", 22, "did you mean 'divisions'"},
        {POLICY_ERROR, "  - {code: 1, id: a, divisions: 530100}\n", 33, "'divisions' is a list"},
        {POLICY_ERROR, "  - {code: 1, id: a, divisions: [53010]}\n", 0, "division"},
        {POLICY_ERROR, "  - {code: 1, id: a, divisions: [missing]}\n", 34, "six digits"},
        {POLICY_WARNING, "  - {code: 1, id: a, divisions: [539999]}\n", 34, "no division with the code 539999"},
        {POLICY_ERROR, "  - {code: 1, id: a, subjects: " COMPANY "}\n", 0, "'subjects' is a list"},
        {POLICY_ERROR, "  - {code: 1, id: a, subjects: ['uscc:91530000MA00TTT098']}\n", 33, "names no subject"},
        {POLICY_ERROR, "  - {code: 1, id: a, subjects: ['91530000MA00TTT099']}\n", 33, "names no subject"},
        {POLICY_ERROR, "  - {code: 1, id: a, subjects: [[x]]}\n", 33, "a subject is a text"},
        {POLICY_ERROR, "  - {code: 0, id: a, subjects: ['" COMPANY "']}\n", 12, "from 1"},
        {POLICY_WARNING, "  - {code: 1, id: a, subjects: ['" COMPANY "', '" COMPANY "']}\n", 60, "twice"},
        {POLICY_WARNING, "  - {code: 1, id: a}\n", 5, "nobody is in the area 'a'"},
        {POLICY_WARNING, "  - {code: 1, id: a, divisions: [], subjects: []}\n", 5, "nobody is in the area 'a'"},
        {POLICY_ERROR, "  - {code: 1, id: a, divisions: [530100], effective: {from: 2026-02-30}}\n", 61, "YYYY-MM-DD"},
        {POLICY_ERROR, "  - {code: 1, id: a, divisions: [530100], effective: {to: 2026-02-01 08:00}}\n", 59, "a day"},
        {POLICY_ERROR, "  - {code: 1, id: a, divisions: [530100], effective: {from: 2026-02-01, to: 2026-02-01}}\n", 77,
         "ends before it begins"},
        {POLICY_ERROR, "  - {code: 1, id: a, divisions: [530100], effective: now}\n", 54, "keys and values"},
        {POLICY_ERROR, "  - {code: 5, id: a, divisions: [530100]}\n  - {code: 5, id: b, divisions: [530100]}\n", 5,
         "the area code 5 is taken by 'a'"},
        {POLICY_ERROR, "  - {code: 5, id: a, divisions: [530100]}\n  - {code: 6, id: a, divisions: [530100]}\n", 5,
         "the area 'a' is defined twice"},
        {POLICY_ERROR, "  - park\n", 5, "an area is written as keys and values"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s", AREAS_HEAD, CASES[i].line);
        unsigned line = strchr(CASES[i].line, '\n')[1] ? 7 : 6;
        finds(any, text, CASES[i].severity, CASES[i].column ? line : 0, CASES[i].column, CASES[i].says);
    }
}

/* Sizes: many areas, many divisions in one, many subjects in all. */
Test(areas, have_limits) {
    const char *any = OPEN "tables: [{table: t, hit: first, inputs: [tax_grade], outputs: [outcome], rows: [\n"
                           "  {id: A, when: ['-'], then: [granted]}]}]\n";
    buf text = {0};
    buf_printf(&text, AREAS_HEAD);
    for (int i = 0; i <= LIMIT_AREAS; i++)
        buf_printf(&text, "  - {code: %d, id: a%d, divisions: [530100]}\n", i + 1, i);
    buf_append(&text, "", 1);
    finds(any, (const char *)text.data, POLICY_ERROR, 0, 0, "1025 areas; a set has at most 1024");
    buf_clear(&text);
    buf_printf(&text, AREAS_HEAD "  - {code: 1, id: a, divisions: [530100");
    for (int i = 0; i < LIMIT_POLICY_ALTERNATIVES; i++) buf_printf(&text, ", 530102");
    buf_printf(&text, "]}\n");
    buf_append(&text, "", 1);
    finds(any, (const char *)text.data, POLICY_ERROR, 0, 0, "257 divisions in one area");
    /* one key too many is enough to count them: the texts are not looked at */
    buf_clear(&text);
    buf_printf(&text, AREAS_HEAD "  - {code: 1, id: a, subjects: [x");
    for (unsigned i = 0; i < LIMIT_AREA_SUBJECTS; i++) buf_printf(&text, ",x");
    buf_printf(&text, "]}\n");
    buf_append(&text, "", 1);
    finds(any, (const char *)text.data, POLICY_ERROR, 0, 0, "262145 subjects are named one by one");
    buf_deinit(&text);
}

Test(areas, the_set_of_subjects_holds_what_was_added_and_nothing_else) {
    enum { N = 50000 };
    void *memory = NULL;
    cr_assert_eq(posix_memalign(&memory, 64, area_subjects_bytes(N)), 0);
    memset(memory, 0, area_subjects_bytes(N));
    cr_assert_leq(area_subjects_bytes(N), 3 * N * 16 + 64, "compact");
    area_subjects *set = area_subjects_init(memory, N);
    for (uint32_t i = 0; i < N; i++) {
        subject_id id = help_subject(i / 2);
        cr_assert(area_subjects_add(set, (uint16_t)(1 + i % 2 * 65534), &id));
    }
    for (uint32_t i = 0; i < N; i++) {
        subject_id id = help_subject(i);
        cr_assert_eq(area_subjects_has(set, 1, &id), i < N / 2);
        cr_assert_eq(area_subjects_has(set, 65535, &id), i < N / 2);
        cr_assert_not(area_subjects_has(set, 2, &id));
    }
    subject_id first = help_subject(0);
    cr_assert_not(area_subjects_add(set, 1, &first), "it is in already");
    free(memory);
    void *small = calloc(1, area_subjects_bytes(0));
    cr_assert_not(area_subjects_has(area_subjects_init(small, 0), 1, &first));
    free(small);
}
