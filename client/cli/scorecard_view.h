/* evaluate --scorecard: how composite scores came about, line by line. */
#ifndef XINYI_CLI_SCORECARD_VIEW_H
#define XINYI_CLI_SCORECARD_VIEW_H

#include "client/cli/cli.h"

/* Asks and prints; an exit code. */
int scorecard_view(cli *c, unsigned asked_for, const xinyi_subject *subjects, size_t count);

#endif
