/* The smallest change that grants what was not granted.
 *
 * Which values are worth trying follows from the compiled tables: a column's axis is cut where a cell begins or ends,
 * and between two cuts no cell changes its mind, so of each interval on the side to which a field can be moved only the
 * value nearest to the present one is tried. All combinations of one, two, then three fields are decided — one decision
 * serves every benefit that is still looked for — and of those that grant a benefit the cheapest is kept; the first one
 * found of equals. So within the candidates the answer is the smallest in the order that reason.h states.
 *
 * Bounds: CANDIDATES nearest values a field; of each, with n fields at once, as many of the nearest as keep the number
 * of combinations within REASON_EVALUATIONS. What no row can grant even if every changeable field took its best value
 * is not looked for at all: that is seen from one OR of bitmaps a candidate and settles most hopeless cases. */
#include "engine/evaluation.h"
#include "engine/reason_internal.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATES 256
#define GOALS (LIMIT_BENEFITS + 1)
#define GOAL_OUTCOME LIMIT_BENEFITS
#define INDIRECT_COST (UINT64_C(1) << 56) /* more than any distances of three fields */

/* What a subject can change. Costs are in minutes of effort, roughly: they only order suggestions of as many fields.
 * Volunteer minutes are themselves; a consent is given at once; a point takes ten hours; grades and scores are judged
 * by others. Flags of records and lists, roles, form, places and dates are not for the subject to change: they come by
 * waiting or not at all. */
static const reason_field FIELDS[] = {
    {FIELD_consent_loan, WAY_TRUE, false, 1, NULL},
    {FIELD_consent_travel, WAY_TRUE, false, 1, NULL},
    {FIELD_consent_power, WAY_TRUE, false, 1, NULL},
    {FIELD_consent_approval, WAY_TRUE, false, 1, NULL},
    {FIELD_consent_volunteer, WAY_TRUE, false, 1, NULL},
    {FIELD_volunteer_minutes, WAY_UP, false, 1, NULL},
    {FIELD_positive_points, WAY_UP, false, 6, NULL},
    {FIELD_negative_points, WAY_DOWN, false, 6, NULL},
    {FIELD_open_commitments, WAY_DOWN, false, 480, NULL},
    {FIELD_broken_commitments, WAY_DOWN, false, 2880, NULL},
    {FIELD_arrears, WAY_FALSE, false, 2880, NULL},
    {FIELD_public_score, WAY_UP, true, 50, "public credit score"},
    {FIELD_public_grade, WAY_UP, true, 10000, "public credit grade"},
    {FIELD_market_grade, WAY_UP, true, 10000, "market grade"},
    {FIELD_tax_grade, WAY_TAX, true, 10000, "tax grade"},
    {FIELD_composite_score, WAY_UP, true, 50, "composite score"},
    {FIELD_composite_grade, WAY_UP, true, 10000, "composite grade"},
    {FIELD_slot_1, WAY_UP, true, 50, NULL},
    {FIELD_slot_2, WAY_UP, true, 50, NULL},
    {FIELD_slot_3, WAY_UP, true, 50, NULL},
    {FIELD_slot_4, WAY_UP, true, 50, NULL},
};
#define FIELDS_MAX (sizeof FIELDS / sizeof FIELDS[0])

const reason_field *reason_field_of(const profile_field *f) {
    for (size_t i = 0; i < FIELDS_MAX; i++)
        if (FIELDS[i].number == f->number) return &FIELDS[i];
    return NULL;
}

/* ------------------------------------------------------------------ values */

typedef struct candidate {
    int64_t to;
    uint64_t cost;
} candidate;

typedef struct choice {
    const reason_field *how;
    const profile_field *field;
    int64_t from;
    unsigned count;
    bool truncated;               /* there are more, farther away */
    candidate values[CANDIDATES]; /* the nearest first */
} choice;

typedef struct pick {
    uint8_t choice, value;
} pick;
static_assert(CANDIDATES <= UINT8_MAX + 1, "a pick names any of them");

typedef struct found {
    uint64_t cost;
    unsigned n; /* fields; 0: nothing yet */
    pick picks[REASON_CHANGES];
} found;

typedef struct search {
    const reason_case *c;
    reason_goals pending;
    unsigned choice_count;
    choice choices[FIELDS_MAX];
    found best[GOALS];
    unsigned n, limit; /* of this round: fields at once, values of each */
    pick picks[REASON_CHANGES];
    uint32_t *cuts; /* of the column at hand; owned */
    size_t cuts_room;
    bool no_memory;
} search;

