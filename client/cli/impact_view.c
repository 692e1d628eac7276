/* An officer asks: how many lose what they have, who are they, and what does it cost. So losses come in red and beside
 * the number of those who had the benefit, changes carry their sign, and what does not change is said once instead of
 * being listed.
 *
 * jansson's getters answer 0 for what is not there, so a document with parts missing is shown without them. */
#include "client/cli/impact_view.h"

#include "client/cli/money.h"
#include "client/cli/sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int64_t number(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key) {
    const char *found = json_string_value(json_object_get(object, key));
    return found != NULL ? found : "";
}

static const char *count_text(int64_t value, char buffer[MONEY_TEXT]) { return money_format_count(value, buffer); }

/* "+1,234", "-5", "0" */
static const char *change_text(int64_t change, char buffer[MONEY_TEXT]) {
    buffer[0] = '+';
    money_format_count(change, buffer + (change > 0));
    return buffer;
}

/* "1.2%" of a whole; "<0.1%" for little, "" of nothing. */
static const char *share_text(int64_t part, int64_t whole, char buffer[MONEY_TEXT]) {
    if (part == 0 || whole <= 0) return "";
    double percent = (double)part * 100 / (double)whole;
    if (percent < 0.1)
        snprintf(buffer, MONEY_TEXT, "<0.1%%");
    else
        snprintf(buffer, MONEY_TEXT, "%.1f%%", percent);
    return buffer;
}

/* "+3.2%" of what was there before. */
static const char *growth_text(int64_t before, int64_t after, char buffer[MONEY_TEXT]) {
    if (before == 0 || before == after) return "";
    snprintf(buffer, MONEY_TEXT, "%+.1f%%", ((double)after - (double)before) * 100 / (double)before);
    return buffer;
}

static const char *money_change_text(int64_t before, int64_t after, char buffer[MONEY_TEXT]) {
    int64_t change;
    if (__builtin_sub_overflow(after, before, &change)) change = after > before ? INT64_MAX : -INT64_MAX;
    buffer[0] = '+';
    money_format(change, buffer + (change > 0));
    return buffer;
}

static const char *paint_of(int64_t count, const char *paint) { return count != 0 ? paint : NULL; }

static void both_names(const json_t *object, const char *id, char *buffer, size_t room) {
    const char *title = text(object, "title");
    snprintf(buffer, room, "%s%s%s", text(object, id), title[0] != '\0' ? "  " : "", title);
}

/* ------------------------------------------------------------------ a scenario in total */

static void benefit_row(sheet *t, const char *name, const json_t *counts) {
    char buffer[MONEY_TEXT];
    int64_t before = number(counts, "before"), gained = number(counts, "gained"), lost = number(counts, "lost");
    sheet_row(t);
    sheet_cell(t, name);
    sheet_cell(t, count_text(before, buffer));
    sheet_cell(t, count_text(number(counts, "after"), buffer));
    sheet_cell_painted(t, count_text(gained, buffer), paint_of(gained, "green"));
    sheet_cell_painted(t, count_text(lost, buffer), paint_of(lost, "red"));
    sheet_cell_painted(t, share_text(lost, before, buffer), paint_of(lost, "red"));
}

static bool changes(const json_t *counts) { return number(counts, "gained") != 0 || number(counts, "lost") != 0; }

/* Who loses one and keeps another still has one: the line of all does not add up, and says why. */
static void print_sum(const json_t *total) {
    int64_t more = number(total, "after") - number(total, "before");
    if (number(total, "gained") - number(total, "lost") != more)
        puts("any benefit: who gains or loses at least one; some of them have another before and after");
}

static void print_unchanged(const json_t *scenario) {
    const json_t *benefit;
    const char *between = "the same holders: ";
    size_t n;
    json_array_foreach(json_object_get(scenario, "benefits"), n, benefit) {
        if (changes(json_object_get(benefit, "total"))) continue;
        printf("%s%s", between, text(benefit, "id"));
        between = ", ";
    }
    if (strcmp(between, ", ") == 0) putchar('\n');
}

static bool print_benefits(const cli *c, const json_t *scenario) {
    static const sheet_column columns[] = {{.name = "benefit"},
                                           {.name = "have it now", .right = true},
                                           {.name = "would have it", .right = true},
                                           {.name = "gain it", .right = true},
                                           {.name = "lose it", .right = true},
                                           {.name = "of holders", .right = true}};
    char name[512], buffer[MONEY_TEXT];
    const json_t *benefit, *total = json_object_get(scenario, "total");
    size_t n;
    if (!changes(total)) {
        printf("nobody gains or loses a benefit (%s have one)\n", count_text(number(total, "before"), buffer));
        return true;
    }
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(scenario, "benefits"), n, benefit) {
        const json_t *counts = json_object_get(benefit, "total");
        if (!changes(counts)) continue;
        both_names(benefit, "id", name, sizeof name);
        benefit_row(t, name, counts);
    }
    benefit_row(t, "any benefit", total);
    bool printed = sheet_print(t);
    sheet_destroy(&t);
    print_sum(total);
    print_unchanged(scenario);
    return printed;
}

