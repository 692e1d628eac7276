/* When to fold: the log is big, its oldest group is old, or somebody asks. One thread, asleep in between; it runs at a
 * lower priority, since nobody waits for it but disk space.
 *
 * A failed attempt is logged and repeated, later each time (1 s … 30 s); a request tries at once. While the database is
 * sick nothing is attempted. A fold that is interrupted (healing, closing) has not failed: it starts again with what is
 * left. */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "persist/internal.h"
#include "persist/problem.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define RETRY_MAX_S 30
#define NICENESS 5

static void publish(journal *j, const fold_progress *p) {
    uint64_t bytes = atomic_load(&j->log_bytes);
    CHECK(p->bytes <= bytes);
    atomic_fetch_sub(&j->log_bytes, p->bytes);
    atomic_fetch_add(&j->folded_records, p->records);
    atomic_store(&j->mark, p->mark);
}

static status fold_upto(journal *j, uint64_t upto, char *problem, size_t room) {
    uint64_t begin = clock_mono_ns(), records = 0, mark = atomic_load(&j->mark), bytes = 0;
    status s = STATUS_OK;
    if (mark >= upto) return s;
    while (s == STATUS_OK && mark < upto) {
        fold_progress p;
        s = fold_round(j, upto, &p, problem, room);
        if (p.mark > mark) {
            publish(j, &p);
            last_note_manifest(&j->last, j->directory);
        }
        records += p.records;
        bytes += p.bytes;
        mark = p.mark;
    }
    fold_give_back(j);
    if (s != STATUS_OK) return s;
    atomic_fetch_add(&j->folds, 1);
    log_event(LOG_DEBUG, "folded", "upto=%" PRIu64 " records=%" PRIu64 " log_bytes=%" PRIu64 " ms=%" PRIu64, mark,
              records, bytes, (clock_mono_ns() - begin) / 1000000);
    return STATUS_OK;
}

/* 0: now. Otherwise when it will be due if nothing changes, UINT64_MAX: never. */
static uint64_t due_at(const journal *j, uint64_t now) {
    const fold_thread *f = &j->fold;
    if (f->asked != f->answered) return 0;
    if (f->oldest_ns == 0) return UINT64_MAX;
    uint64_t at = f->oldest_ns + j->fold_interval_ns;
    if (at < f->oldest_ns) at = UINT64_MAX;
    if (atomic_load(&j->log_bytes) >= j->fold_bytes) at = 0;
    if (at < f->retry_ns) at = f->retry_ns;
    return at <= now ? 0 : at;
}

/* Under the mutex, until there is work (true) or the thread must end. */
static bool wait_for_work(journal *j) {
    fold_thread *f = &j->fold;
    for (;;) {
        if (f->stop) return false;
        uint64_t at = f->paused > 0 ? UINT64_MAX : due_at(j, clock_mono_ns());
        if (at == 0) return true;
        if (at == UINT64_MAX) {
            pthread_cond_wait(&f->wake, &f->mutex);
        } else {
            struct timespec until = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
            pthread_cond_timedwait(&f->wake, &f->mutex, &until);
        }
    }
}

static void record_outcome(journal *j, status s, uint64_t begun_ns, uint64_t request, const char *problem) {
    fold_thread *f = &j->fold;
    if (s == STATUS_OK) {
        f->failures = 0;
        f->retry_ns = 0;
        /* What is left came while we worked. */
        f->oldest_ns = atomic_load(&j->mark) < atomic_load(&j->sequence) ? begun_ns : 0;
    } else if (s != STATUS_UNAVAILABLE) {
        unsigned seconds = f->failures < 5 ? 1u << f->failures : RETRY_MAX_S;
        f->failures++;
        f->retry_ns = clock_mono_ns() + seconds * NS_PER_S;
        if (!atomic_load(&j->sick)) /* the commit has told already */
            log_event(s == STATUS_CORRUPT ? LOG_ERROR : LOG_WARN, "fold_failed", "reason=\"%s\" next_try_s=%u",
                      problem[0] != '\0' ? problem : status_text(s), seconds);
    }
    if (s == STATUS_UNAVAILABLE && !f->stop) return; /* the request stands */
    f->answered = request;
    f->answer = s;
}

