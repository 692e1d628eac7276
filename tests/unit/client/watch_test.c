/* Alerts against a fake server: the walk, the subscription beside other calls, what replaces and what ends it. */
#include "base/clock.h"
#include "fake_server.h"

#include <stdlib.h>

static wire_alert alert_of(uint64_t number) {
    wire_alert a = {.number = number,
                    .at_ms = 1000 + (int64_t)number,
                    .program = 1,
                    .kind = XINYI_ALERT_USAGE,
                    .level = 2,
                    .account_version = 7,
                    .usage_percent = 93,
                    .limit_fen = 1000,
                    .used_fen = 930,
                    .required_fen = 500,
                    .lodged_fen = 900,
                    .instrument = number * 3,
                    .due_ms = 5000};
    xinyi_subject s = fake_subject(number);
    memcpy(&a.subject, &s, sizeof a.subject);
    return a;
}

/* A reply to a WATCH with the alerts first..last (none if first > last). */
static bool send_alerts(fake *f, int fd, const frame_header *request, uint64_t first, uint64_t last) {
    wire_alert a[LIMIT_ENTRIES_MAX];
    size_t n = 0;
    for (uint64_t i = first; i <= last; i++) a[n++] = alert_of(i);
    return fake_reply(f, fd, request, a, sizeof *a, n);
}

static bool read_watch(fake *f, int fd, unsigned mode, frame_view *v, wire_watch *w) {
    if (!fake_request(f, fd, MESSAGE_WATCH, v)) return false;
    memcpy(w, v->body, sizeof *w);
    if (message_entry_status(MESSAGE_WATCH, w) != STATUS_OK) fake_problem(f, "reserved bits");
    if (w->mode != mode || w->purpose != XINYI_FOR_POWER_TRADING)
        fake_problem(f, "mode %u, purpose %u instead of mode %u", w->mode, w->purpose, mode);
    return true;
}

static void expect_alerts(xinyi *x, uint64_t first, uint64_t last) {
    for (uint64_t next = first; next <= last;) {
        xinyi_alert a[3]; /* fewer than come at once */
        size_t n = last - next < 2 ? last - next + 1 : 3;
        cr_assert_eq(xinyi_watch_next(x, 5000, a, &n), 0, "%s", xinyi_last_error(x));
        cr_assert(n >= 1 && n <= 3 && next + n - 1 <= last, "%zu alerts at %lu", n, (unsigned long)next);
        for (size_t i = 0; i < n; i++) cr_assert_eq(a[i].number, next++);
    }
}

static void expect_silence(xinyi *x, int wait_ms) {
    xinyi_alert a;
    size_t n = 1;
    uint64_t began = clock_mono_ns();
    cr_assert_eq(xinyi_watch_next(x, wait_ms, &a, &n), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(n, 0);
    cr_assert(clock_mono_ns() - began >= (uint64_t)wait_ms * 1000000u);
}

/* ------------------------------------------------------------------ the walk */

static void answer_walk(fake *f, int fd) {
    frame_view v;
    wire_watch w;
    if (!fake_hello(f, fd)) return;
    while (read_watch(f, fd, WIRE_WATCH_ONCE, &v, &w)) {
        uint64_t last = w.after + w.max < 10 ? w.after + w.max : 10;
        if (!send_alerts(f, fd, &v.header, w.after + 1, last)) return;
    }
}

Test(watch, the_walk_over_open_alerts) {
    fake f;
    fake_start(&f, answer_walk, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_alert a[4];
    uint64_t after = 3, seen = 3;
    for (size_t n = 4; n > 0;) {
        n = 4;
        cr_assert_eq(xinyi_alerts(x, XINYI_FOR_POWER_TRADING, &after, a, &n), 0, "%s", xinyi_last_error(x));
        for (size_t i = 0; i < n; i++) cr_assert_eq(a[i].number, ++seen);
    }
    cr_assert_eq(seen, 10);
    cr_assert_eq(after, 10);
    after = 6;
    size_t n = 1;
    cr_assert_eq(xinyi_alerts(x, XINYI_FOR_POWER_TRADING, &after, a, &n), 0);
    xinyi_subject s = fake_subject(7);
    cr_assert_arr_eq(&a[0].subject, &s, sizeof s);
    cr_assert_eq(a[0].at_ms, 1007);
    cr_assert_eq(a[0].program, 1);
    cr_assert_eq(a[0].kind, XINYI_ALERT_USAGE);
    cr_assert_eq(a[0].level, 2);
    cr_assert_eq(a[0].account_version, 7);
    cr_assert_eq(a[0].usage_percent, 93);
    cr_assert_eq(a[0].limit_fen, 1000);
    cr_assert_eq(a[0].used_fen, 930);
    cr_assert_eq(a[0].required_fen, 500);
    cr_assert_eq(a[0].lodged_fen, 900);
    cr_assert_eq(a[0].instrument, 21);
    cr_assert_eq(a[0].due_ms, 5000);
    xinyi_close(&x);
    fake_stop(&f);
}

static void refuse_walk(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_WATCH, &v))
        fake_error(fd, MESSAGE_WATCH, v.header.request_id, STATUS_BAD_VALUE, "no alert has had such a high number");
}

