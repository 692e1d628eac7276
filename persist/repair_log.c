/* The facts of the directory, and the log: what of it can be read without a gap is kept, what comes behind is cut off,
 * with the history of the same groups. Images are absolute, so groups that were folded already may be read again: if
 * the mark is lost, all that the log still has counts. */
#include "base/clock.h"
#include "base/le.h"
#include "persist/repair_internal.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define NAMED_MOST 20 /* groups that are named one by one, and subjects of theirs */

/* ------------------------------------------------------------------ meta */

static bool is_known(rocks *db, const char *name) {
    uint8_t value[META_MAX];
    size_t size = 0;
    return meta_get_bytes(db, name, value, &size, NULL, 0) == STATUS_OK &&
           (strcmp(name, META_CLUSTER) == 0 ? size >= 1 && size <= LIMIT_NAME_MAX : size == 8);
}

/* Of the groups that the log still has, the one before the first. False: it has none. */
static bool before_first(rocks *db, uint64_t *mark) {
    rocks_cursor c;
    size_t length = 0;
    rocks_cursor_open(db, ROCKS_LOG, NULL, 0, NULL, 0, false, &c);
    uint64_t first = 0;
    if (rocks_cursor_valid(&c)) {
        const uint8_t *key = rocks_cursor_key(&c, &length);
        first = format_group_sequence(key, length);
    }
    rocks_cursor_close(&c);
    *mark = first > 0 ? first - 1 : 0;
    return first > 0;
}

static void put_number(rocks *db, rocksdb_writebatch_t *batch, const char *name, uint64_t value) {
    meta_put_number(db, batch, name, value);
}

static status restore_meta(repair *r, rocks *db, rocksdb_writebatch_t *batch) {
    if (!is_known(db, META_FORMAT)) {
        put_number(db, batch, META_FORMAT, META_VERSION);
        repair_tell(r, REPAIR_HARMLESS, "meta \"" META_FORMAT "\" is damaged: it is that of this program");
    }
    if (!is_known(db, META_SEED)) {
        if (!r->known.group) {
            problem_set(r->problem, r->room,
                        "meta \"" META_SEED "\" is lost, and " LAST_ENTRY
                        " does not know it: without it nothing can be found. Restore a backup");
            return STATUS_CORRUPT;
        }
        put_number(db, batch, META_SEED, r->known.seed);
        repair_tell(r, REPAIR_HARMLESS, "meta \"" META_SEED "\" is damaged: it is taken from " LAST_ENTRY);
    }
    if (!is_known(db, META_CLUSTER)) {
        const char *name = r->known.name[0] != '\0' ? r->known.name : r->options->cluster;
        if (name == NULL) {
            problem_set(r->problem, r->room, "meta \"" META_CLUSTER "\" is lost: give the cluster's name by --cluster");
            return STATUS_CORRUPT;
        }
        meta_put(db, batch, META_CLUSTER, name, strlen(name));
        repair_tell(r, REPAIR_HARMLESS, "meta \"" META_CLUSTER "\" is damaged: the name is \"%s\" %s", name,
                    name == r->known.name ? "by " LAST_ENTRY : "as was given");
    }
    if (!is_known(db, META_MARK)) {
        uint64_t mark;
        if (!before_first(db, &mark)) mark = r->known.group ? r->known.sequence : 0;
        put_number(db, batch, META_MARK, mark);
        repair_tell(r, REPAIR_HARMLESS,
                    "meta \"" META_MARK "\" is damaged: all that the log has, from group %" PRIu64 " on, is read again",
                    mark + 1);
    }
    uint64_t history;
    status s = meta_get_number(db, META_HISTORY, &history, NULL, 0);
    if (s == STATUS_CORRUPT) {
        rocksdb_writebatch_delete_cf(batch, db->families[ROCKS_META], META_HISTORY, sizeof META_HISTORY - 1);
        repair_tell(r, REPAIR_HARMLESS,
                    "meta \"" META_HISTORY "\" is damaged: all of the history that is left counts again");
    }
    return STATUS_OK;
}

