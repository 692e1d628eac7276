/* The mark of the ledger's clock: what is put into a group comes back at a start. */
#include "engine/clock_mark.h"
#include "engine/engine.h"
#include "tests/unit/engine_help.h"

#include <criterion/criterion.h>

static engine *new_engine(void) {
    engine *e;
    engine_options space = {.max_subjects = 1 << 16, .max_accounts = 1 << 12, .seed = 1};
    cr_assert_eq(engine_create(&space, &e), STATUS_OK);
    return e;
}

static const clock_mark some = {.boot_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                                .boot_ns = 77,
                                .ledger_ns = 1795492800000000000};

static void remember(engine *e, buf *changes) {
    txn *t;
    buf history = {0};
    cr_assert_eq(txn_create(e, &t), STATUS_OK);
    txn_begin(t, 1795492800000);
    cr_assert_eq(txn_size(t), 0);
    cr_assert_eq(txn_remember_clock(t, &some), STATUS_OK);
    cr_assert_eq(txn_size(t), CLOCK_MARK_BYTES);
    cr_assert_eq(txn_changes(t, changes, &history), STATUS_OK);
    cr_assert_eq(changes->size, CLOCK_MARK_BYTES);
    cr_assert_eq(history.size, 0);
    txn_publish(t, 1);
    buf_deinit(&history);
    txn_destroy(&t);
}

Test(clock_mark, comes_back) {
    engine *e = new_engine(), *again = new_engine();
    buf changes = {0};
    cr_expect_eq(engine_clock_mark(e)->ledger_ns, 0);
    remember(e, &changes);
    size_t at = 0;
    change record;
    cr_assert_eq(change_next(changes.data, changes.size, &at, &record), STATUS_OK);
    cr_assert_eq(engine_apply(again, &record), STATUS_OK);
    cr_assert_eq(engine_recovered(again), STATUS_OK);
    cr_expect(memcmp(engine_clock_mark(again), &some, sizeof some) == 0);
    buf_deinit(&changes);
    engine_destroy(&e);
    engine_destroy(&again);
}

Test(clock_mark, what_is_no_mark_is_corrupt) {
    engine *e = new_engine();
    buf changes = {0};
    remember(e, &changes);
    size_t at = 0;
    change record;
    cr_assert_eq(change_next(changes.data, changes.size, &at, &record), STATUS_OK);
    uint8_t value[64];
    for (unsigned what = 0; what < 5; what++) {
        change bad = record;
        memcpy(value, record.value, record.value_length);
        bad.value = value;
        if (what == 0) value[0] = 2;                                     /* another version */
        if (what == 1) bad.value_length--;                               /* cut off */
        if (what == 2) memset(value + record.value_length - 8, 0, 8);    /* no time */
        if (what == 3) value[record.value_length - 9] = 0xFF;            /* before the boot */
        if (what == 4) memset(value + record.value_length - 8, 0x7F, 8); /* time could not go on */
        cr_expect_eq(engine_apply(e, &bad), STATUS_CORRUPT, "%u", what);
    }
    cr_expect_eq(engine_clock_mark(e)->ledger_ns, 0);
    buf_deinit(&changes);
    engine_destroy(&e);
}
