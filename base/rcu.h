/* Read-copy-update for event loops: a wrapper of liburcu's QSBR flavour, the only place that names it.
 *
 * A reading thread registers once, then calls rcu_pass() whenever it holds no pointer from a shared structure (the end
 * of an event-loop turn), and rcu_rest()/rcu_wake() around a blocking wait. rcu_retire() frees memory once every
 * registered thread has passed. Readers pay nothing in between.
 *
 * Under ThreadSanitizer, which does not see into liburcu, passing and freeing are annotated so that the order is known.
 */
#ifndef XINYI_BASE_RCU_H
#define XINYI_BASE_RCU_H

void rcu_enter(void); /* register the calling thread as a reader; threads that only write need not */
void rcu_leave(void);
void rcu_pass(void); /* quiescent point */
void rcu_rest(void); /* about to block: holds nothing until rcu_wake */
void rcu_wake(void);

/* Calls free_it(object) after a grace period, on a helper thread. Never blocks. Falls back to waiting for the grace
 * period when no memory is left for the note; a registered caller then counts as passing, so it must not hold pointers
 * it goes on using. Any thread may call it, registered or not. */
void rcu_retire(void *object, void (*free_it)(void *));
/* Waits until everything retired so far has been freed; for shutdown and tests. A registered caller counts as passing.
 */
void rcu_drain(void);

#endif
