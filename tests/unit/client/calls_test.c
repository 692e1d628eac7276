#include "base/clock.h"
#include "base/le.h"
#include "fake_server.h"

#include <signal.h>
#include <stdlib.h>

static void answer_decisions(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    wire_decision *d = calloc(LIMIT_ENTRIES_MAX, sizeof *d);
    while (fake_request(f, fd, MESSAGE_DECIDE, &v)) {
        fake_decide(&v, d);
        if (!fake_reply(f, fd, &v.header, d, sizeof *d, v.header.entry_count)) break;
    }
    free(d);
}

static xinyi_subject *some_subjects(size_t n) {
    xinyi_subject *s = calloc(n, sizeof *s);
    for (size_t i = 0; i < n; i++) s[i] = fake_subject(i);
    return s;
}

static void expect_decisions(const xinyi_decision *d, size_t n, unsigned scenario, unsigned purpose) {
    for (size_t i = 0; i < n; i++) {
        if (i % 10 == 7) {
            cr_assert_eq(d[i].status, XINYI_UNKNOWN_SUBJECT, "entry %zu", i);
            continue;
        }
        cr_assert_eq(d[i].status, 0, "entry %zu", i);
        cr_assert_eq(d[i].outcome, XINYI_GRANTED);
        cr_assert_eq(d[i].amount_fen, (int64_t)i, "entry %zu", i);
        cr_assert_eq(d[i].policy_version, scenario * 1000 + purpose);
    }
}

Test(calls, one_decision) {
    fake f;
    fake_start(&f, answer_decisions, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject s = fake_subject(UINT64_C(0x0123456789ABCDEF));
    xinyi_decision d;
    cr_assert_eq(xinyi_decide(x, XINYI_TRAVEL, XINYI_FOR_TRAVEL_SERVICE, &s, 1, &d), 0);
    cr_assert_eq(d.amount_fen, INT64_C(0x0123456789ABCDEF));
    cr_assert_eq(d.policy_version, 2002);
    cr_assert_eq(xinyi_in_flight(x), 0);
    cr_assert_eq(xinyi_decide(x, 1, 1, &s, 0, &d), 0, "nothing is asked for nothing");
    xinyi_close(&x);
    fake_stop(&f);
    cr_assert_eq(f.frames, 1);
}

Test(calls, large_batches_are_split_by_the_agreed_limit) {
    fake f;
    enum { N = 100003 };
    fake_start(&f, answer_decisions, NULL);
    f.hello.max_entries = 256;
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject *s = some_subjects(N);
    xinyi_decision *d = calloc(N, sizeof *d);
    cr_assert_eq(xinyi_decide(x, 5, 9, s, N, d), 0, "%s", xinyi_last_error(x));
    expect_decisions(d, N, 5, 9);
    xinyi_close(&x);
    fake_stop(&f);
    cr_assert_eq(f.frames, (N + 255) / 256);
    free(s);
    free(d);
}

/* ------------------------------------------------------------------ order, size and speed of answers */

#define HELD 8

/* Answers every eight requests in the reverse order. */
static void answer_backwards(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    buf held[HELD] = {{0}};
    size_t n = 0;
    while (fake_request(f, fd, MESSAGE_DECIDE, &v)) {
        wire_decision d[64];
        fake_decide(&v, d);
        fake_append(f, &held[n++], &v.header, d, sizeof *d, v.header.entry_count);
        if (n < HELD) continue;
        while (n > 0) {
            n--;
            fake_send(fd, held[n].data, held[n].size);
            buf_clear(&held[n]);
        }
    }
    for (size_t i = 0; i < HELD; i++) buf_deinit(&held[i]);
}

Test(calls, answers_may_overtake) {
    fake f;
    enum { N = 64 * HELD * 5 };
    fake_start(&f, answer_backwards, NULL);
    f.hello.max_entries = 64;
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject *s = some_subjects(N);
    xinyi_decision *d = calloc(N, sizeof *d);
    cr_assert_eq(xinyi_decide(x, 1, 1, s, N, d), 0, "%s", xinyi_last_error(x));
    expect_decisions(d, N, 1, 1);
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
    free(d);
}

static void answer_in_pieces(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    size_t chunk = (size_t)(uintptr_t)f->arg;
    while (fake_request(f, fd, MESSAGE_DECIDE, &v)) {
        wire_decision d[8];
        fake_decide(&v, d);
        buf b = {0};
        fake_append(f, &b, &v.header, d, sizeof *d, v.header.entry_count);
        fake_send_slowly(fd, b.data, b.size, chunk, chunk < 8 ? 0 : 1);
        buf_deinit(&b);
    }
}

Test(calls, answers_may_come_in_any_pieces) {
    static const size_t chunks[] = {1, 7, 31, 32, 33, 100};
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        fake f;
        fake_start(&f, answer_in_pieces, (void *)(uintptr_t)chunks[c]);
        f.hello.max_entries = 8;
        xinyi *x = fake_connect(&f, NULL);
        xinyi_subject *s = some_subjects(40);
        xinyi_decision d[40];
        cr_assert_eq(xinyi_decide(x, 3, 3, s, 40, d), 0, "%s", xinyi_last_error(x));
        expect_decisions(d, 40, 3, 3);
        xinyi_close(&x);
        fake_stop(&f);
        free(s);
    }
}

