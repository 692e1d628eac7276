/* Reasons against the decision itself and against trying everything: over random policies, random profiles and the
 * policies that ship, explanation and decision never disagree, every suggestion does grant the benefit, and nothing
 * smaller would. */
#include "../cell_model.h"
#include "engine/reason.h"
#include "engine/sfeel.h"

/* Fields that can be changed, as reason.h describes them, and which way: 1 up, -1 down, 2 a tax grade. */
typedef struct way {
    const char *name;
    int way;
    bool indirect;
} way;
static const way WAYS[] = {
    {"consent_loan", 1, false},        {"consent_travel", 1, false}, {"open_commitments", -1, false},
    {"broken_commitments", -1, false}, {"arrears", -1, false},       {"public_grade", 1, true},
    {"market_grade", 1, true},         {"tax_grade", 2, true},       {"composite_grade", 1, true}};
#define WAYS_COUNT (sizeof WAYS / sizeof WAYS[0])
static const char *const OTHERS[] = {"form", "serious_list", "red_list", "gaps_barred"};
#define OTHERS_COUNT (sizeof OTHERS / sizeof OTHERS[0])

#define COLUMNS 4
#define ROWS_MAX 8
#define TABLES_MAX 3

typedef struct model_row {
    bool removed;
    char texts[COLUMNS][200];
    unsigned outcome, benefits;
} model_row;
typedef struct model_table {
    bool collect;
    unsigned rows;
    const profile_field *fields[COLUMNS];
    model_row row[ROWS_MAX];
} model_table;
static model_table tables[TABLES_MAX];
static unsigned table_count;

static void draw_row(dice *d, model_table *t, model_row *r) {
    *r = (model_row){.outcome = (unsigned)dice_below(d, 5), .benefits = (unsigned)dice_below(d, 16)};
    if (r->outcome > OUTCOME_DECLINED || (r->outcome == OUTCOME_DECLINED && dice_below(d, 2))) r->outcome = 1;
    for (unsigned c = 0; c < COLUMNS; c++) {
        policy_arena memory = {0};
        sfeel_test test;
        sfeel_error error;
        do {
            model_cell cell = model_draw(d, t->fields[c], 40);
            model_print(d, &cell, r->texts[c], sizeof r->texts[c]);
        } while (sfeel_parse(t->fields[c], r->texts[c], strlen(r->texts[c]), &memory, &test, &error) != STATUS_OK);
        policy_arena_deinit(&memory);
    }
}

static const profile_field *draw_field(dice *d) {
    return field_named(dice_below(d, 4) ? WAYS[dice_below(d, WAYS_COUNT)].name : OTHERS[dice_below(d, OTHERS_COUNT)]);
}

static void draw_policy(dice *d) {
    table_count = 1 + (unsigned)dice_below(d, TABLES_MAX);
    for (unsigned i = 0; i < table_count; i++) {
        model_table *t = &tables[i];
        t->collect = dice_below(d, 2);
        t->rows = 1 + (unsigned)dice_below(d, ROWS_MAX);
        for (unsigned c = 0; c < COLUMNS; c++) {
            bool again;
            do {
                t->fields[c] = draw_field(d);
                again = false;
                for (unsigned k = 0; k < c; k++) again |= t->fields[k] == t->fields[c];
            } while (again);
        }
        for (unsigned r = 0; r < t->rows; r++) draw_row(d, t, &t->row[r]);
    }
}

static void print_policy(buf *out) {
    buf_clear(out);
    buf_printf(out,
               "policy: p\nscenario: {name: model, code: 9}\ntitle: t\nauthority: a\nlegal_basis: [x]\neffective: {}\n"
               "benefits: [{code: 0, id: b0}, {code: 1, id: b1}, {code: 2, id: b2}, {code: 3, id: b3}]\ntables:\n");
    for (unsigned i = 0; i < table_count; i++) {
        const model_table *t = &tables[i];
        buf_printf(out, "  - table: T%u\n    hit: %s\n    gaps: allowed\n    inputs: [", i,
                   t->collect ? "collect" : "first");
        for (unsigned c = 0; c < COLUMNS; c++) buf_printf(out, "%s%s", c ? ", " : "", t->fields[c]->name);
        buf_printf(out, "]\n    outputs: [outcome, benefits]\n    rows:\n");
        for (unsigned r = 0; r < t->rows; r++) {
            if (t->row[r].removed) continue;
            buf_printf(out, "      - id: R%u_%u\n        when: [", i, r);
            for (unsigned c = 0; c < COLUMNS; c++) buf_printf(out, "%s'%s'", c ? ", " : "", t->row[r].texts[c]);
            buf_printf(out, "]\n        then: [%s, [",
                       t->row[r].outcome ? policy_outcome_name(t->row[r].outcome) : "'-'");
            for (unsigned b = 0, n = 0; b < 4; b++)
                if (t->row[r].benefits >> b & 1) buf_printf(out, "%sb%u", n++ ? ", " : "", b);
            buf_printf(out, "]]\n");
        }
    }
    buf_printf(out, "examples: []\n");
}

