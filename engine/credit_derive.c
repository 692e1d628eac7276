/* The profile of a day: the claims that win, and what records, commitments, service and listings add.
 *
 * All that depends on the dossier alone is worked out first: the winning claims, and pieces with a beginning and an end
 * (credit_internal.h). A day is then one pass over the pieces, which adds them up and notes the next day on which one
 * of them begins, ends or rounds to other points. That day may change nothing that shows (another record holds the same
 * flag); so the next change is looked for by deriving at such days until something differs.
 *
 * Cost: a copy of the profile without a dossier; a fraction of a microsecond with one of ten items, twice the pass. */
#include "engine/credit_internal.h"

#include "engine/evaluation.h"
#include "engine/policy_model.h"

#include <string.h>

/* Days without any difference that the next change is looked for before one is taken as it is: then a profile may be
 * looked at once too often, but never too late. Of a long dossier fewer, so that the work is bounded: points that have
 * reached their maximum do not change for a long time. */
#define PROBES_MAX 256
#define PROBES_LEAST 4
#define PROBED_PIECES (1u << 15)

/* ------------------------------------------------------------------ claims */

#define FIELD_BIT(name) (UINT64_C(1) << FIELD_##name)

static unsigned priority_of(const credit_rules *r, unsigned number, unsigned field) {
    const credit_source *s = credit_source_of(r, number);
    if (!s) return !r->sources_given; /* what was accepted before the rules changed gives way to those listed */
    return s->fields >> field & 1 ? s->priority[field] : 0;
}

static bool later(const item *a, const item *b) { return a->day > b->day || (a->day == b->day && a > b); }

/* A claim with the fields of which its source has said nothing later. */
typedef struct live_claim {
    uint64_t mask;
    const item *item;
} live_claim;

static void take_what_is_later(live_claim *claim, const live_claim *other) {
    if (other->item->source == claim->item->source && later(other->item, claim->item))
        claim->mask &= ~other->item->claim.mask;
}

#define CLAIMS_IN_PAIRS 32u
#define CHAINS 256u

static unsigned find_claims(const dossier *d, live_claim out[LIMIT_DOSSIER_ITEMS]) {
    const uint64_t writable = profile_writable_mask();
    unsigned n = 0;
    for (uint32_t i = 0; i < d->count; i++)
        if (d->items[i].kind == ITEM_CLAIM)
            out[n++] = (live_claim){.mask = d->items[i].claim.mask & writable, .item = &d->items[i]};
    if (n <= CLAIMS_IN_PAIRS) {
        for (unsigned i = 0; i < n; i++)
            for (unsigned j = 0; j < n; j++) take_what_is_later(&out[i], &out[j]);
        return n;
    }
    /* a source holds few claims: those that share a chain are compared */
    uint16_t first[CHAINS], next[LIMIT_DOSSIER_ITEMS];
    memset(first, 0xFF, sizeof first);
    for (unsigned i = 0; i < n; i++) {
        uint16_t *chain = &first[out[i].item->source % CHAINS];
        next[i] = *chain;
        *chain = (uint16_t)i;
    }
    for (unsigned i = 0; i < n; i++)
        for (uint16_t j = first[out[i].item->source % CHAINS]; j != NO_ITEM; j = next[j])
            take_what_is_later(&out[i], &out[j]);
    return n;
}

/* A missing value says that the source has nothing to say, so another's counts. */
static bool says_nothing(const item *claim, unsigned field) {
    const profile_field *f = profile_field_at(field);
    profile p;
    if (!f->has_missing) return false;
    claim_to_profile(claim, &p);
    return profile_get(&p, f) == PROFILE_MISSING;
}

static const item *best_claim(const credit_rules *r, const live_claim *claims, unsigned n, unsigned field) {
    const item *best = NULL;
    unsigned highest = 0;
    for (unsigned i = 0; i < n; i++) {
        const item *it = claims[i].item;
        if (!(claims[i].mask >> field & 1)) continue;
        unsigned priority = priority_of(r, it->source, field);
        if (best && (priority < highest || (priority == highest && !later(it, best)))) continue;
        if (says_nothing(it, field)) continue;
        best = it;
        highest = priority;
    }
    return best;
}