Test(watch, a_refusal_leaves_the_connection) {
    fake f;
    fake_start(&f, refuse_walk, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_alert a;
    uint64_t after = 9;
    size_t n = 1;
    cr_assert_eq(xinyi_alerts(x, XINYI_FOR_POWER_TRADING, &after, &a, &n), STATUS_BAD_VALUE);
    cr_assert_eq(n, 0);
    cr_assert_eq(after, 9);
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 9), STATUS_BAD_VALUE);
    expect_contains(xinyi_last_error(x), "such a high number");
    n = 1;
    cr_assert_eq(xinyi_watch_next(x, 0, &a, &n), STATUS_BAD_VALUE, "nothing is watched, and why");
    cr_assert_eq(xinyi_watch(x, 256, 0), STATUS_BAD_VALUE, "no such purpose");
    cr_assert_eq(atomic_load(&f.frames), 2);
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ the subscription */

/* 2 open ones, then 3 to 8 in two frames; another after each PING, before and behind its answer. */
static void answer_watch(fake *f, int fd) {
    frame_view v, ping;
    wire_watch w;
    if (!fake_hello(f, fd) || !read_watch(f, fd, WIRE_WATCH_FOLLOW, &v, &w)) return;
    frame_header request = v.header;
    if (w.after != 0) fake_problem(f, "after %lu", (unsigned long)w.after);
    if (!send_alerts(f, fd, &request, 1, 2)) return;
    fake_pause(50);
    if (!send_alerts(f, fd, &request, 3, 7) || !send_alerts(f, fd, &request, 8, 8)) return;
    for (uint64_t n = 9; fake_read(f, fd, &ping); n += 2) {
        if (ping.header.type == MESSAGE_WATCH) {
            send_alerts(f, fd, &request, n, n); /* on its way when the client stops */
            send_alerts(f, fd, &ping.header, 1, 0);
            send_alerts(f, fd, &request, n + 1, n + 1); /* wrong, but harmless */
            continue;
        }
        send_alerts(f, fd, &request, n, n);
        fake_reply(f, fd, &ping.header, NULL, 0, 0);
        send_alerts(f, fd, &request, n + 1, n + 1);
    }
}

static void watch_beside_other_calls(uint32_t max_in_flight) {
    fake f;
    fake_start(&f, answer_watch, NULL);
    xinyi_options o = {.max_in_flight = max_in_flight};
    xinyi *x = fake_connect(&f, &o);
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 0), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(xinyi_in_flight(x), 0, "a subscription is not on its way");
    expect_alerts(x, 1, 8);
    expect_silence(x, 0);
    expect_silence(x, 30);
    for (uint64_t n = 9; n < 29; n += 2) {
        cr_assert_eq(xinyi_ping(x), 0, "%s", xinyi_last_error(x));
        if (n % 4 == 1) continue; /* those of two pings together */
        expect_alerts(x, n - 2, n + 1);
    }
    cr_assert_eq(xinyi_ping(x), 0);
    cr_assert_eq(xinyi_watch_stop(x), 0, "%s", xinyi_last_error(x));
    xinyi_alert a;
    size_t n = 1;
    cr_assert_eq(xinyi_watch_next(x, 0, &a, &n), STATUS_NOT_FOUND);
    cr_assert_eq(xinyi_watch_stop(x), 0, "nothing to stop");
    cr_assert_eq(xinyi_ping(x), 0, "%s", xinyi_last_error(x));
    xinyi_close(&x);
    fake_stop(&f);
}

Test(watch, alerts_come_beside_other_calls) { watch_beside_other_calls(0); }
Test(watch, with_one_request_at_a_time) { watch_beside_other_calls(1); }

/* The second FOLLOW is answered with alerts from its number on; those of the first are still on the way. */
static void answer_two(fake *f, int fd) {
    frame_view v;
    wire_watch w;
    if (!fake_hello(f, fd) || !read_watch(f, fd, WIRE_WATCH_FOLLOW, &v, &w)) return;
    frame_header first = v.header;
    send_alerts(f, fd, &first, 1, 5);
    if (!read_watch(f, fd, WIRE_WATCH_FOLLOW, &v, &w)) return;
    send_alerts(f, fd, &first, 6, 9);
    send_alerts(f, fd, &v.header, w.after + 1, w.after + 2);
    (void)fake_read(f, fd, &v);
}

Test(watch, another_replaces_it) {
    fake f;
    fake_start(&f, answer_two, NULL);
    xinyi *x = fake_connect(&f, NULL);
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 0), 0);
    expect_alerts(x, 1, 2);
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 20), 0, "%s", xinyi_last_error(x));
    expect_alerts(x, 21, 22);
    expect_silence(x, 20);
    xinyi_close(&x);
    fake_stop(&f);
}

