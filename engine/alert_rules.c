/* When an alert is raised, as a function of an account, where it stands, and the moment. What was raised before lies in
 * the account itself, so looking twice raises nothing new, whoever looks: an operation, the walk, or the first walk
 * after a restart.
 *
 * Cost: some nanoseconds when nothing is new; a walk along the calendar for a new top-up day. */
#include "engine/alert_internal.h"

#include "base/clock.h"

typedef struct look {
    account *a;
    const quota *q;
    policy_moment at;
    alert *out;
    unsigned count;
    bool changed;
} look;

static alert *raise(look *l, alert_kind kind) {
    alert *raised = &l->out[l->count++];
    *raised = (alert){
        .at_ms = l->at.now_ms < 0 ? 0 : l->at.now_ms,
        .subject = account_subject(l->a),
        .program = (uint8_t)account_program(l->a),
        .kind = (uint8_t)kind,
        .account_version = l->a->seq >> 1,
        .usage_percent = l->q->usage_percent,
        .limit_fen = l->q->limit_fen,
        .used_fen = l->q->used_fen,
        .required_fen = l->q->required_fen,
        .lodged_fen = l->q->lodged_fen,
    };
    return raised;
}

static void look_at_usage(look *l) {
    uint8_t level = l->q->warning, before = l->a->warned;
    if (level == before) return;
    l->a->warned = level;
    l->changed = true;
    if (level > before) raise(l, ALERT_USAGE)->level = level;
}

static void raise_end(look *l, alert_kind kind, instrument *i, uint8_t mark) {
    alert *raised = raise(l, kind);
    raised->instrument = i->id;
    raised->instrument_kind = i->kind;
    raised->due_ms = i->to_hour * CLOCK_MS_PER_HOUR;
    i->alerted |= mark;
    l->changed = true;
}

static void look_at_instruments(look *l, unsigned notice_days) {
    uint32_t hour = ledger_hour(l->at.now_ms);
    for (uint32_t n = 0; n < l->a->instrument_count && n < LIMIT_INSTRUMENTS; n++) {
        instrument *i = &l->a->instruments[n];
        if (i->to_hour == UINT32_MAX) continue;
        if (hour >= i->to_hour) {
            if (!(i->alerted & INSTRUMENT_EXPIRED)) raise_end(l, ALERT_EXPIRED, i, INSTRUMENT_EXPIRED);
        } else if (i->kind != INSTRUMENT_DEPOSIT && hour >= i->from_hour && i->to_hour - hour <= notice_days * 24 &&
                   !(i->alerted & INSTRUMENT_EXPIRING)) {
            raise_end(l, ALERT_EXPIRING, i, INSTRUMENT_EXPIRING);
        }
    }
}

/* DOMAIN section 3: within n working days, the day itself not counted. */
static uint16_t last_day(const credit_rules *calendar, int32_t today, unsigned working_days) {
    period p = {.count = (uint16_t)working_days, .unit = PERIOD_WORKING_DAYS};
    int32_t day = credit_period_end(calendar, today, p) - 1;
    return (uint16_t)(day < 1 ? 1 : day);
}

static int64_t end_of_day(int32_t day) { return clock_ms_of_day(day + 1); }

static void look_at_shortfall(look *l, const guarantee_terms *terms, const credit_rules *calendar, bool walk) {
    account *a = l->a;
    if (!(l->q->flags & QUOTA_SHORT)) {
        if (a->topup_day == 0) return;
        a->topup_day = 0;
        a->flags &= (uint8_t)~ACCOUNT_TOPUP_OVERDUE;
        l->changed = true;
        raise(l, ALERT_TOPPED_UP);
    } else if (a->topup_day == 0) {
        if (!walk) return;
        a->topup_day = last_day(calendar, l->at.day, terms->topup_days);
        l->changed = true;
        raise(l, ALERT_TOPUP)->due_ms = end_of_day(a->topup_day);
    } else if (l->at.day > a->topup_day && !(a->flags & ACCOUNT_TOPUP_OVERDUE)) {
        a->flags |= ACCOUNT_TOPUP_OVERDUE;
        l->changed = true;
        raise(l, ALERT_OVERDUE)->due_ms = end_of_day(a->topup_day);
    }
}

unsigned alert_examine(account *a, const quota *q, const guarantee_terms *terms, const credit_rules *calendar,
                       policy_moment at, unsigned event, alert out[ALERT_MOST], bool *changed) {
    look l = {.a = a, .q = q, .at = at, .out = out};
    if (terms != NULL) look_at_usage(&l);
    look_at_instruments(&l, terms != NULL ? terms->bond_notice_days : ALERT_BOND_NOTICE_DAYS);
    if (terms != NULL) look_at_shortfall(&l, terms, calendar, event == ALERT_WALK);
    if (event != 0 && event != ALERT_WALK) raise(&l, (alert_kind)event);
    *changed = l.changed;
    return l.count;
}
