/* Columns are resolved once, from the header; a row is then one pass over its cells. Export writes what this reads. */
#include "client/cli/columns.h"

#include "base/utf8.h"
#include "client/cli/convert.h"
#include "client/cli/money.h"
#include "client/cli/suggest.h"
#include "client/cli/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
} accounts[] = {
#define X(NAME, name, title) {name},
    COLUMNS_ACCOUNT(X)
#undef X
};

static const char *const kinds[] = {NULL, "deposit", "bond", "group_guarantee"};

unsigned columns_instrument_kind(const char *text, size_t length) {
    for (unsigned kind = 1; kind < sizeof kinds / sizeof kinds[0]; kind++)
        if (strlen(kinds[kind]) == length && memcmp(kinds[kind], text, length) == 0) return kind;
    return 0;
}
const char *columns_instrument_name(unsigned kind) {
    return kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : NULL;
}

/* ------------------------------------------------------------------ text */

/* UTF-8 without NUL. */
static bool is_utf8(const char *text, size_t length) {
    for (size_t i = 0, n; i < length; i += n) {
        n = utf8_length(text + i, length - i);
        if (n == 0 || text[i] == 0) return false;
    }
    return true;
}

/* NULL, or what to do about a file that is no text of ours. */
static const char *not_text(const char *raw, size_t length) {
    if (length == 0) return NULL; /* raw may be NULL then */
    if (length >= 2 && memcmp(raw, "\x1F\x8B", 2) == 0) return "the file is compressed: zcat FILE | xinyi import -";
    if (length >= 2 && memcmp(raw, "PK", 2) == 0 && memchr(raw, 0, length) != NULL)
        return "the file is a workbook or an archive: save it as CSV, in UTF-8";
    if (length >= 2 && (memcmp(raw, "\xFF\xFE", 2) == 0 || memcmp(raw, "\xFE\xFF", 2) == 0))
        return "the file is UTF-16; save the file as UTF-8";
    if (memchr(raw, 0, length) != NULL) return "the file is binary, or UTF-16: save the file as CSV, in UTF-8";
    return is_utf8(raw, length) ? NULL : "the line is not UTF-8, perhaps GBK: save the file as UTF-8";
}

/* ------------------------------------------------------------------ header */

static bool is(const csv_field *cell, const char *name) {
    return strlen(name) == cell->length && memcmp(cell->text, name, cell->length) == 0;
}

static bool unknown_column(const csv_field *cell, char *why, size_t room) {
    char word[64], near[SUGGEST_TEXT];
    size_t length = cell->length < sizeof word ? cell->length : sizeof word - 1;
    memcpy(word, cell->text, length);
    word[length] = '\0';
    if (memchr(cell->text, ';', cell->length) != NULL || memchr(cell->text, '\t', cell->length) != NULL) {
        snprintf(why, room, "the header must separate columns with commas, not semicolons or tabs");
        return false;
    }
    suggest s = {.word = word};
    suggest_offer(&s, "subject");
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) suggest_offer(&s, profile_field_at(i)->name);
    for (unsigned i = 0; i < COLUMNS_ACCOUNT_COUNT; i++) suggest_offer(&s, accounts[i].name);
    int n = snprintf(why, room, "unknown column '%s'%s Known: subject", word,
                     s.best == NULL ? "." : suggest_text(&s, near));
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT + COLUMNS_ACCOUNT_COUNT && n > 0 && (size_t)n < room; i++) {
        const profile_field *field = profile_field_at(i);
        if (field != NULL && !field->writable) continue;
        n += snprintf(why + n, room - (size_t)n, " %s",
                      field != NULL ? field->name : accounts[i - PROFILE_FIELD_COUNT].name);
    }
    return false;
}

static bool resolve(columns *c, size_t i, const csv_field *cell, char *why, size_t room) {
    c->field[i] = NULL;
    c->account[i] = -1;
    if (is(cell, "subject") || is(cell, "id")) {
        if (c->subject >= 0) {
            snprintf(why, room, "the subject has two columns");
            return false;
        }
        c->subject = (int16_t)i;
        return true;
    }
    c->field[i] = profile_field_find(cell->text, cell->length);
    if (c->field[i] != NULL) {
        if (c->field[i]->writable) return true;
        snprintf(why, room, "column '%s' is computed by the server and cannot be written", c->field[i]->name);
        return false;
    }
    for (unsigned a = 0; a < COLUMNS_ACCOUNT_COUNT; a++) {
        if (!is(cell, accounts[a].name)) continue;
        c->account[i] = (int8_t)a;
        c->has_account = true;
        return true;
    }
    return unknown_column(cell, why, room);
}

