/* Findings, and the readers that every part of a policy is parsed with. A reader checks one node against one
 * expectation and says what was expected; the parsers above it only combine them. */
#include "engine/policy_load.h"

#include "engine/policy_suggest.h"
#include "engine/policy_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ findings */

void policy_findings_deinit(policy_findings *f) {
    free(f->items);
    *f = (policy_findings){0};
}

static policy_finding *new_finding(policy_loader *l) {
    policy_findings *f = l->findings;
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 16;
        policy_finding *grown = realloc(f->items, capacity * sizeof *grown);
        if (!grown) {
            l->no_memory = true;
            return NULL;
        }
        f->items = grown;
        f->capacity = capacity;
    }
    return &f->items[f->count++];
}

/* The tail of a long name tells more than its head. */
static void copy_name(char *to, size_t room, const char *name) {
    size_t n = strlen(name);
    if (n < room)
        snprintf(to, room, "%s", name);
    else
        snprintf(to, room, "...%s", name + n - (room - 4));
}

/* One line, and no half of a character at its end. */
static void make_line(char *text, size_t room, int wanted) {
    size_t n = strlen(text);
    while (wanted >= (int)room && n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80) n--;
    if (wanted >= (int)room && n > 0 && (unsigned char)text[n - 1] >= 0xC0) n--;
    text[n] = 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20) text[i] = ' ';
}

static __attribute__((format(printf, 4, 0))) void say(policy_loader *l, policy_severity severity, policy_mark at,
                                                      const char *format, va_list args) {
    l->findings->errors += severity == POLICY_ERROR;
    l->findings->warnings += severity == POLICY_WARNING;
    l->file_errors += severity == POLICY_ERROR;
    if (l->told > LIMIT_POLICY_FINDINGS) return;
    policy_finding *f = new_finding(l);
    if (!f) return;
    *f = (policy_finding){.severity = severity, .line = at.line, .column = at.column};
    copy_name(f->file, sizeof f->file, l->file ? l->file : "");
    if (l->told++ < LIMIT_POLICY_FINDINGS) {
        int wanted = vsnprintf(f->message, sizeof f->message, format, args);
        make_line(f->message, sizeof f->message, wanted);
        return;
    }
    f->line = f->column = 0;
    f->file[0] = 0;
    snprintf(f->message, sizeof f->message, "more findings are not shown; correct these first");
}

void policy_say_at(policy_loader *l, policy_severity severity, policy_mark at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(l, severity, at, format, args);
    va_end(args);
}

void policy_say_in(policy_loader *l, policy_severity severity, const policy_node *node, size_t offset,
                   const char *format, ...) {
    policy_mark at = policy_mark_of(node);
    if (node->kind == NODE_TEXT && node->straight && offset <= node->length) {
        at.column += node->quoted;
        for (size_t i = 0; i < offset; i++) at.column += ((unsigned char)node->text[i] & 0xC0) != 0x80;
    }
    va_list args;
    va_start(args, format);
    say(l, severity, at, format, args);
    va_end(args);
}

/* ------------------------------------------------------------------ maps and lists */

static const char *kind_name(const policy_node *node) {
    return node->kind == NODE_TEXT ? "a text" : (node->kind == NODE_LIST ? "a list" : "a map of keys and values");
}

static int shown(const policy_node *node) { return policy_shown(node->text, node->length); }

static void unknown_key(policy_loader *l, const policy_node *key, const char *what, const policy_key *keys,
                        size_t count) {
    const char *names[LIMIT_POLICY_KEYS] = {0};
    char near[80], all[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) names[i] = keys[i].name;
    policy_suggest_text(key->text, key->length, names, count, near, sizeof near);
    for (size_t i = 0; i < count && near[0] == 0 && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "; known are ", names[i]);
    bool bare = key->value && key->value->kind == NODE_TEXT && key->value->length == 0; /* { a: b, c } */
    policy_error(l, key, "unknown key '%.*s' in %s%s%s", shown(key), key->text, what,
                 bare ? "; a text with a comma needs quotes within { }" : near, bare ? "" : all);
}

bool policy_read_keys(policy_loader *l, const policy_node *node, const char *what, policy_key *keys, size_t count) {
    for (size_t i = 0; i < count; i++) keys[i].value = NULL;
    if (node->kind != NODE_MAP) {
        policy_error(l, node, "%s is written as keys and values, not as %s", what, kind_name(node));
        return false;
    }
    for (const policy_node *key = node->first; key; key = key->next) {
        size_t i = 0;
        while (i < count && (strlen(keys[i].name) != key->length || memcmp(keys[i].name, key->text, key->length) != 0))
            i++;
        if (i == count)
            unknown_key(l, key, what, keys, count);
        else if (!keys[i].value)
            keys[i].value = key->value;
    }
    for (size_t i = 0; i < count; i++)
        if (keys[i].required && !keys[i].value) policy_error(l, node, "'%s:' is missing in %s", keys[i].name, what);
    return true;
}

