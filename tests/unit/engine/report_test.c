/* Reports through transactions: the order of refusals, repetition, targets, and what each kind does to the profile. */
#include "tests/unit/report_world.h"

TestSuite(report, .timeout = 60);

#define SAY(expected, r) cr_assert_eq(world_say(&w, (r), NULL), STATUS_##expected)

static void open_one(world *w) {
    report_world_open(w);
    world_person(w, 1);
}

Test(report, form) {
    report r = world_report(REPORT_RECORD_ADD, 1, "x");
    cr_assert_eq(report_form(&r), STATUS_OK);
    for (unsigned kind = 0; kind < 40; kind++) {
        r = world_report(kind, 1, "x");
        if (kind == REPORT_COMMITMENT_ACCEPT) r.type = 1;
        if (kind == REPORT_NAME) r.text[0] = 'n';
        cr_assert_eq(report_form(&r), report_kind_name(kind) != NULL ? STATUS_OK : STATUS_BAD_ENTRY, "%u", kind);
        report_id zero = r.id;
        memset(&r.id, 0, sizeof r.id);
        cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY);
        r.id = zero;
        r.zero32 = 1;
        cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY);
        r.zero32 = 0;
        r.text[REPORT_TEXT - 1] = 'x'; /* behind the end of the text */
        cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY);
    }
    r = world_report(REPORT_RECORD_REPAIR, 1, "x");
    r.type = 1; /* not used by the kind */
    cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY);
    r = world_report(REPORT_RECORD_ADD, 1, "x");
    memcpy(r.text, "a\nb", 3);
    cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY);
    memset(r.text, 'a', ITEM_TEXT + 1);
    cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY, "a reference is too long");
    r = world_report(REPORT_COMMITMENT_ACCEPT, 1, "x");
    cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY, "neither matter nor target");
    r.type = 1;
    r.target = report_named("y");
    cr_assert_eq(report_form(&r), STATUS_BAD_ENTRY, "both");
}

Test(report, refusals_in_order) {
    world w;
    open_one(&w);
    report r = world_report(REPORT_RECORD_ADD, 2, "a");
    r.type = 9999;
    r.source = 77;
    r.purpose = 0;
    r.zero16 = 1;
    r.day = (uint16_t)(world_day(&w) + 1);
    SAY(BAD_ENTRY, &r);
    r.zero16 = 0;
    SAY(BAD_PURPOSE, &r);
    r.purpose = PURPOSE_DATA_MAINTENANCE;
    r.subject.bytes[0] = 9;
    SAY(BAD_SUBJECT, &r);
    r.subject = help_subject(2);
    SAY(UNKNOWN_SUBJECT, &r);
    r.subject = help_subject(1);
    SAY(UNKNOWN_SOURCE, &r);
    r.source = 1;
    SAY(BAD_DAY, &r);
    r.day = 0;
    SAY(UNKNOWN_RECORD_TYPE, &r);
    r.type = 101;
    SAY(OK, &r);
    report service = world_report(REPORT_SERVICE_ADD, 1, "s");
    service.value = 60;
    service.source = 1;
    SAY(UNKNOWN_SOURCE, &service); /* the tax office reports no service */
    world_close(&w);
}

Test(report, a_record_counts_once_and_a_repair_at_once) {
    world w;
    open_one(&w);
    report r = world_report(REPORT_RECORD_ADD, 1, "r1");
    r.type = 501;
    memcpy(r.text, "云电〔2026〕1号", strlen("云电〔2026〕1号"));
    report_result first, again;
    cr_assert_eq(world_say(&w, &r, &first), STATUS_OK);
    cr_assert_eq(world_profile(&w, 1).negative_points, 300);
    cr_assert(world_profile(&w, 1).flags & PROFILE_FLAG_NOTICED);
    cr_assert_eq(world_say(&w, &r, &again), STATUS_OK);
    cr_assert_eq(again.flags, REPORT_REPEATED);
    cr_assert_eq(again.number, first.number);
    cr_assert_eq(first.until, clock_day_from_date(2027, 11, 24), "general: a year at most");
    cr_assert_eq(again.until, first.until);
    cr_assert_eq(world_profile(&w, 1).negative_points, 300);
    r.type = 101;
    SAY(REPORT_REUSED, &r);
    r.source = 1; /* another source's ids are its own */
    SAY(OK, &r);
    cr_assert_eq(world_profile(&w, 1).negative_points, 500);

    report repair = world_report(REPORT_RECORD_REPAIR, 1, "p1");
    repair.target = report_named("nothing");
    SAY(UNKNOWN_TARGET, &repair);
    repair.target = report_named("r1");
    SAY(TOO_EARLY, &repair); /* general: three months at least */
    world_pass_days(&w, 95);
    report late = world_report(REPORT_RECORD_REPAIR, 1, "p2");
    late.target = report_named("r1");
    late.source = 1;
    SAY(ALREADY_ENDED, &late); /* minor: over after three months */
    late.source = 2;
    SAY(UNKNOWN_TARGET, &late); /* not what this source reported */
    SAY(OK, &repair);
    cr_assert_eq(world_profile(&w, 1).negative_points, 0);
    cr_assert_not(world_profile(&w, 1).flags & PROFILE_FLAG_NOTICED);
    report twice = world_report(REPORT_RECORD_REPAIR, 1, "p3");
    twice.target = report_named("r1");
    SAY(ALREADY_ENDED, &twice);
    world_close(&w);
}