static int64_t move(const json_t *counts, size_t from, size_t to) {
    return json_integer_value(json_array_get(json_array_get(json_object_get(counts, "outcomes"), from), to));
}

static const char *const OUTCOMES[] = {"none", "granted", "review", "declined"};

static bool print_outcomes(const cli *c, const json_t *counts) {
    static const sheet_column columns[] = {
        {.name = "outcome now"}, {.name = "then"}, {.name = "subjects", .right = true}};
    char buffer[MONEY_TEXT];
    int64_t same = 0;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    for (size_t from = 0; from < 4; from++) {
        same += move(counts, from, from);
        for (size_t to = 0; to < 4; to++) {
            if (from == to || move(counts, from, to) == 0) continue;
            /* up: granted, then review; none and declined give nothing */
            static const int rank[] = {0, 2, 1, 0};
            sheet_row(t);
            sheet_cell(t, OUTCOMES[from]);
            sheet_cell_painted(t, OUTCOMES[to], rank[to] > rank[from] ? "green" : rank[to] < rank[from] ? "red" : NULL);
            sheet_cell(t, count_text(move(counts, from, to), buffer));
        }
    }
    bool printed = true;
    if (sheet_rows(t) == 0) {
        printf("no outcome changes (%s subjects)\n", count_text(same, buffer));
        printed = t != NULL;
    } else {
        printed = sheet_print(t);
        printf("the same outcome: %s\n", count_text(same, buffer));
    }
    sheet_destroy(&t);
    return printed;
}

static void print_amounts(const json_t *counts) {
    char before[MONEY_TEXT], after[MONEY_TEXT], change[MONEY_TEXT], growth[MONEY_TEXT];
    int64_t was = number(counts, "amount_before_fen"), is = number(counts, "amount_after_fen");
    if (was == 0 && is == 0) return;
    const char *part = growth_text(was, is, growth);
    printf("amounts: %s now, %s then (%s%s%s)\n", money_format(was, before), money_format(is, after),
           money_change_text(was, is, change), part[0] != '\0' ? ", " : "", part);
}

/* ------------------------------------------------------------------ by groups */

static const json_t *groups_of(const json_t *object, const char *by) {
    return json_object_get(json_object_get(object, "by"), by);
}

static const json_t *group_named(const json_t *groups, const char *name) {
    const json_t *group;
    size_t n;
    json_array_foreach(groups, n, group) if (strcmp(text(group, "group"), name) == 0) return group;
    return NULL;
}

static void group_name(const json_t *group, char *buffer, size_t room) {
    const char *name = text(group, "group"), *title = text(group, "title");
    snprintf(buffer, room, "%s%s%s", name, name[0] != '\0' && title[0] != '\0' ? "  " : "",
             name[0] == '\0' && title[0] == '\0' ? "unknown" : title);
}

/* How many more are granted. */
static int64_t more_granted(const json_t *counts) {
    int64_t more = 0;
    for (size_t other = 0; other < 4; other++) more += move(counts, other, 1) - move(counts, 1, other);
    return more;
}

static void group_row(sheet *t, const char *group, const char *benefit, const json_t *counts, bool amounts) {
    char buffer[MONEY_TEXT];
    int64_t gained = number(counts, "gained"), lost = number(counts, "lost"), before = number(counts, "before");
    sheet_row(t);
    sheet_cell(t, group);
    sheet_cell(t, benefit);
    sheet_cell(t, count_text(before, buffer));
    sheet_cell_painted(t, count_text(gained, buffer), paint_of(gained, "green"));
    sheet_cell_painted(t, count_text(lost, buffer), paint_of(lost, "red"));
    sheet_cell_painted(t, share_text(lost, before, buffer), paint_of(lost, "red"));
    int64_t was = number(counts, "amount_before_fen"), is = number(counts, "amount_after_fen");
    int64_t granted = more_granted(counts);
    sheet_cell_painted(t, granted != 0 ? change_text(granted, buffer) : "", granted < 0 ? "red" : "green");
    sheet_cell(t, amounts && was != is ? money_change_text(was, is, buffer) : "");
}

/* A group's benefits that change; the group's name stands only in its first line. */
static void group_rows(sheet *t, const json_t *scenario, const json_t *group, const char *by) {
    char name[256];
    const json_t *benefit;
    size_t n;
    group_name(group, name, sizeof name);
    group_row(t, name, "any", group, true);
    json_array_foreach(json_object_get(scenario, "benefits"), n, benefit) {
        const json_t *counts = group_named(groups_of(benefit, by), text(group, "group"));
        if (changes(counts)) group_row(t, "", text(benefit, "id"), counts, false);
    }
}

