/* The checks follow the order of PROTOCOL.md section 2: enough bytes, checksum of the header, then — and only then —
 * the length, then the body. xxhash is inlined here so that the compiler knows the 28 bytes of a header and the short
 * bodies of single entries: a few nanoseconds each, without a call.
 *
 * Cost: one checksum over 28 bytes and one over the body; nothing is copied but the header. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "protocol/frame.h"

#include "base/check.h"
#include "base/le.h"

#define CHECKED_HEADER 28 /* bytes the header checksum covers */

static inline uint32_t checksum_of(const void *bytes, size_t length) { return (uint32_t)XXH3_64bits(bytes, length); }

uint32_t frame_checksum(const void *bytes, size_t length) { return checksum_of(bytes, length); }

static inline frame_header header_load(const uint8_t *from) {
    frame_header h;
    memcpy(&h, from, sizeof h);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    h.length = le_get32(from);
    h.flags = le_get16(from + 6);
    h.request_id = le_get64(from + 8);
    h.status = le_get16(from + 16);
    h.retry_after_ms = le_get16(from + 18);
    if ((h.flags & FRAME_REPLY) == 0) h.deadline_ms = le_get32(from + 16);
    h.entry_length = le_get16(from + 20);
    h.entry_count = le_get16(from + 22);
    h.body_checksum = le_get32(from + 24);
    h.header_checksum = le_get32(from + 28);
#endif
    return h;
}

static inline void header_store(uint8_t *to, const frame_header *h) {
    memcpy(to, h, sizeof *h);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    le_put32(to, h->length);
    le_put16(to + 6, h->flags);
    le_put64(to + 8, h->request_id);
    le_put16(to + 16, h->status);
    le_put16(to + 18, h->retry_after_ms);
    if ((h->flags & FRAME_REPLY) == 0) le_put32(to + 16, h->deadline_ms);
    le_put16(to + 20, h->entry_length);
    le_put16(to + 22, h->entry_count);
    le_put32(to + 24, h->body_checksum);
    le_put32(to + 28, h->header_checksum);
#endif
}

static frame_result result(frame_view *out, frame_result r, status why) {
    out->why = why;
    return r;
}

/* What is known of the header is in out->header only once its checksum is right: nothing else may be echoed. */
static frame_result parse_header(const uint8_t *bytes, uint32_t max_frame, bool allow_no_checksum, frame_view *out) {
    frame_header h = header_load(bytes);
    bool bare = (h.flags & FRAME_NO_CHECKSUM) != 0 && allow_no_checksum;
    if (bare ? h.header_checksum != 0 : h.header_checksum != checksum_of(bytes, CHECKED_HEADER))
        return result(out, FRAME_BROKEN, STATUS_BAD_CHECKSUM);
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

void frame_finish(uint8_t *frame, frame_header header, size_t body_bytes, bool checksum) {
    CHECK(body_bytes <= UINT32_MAX / 2);
    header.length = frame_length(body_bytes);
    header.header_words = FRAME_HEADER / 4;
    size_t covered = header.length - FRAME_HEADER;
    memset(frame + FRAME_HEADER + body_bytes, 0, covered - body_bytes);
    header.flags = (uint16_t)(checksum ? header.flags & ~FRAME_NO_CHECKSUM : header.flags | FRAME_NO_CHECKSUM);
    header.body_checksum = checksum && covered > 0 ? checksum_of(frame + FRAME_HEADER, covered) : 0;
    header.header_checksum = 0;
    header_store(frame, &header);
    if (checksum) le_put32(frame + CHECKED_HEADER, checksum_of(frame, CHECKED_HEADER));
}
