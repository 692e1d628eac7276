/* Compiled tables against a naive interpreter: random tables over all types of fields, random profiles; matching rows,
 * single cells, coverage and overlap must agree. */
#include "../cell_model.h"
#include "engine/table.h"

#define COLUMNS_MAX 9
#define ROWS_MAX 200

/* Sanitizers take their time: fewer cases of the same kinds. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TABLES 400
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TABLES 400
#endif
#endif
#ifndef TABLES
#define TABLES 10000
#endif

typedef struct model_table {
    unsigned rows, columns;
    const profile_field *fields[COLUMNS_MAX];
    model_cell cells[ROWS_MAX][COLUMNS_MAX];
    sfeel_test parsed[ROWS_MAX * COLUMNS_MAX];
} model_table;

static model_table T;
static uint64_t refused;

/* Draws a cell and parses what it prints. A cell that is never true is refused, and must indeed be false of everything
 * that is tried. */
static sfeel_test draw_cell(dice *d, const profile_field *f, policy_arena *memory, model_cell *cell) {
    for (int attempt = 0; attempt < 1000; attempt++) {
        char text[256];
        sfeel_error error = {0};
        sfeel_test test;
        *cell = model_draw(d, f, 40);
        model_print(d, cell, text, sizeof text);
        status s = sfeel_parse(f, text, strlen(text), memory, &test, &error);
        if (s == STATUS_OK) return test;
        cr_assert_eq(s, STATUS_BAD_VALUE, "seed %llu: %s '%s': %s", (unsigned long long)d->seed, f->name, text,
                     error.message);
        refused++;
        if (strstr(error.message, "never true") && !cell->negated && cell->count == 1)
            for (int i = 0; i < 50; i++) {
                int64_t v = model_value_near(d, cell);
                cr_assert_not(model_matches(cell, v), "seed %llu: %s '%s' refused, but matches %lld",
                              (unsigned long long)d->seed, f->name, text, (long long)v);
            }
    }
    cr_assert_fail("no cell for %s", f->name);
    return (sfeel_test){0};
}

static void draw_table(dice *d, policy_arena *memory) {
    static const unsigned SIZES[] = {1, 2, 5, 12, 30, 63, 64, 65, 128, 200};
    T.columns = 1 + (unsigned)dice_below(d, COLUMNS_MAX);
    T.rows = SIZES[dice_below(d, dice_below(d, 4) ? 5 : 10)];
    uint64_t used = 0;
    for (unsigned c = 0; c < T.columns; c++) {
        unsigned n;
        do n = (unsigned)dice_below(d, PROFILE_FIELD_COUNT);
        while (used >> n & 1);
        used |= UINT64_C(1) << n;
        T.fields[c] = profile_field_at(n);
    }
    for (unsigned r = 0; r < T.rows; r++)
        for (unsigned c = 0; c < T.columns; c++)
            T.parsed[r * T.columns + c] = draw_cell(d, T.fields[c], memory, &T.cells[r][c]);
}

static profile draw_profile(dice *d) {
    profile p = blank_profile();
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        int64_t v = f->has_missing && dice_below(d, 4) == 0 ? PROFILE_MISSING : model_value(d, f);
        cr_assert_eq(profile_set(&p, f, v), STATUS_OK, "%s = %lld", f->name, (long long)v);
    }
    for (unsigned c = 0; c < T.columns; c++) {
        int64_t v = model_value_near(d, &T.cells[dice_below(d, T.rows)][c]);
        if (profile_set(&p, T.fields[c], v) != STATUS_OK)
            cr_assert_eq(profile_set(&p, T.fields[c], model_value(d, T.fields[c])), STATUS_OK);
    }
    return p;
}

static bool row_matches(unsigned r, const profile *p) {
    for (unsigned c = 0; c < T.columns; c++)
        if (!model_matches(&T.cells[r][c], profile_get(p, T.fields[c]))) return false;
    return true;
}

/* Sets the columns of a profile to a point. */
static profile at_point(const table_point *point) {
    profile p = blank_profile();
    for (unsigned c = 0; c < T.columns; c++)
        if (point->matters[c]) cr_assert_eq(profile_set(&p, T.fields[c], point->values[c]), STATUS_OK);
    return p;
}

