/* Commas and closing brackets are kept per level, so callers state only structure. Cost: a few appends a member. */
#include "client/cli/jout.h"

#include "base/check.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define FLUSH_BYTES (64u << 10)

void jout_deinit(jout *j) { buf_deinit(&j->out); }

static void begin(jout *j, const char *key) {
    if (j->depth > 0) {
        if (j->filled[j->depth - 1]) buf_append(&j->out, ",", 1);
        j->filled[j->depth - 1] = true;
    }
    if (key == NULL) return;
    buf_append(&j->out, "\"", 1);
    buf_append_str(&j->out, key);
    buf_append(&j->out, "\":", 2);
}

static void push(jout *j, const char *key, char open, char close) {
    CHECK(j->depth < JOUT_DEPTH);
    begin(j, key);
    buf_append(&j->out, &open, 1);
    j->filled[j->depth] = false;
    j->close[j->depth++] = close;
}

void jout_object(jout *j, const char *key) { push(j, key, '{', '}'); }
void jout_array(jout *j, const char *key) { push(j, key, '[', ']'); }

void jout_end(jout *j) {
    CHECK(j->depth > 0);
    buf_append(&j->out, &j->close[--j->depth], 1);
}

static void escape(buf *out, const char *text, size_t length) {
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;
    while (i < length) {
        size_t plain = i;
        while (plain < length && p[plain] >= 0x20 && p[plain] < 0x7F && p[plain] != '"' && p[plain] != '\\') plain++;
        buf_append(out, p + i, plain - i);
        if ((i = plain) == length) break;
        size_t n = utf8_length(p + i, length - i);
        if (n > 1) {
            buf_append(out, p + i, n);
        } else if (n == 0) {
            buf_append(out, "\xEF\xBF\xBD", 3);
            n = 1;
        } else if (p[i] == '"' || p[i] == '\\') {
            char pair[2] = {'\\', (char)p[i]};
            buf_append(out, pair, 2);
        } else if (p[i] == '\n') {
            buf_append(out, "\\n", 2);
        } else if (p[i] == '\t') {
            buf_append(out, "\\t", 2);
        } else {
            buf_printf(out, "\\u%04x", p[i]);
        }
        i += n;
    }
}

void jout_text(jout *j, const char *key, const char *text, size_t length) {
    begin(j, key);
    buf_append(&j->out, "\"", 1);
    escape(&j->out, text, length);
    buf_append(&j->out, "\"", 1);
}

void jout_string(jout *j, const char *key, const char *text) {
    if (text == NULL)
        jout_null(j, key);
    else
        jout_text(j, key, text, strlen(text));
}

void jout_int(jout *j, const char *key, int64_t value) {
    char digits[24], *end = digits + sizeof digits, *p = end;
    uint64_t m = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do *--p = (char)('0' + m % 10);
    while ((m /= 10) > 0);
    if (value < 0) *--p = '-';
    begin(j, key);
    buf_append(&j->out, p, (size_t)(end - p));
}

void jout_bool(jout *j, const char *key, bool value) { jout_raw(j, key, value ? "true" : "false"); }
void jout_null(jout *j, const char *key) { jout_raw(j, key, "null"); }

void jout_raw(jout *j, const char *key, const char *json) {
    begin(j, key);
    buf_append_str(&j->out, json);
}

void jout_line(jout *j) {
    CHECK(j->depth == 0);
    buf_append(&j->out, "\n", 1);
    if (j->out.size >= FLUSH_BYTES && !j->out.failed) {
        fwrite(j->out.data, 1, j->out.size, stdout); /* a failure stays in ferror(stdout) */
        buf_clear(&j->out);
    }
}

bool jout_flush(jout *j) {
    if (j->out.failed) return false;
    if (j->out.size > 0) fwrite(j->out.data, 1, j->out.size, stdout);
    buf_clear(&j->out);
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}
