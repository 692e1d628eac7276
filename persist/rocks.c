/* Settings, and why.
 *
 * Memory is the subjects' in this system, so RocksDB gets little: memtables are capped together (64 MiB, of which the
 * log uses nearly all), the block cache is small since loads are sequential and pass it by, there are no bloom filters
 * since nobody looks up single keys, and indexes of 16 KiB blocks take about 1/600 of the tables.
 *
 * The log lives for a minute: no compression. What is cut off of it leaves RocksDB's files when four of them are
 * merged, or at once with those of lower levels; so some 100 MiB of dead log lie about.
 *
 * The history comes in the order of its keys and is only ever cut off at the old end: its files are merged once, eight
 * at a time, into a level whose files do not overlap, and are removed from there as wholes.
 *
 * Tables are written by ingesting sorted files that span all keys. Level style with dynamic levels keeps nearly all
 * data in the last level, so disk use stays close to the data's size and a load merges few runs. Write stalls are off:
 * a stall would stop the log for the sake of the tables. The fold slows itself down instead (persist/fold.c).
 *
 * RocksDB keeps a log of its doings in its directory and, where it was built with assertions (Debian's is), aborts when
 * it cannot write there: a full disk would kill us. So it is told to say nothing but the options at open, which is when
 * ROCKS_OPEN_ROOM is asked for. What goes wrong reaches us as errors of calls anyway.
 *
 * All sorted files are opened with the database and stay open: where the part of a file that describes it is damaged
 * the opening says so. Met later, by an iterator, it kills the process (7.8, in the iterator's destructor).
 *
 * Recovery of the write-ahead log tolerates a torn tail only; anything else refuses to open, and the manifest remembers
 * which log files there must be. RocksDB's default would open at the first inconsistency, silently. */
#include "persist/rocks.h"

#include "base/check.h"
#include "persist/directory.h"
#include "persist/problem.h"

#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define INFO_LOG_FATAL 4 /* above everything RocksDB says after opening */

const char *rocks_family_name(unsigned family) {
    if (family == ROCKS_DEFAULT) return "default";
    if (family == ROCKS_LOG) return "log";
    if (family == ROCKS_META) return "meta";
    const char *name = change_table_name(family);
    CHECK(name != NULL);
    return name;
}

/* The texts are RocksDB's (7.8) and strerror's; the C interface carries no code. */
static status status_of_text(const char *text) {
    static const struct {
        const char *part;
        status is;
    } known[] = {
        {"No space left", STATUS_NO_SPACE},
        {"Space limit reached", STATUS_NO_SPACE},
        {"Disk quota exceeded", STATUS_NO_SPACE},
        {"While lock file", STATUS_LOCKED},
        {"lock hold by current process", STATUS_LOCKED},
        {"Column families not opened", STATUS_UNSUPPORTED_VERSION},
    };
    if (strncmp(text, "Corruption", strlen("Corruption")) == 0) return STATUS_CORRUPT;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(text, known[i].part) != NULL) return known[i].is;
    return STATUS_IO_ERROR;
}

status rocks_status(char *error, char *problem, size_t room) {
    if (error == NULL) return STATUS_OK;
    status s = status_of_text(error);
    problem_set(problem, room, "%s", error);
    rocksdb_free(error);
    return s;
}

static void set_general(rocksdb_options_t *o) {
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_recycle_log_file_num(o, 0);
    rocksdb_options_set_max_total_wal_size(o, 128 * MIB);
    rocksdb_options_set_db_write_buffer_size(o, 64 * MIB);
    rocksdb_options_set_max_open_files(o, -1);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_max_manifest_file_size(o, 8 * MIB);
    rocksdb_options_set_bytes_per_sync(o, MIB); /* no bursts of write-back between a commit and its fdatasync */
    rocksdb_options_set_info_log_level(o, INFO_LOG_FATAL);
    rocksdb_options_set_keep_log_file_num(o, 4);
    rocksdb_options_set_max_log_file_size(o, 4 * MIB);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
}

