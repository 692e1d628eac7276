#include "base/clock.h"
#include "fake_server.h"

#include <stdlib.h>

/* What the callback has seen. */
typedef struct seen {
    xinyi *x;
    uint64_t tags[4096];
    int statuses[4096];
    size_t count, entries;
    size_t to_send; /* requests the callback still sends itself */
    uint64_t next_tag;
    int inside[6]; /* what calls within the callback returned */
    char error[256];
} seen;

static void note(void *context, const xinyi_reply *r) {
    seen *s = context;
    cr_assert(s->count < 4096);
    s->tags[s->count] = r->tag;
    s->statuses[s->count++] = r->status;
    s->entries += r->count;
    if (r->error != NULL) snprintf(s->error, sizeof s->error, "%s", r->error);
    if (r->status != 0) {
        cr_assert(r->decisions == NULL && r->puts == NULL && r->profiles == NULL && r->operations == NULL &&
                  r->quota_answers == NULL);
        cr_assert_eq(r->count, 0);
        cr_assert(r->error != NULL);
        return;
    }
    cr_assert(r->error == NULL);
    if (r->decisions != NULL && r->decisions[0].status == 0) cr_assert_eq(r->decisions[0].amount_fen, (int64_t)r->tag);
    if (s->to_send == 0) return;
    s->to_send--;
    xinyi_subject subject = fake_subject(s->next_tag * 10);
    cr_assert_eq(xinyi_send_decide(s->x, s->next_tag * 10, 1, 1, &subject, 1), 0);
    s->next_tag++;
}

static void answer(fake *f, int fd, const frame_view *v) {
    wire_decision d[64];
    fake_decide(v, d);
    fake_reply(f, fd, &v->header, d, sizeof *d, v->header.entry_count);
}

static void answer_all(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_DECIDE, &v)) answer(f, fd, &v);
}

static int send_one(xinyi *x, uint64_t tag) {
    xinyi_subject s = fake_subject(tag);
    return xinyi_send_decide(x, tag, 1, 1, &s, 1);
}

Test(pipeline, answers_come_with_their_tags) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, &(xinyi_options){.max_in_flight = 16});
    seen s = {.x = x};
    xinyi_on(x, note, &s);
    for (uint64_t i = 0; i < 1000; i++) {
        cr_assert_eq(send_one(x, i * 10), 0);
        cr_assert(xinyi_in_flight(x) <= 16);
    }
    cr_assert_eq(xinyi_flush(x), 0);
    cr_assert_eq(s.count, 1000);
    cr_assert_eq(s.entries, 1000);
    for (uint64_t i = 0; i < 1000; i++) cr_assert_eq(s.tags[i], i * 10, "this server answers in order");
    cr_assert_eq(xinyi_in_flight(x), 0);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(pipeline, requests_are_written_together) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, NULL);
    seen s = {.x = x};
    xinyi_on(x, note, &s);
    for (uint64_t i = 0; i < 100; i++) cr_assert_eq(send_one(x, i * 10), 0);
    fake_pause(50);
    cr_assert_eq(f.frames, 0, "nothing is written before poll or flush");
    cr_assert_eq(xinyi_in_flight(x), 100);
    cr_assert_eq(xinyi_poll(x, 0), 0);
    for (int i = 0; i < 200 && f.frames < 100; i++) fake_pause(5);
    cr_assert_eq(f.frames, 100);
    uint64_t until = clock_mono_ns() + UINT64_C(5000000000);
    while (xinyi_in_flight(x) > 0 && clock_mono_ns() < until) cr_assert_eq(xinyi_poll(x, 100), 0);
    cr_assert_eq(s.count, 100);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(pipeline, poll_does_not_wait_longer_than_told) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, NULL);
    uint64_t begin = clock_mono_ns();
    cr_assert_eq(xinyi_poll(x, 5000), 0, "nothing is in flight: nothing to wait for");
    cr_assert_eq(xinyi_poll(x, -1), 0);
    cr_assert((clock_mono_ns() - begin) / 1000000 < 1000);
    xinyi_close(&x);
    fake_stop(&f);
}

