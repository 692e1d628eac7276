/* Named areas: parks, communities, alliances, by divisions and by subjects named one by one. Members are counted first,
 * so that the set they lie in is made once, in its final size. */
#include "engine/areas.h"
#include "engine/credit_parse.h"

#include "base/clock.h"
#include "base/division.h"
#include "engine/policy_suggest.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_CODE, KEY_ID, KEY_TITLE, KEY_KIND, KEY_DIVISIONS, KEY_SUBJECTS, KEY_EFFECTIVE, KEY_NOTE, KEY_COUNT };

typedef struct area_reader {
    policy_loader *l;
    credit_rules *rules;
    credit_area *areas;
    area_subjects *members;
    size_t room; /* members that were counted and not read yet */
} area_reader;

static const char *or_empty(const char *text) { return text ? text : ""; }

/* ------------------------------------------------------------------ who is in it */

static void read_divisions(area_reader *r, const policy_node *node, credit_area *area) {
    const profile_field *field = profile_field_at(FIELD_division);
    if (!policy_is_list(r->l, node, "'divisions'")) return;
    if (node->count > LIMIT_POLICY_ALTERNATIVES) {
        policy_error(r->l, node, "%u divisions in one area; at most %d, and a prefecture covers its counties",
                     node->count, LIMIT_POLICY_ALTERNATIVES);
        return;
    }
    uint32_t *codes = POLICY_ARENA_ARRAY(r->l->keep, uint32_t, node->count);
    if (!codes) {
        r->l->no_memory = true;
        return;
    }
    for (const policy_node *n = node->first; n; n = n->next) {
        int64_t code;
        if (!policy_read_value(r->l, field, n, &code)) continue;
        if (code == PROFILE_MISSING)
            policy_error(r->l, n, "a division is a number of six digits, such as 530100");
        else if (!division_find((uint32_t)code))
            policy_say(r->l, POLICY_WARNING, n, "no division with the code %06lld is known; check the number",
                       (long long)code);
        if (code != PROFILE_MISSING) codes[area->division_count++] = (uint32_t)code;
    }
    area->divisions = codes;
}

static void read_subject(area_reader *r, const policy_node *node, credit_area *area) {
    char why[200];
    subject_id subject;
    if (node->kind != NODE_TEXT) {
        policy_error(r->l, node, "a subject is a text, such as 'uscc:91530000MA00TTT099'");
        return;
    }
    /* dates of birth are not compared with today: what a policy says does not depend on when it is loaded */
    subject_finding f = subject_parse(node->text, node->length, INT32_MAX, &subject);
    if (subject_verdict_is_error(f.verdict)) {
        policy_error(r->l, node, "'%.*s' names no subject: %s", policy_shown(node->text, node->length), node->text,
                     subject_explain(&f, node->text, why, sizeof why));
        return;
    }
    if (area->code == 0) return; /* said */
    if (area_subjects_add(r->members, area->code, &subject))
        area->subject_count++;
    else
        policy_say(r->l, POLICY_WARNING, node, "this subject stands in the area '%s' twice; remove one", area->id);
}

static void read_subjects(area_reader *r, const policy_node *node, credit_area *area) {
    if (!policy_is_list(r->l, node, "'subjects'")) return;
    for (const policy_node *n = node->first; n && r->members; n = n->next) read_subject(r, n, area);
}

/* ------------------------------------------------------------------ when */

static bool read_day(policy_loader *l, const policy_node *node, int32_t *day) {
    if (node->kind == NODE_TEXT && clock_parse_day(node->text, node->length, day)) return true;
    policy_error(l, node, "an area begins and ends with a day, written YYYY-MM-DD");
    return false;
}

static void read_effective(policy_loader *l, const policy_node *node, credit_area *area) {
    policy_key keys[] = {{.name = "from"}, {.name = "to"}};
    if (!policy_read_keys(l, node, "'effective'", keys, 2)) return;
    if (keys[0].value) read_day(l, keys[0].value, &area->from_day);
    if (keys[1].value && read_day(l, keys[1].value, &area->to_day) && area->to_day <= area->from_day)
        policy_error(l, keys[1].value, "the area ends before it begins; 'to' is the first day on which it is over");
}

/* ------------------------------------------------------------------ areas */

