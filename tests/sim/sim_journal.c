/* Keys and values are those of the real journal, checked by its own functions, so that what is damaged is found here by
 * the same sums. The mark is written in one synced batch with the cut of the log; the tables before it are not synced,
 * since they lie before it in the same file. */
#include "tests/sim/sim_journal.h"

#include "base/check.h"
#include "base/le.h"
#include "engine/history.h"
#include "persist/format.h"
#include "tests/sim/breaks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META_MARK "fold_mark"

static status corrupt(sim_journal *j, const char *what, uint64_t where) {
    snprintf(j->problem, sizeof j->problem, "%s (%" PRIu64 ")", what, where);
    return STATUS_CORRUPT;
}

/* ------------------------------------------------------------------ open and close */

static uint64_t log_number(const shelf_item *item) { return format_group_sequence(item->key, item->key_length); }

static uint64_t last_in_log(const sim_journal *j) {
    uint64_t last = j->mark;
    const shelf_item *item;
    for (size_t i = shelf_seek(&j->shelf, SHELF_LOG, NULL, 0); (item = shelf_at(&j->shelf, SHELF_LOG, i)); i++)
        last = log_number(item);
    return last;
}

static status read_meta(sim_journal *j) {
    const shelf_item *mark = shelf_get(&j->shelf, SHELF_META, META_MARK, sizeof META_MARK - 1);
    j->mark = mark != NULL ? le_get64(mark->value) : 0;
    j->sequence = last_in_log(j);
    return STATUS_OK;
}

status sim_journal_open(sim_journal *j, disk *d) {
    *j = (sim_journal){.d = d};
    status code = shelf_open(d, &j->shelf);
    return code == STATUS_OK ? read_meta(j) : code;
}

static void end_fold(sim_fold *f) {
    for (size_t i = 0; i < f->count; i++) free(f->entries[i].value);
    f->count = 0;
    f->busy = false;
}

void sim_journal_close(sim_journal *j) {
    end_fold(&j->fold);
    free(j->fold.entries);
    shelf_close(&j->shelf);
    *j = (sim_journal){0};
}

/* ------------------------------------------------------------------ load */

typedef status (*visit_group)(sim_journal *j, const format_group *group, void *context);

/* Groups of the log behind the mark up to `upto`, or all of the history. Without gaps in the log. */
static status walk_groups(sim_journal *j, bool history, uint64_t upto, disk_place at, visit_group visit,
                          void *context) {
    unsigned family = history ? CHANGE_HISTORY : SHELF_LOG;
    uint64_t expected = j->mark + 1, last = 0;
    uint8_t from[FORMAT_GROUP_KEY];
    format_group_key(history ? 0 : expected, from);
    const shelf_item *item;
    for (size_t i = shelf_seek(&j->shelf, family, from, sizeof from); (item = shelf_at(&j->shelf, family, i)); i++) {
        uint64_t number = log_number(item);
        if (number > upto) break;
        if (disk_point(j->d, at) != STATUS_OK) return STATUS_CLOSED;
        format_group group;
        const char *why;
        status code = format_group_decode(item->value, item->length, history, &group, &why);
        if (code != STATUS_OK && broken(BREAK_NO_CHECKSUM) && item->length > FORMAT_GROUP_HEADER) {
            group = (format_group){.sequence = number,
                                   .changes = item->value + FORMAT_GROUP_HEADER,
                                   .length = item->length - FORMAT_GROUP_HEADER};
            code = STATUS_OK;
        }
        if (code != STATUS_OK) return corrupt(j, why, number);
        if (group.sequence != number) return corrupt(j, "a group lies under another's key", number);
        if (!history && number != expected++) return corrupt(j, "the log has a gap before group", number);
        if (history && (number <= last || number > j->sequence))
            return corrupt(j, "history of a group that the log does not hold", number);
        last = number;
        code = visit(j, &group, context);
        if (code != STATUS_OK) return code;
    }
    return STATUS_OK;
}

typedef struct loading {
    sim_visit visit;
    void *context;
} loading;

static status load_table(sim_journal *j, unsigned table, const loading *l) {
    const shelf_item *item;
    for (size_t i = shelf_seek(&j->shelf, table, NULL, 0); (item = shelf_at(&j->shelf, table, i)); i++) {
        if (disk_point(j->d, DISK_AT_LOAD_TABLES) != STATUS_OK) return STATUS_CLOSED;
        size_t length = item->length - FORMAT_VALUE_SUM;
        if (!broken(BREAK_NO_CHECKSUM) &&
            format_value_check(table, item->key, item->key_length, item->value, item->length, &length) != STATUS_OK)
            return corrupt(j, "a stored value does not match its checksum: table", table);
        change record = {.table = (change_table)table,
                         .key = item->key,
                         .key_length = item->key_length,
                         .value = item->value,
                         .value_length = length};
        status code = l->visit(l->context, &record);
        if (code != STATUS_OK) return corrupt(j, "a stored record is refused: table", table);
    }
    return STATUS_OK;
}

