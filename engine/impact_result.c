/* What an impact found. The spaces of all threads are added to the first one, once; everything else reads from it. */
#include "base/check.h"
#include "engine/impact_internal.h"

#include <stdlib.h>
#include <string.h>

#define NO_GROUP UINT32_MAX
#define PROVINCE 53u

const char *impact_dimension_name(unsigned dimension) {
    static const char *const NAMES[IMPACT_DIMENSIONS] = {"kind", "grade", "division", "sector"};
    return dimension < IMPACT_DIMENSIONS ? NAMES[dimension] : NULL;
}

/* ------------------------------------------------------------------ adding up */

/* All of these are arrays of plain sums. */
static void add_words(uint64_t *to, const uint64_t *from, size_t n) {
    for (size_t k = 0; k < n; k++) to[k] += from[k];
}

static void add_cells(impact_cell *to, const impact_cell *from, size_t n) {
    for (size_t k = 0; k < n; k++) {
        to[k].before_fen += from[k].before_fen;
        to[k].after_fen += from[k].after_fen;
        add_words(to[k].moves, from[k].moves, 16);
        to[k].gained += from[k].gained;
        to[k].lost += from[k].lost;
        to[k].held += from[k].held;
        to[k].holds += from[k].holds;
    }
}

static void add_shares(impact_share *to, const impact_share *from, size_t n) {
    for (size_t k = 0; k < n; k++) {
        to[k].gained += from[k].gained;
        to[k].lost += from[k].lost;
        to[k].held += from[k].held;
    }
}

static void add_pledges(impact_pledge *to, const impact_pledge *from, size_t n) {
    for (size_t k = 0; k < n; k++) {
        to[k].accounts += from[k].accounts;
        for (unsigned w = 0; w < 2; w++) {
            to[k].required_fen[w] += from[k].required_fen[w];
            to[k].limit_fen[w] += from[k].limit_fen[w];
            to[k].available_fen[w] += from[k].available_fen[w];
            to[k].covered[w] += from[k].covered[w];
            to[k].exempt[w] += from[k].exempt[w];
            to[k].suspended[w] += from[k].suspended[w];
            to[k].lacking[w] += from[k].lacking[w];
        }
    }
}

/* By hash: the order in which threads came does not show. */
static void sort_box(impact_box *box) {
    for (uint32_t n = 1; n < box->count; n++) {
        uint64_t hash = box->hash[n];
        impact_sample what = box->item[n];
        uint32_t at = n;
        for (; at > 0 && box->hash[at - 1] > hash; at--) {
            box->hash[at] = box->hash[at - 1];
            box->item[at] = box->item[at - 1];
        }
        box->hash[at] = hash;
        box->item[at] = what;
    }
}

void impact_add_up(impact *i) {
    impact_space *sum = i->spaces[0];
    for (unsigned n = 1; n < i->space_count; n++) {
        const impact_space *s = i->spaces[n];
        add_words(sum->population, s->population, IMPACT_GROUPS);
        sum->subjects += s->subjects;
        sum->up += s->up;
        sum->down += s->down;
        sum->newer += s->newer;
        add_cells(sum->cells, s->cells, i->cells);
        add_shares(sum->shares, s->shares, i->shares);
        add_pledges(sum->pledges, s->pledges, (size_t)i->program_count * IMPACT_GROUPS);
    }
    CHECK(i->parts == 0 || sum->subjects == i->population);
    for (unsigned r = 0; r < i->run_count; r++)
        for (size_t b = 0; i->runs[r].boxes != NULL && b < (size_t)i->runs[r].benefits * 2; b++)
            sort_box(&i->runs[r].boxes[b]);
    i->sum = sum;
}

/* ------------------------------------------------------------------ groups */

typedef struct span {
    unsigned first, count;
} span;

static const span SPANS[IMPACT_DIMENSIONS] = {[IMPACT_FORM] = {IMPACT_AT_FORM, IMPACT_FORMS},
                                              [IMPACT_GRADE] = {IMPACT_AT_GRADE, IMPACT_GRADES},
                                              [IMPACT_DIVISION] = {IMPACT_AT_DIVISION, IMPACT_PLACES},
                                              [IMPACT_SECTOR] = {IMPACT_AT_SECTOR, IMPACT_LETTERS}};

/* The places that make up a group: one, or all forms for the total. */
static span span_of(unsigned dimension, unsigned group) {
    const span none = {0, 0};
    if (dimension == IMPACT_DIMENSIONS) return group == 0 ? SPANS[IMPACT_FORM] : none;
    if (dimension > IMPACT_DIMENSIONS) return none;
    unsigned place = group;
    if (dimension == IMPACT_DIVISION) {
        if (group >= 10000) return none;
        place = group % 100 == 0 ? group / 100 : group / 100 == PROVINCE ? 100 + group % 100 : IMPACT_PLACES;
    }
    return place < SPANS[dimension].count ? (span){SPANS[dimension].first + place, 1} : none;
}

/* The n-th of all groups of a dimension, ascending. */
static uint32_t nth_group(unsigned dimension, unsigned n) {
    if (dimension != IMPACT_DIVISION) return n;
    if (n <= PROVINCE) return n * 100;
    if (n <= PROVINCE + 99) return PROVINCE * 100 + n - PROVINCE;
    return (n - 99) * 100;
}

