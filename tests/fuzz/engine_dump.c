/* Any bytes as a line of a dump: refused with a reason, or a record that is written as a line that means the same. */
#include "base/check.h"
#include "engine/dump.h"
#include "engine/history.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEED 1

static void write_again(const change *record) {
    static buf line;
    static dump_parser p = {.seed = SEED};
    dump_parsed back;
    size_t lines;
    buf_clear(&line);
    CHECK(dump_write(record, &line, &lines) == STATUS_OK && lines == 1);
    CHECK(dump_parse(&p, (const char *)line.data, line.size - 1, &back) == STATUS_OK);
    size_t skipped = record->table == CHANGE_HISTORY ? HISTORY_HEAD : 0; /* an event has no head */
    const change *r = &back.record;
    CHECK(r->table == record->table && r->value_length == record->value_length - skipped);
    CHECK(memcmp(r->value, record->value + skipped, r->value_length) == 0);
    if (skipped == 0) CHECK(r->key_length == record->key_length && memcmp(r->key, record->key, r->key_length) == 0);
}

static void write_event(const dump_parsed *event) {
    static buf group;
    uint8_t key[8];
    for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)(event->group >> (56 - 8 * i));
    buf_clear(&group);
    history_begin(&group, event->group - 1);
    buf_append(&group, event->record.value, event->record.value_length);
    write_again(&(change){.table = CHANGE_HISTORY,
                          .key = key,
                          .key_length = sizeof key,
                          .value = group.data,
                          .value_length = group.size});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dump_parser p = {.seed = SEED};
    dump_parsed parsed;
    status s = dump_parse(&p, (const char *)data, size, &parsed);
    CHECK(s == STATUS_OK || ((s == STATUS_CORRUPT || s == STATUS_UNSUPPORTED_VERSION) && p.problem[0] != '\0'));
    if (s != STATUS_OK) return 0;
    if (parsed.kind == DUMP_RECORD) write_again(&parsed.record);
    if (parsed.kind == DUMP_EVENT) write_event(&parsed);
    return 0;
}
