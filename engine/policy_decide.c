/* The hot path: which policy is in force, which rows its tables select, what these rows give.
 *
 * How tables combine: they are taken in order. Of a `first` or `unique` table the one row that matches gives its
 * outputs; of a `collect` table all rows that match do: the strictest outcome, the largest tier, share and amount, the
 * lowest rate. A scalar that an earlier table has set stays as it is; benefits add up. A table that makes the outcome
 * `declined` ends the evaluation, and nothing is granted: benefits, tier, share, amount and rate are cleared.
 *
 * Rows outside their pilot are taken out of the rows that match before the first is taken; a table without pilots pays
 * a branch for that.
 *
 * Cost: dominated by one bitmap AND for each tested column (table.c); no allocation, no call that can fail. */
#include "engine/policy_model.h"

#include <string.h>

const char *policy_outcome_name(unsigned outcome) {
    static const char *const NAMES[] = {"none", "granted", "review", "declined"};
    return outcome <= OUTCOME_DECLINED ? NAMES[outcome] : "unknown";
}

/* ------------------------------------------------------------------ pilots */

/* The rows that do not exist for the subject on this day. */
static void find_gone(const policy_table *t, const profile *p, int32_t day, uint64_t *gone) {
    unsigned words = table_words(t->compiled);
    memset(gone, 0, words * sizeof *gone);
    for (unsigned i = 0; i < t->restriction_count; i++) {
        if (policy_pilot_holds(t->restrictions[i].pilot, p, day)) continue;
        for (unsigned w = 0; w < words; w++) gone[w] |= t->restrictions[i].rows[w];
    }
}

static __attribute__((noinline)) unsigned first_restricted(const policy_table *t, const profile *p, int32_t day) {
    uint64_t gone[TABLE_WORDS_MAX];
    find_gone(t, p, day, gone);
    return table_first_but(t->compiled, p, gone);
}

unsigned policy_table_first(const policy_table *t, const profile *p, int32_t day) {
    return t->restriction_count ? first_restricted(t, p, day) : table_first(t->compiled, p);
}

bool policy_table_all(const policy_table *t, const profile *p, int32_t day, uint64_t *rows) {
    if (!table_all(t->compiled, p, rows)) return false;
    if (t->restriction_count == 0) return true;
    uint64_t gone[TABLE_WORDS_MAX], any = 0;
    find_gone(t, p, day, gone);
    for (unsigned w = 0; w < table_words(t->compiled); w++) any |= rows[w] &= ~gone[w];
    return any != 0;
}

/* ------------------------------------------------------------------ decisions */

static inline int64_t amount_of(const policy_output *o, const profile *p) {
    return o->amount ? policy_expr_value(o->amount, p) : o->amount_fen;
}

/* Takes over what is named by `fresh`; benefits add up. */
static inline void take(decision *d, unsigned fresh, const policy_output *o, int64_t amount_fen, unsigned row) {
    d->benefits |= o->benefits;
    if (fresh & SETS_OUTCOME) {
        d->outcome = o->outcome;
        d->row = (uint16_t)row;
    }
    if (fresh & SETS_TIER) d->tier = o->tier;
    if (fresh & SETS_PERCENT) d->percent_bp = o->percent_bp;
    if (fresh & SETS_AMOUNT) d->amount_fen = amount_fen;
    if (fresh & SETS_RATE) d->rate_bp = o->rate_bp;
}

/* Adds a row of a collect table to the best of those before it. */
static void collect_row(policy_output *best, unsigned *decided_by, const policy_output *o, int64_t amount_fen,
                        unsigned row) {
    unsigned had = best->sets;
    best->benefits |= o->benefits;
    if ((o->sets & SETS_OUTCOME) && (!(had & SETS_OUTCOME) || o->outcome > best->outcome)) {
        best->outcome = o->outcome;
        *decided_by = row;
    }
    if ((o->sets & SETS_TIER) && o->tier > best->tier) best->tier = o->tier;
    if ((o->sets & SETS_PERCENT) && o->percent_bp > best->percent_bp) best->percent_bp = o->percent_bp;
    if ((o->sets & SETS_AMOUNT) && amount_fen > best->amount_fen) best->amount_fen = amount_fen;
    if ((o->sets & SETS_RATE) && (!(had & SETS_RATE) || o->rate_bp < best->rate_bp)) best->rate_bp = o->rate_bp;
    best->sets |= o->sets;
}

static unsigned collect(const policy_table *t, unsigned index, const profile *p, int32_t day, unsigned set,
                        decision *d) {
    uint64_t rows[TABLE_WORDS_MAX];
    if (!policy_table_all(t, p, day, rows)) return set;
    policy_output best = {0};
    unsigned decided_by = 0;
    for (unsigned w = 0; w < table_words(t->compiled); w++) {
        for (uint64_t left = rows[w]; left; left &= left - 1) {
            unsigned r = w * 64 + (unsigned)__builtin_ctzll(left);
            const policy_output *o = &t->outputs[r];
            collect_row(&best, &decided_by, o, amount_of(o, p), POLICY_ROW_NUMBER(index, r + 1));
        }
    }
    take(d, best.sets & ~set, &best, best.amount_fen, decided_by);
    return set | best.sets;
}

static void decline(decision *d) {
    d->benefits = 0;
    d->amount_fen = 0;
    d->rate_bp = 0;
    d->tier = 0;
    d->percent_bp = 0;
}