uint64_t impact_population(const impact *i, unsigned dimension, unsigned group) {
    span at = span_of(dimension, group);
    uint64_t sum = 0;
    for (unsigned k = 0; i->sum != NULL && k < at.count; k++) sum += i->sum->population[at.first + k];
    return sum;
}

uint32_t impact_group(const impact *i, unsigned dimension, unsigned n) {
    if (dimension >= IMPACT_DIMENSIONS) return NO_GROUP;
    unsigned all = dimension == IMPACT_DIVISION ? IMPACT_PLACES - 1 : SPANS[dimension].count;
    for (unsigned k = 0; k < all; k++) {
        uint32_t group = nth_group(dimension, k);
        if (impact_population(i, dimension, group) != 0 && n-- == 0) return group;
    }
    return NO_GROUP;
}

/* ------------------------------------------------------------------ reading */

void impact_get_totals(const impact *i, impact_totals *out) {
    *out = (impact_totals){
        .outcome = i->outcome != STATUS_OK || impact_done(i) ? i->outcome : STATUS_UNAVAILABLE,
        .subjects = i->population,
        .seconds = i->seconds,
        .derived_again = i->derive_again,
        .before_version = policy_version(i->active),
        .after_version = policy_version(i->candidate),
    };
    if (i->sum == NULL) return;
    out->composite_up = i->sum->up;
    out->composite_down = i->sum->down;
    out->newer = i->sum->newer;
}

unsigned impact_scenario(const impact *i, unsigned n) { return n < i->run_count ? i->runs[n].scenario : 0; }

unsigned impact_program(const impact *i, unsigned n) { return n < i->program_count ? i->programs[n] : 0; }

static const impact_run *run_of(const impact *i, unsigned scenario) {
    for (unsigned r = 0; r < i->run_count; r++)
        if (i->runs[r].scenario == scenario) return &i->runs[r];
    return NULL;
}

static int64_t saturated(impact_sum sum) {
    return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

static void tell_any(const impact_cell *c, impact_counts *out) {
    for (unsigned m = 0; m < 16; m++) out->outcome_from_to[m / 4][m % 4] = c->moves[m];
    out->gained = c->gained;
    out->lost = c->lost;
    out->before = c->held;
    out->after = c->holds;
    out->amount_before_fen = saturated(c->before_fen);
    out->amount_after_fen = saturated(c->after_fen);
}

void impact_get(const impact *i, unsigned scenario, unsigned benefit, unsigned dimension, unsigned group,
                impact_counts *out) {
    *out = (impact_counts){0};
    const impact_run *r = run_of(i, scenario);
    span at = span_of(dimension, group);
    bool known = benefit == IMPACT_ANY || (r != NULL && benefit < IMPACT_ANY && (r->known >> benefit & 1));
    if (i->sum == NULL || r == NULL || !known) return;
    impact_cell cell = {0};
    impact_share share = {0};
    for (unsigned k = at.first; k < at.first + at.count; k++) {
        add_cells(&cell, &i->sum->cells[r->first_cell + k], 1);
        if (benefit == IMPACT_ANY) continue;
        add_shares(&share, &i->sum->shares[r->first_share + k * (size_t)r->benefits + r->place[benefit]], 1);
    }
    for (unsigned m = 0; m < 16; m++) out->subjects += cell.moves[m];
    if (benefit == IMPACT_ANY) {
        tell_any(&cell, out);
        return;
    }
    out->gained = share.gained;
    out->lost = share.lost;
    out->before = share.held;
    out->after = share.held + share.gained - share.lost;
}

size_t impact_samples(const impact *i, unsigned scenario, unsigned benefit, bool gained, const impact_sample **out) {
    const impact_run *r = run_of(i, scenario);
    *out = NULL;
    if (i->sum == NULL || r == NULL || r->boxes == NULL || benefit >= LIMIT_BENEFITS) return 0;
    if (!(r->known >> benefit & 1)) return 0;
    const impact_box *box = &r->boxes[r->place[benefit] * 2u + !gained];
    *out = box->item;
    return box->count;
}

void impact_get_guarantee(const impact *i, unsigned program, unsigned dimension, unsigned group,
                          impact_guarantee *out) {
    *out = (impact_guarantee){0};
    span at = span_of(dimension, group);
    impact_pledge g = {0};
    for (unsigned place = 0; i->sum != NULL && place < i->program_count; place++)
        if (i->programs[place] == program)
            for (unsigned k = at.first; k < at.first + at.count; k++)
                add_pledges(&g, &i->sum->pledges[place * (size_t)IMPACT_GROUPS + k], 1);
    out->accounts = g.accounts;
    out->covered_before = g.covered[0];
    out->covered_after = g.covered[1];
    out->exempt_before = g.exempt[0];
    out->exempt_after = g.exempt[1];
    out->suspended_before = g.suspended[0];
    out->suspended_after = g.suspended[1];
    out->short_before = g.lacking[0];
    out->short_after = g.lacking[1];
    out->required_before_fen = saturated(g.required_fen[0]);
    out->required_after_fen = saturated(g.required_fen[1]);
    out->limit_before_fen = saturated(g.limit_fen[0]);
    out->limit_after_fen = saturated(g.limit_fen[1]);
    out->available_before_fen = saturated(g.available_fen[0]);
    out->available_after_fen = saturated(g.available_fen[1]);
}
