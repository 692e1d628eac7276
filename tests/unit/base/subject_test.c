#include "base/subject.h"

#include "base/clock.h"
#include "base/division.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TODAY clock_day_from_date(2026, 11, 24)
#define SEED UINT64_C(0x5eed0001)

static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static subject_finding parse(const char *text, subject_id *id) { return subject_parse(text, strlen(text), TODAY, id); }

static const char *explain(const char *text, char buffer[256]) {
    subject_id id;
    subject_finding f = parse(text, &id);
    return subject_explain(&f, text, buffer, 256);
}

/* ------------------------------------------------------------------ the published vectors */

static const char *const valid[] = {
    "uscc:91350100M000100Y43", "uscc:91110000600037341L", "uscc:91440300708461136T", "uscc:914403001922038216",
    "uscc:91530000MA00TTT099", "uscc:92530102MA00TTT173", "uscc:93532901MA00TTT25E", "uscc:1253010000TEAT042L",
    "uscc:51530300MJ00TE0572", "uscc:N2533102MF00TE0872", "id:530000199001010011",   "id:53000019900101002X",
    "id:530000199602290020",
};

Test(subject, valid_numbers_come_back_unchanged) {
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        subject_id id;
        subject_finding f = parse(valid[i], &id);
        cr_expect_eq(f.verdict, SUBJECT_VALID, "%s: verdict %d", valid[i], f.verdict);
        cr_expect_eq(f.kind, valid[i][0] == 'i' ? SUBJECT_PERSON : SUBJECT_ENTITY);
        cr_expect_eq(f.kind, subject_kind_of(&id));
        cr_expect(subject_is_valid(&id), "%s", valid[i]);
        char text[SUBJECT_TEXT], number[SUBJECT_NUMBER_TEXT];
        cr_expect_str_eq(subject_format(&id, text), valid[i]);
        cr_expect_str_eq(subject_format_number(&id, number), strchr(valid[i], ':') + 1);
    }
}

static const struct {
    const char *text;
    subject_verdict verdict;
    unsigned position;
    char expected;
} invalid[] = {
    {"uscc:91310115MA1H8R7C6D", SUBJECT_BAD_CHECK, 18, '7'},
    {"uscc:A1110000600037341L", SUBJECT_BAD_CHECK, 18, 'K'},
    {"id:530000198502290010", SUBJECT_BAD_DATE, 7, 0},
    {"id:530000209912310011", SUBJECT_FUTURE_DATE, 7, 0},
    {"id:530000199001010012", SUBJECT_BAD_CHECK, 18, '1'},
    {"id:53000019900101001", SUBJECT_BAD_LENGTH, 0, 0},
    {"id:5300001990010100111", SUBJECT_BAD_LENGTH, 0, 0},
    {"id:", SUBJECT_BAD_LENGTH, 0, 0},
    {"id:5300001990010100 1", SUBJECT_BAD_CHAR, 17, 0},
    {"id:53000019900101X011", SUBJECT_BAD_CHAR, 15, 0},
    {"id:53000019900101001Y", SUBJECT_BAD_CHAR, 18, 0},
    {"id:53000080010100X", SUBJECT_BAD_CHAR, 15, 0}, /* 15 digits have no check character */
    {"id:530000800230001", SUBJECT_BAD_DATE, 7, 0},
    {"uscc:9135010OM000100Y43", SUBJECT_BAD_CHAR, 8, 0},
    {"uscc:91350A00M000100Y43", SUBJECT_BAD_CHAR, 6, 0}, /* the division is digits */
    {"uscc:91350100I000100Y43", SUBJECT_BAD_CHAR, 9, 0},
    {"uscc:91350100M000100Y4", SUBJECT_BAD_LENGTH, 0, 0},
    {"uscc:913501000000001", SUBJECT_BAD_LENGTH, 0, 0}, /* 15 characters are for persons only */
    {"530000199001010011", SUBJECT_BAD_PREFIX, 0, 0},
    {"91350100M000100Y43", SUBJECT_BAD_PREFIX, 0, 0},
    {"id530000199001010011", SUBJECT_BAD_PREFIX, 0, 0},
    {" id:530000199001010011", SUBJECT_BAD_PREFIX, 0, 0},
    {"usc:91350100M000100Y43", SUBJECT_BAD_PREFIX, 0, 0},
    {"i", SUBJECT_BAD_PREFIX, 0, 0},
    {"", SUBJECT_BAD_PREFIX, 0, 0},
};

