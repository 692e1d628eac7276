#include "base/profile.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

#define SEED UINT64_C(0x5eed0002)

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static subject_id some_id(void) {
    subject_id id;
    subject_finding f = subject_parse("uscc:91530000MA00TTT099", 23, 20000, &id);
    cr_assert_eq(f.verdict, SUBJECT_VALID);
    return id;
}

static profile some_profile(void) {
    profile p;
    subject_id id = some_id();
    profile_init(&p, &id);
    return p;
}

static const profile_field *field_named(const char *name) {
    const profile_field *f = profile_field_find(name, strlen(name));
    cr_assert_not_null(f, "%s", name);
    return f;
}

Test(profile, persons_and_nobody_else_have_the_form_person) {
    profile p = some_profile();
    cr_assert_eq(p.form, FORM_UNKNOWN);
    for (unsigned f = 0; f <= FORM_OTHER; f++) {
        p.form = (uint8_t)f;
        cr_expect_eq(profile_form_fits(&p), f != FORM_PERSON, "form %u", f);
    }
    subject_id person = {{SUBJECT_PERSON}};
    profile_init(&p, &person);
    cr_assert_eq(p.form, FORM_PERSON);
    for (unsigned f = 0; f <= FORM_OTHER; f++) {
        p.form = (uint8_t)f;
        cr_expect_eq(profile_form_fits(&p), f == FORM_PERSON, "form %u", f);
    }
}

/* ------------------------------------------------------------------ the schema */

Test(profile, the_schema_is_sound) {
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        cr_assert_eq(f->number, i);
        cr_expect_eq(profile_field_find(f->name, strlen(f->name)), f);
        cr_expect(f->width == 1 || f->width == 2 || f->width == 4);
        cr_expect_leq(f->offset + f->width, PROFILE_SIZE);
        cr_expect_eq(f->offset % f->width, 0);
        cr_expect_eq(f->type == PROFILE_FLAG, f->bit != 0);
        cr_expect_eq(f->type == PROFILE_ENUM, f->names != NULL);
        cr_expect(f->width == 4 || f->max < INT64_C(1) << 8 * f->width, "%s", f->name);
        if (f->has_missing) cr_expect(f->missing == 0 || f->missing > f->max);
        for (unsigned j = 0; j < i; j++) {
            const profile_field *g = profile_field_at(j);
            cr_expect_str_neq(f->name, g->name);
            /* no two fields share bytes, but flags, which share no bits */
            if (f->type == PROFILE_FLAG && g->type == PROFILE_FLAG)
                cr_expect(f->offset != g->offset || (f->bit & g->bit) == 0);
            else
                cr_expect(f->offset + f->width <= g->offset || g->offset + g->width <= f->offset, "%s %s", f->name,
                          g->name);
        }
    }
    cr_expect_null(profile_field_at(PROFILE_FIELD_COUNT));
    cr_expect_null(profile_field_find("divisio", 7));
    cr_expect_null(profile_field_find("divisionx", 9));
    cr_expect_null(profile_field_find("", 0));
    uint64_t all = (UINT64_C(1) << PROFILE_FIELD_COUNT) - 1;
    cr_expect_eq(profile_writable_mask(), all & ~(UINT64_C(1) << FIELD_change_day));
    cr_expect_eq(FIELD_slot_4, 35);
}

Test(profile, a_new_profile_knows_nothing) {
    profile p = some_profile();
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        cr_expect_eq(profile_get(&p, f), f->has_missing ? PROFILE_MISSING : 0, "%s", f->name);
        char text[PROFILE_VALUE_TEXT];
        profile_format_value(f, profile_get(&p, f), text);
        cr_expect_str_eq(text, f->type == PROFILE_FLAG ? "false" : f->has_missing ? "" : "0", "%s", f->name);
    }
    cr_expect_eq(profile_version(&p), 0);
    uint8_t bytes[PROFILE_SIZE];
    profile back;
    profile_encode(&p, bytes);
    cr_assert_eq(profile_decode(bytes, &back, NULL), STATUS_OK);
    cr_assert_arr_eq((uint8_t *)&p, (uint8_t *)&back, sizeof p);
}

/* ------------------------------------------------------------------ values */

static bool in_domain(const profile_field *f, int64_t v) {
    if (v < f->min || v > f->max) return false;
    return f->type != PROFILE_SECTOR || v == 0 || v >= 100;
}

