#include "tests/unit/engine_world.h"

#include "base/rcu.h"
#include "engine/operate.h"

#include <pthread.h>
#include <stdatomic.h>

#define HOUR_OF(ms) ((uint32_t)((ms) / CLOCK_MS_PER_HOUR))

/* ------------------------------------------------------------------ groups */

Test(engine, nothing_is_visible_before_it_is_published) {
    world w;
    world_open(&w);
    subject_id id = help_subject(1);
    profile p;
    account a;
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
    cr_assert_eq(world_pledge(&w, 1, 1, 1000, UINT32_MAX).status, STATUS_OK);
    cr_assert_not(engine_profile(w.e, &id, (policy_moment){0}, &p));
    cr_assert_not(engine_account(w.e, &id, PROGRAM_POWER, &a));
    cr_assert_eq(policy_version(engine_policy(w.e)), 0);
    cr_assert_eq(world_changes(&w), STATUS_OK);
    cr_assert_not(engine_profile(w.e, &id, (policy_moment){0}, &p));
    world_publish(&w);
    cr_assert(engine_profile(w.e, &id, (policy_moment){0}, &p));
    cr_assert_eq(profile_version(&p), 1);
    cr_assert(engine_account(w.e, &id, PROGRAM_POWER, &a));
    cr_assert(a.seq >> 1 == 1 && a.instruments[0].amount_fen == 1000 && a.opened_ms == WORLD_START);
    cr_assert_eq(policy_version(engine_policy(w.e)), 1);
    world_check(w.e);
    world_close(&w);
}

Test(engine, an_aborted_group_never_was) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation_id kept = world_reserve(&w, 1, 100, 0);
    world_commit(&w);
    int64_t due = engine_next_due_ms(w.e);
    engine_stats before, after;
    engine_get_stats(w.e, &before);
    world_begin(&w);
    world_subject(&w, 9, PROFILE_ROLE_RETAILER, MARKET_A);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_AAA);
    cr_assert_eq(world_activate(&w, HELP_POLICY_STRICT, 2), STATUS_OK);
    operation_id lost = world_reserve(&w, 1, 500, 1000);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, kept).status, STATUS_OK);
    cr_assert_eq(world_pledge(&w, 9, 1, 5, UINT32_MAX).status, STATUS_OK);
    size_t before_log = w.log.size;
    cr_assert_eq(world_changes(&w), STATUS_OK);
    w.log.size = before_log;
    txn_abort(w.t);
    world_check(w.e);
    engine_get_stats(w.e, &after);
    cr_assert(before.subjects.records == after.subjects.records && before.operations == after.operations);
    cr_assert(before.accounts.records == after.accounts.records);
    cr_assert_eq(engine_next_due_ms(w.e), due);
    cr_assert_eq(policy_version(engine_policy(w.e)), 1);
    quota q = world_quota(&w, 1);
    cr_assert(q.reserved_fen == 100 && q.committed_fen == 0 && q.limit_fen == 1030000);
    world_begin(&w);
    operation_entry entry;
    cr_assert_eq(txn_outcome(w.t, &lost, &entry), STATUS_UNKNOWN_OPERATION);
    cr_assert_eq(txn_outcome(w.t, &kept, &entry), STATUS_OK);
    cr_assert_eq(entry.state, OPERATION_OPEN);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, kept).status, STATUS_OK, "as if nothing had been asked");
    world_commit(&w);
    world_close(&w);
}

Test(engine, an_empty_group_changes_nothing) {
    world w;
    world_populate(&w);
    size_t before = w.log.size;
    world_begin(&w);
    cr_assert_eq(txn_size(w.t), 0);
    world_commit(&w);
    cr_assert_eq(w.log.size, before);
    world_begin(&w);
    txn_abort(w.t);
    world_close(&w);
}

Test(engine, later_entries_see_earlier_ones) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation_result r = world_do(&w, OPERATION_RESERVE, 1, 1000000);
    cr_assert(r.status == STATUS_OK && r.available_fen == 30000 && r.warning == 2 && r.account_version == 2);
    r = world_do(&w, OPERATION_RESERVE, 1, 30001);
    cr_assert_eq(r.status, STATUS_LIMIT_EXCEEDED);
    cr_assert(r.amount_fen == 0 && r.used_fen == 1000000 && r.limit_fen == 1030000 && r.account_version == 2);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_AAA); /* 8 % unsecured */
    r = world_do(&w, OPERATION_RESERVE, 1, 80000);
    cr_assert(r.status == STATUS_OK && r.available_fen == 0 && r.warning == 3 && r.account_version == 3);
    world_commit(&w);
    quota q = world_quota(&w, 1);
    cr_assert(q.reserved_fen == 1080000 && q.usage_percent == 100 && q.available_fen == 0);
    world_close(&w);
}

Test(engine, an_activated_policy_counts_within_its_group) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation op = world_operation(&w, OPERATION_ENERGY, 1, 10000000); /* 8 billion fen required */
    cr_assert_eq(world_operate(&w, &op).status, STATUS_OK);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 1, 5).status, STATUS_OK);
    cr_assert_eq(world_activate(&w, HELP_POLICY_STRICT, 2), STATUS_OK);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 1, 5).status, STATUS_SHORTFALL);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 3), STATUS_OK);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 1, 5).status, STATUS_OK);
    world_commit(&w);
    cr_assert_eq(policy_version(engine_policy(w.e)), 3);
    world_close(&w);
}

