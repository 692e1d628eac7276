/* The dump: records of every table, invented at random, go to text and come back byte for byte; an image in which any
 * byte is another is told differently or refused; lines that are cut off, changed or hold what is not expected are
 * refused or mean exactly what they say. */
#include "base/le.h"
#include "engine/dump.h"
#include "engine/dump_layout.h"
#include "engine/effect_internal.h"
#include "engine/history.h"
#include "engine/jline.h"
#include "engine/state.h"
#include "engine/store_internal.h"
#include "tests/unit/engine_help.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SEED UINT64_C(0x5EED0F0D)

/* ------------------------------------------------------------------ records */

typedef struct record {
    change_table table;
    uint8_t key[LIMIT_KEY_BYTES];
    size_t key_length;
    buf value;
} record;

static change as_change(const record *r) {
    return (change){.table = r->table,
                    .key = r->key,
                    .key_length = r->key_length,
                    .value = r->value.data,
                    .value_length = r->value.size};
}

static void put(record *r, change_table table, const void *key, size_t key_length, uint8_t version, const void *image,
                size_t length) {
    r->table = table;
    r->key_length = key_length;
    memcpy(r->key, key, key_length);
    buf_clear(&r->value);
    buf_append(&r->value, &version, 1);
    buf_append(&r->value, image, length);
}

static uint64_t below(uint64_t *state, uint64_t n) { return help_random(state) % n; }

static int64_t amount(uint64_t *state) {
    return below(state, 3) == 0 ? 0 : (int64_t)(below(state, (uint64_t)LIMIT_AMOUNT_FEN + 1) >> below(state, 40));
}

static subject_id random_subject(uint64_t *state) {
    subject_id id;
    do {
        bool person = below(state, 2) == 0;
        char text[32];
        __extension__ typedef unsigned __int128 wide;
        wide number = 0;
        if (person) {
            snprintf(text, sizeof text, "530000%04u%02u%02u%03u", 1930 + (unsigned)below(state, 90),
                     1 + (unsigned)below(state, 12), 1 + (unsigned)below(state, 28), (unsigned)below(state, 1000));
            for (unsigned i = 0; i < 17; i++) number = number * 10 + (unsigned)(text[i] - '0');
        } else {
            subject_id base;
            cr_assert_eq(subject_parse("uscc:91530000MA00TTT099", 23, 30000, &base).verdict, SUBJECT_VALID);
            for (unsigned i = 1; i < 12; i++) number = number << 8 | base.bytes[i];
            number += below(state, 29791);
        }
        id.bytes[0] = person ? SUBJECT_PERSON : SUBJECT_ENTITY;
        for (unsigned i = 11; i > 0; i--, number >>= 8) id.bytes[i] = (uint8_t)number;
    } while (!subject_is_valid(&id));
    return id;
}

static void shard_key(uint8_t *key, const subject_id *id) {
    key[0] = (uint8_t)store_shard_of(store_hash_key(SEED, id));
    memcpy(key + 1, id, sizeof *id);
}

static void random_bytes(uint64_t *state, void *to, size_t n) {
    for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = (uint8_t)help_random(state);
}

static void random_text(uint64_t *state, char *to, size_t room) {
    static const char *const texts[] = {"", "x", "云税〔2026〕1号", "a\"b\\c", "Ein Text von zweiunddreißig Byte"};
    const char *text = texts[below(state, sizeof texts / sizeof *texts)];
    size_t n = strlen(text) < room ? strlen(text) : 0;
    memset(to, 0, room);
    memcpy(to, text, n);
}

static int64_t random_value(uint64_t *state, const profile_field *f) {
    if (below(state, 3) == 0) return PROFILE_MISSING;
    if (f->type == PROFILE_SECTOR && below(state, 4) > 0) return 100 + (int64_t)below(state, (uint64_t)f->max - 99);
    return f->min + (int64_t)below(state, (uint64_t)(f->max - f->min) + 1);
}

static void random_profile(uint64_t *state, const subject_id *id, profile *p) {
    profile_init(p, id);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        if (f->number != FIELD_form) (void)!profile_set(p, f, random_value(state, f));
    }
    if (subject_kind_of(id) != SUBJECT_PERSON) p->form = (uint8_t)(2 + below(state, 11));
    p->seq = (uint32_t)below(state, UINT32_MAX >> 1) << 1;
}