Test(subject, invalid_numbers_say_why_and_write_nothing) {
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        subject_id id, untouched;
        memset(&id, 0xA5, sizeof id);
        untouched = id;
        subject_finding f = parse(invalid[i].text, &id);
        cr_expect_eq(f.verdict, invalid[i].verdict, "%s: verdict %d", invalid[i].text, f.verdict);
        cr_expect_eq(f.position, invalid[i].position, "%s: position %u", invalid[i].text, f.position);
        cr_expect_eq(f.expected, invalid[i].expected, "%s: expected %c", invalid[i].text, f.expected);
        cr_expect(subject_verdict_is_error(f.verdict));
        cr_expect(subject_equal(&id, &untouched), "%s", invalid[i].text);
    }
}

Test(subject, an_unknown_kind_is_refused) {
    subject_id id;
    subject_finding f = subject_parse_number((subject_kind)7, "530000199001010011", 18, TODAY, &id);
    cr_assert_eq(f.verdict, SUBJECT_BAD_PREFIX);
    cr_assert_eq(f.kind, SUBJECT_NONE);
}

Test(subject, the_kind_is_never_inferred) {
    subject_id as_person, as_entity;
    /* The same 18 characters cannot be looked at without a kind: one of them has the check of one scheme only. */
    cr_assert_eq(subject_parse_number(SUBJECT_PERSON, "530000199001010011", 18, TODAY, &as_person).verdict,
                 SUBJECT_VALID);
    cr_assert_eq(subject_parse_number(SUBJECT_ENTITY, "530000199001010011", 18, TODAY, &as_entity).verdict,
                 SUBJECT_BAD_CHECK);
}

/* ------------------------------------------------------------------ spellings and other permits */

static void expect_number(const char *text, const char *number) {
    subject_id id;
    subject_finding f = parse(text, &id);
    char buffer[SUBJECT_NUMBER_TEXT];
    cr_assert_not(subject_verdict_is_error(f.verdict), "%s: verdict %d", text, f.verdict);
    cr_expect_str_eq(subject_format_number(&id, buffer), number);
}

Test(subject, spellings) {
    expect_number("id:53000019900101002x", "53000019900101002X");
    expect_number("ID:53000019900101002X", "53000019900101002X");
    expect_number("Uscc:91530000ma00ttt099", "91530000MA00TTT099");
    expect_number("id:530000800101001", "530000198001010017");
    expect_number("USCC:n2533102mf00te0872", "N2533102MF00TE0872");
}

/* Appends the right check character to 17 digits, by asking for it. */
static void complete_person(char number[SUBJECT_NUMBER_TEXT]) {
    subject_id id;
    number[17] = '0';
    number[18] = '\0';
    subject_finding f = subject_parse_number(SUBJECT_PERSON, number, 18, TODAY, &id);
    if (f.verdict == SUBJECT_BAD_CHECK) number[17] = f.expected;
}

Test(subject, permits_have_the_same_form) {
    static const struct {
        const char *digits;
        subject_verdict verdict;
        uint32_t division;
    } permits[] = {
        {"81000019900101001", SUBJECT_VALID, 810000},         {"82000019900101001", SUBJECT_VALID, 820000},
        {"83000019900101001", SUBJECT_VALID, 830000},         {"95384019900101001", SUBJECT_VALID, 530000},
        {"99984019900101001", SUBJECT_WARN_DIVISION, 990000}, {"84000019900101001", SUBJECT_WARN_DIVISION, 840000},
    };
    for (size_t i = 0; i < sizeof permits / sizeof *permits; i++) {
        char number[SUBJECT_NUMBER_TEXT];
        memcpy(number, permits[i].digits, 18);
        complete_person(number);
        subject_id id;
        subject_finding f = subject_parse_number(SUBJECT_PERSON, number, 18, TODAY, &id);
        cr_expect_eq(f.verdict, permits[i].verdict, "%s: verdict %d", number, f.verdict);
        cr_expect_eq(subject_division(&id), permits[i].division);
        int32_t born;
        cr_expect(subject_birth_day(&id, &born));
        cr_expect_eq(born, clock_day_from_date(1990, 1, 1));
        char buffer[SUBJECT_NUMBER_TEXT];
        cr_expect_str_eq(subject_format_number(&id, buffer), number);
    }
}

