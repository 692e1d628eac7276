/* Clients that are wrong, slow, greedy or gone, each a subcommand; exit 0 if the server does with them what PROTOCOL.md
 * says, else 1 with a sentence. tests/integration/server.sh runs them.
 *
 *   hostile CASE --server HOST:PORT [--count N] [--pid P] [--seed S]
 *
 * --pid is the server's, to look at its memory. `hostile list` prints the cases that need nothing special. */
#include "tests/tools/peer.h"
#include "tests/tools/process.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

static const char *server = "127.0.0.1:7420";
static unsigned count = 1000;
static long server_pid;
static uint64_t seed = 1;

/* ------------------------------------------------------------------ what they send */

static uint64_t random_next(void) { /* splitmix64 */
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* Person i of up to 10 million: an impossible resident ID of division 530000. */
static subject_id person(unsigned i) {
    unsigned day = i / 1000 % 28 + 1, month = i / 28000 % 12 + 1, year = 1950 + i / 336000;
    uint64_t number =
        UINT64_C(53000000000000000) + year * UINT64_C(10000000) + month * 100000u + day * 1000u + i % 1000;
    subject_id s = {{SUBJECT_PERSON}};
    for (int b = 11; b >= 1; b--, number >>= 8) s.bytes[b] = (uint8_t)number;
    return s;
}

static wire_decide decide_about(unsigned i) { return (wire_decide){person(i), 5, 5, 0}; }
static wire_quota quota_about(unsigned i) { return (wire_quota){person(i), 1, 3, 0, 100}; }
static wire_get get_about(unsigned i) { return (wire_get){.subject = person(i), .purpose = 6}; }

static wire_put put_about(unsigned i, uint32_t minutes) {
    wire_put w = {.mask = UINT64_C(1) << FIELD_volunteer_minutes};
    profile p;
    subject_id id = person(i);
    profile_init(&p, &id);
    p.volunteer_minutes = minutes;
    profile_encode(&p, w.profile);
    return w;
}

/* ------------------------------------------------------------------ bytes that are not frames */

static void garbage(void) {
    for (int round = 0; round < 32; round++) {
        peer p = peer_ready(server, 0);
        uint8_t bytes[4096];
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)random_next();
        peer_send(&p, bytes, 32 + random_next() % (sizeof bytes - 32));
        peer_expect_error(&p, 0, 0, STATUS_BAD_CHECKSUM);
        peer_expect_closed(&p, 5000);
        peer_close(&p);
    }
}

/* A good header apart from one thing; must be answered with `why` and be the end. */
static void fatal_header(size_t offset, uint8_t xor_with, bool signs, status why) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    wire_decide d = decide_about(1);
    message_request(&out, MESSAGE_DECIDE, 7, 0, &d, 1, true);
    out.data[offset] ^= xor_with;
    if (signs) sign(out.data);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, 0, 0, why);
    peer_expect_closed(&p, 5000);
    peer_close(&p);
    buf_deinit(&out);
}

static void header(void) {
    for (size_t byte = 0; byte < 32; byte++) /* no byte of a header may be wrong */
        fatal_header(byte, (uint8_t)(1u << byte % 8), false, STATUS_BAD_CHECKSUM);
    fatal_header(2, 0x10, true, STATUS_TOO_LARGE); /* length + 1 MiB */
    fatal_header(3, 0x80, true, STATUS_TOO_LARGE);
    fatal_header(0, 0x01, true, STATUS_BAD_FRAME); /* not a multiple of 8 */
    fatal_header(0, 0x20, true, STATUS_BAD_FRAME); /* 16: shorter than its header */
    fatal_header(5, 0x01, true, STATUS_BAD_FRAME); /* 9 words */
    fatal_header(5, 0x08, true, STATUS_BAD_FRAME); /* none */
    fatal_header(6, 0x04, true, STATUS_BAD_FRAME); /* no_checksum that was not agreed */
}

/* ------------------------------------------------------------------ frames that are refused and no more */

static void refused(void) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    wire_decide d[64];
    for (unsigned i = 0; i < 64; i++) d[i] = decide_about(i);
    uint8_t wide[3 * 24] = {0};
    for (size_t i = 0; i < 3; i++) memcpy(wide + i * 24, &d[i], 16);

    message_request(&out, MESSAGE_DECIDE, 2, 0, d, 1, true);
    out.data[40] ^= 1;
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_DECIDE, 2, STATUS_BAD_CHECKSUM);
    odd_frame(&out, (frame_header){.type = 99, .request_id = 3}, NULL, 0);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, 99, 3, STATUS_UNKNOWN_TYPE);
    const struct {
        unsigned flags;
        uint16_t length, entries;
        size_t bytes;
        status why;
    } cases[] = {
        {FRAME_REPLY, 16, 1, 16, STATUS_BAD_FRAME},
        {FRAME_ERROR, 16, 1, 16, STATUS_BAD_FRAME},
        {0x8000, 16, 1, 16, STATUS_BAD_FRAME},
        {0, 16, 0, 0, STATUS_BAD_ENTRY},
        {0, 8, 1, 8, STATUS_BAD_ENTRY},
        {0, 20, 1, 20, STATUS_BAD_ENTRY},
        {0, 16, 2, 16, STATUS_BAD_ENTRY},
        {0, 16, 1, 32, STATUS_BAD_ENTRY},
        {0, 0, 1, 16, STATUS_BAD_ENTRY},
        {0, 65528, 65535, 16, STATUS_BAD_ENTRY},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        frame_header h = {.type = MESSAGE_DECIDE,
                          .flags = (uint16_t)cases[i].flags,
                          .request_id = 10 + i,
                          .entry_length = cases[i].length,
                          .entry_count = cases[i].entries};
        odd_frame(&out, h, d, cases[i].bytes);
        peer_send_buf(&p, &out);
        peer_expect_error(&p, MESSAGE_DECIDE, 10 + i, cases[i].why);
    }
    frame_view f;
    frame_header longer = {.type = MESSAGE_DECIDE, .request_id = 50, .entry_length = 24, .entry_count = 3};
    odd_frame(&out, longer, wide, sizeof wide);
    peer_send_buf(&p, &out);
    peer_expect(&p, &f, MESSAGE_DECIDE, 50);
    EXPECT(f.header.status == STATUS_OK && f.header.entry_count == 3, "longer entries that end in zeros are refused");
    wide[2 * 24 + 23] = 1;
    odd_frame(&out, longer, wide, sizeof wide);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_DECIDE, 50, STATUS_BAD_ENTRY);
    peer_ping(&p, 60); /* all that, and the connection lives */
    peer_close(&p);
    buf_deinit(&out);
}

