/* The guarantee program of a policy: what holds for everybody, factors and ratios by grade, and tables for what depends
 * on more than the grade. Source of the vocabulary: DOMAIN "Power-market guarantee". */
#include "engine/policy_load.h"

#include "engine/alert.h"
#include "engine/policy_suggest.h"

#include <stdio.h>
#include <string.h>

#define TTL_MAX_MS (INT64_C(7) * 86400000) /* a reservation is for the moment of a trade, not a loan of quota */

#define BOND_NOTICE_DAYS_MAX 365
#define TOPUP_DAYS_MAX 60

#define PLAUSIBLE_FEN_PER_MWH 100000 /* 1 yuan a kWh: above the price of the energy itself */

enum {
    KEY_PROGRAM,
    KEY_ROLES,
    KEY_BASE,
    KEY_EXPOSURE,
    KEY_FLOOR,
    KEY_SHORT,
    KEY_UNRATED,
    KEY_FACTOR,
    KEY_UNSECURED,
    KEY_WARN,
    KEY_RESERVATION,
    KEY_ALERTS,
    KEY_TABLES,
    KEY_EXAMPLES,
    KEY_COUNT
};

static void parse_program(policy_loader *l, const policy_node *node, policy_guarantee *g) {
    policy_key keys[] = {{.name = "name", .required = true}, {.name = "code", .required = true}};
    int64_t code = 0;
    if (!policy_read_keys(l, node, "'program'", keys, 2)) return;
    const char *name = keys[0].value ? policy_read_name(l, keys[0].value, "a program's name") : NULL;
    if (name) g->name = name;
    if (!keys[1].value || !policy_read_number(l, keys[1].value, "a program's code", 1, PROGRAM_MAX, &code)) return;
    g->program = (uint8_t)code;
    if (name && (strcmp(name, "power") == 0) != (code == PROGRAM_POWER))
        policy_error(l, keys[1].value, "code %d belongs to the program 'power' and to no other; others have 2 to %d",
                     PROGRAM_POWER, PROGRAM_MAX);
}

static void parse_roles(policy_loader *l, const policy_node *node, policy_guarantee *g) {
    static const unsigned ROLES[] = {FIELD_retailer, FIELD_generator, FIELD_power_user};
    if (!policy_is_list(l, node, "'roles'")) return;
    for (const policy_node *item = node->first; item; item = item->next) {
        uint8_t bit = 0;
        for (size_t i = 0; i < sizeof ROLES / sizeof ROLES[0]; i++) {
            const profile_field *field = profile_field_at(ROLES[i]);
            if (policy_is_text(item, field->name)) bit = (uint8_t)field->bit;
        }
        if (!bit) policy_error(l, item, "a role is retailer, generator or power_user");
        g->roles |= bit;
    }
}

static void parse_price(policy_loader *l, const policy_node *node, const char *what, int64_t *out) {
    if (!policy_read_amount(l, node, what, out)) return;
    if (*out > POLICY_FEN_PER_MWH_MAX)
        policy_error(l, node, "%s is at most %d fen for one MWh", what, POLICY_FEN_PER_MWH_MAX);
    else if (*out > PLAUSIBLE_FEN_PER_MWH)
        policy_say(l, POLICY_WARNING, node,
                   "%s is %lld fen, that is %lld yuan for one MWh; check the number and its unit", what,
                   (long long)*out, (long long)*out / 100);
    else if (*out == 0)
        policy_say(l, POLICY_WARNING, node, "%s is 0: energy does not count; check the number", what);
}

static void parse_base(policy_loader *l, const policy_node *node, policy_guarantee *g) {
    policy_key keys[] = {{.name = "fen_per_mwh_12m", .required = true}, {.name = "fen_per_mwh_2m", .required = true}};
    if (!policy_read_keys(l, node, "'base'", keys, 2)) return;
    if (keys[0].value) parse_price(l, keys[0].value, "fen_per_mwh_12m", &g->terms.fen_per_mwh_12m);
    if (keys[1].value) parse_price(l, keys[1].value, "fen_per_mwh_2m", &g->terms.fen_per_mwh_2m);
}