bool columns_from_header(const csv_record *header, columns *out, char *why, size_t room) {
    const char *problem = not_text(header->raw, header->raw_length);
    if (problem == NULL) problem = header->error;
    if (problem != NULL) {
        snprintf(why, room, "%s", problem);
        return false;
    }
    *out = (columns){.count = header->count, .subject = -1};
    for (size_t i = 0; i < header->count; i++) {
        if (!resolve(out, i, &header->fields[i], why, room)) return false;
        for (size_t k = 0; k < i; k++) {
            if (i == (size_t)out->subject || k == (size_t)out->subject) continue;
            if (out->field[k] != out->field[i] || out->account[k] != out->account[i]) continue;
            snprintf(why, room, "column '%.*s' is there twice", (int)header->fields[i].length, header->fields[i].text);
            return false;
        }
    }
    if (out->subject >= 0) return true;
    snprintf(why, room,
             "no column 'subject' (with values such as uscc:91530000MA00TTT099); is the first line a header?");
    return false;
}

/* ------------------------------------------------------------------ rows */

static bool bad_cell(const char *name, const csv_field *cell, const char *what, char *why, size_t room) {
    int shown = (int)utf8_beginning(cell->text, cell->length, 40);
    snprintf(why, room, "%s: '%.*s%s' %s", name, shown, cell->text, cell->length > 40 ? "…" : "", what);
    return false;
}

static bool parse_amount(const char *name, const csv_field *cell, int64_t *amount, char *why, size_t room) {
    if (money_parse_count(cell->text, cell->length, LIMIT_AMOUNT_FEN, amount) && *amount > 0) return true;
    return bad_cell(name, cell,
                    is(cell, "-") ? "clears nothing here: an instrument is withdrawn with xinyi quota withdraw"
                                  : "is not a positive whole number of fen",
                    why, room);
}

static bool parse_hour(const char *name, const csv_field *cell, bool is_end, uint32_t *hour, char *why, size_t room) {
    if (when_parse_hour(cell->text, cell->length, is_end, hour)) return true;
    return bad_cell(name, cell, "is not a date YYYY-MM-DD or YYYY-MM-DDTHH", why, room);
}

static xinyi_instrument *add_instrument(columns_row *row, uint64_t id, unsigned kind) {
    if (row->instrument_count == LIMIT_INSTRUMENTS) return NULL;
    xinyi_instrument *i = &row->instruments[row->instrument_count++];
    *i = (xinyi_instrument){.id = id, .kind = (uint8_t)kind, .to_hour = WHEN_NO_END};
    return i;
}

/* kind:id:amount_fen:from:to, the last two may be empty. */
static bool parse_other(const csv_field *item, columns_row *row, char *why, size_t room) {
    csv_field part[5];
    const char *p = item->text, *end = item->text + item->length;
    const char *name = accounts[COLUMNS_OTHER].name;
    for (int i = 0; i < 5; i++) {
        const char *colon = i < 4 ? memchr(p, ':', (size_t)(end - p)) : end;
        if (colon == NULL) return bad_cell(name, item, "is not kind:id:amount_fen:from:to", why, room);
        part[i] = (csv_field){p, (size_t)(colon - p)};
        p = colon + 1;
    }
    unsigned kind = columns_instrument_kind(part[0].text, part[0].length);
    if (kind == 0) return bad_cell(name, &part[0], "is not deposit, bond or group_guarantee", why, room);
    uint64_t id;
    if (!money_parse_u64(part[1].text, part[1].length, &id) || id == 0)
        return bad_cell(name, &part[1], "is not an instrument's number", why, room);
    xinyi_instrument *i = add_instrument(row, id, kind);
    if (i == NULL) return bad_cell(name, item, "is one instrument more than an account can hold", why, room);
    return parse_amount(name, &part[2], &i->amount_fen, why, room) &&
           (part[3].length == 0 || parse_hour(name, &part[3], false, &i->from_hour, why, room)) &&
           (part[4].length == 0 || parse_hour(name, &part[4], true, &i->to_hour, why, room));
}

