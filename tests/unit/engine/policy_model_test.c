/* Whole policies against a naive interpreter: random tables of all hit policies are printed as YAML, loaded, and
 * decided for random profiles. How tables combine, what declining clears and what is reported as unreachable or
 * overlapping is reckoned again here, the slow way. */
#include "../cell_model.h"
#include "engine/sfeel.h"

#define COLUMNS 4
#define ROWS_MAX 12
#define TABLES_MAX 4

enum { OUTCOME = 1, TIER = 2, PERCENT = 4, BENEFITS = 8, AMOUNT = 16, RATE = 32 };

typedef struct model_row {
    bool removed;
    model_cell cells[COLUMNS];
    char texts[COLUMNS][200];
    unsigned sets;
    decision gives;
    bool expression; /* amount = min(volunteer_minutes / 60 * 3, 1000) + gives.amount_fen */
} model_row;

typedef struct model_table {
    int hit; /* 0 first, 1 unique, 2 collect */
    unsigned rows;
    const profile_field *fields[COLUMNS];
    model_row row[ROWS_MAX];
} model_table;

static model_table tables[TABLES_MAX];
static unsigned table_count;

static void draw_row(dice *d, model_table *t, model_row *r) {
    *r = (model_row){0};
    for (unsigned c = 0; c < COLUMNS; c++) {
        policy_arena memory = {0};
        sfeel_test test;
        sfeel_error error;
        do {
            r->cells[c] = model_draw(d, t->fields[c], 50);
            model_print(d, &r->cells[c], r->texts[c], sizeof r->texts[c]);
        } while (sfeel_parse(t->fields[c], r->texts[c], strlen(r->texts[c]), &memory, &test, &error) != STATUS_OK);
        policy_arena_deinit(&memory);
    }
    r->sets = (unsigned)dice_below(d, 64);
    r->gives = (decision){.outcome = (uint8_t)(1 + dice_below(d, 3)),
                          .tier = (uint8_t)dice_below(d, 6),
                          .percent_bp = (uint16_t)(dice_below(d, 50) * 10),
                          .benefits = dice_below(d, 16),
                          .amount_fen = (int64_t)dice_below(d, 1000),
                          .rate_bp = (int16_t)((int)dice_below(d, 100) - 50)};
    r->expression = dice_below(d, 4) == 0;
}

static void draw_policy(dice *d) {
    table_count = 1 + (unsigned)dice_below(d, TABLES_MAX);
    for (unsigned i = 0; i < table_count; i++) {
        model_table *t = &tables[i];
        t->hit = (int)dice_below(d, 3);
        t->rows = 1 + (unsigned)dice_below(d, ROWS_MAX);
        for (unsigned c = 0; c < COLUMNS; c++) {
            bool again;
            do {
                t->fields[c] = profile_field_at((unsigned)dice_below(d, PROFILE_FIELD_COUNT));
                again = false;
                for (unsigned k = 0; k < c; k++) again |= t->fields[k] == t->fields[c];
            } while (again);
        }
        for (unsigned r = 0; r < t->rows; r++) draw_row(d, t, &t->row[r]);
    }
}

/* ------------------------------------------------------------------ as text */

