/* Rows in one array, ordered by month, scenario and division, with only those counters that are not 0: two bit masks
 * say which. A row has a dozen of 132 counters as a rule, so five scenarios in all counties cost some 200 KiB a month.
 *
 * A row is found by binary search. New rows come at the beginning of a month, at the array's end but for reports about
 * earlier months, so inserting moves little. What a transaction will write has its room beforehand, as a row of zeros
 * that no walk shows or as longer memory of a row: so publishing cannot fail, and aborting has nothing to undo. */
#include "engine/effect_internal.h"

#include "base/check.h"
#include "base/le.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE_EFFECT 1
#define COUNTERS (TALLY_OUTCOMES + 2 * LIMIT_BENEFITS)

typedef struct row {
    effect_key key;
    uint8_t outcomes; /* bit n: outcome n is not 0; its counters come first */
    uint8_t capacity; /* counters that fit */
    uint64_t given, used;
    uint64_t *values; /* the counters that are not 0, in order */
} row;

struct effects {
    row *rows;
    size_t count, capacity;
    size_t bytes; /* of values */
};

static_assert(COUNTERS <= UINT8_MAX, "a row's capacity fits a byte");

status effects_create(effects **out) {
    *out = calloc(1, sizeof **out);
    return *out != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void effects_destroy(effects **e) {
    if (*e == NULL) return;
    for (size_t i = 0; i < (*e)->count; i++) free((*e)->rows[i].values);
    free((*e)->rows);
    free(*e);
    *e = NULL;
}

size_t effects_bytes(const effects *e) { return sizeof *e + e->capacity * sizeof *e->rows + e->bytes; }

/* ------------------------------------------------------------------ rows */

static int by_key(effect_key a, effect_key b) {
    if (a.month != b.month) return a.month < b.month ? -1 : 1;
    if (a.scenario != b.scenario) return a.scenario < b.scenario ? -1 : 1;
    return (a.division > b.division) - (a.division < b.division);
}

static size_t lower_bound(const effects *e, effect_key key) {
    size_t low = 0, high = e->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_key(e->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static row *find(const effects *e, effect_key key) {
    size_t at = lower_bound(e, key);
    return at < e->count && by_key(e->rows[at].key, key) == 0 ? &e->rows[at] : NULL;
}

static uint64_t mask_of(const uint64_t *counters, size_t n) {
    uint64_t mask = 0;
    for (size_t i = 0; i < n; i++) mask |= (uint64_t)(counters[i] != 0) << i;
    return mask;
}

static unsigned count_of(const effect_counts *c) {
    return (unsigned)__builtin_popcountll(mask_of(c->outcomes, TALLY_OUTCOMES)) +
           (unsigned)__builtin_popcountll(mask_of(c->given, LIMIT_BENEFITS)) +
           (unsigned)__builtin_popcountll(mask_of(c->used, LIMIT_BENEFITS));
}

static const uint64_t *unpack(const uint64_t *from, uint64_t mask, uint64_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = mask >> i & 1 ? *from++ : 0;
    return from;
}

static uint64_t *pack(const uint64_t *from, size_t n, uint64_t *to) {
    for (size_t i = 0; i < n; i++)
        if (from[i] != 0) *to++ = from[i];
    return to;
}

static void read_row(const row *r, effect_counts *out) {
    const uint64_t *at = unpack(r->values, r->outcomes, out->outcomes, TALLY_OUTCOMES);
    at = unpack(at, r->given, out->given, LIMIT_BENEFITS);
    unpack(at, r->used, out->used, LIMIT_BENEFITS);
}

void effects_get(const effects *e, effect_key key, effect_counts *out) {
    const row *r = find(e, key);
    if (r != NULL)
        read_row(r, out);
    else
        *out = (effect_counts){0};
}

static row *insert(effects *e, effect_key key) {
    if (e->count == e->capacity) {
        size_t more = e->capacity == 0 ? 256 : e->capacity * 2;
        row *rows = realloc(e->rows, more * sizeof *rows);
        if (rows == NULL) return NULL;
        e->rows = rows;
        e->capacity = more;
    }
    size_t at = lower_bound(e, key);
    memmove(e->rows + at + 1, e->rows + at, (e->count - at) * sizeof *e->rows);
    e->count++;
    e->rows[at] = (row){.key = key};
    return &e->rows[at];
}

status effects_reserve(effects *e, effect_key key, const effect_counts *counts) {
    row *r = find(e, key);
    if (r == NULL) r = insert(e, key);
    if (r == NULL) return STATUS_NO_MEMORY;
    unsigned need = count_of(counts);
    if (need <= r->capacity) return STATUS_OK;
    need = (need + 3) / 4 * 4;
    uint64_t *values = realloc(r->values, need * sizeof *values);
    if (values == NULL) return STATUS_NO_MEMORY;
    e->bytes += (need - r->capacity) * sizeof *values;
    r->values = values;
    r->capacity = (uint8_t)need;
    return STATUS_OK;
}

void effects_set(effects *e, effect_key key, const effect_counts *counts) {
    row *r = find(e, key);
    CHECK(r != NULL && count_of(counts) <= r->capacity);
    r->outcomes = (uint8_t)mask_of(counts->outcomes, TALLY_OUTCOMES);
    r->given = mask_of(counts->given, LIMIT_BENEFITS);
    r->used = mask_of(counts->used, LIMIT_BENEFITS);
    uint64_t *at = pack(counts->outcomes, TALLY_OUTCOMES, r->values);
    at = pack(counts->given, LIMIT_BENEFITS, at);
    pack(counts->used, LIMIT_BENEFITS, at);
}

void effects_walk(const effects *e, unsigned month, unsigned scenario, effect_visit visit, void *context) {
    size_t i = month == 0 ? 0 : lower_bound(e, (effect_key){.month = (uint16_t)month});
    for (; i < e->count && (month == 0 || e->rows[i].key.month == month); i++) {
        const row *r = &e->rows[i];
        if ((scenario != 0 && r->key.scenario != scenario) || (r->outcomes | r->given | r->used) == 0) continue;
        effect_row shown = {.month = r->key.month, .scenario = r->key.scenario, .division = r->key.division};
        read_row(r, &shown.counts);
        visit(context, &shown);
    }
}

/* ------------------------------------------------------------------ sums */

static void add(uint64_t *to, const uint64_t *added, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (__builtin_add_overflow(to[i], added[i], &to[i])) to[i] = UINT64_MAX;
}

void effect_add(effect_counts *to, const effect_counts *added) {
    add(to->outcomes, added->outcomes, TALLY_OUTCOMES);
    add(to->given, added->given, LIMIT_BENEFITS);
    add(to->used, added->used, LIMIT_BENEFITS);
}

/* ------------------------------------------------------------------ records */

void effect_encode_key(effect_key key, uint8_t to[EFFECT_KEY]) {
    size_t n = sizeof EFFECT_NAME - 1;
    memcpy(to, EFFECT_NAME, n);
    to[n] = (uint8_t)(key.month >> 8);
    to[n + 1] = (uint8_t)key.month;
    to[n + 2] = key.scenario;
    for (unsigned b = 0; b < 4; b++) to[n + 3 + b] = (uint8_t)(key.division >> (24 - 8 * b));
}

static effect_key decode_key(const uint8_t *from) {
    from += sizeof EFFECT_NAME - 1;
    effect_key key = {.month = (uint16_t)(from[0] << 8 | from[1]), .scenario = from[2]};
    for (unsigned b = 0; b < 4; b++) key.division = key.division << 8 | from[3 + b];
    return key;
}

/* u8 image version, u8 mask of outcomes, u64 masks of given and used, then u64 for each bit, little-endian. */
size_t effect_encode(const effect_counts *c, uint8_t to[EFFECT_IMAGE_MAX]) {
    uint64_t values[COUNTERS];
    to[0] = IMAGE_EFFECT;
    to[1] = (uint8_t)mask_of(c->outcomes, TALLY_OUTCOMES);
    le_put64(to + 2, mask_of(c->given, LIMIT_BENEFITS));
    le_put64(to + 10, mask_of(c->used, LIMIT_BENEFITS));
    uint64_t *end =
        pack(c->used, LIMIT_BENEFITS, pack(c->given, LIMIT_BENEFITS, pack(c->outcomes, TALLY_OUTCOMES, values)));
    size_t n = (size_t)(end - values);
    for (size_t i = 0; i < n; i++) le_put64(to + 18 + 8 * i, values[i]);
    return 18 + 8 * n;
}

static status decode(const uint8_t *from, size_t length, effect_counts *out) {
    if (length < 18 || from[0] != IMAGE_EFFECT || from[1] >> TALLY_OUTCOMES != 0) return STATUS_CORRUPT;
    uint64_t given = le_get64(from + 2), used = le_get64(from + 10), values[COUNTERS];
    size_t n = (size_t)(__builtin_popcount(from[1]) + __builtin_popcountll(given) + __builtin_popcountll(used));
    if (length != 18 + 8 * n) return STATUS_CORRUPT;
    for (size_t i = 0; i < n; i++) {
        values[i] = le_get64(from + 18 + 8 * i);
        if (values[i] == 0) return STATUS_CORRUPT;
    }
    const uint64_t *at = unpack(values, from[1], out->outcomes, TALLY_OUTCOMES);
    at = unpack(at, given, out->given, LIMIT_BENEFITS);
    unpack(at, used, out->used, LIMIT_BENEFITS);
    return STATUS_OK;
}

bool effect_is_record(const change *record) {
    size_t n = sizeof EFFECT_NAME - 1;
    return record->key_length == EFFECT_KEY && memcmp(record->key, EFFECT_NAME, n) == 0;
}

status effects_apply(effects *e, const change *record) {
    effect_counts counts;
    if (record->removed || !effect_is_record(record)) return STATUS_CORRUPT;
    effect_key key = decode_key(record->key);
    if (key.scenario == 0 || key.scenario > SCENARIO_MAX) return STATUS_CORRUPT;
    status code = decode(record->value, record->value_length, &counts);
    if (code == STATUS_OK) code = effects_reserve(e, key, &counts);
    if (code == STATUS_OK) effects_set(e, key, &counts);
    return code;
}