Test(report, points_decay_without_anybody_writing) {
    world w;
    open_one(&w);
    report r = world_report(REPORT_RECORD_ADD, 1, "r1");
    r.type = 101;
    SAY(OK, &r);
    uint16_t before = world_profile(&w, 1).negative_points;
    cr_assert_eq(before, 200);
    for (int i = 0; i < 92; i++) {
        world_pass_days(&w, 1);
        uint16_t now = world_profile(&w, 1).negative_points;
        cr_assert_leq(now, before);
        before = now;
    }
    cr_assert_eq(before, 0);
    decision_request asked = {.subject = help_subject(1), .scenario = SCENARIO_POWER, .purpose = PURPOSE_POWER_TRADING};
    decision d;
    engine_decide(w.e, &asked, 1, world_moment(&w), &d);
    cr_assert_eq(d.status, STATUS_OK);
    world_close(&w);
}

Test(report, suspension_by_points_reaches_the_ledger_at_once) {
    world w;
    open_one(&w);
    world_begin(&w);
    world_subject(&w, 1, PROFILE_ROLE_RETAILER, MARKET_A);
    cr_assert_eq(world_pledge(&w, 1, 1, 1000000, UINT32_MAX).status, STATUS_OK);
    world_commit(&w);
    cr_assert_not(world_quota(&w, 1).flags & QUOTA_SUSPENDED);
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        report r = world_report(REPORT_RECORD_ADD, 1, name);
        r.type = 501;
        SAY(OK, &r);
    }
    cr_assert(world_quota(&w, 1).flags & QUOTA_SUSPENDED);
    world_begin(&w);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 1, 10).status, STATUS_SUSPENDED);
    world_commit(&w);
    world_pass_days(&w, 366); /* the observation period is over, and nobody has written anything */
    cr_assert_not(world_quota(&w, 1).flags & QUOTA_SUSPENDED);
    world_begin(&w);
    cr_assert_eq(world_do(&w, OPERATION_RESERVE, 1, 10).status, STATUS_OK);
    world_commit(&w);
    world_close(&w);
}

Test(report, service) {
    world w;
    open_one(&w);
    report r = world_report(REPORT_SERVICE_ADD, 1, "s1");
    SAY(BAD_VALUE, &r);
    r.value = 700;
    SAY(OK, &r);
    report more = world_report(REPORT_SERVICE_ADD, 1, "s2");
    more.value = 21;
    SAY(IMPLAUSIBLE, &more);
    more.value = 20;
    SAY(OK, &more);
    cr_assert_eq(world_profile(&w, 1).volunteer_minutes, 720u);
    report reverse = world_report(REPORT_SERVICE_REVERSE, 1, "v1");
    reverse.target = report_named("s1");
    SAY(OK, &reverse);
    cr_assert_eq(world_profile(&w, 1).volunteer_minutes, 20u);
    reverse.id = report_named("v2");
    SAY(ALREADY_ENDED, &reverse);
    report fresh = world_report(REPORT_SERVICE_ADD, 1, "s3");
    fresh.value = 700; /* the reversed hours leave room */
    SAY(OK, &fresh);
    world_pass_days(&w, 1);
    report false_hours = world_report(REPORT_RECORD_ADD, 1, "f");
    false_hours.type = 701;
    SAY(OK, &false_hours);
    cr_assert_eq(world_profile(&w, 1).volunteer_minutes, 0u);
    cr_assert(world_profile(&w, 1).flags & PROFILE_FLAG_VOLUNTEER_BARRED);
    world_close(&w);
}

