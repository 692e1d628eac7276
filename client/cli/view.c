/* The schema drives everything: a field added to PROFILE_FIELDS appears here by itself. */
#include "client/cli/view.h"

#include "base/clock.h"
#include "base/division.h"
#include "client/cli/convert.h"
#include "client/cli/money.h"

#include <stdio.h>
#include <string.h>

const char *view_day(uint16_t day, char buffer[VIEW_TEXT]) {
    char date[CLOCK_DATE_TEXT];
    buffer[0] = '\0';
    if (day != 0) snprintf(buffer, VIEW_TEXT, "%s", clock_format_day(day, date));
    return buffer;
}

const char *view_percent(int bp, char buffer[VIEW_TEXT]) {
    unsigned m = bp < 0 ? (unsigned)-bp : (unsigned)bp;
    if (m % 100 == 0)
        snprintf(buffer, VIEW_TEXT, "%s%u%%", bp < 0 ? "-" : "", m / 100);
    else
        snprintf(buffer, VIEW_TEXT, "%s%u.%02u%%", bp < 0 ? "-" : "", m / 100, m % 100);
    return buffer;
}

/* ------------------------------------------------------------------ profiles */

void view_profile_json(jout *j, const xinyi_profile *from) {
    char text[PROFILE_VALUE_TEXT], subject[SUBJECT_TEXT];
    profile p;
    convert_from_client(from, &p);
    jout_string(j, "subject", subject_format(&p.id, subject));
    jout_int(j, "version", from->version);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        int64_t value = profile_get(&p, field);
        profile_format_value(field, value, text);
        if (value == PROFILE_MISSING) {
            jout_null(j, field->name);
            continue;
        }
        switch ((profile_type)field->type) {
        case PROFILE_FLAG: jout_bool(j, field->name, value != 0); break;
        case PROFILE_NUMBER:
        case PROFILE_SCORE: jout_int(j, field->name, value); break;
        case PROFILE_HUNDREDTHS: jout_raw(j, field->name, text); break; /* "3.5" is a JSON number */
        case PROFILE_ENUM:
        case PROFILE_DAY:
        case PROFILE_DIVISION:
        case PROFILE_SECTOR: jout_string(j, field->name, text); break;
        }
    }
}

/* The value with what makes it readable: a division's name, hours for minutes. */
static const char *for_people(const profile_field *field, int64_t value, char *buffer, size_t room) {
    char text[PROFILE_VALUE_TEXT];
    profile_format_value(field, value, text);
    const division *place = field->type == PROFILE_DIVISION ? division_find((uint32_t)value) : NULL;
    if (place != NULL)
        snprintf(buffer, room, "%s %s", text, place->name);
    else if (field->number == FIELD_volunteer_minutes)
        snprintf(buffer, room, "%s (%lld h %02lld min)", text, (long long)value / 60, (long long)value % 60);
    else
        snprintf(buffer, room, "%s", text);
    return buffer;
}

static const char *paint_of(const profile_field *field, int64_t value) {
    if (field->type != PROFILE_FLAG || value == 0) return NULL;
    uint64_t bad = UINT64_C(1) << FIELD_serious_list | UINT64_C(1) << FIELD_gaps_barred |
                   UINT64_C(1) << FIELD_observed | UINT64_C(1) << FIELD_suspended | UINT64_C(1) << FIELD_arrears |
                   UINT64_C(1) << FIELD_late_settlement;
    return (bad >> field->number & 1) != 0 ? "red" : "green";
}

void view_profile_card(const cli *c, sheet *card, const xinyi_profile *from, bool all) {
    (void)c;
    char text[96], subject[SUBJECT_TEXT], version[16];
    profile p;
    convert_from_client(from, &p);
    sheet_row(card);
    sheet_cell(card, "subject");
    sheet_cell(card, subject_format(&p.id, subject));
    sheet_row(card);
    sheet_cell(card, "version");
    snprintf(version, sizeof version, "%u", from->version);
    sheet_cell(card, version);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        int64_t value = profile_get(&p, field);
        bool nothing = value == PROFILE_MISSING || (value == 0 && field->type != PROFILE_ENUM);
        if (nothing && !all) continue;
        sheet_row(card);
        sheet_cell(card, field->name);
        sheet_cell_painted(card, value == PROFILE_MISSING ? "-" : for_people(field, value, text, sizeof text),
                           paint_of(field, value));
        sheet_cell(card, field->title);
    }
}

