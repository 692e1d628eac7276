#include "engine/ledger.h"

#include "base/purpose.h"
#include "engine/operate.h"
#include "tests/unit/engine_help.h"

#include <criterion/criterion.h>

#define HOUR_MS CLOCK_MS_PER_HOUR
#define NOW_HOUR 500000u /* 2027-01-15 */

static policy_moment at_hour(uint32_t hour) {
    int64_t ms = (int64_t)hour * HOUR_MS;
    return (policy_moment){.now_ms = ms, .day = clock_day_of_ms(ms)};
}

static guarantee_terms usual_terms(void) {
    return (guarantee_terms){
        .covered = true,
        .rated = true,
        .warn_percent = {80, 90, 100},
        .factor_bp = 10000,
        .fen_per_mwh_12m = 800,
        .fen_per_mwh_2m = 5000,
        .exposure_fen_per_mwh = 5000,
        .ttl_default_ms = 300000,
        .ttl_max_ms = 3600000,
        .policy_version = 7,
    };
}

static account account_with(int64_t deposit_fen) {
    subject_id subject = help_subject(1), key = account_key(&subject, PROGRAM_POWER);
    account a;
    account_open(&a, &key, 1);
    if (deposit_fen == 0) return a;
    a.instruments[0] =
        (instrument){.id = 1, .amount_fen = deposit_fen, .to_hour = UINT32_MAX, .kind = INSTRUMENT_DEPOSIT};
    a.instrument_count = 1;
    return a;
}

static quota quota_of(const account *a, const guarantee_terms *terms) {
    quota q;
    ledger_quota(a, terms, at_hour(NOW_HOUR), &q);
    return q;
}

/* ------------------------------------------------------------------ required */

Test(ledger, the_worked_example_to_the_fen) {
    account a = account_with(0);
    a.energy_12m_mwh = 1200000;
    a.wholesale_2m_mwh = 180000;
    a.retail_2m_mwh = 200000;
    guarantee_terms terms = usual_terms();
    quota q = quota_of(&a, &terms);
    cr_assert_eq(q.base_fen, INT64_C(1000000000)); /* 10.00 million yuan; the 12 months alone make 9.60 million */
    cr_assert_eq(q.required_fen, INT64_C(1000000000));
    cr_assert_eq(q.shortfall_fen, INT64_C(1000000000));
    cr_assert(q.flags & QUOTA_SHORT);
    a.retail_2m_mwh = 180000;
    q = quota_of(&a, &terms);
    cr_assert_eq(q.base_fen, INT64_C(960000000));
}

/* Hunan 2022: AAA 0.50, AA 0.70, A 1.00, B 1.30, C 1.50 */
Test(ledger, required_by_the_factor_of_every_grade) {
    static const struct {
        int32_t factor_bp;
        int64_t required, with_floor;
    } grades[] = {{5000, 500000000, 1000000000},
                  {7000, 700000000, 1000000000},
                  {10000, 1000000000, 1000000000},
                  {13000, 1300000000, 1300000000},
                  {15000, 1500000000, 1500000000}};
    account a = account_with(0);
    a.retail_2m_mwh = 200000;
    for (size_t i = 0; i < sizeof grades / sizeof *grades; i++) {
        guarantee_terms terms = usual_terms();
        terms.factor_bp = grades[i].factor_bp;
        cr_assert_eq(quota_of(&a, &terms).required_fen, grades[i].required);
        terms.floor_at_base = true;
        cr_assert_eq(quota_of(&a, &terms).required_fen, grades[i].with_floor);
    }
}

Test(ledger, required_is_rounded_up) {
    account a = account_with(0);
    a.energy_12m_mwh = 1;
    guarantee_terms terms = usual_terms();
    terms.fen_per_mwh_12m = 3;
    terms.factor_bp = 7000; /* 2.1 */
    cr_assert_eq(quota_of(&a, &terms).required_fen, 3);
    terms.factor_bp = 6667; /* 2.0001 */
    cr_assert_eq(quota_of(&a, &terms).required_fen, 3);
    terms.fen_per_mwh_12m = 10000; /* 6667 exactly */
    cr_assert_eq(quota_of(&a, &terms).required_fen, 6667);
}

Test(ledger, nothing_is_required_of_the_exempt_and_the_uncovered) {
    account a = account_with(0);
    a.retail_2m_mwh = 200000;
    guarantee_terms exempt = usual_terms(), uncovered = usual_terms();
    exempt.exempt = exempt.floor_at_base = true;
    uncovered.covered = false;
    cr_assert_eq(quota_of(&a, &exempt).required_fen, 0);
    cr_assert_eq(quota_of(&a, &exempt).base_fen, 1000000000);
    cr_assert_eq(quota_of(&a, &exempt).flags, QUOTA_COVERED | QUOTA_EXEMPT | QUOTA_RATED);
    cr_assert_eq(quota_of(&a, &uncovered).required_fen, 0);
    cr_assert_eq(quota_of(&a, &uncovered).flags, QUOTA_RATED);
}

