/* Differences of what a set says beside its scenarios: records, commitments, calendar, lists, service, sources, areas.
 * Matched by code or number, which are never given to another thing. A part that is in one of the sets only differs in
 * what it says otherwise than the defaults. */
#include "base/clock.h"
#include "engine/policy_diff_internal.h"

#include <stdio.h>
#include <string.h>

const char *diff_period(period p, char buffer[48]) {
    static const char *const UNITS[] = {"", "day", "working day", "month"};
    unsigned n = p.count;
    const char *unit = p.unit <= PERIOD_MONTHS ? UNITS[p.unit] : "?";
    if (p.unit == PERIOD_MONTHS && n > 0 && n % 12 == 0) n /= 12, unit = "year";
    if (p.unit == PERIOD_NONE)
        snprintf(buffer, 48, "none");
    else
        snprintf(buffer, 48, "%u %s%s", n, unit, n == 1 ? "" : "s");
    return buffer;
}

static void periods(differ *w, diff_place where, period before, period after) {
    char x[48], y[48];
    diff_text(w, where, diff_period(before, x), diff_period(after, y));
}

static void hundredths(differ *w, diff_place where, int64_t before, int64_t after) {
    char x[48], y[48];
    diff_text(w, where, diff_hundredths(before, x), diff_hundredths(after, y));
}

static const char *known(const char *text) { return text ? text : ""; }
static const char *class_name(unsigned class) { return known(record_class_name(class)); }

/* ------------------------------------------------------------------ records */

static void type_text(const record_type *t, char text[DIFF_TEXT]) {
    char points[48], end[48];
    text[0] = '\0';
    diff_append(text, "%s %s: %s, %s points, ends after %s", known(t->id), known(t->title), class_name(t->class),
                diff_hundredths(t->points, points), diff_period(t->publicity_max, end));
}

static void effects_text(const record_type *t, char text[DIFF_TEXT]) {
    unsigned n = 0;
    text[0] = '\0';
    for (unsigned e = 0; e < EFFECT_COUNT; e++) {
        char length[48];
        if ((t->effects >> e & 1) == 0) continue;
        diff_append(text, "%s%s", n++ ? ", " : "", known(record_effect_name(e)));
        if (t->effect_length[e].unit != PERIOD_NONE) diff_append(text, " %s", diff_period(t->effect_length[e], length));
    }
    if (n == 0) diff_append(text, "none");
}

static void diff_type(differ *w, const record_type *b, const record_type *a) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    diff_place at = diff_at("type %u %s", a->code, known(a->id));
#define AT(name) diff_at("%s, " name, at.text)
    diff_text(w, AT("id"), b->id, a->id);
    diff_text(w, AT("title"), b->title, a->title);
    diff_text(w, AT("domain"), b->domain, a->domain);
    diff_text(w, AT("class"), class_name(b->class), class_name(a->class));
    hundredths(w, AT("points"), b->points, a->points);
    diff_text(w, AT("decay"), b->linear ? "linear" : "none", a->linear ? "linear" : "none");
    periods(w, AT("observation"), b->observation, a->observation);
    periods(w, AT("publicity min"), b->publicity_min, a->publicity_min);
    periods(w, AT("publicity max"), b->publicity_max, a->publicity_max);
    effects_text(b, x);
    effects_text(a, y);
    diff_text(w, AT("effects"), x, y);
#undef AT
}

static const points_threshold *find_threshold(const credit_rules *r, const points_threshold *like) {
    for (unsigned i = 0; i < r->threshold_count; i++)
        if (r->thresholds[i].effect == like->effect && strcmp(known(r->thresholds[i].domain), known(like->domain)) == 0)
            return &r->thresholds[i];
    return NULL;
}

static diff_place threshold_at(const points_threshold *t) {
    return diff_at("threshold of %s%s%s", known(record_effect_name(t->effect)), t->domain ? ", domain " : "",
                   known(t->domain));
}