/* set, get, format, parse: the same value comes back, and no other field moves. */
static void round_trip(profile *p, const profile_field *f, int64_t value) {
    profile before = *p;
    status s = profile_set(p, f, value);
    if (value != PROFILE_MISSING && !in_domain(f, value)) {
        cr_assert_eq(s, STATUS_BAD_VALUE, "%s = %ld", f->name, value);
        cr_assert_arr_eq((uint8_t *)p, (uint8_t *)&before, sizeof before);
        return;
    }
    cr_assert_eq(s, STATUS_OK, "%s = %ld", f->name, value);
    bool missing = value == PROFILE_MISSING || (f->has_missing && value == (int64_t)f->missing);
    int64_t expected = !missing ? value : f->has_missing ? PROFILE_MISSING : 0;
    cr_assert_eq(profile_get(p, f), expected, "%s = %ld", f->name, value);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++)
        if (i != f->number) {
            const profile_field *other = profile_field_at(i);
            cr_assert_eq(profile_get(p, other), profile_get(&before, other), "%s changed %s", f->name, other->name);
        }
    char text[PROFILE_VALUE_TEXT];
    int64_t parsed;
    profile_format_value(f, profile_get(p, f), text);
    cr_assert_eq(profile_parse_value(f, text, strlen(text), &parsed), STATUS_OK, "%s: '%s'", f->name, text);
    cr_assert_eq(parsed, expected, "%s: '%s'", f->name, text);
}

Test(profile, every_value_of_small_fields_and_many_of_large_ones) {
    uint64_t state = SEED;
    profile p = some_profile();
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        static const int64_t edges[] = {PROFILE_MISSING, INT64_MIN + 1, -1,    0,          1,          99,       100,
                                        65534,           65535,         65536, 4294967295, 4294967296, INT64_MAX};
        for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) round_trip(&p, f, edges[e]);
        round_trip(&p, f, f->min - 1);
        round_trip(&p, f, f->max);
        round_trip(&p, f, f->max + 1);
        if (f->max <= 4000)
            for (int64_t v = f->min; v <= f->max; v++) round_trip(&p, f, v);
        else
            for (int n = 0; n < 4000; n++) round_trip(&p, f, (int64_t)(next_random(&state) % ((uint64_t)f->max + 1)));
    }
}

Test(profile, missing_clears) {
    profile p = some_profile();
    profile fresh = p;
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        cr_assert_eq(profile_set(&p, f, f->max), STATUS_OK);
        cr_assert_eq(profile_set(&p, f, PROFILE_MISSING), STATUS_OK);
    }
    cr_assert_arr_eq((uint8_t *)&p, (uint8_t *)&fresh, sizeof p);
}

/* ------------------------------------------------------------------ text */

#define BAD INT64_C(-77)
static const struct {
    const char *field, *text;
    int64_t value; /* BAD: refused */
} texts[] = {
    {"division", "530102", 530102},
    {"division", "none", PROFILE_MISSING},
    {"division", "000000", PROFILE_MISSING},
    {"division", "53010", BAD},
    {"division", "5301022", BAD},
    {"division", "53010x", BAD},
    {"sector", "D44", 444},
    {"sector", "d44", 444},
    {"sector", "D", 400},
    {"sector", "A01", 101},
    {"sector", "Z99", 2699},
    {"sector", "D00", BAD},
    {"sector", "D4", BAD},
    {"sector", "444", BAD},
    {"sector", "D444", BAD},
    {"sector", "@44", BAD},
    {"form", "person", FORM_PERSON},
    {"form", "Village_Collective", FORM_VILLAGE_COLLECTIVE},
    {"form", "other", FORM_OTHER},
    {"form", "unknown", PROFILE_MISSING},
    {"form", "people", BAD},
    {"form", "1", BAD},
    {"red_list", "true", 1},
    {"red_list", "1", 1},
    {"red_list", "YES", 1},
    {"red_list", "false", 0},
    {"red_list", "0", 0},
    {"red_list", "no", 0},
    {"red_list", "2", BAD},
    {"red_list", "none", BAD},
    {"public_score", "0", 0},
    {"public_score", "1000", 1000},
    {"public_score", "1001", BAD},
    {"public_score", "-1", BAD},
    {"public_score", "+1", BAD},
    {"public_score", " 1", BAD},
    {"public_score", "7e2", BAD},
    {"public_score", "65535", BAD},
    {"public_score", "unrated", PROFILE_MISSING},
    {"public_score", "18446744073709551617", BAD},
    {"slot_1", "65534", 65534},
    {"slot_1", "65535", BAD},
    {"public_grade", "差", PUBLIC_POOR},
    {"public_grade", "优", PUBLIC_EXCELLENT},
    {"public_grade", "poor", PUBLIC_POOR},
    {"public_grade", "fair", PUBLIC_FAIR},
    {"public_grade", "Good", PUBLIC_GOOD},
    {"public_grade", "excellent", PUBLIC_EXCELLENT},
    {"public_grade", "unrated", PROFILE_MISSING},
    {"public_grade", "优优", BAD},
    {"market_grade", "AAA", MARKET_AAA},
    {"market_grade", "aa", MARKET_AA},
    {"market_grade", "AAAA", BAD},
    {"market_grade", "good", BAD},
    {"composite_grade", "C", MARKET_C},
    {"tax_grade", "M", TAX_M},
    {"tax_grade", "A", TAX_A},
    {"tax_grade", "AA", BAD},
    {"volunteer_minutes", "4294967295", 4294967295},
    {"volunteer_minutes", "4294967296", BAD},
    {"volunteer_minutes", "007", 7},
    {"negative_points", "3.5", 350},
    {"negative_points", "3.50", 350},
    {"negative_points", "3.05", 305},
    {"negative_points", "3", 300},
    {"negative_points", "0.01", 1},
    {"negative_points", "655.35", 65535},
    {"negative_points", "655.36", BAD},
    {"negative_points", "99999999999999999999", BAD},
    {"negative_points", "3.", BAD},
    {"negative_points", ".5", BAD},
    {"negative_points", "3.501", BAD},
    {"negative_points", "3.5.0", BAD},
    {"negative_points", "3,5", BAD},
    {"negative_points", "-3", BAD},
    {"open_commitments", "255", 255},
    {"open_commitments", "256", BAD},
    {"since_day", "2026-11-24", 20781},
    {"since_day", "1970-01-02", 1},
    {"since_day", "1970-01-01", BAD}, /* would be stored as "none" */
    {"since_day", "1949-10-01", BAD},
    {"since_day", "2149-06-06", 65535},
    {"since_day", "2149-06-07", BAD},
    {"since_day", "2026-02-29", BAD},
    {"since_day", "20781", BAD},
    {"since_day", "none", PROFILE_MISSING},
};

