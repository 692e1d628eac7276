/* Member by member, so neither side depends on the other's layout. */
#include "client/cli/convert.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define SAME_MEMBERS(X)                                                                                                \
    X(division)                                                                                                        \
    X(sector)                                                                                                          \
    X(form)                                                                                                            \
    X(roles)                                                                                                           \
    X(flags)                                                                                                           \
    X(public_score)                                                                                                    \
    X(public_grade)                                                                                                    \
    X(market_grade)                                                                                                    \
    X(tax_grade)                                                                                                       \
    X(composite_grade)                                                                                                 \
    X(composite_score)                                                                                                 \
    X(volunteer_minutes)                                                                                               \
    X(negative_points)                                                                                                 \
    X(positive_points)                                                                                                 \
    X(open_commitments)                                                                                                \
    X(broken_commitments)                                                                                              \
    X(since_day)                                                                                                       \
    X(change_day)                                                                                                      \
    X(data_day)

void convert_to_client(const profile *from, xinyi_profile *to) {
    memcpy(to->id.bytes, from->id.bytes, sizeof to->id.bytes);
    to->version = profile_version(from);
#define X(member) to->member = from->member;
    SAME_MEMBERS(X)
#undef X
    memcpy(to->slots, from->slots, sizeof to->slots);
}

void convert_from_client(const xinyi_profile *from, profile *to) {
    *to = (profile){.seq = from->version << 1};
    memcpy(to->id.bytes, from->id.bytes, sizeof to->id.bytes);
#define X(member) to->member = from->member;
    SAME_MEMBERS(X)
#undef X
    memcpy(to->slots, from->slots, sizeof to->slots);
}

static void append(char *buffer, const char *text) { strncat(buffer, text, CONVERT_DOMAIN_TEXT - strlen(buffer) - 1); }

const char *convert_domain(const profile_field *field, char buffer[CONVERT_DOMAIN_TEXT]) {
    char first[CLOCK_DATE_TEXT], last[CLOCK_DATE_TEXT];
    buffer[0] = '\0';
    switch ((profile_type)field->type) {
    case PROFILE_NUMBER:
    case PROFILE_SCORE:
        snprintf(buffer, CONVERT_DOMAIN_TEXT, "%lld to %lld", (long long)field->min, (long long)field->max);
        break;
    case PROFILE_HUNDREDTHS:
        snprintf(buffer, CONVERT_DOMAIN_TEXT, "%lld to %lld.%02lld", (long long)field->min / 100,
                 (long long)field->max / 100, (long long)field->max % 100);
        break;
    case PROFILE_ENUM:
        append(buffer, "one of");
        for (int64_t i = 1; i <= field->max; i++) {
            append(buffer, " ");
            append(buffer, field->names[i]);
        }
        break;
    case PROFILE_FLAG: append(buffer, "true or false"); break;
    case PROFILE_DAY: /* day 0 means none */
        snprintf(buffer, CONVERT_DOMAIN_TEXT, "a day YYYY-MM-DD from %s to %s",
                 clock_format_day((int32_t)(field->min > 1 ? field->min : 1), first),
                 clock_format_day((int32_t)field->max, last));
        break;
    case PROFILE_DIVISION: append(buffer, "six digits"); break;
    case PROFILE_SECTOR: append(buffer, "a letter A to Z, or a letter and two digits"); break;
    }
    return buffer;
}

bool convert_value(const profile_field *field, const char *text, size_t length, int64_t *value, char *why,
                   size_t room) {
    if (field->type == PROFILE_FLAG && length == 1 && (text[0] == '0' || text[0] == '1')) { /* most cells of a file */
        *value = text[0] == '1';
        return true;
    }
    if (profile_parse_value(field, text, length, value) == STATUS_OK) return true;
    char domain[CONVERT_DOMAIN_TEXT];
    int shown = (int)utf8_beginning(text, length, 40);
    snprintf(why, room, "%s: '%.*s%s' is not %s%s", field->name, shown, text, length > 40 ? "…" : "",
             convert_domain(field, domain), field->has_missing ? ", or - for none" : "");
    return false;
}
