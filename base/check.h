/* CHECK: an invariant of the program. Failing one is a bug, never bad input or a sick disk, and aborts in every
 * build: going on with broken state would put wrong money on disk. */
#ifndef XINYI_BASE_CHECK_H
#define XINYI_BASE_CHECK_H

#include <stdnoreturn.h>

noreturn void check_failed(const char *file, int line, const char *function, const char *expression);

#define CHECK(expr)                                                                                                    \
    do {                                                                                                               \
        if (__builtin_expect(!(expr), 0)) check_failed(__FILE__, __LINE__, __func__, #expr);                           \
    } while (0)

#endif
