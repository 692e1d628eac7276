/* The write-ahead log without its damaged records. RocksDB, told to skip them, may put pieces of two records together
 * and then refuses all; so the copy's files are written again with what is whole.
 *
 * What is missing is told by numbers: RocksDB counts the entries of its batches, and we count groups. If only groups
 * are missing, those that the tables have already do no harm. If something else may be, a fold's writes perhaps, then
 * the marks behind it are left out too: the log behind the older mark is read again, and makes the tables right.
 *
 * Formats: files of records as in bits.c; a batch is u64 sequence, u32 count, then entries (RocksDB's write_batch.cc):
 * a tag, a column family if the tag says so, key and, for puts and ranges, a second string, each behind its length. */
#include "persist/bits.h"
#include "persist/repair_internal.h"

#include "base/buf.h"
#include "base/le.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_HEADER 12
#define FILES_MOST 4096

typedef struct batch {
    size_t at, size;          /* in the records of its file */
    uint64_t sequence, group; /* group 0: none */
    uint32_t count;
    bool mark; /* sets the mark and cuts the log */
    bool left_out;
} batch;

typedef struct wal_file {
    uint64_t number;
    buf records;
    size_t first; /* of its batches */
} wal_file;

typedef struct wal {
    wal_file *files;
    size_t file_count;
    batch *batches;
    size_t count, capacity;
    bool failed; /* no memory */
} wal;

/* ------------------------------------------------------------------ batches */

typedef struct text {
    const uint8_t *at, *end;
    bool bad;
} text;

static uint64_t varint(text *t) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && t->at < t->end; shift += 7) {
        uint8_t byte = *t->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
    t->bad = true;
    return 0;
}

static const uint8_t *string(text *t, size_t *size) {
    uint64_t length = varint(t);
    const uint8_t *begin = t->at;
    if (t->bad || length > (size_t)(t->end - t->at)) {
        t->bad = true;
        *size = 0;
        return begin;
    }
    t->at += length;
    *size = (size_t)length;
    return begin;
}

/* What we need to know of an entry; puts have a value, ranges an end, deletions neither. */
static void read_entry(text *t, batch *b) {
    enum { DELETE, PUT, DELETE_FAMILY = 4, PUT_FAMILY, NOOP = 13, RANGE_FAMILY, RANGE };
    static const char mark[] = META_MARK;
    uint8_t tag = *t->at++;
    size_t key_size, size;
    if (tag == NOOP) return;
    if (tag != DELETE && tag != PUT && tag != DELETE_FAMILY && tag != PUT_FAMILY && tag != RANGE &&
        tag != RANGE_FAMILY) {
        t->bad = true;
        return;
    }
    if (tag == DELETE_FAMILY || tag == PUT_FAMILY || tag == RANGE_FAMILY) varint(t);
    const uint8_t *key = string(t, &key_size);
    if (tag == DELETE || tag == DELETE_FAMILY || t->bad) return;
    const uint8_t *value = string(t, &size);
    if (t->bad || (tag != PUT && tag != PUT_FAMILY)) return;
    if (key_size == FORMAT_GROUP_KEY && size >= FORMAT_GROUP_HEADER && le_get32(value) == FORMAT_GROUP_MAGIC)
        b->group = format_group_sequence(key, key_size);
    if (key_size == sizeof mark - 1 && memcmp(key, mark, key_size) == 0) b->mark = true;
}

/* A whole record of a file; one that is no batch is as good as damaged. */
static void add_batch(void *context, const uint8_t *bytes, size_t size) {
    wal *w = context;
    wal_file *f = &w->files[w->file_count - 1];
    batch b = {.at = f->records.size, .size = size};
    if (size < BATCH_HEADER) return;
    b.sequence = le_get64(bytes);
    b.count = le_get32(bytes + 8);
    text t = {bytes + BATCH_HEADER, bytes + size, false};
    while (t.at < t.end && !t.bad) read_entry(&t, &b);
    if (t.bad) return;
    if (w->count == w->capacity) {
        size_t capacity = w->capacity == 0 ? 1024 : 2 * w->capacity;
        batch *grown = realloc(w->batches, capacity * sizeof *grown);
        if (grown == NULL) {
            w->failed = true;
            return;
        }
        w->batches = grown;
        w->capacity = capacity;
    }
    buf_append(&f->records, bytes, size);
    w->batches[w->count++] = b;
}

/* ------------------------------------------------------------------ what is missing */

