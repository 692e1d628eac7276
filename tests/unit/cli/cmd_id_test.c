#include "client/cli/cmd_id.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Arguments behind "id", ended by NULL. */
static int run(int json, ...) {
    char *argv[16] = {(char *)"id"};
    int argc = 1;
    va_list args;
    va_start(args, json);
    while (argc < 15 && (argv[argc] = va_arg(args, char *)) != NULL) argc++;
    va_end(args);
    int code = cmd_id(argc, argv, json != 0);
    fflush(stdout);
    return code;
}

static void feed(const char *bytes, size_t n) {
    FILE *f = tmpfile();
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, n, f), n);
    cr_assert_eq(fflush(f), 0);
    rewind(f);
    cr_assert_geq(dup2(fileno(f), STDIN_FILENO), 0);
    fclose(f);
}

static void redirect(void) {
    cr_redirect_stdout();
    cr_redirect_stderr();
}

/* ------------------------------------------------------------------ for people */

Test(cmd_id, a_person, .init = redirect) {
    cr_expect_eq(run(false, "check", "id:530000800101001", NULL), 0);
    cr_assert_stdout_eq_str("id:530000800101001  valid\n"
                            "  kind      person, resident ID\n"
                            "  division  530000 云南省 (province)\n"
                            "  born      1980-01-01, male\n"
                            "  number    id:530000198001010017\n"
                            "  bytes     0100000000bc4b3cb9461089\n");
}

Test(cmd_id, an_entity, .init = redirect) {
    cr_expect_eq(run(false, "check", "uscc:93532901ma00ttt25e", NULL), 0);
    cr_assert_stdout_eq_str("uscc:93532901ma00ttt25e  valid\n"
                            "  kind      entity, unified social credit code\n"
                            "  register  9 market regulation 市场监督管理\n"
                            "  category  3 farmers' cooperative 农民专业合作社\n"
                            "  division  532901 大理市 (county)\n"
                            "  number    uscc:93532901MA00TTT25E\n"
                            "  bytes     02057a1094823462320298a8\n");
}

Test(cmd_id, warnings_are_valid, .init = redirect) {
    cr_expect_eq(run(false, "check", "id:532101199001010015", "id:953840199001010025", NULL), 0);
    cr_assert_stdout_eq_str(
        "id:532101199001010015  valid, with a warning\n"
        "  division 532101 昭通地区昭通市 was retired (a warning: numbers keep the division they were issued in)\n"
        "  kind      person, resident ID\n"
        "  division  532101 昭通地区昭通市 (county, retired)\n"
        "  born      1990-01-01, male\n"
        "  number    id:532101199001010015\n"
        "  bytes     0100000000bd0a527719f989\n"
        "id:953840199001010025  valid\n"
        "  kind      person, foreign permanent resident's ID\n"
        "  division  530000 云南省 (province)\n"
        "  born      1990-01-01, female\n"
        "  number    id:953840199001010025\n"
        "  bytes     010000000152df42bf64f18a\n");
}

Test(cmd_id, one_invalid_number_makes_the_exit_status, .init = redirect) {
    cr_expect_eq(run(false, "check", "id:530000198502290010", "uscc:91310115MA1H8R7C6D", NULL), 1);
    cr_assert_stdout_eq_str("id:530000198502290010  invalid\n"
                            "  the birth date 1985-02-29 does not exist\n"
                            "uscc:91310115MA1H8R7C6D  invalid\n"
                            "  character 18 should be '7', not 'D': a digit was mistyped or two were exchanged\n");
}

#define KIND_MISSING                                                                                                   \
    "  the kind is missing: write id:NUMBER for a person's resident ID or permit, uscc:NUMBER for a unified social "   \
    "credit code\n"

Test(cmd_id, the_kind_is_not_guessed, .init = redirect) {
    /* the first is valid as a person's number and as a foundation's code */
    cr_expect_eq(run(false, "check", "530000199001010003", "91530000MA00TTT099", "5", NULL), 1);
    cr_assert_stdout_eq_str(
        "530000199001010003  invalid\n" KIND_MISSING "  it would be valid as id:530000199001010003\n"
        "  it would be valid as uscc:530000199001010003\n"
        "  it would be valid as either: only you can know which is meant\n"
        "91530000MA00TTT099  invalid\n" KIND_MISSING "  it would be valid as uscc:91530000MA00TTT099\n"
        "5  invalid\n" KIND_MISSING);
}