Test(ledger, zero_energy_and_forecasts) {
    account a = account_with(0);
    guarantee_terms terms = usual_terms();
    cr_assert_eq(quota_of(&a, &terms).base_fen, 0);
    a.forecast_12m_mwh = 1200000; /* a sixth is 200,000 MWh: 10.00 million again */
    cr_assert_eq(quota_of(&a, &terms).base_fen, 1000000000);
    a.forecast_12m_mwh = 1000; /* 833,333.33 fen, more than 800,000 */
    cr_assert_eq(quota_of(&a, &terms).base_fen, 833334);
    terms.fen_per_mwh_2m = 0;
    cr_assert_eq(quota_of(&a, &terms).base_fen, 800000);
    a.wholesale_2m_mwh = 1; /* any history at all makes the forecast void */
    cr_assert_eq(quota_of(&a, &terms).base_fen, 0);
}

Test(ledger, the_largest_inputs_do_not_overflow) {
    account a = account_with(0);
    for (uint32_t i = 0; i < LIMIT_INSTRUMENTS; i++)
        a.instruments[i] =
            (instrument){.id = i + 1, .amount_fen = LIMIT_AMOUNT_FEN, .to_hour = UINT32_MAX, .kind = INSTRUMENT_BOND};
    a.instrument_count = LIMIT_INSTRUMENTS;
    a.energy_12m_mwh = a.wholesale_2m_mwh = a.retail_2m_mwh = LIMIT_ENERGY_MWH;
    a.committed_fen = LEDGER_USED_MAX;
    guarantee_terms terms = usual_terms();
    terms.unsecured_bp = 10000;
    terms.factor_bp = 100000;
    quota q = quota_of(&a, &terms);
    cr_assert_eq(q.lodged_fen, INT64_C(8000000000000000));
    cr_assert_eq(q.limit_fen, INT64_C(16000000000000000));
    cr_assert_eq(q.base_fen, INT64_C(5000000000000000));
    cr_assert_eq(q.required_fen, INT64_C(50000000000000000));
    cr_assert_eq(q.usage_percent, 50);
    cr_assert(account_check(&a));
}

/* ------------------------------------------------------------------ limit */

/* Guangdong 2024: AAA 8 %, AA 5 %, A 3 %, else 0 */
Test(ledger, limit_by_the_unsecured_ratio_rounded_down) {
    static const struct {
        int32_t unsecured_bp;
        int64_t limit;
    } grades[] = {{800, 1079999998}, {500, 1049999998}, {300, 1029999998}, {0, 999999999}};
    account a = account_with(999999999); /* exactly 1,079,999,998.92, 1,049,999,998.95 and 1,029,999,998.97 */
    for (size_t i = 0; i < sizeof grades / sizeof *grades; i++) {
        guarantee_terms terms = usual_terms();
        terms.unsecured_bp = grades[i].unsecured_bp;
        cr_assert_eq(quota_of(&a, &terms).limit_fen, grades[i].limit);
    }
}

Test(ledger, an_instrument_counts_from_its_hour_to_its_hour) {
    account a = account_with(0);
    a.instruments[0] =
        (instrument){.id = 5, .amount_fen = 1000, .from_hour = 100, .to_hour = 200, .kind = INSTRUMENT_BOND};
    a.instruments[1] =
        (instrument){.id = 6, .amount_fen = 30, .from_hour = 150, .to_hour = UINT32_MAX, .kind = INSTRUMENT_DEPOSIT};
    a.instrument_count = 2;
    static const struct {
        int64_t ms, lodged, next;
    } moments[] = {
        {100 * HOUR_MS - 1, 0, 0},
        {100 * HOUR_MS, 1000, 200 * HOUR_MS},
        {150 * HOUR_MS - 1, 1000, 200 * HOUR_MS},
        {150 * HOUR_MS, 1030, 200 * HOUR_MS},
        {200 * HOUR_MS - 1, 1030, 200 * HOUR_MS},
        {200 * HOUR_MS, 30, 0},
        {INT64_MAX, 30, 0},
        {-1, 0, 0},
    };
    guarantee_terms terms = usual_terms();
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        quota q;
        ledger_quota(&a, &terms, (policy_moment){.now_ms = moments[i].ms}, &q);
        cr_assert_eq(q.lodged_fen, moments[i].lodged, "moment %zu", i);
        cr_assert_eq(q.limit_fen, moments[i].lodged);
        cr_assert_eq(q.next_expiry_ms, moments[i].next, "moment %zu", i);
    }
}

