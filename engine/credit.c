/* What credit rules hold, by code or by name. Catalogues are ascending by code and looked up by halving; names are only
 * looked for by people. */
#include "engine/credit.h"

#include "engine/policy_model.h"

#include <string.h>

/* ------------------------------------------------------------------ names */

#define NAME_OF(names, value) ((value) < sizeof(names) / sizeof *(names) ? (names)[value] : NULL)

const char *record_class_name(unsigned class) {
    static const char *const names[] = {NULL, "minor", "general", "serious", "merit"};
    return NAME_OF(names, class);
}

const char *record_effect_name(unsigned effect) {
    static const char *const names[] = {
        [EFFECT_NO_EXEMPTION] = "no_exemption",
        [EFFECT_GRADED_DOWN] = "graded_down",
        [EFFECT_GAPS_BARRED] = "gaps_barred",
        [EFFECT_RED_LIST_REMOVED] = "red_list_removed",
        [EFFECT_NOTICED] = "noticed",
        [EFFECT_OBSERVED] = "observed",
        [EFFECT_SUSPENDED] = "suspended",
        [EFFECT_ARREARS] = "arrears",
        [EFFECT_LATE_SETTLEMENT] = "late_settlement",
        [EFFECT_VOLUNTEER_BARRED] = "volunteer_barred",
        [EFFECT_SERVICE_VOID] = "service_void",
    };
    static_assert(sizeof names / sizeof *names == EFFECT_COUNT, "a name for each effect");
    return NAME_OF(names, effect);
}

/* ------------------------------------------------------------------ by code */

/* Of `count` things ascending by a 16-bit number at their beginning. */
static const void *by_number(const void *things, unsigned count, size_t size, unsigned number) {
    const char *base = things;
    while (count > 0) {
        const char *middle = base + count / 2 * size;
        uint16_t at;
        memcpy(&at, middle, sizeof at);
        if (at == number) return middle;
        if (at < number) {
            base = middle + size;
            count -= count / 2 + 1;
        } else
            count /= 2;
    }
    return NULL;
}

static_assert(offsetof(record_type, code) == 0 && offsetof(commitment_matter, code) == 0 &&
                  offsetof(credit_list, code) == 0 && offsetof(credit_source, number) == 0,
              "things begin with their number");

const record_type *credit_record_type(const credit_rules *r, unsigned code) {
    return by_number(r->types, r->type_count, sizeof *r->types, code);
}

const commitment_matter *credit_matter(const credit_rules *r, unsigned code) {
    return by_number(r->matters, r->matter_count, sizeof *r->matters, code);
}

const credit_list *credit_list_of(const credit_rules *r, unsigned code) {
    return by_number(r->lists, r->list_count, sizeof *r->lists, code);
}

const credit_source *credit_source_of(const credit_rules *r, unsigned number) {
    return by_number(r->sources, r->source_count, sizeof *r->sources, number);
}

/* ------------------------------------------------------------------ the rest */

const record_type *credit_record_type_find(const credit_rules *r, const char *id) {
    for (unsigned i = 0; i < r->type_count; i++)
        if (strcmp(r->types[i].id, id) == 0) return &r->types[i];
    return NULL;
}

unsigned credit_stars(const credit_rules *r, uint32_t minutes) {
    unsigned stars = 0;
    while (stars < r->star_count && minutes >= r->star_minutes[stars]) stars++;
    return stars;
}

const credit_rules *policy_credit(const policy_set *set) { return set->credit; }