static void largest(void) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    frame_view f;
    static wire_decide d[LIMIT_ENTRIES_MAX + 1];
    for (unsigned i = 0; i <= LIMIT_ENTRIES_MAX; i++) d[i] = decide_about(i);
    message_request(&out, MESSAGE_DECIDE, 2, 0, d, LIMIT_ENTRIES_MAX, true);
    peer_send_buf(&p, &out);
    peer_expect(&p, &f, MESSAGE_DECIDE, 2);
    EXPECT(f.header.status == STATUS_OK && f.header.entry_count == LIMIT_ENTRIES_MAX, "a full batch is refused");
    frame_header h = {
        .type = MESSAGE_DECIDE, .request_id = 3, .entry_length = 16, .entry_count = LIMIT_ENTRIES_MAX + 1};
    odd_frame(&out, h, d, sizeof d);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_DECIDE, 3, STATUS_TOO_LARGE);
    static uint8_t body[1032];
    odd_frame(&out, (frame_header){.type = MESSAGE_PING, .request_id = 4}, body, sizeof body);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_PING, 4, STATUS_TOO_LARGE);
    peer_close(&p);

    /* A client that accepts 4096 bytes a frame is never sent more. */
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    hello small = {.max_frame = 4096, .max_entries = 100};
    peer_hello(&p, &small);
    EXPECT(small.max_frame == 4096 && small.max_entries == 100, "wishes are not heard");
    p.max_frame = 4096;
    wire_get g[100];
    for (unsigned i = 0; i < 100; i++) g[i] = get_about(i);
    message_request(&out, MESSAGE_DECIDE, 2, 0, d, 101, true);
    message_request(&out, MESSAGE_GET, 3, 0, g, 57, true);
    message_request(&out, MESSAGE_GET, 4, 0, g, 56, true);
    wire_scan walk = {0, 0, 6};
    message_request(&out, MESSAGE_SCAN, 5, 0, &walk, 1, true);
    message_request(&out, MESSAGE_EXPLAIN, 6, 0, d, 64, true);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_DECIDE, 2, STATUS_TOO_LARGE);
    peer_expect_error(&p, MESSAGE_GET, 3, STATUS_TOO_LARGE);
    peer_expect(&p, &f, MESSAGE_GET, 4);
    EXPECT(f.header.entry_count == 56, "56 profiles fit 4096 bytes");
    peer_expect(&p, &f, MESSAGE_SCAN, 5);
    EXPECT_STATUS(f.header.status, STATUS_OK);
    EXPECT(peer_next(&p, &f, PEER_WAIT_MS), "no reply to EXPLAIN"); /* whatever it is, it fits */
    peer_close(&p);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ HELLO */

static void before_hello(void) {
    peer p;
    buf out = {0};
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    peer_ping(&p, 9);
    wire_decide d = decide_about(1);
    message_request(&out, MESSAGE_DECIDE, 2, 0, &d, 1, true);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_DECIDE, 2, STATUS_HELLO_REQUIRED);
    peer_expect_closed(&p, 5000);
    peer_close(&p);
    buf_deinit(&out);
}

/* One HELLO that is refused; then it is over, or can be repeated. */
static void bad_hello(hello h, const uint8_t *extra, size_t extra_length, status why, bool fatal) {
    peer p;
    buf out = {0};
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    hello_encode(&out, 5, 0, &h, extra, extra_length);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_HELLO, 5, why);
    if (fatal) {
        peer_expect_closed(&p, 5000);
    } else {
        hello good = {0};
        peer_hello(&p, &good);
        peer_ping(&p, 6);
    }
    peer_close(&p);
    buf_deinit(&out);
}

