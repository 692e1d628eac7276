/* Examples: profiles with the decision or the terms they must get, written in the policy itself. They are parsed with
 * it and run on demand against the policy they stand in, whatever the day. Only what an example names is compared. */
#include "engine/policy_load.h"

#include "engine/credit_parse.h"
#include "engine/evaluation.h"
#include "engine/policy_suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ parsing */

/* What pilots look at besides fields. */
static bool parse_who_or_when(const policy_node *key, policy_example *e) {
    const policy_node *value = key->value;
    if (value->kind != NODE_TEXT) return false;
    if (policy_is_text(key, "day")) return clock_parse_day(value->text, value->length, &e->day);
    subject_finding f = subject_parse(value->text, value->length, INT32_MAX, &e->given.id);
    if (subject_verdict_is_error(f.verdict)) return false;
    if (f.kind == SUBJECT_PERSON) e->given.form = FORM_PERSON;
    return true;
}

static void parse_given(policy_loader *l, const policy_node *node, policy_example *e) {
    if (node->kind != NODE_MAP) {
        policy_error(l, node, "'given' is written as fields and values: {tax_grade: A, public_grade: 优}");
        return;
    }
    for (const policy_node *key = node->first; key; key = key->next) {
        if (policy_is_text(key, "day") || policy_is_text(key, "subject")) {
            if (!parse_who_or_when(key, e))
                policy_error(l, key->value,
                             "'day' is a date such as 2026-07-01, 'subject' a number with its kind: "
                             "'uscc:91530000MA00TTT099' or 'id:530000199001010011'");
            continue;
        }
        const profile_field *field = policy_read_field(l, key);
        int64_t value;
        if (!field || !policy_read_value(l, field, key->value, &value)) continue;
        if (profile_set(&e->given, field, value) != STATUS_OK)
            policy_error(l, key->value, "'%s' cannot have this value", field->name);
    }
}

static bool parse_outcome(policy_loader *l, const policy_node *node, uint8_t *out) {
    for (unsigned i = OUTCOME_NONE; i <= OUTCOME_DECLINED; i++) {
        *out = (uint8_t)i;
        if (policy_is_text(node, policy_outcome_name(i))) return true;
    }
    policy_error(l, node, "an outcome is none, granted, review or declined");
    return false;
}

static bool parse_status(policy_loader *l, const policy_node *node, uint16_t *out) {
    static const status KNOWN[] = {STATUS_OK, STATUS_OUT_OF_SCOPE};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        *out = (uint16_t)KNOWN[i];
        if (policy_is_text(node, status_name(KNOWN[i]))) return true;
    }
    policy_error(l, node, "a status is ok or out_of_scope");
    return false;
}

static bool parse_benefits(policy_loader *l, const policy_node *node, const policy *p, uint64_t *bits) {
    bool good = policy_is_list(l, node, "'benefits'");
    for (const policy_node *named = good ? node->first : NULL; named; named = named->next) {
        const char *names[LIMIT_BENEFITS] = {0};
        unsigned i = 0;
        for (; i < p->benefit_count && !policy_is_text(named, p->benefits[i].id); i++) names[i] = p->benefits[i].id;
        if (i < p->benefit_count) {
            *bits |= UINT64_C(1) << p->benefits[i].code;
            continue;
        }
        char near[80] = "";
        good = false;
        if (named->kind != NODE_TEXT) {
            policy_error(l, named, "a benefit is named by its id");
            continue;
        }
        policy_suggest_text(named->text, named->length, names, p->benefit_count, near, sizeof near);
        policy_error(l, named, "unknown benefit '%.*s'%s", policy_shown(named->text, named->length), named->text, near);
    }
    return good;
}

