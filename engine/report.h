/* Reports: what sources say happened to a subject, one thing each. A report that is accepted becomes an item of the
 * subject's dossier and takes effect at once: with it the profile is derived anew and both are published together.
 *
 * Exactly once: the source chooses `id` before it sends. The same id with the same content from the same source about
 * the same subject is answered again (REPORT_REPEATED); with other content it is REPORT_REUSED. Refusals are not kept.
 *
 * The checks, in this order; the first that fails is the answer:
 *   BAD_ENTRY (unknown kind, id zero, a field set that the kind does not use, text not UTF-8 or with control
 * characters, or too long), BAD_PURPOSE, BAD_SUBJECT, UNKNOWN_SUBJECT, UNKNOWN_SOURCE (also for a kind that this source
 * may not report), repetition (above), BAD_DAY (in the future), UNKNOWN_TARGET, BAD_DAY (before what it names), then by
 * kind:
 *
 *     kind                fields used                       refusals
 *     RECORD_ADD          type, day, text                   UNKNOWN_RECORD_TYPE
 *     RECORD_REPAIR       target, day, text                 ALREADY_ENDED, TOO_EARLY (class's minimum)
 *     RECORD_REVOKE       target, text                      ALREADY_ENDED
 *     SERVICE_ADD         day, value (minutes), text        BAD_VALUE (0), BAD_SUBJECT (no person), IMPLAUSIBLE
 *     SERVICE_REVERSE     target, text                      ALREADY_ENDED
 *     COMMITMENT_DRAFT    type (matter), day, text          UNKNOWN_RECORD_TYPE
 *     COMMITMENT_ACCEPT   type or target, day, text         UNKNOWN_RECORD_TYPE, BARRED, SERIOUS_LISTED, WRONG_STATE
 *     COMMITMENT_EXTEND   target, day, until, text          WRONG_STATE (once only), BAD_DAY (no later than before)
 *     COMMITMENT_FULFIL   target, day, text                 WRONG_STATE
 *     COMMITMENT_BREACH   target, day, text                 WRONG_STATE
 *     COMMITMENT_WITHDRAW target, day, text                 WRONG_STATE
 *     COMMITMENT_REPAIR   target, day, text                 WRONG_STATE, TOO_EARLY
 *     LISTING_ADD         type (list), day, until, text     UNKNOWN_RECORD_TYPE, SERIOUS_LISTED, NOT_QUALIFIED, BAD_DAY
 *     LISTING_REMOVE      target, day, text                 ALREADY_ENDED
 *     NAME                text (the name, to 96 bytes)      -
 *     USE                 type (scenario << 8 | benefit), day   UNKNOWN_BENEFIT
 *   and at last DOSSIER_FULL (of listings a dossier holds LIMIT_DOSSIER_LISTINGS).
 *
 * COMMITMENT_ACCEPT with a type and no target drafts and accepts in one report. `target` is the id under which the same
 * source reported the thing; a source with the right `corrects: any` (credit.h) may name anybody's. What ended once is
 * not ended again, by an earlier day either. A NAME is repeated if it is the name that the subject has. */
#ifndef XINYI_ENGINE_REPORT_H
#define XINYI_ENGINE_REPORT_H

#include "engine/dossier.h"

/*  X(NAME, code, name) — codes are part of the protocol. */
#define REPORT_KINDS(X)                                                                                                \
    X(RECORD_ADD, 1, "record_add")                                                                                     \
    X(RECORD_REPAIR, 2, "record_repair")                                                                               \
    X(RECORD_REVOKE, 3, "record_revoke")                                                                               \
    X(SERVICE_ADD, 4, "service_add")                                                                                   \
    X(SERVICE_REVERSE, 5, "service_reverse")                                                                           \
    X(COMMITMENT_DRAFT, 6, "commitment_draft")                                                                         \
    X(COMMITMENT_ACCEPT, 7, "commitment_accept")                                                                       \
    X(COMMITMENT_EXTEND, 8, "commitment_extend")                                                                       \
    X(COMMITMENT_FULFIL, 9, "commitment_fulfil")                                                                       \
    X(COMMITMENT_BREACH, 10, "commitment_breach")                                                                      \
    X(COMMITMENT_WITHDRAW, 11, "commitment_withdraw")                                                                  \
    X(COMMITMENT_REPAIR, 12, "commitment_repair")                                                                      \
    X(LISTING_ADD, 13, "listing_add")                                                                                  \
    X(LISTING_REMOVE, 14, "listing_remove")                                                                            \
    X(NAME, 15, "name")                                                                                                \
    X(USE, 16, "use")

typedef enum report_kind {
#define X(name, code, text) REPORT_##name = (code),
    REPORT_KINDS(X)
#undef X
        REPORT_KIND_END
} report_kind;
const char *report_kind_name(unsigned kind); /* NULL if unknown */

#define REPORT_TEXT 96

/* As the protocol carries it: 160 bytes, no padding. */
typedef struct report {
    report_id id;
    subject_id subject;
    uint8_t kind; /* report_kind */
    uint8_t purpose;
    uint16_t source;
    uint16_t type;
    uint16_t day; /* 0: today */
    uint16_t until;
    uint16_t zero16;
    uint32_t value;
    uint32_t zero32;
    report_id target;
    char text[REPORT_TEXT]; /* UTF-8, zero-padded; a reference has at most ITEM_TEXT bytes */
} report;
static_assert(sizeof(report) == 160, "a report has no padding");

#define REPORT_REPEATED (1u << 0)

typedef struct report_result {
    uint16_t status;
    uint16_t flags;   /* REPORT_REPEATED */
    uint32_t version; /* of the profile after it */
    uint32_t number;  /* of the item within the dossier */
    uint16_t until;   /* the deadline of a commitment, the end of a record or listing; 0 none */
    uint16_t zero;
} report_result;
static_assert(sizeof(report_result) == 16, "a result has no padding");

/* Form alone, without looking at anything else: OK or BAD_ENTRY. */
status report_form(const report *r);

#endif
