/* Alerts against a naive re-computation: a model that keeps its own books of guarantees and exposure, in its own words,
 * and says after each group which alerts it should have raised. Random operations, chains that fail, time, grades,
 * policies, aborts and restarts. XINYI_SEED repeats a run. */
#include "tests/unit/engine_world.h"

#define SUBJECTS 10u
#define GROUPS 2500u /* some 14 months: within the policies' time */
#define RUNS 4u
#define HOUR CLOCK_MS_PER_HOUR
#define DAY CLOCK_MS_PER_DAY

/* ------------------------------------------------------------------ policies */

typedef struct rules {
    bool applies;
    unsigned warn[3], notice_days, topup_days;
    bool holidays;
} rules;

static const rules RULES[] = {
    {true, {80, 90, 100}, 30, 3, false},
    {true, {50, 55, 60}, 4, 1, true},
    {true, {10, 60, 99}, 0, 0, false},
    {false, {80, 90, 100}, 30, 3, true}, /* in force later */
};

#define CALENDAR                                                                                                       \
    "calendar: test\ntitle: test\nauthority: test\nlegal_basis: test\n"                                                \
    "holidays: ['2026-12-01..2026-12-04', 2026-12-21, '2027-01-01..2027-01-07']\n"                                     \
    "workdays: [2026-12-05, 2027-01-09]\n"

static bool works(const rules *r, int32_t day) {
    int year, month, of_month;
    clock_date_from_day(day, &year, &month, &of_month);
    bool weekend = (day + 3) % 7 >= 5; /* 1970-01-01 was a Thursday */
    if (!r->holidays) return !weekend;
    if (weekend) return (year == 2026 && month == 12 && of_month == 5) || (year == 2027 && month == 1 && of_month == 9);
    if (year == 2026 && month == 12) return of_month > 4 && of_month != 21;
    return !(year == 2027 && month == 1 && of_month <= 7);
}

/* ------------------------------------------------------------------ the model's books */

typedef struct bond {
    uint64_t id;
    int64_t amount;
    uint32_t from_hour, to_hour;
    unsigned kind;
    bool told_ending, told_ended;
} bond;

typedef struct books {
    bool generator, frozen;
    unsigned grade;
    bond bonds[LIMIT_INSTRUMENTS];
    unsigned bond_count;
    int64_t energy, committed, reserved; /* one reservation at a time */
    operation_id reservation;
    int64_t reserved_until;
    unsigned level; /* remembered */
    int32_t topup_day;
    bool overdue;
} books;

typedef struct expected {
    uint32_t subject;
    unsigned kind, level;
    uint64_t instrument;
    int64_t due_ms;
} expected;

typedef struct model {
    world w;
    uint64_t random;
    unsigned policy;
    uint32_t version;
    books books[SUBJECTS];
    uint64_t next_bond;
    expected raised[4096]; /* by the group */
    size_t raised_count;
    uint64_t newest;
    uint64_t open[1 << 16];
    size_t open_count;
    unsigned seen[ALERT_KIND_END];
    unsigned taken_back, dropped;
} model;

static bool one_in(model *m, uint32_t n) { return help_below(&m->random, n) == 0; }

static uint32_t hour_of(const model *m) { return (uint32_t)(m->w.now_ms / HOUR); }

static bool is_valid(const model *m, const bond *b) { return hour_of(m) >= b->from_hour && hour_of(m) < b->to_hour; }

static void expect(model *m, uint32_t n, unsigned kind, unsigned level, uint64_t of, int64_t due_ms) {
    cr_assert_lt(m->raised_count, sizeof m->raised / sizeof *m->raised);
    m->raised[m->raised_count++] = (expected){n, kind, level, of, due_ms};
}

typedef struct standing {
    unsigned level;
    bool short_of;
} standing;

static standing stand(const model *m, uint32_t n) {
    const books *b = &m->books[n];
    const rules *r = &RULES[m->policy];
    int64_t lodged = 0, used = b->committed + b->reserved;
    for (unsigned i = 0; i < b->bond_count; i++) lodged += is_valid(m, &b->bonds[i]) ? b->bonds[i].amount : 0;
    bool exempt = b->generator && b->grade >= MARKET_A;
    static const int64_t unsecured[] = {0, 0, 0, 300, 500, 800}, factor[] = {15000, 15000, 13000, 10000, 7000, 5000};
    int64_t limit = lodged * (10000 + unsecured[b->grade]) / 10000;
    standing s = {0};
    for (unsigned i = 0; i < 3 && used > 0; i++) s.level += used * 100 >= limit * r->warn[i];
    s.short_of = (b->energy * 800 * factor[b->grade] + 9999) / 10000 > lodged;
    return exempt ? (standing){0} : s;
}

