/* Commands about alerts: what is open, and acknowledging it. The list is read from the board (server/watch.h), so it
 * costs the writer nothing; an acknowledgement is a commit group of its own, durable before it is answered. */
#include "base/clock.h"
#include "server/command.h"
#include "server/commit.h"
#include "server/document.h"
#include "server/watch.h"

#include <stdlib.h>
#include <string.h>

#define ALERTS_MOST 1000 /* of one document, and of one acknowledgement */
#define ALERTS_USUAL 200

static json_t *moment(int64_t ms) {
    char text[CLOCK_TIME_TEXT];
    return ms == 0 ? json_null() : json_string(clock_format_ms(ms, text));
}

static json_t *alert_document(const alert *a) {
    char subject[SUBJECT_TEXT];
    bool ends = a->kind == ALERT_EXPIRING || a->kind == ALERT_EXPIRED;
    json_t *one = json_pack(
        "{s:I, s:o, s:s, s:i, s:s?, s:s?, s:i, s:I, s:I, s:I, s:I, s:I, s:o}", "number", (json_int_t)a->number, "at",
        moment(a->at_ms), "subject", subject_format(&a->subject, subject), "program", (int)a->program, "kind",
        alert_kind_name(a->kind), "title", alert_kind_title(a->kind), "level", (int)a->level, "account_version",
        (json_int_t)a->account_version, "limit_fen", (json_int_t)a->limit_fen, "used_fen", (json_int_t)a->used_fen,
        "required_fen", (json_int_t)a->required_fen, "lodged_fen", (json_int_t)a->lodged_fen, "due", moment(a->due_ms));
    bool unlimited = a->usage_percent == UINT32_MAX; /* exposure without any limit */
    document_set(&one, "usage_percent", unlimited ? json_null() : json_integer((json_int_t)a->usage_percent));
    if (!ends) return one;
    document_set(&one, "instrument", json_integer((json_int_t)a->instrument));
    document_set(&one, "instrument_kind", document_optional(instrument_name(a->instrument_kind)));
    return one;
}

status command_alerts(command_run *r) {
    int64_t after = 0, max = ALERTS_USUAL;
    status s = command_number(r, "after", 0, INT64_MAX, NULL, &after);
    if (s == STATUS_OK) s = command_number(r, "max", 1, ALERTS_MOST, NULL, &max);
    if (s != STATUS_OK) return s;
    alert *open = malloc((size_t)max * sizeof *open);
    if (open == NULL) return STATUS_NO_MEMORY;
    uint64_t next = (uint64_t)after;
    size_t n = watch_read(r->s, &next, (uint8_t *)open, (size_t)max);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) document_append(&list, alert_document(&open[i]));
    free(open);
    command_put(r, "open", json_integer((json_int_t)watch_count(r->s)));
    command_put(r, "newest", json_integer((json_int_t)watch_newest(r->s)));
    command_put(r, "alerts", list);
    command_put(r, "next", n == (size_t)max ? json_integer((json_int_t)next) : json_null());
    return STATUS_OK;
}

/* ------------------------------------------------------------------ acknowledging */

typedef struct acknowledge_call {
    server *s;
    uint64_t numbers[ALERTS_MOST];
    bool known[ALERTS_MOST];
    size_t count;
    status result;
} acknowledge_call;

static void acknowledge(void *arg) {
    acknowledge_call *c = arg;
    c->result = commit_acknowledge(c->s, c->numbers, c->count, c->known);
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* In order, each once. */
static status take_numbers(command_run *r, acknowledge_call *c) {
    const json_t *list = json_object_get(r->asked, "numbers"), *one;
    size_t i, kept = 0;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > ALERTS_MOST)
        return command_fail(r, STATUS_BAD_COMMAND, "'numbers' must be a list of 1 to %d numbers of alerts",
                            ALERTS_MOST);
    json_array_foreach(list, i, one) {
        if (!json_is_integer(one) || json_integer_value(one) < 1)
            return command_fail(r, STATUS_BAD_COMMAND, "'numbers' must be numbers of alerts: whole, from 1 on");
        c->numbers[i] = (uint64_t)json_integer_value(one);
    }
    qsort(c->numbers, json_array_size(list), sizeof c->numbers[0], by_number);
    for (i = 0; i < json_array_size(list); i++)
        if (kept == 0 || c->numbers[kept - 1] != c->numbers[i]) c->numbers[kept++] = c->numbers[i];
    c->count = kept;
    return STATUS_OK;
}

status command_alert_ack(command_run *r) {
    acknowledge_call *c = calloc(1, sizeof *c);
    if (c == NULL) return STATUS_NO_MEMORY;
    c->s = r->s;
    status s = take_numbers(r, c);
    if (s == STATUS_OK) {
        commit_call(r->s, acknowledge, c);
        s = c->result;
    }
    if (s == STATUS_OK) {
        json_t *unknown = json_array();
        size_t done = 0;
        for (size_t i = 0; i < c->count; i++) {
            done += c->known[i];
            if (!c->known[i]) document_append(&unknown, json_integer((json_int_t)c->numbers[i]));
        }
        command_put(r, "acknowledged", json_integer((json_int_t)done));
        command_put(r, "unknown", unknown);
    }
    free(c);
    return s;
}
