/* A simulated disk: two files of bytes in sectors, and a name that points to one of them. What is written is seen at
 * once and kept only from the next sync on; everything that real disks do to a program can be ordered:
 *
 *   a write or sync fails    with nothing done, with everything done, or torn (the first sectors only). After a failed
 *                            sync the sectors it was for stay readable, and no later sync keeps them: that is what
 *                            Linux does to a program that just tries again
 *   the disk is full         for as long as it is told to be
 *   the process dies         within any operation or at any named point between two; the machine's memory survives
 *   power is lost            likewise; of what was not kept some sectors are there nevertheless: none, the first ones,
 *                            or any
 *
 * Nothing is random but what comes from the given state, so one seed is one history. All times the disk answers CLOSED
 * the process is dead: whoever hears it unwinds. Owned by the caller; one thread. */
#ifndef XINYI_TESTS_SIM_DISK_H
#define XINYI_TESTS_SIM_DISK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_SECTOR ((size_t)128)
#define DISK_FILES 2

/* Where a process can die. */
#define DISK_POINTS(X)                                                                                                 \
    X(COMMIT, "commit: the group's write")                                                                             \
    X(COMMIT_SYNC, "commit: its sync")                                                                                 \
    X(COMMITTED, "commit: durable, not published")                                                                     \
    X(PUBLISHED, "commit: published, not answered")                                                                    \
    X(FOLD_READ, "fold: reading the log")                                                                              \
    X(FOLD_TABLE, "fold: a table's write")                                                                             \
    X(FOLD_MARK, "fold: mark and cut, the write")                                                                      \
    X(FOLD_MARK_SYNC, "fold: mark and cut, the sync")                                                                  \
    X(FOLD_MARKED, "fold: marked")                                                                                     \
    X(CUT, "history: the cut")                                                                                         \
    X(OPEN_CREATE, "open: a new file")                                                                                 \
    X(OPEN_WRITE, "open: what was recovered is written")                                                               \
    X(OPEN_SYNC, "open: … and synced")                                                                                 \
    X(OPEN_SWITCH, "open: the new file takes the old one's place")                                                     \
    X(LOAD_TABLES, "load: a record of a table")                                                                        \
    X(LOAD_HISTORY, "load: a group's history")                                                                         \
    X(LOAD_LOG, "load: a group of the log")                                                                            \
    X(HEAL, "heal: before the reopening")                                                                              \
    X(HEALED, "heal: well, the last group not settled")

typedef enum disk_place {
#define X(name, text) DISK_AT_##name,
    DISK_POINTS(X)
#undef X
        DISK_PLACES
} disk_place;
const char *disk_place_text(unsigned place);

typedef enum disk_fault {
    DISK_WELL,
    DISK_FAILS,         /* nothing is done */
    DISK_FAILS_APPLIED, /* all is done, and an error returned */
    DISK_TEARS,         /* the first sectors are done */
    DISK_FAULTS
} disk_fault;

typedef struct disk_file {
    uint8_t *seen, *kept; /* what a reader reads; what is there after a loss of power */
    uint8_t *sectors;     /* of each: SECTOR_* */
    size_t size, kept_size, room;
} disk_file;

typedef struct disk {
    uint64_t *random;
    disk_file files[DISK_FILES];
    unsigned current, kept_current; /* the file that the name points to */
    bool dead, full;
    uint64_t dies_in;  /* operations and points from now; 0: lives on */
    disk_fault fault;  /* … */
    uint64_t fault_in; /* … happens to this write or sync from now; 0: to none */
    uint64_t died_at[DISK_PLACES];
    uint64_t faults[DISK_FAULTS], refused_full;
} disk;

void disk_init(disk *d, uint64_t *random);
void disk_deinit(disk *d);

/* CLOSED: the process is dead. NO_SPACE: full, nothing was written. IO_ERROR: see disk_fault. */
status disk_point(disk *d, disk_place at) MUST_CHECK;                 /* nothing is done but dying, perhaps */
status disk_create(disk *d, unsigned file, disk_place at) MUST_CHECK; /* empty, if it held anything */
status disk_append(disk *d, unsigned file, const void *bytes, size_t n, disk_place at) MUST_CHECK;
status disk_sync(disk *d, unsigned file, disk_place at) MUST_CHECK;
/* The name points to this file from now on, and after a loss of power. */
status disk_switch(disk *d, unsigned file, disk_place at) MUST_CHECK;

const uint8_t *disk_bytes(const disk *d, unsigned file, size_t *size);

/* The machine is there again after the death of the process; with `power` lost, only with what was kept. */
void disk_revive(disk *d, bool power);

#endif
