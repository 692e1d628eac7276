#include "client/cli/gen.h"

#include "base/clock.h"
#include "base/division.h"
#include "base/file.h"
#include "base/profile.h"
#include "base/subject.h"
#include "client/cli/province.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DAY clock_day_from_date(2026, 11, 1)
#define CELLS 39

static const char *const columns[CELLS] = {
    "subject",
    "division",
    "sector",
    "form",
    "retailer",
    "generator",
    "power_user",
    "red_list",
    "serious_list",
    "gaps_barred",
    "observed",
    "suspended",
    "arrears",
    "late_settlement",
    "consent_loan",
    "consent_travel",
    "consent_power",
    "consent_approval",
    "consent_volunteer",
    "public_score",
    "public_grade",
    "market_grade",
    "tax_grade",
    "composite_score",
    "composite_grade",
    "volunteer_minutes",
    "negative_points",
    "positive_points",
    "open_commitments",
    "broken_commitments",
    "since_day",
    "data_day",
    "energy_12m_mwh",
    "wholesale_2m_mwh",
    "retail_2m_mwh",
    "deposit_fen",
    "bond_fen",
    "bond_from",
    "bond_to",
};
enum { SUBJECT = 0, PROFILE_FIRST = 1, PROFILE_LAST = 31, ENERGY = 32, WHOLESALE, RETAIL, DEPOSIT, BOND, FROM, TO };

static province *make(uint64_t subjects, uint64_t seed, unsigned percent) {
    province_options o = {.subjects = subjects, .seed = seed, .day = DAY, .entity_percent = percent};
    province *p;
    cr_assert_eq(province_create(&o, &p), STATUS_OK);
    return p;
}

/* Cuts a row into its cells in place; the row is written into `text`. */
static void read_row(const province *p, uint64_t index, char text[PROVINCE_ROW_MAX + 1], char *cells[CELLS]) {
    size_t n = province_row(p, index, text);
    cr_assert_leq(n, PROVINCE_ROW_MAX);
    cr_assert_eq(text[n - 1], '\n');
    text[n - 1] = '\0';
    int count = 0;
    for (char *at = text; at != NULL; count++) {
        cr_assert_lt(count, CELLS, "%s", text);
        cells[count] = at;
        at = strchr(at, ',');
        if (at != NULL) *at++ = '\0';
    }
    cr_assert_eq(count, CELLS);
}

static uint64_t fnv(uint64_t hash, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_of(province *p, uint64_t subjects) {
    char text[PROVINCE_ROW_MAX];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint64_t i = 0; i < subjects; i++) hash = fnv(hash, text, province_row(p, i, text));
    province_destroy(&p);
    return hash;
}

/* ------------------------------------------------------------------ determinism */

Test(gen, header) {
    char text[PROVINCE_ROW_MAX + 1], expected[PROVINCE_ROW_MAX + 1] = "";
    size_t n = province_header(text);
    text[n] = '\0';
    for (int i = 0; i < CELLS; i++) {
        strncat(expected, columns[i], sizeof expected - strlen(expected) - 1);
        strncat(expected, i + 1 < CELLS ? "," : "\n", 2);
    }
    cr_assert_str_eq(text, expected);
    for (int i = PROFILE_FIRST; i <= PROFILE_LAST; i++)
        cr_expect_not_null(profile_field_find(columns[i], strlen(columns[i])), "%s", columns[i]);
}

Test(gen, the_same_options_give_the_same_bytes) {
    uint64_t hash = hash_of(make(5000, 1, 12), 5000);
    cr_expect_eq(hash, hash_of(make(5000, 1, 12), 5000));
    /* pinned: data sets that people have generated and refer to by seed must not change by accident */
    cr_expect_eq(hash, UINT64_C(0x9c21b3451dfef95a), "%#lx", hash);
    cr_expect_neq(hash, hash_of(make(5000, 2, 12), 5000));
    cr_expect_neq(hash, hash_of(make(5000, 1, 13), 5000));
}

Test(gen, a_row_depends_on_its_index_only) {
    province *p = make(1000, 3, 12), *q = make(1000, 3, 12);
    char a[PROVINCE_ROW_MAX], b[PROVINCE_ROW_MAX];
    for (uint64_t i = 0; i < 1000; i++) province_row(p, i, a);
    for (uint64_t i = 1000; i-- > 0;) {
        size_t n = province_row(p, i, a);
        cr_assert_eq(province_row(q, i, b), n);
        cr_assert_arr_eq(a, b, n);
    }
    province_destroy(&p);
    province_destroy(&q);
}

