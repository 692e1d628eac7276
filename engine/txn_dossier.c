/* Dossiers within a group. The published one is immutable, so the first write of a group makes a copy with some room;
 * further ones go into the same copy. Publishing swaps a pointer; aborting frees the copy.
 *
 * The first thing that is reported about a subject, or claimed by another source than the base, makes its dossier, and
 * what the profile held until then becomes its first item, the claim of the base: so it stays known what the sources
 * say and what records add.
 *
 * Cost: a copy of the dossier a group in which it changes, one record of 90 bytes an item written. */
#include "engine/txn_internal.h"

#include "base/check.h"
#include "engine/arena.h"

#include <stdlib.h>
#include <string.h>

const dossier *txn_dossier(const txn *t, const subject_id *subject, uint64_t hash) {
    const pending_dossier *p = overlay_find(&t->dossiers, hash, subject);
    if (p != NULL) return p->now;
    return dossiers_at(t->e->dossiers, dossiers_find(t->e->dossiers, subject));
}

/* ------------------------------------------------------------------ the base's claim */

/* What a profile without a dossier holds is what the base says, but for what is computed. */
static uint64_t base_mask(const credit_rules *r, const profile *p) {
    uint64_t mask = 0;
    profile none;
    profile_init(&none, &p->id);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        if (f->writable && profile_get(p, f) != profile_get(&none, f)) mask |= UINT64_C(1) << i;
    }
    if (r->evaluation != NULL) mask &= ~(UINT64_C(1) << FIELD_composite_score | UINT64_C(1) << FIELD_composite_grade);
    return mask;
}

static bool base_claim(const txn *t, const profile *p, item *out) {
    uint64_t mask = base_mask(txn_rules(t), p);
    uint16_t today = (uint16_t)t->at.day;
    *out = (item){.kind = ITEM_CLAIM,
                  .day = p->data_day != 0 && p->data_day < today ? p->data_day : today, /* as of a claim that is put */
                  .reported = today};
    if (mask != 0) claim_from_profile(out, p, mask);
    return mask != 0;
}

/* ------------------------------------------------------------------ opening */

static dossier *copy_of(const dossier *from, const subject_id *subject, uint32_t capacity) {
    dossier *d = arena_malloc(sizeof *d + (size_t)capacity * sizeof(item));
    if (d == NULL) return NULL;
    if (from != NULL)
        memcpy(d, from, sizeof *from + (size_t)from->count * sizeof(item));
    else
        *d = (dossier){.subject = *subject};
    d->capacity = capacity;
    return d;
}

/* Room in a copy that is there already. */
static status widen(pending_dossier *p, uint32_t capacity) {
    if (capacity <= p->now->capacity) return STATUS_OK;
    uint32_t grown = p->now->capacity * 2 > LIMIT_DOSSIER_ITEMS ? LIMIT_DOSSIER_ITEMS : p->now->capacity * 2;
    if (grown < capacity) grown = capacity;
    dossier *d = copy_of(p->now, &p->subject, grown);
    if (d == NULL) return STATUS_NO_MEMORY;
    free(p->now);
    p->now = d;
    return STATUS_OK;
}

status txn_open_dossier(txn *t, const profile *stored, uint64_t hash, uint32_t more, pending_dossier **out) {
    pending_dossier *p = overlay_find(&t->dossiers, hash, &stored->id);
    if (p != NULL) {
        *out = p;
        return p->now->count + more > LIMIT_DOSSIER_ITEMS ? STATUS_DOSSIER_FULL : widen(p, p->now->count + more);
    }
    const dossier *published = txn_dossier(t, &stored->id, hash);
    item base;
    bool with_base = published == NULL && base_claim(t, stored, &base);
    uint32_t count = published != NULL ? published->count : with_base;
    if (count + more > LIMIT_DOSSIER_ITEMS) return STATUS_DOSSIER_FULL;
    if (!overlay_reserve(&t->dossiers, 1)) return STATUS_NO_MEMORY;
    if (published == NULL) {
        status code = dossiers_reserve(t->e->dossiers, t->new_dossiers + 1);
        if (code != STATUS_OK) return code;
    }
    dossier *d = copy_of(published, &stored->id, count + more);
    if (d == NULL) return STATUS_NO_MEMORY;
    p = overlay_add(&t->dossiers, hash);
    *p = (pending_dossier){
        .subject = stored->id, .hash = hash, .now = d, .published = d->count, .is_new = published == NULL};
    t->new_dossiers += p->is_new;
    if (with_base) txn_add_item(t, p, &base);
    *out = p;
    return STATUS_OK;
}

void txn_set_item(txn *t, pending_dossier *p, uint32_t number, const item *i) {
    CHECK(number <= p->now->count && number < p->now->capacity);
    uint64_t bit = UINT64_C(1) << (number % 64);
    if (!(p->dirty[number / 64] & bit)) t->bytes += TXN_ITEM_BYTES;
    p->dirty[number / 64] |= bit;
    p->now->items[number] = *i;
    if (number == p->now->count) p->now->count++;
}

/* ------------------------------------------------------------------ ending */

void txn_append_dossiers(const txn *t, buf *to) {
    uint8_t key[KEY_ITEM], value[1 + ITEM_IMAGE] = {IMAGE_ITEM};
    for (uint32_t i = 0; i < t->dossiers.count; i++) {
        const pending_dossier *p = overlay_at(&t->dossiers, i);
        txn_put_key(key, p->hash, &p->subject);
        for (uint32_t word = 0; word * 64 < p->now->count; word++) {
            for (uint64_t left = p->dirty[word]; left != 0; left &= left - 1) {
                uint32_t n = word * 64 + (uint32_t)__builtin_ctzll(left);
                for (unsigned b = 0; b < 4; b++) key[KEY_RECORD + b] = (uint8_t)(n >> (24 - 8 * b));
                item_encode(&p->now->items[n], value + 1);
                change_append(to, CHANGE_RECORDS, key, sizeof key, value, sizeof value);
            }
        }
    }
}

void txn_publish_profiles(txn *t) {
    uint32_t published = 0;
    for (uint32_t i = 0; i < t->profiles.count; i++) {
        pending_profile *p = overlay_at(&t->profiles, i);
        pending_dossier *d = overlay_find(&t->dossiers, p->hash, &p->now.id);
        if (d != NULL) {
            d->now->version = profile_version(&p->now);
            p->now.side = dossiers_publish(t->e->dossiers, d->now);
            d->now = NULL;
            published++;
        }
        CHECK(store_write(t->e->subjects, &p->now) == STATUS_OK);
        /* what has a dossier knows when to be looked at again; others never change by themselves */
        if (p->now.side != 0) sweep_note(t->e, p->now.side, &p->now, txn_rules(t), t->at.day);
    }
    CHECK(published == t->dossiers.count); /* who changes a dossier changes its profile, if only its version */
}

void txn_forget_dossiers(txn *t) {
    for (uint32_t i = 0; i < t->dossiers.count; i++) free(((pending_dossier *)overlay_at(&t->dossiers, i))->now);
    overlay_clear(&t->dossiers);
}
