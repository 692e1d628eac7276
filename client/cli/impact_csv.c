/* Long form: one line a measure. A spreadsheet pivots it as it likes, and a new measure is a new line rather than a new
 * column that breaks somebody's macro. Amounts are whole fen, as in all CSV of this program's documents. */
#include "client/cli/impact_view.h"

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

/* A cell with its comma behind it; quoted where it must be. */
static void cell(buf *to, const char *value) {
    if (strpbrk(value, ",\"\r\n") == NULL) {
        buf_append(to, value, strlen(value));
    } else {
        buf_append(to, "\"", 1);
        for (; *value != '\0'; value++) buf_append(to, *value == '"' ? "\"\"" : value, *value == '"' ? 2 : 1);
        buf_append(to, "\"", 1);
    }
    buf_append(to, ",", 1);
}

typedef struct place {
    const char *about, *name, *benefit, *by, *group, *title;
} place;

static void begin(buf *to, const place *p, const char *measure) {
    cell(to, p->about);
    cell(to, p->name);
    cell(to, p->benefit);
    cell(to, p->by);
    cell(to, p->group);
    cell(to, p->title);
    cell(to, measure);
}

static void line(buf *to, const place *p, const char *measure, int64_t before, int64_t after) {
    char numbers[64];
    begin(to, p, measure);
    buf_append(to, numbers, (size_t)snprintf(numbers, sizeof numbers, "%" PRId64 ",%" PRId64 ",,\n", before, after));
}

static void line_of_holders(buf *to, const place *p, const json_t *counts) {
    char numbers[128];
    begin(to, p, "holders");
    int length =
        snprintf(numbers, sizeof numbers, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "\n", number(counts, "before"),
                 number(counts, "after"), number(counts, "gained"), number(counts, "lost"));
    buf_append(to, numbers, (size_t)length);
}

static void counts_lines(buf *to, const place *p, const json_t *counts) {
    static const char *const outcomes[] = {"none", "granted", "review", "declined"};
    line_of_holders(to, p, counts);
    const json_t *moves = json_object_get(counts, "outcomes");
    if (moves == NULL) return;
    line(to, p, "subjects", number(counts, "subjects"), number(counts, "subjects"));
    for (size_t outcome = 0; outcome < 4; outcome++) {
        int64_t before = 0, after = 0;
        for (size_t other = 0; other < 4; other++) {
            before += json_integer_value(json_array_get(json_array_get(moves, outcome), other));
            after += json_integer_value(json_array_get(json_array_get(moves, other), outcome));
        }
        line(to, p, outcomes[outcome], before, after);
    }
    line(to, p, "amount_fen", number(counts, "amount_before_fen"), number(counts, "amount_after_fen"));
}

static void guarantee_lines(buf *to, const place *p, const json_t *g) {
    static const char *const keys[] = {"covered", "exempt", "suspended", "short", "required", "limit", "available"};
    line(to, p, "accounts", number(g, "accounts"), number(g, "accounts"));
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        char before[40], after[40], measure[40];
        const char *unit = k < 4 ? "" : "_fen";
        snprintf(before, sizeof before, "%s_before%s", keys[k], unit);
        snprintf(after, sizeof after, "%s_after%s", keys[k], unit);
        snprintf(measure, sizeof measure, "%s%s", keys[k], unit);
        line(to, p, measure, number(g, before), number(g, after));
    }
}

/* The total and every group of an object. */
static void lines_of(buf *to, place p, json_t *object, void (*lines)(buf *to, const place *p, const json_t *counts)) {
    const char *by;
    json_t *groups, *group;
    size_t n;
    p.by = "";
    p.group = "";
    p.title = "";
    lines(to, &p, json_object_get(object, "total"));
    json_object_foreach(json_object_get(object, "by"), by, groups) {
        json_array_foreach(groups, n, group) {
            p.by = by;
            p.group = text(group, "group");
            p.title = text(group, "title");
            lines(to, &p, group);
        }
    }
}

void impact_csv(const json_t *result, buf *to) {
    static const char header[] = "about,name,benefit,by,group,title,measure,before,after,gained,lost\n";
    json_t *one, *benefit;
    size_t n, k;
    buf_append(to, header, sizeof header - 1);
    json_array_foreach(json_object_get(result, "scenarios"), n, one) {
        place p = {.about = "scenario", .name = text(one, "scenario"), .benefit = ""};
        lines_of(to, p, one, counts_lines);
        json_array_foreach(json_object_get(one, "benefits"), k, benefit) {
            p.benefit = text(benefit, "id");
            lines_of(to, p, benefit, counts_lines);
        }
    }
    json_array_foreach(json_object_get(result, "guarantees"), n, one) {
        place p = {.about = "guarantee", .name = text(one, "program"), .benefit = ""};
        lines_of(to, p, one, guarantee_lines);
    }
}