int32_t credit_winner(const credit_rules *r, const dossier *d, unsigned field) {
    live_claim claims[LIMIT_DOSSIER_ITEMS];
    unsigned n = d && field < PROFILE_FIELD_COUNT ? find_claims(d, claims) : 0;
    const item *best = best_claim(r, claims, n, field);
    return best ? (int32_t)(best - d->items) : -1;
}

/* Fields that one source alone claims are taken over together; those that several claim, one by one. */
static void merge_claims(const credit_rules *r, const dossier *d, profile *out) {
    live_claim claims[LIMIT_DOSSIER_ITEMS];
    unsigned n = find_claims(d, claims);
    uint64_t any = 0, several = 0;
    profile p;
    for (unsigned i = 0; i < n; i++) {
        several |= any & claims[i].mask;
        any |= claims[i].mask;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!(claims[i].mask & ~several)) continue;
        claim_to_profile(claims[i].item, &p);
        profile_merge(out, &p, claims[i].mask & ~several);
    }
    for (; several; several &= several - 1) {
        unsigned field = (unsigned)__builtin_ctzll(several);
        const item *best = best_claim(r, claims, n, field);
        if (!best) continue;
        claim_to_profile(best, &p);
        profile_merge(out, &p, several & -several);
    }
    /* the id alone decides who is a natural person */
    if (subject_kind_of(&out->id) == SUBJECT_PERSON)
        out->form = FORM_PERSON;
    else if (out->form == FORM_PERSON)
        out->form = FORM_UNKNOWN;
}

/* ------------------------------------------------------------------ pieces */

typedef enum piece_kind { PIECE_RECORD, PIECE_BREACH, PIECE_OPEN, PIECE_SERVICE, PIECE_LISTING } piece_kind;

typedef struct piece {
    uint8_t kind;
    uint8_t list;     /* of a listing: its place in the rules */
    bool voids;       /* service before a record */
    uint32_t minutes; /* of service */
    record_span span; /* of others `from` and `to` only */
} piece;

typedef struct taken_apart {
    const credit_rules *rules;
    profile claims;
    uint32_t claimed; /* lists, by place, that sources claim */
    unsigned count;
    piece pieces[LIMIT_DOSSIER_ITEMS];
} taken_apart;

static void add_commitment(const dossier_links *k, uint32_t number, taken_apart *t) {
    commitment_line line;
    commitment_line_of(k, number, &line);
    if (line.accepted == DAY_NEVER) return;
    t->pieces[t->count++] = (piece){.kind = PIECE_OPEN, .span = {.from = line.accepted, .to = line.end}};
    piece *p = &t->pieces[t->count];
    p->kind = PIECE_BREACH;
    p->voids = false;
    t->count += breach_span_of(k, &line, &p->span);
}

static void add_listings(const dossier_links *k, taken_apart *t) {
    dossier_listings all;
    dossier_list_all(k, &all);
    for (unsigned i = 0; i < all.count; i++) {
        const listing_span *s = &all.items[i];
        if (!s->list || s->to <= s->from) continue;
        t->pieces[t->count++] = (piece){.kind = PIECE_LISTING,
                                        .list = (uint8_t)(s->list - k->rules->lists),
                                        .span = {.from = s->from, .to = s->to}};
    }
}

/* No item makes more than one piece: a commitment that is accepted has a step besides itself. */
static void take_apart(const credit_rules *r, const dossier *d, const profile *stored, taken_apart *out) {
    dossier_links k;
    bool listings = false;
    out->rules = r;
    out->count = 0;
    profile_init(&out->claims, &stored->id);
    merge_claims(r, d, &out->claims);
    out->claims.seq = stored->seq;
    out->claims.side = stored->side;
    out->claimed = 0;
    for (unsigned i = 0; i < r->list_count; i++)
        if (out->claims.flags & r->lists[i].flag) out->claimed |= 1u << i;
    dossier_link(r, d, &k);
    for (uint32_t i = 0; i < d->count; i++) {
        piece *p = &out->pieces[out->count];
        switch ((item_kind)d->items[i].kind) {
        case ITEM_RECORD:
            if (!record_span_of(&k, i, &p->span)) break;
            p->kind = PIECE_RECORD;
            p->voids = p->span.type->effects >> EFFECT_SERVICE_VOID & 1;
            out->count++;
            break;
        case ITEM_SERVICE:
            if (dossier_linked(&k, i, ITEM_SERVICE_REVERSE)) break;
            *p = (piece){.kind = PIECE_SERVICE, .minutes = d->items[i].value, .span = {.from = d->items[i].day}};
            out->count++;
            break;
        case ITEM_COMMITMENT: add_commitment(&k, i, out); break;
        case ITEM_LISTING: listings = true; break;
        default: break;
        }
    }
    if (listings) add_listings(&k, out);
}