Test(subject, divisions_warn_and_never_refuse) {
    static const struct {
        const char *digits;
        subject_verdict verdict;
    } rows[] = {
        {"53999919900101001", SUBJECT_WARN_DIVISION}, {"53000119900101001", SUBJECT_WARN_DIVISION},
        {"53210119900101001", SUBJECT_WARN_RETIRED},  {"00000019900101001", SUBJECT_WARN_DIVISION},
        {"11999919900101001", SUBJECT_VALID}, /* of other provinces only the province is known */
        {"17000019900101001", SUBJECT_WARN_DIVISION},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char number[SUBJECT_NUMBER_TEXT];
        memcpy(number, rows[i].digits, 18);
        complete_person(number);
        subject_id id;
        subject_finding f = subject_parse_number(SUBJECT_PERSON, number, 18, TODAY, &id);
        cr_expect_eq(f.verdict, rows[i].verdict, "%s: verdict %d", number, f.verdict);
        cr_expect(subject_is_valid(&id));
        char back[SUBJECT_NUMBER_TEXT];
        cr_expect_str_eq(subject_format_number(&id, back), number);
    }
}

Test(subject, division_and_birth_day) {
    subject_id id;
    int32_t born;
    parse("uscc:93532901MA00TTT25E", &id);
    cr_assert_eq(subject_division(&id), 532901);
    cr_assert_not(subject_birth_day(&id, &born));
    parse("id:530000199602290020", &id);
    cr_assert_eq(subject_division(&id), 530000);
    cr_assert(subject_birth_day(&id, &born));
    cr_assert_eq(born, clock_day_from_date(1996, 2, 29));
}

Test(subject, born_today_is_not_the_future) {
    subject_id id;
    char number[SUBJECT_NUMBER_TEXT] = "53000020261124001";
    complete_person(number);
    cr_assert_eq(subject_parse_number(SUBJECT_PERSON, number, 18, TODAY, &id).verdict, SUBJECT_VALID);
    cr_assert_eq(subject_parse_number(SUBJECT_PERSON, number, 18, TODAY - 1, &id).verdict, SUBJECT_FUTURE_DATE);
}

/* ------------------------------------------------------------------ the layout, byte by byte */

Test(subject, golden_bytes) {
    subject_id id;
    parse("id:530000199001010011", &id); /* 53000019900101001 = 0x00bc4b3cbf3bf189 */
    const uint8_t person[12] = {1, 0, 0, 0, 0x00, 0xbc, 0x4b, 0x3c, 0xbf, 0x3b, 0xf1, 0x89};
    cr_assert_arr_eq(id.bytes, person, 12);
    parse("uscc:91530000MA00TTT099", &id); /* 0x0570205f9e7f9c58508e38 in base 31 */
    const uint8_t entity[12] = {2, 0x05, 0x70, 0x20, 0x5f, 0x9e, 0x7f, 0x9c, 0x58, 0x50, 0x8e, 0x38};
    cr_assert_arr_eq(id.bytes, entity, 12);
    char text[SUBJECT_TEXT];
    cr_assert_str_eq(subject_format_masked(&id, text), "uscc:915300**********99");
    parse("id:530000199001010011", &id);
    cr_assert_str_eq(subject_format_masked(&id, text), "id:530000**********11");
}

/* ------------------------------------------------------------------ at random */

/* A random number with a right check character; persons with a birth date that exists. */
static subject_kind random_number(uint64_t *state, char number[SUBJECT_NUMBER_TEXT]) {
    uint64_t r = next_random(state);
    if (r & 1) {
        int y = 1900 + (int)(r >> 8 & 0xff) % 126, m = 1 + (int)(r >> 16 & 0xff) % 12,
            d = 1 + (int)(r >> 24 & 0xff) % 28;
        snprintf(number, SUBJECT_NUMBER_TEXT, "%06u%04d%02d%02d%03u", (unsigned)(next_random(state) % 1000000), y, m, d,
                 (unsigned)(r >> 32) % 1000);
        complete_person(number);
        return SUBJECT_PERSON;
    }
    for (int i = 0; i < 17; i++) number[i] = alphabet[next_random(state) % (i >= 2 && i < 8 ? 10 : 31)];
    number[0] = "123456789ANY"[next_random(state) % 12];
    number[1] = alphabet[1 + next_random(state) % 30];
    number[17] = '0';
    number[18] = '\0';
    subject_id id;
    subject_finding f = subject_parse_number(SUBJECT_ENTITY, number, 18, TODAY, &id);
    if (f.verdict == SUBJECT_BAD_CHECK) number[17] = f.expected;
    return SUBJECT_ENTITY;
}

