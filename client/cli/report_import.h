/* record import and service import: a CSV file of reports.
 *
 * Rows are sent in their order, some thousands at a time, and each batch is on disk before the next is sent. Every row
 * has the source's own id, so importing a file again, or after an interruption, counts nothing twice. When the server
 * asks to try again, everything from the first such row on is sent again. One thread. */
#ifndef XINYI_CLI_REPORT_IMPORT_H
#define XINYI_CLI_REPORT_IMPORT_H

#include "client/cli/cli.h"
#include "client/cli/csv.h"
#include "client/cli/rulebook.h"

typedef enum report_import_kind { REPORT_IMPORT_RECORDS, REPORT_IMPORT_SERVICE } report_import_kind;

int report_import_run(cli *c, report_import_kind kind, int argc, char **argv);

/*  X(NAME, name) */
#define REPORT_COLUMNS(X)                                                                                              \
    X(SUBJECT, "subject")                                                                                              \
    X(ID, "id")                                                                                                        \
    X(DAY, "day")                                                                                                      \
    X(REF, "ref")                                                                                                      \
    X(TYPE, "type")                                                                                                    \
    X(ACTION, "action")                                                                                                \
    X(TARGET, "target")                                                                                                \
    X(MINUTES, "minutes")                                                                                              \
    X(HOURS, "hours")
typedef enum report_column {
#define X(NAME, name) REPORT_COLUMN_##NAME,
    REPORT_COLUMNS(X)
#undef X
        REPORT_COLUMN_COUNT
} report_column;

typedef struct report_columns {
    report_import_kind kind;
    size_t count;
    int16_t at[REPORT_COLUMN_COUNT]; /* -1: not there */
} report_columns;

/* Understands the header. False with one sentence in `why`. */
bool report_columns_from_header(report_import_kind kind, const csv_record *header, report_columns *out, char *why,
                                size_t room);
/* A row as a report, without source and purpose; `book` has the record types. False with one sentence in `why`. */
bool report_columns_parse(const report_columns *k, const csv_record *row, const rulebook *book, int32_t today,
                          xinyi_report_entry *out, char *why, size_t room);

#endif
