/* Handing everything over at start. The two big tables are cut by first key byte into some eight ranges a thread, taken
 * in turn: few enough that reading ahead pays, many enough that an uneven spread of keys costs little. The tables are
 * done one after another, so the visitor never sees two threads at the same byte. Then the log, in order, alone.
 *
 * Every value is checked against its sum before it is handed out. The first failure stops all threads and is the one
 * that is reported. Cost: RocksDB's iteration (about 0.15 us a record of one cache line) and the sum. */
#include "base/check.h"
#include "base/clock.h"
#include "persist/internal.h"
#include "persist/problem.h"

#include <inttypes.h>
#include <string.h>

#define PROGRESS_NS UINT64_C(2000000000)
#define COUNT_EVERY 4096 /* records between looks at the clock and at other threads' failures */
#define BYTES 256
#define RANGES_PER_THREAD 8

typedef struct loader {
    journal *j;
    journal_visit visit;
    journal_progress progress;
    void *context;
    bool log; /* the tables are done */
    unsigned table;
    unsigned width; /* first key bytes of a range */
    atomic_uint next_byte;
    _Atomic uint64_t records, next_progress_ns;
    atomic_bool failed;
    pthread_mutex_t mutex; /* over the outcome */
    status outcome;
    char *problem;
    size_t room;
} loader;

static bool big_table(unsigned table) { return table == CHANGE_SUBJECTS || table == CHANGE_ACCOUNTS; }

/* The first failure keeps its text. */
static void fail(loader *l, status s, const char *text) {
    pthread_mutex_lock(&l->mutex);
    if (l->outcome == STATUS_OK) {
        l->outcome = s;
        problem_set(l->problem, l->room, "%s", text);
    }
    pthread_mutex_unlock(&l->mutex);
    atomic_store(&l->failed, true);
}

/* Adds to the count; the thread that finds the moment come reports. */
static void count(loader *l, uint64_t more) {
    uint64_t total = atomic_fetch_add(&l->records, more) + more;
    if (l->progress == NULL) return;
    uint64_t now = clock_mono_ns(), due = atomic_load(&l->next_progress_ns);
    if (now >= due && atomic_compare_exchange_strong(&l->next_progress_ns, &due, now + PROGRESS_NS))
        l->progress(l->context, total, l->log);
}

static const char *key_hex(const uint8_t *key, size_t length, char text[2 * LIMIT_KEY_BYTES + 1]) {
    size_t n = length < LIMIT_KEY_BYTES ? length : LIMIT_KEY_BYTES;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) snprintf(text + 2 * i, 3, "%02x", key[i]);
    return text;
}

static void fail_record(loader *l, status s, unsigned table, const uint8_t *key, size_t key_length, const char *what) {
    char hex[2 * LIMIT_KEY_BYTES + 1], text[PROBLEM_ROOM];
    snprintf(text, sizeof text, "%s: key %s: %s", change_table_name(table), key_hex(key, key_length, hex), what);
    fail(l, s, text);
}

static bool load_record(loader *l, unsigned table, const rocks_cursor *c) {
    change record = {.table = (change_table)table};
    size_t stored;
    record.key = rocks_cursor_key(c, &record.key_length);
    record.value = rocks_cursor_value(c, &stored);
    status s = format_value_check(table, record.key, record.key_length, record.value, stored, &record.value_length);
    if (s != STATUS_OK) {
        fail_record(l, s, table, record.key, record.key_length, "the stored value does not match its checksum");
        return false;
    }
    s = l->visit(l->context, &record);
    if (s != STATUS_OK) fail_record(l, s, table, record.key, record.key_length, status_text(s));
    return s == STATUS_OK;
}

/* NULL bounds: the whole table. */
static void load_range(loader *l, unsigned table, const uint8_t *lower, const uint8_t *upper) {
    rocks_cursor c;
    rocks_cursor_open(&l->j->rocks, table, lower, 1, upper, 1, false, &c);
    uint64_t n = 0;
    bool good = true;
    for (; good && rocks_cursor_valid(&c); rocks_cursor_next(&c)) {
        good = load_record(l, table, &c);
        if (++n % COUNT_EVERY != 0) continue;
        count(l, COUNT_EVERY);
        if (atomic_load_explicit(&l->failed, memory_order_relaxed)) good = false;
    }
    count(l, n % COUNT_EVERY);
    char what[PROBLEM_ROOM - 32], text[PROBLEM_ROOM];
    status s = good ? rocks_cursor_status(&c, what, sizeof what) : STATUS_OK;
    if (s != STATUS_OK) {
        snprintf(text, sizeof text, "%s: %s", change_table_name(table), what);
        fail(l, s, text);
    }
    rocks_cursor_close(&c);
}

