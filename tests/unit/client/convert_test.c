/* Every field of the public structs arrives where PROTOCOL.md has it, and comes back from there. The server of these
 * tests keeps what it was sent and answers with bytes that the test has laid out by offset. */
#include "base/le.h"
#include "fake_server.h"

#include <stdlib.h>

typedef struct exchange {
    unsigned type;
    uint8_t request[4096]; /* body of the last request */
    size_t request_length;
    uint8_t reply[4096];
    size_t entry_length, count;
} exchange;

static void serve(fake *f, int fd) {
    exchange *e = f->arg;
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, e->type, &v)) {
        if (v.body_length > sizeof e->request) return;
        e->request_length = v.body_length;
        if (v.body_length > 0) memcpy(e->request, v.body, v.body_length);
        if (e->entry_length > 0)
            fake_reply(f, fd, &v.header, e->reply, e->entry_length, e->count);
        else
            fake_reply_body(f, fd, &v.header, e->reply, e->count, v.header.type == MESSAGE_PING ? 0 : 1);
    }
}

static fake f;
static exchange e;
static xinyi *x;

static void begin(unsigned type, size_t entry_length, size_t count) {
    e = (exchange){.type = type, .entry_length = entry_length, .count = count};
    fake_start(&f, serve, &e);
    x = fake_connect(&f, NULL);
}

static void end(void) {
    xinyi_close(&x);
    fake_stop(&f);
}

/* A profile whose every field differs, on the wire and as the public struct. */
static void wire_full_profile(uint8_t *p) {
    memset(p, 0, 64);
    for (uint8_t i = 0; i < 12; i++) p[i] = (uint8_t)(i + 1);
    le_put32(p + 12, 7 << 1);
    le_put32(p + 16, 530102);
    le_put16(p + 20, 444);
    p[22] = 2;
    p[23] = 5;
    le_put32(p + 24, 0x001F007F);
    le_put16(p + 28, 868);
    p[30] = 4;
    p[31] = 5;
    p[32] = 3;
    p[33] = 2;
    le_put16(p + 34, 912);
    le_put32(p + 36, 73500);
    le_put16(p + 40, 150);
    le_put16(p + 42, 1200);
    p[44] = 9;
    p[45] = 8;
    le_put16(p + 46, 16495);
    le_put16(p + 48, 20877);
    le_put16(p + 50, 20777);
    le_put16(p + 56, 11);
    le_put16(p + 58, 22);
    le_put16(p + 60, 33);
    le_put16(p + 62, 65535);
}

static const xinyi_profile full = {.id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
                                   .version = 7,
                                   .division = 530102,
                                   .sector = 444,
                                   .form = 2,
                                   .roles = 5,
                                   .flags = 0x001F007F,
                                   .public_score = 868,
                                   .public_grade = 4,
                                   .market_grade = 5,
                                   .tax_grade = 3,
                                   .composite_grade = 2,
                                   .composite_score = 912,
                                   .volunteer_minutes = 73500,
                                   .negative_points = 150,
                                   .positive_points = 1200,
                                   .open_commitments = 9,
                                   .broken_commitments = 8,
                                   .since_day = 16495,
                                   .change_day = 20877,
                                   .data_day = 20777,
                                   .slots = {11, 22, 33, 65535}};

static void expect_full(const xinyi_profile *p) {
    cr_assert_arr_eq(p->id.bytes, full.id.bytes, 12);
#define SAME(member) cr_assert_eq(p->member, full.member, #member)
    SAME(version);
    SAME(division);
    SAME(sector);
    SAME(form);
    SAME(roles);
    SAME(flags);
    SAME(public_score);
    SAME(public_grade);
    SAME(market_grade);
    SAME(tax_grade);
    SAME(composite_grade);
    SAME(composite_score);
    SAME(volunteer_minutes);
    SAME(negative_points);
    SAME(positive_points);
    SAME(open_commitments);
    SAME(broken_commitments);
    SAME(since_day);
    SAME(change_day);
    SAME(data_day);
    SAME(slots[0]);
    SAME(slots[1]);
    SAME(slots[2]);
    SAME(slots[3]);
#undef SAME
}

