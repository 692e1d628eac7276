/* A data directory that a process left by dying, with every table in sorted files, puts and the log; and ways to damage
 * its files and to see what a start makes of it. In children, since RocksDB may die of damage. */
#ifndef XINYI_TESTS_PERSIST_DAMAGE_HELP_H
#define XINYI_TESTS_PERSIST_DAMAGE_HELP_H

#include "tests/unit/persist/child_help.h"
#include "tests/unit/persist/journal_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#define DAMAGE_SUBJECTS 30000
#define DAMAGE_GROUPS 25

/* ------------------------------------------------------------------ children */

/* What a load handed over: the newest image of each thing, as a hash. Independent of the order in the end. */
typedef struct digest_entry {
    uint64_t key, value; /* value 0: removed */
} digest_entry;
#define DIGEST_ROOM (1u << 18)
typedef struct digest {
    digest_entry entries[DIGEST_ROOM];
} digest;

static inline status digest_visit(void *context, const change *c) {
    digest *d = context;
    uint64_t key = XXH3_64bits_withSeed(c->key, c->key_length, c->table) | 1;
    size_t at = key % DIGEST_ROOM;
    while (d->entries[at].key != 0 && d->entries[at].key != key) at = (at + 1) % DIGEST_ROOM;
    d->entries[at] = (digest_entry){key, c->removed ? 0 : XXH3_64bits_withSeed(c->value, c->value_length, key) | 1};
    return STATUS_OK;
}

static inline uint64_t digest_sum(const digest *d, uint64_t *present) {
    uint64_t sum = 0;
    *present = 0;
    for (size_t i = 0; i < DIGEST_ROOM; i++) {
        sum += d->entries[i].value;
        *present += d->entries[i].value != 0;
    }
    return sum;
}

/* Every group has a history, too. */
static inline void damage_commit(journal *j, buf *b) {
    uint64_t sequence = 0;
    char history[64];
    snprintf(history, sizeof history, "what happened in group %llu", (unsigned long long)journal_sequence(j) + 1);
    child_check(buf_status(b) == STATUS_OK);
    child_check(journal_commit(j, INT64_C(1795449600000), b->data, b->size, (const uint8_t *)history, strlen(history),
                               &sequence) == STATUS_OK);
    buf_clear(b);
}

/* Blobs that do not compress, so that files are large enough to be hit everywhere. */
static inline void damage_blob(buf *b, change_table table, char key, uint64_t version) {
    uint8_t blob[6000];
    uint64_t random = version * 77 + (uint64_t)table + 1;
    for (size_t i = 0; i < sizeof blob; i += 8) le_put64(blob + i, help_random(&random));
    change_append(b, table, &key, 1, blob, sizeof blob);
}

static inline void damage_commit_tables(journal *j, buf *b, uint64_t version) {
    for (unsigned t = CHANGE_RECORDS; t < CHANGE_TABLE_END; t++)
        for (char key = 'a'; key < 'h' && t != CHANGE_HISTORY; key++) damage_blob(b, (change_table)t, key, version);
    for (uint32_t i = 0; i < 50; i++) help_subject(b, i * 7, version);
    damage_commit(j, b);
}

/* Up to `groups` groups, then it kills itself: the log is what a process leaves that dies. */
static inline int damage_make(const journal_options *options, uint64_t groups) {
    buf b = {0};
    for (unsigned phase = 0; phase < 3; phase++) {
        journal *j = NULL;
        child_check(journal_open(options, &j, NULL, 0) == STATUS_OK);
        child_check(journal_load(j, 2, help_visit, NULL, NULL, NULL, 0) == STATUS_OK);
        if (phase == 0) {
            for (uint32_t i = 0; i < DAMAGE_SUBJECTS; i++) help_subject(&b, i, i);
            damage_commit(j, &b);
        }
        for (unsigned i = 0; i < 8; i++) {
            damage_commit_tables(j, &b, 10 * phase + i);
            if (journal_sequence(j) == groups) raise(SIGKILL);
            if (i == 0 && phase < 2) child_check(journal_fold(j) == STATUS_OK);
        }
        journal_close(&j);
    }
    return 0;
}

static inline int damage_tell(const journal_options *options) {
    journal *j = NULL;
    char problem[HELP_ROOM] = "";
    digest *d = calloc(1, sizeof *d);
    uint64_t present = 0;
    status s = journal_open(options, &j, problem, sizeof problem);
    if (s == STATUS_OK) s = journal_load(j, 1, digest_visit, NULL, d, problem, sizeof problem);
    if (s != STATUS_OK) {
        printf("%s: %s\n", status_name(s), problem);
    } else {
        uint64_t sum = digest_sum(d, &present);
        printf("ok %llx %llu %llu\n", (unsigned long long)sum, (unsigned long long)present,
               (unsigned long long)journal_sequence(j));
    }
    journal_close(&j);
    free(d);
    fflush(stdout);
    return 0;
}

