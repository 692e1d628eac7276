#include "client/cli/option.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cli c;
static void setup(void) {
    unsetenv("XINYI_SERVER");
    cli_init(&c);
    c.command = "test";
    cr_redirect_stderr();
}
static void teardown(void) { cli_deinit(&c); }
TestSuite(option, .init = setup, .fini = teardown);

/* "xinyi get a" as argc and argv, writable as main's are. */
static char words[256];
static char *argv[32];
static int argc;
static void line(const char *text) {
    snprintf(words, sizeof words, "%s", text);
    argc = 0;
    for (char *p = words; *p != '\0';) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        if (*p == ' ') *p++ = '\0';
    }
    argv[argc] = NULL;
}

Test(option, globals_on_both_sides) {
    line("xinyi --json get a --server h:1 --timeout=250 b --cluster x");
    cr_assert_eq(option_globals(&c, &argc, argv), 0);
    cr_assert_eq(argc, 4);
    cr_expect_str_eq(argv[1], "get");
    cr_expect_str_eq(argv[2], "a");
    cr_expect_str_eq(argv[3], "b");
    cr_expect_null(argv[4]);
    cr_expect(c.json);
    cr_expect_str_eq(c.server, "h:1");
    cr_expect_str_eq(c.cluster, "x");
    cr_expect_eq(c.timeout_ms, 250);
}

Test(option, nothing_is_global_behind_two_dashes) {
    line("xinyi get -- --json");
    cr_assert_eq(option_globals(&c, &argc, argv), 0);
    cr_expect_eq(argc, 4);
    cr_expect_not(c.json);
}

Test(option, global_mistakes) {
    static const char *const wrong[] = {"xinyi --server", "xinyi get --timeout soon", "xinyi --timeout 0",
                                        "xinyi --timeout=99999999", "xinyi --json=yes"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        line(wrong[i]);
        cr_expect_eq(option_globals(&c, &argc, argv), CLI_EXIT_USAGE, "%s", wrong[i]);
    }
}

static bool flag;
static const char *value;
static int first;
static int parse(const char *text) {
    const option_spec specs[] = {{"csv", &flag, NULL}, {"scenario", NULL, &value}, OPTION_END};
    line(text);
    flag = false;
    value = NULL;
    return option_parse(&c, argc, argv, specs, &first);
}

Test(option, flags_values_and_positionals_in_any_order) {
    cr_assert_eq(parse("evaluate a --scenario loan b --csv c"), 0);
    cr_expect(flag);
    cr_expect_str_eq(value, "loan");
    cr_assert_eq(argc - first, 3);
    cr_expect_str_eq(argv[first], "a");
    cr_expect_str_eq(argv[first + 2], "c");
    /* again, with the state of the call before gone */
    cr_assert_eq(parse("evaluate --scenario=travel -- --csv"), 0);
    cr_expect_not(flag);
    cr_expect_str_eq(value, "travel");
    cr_expect_eq(argc - first, 1);
    /* a lone dash is a positional argument: standard input */
    cr_assert_eq(parse("import -"), 0);
    cr_expect_eq(argc - first, 1);
}

Test(option, mistakes_suggest) {
    cr_expect_eq(parse("evaluate --scenaro loan"), CLI_EXIT_USAGE);
    cr_expect_eq(parse("evaluate x --scenario"), CLI_EXIT_USAGE);
    cr_expect_eq(parse("evaluate -x"), CLI_EXIT_USAGE);
    cr_expect_eq(parse("evaluate --csv=1"), CLI_EXIT_USAGE);
    fflush(stderr);
    cr_assert_stderr_eq_str(
        "xinyi test: unknown option '--scenaro'; did you mean '--scenario'? (see: xinyi help test)\n"
        "xinyi test: --scenario needs a value (see: xinyi help test)\n"
        "xinyi test: unknown option '-x' (see: xinyi help test)\n"
        "xinyi test: --csv takes no value (see: xinyi help test)\n");
}

Test(option, exit_codes_follow_the_class) {
    cr_expect_eq(cli_exit_of(STATUS_OK), CLI_EXIT_DONE);
    cr_expect_eq(cli_exit_of(STATUS_OVERLOADED), CLI_EXIT_REFUSED);
    cr_expect_eq(cli_exit_of(STATUS_LIMIT_EXCEEDED), CLI_EXIT_REFUSED);
    cr_expect_eq(cli_exit_of(199), CLI_EXIT_REFUSED); /* a code of a newer server */
    cr_expect_eq(cli_exit_of(STATUS_OUTCOME_UNKNOWN), CLI_EXIT_NO_CONNECTION);
    cr_expect_eq(cli_exit_of(STATUS_NO_CONNECTION), CLI_EXIT_NO_CONNECTION);
    cr_expect_eq(cli_exit_of(STATUS_TIMEOUT), CLI_EXIT_NO_CONNECTION);
    cr_expect_eq(cli_exit_of(STATUS_CLOSED), CLI_EXIT_NO_CONNECTION);
    cr_expect_eq(cli_exit_of(STATUS_NO_MEMORY), CLI_EXIT_REFUSED);
    cr_expect_eq(cli_exit_of_many(3, 0), CLI_EXIT_DONE);
    cr_expect_eq(cli_exit_of_many(0, 3), CLI_EXIT_REFUSED);
    cr_expect_eq(cli_exit_of_many(1, 3), CLI_EXIT_PARTLY);
}