Test(subject, random_numbers_come_back) {
    uint64_t state = SEED;
    for (int i = 0; i < 100000; i++) {
        char number[SUBJECT_NUMBER_TEXT], back[SUBJECT_NUMBER_TEXT];
        subject_kind kind = random_number(&state, number);
        subject_id id, again;
        subject_finding f = subject_parse_number(kind, number, 18, TODAY, &id);
        cr_assert_not(subject_verdict_is_error(f.verdict), "seed %#lx: %s: verdict %d", SEED, number, f.verdict);
        cr_assert(subject_is_valid(&id), "%s", number);
        cr_assert_str_eq(subject_format_number(&id, back), number);
        subject_parse_number(kind, back, 18, TODAY, &again);
        cr_assert(subject_equal(&id, &again), "%s", number);
    }
}

/* Both check schemes detect every single wrong character and every exchange of two neighbours. */
Test(subject, every_single_corruption_is_detected) {
    uint64_t state = SEED + 1;
    for (int i = 0; i < 300; i++) {
        char number[SUBJECT_NUMBER_TEXT], bad[SUBJECT_NUMBER_TEXT];
        subject_kind kind = random_number(&state, number);
        subject_id id;
        for (int at = 0; at < 18; at++)
            for (int c = 0; c < 256; c++) {
                if ((char)c == number[at] || (c >= 'a' && c <= 'z' && c - 32 == number[at])) continue;
                memcpy(bad, number, sizeof bad);
                bad[at] = (char)c;
                subject_finding f = subject_parse_number(kind, bad, 18, TODAY, &id);
                cr_assert(subject_verdict_is_error(f.verdict), "%s for %s", bad, number);
            }
        for (int at = 0; at < 17; at++) {
            if (number[at] == number[at + 1]) continue;
            memcpy(bad, number, sizeof bad);
            bad[at] = number[at + 1];
            bad[at + 1] = number[at];
            subject_finding f = subject_parse_number(kind, bad, 18, TODAY, &id);
            cr_assert(subject_verdict_is_error(f.verdict), "%s for %s", bad, number);
        }
    }
}

/* is_valid must accept exactly what parsing accepts: what it accepts formats to a number that parses to the same bytes;
 * what it refuses is no parse's result (the round trips above). */
static bool agrees(const subject_id *id) {
    if (!subject_is_valid(id)) return false;
    char text[SUBJECT_TEXT];
    subject_format(id, text);
    subject_id back;
    subject_finding f = subject_parse(text, strlen(text), INT32_MAX, &back);
    cr_assert_not(subject_verdict_is_error(f.verdict), "%s: verdict %d", text, f.verdict);
    cr_assert(subject_equal(id, &back), "%s", text);
    return true;
}

Test(subject, is_valid_on_arbitrary_bytes) {
    uint64_t state = SEED + 2;
    unsigned accepted = 0;
    for (int i = 0; i < 400000; i++) {
        subject_id id;
        uint64_t a = next_random(&state), b = next_random(&state);
        memcpy(id.bytes, &a, 8);
        memcpy(id.bytes + 8, &b, 4);
        if (i % 4 != 0) id.bytes[0] = 1 + (i & 1);
        if (id.bytes[0] == 1 && i % 8 != 1) memset(id.bytes + 1, 0, 3), id.bytes[4] &= 1;
        accepted += agrees(&id);
        if (!subject_is_valid(&id)) continue;
        /* one bit away from a valid id */
        id.bytes[b >> 40 & 7] ^= (uint8_t)(1u << (b >> 48 & 7));
        accepted += agrees(&id);
    }
    cr_assert_gt(accepted, 1000);
}

static subject_id id_of(subject_kind kind, unsigned __int128 number) {
    subject_id id = {.bytes[0] = (uint8_t)kind};
    for (int i = 11; i >= 1; i--, number >>= 8) id.bytes[i] = (uint8_t)number;
    return id;
}