Test(profile, texts) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t value = BAD;
        status s = profile_parse_value(field_named(texts[i].field), texts[i].text, strlen(texts[i].text), &value);
        cr_expect_eq(s, texts[i].value == BAD ? STATUS_BAD_VALUE : STATUS_OK, "%s '%s'", texts[i].field, texts[i].text);
        cr_expect_eq(value, texts[i].value, "%s '%s': %ld", texts[i].field, texts[i].text, value);
    }
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        int64_t value = 0;
        cr_expect_eq(profile_parse_value(f, "", 0, &value), STATUS_OK);
        cr_expect_eq(value, PROFILE_MISSING, "%s", f->name);
        value = 0;
        cr_expect_eq(profile_parse_value(f, "-", 1, &value), STATUS_OK);
        cr_expect_eq(value, PROFILE_MISSING, "%s", f->name);
        cr_expect_eq(profile_parse_value(f, "\0", 1, &value), STATUS_BAD_VALUE, "%s", f->name);
        cr_expect_eq(profile_parse_value(f, "--", 2, &value), STATUS_BAD_VALUE, "%s", f->name);
    }
}

static void expect_text(const char *field, int64_t value, const char *text) {
    char buffer[PROFILE_VALUE_TEXT];
    cr_expect_str_eq(profile_format_value(field_named(field), value, buffer), text);
}

Test(profile, formats) {
    expect_text("negative_points", 350, "3.5");
    expect_text("negative_points", 300, "3");
    expect_text("negative_points", 305, "3.05");
    expect_text("negative_points", 5, "0.05");
    expect_text("sector", 444, "D44");
    expect_text("sector", 401, "D01");
    expect_text("sector", 400, "D");
    expect_text("division", 530102, "530102");
    expect_text("public_grade", PUBLIC_EXCELLENT, "优");
    expect_text("form", FORM_PRIVATE_NONENTERPRISE, "private_nonenterprise");
    expect_text("since_day", 20781, "2026-11-24");
    expect_text("arrears", 1, "true");
    expect_text("market_grade", PROFILE_MISSING, "");
    /* out of the domain: a number, never a read past a table */
    expect_text("market_grade", 6, "6");
    expect_text("market_grade", -1, "-1");
    expect_text("sector", 7, "7");
    expect_text("since_day", INT64_MAX, "9223372036854775807");
    expect_text("negative_points", INT64_MIN + 1, "-9223372036854775807");
}

/* ------------------------------------------------------------------ bytes */