static void make_subject(uint64_t *state, record *r) {
    profile p, read;
    uint8_t key[KEY_RECORD], image[PROFILE_SIZE];
    do {
        subject_id id = random_subject(state);
        shard_key(key, &id);
        random_profile(state, &id, &p);
        profile_encode(&p, image);
    } while (profile_decode(image, &read, NULL) != STATUS_OK);
    put(r, CHANGE_SUBJECTS, key, sizeof key, IMAGE_SUBJECT, image, sizeof image);
}

static void random_item(uint64_t *state, const subject_id *id, item *i) {
    *i = (item){.kind = (uint8_t)below(state, ITEM_KIND_END)};
    if (i->kind == ITEM_ERASED) return;
    i->source = (uint16_t)below(state, 256);
    i->day = (uint16_t)(20000 + below(state, 2000));
    i->reported = (uint16_t)(20000 + below(state, 2000));
    if (i->kind == ITEM_CLAIM) {
        profile p;
        random_profile(state, id, &p);
        claim_from_profile(i, &p, help_random(state) & help_random(state) & profile_writable_mask());
    } else if (i->kind == ITEM_NAME) {
        i->step = (uint8_t)below(state, 2);
        random_text(state, i->name, 40);
        if (below(state, 4) == 0) memcpy(i->name, "\xe4\xba", 2); /* cut within a character */
    } else {
        if (i->kind == ITEM_COMMITMENT_STEP) i->step = (uint8_t)below(state, 6);
        i->type = (uint16_t)below(state, 1000);
        i->until = below(state, 2) == 0 ? 0 : (uint16_t)(20000 + below(state, 2000));
        i->value = (uint32_t)below(state, 2000);
        random_bytes(state, &i->id, sizeof i->id);
        random_text(state, i->text, sizeof i->text);
    }
}

static void make_item(uint64_t *state, record *r) {
    item i, read;
    uint8_t key[KEY_ITEM], image[ITEM_IMAGE];
    do {
        subject_id id = random_subject(state);
        shard_key(key, &id);
        random_item(state, &id, &i);
        if (below(state, 8) > 0 && i.kind != ITEM_CLAIM && i.kind != ITEM_NAME) { /* unused fields are zero as a rule */
            if (below(state, 2) == 0) i.type = 0;
            if (below(state, 2) == 0) i.until = 0;
            if (below(state, 2) == 0) i.value = 0;
        }
        item_encode(&i, image);
    } while (item_decode(image, &read) != STATUS_OK);
    random_bytes(state, key + KEY_RECORD, 4);
    put(r, CHANGE_RECORDS, key, sizeof key, IMAGE_ITEM, image, sizeof image);
}

static void random_account(uint64_t *state, account *a) {
    do {
        subject_id id = random_subject(state);
        *a = (account){.key = account_key(&id, 1 + (unsigned)below(state, PROGRAM_MAX)),
                       .seq = (uint32_t)below(state, UINT32_MAX >> 1) << 1,
                       .reserved_fen = amount(state),
                       .committed_fen = amount(state),
                       .settled_fen = amount(state),
                       .energy_12m_mwh = (int64_t)below(state, 1000000),
                       .wholesale_2m_mwh = (int64_t)below(state, 1000000),
                       .retail_2m_mwh = (int64_t)below(state, 1000000),
                       .forecast_12m_mwh = (int64_t)below(state, 1000) * 1000,
                       .opened_ms = (int64_t)below(state, UINT64_C(2000000000000)),
                       .open_reservations = (uint32_t)below(state, 5),
                       .warned = (uint8_t)below(state, 4),
                       .topup_day = (uint16_t)below(state, 30000)};
        if (a->open_reservations == 0) a->reserved_fen = 0;
        if (below(state, 2) == 0) {
            a->flags = ACCOUNT_FROZEN;
            random_text(state, (char *)a->freeze_reference, sizeof a->freeze_reference);
        }
        a->instrument_count = (uint32_t)below(state, LIMIT_INSTRUMENTS + 1);
        for (uint32_t i = 0; i < a->instrument_count; i++)
            a->instruments[i] = (instrument){.id = help_random(state) | 1,
                                             .amount_fen = 1 + amount(state) / 2,
                                             .from_hour = (uint32_t)below(state, 500000),
                                             .to_hour = below(state, 3) == 0 ? UINT32_MAX : 500000 + (uint32_t)i,
                                             .kind = (uint8_t)(1 + below(state, 3)),
                                             .alerted = (uint8_t)below(state, 4)};
    } while (!account_check(a));
}

