/* Reports, dossiers, lists, receipts, uploads and commands from clients that send nonsense or too much, each a
 * subcommand; exit 0 if every request gets exactly one answer of its kind and the server lives.
 * tests/integration/records.sh runs them.
 *
 *   hostile_credit CASE --server HOST:PORT [--count N] [--seed S] */
#include "base/clock.h"
#include "tests/tools/peer.h"

#include <inttypes.h>
#include <string.h>

static const char *server = "127.0.0.1:7420";
static unsigned count = 300;
static uint64_t seed = 1;

static uint64_t random_next(void) { /* splitmix64 */
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static subject_id subject_of(const char *text) {
    subject_id id;
    EXPECT(!subject_verdict_is_error(subject_parse(text, strlen(text), 20000, &id).verdict), "%s", text);
    return id;
}
static subject_id somebody(void) {
    return subject_of(random_next() % 2 == 0 ? "id:530000199001010011" : "uscc:91530000MA00TTT099");
}

#define FULL "uscc:N2533102MF00TE0872" /* whose dossier is filled */

static void put_somebody(peer *p) {
    buf out = {0};
    frame_view f;
    static const char *const who[] = {"id:530000199001010011", "uscc:91530000MA00TTT099", FULL};
    wire_put w[3];
    for (int i = 0; i < 3; i++) {
        profile new;
        subject_id id = subject_of(who[i]);
        profile_init(&new, &id);
        w[i] = (wire_put){.mask = UINT64_C(1) << FIELD_division};
        new.division = 530102;
        profile_encode(&new, w[i].profile);
    }
    message_request(&out, MESSAGE_PUT, 1, 0, w, 3, true);
    peer_send_buf(p, &out);
    peer_expect(p, &f, MESSAGE_PUT, 1);
    buf_deinit(&out);
}

/* One answer to each of n requests sent, whatever it says. */
static void expect_answers(peer *p, const uint8_t *types, unsigned n) {
    bool *answered = calloc(n, sizeof *answered);
    for (unsigned i = 0; i < n; i++) {
        frame_view f;
        EXPECT(peer_next(p, &f, PEER_WAIT_MS), "%u of %u requests were not answered", n - i, n);
        uint64_t id = f.header.request_id;
        EXPECT(id < n && !answered[id], "an answer to request %" PRIu64 ", which nobody waits for", id);
        EXPECT(f.header.type == types[id], "type %u instead of %u", f.header.type, types[id]);
        answered[id] = true;
    }
    free(answered);
}

/* ------------------------------------------------------------------ nonsense of the right length */

static const uint8_t NEW_TYPES[] = {MESSAGE_RECEIPT, MESSAGE_SCORECARD, MESSAGE_REPORT, MESSAGE_DOSSIER, MESSAGE_LIST};

static void garbage_entries(void) {
    peer p = peer_ready(server, 0);
    for (unsigned round = 0; round < count; round++) {
        uint8_t types[16];
        buf out = {0};
        unsigned n = 1 + (unsigned)(random_next() % 16);
        for (unsigned i = 0; i < n; i++) {
            static uint8_t entries[64 * 160];
            types[i] = NEW_TYPES[random_next() % sizeof NEW_TYPES];
            const message_info *info = message_find(types[i]);
            size_t entries_count = info->max_entries == 1 ? 1 : 1 + random_next() % 8;
            for (size_t b = 0; b < entries_count * info->request_entry; b++)
                entries[b] = random_next() % 4 == 0 ? (uint8_t)random_next() : 0;
            message_request(&out, types[i], i, 0, entries, entries_count, true);
        }
        peer_send_buf(&p, &out);
        expect_answers(&p, types, n);
        buf_deinit(&out);
    }
    peer_ping(&p, 99);
    peer_close(&p);
}

/* ------------------------------------------------------------------ reports that might be true */

static wire_report random_report(void) {
    wire_report r = {.subject = somebody(), .kind = (uint8_t)(random_next() % 18), .purpose = 6};
    r.id[0] = (uint8_t)(1 + random_next() % 40);
    r.source = (uint16_t)(random_next() % 3 == 0 ? random_next() % 300 : 0);
    r.type = (uint16_t)(random_next() % 2 == 0 ? random_next() % 4 : 101 + random_next() % 500);
    if (random_next() % 2 == 0) r.day = (uint16_t)(19000 + random_next() % 2500);
    if (random_next() % 8 == 0) r.until = (uint16_t)random_next();
    if (random_next() % 2 == 0) r.target[0] = (uint8_t)(random_next() % 40);
    r.value = (uint32_t)(random_next() % 3 == 0 ? random_next() : random_next() % 200);
    size_t text = random_next() % 4 == 0 ? random_next() % 97 : random_next() % 33;
    memset(r.text, 'a' + (int)(random_next() % 26), text);
    if (random_next() % 30 == 0) r.text[0] = 0xFF;
    /* mostly what the kind uses and no more, or hardly one would get past the form */
    if (random_next() % 8 == 0) return r;
    bool adds = r.kind == 1 || r.kind == 4 || r.kind == 6 || r.kind == 7 || r.kind == 13 || r.kind == 16;
    if (adds) memset(r.target, 0, sizeof r.target);
    if (!adds || r.kind == 4) r.type = 0;
    if (r.kind != 4) r.value = 0;
    if (r.kind != 8 && r.kind != 13) r.until = 0;
    if (r.kind == 15) memset(r.target, 0, sizeof r.target);
    if (r.kind == 3 || r.kind == 5 || r.kind == 15) r.day = 0;
    if (r.kind == 16) memset(r.text, 0, sizeof r.text);
    return r;
}

static void random_reports(void) {
    peer p = peer_ready(server, 0);
    put_somebody(&p);
    unsigned accepted = 0;
    for (unsigned round = 0; round < count; round++) {
        enum { N = 64 };
        wire_report entries[N];
        frame_view f;
        buf out = {0};
        for (unsigned i = 0; i < N; i++) entries[i] = random_report();
        message_request(&out, MESSAGE_REPORT, round, 0, entries, N, true);
        peer_send_buf(&p, &out);
        peer_expect(&p, &f, MESSAGE_REPORT, round);
        EXPECT(f.header.entry_count == N, "%u answers", f.header.entry_count);
        for (unsigned i = 0; i < N; i++) {
            wire_report_reply r;
            memcpy(&r, f.body + i * f.header.entry_length, sizeof r);
            EXPECT(r.status == STATUS_OK || status_classify(r.status) == STATUS_CLASS_REFUSED, "%s",
                   status_name(r.status));
            accepted += r.status == STATUS_OK;
        }
        buf_deinit(&out);
    }
    EXPECT(accepted > count, "hardly a report was accepted: %u", accepted);
    /* what has gathered is still told, page by page */
    for (uint8_t part = 0; part < WIRE_DOSSIER_END; part++) {
        wire_dossier d[8];
        frame_view f;
        buf out = {0};
        for (int i = 0; i < 8; i++)
            d[i] = (wire_dossier){
                .subject = somebody(), .part = part, .purpose = 6, .from = (uint32_t)(random_next() % 64)};
        message_request(&out, MESSAGE_DOSSIER, 1000000 + part, 0, d, 8, true);
        peer_send_buf(&p, &out);
        peer_expect(&p, &f, MESSAGE_DOSSIER, 1000000 + part);
        size_t at = 0, length;
        for (int i = 0; i < 8; i++) {
            uint16_t code;
            const char *text;
            EXPECT(message_document_next(&f, &at, &code, &text, &length) == STATUS_OK && code == STATUS_OK, "page %d",
                   i);
            EXPECT(length > 2 && text[0] == '{' && text[length - 1] == '}', "%.*s", (int)length, text);
        }
        buf_deinit(&out);
    }
    peer_close(&p);
}

/* ------------------------------------------------------------------ a dossier as full as it can be */

static wire_report of_full(unsigned n) {
    bool listing = n % 32 == 0;
    wire_report r = {.subject = subject_of(FULL), .kind = listing ? 13 : 1, .purpose = 6};
    memcpy(r.id, &(uint32_t[]){0xF0F0, n}, 8);
    r.type = listing ? 2 : 501;
    r.day = (uint16_t)(20000 + n % 500);
    return r;
}

static unsigned send_full(peer *p, unsigned id) {
    static wire_report entries[LIMIT_ENTRIES_MAX];
    frame_view f;
    buf out = {0};
    unsigned accepted = 0;
    for (unsigned n = 0; n < LIMIT_ENTRIES_MAX; n++) entries[n] = of_full(n);
    message_request(&out, MESSAGE_REPORT, id, 0, entries, LIMIT_ENTRIES_MAX, true);
    peer_send_buf(p, &out);
    peer_expect(p, &f, MESSAGE_REPORT, id);
    for (unsigned i = 0; i < f.header.entry_count; i++) {
        wire_report_reply r;
        memcpy(&r, f.body + i * f.header.entry_length, sizeof r);
        EXPECT(r.status == STATUS_OK || r.status == STATUS_DOSSIER_FULL, "%s", status_name(r.status));
        accepted += r.status == STATUS_OK;
    }
    buf_deinit(&out);
    return accepted;
}

/* All pages of a part; how many items there were. */
static unsigned walk_dossier(peer *p, uint8_t part) {
    uint32_t from = 0;
    unsigned items = 0;
    for (unsigned page = 0; from != UINT32_MAX; page++) {
        EXPECT(page < LIMIT_DOSSIER_ITEMS, "a walk without an end");
        wire_dossier d = {.subject = of_full(0).subject, .part = part, .purpose = 6, .from = from};
        frame_view f;
        buf out = {0};
        size_t at = 0, length;
        uint16_t code;
        const char *text;
        message_request(&out, MESSAGE_DOSSIER, page, 0, &d, 1, true);
        peer_send_buf(p, &out);
        peer_expect(p, &f, MESSAGE_DOSSIER, page);
        EXPECT(message_document_next(&f, &at, &code, &text, &length) == STATUS_OK && code == STATUS_OK, "page %u",
               page);
        static char copy[LIMIT_FRAME_MAX];
        memcpy(copy, text, length);
        copy[length] = '\0';
        for (const char *i = copy; (i = strstr(i, "{\"number\":")) != NULL; i++) items++;
        const char *next = strstr(copy, "],\"next\":");
        EXPECT(next != NULL, "no next: %.100s", copy);
        from = strncmp(next + 9, "null", 4) == 0 ? UINT32_MAX : (uint32_t)strtoul(next + 9, NULL, 10);
        buf_deinit(&out);
    }
    return items;
}

/* None of what can be asked about it takes long: before, each of these held up others for many seconds. */
static void full_dossier(void) {
    peer p = peer_ready(server, 0), small;
    EXPECT(peer_try_open(&small, server, 0), "cannot connect");
    hello h = {.max_frame = 4096};
    peer_hello(&small, &h);
    put_somebody(&p);
    uint64_t began = clock_mono_ns();
    unsigned accepted = send_full(&p, 1);
    EXPECT(accepted > LIMIT_DOSSIER_ITEMS - 100, "only %u were accepted", accepted);
    EXPECT(send_full(&p, 2) == accepted, "repetitions are not what they were");
    unsigned listings = walk_dossier(&p, WIRE_DOSSIER_LISTINGS), all = walk_dossier(&p, WIRE_DOSSIER_ALL);
    EXPECT(listings >= 100 && listings <= LIMIT_DOSSIER_LISTINGS, "%u listings", listings);
    EXPECT(all >= accepted, "%u items of %u", all, accepted);
    EXPECT(walk_dossier(&small, WIRE_DOSSIER_LISTINGS) == listings, "smaller pages hold something else");
    wire_list list = {.list = 2, .purpose = 8, .max = 10};
    frame_view f;
    buf out = {0};
    message_request(&out, MESSAGE_LIST, 7, 0, &list, 1, true);
    peer_send_buf(&p, &out);
    peer_expect(&p, &f, MESSAGE_LIST, 7);
    double seconds = (double)(clock_mono_ns() - began) / 1e9;
    EXPECT(seconds < 30, "all of it takes %.1f s", seconds);
    buf_deinit(&out);
    peer_close(&p);
    peer_close(&small);
}

/* ------------------------------------------------------------------ lists, uploads, commands */

static void lists(void) {
    peer p = peer_ready(server, 0);
    for (unsigned i = 0; i < count; i++) {
        wire_list w = {.cursor = random_next() >> random_next() % 64,
                       .max = (uint32_t)(random_next() >> (32 + random_next() % 32)),
                       .list = (uint16_t)(1 + random_next() % 3),
                       .purpose = 8};
        frame_view f;
        buf out = {0};
        message_request(&out, MESSAGE_LIST, i, 0, &w, 1, true);
        peer_send_buf(&p, &out);
        peer_expect(&p, &f, MESSAGE_LIST, i);
        EXPECT(w.max == 0 || f.header.entry_count <= w.max, "%u entries of %u", f.header.entry_count, w.max);
        for (unsigned k = 0; k < f.header.entry_count; k++) {
            wire_list_reply r;
            memcpy(&r, f.body + k * f.header.entry_length, sizeof r);
            EXPECT(r.cursor != w.cursor, "a walk that stands still at %" PRIu64, r.cursor);
        }
        buf_deinit(&out);
    }
    wire_list none = {.list = 99, .purpose = 8}, nobody = {.list = 1};
    buf out = {0};
    message_request(&out, MESSAGE_LIST, 1, 0, &none, 1, true);
    message_request(&out, MESSAGE_LIST, 2, 0, &nobody, 1, true);
    peer_send_buf(&p, &out);
    peer_expect_error(&p, MESSAGE_LIST, 1, STATUS_UNKNOWN_RECORD_TYPE);
    peer_expect_error(&p, MESSAGE_LIST, 2, STATUS_BAD_PURPOSE);
    buf_deinit(&out);
    peer_close(&p);
}

/* Bodies of uploads and commands that are anything. */
static void bodies(void) {
    peer p = peer_ready(server, 0);
    static const char *const texts[] = {"",
                                        "null",
                                        "[]",
                                        "{}",
                                        "{\"command\":7}",
                                        "{\"command\":\"nothing\"}",
                                        "{\"command\":",
                                        "{\"command\":\"catalogue\",\"command\":\"catalogue\"}",
                                        "\xFF\xFE",
                                        "[[[[[[[[[["};
    for (unsigned round = 0; round < count; round++) {
        uint8_t types[8];
        buf out = {0};
        for (unsigned i = 0; i < 8; i++) {
            uint8_t body[256] = {0};
            size_t length = 8 * (random_next() % 32);
            types[i] = random_next() % 2 == 0 ? MESSAGE_UPLOAD : MESSAGE_COMMAND;
            if (random_next() % 3 == 0)
                for (size_t b = 0; b < length; b++) body[b] = (uint8_t)random_next();
            if (types[i] == MESSAGE_COMMAND && random_next() % 2 == 0) {
                const char *text = texts[random_next() % (sizeof texts / sizeof *texts)];
                memset(body, ' ', length = 64);
                memcpy(body, text, strlen(text));
            }
            odd_frame(&out, (frame_header){.type = types[i], .request_id = i, .entry_count = 1}, body, length);
        }
        peer_send_buf(&p, &out);
        expect_answers(&p, types, 8);
        buf_deinit(&out);
    }
    peer_ping(&p, 99);
    peer_close(&p);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"garbage", garbage_entries},
             {"reports", random_reports},
             {"lists", lists},
             {"bodies", bodies},
             {"full", full_dossier}};

int main(int argc, char **argv) {
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--server") == 0) server = argv[i + 1];
        if (strcmp(argv[i], "--count") == 0) count = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases && argc > 1; i++) {
        if (strcmp(argv[1], cases[i].name) != 0) continue;
        cases[i].run();
        return 0;
    }
    fprintf(stderr,
            "usage: hostile_credit garbage|reports|lists|bodies|full --server HOST:PORT [--count N] [--seed S]\n");
    return 2;
}
