/* One flipped bit, put back. Checksums not only tell that bytes are wrong: of all the bytes that are one bit away, the
 * one whose checksum is right is what was written, but for one chance in thousands of millions a kilobyte that another
 * would do as well; groups and values have checksums of their own besides. For --repair; works on copies.
 *
 * Knows two of RocksDB's formats (its wiki, "Write Ahead Log File Format", "BlockBasedTable Format"): files of records,
 * used for the write-ahead log and the manifest, and blocks of sorted files with XXH3 checksums. */
#ifndef XINYI_PERSIST_BITS_H
#define XINYI_PERSIST_BITS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bits_finding {
    uint64_t at;     /* first byte of the first record that is damaged */
    uint64_t fixed;  /* records with one bit put back */
    uint64_t bit_at; /* the byte of the last bit that was put back */
    bool damaged;    /* there are damaged records, the first at `at`, that are more than one bit away */
} bits_finding;

/* Walks a file of records from its beginning and puts single bits back, in the file. A record that the file is too
 * short for ends the walk and is no damage: so ends a log whose writer died. IO_ERROR, NO_MEMORY. */
status bits_fix_records(const char *path, bits_finding *out, char *problem, size_t room) MUST_CHECK;

/* Every record of a file that is whole, in order; behind a damaged one it goes on where the next begins, at the latest
 * with the next 32 KiB. */
typedef void (*bits_visit)(void *context, const uint8_t *record, size_t size);
status bits_read_records(const char *path, bits_visit visit, void *context, char *problem, size_t room) MUST_CHECK;
/* Appends a record to what will be a file of records. Failures latch in the buffer. */
void bits_append_record(buf *file, const uint8_t *record, size_t size);

/* A block of a sorted file: `size` bytes, behind them one of its type and four of the checksum. *bit_at: the byte that
 * was changed. NOT_FOUND: more than one bit is wrong, or the block is over 192 KiB. */
status bits_fix_block(const char *path, uint64_t offset, size_t size, uint64_t *bit_at, char *problem,
                      size_t room) MUST_CHECK;

#endif