/* Row ids are unique in a policy, so the table need not be named. "none": no row decided. */
static bool parse_row(policy_loader *l, const policy_node *node, const policy *p, policy_example *e) {
    if (policy_is_text(node, "none")) return true;
    for (unsigned t = 0; t < p->table_count; t++)
        for (unsigned r = 0; r < p->tables[t].row_count; r++) {
            e->row = p->tables[t].rows[r].id;
            if (policy_is_text(node, e->row)) return true;
        }
    policy_error(l, node, "no row of this policy has this id; write 'none' if no row may decide");
    return false;
}

static void parse_decision(policy_loader *l, const policy_node *node, const policy *p, policy_example *e) {
    enum { STATUS, OUTCOME, TIER, PERCENT, BENEFITS, AMOUNT, RATE, ROW, COUNT };
    policy_key k[COUNT] = {{.name = "status"},   {.name = "outcome"},    {.name = "tier"},    {.name = "percent_bp"},
                           {.name = "benefits"}, {.name = "amount_fen"}, {.name = "rate_bp"}, {.name = "row"}};
    int64_t v = 0;
    if (!policy_read_keys(l, node, "'expect'", k, COUNT)) return;
    decision *d = &e->result;
    if (k[STATUS].value && parse_status(l, k[STATUS].value, &d->status)) e->expects |= SETS_STATUS;
    if (k[OUTCOME].value && parse_outcome(l, k[OUTCOME].value, &d->outcome)) e->expects |= SETS_OUTCOME;
    if (k[TIER].value && policy_read_number(l, k[TIER].value, "a tier", 0, UINT8_MAX, &v)) {
        d->tier = (uint8_t)v;
        e->expects |= SETS_TIER;
    }
    if (k[PERCENT].value && policy_read_ratio(l, k[PERCENT].value, "percent_bp", 0, 10000, &v)) {
        d->percent_bp = (uint16_t)v;
        e->expects |= SETS_PERCENT;
    }
    if (k[BENEFITS].value && parse_benefits(l, k[BENEFITS].value, p, &d->benefits)) e->expects |= SETS_BENEFITS;
    if (k[AMOUNT].value && policy_read_amount(l, k[AMOUNT].value, "amount_fen", &d->amount_fen))
        e->expects |= SETS_AMOUNT;
    if (k[RATE].value && policy_read_ratio(l, k[RATE].value, "rate_bp", -10000, 10000, &v)) {
        d->rate_bp = (int16_t)v;
        e->expects |= SETS_RATE;
    }
    if (k[ROW].value && parse_row(l, k[ROW].value, p, e)) e->expects |= SETS_ROW;
    if (node->count == 0) policy_error(l, node, "the example expects nothing; write at least 'outcome:'");
}

static void parse_terms(policy_loader *l, const policy_node *node, policy_example *e) {
    enum { COVERED, EXEMPT, SUSPENDED, RATED, FACTOR, UNSECURED, COUNT };
    policy_key k[COUNT] = {{.name = "covered"}, {.name = "exempt"},    {.name = "suspended"},
                           {.name = "rated"},   {.name = "factor_bp"}, {.name = "unsecured_bp"}};
    static const uint8_t SETS[COUNT] = {SETS_COVERED, SETS_EXEMPT, SETS_SUSPENDED,
                                        SETS_RATED,   SETS_FACTOR, SETS_UNSECURED};
    if (!policy_read_keys(l, node, "'expect'", k, COUNT)) return;
    guarantee_terms *t = &e->terms;
    bool *flags[] = {&t->covered, &t->exempt, &t->suspended, &t->rated};
    int32_t *ratios[] = {&t->factor_bp, &t->unsecured_bp};
    for (int i = 0; i < COUNT; i++) {
        int64_t v = 0;
        if (!k[i].value) continue;
        bool good = i < FACTOR ? policy_read_bool(l, k[i].value, k[i].name, flags[i])
                               : policy_read_ratio(l, k[i].value, k[i].name, 0, POLICY_FACTOR_MAX_BP, &v);
        if (!good) continue;
        if (i >= FACTOR) *ratios[i - FACTOR] = (int32_t)v;
        e->expects |= SETS[i];
    }
    if (node->count == 0) policy_error(l, node, "the example expects nothing; write at least 'covered:'");
}

