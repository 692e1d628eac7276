/* Counters of 32 bits that only grow, and a collector that remembers what it saw: the difference is what is new, also
 * over a wrap. So a decision costs its thread a load and a store a counter, mostly in one cache line (outcomes and the
 * first twelve benefits lie together), and nothing is ever taken away under its feet. A cell must not be counted 2^32
 * times between two visits of the collector: at ten million decisions a second for one county that is seven minutes.
 *
 * All cells of all scenarios are address space from the start, and memory once they are touched: counting allocates
 * nothing and cannot fail. A half belongs to months of one parity; its month is published before its counters.
 *
 * The collector looks at 16 bytes of a cell, its outcomes, to know whether anything is new: some 400 lines a scenario
 * and thread. */
#include "engine/tally.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/division.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PLACES_MAX 256   /* numbers of places fit a byte; place 0: elsewhere */
#define PROVINCE 530000u /* the codes that have a place of their own */
#define PROVINCE_CODES 10000u

typedef struct cell {
    _Alignas(64) _Atomic uint32_t outcomes[TALLY_OUTCOMES];
    _Atomic uint32_t given[LIMIT_BENEFITS];
} cell;

typedef struct shadow_cell {
    _Atomic uint64_t decisions, different;
    _Atomic uint64_t outcome_from_to[TALLY_OUTCOMES][TALLY_OUTCOMES];
    _Atomic uint64_t gained[LIMIT_BENEFITS], lost[LIMIT_BENEFITS];
    _Atomic uint64_t amount_up, amount_down;
} shadow_cell;

struct tally {
    /* the thread that counts */
    _Alignas(64) _Atomic uint32_t months[2]; /* of the halves; 0: none yet */
    _Atomic uint64_t scenarios;              /* bit n: scenario n was counted */
    _Atomic uint64_t lost;
    unsigned places;
    cell *cells; /* scenario × half × place */
    shadow_cell *shadow;
    /* the collector */
    _Alignas(64) cell *seen;
    uint32_t codes[PLACES_MAX]; /* division of a place */
    uint8_t place_of[PROVINCE_CODES];
};

static size_t cell_index(const tally *t, unsigned scenario, unsigned half, unsigned place) {
    return ((size_t)scenario * 2 + half) * t->places + place;
}
static size_t cells_bytes(const tally *t) { return (SCENARIO_MAX + 1) * 2u * t->places * sizeof(cell); }
#define SHADOW_BYTES ((SCENARIO_MAX + 1) * sizeof(shadow_cell))

/* Zeros that cost memory only once they are written to. */
static void *map_zeros(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return NULL;
    (void)madvise(at, bytes, MADV_NOHUGEPAGE); /* few pages of it are used */
    return at;
}

static void unmap(void *at, size_t bytes) {
    if (at != NULL) munmap(at, bytes);
}

static void place_divisions(tally *t) {
    size_t count;
    const division *all = division_all(&count);
    t->places = 1;
    for (size_t i = 0; i < count; i++) {
        if (all[i].code < PROVINCE || all[i].code >= PROVINCE + PROVINCE_CODES) continue;
        CHECK(t->places < PLACES_MAX);
        t->place_of[all[i].code - PROVINCE] = (uint8_t)t->places;
        t->codes[t->places++] = all[i].code;
    }
}

status tally_create(tally **out) {
    *out = NULL;
    tally *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);
    if (t == NULL) return STATUS_NO_MEMORY;
    memset((void *)t, 0, sizeof *t);
    place_divisions(t);
    t->cells = map_zeros(cells_bytes(t));
    t->seen = map_zeros(cells_bytes(t));
    t->shadow = map_zeros(SHADOW_BYTES);
    if (t->cells == NULL || t->seen == NULL || t->shadow == NULL) tally_destroy(&t);
    *out = t;
    return t != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void tally_destroy(tally **t) {
    if (*t == NULL) return;
    unmap((*t)->cells, cells_bytes(*t));
    unmap((*t)->seen, cells_bytes(*t));
    unmap((*t)->shadow, SHADOW_BYTES);
    free(*t);
    *t = NULL;
}

unsigned tally_month(int32_t day) {
    int year, month, of_month;
    clock_date_from_day(day, &year, &month, &of_month);
    return year < 1970 ? 0 : (unsigned)(year - 1970) * 12 + (unsigned)month - 1;
}

uint32_t tally_place(uint32_t code) { return division_find(code) != NULL ? code : 0; }

/* ------------------------------------------------------------------ counting */

