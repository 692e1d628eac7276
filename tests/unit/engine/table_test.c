#include "../policy_helper.h"
#include "engine/table.h"

/* A table of cells given as text, row by row. */
static const table *make(policy_arena *memory, const char *const *fields, unsigned columns, const char *const *cells,
                         unsigned rows, table_plan *plan) {
    const profile_field *f[LIMIT_POLICY_COLUMNS];
    sfeel_test *tests = POLICY_ARENA_ARRAY(memory, sfeel_test, (size_t)rows * columns);
    for (unsigned c = 0; c < columns; c++) f[c] = field_named(fields[c]);
    for (unsigned i = 0; i < rows * columns; i++) {
        sfeel_error e;
        cr_assert_eq(sfeel_parse(f[i % columns], cells[i], strlen(cells[i]), memory, &tests[i], &e), STATUS_OK, "%s",
                     cells[i]);
    }
    table_spec spec = {rows, columns, f, tests};
    cr_assert_eq(table_plan_make(&spec, LIMIT_POLICY_COMPILED_BYTES, memory, plan), STATUS_OK);
    return table_build(plan, policy_arena_alloc(memory, table_bytes(plan), 64));
}

static unsigned first_of(const table *t, const char *text) {
    profile p = profile_of(text);
    return table_first(t, &p);
}

Test(table, the_first_row_that_matches) {
    policy_arena memory = {0};
    table_plan plan;
    const char *fields[] = {"serious_list", "tax_grade", "public_score", "volunteer_minutes", "division"};
    const char *cells[] = {
        "true", "-",    "-",        "-",          "-",      //
        "-",    "A, B", ">= 850",   "-",          "530100", //
        "-",    "-",    "[1..850)", ">= 6000",    "-",      //
        "-",    "-",    "missing",  "4294967295", "-",      //
    };
    const table *t = make(&memory, fields, 5, cells, 4, &plan);
    cr_assert_eq(first_of(t, "serious_list=true tax_grade=A public_score=900 division=530102"), 1);
    cr_assert_eq(first_of(t, "tax_grade=A public_score=900 division=530102"), 2);
    cr_assert_eq(first_of(t, "tax_grade=B public_score=850 division=530100"), 2);
    cr_assert_eq(first_of(t, "tax_grade=B public_score=849 division=530100"), 0);
    cr_assert_eq(first_of(t, "tax_grade=C public_score=900 division=530102"), 0);
    cr_assert_eq(first_of(t, "tax_grade=A public_score=900 division=530302"), 0);
    cr_assert_eq(first_of(t, "tax_grade=A public_score=900"), 0);
    cr_assert_eq(first_of(t, "public_score=849 volunteer_minutes=6000"), 3);
    cr_assert_eq(first_of(t, "public_score=0 volunteer_minutes=6000"), 0);
    cr_assert_eq(first_of(t, "volunteer_minutes=4294967295"), 4);
    cr_assert_eq(first_of(t, "volunteer_minutes=4294967294"), 0);
    policy_arena_deinit(&memory);
}

Test(table, fields_at_the_end_and_at_the_largest_value) {
    policy_arena memory = {0};
    table_plan plan;
    const char *fields[] = {"slot_1", "slot_4", "consent_volunteer", "form"};
    const char *cells[] = {"65534", "-", "-", "-", "-", "65534", "-", "-", "-", "missing", "true", "other"};
    const table *t = make(&memory, fields, 4, cells, 3, &plan);
    cr_assert_eq(first_of(t, "slot_1=65534"), 1);
    cr_assert_eq(first_of(t, "slot_4=65534"), 2);
    cr_assert_eq(first_of(t, "slot_1=65533 slot_4=65533"), 0);
    cr_assert_eq(first_of(t, "consent_volunteer=true form=other"), 3);
    cr_assert_eq(first_of(t, "consent_loan=true form=other"), 0);
    cr_assert_eq(first_of(t, "consent_volunteer=true form=person"), 0);
    policy_arena_deinit(&memory);
}

Test(table, rows_beyond_one_word) {
    static const unsigned SIZES[] = {1, 63, 64, 65, 127, 128, 129, 1000, LIMIT_POLICY_ROWS};
    for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++) {
        unsigned rows = SIZES[s];
        policy_arena memory = {0};
        table_plan plan;
        const char *fields[] = {"volunteer_minutes"};
        const char **cells = calloc(rows, sizeof *cells);
        for (unsigned r = 0; r < rows; r++) {
            char text[32];
            snprintf(text, sizeof text, "[%u..%u)", r * 10, r * 10 + 10);
            cells[r] = policy_arena_text(&memory, text, strlen(text));
        }
        const table *t = make(&memory, fields, 1, cells, rows, &plan);
        cr_assert_eq(table_words(t), (rows + 63) / 64);
        for (unsigned r = 0; r < rows; r++) {
            profile p = blank_profile();
            p.volunteer_minutes = r * 10 + r % 10;
            cr_assert_eq(table_first(t, &p), r + 1);
        }
        profile p = blank_profile();
        p.volunteer_minutes = rows * 10;
        cr_assert_eq(table_first(t, &p), 0);
        uint64_t work = 1000000000;
        table_point hole;
        cr_assert_eq(table_plan_covered(&plan, rows, rows, &work, &hole), TABLE_UNCOVERED);
        cr_assert_eq(hole.values[0], rows * 10);
        unsigned other;
        cr_assert_eq(table_plan_overlap(&plan, rows - 1, &work, &other, &hole), TABLE_UNCOVERED);
        free(cells);
        policy_arena_deinit(&memory);
    }
}

