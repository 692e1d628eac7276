/* Random evaluations and profiles: the compiled scorecards against an interpreter that goes through the words of the
 * manual one by one, in fractions, sharing nothing with the engine but the profile. The explanation must give the same
 * score, and its lines must add up to it. */
#include "../cell_model.h"
#include "../evaluation_help.h"
#include "engine/sfeel.h"

#include <stdarg.h>

#define EVALUATIONS 500
#define PROFILES 200

/* ------------------------------------------------------------------ what is drawn */

#define CELLS 3
#define POINTS 5
#define INPUTS 6
#define ROWS 4
#define CARDS 3

typedef struct m_condition {
    unsigned count;
    model_cell cells[CELLS];
    char text[CELLS][512]; /* as written */
} m_condition;

typedef struct m_normal {
    const profile_field *field;
    unsigned count;     /* of points; 0: by name */
    int64_t at[POINTS]; /* points */
    int64_t to[16];     /* at points, or by value */
} m_normal;

typedef struct m_input {
    m_normal normal;
    int64_t weight, missing; /* missing: -1 left out */
} m_input;

typedef struct m_row {
    m_condition when;
    int64_t amount;
    m_normal take;
} m_row;

typedef struct m_card {
    m_condition for_whom;
    unsigned inputs, at_least, adjustments, caps, insteads;
    m_input input[INPUTS];
    m_row adjustment[ROWS], cap[ROWS], instead[ROWS];
    int64_t merit, merit_max, penalty, penalty_max; /* 0: none */
} m_card;

typedef struct m_evaluation {
    int64_t cut[4]; /* AAA AA A B */
    int64_t low[PROFILE_SLOTS], high[PROFILE_SLOTS];
    unsigned cards;
    m_card card[CARDS];
} m_evaluation;

/* ------------------------------------------------------------------ drawing */

static const char *const NUMBERS[] = {
    "public_score", "volunteer_minutes", "negative_points", "open_commitments", "slot_1", "slot_2", "slot_3", "slot_4"};
static const char *const NAMES[] = {"public_grade", "market_grade", "tax_grade", "form", "red_list", "arrears"};
static const char *const CONDITIONS[] = {"form",         "tax_grade",          "public_score", "negative_points",
                                         "serious_list", "broken_commitments", "division",     "sector",
                                         "since_day",    "market_grade",       "arrears",      "public_grade"};

static const profile_field *draw_field(dice *d, const char *const *names, size_t count) {
    return field_named(names[dice_below(d, count)]);
}

static bool can_be_written(dice *d, const model_cell *cell, char *text, size_t room) {
    policy_arena memory = {0};
    sfeel_test test;
    sfeel_error error;
    model_print(d, cell, text, room);
    status s = sfeel_parse(cell->field, text, strlen(text), &memory, &test, &error);
    policy_arena_deinit(&memory);
    return s == STATUS_OK;
}

static void draw_condition(dice *d, m_condition *c, unsigned most) {
    c->count = (unsigned)dice_below(d, most + 1);
    for (unsigned i = 0; i < c->count; i++) {
        const profile_field *f;
        bool fresh;
        do {
            f = draw_field(d, CONDITIONS, sizeof CONDITIONS / sizeof CONDITIONS[0]);
            fresh = true;
            for (unsigned k = 0; k < i; k++) fresh &= c->cells[k].field != f;
        } while (!fresh);
        do /* a cell that is never true is an error of its own */
            c->cells[i] = model_draw(d, f, 5);
        while (!can_be_written(d, &c->cells[i], c->text[i], sizeof c->text[i]));
    }
}

static void draw_normal(dice *d, const m_evaluation *e, m_normal *n) {
    *n = (m_normal){0};
    if (dice_below(d, 3) == 0) {
        n->field = draw_field(d, NAMES, sizeof NAMES / sizeof NAMES[0]);
        for (int64_t v = 0; v <= n->field->max; v++) n->to[v] = (int64_t)dice_below(d, 1001);
        return;
    }
    n->field = draw_field(d, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0]);
    int64_t low = n->field->min, high = n->field->max;
    if (n->field->number >= FIELD_slot_1 && n->field->number < FIELD_slot_1 + PROFILE_SLOTS) {
        low = e->low[n->field->number - FIELD_slot_1];
        high = e->high[n->field->number - FIELD_slot_1];
    }
    if (dice_below(d, 2) && high > low + 2000) high = low + 2000; /* where rounding is seen */
    n->count = 2 + (unsigned)dice_below(d, POINTS - 1);
    int64_t step = (high - low) / n->count;
    for (unsigned i = 0; i < n->count; i++) {
        n->at[i] = low + i * step + (int64_t)dice_below(d, (uint64_t)step);
        n->to[i] = (int64_t)dice_below(d, 1001);
    }
}

