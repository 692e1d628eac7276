/* One batch of an import: rows as read, the entries made from them, and what became of each. */
#ifndef XINYI_CLI_IMPORT_BATCH_H
#define XINYI_CLI_IMPORT_BATCH_H

#include "base/buf.h"
#include "client/cli/accounts.h"
#include "client/cli/columns.h"

typedef struct import_row {
    uint64_t line;
    size_t raw, raw_length; /* in batch.raw */
    size_t reason;          /* in batch.reasons, from 1; 0: not rejected */
    bool has_put, has_account;
} import_row;

typedef struct import_batch {
    import_row *rows;
    xinyi_put_entry *puts;
    uint32_t *put_row; /* row of each put */
    xinyi_operation *operations;
    uint32_t *operation_row;
    size_t row_count, put_count, operation_count, operation_room;
    size_t capacity; /* rows */
    buf raw, reasons;
    size_t read_reasons; /* reasons.size before any answer: what reading rejected */
    unsigned pending;    /* requests without an answer */
    int again;           /* a status of class "again" that an answer had, or 0 */
} import_batch;

bool import_batch_init(import_batch *b, size_t capacity);
void import_batch_deinit(import_batch *b);
void import_batch_clear(import_batch *b);

/* Appends a record. With `why` it is a reject; else `row` has what to send and `known` the accounts as they will be.
 * False without memory. */
bool import_batch_add(import_batch *b, const csv_record *record, const columns_row *row, const char *why,
                      accounts *known);
/* Rejects a row, unless it is rejected already. */
bool import_batch_reject(import_batch *b, size_t row, const char *why);
const char *import_batch_reason(const import_batch *b, const import_row *row); /* NULL: not rejected */
/* Forgets what answers said, for sending again. */
void import_batch_reset(import_batch *b);

#endif
