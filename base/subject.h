/* Subject ids: who a profile is about, in 12 bytes, exact and reversible.
 *
 * Layout: byte 0 the kind, bytes 1–11 the number as a big-endian integer:
 *   resident ID  the first 17 digits (GB 11643-1999); 15-digit numbers are widened first
 *   USCC         the first 17 characters in base 31 (GB 32100-2015)
 * The check character is verified on the way in and recomputed on the way out, so it is not stored.
 * The kind is always given — by an argument or by a prefix "id:" / "uscc:" — and never guessed from digits:
 * a Yunnan resident ID begins with 53, and so does a foundation's code.
 *
 * Pure functions over constant tables; safe from any thread. */
#ifndef XINYI_BASE_SUBJECT_H
#define XINYI_BASE_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum subject_kind {
    SUBJECT_NONE = 0,   /* the zero id names nobody */
    SUBJECT_PERSON = 1, /* a natural person, by resident ID or permit of the same form; prefix "id:" */
    SUBJECT_ENTITY = 2, /* a legal entity or other organisation, by USCC; prefix "uscc:" */
} subject_kind;

typedef struct subject_id {
    uint8_t bytes[12];
} subject_id;

#define SUBJECT_NUMBER_TEXT 19 /* 18 characters and a NUL */
#define SUBJECT_TEXT 32        /* with prefix */

/* Why a number was refused or doubted. Errors first; from SUBJECT_WARN_DIVISION on the number is valid all the same. */
typedef enum subject_verdict {
    SUBJECT_VALID = 0,
    SUBJECT_BAD_PREFIX,         /* the text does not begin with "id:" or "uscc:" */
    SUBJECT_BAD_LENGTH,         /* not 18 (or, for a resident ID, 15) characters */
    SUBJECT_BAD_CHAR,           /* a character outside the alphabet; `position` tells which */
    SUBJECT_BAD_CHECK,          /* the check character is wrong; `expected` tells the right one */
    SUBJECT_BAD_DATE,           /* the birth date does not exist */
    SUBJECT_FUTURE_DATE,        /* the birth date is after today */
    SUBJECT_BAD_CATEGORY,       /* USCC: registering authority and category are not in use */
    SUBJECT_WARN_DIVISION = 64, /* the division is not a known one, current or retired */
    SUBJECT_WARN_RETIRED,       /* the division was retired; usual in old resident IDs */
} subject_verdict;

typedef struct subject_finding {
    subject_verdict verdict;
    subject_kind kind;
    unsigned position; /* 1-based character within the number, 0 if none */
    char expected;     /* right check character, for SUBJECT_BAD_CHECK */
} subject_finding;

static inline bool subject_verdict_is_error(subject_verdict v) {
    return v != SUBJECT_VALID && v < SUBJECT_WARN_DIVISION;
}

/* Parses a number of a given kind (no prefix). `today` is a China day (clock.h), for birth dates in the future.
 * Lower-case letters are accepted. Writes *out only if the verdict is not an error. */
subject_finding subject_parse_number(subject_kind kind, const char *text, size_t length, int32_t today,
                                     subject_id *out);
/* Parses "id:530000199001010011" or "uscc:91530000MA00TTT099"; prefixes in any case. */
subject_finding subject_parse(const char *text, size_t length, int32_t today, subject_id *out);

/* True if the 12 bytes could have come from subject_parse: known kind, number in range, a birth date that exists.
 * The wire and the disk are checked with this; the check of "not in the future" is the parser's. */
bool subject_is_valid(const subject_id *id);

static inline subject_kind subject_kind_of(const subject_id *id) { return (subject_kind)id->bytes[0]; }
static inline bool subject_equal(const subject_id *a, const subject_id *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* 18 characters with the check character; returns buffer. The id must be valid. */
const char *subject_format_number(const subject_id *id, char buffer[SUBJECT_NUMBER_TEXT]);
/* With prefix; returns buffer. */
const char *subject_format(const subject_id *id, char buffer[SUBJECT_TEXT]);
/* With all but the first 6 and the last 2 characters of the number masked: "id:530000**********11". */
const char *subject_format_masked(const subject_id *id, char buffer[SUBJECT_TEXT]);

/* The six-digit division within the number (where it was issued, perhaps decades ago; not where the subject is). */
uint32_t subject_division(const subject_id *id);
/* Day of birth of a person, as a China day; false for entities. */
bool subject_birth_day(const subject_id *id, int32_t *day);

/* One sentence for people about a finding, in English with the numbers in it; returns buffer. */
const char *subject_explain(const subject_finding *finding, const char *text, char *buffer, size_t room);

#endif