static void hellos(void) {
    hello v1 = {.version_min = 1, .version_max = 1}, v9 = {.version_min = 2, .version_max = 9};
    hello other = {.version_min = 1, .version_max = 1, .cluster = "another", .cluster_length = 7};
    hello backwards = {.version_min = 2, .version_max = 1};
    const uint8_t twice[] = {77, 0, 0, 0, 77, 0, 0, 0}, beyond[] = {77, 0, 200, 0},
                  padding[] = {77, 0, 1, 0, 1, 9, 0, 0};
    bad_hello(v9, NULL, 0, STATUS_UNSUPPORTED_VERSION, true);
    bad_hello(other, NULL, 0, STATUS_WRONG_CLUSTER, true);
    bad_hello(backwards, NULL, 0, STATUS_BAD_ENTRY, false);
    bad_hello(v1, twice, sizeof twice, STATUS_BAD_ENTRY, false);
    bad_hello(v1, beyond, sizeof beyond, STATUS_BAD_ENTRY, false);
    bad_hello(v1, padding, sizeof padding, STATUS_BAD_ENTRY, false);

    peer p;
    buf out = {0};
    frame_view f;
    hello got, wide = {.version_min = 1, .version_max = 7, .features = 0xFFFFFFFE, .max_in_flight = 3};
    const uint8_t unknown[] = {77, 0, 3, 0, 'a', 'b', 'c', 0, 0x34, 0x12, 0, 0};
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    hello_encode(&out, 5, 0, &wide, unknown, sizeof unknown);
    peer_send_buf(&p, &out);
    peer_expect(&p, &f, MESSAGE_HELLO, 5);
    EXPECT(hello_decode(f.body, f.body_length, true, &got) == STATUS_OK, "a bad reply");
    EXPECT(got.unknown_count == 2 && got.unknown[0] == 77 && got.unknown[1] == 0x1234, "unknown options are not named");
    EXPECT(got.version_min == 1 && got.version_max == 1 && got.features == 0, "features nobody knows are in force");
    EXPECT(got.max_in_flight == 3 && got.max_entries == LIMIT_ENTRIES_MAX, "other limits than wished");
    EXPECT(got.cluster != NULL && got.agent != NULL, "no cluster or agent in the reply");
    hello_encode(&out, 6, 0, &v1, NULL, 0); /* a second one */
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_HELLO, 6, STATUS_BAD_FRAME);
    peer_ping(&p, 7);
    peer_close(&p);
    buf_deinit(&out);
}

static void no_checksum(void) {
    peer p;
    buf out = {0};
    frame_view f;
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    hello h = {.features = HELLO_NO_CHECKSUM};
    peer_hello(&p, &h);
    EXPECT(h.features == HELLO_NO_CHECKSUM, "the feature is not agreed");
    wire_decide d = decide_about(1);
    wire_put w = put_about(1, 1);
    for (int checksum = 0; checksum < 2; checksum++) {
        message_request(&out, MESSAGE_DECIDE, 2, 0, &d, 1, checksum != 0);
        peer_send_buf(&p, &out);
        peer_expect(&p, &f, MESSAGE_DECIDE, 2);
        EXPECT((f.header.flags & FRAME_NO_CHECKSUM) != 0 && f.header.status == STATUS_OK, "checksums, though declined");
        message_request(&out, MESSAGE_PUT, 3, 0, &w, 1, checksum != 0);
        peer_send_buf(&p, &out);
        peer_expect(&p, &f, MESSAGE_PUT, 3);
        EXPECT((f.header.flags & FRAME_NO_CHECKSUM) != 0 && f.header.status == STATUS_OK, "checksums, though declined");
    }
    message_request(&out, MESSAGE_DECIDE, 4, 0, &d, 1, false);
    out.data[28] = 1; /* a checksum where there is none */
    peer_send_buf(&p, &out);
    peer_expect_error(&p, 0, 0, STATUS_BAD_CHECKSUM);
    peer_expect_closed(&p, 5000);
    peer_close(&p);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ many frames, and pieces of frames */

static void dribble(void) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    wire_decide d[5];
    for (unsigned i = 0; i < 5; i++) d[i] = decide_about(i);
    for (unsigned id = 2; id < 12; id++) message_request(&out, MESSAGE_DECIDE, id, 0, d, id % 5 + 1, true);
    for (size_t i = 0; i < out.size; i++) {
        peer_send(&p, out.data + i, 1);
        nanosleep(&(struct timespec){0, 20000}, NULL);
    }
    for (unsigned id = 2; id < 12; id++) {
        frame_view f;
        peer_expect(&p, &f, MESSAGE_DECIDE, id);
        EXPECT(f.header.entry_count == id % 5 + 1, "%u entries", f.header.entry_count);
    }
    peer_close(&p);
    buf_deinit(&out);
}