static void diff_records(differ *w, const credit_rules *before, const credit_rules *after) {
    char text[DIFF_TEXT], points[48];
    w->policy = "records";
    for (unsigned i = 0; i < after->type_count; i++) {
        const record_type *is = &after->types[i], *was = credit_record_type(before, is->code);
        type_text(is, text);
        if (was)
            diff_type(w, was, is);
        else
            diff_add(w, DIFFERENCE_ADDED, diff_at("type %u", is->code), "", text);
    }
    for (unsigned i = 0; i < before->type_count; i++) {
        if (credit_record_type(after, before->types[i].code)) continue;
        type_text(&before->types[i], text);
        diff_add(w, DIFFERENCE_REMOVED, diff_at("type %u", before->types[i].code), text, "");
    }
    for (unsigned i = 0; i < after->threshold_count; i++) {
        const points_threshold *is = &after->thresholds[i], *was = find_threshold(before, is);
        if (was)
            hundredths(w, threshold_at(is), was->points, is->points);
        else
            diff_add(w, DIFFERENCE_ADDED, threshold_at(is), "", diff_hundredths(is->points, points));
    }
    for (unsigned i = 0; i < before->threshold_count; i++)
        if (!find_threshold(after, &before->thresholds[i]))
            diff_add(w, DIFFERENCE_REMOVED, threshold_at(&before->thresholds[i]),
                     diff_hundredths(before->thresholds[i].points, points), "");
    periods(w, diff_at("personal_adverse_kept"), before->personal_kept, after->personal_kept);
}

/* ------------------------------------------------------------------ commitments and the calendar */

static const char *type_name(const credit_rules *r, unsigned code) {
    const record_type *t = code ? credit_record_type(r, code) : NULL;
    return t ? known(t->id) : "none";
}

static void diff_commitments(differ *w, const credit_rules *before, const credit_rules *after) {
    w->policy = "commitments";
    periods(w, diff_at("deadline"), before->commitment_deadline, after->commitment_deadline);
    periods(w, diff_at("extension"), before->commitment_extension, after->commitment_extension);
    diff_text(w, diff_at("breach"), type_name(before, before->breach_type), type_name(after, after->breach_type));
    for (unsigned i = 0; i < after->matter_count; i++) {
        const commitment_matter *is = &after->matters[i], *was = credit_matter(before, is->code);
        diff_place at = diff_at("matter %u %s", is->code, known(is->id));
        if (!was) {
            diff_add(w, DIFFERENCE_ADDED, at, "", known(is->title));
            continue;
        }
        diff_text(w, diff_at("%s, id", at.text), was->id, is->id);
        diff_text(w, diff_at("%s, title", at.text), was->title, is->title);
        periods(w, diff_at("%s, deadline", at.text), was->deadline, is->deadline);
        periods(w, diff_at("%s, extension", at.text), was->extension, is->extension);
    }
    for (unsigned i = 0; i < before->matter_count; i++)
        if (!credit_matter(after, before->matters[i].code))
            diff_add(w, DIFFERENCE_REMOVED,
                     diff_at("matter %u %s", before->matters[i].code, known(before->matters[i].id)),
                     known(before->matters[i].title), "");
}

/* Days that are in one list and not in the other, runs of them as ranges. */
static void only_here(const uint16_t *days, unsigned n, const uint16_t *other, unsigned m, char text[DIFF_TEXT]) {
    char first[CLOCK_DATE_TEXT], last[CLOCK_DATE_TEXT];
    text[0] = '\0';
    for (unsigned i = 0, j = 0; i < n;) {
        while (j < m && other[j] < days[i]) j++;
        if (j < m && other[j] == days[i]) {
            i++;
            continue;
        }
        unsigned end = i;
        while (end + 1 < n && days[end + 1] == days[end] + 1 && !(j < m && other[j] == days[end + 1])) end++;
        diff_append(text, "%s%s", text[0] ? ", " : "", clock_format_day(days[i], first));
        if (end > i) diff_append(text, "..%s", clock_format_day(days[end], last));
        i = end + 1;
    }
}

