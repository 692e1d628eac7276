/* The checks follow the order of PROTOCOL.md section 2: enough bytes, checksum of the header, then — and only then —
 * the length, then the body. Two checksums are on the path of every one-entry frame, so they must cost a few
 * nanoseconds: xxhash is inlined for the bodies, and the header's is computed from the registers its fields are in
 * anyway — hashing the 32 bytes just stored would wait for stores that the overlapping loads of XXH3 cannot be
 * forwarded from.
 *
 * Cost: one checksum over 28 bytes and one over the body; nothing is copied but the header. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "protocol/frame.h"

#include "base/check.h"
#include "base/le.h"

static inline uint32_t checksum_of(const void *bytes, size_t length) { return (uint32_t)XXH3_64bits(bytes, length); }

uint32_t frame_checksum(const void *bytes, size_t length) { return checksum_of(bytes, length); }

/* The 32 bytes of a header as four little-endian words. Scalars, not an array: compilers build arrays on the stack. */
typedef struct header_words {
    uint64_t shape;     /* length, type, words, flags */
    uint64_t id;        /* request_id */
    uint64_t entries;   /* deadline or status, entry_length, entry_count */
    uint64_t checksums; /* of the body, of the header */
} header_words;

static inline uint64_t fold_product(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* XXH3-64 of bytes 0–27: the algorithm's case of 17 to 32 bytes (two products of 16 bytes each, the first and the last,
 * with the first words of the default secret), for this one length. Tests compare it with the library's. */
static inline uint32_t header_checksum(header_words h) {
    const uint64_t prime = UINT64_C(0x9E3779B185EBCA87), avalanche = UINT64_C(0x165667919E3779F9);
    uint64_t first = fold_product(h.shape ^ UINT64_C(0xBE4BA423396CFEB8), h.id ^ UINT64_C(0x1CAD21F72C81017C));
    uint64_t at_12 = h.id >> 32 | h.entries << 32, at_20 = h.entries >> 32 | h.checksums << 32;
    uint64_t last = fold_product(at_12 ^ UINT64_C(0xDB979083E96DD4DE), at_20 ^ UINT64_C(0x1F67B3B7A4A44072));
    uint64_t sum = 28 * prime + first + last;
    sum ^= sum >> 37;
    sum *= avalanche;
    return (uint32_t)(sum ^ sum >> 32);
}

static inline frame_header header_of_words(header_words w) {
    frame_header h = {.length = (uint32_t)w.shape,
                      .type = (uint8_t)(w.shape >> 32),
                      .header_words = (uint8_t)(w.shape >> 40),
                      .flags = (uint16_t)(w.shape >> 48),
                      .request_id = w.id,
                      .deadline_ms = (uint32_t)w.entries,
                      .entry_length = (uint16_t)(w.entries >> 32),
                      .entry_count = (uint16_t)(w.entries >> 48),
                      .body_checksum = (uint32_t)w.checksums,
                      .header_checksum = (uint32_t)(w.checksums >> 32)};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    if ((h.flags & FRAME_REPLY) != 0) {
        h.status = (uint16_t)w.entries;
        h.retry_after_ms = (uint16_t)(w.entries >> 16);
    }
#endif
    return h;
}

static frame_result result(frame_view *out, frame_result r, status why) {
    out->why = why;
    return r;
}

/* What is known of the header is in out->header only once its checksum is right: nothing else may be echoed. */
static frame_result parse_header(const uint8_t *bytes, uint32_t max_frame, bool allow_no_checksum, frame_view *out) {
    header_words words = {le_get64(bytes), le_get64(bytes + 8), le_get64(bytes + 16), le_get64(bytes + 24)};
    frame_header h = header_of_words(words);
    bool bare = (h.flags & FRAME_NO_CHECKSUM) != 0 && allow_no_checksum;
    if (h.header_checksum != (bare ? 0 : header_checksum(words))) return result(out, FRAME_BROKEN, STATUS_BAD_CHECKSUM);
    out->header = h;
    if ((h.flags & FRAME_NO_CHECKSUM) != 0 && !bare) return result(out, FRAME_BROKEN, STATUS_BAD_FRAME);
    uint32_t header_bytes = h.header_words * 4u;
    if (header_bytes < FRAME_HEADER || header_bytes % 8 != 0 || h.length < header_bytes || h.length % 8 != 0)
        return result(out, FRAME_BROKEN, STATUS_BAD_FRAME);
    if (h.length > max_frame) return result(out, FRAME_BROKEN, STATUS_TOO_LARGE);
    out->need = h.length;
    return FRAME_READY;
}

static frame_result check_body(const uint8_t *bytes, frame_view *out) {
    const frame_header *h = &out->header;
    size_t covered = h->length - FRAME_HEADER;
    bool bare = (h->flags & FRAME_NO_CHECKSUM) != 0;
    uint32_t expected = bare || covered == 0 ? 0 : checksum_of(bytes + FRAME_HEADER, covered);
    if (h->body_checksum != expected) return result(out, FRAME_REFUSED, STATUS_BAD_CHECKSUM);
    if ((h->flags & ~FRAME_FLAGS) != 0) return result(out, FRAME_REFUSED, STATUS_BAD_FRAME);
    if (h->entry_length > 0) {
        size_t entries = (size_t)h->entry_count * h->entry_length;
        if (entries > out->body_length || out->body_length >= entries + 8)
            return result(out, FRAME_REFUSED, STATUS_BAD_ENTRY);
    }
    return FRAME_READY;
}

frame_result frame_parse(const uint8_t *bytes, size_t available, uint32_t max_frame, bool allow_no_checksum,
                         frame_view *out) {
    *out = (frame_view){.why = STATUS_OK, .need = FRAME_HEADER};
    if (available < FRAME_HEADER) return FRAME_PARTIAL;
    frame_result r = parse_header(bytes, max_frame, allow_no_checksum, out);
    if (r != FRAME_READY) return r;
    if (available < out->header.length) return FRAME_PARTIAL;
    size_t header_bytes = out->header.header_words * 4u;
    out->body = bytes + header_bytes;
    out->body_length = out->header.length - header_bytes;
    return check_body(bytes, out);
}

void frame_finish_words(uint8_t *frame, uint64_t shape, uint64_t request_id, uint64_t entries, size_t body_bytes,
                        bool checksum) {
    CHECK(body_bytes <= UINT32_MAX / 2);
    uint32_t length = frame_length(body_bytes);
    size_t covered = length - FRAME_HEADER;
    if (covered != body_bytes) memset(frame + FRAME_HEADER + body_bytes, 0, covered - body_bytes);
    const uint64_t no_checksum = (uint64_t)FRAME_NO_CHECKSUM << 48;
    header_words w = {shape | length | (uint64_t)(FRAME_HEADER / 4) << 40, request_id, entries, 0};
    w.shape = checksum ? w.shape & ~no_checksum : w.shape | no_checksum;
    if (checksum) {
        if (covered > 0) w.checksums = checksum_of(frame + FRAME_HEADER, covered);
        w.checksums |= (uint64_t)header_checksum(w) << 32;
    }
    le_put64(frame, w.shape);
    le_put64(frame + 8, w.id);
    le_put64(frame + 16, w.entries);
    le_put64(frame + 24, w.checksums);
}