static const uint8_t golden[PROFILE_SIZE] = {
    0x02, 0x05, 0x70, 0x20, 0x5f, 0x9e, 0x7f, 0x9c, 0x58, 0x50, 0x8e, 0x38, /* uscc:91530000MA00TTT099 */
    0x0e, 0x00, 0x00, 0x00,                                                 /* version 7 */
    0xb6, 0x16, 0x08, 0x00,                                                 /* division 530102 */
    0xbc, 0x01,                                                             /* sector D44 */
    0x02, 0x05,                                                             /* enterprise; retailer and user */
    0x21, 0x00, 0x10, 0x00,                                                 /* red list, arrears, consent_volunteer */
    0x52, 0x03, 0x04, 0x05,                                                 /* 850, excellent, AAA */
    0x04, 0x04, 0x84, 0x03,                                                 /* tax A, composite AA, 900 */
    0x70, 0x17, 0x00, 0x00,                                                 /* 6000 minutes */
    0x5e, 0x01, 0x2c, 0x01,                                                 /* 3.50 negative, 3 positive */
    0x02, 0x01,                                                             /* commitments: 2 open, 1 broken */
    0x01, 0x00, 0x2d, 0x51, 0x2c, 0x51,                                     /* 1970-01-02, 2026-11-24, 2026-11-23 */
    0x00, 0x00, 0x00, 0x00,                                                 /* side */
    0xff, 0xff, 0x00, 0x00, 0xfe, 0xff, 0x07, 0x00,                         /* slots: none, 0, 65534, 7 */
};

static const struct {
    const char *field, *text;
} golden_fields[] = {
    {"division", "530102"},
    {"sector", "D44"},
    {"form", "enterprise"},
    {"retailer", "true"},
    {"power_user", "true"},
    {"red_list", "true"},
    {"arrears", "true"},
    {"consent_volunteer", "yes"},
    {"public_score", "850"},
    {"public_grade", "优"},
    {"market_grade", "AAA"},
    {"tax_grade", "A"},
    {"composite_score", "900"},
    {"composite_grade", "AA"},
    {"volunteer_minutes", "6000"},
    {"negative_points", "3.50"},
    {"positive_points", "3"},
    {"open_commitments", "2"},
    {"broken_commitments", "1"},
    {"since_day", "1970-01-02"},
    {"change_day", "2026-11-24"},
    {"data_day", "2026-11-23"},
    {"slot_2", "0"},
    {"slot_3", "65534"},
    {"slot_4", "7"},
};

Test(profile, golden_bytes) {
    profile p = some_profile(), back;
    for (size_t i = 0; i < sizeof golden_fields / sizeof *golden_fields; i++) {
        const profile_field *f = field_named(golden_fields[i].field);
        int64_t value;
        cr_assert_eq(profile_parse_value(f, golden_fields[i].text, strlen(golden_fields[i].text), &value), STATUS_OK);
        cr_assert_eq(profile_set(&p, f, value), STATUS_OK);
    }
    p.seq = 7 << 1 | 1; /* the writer bit and `side` stay in memory */
    p.side = 0xdeadbeef;
    uint8_t bytes[PROFILE_SIZE];
    profile_encode(&p, bytes);
    cr_assert_arr_eq(bytes, golden, PROFILE_SIZE);
    unsigned field = 0;
    cr_assert_eq(profile_decode(golden, &back, &field), STATUS_OK);
    cr_assert_eq(field, PROFILE_FIELD_COUNT);
    cr_assert_eq(profile_version(&back), 7);
    p.seq &= ~1u;
    p.side = 0;
    cr_assert_arr_eq((uint8_t *)&p, (uint8_t *)&back, sizeof p);
}

static void expect_refused(size_t at, const char *bytes, size_t n, status expected, unsigned field) {
    uint8_t bad[PROFILE_SIZE];
    memcpy(bad, golden, sizeof bad);
    memcpy(bad + at, bytes, n);
    profile p, untouched;
    memset(&p, 0xA5, sizeof p);
    untouched = p;
    unsigned got = 99;
    cr_expect_eq(profile_decode(bad, &p, &got), expected, "bytes at %zu", at);
    cr_expect_eq(got, field, "bytes at %zu: field %u, not %u", at, got, field);
    cr_expect_eq(profile_decode(bad, &p, NULL), expected);
    cr_expect_arr_eq((uint8_t *)&p, (uint8_t *)&untouched, sizeof p);
}

