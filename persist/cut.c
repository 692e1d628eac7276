/* Cutting off the history's old end. Groups carry their moments, and moments do not fall (journal.history_ms):
 * where the old end is, is found by halves, reading one group a step, some twenty in all, however long the history is.
 *
 * A number in meta says from where on the history counts, and files that lie before it as a whole are removed; what
 * else lies before it nobody looks at. Nothing is deleted in RocksDB's sense: ranges that are deleted over and over
 * from the same beginning on stay in memory until it is written out, every look at the history costs the square of
 * their number, and a file that holds one overlaps all others, which are merged with it. */
#include "base/check.h"
#include "base/log.h"
#include "persist/fault.h"
#include "persist/internal.h"
#include "persist/problem.h"

typedef struct old_end {
    uint64_t last_old;   /* 0: nothing is old */
    uint64_t first_kept; /* 0: nothing is left */
} old_end;

/* The last group at or before the moment, and the first after it. */
static status find_old_end(journal *j, int64_t before_ms, old_end *out, char *problem, size_t room) {
    uint64_t old, kept = atomic_load(&j->sequence) + 1, at;
    int64_t time_ms;
    *out = (old_end){0};
    status s = probe_history(&j->rocks, atomic_load(&j->history_from), &old, &time_ms, problem, room);
    if (s != STATUS_OK || time_ms > before_ms) return s == STATUS_END ? STATUS_OK : s;
    while (kept - old > 1) { /* `old` is old; what begins at `kept` is not, or not there */
        uint64_t middle = old + (kept - old) / 2;
        s = probe_history(&j->rocks, middle, &at, &time_ms, problem, room);
        if (s != STATUS_OK && s != STATUS_END) return s;
        if (s == STATUS_OK && time_ms <= before_ms)
            old = at;
        else
            kept = middle;
    }
    out->last_old = old;
    s = probe_history(&j->rocks, old + 1, &at, &time_ms, problem, room);
    if (s == STATUS_OK) out->first_kept = at;
    return s == STATUS_END ? STATUS_OK : s;
}

/* Files that lie in the range as a whole. Only a matter of space; it will be tried again with what follows. */
static void give_back(journal *j, uint64_t last_old) {
    uint8_t from[FORMAT_GROUP_KEY], to[FORMAT_GROUP_KEY];
    char *error = NULL;
    format_group_key(0, from);
    format_group_key(last_old, to); /* this range includes its end */
    rocksdb_delete_file_in_range_cf(j->rocks.db, j->rocks.families[CHANGE_HISTORY], (const char *)from, sizeof from,
                                    (const char *)to, sizeof to, &error);
    rocksdb_free(error);
}

/* Durable before files go: what is left of them must not count again. */
static status begin_at(journal *j, uint64_t first) {
    char problem[PROBLEM_ROOM] = "fault ordered by a test";
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(&j->rocks, batch, META_HISTORY, first);
    format_group nothing = {.sequence = UINT64_MAX}; /* no group is in doubt */
    pthread_mutex_lock(&j->gate);
    status s = fault_step(FAULT_CUT);
    if (s == STATUS_OK) s = rocks_write(&j->rocks, batch, !j->unsynced, problem, sizeof problem);
    if (s == STATUS_OK) s = fault_step(FAULT_CUT_DONE);
    if (s != STATUS_OK) s = journal_latch(j, s, true, &nothing, problem);
    pthread_mutex_unlock(&j->gate);
    rocksdb_writebatch_destroy(batch);
    return s;
}

status journal_cut_history(journal *j, int64_t before_ms) {
    CHECK(j->loaded);
    if (atomic_load(&j->read_only)) return j->failed.why;
    if (atomic_load(&j->history_first) == 0) return STATUS_OK;
    char problem[PROBLEM_ROOM] = "";
    old_end end;
    status s = find_old_end(j, before_ms, &end, problem, sizeof problem);
    if (s != STATUS_OK) { /* damage is told at the next start; nothing is lost by keeping it */
        log_event(LOG_ERROR, "history_not_cut", "reason=\"%s\"", problem);
        return STATUS_OK;
    }
    if (end.last_old == 0) return STATUS_OK;
    s = begin_at(j, end.last_old + 1);
    if (s != STATUS_OK) return s;
    atomic_store(&j->history_from, end.last_old + 1);
    atomic_store(&j->history_first, end.first_kept);
    give_back(j, end.last_old);
    return STATUS_OK;
}