/* The rank of a tax grade among those that can be earned. M is given to new taxpayers only: not worse than the first
 * grade they will get, and not to be had by others. */
static int64_t tax_rank(int64_t grade) {
    switch (grade) {
    case TAX_D: return 1;
    case TAX_C: return 2;
    case TAX_B: return 3;
    case TAX_A: return 4;
    default: return 0;
    }
}

/* How far `to` is from `from` on the allowed side; 0: it is not there. A missing value is one step below the least. */
static uint64_t distance(const choice *ch, int64_t to) {
    int64_t from = ch->from, least = ch->field->min;
    if (to == PROFILE_MISSING) return 0;
    if (ch->how->way == WAY_TAX) return tax_rank(to) > tax_rank(from) ? (uint64_t)(tax_rank(to) - tax_rank(from)) : 0;
    if (from == PROFILE_MISSING) from = least - 1;
    bool up = ch->how->way == WAY_UP || ch->how->way == WAY_TRUE;
    if (up ? to <= from : to >= from) return 0;
    return up ? (uint64_t)(to - from) : (uint64_t)(from - to);
}

/* Keeps the values sorted by distance, without repetition. */
static void add_value(choice *ch, int64_t to) {
    uint64_t far = distance(ch, to);
    if (far == 0) return;
    uint64_t cost = far * ch->how->step + (ch->how->indirect ? INDIRECT_COST : 0);
    unsigned at = 0;
    while (at < ch->count && ch->values[at].cost < cost) at++;
    if (at < ch->count && ch->values[at].cost == cost) return;
    ch->truncated |= ch->count == CANDIDATES;
    if (at == CANDIDATES) return;
    unsigned moved = (ch->count < CANDIDATES ? ch->count : CANDIDATES - 1) - at;
    memmove(&ch->values[at + 1], &ch->values[at], moved * sizeof ch->values[0]);
    ch->values[at] = (candidate){to, cost};
    ch->count += ch->count < CANDIDATES;
}

/* The value of [low, high] that is nearest on the allowed side. */
static void add_interval(choice *ch, int64_t low, int64_t high) {
    const profile_field *f = ch->field;
    if (low < f->min) low = f->min;
    if (high > f->max) high = f->max;
    if (f->has_missing && low == (int64_t)f->missing) low++;
    if (f->has_missing && high == (int64_t)f->missing) high--;
    if (low > high) return;
    bool down = ch->how->way == WAY_DOWN || ch->how->way == WAY_FALSE;
    add_value(ch, down ? high : low);
}

static size_t load_cuts(search *s, const table *t, unsigned column) {
    size_t n = table_cuts(t, column, s->cuts, s->cuts_room);
    if (n <= s->cuts_room) return n;
    uint32_t *grown = realloc(s->cuts, n * sizeof *grown);
    if (grown == NULL) {
        s->no_memory = true;
        return 0;
    }
    s->cuts = grown;
    s->cuts_room = n;
    return table_cuts(t, column, s->cuts, n);
}

static void add_column(search *s, choice *ch, const policy_table *t, unsigned column) {
    size_t n = load_cuts(s, t->compiled, column);
    for (size_t i = 0; i < n; i++) {
        int64_t low = s->cuts[i], high = i + 1 < n ? (int64_t)s->cuts[i + 1] - 1 : UINT32_MAX;
        /* a tax grade is no place on a line: each is tried */
        for (int64_t v = low; ch->how->way == WAY_TAX && v <= high && v <= ch->field->max; v++) add_value(ch, v);
        if (ch->how->way != WAY_TAX) add_interval(ch, low, high);
    }
}

static choice *choice_of(search *s, const profile_field *f) {
    for (unsigned i = 0; i < s->choice_count; i++)
        if (s->choices[i].field == f) return &s->choices[i];
    const reason_field *how = reason_field_of(f);
    if (how == NULL) return NULL;
    choice *ch = &s->choices[s->choice_count++];
    *ch = (choice){.how = how, .field = f, .from = profile_get(s->c->p, f)};
    return ch;
}

static void add_table(search *s, const policy_table *t) {
    for (unsigned c = 0; c < t->column_count; c++) {
        choice *ch = choice_of(s, t->fields[c]);
        if (ch != NULL) add_column(s, ch, t, c);
    }
}

/* ------------------------------------------------------------------ applying */

static bool computes(const policy_set *set) { return policy_credit(set)->evaluation != NULL; }