/* Takes out rows that can never count until the policy loads. */
static policy_set *load_policy(dice *d, buf *text) {
    for (int attempt = 0; attempt < 4 * ROWS_MAX; attempt++) {
        policy_findings f = {0};
        policy_set *set = NULL;
        print_policy(text);
        policy_file file = {"model.yaml", (const char *)text->data, text->size};
        status s = policy_load(&file, 1, 1, &f, &set);
        bool known = true;
        for (size_t i = 0; i < f.count; i++) {
            unsigned table, row;
            if (f.items[i].severity != POLICY_ERROR) continue;
            if (sscanf(f.items[i].message, "the row 'R%u_%u' can never", &table, &row) == 2)
                tables[table].row[row].removed = true;
            else
                known = false;
        }
        policy_findings_deinit(&f);
        if (s == STATUS_OK) return set;
        if (!known) break; /* a table without rows, say: another one is drawn */
    }
    (void)d;
    return NULL;
}

static profile draw_profile(dice *d) {
    profile p = blank_profile();
    for (unsigned i = 0; i < WAYS_COUNT; i++) {
        const profile_field *f = field_named(WAYS[i].name);
        int64_t v = f->type == PROFILE_NUMBER ? (int64_t)dice_below(d, 13)
                                              : f->min + (int64_t)dice_below(d, (uint64_t)(f->max - f->min) + 1);
        if (f->has_missing && v == (int64_t)f->missing) v = PROFILE_MISSING;
        cr_assert_eq(profile_set(&p, f, v), STATUS_OK);
    }
    p.form = (uint8_t)dice_below(d, 4);
    p.flags |= (uint32_t)dice_below(d, 8); /* lists and gaps_barred */
    return p;
}

/* ------------------------------------------------------------------ everything, the slow way */

static int64_t rank_of(const way *w, const profile_field *f, int64_t v) {
    static const int TAX[] = {0, 1, 2, 3, 4, 0};
    if (v == PROFILE_MISSING) return w->way == 2 ? 0 : f->min - 1;
    return w->way == 2 ? TAX[v] : v;
}

/* How far away, 0 if it is not on the right side. */
static int64_t far(const way *w, const profile_field *f, int64_t from, int64_t to) {
    int64_t by = rank_of(w, f, to) - rank_of(w, f, from);
    if (w->way == -1) by = -by;
    if (w->way == 2 && to == TAX_M) return 0;
    return by > 0 ? by : 0;
}

typedef struct brute {
    const policy_set *set;
    policy_moment at;
    unsigned goal; /* benefit, 64: the outcome */
    unsigned n;
    unsigned least_indirect; /* of those that grant; UINT_MAX none */
} brute;

static bool granted(const brute *b, const profile *p) {
    decision d;
    policy_decide(b->set, 9, p, b->at, &d);
    return b->goal == 64 ? d.outcome == OUTCOME_GRANTED : (d.benefits >> b->goal & 1) != 0;
}

static void try_all(brute *b, unsigned first, unsigned depth, unsigned indirect, const profile *p) {
    if (depth == b->n) {
        if (granted(b, p) && indirect < b->least_indirect) b->least_indirect = indirect;
        return;
    }
    for (unsigned i = first; i < WAYS_COUNT; i++) {
        const profile_field *f = field_named(WAYS[i].name);
        int64_t from = profile_get(p, f);
        for (int64_t v = f->min; v <= f->max && v <= 16; v++) {
            if (f->has_missing && v == (int64_t)f->missing) continue;
            if (far(&WAYS[i], f, from, v) == 0) continue;
            profile q = *p;
            cr_assert_eq(profile_set(&q, f, v), STATUS_OK);
            try_all(b, i + 1, depth + 1, indirect + WAYS[i].indirect, &q);
        }
    }
}

static const way *way_of(const char *name) {
    for (unsigned i = 0; i < WAYS_COUNT; i++)
        if (strcmp(WAYS[i].name, name) == 0) return &WAYS[i];
    return NULL;
}