static void compare(const table *t, dice *d, const profile *p) {
    unsigned first = 0;
    uint64_t rows[TABLE_WORDS_MAX] = {0};
    bool any = table_all(t, p, rows);
    for (unsigned r = 0; r < T.rows; r++) {
        bool want = row_matches(r, p), got = rows[r / 64] >> (r % 64) & 1;
        cr_assert_eq(got, want, "seed %llu: row %u of %u", (unsigned long long)d->seed, r, T.rows);
        if (want && !first) first = r + 1;
    }
    /* without some of the rows, as pilots take them out */
    uint64_t gone[TABLE_WORDS_MAX];
    unsigned left = 0;
    for (unsigned w = 0; w < TABLE_WORDS_MAX; w++) gone[w] = dice_below(d, UINT64_MAX) & dice_below(d, UINT64_MAX);
    for (unsigned r = 0; r < T.rows && !left; r++)
        if (rows[r / 64] >> (r % 64) & 1 && !(gone[r / 64] >> (r % 64) & 1)) left = r + 1;
    cr_assert_eq(table_first_but(t, p, gone), left, "seed %llu", (unsigned long long)d->seed);
    cr_assert_eq(any, first != 0);
    cr_assert_eq(table_first(t, p), first, "seed %llu", (unsigned long long)d->seed);
    if (T.rows % 64) cr_assert_eq(rows[T.rows / 64] >> (T.rows % 64), 0, "rows that do not exist");
    unsigned r = (unsigned)dice_below(d, T.rows), c = (unsigned)dice_below(d, T.columns);
    cr_assert_eq(table_cell(t, r, c, p), model_matches(&T.cells[r][c], profile_get(p, T.fields[c])));
}

/* The verdicts on completeness, each checked with the point it names, or with many profiles. */
static void check_verdicts(const table_plan *plan, const table *t, dice *d, const profile *profiles, unsigned count) {
    uint64_t work = 20000000;
    table_point point;
    unsigned row = (unsigned)dice_below(d, T.rows), other;
    table_verdict v = table_plan_covered(plan, T.rows, T.rows, &work, &point);
    if (v == TABLE_COVERED)
        for (unsigned i = 0; i < count; i++)
            cr_assert_neq(table_first(t, &profiles[i]), 0, "seed %llu", (unsigned long long)d->seed);
    if (v == TABLE_UNCOVERED) {
        profile p = at_point(&point);
        for (unsigned r = 0; r < T.rows; r++)
            cr_assert_not(row_matches(r, &p), "seed %llu", (unsigned long long)d->seed);
    }
    v = table_plan_covered(plan, row, row, &work, &point);
    if (v == TABLE_COVERED)
        for (unsigned i = 0; i < count; i++)
            cr_assert_neq(table_first(t, &profiles[i]), row + 1, "seed %llu", (unsigned long long)d->seed);
    if (v == TABLE_UNCOVERED) {
        /* columns that do not matter to the hole still have to satisfy the row: only those that matter are fixed */
        profile p = at_point(&point);
        for (unsigned c = 0; c < T.columns; c++)
            if (point.matters[c]) cr_assert(model_matches(&T.cells[row][c], profile_get(&p, T.fields[c])));
    }
    work = 20000000;
    v = table_plan_overlap(plan, row, &work, &other, &point);
    cr_assert_neq(v, TABLE_UNDECIDED);
    if (v == TABLE_UNCOVERED)
        for (unsigned i = 0; i < count; i++)
            for (unsigned r = 0; r < row; r++)
                cr_assert_not(row_matches(r, &profiles[i]) && row_matches(row, &profiles[i]));
    if (v == TABLE_COVERED) {
        cr_assert_lt(other, row);
        for (unsigned c = 0; c < T.columns; c++) {
            cr_assert(model_matches(&T.cells[row][c], point.values[c]));
            cr_assert(model_matches(&T.cells[other][c], point.values[c]));
        }
    }
}

Test(table_model, compiled_tables_agree_with_a_naive_interpreter, .timeout = 600) {
    dice d = dice_make(20260101);
    fprintf(stderr, "seed %llu (XINYI_SEED overrides)\n", (unsigned long long)d.seed);
    enum { PROFILES = 100 };
    static profile profiles[PROFILES];
    uint64_t cases = 0, matched = 0;
    for (int i = 0; i < TABLES; i++) {
        policy_arena memory = {0};
        table_plan plan;
        draw_table(&d, &memory);
        table_spec spec = {T.rows, T.columns, T.fields, T.parsed};
        cr_assert_eq(table_plan_make(&spec, LIMIT_POLICY_COMPILED_BYTES, &memory, &plan), STATUS_OK);
        const table *t = table_build(&plan, policy_arena_alloc(&memory, table_bytes(&plan), 64));
        for (unsigned k = 0; k < PROFILES; k++) {
            profiles[k] = draw_profile(&d);
            compare(t, &d, &profiles[k]);
            matched += table_first(t, &profiles[k]) != 0;
            cases++;
        }
        check_verdicts(&plan, t, &d, profiles, PROFILES);
        policy_arena_deinit(&memory);
    }
    cr_assert_eq(cases, (uint64_t)TABLES * PROFILES);
    cr_assert_gt(matched, cases / 10, "the profiles hardly ever match: %llu", (unsigned long long)matched);
    cr_assert_lt(matched, cases - cases / 10);
    fprintf(stderr, "%llu cases, %llu matched a row, %llu cells refused as never true\n", (unsigned long long)cases,
            (unsigned long long)matched, (unsigned long long)refused);
}

