/* Reading: a line's members are taken one by one by what is expected; what is left over at the end was not. The image
 * is put together along the same tables of fields that it was written by, and is then decoded as any stored record is,
 * so nothing gets in that a data directory could not hold. The first fault is told, with the field it is in. Cost: a
 * few microseconds a record; buffers are the parser's and stay. */
#include "engine/dump.h"

#include "base/le.h"
#include "engine/dump_internal.h"
#include "engine/effect_internal.h"
#include "engine/history.h"
#include "engine/state.h"
#include "engine/store_internal.h"

#include <string.h>

/* ------------------------------------------------------------------ records */

static void key_subject(dump_parser *p, const subject_id *id, change *out) {
    p->key[0] = (uint8_t)store_shard_of(store_hash_key(p->seed, id));
    memcpy(p->key + 1, id, sizeof *id);
    out->key_length = KEY_RECORD;
}

static void key_number(dump_parser *p, uint64_t number, size_t bytes, size_t at, change *out) {
    for (size_t i = 0; i < bytes; i++) p->key[at + i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
    out->key_length = at + bytes;
}

/* Room for a value of an image version and an image. */
static uint8_t *value_of(dump_parser *p, size_t image) {
    buf_clear(&p->value);
    return buf_extend(&p->value, 1 + image);
}

static bool profile_value(dump_parser *p, const profile_field *field, const jline_value *v, int64_t *out) {
    uint64_t number = 0;
    bool good = false;
    if (field->type == PROFILE_FLAG) {
        good = v->type == JLINE_TRUE || v->type == JLINE_FALSE;
        *out = v->type == JLINE_TRUE;
    } else if (field->type == PROFILE_NUMBER || field->type == PROFILE_SCORE) {
        good = jline_u64(v, (uint64_t)field->max, &number);
        *out = (int64_t)number;
    } else if (v->type == JLINE_TEXT) {
        good = profile_parse_value(field, v->at, v->length, out) == STATUS_OK && *out != PROFILE_MISSING;
    }
    return good || dump_wrong(p, "field '%s' has no such value", field->name);
}

static bool read_subject(dump_object *o, change *out) {
    dump_parser *p = o->p;
    profile made, read;
    subject_id id;
    uint64_t version;
    uint8_t v, *value = value_of(p, PROFILE_SIZE);
    if (value == NULL || !dump_need_version(o, IMAGE_SUBJECT, IMAGE_SUBJECT, &v) || !dump_need_subject(o, &id))
        return false;
    if (!dump_need_u64(o, "version", 0, UINT32_MAX >> 1, &version)) return false;
    profile_init(&made, &id);
    made.form = FORM_UNKNOWN;
    made.seq = (uint32_t)version << 1;
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        const jline_value *given = dump_take(o, field->name);
        int64_t number;
        if (given == NULL) continue;
        if (!profile_value(p, field, given, &number)) return false;
        if (profile_set(&made, field, number) != STATUS_OK)
            return dump_wrong(p, "field '%s' is out of range", field->name);
    }
    value[0] = v;
    profile_encode(&made, value + 1);
    key_subject(p, &id, out);
    return profile_decode(value + 1, &read, NULL) == STATUS_OK || dump_wrong(p, "not a profile");
}

static bool read_claim(dump_object *o, item *claim) {
    const jline_value *hex = dump_take(o, "claim_hex"), *given = dump_take(o, "fields");
    if ((hex == NULL) == (given == NULL)) return dump_wrong(o->p, "a claim has either 'fields' or 'claim_hex'");
    if (hex != NULL)
        return jline_hex(hex, (uint8_t *)claim + 8, sizeof *claim - 8) ||
               dump_wrong(o->p, "field 'claim_hex' is not %zu hexadecimal digits", 2 * (sizeof *claim - 8));
    dump_object fields;
    profile p;
    uint64_t mask = 0;
    if (!dump_open(o->p, given, &fields)) return false;
    profile_init(&p, &(subject_id){0});
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(i);
        const jline_value *v = dump_take(&fields, field->name);
        int64_t number = PROFILE_MISSING;
        if (v == NULL) continue;
        mask |= UINT64_C(1) << i;
        if (v->type != JLINE_NULL && !profile_value(o->p, field, v, &number)) return false;
        if (profile_set(&p, field, number) != STATUS_OK)
            return dump_wrong(o->p, "field '%s' is out of range", field->name);
    }
    claim_from_profile(claim, &p, mask);
    return dump_nothing_left(&fields);
}

