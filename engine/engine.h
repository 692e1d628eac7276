/* The engine: subjects, guarantee accounts, operations and the active policy set, behind one door. Pure: no clock, no
 * sockets, no files; no allocation on the lookup path.
 *
 * Threads: any number of readers (functions marked [reader], under base/rcu.h) and one writer. The writer works in
 * transactions, one per commit group:
 *
 *   txn_begin(now) → txn_put / txn_operate / txn_activate … (each validates against the published state plus what came
 *   before in this group, and answers at once) → txn_changes: the post-images to make durable → txn_publish once they
 *   are on disk, or txn_abort: as if nothing had been asked.
 *
 * Nothing of an open transaction is visible to readers. txn_publish cannot fail: txn_changes has reserved what it
 * needs.
 *
 * Expiry: a reservation past its time is released by the next transaction before anything else (txn_begin), and a
 * commit of it is refused, so what is decided is exact whatever the sweep's delay.
 *
 * Profiles change with time too: records end, points decay, listings run out. A profile knows its next day of change; a
 * reader that meets one that is due derives the current answer from the dossier (engine/credit.h) instead of serving a
 * stale one, and the writer works through due profiles in small portions (txn_sweep). So every function below that
 * hands out profiles takes the moment. */
#ifndef XINYI_ENGINE_ENGINE_H
#define XINYI_ENGINE_ENGINE_H

#include "base/buf.h"
#include "engine/alert.h"
#include "engine/change.h"
#include "engine/credit.h"
#include "engine/dossier.h"
#include "engine/effect.h"
#include "engine/ledger.h"
#include "engine/policy.h"
#include "engine/policy_archive.h"
#include "engine/report.h"
#include "engine/store.h"
#include "engine/tally.h"

typedef struct engine engine;

typedef struct engine_options {
    uint32_t max_subjects;      /* 0: LIMIT_SUBJECTS_DEFAULT */
    uint32_t max_accounts;      /* 0: LIMIT_ACCOUNTS_DEFAULT */
    uint64_t seed;              /* of the data directory */
    int64_t operations_kept_ms; /* how long resolved operations are remembered; 0: OPERATIONS_KEPT_MS */
} engine_options;
#define OPERATIONS_KEPT_MS (INT64_C(7) * 24 * 3600 * 1000)

/* Starts empty, with an empty policy set. */
status engine_create(const engine_options *options, engine **out) MUST_CHECK;
void engine_destroy(engine **e); /* no reader may be inside; accepts NULL */

/* ------------------------------------------------------------------ recovery, before readers start */

/* Applies one stored record. SUBJECTS and ACCOUNTS of different shards may be applied by different threads at once;
 * everything else by one thread; HISTORY in order, after the tables, and once: NO_MEMORY of it leaves a part of a
 * group, with which there is no going on. CORRUPT (unknown version, bad image) leaves the engine unchanged. POLICIES
 * records are kept as texts; engine_recovered compiles the newest. */
status engine_apply(engine *e, const change *record) MUST_CHECK;
/* After the last record: rebuilds what is derived (expiry queue, policy set), checks. CORRUPT if it does not fit.
 * POLICY_INVALID if the newest stored policies do not compile with this program: everything else is there and the empty
 * set stays active; whether to go on is the caller's decision. NO_MEMORY. */
status engine_recovered(engine *e) MUST_CHECK;
/* After CORRUPT: one sentence about what does not fit; may be "". */
const char *engine_trouble(const engine *e);

/* ------------------------------------------------------------------ readers */

/* A request for a decision as in the protocol: 16 bytes. */
typedef struct decision_request {
    subject_id subject;
    uint8_t scenario;
    uint8_t purpose;
    uint16_t flags; /* zero */
} decision_request;
static_assert(sizeof(decision_request) == 16, "as on the wire");

/* [reader] Decides for a batch (any n; worked through in passes of LIMIT_BATCH). out[i].status: OK, BAD_SUBJECT,
 * BAD_PURPOSE, BAD_ENTRY (flags), UNKNOWN_SUBJECT, UNKNOWN_SCENARIO, NOT_EFFECTIVE, OUT_OF_SCOPE. */
void engine_decide(const engine *e, const decision_request *requests, size_t n, policy_moment at, decision *out);

/* [reader] The same, counting what was decided in the thread's own tally (NULL: as engine_decide) and, while a shadow
 * is set, deciding by it too. */
