/* Reading everything that a journal holds, for what is damaged. Unlike the load it does not stop at the first damage:
 * it goes on behind it, and tells each place.
 *
 * What is checked: every block of every sorted file by RocksDB's checksum, every value by ours, the log for missing
 * groups, the history for groups that the log never had. What the records mean is the engine's to check. */
#ifndef XINYI_PERSIST_VERIFY_H
#define XINYI_PERSIST_VERIFY_H

#include "persist/journal.h"

#define VERIFY_TABLES (CHANGE_TABLE_END + 1) /* and log and meta; 0 is not used */

typedef struct verify_table {
    const char *name;
    uint64_t values, bytes; /* that are well */
    uint64_t damaged;
} verify_table;

typedef struct verify_report {
    verify_table tables[VERIFY_TABLES];
    size_t table_count;
    uint64_t files, file_bytes; /* sorted files */
    uint64_t problems;
} verify_report;

typedef struct verify_problem {
    const char *file;   /* where RocksDB tells, or the file that holds the key; "" if it is in none yet */
    const char *table;  /* name */
    const uint8_t *key; /* the damaged value's; of an unreadable block: the last key before it */
    size_t key_length;  /* 0: none */
    bool block;         /* a part of the file cannot be read: values after the key are lost */
    const char *what;   /* one sentence */
} verify_problem;

typedef void (*verify_visit)(void *context, const verify_problem *problem);
typedef void (*verify_progress)(void *context, uint64_t values);

/* Before journal_load, or after it between commits. OK; CORRUPT if there were problems (each was told; a table with
 * very many is given up); NO_MEMORY. visit and progress may be NULL. */
status journal_verify(journal *j, verify_visit visit, verify_progress progress, void *context,
                      verify_report *out) MUST_CHECK;

#endif
