/* The parts joined: two stores, the table of operations, the active policies. Readers touch the stores and one atomic
 * pointer; everything else is the writer's.
 *
 * Lookups go through fixed passes with their buffers on the stack (some 10 KiB for decisions, 30 KiB for quotas), so a
 * batch of any size allocates nothing and its profiles are still in the first-level cache when they are evaluated. */
#include "engine/engine.h"

#include "base/check.h"
#include "base/le.h"
#include "base/purpose.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

#define OPERATIONS_KEPT_MS (INT64_C(7) * 24 * 3600 * 1000)
#define QUOTA_PASS 64u

status engine_create(const engine_options *options, engine **out) {
    engine *e = calloc(1, sizeof *e);
    if (e == NULL) return STATUS_NO_MEMORY;
    store_options subjects = {.record_size = sizeof(profile), .seed = options->seed};
    subjects.max_records = options->max_subjects != 0 ? options->max_subjects : LIMIT_SUBJECTS_DEFAULT;
    store_options accounts = {.record_size = sizeof(account), .seed = options->seed};
    accounts.max_records = options->max_accounts != 0 ? options->max_accounts : LIMIT_ACCOUNTS_DEFAULT;
    e->operations_kept_ms = options->operations_kept_ms != 0 ? options->operations_kept_ms : OPERATIONS_KEPT_MS;
    policy_set *none = NULL;
    status code = store_create(&subjects, &e->subjects);
    if (code == STATUS_OK) code = store_create(&accounts, &e->accounts);
    if (code == STATUS_OK) code = operations_init(&e->operations, options->seed, LIMIT_OPERATIONS_DEFAULT);
    if (code == STATUS_OK) code = policy_empty(&none);
    atomic_init(&e->policy, none);
    if (code != STATUS_OK) engine_destroy(&e);
    *out = e;
    return code;
}

void engine_destroy(engine **e) {
    if (*e == NULL) return;
    policy_set *set = atomic_load(&(*e)->policy);
    policy_destroy(&set);
    operations_deinit(&(*e)->operations);
    store_destroy(&(*e)->accounts);
    store_destroy(&(*e)->subjects);
    buf_deinit(&(*e)->policy_texts);
    free(*e);
    *e = NULL;
}

/* ------------------------------------------------------------------ recovery */

/* A record of a store belongs to the shard that its key names: a foreign seed would scatter them. */
static bool fits_key(const store *s, const change *record, const subject_id *id) {
    return record->key_length == KEY_RECORD && memcmp(record->key + 1, id, sizeof *id) == 0 &&
           record->key[0] == store_shard_of(store_hash(s, id));
}

static status apply_subject(engine *e, const change *record) {
    profile p;
    if (record->value_length != 1 + PROFILE_SIZE || record->value[0] != IMAGE_SUBJECT) return STATUS_CORRUPT;
    if (profile_decode(record->value + 1, &p, NULL) != STATUS_OK) return STATUS_CORRUPT;
    /* Written before the form had to fit the id: the id is right. */
    if (!profile_form_fits(&p)) p.form = subject_kind_of(&p.id) == SUBJECT_PERSON ? FORM_PERSON : FORM_UNKNOWN;
    return fits_key(e->subjects, record, &p.id) ? store_load(e->subjects, &p) : STATUS_CORRUPT;
}

static status apply_account(engine *e, const change *record) {
    account a;
    if (record->value_length != 1 + ACCOUNT_IMAGE || record->value[0] != IMAGE_ACCOUNT) return STATUS_CORRUPT;
    status code = account_decode(record->value + 1, &a);
    if (code != STATUS_OK) return code;
    return fits_key(e->accounts, record, &a.key) ? store_load(e->accounts, &a) : STATUS_CORRUPT;
}

static status apply_operation(engine *e, const change *record) {
    operation_id id;
    if (record->key_length != sizeof id) return STATUS_CORRUPT;
    memcpy(&id, record->key, sizeof id);
    if (record->removed) {
        operations_unload(&e->operations, &id);
        return STATUS_OK;
    }
    operation_entry entry;
    if (record->value_length != 1 + OPERATION_IMAGE || record->value[0] != IMAGE_OPERATION) return STATUS_CORRUPT;
    status code = operation_entry_decode(record->value + 1, &entry);
    if (code != STATUS_OK) return code;
    return memcmp(&entry.request.id, &id, sizeof id) == 0 ? operations_load(&e->operations, &entry) : STATUS_CORRUPT;
}

