/* What stands in the way is read off the rows of the document: of those that would grant the benefit the one with the
 * fewest cells that fail, the first of equals. A row all of whose cells hold can still lose to one before it in its
 * table; then that one is named.
 *
 * The texts of changes and of waiting are the server's. */
#include "client/cli/reasons_view.h"

#include "client/cli/money.h"
#include "client/cli/view.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static json_int_t number_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key) { return json_is_true(json_object_get(object, key)); }

/* "eligibility / L3: 公共信用优" */
static void put_row(const json_t *row, buf *to) {
    buf_printf(to, "%s / %s", text_of(row, "table"), text_of(row, "row"));
    if (text_of(row, "because")[0] != '\0') buf_printf(to, ": %s", text_of(row, "because"));
}

/* ------------------------------------------------------------------ the decision */

static const char *outcome_paint(const char *outcome) {
    if (strcmp(outcome, "granted") == 0) return "32";
    return strcmp(outcome, "review") == 0 ? "33" : "31";
}

static void put_amounts(const json_t *d, buf *to) {
    char money[MONEY_TEXT], percent[VIEW_TEXT];
    const char *join = "    ";
    if (number_of(d, "tier") != 0) {
        buf_printf(to, "%stier %lld", join, (long long)number_of(d, "tier"));
        join = ", ";
    }
    if (number_of(d, "amount_fen") != 0) {
        buf_printf(to, "%samount %s", join, money_format(number_of(d, "amount_fen"), money));
        join = ", ";
    }
    if (number_of(d, "rate_bp") != 0) {
        buf_printf(to, "%srate %+lld basis points", join, (long long)number_of(d, "rate_bp"));
        join = ", ";
    }
    if (number_of(d, "percent_bp") != 0) {
        buf_printf(to, "%sshare %s", join, view_percent((int)number_of(d, "percent_bp"), percent));
        join = ", ";
    }
    if (join[0] == ',') buf_append_str(to, "\n");
}

static void put_decision(const cli *c, const json_t *d, const char *title, buf *to) {
    bool made = strcmp(text_of(d, "status"), "ok") == 0;
    const char *outcome = made ? text_of(d, "outcome") : text_of(d, "status");
    const json_t *row = json_object_get(d, "decided_by");
    buf_printf(to, "%s, %s%s%s: %s%s%s", text_of(d, "subject"), text_of(d, "scenario"), title != NULL ? " " : "",
               title != NULL ? title : "", cli_paint(c, made ? outcome_paint(outcome) : "31"), outcome,
               cli_paint(c, "0"));
    if (json_is_object(row)) {
        buf_append_str(to, " by ");
        put_row(row, to);
    } else if (made) {
        buf_append_str(to, ", no rule applied");
    }
    buf_append_str(to, "\n");
    put_amounts(d, to);
}

/* ------------------------------------------------------------------ what stands in the way */

static bool changes_field(const json_t *changes, const char *field) {
    json_t *change;
    size_t i;
    json_array_foreach(changes, i, change) if (strcmp(text_of(change, "field"), field) == 0) return true;
    return false;
}

/* Cells that fail, those of fields that the suggestion changes left out. */
static size_t failing(const json_t *row, const json_t *changes) {
    json_t *cell;
    size_t i, n = 0;
    json_array_foreach(json_object_get(row, "cells"), i, cell) n +=
        !is_true(cell, "satisfied") && !changes_field(changes, text_of(cell, "field"));
    return n;
}

static bool grants(const json_t *row, const char *benefit) {
    json_t *id;
    size_t i;
    json_array_foreach(json_object_get(row, "benefits"), i, id) {
        const char *text = json_string_value(id);
        if (text != NULL && strcmp(text, benefit) == 0) return true;
    }
    return false;
}

/* The rule that the suggestion leads to, as far as the fields tell; of several the last, since rules usually go from
 * the most generous to the least. Without a suggestion the one that lacks least. */
static const json_t *nearest(const json_t *rows, const json_t *benefit) {
    const json_t *best = NULL, *changes = json_object_get(benefit, "changes");
    bool suggested = json_array_size(changes) > 0;
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        if (!grants(row, text_of(benefit, "id"))) continue;
        size_t lacks = failing(row, changes), least = best != NULL ? failing(best, changes) : SIZE_MAX;
        if (lacks < least || (lacks == least && suggested)) best = row;
    }
    return best;
}

