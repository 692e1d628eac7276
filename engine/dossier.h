/* The dossier of a subject: everything that was reported about it one by one — behaviour records, commitments,
 * volunteer service, listings, what each source says of its fields — as items of 64 bytes in the order of arrival.
 *
 * Append-only: an item is never edited. A repair, a reversal, a step of a commitment is a later item that names the
 * earlier one by its number. Exceptions, none of which an item can refer to: a claim may take the place of one that has
 * become void (those that came in between then move up, in their order), a use the place of the oldest use once there
 * are LIMIT_DOSSIER_USES; and an item whose time to be kept has passed becomes ITEM_ERASED (adverse records of persons:
 * DOMAIN section 4).
 *
 * A dossier is immutable once published: the writer makes a longer copy and retires the old one (base/rcu.h). Only
 * subjects of whom something was reported have one; it is found from the profile through `profile.side`, which is 1 +
 * its place in the table and exists in memory only.
 *
 * On disk an item is a record of table RECORDS: key shard, 12 id bytes, u32 number big-endian; value image version and
 * 64 bytes. */
#ifndef XINYI_ENGINE_DOSSIER_H
#define XINYI_ENGINE_DOSSIER_H

#include "base/limits.h"
#include "base/profile.h"
#include "base/status.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum item_kind {
    ITEM_ERASED = 0,          /* nothing is left of it but its number */
    ITEM_RECORD = 1,          /* type: code of the catalogue; day: of the behaviour, or of its end if it lasted */
    ITEM_REPAIR = 2,          /* value: number of a record, or of a breached commitment; counts from `day` on */
    ITEM_REVOKE = 3,          /* value: number of a record that should never have been: it counts on no day */
    ITEM_SERVICE = 4,         /* value: minutes of volunteer service on `day` */
    ITEM_SERVICE_REVERSE = 5, /* value: number of a service item that was wrong */
    ITEM_COMMITMENT = 6,      /* type: code of the matter; drafted on `day` */
    ITEM_COMMITMENT_STEP = 7, /* value: number of the commitment; step; until: the (new) deadline */
    ITEM_LISTING = 8,         /* type: code of the list; day … until (exclusive; 0: as the list says) */
    ITEM_DELISTING = 9,       /* value: number of a listing; counts from `day` on */
    ITEM_CLAIM = 10,          /* what a source says of fields */
    ITEM_NAME = 11,           /* the subject's name, for publication; step: 0 first part, 1 second */
    ITEM_USE = 12,            /* a benefit was used: type: scenario << 8 | benefit code */
    ITEM_KIND_END
} item_kind;

/* States of a commitment as its steps make them (DOMAIN section 5). An accepted or extended one whose deadline has
 * passed counts as breached from the next day on, without anybody saying so. */
typedef enum commitment_state {
    COMMITMENT_DRAFTED = 0,
    COMMITMENT_ACCEPTED = 1, /* with gaps; `until` of the step is the last day for fulfilling it */
    COMMITMENT_EXTENDED = 2, /* once */
    COMMITMENT_FULFILLED = 3,
    COMMITMENT_BREACHED = 4,
    COMMITMENT_WITHDRAWN = 5,
} commitment_state;
const char *commitment_state_name(unsigned state); /* "drafted" … */

/* A source's own id of what it reports: opaque. Unique within source and subject; all zero is refused. */
typedef struct report_id {
    uint8_t bytes[16];
} report_id;

#define ITEM_TEXT 32
#define ITEM_NAME_PART 56
#define DOSSIER_NAME_MAX 96

