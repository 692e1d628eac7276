/* Writing: a record's stored image is walked along its table of fields (engine/dump_layout.h); only profiles, claims
 * and texts of policies have forms of their own. What is written is decoded first, so damage is refused rather than
 * told as if it were data. Cost: about a microsecond a record; nothing is allocated but the buffer. */
#include "engine/dump.h"

#include "base/le.h"
#include "base/utf8.h"
#include "engine/dump_layout.h"
#include "engine/effect_internal.h"
#include "engine/history.h"
#include "engine/jline.h"
#include "engine/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ------------------------------------------------------------------ members */

/* Names are ours: nothing to escape. A comma goes in front unless the object has just begun. */
static void name_member(buf *to, const char *name, const char *suffix) {
    if (to->size > 0 && to->data[to->size - 1] != '{') buf_append(to, ",", 1);
    buf_append(to, "\"", 1);
    buf_append_str(to, name);
    buf_append_str(to, suffix);
    buf_append(to, "\":", 2);
}

static void write_u64(buf *to, uint64_t value) {
    char text[20], *at = text + sizeof text;
    do *--at = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    buf_append(to, at, (size_t)(text + sizeof text - at));
}

static void write_i64(buf *to, int64_t value) {
    if (value < 0) buf_append(to, "-", 1);
    write_u64(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void put_u64(buf *to, const char *name, uint64_t value) {
    name_member(to, name, "");
    write_u64(to, value);
}

static void put_string(buf *to, const char *name, const char *value) {
    name_member(to, name, "");
    jline_write_text(to, value, strlen(value));
}

static void put_hex(buf *to, const char *name, const char *suffix, const void *bytes, size_t length) {
    name_member(to, name, suffix);
    jline_write_hex(to, bytes, length);
}

/* NAME as a text, or NAME_hex where it is none. */
static void put_bytes(buf *to, const char *name, const void *bytes, size_t length) {
    size_t before = to->size;
    name_member(to, name, "");
    if (jline_write_text(to, bytes, length)) return;
    to->size = before;
    put_hex(to, name, "_hex", bytes, length);
}

static void put_subject(buf *to, const subject_id *id) {
    char text[SUBJECT_TEXT];
    put_string(to, "subject", subject_format(id, text));
}

static void begin(buf *to, change_table table) {
    buf_append(to, "{", 1);
    put_string(to, "table", change_table_name(table));
}

static void end(buf *to) { buf_append(to, "}\n", 2); }

/* ------------------------------------------------------------------ images */

static void put_day(buf *to, const char *name, uint16_t day) {
    char text[PROFILE_VALUE_TEXT];
    put_string(to, name, profile_format_value(profile_field_at(FIELD_data_day), day, text));
}

static bool put_text(buf *to, const layout_field *f, const uint8_t *at) {
    const uint8_t *zero = memchr(at, 0, f->size);
    size_t length = zero != NULL ? (size_t)(zero - at) : f->size;
    if (bytes_are_zero(at + length, f->size - length) && utf8_is_line(at, length))
        put_bytes(to, f->name, at, length);
    else
        put_hex(to, f->name, "_hex", at, f->size);
    return true;
}

static bool put_subject_at(buf *to, const layout_field *f, const uint8_t *at) {
    subject_id id;
    char text[SUBJECT_TEXT];
    memcpy(&id, at, sizeof id);
    if (!subject_is_valid(&id)) return false;
    put_string(to, f->name, subject_format(&id, text));
    return true;
}

static bool put_field(buf *to, const layout_field *f, const uint8_t *at) {
    switch ((layout_type)f->type) {
    case LAYOUT_U8: put_u64(to, f->name, *at); return true;
    case LAYOUT_U16: put_u64(to, f->name, le_get16(at)); return true;
    case LAYOUT_U32: put_u64(to, f->name, le_get32(at)); return true;
    case LAYOUT_U64: put_u64(to, f->name, le_get64(at)); return true;
    case LAYOUT_I64:
        name_member(to, f->name, "");
        write_i64(to, (int64_t)le_get64(at));
        return true;
    case LAYOUT_VERSION: put_u64(to, f->name, le_get32(at) >> 1); return (*at & 1) == 0;
    case LAYOUT_DAY: put_day(to, f->name, le_get16(at)); return true;
    case LAYOUT_HEX: put_hex(to, f->name, "", at, f->size); return true;
    case LAYOUT_TEXT: return put_text(to, f, at);
    case LAYOUT_SUBJECT: return put_subject_at(to, f, at);
    case LAYOUT_NAMED: {
        const char *name = f->names(f->size == 1 ? *at : le_get16(at));
        if (name != NULL) put_string(to, f->name, name);
        return name != NULL;
    }
    case LAYOUT_ZERO:
    case LAYOUT_OTHER: break;
    }
    return true;
}

/* False if the image is not of this form. */
static bool put_image(buf *to, const layout *l, const uint8_t *image) {
    unsigned kind = l->kind_at >= 0 ? image[l->kind_at] : 0;
    for (size_t i = 0; i < l->count; i++) {
        const layout_field *f = &l->fields[i];
        if (!layout_has(f, kind) || f->type == LAYOUT_OTHER) continue;
        bool zero = bytes_are_zero(image + f->offset, f->size);
        if (f->type == LAYOUT_ZERO && !zero) return false;
        if ((!zero || f->always) && f->type != LAYOUT_ZERO && !put_field(to, f, image + f->offset)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ profiles and claims */

static void put_value(buf *to, const profile_field *field, int64_t value) {
    char text[PROFILE_VALUE_TEXT];
    if (value == PROFILE_MISSING) {
        name_member(to, field->name, "");
        buf_append(to, "null", 4);
    } else if (field->type == PROFILE_FLAG) {
        name_member(to, field->name, "");
        buf_append_str(to, value != 0 ? "true" : "false");
    } else if (field->type == PROFILE_NUMBER || field->type == PROFILE_SCORE) {
        put_u64(to, field->name, (uint64_t)value);
    } else {
        put_string(to, field->name, profile_format_value(field, value, text));
    }
}

static bool write_subject(const change *record, buf *to) {
    profile p, nothing;
    if (record->key_length != KEY_RECORD || record->value_length != 1 + PROFILE_SIZE ||
        record->value[0] != IMAGE_SUBJECT || profile_decode(record->value + 1, &p, NULL) != STATUS_OK ||
        memcmp(record->key + 1, &p.id, sizeof p.id) != 0)
        return false;
    profile_init(&nothing, &p.id);
    nothing.form = FORM_UNKNOWN; /* of persons too: it is always told */
    begin(to, record->table);
    put_u64(to, "v", IMAGE_SUBJECT);
    put_subject(to, &p.id);
    put_u64(to, "version", profile_version(&p));
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        int64_t value = profile_get(&p, field);
        if (value != profile_get(&nothing, field)) put_value(to, field, value);
    }
    return true;
}

/* Claims may hold numbers that mean nothing (of a sector, say), as stored profiles may not. */
static bool has_words(const profile_field *field, int64_t value) {
    char text[PROFILE_VALUE_TEXT];
    int64_t again;
    if (value == PROFILE_MISSING || field->type == PROFILE_FLAG) return true;
    if (value < field->min || value > field->max) return false;
    profile_format_value(field, value, text);
    return profile_parse_value(field, text, strlen(text), &again) == STATUS_OK && again == value;
}

static bool is_plain_claim(const item *claim, profile *p) {
    item again = *claim;
    claim_to_profile(claim, p);
    claim_from_profile(&again, p, claim->claim.mask);
    if (memcmp(&again, claim, sizeof again) != 0) return false;
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        if ((claim->claim.mask >> i & 1) != 0 && !has_words(field, profile_get(p, field))) return false;
    }
    return true;
}

/* What a source says, by name; null: it says that nothing is known. The bytes themselves where they hold more. */
static void put_claim(buf *to, const item *claim) {
    profile p;
    if (!is_plain_claim(claim, &p)) {
        put_hex(to, "claim", "_hex", (const uint8_t *)claim + 8, sizeof *claim - 8);
        return;
    }
    name_member(to, "fields", "");
    buf_append(to, "{", 1);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++)
        if (claim->claim.mask >> i & 1) put_value(to, profile_field_at(i), profile_get(&p, profile_field_at(i)));
    buf_append(to, "}", 1);
}

static bool write_item(const change *record, buf *to) {
    item i;
    subject_id id;
    if (record->key_length != KEY_ITEM || record->value_length != 1 + ITEM_IMAGE || record->value[0] != IMAGE_ITEM ||
        item_decode(record->value + 1, &i) != STATUS_OK)
        return false;
    memcpy(&id, record->key + 1, sizeof id);
    if (!subject_is_valid(&id)) return false;
    const uint8_t *number = record->key + KEY_RECORD;
    begin(to, record->table);
    put_u64(to, "v", IMAGE_ITEM);
    put_subject(to, &id);
    put_u64(to, "number", (uint32_t)number[0] << 24 | (uint32_t)number[1] << 16 | (uint32_t)number[2] << 8 | number[3]);
    if (!put_image(to, &layout_item, record->value + 1)) return false;
    if (i.kind == ITEM_CLAIM) put_claim(to, &i);
    return true;
}

/* ------------------------------------------------------------------ the ledger */

static bool begin_account(const change *record, buf *to, const char *part) {
    account a;
    memcpy(&a.key, record->key + 1, sizeof a.key);
    subject_id subject = account_subject(&a);
    if (!subject_is_valid(&subject)) return false;
    begin(to, record->table);
    if (part != NULL) put_string(to, "part", part);
    put_u64(to, "v", record->value[0]);
    put_subject(to, &subject);
    put_u64(to, "program", account_program(&a));
    return true;
}

static bool write_balance(const change *record, buf *to) {
    account with = {.seq = UINT32_MAX - 1}; /* decoded by itself: of an account that holds nothing */
    if (record->value_length != 1 + BALANCE_IMAGE || record->value[0] != IMAGE_BALANCE || record->key[KEY_RECORD] != 1)
        return false;
    memcpy(&with.key, record->key + 1, sizeof with.key);
    return balance_decode(record->value + 1, &with) == STATUS_OK && begin_account(record, to, "balance") &&
           put_image(to, &layout_balance, record->value + 1);
}

static bool write_account(const change *record, buf *to) {
    account a;
    if (record->key_length == KEY_BALANCE) return write_balance(record, to);
    if (record->key_length != KEY_RECORD || record->value_length != 1 + ACCOUNT_IMAGE) return false;
    if (record->value[0] != IMAGE_ACCOUNT && record->value[0] != IMAGE_ACCOUNT_1) return false;
    if (account_decode(record->value + 1, &a) != STATUS_OK || memcmp(record->key + 1, &a.key, sizeof a.key) != 0)
        return false;
    if (!begin_account(record, to, NULL) || !put_image(to, &layout_account, record->value + 1)) return false;
    if (a.instrument_count == 0) return true;
    name_member(to, "instruments", "");
    for (uint32_t i = 0; i < a.instrument_count; i++) {
        buf_append_str(to, i == 0 ? "[{" : ",{");
        const uint8_t *image = record->value + 1 + 128 + i * layout_instrument.size;
        if (!put_image(to, &layout_instrument, image)) return false;
        buf_append(to, "}", 1);
    }
    buf_append(to, "]", 1);
    return true;
}

/* Of version 1. */
static bool write_operation(const change *record, buf *to) {
    operation_entry e;
    if (record->key_length != 16 || record->value_length != 1 + OPERATION_IMAGE ||
        record->value[0] != IMAGE_OPERATION_1 || memcmp(record->key, record->value + 1, 16) != 0 ||
        operation_entry_decode_v1(record->value + 1, &e) != STATUS_OK)
        return false;
    begin(to, record->table);
    put_u64(to, "v", IMAGE_OPERATION_1);
    return put_image(to, &layout_operation_v1, record->value + 1);
}

static bool write_alert(const change *record, buf *to) {
    alert a;
    if (record->key_length != 8 || record->value_length != 1 + ALERT_IMAGE || record->value[0] != IMAGE_ALERT ||
        alert_decode(record->value + 1, &a) != STATUS_OK)
        return false;
    for (size_t i = 0; i < 8; i++)
        if (record->key[i] != (uint8_t)(a.number >> (56 - 8 * i))) return false;
    begin(to, record->table);
    put_u64(to, "v", IMAGE_ALERT);
    return put_image(to, &layout_alert, record->value + 1);
}

static bool write_events(const change *record, buf *to, size_t *lines) {
    static const layout *const layouts[] = {NULL, &layout_event, &layout_expiry, &layout_operation};
    static const char *const names[] = {NULL, "operation", "expiry", "kept"};
    uint64_t previous, group = 0;
    size_t at, from;
    history_event event;
    uint8_t unpacked[OPERATION_IMAGE];
    status s = history_head(record->value, record->value_length, &at, &previous);
    if (s != STATUS_OK || record->key_length != 8) return false;
    for (size_t i = 0; i < 8; i++) group = group << 8 | record->key[i];
    *lines = 0;
    for (from = at; (s = history_next(record->value, record->value_length, &at, &event)) == STATUS_OK; from = at) {
        if (*lines > 0) end(to);
        begin(to, record->table);
        put_u64(to, "group", group);
        put_string(to, "event", names[event.kind]);
        const uint8_t *image = record->value + from + 1;
        if (event.kind == HISTORY_OPERATION) { /* trades are packed */
            operation_entry_encode(&event.entry, unpacked);
            image = unpacked;
        }
        if (!put_image(to, layouts[event.kind], image)) return false;
        ++*lines;
    }
    return s == STATUS_END && *lines > 0;
}

/* ------------------------------------------------------------------ policies and singletons */

static bool write_policies(const change *record, buf *to) {
    buf memory = {0};
    policy_image image;
    bool good = record->key_length == 4 &&
                policy_image_decode(record->value, record->value_length, &memory, &image) == STATUS_OK;
    if (good) {
        const uint8_t *key = record->key;
        begin(to, record->table);
        put_u64(to, "v", record->value[0]);
        put_u64(to, "version", (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3]);
        name_member(to, "activated_ms", "");
        write_i64(to, image.activated_ms);
        put_u64(to, "rollback_of", image.rollback_of);
        name_member(to, "files", "");
        buf_append(to, "[", 1);
        for (size_t i = 0; i < image.count; i++) {
            buf_append_str(to, i == 0 ? "{" : ",{");
            put_bytes(to, "name", image.files[i].name, strlen(image.files[i].name));
            put_bytes(to, "text", image.files[i].text, image.files[i].length);
            buf_append(to, "}", 1);
        }
        buf_append(to, "]", 1);
    }
    if (memory.failed) to->failed = true;
    buf_deinit(&memory);
    return good;
}

static void put_counts(buf *to, const char *name, const uint64_t *counts, size_t n) {
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (counts[i] == 0) continue;
        if (!any) name_member(to, name, "");
        buf_append_str(to, any ? ",[" : "[[");
        any = true;
        write_u64(to, i);
        buf_append(to, ",", 1);
        write_u64(to, counts[i]);
        buf_append(to, "]", 1);
    }
    if (any) buf_append(to, "]", 1);
}

/* False if its bytes are not those that these counters are written as. */
static bool read_effect(const change *record, effect_counts *c) {
    uint8_t again[EFFECT_IMAGE_MAX];
    const uint8_t *at = record->value, *stop = at + record->value_length;
    *c = (effect_counts){0};
    if (!effect_is_record(record) || record->value_length < 18) return false;
    uint64_t masks[] = {at[1], le_get64(at + 2), le_get64(at + 10)};
    uint64_t *parts[] = {c->outcomes, c->given, c->used};
    if (masks[0] >> TALLY_OUTCOMES != 0) return false;
    at += 18;
    for (unsigned part = 0; part < 3; part++) {
        for (unsigned i = 0; i < 64; i++) {
            if ((masks[part] >> i & 1) == 0) continue;
            if (stop - at < 8) return false;
            parts[part][i] = le_get64(at);
            at += 8;
        }
    }
    return effect_encode(c, again) == record->value_length && memcmp(again, record->value, record->value_length) == 0;
}

static void put_effect(buf *to, const change *record, const effect_counts *c) {
    const uint8_t *key = record->key + sizeof EFFECT_NAME - 1;
    unsigned month = (unsigned)key[0] << 8 | key[1];
    put_string(to, "name", EFFECT_NAME);
    put_u64(to, "v", record->value[0]);
    name_member(to, "month", "");
    buf_printf(to, "\"%04u-%02u\"", 1970 + month / 12, 1 + month % 12);
    put_u64(to, "scenario", key[2]);
    put_u64(to, "division", (uint32_t)key[3] << 24 | (uint32_t)key[4] << 16 | (uint32_t)key[5] << 8 | key[6]);
    put_counts(to, "outcomes", c->outcomes, TALLY_OUTCOMES);
    put_counts(to, "given", c->given, LIMIT_BENEFITS);
    put_counts(to, "used", c->used, LIMIT_BENEFITS);
}

/* Small things of the engine's own: effect totals by name, the others as they are. */
static bool write_bytes(const change *record, buf *to) {
    effect_counts counts;
    if (record->key_length < 1 || record->key_length > LIMIT_KEY_BYTES) return false;
    begin(to, record->table);
    if (record->table == CHANGE_STATE && read_effect(record, &counts)) {
        put_effect(to, record, &counts);
        return true;
    }
    put_bytes(to, "key", record->key, record->key_length);
    put_hex(to, "value", "_hex", record->value, record->value_length);
    return true;
}

/* ------------------------------------------------------------------ lines */

static bool write_record(const change *record, buf *to, size_t *lines) {
    *lines = 1;
    switch (record->table) {
    case CHANGE_SUBJECTS: return write_subject(record, to);
    case CHANGE_RECORDS: return write_item(record, to);
    case CHANGE_ACCOUNTS: return write_account(record, to);
    case CHANGE_OPERATIONS: return write_operation(record, to);
    case CHANGE_POLICIES: return write_policies(record, to);
    case CHANGE_MEMBERS:
    case CHANGE_STATE: return write_bytes(record, to);
    case CHANGE_ALERTS: return write_alert(record, to);
    case CHANGE_HISTORY: return write_events(record, to, lines);
    case CHANGE_TABLE_END: break;
    }
    return false;
}

status dump_write(const change *record, buf *to, size_t *lines) {
    size_t before = to->size;
    bool good = !record->removed && write_record(record, to, lines);
    if (good) end(to);
    if (to->failed) return STATUS_NO_MEMORY;
    if (good) return STATUS_OK;
    to->size = before;
    return STATUS_CORRUPT;
}

void dump_write_head(const dump_head *head, buf *to) {
    buf_append(to, "{", 1);
    put_string(to, "xinyi", "dump");
    put_u64(to, "format", DUMP_FORMAT);
    put_bytes(to, "cluster", head->cluster, strlen(head->cluster));
    put_u64(to, "sequence", head->sequence);
    put_u64(to, "time_ms", (uint64_t)head->time_ms);
    end(to);
}

void dump_write_end(const dump_end *totals, buf *to) {
    buf_append(to, "{", 1);
    put_string(to, "xinyi", "end");
    name_member(to, "lines", "");
    buf_append(to, "{", 1);
    for (unsigned table = 1; table < CHANGE_TABLE_END; table++)
        put_u64(to, change_table_name(table), totals->lines[table]);
    buf_append(to, "}", 1);
    name_member(to, "xxh3", "");
    buf_printf(to, "\"%016" PRIx64 "\"", totals->sum);
    end(to);
}

/* ------------------------------------------------------------------ totals */

struct dump_totals {
    uint64_t lines[CHANGE_TABLE_END];
    XXH3_state_t *sum;
};

status dump_totals_create(dump_totals **out) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL) return STATUS_NO_MEMORY;
    (*out)->sum = XXH3_createState();
    if ((*out)->sum == NULL || XXH3_64bits_reset((*out)->sum) != XXH_OK) {
        dump_totals_destroy(out);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void dump_totals_destroy(dump_totals **t) {
    if (*t == NULL) return;
    XXH3_freeState((*t)->sum);
    free(*t);
    *t = NULL;
}

void dump_totals_add(dump_totals *t, unsigned table, size_t lines, const void *bytes, size_t length) {
    t->lines[table] += lines;
    (void)XXH3_64bits_update(t->sum, bytes, length);
}

void dump_totals_get(const dump_totals *t, dump_end *out) {
    *out = (dump_end){.sum = XXH3_64bits_digest(t->sum)};
    for (unsigned table = 1; table < CHANGE_TABLE_END; table++) out->lines[table] = t->lines[table];
}
