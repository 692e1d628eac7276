/* Reports, dossiers, scorecards, lists, receipts, uploads and commands against a fake server. */
#include "base/le.h"
#include "fake_server.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ reports */

/* Answers with what it was told: kind, type and the first bytes of texts and ids in the numbers of the reply. */
static void answer_reports(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    wire_report_reply *r = calloc(LIMIT_ENTRIES_MAX, sizeof *r);
    while (fake_request(f, fd, MESSAGE_REPORT, &v)) {
        for (size_t i = 0; i < v.header.entry_count; i++) {
            wire_report e;
            memcpy(&e, v.body + i * v.header.entry_length, sizeof e);
            if (message_entry_status(MESSAGE_REPORT, &e) != STATUS_OK) fake_problem(f, "reserved bits");
            r[i] = (wire_report_reply){.status = e.value == 13 ? STATUS_IMPLAUSIBLE : STATUS_OK,
                                       .flags = e.value == 14 ? 1 : 0,
                                       .version = e.value,
                                       .number = e.type * 65536u + e.source,
                                       .until = (uint16_t)(e.until + e.day)};
            if (e.value == 12) r[i].version = e.kind + 256u * e.purpose + 65536u * e.id[15] + 16777216u * e.target[0];
            if (e.value == 12 && (e.text[95] != 'z' || e.text[0] != 'a')) fake_problem(f, "the text is cut");
        }
        if (!fake_reply(f, fd, &v.header, r, sizeof *r, v.header.entry_count)) break;
    }
    free(r);
}

