#include "base/utf8.h"

#include <stdint.h>

size_t utf8_length(const void *text, size_t left) {
    const uint8_t *s = text;
    if (s[0] < 0x80) return 1;
    size_t n = s[0] >= 0xF0 ? 4 : (s[0] >= 0xE0 ? 3 : 2);
    if (s[0] < 0xC2 || s[0] > 0xF4 || n > left) return 0;
    uint8_t low = 0x80, high = 0xBF;
    if (s[0] == 0xE0) low = 0xA0;  /* overlong */
    if (s[0] == 0xED) high = 0x9F; /* surrogates */
    if (s[0] == 0xF0) low = 0x90;
    if (s[0] == 0xF4) high = 0x8F;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return n;
}

bool utf8_is_line(const void *text, size_t length) {
    const uint8_t *s = text;
    for (size_t at = 0, n; at < length; at += n) {
        n = utf8_length(s + at, length - at);
        if (n == 0 || s[at] < 0x20 || s[at] == 0x7F) return false;
        if (s[at] == 0xC2 && s[at + 1] < 0xA0) return false; /* C1 */
    }
    return true;
}

size_t utf8_beginning(const void *text, size_t length, size_t most) {
    const uint8_t *s = text;
    size_t at = 0;
    while (at < length) {
        size_t n = utf8_length(s + at, length - at);
        if (n == 0) n = 1; /* not UTF-8: a byte is shown as it is */
        if (at + n > most) break;
        at += n;
    }
    return at;
}
