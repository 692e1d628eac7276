/* One round of folding: a piece of the log becomes tables.
 *
 *   read     the groups behind the mark, copied, up to FOLD_ROUND_BYTES or FOLD_ROUND_RECORDS; each record becomes a
 *            16-byte entry of its table: the first eight key bytes as a number, and where the record is
 *   sort     each table's entries by key with a stable merge sort, so that of equal keys the last is the newest image
 *   write    more than FOLD_PUT_BYTES: a sorted file, ingested. Fewer: puts of at most PUT_BATCH bytes each, so that a
 *            commit never waits behind a long batch. Before a file is ingested the family's memtable is flushed from
 *            here, because RocksDB would do it with all writes held up
 *   mark     one synced batch sets the mark and deletes the log's range behind it: both or neither
 *
 * A crash anywhere is harmless. Before the mark, the log still holds everything and images are absolute, so the next
 * round writes the same again. Files are synced before the mark, and the batch's sync covers the puts before it.
 *
 * Cost: one pass of reading with checksums, n log n comparisons of mostly one integer, one pass of writing. Memory: the
 * round's log plus 32 bytes a record. */
/* The hash is compiled in, as in persist/format.c. */
#define XXH_INLINE_ALL
#include "base/check.h"
#include "base/clock.h"
#include "base/le.h"
#include "persist/directory.h"
#include "persist/fault.h"
#include "persist/internal.h"
#include "persist/pages.h"
#include "persist/problem.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define PUT_BATCH ((size_t)64 << 10)
#define LOG_FLUSH_BYTES ((uint64_t)4 << 20)
#define PREFETCH 8       /* records are met in key order: anywhere in memory */
#define CHECK_EVERY 1024 /* records between looks at `interrupt` */

/* A family with so many files on its level 0 is behind with compaction; more files would make loads slow. The fold
 * waits for it, a while: the log can grow meanwhile, but not without end. */
#define LEVEL0_MANY 20
#define LEVEL0_WAIT_MS 30000

typedef struct entry {
    uint64_t prefix;       /* the key's first bytes, zero-padded, as a big-endian number */
    const uint8_t *record; /* encoded, in the round's copies */
} entry;

typedef struct table_entries {
    entry *entries;
    size_t count, capacity;
    size_t bytes; /* of keys and values */
} table_entries;

typedef struct round {
    journal *j;
    uint8_t *copies; /* of groups' changes, one behind the other; never moved, entries point into it */
    size_t copied, copies_size;
    size_t log_bytes, records;
    table_entries tables[CHANGE_TABLE_END];
    fold_progress *progress;
    char *problem;
    size_t room;
} round;

static bool interrupted(const journal *j) {
    return atomic_load_explicit(&j->fold.interrupt, memory_order_relaxed) ||
           atomic_load_explicit(&j->sick, memory_order_relaxed);
}

static size_t key_length_of(const entry *e) { return e->record[1]; }
static const uint8_t *key_of(const entry *e) { return e->record + CHANGE_HEADER; }

/* ---- read */

static status add_entry(table_entries *t, const change *c) {
    if (t->count == t->capacity) {
        size_t capacity = t->capacity == 0 ? 4096 : t->capacity * 2;
        entry *grown = pages_grow(t->entries, t->capacity * sizeof *grown, capacity * sizeof *grown);
        if (grown == NULL) return STATUS_NO_MEMORY;
        t->entries = grown;
        t->capacity = capacity;
    }
    uint64_t prefix = 0;
    memcpy(&prefix, c->key, c->key_length < sizeof prefix ? c->key_length : sizeof prefix);
    t->entries[t->count++] = (entry){be64toh(prefix), c->key - CHANGE_HEADER};
    t->bytes += c->key_length + c->value_length;
    return STATUS_OK;
}

