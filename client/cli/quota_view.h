/* What the quota commands print: cards and sentences for people, members for JSON. Field names are the protocol's. */
#ifndef XINYI_CLI_QUOTA_VIEW_H
#define XINYI_CLI_QUOTA_VIEW_H

#include "base/buf.h"
#include "client/cli/cli.h"

#define QUOTA_OPEN 1 /* state of a reservation (xinyi_outcome_reply) */

const char *quota_view_kind(unsigned kind);   /* "reserve"; "operation" if unknown */
const char *quota_view_state(unsigned state); /* "final" "open" "committed" "released" "expired" */
/* A moment in China Standard Time; "" for 0. */
#define QUOTA_VIEW_TIME 40
const char *quota_view_time(int64_t ms, char buffer[QUOTA_VIEW_TIME]);

typedef struct quota_view_shown {
    const char *subject;
    unsigned program;
    const xinyi_quota *q;
    const xinyi_account *a;  /* NULL: the instruments are not known */
    int64_t frozen_since_ms; /* 0: not frozen, or not known */
    uint32_t now_hour;       /* hours since the epoch, for what is valid now */
} quota_view_shown;
void quota_view_show_json(jout *j, const quota_view_shown *s);
/* False without memory. */
bool quota_view_show_card(const cli *c, const quota_view_shown *s);

void quota_view_check_json(jout *j, const char *subject, unsigned program, int64_t amount_fen,
                           const xinyi_quota_answer *a);
/* Fits or not, and every reason; may ask the server for more about them. */
void quota_view_check_sentence(cli *c, const xinyi_subject *subject, unsigned program, int64_t amount_fen,
                               const xinyi_quota_answer *a);

/* What the client found out about an operation besides its answer. */
typedef struct quota_view_more {
    const xinyi_outcome_reply *earlier; /* it had been executed before: this is the first answer again; else NULL */
    int64_t released_fen;               /* commit: the rest of the reservation; -1 not known */
} quota_view_more;
/* more NULL: nothing was looked for. */
void quota_view_operation_json(jout *j, const xinyi_operation *op, const xinyi_operation_reply *r,
                               const quota_view_more *more);
bool quota_view_operation_card(const cli *c, const xinyi_operation *op, const xinyi_operation_reply *r,
                               const quota_view_more *more);

void quota_view_outcome_json(jout *j, const xinyi_operation_id *id, const xinyi_outcome_reply *r);
bool quota_view_outcome_card(const cli *c, const xinyi_operation_id *id, const xinyi_outcome_reply *r);

#endif