void engine_decide_tallied(const engine *e, const decision_request *requests, size_t n, policy_moment at, tally *t,
                           decision *out);

/* [reader] Copies a profile as it is at the moment; false if unknown. */
bool engine_profile(const engine *e, const subject_id *subject, policy_moment at, profile *out);
size_t engine_profiles(const engine *e, const subject_id *subjects, size_t stride, size_t n, policy_moment at,
                       profile *out, bool *found);
/* [reader] Profile and dossier that belong together; *d is NULL if nothing was reported, and valid until the thread's
 * next rcu_pass. */
bool engine_dossier(const engine *e, const subject_id *subject, policy_moment at, profile *p, const dossier **d);

typedef struct quota_request {
    subject_id subject;
    uint8_t program;
    uint8_t purpose;
    uint16_t flags;     /* zero */
    int64_t amount_fen; /* check: the amount asked about */
} quota_request;
static_assert(sizeof(quota_request) == 24, "as on the wire");

/* Whether an amount fits. */
typedef struct quota_admission {
    uint16_t status;     /* OK: it fits; or as ledger_admit */
    uint16_t violations; /* every VIOLATION_* */
} quota_admission;

/* [reader] Where the accounts stand; with `admit` also whether amount_fen fits. admit may be NULL. out[i].status as in
 * struct quota, or BAD_SUBJECT, BAD_PURPOSE, BAD_ENTRY. */
void engine_quota(const engine *e, const quota_request *requests, size_t n, policy_moment at, quota *out,
                  quota_admission *admit);
/* [reader] Copies an account; false if there is none. */
bool engine_account(const engine *e, const subject_id *subject, unsigned program, account *out);

/* [reader] Walks. Cursors as store.h. */
size_t engine_scan_profiles(const engine *e, store_cursor *cursor, policy_moment at, profile *out, store_cursor *after,
                            size_t max);
size_t engine_scan_accounts(const engine *e, store_cursor *cursor, account *out, store_cursor *after, size_t max);

/* [reader] The active policy set; valid until the thread's next rcu_pass. */
const policy_set *engine_policy(const engine *e);
/* [reader] The candidate that is evaluated beside it on live traffic, NULL if none; same validity. */
const policy_set *engine_shadow(const engine *e);
/* [writer] Sets (owned by the engine from here on) or, with NULL, ends the shadow. Not durable: a restart ends it. */
void engine_set_shadow(engine *e, policy_set *candidate);

/* [writer] Every set that was ever active. */
const policy_archive *engine_archive(const engine *e);
/* [writer] What txn_policy_directory was last told; "" never. */
const char *engine_policy_directory(const engine *e);
/* [writer] Effect totals as published. */
const effects *engine_effects(const engine *e);

/* [writer] How far the sweep is: subjects that are due today, or, after new credit rules, the whole population. */
typedef struct sweep_progress {
    bool everybody;       /* new rules: every profile is evaluated again */
    uint64_t done, total; /* total 0: nothing to do */
    uint64_t changed;     /* profiles that came out different, in this round */
} sweep_progress;
void engine_sweep_progress(const engine *e, sweep_progress *out);

typedef struct engine_stats {
    store_stats subjects, accounts;
    size_t operations, open_reservations;
    size_t dossiers, dossier_items;
    size_t alerts_open;
    uint64_t alerts_dropped; /* engine/alert.h */
    size_t memory_bytes;     /* of all of the above, as allocated */
    uint32_t policy_version;
} engine_stats;
void engine_get_stats(const engine *e, engine_stats *out); /* [writer] */

/* [writer] The open alerts. */
const alerts *engine_alerts(const engine *e);

/* [writer] The history of groups at or before this moment is not needed any more: everything in it is forgotten. */
int64_t engine_history_cut_ms(const engine *e, int64_t now_ms);

/* [writer] True if operations were loaded that are stored as in version 1: txn_migrate moves them. */
bool engine_wants_migration(const engine *e);

/* [writer] The newest version of a policy set that is stored, compiled or not: the next one must be higher. 0: none. */
uint32_t engine_policy_newest(const engine *e);

/* [writer] Walks every invariant: stores, accounts, open reservations add up to reserved_fen and open_reservations of
 * each account, expiry queue complete. False with one sentence. */
bool engine_check(const engine *e, char *problem, size_t room);
/* [writer] The part of it that is about money: accounts, operations, alerts. Its cost grows with accounts and
 * operations, not with subjects. */
