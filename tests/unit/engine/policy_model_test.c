/* Whole policies against a naive interpreter: random tables of all hit policies, with pilots, are printed as YAML,
 * loaded, and decided for random profiles on random days. How tables combine, what declining clears, whom a pilot takes
 * in and what is reported as unreachable or overlapping is reckoned again here, the slow way. Explanations are held
 * against the same interpreter. */
#include "../cell_model.h"
#include "../engine_help.h"
#include "engine/sfeel.h"

#define COLUMNS 4
#define ROWS_MAX 200
#define TABLES_MAX 4

/* Sanitizers take their time: fewer cases of the same kinds. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POLICIES 150
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POLICIES 150
#endif
#endif
#ifndef POLICIES
#define POLICIES 2500
#endif
#define CASES 400    /* profiles a policy */
#define EXPLAINED 16 /* one of so many cases is explained */

enum { OUTCOME = 1, TIER = 2, PERCENT = 4, BENEFITS = 8, AMOUNT = 16, RATE = 32 };

/* ------------------------------------------------------------------ pilots */

#define SUBJECTS 24
#define AREAS 5
#define FIRST_DAY 20454 /* 2026-01-01 */
#define DAYS 400

typedef struct model_area {
    uint32_t divisions[2];
    unsigned subjects_from, subjects_to; /* of help_subject */
    int from, to;                        /* days behind FIRST_DAY; -1: open */
} model_area;

static const model_area MODEL_AREAS[AREAS] = {{{530102, 0}, 0, 0, -1, -1},
                                              {{530300, 530103}, 3, 9, -1, -1},
                                              {{0, 0}, 8, 20, 100, 200},
                                              {{530000, 0}, 0, 0, -1, 50},
                                              {{110000, 0}, 0, 2, 150, -1}};

enum { BY_AREA = 1, BY_DIVISION = 2, BY_SECTOR = 4, BY_DAY = 8 };

typedef struct model_pilot {
    unsigned kinds;
    unsigned areas[2];
    int64_t divisions[2], sectors[2];
    int from, to; /* as above */
} model_pilot;

static bool in_period(int from, int to, int day) { return (from < 0 || day >= from) && (to < 0 || day < to); }

static bool in_model_area(const model_area *a, const profile *p, int day) {
    if (!in_period(a->from, a->to, day)) return false;
    for (int i = 0; i < 2; i++)
        if (a->divisions[i] && division_covers(a->divisions[i], p->division)) return true;
    for (unsigned n = a->subjects_from; n < a->subjects_to; n++) {
        subject_id id = help_subject(n);
        if (subject_equal(&id, &p->id)) return true;
    }
    return false;
}

static bool kind_holds(const model_pilot *m, unsigned kind, const profile *p, int day) {
    bool some = false;
    for (int i = 0; i < 2; i++) {
        if (kind == BY_AREA) some |= in_model_area(&MODEL_AREAS[m->areas[i]], p, day);
        if (kind == BY_DIVISION) some |= division_covers((uint32_t)m->divisions[i], p->division);
        if (kind == BY_SECTOR)
            some |= m->sectors[i] % 100 ? p->sector == m->sectors[i] : p->sector / 100 == m->sectors[i] / 100;
    }
    return kind == BY_DAY ? in_period(m->from, m->to, day) : some;
}

static bool pilot_holds(const model_pilot *m, const profile *p, int day) {
    for (unsigned kind = 1; kind <= BY_DAY; kind *= 2)
        if ((m->kinds & kind) && !kind_holds(m, kind, p, day)) return false;
    return true;
}

/* Not a pilot that the loader would refuse, since it never holds. */
static bool is_possible(const model_pilot *m) {
    for (int day = -1; day <= DAYS; day++) {
        bool some = !(m->kinds & BY_AREA);
        for (int i = 0; i < 2; i++) some |= in_period(MODEL_AREAS[m->areas[i]].from, MODEL_AREAS[m->areas[i]].to, day);
        if (some && (!(m->kinds & BY_DAY) || in_period(m->from, m->to, day))) return true;
    }
    return false;
}

static model_pilot draw_pilot(dice *d) {
    const profile_field *place = field_named("division"), *trade = field_named("sector");
    model_pilot m;
    do {
        m = (model_pilot){.kinds = 1 + (unsigned)dice_below(d, 15), .from = -1, .to = -1};
        if (dice_below(d, 2)) m.kinds &= m.kinds - 1 ? m.kinds - 1 : 1; /* mostly few kinds */
        for (int i = 0; i < 2; i++) {
            m.areas[i] = (unsigned)dice_below(d, AREAS);
            m.divisions[i] = model_value(d, place);
            m.sectors[i] = model_value(d, trade);
        }
        int from = (int)dice_below(d, DAYS), to = from + 1 + (int)dice_below(d, DAYS);
        unsigned ends = 1 + (unsigned)dice_below(d, 3);
        if (ends & 1) m.from = from;
        if (ends & 2) m.to = to;
    } while (!is_possible(&m));
    return m;
}