static void silent(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_read(f, fd, &v)) {
    }
}

Test(pipeline, poll_waits_as_long_as_told_and_flush_times_out) {
    fake f;
    fake_start(&f, silent, NULL);
    xinyi *x = fake_connect(&f, &(xinyi_options){.timeout_ms = 300});
    seen s = {.x = x};
    xinyi_on(x, note, &s);
    cr_assert_eq(send_one(x, 10), 0);
    uint64_t begin = clock_mono_ns();
    cr_assert_eq(xinyi_poll(x, 100), 0, "nothing came: no failure");
    uint64_t took_ms = (clock_mono_ns() - begin) / 1000000;
    cr_assert(took_ms >= 90 && took_ms < 1500, "%lu ms", (unsigned long)took_ms);
    cr_assert_eq(s.count, 0);
    cr_assert_eq(xinyi_flush(x), XINYI_TIMEOUT);
    cr_assert_eq(s.count, 1);
    cr_assert_eq(s.statuses[0], XINYI_TIMEOUT);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(pipeline, a_callback_may_send_the_next_request) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, &(xinyi_options){.max_in_flight = 8});
    seen s = {.x = x, .to_send = 2000, .next_tag = 8};
    xinyi_on(x, note, &s);
    for (uint64_t i = 0; i < 8; i++) cr_assert_eq(send_one(x, i * 10), 0);
    cr_assert_eq(xinyi_flush(x), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(s.count, 2008);
    for (uint64_t i = 0; i < 2008; i++) cr_assert_eq(s.tags[i], i * 10);
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ order */

/* Gathers up to sixteen requests, answers them in random order and in random pieces. */
static void answer_at_random(fake *f, int fd) {
    uint64_t seed = *(uint64_t *)f->arg;
    frame_view v;
    if (!fake_hello(f, fd)) return;
    struct timeval short_wait = {.tv_usec = 2000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_wait, sizeof short_wait);
    buf held[16] = {{0}}, out = {0};
    size_t n = 0;
    for (int idle = 0; idle < 2000;) {
        bool got = n < 16 && fake_request(f, fd, 0, &v);
        if (got) {
            idle = 0;
            wire_decision d[64];
            wire_quota_check q[64] = {{0}};
            if (v.header.type == MESSAGE_DECIDE) {
                fake_decide(&v, d);
                fake_append(f, &held[n++], &v.header, d, sizeof *d, v.header.entry_count);
            } else {
                for (size_t i = 0; i < v.header.entry_count; i++)
                    q[i].limit_fen = (int64_t)fake_subject_number(v.body + 24 * i);
                fake_append(f, &held[n++], &v.header, q, sizeof *q, v.header.entry_count);
            }
        } else if (n == 0) {
            char byte;
            if (recv(fd, &byte, 1, MSG_PEEK) == 0) break;
            idle++;
        }
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (n == 0 || (got && n < 16 && seed >> 61 != 0)) continue;
        while (n > 0) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t pick = (seed >> 33) % n;
            buf_append(&out, held[pick].data, held[pick].size);
            buf_clear(&held[pick]);
            buf last = held[n - 1];
            held[n - 1] = held[pick];
            held[pick] = last;
            n--;
        }
        fake_send_slowly(fd, out.data, out.size, 1 + (seed >> 40) % 500, 0);
        buf_clear(&out);
    }
    for (size_t i = 0; i < 16; i++) buf_deinit(&held[i]);
    buf_deinit(&out);
}

typedef struct expectation {
    uint64_t first; /* number of the first subject */
    uint16_t count;
    bool quota, answered;
} expectation;
static expectation expected[3000];

