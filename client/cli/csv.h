/* Reads CSV (RFC 4180, UTF-8) record by record: quotes, CRLF, a byte order mark, embedded newlines, blank lines.
 *
 * Lines without a quote character — nearly all — are split in place; records with quotes go through libcsv in strict
 * mode. Measured with rows of 39 fields: 0.2 µs split in place, 0.5 µs through libcsv's callbacks.
 *
 * A record that is not well-formed is returned with `error` set and costs one line: reading goes on with the next line,
 * so one stray quote never swallows the rest of a file.
 *
 * Owned by the caller, one thread. Fields are valid until the next call. */
#ifndef XINYI_CLI_CSV_H
#define XINYI_CLI_CSV_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_RECORD_MAX (64u << 10) /* bytes of one record */
#define CSV_FIELDS_MAX 1024

typedef struct csv_field {
    const char *text; /* not NUL-terminated; outer blanks and quotes removed */
    size_t length;
} csv_field;

typedef struct csv_record {
    const csv_field *fields;
    size_t count;
    uint64_t line;     /* first line of the record, from 1 */
    const char *raw;   /* as it stands in the file, without the line's end */
    size_t raw_length; /* of a line longer than CSV_RECORD_MAX its beginning only */
    const char *error; /* NULL, or what is wrong with it (constant text); then no fields */
} csv_record;

typedef struct csv_reader csv_reader;

/* Reads from a descriptor that stays the caller's. NULL without memory. */
csv_reader *csv_reader_create(int fd);
void csv_reader_destroy(csv_reader **r); /* accepts NULL */

/* OK, END, IO_ERROR (errno) or NO_MEMORY. */
status csv_reader_next(csv_reader *r, csv_record *out) MUST_CHECK;
uint64_t csv_reader_bytes(const csv_reader *r); /* consumed so far */

#endif
