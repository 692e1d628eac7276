/* The tables: every value is read. One whose checksum does not match is removed, after a look whether the log holds a
 * newer image. A part of a file that cannot be read cannot be removed alone: its table is written anew from all that
 * can be read, which costs its size in disk for the time being. */
#include "base/subject.h"
#include "engine/ledger.h"
#include "persist/repair_internal.h"

#include <dirent.h>
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMED_MOST 50
#define ID_AT 1 /* in keys of subjects, accounts and records: behind the shard */

const char *repair_key(unsigned table, const uint8_t *key, size_t length, char text[128]) {
    subject_id id;
    char number[SUBJECT_TEXT];
    if (table == CHANGE_HISTORY && length == FORMAT_GROUP_KEY) {
        snprintf(text, 128, "group %" PRIu64, format_group_sequence(key, length));
        return text;
    }
    if ((table == CHANGE_SUBJECTS || table == CHANGE_ACCOUNTS || table == CHANGE_RECORDS) &&
        length >= ID_AT + sizeof id) {
        memcpy(&id, key + ID_AT, sizeof id);
        unsigned program = table == CHANGE_ACCOUNTS ? id.bytes[0] >> 4 : 0;
        if (table == CHANGE_ACCOUNTS) id.bytes[0] &= 0x0f;
        if (subject_is_valid(&id)) {
            subject_format(&id, number);
            if (table == CHANGE_ACCOUNTS)
                snprintf(text, 128, "%s program %u%s", number, program, length > ID_AT + sizeof id ? " (balance)" : "");
            else if (table == CHANGE_RECORDS && length == ID_AT + sizeof id + 4)
                snprintf(text, 128, "%s item %u", number, (unsigned)key[length - 2] << 8 | key[length - 1]);
            else
                snprintf(text, 128, "%s", number);
            return text;
        }
    }
    size_t used = (size_t)snprintf(text, 128, "key ");
    for (size_t i = 0; i < length && used + 3 < 128; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%02x", key[i]);
    return text;
}

/* ------------------------------------------------------------------ what the log holds */

typedef struct bad_key {
    uint8_t length;
    bool in_log;
    uint64_t group; /* the newest of the log with an image */
    uint8_t key[LIMIT_KEY_BYTES];
} bad_key;

typedef struct bad_keys {
    unsigned table;
    bad_key *keys;
    size_t count, capacity;
} bad_keys;

static status add_bad(bad_keys *b, const uint8_t *key, size_t length) {
    if (b->count == b->capacity) {
        size_t capacity = b->capacity == 0 ? 64 : 2 * b->capacity;
        bad_key *grown = realloc(b->keys, capacity * sizeof *grown);
        if (grown == NULL) return STATUS_NO_MEMORY;
        b->keys = grown;
        b->capacity = capacity;
    }
    if (length > LIMIT_KEY_BYTES) length = LIMIT_KEY_BYTES;
    b->keys[b->count] = (bad_key){.length = (uint8_t)length};
    memcpy(b->keys[b->count++].key, key, length);
    return STATUS_OK;
}

static int compare(const void *a, const void *b) {
    const bad_key *x = a, *y = b;
    int c = memcmp(x->key, y->key, x->length < y->length ? x->length : y->length);
    return c != 0 ? c : (int)x->length - (int)y->length;
}

static status look_in_group(void *context, const format_group *group) {
    bad_keys *b = context;
    change c;
    status s;
    for (size_t at = 0; (s = change_next(group->changes, group->length, &at, &c)) == STATUS_OK;) {
        if (c.table != b->table) continue;
        bad_key wanted = {.length = (uint8_t)c.key_length};
        memcpy(wanted.key, c.key, c.key_length);
        bad_key *found = bsearch(&wanted, b->keys, b->count, sizeof *b->keys, compare);
        if (found == NULL) continue;
        found->in_log = true;
        found->group = group->sequence;
    }
    return s == STATUS_END ? STATUS_OK : s;
}

static status look_in_log(repair *r, rocks *db, bad_keys *b) {
    uint64_t mark = 0, last = 0;
    if (b->table == CHANGE_HISTORY) return STATUS_OK;
    status s = meta_get_number(db, META_MARK, &mark, r->problem, r->room);
    return s == STATUS_OK ? walk_log(db, mark, r->last, look_in_group, b, &last, r->problem, r->room) : s;
}

/* ------------------------------------------------------------------ reading past damage */

static uint64_t number_of(const uint8_t *key, size_t length) {
    uint64_t prefix = 0;
    memcpy(&prefix, key, length < sizeof prefix ? length : sizeof prefix);
    return be64toh(prefix);
}

/* Whether a cursor stands well, or at the end, that begins at the first key with that beginning. A new one each time:
 * one that has met damage is not to be trusted near it. */
static bool seek(rocks *db, unsigned table, rocks_cursor *c, uint64_t prefix) {
    uint8_t key[8];
    uint64_t big = htobe64(prefix);
    memcpy(key, &big, sizeof key);
    rocks_cursor_close(c);
    rocks_cursor_open(db, table, key, sizeof key, NULL, 0, false, c);
    return rocks_cursor_valid(c) || rocks_cursor_status(c, NULL, 0) == STATUS_OK;
}

/* To the first key behind the part that cannot be read: seeks ahead in steps that grow, then narrows down. The steps
 * grow by an eighth, so what can be read behind this part and before the next is not stepped over, unless it is an
 * eighth of its size. False: there is none. */
static bool pass_hole(rocks *db, unsigned table, rocks_cursor *c, const uint8_t *last, size_t length) {
    uint64_t from = number_of(last, length), bad = from, step = 8;
    while (!seek(db, table, c, from + step)) {
        bad = from + step;
        if (step > (UINT64_MAX - from) / 2) return false;
        step += step / 8;
    }
    uint64_t good = from + step;
    while (good - bad > 1) {
        uint64_t middle = bad + (good - bad) / 2;
        *(seek(db, table, c, middle) ? &good : &bad) = middle;
    }
    return seek(db, table, c, good) && rocks_cursor_valid(c);
}

static bool value_good(unsigned table, const uint8_t *key, size_t key_length, const uint8_t *value, size_t size) {
    size_t length;
    format_group group;
    const char *why;
    if (table == CHANGE_HISTORY)
        return format_group_decode(value, size, true, &group, &why) == STATUS_OK &&
               group.sequence == format_group_sequence(key, key_length);
    return format_value_check(table, key, key_length, value, size, &length) == STATUS_OK;
}

typedef struct reading {
    repair *r;
    unsigned table;
    uint64_t mark; /* groups up to here are in the tables (log), or cut off (history): nobody looks at them */
    bad_keys bad;
    uint64_t holes;
    rocksdb_sstfilewriter_t *writer; /* NULL: only look */
    uint64_t written;
    uint8_t last[LIMIT_KEY_BYTES];
    size_t last_length;
} reading;

static void tell_hole(reading *w, const rocks_cursor *c, bool more) {
    char from[128], to[128] = "the end";
    size_t length = 0;
    if (more) {
        const uint8_t *key = rocks_cursor_key(c, &length);
        repair_key(w->table, key, length, to);
    }
    repair_key(w->table, w->last, w->last_length, from);
    repair_tell(w->r, REPAIR_DETAIL, "lost, but for what the log has of it: everything between %s and %s",
                w->last_length > 0 ? from : "the beginning", more ? to : "the end");
}

/* One value: kept, written, or remembered as bad. */
static status take(reading *w, const rocks_cursor *c) {
    size_t length, size;
    char *error = NULL;
    const uint8_t *key = rocks_cursor_key(c, &length), *value = rocks_cursor_value(c, &size);
    w->last_length = length < sizeof w->last ? length : sizeof w->last;
    memcpy(w->last, key, w->last_length);
    uint64_t number = format_group_sequence(key, length);
    if (w->table == CHANGE_HISTORY && number != 0 && number <= w->mark) return STATUS_OK;
    if (w->table == ROCKS_LOG) {
        if (w->writer == NULL || number <= w->mark) return STATUS_OK;
    } else if (!value_good(w->table, key, length, value, size))
        return w->writer == NULL ? add_bad(&w->bad, key, length) : STATUS_OK;
    if (w->writer == NULL) return STATUS_OK;
    rocksdb_sstfilewriter_put(w->writer, (const char *)key, length, (const char *)value, size, &error);
    w->written++;
    return rocks_status(error, w->r->problem, w->r->room);
}

/* Everything of the table that can be read. *hole: RocksDB's text about the first part that cannot. */
static status read_table(reading *w, rocks *db, char hole[PROBLEM_ROOM]) {
    rocks_cursor c;
    status s = STATUS_OK;
    rocks_cursor_open(db, w->table, NULL, 0, NULL, 0, false, &c);
    for (bool more = true; s == STATUS_OK && more;) {
        for (; s == STATUS_OK && rocks_cursor_valid(&c); rocks_cursor_next(&c)) s = take(w, &c);
        char text[PROBLEM_ROOM];
        if (s != STATUS_OK || rocks_cursor_status(&c, text, sizeof text) == STATUS_OK) break;
        if (w->holes++ == 0) snprintf(hole, PROBLEM_ROOM, "%s", text);
        more = pass_hole(db, w->table, &c, w->last, w->last_length);
        if (w->writer != NULL && w->table != ROCKS_LOG) tell_hole(w, &c, more);
    }
    rocks_cursor_close(&c);
    return s;
}

/* ------------------------------------------------------------------ writing anew */

static status replace_family(repair *r, rocks *db, unsigned table, const char *path) {
    char *error = NULL;
    rocksdb_drop_column_family(db->db, db->families[table], &error);
    status s = rocks_status(error, r->problem, r->room);
    if (s != STATUS_OK) return s;
    rocksdb_column_family_handle_destroy(db->families[table]);
    error = NULL;
    const rocksdb_options_t *options = table == ROCKS_LOG ? db->log : table == CHANGE_HISTORY ? db->history : db->table;
    db->families[table] = rocksdb_create_column_family(db->db, options, rocks_family_name(table), &error);
    s = rocks_status(error, r->problem, r->room);
    return s == STATUS_OK && path != NULL ? rocks_ingest(db, table, path, r->problem, r->room) : s;
}

static status write_anew(repair *r, rocks *db, unsigned table, uint64_t mark, const char *why) {
    char path[REPAIR_PATH], hole[PROBLEM_ROOM], *error = NULL;
    if (!repair_path(r, path, "%s/anew.sst", r->copy)) return STATUS_IO_ERROR;
    if (table == ROCKS_LOG)
        repair_tell(r, REPAIR_HARMLESS, "log: a part that is in the tables already cannot be read (%s): it is left out",
                    why);
    else
        repair_tell(r, REPAIR_LOST, "%s: a part cannot be read (%s): the table is written anew without it",
                    rocks_family_name(table), why);
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    reading w = {.r = r, .table = table, .mark = mark, .writer = rocksdb_sstfilewriter_create(env, db->table)};
    rocksdb_sstfilewriter_open(w.writer, path, &error);
    status s = rocks_status(error, r->problem, r->room);
    if (s == STATUS_OK) s = read_table(&w, db, hole);
    error = NULL;
    if (s == STATUS_OK && w.written > 0) {
        rocksdb_sstfilewriter_finish(w.writer, &error);
        s = rocks_status(error, r->problem, r->room);
    }
    rocksdb_sstfilewriter_destroy(w.writer);
    rocksdb_envoptions_destroy(env);
    if (s == STATUS_OK) s = replace_family(r, db, table, w.written > 0 ? path : NULL);
    unlink(path);
    return s;
}

static status remove_bad(repair *r, rocks *db, const bad_keys *b) {
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    for (size_t i = 0; i < b->count; i++) {
        const bad_key *k = &b->keys[i];
        char text[128];
        repair_line kind = k->in_log ? REPAIR_HARMLESS : REPAIR_LOST;
        rocksdb_writebatch_delete_cf(batch, db->families[b->table], (const char *)k->key, k->length);
        if (i >= NAMED_MOST) continue;
        repair_key(b->table, k->key, k->length, text);
        if (k->in_log)
            repair_tell(r, kind,
                        "%s: the value of %s is damaged; group %" PRIu64 " of the log has a newer one, which counts",
                        rocks_family_name(b->table), text, k->group);
        else
            repair_tell(r, kind, "%s: the value of %s is damaged, and there is no other: it is removed",
                        rocks_family_name(b->table), text);
    }
    if (b->count > NAMED_MOST)
        repair_tell(r, REPAIR_LOST, "%s: %zu damaged values more are removed", rocks_family_name(b->table),
                    b->count - NAMED_MOST);
    status s = rocks_write(db, batch, true, r->problem, r->room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

static status repair_table(repair *r, rocks *db, unsigned table) {
    char hole[PROBLEM_ROOM] = "";
    uint64_t mark = 0;
    if (table == ROCKS_LOG && meta_get_number(db, META_MARK, &mark, r->problem, r->room) != STATUS_OK)
        return STATUS_CORRUPT;
    if (table == CHANGE_HISTORY && meta_get_number(db, META_HISTORY, &mark, NULL, 0) == STATUS_OK && mark > 0) mark--;
    reading w = {.r = r, .table = table, .mark = mark, .bad = {.table = table}};
    status s;
    do { /* a bit that can be put back is no hole */
        free(w.bad.keys);
        w = (reading){.r = r, .table = table, .mark = mark, .bad = {.table = table}};
        s = read_table(&w, db, hole);
    } while (s == STATUS_OK && w.holes > 0 && repair_block(r, db, hole) == STATUS_OK);
    if (db->db == NULL) s = STATUS_CORRUPT; /* told in problem */
    if (s == STATUS_OK && w.bad.count > 0) {
        qsort(w.bad.keys, w.bad.count, sizeof *w.bad.keys, compare);
        s = look_in_log(r, db, &w.bad);
        if (s == STATUS_OK) s = remove_bad(r, db, &w.bad);
    }
    if (s == STATUS_OK && w.holes > 0) s = write_anew(r, db, table, mark, hole);
    free(w.bad.keys);
    return s;
}

/* ------------------------------------------------------------------ after RocksDB's own repair */

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int sorted_file(const struct dirent *e) { return strstr(e->d_name, ".sst") != NULL; }

/* Sorted files that the fold made say nothing of their table, and RocksDB's repair puts them aside. They go into the
 * default family, which is empty, in the order in which they were made; from there their values find home. */
static status take_back(repair *r, rocks *db) {
    char path[REPAIR_PATH];
    struct dirent **found = NULL;
    if (!repair_path(r, path, "%s/lost", r->db)) return STATUS_IO_ERROR;
    int n = scandir(path, &found, sorted_file, by_name);
    for (int i = 0; i < n; i++) {
        char problem[PROBLEM_ROOM] = "it cannot be copied";
        if (repair_path(r, path, "%s/lost/%s", r->db, found[i]->d_name) &&
            (!repair_own_file(r, path) || rocks_ingest(db, ROCKS_DEFAULT, path, problem, sizeof problem) != STATUS_OK))
            repair_tell(r, REPAIR_DETAIL, "db/%s is lost: %s", found[i]->d_name, problem);
        free(found[i]);
    }
    free(found);
    return STATUS_OK;
}

/* The checksum of a value covers its table's number: it tells where it belongs. 0: nowhere. */
static unsigned table_of(const uint8_t *key, size_t key_length, const uint8_t *value, size_t size) {
    size_t length;
    for (unsigned t = 1; t < CHANGE_TABLE_END; t++)
        if (t != CHANGE_HISTORY && format_value_check(t, key, key_length, value, size, &length) == STATUS_OK) return t;
    return 0;
}

/* Into its table, unless that has another image: which of the two is newer is not known any more. */
static status bring_home(repair *r, rocks *db, const rocks_cursor *c, rocksdb_writebatch_t *batch, uint64_t *doubtful) {
    size_t length, size, there_size = 0;
    const uint8_t *key = rocks_cursor_key(c, &length), *value = rocks_cursor_value(c, &size);
    unsigned table = table_of(key, length, value, size);
    if (table == 0) return STATUS_OK;
    uint8_t *there = malloc(LIMIT_RECORD_BYTES + FORMAT_VALUE_SUM);
    if (there == NULL) return STATUS_NO_MEMORY;
    status s = rocks_get(db, table, key, length, there, LIMIT_RECORD_BYTES + FORMAT_VALUE_SUM, &there_size, r->problem,
                         r->room);
    bool same = s == STATUS_OK && there_size == size && memcmp(there, value, size) == 0;
    free(there);
    if (s == STATUS_NOT_FOUND) {
        rocksdb_writebatch_put_cf(batch, db->families[table], (const char *)key, length, (const char *)value, size);
        return STATUS_OK;
    }
    if (s != STATUS_OK || same || ++*doubtful > NAMED_MOST) return s;
    char text[128];
    repair_tell(r, REPAIR_DETAIL, "%s: of %s there are two images; the one that is kept may be the older",
                rocks_family_name(table), repair_key(table, key, length, text));
    return s;
}

static status bring_all_home(repair *r, rocks *db) {
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocks_cursor c;
    uint64_t doubtful = 0, found = 0;
    status s = STATUS_OK;
    rocks_cursor_open(db, ROCKS_DEFAULT, NULL, 0, NULL, 0, false, &c);
    for (; s == STATUS_OK && rocks_cursor_valid(&c); rocks_cursor_next(&c), found++) {
        s = bring_home(r, db, &c, batch, &doubtful);
        if (s != STATUS_OK || rocksdb_writebatch_count(batch) < 1000) continue;
        s = rocks_write(db, batch, false, r->problem, r->room);
        rocksdb_writebatch_clear(batch);
    }
    if (s == STATUS_OK) s = rocks_cursor_status(&c, r->problem, r->room);
    rocks_cursor_close(&c);
    if (s == STATUS_OK && found > 0) {
        static const char lower[1],
            upper[LIMIT_KEY_BYTES] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
        rocksdb_writebatch_delete_range_cf(batch, db->families[ROCKS_DEFAULT], lower, 0, upper, sizeof upper);
        s = rocks_write(db, batch, true, r->problem, r->room);
    }
    rocksdb_writebatch_destroy(batch);
    if (doubtful > NAMED_MOST) repair_tell(r, REPAIR_DETAIL, "and %" PRIu64 " more", doubtful - NAMED_MOST);
    return s;
}

status repair_tables(repair *r, rocks *db) {
    status s = take_back(r, db);
    if (s == STATUS_OK) s = bring_all_home(r, db);
    for (unsigned t = 1; s == STATUS_OK && t < CHANGE_TABLE_END; t++) s = repair_table(r, db, t);
    /* The log behind the mark has been read; what lies before it must not stand in the way either. */
    return s == STATUS_OK ? repair_table(r, db, ROCKS_LOG) : s;
}
