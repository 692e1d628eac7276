/* The JSON of a dump's lines: writing strings, and a strict reader of one line that points into it. Strict: UTF-8
 * without escapes that could be something else, integers only, no null but where it is asked for, no white space
 * needed, nothing behind the object, keys without escapes. Private to engine/dump.h. Pure functions. */
#ifndef XINYI_ENGINE_JLINE_H
#define XINYI_ENGINE_JLINE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends the text as a JSON string, quotes included. False, and nothing appended, if it is not UTF-8. */
bool jline_write_text(buf *to, const void *text, size_t length);
void jline_write_hex(buf *to, const void *bytes, size_t length);

typedef enum jline_type {
    JLINE_TEXT = '"',
    JLINE_NUMBER = '0',
    JLINE_TRUE = 't',
    JLINE_FALSE = 'f',
    JLINE_NULL = 'n',
    JLINE_LIST = '[',
    JLINE_MEMBERS = '{',
} jline_type;

/* A value as it stands in the line: of a text what is between the quotes, of lists and objects with their brackets. */
typedef struct jline_value {
    jline_type type;
    const char *at;
    size_t length;
} jline_value;

typedef struct jline_member {
    const char *key;
    size_t key_length;
    jline_value value;
    bool used; /* for the caller */
} jline_member;
#define JLINE_MEMBERS_MAX 80
#define JLINE_DEPTH 4

/* The one value that a whole line is. False if it is not JSON in the sense above. */
bool jline_read(const char *line, size_t length, jline_value *out);
/* The members of an object, at most JLINE_MEMBERS_MAX, none twice. */
bool jline_members(const jline_value *object, jline_member members[JLINE_MEMBERS_MAX], size_t *count);
/* The next element of a list; *at begins as 0. False behind the last. */
bool jline_next(const jline_value *list, size_t *at, jline_value *out);

bool jline_text(const jline_value *v, buf *to); /* appends what the text says; false: no text, or no memory (buf) */
bool jline_hex(const jline_value *v, uint8_t *to, size_t length); /* exactly length bytes, lower case */
bool jline_u64(const jline_value *v, uint64_t max, uint64_t *out);
bool jline_i64(const jline_value *v, int64_t *out);
bool jline_is(const jline_value *v, const char *text); /* a text without escapes that is this one */

#endif