static void *load_ranges(void *context) {
    loader *l = context;
    for (;;) {
        unsigned from = atomic_fetch_add(&l->next_byte, l->width), to = from + l->width;
        if (from >= BYTES || atomic_load(&l->failed)) return NULL;
        uint8_t lower = (uint8_t)from, upper = (uint8_t)to;
        load_range(l, l->table, &lower, to < BYTES ? &upper : NULL);
    }
}

/* With fewer threads than wished if the system gives no more. */
static void load_big_table(loader *l, unsigned table, unsigned threads) {
    pthread_t helpers[LIMIT_THREADS_MAX];
    unsigned started = 0;
    l->table = table;
    atomic_store(&l->next_byte, 0);
    l->width = BYTES / (threads * RANGES_PER_THREAD);
    if (l->width == 0) l->width = 1;
    while (started + 1 < threads && pthread_create(&helpers[started], NULL, load_ranges, l) == 0) started++;
    load_ranges(l);
    for (unsigned i = 0; i < started; i++) pthread_join(helpers[i], NULL);
}

static status load_group(void *context, const format_group *group) {
    loader *l = context;
    change record;
    uint64_t n = 0;
    status s;
    for (size_t at = 0; (s = change_next(group->changes, group->length, &at, &record)) == STATUS_OK; n++) {
        s = l->visit(l->context, &record);
        if (s == STATUS_OK) continue;
        char what[96];
        snprintf(what, sizeof what, "%s (log group %" PRIu64 ")", status_text(s), group->sequence);
        fail_record(l, s, record.table, record.key, record.key_length, what);
        return s == STATUS_END ? STATUS_CORRUPT : s; /* END has a meaning of its own to the walk */
    }
    if (s != STATUS_END) {
        char text[96];
        snprintf(text, sizeof text, "log: group %" PRIu64 " does not hold records", group->sequence);
        fail(l, s, text);
        return s;
    }
    count(l, n);
    atomic_fetch_add(&l->j->log_bytes, FORMAT_GROUP_HEADER + group->length);
    return STATUS_OK;
}

static status load_events(void *context, const format_group *group) {
    loader *l = context;
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(group->sequence, key);
    change record = {.table = CHANGE_HISTORY,
                     .key = key,
                     .key_length = sizeof key,
                     .value = group->changes,
                     .value_length = group->length};
    journal *j = l->j;
    if (group->sequence > atomic_load(&j->sequence)) {
        char text[96];
        snprintf(text, sizeof text, "history: group %" PRIu64 " is not in the log", group->sequence);
        fail(l, STATUS_CORRUPT, text);
        return STATUS_CORRUPT;
    }
    if (atomic_load(&j->history_first) == 0) atomic_store(&j->history_first, group->sequence);
    if (group->time_ms > j->history_ms) j->history_ms = group->time_ms;
    status s = l->visit(l->context, &record);
    if (s != STATUS_OK) fail_record(l, s, CHANGE_HISTORY, key, sizeof key, status_text(s));
    count(l, 1);
    return s == STATUS_END ? STATUS_CORRUPT : s;
}

static void load_history(loader *l) {
    char text[PROBLEM_ROOM] = "";
    journal *j = l->j;
    status s = walk_history(&j->rocks, atomic_load(&j->history_from), load_events, l, text, sizeof text);
    if (s != STATUS_OK) fail(l, s, text);
}

static void load_log(loader *l) {
    journal *j = l->j;
    uint64_t known = atomic_load(&j->sequence), last = 0;
    char text[PROBLEM_ROOM] = "";
    l->log = true;
    atomic_store(&j->log_bytes, 0);
    status s = walk_log(&j->rocks, atomic_load(&j->mark), known, load_group, l, &last, text, sizeof text);
    if (s != STATUS_OK) fail(l, s, text); /* a visitor's failure has its text already */
}

status journal_load(journal *j, unsigned threads, journal_visit visit, journal_progress progress, void *context,
                    char *problem, size_t room) {
    CHECK(!j->loaded);
    if (threads < 1) threads = 1;
    if (threads > LIMIT_THREADS_MAX) threads = LIMIT_THREADS_MAX;
    loader l = {.j = j, .visit = visit, .progress = progress, .context = context, .problem = problem, .room = room};
    atomic_store(&l.next_progress_ns, clock_mono_ns() + PROGRESS_NS);
    CHECK(pthread_mutex_init(&l.mutex, NULL) == 0);
    for (unsigned table = 1; table < CHANGE_TABLE_END && !atomic_load(&l.failed); table++) {
        if (table == CHANGE_HISTORY)
            load_history(&l);
        else if (big_table(table))
            load_big_table(&l, table, threads);
        else
            load_range(&l, table, NULL, NULL);
    }
    if (!atomic_load(&l.failed)) load_log(&l);
    pthread_mutex_destroy(&l.mutex);
    if (l.outcome != STATUS_OK) return l.outcome;
    status s = fold_start(j);
    if (s == STATUS_OK)
        j->loaded = true;
    else
        problem_set(problem, room, "cannot start the folding thread: %s", status_text(s));
    return s;
}