/* The copies never move: room for the largest round is reserved, and the system gives only what is written to. */
static status keep_copy(round *r, const format_group *group, const uint8_t **copy) {
    if (r->copies == NULL) {
        r->copies_size = FOLD_ROUND_BYTES + LIMIT_GROUP_BYTES + LIMIT_RECORD_BYTES;
        r->copies = pages_alloc(r->copies_size);
        if (r->copies == NULL) return STATUS_NO_MEMORY;
    }
    /* A longer group than a commit takes is damage that has a right checksum. */
    if (group->length > r->copies_size - r->copied) {
        problem_set(r->problem, r->room, "log: group %" PRIu64 " is impossibly large", group->sequence);
        return STATUS_CORRUPT;
    }
    *copy = r->copies + r->copied;
    memcpy(r->copies + r->copied, group->changes, group->length);
    r->copied += group->length;
    return STATUS_OK;
}

static status read_group(void *context, const format_group *group) {
    round *r = context;
    if (interrupted(r->j)) return STATUS_UNAVAILABLE;
    status s = fault_step(FAULT_FOLD_READ);
    if (s != STATUS_OK) return s;
    const uint8_t *copy = NULL;
    s = keep_copy(r, group, &copy);
    if (s != STATUS_OK) return s;
    change c;
    for (size_t at = 0; (s = change_next(copy, group->length, &at, &c)) == STATUS_OK;) {
        s = add_entry(&r->tables[c.table], &c);
        if (s != STATUS_OK) return s;
        r->records++;
    }
    if (s != STATUS_END) {
        problem_set(r->problem, r->room, "log: group %" PRIu64 " does not hold records", group->sequence);
        return s;
    }
    r->log_bytes += FORMAT_GROUP_HEADER + group->length;
    return r->log_bytes >= FOLD_ROUND_BYTES || r->records >= FOLD_ROUND_RECORDS ? STATUS_END : STATUS_OK;
}

static int compare(const entry *a, const entry *b) {
    if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
    size_t la = key_length_of(a), lb = key_length_of(b);
    int c = memcmp(key_of(a), key_of(b), la < lb ? la : lb);
    return c != 0 ? c : (la > lb) - (la < lb);
}

/* ---- drop what was overwritten */

/* A ledger under load writes the balances of few accounts over and over. Sorting finds the last of equal keys too, at
 * twenty comparisons a record; where keys repeat, a table of those seen, from the newest record backwards, is cheaper.
 * Where they do not (an import), it would only cost. */

#define SAMPLE 16384u
#define SEEN_FIRST 65536u /* slots */

typedef struct seen {
    uint32_t *slots; /* index of an entry + 1 */
    uint32_t mask, count;
} seen;

static uint32_t slot_of(const seen *s, const table_entries *t, const entry *e) {
    uint32_t at = (uint32_t)XXH3_64bits(key_of(e), key_length_of(e)) & s->mask;
    while (s->slots[at] != 0 && compare(&t->entries[s->slots[at] - 1], e) != 0) at = (at + 1) & s->mask;
    return at;
}

static bool seen_grow(seen *s, const table_entries *t) {
    if (s->slots != NULL && s->count <= s->mask / 2) return true;
    uint32_t slots = s->slots == NULL ? SEEN_FIRST : (s->mask + 1) * 4;
    seen larger = {.slots = calloc(slots, sizeof *larger.slots), .mask = slots - 1, .count = s->count};
    if (larger.slots == NULL) return false;
    for (uint32_t i = 0; s->slots != NULL && i <= s->mask; i++)
        if (s->slots[i] != 0) larger.slots[slot_of(&larger, t, &t->entries[s->slots[i] - 1])] = s->slots[i];
    free(s->slots);
    *s = larger;
    return true;
}

/* Looks at the newest `n` entries and keeps the newest of each key at the end of the array, in order. Returns how many
 * are kept; without memory all of them. */
static size_t keep_unseen(table_entries *t, size_t n, bool move) {
    seen s = {0};
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = t->count - 1 - i;
        if (!seen_grow(&s, t)) {
            free(s.slots);
            return n;
        }
        uint32_t slot = slot_of(&s, t, &t->entries[at]);
        if (s.slots[slot] != 0) continue;
        size_t to = move ? t->count - 1 - kept : at;
        t->entries[to] = t->entries[at];
        s.slots[slot] = (uint32_t)to + 1;
        s.count++;
        kept++;
    }
    free(s.slots);
    return kept;
}

