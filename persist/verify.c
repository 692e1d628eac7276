/* One walk a column family, all of the same shape: a cursor, a check for the kind of family, a report.
 *
 * Where a block cannot be read the cursor cannot go on by itself. The next readable key is found by seeking ahead of
 * the last one in steps that grow, then narrowing down: keys are bytes, so the first eight of them are a number to
 * count with. A block lost costs some fifty seeks. */
#include "persist/verify.h"

#include "persist/internal.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY 65536
#define PROBLEMS_MOST 1000 /* a table; a disk that is gone shows everywhere */
#define FILE_ROOM 512

typedef struct walk {
    journal *j;
    unsigned family;
    verify_table *table;
    verify_report *report;
    verify_visit visit;
    verify_progress progress;
    void *context;
    uint64_t told;
    uint64_t expected; /* log: the next group */
    uint8_t last[LIMIT_KEY_BYTES];
    size_t last_length; /* 0: no key yet */
} walk;

/* ---- telling */

/* The sorted file of the family that could hold the key, "" if none. */
static void find_file(const walk *w, const uint8_t *key, size_t length, char file[FILE_ROOM]) {
    const rocksdb_livefiles_t *files = rocksdb_livefiles(w->j->rocks.db);
    file[0] = '\0';
    for (int i = 0; i < rocksdb_livefiles_count(files) && file[0] == '\0'; i++) {
        size_t n, m;
        const char *smallest = rocksdb_livefiles_smallestkey(files, i, &n);
        const char *largest = rocksdb_livefiles_largestkey(files, i, &m);
        int low = memcmp(key, smallest, length < n ? length : n), high = memcmp(key, largest, length < m ? length : m);
        if (strcmp(rocksdb_livefiles_column_family_name(files, i), w->table->name) != 0) continue;
        if (low < 0 || (low == 0 && length < n) || high > 0 || (high == 0 && length > m)) continue;
        snprintf(file, FILE_ROOM, "%s%s", w->j->db_path, rocksdb_livefiles_name(files, i));
    }
    rocksdb_livefiles_destroy(files);
}

/* RocksDB's errors name the file somewhere in their text. */
static void file_of_text(const char *text, char file[FILE_ROOM]) {
    const char *end = strstr(text, ".sst"), *begin = end;
    file[0] = '\0';
    if (end == NULL) return;
    while (begin > text && begin[-1] != ' ') begin--;
    snprintf(file, FILE_ROOM, "%.*s", (int)(end + 4 - begin), begin);
}

static void tell(walk *w, const uint8_t *key, size_t length, bool block, const char *file, const char *what) {
    verify_problem p = {
        .file = file, .table = w->table->name, .key = key, .key_length = length, .block = block, .what = what};
    w->table->damaged++;
    w->report->problems++;
    w->told++;
    if (w->visit != NULL) w->visit(w->context, &p);
}

static void tell_value(walk *w, const uint8_t *key, size_t length, const char *what) {
    char file[FILE_ROOM];
    find_file(w, key, length, file);
    tell(w, key, length, false, file, what);
}

/* ---- checks */

static bool check_group(walk *w, const uint8_t *key, size_t key_length, const uint8_t *value, size_t size,
                        bool history) {
    uint64_t number = format_group_sequence(key, key_length);
    const char *why = "the key is no group's number";
    char text[160];
    format_group group;
    uint64_t first = history ? atomic_load(&w->j->history_from) : atomic_load(&w->j->mark) + 1;
    if (number != 0 && number < first) return true; /* cut off, not gone yet */
    status s = number == 0 ? STATUS_CORRUPT : format_group_decode(value, size, history, &group, &why);
    if (s == STATUS_OK && group.sequence != number) {
        why = "it carries another number";
        s = STATUS_CORRUPT;
    }
    if (s == STATUS_OK && history && number > atomic_load(&w->j->sequence)) {
        why = "the log has no such group";
        s = STATUS_CORRUPT;
    }
    if (!history && number != 0) {
        if (number != w->expected) {
            snprintf(text, sizeof text, "groups %" PRIu64 " to %" PRIu64 " are missing", w->expected, number - 1);
            tell(w, key, key_length, true, "", text);
        }
        w->expected = number + 1;
    }
    if (s == STATUS_OK) return true;
    snprintf(text, sizeof text, "group %" PRIu64 ": %s", number, why);
    tell_value(w, key, key_length, text);
    return false;
}

static bool check_value(walk *w, const uint8_t *key, size_t key_length, const uint8_t *value, size_t size) {
    size_t length;
    if (w->family == ROCKS_LOG) return check_group(w, key, key_length, value, size, false);
    if (w->family == CHANGE_HISTORY) return check_group(w, key, key_length, value, size, true);
    unsigned number = w->family == ROCKS_META ? FORMAT_META : w->family;
    if (format_value_check(number, key, key_length, value, size, &length) == STATUS_OK) return true;
    tell_value(w, key, key_length, "the stored value does not match its checksum");
    return false;
}