bool engine_check_accounts(const engine *e, char *problem, size_t room);
/* [reader] The part of it that a reader can check, for up to `max` subjects from *cursor on: every profile is valid, is
 * found by its id, and its dossier is about the same subject. *checked grows; it is over when that stays the same. */
bool engine_check_subjects(const engine *e, store_cursor *cursor, size_t max, uint64_t *checked, char *problem,
                           size_t room);

/* ------------------------------------------------------------------ the writer */

typedef struct txn txn;

/* One per engine, reused for every group. */
status txn_create(engine *e, txn **out) MUST_CHECK;
void txn_destroy(txn **t);

/* Opens a group at this moment (never earlier than the last group's: a clock that steps back is held) and releases
 * reservations that are due by then. Also forgets operations that were resolved operations_kept_ms ago, as many as keep
 * pace with new ones.
 *
 * If more reservations are due than one group ends (8,192: after a long stop), the group carries as many as fit and
 * is full: txn_size is at least LIMIT_GROUP_BYTES and txn_operate returns OVERLOADED, since what it would answer could
 * not be exact. Publish it and begin the next, which carries on. */
void txn_begin(txn *t, int64_t now_ms);

/* A profile write: fields of `mask` are taken from `fields`, the rest kept (or missing, if the subject is new). */
typedef struct profile_put {
    uint64_t mask;
    uint32_t flags;            /* PUT_*; the source's number in the upper 16 bits */
    uint32_t expected_version; /* with PUT_IF_VERSION */
    profile fields;            /* fields.id names the subject */
} profile_put;
static_assert(sizeof(profile_put) == 80, "as on the wire");
#define PUT_CREATE (1u << 0)     /* refuse EXISTS if the subject is known */
#define PUT_UPDATE (1u << 1)     /* refuse UNKNOWN_SUBJECT if it is not */
#define PUT_IF_VERSION (1u << 2) /* refuse VERSION_CONFLICT unless its version is expected_version */
#define PUT_FLAGS (PUT_CREATE | PUT_UPDATE | PUT_IF_VERSION)
#define PUT_SOURCE_SHIFT 16 /* 0: the base, the province's own platform, whose values cost no dossier */

/* OK with the new version (unchanged if nothing changed), or in this order BAD_ENTRY (unknown or contradicting flags:
 * PUT_CREATE with one of the others), BAD_FIELD (a field that is unknown or that sources may not write), BAD_SUBJECT
 * (the kind), EXISTS, UNKNOWN_SUBJECT, VERSION_CONFLICT (an unknown subject has version 0), BAD_VALUE (always of the
 * field `form`: with the fields merged it would not fit the id, profile_form_fits); or NO_MEMORY, CAPACITY. The
 * profile's own validity is the decoder's to check. */
status txn_put(txn *t, const profile_put *put, uint32_t *version);

/* With a source the fields become claims: which of several sources' values wins is decided by priority, then by the day
 * of the data (`data_day` if it is in the mask, else today), see credit_winner. Further refusals, after BAD_FIELD:
 * UNKNOWN_SOURCE; BAD_FIELD also for a field that this source may not write; DOSSIER_FULL. A field of the mask that is
 * missing in `fields` withdraws the source's claim to it: what it said before does not come back, and the next source
 * counts. What is older than all that the source has said of these fields is not kept. The version is unchanged if
 * neither the profile nor the claims changed. */

/* The fields that a source may write by the rules in force; 0: no such source. */
uint64_t txn_source_fields(const txn *t, unsigned source);

/* Executes a report; the checks and their order are in engine/report.h. The return is OK unless it was not executed
 * (NO_MEMORY, CAPACITY). */
status txn_report(txn *t, const report *r, report_result *result);

/* Derives again what is due at the group's moment (and, after new credit rules, everybody), at most `budget` profiles
 * looked at; changes go into the group. Also erases what has been kept long enough. False when there is nothing left to
 * do today. The position counts only once the group is published. */
bool txn_sweep(txn *t, size_t budget);

/* Adds to the effect totals: what a tally has collected. NO_MEMORY: nothing is added. */
status txn_effect(txn *t, unsigned month, unsigned scenario, uint32_t division, const effect_counts *added);

/* Warms the caches for operations that are about to be executed: their misses overlap instead of following each other,
 * which makes a frame of many operations nearly twice as fast. Changes nothing; any n, though few at a time (some
 * dozens) stay in the caches best. */
