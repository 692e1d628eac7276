/* What the journal's tests share: a directory of their own, records that say what they are, and a visitor that keeps
 * what it is given. */
#ifndef XINYI_TESTS_PERSIST_JOURNAL_HELP_H
#define XINYI_TESTS_PERSIST_JOURNAL_HELP_H

#include "base/buf.h"
#include "base/le.h"
#include "base/limits.h"
#include "engine/change.h"
#include "persist/journal.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP_ROOM 512
#define NEVER UINT64_MAX

#define expect_ok(call)                                                                                                \
    do {                                                                                                               \
        status expect_s_ = (call);                                                                                     \
        cr_assert_eq(expect_s_, STATUS_OK, "%s: %s", #call, status_name(expect_s_));                                   \
    } while (0)
#define expect_status(call, wanted)                                                                                    \
    do {                                                                                                               \
        status expect_s_ = (call);                                                                                     \
        cr_assert_eq(expect_s_, (wanted), "%s: %s instead of %s", #call, status_name(expect_s_), status_name(wanted)); \
    } while (0)

/* xorshift64*: the same numbers everywhere for a seed. */
static inline uint64_t help_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static inline int help_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void help_remove(const char *path) { nftw(path, help_remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

/* A directory that does not exist yet, inside one of its own. help_remove_parent takes both away. In memory if nobody
 * says otherwise: opening a database is mostly waiting for the disk, and a killed process needs none to be survived. */
static inline char *help_directory(void) {
    const char *base = getenv("TMPDIR");
    if (base == NULL && access("/dev/shm", W_OK) == 0) base = "/dev/shm";
    char *path = malloc(HELP_ROOM);
    cr_assert_not_null(path);
    snprintf(path, HELP_ROOM - 8, "%s/xinyi-journal-XXXXXX", base != NULL ? base : P_tmpdir);
    cr_assert_not_null(mkdtemp(path), "%s", path);
    strncat(path, "/data", 6);
    return path;
}

static inline void help_remove_parent(char **path) {
    char *slash = strrchr(*path, '/');
    cr_assert_not_null(slash);
    *slash = '\0';
    help_remove(*path);
    free(*path);
    *path = NULL;
}

static inline journal_options help_options(const char *directory) {
    return (journal_options){
        .directory = directory,
        .cluster = "test",
        .fold_bytes = NEVER,
        .fold_interval_ms = NEVER,
        .min_free_bytes = NEVER,
        .unsynced = true,
    };
}

/* ---- what a load handed over */

typedef struct help_image {
    uint8_t table;
    uint8_t key_length;
    bool removed;
    uint8_t key[LIMIT_KEY_BYTES];
    size_t value_length;
    uint8_t *value;
} help_image;

typedef struct help_map {
    help_image *images; /* unordered; linear search is enough for hundreds */
    size_t count, capacity;
    size_t visits;
} help_map;

static inline help_image *help_find(const help_map *m, change_table table, const void *key, size_t key_length) {
    for (size_t i = 0; i < m->count; i++) {
        help_image *e = &m->images[i];
        if (e->table == table && e->key_length == key_length && memcmp(e->key, key, key_length) == 0) return e;
    }
    return NULL;
}

/* The newest image wins, as in the engine. */
static inline void help_apply(help_map *m, const change *c) {
    help_image *e = help_find(m, c->table, c->key, c->key_length);
    if (e == NULL) {
        if (m->count == m->capacity) {
            m->capacity = m->capacity == 0 ? 64 : m->capacity * 2;
            m->images = realloc(m->images, m->capacity * sizeof *m->images);
            cr_assert_not_null(m->images);
        }
        e = &m->images[m->count++];
        *e = (help_image){.table = (uint8_t)c->table, .key_length = (uint8_t)c->key_length};
        memcpy(e->key, c->key, c->key_length);
    }
    free(e->value);
    e->removed = c->removed;
    e->value_length = c->value_length;
    e->value = malloc(c->value_length + 1);
    cr_assert_not_null(e->value);
    if (c->value_length > 0) memcpy(e->value, c->value, c->value_length);
    m->visits++;
}

static inline void help_apply_all(help_map *m, const uint8_t *changes, size_t length) {
    change c;
    status s;
    for (size_t at = 0; (s = change_next(changes, length, &at, &c)) == STATUS_OK;) help_apply(m, &c);
    cr_assert_eq(s, STATUS_END);
}

static inline void help_map_clear(help_map *m) {
    for (size_t i = 0; i < m->count; i++) free(m->images[i].value);
    free(m->images);
    *m = (help_map){0};
}

static inline size_t help_present(const help_map *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) n += !m->images[i].removed;
    return n;
}

/* Both hold the same things; removed is the same as never there. */
static inline void help_map_same(const help_map *expected, const help_map *got) {
    cr_assert_eq(help_present(got), help_present(expected), "%zu things instead of %zu", help_present(got),
                 help_present(expected));
    for (size_t i = 0; i < expected->count; i++) {
        const help_image *e = &expected->images[i];
        const help_image *g = help_find(got, (change_table)e->table, e->key, e->key_length);
        if (e->removed) {
            cr_assert(g == NULL || g->removed, "a removed thing is back");
            continue;
        }
        cr_assert(g != NULL && !g->removed, "a thing of table %u is missing", e->table);
        cr_assert_eq(g->value_length, e->value_length);
        cr_assert(e->value_length == 0 || memcmp(g->value, e->value, e->value_length) == 0, "another value");
    }
}

/* Into a map, from one thread; NULL: anything, from any. */
static inline status help_visit(void *context, const change *c) {
    if (context != NULL) help_apply(context, c);
    return STATUS_OK;
}

static inline journal *help_open_with(const journal_options *options, help_map *map) {
    journal *j = NULL;
    char problem[HELP_ROOM] = "";
    status s = journal_open(options, &j, problem, sizeof problem);
    cr_assert_eq(s, STATUS_OK, "open: %s: %s", status_name(s), problem);
    s = journal_load(j, 1, help_visit, NULL, map, problem, sizeof problem);
    cr_assert_eq(s, STATUS_OK, "load: %s: %s", status_name(s), problem);
    return j;
}

static inline journal *help_open(const char *directory, help_map *map) {
    journal_options options = help_options(directory);
    return help_open_with(&options, map);
}

/* ---- records */

/* A subject-like record: shard byte, number; the value tells the number and a version. */
static inline void help_subject(buf *to, uint32_t number, uint64_t version) {
    uint8_t key[13] = {(uint8_t)(number * 37)}, value[66] = {1};
    le_put32(key + 1, number);
    le_put32(value + 2, number);
    le_put64(value + 8, version);
    change_append(to, CHANGE_SUBJECTS, key, sizeof key, value, sizeof value);
}

static inline void help_named(buf *to, change_table table, const char *key, const char *value) {
    if (value == NULL)
        change_append_removed(to, table, key, strlen(key));
    else
        change_append(to, table, key, strlen(key), value, strlen(value));
}

static inline uint64_t help_commit(journal *j, const buf *changes) {
    uint64_t sequence = 0;
    expect_ok(buf_status(changes));
    expect_ok(journal_commit(j, INT64_C(1795449600000), changes->data, changes->size, NULL, 0, &sequence));
    return sequence;
}

static inline const char *help_text(const help_map *m, change_table table, const char *key, char text[64]) {
    const help_image *e = help_find(m, table, key, strlen(key));
    if (e == NULL || e->removed) return NULL;
    snprintf(text, 64, "%.*s", (int)e->value_length, (const char *)e->value);
    return text;
}

#endif