Test(convert, profiles_are_read) {
    begin(MESSAGE_GET, 72, 2);
    wire_full_profile(e.reply + 8);
    le_put16(e.reply + 72, 121);
    xinyi_subject s[2] = {fake_subject(1), fake_subject(2)};
    xinyi_profile_reply r[2];
    cr_assert_eq(xinyi_get(x, XINYI_FOR_SUPERVISION, s, 2, r), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(r[0].status, 0);
    expect_full(&r[0].profile);
    cr_assert_eq(r[1].status, XINYI_UNKNOWN_SUBJECT);
    cr_assert_eq(e.request_length, 32);
    cr_assert_arr_eq(e.request + 16, s[1].bytes, 12);
    static const uint8_t rest[4] = {0, 8, 0, 0};
    cr_assert_arr_eq(e.request + 28, rest, 4);
    end();
}

Test(convert, profiles_are_written) {
    begin(MESSAGE_PUT, 8, 1);
    le_put16(e.reply, 125);
    le_put16(e.reply + 2, 18);
    le_put32(e.reply + 4, 99);
    xinyi_put_entry put = {
        .mask = UINT64_C(0xF123456789), .flags = XINYI_PUT_IF_VERSION, .expected_version = 7, .profile = full};
    xinyi_put_reply r;
    cr_assert_eq(xinyi_put(x, &put, 1, &r), 0, "%s", xinyi_last_error(x));
    cr_assert(r.status == 125 && r.field == 18 && r.version == 99);
    uint8_t expected[80];
    le_put64(expected, UINT64_C(0xF123456789));
    le_put32(expected + 8, 4);
    le_put32(expected + 12, 7);
    wire_full_profile(expected + 16);
    cr_assert_eq(e.request_length, 80);
    for (size_t i = 0; i < 80; i++) cr_assert_eq(e.request[i], expected[i], "byte %zu", i);
    end();
}

Test(convert, quotas_are_read) {
    begin(MESSAGE_QUOTA_SHOW, 144, 1);
    for (size_t i = 0; i < 144; i++) e.reply[i] = (uint8_t)(i + 1);
    xinyi_subject s = fake_subject(9);
    xinyi_quota q;
    cr_assert_eq(xinyi_quota_show(x, XINYI_PROGRAM_POWER, XINYI_FOR_POWER_TRADING, &s, 1, &q), 0);
    cr_assert_eq(q.status, 0x0201);
    cr_assert_eq(q.warning, 3);
    cr_assert_eq(q.flags, 4);
    cr_assert_eq(q.usage_percent, 0x08070605);
    cr_assert_eq(q.base_fen, 0x100F0E0D0C0B0A09);
    cr_assert_eq((uint8_t)q.required_fen, 17);
    cr_assert_eq((uint8_t)q.lodged_fen, 25);
    cr_assert_eq((uint8_t)q.limit_fen, 33);
    cr_assert_eq((uint8_t)q.reserved_fen, 41);
    cr_assert_eq((uint8_t)q.committed_fen, 49);
    cr_assert_eq((uint8_t)q.used_fen, 57);
    cr_assert_eq((uint8_t)q.available_fen, 65);
    cr_assert_eq((uint8_t)q.shortfall_fen, 73);
    cr_assert_eq((uint8_t)q.next_expiry_ms, 81);
    cr_assert_eq((uint8_t)q.policy_version, 89);
    cr_assert_eq((uint8_t)q.account_version, 93);
    cr_assert_eq((uint8_t)q.factor_bp, 97);
    cr_assert_eq((uint8_t)q.unsecured_bp, 101);
    cr_assert_eq((uint8_t)q.energy_12m_mwh, 105);
    cr_assert_eq((uint8_t)q.wholesale_2m_mwh, 113);
    cr_assert_eq((uint8_t)q.retail_2m_mwh, 121);
    cr_assert_eq((uint8_t)q.forecast_12m_mwh, 129);
    cr_assert_eq((uint8_t)q.open_reservations, 137);
    cr_assert_eq((uint8_t)q.instrument_count, 141);
    cr_assert_eq(e.request_length, 24);
    static const uint8_t rest[12] = {1, 3};
    cr_assert_arr_eq(e.request + 12, rest, 12);
    end();
}

Test(convert, quota_questions_are_written_and_answers_read) {
    begin(MESSAGE_QUOTA_CHECK, 56, 1);
    for (size_t i = 0; i < 50; i++) e.reply[i] = (uint8_t)(i + 1);
    xinyi_quota_ask ask = {.subject = fake_subject(5), .amount_fen = -INT64_C(0x0102030405060708)};
    xinyi_quota_answer a;
    cr_assert_eq(xinyi_quota_check(x, 1, 3, &ask, 1, &a), 0);
    cr_assert_arr_eq(&a, e.reply, 56);
    cr_assert_eq((uint8_t)a.available_fen, 33);
    cr_assert_eq((uint8_t)a.account_version, 45);
    cr_assert_eq(a.violations, 0x3231);
    cr_assert_eq((int64_t)le_get64(e.request + 16), -INT64_C(0x0102030405060708));
    end();
}

static xinyi_operation_id id_of(uint8_t first) {
    xinyi_operation_id id;
    for (uint8_t i = 0; i < 16; i++) id.bytes[i] = (uint8_t)(first + i);
    return id;
}

enum { KINDS = XINYI_UNFREEZE };

static bool has_instrument(unsigned kind) {
    return kind == XINYI_PLEDGE || kind == XINYI_WITHDRAW || kind == XINYI_AMEND;
}
static bool has_amount(unsigned kind) {
    return kind != XINYI_RELEASE && kind != XINYI_WITHDRAW && kind != XINYI_FREEZE && kind != XINYI_UNFREEZE;
}

/* An operation of a kind with every field set; only what the kind uses may arrive. Every second one is linked. */
static xinyi_operation operation_of(uint8_t kind) {
    return (xinyi_operation){.id = id_of(0x10),
                             .subject = fake_subject(kind),
                             .program = 1,
                             .kind = kind,
                             .instrument_kind = kind == XINYI_PLEDGE ? XINYI_BOND : 0,
                             .linked = kind % 2,
                             .amount_fen = has_amount(kind) ? 1000 + kind : 0,
                             .target = id_of(0x80),
                             .instrument = UINT64_C(0xA1A2A3A4A5A6A7A8),
                             .wholesale_2m_mwh = 111,
                             .retail_2m_mwh = 222,
                             .forecast_12m_gwh = 333,
                             .ttl_ms = 444,
                             .from_hour = 555,
                             .to_hour = 666,
                             .reference = "ABCDEFGHIJKLMNOP"};
}

static void wire_of(uint8_t kind, uint8_t *w) {
    xinyi_operation o = operation_of(kind);
    memset(w, 0, 64);
    for (uint8_t i = 0; i < 16; i++) w[i] = (uint8_t)(0x10 + i);
    memcpy(w + 16, o.subject.bytes, 12);
    w[28] = 1;
    w[29] = kind;
    w[30] = kind == XINYI_PLEDGE ? 2 : 0;
    w[31] = kind % 2;
    le_put64(w + 32, (uint64_t)o.amount_fen);
    switch (kind) {
    case XINYI_RESERVE: le_put32(w + 56, 444); break;
    case XINYI_COMMIT:
    case XINYI_RELEASE:
        for (uint8_t i = 0; i < 16; i++) w[40 + i] = (uint8_t)(0x80 + i);
        break;
    case XINYI_PLEDGE:
    case XINYI_AMEND:
        le_put64(w + 40, UINT64_C(0xA1A2A3A4A5A6A7A8));
        le_put32(w + 56, 555);
        le_put32(w + 60, 666);
        break;
    case XINYI_WITHDRAW: le_put64(w + 40, UINT64_C(0xA1A2A3A4A5A6A7A8)); break;
    case XINYI_ENERGY:
        le_put64(w + 40, 111);
        le_put64(w + 48, 222);
        le_put32(w + 56, 333);
        break;
    case XINYI_FREEZE: memcpy(w + 40, "ABCDEFGHIJKLMNOP", 16); break;
    default: break;
    }
}

Test(convert, every_kind_of_operation_is_written) {
    begin(MESSAGE_QUOTA_OPERATE, 64, KINDS);
    for (size_t i = 0; i < KINDS * 64; i++) e.reply[i] = i % 64 < 58 ? (uint8_t)(i + 1) : 0;
    xinyi_operation o[KINDS];
    xinyi_operation_reply r[KINDS];
    for (uint8_t kind = 1; kind <= KINDS; kind++) o[kind - 1] = operation_of(kind);
    cr_assert_eq(xinyi_operate(x, o, KINDS, r), 0, "%s", xinyi_last_error(x));
    cr_assert_arr_eq(r, e.reply, sizeof r);
    cr_assert_eq((uint8_t)r[0].expires_ms, 41);
    cr_assert_eq((uint8_t)r[0].committed_fen, 49);
    cr_assert_eq(r[0].violations, 0x3A39);
    for (uint8_t kind = 1; kind <= KINDS; kind++) {
        uint8_t expected[64];
        wire_of(kind, expected);
        for (size_t i = 0; i < 64; i++)
            cr_assert_eq(e.request[(kind - 1) * 64 + i], expected[i], "kind %u byte %zu", kind, i);
        _Alignas(8) uint8_t aligned[64];
        memcpy(aligned, e.request + (kind - 1) * 64, 64);
        cr_assert_eq(message_entry_status(MESSAGE_QUOTA_OPERATE, aligned), STATUS_OK, "kind %u", kind);
    }
    end();
}

Test(convert, outcomes_are_read) {
    begin(MESSAGE_QUOTA_OUTCOME, 152, KINDS);
    for (uint8_t kind = 1; kind <= KINDS; kind++) {
        uint8_t *w = e.reply + (kind - 1) * 152;
        w[2] = kind % 5;
        wire_of(kind, w + 8);
        for (size_t i = 0; i < 48; i++) w[72 + i] = (uint8_t)(kind + i);
        le_put64(w + 120, 1795499700000u + kind);
        le_put64(w + 136, 500u + kind);
        le_put16(w + 144, 600u + kind);
    }
    xinyi_operation_id ids[KINDS];
    for (uint8_t i = 0; i < KINDS; i++) ids[i] = id_of(i);
    xinyi_outcome_reply r[KINDS];
    cr_assert_eq(xinyi_outcome(x, ids, KINDS, r), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(e.request_length, 16 * KINDS);
    cr_assert_arr_eq(e.request + 96, ids[6].bytes, 16);
    for (uint8_t kind = 1; kind <= KINDS; kind++) {
        const xinyi_outcome_reply *o = &r[kind - 1];
        xinyi_operation sent = operation_of(kind);
        cr_assert_eq(o->state, kind % 5);
        cr_assert_eq(o->at_ms, INT64_C(1795499700000) + kind);
        cr_assert_arr_eq(&o->reply, e.reply + (kind - 1) * 152 + 72, 48);
        cr_assert(o->reply.committed_fen == 500 + kind && o->reply.violations == 600 + kind);
        cr_assert_arr_eq(&o->request.id, &sent.id, 16);
        cr_assert_arr_eq(&o->request.subject, &sent.subject, 12);
        cr_assert(o->request.program == 1 && o->request.kind == kind &&
                  o->request.instrument_kind == sent.instrument_kind && o->request.linked == sent.linked);
        cr_assert_eq(o->request.amount_fen, sent.amount_fen);
        bool has_target = kind == XINYI_COMMIT || kind == XINYI_RELEASE;
        bool has_validity = kind == XINYI_PLEDGE || kind == XINYI_AMEND;
        cr_assert_eq(o->request.target.bytes[15], has_target ? 0x8F : 0);
        cr_assert_eq(o->request.instrument, has_instrument(kind) ? sent.instrument : 0);
        cr_assert_str_eq(o->request.reference, kind == XINYI_FREEZE ? "ABCDEFGHIJKLMNOP" : "");
        cr_assert_eq(o->request.ttl_ms, kind == XINYI_RESERVE ? 444 : 0);
        cr_assert_eq(o->request.from_hour, has_validity ? 555 : 0);
        cr_assert_eq(o->request.to_hour, has_validity ? 666 : 0);
        cr_assert_eq(o->request.wholesale_2m_mwh, kind == XINYI_ENERGY ? 111 : 0);
        cr_assert_eq(o->request.retail_2m_mwh, kind == XINYI_ENERGY ? 222 : 0);
        cr_assert_eq(o->request.forecast_12m_gwh, kind == XINYI_ENERGY ? 333 : 0);
    }
    end();
}

/* ------------------------------------------------------------------ walks */

Test(convert, a_walk_over_profiles) {
    begin(MESSAGE_SCAN, 72, 2);
    le_put64(e.reply, 41);
    wire_full_profile(e.reply + 8);
    le_put64(e.reply + 72, UINT64_C(0xFFFFFFFFFFFFFF42));
    wire_full_profile(e.reply + 80);
    uint64_t cursor = 0;
    xinyi_profile p[5];
    size_t n = 5;
    cr_assert_eq(xinyi_scan(x, XINYI_FOR_SUPERVISION, &cursor, p, &n), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(n, 2);
    expect_full(&p[1]);
    cr_assert_eq(cursor, UINT64_C(0xFFFFFFFFFFFFFF42));
    static const uint8_t first[16] = {0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 8};
    cr_assert_arr_eq(e.request, first, 16);
    e.count = 0;
    n = 5;
    cr_assert_eq(xinyi_scan(x, 8, &cursor, p, &n), 0);
    cr_assert_eq(n, 0);
    cr_assert_eq(cursor, UINT64_C(0xFFFFFFFFFFFFFF42));
    cr_assert_eq(le_get64(e.request), UINT64_C(0xFFFFFFFFFFFFFF42));
    n = 0;
    cr_assert_eq(xinyi_scan(x, 8, &cursor, p, &n), 0, "no room, nothing asked");
    end();
    cr_assert_eq(f.frames, 2);
}

Test(convert, a_walk_gets_no_more_than_there_is_room_for) {
    begin(MESSAGE_SCAN, 72, 3);
    uint64_t cursor = 0;
    xinyi_profile *p = calloc(2, sizeof *p);
    size_t n = 2;
    cr_assert_eq(xinyi_scan(x, 8, &cursor, p, &n), STATUS_TOO_LARGE);
    cr_assert_eq(n, 0);
    cr_assert_eq(cursor, 0);
    free(p);
    end();
}

Test(convert, a_walk_that_does_not_move_on_ends) {
    begin(MESSAGE_SCAN, 72, 1);
    le_put64(e.reply, 7);
    uint64_t cursor = 7;
    xinyi_profile p;
    size_t n = 1;
    cr_assert_eq(xinyi_scan(x, 8, &cursor, &p, &n), STATUS_BAD_ENTRY);
    cr_assert_eq(n, 0);
    end();
}

Test(convert, a_walk_over_accounts) {
    begin(MESSAGE_QUOTA_SCAN, 392, 1);
    uint8_t *a = e.reply;
    le_put64(a, 99);
    a[8] = 16 + 2;
    a[19] = 77;
    le_put32(a + 20, 5 << 1);
    for (uint8_t i = 0; i < 8; i++) le_put64(a + 24 + 8 * i, 1000u + i);
    le_put32(a + 88, 3);
    le_put32(a + 92, 8);
    a[96] = 3;
    a[97] = 2;
    le_put16(a + 98, 20785);
    memcpy(a + 104, "YF-2026-00000118", 16);
    for (uint8_t i = 0; i < 8; i++) {
        uint8_t *w = a + 136 + 32 * i;
        le_put64(w, 100u + i);
        le_put64(w + 8, 200u + i);
        le_put32(w + 16, 300u + i);
        le_put32(w + 20, 400u + i);
        w[24] = (uint8_t)(1 + i % 3);
    }
    uint64_t cursor = 0;
    xinyi_account r;
    size_t n = 1;
    cr_assert_eq(xinyi_scan_accounts(x, 8, &cursor, &r, &n), 0, "%s", xinyi_last_error(x));
    cr_assert(n == 1 && cursor == 99);
    cr_assert(r.subject.bytes[0] == 2 && r.subject.bytes[11] == 77 && r.program == 1 && r.version == 5);
    cr_assert(r.reserved_fen == 1000 && r.committed_fen == 1001 && r.settled_fen == 1002 && r.energy_12m_mwh == 1003);
    cr_assert(r.wholesale_2m_mwh == 1004 && r.retail_2m_mwh == 1005 && r.forecast_12m_mwh == 1006 &&
              r.opened_ms == 1007);
    cr_assert(r.open_reservations == 3 && r.instrument_count == 8);
    cr_assert(r.flags == (XINYI_ACCOUNT_FROZEN | XINYI_ACCOUNT_TOPUP_OVERDUE) && r.warned == 2 && r.topup_day == 20785);
    cr_assert_str_eq(r.freeze_reference, "YF-2026-00000118");
    for (uint8_t i = 0; i < 8; i++) {
        const xinyi_instrument *w = &r.instruments[i];
        cr_assert(w->id == 100u + i && w->amount_fen == 200 + i && w->from_hour == 300u + i && w->to_hour == 400u + i &&
                  w->kind == 1 + i % 3);
    }
    end();
}

Test(convert, accounts_of_subjects) {
    begin(MESSAGE_QUOTA_ACCOUNT, 392, 2);
    uint8_t *a = e.reply;
    a[8] = 16 + 2;
    a[19] = 77;
    le_put32(a + 20, 5 << 1);
    le_put64(a + 24, 1000);
    le_put32(a + 92, 1);
    le_put64(a + 136, 100);
    le_put64(a + 144, 200);
    le_put32(a + 152, 300);
    le_put32(a + 156, 400);
    a[160] = XINYI_BOND;
    le_put16(a + 392, XINYI_NO_ACCOUNT);
    xinyi_subject subjects[2] = {{{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77}}, {{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}}};
    xinyi_account_reply r[2];
    cr_assert_eq(xinyi_accounts(x, 1, 3, subjects, 2, r), 0, "%s", xinyi_last_error(x));
    cr_assert(r[0].status == 0 && r[0].account.subject.bytes[0] == 2 && r[0].account.subject.bytes[11] == 77);
    cr_assert(r[0].account.program == 1 && r[0].account.version == 5 && r[0].account.reserved_fen == 1000);
    const xinyi_instrument *i = r[0].account.instruments;
    cr_assert(r[0].account.instrument_count == 1 && i->id == 100 && i->amount_fen == 200 && i->from_hour == 300 &&
              i->to_hour == 400 && i->kind == XINYI_BOND);
    cr_assert_eq(r[1].status, XINYI_NO_ACCOUNT);
    end();
}

/* ------------------------------------------------------------------ documents */

Test(convert, documents_lose_their_padding) {
    begin(0, 0, 0);
    static const char text[] = "{\"server\":\"fake\"}       ";
    memcpy(e.reply, text, 24);
    e.count = 24;
    const char *document;
    cr_assert_eq(xinyi_info(x, &document), 0, "%s", xinyi_last_error(x));
    cr_assert_str_eq(document, "{\"server\":\"fake\"}");
    cr_assert_eq(xinyi_stats(x, &document), 0);
    e.count = 0;
    cr_assert_eq(xinyi_policy_info(x, &document), 0);
    cr_assert_str_eq(document, "");
    end();
}

Test(convert, ping_comes_back) {
    begin(MESSAGE_PING, 0, 0);
    cr_assert_eq(xinyi_ping(x), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(e.request_length, 0);
    end();
}

Test(convert, explanations_come_with_a_status) {
    begin(MESSAGE_EXPLAIN, 0, 24);
    xinyi_subject s = fake_subject(3);
    const char *document;
    le_put32(e.reply + 4, 13);
    memcpy(e.reply + 8, "{\"tier\":\"AA\"}", 13);
    cr_assert_eq(xinyi_explain(x, 1, 7, &s, &document), 0, "%s", xinyi_last_error(x));
    cr_assert_str_eq(document, "{\"tier\":\"AA\"}");
    le_put16(e.reply, STATUS_OUT_OF_SCOPE); /* a refusal with reasons */
    cr_assert_eq(xinyi_explain(x, 1, 7, &s, &document), 0);
    cr_assert_str_eq(document, "{\"tier\":\"AA\"}");
    memset(e.reply, 0, 24);
    le_put16(e.reply, STATUS_UNKNOWN_SUBJECT);
    e.count = 8;
    cr_assert_eq(xinyi_explain(x, 1, 7, &s, &document), XINYI_UNKNOWN_SUBJECT);
    cr_assert(document == NULL);
    expect_contains(xinyi_last_error(x), "no such subject");
    le_put32(e.reply + 4, 4000000000u);
    cr_assert_eq(xinyi_explain(x, 1, 7, &s, &document), STATUS_BAD_ENTRY);
    cr_assert(document == NULL);
    end();
}
