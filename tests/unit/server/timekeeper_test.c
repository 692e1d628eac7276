/* The ledger's clock over clocks that a test sets: steps, drift, restarts, reboots, readers on other threads. */
#include "server/timekeeper.h"
#include "tests/unit/engine_help.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define HOUR (3600 * S)
#define NOON (INT64_C(1795492800) * S) /* some day of 2026 */

typedef struct clocks {
    _Atomic int64_t wall, boot;
} clocks;

static int64_t wall_of(void *context) { return atomic_load(&((clocks *)context)->wall); }
static int64_t boot_of(void *context) { return atomic_load(&((clocks *)context)->boot); }

static timekeeper_sources sources_of(clocks *c, uint8_t boot) {
    timekeeper_sources s = {.wall_ns = wall_of, .boot_ns = boot_of, .context = c};
    if (boot != 0) memset(s.boot_id, boot, sizeof s.boot_id);
    return s;
}

static void pass(clocks *c, int64_t ns) {
    atomic_fetch_add(&c->wall, ns);
    atomic_fetch_add(&c->boot, ns);
}

/* Seconds of running, looked at as the commit thread does. */
static void run(timekeeper *t, clocks *c, unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        pass(c, S);
        timekeeper_look(t);
    }
}

static const clock_mark nothing;

static timekeeper fresh(clocks *c) {
    timekeeper t;
    timekeeper_sources s = sources_of(c, 7);
    cr_assert_eq(timekeeper_start(&t, &s, &nothing, false), TIMEKEEPER_FRESH);
    return t;
}

static timekeeper_begin again(timekeeper *t, clocks *c, uint8_t boot, bool take) {
    clock_mark mark;
    timekeeper_mark(t, &mark);
    timekeeper_sources s = sources_of(c, boot);
    return timekeeper_start(t, &s, &mark, take);
}

Test(timekeeper, begins_with_the_wall_clock_and_passes_as_time_does) {
    clocks c = {NOON, 50 * S};
    timekeeper t = fresh(&c);
    cr_expect_eq(timekeeper_now_ms(&t), NOON / MS);
    pass(&c, 1234 * MS);
    cr_expect_eq(timekeeper_now_ms(&t), NOON / MS + 1234);
    cr_expect_eq(timekeeper_offset_ms(&t), 0);
}

/* 300 s of a reservation are 300 s within 0.15 s, whatever becomes of the wall clock. */
Test(timekeeper, a_step_moves_nothing) {
    const int64_t steps[] = {HOUR, -HOUR, 48 * HOUR, -5000 * HOUR, 1001 * MS};
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        clocks c = {NOON, 50 * S};
        timekeeper t = fresh(&c);
        run(&t, &c, 10);
        int64_t before = timekeeper_now_ms(&t);
        atomic_fetch_add(&c.wall, steps[i]);
        cr_expect_eq(timekeeper_now_ms(&t), before);
        run(&t, &c, 300);
        int64_t passed = timekeeper_now_ms(&t) - before, slewed = steps[i] > 0 ? 149 : -149;
        cr_expect(passed - 300000 >= slewed - 1 && passed - 300000 <= slewed + 1, "step %lld: %lld ms in 300 s",
                  (long long)steps[i], (long long)passed);
        int64_t want = steps[i] / MS - (passed - 300000), got = timekeeper_offset_ms(&t);
        cr_expect(got >= want - 2 && got <= want + 2, "offset %lld, not %lld", (long long)got, (long long)want);
    }
}

Test(timekeeper, drift_is_followed) {
    for (int ppm = -400; ppm <= 400; ppm += 100) {
        clocks c = {NOON, 0};
        timekeeper t = fresh(&c);
        for (unsigned i = 0; i < 7200; i++) {
            atomic_fetch_add(&c.wall, S + ppm * 1000);
            atomic_fetch_add(&c.boot, S);
            timekeeper_look(&t);
        }
        int64_t apart = atomic_load(&c.wall) / MS - timekeeper_now_ms(&t);
        cr_expect(apart >= -6 && apart <= 6, "%d ppm: %lld ms apart after two hours", ppm, (long long)apart);
    }
}

Test(timekeeper, small_differences_go_away) {
    clocks c = {NOON, 0};
    timekeeper t = fresh(&c);
    atomic_fetch_add(&c.wall, 900 * MS);
    run(&t, &c, 2000);
    int64_t apart = atomic_load(&c.wall) / MS - timekeeper_now_ms(&t);
    cr_expect(apart >= -1 && apart <= 1, "%lld ms apart", (long long)apart);
    cr_expect_leq(timekeeper_offset_ms(&t), 1);
}

