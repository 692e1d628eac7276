/* What the tools that write while the server is being killed have in common: their options, their log, their threads.
 *
 * The log is a text file of lines. A tool appends what it is about to ask before it asks, and what was answered when it
 * is answered, each with one write(2); the tool is not killed, so what it wrote is there when it reads the log again.
 */
#ifndef XINYI_TESTS_TOOLS_CRASH_H
#define XINYI_TESTS_TOOLS_CRASH_H

#include "client/xinyi.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 32

static const char *tool = "crash"; /* its name */
static const char *server = "127.0.0.1:7420";
static const char *log_path;
static int log_fd = -1;
static double seconds = 5;
static unsigned threads = 8, round_number;
static uint64_t seed = 1;
static atomic_ulong acknowledged;
static unsigned problems __attribute__((unused));

static inline void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", tool, what);
    exit(1);
}

/* What must hold of the server, and goes on if it does not. */
#define EXPECT(condition, ...)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            problems++;                                                                                                \
            printf("wrong: " __VA_ARGS__);                                                                             \
            printf("\n");                                                                                              \
        }                                                                                                              \
    } while (0)

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline double now_s(void) { return (double)now_ns() / 1e9; }

static inline void put_text(const char *text, size_t length) {
    if (write(log_fd, text, length) != (ssize_t)length) fail("cannot write the log");
}

__attribute__((format(printf, 1, 2))) static inline void put_line(const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof line) fail("a line of the log is too long");
    put_text(line, (size_t)n);
}

/* Impossible resident IDs: division 530000, which no county issues. The number is the ID's first 17 digits. */
static inline xinyi_subject subject_of_number(uint64_t number) {
    xinyi_subject s = {{1}};
    for (int i = 11; i >= 1; i--, number >>= 8) s.bytes[i] = (uint8_t)number;
    return s;
}

/* A profile whose fields are all missing but for the id: what PUT's mask chooses from. */
static inline xinyi_profile bare_profile(xinyi_subject who) {
    xinyi_profile p = {.id = who, .form = 1, .public_score = UINT16_MAX, .composite_score = UINT16_MAX};
    for (int i = 0; i < 4; i++) p.slots[i] = UINT16_MAX;
    return p;
}

static inline xinyi *connect_or_fail(void) {
    xinyi *x;
    if (xinyi_connect(server, &(xinyi_options){.agent = tool}, &x) != 0) fail(xinyi_last_error(NULL));
    return x;
}

/* Options from argv[2] on; `modes`: "load|verify". Opens the log for appending. False, and usage is told. */
static inline bool read_arguments(int argc, char **argv, const char *modes) {
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--server") == 0) server = value;
        if (strcmp(argv[i], "--log") == 0) log_path = value;
        if (strcmp(argv[i], "--threads") == 0) threads = (unsigned)strtoul(value, NULL, 10);
        if (strcmp(argv[i], "--round") == 0) round_number = (unsigned)strtoul(value, NULL, 10);
        if (strcmp(argv[i], "--seconds") == 0) seconds = strtod(value, NULL);
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(value, NULL, 0);
    }
    if (argc < 2 || log_path == NULL || threads == 0 || threads > THREADS_MAX) {
        fprintf(stderr,
                "usage: %s %s --server HOST:PORT --log FILE [--round N] [--threads T] [--seconds S] [--seed N]\n", tool,
                modes);
        return false;
    }
    log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0) fail("cannot open the log");
    return true;
}

/* Calls `take` with each line of the log. */
static inline void read_log(void (*take)(const char *line)) {
    FILE *f = fopen(log_path, "r");
    if (f == NULL) fail("cannot read the log");
    char line[512];
    while (fgets(line, sizeof line, f) != NULL) take(line);
    fclose(f);
}

/* Runs `body` on as many threads as asked for, with jobs[i] each, and tells how much was acknowledged. */
static inline int run_threads(void *(*body)(void *), void *jobs, size_t job_size) {
    pthread_t ids[THREADS_MAX];
    for (unsigned t = 0; t < threads; t++)
        if (pthread_create(&ids[t], NULL, body, (char *)jobs + t * job_size) != 0) fail("no thread");
    for (unsigned t = 0; t < threads; t++) pthread_join(ids[t], NULL);
    printf("%lu acknowledged\n", (unsigned long)atomic_load(&acknowledged));
    return 0;
}

/* An array that grows: ARRAY_ADD(items, count, room) makes place for one more. */
#define ARRAY_ADD(items, count, room)                                                                                  \
    do {                                                                                                               \
        if ((count) == (room)) {                                                                                       \
            (room) = (room)*2 + 1024;                                                                                  \
            (items) = realloc((items), (room) * sizeof *(items));                                                      \
            if ((items) == NULL) fail("no memory");                                                                    \
        }                                                                                                              \
    } while (0)

#endif
