/* What the files of the repair share. `db` is the copy that is worked on. */
#ifndef XINYI_PERSIST_REPAIR_INTERNAL_H
#define XINYI_PERSIST_REPAIR_INTERNAL_H

#include "persist/internal.h"
#include "persist/last.h"
#include "persist/repair.h"

#define REPAIR_PATH 4096

typedef struct repair {
    const repair_options *options;
    repair_report *report;
    char copy[REPAIR_PATH], db[REPAIR_PATH]; /* the copy, and its database */
    last_known known;
    bool manifest_restored;       /* it is the copy that LAST knows */
    bool log_damaged;             /* a file of the write-ahead log has a record that could not be put right */
    uint64_t gap_first, gap_last; /* groups that the write-ahead log lost; 0: none */
    uint64_t last;                /* the last group there is */
    int64_t last_ms;              /* its time; 0 unknown */
    char *problem;
    size_t room;
} repair;

__attribute__((format(printf, 3, 4))) void repair_tell(repair *r, repair_line kind, const char *format, ...);
/* Formats a path; false, with the reason in problem, if it is too long. */
__attribute__((format(printf, 3, 4))) bool repair_path(repair *r, char path[REPAIR_PATH], const char *format, ...);
/* A key in words: the subject's number where it is one. */
const char *repair_key(unsigned table, const uint8_t *key, size_t length, char text[128]);

/* The steps, in order; each finds, does and tells. */
status repair_small_files(repair *r) MUST_CHECK; /* JOURNAL, CURRENT, LAST */
status repair_records(repair *r) MUST_CHECK;     /* single bits of the manifest and the write-ahead log */
status repair_wal(repair *r) MUST_CHECK;         /* writes a damaged log anew from what is whole */
status repair_open(repair *r, rocks *db) MUST_CHECK;
status repair_meta(repair *r, rocks *db) MUST_CHECK;
status repair_log(repair *r, rocks *db) MUST_CHECK;
status repair_tables(repair *r, rocks *db) MUST_CHECK;

/* A file of the copy that is a link gets contents of its own; before anybody may change it. */
bool repair_own_file(repair *r, const char *path);

/* If RocksDB's text is about a block with a wrong checksum: puts the bit back and tells. An open database is closed and
 * opened again, since it has the file open. OK: try again. NOT_FOUND: it is not, or more than one bit is wrong. */
status repair_block(repair *r, rocks *db, const char *text) MUST_CHECK;

#endif
