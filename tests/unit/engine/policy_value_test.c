#include "../policy_helper.h"
#include "engine/policy_expr.h"
#include "engine/policy_value.h"

Test(policy_value, amounts_are_exact) {
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } V[] = {{"0", 0},
             {"300000000", 300000000},
             {"300万元", 300000000},
             {"3000000 yuan", 300000000},
             {"3000000元", 300000000},
             {"12.34 yuan", 1234},
             {"12.3元", 1230},
             {"0.01元", 1},
             {"1.5亿元", 15000000000},
             {"5000 fen", 5000},
             {"7分", 7},
             {"0.000001万元", 1},
             {"1.10 yuan", 110},
             {"1000000000000000", 1000000000000000},
             {"1000000000000001", -1},
             {"99999999999999999999999", -1},
             {"0.001元", -1},
             {"0.0000001万元", -1},
             {"1.5", -1},
             {"1.", -1},
             {".5元", -1},
             {"007", -1},
             {"-1", -1},
             {"3万", -1},
             {"3 dollars", -1},
             {"", -1},
             {"yuan", -1}};
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        int64_t fen = 0;
        size_t used = 0, length = strlen(V[i].text);
        bool unit;
        char why[POLICY_WHY_TEXT] = "";
        bool good = policy_value_amount(V[i].text, length, &fen, &used, &unit, why) && used == length;
        cr_assert_eq(good, V[i].want >= 0, "'%s': %s", V[i].text, why);
        if (good) cr_assert_eq(fen, V[i].want, "'%s'", V[i].text);
    }
}

Test(policy_value, ratios_and_durations) {
    static const struct {
        const char *text;
        int64_t want;
        bool good;
    } R[] = {{"130%", 13000, true}, {"1.5%", 150, true},    {"0.01%", 1, true}, {"-30", -30, true},
             {"-0.30%", -30, true}, {"13000", 13000, true}, {"0", 0, true},     {"50 %", 5000, true},
             {"1.555%", 0, false},  {"1.5", 0, false},      {"%", 0, false},    {"", 0, false},
             {"5%%", 0, false},     {"5% x", 0, false},     {"--5", 0, false},  {"-", 0, false}};
    static const struct {
        const char *text;
        int64_t want;
        bool good;
    } D[] = {{"300 s", 300000, true}, {"300s", 300000, true}, {"5 min", 300000, true}, {"1 h", 3600000, true},
             {"1 d", 86400000, true}, {"0.5 s", 500, true},   {"300", 0, false},       {"5 m", 0, false},
             {"h", 0, false},         {"0.0001 s", 0, false}, {"1 h 5", 0, false}};
    char why[POLICY_WHY_TEXT];
    int64_t v;
    for (size_t i = 0; i < sizeof R / sizeof R[0]; i++) {
        cr_assert_eq(policy_value_ratio(R[i].text, strlen(R[i].text), &v, why), R[i].good, "'%s'", R[i].text);
        if (R[i].good) cr_assert_eq(v, R[i].want, "'%s' is %lld", R[i].text, (long long)v);
    }
    for (size_t i = 0; i < sizeof D / sizeof D[0]; i++) {
        cr_assert_eq(policy_value_duration(D[i].text, strlen(D[i].text), &v, why), D[i].good, "'%s'", D[i].text);
        if (D[i].good) cr_assert_eq(v, D[i].want, "'%s' is %lld", D[i].text, (long long)v);
    }
}

/* ------------------------------------------------------------------ expressions */

static bool whole_domain(void *context, const profile_field *field, sfeel_range *range) {
    (void)context;
    *range = sfeel_domain(field);
    return !field->has_missing;
}

static status parse(const char *text, policy_arena *memory, const policy_expr **e, int64_t *constant,
                    sfeel_error *error) {
    return policy_expr_parse(text, strlen(text), whole_domain, NULL, memory, e, constant, error);
}

