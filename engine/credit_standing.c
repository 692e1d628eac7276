/* How records, commitments and listings stand: each is put together once from its own item and those that name it, as
 * spans of days, and asking about a day is comparing numbers.
 *
 * A dossier is taken apart in one pass (items that name others are chained to them), so the cost is linear in its
 * items; only listings are compared with each record that might end them. */
#include "engine/credit_internal.h"

#include "base/check.h"

#include <string.h>

static int32_t min_day(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t max_day(int32_t a, int32_t b) { return a > b ? a : b; }

/* ------------------------------------------------------------------ links */

static bool names_another(const item *i) {
    const unsigned kinds = 1u << ITEM_REPAIR | 1u << ITEM_REVOKE | 1u << ITEM_SERVICE_REVERSE |
                           1u << ITEM_COMMITMENT_STEP | 1u << ITEM_DELISTING;
    return i->kind < ITEM_KIND_END && (kinds >> i->kind & 1);
}

void dossier_link(const credit_rules *r, const dossier *d, dossier_links *out) {
    CHECK(d->count <= LIMIT_DOSSIER_ITEMS);
    out->rules = r;
    out->dossier = d;
    out->count = d->count;
    out->person = subject_kind_of(&d->subject) == SUBJECT_PERSON;
    memset(out->first, 0xFF, d->count * sizeof *out->first);
    for (uint32_t i = d->count; i-- > 0;) {
        const item *it = &d->items[i];
        if (!names_another(it) || it->value >= i) continue;
        out->next[i] = out->first[it->value];
        out->first[it->value] = (uint16_t)i;
    }
}

#define EACH_LINK(k, number, i) (uint16_t i = (k)->first[number]; i != NO_ITEM; i = (k)->next[i])

/* The first day on which it is repaired. */
static int32_t repair_day(const dossier_links *k, uint32_t number) {
    int32_t day = DAY_NEVER;
    for
        EACH_LINK(k, number, i)
    if (k->dossier->items[i].kind == ITEM_REPAIR) day = min_day(day, k->dossier->items[i].day);
    return day;
}

bool dossier_linked(const dossier_links *k, uint32_t number, unsigned kind) {
    for
        EACH_LINK(k, number, i)
    if (k->dossier->items[i].kind == kind) return true;
    return false;
}

/* ------------------------------------------------------------------ records */

static int32_t end_of(const credit_rules *r, int32_t day, period p) {
    return p.unit == PERIOD_NONE ? DAY_NEVER : credit_period_end(r, day, p);
}

static void make_span(const dossier_links *k, const record_type *type, int32_t from, int32_t over, record_span *out) {
    const credit_rules *r = k->rules;
    bool forgotten = k->person && type->class != CLASS_MERIT;
    *out = (record_span){.type = type, .from = from, .over = over};
    out->kept_to = forgotten ? end_of(r, from, r->personal_kept) : DAY_NEVER;
    out->to = min_day(end_of(r, from, type->publicity_max), out->kept_to);
    out->points_to = min_day(end_of(r, from, type->observation), out->to);
}

bool record_span_of(const dossier_links *k, uint32_t number, record_span *out) {
    const item *it = &k->dossier->items[number];
    if (it->kind != ITEM_RECORD || dossier_linked(k, number, ITEM_REVOKE)) return false;
    const record_type *type = credit_record_type(k->rules, it->type);
    if (type) make_span(k, type, it->day, repair_day(k, number), out);
    return type != NULL;
}

/* Linear: points × what is left of the time, rounded half up; whole otherwise. */
uint16_t record_span_points(const record_span *s, int32_t day, int32_t *change) {
    *change = s->points_to;
    if (!s->type->linear || s->points_to == DAY_NEVER) return s->type->points;
    int64_t length = s->points_to - s->from, left = s->points_to - day, twice = 2 * (int64_t)s->type->points;
    if (length <= 0) return 0;
    int64_t points = (twice * left + length) / (2 * length);
    /* the most days that may be left for fewer points: twice × left + length < 2 × length × points */
    if (points > 0) *change = (int32_t)(s->points_to - ((length * (2 * points - 1) + twice - 1) / twice - 1));
    return (uint16_t)points;
}

int32_t record_span_effect_end(const credit_rules *r, const record_span *s, unsigned effect) {
    period own = s->type->effect_length[effect];
    int32_t end = own.unit == PERIOD_NONE ? s->to : min_day(credit_period_end(r, s->from, own), s->kept_to);
    return min_day(end, s->over);
}

static uint16_t as_day(int32_t day) { return day == DAY_NEVER ? 0 : (uint16_t)max_day(day, 0); }

static void stand(const credit_rules *r, const record_span *s, int32_t day, record_standing *out) {
    int32_t change;
    out->end = as_day(s->to);
    out->repairable_from = s->type ? as_day(credit_period_end(r, s->from, s->type->publicity_min)) : as_day(s->from);
    out->repaired = day >= s->over && s->over != DAY_NEVER;
    out->active = day >= s->from && day < s->to && day < s->over;
    if (!s->type || day < s->from || out->repaired) return;
    if (out->active && day < s->points_to) out->points = record_span_points(s, day, &change);
    for (unsigned e = 0; e < EFFECT_COUNT; e++)
        if ((s->type->effects >> e & 1) && day < record_span_effect_end(r, s, e)) out->effects |= (uint16_t)(1u << e);
}

void credit_record_standing(const credit_rules *r, const dossier *d, uint32_t number, int32_t day,
                            record_standing *out) {
    dossier_links k;
    record_span s;
    *out = (record_standing){0};
    CHECK(number < d->count);
    dossier_link(r, d, &k);
    if (d->items[number].kind == ITEM_COMMITMENT) {
        commitment_line line;
        commitment_line_of(&k, number, &line);
        if (breach_span_of(&k, &line, &s)) stand(r, &s, day, out);
        return;
    }
    out->revoked = dossier_linked(&k, number, ITEM_REVOKE);
    if (record_span_of(&k, number, &s)) stand(r, &s, day, out);
}

/* ------------------------------------------------------------------ service */

service_state credit_service_state(const credit_rules *r, const dossier *d, uint32_t number, int32_t day) {
    dossier_links k;
    record_span s;
    CHECK(number < d->count);
    dossier_link(r, d, &k);
    if (dossier_linked(&k, number, ITEM_SERVICE_REVERSE)) return SERVICE_REVERSED;
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->items[i].kind != ITEM_RECORD || !record_span_of(&k, i, &s) || day < s.from) continue;
        if ((s.type->effects >> EFFECT_SERVICE_VOID & 1) != 0 && d->items[number].day < s.from) return SERVICE_VOID;
    }
    return SERVICE_COUNTED;
}