static void diff_days(differ *w, const char *what, const uint16_t *before, unsigned n, const uint16_t *after,
                      unsigned m) {
    char gone[DIFF_TEXT], fresh[DIFF_TEXT];
    only_here(before, n, after, m, gone);
    only_here(after, m, before, n, fresh);
    if (fresh[0]) diff_add(w, DIFFERENCE_ADDED, diff_at("%s", what), "", fresh);
    if (gone[0]) diff_add(w, DIFFERENCE_REMOVED, diff_at("%s", what), gone, "");
}

static void weekend_text(unsigned bits, char text[DIFF_TEXT]) {
    static const char *const DAYS[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    text[0] = '\0';
    for (unsigned i = 0; i < 7; i++)
        if (bits >> i & 1) diff_append(text, "%s%s", text[0] ? ", " : "", DAYS[i]);
    if (!text[0]) diff_append(text, "none");
}

static void diff_calendar(differ *w, const credit_rules *before, const credit_rules *after) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    w->policy = "calendar";
    weekend_text(before->weekend, x);
    weekend_text(after->weekend, y);
    diff_text(w, diff_at("weekend"), x, y);
    diff_days(w, "holidays", before->holidays, before->holiday_count, after->holidays, after->holiday_count);
    diff_days(w, "workdays", before->workdays, before->workday_count, after->workdays, after->workday_count);
}

/* ------------------------------------------------------------------ lists */

static void removed_by_text(const credit_list *l, char text[DIFF_TEXT]) {
    text[0] = '\0';
    for (unsigned c = CLASS_MINOR; c <= CLASS_MERIT; c++)
        if (l->removed_by_classes >> c & 1) diff_append(text, "%s%s", text[0] ? ", " : "", class_name(c));
    if (l->removed_by_effect) diff_append(text, "%s%s", text[0] ? ", " : "", "red_list_removed");
    if (l->removed_by_breach) diff_append(text, "%s%s", text[0] ? ", " : "", "breach");
    if (!text[0]) diff_append(text, "nothing");
}

static void qualify_text(const credit_list *l, char text[DIFF_TEXT]) {
    text[0] = '\0';
    for (unsigned i = 0; i < l->qualify_count; i++) {
        const policy_table *t = l->qualify[i].table;
        if (i) diff_append(text, " or ");
        for (unsigned c = 0, n = 0; t && c < t->column_count; c++)
            if (t->rows[0].tests[c])
                diff_append(text, "%s%s %s", n++ ? " and " : "", t->fields[c]->name, t->rows[0].tests[c]);
    }
    if (!text[0]) diff_append(text, "everybody");
}

static const char *flag_name(uint32_t bit) {
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        if (f->type == PROFILE_FLAG && f->bit == bit && f->offset == profile_field_at(FIELD_red_list)->offset)
            return f->name;
    }
    return "none";
}

static const char *list_name(const credit_rules *r, unsigned code) {
    const credit_list *l = code ? credit_list_of(r, code) : NULL;
    return l ? known(l->id) : "none";
}

static void diff_list(differ *w, const credit_rules *before, const credit_list *b, const credit_rules *after,
                      const credit_list *a) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    diff_place at = diff_at("list %u %s", a->code, known(a->id));
#define AT(name) diff_at("%s, " name, at.text)
    diff_text(w, AT("id"), b->id, a->id);
    diff_text(w, AT("title"), b->title, a->title);
    diff_text(w, AT("flag"), flag_name(b->flag), flag_name(a->flag));
    periods(w, AT("valid"), b->valid, a->valid);
    diff_bool(w, AT("published"), b->published, a->published);
    removed_by_text(b, x);
    removed_by_text(a, y);
    diff_text(w, AT("removed_by"), x, y);
    diff_text(w, AT("excluded_by"), list_name(before, b->excluded_by), list_name(after, a->excluded_by));
    qualify_text(b, x);
    qualify_text(a, y);
    diff_text(w, AT("qualify"), x, y);
