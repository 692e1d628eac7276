/* Cutting is sorting: all ends of all ranges of a column, then one pass over the cells. Neighbouring intervals with the
 * same rows are joined again, so a column that ten rows test in the same way costs what one test costs.
 *
 * Completeness is a search over the columns: choose an interval, keep the rows it leaves, go to the next column. No row
 * left: a hole. A row left that takes everything in the columns to come: covered, no need to look further. Both ends
 * come early in tables that people write; a budget of work bounds the others. */
#include "engine/table_plan.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

static bool bit(const uint64_t *bits, unsigned i) { return bits[i / 64] >> (i % 64) & 1; }
static void set_bit(uint64_t *bits, unsigned i) { bits[i / 64] |= UINT64_C(1) << (i % 64); }

/* ------------------------------------------------------------------ cutting */

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Ends beyond 32 bits fall away: the axis ends there. */
static size_t unique_ends(uint64_t *ends, size_t count) {
    qsort(ends, count, sizeof *ends, by_value);
    size_t kept = 0;
    for (size_t i = 0; i < count && ends[i] <= UINT32_MAX; i++)
        if (kept == 0 || ends[i] != ends[kept - 1]) ends[kept++] = ends[i];
    return kept;
}

static status find_cuts(const table_spec *spec, unsigned column, policy_arena *memory, table_axis *axis) {
    const profile_field *field = spec->fields[column];
    sfeel_range domain = sfeel_domain(field);
    size_t count = 5;
    for (unsigned r = 0; r < spec->rows; r++) count += 2 * (size_t)spec->cells[r * spec->columns + column].count;
    uint64_t *ends = malloc(count * sizeof *ends);
    if (!ends) return STATUS_NO_MEMORY;
    size_t n = 0;
    ends[n++] = 0;
    ends[n++] = (uint64_t)domain.low;
    ends[n++] = (uint64_t)domain.high + 1;
    if (field->has_missing) {
        ends[n++] = field->missing;
        ends[n++] = (uint64_t)field->missing + 1;
    }
    for (unsigned r = 0; r < spec->rows; r++) {
        const sfeel_test *cell = &spec->cells[r * spec->columns + column];
        axis->tested |= !cell->any;
        for (uint32_t i = 0; i < cell->count; i++) {
            ends[n++] = (uint64_t)cell->ranges[i].low;
            ends[n++] = (uint64_t)cell->ranges[i].high + 1;
        }
    }
    n = unique_ends(ends, n);
    axis->count = (uint32_t)n;
    axis->cuts = POLICY_ARENA_ARRAY(memory, uint32_t, n);
    axis->possible = POLICY_ARENA_ARRAY(memory, bool, n);
    for (size_t i = 0; axis->cuts && i < n; i++) axis->cuts[i] = (uint32_t)ends[i];
    free(ends);
    return axis->cuts && axis->possible ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The interval that holds a raw value. */
static uint32_t interval_of(const table_axis *axis, uint32_t raw) {
    uint32_t low = 0, n = axis->count;
    while (n > 1) {
        uint32_t half = n / 2;
        if (axis->cuts[low + half] <= raw) low += half;
        n -= half;
    }
    return low;
}

static void mark(table_axis *axis, unsigned words, unsigned row, int64_t low, int64_t high) {
    for (uint32_t i = interval_of(axis, (uint32_t)low); i < axis->count && axis->cuts[i] <= high; i++)
        set_bit(axis->bits + (size_t)i * words, row);
}

static void fill_bits(const table_spec *spec, unsigned column, unsigned words, table_axis *axis) {
    const profile_field *field = axis->field;
    for (unsigned r = 0; r < spec->rows; r++) {
        const sfeel_test *cell = &spec->cells[r * spec->columns + column];
        if (cell->any)
            mark(axis, words, r, 0, UINT32_MAX);
        else if (cell->missing)
            mark(axis, words, r, field->missing, field->missing);
        for (uint32_t i = 0; i < cell->count; i++) mark(axis, words, r, cell->ranges[i].low, cell->ranges[i].high);
    }
    sfeel_range domain = sfeel_domain(field);
    for (uint32_t i = 0; i < axis->count; i++)
        axis->possible[i] = (axis->cuts[i] >= domain.low && axis->cuts[i] <= domain.high) ||
                            (field->has_missing && axis->cuts[i] == field->missing);
}

static void join_equal(table_axis *axis, unsigned words) {
    uint32_t kept = 0;
    size_t bytes = words * sizeof(uint64_t);
    for (uint32_t i = 1; i < axis->count; i++) {
        const uint64_t *bits = axis->bits + (size_t)i * words;
        uint64_t *last = axis->bits + (size_t)kept * words;
        if (axis->possible[i] == axis->possible[kept] && memcmp(bits, last, bytes) == 0) continue;
        kept++;
        axis->cuts[kept] = axis->cuts[i];
        axis->possible[kept] = axis->possible[i];
        if (kept != i) memcpy(last + words, bits, bytes);
    }
    axis->count = kept + 1;
}

status table_plan_make(const table_spec *spec, size_t max_bytes, policy_arena *memory, table_plan *out) {
    CHECK(spec->rows <= LIMIT_POLICY_ROWS && spec->columns <= LIMIT_POLICY_COLUMNS);
    *out = (table_plan){.rows = spec->rows, .columns = spec->columns, .words = spec->rows ? (spec->rows + 63) / 64 : 1};
    for (unsigned c = 0; c < spec->columns; c++) {
        table_axis *axis = &out->axes[c];
        axis->field = spec->fields[c];
        status s = find_cuts(spec, c, memory, axis);
        if (s != STATUS_OK) return s;
        size_t words = (size_t)axis->count * out->words;
        out->bytes += words * sizeof(uint64_t);
        if (out->bytes > max_bytes) return STATUS_TOO_LARGE;
        axis->bits = POLICY_ARENA_ARRAY(memory, uint64_t, words);
        if (!axis->bits) return STATUS_NO_MEMORY;
        fill_bits(spec, c, out->words, axis);
        join_equal(axis, out->words);
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ completeness */

typedef struct search {
    const table_plan *plan;
    unsigned row; /* the region is this row's; plan->rows: everything */
    uint64_t *work;
    table_point *hole;
    /* rest[c]: the rows that take everything of the region in columns c and beyond */
    uint64_t rest[LIMIT_POLICY_COLUMNS + 1][TABLE_WORDS_MAX];
} search;

/* The rows before `before` that are there. */
static void rows_before(const table_plan *plan, unsigned before, uint64_t *rows) {
    for (unsigned r = 0; r < before; r++)
        if (!plan->without || !bit(plan->without, r)) set_bit(rows, r);
}

static bool spend(uint64_t *work, uint64_t n) {
    if (*work < n)
        *work = 0;
    else
        *work -= n;
    return *work > 0;
}

static bool in_region(const search *s, const table_axis *axis, uint32_t i) {
    return axis->possible[i] && (s->row == s->plan->rows || bit(axis->bits + (size_t)i * s->plan->words, s->row));
}

static int64_t value_in(const table_axis *axis, uint32_t i) {
    uint32_t raw = axis->cuts[i];
    return axis->field->has_missing && raw == axis->field->missing ? PROFILE_MISSING : (int64_t)raw;
}

static bool meets(const uint64_t *a, const uint64_t *b, unsigned words) {
    uint64_t any = 0;
    for (unsigned w = 0; w < words; w++) any |= a[w] & b[w];
    return any != 0;
}

static bool is_empty(const uint64_t *a, unsigned words) {
    uint64_t any = 0;
    for (unsigned w = 0; w < words; w++) any |= a[w];
    return any == 0;
}

/* Whether one of the few intervals before i of the region leaves the same rows: then it has been searched. */
static bool seen(const search *s, const table_axis *axis, uint32_t i, const uint64_t *mask, const uint64_t *left) {
    unsigned words = s->plan->words;
    for (uint32_t j = i > 8 ? i - 8 : 0; j < i; j++) {
        if (!in_region(s, axis, j)) continue;
        const uint64_t *bits = axis->bits + (size_t)j * words;
        uint64_t differ = 0;
        for (unsigned w = 0; w < words; w++) differ |= (mask[w] & bits[w]) ^ left[w];
        if (!differ) return true;
    }
    return false;
}

static table_verdict descend(search *s, unsigned column, const uint64_t *mask) {
    const table_plan *plan = s->plan;
    unsigned words = plan->words;
    if (is_empty(mask, words)) return TABLE_UNCOVERED;
    if (meets(mask, s->rest[column], words)) return TABLE_COVERED;
    const table_axis *axis = &plan->axes[column];
    uint64_t left[TABLE_WORDS_MAX];
    for (uint32_t i = 0; i < axis->count; i++) {
        if (!in_region(s, axis, i)) continue;
        if (!spend(s->work, 12 * (uint64_t)words)) return TABLE_UNDECIDED;
        for (unsigned w = 0; w < words; w++) left[w] = mask[w] & axis->bits[(size_t)i * words + w];
        if (seen(s, axis, i, mask, left)) continue;
        s->hole->values[column] = value_in(axis, i);
        s->hole->matters[column] = true;
        table_verdict v = descend(s, column + 1, left);
        if (v != TABLE_COVERED) return v;
        s->hole->matters[column] = false;
    }
    return TABLE_COVERED;
}

table_verdict table_plan_covered(const table_plan *plan, unsigned row, unsigned before, uint64_t *work,
                                 table_point *hole) {
    search s = {.plan = plan, .row = row, .work = work, .hole = hole};
    *hole = (table_point){0};
    rows_before(plan, before, s.rest[plan->columns]);
    for (unsigned c = plan->columns; c-- > 0;) {
        const table_axis *axis = &plan->axes[c];
        if (!spend(work, (uint64_t)axis->count * plan->words)) return TABLE_UNDECIDED;
        memcpy(s.rest[c], s.rest[c + 1], sizeof s.rest[c]);
        for (uint32_t i = 0; i < axis->count; i++) {
            if (!in_region(&s, axis, i)) continue;
            for (unsigned w = 0; w < plan->words; w++) s.rest[c][w] &= axis->bits[(size_t)i * plan->words + w];
        }
    }
    for (unsigned r = before; r-- > 0;)
        if (bit(s.rest[0], r)) hole->alone = r + 1;
    return descend(&s, 0, s.rest[plan->columns]);
}

/* ------------------------------------------------------------------ overlap */

static void point_of_both(const table_plan *plan, unsigned a, unsigned b, table_point *both) {
    *both = (table_point){0};
    for (unsigned c = 0; c < plan->columns; c++) {
        const table_axis *axis = &plan->axes[c];
        both->matters[c] = false;
        bool found = false;
        for (uint32_t i = 0; i < axis->count; i++) {
            const uint64_t *bits = axis->bits + (size_t)i * plan->words;
            if (!axis->possible[i]) continue;
            bool here = bit(bits, a) && bit(bits, b);
            if (here && !found) both->values[c] = value_in(axis, i), found = true;
            if (!here) both->matters[c] = true;
        }
        CHECK(found);
    }
}

table_verdict table_plan_overlap(const table_plan *plan, unsigned row, uint64_t *work, unsigned *other,
                                 table_point *both) {
    uint64_t common[TABLE_WORDS_MAX] = {0}, here[TABLE_WORDS_MAX];
    rows_before(plan, row, common);
    for (unsigned c = 0; c < plan->columns; c++) {
        const table_axis *axis = &plan->axes[c];
        if (!spend(work, (uint64_t)axis->count * plan->words)) return TABLE_UNDECIDED;
        memset(here, 0, sizeof here);
        for (uint32_t i = 0; i < axis->count; i++) {
            const uint64_t *bits = axis->bits + (size_t)i * plan->words;
            if (!axis->possible[i] || !bit(bits, row)) continue;
            for (unsigned w = 0; w < plan->words; w++) here[w] |= bits[w];
        }
        for (unsigned w = 0; w < plan->words; w++) common[w] &= here[w];
        if (is_empty(common, plan->words)) return TABLE_UNCOVERED;
    }
    for (unsigned r = 0; r < row; r++) {
        if (!bit(common, r)) continue;
        *other = r;
        point_of_both(plan, row, r, both);
        return TABLE_COVERED;
    }
    return TABLE_UNCOVERED;
}
