/* Taking things out of a line: each function asks for one field by its name and says what is wrong with it. An image is
 * put together along its table of fields. */
#include "engine/dump_internal.h"

#include "base/le.h"
#include "base/profile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool dump_wrong(dump_parser *p, const char *format, ...) {
    if (p->problem[0] != '\0') return false;
    va_list args;
    va_start(args, format);
    vsnprintf(p->problem, sizeof p->problem, format, args);
    va_end(args);
    return false;
}

bool dump_open(dump_parser *p, const jline_value *v, dump_object *o) {
    o->p = p;
    if (jline_members(v, o->members, &o->count)) return true;
    return dump_wrong(p, "not a JSON object with at most %d fields, each once", JLINE_MEMBERS_MAX);
}

const jline_value *dump_take_two(dump_object *o, const char *name, const char *suffix) {
    size_t n = strlen(name), more = strlen(suffix);
    for (size_t i = 0; i < o->count; i++) {
        jline_member *m = &o->members[i];
        if (m->key_length != n + more || memcmp(m->key, name, n) != 0 || memcmp(m->key + n, suffix, more) != 0)
            continue;
        m->used = true;
        return &m->value;
    }
    return NULL;
}

const jline_value *dump_take(dump_object *o, const char *name) { return dump_take_two(o, name, ""); }

const jline_value *dump_need(dump_object *o, const char *name) {
    const jline_value *v = dump_take(o, name);
    if (v == NULL) dump_wrong(o->p, "field '%s' is not there", name);
    return v;
}

bool dump_need_u64(dump_object *o, const char *name, uint64_t min, uint64_t max, uint64_t *out) {
    const jline_value *v = dump_need(o, name);
    if (v == NULL) return false;
    if (jline_u64(v, max, out) && *out >= min) return true;
    return dump_wrong(o->p, "field '%s' is not an integer from %llu to %llu", name, (unsigned long long)min,
                      (unsigned long long)max);
}

bool dump_need_version(dump_object *o, unsigned min, unsigned max, uint8_t *out) {
    uint64_t v;
    if (!dump_need_u64(o, "v", 0, UINT8_MAX, &v)) return false;
    *out = (uint8_t)v;
    return (v >= min && v <= max) ||
           dump_wrong(o->p, "field 'v': form %u of such a record is not known to this program", (unsigned)v);
}

bool dump_nothing_left(const dump_object *o) {
    for (size_t i = 0; i < o->count; i++)
        if (!o->members[i].used)
            return dump_wrong(o->p, "unknown field '%.*s'",
                              (int)(o->members[i].key_length < 64 ? o->members[i].key_length : 64), o->members[i].key);
    return true;
}

static bool parse_subject(dump_parser *p, const char *name, const jline_value *v, subject_id *out) {
    if (v->type == JLINE_TEXT && !subject_verdict_is_error(subject_parse(v->at, v->length, INT32_MAX, out).verdict))
        return true;
    return dump_wrong(p, "field '%s' is not a subject id (id:… or uscc:…)", name);
}

bool dump_need_subject(dump_object *o, subject_id *out) {
    const jline_value *v = dump_need(o, "subject");
    return v != NULL && parse_subject(o->p, "subject", v, out);
}

/* ------------------------------------------------------------------ images */

static bool parse_number(dump_parser *p, const layout_field *f, const jline_value *v, uint64_t max, uint8_t *at) {
    uint64_t number;
    if (!jline_u64(v, max, &number))
        return dump_wrong(p, "field '%s' is not an integer from 0 to %llu", f->name, (unsigned long long)max);
    if (f->type == LAYOUT_VERSION) number <<= 1;
    for (size_t i = 0; i < f->size; i++) at[i] = (uint8_t)(number >> (8 * i));
    return true;
}

static bool parse_day(dump_parser *p, const layout_field *f, const jline_value *v, uint8_t *at) {
    int64_t day;
    if (v->type != JLINE_TEXT ||
        profile_parse_value(profile_field_at(FIELD_data_day), v->at, v->length, &day) != STATUS_OK ||
        day == PROFILE_MISSING)
        return dump_wrong(p, "field '%s' is not a day (YYYY-MM-DD, from 1970-01-02 on)", f->name);
    le_put16(at, (uint16_t)day);
    return true;
}

