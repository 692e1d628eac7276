/* Drafts: policy sets that a client is bringing, file by file, part by part, for a command to look at.
 *
 * A draft belongs to its connection: numbers are the connection's own, at most LIMIT_DRAFTS, gone when it closes. What
 * may be in one is bounded (LIMIT_DRAFT_BYTES, LIMIT_POLICY_FILES), and what all may hold together
 * (LIMIT_DRAFTS_BYTES), by what has been received and not by what was announced.
 *
 * A command that is on its way holds the drafts as they were when it came: what is uploaded afterwards goes into a
 * copy.
 *
 * `uploads` belongs to the worker of its connection; a draft is constant while held, and any thread may release it. */
#ifndef XINYI_SERVER_UPLOADS_H
#define XINYI_SERVER_UPLOADS_H

#include "base/limits.h"
#include "engine/policy.h"
#include "protocol/message.h"

typedef struct draft draft;

typedef struct uploads {
    draft *drafts[LIMIT_DRAFTS]; /* oldest first; NULL behind the last */
    uint32_t last;               /* number that was given last */
} uploads;                       /* start with {0} */

/* Takes a part. *number and *received are for the reply. UNKNOWN_DRAFT; BAD_ENTRY (a part that does not follow what has
 * been received, another total than before, a name with a directory); TOO_LARGE; OVERLOADED (all drafts together);
 * NO_MEMORY. With a draft of 0 a new one is begun, only if its part is taken. Offset 0 begins a file anew. */
status uploads_take(uploads *u, const upload *part, uint32_t *number, uint32_t *received);
void uploads_deinit(uploads *u);

/* The drafts as they are now, each held once more. */
void uploads_hold(const uploads *u, draft *held[LIMIT_DRAFTS]);
void draft_release(draft *d); /* accepts NULL */

uint32_t draft_number(const draft *d);
/* For the thread of commands only. Files in the order of their first part, valid while held. False if one is not
 * complete; its name is in *missing. */
bool draft_files(draft *d, const policy_file **files, size_t *count, const char **missing);

/* Bytes in drafts of all connections: for tests and STATS. */
size_t uploads_bytes(void);

#endif
