#include "base/log.h"

#include "base/clock.h"

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

/* Escapes for JSON; what does not fit is cut, whole escapes only. */
static size_t escape(char *to, size_t room, const char *from) {
    size_t n = 0;
    for (; *from != '\0' && n + 7 < room; from++) {
        unsigned char c = (unsigned char)*from;
        if (c == '"' || c == '\\') {
            to[n++] = '\\';
            to[n++] = (char)c;
        } else if (c < 0x20) {
            n += (size_t)snprintf(to + n, room - n, "\\u%04x", c);
        } else {
            to[n++] = (char)c;
        }
    }
    to[n] = '\0';
    return n;
}

void log_event(log_level level, const char *event, const char *format, ...) {
    if (level < least_level) return;
    char message[LOG_LINE_MAX], line[LOG_LINE_MAX * 2], time[CLOCK_TIME_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    clock_format_ms(clock_wall_ms(), time);
    int n;
    if (json_lines) {
        char escaped[LOG_LINE_MAX];
        escape(escaped, sizeof escaped, message);
        n = snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"message\":\"%s\"}\n",
                     time, level_names[level], event, escaped);
    } else {
        /* A newline inside a message would forge a line. */
        for (char *c = message; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20) *c = ' ';
        n = snprintf(line, sizeof line, "%s %-5s %s %s\n", time, level_names[level], event, message);
    }
    if (n < 0) return;
    size_t size = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    ssize_t ignored = write(STDERR_FILENO, line, size);
    (void)ignored; /* a log that cannot be written has nowhere to say so */
}
