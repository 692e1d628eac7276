/* Opening, committing, healing. The fold and the load are files of their own (fold.c, fold_thread.c, load.c).
 *
 * Invariants: the log holds exactly the groups mark+1 … sequence, and perhaps sequence+1 after a failed commit. A group
 * is one put with a synced write, so it is on disk wholly or not at all. `sequence` moves only when its group is
 * durable.
 *
 * After a failed commit nothing more is written until journal_heal has closed and reopened the database: RocksDB
 * latches such errors, and what recovery finds in the write-ahead log is the only truth about the last group. Recovery
 * writes what it finds into a synced file, so a group found then is durable even if its own sync failed.
 *
 * Cost of a commit: one copy of the changes into RocksDB's batch, one checksum, one walk over the record headers, one
 * statvfs, one fdatasync. */
#include "persist/journal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "persist/directory.h"
#include "persist/fault.h"
#include "persist/internal.h"
#include "persist/problem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define DEFAULT_FOLD_BYTES (UINT64_C(64) << 20)
#define DEFAULT_FOLD_INTERVAL_MS UINT64_C(60000)
#define DEFAULT_MIN_FREE_BYTES (UINT64_C(256) << 20)
#define NS_PER_MS UINT64_C(1000000)
#define HEAL_TELL_NS UINT64_C(60000000000)

/* ------------------------------------------------------------------ open */

static status check_name(const char *cluster, char *problem, size_t room) {
    size_t length = strlen(cluster);
    bool good = length >= 1 && length <= LIMIT_NAME_MAX;
    for (size_t i = 0; good && i < length; i++) good = !iscntrl((unsigned char)cluster[i]);
    if (good) return STATUS_OK;
    problem_set(problem, room, "a cluster's name has 1 to %d printable bytes", LIMIT_NAME_MAX);
    return STATUS_BAD_VALUE;
}

static status random_seed(uint64_t *seed, char *problem, size_t room) {
    ssize_t n;
    do n = getrandom(seed, sizeof *seed, 0);
    while (n < 0 && errno == EINTR);
    if (n == sizeof *seed) return STATUS_OK;
    problem_set(problem, room, "no random numbers from the system: %s", strerror(errno));
    return STATUS_IO_ERROR;
}

