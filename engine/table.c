/* Layout of the block: header, one filter a tested column, then per filter its bitmaps and what finds one of them.
 *
 * A field is taken from the profile as (32-bit load >> shift) & mask, flags and bytes and words alike. The value that
 * means "missing" is a point of the axis like any other. Fields of one byte and less look their bitmap up directly by
 * value. The others find their interval by a grid over the axis, laid so that a cell holds as few cuts as possible, and
 * by halving what the fullest cell holds: mostly nothing or one step, the same number for every value. Filters of the
 * first kind come first, so no loop has a branch that depends on the subject.
 *
 * Up to 64 rows the answer is the AND of one word a column. Longer tables have, for each bitmap, a summary with a bit
 * for each of its words that is not empty; the AND of the summaries leaves few words, which are looked at four at a
 * time, so that compilers make vectors of them. Cost: one load, one lookup and one AND a column, and for each four
 * words that are left one more AND a column, until a match is found: it grows with columns, hardly with rows. */
#include "engine/table.h"

#include "base/check.h"

#include <string.h>

typedef struct table_filter {
    uint8_t offset, shift; /* of the 32-bit load */
    uint8_t grid_shift;    /* searched: value >> grid_shift is its cell */
    uint8_t zero;
    uint32_t mask;
    uint32_t last;   /* direct: the last value with a bitmap; searched: the last cell */
    uint32_t window; /* searched: intervals among which the halving begins */
    uint32_t intervals;
    /* offsets within the block, in bytes; grid and cuts of searched filters, summaries of tables with several words */
    uint32_t grid, cuts, bits, summaries;
} table_filter;

struct table {
    uint16_t rows, words, stride; /* stride: words from one bitmap to the next */
    uint16_t columns;
    uint8_t filters, direct;              /* the first `direct` filters look up, the others search */
    uint8_t filter[LIMIT_POLICY_COLUMNS]; /* of a column; NO_FILTER: it tests nothing */
    table_filter each[];
};
#define NO_FILTER 0xFF
#define DIRECT_MAX 255 /* fields with larger values are searched */
#define GRID_BITS_MAX 11
#define SINGLY 3 /* words that are looked at one by one */
#define BLOCK 4  /* words that are looked at together */
static_assert(TABLE_WORDS_MAX <= 64, "a summary is one word");
static_assert(LIMIT_POLICY_COLUMNS < NO_FILTER, "filters are numbered in a byte");

/* ------------------------------------------------------------------ size */

static uint32_t largest(const profile_field *field) {
    uint32_t high = (uint32_t)field->max;
    return field->has_missing && field->missing > high ? field->missing : high;
}

static bool is_direct(const table_axis *axis) { return largest(axis->field) <= DIRECT_MAX; }

static size_t align(size_t n, size_t to) { return (n + to - 1) & ~(to - 1); }

static unsigned stride_of(const table_plan *plan) { return plan->words == 1 ? 1 : (unsigned)align(plan->words, BLOCK); }

static size_t bitmaps_of(const table_axis *axis) {
    return is_direct(axis) ? (size_t)largest(axis->field) + 1 : axis->count;
}

/* Four cells an interval, within bounds. */
static unsigned grid_bits(const table_axis *axis) {
    unsigned bits = 4;
    while (bits < GRID_BITS_MAX && UINT32_C(1) << bits < 4 * (uint64_t)axis->count) bits++;
    return bits;
}

static size_t search_bytes(const table_axis *axis) {
    return is_direct(axis) ? 0 : align(((UINT32_C(1) << grid_bits(axis)) + axis->count) * sizeof(uint32_t), 32);
}

static size_t bitmap_bytes(const table_plan *plan, size_t bitmaps) {
    size_t summaries = plan->words == 1 ? 0 : align(bitmaps * sizeof(uint64_t), 32);
    return summaries + align(bitmaps * stride_of(plan) * sizeof(uint64_t), 32);
}

static unsigned count_filters(const table_plan *plan) {
    unsigned filters = 0;
    for (unsigned c = 0; c < plan->columns; c++) filters += plan->axes[c].tested;
    return filters;
}