static const char *day_text(int day, char *to) { return clock_format_day(FIRST_DAY + day, to); }

static void print_pilot(buf *out, const model_pilot *m) {
    char text[2][PROFILE_VALUE_TEXT];
    if (!m->kinds) return;
    buf_printf(out, "        pilot: {");
    if (m->kinds & BY_AREA) buf_printf(out, "areas: [a%u, a%u], ", m->areas[0], m->areas[1]);
    if (m->kinds & BY_DIVISION)
        buf_printf(out, "divisions: [%06d, %06d], ", (int)m->divisions[0], (int)m->divisions[1]);
    if (m->kinds & BY_SECTOR)
        buf_printf(out, "sectors: [%s, '%s'], ", profile_format_value(field_named("sector"), m->sectors[0], text[0]),
                   profile_format_value(field_named("sector"), m->sectors[1], text[1]));
    if ((m->kinds & BY_DAY) && m->from >= 0) buf_printf(out, "from: %s, ", day_text(m->from, text[0]));
    if ((m->kinds & BY_DAY) && m->to >= 0) buf_printf(out, "to: %s, ", day_text(m->to, text[0]));
    buf_printf(out, "}\n");
}

static void print_areas(buf *out) {
    char text[SUBJECT_TEXT];
    buf_printf(out, "areas: model\ntitle: t\nauthority: a\nlegal_basis: x\nitems:\n");
    for (unsigned i = 0; i < AREAS; i++) {
        const model_area *a = &MODEL_AREAS[i];
        buf_printf(out, "  - {code: %u, id: a%u, title: t, kind: park, effective: {", 7 * i + 1, i);
        if (a->from >= 0) buf_printf(out, "from: %s, ", day_text(a->from, text));
        if (a->to >= 0) buf_printf(out, "to: %s, ", day_text(a->to, text));
        buf_printf(out, "}, divisions: [");
        for (int k = 0; k < 2; k++)
            if (a->divisions[k]) buf_printf(out, "%u, ", a->divisions[k]);
        buf_printf(out, "], subjects: [");
        for (unsigned n = a->subjects_from; n < a->subjects_to; n++) {
            subject_id id = help_subject(n);
            buf_printf(out, "'%s', ", subject_format(&id, text));
        }
        buf_printf(out, "]}\n");
    }
}

/* ------------------------------------------------------------------ tables */

