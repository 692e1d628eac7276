/* Dossiers: the items of one subject, and the table that finds them.
 *
 * Readers come with profile.side, an index into an array of atomic pointers that never moves (address space is reserved
 * for LIMIT_DOSSIERS of them, memory is touched as places are taken), so they load one pointer and hold no lock. The
 * writer finds a subject's place through a hash index of its own. A dossier is never changed once it is published: a
 * longer copy takes its place and the old one is freed when all readers have passed.
 *
 * Invariants: places 1 … count hold a dossier; each subject has one place, for ever; index load at most one half.
 * Cost: 64 bytes an item, 32 a dossier, 8 a place, 2 for its day, 16 to 32 in the index; capacity is what is needed.
 * The index keeps hashes, so that doubling it looks at no dossier. */
#include "engine/dossier.h"

#include "base/check.h"
#include "base/le.h"
#include "base/rcu.h"
#include "base/utf8.h"
#include "engine/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#define FIRST_INDEX 1024u
#define PROFILE_TAIL offsetof(profile, division)

const char *commitment_state_name(unsigned state) {
    static const char *const NAMES[] = {"drafted", "accepted", "extended", "fulfilled", "breached", "withdrawn"};
    return state <= COMMITMENT_WITHDRAWN ? NAMES[state] : NULL;
}

/* ------------------------------------------------------------------ items */

void claim_to_profile(const item *claim, profile *out) {
    static_assert(PROFILE_TAIL + sizeof claim->claim.fields == sizeof *out, "a claim holds what is behind the version");
    memset(out, 0, PROFILE_TAIL);
    memcpy((uint8_t *)out + PROFILE_TAIL, claim->claim.fields, sizeof claim->claim.fields);
}

void claim_from_profile(item *claim, const profile *p, uint64_t mask) {
    profile part;
    profile_init(&part, &p->id);
    part.form = FORM_UNKNOWN;
    profile_merge(&part, p, mask);
    claim->claim.mask = mask;
    memcpy(claim->claim.fields, (const uint8_t *)&part + PROFILE_TAIL, sizeof claim->claim.fields);
}

static size_t text_length(const char *text, size_t room) {
    const char *end = memchr(text, 0, room);
    return end != NULL ? (size_t)(end - text) : room;
}

const char *dossier_name(const dossier *d, char buffer[DOSSIER_NAME_MAX + 1]) {
    buffer[0] = '\0';
    if (d == NULL) return buffer;
    for (uint32_t i = d->count; i-- > 0;) {
        const item *first = &d->items[i];
        if (first->kind != ITEM_NAME || first->step != 0) continue;
        size_t n = text_length(first->name, ITEM_NAME_PART);
        memcpy(buffer, first->name, n);
        const item *second = first + 1;
        if (n == ITEM_NAME_PART && i + 1 < d->count && second->kind == ITEM_NAME && second->step == 1) {
            size_t more = text_length(second->name, DOSSIER_NAME_MAX - ITEM_NAME_PART);
            memcpy(buffer + n, second->name, more);
            n += more;
        }
        buffer[n] = '\0';
        break;
    }
    return buffer;
}

int32_t dossier_find(const dossier *d, unsigned source, const report_id *id, unsigned kinds) {
    for (uint32_t i = 0; d != NULL && i < d->count; i++) {
        const item *it = &d->items[i];
        if (it->kind < ITEM_KIND_END && kinds >> it->kind & 1 && it->source == source &&
            memcmp(&it->id, id, sizeof *id) == 0)
            return (int32_t)i;
    }
    return -1;
}

/* ------------------------------------------------------------------ the invariants of a dossier */

#define KIND(name) (1u << ITEM_##name)
#define WITH_ID                                                                                                        \
    (KIND(RECORD) | KIND(REPAIR) | KIND(REVOKE) | KIND(SERVICE) | KIND(SERVICE_REVERSE) | KIND(COMMITMENT) |           \
     KIND(COMMITMENT_STEP) | KIND(LISTING) | KIND(DELISTING) | KIND(USE))

