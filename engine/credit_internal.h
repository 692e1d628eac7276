/* Inside credit_derive: a dossier taken apart for one set of rules. Items that name others are chained to them, and
 * what they make together becomes pieces with a beginning and an end, none of which depends on the day that is asked
 * about.
 *
 * Lives on the stack: a hundred and some kilobytes, of which only as much is touched as the dossier has items. */
#ifndef XINYI_ENGINE_CREDIT_INTERNAL_H
#define XINYI_ENGINE_CREDIT_INTERNAL_H

#include "engine/credit.h"

#define DAY_NEVER INT32_MAX
#define NO_ITEM UINT16_MAX
static_assert(LIMIT_DOSSIER_ITEMS < NO_ITEM, "an item's number fits");

/* Items that name others, by what they name, in order of arrival. */
typedef struct dossier_links {
    const credit_rules *rules;
    const dossier *dossier;
    uint32_t count;
    bool person;
    uint16_t first[LIMIT_DOSSIER_ITEMS], next[LIMIT_DOSSIER_ITEMS];
} dossier_links;

void dossier_link(const credit_rules *r, const dossier *d, dossier_links *out);
/* Is there an item of this kind that names it? */
bool dossier_linked(const dossier_links *k, uint32_t number, unsigned kind);

/* A record, or the breach of a commitment, in time. In force from `from` on, before `to` and before `over`. */
typedef struct record_span {
    const record_type *type; /* NULL: a breach that is no record */
    int32_t from, to;        /* `to`: over by itself */
    int32_t over;            /* repaired; DAY_NEVER */
    int32_t points_to;       /* its points count before it */
    int32_t kept_to;         /* nothing of it is used from here on, whatever its effects' own lengths */
} record_span;

/* False: revoked, of an unknown type, not a record. */
bool record_span_of(const dossier_links *k, uint32_t number, record_span *out);
/* Hundredths on a day of [from, points_to). With *change the next day on which they are other than that. */
uint16_t record_span_points(const record_span *s, int32_t day, int32_t *change);
/* The first day on which an effect of its type is not in force any longer. */
int32_t record_span_effect_end(const credit_rules *r, const record_span *s, unsigned effect);

/* A commitment's life. Steps that arrive out of order take effect after those before them. */
typedef struct commitment_line {
    int32_t drafted, accepted, extended; /* DAY_NEVER: not */
    int32_t deadline, deadline_extended; /* last days, 0 none */
    int32_t end;                         /* day of `state`; DAY_NEVER: open */
    int32_t repaired;
    uint32_t breach_item; /* the step that said so; the commitment itself if it is overdue */
    uint8_t state;        /* fulfilled, breached, withdrawn */
    bool overdue;
} commitment_line;

void commitment_line_of(const dossier_links *k, uint32_t number, commitment_line *out);
/* The breach as a record; false if there is none. */
bool breach_span_of(const dossier_links *k, const commitment_line *line, record_span *out);

enum { REMOVED_NOT, REMOVED_DELISTED, REMOVED_RECORD, REMOVED_BREACH, REMOVED_LIST };

typedef struct listing_span {
    int32_t from, to; /* to: DAY_NEVER */
    uint16_t number, remover;
    uint8_t cause; /* REMOVED_* */
    bool known;
    const credit_list *list; /* NULL: the rules have no such list */
} listing_span;

/* What may end a listing. */
typedef struct removal {
    uint16_t day, number, reported; /* reported: number of the item that made it known */
    uint8_t classes;
    bool effect, breach;
} removal;

typedef struct dossier_listings {
    unsigned count, removal_count;
    listing_span items[LIMIT_DOSSIER_ITEMS];
    removal removals[LIMIT_DOSSIER_ITEMS];
} dossier_listings;

/* All listings of a dossier, each as far as itself, records, breaches and other listings end it. */
void dossier_list_all(const dossier_links *k, dossier_listings *out);

/* Which lists hold, as bits by place in the rules, given those that sources claim and those with a listing in force. */
uint32_t credit_lists_hold(const credit_rules *r, uint32_t claimed, uint32_t listed);

#endif
