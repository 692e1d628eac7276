/* One batch of an import: rows as read, the entries made from them, and what became of each. */
#ifndef XINYI_CLI_IMPORTER_BATCH_H
#define XINYI_CLI_IMPORTER_BATCH_H

#include "base/buf.h"
#include "client/cli/accounts.h"
#include "client/cli/columns.h"

typedef struct importer_row {
    uint64_t line;
    size_t raw, raw_length; /* in batch.raw */
    size_t reason;          /* in batch.reasons, from 1; 0: not rejected */
    bool has_put, put_refused, has_account;
    uint8_t ended; /* instruments left out because they have ended */
} importer_row;

typedef struct importer_batch {
    importer_row *rows;
    xinyi_put_entry *puts;
    uint32_t *put_row; /* row of each put */
    xinyi_operation *operations;
    uint32_t *operation_row;
    uint16_t *operation_refused; /* with which status; 0: not */
    size_t row_count, put_count, operation_count, operation_room;
    size_t capacity; /* rows */
    uint32_t flags;  /* of every put: the source */
    buf raw, reasons;
    size_t read_reasons; /* reasons.size before any answer: what reading rejected */
    unsigned pending;    /* requests without an answer */
    int again;           /* a status of class "again" that an answer had, or 0 */
} importer_batch;

bool importer_batch_init(importer_batch *b, size_t capacity);
void importer_batch_deinit(importer_batch *b);
void importer_batch_clear(importer_batch *b);

/* Appends a record. With `why` it is a reject; else `row` has what to send and `known` the accounts as they will be.
 * Instruments that have ended by now_hour are left out: they guarantee nothing, and the server refuses them. False
 * without memory. */
bool importer_batch_add(importer_batch *b, const csv_record *record, const columns_row *row, const char *why,
                        accounts *known, uint32_t now_hour);
/* Rejects a row, unless it is rejected already. */
bool importer_batch_reject(importer_batch *b, size_t row, const char *why);
const char *importer_batch_reason(const importer_batch *b, const importer_row *row); /* NULL: not rejected */
/* Rows are looked at in order: *operation is where the operations of this one begin, and moves behind them. False if
 * nothing of the row was refused; otherwise a sentence, in *why, that tells what was written and what was not. */
bool importer_batch_verdict(const importer_batch *b, size_t row, size_t *operation, buf *why);
/* Forgets what answers said, for sending again. Operations that were refused get new ids. */
void importer_batch_reset(importer_batch *b);

#endif
