/* Receipts: golden bytes, both ways, any damage found, and deciding again. */
#include "engine/receipt.h"

#include "../policy_helper.h"

static profile somebody(void) {
    static const char TEXT[] = "uscc:91530000MA00TTT099";
    subject_id id;
    cr_assert_eq(subject_parse(TEXT, strlen(TEXT), 20000, &id).verdict, SUBJECT_VALID);
    profile p;
    profile_init(&p, &id);
    p.seq = 7 << 1;
    p.side = 12345;
    give(&p, "form", "enterprise");
    give(&p, "tax_grade", "A");
    give(&p, "public_grade", "优");
    give(&p, "red_list", "true");
    give(&p, "negative_points", "2.50");
    give(&p, "data_day", "2026-03-02");
    return p;
}

static receipt some_receipt(const policy_set *set, unsigned scenario, const profile *p, policy_moment at) {
    decision d;
    receipt r;
    policy_decide(set, scenario, p, at, &d);
    receipt_make(set, scenario, PURPOSE_LOAN_REVIEW, p, at, &d, &r);
    return r;
}

static const char SMALL[] =
    "policy: p\nscenario: {name: loan, code: 1}\ntitle: t\nauthority: a\nlegal_basis: [x]\neffective: {}\n"
    "benefits: [{code: 0, id: b0}, {code: 5, id: b5}]\ntables:\n"
    "  - table: T\n    hit: first\n    inputs: [tax_grade, negative_points]\n"
    "    outputs: [outcome, tier, percent_bp, rate_bp, amount_fen, benefits]\n    rows:\n"
    "      - {id: R1, when: [A, '< 3'], then: [granted, 2, 15%, -30, 300万元, [b0, b5]]}\n"
    "      - {id: R2, when: ['-', '-'], then: [declined, '-', '-', '-', '-', []]}\nexamples: []\n";

Test(receipt, golden_bytes) {
    static const uint8_t GOLDEN[RECEIPT_BYTES] = {
        0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0xB8,
        0x22, 0x09, 0xA2, 0x01, 0x00, 0x00, 0x96, 0x67, 0x87, 0x56, 0xC9, 0x35, 0x79, 0x57, 0x8B, 0x5A, 0x22, 0xCD,
        0x7A, 0x2B, 0x3E, 0xCD, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x02, 0x05, 0x70, 0x20, 0x5F, 0x9E, 0x7F, 0x9C, 0x58, 0x50, 0x8E, 0x38, 0x0E, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04, 0x00, 0x04, 0x00,
        0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFA, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x22, 0x50,
        0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x01, 0x02, 0x01, 0x10,
        0xDC, 0x05, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xA3, 0xE1, 0x11, 0x00, 0x00, 0x00, 0x00,
        0xE2, 0xFF, 0x22, 0x50, 0x01, 0x00, 0x00, 0x00, 0x3F, 0x7F, 0x2D, 0x18, 0x7C, 0x25, 0x09, 0xBA,
    };
    static const char GOLDEN_TEXT[] =
        "xr1-AQEBAAAAAAABAAAABwAAAAC4IgmiAQAAlmeHVsk1eVeLWiLNeis-zQAAAAAAAAAAAAAAAAAAAAACBXAgX55_"
        "nFhQjjgOAAAAAAAAAAAAAgABAAAA__8EAAQA__8AAAAA-gAAAAAAAAAAACJQAAAAAP__________"
        "AAABAgEQ3AUhAAAAAAAAAACj4REAAAAA4v8iUAEAAAA_fy0YfCUJug";
    policy_set *set = load_text(SMALL);
    profile p = somebody();
    receipt r = some_receipt(set, 1, &p, on_day(2026, 11, 24)), back;
    uint8_t bytes[RECEIPT_BYTES];
    char text[RECEIPT_TEXT];
    receipt_encode(&r, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) cr_expect_eq(bytes[i], GOLDEN[i], "byte %zu: 0x%02x", i, bytes[i]);
    cr_assert_str_eq(receipt_format(&r, text), GOLDEN_TEXT);
    cr_assert_eq(strlen(text), 218);
    cr_assert_eq(receipt_parse(GOLDEN_TEXT, strlen(GOLDEN_TEXT), &back), STATUS_OK);
    cr_assert_eq(back.result.outcome, OUTCOME_GRANTED);
    cr_assert_eq(back.result.benefits, 0x21);
    cr_assert_eq(back.result.amount_fen, 300000000);
    cr_assert_eq(back.result.rate_bp, -30);
    cr_assert_eq(back.inputs.negative_points, 250);
    policy_destroy(&set);
}

