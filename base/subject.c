/* Ids are exact: parsing keeps every digit but the check character, which is a function of the rest. Checks go from
 * form to meaning — length, characters, check character, then date or category — so that a mistyped digit is reported
 * as such and not as an absurd date.
 *
 * A USCC's 17 characters need 85 bits. They are handled as 5 + 12 base-31 digits (25 and 60 bits), so that only one
 * 128-bit division is ever made. Everything costs some tens of nanoseconds; nothing allocates.
 *
 * Sources: GB 11643-1999, GB 32100-2015; permits 81/82/83 and, from December 2023, foreign permanent residents (first
 * digit 9, two digits province, three digits country) have the form and the check of a resident ID. */
#include "base/subject.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/division.h"

#include <stdio.h>

#define PERSON_DIGITS 17
#define PERSON_END UINT64_C(100000000000000000) /* 10^17 */
#define ENTITY_BASE 31u
#define ENTITY_LOW 12                               /* characters in the lower part */
#define ENTITY_LOW_END UINT64_C(787662783788549761) /* 31^12 */
#define ENTITY_HIGH_END UINT64_C(28629151)          /* 31^5 */
#define BIRTH_AT 6                                  /* 0-based place of the birth date in a resident ID */

static const char uscc_alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/* Value of a USCC character, -1 outside the alphabet (which leaves out I O S V Z). */
static int uscc_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    static const int8_t letter[26] = {10, 11, 12, 13, 14, 15, 16, 17, -1, 18, 19, 20, 21,
                                      22, -1, 23, 24, 25, -1, 26, 27, -1, 28, 29, 30, -1};
    return c >= 'A' && c <= 'Z' ? letter[c - 'A'] : -1;
}

static char person_check(const uint8_t digits[PERSON_DIGITS]) {
    static const uint8_t weight[PERSON_DIGITS] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (int i = 0; i < PERSON_DIGITS; i++) sum += digits[i] * weight[i];
    return "10X98765432"[sum % 11];
}

static char entity_check(const uint8_t values[17]) {
    static const uint8_t weight[17] = {1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28};
    unsigned sum = 0;
    for (int i = 0; i < 17; i++) sum += values[i] * weight[i];
    return uscc_alphabet[(ENTITY_BASE - sum % ENTITY_BASE) % ENTITY_BASE];
}

/* ------------------------------------------------------------------ the 11 bytes */

static void number_store(subject_id *id, subject_kind kind, uint32_t top, uint64_t low) {
    id->bytes[0] = (uint8_t)kind;
    for (int i = 0; i < 3; i++) id->bytes[1 + i] = (uint8_t)(top >> (16 - 8 * i));
    for (int i = 0; i < 8; i++) id->bytes[4 + i] = (uint8_t)(low >> (56 - 8 * i));
}

static void number_load(const subject_id *id, uint32_t *top, uint64_t *low) {
    *top = (uint32_t)id->bytes[1] << 16 | (uint32_t)id->bytes[2] << 8 | id->bytes[3];
    *low = 0;
    for (int i = 4; i < 12; i++) *low = *low << 8 | id->bytes[i];
}

/* Splits an entity's number; false if it is not below 31^17. */
static bool entity_split(const subject_id *id, uint32_t *high5, uint64_t *low12) {
    uint32_t top;
    uint64_t low;
    number_load(id, &top, &low);
    unsigned __int128 number = (unsigned __int128)top << 64 | low;
    unsigned __int128 high = number / ENTITY_LOW_END;
    if (high >= ENTITY_HIGH_END) return false;
    *high5 = (uint32_t)high;
    *low12 = (uint64_t)(number - high * ENTITY_LOW_END);
    return true;
}

static void entity_values(uint32_t high5, uint64_t low12, uint8_t values[17]) {
    for (int i = 16; i >= 5; i--, low12 /= ENTITY_BASE) values[i] = (uint8_t)(low12 % ENTITY_BASE);
    for (int i = 4; i >= 0; i--, high5 /= ENTITY_BASE) values[i] = (uint8_t)(high5 % ENTITY_BASE);
}