Test(subject, is_valid_at_the_edges) {
    const unsigned __int128 end31 = (unsigned __int128)UINT64_C(787662783788549761) * 28629151; /* 31^17 */
    const uint64_t person = UINT64_C(53000019900101001);
    static const uint8_t zero[12];
    subject_id id;
    memcpy(id.bytes, zero, 12);
    cr_expect_not(subject_is_valid(&id));
    memset(id.bytes, 0xff, 12);
    cr_expect_not(subject_is_valid(&id));
    for (int kind = 0; kind < 256; kind++) {
        id = id_of((subject_kind)kind, person);
        cr_expect_eq(subject_is_valid(&id), kind == 1, "kind %d", kind);
    }
    id = id_of(SUBJECT_PERSON, person + UINT64_C(100000000000000000));
    cr_expect_not(subject_is_valid(&id)); /* 18 digits */
    id = id_of(SUBJECT_PERSON, (unsigned __int128)1 << 64 | person);
    cr_expect_not(subject_is_valid(&id)); /* above 64 bits */
    id = id_of(SUBJECT_PERSON, UINT64_C(53000019900230001));
    cr_expect_not(subject_is_valid(&id)); /* no such day */
    id = id_of(SUBJECT_ENTITY, end31 - 1);
    cr_expect_not(subject_is_valid(&id)); /* a division of letters */
    id = id_of(SUBJECT_ENTITY, end31);
    cr_expect_not(subject_is_valid(&id));
    id = id_of(SUBJECT_ENTITY, 0);
    cr_expect_not(subject_is_valid(&id)); /* authority 0 */
    for (unsigned authority = 0; authority < 31; authority++)
        for (unsigned category = 0; category < 31; category++) {
            unsigned __int128 number = authority * 31u + category;
            for (int i = 2; i < 17; i++) number = number * 31 + (unsigned)(i < 8 ? 5 : 30);
            id = id_of(SUBJECT_ENTITY, number);
            bool known = strchr("123456789ANY", alphabet[authority]) != NULL && category != 0;
            cr_expect_eq(subject_is_valid(&id), known, "authority %c category %c", alphabet[authority],
                         alphabet[category]);
            cr_expect_eq(agrees(&id), known);
        }
    /* each division character in turn just above 9 */
    for (int place = 2; place < 8; place++)
        for (unsigned value = 9; value < 31; value++) {
            unsigned __int128 number = 9 * 31 + 1;
            for (int i = 2; i < 17; i++) number = number * 31 + (i == place ? value : 1);
            id = id_of(SUBJECT_ENTITY, number);
            cr_expect_eq(subject_is_valid(&id), value == 9, "place %d value %u", place, value);
        }
}

Test(subject, a_category_that_is_not_in_use_is_refused_and_only_that) {
    char number[SUBJECT_NUMBER_TEXT];
    for (unsigned a = 0; a < 31; a++) {
        snprintf(number, sizeof number, "%c1530102MA00TTT010", alphabet[a]);
        subject_id id;
        subject_finding f = subject_parse_number(SUBJECT_ENTITY, number, 18, TODAY, &id);
        if (f.verdict == SUBJECT_BAD_CHECK) {
            number[17] = f.expected;
            f = subject_parse_number(SUBJECT_ENTITY, number, 18, TODAY, &id);
        }
        cr_expect_eq(f.verdict, strchr("123456789ANY", alphabet[a]) ? SUBJECT_VALID : SUBJECT_BAD_CATEGORY, "%s",
                     number);
    }
}

/* ------------------------------------------------------------------ sentences */

