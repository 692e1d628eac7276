/* The hot path: which policy is in force, which rows its tables select, what these rows give.
 *
 * How tables combine: they are taken in order. Of a `first` or `unique` table the one row that matches gives its
 * outputs; of a `collect` table all rows that match do: the strictest outcome, the largest tier, share and amount, the
 * lowest rate. A scalar that an earlier table has set stays as it is; benefits add up. A table that makes the outcome
 * `declined` ends the evaluation, and nothing is granted: benefits, tier, share, amount and rate are cleared.
 *
 * Cost: dominated by one bitmap AND for each tested column (table.c); no allocation, no call that can fail. */
#include "engine/policy_model.h"

#include <string.h>

const char *policy_outcome_name(unsigned outcome) {
    static const char *const NAMES[] = {"none", "granted", "review", "declined"};
    return outcome <= OUTCOME_DECLINED ? NAMES[outcome] : "unknown";
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

static unsigned collect(const policy_table *t, unsigned index, const profile *p, unsigned set, decision *d) {
    uint64_t rows[TABLE_WORDS_MAX];
    if (!table_all(t->compiled, p, rows)) return set;
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

static inline void evaluate(const policy *item, const profile *p, decision *d) {
    if (item->scope && table_first(item->scope->compiled, p) == 0) {
        d->status = STATUS_OUT_OF_SCOPE;
        return;
    }
    unsigned set = 0;
    for (unsigned i = 0; i < item->table_count; i++) {
        const policy_table *t = &item->tables[i];
        if (t->hit == HIT_COLLECT) {
            set = collect(t, i, p, set, d);
        } else {
            unsigned row = table_first(t->compiled, p);
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

void policy_evaluate(const policy *item, const profile *p, uint32_t version, decision *out) {
    *out = (decision){.status = STATUS_OK, .data_day = p->data_day, .policy_version = version};
    evaluate(item, p, out);
}

status policy_in_force(const policy_set *set, unsigned scenario, int32_t day, const policy **out) {
    if (scenario > SCENARIO_MAX) return STATUS_UNKNOWN_SCENARIO;
    const policy *item = set->items + set->first[scenario], *end = set->items + set->first[scenario + 1];
    if (item == end) return STATUS_UNKNOWN_SCENARIO;
    for (; item < end; item++) {
        if (day < item->from_day || day >= item->to_day) continue;
        *out = item;
        return STATUS_OK;
    }
    return STATUS_NOT_EFFECTIVE;
}

void policy_decide(const policy_set *set, unsigned scenario, const profile *p, policy_moment at, decision *out) {
    const policy *item;
    status s = policy_in_force(set, scenario, at.day, &item);
    *out = (decision){.status = (uint16_t)s, .data_day = p->data_day, .policy_version = set->version};
    if (s == STATUS_OK) evaluate(item, p, out);
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
            s = policy_in_force(set, scenario, at.day, &item);
            last = scenario;
        }
        out[i] = (decision){.status = (uint16_t)s, .data_day = profiles[i].data_day, .policy_version = set->version};
        if (s == STATUS_OK) evaluate(item, &profiles[i], &out[i]);
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

void policy_evaluate_terms(const policy *item, const profile *p, uint32_t version, guarantee_terms *out) {
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
        unsigned row = table_first(t->compiled, p);
        if (row == 0) continue;
        take_term(out, t->terms[row - 1].sets & ~set, &t->terms[row - 1]);
        set |= t->terms[row - 1].sets;
    }
    if (item->scope && table_first(item->scope->compiled, p) == 0) out->covered = false;
}

status policy_terms(const policy_set *set, unsigned program, const profile *p, policy_moment at, guarantee_terms *out) {
    *out = (guarantee_terms){.policy_version = set->version};
    if (program > PROGRAM_MAX || set->program_of[program] == 0) return STATUS_UNKNOWN_PROGRAM;
    const policy *item;
    status s = policy_in_force(set, set->program_of[program], at.day, &item);
    if (s == STATUS_OK && (!item->guarantee || item->guarantee->program != program)) s = STATUS_NOT_EFFECTIVE;
    if (s == STATUS_OK) policy_evaluate_terms(item, p, set->version, out);
    return s;
}
