/* UTF-8: the one place that knows what is a character and what is not. Pure functions. */
#ifndef XINYI_BASE_UTF8_H
#define XINYI_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `text`, of which `left` (at least 1) are there; 0 if they are none: cut off, overlong, a
 * surrogate, beyond the last. A NUL is a character of 1. */
size_t utf8_length(const void *text, size_t left);
/* Well-formed, and fit for one line of a log or a table: no controls, C1 controls among them. Empty is well. */
bool utf8_is_line(const void *text, size_t length);
/* Bytes of the longest beginning of at most `most` bytes that cuts no character. */
size_t utf8_beginning(const void *text, size_t length, size_t most);

#endif