/* ------------------------------------------------------------------ commitments */

/* One step, taken at `when`. False: the line has ended. */
static bool take_step(commitment_line *line, const item *step, uint16_t number, int32_t when) {
    bool open = line->accepted != DAY_NEVER;
    int32_t deadline = line->extended != DAY_NEVER ? line->deadline_extended : line->deadline;
    if (open && deadline && when > deadline) return false;
    switch ((commitment_state)step->step) {
    case COMMITMENT_ACCEPTED:
        if (open) break;
        line->accepted = when;
        line->deadline = step->until;
        break;
    case COMMITMENT_EXTENDED:
        if (!open || line->extended != DAY_NEVER) break;
        line->extended = when;
        line->deadline_extended = step->until ? step->until : deadline;
        break;
    case COMMITMENT_FULFILLED:
    case COMMITMENT_BREACHED:
        if (!open) break;
        line->end = when;
        line->state = step->step;
        line->breach_item = number;
        return false;
    case COMMITMENT_WITHDRAWN:
        line->end = when;
        line->state = step->step;
        return false;
    case COMMITMENT_DRAFTED: break;
    }
    return true;
}

void commitment_line_of(const dossier_links *k, uint32_t number, commitment_line *out) {
    const item *items = k->dossier->items;
    *out = (commitment_line){.drafted = items[number].day,
                             .accepted = DAY_NEVER,
                             .extended = DAY_NEVER,
                             .end = DAY_NEVER,
                             .repaired = DAY_NEVER,
                             .breach_item = number};
    int32_t when = out->drafted;
    for
        EACH_LINK(k, number, i) {
            if (items[i].kind != ITEM_COMMITMENT_STEP) continue;
            when = max_day(when, items[i].day);
            if (!take_step(out, &items[i], i, when)) break;
        }
    int32_t deadline = out->extended != DAY_NEVER ? out->deadline_extended : out->deadline;
    if (out->end == DAY_NEVER && out->accepted != DAY_NEVER && deadline) {
        out->end = max_day(deadline + 1, out->extended != DAY_NEVER ? out->extended : out->accepted);
        out->state = COMMITMENT_BREACHED;
        out->overdue = true;
    }
    if (out->state == COMMITMENT_BREACHED) out->repaired = repair_day(k, number);
}