Test(ledger, a_limit_below_used_leaves_the_amounts_alone) {
    account a = account_with(1000);
    a.committed_fen = 900;
    a.reserved_fen = 300;
    a.open_reservations = 1;
    guarantee_terms terms = usual_terms();
    quota q = quota_of(&a, &terms);
    cr_assert(q.limit_fen == 1000 && q.used_fen == 1200 && q.reserved_fen == 300 && q.committed_fen == 900);
    cr_assert_eq(q.available_fen, 0);
    cr_assert_eq(q.usage_percent, 120);
    cr_assert_eq(q.warning, 3);
    cr_assert_eq(ledger_admit(&q, &terms, 1), STATUS_LIMIT_EXCEEDED);
}

/* So that what is shown and what is warned of never contradict each other. */
Test(ledger, usage_is_rounded_down_and_agrees_with_the_warnings) {
    static const struct {
        int64_t limit, used;
        uint32_t percent;
        uint8_t warning;
    } cases[] = {
        {1000, 0, 0, 0},
        {1000, 1, 0, 0},
        {1000, 10, 1, 0},
        {1000, 19, 1, 0},
        {1000, 799, 79, 0},
        {1000, 800, 80, 1},
        {1000, 899, 89, 1},
        {1000, 900, 90, 2},
        {1000, 999, 99, 2},
        {1000, 1000, 100, 3},
        {1000, 1001, 100, 3},
        {3, 2, 66, 0},
        {1, 1, 100, 3},
        {0, 0, 0, 0},
        {0, 1, UINT32_MAX, 3},
        {1, 50000000, UINT32_MAX - 1, 3},
        {LIMIT_AMOUNT_FEN, LIMIT_AMOUNT_FEN / 10 * 8 - 1, 79, 0},
        {LIMIT_AMOUNT_FEN, LIMIT_AMOUNT_FEN / 10 * 8, 80, 1},
    };
    guarantee_terms terms = usual_terms();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        account a = account_with(cases[i].limit);
        a.committed_fen = cases[i].used;
        quota q = quota_of(&a, &terms);
        cr_assert_eq(q.usage_percent, cases[i].percent, "case %zu: %u %%", i, q.usage_percent);
        cr_assert_eq(q.warning, cases[i].warning, "case %zu: level %u", i, q.warning);
        unsigned level = 0;
        while (level < 3 && q.usage_percent >= terms.warn_percent[level]) level++;
        cr_assert_eq(q.warning, level, "case %zu: usage and warning contradict each other", i);
    }
    account a = account_with(0);
    a.committed_fen = 5;
    terms.exempt = true;
    cr_assert_eq(quota_of(&a, &terms).warning, 0, "there is nothing to warn the exempt of");
}

/* ------------------------------------------------------------------ admission */

Test(ledger, no_account_means_nothing) {
    guarantee_terms terms = usual_terms();
    quota q = quota_of(NULL, &terms);
    cr_assert_eq(q.status, STATUS_NO_ACCOUNT);
    cr_assert(q.limit_fen == 0 && q.available_fen == 0 && q.required_fen == 0);
    cr_assert_eq(q.flags, QUOTA_COVERED | QUOTA_RATED);
    cr_assert_eq(q.policy_version, 7);
    cr_assert_eq(ledger_admit(&q, &terms, 1), STATUS_NO_ACCOUNT);
    terms.exempt = true;
    q = quota_of(NULL, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 1), STATUS_NO_ACCOUNT, "a missing record is never unlimited");
}

Test(ledger, exactly_the_available_amount_is_admitted) {
    account a = account_with(1000);
    a.committed_fen = 400;
    guarantee_terms terms = usual_terms();
    quota q = quota_of(&a, &terms);
    cr_assert_eq(q.available_fen, 600);
    cr_assert_eq(ledger_admit(&q, &terms, 600), STATUS_OK);
    cr_assert_eq(ledger_admit(&q, &terms, 601), STATUS_LIMIT_EXCEEDED);
    cr_assert_eq(ledger_admit(&q, &terms, LIMIT_AMOUNT_FEN), STATUS_LIMIT_EXCEEDED);
    cr_assert_eq(ledger_admit(&q, &terms, 0), STATUS_BAD_AMOUNT);
    cr_assert_eq(ledger_admit(&q, &terms, -1), STATUS_BAD_AMOUNT);
    cr_assert_eq(ledger_admit(&q, &terms, INT64_MIN), STATUS_BAD_AMOUNT);
    cr_assert_eq(ledger_admit(&q, &terms, LIMIT_AMOUNT_FEN + 1), STATUS_BAD_AMOUNT);
    terms.warn_percent[2] = 95; /* a policy that stops earlier than at the whole limit */
    a.committed_fen = 949;
    q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 1), STATUS_OK);
    a.committed_fen = 950;
    q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 1), STATUS_LIMIT_EXCEEDED);
}

