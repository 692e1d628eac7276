/* One buffer holds at least one whole record: what is left is moved to its front before more is read, so records are
 * contiguous and nothing is copied on the fast path. Invariant: pos ≤ end ≤ capacity; line is the number of the line
 * that begins at pos. Cost: one memchr for the line's end, one for a quote, one walk over the commas. */
#include "client/cli/csv.h"

#include "base/buf.h"

#include <csv.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)

struct csv_reader {
    int fd;
    bool eof, started;
    char *data;
    size_t pos, end;
    uint64_t line, consumed;
    csv_field fields[CSV_FIELDS_MAX];
    size_t count;
    /* the slow path: libcsv hands out fields that die with the call, so they are gathered here */
    struct csv_parser parser;
    bool parser_ready;
    buf arena;
    size_t offsets[CSV_FIELDS_MAX + 1];
    unsigned rows;
    bool overflow;
};

csv_reader *csv_reader_create(int fd) {
    csv_reader *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->fd = fd;
    r->line = 1;
    r->data = malloc(BUFFER_BYTES);
    if (r->data == NULL) csv_reader_destroy(&r);
    return r;
}

void csv_reader_destroy(csv_reader **r) {
    if (r == NULL || *r == NULL) return;
    if ((*r)->parser_ready) csv_free(&(*r)->parser);
    buf_deinit(&(*r)->arena);
    free((*r)->data);
    free(*r);
    *r = NULL;
}

uint64_t csv_reader_bytes(const csv_reader *r) { return r->consumed; }

/* Moves what is left to the front and reads once. */
static status refill(csv_reader *r) {
    if (r->pos > 0) {
        memmove(r->data, r->data + r->pos, r->end - r->pos);
        r->end -= r->pos;
        r->pos = 0;
    }
    while (!r->eof && r->end < BUFFER_BYTES) {
        ssize_t n = read(r->fd, r->data + r->end, BUFFER_BYTES - r->end);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return STATUS_IO_ERROR;
        if (n == 0) r->eof = true;
        r->end += (size_t)n;
        break;
    }
    if (!r->started && (r->end >= 3 || r->eof)) {
        r->started = true;
        if (r->end >= 3 && memcmp(r->data, "\xEF\xBB\xBF", 3) == 0) r->pos = r->consumed = 3;
    }
    return STATUS_OK;
}

/* Length of the line at pos + offset with its newline; 0 if there is none up to CSV_RECORD_MAX bytes or the end of the
 * file. The last line needs no newline. */
static status line_length(csv_reader *r, size_t offset, size_t *length) {
    *length = 0;
    for (;;) {
        size_t have = r->started ? r->end - r->pos : 0;
        size_t window = have < CSV_RECORD_MAX ? have : CSV_RECORD_MAX;
        if (window > offset) {
            const char *at = r->data + r->pos + offset;
            const char *newline = memchr(at, '\n', window - offset);
            if (newline != NULL) {
                *length = (size_t)(newline - at) + 1;
                return STATUS_OK;
            }
        }
        if (have >= CSV_RECORD_MAX) return STATUS_OK;
        if (r->eof) {
            *length = have - offset;
            return STATUS_OK;
        }
        status s = refill(r);
        if (s != STATUS_OK) return s;
    }
}

static void consume(csv_reader *r, size_t bytes, uint64_t lines) {
    r->pos += bytes;
    r->consumed += bytes;
    r->line += lines;
}

static size_t without_line_end(const char *text, size_t length) {
    if (length > 0 && text[length - 1] == '\n') length--;
    if (length > 0 && text[length - 1] == '\r') length--;
    return length;
}

/* ------------------------------------------------------------------ without quotes */

static const char *split(csv_reader *r, const char *text, size_t length) {
    const char *p = text, *end = text + length;
    r->count = 0;
    for (;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma == NULL ? end : comma, *from = p, *to = stop;
        while (from < to && (*from == ' ' || *from == '\t')) from++;
        while (to > from && (to[-1] == ' ' || to[-1] == '\t')) to--;
        if (r->count == CSV_FIELDS_MAX) return "too many fields";
        r->fields[r->count++] = (csv_field){from, (size_t)(to - from)};
        if (comma == NULL) return NULL;
        p = comma + 1;
    }
}

/* ------------------------------------------------------------------ with quotes */