/* What one batch frame says must be what frames of any size say, in whatever order the kinds come. */
static void pipelined(void) {
    enum { SUBJECTS = 3000 };
    static wire_decide d[SUBJECTS];
    static wire_quota q[SUBJECTS];
    static wire_decision expected[SUBJECTS];
    static wire_quota_check expected_quota[SUBJECTS];
    static struct { unsigned from, n, type; } asked[2 * SUBJECTS];
    peer p = peer_ready(server, 0);
    buf out = {0};
    frame_view f;
    for (unsigned i = 0; i < SUBJECTS; i++) {
        d[i] = decide_about(i * 3);
        q[i] = quota_about(i * 3);
        if (i % 7 == 0) d[i].scenario = 63;
        if (i % 11 == 0) d[i].flags = 1;
        if (i % 13 == 0) d[i].purpose = 0;
        if (i % 17 == 0) q[i].subject.bytes[0] = 9;
    }
    message_request(&out, MESSAGE_DECIDE, 2, 0, d, SUBJECTS, true);
    message_request(&out, MESSAGE_QUOTA_CHECK, 3, 0, q, SUBJECTS, true);
    peer_send_buf(&p, &out);
    peer_expect(&p, &f, MESSAGE_DECIDE, 2);
    memcpy(expected, f.body, sizeof expected);
    peer_expect(&p, &f, MESSAGE_QUOTA_CHECK, 3);
    memcpy(expected_quota, f.body, sizeof expected_quota);
    EXPECT(expected[0].status == STATUS_BAD_ENTRY || expected[0].status == STATUS_BAD_PURPOSE, "a bad entry passes");
    for (int round = 0; round < 20; round++) {
        unsigned frames = 0;
        for (unsigned at = 0; at < SUBJECTS; frames++) {
            unsigned most = round < 2 ? 1 : round % 2 == 0 ? 7 : 700, n = (unsigned)(random_next() % most) + 1;
            if (n > SUBJECTS - at) n = SUBJECTS - at;
            bool quota = round == 1 || (round > 2 && random_next() % 3 == 0);
            if (quota)
                message_request(&out, MESSAGE_QUOTA_CHECK, frames, 0, q + at, n, true);
            else
                message_request(&out, MESSAGE_DECIDE, frames, 0, d + at, n, true);
            asked[frames].from = at;
            asked[frames].n = n;
            asked[frames].type = quota ? MESSAGE_QUOTA_CHECK : MESSAGE_DECIDE;
            at += n;
        }
        peer_send_buf(&p, &out); /* in as few writes as the socket takes */
        for (unsigned i = 0; i < frames; i++) {
            peer_expect(&p, &f, asked[i].type, i);
            EXPECT(f.header.status == STATUS_OK && f.header.entry_count == asked[i].n, "frame %u is incomplete", i);
            const void *want = asked[i].type == MESSAGE_DECIDE ? (const void *)&expected[asked[i].from]
                                                               : (const void *)&expected_quota[asked[i].from];
            size_t bytes = (size_t)asked[i].n * f.header.entry_length;
            EXPECT(memcmp(f.body, want, bytes) == 0, "round %d, frame %u: other answers than in one batch", round, i);
        }
    }
    peer_close(&p);
    buf_deinit(&out);
}

static void cursors(void) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    for (unsigned i = 0; i < 400; i++) {
        uint64_t r = random_next();
        wire_scan w = {i < 64 ? UINT64_C(1) << i : i < 128 ? UINT64_MAX >> (i - 64) : r, 3, 6};
        message_request(&out, i % 2 == 0 ? MESSAGE_SCAN : MESSAGE_QUOTA_SCAN, i, 0, &w, 1, true);
    }
    peer_send_buf(&p, &out);
    for (unsigned i = 0; i < 400; i++) {
        frame_view f;
        peer_expect(&p, &f, i % 2 == 0 ? MESSAGE_SCAN : MESSAGE_QUOTA_SCAN, i);
        EXPECT(f.header.status == STATUS_OK && f.header.entry_count <= 3, "a cursor nobody gave: %s",
               status_name(f.header.status));
    }
    wire_scan nobody = {0, 3, 0};
    message_request(&out, MESSAGE_SCAN, 9, 0, &nobody, 1, true);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_SCAN, 9, STATUS_BAD_PURPOSE);
    peer_close(&p);
    buf_deinit(&out);
}

/* Makes `count` subjects, for the cases that read. */
static void fill(void) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    static wire_put w[1000];
    unsigned frames = 0;
    for (unsigned at = 0; at < count; frames++) {
        unsigned n = count - at < 1000 ? count - at : 1000;
        for (unsigned i = 0; i < n; i++) w[i] = put_about(at + i, at + i);
        message_request(&out, MESSAGE_PUT, frames, 0, w, n, true);
        at += n;
    }
    peer_send_buf(&p, &out);
    for (unsigned i = 0; i < frames; i++) {
        frame_view f;
        peer_expect(&p, &f, MESSAGE_PUT, i);
        for (unsigned e = 0; e < f.header.entry_count; e++) {
            wire_put_reply r;
            memcpy(&r, f.body + e * sizeof r, sizeof r);
            EXPECT_STATUS(r.status, STATUS_OK);
        }
    }
    peer_close(&p);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ writes */

/* More writes than may be in flight: all are answered, in order, each one once. */
static void in_flight(void) {
    for (unsigned limit = 0; limit <= 3; limit++) {
        peer p;
        EXPECT(peer_try_open(&p, server, 0), "cannot connect");
        hello h = {.max_in_flight = limit};
        peer_hello(&p, &h);
        buf out = {0};
        unsigned n = limit == 0 ? 3000 : 300;
        for (unsigned i = 0; i < n; i++) {
            wire_put w = put_about(9000000 + limit, i);
            message_request(&out, MESSAGE_PUT, i, 0, &w, 1, true);
            if (i % 10 == 0) message_request(&out, MESSAGE_PING, 1000000 + i, 0, NULL, 0, true);
        }
        peer_send_buf(&p, &out);
        uint32_t version = 0;
        unsigned pings = 0;
        for (unsigned i = 0; i < n;) {
            frame_view f;
            EXPECT(peer_next(&p, &f, PEER_WAIT_MS), "no answer to write %u of %u", i, n);
            if (f.header.type == MESSAGE_PING) {
                pings++;
                continue;
            }
            wire_put_reply r;
            EXPECT(f.header.request_id == i && f.header.status == STATUS_OK, "write %" PRIu64 " answered instead of %u",
                   f.header.request_id, i);
            memcpy(&r, f.body, sizeof r);
            EXPECT(r.status == STATUS_OK && (i == 0 || r.version == version + 1), "write %u made version %u of %u", i,
                   r.version, version);
            version = r.version;
            i++;
        }
        frame_view f;
        for (; pings < n / 10; pings++) EXPECT(peer_next(&p, &f, PEER_WAIT_MS), "only %u PINGs are answered", pings);
        peer_close(&p);
        buf_deinit(&out);
    }
}

