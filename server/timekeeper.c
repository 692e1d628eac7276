/* The ledger's time is a line over the boot clock, bent at each look: at the bend it is continuous, and its slope stays
 * within 500 ppm of one. So it is strictly increasing without anybody comparing readings, and a reader needs three
 * numbers that belong together. They lie in two places, written in turn: a reader whose place was written over
 * meanwhile sees that `current` has moved, and reads again. Cost: two reads of `current` and one of the boot clock,
 * which is the vDSO's. */
#include "server/timekeeper.h"

#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define LOOK_EVERY_NS NS_PER_S
#define LOG_EVERY_NS (60 * NS_PER_S)
#define STEP_NS NS_PER_S /* a difference beyond it did not come from drift */
#define SLEW_MOST_PPM 500
#define SLEW_OVER_S 10 /* a small difference is made up for over so long */

/* ------------------------------------------------------------------ the machine's clocks */

static int64_t read_clock(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t machine_wall_ns(void *context) {
    (void)context;
    return read_clock(CLOCK_REALTIME);
}

static int64_t machine_boot_ns(void *context) {
    (void)context;
    return read_clock(CLOCK_BOOTTIME);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "c9c72802-9416-…": 32 digits, dashes between them. */
static bool parse_boot_id(const char *text, size_t length, uint8_t id[CLOCK_MARK_BOOT]) {
    unsigned digits = 0;
    for (size_t i = 0; i < length && digits < 2 * CLOCK_MARK_BOOT; i++) {
        int d = hex_digit(text[i]);
        if (d < 0 && text[i] != '-') return false;
        if (d < 0) continue;
        id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | d);
        digits++;
    }
    return digits == 2 * CLOCK_MARK_BOOT;
}

void timekeeper_machine(timekeeper_sources *out) {
    *out = (timekeeper_sources){.wall_ns = machine_wall_ns, .boot_ns = machine_boot_ns};
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) close(fd);
    if (n < 0 || !parse_boot_id(text, (size_t)n, out->boot_id)) memset(out->boot_id, 0, sizeof out->boot_id);
}

static int64_t wall(const timekeeper *t) { return t->sources.wall_ns(t->sources.context); }
static int64_t boot(const timekeeper *t) { return t->sources.boot_ns(t->sources.context); }

/* ------------------------------------------------------------------ the line */

static int64_t on_line(int64_t boot_ns, int64_t from_boot_ns, int64_t from_ledger_ns, int64_t ppm) {
    int64_t passed = boot_ns - from_boot_ns;
    return from_ledger_ns + passed + passed / 1000000 * ppm + passed % 1000000 * ppm / 1000000;
}

/* The ledger's time, and the boot time it belongs to. */
static int64_t read_line(const timekeeper *t, int64_t *boot_ns) {
    for (;;) {
        unsigned current = atomic_load_explicit(&t->current, memory_order_acquire);
        const timekeeper_segment *s = &t->segments[current % 2];
        int64_t from = atomic_load_explicit(&s->boot_ns, memory_order_acquire);
        int64_t ledger = atomic_load_explicit(&s->ledger_ns, memory_order_acquire);
        int64_t ppm = atomic_load_explicit(&s->ppm, memory_order_acquire);
        *boot_ns = boot(t);
        if (atomic_load_explicit(&t->current, memory_order_relaxed) == current)
            return on_line(*boot_ns, from, ledger, ppm);
    }
}

/* A store may not be seen before those that made the place free: release, all of them. */
static void bend(timekeeper *t, int64_t boot_ns, int64_t ledger_ns, int64_t ppm) {
    unsigned next = atomic_load_explicit(&t->current, memory_order_relaxed) + 1;
    timekeeper_segment *s = &t->segments[next % 2];
    atomic_store_explicit(&s->boot_ns, boot_ns, memory_order_release);
    atomic_store_explicit(&s->ledger_ns, ledger_ns, memory_order_release);
    atomic_store_explicit(&s->ppm, ppm, memory_order_release);
    atomic_store_explicit(&t->current, next, memory_order_release);
}

int64_t timekeeper_now_ms(const timekeeper *t) {
    int64_t boot_ns;
    return read_line(t, &boot_ns) / NS_PER_MS;
}

void timekeeper_mark(const timekeeper *t, clock_mark *out) {
    *out = (clock_mark){0};
    memcpy(out->boot_id, t->sources.boot_id, sizeof out->boot_id);
    out->ledger_ns = read_line(t, &out->boot_ns);
}

int64_t timekeeper_offset_ms(const timekeeper *t) {
    return atomic_load_explicit(&t->offset_ns, memory_order_relaxed) / NS_PER_MS;
}

/* ------------------------------------------------------------------ at a start */

static bool is_zero(const uint8_t *bytes, size_t n) {
    while (n > 0 && bytes[n - 1] == 0) n--;
    return n == 0;
}

