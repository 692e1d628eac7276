/* Recursive descent straight to steps of a stack machine; each rule returns the range of what it leaves on the stack.
 * The ranges of a sum, product or quotient are taken from the ends of its operands' ranges, so they are never too
 * narrow; they may be too wide (x - x), and then an officer has to write max(0, …), which does no harm.
 *
 * Evaluation saturates all the same, so that even a profile outside the promised ranges gives a defined number. */
#include "engine/policy_expr.h"

#include "base/check.h"
#include "base/limits.h"
#include "engine/policy_suggest.h"
#include "engine/policy_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NESTING_MAX 16

typedef enum step_kind {
    STEP_NUMBER,
    STEP_FIELD,
    STEP_ADD,
    STEP_SUB,
    STEP_MUL,
    STEP_DIV,
    STEP_MIN,
    STEP_MAX
} step_kind;

typedef struct step {
    uint8_t kind;
    uint8_t field;
    int64_t number;
} step;

struct policy_expr {
    unsigned count;
    step steps[];
};

typedef struct expr_parser {
    const char *text;
    size_t length, at;
    policy_expr_range range;
    void *context;
    sfeel_error *error;
    unsigned count, nesting;
    bool constant;
    step steps[LIMIT_POLICY_OPERATIONS];
} expr_parser;

/* ------------------------------------------------------------------ evaluation */

static int64_t limit(bool negative) { return negative ? INT64_MIN : INT64_MAX; }

static int64_t apply(unsigned kind, int64_t a, int64_t b) {
    int64_t r;
    switch (kind) {
    case STEP_ADD: return __builtin_add_overflow(a, b, &r) ? limit(a < 0) : r;
    case STEP_SUB: return __builtin_sub_overflow(a, b, &r) ? limit(a < 0) : r;
    case STEP_MUL: return __builtin_mul_overflow(a, b, &r) ? limit((a < 0) != (b < 0)) : r;
    case STEP_DIV: return b == 0 ? 0 : (b == -1 && a == INT64_MIN ? INT64_MAX : a / b);
    case STEP_MIN: return a < b ? a : b;
    default: return a > b ? a : b;
    }
}

static int64_t run(const step *steps, unsigned count, const profile *p) {
    int64_t stack[LIMIT_POLICY_OPERATIONS];
    unsigned top = 0;
    for (unsigned i = 0; i < count; i++) {
        const step *s = &steps[i];
        if (s->kind == STEP_NUMBER) {
            stack[top++] = s->number;
        } else if (s->kind == STEP_FIELD) {
            int64_t v = p ? profile_get(p, profile_field_at(s->field)) : 0;
            stack[top++] = v == PROFILE_MISSING ? 0 : v;
        } else {
            top--;
            stack[top - 1] = apply(s->kind, stack[top - 1], stack[top]);
        }
    }
    return stack[0];
}

/* ------------------------------------------------------------------ as text */

typedef struct expr_text {
    const policy_expr *e;
    char *to;
    size_t room, used;
} expr_text;

static void write_text(expr_text *t, const char *text) {
    int n = snprintf(t->to + t->used, t->room - t->used, "%s", text);
    t->used += (size_t)n < t->room - t->used ? (size_t)n : t->room - t->used - 1;
}

/* How tightly a step binds; numbers, fields and functions need no parentheses. */
static int binding(unsigned kind) {
    return kind == STEP_ADD || kind == STEP_SUB ? 1 : (kind == STEP_MUL || kind == STEP_DIV ? 2 : 3);
}

/* The first step of the expression whose last step is `at`. */
static unsigned first_step(const policy_expr *e, unsigned at) {
    unsigned wanted = 1;
    for (;; at--) {
        bool leaf = e->steps[at].kind == STEP_NUMBER || e->steps[at].kind == STEP_FIELD;
        wanted = leaf ? wanted - 1 : wanted + 1;
        if (wanted == 0) return at;
    }
}

static void write_steps(expr_text *t, unsigned at, int around) {
    static const char *const SIGNS[] = {[STEP_ADD] = " + ", [STEP_SUB] = " - ", [STEP_MUL] = " * ", [STEP_DIV] = " / "};
    const step *s = &t->e->steps[at];
    char number[32];
    if (s->kind == STEP_NUMBER || s->kind == STEP_FIELD) {
        snprintf(number, sizeof number, "%lld", (long long)s->number);
        write_text(t, s->kind == STEP_NUMBER ? number : profile_field_at(s->field)->name);
        return;
    }
    unsigned right = first_step(t->e, at - 1);
    bool function = s->kind == STEP_MIN || s->kind == STEP_MAX;
    bool enclosed = !function && binding(s->kind) < around;
    if (function) write_text(t, s->kind == STEP_MIN ? "min(" : "max(");
    if (enclosed) write_text(t, "(");
    write_steps(t, right - 1, function ? 0 : binding(s->kind));
    write_text(t, function ? ", " : SIGNS[s->kind]);
    write_steps(t, at - 1, function ? 0 : binding(s->kind) + 1);
    if (function || enclosed) write_text(t, ")");
}