/* ------------------------------------------------------------------ what parse and is_valid both demand */

static bool birth_date(uint64_t number, int *year, int *month, int *day) {
    unsigned date = (unsigned)(number / 1000 % 100000000);
    *year = (int)(date / 10000);
    *month = (int)(date / 100 % 100);
    *day = (int)(date % 100);
    return clock_date_exists(*year, *month, *day);
}

/* The registering authorities of GB 32100: 1–9, A (military), N (agriculture), Y (other). Categories are numbered from
 * 1 within each; which ones exist changes, so only 0 is refused. */
static bool category_in_use(unsigned authority, unsigned category) {
    bool known = (authority >= 1 && authority <= 9) || uscc_alphabet[authority] == 'A' ||
                 uscc_alphabet[authority] == 'N' || uscc_alphabet[authority] == 'Y';
    return known && category != 0;
}

bool subject_is_valid(const subject_id *id) {
    if (id->bytes[0] == SUBJECT_PERSON) {
        uint32_t top;
        uint64_t number;
        int y, m, d;
        number_load(id, &top, &number);
        return top == 0 && number < PERSON_END && birth_date(number, &y, &m, &d);
    }
    if (id->bytes[0] != SUBJECT_ENTITY) return false;
    uint32_t high;
    uint64_t low;
    if (!entity_split(id, &high, &low)) return false;
    unsigned tail = (unsigned)(low / UINT64_C(26439622160671)); /* 31^9: characters 6–8 are left */
    for (int i = 0; i < 3; i++, tail /= ENTITY_BASE)
        if (tail % ENTITY_BASE > 9) return false;
    for (int i = 0; i < 3; i++, high /= ENTITY_BASE)
        if (high % ENTITY_BASE > 9) return false;
    return category_in_use(high / ENTITY_BASE, high % ENTITY_BASE);
}

/* ------------------------------------------------------------------ divisions */

/* The first two digits of GB/T 2260 codes, with 81–83 for the permits of Hong Kong, Macau and Taiwan residents. */
static bool province_exists(uint32_t province) {
    static const uint8_t known[] = {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43,
                                    44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83};
    return memchr(known, (int)province, sizeof known) != NULL;
}

/* The table holds one province. Of a code elsewhere only the province can be judged. */
static subject_verdict division_verdict(subject_kind kind, uint32_t code) {
    if (kind == SUBJECT_ENTITY && code == 100000) return SUBJECT_VALID; /* the central registrar */
    if (code / 10000 != 53) return province_exists(code / 10000) ? SUBJECT_VALID : SUBJECT_WARN_DIVISION;
    const division *found = division_find(code);
    if (found == NULL) return SUBJECT_WARN_DIVISION;
    return found->retired ? SUBJECT_WARN_RETIRED : SUBJECT_VALID;
}

/* A foreign permanent resident's number has no county: 9, province, country. */
static uint32_t person_division(uint64_t number) {
    uint32_t code = (uint32_t)(number / UINT64_C(100000000000));
    return code < 900000 ? code : code / 1000 % 100 * 10000;
}

uint32_t subject_division(const subject_id *id) {
    if (subject_kind_of(id) == SUBJECT_PERSON) {
        uint32_t top;
        uint64_t number;
        number_load(id, &top, &number);
        return person_division(number);
    }
    uint32_t high, code = 0;
    uint64_t low;
    if (subject_kind_of(id) != SUBJECT_ENTITY || !entity_split(id, &high, &low)) return 0;
    uint8_t values[17];
    entity_values(high, low, values);
    for (int i = 2; i < 8; i++) code = code * 10 + values[i];
    return code;
}

bool subject_birth_day(const subject_id *id, int32_t *day) {
    if (subject_kind_of(id) != SUBJECT_PERSON) return false;
    uint32_t top;
    uint64_t number;
    int y, m, d;
    number_load(id, &top, &number);
    if (!birth_date(number, &y, &m, &d)) return false;
    *day = clock_day_from_date(y, m, d);
    return true;
}