Test(ledger, nothing_is_available_to_the_uncovered) {
    account a = account_with(10000);
    a.committed_fen = 400;
    guarantee_terms terms = usual_terms();
    terms.covered = false;
    quota q = quota_of(&a, &terms);
    cr_assert(q.status == STATUS_OK && q.limit_fen == 10000 && q.used_fen == 400 && q.usage_percent == 4);
    cr_assert_eq(q.available_fen, 0);
    cr_assert_eq(ledger_admit(&q, &terms, 1), STATUS_NOT_COVERED);
}

/* Everything is wrong at first; each repair uncovers the next refusal. */
Test(ledger, refusals_come_in_the_documented_order) {
    account a = account_with(100);
    a.retail_2m_mwh = 1; /* 5,000 fen required */
    guarantee_terms terms = usual_terms();
    terms.covered = false;
    terms.suspended = true;
    terms.rated = false;
    terms.refuse_when_short = true;
    quota q;
    ledger_quota_without_terms(&a, STATUS_NOT_EFFECTIVE, at_hour(NOW_HOUR), &q);
    cr_assert_eq(ledger_admit(&q, &terms, 0), STATUS_BAD_AMOUNT);
    cr_assert_eq(ledger_admit(&q, &terms, 101), STATUS_NOT_EFFECTIVE);
    cr_assert(q.lodged_fen == 100 && q.limit_fen == 0);
    q = quota_of(NULL, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 101), STATUS_NOT_COVERED);
    terms.covered = true;
    q = quota_of(NULL, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 101), STATUS_SUSPENDED);
    terms.suspended = false;
    q = quota_of(NULL, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 101), STATUS_NO_ACCOUNT);
    q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 101), STATUS_UNRATED);
    terms.rated = true;
    q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 101), STATUS_SHORTFALL);
    terms.refuse_when_short = false;
    q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 101), STATUS_LIMIT_EXCEEDED);
    cr_assert_eq(ledger_admit(&q, &terms, 100), STATUS_OK);
}

Test(ledger, the_exempt_are_bound_by_suspension_only) {
    account a = account_with(0);
    a.retail_2m_mwh = 1;
    guarantee_terms terms = usual_terms();
    terms.exempt = true;
    terms.rated = false;
    terms.refuse_when_short = true;
    quota q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, LIMIT_AMOUNT_FEN), STATUS_OK);
    a.committed_fen = LEDGER_USED_MAX - 5;
    q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 5), STATUS_OK);
    cr_assert_eq(ledger_admit(&q, &terms, 6), STATUS_AMOUNT_OVERFLOW);
    terms.suspended = true;
    q = quota_of(&a, &terms);
    cr_assert_eq(ledger_admit(&q, &terms, 5), STATUS_SUSPENDED);
}

/* ------------------------------------------------------------------ effects */

static operation pledge_of(uint64_t id, int64_t amount, uint32_t from, uint32_t to) {
    operation op = {.id = {{1}}, .subject = help_subject(1), .program = PROGRAM_POWER, .kind = OPERATION_PLEDGE};
    op.amount_fen = amount;
    op.instrument = id;
    op.instrument_kind = INSTRUMENT_BOND;
    op.from_hour = from;
    op.to_hour = to;
    return op;
}

Test(ledger, a_reservation_is_committed_in_part_and_settled) {
    account a = account_with(1000);
    account_reserve(&a, 700);
    account_reserve(&a, 200);
    cr_assert(a.reserved_fen == 900 && a.open_reservations == 2 && account_check(&a));
    account_resolve(&a, 700, 300);
    cr_assert(a.reserved_fen == 200 && a.committed_fen == 300 && a.open_reservations == 1 && account_check(&a));
    account_resolve(&a, 200, 0);
    cr_assert(a.reserved_fen == 0 && a.committed_fen == 300 && a.open_reservations == 0 && account_check(&a));
    cr_assert_eq(account_settle(&a, 301), STATUS_OVER_COMMITTED);
    cr_assert_eq(account_settle(&a, 300), STATUS_OK);
    cr_assert(a.committed_fen == 0 && a.settled_fen == 300);
    a.settled_fen = INT64_MAX - 1;
    a.committed_fen = 5;
    cr_assert_eq(account_settle(&a, 5), STATUS_OK, "reducing is always allowed");
    cr_assert_eq(a.settled_fen, INT64_MAX);
}