static void make_account(uint64_t *state, record *r) {
    account a;
    uint8_t key[KEY_BALANCE], image[ACCOUNT_IMAGE];
    random_account(state, &a);
    shard_key(key, &a.key);
    account_encode(&a, image);
    put(r, CHANGE_ACCOUNTS, key, KEY_RECORD, IMAGE_ACCOUNT, image, sizeof image);
}

static void make_balance(uint64_t *state, record *r) {
    account a;
    uint8_t key[KEY_BALANCE], image[BALANCE_IMAGE];
    random_account(state, &a);
    shard_key(key, &a.key);
    key[KEY_RECORD] = 1;
    balance_encode(&a, image);
    put(r, CHANGE_ACCOUNTS, key, sizeof key, IMAGE_BALANCE, image, sizeof image);
}

static void random_request(uint64_t *state, operation *op) {
    *op = (operation){.subject = random_subject(state),
                      .program = (uint8_t)(1 + below(state, PROGRAM_MAX)),
                      .kind = (uint8_t)(1 + below(state, OPERATION_KIND_END - 1)),
                      .flags = (uint8_t)below(state, 2),
                      .amount_fen = amount(state)};
    random_bytes(state, &op->id, sizeof op->id);
    switch (op->kind) {
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: random_bytes(state, &op->target, sizeof op->target); break;
    case OPERATION_FREEZE: random_text(state, (char *)op->reference, sizeof op->reference); break;
    case OPERATION_ENERGY:
        op->energy.wholesale_2m_mwh = (int64_t)below(state, 1000);
        op->energy.retail_2m_mwh = (int64_t)below(state, 1000);
        op->forecast_gwh = (uint32_t)below(state, 2);
        break;
    case OPERATION_PLEDGE:
    case OPERATION_AMEND:
        op->instrument_kind = op->kind == OPERATION_PLEDGE ? (uint8_t)(1 + below(state, 3)) : 0;
        op->from_hour = (uint32_t)below(state, 500000);
        op->to_hour = below(state, 2) == 0 ? UINT32_MAX : 500001;
        op->instrument = help_random(state);
        break;
    case OPERATION_WITHDRAW: op->instrument = help_random(state); break;
    case OPERATION_RESERVE: op->ttl_ms = (uint32_t)below(state, 100000); break;
    default: break;
    }
    if (op->kind == OPERATION_RELEASE || op->kind == OPERATION_WITHDRAW || op->kind >= OPERATION_FREEZE)
        op->amount_fen = 0;
}

static void random_entry(uint64_t *state, bool ended, operation_entry *e) {
    static const uint16_t refusals[] = {STATUS_LIMIT_EXCEEDED, STATUS_FROZEN, STATUS_SHORTFALL, STATUS_OVER_RESERVED};
    do {
        *e = (operation_entry){.at_ms = (int64_t)below(state, UINT64_C(2000000000000)),
                               .limit_fen = amount(state),
                               .used_fen = amount(state),
                               .account_version = (uint32_t)help_random(state) >> 1,
                               .warning = (uint8_t)below(state, 4),
                               .flags = (uint8_t)below(state, 64)};
        random_request(state, &e->request);
        e->committed_fen = e->used_fen / 3;
        bool granted = below(state, 2) == 0, reserve = e->request.kind == OPERATION_RESERVE;
        e->status = granted ? STATUS_OK : refusals[below(state, 4)];
        if (granted) e->amount_fen = reserve ? e->request.amount_fen : amount(state);
        if (!granted && reserve) e->violations = (uint16_t)below(state, VIOLATIONS_ALL + 1);
        if (granted && reserve) {
            e->life_ms = 1 + (uint32_t)below(state, 1000000);
            e->state = ended ? (uint8_t)(1 + below(state, 4)) : OPERATION_OPEN;
        }
        if (e->state != OPERATION_OPEN) e->resolved_s = operation_seconds(e->at_ms);
        if (e->state > OPERATION_OPEN) e->resolved_version = (uint32_t)below(state, 100);
    } while (!operation_entry_check(e));
}

/* Version 1 kept the answer as it was sent. */
static void make_operation(uint64_t *state, record *r) {
    operation_entry e, read;
    uint8_t image[OPERATION_IMAGE];
    do {
        random_entry(state, true, &e);
        e.request.flags = 0;
        operation_entry_encode(&e, image);
        memset(image + 64, 0, 64);
        le_put16(image + 64, e.status);
        image[66] = e.warning;
        image[67] = e.flags;
        le_put32(image + 68, e.account_version);
        le_put64(image + 72, (uint64_t)e.amount_fen);
        le_put64(image + 80, (uint64_t)e.limit_fen);
        le_put64(image + 88, (uint64_t)e.used_fen);
        le_put64(image + 96, below(state, 1000));
        le_put64(image + 104, e.life_ms != 0 ? (uint64_t)(e.at_ms + e.life_ms) : 0);
        le_put64(image + 112, (uint64_t)e.at_ms);
        image[120] = e.state;
        le_put32(image + 124, e.resolved_s);
    } while (operation_entry_decode_v1(image, &read) != STATUS_OK);
    put(r, CHANGE_OPERATIONS, image, 16, IMAGE_OPERATION_1, image, sizeof image);
}