static void ask_for_topup(model *m, uint32_t n) {
    books *b = &m->books[n];
    const rules *r = &RULES[m->policy];
    b->topup_day = clock_day_of_ms(m->w.now_ms);
    for (unsigned left = r->topup_days; left > 0;) left -= works(r, ++b->topup_day);
    expect(m, n, ALERT_TOPUP, 0, 0, clock_ms_of_day(b->topup_day + 1));
}

/* Looks at a subject; after an operation on amounts only if its level is another or its shortfall is gone. */
static void look(model *m, uint32_t n, bool walk, bool amounts_only, unsigned event) {
    books *b = &m->books[n];
    const rules *r = &RULES[m->policy];
    standing s = stand(m, n);
    int32_t today = clock_day_of_ms(m->w.now_ms);
    if (amounts_only && (!r->applies || (s.level == b->level && (s.short_of || b->topup_day == 0)))) return;
    if (r->applies) {
        if (s.level > b->level) expect(m, n, ALERT_USAGE, s.level, 0, 0);
        b->level = s.level;
    }
    for (unsigned i = 0; i < b->bond_count; i++) {
        bond *d = &b->bonds[i];
        if (d->to_hour == UINT32_MAX) continue;
        int64_t end = d->to_hour * HOUR;
        int64_t notice = r->applies ? r->notice_days * DAY : 30 * DAY;
        bool ended = hour_of(m) >= d->to_hour;
        bool ending = d->kind != INSTRUMENT_DEPOSIT && is_valid(m, d) && end - hour_of(m) * HOUR <= notice;
        if (ended && !d->told_ended) expect(m, n, ALERT_EXPIRED, 0, d->id, end);
        if (ending && !d->told_ending) expect(m, n, ALERT_EXPIRING, 0, d->id, end);
        d->told_ended |= ended;
        d->told_ending |= ending;
    }
    if (r->applies && !s.short_of) {
        if (b->topup_day != 0) expect(m, n, ALERT_TOPPED_UP, 0, 0, 0);
        b->topup_day = 0;
        b->overdue = false;
    } else if (r->applies && b->topup_day == 0) {
        if (walk) ask_for_topup(m, n);
    } else if (r->applies && today > b->topup_day && !b->overdue) {
        b->overdue = true;
        expect(m, n, ALERT_OVERDUE, 0, 0, clock_ms_of_day(b->topup_day + 1));
    }
    if (event != 0) expect(m, n, event, 0, 0, 0);
}

/* ------------------------------------------------------------------ operations, in the books */

static int64_t random_amount(model *m) { return 1 + help_below(&m->random, one_in(m, 3) ? 100000 : 1000000); }

static uint32_t random_end(model *m) {
    if (one_in(m, 4)) return UINT32_MAX;
    return hour_of(m) + 1 + help_below(&m->random, one_in(m, 3) ? 48 : 60 * 24);
}

/* A random operation on a subject; its effect on the books if it is granted is `book`. */
static operation random_operation(model *m, uint32_t n) {
    books *b = &m->books[n];
    unsigned kind = 1 + help_below(&m->random, OPERATION_KIND_END - 1);
    if ((kind == OPERATION_FREEZE || kind == OPERATION_UNFREEZE) && !one_in(m, 3)) kind = OPERATION_RESERVE;
    if (kind == OPERATION_RESERVE && b->reserved > 0) kind = one_in(m, 2) ? OPERATION_COMMIT : OPERATION_RELEASE;
    operation op = world_operation(&m->w, kind, n, 0);
    const bond *any = b->bond_count > 0 ? &b->bonds[help_below(&m->random, b->bond_count)] : NULL;
    switch (kind) {
    case OPERATION_RESERVE:
        op.amount_fen = random_amount(m);
        op.ttl_ms = one_in(m, 2) ? 60000 : 3600000;
        break;
    case OPERATION_COMMIT:
    case OPERATION_RELEASE: op.target = b->reservation; break;
    case OPERATION_SETTLE:
        op.amount_fen = b->committed > 0 && !one_in(m, 5)
                            ? 1 + (int64_t)(help_random(&m->random) % (uint64_t)b->committed)
                            : random_amount(m);
        break;
    case OPERATION_PLEDGE:
        op.amount_fen = random_amount(m);
        op.instrument = m->next_bond++;
        op.instrument_kind = (uint8_t)(1 + help_below(&m->random, 3));
        op.to_hour = random_end(m);
        if (one_in(m, 4) && op.to_hour > hour_of(m) + 2) op.from_hour = hour_of(m) + 1;
        break;
    case OPERATION_WITHDRAW: op.instrument = any != NULL ? any->id : 1; break;
    case OPERATION_AMEND:
        op.instrument = any != NULL ? any->id : 1;
        op.amount_fen = one_in(m, 2) ? random_amount(m) : 0;
        op.to_hour = op.amount_fen == 0 || one_in(m, 2) ? random_end(m) : 0;
        break;
    case OPERATION_ENERGY: op.amount_fen = help_below(&m->random, 2500); break;
    default: break;
    }
    return op;
}

