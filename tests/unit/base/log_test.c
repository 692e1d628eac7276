/* What log_event writes to stderr, byte for byte but for the time. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int ends[2], kept;

/* stderr goes into a pipe while a test writes its line. */
static void capture(void) {
    cr_assert_eq(pipe(ends), 0);
    kept = dup(STDERR_FILENO);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
}

static const char *captured(void) {
    static char line[16384];
    cr_assert_eq(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    cr_assert_geq(n, 0);
    line[n] = '\0';
    close(ends[0]);
    close(kept);
    return line;
}

/* The line behind the time. */
static const char *json_of(const char *message) {
    log_setup(LOG_INFO, true);
    capture();
    log_event(LOG_WARN, "tested", "%s", message);
    const char *line = captured();
    static const char head[] = "{\"time\":\"";
    cr_assert_eq(strncmp(line, head, sizeof head - 1), 0, "%s", line);
    const char *rest = strstr(line, "\",\"level\":");
    cr_assert_not_null(rest, "%s", line);
    return rest + 2;
}

#define HEAD "\"level\":\"warn\",\"event\":\"tested\""

Test(log, pairs_become_members) {
    static const struct {
        const char *message, *members;
    } V[] = {
        {"listen=127.0.0.1:7420 subjects=1000000", ",\"listen\":\"127.0.0.1:7420\",\"subjects\":1000000"},
        {"seconds=0.25 delta=-7 zero=0", ",\"seconds\":0.25,\"delta\":-7,\"zero\":0"},
        {"version=007 hash=1e5 half=.5 dot=5. minus=- port=:1",
         ",\"version\":\"007\",\"hash\":\"1e5\",\"half\":\".5\",\"dot\":\"5.\",\"minus\":\"-\",\"port\":\":1\""},
        {"id=123456789012345 more=1234567890123456", ",\"id\":123456789012345,\"more\":\"1234567890123456\""},
        {"reason=\"no space left\" next_try_s=4", ",\"reason\":\"no space left\",\"next_try_s\":4"},
        {"a=\"\" b= c=\"5\"", ",\"a\":\"\",\"b\":\"\",\"c\":\"5\""},
        {"reason=\"the file \"a b\" is damaged\" n=1", ",\"reason\":\"the file \\\"a b\\\" is damaged\",\"n\":1"},
        {"reason=\"ends with \"x\"\"", ",\"reason\":\"ends with \\\"x\\\"\""},
        {"path=\"C:\\x\" name=曲靖", ",\"path\":\"C:\\\\x\",\"name\":\"曲靖\""},
        {"reason=\"two\nlines\"", ",\"reason\":\"two\\u000alines\""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof V / sizeof *V; i++) {
        char want[512];
        snprintf(want, sizeof want, HEAD "%s}\n", V[i].members);
        cr_expect_str_eq(json_of(V[i].message), want, "'%s'", V[i].message);
    }
}

Test(log, everything_else_is_a_message) {
    static const struct {
        const char *message, *text;
    } V[] = {
        {"loan.yaml:3:1: unknown key 'x'", "loan.yaml:3:1: unknown key 'x'"},
        {"a=1 and more", "a=1 and more"},
        {"a=1  b=2", "a=1  b=2"},
        {"A=1", "A=1"},
        {"=1", "=1"},
        {"a", "a"},
        {"reason=\"no end", "reason=\\\"no end"},
        {"time=5", "time=5"},
        {"n=1 level=error", "n=1 level=error"},
        {"bad \xff\xc3 bytes \xe4\xb8", "bad \xEF\xBF\xBD\xEF\xBF\xBD bytes \xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof V / sizeof *V; i++) {
        char want[512];
        snprintf(want, sizeof want, HEAD ",\"message\":\"%s\"}\n", V[i].text);
        cr_expect_str_eq(json_of(V[i].message), want, "'%s'", V[i].message);
    }
}

Test(log, nothing_is_too_long) {
    char message[5000];
    memset(message, 1, sizeof message);
    message[sizeof message - 1] = '\0';
    const char *line = json_of(message);
    size_t length = strlen(line);
    cr_assert(length > 4 * 2000 && strcmp(line + length - 3, "\"}\n") == 0);
    memcpy(message, "a=\"", 3);
    line = json_of(message); /* cut, so its closing quote is missing */
    length = strlen(line);
    cr_assert(strstr(line, "\"message\":\"a=") != NULL && strcmp(line + length - 3, "\"}\n") == 0);
}

Test(log, text_is_one_line) {
    log_setup(LOG_INFO, false);
    capture();
    log_event(LOG_DEBUG, "not", "wanted=1");
    log_event(LOG_ERROR, "tested", "reason=\"%s\" n=%d", "a\nb\r\x01", 5);
    const char *line = captured();
    cr_assert_str_eq(strchr(line, ' '), " error tested reason=\"a b  \" n=5\n");
    capture();
    log_event(LOG_INFO, "tested", "%s", "");
    cr_assert_str_eq(strchr(captured(), ' '), " info  tested\n");
}