static void parse_example(policy_loader *l, const policy_node *node, const policy *p, bool guarantee,
                          policy_example *e) {
    policy_key keys[] = {
        {.name = "name", .required = true}, {.name = "given", .required = true}, {.name = "expect", .required = true}};
    subject_id nobody = {{0}};
    *e = (policy_example){.name = "", .mark = policy_mark_of(node)};
    if (p->from_hour != INT32_MIN) e->day = policy_day_of_hour(p->from_hour);
    profile_init(&e->given, &nobody);
    if (!policy_read_keys(l, node, "an example", keys, 3)) return;
    const char *name = keys[0].value ? policy_read_text(l, keys[0].value, "an example's name") : NULL;
    if (name) e->name = name;
    if (keys[1].value) parse_given(l, keys[1].value, e);
    if (!keys[2].value) return;
    if (guarantee)
        parse_terms(l, keys[2].value, e);
    else
        parse_decision(l, keys[2].value, p, e);
}

void policy_parse_examples(policy_loader *l, const policy_node *node, policy *out, bool guarantee,
                           policy_example **examples, unsigned *count) {
    if (!policy_is_list(l, node, "'examples'")) return;
    if (node->count > LIMIT_POLICY_EXAMPLES) {
        policy_error(l, node, "%u examples; a policy has at most %d", node->count, LIMIT_POLICY_EXAMPLES);
        return;
    }
    *examples = POLICY_ARENA_ARRAY(l->keep, policy_example, node->count);
    if (!*examples) {
        l->no_memory = true;
        return;
    }
    for (const policy_node *each = node->first; each; each = each->next)
        parse_example(l, each, out, guarantee, &(*examples)[(*count)++]);
    policy_check_names(l, *examples, sizeof(policy_example), *count);
}

/* ------------------------------------------------------------------ running */

typedef struct difference {
    char text[512];
    size_t used;
} difference;

static __attribute__((format(printf, 2, 3))) void differ(difference *d, const char *format, ...) {
    va_list args;
    if (d->used + 3 >= sizeof d->text) return;
    if (d->used) d->used += (size_t)snprintf(d->text + d->used, sizeof d->text - d->used, "; ");
    va_start(args, format);
    int n = vsnprintf(d->text + d->used, sizeof d->text - d->used, format, args);
    va_end(args);
    d->used += (size_t)n;
    if (d->used >= sizeof d->text) d->used = sizeof d->text - 1;
}

static const char *benefit_names(const policy *p, uint64_t bits, char *buffer, size_t room) {
    size_t used = (size_t)snprintf(buffer, room, "[");
    for (unsigned i = 0; i < p->benefit_count && used < room; i++)
        if (bits >> p->benefits[i].code & 1)
            used += (size_t)snprintf(buffer + used, room - used, "%s%s", used > 1 ? ", " : "", p->benefits[i].id);
    if (used < room) snprintf(buffer + used, room - used, "]");
    return buffer;
}

static const char *row_id(const policy *p, unsigned row) {
    unsigned t = row >> 12;
    return row ? p->tables[t - 1].rows[(row & 0xFFF) - 1].id : "none";
}

/* A status has its name in a buffer of the thread: one at a time. */
static void differ_status(difference *d, unsigned want, unsigned got) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%s", status_name(want));
    differ(d, "status: expected %s, got %s", wanted, status_name(got));
}