/* Answers each request before it reads the next, so that its own sending blocks while the client has more to send. */
static void answer_quotas(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    wire_quota_show *q = calloc(LIMIT_ENTRIES_MAX, sizeof *q);
    while (fake_request(f, fd, MESSAGE_QUOTA_SHOW, &v)) {
        for (size_t i = 0; i < v.header.entry_count; i++)
            q[i].limit_fen = (int64_t)fake_subject_number(v.body + i * v.header.entry_length);
        if (!fake_reply(f, fd, &v.header, q, sizeof *q, v.header.entry_count)) break;
    }
    free(q);
}

Test(calls, full_buffers_on_both_sides_do_not_deadlock) {
    fake f;
    enum { N = 400000 }; /* 10 MB out, 58 MB back: more than the kernel keeps */
    fake_start(&f, answer_quotas, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject *s = some_subjects(N);
    xinyi_quota *q = calloc(N, sizeof *q);
    cr_assert_eq(xinyi_quota_show(x, XINYI_PROGRAM_POWER, 3, s, N, q), 0, "%s", xinyi_last_error(x));
    for (size_t i = 0; i < N; i++) cr_assert_eq(q[i].limit_fen, (int64_t)i);
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
    free(q);
}

static void answer_longer_entries(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_DECIDE, &v)) {
        wire_decision d[8];
        uint8_t grown[8][48];
        fake_decide(&v, d);
        memset(grown, 0xEE, sizeof grown);
        for (size_t i = 0; i < 8; i++) memcpy(grown[i], &d[i], sizeof d[i]);
        fake_reply(f, fd, &v.header, grown, sizeof grown[0], v.header.entry_count);
    }
}

Test(calls, entries_of_a_newer_server_are_understood) {
    fake f;
    fake_start(&f, answer_longer_entries, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject *s = some_subjects(8);
    xinyi_decision d[8];
    cr_assert_eq(xinyi_decide(x, 1, 1, s, 8, d), 0, "%s", xinyi_last_error(x));
    expect_decisions(d, 8, 1, 1);
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
}

/* ------------------------------------------------------------------ failures */

/* The third request fails as a whole; the others are answered. */
static void fail_the_third(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, 0, &v)) {
        wire_decision d[4];
        fake_decide(&v, d);
        if (f->frames == 3)
            fake_error(fd, v.header.type, v.header.request_id, STATUS_OVERLOADED, "\x1b[31mbusy\n");
        else
            fake_reply(f, fd, &v.header, d, sizeof *d, v.header.entry_count);
    }
}

