/* Inside policy_load: the tree of a policy file, findings, and the small readers that the parsers of its parts share.
 *
 * Rules of the house: a reader that returns false, NULL or a bad status has said why as a finding (or set no_memory),
 * so its caller only goes on to the next thing: all that is wrong with a file is found in one go. */
#ifndef XINYI_ENGINE_POLICY_LOAD_H
#define XINYI_ENGINE_POLICY_LOAD_H

#include "base/limits.h"
#include "base/status.h"
#include "engine/policy.h"
#include "engine/policy_arena.h"
#include "engine/policy_model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct policy_loader {
    policy_findings *findings;
    policy_arena scratch;             /* of the current file: tree, cells, plans */
    policy_arena *keep;               /* of the set */
    const char *file;                 /* name of the current file */
    const struct credit_rules *rules; /* of the set, read before its scenarios; NULL: there are none (no areas) */
    bool no_memory;
    size_t told;        /* findings told; beyond LIMIT_POLICY_FINDINGS they are only counted */
    uint64_t work;      /* what is left for deciding completeness, in words */
    size_t compiled;    /* bytes of tables so far */
    size_t file_errors; /* errors of the current file */
} policy_loader;

/* ------------------------------------------------------------------ the tree */

typedef enum policy_node_kind { NODE_TEXT, NODE_LIST, NODE_MAP } policy_node_kind;

typedef struct policy_node policy_node;
struct policy_node {
    uint8_t kind;
    bool quoted;
    bool straight;         /* a text that stands in the file as it is: columns within it can be told */
    uint32_t line, column; /* 1-based */
    uint32_t length;       /* of the text */
    uint32_t count;        /* of items, or of keys */
    const char *text;      /* NUL-terminated, without control characters but line ends */
    policy_node *first;    /* items; of a map: its keys, all different */
    policy_node *value;    /* of a key */
    policy_node *next;
};

/* Parses YAML, the plain part of it: texts, lists, maps; no anchors, aliases, tags, nor a second document.
 * POLICY_INVALID (said), NO_MEMORY. The tree lives in l->scratch. */
status policy_yaml_parse(policy_loader *l, const char *text, size_t length, policy_node **root) MUST_CHECK;

/* ------------------------------------------------------------------ findings */

void policy_say_at(policy_loader *l, policy_severity severity, policy_mark at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* At a byte within a text node, if that can be told, else at its beginning. */
void policy_say_in(policy_loader *l, policy_severity severity, const policy_node *node, size_t offset,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
#define policy_say(l, severity, node, ...) policy_say_in((l), (severity), (node), SIZE_MAX, __VA_ARGS__)
#define policy_error(l, node, ...) policy_say_in((l), POLICY_ERROR, (node), SIZE_MAX, __VA_ARGS__)

static inline policy_mark policy_mark_of(const policy_node *node) { return (policy_mark){node->line, node->column}; }

/* ------------------------------------------------------------------ readers */

typedef struct policy_key {
    const char *name;
    bool required;
    const policy_node *value; /* found; NULL if absent */
} policy_key;

/* Sorts a map's values into `keys`; unknown and missing keys are said. False if the node is not a map; missing keys are
 * no reason to stop. `what` names the thing in messages: "a table". */
bool policy_read_keys(policy_loader *l, const policy_node *node, const char *what, policy_key *keys, size_t count);

/* A text, not empty; NULL (said) for a list or a map. Kept in the set. */
const char *policy_read_text(policy_loader *l, const policy_node *node, const char *what);
/* A text of letters, digits, '_', '-' and '.', or Chinese, without spaces, at most LIMIT_NAME_MAX bytes. */
const char *policy_read_name(policy_loader *l, const policy_node *node, const char *what);
bool policy_read_number(policy_loader *l, const policy_node *node, const char *what, int64_t min, int64_t max,
                        int64_t *out);
bool policy_read_bool(policy_loader *l, const policy_node *node, const char *what, bool *out);
/* Money of at most LIMIT_AMOUNT_FEN, a ratio in basis points, a duration in ms (policy_value.h). */
bool policy_read_amount(policy_loader *l, const policy_node *node, const char *what, int64_t *fen);
bool policy_read_ratio(policy_loader *l, const policy_node *node, const char *what, int64_t min, int64_t max,
                       int64_t *bp);
bool policy_read_duration(policy_loader *l, const policy_node *node, const char *what, int64_t *ms);
const profile_field *policy_read_field(policy_loader *l, const policy_node *node);
/* A list; false (said) for anything else. */
bool policy_is_list(policy_loader *l, const policy_node *node, const char *what);
bool policy_is_text(const policy_node *node, const char *text);
/* A cell or a list of cells, any of which will do. *text is how it was written, kept in the set; NULL for "-". */
bool policy_read_cell(policy_loader *l, const profile_field *field, const policy_node *node, sfeel_test *out,
                      const char **text);
/* A profile field's value, as in examples. */
bool policy_read_value(policy_loader *l, const profile_field *field, const policy_node *node, int64_t *out);
/* What an example begins with, whatever it is of. */
typedef struct policy_named {
    const char *name; /* "" if it could not be read */
    policy_mark mark;
} policy_named;
/* Says which of `count` examples, `size` bytes apart, have the name of another. */
void policy_check_names(policy_loader *l, const void *examples, size_t size, unsigned count);
/* "; did you mean …" over the names of fields. */
const char *policy_suggest_field(const char *text, size_t length, char *buffer, size_t room);

/* ------------------------------------------------------------------ the parts of a file */

/* Each fills its part as far as it can and says what is wrong. */
void policy_parse(policy_loader *l, const policy_node *root, policy *out);
void policy_parse_scope(policy_loader *l, const policy_node *node, policy *out);
/* Tables of decisions, or of a guarantee program (`guarantee`). */
void policy_parse_tables(policy_loader *l, const policy_node *node, policy *out, bool guarantee, policy_table **tables,
                         unsigned *count);
/* A row's `pilot:`; NULL (said) if it cannot be read. The period in force of `owner` is known. */
const policy_pilot *policy_parse_pilot(policy_loader *l, const policy_node *node, const policy *owner);
/* The value of `area:` in a scope: as a pilot of areas alone. */
const policy_pilot *policy_parse_area_scope(policy_loader *l, const policy_node *node, const policy *owner);
void policy_parse_guarantee(policy_loader *l, const policy_node *node, policy *out);
/* After the tables, whose rows they name. */
void policy_parse_examples(policy_loader *l, const policy_node *node, policy *out, bool guarantee,
                           policy_example **examples, unsigned *count);

/* Decides completeness of a policy's tables and compiles them. Only for a file without errors so far. */
void policy_check_tables(policy_loader *l, policy *p);
/* What can only be wrong between files: names, codes, periods. */
void policy_check_set(policy_loader *l, const policy *items, size_t count);

#endif
