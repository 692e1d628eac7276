/* Frames: the 32-byte header each way, its checks and checksums. Bytes only: no sockets, no memory of its own.
 * PROTOCOL.md section 2 is normative. Pure functions; any thread. */
#ifndef XINYI_PROTOCOL_FRAME_H
#define XINYI_PROTOCOL_FRAME_H

#include "base/status.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER 32
#define FRAME_VERSION 1

#define FRAME_REPLY (1u << 0)
#define FRAME_ERROR (1u << 1)
#define FRAME_NO_CHECKSUM (1u << 2)
#define FRAME_FLAGS (FRAME_REPLY | FRAME_ERROR | FRAME_NO_CHECKSUM)

typedef struct frame_header {
    uint32_t length; /* whole frame */
    uint8_t type;
    uint8_t header_words;
    uint16_t flags;
    uint64_t request_id;
    union {
        uint32_t deadline_ms; /* requests */
        struct {
            uint16_t status; /* replies */
            uint16_t retry_after_ms;
        };
    };
    uint16_t entry_length;
    uint16_t entry_count;
    uint32_t body_checksum;
    uint32_t header_checksum;
} frame_header;
static_assert(sizeof(frame_header) == FRAME_HEADER, "the header has no padding");

typedef enum frame_result {
    FRAME_READY,   /* a whole frame lies at bytes: *header, and *body of header->length minus header bytes */
    FRAME_PARTIAL, /* more bytes are needed; *need tells how many in all, as far as known */
    FRAME_BROKEN,  /* the stream cannot be trusted: *why; answer and close */
    FRAME_REFUSED, /* the frame is whole but its body fails: *why; answer, skip header->length bytes, go on */
} frame_result;

typedef struct frame_view {
    frame_header header;
    const uint8_t *body;
    size_t body_length; /* without the header, padding included */
    status why;
    size_t need;
} frame_view;

/* Looks at the bytes received so far. `max_frame` bounds length. `allow_no_checksum`: feature agreed. A length is never
 * used before the header checksum is verified. Fixed entries are checked to fit the body (entry_count × entry_length ≤
 * body_length < that + 8 when entry_length > 0).
 * out->header is set once the header checksum is right (all zero before: echo nothing of it), out->need is the frame's
 * length then, out->body is set for READY and REFUSED. BROKEN: BAD_CHECKSUM (of the header), BAD_FRAME, TOO_LARGE;
 * REFUSED: BAD_CHECKSUM (of the body), BAD_FRAME (reserved flags), BAD_ENTRY. If bytes are aligned to 8, so is the
 * body. */
frame_result frame_parse(const uint8_t *bytes, size_t available, uint32_t max_frame, bool allow_no_checksum,
                         frame_view *out);

/* Length of a frame with this many body bytes: header and padding included. */
static inline uint32_t frame_length(size_t body_bytes) {
    return (uint32_t)((FRAME_HEADER + body_bytes + 7) & ~(size_t)7);
}

/* Completes a frame whose body (body_bytes, at `frame` + FRAME_HEADER) is in place: writes padding, header, checksums.
 * header->length and checksums are computed; `checksum` false sets FRAME_NO_CHECKSUM. Room of frame_length() needed. */
static inline void frame_finish(uint8_t *frame, frame_header header, size_t body_bytes, bool checksum);

/* The same with the header in three words as on the wire, so that it stays in registers; use frame_finish. */
void frame_finish_words(uint8_t *frame, uint64_t shape, uint64_t request_id, uint64_t entries, size_t body_bytes,
                        bool checksum);

static inline void frame_finish(uint8_t *frame, frame_header header, size_t body_bytes, bool checksum) {
    bool is_reply = (header.flags & FRAME_REPLY) != 0;
    uint32_t low = is_reply ? header.status | (uint32_t)header.retry_after_ms << 16 : header.deadline_ms;
    frame_finish_words(frame, (uint64_t)header.type << 32 | (uint64_t)header.flags << 48, header.request_id,
                       low | (uint64_t)header.entry_length << 32 | (uint64_t)header.entry_count << 48, body_bytes,
                       checksum);
}

/* The checksum of the protocol: XXH3-64, low 32 bits. */
uint32_t frame_checksum(const void *bytes, size_t length);

#endif