Test(calls, a_frame_that_fails_does_not_take_the_others_with_it) {
    fake f;
    fake_start(&f, fail_the_third, NULL);
    f.hello.max_entries = 4;
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject *s = some_subjects(20);
    xinyi_decision d[20];
    memset(d, 0xAA, sizeof d);
    cr_assert_eq(xinyi_decide(x, 1, 1, s, 20, d), XINYI_OVERLOADED);
    expect_contains(xinyi_last_error(x), "?[31mbusy?"); /* nothing that steers a terminal */
    expect_decisions(d, 8, 1, 1);
    for (size_t i = 8; i < 12; i++) cr_assert_eq(d[i].status, XINYI_OVERLOADED);
    for (size_t i = 12; i < 20; i++)
        cr_assert(d[i].status == 0 || d[i].status == XINYI_UNKNOWN_SUBJECT || d[i].status == XINYI_OVERLOADED,
                  "entry %zu", i);
    /* the connection lives */
    cr_assert_eq(xinyi_decide(x, 1, 1, s, 4, d), 0, "%s", xinyi_last_error(x));
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
}

/* Answers two frames, reads a third, and closes. */
static void close_in_the_middle(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    for (int i = 0; i < 3 && fake_request(f, fd, 0, &v); i++) {
        wire_operation_reply r[4] = {{.amount_fen = 1}, {.amount_fen = 2}, {.amount_fen = 3}, {.amount_fen = 4}};
        if (i < 2) fake_reply(f, fd, &v.header, r, sizeof *r, v.header.entry_count);
    }
    fake_pause(50);
}