/* Text, then zeros to the end. */
static bool good_text(const char *text, size_t room, size_t most) {
    size_t n = text_length(text, room);
    return n <= most && bytes_are_zero(text + n, room - n) && utf8_is_line(text, n);
}

/* Which kinds an item may refer to; 0: none. */
static unsigned refers_to(const item *i) {
    switch (i->kind) {
    case ITEM_REPAIR: return KIND(RECORD) | KIND(COMMITMENT) | KIND(ERASED);
    case ITEM_REVOKE: return KIND(RECORD) | KIND(ERASED);
    case ITEM_SERVICE_REVERSE: return KIND(SERVICE) | KIND(ERASED);
    case ITEM_COMMITMENT_STEP: return KIND(COMMITMENT) | KIND(ERASED);
    case ITEM_DELISTING: return KIND(LISTING) | KIND(ERASED);
    default: return 0;
    }
}

static const char *bad_claim(const item *i) {
    profile p;
    if (i->step != 0) return "a claim with a step";
    if (i->claim.mask & ~profile_writable_mask()) return "a claim to fields that nobody writes";
    claim_to_profile(i, &p);
    if (p.side != 0 || p.change_day != 0) return "a claim to what is computed";
    for (unsigned f = 0; f < PROFILE_FIELD_COUNT; f++) {
        const profile_field *field = profile_field_at(f);
        int64_t value = profile_get(&p, field);
        if (value != PROFILE_MISSING && (value < field->min || value > field->max)) return "a claim outside its domain";
    }
    return NULL;
}

static const char *bad_item(const item *i) {
    if (i->kind >= ITEM_KIND_END) return "an item of an unknown kind";
    if (i->kind == ITEM_ERASED) return bytes_are_zero(i, sizeof *i) ? NULL : "an erased item that is not empty";
    if (i->kind == ITEM_CLAIM) return bad_claim(i);
    if (i->kind == ITEM_NAME) {
        size_t most = i->step == 0 ? ITEM_NAME_PART : DOSSIER_NAME_MAX - ITEM_NAME_PART;
        /* a part may end within a character: only the whole is text */
        size_t n = text_length(i->name, ITEM_NAME_PART);
        return i->step <= 1 && n <= most && bytes_are_zero(i->name + n, ITEM_NAME_PART - n) ? NULL
                                                                                            : "a name that is no text";
    }
    if (bytes_are_zero(&i->id, sizeof i->id)) return "an item without an id";
    if (!good_text(i->text, ITEM_TEXT, ITEM_TEXT)) return "a reference that is no text";
    if (i->step > (i->kind == ITEM_COMMITMENT_STEP ? COMMITMENT_WITHDRAWN : 0)) return "an unknown step";
    return NULL;
}

static bool say(char *problem, size_t room, uint32_t number, const char *what) {
    snprintf(problem, room, "item %u of a dossier: %s", number, what);
    return false;
}

bool dossier_check(const dossier *d, char *problem, size_t room) {
    if (d->count > d->capacity || d->count > LIMIT_DOSSIER_ITEMS) return say(problem, room, d->count, "too many items");
    for (uint32_t n = 0; n < d->count; n++) {
        const item *i = &d->items[n];
        const char *bad = bad_item(i);
        if (bad != NULL) return say(problem, room, n, bad);
        unsigned wanted = refers_to(i);
        if (wanted == 0) continue;
        if (i->value >= n) return say(problem, room, n, "refers to a later item");
        if (!(wanted >> d->items[i->value].kind & 1)) return say(problem, room, n, "refers to an item of another kind");
    }
    return true;
}

void item_encode(const item *i, uint8_t to[ITEM_IMAGE]) {
    static_assert(sizeof *i == ITEM_IMAGE, "the image is the item");
    memcpy(to, i, ITEM_IMAGE);
}