static bool read_item(dump_object *o, change *out) {
    item i;
    subject_id id;
    uint64_t number;
    uint8_t v, *value = value_of(o->p, ITEM_IMAGE);
    if (value == NULL || !dump_need_version(o, IMAGE_ITEM, IMAGE_ITEM, &v) || !dump_need_subject(o, &id)) return false;
    if (!dump_need_u64(o, "number", 0, UINT32_MAX, &number) || !dump_take_image(o, &layout_item, value + 1))
        return false;
    value[0] = v;
    memcpy(&i, value + 1, sizeof i);
    if (i.kind == ITEM_CLAIM) {
        if (!read_claim(o, &i)) return false;
        item_encode(&i, value + 1);
    }
    key_subject(o->p, &id, out);
    key_number(o->p, number, 4, KEY_RECORD, out);
    return item_decode(value + 1, &i) == STATUS_OK || dump_wrong(o->p, "not an item of a dossier");
}

static bool read_instruments(dump_object *o, uint8_t *image) {
    const jline_value *list = dump_take(o, "instruments");
    jline_value one;
    dump_object within;
    uint32_t n = 0;
    if (list == NULL) return true;
    if (list->type != JLINE_LIST) return dump_wrong(o->p, "field 'instruments' is not a list");
    for (size_t at = 0; jline_next(list, &at, &one); n++) {
        if (n == LIMIT_INSTRUMENTS) return dump_wrong(o->p, "field 'instruments' has more than %d", LIMIT_INSTRUMENTS);
        if (!dump_open(o->p, &one, &within) ||
            !dump_take_image(&within, &layout_instrument, image + 128 + n * layout_instrument.size) ||
            !dump_nothing_left(&within))
            return false;
    }
    le_put32(image + 84, n);
    return true;
}

static bool need_account(dump_object *o, change *out, subject_id *key) {
    subject_id id;
    uint64_t program;
    if (!dump_need_subject(o, &id) || !dump_need_u64(o, "program", 1, PROGRAM_MAX, &program)) return false;
    *key = account_key(&id, (unsigned)program);
    key_subject(o->p, key, out);
    return true;
}

static bool read_balance(dump_object *o, change *out) {
    /* decoded by itself: with an account around it that holds nothing */
    account with = {.seq = UINT32_MAX - 1};
    subject_id key;
    uint8_t v, *value = value_of(o->p, BALANCE_IMAGE);
    if (value == NULL || !dump_need_version(o, IMAGE_BALANCE, IMAGE_BALANCE, &v) || !need_account(o, out, &key))
        return false;
    value[0] = v;
    o->p->key[out->key_length++] = 1;
    with.key = key;
    return dump_take_image(o, &layout_balance, value + 1) &&
           (balance_decode(value + 1, &with) == STATUS_OK || dump_wrong(o->p, "not a balance"));
}

static bool read_account(dump_object *o, change *out) {
    account read;
    subject_id key;
    const jline_value *part = dump_take(o, "part");
    if (part != NULL)
        return jline_is(part, "balance") ? read_balance(o, out) : dump_wrong(o->p, "field 'part' has no such value");
    uint8_t v, *value = value_of(o->p, ACCOUNT_IMAGE);
    if (value == NULL || !dump_need_version(o, IMAGE_ACCOUNT_1, IMAGE_ACCOUNT, &v) || !need_account(o, out, &key))
        return false;
    value[0] = v;
    if (!dump_take_image(o, &layout_account, value + 1)) return false;
    memcpy(value + 1, &key, sizeof key);
    if (!read_instruments(o, value + 1)) return false;
    return account_decode(value + 1, &read) == STATUS_OK || dump_wrong(o->p, "not an account");
}

