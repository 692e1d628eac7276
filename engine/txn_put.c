/* Profile writes. What a source writes are claims. As long as only the base writes — the province's own platform, the
 * usual case for most of 52 million subjects — the profile itself is its claim and costs nothing besides; the claim of
 * another source makes a dossier, in which each source's view is kept and from which the profile is derived.
 *
 * A claim makes void what the same source said of the same fields before. The place of a claim that is void altogether
 * is used again, so a source holds at most one item for each field, however often it writes. A withdrawal is a claim to
 * a missing value: it makes void what was said before and says nothing itself (credit_winner). */
#include "engine/txn_internal.h"

#include "base/check.h"

#include <string.h>

/* ------------------------------------------------------------------ pending profiles */

static void next_version(profile *p) {
    uint32_t version = profile_version(p) + 1;
    if (version > UINT32_MAX >> 1) version = 1;
    p->seq = version << 1;
}

status txn_open_profile(txn *t, const profile *before, uint64_t hash, bool is_new, pending_profile **out) {
    txn_rules_changed(t);
    *out = overlay_find(&t->profiles, hash, &before->id);
    if (*out != NULL) return STATUS_OK;
    unsigned shard = store_shard_of(hash);
    if (!overlay_reserve(&t->profiles, 1)) return STATUS_NO_MEMORY;
    if (is_new) {
        status code = store_reserve(t->e->subjects, shard, t->new_subjects[shard] + 1);
        if (code != STATUS_OK) return code;
        t->new_subjects[shard]++;
    }
    *out = overlay_add(&t->profiles, hash);
    **out = (pending_profile){.now = *before, .hash = hash, .is_new = is_new};
    t->bytes += TXN_SUBJECT_BYTES;
    return STATUS_OK;
}

status txn_open_both(txn *t, const profile *before, uint64_t hash, bool is_new, uint32_t more, pending_profile **p,
                     pending_dossier **d) {
    bool had = overlay_find(&t->profiles, hash, &before->id) != NULL;
    status code = txn_open_profile(t, before, hash, is_new, p);
    if (code != STATUS_OK) return code;
    code = txn_open_dossier(t, before, hash, more, d);
    if (code == STATUS_OK || had) return code;
    overlay_drop_last(&t->profiles);
    t->bytes -= TXN_SUBJECT_BYTES;
    t->new_subjects[store_shard_of(hash)] -= is_new;
    return code;
}

void txn_set_profile(pending_profile *p, const profile *after) {
    uint32_t seq = p->now.seq;
    p->now = *after;
    p->now.seq = seq;
    next_version(&p->now);
}

void txn_derive(const txn *t, const dossier *d, const profile *stored, profile *out) {
    credit_derive(txn_rules(t), d, stored, t->at.day, out);
}

/* ------------------------------------------------------------------ checks */

static unsigned source_of(const profile_put *put) { return put->flags >> PUT_SOURCE_SHIFT; }

uint64_t txn_source_fields(const txn *t, unsigned source) {
    const credit_rules *r = txn_rules(t);
    const credit_source *s = credit_source_of(r, source);
    if (s != NULL) return s->fields & profile_writable_mask();
    return source == 0 || (!r->sources_given && source <= LIMIT_SOURCES) ? profile_writable_mask() : 0;
}

static status check_put(const txn *t, const profile_put *put) {
    uint32_t flags = put->flags & ((1u << PUT_SOURCE_SHIFT) - 1);
    if ((flags & ~PUT_FLAGS) != 0) return STATUS_BAD_ENTRY;
    if ((flags & PUT_CREATE) != 0 && flags != PUT_CREATE) return STATUS_BAD_ENTRY;
    if ((put->mask & ~profile_writable_mask()) != 0) return STATUS_BAD_FIELD;
    uint64_t fields = txn_source_fields(t, source_of(put));
    if (fields == 0) return STATUS_UNKNOWN_SOURCE;
    if ((put->mask & ~fields) != 0) return STATUS_BAD_FIELD;
    subject_kind kind = subject_kind_of(&put->fields.id);
    return kind == SUBJECT_PERSON || kind == SUBJECT_ENTITY ? STATUS_OK : STATUS_BAD_SUBJECT;
}

static status check_expectations(const profile_put *put, bool known, uint32_t version) {
    if ((put->flags & PUT_CREATE) != 0 && known) return STATUS_EXISTS;
    if ((put->flags & PUT_UPDATE) != 0 && !known) return STATUS_UNKNOWN_SUBJECT;
    bool other = (put->flags & PUT_IF_VERSION) != 0 && put->expected_version != version;
    return other ? STATUS_VERSION_CONFLICT : STATUS_OK;
}

/* ------------------------------------------------------------------ claims */

#define DATA_DAY (UINT64_C(1) << FIELD_data_day)

/* How recent the values are: as the source says, but nobody knows tomorrow's. */
static uint16_t claim_day(const txn *t, const profile_put *put) {
    uint16_t today = (uint16_t)t->at.day;
    bool told = (put->mask & DATA_DAY) != 0 && put->fields.data_day != 0 && put->fields.data_day < today;
    return told ? put->fields.data_day : today;
}

static bool is_of(const item *it, const item *claim) { return it->kind == ITEM_CLAIM && it->source == claim->source; }