Test(engine, policy_versions_rise) {
    world w;
    world_populate(&w);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_VERSION_CONFLICT);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 0), STATUS_VERSION_CONFLICT);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 5), STATUS_OK);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 5), STATUS_VERSION_CONFLICT);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 4), STATUS_VERSION_CONFLICT);
    txn_abort(w.t);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 2), STATUS_OK, "an aborted version was never used");
    world_commit(&w);
    cr_assert_eq(engine_policy_newest(w.e), 2);
    world_close(&w);
}

Test(engine, the_clock_never_steps_back) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation op = world_operation(&w, OPERATION_RESERVE, 1, 5);
    op.ttl_ms = 1000;
    cr_assert_eq(world_operate(&w, &op).expires_ms, WORLD_START + 1000);
    world_commit(&w);
    w.now_ms = WORLD_START - 5000000;
    world_begin(&w);
    op = world_operation(&w, OPERATION_RESERVE, 1, 5);
    op.ttl_ms = 1000;
    cr_assert_eq(world_operate(&w, &op).expires_ms, WORLD_START + 1000);
    world_commit(&w);
    world_close(&w);
}

/* ------------------------------------------------------------------ profiles */

static status put(world *w, uint32_t n, uint64_t mask, uint32_t flags, uint32_t expected, uint16_t score,
                  uint32_t *version) {
    profile_put p = {.mask = mask, .flags = flags, .expected_version = expected};
    subject_id id = help_subject(n);
    profile_init(&p.fields, &id);
    p.fields.public_score = score;
    return txn_put(w->t, &p, version);
}

Test(engine, puts_merge_and_count_versions) {
    const uint64_t score = 1ull << FIELD_public_score, computed = 1ull << FIELD_change_day;
    world w;
    world_open(&w);
    world_begin(&w);
    uint32_t v;
    cr_assert_eq(put(&w, 1, score, PUT_UPDATE, 0, 5, &v), STATUS_UNKNOWN_SUBJECT);
    cr_assert_eq(put(&w, 1, score, PUT_IF_VERSION, 1, 5, &v), STATUS_VERSION_CONFLICT);
    cr_assert_eq(put(&w, 1, score | computed, 0, 0, 5, &v), STATUS_BAD_FIELD);
    cr_assert_eq(put(&w, 1, score | 1ull << 63, 0, 0, 5, &v), STATUS_BAD_FIELD);
    cr_assert_eq(put(&w, 1, score, 8, 0, 5, &v), STATUS_BAD_ENTRY);
    cr_assert_eq(put(&w, 1, score, PUT_CREATE | PUT_UPDATE, 0, 5, &v), STATUS_BAD_ENTRY);
    cr_assert_eq(put(&w, 1, score, PUT_CREATE | PUT_IF_VERSION, 0, 5, &v), STATUS_BAD_ENTRY);
    cr_assert_eq(put(&w, 1, score, PUT_CREATE, 0, 500, &v), STATUS_OK);
    cr_assert_eq(v, 1);
    cr_assert_eq(put(&w, 1, score, PUT_CREATE, 0, 500, &v), STATUS_EXISTS);
    cr_assert_eq(put(&w, 1, score, 0, 0, 500, &v), STATUS_OK);
    cr_assert_eq(v, 1, "nothing changed");
    cr_assert_eq(put(&w, 1, score, PUT_UPDATE | PUT_IF_VERSION, 1, 501, &v), STATUS_OK);
    cr_assert_eq(v, 2);
    cr_assert_eq(put(&w, 2, 0, 0, 0, 0, &v), STATUS_OK);
    cr_assert_eq(v, 1, "a subject of whom nothing is known is known all the same");
    world_commit(&w);
    world_begin(&w);
    cr_assert_eq(put(&w, 1, score, 0, 0, 501, &v), STATUS_OK);
    cr_assert_eq(v, 2);
    cr_assert_eq(txn_size(w.t), 0, "no change, no record");
    cr_assert_eq(put(&w, 1, score, PUT_IF_VERSION, 1, 502, &v), STATUS_VERSION_CONFLICT);
    cr_assert_eq(v, 2);
    cr_assert_eq(put(&w, 1, 0, PUT_IF_VERSION, 2, 0, &v), STATUS_OK);
    txn_abort(w.t);
    profile p;
    subject_id id = help_subject(1);
    cr_assert(engine_profile(w.e, &id, (policy_moment){0}, &p));
    cr_assert(p.public_score == 501 && p.tax_grade == TAX_UNRATED && p.slots[0] == PROFILE_UNRATED);
    id = help_subject(2);
    cr_assert(engine_profile(w.e, &id, (policy_moment){0}, &p));
    cr_assert_eq(p.public_score, PROFILE_UNRATED);
    world_close(&w);
}

/* Kind 1 is a person: a registration number of a made-up company. */
static subject_id entity(void) {
    subject_id id;
    cr_assert_eq(subject_parse("uscc:91530000MA00TTT099", 23, 20000, &id).verdict, SUBJECT_VALID);
    return id;
}

static status put_form(world *w, subject_id id, uint64_t mask, unsigned form) {
    profile_put p = {.mask = mask};
    profile_init(&p.fields, &id);
    p.fields.form = (uint8_t)form;
    uint32_t version;
    return txn_put(w->t, &p, &version);
}