bool breach_span_of(const dossier_links *k, const commitment_line *line, record_span *out) {
    if (line->state != COMMITMENT_BREACHED) return false;
    const record_type *type = k->rules->breach_type ? credit_record_type(k->rules, k->rules->breach_type) : NULL;
    if (type)
        make_span(k, type, line->end, line->repaired, out);
    else
        *out = (record_span){.from = line->end, .to = DAY_NEVER, .over = line->repaired, .kept_to = DAY_NEVER};
    return true;
}

void credit_commitment_standing(const credit_rules *r, const dossier *d, uint32_t number, int32_t day,
                                commitment_standing *out) {
    dossier_links k;
    commitment_line line;
    CHECK(number < d->count);
    *out = (commitment_standing){.state = COMMITMENT_DRAFTED};
    if (d->items[number].kind != ITEM_COMMITMENT) return;
    dossier_link(r, d, &k);
    commitment_line_of(&k, number, &line);
    if (day >= line.accepted) {
        out->state = COMMITMENT_ACCEPTED;
        out->accepted = as_day(line.accepted);
        out->deadline = as_day(line.deadline);
    }
    if (day >= line.extended) {
        out->state = COMMITMENT_EXTENDED;
        out->extended = true;
        out->deadline = as_day(line.deadline_extended);
    }
    if (day < line.end) return;
    out->state = line.state;
    if (line.state != COMMITMENT_BREACHED) return;
    out->overdue = line.overdue;
    out->breached = as_day(line.end);
    out->repaired = line.repaired != DAY_NEVER && day >= line.repaired;
}

/* ------------------------------------------------------------------ listings */

static void add_removal(dossier_listings *all, const record_span *s, uint32_t number, uint32_t reported, bool breach) {
    removal *m = &all->removals[all->removal_count++];
    *m = (removal){.day = (uint16_t)s->from, .number = (uint16_t)number, .reported = (uint16_t)reported};
    m->breach = breach;
    if (!s->type) return;
    m->classes = (uint8_t)(1u << s->type->class);
    m->effect = s->type->effects >> EFFECT_RED_LIST_REMOVED & 1;
}

static void find_removals(const dossier_links *k, dossier_listings *all) {
    for (uint32_t i = 0; i < k->count; i++) {
        record_span s;
        if (k->dossier->items[i].kind == ITEM_RECORD && record_span_of(k, i, &s)) add_removal(all, &s, i, i, false);
        if (k->dossier->items[i].kind != ITEM_COMMITMENT) continue;
        commitment_line line;
        commitment_line_of(k, i, &line);
        if (breach_span_of(k, &line, &s) && s.from < UINT16_MAX) add_removal(all, &s, i, line.breach_item, true);
    }
}

static void cut(listing_span *s, int32_t day, uint8_t cause, uint16_t remover) {
    day = max_day(day, s->from);
    if (day >= s->to) return;
    s->to = day;
    s->cause = cause;
    s->remover = remover;
}

/* By records and breaches: of its time, or of before but reported later. */
static void cut_by_removals(const dossier_listings *all, listing_span *s) {
    const credit_list *list = s->list;
    if (!list->removed_by_classes && !list->removed_by_effect && !list->removed_by_breach) return;
    for (unsigned i = 0; i < all->removal_count && s->to > s->from; i++) {
        const removal *m = &all->removals[i];
        if (m->day < s->from && m->reported < s->number) continue;
        if ((m->classes & list->removed_by_classes) || (m->effect && list->removed_by_effect) ||
            (m->breach && list->removed_by_breach))
            cut(s, m->day, m->breach ? REMOVED_BREACH : REMOVED_RECORD, m->number);
    }
}