static void check(void *context, const xinyi_reply *r) {
    size_t *answered = context;
    expectation *e = &expected[r->tag];
    cr_assert_not(e->answered, "tag %lu twice", (unsigned long)r->tag);
    e->answered = true;
    (*answered)++;
    cr_assert_eq(r->status, 0);
    cr_assert_eq(r->count, e->count, "tag %lu", (unsigned long)r->tag);
    cr_assert((r->quota_answers != NULL) == e->quota && (r->decisions != NULL) == !e->quota);
    for (size_t i = 0; i < r->count; i++) {
        int64_t n = (int64_t)(e->first + i);
        if (e->quota)
            cr_assert_eq(r->quota_answers[i].limit_fen, n);
        else if (n % 10 == 7)
            cr_assert_eq(r->decisions[i].status, XINYI_UNKNOWN_SUBJECT);
        else
            cr_assert_eq(r->decisions[i].amount_fen, n);
    }
}

Test(pipeline, answers_in_any_order_and_pieces_find_their_requests) {
    uint64_t seed = 20261124, dice = seed;
    fake f;
    fake_start(&f, answer_at_random, &seed);
    xinyi *x = fake_connect(&f, &(xinyi_options){.max_in_flight = 40});
    size_t answered = 0;
    xinyi_on(x, check, &answered);
    for (uint64_t tag = 0; tag < 3000; tag++) {
        dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        expectation *e = &expected[tag];
        *e = (expectation){
            .first = dice >> 20, .count = (uint16_t)(1 + (dice >> 50) % 60), .quota = (dice >> 60) % 3 == 0};
        xinyi_subject s[60];
        xinyi_quota_ask asks[60] = {{{{0}}, 0}};
        for (size_t i = 0; i < e->count; i++) asks[i].subject = s[i] = fake_subject(e->first + i);
        int code = e->quota ? xinyi_send_quota_check(x, tag, 1, 3, asks, e->count)
                            : xinyi_send_decide(x, tag, 1, 1, s, e->count);
        cr_assert_eq(code, 0, "%s", xinyi_last_error(x));
        if (dice >> 45 & 1) cr_assert_eq(xinyi_poll(x, 0), 0);
    }
    cr_assert_eq(xinyi_flush(x), 0, "seed 20261124: %s", xinyi_last_error(x));
    cr_assert_eq(answered, 3000);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(pipeline, synchronous_calls_come_after_what_is_on_its_way) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, NULL);
    seen s = {.x = x};
    xinyi_on(x, note, &s);
    for (uint64_t i = 0; i < 5; i++) cr_assert_eq(send_one(x, i * 10), 0);
    xinyi_subject subject = fake_subject(1234);
    xinyi_decision d;
    cr_assert_eq(xinyi_decide(x, 1, 1, &subject, 1, &d), 0);
    cr_assert_eq(d.amount_fen, 1234);
    cr_assert_eq(s.count, 5, "their answers went to the callback");
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ failures */

static void refuse_odd_ones(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_DECIDE, &v)) {
        if (f->frames % 2 == 0)
            fake_error(fd, v.header.type, v.header.request_id, STATUS_OVERLOADED,
                       f->frames % 4 == 0 ? NULL : "queue is full");
        else
            answer(f, fd, &v);
    }
}

Test(pipeline, a_refused_request_is_reported_and_the_connection_lives) {
    fake f;
    fake_start(&f, refuse_odd_ones, NULL);
    xinyi *x = fake_connect(&f, NULL);
    seen s = {.x = x};
    xinyi_on(x, note, &s);
    for (uint64_t i = 0; i < 5; i++) cr_assert_eq(send_one(x, i * 10), 0);
    cr_assert_eq(xinyi_flush(x), 0);
    cr_assert_eq(s.count, 5);
    for (size_t i = 0; i < 5; i++) cr_assert_eq(s.statuses[i], i % 2 ? XINYI_OVERLOADED : 0, "request %zu", i);
    expect_contains(xinyi_last_error(x), "the server is overloaded"); /* the last one had no text of its own */
    xinyi_close(&x);
    fake_stop(&f);
}