Test(gen, options_out_of_range) {
    province *p = NULL;
    const province_options bad[] = {
        {.subjects = 0, .day = DAY},
        {.subjects = PROVINCE_SUBJECTS_MAX + 1, .day = DAY},
        {.subjects = 1, .day = DAY, .entity_percent = 101},
        {.subjects = 1, .day = clock_day_from_date(1999, 12, 31)},
        {.subjects = 1, .day = clock_day_from_date(2101, 1, 1)},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(province_create(&bad[i], &p), STATUS_BAD_VALUE, "%zu", i);
        cr_expect_null(p);
    }
}

/* ------------------------------------------------------------------ numbers */

static int compare_ids(const void *a, const void *b) { return memcmp(a, b, sizeof(subject_id)); }

static void expect_synthetic(const char *text, const subject_id *id) {
    if (subject_kind_of(id) == SUBJECT_PERSON) {
        int32_t born;
        cr_assert_eq(subject_division(id) / 100, 5300, "%s", text); /* no county */
        cr_assert(subject_birth_day(id, &born));
        cr_assert_leq(born, clock_add_months(DAY, -18 * 12), "%s", text);
        cr_assert_geq(born, clock_add_months(DAY, -90 * 12), "%s", text);
    } else {
        cr_assert_eq(memcmp(text + 5 + 8, "TT", 2), 0, "%s", text);
        const division *d = division_find(subject_division(id));
        cr_assert(d != NULL && d->level == DIVISION_COUNTY && !d->retired, "%s", text);
    }
}

static void expect_numbers(province *p, uint64_t subjects) {
    subject_id *ids = calloc(subjects, sizeof *ids);
    char text[PROVINCE_ROW_MAX + 1], *cells[CELLS];
    uint64_t persons = 0;
    for (uint64_t i = 0; i < subjects; i++) {
        read_row(p, i, text, cells);
        subject_finding f = subject_parse(cells[SUBJECT], strlen(cells[SUBJECT]), DAY, &ids[i]);
        cr_assert_eq(f.verdict, SUBJECT_VALID, "%s: %d", cells[SUBJECT], f.verdict);
        persons += f.kind == SUBJECT_PERSON;
        expect_synthetic(cells[SUBJECT], &ids[i]);
    }
    cr_expect_eq(persons, province_count(p)->persons);
    cr_expect_eq(subjects - persons, province_count(p)->entities);
    qsort(ids, subjects, sizeof *ids, compare_ids);
    for (uint64_t i = 1; i < subjects; i++) cr_assert_not(subject_equal(&ids[i - 1], &ids[i]));
    free(ids);
    province_destroy(&p);
}

Test(gen, numbers_are_valid_unique_and_nobodys) {
    expect_numbers(make(20000, 1, 12), 20000);
    expect_numbers(make(20000, 77, 100), 20000);
    expect_numbers(make(20000, 78, 0), 20000);
    for (uint64_t n = 1; n < 40; n++) expect_numbers(make(n, n, 30), n);
}

/* Every birth date has 1000 numbers in a division: a large province goes on in others, and stays within its own. */
Test(gen, the_largest_province) {
    for (unsigned percent = 0; percent <= 100; percent += 50) {
        province *p = make(PROVINCE_SUBJECTS_MAX, 5, percent);
        char text[PROVINCE_ROW_MAX + 1], *cells[CELLS];
        unsigned further = 0;
        for (uint64_t i = 0; i < PROVINCE_SUBJECTS_MAX; i += 40009) {
            subject_id id;
            read_row(p, i, text, cells);
            subject_finding f = subject_parse(cells[SUBJECT], strlen(cells[SUBJECT]), DAY, &id);
            cr_assert_not(subject_verdict_is_error(f.verdict), "%s: %d", cells[SUBJECT], f.verdict);
            expect_synthetic(cells[SUBJECT], &id);
            further += f.verdict == SUBJECT_WARN_DIVISION;
        }
        cr_expect_eq(further > 5000, percent < 100);
        province_destroy(&p);
    }
}

