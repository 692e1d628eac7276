/* Pilots as they are written: `pilot: {areas: […], divisions: […], sectors: […], from: …, to: …}` of a row, and `area:`
 * of a scope. What is said here: names and codes that do not exist, and pilots that can never hold. */
#include "engine/credit.h"
#include "engine/policy_load.h"
#include "engine/policy_suggest.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/division.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A list, or one text alone. NULL (said) for anything else. */
static const policy_node *items_of(policy_loader *l, const policy_node *node, const char *what, unsigned *count) {
    *count = node->kind == NODE_LIST ? node->count : 1;
    if (node->kind == NODE_TEXT && node->length > 0) return node;
    if (!policy_is_list(l, node, what)) return NULL;
    if (*count == 0)
        policy_error(l, node, "%s is an empty list, which nobody is in; name some or leave it out", what);
    else if (*count > LIMIT_POLICY_ALTERNATIVES)
        policy_error(l, node, "more than %d in %s; name prefectures or areas instead", LIMIT_POLICY_ALTERNATIVES, what);
    else
        return node->first;
    return NULL;
}

static const policy_node *next_of(const policy_node *list, const policy_node *one) {
    return list->kind == NODE_LIST ? one->next : NULL;
}

/* "areas: a, b", kept in the set. */
static const char *text_of(policy_loader *l, const char *kind, const policy_node *list, const policy_node *first) {
    buf text = {0};
    for (const policy_node *one = first; one; one = next_of(list, one))
        buf_printf(&text, "%s%s", one == first ? "" : ", ", one->text);
    buf whole = {0};
    buf_printf(&whole, "%s: %.*s", kind, (int)text.size, text.size ? (const char *)text.data : "");
    const char *kept = NULL;
    if (buf_status(&text) == STATUS_OK && buf_status(&whole) == STATUS_OK)
        kept = policy_arena_text(l->keep, (const char *)whole.data, whole.size);
    if (!kept) l->no_memory = true;
    buf_deinit(&text);
    buf_deinit(&whole);
    return kept;
}

/* ------------------------------------------------------------------ areas */

static void unknown_area(policy_loader *l, const policy_node *node) {
    unsigned count = l->rules ? l->rules->area_count : 0;
    char near[80] = "";
    if (count == 0) {
        policy_error(l, node, "there are no areas; define them in a file of this set that begins with 'areas:'");
        return;
    }
    const char **names = POLICY_ARENA_ARRAY(&l->scratch, const char *, count);
    if (!names) {
        l->no_memory = true;
        return;
    }
    for (unsigned i = 0; i < count; i++) names[i] = l->rules->areas[i].id;
    policy_suggest_text(node->text, node->length, names, count, near, sizeof near);
    policy_error(l, node, "unknown area '%.*s'%s", policy_shown(node->text, node->length), node->text,
                 near[0] ? near : "; the areas are in the file of this set that begins with 'areas:'");
}

static bool read_areas(policy_loader *l, const policy_node *node, const char *key, policy_pilot *out) {
    unsigned count, n = 0;
    const policy_node *first = items_of(l, node, key, &count);
    if (!first) return false;
    const credit_area **areas = POLICY_ARENA_ARRAY(l->keep, const credit_area *, count);
    if (!areas) {
        l->no_memory = true;
        return false;
    }
    for (const policy_node *one = first; one; one = next_of(node, one)) {
        const credit_area *area = l->rules && one->kind == NODE_TEXT ? credit_area_find(l->rules, one->text) : NULL;
        if (area)
            areas[n++] = area;
        else if (one->kind == NODE_TEXT)
            unknown_area(l, one);
        else
            policy_error(l, one, "an area is named by its id");
    }
    if (n < count) return false;
    out->rules = l->rules;
    out->areas = areas;
    out->area_count = n;
    out->texts[PILOT_AREAS] = text_of(l, "areas", node, first);
    return true;
}

/* ------------------------------------------------------------------ divisions and sectors */

/* The codes that a division or a sector covers; see division_covers and the cells of these fields. */
static policy_span span_of(const profile_field *field, uint32_t code) {
    uint32_t more = 0;
    if (field->type == PROFILE_SECTOR)
        more = code % 100 == 0 ? 99 : 0;
    else if (code % 100 == 0)
        more = code % 10000 == 0 ? 9999 : 99;
    return (policy_span){code, code + more};
}

