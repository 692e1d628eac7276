/* Everything here is generated from PROFILE_FIELDS: the table that names and describes fields for people, policies and
 * CSV, and — where speed matters: decode at recovery, merge at import — unrolled code with the constants of each row
 * folded in. A field's domain is stated once, in raw_in_domain.
 *
 * Invariant: a profile made by init, set, merge and decode has every field within its domain, and no bit of roles and
 * flags that no field owns. */
#include "base/profile.h"

#include "base/clock.h"
#include "base/le.h"

#include <stdio.h>
#include <strings.h>

static const char *const form_names[] = {
    "unknown",
    "person",
    "enterprise",
    "individual_business",
    "cooperative",
    "public_institution",
    "government",
    "association",
    "private_nonenterprise",
    "foundation",
    "law_firm",
    "village_collective",
    "other",
};
static const char *const public_names[] = {"unrated", "差", "中", "良", "优"};
static const char *const public_aliases[] = {"unrated", "poor", "fair", "good", "excellent"};
static const char *const market_names[] = {"unrated", "C", "B", "A", "AA", "AAA"};
static const char *const tax_names[] = {"unrated", "D", "C", "B", "A", "M"};

#define COUNT(array) (sizeof(array) / sizeof *(array))
static_assert(COUNT(form_names) == FORM_OTHER + 1, "a name for each form");
static_assert(COUNT(public_names) == PUBLIC_EXCELLENT + 1 && COUNT(public_aliases) == COUNT(public_names),
              "public grades");
static_assert(COUNT(market_names) == MARKET_AAA + 1 && COUNT(tax_names) == TAX_M + 1, "market and tax grades");

#define NAMES_OF(number)                                                                                               \
    ((number) == FIELD_form                                                ? form_names                                \
     : (number) == FIELD_public_grade                                      ? public_names                              \
     : (number) == FIELD_tax_grade                                         ? tax_names                                 \
     : (number) == FIELD_market_grade || (number) == FIELD_composite_grade ? market_names                              \
                                                                           : NULL)
#define HAS_MISSING(type) ((type) != PROFILE_NUMBER && (type) != PROFILE_HUNDREDTHS && (type) != PROFILE_FLAG)
#define MISSING_OF(type) ((type) == PROFILE_SCORE ? PROFILE_UNRATED : 0u)

static const profile_field fields[PROFILE_FIELD_COUNT] = {
#define X(number_, name_, member_, type_, bit_, min_, max_, writable_, ordered_, title_)                               \
    [number_] = {.number = (number_),                                                                                  \
                 .type = (type_),                                                                                      \
                 .offset = offsetof(profile, member_),                                                                 \
                 .width = sizeof((profile *)0)->member_,                                                               \
                 .bit = (bit_),                                                                                        \
                 .min = (min_),                                                                                        \
                 .max = (max_),                                                                                        \
                 .writable = (writable_),                                                                              \
                 .ordered = (ordered_),                                                                                \
                 .name = #name_,                                                                                       \
                 .title = (title_),                                                                                    \
                 .names = NAMES_OF(number_),                                                                           \
                 .missing = MISSING_OF(type_),                                                                         \
                 .has_missing = HAS_MISSING(type_)},
    PROFILE_FIELDS(X)
#undef X
};

/* The bits of roles and flags that a field owns. */
#define X(number, name, member, type, bit, min, max, writable, ordered, title)                                         \
    | (offsetof(profile, member) == offsetof(profile, roles) ? (uint32_t)(bit) : 0u)
static const uint32_t role_bits = 0u PROFILE_FIELDS(X);
#undef X
#define X(number, name, member, type, bit, min, max, writable, ordered, title)                                         \
    | (offsetof(profile, member) == offsetof(profile, flags) ? (uint32_t)(bit) : 0u)
static const uint32_t flag_bits = 0u PROFILE_FIELDS(X);
#undef X

/* ------------------------------------------------------------------ fields */

const profile_field *profile_field_at(unsigned number) { return number < PROFILE_FIELD_COUNT ? &fields[number] : NULL; }

const profile_field *profile_field_find(const char *name, size_t length) {
    for (size_t i = 0; i < PROFILE_FIELD_COUNT; i++)
        if (strlen(fields[i].name) == length && memcmp(fields[i].name, name, length) == 0) return &fields[i];
    return NULL;
}

