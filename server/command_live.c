/* What is going on: the catalogue of the active set, a candidate in the shadow, the effect of what is granted. */
#include "base/clock.h"
#include "base/division.h"
#include "base/log.h"
#include "base/purpose.h"
#include "server/command.h"
#include "server/commit.h"
#include "server/connection.h"
#include "server/document.h"
#include "server/jobs.h"
#include "server/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *areas_of(const credit_rules *rules) {
    json_t *list = json_array();
    for (unsigned i = 0; i < rules->area_count; i++) {
        const credit_area *a = &rules->areas[i];
        json_t *divisions = json_array();
        for (unsigned d = 0; d < a->division_count; d++) {
            char code[16];
            snprintf(code, sizeof code, "%06u", a->divisions[d]);
            document_append(&divisions, json_string(code));
        }
        document_append(&list, json_pack("{s:i, s:s, s:s?, s:s?, s:o, s:I, s:o, s:o}", "code", (int)a->code, "id",
                                         a->id, "title", a->title, "kind", a->kind, "divisions", divisions, "subjects",
                                         (json_int_t)a->subject_count, "from", document_day(a->from_day, INT32_MIN),
                                         "to", document_day(a->to_day, INT32_MAX)));
    }
    return list;
}

/* Once a scenario, whatever the number of its policies; the newest policy's title and purpose. */
static json_t *scenarios_of(const policy_set *set) {
    json_t *list = json_array();
    for (unsigned scenario = 1; scenario <= SCENARIO_MAX; scenario++) {
        policy_info newest = {0};
        for (size_t i = 0; i < policy_count(set); i++) {
            policy_info info;
            policy_get_info(set, i, &info);
            if (info.scenario == scenario) newest = info;
        }
        if (newest.id == NULL) continue;
        json_t *benefits = json_array();
        for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
            const policy_benefit *b = policy_benefit_of(set, scenario, code);
            if (b != NULL)
                document_append(&benefits,
                                json_pack("{s:i, s:s, s:s}", "code", (int)code, "id", b->id, "title", b->title));
        }
        document_append(&list, json_pack("{s:i, s:s, s:s, s:s?, s:o}", "code", (int)scenario, "scenario",
                                         newest.scenario_name, "title", newest.title, "purpose",
                                         purpose_name(newest.purpose), "benefits", benefits));
    }
    return list;
}

status command_catalogue(command_run *r) {
    policy_set *set = command_active(r->s);
    char *text = document_catalogue(set);
    bool made = text != NULL;
    if (made) {
        json_decref(r->answer);
        r->answer = json_loads(text, 0, NULL);
        free(text);
        command_put(r, "areas", areas_of(policy_credit(set)));
        command_put(r, "scenarios", scenarios_of(set));
    }
    policy_destroy(&set);
    return made ? STATUS_OK : STATUS_OVERLOADED;
}

/* ------------------------------------------------------------------ the shadow */

typedef struct shadow_call {
    server *s;
    policy_set *candidate; /* NULL: ends it */
    policy_set *held;      /* the one before, or now */
} shadow_call;

/* The set first: who sees the new number sees the new set, too, and starts from zero; what is counted between the two
 * is forgotten. */
static void exchange_shadow(void *arg) {
    shadow_call *c = arg;
    engine_set_shadow(c->s->engine, c->candidate);
    atomic_fetch_add(&c->s->shadow_generation, 1);
}

static void hold_shadow(void *arg) {
    shadow_call *c = arg;
    const policy_set *set = engine_shadow(c->s->engine);
    c->held = set != NULL ? policy_hold(set) : NULL;
}

status command_shadow_start(command_run *r) {
    const policy_file *files;
    size_t count;
    shadow_call c = {.s = r->s};
    json_t *findings = NULL;
    char hash[33];
    status s = command_texts(r, &files, &count);
    if (s == STATUS_OK) s = command_compile(r, files, count, &c.candidate, &findings);
    if (s != STATUS_OK) return s;
    snprintf(hash, sizeof hash, "%s", policy_hash(c.candidate));
    commit_call(r->s, exchange_shadow, &c);
    jobs_state(r->s)->shadow_since_ms = clock_wall_ms();
    log_event(LOG_INFO, "shadow_started", "hash=%s", hash);
    command_put(r, "hash", json_string(hash));
    command_put(r, "findings", findings);
    return STATUS_OK;
}

status command_shadow_stop(command_run *r) {
    shadow_call c = {.s = r->s};
    bool was = jobs_state(r->s)->shadow_since_ms != 0;
    commit_call(r->s, exchange_shadow, &c);
    jobs_state(r->s)->shadow_since_ms = 0;
    if (was) log_event(LOG_INFO, "shadow_stopped", "by=command");
    command_put(r, "was_running", json_boolean(was));
    return STATUS_OK;
}

static const policy_benefit *benefit_of(const policy_set *first, const policy_set *second, unsigned scenario,
                                        unsigned code) {
    const policy_benefit *b = policy_benefit_of(first, scenario, code);
    return b != NULL ? b : policy_benefit_of(second, scenario, code);
}

