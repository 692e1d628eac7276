/* The journal's promise (persist/journal.h) on the simulated disk: the same formats (persist/format.h), the same order
 * of writes, folding in steps so that commits come in between. One thread. */
#ifndef XINYI_TESTS_SIM_JOURNAL_H
#define XINYI_TESTS_SIM_JOURNAL_H

#include "engine/change.h"
#include "tests/sim/shelf.h"

#define JOURNAL_PROBLEM 160

typedef struct fold_entry {
    change_table table;
    uint8_t key_length;
    uint8_t key[LIMIT_KEY_BYTES];
    uint8_t *value; /* owned */
    size_t length;
    bool removed;
} fold_entry;

/* The fold under way: first the log is read, then one table a step, at last the mark. */
typedef struct sim_fold {
    bool busy;
    uint64_t upto;
    unsigned next_table; /* CHANGE_TABLE_END: the mark */
    fold_entry *entries;
    size_t count, room;
} sim_fold;

typedef struct sim_journal {
    disk *d;
    shelf shelf;
    uint64_t sequence, mark;
    bool read_only, written; /* in trouble; … and something of the failed group may be on disk */
    status why;
    uint64_t failed_checksum;
    sim_fold fold;
    uint64_t commits, folds, heals;
    char problem[JOURNAL_PROBLEM]; /* of CORRUPT */
} sim_journal;

/* CLOSED everywhere: the process is dead. */
status sim_journal_open(sim_journal *j, disk *d) MUST_CHECK; /* CORRUPT, IO_ERROR, NO_SPACE */
void sim_journal_close(sim_journal *j);
typedef status (*sim_visit)(void *context, const change *record);
status sim_journal_load(sim_journal *j, sim_visit visit, void *context) MUST_CHECK;
status sim_journal_commit(sim_journal *j, int64_t now_ms, const buf *changes, buf *history,
                          uint64_t *sequence) MUST_CHECK;
static inline bool sim_journal_untouched(const sim_journal *j) { return j->read_only && !j->written; }
status sim_journal_heal(sim_journal *j, bool *applied) MUST_CHECK;
/* The next step of a fold; begins one if there is anything to fold. OK also if there is nothing to do. */
status sim_journal_fold(sim_journal *j) MUST_CHECK;
status sim_journal_cut_history(sim_journal *j, int64_t before_ms) MUST_CHECK;
/* Flips one bit of a stored value, and flips it back. False: nothing is stored. */
bool sim_journal_flip(sim_journal *j, uint64_t random);

#endif