static bool read_operation(dump_object *o, change *out) {
    operation_entry read;
    uint8_t v, *value = value_of(o->p, OPERATION_IMAGE);
    if (value == NULL || !dump_need_version(o, IMAGE_OPERATION_1, IMAGE_OPERATION_1, &v)) return false;
    if (!dump_take_image(o, &layout_operation_v1, value + 1)) return false;
    value[0] = v;
    memcpy(o->p->key, value + 1, 16);
    out->key_length = 16;
    return operation_entry_decode_v1(value + 1, &read) == STATUS_OK || dump_wrong(o->p, "not an operation");
}

static bool read_alert(dump_object *o, change *out) {
    alert read;
    uint8_t v, *value = value_of(o->p, ALERT_IMAGE);
    if (value == NULL || !dump_need_version(o, IMAGE_ALERT, IMAGE_ALERT, &v)) return false;
    if (!dump_take_image(o, &layout_alert, value + 1)) return false;
    value[0] = v;
    if (alert_decode(value + 1, &read) != STATUS_OK) return dump_wrong(o->p, "not an alert");
    key_number(o->p, read.number, 8, 0, out);
    return true;
}

static bool read_event(dump_object *o, dump_parsed *out) {
    static const struct {
        const char *name;
        const layout *image;
    } kinds[] = {{NULL, NULL}, {"operation", &layout_event}, {"expiry", &layout_expiry}, {"kept", &layout_operation}};
    const jline_value *v;
    unsigned kind = 1;
    if (!dump_need_u64(o, "group", 1, UINT64_MAX, &out->group) || (v = dump_need(o, "event")) == NULL) return false;
    while (kind < sizeof kinds / sizeof *kinds && !jline_is(v, kinds[kind].name)) kind++;
    if (kind == sizeof kinds / sizeof *kinds) return dump_wrong(o->p, "field 'event' has no such value");
    uint8_t *value = value_of(o->p, kinds[kind].image->size);
    if (value == NULL || !dump_take_image(o, kinds[kind].image, value + 1)) return false;
    value[0] = (uint8_t)kind;
    history_event read;
    size_t at = 0;
    if (kind == HISTORY_OPERATION) { /* as this program writes it: trades are packed */
        read.kind = HISTORY_OPERATION;
        if (history_read_image(value + 1, &read.entry) != STATUS_OK) return dump_wrong(o->p, "not an event");
        buf_clear(&o->p->value);
        history_add_operation(&o->p->value, &read.entry);
    } else if (history_next(value, o->p->value.size, &at, &read) != STATUS_OK) {
        return dump_wrong(o->p, "not an event");
    }
    out->kind = DUMP_EVENT;
    out->at_ms = read.kind == HISTORY_EXPIRY ? read.at_ms : read.entry.at_ms;
    return true;
}

/* ------------------------------------------------------------------ policies and singletons */

/* A member NAME or NAME_hex, appended to the parser's text. */
static bool need_bytes(dump_object *o, const char *name, const char *suffix, size_t *length) {
    dump_parser *p = o->p;
    const jline_value *v = suffix[0] == '\0' ? dump_take(o, name) : NULL, *hex = dump_take_two(o, name, "_hex");
    size_t before = p->text.size;
    if ((v != NULL) == (hex != NULL)) return dump_wrong(p, "field '%s' is not there, or twice", name);
    bool good = v != NULL && jline_text(v, &p->text);
    if (hex != NULL) {
        uint8_t *to = buf_extend(&p->text, hex->length / 2);
        good = to != NULL && jline_hex(hex, to, hex->length / 2);
    }
    *length = p->text.size - before;
    return good || dump_wrong(p, "field '%s' is not a text", name);
}

