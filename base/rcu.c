/* QSBR costs readers one store per loop turn. call_rcu runs callbacks on a helper thread of liburcu's. */
#include "base/rcu.h"

#include "base/check.h"

#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifdef TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char order; /* every quiescent point is ordered before every free that follows it */
#define RELEASE() __tsan_release(&order)
#define ACQUIRE() __tsan_acquire(&order)
#else
#define RELEASE() ((void)0)
#define ACQUIRE() ((void)0)
#endif

void rcu_enter(void) { urcu_qsbr_register_thread(); }

void rcu_leave(void) {
    RELEASE();
    urcu_qsbr_unregister_thread();
}

void rcu_pass(void) {
    RELEASE();
    urcu_qsbr_quiescent_state();
}

void rcu_rest(void) {
    RELEASE();
    urcu_qsbr_thread_offline();
}

void rcu_wake(void) { urcu_qsbr_thread_online(); }

typedef struct retired {
    struct rcu_head head;
    void *object;
    void (*free_it)(void *);
} retired;

static void run_retired(struct rcu_head *head) {
    retired *note = caa_container_of(head, retired, head);
    ACQUIRE();
    note->free_it(note->object);
    free(note);
}

void rcu_retire(void *object, void (*free_it)(void *)) {
    if (object == NULL) return;
    retired *note = malloc(sizeof *note);
    if (note == NULL) {
        urcu_qsbr_synchronize_rcu();
        ACQUIRE();
        free_it(object);
        return;
    }
    note->object = object;
    note->free_it = free_it;
    RELEASE();
    urcu_qsbr_call_rcu(&note->head, run_retired);
}

void rcu_drain(void) { urcu_qsbr_barrier(); }
