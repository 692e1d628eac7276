/* What reports may name — record types, matters, lists, sources — from the server's COMMAND `catalogue`: codes for the
 * names that people write, and titles for the codes that the server sends. Owned by the caller, one thread. */
#ifndef XINYI_CLI_RULEBOOK_H
#define XINYI_CLI_RULEBOOK_H

#include "client/cli/cli.h"

#include <jansson.h>

typedef enum rulebook_part { RULEBOOK_TYPES, RULEBOOK_MATTERS, RULEBOOK_LISTS, RULEBOOK_SOURCES } rulebook_part;

typedef struct rulebook {
    json_t *document; /* NULL until loaded */
} rulebook;           /* start with {0} */

/* Asks the server, unless it was asked before. 0, or an exit code after a message. */
int rulebook_load(cli *c, rulebook *r);
void rulebook_deinit(rulebook *r);

const json_t *rulebook_entries(const rulebook *r, rulebook_part part); /* an array; NULL if not loaded */
/* The entry with this code; NULL if unknown. */
const json_t *rulebook_find(const rulebook *r, rulebook_part part, unsigned code);

/* A number stands for itself; a name is looked up, which asks the server. 0, or an exit code after a message that has
 * the nearest name. */
int rulebook_code(cli *c, rulebook *r, rulebook_part part, const char *text, unsigned *code);
/* The id of a code, NULL if it is not known. */
const char *rulebook_id(const rulebook *r, rulebook_part part, unsigned code);
/* For loops over files: the code of a name or number without any message; false if there is none. */
bool rulebook_lookup(const rulebook *r, rulebook_part part, const char *text, size_t length, unsigned *code);

#endif