/* The names and texts lie one after another in the parser's text, which moves while it grows. */
static bool read_files(dump_object *o, policy_file files[LIMIT_POLICY_FILES], size_t *count) {
    dump_parser *p = o->p;
    const jline_value *list = dump_need(o, "files");
    jline_value one;
    dump_object file;
    size_t names[LIMIT_POLICY_FILES], n = 0;
    buf_clear(&p->text);
    if (list == NULL) return false;
    if (list->type != JLINE_LIST) return dump_wrong(p, "field 'files' is not a list");
    for (size_t at = 0; jline_next(list, &at, &one); n++) {
        if (n == LIMIT_POLICY_FILES) return dump_wrong(p, "field 'files' has more than %d", LIMIT_POLICY_FILES);
        if (!dump_open(p, &one, &file) || !need_bytes(&file, "name", "", &names[n])) return false;
        if (names[n] == 0 || memchr(p->text.data + p->text.size - names[n], 0, names[n]) != NULL)
            return dump_wrong(p, "field 'name' of a file is no name");
        buf_append(&p->text, "", 1);
        if (!need_bytes(&file, "text", "", &files[n].length) || !dump_nothing_left(&file)) return false;
    }
    const char *at = (const char *)p->text.data;
    for (size_t i = 0; i < n; i++) {
        files[i].name = at;
        files[i].text = at + names[i] + 1;
        at = files[i].text + files[i].length;
    }
    *count = n;
    return !p->text.failed;
}

static bool read_policies(dump_object *o, change *out) {
    dump_parser *p = o->p;
    policy_file files[LIMIT_POLICY_FILES];
    policy_image image = {.files = files};
    uint64_t version, rollback_of;
    uint8_t v;
    if (!dump_need_version(o, IMAGE_POLICIES_1, IMAGE_POLICIES, &v)) return false;
    if (!dump_need_u64(o, "version", 1, UINT32_MAX, &version) ||
        !dump_need_u64(o, "rollback_of", 0, UINT32_MAX, &rollback_of))
        return false;
    const jline_value *activated = dump_need(o, "activated_ms");
    if (activated == NULL) return false;
    if (!jline_i64(activated, &image.activated_ms))
        return dump_wrong(p, "field 'activated_ms' is not a 64-bit integer");
    image.rollback_of = (uint32_t)rollback_of;
    if (v == IMAGE_POLICIES_1 && (image.activated_ms != 0 || rollback_of != 0))
        return dump_wrong(p, "policies of form 1 have neither 'activated_ms' nor 'rollback_of'");
    if (!read_files(o, files, &image.count)) return false;
    buf_clear(&p->value);
    status s = policy_image_encode(&p->value, &image);
    if (s == STATUS_TOO_LARGE) return dump_wrong(p, "the policies are larger than %u bytes", LIMIT_RECORD_BYTES);
    if (s != STATUS_OK) return false;
    if (v == IMAGE_POLICIES_1) { /* the same without these two */
        memmove(p->value.data + 1, p->value.data + 13, p->value.size - 13);
        p->value.data[0] = v;
        p->value.size -= 12;
    }
    key_number(p, version, 4, 0, out);
    return true;
}

static bool take_counts(dump_object *o, const char *name, uint64_t *counts, size_t n) {
    const jline_value *list = dump_take(o, name);
    jline_value pair, place, count, more;
    if (list == NULL) return true;
    if (list->type != JLINE_LIST) return dump_wrong(o->p, "field '%s' is not a list", name);
    for (size_t at = 0; jline_next(list, &at, &pair);) {
        size_t within = 0;
        uint64_t which, number;
        if (!jline_next(&pair, &within, &place) || !jline_next(&pair, &within, &count) ||
            jline_next(&pair, &within, &more) || !jline_u64(&place, n - 1, &which) ||
            !jline_u64(&count, UINT64_MAX, &number) || number == 0 || counts[which] != 0)
            return dump_wrong(o->p, "field '%s' is not a list of pairs [0..%zu, count], each once", name, n - 1);
        counts[which] = number;
    }
    return true;
}

