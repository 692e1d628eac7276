/* What of a person's dossier has to be forgotten: adverse records (and breaches that are records) so long after their
 * day, with all that names them. What they took away must not come back when they are forgotten: service that they made
 * void and listings that they ended go with them. So the profile of that day is the same before and after. */
#include "engine/credit_internal.h"

/* In which order items go, highest first: what a record took away before the record, a record before what says that it
 * never counted. So nothing comes back however few go at a time. */
enum { STAYS, LINK, RECORD, LISTING, SERVICE = LISTING + LIMIT_LISTS + 1, ORDERS };

typedef struct forgetting {
    const dossier_links *links;
    int32_t day, next;
    int32_t void_before; /* service before this day was void and goes too */
    uint8_t order[LIMIT_DOSSIER_ITEMS];
} forgetting;

static void forget_links(forgetting *f, uint32_t number) {
    for (uint16_t i = f->links->first[number]; i != NO_ITEM; i = f->links->next[i]) f->order[i] = LINK;
}

static void forget(forgetting *f, uint32_t number, unsigned order) {
    f->order[number] = (uint8_t)order;
    forget_links(f, number);
}

static void look_at(forgetting *f, uint32_t number, int32_t from, const record_type *type, bool counted) {
    if (type && type->class == CLASS_MERIT) return;
    int32_t end = credit_period_end(f->links->rules, from, f->links->rules->personal_kept);
    if (end > f->day) {
        if (end < f->next) f->next = end;
        return;
    }
    forget(f, number, RECORD);
    if (counted && type && (type->effects >> EFFECT_SERVICE_VOID & 1) && from > f->void_before) f->void_before = from;
}

static void forget_records(forgetting *f) {
    const dossier_links *k = f->links;
    for (uint32_t i = 0; i < k->count; i++) {
        const item *it = &k->dossier->items[i];
        commitment_line line;
        record_span s;
        if (it->kind == ITEM_ERASED) forget_links(f, i);
        if (it->kind == ITEM_RECORD)
            look_at(f, i, it->day, credit_record_type(k->rules, it->type), !dossier_linked(k, i, ITEM_REVOKE));
        if (it->kind != ITEM_COMMITMENT) continue;
        commitment_line_of(k, i, &line);
        if (breach_span_of(k, &line, &s) && s.type) look_at(f, i, s.from, s.type, false);
    }
}

static void forget_service(forgetting *f) {
    const dossier_links *k = f->links;
    for (uint32_t i = 0; i < k->count; i++)
        if (k->dossier->items[i].kind == ITEM_SERVICE && k->dossier->items[i].day < f->void_before)
            forget(f, i, SERVICE);
}

/* Also listings that a forgotten listing ended; each pass goes one further. */
static void forget_listings(forgetting *f) {
    dossier_listings all;
    dossier_list_all(f->links, &all);
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < all.count; i++) {
            const listing_span *s = &all.items[i];
            if (f->order[s->number] || s->cause <= REMOVED_DELISTED || !f->order[s->remover]) continue;
            unsigned order = f->order[s->remover] + 1u; /* lists do not exclude each other in circles */
            forget(f, s->number, order < SERVICE ? order : SERVICE);
            more = true;
        }
    }
}

static unsigned tell(const forgetting *f, uint32_t *numbers, unsigned max) {
    unsigned n = 0;
    for (unsigned order = ORDERS; order-- > LINK;)
        for (uint32_t i = 0; i < f->links->count && n < max; i++)
            if (f->order[i] == order) numbers[n++] = i;
    return n;
}

unsigned credit_erasable(const credit_rules *r, const dossier *d, int32_t day, uint32_t *numbers, unsigned max,
                         uint16_t *next) {
    if (next) *next = 0;
    if (!d || r->personal_kept.unit == PERIOD_NONE || subject_kind_of(&d->subject) != SUBJECT_PERSON) return 0;
    dossier_links k;
    forgetting f = {.links = &k, .day = day, .next = DAY_NEVER, .void_before = INT32_MIN};
    dossier_link(r, d, &k);
    forget_records(&f);
    if (f.void_before != INT32_MIN) forget_service(&f);
    forget_listings(&f);
    if (next && f.next < UINT16_MAX) *next = (uint16_t)f.next;
    return tell(&f, numbers, max);
}