static unsigned form_of(const world *w, subject_id id) {
    profile p;
    cr_assert(engine_profile(w->e, &id, (policy_moment){0}, &p));
    return p.form;
}

/* Rules of consent test the form: nobody may become, or cease to be, a natural person by writing it. */
Test(engine, the_id_decides_who_is_a_person) {
    const uint64_t form = 1ull << FIELD_form;
    world w;
    world_open(&w);
    world_begin(&w);
    subject_id known = help_subject(1), other = help_subject(2), company = entity();
    cr_assert_eq(put_form(&w, known, 0, FORM_ENTERPRISE), STATUS_OK, "outside of the mask it does not count");
    cr_assert_eq(put_form(&w, company, 0, FORM_PERSON), STATUS_OK);
    for (unsigned f = 0; f <= FORM_OTHER; f++) {
        status person = f == FORM_PERSON ? STATUS_OK : STATUS_BAD_VALUE;
        cr_assert_eq(put_form(&w, known, form, f), person, "form %u", f);
        cr_assert_eq(put_form(&w, other, form, f), person, "form %u", f);
        cr_assert_eq(put_form(&w, company, form, f), f == FORM_PERSON ? STATUS_BAD_VALUE : STATUS_OK, "form %u", f);
    }
    world_commit(&w);
    cr_assert_eq(form_of(&w, known), FORM_PERSON);
    cr_assert_eq(form_of(&w, other), FORM_PERSON);
    cr_assert_eq(form_of(&w, company), FORM_OTHER);
    world_close(&w);
}

/* A profile that is new has its form before any rule sees it. */
Test(engine, a_person_of_whom_nothing_is_written_has_to_consent) {
    static const char POLICY[] = "policy: p\nscenario: {name: loan, code: 1, title: T}\ntitle: T\n"
                                 "effective: {from: 2026-01-01}\ntables:\n  - table: t\n    hit: first\n"
                                 "    inputs: [form, consent_loan]\n    outputs: [outcome]\n    rows:\n"
                                 "      - {id: R1, when: [person, false], then: [declined]}\n"
                                 "      - {id: R2, when: ['-', '-'], then: [granted]}\n";
    world w;
    world_open(&w);
    world_begin(&w);
    policy_file file = {.name = "p.yaml", .text = POLICY, .length = sizeof POLICY - 1};
    cr_assert_eq(txn_activate(w.t, help_policy(POLICY, 1), &file, 1), STATUS_OK);
    subject_id id = help_subject(1), company = entity();
    cr_assert_eq(put_form(&w, id, 0, 0), STATUS_OK);
    cr_assert_eq(put_form(&w, company, 0, 0), STATUS_OK);
    world_commit(&w);
    decision_request asked[] = {{.subject = id, .scenario = 1, .purpose = PURPOSE_LOAN_REVIEW},
                                {.subject = company, .scenario = 1, .purpose = PURPOSE_LOAN_REVIEW}};
    decision got[2];
    engine_decide(w.e, asked, 2, world_moment(&w), got);
    cr_assert(got[0].status == STATUS_OK && got[0].outcome == OUTCOME_DECLINED);
    cr_assert(got[1].status == STATUS_OK && got[1].outcome == OUTCOME_GRANTED);
    world_close(&w);
}

