/* Deliberate bugs, so that the simulation can prove that it finds bugs: `ledger_sim --break NAME` plants one, and a
 * test demands that each is found. */
#ifndef XINYI_TESTS_SIM_BREAKS_H
#define XINYI_TESTS_SIM_BREAKS_H

#include <stdbool.h>

/*  X(NAME, name, what goes wrong) */
#define BREAKS(X)                                                                                                      \
    X(FORGET_ABORT, "forget-abort", "a group that healing did not find is published nevertheless")                     \
    X(PUBLISH_EARLY, "publish-early", "a group is published and answered before it is durable")                        \
    X(ANSWER_UNDECIDED, "answer-undecided", "a group of unknown fate is answered as if it were durable")               \
    X(ALWAYS_ABORT, "always-abort", "a group that healing did find is aborted nevertheless")                           \
    X(LOSE_EXPIRY, "lose-expiry", "expiries are left out of the history")                                              \
    X(LOSE_HISTORY, "lose-history", "now and then a group's history is not written")                                   \
    X(SPLIT_WRITE, "split-write", "changes and history are two writes")                                                \
    X(DOUBLE_APPLY, "double-apply", "after healing, a group that was found is written again under the next number")    \
    X(NO_SYNC, "no-sync", "writes are not synced")                                                                     \
    X(SKIP_MARK, "skip-mark", "a fold cuts the log without writing its mark")                                          \
    X(MARK_FIRST, "mark-first", "a fold marks and cuts before it writes the tables")                                   \
    X(FOLD_OLDEST, "fold-oldest", "a fold keeps the oldest image of a key")                                            \
    X(CUT_EARLY, "cut-early", "history is cut while its operations are still remembered")                              \
    X(NO_CHECKSUM, "no-checksum", "checksums of stored values are not looked at")                                      \
    X(FORGET_PUT, "forget-put", "one record of a group is left out of what is written")

typedef enum break_kind {
    BREAK_NONE,
#define X(name, text, what) BREAK_##name,
    BREAKS(X)
#undef X
        BREAK_END
} break_kind;

extern break_kind break_planted;
static inline bool broken(break_kind b) { return break_planted == b; }

#endif
