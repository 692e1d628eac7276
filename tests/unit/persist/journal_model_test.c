/* Random commits, folds, faults and restarts against a map that does the same. The seed is printed; XINYI_SEED runs one
 * again. */
#include "persist/fault.h"
#include "persist/internal.h"
#include "tests/unit/persist/journal_help.h"

#include <pthread.h>

#define STEPS 250

typedef struct model {
    char *dir;
    uint64_t random;
    journal *j;
    help_map map;
    uint64_t sequence; /* groups committed */
    buf group, history;
} model;

static uint64_t below(model *m, uint64_t n) { return help_random(&m->random) % n; }

static void random_record(model *m) {
    change_table table = (change_table)(1 + below(m, CHANGE_HISTORY - 1));
    uint8_t key[LIMIT_KEY_BYTES];
    memset(key, (int)below(m, 3), sizeof key);
    key[0] = (uint8_t)(below(m, 8) * 36); /* few keys, so that images replace each other */
    size_t length = 1 + below(m, 5) * 15;
    if (below(m, 6) == 0) {
        change_append_removed(&m->group, table, key, length);
        return;
    }
    size_t size = below(m, 10) == 0 ? below(m, 300000) : below(m, 200);
    uint8_t *value = malloc(size + 1);
    memset(value, (int)below(m, 256), size + 1);
    change_append(&m->group, table, key, length, value, size);
    free(value);
}

/* What the load will hand over of a group's history. */
static void model_history(model *m, bool kept, uint64_t sequence) {
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(sequence, key);
    change c = {.table = CHANGE_HISTORY, .key = key, .key_length = sizeof key, .removed = !kept};
    if (kept) {
        c.value = m->history.data;
        c.value_length = m->history.size;
    }
    help_apply(&m->map, &c);
}

/* Groups carry their number as their time. */
static void cut(model *m) {
    int64_t before = (int64_t)below(m, m->sequence + 5) - 2;
    expect_ok(journal_cut_history(m->j, before));
    help_image *oldest = NULL;
    for (size_t i = 0; i < m->map.count; i++) {
        help_image *e = &m->map.images[i];
        if (e->table != CHANGE_HISTORY || e->removed) continue;
        uint64_t sequence = format_group_sequence(e->key, e->key_length);
        e->removed = (int64_t)sequence - 1 <= before;
        if (!e->removed && (oldest == NULL || memcmp(e->key, oldest->key, e->key_length) < 0)) oldest = e;
    }
    journal_stats stats;
    journal_get_stats(m->j, &stats);
    cr_assert_eq(stats.history_first, oldest == NULL ? 0 : format_group_sequence(oldest->key, oldest->key_length));
}

static void reopen(model *m);

static void commit(model *m) {
    buf_clear(&m->group);
    for (uint64_t n = below(m, 30); n > 0; n--) random_record(m);
    buf_clear(&m->history);
    for (uint64_t n = below(m, 3) * below(m, 50000); n > 0; n--) {
        uint8_t byte = (uint8_t)below(m, 256);
        buf_append(&m->history, &byte, 1);
    }
    uint64_t sequence = 0;
    unsigned fault = (unsigned)below(m, 40);
    if (fault == 0) fault_arm(FAULT_COMMIT, 1, 1, STATUS_NO_SPACE);
    if (fault == 1) fault_arm(FAULT_COMMITTED, 1, 1, STATUS_IO_ERROR);
    status s = journal_commit(m->j, (int64_t)m->sequence, m->group.data, m->group.size, m->history.data,
                              m->history.size, &sequence);
    bool applied = s == STATUS_OK;
    cr_assert_eq(applied, fault > 1);
    if (applied)
        cr_assert_eq(sequence, m->sequence + 1);
    else
        expect_ok(journal_heal(m->j, &applied));
    cr_assert_eq(applied, fault != 0);
    if (!applied) return;
    m->sequence++;
    help_apply_all(&m->map, m->group.data, m->group.size);
    if (m->history.size > 0) model_history(m, true, m->sequence);
}

static void fold(model *m) {
    unsigned fault = (unsigned)below(m, 3);
    fault_point point = (fault_point)(FAULT_FOLD_READ + below(m, FAULT_POINTS - FAULT_FOLD_READ));
    if (fault == 0) fault_arm(point, 1 + (unsigned)below(m, 5), 1, STATUS_IO_ERROR);
    status s = journal_fold(m->j);
    fault_clear();
    cr_assert(s == STATUS_OK || (s == STATUS_IO_ERROR && fault == 0), "%s", status_name(s));
    journal_stats stats;
    journal_get_stats(m->j, &stats);
    cr_assert_eq(stats.sequence, m->sequence);
    if (s == STATUS_OK) cr_assert_eq(stats.folded_sequence, m->sequence);
    if (s == STATUS_OK) cr_assert_eq(stats.log_bytes, 0);
}

typedef struct locked_map {
    pthread_mutex_t mutex;
    help_map map;
} locked_map;

static status locked_visit(void *context, const change *c) {
    locked_map *l = context;
    pthread_mutex_lock(&l->mutex);
    help_apply(&l->map, c);
    pthread_mutex_unlock(&l->mutex);
    return STATUS_OK;
}

static void open_and_compare(model *m) {
    journal_options options = help_options(m->dir);
    if (below(m, 2) == 0) options.fold_bytes = 1 + below(m, 2000000);
    options.unsynced = below(m, 4) != 0;
    char problem[HELP_ROOM] = "";
    status s = journal_open(&options, &m->j, problem, sizeof problem);
    cr_assert_eq(s, STATUS_OK, "%s", problem);
    cr_assert_eq(journal_sequence(m->j), m->sequence);
    locked_map got = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    s = journal_load(m->j, 1 + (unsigned)below(m, 4), locked_visit, NULL, &got, problem, sizeof problem);
    cr_assert_eq(s, STATUS_OK, "%s", problem);
    help_map_same(&m->map, &got.map);
    help_map_clear(&got.map);
}

static void reopen(model *m) {
    journal_close(&m->j);
    open_and_compare(m);
}

static void run(uint64_t seed) {
    model m = {.dir = help_directory(), .random = seed};
    open_and_compare(&m);
    for (int step = 0; step < STEPS; step++) {
        uint64_t what = below(&m, 20);
        if (what == 0)
            reopen(&m);
        else if (what <= 2)
            fold(&m);
        else if (what == 3)
            cut(&m);
        else
            commit(&m);
    }
    reopen(&m);
    journal_close(&m.j);
    help_map_clear(&m.map);
    buf_deinit(&m.group);
    buf_deinit(&m.history);
    help_remove_parent(&m.dir);
}

Test(journal_model, behaves_like_a_map, .timeout = 120) {
    const char *given = getenv("XINYI_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
    for (int i = 0; i < (given != NULL ? 1 : 4); i++, seed += 1000003) {
        printf("journal_model: XINYI_SEED=%llu\n", (unsigned long long)seed);
        fflush(stdout);
        run(seed | 1);
    }
}
