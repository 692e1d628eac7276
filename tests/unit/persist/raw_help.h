/* Reaching behind the journal's back into its database, to break things. */
#ifndef XINYI_TESTS_PERSIST_RAW_HELP_H
#define XINYI_TESTS_PERSIST_RAW_HELP_H

#include "persist/internal.h"
#include "tests/unit/persist/journal_help.h"

static inline void raw_open(rocks *r, const char *directory) {
    char path[HELP_ROOM], problem[HELP_ROOM] = "";
    snprintf(path, sizeof path, "%s/db", directory);
    expect_ok(rocks_init(r, problem, sizeof problem));
    status s = rocks_open(r, path, false, problem, sizeof problem);
    cr_assert_eq(s, STATUS_OK, "%s", problem);
}

static inline void raw_put(rocks *r, unsigned family, const void *key, size_t key_length, const void *value,
                           size_t size) {
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    if (value == NULL)
        rocksdb_writebatch_delete_cf(batch, r->families[family], key, key_length);
    else
        rocksdb_writebatch_put_cf(batch, r->families[family], key, key_length, value, size);
    expect_ok(rocks_write(r, batch, true, NULL, 0));
    rocksdb_writebatch_destroy(batch);
}

static inline void raw_put_group(rocks *r, uint64_t sequence, const void *value, size_t size) {
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(sequence, key);
    raw_put(r, ROCKS_LOG, key, sizeof key, value, size);
}

static inline size_t raw_get(rocks *r, unsigned family, const void *key, size_t key_length, uint8_t *value,
                             size_t capacity) {
    size_t size = 0;
    expect_ok(rocks_get(r, family, key, key_length, value, capacity, &size, NULL, 0));
    return size;
}

static inline size_t raw_get_group(rocks *r, uint64_t sequence, uint8_t *value, size_t capacity) {
    uint8_t key[FORMAT_GROUP_KEY];
    format_group_key(sequence, key);
    return raw_get(r, ROCKS_LOG, key, sizeof key, value, capacity);
}

#endif