bool policy_is_list(policy_loader *l, const policy_node *node, const char *what) {
    if (node->kind == NODE_LIST) return true;
    policy_error(l, node, "%s is a list, not %s; write it in [ ] or with one '- ' a line", what, kind_name(node));
    return false;
}

bool policy_is_text(const policy_node *node, const char *text) {
    return node->kind == NODE_TEXT && strlen(text) == node->length && memcmp(node->text, text, node->length) == 0;
}

/* ------------------------------------------------------------------ texts */

static bool want_text(policy_loader *l, const policy_node *node, const char *what) {
    if (node->kind == NODE_TEXT && node->length > 0) return true;
    if (node->kind == NODE_TEXT)
        policy_error(l, node, "%s is empty", what);
    else
        policy_error(l, node, "%s is a text, not %s", what, kind_name(node));
    return false;
}

static const char *keep_text(policy_loader *l, const char *text, size_t length) {
    const char *copy = policy_arena_text(l->keep, text, length);
    if (!copy) l->no_memory = true;
    return copy;
}

const char *policy_read_text(policy_loader *l, const policy_node *node, const char *what) {
    return want_text(l, node, what) ? keep_text(l, node->text, node->length) : NULL;
}

static bool is_name_byte(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c >= 0x80;
}

const char *policy_read_name(policy_loader *l, const policy_node *node, const char *what) {
    if (!want_text(l, node, what)) return NULL;
    for (size_t i = 0; i < node->length; i++) {
        if (is_name_byte((unsigned char)node->text[i])) continue;
        policy_say_in(l, POLICY_ERROR, node, i, "%s is one word of letters, digits, '_', '-' and '.'", what);
        return NULL;
    }
    if (node->length > LIMIT_NAME_MAX) {
        policy_error(l, node, "%s has more than %d bytes", what, LIMIT_NAME_MAX);
        return NULL;
    }
    return keep_text(l, node->text, node->length);
}

static int by_name(const void *a, const void *b) {
    const policy_named *x = *(const policy_named *const *)a, *y = *(const policy_named *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->mark.line > y->mark.line) - (x->mark.line < y->mark.line);
}

void policy_check_names(policy_loader *l, const void *examples, size_t size, unsigned count) {
    const policy_named **sorted = POLICY_ARENA_ARRAY(&l->scratch, const policy_named *, count);
    if (!sorted) {
        l->no_memory = true;
        return;
    }
    for (unsigned i = 0; i < count; i++) sorted[i] = (const void *)((const char *)examples + i * size);
    qsort(sorted, count, sizeof *sorted, by_name);
    for (unsigned i = 1; i < count; i++)
        if (sorted[i]->name[0] && strcmp(sorted[i]->name, sorted[i - 1]->name) == 0)
            policy_say_at(l, POLICY_ERROR, sorted[i]->mark,
                          "an example of this name stands in line %u already; rename one", sorted[i - 1]->mark.line);
}

/* ------------------------------------------------------------------ values */

bool policy_read_number(policy_loader *l, const policy_node *node, const char *what, int64_t min, int64_t max,
                        int64_t *out) {
    if (!want_text(l, node, what)) return false;
    size_t at = node->text[0] == '-';
    int64_t v = 0;
    bool good = node->length > at && node->length < 19 && !(node->length > at + 1 && node->text[at] == '0');
    for (size_t i = at; good && i < node->length; i++) {
        good = node->text[i] >= '0' && node->text[i] <= '9';
        v = v * 10 + (node->text[i] - '0');
    }
    *out = at ? -v : v;
    if (good && *out >= min && *out <= max) return true;
    policy_error(l, node, "%s is a whole number from %lld to %lld, not '%.*s'", what, (long long)min, (long long)max,
                 shown(node), node->text);
    return false;
}

bool policy_read_bool(policy_loader *l, const policy_node *node, const char *what, bool *out) {
    if (!want_text(l, node, what)) return false;
    if (sfeel_parse_bool(node->text, node->length, out)) return true;
    policy_error(l, node, "%s is true or false, not '%.*s'", what, shown(node), node->text);
    return false;
}

bool policy_read_amount(policy_loader *l, const policy_node *node, const char *what, int64_t *fen) {
    char why[POLICY_WHY_TEXT];
    size_t used;
    bool unit;
    if (!want_text(l, node, what)) return false;
    if (!policy_value_amount(node->text, node->length, fen, &used, &unit, why)) {
        policy_error(l, node, "%s: %s", what, why);
        return false;
    }
    if (used == node->length) return true;
    policy_say_in(l, POLICY_ERROR, node, used, "%s is an amount such as 5000, 50 yuan or 30万元", what);
    return false;
}