uint64_t profile_writable_mask(void) {
    uint64_t mask = 0;
    for (size_t i = 0; i < PROFILE_FIELD_COUNT; i++) mask |= (uint64_t)fields[i].writable << i;
    return mask;
}

/* ------------------------------------------------------------------ values */

/* Is a stored value, missing included, within the domain of a type? Flags are judged by their owned bits instead. */
static inline bool raw_in_domain(profile_type type, int64_t raw, int64_t min, int64_t max) {
    switch (type) {
    case PROFILE_FLAG: return true;
    case PROFILE_SCORE: return (raw >= min && raw <= max) || raw == (int64_t)PROFILE_UNRATED;
    case PROFILE_SECTOR: return raw == 0 || (raw >= 100 && raw <= max); /* a letter, then two digits */
    case PROFILE_NUMBER:
    case PROFILE_HUNDREDTHS:
    case PROFILE_ENUM:
    case PROFILE_DAY:
    case PROFILE_DIVISION: break;
    }
    return raw >= min && raw <= max;
}

static uint32_t raw_load(const profile *p, const profile_field *field) {
    const uint8_t *at = (const uint8_t *)p + field->offset;
    uint16_t half;
    uint32_t word;
    switch (field->width) {
    case 1: return *at;
    case 2: memcpy(&half, at, sizeof half); return half;
    default: memcpy(&word, at, sizeof word); return word;
    }
}

static void raw_store(profile *p, const profile_field *field, uint32_t raw) {
    uint8_t *at = (uint8_t *)p + field->offset;
    uint16_t half = (uint16_t)raw;
    switch (field->width) {
    case 1: *at = (uint8_t)raw; break;
    case 2: memcpy(at, &half, sizeof half); break;
    default: memcpy(at, &raw, sizeof raw); break;
    }
}

int64_t profile_get(const profile *p, const profile_field *field) {
    uint32_t raw = raw_load(p, field);
    if (field->type == PROFILE_FLAG) return (raw & field->bit) != 0;
    return field->has_missing && raw == field->missing ? PROFILE_MISSING : (int64_t)raw;
}

status profile_set(profile *p, const profile_field *field, int64_t value) {
    if (value == PROFILE_MISSING)
        value = field->missing;
    else if (value < field->min || value > field->max)
        return STATUS_BAD_VALUE;
    if (!raw_in_domain((profile_type)field->type, value, field->min, field->max)) return STATUS_BAD_VALUE;
    if (field->type == PROFILE_FLAG) {
        uint32_t others = raw_load(p, field) & ~field->bit;
        raw_store(p, field, value != 0 ? others | field->bit : others);
    } else {
        raw_store(p, field, (uint32_t)value);
    }
    return STATUS_OK;
}

void profile_merge(profile *to, const profile *from, uint64_t mask) {
    uint32_t roles = 0, flags = 0; /* the bits to take over */
#define X(number, name, member, type, bit, min, max, writable, ordered, title)                                         \
    if ((type) == PROFILE_FLAG) {                                                                                      \
        uint32_t take = (mask >> (number)&1) != 0 ? (uint32_t)(bit) : 0u;                                              \
        if (offsetof(profile, member) == offsetof(profile, roles))                                                     \
            roles |= take;                                                                                             \
        else                                                                                                           \
            flags |= take;                                                                                             \
    } else if ((mask >> (number)&1) != 0) {                                                                            \
        to->member = from->member;                                                                                     \
    }
    PROFILE_FIELDS(X)
#undef X
    to->roles = (uint8_t)((to->roles & ~roles) | (from->roles & roles));
    to->flags = (to->flags & ~flags) | (from->flags & flags);
}

/* ------------------------------------------------------------------ text */