static status load_history(sim_journal *j, const format_group *group, void *context) {
    const loading *l = context;
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(group->sequence, key);
    change record = {.table = CHANGE_HISTORY,
                     .key = key,
                     .key_length = sizeof key,
                     .value = group->changes,
                     .value_length = group->length};
    status code = l->visit(l->context, &record);
    return code == STATUS_OK ? code : corrupt(j, "a group's history is refused", group->sequence);
}

static status load_group(sim_journal *j, const format_group *group, void *context) {
    const loading *l = context;
    change record;
    status code;
    for (size_t at = 0; (code = change_next(group->changes, group->length, &at, &record)) == STATUS_OK;) {
        code = l->visit(l->context, &record);
        if (code != STATUS_OK) return corrupt(j, "a record of the log is refused: group", group->sequence);
    }
    return code == STATUS_END ? STATUS_OK : corrupt(j, "a group does not hold records", group->sequence);
}

status sim_journal_load(sim_journal *j, sim_visit visit, void *context) {
    loading l = {visit, context};
    status code = STATUS_OK;
    for (unsigned table = 1; table < CHANGE_TABLE_END && code == STATUS_OK; table++)
        code = table == CHANGE_HISTORY ? walk_groups(j, true, UINT64_MAX, DISK_AT_LOAD_HISTORY, load_history, &l)
                                       : load_table(j, table, &l);
    if (code == STATUS_OK) code = walk_groups(j, false, UINT64_MAX, DISK_AT_LOAD_LOG, load_group, &l);
    return code;
}

/* ------------------------------------------------------------------ commit */

static status latch(sim_journal *j, status why, bool written) {
    if (why == STATUS_CLOSED) return why;
    j->read_only = true;
    j->written = written;
    j->why = why;
    end_fold(&j->fold);
    return why;
}

static void put_group(sim_journal *j, unsigned family, format_group *group) {
    uint8_t key[FORMAT_GROUP_KEY], header[FORMAT_GROUP_HEADER];
    buf value = {0};
    format_group_key(group->sequence, key);
    format_group_encode(group, header);
    buf_append(&value, header, sizeof header);
    buf_append(&value, group->changes, group->length);
    CHECK(buf_status(&value) == STATUS_OK);
    shelf_put(&j->shelf, family, key, sizeof key, value.data, value.size);
    buf_deinit(&value);
}

/* BREAK_FORGET_PUT: the first record of groups with several is not in what is written. */
static size_t forgotten_bytes(const buf *changes) {
    size_t at = 0;
    change first;
    if (!broken(BREAK_FORGET_PUT) || change_next(changes->data, changes->size, &at, &first) != STATUS_OK) return 0;
    return at < changes->size ? at : 0;
}

/* BREAK_LOSE_EXPIRY: what ended by its time is not in the history. */
static void lose_expiries(buf *history) {
    buf kept = {0};
    size_t at;
    uint64_t previous;
    history_event event;
    if (history->size == 0 || history_head(history->data, history->size, &at, &previous) != STATUS_OK) return;
    history_begin(&kept, previous);
    while (history_next(history->data, history->size, &at, &event) == STATUS_OK)
        if (event.kind == HISTORY_OPERATION) history_add_operation(&kept, &event.entry);
    CHECK(buf_status(&kept) == STATUS_OK);
    memcpy(history->data, kept.data, kept.size);
    history->size = kept.size;
    buf_deinit(&kept);
}