static bool print_groups(const cli *c, const json_t *scenario, const char *by) {
    const sheet_column columns[] = {{.name = by},
                                    {.name = "benefit"},
                                    {.name = "have it now", .right = true},
                                    {.name = "gain it", .right = true},
                                    {.name = "lose it", .right = true},
                                    {.name = "of holders", .right = true},
                                    {.name = "granted", .right = true},
                                    {.name = "amounts", .right = true}};
    const json_t *group;
    size_t n;
    if (json_array_size(groups_of(scenario, by)) == 0) return true;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(groups_of(scenario, by), n, group) group_rows(t, scenario, group, by);
    putchar('\n');
    bool printed = sheet_print(t);
    sheet_destroy(&t);
    return printed;
}

/* ------------------------------------------------------------------ samples */

static void sample_row(sheet *t, const json_t *benefit, const char *what, const json_t *sample) {
    char line[160], buffer[MONEY_TEXT];
    const json_t *before = json_object_get(sample, "before"), *after = json_object_get(sample, "after");
    sheet_row(t);
    sheet_cell(t, text(sample, "subject"));
    sheet_cell_painted(t, what, what[0] == 'g' ? "green" : "red");
    sheet_cell(t, text(benefit, "id"));
    snprintf(line, sizeof line, "%s → %s", text(before, "outcome"), text(after, "outcome"));
    sheet_cell(t, strcmp(text(before, "outcome"), text(after, "outcome")) == 0 ? text(after, "outcome") : line);
    int64_t was = number(before, "amount_fen"), is = number(after, "amount_fen");
    char first[MONEY_TEXT];
    snprintf(line, sizeof line, "%s → %s", money_format(was, first), money_format(is, buffer));
    sheet_cell(t, was == 0 && is == 0 ? "" : was == is ? buffer : line);
}

static bool print_samples(const cli *c, const json_t *scenario) {
    static const sheet_column columns[] = {
        {.name = "subject"}, {.name = ""}, {.name = "benefit"}, {.name = "outcome"}, {.name = "amount", .right = true}};
    const json_t *benefit, *sample;
    size_t n, k;
    bool printed = true;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(scenario, "benefits"), n, benefit) {
        json_array_foreach(json_object_get(benefit, "gained_samples"), k, sample)
            sample_row(t, benefit, "gains", sample);
        json_array_foreach(json_object_get(benefit, "lost_samples"), k, sample) sample_row(t, benefit, "loses", sample);
    }
    if (t == NULL || sheet_rows(t) > 0) {
        puts("\nfor example");
        printed = sheet_print(t);
    }
    sheet_destroy(&t);
    return printed;
}

/* ------------------------------------------------------------------ guarantees */

static void guarantee_row(sheet *t, const char *group, const char *name, const json_t *g, const char *key, bool money) {
    char before_key[40], after_key[40], buffer[MONEY_TEXT];
    snprintf(before_key, sizeof before_key, "%s_before%s", key, money ? "_fen" : "");
    snprintf(after_key, sizeof after_key, "%s_after%s", key, money ? "_fen" : "");
    int64_t before = number(g, before_key), after = number(g, after_key);
    sheet_row(t);
    if (group != NULL) sheet_cell(t, group);
    sheet_cell(t, name);
    sheet_cell(t, money ? money_format(before, buffer) : count_text(before, buffer));
    sheet_cell(t, money ? money_format(after, buffer) : count_text(after, buffer));
    sheet_cell(t, before == after ? ""
                  : money         ? money_change_text(before, after, buffer)
                                  : change_text(after - before, buffer));
    sheet_cell(t, money ? growth_text(before, after, buffer) : "");
}

typedef struct measure {
    const char *key, *name;
    bool money;
} measure;
static const measure MEASURES[] = {
    {"covered", "covered by the program", false},
    {"exempt", "exempt from the guarantee", false},
    {"suspended", "suspended", false},
    {"short", "lodged less than required", false},
    {"required", "required", true},
    {"limit", "quota limit", true},
    {"available", "available", true},
};
enum { MEASURE_COUNT = sizeof MEASURES / sizeof MEASURES[0] };

static bool moves(const json_t *g, const measure *m) {
    char before[40], after[40];
    snprintf(before, sizeof before, "%s_before%s", m->key, m->money ? "_fen" : "");
    snprintf(after, sizeof after, "%s_after%s", m->key, m->money ? "_fen" : "");
    return number(g, before) != number(g, after);
}

static bool any_moves(const json_t *g) {
    for (unsigned m = 0; m < MEASURE_COUNT; m++)
        if (moves(g, &MEASURES[m])) return true;
    return false;
}

