#include "engine/change.h"

#include "tests/unit/engine_help.h"

#include <criterion/criterion.h>

Test(change, records_come_back_in_order) {
    buf b = {0};
    change_append(&b, CHANGE_SUBJECTS, "key", 3, "value", 5);
    change_append_removed(&b, CHANGE_OPERATIONS, "0123456789abcdef", 16);
    change_append(&b, CHANGE_STATE, "k", 1, NULL, 0);
    cr_assert_eq(buf_status(&b), STATUS_OK);
    size_t at = 0;
    change c;
    cr_assert_eq(change_next(b.data, b.size, &at, &c), STATUS_OK);
    cr_assert(c.table == CHANGE_SUBJECTS && !c.removed && c.key_length == 3 && c.value_length == 5);
    cr_assert_arr_eq(c.key, "key", 3);
    cr_assert_arr_eq(c.value, "value", 5);
    cr_assert_eq(change_next(b.data, b.size, &at, &c), STATUS_OK);
    cr_assert(c.table == CHANGE_OPERATIONS && c.removed && c.value == NULL && c.value_length == 0);
    cr_assert_arr_eq(c.key, "0123456789abcdef", 16);
    cr_assert_eq(change_next(b.data, b.size, &at, &c), STATUS_OK);
    cr_assert(c.table == CHANGE_STATE && !c.removed && c.value_length == 0, "empty is not removed");
    cr_assert_eq(change_next(b.data, b.size, &at, &c), STATUS_END);
    cr_assert_eq(at, b.size);
    buf_deinit(&b);
}

Test(change, bytes_are_as_documented) {
    buf b = {0};
    change_append(&b, CHANGE_ACCOUNTS, "\xAA\xBB", 2, "\x01\x02\x03", 3);
    static const uint8_t expected[] = {3, 2, 0, 0, 3, 0, 0, 0, 0xAA, 0xBB, 1, 2, 3};
    cr_assert_eq(b.size, sizeof expected);
    cr_assert_arr_eq(b.data, expected, sizeof expected);
    buf_clear(&b);
    change_append_removed(&b, CHANGE_POLICIES, "\x07", 1);
    static const uint8_t removed[] = {5, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 7};
    cr_assert_eq(b.size, sizeof removed);
    cr_assert_arr_eq(b.data, removed, sizeof removed);
    buf_deinit(&b);
}

Test(change, every_cut_is_noticed) {
    buf b = {0};
    change_append(&b, CHANGE_SUBJECTS, "key", 3, "value", 5);
    change c;
    for (size_t length = 1; length < b.size; length++) {
        size_t at = 0;
        cr_assert_eq(change_next(b.data, length, &at, &c), STATUS_CORRUPT, "cut at %zu", length);
        cr_assert_eq(at, 0);
    }
    size_t beyond = b.size + 1;
    cr_assert_eq(change_next(b.data, b.size, &beyond, &c), STATUS_CORRUPT);
    buf_deinit(&b);
}

Test(change, wrong_headers_are_corrupt) {
    static const struct {
        uint8_t header[CHANGE_HEADER];
        const char *what;
    } bad[] = {
        {{0, 1, 0, 0, 0, 0, 0, 0}, "table 0"},
        {{CHANGE_TABLE_END, 1, 0, 0, 0, 0, 0, 0}, "table beyond the last"},
        {{255, 1, 0, 0, 0, 0, 0, 0}, "table 255"},
        {{1, 0, 0, 0, 0, 0, 0, 0}, "no key"},
        {{1, LIMIT_KEY_BYTES + 1, 0, 0, 0, 0, 0, 0}, "long key"},
        {{1, 1, 1, 0, 0, 0, 0, 0}, "reserved byte"},
        {{1, 1, 0, 1, 0, 0, 0, 0}, "reserved byte"},
        {{1, 1, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF}, "length that wraps"},
        {{1, 1, 0, 0, 1, 0, 0x40, 0}, "value over the limit"},
    };
    uint8_t bytes[CHANGE_HEADER + LIMIT_KEY_BYTES + 64];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, bad[i].header, CHANGE_HEADER);
        size_t at = 0;
        change c;
        cr_assert_eq(change_next(bytes, sizeof bytes, &at, &c), STATUS_CORRUPT, "%s", bad[i].what);
    }
}

Test(change, any_bytes_are_read_safely) {
    uint64_t random = help_seed("change");
    for (unsigned round = 0; round < 20000; round++) {
        size_t length = help_below(&random, 200);
        uint8_t *bytes = malloc(length + 1); /* exact, so that a sanitizer sees a step too far */
        for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)help_below(&random, help_below(&random, 2) ? 8 : 256);
        size_t at = 0;
        change c;
        while (change_next(bytes, length, &at, &c) == STATUS_OK) {
            cr_assert_leq(at, length);
            cr_assert(c.key >= bytes && c.key + c.key_length <= bytes + length);
            if (!c.removed) cr_assert(c.value >= bytes && c.value + c.value_length <= bytes + length);
        }
        free(bytes);
    }
}

Test(change, tables_have_the_names_of_column_families) {
    cr_assert_str_eq(change_table_name(CHANGE_SUBJECTS), "subjects");
    cr_assert_str_eq(change_table_name(CHANGE_STATE), "state");
    cr_assert_null(change_table_name(0));
    cr_assert_null(change_table_name(CHANGE_TABLE_END));
}
