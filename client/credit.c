/* Reports, dossiers, scorecards, lists and receipts: calls of calls.c with entries of their own. */
#include "client/internal.h"

#include <string.h>

static_assert(sizeof(((xinyi_receipt *)0)->bytes) == sizeof(((wire_receipt *)0)->receipt), "a receipt is its bytes");

/* ------------------------------------------------------------------ reports */

static void encode_one_report(const encoder *e, size_t i, uint8_t *to) {
    encode_report(&((const xinyi_report_entry *)e->entries)[i], to);
}

int xinyi_report(xinyi *x, const xinyi_report_entry *entries, size_t count, xinyi_report_reply *out) {
    encoder e = {encode_one_report, entries, 0, 0, NULL};
    return client_call_many(x, MESSAGE_REPORT, &e, count, out, sizeof *out, decode_report_reply);
}

/* ------------------------------------------------------------------ documents */

int xinyi_scorecard(xinyi *x, unsigned purpose, const xinyi_subject *subject, const char **document) {
    uint8_t entry[sizeof(wire_get)];
    *document = NULL;
    int result = client_begin_call(x, 0, purpose);
    if (result != 0) return result;
    encode_get(subject, purpose, entry);
    return client_call_document(x, MESSAGE_SCORECARD, entry, document);
}

int xinyi_dossier(xinyi *x, unsigned purpose, unsigned part, const xinyi_subject *subject, uint32_t from, uint32_t max,
                  const char **document) {
    wire_dossier w = {.part = (uint8_t)part, .purpose = (uint8_t)purpose, .from = from, .max = max};
    uint8_t entry[sizeof w];
    *document = NULL;
    int result = client_begin_call(x, part, purpose);
    if (result != 0) return result;
    memcpy(&w.subject, subject, sizeof w.subject);
    memcpy(entry, &w, sizeof w);
    return client_call_document(x, MESSAGE_DOSSIER, entry, document);
}

/* ------------------------------------------------------------------ lists */

static void decode_list(const uint8_t *wire, void *out) {
    wire_list_reply w;
    xinyi_list_entry *e = out;
    memcpy(&w, wire, sizeof w);
    *e = (xinyi_list_entry){
        .division = w.division, .source = w.source, .from_day = w.from_day, .until_day = w.until_day, .form = w.form};
    memcpy(&e->subject, &w.subject, sizeof e->subject);
    memcpy(e->text, w.text, sizeof w.text);
    memcpy(e->name, w.name, sizeof w.name);
}

/* Takes out the entries that name nobody: they only say where to go on. */
static size_t drop_nobody(xinyi_list_entry *entries, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (entries[i].subject.bytes[0] != 0) entries[kept++] = entries[i];
    return kept;
}

int xinyi_list(xinyi *x, unsigned purpose, unsigned list, uint64_t *cursor, xinyi_list_entry *out, size_t *count) {
    size_t room = *count, got;
    uint64_t at = *cursor;
    *count = 0;
    int result = client_begin_call(x, 0, purpose);
    if (result == 0 && list > UINT16_MAX) return client_fail(x, STATUS_BAD_VALUE, "lists are at most 65535");
    if (result != 0 || room == 0) return result;
    wire_list w = {.max = room < x->max_entries ? (uint32_t)room : x->max_entries,
                   .list = (uint16_t)list,
                   .purpose = (uint8_t)purpose};
    do {
        w.cursor = at;
        result = client_call_walk(x, MESSAGE_LIST, &w, w.max, &at, out, sizeof *out, &got, decode_list);
        if (result != 0) return result;
        *count = drop_nobody(out, got);
    } while (got > 0 && *count == 0);
    *cursor = at;
    return 0;
}

/* ------------------------------------------------------------------ receipts */

static void encode_one_receipt(const encoder *e, size_t i, uint8_t *to) {
    encode_decide(&((const xinyi_subject *)e->entries)[i], e->a, e->b, to);
}

static void decode_receipt(const uint8_t *wire, void *out) {
    xinyi_receipt *r = out;
    memcpy(&r->status, wire, sizeof r->status);
    memcpy(r->bytes, wire + offsetof(wire_receipt, receipt), sizeof r->bytes);
}

int xinyi_receipts(xinyi *x, unsigned scenario, unsigned purpose, const xinyi_subject *subjects, size_t count,
                   xinyi_receipt *out) {
    encoder e = {encode_one_receipt, subjects, scenario, purpose, NULL};
    return client_call_many(x, MESSAGE_RECEIPT, &e, count, out, sizeof *out, decode_receipt);
}

const char *xinyi_receipt_format(const xinyi_receipt *receipt, char buffer[XINYI_RECEIPT_TEXT]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *to = buffer;
    memcpy(to, "xr1-", 4);
    to += 4;
    for (size_t i = 0; i < sizeof receipt->bytes; i += 3) {
        size_t left = sizeof receipt->bytes - i;
        uint32_t bits = (uint32_t)receipt->bytes[i] << 16;
        if (left > 1) bits |= (uint32_t)receipt->bytes[i + 1] << 8;
        if (left > 2) bits |= receipt->bytes[i + 2];
        for (size_t k = 0; k < (left < 3 ? left + 1 : 4); k++) *to++ = digits[bits >> (18 - 6 * k) & 63];
    }
    *to = '\0';
    return buffer;
}
