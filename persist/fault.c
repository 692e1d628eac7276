/* One order at a time and a point is enough: tests that need two faults arm two points. The count of steps is taken
 * under a mutex; the unarmed path only reads one flag. */
#include "persist/fault.h"

#include "base/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

typedef struct order {
    unsigned wait;  /* steps to let pass */
    unsigned times; /* failures left */
    bool armed, forever, kill;
    status what;
} order;

static atomic_bool any_armed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static order orders[FAULT_POINTS];

static void arm(fault_point point, order what) {
    CHECK(point < FAULT_POINTS);
    pthread_mutex_lock(&lock);
    orders[point] = what;
    atomic_store_explicit(&any_armed, true, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
}

void fault_arm(fault_point point, unsigned nth, unsigned times, status what) {
    CHECK(nth >= 1);
    arm(point, (order){.wait = nth - 1, .times = times, .armed = true, .forever = times == 0, .what = what});
}

void fault_arm_kill(fault_point point, unsigned nth) {
    CHECK(nth >= 1);
    arm(point, (order){.wait = nth - 1, .times = 1, .armed = true, .kill = true, .what = STATUS_IO_ERROR});
}

void fault_clear(void) {
    pthread_mutex_lock(&lock);
    memset(orders, 0, sizeof orders);
    atomic_store_explicit(&any_armed, false, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
}

status fault_step(fault_point point) {
    if (!atomic_load_explicit(&any_armed, memory_order_relaxed)) return STATUS_OK;
    status result = STATUS_OK;
    pthread_mutex_lock(&lock);
    order *o = &orders[point];
    if (o->armed) {
        if (o->wait > 0) {
            o->wait--;
        } else if (o->kill) {
            raise(SIGKILL);
        } else {
            result = o->what;
            if (!o->forever && --o->times == 0) o->armed = false;
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}