static void make_history(uint64_t *state, record *r) {
    operation_entry e;
    operation_id id;
    *r = (record){.table = CHANGE_HISTORY, .key_length = 8, .value = r->value};
    r->key[6] = (uint8_t)help_random(state);
    r->key[7] = 1;
    buf_clear(&r->value);
    history_begin(&r->value, r->key[6] > 0 ? 5 : 0);
    for (uint64_t n = 1 + below(state, 5); n > 0; n--) {
        uint64_t kind = 1 + below(state, 3);
        random_entry(state, kind == HISTORY_KEPT, &e);
        random_bytes(state, &id, sizeof id);
        if (kind == HISTORY_OPERATION) history_add_operation(&r->value, &e);
        if (kind == HISTORY_KEPT) history_add_kept(&r->value, &e);
        if (kind == HISTORY_EXPIRY) history_add_expiry(&r->value, &id, (uint32_t)help_random(state), e.at_ms);
    }
}

static void make_alert(uint64_t *state, record *r) {
    uint8_t image[ALERT_IMAGE], key[8];
    alert a, read;
    do {
        a = (alert){.number = 1 + below(state, 1000000),
                    .at_ms = (int64_t)below(state, UINT64_C(2000000000000)),
                    .subject = random_subject(state),
                    .program = 1,
                    .kind = (uint8_t)(1 + below(state, ALERT_KIND_END - 1)),
                    .level = (uint8_t)below(state, 4),
                    .instrument_kind = (uint8_t)below(state, 4),
                    .account_version = (uint32_t)below(state, 1000),
                    .usage_percent = (uint32_t)help_random(state),
                    .limit_fen = amount(state),
                    .used_fen = amount(state),
                    .required_fen = amount(state),
                    .lodged_fen = amount(state),
                    .instrument = below(state, 2) == 0 ? 0 : help_random(state),
                    .due_ms = below(state, 2) == 0 ? 0 : (int64_t)below(state, UINT64_C(2000000000000))};
        alert_encode(&a, image);
    } while (alert_decode(image, &read) != STATUS_OK);
    for (unsigned i = 0; i < 8; i++) key[i] = (uint8_t)(a.number >> (56 - 8 * i));
    put(r, CHANGE_ALERTS, key, sizeof key, IMAGE_ALERT, image, sizeof image);
}

static void make_policies(uint64_t *state, record *r) {
    static const char *const names[] = {"loan.yaml", "信用.yaml", "bad\xff.yaml"};
    char texts[3][300];
    policy_file files[3];
    policy_image image = {.activated_ms = (int64_t)below(state, UINT64_C(2000000000000)),
                          .rollback_of = (uint32_t)below(state, 3),
                          .files = files,
                          .count = below(state, 4)};
    for (unsigned i = 0; i < image.count; i++) {
        size_t n = below(state, sizeof texts[i]);
        if (below(state, 2) == 0) {
            random_bytes(state, texts[i], n);
        } else {
            for (size_t c = 0; c < n; c++) texts[i][c] = (char)below(state, 0x80);
        }
        files[i] = (policy_file){.name = names[i], .text = texts[i], .length = n};
    }
    *r = (record){
        .table = CHANGE_POLICIES, .key_length = 4, .key = {1, 2, 3, (uint8_t)help_random(state)}, .value = r->value};
    buf_clear(&r->value);
    cr_assert_eq(policy_image_encode(&r->value, &image), STATUS_OK);
    if (below(state, 3) > 0) return;
    memmove(r->value.data + 1, r->value.data + 13, r->value.size - 13); /* form 1 has neither moment nor rollback */
    r->value.data[0] = IMAGE_POLICIES_1;
    r->value.size -= 12;
}

