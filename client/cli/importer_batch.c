/* Arrays are made once and reused; only raw text, reasons and operations grow. */
#include "client/cli/importer_batch.h"

#include "client/cli/convert.h"
#include "client/cli/when.h"

#include <stdlib.h>
#include <string.h>

bool importer_batch_init(importer_batch *b, size_t capacity) {
    *b = (importer_batch){.capacity = capacity};
    b->rows = calloc(capacity, sizeof *b->rows);
    b->puts = calloc(capacity, sizeof *b->puts);
    b->put_row = calloc(capacity, sizeof *b->put_row);
    return b->rows != NULL && b->puts != NULL && b->put_row != NULL;
}

void importer_batch_deinit(importer_batch *b) {
    free(b->rows);
    free(b->puts);
    free(b->put_row);
    free(b->operations);
    free(b->operation_row);
    free(b->operation_refused);
    buf_deinit(&b->raw);
    buf_deinit(&b->reasons);
    *b = (importer_batch){0};
}

void importer_batch_clear(importer_batch *b) {
    b->row_count = b->put_count = b->operation_count = b->read_reasons = 0;
    b->pending = 0;
    b->again = 0;
    buf_clear(&b->raw);
    buf_clear(&b->reasons);
}

bool importer_batch_reject(importer_batch *b, size_t row, const char *why) {
    if (b->rows[row].reason != 0) return true;
    b->rows[row].reason = b->reasons.size + 1;
    buf_append(&b->reasons, why, strlen(why) + 1);
    return !b->reasons.failed;
}

const char *importer_batch_reason(const importer_batch *b, const importer_row *row) {
    return row->reason == 0 ? NULL : (const char *)b->reasons.data + row->reason - 1;
}

void importer_batch_reset(importer_batch *b) {
    for (size_t i = 0; i < b->row_count; i++)
        if (b->rows[i].reason > b->read_reasons) b->rows[i].reason = 0, b->rows[i].put_refused = false;
    for (size_t i = 0; i < b->operation_count; i++)
        if (b->operation_refused[i]) b->operations[i].id = xinyi_operation_new(), b->operation_refused[i] = 0;
    b->reasons.size = b->read_reasons;
    b->again = 0;
}

/* ------------------------------------------------------------------ what became of a row */

/* "the deposit", "the bond", "instrument 7" */
static void name_part(const xinyi_operation *op, buf *to) {
    if (op->kind == XINYI_ENERGY)
        buf_append_str(to, "the energy");
    else if (op->instrument == COLUMNS_DEPOSIT_ID)
        buf_append_str(to, "the deposit");
    else if (op->instrument == COLUMNS_BOND_ID)
        buf_append_str(to, "the bond");
    else
        buf_printf(to, "instrument %llu", (unsigned long long)op->instrument);
}

static void name_refusal(const xinyi_operation *op, unsigned code, buf *to) {
    buf_append_str(to, xinyi_status_text((int)code));
    if (code != STATUS_INSTRUMENT_EXISTS) return;
    char text[SUBJECT_TEXT];
    subject_id id;
    memcpy(id.bytes, op->subject.bytes, sizeof id.bytes);
    buf_printf(to, ", with other terms; to replace it: xinyi quota withdraw %s --instrument %llu, then import again",
               subject_format(&id, text), (unsigned long long)op->instrument);
}

/* "the profile", "the profile and the energy": what was written. Returns how many. */
static unsigned name_written(const importer_batch *b, const importer_row *r, size_t from, size_t until, buf *to) {
    bool put = r->has_put && r->reason == 0;
    unsigned all = put, named = 0;
    for (size_t k = from; k < until; k++) all += b->operation_refused[k] == 0;
    if (put) {
        buf_append_str(to, "the profile");
        named++;
    }
    for (size_t k = from; k < until; k++) {
        if (b->operation_refused[k] != 0) continue;
        if (named > 0) buf_append_str(to, named + 1 == all ? " and " : ", ");
        name_part(&b->operations[k], to);
        named++;
    }
    return all;
}

bool importer_batch_verdict(const importer_batch *b, size_t row, size_t *operation, buf *why) {
    const importer_row *r = &b->rows[row];
    const char *reason = importer_batch_reason(b, r), *separator = "";
    size_t from = *operation, refused = 0;
    for (; *operation < b->operation_count && b->operation_row[*operation] == row; ++*operation)
        refused += b->operation_refused[*operation] != 0;
    buf_clear(why);
    if (reason == NULL && refused == 0) return false;
    unsigned written = name_written(b, r, from, *operation, why);
    if (written > 0) {
        buf_append_str(why, written == 1 ? " was written" : " were written");
        separator = "; ";
    }
    if (reason != NULL) {
        buf_printf(why, "%s%s%s", separator, written > 0 ? "the profile was not: " : "", reason);
        separator = "; ";
    }
    for (size_t k = from; k < *operation; k++) {
        if (b->operation_refused[k] == 0) continue;
        buf_append_str(why, separator);
        name_part(&b->operations[k], why);
        buf_append_str(why, " was not written: ");
        name_refusal(&b->operations[k], b->operation_refused[k], why);
        separator = "; ";
    }
    return true;
}

/* ------------------------------------------------------------------ operations of a row */