Test(ledger, instruments_are_pledged_once_and_withdrawn_without_holes) {
    account a = account_with(0);
    for (uint64_t id = 1; id <= LIMIT_INSTRUMENTS; id++) {
        operation op = pledge_of(id, (int64_t)id * 10, 0, NOW_HOUR + 10);
        cr_assert_eq(account_pledge(&a, &op, NOW_HOUR), STATUS_OK);
        cr_assert_eq(account_pledge(&a, &op, NOW_HOUR), STATUS_INSTRUMENT_EXISTS);
    }
    cr_assert_eq(a.instruments[0].from_hour, NOW_HOUR, "0 is from now");
    operation ninth = pledge_of(9, 90, 0, UINT32_MAX);
    cr_assert_eq(account_pledge(&a, &ninth, NOW_HOUR), STATUS_TOO_MANY_INSTRUMENTS);
    guarantee_terms terms = usual_terms();
    int64_t amount = 0;
    cr_assert_eq(account_withdraw(&a, 99, &terms, at_hour(NOW_HOUR), &amount), STATUS_UNKNOWN_INSTRUMENT);
    cr_assert_eq(account_withdraw(&a, 3, &terms, at_hour(NOW_HOUR), &amount), STATUS_OK);
    cr_assert(amount == 30 && a.instrument_count == 7 && a.instruments[2].id == 4 && account_check(&a));
    cr_assert_eq(account_pledge(&a, &ninth, NOW_HOUR), STATUS_OK);
    /* full again; the others ended at +10 and may be replaced 31 days later, the first of them first */
    operation tenth = pledge_of(10, 100, 0, UINT32_MAX);
    uint32_t late = NOW_HOUR + 10 + OPERATE_ENDED_HOURS;
    cr_assert_eq(account_pledge(&a, &tenth, late - 1), STATUS_TOO_MANY_INSTRUMENTS);
    cr_assert_eq(account_pledge(&a, &tenth, late), STATUS_OK);
    cr_assert(a.instrument_count == LIMIT_INSTRUMENTS && a.instruments[0].id == 2 && a.instruments[7].id == 10);
    cr_assert(account_check(&a));
}

Test(ledger, endless_instruments_are_never_dropped) {
    account a = account_with(0);
    for (uint64_t id = 1; id <= LIMIT_INSTRUMENTS; id++) {
        operation op = pledge_of(id, 1, 0, UINT32_MAX);
        cr_assert_eq(account_pledge(&a, &op, 1), STATUS_OK);
    }
    operation op = pledge_of(9, 1, 0, UINT32_MAX);
    cr_assert_eq(account_pledge(&a, &op, UINT32_MAX - 1), STATUS_TOO_MANY_INSTRUMENTS);
}

Test(ledger, a_withdrawal_must_leave_the_limit_above_used) {
    account a = account_with(0);
    operation valid = pledge_of(1, 1000, 0, UINT32_MAX), ended = pledge_of(2, 500, 1, NOW_HOUR),
              later = pledge_of(3, 500, NOW_HOUR + 1, UINT32_MAX);
    cr_assert_eq(account_pledge(&a, &valid, NOW_HOUR), STATUS_OK);
    cr_assert_eq(account_pledge(&a, &ended, 1), STATUS_OK);
    cr_assert_eq(account_pledge(&a, &later, NOW_HOUR), STATUS_OK);
    a.committed_fen = 1;
    guarantee_terms terms = usual_terms(), exempt = usual_terms();
    exempt.exempt = true;
    account before = a;
    int64_t amount = 0;
    cr_assert_eq(account_withdraw(&a, 1, &terms, at_hour(NOW_HOUR), &amount), STATUS_LIMIT_EXCEEDED);
    cr_assert_eq(account_withdraw(&a, 1, NULL, at_hour(NOW_HOUR), &amount), STATUS_LIMIT_EXCEEDED);
    cr_assert_arr_eq(&a, &before, sizeof a);
    a.committed_fen = 5000; /* far over the limit: what counts for nothing may still go */
    cr_assert_eq(account_withdraw(&a, 2, &terms, at_hour(NOW_HOUR), &amount), STATUS_OK);
    cr_assert_eq(account_withdraw(&a, 3, NULL, at_hour(NOW_HOUR), &amount), STATUS_OK);
    cr_assert_eq(account_withdraw(&a, 1, &exempt, at_hour(NOW_HOUR), &amount), STATUS_OK);
    cr_assert(a.instrument_count == 0 && account_check(&a));
}

Test(ledger, versions_wrap_past_zero) {
    account a = account_with(0);
    account_touch(&a);
    cr_assert_eq(a.seq, 2);
    a.seq = UINT32_MAX - 1;
    account_touch(&a);
    cr_assert_eq(a.seq, 2);
}

/* ------------------------------------------------------------------ requests */