/* A table that tests nothing has one filter all the same, whose only bitmap holds all rows. */
static size_t header_bytes(const table_plan *plan) {
    unsigned filters = count_filters(plan);
    return align(sizeof(table) + (filters ? filters : 1) * sizeof(table_filter), 64);
}

size_t table_bytes(const table_plan *plan) {
    size_t total = header_bytes(plan);
    for (unsigned c = 0; c < plan->columns; c++)
        if (plan->axes[c].tested)
            total += search_bytes(&plan->axes[c]) + bitmap_bytes(plan, bitmaps_of(&plan->axes[c]));
    if (count_filters(plan) == 0) total += bitmap_bytes(plan, 1);
    return align(total, 64);
}

/* ------------------------------------------------------------------ building */

/* The load that brings a field's bits to the bottom. Near the end of the profile it begins earlier, not to leave it. */
static void set_load(table_filter *f, const profile_field *field) {
    unsigned start = field->offset > PROFILE_SIZE - 4 ? PROFILE_SIZE - 4 : field->offset;
    unsigned skipped = 8 * (field->offset - start), width = 8u * field->width;
    f->offset = (uint8_t)start;
    f->shift = (uint8_t)(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 32 - skipped - width : skipped);
    f->mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
    if (field->type == PROFILE_FLAG) {
        f->shift = (uint8_t)(f->shift + __builtin_ctz(field->bit));
        f->mask = 1;
    }
}

/* Lays a grid over the axis: starts[c] is the interval in which cell c begins. Returns how many intervals the fullest
 * cell meets. The last cell takes all that is beyond. */
static uint32_t lay_grid(const table_axis *axis, unsigned shift, uint32_t cells, uint32_t *starts) {
    uint32_t interval = 0, fullest = 1;
    for (uint32_t c = 0; c < cells; c++) {
        uint64_t low = (uint64_t)c << shift;
        while (interval + 1 < axis->count && axis->cuts[interval + 1] <= low) interval++;
        starts[c] = interval;
        if (c == 0) continue;
        /* the cell before ends in this interval or, if that begins here, in the one before it */
        uint32_t met = interval - starts[c - 1] + (axis->cuts[interval] < low);
        if (met > fullest) fullest = met;
    }
    uint32_t beyond = axis->count - starts[cells - 1];
    return beyond > fullest ? beyond : fullest;
}

static unsigned halvings(uint32_t n) {
    unsigned steps = 0;
    for (; n > 1; n -= n / 2) steps++;
    return steps;
}

static size_t fill_search(table_filter *f, const table_axis *axis, char *block, size_t at) {
    uint32_t cells = UINT32_C(1) << grid_bits(axis), *starts = (uint32_t *)(void *)(block + at);
    unsigned best = 0;
    uint32_t window = UINT32_MAX;
    for (unsigned shift = 0; shift < 32; shift++) {
        uint32_t met = lay_grid(axis, shift, cells, starts);
        if (window == UINT32_MAX || halvings(met) < halvings(window)) window = met, best = shift;
    }
    lay_grid(axis, best, cells, starts);
    /* the halving looks at `window` cuts from the start on: near the end it begins earlier */
    for (uint32_t c = 0; c < cells; c++)
        if (starts[c] > axis->count - window) starts[c] = axis->count - window;
    f->grid_shift = (uint8_t)best;
    f->last = cells - 1;
    f->window = window;
    f->intervals = axis->count;
    f->grid = (uint32_t)at;
    f->cuts = (uint32_t)(at + cells * sizeof(uint32_t));
    memcpy(block + f->cuts, axis->cuts, axis->count * sizeof(uint32_t));
    return at + search_bytes(axis);
}

static uint64_t summary_of(const uint64_t *bits, unsigned words) {
    uint64_t summary = 0;
    for (unsigned w = 0; w < words; w++) summary |= (uint64_t)(bits[w] != 0) << w;
    return summary;
}