Test(calls, writes_without_an_answer_have_an_unknown_outcome) {
    fake f;
    fake_start(&f, close_in_the_middle, NULL);
    f.hello.max_entries = 4;
    xinyi *x = fake_connect(&f, NULL);
    xinyi_operation o[14] = {{.kind = XINYI_RESERVE}};
    for (size_t i = 0; i < 14; i++)
        o[i] = (xinyi_operation){.id = xinyi_operation_new(), .kind = XINYI_RESERVE, .program = 1, .amount_fen = 100};
    xinyi_operation_reply r[14];
    memset(r, 0xAA, sizeof r);
    cr_assert_eq(xinyi_operate(x, o, 14, r), XINYI_CLOSED);
    expect_contains(xinyi_last_error(x), f.address);
    for (size_t i = 0; i < 8; i++)
        cr_assert(r[i].status == 0 && r[i].amount_fen == (int64_t)(i % 4 + 1), "entry %zu", i);
    for (size_t i = 8; i < 14; i++) cr_assert_eq(r[i].status, XINYI_OUTCOME_UNKNOWN, "entry %zu: %u", i, r[i].status);
    /* from now on nothing is sent: known, not unknown */
    cr_assert_eq(xinyi_operate(x, o, 2, r), XINYI_CLOSED);
    cr_assert_eq(r[0].status, XINYI_CLOSED);
    cr_assert_eq(xinyi_ping(x), XINYI_CLOSED);
    cr_assert_eq(xinyi_poll(x, 1000), XINYI_CLOSED);
    cr_assert_eq(xinyi_flush(x), XINYI_CLOSED);
    cr_assert_eq(xinyi_fd(x), -1);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(calls, reads_without_an_answer_say_why) {
    fake f;
    fake_start(&f, close_in_the_middle, NULL);
    f.hello.max_entries = 4;
    xinyi *x = fake_connect(&f, NULL);
    xinyi_operation_id ids[12] = {{{1}}};
    xinyi_outcome_reply *r = calloc(12, sizeof *r);
    cr_assert_neq(xinyi_outcome(x, ids, 12, r), 0);
    cr_assert_eq(r[11].status, (uint16_t)xinyi_outcome(x, ids, 1, r), "asking twice does no harm: not unknown");
    xinyi_close(&x);
    fake_stop(&f);
    free(r);
}

static void idle_timeout(fake *f, int fd) {
    if (!fake_hello(f, fd)) return;
    fake_pause(50); /* the client has done with HELLO */
    fake_error(fd, 0, 0, STATUS_IDLE_TIMEOUT, "idle for too long");
    shutdown(fd, SHUT_RDWR);
}

Test(calls, what_the_server_said_before_it_closed_is_told) {
    fake f;
    fake_start(&f, idle_timeout, NULL);
    xinyi *x = fake_connect(&f, NULL);
    fake_pause(200);
    cr_assert_eq(xinyi_ping(x), STATUS_IDLE_TIMEOUT);
    expect_contains(xinyi_last_error(x), "idle for too long");
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ time */

static void silent_after_hello(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_read(f, fd, &v)) {
    }
}

static volatile sig_atomic_t ticks;
static void on_tick(int number) {
    (void)number;
    ticks++;
}

Test(calls, no_answer_times_out_in_time_whatever_signals_come) {
    fake f;
    fake_start(&f, silent_after_hello, NULL);
    xinyi *x = fake_connect(&f, &(xinyi_options){.timeout_ms = 300});
    struct sigaction a = {.sa_handler = on_tick}; /* without SA_RESTART */
    sigaction(SIGALRM, &a, NULL);
    struct itimerval every = {.it_interval.tv_usec = 20000, .it_value.tv_usec = 20000}, never = {0};
    setitimer(ITIMER_REAL, &every, NULL);
    uint64_t begin = clock_mono_ns();
    cr_assert_eq(xinyi_ping(x), XINYI_TIMEOUT);
    uint64_t took_ms = (clock_mono_ns() - begin) / 1000000;
    setitimer(ITIMER_REAL, &never, NULL);
    cr_assert(took_ms >= 280 && took_ms < 3000, "%lu ms", (unsigned long)took_ms);
    expect_contains(xinyi_last_error(x), "did not answer within 300 ms");
    cr_assert_eq(xinyi_ping(x), XINYI_TIMEOUT, "the connection is gone for good");
    xinyi_close(&x);
    fake_stop(&f);
}

static void trickle(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    if (!fake_request(f, fd, MESSAGE_DECIDE, &v)) return;
    wire_decision d[64] = {{0}};
    buf b = {0};
    fake_append(f, &b, &v.header, d, sizeof *d, v.header.entry_count);
    fake_send_slowly(fd, b.data, b.size, 1, 20);
    buf_deinit(&b);
}

Test(calls, an_answer_that_never_ends_times_out) {
    fake f;
    fake_start(&f, trickle, NULL);
    xinyi *x = fake_connect(&f, &(xinyi_options){.timeout_ms = 200});
    xinyi_subject *s = some_subjects(64);
    xinyi_decision d[64];
    uint64_t begin = clock_mono_ns();
    cr_assert_eq(xinyi_decide(x, 1, 1, s, 64, d), XINYI_TIMEOUT);
    cr_assert((clock_mono_ns() - begin) / 1000000 < 2000);
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
}

/* Never reads: what the client sends fills the buffers. */
static void deaf(fake *f, int fd) {
    if (!fake_hello(f, fd)) return;
    while (!atomic_load(&f->stopping)) fake_pause(10);
}

Test(calls, a_server_that_does_not_read_times_out) {
    fake f;
    enum { N = 1000000 };
    fake_start(&f, deaf, NULL);
    xinyi *x = fake_connect(&f, &(xinyi_options){.timeout_ms = 300});
    xinyi_subject *s = some_subjects(N);
    xinyi_decision *d = calloc(N, sizeof *d);
    cr_assert_eq(xinyi_decide(x, 1, 1, s, N, d), XINYI_TIMEOUT);
    cr_assert_eq(d[0].status, XINYI_TIMEOUT);
    cr_assert_eq(d[N - 1].status, XINYI_TIMEOUT, "every entry tells");
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
    free(d);
}

/* ------------------------------------------------------------------ hostile answers */

typedef enum attack {
    ATTACK_FEWER,
    ATTACK_MORE,
    ATTACK_SHORT_ENTRIES,
    ATTACK_ODD_ENTRIES,
    ATTACK_OTHER_TYPE,
    ATTACK_OTHER_ID,
    ATTACK_OLD_ID,
    ATTACK_NO_REPLY_FLAG,
    ATTACK_TWICE,
    ATTACK_STATUS_BUT_NO_ERROR,
    ATTACK_BODY_DAMAGED,
    ATTACK_HEADER_DAMAGED,
    ATTACK_HUGE_LENGTH,
    ATTACK_RESERVED_FLAG,
    ATTACK_NO_CHECKSUM,
    ATTACK_ERROR_OF_NOBODY,
    ATTACKS
} attack;

static void attack_once(fake *f, int fd) {
    attack a = (attack)(uintptr_t)f->arg;
    frame_view v;
    if (!fake_hello(f, fd) || !fake_request(f, fd, MESSAGE_DECIDE, &v)) return;
    uint8_t frame[32 + 32 * 8] = {0};
    frame_header h = {.type = MESSAGE_DECIDE,
                      .flags = FRAME_REPLY,
                      .request_id = v.header.request_id,
                      .entry_length = 32,
                      .entry_count = v.header.entry_count};
    size_t body = 32u * v.header.entry_count;
    switch (a) {
    case ATTACK_FEWER: h.entry_count--, body -= 32; break;
    case ATTACK_MORE: h.entry_count++, body += 32; break;
    case ATTACK_SHORT_ENTRIES: h.entry_length = 24, body = 24u * h.entry_count; break;
    case ATTACK_ODD_ENTRIES: h.entry_length = 33, body = 33u * h.entry_count; break;
    case ATTACK_OTHER_TYPE: h.type = MESSAGE_PUT; break;
    case ATTACK_OTHER_ID: h.request_id += 1000000; break;
    case ATTACK_OLD_ID: h.request_id -= UINT64_C(1) << 32; break;
    case ATTACK_NO_REPLY_FLAG: h.flags = 0; break;
    case ATTACK_STATUS_BUT_NO_ERROR: h.status = 142; break;
    case ATTACK_RESERVED_FLAG: h.flags |= 1u << 9; break;
    default: break;
    }
    frame_finish(frame, h, body, a != ATTACK_NO_CHECKSUM);
    size_t length = frame_length(body);
    if (a == ATTACK_BODY_DAMAGED) frame[40] ^= 1;
    if (a == ATTACK_HEADER_DAMAGED) frame[22] ^= 1;
    if (a == ATTACK_HUGE_LENGTH) {
        le_put32(frame, LIMIT_FRAME_MAX + 8);
        le_put32(frame + 28, frame_checksum(frame, 28));
    }
    if (a == ATTACK_ERROR_OF_NOBODY)
        fake_error(fd, MESSAGE_DECIDE, 77, STATUS_OVERLOADED, "for nobody");
    else
        fake_send(fd, frame, length);
    if (a == ATTACK_TWICE) fake_send(fd, frame, length);
    while (fake_read(f, fd, &v)) {
    }
}

Test(calls, hostile_answers_end_the_connection) {
    for (attack a = 0; a < ATTACKS; a++) {
        fake f;
        fake_start(&f, attack_once, (void *)(uintptr_t)a);
        xinyi *x = fake_connect(&f, &(xinyi_options){.timeout_ms = 2000});
        xinyi_subject *s = some_subjects(7);
        xinyi_decision *d = calloc(7, sizeof *d); /* exactly: a sanitizer sees an entry too many */
        int code = xinyi_decide(x, 1, 1, s, 7, d);
        if (a == ATTACK_TWICE) {
            if (code == 0) code = xinyi_ping(x); /* the second may come a moment later */
        }
        cr_assert(code != 0 && code != XINYI_TIMEOUT && code != XINYI_CLOSED, "attack %u: %d", a, code);
        expect_contains(xinyi_last_error(x), f.address);
        cr_assert_eq(xinyi_fd(x), -1, "attack %u", a);
        cr_assert_eq(xinyi_in_flight(x), 0);
        xinyi_close(&x);
        fake_stop(&f);
        free(s);
        free(d);
    }
}

/* Damages a good answer anew on every connection; bit 0 of the round mends the checksums. */
static void damage(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd) || !fake_request(f, fd, MESSAGE_DECIDE, &v)) return;
    uint64_t *seed = f->arg;
    wire_decision d[5];
    fake_decide(&v, d);
    buf b = {0};
    fake_append(f, &b, &v.header, d, sizeof *d, v.header.entry_count);
    for (int i = 0; i < 3; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t at = (*seed >> 33) % (*seed >> 20 & 1 ? b.size : 24);
        b.data[at] = (uint8_t)(*seed >> 56);
    }
    if (*seed >> 21 & 1) {
        if (le_get32(b.data) > b.size || *seed >> 22 & 1) le_put32(b.data, (uint32_t)b.size);
        le_put32(b.data + 24, frame_checksum(b.data + 32, b.size - 32));
        le_put32(b.data + 28, frame_checksum(b.data, 28));
    }
    fake_send(fd, b.data, b.size);
    buf_deinit(&b);
}

