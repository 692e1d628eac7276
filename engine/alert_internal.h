/* Alerts from the inside: the rules that raise them, and the container as the writer fills it. Private to the engine.
 */
#ifndef XINYI_ENGINE_ALERT_INTERNAL_H
#define XINYI_ENGINE_ALERT_INTERNAL_H

#include "engine/alert.h"
#include "engine/change.h"
#include "engine/credit.h"

/* ------------------------------------------------------------------ rules */

/* At most so many are raised by one look: usage, frozen, a top-up, and one for each instrument. */
/* Numbers go up to here: as signed ones they are told in documents. Beyond it nothing is raised. */
#define ALERT_NUMBER_MAX ((uint64_t)INT64_MAX)

#define ALERT_MOST (LIMIT_INSTRUMENTS + 3)

/* True if nothing of what operations on amounts can bring about is new; the ends of instruments are not looked at. */
static inline bool alert_is_quiet(const account *a, const quota *q) {
    return q->warning == a->warned && ((q->flags & QUOTA_SHORT) != 0 || a->topup_day == 0);
}

/* What is to be raised about an account that stands like this, in the order of the kinds; they have no numbers yet. The
 * account remembers it: warned, topup_day, flags and instruments' alerted change, nothing else; *changed tells whether
 * they did, which they also do without an alert (a level that has fallen). `terms` NULL: none apply. `event`: FROZEN or
 * UNFROZEN if the operation was that, ALERT_WALK if it is the walk that looks, else 0. */
#define ALERT_WALK UINT32_MAX
unsigned alert_examine(account *a, const quota *q, const guarantee_terms *terms, const credit_rules *calendar,
                       policy_moment at, unsigned event, alert out[ALERT_MOST], bool *changed);

/* ------------------------------------------------------------------ the container */

status alerts_create(size_t limit, alerts **out) MUST_CHECK; /* NO_MEMORY */
void alerts_destroy(alerts **a);                             /* accepts NULL */
size_t alerts_limit(const alerts *a);
/* Room for `more` additions: alerts_add cannot fail for so many. NO_MEMORY. */
status alerts_reserve(alerts *a, size_t more) MUST_CHECK;
void alerts_add(alerts *a, const alert *added); /* a number above every one before */
bool alerts_remove(alerts *a, uint64_t number); /* false: there was none */
void alerts_count_dropped(alerts *a, uint64_t more);

/* Recovery: an alert in its place, whatever the order. NO_MEMORY. */
status alerts_load(alerts *a, const alert *loaded) MUST_CHECK;
/* The highest number and what was dropped, as stored; what is known already is never lowered. */
void alerts_load_numbers(alerts *a, uint64_t newest, uint64_t dropped);
/* Numbers rise, places are filled, counts agree; false with one sentence. */
bool alerts_check(const alerts *a, char *problem, size_t room);

/* Images of the table ALERTS (IMAGE_ALERT) and of the numbers in the table STATE. */
#define KEY_ALERT 8
#define STATE_ALERTS "alerts" /* value: image version, u64 highest number ever given, u64 dropped */
#define ALERTS_IMAGE 17
void alerts_put_key(uint64_t number, uint8_t key[KEY_ALERT]);
void alerts_append_numbers(buf *to, uint64_t newest, uint64_t dropped);
bool alerts_is_numbers(const change *record);
/* A record of the table ALERTS, or one of STATE that alerts_is_numbers. CORRUPT, NO_MEMORY: nothing has changed. */
status alerts_apply(alerts *a, const change *record) MUST_CHECK;

#endif