static void make_state(uint64_t *state, record *r) {
    effect_counts c = {0};
    uint8_t key[LIMIT_KEY_BYTES], image[EFFECT_IMAGE_MAX];
    *r = (record){.table = below(state, 4) == 0 ? CHANGE_MEMBERS : CHANGE_STATE, .value = r->value};
    buf_clear(&r->value);
    if (below(state, 3) == 0) { /* anything */
        r->key_length = 1 + below(state, LIMIT_KEY_BYTES);
        random_bytes(state, r->key, r->key_length);
        size_t n = below(state, 100);
        random_bytes(state, image, n);
        buf_append(&r->value, image, n);
        return;
    }
    for (unsigned i = 0; i < 6; i++) {
        c.outcomes[below(state, TALLY_OUTCOMES)] = below(state, 3) * help_random(state);
        c.given[below(state, LIMIT_BENEFITS)] = below(state, 3);
        c.used[below(state, LIMIT_BENEFITS)] = below(state, 3);
    }
    effect_encode_key((effect_key){.month = (uint16_t)below(state, 1000),
                                   .scenario = (uint8_t)(1 + below(state, 5)),
                                   .division = (uint32_t)below(state, 1000000)},
                      key);
    r->table = CHANGE_STATE;
    r->key_length = EFFECT_KEY;
    memcpy(r->key, key, EFFECT_KEY);
    buf_append(&r->value, image, effect_encode(&c, image));
}

static void (*const makers[])(uint64_t *, record *) = {make_subject, make_item,      make_account,
                                                       make_balance, make_operation, make_history,
                                                       make_alert,   make_policies,  make_state};
#define MAKERS (sizeof makers / sizeof *makers)

/* ------------------------------------------------------------------ there and back */

/* What the lines say, as a record. The head of a group's history is the reader's to write. */
static status read_back(dump_parser *p, const buf *lines, const record *r, record *out) {
    const char *at = (const char *)lines->data, *end = at + lines->size;
    bool first = true;
    out->table = r->table;
    buf_clear(&out->value);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        cr_assert_not_null(stop, "a line has an end");
        dump_parsed parsed;
        status s = dump_parse(p, at, (size_t)(stop - at), &parsed);
        if (s != STATUS_OK) return s;
        at = stop + 1;
        out->table = parsed.record.table;
        if (parsed.kind == DUMP_EVENT && first) {
            buf_append(&out->value, r->value.data, HISTORY_HEAD);
            out->key_length = 8;
            for (unsigned i = 0; i < 8; i++) out->key[i] = (uint8_t)(parsed.group >> (56 - 8 * i));
        } else if (parsed.kind == DUMP_RECORD) {
            cr_assert(first, "one line a record");
            out->key_length = parsed.record.key_length;
            memcpy(out->key, parsed.record.key, parsed.record.key_length);
        }
        buf_append(&out->value, parsed.record.value, parsed.record.value_length);
        first = false;
    }
    return STATUS_OK;
}

static bool same(const record *a, const record *b) {
    return a->table == b->table && a->key_length == b->key_length && memcmp(a->key, b->key, a->key_length) == 0 &&
           a->value.size == b->value.size && memcmp(a->value.data, b->value.data, a->value.size) == 0;
}

static const char *text_of(buf *b) { return buf_cstr(b); }

Test(dump, every_record_comes_back_byte_for_byte) {
    uint64_t seed = help_seed("dump"), state = seed;
    record r = {0}, back = {0};
    buf lines = {0};
    dump_parser p;
    dump_parser_init(&p, SEED);
    for (unsigned round = 0; round < 20000; round++) {
        makers[round % MAKERS](&state, &r);
        change c = as_change(&r);
        size_t n;
        buf_clear(&lines);
        cr_assert_eq(dump_write(&c, &lines, &n), STATUS_OK, "seed %llu round %u", (unsigned long long)seed, round);
        cr_assert_eq(read_back(&p, &lines, &r, &back), STATUS_OK, "seed %llu: %s in %s", (unsigned long long)seed,
                     p.problem, text_of(&lines));
        cr_assert(same(&r, &back), "seed %llu: %s", (unsigned long long)seed, text_of(&lines));
    }
    dump_parser_deinit(&p);
    buf_deinit(&lines);
    buf_deinit(&r.value);
    buf_deinit(&back.value);
}