Test(credit, reports_arrive_whole) {
    fake f;
    fake_start(&f, answer_reports, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_report_entry e[3] = {
        {.kind = XINYI_RECORD_ADD, .purpose = 6, .source = 9, .type = 777, .day = 100, .until = 23},
        {.kind = XINYI_SERVICE_ADD, .value = 13},
        {.kind = XINYI_SERVICE_ADD, .value = 14}};
    xinyi_report_reply r[3];
    e[0].value = 12;
    e[0].id.bytes[15] = 5;
    e[0].target.bytes[0] = 3;
    memset(e[0].text, 'm', 96);
    e[0].text[0] = 'a';
    e[0].text[95] = 'z';
    cr_assert_eq(xinyi_report(x, e, 3, r), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(r[0].version, XINYI_RECORD_ADD + 256u * 6 + 65536u * 5 + 16777216u * 3);
    cr_assert_eq(r[0].number, 777u * 65536 + 9);
    cr_assert_eq(r[0].until, 123);
    cr_assert_eq(r[1].status, STATUS_IMPLAUSIBLE);
    cr_assert_eq(r[2].flags, XINYI_REPEATED);
    xinyi_close(&x);
    fake_stop(&f);
}

Test(credit, many_reports_are_split) {
    fake f;
    enum { N = 5000 };
    fake_start(&f, answer_reports, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_report_entry *e = calloc(N, sizeof *e);
    xinyi_report_reply *r = calloc(N, sizeof *r);
    for (unsigned i = 0; i < N; i++) e[i] = (xinyi_report_entry){.kind = XINYI_RECORD_ADD, .value = 1000 + i};
    cr_assert_eq(xinyi_report(x, e, N, r), 0, "%s", xinyi_last_error(x));
    for (unsigned i = 0; i < N; i++) cr_assert_eq(r[i].version, 1000 + i);
    xinyi_close(&x);
    fake_stop(&f);
    cr_assert_gt(f.frames, 1);
    free(e);
    free(r);
}

static void hang_up_after_request(fake *f, int fd) {
    frame_view v;
    if (fake_hello(f, fd)) fake_request(f, fd, 0, &v);
}

Test(credit, a_report_without_an_answer_may_have_been_accepted) {
    fake f;
    fake_start(&f, hang_up_after_request, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_report_entry e = {.kind = XINYI_RECORD_ADD};
    xinyi_report_reply r = {0};
    cr_assert_eq(xinyi_report(x, &e, 1, &r), XINYI_CLOSED);
    cr_assert_eq(r.status, XINYI_OUTCOME_UNKNOWN);
    xinyi_close(&x);
    fake_stop(&f);
}

typedef struct heard {
    unsigned replies, entries;
    uint64_t tags;
} heard;
static void on_report(void *context, const xinyi_reply *reply) {
    heard *h = context;
    h->replies++;
    h->tags += reply->tag;
    for (size_t i = 0; reply->status == 0 && i < reply->count; i++) h->entries += reply->reports[i].version;
}

Test(credit, reports_are_pipelined) {
    fake f;
    heard h = {0};
    fake_start(&f, answer_reports, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_on(x, on_report, &h);
    xinyi_report_entry e[2] = {{.kind = XINYI_RECORD_ADD, .value = 1}, {.kind = XINYI_RECORD_ADD, .value = 2}};
    for (unsigned i = 1; i <= 100; i++) cr_assert_eq(xinyi_send_report(x, i, e, 2), 0);
    cr_assert_eq(xinyi_flush(x), 0);
    cr_assert_eq(h.replies, 100);
    cr_assert_eq(h.entries, 300);
    cr_assert_eq(h.tags, 5050);
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ documents */

static bool reply_document(fake *f, int fd, const frame_header *h, status code, const char *text) {
    uint8_t body[512] = {0};
    size_t length = strlen(text);
    le_put16(body, (uint16_t)code);
    le_put32(body + 4, (uint32_t)length);
    memcpy(body + 8, text, length);
    return fake_reply_body(f, fd, h, body, (8 + length + 7) & ~(size_t)7, 1);
}

static void answer_documents(fake *f, int fd) {
    frame_view v;
    char text[256];
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, 0, &v)) {
        if (v.header.type == MESSAGE_SCORECARD) {
            if (v.body[13] != 7) fake_problem(f, "purpose %u", v.body[13]);
            if (!reply_document(f, fd, &v.header, STATUS_OK, "{\"score\":812}")) break;
        } else {
            wire_dossier e;
            memcpy(&e, v.body, sizeof e);
            snprintf(text, sizeof text, "{\"part\":%u,\"purpose\":%u,\"from\":%u,\"max\":%u}", e.part, e.purpose,
                     e.from, e.max);
            status code = e.from == 99 ? STATUS_UNKNOWN_SUBJECT : STATUS_OK;
            if (!reply_document(f, fd, &v.header, code, code == STATUS_OK ? text : "")) break;
        }
    }
}

Test(credit, dossiers_and_scorecards_are_documents) {
    fake f;
    const char *text;
    fake_start(&f, answer_documents, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject s = fake_subject(1);
    cr_assert_eq(xinyi_dossier(x, 8, XINYI_DOSSIER_LISTINGS, &s, 40, 20, &text), 0);
    cr_assert_str_eq(text, "{\"part\":4,\"purpose\":8,\"from\":40,\"max\":20}");
    cr_assert_eq(xinyi_dossier(x, 8, 0, &s, 99, 0, &text), STATUS_UNKNOWN_SUBJECT);
    cr_assert_null(text);
    expect_contains(xinyi_last_error(x), "no such subject");
    cr_assert_eq(xinyi_dossier(x, 8, 256, &s, 0, 0, &text), STATUS_BAD_VALUE);
    cr_assert_eq(xinyi_scorecard(x, 7, &s, &text), 0);
    cr_assert_str_eq(text, "{\"score\":812}");
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ lists */

/* A population of 1000 of whom every 300th is on the list; a request looks at 100. */
static void answer_lists(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_LIST, &v)) {
        wire_list e;
        wire_list_reply r[8] = {{0}};
        size_t n = 0;
        memcpy(&e, v.body, sizeof e);
        if (e.list != 2 || e.purpose != 8) fake_problem(f, "list %u purpose %u", e.list, e.purpose);
        uint64_t at = e.cursor;
        for (; at < 1000 && at < e.cursor + 100 && n < 7 && (e.max == 0 || n < e.max); at++) {
            if (at % 300 != 299) continue;
            xinyi_subject s = fake_subject(at);
            r[n] =
                (wire_list_reply){.cursor = at + 1, .division = (uint32_t)at, .source = 3, .from_day = 10, .form = 2};
            memcpy(&r[n].subject, &s, sizeof s);
            memset(r[n].text, 't', sizeof r[n].text);
            memset(r[n++].name, 'n', sizeof r[0].name);
        }
        if (at < 1000 && (e.max == 0 || n < e.max)) r[n++].cursor = at;
        if (!fake_reply(f, fd, &v.header, r, sizeof *r, n)) break;
    }
}

Test(credit, a_list_is_walked_over_stretches_without_anybody) {
    fake f;
    uint64_t cursor = 0;
    size_t found = 0, calls = 0;
    fake_start(&f, answer_lists, NULL);
    xinyi *x = fake_connect(&f, NULL);
    for (;; calls++) {
        xinyi_list_entry e[4];
        size_t n = 4;
        cr_assert_eq(xinyi_list(x, 8, 2, &cursor, e, &n), 0, "%s", xinyi_last_error(x));
        if (n == 0) break;
        for (size_t i = 0; i < n; i++, found++) {
            cr_assert_eq(fake_subject_number(e[i].subject.bytes), found * 300 + 299);
            cr_assert_eq(e[i].division, found * 300 + 299);
            cr_assert_eq(strlen(e[i].text), 32);
            cr_assert_eq(strlen(e[i].name), 96);
            cr_assert(e[i].source == 3 && e[i].from_day == 10 && e[i].until_day == 0 && e[i].form == 2);
        }
    }
    cr_assert_eq(found, 3);
    cr_assert_eq(calls, 3);
    cr_assert_gt(f.frames, calls, "most frames name nobody");
    xinyi_close(&x);
    fake_stop(&f);
}

static void answer_lists_standing_still(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    wire_list_reply r = {.cursor = 5};
    while (fake_request(f, fd, MESSAGE_LIST, &v) && fake_reply(f, fd, &v.header, &r, sizeof r, 1)) {
    }
}

Test(credit, a_walk_that_stands_still_ends) {
    fake f;
    uint64_t cursor = 0;
    xinyi_list_entry e[4];
    size_t n = 4;
    fake_start(&f, answer_lists_standing_still, NULL);
    xinyi *x = fake_connect(&f, NULL);
    cr_assert_eq(xinyi_list(x, 8, 2, &cursor, e, &n), STATUS_BAD_ENTRY);
    cr_assert_eq(n, 0);
    cr_assert_eq(cursor, 0);
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ receipts */

static void answer_receipts(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_RECEIPT, &v)) {
        static wire_receipt r[1024];
        for (size_t i = 0; i < v.header.entry_count; i++) {
            uint64_t n = fake_subject_number(v.body + i * v.header.entry_length);
            r[i] = (wire_receipt){.status = n % 2 == 1 ? STATUS_OUT_OF_SCOPE : STATUS_OK};
            for (size_t k = 0; k < sizeof r[i].receipt && n % 2 == 0; k++) r[i].receipt[k] = (uint8_t)(n + k);
        }
        if (!fake_reply(f, fd, &v.header, r, sizeof *r, v.header.entry_count)) break;
    }
}

Test(credit, receipts_are_bytes_and_one_word) {
    fake f;
    enum { N = 3000 };
    fake_start(&f, answer_receipts, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_subject *s = calloc(N, sizeof *s);
    xinyi_receipt *r = calloc(N, sizeof *r);
    for (size_t i = 0; i < N; i++) s[i] = fake_subject(i);
    cr_assert_eq(xinyi_receipts(x, 1, 1, s, N, r), 0, "%s", xinyi_last_error(x));
    for (size_t i = 0; i < N; i++) {
        cr_assert_eq(r[i].status, i % 2 == 1 ? STATUS_OUT_OF_SCOPE : STATUS_OK);
        for (size_t k = 0; k < 160; k++) cr_assert_eq(r[i].bytes[k], i % 2 == 0 ? (uint8_t)(i + k) : 0);
    }
    char word[XINYI_RECEIPT_TEXT];
    xinyi_receipt_format(&r[0], word); /* bytes 0, 1, 2, … 159 */
    cr_assert_eq(strlen(word), 218);
    cr_assert_str_eq(
        word,
        "xr1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0BBQkNERUZHSElKS0xNT"
        "k9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn-"
        "AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2enw");
    cr_assert_eq(f.frames, 3, "1024 are the most of one frame");
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
    free(r);
}

/* ------------------------------------------------------------------ uploads and commands */

typedef struct stored {
    uint32_t draft, parts;
    char name[64];
    uint8_t bytes[20000];
    size_t size;
} stored;

static void answer_uploads(fake *f, int fd) {
    frame_view v;
    stored *s = f->arg;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_UPLOAD, &v)) {
        upload u;
        uint8_t body[UPLOAD_REPLY];
        if (upload_decode(v.body, v.body_length, &u) != STATUS_OK) fake_problem(f, "a bad upload");
        if (u.draft == 77) {
            fake_error(fd, MESSAGE_UPLOAD, v.header.request_id, STATUS_UNKNOWN_DRAFT, NULL);
            continue;
        }
        if (u.draft != 0 && u.draft != s->draft) fake_problem(f, "draft %u", u.draft);
        if (u.draft == 0) s->draft++;
        if (u.offset == 0) s->size = 0;
        if (u.offset != s->size || u.offset + u.part_length > sizeof s->bytes) fake_problem(f, "offset %u", u.offset);
        memcpy(s->bytes + u.offset, u.part, u.part_length);
        s->size += u.part_length;
        s->parts++;
        snprintf(s->name, sizeof s->name, "%.*s", (int)u.name_length, u.name);
        upload_reply_encode(body, s->draft, (uint32_t)s->size);
        if (!fake_reply_body(f, fd, &v.header, body, sizeof body, 1)) break;
    }
}

Test(credit, files_are_uploaded_in_parts) {
    fake f;
    stored *s = calloc(1, sizeof *s);
    uint8_t text[17003];
    uint32_t draft = 0;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 37 + i / 256);
    fake_start(&f, answer_uploads, s);
    f.hello.max_frame = 4096;
    xinyi *x = fake_connect(&f, NULL);
    cr_assert_eq(xinyi_upload(x, &draft, "records.yaml", text, sizeof text), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(draft, 1);
    cr_assert_eq(s->size, sizeof text);
    cr_assert(memcmp(s->bytes, text, sizeof text) == 0);
    cr_assert_eq(s->parts, 5);
    cr_assert_str_eq(s->name, "records.yaml");
    cr_assert_eq(xinyi_upload(x, &draft, "empty.yaml", "", 0), 0, "%s", xinyi_last_error(x));
    cr_assert_eq(s->size, 0);
    cr_assert_eq(draft, 1);
    draft = 77;
    cr_assert_eq(xinyi_upload(x, &draft, "a.yaml", "x", 1), STATUS_UNKNOWN_DRAFT);
    expect_contains(xinyi_last_error(x), "draft");
    cr_assert_eq(xinyi_upload(x, &draft, "", "x", 1), STATUS_BAD_VALUE);
    cr_assert_eq(
        xinyi_upload(x, &draft, "a-name-of-more-than-sixty-three-bytes-is-longer-than-names-may-be.yaml", "x", 1),
        STATUS_BAD_VALUE);
    draft = 0;
    cr_assert_eq(xinyi_upload(x, &draft, "b.yaml", "y", 1), 0, "the connection lives");
    cr_assert_eq(draft, 2);
    xinyi_close(&x);
    fake_stop(&f);
    free(s);
}

static void answer_commands(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_COMMAND, &v)) {
        char text[128];
        size_t n = v.body_length;
        while (n > 0 && v.body[n - 1] == ' ') n--;
        if (n == 4 && memcmp(v.body, "oops", 4) == 0) {
            fake_error(fd, MESSAGE_COMMAND, v.header.request_id, STATUS_BAD_COMMAND, "oops is no command");
            continue;
        }
        int length = snprintf(text, sizeof text, "{\"asked\":%.*s}", (int)n, (const char *)v.body);
        while (length % 8 != 0) text[length++] = ' ';
        if (!fake_reply_body(f, fd, &v.header, text, (size_t)length, 1)) break;
    }
}