/* Arguments "make N" and "tell". */
static inline int damage_child(const char *directory, const char *arguments) {
    journal_options options = help_options(directory);
    options.unsynced = false; /* or nothing would be acknowledged */
    if (strncmp(arguments, "make ", 5) == 0) return damage_make(&options, strtoull(arguments + 5, NULL, 10));
    return damage_tell(&options);
}

/* ------------------------------------------------------------------ for the parent */

/* What a child prints, its first line; false if it died. */
static inline bool damage_ask(const char *directory, const char *arguments, char line[HELP_ROOM]) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = child_start(directory, arguments, ends[1]);
    close(ends[1]);
    size_t size = 0;
    for (ssize_t n = 1; n > 0 && size < HELP_ROOM - 1; size += (size_t)n) {
        n = read(ends[0], line + size, HELP_ROOM - 1 - size);
        if (n < 0) n = 0;
    }
    line[size] = '\0';
    line[strcspn(line, "\n")] = '\0';
    close(ends[0]);
    int code = 0;
    cr_assert_eq(waitpid(child, &code, 0), child);
    return WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

static inline void damage_copy(const char *from, const char *to) {
    char command[2 * HELP_ROOM + 16];
    snprintf(command, sizeof command, "cp -r '%s' '%s'", from, to);
    cr_assert_eq(system(command), 0);
}

typedef struct damage_file {
    char path[HELP_ROOM];
    off_t size;
} damage_file;

static inline int damage_compare(const void *a, const void *b) {
    return strcmp(((const damage_file *)a)->path, ((const damage_file *)b)->path);
}

/* All files with this part in their name, in the directory or its db, in order. */
static inline size_t damage_files(const char *directory, const char *part, damage_file *found, size_t room) {
    static const char *const places[] = {"", "/db"};
    size_t n = 0;
    for (unsigned p = 0; p < 2; p++) {
        char path[HELP_ROOM - 128];
        snprintf(path, sizeof path, "%s%s", directory, places[p]);
        DIR *d = opendir(path);
        cr_assert_not_null(d);
        for (struct dirent *e; (e = readdir(d)) != NULL;) {
            struct stat info;
            if (strstr(e->d_name, part) == NULL || fstatat(dirfd(d), e->d_name, &info, 0) != 0) continue;
            if (!S_ISREG(info.st_mode) || info.st_size == 0 || n == room) continue;
            snprintf(found[n].path, HELP_ROOM, "%s/%s", path, e->d_name);
            found[n++].size = info.st_size;
        }
        closedir(d);
    }
    qsort(found, n, sizeof *found, damage_compare);
    return n;
}

enum { DAMAGE_BIT, DAMAGE_CUT, DAMAGE_ZEROS, DAMAGE_GONE };

/* Says in `what` what it did. */
static inline void damage_do(const damage_file *f, int kind, off_t at, unsigned bit, char what[HELP_ROOM]) {
    static const uint8_t zeros[512];
    const char *name = strrchr(f->path, '/') + 1;
    int fd = open(f->path, O_RDWR);
    cr_assert_geq(fd, 0);
    uint8_t byte = 0;
    size_t n = f->size - at < 512 ? (size_t)(f->size - at) : 512;
    switch (kind) {
    case DAMAGE_BIT:
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        byte ^= (uint8_t)(1u << bit);
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        snprintf(what, HELP_ROOM, "%s: bit %u of byte %lld of %lld", name, bit, (long long)at, (long long)f->size);
        break;
    case DAMAGE_CUT:
        cr_assert_eq(ftruncate(fd, at), 0);
        snprintf(what, HELP_ROOM, "%s: cut to %lld of %lld", name, (long long)at, (long long)f->size);
        break;
    case DAMAGE_ZEROS:
        cr_assert_eq(pwrite(fd, zeros, n, at), (ssize_t)n);
        snprintf(what, HELP_ROOM, "%s: %zu zeros at %lld of %lld", name, n, (long long)at, (long long)f->size);
        break;
    default: cr_assert_eq(unlink(f->path), 0); snprintf(what, HELP_ROOM, "%s: gone", name);
    }
    close(fd);
}

/* Some damage somewhere to one of the files of a kind. */
static inline void damage_random(const char *directory, uint64_t *random, char what[HELP_ROOM]) {
    static const char *const kinds[] = {".sst", ".log", ".log", "MANIFEST-", "CURRENT", "JOURNAL", "LAST", ".sst"};
    static const int how[] = {DAMAGE_BIT, DAMAGE_BIT, DAMAGE_BIT,   DAMAGE_BIT,
                              DAMAGE_CUT, DAMAGE_CUT, DAMAGE_ZEROS, DAMAGE_GONE};
    damage_file files[64];
    const char *kind = kinds[help_random(random) % (sizeof kinds / sizeof *kinds)];
    size_t n = damage_files(directory, kind, files, 64);
    cr_assert_gt(n, 0, "no %s", kind);
    const damage_file *f = &files[help_random(random) % n];
    off_t at = (off_t)(help_random(random) % (uint64_t)f->size);
    if (help_random(random) % 3 == 0 && f->size > 600) at = f->size - 1 - at % 600; /* tails are special */
    damage_do(f, how[help_random(random) % 8], at, help_random(random) % 8, what);
}

#endif