bool policy_read_ratio(policy_loader *l, const policy_node *node, const char *what, int64_t min, int64_t max,
                       int64_t *bp) {
    char why[POLICY_WHY_TEXT];
    if (!want_text(l, node, what)) return false;
    if (!policy_value_ratio(node->text, node->length, bp, why)) {
        policy_error(l, node, "%s: %s", what, why);
        return false;
    }
    if (*bp >= min && *bp <= max) return true;
    policy_error(l, node, "%s is from %lld to %lld basis points, not %lld; 1%% is 100", what, (long long)min,
                 (long long)max, (long long)*bp);
    return false;
}

bool policy_read_duration(policy_loader *l, const policy_node *node, const char *what, int64_t *ms) {
    char why[POLICY_WHY_TEXT];
    if (!want_text(l, node, what)) return false;
    if (policy_value_duration(node->text, node->length, ms, why)) return true;
    policy_error(l, node, "%s: %s", what, why);
    return false;
}

/* ------------------------------------------------------------------ fields and cells */

const char *policy_suggest_field(const char *text, size_t length, char *buffer, size_t room) {
    const char *names[PROFILE_FIELD_COUNT];
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) names[i] = profile_field_at(i)->name;
    return policy_suggest_text(text, length, names, PROFILE_FIELD_COUNT, buffer, room);
}

const profile_field *policy_read_field(policy_loader *l, const policy_node *node) {
    if (!want_text(l, node, "a field")) return NULL;
    const profile_field *field = profile_field_find(node->text, node->length);
    char near[80];
    if (!field)
        policy_error(l, node, "unknown field '%.*s'%s", shown(node), node->text,
                     policy_suggest_field(node->text, node->length, near, sizeof near));
    return field;
}

bool policy_read_value(policy_loader *l, const profile_field *field, const policy_node *node, int64_t *out) {
    if (!want_text(l, node, field->name)) return false;
    sfeel_error e;
    status s = sfeel_parse_value(field, node->text, node->length, out, &e);
    if (s != STATUS_OK) policy_say_in(l, POLICY_ERROR, node, e.offset, "%s", e.message);
    return s == STATUS_OK;
}

static bool read_test(policy_loader *l, const profile_field *field, const policy_node *node, sfeel_test *out) {
    if (node->kind != NODE_TEXT) {
        policy_error(l, node, "a cell is a text, not %s; put cells such as '[3..6)' in quotes", kind_name(node));
        return false;
    }
    sfeel_error e;
    status s = sfeel_parse(field, node->text, node->length, &l->scratch, out, &e);
    if (s == STATUS_NO_MEMORY)
        l->no_memory = true;
    else if (s != STATUS_OK)
        policy_say_in(l, POLICY_ERROR, node, e.offset, "%s", e.message);
    return s == STATUS_OK;
}

/* Several tests as one text, for people: "A, B". */
static const char *join_texts(policy_loader *l, const policy_node *list) {
    size_t total = 1, used = 0;
    for (const policy_node *n = list->first; n; n = n->next) total += n->length + 2u;
    char *text = policy_arena_alloc(l->keep, total, 1);
    if (!text) {
        l->no_memory = true;
        return NULL;
    }
    for (const policy_node *n = list->first; n; n = n->next)
        used += (size_t)snprintf(text + used, total - used, "%s%s", used ? ", " : "", n->text);
    return text;
}

static bool read_tests(policy_loader *l, const profile_field *field, const policy_node *list, sfeel_test *out) {
    if (list->count == 0) {
        policy_error(l, list, "an empty list is never true; write '-' for any value");
        return false;
    }
    if (list->count > LIMIT_POLICY_ALTERNATIVES) {
        policy_error(l, list, "more than %d alternatives in one cell; use ranges or several rows",
                     LIMIT_POLICY_ALTERNATIVES);
        return false;
    }
    sfeel_test tests[LIMIT_POLICY_ALTERNATIVES];
    size_t n = 0;
    bool good = true;
    for (const policy_node *item = list->first; item; item = item->next) good &= read_test(l, field, item, &tests[n++]);
    if (!good) return false;
    if (sfeel_union(field, tests, n, &l->scratch, out) == STATUS_OK) return true;
    l->no_memory = true;
    return false;
}

bool policy_read_cell(policy_loader *l, const profile_field *field, const policy_node *node, sfeel_test *out,
                      const char **text) {
    *text = NULL;
    bool list = node->kind == NODE_LIST;
    if (!(list ? read_tests(l, field, node, out) : read_test(l, field, node, out))) return false;
    if (!out->any) *text = list ? join_texts(l, node) : keep_text(l, node->text, node->length);
    return out->any || *text;
}