static void book_pledge(model *m, books *b, const operation *op) {
    unsigned at = b->bond_count;
    if (at == LIMIT_INSTRUMENTS) { /* the one that ended first makes room */
        at = 0;
        for (unsigned i = 1; i < LIMIT_INSTRUMENTS; i++)
            if (b->bonds[i].to_hour < b->bonds[at].to_hour) at = i;
    } else {
        b->bond_count++;
    }
    b->bonds[at] = (bond){.id = op->instrument,
                          .amount = op->amount_fen,
                          .from_hour = op->from_hour != 0 ? op->from_hour : hour_of(m),
                          .to_hour = op->to_hour,
                          .kind = op->instrument_kind};
}

static bond *bond_of(books *b, uint64_t id) {
    for (unsigned i = 0; i < b->bond_count; i++)
        if (b->bonds[i].id == id) return &b->bonds[i];
    return NULL;
}

static void book(model *m, uint32_t n, const operation *op) {
    books *b = &m->books[n];
    unsigned event = 0;
    switch (op->kind) {
    case OPERATION_RESERVE:
        b->reserved = op->amount_fen;
        b->reservation = op->id;
        b->reserved_until = m->w.now_ms + op->ttl_ms;
        break;
    case OPERATION_COMMIT:
        b->committed += b->reserved;
        b->reserved = 0;
        break;
    case OPERATION_RELEASE: b->reserved = 0; break;
    case OPERATION_SETTLE: b->committed -= op->amount_fen; break;
    case OPERATION_PLEDGE: book_pledge(m, b, op); break;
    case OPERATION_WITHDRAW: {
        bond *gone = bond_of(b, op->instrument);
        cr_assert_not_null(gone);
        *gone = b->bonds[--b->bond_count];
        break;
    }
    case OPERATION_AMEND: {
        bond *d = bond_of(b, op->instrument);
        cr_assert_not_null(d);
        if (op->amount_fen != 0) d->amount = op->amount_fen;
        if (op->to_hour != 0 && op->to_hour != d->to_hour) {
            d->to_hour = op->to_hour;
            d->told_ending = d->told_ended = false;
        }
        break;
    }
    case OPERATION_ENERGY: b->energy = op->amount_fen; break;
    case OPERATION_FREEZE:
        b->frozen = true;
        event = ALERT_FROZEN;
        break;
    default: b->frozen = false; event = ALERT_UNFROZEN;
    }
    bool amounts_only = op->kind <= OPERATION_SETTLE;
    look(m, n, false, amounts_only, event);
}

/* ------------------------------------------------------------------ groups */

static void do_operation(model *m) {
    uint32_t n = help_below(&m->random, SUBJECTS);
    operation op = random_operation(m, n);
    operation_result r = world_operate(&m->w, &op);
    if (r.status != STATUS_OK) return;
    book(m, n, &op);
    if (!RULES[m->policy].applies) return;
    cr_assert_eq(r.warning, stand(m, n).level, "%s", operation_name(op.kind));
    cr_assert_eq((r.flags & QUOTA_SHORT) != 0, stand(m, n).short_of, "%s", operation_name(op.kind));
}

/* A chain over different subjects; more often than not one of it is refused, and then nothing has happened. */
static void do_chain(model *m) {
    operation ops[3];
    operation_result results[3] = {0};
    uint32_t first = help_below(&m->random, SUBJECTS - 3);
    unsigned n = 2 + help_below(&m->random, 2);
    for (unsigned i = 0; i < n; i++) {
        ops[i] = random_operation(m, first + i);
        if (i + 1 < n) ops[i].flags = OPERATION_LINKED;
    }
    txn_operate_all(m->w.t, ops, n, results);
    unsigned good = 0;
    for (unsigned i = 0; i < n; i++) good += results[i].status == STATUS_OK;
    cr_assert(good == 0 || good == n);
    m->taken_back += good == 0;
    for (unsigned i = 0; i < n && good == n; i++) book(m, first + i, &ops[i]);
}

