#include "base/le.h"
#include "protocol/frame.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX 4096u

/* xorshift, so that a failing run can be repeated from the seed in the message. */
static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A frame in memory of exactly its size: a sanitizer sees any look beyond it. */
static uint8_t *make_frame(size_t body_bytes, bool checksum, uint32_t *length) {
    *length = frame_length(body_bytes);
    uint8_t *frame = malloc(*length);
    cr_assert(frame != NULL);
    for (size_t i = 0; i < body_bytes; i++) frame[FRAME_HEADER + i] = (uint8_t)(i * 7 + 1);
    frame_header h = {.type = 16, .request_id = UINT64_C(0x1122334455667788), .deadline_ms = 1234};
    if (body_bytes > 0 && body_bytes % 16 == 0 && body_bytes < 65536) {
        h.entry_length = 16;
        h.entry_count = (uint16_t)(body_bytes / 16);
    }
    frame_finish(frame, h, body_bytes, checksum);
    return frame;
}

/* Parses `available` bytes copied to memory of exactly that size. */
static frame_result parse(const uint8_t *bytes, size_t available, uint32_t max, bool allow, frame_view *out) {
    uint8_t *copy = malloc(available > 0 ? available : 1);
    if (available > 0) memcpy(copy, bytes, available);
    frame_result r = frame_parse(copy, available, max, allow, out);
    free(copy);
    out->body = NULL;
    return r;
}

static void fix_header(uint8_t *frame) { le_put32(frame + 28, frame_checksum(frame, 28)); }

Test(frame, a_frame_comes_back_at_every_length) {
    for (int checksum = 0; checksum < 2; checksum++)
        for (size_t n = 0; n <= 700; n++) {
            uint32_t length;
            uint8_t *frame = make_frame(n, checksum, &length);
            cr_assert_eq(length % 8, 0);
            cr_assert(length >= FRAME_HEADER + n && length < FRAME_HEADER + n + 8);
            frame_view v;
            cr_assert_eq(frame_parse(frame, length, MAX, true, &v), FRAME_READY, "body of %zu", n);
            cr_assert_eq(v.header.length, length);
            cr_assert_eq(v.header.type, 16);
            cr_assert_eq(v.header.header_words, 8);
            cr_assert_eq(v.header.flags, checksum ? 0 : FRAME_NO_CHECKSUM);
            cr_assert_eq(v.header.request_id, UINT64_C(0x1122334455667788));
            cr_assert_eq(v.header.deadline_ms, 1234);
            cr_assert_eq(v.body, frame + FRAME_HEADER);
            cr_assert_eq(v.body_length, length - FRAME_HEADER);
            cr_assert_eq(v.need, length);
            for (size_t i = 0; i < v.body_length; i++) cr_assert_eq(v.body[i], i < n ? (uint8_t)(i * 7 + 1) : 0);
            free(frame);
        }
}

Test(frame, a_reply_carries_status_and_retry) {
    uint8_t frame[FRAME_HEADER];
    frame_header h = {.type = 2, .flags = FRAME_REPLY, .request_id = 9, .status = 0x0201, .retry_after_ms = 0x0403};
    frame_finish(frame, h, 0, true);
    static const uint8_t expected[] = {1, 2, 3, 4};
    cr_assert_arr_eq(frame + 16, expected, 4);
    frame_view v;
    cr_assert_eq(frame_parse(frame, sizeof frame, MAX, false, &v), FRAME_READY);
    cr_assert_eq(v.header.status, 0x0201);
    cr_assert_eq(v.header.retry_after_ms, 0x0403);
}

