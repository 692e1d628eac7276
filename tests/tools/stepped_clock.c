/* A wall clock that a test can set for one program: preloaded, it adds the seconds that stand in the file
 * STEPPED_CLOCK_FILE to CLOCK_REALTIME, and leaves every other clock alone. The file is looked at every 10 ms.
 *
 *   echo 3600 > step; LD_PRELOAD=…/stepped_clock.so STEPPED_CLOCK_FILE=step program */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS INT64_C(10000000)

static _Atomic int64_t step_s, next_look_ns;

static int real(clockid_t which, struct timespec *t) { return (int)syscall(SYS_clock_gettime, which, t); }

static void look(void) {
    struct timespec now;
    real(CLOCK_MONOTONIC, &now);
    int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (now_ns < atomic_load(&next_look_ns)) return;
    atomic_store(&next_look_ns, now_ns + LOOK_EVERY_NS);
    const char *path = getenv("STEPPED_CLOCK_FILE");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char text[32] = "";
    if (fd < 0) return;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0) atomic_store(&step_s, strtoll(text, NULL, 10));
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t which, struct timespec *t) {
    int code = real(which, t);
    if (code != 0 || (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE)) return code;
    look();
    t->tv_sec += atomic_load(&step_s);
    return 0;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

__attribute__((visibility("default"))) time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}
