/* Reads the log in order and trusts nothing: each group must be the next number, under its own key, with its checksum.
 * RocksDB's recovery may end a log file early; a group missing before another one shows here, whatever the reason.
 * Cost: one checksum over the bytes. */
#include "persist/internal.h"
#include "persist/problem.h"

#include <inttypes.h>

/* The group at the cursor. `expected`: its number, 0 for any in the history. */
static status check_group(rocks_cursor *c, bool history, uint64_t expected, format_group *group, char *problem,
                          size_t room) {
    const char *family = history ? "history" : "log";
    size_t key_length, size;
    const uint8_t *key = rocks_cursor_key(c, &key_length);
    uint64_t number = format_group_sequence(key, key_length);
    if (number != expected && expected != 0) {
        problem_set(problem, room, "%s: group %" PRIu64 " is missing (the next one is %" PRIu64 ")", family, expected,
                    number);
        return STATUS_CORRUPT;
    }
    const uint8_t *value = rocks_cursor_value(c, &size);
    const char *why = NULL;
    status s = format_group_decode(value, size, history, group, &why);
    if (s == STATUS_OK && group->sequence != number) {
        why = "it carries another number";
        s = STATUS_CORRUPT;
    }
    if (s != STATUS_OK) problem_set(problem, room, "%s: group %" PRIu64 " is damaged: %s", family, number, why);
    return s;
}

status walk_log(rocks *r, uint64_t after, uint64_t upto, walk_visit visit, void *context, uint64_t *last, char *problem,
                size_t room) {
    uint8_t lower[FORMAT_GROUP_KEY];
    format_group_key(after + 1, lower);
    *last = after;
    rocks_cursor c;
    rocks_cursor_open(r, ROCKS_LOG, lower, sizeof lower, NULL, 0, false, &c);
    status s = STATUS_OK;
    for (; s == STATUS_OK && *last < upto && rocks_cursor_valid(&c); rocks_cursor_next(&c)) {
        format_group group;
        s = check_group(&c, false, *last + 1, &group, problem, room);
        if (s != STATUS_OK) break;
        *last = group.sequence;
        s = visit(context, &group);
    }
    if (s == STATUS_OK) s = rocks_cursor_status(&c, problem, room);
    if (s == STATUS_OK && upto != UINT64_MAX && *last < upto) {
        problem_set(problem, room, "log: group %" PRIu64 " is missing (it is the last but %" PRIu64 ")", *last + 1,
                    upto - *last - 1);
        s = STATUS_CORRUPT;
    }
    rocks_cursor_close(&c);
    return s == STATUS_END ? STATUS_OK : s;
}

status walk_history(rocks *r, uint64_t from, walk_visit visit, void *context, char *problem, size_t room) {
    uint8_t lower[FORMAT_GROUP_KEY];
    format_group_key(from, lower);
    rocks_cursor c;
    rocks_cursor_open(r, CHANGE_HISTORY, lower, sizeof lower, NULL, 0, false, &c);
    status s = STATUS_OK;
    for (; s == STATUS_OK && rocks_cursor_valid(&c); rocks_cursor_next(&c)) {
        format_group group;
        s = check_group(&c, true, 0, &group, problem, room);
        if (s == STATUS_OK) s = visit(context, &group);
    }
    if (s == STATUS_OK) s = rocks_cursor_status(&c, problem, room);
    rocks_cursor_close(&c);
    return s == STATUS_END ? STATUS_OK : s;
}

status probe_history(rocks *r, uint64_t from, uint64_t *sequence, int64_t *time_ms, char *problem, size_t room) {
    uint8_t lower[FORMAT_GROUP_KEY];
    format_group_key(from, lower);
    rocks_cursor c;
    rocks_cursor_open(r, CHANGE_HISTORY, lower, sizeof lower, NULL, 0, false, &c);
    format_group group;
    status s = STATUS_END;
    if (rocks_cursor_valid(&c))
        s = check_group(&c, true, 0, &group, problem, room);
    else if (rocks_cursor_status(&c, problem, room) != STATUS_OK)
        s = STATUS_IO_ERROR;
    if (s == STATUS_OK) {
        *sequence = group.sequence;
        *time_ms = group.time_ms;
    }
    rocks_cursor_close(&c);
    return s;
}
