/* What crash_ledger writes and linear_check reads: the accounts, the shape of requests, the lines of the log.
 *
 *   I time unit linked id kind account amount target instrument ttl       about to be sent
 *   A time id status version amount limit used committed expires flags    answered
 *   R time id …                                                           answered again, when it was repeated
 *   O known id status version amount limit used committed expires state at
 *                                                                         in the end: what the server keeps of it
 *   H account version id reserved committed expiry                        in the end: an event of the account's history
 *   Q account version reserved committed open lodged frozen               in the end: where an account stands
 *
 * Times are CLOCK_MONOTONIC in ns but for `expires` and `at`, which are the server's in ms; ids are 32 hex digits. The
 * lines of a request follow each other and have its unit; more than one are a chain, and linked. */
#ifndef XINYI_TESTS_TOOLS_OPLOG_H
#define XINYI_TESTS_TOOLS_OPLOG_H

#define ACCOUNTS 4
#define INSTRUMENTS 5 /* numbers 1 to this are pledged and withdrawn */
#define CHAIN_MAX 3

#endif