Test(credit, commands_are_answered_with_documents) {
    fake f;
    const char *text;
    fake_start(&f, answer_commands, NULL);
    f.hello.max_frame = 4096;
    xinyi *x = fake_connect(&f, NULL);
    for (int i = 0; i < 20; i++) { /* every length of padding */
        char json[64], expected[96];
        snprintf(json, sizeof json, "{\"command\":\"%.*s\"}", i, "catalogueofeverything");
        snprintf(expected, sizeof expected, "{\"asked\":%s}", json);
        cr_assert_eq(xinyi_command(x, json, &text), 0, "%s", xinyi_last_error(x));
        cr_assert_str_eq(text, expected);
    }
    cr_assert_eq(xinyi_command(x, "oops", &text), STATUS_BAD_COMMAND);
    cr_assert_null(text);
    expect_contains(xinyi_last_error(x), "oops is no command");
    cr_assert_eq(xinyi_command(x, "", &text), STATUS_BAD_COMMAND);
    char *large = calloc(1, 5000);
    memset(large, 'x', 4999);
    cr_assert_eq(xinyi_command(x, large, &text), STATUS_TOO_LARGE);
    free(large);
    cr_assert_eq(xinyi_command(x, "{}", &text), 0, "the connection lives");
    xinyi_close(&x);
    fake_stop(&f);
}