const char *policy_expr_format(const policy_expr *e, char *buffer, size_t room) {
    expr_text t = {e, buffer, room, 0};
    buffer[0] = '\0';
    write_steps(&t, e->count - 1, 0);
    return buffer;
}

/* ------------------------------------------------------------------ value */

int64_t policy_expr_value(const policy_expr *e, const profile *p) {
    int64_t v = run(e->steps, e->count, p);
    return v < 0 ? 0 : (v > LIMIT_AMOUNT_FEN ? LIMIT_AMOUNT_FEN : v);
}

/* ------------------------------------------------------------------ parsing */

static __attribute__((format(printf, 4, 5))) status fail(expr_parser *p, status code, size_t offset, const char *format,
                                                         ...) {
    va_list args;
    va_start(args, format);
    p->error->offset = offset;
    vsnprintf(p->error->message, sizeof p->error->message, format, args);
    va_end(args);
    return code;
}

static char look(expr_parser *p) {
    while (p->at < p->length && (p->text[p->at] == ' ' || p->text[p->at] == '\n')) p->at++;
    return p->at < p->length ? p->text[p->at] : '\0';
}

static status emit(expr_parser *p, step s) {
    if (p->count == LIMIT_POLICY_OPERATIONS)
        return fail(p, STATUS_SYNTAX, p->at, "the expression has more than %d parts; split the row",
                    LIMIT_POLICY_OPERATIONS);
    p->steps[p->count++] = s;
    return STATUS_OK;
}

static bool widen(sfeel_range *r, int64_t a, int64_t b, unsigned kind) {
    int64_t v = 0;
    bool overflow = kind == STEP_MUL ? __builtin_mul_overflow(a, b, &v) : (b == -1 && a == INT64_MIN);
    if (overflow) return false;
    if (kind == STEP_DIV) v = a / b;
    if (v < r->low) r->low = v;
    if (v > r->high) r->high = v;
    return true;
}

/* The range of a op b. False if it overflows. */
static bool combine(unsigned kind, sfeel_range a, sfeel_range b, sfeel_range *out) {
    sfeel_range r = {INT64_MAX, INT64_MIN};
    switch (kind) {
    case STEP_ADD:
        if (__builtin_add_overflow(a.low, b.low, &r.low) || __builtin_add_overflow(a.high, b.high, &r.high))
            return false;
        break;
    case STEP_SUB:
        if (__builtin_sub_overflow(a.low, b.high, &r.low) || __builtin_sub_overflow(a.high, b.low, &r.high))
            return false;
        break;
    case STEP_MIN: r = (sfeel_range){a.low < b.low ? a.low : b.low, a.high < b.high ? a.high : b.high}; break;
    case STEP_MAX: r = (sfeel_range){a.low > b.low ? a.low : b.low, a.high > b.high ? a.high : b.high}; break;
    default:
        if (!widen(&r, a.low, b.low, kind) || !widen(&r, a.low, b.high, kind) || !widen(&r, a.high, b.low, kind) ||
            !widen(&r, a.high, b.high, kind))
            return false;
        /* a quotient of a range around 0 is smallest in magnitude there */
        if (kind == STEP_DIV && a.low <= 0 && a.high >= 0 && !widen(&r, 0, b.low, kind)) return false;
    }
    *out = r;
    return true;
}

static status join(expr_parser *p, size_t at, unsigned kind, sfeel_range *left, sfeel_range right) {
    if (kind == STEP_DIV && right.low <= 0 && right.high >= 0)
        return fail(p, STATUS_BAD_VALUE, at, "the divisor may be 0; write it as max(1, …)");
    if (!combine(kind, *left, right, left))
        return fail(p, STATUS_BAD_VALUE, at, "the result may be too large for an amount; bound the parts with min(…)");
    return emit(p, (step){.kind = (uint8_t)kind});
}

static status read_sum(expr_parser *p, sfeel_range *range);

static status read_call(expr_parser *p, unsigned kind, sfeel_range *range) {
    size_t at = p->at;
    if (look(p) != '(') return fail(p, STATUS_SYNTAX, p->at, "'(' is expected after min and max");
    p->at++;
    status s = read_sum(p, range);
    while (s == STATUS_OK && look(p) == ',') {
        p->at++;
        sfeel_range next;
        s = read_sum(p, &next);
        if (s == STATUS_OK) s = join(p, at, kind, range, next);
    }
    if (s != STATUS_OK) return s;
    if (look(p) != ')') return fail(p, STATUS_SYNTAX, p->at, "',' or ')' is expected here");
    p->at++;
    return STATUS_OK;
}

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