/* ------------------------------------------------------------------ a day */

typedef struct day_sums {
    const credit_rules *rules;
    int32_t day, next; /* next: something may be different */
    uint64_t negative, positive, minutes;
    unsigned open, broken;
    uint32_t effects, classes, listed; /* bits; listed by place of the list */
    int32_t void_before;
    uint32_t thresholds[LIMIT_THRESHOLDS]; /* points of each one's domain */
} day_sums;

static void note(day_sums *s, int32_t day) {
    if (day > s->day && day < s->next) s->next = day;
}

/* Rules that were loaded hold each domain once. */
static bool same_domain(const char *a, const char *b) { return a == b || (*a == *b && strcmp(a, b) == 0); }

static void add_points(day_sums *s, const record_type *type, uint16_t points) {
    if (type->class == CLASS_MERIT) {
        s->positive += points;
        return;
    }
    s->negative += points;
    for (unsigned i = 0; i < s->rules->threshold_count; i++) {
        const char *domain = s->rules->thresholds[i].domain;
        if (!domain || (type->domain && same_domain(domain, type->domain))) s->thresholds[i] += points;
    }
}

static void add_record(day_sums *s, const record_span *span) {
    const record_type *type = span->type;
    int32_t end = span->to < span->over ? span->to : span->over;
    note(s, end);
    if (s->day < end) {
        s->classes |= 1u << type->class;
        if (s->day < span->points_to && type->points) {
            int32_t change;
            add_points(s, type, record_span_points(span, s->day, &change));
            note(s, change);
        }
    }
    for (unsigned left = type->effects; left; left &= left - 1) {
        unsigned effect = (unsigned)__builtin_ctz(left);
        int32_t until = record_span_effect_end(s->rules, span, effect);
        note(s, until);
        if (s->day < until) s->effects |= 1u << effect;
    }
}

static void add_piece(day_sums *s, const piece *p) {
    note(s, p->span.from);
    if (s->day < p->span.from) return;
    switch ((piece_kind)p->kind) {
    case PIECE_RECORD:
        add_record(s, &p->span);
        if (p->voids && p->span.from > s->void_before) s->void_before = p->span.from;
        break;
    case PIECE_BREACH: {
        int32_t end = p->span.to < p->span.over ? p->span.to : p->span.over;
        note(s, end);
        s->broken += s->day < end;
        if (p->span.type) add_record(s, &p->span);
        break;
    }
    case PIECE_OPEN:
        note(s, p->span.to);
        s->open += s->day < p->span.to;
        break;
    case PIECE_LISTING:
        note(s, p->span.to);
        if (s->day < p->span.to) s->listed |= 1u << p->list;
        break;
    case PIECE_SERVICE: break; /* when it is known which does not count */
    }
}

static void reach_thresholds(day_sums *s, const profile *claims) {
    for (unsigned i = 0; i < s->rules->threshold_count; i++) {
        const points_threshold *t = &s->rules->thresholds[i];
        if (s->thresholds[i] + (t->domain ? 0u : claims->negative_points) >= t->points) s->effects |= 1u << t->effect;
    }
}

static uint32_t flags_of(uint32_t effects) {
    static const uint32_t FLAGS[EFFECT_COUNT] = {[EFFECT_NO_EXEMPTION] = PROFILE_FLAG_NO_EXEMPTION,
                                                 [EFFECT_GRADED_DOWN] = PROFILE_FLAG_GRADED_DOWN,
                                                 [EFFECT_GAPS_BARRED] = PROFILE_FLAG_GAPS_BARRED,
                                                 [EFFECT_NOTICED] = PROFILE_FLAG_NOTICED,
                                                 [EFFECT_OBSERVED] = PROFILE_FLAG_OBSERVED,
                                                 [EFFECT_SUSPENDED] = PROFILE_FLAG_SUSPENDED,
                                                 [EFFECT_ARREARS] = PROFILE_FLAG_ARREARS,
                                                 [EFFECT_LATE_SETTLEMENT] = PROFILE_FLAG_LATE_SETTLEMENT,
                                                 [EFFECT_VOLUNTEER_BARRED] = PROFILE_FLAG_VOLUNTEER_BARRED};
    uint32_t flags = 0;
    for (; effects; effects &= effects - 1) flags |= FLAGS[__builtin_ctz(effects)];
    return flags;
}

