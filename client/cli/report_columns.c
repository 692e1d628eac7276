/* The CSV format of reports: the columns and what a row of cells means. */
#include "client/cli/money.h"
#include "client/cli/report_import.h"
#include "client/cli/reporting.h"
#include "client/cli/suggest.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define X(NAME, name) [REPORT_COLUMN_##NAME] = name,
    REPORT_COLUMNS(X)
#undef X
};

#define BIT(NAME) (1u << REPORT_COLUMN_##NAME)
static const struct {
    unsigned known, needed;
} formats[] = {
    [REPORT_IMPORT_RECORDS] = {BIT(SUBJECT) | BIT(ID) | BIT(DAY) | BIT(REF) | BIT(TYPE) | BIT(ACTION) | BIT(TARGET),
                               BIT(SUBJECT) | BIT(ID) | BIT(DAY) | BIT(TYPE)},
    [REPORT_IMPORT_SERVICE] = {BIT(SUBJECT) | BIT(ID) | BIT(DAY) | BIT(REF) | BIT(MINUTES) | BIT(HOURS),
                               BIT(SUBJECT) | BIT(ID) | BIT(DAY)},
};

static bool is(const csv_field *cell, const char *text) {
    return strlen(text) == cell->length && memcmp(cell->text, text, cell->length) == 0;
}

static bool unknown_column(report_import_kind kind, const csv_field *cell, char *why, size_t room) {
    char word[64], near[SUGGEST_TEXT];
    snprintf(word, sizeof word, "%.*s", cell->length < sizeof word ? (int)cell->length : (int)sizeof word - 1,
             cell->text);
    suggest s = {.word = word};
    int n = 0;
    for (unsigned i = 0; i < REPORT_COLUMN_COUNT; i++)
        if ((formats[kind].known >> i & 1) != 0) suggest_offer(&s, names[i]);
    n = snprintf(why, room, "unknown column '%s'%s Known:", word, s.best == NULL ? "." : suggest_text(&s, near));
    for (unsigned i = 0; i < REPORT_COLUMN_COUNT && n > 0 && (size_t)n < room; i++)
        if ((formats[kind].known >> i & 1) != 0) n += snprintf(why + n, room - (size_t)n, " %s", names[i]);
    return false;
}