void txn_prefetch(const txn *t, const operation *const *operations, size_t n);

/* Executes or repeats an operation; engine/operate.h lists the checks in order. The result says what happened; the
 * return is OK unless it was not executed (NO_MEMORY, CAPACITY, OVERLOADED: see txn_begin), in which case nothing
 * happened and the id is not used. *repeated: the id was known with the same content and this is its first answer
 * again. An id with other content: result OPERATION_REUSED. Refusals are kept like successes, so a late duplicate of a
 * refused reservation never succeeds. Exceptions, not kept: BAD_SUBJECT, BAD_ENTRY, zero id. */
status txn_operate(txn *t, const operation *op, operation_result *result, bool *repeated);

/* The same for a request's entries in order, with its chains (engine/operate.h). results[i].status other than OK on
 * entry: the entry cannot be executed, and that is its answer. What was not executed is answered with the status that
 * txn_operate would return; of a chain then no entry is executed. */
void txn_operate_all(txn *t, const operation *operations, size_t n, operation_result *results);

/* One event of an account's history: an operation that changed it, or a reservation's end by its time. Balances are
 * those after it. */
typedef struct account_event {
    operation_entry entry; /* of an expiry: the reservation */
    bool expiry;
    uint32_t version; /* of the account, by this event */
    int64_t at_ms;
    int64_t amount_fen;
    int64_t reserved_before_fen, committed_before_fen, reserved_fen, committed_fen;
} account_event;
#define LIMIT_HISTORY_EVENTS 1024

/* The newest `max` (at most LIMIT_HISTORY_EVENTS) events of an account with versions below `before` (0: all), oldest
 * first, as far as operations are kept; *count of them, *more: there are older ones that are kept. The events' versions
 * follow each other without gaps, each begins with the balances with which the one before it ended, and the newest ends
 * with the account's own: CORRUPT if that is not so, which is a bug or damage. NO_ACCOUNT, UNKNOWN_PROGRAM,
 * UNKNOWN_SUBJECT, NO_MEMORY. No group may be open but an empty one. */
status engine_history(const engine *e, const subject_id *subject, unsigned program, uint32_t before, size_t max,
                      account_event *events, size_t *count, bool *more);

/* Looks at up to `budget` accounts for alerts that time, grades or policies raise (engine/alert.h), from where the last
 * walk ended. True when the walk has come round. */
bool txn_watch(txn *t, size_t budget);
/* Acknowledges an alert: it is gone once the group is durable. UNKNOWN_ALERT. */
status txn_acknowledge(txn *t, uint64_t number);

/* Moves up to `budget` operations into the history. True while there are more. */
bool txn_migrate(txn *t, size_t budget);

/* What is known of an operation id, this group's included. UNKNOWN_OPERATION if nothing. */
status txn_outcome(txn *t, const operation_id *id, operation_entry *out);

/* Makes a compiled set the active one, for what follows in this group too. The texts are stored with it. The engine
 * owns the set from here on, whatever becomes of the transaction. VERSION_CONFLICT unless its version is higher than
 * every stored one; TOO_LARGE over LIMIT_RECORD_BYTES; NO_MEMORY. */
status txn_activate(txn *t, policy_set *set, const policy_file *files, size_t count);
/* As txn_activate for a set whose texts are those of an archived version: UNKNOWN_POLICY if they are not. */
status txn_rollback(txn *t, policy_set *set, uint32_t version);
/* Remembers the content hash of the directory from which policies are activated at a start (NO_MEMORY), so that the
 * next start can tell whether it has changed since. */
status txn_policy_directory(txn *t, const char *hash);

/* Appends the group's post-images (engine/change.h) to `to`, and its events (engine/history.h) to `history`. An empty
 * group appends nothing. NO_MEMORY, CAPACITY: abort. */
status txn_changes(txn *t, buf *to, buf *history) MUST_CHECK;
/* Approximate encoded size so far, for closing a group in time. */
size_t txn_size(const txn *t);
/* `sequence`: the number under which the group has become durable. */
void txn_publish(txn *t, uint64_t sequence);
void txn_abort(txn *t);

/* When the next reservation ends (ms), INT64_MAX if none: the commit thread wakes for it. */
int64_t engine_next_due_ms(const engine *e); /* [writer] */

#endif