/* Tables too long for the model above: rows over flags, by masks. Few rows match, and in no column few of them, so the
 * search has to go through many words. */
Test(table_model, long_tables, .timeout = 120) {
    static const unsigned SIZES[] = {256, 257, 1000, 2048, LIMIT_POLICY_ROWS};
    enum { FLAGS = 11, TRIES = 2000 };
    static uint16_t asked[LIMIT_POLICY_ROWS], wanted[LIMIT_POLICY_ROWS];
    dice d = dice_make(20260103);
    unsigned matched = 0, far = 0;
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        unsigned rows = SIZES[i];
        policy_arena memory = {0};
        const profile_field *fields[FLAGS];
        sfeel_test *cells = POLICY_ARENA_ARRAY(&memory, sfeel_test, rows * FLAGS);
        for (unsigned c = 0; c < FLAGS; c++) fields[c] = profile_field_at(FIELD_red_list + c);
        for (unsigned r = 0; r < rows; r++) {
            asked[r] = (uint16_t)(dice_below(&d, 1 << FLAGS) | dice_below(&d, 1 << FLAGS));
            wanted[r] = (uint16_t)dice_below(&d, 1 << FLAGS) & asked[r];
            for (unsigned c = 0; c < FLAGS; c++) {
                const char *text = asked[r] >> c & 1 ? (wanted[r] >> c & 1 ? "true" : "false") : "-";
                sfeel_error error;
                cr_assert_eq(sfeel_parse(fields[c], text, strlen(text), &memory, &cells[r * FLAGS + c], &error), 0);
            }
        }
        table_spec spec = {rows, FLAGS, fields, cells};
        table_plan plan;
        cr_assert_eq(table_plan_make(&spec, LIMIT_POLICY_COMPILED_BYTES, &memory, &plan), STATUS_OK);
        const table *t = table_build(&plan, policy_arena_alloc(&memory, table_bytes(&plan), 64));
        for (int k = 0; k < TRIES; k++) {
            uint64_t all[TABLE_WORDS_MAX], has = dice_below(&d, 1 << FLAGS);
            profile p = blank_profile();
            unsigned first = 0;
            for (unsigned c = 0; c < FLAGS; c++) cr_assert_eq(profile_set(&p, fields[c], has >> c & 1), STATUS_OK);
            table_all(t, &p, all);
            for (unsigned r = 0; r < rows; r++) {
                bool want = (has & asked[r]) == wanted[r];
                if (want && !first) first = r + 1;
                if (want != (all[r / 64] >> (r % 64) & 1))
                    cr_assert_fail("seed %llu: row %u of %u", (unsigned long long)d.seed, r, rows);
            }
            cr_assert_eq(table_first(t, &p), first);
            matched += first != 0;
            far += first > 256;
        }
        policy_arena_deinit(&memory);
    }
    fprintf(stderr, "long tables: %u matched, %u of them beyond row 256\n", matched, far);
    cr_assert_gt(far, 50);
}

/* Any 64 bytes select some bitmap: nothing out of bounds, whatever a profile holds. */
Test(table_model, damaged_profiles_do_no_harm, .timeout = 120) {
    dice d = dice_make(7);
    for (int i = 0; i < 200; i++) {
        policy_arena memory = {0};
        table_plan plan;
        draw_table(&d, &memory);
        table_spec spec = {T.rows, T.columns, T.fields, T.parsed};
        cr_assert_eq(table_plan_make(&spec, LIMIT_POLICY_COMPILED_BYTES, &memory, &plan), STATUS_OK);
        const table *t = table_build(&plan, policy_arena_alloc(&memory, table_bytes(&plan), 64));
        for (int k = 0; k < 100; k++) {
            profile p;
            unsigned char *bytes = (unsigned char *)&p;
            for (size_t b = 0; b < sizeof p; b++) bytes[b] = (unsigned char)(k == 0 ? 0xFF : dice_below(&d, 256));
            cr_assert_leq(table_first(t, &p), T.rows);
        }
        policy_arena_deinit(&memory);
    }
}