static operation request(unsigned kind) {
    operation op = {.id = {{1, 2, 3}}, .subject = help_subject(1), .program = PROGRAM_POWER, .kind = (uint8_t)kind};
    switch (kind) {
    case OPERATION_RESERVE:
        op.amount_fen = 5;
        op.ttl_ms = 1000;
        break;
    case OPERATION_COMMIT:
        op.target.bytes[15] = 9;
        op.amount_fen = 5;
        break;
    case OPERATION_RELEASE: op.target.bytes[15] = 9; break;
    case OPERATION_SETTLE: op.amount_fen = 5; break;
    case OPERATION_PLEDGE: return pledge_of(7, 5, 1, UINT32_MAX);
    case OPERATION_AMEND:
        op.amount_fen = 5;
        op.instrument = 7;
        break;
    case OPERATION_FREEZE: memcpy(op.reference, "A-1", 3); break;
    case OPERATION_WITHDRAW: op.instrument = 7; break;
    case OPERATION_ENERGY:
        op.amount_fen = 5;
        op.energy.wholesale_2m_mwh = 1;
        op.energy.retail_2m_mwh = 2;
        op.forecast_gwh = 3;
        break;
    default: break;
    }
    return op;
}

/* Which of the 64 bytes a kind uses: a byte outside makes it BAD_ENTRY. */
Test(ledger, fields_that_a_kind_does_not_use_must_be_zero) {
    static const struct {
        unsigned from, to;
        const char *kinds; /* the kinds that use these bytes, by number */
    } fields[] = {{30, 31, "5"},    {31, 32, "123456789:"}, {32, 40, "124578"}, {40, 48, "2356789"},
                  {48, 56, "2379"}, {56, 60, "1578"},       {60, 64, "58"}}; /* ':' is 10 */
    for (unsigned kind = OPERATION_RESERVE; kind < OPERATION_KIND_END; kind++) {
        operation good = request(kind);
        cr_assert_eq(operate_form(&good), STATUS_OK, "%s", operation_name(kind));
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
            for (unsigned byte = fields[f].from; byte < fields[f].to; byte++) {
                operation op = good;
                ((uint8_t *)&op)[byte] ^= 1;
                bool used = strchr(fields[f].kinds, (int)('0' + kind)) != NULL;
                cr_assert_eq(operate_form(&op), used ? STATUS_OK : STATUS_BAD_ENTRY, "%s byte %u", operation_name(kind),
                             byte);
            }
    }
    operation op = request(0);
    cr_assert_eq(operate_form(&op), STATUS_BAD_ENTRY);
    op.kind = OPERATION_KIND_END;
    cr_assert_eq(operate_form(&op), STATUS_BAD_ENTRY);
    op = request(OPERATION_SETTLE);
    op.flags = OPERATION_LINKED << 1;
    cr_assert_eq(operate_form(&op), STATUS_BAD_ENTRY);
    op = request(OPERATION_SETTLE);
    memset(&op.id, 0, sizeof op.id);
    cr_assert_eq(operate_form(&op), STATUS_BAD_ENTRY);
    op = request(OPERATION_SETTLE);
    op.subject.bytes[0] = 3;
    cr_assert_eq(operate_form(&op), STATUS_BAD_SUBJECT);
}

Test(ledger, contents_are_checked) {
    static const struct {
        unsigned kind;
        int64_t amount;
        status expected;
    } amounts[] = {
        {OPERATION_RESERVE, 0, STATUS_BAD_AMOUNT},
        {OPERATION_RESERVE, -5, STATUS_BAD_AMOUNT},
        {OPERATION_RESERVE, LIMIT_AMOUNT_FEN, STATUS_OK},
        {OPERATION_RESERVE, LIMIT_AMOUNT_FEN + 1, STATUS_BAD_AMOUNT},
        {OPERATION_COMMIT, 0, STATUS_OK},
        {OPERATION_COMMIT, -1, STATUS_BAD_AMOUNT},
        {OPERATION_SETTLE, 0, STATUS_BAD_AMOUNT},
        {OPERATION_SETTLE, INT64_MAX, STATUS_BAD_AMOUNT},
        {OPERATION_PLEDGE, 0, STATUS_BAD_AMOUNT},
        {OPERATION_PLEDGE, INT64_MIN, STATUS_BAD_AMOUNT},
        {OPERATION_ENERGY, 0, STATUS_OK},
        {OPERATION_ENERGY, LIMIT_ENERGY_MWH, STATUS_OK},
        {OPERATION_ENERGY, LIMIT_ENERGY_MWH + 1, STATUS_BAD_AMOUNT},
        {OPERATION_ENERGY, -1, STATUS_BAD_AMOUNT},
    };
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        operation op = request(amounts[i].kind);
        op.amount_fen = amounts[i].amount;
        cr_assert_eq(operate_content(&op, NOW_HOUR), amounts[i].expected, "case %zu", i);
    }
    operation energy = request(OPERATION_ENERGY);
    energy.energy.retail_2m_mwh = -1;
    cr_assert_eq(operate_content(&energy, NOW_HOUR), STATUS_BAD_AMOUNT);
    energy = request(OPERATION_ENERGY);
    energy.forecast_gwh = 1000000000; /* 1e12 MWh exactly */
    cr_assert_eq(operate_content(&energy, NOW_HOUR), STATUS_OK);
    energy.forecast_gwh++;
    cr_assert_eq(operate_content(&energy, NOW_HOUR), STATUS_BAD_AMOUNT);
}