static void on_field(void *text, size_t length, void *context) {
    csv_reader *r = context;
    if (r->rows > 0 || r->count == CSV_FIELDS_MAX) {
        r->overflow = true;
        return;
    }
    r->offsets[r->count++] = r->arena.size;
    buf_append(&r->arena, text, length);
    r->offsets[r->count] = r->arena.size;
}

static void on_row(int terminator, void *context) {
    (void)terminator;
    ((csv_reader *)context)->rows++;
}

static status restart_parser(csv_reader *r) {
    if (r->parser_ready) csv_free(&r->parser);
    r->parser_ready = csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
    buf_clear(&r->arena);
    r->count = r->rows = 0;
    r->overflow = false;
    buf_reserve(&r->arena, 1); /* never NULL, even if all fields are empty */
    return r->parser_ready ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Feeds lines until a row is complete. *used 0: it is not well-formed. */
static status parse_quoted(csv_reader *r, size_t *used, uint64_t *lines, const char **error) {
    size_t offset = 0, length = 0;
    *used = 0;
    *lines = 0;
    *error = NULL;
    status s = restart_parser(r);
    while (s == STATUS_OK && r->rows == 0) {
        s = line_length(r, offset, &length);
        if (s != STATUS_OK) return s;
        if (length > 0) {
            if (csv_parse(&r->parser, r->data + r->pos + offset, length, on_field, on_row, r) != length) {
                if (csv_error(&r->parser) == CSV_ENOMEM) return STATUS_NO_MEMORY;
                *error = "a quote within a field: quote the whole field and double the quotes inside";
                return STATUS_OK;
            }
            offset += length;
            ++*lines;
        }
        if (length == 0 || (r->eof && r->pos + offset == r->end)) {
            if (r->rows == 0 && (csv_fini(&r->parser, on_field, on_row, r) != 0 || r->rows == 0)) {
                *error = "a quoted field is not closed";
                return STATUS_OK;
            }
        }
    }
    if (r->rows > 1)
        *error = "a carriage return within a line";
    else if (r->overflow)
        *error = "too many fields";
    if (s == STATUS_OK) s = buf_status(&r->arena);
    *used = offset;
    return s;
}

static status next_quoted(csv_reader *r, size_t first, csv_record *out) {
    size_t used;
    uint64_t lines;
    status s = parse_quoted(r, &used, &lines, &out->error);
    if (s != STATUS_OK) return s;
    if (used == 0) used = first, lines = 1; /* not well-formed: costs its first line */
    out->raw = r->data + r->pos;
    out->raw_length = without_line_end(out->raw, used);
    if (out->error == NULL) {
        for (size_t i = 0; i < r->count; i++)
            r->fields[i] = (csv_field){(const char *)r->arena.data + r->offsets[i], r->offsets[i + 1] - r->offsets[i]};
        out->fields = r->fields;
        out->count = r->count;
    }
    consume(r, used, lines);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ records */

/* A line beyond CSV_RECORD_MAX: its beginning is the record, the rest is skipped. */
static status next_too_long(csv_reader *r, csv_record *out) {
    buf_clear(&r->arena);
    buf_append(&r->arena, r->data + r->pos, CSV_RECORD_MAX);
    status s = buf_status(&r->arena);
    while (s == STATUS_OK) {
        const char *at = r->data + r->pos, *newline = memchr(at, '\n', r->end - r->pos);
        consume(r, newline == NULL ? r->end - r->pos : (size_t)(newline - at) + 1, newline != NULL);
        if (newline != NULL || r->eof) break;
        s = refill(r);
    }
    out->raw = (const char *)r->arena.data;
    out->raw_length = CSV_RECORD_MAX;
    out->error = "the line is longer than 65536 bytes";
    return s;
}

status csv_reader_next(csv_reader *r, csv_record *out) {
    for (;;) {
        size_t length;
        status s = line_length(r, 0, &length);
        if (s != STATUS_OK) return s;
        *out = (csv_record){.line = r->line};
        if (length == 0) return r->eof && r->pos == r->end ? STATUS_END : next_too_long(r, out);
        const char *text = r->data + r->pos;
        size_t bare = without_line_end(text, length);
        if (bare == 0) {
            consume(r, length, 1);
            continue;
        }
        if (memchr(text, '"', bare) != NULL) return next_quoted(r, length, out);
        out->raw = text;
        out->raw_length = bare;
        out->error = split(r, text, bare);
        if (out->error == NULL) {
            out->fields = r->fields;
            out->count = r->count;
        }
        consume(r, length, 1);
        return STATUS_OK;
    }
}
