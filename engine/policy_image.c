/* The stored form of a policy set: its texts, since compiled tables are derived and the texts are what was decided. */
#include "base/le.h"
#include "base/limits.h"
#include "engine/state.h"

#include <string.h>

static bool is_storable(const policy_file *file) {
    return strlen(file->name) <= UINT16_MAX && file->length <= LIMIT_RECORD_BYTES;
}

status policy_image_encode(buf *to, const policy_file *files, size_t count) {
    if (count > LIMIT_POLICY_FILES) return STATUS_TOO_LARGE;
    size_t total = 3;
    for (size_t i = 0; i < count; i++) {
        if (!is_storable(&files[i])) return STATUS_TOO_LARGE;
        total += 6 + strlen(files[i].name) + files[i].length;
    }
    if (total > LIMIT_RECORD_BYTES) return STATUS_TOO_LARGE;
    uint8_t *at = buf_extend(to, total);
    if (at == NULL) return STATUS_NO_MEMORY;
    *at = IMAGE_POLICIES;
    le_put16(at + 1, (uint16_t)count);
    at += 3;
    for (size_t i = 0; i < count; i++) {
        size_t name = strlen(files[i].name);
        le_put16(at, (uint16_t)name);
        memcpy(at + 2, files[i].name, name);
        at += 2 + name;
        le_put32(at, (uint32_t)files[i].length);
        if (files[i].length > 0) memcpy(at + 4, files[i].text, files[i].length);
        at += 4 + files[i].length;
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

static size_t take_length(reader *r, size_t bytes) {
    const uint8_t *at = take(r, bytes);
    if (at == NULL) return 0;
    return bytes == 2 ? le_get16(at) : le_get32(at);
}

/* One file; its name goes into `names` with a NUL. Pointers into `names` are set by the caller, since it moves. */
static void take_file(reader *r, buf *names, policy_file *file) {
    size_t length = take_length(r, 2);
    const uint8_t *name = take(r, length);
    if (name == NULL || memchr(name, 0, length) != NULL) {
        r->bad = true;
        return;
    }
    buf_append(names, name, length);
    buf_append(names, "", 1);
    file->length = take_length(r, 4);
    file->text = (const char *)take(r, file->length);
}

status policy_image_decode(const uint8_t *value, size_t length, buf *memory, const policy_file **files, size_t *count) {
    reader r = {.at = value, .end = value + length};
    const uint8_t *version = take(&r, 1);
    size_t n = take_length(&r, 2);
    if (r.bad || *version != IMAGE_POLICIES || n > LIMIT_POLICY_FILES) return STATUS_CORRUPT;
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
    *files = (const policy_file *)(const void *)memory->data;
    *count = n;
    return STATUS_OK;
}