Test(calls, random_damage_never_harms_the_caller) {
    uint64_t seed = 20261124;
    fake f;
    fake_start(&f, damage, &seed);
    xinyi_subject *s = some_subjects(5);
    for (int round = 0; round < 500; round++) {
        xinyi *x = fake_connect(&f, NULL);
        xinyi_decision *d = calloc(5, sizeof *d);
        int code = xinyi_decide(x, 1, 1, s, 5, d); /* damage may leave a good answer */
        cr_assert(code == 0 || xinyi_last_error(x)[0] != '\0', "round %d", round);
        xinyi_close(&x);
        free(d);
    }
    fake_stop(&f);
    free(s);
}

/* ------------------------------------------------------------------ arguments */

Test(calls, codes_that_do_not_fit_are_refused_here) {
    fake f;
    fake_start(&f, answer_decisions, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject s = fake_subject(1);
    xinyi_decision d;
    xinyi_quota q;
    cr_assert_eq(xinyi_decide(x, 257, 1, &s, 1, &d), STATUS_BAD_VALUE, "not taken for scenario 1");
    cr_assert_eq(d.status, STATUS_BAD_VALUE);
    cr_assert_eq(xinyi_decide(x, 1, 256, &s, 1, &d), STATUS_BAD_VALUE);
    cr_assert_eq(xinyi_quota_show(x, 257, 3, &s, 1, &q), STATUS_BAD_VALUE);
    uint64_t cursor = 0;
    size_t n = 1;
    xinyi_profile p;
    cr_assert_eq(xinyi_scan(x, 300, &cursor, &p, &n), STATUS_BAD_VALUE);
    cr_assert_eq(n, 0);
    const char *document = "x";
    cr_assert_eq(xinyi_explain(x, 257, 1, &s, &document), STATUS_BAD_VALUE);
    cr_assert(document == NULL);
    cr_assert_eq(xinyi_send_decide(x, 1, 257, 1, &s, 1), STATUS_BAD_VALUE);
    cr_assert_eq(xinyi_decide(x, 255, 255, &s, 1, &d), 0, "the connection lives");
    xinyi_close(&x);
    fake_stop(&f);
    cr_assert_eq(f.frames, 1);
}