status sim_journal_commit(sim_journal *j, int64_t now_ms, const buf *changes, buf *history, uint64_t *sequence) {
    CHECK(!j->read_only);
    if (broken(BREAK_LOSE_EXPIRY)) lose_expiries(history);
    size_t skip = forgotten_bytes(changes);
    format_group group = {.sequence = j->sequence + 1, .time_ms = now_ms}, beside = group;
    group.changes = changes->data != NULL ? changes->data + skip : (const uint8_t *)"";
    group.length = changes->size - skip;
    beside.history = true;
    beside.changes = history->data;
    beside.length = history->size;
    if (j->d->full && j->sequence % 2 == 0) return latch(j, STATUS_NO_SPACE, false); /* looked before writing */
    put_group(j, SHELF_LOG, &group);
    j->failed_checksum = group.checksum;
    status code = STATUS_OK;
    if (broken(BREAK_SPLIT_WRITE)) code = shelf_write(&j->shelf, DISK_AT_COMMIT, DISK_AT_COMMIT_SYNC);
    bool lost = broken(BREAK_LOSE_HISTORY) && j->sequence % 5 == 4;
    if (history->size > 0 && !lost) put_group(j, CHANGE_HISTORY, &beside);
    if (code == STATUS_OK) code = shelf_write(&j->shelf, DISK_AT_COMMIT, DISK_AT_COMMIT_SYNC);
    if (code != STATUS_OK) return latch(j, code, true);
    *sequence = ++j->sequence;
    j->commits++;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ heal */

/* BREAK_DOUBLE_APPLY: what was found is not enough. */
static status write_again(sim_journal *j) {
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(j->sequence, key);
    for (int history = 0; history < 2; history++) {
        unsigned family = history ? CHANGE_HISTORY : SHELF_LOG;
        const shelf_item *item = shelf_get(&j->shelf, family, key, sizeof key);
        if (item == NULL) continue;
        format_group group;
        const char *why;
        CHECK(format_group_decode(item->value, item->length, history, &group, &why) == STATUS_OK);
        group.sequence++;
        put_group(j, family, &group);
    }
    status code = shelf_write(&j->shelf, DISK_AT_COMMIT, DISK_AT_COMMIT_SYNC);
    if (code == STATUS_OK) j->sequence++;
    return code;
}

/* After a failed commit of group `known` + 1 the log may end with that group, or before it; nothing else is possible.
 */
static status settle(sim_journal *j, uint64_t known, uint64_t known_mark, bool *applied) {
    uint64_t last = last_in_log(j);
    *applied = last == known + 1;
    if (j->mark < known_mark || j->mark > known || (last != known && !*applied))
        return corrupt(j, "what was durable is not there after healing: the log ends with", last);
    if (!*applied) return STATUS_OK;
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(last, key);
    const shelf_item *item = shelf_get(&j->shelf, SHELF_LOG, key, sizeof key);
    format_group group;
    const char *why;
    if (item == NULL || format_group_decode(item->value, item->length, false, &group, &why) != STATUS_OK ||
        group.checksum != j->failed_checksum)
        return corrupt(j, "another group than the failed one turned up", last);
    return STATUS_OK;
}

status sim_journal_heal(sim_journal *j, bool *applied) {
    CHECK(j->read_only);
    *applied = false;
    if (disk_point(j->d, DISK_AT_HEAL) != STATUS_OK) return STATUS_CLOSED;
    uint64_t known = j->sequence, known_mark = j->mark;
    shelf_close(&j->shelf);
    status code = shelf_open(j->d, &j->shelf);
    if (code != STATUS_OK) return code;
    read_meta(j);
    code = settle(j, known, known_mark, applied);
    if (code != STATUS_OK) return code;
    j->sequence = last_in_log(j);
    if (*applied && broken(BREAK_DOUBLE_APPLY)) {
        code = write_again(j);
        if (code != STATUS_OK) return code;
    }
    j->read_only = j->written = false;
    j->heals++;
    return disk_point(j->d, DISK_AT_HEALED);
}

/* ------------------------------------------------------------------ fold */

static bool is_entry(const fold_entry *e, const change *c) {
    return e->table == c->table && e->key_length == c->key_length && memcmp(e->key, c->key, c->key_length) == 0;
}

/* The newest image of each key. */
static void take_record(sim_fold *f, const change *c) {
    size_t i = 0;
    while (i < f->count && !is_entry(&f->entries[i], c)) i++;
    if (i < f->count && broken(BREAK_FOLD_OLDEST)) return;
    if (i == f->count && f->count == f->room) {
        f->room = f->room == 0 ? 64 : f->room * 2;
        f->entries = realloc(f->entries, f->room * sizeof *f->entries);
        CHECK(f->entries != NULL);
    }
    fold_entry *e = &f->entries[i];
    if (i == f->count) {
        *e = (fold_entry){.table = c->table, .key_length = (uint8_t)c->key_length};
        memcpy(e->key, c->key, c->key_length);
        f->count++;
    }
    free(e->value);
    e->removed = c->removed;
    e->length = c->removed ? 0 : c->value_length;
    e->value = malloc(e->length + 1);
    CHECK(e->value != NULL);
    if (e->length > 0) memcpy(e->value, c->value, e->length);
}

static status read_group(sim_journal *j, const format_group *group, void *context) {
    (void)context;
    change c;
    status code;
    for (size_t at = 0; (code = change_next(group->changes, group->length, &at, &c)) == STATUS_OK;)
        take_record(&j->fold, &c);
    return code == STATUS_END ? STATUS_OK : code;
}

static status write_table(sim_journal *j, unsigned table) {
    sim_fold *f = &j->fold;
    buf value = {0};
    for (size_t i = 0; i < f->count; i++) {
        const fold_entry *e = &f->entries[i];
        if (e->table != table) continue;
        if (e->removed) {
            shelf_delete(&j->shelf, table, e->key, e->key_length);
            continue;
        }
        uint8_t sum[FORMAT_VALUE_SUM];
        le_put32(sum, format_value_sum(table, e->key, e->key_length, e->value, e->length));
        buf_clear(&value);
        buf_append(&value, e->value, e->length);
        buf_append(&value, sum, sizeof sum);
        CHECK(buf_status(&value) == STATUS_OK);
        shelf_put(&j->shelf, table, e->key, e->key_length, value.data, value.size);
    }
    buf_deinit(&value);
    return j->shelf.batch.size == 0 ? STATUS_OK : shelf_write(&j->shelf, DISK_AT_FOLD_TABLE, DISK_PLACES);
}

static status write_mark(sim_journal *j) {
    uint8_t mark[8], key[FORMAT_GROUP_KEY];
    le_put64(mark, j->fold.upto);
    format_group_key(j->fold.upto, key);
    if (!broken(BREAK_SKIP_MARK)) shelf_put(&j->shelf, SHELF_META, META_MARK, sizeof META_MARK - 1, mark, sizeof mark);
    shelf_cut(&j->shelf, SHELF_LOG, key, sizeof key);
    status code = shelf_write(&j->shelf, DISK_AT_FOLD_MARK, DISK_AT_FOLD_MARK_SYNC);
    if (code != STATUS_OK) return code;
    j->mark = j->fold.upto;
    j->folds++;
    return disk_point(j->d, DISK_AT_FOLD_MARKED);
}

static status begin_fold(sim_journal *j) {
    j->fold.upto = j->sequence;
    j->fold.next_table = 1;
    j->fold.busy = true;
    status code = walk_groups(j, false, j->fold.upto, DISK_AT_FOLD_READ, read_group, NULL);
    return code == STATUS_OK && broken(BREAK_MARK_FIRST) ? write_mark(j) : code;
}

static bool has_entries(const sim_fold *f, unsigned table) {
    for (size_t i = 0; i < f->count; i++)
        if (f->entries[i].table == table) return true;
    return false;
}

status sim_journal_fold(sim_journal *j) {
    sim_fold *f = &j->fold;
    if (j->read_only || (!f->busy && j->mark == j->sequence)) return STATUS_OK;
    status code = STATUS_OK;
    if (!f->busy) {
        code = begin_fold(j);
    } else if (f->next_table < CHANGE_TABLE_END) {
        while (f->next_table < CHANGE_TABLE_END && !has_entries(f, f->next_table)) f->next_table++;
        if (f->next_table < CHANGE_TABLE_END) code = write_table(j, f->next_table++);
    } else {
        if (!broken(BREAK_MARK_FIRST)) code = write_mark(j);
        end_fold(f);
    }
    if (code == STATUS_CORRUPT || code == STATUS_OK || code == STATUS_CLOSED) return code;
    j->failed_checksum = 0;
    return latch(j, code, true);
}

/* ------------------------------------------------------------------ the history's old end */

status sim_journal_cut_history(sim_journal *j, int64_t before_ms) {
    if (j->read_only) return j->why;
    const shelf_item *item, *last = NULL;
    for (size_t i = shelf_seek(&j->shelf, CHANGE_HISTORY, NULL, 0); (item = shelf_at(&j->shelf, CHANGE_HISTORY, i));
         i++) {
        format_group group;
        const char *why;
        if (format_group_decode(item->value, item->length, true, &group, &why) != STATUS_OK ||
            group.time_ms > before_ms)
            break;
        last = item;
    }
    if (last == NULL) return STATUS_OK;
    shelf_cut(&j->shelf, CHANGE_HISTORY, last->key, last->key_length);
    j->failed_checksum = 0;
    status code = shelf_write(&j->shelf, DISK_AT_CUT, DISK_PLACES);
    return code == STATUS_OK ? code : latch(j, code, true);
}

/* ------------------------------------------------------------------ damage */

bool sim_journal_flip(sim_journal *j, uint64_t random) {
    size_t first = shelf_seek(&j->shelf, 1, NULL, 0); /* meta is not what is proved here */
    if (first >= j->shelf.count) return false;
    shelf_item *item = &j->shelf.items[first + random % (j->shelf.count - first)];
    random /= j->shelf.count;
    item->value[(random / 8) % item->length] ^= (uint8_t)(1u << random % 8);
    return true;
}
