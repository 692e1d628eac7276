/* "did you mean": the nearest of a list of names by edit distance. Pure functions; any thread. */
#ifndef XINYI_CLI_SUGGEST_H
#define XINYI_CLI_SUGGEST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; words longer than 63 bytes count as far. */
unsigned suggest_distance(const char *a, const char *b);

/* Looks at candidates one after the other and keeps the best. Start with {.word = …}. */
typedef struct suggest {
    const char *word;
    const char *best; /* NULL: nothing is near enough */
    unsigned distance;
} suggest;
void suggest_offer(suggest *s, const char *candidate);

/* "; did you mean 'X'?" or "". Returns buffer. */
#define SUGGEST_TEXT 128
const char *suggest_text(const suggest *s, char buffer[SUGGEST_TEXT]);

#endif
