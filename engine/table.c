/* Layout of the block: header, one filter a tested column, then per filter its bitmaps and, for wide fields, the cuts
 * before them. Fields of one byte and less look their bitmap up directly by value; the others search the cuts without
 * branches, a handful of steps. Filters of the first kind come first, so neither loop has a branch to predict.
 *
 * A field is taken from the profile as (32-bit load >> shift) & mask, flags and bytes and words alike. The value that
 * means "missing" is a point of the axis like any other.
 *
 * Cost: one load, one lookup and one AND a column as long as the table has 64 rows or fewer; beyond, one AND a column
 * for each further 64 rows until a match is found. */
#include "engine/table.h"

#include "base/check.h"

#include <string.h>

typedef struct table_filter {
    uint8_t offset, shift; /* of the 32-bit load */
    uint16_t zero;
    uint32_t mask;
    uint32_t last; /* direct: the last value with a bitmap; searched: the number of cuts */
    uint32_t cuts; /* offsets within the block, in bytes */
    uint32_t bits;
} table_filter;

struct table {
    uint16_t rows, words;
    uint8_t filters, direct; /* the first `direct` filters look up, the others search */
    uint16_t columns;
    uint64_t live;                        /* the rows there are, of the last word */
    uint8_t filter[LIMIT_POLICY_COLUMNS]; /* of a column; NO_FILTER: it tests nothing */
    table_filter each[];
};
#define NO_FILTER 0xFF
#define DIRECT_MAX 255 /* fields with larger values are searched */

/* ------------------------------------------------------------------ building */

static uint32_t largest(const profile_field *field) {
    uint32_t high = (uint32_t)field->max;
    return field->has_missing && field->missing > high ? field->missing : high;
}

static bool is_direct(const table_axis *axis) { return largest(axis->field) <= DIRECT_MAX; }

static size_t align(size_t n, size_t to) { return (n + to - 1) & ~(to - 1); }

static size_t axis_bytes(const table_axis *axis, unsigned words) {
    size_t row_set = words * sizeof(uint64_t);
    if (is_direct(axis)) return ((size_t)largest(axis->field) + 1) * row_set;
    return align(axis->count * sizeof(uint32_t), 8) + axis->count * row_set;
}

static size_t header_bytes(const table_plan *plan) {
    size_t filters = 0;
    for (unsigned c = 0; c < plan->columns; c++) filters += plan->axes[c].tested;
    return align(sizeof(table) + filters * sizeof(table_filter), 64);
}

size_t table_bytes(const table_plan *plan) {
    size_t total = header_bytes(plan);
    for (unsigned c = 0; c < plan->columns; c++)
        if (plan->axes[c].tested) total += axis_bytes(&plan->axes[c], plan->words);
    return align(total, 64);
}

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

static size_t fill(table_filter *f, const table_axis *axis, unsigned words, char *block, size_t at) {
    size_t row_set = words * sizeof(uint64_t);
    if (!is_direct(axis)) {
        f->last = axis->count;
        f->cuts = (uint32_t)at;
        memcpy(block + at, axis->cuts, axis->count * sizeof(uint32_t));
        at += align(axis->count * sizeof(uint32_t), 8);
        f->bits = (uint32_t)at;
        memcpy(block + at, axis->bits, axis->count * row_set);
        return at + axis->count * row_set;
    }
    f->last = largest(axis->field);
    f->bits = (uint32_t)at;
    uint32_t interval = 0;
    for (uint32_t v = 0; v <= f->last; v++, at += row_set) {
        while (interval + 1 < axis->count && axis->cuts[interval + 1] <= v) interval++;
        memcpy(block + at, axis->bits + (size_t)interval * words, row_set);
    }
    return at;
}

const table *table_build(const table_plan *plan, void *memory) {
    table *t = memory;
    t->rows = (uint16_t)plan->rows;
    t->words = (uint16_t)plan->words;
    t->columns = (uint16_t)plan->columns;
    unsigned left = plan->rows - (plan->words - 1) * 64;
    t->live = left == 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
    memset(t->filter, NO_FILTER, sizeof t->filter);
    size_t at = header_bytes(plan);
    for (int direct = 1; direct >= 0; direct--) {
        for (unsigned c = 0; c < plan->columns; c++) {
            const table_axis *axis = &plan->axes[c];
            if (!axis->tested || is_direct(axis) != direct) continue;
            table_filter *f = &t->each[t->filters];
            t->filter[c] = t->filters++;
            t->direct = (uint8_t)(t->direct + direct);
            set_load(f, axis->field);
            at = fill(f, axis, plan->words, memory, at);
        }
    }
    CHECK(align(at, 64) == table_bytes(plan) && at <= UINT32_MAX);
    return t;
}

/* ------------------------------------------------------------------ evaluation */

