/* The result of an impact for people, and as CSV. The document is described in cmd_impact.c; what a server leaves out
 * is left out here too. One thread. */
#ifndef XINYI_CLI_IMPACT_VIEW_H
#define XINYI_CLI_IMPACT_VIEW_H

#include "base/buf.h"
#include "client/cli/cli.h"

#include <jansson.h>

/* To stdout: who was looked at, per scenario who gains and loses each benefit and how outcomes and amounts move, how
 * guarantee totals move; with `by` (NULL: without) the same by the groups of that dimension; samples, if there are any.
 * False without memory. */
bool impact_view(const cli *c, const json_t *result, const char *by);

/* Every number of the document in long form, one line a measure with its value before and after: a header and
 *     about,name,benefit,by,group,title,measure,before,after,gained,lost
 * Groups without any difference are there too as far as the document has them. Failures latch in `to`. */
void impact_csv(const json_t *result, buf *to);

#endif