Test(timekeeper, a_restart_within_the_boot_continues_exactly) {
    const int64_t steps[] = {0, HOUR, -HOUR, -90000 * HOUR};
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        clocks c = {NOON, 50 * S};
        timekeeper t = fresh(&c);
        run(&t, &c, 5);
        int64_t before = timekeeper_now_ms(&t);
        clock_mark mark;
        timekeeper_mark(&t, &mark);
        pass(&c, 3217 * MS);
        atomic_fetch_add(&c.wall, steps[i]);
        timekeeper_sources s = sources_of(&c, 7);
        cr_expect_eq(timekeeper_start(&t, &s, &mark, false), TIMEKEEPER_CONTINUED);
        cr_expect_eq(timekeeper_now_ms(&t), before + 3217);
        cr_expect_eq(timekeeper_offset_ms(&t), steps[i] / MS);
    }
}

Test(timekeeper, after_a_boot_it_is_the_wall_clock_but_never_before) {
    clocks c = {NOON, 50 * S};
    timekeeper t = fresh(&c);
    run(&t, &c, 100);
    int64_t last = timekeeper_now_ms(&t);
    clocks later = {NOON + HOUR, 5 * S};
    cr_expect_eq(again(&t, &later, 8, false), TIMEKEEPER_WALL);
    cr_expect_eq(timekeeper_now_ms(&t), NOON / MS + 3600000);

    clocks c2 = {NOON, 50 * S};
    t = fresh(&c2);
    run(&t, &c2, 100);
    clock_mark mark;
    timekeeper_mark(&t, &mark);
    clocks earlier = {NOON - HOUR, 5 * S};
    timekeeper_sources s = sources_of(&earlier, 8);
    cr_expect_eq(timekeeper_start(&t, &s, &mark, false), TIMEKEEPER_HELD);
    cr_expect_eq(timekeeper_now_ms(&t), last);
    cr_expect_eq(timekeeper_offset_ms(&t), NOON / MS - 3600000 - last);
    pass(&earlier, S);
    cr_expect_eq(timekeeper_now_ms(&t), last + 1000);
}

Test(timekeeper, a_boot_that_cannot_be_the_same_is_another) {
    clocks c = {NOON, 50 * S};
    timekeeper t = fresh(&c);
    run(&t, &c, 100);
    clock_mark mark;
    timekeeper_mark(&t, &mark);
    clocks behind = {NOON + HOUR, 49 * S}; /* the same name, but an earlier boot clock */
    timekeeper_sources s = sources_of(&behind, 7);
    cr_expect_eq(timekeeper_start(&t, &s, &mark, false), TIMEKEEPER_WALL);

    clocks unknown = {NOON + HOUR, 500 * S}; /* no name at all, twice */
    s = sources_of(&unknown, 0);
    memset(mark.boot_id, 0, sizeof mark.boot_id);
    cr_expect_eq(timekeeper_start(&t, &s, &mark, false), TIMEKEEPER_WALL);
    cr_expect_eq(timekeeper_now_ms(&t), NOON / MS + 3600000);
}

Test(timekeeper, the_clock_is_taken_when_asked) {
    for (int h = -1; h <= 1; h += 2) {
        clocks c = {NOON, 50 * S};
        timekeeper t = fresh(&c);
        run(&t, &c, 10);
        atomic_fetch_add(&c.wall, h * HOUR);
        cr_expect_eq(again(&t, &c, 7, true), TIMEKEEPER_TAKEN);
        cr_expect_eq(timekeeper_now_ms(&t), atomic_load(&c.wall) / MS);
        cr_expect_eq(timekeeper_offset_ms(&t), 0);
    }
}

/* Whatever the wall clock does, a reading is never before the one before it, and a span is what the boot clock says
 * within 500 ppm; over restarts as well. */