Test(report, commitments) {
    world w;
    open_one(&w);
    report draft = world_report(REPORT_COMMITMENT_DRAFT, 1, "c1");
    draft.type = 9;
    SAY(UNKNOWN_RECORD_TYPE, &draft);
    draft.type = 1;
    SAY(OK, &draft);
    report accept = world_report(REPORT_COMMITMENT_ACCEPT, 1, "c1a");
    accept.target = report_named("c1");
    report_result done;
    cr_assert_eq(world_say(&w, &accept, &done), STATUS_OK);
    cr_assert_eq(done.until, clock_day_from_date(2026, 12, 15), "15 working days from Tuesday 2026-11-24");
    cr_assert_eq(world_profile(&w, 1).open_commitments, 1);
    accept.id = report_named("c1b");
    SAY(WRONG_STATE, &accept);
    report extend = world_report(REPORT_COMMITMENT_EXTEND, 1, "c1e");
    extend.target = report_named("c1");
    cr_assert_eq(world_say(&w, &extend, &done), STATUS_OK);
    cr_assert_eq(done.until, clock_day_from_date(2026, 12, 29));
    extend.id = report_named("c1f");
    SAY(WRONG_STATE, &extend); /* once */
    world_pass_days(&w, 35);   /* the last day */
    cr_assert_eq(world_profile(&w, 1).open_commitments, 1);
    cr_assert_eq(world_profile(&w, 1).broken_commitments, 0);
    world_pass_days(&w, 1); /* overdue: nobody has said anything */
    profile p = world_profile(&w, 1);
    cr_assert_eq(p.open_commitments, 0);
    cr_assert_eq(p.broken_commitments, 1);
    cr_assert(p.flags & PROFILE_FLAG_GAPS_BARRED);
    cr_assert_eq(p.negative_points, 100);
    report other = world_report(REPORT_COMMITMENT_ACCEPT, 1, "c2");
    other.type = 2;
    SAY(BARRED, &other);
    report repair = world_report(REPORT_COMMITMENT_REPAIR, 1, "c1r");
    repair.target = report_named("c1");
    SAY(TOO_EARLY, &repair);
    world_pass_days(&w, 100);
    SAY(OK, &repair);
    cr_assert_not(world_profile(&w, 1).flags & PROFILE_FLAG_GAPS_BARRED);
    cr_assert_eq(world_say(&w, &other, &done), STATUS_OK); /* drafts and accepts in one */
    cr_assert_eq(done.until, world_day(&w) + 5);
    report_result again;
    cr_assert_eq(world_say(&w, &other, &again), STATUS_OK);
    cr_assert_eq(again.flags, REPORT_REPEATED);
    report fulfil = world_report(REPORT_COMMITMENT_FULFIL, 1, "c2f");
    fulfil.target = report_named("c2");
    SAY(OK, &fulfil);
    cr_assert_eq(world_profile(&w, 1).open_commitments, 0);
    report withdraw = world_report(REPORT_COMMITMENT_WITHDRAW, 1, "c2w");
    withdraw.target = report_named("c2");
    SAY(WRONG_STATE, &withdraw);
    world_close(&w);
}

Test(report, lists) {
    world w;
    open_one(&w);
    report red = world_report(REPORT_LISTING_ADD, 1, "l1");
    red.type = 7;
    SAY(UNKNOWN_RECORD_TYPE, &red);
    red.type = 1;
    SAY(NOT_QUALIFIED, &red);
    profile fields = {.public_grade = PUBLIC_EXCELLENT};
    cr_assert_eq(world_put(&w, 1, 0, 1ull << FIELD_public_grade, &fields), STATUS_OK);
    report_result done;
    cr_assert_eq(world_say(&w, &red, &done), STATUS_OK);
    cr_assert_eq(done.until, clock_day_from_date(2027, 11, 24));
    cr_assert(world_profile(&w, 1).flags & PROFILE_FLAG_RED_LIST);
    report serious = world_report(REPORT_LISTING_ADD, 1, "l2");
    serious.type = 2;
    SAY(OK, &serious);
    profile p = world_profile(&w, 1);
    cr_assert_eq(p.flags & (PROFILE_FLAG_RED_LIST | PROFILE_FLAG_SERIOUS_LIST), PROFILE_FLAG_SERIOUS_LIST);
    red.id = report_named("l3");
    SAY(SERIOUS_LISTED, &red);
    report off = world_report(REPORT_LISTING_REMOVE, 1, "l4");
    off.target = report_named("l2");
    SAY(OK, &off);
    off.id = report_named("l5");
    SAY(ALREADY_ENDED, &off);
    cr_assert_not(world_profile(&w, 1).flags & PROFILE_FLAG_SERIOUS_LIST);
    SAY(OK, &red); /* may be listed again */
    cr_assert(world_profile(&w, 1).flags & PROFILE_FLAG_RED_LIST);
    report bad = world_report(REPORT_RECORD_ADD, 1, "b");
    bad.type = 501; /* general: removes from the red list */
    SAY(OK, &bad);
    cr_assert_not(world_profile(&w, 1).flags & PROFILE_FLAG_RED_LIST);
    world_close(&w);
}