Test(receipt, keeps_everything_but_the_side) {
    policy_set *set = load_shipped(41);
    profile p = somebody();
    receipt r = some_receipt(set, 1, &p, on_day(2026, 11, 24)), back;
    uint8_t bytes[RECEIPT_BYTES];
    char text[RECEIPT_TEXT], hash[33];
    cr_assert_eq(r.format, 1);
    cr_assert_eq(r.scenario, 1);
    cr_assert_eq(r.purpose, PURPOSE_LOAN_REVIEW);
    cr_assert_eq(r.policy_version, 41);
    cr_assert_eq(r.profile_version, 7);
    cr_assert_eq(r.inputs.side, 0);
    cr_assert_str_eq(receipt_policy_hash(&r, hash), policy_hash(set));
    receipt_encode(&r, bytes);
    cr_assert_eq(receipt_decode(bytes, &back), STATUS_OK);
    cr_assert_eq(memcmp(&r, &back, sizeof r), 0);
    memset(&back, 0, sizeof back);
    receipt_format(&r, text);
    cr_assert_eq(receipt_parse(text, strlen(text), &back), STATUS_OK);
    cr_assert_eq(memcmp(&r, &back, sizeof r), 0);
    cr_assert_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), strlen(text));
    policy_destroy(&set);
}

Test(receipt, finds_every_damaged_byte) {
    policy_set *set = load_text(SMALL);
    profile p = somebody();
    receipt r = some_receipt(set, 1, &p, on_day(2026, 11, 24)), back;
    uint8_t bytes[RECEIPT_BYTES];
    receipt_encode(&r, bytes);
    for (size_t i = 0; i < RECEIPT_BYTES; i++) {
        uint8_t was = bytes[i];
        for (unsigned v = 0; v < 256; v++) {
            bytes[i] = (uint8_t)v;
            memset(&back, 0x5A, sizeof back);
            status s = receipt_decode(bytes, &back);
            cr_assert_eq(s, v == was ? STATUS_OK : STATUS_BAD_RECEIPT, "byte %zu: %u for %u", i, v, was);
            if (s != STATUS_OK) cr_assert_eq(back.format, 0x5A, "nothing is written");
        }
        bytes[i] = was;
    }
    policy_destroy(&set);
}

Test(receipt, finds_every_damaged_character) {
    policy_set *set = load_text(SMALL);
    profile p = somebody();
    receipt r = some_receipt(set, 1, &p, on_day(2026, 11, 24)), back;
    char text[RECEIPT_TEXT];
    receipt_format(&r, text);
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        char was = text[i];
        for (unsigned v = 0; v < 256; v++) {
            text[i] = (char)v;
            cr_assert_eq(receipt_parse(text, n, &back), (char)v == was ? STATUS_OK : STATUS_BAD_RECEIPT,
                         "character %zu: %u", i, v);
        }
        text[i] = was;
    }
    for (size_t i = 0; i < n; i++) cr_assert_eq(receipt_parse(text, i, &back), STATUS_BAD_RECEIPT, "%zu", i);
    policy_destroy(&set);
}

