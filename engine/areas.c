/* Areas: named sets of subjects. Members by division are decided on the digits; members named one by one lie in one
 * open hash set for all areas, 16 bytes a slot, four slots a cache line, at most half full: a lookup is one cache miss
 * and seldom two, and an area that names nobody costs none. */
#include "engine/areas.h"

#include "base/check.h"
#include "base/division.h"
#include "engine/credit.h"

#include <string.h>
#include <xxhash.h>

typedef struct slot {
    subject_id subject;
    uint16_t area; /* 0: empty */
    uint16_t zero;
} slot;
static_assert(sizeof(slot) == 16, "four slots a cache line");

struct area_subjects {
    uint64_t mask; /* slots - 1 */
    uint64_t room; /* members that may still be added */
    slot slots[];
};

static size_t slots_for(size_t members) {
    size_t slots = 4;
    while (slots < 2 * members) slots *= 2;
    return slots;
}

size_t area_subjects_bytes(size_t members) { return sizeof(area_subjects) + slots_for(members) * sizeof(slot); }

area_subjects *area_subjects_init(void *memory, size_t members) {
    area_subjects *set = memory;
    set->mask = slots_for(members) - 1;
    set->room = members;
    return set;
}

/* The slot of a member, or the empty one where it would be. */
static size_t find(const area_subjects *set, uint16_t area, const subject_id *subject) {
    size_t at = XXH3_64bits_withSeed(subject, sizeof *subject, area) & set->mask;
    for (; set->slots[at].area; at = (at + 1) & set->mask)
        if (set->slots[at].area == area && subject_equal(&set->slots[at].subject, subject)) break;
    return at;
}

bool area_subjects_add(area_subjects *set, uint16_t area, const subject_id *subject) {
    CHECK(area != 0);
    size_t at = find(set, area, subject);
    if (set->slots[at].area) return false;
    CHECK(set->room > 0);
    set->room--;
    set->slots[at] = (slot){.subject = *subject, .area = area};
    return true;
}

bool area_subjects_has(const area_subjects *set, uint16_t area, const subject_id *subject) {
    return set->slots[find(set, area, subject)].area != 0;
}

/* ------------------------------------------------------------------ rules */

const credit_area *credit_area_find(const credit_rules *r, const char *id) {
    for (unsigned i = 0; i < r->area_count; i++)
        if (strcmp(r->areas[i].id, id) == 0) return &r->areas[i];
    return NULL;
}

bool credit_in_area(const credit_rules *r, const credit_area *area, const profile *p) {
    for (unsigned i = 0; i < area->division_count; i++)
        if (division_covers(area->divisions[i], p->division)) return true;
    return area->subject_count > 0 && area_subjects_has(r->area_subjects, area->code, &p->id);
}
