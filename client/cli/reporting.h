/* What the commands that report have in common: their options, the report's id, sending it, telling what became of it.
 *
 * The id exists before anything is sent and is told whenever the outcome is in doubt: the same command with --id is
 * safe to repeat. */
#ifndef XINYI_CLI_REPORTING_H
#define XINYI_CLI_REPORTING_H

#include "client/cli/cli.h"
#include "client/cli/rulebook.h"
#include "client/cli/sheet.h"

/* What an action takes beside ID --source --id --ref --purpose. */
enum {
    REPORTING_DAY = 1 << 0,
    REPORTING_TYPE = 1 << 1,     /* --type, --matter, or the list as the first argument */
    REPORTING_TARGET = 1 << 2,   /* --target */
    REPORTING_MINUTES = 1 << 3,  /* --minutes or --hours */
    REPORTING_UNTIL = 1 << 4,    /* --until */
    REPORTING_DEADLINE = 1 << 5, /* --deadline */
};

typedef struct reporting_action {
    const char *name, *title; /* "add", "record add" */
    unsigned kind;            /* XINYI_RECORD_ADD … */
    unsigned takes;
    /* of things that may be found without --target: only one can be meant */
    const char *target_kind;   /* "commitment" of the dossier's items; NULL: --target must be given */
    const char *target_states; /* " accepted extended " */
} reporting_action;

int reporting_run(cli *c, const reporting_action *a, rulebook_part part, int argc, char **argv);

/* Sends one report and tells what became of it; an exit code. */
int reporting_send(cli *c, const xinyi_report_entry *r);

/* 32 hexadecimal digits are an id as it is, anything else of 1 to 16 bytes is its text, zero bytes behind it. */
bool reporting_parse_id(const char *text, size_t length, xinyi_operation_id *out);
/* As it is written: the text if it is one that can be shown, else hexadecimal digits. Returns buffer. */
#define REPORTING_ID_TEXT 36
const char *reporting_format_id(const xinyi_operation_id *id, char buffer[REPORTING_ID_TEXT]);
/* The same of the 32 digits that documents have. */
const char *reporting_show_id(const char *hex, char buffer[REPORTING_ID_TEXT]);

/* YYYY-MM-DD as a day of the protocol; false if it is none. */
bool reporting_parse_day(const char *text, size_t length, uint16_t *day);

/* Hours that are whole in minutes, with up to two decimals: "4", "1.5", "0.25"; at least a minute. */
bool reporting_parse_hours(const char *text, size_t length, uint32_t *minutes);

const char *reporting_kind_name(unsigned kind); /* "record_add" */

/* All pages of a part of a subject's dossier as one document, its `items` together. 0, or an exit code after a message.
 */
int reporting_dossier(cli *c, unsigned asked_for, unsigned part, const xinyi_subject *subject, json_t **out);

/* Members of an object of a document as texts: "" if missing or null, whole numbers in digits. Returns buffer, or a
 * string of the document. */
#define REPORTING_MEMBER 32
const char *reporting_member(const json_t *object, const char *key, char buffer[REPORTING_MEMBER]);
/* The same source and title, "1 tax_bureau". */
const char *reporting_source(const json_t *object, char buffer[96]);

/* For an action word: the arguments of "ID [--purpose NAME]", then the dossier's part, printed as one document with
 * --json. *document NULL: done already. 0, or an exit code after a message. */
int reporting_list(cli *c, unsigned part, int argc, char **argv, json_t **document);

/* A part of the catalogue as a table of these members, or with --json one object a line. Arrays are joined with blanks,
 * of objects their keys. */
int reporting_catalogue(cli *c, rulebook_part part, const sheet_column *columns, const char *const *members,
                        size_t count);

typedef struct reporting_word {
    const char *name, *title;
    int (*run)(cli *c, int argc, char **argv);
} reporting_word;
/* Runs the action that argv[1] names. */
int reporting_dispatch(cli *c, const reporting_action *actions, size_t action_count, rulebook_part part,
                       const reporting_word *words, size_t word_count, int argc, char **argv);

#endif
