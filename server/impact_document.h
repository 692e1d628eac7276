/* The results of an impact as JSON. */
#ifndef XINYI_SERVER_IMPACT_DOCUMENT_H
#define XINYI_SERVER_IMPACT_DOCUMENT_H

#include "server/impact_run.h"

#include <jansson.h>

/* Of a run that is done; scenario 0: all that were run. Broken down by the dimensions of run->by. Groups in which
 * nothing differs are left out. Subjects are masked. NULL without memory. */
json_t *impact_document(const impact_run *run, unsigned scenario);

#endif
