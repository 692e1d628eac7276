/* Exit codes follow the class of a status, so a status added to the table needs nothing here. */
#include "client/cli/cli.h"

#include "base/clock.h"
#include "base/purpose.h"
#include "base/status.h"
#include "client/cli/suggest.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_init(cli *c) {
    *c = (cli){.server = getenv("XINYI_SERVER"), .command = ""};
    if (c->server == NULL || c->server[0] == '\0') c->server = "127.0.0.1:7420";
    /* Titles are Chinese: without a UTF-8 locale libsmartcols would print them as hex. */
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    c->color =
        isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
    c->today = clock_day_of_ms(clock_wall_ms());
}

void cli_deinit(cli *c) {
    xinyi_close(&c->x);
    jout_deinit(&c->out);
}

__attribute__((format(printf, 2, 0))) static void say(const cli *c, const char *format, va_list args) {
    fflush(stdout);
    fprintf(stderr, "xinyi%s%s: ", c->command[0] != '\0' ? " " : "", c->command);
    vfprintf(stderr, format, args);
}

void cli_error(const cli *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(c, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int cli_usage(const cli *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(c, format, args);
    va_end(args);
    int word = (int)strcspn(c->command, " ");
    fprintf(stderr, " (see: xinyi help%s%.*s)\n", word > 0 ? " " : "", word, c->command);
    return CLI_EXIT_USAGE;
}

int cli_no_memory(const cli *c) {
    cli_error(c, "%s", status_text(STATUS_NO_MEMORY));
    return CLI_EXIT_REFUSED;
}

int cli_exit_of(int code) {
    if (code == 0) return CLI_EXIT_DONE;
    switch (status_classify((unsigned)code)) {
    case STATUS_CLASS_DONE: return CLI_EXIT_DONE;
    case STATUS_CLASS_AGAIN:
    case STATUS_CLASS_REFUSED: return CLI_EXIT_REFUSED;
    case STATUS_CLASS_UNKNOWN: return CLI_EXIT_NO_CONNECTION;
    case STATUS_CLASS_LOCAL: break;
    }
    return code == STATUS_NO_CONNECTION || code == STATUS_TIMEOUT || code == STATUS_CLOSED ? CLI_EXIT_NO_CONNECTION
                                                                                           : CLI_EXIT_REFUSED;
}

int cli_exit_of_many(size_t done, size_t failed) {
    if (failed == 0) return CLI_EXIT_DONE;
    return done == 0 ? CLI_EXIT_REFUSED : CLI_EXIT_PARTLY;
}

int cli_connect_pipelined(cli *c, uint32_t max_in_flight) {
    if (c->x != NULL) return CLI_EXIT_DONE;
    xinyi_options options = {.cluster = c->cluster,
                             .agent = "xinyi/" CLI_VERSION,
                             .timeout_ms = c->timeout_ms,
                             .max_in_flight = max_in_flight};
    int code = xinyi_connect(c->server, &options, &c->x);
    if (code == 0) return CLI_EXIT_DONE;
    const char *why = xinyi_last_error(NULL);
    cli_error(c, "%s", why != NULL && why[0] != '\0' ? why : xinyi_status_text(code));
    return cli_exit_of(code);
}

int cli_connect(cli *c) { return cli_connect_pipelined(c, 0); }

int cli_failed(const cli *c, int code) {
    const char *why = c->x == NULL ? NULL : xinyi_last_error(c->x);
    cli_error(c, "%s", why != NULL && why[0] != '\0' ? why : xinyi_status_text(code));
    return cli_exit_of(code);
}

int cli_finish(cli *c, int code) {
    errno = 0;
    if (jout_flush(&c->out)) return code;
    cli_error(c, "cannot write to standard output: %s", errno != 0 ? strerror(errno) : "output error");
    return CLI_EXIT_REFUSED;
}

const char *cli_paint(const cli *c, const char *code) {
    static char turns[4][16]; /* several in one printf */
    static unsigned turn;
    if (!c->color) return "";
    char *text = turns[turn++ % 4];
    snprintf(text, sizeof turns[0], "\033[%sm", code);
    return text;
}

int cli_subject(const cli *c, const char *text, xinyi_subject *out) {
    subject_id id;
    subject_finding finding = subject_parse(text, strlen(text), c->today, &id);
    if (subject_verdict_is_error(finding.verdict)) {
        char why[256];
        return cli_usage(c, "'%s': %s", text, subject_explain(&finding, text, why, sizeof why));
    }
    memcpy(out->bytes, id.bytes, sizeof out->bytes);
    return 0;
}

int cli_subjects(const cli *c, int count, char **texts, xinyi_subject **out) {
    *out = NULL;
    if (count <= 0) return cli_usage(c, "which subject? Give one or more ids, such as uscc:91530000MA00TTT099");
    xinyi_subject *subjects = calloc((size_t)count, sizeof *subjects);
    if (subjects == NULL) return cli_no_memory(c);
    for (int i = 0; i < count; i++) {
        int code = cli_subject(c, texts[i], &subjects[i]);
        if (code != 0) {
            free(subjects);
            return code;
        }
    }
    *out = subjects;
    return 0;
}

const char *cli_subject_text(const xinyi_subject *subject, char buffer[SUBJECT_TEXT]) {
    subject_id id;
    memcpy(id.bytes, subject->bytes, sizeof id.bytes);
    return subject_format(&id, buffer);
}

int cli_purpose(const cli *c, const char *text, unsigned usual, unsigned *out) {
    *out = text == NULL ? usual : purpose_find(text);
    if (*out != PURPOSE_NONE) return 0;
    if (text == NULL)
        return cli_usage(c, "this scenario has no usual purpose: name one with --purpose; there are" CLI_PURPOSES);
    char near[SUGGEST_TEXT];
    suggest s = {.word = text};
    for (unsigned code = 1; code < PURPOSE_END; code++) suggest_offer(&s, purpose_name(code));
    return cli_usage(c, "unknown purpose '%s'%s%s there are" CLI_PURPOSES, text, suggest_text(&s, near),
                     s.best == NULL ? ";" : "");
}
