/* One row of STATUS_TABLE adds a code everywhere; the lookups are switches the compiler turns into tables. */
#include "base/status.h"

#include <ctype.h>
#include <stddef.h>

const char *status_text(unsigned code) {
    switch (code) {
#define X(name, number, class, text)                                                                                   \
    case number: return text;
        STATUS_TABLE(X)
#undef X
    default: return "unknown status";
    }
}

const char *status_name(unsigned code) {
    /* The table spells names in upper case, as the enum needs them; they are folded here into a buffer of the thread.
     */
    const char *upper = NULL;
    switch (code) {
#define X(name, number, class, text)                                                                                   \
    case number: upper = #name; break;
        STATUS_TABLE(X)
#undef X
    default: return "unknown_status";
    }
    static _Thread_local char lower[32];
    size_t i = 0;
    for (; upper[i] != '\0' && i + 1 < sizeof lower; i++) lower[i] = (char)tolower((unsigned char)upper[i]);
    lower[i] = '\0';
    return lower;
}

status_class status_classify(unsigned code) {
    switch (code) {
#define X(name, number, class, text)                                                                                   \
    case number: return STATUS_CLASS_##class;
        STATUS_TABLE(X)
#undef X
    default: break;
    }
    if (code < 100) return STATUS_CLASS_AGAIN;
    if (code < 200) return STATUS_CLASS_REFUSED;
    return code < 220 ? STATUS_CLASS_UNKNOWN : STATUS_CLASS_LOCAL;
}