static void set_family(rocksdb_options_t *o, rocksdb_cache_t *cache, size_t block, size_t buffer, int buffers) {
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_block_size(t, block);
    rocksdb_block_based_options_set_checksum(t, 4); /* XXH3 */
    rocksdb_block_based_options_set_format_version(t, 5);
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
    rocksdb_options_set_write_buffer_size(o, buffer);
    rocksdb_options_set_max_write_buffer_number(o, buffers);
    rocksdb_options_set_compression(o, rocksdb_no_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    /* Never stall the log because a table has work to do. */
    rocksdb_options_set_level0_slowdown_writes_trigger(o, 1 << 20);
    rocksdb_options_set_level0_stop_writes_trigger(o, 1 << 20);
    rocksdb_options_set_soft_pending_compaction_bytes_limit(o, 0);
    rocksdb_options_set_hard_pending_compaction_bytes_limit(o, 0);
}

static rocksdb_options_t *family_options(rocks *r, size_t block, size_t buffer, int buffers) {
    rocksdb_options_t *o = rocksdb_options_create();
    set_family(o, r->cache, block, buffer, buffers);
    return o;
}

status rocks_init(rocks *r, char *problem, size_t room) {
    *r = (rocks){0};
    rocksdb_options_t *base = rocksdb_options_create();
    set_general(base);
    r->general = rocksdb_options_create();
    char *error = NULL;
    /* What the C interface has no setter for. */
    rocksdb_get_options_from_string(base, "track_and_verify_wals_in_manifest=true", r->general, &error);
    rocksdb_options_destroy(base);
    r->cache = rocksdb_cache_create_lru(16 * MIB);
    r->log = family_options(r, 64 << 10, 16 * MIB, 3);
    r->history = family_options(r, 64 << 10, 16 * MIB, 3);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(r->history, 0);
    rocksdb_options_set_level0_file_num_compaction_trigger(r->history, 8);
    rocksdb_options_set_max_bytes_for_level_base(r->history, UINT64_C(1) << 50); /* level 1 is the last */
    rocksdb_options_set_target_file_size_base(r->history, 64 * MIB);
    r->table = family_options(r, 16 << 10, 8 * MIB, 2);
    rocksdb_options_set_compression(r->table, rocksdb_lz4_compression);
    r->small = family_options(r, 16 << 10, 1 * MIB, 2);
    r->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->synced, 1);
    r->loose = rocksdb_writeoptions_create();
    r->flush = rocksdb_flushoptions_create();
    status s = rocks_status(error, problem, room);
    if (s != STATUS_OK) rocks_deinit(r);
    return s;
}

void rocks_deinit(rocks *r) {
    rocks_close(r);
    if (r->general == NULL) return;
    rocksdb_options_destroy(r->general);
    rocksdb_options_destroy(r->table);
    rocksdb_options_destroy(r->small);
    rocksdb_options_destroy(r->log);
    rocksdb_options_destroy(r->history);
    rocksdb_writeoptions_destroy(r->synced);
    rocksdb_writeoptions_destroy(r->loose);
    rocksdb_flushoptions_destroy(r->flush);
    rocksdb_cache_destroy(r->cache);
    *r = (rocks){0};
}

static const rocksdb_options_t *options_of(const rocks *r, unsigned family) {
    switch (family) {
    case ROCKS_LOG: return r->log;
    case CHANGE_HISTORY: return r->history;
    case CHANGE_SUBJECTS:
    case CHANGE_RECORDS:
    case CHANGE_ACCOUNTS:
    case CHANGE_OPERATIONS: return r->table;
    default: return r->small;
    }
}

static char *try_open(rocks *r, const char *path) {
    const char *names[ROCKS_FAMILIES];
    const rocksdb_options_t *options[ROCKS_FAMILIES];
    for (unsigned f = 0; f < ROCKS_FAMILIES; f++) {
        names[f] = rocks_family_name(f);
        options[f] = options_of(r, f);
    }
    char *error = NULL;
    r->db = rocksdb_open_column_families(r->general, path, ROCKS_FAMILIES, names, options, r->families, &error);
    if (error != NULL) r->db = NULL;
    return error;
}

/* Recovery writes the write-ahead log's contents into sorted files before it lets go of the log. Where they do not fit,
 * every try would leave a bigger piece of such a file behind. */
static status check_room(const char *path, char *problem, size_t room) {
    uint64_t need = ROCKS_OPEN_ROOM + directory_file_bytes(path, ".log");
    uint64_t free_bytes = directory_free_bytes(path);
    if (free_bytes >= need) return STATUS_OK;
    problem_set(problem, room, "opening %s needs %d MiB of free disk, there are %d", path, (int)(need >> 20) + 1,
                (int)(free_bytes >> 20));
    return STATUS_NO_SPACE;
}