Test(engine, a_full_store_refuses_the_entry_and_not_the_group) {
    engine_options options = {.max_subjects = 1000, .max_accounts = 10, .seed = WORLD_SEED};
    world w = {.now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(engine_create(&options, &w.e), STATUS_OK);
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    uint32_t v, made = 0;
    bool refused = false;
    for (uint32_t n = 0; n < 500000 && !refused; n++) {
        status code = put(&w, n, 0, 0, 0, 0, &v);
        cr_assert(code == STATUS_OK || code == STATUS_CAPACITY);
        refused = code == STATUS_CAPACITY;
        made += !refused;
    }
    cr_assert(refused && made >= 1000);
    cr_assert_eq(put(&w, 0, 1ull << FIELD_public_score, 0, 0, 7, &v), STATUS_OK, "what is there can change");
    refused = false;
    uint32_t opened = 0;
    for (uint32_t n = 0; n < made && !refused; n++) {
        operation op = world_operation(&w, OPERATION_PLEDGE, n, 5);
        op.instrument = 1;
        op.instrument_kind = INSTRUMENT_DEPOSIT;
        op.to_hour = UINT32_MAX;
        operation_result r;
        bool repeated;
        status code = txn_operate(w.t, &op, &r, &repeated);
        refused = code == STATUS_CAPACITY;
        if (!refused) cr_assert(code == STATUS_OK && r.status == STATUS_OK);
        operation_entry entry;
        cr_assert_eq(txn_outcome(w.t, &op.id, &entry), refused ? STATUS_UNKNOWN_OPERATION : STATUS_OK);
        opened += !refused;
    }
    cr_assert(opened >= 10);
    if (!refused) opened = made;
    world_commit(&w);
    engine_stats stats;
    engine_get_stats(w.e, &stats);
    cr_assert_eq(stats.subjects.records, made);
    cr_assert_eq(stats.accounts.records, opened);
    world_close(&w);
}

/* Room that aborted groups asked for is there for the next. */
Test(engine, aborted_groups_use_up_no_room) {
    engine_options options = {.max_subjects = 1000, .max_accounts = 10, .seed = WORLD_SEED};
    world w = {.now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(engine_create(&options, &w.e), STATUS_OK);
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    world_commit(&w);
    for (unsigned i = 0; i < 100000; i++) {
        world_begin(&w);
        world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
        cr_assert_eq(world_pledge(&w, 1, 1, 5, UINT32_MAX).status, STATUS_OK);
        txn_abort(w.t);
    }
    engine_stats stats;
    engine_get_stats(w.e, &stats);
    cr_assert_eq(stats.subjects.records + stats.accounts.records + stats.operations, 0);
    cr_assert_lt(stats.memory_bytes, 8 << 20);
    world_close(&w);
}

/* ------------------------------------------------------------------ operations */

Test(engine, every_refusal_of_a_reservation) {
    world w;
    world_populate(&w);
    world_begin(&w);
    static const struct {
        uint32_t subject;
        int64_t amount;
        uint8_t program;
        uint32_t ttl_ms;
        status expected;
    } cases[] = {
        {1, 1030000, 1, 0, STATUS_OK},
        {2, 1080000, 1, 3600000, STATUS_OK},
        {2, 1, 1, 3600001, STATUS_BAD_TTL},
        {1, 1, 1, 0, STATUS_LIMIT_EXCEEDED},
        {1, 0, 1, 0, STATUS_BAD_AMOUNT},
        {99, 0, 1, 0, STATUS_BAD_AMOUNT},
        {99, 1, 1, 0, STATUS_UNKNOWN_SUBJECT},
        {99, 1, 0, 0, STATUS_UNKNOWN_SUBJECT},
        {1, 1, 0, 0, STATUS_UNKNOWN_PROGRAM},
        {1, 1, 16, 0, STATUS_UNKNOWN_PROGRAM},
        {1, 1, 2, 0, STATUS_UNKNOWN_PROGRAM},
        {3, 1, 1, 0, STATUS_UNRATED},
        {4, 1, 1, 0, STATUS_SUSPENDED},
        {5, 50000000, 1, 0, STATUS_OK},
        {6, 1000001, 1, 0, STATUS_LIMIT_EXCEEDED},
        {6, 1000000, 1, 0, STATUS_OK},
        {7, 1, 1, 0, STATUS_NOT_COVERED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        operation op = world_operation(&w, OPERATION_RESERVE, cases[i].subject, cases[i].amount);
        op.program = cases[i].program;
        op.ttl_ms = cases[i].ttl_ms;
        operation_result r = world_operate(&w, &op);
        cr_assert_eq(r.status, cases[i].expected, "case %zu: %s", i, status_name(r.status));
        cr_assert_eq(r.amount_fen, r.status == STATUS_OK ? cases[i].amount : 0);
        int64_t ttl = cases[i].ttl_ms == 0 ? 300000 : cases[i].ttl_ms;
        cr_assert_eq(r.expires_ms, r.status == STATUS_OK ? WORLD_START + ttl : 0);
    }
    world_subject(&w, 8, PROFILE_ROLE_RETAILER, MARKET_A);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 8, 1).status, STATUS_NO_ACCOUNT);
    world_subject(&w, 9, PROFILE_ROLE_GENERATOR, MARKET_AAA);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 9, 1).status, STATUS_NO_ACCOUNT, "exempt, but never unlimited");
    world_commit(&w);
    world_close(&w);
}

Test(engine, what_is_not_kept) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation op = world_operation(&w, OPERATION_RESERVE, 1, 5), bad = op;
    bad.to_hour = 1;
    cr_assert_eq(world_operate(&w, &bad).status, STATUS_BAD_ENTRY);
    bad = op;
    bad.subject.bytes[0] = 9;
    cr_assert_eq(world_operate(&w, &bad).status, STATUS_BAD_SUBJECT);
    bad.subject.bytes[0] = SUBJECT_PERSON;
    memset(bad.subject.bytes + 1, 0xFF, 11);
    cr_assert_eq(world_operate(&w, &bad).status, STATUS_BAD_SUBJECT);
    bad = op;
    memset(&bad.id, 0, sizeof bad.id);
    cr_assert_eq(world_operate(&w, &bad).status, STATUS_BAD_ENTRY);
    cr_assert_eq(world_operate(&w, &op).status, STATUS_OK, "the id was not used up");
    world_commit(&w);
    world_close(&w);
}

Test(engine, the_same_id_gives_the_same_answer) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation granted = world_operation(&w, OPERATION_RESERVE, 1, 1000), other = granted;
    operation refused = world_operation(&w, OPERATION_RESERVE, 1, 5000000);
    operation_result first = world_operate(&w, &granted), no = world_operate(&w, &refused), again;
    cr_assert(first.status == STATUS_OK && no.status == STATUS_LIMIT_EXCEEDED);
    other.amount_fen++;
    for (int published = 0; published < 2; published++) {
        bool repeated = false;
        cr_assert_eq(txn_operate(w.t, &granted, &again, &repeated), STATUS_OK);
        cr_assert(repeated);
        cr_assert_arr_eq(&again, &first, sizeof first);
        cr_assert_eq(txn_operate(w.t, &refused, &again, &repeated), STATUS_OK);
        cr_assert(repeated);
        cr_assert_arr_eq(&again, &no, sizeof no);
        cr_assert_eq(txn_operate(w.t, &other, &again, &repeated), STATUS_OK);
        cr_assert_not(repeated);
        cr_assert(again.status == STATUS_OPERATION_REUSED && again.limit_fen == 0);
        world_commit(&w);
        /* money arrives: a late duplicate of the refused one must not succeed */
        world_begin(&w);
        if (published == 0) cr_assert_eq(world_pledge(&w, 1, 77, 90000000, UINT32_MAX).status, STATUS_OK);
    }
    world_commit(&w);
    quota q = world_quota(&w, 1);
    cr_assert(q.reserved_fen == 1000 && q.account_version == 3);
    world_close(&w);
}

