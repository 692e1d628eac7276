/* Credit rules: what a policy set says beside its scenarios — the catalogue of records, commitments and their calendar,
 * lists, volunteer service, sources of data — and what they make of a subject: credit_derive.
 *
 *   profile  =  claims that win (sources: priority, then recency)
 *             + what records, commitments, service and listings of the dossier add on this day
 *             + composite score and grade (engine/evaluation.h)
 *
 * Each part comes from a YAML file of the set, named by its first key: `records:` `commitments:` `calendar:` `lists:`
 * `service:` `sources:` `evaluation:` `areas:`; each at most once in a set. A part that is not there has the defaults
 * noted below. docs/POLICY.md describes the files for officers.
 *
 * credit_rules is constant once its set is loaded and lives as long as the set. Everything here is a pure function of
 * its arguments; nothing allocates, nothing fails, any thread. Days are China days; a period of n months ends on the
 * same day of the month n months later, or on that month's last day.
 *
 * Sources of the rules: DOMAIN sections 4 (records, repair, red list), 5 (commitments), 6 (service); numbers marked as
 * examples there are defaults of the shipped files. */
#ifndef XINYI_ENGINE_CREDIT_H
#define XINYI_ENGINE_CREDIT_H

#include "engine/dossier.h"
#include "engine/policy.h"
#include "engine/report.h"

/* ------------------------------------------------------------------ rules */

/* A length of time as people write it: "3 months", "1 year", "15 working days", "30 days". */
typedef enum period_unit { PERIOD_NONE, PERIOD_DAYS, PERIOD_WORKING_DAYS, PERIOD_MONTHS } period_unit;
typedef struct period {
    uint16_t count;
    uint8_t unit; /* period_unit; years are months */
    uint8_t zero;
} period;

typedef enum record_class { CLASS_MINOR = 1, CLASS_GENERAL = 2, CLASS_SERIOUS = 3, CLASS_MERIT = 4 } record_class;
const char *record_class_name(unsigned class); /* "minor" "general" "serious" "merit", NULL if unknown */

/* What a record does besides its points, while it is active; a length of its own may shorten or lengthen it. The first
 * word is the flag of the profile that it sets. */
typedef enum record_effect {
    EFFECT_NO_EXEMPTION,     /* no_exemption */
    EFFECT_GRADED_DOWN,      /* graded_down */
    EFFECT_GAPS_BARRED,      /* gaps_barred */
    EFFECT_RED_LIST_REMOVED, /* ends listings of lists that say removed_by: records (see credit_list) */
    EFFECT_NOTICED,
    EFFECT_OBSERVED,
    EFFECT_SUSPENDED,
    EFFECT_ARREARS,
    EFFECT_LATE_SETTLEMENT,
    EFFECT_VOLUNTEER_BARRED,
    EFFECT_SERVICE_VOID, /* falsified hours: service before the record's day does not count */
    EFFECT_COUNT
} record_effect;
const char *record_effect_name(unsigned effect); /* as in YAML: "no_exemption" …; NULL if unknown */

typedef struct record_type {
    uint16_t code;                      /* 1 … 65535, for ever */
    uint8_t class;                      /* record_class */
    bool linear;                        /* points fall linearly to zero at the end; else they are whole until it */
    uint16_t points;                    /* hundredths, when new */
    uint16_t effects;                   /* bits of record_effect */
    period observation;                 /* points count for so long; PERIOD_NONE: to the publicity maximum */
    period publicity_min;               /* no repair earlier */
    period publicity_max;               /* the record ends by itself: not shown, shared or used any longer */
    period effect_length[EFFECT_COUNT]; /* PERIOD_NONE: as long as the record is active */
    const char *id, *title, *domain;
} record_type;

/* Points of a domain (NULL: of all) that bring about an effect. */
typedef struct points_threshold {
    const char *domain;
    uint16_t points; /* hundredths; reached or passed */
    uint8_t effect;  /* record_effect */
} points_threshold;

typedef struct commitment_matter {
    uint16_t code;
    period deadline, extension; /* PERIOD_NONE: the general one */
    const char *id, *title;
} commitment_matter;