/* The first contents of meta, in one synced write: a directory has all of it or none. */
static status write_meta(journal *j, const char *cluster, char *problem, size_t room) {
    uint64_t seed;
    status s = random_seed(&seed, problem, room);
    if (s != STATUS_OK) return s;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(&j->rocks, batch, META_FORMAT, META_VERSION);
    meta_put(&j->rocks, batch, META_CLUSTER, cluster, strlen(cluster));
    meta_put_number(&j->rocks, batch, META_SEED, seed);
    meta_put_number(&j->rocks, batch, META_CREATED, (uint64_t)clock_wall_ms());
    meta_put_number(&j->rocks, batch, META_MARK, 0);
    s = rocks_write(&j->rocks, batch, true, problem, room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

/* What is missing in meta of a complete directory is damage. */
static status missing_is_damage(status s) { return s == STATUS_NOT_FOUND ? STATUS_CORRUPT : s; }

/* From here on an earlier program refuses the directory: it would not see the history. */
static status raise_version(journal *j, uint64_t from, char *problem, size_t room) {
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(&j->rocks, batch, META_FORMAT, META_VERSION);
    status s = rocks_write(&j->rocks, batch, true, problem, room);
    rocksdb_writebatch_destroy(batch);
    if (s == STATUS_OK) log_event(LOG_INFO, "directory_upgraded", "from=%" PRIu64 " to=%d", from, META_VERSION);
    return s;
}

static status read_meta(journal *j, const char *cluster, char *problem, size_t room) {
    uint64_t version = 0, mark = 0, history = 0;
    uint8_t name[META_MAX];
    size_t length = 0;
    status s = meta_get_number(&j->rocks, META_FORMAT, &version, problem, room);
    if (s == STATUS_OK && (version < 1 || version > META_VERSION)) {
        problem_set(problem, room, "%s has format version %" PRIu64 ", this program knows 1 to %d", j->directory,
                    version, META_VERSION);
        return STATUS_UNSUPPORTED_VERSION;
    }
    if (s == STATUS_OK && version < META_VERSION) s = raise_version(j, version, problem, room);
    if (s == STATUS_OK) s = meta_get_bytes(&j->rocks, META_CLUSTER, name, &length, problem, room);
    if (s == STATUS_OK) s = meta_get_number(&j->rocks, META_SEED, &j->seed, problem, room);
    if (s == STATUS_OK) s = meta_get_number(&j->rocks, META_MARK, &mark, problem, room);
    if (s != STATUS_OK) return missing_is_damage(s);
    s = meta_get_number(&j->rocks, META_HISTORY, &history, problem, room);
    if (s != STATUS_OK && s != STATUS_NOT_FOUND) return s;
    if (length < 1 || length > LIMIT_NAME_MAX) {
        problem_set(problem, room, "meta \"" META_CLUSTER "\" has an impossible length");
        return STATUS_CORRUPT;
    }
    memcpy(j->cluster, name, length);
    j->cluster[length] = '\0';
    atomic_store(&j->mark, mark);
    atomic_store(&j->history_from, history);
    if (cluster == NULL || strcmp(cluster, j->cluster) == 0) return STATUS_OK;
    problem_set(problem, room, "%s belongs to cluster \"%s\", not \"%s\"", j->directory, j->cluster, cluster);
    return STATUS_WRONG_CLUSTER;
}

/* The number of the last group in the log; the groups before it are checked by the load. */
static status find_last(journal *j, char *problem, size_t room) {
    uint64_t mark = atomic_load(&j->mark), last = mark;
    uint8_t lower[FORMAT_GROUP_KEY];
    format_group_key(mark + 1, lower);
    rocks_cursor c;
    rocks_cursor_open(&j->rocks, ROCKS_LOG, lower, sizeof lower, NULL, 0, true, &c);
    status s = STATUS_OK;
    if (rocks_cursor_valid(&c)) {
        size_t length;
        const uint8_t *key = rocks_cursor_key(&c, &length);
        last = format_group_sequence(key, length);
        if (last == 0) {
            problem_set(problem, room, "log: a key of %zu bytes is no group's", length);
            s = STATUS_CORRUPT;
        }
    } else {
        s = rocks_cursor_status(&c, problem, room);
    }
    rocks_cursor_close(&c);
    atomic_store(&j->sequence, last);
    if (s == STATUS_OK && atomic_load(&j->history_from) > last + 1) { /* what is committed next would not count */
        problem_set(problem, room, "meta \"" META_HISTORY "\" is %" PRIu64 ", the log ends with group %" PRIu64,
                    atomic_load(&j->history_from), last);
        s = STATUS_CORRUPT;
    }
    return s;
}

/* The log may have been cut where a group ends; then only LAST knows. */
static status check_last(const journal *j, const last_known *known, char *problem, size_t room) {
    uint64_t first = atomic_load(&j->sequence) + 1;
    if (!known->group || known->seed != j->seed || known->sequence < first) return STATUS_OK;
    problem_set(problem, room, "log: groups %" PRIu64 " to %" PRIu64 " were acknowledged and are missing", first,
                known->sequence);
    return STATUS_CORRUPT;
}

static void keep_last(journal *j) {
    last_open(j->directory, &j->last);
    last_note_name(&j->last, j->cluster);
    last_note_manifest(&j->last, j->directory);
}

static status open_database(journal *j, const char *cluster, bool fresh, char *problem, size_t room) {
    last_known known;
    last_read(j->directory, &known);
    if (known.damaged) log_event(LOG_WARN, "last_damaged", "file=%s/" LAST_ENTRY " kept=no", j->directory);
    status s = last_check_manifest(j->directory, &known, problem, room);
    if (s == STATUS_OK) s = rocks_init(&j->rocks, problem, room);
    if (s == STATUS_OK) {
        char text[PROBLEM_ROOM] = "";
        s = rocks_open(&j->rocks, j->db_path, fresh, text, sizeof text);
        if (s == STATUS_CORRUPT) /* of a log RocksDB does not say in which file; --repair does */
            problem_set(problem, room, "%s does not open, its log, list of files or a sorted file is damaged: %s",
                        j->db_path, text);
        else if (s != STATUS_OK)
            problem_set(problem, room, "%s", text);
    }
    if (s != STATUS_OK) return s;
    if (fresh) {
        uint64_t version;
        s = meta_get_number(&j->rocks, META_FORMAT, &version, problem, room);
        if (s == STATUS_NOT_FOUND) s = write_meta(j, cluster, problem, room);
        if (s == STATUS_OK) s = directory_complete(j->lock, problem, room);
        if (s != STATUS_OK) return s;
    }
    s = read_meta(j, cluster, problem, room);
    if (s == STATUS_OK) s = find_last(j, problem, room);
    if (s == STATUS_OK) s = check_last(j, &known, problem, room);
    if (s == STATUS_OK) keep_last(j);
    return s;
}

static status create(const journal_options *options, journal **out) {
    journal *j = calloc(1, sizeof *j);
    if (j == NULL) return STATUS_NO_MEMORY;
    j->lock = j->last.fd = -1;
    fold_init(j);
    CHECK(pthread_mutex_init(&j->gate, NULL) == 0);
    CHECK(pthread_mutex_init(&j->opening, NULL) == 0);
    j->directory = strdup(options->directory);
    if (j->directory != NULL && asprintf(&j->db_path, "%s/db", options->directory) < 0) j->db_path = NULL;
    j->fold_bytes = options->fold_bytes != 0 ? options->fold_bytes : DEFAULT_FOLD_BYTES;
    uint64_t interval = options->fold_interval_ms != 0 ? options->fold_interval_ms : DEFAULT_FOLD_INTERVAL_MS;
    j->fold_interval_ns = interval < UINT64_MAX / NS_PER_MS ? interval * NS_PER_MS : UINT64_MAX;
    j->min_free_bytes = options->min_free_bytes != 0 ? options->min_free_bytes : DEFAULT_MIN_FREE_BYTES;
    j->unsynced = options->unsynced;
    *out = j;
    return j->directory != NULL && j->db_path != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

status journal_open(const journal_options *options, journal **out, char *problem, size_t room) {
    *out = NULL;
    problem_set(problem, room, "%s", "");
    if (options->cluster != NULL) {
        status s = check_name(options->cluster, problem, room);
        if (s != STATUS_OK) return s;
    }
    journal *j = NULL;
    bool fresh = false;
    status s = create(options, &j);
    if (s == STATUS_NO_MEMORY) problem_set(problem, room, "%s", status_text(s));
    if (s == STATUS_OK) s = directory_claim(j->directory, options->cluster != NULL, &j->lock, &fresh, problem, room);
    if (s == STATUS_OK && fresh && options->cluster == NULL) {
        problem_set(problem, room, "%s was never completed, and no cluster name was given to do it", j->directory);
        s = STATUS_NOT_FOUND;
    }
    if (s == STATUS_OK) s = open_database(j, options->cluster, fresh, problem, room);
    if (s != STATUS_OK) {
        journal_close(&j);
        return s;
    }
    problem_set(problem, room, "%s", ""); /* what was looked for and not found, on the way, is nobody's problem */
    *out = j;
    return STATUS_OK;
}

void journal_close(journal **handle) {
    journal *j = *handle;
    if (j == NULL) return;
    *handle = NULL;
    fold_stop(j);
    rocks_deinit(&j->rocks);
    last_note_manifest(&j->last, j->directory);
    last_close(&j->last);
    if (j->lock >= 0) close(j->lock);
    fold_deinit(j);
    pthread_mutex_destroy(&j->gate);
    pthread_mutex_destroy(&j->opening);
    free(j->directory);
    free(j->db_path);
    free(j);
}

uint64_t journal_seed(const journal *j) { return j->seed; }

const char *journal_cluster(const journal *j) { return j->cluster; }

uint64_t journal_sequence(const journal *j) { return atomic_load(&j->sequence); }

/* ------------------------------------------------------------------ commit */

/* Whoever hands over bytes that are not records has a bug, and on disk they would stop every later start. */
static bool are_records(const uint8_t *changes, size_t length) {
    change c;
    size_t at = 0;
    status s;
    do s = change_next(changes, length, &at, &c);
    while (s == STATUS_OK && c.table != CHANGE_HISTORY);
    return s == STATUS_END;
}

static bool enough_space(const journal *j, uint64_t more) {
    return j->min_free_bytes == UINT64_MAX || directory_free_bytes(j->directory) >= j->min_free_bytes + more;
}

static void say_no_space(const journal *j, char *problem, size_t room) {
    problem_set(problem, room, "less than %" PRIu64 " bytes are free in %s", j->min_free_bytes, j->directory);
}

status journal_latch(journal *j, status why, bool written, const format_group *group, const char *text) {
    /* Callers know two kinds of trouble. */
    if (why != STATUS_NO_SPACE) why = STATUS_IO_ERROR;
    j->failed = (journal_failed){
        .why = why,
        .sequence = group->sequence,
        .checksum = group->checksum,
        .length = group->length,
        .untouched = !written,
    };
    problem_set(j->failed.text, sizeof j->failed.text, "%s", text);
    j->heal_told = STATUS_OK;
    if (written) atomic_store(&j->sick, true);
    atomic_store(&j->read_only, true);
    return why;
}

/* Header and payload as one value of a family, without joining them. */
static void put_group(journal *j, rocksdb_writebatch_t *batch, unsigned family, format_group *group) {
    uint8_t key[FORMAT_GROUP_KEY], header[FORMAT_GROUP_HEADER];
    format_group_key(group->sequence, key);
    format_group_encode(group, header);
    const char *keys[] = {(const char *)key};
    const size_t key_sizes[] = {sizeof key};
    const char *parts[] = {(const char *)header, (const char *)group->changes};
    const size_t part_sizes[] = {sizeof header, group->length};
    rocksdb_writebatch_putv_cf(batch, j->rocks.families[family], 1, keys, key_sizes, 2, parts, part_sizes);
}

static status write_group(journal *j, format_group *group, format_group *history, char *problem, size_t room) {
    status s = fault_step(FAULT_COMMIT);
    if (s != STATUS_OK) return s;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    put_group(j, batch, ROCKS_LOG, group);
    if (history->length > 0) put_group(j, batch, CHANGE_HISTORY, history);
    s = rocks_write(&j->rocks, batch, !j->unsynced, problem, room);
    rocksdb_writebatch_destroy(batch);
    return s == STATUS_OK ? fault_step(FAULT_COMMITTED) : s;
}

static void note_durable(journal *j, const format_group *group, const format_group *history, uint64_t now_ns) {
    /* Bytes first: the fold subtracts those of every group up to the sequence that it sees. */
    atomic_fetch_add(&j->log_bytes, FORMAT_GROUP_HEADER + group->length);
    atomic_store(&j->sequence, group->sequence);
    atomic_fetch_add(&j->groups, 1);
    atomic_fetch_add(&j->bytes, FORMAT_GROUP_HEADER + group->length);
    if (history->length > 0) {
        atomic_fetch_add(&j->bytes, FORMAT_GROUP_HEADER + history->length);
        if (atomic_load(&j->history_first) == 0) atomic_store(&j->history_first, group->sequence);
    }
    fold_notify(j, now_ns);
}

/* Inside the gate, the number included: a backup's number is that of the last group in it. */
static status commit(journal *j, int64_t now_ms, const uint8_t *changes, size_t length, const uint8_t *history,
                     size_t history_length, uint64_t *sequence) {
    if (length > LIMIT_GROUP_BYTES + LIMIT_RECORD_BYTES || history_length > LIMIT_GROUP_BYTES + LIMIT_RECORD_BYTES)
        return STATUS_TOO_LARGE;
    CHECK(are_records(changes, length));
    if (atomic_load(&j->read_only)) return j->failed.why;
    uint64_t begin = clock_mono_ns();
    format_group group = {.sequence = atomic_load(&j->sequence) + 1, .time_ms = now_ms};
    format_group beside = group;
    group.changes = changes;
    group.length = length;
    beside.history = true;
    beside.changes = history;
    beside.length = history_length;
    if (history_length > 0 && beside.time_ms < j->history_ms) beside.time_ms = j->history_ms;
    char problem[PROBLEM_ROOM] = "fault ordered by a test";
    if (!enough_space(j, length + history_length)) {
        say_no_space(j, problem, sizeof problem);
        return journal_latch(j, STATUS_NO_SPACE, false, &group, problem);
    }
    status s = write_group(j, &group, &beside, problem, sizeof problem);
    if (s != STATUS_OK) return journal_latch(j, s, true, &group, problem);
    uint64_t end = clock_mono_ns();
    if (end - begin > atomic_load(&j->commit_ns_max)) atomic_store(&j->commit_ns_max, end - begin);
    note_durable(j, &group, &beside, end);
    if (history_length > 0) j->history_ms = beside.time_ms;
    if (!j->unsynced) last_note_group(&j->last, group.sequence, group.time_ms, j->seed);
    *sequence = group.sequence;
    return STATUS_OK;
}

status journal_commit(journal *j, int64_t now_ms, const uint8_t *changes, size_t length, const uint8_t *history,
                      size_t history_length, uint64_t *sequence) {
    CHECK(j->loaded);
    pthread_mutex_lock(&j->gate);
    status s = commit(j, now_ms, changes, length, history, history_length, sequence);
    pthread_mutex_unlock(&j->gate);
    return s;
}

/* ------------------------------------------------------------------ heal */

typedef struct healing {
    uint64_t bytes, last_checksum;
    size_t last_length;
} healing;

static status heal_group(void *context, const format_group *group) {
    healing *h = context;
    h->bytes += FORMAT_GROUP_HEADER + group->length;
    h->last_checksum = group->checksum;
    h->last_length = group->length;
    return STATUS_OK;
}

/* Compares what the reopened database holds with what was acknowledged, and decides about the failed group. May happen
 * more than once for a group, if the disk falls ill again before the healing is over. */
static status settle(journal *j, char *problem, size_t room) {
    uint64_t seed = 0, mark = 0, last = 0, known = atomic_load(&j->sequence), known_mark = atomic_load(&j->mark);
    healing h = {0};
    status s = meta_get_number(&j->rocks, META_SEED, &seed, problem, room);
    if (s == STATUS_OK) s = meta_get_number(&j->rocks, META_MARK, &mark, problem, room);
    if (s == STATUS_OK) s = walk_log(&j->rocks, mark, UINT64_MAX, heal_group, &h, &last, problem, room);
    if (s != STATUS_OK) return missing_is_damage(s);
    bool found = last == known + 1 && last == j->failed.sequence && h.last_checksum == j->failed.checksum;
    if (seed != j->seed || mark < known_mark || mark > known || (last != known && !found)) {
        problem_set(problem, room,
                    "the reopened database ends with group %" PRIu64 " (folded to %" PRIu64 "), but group %" PRIu64
                    " was durable (folded to %" PRIu64 "): stop, and restore from a backup",
                    last, mark, known, known_mark);
        return STATUS_CORRUPT;
    }
    atomic_store(&j->mark, mark);
    atomic_store(&j->log_bytes, h.bytes);
    atomic_store(&j->sequence, last);
    if (found) {
        atomic_fetch_add(&j->groups, 1);
        atomic_fetch_add(&j->bytes, FORMAT_GROUP_HEADER + h.last_length);
    }
    j->failed.applied = last >= j->failed.sequence;
    return STATUS_OK;
}

static status reopen(journal *j, char *problem, size_t room) {
    fold_pause(j);
    pthread_mutex_lock(&j->opening);
    rocks_close(&j->rocks);
    status s = fault_step(FAULT_REOPEN);
    if (s == STATUS_OK) s = rocks_open(&j->rocks, j->db_path, false, problem, room);
    if (s == STATUS_OK) {
        s = settle(j, problem, room);
        if (s != STATUS_OK) rocks_close(&j->rocks); /* nothing may be built on it */
    }
    if (s == STATUS_OK) atomic_store(&j->sick, false);
    pthread_mutex_unlock(&j->opening);
    fold_resume(j);
    return s;
}

static status prove_writable(journal *j, char *problem, size_t room) {
    status s = fault_step(FAULT_HEALED);
    if (s != STATUS_OK) return s;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    meta_put_number(&j->rocks, batch, META_HEALED, (uint64_t)clock_wall_ms());
    s = rocks_write(&j->rocks, batch, true, problem, room);
    rocksdb_writebatch_destroy(batch);
    return s;
}

static status try_heal(journal *j, char *problem, size_t room) {
    status s = STATUS_OK;
    if (atomic_load(&j->sick)) s = reopen(j, problem, room);
    if (s != STATUS_OK) return s;
    if (!enough_space(j, j->failed.length)) { /* or the same group would fail again at once */
        say_no_space(j, problem, room);
        return STATUS_NO_SPACE;
    }
    s = prove_writable(j, problem, room);
    if (s != STATUS_OK) atomic_store(&j->sick, true); /* perhaps again */
    return s;
}

/* Trouble can last for days, and somebody tries every second. */
static void tell_heal_failed(journal *j, status s, const char *problem) {
    uint64_t now = clock_mono_ns();
    if (s == j->heal_told && now - j->heal_told_ns < HEAL_TELL_NS) return;
    j->heal_told = s;
    j->heal_told_ns = now;
    log_event(LOG_WARN, "heal_failed", "status=%s reason=\"%s\"", status_name(s), problem);
}

bool journal_untouched(const journal *j) { return j->failed.untouched; }

const char *journal_trouble(const journal *j) { return j->failed.text; }

status journal_heal(journal *j, bool *applied) {
    *applied = false;
    CHECK(j->loaded);
    if (!atomic_load(&j->read_only)) return STATUS_OK;
    char problem[PROBLEM_ROOM] = "fault ordered by a test";
    pthread_mutex_lock(&j->gate);
    status s = try_heal(j, problem, sizeof problem);
    pthread_mutex_unlock(&j->gate);
    if (s != STATUS_OK) {
        tell_heal_failed(j, s, problem);
        return s;
    }
    *applied = j->failed.applied;
    j->failed = (journal_failed){0};
    j->heal_told = STATUS_OK;
    atomic_store(&j->read_only, false);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ statistics */

void journal_get_stats(const journal *j, journal_stats *out) {
    *out = (journal_stats){
        .folded_sequence = atomic_load(&j->mark), /* before the sequence: never seen ahead of it */
        .log_bytes = atomic_load(&j->log_bytes),
        .groups = atomic_load(&j->groups),
        .bytes = atomic_load(&j->bytes),
        .folds = atomic_load(&j->folds),
        .folded_records = atomic_load(&j->folded_records),
        .commit_ns_max = atomic_load(&j->commit_ns_max),
        .history_first = atomic_load(&j->history_first),
        .disk_bytes = directory_file_bytes(j->db_path, ""),
        .free_bytes = directory_free_bytes(j->directory),
        .read_only = atomic_load(&j->read_only),
    };
    if (j->min_free_bytes != UINT64_MAX && out->free_bytes < j->min_free_bytes) out->read_only = true;
    out->sequence = atomic_load(&j->sequence);
}
