/* The texts of a policy set, as the engine's loader wants them. Owned by the caller, start with {0}; deinit after a
 * failure, too. One thread. */
#ifndef XINYI_CLI_POLICY_TEXTS_H
#define XINYI_CLI_POLICY_TEXTS_H

#include "base/buf.h"
#include "base/file.h"
#include "client/cli/cli.h"
#include "engine/policy.h"

typedef struct policy_texts {
    policy_file *files;
    buf *contents;
    char **paths;
    size_t count;
    file_list ignored; /* what ends in .yml: the server does not read it either */
} policy_texts;

/* The *.yaml files of a directory, or one file. 0, or an exit code after a message. */
int policy_texts_read(const cli *c, const char *path, policy_texts *t);
/* The set with this version that the server keeps (COMMAND policy_texts). Asks the server; 0, or an exit code after a
 * message. */
int policy_texts_ask(cli *c, const char *version, policy_texts *t);
void policy_texts_deinit(policy_texts *t);

#endif
