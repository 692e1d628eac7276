/* What the documents are built with (server/document*.c). JSON by jansson; a document that finds no memory comes out
 * NULL as a whole. */
#ifndef XINYI_SERVER_DOCUMENT_H
#define XINYI_SERVER_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>

/* The text of a document, malloc'd; takes the reference. NULL of NULL and without memory. */
char *document_dump(json_t *root);
/* A day as text, null if it is the one that means "open". */
json_t *document_day(int32_t day, int32_t open);

#endif