Test(gen, rows_are_shuffled) {
    province *p = make(2000, 1, 50);
    char text[PROVINCE_ROW_MAX + 1], *cells[CELLS], before[32] = "";
    unsigned up = 0, changes = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        read_row(p, i, text, cells);
        up += strcmp(before, cells[SUBJECT]) < 0;
        changes += before[0] != cells[SUBJECT][0];
        snprintf(before, sizeof before, "%s", cells[SUBJECT]);
    }
    cr_expect(up > 900 && up < 1100, "%u", up);
    cr_expect(changes > 900 && changes < 1100, "%u", changes);
    province_destroy(&p);
}

/* ------------------------------------------------------------------ values */

/* A profile from the cells of a row. */
static profile profile_of(char *const cells[CELLS]) {
    subject_id id;
    cr_assert_not(subject_verdict_is_error(subject_parse(cells[0], strlen(cells[0]), DAY, &id).verdict));
    profile p;
    profile_init(&p, &id);
    for (int i = PROFILE_FIRST; i <= PROFILE_LAST; i++) {
        const profile_field *f = profile_field_find(columns[i], strlen(columns[i]));
        int64_t value;
        cr_assert_eq(profile_parse_value(f, cells[i], strlen(cells[i]), &value), STATUS_OK, "%s '%s'", columns[i],
                     cells[i]);
        cr_assert_eq(profile_set(&p, f, value), STATUS_OK);
        char text[PROFILE_VALUE_TEXT];
        if (f->type != PROFILE_FLAG) cr_assert_str_eq(profile_format_value(f, value, text), cells[i], "%s", columns[i]);
    }
    return p;
}

static void expect_plausible(const profile *p) {
    const uint32_t consents = 0x1fu << 16;
    bool person = subject_kind_of(&p->id) == SUBJECT_PERSON;
    cr_assert_eq(p->form == FORM_PERSON, person);
    cr_assert_eq(p->since_day == 0, person);
    cr_assert_eq(p->sector == 0, person);
    if (!person) cr_assert_eq(p->flags & consents, 0);
    if (person) cr_assert(p->roles == 0 && p->market_grade == 0 && p->tax_grade == 0);
    if (!person) cr_assert_eq(subject_division(&p->id), p->division);
    int expected = p->public_score == PROFILE_UNRATED ? PUBLIC_UNRATED
                   : p->public_score >= 850           ? PUBLIC_EXCELLENT
                   : p->public_score >= 700           ? PUBLIC_GOOD
                   : p->public_score >= 550           ? PUBLIC_FAIR
                                                      : PUBLIC_POOR;
    cr_assert_eq(p->public_grade, expected);
    cr_assert_not((p->flags & PROFILE_FLAG_RED_LIST) && (p->flags & PROFILE_FLAG_SERIOUS_LIST));
    cr_assert(p->data_day <= DAY && p->data_day >= DAY - 60);
    cr_assert_leq(p->since_day, p->data_day);
    const division *d = division_find(p->division);
    cr_assert(d != NULL && d->level == DIVISION_COUNTY && !d->retired);
}

Test(gen, values_are_in_their_domains_and_agree) {
    enum { N = 30000 };
    province *p = make(N, 4, 12);
    unsigned red = 0, serious = 0, unrated = 0, consent = 0, kunming = 0, minutes = 0;
    char text[PROVINCE_ROW_MAX + 1], *cells[CELLS];
    for (uint64_t i = 0; i < N; i++) {
        read_row(p, i, text, cells);
        profile s = profile_of(cells);
        expect_plausible(&s);
        red += (s.flags & PROFILE_FLAG_RED_LIST) != 0;
        serious += (s.flags & PROFILE_FLAG_SERIOUS_LIST) != 0;
        consent += (s.flags & PROFILE_FLAG_CONSENT_LOAN) != 0;
        unrated += s.public_score == PROFILE_UNRATED;
        kunming += division_covers(530100, s.division);
        minutes += s.volunteer_minutes > 0;
    }
    cr_expect(red > N * 7 / 100 && red < N * 14 / 100, "%u", red);
    cr_expect(serious > N / 700 && serious < N / 180, "%u", serious);
    cr_expect(unrated > N / 10 && unrated < N / 5, "%u", unrated);
    cr_expect(consent > N * 58 / 100 && consent < N * 65 / 100, "%u", consent); /* 70 % of 88 % */
    cr_expect(kunming > N * 16 / 100 && kunming < N * 20 / 100, "%u", kunming);
    cr_expect(minutes > N / 10 && minutes < N / 6, "%u", minutes);
    province_destroy(&p);
}

/* ------------------------------------------------------------------ participants of the power market */