Test(report, names) {
    world w;
    open_one(&w);
    report r = world_report(REPORT_NAME, 1, "n1");
    const char *names[] = {"张三", "一个很长很长很长很长很长很长很长很长很长很长的单位名称有限公司"};
    for (int i = 0; i < 2; i++) {
        memset(r.text, 0, sizeof r.text);
        memcpy(r.text, names[i], strlen(names[i]));
        SAY(OK, &r);
        profile p;
        const dossier *d;
        char name[DOSSIER_NAME_MAX + 1];
        cr_assert(engine_dossier(w.e, &r.subject, world_moment(&w), &p, &d));
        cr_assert_str_eq(dossier_name(d, name), names[i]);
    }
    report_result out;
    cr_assert_eq(world_say(&w, &r, &out), STATUS_OK);
    cr_assert_eq(out.flags, REPORT_REPEATED);
    world_close(&w);
}

Test(report, sources_by_priority_then_recency) {
    world w;
    open_one(&w);
    profile b = {.tax_grade = TAX_B}, a = {.tax_grade = TAX_A}, c = {.tax_grade = TAX_C}, none = {0};
    const uint64_t tax = 1ull << FIELD_tax_grade;
    cr_assert_eq(world_put(&w, 1, 9, tax, &b), STATUS_UNKNOWN_SOURCE);
    cr_assert_eq(world_put(&w, 1, 1, 1ull << FIELD_public_grade, &b), STATUS_BAD_FIELD);
    cr_assert_eq(world_put(&w, 1, 0, tax, &b), STATUS_OK);
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_B);
    cr_assert_eq(world_put(&w, 1, 1, tax, &a), STATUS_OK);
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_A);
    world_pass_days(&w, 1);
    cr_assert_eq(world_put(&w, 1, 2, tax, &c), STATUS_OK); /* later, but of lower priority */
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_A);
    cr_assert_eq(world_profile(&w, 1).division, 530102u, "what the base said is still there");
    cr_assert_eq(world_put(&w, 1, 1, tax, &none), STATUS_OK); /* withdrawn */
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_C, "equal priority: the later one");
    world_pass_days(&w, 1);
    cr_assert_eq(world_put(&w, 1, 0, tax, &b), STATUS_OK);
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_B);
    /* writing the same every day does not grow the dossier */
    profile p;
    const dossier *d;
    subject_id id = help_subject(1);
    uint32_t count = 0;
    for (int i = 0; i < 20; i++) {
        world_pass_days(&w, 1);
        profile fields = {.tax_grade = (uint8_t)(1 + i % 4)};
        cr_assert_eq(world_put(&w, 1, 1, tax, &fields), STATUS_OK);
        cr_assert_eq(world_profile(&w, 1).tax_grade, 1 + i % 4);
        cr_assert(engine_dossier(w.e, &id, world_moment(&w), &p, &d));
        if (i == 0) count = d->count;
        cr_assert_leq(d->count, count + 1);
    }
    /* what changes nothing makes no version */
    uint32_t version = world_profile(&w, 1).seq;
    profile same = {.tax_grade = (uint8_t)(1 + 19 % 4)};
    cr_assert_eq(world_put(&w, 1, 1, tax, &same), STATUS_OK);
    cr_assert_eq(world_profile(&w, 1).seq, version);
    world_close(&w);
}

Test(report, an_aborted_group_leaves_nothing) {
    world w;
    open_one(&w);
    report r = world_report(REPORT_RECORD_ADD, 1, "r1");
    r.type = 101;
    world_begin(&w);
    cr_assert_eq(world_send(&w, &r).status, STATUS_OK);
    r.type = 501;
    cr_assert_eq(world_send(&w, &r).status, STATUS_REPORT_REUSED, "what came before in the group is known");
    txn_abort(w.t);
    world_check(w.e);
    cr_assert_eq(world_profile(&w, 1).negative_points, 0);
    SAY(OK, &r);
    cr_assert_eq(world_profile(&w, 1).negative_points, 300);
    world_close(&w);
}

Test(report, a_full_dossier_refuses) {
    world w;
    open_one(&w);
    world_begin(&w);
    unsigned taken = 0;
    report_result out = {0};
    for (unsigned i = 0; i <= LIMIT_DOSSIER_ITEMS && out.status == STATUS_OK; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%u", i);
        report r = world_report(REPORT_COMMITMENT_DRAFT, 1, name);
        r.type = 1;
        out = world_send(&w, &r);
        taken += out.status == STATUS_OK;
        if (i % 500 == 499) {
            world_commit(&w);
            world_begin(&w);
        }
    }
    cr_assert_eq(out.status, STATUS_DOSSIER_FULL);
    cr_assert_eq(taken, LIMIT_DOSSIER_ITEMS - 1, "the base's claim is the first item");
    world_commit(&w);
    world_close(&w);
}