static void print_row(buf *out, unsigned i, unsigned r) {
    const model_row *row = &tables[i].row[r];
    const decision *g = &row->gives;
    buf_printf(out, "      - id: R%u_%u\n        when: [", i, r);
    for (unsigned c = 0; c < COLUMNS; c++) buf_printf(out, "%s'%s'", c ? ", " : "", row->texts[c]);
    buf_printf(out, "]\n        then: {outcome: %s", row->sets & OUTCOME ? policy_outcome_name(g->outcome) : "'-'");
    if (row->sets & TIER) buf_printf(out, ", tier: %u", g->tier);
    if (row->sets & PERCENT) buf_printf(out, ", percent_bp: %u.%u%%", g->percent_bp / 100, g->percent_bp / 10 % 10);
    if (row->sets & RATE) buf_printf(out, ", rate_bp: %d", g->rate_bp);
    if (row->sets & AMOUNT && row->expression)
        buf_printf(out, ", amount_fen: '%lld + min(volunteer_minutes / 60 * 3, 1000)'", (long long)g->amount_fen);
    else if (row->sets & AMOUNT)
        buf_printf(out, ", amount_fen: %lld", (long long)g->amount_fen);
    if (row->sets & BENEFITS) {
        buf_printf(out, ", benefits: [");
        for (unsigned b = 0, n = 0; b < 4; b++)
            if (g->benefits >> b & 1) buf_printf(out, "%sb%u", n++ ? ", " : "", b);
        buf_printf(out, "]");
    }
    buf_printf(out, "}\n");
}

static void print_policy(buf *out) {
    static const char *const HITS[] = {"first", "unique", "collect"};
    buf_clear(out);
    buf_printf(out,
               "policy: p\nscenario: {name: model, code: 9}\ntitle: t\nauthority: a\nlegal_basis: [x]\neffective: {}\n"
               "benefits: [{code: 0, id: b0}, {code: 1, id: b1}, {code: 2, id: b2}, {code: 3, id: b3}]\ntables:\n");
    for (unsigned i = 0; i < table_count; i++) {
        buf_printf(out, "  - table: T%u\n    hit: %s\n    gaps: allowed\n    inputs: [", i, HITS[tables[i].hit]);
        for (unsigned c = 0; c < COLUMNS; c++) buf_printf(out, "%s%s", c ? ", " : "", tables[i].fields[c]->name);
        buf_printf(out, "]\n    outputs: [outcome, tier, percent_bp, rate_bp, amount_fen, benefits]\n    rows:\n");
        for (unsigned r = 0; r < tables[i].rows; r++)
            if (!tables[i].row[r].removed) print_row(out, i, r);
    }
    buf_printf(out, "examples: []\n");
}

/* ------------------------------------------------------------------ the naive interpreter */

static bool row_matches(const model_table *t, unsigned r, const profile *p) {
    if (t->row[r].removed) return false;
    for (unsigned c = 0; c < COLUMNS; c++)
        if (!model_matches(&t->row[r].cells[c], profile_get(p, t->fields[c]))) return false;
    return true;
}

static int64_t amount_of(const model_row *r, const profile *p) {
    int64_t extra = (int64_t)p->volunteer_minutes / 60 * 3;
    return r->gives.amount_fen + (r->expression ? (extra < 1000 ? extra : 1000) : 0);
}

static void give_row(decision *d, unsigned fresh, const model_row *r, const profile *p, unsigned number) {
    if (r->sets & BENEFITS) d->benefits |= r->gives.benefits;
    if (fresh & OUTCOME) d->outcome = r->gives.outcome, d->row = (uint16_t)number;
    if (fresh & TIER) d->tier = r->gives.tier;
    if (fresh & PERCENT) d->percent_bp = r->gives.percent_bp;
    if (fresh & AMOUNT) d->amount_fen = amount_of(r, p);
    if (fresh & RATE) d->rate_bp = r->gives.rate_bp;
}

/* Number of a row among those that were printed. */
static unsigned number_of(unsigned table, unsigned row) {
    unsigned n = 1;
    for (unsigned r = 0; r < row; r++) n += !tables[table].row[r].removed;
    return (table + 1) << 12 | n;
}

static unsigned naive_collect(unsigned i, const profile *p, unsigned set, decision *d) {
    unsigned now = set;
    for (unsigned r = 0; r < tables[i].rows; r++) {
        const model_row *row = &tables[i].row[r];
        if (!row_matches(&tables[i], r, p)) continue;
        unsigned fresh = row->sets & ~set, again = fresh & now;
        unsigned better = fresh & ~now;
        if ((again & OUTCOME) && row->gives.outcome > d->outcome) better |= OUTCOME;
        if ((again & TIER) && row->gives.tier > d->tier) better |= TIER;
        if ((again & PERCENT) && row->gives.percent_bp > d->percent_bp) better |= PERCENT;
        if ((again & AMOUNT) && amount_of(row, p) > d->amount_fen) better |= AMOUNT;
        if ((again & RATE) && row->gives.rate_bp < d->rate_bp) better |= RATE;
        give_row(d, better, row, p, number_of(i, r));
        now |= row->sets;
    }
    return now;
}

