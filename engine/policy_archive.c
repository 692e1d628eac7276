/* Sets as lists of references to texts; a text is kept once, found by its hash, counted by its references. A province
 * activates a few dozen sets a year and most differ in one file, so the archive of years is a few hundred KiB.
 *
 * Entries are ordered by version, each in memory of its own: what policy_archive_entry points to does not move.
 * Cost: one pass over the texts for an addition; binary search by version; by hash a walk from the newest. */
#include "engine/policy_archive.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FIRST_BUCKETS 64u /* a power of two */

typedef struct text {
    struct text *next; /* in its bucket */
    uint64_t hash;
    size_t length;
    size_t holders;
    char bytes[];
} text;

typedef struct entry {
    policy_archive_entry shown;
    size_t bytes; /* of this allocation */
    text **texts; /* of each file; they are `files`' */
    policy_file files[];
} entry;

struct policy_archive {
    entry **entries; /* ascending version */
    size_t count, capacity;
    size_t shown; /* those behind are staged */
    text **buckets;
    size_t bucket_count, text_count;
    size_t bytes;
};

status policy_archive_create(policy_archive **out) {
    *out = NULL;
    policy_archive *a = calloc(1, sizeof *a);
    if (a == NULL) return STATUS_NO_MEMORY;
    a->bucket_count = FIRST_BUCKETS;
    a->buckets = calloc(a->bucket_count, sizeof *a->buckets);
    if (a->buckets == NULL) {
        free(a);
        return STATUS_NO_MEMORY;
    }
    *out = a;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ texts */

static void grow_buckets(policy_archive *a) {
    size_t more = a->bucket_count * 2;
    text **buckets = calloc(more, sizeof *buckets);
    if (buckets == NULL) return; /* longer chains */
    for (size_t i = 0; i < a->bucket_count; i++)
        for (text *t = a->buckets[i], *next; t != NULL; t = next) {
            next = t->next;
            t->next = buckets[t->hash & (more - 1)];
            buckets[t->hash & (more - 1)] = t;
        }
    free(a->buckets);
    a->buckets = buckets;
    a->bucket_count = more;
}

/* The kept text that is equal, or a copy; NULL without memory. One holder more. */
static text *hold_text(policy_archive *a, const char *bytes, size_t length) {
    uint64_t hash = length > 0 ? XXH3_64bits(bytes, length) : 0;
    for (text *t = a->buckets[hash & (a->bucket_count - 1)]; t != NULL; t = t->next)
        if (t->hash == hash && t->length == length && (length == 0 || memcmp(t->bytes, bytes, length) == 0)) {
            t->holders++;
            return t;
        }
    if (a->text_count >= a->bucket_count) grow_buckets(a);
    text *t = malloc(sizeof *t + length);
    if (t == NULL) return NULL;
    text **bucket = &a->buckets[hash & (a->bucket_count - 1)];
    *t = (text){.next = *bucket, .hash = hash, .length = length, .holders = 1};
    if (length > 0) memcpy(t->bytes, bytes, length);
    *bucket = t;
    a->text_count++;
    a->bytes += sizeof *t + length;
    return t;
}

static void drop_text(policy_archive *a, text *t) {
    if (--t->holders > 0) return;
    text **at = &a->buckets[t->hash & (a->bucket_count - 1)];
    while (*at != t) at = &(*at)->next;
    *at = t->next;
    a->text_count--;
    a->bytes -= sizeof *t + t->length;
    free(t);
}

/* ------------------------------------------------------------------ entries */

static void free_entry(policy_archive *a, entry *e) {
    for (size_t i = 0; i < e->shown.file_count; i++)
        if (e->texts[i] != NULL) drop_text(a, e->texts[i]);
    a->bytes -= e->bytes;
    free(e);
}

/* One allocation: the entry, its files, its references to texts, the names. */
static entry *make_entry(policy_archive *a, const policy_file *files, size_t count) {
    size_t names = 0;
    for (size_t i = 0; i < count; i++) names += strlen(files[i].name) + 1;
    size_t bytes = sizeof(entry) + count * (sizeof(policy_file) + sizeof(text *)) + names;
    entry *e = calloc(1, bytes);
    if (e == NULL) return NULL;
    a->bytes += bytes;
    e->bytes = bytes;
    e->texts = (text **)(void *)(e->files + count);
    e->shown.files = e->files;
    e->shown.file_count = count;
    char *name = (char *)(e->texts + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(files[i].name) + 1;
        memcpy(name, files[i].name, length);
        e->texts[i] = hold_text(a, files[i].text, files[i].length);
        if (e->texts[i] == NULL) {
            free_entry(a, e);
            return NULL;
        }
        e->files[i] = (policy_file){name, e->texts[i]->bytes, files[i].length};
        name += length;
    }
    policy_files_hash(files, count, e->shown.hash);
    return e;
}

/* The first entry whose version is not below; of staged ones, too. */
static size_t lower_bound(const policy_archive *a, uint32_t version) {
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (a->entries[middle]->shown.version < version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static status insert(policy_archive *a, uint32_t version, uint32_t rollback_of, int64_t activated_ms,
                     const policy_file *files, size_t count) {
    size_t at = lower_bound(a, version);
    if (at < a->count && a->entries[at]->shown.version == version) return STATUS_VERSION_CONFLICT;
    if (a->count == a->capacity) {
        size_t more = a->capacity == 0 ? 16 : a->capacity * 2;
        entry **entries = realloc(a->entries, more * sizeof *entries);
        if (entries == NULL) return STATUS_NO_MEMORY;
        a->entries = entries;
        a->capacity = more;
    }
    entry *e = make_entry(a, files, count);
    if (e == NULL) return STATUS_NO_MEMORY;
    e->shown.version = version;
    e->shown.rollback_of = rollback_of;
    e->shown.activated_ms = activated_ms;
    memmove(a->entries + at + 1, a->entries + at, (a->count - at) * sizeof *a->entries);
    a->entries[at] = e;
    a->count++;
    return STATUS_OK;
}

status policy_archive_add(policy_archive *a, uint32_t version, uint32_t rollback_of, int64_t activated_ms,
                          const policy_file *files, size_t count) {
    CHECK(a->shown == a->count);
    status code = insert(a, version, rollback_of, activated_ms, files, count);
    a->shown = a->count;
    return code;
}

status policy_archive_stage(policy_archive *a, uint32_t version, uint32_t rollback_of, int64_t activated_ms,
                            const policy_file *files, size_t count) {
    CHECK(a->count == 0 || a->entries[a->count - 1]->shown.version < version);
    return insert(a, version, rollback_of, activated_ms, files, count);
}

void policy_archive_settle(policy_archive *a, bool keep) {
    while (!keep && a->count > a->shown) free_entry(a, a->entries[--a->count]);
    a->shown = a->count;
}

void policy_archive_destroy(policy_archive **a) {
    if (*a == NULL) return;
    while ((*a)->count > 0) free_entry(*a, (*a)->entries[--(*a)->count]);
    free((*a)->entries);
    free((*a)->buckets);
    free(*a);
    *a = NULL;
}

/* ------------------------------------------------------------------ reading */

size_t policy_archive_count(const policy_archive *a) { return a->shown; }

void policy_archive_at(const policy_archive *a, size_t index, policy_archive_entry *out) {
    CHECK(index < a->shown);
    *out = a->entries[index]->shown;
}

bool policy_archive_find(const policy_archive *a, uint32_t version, policy_archive_entry *out) {
    size_t at = lower_bound(a, version);
    if (at >= a->shown || a->entries[at]->shown.version != version) return false;
    *out = a->entries[at]->shown;
    return true;
}

bool policy_archive_find_hash(const policy_archive *a, const char *hash, policy_archive_entry *out) {
    for (size_t i = a->shown; i-- > 0;) {
        if (strcmp(a->entries[i]->shown.hash, hash) != 0) continue;
        *out = a->entries[i]->shown;
        return true;
    }
    return false;
}

size_t policy_archive_bytes(const policy_archive *a) {
    return sizeof *a + a->capacity * sizeof *a->entries + a->bucket_count * sizeof *a->buckets + a->bytes;
}
