/* The document of DOSSIER: what was reported about a subject, and how each thing stands today. Items are made and
 * measured one by one until the room is full, so a page always fits its frame whatever the texts; `next` is where to go
 * on. An item's standing costs a look at those behind it: a page of a full dossier some milliseconds. */
#include "base/clock.h"
#include "server/connection.h"
#include "server/document.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_ROOM 1024 /* of a page, for what is not items */

/* How the listings stand: worked out for all at once, when the first one is told. */
typedef struct listing_page {
    unsigned count;
    uint16_t numbers[LIMIT_DOSSIER_ITEMS];
    listing_standing standings[LIMIT_DOSSIER_ITEMS];
} listing_page;

typedef struct page {
    const policy_set *set;
    const credit_rules *rules;
    const dossier *d;
    int32_t day;
    listing_page **listings; /* NULL until they are asked for; malloc'd */
} page;

static const char *const parts[] = {"all", "records", "commitments", "service", "listings", "sources", "uses"};

static const char *item_name(unsigned kind) {
    static const char *const names[] = {
        "erased",  "record",    "repair", "revoke", "service", "service_reverse", "commitment", "commitment_step",
        "listing", "delisting", "claim",  "name",   "use"};
    static_assert(sizeof names / sizeof names[0] == ITEM_KIND_END, "every kind has a name");
    return kind < ITEM_KIND_END ? names[kind] : "unknown";
}

#define KIND(name) (1u << ITEM_##name)

/* Is the item of this part? A repair belongs to what it repairs. */
static bool belongs(const dossier *d, const item *i, unsigned part) {
    if (i->kind == ITEM_REPAIR && part == WIRE_DOSSIER_COMMITMENTS)
        return i->value < d->count && d->items[i->value].kind == ITEM_COMMITMENT;
    if (i->kind == ITEM_REPAIR && part == WIRE_DOSSIER_RECORDS)
        return i->value < d->count && d->items[i->value].kind != ITEM_COMMITMENT;
    static const unsigned kinds[WIRE_DOSSIER_END] = {
        [WIRE_DOSSIER_ALL] = ~KIND(ERASED),
        [WIRE_DOSSIER_RECORDS] = KIND(RECORD) | KIND(REVOKE),
        [WIRE_DOSSIER_COMMITMENTS] = KIND(COMMITMENT) | KIND(COMMITMENT_STEP),
        [WIRE_DOSSIER_SERVICE] = KIND(SERVICE) | KIND(SERVICE_REVERSE),
        [WIRE_DOSSIER_LISTINGS] = KIND(LISTING) | KIND(DELISTING),
        [WIRE_DOSSIER_USES] = KIND(USE),
    };
    return (kinds[part] >> i->kind & 1) != 0;
}

/* ------------------------------------------------------------------ items by kind */

static json_t *hex(const report_id *id) {
    char text[2 * sizeof id->bytes + 1];
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        text[2 * i] = "0123456789abcdef"[id->bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[id->bytes[i] & 15];
    }
    text[2 * sizeof id->bytes] = '\0';
    return json_string(text);
}

