/* Faults on order, for tests: "the third commit fails", "the process dies between the ingest and the mark". Compiled in
 * always, so that what is tested is what runs; inert and one relaxed load a step unless armed. Only tests arm it.
 *
 * Threading: arm and clear from one thread at a time; steps from any. */
#ifndef XINYI_PERSIST_FAULT_H
#define XINYI_PERSIST_FAULT_H

#include "base/status.h"

typedef enum fault_point {
    FAULT_COMMIT,        /* before the group is written: it will not be on disk */
    FAULT_COMMITTED,     /* after the group was written: reported as failed, but on disk */
    FAULT_CUT,           /* before old history is cut off */
    FAULT_CUT_DONE,      /* after it was: reported as failed, but gone */
    FAULT_REOPEN,        /* healing, before the database is opened again */
    FAULT_HEALED,        /* healing, the proving write */
    FAULT_FOLD_READ,     /* fold: before a group is read */
    FAULT_FOLD_TABLE,    /* before a table's images are written */
    FAULT_FOLD_INGEST,   /* a sorted file is written, not ingested yet */
    FAULT_FOLD_INGESTED, /* a sorted file is ingested */
    FAULT_FOLD_MARK,     /* all tables are written, the mark is not */
    FAULT_FOLD_MARKED,   /* the mark is durable and the log cut, the space not yet given back */
    FAULT_BACKUP_LINKED, /* backup: the files are linked, nothing is copied yet */
    FAULT_BACKUP_FILE,   /* backup: before a file is copied */
    FAULT_BACKUP_COPIED, /* backup: everything is copied, its contents are not written */
    FAULT_POINTS
} fault_point;

/* From its nth step (1 = the next) the point returns `what`, `times` times over (0: until cleared). */
void fault_arm(fault_point point, unsigned nth, unsigned times, status what);
/* At its nth step the process kills itself with SIGKILL. */
void fault_arm_kill(fault_point point, unsigned nth);
void fault_clear(void);

/* One step of the real code: OK, or what was ordered. */
status fault_step(fault_point point) MUST_CHECK;

#endif
