/* QSBR costs readers one store per loop turn. call_rcu hands callbacks to a helper thread of liburcu's.
 *
 * The helper is started here, once, with every signal blocked: it must not become the thread that a process-wide
 * SIGTERM is delivered to. Only this one helper exists (no per-processor or per-thread ones are ever made), which is
 * what makes rcu_retire safe in threads that are not registered.
 *
 * liburcu is not built with ThreadSanitizer, so its ordering is told to it: every quiescent point, and every
 * rcu_retire, releases `order`; every callback acquires it. A reader that uses an object after its last quiescent
 * point is still reported when the object is freed. */
#include "base/rcu.h"

#include "base/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
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

static void start_helper(void) {
    sigset_t all, before;
    CHECK(sigfillset(&all) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    (void)urcu_qsbr_get_default_call_rcu_data(); /* a new thread inherits the mask */
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

static void enqueue(struct rcu_head *head, void (*run)(struct rcu_head *)) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, start_helper) == 0);
    RELEASE();
    urcu_qsbr_call_rcu(head, run);
}

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
        urcu_qsbr_synchronize_rcu(); /* counts the caller, if registered, as passing */
        ACQUIRE();
        free_it(object);
        return;
    }
    note->object = object;
    note->free_it = free_it;
    enqueue(&note->head, run_retired);
}

/* The helper runs callbacks in the order they came, so when this one runs, all before it have. liburcu's own barrier
 * does the same, with memory that ThreadSanitizer cannot follow. */
typedef struct drained {
    struct rcu_head head;
    pthread_mutex_t lock;
    pthread_cond_t reached;
    bool done;
} drained;

static void run_drained(struct rcu_head *head) {
    drained *mark = caa_container_of(head, drained, head);
    ACQUIRE();
    CHECK(pthread_mutex_lock(&mark->lock) == 0);
    mark->done = true;
    CHECK(pthread_cond_signal(&mark->reached) == 0);
    CHECK(pthread_mutex_unlock(&mark->lock) == 0);
}

void rcu_drain(void) {
    drained mark = {.lock = PTHREAD_MUTEX_INITIALIZER, .reached = PTHREAD_COND_INITIALIZER};
    bool online = urcu_qsbr_read_ongoing();
    if (online) rcu_rest();
    enqueue(&mark.head, run_drained);
    CHECK(pthread_mutex_lock(&mark.lock) == 0);
    while (!mark.done) CHECK(pthread_cond_wait(&mark.reached, &mark.lock) == 0);
    CHECK(pthread_mutex_unlock(&mark.lock) == 0);
    CHECK(pthread_cond_destroy(&mark.reached) == 0);
    CHECK(pthread_mutex_destroy(&mark.lock) == 0);
    if (online) rcu_wake();
}