Test(dump, no_byte_of_an_image_goes_unsaid) {
    uint64_t seed = help_seed("dump"), state = seed;
    record r = {0}, back = {0};
    buf lines = {0}, other = {0};
    dump_parser p;
    size_t n, told = 0, refused = 0;
    dump_parser_init(&p, SEED);
    for (unsigned round = 0; round < 40 * MAKERS; round++) {
        makers[round % MAKERS](&state, &r);
        change c = as_change(&r);
        buf_clear(&lines);
        cr_assert_eq(dump_write(&c, &lines, &n), STATUS_OK);
        for (size_t i = r.table == CHANGE_HISTORY ? HISTORY_HEAD : 0; i < r.value.size; i++) {
            uint8_t before = r.value.data[i];
            r.value.data[i] = (uint8_t)(before ^ (1u << below(&state, 8)));
            buf_clear(&other);
            if (dump_write(&c, &other, &n) == STATUS_OK) {
                told++;
                cr_assert(other.size != lines.size || memcmp(other.data, lines.data, lines.size) != 0,
                          "seed %llu: byte %zu is not told: %s", (unsigned long long)seed, i, text_of(&lines));
                if (read_back(&p, &other, &r, &back) == STATUS_OK)
                    cr_assert(same(&r, &back), "seed %llu byte %zu: %s", (unsigned long long)seed, i, text_of(&other));
                else
                    cr_assert_fail("seed %llu byte %zu: %s in %s", (unsigned long long)seed, i, p.problem,
                                   text_of(&other));
            } else {
                refused++;
                cr_assert_eq(other.size, 0, "what is refused leaves nothing");
            }
            r.value.data[i] = before;
        }
    }
    cr_assert(told > 1000 && refused > 1000, "%zu told, %zu refused", told, refused);
    dump_parser_deinit(&p);
    buf_deinit(&lines);
    buf_deinit(&other);
    buf_deinit(&r.value);
    buf_deinit(&back.value);
}

/* A line that is changed is refused, or is the line of another record: written again it says the same. */
static void try_line(dump_parser *p, const char *line, size_t length, buf *again) {
    dump_parsed parsed;
    status s = dump_parse(p, line, length, &parsed);
    if (s != STATUS_OK) {
        cr_assert(s == STATUS_CORRUPT || s == STATUS_UNSUPPORTED_VERSION);
        cr_assert_neq(p->problem[0], '\0', "a refusal says why");
        return;
    }
    if (parsed.kind != DUMP_RECORD) return;
    record first = {.table = parsed.record.table, .key_length = parsed.record.key_length}, back = {0};
    memcpy(first.key, parsed.record.key, first.key_length);
    buf_append(&first.value, parsed.record.value, parsed.record.value_length);
    change c = as_change(&first);
    size_t n;
    buf_clear(again);
    cr_assert_eq(dump_write(&c, again, &n), STATUS_OK, "%.*s", (int)length, line);
    cr_assert_eq(read_back(p, again, &first, &back), STATUS_OK);
    cr_assert(same(&first, &back), "%.*s", (int)length, line);
    buf_deinit(&first.value);
    buf_deinit(&back.value);
}

Test(dump, lines_that_are_cut_or_garbled) {
    uint64_t seed = help_seed("dump"), state = seed;
    record r = {0};
    buf lines = {0}, again = {0};
    dump_parser p;
    dump_parsed parsed;
    size_t n;
    dump_parser_init(&p, SEED);
    for (unsigned round = 0; round < 20 * MAKERS; round++) {
        makers[round % MAKERS](&state, &r);
        change c = as_change(&r);
        buf_clear(&lines);
        cr_assert_eq(dump_write(&c, &lines, &n), STATUS_OK);
        char *line = (char *)lines.data;
        size_t length = (size_t)((char *)memchr(line, '\n', lines.size) - line);
        for (size_t cut = 0; cut < length; cut++)
            cr_assert_eq(dump_parse(&p, line, cut, &parsed), STATUS_CORRUPT, "seed %llu: %.*s",
                         (unsigned long long)seed, (int)cut, line);
        for (unsigned change_it = 0; change_it < 60; change_it++) {
            size_t at = below(&state, length);
            char before = line[at];
            line[at] = (char)(below(&state, 3) == 0 ? help_random(&state) : 0x20 + below(&state, 0x5f));
            try_line(&p, line, length, &again);
            line[at] = before;
        }
    }
    dump_parser_deinit(&p);
    buf_deinit(&lines);
    buf_deinit(&again);
    buf_deinit(&r.value);
}

/* ------------------------------------------------------------------ the tables of fields */