/* Where a filter's bitmaps and summaries will be; returns what is behind them. */
static size_t place_bitmaps(table_filter *f, const table_plan *plan, size_t bitmaps, size_t at) {
    f->summaries = (uint32_t)at;
    f->bits = (uint32_t)(at + (plan->words == 1 ? 0 : align(bitmaps * sizeof(uint64_t), 32)));
    return at + bitmap_bytes(plan, bitmaps);
}

static void put_bitmap(const table_filter *f, const table_plan *plan, char *block, size_t index, const uint64_t *bits) {
    uint64_t *to = (uint64_t *)(void *)(block + f->bits) + index * stride_of(plan);
    memcpy(to, bits, plan->words * sizeof(uint64_t));
    if (plan->words > 1) ((uint64_t *)(void *)(block + f->summaries))[index] = summary_of(bits, plan->words);
}

static size_t fill(table_filter *f, const table_axis *axis, const table_plan *plan, char *block, size_t at) {
    set_load(f, axis->field);
    if (!is_direct(axis)) at = fill_search(f, axis, block, at);
    size_t bitmaps = bitmaps_of(axis);
    at = place_bitmaps(f, plan, bitmaps, at);
    if (is_direct(axis)) f->last = (uint32_t)bitmaps - 1;
    uint32_t interval = 0;
    for (uint32_t i = 0; i < bitmaps; i++) {
        if (is_direct(axis))
            while (interval + 1 < axis->count && axis->cuts[interval + 1] <= i) interval++;
        else
            interval = i;
        put_bitmap(f, plan, block, i, axis->bits + (size_t)interval * plan->words);
    }
    return at;
}

/* mask 0: every profile selects the bitmap 0. */
static size_t fill_all(table *t, const table_plan *plan, char *block, size_t at) {
    uint64_t all[TABLE_WORDS_MAX] = {0};
    for (unsigned r = 0; r < plan->rows; r++) all[r / 64] |= UINT64_C(1) << (r % 64);
    t->filters = t->direct = 1;
    at = place_bitmaps(&t->each[0], plan, 1, at);
    put_bitmap(&t->each[0], plan, block, 0, all);
    return at;
}

const table *table_build(const table_plan *plan, void *memory) {
    table *t = memory;
    t->rows = (uint16_t)plan->rows;
    t->words = (uint16_t)plan->words;
    t->stride = (uint16_t)stride_of(plan);
    t->columns = (uint16_t)plan->columns;
    memset(t->filter, NO_FILTER, sizeof t->filter);
    size_t at = header_bytes(plan);
    for (int direct = 1; direct >= 0; direct--) {
        for (unsigned c = 0; c < plan->columns; c++) {
            const table_axis *axis = &plan->axes[c];
            if (!axis->tested || is_direct(axis) != direct) continue;
            table_filter *f = &t->each[t->filters];
            t->filter[c] = t->filters++;
            t->direct = (uint8_t)(t->direct + direct);
            at = fill(f, axis, plan, memory, at);
        }
    }
    if (t->filters == 0) at = fill_all(t, plan, memory, at);
    CHECK(align(at, 64) == table_bytes(plan) && at <= UINT32_MAX);
    return t;
}

/* ------------------------------------------------------------------ one column */

static inline uint32_t load(const table_filter *f, const profile *p) {
    uint32_t word;
    memcpy(&word, (const char *)p + f->offset, sizeof word);
    return word >> f->shift & f->mask;
}

static inline const uint32_t *numbers(const table *t, uint32_t offset) {
    return (const uint32_t *)(const void *)((const char *)t + offset);
}

static inline const uint64_t *words_at(const table *t, uint32_t offset) {
    return (const uint64_t *)(const void *)((const char *)t + offset);
}

/* Which of a filter's bitmaps a profile selects. */
static inline size_t look_up(const table_filter *f, const profile *p) {
    uint32_t value = load(f, p);
    return value < f->last ? value : f->last;
}

