/* One pass finds where a value ends and whether it is well-formed; what it says is read when somebody asks. So nothing
 * is allocated for a line but the texts in it. Cost: each byte is looked at once for every level it is nested in, of
 * which there are at most JLINE_DEPTH. */
#include "engine/jline.h"

#include "base/utf8.h"

#include <string.h>

/* ------------------------------------------------------------------ writing */

static const char digits[] = "0123456789abcdef";

bool jline_write_text(buf *to, const void *text, size_t length) {
    const uint8_t *at = text, *end = at + length, *plain = at;
    size_t before = to->size;
    buf_append(to, "\"", 1);
    while (at < end) {
        size_t n = utf8_length(at, (size_t)(end - at));
        if (n == 0) {
            to->size = before;
            return false;
        }
        if (*at >= 0x20 && *at != '"' && *at != '\\') {
            at += n;
            continue;
        }
        buf_append(to, plain, (size_t)(at - plain));
        switch (*at) {
        case '"': buf_append(to, "\\\"", 2); break;
        case '\\': buf_append(to, "\\\\", 2); break;
        case '\n': buf_append(to, "\\n", 2); break;
        case '\t': buf_append(to, "\\t", 2); break;
        case '\r': buf_append(to, "\\r", 2); break;
        default: buf_printf(to, "\\u%04x", *at); break;
        }
        plain = ++at;
    }
    buf_append(to, plain, (size_t)(at - plain));
    buf_append(to, "\"", 1);
    return true;
}

void jline_write_hex(buf *to, const void *bytes, size_t length) {
    const uint8_t *from = bytes;
    uint8_t *at = buf_extend(to, 2 * length + 2);
    if (at == NULL) return;
    *at++ = '"';
    for (size_t i = 0; i < length; i++) {
        *at++ = (uint8_t)digits[from[i] >> 4];
        *at++ = (uint8_t)digits[from[i] & 15];
    }
    *at = '"';
}

/* ------------------------------------------------------------------ where a value ends */

typedef struct scanner {
    const char *at, *end;
} scanner;

static void skip_space(scanner *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t')) s->at++;
}

static bool take(scanner *s, char c) {
    skip_space(s);
    if (s->at == s->end || *s->at != c) return false;
    s->at++;
    return true;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four digits of an escape. */
static bool hex4(const char *at, const char *end, unsigned *out) {
    if (end - at < 4) return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return false;
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

/* An escape whose backslash is at `at`: its length and the character; 0 if it is none. */
static size_t escape(const char *at, const char *end, uint32_t *character) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    unsigned high, low;
    if (end - at < 2) return 0;
    if (at[1] != 'u') {
        const char *found = at[1] != '\0' ? strchr(names, at[1]) : NULL;
        if (found == NULL) return 0;
        *character = (uint8_t)meanings[found - names];
        return 2;
    }
    if (!hex4(at + 2, end, &high)) return 0;
    *character = high;
    if (high < 0xD800 || high > 0xDFFF) return 6;
    if (high > 0xDBFF || end - at < 12 || at[6] != '\\' || at[7] != 'u' || !hex4(at + 8, end, &low)) return 0;
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *character = 0x10000 + ((high - 0xD800) << 10 | (low - 0xDC00));
    return 12;
}

static bool scan_text(scanner *s, jline_value *out) {
    const char *at = s->at + 1;
    uint32_t character;
    *out = (jline_value){.type = JLINE_TEXT, .at = at};
    while (at < s->end && *at != '"') {
        size_t n = *at == '\\' ? escape(at, s->end, &character) : utf8_length(at, (size_t)(s->end - at));
        if (n == 0 || (uint8_t)*at < 0x20) return false;
        at += n;
    }
    if (at >= s->end) return false;
    out->length = (size_t)(at - out->at);
    s->at = at + 1;
    return true;
}

static bool scan_number(scanner *s, jline_value *out) {
    const char *at = s->at, *first;
    *out = (jline_value){.type = JLINE_NUMBER, .at = at};
    if (*at == '-') at++;
    for (first = at; at < s->end && *at >= '0' && *at <= '9'; at++) {
    }
    if (at == first || (*first == '0' && at - first > 1) || (*first == '0' && *s->at == '-')) return false;
    out->length = (size_t)(at - s->at);
    s->at = at;
    return true;
}

static bool scan_word(scanner *s, const char *word, jline_value *out) {
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0) return false;
    *out = (jline_value){.type = (jline_type)*word, .at = s->at, .length = n};
    s->at += n;
    return true;
}

static bool scan(scanner *s, unsigned depth, jline_value *out);

static bool scan_key(scanner *s, jline_value *key) {
    skip_space(s);
    if (s->at == s->end || *s->at != '"' || !scan_text(s, key) || key->length == 0) return false;
    return memchr(key->at, '\\', key->length) == NULL && take(s, ':');
}

