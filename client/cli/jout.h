/* JSON output: a streaming writer onto a growing buffer, cheap enough for a line per decision of a million. Documents
 * that come from the server are passed through as they are; reading JSON is jansson's work.
 *
 *     jout_object(&j, NULL); jout_string(&j, "subject", "id:…"); jout_end(&j); jout_line(&j);
 *
 * Keys are constants of the program and are not escaped. Strings must be UTF-8; broken bytes become U+FFFD.
 * Owned by the caller, one thread. */
#ifndef XINYI_CLI_JOUT_H
#define XINYI_CLI_JOUT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define JOUT_DEPTH 16

typedef struct jout {
    buf out;
    unsigned depth;
    bool filled[JOUT_DEPTH]; /* this level has a member already */
    char close[JOUT_DEPTH];
} jout; /* start with {0} */

void jout_deinit(jout *j);
void jout_object(jout *j, const char *key); /* key NULL: top level or in an array */
void jout_array(jout *j, const char *key);
void jout_end(jout *j);
void jout_string(jout *j, const char *key, const char *text); /* text NULL: null */
void jout_text(jout *j, const char *key, const char *text, size_t length);
void jout_int(jout *j, const char *key, int64_t value);
void jout_bool(jout *j, const char *key, bool value);
void jout_null(jout *j, const char *key);
/* A literal that is JSON already. */
void jout_raw(jout *j, const char *key, const char *json);
/* Ends a document with a newline and hands the buffer to stdout when enough has gathered. */
void jout_line(jout *j);
/* Writes what is left. False: no memory, or stdout cannot be written (errno). */
bool jout_flush(jout *j);

#endif