typedef struct item {
    uint8_t kind;      /* item_kind */
    uint8_t step;      /* commitment_state of a step; part of a name; else 0 */
    uint16_t source;   /* number of the source (credit.h); 0 the base */
    uint16_t day;      /* days since 1970-01-01, as everywhere */
    uint16_t reported; /* day on which it was accepted here */
    union {
        struct {
            uint16_t type, until;
            uint32_t value;
            report_id id;
            char text[ITEM_TEXT]; /* document reference, UTF-8, zero-padded */
        };
        struct {
            uint64_t mask;                                         /* fields claimed: 1 << number */
            uint8_t fields[PROFILE_SIZE - sizeof(subject_id) - 4]; /* bytes 16..63 of an encoded profile */
        } claim;
        char name[ITEM_NAME_PART]; /* UTF-8, zero-padded; the second part goes on where the first is full */
    };
} item;
static_assert(sizeof(item) == 64, "an item is one cache line");

typedef struct dossier {
    subject_id subject;
    uint32_t version; /* of the profile that was published with it; readers compare */
    uint32_t count;
    uint32_t capacity;
    uint64_t reserved;
    item items[];
} dossier;
static_assert(sizeof(dossier) == 32, "items begin at half a cache line");

/* ------------------------------------------------------------------ a dossier */

/* The base claim and later ones as partial profiles: only fields of `mask` are meant. */
void claim_to_profile(const item *claim, profile *out);
void claim_from_profile(item *claim, const profile *p, uint64_t mask);

/* The name, "" if none; DOSSIER_NAME_MAX + 1 bytes with a NUL. d may be NULL. */
const char *dossier_name(const dossier *d, char buffer[DOSSIER_NAME_MAX + 1]);

/* The item with this source's id and one of the kinds in `kinds` (1 << kind); -1 if none. */
int32_t dossier_find(const dossier *d, unsigned source, const report_id *id, unsigned kinds);

/* Well-formed: known kinds, values within their domains, numbers that are referred to lie before and are of the right
 * kind, unused bytes zero. False with one sentence. What is in the catalogues is not looked at. */
bool dossier_check(const dossier *d, char *problem, size_t room);

#define ITEM_IMAGE 64
void item_encode(const item *i, uint8_t to[ITEM_IMAGE]);
status item_decode(const uint8_t from[ITEM_IMAGE], item *i) MUST_CHECK; /* CORRUPT */

/* ------------------------------------------------------------------ the table of dossiers */

typedef struct dossiers dossiers;

status dossiers_create(uint64_t seed, dossiers **out) MUST_CHECK;
void dossiers_destroy(dossiers **d); /* accepts NULL */

/* [reader] The dossier at profile.side; NULL if side is 0. Valid until the thread's next rcu_pass. */
const dossier *dossiers_at(const dossiers *d, uint32_t side);
/* [writer] The place (side) of a subject's dossier; 0 if it has none. */
uint32_t dossiers_find(const dossiers *d, const subject_id *subject);
/* [writer] Room for `more` new dossiers. */
status dossiers_reserve(dossiers *d, uint32_t more) MUST_CHECK;
/* [writer] Publishes `next` (malloc'd; owned by the table from here on) and retires what was there. Cannot fail after
 * dossiers_reserve. Returns side. */
uint32_t dossiers_publish(dossiers *d, dossier *next);
/* [writer] Recovery: puts one item at its number, in any order of numbers and subjects. Holes are ITEM_ERASED until
 * they are filled. NO_MEMORY, CAPACITY, CORRUPT (number over the limit). */
status dossiers_load(dossiers *d, const subject_id *subject, uint32_t number, const item *i) MUST_CHECK;

/* [writer] Recovery: all items are loaded; the version of the profile that the dossier belongs to. Room that is not
 * needed is given back: what dossiers_at gave before is gone. */
void dossiers_attach(dossiers *d, uint32_t side, uint32_t version);

/* [writer] Places 1 … dossiers_count are in use, in the order of first publication. */
uint32_t dossiers_count(const dossiers *d);
/* [writer] The day on which the sweep has to look at a dossier again; kept beside it. 0: never. */
uint16_t dossiers_due(const dossiers *d, uint32_t side);
void dossiers_set_due(dossiers *d, uint32_t side, uint16_t day);

size_t dossiers_bytes(const dossiers *d); /* allocated */
size_t dossiers_items(const dossiers *d); /* of all */

#endif
