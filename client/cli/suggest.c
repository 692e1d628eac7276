/* Optimal string alignment distance over short words: three rows of 64 numbers, no allocation. A candidate is offered
 * to people only if it is closer than a third of the word, so nonsense gets no suggestion. */
#include "client/cli/suggest.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 63

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

unsigned suggest_distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    if (n > WORD_MAX || m > WORD_MAX) return n == m && strcmp(a, b) == 0 ? 0 : WORD_MAX;
    unsigned rows[3][WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++) last[j] = (unsigned)j, before[j] = 0;
    for (size_t i = 1; i <= n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned d = last[j - 1] + (a[i - 1] != b[j - 1]);
            d = least(d, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d = least(d, before[j - 2] + 1);
            row[j] = d;
        }
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

void suggest_offer(suggest *s, const char *candidate) {
    size_t length = strlen(s->word);
    unsigned d = suggest_distance(s->word, candidate);
    unsigned allowed = length < 4 ? 1 : (unsigned)((length + 2) / 3);
    /* what was begun and not finished is near as well */
    if (d > allowed && length >= 3 && strncmp(s->word, candidate, length) == 0) d = allowed;
    if (d > allowed || (s->best != NULL && d >= s->distance)) return;
    s->best = candidate;
    s->distance = d;
}

const char *suggest_text(const suggest *s, char buffer[SUGGEST_TEXT]) {
    if (s->best == NULL)
        buffer[0] = '\0';
    else
        snprintf(buffer, SUGGEST_TEXT, "; did you mean '%s'?", s->best);
    return buffer;
}