/* No values nearer in one field and no farther in the others grant it. */
static bool nearer_grants(const brute *b, const benefit_reason *r, unsigned at, bool nearer, const profile *p) {
    if (at == r->change_count || at == REASON_CHANGES) return nearer && granted(b, p);
    const way *w = way_of(r->changes[at].field);
    const profile_field *f = field_named(r->changes[at].field);
    int64_t most = far(w, f, r->changes[at].from_value, r->changes[at].to_value);
    for (int64_t v = f->min; v <= f->max && v <= 16; v++) {
        int64_t by = far(w, f, r->changes[at].from_value, v);
        if (by == 0 || by > most || (f->has_missing && v == (int64_t)f->missing)) continue;
        profile q = *p;
        cr_assert_eq(profile_set(&q, f, v), STATUS_OK);
        if (nearer_grants(b, r, at + 1, nearer || by < most, &q)) return true;
    }
    return false;
}

static void check_smallest(const policy_set *set, policy_moment at, unsigned goal, const benefit_reason *r,
                           const profile *p, uint64_t seed) {
    unsigned indirect = 0;
    for (unsigned i = 0; i < r->change_count; i++) indirect += r->changes[i].indirect;
    for (unsigned n = 1; n <= REASON_CHANGES; n++) {
        brute b = {.set = set, .at = at, .goal = goal, .n = n, .least_indirect = UINT32_MAX};
        try_all(&b, 0, 0, 0, p);
        if (n != r->change_count) {
            cr_assert_eq(b.least_indirect, UINT32_MAX, "seed %llu: %u fields would do, %u were told",
                         (unsigned long long)seed, n, r->change_count);
            continue;
        }
        cr_assert_eq(b.least_indirect, indirect, "seed %llu", (unsigned long long)seed);
        cr_assert_not(nearer_grants(&b, r, 0, false, p), "seed %llu", (unsigned long long)seed);
        return;
    }
}

/* ------------------------------------------------------------------ agreement */

static bool grants(const policy_set *set, unsigned scenario, unsigned goal, const profile *p, policy_moment at) {
    decision d;
    policy_decide(set, scenario, p, at, &d);
    return goal == 64 ? d.outcome == OUTCOME_GRANTED : (d.benefits >> goal & 1) != 0;
}

static void check_changes(const policy_set *set, unsigned scenario, unsigned goal, const benefit_reason *b,
                          const profile *p, policy_moment at, uint64_t seed) {
    if (b->change_count == 0) return;
    profile q;
    reason_apply(set, b, p, &q);
    cr_assert(grants(set, scenario, goal, &q, at), "seed %llu: the suggestion does not grant it",
              (unsigned long long)seed);
    for (unsigned i = 0; i < b->change_count; i++) {
        const reason_change *c = &b->changes[i];
        const profile_field *f = field_named(c->field);
        cr_assert_eq(c->from_value, profile_get(p, f));
        cr_assert_eq(c->to_value, profile_get(&q, f));
        cr_assert_neq(c->from_value, c->to_value);
        cr_assert_gt(strlen(c->text), 0);
        for (unsigned k = 0; k < i; k++) cr_assert_str_neq(c->field, b->changes[k].field);
        /* one step less does not do */
        if (f->number != FIELD_volunteer_minutes && f->number != FIELD_negative_points) continue;
        int64_t less = c->to_value + (f->number == FIELD_volunteer_minutes ? -1 : 1);
        if (less == c->from_value) continue;
        profile r = q;
        cr_assert_eq(profile_set(&r, f, less), STATUS_OK);
        cr_assert_not(grants(set, scenario, goal, &r, at), "seed %llu: %s", (unsigned long long)seed, c->field);
    }
}

/* What is told of rows is what policy_explain says of them. */
static void check_rows(const policy_set *set, unsigned scenario, const reasons *r, const profile *p, policy_moment at) {
    policy_explanation e;
    decision d;
    policy_decide(set, scenario, p, at, &d);
    cr_assert_eq(memcmp(&d, &r->result, sizeof d), 0);
    cr_assert_eq(policy_explain(set, scenario, p, at, &e), STATUS_OK);
    for (unsigned i = 0; i < r->count; i++) {
        const benefit_reason *b = &r->items[i];
        cr_assert_eq(b->granted, (d.benefits >> b->code & 1) != 0);
        size_t k = 0;
        while (k < e.row_count && !(e.rows[k].hit && (e.rows[k].benefits >> b->code & 1))) k++;
        if (b->granted) {
            cr_assert_lt(k, e.row_count);
            cr_assert_str_eq(b->row, e.rows[k].row);
            cr_assert_str_eq(b->table, e.rows[k].table);
        } else {
            cr_assert_eq(b->row != NULL, d.outcome == OUTCOME_DECLINED);
            cr_assert(d.outcome == OUTCOME_DECLINED || k == e.row_count);
        }
        cr_assert(!b->granted || (b->change_count == 0 && b->wait_day == 0));
    }
    cr_assert_eq(r->outcome.granted, d.outcome == OUTCOME_GRANTED);
    bool found = d.row == 0;
    for (size_t k = 0; k < e.row_count; k++)
        if (d.row && (e.rows[k].table_number << 12 | e.rows[k].row_number) == d.row)
            found = strcmp(e.rows[k].row, r->outcome.row) == 0;
    cr_assert(found);
    policy_explanation_deinit(&e);
}