Test(engine, a_reservation_is_resolved_once) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation_id a = world_reserve(&w, 1, 1000, 0), b = world_reserve(&w, 1, 500, 0), c = world_reserve(&w, 1, 70, 0);
    operation refused = world_operation(&w, OPERATION_RESERVE, 1, 99999999);
    cr_assert_eq(world_operate(&w, &refused).status, STATUS_LIMIT_EXCEEDED);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 1001, a).status, STATUS_OVER_RESERVED);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, -1, a).status, STATUS_BAD_AMOUNT);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 2, 0, a).status, STATUS_UNKNOWN_OPERATION, "another subject");
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, refused.id).status, STATUS_UNKNOWN_OPERATION, "refused");
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, world_id(1)).status, STATUS_UNKNOWN_OPERATION, "a pledge");
    cr_assert_eq(world_resolve(&w, OPERATION_RELEASE, 1, 0, world_id(999999)).status, STATUS_UNKNOWN_OPERATION);
    operation_result r = world_resolve(&w, OPERATION_COMMIT, 1, 400, a);
    cr_assert(r.status == STATUS_OK && r.amount_fen == 400 && r.used_fen == 970, "the rest is released");
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 400, a).status, STATUS_ALREADY_RESOLVED);
    world_commit(&w);
    world_begin(&w);
    r = world_resolve(&w, OPERATION_COMMIT, 1, 0, b);
    cr_assert(r.status == STATUS_OK && r.amount_fen == 500 && r.used_fen == 970);
    r = world_resolve(&w, OPERATION_RELEASE, 1, 0, c);
    cr_assert(r.status == STATUS_OK && r.amount_fen == 70 && r.used_fen == 900);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, c).status, STATUS_ALREADY_RESOLVED);
    cr_assert_eq(world_resolve(&w, OPERATION_RELEASE, 1, 0, a).status, STATUS_ALREADY_RESOLVED);
    world_commit(&w);
    operation_entry entry;
    world_begin(&w);
    cr_assert_eq(txn_outcome(w.t, &a, &entry), STATUS_OK);
    cr_assert(entry.state == OPERATION_COMMITTED && entry.amount_fen == 1000 && entry.at_ms == WORLD_START);
    cr_assert_eq(txn_outcome(w.t, &c, &entry), STATUS_OK);
    cr_assert_eq(entry.state, OPERATION_RELEASED);
    r = world_do(&w, OPERATION_SETTLE, 1, 901);
    cr_assert_eq(r.status, STATUS_OVER_COMMITTED);
    r = world_do(&w, OPERATION_SETTLE, 1, 900);
    cr_assert(r.status == STATUS_OK && r.used_fen == 0 && r.amount_fen == 900);
    cr_assert_eq(world_do(&w, OPERATION_SETTLE, 8, 1).status, STATUS_UNKNOWN_SUBJECT);
    cr_assert_eq(world_do(&w, OPERATION_SETTLE, 7, 1).status, STATUS_NO_ACCOUNT);
    world_commit(&w);
    account account_1;
    subject_id id = help_subject(1);
    cr_assert(engine_account(w.e, &id, PROGRAM_POWER, &account_1));
    cr_assert(account_1.settled_fen == 900 && account_1.open_reservations == 0);
    world_close(&w);
}

Test(engine, reducing_works_whatever_happens_to_the_subject) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation_id a = world_reserve(&w, 1, 1000, 3600000), b = world_reserve(&w, 1, 500, 3600000);
    cr_assert_eq(world_set_flags(&w, 1, FIELD_suspended, PROFILE_FLAG_SUSPENDED), STATUS_OK);
    world_subject(&w, 1, 0, MARKET_UNRATED);
    operation_result r = world_resolve(&w, OPERATION_COMMIT, 1, 0, a);
    cr_assert(r.status == STATUS_OK && r.flags == QUOTA_SUSPENDED);
    cr_assert_eq(world_resolve(&w, OPERATION_RELEASE, 1, 0, b).status, STATUS_OK);
    cr_assert_eq(world_do(&w, OPERATION_SETTLE, 1, 600).status, STATUS_OK);
    world_commit(&w);
    /* the day after the policy's last */
    w.now_ms = clock_ms_of_day(clock_day_from_date(2030, 1, 1));
    world_begin(&w);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 2, 1).status, STATUS_NOT_EFFECTIVE);
    r = world_do(&w, OPERATION_SETTLE, 1, 400);
    cr_assert(r.status == STATUS_OK && r.limit_fen == 0 && r.used_fen == 0);
    cr_assert_eq(world_pledge(&w, 2, 900, 5, UINT32_MAX).status, STATUS_OK, "lodging needs no policy in force");
    cr_assert_eq(world_do(&w, OPERATION_ENERGY, 2, 5).status, STATUS_OK);
    cr_assert_eq(world_withdraw(&w, 2, 900).status, STATUS_OK);
    world_commit(&w);
    quota q = world_quota(&w, 2);
    cr_assert(q.status == STATUS_NOT_EFFECTIVE && q.lodged_fen == 1000000 && q.limit_fen == 0);
    world_close(&w);
}

