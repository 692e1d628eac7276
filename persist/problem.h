/* One line for people about what went wrong, in the caller's buffer. */
#ifndef XINYI_PERSIST_PROBLEM_H
#define XINYI_PERSIST_PROBLEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* problem may be NULL or room 0; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static inline void problem_set(char *problem, size_t room, const char *format,
                                                                     ...) {
    if (problem == NULL || room == 0) return;
    va_list args;
    va_start(args, format);
    vsnprintf(problem, room, format, args);
    va_end(args);
}

#define PROBLEM_ROOM 512 /* enough for a path and RocksDB's text */

#endif
