/* Reports that come late, twice or by turns: what ended once is not ended again, and no use keeps a record out. */
#include "tests/unit/report_world.h"

TestSuite(report_edges, .timeout = 60);

static void open_one(world *w) {
    report_world_open(w);
    world_person(w, 1);
}

static report made(unsigned kind, const char *id, unsigned type) {
    report r = world_report(kind, 1, id);
    r.type = (uint16_t)type;
    return r;
}

static report naming(unsigned kind, const char *id, const char *target) {
    report r = world_report(kind, 1, id);
    r.target = report_named(target);
    return r;
}

static unsigned say(world *w, report r) { return world_say(w, &r, NULL); }

static unsigned say_at(world *w, report r, int32_t day) {
    r.day = (uint16_t)day;
    return world_say(w, &r, NULL);
}

Test(report_edges, a_commitment_is_accepted_once_whatever_the_day) {
    world w;
    open_one(&w);
    int32_t first = world_day(&w);
    cr_assert_eq(say(&w, made(REPORT_COMMITMENT_DRAFT, "c", 1)), STATUS_OK);
    cr_assert_eq(say(&w, made(REPORT_COMMITMENT_DRAFT, "x", 1)), STATUS_OK);
    world_pass_days(&w, 5);
    cr_assert_eq(say(&w, naming(REPORT_COMMITMENT_ACCEPT, "a", "c")), STATUS_OK);
    cr_assert_eq(say_at(&w, naming(REPORT_COMMITMENT_ACCEPT, "b", "c"), first + 1), STATUS_WRONG_STATE);
    cr_assert_eq(say(&w, naming(REPORT_COMMITMENT_WITHDRAW, "d", "x")), STATUS_OK);
    cr_assert_eq(say_at(&w, naming(REPORT_COMMITMENT_ACCEPT, "e", "x"), first + 1), STATUS_WRONG_STATE);
    cr_assert_eq(world_profile(&w, 1).open_commitments, 1);
    world_close(&w);
}

Test(report_edges, nothing_ends_twice) {
    world w;
    open_one(&w);
    cr_assert_eq(say(&w, made(REPORT_RECORD_ADD, "r", 101)), STATUS_OK);
    cr_assert_eq(say(&w, made(REPORT_LISTING_ADD, "l", 2)), STATUS_OK);
    world_pass_days(&w, 10);
    int32_t before = world_day(&w) - 5;
    cr_assert_eq(say(&w, naming(REPORT_RECORD_REPAIR, "p", "r")), STATUS_OK);
    cr_assert_eq(say_at(&w, naming(REPORT_RECORD_REPAIR, "q", "r"), before), STATUS_ALREADY_ENDED);
    cr_assert_eq(say(&w, naming(REPORT_LISTING_REMOVE, "d", "l")), STATUS_OK);
    cr_assert_eq(say_at(&w, naming(REPORT_LISTING_REMOVE, "e", "l"), before), STATUS_ALREADY_ENDED);
    cr_assert_eq(say(&w, naming(REPORT_RECORD_REVOKE, "v", "r")), STATUS_OK, "it should never have been");
    cr_assert_eq(say(&w, naming(REPORT_RECORD_REVOKE, "u", "r")), STATUS_ALREADY_ENDED);
    cr_assert_eq(say(&w, naming(REPORT_RECORD_REPAIR, "t", "r")), STATUS_ALREADY_ENDED);
    world_close(&w);
}

Test(report_edges, a_breach_is_repaired_once) {
    world w;
    open_one(&w);
    cr_assert_eq(say(&w, made(REPORT_COMMITMENT_ACCEPT, "c", 2)), STATUS_OK);
    world_pass_days(&w, 6); /* five days: overdue */
    cr_assert_eq(world_profile(&w, 1).broken_commitments, 1);
    cr_assert_eq(say(&w, naming(REPORT_COMMITMENT_REPAIR, "p", "c")), STATUS_TOO_EARLY);
    world_pass_days(&w, 100);
    cr_assert_eq(say(&w, naming(REPORT_COMMITMENT_REPAIR, "p", "c")), STATUS_OK);
    cr_assert_eq(world_profile(&w, 1).broken_commitments, 0);
    cr_assert_eq(say_at(&w, naming(REPORT_COMMITMENT_REPAIR, "q", "c"), world_day(&w) - 1), STATUS_WRONG_STATE);
    world_close(&w);
}

Test(report_edges, an_id_is_used_for_one_thing) {
    world w;
    open_one(&w);
    report accept = made(REPORT_COMMITMENT_ACCEPT, "c", 1), draft = made(REPORT_COMMITMENT_DRAFT, "c", 1);
    report_result first, again;
    cr_assert_eq(world_say(&w, &accept, &first), STATUS_OK);
    cr_assert_neq(first.until, 0);
    cr_assert_eq(world_say(&w, &accept, &again), STATUS_OK);
    cr_assert_eq(again.flags, REPORT_REPEATED);
    cr_assert_eq(again.number, first.number);
    cr_assert_eq(again.until, first.until);
    cr_assert_eq(again.version, first.version);
    cr_assert_eq(say(&w, draft), STATUS_REPORT_REUSED, "it was no draft");
    draft.id = report_named("d");
    cr_assert_eq(say(&w, draft), STATUS_OK);
    accept.id = draft.id;
    cr_assert_eq(say(&w, accept), STATUS_REPORT_REUSED, "it was no acceptance");
    cr_assert_eq(say(&w, made(REPORT_RECORD_ADD, "c", 101)), STATUS_REPORT_REUSED, "of any kind");
    world_close(&w);
}

