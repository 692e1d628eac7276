/* Any bytes as what is stored: a recovery of them is refused, or is an engine whose invariants hold and that goes on.
 * The input is a row of pieces: table (one byte), key length, value length (two bytes), key, value. Half of the tables'
 * records are made to fit first (shard byte, image version, a subject that is one), since few random bytes do. The
 * mutator now and then puts in a record that an engine has written: seeds without binary files. */
#include "base/check.h"
#include "base/file.h"
#include "base/le.h"
#include "base/purpose.h"
#include "engine/history.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEED 0x5EED
#define NOW INT64_C(1795449600000)

int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* ------------------------------------------------------------------ seeds */

#define SEEDS_MAX 64
static buf seeds[SEEDS_MAX];
static size_t seed_count;

static void add_seed(unsigned table, const uint8_t *key, size_t key_length, const uint8_t *value, size_t length) {
    if (seed_count == SEEDS_MAX || length >= 4096) return;
    uint8_t head[4] = {(uint8_t)(table - 1), (uint8_t)(key_length - 1)};
    le_put16(head + 2, (uint16_t)length);
    buf *b = &seeds[seed_count++];
    buf_append(b, head, sizeof head);
    buf_append(b, key, key_length);
    buf_append(b, value, length);
}

static subject_id company(unsigned n) {
    static const char *const known[] = {"91530000MA00TTT099", "92530102MA00TTT173", "93532901MA00TTT25E"};
    subject_id id = {{0}};
    (void)subject_parse_number(SUBJECT_ENTITY, known[n % 3], 18, 20781, &id);
    return id;
}

static void do_some(txn *t, unsigned group) {
    for (unsigned kind = 1; kind < OPERATION_KIND_END; kind++) {
        operation op = {.subject = company(kind), .program = PROGRAM_POWER, .kind = (uint8_t)kind};
        op.id.bytes[0] = (uint8_t)(1 + kind + 16 * group);
        bool amount = kind == OPERATION_RESERVE || kind == OPERATION_SETTLE || kind == OPERATION_PLEDGE;
        op.amount_fen = amount ? 100 : 0;
        if (kind == OPERATION_COMMIT || kind == OPERATION_RELEASE) op.target.bytes[0] = 1 + OPERATION_RESERVE;
        if (kind == OPERATION_PLEDGE || kind == OPERATION_WITHDRAW || kind == OPERATION_AMEND) op.instrument = 7;
        if (kind == OPERATION_PLEDGE) op.instrument_kind = INSTRUMENT_BOND;
        if (kind == OPERATION_PLEDGE || kind == OPERATION_AMEND) op.to_hour = (uint32_t)(NOW / 3600000) + 99;
        if (group == 0) op.subject = company(0);
        operation_result r = {0};
        txn_operate_all(t, &op, 1, &r);
    }
}

static void keep_group(engine *e, txn *t, uint64_t sequence) {
    buf changes = {0}, history = {0};
    CHECK(txn_changes(t, &changes, &history) == STATUS_OK);
    txn_publish(t, sequence);
    change c;
    size_t at = 0;
    while (change_next(changes.data, changes.size, &at, &c) == STATUS_OK)
        if (!c.removed) add_seed(c.table, c.key, c.key_length, c.value, c.value_length);
    uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)sequence};
    if (history.size > 0) add_seed(CHANGE_HISTORY, key, sizeof key, history.data, history.size);
    buf_deinit(&changes);
    buf_deinit(&history);
    (void)e;
}