/* A list that is kept and published. */
typedef struct credit_list {
    uint16_t code; /* 1 red list, 2 serious list; others to LIMIT_LISTS */
    uint32_t flag; /* PROFILE_FLAG_*: set while listed */
    period valid;  /* from the listing's day on, unless it names its end; PERIOD_NONE: no end */
    /* What ends a listing by itself, from that day on and for good; repairing the record does not bring it back. */
    uint8_t removed_by_classes; /* bits 1 << record_class */
    bool removed_by_effect;     /* a record with EFFECT_RED_LIST_REMOVED */
    bool removed_by_breach;     /* of a commitment */
    uint8_t excluded_by;        /* code of a list: nobody on it can be on this one (serious overrides red); 0 none */
    bool published;
    const char *id, *title;
    const struct credit_condition *qualify; /* any of them admits; NULL: everybody may be listed */
    unsigned qualify_count;
} credit_list;

/* Cells over fields, all of which must be true: a one-row decision table. */
typedef struct credit_condition {
    const struct policy_table *table; /* engine/policy_model.h */
} credit_condition;

typedef struct credit_source {
    uint16_t number;                       /* 0 base … LIMIT_SOURCES */
    bool corrects_any;                     /* may repair, reverse and end what other sources reported */
    uint32_t reports;                      /* bits 1 << report_kind */
    uint64_t fields;                       /* which it may write */
    uint8_t priority[PROFILE_FIELD_COUNT]; /* 1..255, higher wins */
    const char *id, *title;
} credit_source;

/* A named set of subjects: park, community, alliance (pilots). */
typedef struct credit_area {
    uint16_t code;
    const char *id, *title, *kind;
    const uint32_t *divisions; /* a prefecture covers its counties */
    unsigned division_count;
    size_t subject_count; /* named one by one; found with credit_in_area */
    int32_t from_day, to_day;
} credit_area;

typedef struct evaluation evaluation; /* engine/evaluation.h */

typedef struct credit_rules {
    uint64_t hash; /* of the parts that credit_derive depends on: other rules, other profiles */

    const record_type *types; /* ascending code */
    unsigned type_count;
    const points_threshold *thresholds;
    unsigned threshold_count;
    period personal_kept; /* adverse records of persons are erased so long after they ended; default 5 years */

    period commitment_deadline, commitment_extension; /* defaults 15 and 10 working days */
    uint16_t breach_type;             /* record type that a breach counts as; 0: it only counts in broken_commitments */
    const commitment_matter *matters; /* ascending code */
    unsigned matter_count;

    const uint16_t *holidays, *workdays; /* ascending days: working days lost, weekend days worked */
    unsigned holiday_count, workday_count;
    uint8_t weekend; /* bits by day of the week, Monday 0; default Saturday and Sunday */

    const credit_list *lists; /* default: red list and serious list without any rules */
    unsigned list_count;

    uint32_t service_minutes_a_day; /* default 720 */
    const uint32_t *star_minutes;   /* ascending; default 100, 300, 600, 1000, 1500 hours */
    unsigned star_count;

    bool sources_given;           /* false: any source number, any field, any report, equal priority */
    const credit_source *sources; /* ascending number */
    unsigned source_count;

    const credit_area *areas; /* ascending code */
    unsigned area_count;
    const void *area_subjects; /* areas.c */

    const evaluation *evaluation; /* NULL: composite_* are what sources claim */
} credit_rules;

/* Never NULL: a set without such files has the defaults. */
const credit_rules *policy_credit(const policy_set *set);

const record_type *credit_record_type(const credit_rules *r, unsigned code); /* NULL if unknown */
const record_type *credit_record_type_find(const credit_rules *r, const char *id);
const commitment_matter *credit_matter(const credit_rules *r, unsigned code);
const credit_list *credit_list_of(const credit_rules *r, unsigned code);
const credit_source *credit_source_of(const credit_rules *r, unsigned number);
const credit_area *credit_area_find(const credit_rules *r, const char *id);
/* Is this subject, registered in this division, in the area (whatever the day)? */
bool credit_in_area(const credit_rules *r, const credit_area *area, const profile *p);
unsigned credit_stars(const credit_rules *r, uint32_t minutes);

/* ------------------------------------------------------------------ time */