static void draw_card(dice *d, const m_evaluation *e, m_card *c, bool last) {
    *c = (m_card){0};
    if (!last || dice_below(d, 2)) draw_condition(d, &c->for_whom, 2);
    c->inputs = 1 + (unsigned)dice_below(d, INPUTS);
    for (unsigned i = 0; i < c->inputs; i++) {
        draw_normal(d, e, &c->input[i].normal);
        c->input[i].weight = 1 + (int64_t)dice_below(d, dice_below(d, 2) ? 5 : 1000);
        c->input[i].missing = dice_below(d, 3) ? -1 : (int64_t)dice_below(d, 1001);
    }
    c->at_least = 1 + (unsigned)dice_below(d, c->inputs);
    if (dice_below(d, 3)) c->merit = 1 + (int64_t)dice_below(d, 30), c->merit_max = 1 + (int64_t)dice_below(d, 100);
    if (dice_below(d, 3)) c->penalty = 1 + (int64_t)dice_below(d, 50), c->penalty_max = 1 + (int64_t)dice_below(d, 999);
    c->adjustments = (unsigned)dice_below(d, ROWS + 1);
    for (unsigned i = 0; i < c->adjustments; i++) {
        draw_condition(d, &c->adjustment[i].when, 2);
        do c->adjustment[i].amount = (int64_t)dice_below(d, 401) - 200;
        while (c->adjustment[i].amount == 0);
    }
    c->caps = (unsigned)dice_below(d, ROWS);
    for (unsigned i = 0; i < c->caps; i++) {
        draw_condition(d, &c->cap[i].when, CELLS);
        c->cap[i].amount = (int64_t)dice_below(d, 1000);
    }
    c->insteads = dice_below(d, 2) ? 0 : (unsigned)dice_below(d, 3);
    for (unsigned i = 0; i < c->insteads; i++) {
        draw_condition(d, &c->instead[i].when, CELLS);
        draw_normal(d, e, &c->instead[i].take);
    }
}

static void draw_evaluation(dice *d, m_evaluation *e) {
    *e = (m_evaluation){0};
    e->cut[0] = 700 + (int64_t)dice_below(d, 301);
    for (int i = 1; i < 4; i++) e->cut[i] = e->cut[i - 1] - 1 - (int64_t)dice_below(d, 200);
    for (int i = 0; i < PROFILE_SLOTS; i++) {
        e->low[i] = (int64_t)dice_below(d, 500);
        e->high[i] = e->low[i] + 100 + (int64_t)dice_below(d, 5000);
    }
    e->cards = 1 + (unsigned)dice_below(d, CARDS);
    for (unsigned i = 0; i < e->cards; i++) draw_card(d, e, &e->card[i], i + 1 == e->cards);
}

/* ------------------------------------------------------------------ writing it down */

typedef struct paper {
    char text[1 << 16];
    size_t used;
} paper;

static __attribute__((format(printf, 2, 3))) void put(paper *p, const char *format, ...) {
    va_list args;
    va_start(args, format);
    p->used += (size_t)vsnprintf(p->text + p->used, sizeof p->text - p->used, format, args);
    va_end(args);
    cr_assert_lt(p->used, sizeof p->text);
}

static void put_condition(paper *p, const m_condition *c) {
    put(p, "{");
    for (unsigned i = 0; i < c->count; i++) put(p, "%s%s: '%s'", i ? ", " : "", c->cells[i].field->name, c->text[i]);
    put(p, "}");
}