/* ------------------------------------------------------------------ parsing */

static subject_finding finding_of(subject_kind kind, subject_verdict verdict, unsigned position, char expected) {
    return (subject_finding){.verdict = verdict, .kind = kind, .position = position, .expected = expected};
}

static subject_finding parse_person(const char *text, size_t length, int32_t today, subject_id *out) {
    const subject_kind kind = SUBJECT_PERSON;
    if (length != 18 && length != 15) return finding_of(kind, SUBJECT_BAD_LENGTH, 0, 0);
    uint8_t digits[PERSON_DIGITS];
    size_t n = 0;
    for (size_t i = 0; i < length && i < PERSON_DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') return finding_of(kind, SUBJECT_BAD_CHAR, (unsigned)i + 1, 0);
        if (length == 15 && n == BIRTH_AT) {
            digits[n++] = 1;
            digits[n++] = 9;
        }
        digits[n++] = (uint8_t)(text[i] - '0');
    }
    if (length == 18) {
        char check = text[17] == 'x' ? 'X' : text[17];
        if (check != 'X' && (check < '0' || check > '9')) return finding_of(kind, SUBJECT_BAD_CHAR, 18, 0);
        char expected = person_check(digits);
        if (check != expected) return finding_of(kind, SUBJECT_BAD_CHECK, 18, expected);
    }
    uint64_t number = 0;
    for (int i = 0; i < PERSON_DIGITS; i++) number = number * 10 + digits[i];
    int y, m, d;
    if (!birth_date(number, &y, &m, &d)) return finding_of(kind, SUBJECT_BAD_DATE, BIRTH_AT + 1, 0);
    if (clock_day_from_date(y, m, d) > today) return finding_of(kind, SUBJECT_FUTURE_DATE, BIRTH_AT + 1, 0);
    number_store(out, kind, 0, number);
    subject_verdict verdict = division_verdict(kind, person_division(number));
    return finding_of(kind, verdict, verdict == SUBJECT_VALID ? 0 : 1, 0);
}

static subject_finding parse_entity(const char *text, size_t length, subject_id *out) {
    const subject_kind kind = SUBJECT_ENTITY;
    if (length != 18) return finding_of(kind, SUBJECT_BAD_LENGTH, 0, 0);
    uint8_t values[18];
    for (unsigned i = 0; i < 18; i++) {
        int value = uscc_value(text[i]);
        if (value < 0 || (i >= 2 && i < 8 && value > 9)) return finding_of(kind, SUBJECT_BAD_CHAR, i + 1, 0);
        values[i] = (uint8_t)value;
    }
    char expected = entity_check(values);
    if (uscc_alphabet[values[17]] != expected) return finding_of(kind, SUBJECT_BAD_CHECK, 18, expected);
    if (!category_in_use(values[0], values[1])) return finding_of(kind, SUBJECT_BAD_CATEGORY, 1, 0);
    uint64_t high = 0, low = 0;
    uint32_t code = 0;
    for (int i = 0; i < 17 - ENTITY_LOW; i++) high = high * ENTITY_BASE + values[i];
    for (int i = 17 - ENTITY_LOW; i < 17; i++) low = low * ENTITY_BASE + values[i];
    for (int i = 2; i < 8; i++) code = code * 10 + values[i];
    unsigned __int128 number = (unsigned __int128)high * ENTITY_LOW_END + low;
    number_store(out, kind, (uint32_t)(number >> 64), (uint64_t)number);
    subject_verdict verdict = division_verdict(kind, code);
    return finding_of(kind, verdict, verdict == SUBJECT_VALID ? 0 : 3, 0);
}

subject_finding subject_parse_number(subject_kind kind, const char *text, size_t length, int32_t today,
                                     subject_id *out) {
    if (kind == SUBJECT_PERSON) return parse_person(text, length, today, out);
    if (kind == SUBJECT_ENTITY) return parse_entity(text, length, out);
    return finding_of(SUBJECT_NONE, SUBJECT_BAD_PREFIX, 0, 0);
}