Test(policy_expr, constants_are_folded) {
    static const struct {
        const char *text;
        int64_t want;
    } V[] = {{"5", 5},
             {"2 + 3 * 4", 14},
             {"(2 + 3) * 4", 20},
             {"10 - 3 - 2", 5},
             {"100 / 7", 14},
             {"100 / 7 / 2", 7},
             {"7 / 2 * 2", 6},
             {"min(3, 1, 2)", 1},
             {"max(3, 1, 2)", 3},
             {"max(0, 3 - 5)", 0},
             {"300万元 + 1元", 300000100},
             {"min(5)", 5},
             {"0 / 5", 0}};
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        policy_arena memory = {0};
        const policy_expr *e;
        int64_t v;
        sfeel_error error = {0};
        cr_assert_eq(parse(V[i].text, &memory, &e, &v, &error), STATUS_OK, "'%s': %s", V[i].text, error.message);
        cr_assert_null(e);
        cr_assert_eq(v, V[i].want, "'%s' is %lld", V[i].text, (long long)v);
        policy_arena_deinit(&memory);
    }
}

Test(policy_expr, fields_are_exact) {
    static const char TEXT[] = "min(volunteer_minutes / 60 * 100, 500000) + max(0, 1000 - negative_points)";
    policy_arena memory = {0};
    const policy_expr *e;
    int64_t v;
    sfeel_error error;
    cr_assert_eq(parse(TEXT, &memory, &e, &v, &error), STATUS_OK);
    cr_assert_not_null(e);
    dice d = dice_make(11);
    for (int i = 0; i < 100000; i++) {
        profile p = blank_profile();
        p.volunteer_minutes = (uint32_t)(dice_below(&d, 2) ? dice_below(&d, 400000) : dice_below(&d, 4294967296));
        p.negative_points = (uint16_t)dice_below(&d, 65536);
        int64_t hours = (int64_t)p.volunteer_minutes / 60 * 100, rest = 1000 - (int64_t)p.negative_points;
        int64_t want = (hours < 500000 ? hours : 500000) + (rest > 0 ? rest : 0);
        cr_assert_eq(policy_expr_value(e, &p), want);
    }
    policy_arena_deinit(&memory);
}

Test(policy_expr, what_could_go_wrong_is_refused) {
    static const struct {
        const char *text;
        size_t offset;
        const char *part;
    } V[] = {
        {"", 0, "expected"},
        {"1 +", 3, "expected"},
        {"(1", 2, "')'"},
        {"1 2", 2, "operator"},
        {"min", 3, "'('"},
        {"min(1 2)", 6, "',' or ')'"},
        {"min()", 4, "expected"},
        {"1 / 0", 2, "may be 0"},
        {"5 / open_commitments", 2, "may be 0"},
        {"5 / (open_commitments - 3)", 2, "may be 0"},
        {"1 - 2", 0, "negative"},
        {"open_commitments - 1", 0, "negative"},
        {"negative_points * negative_points * negative_points * negative_points", 52, "too large"},
        {"volunteer_minutes * volunteer_minutes", 18, "too large"},
        {"volunteer_minutes * 1000000", 0, "more than any amount"},
        {"public_score", 0, "may be missing"},
        {"tax_grade", 0, "not a number"},
        {"since_day + 1", 0, "not a number"},
        {"wolunteer_minutes", 0, "did you mean 'volunteer_minutes'"},
        {"((((((((((((((((((1))))))))))))))))))", 16, "nested"},
    };
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        policy_arena memory = {0};
        const policy_expr *e;
        int64_t v;
        sfeel_error error = {0};
        status s = parse(V[i].text, &memory, &e, &v, &error);
        cr_assert_neq(s, STATUS_OK, "'%s'", V[i].text);
        cr_assert_not_null(strstr(error.message, V[i].part), "'%s': %s", V[i].text, error.message);
        cr_expect_eq(error.offset, V[i].offset, "'%s' at %zu: %s", V[i].text, error.offset, error.message);
        policy_arena_deinit(&memory);
    }
}