/* A ratio for each market grade, written from the best to the worst or in any order. */
static void parse_grades(policy_loader *l, const policy_node *node, const char *what, bool all, int64_t max,
                         int32_t ratios[MARKET_AAA + 1]) {
    const profile_field *grade = profile_field_at(FIELD_market_grade);
    policy_key keys[MARKET_AAA] = {0};
    for (int i = 0; i < MARKET_AAA; i++) keys[i] = (policy_key){.name = grade->names[MARKET_AAA - i], .required = all};
    if (!policy_read_keys(l, node, what, keys, MARKET_AAA)) return;
    for (int i = 0; i < MARKET_AAA; i++) {
        int64_t bp = 0;
        if (keys[i].value && policy_read_ratio(l, keys[i].value, what, 0, max, &bp))
            ratios[MARKET_AAA - i] = (int32_t)bp;
    }
}

static void check_monotonic(policy_loader *l, const policy_node *node, const char *what, bool falls,
                            const int32_t ratios[MARKET_AAA + 1]) {
    const profile_field *grade = profile_field_at(FIELD_market_grade);
    for (int i = MARKET_C; i < MARKET_AAA; i++)
        if (falls ? ratios[i + 1] > ratios[i] : ratios[i + 1] < ratios[i])
            policy_say(l, POLICY_WARNING, node,
                       "%s of grade %s is worse for the subject than that of grade %s; "
                       "check the numbers",
                       what, grade->names[i + 1], grade->names[i]);
}

/* "refuse", or "as A": required like that grade, but nothing on trust. */
static void parse_unrated(policy_loader *l, const policy_node *node, policy_guarantee *g) {
    const profile_field *grade = profile_field_at(FIELD_market_grade);
    int as = MARKET_A;
    g->refuse_unrated = node && policy_is_text(node, "refuse");
    if (node && !g->refuse_unrated) {
        as = 0;
        for (int i = MARKET_C; i <= MARKET_AAA; i++) {
            char text[16];
            snprintf(text, sizeof text, "as %s", grade->names[i]);
            if (policy_is_text(node, text)) as = i;
        }
        if (!as) policy_error(l, node, "'unrated' is 'refuse', or a grade to count as: 'as A'");
    }
    g->factor_bp[MARKET_UNRATED] = g->factor_bp[as];
    for (int i = MARKET_C; g->refuse_unrated && i <= MARKET_AAA; i++)
        if (g->factor_bp[i] > g->factor_bp[MARKET_UNRATED]) g->factor_bp[MARKET_UNRATED] = g->factor_bp[i];
}

static void parse_warnings(policy_loader *l, const policy_node *node, policy_guarantee *g) {
    int64_t percent[3] = {0};
    if (!policy_is_list(l, node, "'warn_percent'")) return;
    unsigned n = 0;
    bool good = node->count == 3;
    for (const policy_node *item = node->first; item && n < 3; item = item->next, n++)
        if (!policy_read_number(l, item, "a warning level", 1, 100, &percent[n])) return;
    if (!good || percent[0] >= percent[1] || percent[1] >= percent[2]) {
        policy_error(l, node, "three rising percentages are expected, such as [80, 90, 100]");
        return;
    }
    for (n = 0; n < 3; n++) g->terms.warn_percent[n] = (uint8_t)percent[n];
}

static void parse_reservation(policy_loader *l, const policy_node *node, policy_guarantee *g) {
    policy_key keys[] = {{.name = "default", .required = true}, {.name = "max", .required = true}};
    if (!policy_read_keys(l, node, "'reservation'", keys, 2) || !keys[0].value || !keys[1].value) return;
    if (!policy_read_duration(l, keys[0].value, "default", &g->terms.ttl_default_ms) ||
        !policy_read_duration(l, keys[1].value, "max", &g->terms.ttl_max_ms))
        return;
    if (g->terms.ttl_default_ms < 1) policy_error(l, keys[0].value, "a reservation lives for some time; write 300 s");
    if (g->terms.ttl_max_ms > TTL_MAX_MS) policy_error(l, keys[1].value, "a reservation lives for 7 d at most");
    if (g->terms.ttl_default_ms > g->terms.ttl_max_ms)
        policy_error(l, keys[0].value, "the default is longer than 'max'; exchange them");
}

static void parse_alerts(policy_loader *l, const policy_node *node, policy_guarantee *g) {
    policy_key keys[] = {{.name = "bond_notice_days"}, {.name = "topup_days"}};
    int64_t notice = ALERT_BOND_NOTICE_DAYS, topup = ALERT_TOPUP_DAYS;
    if (!policy_read_keys(l, node, "'alerts'", keys, 2)) return;
    if (keys[0].value) policy_read_number(l, keys[0].value, "bond_notice_days", 0, BOND_NOTICE_DAYS_MAX, &notice);
    if (keys[1].value) policy_read_number(l, keys[1].value, "topup_days", 0, TOPUP_DAYS_MAX, &topup);
    g->terms.bond_notice_days = (uint16_t)notice;
    g->terms.topup_days = (uint8_t)topup;
}

