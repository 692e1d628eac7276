/* What the commit thread does beside requests: it takes over what the workers' tallies have counted, and gives the
 * sweep and the walk for alerts their portions.
 *
 * Counts pass through an overlay of the committer's: they stay there until a group that carries them is published, so a
 * group that is refused loses none. A start of the server that follows a kill misses what was counted since the last
 * collection, COLLECT_EVERY_NS at most.
 *
 * The sweep gets a number of steps that takes about SLICE_BUSY_NS by what steps cost lately, so that a group which
 * waits is late by that at most, and SLICE_IDLE_NS when there is nobody to wait.
 *
 * The walk for alerts goes in rounds over all accounts. A round begins WATCH_EVERY_NS after the one before began, and
 * at once when an hour begins or policies change: then bonds end and limits move. It gets slices like the sweep's; one
 * that has taken WATCH_LATE_NS gets long ones even while requests wait, so that every account is looked at within
 * ALERT_ROUND_MS. Nothing is written unless something is raised. */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/commit_internal.h"
#include "server/worker.h"

#include <string.h>

#define COLLECT_EVERY_NS UINT64_C(5000000000)
#define CUT_EVERY_NS UINT64_C(60000000000)
#define MARK_EVERY_NS UINT64_C(600000000000) /* the ledger's time, when there are no groups to carry it */
#define SLICE_BUSY_NS 300000u
#define SLICE_IDLE_NS 2000000u
#define STEPS_MOST 100000u
#define WATCH_EVERY_NS UINT64_C(7000000000)
#define WATCH_LATE_NS UINT64_C(1000000000)
#define WATCH_COST_LEAST_NS 50u

typedef struct counted {
    struct { /* 8 bytes */
        uint16_t month;
        uint8_t scenario, zero;
        uint32_t division;
    } key;
    bool in_group;
    effect_counts counts;
} counted;

void upkeep_init(committer *c) {
    c->upkeep = (upkeep){.sweep_more = true, .cost_ns = 1000, .watching = true, .watch_cost_ns = 1000};
    overlay_init(&c->upkeep.counted, sizeof(counted), sizeof(uint64_t));
    c->upkeep.next_collection_ns = clock_mono_ns() + COLLECT_EVERY_NS;
    c->upkeep.next_cut_ns = clock_mono_ns() + CUT_EVERY_NS;
    c->upkeep.next_mark_ns = clock_mono_ns() + MARK_EVERY_NS;
}

void upkeep_deinit(committer *c) { overlay_deinit(&c->upkeep.counted); }

/* ------------------------------------------------------------------ tallies */

static uint64_t hash_of(const counted *row) {
    uint64_t key;
    memcpy(&key, &row->key, sizeof key);
    key *= UINT64_C(0x9E3779B97F4A7C15);
    return key ^ key >> 29;
}

static void add_counts(effect_counts *to, const effect_counts *added) {
    for (unsigned i = 0; i < TALLY_OUTCOMES; i++) to->outcomes[i] += added->outcomes[i];
    for (unsigned i = 0; i < LIMIT_BENEFITS; i++) to->given[i] += added->given[i];
}

static void take_over(void *context, unsigned month, unsigned scenario, uint32_t division, const effect_counts *added) {
    upkeep *u = context;
    counted row = {.key = {(uint16_t)month, (uint8_t)scenario, 0, division}, .counts = *added};
    if (scenario == 0 || month > UINT16_MAX) return;
    uint64_t hash = hash_of(&row);
    counted *known = overlay_find(&u->counted, hash, &row.key);
    if (known != NULL) {
        add_counts(&known->counts, added);
    } else if (overlay_reserve(&u->counted, 1)) {
        known = overlay_add(&u->counted, hash);
        *known = row;
    } else {
        for (unsigned i = 0; i < TALLY_OUTCOMES; i++) u->lost += added->outcomes[i];
        log_event(LOG_ERROR, "effect_lost", "reason=\"out of memory\" decisions=%llu", (unsigned long long)u->lost);
    }
}

