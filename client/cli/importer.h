/* Import: rows of CSV become PUT batches and, behind them on the same connection, guarantee operations.
 *
 * Rows are collected into batches that are sent ahead of their answers and retired in order, so rejects come out in the
 * order of the file and "so many rows are certain" is always true of a beginning of it.
 *
 * Importing the same file twice changes nothing: profile fields are absolute, and of the accounts, which are read
 * before the first row with account columns, only what differs is sent — energy that is another, instruments that are
 * not there. Operation ids are fresh ones: an id made from a row's content would give back the first answer when a
 * value returns to what it was, and an old refusal after its cause is gone.
 *
 * When the server asks to try again (overloaded), everything from the first such batch on is sent again in order with
 * the same operation ids, so for a subject with several rows the last one wins. After half a minute of that, or what
 * --timeout says, it gives up.
 *
 * Owned by the caller, one thread. */
#ifndef XINYI_CLI_IMPORTER_H
#define XINYI_CLI_IMPORTER_H

#include "client/cli/cli.h"
#include "client/cli/columns.h"

typedef struct importer importer;

typedef struct importer_totals {
    uint64_t rows, subjects, accounts, rejected;
    uint64_t ended;                      /* instruments left out because they have ended */
    uint64_t certain_rows, certain_line; /* acknowledged, up to this line of the file */
} importer_totals;

/* batch: rows of one request, at most what the server takes. dry_run: parse and check only; c->x may be NULL.
 * rejects_path (output.h) is opened when the first reject is written. NULL without memory. */
importer *importer_create(cli *c, const columns *cols, size_t batch, bool dry_run, const char *rejects_path);
void importer_destroy(importer **i); /* accepts NULL */
/* Before the first record: profiles are written as this source's claims. */
void importer_set_source(importer *i, unsigned source);

/* Adds a record, good or bad; sends when a batch is full. 0, or an exit code after a message. */
int importer_record(importer *i, const csv_record *record);
/* Sends the rest and waits for all answers. */
int importer_finish(importer *i);
/* Puts what was rejected in its place, however the import ended; 0, or an exit code after a message. Once is enough. */
int importer_keep_rejects(importer *i);
const importer_totals *importer_get_totals(const importer *i);
/* Something was rejected, and the file tells what. */
bool importer_wrote_rejects(const importer *i);

#endif
