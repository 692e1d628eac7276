/* A star for every hidden character; combining marks and the like only make more stars. */
#include "client/cli/masking.h"

#include "base/utf8.h"

#define NUMBER_DIGITS 15 /* of the shortest number of a person */

const char *masking_name(const char *name, char buffer[MASKING_NAME]) {
    size_t length = strlen(name), at = 0, n = 0;
    while (at < length && n + 5 < MASKING_NAME) {
        size_t bytes = utf8_length(name + at, length - at);
        if (bytes == 0) bytes = 1;
        if (at == 0) {
            memcpy(buffer, name, bytes);
            n = bytes;
        } else {
            buffer[n++] = '*';
        }
        at += bytes;
    }
    buffer[n] = '\0';
    return buffer;
}

const char *masking_reference(const char *text, const char *name) {
    size_t digits = 0;
    if (name[0] != '\0' && strstr(text, name) != NULL) return "";
    for (const char *p = text; *p != '\0'; p++) {
        digits = *p >= '0' && *p <= '9' ? digits + 1 : 0;
        if (digits >= NUMBER_DIGITS) return "";
    }
    return text;
}