/* The first day after a period that begins on `day`: day itself still counts. Working days follow the calendar: the
 * period of n working days from `day` ends after the n-th working day behind it, so its last day is one earlier.
 * PERIOD_NONE: `day`. Saturates at UINT16_MAX. */
int32_t credit_period_end(const credit_rules *r, int32_t day, period p);
bool credit_is_working_day(const credit_rules *r, int32_t day);

/* ------------------------------------------------------------------ what it makes of a subject */

/* How one record stands on a day. Linear points are points × days left / all days, rounded half up to hundredths. A
 * commitment's number stands for its breach as a record. An unknown type does nothing. Adverse records of persons are
 * over at the latest when they are to be erased. */
typedef struct record_standing {
    bool active; /* published, shared and used: not revoked, repaired or ended */
    bool repaired, revoked;
    uint16_t end; /* first day on which it is over by itself */
    uint16_t repairable_from;
    uint16_t points;  /* hundredths, on this day; 0 if not active */
    uint16_t effects; /* bits in force on this day */
} record_standing;
void credit_record_standing(const credit_rules *r, const dossier *d, uint32_t number, int32_t day,
                            record_standing *out);

/* Service on a day: it counts, was reversed, or is from before the day of a record that makes it void. */
typedef enum service_state { SERVICE_COUNTED, SERVICE_REVERSED, SERVICE_VOID } service_state;
service_state credit_service_state(const credit_rules *r, const dossier *d, uint32_t number, int32_t day);

typedef struct commitment_standing {
    uint8_t state; /* commitment_state as of this day; an overdue one is BREACHED */
    bool overdue;  /* BREACHED because the deadline passed */
    bool repaired;
    bool extended;
    uint16_t accepted; /* day, 0 if not yet */
    uint16_t deadline; /* last day for fulfilling it; 0 none */
    uint16_t breached; /* day of the breach, 0 none */
} commitment_standing;
void credit_commitment_standing(const credit_rules *r, const dossier *d, uint32_t number, int32_t day,
                                commitment_standing *out);

typedef struct listing_standing {
    bool active;
    uint16_t until;      /* first day not listed any longer; 0 no end */
    uint16_t removed_by; /* 0 nothing; 1 a delisting, 2 a record, 3 a breach, 4 another list */
} listing_standing;
void credit_listing_standing(const credit_rules *r, const dossier *d, uint32_t number, int32_t day,
                             listing_standing *out);
/* All listings of a dossier in order of their numbers, at the price of one; how many. */
unsigned credit_listing_standings(const credit_rules *r, const dossier *d, int32_t day,
                                  uint16_t numbers[LIMIT_DOSSIER_ITEMS], listing_standing out[LIMIT_DOSSIER_ITEMS]);

/* The claim that a field's value comes from on the side of the sources: highest priority, then latest day, then latest
 * item. -1: nobody claims it. Source-side values of fields that are sums or flags get the dossier's share on top.
 *
 * Of a source its latest claim of a field is the one that counts. If that is a missing value (of a field that has one:
 * false and 0 are values), the source says nothing, and another's counts. A source or a field that the rules do not
 * list gives way to all that they do. */
int32_t credit_winner(const credit_rules *r, const dossier *d, unsigned field);

/* The profile as of `day`. `stored` is the profile as last published; without a dossier (d NULL) its fields are the
 * claims, with one they are those of the dossier's claims alone. Keeps id, seq, side. A list's flag that sources claim
 * is not set while a record or breach is in force that would end a listing, or a list is that excludes it. Sets
 * composite_* (if there is an evaluation) and change_day: the first day after `day` on which the result would differ
 * without any new report; 0 never. credit_derive(credit_derive(p)) = credit_derive(p) for the same dossier and day. */
void credit_derive(const credit_rules *r, const dossier *d, const profile *stored, int32_t day, profile *out);

/* Numbers of items of a person's dossier whose time to be kept is over on `day`: at most max; returns how many. With
 * *next the first later day on which there will be more (0 none), if not NULL. They are adverse records, counted from
 * the day of the behaviour, what names them, and service and listings that they ended: erased in the order given, any
 * number at a time, the profile stays as it is. */
unsigned credit_erasable(const credit_rules *r, const dossier *d, int32_t day, uint32_t *numbers, unsigned max,
                         uint16_t *next);

#endif