static int64_t number(const char *text) {
    char *end;
    int64_t v = strtoll(text, &end, 10);
    cr_assert(*text != '\0' && *end == '\0', "'%s'", text);
    return v;
}

static int64_t amount(const char *text) {
    if (*text == '\0') return 0; /* no such instrument */
    cr_assert_gt(number(text), 0);
    return number(text);
}

static void expect_account(char *const cells[CELLS], const profile *s) {
    if (s->roles == 0) {
        for (int i = ENERGY; i < CELLS; i++) cr_assert_str_empty(cells[i]);
        return;
    }
    int64_t energy = number(cells[ENERGY]), wholesale = number(cells[WHOLESALE]), retail = number(cells[RETAIL]);
    int64_t base = energy * 800, months = (wholesale > retail ? wholesale : retail) * 5000;
    if (months > base) base = months;
    int64_t lodged = amount(cells[DEPOSIT]) + amount(cells[BOND]);
    cr_assert(energy > 0 && wholesale > 0);
    if (lodged > 0) cr_assert(lodged >= base / 100 * 59 && lodged <= base / 100 * 141, "%ld of %ld", lodged, base);
    if (lodged == 0) cr_assert(s->roles != PROFILE_ROLE_RETAILER && s->market_grade >= MARKET_A);
    bool observed = s->negative_points >= 900;
    cr_assert_eq((s->flags & PROFILE_FLAG_OBSERVED) != 0, observed);
    if (amount(cells[BOND]) == 0) {
        cr_assert(cells[FROM][0] == '\0' && cells[TO][0] == '\0');
        return;
    }
    int32_t from, to;
    cr_assert(clock_parse_day(cells[FROM], strlen(cells[FROM]), &from), "%s", cells[FROM]);
    cr_assert(clock_parse_day(cells[TO], strlen(cells[TO]), &to), "%s", cells[TO]);
    cr_assert(from < to && from < DAY && to >= DAY - 120 && to <= DAY + 731, "%s %s", cells[FROM], cells[TO]);
}

static void expect_participants(uint64_t subjects, unsigned percent, uint64_t retailers, uint64_t generators,
                                uint64_t users) {
    province *p = make(subjects, subjects + percent, percent);
    uint64_t count[5] = {0};
    char text[PROVINCE_ROW_MAX + 1], *cells[CELLS];
    for (uint64_t i = 0; i < subjects; i++) {
        read_row(p, i, text, cells);
        profile s = profile_of(cells);
        cr_assert_lt(s.roles, 5);
        count[s.roles]++;
        expect_account(cells, &s);
    }
    cr_expect_eq(count[PROFILE_ROLE_RETAILER], retailers, "%lu of %lu at %u %%", count[1], subjects, percent);
    cr_expect_eq(count[PROFILE_ROLE_GENERATOR], generators, "%lu of %lu at %u %%", count[2], subjects, percent);
    cr_expect_eq(count[PROFILE_ROLE_USER], users, "%lu of %lu at %u %%", count[4], subjects, percent);
    cr_expect_eq(province_count(p)->retailers, retailers);
    cr_expect_eq(province_count(p)->generators, generators);
    cr_expect_eq(province_count(p)->users, users);
    province_destroy(&p);
}

Test(gen, participants) {
    expect_participants(100, 12, 3, 2, 5);
    expect_participants(100, 1, 3, 2, 5);
    expect_participants(100, 100, 3, 2, 5);
    expect_participants(101, 10, 3, 2, 5);
    expect_participants(2600, 12, 3, 2, 5);
    expect_participants(100000, 12, 5, 10, 190);
    expect_participants(100000, 0, 0, 0, 0);
    expect_participants(20, 20, 3, 1, 0); /* four entities */
}

/* ------------------------------------------------------------------ the command */

static char path[64];

static int run(const char *a, const char *b, const char *c, const char *d, const char *e, const char *f) {
    char *argv[] = {(char *)"gen", (char *)a, (char *)b, (char *)c, (char *)d, (char *)e, (char *)f, NULL};
    int argc = 1;
    while (argv[argc] != NULL) argc++;
    return cmd_gen(argc, argv);
}

static void setup(void) {
    cr_redirect_stdout();
    cr_redirect_stderr();
    snprintf(path, sizeof path, "/tmp/xinyi-gen-test-%ld.csv", (long)getpid());
}
static void teardown(void) { unlink(path); }