const char *profile_format_value(const profile_field *field, int64_t value, char buffer[PROFILE_VALUE_TEXT]) {
    buffer[0] = '\0';
    if (value == PROFILE_MISSING || (field->has_missing && value == (int64_t)field->missing)) return buffer;
    long long v = value;
    switch ((profile_type)field->type) {
    case PROFILE_NUMBER:
    case PROFILE_SCORE: break;
    case PROFILE_HUNDREDTHS:
        if (value < field->min || value > field->max) break;
        if (v % 100 == 0)
            snprintf(buffer, PROFILE_VALUE_TEXT, "%lld", v / 100);
        else if (v % 10 == 0)
            snprintf(buffer, PROFILE_VALUE_TEXT, "%lld.%lld", v / 100, v / 10 % 10);
        else
            snprintf(buffer, PROFILE_VALUE_TEXT, "%lld.%02lld", v / 100, v % 100);
        return buffer;
    case PROFILE_ENUM:
        if (value < field->min || value > field->max) break;
        snprintf(buffer, PROFILE_VALUE_TEXT, "%s", field->names[value]);
        return buffer;
    case PROFILE_FLAG: snprintf(buffer, PROFILE_VALUE_TEXT, "%s", value != 0 ? "true" : "false"); return buffer;
    case PROFILE_DAY:
        if (value < field->min || value > field->max) break;
        char date[CLOCK_DATE_TEXT];
        snprintf(buffer, PROFILE_VALUE_TEXT, "%s", clock_format_day((int32_t)value, date));
        return buffer;
    case PROFILE_DIVISION: snprintf(buffer, PROFILE_VALUE_TEXT, "%06lld", v); return buffer;
    case PROFILE_SECTOR:
        if (!raw_in_domain(PROFILE_SECTOR, value, field->min, field->max)) break;
        if (v % 100 == 0)
            snprintf(buffer, PROFILE_VALUE_TEXT, "%c", (char)('A' + v / 100 - 1));
        else
            snprintf(buffer, PROFILE_VALUE_TEXT, "%c%02lld", (char)('A' + v / 100 - 1), v % 100);
        return buffer;
    }
    snprintf(buffer, PROFILE_VALUE_TEXT, "%lld", v);
    return buffer;
}

/* Case matters in no name: they are ASCII or Chinese. */
static bool same_word(const char *text, size_t length, const char *word) {
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* Decimal digits only: no sign, no blanks. Nothing near the largest int64 is ever in a domain. */
static bool parse_digits(const char *text, size_t length, int64_t *value) {
    int64_t v = 0;
    if (length == 0) return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || v > INT64_MAX / 10 - 1) return false;
        v = v * 10 + (text[i] - '0');
    }
    *value = v;
    return true;
}

static bool parse_hundredths(const char *text, size_t length, int64_t *value) {
    const char *point = memchr(text, '.', length);
    size_t whole = point != NULL ? (size_t)(point - text) : length;
    size_t decimals = point != NULL ? length - whole - 1 : 0;
    int64_t v, fraction = 0;
    if (!parse_digits(text, whole, &v) || v > UINT16_MAX) return false;
    if (point != NULL && (decimals > 2 || !parse_digits(point + 1, decimals, &fraction))) return false;
    *value = v * 100 + (decimals == 1 ? fraction * 10 : fraction);
    return true;
}

static bool parse_enum(const profile_field *field, const char *text, size_t length, int64_t *value) {
    for (int64_t i = 0; i <= field->max; i++) {
        bool alias = field->number == FIELD_public_grade && same_word(text, length, public_aliases[i]);
        if (!alias && !same_word(text, length, field->names[i])) continue;
        *value = i;
        return true;
    }
    return false;
}

static bool parse_flag(const char *text, size_t length, int64_t *value) {
    static const char *const yes[] = {"true", "1", "yes"}, *const no[] = {"false", "0", "no"};
    for (size_t i = 0; i < COUNT(yes); i++) {
        *value = same_word(text, length, yes[i]);
        if (*value == 1 || same_word(text, length, no[i])) return true;
    }
    return false;
}

/* "D" or "D44"; a division 00 is not written. */
static bool parse_sector(const char *text, size_t length, int64_t *value) {
    if (length != 1 && length != 3) return false;
    int letter = text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' : text[0] - 'A';
    if (letter < 0 || letter > 25) return false;
    int64_t rest = 0;
    if (length == 3 && (!parse_digits(text + 1, 2, &rest) || rest == 0)) return false;
    *value = (letter + 1) * 100 + rest;
    return true;
}

static bool parse_typed(const profile_field *field, const char *text, size_t length, int64_t *value) {
    int32_t day;
    switch ((profile_type)field->type) {
    case PROFILE_NUMBER:
    case PROFILE_SCORE: return parse_digits(text, length, value);
    case PROFILE_HUNDREDTHS: return parse_hundredths(text, length, value);
    case PROFILE_ENUM: return parse_enum(field, text, length, value);
    case PROFILE_FLAG: return parse_flag(text, length, value);
    case PROFILE_DAY:
        if (!clock_parse_day(text, length, &day) || day == 0) return false; /* day 0 would mean "none" */
        *value = day;
        return true;
    case PROFILE_DIVISION: return length == 6 && parse_digits(text, length, value);
    case PROFILE_SECTOR: return parse_sector(text, length, value);
    }
    return false;
}