/* The kind that a prefix names and the length of the prefix, 0 if there is none. */
static size_t prefix_of(const char *text, size_t length, subject_kind *kind) {
    static const struct {
        const char *name;
        size_t length;
        subject_kind kind;
    } prefixes[] = {{"id:", 3, SUBJECT_PERSON}, {"uscc:", 5, SUBJECT_ENTITY}};
    for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
        if (length < prefixes[p].length) continue;
        size_t i = 0;
        while (i < prefixes[p].length &&
               (text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]) == prefixes[p].name[i])
            i++;
        if (i < prefixes[p].length) continue;
        *kind = prefixes[p].kind;
        return i;
    }
    return 0;
}

subject_finding subject_parse(const char *text, size_t length, int32_t today, subject_id *out) {
    subject_kind kind = SUBJECT_NONE;
    size_t skip = prefix_of(text, length, &kind);
    return subject_parse_number(kind, text + skip, length - skip, today, out);
}

/* ------------------------------------------------------------------ formatting */

const char *subject_format_number(const subject_id *id, char buffer[SUBJECT_NUMBER_TEXT]) {
    uint8_t values[17];
    buffer[18] = '\0';
    if (subject_kind_of(id) == SUBJECT_PERSON) {
        uint32_t top;
        uint64_t number;
        number_load(id, &top, &number);
        CHECK(top == 0 && number < PERSON_END);
        for (int i = PERSON_DIGITS - 1; i >= 0; i--, number /= 10) values[i] = (uint8_t)(number % 10);
        for (int i = 0; i < PERSON_DIGITS; i++) buffer[i] = (char)('0' + values[i]);
        buffer[17] = person_check(values);
        return buffer;
    }
    uint32_t high;
    uint64_t low;
    CHECK(subject_kind_of(id) == SUBJECT_ENTITY && entity_split(id, &high, &low));
    entity_values(high, low, values);
    for (int i = 0; i < 17; i++) buffer[i] = uscc_alphabet[values[i]];
    buffer[17] = entity_check(values);
    return buffer;
}

const char *subject_format(const subject_id *id, char buffer[SUBJECT_TEXT]) {
    const char *prefix = subject_kind_of(id) == SUBJECT_PERSON ? "id:" : "uscc:";
    size_t skip = strlen(prefix);
    memcpy(buffer, prefix, skip);
    subject_format_number(id, buffer + skip);
    return buffer;
}

const char *subject_format_masked(const subject_id *id, char buffer[SUBJECT_TEXT]) {
    subject_format(id, buffer);
    char *number = strchr(buffer, ':') + 1;
    memset(number + 6, '*', 10);
    return buffer;
}

/* ------------------------------------------------------------------ explaining */

/* One character of the input as people can read it, whatever byte it is. */
static const char *show_char(const char *number, size_t length, unsigned position, char shown[8]) {
    unsigned char c = position >= 1 && position <= length ? (unsigned char)number[position - 1] : 0;
    if (c > ' ' && c < 0x7f)
        snprintf(shown, 8, "'%c'", c);
    else
        snprintf(shown, 8, "0x%02x", c);
    return shown;
}

static int explain_char(const subject_finding *f, const char *number, size_t length, char *buffer, size_t room) {
    char shown[8];
    show_char(number, length, f->position, shown);
    if (f->kind == SUBJECT_PERSON)
        return snprintf(buffer, room, "character %u is %s; %s", f->position, shown,
                        f->position == 18 ? "it must be a digit or X" : "it must be a digit");
    if (f->position >= 3 && f->position <= 8)
        return snprintf(buffer, room, "character %u is %s; characters 3 to 8 are a division and must be digits",
                        f->position, shown);
    static const char unused[] = "IOSVZiosvz", meant[] = "105U2105u2";
    const char *at = shown[0] == '\'' ? strchr(unused, shown[1]) : NULL;
    if (at != NULL)
        return snprintf(buffer, room,
                        "character %u is %s; the letters I, O, S, V and Z are not used: perhaps '%c' was meant",
                        f->position, shown, meant[at - unused]);
    return snprintf(buffer, room, "character %u is %s; it must be a digit or a letter other than I, O, S, V and Z",
                    f->position, shown);
}

