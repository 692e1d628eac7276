/* What the documents are built with (server/document*.c). JSON by jansson; a document that finds no memory comes out
 * NULL as a whole. */
#ifndef XINYI_SERVER_DOCUMENT_H
#define XINYI_SERVER_DOCUMENT_H

#include "engine/credit.h"

#include <jansson.h>
#include <stdint.h>

/* The text of a document, malloc'd; takes the reference. NULL of NULL and without memory. */
char *document_dump(json_t *root);
/* A day as text, null if it is the one that means "open". */
json_t *document_day(int32_t day, int32_t open);
/* Adds a member; without memory the object goes away and *object is NULL from then on. */
void document_set(json_t **object, const char *key, json_t *value);
/* Adds to an array; the same. */
void document_append(json_t **array, json_t *value);
/* A value of a field as `get --json` writes it: enums by name, flags booleans, days as text, missing null. */
json_t *document_value(const profile_field *field, int64_t value);
/* Members "source", "source_id", "source_title" (null if the rules do not know it). */
void document_set_source(json_t **object, const credit_rules *rules, unsigned number);
json_t *document_text(const char *text, size_t room); /* zero-padded; null if empty */
json_t *document_hundredths(int64_t n);
json_t *document_optional(const char *text); /* null of NULL */

#endif