static void do_grade(model *m) {
    uint32_t n = help_below(&m->random, SUBJECTS);
    m->books[n].grade = help_below(&m->random, MARKET_AAA + 1);
    world_subject(&m->w, n, m->books[n].generator ? PROFILE_ROLE_GENERATOR : PROFILE_ROLE_RETAILER, m->books[n].grade);
}

static void do_watch(model *m) {
    for (unsigned round = 0; round < 2; round++)
        while (!txn_watch(m->w.t, 1 + help_below(&m->random, 5))) {
        }
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        subject_id id = help_subject(n);
        account a;
        /* one that this group has opened is walked over by the next */
        if (engine_account(m->w.e, &id, PROGRAM_POWER, &a)) look(m, n, true, false, 0);
    }
}

/* Reservations that have ended by now: the first thing of a group. */
static void begin(model *m) {
    world_begin(&m->w);
    m->raised_count = 0;
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        books *b = &m->books[n];
        if (b->reserved == 0 || b->reserved_until > m->w.now_ms) continue;
        b->reserved = 0;
        if (b->level != 0) look(m, n, false, true, 0);
    }
}

static int by_content(const void *a, const void *b) { return memcmp(a, b, sizeof(expected)); }

static void compare(model *m) {
    alert found[4096];
    size_t n = alerts_after(engine_alerts(m->w.e), m->newest, found, 4096);
    for (size_t i = 0; n != m->raised_count && i < n; i++)
        cr_log_error("raised: %s level %u", alert_kind_name(found[i].kind), found[i].level);
    for (size_t i = 0; n != m->raised_count && i < m->raised_count; i++)
        cr_log_error("wanted: subject %u %s level %u", m->raised[i].subject, alert_kind_name(m->raised[i].kind),
                     m->raised[i].level);
    cr_assert_eq(n, m->raised_count, "%zu were raised, %zu should have been", n, m->raised_count);
    expected *got = calloc(n + 1, sizeof *got), *want = calloc(n + 1, sizeof *want);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(found[i].number, m->newest + 1 + i);
        cr_assert_eq(found[i].at_ms, m->w.now_ms);
        uint32_t subject = 0;
        for (subject_id id = help_subject(0); !subject_equal(&id, &found[i].subject); id = help_subject(++subject)) {
        }
        got[i].subject = subject;
        got[i].kind = found[i].kind;
        got[i].level = found[i].level;
        got[i].instrument = found[i].instrument;
        got[i].due_ms = found[i].due_ms;
        want[i].subject = m->raised[i].subject;
        want[i].kind = m->raised[i].kind;
        want[i].level = m->raised[i].level;
        want[i].instrument = m->raised[i].instrument;
        want[i].due_ms = m->raised[i].due_ms;
        m->seen[found[i].kind]++;
        m->open[m->open_count++] = found[i].number;
    }
    qsort(got, n, sizeof *got, by_content);
    qsort(want, n, sizeof *want, by_content);
    for (size_t i = 0; i < n; i++)
        cr_assert(memcmp(&got[i], &want[i], sizeof *got) == 0,
                  "subject %u %s level %u instrument %llu due %lld; wanted: subject %u %s level %u instrument %llu due "
                  "%lld",
                  got[i].subject, alert_kind_name(got[i].kind), got[i].level, (unsigned long long)got[i].instrument,
                  (long long)got[i].due_ms, want[i].subject, alert_kind_name(want[i].kind), want[i].level,
                  (unsigned long long)want[i].instrument, (long long)want[i].due_ms);
    free(got);
    free(want);
    m->newest += n;
}

static void acknowledge_some(model *m) {
    for (unsigned i = help_below(&m->random, 6); i > 0 && m->open_count > 0; i--) {
        size_t at = help_below(&m->random, (uint32_t)m->open_count);
        cr_assert_eq(txn_acknowledge(m->w.t, m->open[at]), STATUS_OK);
        memmove(m->open + at, m->open + at + 1, (--m->open_count - at) * sizeof *m->open);
    }
}