Test(engine, withdrawing_is_no_way_out_of_exposure) {
    world w;
    world_populate(&w);
    world_begin(&w);
    (void)world_reserve(&w, 1, 900000, 0);
    cr_assert_eq(world_pledge(&w, 1, 50, 500000, UINT32_MAX).status, STATUS_OK);
    operation_result r = world_withdraw(&w, 1, 1);
    cr_assert(r.status == STATUS_LIMIT_EXCEEDED && r.limit_fen == 1545000 && r.amount_fen == 0);
    r = world_withdraw(&w, 1, 50);
    cr_assert(r.status == STATUS_OK && r.limit_fen == 1030000 && r.amount_fen == 500000);
    cr_assert_eq(world_withdraw(&w, 1, 50).status, STATUS_UNKNOWN_INSTRUMENT);
    cr_assert_eq(world_withdraw(&w, 7, 50).status, STATUS_NO_ACCOUNT);
    (void)world_reserve(&w, 5, 5000000, 0); /* exempt */
    cr_assert_eq(world_withdraw(&w, 5, 5).status, STATUS_OK);
    world_commit(&w);
    world_close(&w);
}

Test(engine, an_expired_bond_leaves_the_limit_at_its_hour) {
    world w;
    world_populate(&w);
    world_begin(&w);
    uint32_t end = HOUR_OF(WORLD_START) + 2;
    cr_assert_eq(world_pledge(&w, 1, 50, 1000000, end).status, STATUS_OK);
    operation_id id = world_reserve(&w, 1, 2060000, 3 * 3600000 / 3);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, id).status, STATUS_OK);
    world_commit(&w);
    w.now_ms = end * CLOCK_MS_PER_HOUR - 1;
    quota q = world_quota(&w, 1);
    cr_assert(q.limit_fen == 2060000 && q.usage_percent == 100 && q.next_expiry_ms == end * CLOCK_MS_PER_HOUR);
    w.now_ms++;
    q = world_quota(&w, 1);
    cr_assert(q.limit_fen == 1030000 && q.used_fen == 2060000 && q.usage_percent == 200 && q.next_expiry_ms == 0);
    world_begin(&w);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 1, 1).status, STATUS_LIMIT_EXCEEDED);
    operation_result r = world_do(&w, OPERATION_SETTLE, 1, 2060000);
    cr_assert(r.status == STATUS_OK && r.used_fen == 0 && r.available_fen == 1030000);
    world_commit(&w);
    world_close(&w);
}

/* ------------------------------------------------------------------ expiry */

Test(engine, a_reservation_ends_at_its_millisecond) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation_id a = world_reserve(&w, 1, 1000000, 5000), b = world_reserve(&w, 1, 30000, 5001);
    world_commit(&w);
    cr_assert_eq(engine_next_due_ms(w.e), WORLD_START + 5000);
    w.now_ms = WORLD_START + 4999;
    world_begin(&w);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 1, 1).status, STATUS_LIMIT_EXCEEDED);
    world_commit(&w);
    w.now_ms++;
    world_begin(&w);
    operation_result r = world_do(&w, OPERATION_RESERVE, 1, 1);
    cr_assert(r.status == STATUS_OK && r.used_fen == 30001, "what follows sees the exact quota");
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, a).status, STATUS_RESERVATION_EXPIRED);
    cr_assert_eq(world_resolve(&w, OPERATION_RELEASE, 1, 0, a).status, STATUS_RESERVATION_EXPIRED);
    cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, b).status, STATUS_OK);
    operation_entry entry;
    cr_assert_eq(txn_outcome(w.t, &a, &entry), STATUS_OK);
    cr_assert_eq(entry.state, OPERATION_EXPIRED);
    world_commit(&w);
    cr_assert_eq(engine_next_due_ms(w.e), WORLD_START + 5000 + 300000);
    world_close(&w);
}

Test(engine, an_aborted_expiry_comes_again) {
    world w;
    world_populate(&w);
    world_begin(&w);
    (void)world_reserve(&w, 1, 1000, 5000);
    world_commit(&w);
    w.now_ms += 5000;
    for (int i = 0; i < 2; i++) {
        world_begin(&w);
        cr_assert_gt(txn_size(w.t), 0);
        txn_abort(w.t);
        world_check(w.e);
        cr_assert_eq(world_quota(&w, 1).reserved_fen, 1000);
    }
    world_begin(&w);
    world_commit(&w);
    cr_assert_eq(world_quota(&w, 1).reserved_fen, 0);
    cr_assert_eq(engine_next_due_ms(w.e), INT64_MAX);
    world_close(&w);
}