static decision naive(const profile *p, dice *dd) {
    decision d = {.status = STATUS_OK, .data_day = p->data_day, .policy_version = 1};
    unsigned set = 0;
    for (unsigned i = 0; i < table_count && d.outcome != OUTCOME_DECLINED; i++) {
        if (tables[i].hit == 2) {
            set = naive_collect(i, p, set, &d);
            continue;
        }
        unsigned hits = 0;
        for (unsigned r = 0; r < tables[i].rows; r++) {
            if (!row_matches(&tables[i], r, p) || hits++) continue;
            give_row(&d, tables[i].row[r].sets & ~set, &tables[i].row[r], p, number_of(i, r));
            set |= tables[i].row[r].sets;
        }
        cr_assert(tables[i].hit != 1 || hits <= 1, "seed %llu: two rows of a unique table",
                  (unsigned long long)dd->seed);
    }
    if (d.outcome == OUTCOME_DECLINED) d.tier = 0, d.percent_bp = 0, d.benefits = 0, d.amount_fen = 0, d.rate_bp = 0;
    return d;
}

/* ------------------------------------------------------------------ profiles and loading */

static profile draw_profile(dice *d) {
    profile p = blank_profile();
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        int64_t v = f->has_missing && dice_below(d, 4) == 0 ? PROFILE_MISSING : model_value(d, f);
        cr_assert_eq(profile_set(&p, f, v), STATUS_OK);
    }
    const model_table *t = &tables[dice_below(d, table_count)];
    const model_row *r = &t->row[dice_below(d, t->rows)];
    for (unsigned c = 0; c < COLUMNS; c++)
        cr_assert_eq(profile_set(&p, t->fields[c], model_value_near(d, &r->cells[c])), STATUS_OK);
    return p;
}

/* A row that was called unreachable must never have been the first to match. */
static void check_unreachable(dice *d, unsigned table, unsigned row) {
    for (int k = 0; k < 200; k++) {
        profile p = draw_profile(d);
        for (unsigned c = 0; c < COLUMNS; c++)
            cr_assert_eq(
                profile_set(&p, tables[table].fields[c], model_value_near(d, &tables[table].row[row].cells[c])),
                STATUS_OK);
        if (!row_matches(&tables[table], row, &p)) continue;
        bool before = false;
        for (unsigned r = 0; r < row; r++) before |= row_matches(&tables[table], r, &p);
        cr_assert(before, "seed %llu: row R%u_%u was called unreachable", (unsigned long long)d->seed, table, row);
    }
}

/* Takes out the rows that findings complain about. */
static void remove_rows(dice *d, const policy_findings *f, unsigned *unreachable, unsigned *overlaps) {
    for (size_t i = 0; i < f->count; i++) {
        unsigned table, row, table2, row2;
        if (f->items[i].severity != POLICY_ERROR) continue;
        if (sscanf(f->items[i].message, "the row 'R%u_%u' can never", &table, &row) == 2) {
            check_unreachable(d, table, row);
            ++*unreachable;
        } else if (sscanf(f->items[i].message, "the rows 'R%u_%u' and 'R%u_%u'", &table2, &row2, &table, &row) == 4) {
            ++*overlaps;
        } else {
            print_findings(f);
            cr_assert_fail("seed %llu: unexpected finding", (unsigned long long)d->seed);
        }
        tables[table].row[row].removed = true;
    }
}

