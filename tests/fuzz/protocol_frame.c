/* Frames and messages from a hostile peer. The first byte of the input chooses how the rest is read as a stream:
 *   bit 0  checksums are made right before parsing, so that what lies behind them is reached
 *   bit 1  lengths too, and header_words
 *   bit 2  no_checksum is agreed
 *   bit 3  the limit of a frame is 4 KiB, not 1 MiB
 * The stream is parsed frame by frame from memory of exactly its size, as requests and as replies, and what was
 * accepted is encoded again and compared. The mutator now and then puts in a frame of protocol/vectors.txt (read from
 * the current directory, if it is there): seeds without binary files. */
#include "base/check.h"
#include "base/file.h"
#include "base/le.h"
#include "protocol/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { MODE_CHECKSUMS = 1, MODE_LENGTHS = 2, MODE_AGREED = 4, MODE_SMALL = 8 };

/* ------------------------------------------------------------------ seeds */

#define SEEDS_MAX 128
static struct seed {
    uint8_t bytes[1024];
    size_t length;
} seeds[SEEDS_MAX];
static size_t seed_count;

static void add_hex(struct seed *s, const char *hex) {
    for (; hex[0] != '\0' && hex[1] != '\0' && s->length < sizeof s->bytes; hex += 2) {
        char two[3] = {hex[0], hex[1], '\0'};
        s->bytes[s->length++] = (uint8_t)strtoul(two, NULL, 16);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    buf text = {0};
    if (file_read("protocol/vectors.txt", 1 << 20, &text) == STATUS_OK) {
        buf_cstr(&text);
        char *at = (char *)text.data, *line;
        while ((line = strsep(&at, "\n")) != NULL && seed_count < SEEDS_MAX) {
            if (strncmp(line, "frame ", 6) == 0)
                add_hex(&seeds[seed_count++], line + 6);
            else if (*line == ' ' && seed_count > 0)
                add_hex(&seeds[seed_count - 1], line + strspn(line, " "));
        }
    }
    buf_deinit(&text);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (size == 0 && max_size > 0) data[size++] = (uint8_t)(seed >> 24);
    if (seed_count == 0 || seed % 8 != 0) return LLVMFuzzerMutate(data, size, max_size);
    const struct seed *s = &seeds[seed / 8 % seed_count];
    size_t at = seed / 1024 % 2 == 0 || size < 1 ? size : 1; /* behind all, or first of all */
    if (at == 0 || size + s->length > max_size) return LLVMFuzzerMutate(data, size, max_size);
    memmove(data + at + s->length, data + at, size - at);
    memcpy(data + at, s->bytes, s->length);
    return size + s->length;
}

/* ------------------------------------------------------------------ the way past the checks */

static void make_right(uint8_t *at, size_t left, unsigned mode) {
    if (left < FRAME_HEADER) return;
    if ((mode & MODE_LENGTHS) != 0) {
        uint32_t length = le_get32(at) & ~7u, room = (uint32_t)left & ~7u;
        if (length < FRAME_HEADER) length = FRAME_HEADER;
        le_put32(at, length < room ? length : room);
        at[5] = at[5] == 10 && le_get32(at) >= 40 ? 10 : 8;
    }
    bool bare = (le_get16(at + 6) & FRAME_NO_CHECKSUM) != 0 && (mode & MODE_AGREED) != 0;
    uint32_t length = le_get32(at);
    bool has_body = length > FRAME_HEADER && length <= left;
    le_put32(at + 24, has_body && !bare ? frame_checksum(at + FRAME_HEADER, length - FRAME_HEADER) : 0);
    le_put32(at + 28, bare ? 0 : frame_checksum(at, 28));
}

/* ------------------------------------------------------------------ what must hold of a frame */

static void check_again(const frame_view *f, const uint8_t *frame) {
    if (f->header.header_words != 8) return;
    uint8_t *again = malloc(f->header.length);
    CHECK(again != NULL);
    if (f->body_length > 0) memcpy(again + FRAME_HEADER, f->body, f->body_length);
    frame_finish(again, f->header, f->body_length, (f->header.flags & FRAME_NO_CHECKSUM) == 0);
    CHECK(memcmp(again, frame, f->header.length) == 0);
    free(again);
}

static bool same_text(const char *a, size_t a_length, const char *b, size_t b_length) {
    if (a == NULL || b == NULL) return a == b;
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

static void check_hello(const frame_view *f, bool reply) {
    hello h, back;
    if (hello_decode(f->body, f->body_length, reply, &h) != STATUS_OK) return;
    CHECK(h.unknown_count <= LIMIT_HELLO_OPTIONS && h.version_min <= h.version_max);
    buf made = {0};
    hello_encode(&made, f->header.request_id, reply ? FRAME_REPLY : 0, &h, NULL, 0);
    CHECK(buf_status(&made) == STATUS_OK);
    frame_view v;
    CHECK(frame_parse(made.data, made.size, UINT32_MAX, false, &v) == FRAME_READY && v.header.length == made.size);
    CHECK(hello_decode(v.body, v.body_length, reply, &back) == STATUS_OK);
    CHECK(same_text(h.cluster, h.cluster_length, back.cluster, back.cluster_length));
    CHECK(same_text(h.agent, h.agent_length, back.agent, back.agent_length));
    CHECK(same_text(h.mechanism, h.mechanism_length, back.mechanism, back.mechanism_length));
    CHECK(same_text((const char *)h.credentials, h.credentials_length, (const char *)back.credentials,
                    back.credentials_length));
    CHECK(back.features == h.features && back.max_frame == h.max_frame && back.max_entries == h.max_entries);
    CHECK(back.max_in_flight == h.max_in_flight && back.idle_ms == h.idle_ms);
    if (reply) CHECK(back.unknown_count == h.unknown_count && memcmp(back.unknown, h.unknown, sizeof h.unknown) == 0);
    buf_deinit(&made);
}

/* What is understood lies within the body, and comes out the same again. */
static void check_upload(const frame_view *f, const uint8_t *frame) {
    upload u;
    if (upload_decode(f->body, f->body_length, &u) != STATUS_OK) return;
    CHECK((const uint8_t *)u.name == f->body + UPLOAD_HEAD && u.part == f->body + UPLOAD_HEAD + u.name_length);
    CHECK(UPLOAD_HEAD + u.name_length + u.part_length <= f->body_length && u.part_length <= u.total - u.offset);
    if (f->header.header_words != 8 || f->header.deadline_ms != 0) return;
    buf made = {0};
    upload_encode(&made, f->header.request_id, &u, (f->header.flags & FRAME_NO_CHECKSUM) == 0);
    CHECK(made.size == f->header.length && memcmp(made.data, frame, made.size) == 0);
    buf_deinit(&made);
}

static void check_request(const frame_view *f, const uint8_t *frame) {
    status s = message_check_request(f, LIMIT_ENTRIES_MAX);
    CHECK(s == STATUS_OK || s == STATUS_UNKNOWN_TYPE || s == STATUS_BAD_ENTRY || s == STATUS_TOO_LARGE ||
          s == STATUS_BAD_FRAME);
    if (s != STATUS_OK) return;
    const message_info *info = message_find(f->header.type);
    CHECK(info != NULL && info->type == f->header.type);
    if (f->header.type == MESSAGE_HELLO) check_hello(f, false);
    if (f->header.type == MESSAGE_UPLOAD) check_upload(f, frame);
    if (info->request_entry == 0) return;
    size_t n = f->header.entry_count, step = f->header.entry_length;
    CHECK(n >= 1 && n <= info->max_entries && step >= info->request_entry && n * step <= f->body_length);
    for (size_t i = 0; i < n; i++) {
        _Alignas(8) uint8_t entry[512];
        memcpy(entry, f->body + i * step, info->request_entry);
        status e = message_entry_status(f->header.type, entry);
        CHECK(e == STATUS_OK || e == STATUS_BAD_ENTRY);
    }
    if (step != info->request_entry || f->header.header_words != 8) return;
    buf made = {0};
    message_request(&made, f->header.type, f->header.request_id, f->header.deadline_ms, f->body, n,
                    (f->header.flags & FRAME_NO_CHECKSUM) == 0);
    CHECK(made.size == f->header.length && memcmp(made.data, frame, made.size) == 0);
    buf_deinit(&made);
}

static void check_reply(const frame_view *f) {
    size_t asked = f->header.entry_count;
    if (message_check_reply(f, asked) != STATUS_OK) return;
    const message_info *info = message_find(f->header.type);
    CHECK(info != NULL && (size_t)info->reply_entry * asked <= f->body_length);
    if (f->header.type == MESSAGE_HELLO) check_hello(f, true);
    if (!message_has_documents(f->header.type)) return;
    size_t offset = 0;
    for (size_t i = 0; i < asked; i++) {
        uint16_t code;
        const char *text;
        size_t length, before = offset;
        if (message_document_next(f, &offset, &code, &text, &length) != STATUS_OK) return;
        CHECK(offset > before && offset <= f->body_length && offset % 8 == 0);
        CHECK((const uint8_t *)text + length <= f->body + f->body_length);
        volatile char last = length > 0 ? text[length - 1] : 0;
        (void)last;
    }
}

static void check_partial(const uint8_t *bytes, size_t available, uint32_t max, bool agreed) {
    uint8_t *copy = malloc(available > 0 ? available : 1);
    CHECK(copy != NULL);
    if (available > 0) memcpy(copy, bytes, available);
    frame_view v;
    CHECK(frame_parse(copy, available, max, agreed, &v) == FRAME_PARTIAL);
    CHECK(v.need > available && v.need <= max);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    unsigned mode = data[0];
    bool agreed = (mode & MODE_AGREED) != 0;
    uint32_t max = (mode & MODE_SMALL) != 0 ? 4096 : LIMIT_FRAME_MAX;
    size_t length = size - 1;
    uint8_t *stream = malloc(length > 0 ? length : 1);
    CHECK(stream != NULL);
    memcpy(stream, data + 1, length);
    for (size_t at = 0, step; at < length; at += step) {
        if ((mode & MODE_CHECKSUMS) != 0) make_right(stream + at, length - at, mode);
        frame_view f;
        frame_result r = frame_parse(stream + at, length - at, max, agreed, &f);
        if (r == FRAME_PARTIAL) CHECK(f.need > length - at && f.need <= max);
        if (r == FRAME_BROKEN)
            CHECK(f.why == STATUS_BAD_CHECKSUM || f.why == STATUS_BAD_FRAME || f.why == STATUS_TOO_LARGE);
        if (r == FRAME_PARTIAL || r == FRAME_BROKEN) break;
        step = f.header.length;
        CHECK(step >= FRAME_HEADER && step % 8 == 0 && step <= max && step <= length - at && f.need == step);
        CHECK(f.body >= stream + at + FRAME_HEADER && f.body + f.body_length == stream + at + step);
        check_partial(stream + at, step - 1, max, agreed);
        check_partial(stream + at, FRAME_HEADER - 1, max, agreed);
        if (r == FRAME_REFUSED) {
            CHECK(f.why == STATUS_BAD_CHECKSUM || f.why == STATUS_BAD_FRAME || f.why == STATUS_BAD_ENTRY);
            continue;
        }
        CHECK(f.why == STATUS_OK);
        check_again(&f, stream + at);
        check_request(&f, stream + at);
        check_reply(&f);
    }
    free(stream);
    return 0;
}