static bool parse_others(const csv_field *cell, columns_row *row, char *why, size_t room) {
    const char *p = cell->text, *end = cell->text + cell->length;
    while (p < end) {
        const char *semicolon = memchr(p, ';', (size_t)(end - p));
        csv_field item = {p, (size_t)((semicolon == NULL ? end : semicolon) - p)};
        if (!parse_other(&item, row, why, room)) return false;
        p = item.text + item.length + 1;
    }
    return true;
}

/* The account's cells of a row, by columns_account; a cell is text NULL where the column is missing or empty. */
static bool parse_account(const csv_field *cells, columns_row *row, char *why, size_t room) {
    for (unsigned i = 0; i < COLUMNS_ENERGIES; i++) {
        int64_t max = i == COLUMNS_FORECAST_12M ? LIMIT_ENERGY_MWH / 1000 : LIMIT_ENERGY_MWH;
        if (cells[i].text == NULL || money_parse_count(cells[i].text, cells[i].length, max, &row->energy[i])) continue;
        return bad_cell(accounts[i].name, &cells[i],
                        is(&cells[i], "-") ? "clears nothing here: write 0" : "is not a whole number within range", why,
                        room);
    }
    if (cells[COLUMNS_DEPOSIT].text != NULL) {
        xinyi_instrument *deposit = add_instrument(row, COLUMNS_DEPOSIT_ID, XINYI_DEPOSIT);
        if (!parse_amount("deposit_fen", &cells[COLUMNS_DEPOSIT], &deposit->amount_fen, why, room)) return false;
    }
    const csv_field *from = &cells[COLUMNS_BOND_FROM], *to = &cells[COLUMNS_BOND_TO];
    if (cells[COLUMNS_BOND].text != NULL) {
        xinyi_instrument *bond = add_instrument(row, COLUMNS_BOND_ID, XINYI_BOND);
        if (!parse_amount("bond_fen", &cells[COLUMNS_BOND], &bond->amount_fen, why, room) ||
            (from->text != NULL && !parse_hour("bond_from", from, false, &bond->from_hour, why, room)) ||
            (to->text != NULL && !parse_hour("bond_to", to, true, &bond->to_hour, why, room)))
            return false;
    } else if (from->text != NULL || to->text != NULL) {
        snprintf(why, room, "bond_from and bond_to need a bond_fen");
        return false;
    }
    return cells[COLUMNS_OTHER].text == NULL || parse_others(&cells[COLUMNS_OTHER], row, why, room);
}

static bool parse_subject(const csv_field *cell, int32_t today, columns_row *out, char *why, size_t room) {
    subject_id id;
    subject_finding finding = subject_parse(cell->text, cell->length, today, &id);
    if (!subject_verdict_is_error(finding.verdict)) {
        profile_init(&out->fields, &id);
        return true;
    }
    char text[64], sentence[256];
    size_t length = cell->length < sizeof text ? cell->length : sizeof text - 1;
    memcpy(text, cell->text, length);
    text[length] = '\0';
    return bad_cell("subject", cell, subject_explain(&finding, text, sentence, sizeof sentence), why, room);
}

static bool parse_row(const columns *c, const csv_record *record, int32_t today, columns_row *out, char *why,
                      size_t room) {
    csv_field cells[COLUMNS_ACCOUNT_COUNT];
    if (record->error != NULL) {
        snprintf(why, room, "%s", record->error);
        return false;
    }
    if (record->count != c->count) {
        snprintf(why, room, "%zu fields, but the header has %zu", record->count, c->count);
        return false;
    }
    out->mask = 0;
    out->account = 0;
    out->instrument_count = 0;
    if (c->has_account) memset(cells, 0, sizeof cells);
    if (!parse_subject(&record->fields[c->subject], today, out, why, room)) return false;
    for (size_t i = 0; i < c->count; i++) {
        const csv_field *cell = &record->fields[i];
        const profile_field *field = c->field[i];
        int64_t value;
        if (cell->length == 0) continue;
        if (field != NULL) {
            if (!convert_value(field, cell->text, cell->length, &value, why, room)) return false;
            if (profile_set(&out->fields, field, value) != STATUS_OK)
                return bad_cell(field->name, cell, "is outside the field's domain", why, room);
            out->mask |= UINT64_C(1) << field->number;
        } else if (c->account[i] >= 0) {
            cells[c->account[i]] = *cell;
            out->account |= 1u << c->account[i];
        }
    }
    return out->account == 0 || parse_account(cells, out, why, room);
}