static void close_after_three(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    for (int i = 0; i < 3 && fake_request(f, fd, MESSAGE_DECIDE, &v); i++) answer(f, fd, &v);
    fake_send(fd, "\x30\0\0\0", 4); /* the beginning of a fourth */
}

Test(pipeline, what_is_in_flight_when_the_server_goes_is_reported_once) {
    fake f;
    fake_start(&f, close_after_three, NULL);
    xinyi *x = fake_connect(&f, NULL);
    seen s = {.x = x};
    xinyi_on(x, note, &s);
    for (uint64_t i = 0; i < 10; i++) cr_assert_eq(send_one(x, i * 10), 0);
    cr_assert_eq(xinyi_flush(x), XINYI_CLOSED);
    cr_assert_eq(s.count, 10);
    uint64_t all = 0;
    for (size_t i = 0; i < 10; i++) {
        cr_assert_eq(s.statuses[i], i < 3 ? 0 : XINYI_CLOSED, "answer %zu", i);
        all |= UINT64_C(1) << s.tags[i] / 10;
    }
    cr_assert_eq(all, 0x3FF, "every tag once");
    cr_assert_eq(xinyi_in_flight(x), 0);
    cr_assert_eq(xinyi_poll(x, 100), XINYI_CLOSED);
    cr_assert_eq(send_one(x, 1), XINYI_CLOSED);
    cr_assert_eq(s.count, 10, "a request that was not taken is not reported");
    expect_contains(s.error, "closed the connection");
    xinyi_close(&x);
    fake_stop(&f);
}

static void call_everything(void *context, const xinyi_reply *r) {
    seen *s = context;
    xinyi_subject subject = fake_subject(1);
    xinyi_decision d;
    uint64_t cursor = 0;
    size_t n = 1;
    xinyi_profile p;
    s->count++;
    s->inside[0] = xinyi_poll(s->x, 0);
    s->inside[1] = xinyi_flush(s->x);
    s->inside[2] = xinyi_decide(s->x, 1, 1, &subject, 1, &d);
    s->inside[3] = xinyi_scan(s->x, 8, &cursor, &p, &n);
    s->inside[4] = xinyi_ping(s->x);
    s->inside[5] = r->status;
    snprintf(s->error, sizeof s->error, "%s", xinyi_last_error(s->x));
}

Test(pipeline, a_callback_cannot_call_what_would_read) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, NULL);
    seen s = {.x = x};
    xinyi_on(x, call_everything, &s);
    cr_assert_eq(send_one(x, 10), 0);
    cr_assert_eq(xinyi_flush(x), 0);
    cr_assert_eq(s.count, 1);
    for (int i = 0; i < 5; i++) cr_assert_eq(s.inside[i], XINYI_OVERLOADED, "call %d: %d", i, s.inside[i]);
    cr_assert_eq(s.inside[5], 0);
    expect_contains(s.error, "xinyi_send_");
    cr_assert_eq(xinyi_poll(x, 0), 0, "outside it is allowed again");
    xinyi_close(&x);
    fake_stop(&f);
}

static void send_too_many(void *context, const xinyi_reply *r) {
    (void)r;
    seen *s = context;
    if (s->count++ > 0) return;
    for (int i = 0; i < 5; i++) s->inside[i] = send_one(s->x, 20);
}