static xinyi_operation *add_operation(importer_batch *b, unsigned kind, const xinyi_subject *subject) {
    if (b->operation_count == b->operation_room) {
        size_t room = b->operation_room == 0 ? 256 : b->operation_room * 2;
        xinyi_operation *operations = realloc(b->operations, room * sizeof *operations);
        if (operations == NULL) return NULL;
        b->operations = operations;
        uint32_t *rows = realloc(b->operation_row, room * sizeof *rows);
        if (rows == NULL) return NULL;
        b->operation_row = rows;
        uint16_t *refused = realloc(b->operation_refused, room * sizeof *refused);
        if (refused == NULL) return NULL;
        b->operation_refused = refused;
        b->operation_room = room;
    }
    b->operation_row[b->operation_count] = (uint32_t)(b->row_count - 1);
    b->operation_refused[b->operation_count] = 0;
    xinyi_operation *op = &b->operations[b->operation_count++];
    *op = (xinyi_operation){
        .id = xinyi_operation_new(), .subject = *subject, .program = XINYI_PROGRAM_POWER, .kind = (uint8_t)kind};
    return op;
}

/* Energy is written whole: what the row leaves out stays as the account has it. */
static bool add_energy(importer_batch *b, const xinyi_subject *subject, const columns_row *row, accounts_entry *account,
                       bool is_new) {
    bool differs = is_new;
    for (unsigned i = 0; i < COLUMNS_ENERGIES; i++) {
        if ((row->account >> i & 1) == 0) continue;
        differs |= account->energy[i] != row->energy[i];
        account->energy[i] = row->energy[i];
    }
    if (!differs) return true;
    xinyi_operation *op = add_operation(b, XINYI_ENERGY, subject);
    if (op == NULL) return false;
    op->amount_fen = account->energy[COLUMNS_ENERGY_12M];
    op->wholesale_2m_mwh = account->energy[COLUMNS_WHOLESALE_2M];
    op->retail_2m_mwh = account->energy[COLUMNS_RETAIL_2M];
    op->forecast_12m_gwh = (uint32_t)account->energy[COLUMNS_FORECAST_12M];
    return true;
}

/* The account holds this very instrument already; a row without a beginning does not ask for another one. */
static bool holds(const accounts *known, const accounts_entry *account, const xinyi_instrument *wanted) {
    const xinyi_instrument *have = accounts_instruments(known, account);
    for (size_t i = 0; i < account->instrument_count; i++)
        if (have[i].id == wanted->id)
            return have[i].kind == wanted->kind && have[i].amount_fen == wanted->amount_fen &&
                   have[i].to_hour == wanted->to_hour &&
                   (wanted->from_hour == 0 || have[i].from_hour == wanted->from_hour);
    return false;
}

static bool add_pledge(importer_batch *b, const xinyi_subject *subject, const xinyi_instrument *wanted, accounts *known,
                       accounts_entry *account) {
    if (holds(known, account, wanted)) return true;
    xinyi_operation *op = add_operation(b, XINYI_PLEDGE, subject);
    if (op == NULL) return false;
    op->instrument_kind = wanted->kind;
    op->instrument = wanted->id;
    op->amount_fen = wanted->amount_fen;
    op->from_hour = wanted->from_hour;
    op->to_hour = wanted->to_hour;
    /* A full account is the server's to refuse, so what cannot be noted here does no harm. */
    if (account->instrument_count < LIMIT_INSTRUMENTS) return accounts_pledge(known, account, wanted);
    return true;
}

static bool add_account(importer_batch *b, const xinyi_subject *subject, const columns_row *row, accounts *known,
                        uint32_t now_hour) {
    const uint32_t energies = (1u << COLUMNS_ENERGIES) - 1;
    accounts_entry *account = accounts_find(known, subject->bytes);
    bool is_new = account == NULL;
    if (is_new && (account = accounts_open(known, subject->bytes)) == NULL) return false;
    for (size_t i = 0; i < row->instrument_count; i++) {
        const xinyi_instrument *wanted = &row->instruments[i];
        if (wanted->to_hour <= now_hour && wanted->from_hour < wanted->to_hour)
            b->rows[b->row_count - 1].ended++;
        else if (!add_pledge(b, subject, wanted, known, account))
            return false;
    }
    /* last: energy without its guarantees would raise an alert that asks for what the row holds */
    return (row->account & energies) == 0 || add_energy(b, subject, row, account, is_new);
}

/* ------------------------------------------------------------------ rows */

bool importer_batch_add(importer_batch *b, const csv_record *record, const columns_row *row, const char *why,
                        accounts *known, uint32_t now_hour) {
    importer_row *r = &b->rows[b->row_count++];
    *r = (importer_row){.line = record->line, .raw = b->raw.size, .raw_length = record->raw_length};
    buf_append(&b->raw, record->raw, record->raw_length);
    if (b->raw.failed) return false;
    if (why != NULL) {
        bool ok = importer_batch_reject(b, b->row_count - 1, why);
        b->read_reasons = b->reasons.size;
        return ok;
    }
    r->has_account = row->account != 0;
    r->has_put = row->mask != 0 || !r->has_account;
    xinyi_put_entry *put = &b->puts[b->put_count];
    put->mask = row->mask;
    put->flags = b->flags;
    put->expected_version = 0;
    convert_to_client(&row->fields, &put->profile);
    if (r->has_put) b->put_row[b->put_count++] = (uint32_t)(b->row_count - 1);
    return !r->has_account || add_account(b, &put->profile.id, row, known, now_hour);
}
