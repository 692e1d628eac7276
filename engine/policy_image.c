/* The stored form of a policy set: its texts, since compiled tables are derived and the texts are what was decided. */
#include "base/le.h"
#include "base/limits.h"
#include "engine/state.h"

#include <string.h>

static bool is_storable(const policy_file *file) {
    return strlen(file->name) <= UINT16_MAX && file->length <= LIMIT_RECORD_BYTES;
}

#define HEAD (1 + 8 + 4 + 2) /* version, moment, rollback, count */

status policy_image_encode(buf *to, const policy_image *image) {
    if (image->count > LIMIT_POLICY_FILES) return STATUS_TOO_LARGE;
    size_t total = HEAD;
    for (size_t i = 0; i < image->count; i++) {
        if (!is_storable(&image->files[i])) return STATUS_TOO_LARGE;
        total += 6 + strlen(image->files[i].name) + image->files[i].length;
    }
    if (total > LIMIT_RECORD_BYTES) return STATUS_TOO_LARGE;
    uint8_t *at = buf_extend(to, total);
    if (at == NULL) return STATUS_NO_MEMORY;
    *at = IMAGE_POLICIES;
    le_put64(at + 1, (uint64_t)image->activated_ms);
    le_put32(at + 9, image->rollback_of);
    le_put16(at + 13, (uint16_t)image->count);
    at += HEAD;
    for (size_t i = 0; i < image->count; i++) {
        const policy_file *file = &image->files[i];
        size_t name = strlen(file->name);
        le_put16(at, (uint16_t)name);
        memcpy(at + 2, file->name, name);
        at += 2 + name;
        le_put32(at, (uint32_t)file->length);
        if (file->length > 0) memcpy(at + 4, file->text, file->length);
        at += 4 + file->length;
    }
    return STATUS_OK;
}

typedef struct reader {
    const uint8_t *at, *end;
    bool bad;
} reader;

static const uint8_t *take(reader *r, size_t n) {
    if (r->bad || (size_t)(r->end - r->at) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *taken = r->at;
    r->at += n;
    return taken;
}

static uint64_t take_number(reader *r, size_t bytes) {
    const uint8_t *at = take(r, bytes);
    if (at == NULL) return 0;
    return bytes == 2 ? le_get16(at) : bytes == 4 ? le_get32(at) : le_get64(at);
}

/* One file; its name goes into `names` with a NUL. Pointers into `names` are set by the caller, since it moves. */
static void take_file(reader *r, buf *names, policy_file *file) {
    size_t length = take_number(r, 2);
    const uint8_t *name = take(r, length);
    if (name == NULL || memchr(name, 0, length) != NULL) {
        r->bad = true;
        return;
    }
    buf_append(names, name, length);
    buf_append(names, "", 1);
    file->length = take_number(r, 4);
    file->text = (const char *)take(r, file->length);
}

status policy_image_decode(const uint8_t *value, size_t length, buf *memory, policy_image *out) {
    reader r = {.at = value, .end = value + length};
    const uint8_t *version = take(&r, 1);
    *out = (policy_image){0};
    if (version == NULL || (*version != IMAGE_POLICIES && *version != IMAGE_POLICIES_1)) return STATUS_CORRUPT;
    if (*version == IMAGE_POLICIES) {
        out->activated_ms = (int64_t)take_number(&r, 8);
        out->rollback_of = (uint32_t)take_number(&r, 4);
    }
    size_t n = take_number(&r, 2);
    if (r.bad || n > LIMIT_POLICY_FILES) return STATUS_CORRUPT;
    /* the array first: it wants alignment, and buffers begin aligned */
    policy_file found[LIMIT_POLICY_FILES];
    buf_clear(memory);
    (void)buf_extend(memory, n * sizeof *found);
    for (size_t i = 0; i < n; i++) take_file(&r, memory, &found[i]);
    if (r.bad || r.at != r.end) return STATUS_CORRUPT;
    if (buf_status(memory) != STATUS_OK) return STATUS_NO_MEMORY;
    const char *name = (const char *)memory->data + n * sizeof *found;
    for (size_t i = 0; i < n; i++) {
        found[i].name = name;
        name += strlen(name) + 1;
    }
    if (n > 0) memcpy(memory->data, found, n * sizeof *found);
    out->files = (const policy_file *)(const void *)memory->data;
    out->count = n;
    return STATUS_OK;
}
