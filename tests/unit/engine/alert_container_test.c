/* The container of open alerts, and its images. */
#include "engine/state.h"
#include "tests/unit/alert_world.h"

/* ------------------------------------------------------------------ images */

Test(alert_container, damaged_records_are_refused) {
    world w = world_started();
    world_granted(world_once(&w, OPERATION_FREEZE, 1, 0));
    alert a;
    cr_assert_eq(alerts_after(engine_alerts(w.e), 0, &a, 1), 1);
    uint8_t key[KEY_ALERT], value[1 + ALERT_IMAGE] = {IMAGE_ALERT};
    alerts_put_key(1, key);
    alert_encode(&a, value + 1);
    alert again;
    cr_assert_eq(alert_decode(value + 1, &again), STATUS_OK);
    cr_assert_arr_eq(&a, &again, sizeof a);
    change c = {CHANGE_ALERTS, key, sizeof key, value, sizeof value, false};
    cr_assert_eq(engine_apply(w.e, &c), STATUS_OK, "twice is harmless");
    struct {
        unsigned at;
        uint8_t byte;
    } damage[] = {{0, 2},      {1, 2},  {1 + 16, 9}, {1 + 28, 0},   {1 + 28, 16}, {1 + 29, 0}, {1 + 29, 9},
                  {1 + 29, 1}, {31, 1}, {32, 1},     {1 + 47, 128}, {1 + 72, 1},  {1 + 80, 1}, {1 + 95, 1}};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        uint8_t kept = value[damage[i].at];
        value[damage[i].at] = damage[i].byte;
        cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT, "case %zu", i);
        value[damage[i].at] = kept;
    }
    c.value_length--;
    cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT);
    c.value_length++;
    c.key_length--;
    cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT);
    uint8_t numbers[ALERTS_IMAGE] = {IMAGE_ALERT + 1};
    c = (change){CHANGE_STATE, (const uint8_t *)STATE_ALERTS, strlen(STATE_ALERTS), numbers, sizeof numbers, false};
    cr_assert_eq(engine_apply(w.e, &c), STATUS_CORRUPT);
    cr_assert_eq(alerts_count(engine_alerts(w.e)), 1);
    world_check(w.e);
    world_close(&w);
}

/* ------------------------------------------------------------------ the container */

static alert numbered(uint64_t number) {
    return (alert){.number = number, .subject = help_subject(1), .program = 1, .kind = ALERT_FROZEN};
}

/* Against a row of flags, in any order of loading and acknowledging. */
Test(alert_container, the_container) {
    enum { N = 3000 };
    static bool open[N + 1];
    uint64_t random = help_seed("alert_container");
    alerts *a;
    char problem[128] = "";
    cr_assert_eq(alerts_create(N, &a), STATUS_OK);
    uint64_t newest = 0;
    size_t count = 0;
    for (unsigned step = 0; step < 30000; step++) {
        uint64_t number = 1 + help_below(&random, N);
        unsigned kind = help_below(&random, 8);
        if (kind == 0 && newest < N) {
            cr_assert_eq(alerts_reserve(a, 1), STATUS_OK);
            newest++;
            alert added = numbered(newest);
            alerts_add(a, &added);
            open[newest] = true;
            count++;
        } else if (kind < 4 && number <= newest) {
            alert loaded = numbered(number);
            cr_assert_eq(alerts_load(a, &loaded), STATUS_OK);
            count += !open[number];
            open[number] = true;
        } else if (kind >= 4 && number <= newest) {
            cr_assert_eq(alerts_remove(a, number), open[number]);
            count -= open[number];
            open[number] = false;
        }
        cr_assert_eq(alerts_find(a, number) != NULL, open[number]);
        cr_assert_eq(alerts_count(a), count);
        cr_assert_eq(alerts_newest(a), newest);
        if (step % 500 != 0) continue;
        cr_assert(alerts_check(a, problem, sizeof problem), "%s", problem);
        alert page[7];
        uint64_t after = 0;
        size_t n, seen = 0;
        while ((n = alerts_after(a, after, page, 7)) > 0)
            for (size_t i = 0; i < n; i++, seen++) {
                for (after++; !open[after]; after++) {
                }
                cr_assert_eq(page[i].number, after);
            }
        cr_assert_eq(seen, count);
    }
    for (uint64_t number = 1; number <= newest; number++)
        if (number % 50 != 0) alerts_remove(a, number);
    cr_assert(alerts_check(a, problem, sizeof problem), "%s", problem);
    cr_assert_leq(alerts_count(a), N / 50);
    cr_assert_lt(alerts_bytes(a), 60000, "leaves that are nearly empty become one");
    for (uint64_t number = 1; number <= newest; number++) alerts_remove(a, number);
    cr_assert_eq(alerts_count(a), 0);
    cr_assert_lt(alerts_bytes(a), 40000, "memory follows what is open");
    alert none_left;
    cr_assert_eq(alerts_after(a, 0, &none_left, 1), 0);
    cr_assert_eq(alerts_after(a, UINT64_MAX, &none_left, 1), 0);
    alerts_destroy(&a);
    cr_assert_null(a);
}

/* What a damaged directory may hold. */
Test(alert_container, numbers_and_moments_that_cannot_be) {
    alerts *a;
    uint8_t image[ALERT_IMAGE];
    alert read, one = {.number = ALERT_NUMBER_MAX, .at_ms = LEDGER_TIME_MAX_MS, .program = 1, .kind = ALERT_TOPUP};
    const char *text = "id:530000199001010011";
    subject_parse(text, strlen(text), INT32_MAX, &one.subject);
    one.due_ms = LEDGER_TIME_MAX_MS;
    alert_encode(&one, image);
    cr_assert_eq(alert_decode(image, &read), STATUS_OK);
    for (unsigned what = 0; what < 3; what++) {
        alert bad = one;
        if (what == 0) bad.number++;
        if (what == 1) bad.at_ms++;
        if (what == 2) bad.due_ms = INT64_MAX;
        alert_encode(&bad, image);
        cr_assert_eq(alert_decode(image, &read), STATUS_CORRUPT, "%u", what);
    }
    cr_assert_eq(alerts_create(10, &a), STATUS_OK);
    buf numbers = {0};
    for (unsigned what = 0; what < 2; what++) {
        change record;
        size_t at = 0;
        buf_clear(&numbers);
        alerts_append_numbers(&numbers, ALERT_NUMBER_MAX + what, UINT64_MAX);
        cr_assert_eq(change_next(numbers.data, numbers.size, &at, &record), STATUS_OK);
        cr_assert_eq(alerts_apply(a, &record), what == 0 ? STATUS_OK : STATUS_CORRUPT);
    }
    buf_deinit(&numbers);
    alerts_destroy(&a);
}

Test(alert_container, names) {
    cr_assert_null(alert_kind_name(0));
    cr_assert_null(alert_kind_title(ALERT_KIND_END));
    for (unsigned k = 1; k < ALERT_KIND_END; k++) cr_assert(alert_kind_name(k) != NULL && alert_kind_title(k) != NULL);
    cr_assert_str_eq(alert_kind_name(ALERT_TOPPED_UP), "topped_up");
    cr_assert_str_eq(alert_kind_title(ALERT_OVERDUE), "逾期未补缴");
}