status item_decode(const uint8_t from[ITEM_IMAGE], item *i) {
    item read;
    memcpy(&read, from, sizeof read);
    if (bad_item(&read) != NULL) return STATUS_CORRUPT;
    *i = read;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the table */

typedef _Atomic(dossier *) place;

typedef struct index_slot {
    uint32_t side; /* 0 free */
    uint32_t hash;
} index_slot;

struct dossiers {
    uint64_t seed;
    place *places; /* [0] is not used */
    uint32_t count, room;
    uint16_t *due;     /* by place */
    index_slot *index; /* linear probing */
    uint32_t mask;     /* of the index */
    size_t items, bytes;
};

#define PLACES_BYTES (((size_t)LIMIT_DOSSIERS + 1) * sizeof(place))

status dossiers_create(uint64_t seed, dossiers **out) {
    dossiers *d = arena_calloc(1, sizeof *d);
    *out = NULL;
    if (d == NULL) return STATUS_NO_MEMORY;
    d->seed = seed;
    d->places = mmap(NULL, PLACES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (d->places == MAP_FAILED) {
        free(d);
        return STATUS_NO_MEMORY;
    }
    *out = d;
    return STATUS_OK;
}

void dossiers_destroy(dossiers **d) {
    if (*d == NULL) return;
    for (uint32_t i = 1; i <= (*d)->count; i++) free(atomic_load_explicit(&(*d)->places[i], memory_order_relaxed));
    CHECK(munmap((*d)->places, PLACES_BYTES) == 0);
    free((*d)->due);
    free((*d)->index);
    free(*d);
    *d = NULL;
}

const dossier *dossiers_at(const dossiers *d, uint32_t side) {
    return side == 0 ? NULL : atomic_load_explicit(&d->places[side], memory_order_acquire);
}

static dossier *own(const dossiers *d, uint32_t side) {
    return atomic_load_explicit(&d->places[side], memory_order_relaxed);
}

static uint32_t hash_of(const dossiers *d, const subject_id *subject) {
    return (uint32_t)XXH3_64bits_withSeed(subject, sizeof *subject, d->seed);
}

uint32_t dossiers_find(const dossiers *d, const subject_id *subject) {
    if (d->count == 0) return 0;
    uint32_t hash = hash_of(d, subject);
    for (uint32_t at = hash & d->mask; d->index[at].side != 0; at = (at + 1) & d->mask) {
        const index_slot *slot = &d->index[at];
        if (slot->hash == hash && subject_equal(&own(d, slot->side)->subject, subject)) return slot->side;
    }
    return 0;
}

static void enter(index_slot *index, uint32_t mask, index_slot entry) {
    uint32_t at = entry.hash & mask;
    while (index[at].side != 0) at = (at + 1) & mask;
    index[at] = entry;
}

status dossiers_reserve(dossiers *d, uint32_t more) {
    if (more > LIMIT_DOSSIERS - d->count) return STATUS_CAPACITY;
    uint32_t wanted = d->count + more;
    if (wanted <= d->room) return STATUS_OK;
    uint32_t slots = d->room == 0 ? FIRST_INDEX : d->room * 2;
    while (slots / 2 < wanted) slots *= 2;
    index_slot *index = arena_calloc(slots, sizeof *index);
    uint16_t *due = arena_calloc((size_t)slots / 2 + 1, sizeof *due);
    if (index == NULL || due == NULL) {
        free(index);
        free(due);
        return STATUS_NO_MEMORY;
    }
    if (d->due != NULL) memcpy(due, d->due, ((size_t)d->count + 1) * sizeof *due);
    for (uint32_t i = 0; d->room != 0 && i <= d->mask; i++)
        if (d->index[i].side != 0) enter(index, slots - 1, d->index[i]);
    free(d->due);
    free(d->index);
    d->due = due;
    d->index = index;
    d->mask = slots - 1;
    d->room = slots / 2;
    return STATUS_OK;
}

static size_t bytes_of(const dossier *d) { return sizeof *d + (size_t)d->capacity * sizeof(item); }

uint32_t dossiers_publish(dossiers *d, dossier *next) {
    uint32_t side = dossiers_find(d, &next->subject);
    d->items += next->count;
    d->bytes += bytes_of(next);
    if (side == 0) {
        CHECK(d->count < d->room);
        side = ++d->count;
        atomic_store_explicit(&d->places[side], next, memory_order_release);
        d->due[side] = 0;
        enter(d->index, d->mask, (index_slot){side, hash_of(d, &next->subject)});
        return side;
    }
    dossier *old = own(d, side);
    d->items -= old->count;
    d->bytes -= bytes_of(old);
    atomic_store_explicit(&d->places[side], next, memory_order_release);
    rcu_retire(old, free);
    return side;
}

/* A dossier with room for one more item; no reader has started, so the old one goes at once. */
static status widen(dossiers *d, uint32_t side, uint32_t capacity) {
    dossier *old = own(d, side);
    if (capacity <= old->capacity) return STATUS_OK;
    uint32_t grown = old->capacity * 2 > LIMIT_DOSSIER_ITEMS ? LIMIT_DOSSIER_ITEMS : old->capacity * 2;
    if (grown < capacity) grown = capacity;
    dossier *next = arena_malloc(sizeof *next + (size_t)grown * sizeof(item));
    if (next == NULL) return STATUS_NO_MEMORY;
    memcpy(next, old, sizeof *old + (size_t)old->count * sizeof(item));
    next->capacity = grown;
    d->bytes += bytes_of(next) - bytes_of(old);
    atomic_store_explicit(&d->places[side], next, memory_order_release);
    free(old);
    return STATUS_OK;
}

static status open_empty(dossiers *d, const subject_id *subject, uint32_t *side) {
    status s = dossiers_reserve(d, 1);
    if (s != STATUS_OK) return s;
    dossier *fresh = arena_calloc(1, sizeof *fresh + sizeof(item));
    if (fresh == NULL) return STATUS_NO_MEMORY;
    fresh->subject = *subject;
    fresh->capacity = 1;
    *side = dossiers_publish(d, fresh);
    return STATUS_OK;
}

status dossiers_load(dossiers *d, const subject_id *subject, uint32_t number, const item *i) {
    if (number >= LIMIT_DOSSIER_ITEMS) return STATUS_CORRUPT;
    uint32_t side = dossiers_find(d, subject);
    status s = side == 0 ? open_empty(d, subject, &side) : STATUS_OK;
    if (s == STATUS_OK) s = widen(d, side, number + 1);
    if (s != STATUS_OK) return s;
    dossier *to = own(d, side);
    if (number >= to->count) {
        memset(&to->items[to->count], 0, (size_t)(number + 1 - to->count) * sizeof *i);
        d->items += number + 1 - to->count;
        to->count = number + 1;
    }
    to->items[number] = *i;
    return STATUS_OK;
}

void dossiers_attach(dossiers *d, uint32_t side, uint32_t version) {
    dossier *it = own(d, side), *fit;
    it->version = version;
    if (it->capacity == it->count) return;
    fit = realloc(it, sizeof *it + (size_t)it->count * sizeof(item));
    if (fit == NULL) return; /* it stays as it is */
    d->bytes -= (size_t)(fit->capacity - fit->count) * sizeof(item);
    fit->capacity = fit->count;
    atomic_store_explicit(&d->places[side], fit, memory_order_release);
}

uint32_t dossiers_count(const dossiers *d) { return d->count; }
uint16_t dossiers_due(const dossiers *d, uint32_t side) { return d->due[side]; }
void dossiers_set_due(dossiers *d, uint32_t side, uint16_t day) { d->due[side] = day; }

/* Touched pages of places are counted by places, not by pages. */
size_t dossiers_bytes(const dossiers *d) {
    size_t index = d->room == 0 ? 0 : ((size_t)d->mask + 1) * sizeof *d->index + ((size_t)d->room + 1) * sizeof *d->due;
    return d->bytes + index + ((size_t)d->count + 1) * sizeof *d->places;
}
size_t dossiers_items(const dossiers *d) { return d->items; }