typedef struct model_row {
    bool removed;
    model_cell cells[COLUMNS];
    char texts[COLUMNS][200];
    model_pilot pilot; /* kinds 0: none */
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
            r->cells[c] = model_draw(d, t->fields[c], t->rows > 12 ? 25 : 50);
            model_print(d, &r->cells[c], r->texts[c], sizeof r->texts[c]);
        } while (sfeel_parse(t->fields[c], r->texts[c], strlen(r->texts[c]), &memory, &test, &error) != STATUS_OK);
        policy_arena_deinit(&memory);
    }
    if (dice_below(d, 4) == 0) {
        /* often one that stands in the table already: then both rows are there together */
        r->pilot = dice_below(d, 3) || t->rows > 12 ? t->row[0].pilot : draw_pilot(d);
        if (!r->pilot.kinds) r->pilot = draw_pilot(d);
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
    static const unsigned LONG[] = {63, 64, 65, 129, ROWS_MAX};
    table_count = 1 + (unsigned)dice_below(d, TABLES_MAX);
    for (unsigned i = 0; i < table_count; i++) {
        model_table *t = &tables[i];
        t->hit = (int)dice_below(d, 3);
        t->rows = dice_below(d, 20) ? 1 + (unsigned)dice_below(d, 12) : LONG[dice_below(d, 5)];
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
    buf_printf(out, "]\n");
    print_pilot(out, &row->pilot);
    buf_printf(out, "        then: {outcome: %s", row->sets & OUTCOME ? policy_outcome_name(g->outcome) : "'-'");
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

static bool row_matches(const model_table *t, unsigned r, const profile *p, int day) {
    if (t->row[r].removed) return false;
    for (unsigned c = 0; c < COLUMNS; c++)
        if (!model_matches(&t->row[r].cells[c], profile_get(p, t->fields[c]))) return false;
    return t->row[r].pilot.kinds == 0 || pilot_holds(&t->row[r].pilot, p, day);
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

static unsigned naive_collect(unsigned i, const profile *p, int day, unsigned set, decision *d) {
    unsigned now = set;
    for (unsigned r = 0; r < tables[i].rows; r++) {
        const model_row *row = &tables[i].row[r];
        if (!row_matches(&tables[i], r, p, day)) continue;
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

static decision naive(const profile *p, int day, dice *dd) {
    decision d = {.status = STATUS_OK, .data_day = p->data_day, .policy_version = 1};
    unsigned set = 0;
    for (unsigned i = 0; i < table_count && d.outcome != OUTCOME_DECLINED; i++) {
        if (tables[i].hit == 2) {
            set = naive_collect(i, p, day, set, &d);
            continue;
        }
        unsigned hits = 0;
        for (unsigned r = 0; r < tables[i].rows; r++) {
            if (!row_matches(&tables[i], r, p, day) || hits++) continue;
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

/* Most of a profile stays from one case to the next; some fields change, and those that a row asks for, near what it
 * asks. */
static void draw_fields(dice *d, profile *p, unsigned changes) {
    for (unsigned i = 0; i < changes; i++) {
        const profile_field *f = profile_field_at((unsigned)dice_below(d, PROFILE_FIELD_COUNT));
        int64_t v = f->has_missing && dice_below(d, 4) == 0 ? PROFILE_MISSING : model_value(d, f);
        cr_assert_eq(profile_set(p, f, v), STATUS_OK);
    }
    p->id = help_subject((uint32_t)dice_below(d, SUBJECTS));
}

static void draw_near(dice *d, profile *p, const model_table *t, const model_row *r) {
    for (unsigned c = 0; c < COLUMNS; c++)
        cr_assert_eq(profile_set(p, t->fields[c], model_value_near(d, &r->cells[c])), STATUS_OK);
    if (!r->pilot.kinds || dice_below(d, 2)) return;
    int64_t place = r->pilot.divisions[dice_below(d, 2)], trade = r->pilot.sectors[dice_below(d, 2)];
    if (r->pilot.kinds & BY_DIVISION) p->division = (uint32_t)place;
    if (r->pilot.kinds & BY_SECTOR) p->sector = (uint16_t)(trade + (trade % 100 ? 0 : (int64_t)dice_below(d, 100)));
}

static void draw_profile(dice *d, profile *p) {
    draw_fields(d, p, 4);
    const model_table *t = &tables[dice_below(d, table_count)];
    draw_near(d, p, t, &t->row[dice_below(d, t->rows)]);
}

static int draw_day(dice *d) { return (int)dice_below(d, DAYS + 20) - 10; }

/* A row that was called unreachable must never have been the first to match. */
static void check_unreachable(dice *d, unsigned table, unsigned row) {
    profile p = blank_profile();
    for (int k = 0; k < 100; k++) {
        int day = draw_day(d);
        draw_fields(d, &p, 8);
        draw_near(d, &p, &tables[table], &tables[table].row[row]);
        if (!row_matches(&tables[table], row, &p, day)) continue;
        bool before = false;
        for (unsigned r = 0; r < row; r++) before |= row_matches(&tables[table], r, &p, day);
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

static policy_set *load_policy(dice *d, const buf *areas, buf *text, unsigned *unreachable, unsigned *overlaps) {
    for (int attempt = 0; attempt < 2 * ROWS_MAX; attempt++) {
        policy_findings findings = {0};
        policy_set *set = NULL;
        print_policy(text);
        policy_file files[] = {{"model.yaml", (const char *)text->data, text->size},
                               {"zones.yaml", (const char *)areas->data, areas->size}};
        status s = policy_load(files, 2, 1, &findings, &set);
        if (s == STATUS_POLICY_INVALID) remove_rows(d, &findings, unreachable, overlaps);
        policy_findings_deinit(&findings);
        if (s == STATUS_OK) return set;
        cr_assert_eq(s, STATUS_POLICY_INVALID);
    }
    cr_assert_fail("seed %llu: cannot be repaired", (unsigned long long)d->seed);
    return NULL;
}

static unsigned kind_of(const char *test) {
    static const struct {
        const char *begins;
        unsigned kind;
    } KINDS[] = {{"areas: ", BY_AREA},
                 {"divisions: ", BY_DIVISION},
                 {"sectors: ", BY_SECTOR},
                 {"from ", BY_DAY},
                 {"to ", BY_DAY}};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strncmp(test, KINDS[i].begins, strlen(KINDS[i].begins)) == 0) return KINDS[i].kind;
    cr_assert_fail("not a pilot: %s", test);
    return 0;
}

static void check_reason(const policy_row_reason *reason, const profile *p, int day) {
    unsigned table, row, kinds = 0;
    cr_assert_eq(sscanf(reason->row, "R%u_%u", &table, &row), 2);
    cr_assert_eq(reason->matched, row_matches(&tables[table], row, p, day));
    for (unsigned c = 0; c < reason->cell_count; c++) {
        const policy_cell_reason *cell = &reason->cells[c];
        if (strcmp(cell->field, "pilot") == 0) {
            unsigned kind = kind_of(cell->test);
            cr_assert_eq(cell->satisfied, kind_holds(&tables[table].row[row].pilot, kind, p, day), "%s", cell->test);
            kinds |= kind;
            continue;
        }
        const profile_field *f = field_named(cell->field);
        unsigned k = 0;
        while (tables[table].fields[k] != f) k++;
        cr_assert_eq(cell->satisfied, model_matches(&tables[table].row[row].cells[k], profile_get(p, f)));
    }
    cr_assert_eq(kinds, tables[table].row[row].pilot.kinds);
}

/* The rows that were used are the rows that the decision names: the first that matches, or all. */
static void check_hits(const policy_explanation *e, const profile *p, int day) {
    bool ended = false;
    size_t at = 0;
    for (unsigned i = 0; i < table_count; i++) {
        bool found = false;
        for (unsigned r = 0; r < tables[i].rows; r++) {
            if (tables[i].row[r].removed) continue;
            bool matches = row_matches(&tables[i], r, p, day);
            cr_assert_eq(e->rows[at++].hit, !ended && matches && (tables[i].hit == 2 || !found));
            found |= matches;
        }
        ended |= e->result.outcome == OUTCOME_DECLINED && e->result.row >> 12 == i + 1;
    }
    cr_assert_eq(at, e->row_count);
}

static void explain(const policy_set *set, const profile *p, int day, const decision *want) {
    policy_moment at = policy_moment_of_day(FIRST_DAY + day);
    policy_explanation e;
    cr_assert_eq(policy_explain(set, 9, p, at, &e), STATUS_OK);
    cr_assert_eq(memcmp(want, &e.result, sizeof *want), 0);
    for (size_t i = 0; i < e.row_count; i++) check_reason(&e.rows[i], p, day);
    check_hits(&e, p, day);
    policy_explanation_deinit(&e);
    decision again;
    uint8_t scenario = 9;
    policy_decide_batch(set, &scenario, 1, p, NULL, 1, at, &again);
    cr_assert_eq(memcmp(want, &again, sizeof again), 0);
}

static unsigned compare(dice *d, const policy_set *set, const profile *p, int day) {
    decision got, want = naive(p, day, d);
    policy_moment at = policy_moment_of_day(FIRST_DAY + day);
    at.now_ms += (int64_t)dice_below(d, CLOCK_MS_PER_DAY); /* any time of the day */
    policy_decide(set, 9, p, at, &got);
    if (memcmp(&got, &want, sizeof got) != 0)
        cr_assert_fail(
            "seed %llu: outcome %u/%u tier %u/%u row %x/%x percent %u/%u benefits %llx/%llx amount %lld/%lld "
            "rate %d/%d",
            (unsigned long long)d->seed, got.outcome, want.outcome, got.tier, want.tier, got.row, want.row,
            got.percent_bp, want.percent_bp, (unsigned long long)got.benefits, (unsigned long long)want.benefits,
            (long long)got.amount_fen, (long long)want.amount_fen, got.rate_bp, want.rate_bp);
    return got.outcome;
}

Test(policy_model, policies_agree_with_a_naive_interpreter, .timeout = 600) {
    dice d = dice_make(20260102);
    fprintf(stderr, "seed %llu (XINYI_SEED overrides)\n", (unsigned long long)d.seed);
    buf text = {0}, areas = {0};
    unsigned unreachable = 0, overlaps = 0, cases = 0, outcomes[4] = {0};
    print_areas(&areas);
    for (int i = 0; i < POLICIES; i++) {
        draw_policy(&d);
        policy_set *set = load_policy(&d, &areas, &text, &unreachable, &overlaps);
        profile p = blank_profile();
        draw_fields(&d, &p, 100);
        for (int k = 0; k < CASES; k++, cases++) {
            int day = draw_day(&d);
            draw_profile(&d, &p);
            outcomes[compare(&d, set, &p, day)]++;
            if (k % EXPLAINED == 0) {
                decision want = naive(&p, day, &d);
                explain(set, &p, day, &want);
            }
        }
        policy_destroy(&set);
    }
    fprintf(stderr,
            "%u cases; outcomes %u none, %u granted, %u review, %u declined; %u rows unreachable, %u overlapping\n",
            cases, outcomes[0], outcomes[1], outcomes[2], outcomes[3], unreachable, overlaps);
    for (int i = 0; i < 4; i++) cr_assert_gt(outcomes[i], cases / 50);
    cr_assert_gt(unreachable, 20);
    cr_assert_gt(overlaps, 100);
    buf_deinit(&text);
    buf_deinit(&areas);
}