static bool need_month(dump_object *o, uint16_t *out) {
    const jline_value *v = dump_need(o, "month");
    unsigned year = 0, month = 0;
    bool good = v != NULL && v->type == JLINE_TEXT && v->length == 7 && v->at[4] == '-';
    for (unsigned i = 0; good && i < 7; i++) {
        if (i == 4) continue;
        good = v->at[i] >= '0' && v->at[i] <= '9';
        *(i < 4 ? &year : &month) = (i < 4 ? year : month) * 10 + (unsigned)(v->at[i] - '0');
    }
    if (v == NULL) return false;
    if (!good || month < 1 || month > 12 || year < 1970 || (year - 1970) * 12 + month - 1 > UINT16_MAX)
        return dump_wrong(o->p, "field 'month' is not YYYY-MM");
    *out = (uint16_t)((year - 1970) * 12 + month - 1);
    return true;
}

static bool read_effect(dump_object *o, change *out) {
    effect_key key = {0};
    effect_counts counts = {0};
    uint64_t scenario, division;
    uint8_t v, *value = value_of(o->p, EFFECT_IMAGE_MAX - 1);
    if (value == NULL || !dump_need_version(o, 1, 1, &v) || !need_month(o, &key.month)) return false;
    if (!dump_need_u64(o, "scenario", 1, SCENARIO_MAX, &scenario) ||
        !dump_need_u64(o, "division", 0, UINT32_MAX, &division))
        return false;
    if (!take_counts(o, "outcomes", counts.outcomes, TALLY_OUTCOMES) ||
        !take_counts(o, "given", counts.given, LIMIT_BENEFITS) || !take_counts(o, "used", counts.used, LIMIT_BENEFITS))
        return false;
    key.scenario = (uint8_t)scenario;
    key.division = (uint32_t)division;
    effect_encode_key(key, o->p->key);
    out->key_length = EFFECT_KEY;
    o->p->value.size = effect_encode(&counts, value);
    return true;
}

static bool read_bytes(dump_object *o, change *out) {
    dump_parser *p = o->p;
    const jline_value *name = dump_take(o, "name");
    size_t length;
    if (name != NULL && out->table == CHANGE_STATE)
        return jline_is(name, EFFECT_NAME) ? read_effect(o, out) : dump_wrong(p, "field 'name' has no such value");
    buf_clear(&p->text);
    if (!need_bytes(o, "key", "", &length)) return false;
    if (length < 1 || length > LIMIT_KEY_BYTES)
        return dump_wrong(p, "field 'key' is not 1 to %d bytes", LIMIT_KEY_BYTES);
    memcpy(p->key, p->text.data, length);
    out->key_length = length;
    buf_clear(&p->text);
    if (!need_bytes(o, "value", "_hex", &length)) return false;
    if (length > LIMIT_RECORD_BYTES)
        return dump_wrong(p, "field 'value_hex' is longer than %u bytes", LIMIT_RECORD_BYTES);
    buf_clear(&p->value);
    buf_append(&p->value, p->text.data, length);
    return true;
}

/* ------------------------------------------------------------------ lines */

static change_table table_named(const jline_value *v) {
    for (unsigned table = 1; table < CHANGE_TABLE_END; table++)
        if (jline_is(v, change_table_name(table))) return (change_table)table;
    return CHANGE_TABLE_END;
}

