/* The ledger under simulation: clients, network, clock, server and disk are all within this program, and all that
 * happens is drawn from one seed. So a run is repeated exactly by its seed, crashes and all.
 *
 *   ledger_sim --seed 1 --runs 1000     seeds 1 to 1000
 *   ledger_sim --seed 77 --verbose      one run, told step by step
 *
 * Exit code 0: every run kept every promise. 1: one did not; seed, step and the command to repeat it are told. */
#include "base/clock.h"
#include "base/rcu.h"
#include "tests/sim/breaks.h"
#include "tests/sim/sim_server.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>
#include <xxhash.h>

#define START_MS INT64_C(1795449600000) /* 2026-11-24, midnight in China */
#define STEPS 300
#define QUIET_STEPS 12 /* nothing goes wrong before */
#define REST_STEPS 4000
#define CHECK_EVERY 40

break_kind break_planted = BREAK_NONE;

static struct {
    uint64_t seed;
    unsigned step, steps;
    bool verbose, flips;
} now;

/* What all runs together have met. */
static struct {
    uint64_t died_at[DISK_PLACES], faults[DISK_FAULTS], seen[256];
    uint64_t full, deaths, heals, there, gone, flipped, groups, executed, repeated, expired, raised, duplicated, checks;
} met;

typedef struct sim {
    sim_clock clock;
    disk disk;
    book book;
    clients clients;
    sim_server server;
} sim;

/* ------------------------------------------------------------------ failing */

static const char *const break_names[] = {"",
#define X(name, text, what) text,
                                          BREAKS(X)
#undef X
};

static void tell_how_to_repeat(void) {
    bool planted = break_planted != BREAK_NONE;
    fprintf(stderr,
            "ledger_sim: seed %" PRIu64 ", step %u; repeat: build/sim/ledger_sim --seed %" PRIu64 " --steps %u%s%s%s\n",
            now.seed, now.step, now.seed, now.steps, planted ? " --break " : "", break_names[break_planted],
            now.flips ? " --flip" : "");
}

noreturn void sim_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("ledger_sim: FAILED: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    tell_how_to_repeat();
    fflush(stderr);
    _exit(1);
}

/* A CHECK of the engine has said what is wrong already. */
static void on_abort(int signal_number) {
    (void)signal_number;
    tell_how_to_repeat();
    _exit(1);
}

/* ------------------------------------------------------------------ one run */

/* To the very millisecond at which the next reservation ends, or to the one before. */
static void pass_to_next_end(sim *s) {
    sim_clock *c = &s->clock;
    int64_t end = INT64_MAX;
    for (uint32_t i = 0; i < s->book.count; i++) {
        const execution *e = &s->book.list[i];
        if (e->state == OPERATION_OPEN && e->result.expires_ms < end) end = e->result.expires_ms;
    }
    int64_t ms = end - c->wall_ms - sim_below(c, 2);
    if (end == INT64_MAX || ms <= 0 || ms > 30000) return;
    c->wall_ms += ms;
    c->mono_ms += ms;
}

static void pass_time(sim *s) {
    sim_clock *c = &s->clock;
    int64_t ms = 1 + sim_below(c, 80);
    if (sim_one_in(c, 12)) ms += sim_below(c, 4000);
    c->mono_ms += ms;
    c->wall_ms += ms;
    if (sim_one_in(c, 50)) c->wall_ms += sim_below(c, 3600000);
    if (sim_one_in(c, 80)) c->wall_ms += 2 * SIM_KEPT_MS;
    if (sim_one_in(c, 120)) c->wall_ms += (int64_t)sim_below(c, 40) * 86400000;
    if (sim_one_in(c, 40)) c->wall_ms -= sim_below(c, 120000);
    if (sim_one_in(c, 10)) pass_to_next_end(s);
}