static void parse_parts(policy_loader *l, const policy_key *k, policy *out, policy_guarantee *g) {
    if (k[KEY_PROGRAM].value) parse_program(l, k[KEY_PROGRAM].value, g);
    if (k[KEY_ROLES].value) parse_roles(l, k[KEY_ROLES].value, g);
    if (k[KEY_BASE].value) parse_base(l, k[KEY_BASE].value, g);
    if (k[KEY_EXPOSURE].value)
        parse_price(l, k[KEY_EXPOSURE].value, "exposure_fen_per_mwh", &g->terms.exposure_fen_per_mwh);
    if (k[KEY_FLOOR].value) policy_read_bool(l, k[KEY_FLOOR].value, "floor_at_base", &g->terms.floor_at_base);
    if (k[KEY_SHORT].value) policy_read_bool(l, k[KEY_SHORT].value, "refuse_when_short", &g->terms.refuse_when_short);
    size_t errors = l->file_errors;
    if (k[KEY_FACTOR].value) {
        parse_grades(l, k[KEY_FACTOR].value, "factor_bp", true, POLICY_FACTOR_MAX_BP, g->factor_bp);
        if (l->file_errors == errors) check_monotonic(l, k[KEY_FACTOR].value, "factor_bp", true, g->factor_bp);
    }
    if (k[KEY_UNSECURED].value) {
        parse_grades(l, k[KEY_UNSECURED].value, "unsecured_bp", false, POLICY_UNSECURED_MAX_BP, g->unsecured_bp);
        if (l->file_errors == errors)
            check_monotonic(l, k[KEY_UNSECURED].value, "unsecured_bp", false, g->unsecured_bp);
    }
    parse_unrated(l, k[KEY_UNRATED].value, g);
    if (k[KEY_WARN].value) parse_warnings(l, k[KEY_WARN].value, g);
    if (k[KEY_RESERVATION].value) parse_reservation(l, k[KEY_RESERVATION].value, g);
    if (k[KEY_ALERTS].value) parse_alerts(l, k[KEY_ALERTS].value, g);
    if (k[KEY_TABLES].value) policy_parse_tables(l, k[KEY_TABLES].value, out, true, &g->tables, &g->table_count);
    if (k[KEY_EXAMPLES].value)
        policy_parse_examples(l, k[KEY_EXAMPLES].value, out, true, &g->examples, &g->example_count);
}

void policy_parse_guarantee(policy_loader *l, const policy_node *node, policy *out) {
    policy_key k[KEY_COUNT] = {[KEY_PROGRAM] = {.name = "program", .required = true},
                               [KEY_ROLES] = {.name = "roles", .required = true},
                               [KEY_BASE] = {.name = "base", .required = true},
                               [KEY_EXPOSURE] = {.name = "exposure_fen_per_mwh", .required = true},
                               [KEY_FLOOR] = {.name = "floor_at_base", .required = true},
                               [KEY_SHORT] = {.name = "refuse_when_short", .required = true},
                               [KEY_UNRATED] = {.name = "unrated"},
                               [KEY_FACTOR] = {.name = "factor_bp", .required = true},
                               [KEY_UNSECURED] = {.name = "unsecured_bp"},
                               [KEY_WARN] = {.name = "warn_percent", .required = true},
                               [KEY_RESERVATION] = {.name = "reservation", .required = true},
                               [KEY_ALERTS] = {.name = "alerts"},
                               [KEY_TABLES] = {.name = "tables"},
                               [KEY_EXAMPLES] = {.name = "examples"}};
    policy_guarantee *g = POLICY_ARENA_ARRAY(l->keep, policy_guarantee, 1);
    if (!g) {
        l->no_memory = true;
        return;
    }
    g->name = "";
    g->terms.bond_notice_days = ALERT_BOND_NOTICE_DAYS;
    g->terms.topup_days = ALERT_TOPUP_DAYS;
    g->mark = policy_mark_of(node);
    out->guarantee = g;
    if (policy_read_keys(l, node, "'guarantee'", k, KEY_COUNT)) parse_parts(l, k, out, g);
}
