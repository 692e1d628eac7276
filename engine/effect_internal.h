/* Effect totals from the inside: what transactions and recovery need of effect.c. Private to the engine. */
#ifndef XINYI_ENGINE_EFFECT_INTERNAL_H
#define XINYI_ENGINE_EFFECT_INTERNAL_H

#include "engine/change.h"
#include "engine/effect.h"

typedef struct effect_key {
    uint16_t month;
    uint8_t scenario;
    uint8_t zero;
    uint32_t division;
} effect_key;
static_assert(sizeof(effect_key) == 8, "compared as bytes");

#define EFFECT_NAME "effect" /* what the keys of its records begin with */
#define EFFECT_KEY (sizeof EFFECT_NAME - 1 + 7)
#define EFFECT_IMAGE_MAX (2 + 16 + (TALLY_OUTCOMES + 2 * LIMIT_BENEFITS) * 8)

/* Zeros where nothing was counted. */
void effects_get(const effects *e, effect_key key, effect_counts *out);
/* Room for these totals: effects_set of them, or of others with the same or fewer counters that are not 0, cannot fail.
 * NO_MEMORY. Nothing that can be seen changes. */
status effects_reserve(effects *e, effect_key key, const effect_counts *counts) MUST_CHECK;
void effects_set(effects *e, effect_key key, const effect_counts *counts);

void effect_encode_key(effect_key key, uint8_t to[EFFECT_KEY]);
/* Returns the length. */
size_t effect_encode(const effect_counts *counts, uint8_t to[EFFECT_IMAGE_MAX]);
bool effect_is_record(const change *record);
/* Recovery. CORRUPT, NO_MEMORY. */
status effects_apply(effects *e, const change *record) MUST_CHECK;

/* Adds, saturating. */
void effect_add(effect_counts *to, const effect_counts *added);

#endif
