/* The document of SCORECARD: how a composite score came about, line by line. */
#include "base/clock.h"
#include "engine/evaluation.h"
#include "server/connection.h"
#include "server/document.h"

#include <stdlib.h>

static json_t *line_of(const contribution *c) {
    json_t *o = json_object();
    document_set(&o, "kind", json_string(contribution_kind_name(c->kind)));
    document_set(&o, "field", document_optional(c->field));
    document_set(&o, "title", document_optional(c->title));
    document_set(&o, "value", c->value[0] != '\0' ? json_string(c->value) : json_null());
    document_set(&o, "normalised", json_integer(c->normalised));
    document_set(&o, "weight", json_integer((json_int_t)c->weight));
    document_set(&o, "share", document_hundredths(c->share));
    document_set(&o, "counted", json_boolean(c->counted));
    document_set(&o, "because", document_optional(c->because));
    return o;
}

static json_t *lines_of(const scorecard_result *r) {
    json_t *list = json_array();
    for (unsigned i = 0; i < r->count; i++)
        if (json_array_append_new(list, line_of(&r->lines[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

char *document_scorecard(const policy_set *set, const profile *p, policy_moment at) {
    const evaluation *e = policy_credit(set)->evaluation;
    scorecard_result *r = calloc(1, sizeof *r);
    json_t *root = r != NULL ? json_object() : NULL;
    char subject[SUBJECT_TEXT], day[CLOCK_DATE_TEXT];
    if (r == NULL) return NULL;
    if (e != NULL) {
        evaluation_explain(e, p, r);
    } else { /* what sources claim is the score */
        r->score = p->composite_score;
        r->grade = p->composite_grade;
    }
    document_set(&root, "subject", json_string(subject_format(&p->id, subject)));
    document_set(&root, "day", json_string(clock_format_day(at.day, day)));
    document_set(&root, "profile_version", json_integer((json_int_t)profile_version(p)));
    document_set(&root, "policy_version", json_integer((json_int_t)policy_version(set)));
    document_set(&root, "policy_hash", json_string(policy_hash(set)));
    document_set(&root, "evaluation", document_optional(e != NULL ? r->evaluation : NULL));
    document_set(&root, "scorecard", document_optional(r->scorecard));
    document_set(&root, "title", document_optional(r->title));
    const profile_field *grade = profile_field_at(FIELD_composite_grade);
    document_set(&root, "score", r->score != PROFILE_UNRATED ? json_integer(r->score) : json_null());
    document_set(&root, "grade", document_value(grade, r->grade != 0 ? r->grade : PROFILE_MISSING));
    document_set(&root, "lines", lines_of(r));
    free(r);
    return document_dump(root);
}
