/* The document is as large as what was asked for: totals always, groups by the dimensions that were named and only
 * where something differs, so that a frame holds it for scenarios by the dozen. */
#include "server/impact_document.h"

#include "base/clock.h"
#include "base/division.h"
#include "server/command.h"
#include "server/document.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ groups */

/* The group's key and its name for people, "" if it has none. */
static void name_group(unsigned dimension, unsigned group, char key[32], char title[96]) {
    char value[PROFILE_VALUE_TEXT];
    const division *place;
    key[0] = title[0] = '\0';
    switch (dimension) {
    case IMPACT_FORM: snprintf(key, 32, "%s", profile_format_value(profile_field_at(FIELD_form), group, value)); break;
    case IMPACT_GRADE:
        if (group == 0) break;
        snprintf(key, 32, "%s", profile_format_value(profile_field_at(FIELD_composite_grade), group, value));
        break;
    case IMPACT_DIVISION:
        if (group == 0) break;
        snprintf(key, 32, "%04u", group);
        place = division_find(group * 100);
        if (place != NULL) snprintf(title, 96, "%s", place->name);
        break;
    case IMPACT_SECTOR:
        if (group != 0) snprintf(key, 32, "%c", (int)('A' + group - 1));
        break;
    default: break;
    }
}

static json_t *new_group(unsigned dimension, unsigned group) {
    char key[32], title[96];
    name_group(dimension, group, key, title);
    return json_pack("{s:s, s:s}", "group", key, "title", title);
}

/* ------------------------------------------------------------------ counts */

static void put_counts(json_t **to, const impact_counts *c, bool whole) {
    document_set(to, "subjects", json_integer((json_int_t)c->subjects));
    document_set(to, "gained", json_integer((json_int_t)c->gained));
    document_set(to, "lost", json_integer((json_int_t)c->lost));
    document_set(to, "before", json_integer((json_int_t)c->before));
    document_set(to, "after", json_integer((json_int_t)c->after));
    if (!whole) return;
    document_set(to, "outcomes", command_outcomes(c->outcome_from_to));
    document_set(to, "amount_before_fen", json_integer((json_int_t)c->amount_before_fen));
    document_set(to, "amount_after_fen", json_integer((json_int_t)c->amount_after_fen));
}

static bool differs(const impact_counts *c) {
    uint64_t moved = 0;
    for (unsigned from = 0; from < 4; from++)
        for (unsigned to = 0; to < 4; to++) moved += from != to ? c->outcome_from_to[from][to] : 0;
    return c->gained != 0 || c->lost != 0 || moved != 0 || c->amount_before_fen != c->amount_after_fen;
}

static json_t *total_of(const impact *i, unsigned scenario, unsigned benefit) {
    impact_counts counts;
    json_t *object = json_object();
    impact_get(i, scenario, benefit, IMPACT_DIMENSIONS, 0, &counts);
    put_counts(&object, &counts, benefit == IMPACT_ANY);
    return object;
}

static json_t *groups_of(const impact *i, unsigned scenario, unsigned benefit, unsigned dimension) {
    json_t *list = json_array();
    uint32_t group;
    for (unsigned n = 0; (group = impact_group(i, dimension, n)) != UINT32_MAX; n++) {
        impact_counts counts;
        impact_get(i, scenario, benefit, dimension, group, &counts);
        if (!differs(&counts)) continue;
        json_t *one = new_group(dimension, group);
        put_counts(&one, &counts, benefit == IMPACT_ANY);
        document_append(&list, one);
    }
    return list;
}

static json_t *by_groups(const impact_run *run, unsigned scenario, unsigned benefit) {
    json_t *object = json_object();
    for (unsigned d = 0; d < IMPACT_DIMENSIONS; d++)
        if (run->by >> d & 1)
            document_set(&object, impact_dimension_name(d), groups_of(run->impact, scenario, benefit, d));
    return object;
}

/* ------------------------------------------------------------------ scenarios and benefits */

static json_t *samples_of(const impact_run *run, unsigned scenario, unsigned benefit, bool gained) {
    json_t *list = json_array();
    const impact_sample *samples;
    size_t count = impact_samples(run->impact, scenario, benefit, gained, &samples);
    for (size_t n = 0; n < count; n++) {
        char subject[SUBJECT_TEXT];
        document_append(&list,
                        json_pack("{s:s, s:o, s:o}", "subject", subject_format_masked(&samples[n].subject, subject),
                                  "before", command_decision(run->before, scenario, &samples[n].before), "after",
                                  command_decision(run->after, scenario, &samples[n].after)));
    }
    return list;
}

static json_t *benefits_of(const impact_run *run, unsigned scenario) {
    json_t *list = json_array();
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
        const policy_benefit *b = policy_benefit_of(run->after, scenario, code);
        if (b == NULL) b = policy_benefit_of(run->before, scenario, code);
        if (b == NULL) continue;
        document_append(&list, json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "code", (int)code, "id", b->id, "title",
                                         b->title, "total", total_of(run->impact, scenario, code), "by",
                                         by_groups(run, scenario, code), "gained_samples",
                                         samples_of(run, scenario, code, true), "lost_samples",
                                         samples_of(run, scenario, code, false)));
    }
    return list;
}

