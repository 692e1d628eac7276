/* What the quota commands print: cards and sentences for people, members for JSON. Field names are the protocol's. */
#ifndef XINYI_CLI_QUOTA_VIEW_H
#define XINYI_CLI_QUOTA_VIEW_H

#include "client/cli/cli.h"

const char *quota_view_kind(unsigned kind);   /* "reserve"; "operation" if unknown */
const char *quota_view_state(unsigned state); /* "final" "open" "committed" "released" "expired" */
/* A moment in China Standard Time; "" for 0. */
#define QUOTA_VIEW_TIME 40
const char *quota_view_time(int64_t ms, char buffer[QUOTA_VIEW_TIME]);

void quota_view_show_json(jout *j, const char *subject, const xinyi_quota *q);
/* False without memory. */
bool quota_view_show_card(const cli *c, const char *subject, const xinyi_quota *q);

void quota_view_check_json(jout *j, const char *subject, int64_t amount_fen, const xinyi_quota_answer *a);
void quota_view_check_sentence(const cli *c, const char *subject, int64_t amount_fen, const xinyi_quota_answer *a);

void quota_view_operation_json(jout *j, const xinyi_operation *op, const xinyi_operation_reply *r);
bool quota_view_operation_card(const cli *c, const xinyi_operation *op, const xinyi_operation_reply *r);

void quota_view_outcome_json(jout *j, const xinyi_operation_id *id, const xinyi_outcome_reply *r);
bool quota_view_outcome_card(const cli *c, const xinyi_operation_id *id, const xinyi_outcome_reply *r);

#endif