bool report_columns_from_header(report_import_kind kind, const csv_record *header, report_columns *out, char *why,
                                size_t room) {
    *out = (report_columns){.kind = kind, .count = header->count};
    for (unsigned i = 0; i < REPORT_COLUMN_COUNT; i++) out->at[i] = -1;
    if (header->error != NULL) {
        snprintf(why, room, "%s", header->error);
        return false;
    }
    for (size_t i = 0; i < header->count; i++) {
        unsigned k = 0;
        while (k < REPORT_COLUMN_COUNT && !((formats[kind].known >> k & 1) != 0 && is(&header->fields[i], names[k])))
            k++;
        if (k == REPORT_COLUMN_COUNT) return unknown_column(kind, &header->fields[i], why, room);
        if (out->at[k] >= 0) {
            snprintf(why, room, "column '%s' is there twice", names[k]);
            return false;
        }
        out->at[k] = (int16_t)i;
    }
    for (unsigned k = 0; k < REPORT_COLUMN_COUNT; k++) {
        if ((formats[kind].needed >> k & 1) == 0 || out->at[k] >= 0) continue;
        snprintf(why, room, "no column '%s'%s", names[k],
                 k == REPORT_COLUMN_ID ? ": without the source's own ids an import could not be repeated safely" : "");
        return false;
    }
    if (kind == REPORT_IMPORT_SERVICE && (out->at[REPORT_COLUMN_MINUTES] >= 0) == (out->at[REPORT_COLUMN_HOURS] >= 0)) {
        snprintf(why, room, "one of the columns 'minutes' and 'hours' is needed");
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ rows */

static bool bad(report_column k, const csv_field *cell, const char *what, char *why, size_t room) {
    int shown = (int)utf8_beginning(cell->text, cell->length, 40);
    snprintf(why, room, "%s: '%.*s%s' %s", names[k], shown, cell->text, cell->length > 40 ? "…" : "", what);
    return false;
}

static bool parse_subject(const csv_field *cell, int32_t today, xinyi_report_entry *out, char *why, size_t room) {
    subject_id id;
    subject_finding f = subject_parse(cell->text, cell->length, today, &id);
    if (!subject_verdict_is_error(f.verdict)) {
        memcpy(out->subject.bytes, id.bytes, sizeof out->subject.bytes);
        return true;
    }
    char text[64], sentence[256];
    snprintf(text, sizeof text, "%.*s", cell->length < sizeof text ? (int)cell->length : (int)sizeof text - 1,
             cell->text);
    return bad(REPORT_COLUMN_SUBJECT, cell, subject_explain(&f, text, sentence, sizeof sentence), why, room);
}

static bool parse_length(const report_columns *k, const csv_field *minutes, const csv_field *hours,
                         xinyi_report_entry *out, char *why, size_t room) {
    int64_t value = 0;
    out->kind = XINYI_SERVICE_ADD;
    if (k->at[REPORT_COLUMN_HOURS] >= 0) {
        if (reporting_parse_hours(hours->text, hours->length, &out->value)) return true;
        return bad(REPORT_COLUMN_HOURS, hours, "is not a number of hours that is whole in minutes", why, room);
    }
    if (!money_parse_count(minutes->text, minutes->length, UINT32_MAX, &value) || value == 0)
        return bad(REPORT_COLUMN_MINUTES, minutes, "is not a whole number of minutes from 1", why, room);
    out->value = (uint32_t)value;
    return true;
}

static bool parse_record(const csv_field *cells, const rulebook *book, xinyi_report_entry *out, char *why,
                         size_t room) {
    const csv_field *action = &cells[REPORT_COLUMN_ACTION], *type = &cells[REPORT_COLUMN_TYPE],
                    *target = &cells[REPORT_COLUMN_TARGET];
    unsigned code;
    out->kind = action->length == 0 || is(action, "add") ? XINYI_RECORD_ADD
                : is(action, "repair")                   ? XINYI_RECORD_REPAIR
                : is(action, "revoke")                   ? XINYI_RECORD_REVOKE
                                                         : 0;
    if (out->kind == 0) return bad(REPORT_COLUMN_ACTION, action, "is not add, repair or revoke", why, room);
    if (out->kind != XINYI_RECORD_ADD) {
        if (type->length > 0) return bad(REPORT_COLUMN_TYPE, type, "must be empty unless a record is added", why, room);
        if (out->kind == XINYI_RECORD_REVOKE && out->day != 0) out->day = 0; /* it counts on no day */
        return reporting_parse_id(target->text, target->length, &out->target) ||
               bad(REPORT_COLUMN_TARGET, target, "is not the id of a record", why, room);
    }
    if (target->length > 0)
        return bad(REPORT_COLUMN_TARGET, target, "must be empty where a record is added", why, room);
    if (!rulebook_lookup(book, RULEBOOK_TYPES, type->text, type->length, &code))
        return bad(REPORT_COLUMN_TYPE, type, "is no type of the catalogue (xinyi record types)", why, room);
    out->type = (uint16_t)code;
    return true;
}

bool report_columns_parse(const report_columns *k, const csv_record *row, const rulebook *book, int32_t today,
                          xinyi_report_entry *out, char *why, size_t room) {
    csv_field cells[REPORT_COLUMN_COUNT];
    *out = (xinyi_report_entry){0};
    if (row->error != NULL || row->count != k->count) {
        if (row->error != NULL)
            snprintf(why, room, "%s", row->error);
        else
            snprintf(why, room, "%zu fields, but the header has %zu", row->count, k->count);
        return false;
    }
    for (unsigned i = 0; i < REPORT_COLUMN_COUNT; i++)
        cells[i] = k->at[i] >= 0 ? row->fields[k->at[i]] : (csv_field){.text = ""};
    const csv_field *day = &cells[REPORT_COLUMN_DAY], *id = &cells[REPORT_COLUMN_ID], *ref = &cells[REPORT_COLUMN_REF];
    if (!parse_subject(&cells[REPORT_COLUMN_SUBJECT], today, out, why, room)) return false;
    if (!reporting_parse_day(day->text, day->length, &out->day))
        return bad(REPORT_COLUMN_DAY, day, "is not a day YYYY-MM-DD", why, room);
    if (!reporting_parse_id(id->text, id->length, &out->id))
        return bad(REPORT_COLUMN_ID, id, "is not 1 to 16 bytes of text or 32 hexadecimal digits", why, room);
    if (ref->length > 32 || !utf8_is_line(ref->text, ref->length))
        return bad(REPORT_COLUMN_REF, ref, "is longer than 32 bytes, or not UTF-8", why, room);
    memcpy(out->text, ref->text, ref->length);
    if (k->kind == REPORT_IMPORT_SERVICE)
        return parse_length(k, &cells[REPORT_COLUMN_MINUTES], &cells[REPORT_COLUMN_HOURS], out, why, room);
    return parse_record(cells, book, out, why, room);
}