Test(frame, the_header_checksum_is_xxh3_of_28_bytes) {
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);
    for (int round = 0; round < 100000; round++) {
        frame_header h = {.type = (uint8_t)random_next(&seed),
                          .flags = (uint16_t)(random_next(&seed) & FRAME_ERROR),
                          .request_id = random_next(&seed),
                          .deadline_ms = (uint32_t)random_next(&seed),
                          .entry_count = (uint16_t)random_next(&seed)};
        uint8_t frame[64];
        uint64_t body = random_next(&seed);
        memcpy(frame + FRAME_HEADER, &body, sizeof body);
        frame_finish(frame, h, round % 2 * 8, true);
        cr_assert_eq(le_get32(frame + 28), frame_checksum(frame, 28), "round %d", round);
        cr_assert_eq(le_get32(frame + 24), round % 2 == 0 ? 0 : frame_checksum(frame + 32, 8), "round %d", round);
    }
    /* from `xxhsum -H3` */
    cr_assert_eq(frame_checksum("abc", 3), 0x892f3950);
}

Test(frame, every_damaged_bit_of_a_header_is_detected) {
    for (int allow = 0; allow < 2; allow++)
        for (size_t bit = 0; bit < 8 * FRAME_HEADER; bit++) {
            uint32_t length;
            uint8_t *frame = make_frame(64, true, &length);
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            frame_view v;
            cr_assert_eq(parse(frame, length, MAX, allow, &v), FRAME_BROKEN, "bit %zu", bit);
            cr_assert_eq(v.why, STATUS_BAD_CHECKSUM, "bit %zu: %s", bit, status_name(v.why));
            frame_header nothing = {0};
            cr_assert_arr_eq(&v.header, &nothing, sizeof nothing, "nothing of a damaged header may be echoed");
            free(frame);
        }
}

Test(frame, every_damaged_bit_of_a_body_is_detected) {
    static const size_t lengths[] = {8, 16, 24, 120, 136, 248, 1024};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t bit = 0; bit < 8 * lengths[l]; bit++) {
            uint32_t length;
            uint8_t *frame = make_frame(lengths[l], true, &length);
            frame[FRAME_HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
            frame_view v;
            cr_assert_eq(parse(frame, length, MAX, false, &v), FRAME_REFUSED, "length %zu bit %zu", lengths[l], bit);
            cr_assert_eq(v.why, STATUS_BAD_CHECKSUM);
            cr_assert_eq(v.header.request_id, UINT64_C(0x1122334455667788));
            cr_assert_eq(v.need, length);
            free(frame);
        }
}

Test(frame, padding_is_covered_by_the_checksum) {
    uint32_t length;
    uint8_t *frame = make_frame(9, true, &length);
    frame[length - 1] = 1;
    frame_view v;
    cr_assert_eq(parse(frame, length, MAX, false, &v), FRAME_REFUSED);
    cr_assert_eq(v.why, STATUS_BAD_CHECKSUM);
    free(frame);
}

Test(frame, a_truncated_frame_is_partial_at_every_length) {
    for (int checksum = 0; checksum < 2; checksum++) {
        uint32_t length;
        uint8_t *frame = make_frame(200, checksum, &length);
        for (size_t n = 0; n < length; n++) {
            frame_view v;
            cr_assert_eq(parse(frame, n, MAX, true, &v), FRAME_PARTIAL, "%zu bytes", n);
            cr_assert_eq(v.need, n < FRAME_HEADER ? FRAME_HEADER : length, "%zu bytes", n);
            cr_assert_eq(v.why, STATUS_OK);
        }
        free(frame);
    }
}

Test(frame, bytes_behind_a_frame_do_not_matter) {
    uint8_t two[2 * 48];
    uint32_t length;
    uint8_t *frame = make_frame(16, true, &length);
    cr_assert_eq(length, 48);
    memcpy(two, frame, 48);
    memset(two + 48, 0xFF, 48);
    frame_view v;
    cr_assert_eq(frame_parse(two, 96, MAX, false, &v), FRAME_READY);
    memcpy(two + 48, frame, 48);
    two[48 + 20] ^= 1;
    cr_assert_eq(frame_parse(two, 96, MAX, false, &v), FRAME_READY);
    cr_assert_eq(frame_parse(two + v.need, 48, MAX, false, &v), FRAME_BROKEN);
    free(frame);
}

