/* Four years of reports beside a model in the test's own words: what is refused and why, points that decay, repairs,
 * thresholds, deadlines in working days, hours that were false. Groups are aborted, the sweep comes at odd moments, and
 * the engine is started again from its log. */
#include "tests/unit/report_world.h"

TestSuite(report_years, .timeout = 120);

#define PEOPLE 6u
#define DAYS (4 * 365)
#define THINGS 4000u
#define NEVER INT32_MAX

typedef struct thing {
    enum { RECORD, SERVICE, COMMITMENT } what;
    uint32_t who, type, minutes;
    int32_t day;      /* of the record or service; of the acceptance */
    int32_t repaired; /* a record, or a breach */
    int32_t deadline, ended;
    unsigned end; /* the report that ended a commitment */
    bool undone, extended;
} thing;

typedef struct model {
    unsigned count;
    thing all[THINGS];
} model;

/* ------------------------------------------------------------------ time in the test's own words */

static int32_t months_later(int32_t day, int months) {
    int year, month, date;
    clock_date_from_day(day, &year, &month, &date);
    month += months;
    while (month > 12) {
        month -= 12;
        year++;
    }
    static const int LENGTH[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int last = LENGTH[month - 1] + (month == 2 && leap);
    return clock_day_from_date(year, month, date < last ? date : last);
}

static bool works(int32_t day) {
    int year, month, date;
    clock_date_from_day(day, &year, &month, &date);
    if (year == 2026 && month == 10 && date <= 7) return false;
    if (year == 2026 && month == 10 && date == 10) return true;
    int week = (day + 3) % 7; /* 1970-01-01 was a Thursday: Monday 0 */
    return week < 5;
}

static int32_t working_days_later(int32_t day, int n) {
    while (n > 0) n -= works(++day);
    return day;
}

/* ------------------------------------------------------------------ the rules in the test's own words */

static int32_t record_end(const thing *r) {
    switch (r->type) {
    case 101: return months_later(r->day, 3);
    case 102: return months_later(r->day, 36);
    default: return months_later(r->day, 12);
    }
}

static int32_t repairable_from(const thing *r) {
    switch (r->type) {
    case 101:
    case 901: return r->day;
    case 102: return months_later(r->day, 12);
    default: return months_later(r->day, 3);
    }
}

static int32_t breach_day(const thing *c) {
    if (c->end == REPORT_COMMITMENT_BREACH) return c->ended;
    return c->end == 0 ? c->deadline + 1 : NEVER;
}

typedef struct expectation {
    unsigned negative, positive, power, minutes, open, broken;
    uint32_t flags;
} expectation;

static void add_record(expectation *x, const thing *r, int32_t day) {
    static const unsigned POINTS[] = {[1] = 200, [2] = 600, [5] = 300, [6] = 100, [7] = 100, [9] = 500};
    int32_t end = record_end(r);
    if (r->undone || day < r->day || day >= r->repaired) return;
    if (r->type == 701 && day < months_later(r->day, 24)) x->flags |= PROFILE_FLAG_VOLUNTEER_BARRED;
    if (day >= end) return;
    unsigned points = POINTS[r->type == 102 ? 2 : r->type / 100];
    if (r->type == 101) points = (unsigned)((2 * points * (unsigned)(end - day) / (unsigned)(end - r->day) + 1) / 2);
    *(r->type == 901 ? &x->positive : &x->negative) += points;
    if (r->type == 501) x->power += points;
    if (r->type == 102) x->flags |= PROFILE_FLAG_NO_EXEMPTION;
    if (r->type == 601) x->flags |= PROFILE_FLAG_GAPS_BARRED;
}

static void add_commitment(expectation *x, const thing *c, int32_t day) {
    int32_t breach = breach_day(c);
    int32_t over = c->end != 0 ? c->ended : c->deadline + 1;
    x->open += day >= c->day && day < over;
    if (day < breach) return;
    thing as_record = {.what = RECORD, .type = 601, .day = breach, .repaired = c->repaired};
    x->broken += day < record_end(&as_record) && day < c->repaired;
    add_record(x, &as_record, day);
}

static expectation expect(const model *m, uint32_t who, int32_t day) {
    expectation x = {0};
    int32_t void_before = 0;
    for (unsigned i = 0; i < m->count; i++) {
        const thing *t = &m->all[i];
        if (t->who != who) continue;
        if (t->what == RECORD) add_record(&x, t, day);
        if (t->what == COMMITMENT) add_commitment(&x, t, day);
        bool falsified = t->what == RECORD && t->type == 701 && !t->undone && t->day <= day;
        if (falsified && t->day > void_before) void_before = t->day;
    }
    for (unsigned i = 0; i < m->count; i++) {
        const thing *t = &m->all[i];
        if (t->who == who && t->what == SERVICE && !t->undone && t->day <= day && t->day >= void_before)
            x.minutes += t->minutes;
    }
    if (x.power >= 300) x.flags |= PROFILE_FLAG_NOTICED;
    if (x.power >= 900) x.flags |= PROFILE_FLAG_OBSERVED;
    if (x.power >= 1200) x.flags |= PROFILE_FLAG_SUSPENDED;
    return x;
}

static void compare(const engine *e, policy_moment at, const model *m) {
    for (uint32_t n = 0; n < PEOPLE; n++) {
        subject_id id = help_subject(n);
        profile p;
        cr_assert(engine_profile(e, &id, at, &p));
        expectation x = expect(m, n, at.day);
        cr_assert_eq(p.negative_points, x.negative, "day %d: %u, not %u", at.day, p.negative_points, x.negative);
        cr_assert_eq(p.positive_points, x.positive, "day %d: %u, not %u", at.day, p.positive_points, x.positive);
        cr_assert_eq(p.volunteer_minutes, x.minutes, "day %d: %u, not %u", at.day, p.volunteer_minutes, x.minutes);
        cr_assert_eq(p.open_commitments, x.open, "day %d: %u, not %u", at.day, p.open_commitments, x.open);
        cr_assert_eq(p.broken_commitments, x.broken, "day %d: %u, not %u", at.day, p.broken_commitments, x.broken);
        cr_assert_eq(p.flags, x.flags, "day %d: flags %x, not %x", at.day, p.flags, x.flags);
    }
}

/* ------------------------------------------------------------------ reports, and what becomes of them */

static report_id id_of(const model *m, const thing *t) {
    char name[16];
    snprintf(name, sizeof name, "t%u", (unsigned)(t - m->all));
    return report_named(name);
}

static unsigned new_record(model *m, report *r, uint64_t *seed) {
    static const uint16_t TYPES[] = {101, 102, 501, 501, 601, 701, 901};
    r->type = TYPES[help_below(seed, 7)];
    m->all[m->count] = (thing){.what = RECORD, .type = r->type, .day = r->day, .repaired = NEVER};
    return STATUS_OK;
}

static unsigned new_service(model *m, report *r, uint32_t who, uint64_t *seed) {
    uint32_t sum = r->value = 1 + help_below(seed, 400);
    for (unsigned i = 0; i < m->count; i++) {
        const thing *t = &m->all[i];
        if (t->what == SERVICE && t->who == who && t->day == r->day && !t->undone) sum += t->minutes;
    }
    m->all[m->count] = (thing){.what = SERVICE, .minutes = r->value, .day = r->day};
    return sum > 720 ? STATUS_IMPLAUSIBLE : STATUS_OK;
}

static unsigned new_commitment(model *m, report *r, uint32_t who, int32_t today, uint64_t *seed) {
    r->type = (uint16_t)(1 + help_below(seed, 2));
    r->day = (uint16_t)today;
    int32_t deadline = r->type == 1 ? working_days_later(today, 15) : today + 5;
    m->all[m->count] = (thing){
        .what = COMMITMENT, .type = r->type, .day = today, .deadline = deadline, .ended = NEVER, .repaired = NEVER};
    return expect(m, who, today).flags & PROFILE_FLAG_GAPS_BARRED ? STATUS_BARRED : STATUS_OK;
}

static unsigned about_record(thing *t, unsigned kind, int32_t today) {
    if (kind == REPORT_RECORD_REVOKE) {
        bool was = t->undone;
        t->undone = true;
        return was ? STATUS_ALREADY_ENDED : STATUS_OK;
    }
    if (t->undone || t->repaired != NEVER || record_end(t) <= today) return STATUS_ALREADY_ENDED;
    if (today < repairable_from(t)) return STATUS_TOO_EARLY;
    t->repaired = today;
    return STATUS_OK;
}

static unsigned about_commitment(thing *t, unsigned kind, int32_t today) {
    bool open = t->end == 0 && today <= t->deadline;
    if (kind == REPORT_COMMITMENT_REPAIR) {
        if (breach_day(t) > today || t->repaired != NEVER) return STATUS_WRONG_STATE;
        if (today < months_later(breach_day(t), 3)) return STATUS_TOO_EARLY;
        t->repaired = today;
        return STATUS_OK;
    }
    if (!open || (kind == REPORT_COMMITMENT_EXTEND && t->extended)) return STATUS_WRONG_STATE;
    if (kind == REPORT_COMMITMENT_EXTEND) {
        t->extended = true;
        t->deadline = working_days_later(t->deadline, 10);
        return STATUS_OK;
    }
    t->end = kind;
    t->ended = today;
    return STATUS_OK;
}

static void report_something(world *w, model *m, uint64_t *seed, unsigned *accepted) {
    static const unsigned NEW[] = {REPORT_RECORD_ADD, REPORT_SERVICE_ADD, REPORT_COMMITMENT_ACCEPT};
    static const unsigned RECORDS[] = {REPORT_RECORD_REPAIR, REPORT_RECORD_REPAIR, REPORT_RECORD_REVOKE};
    static const unsigned COMMITMENTS[] = {REPORT_COMMITMENT_EXTEND, REPORT_COMMITMENT_FULFIL, REPORT_COMMITMENT_BREACH,
                                           REPORT_COMMITMENT_WITHDRAW, REPORT_COMMITMENT_REPAIR};
    int32_t today = world_day(w);
    uint32_t who = help_below(seed, PEOPLE);
    static unsigned serial;
    char name[16];
    snprintf(name, sizeof name, "n%u", serial++);
    unsigned expected = STATUS_OK;
    if (m->count == 0 || help_below(seed, 5) < 2) {
        report r = world_report(NEW[help_below(seed, 3)], who, "");
        r.id = id_of(m, &m->all[m->count]);
        r.day = (uint16_t)(today - (help_below(seed, 3) ? 0 : (int32_t)help_below(seed, 40)));
        cr_assert_lt(m->count, THINGS);
        switch (r.kind) {
        case REPORT_RECORD_ADD: expected = new_record(m, &r, seed); break;
        case REPORT_SERVICE_ADD: expected = new_service(m, &r, who, seed); break;
        default: expected = new_commitment(m, &r, who, today, seed); break;
        }
        m->all[m->count].who = who;
        m->count += expected == STATUS_OK;
        report_result out = world_send(w, &r);
        cr_assert_eq(out.status, expected, "%s: %s, not %s", report_kind_name(r.kind), status_name(out.status),
                     status_name(expected));
        *accepted += expected == STATUS_OK;
        return;
    }
    thing *t = &m->all[m->count - 1 - help_below(seed, m->count < 40 ? m->count : 40)];
    unsigned kind = t->what == RECORD       ? RECORDS[help_below(seed, 3)]
                    : t->what == COMMITMENT ? COMMITMENTS[help_below(seed, 5)]
                                            : REPORT_SERVICE_REVERSE;
    report r = world_report(kind, t->who, name);
    r.target = id_of(m, t);
    if (t->what == RECORD) expected = about_record(t, kind, today);
    if (t->what == COMMITMENT) expected = about_commitment(t, kind, today);
    if (t->what == SERVICE) {
        expected = t->undone ? STATUS_ALREADY_ENDED : STATUS_OK;
        t->undone = true;
    }
    report_result out = world_send(w, &r);
    cr_assert_eq(out.status, expected, "%s: %s, not %s", report_kind_name(kind), status_name(out.status),
                 status_name(expected));
    *accepted += expected == STATUS_OK;
}

/* ------------------------------------------------------------------ years */

static unsigned live_through(uint64_t seed) {
    static model m, before;
    world w;
    unsigned accepted = 0;
    m.count = 0;
    report_world_open(&w);
    for (uint32_t n = 0; n < PEOPLE; n++) world_person(&w, n);
    for (int day = 0; day < DAYS;) {
        before = m;
        world_begin(&w);
        unsigned count = help_below(&seed, 5);
        for (unsigned i = 0; i < count; i++) report_something(&w, &m, &seed, &accepted);
        if (help_below(&seed, 4) == 0) txn_sweep(w.t, 1 + help_below(&seed, 6));
        if (help_below(&seed, 10) == 0) {
            txn_abort(w.t);
            m = before;
        } else
            world_commit(&w);
        compare(w.e, world_moment(&w), &m);
        if (help_below(&seed, 80) == 0) world_restart(&w);
        int step = 1 + (int)help_below(&seed, 7);
        world_pass_days(&w, step);
        day += step;
        compare(w.e, world_moment(&w), &m);
    }
    /* nobody writes any more: what time does, to the day */
    for (int day = 0; day < 200; day++) {
        world_pass_days(&w, 1);
        compare(w.e, world_moment(&w), &m);
    }
    world_close(&w);
    return accepted;
}

Test(report_years, reports_beside_a_naive_model) {
    uint64_t seed = help_seed("report_years");
    int64_t began = clock_wall_ms();
    unsigned worlds = 0, accepted = 0;
    while (worlds < 60 && clock_wall_ms() - began < 6000) {
        accepted += live_through(help_random(&seed));
        worlds++;
    }
    fprintf(stderr, "report_years: %u worlds of %d years, %u reports accepted\n", worlds, DAYS / 365, accepted);
    cr_assert_gt(accepted, 200u * worlds);
}