static void *fold_main(void *context) {
    journal *j = context;
    fold_thread *f = &j->fold;
    /* A thread of its own has a nice value of its own on Linux. */
    pthread_setname_np(pthread_self(), "fold");
    int ignored = setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    (void)ignored;
    pthread_mutex_lock(&f->mutex);
    while (wait_for_work(j)) {
        uint64_t begun_ns = clock_mono_ns(), request = f->asked, upto = atomic_load(&j->sequence);
        char problem[PROBLEM_ROOM] = "";
        f->busy = true;
        pthread_mutex_unlock(&f->mutex);
        status s = STATUS_IO_ERROR;
        if (!atomic_load(&j->sick)) s = fold_upto(j, upto, problem, sizeof problem);
        pthread_mutex_lock(&f->mutex);
        f->busy = false;
        record_outcome(j, s, begun_ns, request, problem);
        pthread_cond_broadcast(&f->done);
    }
    f->answered = f->asked;
    f->answer = STATUS_UNAVAILABLE;
    pthread_cond_broadcast(&f->done);
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

void fold_init(journal *j) {
    fold_thread *f = &j->fold;
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_mutex_init(&f->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&f->wake, &monotonic) == 0);
    CHECK(pthread_cond_init(&f->done, NULL) == 0);
    pthread_condattr_destroy(&monotonic);
}

void fold_deinit(journal *j) {
    pthread_mutex_destroy(&j->fold.mutex);
    pthread_cond_destroy(&j->fold.wake);
    pthread_cond_destroy(&j->fold.done);
}

status fold_start(journal *j) {
    fold_thread *f = &j->fold;
    if (atomic_load(&j->sequence) > atomic_load(&j->mark)) f->oldest_ns = clock_mono_ns();
    int error = pthread_create(&f->thread, NULL, fold_main, j);
    if (error != 0) return error == ENOMEM ? STATUS_NO_MEMORY : STATUS_IO_ERROR;
    f->started = true;
    return STATUS_OK;
}

void fold_stop(journal *j) {
    fold_thread *f = &j->fold;
    if (!f->started) return;
    pthread_mutex_lock(&f->mutex);
    f->stop = true;
    atomic_store(&f->interrupt, true);
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->mutex);
    pthread_join(f->thread, NULL);
    f->started = false;
}

void fold_pause(journal *j) {
    fold_thread *f = &j->fold;
    pthread_mutex_lock(&f->mutex);
    f->paused++;
    atomic_store(&f->interrupt, true);
    while (f->busy) pthread_cond_wait(&f->done, &f->mutex);
    pthread_mutex_unlock(&f->mutex);
}

void fold_resume(journal *j) {
    fold_thread *f = &j->fold;
    pthread_mutex_lock(&f->mutex);
    CHECK(f->paused > 0);
    f->paused--;
    atomic_store(&f->interrupt, f->paused > 0 || f->stop);
    f->retry_ns = 0;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->mutex);
}

void fold_notify(journal *j, uint64_t now_ns) {
    fold_thread *f = &j->fold;
    pthread_mutex_lock(&f->mutex);
    bool first = f->oldest_ns == 0;
    if (first) f->oldest_ns = now_ns;
    if (first || atomic_load(&j->log_bytes) >= j->fold_bytes) pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->mutex);
}

status journal_fold(journal *j) {
    fold_thread *f = &j->fold;
    CHECK(j->loaded);
    pthread_mutex_lock(&f->mutex);
    uint64_t request = ++f->asked;
    pthread_cond_signal(&f->wake);
    while (f->answered < request) pthread_cond_wait(&f->done, &f->mutex);
    status s = f->answer;
    pthread_mutex_unlock(&f->mutex);
    return s;
}