static policy_set *load_policy(dice *d, buf *text, unsigned *unreachable, unsigned *overlaps) {
    for (int attempt = 0; attempt < 2 * ROWS_MAX; attempt++) {
        policy_findings findings = {0};
        policy_set *set = NULL;
        print_policy(text);
        policy_file file = {"model.yaml", (const char *)text->data, text->size};
        status s = policy_load(&file, 1, 1, &findings, &set);
        if (s == STATUS_POLICY_INVALID) remove_rows(d, &findings, unreachable, overlaps);
        policy_findings_deinit(&findings);
        if (s == STATUS_OK) return set;
        cr_assert_eq(s, STATUS_POLICY_INVALID);
    }
    cr_assert_fail("seed %llu: cannot be repaired", (unsigned long long)d->seed);
    return NULL;
}

static void compare(dice *d, const policy_set *set, const profile *p) {
    decision got, want = naive(p, d);
    policy_moment at = on_day(2026, 5, 1);
    policy_decide(set, 9, p, at, &got);
    cr_assert_eq(
        memcmp(&got, &want, sizeof got), 0,
        "seed %llu: outcome %u/%u tier %u/%u row %x/%x percent %u/%u benefits %llx/%llx amount %lld/%lld rate %d/%d",
        (unsigned long long)d->seed, got.outcome, want.outcome, got.tier, want.tier, got.row, want.row, got.percent_bp,
        want.percent_bp, (unsigned long long)got.benefits, (unsigned long long)want.benefits, (long long)got.amount_fen,
        (long long)want.amount_fen, got.rate_bp, want.rate_bp);
    decision again;
    uint8_t scenario = 9;
    policy_decide_batch(set, &scenario, 1, p, NULL, 1, at, &again);
    cr_assert_eq(memcmp(&got, &again, sizeof got), 0);
    policy_explanation e;
    cr_assert_eq(policy_explain(set, 9, p, at, &e), STATUS_OK);
    cr_assert_eq(memcmp(&got, &e.result, sizeof got), 0);
    for (size_t i = 0; i < e.row_count; i++) {
        unsigned table, row;
        cr_assert_eq(sscanf(e.rows[i].row, "R%u_%u", &table, &row), 2);
        cr_assert_eq(e.rows[i].matched, row_matches(&tables[table], row, p));
        for (unsigned c = 0; c < e.rows[i].cell_count; c++) {
            const policy_cell_reason *cell = &e.rows[i].cells[c];
            const profile_field *f = field_named(cell->field);
            unsigned k = 0;
            while (tables[table].fields[k] != f) k++;
            cr_assert_eq(cell->satisfied, model_matches(&tables[table].row[row].cells[k], profile_get(p, f)));
        }
    }
    policy_explanation_deinit(&e);
}

Test(policy_model, policies_agree_with_a_naive_interpreter, .timeout = 600) {
    dice d = dice_make(20260102);
    fprintf(stderr, "seed %llu (XINYI_SEED overrides)\n", (unsigned long long)d.seed);
    buf text = {0};
    unsigned unreachable = 0, overlaps = 0, cases = 0, outcomes[4] = {0};
    for (int i = 0; i < 500; i++) {
        draw_policy(&d);
        policy_set *set = load_policy(&d, &text, &unreachable, &overlaps);
        for (int k = 0; k < 60; k++, cases++) {
            profile p = draw_profile(&d);
            compare(&d, set, &p);
            outcomes[naive(&p, &d).outcome]++;
        }
        policy_destroy(&set);
    }
    fprintf(stderr,
            "%u cases; outcomes %u none, %u granted, %u review, %u declined; %u rows unreachable, %u overlapping\n",
            cases, outcomes[0], outcomes[1], outcomes[2], outcomes[3], unreachable, overlaps);
    for (int i = 0; i < 4; i++) cr_assert_gt(outcomes[i], 500);
    cr_assert_gt(unreachable, 20);
    cr_assert_gt(overlaps, 100);
    buf_deinit(&text);
}