/* 40 MB of replies to writes, to a client that reads all the time: it must not be closed for being slow. */
static void large_replies(void) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    static wire_outcome ids[LIMIT_ENTRIES_MAX];
    for (unsigned i = 0; i < LIMIT_ENTRIES_MAX; i++) memset(&ids[i], 0x5A, sizeof ids[i]);
    for (unsigned i = 0; i < 72; i++) message_request(&out, MESSAGE_QUOTA_OUTCOME, i, 0, ids, LIMIT_ENTRIES_MAX, true);
    peer_send_buf(&p, &out);
    for (unsigned i = 0; i < 72; i++) {
        frame_view f;
        peer_expect(&p, &f, MESSAGE_QUOTA_OUTCOME, i);
        EXPECT(f.header.entry_count == LIMIT_ENTRIES_MAX, "frame %u is incomplete", i);
    }
    peer_close(&p);
    buf_deinit(&out);
}

/* A deadline drops what waits behind a long write, reads as well; a long one drops nothing. */
static void deadlines(void) {
    peer p;
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    hello h = {.max_in_flight = 1};
    peer_hello(&p, &h);
    buf out = {0};
    static wire_put w[LIMIT_ENTRIES_MAX];
    static uint32_t minutes = 1;
    unsigned dropped = 0, dropped_reads = 0;
    for (int round = 0; round < 20 && (dropped == 0 || dropped_reads == 0); round++) {
        minutes += 10;
        for (unsigned i = 0; i < LIMIT_ENTRIES_MAX; i++) w[i] = put_about(i, minutes);
        wire_put late = put_about(8000000, minutes), patient = put_about(8000001, minutes);
        wire_get g[2] = {get_about(8000000), get_about(8000001)};
        message_request(&out, MESSAGE_PUT, 2, 0, w, LIMIT_ENTRIES_MAX, true);
        message_request(&out, MESSAGE_GET, 3, 1, g, 1, true);
        message_request(&out, MESSAGE_PUT, 4, 1, &late, 1, true);
        message_request(&out, MESSAGE_PUT, 5, 60000, &patient, 1, true);
        message_request(&out, MESSAGE_GET, 6, 60000, g, 2, true);
        peer_send_buf(&p, &out);
        frame_view f;
        peer_expect(&p, &f, MESSAGE_PUT, 2);
        EXPECT_STATUS(f.header.status, STATUS_OK);
        peer_expect(&p, &f, MESSAGE_GET, 3);
        dropped_reads += f.header.status == STATUS_DEADLINE;
        peer_expect(&p, &f, MESSAGE_PUT, 4);
        bool was_dropped = f.header.status == STATUS_DEADLINE;
        dropped += was_dropped;
        peer_expect(&p, &f, MESSAGE_PUT, 5);
        EXPECT_STATUS(f.header.status, STATUS_OK);
        peer_expect(&p, &f, MESSAGE_GET, 6);
        wire_profile got;
        memcpy(&got, f.body, sizeof got);
        uint32_t there = 0;
        if (got.status == STATUS_OK) memcpy(&there, got.profile + 36, sizeof there);
        EXPECT(was_dropped == (there != minutes), "answered %s, but the write is%s there",
               was_dropped ? "deadline" : "ok", there == minutes ? "" : " not");
    }
    EXPECT(dropped > 0 && dropped_reads > 0, "in 20 rounds %u writes and %u reads were late", dropped, dropped_reads);
    peer_close(&p);
    buf_deinit(&out);
}

static void half_close(void) {
    for (int round = 0; round < 50; round++) {
        peer p = peer_ready(server, 0);
        buf out = {0};
        wire_decide d = decide_about(1);
        for (unsigned i = 0; i < 20; i++) {
            wire_put w = put_about(7000000, (uint32_t)(random_next() % 100000));
            message_request(&out, MESSAGE_PUT, 100 + i, 0, &w, 1, true);
            message_request(&out, MESSAGE_DECIDE, 200 + i, 0, &d, 1, true);
        }
        buf_append(&out, out.data, 16); /* the beginning of one more */
        peer_send_buf(&p, &out);
        shutdown(p.fd, SHUT_WR);
        unsigned writes = 0, reads = 0;
        frame_view f;
        while (peer_next(&p, &f, PEER_WAIT_MS)) {
            EXPECT_STATUS(f.header.status, STATUS_OK);
            writes += f.header.type == MESSAGE_PUT;
            reads += f.header.type == MESSAGE_DECIDE;
        }
        EXPECT(p.closed && writes == 20 && reads == 20, "%u writes and %u reads were answered", writes, reads);
        peer_close(&p);
        buf_deinit(&out);
    }
}