static json_t *shadow_benefits(const policy_set *active, const policy_set *candidate, unsigned scenario,
                               const shadow_counts *counts) {
    json_t *list = json_array();
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
        if (counts->gained[code] == 0 && counts->lost[code] == 0) continue;
        const policy_benefit *b = benefit_of(active, candidate, scenario, code);
        document_append(&list, json_pack("{s:i, s:s?, s:s?, s:I, s:I}", "code", (int)code, "id",
                                         b != NULL ? b->id : NULL, "title", b != NULL ? b->title : NULL, "gained",
                                         (json_int_t)counts->gained[code], "lost", (json_int_t)counts->lost[code]));
    }
    return list;
}

static void read_shadow(const server *s, unsigned scenario, shadow_counts *sum) {
    unsigned generation = atomic_load(&s->shadow_generation);
    *sum = (shadow_counts){0};
    for (unsigned w = 0; w < s->worker_count; w++)
        if (worker_shadow_generation(s->workers[w]) == generation)
            tally_shadow_read(worker_tally(s->workers[w]), scenario, sum);
}

static json_t *shadow_scenarios(const server *s, const policy_set *active, const policy_set *candidate) {
    json_t *list = json_array();
    for (unsigned scenario = 1; scenario <= SCENARIO_MAX; scenario++) {
        shadow_counts c;
        read_shadow(s, scenario, &c);
        if (c.decisions == 0) continue;
        const char *name = policy_scenario_name(active, scenario);
        if (name == NULL) name = policy_scenario_name(candidate, scenario);
        document_append(&list,
                        json_pack("{s:i, s:s?, s:I, s:I, s:o, s:o, s:I, s:I}", "code", (int)scenario, "scenario", name,
                                  "decisions", (json_int_t)c.decisions, "different", (json_int_t)c.different,
                                  "outcomes", command_outcomes((const uint64_t(*)[4])c.outcome_from_to), "benefits",
                                  shadow_benefits(active, candidate, scenario, &c), "amount_up",
                                  (json_int_t)c.amount_up, "amount_down", (json_int_t)c.amount_down));
    }
    return list;
}

status command_shadow(command_run *r) {
    shadow_call c = {.s = r->s};
    char since[CLOCK_TIME_TEXT];
    commit_call(r->s, hold_shadow, &c);
    policy_set *active = command_active(r->s);
    command_put(r, "running", json_boolean(c.held != NULL));
    command_put(r, "active",
                json_pack("{s:I, s:s}", "version", (json_int_t)policy_version(active), "hash", policy_hash(active)));
    if (c.held != NULL) {
        clock_format_ms(jobs_state(r->s)->shadow_since_ms, since);
        command_put(r, "since", json_string(since));
        command_put(r, "candidate", json_pack("{s:s}", "hash", policy_hash(c.held)));
        command_put(r, "scenarios", shadow_scenarios(r->s, active, c.held));
    }
    policy_destroy(&active);
    policy_destroy(&c.held);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ effect */

#define ROWS_MOST 6000u

enum { BY_NOTHING, BY_PREFECTURE, BY_DIVISION };

typedef struct effect_call {
    server *s;
    unsigned month, scenario, by;
    effect_row *rows; /* malloc'd; in the order of the walk */
    size_t count, capacity;
    status result;
} effect_call;

static uint32_t group_of(unsigned by, uint32_t code) {
    return by == BY_DIVISION ? code : by == BY_PREFECTURE ? code / 100 * 100 : 0;
}

static void add_counters(uint64_t *to, const uint64_t *from, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] += from[i];
}

/* Rows of a group follow each other: their divisions do. */
static void take_row(void *context, const effect_row *row) {
    effect_call *c = context;
    effect_row *last = c->count > 0 ? &c->rows[c->count - 1] : NULL;
    uint32_t group = group_of(c->by, row->division);
    if (last != NULL && last->month == row->month && last->scenario == row->scenario && last->division == group) {
        add_counters(last->counts.outcomes, row->counts.outcomes, TALLY_OUTCOMES);
        add_counters(last->counts.given, row->counts.given, LIMIT_BENEFITS);
        add_counters(last->counts.used, row->counts.used, LIMIT_BENEFITS);
        return;
    }
    if (c->count == ROWS_MOST) c->result = STATUS_TOO_LARGE;
    if (c->result != STATUS_OK) return;
    if (c->count == c->capacity) {
        size_t more = c->capacity == 0 ? 64 : c->capacity * 2;
        effect_row *rows = realloc(c->rows, more * sizeof *rows);
        if (rows == NULL) {
            c->result = STATUS_NO_MEMORY;
            return;
        }
        c->rows = rows;
        c->capacity = more;
    }
    c->rows[c->count] = *row;
    c->rows[c->count++].division = group;
}

