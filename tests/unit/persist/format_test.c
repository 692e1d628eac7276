/* The bytes on disk: a change here is a new format version. */
#include "persist/format.h"

#include <criterion/criterion.h>
#include <string.h>

Test(format, keys_sort_like_numbers) {
    uint8_t a[FORMAT_GROUP_KEY], b[FORMAT_GROUP_KEY];
    format_group_key(255, a);
    format_group_key(256, b);
    cr_assert_lt(memcmp(a, b, sizeof a), 0);
    static const uint8_t golden[] = {0, 0, 0, 0, 0, 0, 1, 0};
    cr_assert_arr_eq(b, golden, sizeof golden);
    cr_assert_eq(format_group_sequence(b, sizeof b), 256);
    cr_assert_eq(format_group_sequence(b, sizeof b - 1), 0);
}

Test(format, golden_group) {
    static const uint8_t changes[] = {7, 1, 0, 0, 2, 0, 0, 0, 'k', 'h', 'i'};
    static const uint8_t golden[] = {
        0x58, 0x59, 0x4c, 0x47, 0x01, 0x00, 0x00, 0x00, /* magic, version, flags */
        0x2a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* sequence */
        0x00, 0xb8, 0x22, 0x09, 0xa2, 0x01, 0x00, 0x00, /* time */
        0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* length, zero */
    };
    format_group g = {.sequence = 42, .time_ms = INT64_C(1795449600000), .changes = changes, .length = sizeof changes};
    uint8_t header[FORMAT_GROUP_HEADER];
    format_group_encode(&g, header);
    cr_assert_arr_eq(header, golden, 32);
    cr_assert_eq(g.checksum, UINT64_C(0x6904332dfd7262d4), "checksum %016llx", (unsigned long long)g.checksum);
}

static size_t encode(uint8_t value[64]) {
    static const uint8_t changes[] = {7, 1, 0, 0, 2, 0, 0, 0, 'k', 'h', 'i'};
    format_group g = {.sequence = 7, .time_ms = -1, .changes = changes, .length = sizeof changes};
    format_group_encode(&g, value);
    memcpy(value + FORMAT_GROUP_HEADER, changes, sizeof changes);
    return FORMAT_GROUP_HEADER + sizeof changes;
}

Test(format, a_group_comes_back) {
    uint8_t value[64];
    size_t size = encode(value);
    format_group g;
    const char *why;
    cr_assert_eq(format_group_decode(value, size, false, &g, &why), STATUS_OK);
    cr_assert_eq(g.sequence, 7);
    cr_assert_eq(g.time_ms, -1);
    cr_assert_eq(g.length, 11);
    cr_assert_eq(g.changes, value + FORMAT_GROUP_HEADER);
}

Test(format, every_flipped_bit_and_every_cut_is_seen) {
    uint8_t value[64];
    size_t size = encode(value);
    format_group g;
    const char *why;
    for (size_t bit = 0; bit < size * 8; bit++) {
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(format_group_decode(value, size, false, &g, &why), STATUS_CORRUPT, "bit %zu", bit);
        cr_assert_not_null(why);
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        cr_assert_eq(format_group_decode(value, cut, false, &g, &why), STATUS_CORRUPT, "cut %zu", cut);
}

Test(format, a_value_belongs_to_its_table_and_key) {
    static const uint8_t key[] = {1, 2, 3}, value[] = {9, 8, 7, 6};
    uint8_t stored[8] = {9, 8, 7, 6};
    uint32_t sum = format_value_sum(1, key, 3, value, 4);
    for (int i = 0; i < 4; i++) stored[4 + i] = (uint8_t)(sum >> (8 * i));
    size_t length = 0;
    cr_assert_eq(format_value_check(1, key, 3, stored, 8, &length), STATUS_OK);
    cr_assert_eq(length, 4);
    cr_assert_eq(format_value_check(2, key, 3, stored, 8, &length), STATUS_CORRUPT, "another table");
    cr_assert_eq(format_value_check(1, key, 2, stored, 8, &length), STATUS_CORRUPT, "another key");
    cr_assert_eq(format_value_check(1, key, 3, stored, 3, &length), STATUS_CORRUPT, "too short for a sum");
    for (int bit = 0; bit < 64; bit++) {
        stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(format_value_check(1, key, 3, stored, 8, &length), STATUS_CORRUPT, "bit %d", bit);
        stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert_eq(sum, UINT32_C(0x0061212d), "sum %08x", sum);
}
