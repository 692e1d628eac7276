/* What may be published of those who are on a list: entities in full; of natural persons the number masked, of the name
 * its first character only, and no text in which either could be read. Pure functions. */
#ifndef XINYI_CLI_MASKING_H
#define XINYI_CLI_MASKING_H

#include "base/subject.h"

#define MASKING_NAME 104

/* "张三丰" → "张**". Returns buffer. */
const char *masking_name(const char *name, char buffer[MASKING_NAME]);
/* A reference without anybody's name or number: "" if it holds the name, or as many digits in a row as a number has. */
const char *masking_reference(const char *text, const char *name);

#endif