static bool print_guarantee_total(const cli *c, const json_t *g) {
    static const sheet_column columns[] = {{.name = "accounts"},
                                           {.name = "now", .right = true},
                                           {.name = "then", .right = true},
                                           {.name = "change", .right = true},
                                           {.name = "", .right = true}};
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    for (unsigned m = 0; m < MEASURE_COUNT; m++)
        guarantee_row(t, NULL, MEASURES[m].name, g, MEASURES[m].key, MEASURES[m].money);
    bool printed = sheet_print(t);
    sheet_destroy(&t);
    return printed;
}

/* What moves, of groups in which something does. */
static bool print_guarantee_groups(const cli *c, const json_t *guarantee, const char *by) {
    const sheet_column columns[] = {{.name = by},
                                    {.name = ""},
                                    {.name = "now", .right = true},
                                    {.name = "then", .right = true},
                                    {.name = "change", .right = true},
                                    {.name = "", .right = true}};
    const json_t *group;
    size_t n;
    char name[256];
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(groups_of(guarantee, by), n, group) {
        group_name(group, name, sizeof name);
        for (unsigned m = 0; m < MEASURE_COUNT; m++) {
            if (!moves(group, &MEASURES[m])) continue;
            guarantee_row(t, name, MEASURES[m].name, group, MEASURES[m].key, MEASURES[m].money);
            name[0] = '\0';
        }
    }
    bool printed = t != NULL;
    if (sheet_rows(t) > 0) {
        putchar('\n');
        printed = sheet_print(t);
    }
    sheet_destroy(&t);
    return printed;
}

/* ------------------------------------------------------------------ the whole */

static void print_head(const cli *c, const json_t *r) {
    char buffer[MONEY_TEXT], up[MONEY_TEXT], down[MONEY_TEXT];
    const json_t *active = json_object_get(r, "active"), *candidate = json_object_get(r, "candidate");
    double seconds = json_number_value(json_object_get(r, "seconds"));
    printf("%s%s%s subjects as of %s: active policy version %" PRId64 " beside the candidate (hash %.12s); %.*f %s\n",
           cli_paint(c, "1"), count_text(number(r, "population"), buffer), cli_paint(c, "0"), text(r, "day"),
           number(active, "version"), text(candidate, "hash"), seconds < 1 ? 0 : 1,
           seconds < 1 ? seconds * 1000 : seconds, seconds < 1 ? "ms" : "s");
    if (json_is_true(json_object_get(r, "derived_again")))
        printf(
            "the candidate's credit rules differ, so everybody was evaluated anew: composite grades rise for %s, fall "
            "for %s\n",
            count_text(number(r, "composite_up"), up), count_text(number(r, "composite_down"), down));
    if (number(r, "newer") != 0)
        printf("of %s subjects something was reported meanwhile: their reports are taken as they are now\n",
               count_text(number(r, "newer"), buffer));
}

static bool print_scenario(const cli *c, const json_t *scenario, const char *by) {
    char buffer[MONEY_TEXT];
    const json_t *total = json_object_get(scenario, "total");
    printf("\n%s%s %s%s: %s subjects covered\n", cli_paint(c, "1"), text(scenario, "scenario"), text(scenario, "title"),
           cli_paint(c, "0"), count_text(number(total, "subjects"), buffer));
    bool printed = print_benefits(c, scenario);
    print_amounts(total);
    printed = print_outcomes(c, total) && printed;
    if (by != NULL) printed = print_groups(c, scenario, by) && printed;
    return print_samples(c, scenario) && printed;
}

static bool print_guarantee(const cli *c, const json_t *guarantee, const char *by) {
    char buffer[MONEY_TEXT];
    const json_t *total = json_object_get(guarantee, "total");
    printf("\n%sguarantee program %s%s: %s accounts\n", cli_paint(c, "1"), text(guarantee, "program"),
           cli_paint(c, "0"), count_text(number(total, "accounts"), buffer));
    bool printed = print_guarantee_total(c, total);
    if (!any_moves(total)) puts("no total changes");
    return (by == NULL || print_guarantee_groups(c, guarantee, by)) && printed;
}

bool impact_view(const cli *c, const json_t *result, const char *by) {
    const json_t *scenarios = json_object_get(result, "scenarios"), *one;
    size_t n;
    bool printed = true;
    print_head(c, result);
    if (json_array_size(scenarios) == 0)
        puts("the candidate decides everything as the active policies do: nobody gains or loses anything");
    json_array_foreach(scenarios, n, one) printed = print_scenario(c, one, by) && printed;
    json_array_foreach(json_object_get(result, "guarantees"), n, one) printed = print_guarantee(c, one, by) && printed;
    return printed;
}