static timekeeper_begin begin_at(const timekeeper *t, const clock_mark *mark, bool take_wall, int64_t boot_ns,
                                 int64_t wall_ns, int64_t *ledger_ns) {
    *ledger_ns = wall_ns;
    if (take_wall) return TIMEKEEPER_TAKEN;
    if (mark->ledger_ns == 0) return TIMEKEEPER_FRESH;
    bool same = memcmp(mark->boot_id, t->sources.boot_id, sizeof mark->boot_id) == 0 &&
                !is_zero(mark->boot_id, sizeof mark->boot_id);
    if (same && boot_ns >= mark->boot_ns) { /* a boot clock that is behind is another one, whatever its name */
        *ledger_ns = mark->ledger_ns + (boot_ns - mark->boot_ns);
        return TIMEKEEPER_CONTINUED;
    }
    if (mark->ledger_ns <= wall_ns) return TIMEKEEPER_WALL;
    *ledger_ns = mark->ledger_ns;
    return TIMEKEEPER_HELD;
}

static void tell_begin(timekeeper_begin begin, int64_t offset_ns, const clock_mark *mark, int64_t wall_ns) {
    int64_t offset_ms = offset_ns / NS_PER_MS;
    if (begin == TIMEKEEPER_TAKEN) {
        int64_t moved_ms = mark->ledger_ns != 0 ? (wall_ns - mark->ledger_ns) / NS_PER_MS : 0;
        log_event(LOG_WARN, "clock_taken",
                  "since_last_ms=%" PRId64 " effect=\"the wall clock as it is; reservations end by it\"", moved_ms);
    } else if (begin == TIMEKEEPER_HELD) {
        log_event(LOG_WARN, "clock_behind",
                  "clock_offset_ms=%" PRId64 " reason=\"the wall clock is before the last time in the data\" "
                  "effect=\"the ledger's time goes on from there\" see=\"xinyid --take-clock\"",
                  offset_ms);
    } else if (offset_ns > STEP_NS || offset_ns < -STEP_NS) {
        log_event(LOG_WARN, "clock_stepped",
                  "clock_offset_ms=%" PRId64 " reason=\"the wall clock was set since the last run\" effect=\"the "
                  "ledger's time goes on as before\" see=\"xinyid --take-clock\"",
                  offset_ms);
    }
}

timekeeper_begin timekeeper_start(timekeeper *t, const timekeeper_sources *sources, const clock_mark *mark,
                                  bool take_wall) {
    *t = (timekeeper){.sources = *sources};
    int64_t boot_ns = boot(t), wall_ns = wall(t), ledger_ns;
    timekeeper_begin begin = begin_at(t, mark, take_wall, boot_ns, wall_ns, &ledger_ns);
    bend(t, boot_ns, ledger_ns, 0);
    t->apart_ns = wall_ns - boot_ns;
    atomic_store_explicit(&t->offset_ns, wall_ns - ledger_ns, memory_order_relaxed);
    tell_begin(begin, wall_ns - ledger_ns, mark, wall_ns);
    return begin;
}

/* ------------------------------------------------------------------ running */

static int64_t rate_for(int64_t offset_ns) {
    int64_t ppm = offset_ns / (SLEW_OVER_S * (NS_PER_S / 1000000));
    return ppm > SLEW_MOST_PPM ? SLEW_MOST_PPM : ppm < -SLEW_MOST_PPM ? -SLEW_MOST_PPM : ppm;
}

/* `untold_ns` is how far the wall clock has been moved since that was last told. A step that is not followed stays for
 * long, so the difference itself is no news; nor is what little gathers while the clocks agree. */
static void tell_step(timekeeper *t, int64_t boot_ns, int64_t offset_ns) {
    bool is_step = t->untold_ns > STEP_NS || t->untold_ns < -STEP_NS;
    bool agree = offset_ns <= STEP_NS && offset_ns >= -STEP_NS;
    if (is_step && boot_ns < t->next_log_ns) return;
    if (is_step) {
        log_event(LOG_WARN, "clock_stepped",
                  "by_ms=%" PRId64 " clock_offset_ms=%" PRId64
                  " effect=\"the ledger's time goes on as before, and nears the wall clock by 1.8 s an hour\" "
                  "see=\"xinyid --take-clock\"",
                  t->untold_ns / NS_PER_MS, offset_ns / NS_PER_MS);
        t->next_log_ns = boot_ns + LOG_EVERY_NS;
    }
    if (is_step || agree) t->untold_ns = 0;
}

void timekeeper_look(timekeeper *t) {
    int64_t boot_ns;
    int64_t ledger_ns = read_line(t, &boot_ns);
    if (boot_ns < t->next_look_ns) return;
    int64_t wall_ns = wall(t), offset_ns = wall_ns - ledger_ns, apart_ns = wall_ns - boot_ns;
    t->next_look_ns = boot_ns + LOOK_EVERY_NS;
    atomic_store_explicit(&t->offset_ns, offset_ns, memory_order_relaxed);
    t->untold_ns += apart_ns - t->apart_ns;
    t->apart_ns = apart_ns;
    tell_step(t, boot_ns, offset_ns);
    bend(t, boot_ns, ledger_ns, rate_for(offset_ns));
}