Test(profile, decode_refuses_what_is_outside_the_domains) {
    expect_refused(0, "\0", 1, STATUS_BAD_SUBJECT, PROFILE_FIELD_COUNT);
    expect_refused(0, "\1", 1, STATUS_BAD_SUBJECT, PROFILE_FIELD_COUNT);
    expect_refused(0, "\xff", 1, STATUS_BAD_SUBJECT, PROFILE_FIELD_COUNT);
    expect_refused(12, "\x0f", 1, STATUS_BAD_VALUE, PROFILE_FIELD_COUNT);
    expect_refused(16, "\x40\x42\x0f", 3, STATUS_BAD_VALUE, FIELD_division); /* 1,000,000 */
    expect_refused(20, "\x63\x00", 2, STATUS_BAD_VALUE, FIELD_sector);       /* 99 */
    expect_refused(20, "\x8c\x0a", 2, STATUS_BAD_VALUE, FIELD_sector);       /* 2700 */
    expect_refused(22, "\x0d", 1, STATUS_BAD_VALUE, FIELD_form);
    expect_refused(23, "\x08", 1, STATUS_BAD_VALUE, FIELD_retailer);
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t flags = 1u << bit;
        bool owned = bit <= 10 || (bit >= 16 && bit <= 20);
        if (!owned) expect_refused(24, (const char *)&flags, 4, STATUS_BAD_VALUE, FIELD_red_list);
    }
    expect_refused(28, "\xe9\x03", 2, STATUS_BAD_VALUE, FIELD_public_score);
    expect_refused(28, "\xfe\xff", 2, STATUS_BAD_VALUE, FIELD_public_score);
    expect_refused(30, "\x05", 1, STATUS_BAD_VALUE, FIELD_public_grade);
    expect_refused(31, "\x06", 1, STATUS_BAD_VALUE, FIELD_market_grade);
    expect_refused(32, "\x06", 1, STATUS_BAD_VALUE, FIELD_tax_grade);
    expect_refused(33, "\xff", 1, STATUS_BAD_VALUE, FIELD_composite_grade);
    expect_refused(34, "\xe9\x03", 2, STATUS_BAD_VALUE, FIELD_composite_score);
    expect_refused(52, "\1", 1, STATUS_BAD_VALUE, PROFILE_FIELD_COUNT);
    expect_refused(55, "\x80", 1, STATUS_BAD_VALUE, PROFILE_FIELD_COUNT);
}

/* Whatever decode accepts encodes to the same bytes and holds only values that set accepts. */
Test(profile, decode_of_random_changes) {
    uint64_t state = SEED + 1;
    unsigned accepted = 0;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[PROFILE_SIZE], again[PROFILE_SIZE];
        memcpy(bytes, golden, sizeof bytes);
        for (uint64_t r = next_random(&state), n = 1 + (r & 3); n > 0; n--, r = next_random(&state))
            bytes[r >> 8 & 63] = (uint8_t)(r >> 32 & 1 ? r >> 16 : bytes[r >> 8 & 63] ^ 1u << (r >> 16 & 7));
        profile p;
        if (profile_decode(bytes, &p, NULL) != STATUS_OK) continue;
        accepted++;
        profile_encode(&p, again);
        cr_assert_arr_eq(bytes, again, PROFILE_SIZE);
        for (unsigned f = 0; f < PROFILE_FIELD_COUNT; f++) {
            profile copy = p;
            cr_assert_eq(profile_set(&copy, profile_field_at(f), profile_get(&p, profile_field_at(f))), STATUS_OK);
            cr_assert_arr_eq((uint8_t *)&copy, (uint8_t *)&p, sizeof p);
        }
    }
    cr_assert_gt(accepted, 10000);
}

/* ------------------------------------------------------------------ merge */

Test(profile, merge_takes_the_fields_of_the_mask_and_no_other) {
    uint64_t state = SEED + 2;
    for (int n = 0; n < 20000; n++) {
        profile a = some_profile(), b = some_profile();
        a.seq = 10;
        a.side = 3;
        b.seq = 20;
        for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
            const profile_field *f = profile_field_at(i);
            uint64_t r = next_random(&state);
            if (r & 1) (void)!profile_set(&a, f, (int64_t)((r >> 8) % ((uint64_t)f->max + 1)));
            if (r & 2) (void)!profile_set(&b, f, (int64_t)((r >> 20) % ((uint64_t)f->max + 1)));
        }
        uint64_t mask = next_random(&state);
        if (n == 0) mask = 0;
        if (n == 1) mask = UINT64_MAX;
        profile merged = a;
        profile_merge(&merged, &b, mask);
        for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
            const profile_field *f = profile_field_at(i);
            cr_assert_eq(profile_get(&merged, f), profile_get(mask >> i & 1 ? &b : &a, f), "%s", f->name);
        }
        cr_assert_eq(merged.seq, 10);
        cr_assert_eq(merged.side, 3);
        cr_assert(subject_equal(&merged.id, &a.id));
    }
}
