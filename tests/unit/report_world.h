/* An engine under credit rules, for tests that speak in reports. */
#ifndef XINYI_TESTS_REPORT_WORLD_H
#define XINYI_TESTS_REPORT_WORLD_H

#include "tests/unit/engine_world.h"

#define PART_HEAD "title: t\nauthority: a\nlegal_basis: [x]\n"

static const char *const REPORT_PARTS[] = {
    "records: test\n" PART_HEAD "classes:\n"
    "  minor: {publicity: {max: 3 months}}\n"
    "  general: {publicity: {min: 3 months, max: 1 year}}\n"
    "  serious: {publicity: {min: 1 year, max: 3 years}}\n"
    "  merit: {publicity: {max: 12 months}}\n"
    "types:\n"
    "  - {code: 101, id: late_filing, title: 逾期申报, domain: tax, class: minor, points: 2, decay: linear}\n"
    "  - {code: 102, id: tax_fraud, title: 虚开发票, domain: tax, class: serious, points: 6, effects: [no_exemption]}\n"
    "  - {code: 501, id: bad_trade, title: 违规交易, domain: power, class: general, points: 3, observation: 12 "
    "months}\n"
    "  - {code: 601, id: breach, title: 违反承诺, domain: approval, class: general, points: 1, effects: [{gaps_barred: "
    "12 months}]}\n"
    "  - {code: 701, id: false_hours, title: 虚报时长, domain: volunteer, class: general, points: 1, effects: "
    "[{volunteer_barred: 2 years}, service_void]}\n"
    "  - {code: 901, id: good_deed, title: 见义勇为, domain: merit, class: merit, points: 5}\n"
    "thresholds:\n"
    "  - {domain: power, points: 3, effect: noticed}\n"
    "  - {domain: power, points: 9, effect: observed}\n"
    "  - {domain: power, points: 12, effect: suspended}\n",
    "commitments: test\n" PART_HEAD "deadline: 15 working days\nextension: 10 working days\nbreach: breach\n"
    "matters:\n  - {code: 1, id: premises, title: 场所证明}\n  - {code: 2, id: seal, title: 印章, deadline: 5 days}\n",
    "calendar: test\n" PART_HEAD "weekend: [saturday, sunday]\nholidays: [\"2026-10-01..2026-10-07\"]\nworkdays: "
    "[2026-10-10]\n",
    "lists: test\n" PART_HEAD "items:\n"
    "  - {code: 1, id: red_list, title: 红名单, flag: red_list, valid: 12 months, removed_by: [general, serious, "
    "breach], excluded_by: serious_list, qualify: [{public_grade: 优}, {volunteer_minutes: \">= 36000\"}]}\n"
    "  - {code: 2, id: serious_list, title: 严重失信, flag: serious_list, valid: 3 years}\n",
    "service: test\n" PART_HEAD "max_minutes_a_day: 720\nstars: [100 h, 300 h]\n",
    "sources: test\n" PART_HEAD "items:\n"
    "  - {number: 0, id: base, title: 平台, priority: 50, fields: all, reports: all, corrects: any}\n"
    "  - {number: 1, id: tax, title: 税务, priority: 90, fields: [tax_grade, data_day], reports: [record_add, "
    "record_repair, record_revoke]}\n"
    "  - {number: 2, id: city, title: 市平台, priority: 50, fields: [tax_grade, public_grade, public_score, data_day], "
    "reports: all}\n",
    HELP_POLICY,
    "policy: travel-test\nscenario: {name: travel, code: 2}\n" PART_HEAD
    "effective: {from: 2020-01-01, to: 2080-01-01}\n"
    "benefits:\n  - {code: 4, id: lane, title: fast lane}\n"
    "tables:\n  - table: a\n    hit: first\n    inputs: [red_list]\n    outputs: [outcome, benefits]\n    rows:\n"
    "      - {id: A, when: ['true'], then: [granted, [lane]]}\n"
    "      - {id: B, when: ['-'], then: ['-', []]}\n",
};
/* What REPORT_USE names. */
#define REPORT_LANE (SCENARIO_TRAVEL << 8 | 4)

#define REPORT_PART_COUNT (sizeof REPORT_PARTS / sizeof REPORT_PARTS[0])

static inline void report_world_files(policy_file files[REPORT_PART_COUNT]) {
    static const char *const names[] = {"a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml", "g.yaml", "h.yaml"};
    for (size_t i = 0; i < REPORT_PART_COUNT; i++)
        files[i] = (policy_file){names[i], REPORT_PARTS[i], strlen(REPORT_PARTS[i])};
}

static inline void report_world_open(world *w) {
    policy_file files[REPORT_PART_COUNT];
    policy_findings findings = {0};
    policy_set *set = NULL;
    report_world_files(files);
    status code = policy_load(files, REPORT_PART_COUNT, 1, &findings, &set);
    for (size_t i = 0; i < findings.count && code != STATUS_OK; i++)
        cr_log_error("%s:%u: %s", findings.items[i].file, findings.items[i].line, findings.items[i].message);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    world_open(w);
    world_begin(w);
    cr_assert_eq(txn_activate(w->t, set, files, REPORT_PART_COUNT), STATUS_OK);
    world_commit(w);
}

static inline int32_t world_day(const world *w) { return clock_day_of_ms(w->now_ms); }
static inline void world_pass_days(world *w, int32_t days) { w->now_ms += (int64_t)days * 86400000; }

static inline report_id report_named(const char *text) {
    report_id id = {{0}};
    size_t n = strlen(text);
    memcpy(id.bytes, text, n < sizeof id.bytes ? n : sizeof id.bytes);
    return id;
}

static inline report world_report(unsigned kind, uint32_t n, const char *id) {
    return (report){
        .id = report_named(id), .subject = help_subject(n), .kind = (uint8_t)kind, .purpose = PURPOSE_DATA_MAINTENANCE};
}

static inline report_result world_send(world *w, const report *r) {
    report_result out;
    cr_assert_eq(txn_report(w->t, r, &out), STATUS_OK);
    return out;
}

/* One report in a group of its own; its status. */
static inline unsigned world_say(world *w, const report *r, report_result *out) {
    report_result mine;
    world_begin(w);
    mine = world_send(w, r);
    world_commit(w);
    if (out != NULL) *out = mine;
    return mine.status;
}

static inline profile world_profile(const world *w, uint32_t n) {
    subject_id id = help_subject(n);
    profile p;
    cr_assert(engine_profile(w->e, &id, world_moment(w), &p));
    return p;
}

static inline unsigned world_put(world *w, uint32_t n, unsigned source, uint64_t mask, const profile *fields) {
    profile_put put = {.mask = mask, .flags = source << PUT_SOURCE_SHIFT, .fields = *fields};
    uint32_t version;
    put.fields.id = help_subject(n);
    put.fields.form = FORM_PERSON;
    world_begin(w);
    unsigned code = txn_put(w->t, &put, &version);
    world_commit(w);
    return code;
}

static inline void world_person(world *w, uint32_t n) {
    subject_id id = help_subject(n);
    profile p;
    profile_init(&p, &id);
    p.division = 530102;
    cr_assert_eq(world_put(w, n, 0, 1ull << FIELD_division, &p), STATUS_OK);
}

#endif