static status read_field(expr_parser *p, size_t from, size_t length, sfeel_range *range) {
    const char *word = p->text + from;
    const profile_field *field = profile_field_find(word, length);
    if (!field) {
        const char *names[PROFILE_FIELD_COUNT];
        char near[80];
        for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) names[i] = profile_field_at(i)->name;
        return fail(p, STATUS_SYNTAX, from, "unknown field '%.*s'%s", policy_shown(word, length), word,
                    policy_suggest_text(word, length, names, PROFILE_FIELD_COUNT, near, sizeof near));
    }
    if (field->type != PROFILE_NUMBER && field->type != PROFILE_SCORE && field->type != PROFILE_HUNDREDTHS)
        return fail(p, STATUS_SYNTAX, from, "'%s' is not a number and cannot be calculated with", field->name);
    if (!p->range(p->context, field, range))
        return fail(p, STATUS_BAD_VALUE, from,
                    "'%s' may be missing in this row; give the row a cell for it, such as not(missing)", field->name);
    p->constant = false;
    return emit(p, (step){.kind = STEP_FIELD, .field = field->number});
}

static status read_number(expr_parser *p, sfeel_range *range) {
    char why[POLICY_WHY_TEXT];
    size_t used;
    bool unit;
    int64_t v;
    if (!policy_value_amount(p->text + p->at, p->length - p->at, &v, &used, &unit, why))
        return fail(p, STATUS_SYNTAX, p->at, "%s", why);
    p->at += used;
    *range = (sfeel_range){v, v};
    return emit(p, (step){.kind = STEP_NUMBER, .number = v});
}

static status read_factor(expr_parser *p, sfeel_range *range) {
    char c = look(p);
    size_t from = p->at;
    if (c >= '0' && c <= '9') return read_number(p, range);
    if (c == '(') {
        p->at++;
        status s = read_sum(p, range);
        if (s != STATUS_OK) return s;
        if (look(p) != ')') return fail(p, STATUS_SYNTAX, p->at, "')' is expected here");
        p->at++;
        return STATUS_OK;
    }
    while (p->at < p->length && is_word(p->text[p->at])) p->at++;
    size_t n = p->at - from;
    if (c == '-' && from == 0) return fail(p, STATUS_SYNTAX, from, "amounts cannot be negative");
    if (n == 0) return fail(p, STATUS_SYNTAX, from, "a number, a field, min(…) or max(…) is expected here");
    if (n == 3 && memcmp(p->text + from, "min", 3) == 0) return read_call(p, STEP_MIN, range);
    if (n == 3 && memcmp(p->text + from, "max", 3) == 0) return read_call(p, STEP_MAX, range);
    return read_field(p, from, n, range);
}

static status read_product(expr_parser *p, sfeel_range *range) {
    status s = read_factor(p, range);
    for (char c = look(p); s == STATUS_OK && (c == '*' || c == '/'); c = look(p)) {
        size_t at = p->at++;
        sfeel_range right;
        s = read_factor(p, &right);
        if (s == STATUS_OK) s = join(p, at, c == '*' ? STEP_MUL : STEP_DIV, range, right);
    }
    return s;
}

static status read_sum(expr_parser *p, sfeel_range *range) {
    if (++p->nesting > NESTING_MAX)
        return fail(p, STATUS_SYNTAX, p->at, "parentheses are nested more than %d deep", NESTING_MAX);
    status s = read_product(p, range);
    for (char c = look(p); s == STATUS_OK && (c == '+' || c == '-'); c = look(p)) {
        size_t at = p->at++;
        sfeel_range right;
        s = read_product(p, &right);
        if (s == STATUS_OK) s = join(p, at, c == '+' ? STEP_ADD : STEP_SUB, range, right);
    }
    p->nesting--;
    return s;
}

static status check_result(expr_parser *p, sfeel_range r) {
    if (p->at < p->length)
        return fail(p, STATUS_SYNTAX, p->at,
                    "an operator (+ - * /) is expected here; texts such as 300万元 are one word");
    if (r.low < 0)
        return fail(p, STATUS_BAD_VALUE, 0, "the amount may be negative, as low as %lld; write max(0, …)",
                    (long long)r.low);
    if (r.high > LIMIT_AMOUNT_FEN)
        return fail(p, STATUS_BAD_VALUE, 0, "the amount may be %lld fen, more than any amount can be; write min(…)",
                    (long long)r.high);
    return STATUS_OK;
}

status policy_expr_parse(const char *text, size_t length, policy_expr_range range, void *context, policy_arena *memory,
                         const policy_expr **out, int64_t *constant, sfeel_error *error) {
    expr_parser p = {
        .text = text, .length = length, .range = range, .context = context, .error = error, .constant = true};
    sfeel_range result;
    *out = NULL;
    *constant = 0;
    status s = read_sum(&p, &result);
    if (s == STATUS_OK) look(&p);
    if (s == STATUS_OK) s = check_result(&p, result);
    if (s != STATUS_OK) return s;
    if (p.constant) {
        *constant = run(p.steps, p.count, NULL);
        CHECK(*constant >= 0 && *constant <= LIMIT_AMOUNT_FEN);
        return STATUS_OK;
    }
    policy_expr *e = policy_arena_alloc(memory, sizeof *e + p.count * sizeof(step), _Alignof(policy_expr));
    if (!e) return STATUS_NO_MEMORY;
    e->count = p.count;
    memcpy(e->steps, p.steps, p.count * sizeof(step));
    *out = e;
    return STATUS_OK;
}