status repair_meta(repair *r, rocks *db) {
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    status s = restore_meta(r, db, batch);
    if (s == STATUS_OK && rocksdb_writebatch_count(batch) > 0) s = rocks_write(db, batch, true, r->problem, r->room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

/* ------------------------------------------------------------------ the log */

static status note_group(void *context, const format_group *group) {
    repair *r = context;
    r->last = group->sequence;
    r->last_ms = group->time_ms;
    return STATUS_OK;
}

/* A group behind the cut: its number, time and whom it was about. */
static void name_group(repair *r, const format_group *group) {
    char when[CLOCK_TIME_TEXT], key[128], text[PROBLEM_ROOM];
    change c;
    unsigned records = 0;
    size_t used = 0;
    text[0] = '\0';
    for (size_t at = 0; change_next(group->changes, group->length, &at, &c) == STATUS_OK; records++) {
        if (c.table != CHANGE_SUBJECTS && c.table != CHANGE_ACCOUNTS && c.table != CHANGE_RECORDS) continue;
        repair_key(c.table, c.key, c.key_length, key);
        if (strstr(text, key) != NULL) continue;
        int n = used < 160 ? snprintf(text + used, sizeof text - used, ", %s", key) : 0;
        used += n > 0 ? (size_t)n : 0;
    }
    repair_tell(r, REPAIR_DETAIL, "group %" PRIu64 " of %s: %u records%s%s", group->sequence,
                clock_format_ms(group->time_ms, when), records, text, used >= 160 ? ", …" : "");
}

/* What can be read behind the cut is named before it goes. *last: the highest number that is there. */
static void name_groups(repair *r, rocks *db, uint64_t from, uint64_t *last) {
    rocks_cursor c;
    uint8_t lower[FORMAT_GROUP_KEY];
    unsigned named = 0;
    format_group_key(from, lower);
    rocks_cursor_open(db, ROCKS_LOG, lower, sizeof lower, NULL, 0, false, &c);
    for (; rocks_cursor_valid(&c); rocks_cursor_next(&c)) {
        size_t length, size;
        format_group group;
        const char *why;
        const uint8_t *key = rocks_cursor_key(&c, &length), *value = rocks_cursor_value(&c, &size);
        uint64_t number = format_group_sequence(key, length);
        if (number > *last) *last = number;
        if (++named > NAMED_MOST) continue;
        if (format_group_decode(value, size, false, &group, &why) == STATUS_OK)
            name_group(r, &group);
        else
            repair_tell(r, REPAIR_DETAIL, "group %" PRIu64 ": %s", number, why);
    }
    rocks_cursor_close(&c);
    if (named > NAMED_MOST) repair_tell(r, REPAIR_DETAIL, "and %u groups more", named - NAMED_MOST);
}

static status cut(repair *r, rocks *db, uint64_t from) {
    uint8_t lower[FORMAT_GROUP_KEY], upper[FORMAT_GROUP_KEY + 1];
    format_group_key(from, lower);
    memset(upper, 0xff, sizeof upper);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    static const unsigned families[] = {ROCKS_LOG, CHANGE_HISTORY};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        rocksdb_writebatch_delete_range_cf(batch, db->families[families[i]], (const char *)lower, sizeof lower,
                                           (const char *)upper, sizeof upper);
    status s = rocks_write(db, batch, true, r->problem, r->room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

/* Whether there is anything at or behind this number. */
static bool any_from(rocks *db, unsigned family, uint64_t from) {
    rocks_cursor c;
    uint8_t lower[FORMAT_GROUP_KEY];
    format_group_key(from, lower);
    rocks_cursor_open(db, family, lower, sizeof lower, NULL, 0, false, &c);
    bool any = rocks_cursor_valid(&c);
    rocks_cursor_close(&c);
    return any;
}

/* LAST must not ask for what has been given up. */
static status lower_last(repair *r) {
    char path[REPAIR_PATH];
    if (!repair_path(r, path, "%s/" LAST_ENTRY, r->copy)) return STATUS_IO_ERROR;
    return remove(path) == 0 || access(path, F_OK) != 0 ? STATUS_OK : STATUS_IO_ERROR;
}

/* What is committed next must count. */
static status lower_history(repair *r, rocks *db) {
    uint64_t first = 0;
    status s = meta_get_number(db, META_HISTORY, &first, r->problem, r->room);
    if (s == STATUS_NOT_FOUND || (s == STATUS_OK && first <= r->last + 1)) return STATUS_OK;
    if (s != STATUS_OK) return s;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(db, batch, META_HISTORY, r->last + 1);
    s = rocks_write(db, batch, true, r->problem, r->room);
    rocksdb_writebatch_destroy(batch);
    repair_tell(r, REPAIR_HARMLESS, "history: it began behind group %" PRIu64 ", the last of the log", r->last);
    return s;
}

status repair_log(repair *r, rocks *db) {
    char text[PROBLEM_ROOM] = "", when[CLOCK_TIME_TEXT] = "";
    uint64_t mark = 0, last = 0, seen;
    status s = meta_get_number(db, META_MARK, &mark, r->problem, r->room);
    if (s != STATUS_OK) return s;
    r->last = mark;
    for (bool again = true; again;) {
        text[0] = '\0';
        s = walk_log(db, mark, UINT64_MAX, note_group, r, &last, text, sizeof text);
        again = s == STATUS_CORRUPT && repair_block(r, db, text) == STATUS_OK;
        if (db->db == NULL) return STATUS_CORRUPT; /* told in problem */
    }
    if (s != STATUS_OK && s != STATUS_CORRUPT) {
        problem_set(r->problem, r->room, "%s", text);
        return s;
    }
    if (r->gap_first != 0 && r->gap_first <= mark)
        repair_tell(r, REPAIR_LOST,
                    "the write-ahead log has lost groups %" PRIu64 " to %" PRIu64
                    "; what they changed is in the tables, what the history says of them is lost if it was not stored "
                    "elsewhere yet",
                    r->gap_first, r->gap_last < mark ? r->gap_last : mark);
    if (lower_history(r, db) != STATUS_OK) return STATUS_CORRUPT;
    seen = r->last;
    bool rest = s == STATUS_CORRUPT || any_from(db, CHANGE_HISTORY, r->last + 1);
    bool missing = r->known.group && r->known.sequence > r->last;
    if (!rest && !missing) return STATUS_OK;
    if (r->known.group && r->known.sequence > seen) {
        seen = r->known.sequence;
        clock_format_ms(r->known.time_ms, when);
    }
    if (s != STATUS_CORRUPT && !missing) {
        repair_tell(r, REPAIR_HARMLESS, "history: there is more than the log has groups; it goes");
    } else {
        repair_tell(r, REPAIR_LOST,
                    "%s: the log is cut behind group %" PRIu64 "; everything committed later is lost%s%s",
                    text[0] != '\0' ? text : "log: the last groups are missing", r->last,
                    when[0] != '\0' ? ", until " : "", when);
        if (r->last_ms != 0)
            repair_tell(r, REPAIR_DETAIL, "group %" PRIu64 ", the last that is kept, is of %s", r->last,
                        clock_format_ms(r->last_ms, when));
        name_groups(r, db, r->last + 1, &seen);
        repair_tell(r, REPAIR_DETAIL, "lost are groups %" PRIu64 " to %" PRIu64 "%s", r->last + 1, seen,
                    r->known.group ? "" : ", if there were no later ones");
    }
    s = cut(r, db, r->last + 1);
    return s == STATUS_OK ? lower_last(r) : s;
}