static int by_low(const void *a, const void *b) {
    const policy_span *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

/* Codes are a hierarchy: of two that meet, the one that begins first holds the other. */
static unsigned join_spans(policy_span *spans, unsigned count) {
    unsigned kept = 0;
    qsort(spans, count, sizeof *spans, by_low);
    for (unsigned i = 1; i < count; i++)
        if (spans[i].low > spans[kept].high) spans[++kept] = spans[i];
    return kept + 1;
}

static bool read_codes(policy_loader *l, const policy_node *node, unsigned field_number, unsigned kind,
                       const char *name, const policy_span **spans, unsigned *span_count, policy_pilot *out) {
    const profile_field *field = profile_field_at(field_number);
    unsigned count, n = 0;
    const policy_node *first = items_of(l, node, name, &count);
    if (!first) return false;
    policy_span *found = POLICY_ARENA_ARRAY(l->keep, policy_span, count);
    if (!found) {
        l->no_memory = true;
        return false;
    }
    for (const policy_node *one = first; one; one = next_of(node, one)) {
        int64_t code;
        if (!policy_read_value(l, field, one, &code)) continue;
        if (code == PROFILE_MISSING) {
            policy_error(l, one, "a pilot names %s that exist; subjects without one are in no pilot", name);
            continue;
        }
        if (field->type == PROFILE_DIVISION && !division_find((uint32_t)code))
            policy_say(l, POLICY_WARNING, one, "no division with the code %06lld is known; check the number",
                       (long long)code);
        found[n++] = span_of(field, (uint32_t)code);
    }
    if (n < count) return false;
    *spans = found;
    *span_count = join_spans(found, n);
    out->texts[kind] = text_of(l, name, node, first);
    return true;
}

/* ------------------------------------------------------------------ period */

static bool read_day(policy_loader *l, const policy_node *node, int32_t *day) {
    if (node->kind == NODE_TEXT && clock_parse_day(node->text, node->length, day)) return true;
    policy_error(l, node, "a pilot begins and ends with a day, written YYYY-MM-DD");
    return false;
}

static bool read_period(policy_loader *l, const policy_node *from, const policy_node *to, policy_pilot *out) {
    char text[2 * CLOCK_DATE_TEXT + 16] = "", day[CLOCK_DATE_TEXT];
    size_t n = 0;
    if (!from && !to) return true;
    if (from && !read_day(l, from, &out->from_day)) return false;
    if (to && !read_day(l, to, &out->to_day)) return false;
    if (out->to_day <= out->from_day) {
        policy_error(l, to, "the pilot ends before it begins; 'to' is the first day on which it is over");
        return false;
    }
    if (from) n += (size_t)snprintf(text + n, sizeof text - n, "from %s", clock_format_day(out->from_day, day));
    if (to) snprintf(text + n, sizeof text - n, "%sto %s", from ? " " : "", clock_format_day(out->to_day, day));
    out->texts[PILOT_PERIOD] = policy_arena_text(l->keep, text, strlen(text));
    if (!out->texts[PILOT_PERIOD]) l->no_memory = true;
    return out->texts[PILOT_PERIOD] != NULL;
}

/* A pilot outside the policy's own period, or of areas that are over by then, says something else than was meant. */
static void check_ever(policy_loader *l, const policy_node *node, const policy_pilot *pilot, const policy *owner) {
    policy_pilot whole = {.from_day = policy_day_of_hour(owner->from_hour), .to_day = policy_day_after(owner->to_hour)};
    if (whole.from_day >= whole.to_day || !policy_pilot_apart(pilot, &whole)) return;
    policy_error(l, node,
                 "the pilot can never hold: it%s does not meet the period of the policy; check 'from', 'to' and "
                 "'effective'",
                 pilot->area_count ? ", or its areas' own period," : "");
}

/* ------------------------------------------------------------------ the whole */

static policy_pilot *new_pilot(policy_loader *l) {
    policy_pilot *pilot = POLICY_ARENA_ARRAY(l->keep, policy_pilot, 1);
    if (pilot)
        *pilot = (policy_pilot){.from_day = INT32_MIN, .to_day = INT32_MAX};
    else
        l->no_memory = true;
    return pilot;
}

const policy_pilot *policy_parse_pilot(policy_loader *l, const policy_node *node, const policy *owner) {
    enum { AREAS, DIVISIONS, SECTORS, FROM, TO, COUNT };
    policy_key k[COUNT] = {
        {.name = "areas"}, {.name = "divisions"}, {.name = "sectors"}, {.name = "from"}, {.name = "to"}};
    policy_pilot *out = new_pilot(l);
    if (!out || !policy_read_keys(l, node, "'pilot'", k, COUNT)) return NULL;
    bool good = true;
    if (k[AREAS].value) good &= read_areas(l, k[AREAS].value, "'areas'", out);
    if (k[DIVISIONS].value)
        good &= read_codes(l, k[DIVISIONS].value, FIELD_division, PILOT_DIVISIONS, "divisions", &out->divisions,
                           &out->division_count, out);
    if (k[SECTORS].value)
        good &= read_codes(l, k[SECTORS].value, FIELD_sector, PILOT_SECTORS, "sectors", &out->sectors,
                           &out->sector_count, out);
    good &= read_period(l, k[FROM].value, k[TO].value, out);
    if (good && node->count == 0)
        policy_error(l, node, "the pilot restricts nothing; name areas or a day, or remove it");
    if (good) check_ever(l, node, out, owner);
    return good ? out : NULL;
}

const policy_pilot *policy_parse_area_scope(policy_loader *l, const policy_node *node, const policy *owner) {
    policy_pilot *out = new_pilot(l);
    if (!out || !read_areas(l, node, "'area'", out)) return NULL;
    check_ever(l, node, out, owner);
    return out;
}
