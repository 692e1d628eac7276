/* Operations of the guarantee ledger as steps on one account: which requests are well-formed, in which order they are
 * checked, and what each does once it is admitted. Pure functions; engine/txn_operate.c joins them with the stores.
 *
 * The checks, in this order; the first that fails is the answer. A refusal changes no account.
 *
 *   every kind    BAD_ENTRY: id all zero, unknown kind, or a field set that the kind does not use
 *                 BAD_SUBJECT: not a subject id
 *                 known id: the first answer again, or OPERATION_REUSED if the content differs
 *                 (these three are not kept; everything below is)
 *                 the content by kind
 *                 UNKNOWN_SUBJECT
 *                 UNKNOWN_PROGRAM if it is not 1..PROGRAM_MAX
 *                 the rest by kind
 *
 *     kind        content                              rest
 *     reserve     BAD_AMOUNT                           in the order of LEDGER_VIOLATIONS, all of them reported
 *     commit      BAD_AMOUNT (0 is all)                UNKNOWN_OPERATION, RESERVATION_EXPIRED, ALREADY_RESOLVED,
 *                                                      OVER_RESERVED
 *     release                                          UNKNOWN_OPERATION, RESERVATION_EXPIRED, ALREADY_RESOLVED
 *     settle      BAD_AMOUNT                           UNKNOWN_PROGRAM, NO_ACCOUNT, OVER_COMMITTED
 *     pledge      BAD_AMOUNT, BAD_VALUE, BAD_VALIDITY  UNKNOWN_PROGRAM, INSTRUMENT_EXISTS, TOO_MANY_INSTRUMENTS
 *     withdraw                                         UNKNOWN_PROGRAM, NO_ACCOUNT, UNKNOWN_INSTRUMENT, FROZEN,
 *                                                      LIMIT_EXCEEDED
 *     energy      BAD_AMOUNT                           UNKNOWN_PROGRAM
 *     amend       BAD_AMOUNT, BAD_VALUE, BAD_VALIDITY  UNKNOWN_PROGRAM, NO_ACCOUNT, UNKNOWN_INSTRUMENT, BAD_VALIDITY,
 *                                                      FROZEN, LIMIT_EXCEEDED
 *     freeze      BAD_VALUE (the reference is no text) UNKNOWN_PROGRAM, NO_ACCOUNT, ALREADY_FROZEN
 *     unfreeze                                         UNKNOWN_PROGRAM, NO_ACCOUNT, NOT_FROZEN
 *
 *   BAD_VALUE         instrument id 0 or an unknown instrument kind; amend: nothing to change
 *   BAD_VALIDITY      ends before it begins, or has ended already
 *   BAD_TTL           over the policy's maximum
 *   UNKNOWN_PROGRAM   no policy has the program (for settle and withdraw only if there is no account either)
 *   UNKNOWN_OPERATION the target is not a granted reservation of this subject and program
 *
 * Only new exposure asks for a policy in force: commit, release and settle work on any day, and guarantees and energy
 * may be lodged before a program begins or after it has ended.
 *
 * Withdrawing is a choice, unlike an expiry: it is refused with LIMIT_EXCEEDED if the instrument is valid now, the
 * subject is not exempt, and used would be above the limit without it. An instrument that has ended or has not begun
 * can always be withdrawn. The same holds for an amendment after which less is lodged now than before. Both, if they
 * lower what is lodged now, are refused for a frozen account, exempt or not: FROZEN.
 *
 * Chains (OPERATION_LINKED). The operations of a chain are executed in order, each seeing what those before it did. If
 * one is refused nothing of the chain is executed: it gets its refusal, all others LINKED_FAILED. A chain whose last
 * entry still has the flag is not ended: LINKED_OPEN for that entry. Answers are kept as those of single operations
 * are, LINKED_FAILED too, so a late duplicate of a refused chain never succeeds. Sending a whole chain again gives the
 * first answers again; a chain of which only some ids are known is refused: the known ones answer as they did at first
 * (or OPERATION_REUSED), the others LINKED_FAILED. What is not kept (BAD_ENTRY, BAD_SUBJECT, OPERATION_REUSED) fails a
 * chain too. The flag is part of the content.
 *
 * A pledge into a full account takes the place of the instrument that ended first, if that was at least
 * OPERATE_ENDED_HOURS ago; else TOO_MANY_INSTRUMENTS.
 *
 * settled_fen is a running total for people; it stops at INT64_MAX rather than refuse a settlement. */
#ifndef XINYI_ENGINE_OPERATE_H
#define XINYI_ENGINE_OPERATE_H

#include "engine/ledger.h"

#define OPERATE_ENDED_HOURS (31u * 24u)

/* The form of a request, without looking at anything else: OK, BAD_ENTRY or BAD_SUBJECT. The latter only for an unknown
 * kind of subject; whether the number is one is the caller's to check. */
status operate_form(const operation *op);
/* The content of a request at an hour (ledger_hour): OK or BAD_AMOUNT, BAD_VALUE, BAD_VALIDITY as in the table. */
status operate_content(const operation *op, uint32_t hour);

/* Effects. The caller gives a changed account a new version with account_touch, once an operation. */
void account_open(account *a, const subject_id *key, int64_t now_ms); /* version 0 */
void account_touch(account *a);                                       /* version + 1; after 2^31 - 1 comes 1 */
void account_reserve(account *a, int64_t amount_fen);
/* Ends one reservation of reserved_fen, of which committed_fen (0 to all of it) becomes committed exposure. */
void account_resolve(account *a, int64_t reserved_fen, int64_t committed_fen);
status account_settle(account *a, int64_t amount_fen);                 /* OK, OVER_COMMITTED */
status account_pledge(account *a, const operation *op, uint32_t hour); /* OK, INSTRUMENT_EXISTS, TOO_MANY_INSTRUMENTS */
/* OK and the amount, or UNKNOWN_INSTRUMENT, FROZEN, LIMIT_EXCEEDED. `terms` NULL: none apply, so the limit is 0. */
status account_withdraw(account *a, uint64_t instrument_id, const guarantee_terms *terms, policy_moment at,
                        int64_t *amount_fen);
/* OK and what is lodged by the instrument from now on; UNKNOWN_INSTRUMENT, BAD_VALIDITY, FROZEN, LIMIT_EXCEEDED. */
status account_amend(account *a, const operation *op, const guarantee_terms *terms, policy_moment at,
                     int64_t *amount_fen);
void account_set_energy(account *a, const operation *op);
status account_freeze(account *a, const operation *op); /* OK, ALREADY_FROZEN */
status account_unfreeze(account *a);                    /* OK, NOT_FROZEN */

#endif