static void compare_open(const model *m) {
    const alerts *a = engine_alerts(m->w.e);
    cr_assert_eq(alerts_count(a), m->open_count);
    cr_assert_eq(alerts_newest(a), m->newest);
    uint64_t after = 0;
    for (size_t i = 0; i < m->open_count; i++, after++) {
        alert one;
        cr_assert_eq(alerts_after(a, after, &one, 1), 1);
        cr_assert_eq(one.number, m->open[i]);
        after = one.number - 1;
    }
}

static void activate(model *m) {
    m->policy = help_below(&m->random, sizeof RULES / sizeof *RULES);
    const rules *r = &RULES[m->policy];
    const char *from = strstr(HELP_POLICY, "2026-01-01"), *warn = strstr(HELP_POLICY, "warn_percent"),
               *rest = strstr(HELP_POLICY, "  reservation:");
    static char text[8192];
    snprintf(text, sizeof text,
             "%.*s%s%.*swarn_percent: [%u, %u, %u]\n  alerts: {bond_notice_days: %u, topup_days: %u}\n%s",
             (int)(from - HELP_POLICY), HELP_POLICY, r->applies ? "2026-01-01" : "2029-12-31", (int)(warn - from - 10),
             from + 10, r->warn[0], r->warn[1], r->warn[2], r->notice_days, r->topup_days, rest);
    policy_file files[] = {{"power.yaml", text, strlen(text)}, {"calendar.yaml", CALENDAR, strlen(CALENDAR)}};
    policy_findings findings = {0};
    policy_set *set = NULL;
    status code = policy_load(files, r->holidays ? 2 : 1, ++m->version, &findings, &set);
    for (size_t i = 0; i < findings.count; i++) cr_log_info("%s", findings.items[i].message);
    policy_findings_deinit(&findings);
    cr_assert_eq(code, STATUS_OK);
    cr_assert_eq(txn_activate(m->w.t, set, files, r->holidays ? 2 : 1), STATUS_OK);
}

static void run_group(model *m) {
    static books kept[SUBJECTS];
    memcpy(kept, m->books, sizeof kept);
    uint32_t version = m->version;
    unsigned policy = m->policy;
    uint64_t log = m->w.log.size;
    bool drop = one_in(m, 12);
    begin(m);
    if (one_in(m, 40) && !drop) activate(m);
    for (unsigned i = help_below(&m->random, 6); i > 0; i--) {
        unsigned what = help_below(&m->random, 12);
        if (what == 0)
            do_grade(m);
        else if (what < 3)
            do_chain(m);
        else
            do_operation(m);
        if (one_in(m, 8)) do_watch(m);
    }
    if (drop) {
        memcpy(m->books, kept, sizeof kept);
        m->version = version;
        m->policy = policy;
        m->dropped++;
        txn_abort(m->w.t);
        cr_assert_eq(m->w.log.size, log);
        return;
    }
    acknowledge_some(m);
    world_commit(&m->w);
    compare(m);
}

static void let_time_pass(model *m) {
    static const int64_t MOST[] = {1, 1000, 90000, HOUR, 12 * HOUR, 36 * HOUR};
    m->w.now_ms += 1 + (int64_t)(help_random(&m->random) % (uint64_t)MOST[help_below(&m->random, 6)]);
}

static void run(uint64_t seed) {
    static model m;
    m = (model){.random = seed, .next_bond = 1};
    world_open(&m.w);
    begin(&m);
    activate(&m);
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        m.books[n].generator = n % 3 == 0;
        m.books[n].grade = n % (MARKET_AAA + 1);
        world_subject(&m.w, n, m.books[n].generator ? PROFILE_ROLE_GENERATOR : PROFILE_ROLE_RETAILER, m.books[n].grade);
    }
    world_commit(&m.w);
    for (unsigned g = 0; g < GROUPS; g++) {
        let_time_pass(&m);
        run_group(&m);
        if (one_in(&m, 50)) compare_open(&m);
        if (one_in(&m, 100)) {
            world_restart(&m.w);
            compare_open(&m);
        }
    }
    for (unsigned k = 1; k < ALERT_KIND_END; k++) cr_assert_gt(m.seen[k], 5, "%s", alert_kind_name(k));
    cr_assert(m.taken_back > 50 && m.dropped > 50 && m.newest > 300);
    world_close(&m.w);
}

Test(alert_model, as_a_naive_one) {
    uint64_t seed = help_seed("alert_model");
    for (unsigned i = 0; i < RUNS; i++) run(seed + i);
}
