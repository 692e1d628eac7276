/* The board of open alerts against a naive model, and read by other threads while it changes. Containers are the
 * engine's own. */
#include "engine/alert_internal.h"
#include "server/watch.h"
#include "server/worker.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static server s;
static alerts *open;
static uint64_t newest;

static void start(size_t limit) {
    s = (server){0};
    newest = 0;
    cr_assert_eq(watch_init(&s), STATUS_OK);
    cr_assert_eq(alerts_create(limit, &open), STATUS_OK);
}

static void stop(void) {
    watch_deinit(&s);
    alerts_destroy(&open);
}

static void raise_alert(void) {
    newest++;
    alert a = {.number = newest, .kind = ALERT_FROZEN, .program = 1, .at_ms = (int64_t)(newest * 7)};
    cr_assert_eq(alerts_reserve(open, 1), STATUS_OK);
    alerts_add(open, &a);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* All of the board, read in pages of this size from here. */
static void expect_board(uint64_t after, size_t page) {
    alert want[4096], got[64];
    size_t n = alerts_after(open, after, want, 4096), seen = 0;
    cr_assert_leq(page, 64);
    for (size_t count = page; count == page;) {
        uint64_t before = after;
        count = watch_read(&s, &after, (uint8_t *)got, page);
        cr_assert_leq(seen + count, n, "%zu more than %zu", seen + count, n);
        cr_assert_geq(after, before);
        for (size_t i = 0; i < count; i++, seen++)
            cr_assert(memcmp(&got[i], &want[seen], sizeof got[i]) == 0, "%" PRIu64 " instead of %" PRIu64,
                      got[i].number, want[seen].number);
        if (count == page) cr_assert_eq(after, got[count - 1].number);
    }
    cr_assert_eq(seen, n);
    cr_assert_geq(after, watch_newest(&s), "what comes next has a higher number");
    cr_assert_eq(watch_count(&s), alerts_count(open));
    cr_assert_eq(watch_newest(&s), newest);
}

Test(watch, empty) {
    start(100);
    watch_take(&s, open);
    expect_board(0, 1);
    raise_alert();
    watch_take(&s, open);
    expect_board(0, 1);
    expect_board(1, 1);
    alerts_remove(open, 1);
    watch_leaving(&s, 1);
    watch_take(&s, open);
    expect_board(0, 1);
    watch_leaving(&s, 0);
    watch_leaving(&s, 1);
    watch_leaving(&s, 99);
    raise_alert();
    watch_take(&s, open);
    expect_board(0, 1);
    stop();
}

/* Raises, acknowledges with and without saying so, with hints that are wrong, and lets the oldest give way. */
static void run_model(uint64_t seed, size_t limit) {
    fprintf(stderr, "seed %" PRIu64 "\n", seed);
    uint64_t random = seed;
    start(limit);
    for (unsigned step = 0; step < 3000; step++) {
        alert first;
        for (uint64_t n = next_random(&random) % 8; n > 0; n--) raise_alert();
        while (alerts_count(open) > limit && alerts_after(open, 0, &first, 1) == 1) alerts_remove(open, first.number);
        for (uint64_t n = next_random(&random) % 9; n > 0 && newest > 0; n--) {
            uint64_t number = newest - next_random(&random) % (newest < 600 ? newest : 600);
            bool was_open = alerts_remove(open, number);
            uint64_t hint = next_random(&random) % 16;
            if (was_open ? hint != 0 : hint == 1) watch_leaving(&s, number);
            if (hint == 2) watch_leaving(&s, number + 1);
        }
        watch_take(&s, open);
        expect_board(next_random(&random) % (newest + 2), 1 + next_random(&random) % 64);
        if (next_random(&random) % 400 == 0) {
            while (alerts_after(open, 0, &first, 1) == 1) {
                alerts_remove(open, first.number);
                watch_leaving(&s, first.number);
            }
        }
    }
    stop();
}

Test(watch, like_the_container) {
    for (unsigned i = 0; i < 3; i++) run_model((uint64_t)time(NULL) * 1000 + i + 1, i == 0 ? 4000 : i == 1 ? 100 : 1);
}

/* ------------------------------------------------------------------ threads */

#define RAISED 60000u

static atomic_bool over;

/* Follows: every number at most once, in order; none is missing that was never acknowledged (every third). */
static void *follow_board(void *arg) {
    uint64_t after = 0, last_kept = 0;
    alert got[50];
    char *problem = arg;
    while (problem[0] == '\0') {
        bool last = atomic_load(&over);
        size_t n = watch_read(&s, &after, (uint8_t *)got, 50);
        for (size_t i = 0; i < n; i++) {
            if (got[i].at_ms != (int64_t)(got[i].number * 7)) snprintf(problem, 64, "a torn alert");
            if (got[i].number % 3 != 0) continue;
            if (got[i].number != last_kept + 3) snprintf(problem, 64, "%" PRIu64 " is missing", last_kept + 3);
            last_kept = got[i].number;
        }
        if (last && n == 0) break;
    }
    if (problem[0] == '\0' && last_kept != RAISED) snprintf(problem, 64, "it ended at %" PRIu64, last_kept);
    return NULL;
}

Test(watch, read_while_it_changes) {
    pthread_t threads[2];
    char problems[2][64] = {"", ""};
    start(1 << 20);
    atomic_store(&over, false);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, follow_board, problems[i]);
    for (unsigned i = 0; i < RAISED; i++) {
        raise_alert();
        if (i >= 1000 && (newest - 1000) % 3 != 0) {
            alerts_remove(open, newest - 1000);
            if (i % 64 != 0) watch_leaving(&s, newest - 1000);
        }
        if (i % 7 == 0) watch_take(&s, open);
    }
    watch_take(&s, open);
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    cr_assert_str_eq(problems[0], "");
    cr_assert_str_eq(problems[1], "");
    stop();
}