static void trouble(sim *s) {
    sim_clock *c = &s->clock;
    disk *d = &s->disk;
    if (d->fault_in == 0 && sim_one_in(c, 14)) {
        d->fault = (disk_fault)(1 + sim_below(c, DISK_FAULTS - 1));
        d->fault_in = 1 + sim_below(c, 6);
    }
    if (sim_one_in(c, d->full ? 6 : 60)) d->full = !d->full;
    if (d->dies_in == 0 && sim_one_in(c, 25)) d->dies_in = 1 + sim_below(c, sim_one_in(c, 3) ? 80 : 12);
    if (s->server.up && sim_one_in(c, 150)) server_kill(&s->server);
}

static void step(sim *s) {
    pass_time(s);
    if (now.step >= QUIET_STEPS && !s->clients.resting) trouble(s);
    clients_act(&s->clients);
    server_turn(&s->server);
    if (sim_one_in(&s->clock, 3)) server_fold(&s->server);
    clients_listen(&s->clients);
    if (now.step % CHECK_EVERY == 0) server_check(&s->server);
    rcu_pass();
    if (now.verbose)
        printf("step %u: wall %" PRId64 " %s%s groups %" PRIu64 " executed %" PRIu64 " open %zu journal %" PRIu64
               "/%" PRIu64 "%s\n",
               now.step, s->clock.wall_ms - START_MS, s->server.up ? "up" : "down",
               s->server.in_trouble ? " in trouble" : "", s->server.groups, s->book.executed,
               s->server.up ? (size_t)alerts_count(engine_alerts(s->server.engine)) : 0, s->server.journal.mark,
               s->server.journal.sequence, s->disk.full ? " full" : "");
    now.step++;
}

/* All clients get their answers once the disk is well; then a last start, and everything is compared. */
static void come_to_rest(sim *s) {
    s->clients.resting = true;
    s->disk.full = false;
    s->disk.dies_in = s->disk.fault_in = 0;
    for (int i = 0; i < REST_STEPS; i++) {
        step(s);
        if (clients_idle(&s->clients) && server_check(&s->server)) break;
    }
    if (!clients_idle(&s->clients)) sim_fail("a client waits for ever");
    server_kill(&s->server);
    s->disk.dies_in = 0;
    for (int i = 0; i < 100 && !s->server.up; i++) {
        s->clock.mono_ms += 1000;
        server_turn(&s->server);
    }
    if (!server_check(&s->server)) sim_fail("the last start does not come to an end");
}

static uint64_t final_hash(const sim *s) {
    uint64_t sum = s->server.digest ^ s->clock.random;
    for (uint32_t i = 0; i < s->book.count; i++) {
        const execution *e = &s->book.list[i];
        sum = XXH3_64bits_withSeed(&e->op, sizeof e->op, sum);
        sum = XXH3_64bits_withSeed(&e->result, sizeof e->result, sum);
        sum += e->state;
    }
    size_t size;
    const uint8_t *bytes = disk_bytes(&s->disk, s->disk.current, &size);
    return XXH3_64bits_withSeed(bytes, size, sum);
}

static void add_up(const sim *s) {
    for (unsigned i = 0; i < DISK_PLACES; i++) met.died_at[i] += s->disk.died_at[i];
    for (unsigned i = 0; i < DISK_FAULTS; i++) met.faults[i] += s->disk.faults[i];
    for (unsigned i = 0; i < 256; i++) met.seen[i] += s->book.seen[i];
    met.full += s->disk.refused_full;
    met.deaths += s->server.deaths;
    met.heals += s->server.heals;
    met.there += s->server.settled_there;
    met.gone += s->server.settled_gone;
    met.flipped += s->server.flipped;
    met.groups += s->server.groups;
    met.checks += s->server.checks;
    met.executed += s->book.executed;
    met.repeated += s->book.repeated;
    met.expired += s->book.expired;
    met.raised += s->book.raised;
    met.duplicated += s->clients.duplicated;
}