static void answer_and_leave(fake *f, int fd) {
    frame_view v;
    wire_watch w;
    if (!fake_hello(f, fd) || !read_watch(f, fd, WIRE_WATCH_FOLLOW, &v, &w)) return;
    send_alerts(f, fd, &v.header, 1, 2);
    fake_pause(50); /* or the subscription would be broken before it has begun */
    send_alerts(f, fd, &v.header, 3, 4);
    if (f->arg != NULL) fake_error(fd, 0, 0, STATUS_UNAVAILABLE, "the server is stopping");
}

static char says_why_it_closes;

static void break_while_watching(void *says_why, int code) {
    fake f;
    fake_start(&f, answer_and_leave, says_why);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_alert a;
    size_t n = 1;
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 0), 0);
    expect_alerts(x, 1, 4); /* what had arrived is not lost */
    cr_assert_eq(xinyi_watch_next(x, 5000, &a, &n), code);
    cr_assert_eq(n, 0);
    n = 1;
    cr_assert_eq(xinyi_watch_next(x, -1, &a, &n), code, "and does not wait for ever");
    cr_assert_eq(xinyi_watch_stop(x), code);
    cr_assert_eq(xinyi_fd(x), -1);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(watch, a_broken_connection_ends_it) { break_while_watching(NULL, STATUS_CLOSED); }
Test(watch, the_server_says_why) { break_while_watching(&says_why_it_closes, STATUS_UNAVAILABLE); }

static void answer_nothing(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_read(f, fd, &v)) {
    }
}

Test(watch, no_answer_in_time) {
    fake f;
    fake_start(&f, answer_nothing, NULL);
    xinyi_options o = {.timeout_ms = 100};
    xinyi *x = fake_connect(&f, &o);
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 0), STATUS_TIMEOUT);
    cr_assert_eq(xinyi_in_flight(x), 0);
    xinyi_close(&x);
    fake_stop(&f);
}

/* Too many alerts for one frame, or a frame of something else: not believed. */
static void answer_badly(fake *f, int fd) {
    frame_view v;
    wire_watch w;
    if (!fake_hello(f, fd) || !read_watch(f, fd, WIRE_WATCH_FOLLOW, &v, &w)) return;
    send_alerts(f, fd, &v.header, 1, 1);
    fake_pause(50);
    frame_header other = v.header;
    other.type = MESSAGE_PING;
    fake_reply(f, fd, &other, NULL, 0, 0);
    (void)fake_read(f, fd, &v);
}

Test(watch, a_reply_of_another_type_breaks_it) {
    fake f;
    fake_start(&f, answer_badly, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_alert a[2];
    size_t n = 2;
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 0), 0);
    expect_alerts(x, 1, 1);
    cr_assert_eq(xinyi_watch_next(x, 5000, a, &n), STATUS_BAD_FRAME);
    xinyi_close(&x);
    fake_stop(&f);
}

/* Within a callback nothing may be taken. */
static void in_callback(void *context, const xinyi_reply *reply) {
    xinyi_alert a;
    size_t n = 1;
    xinyi *x = context;
    cr_assert_eq(reply->status, 0);
    cr_assert_eq(xinyi_watch_next(x, 0, &a, &n), XINYI_OVERLOADED);
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 0), XINYI_OVERLOADED);
    cr_assert_eq(xinyi_watch_stop(x), XINYI_OVERLOADED);
}

static void answer_decisions(fake *f, int fd) {
    frame_view v, d;
    wire_watch w;
    wire_decision out[1];
    if (!fake_hello(f, fd) || !read_watch(f, fd, WIRE_WATCH_FOLLOW, &v, &w)) return;
    frame_header request = v.header;
    send_alerts(f, fd, &request, 1, 0);
    while (fake_request(f, fd, MESSAGE_DECIDE, &d)) {
        send_alerts(f, fd, &request, 1, 1);
        fake_decide(&d, out);
        fake_reply(f, fd, &d.header, out, sizeof out[0], 1);
    }
}

Test(watch, pipelined_requests_go_on) {
    fake f;
    fake_start(&f, answer_decisions, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject s = fake_subject(1);
    cr_assert_eq(xinyi_watch(x, XINYI_FOR_POWER_TRADING, 0), 0);
    expect_silence(x, 0);
    xinyi_on(x, in_callback, x);
    cr_assert_eq(xinyi_send_decide(x, 1, XINYI_LOAN, XINYI_FOR_LOAN_REVIEW, &s, 1), 0);
    cr_assert_eq(xinyi_flush(x), 0, "%s", xinyi_last_error(x));
    expect_alerts(x, 1, 1);
    xinyi_close(&x);
    fake_stop(&f);
}