/* Between the groups around batch `at`, before which something is missing: whether more than groups may be. */
static bool more_than_groups(const wal *w, size_t at) {
    size_t before = at, after = at;
    while (before > 0 && w->batches[before - 1].group == 0) before--;
    while (after < w->count && w->batches[after].group == 0) after++;
    if (before == 0 || after == w->count) return true;
    const batch *b = &w->batches[before - 1], *a = &w->batches[after];
    uint64_t missing = a->sequence - b->sequence - b->count, groups = a->group - b->group - 1;
    for (size_t i = before; i < after; i++) missing -= w->batches[i].count;
    return missing > 2 * groups; /* a group is one entry or, with history, two */
}

static void decide(repair *r, wal *w) {
    bool doubtful = false;
    for (size_t i = 0; i < w->count; i++) {
        const batch *b = &w->batches[i];
        if (i > 0 && b->sequence > w->batches[i - 1].sequence + w->batches[i - 1].count && more_than_groups(w, i))
            doubtful = true;
        w->batches[i].left_out = doubtful && b->mark;
    }
    if (doubtful)
        repair_tell(
            r, REPAIR_DETAIL,
            "more than groups may be missing in the write-ahead log: its later marks do not count, and what the "
            "log still has is read again");
}

/* Groups that were jumped over. Those up to the mark are in the tables; their history is not. */
static void name_missing(repair *r, const wal *w) {
    uint64_t last = 0;
    for (size_t i = 0; i < w->count; i++) {
        uint64_t group = w->batches[i].group;
        if (group == 0) continue;
        if (last != 0 && group > last + 1 && r->gap_first == 0) {
            r->gap_first = last + 1;
            r->gap_last = group - 1;
        }
        last = group;
    }
}

/* ------------------------------------------------------------------ files */

static int compare(const void *a, const void *b) {
    const wal_file *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static status list_files(repair *r, wal *w, wal_file *found) {
    DIR *d = opendir(r->db);
    if (d == NULL) return STATUS_IO_ERROR;
    for (struct dirent *e; (e = readdir(d)) != NULL && w->file_count < FILES_MOST;) {
        size_t length = strlen(e->d_name);
        if (length > 4 && strcmp(e->d_name + length - 4, ".log") == 0)
            found[w->file_count++].number = strtoull(e->d_name, NULL, 10);
    }
    closedir(d);
    qsort(found, w->file_count, sizeof *found, compare);
    return STATUS_OK;
}

static status write_file(repair *r, const wal *w, size_t f) {
    const wal_file *file = &w->files[f];
    size_t end = f + 1 < w->file_count ? w->files[f + 1].first : w->count;
    char path[REPAIR_PATH];
    buf out = {0};
    if (!repair_path(r, path, "%s/%06" PRIu64 ".log", r->db, file->number)) return STATUS_IO_ERROR;
    for (size_t i = file->first; i < end; i++)
        if (!w->batches[i].left_out)
            bits_append_record(&out, file->records.data + w->batches[i].at, w->batches[i].size);
    status s = buf_status(&out);
    int fd = s == STATUS_OK ? open(path, O_WRONLY | O_TRUNC | O_CLOEXEC) : -1;
    if (s == STATUS_OK &&
        (fd < 0 || (out.size > 0 && write(fd, out.data, out.size) != (ssize_t)out.size) || fsync(fd) != 0)) {
        problem_set(r->problem, r->room, "cannot write %s: %s", path, strerror(errno));
        s = errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO_ERROR;
    }
    if (fd >= 0) close(fd);
    buf_deinit(&out);
    return s;
}

static status read_all(repair *r, wal *w) {
    size_t files = w->file_count;
    status s = STATUS_OK;
    for (size_t f = 0; s == STATUS_OK && f < files; f++) {
        char path[REPAIR_PATH];
        w->file_count = f + 1; /* the one that add_batch fills */
        w->files[f].first = w->count;
        if (!repair_path(r, path, "%s/%06" PRIu64 ".log", r->db, w->files[f].number)) return STATUS_IO_ERROR;
        s = bits_read_records(path, add_batch, w, r->problem, r->room);
        if (s == STATUS_OK && w->failed) s = STATUS_NO_MEMORY;
        if (s == STATUS_OK) s = buf_status(&w->files[f].records);
    }
    w->file_count = files;
    return s;
}

status repair_wal(repair *r) {
    if (!r->log_damaged) return STATUS_OK;
    wal w = {.files = calloc(FILES_MOST, sizeof *w.files)};
    if (w.files == NULL) return STATUS_NO_MEMORY;
    status s = list_files(r, &w, w.files);
    if (s == STATUS_OK) s = read_all(r, &w);
    if (s == STATUS_OK) {
        decide(r, &w);
        name_missing(r, &w);
    }
    for (size_t f = 0; s == STATUS_OK && f < w.file_count; f++) s = write_file(r, &w, f);
    for (size_t f = 0; f < w.file_count; f++) buf_deinit(&w.files[f].records);
    free(w.files);
    free(w.batches);
    return s;
}