static void put_normal(paper *p, const m_normal *n) {
    char value[PROFILE_VALUE_TEXT];
    bool some = false;
    put(p, "field: %s, %s: {", n->field->name, n->count ? "points" : "values");
    for (unsigned i = 0; i < n->count; i++)
        put(p, "%s%s: %lld", i ? ", " : "", profile_format_value(n->field, n->at[i], value), (long long)n->to[i]);
    for (int64_t v = 0; n->count == 0 && v <= n->field->max; v++) {
        if (n->field->has_missing && v == (int64_t)n->field->missing) continue;
        put(p, "%s%s: %lld", some ? ", " : "", profile_format_value(n->field, v, value), (long long)n->to[v]);
        some = true;
    }
    put(p, "}");
}

static void put_rows(paper *p, const char *name, const m_row *rows, unsigned count) {
    if (count) put(p, "    %s:\n", name);
    for (unsigned i = 0; i < count; i++) {
        put(p, "      - {id: %c%u, when: ", name[0], i);
        put_condition(p, &rows[i].when);
        if (name[0] == 'i') {
            put(p, ", ");
            put_normal(p, &rows[i].take);
        } else
            put(p, ", %s: %lld", name[0] == 'a' ? "add" : "score", (long long)rows[i].amount);
        put(p, "}\n");
    }
}

static void write_down(const m_evaluation *e, paper *p) {
    p->used = 0;
    put(p, "evaluation: drawn\nauthority: a\nlegal_basis: b\nindicators:\n");
    for (unsigned i = 0; i < PROFILE_SLOTS; i++)
        put(p, "  - {slot: %u, id: i%u, source: %u, scale: {min: %lld, max: %lld}}\n", i + 1, i, i,
            (long long)e->low[i], (long long)e->high[i]);
    put(p, "grades: {AAA: %lld, AA: %lld, A: %lld, B: %lld}\nscorecards:\n", (long long)e->cut[0], (long long)e->cut[1],
        (long long)e->cut[2], (long long)e->cut[3]);
    for (unsigned i = 0; i < e->cards; i++) {
        const m_card *c = &e->card[i];
        put(p, "  - scorecard: card%u\n    at_least: %u\n", i, c->at_least);
        if (c->for_whom.count) {
            put(p, "    for: ");
            put_condition(p, &c->for_whom);
            put(p, "\n");
        }
        put(p, "    inputs:\n");
        for (unsigned k = 0; k < c->inputs; k++) {
            put(p, "      - {");
            put_normal(p, &c->input[k].normal);
            put(p, ", weight: %lld", (long long)c->input[k].weight);
            if (c->input[k].missing >= 0) put(p, ", missing: %lld", (long long)c->input[k].missing);
            put(p, "}\n");
        }
        if (c->merit)
            put(p, "    merits: {per_point: %lld, max: %lld}\n", (long long)c->merit, (long long)c->merit_max);
        if (c->penalty)
            put(p, "    penalties: {per_point: %lld, max: %lld}\n", (long long)c->penalty, (long long)c->penalty_max);
        put_rows(p, "instead", c->instead, c->insteads);
        put_rows(p, "adjustments", c->adjustment, c->adjustments);
        put_rows(p, "caps", c->cap, c->caps);
    }
    put(p, "examples: [{name: none, given: {}, expect: {composite_grade: unrated}}]\n");
}

/* ------------------------------------------------------------------ the words of the manual */

static bool holds(const m_condition *c, const profile *p) {
    for (unsigned i = 0; i < c->count; i++)
        if (!model_matches(&c->cells[i], profile_get(p, c->cells[i].field))) return false;
    return true;
}

/* n / d, rounded half up to a whole number. */
static int64_t half_up(__int128 n, __int128 d) {
    __int128 twice = 2 * n + d, whole = twice / (2 * d);
    if (twice < 0 && whole * 2 * d != twice) whole--;
    return (int64_t)whole;
}

