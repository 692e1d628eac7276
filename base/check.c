#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

noreturn void check_failed(const char *file, int line, const char *function, const char *expression) {
    fprintf(stderr, "xinyi: bug at %s:%d in %s: %s does not hold; please report this line\n", file, line, function,
            expression);
    fflush(stderr);
    abort();
}