static uint64_t run(uint64_t seed) {
    static sim s;
    now.seed = seed;
    now.step = 0;
    s.clock = (sim_clock){.random = seed * 0x9E3779B97F4A7C15u + 1, .wall_ms = START_MS, .mono_ms = 1000};
    disk_init(&s.disk, &s.clock.random);
    book_init(&s.book);
    clients_init(&s.clients, &s.clock, &s.book);
    server_init(&s.server, &s.clock, &s.book, &s.clients, &s.disk);
    s.server.flips = now.flips || seed % 4 == 0;
    clients_prepare(&s.clients);
    while (now.step < now.steps) step(&s);
    come_to_rest(&s);
    uint64_t hash = final_hash(&s);
    add_up(&s);
    server_deinit(&s.server);
    clients_deinit(&s.clients);
    book_deinit(&s.book);
    disk_deinit(&s.disk);
    return hash;
}

/* ------------------------------------------------------------------ many runs */

static void tell(uint64_t runs, uint64_t hash) {
    printf("%" PRIu64 " runs: %" PRIu64 " groups, %" PRIu64 " operations, %" PRIu64 " answered again, %" PRIu64
           " duplicates, %" PRIu64 " expired, %" PRIu64 " alerts\n",
           runs, met.groups, met.executed, met.repeated, met.duplicated, met.expired, met.raised);
    printf("%" PRIu64 " deaths, %" PRIu64 " faults, %" PRIu64 " refused by a full disk, %" PRIu64
           " healed, last groups there %" PRIu64 " and gone %" PRIu64 ", %" PRIu64 " bits flipped, %" PRIu64
           " comparisons\n",
           met.deaths, met.faults[1] + met.faults[2] + met.faults[3], met.full, met.heals, met.there, met.gone,
           met.flipped, met.checks);
    printf("hash %016" PRIx64 "\n", hash);
}

/* What never happened was not proved. */
static bool everything_was_met(void) {
    static const uint16_t answers[] = {STATUS_OK,
                                       STATUS_UNKNOWN_SUBJECT,
                                       STATUS_UNKNOWN_PROGRAM,
                                       STATUS_BAD_AMOUNT,
                                       STATUS_BAD_VALUE,
                                       STATUS_BAD_VALIDITY,
                                       STATUS_BAD_TTL,
                                       STATUS_NOT_COVERED,
                                       STATUS_SUSPENDED,
                                       STATUS_NO_ACCOUNT,
                                       STATUS_FROZEN,
                                       STATUS_UNRATED,
                                       STATUS_SHORTFALL,
                                       STATUS_LIMIT_EXCEEDED,
                                       STATUS_UNKNOWN_OPERATION,
                                       STATUS_RESERVATION_EXPIRED,
                                       STATUS_OVER_RESERVED,
                                       STATUS_ALREADY_RESOLVED,
                                       STATUS_OVER_COMMITTED,
                                       STATUS_OPERATION_REUSED,
                                       STATUS_LINKED_FAILED,
                                       STATUS_LINKED_OPEN,
                                       STATUS_ALREADY_FROZEN,
                                       STATUS_NOT_FROZEN,
                                       STATUS_INSTRUMENT_EXISTS,
                                       STATUS_UNKNOWN_INSTRUMENT,
                                       STATUS_TOO_MANY_INSTRUMENTS,
                                       STATUS_BAD_ENTRY};
    bool all = true;
    for (unsigned i = 0; i < DISK_PLACES; i++) {
        if (met.died_at[i] > 0) continue;
        fprintf(stderr, "ledger_sim: no process died at: %s\n", disk_place_text(i));
        all = false;
    }
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (met.seen[answers[i]] > 0) continue;
        fprintf(stderr, "ledger_sim: no operation was answered with %s\n", status_name(answers[i]));
        all = false;
    }
    return all;
}