static inline uint32_t load(const table_filter *f, const profile *p) {
    uint32_t word;
    memcpy(&word, (const char *)p + f->offset, sizeof word);
    return word >> f->shift & f->mask;
}

static inline const uint64_t *bits_at(const table *t, const table_filter *f, size_t index, size_t words) {
    return (const uint64_t *)(const void *)((const char *)t + f->bits) + index * words;
}

static inline const uint64_t *look_up(const table *t, const table_filter *f, const profile *p, size_t words) {
    uint32_t value = load(f, p);
    return bits_at(t, f, value < f->last ? value : f->last, words);
}

static inline const uint64_t *search(const table *t, const table_filter *f, const profile *p, size_t words) {
    const uint32_t *cut = (const uint32_t *)(const void *)((const char *)t + f->cuts);
    uint32_t value = load(f, p), low = 0;
    for (uint32_t n = f->last; n > 1;) {
        uint32_t half = n / 2;
        low = cut[low + half] <= value ? low + half : low;
        n -= half;
    }
    return bits_at(t, f, low, words);
}

static inline uint64_t match_one_word(const table *t, const profile *p) {
    uint64_t rows = t->live;
    const table_filter *f = t->each, *direct = f + t->direct, *end = f + t->filters;
    for (; f < direct; f++) rows &= *look_up(t, f, p, 1);
    for (; f < end; f++) rows &= *search(t, f, p, 1);
    return rows;
}

static const uint64_t *select_one(const table *t, unsigned i, const profile *p) {
    return i < t->direct ? look_up(t, &t->each[i], p, t->words) : search(t, &t->each[i], p, t->words);
}

static void select_bits(const table *t, const profile *p, const uint64_t **selected) {
    for (unsigned i = 0; i < t->filters; i++) selected[i] = select_one(t, i, p);
}

static inline uint64_t word_of(const table *t, const uint64_t *const *selected, unsigned w) {
    uint64_t rows = w + 1 == t->words ? t->live : UINT64_MAX;
    for (unsigned i = 0; i < t->filters; i++) rows &= selected[i][w];
    return rows;
}

unsigned table_first(const table *t, const profile *p) {
    if (t->words == 1) {
        uint64_t rows = match_one_word(t, p);
        return rows ? (unsigned)__builtin_ctzll(rows) + 1 : 0;
    }
    const uint64_t *selected[LIMIT_POLICY_COLUMNS];
    select_bits(t, p, selected);
    for (unsigned w = 0; w < t->words; w++) {
        uint64_t rows = word_of(t, selected, w);
        if (rows) return w * 64 + (unsigned)__builtin_ctzll(rows) + 1;
    }
    return 0;
}

unsigned table_first_but(const table *t, const profile *p, const uint64_t *gone) {
    const uint64_t *selected[LIMIT_POLICY_COLUMNS];
    select_bits(t, p, selected);
    for (unsigned w = 0; w < t->words; w++) {
        uint64_t rows = word_of(t, selected, w) & ~gone[w];
        if (rows) return w * 64 + (unsigned)__builtin_ctzll(rows) + 1;
    }
    return 0;
}

bool table_all(const table *t, const profile *p, uint64_t *rows) {
    if (t->words == 1) return (rows[0] = match_one_word(t, p)) != 0;
    const uint64_t *selected[LIMIT_POLICY_COLUMNS];
    uint64_t any = 0;
    select_bits(t, p, selected);
    for (unsigned w = 0; w < t->words; w++) any |= rows[w] = word_of(t, selected, w);
    return any != 0;
}

bool table_cell(const table *t, unsigned row, unsigned column, const profile *p) {
    CHECK(row < t->rows && column < t->columns);
    unsigned i = t->filter[column];
    if (i == NO_FILTER) return true;
    const uint64_t *bits = select_one(t, i, p);
    return bits[row / 64] >> (row % 64) & 1;
}

const uint64_t *table_column(const table *t, unsigned column, const profile *p) {
    CHECK(column < t->columns);
    return t->filter[column] == NO_FILTER ? NULL : select_one(t, t->filter[column], p);
}

size_t table_cuts(const table *t, unsigned column, uint32_t *cuts, size_t max) {
    CHECK(column < t->columns);
    if (t->filter[column] == NO_FILTER) return 0;
    const table_filter *f = &t->each[t->filter[column]];
    size_t n = 0;
    if (t->filter[column] >= t->direct) {
        n = f->last < max ? f->last : max;
        if (n) memcpy(cuts, (const char *)t + f->cuts, n * sizeof *cuts);
        return f->last;
    }
    for (uint32_t v = 0; v <= f->last; v++) {
        const uint64_t *here = bits_at(t, f, v, t->words);
        if (v > 0 && memcmp(here, here - t->words, t->words * sizeof *here) == 0) continue;
        if (n < max) cuts[n] = v;
        n++;
    }
    return n;
}

unsigned table_words(const table *t) { return t->words; }