static void compute(const policy_set *set, profile *p) {
    uint16_t score;
    uint8_t grade;
    evaluation_score(policy_credit(set)->evaluation, p, &score, &grade);
    p->composite_score = score;
    p->composite_grade = grade;
}

bool reason_is_computed(const policy_set *set, const profile *p) {
    if (!computes(set)) return false;
    profile q = *p;
    compute(set, &q);
    return q.composite_score == p->composite_score && q.composite_grade == p->composite_grade;
}

void reason_set(const reason_case *c, const reason_value *values, unsigned n, profile *p) {
    bool follow = c->computed;
    for (unsigned i = 0; i < n; i++) {
        unsigned number = values[i].field->number;
        if (profile_set(p, values[i].field, values[i].to) != STATUS_OK) continue; /* candidates are of the domain */
        if (number == FIELD_composite_score || number == FIELD_composite_grade) follow = false;
    }
    if (follow) compute(c->set, p);
}

void reason_apply(const policy_set *set, const benefit_reason *b, const profile *p, profile *out) {
    reason_case c = {.set = set, .computed = reason_is_computed(set, p)};
    reason_value values[REASON_CHANGES];
    for (unsigned i = 0; i < b->change_count; i++)
        values[i] = (reason_value){profile_field_find(b->changes[i].field, strlen(b->changes[i].field)),
                                   b->changes[i].to_value};
    *out = *p;
    reason_set(&c, values, b->change_count, out);
}

static void decide_with(const search *s, const pick *picks, unsigned n, decision *out) {
    reason_value values[REASON_CHANGES];
    for (unsigned i = 0; i < n; i++) {
        const choice *ch = &s->choices[picks[i].choice];
        values[i] = (reason_value){ch->field, ch->values[picks[i].value].to};
    }
    profile p = *s->c->p;
    reason_set(s->c, values, n, &p);
    policy_decide(s->c->set, s->c->scenario, &p, s->c->at, out);
}

/* ------------------------------------------------------------------ what cannot be */

/* The rows of a table that match if each changeable field may take the best of its values, each for itself. */
static void reachable_rows(const search *s, const policy_table *t, uint64_t *rows) {
    unsigned words = table_words(t->compiled);
    memset(rows, 0xFF, words * sizeof *rows);
    for (unsigned c = 0; c < t->column_count; c++) {
        const uint64_t *now = table_column(t->compiled, c, s->c->p);
        uint64_t some[TABLE_WORDS_MAX];
        if (now == NULL) continue;
        memcpy(some, now, words * sizeof *some);
        for (unsigned i = 0; i < s->choice_count; i++) {
            const choice *ch = &s->choices[i];
            for (unsigned v = 0; ch->field == t->fields[c] && v < ch->count; v++) {
                profile p = *s->c->p;
                if (profile_set(&p, ch->field, ch->values[v].to) != STATUS_OK) continue;
                const uint64_t *then = table_column(t->compiled, c, &p);
                for (unsigned w = 0; w < words; w++) some[w] |= then[w];
            }
        }
        for (unsigned w = 0; w < words; w++) rows[w] &= some[w];
    }
}

/* Leaves only goals that some row could grant. */
static void drop_hopeless(search *s) {
    reason_goals hope = {0};
    for (unsigned i = 0; i < s->c->item->table_count; i++) {
        const policy_table *t = &s->c->item->tables[i];
        uint64_t rows[TABLE_WORDS_MAX];
        reachable_rows(s, t, rows);
        for (unsigned r = 0; r < t->row_count; r++) {
            if ((rows[r / 64] >> (r % 64) & 1) == 0) continue;
            hope.benefits |= t->outputs[r].benefits;
            hope.outcome |= (t->outputs[r].sets & SETS_OUTCOME) && t->outputs[r].outcome == OUTCOME_GRANTED;
        }
    }
    s->pending.benefits &= hope.benefits;
    s->pending.outcome &= hope.outcome;
}

/* ------------------------------------------------------------------ searching */

static void keep(search *s, unsigned goal, uint64_t cost) {
    found *f = &s->best[goal];
    if (f->n != 0 && f->cost <= cost) return;
    f->cost = cost;
    f->n = s->n;
    memcpy(f->picks, s->picks, sizeof f->picks);
}

static void judge(search *s) {
    uint64_t cost = 0;
    for (unsigned i = 0; i < s->n; i++) cost += s->choices[s->picks[i].choice].values[s->picks[i].value].cost;
    decision d;
    decide_with(s, s->picks, s->n, &d);
    reason_goals met = reason_met(&d, s->pending);
    for (uint64_t left = met.benefits; left; left &= left - 1) keep(s, (unsigned)__builtin_ctzll(left), cost);
    if (met.outcome) keep(s, GOAL_OUTCOME, cost);
}