/* Every kind: the second time it is answered as the first, also in the same group and after a restart; with other
 * content it is refused. */
Test(report_edges, every_kind_is_counted_once) {
    world w;
    open_one(&w);
    report all[] = {
        made(REPORT_RECORD_ADD, "1", 101),
        naming(REPORT_RECORD_REPAIR, "2", "1"),
        naming(REPORT_RECORD_REVOKE, "3", "1"),
        made(REPORT_SERVICE_ADD, "4", 0),
        naming(REPORT_SERVICE_REVERSE, "5", "4"),
        made(REPORT_COMMITMENT_DRAFT, "6", 1),
        naming(REPORT_COMMITMENT_ACCEPT, "7", "6"),
        naming(REPORT_COMMITMENT_EXTEND, "8", "6"),
        naming(REPORT_COMMITMENT_FULFIL, "9", "6"),
        made(REPORT_COMMITMENT_ACCEPT, "10", 1),
        naming(REPORT_COMMITMENT_WITHDRAW, "11", "10"),
        made(REPORT_LISTING_ADD, "12", 2),
        naming(REPORT_LISTING_REMOVE, "13", "12"),
        made(REPORT_USE, "14", REPORT_LANE),
        made(REPORT_COMMITMENT_ACCEPT, "15", 1),
        naming(REPORT_COMMITMENT_BREACH, "16", "15"),
    };
    size_t count = sizeof all / sizeof all[0];
    report_result first[sizeof all / sizeof all[0]];
    all[3].value = 30;
    world_begin(&w);
    for (size_t i = 0; i < count; i++) {
        first[i] = world_send(&w, &all[i]);
        cr_assert_eq(first[i].status, STATUS_OK, "%zu: %s", i, status_name(first[i].status));
        report_result again = world_send(&w, &all[i]);
        cr_assert_eq(again.flags, REPORT_REPEATED, "%zu", i);
        cr_assert_eq(again.number, first[i].number);
        cr_assert_eq(again.version, first[i].version);
    }
    world_commit(&w);
    profile before = world_profile(&w, 1);
    engine *fresh = world_engine(0);
    cr_assert_eq(world_apply(fresh, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(fresh), STATUS_OK);
    world_same(w.e, fresh);
    txn_destroy(&w.t);
    engine_destroy(&w.e);
    w.e = fresh;
    cr_assert_eq(txn_create(w.e, &w.t), STATUS_OK);
    world_begin(&w);
    for (size_t i = 0; i < count; i++) {
        report_result again = world_send(&w, &all[i]);
        cr_assert_eq(again.status, STATUS_OK);
        cr_assert_eq(again.flags, REPORT_REPEATED, "%zu", i);
        cr_assert_eq(again.number, first[i].number);
        report other = all[i];
        if (other.kind == REPORT_USE)
            other.day = (uint16_t)(world_day(&w) - 1);
        else
            memcpy(other.text, "other", 5);
        again = world_send(&w, &other);
        cr_assert_eq(again.status, STATUS_REPORT_REUSED, "%zu: %s", i, status_name(again.status));
        cr_assert_eq(again.number, 0u);
        cr_assert_eq(again.version, profile_version(&before), "it says where the profile stands");
    }
    cr_assert_eq(txn_size(w.t), 0u, "nothing is written");
    world_commit(&w);
    profile after = world_profile(&w, 1);
    cr_assert_arr_eq(&before, &after, sizeof before);
    world_close(&w);
}

Test(report_edges, uses_never_keep_a_record_out) {
    world w;
    open_one(&w);
    for (unsigned i = 0; i < LIMIT_DOSSIER_USES + 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%u", i);
        cr_assert_eq(say(&w, made(REPORT_USE, name, REPORT_LANE)), STATUS_OK);
        if (i % 10 == 9) world_pass_days(&w, 1);
    }
    subject_id id = help_subject(1);
    profile p;
    const dossier *d;
    cr_assert(engine_dossier(w.e, &id, world_moment(&w), &p, &d));
    uint32_t uses = 0;
    for (uint32_t i = 0; i < d->count; i++) uses += d->items[i].kind == ITEM_USE;
    cr_assert_eq(uses, (uint32_t)LIMIT_DOSSIER_USES);
    report_id oldest = report_named("u49"), newer = report_named("u50");
    cr_assert_eq(dossier_find(d, 0, &oldest, 1u << ITEM_USE), -1);
    cr_assert_geq(dossier_find(d, 0, &newer, 1u << ITEM_USE), 0);
    cr_assert_eq(say(&w, made(REPORT_USE, "none", SCENARIO_TRAVEL << 8 | 9)), STATUS_UNKNOWN_BENEFIT);
    world_close(&w);
}

/* What it names is looked for after the day is, and its own day after that. */
Test(report_edges, days) {
    world w;
    open_one(&w);
    int32_t today = world_day(&w);
    cr_assert_eq(say_at(&w, made(REPORT_RECORD_ADD, "r", 101), today - 3), STATUS_OK);
    cr_assert_eq(say_at(&w, naming(REPORT_RECORD_REPAIR, "p", "nothing"), today + 1), STATUS_BAD_DAY);
    cr_assert_eq(say_at(&w, naming(REPORT_RECORD_REPAIR, "p", "nothing"), today - 9), STATUS_UNKNOWN_TARGET);
    cr_assert_eq(say_at(&w, naming(REPORT_RECORD_REPAIR, "p", "r"), today - 9), STATUS_BAD_DAY);
    cr_assert_eq(say_at(&w, naming(REPORT_RECORD_REPAIR, "p", "r"), today - 2), STATUS_OK);
    world_close(&w);
}
