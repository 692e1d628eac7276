/* The document of EXPLAIN for people: the decision in a sentence, then benefit by benefit what granted it, or what
 * stands in the way and what would grant it. One thread. */
#ifndef XINYI_CLI_REASONS_VIEW_H
#define XINYI_CLI_REASONS_VIEW_H

#include "base/buf.h"
#include "client/cli/cli.h"

#include <jansson.h>

/* `scenario_title` may be NULL. A server that does not explain benefits leaves only the sentence. Failures latch in
 * `to`. */
void reasons_view(const cli *c, const json_t *document, const char *scenario_title, buf *to);

#endif