static void expect_file(uint64_t subjects, uint64_t seed) {
    buf file = {0}, rows = {0};
    cr_assert_eq(file_read(path, 1u << 26, &file), STATUS_OK);
    province *p = make(subjects, seed, 12);
    rows.size = province_header((char *)buf_reserve(&rows, PROVINCE_ROW_MAX));
    for (uint64_t i = 0; i < subjects; i++)
        rows.size += province_row(p, i, (char *)buf_reserve(&rows, PROVINCE_ROW_MAX));
    cr_assert_eq(file.size, rows.size);
    cr_assert_arr_eq(file.data, rows.data, rows.size);
    province_destroy(&p);
    buf_deinit(&file);
    buf_deinit(&rows);
}

Test(gen, writes_a_file, .init = setup, .fini = teardown) {
    cr_assert_eq(run("--subjects", "20000", "--seed=9", "--output", path, NULL), 0);
    expect_file(20000, 9); /* more than one buffer */
    cr_assert_eq(run("--subjects=3", "--output", path, NULL, NULL, NULL), 0);
    expect_file(3, 1);
    char part[80];
    snprintf(part, sizeof part, "%s.partial", path);
    cr_assert_eq(access(part, F_OK), -1);
    cr_assert_stderr_eq_str(({
        static char text[512];
        snprintf(
            text, sizeof text,
            "wrote 20,000 subjects (17,600 persons, 2,400 entities; 3 retailers, 2 generators, 38 power users) to "
            "%s, seed 9\nwrote 3 subjects (3 persons, 0 entities; 0 retailers, 0 generators, 0 power users) to %s, "
            "seed 1\n",
            path, path);
        text;
    }));
}

Test(gen, summary_as_json, .init = setup, .fini = teardown) {
    cr_assert_eq(run("--subjects", "1000", "--output", path, "--json", NULL), 0);
    fflush(stdout);
    cr_assert_stdout_eq_str("{\"subjects\":1000,\"persons\":880,\"entities\":120,\"retailers\":3,\"generators\":2,"
                            "\"power_users\":5,\"seed\":1,\"date\":\"2026-11-01\"}\n");
}

Test(gen, failures_are_reported_and_keep_the_old_file, .init = setup, .fini = teardown) {
    if (mknod(path, S_IFCHR | 0600, makedev(1, 7)) == 0) { /* a device that is full, of our own */
        cr_expect_eq(run("--subjects", "20000", "--output", path, NULL, NULL), 1);
        cr_expect_eq(run("--subjects", "2", "--output", path, NULL, NULL), 1);
        cr_expect_eq(unlink(path), 0);
    }
    cr_expect_eq(run("--subjects", "2", "--output", "/nonexistent/x.csv", NULL, NULL), 1);
    cr_expect_eq(run("--subjects", "2", "--output", "/", NULL, NULL), 1);
    cr_expect_eq(run("--subjects", "5", "--output", path, NULL, NULL), 0);
    cr_expect_eq(run("--subjects", "5", "--output", path, "--seed", "x"), 2);
    expect_file(5, 1);
}

Test(gen, wrong_usage, .init = setup) {
    static const char *const bad[][4] = {
        {NULL},
        {"--subjects", "10"},
        {"--output", "-"},
        {"--subjects", "0", "--output=-"},
        {"--subjects", "800000001", "--output=-"},
        {"--subjects", "18446744073709551617", "--output=-"},
        {"--subjects", "-1", "--output=-"},
        {"--subjects", "1e3", "--output=-"},
        {"--subjects", "", "--output=-"},
        {"--subjects=1", "--output=-", "--seed=18446744073709551616"},
        {"--subjects=1", "--output=-", "--entities=101"},
        {"--subjects=1", "--output=-", "--entities=12.5"},
        {"--subjects=1", "--output=-", "--date=2026-02-30"},
        {"--subjects=1", "--output=-", "--date=1999-12-31"},
        {"--subjects=1", "--output=-", "--json=yes"},
        {"--subjects=1", "--output=-", "--sede=1"},
        {"--subjects=1", "--output=-", "file"},
        {"--subjects=1", "--output="},
        {"--subjects=1", "--output"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(run(bad[i][0], bad[i][1], bad[i][2], bad[i][3], NULL, NULL), 2, "case %zu", i);
    fflush(stdout);
    cr_assert_stdout_eq_str("");
}

Test(gen, help, .init = setup) { cr_assert_eq(run("--help", NULL, NULL, NULL, NULL, NULL), 0); }
