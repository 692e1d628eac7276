/* Effect totals within a group: an overlay of whole rows, written as absolute totals once a group however often a row
 * was added to. Room in the published totals is made beforehand (engine/effect.c). */
#include "base/check.h"
#include "base/purpose.h"
#include "engine/effect_internal.h"
#include "engine/txn_internal.h"

#include <string.h>

typedef struct pending_effect {
    effect_key key;
    effect_counts now;
} pending_effect;

#define RECORD_HEAD (CHANGE_HEADER + EFFECT_KEY)

void txn_init_effects(txn *t) { overlay_init(&t->effects, sizeof(pending_effect), sizeof(effect_key)); }

static uint64_t hash_of(effect_key key) {
    uint64_t h =
        ((uint64_t)key.month << 40 | (uint64_t)key.scenario << 32 | key.division) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static size_t image_length(const effect_counts *counts) {
    uint8_t image[EFFECT_IMAGE_MAX];
    return effect_encode(counts, image);
}

status txn_effect(txn *t, unsigned month, unsigned scenario, uint32_t division, const effect_counts *added) {
    CHECK(t->phase == TXN_OPEN && scenario >= 1 && scenario <= SCENARIO_MAX && month <= UINT16_MAX);
    effect_key key = {.month = (uint16_t)month, .scenario = (uint8_t)scenario, .division = division};
    uint64_t hash = hash_of(key);
    pending_effect *p = overlay_find(&t->effects, hash, &key);
    effect_counts before, after;
    if (p != NULL)
        before = p->now;
    else
        effects_get(t->e->effects, key, &before);
    after = before;
    effect_add(&after, added);
    if (memcmp(&after, &before, sizeof after) == 0) return STATUS_OK;
    if (!overlay_reserve(&t->effects, 1)) return STATUS_NO_MEMORY;
    status code = effects_reserve(t->e->effects, key, &after);
    if (code != STATUS_OK) return code;
    p = overlay_find(&t->effects, hash, &key); /* it may have moved */
    if (p == NULL) {
        p = overlay_add(&t->effects, hash);
        p->key = key;
        t->bytes += RECORD_HEAD;
    } else {
        t->bytes -= image_length(&before);
    }
    p->now = after;
    t->bytes += image_length(&after);
    return STATUS_OK;
}

status txn_use(txn *t, unsigned month, unsigned scenario, uint32_t division, unsigned benefit) {
    CHECK(benefit < LIMIT_BENEFITS);
    effect_counts one = {0};
    one.used[benefit] = 1;
    return txn_effect(t, month, scenario, tally_place(division), &one);
}

void txn_append_effects(const txn *t, buf *to) {
    uint8_t key[EFFECT_KEY], image[EFFECT_IMAGE_MAX];
    for (uint32_t i = 0; i < t->effects.count; i++) {
        const pending_effect *p = overlay_at(&t->effects, i);
        effect_encode_key(p->key, key);
        change_append(to, CHANGE_STATE, key, sizeof key, image, effect_encode(&p->now, image));
    }
}

void txn_publish_effects(txn *t) {
    for (uint32_t i = 0; i < t->effects.count; i++) {
        const pending_effect *p = overlay_at(&t->effects, i);
        effects_set(t->e->effects, p->key, &p->now);
    }
}

const effects *engine_effects(const engine *e) { return e->effects; }