Test(receipt, survives_letters_and_terminals) {
    policy_set *set = load_text(SMALL);
    profile p = somebody();
    receipt r = some_receipt(set, 1, &p, on_day(2026, 11, 24)), back;
    char text[RECEIPT_TEXT], wide[2 * RECEIPT_TEXT + 8];
    receipt_format(&r, text);
    size_t n = (size_t)snprintf(wide, sizeof wide, " \t\r\n");
    for (size_t i = 0; text[i]; i++) {
        wide[n++] = text[i];
        if (i % 2) wide[n++] = i % 3 ? '\n' : ' ';
    }
    cr_assert_eq(receipt_parse(wide, n, &back), STATUS_OK);
    cr_assert_eq(memcmp(&r, &back, sizeof r), 0);
    static const char *const BAD[] = {"", " ", "xr1-", "xr2-", "XR1-AAAA", "{}", "xr1-====", "-"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        cr_assert_eq(receipt_parse(BAD[i], strlen(BAD[i]), &back), STATUS_BAD_RECEIPT);
    snprintf(wide, sizeof wide, "%sA", text);
    cr_assert_eq(receipt_parse(wide, strlen(wide), &back), STATUS_BAD_RECEIPT, "too long");
    snprintf(wide, sizeof wide, "%s==", text);
    cr_assert_eq(receipt_parse(wide, strlen(wide), &back), STATUS_BAD_RECEIPT, "padding is not ours");
    policy_destroy(&set);
}

/* Well-formed by its checksum and yet not one of ours. */
Test(receipt, refuses_what_cannot_be) {
    policy_set *set = load_text(SMALL);
    profile p = somebody();
    receipt good = some_receipt(set, 1, &p, on_day(2026, 11, 24)), r, back;
    uint8_t bytes[RECEIPT_BYTES];
#define REFUSED(change)                                                                                                \
    r = good;                                                                                                          \
    change;                                                                                                            \
    receipt_encode(&r, bytes);                                                                                         \
    cr_assert_eq(receipt_decode(bytes, &back), STATUS_BAD_RECEIPT, #change)
    REFUSED(r.format = 2);
    REFUSED(r.format = 0);
    REFUSED(r.profile_version++);
    REFUSED(r.inputs.tax_grade = 9);
    REFUSED(r.inputs.flags |= 1u << 31);
    REFUSED(memset(&r.inputs.id, 0, sizeof r.inputs.id));
    REFUSED(r.now_ms = -1);
    REFUSED(r.now_ms = INT64_MAX);
#undef REFUSED
    policy_destroy(&set);
}

Test(receipt, decides_again) {
    policy_set *set = load_shipped(1), *later = load_shipped(9), *other = load_text(SMALL);
    dice d = dice_make(20260310);
    unsigned differ = 0;
    for (int i = 0; i < 5000; i++) {
        profile p = somebody();
        p.tax_grade = (uint8_t)dice_below(&d, TAX_M + 1);
        p.public_grade = (uint8_t)dice_below(&d, PUBLIC_EXCELLENT + 1);
        p.negative_points = (uint16_t)dice_below(&d, 1500);
        p.flags = (uint32_t)dice_below(&d, 1u << 11);
        unsigned scenario = 1 + (unsigned)dice_below(&d, 6);
        if (scenario == 6) scenario = 60; /* unknown */
        policy_moment at = {.now_ms = on_day(2026, 11, 10).now_ms + (int64_t)dice_below(&d, 2 * CLOCK_MS_PER_DAY)};
        at.day = clock_day_of_ms(at.now_ms);
        receipt r = some_receipt(set, scenario, &p, at);
        decision again;
        cr_assert(receipt_replay(&r, later, &again), "seed %llu", (unsigned long long)d.seed);
        cr_assert_eq(memcmp(&again, &r.result, sizeof again), 0);
        r.result.tier++;
        cr_assert_not(receipt_replay(&r, later, &again));
        r.result.tier--;
        r.result.data_day++;
        cr_assert_not(receipt_replay(&r, later, &again));
        r.result.data_day--;
        differ += !receipt_replay(&r, other, &again);
    }
    cr_assert_gt(differ, 1000);
    policy_destroy(&set);
    policy_destroy(&later);
    policy_destroy(&other);
}