Test(pipeline, a_callback_never_waits_for_room) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, &(xinyi_options){.max_in_flight = 3});
    seen s = {.x = x};
    xinyi_on(x, send_too_many, &s);
    cr_assert_eq(send_one(x, 10), 0);
    cr_assert_eq(xinyi_flush(x), 0);
    for (int i = 0; i < 5; i++) cr_assert_eq(s.inside[i], i < 3 ? 0 : XINYI_OVERLOADED, "send %d", i);
    cr_assert_eq(s.count, 4);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(pipeline, requests_of_no_or_too_many_entries_are_refused) {
    fake f;
    fake_start(&f, answer_all, NULL);
    f.hello.max_entries = 10;
    xinyi *x = fake_connect(&f, NULL);
    seen s = {.x = x};
    xinyi_on(x, note, &s);
    xinyi_subject subjects[11] = {{{0}}};
    cr_assert_eq(xinyi_send_decide(x, 1, 1, 1, subjects, 0), STATUS_TOO_LARGE);
    cr_assert_eq(xinyi_send_decide(x, 1, 1, 1, subjects, 11), STATUS_TOO_LARGE);
    expect_contains(xinyi_last_error(x), "1 to 10 entries");
    cr_assert_eq(xinyi_in_flight(x), 0);
    cr_assert_eq(xinyi_send_decide(x, 0, 1, 1, subjects, 10), 0);
    cr_assert_eq(xinyi_flush(x), 0);
    cr_assert_eq(s.count, 1);
    cr_assert_eq(s.entries, 10);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(pipeline, without_a_callback_answers_are_dropped) {
    fake f;
    fake_start(&f, answer_all, NULL);
    xinyi *x = fake_connect(&f, NULL);
    cr_assert_eq(send_one(x, 10), 0);
    cr_assert_eq(xinyi_flush(x), 0);
    cr_assert_eq(xinyi_in_flight(x), 0);
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ every kind */

static void answer_every_kind(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, 0, &v)) {
        _Alignas(8) uint8_t entries[4 * 80] = {0};
        size_t length = message_find(v.header.type)->reply_entry, n = v.header.entry_count;
        if (n > 4) return;
        for (size_t i = 0; i < n; i++) entries[i * length] = (uint8_t)(i + 1); /* the status */
        if (v.header.type == MESSAGE_GET)
            for (size_t i = 0; i < n; i++) entries[i * length + 8 + 44] = (uint8_t)(10 + i); /* open_commitments */
        fake_reply(f, fd, &v.header, entries, length, n);
    }
}

static void check_kind(void *context, const xinyi_reply *r) {
    unsigned *kinds = context;
    cr_assert_eq(r->status, 0);
    *kinds |= 1u << r->tag;
    for (size_t i = 0; i < r->count; i++) {
        uint16_t code = r->tag == 1 || r->tag == 2 ? r->profiles[i].status
                        : r->tag == 3              ? r->puts[i].status
                                                   : r->operations[i].status;
        cr_assert_eq(code, i + 1, "tag %lu", (unsigned long)r->tag);
        if (r->tag <= 2) cr_assert_eq(r->profiles[i].profile.open_commitments, 10 + i);
    }
    cr_assert_eq(r->count, r->tag == 2 ? 1 : 3);
    cr_assert((r->profiles != NULL) == (r->tag <= 2) && (r->puts != NULL) == (r->tag == 3) &&
              (r->operations != NULL) == (r->tag == 4));
    cr_assert(r->decisions == NULL && r->quota_answers == NULL);
}

Test(pipeline, profiles_puts_and_operations) {
    fake f;
    unsigned kinds = 0;
    fake_start(&f, answer_every_kind, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_on(x, check_kind, &kinds);
    xinyi_subject s[3] = {fake_subject(1), fake_subject(2), fake_subject(3)};
    xinyi_put_entry puts[3] = {
        {.mask = 1, .profile.id = s[0]}, {.mask = 1, .profile.id = s[1]}, {.mask = 1, .profile.id = s[2]}};
    xinyi_operation o[3] = {{.kind = XINYI_RESERVE}, {.kind = XINYI_SETTLE}, {.kind = XINYI_ENERGY}};
    cr_assert_eq(xinyi_send_get(x, 1, 8, s, 3), 0);
    cr_assert_eq(xinyi_send_get(x, 2, 8, s, 1), 0);
    cr_assert_eq(xinyi_send_put(x, 3, puts, 3), 0);
    cr_assert_eq(xinyi_send_operate(x, 4, o, 3), 0);
    cr_assert_eq(xinyi_flush(x), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(kinds, 2 + 4 + 8 + 16);
    xinyi_close(&x);
    fake_stop(&f);
}
