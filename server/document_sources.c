/* The document of DOSSIER for the part `sources`: for every field that has a value, who said so, and who says
 * otherwise. A subject of whom nothing was reported has all its values from the base. */
#include "base/clock.h"
#include "server/connection.h"
#include "server/document.h"

typedef struct origin {
    const credit_rules *rules;
    const profile *p;
    const dossier *d; /* NULL: none */
    const profile_field *field;
} origin;

static int64_t claimed_value(const origin *o, const item *claim) {
    profile said;
    claim_to_profile(claim, &said);
    return profile_get(&said, o->field);
}

static json_t *claim_object(const origin *o, const item *claim) {
    json_t *made = json_object();
    const credit_source *source = credit_source_of(o->rules, claim->source);
    document_set_source(&made, o->rules, claim->source);
    document_set(&made, "value", document_value(o->field, claimed_value(o, claim)));
    document_set(&made, "day", document_day(claim->day, 0));
    document_set(&made, "priority", source != NULL ? json_integer(source->priority[o->field->number]) : json_null());
    return made;
}

/* What each other source says: of several claims the one with the latest day, then the one that arrived last; a source
 * that has withdrawn its claim says nothing any longer. */
static json_t *losing_claims(const origin *o, int32_t winner) {
    const item *said[LIMIT_SOURCES + 1] = {NULL};
    json_t *list = json_array();
    for (uint32_t i = 0; o->d != NULL && i < o->d->count; i++) {
        const item *it = &o->d->items[i];
        if (it->kind != ITEM_CLAIM || it->source > LIMIT_SOURCES) continue;
        if ((it->claim.mask >> o->field->number & 1) == 0) continue;
        if (said[it->source] == NULL || it->day >= said[it->source]->day) said[it->source] = it;
    }
    if (winner >= 0) said[o->d->items[winner].source] = NULL;
    for (unsigned n = 0; n <= LIMIT_SOURCES; n++) {
        if (said[n] == NULL || claimed_value(o, said[n]) == PROFILE_MISSING) continue;
        if (json_array_append_new(list, claim_object(o, said[n])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Scores that the evaluation computes are nobody's claim. */
static bool is_computed(const origin *o) {
    return !o->field->writable || (o->rules->evaluation != NULL && (o->field->number == FIELD_composite_score ||
                                                                    o->field->number == FIELD_composite_grade));
}

static json_t *field_object(const origin *o) {
    json_t *made = json_object();
    int64_t value = profile_get(o->p, o->field), said = value;
    bool computed = is_computed(o), from_base = !computed && o->d == NULL;
    int32_t winner = computed || o->d == NULL ? -1 : credit_winner(o->rules, o->d, o->field->number);
    document_set(&made, "field", json_string(o->field->name));
    document_set(&made, "title", json_string(o->field->title));
    document_set(&made, "value", document_value(o->field, value));
    if (winner >= 0) {
        document_set_source(&made, o->rules, o->d->items[winner].source);
        document_set(&made, "day", document_day(o->d->items[winner].day, 0));
        said = claimed_value(o, &o->d->items[winner]);
    } else if (from_base) {
        document_set_source(&made, o->rules, 0);
        document_set(&made, "day", document_day(o->p->data_day, 0));
    } else {
        document_set(&made, "source", json_null());
        document_set(&made, "source_id", json_null());
        document_set(&made, "source_title", json_null());
        document_set(&made, "day", json_null());
        said = PROFILE_MISSING;
    }
    document_set(&made, "claimed", document_value(o->field, said));
    document_set(&made, "computed", json_boolean(computed));
    document_set(&made, "losing", losing_claims(o, winner));
    return made;
}

/* Zero of a number and a flag that is not set are what every profile begins with: told only where somebody claims it.
 */
static bool has_value(const origin *o) {
    int64_t value = profile_get(o->p, o->field);
    bool nothing = value == PROFILE_MISSING || (value == 0 && o->field->type != PROFILE_ENUM);
    if (!nothing) return true;
    if (o->d == NULL || is_computed(o)) return false;
    for (uint32_t i = 0; i < o->d->count; i++) {
        const item *it = &o->d->items[i];
        if (it->kind != ITEM_CLAIM || (it->claim.mask >> o->field->number & 1) == 0) continue;
        int64_t said = claimed_value(o, it);
        if (said != PROFILE_MISSING && (said != 0 || it->source != 0)) return true;
    }
    return false;
}

char *document_sources(const policy_set *set, const profile *p, const dossier *d, policy_moment at) {
    origin o = {.rules = policy_credit(set), .p = p, .d = d};
    json_t *root = json_object(), *fields = json_array();
    char subject[SUBJECT_TEXT], day[CLOCK_DATE_TEXT], name[DOSSIER_NAME_MAX + 1];
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        o.field = profile_field_at(i);
        if (i == FIELD_change_day || !has_value(&o)) continue;
        if (json_array_append_new(fields, field_object(&o)) != 0) {
            json_decref(fields);
            fields = NULL;
            break;
        }
    }
    document_set(&root, "subject", json_string(subject_format(&p->id, subject)));
    document_set(&root, "name", document_text(dossier_name(d, name), sizeof name));
    document_set(&root, "day", json_string(clock_format_day(at.day, day)));
    document_set(&root, "profile_version", json_integer((json_int_t)profile_version(p)));
    document_set(&root, "part", json_string("sources"));
    document_set(&root, "fields", fields);
    return document_dump(root);
}
