/* What every command needs: global options, the connection, messages, exit codes. One `cli` per run, one thread.
 *
 * A command is one row of CLI_COMMANDS in command.h and one function `int cmd_NAME(cli *c, int argc, char **argv)`
 * (argv[0] the command's name) that returns an exit code. Results go to stdout, everything else to stderr. */
#ifndef XINYI_CLI_CLI_H
#define XINYI_CLI_CLI_H

#include "base/purpose.h"
#include "base/subject.h"
#include "base/version.h"
#include "client/cli/jout.h"
#include "client/xinyi.h"

#include <stdbool.h>
#include <stdint.h>

#define CLI_VERSION XINYI_VERSION

enum {
    CLI_EXIT_DONE = 0,
    CLI_EXIT_REFUSED = 1, /* the server said no, or this machine could not (files, memory) */
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_NO_CONNECTION = 3, /* not reached, lost, or no answer in time */
    CLI_EXIT_PARTLY = 4,
};

typedef struct cli {
    const char *server;  /* HOST:PORT */
    const char *cluster; /* NULL: any */
    uint32_t timeout_ms; /* 0: the library's */
    bool json, help;
    bool color;          /* stdout is a terminal that may be coloured */
    const char *command; /* for messages: "quota reserve" */
    int32_t today;
    xinyi *x; /* NULL until cli_connect */
    jout out;
} cli;

/* From the environment: XINYI_SERVER, NO_COLOR, locale. */
void cli_init(cli *c);
void cli_deinit(cli *c);

/* "xinyi COMMAND: …" on stderr. */
void cli_error(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with a pointer to the command's help. Returns CLI_EXIT_USAGE. */
int cli_usage(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_no_memory(const cli *c);

/* Connects once; 0, or an exit code after a message. max_in_flight 0: the library's. */
int cli_connect(cli *c);
int cli_connect_pipelined(cli *c, uint32_t max_in_flight);
/* Says why a call failed and returns the exit code for it. */
int cli_failed(const cli *c, int code);
/* The exit code of a status, of an entry or of a call. */
int cli_exit_of(int code);
/* Of many entries: all well, none, or some. */
int cli_exit_of_many(size_t done, size_t failed);
/* Flushes stdout; a failure to write turns `code` into CLI_EXIT_REFUSED with a message. */
int cli_finish(cli *c, int code);

/* An escape sequence for stdout, or "" where colours are off: cli_paint(c, "31"), cli_paint(c, "0"). */
const char *cli_paint(const cli *c, const char *code);

/* ID argument: 0, or CLI_EXIT_USAGE after a message. */
int cli_subject(const cli *c, const char *text, xinyi_subject *out);
/* All of them, into an array that the caller frees; 0 or an exit code after a message. */
int cli_subjects(const cli *c, int count, char **texts, xinyi_subject **out);
const char *cli_subject_text(const xinyi_subject *subject, char buffer[SUBJECT_TEXT]);
/* All purposes by name: " loan_review travel_service …", for help and messages. */
#define CLI_PURPOSE_NAME(NAME, code, name, title) " " name
#define CLI_PURPOSES PURPOSE_TABLE(CLI_PURPOSE_NAME)
/* Purpose by name; `text` NULL gives `usual`. */
int cli_purpose(const cli *c, const char *text, unsigned usual, unsigned *out);

#endif
