/* The document of COMMAND `catalogue`: what reports may name — record types, matters, lists, sources, stars — as the
 * active policy set has them. */
#include "engine/report.h"
#include "server/connection.h"
#include "server/document.h"

#include <stdio.h>

/* "15 working days", "3 months"; null for none. */
static json_t *period_text(period p) {
    static const char *const units[] = {NULL, "days", "working days", "months"};
    char text[32];
    if (p.unit == PERIOD_NONE || p.unit > PERIOD_MONTHS) return json_null();
    snprintf(text, sizeof text, "%u %s", p.count, units[p.unit]);
    return json_string(text);
}

static bool append(json_t *list, json_t *value) { return json_array_append_new(list, value) == 0; }

static json_t *all_or_nothing(json_t *list, bool ok) {
    if (ok) return list;
    json_decref(list);
    return NULL;
}

static json_t *types_of(const credit_rules *r) {
    json_t *list = json_array();
    bool ok = true;
    for (unsigned i = 0; i < r->type_count && ok; i++) {
        const record_type *t = &r->types[i];
        json_t *o = json_object(), *does = json_array();
        document_set(&o, "code", json_integer(t->code));
        document_set(&o, "id", json_string(t->id));
        document_set(&o, "title", document_optional(t->title));
        document_set(&o, "domain", document_optional(t->domain));
        document_set(&o, "class", document_optional(record_class_name(t->class)));
        document_set(&o, "points", document_hundredths(t->points));
        document_set(&o, "decay", json_string(t->linear ? "linear" : "none"));
        document_set(&o, "observation", period_text(t->observation));
        document_set(&o, "publicity_min", period_text(t->publicity_min));
        document_set(&o, "publicity_max", period_text(t->publicity_max));
        for (unsigned e = 0; e < EFFECT_COUNT && ok; e++)
            if ((t->effects >> e & 1) != 0) ok = append(does, json_string(record_effect_name(e)));
        document_set(&o, "effects", does);
        ok = append(list, o) && ok;
    }
    return all_or_nothing(list, ok);
}

static json_t *matters_of(const credit_rules *r) {
    json_t *list = json_array();
    bool ok = true;
    for (unsigned i = 0; i < r->matter_count && ok; i++) {
        const commitment_matter *m = &r->matters[i];
        json_t *o = json_object();
        document_set(&o, "code", json_integer(m->code));
        document_set(&o, "id", json_string(m->id));
        document_set(&o, "title", document_optional(m->title));
        document_set(&o, "deadline",
                     period_text(m->deadline.unit != PERIOD_NONE ? m->deadline : r->commitment_deadline));
        document_set(&o, "extension",
                     period_text(m->extension.unit != PERIOD_NONE ? m->extension : r->commitment_extension));
        ok = append(list, o);
    }
    return all_or_nothing(list, ok);
}

static const char *flag_name(uint32_t flag) {
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        if (f->type == PROFILE_FLAG && f->offset == offsetof(profile, flags) && f->bit == flag) return f->name;
    }
    return NULL;
}

static json_t *lists_of(const credit_rules *r) {
    json_t *list = json_array();
    bool ok = true;
    for (unsigned i = 0; i < r->list_count && ok; i++) {
        const credit_list *l = &r->lists[i];
        const credit_list *over = l->excluded_by != 0 ? credit_list_of(r, l->excluded_by) : NULL;
        json_t *o = json_object();
        document_set(&o, "code", json_integer(l->code));
        document_set(&o, "id", json_string(l->id));
        document_set(&o, "title", document_optional(l->title));
        document_set(&o, "flag", document_optional(flag_name(l->flag)));
        document_set(&o, "valid", period_text(l->valid));
        document_set(&o, "published", json_boolean(l->published));
        document_set(&o, "excluded_by", document_optional(over != NULL ? over->id : NULL));
        ok = append(list, o);
    }
    return all_or_nothing(list, ok);
}

static json_t *sources_of(const credit_rules *r) {
    json_t *list = json_array();
    bool ok = true;
    for (unsigned i = 0; i < r->source_count && ok; i++) {
        const credit_source *s = &r->sources[i];
        json_t *o = json_object(), *reports = json_array(), *fields = json_object();
        document_set(&o, "number", json_integer(s->number));
        document_set(&o, "id", json_string(s->id));
        document_set(&o, "title", document_optional(s->title));
        document_set(&o, "corrects_any", json_boolean(s->corrects_any));
        for (unsigned k = 1; k < REPORT_KIND_END && ok; k++)
            if ((s->reports >> k & 1) != 0) ok = append(reports, json_string(report_kind_name(k)));
        for (unsigned f = 0; f < PROFILE_FIELD_COUNT; f++)
            if ((s->fields >> f & 1) != 0)
                document_set(&fields, profile_field_at(f)->name, json_integer(s->priority[f]));
        document_set(&o, "reports", reports);
        document_set(&o, "fields", fields);
        ok = append(list, o) && ok;
    }
    return all_or_nothing(list, ok);
}

static json_t *stars_of(const credit_rules *r) {
    json_t *list = json_array();
    bool ok = true;
    for (unsigned i = 0; i < r->star_count && ok; i++) ok = append(list, json_integer((json_int_t)r->star_minutes[i]));
    return all_or_nothing(list, ok);
}

char *document_catalogue(const policy_set *set) {
    const credit_rules *r = policy_credit(set);
    json_t *root = json_object();
    document_set(&root, "policy_version", json_integer((json_int_t)policy_version(set)));
    document_set(&root, "policy_hash", json_string(policy_hash(set)));
    document_set(&root, "types", types_of(r));
    document_set(&root, "matters", matters_of(r));
    document_set(&root, "lists", lists_of(r));
    document_set(&root, "sources_given", json_boolean(r->sources_given));
    document_set(&root, "sources", sources_of(r));
    document_set(&root, "service_minutes_a_day", json_integer((json_int_t)r->service_minutes_a_day));
    document_set(&root, "star_minutes", stars_of(r));
    return document_dump(root);
}