static json_t *effects_of(unsigned bits) {
    json_t *list = json_array();
    for (unsigned e = 0; e < EFFECT_COUNT; e++)
        if ((bits >> e & 1) != 0 && json_array_append_new(list, json_string(record_effect_name(e))) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static void set_type(json_t **o, unsigned code, const char *id, const char *title) {
    document_set(o, "type", json_integer((json_int_t)code));
    document_set(o, "type_id", document_optional(id));
    document_set(o, "type_title", document_optional(title));
}

static void set_record(json_t **o, const page *g, uint32_t number) {
    const item *i = &g->d->items[number];
    const record_type *type = credit_record_type(g->rules, i->type);
    record_standing s;
    credit_record_standing(g->rules, g->d, number, g->day, &s);
    const char *state = s.revoked ? "revoked" : s.repaired ? "repaired" : s.active ? "active" : "ended";
    set_type(o, i->type, type != NULL ? type->id : NULL, type != NULL ? type->title : NULL);
    document_set(o, "domain", document_optional(type != NULL ? type->domain : NULL));
    document_set(o, "class", document_optional(type != NULL ? record_class_name(type->class) : NULL));
    document_set(o, "state", json_string(state));
    document_set(o, "points", document_hundredths(s.points));
    document_set(o, "points_new", document_hundredths(type != NULL ? type->points : 0));
    document_set(o, "end", document_day(s.end, 0));
    document_set(o, "repairable_from", document_day(s.repairable_from, 0));
    document_set(o, "effects", effects_of(s.effects));
}

static void set_commitment(json_t **o, const page *g, uint32_t number) {
    const item *i = &g->d->items[number];
    const commitment_matter *matter = credit_matter(g->rules, i->type);
    commitment_standing s;
    credit_commitment_standing(g->rules, g->d, number, g->day, &s);
    set_type(o, i->type, matter != NULL ? matter->id : NULL, matter != NULL ? matter->title : NULL);
    document_set(o, "state", document_optional(commitment_state_name(s.state)));
    document_set(o, "accepted", document_day(s.accepted, 0));
    document_set(o, "deadline", document_day(s.deadline, 0));
    document_set(o, "extended", json_boolean(s.extended));
    document_set(o, "overdue", json_boolean(s.overdue));
    document_set(o, "breached", document_day(s.breached, 0));
    document_set(o, "repaired", json_boolean(s.repaired));
    record_standing breach = {0};
    if (s.state == COMMITMENT_BREACHED) credit_record_standing(g->rules, g->d, number, g->day, &breach);
    document_set(o, "repairable_from", document_day(breach.repairable_from, 0));
}

static listing_standing listing_of(const page *g, uint32_t number) {
    listing_standing one;
    if (*g->listings == NULL && (*g->listings = malloc(sizeof **g->listings)) != NULL) {
        listing_page *all = *g->listings;
        all->count = credit_listing_standings(g->rules, g->d, g->day, all->numbers, all->standings);
    }
    for (unsigned i = 0; *g->listings != NULL && i < (*g->listings)->count; i++)
        if ((*g->listings)->numbers[i] == number) return (*g->listings)->standings[i];
    credit_listing_standing(g->rules, g->d, number, g->day, &one);
    return one;
}

static void set_listing(json_t **o, const page *g, uint32_t number) {
    static const char *const causes[] = {NULL, "delisting", "record", "breach", "list"};
    const item *i = &g->d->items[number];
    const credit_list *list = credit_list_of(g->rules, i->type);
    listing_standing s = listing_of(g, number);
    set_type(o, i->type, list != NULL ? list->id : NULL, list != NULL ? list->title : NULL);
    document_set(o, "state", json_string(s.active ? "active" : s.removed_by != 0 ? "removed" : "ended"));
    document_set(o, "until", document_day(s.until, 0));
    document_set(o, "removed_by", document_optional(s.removed_by < 5 ? causes[s.removed_by] : NULL));
}

static void set_service(json_t **o, const page *g, uint32_t number) {
    static const char *const states[] = {
        [SERVICE_COUNTED] = "counted", [SERVICE_REVERSED] = "reversed", [SERVICE_VOID] = "void"};
    document_set(o, "minutes", json_integer((json_int_t)g->d->items[number].value));
    document_set(o, "state", json_string(states[credit_service_state(g->rules, g->d, number, g->day)]));
}

static void set_target(json_t **o, const page *g, const item *i) {
    bool known = i->value < g->d->count;
    document_set(o, "target", json_integer((json_int_t)i->value));
    document_set(o, "target_id", known ? hex(&g->d->items[i->value].id) : json_null());
}

static void set_step(json_t **o, const page *g, const item *i) {
    set_target(o, g, i);
    document_set(o, "step", document_optional(commitment_state_name(i->step)));
    document_set(o, "until", document_day(i->until, 0));
}

static void set_claim(json_t **o, const item *i) {
    json_t *fields = json_object();
    profile said;
    claim_to_profile(i, &said);
    for (unsigned n = 0; n < PROFILE_FIELD_COUNT; n++) {
        const profile_field *field = profile_field_at(n);
        if ((i->claim.mask >> n & 1) != 0)
            document_set(&fields, field->name, document_value(field, profile_get(&said, field)));
    }
    document_set(o, "fields", fields);
}

static void set_use(json_t **o, const page *g, const item *i) {
    unsigned scenario = i->type >> 8, code = i->type & 0xFF;
    const policy_benefit *benefit = policy_benefit_of(g->set, scenario, code);
    document_set(o, "scenario", json_integer((json_int_t)scenario));
    document_set(o, "benefit", json_integer((json_int_t)code));
    document_set(o, "benefit_id", document_optional(benefit != NULL ? benefit->id : NULL));
    document_set(o, "benefit_title", document_optional(benefit != NULL ? benefit->title : NULL));
}

static json_t *item_object(const page *g, uint32_t number) {
    const item *i = &g->d->items[number];
    json_t *o = json_object();
    document_set(&o, "number", json_integer((json_int_t)number));
    document_set(&o, "kind", json_string(item_name(i->kind)));
    document_set_source(&o, g->rules, i->source);
    document_set(&o, "day", document_day(i->day, 0));
    document_set(&o, "reported", document_day(i->reported, 0));
    if (i->kind == ITEM_NAME) {
        document_set(&o, "text", document_text(i->name, sizeof i->name));
        return o;
    }
    if (i->kind == ITEM_CLAIM) {
        set_claim(&o, i);
        return o;
    }
    document_set(&o, "id", hex(&i->id));
    document_set(&o, "text", document_text(i->text, sizeof i->text));
    switch ((item_kind)i->kind) {
    case ITEM_RECORD: set_record(&o, g, number); break;
    case ITEM_COMMITMENT: set_commitment(&o, g, number); break;
    case ITEM_LISTING: set_listing(&o, g, number); break;
    case ITEM_SERVICE: set_service(&o, g, number); break;
    case ITEM_COMMITMENT_STEP: set_step(&o, g, i); break;
    case ITEM_REPAIR:
    case ITEM_REVOKE:
    case ITEM_SERVICE_REVERSE:
    case ITEM_DELISTING: set_target(&o, g, i); break;
    case ITEM_USE: set_use(&o, g, i); break;
    default: break;
    }
    return o;
}

/* ------------------------------------------------------------------ the page */

/* How many items there are of each kind, and what they add up to on the profile. */
static json_t *totals_of(const page *g, const profile *p) {
    uint32_t counts[ITEM_KIND_END] = {0};
    for (uint32_t i = 0; g->d != NULL && i < g->d->count; i++)
        if (g->d->items[i].kind < ITEM_KIND_END) counts[g->d->items[i].kind]++;
    json_t *o = json_object();
    document_set(&o, "records", json_integer((json_int_t)counts[ITEM_RECORD]));
    document_set(&o, "commitments", json_integer((json_int_t)counts[ITEM_COMMITMENT]));
    document_set(&o, "service", json_integer((json_int_t)counts[ITEM_SERVICE]));
    document_set(&o, "listings", json_integer((json_int_t)counts[ITEM_LISTING]));
    document_set(&o, "uses", json_integer((json_int_t)counts[ITEM_USE]));
    document_set(&o, "negative_points", document_hundredths(p->negative_points));
    document_set(&o, "positive_points", document_hundredths(p->positive_points));
    document_set(&o, "open_commitments", json_integer(p->open_commitments));
    document_set(&o, "broken_commitments", json_integer(p->broken_commitments));
    document_set(&o, "volunteer_minutes", json_integer((json_int_t)p->volunteer_minutes));
    document_set(&o, "stars", json_integer((json_int_t)credit_stars(g->rules, p->volunteer_minutes)));
    return o;
}

/* Appends items until the room or the wish is full. *next: where to go on, UINT32_MAX at the end. */
static bool append_items(const page *g, const wire_dossier *asked, size_t room, buf *to, uint32_t *next) {
    size_t limit = to->size + room;
    uint32_t made = 0;
    *next = UINT32_MAX;
    for (uint32_t i = asked->from; g->d != NULL && i < g->d->count; i++) {
        if (!belongs(g->d, &g->d->items[i], asked->part)) continue;
        if (asked->max != 0 && made == asked->max) {
            *next = i;
            break;
        }
        char *text = document_dump(item_object(g, i));
        if (text == NULL) return false;
        if (made > 0 && to->size + strlen(text) + 1 > limit) {
            free(text);
            *next = i;
            break;
        }
        if (made++ > 0) buf_append(to, ",", 1);
        buf_append_str(to, text);
        free(text);
    }
    return !to->failed;
}

char *document_dossier(const policy_set *set, const wire_dossier *asked, const profile *p, const dossier *d,
                       policy_moment at, size_t room) {
    listing_page *listings = NULL;
    page g = {.set = set, .rules = policy_credit(set), .d = d, .day = at.day, .listings = &listings};
    char subject[SUBJECT_TEXT], day[CLOCK_DATE_TEXT], name[DOSSIER_NAME_MAX + 1];
    json_t *root = json_object();
    document_set(&root, "subject", json_string(subject_format(&p->id, subject)));
    document_set(&root, "name", document_text(dossier_name(d, name), sizeof name));
    document_set(&root, "day", json_string(clock_format_day(at.day, day)));
    document_set(&root, "profile_version", json_integer((json_int_t)profile_version(p)));
    document_set(&root, "part", json_string(parts[asked->part]));
    document_set(&root, "count", json_integer((json_int_t)(d != NULL ? d->count : 0)));
    document_set(&root, "totals", totals_of(&g, p));
    char *head = document_dump(root), *text = NULL;
    buf to = {0};
    uint32_t next;
    if (head == NULL) return NULL;
    buf_append(&to, head, strlen(head) - 1); /* its closing bracket comes at the end */
    buf_append_str(&to, ",\"items\":[");
    if (append_items(&g, asked, room > 2 * HEAD_ROOM ? room - HEAD_ROOM : HEAD_ROOM, &to, &next)) {
        if (next == UINT32_MAX)
            buf_append_str(&to, "],\"next\":null}");
        else
            buf_printf(&to, "],\"next\":%u}", next);
        text = buf_status(&to) == STATUS_OK ? strdup(buf_cstr(&to)) : NULL;
    }
    free(head);
    free(listings);
    buf_deinit(&to);
    return text;
}
