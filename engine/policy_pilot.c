/* Pilots: does a row exist for a subject on a day, and can two pilots ever meet? Divisions and sectors are ranges of
 * codes, in order, so both questions walk short lists; areas cost a look into a hash set each. Asked only of tables
 * that have pilots, once for each different pilot. */
#include "engine/credit.h"
#include "engine/policy_model.h"

#include <string.h>

static bool in_spans(const policy_span *spans, unsigned count, uint32_t value) {
    for (unsigned i = 0; i < count && spans[i].low <= value; i++)
        if (value <= spans[i].high) return true;
    return false;
}

static bool in_areas(const policy_pilot *pilot, const profile *p, int32_t day) {
    for (unsigned i = 0; i < pilot->area_count; i++) {
        const credit_area *area = pilot->areas[i];
        if (day >= area->from_day && day < area->to_day && credit_in_area(pilot->rules, area, p)) return true;
    }
    return false;
}

bool policy_pilot_kind_holds(const policy_pilot *pilot, unsigned kind, const profile *p, int32_t day) {
    switch (kind) {
    case PILOT_PERIOD: return day >= pilot->from_day && day < pilot->to_day;
    case PILOT_DIVISIONS:
        return pilot->division_count == 0 || in_spans(pilot->divisions, pilot->division_count, p->division);
    case PILOT_SECTORS: return pilot->sector_count == 0 || in_spans(pilot->sectors, pilot->sector_count, p->sector);
    default: return pilot->area_count == 0 || in_areas(pilot, p, day);
    }
}

/* The cheap kinds first. */
bool policy_pilot_holds(const policy_pilot *pilot, const profile *p, int32_t day) {
    return policy_pilot_kind_holds(pilot, PILOT_PERIOD, p, day) &&
           policy_pilot_kind_holds(pilot, PILOT_DIVISIONS, p, day) &&
           policy_pilot_kind_holds(pilot, PILOT_SECTORS, p, day) && policy_pilot_kind_holds(pilot, PILOT_AREAS, p, day);
}

static bool spans_apart(const policy_span *a, unsigned n, const policy_span *b, unsigned m) {
    if (n == 0 || m == 0) return false;
    for (unsigned i = 0, j = 0; i < n && j < m;) {
        if (a[i].high < b[j].low)
            i++;
        else if (b[j].high < a[i].low)
            j++;
        else
            return false;
    }
    return true;
}

/* The days on which one of the areas is in effect lie within these. */
static void area_period(const policy_pilot *p, int32_t *from, int32_t *to) {
    *from = p->from_day;
    *to = p->to_day;
    if (p->area_count == 0) return;
    int32_t first = INT32_MAX, last = INT32_MIN;
    for (unsigned i = 0; i < p->area_count; i++) {
        if (p->areas[i]->from_day < first) first = p->areas[i]->from_day;
        if (p->areas[i]->to_day > last) last = p->areas[i]->to_day;
    }
    if (first > *from) *from = first;
    if (last < *to) *to = last;
}

/* Different areas may share subjects, so areas count with their periods only. */
bool policy_pilot_apart(const policy_pilot *a, const policy_pilot *b) {
    int32_t a_from, a_to, b_from, b_to;
    area_period(a, &a_from, &a_to);
    area_period(b, &b_from, &b_to);
    return a_from >= a_to || b_from >= b_to || a_from >= b_to || b_from >= a_to ||
           spans_apart(a->divisions, a->division_count, b->divisions, b->division_count) ||
           spans_apart(a->sectors, a->sector_count, b->sectors, b->sector_count);
}

static bool same_spans(const policy_span *a, unsigned n, const policy_span *b, unsigned m) {
    return n == m && (n == 0 || memcmp(a, b, n * sizeof *a) == 0);
}

/* The same areas written in another order count as different: then the rows merely do not share a restriction. */
bool policy_pilot_same(const policy_pilot *a, const policy_pilot *b) {
    return a->from_day == b->from_day && a->to_day == b->to_day && a->area_count == b->area_count &&
           (a->area_count == 0 || memcmp(a->areas, b->areas, a->area_count * sizeof(credit_area *)) == 0) &&
           same_spans(a->divisions, a->division_count, b->divisions, b->division_count) &&
           same_spans(a->sectors, a->sector_count, b->sectors, b->sector_count);
}
