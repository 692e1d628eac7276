/* Any text as a subject's id or number: refused with a reason, or an id that is written as a text which is read as the
 * same id. Any 12 bytes as an id: valid ones come back from their text. */
#include "base/check.h"
#include "base/subject.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TODAY 20781 /* 2026-11-24 */

static void come_back(const subject_id *id) {
    char text[SUBJECT_TEXT], number[SUBJECT_NUMBER_TEXT], masked[SUBJECT_TEXT];
    subject_id again;
    CHECK(subject_is_valid(id));
    CHECK(subject_format(id, text) == text && subject_format_number(id, number) == number);
    CHECK(!subject_verdict_is_error(subject_parse(text, strlen(text), INT32_MAX, &again).verdict));
    CHECK(subject_equal(id, &again));
    subject_format_masked(id, masked);
    CHECK(strlen(masked) < sizeof masked);
    int32_t day;
    (void)subject_birth_day(id, &day);
    (void)subject_division(id);
}

static void try_text(const char *text, size_t size, unsigned kind) {
    char said[512];
    subject_id id;
    subject_finding f = kind == 0 ? subject_parse(text, size, TODAY, &id)
                                  : subject_parse_number((subject_kind)kind, text, size, TODAY, &id);
    CHECK(subject_explain(&f, text, said, sizeof said) != NULL && strlen(said) < sizeof said);
    if (!subject_verdict_is_error(f.verdict)) come_back(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = strndup((const char *)data, size); /* without anything behind it */
    CHECK(text != NULL);
    try_text(text, strlen(text), SUBJECT_NONE);
    try_text(text, strlen(text), SUBJECT_PERSON);
    try_text(text, strlen(text), SUBJECT_ENTITY);
    free(text);
    subject_id id;
    if (size >= sizeof id) {
        memcpy(&id, data, sizeof id);
        if (subject_is_valid(&id)) come_back(&id);
    }
    return 0;
}
