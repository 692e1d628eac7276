/* A chain of linked operations is never divided over two frames: the server would see two halves. */
#include "fake_server.h"

#include <stdlib.h>

#define FRAMES 4096

typedef struct seen {
    size_t frames;
    uint16_t counts[FRAMES];
    size_t operations, cut; /* in order so far; frames that end within a chain */
    uint64_t disorder;
} seen;

/* Operations are numbered by amount; the answer tells the number back. */
static void serve(fake *f, int fd) {
    seen *s = f->arg;
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_QUOTA_OPERATE, &v)) {
        size_t n = v.header.entry_count;
        wire_operation_reply *r = calloc(n, sizeof *r);
        uint8_t flags = 0;
        for (size_t i = 0; i < n; i++) {
            wire_operation o;
            memcpy(&o, v.body + i * sizeof o, sizeof o);
            s->disorder += o.amount_fen != (int64_t)(s->operations + 1);
            s->operations++;
            r[i].amount_fen = o.amount_fen;
            flags = o.flags;
        }
        s->cut += (flags & WIRE_LINKED) != 0;
        if (s->frames < FRAMES) s->counts[s->frames] = (uint16_t)n;
        s->frames++;
        fake_reply(f, fd, &v.header, r, sizeof *r, n);
        free(r);
    }
}

static xinyi_operation *operations_of(size_t n) {
    xinyi_operation *o = calloc(n, sizeof *o);
    for (size_t i = 0; i < n; i++)
        o[i] = (xinyi_operation){.id = {{1, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}},
                                 .subject = fake_subject(i),
                                 .program = 1,
                                 .kind = XINYI_RESERVE,
                                 .amount_fen = (int64_t)i + 1};
    return o;
}

static int operate(seen *s, uint32_t max_entries, const xinyi_operation *o, size_t n, xinyi_operation_reply *r) {
    fake f;
    *s = (seen){0};
    fake_start(&f, serve, s);
    f.hello.max_entries = max_entries;
    xinyi *x = fake_connect(&f, NULL);
    int result = xinyi_operate(x, o, n, r);
    xinyi_close(&x);
    fake_stop(&f);
    return result;
}

Test(chains, a_frame_ends_with_a_chain) {
    enum { N = 100 };
    static seen s;
    xinyi_operation *o = operations_of(N);
    xinyi_operation_reply r[N];
    for (size_t i = 14; i < 17; i++) o[i].linked = 1; /* 15 to 18, over the border of 16 */
    o[N - 1].linked = 1;                              /* not ended: the server's to refuse */
    cr_assert_eq(operate(&s, 16, o, N, r), 0);
    cr_assert_eq(s.counts[0], 14);
    cr_assert_eq(s.counts[1], 16);
    cr_assert_eq(s.operations, N);
    cr_assert_eq(s.cut, 1, "only the last");
    for (int64_t i = 0; i < N; i++) cr_assert_eq(r[i].amount_fen, i + 1);
    free(o);
}

Test(chains, random_chains_stay_whole_and_in_order) {
    enum { N = 20000, MOST = 32 };
    static seen s;
    uint64_t seed = 20261124;
    printf("seed %llu\n", (unsigned long long)seed);
    xinyi_operation *o = operations_of(N);
    xinyi_operation_reply *r = calloc(N, sizeof *r);
    for (size_t i = 0; i < N;) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t length = 1 + (seed >> 33) % MOST; /* as long as a frame, too */
        for (size_t k = 0; k + 1 < length && i + k + 1 < N; k++) o[i + k].linked = 1;
        i += length;
    }
    cr_assert_eq(operate(&s, MOST, o, N, r), 0);
    cr_assert_eq(s.cut, 0);
    cr_assert_eq(s.disorder, 0);
    cr_assert_eq(s.operations, N);
    for (int64_t i = 0; i < N; i++) cr_assert_eq(r[i].amount_fen, i + 1);
    free(o);
    free(r);
}

Test(chains, one_longer_than_a_frame_is_refused_before_anything_is_sent) {
    enum { N = 100 };
    static seen s;
    xinyi_operation *o = operations_of(N);
    xinyi_operation_reply r[N];
    for (size_t i = 60; i < 76; i++) o[i].linked = 1; /* 17 of them */
    cr_assert_eq(operate(&s, 16, o, N, r), STATUS_TOO_LARGE);
    cr_assert_eq(s.frames, 0);
    for (size_t i = 0; i < N; i++) cr_assert_eq(r[i].status, STATUS_TOO_LARGE);
    o[75].linked = 0; /* 16: fits */
    cr_assert_eq(operate(&s, 16, o, N, r), 0);
    cr_assert_eq(s.operations, N);
    cr_assert_eq(s.cut, 0);
    free(o);
}