Test(cmd_id, control_characters_do_not_reach_the_terminal, .init = redirect) {
    char longest[1000];
    memset(longest, '\x1b', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cr_expect_eq(run(false, "check", "id:\x1b[31m\xff\n", NULL), 1);
    cr_expect_eq(run(false, "check", longest, NULL), 1);
    FILE *f = cr_get_redirected_stdout();
    char text[4096];
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    cr_expect_eq(strncmp(text, "id:\\x1b[31m\\xff\\x0a  invalid\n", 28), 0, "%s", text);
    cr_expect_null(memchr(text, 0x1b, n));
    cr_expect_lt(n, 1200);
}

/* ------------------------------------------------------------------ JSON */

static json_t *next_object(FILE *f) {
    json_error_t error;
    json_t *o = json_loadf(f, JSON_DISABLE_EOF_CHECK, &error);
    cr_assert_not_null(o, "%s", error.text);
    return o;
}

static const char *member(json_t *o, const char *key) {
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "(none)";
}

Test(cmd_id, json, .init = redirect) {
    cr_expect_eq(run(true, "check", "id:53000019900101002x", "uscc:N2533102MF00TE0872", "530000199001010003",
                     "uscc:91310115MA1H8R7C6D", "id:\"\x01\xff", NULL),
                 1);
    FILE *f = cr_get_redirected_stdout();
    json_t *o = next_object(f);
    cr_expect(json_is_true(json_object_get(o, "valid")));
    cr_expect_str_eq(member(o, "input"), "id:53000019900101002x");
    cr_expect_str_eq(member(o, "subject"), "id:53000019900101002X");
    cr_expect_str_eq(member(o, "kind"), "person");
    cr_expect_str_eq(member(o, "birth_date"), "1990-01-01");
    cr_expect_str_eq(member(o, "sex"), "female");
    cr_expect_str_eq(member(json_object_get(o, "division"), "name"), "云南省");
    json_decref(o);
    o = next_object(f);
    cr_expect_str_eq(member(o, "kind"), "entity");
    cr_expect_str_eq(member(json_object_get(o, "authority"), "title"), "农业");
    cr_expect_str_eq(member(json_object_get(o, "category"), "name"), "village collective");
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(o, "division"), "code")), 533102);
    cr_expect_eq(strlen(member(o, "bytes")), 24);
    json_decref(o);
    o = next_object(f);
    cr_expect(json_is_false(json_object_get(o, "valid")));
    cr_expect_str_eq(member(o, "verdict"), "bad_prefix");
    cr_expect_eq(json_array_size(json_object_get(o, "would_be_valid_as")), 2);
    json_decref(o);
    o = next_object(f);
    cr_expect_str_eq(member(o, "verdict"), "bad_check");
    cr_expect_str_eq(member(o, "expected"), "7");
    cr_expect_eq(json_integer_value(json_object_get(o, "position")), 18);
    json_decref(o);
    o = next_object(f);
    cr_expect_str_eq(member(o, "input"), "id:\"\x01\xEF\xBF\xBD");
    cr_expect_str_eq(member(o, "verdict"), "bad_length");
    json_decref(o);
}

/* ------------------------------------------------------------------ standard input */

Test(cmd_id, numbers_from_standard_input, .init = redirect) {
    static const char input[] =
        "\xEF\xBB\xBFid:530000199001010011\r\n\n \t\n  uscc:91530000MA00TTT099 \nid:53000019900101002X";
    feed(input, sizeof input - 1);
    cr_expect_eq(run(true, "check", "-", NULL), 0);
    FILE *f = cr_get_redirected_stdout();
    static const char *const expected[] = {"id:530000199001010011", "uscc:91530000MA00TTT099", "id:53000019900101002X"};
    for (size_t i = 0; i < 3; i++) {
        json_t *o = next_object(f);
        cr_expect_str_eq(member(o, "subject"), expected[i]);
        json_decref(o);
    }
    cr_expect_eq(fgetc(f), '\n');
    cr_expect_eq(fgetc(f), EOF);
}

Test(cmd_id, long_lines_and_zero_bytes_are_refused_one_by_one, .init = redirect) {
    static char input[70000];
    memset(input, '5', sizeof input);
    memcpy(input, "id:", 3);
    static const char tail[] = "\nid:5300001990\0010100\n"
                               "id:530000199001010011\0x\n"
                               "id:530000199001010011\n";
    memcpy(input + sizeof input - (sizeof tail - 1), tail, sizeof tail - 1);
    feed(input, sizeof input);
    cr_expect_eq(run(true, "check", "-", NULL), 1);
    FILE *f = cr_get_redirected_stdout();
    static const char *const verdicts[] = {"bad_length", "bad_char", "bad_length", "valid"};
    for (size_t i = 0; i < 4; i++) {
        json_t *o = next_object(f);
        cr_expect_str_eq(member(o, "verdict"), verdicts[i], "line %zu: %s", i, member(o, "verdict"));
        json_decref(o);
    }
    cr_expect_eq(fgetc(f), '\n');
    cr_expect_eq(fgetc(f), EOF);
}

/* ------------------------------------------------------------------ usage */

Test(cmd_id, usage, .init = redirect) {
    feed("\n \n", 3);
    cr_expect_eq(run(false, NULL), 2);
    cr_expect_eq(run(false, "check", NULL), 2);
    cr_expect_eq(run(false, "chek", "id:5", NULL), 2);
    cr_expect_eq(run(false, "id:530000199001010011", NULL), 2);
    cr_expect_eq(run(false, "check", "-", "id:530000199001010011", NULL), 2);
    cr_expect_eq(run(false, "check", "--jsn", "id:530000199001010011", NULL), 2);
    cr_expect_eq(run(false, "check", "-", NULL), 2); /* nothing there */
    cr_assert_stdout_eq_str("");
}

Test(cmd_id, help_and_options_anywhere, .init = redirect) {
    cr_expect_eq(run(false, "--help", NULL), 0);
    cr_assert_stdout_eq_str(cmd_id_help);
}

Test(cmd_id, json_option, .init = redirect) {
    cr_expect_eq(run(false, "check", "uscc:91530000MA00TTT099", "--json", "--", "--x", NULL), 1);
    FILE *f = cr_get_redirected_stdout();
    json_t *o = next_object(f);
    cr_expect_str_eq(member(o, "verdict"), "valid");
    json_decref(o);
    o = next_object(f);
    cr_expect_str_eq(member(o, "input"), "--x");
    json_decref(o);
}
