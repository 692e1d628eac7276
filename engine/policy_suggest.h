/* What messages need: the nearest of a few known words, and texts cut to a size fit for a line. Pure. */
#ifndef XINYI_ENGINE_POLICY_SUGGEST_H
#define XINYI_ENGINE_POLICY_SUGGEST_H

#include <stddef.h>

/* The candidate with the smallest number of insertions, deletions, substitutions and swaps of neighbours, if that is at
 * most a third of the word (at least 1); NULL if none is near. NULL candidates are passed over. Bytes, not characters:
 * a Chinese word is never suggested for another. */
const char *policy_suggest(const char *word, size_t length, const char *const *candidates, size_t count);

/* Appends "; did you mean 'x'?" to a message, or nothing. Returns buffer. */
const char *policy_suggest_text(const char *word, size_t length, const char *const *candidates, size_t count,
                                char *buffer, size_t room);

/* The length of the beginning of a text that a message shows, for "%.*s": at most 48 bytes, whole UTF-8 characters. */
int policy_shown(const char *text, size_t length);

#endif