Test(subject, explanations) {
    char b[256];
    cr_expect_str_eq(explain("uscc:91310115MA1H8R7C6D", b),
                     "character 18 should be '7', not 'D': a digit was mistyped or two were exchanged");
    cr_expect_str_eq(explain("id:530000198502290010", b), "the birth date 1985-02-29 does not exist");
    cr_expect_str_eq(explain("id:530000800230001", b), "the birth date 1980-02-30 does not exist");
    cr_expect_str_eq(explain("id:530000209912310011", b), "the birth date 2099-12-31 is in the future");
    cr_expect_str_eq(explain("id:53000019900101001", b),
                     "a resident ID has 18 characters (or 15, before 1999), this one has 17");
    cr_expect_str_eq(explain("uscc:91", b), "a unified social credit code has 18 characters, this one has 2");
    cr_expect_str_eq(explain("uscc:云南", b), "a unified social credit code has 18 characters, this one has 2");
    cr_expect_str_eq(explain("id:5300001990010100l1", b), "character 17 is 'l'; it must be a digit");
    cr_expect_str_eq(explain("id:5300001990010100\n1", b), "character 17 is 0x0a; it must be a digit");
    cr_expect_str_eq(explain("id:53000019900101001?", b), "character 18 is '?'; it must be a digit or X");
    cr_expect_str_eq(explain("uscc:9135010OM000100Y43", b),
                     "character 8 is 'O'; characters 3 to 8 are a division and must be digits");
    cr_expect_str_eq(explain("uscc:91350100MOO0100Y43", b),
                     "character 10 is 'O'; the letters I, O, S, V and Z are not used: perhaps '0' was meant");
    cr_expect_str_eq(
        explain("530000199001010011", b),
        "the kind is missing: write id:NUMBER for a person's resident ID or permit, uscc:NUMBER for a unified "
        "social credit code");
    cr_expect_str_eq(explain("id:530000199001010011", b), "a valid resident ID");
}

Test(subject, explanations_of_warnings_and_tight_buffers) {
    char b[256], number[SUBJECT_NUMBER_TEXT] = "53999919900101001";
    subject_id id;
    complete_person(number);
    subject_finding f = subject_parse_number(SUBJECT_PERSON, number, 18, TODAY, &id);
    cr_expect_str_eq(subject_explain(&f, number, b, sizeof b),
                     "division 539999 is not known (a warning: numbers keep the division they were issued in)");
    memcpy(number, "53210119900101001", 18);
    complete_person(number);
    f = subject_parse_number(SUBJECT_PERSON, number, 18, TODAY, &id);
    cr_expect_str_eq(
        subject_explain(&f, number, b, sizeof b),
        "division 532101 昭通地区昭通市 was retired (a warning: numbers keep the division they were issued in)");
    /* any finding with any text, in any room: always terminated, never past the end */
    for (unsigned verdict = 0; verdict <= SUBJECT_WARN_RETIRED; verdict++)
        for (int kind = 0; kind <= 2; kind++)
            for (size_t room = 1; room < 40; room++) {
                memset(b, 'x', sizeof b);
                subject_finding any = {(subject_verdict)verdict, (subject_kind)kind, 18, 'Y'};
                subject_explain(&any, "id:5", b, room);
                if (verdict <= SUBJECT_BAD_CATEGORY || verdict >= SUBJECT_WARN_DIVISION)
                    cr_assert_lt(strnlen(b, sizeof b), room, "verdict %u", verdict);
                cr_assert_eq(b[room], 'x');
            }
}

/* ------------------------------------------------------------------ divisions */

Test(division, the_table_is_sorted_and_complete) {
    size_t n;
    const division *all = division_all(&n);
    unsigned count[3] = {0}, retired = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0) cr_assert_lt(all[i - 1].code, all[i].code);
        cr_assert_eq(division_find(all[i].code), &all[i]);
        cr_assert_eq(all[i].code / 10000, 53);
        if (all[i].retired)
            retired++;
        else
            count[all[i].level]++;
    }
    cr_assert_eq(count[DIVISION_PROVINCE], 1);
    cr_assert_eq(count[DIVISION_PREFECTURE], 16);
    cr_assert_eq(count[DIVISION_COUNTY], 129);
    cr_assert_gt(retired, 40);
    cr_assert_null(division_find(0));
    cr_assert_null(division_find(530001));
    cr_assert_null(division_find(UINT32_MAX));
    cr_assert_str_eq(division_find(530102)->name, "五华区");
    cr_assert(division_find(532101)->retired);
}

Test(division, covers) {
    cr_expect(division_covers(0, 110101));
    cr_expect(division_covers(530000, 530102));
    cr_expect(division_covers(530100, 530102));
    cr_expect(division_covers(530102, 530102));
    cr_expect_not(division_covers(530100, 530302));
    cr_expect_not(division_covers(530102, 530103));
    cr_expect_not(division_covers(530102, 530100));
    cr_expect_not(division_covers(530000, 110101));
}
