/* From a data directory and a policy directory to a server that can answer. */
#ifndef XINYI_SERVER_STARTUP_H
#define XINYI_SERVER_STARTUP_H

#include "server/server.h"

/* Opens the journal, makes the engine and fills it. A message is in the log on failure. UNAVAILABLE:
 * SIGTERM or SIGINT came meanwhile; nothing is lost. */
status startup_load(server *s) MUST_CHECK;
/* Reads --policy DIR and activates it if it has changed since a start last looked at it, or if nothing is in force; so
 * what was activated while the server ran stays. Needs commit_init. */
status startup_policies(server *s) MUST_CHECK;

/* Moves what an earlier version stored otherwise. Trouble with storage is no reason not to start: the next start goes
 * on with it. */
status startup_migrate(server *s) MUST_CHECK;

#endif
