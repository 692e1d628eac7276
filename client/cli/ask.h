/* COMMAND and UPLOAD for commands of the command line: JSON in, JSON out, messages on failure. One thread. */
#ifndef XINYI_CLI_ASK_H
#define XINYI_CLI_ASK_H

#include "client/cli/cli.h"
#include "client/cli/policy_texts.h"

#include <jansson.h>

/* Sends a command; takes over `request` (NULL: no memory). Connected already. 0 and *answer, which the caller gives up,
 * or an exit code after a message. */
int ask_server(cli *c, json_t *request, json_t **answer);
/* The same, but a failure of one of these classes is only returned: *failure is the status, or 0. */
int ask_server_quietly(cli *c, json_t *request, json_t **answer, int *failure);
/* Uploads files as one draft. 0, or an exit code after a message. */
int ask_upload(cli *c, const policy_texts *t, uint32_t *draft);

/* Members of documents: 0, NULL or false if they are missing or of another type. */
int64_t ask_number(const json_t *object, const char *key);
const char *ask_text(const json_t *object, const char *key); /* "" if missing */
bool ask_true(const json_t *object, const char *key);

/* The document as JSON on stdout, for --json. 0 or an exit code. */
int ask_print(cli *c, const json_t *document);

#endif