/* Clients that vanish with writes, batches and half frames on the way. */
static void gone(void) {
    for (unsigned round = 0; round < count; round++) {
        peer p = peer_ready(server, 0);
        buf out = {0};
        static wire_decide d[200];
        for (unsigned i = 0; i < 200; i++) d[i] = decide_about(i);
        for (unsigned i = 0; i < 1 + random_next() % 40; i++) {
            wire_put w = put_about(6000000 + round % 100, (uint32_t)(random_next() % 100000));
            wire_scan walk = {0, 0, 6};
            switch (random_next() % 4) {
            case 0: message_request(&out, MESSAGE_PUT, i, 0, &w, 1, true); break;
            case 1: message_request(&out, MESSAGE_DECIDE, i, 0, d, 1 + random_next() % 200, true); break;
            case 2: message_request(&out, MESSAGE_SCAN, i, 0, &walk, 1, true); break;
            default: message_request(&out, MESSAGE_INFO, i, 0, NULL, 0, true);
            }
        }
        if (random_next() % 3 == 0) out.data[random_next() % out.size] ^= 0x40;
        if (random_next() % 3 == 0) out.size -= 1 + random_next() % 31;
        ssize_t ignored = send(p.fd, out.data, out.size, MSG_NOSIGNAL);
        (void)ignored;
        if (random_next() % 2 == 0) {
            struct linger reset = {1, 0};
            setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        }
        peer_close(&p);
        buf_deinit(&out);
    }
    peer p = peer_ready(server, 0);
    peer_ping(&p, 1);
    peer_close(&p);
}

/* ------------------------------------------------------------------ clients that do not read */

/* Sends frames of this kind without reading until the server takes no more. Meanwhile its memory stays, and others are
 * served. Then reads: what the server took is answered, the first `reads` of it at least. */
static void never_reads(unsigned type, const void *entries, size_t n, size_t reads) {
    peer p = peer_ready(server, 65536), other = peer_ready(server, 0);
    peer_ping(&other, 1);
    size_t before = server_pid != 0 ? process_memory_kb(server_pid) : 0, sent = 0, most = (size_t)64 << 20;
    buf out = {0};
    message_request(&out, type, 5, 0, entries, n, true);
    int silent = 0;
    while (sent < most && silent < 20) {
        ssize_t k = send(p.fd, out.data + sent % out.size, out.size - sent % out.size, MSG_NOSIGNAL);
        if (k > 0)
            sent += (size_t)k, silent = 0;
        else
            nanosleep(&(struct timespec){0, 10000000}, NULL), silent++;
    }
    EXPECT(sent < most, "the server takes 64 MiB of requests whose replies are not read");
    int64_t began = peer_now_ms();
    for (unsigned i = 0; i < 50; i++) peer_ping(&other, i);
    EXPECT(peer_now_ms() - began < 5000, "others wait %lld ms for 50 PINGs", (long long)(peer_now_ms() - began));
    size_t after = server_pid != 0 ? process_memory_kb(server_pid) : 0;
    EXPECT(after < before + (24 << 10), "memory grew from %zu to %zu kB", before, after);
    size_t whole = sent / out.size;
    for (size_t i = 0; i < whole && i < reads; i++) {
        frame_view f;
        peer_expect(&p, &f, type, 5);
        EXPECT_STATUS(f.header.status, STATUS_OK);
    }
    printf("%zu requests taken, %zu kB more\n", whole, after > before ? after - before : 0);
    peer_close(&p);
    peer_close(&other);
    buf_deinit(&out);
}

static void no_reads(void) {
    static wire_decide d[LIMIT_ENTRIES_MAX];
    for (unsigned i = 0; i < LIMIT_ENTRIES_MAX; i++) d[i] = decide_about(i);
    never_reads(MESSAGE_DECIDE, d, 64, SIZE_MAX);
}

static void no_reads_scan(void) {
    wire_scan walk = {0, 0, 6};
    never_reads(MESSAGE_SCAN, &walk, 1, 100);
}

static void no_reads_explain(void) {
    wire_decide d[64];
    for (unsigned i = 0; i < 64; i++) d[i] = (wire_decide){person(i), 1, 1, 0};
    never_reads(MESSAGE_EXPLAIN, d, 64, 50);
}

static void no_reads_outcome(void) {
    static wire_outcome ids[LIMIT_ENTRIES_MAX];
    never_reads(MESSAGE_QUOTA_OUTCOME, ids, LIMIT_ENTRIES_MAX, SIZE_MAX);
}