/* Ids and codes name one area each; a code is for ever. */
static void check_area(area_reader *r, const policy_node *node, const credit_area *area) {
    for (unsigned i = 0; i < r->rules->area_count; i++) {
        const credit_area *other = &r->areas[i];
        if (area->code && other->code == area->code)
            policy_error(r->l, node, "the area code %u is taken by '%s'; give each area a code of its own", area->code,
                         other->id);
        if (area->id[0] && strcmp(other->id, area->id) == 0)
            policy_error(r->l, node, "the area '%s' is defined twice; rename or remove one", area->id);
    }
}

static void read_area(area_reader *r, const policy_node *node) {
    policy_key k[KEY_COUNT] = {[KEY_CODE] = {.name = "code", .required = true},
                               [KEY_ID] = {.name = "id", .required = true},
                               [KEY_TITLE] = {.name = "title"},
                               [KEY_KIND] = {.name = "kind"},
                               [KEY_DIVISIONS] = {.name = "divisions"},
                               [KEY_SUBJECTS] = {.name = "subjects"},
                               [KEY_EFFECTIVE] = {.name = "effective"},
                               [KEY_NOTE] = {.name = "note"}};
    credit_area area = {.id = "", .title = "", .kind = "", .from_day = INT32_MIN, .to_day = INT32_MAX};
    int64_t code = 0;
    if (!policy_read_keys(r->l, node, "an area", k, KEY_COUNT)) return;
    if (k[KEY_CODE].value && policy_read_number(r->l, k[KEY_CODE].value, "an area's code", 1, UINT16_MAX, &code))
        area.code = (uint16_t)code;
    if (k[KEY_ID].value) area.id = or_empty(policy_read_name(r->l, k[KEY_ID].value, "an area's id"));
    area.title = area.id;
    if (k[KEY_TITLE].value) area.title = or_empty(policy_read_text(r->l, k[KEY_TITLE].value, "an area's title"));
    if (k[KEY_KIND].value) area.kind = or_empty(policy_read_name(r->l, k[KEY_KIND].value, "an area's kind"));
    if (k[KEY_NOTE].value) (void)policy_read_text(r->l, k[KEY_NOTE].value, "a note");
    check_area(r, node, &area);
    size_t errors = r->l->file_errors;
    if (k[KEY_DIVISIONS].value) read_divisions(r, k[KEY_DIVISIONS].value, &area);
    if (k[KEY_SUBJECTS].value) read_subjects(r, k[KEY_SUBJECTS].value, &area);
    if (k[KEY_EFFECTIVE].value) read_effective(r->l, k[KEY_EFFECTIVE].value, &area);
    if (area.division_count == 0 && area.subject_count == 0 && r->l->file_errors == errors)
        policy_say(r->l, POLICY_WARNING, node, "nobody is in the area '%s'; name 'divisions:' or 'subjects:'", area.id);
    r->areas[r->rules->area_count++] = area;
}

/* What is named one by one, in all areas. */
static size_t count_subjects(const policy_node *list) {
    size_t n = 0;
    for (const policy_node *area = list->first; area; area = area->next)
        for (const policy_node *key = area->kind == NODE_MAP ? area->first : NULL; key; key = key->next)
            if (policy_is_text(key, "subjects") && key->value && key->value->kind == NODE_LIST) n += key->value->count;
    return n;
}

static bool make_members(area_reader *r, const policy_node *list) {
    size_t members = count_subjects(list);
    if (members > LIMIT_AREA_SUBJECTS) {
        policy_error(r->l, list, "%zu subjects are named one by one; all areas together have at most %u, use divisions",
                     members, LIMIT_AREA_SUBJECTS);
        return false;
    }
    void *memory = policy_arena_alloc(r->l->keep, area_subjects_bytes(members), 64);
    r->areas = POLICY_ARENA_ARRAY(r->l->keep, credit_area, list->count);
    if (!memory || !r->areas) {
        r->l->no_memory = true;
        return false;
    }
    r->members = area_subjects_init(memory, members);
    return true;
}

static int by_code(const void *a, const void *b) {
    const credit_area *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

void credit_parse_areas(policy_loader *l, const policy_node *list, credit_rules *out) {
    area_reader r = {.l = l, .rules = out};
    if (!policy_is_list(l, list, "the list of areas")) return;
    if (list->count > LIMIT_AREAS) {
        policy_error(l, list, "%u areas; a set has at most %d", list->count, LIMIT_AREAS);
        return;
    }
    if (!make_members(&r, list)) return;
    for (const policy_node *n = list->first; n; n = n->next) read_area(&r, n);
    qsort(r.areas, out->area_count, sizeof *r.areas, by_code);
    out->areas = r.areas;
    out->area_subjects = r.members;
}