/* The row of the same table that was used. */
static const json_t *used_instead(const json_t *rows, const json_t *of) {
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) if (is_true(row, "hit") &&
                                         strcmp(text_of(row, "table"), text_of(of, "table")) == 0) return row;
    return NULL;
}

static void put_cells(const json_t *row, bool satisfied, buf *to) {
    json_t *cell;
    size_t i, n = 0;
    json_array_foreach(json_object_get(row, "cells"), i, cell) {
        const char *value = text_of(cell, "value"), *title = text_of(cell, "title");
        if (is_true(cell, "satisfied") != satisfied) continue;
        buf_printf(to, "%s%s is %s", n++ > 0 ? "; " : "", title[0] != '\0' ? title : text_of(cell, "field"),
                   value[0] != '\0' ? value : "not known");
        if (!satisfied) buf_printf(to, ", needs %s", text_of(cell, "test"));
    }
    if (n == 0) buf_append_str(to, "it always applies");
}

static void put_obstacle(const json_t *d, const json_t *benefit, buf *to) {
    const json_t *rows = json_object_get(d, "rows"), *row;
    if (strcmp(text_of(d, "outcome"), "declined") == 0) {
        buf_append_str(to, "    declined as a whole\n");
        return;
    }
    if ((row = nearest(rows, benefit)) == NULL) {
        buf_append_str(to, "    no rule grants it\n");
        return;
    }
    buf_printf(to, "    nearest rule:   %s / %s: ", text_of(row, "table"), text_of(row, "row"));
    const json_t *used = used_instead(rows, row);
    if (failing(row, NULL) > 0) {
        put_cells(row, false, to);
    } else if (used != NULL) {
        buf_append_str(to, "holds, but ");
        put_row(used, to);
        buf_append_str(to, " comes before it: ");
        put_cells(used, true, to);
    } else {
        buf_append_str(to, "holds, but was not used");
    }
    buf_append_str(to, "\n");
}

/* ------------------------------------------------------------------ what would help */

static void put_help(const json_t *reason, buf *to) {
    const json_t *changes = json_object_get(reason, "changes"), *wait = json_object_get(reason, "wait"),
                 *repair = json_object_get(reason, "repair");
    json_t *change;
    size_t i;
    json_array_foreach(changes, i, change)
        buf_printf(to, "%s%s", i == 0 ? "    would grant it: " : "\n                and ", text_of(change, "text"));
    if (json_array_size(changes) > 0) buf_append_str(to, "\n");
    if (json_is_object(repair)) buf_printf(to, "    repairing:      %s\n", text_of(repair, "text"));
    if (json_is_object(wait)) buf_printf(to, "    waiting:        %s\n", text_of(wait, "text"));
}

static void put_benefit(const cli *c, const json_t *d, const json_t *b, buf *to) {
    bool granted = is_true(b, "granted");
    buf_printf(to, "%s%s%s %s (%s): ", cli_paint(c, granted ? "32" : "31"), granted ? "✓" : "✗", cli_paint(c, "0"),
               text_of(b, "title"), text_of(b, "id"));
    if (granted) {
        buf_append_str(to, "granted by ");
        put_row(b, to);
        buf_append_str(to, "\n");
        return;
    }
    buf_append_str(to, "not granted\n");
    put_obstacle(d, b, to);
    put_help(b, to);
}

void reasons_view(const cli *c, const json_t *d, const char *scenario_title, buf *to) {
    const json_t *outcome = json_object_get(d, "outcome_explained"), *list = json_object_get(d, "benefits_explained");
    json_t *b;
    size_t i;
    put_decision(c, d, scenario_title, to);
    if (json_is_object(outcome) && !is_true(outcome, "granted")) put_help(outcome, to);
    if (json_array_size(list) > 0) buf_append_str(to, "\n");
    json_array_foreach(list, i, b) put_benefit(c, d, b, to);
    buf_printf(to, "\nby %s %s, policy version %lld", text_of(d, "policy"), text_of(d, "policy_title"),
               (long long)number_of(d, "policy_version"));
    if (text_of(d, "data_day")[0] != '\0') buf_printf(to, "; data of %s", text_of(d, "data_day"));
    buf_append_str(to, "\n");
    if (text_of(d, "legal_basis")[0] != '\0')
        buf_printf(to, "%s; legal basis: %s\n", text_of(d, "authority"), text_of(d, "legal_basis"));
}