static inline size_t search(const table *t, const table_filter *f, const profile *p) {
    uint32_t value = load(f, p), cell = value >> f->grid_shift;
    uint32_t low = numbers(t, f->grid)[cell < f->last ? cell : f->last];
    const uint32_t *cut = numbers(t, f->cuts);
    for (uint32_t n = f->window; n > 1;) {
        uint32_t half = n / 2;
        low = cut[low + half] <= value ? low + half : low;
        n -= half;
    }
    return low;
}

static inline size_t select_in(const table *t, unsigned i, const profile *p) {
    return i < t->direct ? look_up(&t->each[i], p) : search(t, &t->each[i], p);
}

/* ------------------------------------------------------------------ all columns */

static inline uint64_t match_one_word(const table *t, const profile *p) {
    uint64_t rows = UINT64_MAX;
    const table_filter *f = t->each, *direct = f + t->direct, *end = f + t->filters;
    for (; f < direct; f++) rows &= words_at(t, f->bits)[look_up(f, p)];
    for (; f < end; f++) rows &= words_at(t, f->bits)[search(t, f, p)];
    return rows;
}

/* The bitmaps that a profile selects, and the words in which they may meet. */
static inline uint64_t select_bits(const table *t, const profile *p, const uint64_t **selected) {
    uint64_t left = UINT64_MAX;
    const table_filter *f = t->each;
    const table_filter *direct = f + t->direct, *end = f + t->filters;
    for (; f < direct; f++) {
        size_t index = look_up(f, p);
        left &= words_at(t, f->summaries)[index];
        *selected++ = words_at(t, f->bits) + index * t->stride;
    }
    for (; f < end; f++) {
        size_t index = search(t, f, p);
        left &= words_at(t, f->summaries)[index];
        *selected++ = words_at(t, f->bits) + index * t->stride;
    }
    return left;
}

/* A vector of the baseline of x86-64 and of arm64. */
typedef uint64_t word_pair __attribute__((vector_size(2 * sizeof(uint64_t))));

typedef struct word_block {
    word_pair low, high;
} word_block;
static_assert(sizeof(word_block) == BLOCK * sizeof(uint64_t), "two pairs");

static inline void and_block(word_block *all, const uint64_t *words) {
    const word_pair *pairs = (const word_pair *)(const void *)words;
    all->low &= pairs[0];
    all->high &= pairs[1];
}

/* Bit k: word k is not empty. */
static inline unsigned words_in(const word_block *b) {
    return (unsigned)(b->low[0] != 0) | (unsigned)(b->low[1] != 0) << 1 | (unsigned)(b->high[0] != 0) << 2 |
           (unsigned)(b->high[1] != 0) << 3;
}

/* The AND of words w … w + BLOCK - 1. */
static inline word_block match_block(const table *t, const uint64_t *const *selected, unsigned w) {
    word_block all = {~(word_pair){0}, ~(word_pair){0}};
    for (unsigned i = 0; i < t->filters; i++) and_block(&all, selected[i] + w);
    return all;
}

/* The first row of a block that is not empty. Which word it is cannot be foretold, so there is no branch on it. */
static inline unsigned first_in(unsigned w, const word_block *b, unsigned full) {
    uint64_t rows[BLOCK];
    memcpy(rows, b, sizeof rows);
    unsigned k = (unsigned)__builtin_ctz(full);
    return (w + k) * 64 + (unsigned)__builtin_ctzll(rows[k]) + 1;
}

/* The block of the first word that is left; that and its neighbours are taken off *left. */
static inline unsigned next_block(uint64_t *left) {
    unsigned w = (unsigned)__builtin_ctzll(*left) / BLOCK * BLOCK;
    *left &= ~(((UINT64_C(1) << BLOCK) - 1) << w);
    return w;
}

/* Up to 256 rows: one block, without a look at summaries. */
static unsigned first_of_block(const table *t, const profile *p) {
    word_block all = {~(word_pair){0}, ~(word_pair){0}};
    const table_filter *f = t->each, *direct = f + t->direct, *end = f + t->filters;
    for (; f < direct; f++) and_block(&all, words_at(t, f->bits) + look_up(f, p) * BLOCK);
    for (; f < end; f++) and_block(&all, words_at(t, f->bits) + search(t, f, p) * BLOCK);
    unsigned full = words_in(&all);
    return full ? first_in(0, &all, full) : 0;
}