static bool scan_all(scanner *s, unsigned depth, jline_value *out) {
    bool object = *s->at == '{';
    jline_value inner;
    *out = (jline_value){.type = object ? JLINE_MEMBERS : JLINE_LIST, .at = s->at};
    s->at++;
    bool ended = take(s, object ? '}' : ']');
    while (!ended) {
        if (depth == 0 || (object && !scan_key(s, &inner)) || !scan(s, depth - 1, &inner)) return false;
        ended = take(s, object ? '}' : ']');
        if (!ended && !take(s, ',')) return false;
    }
    out->length = (size_t)(s->at - out->at);
    return true;
}

static bool scan(scanner *s, unsigned depth, jline_value *out) {
    skip_space(s);
    if (s->at == s->end) return false;
    switch (*s->at) {
    case '"': return scan_text(s, out);
    case '{':
    case '[': return scan_all(s, depth, out);
    case 't': return scan_word(s, "true", out);
    case 'f': return scan_word(s, "false", out);
    case 'n': return scan_word(s, "null", out);
    default: return scan_number(s, out);
    }
}

bool jline_read(const char *line, size_t length, jline_value *out) {
    scanner s = {line, line + length};
    if (!scan(&s, JLINE_DEPTH, out)) return false;
    skip_space(&s);
    return s.at == s.end;
}

/* ------------------------------------------------------------------ what it says */

static bool is_known(const jline_member *members, size_t count, const jline_value *key) {
    for (size_t i = 0; i < count; i++)
        if (members[i].key_length == key->length && memcmp(members[i].key, key->at, key->length) == 0) return true;
    return false;
}

bool jline_members(const jline_value *object, jline_member members[JLINE_MEMBERS_MAX], size_t *count) {
    *count = 0;
    if (object->type != JLINE_MEMBERS) return false;
    scanner s = {object->at + 1, object->at + object->length};
    if (take(&s, '}')) return true;
    do {
        jline_value key, value;
        if (*count == JLINE_MEMBERS_MAX || !scan_key(&s, &key) || !scan(&s, JLINE_DEPTH, &value)) return false;
        if (is_known(members, *count, &key)) return false;
        members[(*count)++] = (jline_member){.key = key.at, .key_length = key.length, .value = value};
    } while (take(&s, ','));
    return true;
}

bool jline_next(const jline_value *list, size_t *at, jline_value *out) {
    if (list->type != JLINE_LIST) return false;
    scanner s = {list->at + (*at == 0 ? 1 : *at), list->at + list->length};
    if (*at == 0 ? take(&s, ']') : !take(&s, ',')) return false;
    if (!scan(&s, JLINE_DEPTH, out)) return false;
    *at = (size_t)(s.at - list->at);
    return true;
}

static void append_character(buf *to, uint32_t c) {
    uint8_t bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6) bytes[i] = (uint8_t)(0x80 | (c & 0x3F));
    bytes[0] = (uint8_t)(heads[n] | c);
    buf_append(to, bytes, n);
}

bool jline_text(const jline_value *v, buf *to) {
    if (v->type != JLINE_TEXT) return false;
    const char *at = v->at, *end = v->at + v->length;
    while (at < end) {
        const char *next = memchr(at, '\\', (size_t)(end - at));
        if (next == NULL) next = end;
        buf_append(to, at, (size_t)(next - at));
        at = next;
        if (at == end) break;
        uint32_t character = 0;
        at += escape(at, end, &character); /* scanned before: it is one */
        append_character(to, character);
    }
    return !to->failed;
}

bool jline_hex(const jline_value *v, uint8_t *to, size_t length) {
    if (v->type != JLINE_TEXT || v->length != 2 * length) return false;
    for (size_t i = 0; i < length; i++) {
        int high = hex_digit(v->at[2 * i]), low = hex_digit(v->at[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool jline_u64(const jline_value *v, uint64_t max, uint64_t *out) {
    if (v->type != JLINE_NUMBER || *v->at == '-') return false;
    *out = 0;
    for (size_t i = 0; i < v->length; i++)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (unsigned)(v->at[i] - '0'), out))
            return false;
    return *out <= max;
}

bool jline_i64(const jline_value *v, int64_t *out) {
    if (v->type != JLINE_NUMBER) return false;
    bool negative = *v->at == '-';
    jline_value absolute = {.type = JLINE_NUMBER, .at = v->at + negative, .length = v->length - negative};
    uint64_t number;
    if (!jline_u64(&absolute, (uint64_t)INT64_MAX + negative, &number)) return false;
    *out = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

bool jline_is(const jline_value *v, const char *text) {
    return v->type == JLINE_TEXT && v->length == strlen(text) && memcmp(v->at, text, v->length) == 0;
}