static void compare_decision(const policy *p, const policy_example *e, difference *d) {
    decision got;
    char want_names[160], got_names[160];
    const decision *want = &e->result;
    policy_evaluate(p, &e->given, e->day, 0, &got);
    unsigned x = e->expects;
    if ((x & SETS_STATUS) && got.status != want->status)
        differ_status(d, want->status, got.status);
    else if (!(x & SETS_STATUS) && got.status != STATUS_OK)
        differ(d, "status: expected ok, got %s", status_name(got.status));
    if ((x & SETS_OUTCOME) && got.outcome != want->outcome)
        differ(d, "outcome: expected %s, got %s", policy_outcome_name(want->outcome), policy_outcome_name(got.outcome));
    if ((x & SETS_TIER) && got.tier != want->tier) differ(d, "tier: expected %u, got %u", want->tier, got.tier);
    if ((x & SETS_PERCENT) && got.percent_bp != want->percent_bp)
        differ(d, "percent_bp: expected %u, got %u", want->percent_bp, got.percent_bp);
    if ((x & SETS_BENEFITS) && got.benefits != want->benefits)
        differ(d, "benefits: expected %s, got %s", benefit_names(p, want->benefits, want_names, sizeof want_names),
               benefit_names(p, got.benefits, got_names, sizeof got_names));
    if ((x & SETS_AMOUNT) && got.amount_fen != want->amount_fen)
        differ(d, "amount_fen: expected %lld, got %lld", (long long)want->amount_fen, (long long)got.amount_fen);
    if ((x & SETS_RATE) && got.rate_bp != want->rate_bp)
        differ(d, "rate_bp: expected %d, got %d", want->rate_bp, got.rate_bp);
    const char *row = e->row ? e->row : "none";
    if ((x & SETS_ROW) && strcmp(row, row_id(p, got.row)) != 0)
        differ(d, "row: expected %s, got %s", row, row_id(p, got.row));
}

static const char *truth(bool v) { return v ? "true" : "false"; }

static void compare_terms(const policy *p, const policy_example *e, difference *d) {
    guarantee_terms got;
    const guarantee_terms *want = &e->terms;
    policy_evaluate_terms(p, &e->given, e->day, 0, &got);
    const struct {
        const char *name;
        unsigned sets;
        bool want, got;
    } flags[] = {{"covered", SETS_COVERED, want->covered, got.covered},
                 {"exempt", SETS_EXEMPT, want->exempt, got.exempt},
                 {"suspended", SETS_SUSPENDED, want->suspended, got.suspended},
                 {"rated", SETS_RATED, want->rated, got.rated}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if ((e->expects & flags[i].sets) && flags[i].want != flags[i].got)
            differ(d, "%s: expected %s, got %s", flags[i].name, truth(flags[i].want), truth(flags[i].got));
    if ((e->expects & SETS_FACTOR) && got.factor_bp != want->factor_bp)
        differ(d, "factor_bp: expected %d, got %d", (int)want->factor_bp, (int)got.factor_bp);
    if ((e->expects & SETS_UNSECURED) && got.unsecured_bp != want->unsecured_bp)
        differ(d, "unsecured_bp: expected %d, got %d", (int)want->unsecured_bp, (int)got.unsecured_bp);
}

static size_t run(const policy *p, const policy_example *examples, unsigned count, bool guarantee, policy_report tell,
                  void *context) {
    size_t failed = 0;
    for (unsigned i = 0; i < count; i++) {
        difference d = {.used = 0};
        if (guarantee)
            compare_terms(p, &examples[i], &d);
        else
            compare_decision(p, &examples[i], &d);
        failed += d.used > 0;
        if (tell) tell(context, p->file, examples[i].mark.line, examples[i].name, d.used == 0, d.text);
    }
    return failed;
}

size_t policy_run_examples(const policy_set *set, policy_report tell, void *context) {
    size_t failed = 0;
    for (size_t i = 0; i < set->count; i++) {
        const policy *p = &set->items[i];
        failed += run(p, p->examples, p->example_count, false, tell, context);
        if (p->guarantee) failed += run(p, p->guarantee->examples, p->guarantee->example_count, true, tell, context);
    }
    failed += credit_run_examples(set, tell, context);
    const evaluation *e = policy_credit(set)->evaluation;
    if (e) failed += evaluation_run_examples(e, tell, context);
    return failed;
}