static void drop_overwritten(table_entries *t) {
    if (t->count < 2 * SAMPLE || keep_unseen(t, SAMPLE, false) > SAMPLE / 4 * 3) return;
    size_t kept = keep_unseen(t, t->count, true);
    memmove(t->entries, t->entries + (t->count - kept), kept * sizeof *t->entries);
    t->count = kept;
}

/* ---- sort */

#define RUN 16

static void sort_run(entry *e, size_t n) {
    for (size_t i = 1; i < n; i++) {
        entry moving = e[i];
        size_t at = i;
        for (; at > 0 && compare(&e[at - 1], &moving) > 0; at--) e[at] = e[at - 1];
        e[at] = moving;
    }
}

static void merge(const entry *a, size_t na, const entry *b, size_t nb, entry *to) {
    const entry *a_end = a + na, *b_end = b + nb;
    while (a < a_end && b < b_end) *to++ = compare(a, b) <= 0 ? *a++ : *b++;
    while (a < a_end) *to++ = *a++;
    while (b < b_end) *to++ = *b++;
}

/* Stable. Runs of RUN by insertion, then merged pairwise between the array and a copy. */
static status sort_entries(table_entries *t) {
    entry *from = t->entries, *to = pages_alloc(t->capacity * sizeof *to);
    if (to == NULL) return STATUS_NO_MEMORY;
    for (size_t i = 0; i < t->count; i += RUN) sort_run(from + i, t->count - i < RUN ? t->count - i : RUN);
    for (size_t width = RUN; width < t->count; width *= 2) {
        for (size_t i = 0; i < t->count; i += 2 * width) {
            size_t left = t->count - i < width ? t->count - i : width;
            size_t right = t->count - i - left < width ? t->count - i - left : width;
            merge(from + i, left, from + i + left, right, to + i);
        }
        entry *swap = from;
        from = to;
        to = swap;
    }
    pages_free(to, t->capacity * sizeof *to);
    t->entries = from;
    return STATUS_OK;
}

/* Keeps the last of each run of equal keys. */
static void keep_newest(table_entries *t) {
    size_t kept = 0, bytes = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (i + 1 < t->count && compare(&t->entries[i], &t->entries[i + 1]) == 0) continue;
        t->entries[kept++] = t->entries[i];
        uint32_t value = le_get32(t->entries[i].record + 4);
        bytes += key_length_of(&t->entries[i]) + (value == CHANGE_REMOVED ? 0 : value);
    }
    t->count = kept;
    t->bytes = bytes;
}

/* ---- write */

/* An entry as it goes into a table: `stored` is the value with its sum, in scratch memory of the caller. */
static status stored_value(unsigned table, const entry *e, buf *scratch, bool *removed) {
    uint32_t length = le_get32(e->record + 4);
    *removed = length == CHANGE_REMOVED;
    if (*removed) return STATUS_OK;
    const uint8_t *value = key_of(e) + key_length_of(e);
    uint8_t sum[FORMAT_VALUE_SUM];
    le_put32(sum, format_value_sum(table, key_of(e), key_length_of(e), value, length));
    buf_clear(scratch);
    buf_append(scratch, value, length);
    buf_append(scratch, sum, sizeof sum);
    return buf_status(scratch);
}

static status write_puts(round *r, unsigned table, const table_entries *t, buf *scratch) {
    rocks *db = &r->j->rocks;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    status s = STATUS_OK;
    size_t pending = 0;
    for (size_t i = 0; s == STATUS_OK && i < t->count; i++) {
        const entry *e = &t->entries[i];
        bool removed = false;
        s = stored_value(table, e, scratch, &removed);
        if (s != STATUS_OK) break;
        const char *key = (const char *)key_of(e);
        if (removed)
            rocksdb_writebatch_delete_cf(batch, db->families[table], key, key_length_of(e));
        else
            rocksdb_writebatch_put_cf(batch, db->families[table], key, key_length_of(e), (const char *)scratch->data,
                                      scratch->size);
        pending += key_length_of(e) + (removed ? 0 : scratch->size);
        if (pending >= PUT_BATCH || i + 1 == t->count) {
            s = interrupted(r->j) ? STATUS_UNAVAILABLE : rocks_write(db, batch, false, r->problem, r->room);
            rocksdb_writebatch_clear(batch);
            pending = 0;
        }
    }
    rocksdb_writebatch_destroy(batch);
    return s;
}