Test(ledger, pledges_are_checked) {
    static const struct {
        uint64_t id;
        uint8_t kind;
        uint32_t from, to;
        status expected;
    } cases[] = {
        {0, INSTRUMENT_BOND, 0, UINT32_MAX, STATUS_BAD_VALUE},
        {1, INSTRUMENT_NONE, 0, UINT32_MAX, STATUS_BAD_VALUE},
        {1, 4, 0, UINT32_MAX, STATUS_BAD_VALUE},
        {1, 255, 0, UINT32_MAX, STATUS_BAD_VALUE},
        {1, INSTRUMENT_BOND, 0, NOW_HOUR + 1, STATUS_OK},
        {1, INSTRUMENT_BOND, 0, NOW_HOUR, STATUS_BAD_VALIDITY}, /* ends as it begins */
        {1, INSTRUMENT_BOND, 1, NOW_HOUR, STATUS_BAD_VALIDITY}, /* has ended */
        {1, INSTRUMENT_BOND, 1, NOW_HOUR + 1, STATUS_OK},
        {1, INSTRUMENT_BOND, NOW_HOUR + 5, NOW_HOUR + 5, STATUS_BAD_VALIDITY},
        {1, INSTRUMENT_BOND, NOW_HOUR + 6, NOW_HOUR + 5, STATUS_BAD_VALIDITY},
        {1, INSTRUMENT_BOND, NOW_HOUR + 5, NOW_HOUR + 6, STATUS_OK},
        {1, INSTRUMENT_BOND, 0, 0, STATUS_BAD_VALIDITY},
        {UINT64_MAX, INSTRUMENT_GROUP_GUARANTEE, UINT32_MAX - 1, UINT32_MAX, STATUS_OK},
        {1, INSTRUMENT_BOND, UINT32_MAX, UINT32_MAX, STATUS_BAD_VALIDITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        operation op = pledge_of(cases[i].id, 5, cases[i].from, cases[i].to);
        op.instrument_kind = cases[i].kind;
        cr_assert_eq(operate_content(&op, NOW_HOUR), cases[i].expected, "case %zu", i);
    }
}

/* ------------------------------------------------------------------ images */

Test(ledger, an_account_comes_back_from_its_image) {
    account a = account_with(0), b;
    a.seq = 14;
    a.reserved_fen = 0x0102030405060708 % LEDGER_USED_MAX;
    a.open_reservations = 3;
    a.committed_fen = 77;
    a.settled_fen = INT64_MAX;
    a.energy_12m_mwh = LIMIT_ENERGY_MWH;
    a.forecast_12m_mwh = 5000;
    a.opened_ms = INT64_C(1795449600000);
    for (uint64_t id = 1; id <= 5; id++) {
        operation op = pledge_of(id << 56 | id, (int64_t)id, 0, NOW_HOUR + 1);
        cr_assert_eq(account_pledge(&a, &op, NOW_HOUR), STATUS_OK);
    }
    uint8_t image[ACCOUNT_IMAGE];
    account_encode(&a, image);
    cr_assert_eq(account_decode(image, &b), STATUS_OK);
    cr_assert_arr_eq(&a, &b, sizeof a);
    a.opened_ms = INT64_MAX;
    uint8_t never[ACCOUNT_IMAGE];
    account_encode(&a, never);
    cr_assert_eq(account_decode(never, &b), STATUS_CORRUPT, "a moment that cannot be");
    cr_assert_eq(image[0], 0x11, "program in the high nibble, kind in the low one");
    cr_assert_eq(image[24], 77, "little-endian");
    cr_assert_eq(image[128 + 32], 2);
    cr_assert_eq(image[128 + 32 + 7], 2);
}

Test(ledger, damaged_accounts_are_not_decoded) {
    static const struct {
        unsigned byte;
        uint8_t value;
        const char *what;
    } damage[] = {
        {0, 0x01, "no program"},
        {0, 0x13, "unknown kind"},
        {12, 1, "odd sequence"},
        {23, 0x80, "negative reserved"},
        {16, 0, "open without amount"},
        {80, 0, "amount without open"},
        {31, 0x80, "negative committed"},
        {39, 0x80, "negative settled"},
        {46, 1, "too much energy"},
        {79, 0x80, "negative time"},
        {84, 9, "nine instruments"},
        {84, 1, "an instrument beyond the count"},
        {88, 4, "unknown flag"},
        {89, 4, "warned of level 4"},
        {92, 1, "a reference that belongs to memory"},
        {96, 'x', "a reference of a freeze, not frozen"},
        {112, 1, "reserved byte"},
        {128, 2, "the same instrument twice"},
        {143, 0x80, "negative amount"},
        {152, 4, "unknown instrument kind"},
        {153, 4, "unknown alert of an instrument"},
        {154, 1, "reserved byte of an instrument"},
        {383, 1, "an empty place in use"},
        {148, 0, "validity"},
    };
    account a = account_with(0), b;
    a.reserved_fen = 5;
    a.open_reservations = 1;
    for (uint64_t id = 1; id <= 2; id++) {
        operation op = pledge_of(id, 5, 1, 2);
        cr_assert_eq(account_pledge(&a, &op, 1), STATUS_OK);
    }
    uint8_t image[ACCOUNT_IMAGE];
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        account_encode(&a, image);
        cr_assert_eq(account_decode(image, &b), STATUS_OK);
        cr_assert_neq(image[damage[i].byte], damage[i].value);
        image[damage[i].byte] = damage[i].value;
        cr_assert_eq(account_decode(image, &b), STATUS_CORRUPT, "%s", damage[i].what);
    }
}

