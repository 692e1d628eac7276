/* Effect tracking (跟踪评估问效): do the incentives work? Durable totals per month × scenario × division: decisions by
 * outcome, benefits given, benefits used. Given comes from the tallies of the workers, used from reports (REPORT_USE).
 *
 * Only the writer changes it, within transactions (txn_effect); readers ask the commit thread. On disk one record of
 * table STATE for each month × scenario × division: key "effect" and u16 month, u8 scenario, u32 division, big-endian;
 * value image version and only the counters that are not 0. */
#ifndef XINYI_ENGINE_EFFECT_H
#define XINYI_ENGINE_EFFECT_H

#include "engine/tally.h"

typedef struct effects effects;

typedef struct effect_row {
    uint16_t month;
    uint8_t scenario;
    uint32_t division;
    effect_counts counts;
} effect_row;

status effects_create(effects **out) MUST_CHECK;
void effects_destroy(effects **e);

/* Rows of a month (0: all) and scenario (0: all), by month, scenario, division. Calls visit for each. */
typedef void (*effect_visit)(void *context, const effect_row *row);
void effects_walk(const effects *e, unsigned month, unsigned scenario, effect_visit visit, void *context);
size_t effects_bytes(const effects *e);

#endif