static int64_t normal_value(const m_normal *n, const profile *p) {
    int64_t v = profile_get(p, n->field);
    if (v == PROFILE_MISSING) return -1;
    if (n->count == 0) return n->to[v];
    if (v <= n->at[0]) return n->to[0];
    for (unsigned i = 1; i < n->count; i++) {
        if (v > n->at[i]) continue;
        int64_t width = n->at[i] - n->at[i - 1];
        return half_up((__int128)n->to[i - 1] * (n->at[i] - v) + (__int128)n->to[i] * (v - n->at[i - 1]), width);
    }
    return n->to[n->count - 1];
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* -1: unrated, -2: no scorecard. */
static int64_t score_in_words(const m_evaluation *e, const profile *p) {
    const m_card *c = NULL;
    for (unsigned i = 0; i < e->cards && !c; i++)
        if (holds(&e->card[i].for_whom, p)) c = &e->card[i];
    if (!c) return -2;
    int64_t score = -1;
    for (unsigned i = 0; i < c->insteads && score < 0; i++)
        if (holds(&c->instead[i].when, p)) score = normal_value(&c->instead[i].take, p);
    if (score < 0) {
        int64_t weights = 0, weighted = 0, known = 0;
        for (unsigned i = 0; i < c->inputs; i++) {
            int64_t v = normal_value(&c->input[i].normal, p);
            known += v >= 0;
            if (v < 0) v = c->input[i].missing;
            if (v < 0) continue;
            weights += c->input[i].weight;
            weighted += c->input[i].weight * v;
        }
        if (known < c->at_least) return -1;
        int64_t more = least(p->positive_points * c->merit, 100 * c->merit_max) -
                       least(p->negative_points * c->penalty, 100 * c->penalty_max);
        for (unsigned i = 0; i < c->adjustments; i++)
            if (holds(&c->adjustment[i].when, p)) more += 100 * c->adjustment[i].amount;
        score = half_up((__int128)weighted * 100 + (__int128)more * weights, (__int128)weights * 100);
        score = score < 0 ? 0 : least(score, 1000);
    }
    for (unsigned i = 0; i < c->caps; i++)
        if (holds(&c->cap[i].when, p)) score = least(score, c->cap[i].amount);
    return score;
}

/* ------------------------------------------------------------------ comparing */

static void draw_near(dice *d, const m_condition *c, profile *p) {
    for (unsigned i = 0; i < c->count; i++)
        if (dice_below(d, 2))
            cr_assert_eq(profile_set(p, c->cells[i].field, model_value_near(d, &c->cells[i])), STATUS_OK);
}

static void draw_profile(dice *d, const m_evaluation *e, profile *p) {
    *p = blank_profile();
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        int64_t v = f->has_missing && dice_below(d, 4) == 0 ? PROFILE_MISSING : model_value(d, f);
        if (f->type == PROFILE_SCORE && v != PROFILE_MISSING && dice_below(d, 2)) v = (int64_t)dice_below(d, 1001);
        if (f->type == PROFILE_FLAG) v = dice_below(d, 4) == 0;
        cr_assert_eq(profile_set(p, f, v), STATUS_OK, "%s", f->name);
    }
    const m_card *c = &e->card[dice_below(d, e->cards)];
    draw_near(d, &c->for_whom, p);
    for (unsigned i = 0; i < c->caps; i++) draw_near(d, &c->cap[i].when, p);
    for (unsigned i = 0; i < c->insteads; i++) draw_near(d, &c->instead[i].when, p);
    for (unsigned i = 0; i < c->inputs; i++) {
        const m_normal *n = &c->input[i].normal;
        int64_t v = n->count ? n->at[dice_below(d, n->count)] + (int64_t)dice_below(d, 5) - 2 : -1;
        if (v >= n->field->min && v <= n->field->max && dice_below(d, 3))
            cr_assert_eq(profile_set(p, n->field, v), STATUS_OK);
    }
}

static void check_explanation(const evaluation *e, const profile *p, uint16_t score, uint8_t grade) {
    static scorecard_result r;
    evaluation_explain(e, p, &r);
    cr_assert_eq(r.score, score);
    cr_assert_eq(r.grade, grade);
    int64_t sum = 0, cap = 1000;
    unsigned instead = 0;
    for (unsigned i = 0; i < r.count; i++) {
        const contribution *c = &r.lines[i];
        cr_assert(c->counted || c->share == 0);
        cr_assert_eq(c->field != NULL, c->kind == CONTRIBUTION_INPUT);
        cr_assert(c->title && c->because);
        cr_assert(c->normalised >= 0 && c->normalised <= 1000);
        instead += c->counted && c->kind == CONTRIBUTION_INSTEAD;
        if (!c->counted) continue;
        if (c->kind == CONTRIBUTION_CAP)
            cap = least(cap, c->share / 100);
        else
            sum += c->share;
    }
    cr_assert_leq(instead, 1);
    if (!r.scorecard) cr_assert(r.count == 0 && r.score == PROFILE_UNRATED);
    if (r.score == PROFILE_UNRATED) {
        cr_assert(sum == 0 && cap == 1000 && r.grade == MARKET_UNRATED);
        return;
    }
    /* The lines are rounded to hundredths, the score from the exact sum: half a hundredth may tip it. */
    int64_t low = half_up(sum - 1, 100), high = half_up(sum + 1, 100);
    low = least(low < 0 ? 0 : least(low, 1000), cap);
    high = least(high < 0 ? 0 : least(high, 1000), cap);
    cr_assert(r.score == low || r.score == high, "%u, lines add up to %lld", r.score, (long long)sum);
}