Test(frame, hostile_lengths_are_refused_by_the_header_alone) {
    static const struct {
        uint32_t length;
        status why;
    } cases[] = {{0, STATUS_BAD_FRAME},
                 {8, STATUS_BAD_FRAME},
                 {24, STATUS_BAD_FRAME},
                 {31, STATUS_BAD_FRAME},
                 {33, STATUS_BAD_FRAME},
                 {36, STATUS_BAD_FRAME},
                 {44, STATUS_BAD_FRAME},
                 {MAX + 8, STATUS_TOO_LARGE},
                 {1u << 31, STATUS_TOO_LARGE},
                 {UINT32_MAX, STATUS_BAD_FRAME},
                 {UINT32_MAX - 7, STATUS_TOO_LARGE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t header[FRAME_HEADER];
        frame_finish(header, (frame_header){.type = 2}, 0, true);
        le_put32(header, cases[i].length);
        fix_header(header);
        frame_view v;
        cr_assert_eq(parse(header, sizeof header, MAX, false, &v), FRAME_BROKEN, "length %u", cases[i].length);
        cr_assert_eq(v.why, cases[i].why, "length %u: %s", cases[i].length, status_name(v.why));
    }
    uint8_t header[FRAME_HEADER];
    frame_finish(header, (frame_header){.type = 2}, 0, true);
    le_put32(header, MAX);
    fix_header(header);
    frame_view v;
    cr_assert_eq(parse(header, sizeof header, MAX, false, &v), FRAME_PARTIAL, "the limit itself is allowed");
    cr_assert_eq(v.need, MAX);
}

Test(frame, a_length_is_not_looked_at_before_the_checksum) {
    uint8_t header[FRAME_HEADER];
    frame_finish(header, (frame_header){.type = 2}, 0, true);
    le_put32(header, UINT32_MAX - 7);
    frame_view v;
    cr_assert_eq(parse(header, sizeof header, MAX, false, &v), FRAME_BROKEN);
    cr_assert_eq(v.why, STATUS_BAD_CHECKSUM);
    cr_assert_eq(v.need, FRAME_HEADER);
}

Test(frame, a_longer_header_is_skipped) {
    for (unsigned words = 0; words <= 255; words++) {
        uint8_t *frame = calloc(1, 1024 + 16);
        frame_finish(frame, (frame_header){.type = 16, .entry_length = 16, .entry_count = 1}, 0, true);
        uint32_t length = (words * 4 + 16 + 7) & ~7u;
        if (length < FRAME_HEADER) length = FRAME_HEADER;
        le_put32(frame, length);
        frame[5] = (uint8_t)words;
        for (size_t i = FRAME_HEADER; i < length; i++) frame[i] = (uint8_t)i;
        le_put32(frame + 24, length > FRAME_HEADER ? frame_checksum(frame + FRAME_HEADER, length - FRAME_HEADER) : 0);
        fix_header(frame);
        frame_view v;
        frame_result r = frame_parse(frame, length, MAX, false, &v);
        if (words < 8 || words % 2 != 0) {
            cr_assert_eq(r, FRAME_BROKEN, "%u words", words);
            cr_assert_eq(v.why, STATUS_BAD_FRAME);
        } else {
            cr_assert_eq(r, FRAME_READY, "%u words", words);
            cr_assert_eq(v.body, frame + words * 4);
            cr_assert_eq(v.body_length, 16);
            frame[FRAME_HEADER] ^= 1; /* words of a newer version are covered too */
            cr_assert_eq(frame_parse(frame, length, MAX, false, &v), FRAME_REFUSED);
        }
        free(frame);
    }
    uint8_t header[FRAME_HEADER]; /* a header longer than the frame */
    frame_finish(header, (frame_header){.type = 2}, 0, true);
    header[5] = 10;
    fix_header(header);
    frame_view v;
    cr_assert_eq(parse(header, sizeof header, MAX, false, &v), FRAME_BROKEN);
    cr_assert_eq(v.why, STATUS_BAD_FRAME);
}

Test(frame, entries_must_fit_the_body) {
    static const struct {
        uint16_t length, count;
        size_t body;
        bool fits;
    } cases[] = {{16, 1, 16, true},    {16, 2, 16, false}, {16, 1, 24, false}, {16, 0, 0, true},
                 {16, 0, 8, false},    {10, 1, 10, true},  {10, 1, 16, true},  {10, 1, 17, false},
                 {1, 1, 8, true},      {1, 8, 8, true},    {1, 0, 8, false},   {65535, 65535, 8, false},
                 {32768, 2, 0, false}, {0, 9, 16, true},   {80, 3, 240, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t frame[512] = {0};
        frame_header h = {.type = 16, .entry_length = cases[i].length, .entry_count = cases[i].count};
        frame_finish(frame, h, cases[i].body, true);
        frame_view v;
        frame_result r = parse(frame, frame_length(cases[i].body), MAX, false, &v);
        cr_assert_eq(r, cases[i].fits ? FRAME_READY : FRAME_REFUSED, "case %zu", i);
        cr_assert_eq(v.why, cases[i].fits ? STATUS_OK : STATUS_BAD_ENTRY, "case %zu", i);
    }
}

Test(frame, reserved_flags_are_refused_and_the_stream_goes_on) {
    for (unsigned bit = 3; bit < 16; bit++) {
        uint8_t frame[FRAME_HEADER];
        frame_finish(frame, (frame_header){.type = 2, .flags = (uint16_t)(1u << bit), .request_id = 5}, 0, true);
        frame_view v;
        cr_assert_eq(parse(frame, sizeof frame, MAX, false, &v), FRAME_REFUSED, "bit %u", bit);
        cr_assert_eq(v.why, STATUS_BAD_FRAME);
        cr_assert_eq(v.header.request_id, 5);
    }
}

Test(frame, no_checksum_only_if_agreed) {
    uint32_t length;
    uint8_t *frame = make_frame(32, false, &length);
    frame_view v;
    cr_assert_eq(le_get32(frame + 24), 0);
    cr_assert_eq(le_get32(frame + 28), 0);
    cr_assert_eq(parse(frame, length, MAX, true, &v), FRAME_READY);
    cr_assert_eq(parse(frame, length, MAX, false, &v), FRAME_BROKEN);
    cr_assert_eq(v.why, STATUS_BAD_CHECKSUM);
    /* with a right checksum the flag alone is wrong */
    fix_header(frame);
    cr_assert_eq(parse(frame, length, MAX, false, &v), FRAME_BROKEN);
    cr_assert_eq(v.why, STATUS_BAD_FRAME);
    /* where it is agreed, fields of checksums that are not 0 are a damage */
    cr_assert_eq(parse(frame, length, MAX, true, &v), FRAME_BROKEN);
    cr_assert_eq(v.why, STATUS_BAD_CHECKSUM);
    le_put32(frame + 28, 0);
    le_put32(frame + 24, 1);
    cr_assert_eq(parse(frame, length, MAX, true, &v), FRAME_REFUSED);
    cr_assert_eq(v.why, STATUS_BAD_CHECKSUM);
    free(frame);
    /* frames with checksums stay welcome, and are checked */
    frame = make_frame(32, true, &length);
    cr_assert_eq(parse(frame, length, MAX, true, &v), FRAME_READY);
    frame[40] ^= 1;
    cr_assert_eq(parse(frame, length, MAX, true, &v), FRAME_REFUSED);
    free(frame);
}

Test(frame, random_bytes_never_make_a_frame) {
    uint64_t seed = 20261124;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[96];
        for (size_t i = 0; i < sizeof bytes; i += 8) {
            uint64_t r = random_next(&seed);
            memcpy(bytes + i, &r, 8);
        }
        frame_view v;
        cr_assert_eq(parse(bytes, sizeof bytes, MAX, false, &v), FRAME_BROKEN, "round %d of seed 20261124", round);
    }
}