static unsigned tried(const search *s, unsigned i) {
    return s->choices[i].count < s->limit ? s->choices[i].count : s->limit;
}

static void combine(search *s, unsigned depth, unsigned first) {
    if (depth == s->n || depth == REASON_CHANGES) {
        judge(s);
        return;
    }
    for (unsigned i = first; i < s->choice_count; i++) {
        for (unsigned v = 0; v < tried(s, i); v++) {
            s->picks[depth] = (pick){(uint8_t)i, (uint8_t)v};
            combine(s, depth + 1, i + 1);
        }
    }
}

/* How many combinations of n fields there are with `limit` values of each. */
static uint64_t combinations(const search *s, unsigned n) {
    uint64_t of[REASON_CHANGES + 1] = {1};
    for (unsigned i = 0; i < s->choice_count; i++)
        for (unsigned k = n; k > 0; k--) of[k] += of[k - 1] * tried(s, i);
    return of[n];
}

static void search_all(search *s) {
    for (s->n = 1; s->n <= REASON_CHANGES && reason_any(s->pending); s->n++) {
        s->limit = CANDIDATES;
        while (s->limit > 1 && combinations(s, s->n) > REASON_EVALUATIONS) s->limit--;
        combine(s, 0, 0);
        for (unsigned g = 0; g < LIMIT_BENEFITS; g++)
            if (s->best[g].n != 0) s->pending.benefits &= ~(UINT64_C(1) << g);
        if (s->best[GOAL_OUTCOME].n != 0) s->pending.outcome = false;
    }
}
static_assert(FIELDS_MAX * CANDIDATES <= REASON_EVALUATIONS, "one field at once: every candidate is tried");
static_assert(FIELDS_MAX * (FIELDS_MAX - 1) * (FIELDS_MAX - 2) / 6 <= REASON_EVALUATIONS, "the nearest values always");

/* ------------------------------------------------------------------ telling */

static bool grants(const search *s, const found *f, unsigned goal) {
    decision d;
    decide_with(s, f->picks, f->n, &d);
    return goal == GOAL_OUTCOME ? d.outcome == OUTCOME_GRANTED : (d.benefits >> goal & 1) != 0;
}

/* Would every value that is farther away do as well? */
static bool better_too(const search *s, const found *f, unsigned which, unsigned goal) {
    found other = *f;
    const choice *ch = &s->choices[f->picks[which].choice];
    for (unsigned v = f->picks[which].value + 1u; v < ch->count; v++) {
        other.picks[which].value = (uint8_t)v;
        if (!grants(s, &other, goal)) return false;
    }
    return !ch->truncated;
}

static void tell(const search *s, unsigned goal, benefit_reason *b) {
    const found *f = &s->best[goal];
    if (b == NULL || f->n == 0) return;
    b->change_count = f->n;
    for (unsigned i = 0; i < f->n; i++) {
        const choice *ch = &s->choices[f->picks[i].choice];
        reason_change *change = &b->changes[i];
        *change = (reason_change){.field = ch->field->name,
                                  .title = ch->field->title,
                                  .from_value = ch->from,
                                  .to_value = ch->values[f->picks[i].value].to,
                                  .indirect = ch->how->indirect};
        profile_format_value(ch->field, change->from_value, change->from);
        profile_format_value(ch->field, change->to_value, change->to);
        bool better = ch->how->indirect && better_too(s, f, i, goal);
        reason_change_text(ch->how, ch->field, change->from_value, change->to_value, better, change->text,
                           sizeof change->text);
    }
}

status reason_find_changes(const reason_case *c, reason_goals goals, reasons *out) {
    search *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    s->c = c;
    s->pending = goals;
    if (c->item->scope != NULL) add_table(s, c->item->scope);
    for (unsigned i = 0; i < c->item->table_count; i++) add_table(s, &c->item->tables[i]);
    if (!s->no_memory) {
        drop_hopeless(s);
        search_all(s);
        for (unsigned i = 0; i < out->count; i++) tell(s, out->items[i].code, &out->items[i]);
        tell(s, GOAL_OUTCOME, &out->outcome);
    }
    status result = s->no_memory ? STATUS_NO_MEMORY : STATUS_OK;
    free(s->cuts);
    free(s);
    return result;
}
