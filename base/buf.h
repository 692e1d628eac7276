/* A growing byte buffer. Init with {0}; owned by the caller; not thread-safe.
 * Growth failures latch `failed` instead of being returned by every append: check once, at the end, with buf_status. */
#ifndef XINYI_BASE_BUF_H
#define XINYI_BASE_BUF_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buf {
    uint8_t *data; /* NULL while capacity is 0 */
    size_t size;   /* bytes in use */
    size_t capacity;
    bool failed; /* an append found no memory; its bytes are missing */
} buf;

void buf_deinit(buf *b);
/* Forget the content, keep the memory. Clears `failed`. */
void buf_clear(buf *b);
/* Room for `more` bytes behind size; NULL (and failed) without memory. Does not change size. */
uint8_t *buf_reserve(buf *b, size_t more);
/* Appends n uninitialised bytes and returns them; NULL without memory. */
uint8_t *buf_extend(buf *b, size_t n);
void buf_append(buf *b, const void *bytes, size_t n);
void buf_append_str(buf *b, const char *text);
void buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first n bytes. */
void buf_consume(buf *b, size_t n);
/* The content with a NUL behind it (not counted in size); "" without memory. */
const char *buf_cstr(buf *b);
status buf_status(const buf *b) MUST_CHECK;

#endif