/* Lists do not exclude each other in circles (checked when they are loaded), so this ends. */
static void complete(const dossier_links *k, dossier_listings *all, listing_span *s) {
    if (s->known) return;
    s->known = true;
    for
        EACH_LINK(k, s->number, i)
    if (k->dossier->items[i].kind == ITEM_DELISTING) cut(s, k->dossier->items[i].day, REMOVED_DELISTED, i);
    if (!s->list) return;
    cut_by_removals(all, s);
    for (unsigned i = 0; s->list->excluded_by && i < all->count; i++) {
        listing_span *other = &all->items[i];
        if (!other->list || other->list->code != s->list->excluded_by) continue;
        complete(k, all, other);
        if (other->to > s->from && other->to > other->from) cut(s, other->from, REMOVED_LIST, other->number);
    }
}

void dossier_list_all(const dossier_links *k, dossier_listings *out) {
    out->count = out->removal_count = 0;
    for (uint32_t i = 0; i < k->count; i++) {
        const item *it = &k->dossier->items[i];
        if (it->kind != ITEM_LISTING) continue;
        listing_span *s = &out->items[out->count++];
        *s = (listing_span){.from = it->day, .number = (uint16_t)i, .list = credit_list_of(k->rules, it->type)};
        s->to = it->until ? it->until : (s->list ? end_of(k->rules, it->day, s->list->valid) : DAY_NEVER);
    }
    if (out->count == 0) return;
    find_removals(k, out);
    for (unsigned i = 0; i < out->count; i++) complete(k, out, &out->items[i]);
}

uint32_t credit_lists_hold(const credit_rules *r, uint32_t claimed, uint32_t listed) {
    uint32_t wanted = claimed | listed, hold = 0;
    if (!wanted) return 0;
    /* each pass settles at least those whose excluding list is settled */
    for (unsigned pass = 0; pass < r->list_count; pass++) {
        uint32_t now = 0;
        for (unsigned i = 0; i < r->list_count; i++) {
            if (!(wanted >> i & 1)) continue;
            const credit_list *over = r->lists[i].excluded_by ? credit_list_of(r, r->lists[i].excluded_by) : NULL;
            if (!over || !(hold >> (over - r->lists) & 1)) now |= 1u << i;
        }
        if (pass > 0 && now == hold) break;
        hold = now;
    }
    return hold;
}

/* A claim of another list suspends a listing for as long as it is claimed: the flags of that day, derived once for all
 * listings that ask. */
typedef struct suspension {
    bool known;
    uint32_t flags;
} suspension;

static bool is_suspended(const dossier_links *k, const listing_span *s, int32_t day, suspension *by) {
    const credit_list *over = s->list && s->list->excluded_by ? credit_list_of(k->rules, s->list->excluded_by) : NULL;
    if (!over) return false;
    if (!by->known) {
        profile p, empty;
        profile_init(&empty, &k->dossier->subject);
        credit_derive(k->rules, k->dossier, &empty, day, &p);
        *by = (suspension){.known = true, .flags = p.flags};
    }
    return by->flags & over->flag;
}

static listing_standing listing_stands(const dossier_links *k, const listing_span *s, int32_t day, suspension *by) {
    listing_standing out = {.until = as_day(s->to), .active = day >= s->from && day < s->to};
    if (day >= s->to) out.removed_by = s->cause;
    if (!out.active || !is_suspended(k, s, day, by)) return out;
    out.active = false;
    out.removed_by = REMOVED_LIST;
    return out;
}

void credit_listing_standing(const credit_rules *r, const dossier *d, uint32_t number, int32_t day,
                             listing_standing *out) {
    dossier_links k;
    dossier_listings all;
    suspension by = {0};
    *out = (listing_standing){0};
    CHECK(number < d->count);
    if (d->items[number].kind != ITEM_LISTING) return;
    dossier_link(r, d, &k);
    dossier_list_all(&k, &all);
    const listing_span *s = all.items;
    while (s->number != number) s++;
    *out = listing_stands(&k, s, day, &by);
}

unsigned credit_listing_standings(const credit_rules *r, const dossier *d, int32_t day,
                                  uint16_t numbers[LIMIT_DOSSIER_ITEMS], listing_standing out[LIMIT_DOSSIER_ITEMS]) {
    dossier_links k;
    dossier_listings all;
    suspension by = {0};
    dossier_link(r, d, &k);
    dossier_list_all(&k, &all);
    for (unsigned i = 0; i < all.count; i++) {
        numbers[i] = all.items[i].number;
        out[i] = listing_stands(&k, &all.items[i], day, &by);
    }
    return all.count;
}