Test(engine, a_long_stop_is_caught_up_in_full_groups) {
    enum { SUBJECTS = 9000, EACH = 2 };
    world w;
    world_populate(&w);
    world_begin(&w);
    for (uint32_t n = 100; n < 100 + SUBJECTS; n++) {
        world_subject(&w, n, PROFILE_ROLE_RETAILER, MARKET_A);
        cr_assert_eq(world_pledge(&w, n, 1, 1000, UINT32_MAX).status, STATUS_OK);
        for (int i = 0; i < EACH; i++) (void)world_reserve(&w, n, 400, 1000 + n);
    }
    (void)world_reserve(&w, 1, 100, 3600000);
    world_commit(&w);
    w.now_ms += 1800000;
    unsigned groups = 0;
    for (;; groups++) {
        cr_assert_lt(groups, 10);
        world_begin(&w);
        operation_result r;
        bool repeated;
        operation op = world_operation(&w, OPERATION_RESERVE, 100, 1000);
        status code = txn_operate(w.t, &op, &r, &repeated);
        cr_assert_lt(txn_size(w.t), LIMIT_GROUP_BYTES + 1);
        if (code == STATUS_OK) {
            cr_assert_eq(r.status, STATUS_OK, "everything due is released, so all of the limit is there");
            break;
        }
        cr_assert_eq(code, STATUS_OVERLOADED);
        cr_assert_geq(txn_size(w.t), LIMIT_GROUP_BYTES);
        size_t before = w.log.size;
        cr_assert_eq(world_changes(&w), STATUS_OK);
        cr_assert_lt(w.log.size - before, LIMIT_GROUP_BYTES * 3 / 4);
        world_publish(&w);
    }
    cr_assert_gt(groups, 0);
    world_commit(&w);
    engine_stats stats;
    engine_get_stats(w.e, &stats);
    cr_assert_eq(stats.open_reservations, 2);
    world_close(&w);
}