/* One writer: a load and a store are cheaper than a locked addition. */
static inline void add32(_Atomic uint32_t *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}
static inline void add64(_Atomic uint64_t *counter, uint64_t n) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline uint32_t read32(const _Atomic uint32_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}
static inline uint64_t read64(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void tally_decision(tally *t, unsigned month, unsigned scenario, uint32_t code, const decision *d) {
    if (scenario > SCENARIO_MAX || d->outcome >= TALLY_OUTCOMES || month == 0) {
        add64(&t->lost, 1);
        return;
    }
    _Atomic uint32_t *half = &t->months[month & 1];
    if (read32(half) != month) atomic_store_explicit(half, month, memory_order_release);
    uint64_t bit = UINT64_C(1) << scenario, known = read64(&t->scenarios);
    if ((known & bit) == 0) atomic_store_explicit(&t->scenarios, known | bit, memory_order_relaxed);
    uint32_t of_province = code - PROVINCE;
    cell *c =
        &t->cells[cell_index(t, scenario, month & 1, of_province < PROVINCE_CODES ? t->place_of[of_province] : 0)];
    for (uint64_t left = d->benefits; left != 0; left &= left - 1) add32(&c->given[__builtin_ctzll(left)]);
    _Atomic uint32_t *outcome = &c->outcomes[d->outcome];
    atomic_store_explicit(outcome, read32(outcome) + 1, memory_order_release); /* last: see take_cell */
}

uint64_t tally_lost(const tally *t) { return read64(&t->lost); }

/* ------------------------------------------------------------------ collecting */

/* Moves what is new of a cell into *added; false if nothing is. A decision counts its benefits before its outcome and
 * here the outcomes are read first, so a benefit is never behind an outcome that was taken; those of a decision whose
 * outcome comes later may be taken already, and the outcome makes sure that the cell is looked at again. */
static bool take_cell(const cell *c, cell *seen, effect_counts *added) {
    bool any = false;
    for (unsigned o = 0; o < TALLY_OUTCOMES; o++) {
        uint32_t now = atomic_load_explicit(&c->outcomes[o], memory_order_acquire), before = read32(&seen->outcomes[o]);
        added->outcomes[o] = now - before;
        if (now == before) continue;
        atomic_store_explicit(&seen->outcomes[o], now, memory_order_relaxed);
        any = true;
    }
    if (!any) return false;
    for (unsigned b = 0; b < LIMIT_BENEFITS; b++) {
        uint32_t now = read32(&c->given[b]);
        added->given[b] = now - read32(&seen->given[b]);
        if (added->given[b] != 0) atomic_store_explicit(&seen->given[b], now, memory_order_relaxed);
    }
    return true;
}

void tally_collect(tally *t, tally_visit visit, void *context) {
    for (unsigned half = 0; half < 2; half++) {
        unsigned month = atomic_load_explicit(&t->months[half], memory_order_acquire);
        if (month == 0) continue;
        for (uint64_t left = read64(&t->scenarios); left != 0; left &= left - 1) {
            unsigned scenario = (unsigned)__builtin_ctzll(left);
            for (unsigned place = 0; place < t->places; place++) {
                size_t at = cell_index(t, scenario, half, place);
                effect_counts added;
                if (!take_cell(&t->cells[at], &t->seen[at], &added)) continue;
                memset(added.used, 0, sizeof added.used);
                visit(context, month, scenario, t->codes[place], &added);
            }
        }
    }
}

/* ------------------------------------------------------------------ shadow */

static bool decides_otherwise(const decision *a, const decision *b) {
    return a->status != b->status || a->outcome != b->outcome || a->tier != b->tier || a->benefits != b->benefits ||
           a->amount_fen != b->amount_fen || a->percent_bp != b->percent_bp || a->rate_bp != b->rate_bp;
}

void tally_shadow(tally *t, unsigned scenario, const decision *active, const decision *candidate) {
    if (scenario > SCENARIO_MAX || active->outcome >= TALLY_OUTCOMES || candidate->outcome >= TALLY_OUTCOMES) {
        add64(&t->lost, 1);
        return;
    }
    shadow_cell *s = &t->shadow[scenario];
    add64(&s->decisions, 1);
    add64(&s->outcome_from_to[active->outcome][candidate->outcome], 1);
    if (!decides_otherwise(active, candidate)) return;
    add64(&s->different, 1);
    for (uint64_t left = candidate->benefits & ~active->benefits; left != 0; left &= left - 1)
        add64(&s->gained[__builtin_ctzll(left)], 1);
    for (uint64_t left = active->benefits & ~candidate->benefits; left != 0; left &= left - 1)
        add64(&s->lost[__builtin_ctzll(left)], 1);
    if (candidate->amount_fen > active->amount_fen) add64(&s->amount_up, 1);
    if (candidate->amount_fen < active->amount_fen) add64(&s->amount_down, 1);
}

void tally_shadow_read(const tally *t, unsigned scenario, shadow_counts *add_to) {
    static_assert(sizeof(shadow_counts) == sizeof(shadow_cell), "the same counters");
    if (scenario > SCENARIO_MAX) return;
    const _Atomic uint64_t *from = (const _Atomic uint64_t *)&t->shadow[scenario];
    uint64_t *to = (uint64_t *)add_to;
    for (size_t i = 0; i < sizeof *add_to / sizeof *to; i++) to[i] += read64(&from[i]);
}

void tally_shadow_reset(tally *t) {
    _Atomic uint64_t *at = (_Atomic uint64_t *)t->shadow;
    for (size_t i = 0; i < SHADOW_BYTES / sizeof *at; i++)
        if (read64(&at[i]) != 0) atomic_store_explicit(&at[i], 0, memory_order_relaxed);
}
