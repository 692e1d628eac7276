#include "base/purpose.h"

#include <stddef.h>
#include <string.h>

const char *purpose_name(unsigned code) {
    switch (code) {
#define X(name, number, text, title)                                                                                   \
    case number: return text;
        PURPOSE_TABLE(X)
#undef X
    default: return NULL;
    }
}

unsigned purpose_find(const char *name) {
    for (unsigned code = 1; code < PURPOSE_END; code++) {
        const char *known = purpose_name(code);
        if (known != NULL && strcmp(known, name) == 0) return code;
    }
    return PURPOSE_NONE;
}
