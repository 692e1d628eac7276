/* What was retired is freed after every registered reader has passed, and not before. */
#include "base/rcu.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

static atomic_int freed;

static void count_and_free(void *object) {
    atomic_fetch_add(&freed, 1);
    free(object);
}

static void sleep_ms(long ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL); }

static void retire_one(void) {
    void *object = malloc(16);
    cr_assert_not_null(object);
    rcu_retire(object, count_and_free);
}

static bool freed_within(int count, int ms) {
    for (int i = 0; i < ms && atomic_load(&freed) < count; i++) sleep_ms(1);
    return atomic_load(&freed) == count;
}

Test(rcu, without_readers_everything_is_freed) {
    rcu_retire(NULL, count_and_free);
    for (int i = 0; i < 1000; i++) retire_one();
    rcu_drain();
    cr_assert_eq(atomic_load(&freed), 1000);
}

static atomic_int stage; /* of the reader: what it has done */
static atomic_int wanted;

static void *reader(void *argument) {
    (void)argument;
    rcu_enter();
    for (int next = 1; next <= 4; next++) {
        atomic_store(&stage, next);
        while (atomic_load(&wanted) < next) sleep_ms(1);
        if (next == 1) rcu_pass();
        if (next == 2) rcu_rest();
        if (next == 3) rcu_wake();
        if (next == 4) rcu_leave();
    }
    atomic_store(&stage, 5);
    return NULL;
}

static void let(int step) {
    atomic_store(&wanted, step);
    while (atomic_load(&stage) <= step) sleep_ms(1);
}

Test(rcu, a_reader_holds_back_what_was_retired_until_it_passes_rests_or_leaves, .timeout = 30) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, reader, NULL), 0);
    while (atomic_load(&stage) < 1) sleep_ms(1);
    retire_one();
    cr_assert_not(freed_within(1, 100));
    let(1); /* passes */
    cr_assert(freed_within(1, 5000));
    retire_one();
    cr_assert_not(freed_within(2, 100));
    let(2); /* rests */
    cr_assert(freed_within(2, 5000));
    retire_one();
    cr_assert(freed_within(3, 5000)); /* nobody is in the way */
    let(3);                           /* wakes */
    retire_one();
    cr_assert_not(freed_within(4, 100));
    let(4); /* leaves */
    cr_assert(freed_within(4, 5000));
    pthread_join(thread, NULL);
}

static int plain; /* told to the thread that drains, without an atomic */
static void set_plain(void *object) {
    plain = 7;
    free(object);
}

Test(rcu, draining_shows_what_the_frees_did) {
    rcu_retire(malloc(1), set_plain);
    rcu_drain();
    cr_assert_eq(plain, 7);
}

/* A registered thread may retire and drain: it counts as passing while it waits. */
Test(rcu, a_registered_thread_may_drain, .timeout = 30) {
    rcu_enter();
    retire_one();
    rcu_drain();
    cr_assert_eq(atomic_load(&freed), 1);
    rcu_leave();
}
