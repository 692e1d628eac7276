/* The form of reports: one table says which fields each kind uses; everything else must be zero, so that it can get a
 * meaning later. */
#include "engine/report.h"

#include "base/le.h"
#include "base/utf8.h"

#include <string.h>

const char *report_kind_name(unsigned kind) {
    switch (kind) {
#define X(name, code, text)                                                                                            \
    case code: return text;
        REPORT_KINDS(X)
#undef X
    default: return NULL;
    }
}

enum {
    USES_TYPE = 1 << 0,
    USES_DAY = 1 << 1,
    USES_UNTIL = 1 << 2,
    USES_VALUE = 1 << 3,
    USES_TARGET = 1 << 4,
    USES_TEXT = 1 << 5,
    USES_NAME = 1 << 6,
};

static const uint8_t USES[REPORT_KIND_END] = {
    [REPORT_RECORD_ADD] = USES_TYPE | USES_DAY | USES_TEXT,
    [REPORT_RECORD_REPAIR] = USES_TARGET | USES_DAY | USES_TEXT,
    [REPORT_RECORD_REVOKE] = USES_TARGET | USES_TEXT,
    [REPORT_SERVICE_ADD] = USES_DAY | USES_VALUE | USES_TEXT,
    [REPORT_SERVICE_REVERSE] = USES_TARGET | USES_TEXT,
    [REPORT_COMMITMENT_DRAFT] = USES_TYPE | USES_DAY | USES_TEXT,
    [REPORT_COMMITMENT_ACCEPT] = USES_TYPE | USES_TARGET | USES_DAY | USES_TEXT,
    [REPORT_COMMITMENT_EXTEND] = USES_TARGET | USES_DAY | USES_UNTIL | USES_TEXT,
    [REPORT_COMMITMENT_FULFIL] = USES_TARGET | USES_DAY | USES_TEXT,
    [REPORT_COMMITMENT_BREACH] = USES_TARGET | USES_DAY | USES_TEXT,
    [REPORT_COMMITMENT_WITHDRAW] = USES_TARGET | USES_DAY | USES_TEXT,
    [REPORT_COMMITMENT_REPAIR] = USES_TARGET | USES_DAY | USES_TEXT,
    [REPORT_LISTING_ADD] = USES_TYPE | USES_DAY | USES_UNTIL | USES_TEXT,
    [REPORT_LISTING_REMOVE] = USES_TARGET | USES_DAY | USES_TEXT,
    [REPORT_NAME] = USES_TEXT | USES_NAME,
    [REPORT_USE] = USES_TYPE | USES_DAY,
};

static bool good_text(const report *r, unsigned uses) {
    size_t n = strnlen(r->text, REPORT_TEXT);
    if (!bytes_are_zero(r->text + n, REPORT_TEXT - n)) return false;
    if (uses & USES_NAME) return n > 0 && utf8_is_line(r->text, n);
    return n <= (uses & USES_TEXT ? ITEM_TEXT : 0) && utf8_is_line(r->text, n);
}

status report_form(const report *r) {
    if (report_kind_name(r->kind) == NULL || bytes_are_zero(&r->id, sizeof r->id)) return STATUS_BAD_ENTRY;
    unsigned uses = USES[r->kind];
    bool good = r->zero16 == 0 && r->zero32 == 0 && good_text(r, uses);
    if (!(uses & USES_TYPE)) good &= r->type == 0;
    if (!(uses & USES_DAY)) good &= r->day == 0;
    if (!(uses & USES_UNTIL)) good &= r->until == 0;
    if (!(uses & USES_VALUE)) good &= r->value == 0;
    bool target = !bytes_are_zero(&r->target, sizeof r->target);
    if (!(uses & USES_TARGET)) good &= !target;
    /* accepting names a draft, or drafts itself: one of the two */
    if (r->kind == REPORT_COMMITMENT_ACCEPT) good &= target != (r->type != 0);
    return good ? STATUS_OK : STATUS_BAD_ENTRY;
}