/* With the program's own policy, if it is run from the project's root. */
static void activate(txn *t) {
    buf text = {0};
    policy_findings findings = {0};
    policy_set *set = NULL;
    if (file_read("policy/power-2026.yaml", 1 << 20, &text) != STATUS_OK) return;
    policy_file file = {.name = "power-2026.yaml", .text = (const char *)text.data, .length = text.size};
    if (policy_load(&file, 1, 1, &findings, &set) == STATUS_OK) CHECK(txn_activate(t, set, &file, 1) == STATUS_OK);
    policy_findings_deinit(&findings);
    buf_deinit(&text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    engine_options options = {.max_subjects = 1000, .max_accounts = 1000, .seed = SEED};
    engine *e;
    txn *t;
    CHECK(engine_create(&options, &e) == STATUS_OK && txn_create(e, &t) == STATUS_OK);
    for (unsigned group = 0; group < 6; group++) {
        txn_begin(t, NOW + group * 200000);
        if (group == 0) activate(t);
        for (unsigned n = 0; n < 3; n++) {
            profile_put put = {.mask = UINT64_C(1) << FIELD_retailer | UINT64_C(1) << FIELD_market_grade};
            subject_id id = company(n);
            uint32_t version;
            profile_init(&put.fields, &id);
            put.fields.roles = PROFILE_ROLE_RETAILER;
            put.fields.market_grade = (uint8_t)(group % MARKET_AAA);
            CHECK(txn_put(t, &put, &version) == STATUS_OK);
        }
        do_some(t, group);
        keep_group(e, t, group + 1);
    }
    txn_destroy(&t);
    engine_destroy(&e);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (seed_count == 0 || seed % 3 != 0) return LLVMFuzzerMutate(data, size, max_size);
    const buf *s = &seeds[seed / 3 % seed_count];
    if (s->size > max_size - size) return LLVMFuzzerMutate(data, size, max_size);
    memcpy(data + size, s->data, s->size); /* behind the others: recovery has an order */
    return size + s->size;
}

/* ------------------------------------------------------------------ one input */

static const uint8_t *take(const uint8_t **data, size_t *size, size_t n) {
    if (*size < n) return NULL;
    const uint8_t *at = *data;
    *data += n;
    *size -= n;
    return at;
}

/* One of a few subjects, so that records meet. */
static void a_subject(uint8_t key[12], uint8_t choice) {
    subject_id id = company(choice);
    memcpy(key, id.bytes, sizeof id.bytes);
}

static void make_fit(const engine *e, change *c, uint8_t *key, uint8_t *value) {
    bool of_accounts = c->table == CHANGE_ACCOUNTS;
    if (c->table == CHANGE_HISTORY && c->value_length >= HISTORY_HEAD) {
        le_put64(value, e->history_last);
        c->key_length = 8;
        uint64_t next = e->history_last + 1;
        for (unsigned i = 0; i < 8; i++) key[i] = (uint8_t)(next >> (56 - 8 * i));
        if (c->value_length > HISTORY_HEAD + 1 + 28) a_subject(value + HISTORY_HEAD + 1 + 16, key[7]);
    }
    if (c->table != CHANGE_SUBJECTS && !of_accounts && c->table != CHANGE_RECORDS) return;
    if (c->key_length < KEY_RECORD || c->value_length < 1) return;
    subject_id id;
    a_subject(key + 1, key[2]);
    if (of_accounts) key[1] = (uint8_t)((key[1] & 0x0f) | 1 << 4);
    memcpy(&id, key + 1, sizeof id);
    key[0] = (uint8_t)store_shard_of(store_hash(of_accounts ? e->accounts : e->subjects, &id));
    value[0] = of_accounts && c->key_length == KEY_RECORD ? IMAGE_ACCOUNT : 1;
    if (c->table != CHANGE_RECORDS && c->key_length == KEY_RECORD && c->value_length >= 1 + sizeof id)
        memcpy(value + 1, &id, sizeof id);
}

/* False: nothing more. */
static bool feed(engine *e, const uint8_t **data, size_t *size, status *s) {
    uint8_t key[LIMIT_KEY_BYTES] = {0}, value[4096];
    const uint8_t *head = take(data, size, 4);
    if (head == NULL) return false;
    change c = {.table = (change_table)(1 + (head[0] & 0x0f) % (CHANGE_TABLE_END - 1)),
                .key_length = 1 + head[1] % LIMIT_KEY_BYTES,
                .value_length = le_get16(head + 2) % sizeof value,
                .removed = (head[0] & 0x70) == 0x70};
    const uint8_t *at = take(data, size, c.key_length);
    if (at == NULL) return false;
    memcpy(key, at, c.key_length);
    at = take(data, size, c.value_length);
    if (at == NULL) return false;
    memcpy(value, at, c.value_length);
    if (head[0] & 0x80) make_fit(e, &c, key, value);
    c.key = key;
    c.value = c.removed ? NULL : value;
    if (c.removed) c.value_length = 0;
    *s = engine_apply(e, &c);
    CHECK(*s == STATUS_OK || *s == STATUS_CORRUPT || *s == STATUS_CAPACITY);
    return true;
}

/* A profile that was lost, and taken out by a repair, leaves its account: that is told by verification, not refused. */
static void add_missing_subjects(engine *e) {
    for (unsigned n = 0; n < 3; n++) {
        profile p;
        subject_id id = company(n);
        if (store_read(e->subjects, &id, &p)) continue;
        profile_init(&p, &id);
        CHECK(store_load(e->subjects, &p) == STATUS_OK);
    }
}

static void go_on(engine *e) {
    char problem[256];
    if (!engine_check(e, problem, sizeof problem)) {
        fprintf(stderr, "recovered without a complaint, but: %s\n", problem);
        abort();
    }
    txn *t;
    buf changes = {0}, history = {0};
    CHECK(txn_create(e, &t) == STATUS_OK);
    txn_begin(t, NOW);
    (void)txn_sweep(t, 100);
    (void)txn_watch(t, 100);
    (void)txn_migrate(t, 100);
    CHECK(txn_changes(t, &changes, &history) == STATUS_OK);
    txn_publish(t, e->history_last + 1);
    CHECK(engine_check(e, problem, sizeof problem));
    txn_destroy(&t);
    buf_deinit(&changes);
    buf_deinit(&history);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    engine_options options = {.max_subjects = 1000, .max_accounts = 1000, .seed = SEED};
    engine *e;
    status s = STATUS_OK;
    CHECK(engine_create(&options, &e) == STATUS_OK);
    while (feed(e, &data, &size, &s)) continue; /* a record that is refused changes nothing */
    add_missing_subjects(e);
    s = engine_recovered(e);
    CHECK(s == STATUS_OK || s == STATUS_CORRUPT || s == STATUS_POLICY_INVALID);
    if (s != STATUS_CORRUPT) go_on(e);
    engine_destroy(&e);
    return 0;
}
