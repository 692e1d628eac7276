/* The journal: everything acknowledged, on disk, in RocksDB. Knows records (engine/change.h), not what they mean.
 *
 *   commit   a group of changes becomes one value in the column family `log`, key = sequence number (big-endian), put
 *            with a synced write. Sequence numbers have no gaps.
 *   fold     a background thread reads the log's older part, keeps the last image of every key, writes sorted SST files
 *            per table and ingests them into the tables' column families; then cuts the log behind a durable mark. It
 *            needs nothing from the engine's memory and never stops commits.
 *   history  what a group adds to the ledger's history goes beside it, in the same write, as one value of the column
 *            family `history` under the same number. It is not folded: it lies in the order in which it was written,
 * and is cut off at its old end. load     the tables (by key ranges, on several threads), then the history, then the
 * log behind the mark, in order.
 *
 * A data directory is locked by one process. It carries in `meta`: format version, cluster name, hash seed (random,
 * made once), the fold mark. Every table value is stored with a checksum that covers key and value; every log value has
 * one over the whole group. Damage is named (table, key, file where RocksDB tells) and never handed out.
 *
 * Trouble: when RocksDB refuses a write (disk full, I/O error), commit returns NO_SPACE or IO_ERROR and the journal
 * becomes read-only; journal_heal closes and reopens the database, finds out whether the group of unknown fate is on
 * disk, and says so. The caller keeps memory in step with the answer.
 *
 * Threading: one thread calls commit, heal, close; journal_stats from any. The fold thread is the journal's own. */
#ifndef XINYI_PERSIST_JOURNAL_H
#define XINYI_PERSIST_JOURNAL_H

#include "base/status.h"
#include "engine/change.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct journal journal;

typedef struct journal_options {
    const char *directory;     /* made if missing (its parent must exist) */
    const char *cluster;       /* name for a new directory; an existing one must match unless NULL → WRONG_CLUSTER */
    uint64_t fold_bytes;       /* fold when the log holds this many bytes; 0: 64 MiB */
    uint64_t fold_interval_ms; /* … or when its oldest entry is this old; 0: 60 s */
    uint64_t
        min_free_bytes; /* refuse commits (NO_SPACE) below this much free disk; 0: 256 MiB; UINT64_MAX: never look */
    bool unsynced;      /* for tests and bulk tools only: no fsync */
} journal_options;

/* Errors: LOCKED, CORRUPT, WRONG_CLUSTER (or the directory holds files of somebody else), UNSUPPORTED_VERSION,
 * IO_ERROR, NO_SPACE, NO_MEMORY, BAD_VALUE (the cluster's name), NOT_FOUND (no journal there, and no cluster name to
 * make one); one line about it in problem (may be NULL). A process that has opened a journal must not go on in a fork:
 * RocksDB's threads are not there. A reserve (min_free_bytes) under some 200 MiB is none: RocksDB writes that much
 * behind a commit. */
status journal_open(const journal_options *options, journal **out, char *problem, size_t room) MUST_CHECK;
/* Flushes nothing that is not durable already; stops the fold thread. Accepts NULL. */
void journal_close(journal **j);

uint64_t journal_seed(const journal *j);       /* for the stores' hash */
const char *journal_cluster(const journal *j); /* lives as long as the journal */
uint64_t journal_sequence(const journal *j);   /* of the last durable group; 0: none yet */

/* Called for each record. For SUBJECTS and ACCOUNTS possibly from `threads` threads at once, never two for the same
 * first key byte. A status other than OK stops the load and is returned. */
typedef status (*journal_visit)(void *context, const change *record);
/* Progress for people: records so far, called about every 2 s from one of the loading threads. May be NULL. */
typedef void (*journal_progress)(void *context, uint64_t records, bool log);

/* Hands everything over, tables first, then the log. Must be called once, before the first commit. Starts the fold
 * thread. CORRUPT names what is damaged in problem. */
status journal_load(journal *j, unsigned threads, journal_visit visit, journal_progress progress, void *context,
                    char *problem, size_t room) MUST_CHECK;

/* Makes one group durable: `changes` as built by change_append (may be empty), and `history`, opaque bytes (NULL and 0:
 * none). On OK *sequence is its number. NO_SPACE, IO_ERROR: not
 * acknowledged, and the journal is read-only until journal_heal; the group's fate is unknown until then, unless
 * journal_untouched. TOO_LARGE over LIMIT_GROUP_BYTES + LIMIT_RECORD_BYTES: not executed.
 */
status journal_commit(journal *j, int64_t now_ms, const uint8_t *changes, size_t length, const uint8_t *history,
                      size_t history_length, uint64_t *sequence) MUST_CHECK;

/* Cuts off the history of groups that were committed at or before this moment, if it is worth it. Committing thread. IO
 * errors put the journal into trouble as a failed commit of nothing does. */
status journal_cut_history(journal *j, int64_t before_ms) MUST_CHECK;

/* After a failed commit: whether the group was refused for want of space before anything of it was written. It is not
 * executed, then, and journal_heal will say so too. */
bool journal_untouched(const journal *j);
/* After a failed commit: why, one line for people. "" if the journal is well. Lives until the next heal. */
const char *journal_trouble(const journal *j);

/* After a failed commit: tries to get the database going again. OK: writes are possible; *applied tells whether the
 * failed group is on disk (then publish it) or not (then abort it). Otherwise still in trouble; call again later:
 * failures are logged when their status changes and once a minute, so a call a second is no flood. */
status journal_heal(journal *j, bool *applied) MUST_CHECK;

/* Folds everything committed so far and returns when it is done: clean shutdown, tests, backups. */
status journal_fold(journal *j) MUST_CHECK;

typedef struct journal_stats {
    uint64_t sequence, folded_sequence;
    uint64_t log_bytes;     /* of groups not folded yet */
    uint64_t groups, bytes; /* committed since open */
    uint64_t folds, folded_records;
    uint64_t commit_ns_max;
    uint64_t history_first; /* number of the oldest group with history that is kept; 0 none */
    uint64_t disk_bytes;    /* of the directory's SST and log files, as RocksDB reports */
    uint64_t free_bytes;    /* of the file system */
    bool read_only;         /* in trouble, or so little space that the next commit would be refused */
} journal_stats;
void journal_get_stats(const journal *j, journal_stats *out);

#endif