Test(table, columns_that_test_nothing_cost_nothing) {
    policy_arena memory = {0};
    table_plan plan, other;
    const char *fields[] = {"tax_grade", "public_score"}, *one[] = {"tax_grade"};
    const char *cells[] = {"A", "-", "B", "-"}, *alone[] = {"A", "B"};
    const table *t = make(&memory, fields, 2, cells, 2, &plan);
    make(&memory, one, 1, alone, 2, &other);
    cr_assert_eq(table_bytes(&plan), table_bytes(&other));
    profile p = profile_of("tax_grade=A");
    cr_assert(table_cell(t, 0, 1, &p));
    cr_assert(table_cell(t, 1, 1, &p));
    cr_assert(table_cell(t, 0, 0, &p));
    cr_assert_not(table_cell(t, 1, 0, &p));
    policy_arena_deinit(&memory);
}

Test(table, a_table_of_any_values_matches_everything) {
    policy_arena memory = {0};
    table_plan plan;
    const char *fields[] = {"tax_grade"}, *cells[] = {"-", "-"};
    const table *t = make(&memory, fields, 1, cells, 2, &plan);
    uint64_t rows = 0;
    profile p = blank_profile();
    cr_assert(table_all(t, &p, &rows));
    cr_assert_eq(rows, 3);
    policy_arena_deinit(&memory);
}

Test(table_plan, coverage_names_a_hole_and_a_single_culprit) {
    policy_arena memory = {0};
    table_plan plan;
    uint64_t work = 1000000;
    table_point hole;
    const char *fields[] = {"serious_list", "market_grade"};
    const char *cells[] = {"true", "-", "false", ">= A", "false", "< A", "false", "AA", "-", "missing"};
    make(&memory, fields, 2, cells, 5, &plan);
    cr_assert_eq(table_plan_covered(&plan, 5, 5, &work, &hole), TABLE_COVERED);
    cr_assert_eq(table_plan_covered(&plan, 5, 4, &work, &hole), TABLE_UNCOVERED);
    cr_assert_eq(hole.values[0], 0);
    cr_assert_eq(hole.values[1], PROFILE_MISSING);
    cr_assert_eq(table_plan_covered(&plan, 3, 3, &work, &hole), TABLE_COVERED);
    cr_assert_eq(hole.alone, 2);
    cr_assert_eq(table_plan_covered(&plan, 4, 4, &work, &hole), TABLE_UNCOVERED);
    policy_arena_deinit(&memory);
}

Test(table_plan, several_rows_cover_together) {
    policy_arena memory = {0};
    table_plan plan;
    uint64_t work = 1000000;
    table_point hole;
    const char *fields[] = {"public_score", "volunteer_minutes"};
    const char *cells[] = {"< 500", "-", "missing", "-", ">= 500", "< 60", "[400..1000]", ">= 60", "-", ">= 10"};
    make(&memory, fields, 2, cells, 5, &plan);
    cr_assert_eq(table_plan_covered(&plan, 4, 4, &work, &hole), TABLE_COVERED);
    cr_assert_eq(hole.alone, 0);
    cr_assert_eq(table_plan_covered(&plan, 3, 3, &work, &hole), TABLE_UNCOVERED);
    cr_assert_geq(hole.values[0], 500);
    cr_assert_geq(hole.values[1], 60);
    work = 1;
    cr_assert_eq(table_plan_covered(&plan, 5, 5, &work, &hole), TABLE_UNDECIDED);
    policy_arena_deinit(&memory);
}

Test(table_plan, size_is_bounded) {
    policy_arena memory = {0};
    const profile_field *f[] = {field_named("volunteer_minutes")};
    sfeel_range ranges[200];
    sfeel_test tests[200] = {0};
    for (int i = 0; i < 200; i++) {
        ranges[i] = (sfeel_range){i * 10, i * 10 + 5};
        tests[i] = (sfeel_test){.count = 1, .ranges = &ranges[i]};
    }
    table_plan plan;
    table_spec spec = {200, 1, f, tests};
    cr_assert_eq(table_plan_make(&spec, 1000, &memory, &plan), STATUS_TOO_LARGE);
    cr_assert_eq(table_plan_make(&spec, 100000, &memory, &plan), STATUS_OK);
    policy_arena_deinit(&memory);
}