void upkeep_collect(committer *c, bool always) {
    upkeep *u = &c->upkeep;
    uint64_t now = clock_mono_ns();
    if (u->in_group || (!always && now < u->next_collection_ns)) return;
    u->next_collection_ns = now + COLLECT_EVERY_NS;
    u->mark_wanted |= now >= u->next_mark_ns;
    if (now >= u->next_cut_ns) {
        u->next_cut_ns = now + CUT_EVERY_NS;
        commit_cut_history(c);
    }
    const server *s = c->server;
    for (unsigned w = 0; s->workers != NULL && w < s->worker_count; w++)
        if (s->workers[w] != NULL) tally_collect(worker_tally(s->workers[w]), take_over, u);
}

static void add_counted(committer *c) {
    upkeep *u = &c->upkeep;
    CHECK(!u->in_group);
    for (uint32_t i = 0; i < u->counted.count && txn_size(c->txn) < GROUP_BYTES; i++) {
        counted *row = overlay_at(&u->counted, i);
        status s = txn_effect(c->txn, row->key.month, row->key.scenario, row->key.division, &row->counts);
        row->in_group = s == STATUS_OK;
        u->in_group |= row->in_group;
    }
}

/* ------------------------------------------------------------------ the clock */

/* With every group: then the newest group's time is what a start knows, and no group costs a write of its own. Without
 * memory it is the next one that carries it. */
void upkeep_mark_clock(committer *c) {
    upkeep *u = &c->upkeep;
    if (txn_size(c->txn) == 0 && !u->mark_wanted) return;
    clock_mark mark;
    timekeeper_mark(&c->server->clock, &mark);
    u->mark_in_group = txn_remember_clock(c->txn, &mark) == STATUS_OK;
}

static void clock_is_marked(upkeep *u) {
    if (!u->mark_in_group) return;
    u->mark_in_group = u->mark_wanted = false;
    u->next_mark_ns = clock_mono_ns() + MARK_EVERY_NS;
}

/* ------------------------------------------------------------------ the sweep */

/* After a group: what is worth a line in the log. */
static void tell(committer *c) {
    upkeep *u = &c->upkeep;
    sweep_progress p;
    engine_sweep_progress(c->server->engine, &p);
    if (p.everybody && p.total == 0) return; /* nobody is there yet */
    if (p.everybody && !u->told_everybody) {
        u->everybody_ns = clock_mono_ns();
        log_event(LOG_INFO, "evaluation_started", "subjects=%llu reason=\"the rules of credit have changed\"",
                  (unsigned long long)p.total);
    } else if (!p.everybody && u->told_everybody) {
        log_event(LOG_INFO, "evaluation_finished", "changed=%llu seconds=%.1f", (unsigned long long)p.changed,
                  (double)(clock_mono_ns() - u->everybody_ns) / 1e9);
        u->told_changed = p.changed;
    } else if (!u->sweep_more && p.changed != u->told_changed) {
        if (p.changed > 0) log_event(LOG_INFO, "day_swept", "changed=%llu", (unsigned long long)p.changed);
        u->told_changed = p.changed;
    }
    u->told_everybody = p.everybody;
}

static void sweep_some(committer *c, bool idle) {
    upkeep *u = &c->upkeep;
    uint64_t steps = (idle ? SLICE_IDLE_NS : SLICE_BUSY_NS) / u->cost_ns;
    if (steps < 1) steps = 1;
    if (steps > STEPS_MOST) steps = STEPS_MOST;
    uint64_t began = clock_mono_ns();
    u->day = clock_day_of_ms(timekeeper_now_ms(&c->server->clock));
    u->sweep_more = txn_sweep(c->txn, steps);
    uint64_t cost = (clock_mono_ns() - began) / steps;
    if (u->sweep_more) u->cost_ns = (u->cost_ns * 3 + cost) / 4 + 1; /* the last one ends early */
}

