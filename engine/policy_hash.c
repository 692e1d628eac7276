/* The hash that names the content of a policy set: XXH3-128 over the names (without directories) and texts, each with
 * its length, in order of name, so that the order in which files are given does not matter. Allocates nothing: the next
 * file is the least of those behind the last, which is quadratic in a number of files that is small. */
#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include "engine/policy_archive.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int by_last_part(const policy_file *x, const policy_file *y) {
    int order = strcmp(last_part(x->name), last_part(y->name));
    size_t shorter = x->length < y->length ? x->length : y->length;
    if (order == 0 && shorter > 0) order = memcmp(x->text, y->text, shorter);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

/* In the order of files with equal ones in the order in which they were given: 0 only for the same. */
static int by_order(const policy_file *x, const policy_file *y) {
    int order = by_last_part(x, y);
    return order != 0 ? order : (x > y) - (x < y);
}

static const policy_file *next_file(const policy_file *files, size_t count, const policy_file *last) {
    const policy_file *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (last != NULL && by_order(&files[i], last) <= 0) continue;
        if (best == NULL || by_order(&files[i], best) < 0) best = &files[i];
    }
    return best;
}

static void add_sized(XXH3_state_t *state, const void *bytes, size_t size) {
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    XXH3_128bits_update(state, length, sizeof length);
    if (size > 0) XXH3_128bits_update(state, bytes, size);
}

void policy_files_hash(const policy_file *files, size_t count, char hash[33]) {
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (const policy_file *f = NULL; (f = next_file(files, count, f)) != NULL;) {
        const char *name = last_part(f->name);
        add_sized(&state, name, strlen(name));
        add_sized(&state, f->text, f->length);
    }
    XXH128_hash_t h = XXH3_128bits_digest(&state);
    snprintf(hash, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}