Test(ledger, an_operation_comes_back_from_its_image) {
    for (unsigned kind = OPERATION_RESERVE; kind < OPERATION_KIND_END; kind++) {
        bool open = kind == OPERATION_RESERVE;
        operation_entry e = {.request = request(kind), .at_ms = 1000, .state = open ? OPERATION_OPEN : OPERATION_FINAL};
        e.resolved_s = open ? 0 : 1;
        e.warning = 2;
        e.flags = 9;
        e.account_version = 0x01020304;
        e.amount_fen = e.request.amount_fen;
        e.limit_fen = 1;
        e.used_fen = 3;
        e.committed_fen = 2;
        e.life_ms = open ? 1000 : 0;
        uint8_t image[OPERATION_IMAGE];
        operation_entry back;
        operation_entry_encode(&e, image);
        cr_assert_eq(operation_entry_decode(image, &back), STATUS_OK, "%s", operation_name(kind));
        cr_assert_arr_eq(&e, &back, sizeof e);
        cr_assert_eq(image[104], 4, "little-endian");
    }
}

Test(ledger, damaged_operations_are_not_decoded) {
    static const struct {
        unsigned byte;
        uint8_t value;
        const char *what;
    } damage[] = {
        {29, 0, "unknown kind"},
        {16, 0, "no subject"},
        {28, 0, "granted in no program"},
        {28, 16, "granted in no program"},
        {63, 1, "unused field"},
        {31, 2, "unknown flag"},
        {112, 220, "an environment's failure kept"},
        {112, 142, "a refusal that is open"},
        {114, 1, "granted, and violated"},
        {116, 4, "warning 4"},
        {72, 6, "granted another amount"},
        {87, 0x80, "negative limit"},
        {96, 1, "more committed than used"},
        {108, 0, "without a life"},
        {71, 0x80, "negative time"},
        {118, 0, "granted but final"},
        {118, 5, "unknown state"},
        {119, 1, "reserved byte"},
        {120, 1, "open and resolved"},
        {124, 1, "open and ended by a version"},
        {118, 2, "committed and not resolved"},
    };
    operation_entry e = {.request = request(OPERATION_RESERVE), .at_ms = 255, .state = OPERATION_OPEN}, back;
    e.amount_fen = 5;
    e.life_ms = 7;
    uint8_t image[OPERATION_IMAGE];
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        operation_entry_encode(&e, image);
        cr_assert_eq(operation_entry_decode(image, &back), STATUS_OK);
        image[damage[i].byte] = damage[i].value;
        cr_assert_eq(operation_entry_decode(image, &back), STATUS_CORRUPT, "%s", damage[i].what);
    }
}

Test(ledger, keys_are_reversible) {
    subject_id subject = help_subject(4711);
    for (unsigned program = 1; program <= PROGRAM_MAX; program++) {
        account a = {.key = account_key(&subject, program)};
        subject_id back = account_subject(&a);
        cr_assert_eq(account_program(&a), program);
        cr_assert(subject_equal(&back, &subject));
    }
}

Test(ledger, names) {
    cr_assert_str_eq(operation_name(OPERATION_ENERGY), "energy");
    cr_assert_null(operation_name(0));
    cr_assert_str_eq(operation_name(OPERATION_UNFREEZE), "unfreeze");
    cr_assert_null(operation_name(OPERATION_KIND_END));
    cr_assert_str_eq(instrument_name(INSTRUMENT_GROUP_GUARANTEE), "group_guarantee");
    cr_assert_null(instrument_name(0));
    cr_assert_null(instrument_name(4));
    cr_assert_str_eq(operation_state_name(OPERATION_EXPIRED), "expired");
    cr_assert_null(operation_state_name(5));
}