/* ------------------------------------------------------------------ the walk for alerts */

static int64_t hour_now(const committer *c) { return timekeeper_now_ms(&c->server->clock) / CLOCK_MS_PER_HOUR; }

static void begin_round(committer *c) {
    upkeep *u = &c->upkeep;
    u->watching = true;
    u->watch_again = false;
    u->watch_began_ns = clock_mono_ns();
    u->watch_hour = hour_now(c);
}

/* What accounts were judged by so far is no longer so. */
static void want_round(committer *c) {
    if (c->upkeep.watching)
        c->upkeep.watch_again = true;
    else
        begin_round(c);
}

static bool round_is_due(const committer *c) {
    const upkeep *u = &c->upkeep;
    return u->watching || u->watch_hour != hour_now(c) || clock_mono_ns() - u->watch_began_ns >= WATCH_EVERY_NS;
}

static void note_policies(committer *c) {
    uint32_t policies = policy_version(engine_policy(c->server->engine));
    if (policies != c->upkeep.watch_policies) want_round(c);
    c->upkeep.watch_policies = policies;
}

static void watch_some(committer *c, bool idle) {
    upkeep *u = &c->upkeep;
    if (!round_is_due(c)) return;
    if (!u->watching || u->watch_hour != hour_now(c)) want_round(c);
    uint64_t began = clock_mono_ns();
    bool late = began - u->watch_began_ns >= WATCH_LATE_NS;
    uint64_t steps = (idle || late ? SLICE_IDLE_NS : SLICE_BUSY_NS) / u->watch_cost_ns;
    if (steps < 1) steps = 1;
    if (steps > STEPS_MOST) steps = STEPS_MOST;
    bool round = txn_watch(c->txn, steps);
    uint64_t cost = (clock_mono_ns() - began) / steps;
    if (round) {
        u->watching = false;
        if (u->watch_again) begin_round(c);
    } else if (txn_size(c->txn) < GROUP_BYTES) { /* all of the steps were made */
        u->watch_cost_ns = (u->watch_cost_ns * 3 + cost) / 4 + 1;
        if (u->watch_cost_ns < WATCH_COST_LEAST_NS) u->watch_cost_ns = WATCH_COST_LEAST_NS;
    }
}

void upkeep_add(committer *c, bool idle) {
    add_counted(c);
    if (txn_size(c->txn) < GROUP_BYTES) sweep_some(c, idle);
    if (txn_size(c->txn) < GROUP_BYTES) watch_some(c, idle);
}

bool upkeep_wanted(const committer *c) {
    const upkeep *u = &c->upkeep;
    return u->sweep_more || u->counted.count > 0 || u->mark_wanted ||
           u->day != clock_day_of_ms(timekeeper_now_ms(&c->server->clock)) || round_is_due(c);
}

/* ------------------------------------------------------------------ after a group */

static void drop_carried(upkeep *u) {
    if (!u->in_group) return;
    u->in_group = false;
    uint32_t n = u->counted.count;
    overlay_clear(&u->counted);
    for (uint32_t i = 0; i < n; i++) { /* what did not fit moves to the front */
        counted row = *(counted *)overlay_at(&u->counted, i);
        if (!row.in_group) *(counted *)overlay_add(&u->counted, hash_of(&row)) = row;
    }
}

void upkeep_published(committer *c) {
    drop_carried(&c->upkeep);
    note_policies(c);
    clock_is_marked(&c->upkeep);
    tell(c);
}

void upkeep_aborted(committer *c) {
    upkeep *u = &c->upkeep;
    u->in_group = u->mark_in_group = false;
    u->sweep_more = true; /* its position is what it was */
    u->watching = true;   /* likewise */
    for (uint32_t i = 0; i < u->counted.count; i++) ((counted *)overlay_at(&u->counted, i))->in_group = false;
}
