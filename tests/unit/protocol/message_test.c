#include "base/le.h"
#include "protocol/message.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Makes a frame of these parts and parses it; the bytes live until the next call. */
static frame_view view_of(unsigned type, unsigned flags, unsigned entry_length, unsigned count, const void *body,
                          size_t length) {
    static uint8_t frame[1 << 19];
    cr_assert(frame_length(length) <= sizeof frame);
    if (length > 0) memcpy(frame + FRAME_HEADER, body, length);
    frame_header h = {.type = (uint8_t)type,
                      .flags = (uint16_t)flags,
                      .entry_length = (uint16_t)entry_length,
                      .entry_count = (uint16_t)count};
    frame_finish(frame, h, length, true);
    frame_view v;
    cr_assert_eq(frame_parse(frame, frame_length(length), sizeof frame, false, &v), FRAME_READY);
    return v;
}

static status check(unsigned type, unsigned entry_length, unsigned count, size_t length) {
    static const uint8_t zeros[1 << 18];
    frame_view v = view_of(type, 0, entry_length, count, zeros, length);
    return message_check_request(&v, 1000);
}

/* ------------------------------------------------------------------ the table and the layouts */

Test(message, types_are_found_by_number) {
    cr_assert_str_eq(message_find(MESSAGE_HELLO)->name, "hello");
    cr_assert_str_eq(message_find(36)->name, "quota_scan");
    cr_assert(message_find(MESSAGE_QUOTA_OUTCOME)->is_write);
    cr_assert_not(message_find(MESSAGE_QUOTA_CHECK)->is_write);
    static const unsigned unknown[] = {0, 6, 15, 23, 31, 39, 51, 63, 66, 255, 256, 272, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        cr_assert(message_find(unknown[i]) == NULL, "%u", unknown[i]);
}

Test(message, layouts_fill_their_entries) {
    uint8_t entry[512];
    for (unsigned type = 0; type < 256; type++) {
        const message_info *info = message_find(type);
        if (info == NULL) continue;
        for (int reply = 0; reply < 2; reply++) {
            size_t length = reply ? info->reply_entry : info->request_entry;
            const char *layout = message_layout(type, reply);
            cr_assert_eq(layout == NULL, length == 0, "%s", info->name);
            cr_assert_eq(length % 8, 0, "%s", info->name);
            if (layout == NULL) continue;
            memset(entry, 0, sizeof entry);
            cr_assert_eq(message_reverse_entry(layout, entry), length, "%s", info->name);
            for (size_t i = 0; i < sizeof entry; i++) entry[i] = (uint8_t)(i * 31 + 7);
            message_reverse_entry(layout, entry);
            message_reverse_entry(layout, entry);
            for (size_t i = 0; i < sizeof entry; i++) cr_assert_eq(entry[i], (uint8_t)(i * 31 + 7), "%s", info->name);
        }
    }
}

Test(message, layouts_know_where_the_integers_are) {
    wire_quota_show q;
    for (size_t i = 0; i < sizeof q; i++) ((uint8_t *)&q)[i] = (uint8_t)i;
    wire_quota_show r = q;
    message_reverse_entry(message_layout(MESSAGE_QUOTA_SHOW, true), (uint8_t *)&r);
    cr_assert_eq(r.status, __builtin_bswap16(q.status));
    cr_assert_eq(r.flags, q.flags);
    cr_assert_eq(r.usage_percent, __builtin_bswap32(q.usage_percent));
    cr_assert_eq((uint64_t)r.next_expiry_ms, __builtin_bswap64((uint64_t)q.next_expiry_ms));
    cr_assert_eq((uint32_t)r.unsecured_bp, __builtin_bswap32((uint32_t)q.unsecured_bp));
    cr_assert_eq((uint64_t)r.forecast_12m_mwh, __builtin_bswap64((uint64_t)q.forecast_12m_mwh));
    cr_assert_eq(r.instrument_count, __builtin_bswap32(q.instrument_count));
    wire_account a;
    for (size_t i = 0; i < sizeof a; i++) ((uint8_t *)&a)[i] = (uint8_t)(i * 3);
    wire_account b = a;
    message_reverse_entry(message_layout(MESSAGE_QUOTA_SCAN, true), (uint8_t *)&b);
    cr_assert_arr_eq(&b.key, &a.key, sizeof a.key);
    cr_assert_eq(b.seq, __builtin_bswap32(a.seq));
    cr_assert_eq((uint64_t)b.opened_ms, __builtin_bswap64((uint64_t)a.opened_ms));
    for (int i = 0; i < LIMIT_INSTRUMENTS; i++) {
        cr_assert_eq(b.instruments[i].id, __builtin_bswap64(a.instruments[i].id));
        cr_assert_eq(b.instruments[i].to_hour, __builtin_bswap32(a.instruments[i].to_hour));
        cr_assert_eq(b.instruments[i].kind, a.instruments[i].kind);
    }
    wire_decision d;
    for (size_t i = 0; i < sizeof d; i++) ((uint8_t *)&d)[i] = (uint8_t)(i * 5);
    wire_decision e = d;
    message_reverse_entry(message_layout(MESSAGE_DECIDE, true), (uint8_t *)&e);
    cr_assert_eq((uint16_t)e.rate_bp, __builtin_bswap16((uint16_t)d.rate_bp));
    cr_assert_eq(e.policy_version, __builtin_bswap32(d.policy_version));
}

/* ------------------------------------------------------------------ shapes of requests */

Test(message, requests_of_the_right_shape_pass) {
    for (unsigned type = 0; type < 256; type++) {
        const message_info *info = message_find(type);
        if (info == NULL || info->request_entry == 0) continue;
        cr_assert_eq(check(type, info->request_entry, 1, info->request_entry), STATUS_OK, "%s", info->name);
        size_t more = info->request_entry + 8u;
        cr_assert_eq(check(type, (unsigned)more, 1, more), STATUS_OK, "%s", info->name);
    }
    cr_assert_eq(check(MESSAGE_HELLO, 0, 1, 32), STATUS_OK);
    cr_assert_eq(check(MESSAGE_PING, 0, 0, 0), STATUS_OK);
    cr_assert_eq(check(MESSAGE_PING, 0, 0, 1024), STATUS_OK);
    cr_assert_eq(check(MESSAGE_INFO, 0, 0, 0), STATUS_OK);
    cr_assert_eq(check(MESSAGE_DECIDE, 16, 1000, 16000), STATUS_OK);
    cr_assert_eq(check(MESSAGE_EXPLAIN, 16, 64, 1024), STATUS_OK);
}

Test(message, requests_of_a_wrong_shape_fail) {
    static const struct {
        unsigned type, entry_length, count;
        size_t length;
        status why;
    } cases[] = {
        {0, 0, 0, 0, STATUS_UNKNOWN_TYPE},
        {99, 16, 1, 16, STATUS_UNKNOWN_TYPE},
        {MESSAGE_DECIDE, 8, 2, 16, STATUS_BAD_ENTRY},
        {MESSAGE_DECIDE, 0, 1, 16, STATUS_BAD_ENTRY},
        {MESSAGE_DECIDE, 17, 1, 17, STATUS_BAD_ENTRY},
        {MESSAGE_DECIDE, 20, 2, 40, STATUS_BAD_ENTRY},
        {MESSAGE_DECIDE, 16, 0, 0, STATUS_BAD_ENTRY},
        {MESSAGE_DECIDE, 16, 1001, 16016, STATUS_TOO_LARGE},
        {MESSAGE_PUT, 72, 1, 72, STATUS_BAD_ENTRY},
        {MESSAGE_EXPLAIN, 16, 65, 1040, STATUS_TOO_LARGE},
        {MESSAGE_SCAN, 16, 2, 32, STATUS_TOO_LARGE},
        {MESSAGE_QUOTA_SCAN, 16, 2, 32, STATUS_TOO_LARGE},
        {MESSAGE_QUOTA_ACCOUNT, 16, 1, 16, STATUS_BAD_ENTRY},
        {MESSAGE_SCAN, 16, 0, 0, STATUS_BAD_ENTRY},
        {MESSAGE_PING, 0, 0, 1032, STATUS_TOO_LARGE},
        {MESSAGE_PING, 0, 1, 8, STATUS_BAD_ENTRY},
        {MESSAGE_PING, 8, 1, 8, STATUS_BAD_ENTRY},
        {MESSAGE_INFO, 0, 0, 8, STATUS_BAD_ENTRY},
        {MESSAGE_INFO, 0, 1, 0, STATUS_BAD_ENTRY},
        {MESSAGE_STATS, 8, 0, 0, STATUS_BAD_ENTRY},
        {MESSAGE_POLICY_INFO, 0, 0, 8, STATUS_BAD_ENTRY},
        {MESSAGE_HELLO, 0, 1, 24, STATUS_BAD_ENTRY},
        {MESSAGE_HELLO, 0, 0, 32, STATUS_BAD_ENTRY},
        {MESSAGE_HELLO, 32, 1, 32, STATUS_BAD_ENTRY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        status s = check(cases[i].type, cases[i].entry_length, cases[i].count, cases[i].length);
        cr_assert_eq(s, cases[i].why, "case %zu: %s instead of %s", i, status_name(s), status_name(cases[i].why));
    }
}

Test(message, flags_of_replies_are_not_for_requests) {
    uint8_t body[16] = {0};
    for (unsigned flags = FRAME_REPLY; flags <= FRAME_ERROR + FRAME_REPLY; flags++) {
        frame_view v = view_of(MESSAGE_DECIDE, flags, 16, 1, body, sizeof body);
        cr_assert_eq(message_check_request(&v, 10), STATUS_BAD_FRAME, "flags %u", flags);
    }
}

Test(message, extra_bytes_and_padding_must_be_zero) {
    uint8_t body[3 * 32] = {0};
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = 0x80;
        frame_view v = view_of(MESSAGE_DECIDE, 0, 32, 3, body, sizeof body);
        cr_assert_eq(message_check_request(&v, 10), i % 32 < 16 ? STATUS_OK : STATUS_BAD_ENTRY, "byte %zu", i);
        body[i] = 0;
    }
}

/* ------------------------------------------------------------------ reserved bits of entries */

/* Every bit of the entry whose setting makes a clean entry fail must be in the reserved bytes given, and the reverse.
 */
static void expect_reserved(unsigned type, const void *clean, size_t length, const uint8_t *reserved,
                            const char *what) {
    _Alignas(8) uint8_t entry[512];
    memcpy(entry, clean, length);
    cr_assert_eq(message_entry_status(type, entry), STATUS_OK, "%s", what);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        entry[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool is_reserved = (reserved[bit / 8] >> bit % 8 & 1) != 0;
        cr_assert_eq(message_entry_status(type, entry), is_reserved ? STATUS_BAD_ENTRY : STATUS_OK,
                     "%s: byte %zu bit %zu", what, bit / 8, bit % 8);
        entry[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static uint8_t mask[512];
static void reserve_bytes(size_t from, size_t to) { memset(mask + from, 0xFF, to - from); }

Test(message, reserved_bits_fail_their_entry) {
    static const uint8_t zero[512];
    reserve_bytes(14, 16);
    expect_reserved(MESSAGE_DECIDE, zero, 16, mask, "decide");
    expect_reserved(MESSAGE_EXPLAIN, zero, 16, mask, "explain");
    expect_reserved(MESSAGE_QUOTA_CHECK, zero, 24, mask, "quota_check");
    reserve_bytes(16, 24);
    expect_reserved(MESSAGE_QUOTA_SHOW, zero, 24, mask, "quota_show");
    expect_reserved(MESSAGE_QUOTA_ACCOUNT, zero, 24, mask, "quota_account");
    memset(mask, 0, sizeof mask);
    reserve_bytes(12, 13);
    reserve_bytes(14, 16);
    expect_reserved(MESSAGE_GET, zero, 16, mask, "get");
    memset(mask, 0, sizeof mask);
    reserve_bytes(8, 10); /* the upper half of the flags is the source */
    mask[8] = 0xF8;
    reserve_bytes(16 + 52, 16 + 56);
    expect_reserved(MESSAGE_PUT, zero, 80, mask, "put");
    memset(mask, 0, sizeof mask);
    expect_reserved(MESSAGE_SCAN, zero, 16, mask, "scan");
    expect_reserved(MESSAGE_QUOTA_SCAN, zero, 16, mask, "quota_scan");
    expect_reserved(MESSAGE_QUOTA_OUTCOME, zero, 16, mask, "quota_outcome");
}

Test(message, reserved_bits_of_reports_and_lists) {
    static const uint8_t zero[512];
    reserve_bytes(14, 16);
    expect_reserved(MESSAGE_RECEIPT, zero, 16, mask, "receipt");
    reserve_bytes(12, 13);
    expect_reserved(MESSAGE_SCORECARD, zero, 16, mask, "scorecard");
    memset(mask, 0, sizeof mask);
    reserve_bytes(38, 40);
    reserve_bytes(44, 48);
    expect_reserved(MESSAGE_REPORT, zero, 160, mask, "report");
    memset(mask, 0, sizeof mask);
    mask[12] = 0xF8; /* parts are 0 to 6 */
    reserve_bytes(14, 16);
    expect_reserved(MESSAGE_DOSSIER, zero, 24, mask, "dossier");
    wire_dossier last = {.part = WIRE_DOSSIER_END};
    cr_assert_eq(message_entry_status(MESSAGE_DOSSIER, &last), STATUS_BAD_ENTRY);
    memset(mask, 0, sizeof mask);
    reserve_bytes(15, 24);
    expect_reserved(MESSAGE_LIST, zero, 24, mask, "list");
    memset(mask, 0, sizeof mask);
    mask[13] = 0xFC; /* modes are 0 to 2 */
    reserve_bytes(14, 24);
    expect_reserved(MESSAGE_WATCH, zero, 24, mask, "watch");
    wire_watch watch = {.mode = WIRE_WATCH_STOP};
    cr_assert_eq(message_entry_status(MESSAGE_WATCH, &watch), STATUS_OK);
    watch.max = 1;
    cr_assert_eq(message_entry_status(MESSAGE_WATCH, &watch), STATUS_BAD_ENTRY, "a stop asks for nothing");
    watch = (wire_watch){.mode = WIRE_WATCH_STOP + 1};
    cr_assert_eq(message_entry_status(MESSAGE_WATCH, &watch), STATUS_BAD_ENTRY);
}

Test(message, walks_and_documents_are_told_apart) {
    size_t walks = 0, documents = 0;
    for (unsigned type = 0; type < 256; type++) {
        walks += message_is_walk(type);
        documents += message_has_documents(type);
        cr_assert_not(message_is_walk(type) && message_has_documents(type));
    }
    cr_assert_eq(walks, 4);
    cr_assert_eq(documents, 3);
    cr_assert(message_is_walk(MESSAGE_LIST) && message_is_walk(MESSAGE_WATCH) &&
              message_has_documents(MESSAGE_DOSSIER));
}

/* ------------------------------------------------------------------ uploads */

/* A body as upload_encode makes it, cut out of its frame. */
static size_t upload_body(const upload *u, uint8_t *body, size_t room) {
    buf b = {0};
    frame_view f;
    upload_encode(&b, 1, u, true);
    cr_assert_eq(frame_parse(b.data, b.size, LIMIT_FRAME_MAX, false, &f), FRAME_READY);
    cr_assert_eq(message_check_request(&f, 1), STATUS_OK);
    cr_assert_leq(f.body_length, room);
    memcpy(body, f.body, f.body_length);
    buf_deinit(&b);
    return f.body_length;
}

Test(message, uploads_come_back_as_they_were) {
    static const uint8_t text[] = "records: yunnan-2026\ntypes: []\n";
    uint8_t body[256];
    upload back;
    for (uint32_t length = 0; length < sizeof text; length++) {
        upload u = {.draft = 7,
                    .total = 100,
                    .offset = 100 - length,
                    .name = "records.yaml",
                    .name_length = 12,
                    .part = text,
                    .part_length = length};
        size_t n = upload_body(&u, body, sizeof body);
        cr_assert_eq(upload_decode(body, n, &back), STATUS_OK, "%u", length);
        cr_assert_eq(back.part_length, length);
        cr_assert_eq(back.draft, 7);
        cr_assert_eq(back.total, 100);
        cr_assert_eq(back.offset, 100 - length);
        cr_assert(back.name_length == 12 && memcmp(back.name, "records.yaml", 12) == 0);
        cr_assert(memcmp(back.part, text, length) == 0);
    }
}

Test(message, uploads_of_the_wrong_shape_are_refused) {
    static const uint8_t text[32] = "weekend: [saturday, sunday]\n";
    upload u = {.total = 29, .name = "calendar.yaml", .name_length = 13, .part = text, .part_length = 29}, back;
    uint8_t good[128], bad[128];
    size_t n = upload_body(&u, good, sizeof good);
    cr_assert_eq(upload_decode(good, n, &back), STATUS_OK);
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        memcpy(bad, good, n);                                                                                          \
        change;                                                                                                        \
        cr_assert_eq(upload_decode(bad, n, &back), STATUS_BAD_ENTRY, #change);                                         \
    } while (0)
    REFUSED(bad[14] = 1);               /* reserved */
    REFUSED(bad[12] = 0);               /* no name */
    REFUSED(bad[12] = 64);              /* too long a name */
    REFUSED(bad[13] = 1);               /* longer than the body */
    REFUSED(bad[8] = 30);               /* begins behind the file's end */
    REFUSED(bad[16] = 0x1B);            /* a name that steers a terminal */
    REFUSED(bad[16] = 0xFF);            /* not UTF-8 */
    REFUSED(bad[n - 1] = 1);            /* padding */
    REFUSED((bad[4] = 10, bad[8] = 0)); /* a part with more behind it than padding */
    for (size_t i = 0; i < UPLOAD_HEAD; i++)
        cr_assert_eq(upload_decode(good, i, &back), STATUS_BAD_ENTRY, "%zu bytes", i);
    uint32_t draft, received;
    uint8_t reply[UPLOAD_REPLY];
    upload_reply_encode(reply, 0x01020304, 0xF0E0D0C0);
    cr_assert_eq(upload_reply_decode(reply, sizeof reply, &draft, &received), STATUS_OK);
    cr_assert(draft == 0x01020304 && received == 0xF0E0D0C0);
    cr_assert_eq(upload_reply_decode(reply, sizeof reply - 1, &draft, &received), STATUS_BAD_ENTRY);
}

Test(message, the_longest_part_fills_its_frame) {
    static const uint8_t text[8192];
    for (uint32_t max = 4096; max < 4112; max++)
        for (uint16_t name = 1; name <= LIMIT_NAME_MAX; name += 31) {
            char names[LIMIT_NAME_MAX];
            memset(names, 'a', sizeof names);
            upload u = {.total = 8192, .name = names, .name_length = name, .part = text}, back;
            u.part_length = upload_part_max(max, name);
            buf b = {0};
            upload_encode(&b, 1, &u, false);
            cr_assert(b.size <= max && b.size + 8 > max, "%zu bytes of %u", b.size, max);
            cr_assert_eq(upload_decode(b.data + FRAME_HEADER, b.size - FRAME_HEADER, &back), STATUS_OK);
            cr_assert_eq(back.part_length, u.part_length, "the part is not mistaken for a longer one");
            buf_deinit(&b);
        }
}

Test(message, an_operation_has_no_more_than_its_kind_uses) {
    /* what is reserved by kind: instrument_kind, amount, first and second half of the target, a, b */
    static const struct {
        uint8_t kind;
        bool instrument_kind, amount, first, second, a, b;
    } kinds[] = {
        {WIRE_RESERVE, 1, 0, 1, 1, 0, 1},  {WIRE_COMMIT, 1, 0, 0, 0, 1, 1}, {WIRE_RELEASE, 1, 1, 0, 0, 1, 1},
        {WIRE_SETTLE, 1, 0, 1, 1, 1, 1},   {WIRE_PLEDGE, 0, 0, 0, 1, 0, 0}, {WIRE_WITHDRAW, 1, 1, 0, 1, 1, 1},
        {WIRE_ENERGY, 1, 0, 0, 0, 0, 1},   {WIRE_AMEND, 1, 0, 0, 1, 0, 0},  {WIRE_FREEZE, 1, 1, 0, 0, 1, 1},
        {WIRE_UNFREEZE, 1, 1, 1, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        wire_operation clean = {.program = 1, .kind = kinds[i].kind};
        cr_assert_eq(message_entry_status(MESSAGE_QUOTA_OPERATE, &clean), STATUS_OK);
#define EXPECT(reserved, change)                                                                                       \
    do {                                                                                                               \
        wire_operation o = clean;                                                                                      \
        change;                                                                                                        \
        cr_assert_eq(message_entry_status(MESSAGE_QUOTA_OPERATE, &o), (reserved) ? STATUS_BAD_ENTRY : STATUS_OK,       \
                     "kind %u: " #change, kinds[i].kind);                                                              \
    } while (0)
        EXPECT(kinds[i].instrument_kind, o.instrument_kind = 0x80);
        EXPECT(kinds[i].amount, o.amount_fen = INT64_MIN);
        EXPECT(kinds[i].first, o.target[0] = 1);
        EXPECT(kinds[i].first, o.target[7] = 0x80);
        EXPECT(kinds[i].second, o.target[8] = 1);
        EXPECT(kinds[i].second, o.target[15] = 0x80);
        EXPECT(kinds[i].a, o.a = 1u << 31);
        EXPECT(kinds[i].b, o.b = 1);
        EXPECT(false, o.id[0] = 1);
        EXPECT(false, o.program = 15);
        EXPECT(false, o.flags = WIRE_LINKED);
        EXPECT(true, o.flags = 2);
        EXPECT(true, o.flags = 0x80 | WIRE_LINKED);
    }
    static const uint8_t unknown[] = {0, WIRE_OPERATION_END, 255};
    for (size_t i = 0; i < sizeof unknown; i++) {
        wire_operation o = {.kind = unknown[i]};
        cr_assert_eq(message_entry_status(MESSAGE_QUOTA_OPERATE, &o), STATUS_BAD_ENTRY);
    }
}

/* ------------------------------------------------------------------ replies */

Test(message, replies_are_checked_against_what_was_asked) {
    uint8_t body[4 * 40] = {0};
    memset(body, 0xAA, sizeof body);
    frame_view v = view_of(MESSAGE_DECIDE, FRAME_REPLY, 32, 3, body, 96);
    cr_assert_eq(message_check_reply(&v, 3), STATUS_OK);
    cr_assert_eq(message_check_reply(&v, 2), STATUS_BAD_ENTRY);
    cr_assert_eq(message_check_reply(&v, 4), STATUS_BAD_ENTRY);
    v = view_of(MESSAGE_DECIDE, FRAME_REPLY, 40, 4, body, 160);
    cr_assert_eq(message_check_reply(&v, 4), STATUS_OK, "longer entries are a newer server's");
    v = view_of(MESSAGE_DECIDE, FRAME_REPLY, 24, 4, body, 96);
    cr_assert_eq(message_check_reply(&v, 4), STATUS_BAD_ENTRY);
    v = view_of(MESSAGE_DECIDE, FRAME_REPLY, 36, 4, body, 144);
    cr_assert_eq(message_check_reply(&v, 4), STATUS_BAD_ENTRY);
    v = view_of(MESSAGE_DECIDE, 0, 32, 3, body, 96);
    cr_assert_eq(message_check_reply(&v, 3), STATUS_BAD_FRAME, "a request is no reply");
    v = view_of(MESSAGE_DECIDE, FRAME_REPLY | FRAME_ERROR, 32, 3, body, 96);
    cr_assert_eq(message_check_reply(&v, 3), STATUS_BAD_FRAME);
    v = view_of(MESSAGE_SCAN, FRAME_REPLY, 72, 2, body, 144);
    cr_assert_eq(message_check_reply(&v, 5), STATUS_OK);
    cr_assert_eq(message_check_reply(&v, 2), STATUS_OK);
    cr_assert_eq(message_check_reply(&v, 1), STATUS_TOO_LARGE);
    v = view_of(MESSAGE_SCAN, FRAME_REPLY, 72, 0, body, 0);
    cr_assert_eq(message_check_reply(&v, 5), STATUS_OK);
    v = view_of(MESSAGE_INFO, FRAME_REPLY, 0, 1, body, 64);
    cr_assert_eq(message_check_reply(&v, 1), STATUS_OK);
    v = view_of(MESSAGE_INFO, FRAME_REPLY, 0, 2, body, 64);
    cr_assert_eq(message_check_reply(&v, 1), STATUS_BAD_ENTRY);
    v = view_of(200, FRAME_REPLY, 0, 0, body, 0);
    cr_assert_eq(message_check_reply(&v, 0), STATUS_UNKNOWN_TYPE);
}

Test(message, documents_with_hostile_lengths_are_refused) {
    uint8_t body[40] = {0};
    static const uint32_t bad[] = {33, 34, 40, 1000, UINT32_MAX, UINT32_MAX - 7, 0x80000000};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        le_put32(body + 4, bad[i]);
        frame_view v = view_of(MESSAGE_EXPLAIN, FRAME_REPLY, 0, 1, body, sizeof body);
        size_t offset = 0, length;
        uint16_t code;
        const char *text;
        cr_assert_eq(message_document_next(&v, &offset, &code, &text, &length), STATUS_BAD_ENTRY, "%u", bad[i]);
        cr_assert_eq(offset, 0);
    }
    le_put32(body + 4, 9);
    le_put16(body, 121);
    frame_view v = view_of(MESSAGE_EXPLAIN, FRAME_REPLY, 0, 2, body, sizeof body);
    size_t offset = 0, length;
    uint16_t code;
    const char *text;
    cr_assert_eq(message_document_next(&v, &offset, &code, &text, &length), STATUS_OK);
    cr_assert_eq(length, 9);
    cr_assert_eq(code, 121);
    cr_assert_eq(offset, 24);
    cr_assert_eq(message_document_next(&v, &offset, &code, &text, &length), STATUS_OK);
    cr_assert_eq(length, 0);
    cr_assert_eq(message_document_next(&v, &offset, &code, &text, &length), STATUS_OK);
    cr_assert_eq(offset, 40);
    cr_assert_eq(message_document_next(&v, &offset, &code, &text, &length), STATUS_BAD_ENTRY, "beyond the end");
    offset = SIZE_MAX - 3;
    cr_assert_eq(message_document_next(&v, &offset, &code, &text, &length), STATUS_BAD_ENTRY);
}

/* ------------------------------------------------------------------ HELLO */

static void expect_name(const char *got, size_t length, const char *expected) {
    cr_assert_eq(got == NULL, expected == NULL);
    if (got == NULL) return;
    cr_assert_eq(length, strlen(expected));
    cr_assert(memcmp(got, expected, length) == 0);
}

Test(hello, comes_back_with_any_options) {
    static const char *const names[] = {
        NULL, "a", "ab", "abc", "abcd", "信易+", "0123456789012345678901234567890123456789012345678901234567890AB"};
    uint64_t seed = 7;
    for (int round = 0; round < 5000; round++) {
        uint64_t r = random_next(&seed);
        const char *cluster = names[r % 7], *agent = names[(r >> 8) % 7], *mechanism = names[(r >> 16) % 7];
        uint8_t secret[300];
        memset(secret, (int)(r >> 24) & 0xFF, sizeof secret);
        bool reply = (r >> 32) % 2 != 0;
        hello h = {.version_min = 1,
                   .version_max = (uint16_t)(1 + r % 9),
                   .features = (uint32_t)random_next(&seed),
                   .max_frame = (uint32_t)random_next(&seed),
                   .max_entries = (uint32_t)random_next(&seed),
                   .max_in_flight = (uint32_t)random_next(&seed),
                   .idle_ms = (uint32_t)random_next(&seed),
                   .cluster = cluster,
                   .agent = agent,
                   .mechanism = mechanism};
        if (cluster != NULL) h.cluster_length = (uint8_t)strlen(cluster);
        if (agent != NULL) h.agent_length = (uint8_t)strlen(agent);
        if (mechanism != NULL) h.mechanism_length = (uint8_t)strlen(mechanism);
        if ((r >> 40) % 3 == 0) {
            h.credentials = secret;
            h.credentials_length = (uint16_t)((r >> 44) % 300);
        }
        if (reply) h.unknown_count = (uint8_t)((r >> 52) % (LIMIT_HELLO_OPTIONS + 1));
        for (unsigned i = 0; i < h.unknown_count; i++) h.unknown[i] = (uint16_t)(1000 + i);
        buf b = {0};
        hello_encode(&b, (uint64_t)round, reply ? FRAME_REPLY : 0, &h, NULL, 0);
        cr_assert_eq(buf_status(&b), STATUS_OK);
        frame_view v;
        cr_assert_eq(frame_parse(b.data, b.size, LIMIT_FRAME_MAX, false, &v), FRAME_READY);
        cr_assert_eq(v.header.length, b.size);
        cr_assert_eq(v.header.request_id, (uint64_t)round);
        cr_assert_eq(v.header.entry_count, 1);
        if (!reply) cr_assert_eq(message_check_request(&v, 1), STATUS_OK);
        hello got;
        cr_assert_eq(hello_decode(v.body, v.body_length, reply, &got), STATUS_OK, "round %d", round);
        cr_assert_eq(got.version_max, h.version_max);
        cr_assert_eq(got.features, h.features);
        cr_assert_eq(got.max_frame, h.max_frame);
        cr_assert_eq(got.max_entries, h.max_entries);
        cr_assert_eq(got.max_in_flight, h.max_in_flight);
        cr_assert_eq(got.idle_ms, h.idle_ms);
        expect_name(got.cluster, got.cluster_length, cluster);
        expect_name(got.agent, got.agent_length, agent);
        expect_name(got.mechanism, got.mechanism_length, mechanism);
        cr_assert_eq(got.credentials == NULL, h.credentials == NULL);
        cr_assert_eq(got.credentials_length, h.credentials_length);
        if (h.credentials_length > 0) cr_assert_arr_eq(got.credentials, secret, h.credentials_length);
        cr_assert_eq(got.unknown_count, h.unknown_count);
        cr_assert_arr_eq(got.unknown, h.unknown, sizeof h.unknown);
        buf_deinit(&b);
    }
}

#define FIXED                                                                                                          \
    "\1\0\1\0"                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\0"                                                                                                         \
    "\0\0\0\0\0\0\0\0"

static status decode(const char *bytes, size_t length, bool reply, hello *out) {
    uint8_t *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, bytes, length);
    status s = hello_decode(copy, length, reply, out);
    free(copy);
    return s;
}
#define DECODE(bytes, reply, out) decode(bytes, sizeof(bytes) - 1, reply, out)

Test(hello, unknown_options_are_told_not_refused) {
    hello h;
    cr_assert_eq(DECODE(FIXED "\x34\x12\3\0abc\0"
                              "\5\0\0\0"
                              "\xFF\xFF\0\0",
                        false, &h),
                 STATUS_OK);
    cr_assert_eq(h.unknown_count, 3);
    cr_assert_eq(h.unknown[0], 0x1234);
    cr_assert_eq(h.unknown[1], 5, "the tag of replies is unknown in requests");
    cr_assert_eq(h.unknown[2], 0xFFFF);
    cr_assert_eq(DECODE(FIXED "\x34\x12\3\0abc\0"
                              "\5\0\4\0\x11\x22\x33\x44",
                        true, &h),
                 STATUS_OK);
    cr_assert_eq(h.unknown_count, 2, "of a newer server's option nothing is told");
    cr_assert_eq(h.unknown[0], 0x2211);
    cr_assert_eq(DECODE(FIXED "\0\0\0\0", false, &h), STATUS_OK, "padding of the frame");
}

Test(hello, malformed_ones_are_refused) {
    hello h;
    static const struct {
        const char *bytes;
        size_t length;
        const char *what;
    } cases[] = {
#define BAD(bytes, what) {bytes, sizeof(bytes) - 1, what}
        BAD("", "nothing"),
        BAD(FIXED "\1", "one byte of an option"),
        BAD(FIXED "\1\0\1", "three bytes of an option"),
        BAD(FIXED "\1\0\4\0abc", "value cut"),
        BAD(FIXED "\1\0\5\0abcde\0\0", "padding cut"),
        BAD(FIXED "\1\0\xFF\xFF"
                  "abcd",
            "length beyond the body"),
        BAD(FIXED "\1\0\0\0", "empty name"),
        BAD(FIXED "\1\0\1\0a\0\0\1", "padding not zero"),
        BAD(FIXED "\1\0\1\0a\0\0\0\1\0\1\0b\0\0\0", "repeated option"),
        BAD(FIXED "\x77\0\0\0\x77\0\0\0", "repeated unknown option"),
        BAD(FIXED "\0\0\0\0\0\0\0\0", "more than the padding"),
        BAD(FIXED "\0\0\4\0abcd", "option 0"),
        BAD(FIXED "\0\0\1\0", "option 0 with a length"),
        BAD(FIXED "\1\0\100\0"
                  "0123456789012345678901234567890123456789012345678901234567890123",
            "name of 64 bytes"),
        BAD(FIXED "\2\0\2\0a\n\0\0", "control character"),
        BAD(FIXED "\2\0\1\0\0\0\0\0", "NUL in a name"),
        BAD(FIXED "\2\0\1\0\x7F\0\0\0", "DEL"),
        BAD(FIXED "\2\0\1\0\x80\0\0\0", "not UTF-8"),
        BAD(FIXED "\2\0\2\0\xC0\x80\0\0", "overlong UTF-8"),
        BAD(FIXED "\2\0\3\0\xED\xA0\x80\0", "surrogate"),
        BAD(FIXED "\2\0\2\0\xE4\xBF\0\0", "character cut"),
        BAD(FIXED "\2\0\2\0\xC2\x85\0\0", "C1 control"),
        BAD(FIXED "\2\0\4\0\xF5\x80\x80\x80", "beyond Unicode"),
        BAD("\2\0\1\0"
            "\0\0\0\0"
            "\0\0\0\0"
            "\0\0\0\0"
            "\0\0\0\0"
            "\0\0\0\0"
            "\0\0\0\0\0\0\0\0",
            "version_min over version_max"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(decode(cases[i].bytes, cases[i].length, false, &h), STATUS_BAD_ENTRY, "%s", cases[i].what);
        cr_assert_eq(decode(cases[i].bytes, cases[i].length, true, &h), STATUS_BAD_ENTRY, "%s, reply", cases[i].what);
    }
    for (size_t n = 0; n < 32; n++) cr_assert_eq(decode(FIXED, n, false, &h), STATUS_BAD_ENTRY, "%zu bytes", n);
    for (size_t i = 24; i < 32; i++) {
        char bytes[32];
        memcpy(bytes, FIXED, 32);
        bytes[i] = 1;
        cr_assert_eq(decode(bytes, 32, false, &h), STATUS_BAD_ENTRY, "reserved byte %zu", i);
        cr_assert_eq(decode(bytes, 32, true, &h), STATUS_OK, "a client ignores reserved bytes");
    }
    cr_assert_eq(DECODE(FIXED "\5\0\1\0\1\0\0\0", true, &h), STATUS_BAD_ENTRY, "half a tag");
    cr_assert_eq(DECODE(FIXED "\5\0\42\0"
                              "0123456789012345678901234567890123\0\0",
                        true, &h),
                 STATUS_BAD_ENTRY, "17 tags");
}

Test(hello, sixteen_options_and_no_more) {
    for (unsigned n = 16; n <= 17; n++) {
        uint8_t body[32 + 17 * 4] = {1, 0, 1, 0};
        for (unsigned i = 0; i < n; i++) le_put16(body + 32 + 4 * (size_t)i, (uint16_t)(100 + i));
        hello h;
        cr_assert_eq(hello_decode(body, 32 + 4 * (size_t)n, false, &h), n == 16 ? STATUS_OK : STATUS_BAD_ENTRY,
                     "%u options", n);
        if (n == 16) cr_assert(h.unknown_count == 16 && h.unknown[15] == 115);
    }
}

/* ------------------------------------------------------------------ whole frames */

Test(message, an_error_text_is_cut_between_characters) {
    char text[600];
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        for (size_t i = 0; i < 180; i++) memcpy(text + lead + 3 * i, "信", 3);
        text[lead + 540] = '\0';
        buf b = {0};
        message_error(&b, 16, 5, STATUS_OVERLOADED, 100, text);
        frame_view v;
        cr_assert_eq(frame_parse(b.data, b.size, LIMIT_FRAME_MAX, false, &v), FRAME_READY);
        size_t length = strnlen((const char *)v.body, v.body_length);
        cr_assert(length <= 512 && length > 508, "%zu", length);
        cr_assert_eq((length - lead) % 3, 0, "%zu", length);
        cr_assert_eq(v.header.flags, FRAME_REPLY | FRAME_ERROR);
        cr_assert_eq(v.header.retry_after_ms, 100);
        buf_deinit(&b);
    }
}

Test(message, frames_follow_each_other_in_a_buffer) {
    buf b = {0};
    wire_decide d[3] = {{.scenario = 1}, {.scenario = 2}, {.scenario = 3}};
    message_request(&b, MESSAGE_DECIDE, 1, 0, d, 3, true);
    message_error(&b, 0, 0, STATUS_BAD_CHECKSUM, 0, NULL);
    message_request(&b, MESSAGE_INFO, 2, 77, NULL, 0, false);
    size_t at = 0;
    frame_view v;
    cr_assert_eq(frame_parse(b.data, b.size, LIMIT_FRAME_MAX, true, &v), FRAME_READY);
    cr_assert_eq(v.header.entry_count, 3);
    cr_assert_eq(v.body[32 + 12], 3);
    at += v.need;
    cr_assert_eq(frame_parse(b.data + at, b.size - at, LIMIT_FRAME_MAX, true, &v), FRAME_READY);
    cr_assert_eq(v.header.status, STATUS_BAD_CHECKSUM);
    cr_assert_eq(v.body_length, 0);
    at += v.need;
    cr_assert_eq(frame_parse(b.data + at, b.size - at, LIMIT_FRAME_MAX, true, &v), FRAME_READY);
    cr_assert_eq(v.header.deadline_ms, 77);
    cr_assert_eq(v.header.flags, FRAME_NO_CHECKSUM);
    cr_assert_eq(at + v.need, b.size);
    buf_deinit(&b);
}

Test(message, a_buffer_without_memory_stays_failed) {
    buf b = {.failed = true};
    hello h = {.version_min = 1, .version_max = 1, .cluster = "c", .cluster_length = 1};
    hello_encode(&b, 1, 0, &h, NULL, 0);
    message_error(&b, 1, 1, STATUS_OVERLOADED, 0, "text");
    cr_assert_eq(buf_status(&b), STATUS_NO_MEMORY);
    buf_deinit(&b);
}