static bool parse_name(dump_parser *p, const layout_field *f, const jline_value *v, uint8_t *at) {
    for (unsigned n = 0; v->type == JLINE_TEXT && n < 1024 && (f->size > 1 || n <= UINT8_MAX); n++) {
        const char *name = f->names(n);
        if (name == NULL || !jline_is(v, name)) continue;
        for (size_t i = 0; i < f->size; i++) at[i] = (uint8_t)(n >> (8 * i));
        return true;
    }
    return dump_wrong(p, "field '%s' has no such value", f->name);
}

static bool parse_text(dump_parser *p, const layout_field *f, const jline_value *v, uint8_t *at) {
    buf_clear(&p->text);
    if (!jline_text(v, &p->text) || p->text.size == 0 || p->text.size > f->size ||
        memchr(p->text.data, 0, p->text.size) != NULL)
        return dump_wrong(p, "field '%s' is not a text of 1 to %u bytes", f->name, f->size);
    memcpy(at, p->text.data, p->text.size);
    return true;
}

static bool parse_field(dump_parser *p, const layout_field *f, const jline_value *v, uint8_t *at) {
    int64_t number;
    subject_id id;
    switch ((layout_type)f->type) {
    case LAYOUT_U8: return parse_number(p, f, v, UINT8_MAX, at);
    case LAYOUT_U16: return parse_number(p, f, v, UINT16_MAX, at);
    case LAYOUT_U32: return parse_number(p, f, v, UINT32_MAX, at);
    case LAYOUT_U64: return parse_number(p, f, v, UINT64_MAX, at);
    case LAYOUT_VERSION: return parse_number(p, f, v, UINT32_MAX >> 1, at);
    case LAYOUT_I64:
        if (!jline_i64(v, &number)) return dump_wrong(p, "field '%s' is not a 64-bit integer", f->name);
        le_put64(at, (uint64_t)number);
        return true;
    case LAYOUT_DAY: return parse_day(p, f, v, at);
    case LAYOUT_NAMED: return parse_name(p, f, v, at);
    case LAYOUT_HEX:
        return jline_hex(v, at, f->size) ||
               dump_wrong(p, "field '%s' is not %u hexadecimal digits", f->name, 2u * f->size);
    case LAYOUT_TEXT: return parse_text(p, f, v, at);
    case LAYOUT_SUBJECT:
        if (!parse_subject(p, f->name, v, &id)) return false;
        memcpy(at, &id, sizeof id);
        return true;
    case LAYOUT_ZERO:
    case LAYOUT_OTHER: break;
    }
    return false;
}

static bool take_field(dump_object *o, const layout_field *f, uint8_t *image) {
    const jline_value *v = dump_take(o, f->name);
    if (f->type == LAYOUT_TEXT) {
        const jline_value *hex = dump_take_two(o, f->name, "_hex");
        if (hex != NULL && v != NULL) return dump_wrong(o->p, "field '%s' is there twice, once as _hex", f->name);
        if (hex != NULL)
            return jline_hex(hex, image + f->offset, f->size) ||
                   dump_wrong(o->p, "field '%s_hex' is not %u hexadecimal digits", f->name, 2u * f->size);
    }
    return v == NULL || parse_field(o->p, f, v, image + f->offset);
}

/* The kind first: it says what else there may be. */
bool dump_take_image(dump_object *o, const layout *l, uint8_t *image) {
    memset(image, 0, l->size);
    for (size_t i = 0; l->kind_at >= 0 && i < l->count; i++) {
        const layout_field *f = &l->fields[i];
        if (f->offset != l->kind_at || f->type != LAYOUT_NAMED) continue;
        const jline_value *v = dump_need(o, f->name);
        if (v == NULL || !parse_name(o->p, f, v, image + f->offset)) return false;
    }
    unsigned kind = l->kind_at >= 0 ? image[l->kind_at] : 0;
    for (size_t i = 0; i < l->count; i++) {
        const layout_field *f = &l->fields[i];
        if (f->name != NULL && layout_has(f, kind) && f->offset != l->kind_at && !take_field(o, f, image)) return false;
    }
    return true;
}
