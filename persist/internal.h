/* What the journal's files share. Not for anybody outside persist/ and its tests.
 *
 * Who may touch what: the committing thread owns `failed`, `loaded` and the opening and closing of `rocks`; the fold
 * thread uses `rocks` while `busy`, and the committing thread waits for it (fold_pause) before it closes the database.
 * The counters are atomics that one thread writes and any reads. `fold` is under its mutex. */
#ifndef XINYI_PERSIST_INTERNAL_H
#define XINYI_PERSIST_INTERNAL_H

#include "base/limits.h"
#include "persist/format.h"
#include "persist/journal.h"
#include "persist/last.h"
#include "persist/problem.h"
#include "persist/rocks.h"

#include <pthread.h>
#include <stdatomic.h>

/* A round of folding holds so much log in memory, give or take one group, and so many records. */
#define FOLD_ROUND_BYTES ((size_t)32 << 20)
#define FOLD_ROUND_RECORDS ((size_t)2 << 20)
/* Up to so many bytes of a table a round they are plain puts; a sorted file above. */
#define FOLD_PUT_BYTES ((size_t)2 << 20)

/* The group whose commit failed. */
typedef struct journal_failed {
    status why;
    uint64_t sequence, checksum;
    size_t length;
    bool untouched; /* refused for want of space before the database saw it */
    bool applied;   /* the group turned out to be on disk */
    char text[PROBLEM_ROOM];
} journal_failed;

typedef struct fold_thread {
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* to the thread: look again */
    pthread_cond_t done; /* from the thread: an attempt is over */
    bool stop, busy;
    unsigned paused;          /* by so many */
    atomic_bool interrupt;    /* stop or paused, for the thread to see in the middle of a round */
    uint64_t oldest_ns;       /* monotonic time of the oldest group that is not folded; 0: none */
    uint64_t asked, answered; /* numbers of journal_fold's requests: the last made, the last attempted */
    status answer;            /* of the last attempt */
    uint64_t retry_ns;        /* after a failure: not before */
    unsigned failures;        /* in a row */
    uint64_t file;            /* number of the next sorted file */
    uint8_t *copies;          /* memory of a round, kept while rounds follow each other; the thread's own */
    size_t copies_size;
} fold_thread;

struct journal {
    char *directory, *db_path;
    char cluster[LIMIT_NAME_MAX + 1];
    uint64_t seed;
    uint64_t fold_bytes, fold_interval_ns, min_free_bytes;
    bool unsynced;
    bool loaded;
    int lock;
    rocks rocks;
    last_file last;
    journal_failed failed;
    status heal_told; /* the last failure of healing that was logged, and when (monotonic) */
    uint64_t heal_told_ns;
    fold_thread fold;
    /* Held for a commit, a healing, and the moment in which a backup links files: RocksDB must not sync its log for the
     * checkpoint while a write to it fails, or it aborts. */
    pthread_mutex_t gate;
    /* Held while healing closes and opens the database, and by a backup while it flushes; inside the gate. */
    pthread_mutex_t opening;

    atomic_bool read_only;
    /* The database had an error, or may have had: it must be closed and opened again before anybody touches it. RocksDB
     * aborts on some calls after a failed write. Set and cleared by the committing thread. */
    atomic_bool sick;
    _Atomic uint64_t sequence;      /* last durable group */
    _Atomic uint64_t mark;          /* last folded group */
    _Atomic uint64_t log_bytes;     /* of the groups between */
    _Atomic uint64_t groups, bytes; /* committed since open */
    _Atomic uint64_t folds, folded_records;
    _Atomic uint64_t commit_ns_max;
    _Atomic uint64_t history_first; /* oldest group whose history is kept; 0 none */
    _Atomic uint64_t history_from;  /* META_HISTORY; 0: nothing was ever cut off */
    int64_t history_ms;             /* of the last group of history: these do not fall, even if the clock is set back */
};

/* ---- meta (meta.c) */

#define META_MAX 64
/* A value of at most META_MAX bytes; *size is its length. NOT_FOUND, CORRUPT, IO_ERROR. */
status meta_get_bytes(rocks *r, const char *name, uint8_t value[META_MAX], size_t *size, char *problem,
                      size_t room) MUST_CHECK;
status meta_get_number(rocks *r, const char *name, uint64_t *value, char *problem, size_t room) MUST_CHECK;
void meta_put(rocks *r, rocksdb_writebatch_t *batch, const char *name, const void *value, size_t size);
void meta_put_number(rocks *r, rocksdb_writebatch_t *batch, const char *name, uint64_t value);

#define META_FORMAT "format"   /* number: META_VERSION */
#define META_VERSION 2         /* 1: without history */
#define META_CLUSTER "cluster" /* text */
#define META_SEED "seed"       /* number */
#define META_CREATED "created" /* number: Unix ms */
#define META_MARK "mark"       /* number: everything up to this group is in the tables */
#define META_HISTORY "history" /* number: older groups' history is cut off, gone or not; may be missing */
#define META_HEALED "healed"   /* number: Unix ms of the last healing; its write proves that writes work */
#define META_BACKUP "backup"   /* number: Unix ms of the last backup's beginning; likewise */

/* ---- the log in order (walk.c) */

typedef status (*walk_visit)(void *context, const format_group *group);

/* Visits the groups after+1, after+2 … up to upto (UINT64_MAX: to the end). CORRUPT if one is missing or damaged, with
 * its number in problem; a visitor's status other than OK ends the walk and is returned, END as OK. *last: the last
 * group visited, `after` if none. */
status walk_log(rocks *r, uint64_t after, uint64_t upto, walk_visit visit, void *context, uint64_t *last, char *problem,
                size_t room) MUST_CHECK;

/* Visits the history of every group from this number on, in order. CORRUPT as walk_log; gaps are the engine's to find,
 * since a group need not have any. */
status walk_history(rocks *r, uint64_t from, walk_visit visit, void *context, char *problem, size_t room) MUST_CHECK;

/* The history of the first group at or behind `from` that has any. END: there is none. CORRUPT. */
status probe_history(rocks *r, uint64_t from, uint64_t *sequence, int64_t *time_ms, char *problem,
                     size_t room) MUST_CHECK;

/* ---- trouble (journal.c) */

/* A write has failed: nothing more is written until journal_heal. `written`: the database may have taken it. Returns
 * NO_SPACE or IO_ERROR. Holding the gate. */
status journal_latch(journal *j, status why, bool written, const format_group *group, const char *text);

/* ---- the fold (fold.c does the work, fold_thread.c decides when) */

typedef struct fold_progress {
    uint64_t mark;    /* now durable */
    uint64_t bytes;   /* of log */
    uint64_t records; /* written to tables */
} fold_progress;

/* One round: takes groups after j->mark up to at most upto into the tables and cuts them off. UNAVAILABLE when it was
 * interrupted or the database fell sick. */
status fold_round(journal *j, uint64_t upto, fold_progress *out, char *problem, size_t room) MUST_CHECK;

/* After the last round of several. */
void fold_give_back(journal *j);

void fold_init(journal *j);
void fold_deinit(journal *j);
status fold_start(journal *j) MUST_CHECK;
void fold_stop(journal *j);
/* Waits until the thread does not use the database, and keeps it from doing so until everybody who paused it has
 * resumed. */
void fold_pause(journal *j);
void fold_resume(journal *j);
/* Tells the thread about a new group. */
void fold_notify(journal *j, uint64_t now_ns);

#endif