#undef AT
}

static void diff_lists(differ *w, const credit_rules *before, const credit_rules *after) {
    w->policy = "lists";
    for (unsigned i = 0; i < after->list_count; i++) {
        const credit_list *is = &after->lists[i], *was = credit_list_of(before, is->code);
        if (was)
            diff_list(w, before, was, after, is);
        else
            diff_add(w, DIFFERENCE_ADDED, diff_at("list %u %s", is->code, known(is->id)), "", known(is->title));
    }
    for (unsigned i = 0; i < before->list_count; i++)
        if (!credit_list_of(after, before->lists[i].code))
            diff_add(w, DIFFERENCE_REMOVED, diff_at("list %u %s", before->lists[i].code, known(before->lists[i].id)),
                     known(before->lists[i].title), "");
}

/* ------------------------------------------------------------------ service and sources */

static void stars_text(const credit_rules *r, char text[DIFF_TEXT]) {
    text[0] = '\0';
    for (unsigned i = 0; i < r->star_count; i++) {
        uint32_t minutes = r->star_minutes[i];
        diff_append(text, minutes % 60 ? "%s%u min" : "%s%u h", i ? ", " : "", minutes % 60 ? minutes : minutes / 60);
    }
    if (!text[0]) diff_append(text, "none");
}

static void diff_service(differ *w, const credit_rules *before, const credit_rules *after) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    w->policy = "service";
    diff_number(w, diff_at("max_minutes_a_day"), before->service_minutes_a_day, after->service_minutes_a_day);
    stars_text(before, x);
    stars_text(after, y);
    diff_text(w, diff_at("stars"), x, y);
}

static void reports_text(uint32_t bits, char text[DIFF_TEXT]) {
    static const struct {
        unsigned code;
        const char *name;
    } KINDS[] = {
#define X(name, code, text) {(code), (text)},
        REPORT_KINDS(X)
#undef X
    };
    unsigned all = sizeof KINDS / sizeof KINDS[0], n = 0;
    text[0] = '\0';
    for (unsigned k = 0; k < all; k++)
        if (bits >> KINDS[k].code & 1) diff_append(text, "%s%s", n++ ? ", " : "", KINDS[k].name);
    if (n == 0 || n == all) snprintf(text, DIFF_TEXT, "%s", n ? "all" : "none");
}

static void priority_text(const credit_source *s, unsigned field, char text[DIFF_TEXT]) {
    text[0] = '\0';
    if (s->fields >> field & 1)
        diff_append(text, "priority %u", s->priority[field]);
    else
        diff_append(text, "may not write it");
}

/* If all fields moved alike, one line says it; else one a field. */
static void diff_fields(differ *w, diff_place at, const credit_source *b, const credit_source *a) {
    char x[DIFF_TEXT], y[DIFF_TEXT], one_x[DIFF_TEXT] = "", one_y[DIFF_TEXT] = "";
    unsigned changed = 0, alike = 0;
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        priority_text(b, i, x);
        priority_text(a, i, y);
        if (strcmp(x, y) == 0) continue;
        if (changed++ == 0) memcpy(one_x, x, sizeof x), memcpy(one_y, y, sizeof y);
        alike += strcmp(x, one_x) == 0 && strcmp(y, one_y) == 0;
    }
    if (changed > 3 && changed == alike) {
        diff_text(w, diff_at("%s, %u fields", at.text, changed), one_x, one_y);
        return;
    }
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        priority_text(b, i, x);
        priority_text(a, i, y);
        diff_text(w, diff_at("%s, %s", at.text, profile_field_at(i)->name), x, y);
    }
}