static uint32_t version_from_key(const uint8_t key[4]) {
    return (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
}

/* Only the newest texts are wanted; older sets stay on disk as history. */
static status apply_policies(engine *e, const change *record) {
    if (record->key_length != 4) return STATUS_CORRUPT;
    uint32_t version = version_from_key(record->key);
    if (version == 0) return STATUS_CORRUPT;
    const policy_file *files;
    size_t count;
    buf names = {0};
    status code = policy_image_decode(record->value, record->value_length, &names, &files, &count);
    buf_deinit(&names);
    if (code != STATUS_OK || version < e->policy_newest) return code;
    buf copy = {0};
    buf_append(&copy, record->value, record->value_length);
    code = buf_status(&copy);
    if (code != STATUS_OK) {
        buf_deinit(&copy);
        return code;
    }
    buf_deinit(&e->policy_texts);
    e->policy_texts = copy;
    e->policy_newest = version;
    return STATUS_OK;
}

status engine_apply(engine *e, const change *record) {
    /* of what the engine keeps only operations are ever removed */
    if (record->removed && record->table != CHANGE_OPERATIONS) return STATUS_CORRUPT;
    switch (record->table) {
    case CHANGE_SUBJECTS: return apply_subject(e, record);
    case CHANGE_ACCOUNTS: return apply_account(e, record);
    case CHANGE_OPERATIONS: return apply_operation(e, record);
    case CHANGE_POLICIES: return apply_policies(e, record);
    case CHANGE_RECORDS:
    case CHANGE_MEMBERS:
    case CHANGE_STATE:
    case CHANGE_TABLE_END: break;
    }
    return STATUS_CORRUPT;
}

static status compile_stored(engine *e) {
    if (e->policy_texts.size == 0) return STATUS_OK;
    const policy_file *files;
    size_t count;
    buf names = {0};
    policy_set *set = NULL;
    policy_findings findings = {0};
    status code = policy_image_decode(e->policy_texts.data, e->policy_texts.size, &names, &files, &count);
    if (code == STATUS_OK) code = policy_load(files, count, e->policy_newest, &findings, &set);
    policy_findings_deinit(&findings);
    buf_deinit(&names);
    if (code != STATUS_OK) return code;
    policy_set *old = atomic_exchange(&e->policy, set);
    policy_destroy(&old); /* no reader has started */
    buf_deinit(&e->policy_texts);
    return STATUS_OK;
}

status engine_recovered(engine *e) {
    char problem[256];
    status code = operations_rebuild(&e->operations);
    if (code == STATUS_OK) code = engine_check_ledger(e, problem, sizeof problem);
    return code == STATUS_OK ? compile_stored(e) : code;
}

/* ------------------------------------------------------------------ decisions */

static const policy_set *active(const engine *e) { return atomic_load_explicit(&e->policy, memory_order_acquire); }

const policy_set *engine_policy(const engine *e) { return active(e); }

/* Whatever is wrong with a request in itself; OK otherwise. */
static status check_request(const subject_id *subject, unsigned purpose_code, unsigned flags) {
    if (flags != 0) return STATUS_BAD_ENTRY;
    subject_kind kind = subject_kind_of(subject);
    if (kind != SUBJECT_PERSON && kind != SUBJECT_ENTITY) return STATUS_BAD_SUBJECT;
    return purpose_code == PURPOSE_NONE || purpose_code >= PURPOSE_END ? STATUS_BAD_PURPOSE : STATUS_OK;
}

static void decide_pass(const engine *e, const policy_set *set, const decision_request *requests, size_t n,
                        policy_moment at, decision *out) {
    profile profiles[LIMIT_BATCH];
    bool present[LIMIT_BATCH];
    store_read_batch(e->subjects, &requests->subject, sizeof *requests, n, profiles, sizeof *profiles, present);
    for (size_t i = 0; i < n; i++) {
        status code = check_request(&requests[i].subject, requests[i].purpose, requests[i].flags);
        if (code == STATUS_OK && present[i]) continue;
        present[i] = false;
        out[i] = (decision){.status = (uint16_t)(code != STATUS_OK ? code : STATUS_UNKNOWN_SUBJECT),
                            .policy_version = policy_version(set)};
    }
    policy_decide_batch(set, &requests->scenario, sizeof *requests, profiles, present, n, at, out);
}

void engine_decide(const engine *e, const decision_request *requests, size_t n, policy_moment at, decision *out) {
    const policy_set *set = active(e);
    for (size_t done = 0; done < n; done += LIMIT_BATCH) {
        size_t pass = n - done < LIMIT_BATCH ? n - done : LIMIT_BATCH;
        decide_pass(e, set, requests + done, pass, at, out + done);
    }
}

/* ------------------------------------------------------------------ quotas */

static void quota_one(const policy_set *set, const quota_request *r, const profile *p, const account *a,
                      policy_moment at, quota *out, uint16_t *admit) {
    guarantee_terms terms = {0};
    status code = check_request(&r->subject, r->purpose, r->flags);
    if (code != STATUS_OK) {
        *out = (quota){.status = (uint16_t)code};
        if (admit != NULL) *admit = (uint16_t)code;
        return;
    }
    code = p == NULL ? STATUS_UNKNOWN_SUBJECT : policy_terms(set, r->program, p, at, &terms);
    if (code == STATUS_OK)
        ledger_quota(a, &terms, at, out);
    else
        ledger_quota_without_terms(a, code, at, out);
    if (admit != NULL) *admit = (uint16_t)ledger_admit(out, &terms, r->amount_fen);
}

static void quota_pass(const engine *e, const policy_set *set, const quota_request *requests, size_t n,
                       policy_moment at, quota *out, uint16_t *admit) {
    profile profiles[QUOTA_PASS];
    account accounts[QUOTA_PASS];
    subject_id keys[QUOTA_PASS];
    bool known[QUOTA_PASS], open[QUOTA_PASS];
    for (size_t i = 0; i < n; i++) {
        bool possible = requests[i].program >= 1 && requests[i].program <= PROGRAM_MAX;
        keys[i] = possible ? account_key(&requests[i].subject, requests[i].program) : (subject_id){{0}};
    }
    store_read_batch(e->subjects, &requests->subject, sizeof *requests, n, profiles, sizeof *profiles, known);
    store_read_batch(e->accounts, keys, sizeof *keys, n, accounts, sizeof *accounts, open);
    for (size_t i = 0; i < n; i++)
        quota_one(set, &requests[i], known[i] ? &profiles[i] : NULL, open[i] ? &accounts[i] : NULL, at, &out[i],
                  admit != NULL ? &admit[i] : NULL);
}

void engine_quota(const engine *e, const quota_request *requests, size_t n, policy_moment at, quota *out,
                  uint16_t *admit) {
    const policy_set *set = active(e);
    for (size_t done = 0; done < n; done += QUOTA_PASS) {
        size_t pass = n - done < QUOTA_PASS ? n - done : QUOTA_PASS;
        quota_pass(e, set, requests + done, pass, at, out + done, admit != NULL ? admit + done : NULL);
    }
}

/* ------------------------------------------------------------------ single records and walks */

bool engine_profile(const engine *e, const subject_id *subject, policy_moment at, profile *out) {
    (void)at;
    return store_read(e->subjects, subject, out);
}

size_t engine_profiles(const engine *e, const subject_id *subjects, size_t stride, size_t n, policy_moment at,
                       profile *out, bool *found) {
    (void)at;
    return store_read_batch(e->subjects, subjects, stride, n, out, sizeof *out, found);
}

bool engine_account(const engine *e, const subject_id *subject, unsigned program, account *out) {
    if (program < 1 || program > PROGRAM_MAX) return false;
    subject_id key = account_key(subject, program);
    return store_read(e->accounts, &key, out);
}

size_t engine_scan_profiles(const engine *e, store_cursor *cursor, policy_moment at, profile *out, store_cursor *after,
                            size_t max) {
    (void)at;
    return store_scan(e->subjects, cursor, out, after, max);
}

size_t engine_scan_accounts(const engine *e, store_cursor *cursor, account *out, store_cursor *after, size_t max) {
    return store_scan(e->accounts, cursor, out, after, max);
}

/* ------------------------------------------------------------------ the writer's numbers */

void engine_get_stats(const engine *e, engine_stats *out) {
    *out = (engine_stats){
        .operations = e->operations.count,
        .open_reservations = e->operations.open,
        .policy_version = policy_version(active(e)),
    };
    store_get_stats(e->subjects, &out->subjects);
    store_get_stats(e->accounts, &out->accounts);
    out->memory_bytes = out->subjects.arena_bytes + out->subjects.index_bytes + out->accounts.arena_bytes +
                        out->accounts.index_bytes + operations_bytes(&e->operations);
}

uint32_t engine_policy_newest(const engine *e) { return e->policy_newest; }

int64_t engine_next_due_ms(const engine *e) { return operations_next_due_ms(&e->operations); }