/* What a source claims of a list gives way to a record or a breach that would end a listing, while that is in force. */
static uint32_t unopposed(const day_sums *s, uint32_t claimed) {
    for (unsigned i = 0; i < s->rules->list_count; i++) {
        const credit_list *list = &s->rules->lists[i];
        bool opposed = (s->classes & list->removed_by_classes) || (list->removed_by_breach && s->broken) ||
                       (list->removed_by_effect && (s->effects >> EFFECT_RED_LIST_REMOVED & 1));
        if (opposed) claimed &= ~(1u << i);
    }
    return claimed;
}

static uint32_t flags_of_lists(const credit_rules *r, uint32_t lists) {
    uint32_t flags = 0;
    for (; lists; lists &= lists - 1) flags |= r->lists[__builtin_ctz(lists)].flag;
    return flags;
}

static uint32_t at_most(uint64_t value, uint32_t most) { return value < most ? (uint32_t)value : most; }

/* The profile of a day, but for composite_* and change_day; the next day on which it may be different. */
static int32_t derive_day(const taken_apart *t, int32_t day, profile *out) {
    const credit_rules *r = t->rules;
    day_sums s = {.rules = r, .day = day, .next = DAY_NEVER, .void_before = INT32_MIN};
    for (unsigned i = 0; i < t->count; i++) add_piece(&s, &t->pieces[i]);
    for (unsigned i = 0; i < t->count; i++) {
        const piece *p = &t->pieces[i];
        if (p->kind == PIECE_SERVICE && p->span.from <= day && p->span.from >= s.void_before) s.minutes += p->minutes;
    }
    reach_thresholds(&s, &t->claims);
    *out = t->claims;
    uint32_t lists = credit_lists_hold(r, unopposed(&s, t->claimed), s.listed);
    out->flags &= ~flags_of_lists(r, t->claimed);
    out->flags |= flags_of(s.effects) | flags_of_lists(r, lists);
    out->volunteer_minutes = at_most(out->volunteer_minutes + s.minutes, UINT32_MAX);
    out->negative_points = (uint16_t)at_most(out->negative_points + s.negative, UINT16_MAX);
    out->positive_points = (uint16_t)at_most(out->positive_points + s.positive, UINT16_MAX);
    out->open_commitments = (uint8_t)at_most((uint64_t)out->open_commitments + s.open, UINT8_MAX);
    out->broken_commitments = (uint8_t)at_most((uint64_t)out->broken_commitments + s.broken, UINT8_MAX);
    return s.next;
}

/* ------------------------------------------------------------------ the whole */

static void evaluate(const credit_rules *r, profile *p) {
    if (r->evaluation) evaluation_score(r->evaluation, p, &p->composite_score, &p->composite_grade);
}

static void derive_claims(const credit_rules *r, const profile *stored, profile *out) {
    *out = *stored;
    out->change_day = 0;
    uint32_t claimed = 0;
    for (unsigned i = 0; i < r->list_count; i++)
        if (out->flags & r->lists[i].flag) claimed |= 1u << i;
    if (claimed & (claimed - 1)) {
        out->flags &= ~flags_of_lists(r, claimed);
        out->flags |= flags_of_lists(r, credit_lists_hold(r, claimed, 0));
    }
    evaluate(r, out);
}

void credit_derive(const credit_rules *r, const dossier *d, const profile *stored, int32_t day, profile *out) {
    if (!d) {
        derive_claims(r, stored, out);
        return;
    }
    taken_apart t;
    profile probe;
    take_apart(r, d, stored, &t);
    int32_t next = derive_day(&t, day, out);
    unsigned probes = t.count > 0 ? PROBED_PIECES / t.count : PROBES_MAX;
    probes = probes > PROBES_MAX ? PROBES_MAX : probes < PROBES_LEAST ? PROBES_LEAST : probes;
    for (unsigned i = 0; i < probes && next < UINT16_MAX; i++) {
        int32_t after = derive_day(&t, next, &probe);
        if (memcmp(&probe, out, sizeof probe) != 0) break;
        next = after;
    }
    evaluate(r, out);
    out->change_day = next < UINT16_MAX ? (uint16_t)next : 0;
}