Test(engine, resolved_operations_are_forgotten_after_their_time) {
    world w = {.e = world_engine(60000), .now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
    cr_assert_eq(world_pledge(&w, 1, 1, 1000000, UINT32_MAX).status, STATUS_OK);
    operation_id open = world_reserve(&w, 1, 10, 3600000), soon = world_reserve(&w, 1, 10, 30000);
    operation spent = world_operation(&w, OPERATION_SETTLE, 1, 5);
    cr_assert_eq(world_operate(&w, &spent).status, STATUS_OVER_COMMITTED);
    world_commit(&w);
    operation_entry entry;
    w.now_ms = WORLD_START + 59999;
    world_begin(&w);
    cr_assert_eq(txn_outcome(w.t, &spent.id, &entry), STATUS_OK);
    world_commit(&w);
    w.now_ms = WORLD_START + 60000;
    world_begin(&w);
    operation_result r;
    bool repeated;
    cr_assert_eq(txn_operate(w.t, &spent, &r, &repeated), STATUS_OK);
    cr_assert(repeated, "known until the group that forgets it is published");
    world_commit(&w);
    world_begin(&w);
    cr_assert_eq(txn_outcome(w.t, &spent.id, &entry), STATUS_UNKNOWN_OPERATION);
    cr_assert_eq(txn_outcome(w.t, &soon, &entry), STATUS_OK, "expired at +59999");
    cr_assert_eq(txn_outcome(w.t, &open, &entry), STATUS_OK);
    world_commit(&w);
    w.now_ms = WORLD_START + 3600000;
    world_begin(&w);
    world_commit(&w);
    w.now_ms += 60000;
    world_begin(&w);
    cr_assert_eq(txn_outcome(w.t, &open, &entry), STATUS_OK);
    cr_assert_eq(entry.state, OPERATION_EXPIRED);
    world_commit(&w);
    engine_stats stats;
    engine_get_stats(w.e, &stats);
    cr_assert_eq(stats.operations, 0);
    /* the removals reach recovery, too */
    engine *fresh = world_engine(60000);
    cr_assert_eq(world_apply(fresh, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(fresh), STATUS_OK);
    world_same(w.e, fresh);
    engine_destroy(&fresh);
    world_close(&w);
}

Test(engine, forgetting_keeps_pace) {
    world w = {.e = world_engine(1000), .now_ms = WORLD_START, .next_id = 1};
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
    world_commit(&w);
    engine_stats stats;
    for (unsigned group = 0; group < 30; group++) {
        w.now_ms += 1000;
        world_begin(&w);
        for (unsigned i = 0; i < 2000; i++) (void)world_do(&w, OPERATION_SETTLE, 1, 5);
        world_commit(&w);
        engine_get_stats(w.e, &stats);
        cr_assert_leq(stats.operations, 6000);
    }
    world_close(&w);
}

/* ------------------------------------------------------------------ readers */

Test(engine, decisions_answer_entry_by_entry) {
    world w;
    world_populate(&w);
    enum { N = 300 };
    decision_request requests[N];
    decision out[N];
    for (uint32_t i = 0; i < N; i++)
        requests[i] = (decision_request){
            .subject = help_subject(1 + i % 8), .scenario = SCENARIO_POWER, .purpose = PURPOSE_POWER_TRADING};
    requests[3].flags = 1;
    requests[140].purpose = PURPOSE_NONE;
    requests[141].purpose = PURPOSE_END;
    requests[299].subject.bytes[0] = 7;
    requests[298].scenario = 60;
    engine_decide(w.e, requests, N, world_moment(&w), out);
    for (uint32_t i = 0; i < N; i++) {
        status expected = i % 8 == 7 ? STATUS_UNKNOWN_SUBJECT : STATUS_OK;
        if (i == 3) expected = STATUS_BAD_ENTRY;
        if (i == 140 || i == 141) expected = STATUS_BAD_PURPOSE;
        if (i == 299) expected = STATUS_BAD_SUBJECT;
        if (i == 298) expected = STATUS_UNKNOWN_SCENARIO;
        cr_assert_eq(out[i].status, expected, "entry %u: %s", i, status_name(out[i].status));
        cr_assert_eq(out[i].policy_version, 1);
        if (expected == STATUS_OK) continue;
        cr_assert(out[i].outcome == 0 && out[i].benefits == 0 && out[i].amount_fen == 0 && out[i].row == 0);
    }
    engine_decide(w.e, requests, 0, world_moment(&w), out);
    world_close(&w);
}

Test(engine, quotas_answer_entry_by_entry) {
    world w;
    world_populate(&w);
    enum { N = 150 };
    quota_request requests[N];
    quota out[N];
    quota_admission admit[N];
    for (uint32_t i = 0; i < N; i++)
        requests[i] = (quota_request){.subject = help_subject(1),
                                      .program = PROGRAM_POWER,
                                      .purpose = PURPOSE_SUPERVISION,
                                      .amount_fen = 1029900 + i};
    requests[64].subject = help_subject(7);
    requests[65].subject = help_subject(99);
    requests[66].program = 0;
    requests[67].program = 255;
    requests[68].program = 2;
    requests[69].purpose = 0;
    requests[70].flags = 4;
    requests[71].subject.bytes[0] = 0;
    requests[72].amount_fen = 0;
    engine_quota(w.e, requests, N, world_moment(&w), out, admit);
    for (uint32_t i = 0; i < N; i++) {
        if (i >= 64 && i <= 72) continue;
        cr_assert(out[i].status == STATUS_OK && out[i].limit_fen == 1030000 && out[i].account_version == 1);
        cr_assert_eq(admit[i].status, i <= 100 ? STATUS_OK : STATUS_LIMIT_EXCEEDED, "entry %u", i);
    }
    static const struct {
        status status, admit;
    } odd[] = {{STATUS_NO_ACCOUNT, STATUS_NOT_COVERED},
               {STATUS_UNKNOWN_SUBJECT, STATUS_UNKNOWN_SUBJECT},
               {STATUS_UNKNOWN_PROGRAM, STATUS_UNKNOWN_PROGRAM},
               {STATUS_UNKNOWN_PROGRAM, STATUS_UNKNOWN_PROGRAM},
               {STATUS_UNKNOWN_PROGRAM, STATUS_UNKNOWN_PROGRAM},
               {STATUS_BAD_PURPOSE, STATUS_BAD_PURPOSE},
               {STATUS_BAD_ENTRY, STATUS_BAD_ENTRY},
               {STATUS_BAD_SUBJECT, STATUS_BAD_SUBJECT},
               {STATUS_OK, STATUS_BAD_AMOUNT}};
    for (uint32_t i = 0; i < 9; i++) {
        cr_assert_eq(out[64 + i].status, odd[i].status, "entry %u: %s", 64 + i, status_name(out[64 + i].status));
        cr_assert_eq(admit[64 + i].status, odd[i].admit, "entry %u: %s", 64 + i, status_name(admit[64 + i].status));
    }
    engine_quota(w.e, requests, 3, world_moment(&w), out, NULL);
    world_close(&w);
}

/* A reader beside the writer: what it sees of an account is never half of a group's change. */
static atomic_bool reader_stop;

static void *read_on(void *context) {
    const world *w = context;
    rcu_enter();
    uint64_t seen = 0;
    while (!atomic_load(&reader_stop)) {
        quota q = world_quota(w, 1);
        cr_assert_eq(q.reserved_fen + q.committed_fen, 1000, "the writer moves 1,000 fen between the two");
        decision_request r = {.subject = help_subject(1), .scenario = SCENARIO_POWER, .purpose = PURPOSE_BENCHMARK};
        decision d;
        engine_decide(w->e, &r, 1, world_moment(w), &d);
        cr_assert_eq(d.status, STATUS_OK);
        seen++;
        rcu_pass();
    }
    rcu_leave();
    return (void *)(uintptr_t)seen;
}

Test(engine, readers_run_beside_the_writer) {
    world w;
    world_populate(&w);
    world_begin(&w);
    operation_id open = world_reserve(&w, 1, 1000, 3600000);
    world_commit(&w);
    pthread_t reader;
    world shown = w; /* the reader's own copy of the moment */
    cr_assert_eq(pthread_create(&reader, NULL, read_on, &shown), 0);
    for (uint32_t round = 0; round < 1500; round++) {
        world_begin(&w);
        cr_assert_eq(world_resolve(&w, OPERATION_COMMIT, 1, 0, open).status, STATUS_OK);
        world_subject(&w, 1000 + round, PROFILE_ROLE_USER, MARKET_B);
        if (round % 50 == 0) cr_assert_eq(world_activate(&w, HELP_POLICY, 2 + round), STATUS_OK);
        cr_assert_eq(world_do(&w, OPERATION_SETTLE, 1, 1000).status, STATUS_OK);
        open = world_reserve(&w, 1, 1000, 3600000);
        buf_clear(&w.log);
        cr_assert_eq(world_changes(&w), STATUS_OK);
        world_publish(&w);
    }
    atomic_store(&reader_stop, true);
    void *seen;
    cr_assert_eq(pthread_join(reader, &seen), 0);
    cr_assert_gt((uintptr_t)seen, 0);
    world_check(w.e);
    world_close(&w);
}
