/* Alerts: a walk over those that are open, and a subscription.
 *
 * A subscription has a slot of its own, beside those of requests, so that everything else goes on as if it was not
 * there: it counts as on its way only until its first answer. Later answers come whenever bytes are taken, within any
 * call, and wait in x->alerts until they are asked for; alerts that belong to a subscription that was replaced or
 * stopped are dropped (client_take_frames). */
#include "client/internal.h"

#include "base/clock.h"

#include <string.h>

static_assert(sizeof(xinyi_alert) == sizeof(wire_alert) &&
                  offsetof(xinyi_alert, usage_percent) == offsetof(wire_alert, usage_percent) &&
                  offsetof(xinyi_alert, due_ms) == offsetof(wire_alert, due_ms),
              "an alert is the wire's entry");

static void decode_alert(const uint8_t *wire, void *out) { memcpy(out, wire, sizeof(xinyi_alert)); }

int xinyi_alerts(xinyi *x, unsigned purpose, uint64_t *after, xinyi_alert *out, size_t *count) {
    size_t room = *count;
    *count = 0;
    int result = client_begin_call(x, 0, purpose);
    if (result != 0 || room == 0) return result;
    wire_watch w = {.after = *after,
                    .max = room < x->max_entries ? (uint32_t)room : x->max_entries,
                    .purpose = (uint8_t)purpose,
                    .mode = WIRE_WATCH_ONCE};
    return client_call_walk(x, MESSAGE_WATCH, &w, w.max, after, out, sizeof *out, count, decode_alert);
}

/* ------------------------------------------------------------------ the subscription */

static void on_alerts(xinyi *x, const slot *s, const answer *a) {
    (void)s;
    x->watch_status = a->status;
    if (a->status != 0) return;
    if (buf_status(&x->alerts) != STATUS_OK) return; /* said by xinyi_watch_next: nothing may be left out */
    buf_append(&x->alerts, a->entries, a->count * sizeof(wire_alert));
}

/* Queues a request in the subscription's slot. */
static int ask(xinyi *x, const wire_watch *w) {
    uint8_t *to = client_entries(x, sizeof *w, 1);
    if (to == NULL) return client_break(x, STATUS_NO_MEMORY, "out of memory");
    memcpy(to, w, sizeof *w);
    x->watch.generation++;
    x->watch.tag = LIMIT_ENTRIES_MAX;
    x->watch_asked = true;
    x->watch_purpose = w->purpose;
    x->watch_status = 0;
    buf_deinit(&x->alerts);
    x->alerts_taken = 0;
    client_queue(x, &x->watch, MESSAGE_WATCH, sizeof *w, 1, on_alerts);
    int result = client_wait(x, 0, 0);
    return result != 0 ? result : x->watch_status;
}

int xinyi_watch(xinyi *x, unsigned purpose, uint64_t after) {
    int result = client_begin_call(x, 0, purpose);
    if (result != 0) return result;
    return ask(x, &(wire_watch){.after = after, .purpose = (uint8_t)purpose, .mode = WIRE_WATCH_FOLLOW});
}

int xinyi_watch_stop(xinyi *x) {
    int result = client_begin_call(x, 0, 0);
    if (result != 0 || x->watch.answered == NULL) return result;
    result = ask(x, &(wire_watch){.purpose = x->watch_purpose, .mode = WIRE_WATCH_STOP});
    x->watch.answered = NULL;
    return result;
}

/* Moves what waits into the caller's array. */
static size_t take(xinyi *x, xinyi_alert *out, size_t room) {
    size_t waiting = (x->alerts.size - x->alerts_taken) / sizeof *out, n = waiting < room ? waiting : room;
    if (n > 0) memcpy(out, x->alerts.data + x->alerts_taken, n * sizeof *out);
    x->alerts_taken += n * sizeof *out;
    if (x->alerts_taken == x->alerts.size) {
        buf_deinit(&x->alerts);
        x->alerts_taken = 0;
    }
    return n;
}

int xinyi_watch_next(xinyi *x, int wait_ms, xinyi_alert *out, size_t *count) {
    size_t room = *count;
    *count = 0;
    if (x->in_callback) return client_enter(x);
    if (room == 0) return x->broken;
    uint64_t until = clock_mono_ns() + (uint64_t)(wait_ms > 0 ? wait_ms : 0) * 1000000u;
    for (;;) {
        if (buf_status(&x->alerts) != STATUS_OK) return client_break(x, STATUS_NO_MEMORY, "out of memory");
        if ((*count = take(x, out, room)) > 0) return 0;
        if (x->broken != 0) return x->broken;
        if (x->watch.answered == NULL)
            return x->watch_status != 0
                       ? x->watch_status
                       : client_fail(x, STATUS_NOT_FOUND, "nothing is watched: call xinyi_watch first");
        bool moved;
        uint64_t now = clock_mono_ns();
        int left = wait_ms < 0 ? -1 : now >= until ? 0 : (int)((until - now + 999999) / 1000000);
        (void)client_pump(x, left, &moved); /* what arrived before a failure is handed out first */
        if (left == 0 && !moved && x->broken == 0 && x->alerts.size == 0) return 0;
    }
}