/* Of the policy that is, or would be, in force; else of any. */
static const char *title_of(const policy_set *set, unsigned scenario, policy_moment at) {
    const char *title = NULL;
    int64_t hour = at.now_ms / CLOCK_MS_PER_HOUR;
    for (size_t i = 0; i < policy_count(set); i++) {
        policy_info info;
        policy_get_info(set, i, &info);
        if (info.scenario != scenario) continue;
        if (title == NULL || (info.from_hour <= hour && hour < info.to_hour)) title = info.title;
    }
    return title;
}

static json_t *scenario_document(const impact_run *run, unsigned scenario) {
    const char *name = policy_scenario_name(run->after, scenario), *title = title_of(run->after, scenario, run->at);
    if (name == NULL) name = policy_scenario_name(run->before, scenario);
    if (title == NULL) title = title_of(run->before, scenario, run->at);
    return json_pack("{s:i, s:s?, s:s?, s:o, s:o, s:o}", "code", (int)scenario, "scenario", name, "title", title,
                     "total", total_of(run->impact, scenario, IMPACT_ANY), "by", by_groups(run, scenario, IMPACT_ANY),
                     "benefits", benefits_of(run, scenario));
}

/* ------------------------------------------------------------------ guarantees */

static void put_guarantee(json_t **to, const impact_guarantee *g) {
#define COUNT(name) document_set(to, #name, json_integer((json_int_t)g->name))
    COUNT(accounts);
    COUNT(covered_before);
    COUNT(covered_after);
    COUNT(exempt_before);
    COUNT(exempt_after);
    COUNT(suspended_before);
    COUNT(suspended_after);
    COUNT(short_before);
    COUNT(short_after);
    COUNT(required_before_fen);
    COUNT(required_after_fen);
    COUNT(limit_before_fen);
    COUNT(limit_after_fen);
    COUNT(available_before_fen);
    COUNT(available_after_fen);
#undef COUNT
}

static json_t *guarantee_groups(const impact *i, unsigned program, unsigned dimension) {
    json_t *list = json_array();
    uint32_t group;
    for (unsigned n = 0; (group = impact_group(i, dimension, n)) != UINT32_MAX; n++) {
        impact_guarantee g;
        impact_get_guarantee(i, program, dimension, group, &g);
        if (g.accounts == 0) continue;
        json_t *one = new_group(dimension, group);
        put_guarantee(&one, &g);
        document_append(&list, one);
    }
    return list;
}

static json_t *guarantee_document(const impact_run *run, unsigned program) {
    impact_guarantee g;
    json_t *total = json_object(), *by = json_object();
    char name[16];
    snprintf(name, sizeof name, program == PROGRAM_POWER ? "power" : "%u", program);
    impact_get_guarantee(run->impact, program, IMPACT_DIMENSIONS, 0, &g);
    put_guarantee(&total, &g);
    for (unsigned d = 0; d < IMPACT_DIMENSIONS; d++)
        if (run->by >> d & 1) document_set(&by, impact_dimension_name(d), guarantee_groups(run->impact, program, d));
    return json_pack("{s:s, s:o, s:o}", "program", name, "total", total, "by", by);
}

/* ------------------------------------------------------------------ the whole */

static json_t *set_document(uint32_t version, const policy_set *set) {
    return json_pack("{s:I, s:s}", "version", (json_int_t)version, "hash", policy_hash(set));
}

json_t *impact_document(const impact_run *run, unsigned only) {
    const impact *i = run->impact;
    impact_totals t;
    char day[CLOCK_DATE_TEXT];
    json_t *scenarios = json_array(), *guarantees = json_array();
    impact_get_totals(i, &t);
    for (unsigned n = 0, scenario; (scenario = impact_scenario(i, n)) != 0; n++)
        if (only == 0 || only == scenario) document_append(&scenarios, scenario_document(run, scenario));
    for (unsigned n = 0, program; (program = impact_program(i, n)) != 0; n++)
        document_append(&guarantees, guarantee_document(run, program));
    return json_pack("{s:I, s:f, s:s, s:o, s:o, s:b, s:I, s:I, s:I, s:o, s:o}", "population", (json_int_t)t.subjects,
                     "seconds", t.seconds, "day", clock_format_day(run->at.day, day), "active",
                     set_document(t.before_version, run->before), "candidate",
                     set_document(t.after_version, run->after), "derived_again", (int)t.derived_again, "composite_up",
                     (json_int_t)t.composite_up, "composite_down", (json_int_t)t.composite_down, "newer",
                     (json_int_t)t.newer, "scenarios", scenarios, "guarantees", guarantees);
}