/* A client that pipelines walks and reads them all at once does not stop another. */
static void greedy(void) {
    enum { WALKS = 500 };
    peer p = peer_ready(server, 0), other = peer_ready(server, 0);
    buf out = {0};
    wire_scan walk = {0, 0, 6};
    for (unsigned i = 0; i < WALKS; i++) message_request(&out, MESSAGE_SCAN, i, 0, &walk, 1, true);
    int64_t began = peer_now_ms(), worst = 0;
    unsigned pings = 0;
    size_t sent = 0, answered = 0;
    frame_view f;
    while (answered < WALKS) {
        EXPECT(!p.closed && peer_now_ms() - began < 60000, "%zu walks in 60 s", answered);
        if (sent < out.size) {
            ssize_t n = send(p.fd, out.data + sent, out.size - sent, MSG_NOSIGNAL);
            if (n > 0) sent += (size_t)n;
        }
        if (peer_next(&p, &f, 1)) answered++;
        if (answered % 16 != 1) continue;
        int64_t at = peer_now_ms();
        peer_ping(&other, ++pings);
        if (peer_now_ms() - at > worst) worst = peer_now_ms() - at;
    }
    printf("%u PINGs beside %d walks, the slowest took %lld ms\n", pings, WALKS, (long long)worst);
    EXPECT(worst < 1000, "another client waits %lld ms", (long long)worst);
    peer_close(&p);
    peer_close(&other);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ time: these need servers with short limits */

static void slow_hello(void) { /* --hello-ms 500 */
    peer p;
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    buf out = {0};
    frame_view f;
    int64_t began = peer_now_ms();
    for (;;) { /* one that keeps talking, but never says who it is */
        message_request(&out, MESSAGE_PING, 1, 0, NULL, 0, true);
        peer_send_buf(&p, &out);
        EXPECT(peer_next(&p, &f, 5000), "no reply");
        if ((f.header.flags & FRAME_ERROR) != 0) break;
        EXPECT(peer_now_ms() - began < 4000, "it may talk for ever without HELLO");
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    EXPECT_STATUS(f.header.status, STATUS_HELLO_REQUIRED);
    EXPECT(peer_now_ms() - began >= 500, "closed after %lld ms", (long long)(peer_now_ms() - began));
    peer_expect_closed(&p, 5000);
    peer_close(&p);
    buf_deinit(&out);
}

static void idle(void) {
    peer p;
    EXPECT(peer_try_open(&p, server, 0), "cannot connect");
    hello h = {.idle_ms = 1500};
    peer_hello(&p, &h);
    EXPECT(h.idle_ms == 1500, "the wish is not heard");
    int64_t began = peer_now_ms();
    for (unsigned i = 0; i < 10; i++) { /* not idle */
        nanosleep(&(struct timespec){0, 300000000}, NULL);
        peer_ping(&p, i);
    }
    peer_expect_error(&p, 0, 0, STATUS_IDLE_TIMEOUT);
    int64_t took = peer_now_ms() - began;
    EXPECT(took > 4400 && took < 8000, "closed after %lld ms", (long long)took);
    peer_expect_closed(&p, 5000);
    peer_close(&p);
}

static void stall(void) { /* --stall-ms 500 */
    peer p = peer_ready(server, 4096);
    buf out = {0};
    wire_scan walk = {0, 0, 6};
    for (unsigned i = 0; i < 200; i++) message_request(&out, MESSAGE_SCAN, i, 0, &walk, 1, true);
    ssize_t ignored = send(p.fd, out.data, out.size, MSG_NOSIGNAL);
    (void)ignored;
    nanosleep(&(struct timespec){3, 0}, NULL);
    unsigned got = 0;
    frame_view f;
    while (peer_next(&p, &f, 3000)) got++;
    EXPECT(p.closed && got < 200, "after 3 s without reading it is not closed: %u replies", got);
    peer_close(&p);
    buf_deinit(&out);
}

static void flood(void) { /* --max-connections 20 */
    enum { MOST = 20, MORE = 30 };
    peer p[MORE];
    unsigned served = 0;
    for (unsigned i = 0; i < MORE; i++) {
        EXPECT(peer_try_open(&p[i], server, 0), "cannot connect");
        frame_view f;
        buf out = {0};
        message_request(&out, MESSAGE_PING, 1, 0, NULL, 0, true);
        peer_send_buf(&p[i], &out);
        buf_deinit(&out);
        if (!peer_next(&p[i], &f, PEER_WAIT_MS)) continue; /* the refusal may be lost to the reset */
        if ((f.header.flags & FRAME_ERROR) == 0)
            served++;
        else
            EXPECT_STATUS(f.header.status, STATUS_TOO_MANY_CONNECTIONS);
    }
    EXPECT(served == MOST, "%u of %d connections are served, not %d", served, MORE, MOST);
    for (unsigned i = 0; i < MORE; i++) peer_close(&p[i]);
    int64_t until = peer_now_ms() + 5000;
    for (served = 0; served == 0 && peer_now_ms() < until;) { /* room again, once the server has seen them go */
        peer again;
        frame_view f;
        buf out = {0};
        EXPECT(peer_try_open(&again, server, 0), "cannot connect");
        message_request(&out, MESSAGE_PING, 1, 0, NULL, 0, true);
        peer_send_buf(&again, &out);
        served = peer_next(&again, &f, 1000) && (f.header.flags & FRAME_ERROR) == 0;
        peer_close(&again);
        buf_deinit(&out);
    }
    EXPECT(served == 1, "nobody is served after all have gone");
}

/* `count` connections that say HELLO and nothing more. */
static void crowd(void) {
    struct rlimit files;
    EXPECT(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
    files.rlim_cur = files.rlim_max;
    EXPECT(setrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max > count + 16, "too few descriptors for the test");
    peer *p = calloc(count, sizeof *p);
    EXPECT(p != NULL, "no memory");
    p[0] = peer_ready(server, 0);
    size_t before = process_memory_kb(server_pid);
    for (unsigned i = 1; i < count; i++) {
        p[i] = peer_ready(server, 0);
        buf_deinit(&p[i].in);
        p[i].at = 0;
    }
    size_t after = process_memory_kb(server_pid), each = after > before ? (after - before) * 1024 / count : 0;
    printf("%u connections, %zu bytes each\n", count, each);
#ifdef __SANITIZE_THREAD__ /* its shadow is counted too */
    size_t most = 16384;
#else
    size_t most = 4096;
#endif
    EXPECT(each < most, "%zu bytes of memory for an idle connection", each);
    for (unsigned i = 0; i < count; i += 97) peer_ping(&p[i], i);
    for (unsigned i = 0; i < count; i++) peer_close(&p[i]);
    free(p);
}

/* The server runs out of descriptors: it serves those it has, burns nothing, and takes the others later. */
static void no_files(void) {
    enum { PEERS = 20, ROOM = 5 };
    struct rlimit before, low;
    EXPECT(prlimit((pid_t)server_pid, RLIMIT_NOFILE, NULL, &before) == 0, "prlimit: %s", strerror(errno));
    low = before;
    low.rlim_cur = process_files(server_pid) + ROOM;
    EXPECT(prlimit((pid_t)server_pid, RLIMIT_NOFILE, &low, NULL) == 0, "prlimit: %s", strerror(errno));
    peer p[PEERS];
    buf out = {0};
    hello h = {.version_min = 1, .version_max = 1};
    for (unsigned i = 0; i < PEERS; i++) {
        EXPECT(peer_try_open(&p[i], server, 0), "cannot connect");
        hello_encode(&out, 1, 0, &h, NULL, 0);
        peer_send_buf(&p[i], &out);
    }
    long ticks = process_ticks(server_pid);
    nanosleep(&(struct timespec){1, 0}, NULL);
    ticks = process_ticks(server_pid) - ticks;
    unsigned served = 0;
    bool answered[PEERS] = {false};
    frame_view f;
    for (unsigned i = 0; i < PEERS; i++) served += answered[i] = peer_next(&p[i], &f, 0);
    /* A few more if files were closed meanwhile. */
    EXPECT(served > 0 && served <= 2 * ROOM, "%u connections are served with %d descriptors", served, ROOM);
    EXPECT(ticks < sysconf(_SC_CLK_TCK) / 2, "%ld ticks of CPU in a second of waiting", ticks);
    for (unsigned i = 0; i < PEERS; i++)
        if (answered[i]) peer_ping(&p[i], i);
    EXPECT(prlimit((pid_t)server_pid, RLIMIT_NOFILE, &before, NULL) == 0, "prlimit: %s", strerror(errno));
    for (unsigned i = 0; i < PEERS; i++) {
        if (!answered[i]) peer_expect(&p[i], &f, MESSAGE_HELLO, 1);
        peer_ping(&p[i], i);
        peer_close(&p[i]);
    }
    printf("%u of %d served, %ld ticks of CPU while out of descriptors, then all\n", served, PEERS, ticks);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ for looking at a server in trouble */

/* Prints the status of one write. */
static void put(void) {
    peer p = peer_ready(server, 0);
    buf out = {0};
    frame_view f;
    wire_put w = put_about(5000000, (uint32_t)(peer_now_ms() & 0xFFFFFF));
    message_request(&out, MESSAGE_PUT, 2, 0, &w, 1, true);
    peer_send_buf(&p, &out);
    peer_expect(&p, &f, MESSAGE_PUT, 2);
    wire_put_reply r = {.status = f.header.status};
    if (f.header.status == STATUS_OK) memcpy(&r, f.body, sizeof r);
    printf("%s\n", status_name(r.status));
    peer_close(&p);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*run)(void);
    bool plain; /* needs a server with subjects (fill) and nothing else */
} cases[] = {
    {"fill", fill, false},
    {"garbage", garbage, true},
    {"header", header, true},
    {"refused", refused, true},
    {"largest", largest, true},
    {"before-hello", before_hello, true},
    {"hellos", hellos, true},
    {"no-checksum", no_checksum, true},
    {"dribble", dribble, true},
    {"pipelined", pipelined, true},
    {"cursors", cursors, true},
    {"in-flight", in_flight, true},
    {"large-replies", large_replies, true},
    {"deadlines", deadlines, true},
    {"half-close", half_close, true},
    {"gone", gone, true},
    {"no-reads", no_reads, true},
    {"no-reads-scan", no_reads_scan, true},
    {"no-reads-explain", no_reads_explain, true},
    {"no-reads-outcome", no_reads_outcome, true},
    {"greedy", greedy, true},
    {"idle", idle, true},
    {"slow-hello", slow_hello, false},
    {"stall", stall, false},
    {"flood", flood, false},
    {"crowd", crowd, false},
    {"no-files", no_files, false},
    {"put", put, false},
};

int main(int argc, char **argv) {
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--server") == 0) server = argv[i + 1];
        if (strcmp(argv[i], "--count") == 0) count = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--pid") == 0) server_pid = strtol(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases && argc > 1; i++) {
        if (strcmp(argv[1], "list") == 0 && cases[i].plain) printf("%s\n", cases[i].name);
        if (strcmp(argv[1], cases[i].name) != 0) continue;
        cases[i].run();
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "list") == 0) return 0;
    fprintf(stderr, "usage: hostile CASE|list --server HOST:PORT [--count N] [--pid P] [--seed S]\n");
    return 2;
}