bool columns_parse(const columns *c, const csv_record *record, int32_t today, columns_row *out, char *why,
                   size_t room) {
    if (parse_row(c, record, today, out, why, room)) return true;
    const char *problem = not_text(record->raw, record->raw_length);
    if (problem != NULL) snprintf(why, room, "%s", problem); /* what else is wrong with it follows from that */
    return false;
}

/* ------------------------------------------------------------------ writing */

void columns_write_header(buf *to) {
    buf_append_str(to, "subject");
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        if (!field->writable) continue;
        buf_append(to, ",", 1);
        buf_append_str(to, field->name);
    }
    for (unsigned i = 0; i < COLUMNS_ACCOUNT_COUNT; i++) {
        buf_append(to, ",", 1);
        buf_append_str(to, accounts[i].name);
    }
    buf_append(to, "\n", 1);
}

static const xinyi_instrument *plain_deposit(const xinyi_instrument *i, uint32_t now_hour) {
    bool plain = i->id == COLUMNS_DEPOSIT_ID && i->kind == XINYI_DEPOSIT && i->to_hour == WHEN_NO_END &&
                 i->from_hour <= now_hour;
    return plain ? i : NULL;
}

static void write_account(buf *to, const columns_export *a, uint32_t now_hour) {
    const xinyi_instrument *deposit = NULL, *bond = NULL;
    char from[WHEN_TEXT], until[WHEN_TEXT];
    bool others = false;
    for (unsigned i = 0; i < COLUMNS_ENERGIES; i++) buf_printf(to, ",%" PRId64, a->energy[i]);
    for (size_t i = 0; i < a->instrument_count; i++) {
        const xinyi_instrument *at = &a->instruments[i];
        if (plain_deposit(at, now_hour) != NULL)
            deposit = at;
        else if (at->id == COLUMNS_BOND_ID && at->kind == XINYI_BOND)
            bond = at;
    }
    if (deposit != NULL)
        buf_printf(to, ",%" PRId64, deposit->amount_fen);
    else
        buf_append(to, ",", 1);
    if (bond != NULL)
        buf_printf(to, ",%" PRId64 ",%s,%s,", bond->amount_fen, when_format_hour(bond->from_hour, false, from),
                   when_format_hour(bond->to_hour, true, until));
    else
        buf_append(to, ",,,,", 4);
    for (size_t i = 0; i < a->instrument_count; i++) {
        const xinyi_instrument *at = &a->instruments[i];
        if (at == deposit || at == bond) continue;
        buf_printf(to, "%s%s:%" PRIu64 ":%" PRId64 ":%s:%s", others ? ";" : "",
                   at->kind < 4 && at->kind > 0 ? kinds[at->kind] : "unknown", at->id, at->amount_fen,
                   when_format_hour(at->from_hour, false, from), when_format_hour(at->to_hour, true, until));
        others = true;
    }
}

void columns_write_row(buf *to, const subject_id *subject, const profile *p, const columns_export *a,
                       uint32_t now_hour) {
    char text[SUBJECT_TEXT], value[PROFILE_VALUE_TEXT];
    buf_append_str(to, subject_format(subject, text));
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        if (!field->writable) continue;
        buf_append(to, ",", 1);
        if (p != NULL) buf_append_str(to, profile_format_value(field, profile_get(p, field), value));
    }
    if (a != NULL)
        write_account(to, a, now_hour);
    else
        buf_append(to, ",,,,,,,,,", COLUMNS_ACCOUNT_COUNT);
    buf_append(to, "\n", 1);
}