/* Random expressions: whatever is accepted gives, for any valid profile, the value that wide arithmetic gives. */
static size_t draw_text(dice *d, char *to, size_t room, int depth) {
    static const char *const FIELDS[] = {"volunteer_minutes", "negative_points", "open_commitments", "positive_points"};
    size_t n = 0;
    switch (dice_below(d, depth > 3 ? 2 : 5)) {
    case 0:
        return (size_t)snprintf(to, room, "%llu", (unsigned long long)dice_below(d, dice_below(d, 2) ? 20 : 1000000));
    case 1: return (size_t)snprintf(to, room, "%s", FIELDS[dice_below(d, 4)]);
    case 2:
        n += (size_t)snprintf(to + n, room - n, dice_below(d, 2) ? "min(" : "max(");
        n += draw_text(d, to + n, room - n, depth + 1);
        n += (size_t)snprintf(to + n, room - n, ", ");
        n += draw_text(d, to + n, room - n, depth + 1);
        return n + (size_t)snprintf(to + n, room - n, ")");
    default:
        n += (size_t)snprintf(to + n, room - n, "(");
        n += draw_text(d, to + n, room - n, depth + 1);
        n += (size_t)snprintf(to + n, room - n, " %c ", "+-*/"[dice_below(d, 4)]);
        n += draw_text(d, to + n, room - n, depth + 1);
        return n + (size_t)snprintf(to + n, room - n, ")");
    }
}

/* Evaluates the fully parenthesised text in 128 bits. */
static __int128 reckon(const char **at, const profile *p) {
    __int128 v = 0;
    if (**at >= '0' && **at <= '9') {
        while (**at >= '0' && **at <= '9') v = v * 10 + *(*at)++ - '0';
        return v;
    }
    bool call = strncmp(*at, "min(", 4) == 0 || strncmp(*at, "max(", 4) == 0;
    if (**at != '(' && !call) {
        const char *from = *at;
        while ((**at >= 'a' && **at <= 'z') || **at == '_') ++*at;
        return profile_get(p, profile_field_find(from, (size_t)(*at - from)));
    }
    char op = **at == '(' ? 0 : (*at)[1]; /* i of min, a of max */
    *at += op ? 4 : 1;
    __int128 a = reckon(at, p);
    if (!op) op = (*at)[1];
    *at += *at[0] == ',' ? 2 : 3;
    __int128 b = reckon(at, p);
    ++*at;
    switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': cr_assert(b != 0, "a division by zero was accepted"); return a / b;
    case 'i': return a < b ? a : b;
    default: return a > b ? a : b;
    }
}

Test(policy_expr, accepted_expressions_never_overflow) {
    dice d = dice_make(20260103);
    unsigned accepted = 0;
    for (int i = 0; i < 60000; i++) {
        char text[1200];
        policy_arena memory = {0};
        const policy_expr *e;
        int64_t constant;
        sfeel_error error;
        size_t n = draw_text(&d, text, sizeof text, 0);
        cr_assert_lt(n, sizeof text);
        if (parse(text, &memory, &e, &constant, &error) == STATUS_OK) {
            accepted++;
            for (int k = 0; k < 10; k++) {
                profile p = blank_profile();
                p.volunteer_minutes = (uint32_t)(k == 0 ? UINT32_MAX : k == 1 ? 0 : dice_below(&d, 4294967296));
                p.negative_points = (uint16_t)(k == 0 ? 65535 : k == 1 ? 0 : dice_below(&d, 65536));
                p.positive_points = (uint16_t)(k == 2 ? 65535 : k == 1 ? 0 : dice_below(&d, 65536));
                p.open_commitments = (uint8_t)(k == 3 ? 255 : k == 1 ? 0 : dice_below(&d, 256));
                const char *at = text;
                __int128 want = reckon(&at, &p);
                int64_t got = e ? policy_expr_value(e, &p) : constant;
                cr_assert(want == got, "seed %llu: '%s' gives %lld", (unsigned long long)d.seed, text, (long long)got);
            }
        }
        policy_arena_deinit(&memory);
    }
    cr_assert_gt(accepted, 5000, "%u", accepted);
}
