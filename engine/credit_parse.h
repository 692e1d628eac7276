/* Inside policy_load: the part files of a set, which become its credit_rules.
 *
 * A file's first key says what it is: `policy:` a scenario, one of CREDIT_PARTS a part. Parts are read before the
 * scenarios, in the order of the files; what one names of another is looked up when all have been read.
 * As everywhere in a load, what returns false, NULL or nothing has said why. */
#ifndef XINYI_ENGINE_CREDIT_PARSE_H
#define XINYI_ENGINE_CREDIT_PARSE_H

#include "engine/credit.h"
#include "engine/policy_load.h"

/*  X(NAME, key, derives): derives: profiles depend on the part, so its text is part of credit_rules.hash. */
#define CREDIT_PARTS(X)                                                                                                \
    X(RECORDS, "records", 1)                                                                                           \
    X(COMMITMENTS, "commitments", 1)                                                                                   \
    X(CALENDAR, "calendar", 1)                                                                                         \
    X(LISTS, "lists", 1)                                                                                               \
    X(SERVICE, "service", 1)                                                                                           \
    X(SOURCES, "sources", 1)                                                                                           \
    X(EVALUATION, "evaluation", 1)                                                                                     \
    X(AREAS, "areas", 0)

typedef enum credit_part {
#define X(name, key, derives) PART_##name,
    CREDIT_PARTS(X)
#undef X
        PART_COUNT
} credit_part;

#define CREDIT_EXAMPLE_ITEMS 256 /* of one example */

/* An example of the catalogue: a dossier, a day, and what the profile is then. Item 0 is a claim of the base. */
typedef struct credit_example {
    const char *name, *file;
    policy_mark mark;
    int32_t day;
    subject_id subject;
    profile given, expect;
    uint64_t given_fields, expect_fields;
    item *items; /* from number 1 on */
    unsigned item_count;
    const char **lists; /* by item: the id of the list it is about, until all parts are read; NULL otherwise */
    policy_mark *list_marks;
} credit_example;

/* What is known while the parts of a set are read. */
typedef struct credit_loading {
    credit_rules *rules;
    const char *files[PART_COUNT];  /* NULL: the set has no such part (yet) */
    policy_mark starts[PART_COUNT]; /* where it stands there */
    uint64_t texts[PART_COUNT];     /* hash of its text */
    const char *breach;             /* id of a record type, as commitments name it */
    policy_mark breach_mark;
    bool types_missing, lists_missing; /* some could not be read: what names them may be right */
    credit_example *examples;          /* of the records */
    unsigned example_count;
} credit_loading;

/* Defaults, in the set's arena. False without memory. */
bool credit_loading_begin(policy_loader *l, credit_loading *c);
/* The part that a file is, by its first key; PART_COUNT if it is none. Says nothing about it. */
unsigned credit_part_of(policy_loader *l, const char *text, size_t length);
/* Is a file that is no part meant as a scenario? False: it was said what else is wrong with it. */
bool credit_is_scenario(policy_loader *l, const policy_node *root);
/* Reads a part; the tree of `file`. */
void credit_parse(policy_loader *l, credit_loading *c, unsigned part, const policy_file *file, const policy_node *root);
/* After the last part: what they name of each other; the hash. */
void credit_loading_end(policy_loader *l, credit_loading *c);

/* ------------------------------------------------------------------ the parts */

void credit_parse_records(policy_loader *l, const policy_node *root, credit_loading *c);
/* After the types, which they name. */
void credit_parse_examples(policy_loader *l, const policy_node *node, credit_loading *c);
/* After all parts: the lists that examples name. */
void credit_resolve_examples(policy_loader *l, credit_loading *c);
size_t credit_run_examples(const policy_set *set, policy_report tell, void *context);
void credit_parse_commitments(policy_loader *l, const policy_node *root, credit_loading *c);
void credit_parse_calendar(policy_loader *l, const policy_node *root, credit_loading *c);
void credit_parse_lists(policy_loader *l, const policy_node *root, credit_loading *c);
void credit_parse_service(policy_loader *l, const policy_node *root, credit_loading *c);
void credit_parse_sources(policy_loader *l, const policy_node *root, credit_loading *c);
/* `list` is the list of areas itself. */
void credit_parse_areas(policy_loader *l, const policy_node *list, credit_rules *out);
void evaluation_parse(policy_loader *l, const policy_node *root, credit_rules *out);
/* After all parts: the sources that indicators name. */
void evaluation_resolve(policy_loader *l, const credit_rules *rules);

/* ------------------------------------------------------------------ readers of parts */

/* Reads the keys of a part: keys[0] is the one it is known by, with its id; the last CREDIT_HEAD_KEYS of `count` are
 * filled in here: title, authority, legal_basis, status, note. False: not a map. */
#define CREDIT_HEAD_KEYS 5
bool credit_read_head(policy_loader *l, const policy_node *root, const char *what, policy_key *keys, size_t count);

/* "3 months", "1 year", "15 working days", "30 days", "none". */
bool credit_read_period(policy_loader *l, const policy_node *node, const char *what, period *out);
/* Points with up to two decimals, in hundredths. */
bool credit_read_points(policy_loader *l, const policy_node *node, const char *what, uint16_t *out);
/* One of `names`, some of which may be NULL: its position. */
bool credit_read_word(policy_loader *l, const policy_node *node, const char *what, const char *const *names,
                      unsigned count, unsigned *out);
/* The list of a part whose own key says already what is in it: `areas: yunnan-2026` with the list under `items:`
 * (keys[1]), or the list right behind the first key. NULL if there is none. `what`: "areas". */
const policy_node *credit_read_items(policy_loader *l, const policy_node *root, const policy_key *keys,
                                     const char *what);
/* Memory of the set; NULL (said) without. */
#define CREDIT_KEEP(l, type, n) ((type *)credit_keep((l), (n) * sizeof(type), _Alignof(type)))
void *credit_keep(policy_loader *l, size_t size, size_t align);

#endif