static void progress(uint64_t done, uint64_t runs, uint64_t began_ns, uint64_t seconds) {
    static uint64_t next_ns;
    uint64_t t = clock_mono_ns();
    bool live = isatty(STDERR_FILENO);
    if (t < next_ns) return;
    next_ns = t + (live ? 200000000u : 10000000000u);
    char of[48] = "";
    if (runs > 0) snprintf(of, sizeof of, " of %" PRIu64, runs);
    if (seconds > 0) snprintf(of, sizeof of, ", %" PRIu64 " of %" PRIu64 " s", (t - began_ns) / 1000000000u, seconds);
    fprintf(stderr, "%sledger_sim: %" PRIu64 " runs%s, at seed %" PRIu64 ", %" PRIu64 " deaths%s", live ? "\r" : "",
            done, of, now.seed, met.deaths, live ? "" : "\n");
}

static void usage(FILE *to) {
    fputs("usage: ledger_sim [--seed N] [--runs K | --seconds T] [--steps S] [--flip] [--verbose]\n"
          "  --seed N     the first seed (1); run k has seed N + k\n"
          "  --runs K     how many runs (1)\n"
          "  --seconds T  as many runs as fit into so many seconds\n"
          "  --steps S    steps of a run before it comes to rest (300)\n"
          "  --flip       flips stored bits at starts in every run, not in one of four\n"
          "  --verbose    tells every step\n"
          "  --list-breaks  the bugs that --break NAME plants, to see that they are found\n"
          "examples:\n"
          "  ledger_sim --runs 1000\n"
          "  ledger_sim --seed 77 --verbose\n",
          to);
}

static int list_breaks(void) {
#define X(name, text, what) printf("%-18s %s\n", text, what);
    BREAKS(X)
#undef X
    return 0;
}

static uint64_t number(const char *option, const char *text) {
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0') return n;
    fprintf(stderr, "ledger_sim: --%s takes a number, not \"%s\"\n", option, text);
    exit(2);
}

static break_kind break_named(const char *name) {
    for (unsigned i = 1; i < BREAK_END; i++)
        if (strcmp(name, break_names[i]) == 0) return (break_kind)i;
    fprintf(stderr, "ledger_sim: no bug is called \"%s\"; see --list-breaks\n", name);
    exit(2);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"seed", 1, NULL, 's'}, {"runs", 1, NULL, 'r'},    {"seconds", 1, NULL, 't'}, {"steps", 1, NULL, 'n'},
        {"flip", 0, NULL, 'f'}, {"verbose", 0, NULL, 'v'}, {"break", 1, NULL, 'b'},   {"list-breaks", 0, NULL, 'l'},
        {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
    uint64_t seed = 1, runs = 1, seconds = 0;
    now.steps = STEPS;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 's': seed = number("seed", optarg); break;
        case 'r': runs = number("runs", optarg); break;
        case 't': seconds = number("seconds", optarg); break;
        case 'n': now.steps = (unsigned)number("steps", optarg); break;
        case 'f': now.flips = true; break;
        case 'v': now.verbose = true; break;
        case 'b': break_planted = break_named(optarg); break;
        case 'l': return list_breaks();
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    }
    signal(SIGABRT, on_abort);
    rcu_enter();
    uint64_t began_ns = clock_mono_ns(), done = 0, hash = 0;
    for (; seconds > 0 ? clock_mono_ns() - began_ns < seconds * 1000000000u : done < runs; done++) {
        hash = hash * 31 + run(seed + done);
        rcu_drain();
        if (runs > 50 || seconds > 0) progress(done + 1, seconds > 0 ? 0 : runs, began_ns, seconds);
    }
    if (isatty(STDERR_FILENO) && (runs > 50 || seconds > 0)) fputc('\n', stderr);
    tell(done, hash);
    rcu_leave();
    return done < 1000 || break_planted != BREAK_NONE || everything_was_met() ? 0 : 1;
}