static bool is_missing_text(const profile_field *field, const char *text, size_t length) {
    if (length == 0 || (length == 1 && text[0] == '-')) return true;
    if (!field->has_missing || field->type == PROFILE_ENUM) return false; /* an enum's missing name is its name 0 */
    return same_word(text, length, field->type == PROFILE_SCORE ? "unrated" : "none");
}

status profile_parse_value(const profile_field *field, const char *text, size_t length, int64_t *value) {
    int64_t v;
    if (is_missing_text(field, text, length)) {
        *value = PROFILE_MISSING;
        return STATUS_OK;
    }
    if (!parse_typed(field, text, length, &v) || v < field->min || v > field->max) return STATUS_BAD_VALUE;
    *value = field->has_missing && v == (int64_t)field->missing ? PROFILE_MISSING : v;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the 64 bytes */

void profile_init(profile *p, const subject_id *id) {
    *p = (profile){.id = *id, .public_score = PROFILE_UNRATED, .composite_score = PROFILE_UNRATED};
    for (int i = 0; i < PROFILE_SLOTS; i++) p->slots[i] = PROFILE_UNRATED;
    if (subject_kind_of(id) == SUBJECT_PERSON) p->form = FORM_PERSON;
}

bool profile_form_fits(const profile *p) {
    return (subject_kind_of(&p->id) == SUBJECT_PERSON) == (p->form == FORM_PERSON);
}

#define PROFILE_MEMBERS(X)                                                                                             \
    X(32, seq)                                                                                                         \
    X(32, division)                                                                                                    \
    X(16, sector)                                                                                                      \
    X(8, form)                                                                                                         \
    X(8, roles)                                                                                                        \
    X(32, flags)                                                                                                       \
    X(16, public_score)                                                                                                \
    X(8, public_grade)                                                                                                 \
    X(8, market_grade)                                                                                                 \
    X(8, tax_grade)                                                                                                    \
    X(8, composite_grade)                                                                                              \
    X(16, composite_score)                                                                                             \
    X(32, volunteer_minutes)                                                                                           \
    X(16, negative_points)                                                                                             \
    X(16, positive_points)                                                                                             \
    X(8, open_commitments)                                                                                             \
    X(8, broken_commitments)                                                                                           \
    X(16, since_day)                                                                                                   \
    X(16, change_day)                                                                                                  \
    X(16, data_day)                                                                                                    \
    X(32, side)                                                                                                        \
    X(16, slots[0])                                                                                                    \
    X(16, slots[1])                                                                                                    \
    X(16, slots[2])                                                                                                    \
    X(16, slots[3])

void profile_encode(const profile *p, uint8_t to[PROFILE_SIZE]) {
    profile clean = *p;
    clean.seq &= ~1u;
    clean.side = 0;
    memcpy(to, clean.id.bytes, sizeof clean.id);
#define X(bits, member) le_put##bits(to + offsetof(profile, member), clean.member);
    PROFILE_MEMBERS(X)
#undef X
}

/* PROFILE_FIELD_COUNT if all is well or if what is wrong is no field: id, version, side. */
static unsigned first_bad_field(const profile *p) {
#define X(number, name, member, type, bit, min, max, writable, ordered, title)                                         \
    if (!raw_in_domain(type, (int64_t)p->member, min, max)) return (number);
    PROFILE_FIELDS(X)
#undef X
    if ((p->roles & ~role_bits) != 0) return FIELD_retailer;
    if ((p->flags & ~flag_bits) != 0) return FIELD_red_list;
    return PROFILE_FIELD_COUNT;
}

status profile_decode(const uint8_t from[PROFILE_SIZE], profile *p, unsigned *field) {
    profile got;
    memcpy(got.id.bytes, from, sizeof got.id);
#define X(bits, member) got.member = le_get##bits(from + offsetof(profile, member));
    PROFILE_MEMBERS(X)
#undef X
    unsigned bad = first_bad_field(&got);
    if (field != NULL) *field = bad;
    if (!subject_is_valid(&got.id)) {
        if (field != NULL) *field = PROFILE_FIELD_COUNT;
        return STATUS_BAD_SUBJECT;
    }
    if (bad != PROFILE_FIELD_COUNT || (got.seq & 1) != 0 || got.side != 0) return STATUS_BAD_VALUE;
    *p = got;
    return STATUS_OK;
}