Test(timekeeper, never_goes_back) {
    uint64_t random = help_seed("never_goes_back");
    for (unsigned round = 0; round < 200; round++) {
        clocks c = {NOON, 50 * S};
        timekeeper t = fresh(&c);
        int64_t last = timekeeper_now_ms(&t), began_boot = atomic_load(&c.boot), began = last;
        for (unsigned i = 0; i < 500; i++) {
            pass(&c, help_below(&random, 3000) * MS / 2);
            if (help_below(&random, 10) == 0)
                atomic_fetch_add(&c.wall,
                                 ((int64_t)help_below(&random, 20000) - 10000) * (MS << help_below(&random, 15)));
            if (help_below(&random, 3) != 0) timekeeper_look(&t);
            if (help_below(&random, 50) == 0) cr_assert_eq(again(&t, &c, 7, false), TIMEKEEPER_CONTINUED);
            int64_t now = timekeeper_now_ms(&t);
            cr_assert_geq(now, last);
            last = now;
        }
        int64_t passed = (atomic_load(&c.boot) - began_boot) / MS, told = last - began;
        cr_assert(told - passed <= passed / 2000 + 1 && passed - told <= passed / 2000 + 1, "%lld ms told as %lld",
                  (long long)passed, (long long)told);
    }
}

/* ------------------------------------------------------------------ the log */

static unsigned count_lines(const char *path, const char *what) {
    FILE *f = fopen(path, "r");
    char line[1024];
    unsigned n = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) n += strstr(line, what) != NULL;
    if (f != NULL) fclose(f);
    return n;
}

Test(timekeeper, steps_are_logged_once_and_not_more_than_once_a_minute) {
    char path[64];
    int fd = memfd_create("log", 0), kept = dup(2);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    cr_assert(fd >= 0 && kept >= 0);
    dup2(fd, 2);
    clocks c = {NOON, 50 * S};
    timekeeper t = fresh(&c);
    run(&t, &c, 10);
    unsigned none = count_lines(path, "clock_stepped");
    atomic_fetch_add(&c.wall, HOUR);
    run(&t, &c, 2 * 3600); /* slews by more than a second meanwhile, which is no step */
    unsigned one = count_lines(path, "clock_stepped by_ms=3600000"), all = count_lines(path, "clock_stepped");
    for (unsigned i = 0; i < 100; i++) {
        atomic_fetch_add(&c.wall, 5 * S);
        run(&t, &c, 1);
    }
    unsigned many = count_lines(path, "clock_stepped");
    dup2(kept, 2);
    close(fd), close(kept);
    cr_expect_eq(none, 0);
    cr_expect_eq(one, 1);
    cr_expect_eq(all, 1, "%u lines", all);
    cr_expect_eq(many, 3, "%u lines", many);
}

/* ------------------------------------------------------------------ threads */

typedef struct shared {
    timekeeper t;
    clocks c;
    atomic_bool stop;
    atomic_uint backwards;
} shared;

static void *read_on(void *arg) {
    shared *x = arg;
    int64_t last = 0;
    while (!atomic_load(&x->stop)) {
        int64_t now = timekeeper_now_ms(&x->t);
        if (now < last) atomic_fetch_add(&x->backwards, 1);
        last = now;
    }
    return NULL;
}

Test(timekeeper, readers_on_other_threads_see_no_half_bend) {
    static shared x;
    x.c = (clocks){NOON, 50 * S};
    x.t = fresh(&x.c);
    pthread_t readers[3];
    for (unsigned i = 0; i < 3; i++) cr_assert_eq(pthread_create(&readers[i], NULL, read_on, &x), 0);
    for (unsigned i = 0; i < 200000; i++) {
        pass(&x.c, 1001 * MS);
        if (i % 7 == 0) atomic_fetch_add(&x.c.wall, i % 2 == 0 ? HOUR : -HOUR);
        timekeeper_look(&x.t);
    }
    atomic_store(&x.stop, true);
    for (unsigned i = 0; i < 3; i++) pthread_join(readers[i], NULL);
    cr_expect_eq(atomic_load(&x.backwards), 0);
}

Test(timekeeper, the_machine_has_such_clocks) {
    timekeeper t;
    timekeeper_sources s;
    timekeeper_machine(&s);
    timekeeper_start(&t, &s, &nothing, false);
    int64_t wall = clock_wall_ms(), now = timekeeper_now_ms(&t);
    cr_expect(now - wall < 1000 && wall - now < 1000);
    clock_mark mark;
    timekeeper_mark(&t, &mark);
    cr_expect(mark.boot_ns > 0 && mark.ledger_ns / MS >= now);
    timekeeper_start(&t, &s, &mark, false);
    cr_expect_geq(timekeeper_now_ms(&t), now);
}