static void diff_sources(differ *w, const credit_rules *before, const credit_rules *after) {
    char x[DIFF_TEXT], y[DIFF_TEXT];
    w->policy = "sources";
    diff_text(w, diff_at("sources"), before->sources_given ? "as listed" : "any source, any field",
              after->sources_given ? "as listed" : "any source, any field");
    for (unsigned i = 0; i < after->source_count; i++) {
        const credit_source *is = &after->sources[i], *was = credit_source_of(before, is->number);
        diff_place at = diff_at("source %u %s", is->number, known(is->id));
        if (!was || !before->sources_given) {
            diff_add(w, DIFFERENCE_ADDED, at, "", known(is->title));
            continue;
        }
        diff_text(w, diff_at("%s, id", at.text), was->id, is->id);
        diff_text(w, diff_at("%s, title", at.text), was->title, is->title);
        diff_text(w, diff_at("%s, corrects", at.text), was->corrects_any ? "any" : "its own",
                  is->corrects_any ? "any" : "its own");
        reports_text(was->reports, x);
        reports_text(is->reports, y);
        diff_text(w, diff_at("%s, reports", at.text), x, y);
        diff_fields(w, at, was, is);
    }
    for (unsigned i = 0; i < before->source_count; i++) {
        const credit_source *was = &before->sources[i];
        if (!after->sources_given || !credit_source_of(after, was->number))
            diff_add(w, DIFFERENCE_REMOVED, diff_at("source %u %s", was->number, known(was->id)), known(was->title),
                     "");
    }
}

/* ------------------------------------------------------------------ areas */

static const credit_area *find_area(const credit_rules *r, unsigned code) {
    for (unsigned i = 0; i < r->area_count; i++)
        if (r->areas[i].code == code) return &r->areas[i];
    return NULL;
}

static void divisions_text(const credit_area *a, char text[DIFF_TEXT]) {
    text[0] = '\0';
    for (unsigned i = 0; i < a->division_count; i++)
        diff_append(text, "%s%06u", i ? ", " : "", (unsigned)a->divisions[i]);
    if (!text[0]) diff_append(text, "none");
}

static void diff_area(differ *w, const credit_area *b, const credit_area *a) {
    char x[DIFF_TEXT], y[DIFF_TEXT], from[48], to[48];
    diff_place at = diff_at("area %u %s", a->code, known(a->id));
#define AT(name) diff_at("%s, " name, at.text)
    diff_text(w, AT("id"), b->id, a->id);
    diff_text(w, AT("title"), b->title, a->title);
    diff_text(w, AT("kind"), b->kind, a->kind);
    divisions_text(b, x);
    divisions_text(a, y);
    diff_text(w, AT("divisions"), x, y);
    diff_number(w, AT("subjects named"), (int64_t)b->subject_count, (int64_t)a->subject_count);
    diff_text(w, AT("effective from"), diff_day(b->from_day, from), diff_day(a->from_day, to));
    diff_text(w, AT("effective to"), diff_day(b->to_day, from), diff_day(a->to_day, to));
#undef AT
}

static void diff_areas(differ *w, const credit_rules *before, const credit_rules *after) {
    w->policy = "areas";
    for (unsigned i = 0; i < after->area_count; i++) {
        const credit_area *is = &after->areas[i], *was = find_area(before, is->code);
        if (was)
            diff_area(w, was, is);
        else
            diff_add(w, DIFFERENCE_ADDED, diff_at("area %u %s", is->code, known(is->id)), "", known(is->title));
    }
    for (unsigned i = 0; i < before->area_count; i++)
        if (!find_area(after, before->areas[i].code))
            diff_add(w, DIFFERENCE_REMOVED, diff_at("area %u %s", before->areas[i].code, known(before->areas[i].id)),
                     known(before->areas[i].title), "");
}

void diff_credit(differ *w, const credit_rules *before, const credit_rules *after) {
    diff_records(w, before, after);
    diff_commitments(w, before, after);
    diff_calendar(w, before, after);
    diff_lists(w, before, after);
    diff_service(w, before, after);
    diff_sources(w, before, after);
    diff_evaluation(w, before->evaluation, after->evaluation);
    diff_areas(w, before, after);
}