static void check_layout(const char *name, const layout *l, unsigned kinds) {
    for (unsigned kind = 0; kind <= kinds; kind++) {
        unsigned covered[512] = {0};
        for (size_t i = 0; i < l->count; i++) {
            const layout_field *f = &l->fields[i];
            if (!layout_has(f, kind)) continue;
            cr_assert_leq((size_t)f->offset + f->size, l->size, "%s", name);
            for (unsigned b = 0; b < f->size; b++) covered[f->offset + b]++;
            for (size_t j = 0; f->name != NULL && j < i; j++)
                cr_assert(l->fields[j].name == NULL || !layout_has(&l->fields[j], kind) ||
                              strcmp(l->fields[j].name, f->name) != 0,
                          "%s: %s twice", name, f->name);
        }
        for (size_t b = 0; b < l->size; b++)
            cr_assert_eq(covered[b], 1, "%s, kind %u: byte %zu has %u fields", name, kind, b, covered[b]);
    }
}

Test(dump, every_byte_has_one_field) {
    check_layout("item", &layout_item, ITEM_KIND_END - 1);
    check_layout("account", &layout_account, 0);
    check_layout("instrument", &layout_instrument, 0);
    check_layout("balance", &layout_balance, 0);
    check_layout("alert", &layout_alert, 0);
    check_layout("operation", &layout_operation, OPERATION_KIND_END - 1);
    check_layout("operation_v1", &layout_operation_v1, OPERATION_KIND_END - 1);
    check_layout("event", &layout_event, OPERATION_KIND_END - 1);
    check_layout("expiry", &layout_expiry, 0);
}

/* ------------------------------------------------------------------ what is said about mistakes */

#define EXPIRY                                                                                                         \
    "{\"table\":\"history\",\"group\":3,\"event\":\"expiry\",\"reservation\":\"000102030405060708090a0b0c0d0e0f\","    \
    "\"account_version\":7,\"at_ms\":1795544740317}"
#define SUBJECT_LINE(more)                                                                                             \
    "{\"table\":\"subjects\",\"v\":1,\"subject\":\"uscc:91530000MA00TTT099\",\"version\":3,\"form\":"                  \
    "\"enterprise\"" more "}"

static void expect(const char *line, status code, const char *problem) {
    dump_parser p;
    dump_parsed parsed;
    dump_parser_init(&p, SEED);
    status s = dump_parse(&p, line, strlen(line), &parsed);
    cr_assert_eq(s, code, "%s: %s", line, p.problem);
    cr_assert_str_eq(p.problem, problem, "%s", line);
    dump_parser_deinit(&p);
}

Test(dump, mistakes_are_named) {
    expect(EXPIRY, STATUS_OK, "");
    expect(SUBJECT_LINE(""), STATUS_OK, "");
    expect(SUBJECT_LINE(",\"tax_grade\":\"A\",\"retailer\":true,\"negative_points\":\"3.50\""), STATUS_OK, "");
    expect("", STATUS_CORRUPT, "not JSON: cut off, or damaged");
    expect("[]", STATUS_CORRUPT, "not a JSON object with at most 80 fields, each once");
    expect("{}", STATUS_CORRUPT, "field 'table' is not there");
    expect("{\"table\":\"nothing\"}", STATUS_CORRUPT, "field 'table' names no table");
    expect(SUBJECT_LINE(",\"tax_grade\":\"Q\""), STATUS_CORRUPT, "field 'tax_grade' has no such value");
    expect(SUBJECT_LINE(",\"public_score\":1001"), STATUS_CORRUPT, "field 'public_score' has no such value");
    expect(SUBJECT_LINE(",\"public_score\":1.5"), STATUS_CORRUPT, "not JSON: cut off, or damaged");
    expect(SUBJECT_LINE(",\"retailer\":1"), STATUS_CORRUPT, "field 'retailer' has no such value");
    expect(SUBJECT_LINE(",\"shoe_size\":43"), STATUS_CORRUPT, "unknown field 'shoe_size'");
    expect(SUBJECT_LINE(",\"v\":1"), STATUS_CORRUPT, "not a JSON object with at most 80 fields, each once");
    expect("{\"table\":\"subjects\",\"v\":9}", STATUS_CORRUPT,
           "field 'v': form 9 of such a record is not known to this program");
    expect("{\"table\":\"subjects\",\"v\":1,\"subject\":\"uscc:91530000MA00TTT098\",\"version\":3}", STATUS_CORRUPT,
           "field 'subject' is not a subject id (id:… or uscc:…)");
    expect("{\"xinyi\":\"dump\",\"format\":2}", STATUS_UNSUPPORTED_VERSION, "format 2 is not known to this program");
    expect("{\"xinyi\":\"dumb\"}", STATUS_CORRUPT, "field 'xinyi' has no such value");
    expect("{\"table\":\"history\",\"group\":0}", STATUS_CORRUPT,
           "field 'group' is not an integer from 1 to 18446744073709551615");
}