/* While storage is in trouble the totals are those that are stored. */
static void read_effect(void *arg) {
    effect_call *c = arg;
    status collected = commit_collect(c->s);
    (void)collected;
    effects_walk(engine_effects(c->s->engine), c->month, c->scenario, take_row, c);
}

static json_t *outcome_counts(const uint64_t counts[TALLY_OUTCOMES]) {
    json_t *object = json_object();
    for (unsigned o = 0; o < TALLY_OUTCOMES; o++)
        document_set(&object, policy_outcome_name(o), json_integer((json_int_t)counts[o]));
    return object;
}

static json_t *effect_benefits(const policy_set *set, const effect_row *row) {
    json_t *list = json_array();
    for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
        uint64_t given = row->counts.given[code], used = row->counts.used[code];
        if (given == 0 && used == 0) continue;
        const policy_benefit *b = policy_benefit_of(set, row->scenario, code);
        document_append(&list, json_pack("{s:i, s:s?, s:I, s:I}", "code", (int)code, "id", b != NULL ? b->id : NULL,
                                         "given", (json_int_t)given, "used", (json_int_t)used));
    }
    return list;
}

static json_t *effect_document(const policy_set *set, unsigned by, const effect_row *row) {
    char month[16], code[16] = "";
    snprintf(month, sizeof month, "%04u-%02u", 1970 + row->month / 12, row->month % 12 + 1);
    if (row->division != 0) snprintf(code, sizeof code, "%06u", row->division);
    const division *place = division_find(row->division);
    uint64_t decisions = 0;
    for (unsigned o = 0; o < TALLY_OUTCOMES; o++) decisions += row->counts.outcomes[o];
    json_t *one = json_pack("{s:s, s:i, s:s?, s:I, s:o, s:o}", "month", month, "code", (int)row->scenario, "scenario",
                            policy_scenario_name(set, row->scenario), "decisions", (json_int_t)decisions, "outcomes",
                            outcome_counts(row->counts.outcomes), "benefits", effect_benefits(set, row));
    if (by != BY_NOTHING) {
        document_set(&one, "division", json_string(code));
        document_set(&one, "title", document_optional(place != NULL ? place->name : NULL));
    }
    return one;
}

/* Titles once a scenario: {"travel": {"lane": "…"}}. */
static json_t *benefit_titles(const policy_set *set) {
    json_t *all = json_object();
    for (unsigned scenario = 1; scenario <= SCENARIO_MAX; scenario++) {
        const char *name = policy_scenario_name(set, scenario);
        if (name == NULL) continue;
        json_t *own = json_object();
        for (unsigned code = 0; code < LIMIT_BENEFITS; code++) {
            const policy_benefit *b = policy_benefit_of(set, scenario, code);
            if (b != NULL) document_set(&own, b->id, json_string(b->title));
        }
        document_set(&all, name, own);
    }
    return all;
}

static status parse_effect(command_run *r, const policy_set *set, effect_call *c) {
    const char *month = NULL, *scenario = NULL, *by = "nothing";
    int32_t day;
    char text[16];
    status s = command_string(r, "month", NULL, &month);
    if (s == STATUS_OK) s = command_string(r, "scenario", NULL, &scenario);
    if (s == STATUS_OK) s = command_string(r, "by", NULL, &by);
    if (s != STATUS_OK) return s;
    if (month != NULL) {
        snprintf(text, sizeof text, "%.8s-01", month);
        if (strlen(month) != 7 || !clock_parse_day(text, strlen(text), &day) || day < 31)
            return command_fail(r, STATUS_BAD_COMMAND, "'month' must be written like 2026-11");
        c->month = tally_month(day);
    }
    if (scenario != NULL && (c->scenario = policy_scenario_find(set, scenario)) == 0)
        return command_fail(r, STATUS_UNKNOWN_SCENARIO, "the active set has no scenario '%.64s'", scenario);
    c->by = strcmp(by, "division") == 0 ? BY_DIVISION : strcmp(by, "prefecture") == 0 ? BY_PREFECTURE : BY_NOTHING;
    if (c->by == BY_NOTHING && strcmp(by, "nothing") != 0)
        return command_fail(r, STATUS_BAD_COMMAND, "'by' must be nothing, prefecture or division");
    return STATUS_OK;
}

status command_effect(command_run *r) {
    policy_set *set = command_active(r->s);
    effect_call c = {.s = r->s};
    status s = parse_effect(r, set, &c);
    if (s == STATUS_OK) {
        commit_call(r->s, read_effect, &c);
        s = c.result;
    }
    if (s == STATUS_TOO_LARGE) command_fail(r, s, "more than %u rows: name a month or a scenario", ROWS_MOST);
    if (s == STATUS_OK) {
        json_t *rows = json_array();
        for (size_t i = 0; i < c.count; i++) document_append(&rows, effect_document(set, c.by, &c.rows[i]));
        command_put(r, "rows", rows);
        command_put(r, "benefit_titles", benefit_titles(set));
    }
    free(c.rows);
    policy_destroy(&set);
    return s;
}