static status fill_file(round *r, unsigned table, const table_entries *t, rocksdb_sstfilewriter_t *writer,
                        buf *scratch) {
    char *error = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const entry *e = &t->entries[i];
        bool removed = false;
        if (i + PREFETCH < t->count) {
            __builtin_prefetch(e[PREFETCH].record);
            __builtin_prefetch(e[PREFETCH].record + 64);
        }
        if (i % CHECK_EVERY == 0 && interrupted(r->j)) return STATUS_UNAVAILABLE;
        status s = stored_value(table, e, scratch, &removed);
        if (s != STATUS_OK) return s;
        const char *key = (const char *)key_of(e);
        if (removed)
            rocksdb_sstfilewriter_delete(writer, key, key_length_of(e), &error);
        else
            rocksdb_sstfilewriter_put(writer, key, key_length_of(e), (const char *)scratch->data, scratch->size,
                                      &error);
        if (error != NULL) return rocks_status(error, r->problem, r->room);
    }
    rocksdb_sstfilewriter_finish(writer, &error);
    return rocks_status(error, r->problem, r->room);
}

static status write_file(round *r, unsigned table, const table_entries *t, const char *path, buf *scratch) {
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(env, r->j->rocks.table);
    char *error = NULL;
    rocksdb_sstfilewriter_open(writer, path, &error);
    status s = rocks_status(error, r->problem, r->room);
    if (s == STATUS_OK) s = fill_file(r, table, t, writer, scratch);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(env);
    return s;
}

static void wait_for_compaction(journal *j, unsigned table) {
    const struct timespec pause = {.tv_nsec = 100 * 1000000};
    for (int ms = 0; ms < LEVEL0_WAIT_MS && !interrupted(j); ms += 100) {
        if (rocks_level0_files(&j->rocks, table) < LEVEL0_MANY) return;
        nanosleep(&pause, NULL);
    }
}

static status write_sorted(round *r, unsigned table, const table_entries *t, buf *scratch) {
    journal *j = r->j;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/fold/%s-%" PRIu64 ".sst", j->directory, change_table_name(table),
                     j->fold.file++);
    if (n < 0 || (size_t)n >= sizeof path) {
        problem_set(r->problem, r->room, "the directory's name is too long");
        return STATUS_IO_ERROR;
    }
    wait_for_compaction(j, table);
    status s = write_file(r, table, t, path, scratch);
    if (s == STATUS_OK) s = fault_step(FAULT_FOLD_INGEST);
    if (s == STATUS_OK) s = rocks_flush(&j->rocks, table, r->problem, r->room);
    if (s == STATUS_OK) s = rocks_ingest(&j->rocks, table, path, r->problem, r->room);
    if (s == STATUS_OK) s = fault_step(FAULT_FOLD_INGESTED);
    unlink(path); /* moved already, if it went well */
    return s;
}

static status write_table(round *r, unsigned table) {
    table_entries *t = &r->tables[table];
    if (t->count == 0) return STATUS_OK;
    if (interrupted(r->j)) return STATUS_UNAVAILABLE;
    status s = fault_step(FAULT_FOLD_TABLE);
    if (s != STATUS_OK) return s;
    drop_overwritten(t);
    s = sort_entries(t);
    if (s != STATUS_OK) return s;
    keep_newest(t);
    buf scratch = {0};
    s = t->bytes <= FOLD_PUT_BYTES ? write_puts(r, table, t, &scratch) : write_sorted(r, table, t, &scratch);
    buf_deinit(&scratch);
    r->progress->records += t->count;
    return s;
}

/* ---- mark */

