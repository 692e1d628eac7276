/* Files of operations for `quota batch`: JSON Lines, or CSV with a header of the same names. The whole file is read and
 * understood before anything is sent, so that a mistake in its last line costs nothing.
 *
 *   {"kind": "reserve", "subject": "uscc:…", "amount": "100万", "ttl": "10m", "operation": "019b…", "linked": true}
 *
 * Owned by the caller, one thread. */
#ifndef XINYI_CLI_QUOTA_BATCH_H
#define XINYI_CLI_QUOTA_BATCH_H

#include "client/cli/cli.h"

#define QUOTA_BATCH_OPERATIONS 1000000
#define QUOTA_BATCH_BYTES (256u << 20)
#define QUOTA_BATCH_TOLD 20 /* mistakes that are told one by one */

/*  X(FIELD, name) */
#define QUOTA_BATCH_FIELDS(X)                                                                                          \
    X(KIND, "kind")                                                                                                    \
    X(SUBJECT, "subject")                                                                                              \
    X(PROGRAM, "program")                                                                                              \
    X(OPERATION, "operation")                                                                                          \
    X(LINKED, "linked")                                                                                                \
    X(AMOUNT, "amount")                                                                                                \
    X(AMOUNT_FEN, "amount_fen")                                                                                        \
    X(TTL, "ttl")                                                                                                      \
    X(TTL_MS, "ttl_ms")                                                                                                \
    X(RESERVATION, "reservation")                                                                                      \
    X(INSTRUMENT, "instrument")                                                                                        \
    X(INSTRUMENT_KIND, "instrument_kind")                                                                              \
    X(FROM, "from")                                                                                                    \
    X(TO, "to")                                                                                                        \
    X(ENERGY_12M, "energy_12m_mwh")                                                                                    \
    X(WHOLESALE_2M, "wholesale_2m_mwh")                                                                                \
    X(RETAIL_2M, "retail_2m_mwh")                                                                                      \
    X(FORECAST_12M, "forecast_12m_gwh")                                                                                \
    X(REFERENCE, "reference")

typedef struct quota_batch {
    xinyi_operation *operations; /* whole chains, in the file's order */
    uint64_t *lines;             /* where each stands, from 1 */
    size_t count, capacity;
    size_t mistakes;
    bool named;      /* every operation has an id that the next run would give it, too */
    bool may_repeat; /* one at least has an id that an earlier run may have given it */
} quota_batch;       /* start with {0} */

/* Reads `fd`; `path` is for messages. `name`: operations without an id get one made of the name and their line, so that
 * the same file under the same name is the same operations; NULL: random ones. 0; CLI_EXIT_USAGE after messages with
 * file and line about what is wrong, or another exit code after a message. */
int quota_batch_read(cli *c, int fd, const char *path, const char *name, quota_batch *out);
void quota_batch_deinit(quota_batch *b);

/* How many operations from `at` on are sent together: about `part`, ending with a chain; at most `most`, 0 if a chain
 * is longer. */
size_t quota_batch_part(const quota_batch *b, size_t at, size_t part, size_t most);

#endif
