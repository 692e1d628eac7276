/* Why new exposure is refused: every limit that is violated, with the numbers and what to do about it. One thread. */
#ifndef XINYI_CLI_QUOTA_REFUSAL_H
#define XINYI_CLI_QUOTA_REFUSAL_H

#include "base/buf.h"
#include "client/cli/cli.h"

typedef struct quota_refusal {
    xinyi_subject subject;
    uint8_t program;
    uint16_t status, violations; /* violations 0: the status alone */
    bool chained;                /* one of a chain: limit and used are without what the chain did before it */
    uint32_t ttl_ms;             /* asked; 0 the policy's */
    int64_t asked_fen, limit_fen, used_fen, available_fen;
} quota_refusal;

quota_refusal quota_refusal_of_check(const xinyi_subject *subject, unsigned program, int64_t asked_fen,
                                     const xinyi_quota_answer *a);
quota_refusal quota_refusal_of_operation(const xinyi_operation *op, const xinyi_operation_reply *r);

/* The reasons, in the order of checks, a line each without an end; one alone stands without indent. `c` NULL: only with
 * what the answer told; else the server is asked for what was lodged, and since when the account is frozen. */
void quota_refusal_write(cli *c, const quota_refusal *r, buf *to);
/* Bits of the reasons: the violations, or the one that the status stands for; 0 for other statuses. */
unsigned quota_refusal_bits(const quota_refusal *r);
/* "violations": ["frozen", …] */
void quota_refusal_json(jout *j, unsigned violations);

/* Of a frozen account, ", reference YF-12, since 2026-11-24 18:00:00", as far as it is known; else "". Asks the server.
 */
#define QUOTA_FROZEN_TEXT 96
const char *quota_frozen_text(cli *c, const xinyi_subject *subject, unsigned program, char buffer[QUOTA_FROZEN_TEXT]);
/* When the account was frozen, as far as its history is kept; 0: not known. Asks the server. */
int64_t quota_frozen_since(cli *c, const xinyi_subject *subject, unsigned program);

#endif
