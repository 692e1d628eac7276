/* The ledger's clock: the time by which reservations end, bonds expire, days begin and groups are dated.
 *
 * It runs with CLOCK_BOOTTIME, which nobody sets and which goes on while the machine sleeps, plus an offset. So a wall
 * clock that is stepped, forwards or back, ends no reservation early and keeps none alive:
 *
 *   at a start   within the same boot of the machine the ledger's time goes on from what was remembered of it, exactly,
 *                however long the server was away and whatever the wall clock did meanwhile. After a boot it is the
 * wall clock's, but never before the last time remembered. running      it is led to the wall clock at no more than 500
 * ppm (1.8 s an hour), so it never jumps, never goes back, and 300 s by it are 300 s within 0.15 s. That is enough for
 * what a clock drifts; a difference of more than a second is a step, which is logged (clock_stepped) and shown in
 * `xinyi info` (clock_offset_ms). on demand    `xinyid --take-clock` at a start takes the wall clock as it is, for when
 * the step was the correction.
 *
 * What is remembered goes into the data with the commit groups (engine/clock_mark.h), so it is as durable as
 * they are and never behind them.
 *
 * Threading: timekeeper_start before there are threads; timekeeper_look by one thread (the commit thread), about once a
 * second; the others from any thread, without a lock or a wait. */
#ifndef XINYI_SERVER_TIMEKEEPER_H
#define XINYI_SERVER_TIMEKEEPER_H

#include "engine/clock_mark.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Where time comes from: the machine, or a test. */
typedef struct timekeeper_sources {
    int64_t (*wall_ns)(void *context); /* since the epoch */
    int64_t (*boot_ns)(void *context); /* since the machine was booted, sleep included */
    void *context;
    uint8_t boot_id[CLOCK_MARK_BOOT]; /* of this boot; all zero: not known, so a start never continues */
} timekeeper_sources;
void timekeeper_machine(timekeeper_sources *out);

/* One segment of the ledger's time: at boot time `boot_ns` it was `ledger_ns`, and it gains `ppm`. */
typedef struct timekeeper_segment {
    _Atomic int64_t boot_ns, ledger_ns, ppm;
} timekeeper_segment;

typedef struct timekeeper {
    timekeeper_sources sources;
    atomic_uint current;               /* segments[current % 2] counts; the other one is the next to be written */
    timekeeper_segment segments[2];    /* so a reader never waits for the writer */
    _Atomic int64_t offset_ns;         /* wall clock minus ledger's time, as of the last look */
    int64_t next_look_ns, next_log_ns; /* boot time */
    int64_t apart_ns;                  /* wall clock minus boot clock, as of the last look */
    int64_t untold_ns;                 /* how far the wall clock was moved since that was last logged */
} timekeeper;

typedef enum timekeeper_begin {
    TIMEKEEPER_FRESH,     /* nothing was remembered: the wall clock */
    TIMEKEEPER_CONTINUED, /* the same boot */
    TIMEKEEPER_WALL,      /* another boot: the wall clock */
    TIMEKEEPER_HELD,      /* another boot, and the wall clock is behind what was remembered: that */
    TIMEKEEPER_TAKEN,     /* the wall clock, because it was asked for */
} timekeeper_begin;

/* `mark`: what was remembered; all zero: nothing. Logs what is worth knowing. */
timekeeper_begin timekeeper_start(timekeeper *t, const timekeeper_sources *sources, const clock_mark *mark,
                                  bool take_wall);
int64_t timekeeper_now_ms(const timekeeper *t);
/* What to remember. */
void timekeeper_mark(const timekeeper *t, clock_mark *out);
/* Compares with the wall clock if a second has passed since the last look, and adjusts the rate; logs steps. */
void timekeeper_look(timekeeper *t);
int64_t timekeeper_offset_ms(const timekeeper *t);

#endif
