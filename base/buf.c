/* Doubling growth, so appends are amortised constant. */
#include "base/buf.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_deinit(buf *b) {
    free(b->data);
    *b = (buf){0};
}

void buf_clear(buf *b) {
    b->size = 0;
    b->failed = false;
}

uint8_t *buf_reserve(buf *b, size_t more) {
    if (more <= b->capacity - b->size) return b->data + b->size;
    if (more > SIZE_MAX / 2 - b->size) {
        b->failed = true;
        return NULL;
    }
    size_t want = b->capacity < 256 ? 256 : b->capacity * 2;
    if (want < b->size + more) want = b->size + more;
    uint8_t *grown = realloc(b->data, want);
    if (grown == NULL) {
        b->failed = true;
        return NULL;
    }
    b->data = grown;
    b->capacity = want;
    return b->data + b->size;
}

uint8_t *buf_extend(buf *b, size_t n) {
    uint8_t *at = buf_reserve(b, n);
    if (at != NULL) b->size += n;
    return at;
}

void buf_append(buf *b, const void *bytes, size_t n) {
    if (n == 0) return;
    uint8_t *at = buf_extend(b, n);
    if (at != NULL) memcpy(at, bytes, n);
}

void buf_append_str(buf *b, const char *text) { buf_append(b, text, strlen(text)); }

void buf_printf(buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(n >= 0);
    char *at = (char *)buf_reserve(b, (size_t)n + 1);
    if (at != NULL) {
        vsnprintf(at, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

void buf_consume(buf *b, size_t n) {
    CHECK(n <= b->size);
    if (n < b->size) memmove(b->data, b->data + n, b->size - n);
    b->size -= n;
}

const char *buf_cstr(buf *b) {
    uint8_t *at = buf_reserve(b, 1);
    if (at == NULL) return "";
    *at = '\0';
    return (const char *)b->data;
}

status buf_status(const buf *b) { return b->failed ? STATUS_NO_MEMORY : STATUS_OK; }
