/* Between the library's public structs and base/profile.h, whose schema names, parses and formats the fields. Copies of
 * a few dozen bytes; pure functions, any thread. */
#ifndef XINYI_CLI_CONVERT_H
#define XINYI_CLI_CONVERT_H

#include "base/profile.h"
#include "client/xinyi.h"

void convert_to_client(const profile *from, xinyi_profile *to);
void convert_from_client(const xinyi_profile *from, profile *to);

/* The domain of a field in words: "one of 差 中 良 优", "0 to 1000". Returns buffer. */
#define CONVERT_DOMAIN_TEXT 256
const char *convert_domain(const profile_field *field, char buffer[CONVERT_DOMAIN_TEXT]);

/* Parses a value for a field. 0 with *value, or a sentence about what is wrong in `why`. */
bool convert_value(const profile_field *field, const char *text, size_t length, int64_t *value, char *why, size_t room);

#endif
