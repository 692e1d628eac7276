/* Alerts within a commit group (txn_alert.c). Private to the transactions. */
#ifndef XINYI_ENGINE_TXN_ALERT_H
#define XINYI_ENGINE_TXN_ALERT_H

#include "engine/alert_internal.h"
#include "engine/engine.h"
#include "engine/overlay.h"

/* What the open group does to the alerts. */
typedef struct txn_alerts {
    buf raised;          /* alerts, numbered behind the newest that is published */
    overlay gone;        /* numbers of published ones that are acknowledged, or give way */
    uint64_t given_way;  /* up to this number the oldest have given way … */
    uint64_t dropped;    /* … and so many of them were not acknowledged */
    store_cursor cursor; /* where the walk will be once the group is published */
    bool walked;         /* … which is only then of interest */
} txn_alerts;

/* Where a chain began. */
typedef struct txn_alert_mark {
    size_t raised;
    uint32_t gone;
    uint64_t given_way, dropped;
} txn_alert_mark;

struct pending_account;

void txn_alert_init(txn *t);
void txn_alert_deinit(txn *t);
void txn_alert_reset(txn *t); /* forgets the group's */

/* Room for what one look can raise: NO_MEMORY, or the next txn_alert_account cannot fail. */
status txn_alert_room(txn *t) MUST_CHECK;
/* After an operation of this kind, or a reservation's end (kind 0), has changed the account. Room is there. */
void txn_alert_account(txn *t, struct pending_account *a, unsigned kind);

/* A chain that is taken back has raised nothing; its bytes and accounts are the caller's. */
txn_alert_mark txn_alert_begin_chain(const txn *t);
void txn_alert_take_back(txn *t, const txn_alert_mark *mark);

void txn_append_alerts(const txn *t, buf *to);
void txn_publish_alerts(txn *t);

#endif