Test(evaluation_model, scorecards_mean_what_they_say) {
    dice d = dice_make(20260801);
    static m_evaluation drawn;
    static paper text;
    size_t loaded = 0, rated = 0, unrated = 0, nobody = 0;
    for (int i = 0; i < EVALUATIONS; i++) {
        draw_evaluation(&d, &drawn);
        write_down(&drawn, &text);
        policy_findings f = {0};
        policy_set *set = load_evaluation(text.text, &f);
        for (size_t k = 0; k < f.count; k++) /* what is drawn at random may contradict itself, and in no other way */
            if (f.items[k].severity == POLICY_ERROR && !strstr(f.items[k].message, "can never") &&
                !strstr(f.items[k].message, "is for nobody") && !strstr(f.items[k].message, "is never true")) {
                print_findings(&f);
                cr_assert_fail("seed %llu, evaluation %d: %s\n%s", (unsigned long long)d.seed, i, f.items[k].message,
                               text.text);
            }
        policy_findings_deinit(&f);
        if (!set) continue;
        loaded++;
        const evaluation *e = evaluation_in(set);
        for (int k = 0; k < PROFILES; k++) {
            profile p;
            uint16_t score;
            uint8_t grade;
            draw_profile(&d, &drawn, &p);
            int64_t want = score_in_words(&drawn, &p);
            evaluation_score(e, &p, &score, &grade);
            cr_assert_eq(score == PROFILE_UNRATED ? -1 : score, want == -2 ? -1 : want,
                         "seed %llu, evaluation %d, profile %d: %u instead of %lld\n%s", (unsigned long long)d.seed, i,
                         k, score, (long long)want, text.text);
            int want_grade = want < 0 ? MARKET_UNRATED : MARKET_C;
            for (int g = 0; want >= 0 && g < 4; g++) want_grade += want >= drawn.cut[g];
            cr_assert_eq(grade, want_grade);
            check_explanation(e, &p, score, grade);
            rated += want >= 0;
            unrated += want == -1;
            nobody += want == -2;
        }
        policy_destroy(&set);
    }
    cr_log_info("seed %llu: %zu evaluations, %zu rated, %zu unrated, %zu without a scorecard",
                (unsigned long long)d.seed, loaded, rated, unrated, nobody);
    cr_assert_gt(loaded, EVALUATIONS / 4);
    cr_assert(rated > 10000 && unrated > 1000 && nobody > 1000, "%zu %zu %zu", rated, unrated, nobody);
}

/* Whatever 64 bytes a profile has, valid or not, the answer is a score or unrated. */
Test(evaluation_model, any_bytes_have_a_score) {
    dice d = dice_make(77);
    static m_evaluation drawn;
    static paper text;
    for (int i = 0; i < 100; i++) {
        draw_evaluation(&d, &drawn);
        write_down(&drawn, &text);
        policy_findings f = {0};
        policy_set *set = load_evaluation(text.text, &f);
        policy_findings_deinit(&f);
        for (int k = 0; set && k < 2000; k++) {
            profile p;
            uint16_t score;
            uint8_t grade, bytes[sizeof p];
            for (size_t b = 0; b < sizeof bytes; b++) bytes[b] = (uint8_t)dice_below(&d, 256);
            memcpy(&p, bytes, sizeof p);
            evaluation_score(evaluation_in(set), &p, &score, &grade);
            cr_assert(score <= 1000 || score == PROFILE_UNRATED);
            cr_assert_leq(grade, MARKET_AAA);
            static scorecard_result r;
            evaluation_explain(evaluation_in(set), &p, &r);
            cr_assert(r.score == score && r.grade == grade);
        }
        policy_destroy(&set);
    }
}
