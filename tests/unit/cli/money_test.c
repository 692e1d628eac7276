#include "base/limits.h"
#include "client/cli/money.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static int64_t fen(const char *text) {
    int64_t value = -1;
    const char *why = NULL;
    cr_assert(money_parse(text, &value, &why), "'%s' %s", text, why);
    return value;
}

static const char *refused(const char *text) {
    int64_t value = 77;
    const char *why = NULL;
    cr_assert(!money_parse(text, &value, &why), "'%s' was taken as %lld", text, (long long)value);
    cr_assert_eq(value, 77, "'%s' wrote a value although it was refused", text);
    return why;
}

Test(money, parses_yuan_exactly) {
    cr_expect_eq(fen("1000000"), 100000000);
    cr_expect_eq(fen("0"), 0);
    cr_expect_eq(fen("0.01"), 1);
    cr_expect_eq(fen("0.1"), 10);
    cr_expect_eq(fen("12.34"), 1234);
    cr_expect_eq(fen("12.340000"), 1234);
    cr_expect_eq(fen("12.00"), 1200);
    cr_expect_eq(fen("¥12.5"), 1250);
    cr_expect_eq(fen("¥12.5"), 1250);
    cr_expect_eq(fen("3元"), 300);
    cr_expect_eq(fen("1,000,000.00"), 100000000);
    cr_expect_eq(fen("12,345"), 1234500);
    /* what floating point gets wrong */
    cr_expect_eq(fen("4.35"), 435);
    cr_expect_eq(fen("1.15"), 115);
    cr_expect_eq(fen("8999999999999.99"), 899999999999999);
}

Test(money, parses_ten_thousands_and_hundred_millions) {
    cr_expect_eq(fen("100万"), 100000000);
    cr_expect_eq(fen("1.5亿"), 15000000000);
    cr_expect_eq(fen("0.01亿"), 100000000);
    cr_expect_eq(fen("1.005万元"), 1005000);
    cr_expect_eq(fen("1.234567万"), 1234567);
    cr_expect_eq(fen("0.000001万"), 1);
    cr_expect_eq(fen("1,000万"), 1000000000);
    cr_expect_eq(fen("100亿"), 1000000000000);
}

Test(money, refuses_what_is_no_amount) {
    static const char *const bad[] = {"",          " ",     "abc",  "-1",       "+1",     "1e6",     "1.",
                                      ".5",        "1..2",  "1,00", "1,0000",   ",100",   "1,,000",  "100,",
                                      "1 000",     "1万万", "万",   "1.2.3",    "0x10",   "1 元",    "¥",
                                      "12,34,567", "nan",   "inf",  "1,000,00", "100 万", "1000,000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(strstr(refused(bad[i]), "not an amount") != NULL, "'%s'", bad[i]);
}

Test(money, refuses_fractions_of_a_fen) {
    cr_expect(strstr(refused("1.234"), "finer") != NULL);
    cr_expect(strstr(refused("0.001"), "finer") != NULL);
    cr_expect(strstr(refused("1.2345678万"), "finer") != NULL);
}

Test(money, refuses_more_than_the_limit) {
    char text[64];
    cr_expect_eq(fen("10000000000000"), LIMIT_AMOUNT_FEN);
    cr_expect(strstr(refused("10000000000000.01"), "more than") != NULL);
    cr_expect(strstr(refused("99999999999999999999999999999999"), "more than") != NULL);
    cr_expect(strstr(refused("18446744073709551616"), "more than") != NULL); /* 2^64: must not wrap to 0 */
    cr_expect(strstr(refused("184467440737095517亿"), "more than") != NULL);
    snprintf(text, sizeof text, "0.%040d1亿", 0);
    cr_expect(strstr(refused(text), "than") != NULL);
}

Test(money, formats_with_separators) {
    char text[MONEY_TEXT];
    cr_expect_str_eq(money_format(1000000000, text), "¥10,000,000.00");
    cr_expect_str_eq(money_format(0, text), "¥0.00");
    cr_expect_str_eq(money_format(5, text), "¥0.05");
    cr_expect_str_eq(money_format(99999, text), "¥999.99");
    cr_expect_str_eq(money_format(100000, text), "¥1,000.00");
    cr_expect_str_eq(money_format(-5, text), "-¥0.05");
    cr_expect_str_eq(money_format(-123456789, text), "-¥1,234,567.89");
    cr_expect_str_eq(money_format(INT64_MAX, text), "¥92,233,720,368,547,758.07");
    cr_expect_str_eq(money_format(INT64_MIN, text), "-¥92,233,720,368,547,758.08");
    cr_expect_str_eq(money_format_count(1234567, text), "1,234,567");
    cr_expect_str_eq(money_format_count(-999, text), "-999");
}

Test(money, what_is_formatted_parses_to_the_same) {
    static const int64_t values[] = {0, 1, 10, 99, 100, 99999, 100000, 123456789012, LIMIT_AMOUNT_FEN};
    char text[MONEY_TEXT];
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        cr_expect_eq(fen(money_format(values[i], text)), values[i], "%s", text);
}

Test(money, counts) {
    int64_t value = 5;
    uint64_t wide = 5;
    cr_expect(money_parse_count("0", 1, 10, &value) && value == 0);
    cr_expect(money_parse_count("10", 2, 10, &value) && value == 10);
    cr_expect(!money_parse_count("11", 2, 10, &value));
    cr_expect(!money_parse_count("", 0, 10, &value));
    cr_expect(!money_parse_count("1a", 2, 100, &value));
    cr_expect(!money_parse_count("-1", 2, 100, &value));
    cr_expect(!money_parse_count("9223372036854775808", 19, INT64_MAX, &value));
    cr_expect(money_parse_count("9223372036854775807", 19, INT64_MAX, &value) && value == INT64_MAX);
    cr_expect(money_parse_u64("18446744073709551615", 20, &wide) && wide == UINT64_MAX);
    cr_expect(!money_parse_u64("18446744073709551616", 20, &wide));
}

Test(money, counts_with_separators) {
    int64_t value;
    cr_expect(money_parse_grouped("1200000", 2000000, &value) && value == 1200000);
    cr_expect(money_parse_grouped("1,200,000", 2000000, &value) && value == 1200000);
    cr_expect(money_parse_grouped("0", 10, &value) && value == 0);
    static const char *const bad[] = {
        "", ",", "1,20", "1200,000", ",000", "1,,000", "1,000 ", "-1", "2000001", "1.5", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(!money_parse_grouped(bad[i], 2000000, &value), "'%s'", bad[i]);
}