/* ---- walking */

static uint64_t number_of(const uint8_t *key, size_t length) {
    uint64_t prefix = 0;
    memcpy(&prefix, key, length < sizeof prefix ? length : sizeof prefix);
    return be64toh(prefix);
}

/* Whether the cursor stands well, or at the end, when it looks for the key with that beginning. With a new iterator:
 * one that has met a bad block may later pass it over as if it were the end. */
static bool seek(const walk *w, rocks_cursor *c, uint64_t prefix) {
    uint8_t key[8];
    uint64_t big = htobe64(prefix);
    char *error = NULL;
    memcpy(key, &big, sizeof key);
    rocksdb_iter_destroy(c->iterator);
    c->iterator = rocksdb_create_iterator_cf(w->j->rocks.db, c->options, w->j->rocks.families[w->family]);
    rocksdb_iter_seek(c->iterator, (const char *)key, sizeof key);
    if (rocks_cursor_valid(c)) return true;
    rocksdb_iter_get_error(c->iterator, &error);
    bool well = error == NULL;
    rocksdb_free(error);
    return well;
}

/* Past the block that cannot be read. False: to the end of the family. */
static bool skip(const walk *w, rocks_cursor *c) {
    uint64_t from = number_of(w->last, w->last_length), step = 1;
    while (!seek(w, c, from + step)) {
        if (step > (UINT64_MAX - from) / 4) return false;
        step *= 4;
    }
    uint64_t bad = from, good = from + step;
    while (good - bad > 1) {
        uint64_t middle = bad + (good - bad) / 2;
        *(seek(w, c, middle) ? &good : &bad) = middle;
    }
    return seek(w, c, good) && rocks_cursor_valid(c);
}

static void remember(walk *w, const uint8_t *key, size_t length) {
    w->last_length = length < sizeof w->last ? length : sizeof w->last;
    memcpy(w->last, key, w->last_length);
}

/* True if there is more to read behind what cannot be read. */
static bool pass_damage(walk *w, rocks_cursor *c) {
    char text[PROBLEM_ROOM] = "", file[FILE_ROOM];
    if (rocks_cursor_status(c, text, sizeof text) == STATUS_OK) return false;
    file_of_text(text, file);
    tell(w, w->last, w->last_length, true, file, text);
    return w->told < PROBLEMS_MOST && skip(w, c);
}

static void walk_family(walk *w) {
    rocks_cursor c;
    rocks_cursor_open(&w->j->rocks, w->family, NULL, 0, NULL, 0, false, &c);
    do {
        for (; rocks_cursor_valid(&c) && w->told < PROBLEMS_MOST; rocks_cursor_next(&c)) {
            size_t length, size;
            const uint8_t *key = rocks_cursor_key(&c, &length), *value = rocks_cursor_value(&c, &size);
            remember(w, key, length);
            if (!check_value(w, key, length, value, size)) continue;
            w->table->values++;
            w->table->bytes += length + size;
            if (w->progress != NULL && w->table->values % PROGRESS_EVERY == 0)
                w->progress(w->context, w->table->values);
        }
    } while (w->told < PROBLEMS_MOST && pass_damage(w, &c));
    rocks_cursor_close(&c);
}

static void count_files(const journal *j, verify_report *out) {
    const rocksdb_livefiles_t *files = rocksdb_livefiles(j->rocks.db);
    out->files = (uint64_t)rocksdb_livefiles_count(files);
    for (int i = 0; i < rocksdb_livefiles_count(files); i++) out->file_bytes += rocksdb_livefiles_size(files, i);
    rocksdb_livefiles_destroy(files);
}

status journal_verify(journal *j, verify_visit visit, verify_progress progress, void *context, verify_report *out) {
    *out = (verify_report){0};
    count_files(j, out);
    for (unsigned f = 1; f < ROCKS_FAMILIES; f++) {
        verify_table *table = &out->tables[out->table_count++];
        table->name = rocks_family_name(f);
        walk w = {.j = j,
                  .family = f,
                  .table = table,
                  .report = out,
                  .visit = visit,
                  .progress = progress,
                  .context = context,
                  .expected = atomic_load(&j->mark) + 1};
        walk_family(&w);
        if (f == ROCKS_LOG && w.told == 0 && w.expected != atomic_load(&j->sequence) + 1)
            tell(&w, NULL, 0, true, "", "groups at the end are missing");
    }
    return out->problems == 0 ? STATUS_OK : STATUS_CORRUPT;
}