Test(dump, head_and_end) {
    dump_head head = {.cluster = "演示 \"1\"", .sequence = UINT64_MAX, .time_ms = 1795544740317};
    dump_end end;
    dump_totals *totals;
    buf text = {0};
    dump_parser p;
    dump_parsed parsed;
    dump_parser_init(&p, SEED);
    cr_assert_eq(dump_totals_create(&totals), STATUS_OK);
    dump_write_head(&head, &text);
    cr_assert_eq(dump_parse(&p, (const char *)text.data, text.size - 1, &parsed), STATUS_OK, "%s", p.problem);
    cr_assert_eq(parsed.kind, DUMP_HEAD);
    cr_assert_str_eq(parsed.head.cluster, head.cluster);
    cr_assert_eq(parsed.head.sequence, head.sequence);
    cr_assert_eq(parsed.head.time_ms, head.time_ms);
    dump_totals_add(totals, 0, 1, text.data, text.size);
    dump_totals_add(totals, CHANGE_HISTORY, 3, "x\ny\nz\n", 6);
    dump_totals_get(totals, &end);
    buf_append_str(&text, "x\ny\nz\n");
    cr_assert_eq(end.sum, XXH3_64bits(text.data, text.size), "the sum is that of the bytes");
    buf_clear(&text);
    dump_write_end(&end, &text);
    cr_assert_eq(dump_parse(&p, (const char *)text.data, text.size - 1, &parsed), STATUS_OK, "%s", p.problem);
    cr_assert_eq(parsed.kind, DUMP_END);
    cr_assert_eq(parsed.end.sum, end.sum);
    cr_assert_eq(parsed.end.lines[CHANGE_HISTORY], 3);
    cr_assert_eq(parsed.end.lines[CHANGE_SUBJECTS], 0);
    dump_totals_destroy(&totals);
    dump_parser_deinit(&p);
    buf_deinit(&text);
}

Test(dump, the_shard_is_that_of_the_new_directory) {
    const char *line = SUBJECT_LINE("");
    dump_parser p;
    dump_parsed parsed;
    for (uint64_t seed = 1; seed < 20; seed++) {
        dump_parser_init(&p, seed);
        cr_assert_eq(dump_parse(&p, line, strlen(line), &parsed), STATUS_OK, "%s", p.problem);
        cr_assert_eq(parsed.record.key[0], store_shard_of(store_hash_key(seed, parsed.record.key + 1)));
        dump_parser_deinit(&p);
    }
}

Test(dump, strings_of_json) {
    static const struct {
        const char *json, *text; /* NULL: refused */
    } cases[] = {
        {"\"\"", ""},
        {"\"a\\u4fe1\\n\\/\\\"\"", "a信\n/\""},
        {"\"\\ud83d\\ude00\"", "😀"},
        {"\"\\ud83d\"", NULL},
        {"\"\\ude00\\ud83d\"", NULL},
        {"\"\\x\"", NULL},
        {"\"\xff\"", NULL},
        {"\"\xed\xa0\x80\"", NULL},
        {"\"\n\"", NULL},
        {"\"a", NULL},
        {"\"a\\", NULL},
        {"\"\\u12", NULL},
    };
    buf text = {0};
    jline_value v;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool good = jline_read(cases[i].json, strlen(cases[i].json), &v);
        cr_assert_eq(good, cases[i].text != NULL, "%s", cases[i].json);
        buf_clear(&text);
        if (good) cr_assert(jline_text(&v, &text) && strcmp(buf_cstr(&text), cases[i].text) == 0, "%s", cases[i].json);
    }
    for (const char *const *bad =
             (const char *const[]){"01", "-0", "+1", "1e3", "--1", "-", "nul", "{\"a\":1,}", "[1,]", "{\"a\" 1}", "1 2",
                                   "{\"\\u0061\":1}", "[[[[[[[[]]]]]]]]", NULL};
         *bad != NULL; bad++)
        cr_assert_not(jline_read(*bad, strlen(*bad), &v), "%s", *bad);
    int64_t number;
    cr_assert(jline_read("-9223372036854775808", 20, &v) && jline_i64(&v, &number) && number == INT64_MIN);
    cr_assert(jline_read("9223372036854775808", 19, &v) && !jline_i64(&v, &number));
    uint64_t big;
    cr_assert(jline_read("18446744073709551616", 20, &v) && !jline_u64(&v, UINT64_MAX, &big));
    buf_deinit(&text);
}