/* The birth date as written, with the century that a 15-digit number leaves out. */
static void date_text(const char *number, size_t length, char date[12]) {
    int n = length == 15 ? snprintf(date, 12, "19%.2s-", number + BIRTH_AT)
                         : snprintf(date, 12, "%.4s-", length >= 14 ? number + BIRTH_AT : "????");
    const char *rest = length == 15 ? number + BIRTH_AT + 2 : length >= 14 ? number + BIRTH_AT + 4 : "????";
    snprintf(date + n, 12 - (size_t)n, "%.2s-%.2s", rest, rest + 2);
}

static int explain_division(const subject_finding *f, const char *number, size_t length, char *buffer, size_t room) {
    size_t at = f->kind == SUBJECT_ENTITY ? 2 : 0;
    uint32_t code = 0;
    for (size_t i = at; i < at + 6 && i < length && number[i] >= '0' && number[i] <= '9'; i++)
        code = code * 10 + (uint32_t)(number[i] - '0');
    if (f->kind == SUBJECT_PERSON && code >= 900000)
        return snprintf(buffer, room, "province %02u is not known (a warning: the number is valid all the same)",
                        code / 1000 % 100);
    const division *found = division_find(code);
    if (f->verdict == SUBJECT_WARN_RETIRED)
        return snprintf(buffer, room,
                        "division %06u%s%s was retired (a warning: numbers keep the division they were issued in)",
                        code, found != NULL ? " " : "", found != NULL ? found->name : "");
    return snprintf(buffer, room,
                    "division %06u is not known (a warning: numbers keep the division they were issued in)", code);
}

const char *subject_explain(const subject_finding *f, const char *text, char *buffer, size_t room) {
    if (room == 0) return buffer;
    if (text == NULL) text = "";
    subject_kind kind = SUBJECT_NONE;
    const char *number = text + prefix_of(text, strlen(text), &kind);
    size_t length = strlen(number), characters = 0;
    for (size_t i = 0; i < length; i++) characters += (number[i] & 0xc0) != 0x80; /* of UTF-8 */
    char shown[8], date[12];
    const char *what = f->kind == SUBJECT_PERSON ? "resident ID" : "unified social credit code";
    switch (f->verdict) {
    case SUBJECT_VALID: snprintf(buffer, room, "a valid %s", what); break;
    case SUBJECT_BAD_PREFIX:
        snprintf(buffer, room,
                 "the kind is missing: write id:NUMBER for a person's resident ID or permit, uscc:NUMBER "
                 "for a unified social credit code");
        break;
    case SUBJECT_BAD_LENGTH:
        snprintf(buffer, room, "a %s has 18 characters%s, this one has %zu", what,
                 f->kind == SUBJECT_PERSON ? " (or 15, before 1999)" : "", characters);
        break;
    case SUBJECT_BAD_CHAR: explain_char(f, number, length, buffer, room); break;
    case SUBJECT_BAD_CHECK:
        snprintf(buffer, room, "character %u should be '%c', not %s: a digit was mistyped or two were exchanged",
                 f->position, f->expected, show_char(number, length, f->position, shown));
        break;
    case SUBJECT_BAD_DATE:
        date_text(number, length, date);
        snprintf(buffer, room, "the birth date %s does not exist", date);
        break;
    case SUBJECT_FUTURE_DATE:
        date_text(number, length, date);
        snprintf(buffer, room, "the birth date %s is in the future", date);
        break;
    case SUBJECT_BAD_CATEGORY:
        snprintf(buffer, room,
                 "\"%.2s\" at the beginning is no registering authority and category in use (such as 91 for "
                 "an enterprise, 92 for an individual business)",
                 number);
        break;
    case SUBJECT_WARN_DIVISION:
    case SUBJECT_WARN_RETIRED: explain_division(f, number, length, buffer, room); break;
    }
    return buffer;
}