/* ------------------------------------------------------------------ decisions */

static const char *const outcomes[] = {"none", "granted", "review", "declined"};

const char *view_outcome(unsigned outcome) {
    return outcome < sizeof outcomes / sizeof outcomes[0] ? outcomes[outcome] : "unknown";
}

const char *view_outcome_paint(unsigned outcome) {
    return outcome == XINYI_GRANTED    ? "green"
           : outcome == XINYI_REVIEW   ? "yellow"
           : outcome == XINYI_DECLINED ? "red"
                                       : NULL;
}

void view_decision_json(jout *j, const catalog *names, unsigned scenario, const xinyi_decision *d) {
    char name[32], day[VIEW_TEXT];
    jout_string(j, "scenario", catalog_scenario_name(names, scenario, name));
    jout_string(j, "status", xinyi_status_name(d->status));
    jout_string(j, "outcome", view_outcome(d->outcome));
    jout_int(j, "tier", d->tier);
    jout_array(j, "benefits");
    for (unsigned bit = 0; bit < CATALOG_BENEFITS; bit++) {
        if ((d->benefits >> bit & 1) == 0) continue;
        if (names->benefit_id[scenario][bit] != NULL)
            jout_string(j, NULL, names->benefit_id[scenario][bit]);
        else
            jout_int(j, NULL, bit);
    }
    jout_end(j);
    jout_int(j, "amount_fen", d->amount_fen);
    jout_int(j, "percent_bp", d->percent_bp);
    jout_int(j, "rate_bp", d->rate_bp);
    jout_int(j, "row", d->row);
    jout_string(j, "data_day", d->data_day != 0 ? view_day(d->data_day, day) : NULL);
    jout_int(j, "policy_version", d->policy_version);
}

static void benefit_lines(sheet *card, const catalog *names, unsigned scenario, uint64_t benefits) {
    const char *heading = "benefits";
    if (benefits == 0) sheet_pair(card, heading, "none");
    for (unsigned bit = 0; bit < CATALOG_BENEFITS; bit++) {
        char text[192];
        if ((benefits >> bit & 1) == 0) continue;
        const char *id = names->benefit_id[scenario][bit], *title = names->benefit_title[scenario][bit];
        if (id == NULL)
            snprintf(text, sizeof text, "#%u", bit);
        else
            snprintf(text, sizeof text, "%s (%s)", title != NULL ? title : "", id);
        sheet_pair(card, heading, text);
        heading = "";
    }
}

void view_decision_card(const cli *c, sheet *card, const catalog *names, unsigned scenario, const xinyi_decision *d) {
    (void)c;
    char text[96], money[MONEY_TEXT], name[32];
    const char *title = names->title[scenario];
    snprintf(text, sizeof text, "%s%s%s", catalog_scenario_name(names, scenario, name), title != NULL ? "  " : "",
             title != NULL ? title : "");
    sheet_pair(card, "scenario", text);
    if (d->status != 0) {
        sheet_pair_painted(card, "outcome", "no decision", "red");
        sheet_pair(card, "reason", xinyi_status_text(d->status));
    } else {
        sheet_pair_painted(card, "outcome", view_outcome(d->outcome), view_outcome_paint(d->outcome));
        if (d->tier != 0) {
            snprintf(text, sizeof text, "%u", d->tier);
            sheet_pair(card, "tier", text);
        }
        benefit_lines(card, names, scenario, d->benefits);
        if (d->amount_fen != 0) sheet_pair(card, "amount", money_format(d->amount_fen, money));
        if (d->rate_bp != 0) {
            snprintf(text, sizeof text, "%+d basis points", d->rate_bp);
            sheet_pair(card, "rate", text);
        }
        if (d->percent_bp != 0) sheet_pair(card, "percent", view_percent(d->percent_bp, text));
    }
    sheet_pair(card, "date of data", d->data_day != 0 ? view_day(d->data_day, text) : "none");
    snprintf(text, sizeof text, "%u", d->policy_version);
    sheet_pair(card, "policy version", text);
}