status rocks_open(rocks *r, const char *path, bool create, char *problem, size_t room) {
    CHECK(r->db == NULL);
    status s = check_room(path, problem, room);
    if (s != STATUS_OK) return s;
    rocksdb_options_set_create_if_missing(r->general, create);
    rocksdb_options_set_create_missing_column_families(r->general, 1);
    char *error = try_open(r, path);
    if (error != NULL && strstr(error, "not linked") != NULL) { /* a library built without LZ4 */
        rocksdb_free(error);
        rocksdb_options_set_compression(r->table, rocksdb_no_compression);
        error = try_open(r, path);
    }
    return rocks_status(error, problem, room);
}

void rocks_close(rocks *r) {
    if (r->db == NULL) return;
    for (unsigned f = 0; f < ROCKS_FAMILIES; f++) rocksdb_column_family_handle_destroy(r->families[f]);
    rocksdb_close(r->db);
    r->db = NULL;
}

status rocks_write(rocks *r, rocksdb_writebatch_t *batch, bool synced, char *problem, size_t room) {
    char *error = NULL;
    rocksdb_write(r->db, synced ? r->synced : r->loose, batch, &error);
    return rocks_status(error, problem, room);
}

status rocks_get(rocks *r, unsigned family, const void *key, size_t key_length, void *value, size_t capacity,
                 size_t *size, char *problem, size_t room) {
    char *error = NULL;
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned_cf(r->db, options, r->families[family], key, key_length, &error);
    rocksdb_readoptions_destroy(options);
    status s = rocks_status(error, problem, room);
    if (s != STATUS_OK) return s;
    if (found == NULL) return STATUS_NOT_FOUND;
    const char *bytes = rocksdb_pinnableslice_value(found, size);
    if (*size > capacity) {
        problem_set(problem, room, "a value of %zu bytes where at most %zu were written", *size, capacity);
        s = STATUS_CORRUPT;
    } else if (*size > 0) {
        memcpy(value, bytes, *size);
    }
    rocksdb_pinnableslice_destroy(found);
    return s;
}

status rocks_flush(rocks *r, unsigned family, char *problem, size_t room) {
    char *error = NULL;
    rocksdb_flush_cf(r->db, r->flush, r->families[family], &error);
    return rocks_status(error, problem, room);
}

status rocks_ingest(rocks *r, unsigned family, const char *path, char *problem, size_t room) {
    char *error = NULL;
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    rocksdb_ingest_external_file_cf(r->db, r->families[family], &path, 1, options, &error);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return rocks_status(error, problem, room);
}

uint64_t rocks_memtable_bytes(rocks *r, unsigned family) {
    uint64_t bytes = 0;
    int code = rocksdb_property_int_cf(r->db, r->families[family], "rocksdb.cur-size-active-mem-table", &bytes);
    return code == 0 ? bytes : 0;
}

uint64_t rocks_level0_files(rocks *r, unsigned family) {
    uint64_t files = 0;
    char *text = rocksdb_property_value_cf(r->db, r->families[family], "rocksdb.num-files-at-level0");
    if (text != NULL) files = strtoull(text, NULL, 10);
    rocksdb_free(text);
    return files;
}

void rocks_cursor_open(rocks *r, unsigned family, const uint8_t *lower, size_t lower_length, const uint8_t *upper,
                       size_t upper_length, bool last, rocks_cursor *c) {
    CHECK(lower_length <= sizeof c->lower && upper_length <= sizeof c->upper);
    c->options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(c->options, 1);
    rocksdb_readoptions_set_fill_cache(c->options, 0);
    rocksdb_readoptions_set_readahead_size(c->options, MIB);
    if (lower != NULL) {
        memcpy(c->lower, lower, lower_length);
        rocksdb_readoptions_set_iterate_lower_bound(c->options, (const char *)c->lower, lower_length);
    }
    if (upper != NULL) {
        memcpy(c->upper, upper, upper_length);
        rocksdb_readoptions_set_iterate_upper_bound(c->options, (const char *)c->upper, upper_length);
    }
    c->iterator = rocksdb_create_iterator_cf(r->db, c->options, r->families[family]);
    if (last)
        rocksdb_iter_seek_to_last(c->iterator);
    else
        rocksdb_iter_seek_to_first(c->iterator);
}

void rocks_cursor_close(rocks_cursor *c) {
    rocksdb_iter_destroy(c->iterator);
    rocksdb_readoptions_destroy(c->options);
}

status rocks_cursor_status(rocks_cursor *c, char *problem, size_t room) {
    char *error = NULL;
    rocksdb_iter_get_error(c->iterator, &error);
    return rocks_status(error, problem, room);
}
