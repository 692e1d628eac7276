/* Alerts of the guarantee ledger: what somebody should know before it hurts. DOMAIN section 3: warnings at 80 / 90 /
 * 100 %, a bond that ends, a top-up within working days of a warning. Numbers come from the policy (guarantee:
 * warn_percent, alerts: {bond_notice_days, topup_days}; defaults ALERT_*).
 *
 *   usage      used reached a warning level that it was below before; one alert for the highest level reached. A level
 *              that was left by a fall below it may be reached again: another alert
 *   expiring   a valid bond or group guarantee ends within bond_notice_days; once for each end
 *   expired    an instrument has ended, within one hour of its end; once for each end
 *   topup      the required guarantee is not lodged (shortfall), the subject covered and not exempt: to be topped up
 *              by a last day, topup_days working days (calendar of the policy) after today. Once until the shortfall
 *              is gone. Found by the walk alone: what is put right within seconds, as by a pledge right behind the
 *              energy that asks for it, or by one bond in the place of another, is not told
 *   overdue    that day has passed and it still is not. Once
 *   topped_up  the shortfall is gone: the open topup is met
 *   frozen     by an operation
 *   unfrozen   by an operation
 *
 * An alert has a number (from 1, rising, never used again), is durable with the group that raises it, and stays until
 * it is acknowledged, or LIMIT_ALERTS are open: then the oldest gives way, and alerts_dropped counts it. What has been
 * raised is remembered in the account (warned, topup_day, flags, instruments' alerted), so every crossing makes one
 * alert, whatever the restarts. Remembering is no event of the account: it gets no new version by it.
 *
 * Where no terms apply (no policy in force, an unknown subject) there is no level and no shortfall to judge: what was
 * raised stays remembered, and only the ends of instruments are told, with the default days. A subject that becomes
 * exempt, or is not covered any more, lacks nothing: its levels have fallen and its top-up is met.
 *
 * Operations are looked at as they are executed: one alert at most of each kind, and for each instrument, by where the
 * account stands after the operation. What time, grades or policies do is found by a walk over the accounts
 * (txn_watch), which the writer makes in small portions, all of them within ALERT_ROUND_MS.
 *
 * Threading: the writer's. */
#ifndef XINYI_ENGINE_ALERT_H
#define XINYI_ENGINE_ALERT_H

#include "engine/ledger.h"

#define ALERT_BOND_NOTICE_DAYS 30
#define ALERT_TOPUP_DAYS 3
#define ALERT_ROUND_MS 10000

/*  X(NAME, number, name, title) — numbers are part of the protocol */
#define ALERT_KINDS(X)                                                                                                 \
    X(USAGE, 1, "usage", "额度使用告警")                                                                               \
    X(EXPIRING, 2, "expiring", "担保即将到期")                                                                         \
    X(EXPIRED, 3, "expired", "担保已到期")                                                                             \
    X(TOPUP, 4, "topup", "限期补缴")                                                                                   \
    X(OVERDUE, 5, "overdue", "逾期未补缴")                                                                             \
    X(TOPPED_UP, 6, "topped_up", "已补足")                                                                             \
    X(FROZEN, 7, "frozen", "账户冻结")                                                                                 \
    X(UNFROZEN, 8, "unfrozen", "账户解冻")

typedef enum alert_kind {
#define X(name, number, text, title) ALERT_##name = (number),
    ALERT_KINDS(X)
#undef X
        ALERT_KIND_END
} alert_kind;
const char *alert_kind_name(unsigned kind);  /* NULL if unknown */
const char *alert_kind_title(unsigned kind); /* in Chinese; NULL if unknown */

/* 96 bytes, as on the wire and in the table ALERTS. */
typedef struct alert {
    uint64_t number;
    int64_t at_ms; /* when it was raised */
    subject_id subject;
    uint8_t program;
    uint8_t kind;
    uint8_t level;           /* usage: 1..3 */
    uint8_t instrument_kind; /* expiring, expired */
    uint32_t account_version;
    uint32_t usage_percent; /* as in struct quota */
    int64_t limit_fen, used_fen, required_fen, lodged_fen;
    uint64_t instrument; /* expiring, expired: its id */
    int64_t due_ms;      /* expiring, expired: its end. topup, overdue: end of the last day in China. Else 0 */
    uint64_t zero;
} alert;
static_assert(sizeof(alert) == 96, "an alert has no padding");

#define ALERT_IMAGE 96
void alert_encode(const alert *a, uint8_t to[ALERT_IMAGE]);
status alert_decode(const uint8_t from[ALERT_IMAGE], alert *a) MUST_CHECK; /* CORRUPT */

/* The alerts that are open, in the order of their numbers. */
typedef struct alerts alerts;

size_t alerts_count(const alerts *a);
uint64_t alerts_newest(const alerts *a); /* the highest number ever given; 0 none */
/* Copies up to max open alerts with numbers above `after`; returns how many. */
size_t alerts_after(const alerts *a, uint64_t after, alert *out, size_t max);
/* The open alert of this number; NULL if there is none. Valid until the next publish. */
const alert *alerts_find(const alerts *a, uint64_t number);
/* How many have given way unacknowledged since the data directory was made. */
uint64_t alerts_dropped(const alerts *a);
size_t alerts_bytes(const alerts *a); /* memory, as allocated */

#endif