/* Mostly one or two words are left: those are looked at one by one. Where there are more, four at a time. */
static unsigned first_of_many(const table *t, const profile *p) {
    const uint64_t *selected[LIMIT_POLICY_COLUMNS];
    uint64_t left = select_bits(t, p, selected);
    for (unsigned tries = 0; left && tries < SINGLY; tries++, left &= left - 1) {
        unsigned w = (unsigned)__builtin_ctzll(left);
        uint64_t rows = selected[0][w];
        for (unsigned i = 1; i < t->filters; i++) rows &= selected[i][w];
        if (rows) return w * 64 + (unsigned)__builtin_ctzll(rows) + 1;
    }
    while (left) {
        unsigned w = next_block(&left);
        word_block block = match_block(t, selected, w);
        unsigned full = words_in(&block);
        if (full) return first_in(w, &block, full);
    }
    return 0;
}

unsigned table_first(const table *t, const profile *p) {
    if (t->words > BLOCK) return first_of_many(t, p);
    if (t->words > 1) return first_of_block(t, p);
    uint64_t rows = match_one_word(t, p);
    return rows ? (unsigned)__builtin_ctzll(rows) + 1 : 0;
}

unsigned table_first_but(const table *t, const profile *p, const uint64_t *gone) {
    uint64_t rows[TABLE_WORDS_MAX];
    if (!table_all(t, p, rows)) return 0;
    for (unsigned w = 0; w < t->words; w++) {
        uint64_t there = rows[w] & ~gone[w];
        if (there) return w * 64 + (unsigned)__builtin_ctzll(there) + 1;
    }
    return 0;
}

bool table_all(const table *t, const profile *p, uint64_t *rows) {
    if (t->words == 1) return (rows[0] = match_one_word(t, p)) != 0;
    const uint64_t *selected[LIMIT_POLICY_COLUMNS];
    uint64_t left = select_bits(t, p, selected);
    bool any = false;
    memset(rows, 0, t->words * sizeof *rows);
    while (left) {
        unsigned w = next_block(&left), n = t->words - w < BLOCK ? t->words - w : BLOCK;
        word_block block = match_block(t, selected, w);
        any |= words_in(&block) != 0;
        memcpy(rows + w, &block, n * sizeof *rows);
    }
    return any;
}

bool table_cell(const table *t, unsigned row, unsigned column, const profile *p) {
    CHECK(row < t->rows && column < t->columns);
    const uint64_t *bits = table_column(t, column, p);
    return !bits || bits[row / 64] >> (row % 64) & 1;
}

const uint64_t *table_column(const table *t, unsigned column, const profile *p) {
    CHECK(column < t->columns);
    unsigned i = t->filter[column];
    return i == NO_FILTER ? NULL : words_at(t, t->each[i].bits) + select_in(t, i, p) * t->stride;
}

/* Looked up directly, a bitmap that is the same as the one before it is no cut. */
size_t table_cuts(const table *t, unsigned column, uint32_t *cuts, size_t max) {
    CHECK(column < t->columns);
    if (t->filter[column] == NO_FILTER) return 0;
    const table_filter *f = &t->each[t->filter[column]];
    size_t n = 0;
    if (t->filter[column] >= t->direct) {
        n = f->intervals < max ? f->intervals : max;
        if (n) memcpy(cuts, numbers(t, f->cuts), n * sizeof *cuts);
        return f->intervals;
    }
    for (uint32_t v = 0; v <= f->last; v++) {
        const uint64_t *here = words_at(t, f->bits) + (size_t)v * t->stride;
        if (v > 0 && memcmp(here, here - t->stride, t->words * sizeof *here) == 0) continue;
        if (n < max) cuts[n] = v;
        n++;
    }
    return n;
}

unsigned table_words(const table *t) { return t->words; }
