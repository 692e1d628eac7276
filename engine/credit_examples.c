/* Running the examples of the catalogue: a dossier is made of what they give, and derived on their day. Only what an
 * example names is compared. */
#include "engine/credit_parse.h"

#include <stdio.h>
#include <string.h>

/* The fields that are not as expected, empty if all are. */
static void compare(const credit_example *e, const profile *got, char *text, size_t room) {
    size_t used = 0;
    text[0] = 0;
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT && used < room; i++) {
        const profile_field *field = profile_field_at(i);
        char wanted[PROFILE_VALUE_TEXT], found[PROFILE_VALUE_TEXT];
        if (!(e->expect_fields >> i & 1)) continue;
        int64_t a = profile_get(&e->expect, field), b = profile_get(got, field);
        if (a == b) continue;
        profile_format_value(field, a, wanted);
        profile_format_value(field, b, found);
        used += (size_t)snprintf(text + used, room - used, "%s%s: expected %s, got %s", used ? "; " : "", field->name,
                                 wanted[0] ? wanted : "missing", found[0] ? found : "missing");
    }
}

static bool run(const credit_rules *r, const credit_example *e, dossier *d, char *text, size_t room) {
    profile got;
    d->subject = e->subject;
    d->count = e->item_count + 1;
    d->items[0] = (item){.kind = ITEM_CLAIM};
    claim_from_profile(&d->items[0], &e->given, e->given_fields);
    if (e->item_count) memcpy(d->items + 1, e->items, e->item_count * sizeof *e->items);
    credit_derive(r, d, &e->given, e->day, &got);
    compare(e, &got, text, room);
    return text[0] == 0;
}

size_t credit_run_examples(const policy_set *set, policy_report tell, void *context) {
    _Alignas(64) char memory[sizeof(dossier) + (CREDIT_EXAMPLE_ITEMS + 1) * sizeof(item)] = {0};
    dossier *d = (dossier *)(void *)memory;
    size_t failed = 0;
    for (unsigned i = 0; i < set->credit_example_count; i++) {
        const credit_example *e = &set->credit_examples[i];
        char text[512];
        bool ok = run(set->credit, e, d, text, sizeof text);
        failed += !ok;
        if (tell) tell(context, e->file, e->mark.line, e->name, ok, text);
    }
    return failed;
}
