/* The first day on which waiting alone is enough. Between two change days of a profile nothing of it moves, so it is
 * derived anew only on these; the decision is made on every day, since pilots of a policy have dates of their own. Days
 * are looked at as they begin. The walk ends with the policy in force: what follows it may be changed until then.
 *
 * Cost: at most five years of days, one decision each, and one derivation a change day; of dossiers so large that this
 * would take too long, no further than ITEMS_MAX items read. */
#include "base/clock.h"
#include "engine/reason_internal.h"

#include <stdio.h>
#include <string.h>

#define ITEMS_MAX (2u << 20)

typedef struct walk {
    const reason_case *c;
    profile before, now; /* the day before, and the day looked at */
    uint64_t items;      /* read so far */
} walk;

/* False if it would cost too much. */
static bool step(walk *w, int32_t day) {
    w->before = w->now;
    if (w->now.change_day == 0 || day < (int32_t)w->now.change_day) return true;
    w->items += w->c->d != NULL ? w->c->d->count + 16u : 16u;
    if (w->items > ITEMS_MAX) return false;
    credit_derive(policy_credit(w->c->set), w->c->d, &w->before, day, &w->now);
    return true;
}

static void arrived(const walk *w, int32_t day, reason_goals one, benefit_reason *b) {
    if (b == NULL) return;
    b->wait_day = day;
    reason_wait_text(w->c, &w->before, &w->now, day, one, b->wait_text, sizeof b->wait_text);
}

static void take_met(const walk *w, int32_t day, reason_goals met, reasons *out) {
    for (uint64_t left = met.benefits; left; left &= left - 1) {
        unsigned code = (unsigned)__builtin_ctzll(left);
        arrived(w, day, (reason_goals){.benefits = UINT64_C(1) << code}, reason_item(out, code));
    }
    if (met.outcome) arrived(w, day, (reason_goals){.outcome = true}, &out->outcome);
}

/* Why nothing is known about what has not come by the end of the walk. */
static void say(reason_goals left, const char *text, reasons *out) {
    size_t room = sizeof out->outcome.wait_text;
    for (unsigned i = 0; i < out->count; i++)
        if (left.benefits >> out->items[i].code & 1) snprintf(out->items[i].wait_text, room, "%s", text);
    if (left.outcome) snprintf(out->outcome.wait_text, room, "%s", text);
}

static void say_end(const reason_case *c, reason_goals left, reasons *out) {
    char text[160], hour[POLICY_HOUR_TEXT];
    snprintf(text, sizeof text, "not by waiting until %s, when the policy in force ends; later ones are not looked at",
             policy_format_hour(c->item->to_hour, hour));
    say(left, text, out);
}

static void say_too_many(int32_t day, reason_goals left, reasons *out) {
    char text[160], date[CLOCK_DATE_TEXT];
    snprintf(text, sizeof text, "not by waiting until %s; too many reports to look further ahead",
             clock_format_day(day, date));
    say(left, text, out);
}

void reason_find_waits(const reason_case *c, reason_goals goals, reasons *out) {
    walk w = {.c = c, .before = *c->p, .now = *c->p};
    int32_t last = clock_add_months(c->at.day, 12 * REASON_YEARS);
    for (int32_t day = c->at.day + 1; day <= last && reason_any(goals); day++) {
        const policy *then;
        policy_moment at = policy_moment_of_day(day);
        if (policy_in_force(c->set, c->scenario, at, &then) != STATUS_OK || then != c->item) {
            say_end(c, goals, out);
            return;
        }
        if (!step(&w, day)) {
            say_too_many(day, goals, out);
            return;
        }
        decision d;
        policy_decide(c->set, c->scenario, &w.now, at, &d);
        reason_goals met = reason_met(&d, goals);
        if (!reason_any(met)) continue;
        take_met(&w, day, met, out);
        goals.benefits &= ~met.benefits;
        goals.outcome &= !met.outcome;
    }
}
