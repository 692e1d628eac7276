/* Edit distance over words of at most WORD_MAX bytes: three rows of the usual table. Only messages pay for it. */
#include "engine/policy_suggest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c) {
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

static unsigned edit_distance(const char *a, size_t n, const char *b, size_t m) {
    unsigned rows[3][WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    memset(rows, 0, sizeof rows);
    for (size_t j = 0; j <= m; j++) last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned other = a[i - 1] != b[j - 1];
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + other);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

const char *policy_suggest(const char *word, size_t length, const char *const *candidates, size_t count) {
    if (length == 0 || length > WORD_MAX) return NULL;
    unsigned allowed = length < 6 ? 1 : (unsigned)(length / 3), best = allowed + 1;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t n = candidates[i] ? strlen(candidates[i]) : 0;
        if (n < 2 || n > WORD_MAX || n > length + allowed || length > n + allowed) continue;
        unsigned d = edit_distance(word, length, candidates[i], n);
        if (d < best) best = d, found = candidates[i];
    }
    return found;
}

const char *policy_suggest_text(const char *word, size_t length, const char *const *candidates, size_t count,
                                char *buffer, size_t room) {
    const char *found = policy_suggest(word, length, candidates, count);
    if (found)
        snprintf(buffer, room, "; did you mean '%s'?", found);
    else if (room)
        buffer[0] = 0;
    return buffer;
}

int policy_shown(const char *text, size_t length) {
    if (length <= 48) return (int)length;
    int n = 48;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) n--;
    return n;
}