static bool ties(const item *it, const item *claim) {
    return it->kind == ITEM_CLAIM && it->day == claim->day && (it->claim.mask & claim->claim.mask);
}

/* Has the source said just this of that day, and nobody anything else about these fields since? */
static bool says_so(const dossier *d, const item *claim) {
    for (uint32_t i = d->count; i-- > 0;) {
        const item *it = &d->items[i];
        if (ties(it, claim)) return is_of(it, claim) && memcmp(&it->claim, &claim->claim, sizeof it->claim) == 0;
    }
    return false;
}

/* Has the source said something of a later day about each of the fields? Then this will never count. */
static bool comes_late(const dossier *d, const item *claim) {
    uint64_t left = claim->claim.mask;
    for (uint32_t i = 0; left != 0 && i < d->count; i++)
        if (d->items[i].day > claim->day && is_of(&d->items[i], claim)) left &= ~d->items[i].claim.mask;
    return left == 0;
}

/* Will the source have said something later about each field of claim n? */
static bool is_void(const dossier *d, uint32_t n, const item *claim) {
    const item *it = &d->items[n];
    uint64_t left = it->claim.mask;
    if (!is_of(it, claim)) return false;
    if (claim->day >= it->day) left &= ~claim->claim.mask;
    for (uint32_t i = 0; left != 0 && i < d->count; i++) {
        const item *other = &d->items[i];
        bool later = other->day > it->day || (other->day == it->day && i > n);
        if (later && is_of(other, claim)) left &= ~other->claim.mask;
    }
    return left == 0;
}

/* The number of a claim that is void once this one is put; the next number if there is none. */
static uint32_t claim_place(const dossier *d, const item *claim) {
    for (uint32_t n = d->count; n-- > 0;)
        if (is_void(d, n, claim)) return n;
    return d->count;
}

/* Of claims of one day the later item counts, so those that must stay before it move up by one. */
static void set_claim(txn *t, pending_dossier *p, uint32_t n, const item *claim) {
    const dossier *d = p->now;
    uint32_t last = n;
    for (uint32_t i = n + 1; i < d->count; i++)
        if (ties(&d->items[i], claim)) last = i;
    for (uint32_t i = n + 1; i <= last; i++) {
        item moved = d->items[i];
        if (moved.kind != ITEM_CLAIM) continue;
        txn_set_item(t, p, n, &moved);
        n = i;
    }
    txn_set_item(t, p, n, claim);
}

static status put_claim(txn *t, const profile_put *put, const profile *before, uint64_t hash, bool known,
                        uint32_t *version) {
    const dossier *d = txn_dossier(t, &before->id, hash);
    item claim = {.kind = ITEM_CLAIM,
                  .source = (uint16_t)source_of(put),
                  .day = claim_day(t, put),
                  .reported = (uint16_t)t->at.day};
    claim_from_profile(&claim, &put->fields, put->mask);
    if (known && d != NULL && (says_so(d, &claim) || comes_late(d, &claim))) return STATUS_OK;
    pending_profile *p;
    pending_dossier *pending;
    uint32_t more = d == NULL || claim_place(d, &claim) == d->count;
    status code = txn_open_both(t, before, hash, !known, more, &p, &pending);
    if (code != STATUS_OK) return code;
    set_claim(t, pending, claim_place(pending->now, &claim), &claim);
    profile after;
    txn_derive(t, pending->now, &p->now, &after);
    txn_set_profile(p, &after);
    *version = profile_version(&p->now);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the base alone */

static status put_plain(txn *t, const profile_put *put, const profile *before, uint64_t hash, bool known,
                        uint32_t *version) {
    profile after = *before, derived;
    profile_merge(&after, &put->fields, put->mask);
    if (!profile_form_fits(&after)) return STATUS_BAD_VALUE;
    txn_derive(t, NULL, &after, &derived);
    if (known && memcmp(&derived, before, sizeof derived) == 0) return STATUS_OK;
    pending_profile *p;
    status code = txn_open_profile(t, before, hash, !known, &p);
    if (code != STATUS_OK) return code;
    txn_set_profile(p, &derived);
    *version = profile_version(&p->now);
    return STATUS_OK;
}

status txn_put(txn *t, const profile_put *put, uint32_t *version) {
    CHECK(t->phase == TXN_OPEN);
    *version = 0;
    status code = check_put(t, put);
    if (code != STATUS_OK) return code;
    const subject_id *id = &put->fields.id;
    uint64_t hash = store_hash(t->e->subjects, id);
    profile before;
    bool known = txn_profile(t, id, &before);
    if (!known) profile_init(&before, id);
    *version = profile_version(&before);
    code = check_expectations(put, known, *version);
    if (code != STATUS_OK || (known && put->mask == 0)) return code;
    /* the profile tells without a look into the table of dossiers, unless its dossier is of this group */
    bool none = before.side == 0 && overlay_find(&t->dossiers, hash, id) == NULL;
    bool base_only = none && (source_of(put) == 0 || put->mask == 0);
    if (base_only) return put_plain(t, put, &before, hash, known, version);
    profile merged = before;
    profile_merge(&merged, &put->fields, put->mask);
    if (!profile_form_fits(&merged)) return STATUS_BAD_VALUE;
    return put_claim(t, put, &before, hash, known, version);
}