static inline void evaluate(const policy *item, const profile *p, int32_t day, decision *d) {
    if (item->scope && policy_table_first(item->scope, p, day) == 0) {
        d->status = STATUS_OUT_OF_SCOPE;
        return;
    }
    unsigned set = 0;
    for (unsigned i = 0; i < item->table_count; i++) {
        const policy_table *t = &item->tables[i];
        if (t->hit == HIT_COLLECT) {
            set = collect(t, i, p, day, set, d);
        } else {
            unsigned row = policy_table_first(t, p, day);
            if (row == 0) continue;
            const policy_output *o = &t->outputs[row - 1];
            take(d, o->sets & ~set, o, amount_of(o, p), POLICY_ROW_NUMBER(i, row));
            set |= o->sets;
        }
        if (d->outcome == OUTCOME_DECLINED) {
            decline(d);
            return;
        }
    }
}

void policy_evaluate(const policy *item, const profile *p, int32_t day, uint32_t version, decision *out) {
    *out = (decision){.status = STATUS_OK, .data_day = p->data_day, .policy_version = version};
    evaluate(item, p, day, out);
}

status policy_in_force(const policy_set *set, unsigned scenario, policy_moment at, const policy **out) {
    if (scenario > SCENARIO_MAX) return STATUS_UNKNOWN_SCENARIO;
    const policy *item = set->items + set->first[scenario], *end = set->items + set->first[scenario + 1];
    if (item == end) return STATUS_UNKNOWN_SCENARIO;
    int64_t hour = (at.now_ms - (at.now_ms < 0 ? CLOCK_MS_PER_HOUR - 1 : 0)) / CLOCK_MS_PER_HOUR;
    for (; item < end; item++) {
        if (hour < item->from_hour || hour >= item->to_hour) continue;
        *out = item;
        return STATUS_OK;
    }
    return STATUS_NOT_EFFECTIVE;
}

void policy_decide(const policy_set *set, unsigned scenario, const profile *p, policy_moment at, decision *out) {
    const policy *item;
    status s = policy_in_force(set, scenario, at, &item);
    *out = (decision){.status = (uint16_t)s, .data_day = p->data_day, .policy_version = set->version};
    if (s == STATUS_OK) evaluate(item, p, at.day, out);
}

void policy_decide_batch(const policy_set *set, const uint8_t *scenarios, size_t scenario_stride,
                         const profile *profiles, const bool *present, size_t n, policy_moment at, decision *out) {
    const policy *item = NULL;
    status s = STATUS_UNKNOWN_SCENARIO;
    unsigned last = SCENARIO_MAX + 1;
    for (size_t i = 0; i < n; i++) {
        if (present && !present[i]) continue;
        unsigned scenario = scenarios[i * scenario_stride];
        if (scenario != last || item == NULL) {
            s = policy_in_force(set, scenario, at, &item);
            last = scenario;
        }
        out[i] = (decision){.status = (uint16_t)s, .data_day = profiles[i].data_day, .policy_version = set->version};
        if (s == STATUS_OK) evaluate(item, &profiles[i], at.day, &out[i]);
    }
}

/* ------------------------------------------------------------------ guarantee terms */

static void take_term(guarantee_terms *out, unsigned fresh, const policy_term *t) {
    if (fresh & SETS_COVERED) out->covered = t->covered;
    if (fresh & SETS_EXEMPT) out->exempt = t->exempt;
    if (fresh & SETS_SUSPENDED) out->suspended = t->suspended;
    if (fresh & SETS_FACTOR) out->factor_bp = t->factor_bp;
    if (fresh & SETS_UNSECURED) out->unsecured_bp = t->unsecured_bp;
}

void policy_evaluate_terms(const policy *item, const profile *p, int32_t day, uint32_t version, guarantee_terms *out) {
    const policy_guarantee *g = item->guarantee;
    unsigned grade = p->market_grade <= MARKET_AAA ? p->market_grade : MARKET_UNRATED;
    *out = g->terms;
    out->policy_version = version;
    out->covered = (p->roles & g->roles) != 0;
    out->rated = grade != MARKET_UNRATED || !g->refuse_unrated;
    out->factor_bp = g->factor_bp[grade];
    out->unsecured_bp = g->unsecured_bp[grade];
    unsigned set = 0;
    for (unsigned i = 0; i < g->table_count; i++) {
        const policy_table *t = &g->tables[i];
        unsigned row = policy_table_first(t, p, day);
        if (row == 0) continue;
        take_term(out, t->terms[row - 1].sets & ~set, &t->terms[row - 1]);
        set |= t->terms[row - 1].sets;
    }
    if (item->scope && policy_table_first(item->scope, p, day) == 0) out->covered = false;
}

status policy_terms(const policy_set *set, unsigned program, const profile *p, policy_moment at, guarantee_terms *out) {
    *out = (guarantee_terms){.policy_version = set->version};
    if (program > PROGRAM_MAX || set->program_of[program] == 0) return STATUS_UNKNOWN_PROGRAM;
    const policy *item;
    status s = policy_in_force(set, set->program_of[program], at, &item);
    if (s == STATUS_OK && (!item->guarantee || item->guarantee->program != program)) s = STATUS_NOT_EFFECTIVE;
    if (s == STATUS_OK) policy_evaluate_terms(item, p, at.day, set->version, out);
    return s;
}