static bool read_record(dump_object *o, dump_parsed *out) {
    const jline_value *table = dump_need(o, "table");
    change *record = &out->record;
    if (table == NULL) return false;
    out->kind = DUMP_RECORD;
    record->table = table_named(table);
    switch (record->table) {
    case CHANGE_SUBJECTS: return read_subject(o, record);
    case CHANGE_RECORDS: return read_item(o, record);
    case CHANGE_ACCOUNTS: return read_account(o, record);
    case CHANGE_OPERATIONS: return read_operation(o, record);
    case CHANGE_POLICIES: return read_policies(o, record);
    case CHANGE_MEMBERS:
    case CHANGE_STATE: return read_bytes(o, record);
    case CHANGE_ALERTS: return read_alert(o, record);
    case CHANGE_HISTORY: return read_event(o, out);
    case CHANGE_TABLE_END: break;
    }
    return dump_wrong(o->p, "field 'table' names no table");
}

static bool read_head(dump_object *o, dump_parsed *out, bool *foreign) {
    dump_parser *p = o->p;
    uint64_t format, time_ms;
    size_t length;
    out->kind = DUMP_HEAD;
    if (!dump_need_u64(o, "format", 1, UINT32_MAX, &format)) return false;
    *foreign = format != DUMP_FORMAT;
    if (*foreign) return dump_wrong(p, "format %u is not known to this program", (unsigned)format);
    if (!dump_need_u64(o, "sequence", 0, UINT64_MAX, &out->head.sequence)) return false;
    if (!dump_need_u64(o, "time_ms", 0, INT64_MAX, &time_ms)) return false;
    out->head.time_ms = (int64_t)time_ms;
    buf_clear(&p->text);
    if (!need_bytes(o, "cluster", "", &length)) return false;
    if (length < 1 || length > LIMIT_NAME_MAX || memchr(p->text.data, 0, length) != NULL)
        return dump_wrong(p, "field 'cluster' is not a name");
    memcpy(out->head.cluster, p->text.data, length);
    return true;
}

static bool read_end(dump_object *o, dump_parsed *out) {
    const jline_value *lines = dump_need(o, "lines"), *sum = dump_need(o, "xxh3");
    dump_object tables;
    uint8_t bytes[8];
    out->kind = DUMP_END;
    if (lines == NULL || sum == NULL || !dump_open(o->p, lines, &tables)) return false;
    for (unsigned table = 1; table < CHANGE_TABLE_END; table++)
        if (!dump_need_u64(&tables, change_table_name(table), 0, UINT64_MAX, &out->end.lines[table])) return false;
    if (!jline_hex(sum, bytes, sizeof bytes)) return dump_wrong(o->p, "field 'xxh3' is not 16 hexadecimal digits");
    for (size_t i = 0; i < sizeof bytes; i++) out->end.sum = out->end.sum << 8 | bytes[i];
    return dump_nothing_left(&tables);
}

status dump_parse(dump_parser *p, const char *text, size_t length, dump_parsed *out) {
    dump_object o;
    jline_value whole;
    bool foreign = false, good;
    *out = (dump_parsed){0};
    p->problem[0] = '\0';
    buf_clear(&p->value);
    buf_clear(&p->text);
    if (!jline_read(text, length, &whole)) {
        dump_wrong(p, "not JSON: cut off, or damaged");
        return STATUS_CORRUPT;
    }
    good = dump_open(p, &whole, &o);
    if (good) {
        const jline_value *ours = dump_take(&o, "xinyi");
        if (ours == NULL)
            good = read_record(&o, out);
        else if (jline_is(ours, "dump"))
            good = read_head(&o, out, &foreign);
        else
            good = jline_is(ours, "end") ? read_end(&o, out) : dump_wrong(p, "field 'xinyi' has no such value");
    }
    good = good && dump_nothing_left(&o);
    if (p->value.failed || p->text.failed) return STATUS_NO_MEMORY;
    if (!good) return foreign ? STATUS_UNSUPPORTED_VERSION : STATUS_CORRUPT;
    out->record.key = p->key;
    out->record.value = p->value.data;
    out->record.value_length = p->value.size;
    return STATUS_OK;
}

void dump_parser_init(dump_parser *p, uint64_t seed) { *p = (dump_parser){.seed = seed}; }

void dump_parser_deinit(dump_parser *p) {
    buf_deinit(&p->value);
    buf_deinit(&p->text);
}