static void check(const policy_set *set, unsigned scenario, const reasons *r, const profile *p, policy_moment at,
                  uint64_t seed) {
    check_rows(set, scenario, r, p, at);
    for (unsigned i = 0; i < r->count; i++) check_changes(set, scenario, r->items[i].code, &r->items[i], p, at, seed);
    check_changes(set, scenario, 64, &r->outcome, p, at, seed);
}

Test(reason_model, nothing_smaller_would_do, .timeout = 600) {
    dice d = dice_make(20260311);
    fprintf(stderr, "seed %llu (XINYI_SEED overrides)\n", (unsigned long long)d.seed);
    buf text = {0};
    reasons *r = malloc(sizeof *r);
    policy_moment at = on_day(2026, 5, 1);
    unsigned told[REASON_CHANGES + 1] = {0}, policies = 0;
    while (policies < 1000) {
        draw_policy(&d);
        policy_set *set = load_policy(&d, &text);
        if (!set) continue;
        policies++;
        for (int k = 0; k < 6; k++) {
            profile p = draw_profile(&d);
            cr_assert_eq(reason_find(set, 9, &p, NULL, at, r), STATUS_OK);
            check(set, 9, r, &p, at, d.seed);
            for (unsigned i = 0; i < r->count; i++) {
                if (r->items[i].granted) continue;
                told[r->items[i].change_count]++;
                check_smallest(set, at, r->items[i].code, &r->items[i], &p, d.seed);
            }
            if (!r->outcome.granted) check_smallest(set, at, 64, &r->outcome, &p, d.seed);
        }
        policy_destroy(&set);
    }
    fprintf(stderr, "not granted: %u without help, %u by one field, %u by two, %u by three\n", told[0], told[1],
            told[2], told[3]);
    for (unsigned n = 0; n <= REASON_CHANGES; n++) cr_assert_gt(told[n], n == 3 ? 5 : 50);
    free(r);
    buf_deinit(&text);
}

Test(reason_model, shipped_policies, .timeout = 600) {
    policy_set *set = load_shipped(1);
    dice d = dice_make(20260312);
    fprintf(stderr, "seed %llu (XINYI_SEED overrides)\n", (unsigned long long)d.seed);
    reasons *r = malloc(sizeof *r);
    policy_moment at = on_day(2026, 12, 24);
    unsigned helped = 0, helpless = 0;
    for (int i = 0; i < 3000; i++) {
        profile p = blank_profile();
        p.form = (uint8_t)dice_below(&d, 4);
        p.roles = (uint8_t)dice_below(&d, 8);
        for (unsigned k = FIELD_red_list; k <= FIELD_consent_volunteer; k++)
            cr_assert_eq(profile_set(&p, profile_field_at(k), dice_below(&d, 5) == 0), STATUS_OK);
        p.public_grade = (uint8_t)dice_below(&d, PUBLIC_EXCELLENT + 1);
        p.tax_grade = (uint8_t)dice_below(&d, TAX_M + 1);
        p.market_grade = (uint8_t)dice_below(&d, MARKET_AAA + 1);
        p.composite_grade = (uint8_t)dice_below(&d, MARKET_AAA + 1);
        p.volunteer_minutes = (uint32_t)dice_below(&d, 120000);
        p.negative_points = (uint16_t)(dice_below(&d, 2) ? 0 : dice_below(&d, 1500));
        p.open_commitments = (uint8_t)dice_below(&d, 5);
        p.broken_commitments = (uint8_t)(dice_below(&d, 4) == 0);
        unsigned scenario = 1 + (unsigned)dice_below(&d, 5);
        cr_assert_eq(reason_find(set, scenario, &p, NULL, at, r), STATUS_OK);
        check(set, scenario, r, &p, at, d.seed);
        for (unsigned k = 0; k < r->count; k++) {
            helped += r->items[k].change_count > 0;
            helpless += !r->items[k].granted && r->items[k].change_count == 0;
        }
    }
    fprintf(stderr, "%u benefits could be had, %u could not\n", helped, helpless);
    cr_assert_gt(helped, 1000);
    cr_assert_gt(helpless, 100);
    free(r);
    policy_destroy(&set);
}
