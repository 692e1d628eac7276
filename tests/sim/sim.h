/* What every part of the simulation needs: the run's random numbers and clocks, and how a run fails. */
#ifndef XINYI_TESTS_SIM_SIM_H
#define XINYI_TESTS_SIM_SIM_H

#include "tests/unit/engine_help.h"

#include <stdbool.h>
#include <stdnoreturn.h>

#define SIM_SUBJECTS 9
#define SIM_PROGRAMS 2
#define SIM_KEPT_MS 4000000 /* operations are remembered for so long: longer than a reservation can live */

typedef struct sim_clock {
    uint64_t random;
    int64_t wall_ms; /* what the server's clock says: it jumps, and steps back */
    int64_t mono_ms; /* never does */
} sim_clock;

static inline uint32_t sim_below(sim_clock *c, uint32_t n) { return help_below(&c->random, n); }
static inline bool sim_one_in(sim_clock *c, uint32_t n) { return sim_below(c, n) == 0; }

/* Tells seed, step and how to repeat the run, and ends the program. */
noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
