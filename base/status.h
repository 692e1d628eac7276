/* Status codes: what went wrong, in one table for every layer and for the wire.
 *
 * The number of a code is part of the protocol and is never reused. A code belongs to one class,
 * so that a caller can decide without knowing every code:
 *   done      the request was executed
 *   again     not executed; the same request may succeed later
 *   refused   final; the same request will be refused again until data or policy change
 *   unknown   a write whose fate is not known to the client; ask by operation id
 *   local     the environment of this process (memory, disk, network, a file's syntax)
 *
 * Threading: everything here is constant data. */
#ifndef XINYI_BASE_STATUS_H
#define XINYI_BASE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/*  X(NAME, code, class, text)  — the text completes "… : <text>" in messages to people. */
#define STATUS_TABLE(X)                                                                                                \
    X(OK, 0, DONE, "done")                                                                                             \
    /* not executed: try again */                                                                                      \
    X(OVERLOADED, 1, AGAIN, "the server is overloaded, try again later")                                               \
    X(DEADLINE, 2, AGAIN, "the deadline passed before the request was executed")                                       \
    X(UNAVAILABLE, 3, AGAIN, "the server is starting or stopping")                                                     \
    X(READ_ONLY, 4, AGAIN, "writes are refused: storage is in trouble, lookups go on")                                 \
    X(TOO_MANY_CONNECTIONS, 5, AGAIN, "too many connections")                                                          \
    /* refused: the frame */                                                                                           \
    X(BAD_FRAME, 100, REFUSED, "the frame's header is not valid")                                                      \
    X(BAD_CHECKSUM, 101, REFUSED, "a checksum does not match")                                                         \
    X(UNKNOWN_TYPE, 102, REFUSED, "unknown message type")                                                              \
    X(BAD_ENTRY, 103, REFUSED, "an entry has the wrong length or reserved bits set")                                   \
    X(TOO_LARGE, 104, REFUSED, "the frame or its number of entries is over the limit")                                 \
    X(HELLO_REQUIRED, 105, REFUSED, "the connection must begin with HELLO")                                            \
    X(WRONG_CLUSTER, 106, REFUSED, "this server belongs to another cluster")                                           \
    X(BAD_CREDENTIALS, 107, REFUSED, "credentials are missing or wrong")                                               \
    X(UNSUPPORTED_VERSION, 108, REFUSED, "no common protocol version")                                                 \
    X(IDLE_TIMEOUT, 109, REFUSED, "the connection was idle for too long")                                              \
    /* refused: subjects, fields, scenarios */                                                                         \
    X(BAD_SUBJECT, 120, REFUSED, "the subject id is not valid")                                                        \
    X(UNKNOWN_SUBJECT, 121, REFUSED, "no such subject")                                                                \
    X(UNKNOWN_SCENARIO, 122, REFUSED, "no policy for this scenario")                                                   \
    X(BAD_PURPOSE, 123, REFUSED, "the purpose is missing or unknown")                                                  \
    X(BAD_FIELD, 124, REFUSED, "unknown or read-only field")                                                           \
    X(BAD_VALUE, 125, REFUSED, "the value is outside the field's domain")                                              \
    X(NOT_EFFECTIVE, 126, REFUSED, "no policy of this scenario is in force on this day")                               \
    X(OUT_OF_SCOPE, 127, REFUSED, "the policy does not cover this subject")                                            \
    X(EXISTS, 128, REFUSED, "the subject exists already")                                                              \
    X(VERSION_CONFLICT, 129, REFUSED, "the profile has changed since the expected version")                            \
    /* refused: the guarantee ledger */                                                                                \
    X(NO_ACCOUNT, 140, REFUSED, "no guarantee account: the limit is 0")                                                \
    X(UNKNOWN_PROGRAM, 141, REFUSED, "unknown guarantee program")                                                      \
    X(LIMIT_EXCEEDED, 142, REFUSED, "the amount is more than the available quota")                                     \
    X(SUSPENDED, 143, REFUSED, "the subject is suspended from the market")                                             \
    X(UNRATED, 144, REFUSED, "the subject has no market grade")                                                        \
    X(UNKNOWN_OPERATION, 145, REFUSED, "no operation with this id is known")                                           \
    X(OPERATION_REUSED, 146, REFUSED, "the operation id was used with other content")                                  \
    X(ALREADY_RESOLVED, 147, REFUSED, "the reservation was committed or released before")                              \
    X(RESERVATION_EXPIRED, 148, REFUSED, "the reservation has expired")                                                \
    X(OVER_RESERVED, 149, REFUSED, "the amount is more than was reserved")                                             \
    X(OVER_COMMITTED, 150, REFUSED, "the amount is more than the committed exposure")                                  \
    X(BAD_AMOUNT, 151, REFUSED, "the amount must be positive and within range")                                        \
    X(AMOUNT_OVERFLOW, 152, REFUSED, "the amounts would overflow")                                                     \
    X(TOO_MANY_INSTRUMENTS, 153, REFUSED, "the account holds as many instruments as it can")                           \
    X(UNKNOWN_INSTRUMENT, 154, REFUSED, "no such instrument in this account")                                          \
    X(BAD_VALIDITY, 155, REFUSED, "the validity ends before it begins, or has ended")                                  \
    X(SHORTFALL, 156, REFUSED, "the lodged guarantee is below the required amount")                                    \
    X(NOT_COVERED, 157, REFUSED, "the program does not cover this subject's market role")                              \
    X(INSTRUMENT_EXISTS, 158, REFUSED, "the account holds an instrument with this id already")                         \
    X(BAD_TTL, 159, REFUSED, "the time to live is not within the policy's limits")                                     \
    /* refused: reports about behaviour, commitments, service, lists */                                                \
    X(UNKNOWN_SOURCE, 160, REFUSED, "no such source of data, or it may not report this")                               \
    X(UNKNOWN_RECORD_TYPE, 161, REFUSED, "the catalogue has no such type")                                             \
    X(REPORT_REUSED, 162, REFUSED, "the source used this id for other content")                                        \
    X(UNKNOWN_TARGET, 163, REFUSED, "the source has reported nothing with this id about this subject")                 \
    X(ALREADY_ENDED, 164, REFUSED, "it was repaired, reversed or ended before")                                        \
    X(IMPLAUSIBLE, 165, REFUSED, "more service on one day than is plausible")                                          \
    X(TOO_EARLY, 166, REFUSED, "the minimum period has not passed yet")                                                \
    X(DOSSIER_FULL, 167, REFUSED, "the subject's dossier holds as many items as it can")                               \
    X(BARRED, 168, REFUSED, "the subject is barred from acceptance with gaps")                                         \
    X(BAD_DAY, 169, REFUSED, "the day is in the future, too long ago, or before what it is about")                     \
    X(WRONG_STATE, 170, REFUSED, "the commitment is not in a state that allows this")                                  \
    X(UNKNOWN_BENEFIT, 171, REFUSED, "the scenario has no such benefit")                                               \
    X(SERIOUS_LISTED, 172, REFUSED, "the subject is on the serious-dishonesty list")                                   \
    X(NOT_QUALIFIED, 173, REFUSED, "the subject does not meet the list's conditions")                                  \
    /* refused: policies, receipts, commands */                                                                        \
    X(BAD_RECEIPT, 174, REFUSED, "the receipt is damaged or not one of this system")                                   \
    X(UNKNOWN_POLICY, 175, REFUSED, "no policy set with this version or hash is kept")                                 \
    X(UNKNOWN_DRAFT, 176, REFUSED, "no such draft of a policy set was uploaded on this connection")                    \
    X(BAD_COMMAND, 177, REFUSED, "the command cannot be understood")                                                   \
    X(UNKNOWN_JOB, 178, REFUSED, "no such job is known")                                                               \
    X(POLICY_INVALID, 180, REFUSED, "the policy has errors")                                                           \
    /* refused: the guarantee ledger, continued */                                                                     \
    X(FROZEN, 181, REFUSED, "the guarantee account is frozen")                                                         \
    X(LINKED_FAILED, 182, REFUSED, "another operation of the chain was refused, so none was executed")                 \
    X(LINKED_OPEN, 183, REFUSED, "the chain of linked operations does not end within the request")                     \
    X(ALREADY_FROZEN, 184, REFUSED, "the guarantee account is frozen already")                                         \
    X(NOT_FROZEN, 185, REFUSED, "the guarantee account is not frozen")                                                 \
    X(UNKNOWN_ALERT, 186, REFUSED, "no such alert is open")                                                            \
    /* fate unknown */                                                                                                 \
    X(OUTCOME_UNKNOWN, 200, UNKNOWN, "the outcome is not known, ask by operation id")                                  \
    /* this process and its environment */                                                                             \
    X(NO_MEMORY, 220, LOCAL, "out of memory")                                                                          \
    X(IO_ERROR, 221, LOCAL, "input/output error")                                                                      \
    X(NO_SPACE, 222, LOCAL, "no space left on the disk")                                                               \
    X(CORRUPT, 223, LOCAL, "stored data are damaged")                                                                  \
    X(NOT_FOUND, 224, LOCAL, "not found")                                                                              \
    X(END, 225, LOCAL, "no more data")                                                                                 \
    X(SYNTAX, 226, LOCAL, "the text cannot be understood")                                                             \
    X(NO_CONNECTION, 227, LOCAL, "cannot connect")                                                                     \
    X(TIMEOUT, 228, LOCAL, "no answer in time")                                                                        \
    X(CLOSED, 229, LOCAL, "the connection was closed")                                                                 \
    X(LOCKED, 230, LOCAL, "another process is using it")                                                               \
    X(CAPACITY, 231, LOCAL, "a configured capacity is reached")

typedef enum status {
#define X(name, code, class, text) STATUS_##name = (code),
    STATUS_TABLE(X)
#undef X
} status;

typedef enum status_class {
    STATUS_CLASS_DONE,
    STATUS_CLASS_AGAIN,
    STATUS_CLASS_REFUSED,
    STATUS_CLASS_UNKNOWN,
    STATUS_CLASS_LOCAL,
} status_class;

/* A status that the caller must look at. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* Lower-case name as in JSON ("limit_exceeded"), "unknown_status" for a code of no row; valid until the thread's next
 * call. */
const char *status_name(unsigned code);
/* The text of a code, for people. */
const char *status_text(unsigned code);
/* The class of a code; codes of a newer peer fall into the class of their hundred. */
status_class status_classify(unsigned code);

#endif