static status write_mark(round *r, uint64_t old_mark, uint64_t mark) {
    rocks *db = &r->j->rocks;
    uint8_t from[FORMAT_GROUP_KEY], to[FORMAT_GROUP_KEY];
    format_group_key(old_mark + 1, from);
    format_group_key(mark + 1, to);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(db, batch, META_MARK, mark);
    rocksdb_writebatch_delete_range_cf(batch, db->families[ROCKS_LOG], (const char *)from, sizeof from,
                                       (const char *)to, sizeof to);
    status s = rocks_write(db, batch, true, r->problem, r->room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

/* Gives back what the cut has freed: a big memtable is flushed, which drops what is cut off and lets its part of the
 * write-ahead log go; files that lie behind the mark as a whole are removed. (That may bring deleted groups back to
 * light, behind the mark, where nobody looks.) Only a matter of space: errors here are not the fold's, and RocksDB will
 * repeat them to the next write if they are serious. */
static void give_back(round *r, uint64_t mark) {
    rocks *db = &r->j->rocks;
    if (interrupted(r->j)) return;
    if (rocks_memtable_bytes(db, ROCKS_LOG) >= LOG_FLUSH_BYTES &&
        rocks_flush(db, ROCKS_LOG, r->problem, r->room) != STATUS_OK)
        return;
    uint8_t from[FORMAT_GROUP_KEY], to[FORMAT_GROUP_KEY];
    format_group_key(0, from);
    format_group_key(mark, to);
    char *error = NULL;
    rocksdb_delete_file_in_range_cf(db->db, db->families[ROCKS_LOG], (const char *)from, sizeof from, (const char *)to,
                                    sizeof to, &error);
    rocksdb_free(error);
}

/* A round needs room for its tables before the log's is given back. */
static status check_space(journal *j, char *problem, size_t room) {
    if (j->min_free_bytes == UINT64_MAX) return STATUS_OK;
    uint64_t bytes = atomic_load(&j->log_bytes), free_bytes = directory_free_bytes(j->directory);
    uint64_t need = 2 * (bytes < FOLD_ROUND_BYTES ? bytes : FOLD_ROUND_BYTES);
    if (free_bytes >= need) return STATUS_OK;
    problem_set(problem, room, "folding needs %" PRIu64 " MiB of disk, %" PRIu64 " MiB are free", need >> 20,
                free_bytes >> 20);
    return STATUS_NO_SPACE;
}

/* A table must never be ahead of what the disk holds of the log. Any synced write takes the earlier ones along; the
 * call that only syncs aborts the process if a write has failed. */
static status sync_log(round *r, uint64_t mark) {
    rocks *db = &r->j->rocks;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(db, batch, META_MARK, mark);
    status s = rocks_write(db, batch, true, r->problem, r->room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

static status run(round *r, uint64_t upto) {
    journal *j = r->j;
    uint64_t old_mark = atomic_load(&j->mark), mark = old_mark;
    status s = check_space(j, r->problem, r->room);
    if (s == STATUS_OK && j->unsynced) s = sync_log(r, old_mark);
    if (s == STATUS_OK) s = walk_log(&j->rocks, old_mark, upto, read_group, r, &mark, r->problem, r->room);
    for (unsigned t = 1; s == STATUS_OK && t < CHANGE_TABLE_END; t++) s = write_table(r, t);
    if (s == STATUS_OK) s = fault_step(FAULT_FOLD_MARK);
    if (s == STATUS_OK && interrupted(j)) s = STATUS_UNAVAILABLE;
    if (s == STATUS_OK) s = write_mark(r, old_mark, mark);
    if (s != STATUS_OK) return s;
    r->progress->mark = mark;
    r->progress->bytes = r->log_bytes;
    s = fault_step(FAULT_FOLD_MARKED);
    give_back(r, mark);
    return s;
}

status fold_round(journal *j, uint64_t upto, fold_progress *out, char *problem, size_t room) {
    *out = (fold_progress){.mark = atomic_load(&j->mark)};
    CHECK(out->mark < upto);
    round r = {.j = j, .progress = out, .problem = problem, .room = room};
    r.copies = j->fold.copies;
    r.copies_size = j->fold.copies_size;
    status s = run(&r, upto);
    j->fold.copies = r.copies; /* for the next round */
    j->fold.copies_size = r.copies_size;
    for (unsigned t = 0; t < CHANGE_TABLE_END; t++)
        pages_free(r.tables[t].entries, r.tables[t].capacity * sizeof(entry));
    return s;
}

void fold_give_back(journal *j) {
    pages_free(j->fold.copies, j->fold.copies_size);
    j->fold.copies = NULL;
    j->fold.copies_size = 0;
}
