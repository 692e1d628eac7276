/* Both forms of a line come from one formatted message, so that a call costs its writer one format string. For JSON the
 * message is taken apart again: it is a list of pairs or it stays one text. Nothing is allocated. */
#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048

static log_level least_level = LOG_INFO;
static bool json_lines;

void log_setup(log_level least, bool json) {
    least_level = least;
    json_lines = json;
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* ------------------------------------------------------------------ JSON */

typedef struct line {
    char text[LOG_LINE_MAX * 6 + 512]; /* every byte escaped */
    size_t length;
    bool full; /* something did not fit */
} line;

static void put(line *l, const char *bytes, size_t n) {
    if (l->full || n > sizeof l->text - l->length) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->length, bytes, n);
    l->length += n;
}

static void put_text(line *l, const char *text) { put(l, text, strlen(text)); }

static void put_string(line *l, const char *text, size_t length) {
    put(l, "\"", 1);
    for (size_t i = 0; i < length;) {
        const unsigned char *at = (const unsigned char *)text + i;
        size_t n = utf8_length(at, length - i);
        char escaped[8];
        if (n == 0)
            put_text(l, "\xEF\xBF\xBD"); /* the replacement character */
        else if (*at == '"' || *at == '\\' || *at < 0x20)
            put(l, escaped, (size_t)snprintf(escaped, sizeof escaped, *at < 0x20 ? "\\u%04x" : "\\%c", *at));
        else
            put(l, text + i, n);
        i += n > 0 ? n : 1;
    }
    put(l, "\"", 1);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* What a JSON number can be, and a double holds exactly or nearly so. */
static bool is_number(const char *text, size_t length) {
    size_t at = length > 0 && text[0] == '-', digits = at;
    if (length - at > 15 || at == length) return false;
    while (at < length && is_digit(text[at])) at++;
    if (at == digits || (text[digits] == '0' && at - digits > 1)) return false;
    if (at == length) return true;
    if (text[at++] != '.' || at == length) return false;
    while (at < length && is_digit(text[at])) at++;
    return at == length;
}

/* Length of "key=" at `text`, 0 if there is none. */
static size_t key_length(const char *text) {
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || text[n] == '_' || (n > 0 && is_digit(text[n]))) n++;
    return n > 0 && text[n] == '=' ? n + 1 : 0;
}

static bool ends_value(const char *text) { return *text == '\0' || (*text == ' ' && key_length(text + 1) > 0); }

static bool is_own_key(const char *key, size_t length) {
    static const char *const own[] = {"time", "level", "event", "message"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i]) == length && memcmp(own[i], key, length) == 0) return true;
    return false;
}

/* One pair; returns what is behind it, NULL if it is none. */
static const char *put_pair(line *l, const char *text) {
    size_t key = key_length(text);
    if (key == 0 || is_own_key(text, key - 1)) return NULL;
    put(l, ",", 1);
    put_string(l, text, key - 1);
    put(l, ":", 1);
    const char *value = text + key;
    bool quoted = *value == '"';
    const char *end = value += quoted;
    /* Quotes within a value are not escaped: the last one before another key ends it. */
    while (*end != '\0' && !(quoted ? *end == '"' && ends_value(end + 1) : ends_value(end))) end++;
    if (quoted && *end == '\0') return NULL;
    if (!quoted && memchr(value, ' ', (size_t)(end - value)) != NULL) return NULL;
    if (!quoted && is_number(value, (size_t)(end - value)))
        put(l, value, (size_t)(end - value));
    else
        put_string(l, value, (size_t)(end - value));
    end += quoted;
    return *end == ' ' ? end + 1 : end;
}

static bool put_pairs(line *l, const char *message) {
    while (*message != '\0') {
        message = put_pair(l, message);
        if (message == NULL || l->full) return false;
    }
    return true;
}

static void write_json(line *l, const char *time, const char *level, const char *event, const char *message) {
    put_text(l, "{\"time\":");
    put_string(l, time, strlen(time));
    put_text(l, ",\"level\":");
    put_string(l, level, strlen(level));
    put_text(l, ",\"event\":");
    put_string(l, event, strlen(event));
    line head = *l;
    if (!put_pairs(l, message)) {
        *l = head;
        put_text(l, ",\"message\":");
        size_t length = strlen(message), room = (sizeof l->text - l->length - 8) / 6;
        put_string(l, message, length < room ? length : room);
    }
    put_text(l, "}\n");
}

static void write_text(line *l, const char *time, const char *level, const char *event, char *message) {
    /* A newline inside a message would forge a line. */
    for (char *c = message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20) *c = ' ';
    l->length = (size_t)snprintf(l->text, sizeof l->text, "%s %-5s %s%s%s\n", time, level, event,
                                 message[0] != '\0' ? " " : "", message);
}

void log_event(log_level level, const char *event, const char *format, ...) {
    if (level < least_level) return;
    char message[LOG_LINE_MAX], time[CLOCK_TIME_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    clock_format_ms(clock_wall_ms(), time);
    line l;
    l.length = 0;
    l.full = false;
    if (json_lines)
        write_json(&l, time, level_names[level], event, message);
    else
        write_text(&l, time, level_names[level], event, message);
    ssize_t ignored = write(STDERR_FILENO, l.text, l.length);
    (void)ignored; /* a log that cannot be written has nowhere to say so */
}
