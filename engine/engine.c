/* The parts joined: two stores, the table of operations, the active policies. Readers touch the stores and one atomic
 * pointer; everything else is the writer's.
 *
 * Lookups go through fixed passes with their buffers on the stack (some 10 KiB for decisions, 30 KiB for quotas), so a
 * batch of any size allocates nothing and its profiles are still in the first-level cache when they are evaluated. */
#include "engine/engine.h"

#include "base/check.h"
#include "base/le.h"
#include "base/purpose.h"
#include "base/rcu.h"
#include "engine/alert_internal.h"
#include "engine/effect_internal.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

#define QUOTA_PASS 64u
#define DOSSIER_TRIES 64u

status engine_create(const engine_options *options, engine **out) {
    engine *e = calloc(1, sizeof *e);
    if (e == NULL) return STATUS_NO_MEMORY;
    store_options subjects = {.record_size = sizeof(profile), .seed = options->seed};
    subjects.max_records = options->max_subjects != 0 ? options->max_subjects : LIMIT_SUBJECTS_DEFAULT;
    store_options accounts = {.record_size = sizeof(account), .seed = options->seed};
    accounts.max_records = options->max_accounts != 0 ? options->max_accounts : LIMIT_ACCOUNTS_DEFAULT;
    e->operations_kept_ms = options->operations_kept_ms != 0 ? options->operations_kept_ms : OPERATIONS_KEPT_MS;
    overlay_init(&e->kept, sizeof(operation_id), sizeof(operation_id));
    overlay_init(&e->moved, sizeof(operation_id), sizeof(operation_id));
    policy_set *none = NULL;
    status code = store_create(&subjects, &e->subjects);
    if (code == STATUS_OK) code = store_create(&accounts, &e->accounts);
    if (code == STATUS_OK) code = operations_init(&e->operations, options->seed, LIMIT_OPERATIONS_DEFAULT);
    if (code == STATUS_OK) code = dossiers_create(options->seed, &e->dossiers);
    if (code == STATUS_OK) code = policy_archive_create(&e->archive);
    if (code == STATUS_OK) code = effects_create(&e->effects);
    if (code == STATUS_OK) code = alerts_create(LIMIT_ALERTS, &e->alerts);
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
    policy_set *candidate = atomic_load(&(*e)->shadow);
    policy_destroy(&candidate);
    operations_deinit(&(*e)->operations);
    overlay_deinit(&(*e)->kept);
    overlay_deinit(&(*e)->moved);
    dossiers_destroy(&(*e)->dossiers);
    store_destroy(&(*e)->accounts);
    store_destroy(&(*e)->subjects);
    policy_archive_destroy(&(*e)->archive);
    effects_destroy(&(*e)->effects);
    alerts_destroy(&(*e)->alerts);
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

static status apply_whole_account(engine *e, const change *record) {
    account a;
    if (record->value_length != 1 + ACCOUNT_IMAGE) return STATUS_CORRUPT;
    if (record->value[0] != IMAGE_ACCOUNT && record->value[0] != IMAGE_ACCOUNT_1) return STATUS_CORRUPT;
    status code = account_decode(record->value + 1, &a);
    if (code != STATUS_OK) return code;
    return fits_key(e->accounts, record, &a.key) ? store_load(e->accounts, &a) : STATUS_CORRUPT;
}

/* It follows its account: in a table by the order of keys, in the log because the account was there first. */
static status apply_balance(engine *e, const change *record) {
    account a;
    subject_id key;
    if (record->value_length != 1 + BALANCE_IMAGE || record->value[0] != IMAGE_BALANCE || record->key[KEY_RECORD] != 1)
        return STATUS_CORRUPT;
    memcpy(&key, record->key + 1, sizeof key);
    if (record->key[0] != store_shard_of(store_hash(e->accounts, &key)) || !store_read(e->accounts, &key, &a))
        return STATUS_CORRUPT;
    status code = balance_decode(record->value + 1, &a);
    return code == STATUS_OK ? store_load(e->accounts, &a) : code;
}

static status apply_account(engine *e, const change *record) {
    return record->key_length == KEY_BALANCE ? apply_balance(e, record) : apply_whole_account(e, record);
}

static uint32_t number_from_key(const uint8_t key[4]) {
    return (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
}

/* The profile may come later: engine_attach_dossiers looks for it. */
static status apply_item(engine *e, const change *record) {
    subject_id id;
    item read;
    if (record->key_length != KEY_ITEM || record->value_length != 1 + ITEM_IMAGE || record->value[0] != IMAGE_ITEM)
        return STATUS_CORRUPT;
    memcpy(&id, record->key + 1, sizeof id);
    if (record->key[0] != store_shard_of(store_hash(e->subjects, &id))) return STATUS_CORRUPT;
    status code = item_decode(record->value + 1, &read);
    if (code != STATUS_OK) return code;
    return dossiers_load(e->dossiers, &id, number_from_key(record->key + KEY_RECORD), &read);
}

static status apply_state(engine *e, const change *record) {
    if (effect_is_record(record)) return effects_apply(e->effects, record);
    if (alerts_is_numbers(record)) return alerts_apply(e->alerts, record);
    if (engine_is_directory(record)) return engine_apply_directory(e, record);
    if (clock_mark_is_record(record)) return clock_mark_decode(record, &e->clock);
    size_t n = sizeof STATE_EVALUATED - 1;
    if (record->key_length != n || memcmp(record->key, STATE_EVALUATED, n) != 0) return STATUS_CORRUPT;
    if (record->value_length != 1 + 8 || record->value[0] != IMAGE_EVALUATED) return STATUS_CORRUPT;
    e->sweep.evaluated_with = 0;
    for (unsigned b = 0; b < 8; b++) e->sweep.evaluated_with |= (uint64_t)record->value[1 + b] << (8 * b);
    return STATUS_OK;
}

status engine_apply(engine *e, const change *record) {
    /* of what the engine keeps only operations and alerts are ever removed */
    if (record->removed && record->table != CHANGE_OPERATIONS && record->table != CHANGE_ALERTS) return STATUS_CORRUPT;
    switch (record->table) {
    case CHANGE_SUBJECTS: return apply_subject(e, record);
    case CHANGE_ACCOUNTS: return apply_account(e, record);
    case CHANGE_OPERATIONS: return engine_apply_operation(e, record);
    case CHANGE_HISTORY: return engine_apply_history(e, record);
    case CHANGE_POLICIES: return engine_apply_policies(e, record);
    case CHANGE_RECORDS: return apply_item(e, record);
    case CHANGE_STATE: return apply_state(e, record);
    case CHANGE_ALERTS: return alerts_apply(e->alerts, record);
    case CHANGE_MEMBERS:
    case CHANGE_TABLE_END: break;
    }
    return STATUS_CORRUPT;
}

const char *engine_trouble(const engine *e) { return e->trouble; }

status engine_recovered(engine *e) {
    char *problem = e->trouble;
    size_t room = sizeof e->trouble;
    status code = operations_rebuild(&e->operations);
    if (code == STATUS_OK) code = engine_attach_dossiers(e, problem, room);
    if (code == STATUS_OK) code = engine_link_operations(e);
    if (code == STATUS_OK) code = engine_check_ledger(e, problem, room);
    if (code != STATUS_OK) return code;
    code = engine_compile_stored(e);
    const credit_rules *rules = policy_credit(atomic_load(&e->policy));
    for (uint32_t side = 1; side <= dossiers_count(e->dossiers); side++) {
        profile p;
        if (store_read(e->subjects, &dossiers_at(e->dossiers, side)->subject, &p)) sweep_note(e, side, &p, rules, 0);
    }
    sweep_rules(e, rules);
    return code;
}

/* ------------------------------------------------------------------ decisions */

static const policy_set *active(const engine *e) { return atomic_load_explicit(&e->policy, memory_order_acquire); }

const policy_set *engine_policy(const engine *e) { return active(e); }

const policy_set *engine_shadow(const engine *e) { return atomic_load_explicit(&e->shadow, memory_order_acquire); }

static void free_set(void *set) {
    policy_set *old = set;
    policy_destroy(&old);
}

void engine_set_shadow(engine *e, policy_set *candidate) {
    policy_set *old = atomic_exchange(&e->shadow, candidate);
    if (old != NULL) rcu_retire(old, free_set);
}

/* Whatever is wrong with a request in itself; OK otherwise. */
static status check_request(const subject_id *subject, unsigned purpose_code, unsigned flags) {
    if (flags != 0) return STATUS_BAD_ENTRY;
    subject_kind kind = subject_kind_of(subject);
    if (kind != SUBJECT_PERSON && kind != SUBJECT_ENTITY) return STATUS_BAD_SUBJECT;
    return purpose_code == PURPOSE_NONE || purpose_code >= PURPOSE_END ? STATUS_BAD_PURPOSE : STATUS_OK;
}

static bool is_newer(const dossier *d, const profile *p) {
    return d != NULL && (int32_t)((d->version - profile_version(p)) << 1) > 0; /* versions wrap at 31 bits */
}

/* The dossier that belongs to a copied profile: of the same version, or of an earlier one since when it has not
 * changed. It is published right before its profile, so a newer one says that the profile is about to go on too. If the
 * writer was stopped just there, the newer dossier is taken: it is durable, and what it makes of the old profile is
 * what the new one will be. */
static const dossier *dossier_of(const engine *e, profile *p) {
    const dossier *d = dossiers_at(e->dossiers, p->side);
    for (unsigned i = 0; i < DOSSIER_TRIES && is_newer(d, p); i++) {
        if (!store_read(e->subjects, &d->subject, p)) return d;
        d = dossiers_at(e->dossiers, p->side);
    }
    return d;
}

static bool is_due(const profile *p, policy_moment at) { return p->change_day != 0 && p->change_day <= at.day; }

/* What has changed by itself since it was stored. */
static void bring_up_to_date(const engine *e, const credit_rules *r, policy_moment at, profile *p) {
    const dossier *d = dossier_of(e, p);
    profile stored = *p;
    if (is_due(&stored, at) || is_newer(d, &stored)) credit_derive(r, d, &stored, at.day, p);
}

/* For n profiles `stride` bytes apart, those of `present`. */
static void bring_all_up_to_date(const engine *e, const policy_set *set, policy_moment at, profile *profiles,
                                 const bool *present, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (present[i] && is_due(&profiles[i], at)) bring_up_to_date(e, policy_credit(set), at, &profiles[i]);
}

/* Decides by the candidate too, and counts where it differs. */
static void decide_in_shadow(const policy_set *candidate, const decision_request *requests, const profile *profiles,
                             const bool *present, size_t n, policy_moment at, tally *t, const decision *decided) {
    decision other[LIMIT_BATCH];
    policy_decide_batch(candidate, &requests->scenario, sizeof *requests, profiles, present, n, at, other);
    for (size_t i = 0; i < n; i++)
        if (present[i]) tally_shadow(t, requests[i].scenario, &decided[i], &other[i]);
}

static void count_decisions(const decision_request *requests, const profile *profiles, const bool *present, size_t n,
                            unsigned month, tally *t, const decision *decided) {
    for (size_t i = 0; i < n; i++)
        if (present[i] && decided[i].status == STATUS_OK && requests[i].purpose != PURPOSE_BENCHMARK)
            tally_decision(t, month, requests[i].scenario, profiles[i].division, &decided[i]);
}

static void decide_pass(const engine *e, const policy_set *set, const decision_request *requests, size_t n,
                        policy_moment at, tally *t, decision *out) {
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
    bring_all_up_to_date(e, set, at, profiles, present, n);
    policy_decide_batch(set, &requests->scenario, sizeof *requests, profiles, present, n, at, out);
    if (t == NULL) return;
    count_decisions(requests, profiles, present, n, tally_month(at.day), t, out);
    const policy_set *candidate = engine_shadow(e);
    if (candidate != NULL) decide_in_shadow(candidate, requests, profiles, present, n, at, t, out);
}

void engine_decide_tallied(const engine *e, const decision_request *requests, size_t n, policy_moment at, tally *t,
                           decision *out) {
    const policy_set *set = active(e);
    for (size_t done = 0; done < n; done += LIMIT_BATCH) {
        size_t pass = n - done < LIMIT_BATCH ? n - done : LIMIT_BATCH;
        decide_pass(e, set, requests + done, pass, at, t, out + done);
    }
}

void engine_decide(const engine *e, const decision_request *requests, size_t n, policy_moment at, decision *out) {
    engine_decide_tallied(e, requests, n, at, NULL, out);
}

/* ------------------------------------------------------------------ quotas */

static void quota_one(const policy_set *set, const quota_request *r, const profile *p, const account *a,
                      policy_moment at, quota *out, quota_admission *admit) {
    guarantee_terms terms = {0};
    status code = check_request(&r->subject, r->purpose, r->flags);
    if (code != STATUS_OK) {
        *out = (quota){.status = (uint16_t)code};
        if (admit != NULL) *admit = (quota_admission){.status = (uint16_t)code};
        return;
    }
    code = p == NULL ? STATUS_UNKNOWN_SUBJECT : policy_terms(set, r->program, p, at, &terms);
    if (code == STATUS_OK)
        ledger_quota(a, &terms, at, out);
    else
        ledger_quota_without_terms(a, code, at, out);
    if (admit == NULL) return;
    bool fits = ledger_amount_fits(r->amount_fen);
    admit->violations = fits ? (uint16_t)ledger_violated(out, &terms, r->amount_fen) : 0;
    admit->status = (uint16_t)(fits ? ledger_first_violation(admit->violations) : STATUS_BAD_AMOUNT);
}

static void quota_pass(const engine *e, const policy_set *set, const quota_request *requests, size_t n,
                       policy_moment at, quota *out, quota_admission *admit) {
    profile profiles[QUOTA_PASS];
    account accounts[QUOTA_PASS];
    subject_id keys[QUOTA_PASS];
    bool known[QUOTA_PASS], open[QUOTA_PASS];
    for (size_t i = 0; i < n; i++) {
        bool possible = requests[i].program >= 1 && requests[i].program <= PROGRAM_MAX;
        keys[i] = possible ? account_key(&requests[i].subject, requests[i].program) : (subject_id){{0}};
    }
    store_read_batch(e->subjects, &requests->subject, sizeof *requests, n, profiles, sizeof *profiles, known);
    bring_all_up_to_date(e, set, at, profiles, known, n);
    store_read_batch(e->accounts, keys, sizeof *keys, n, accounts, sizeof *accounts, open);
    for (size_t i = 0; i < n; i++)
        quota_one(set, &requests[i], known[i] ? &profiles[i] : NULL, open[i] ? &accounts[i] : NULL, at, &out[i],
                  admit != NULL ? &admit[i] : NULL);
}

void engine_quota(const engine *e, const quota_request *requests, size_t n, policy_moment at, quota *out,
                  quota_admission *admit) {
    const policy_set *set = active(e);
    for (size_t done = 0; done < n; done += QUOTA_PASS) {
        size_t pass = n - done < QUOTA_PASS ? n - done : QUOTA_PASS;
        quota_pass(e, set, requests + done, pass, at, out + done, admit != NULL ? admit + done : NULL);
    }
}

/* ------------------------------------------------------------------ single records and walks */

bool engine_dossier(const engine *e, const subject_id *subject, policy_moment at, profile *p, const dossier **d) {
    *d = NULL;
    if (!store_read(e->subjects, subject, p)) return false;
    *d = dossier_of(e, p);
    profile stored = *p;
    if (is_due(&stored, at) || is_newer(*d, &stored)) credit_derive(policy_credit(active(e)), *d, &stored, at.day, p);
    return true;
}

bool engine_profile(const engine *e, const subject_id *subject, policy_moment at, profile *out) {
    if (!store_read(e->subjects, subject, out)) return false;
    if (is_due(out, at)) bring_up_to_date(e, policy_credit(active(e)), at, out);
    return true;
}

size_t engine_profiles(const engine *e, const subject_id *subjects, size_t stride, size_t n, policy_moment at,
                       profile *out, bool *found) {
    size_t known = store_read_batch(e->subjects, subjects, stride, n, out, sizeof *out, found);
    bring_all_up_to_date(e, active(e), at, out, found, n);
    return known;
}

bool engine_account(const engine *e, const subject_id *subject, unsigned program, account *out) {
    if (program < 1 || program > PROGRAM_MAX) return false;
    subject_id key = account_key(subject, program);
    return store_read(e->accounts, &key, out);
}

size_t engine_scan_profiles(const engine *e, store_cursor *cursor, policy_moment at, profile *out, store_cursor *after,
                            size_t max) {
    size_t n = store_scan(e->subjects, cursor, out, after, max);
    for (size_t i = 0; i < n; i++)
        if (is_due(&out[i], at)) bring_up_to_date(e, policy_credit(active(e)), at, &out[i]);
    return n;
}

size_t engine_scan_accounts(const engine *e, store_cursor *cursor, account *out, store_cursor *after, size_t max) {
    return store_scan(e->accounts, cursor, out, after, max);
}

/* ------------------------------------------------------------------ the writer's numbers */

void engine_get_stats(const engine *e, engine_stats *out) {
    *out = (engine_stats){
        .operations = e->operations.count,
        .open_reservations = e->operations.open,
        .dossiers = dossiers_count(e->dossiers),
        .dossier_items = dossiers_items(e->dossiers),
        .policy_version = policy_version(active(e)),
        .alerts_open = alerts_count(e->alerts),
        .alerts_dropped = alerts_dropped(e->alerts),
    };
    store_get_stats(e->subjects, &out->subjects);
    store_get_stats(e->accounts, &out->accounts);
    out->memory_bytes = out->subjects.arena_bytes + out->subjects.index_bytes + out->accounts.arena_bytes +
                        out->accounts.index_bytes + operations_bytes(&e->operations) + dossiers_bytes(e->dossiers) +
                        policy_archive_bytes(e->archive) + effects_bytes(e->effects) + alerts_bytes(e->alerts);
}

const alerts *engine_alerts(const engine *e) { return e->alerts; }

int64_t engine_history_cut_ms(const engine *e, int64_t now_ms) {
    return now_ms - e->operations_kept_ms - LEDGER_LIFE_MAX_MS;
}

int64_t engine_next_due_ms(const engine *e) { return operations_next_due_ms(&e->operations); }
