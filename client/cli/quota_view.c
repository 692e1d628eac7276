/* Everything about an account is shown from one answer of the server, so the numbers of a card belong together. */
#include "client/cli/quota_view.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/status.h"
#include "client/cli/columns.h"
#include "client/cli/money.h"
#include "client/cli/programs.h"
#include "client/cli/quota_refusal.h"
#include "client/cli/sheet.h"
#include "client/cli/view.h"
#include "client/cli/when.h"
#include "engine/alert.h"

#include <stdio.h>
#include <string.h>

const char *quota_view_kind(unsigned kind) {
    static const char *const names[] = {NULL,       "reserve", "commit", "release", "settle",  "pledge",
                                        "withdraw", "energy",  "amend",  "freeze",  "unfreeze"};
    return kind < sizeof names / sizeof names[0] && names[kind] != NULL ? names[kind] : "operation";
}

const char *quota_view_state(unsigned state) {
    static const char *const names[] = {"final", "open", "committed", "released", "expired"};
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

const char *quota_view_time(int64_t ms, char buffer[QUOTA_VIEW_TIME]) {
    char text[CLOCK_TIME_TEXT];
    buffer[0] = '\0';
    if (ms <= 0) return buffer;
    clock_format_ms(ms, text); /* 2026-11-24T19:05:03.120+08:00 → 2026-11-24 19:05:03 */
    snprintf(buffer, QUOTA_VIEW_TIME, "%.10s %.8s", text, text + 11);
    return buffer;
}

/* ------------------------------------------------------------------ show */

static void flags_json(jout *j, unsigned warning, unsigned flags) {
    jout_int(j, "warning", warning);
    jout_bool(j, "covered", (flags & XINYI_QUOTA_COVERED) != 0);
    jout_bool(j, "exempt", (flags & XINYI_QUOTA_EXEMPT) != 0);
    jout_bool(j, "suspended", (flags & XINYI_QUOTA_SUSPENDED) != 0);
    jout_bool(j, "rated", (flags & XINYI_QUOTA_RATED) != 0);
    jout_bool(j, "short", (flags & XINYI_QUOTA_SHORT) != 0);
    jout_bool(j, "frozen", (flags & XINYI_QUOTA_FROZEN) != 0);
}

static void usage_json(jout *j, uint32_t percent) {
    if (percent == UINT32_MAX)
        jout_null(j, "usage_percent"); /* exposure without any limit */
    else
        jout_int(j, "usage_percent", percent);
}

static void time_json(jout *j, const char *key, int64_t ms) {
    if (ms == 0)
        jout_null(j, key);
    else
        jout_int(j, key, ms);
}

static const char *instrument_state(const xinyi_instrument *i, uint32_t now_hour) {
    return i->to_hour != WHEN_NO_END && i->to_hour <= now_hour ? "ended"
           : i->from_hour > now_hour                           ? "not_yet"
                                                               : "valid";
}

static size_t instruments_of(const xinyi_account *a) {
    return a->instrument_count < LIMIT_INSTRUMENTS ? a->instrument_count : LIMIT_INSTRUMENTS;
}

static void instruments_json(jout *j, const xinyi_account *a, uint32_t now_hour) {
    jout_array(j, "instruments");
    for (size_t k = 0; k < instruments_of(a); k++) {
        const xinyi_instrument *i = &a->instruments[k];
        char number[24];
        jout_object(j, NULL);
        snprintf(number, sizeof number, "%llu", (unsigned long long)i->id);
        jout_raw(j, "id", number);
        jout_string(j, "kind", columns_instrument_name(i->kind));
        jout_int(j, "amount_fen", i->amount_fen);
        jout_int(j, "from_ms", (int64_t)i->from_hour * CLOCK_MS_PER_HOUR);
        time_json(j, "to_ms", i->to_hour == WHEN_NO_END ? 0 : (int64_t)i->to_hour * CLOCK_MS_PER_HOUR);
        jout_string(j, "state", instrument_state(i, now_hour));
        jout_end(j);
    }
    jout_end(j);
}

static void account_json(jout *j, const quota_view_shown *s) {
    char day[CLOCK_DATE_TEXT];
    jout_string(j, "freeze_reference", s->a->freeze_reference[0] != '\0' ? s->a->freeze_reference : NULL);
    time_json(j, "frozen_since_ms", s->frozen_since_ms);
    jout_string(j, "topup_day", s->a->topup_day != 0 ? clock_format_day(s->a->topup_day, day) : NULL);
    jout_bool(j, "topup_overdue", (s->a->flags & XINYI_ACCOUNT_TOPUP_OVERDUE) != 0);
    instruments_json(j, s->a, s->now_hour);
}

void quota_view_show_json(jout *j, const quota_view_shown *s) {
    const xinyi_quota *q = s->q;
    jout_string(j, "subject", s->subject);
    jout_string(j, "program", programs_name(s->program));
    jout_string(j, "status", xinyi_status_name(q->status));
    flags_json(j, q->warning, q->flags);
    usage_json(j, q->usage_percent);
#define MEMBER(name) jout_int(j, #name, q->name)
    MEMBER(base_fen);
    MEMBER(required_fen);
    MEMBER(lodged_fen);
    MEMBER(limit_fen);
    MEMBER(reserved_fen);
    MEMBER(committed_fen);
    MEMBER(used_fen);
    MEMBER(available_fen);
    MEMBER(shortfall_fen);
    time_json(j, "next_expiry_ms", q->next_expiry_ms);
    MEMBER(factor_bp);
    MEMBER(unsecured_bp);
    MEMBER(energy_12m_mwh);
    MEMBER(wholesale_2m_mwh);
    MEMBER(retail_2m_mwh);
    MEMBER(forecast_12m_mwh);
    MEMBER(open_reservations);
    MEMBER(instrument_count);
    if (s->a != NULL) account_json(j, s);
    MEMBER(policy_version);
    MEMBER(account_version);
#undef MEMBER
}

static void money_line(sheet *card, const char *name, int64_t fen, const char *paint, const char *remark) {
    char text[MONEY_TEXT];
    sheet_row(card);
    sheet_cell(card, name);
    sheet_cell_painted(card, money_format(fen, text), paint);
    sheet_cell(card, remark);
}

static void text_line(sheet *card, const char *name, const char *value, const char *paint, const char *remark) {
    sheet_row(card);
    sheet_cell(card, name);
    sheet_cell_painted(card, value, paint);
    sheet_cell(card, remark);
}

static void standing(sheet *card, const xinyi_quota *q) {
    if (q->status != 0)
        text_line(card, "standing", xinyi_status_text(q->status), "red", "");
    else if ((q->flags & XINYI_QUOTA_SUSPENDED) != 0)
        text_line(card, "standing", "suspended", "red", "no new exposure; reducing is allowed");
    else if ((q->flags & XINYI_QUOTA_COVERED) == 0)
        text_line(card, "standing", "not covered", "yellow", "the program does not cover this market role");
    else if ((q->flags & XINYI_QUOTA_EXEMPT) != 0)
        text_line(card, "standing", "exempt", "green", "no guarantee is needed, the limit is not checked");
    else if ((q->flags & XINYI_QUOTA_RATED) == 0)
        text_line(card, "standing", "unrated", "yellow", "no market grade: no new exposure");
    else
        text_line(card, "standing", "covered", NULL, "");
}

static void usage_line(sheet *card, const xinyi_quota *q) {
    char text[32];
    static const char *const remarks[] = {"", "warning level 1", "warning level 2",
                                          "warning level 3: new exposure is refused"};
    static const char *const paints[] = {NULL, "yellow", "yellow", "red"};
    unsigned level = q->warning < 4 ? q->warning : 3;
    if (q->usage_percent == UINT32_MAX)
        snprintf(text, sizeof text, "exposure, but no limit");
    else
        snprintf(text, sizeof text, "%u%% of the limit", q->usage_percent);
    text_line(card, "usage", text, paints[level], remarks[level]);
}

static void count_line(sheet *card, const char *name, int64_t value, const char *unit) {
    char count[MONEY_TEXT], text[MONEY_TEXT + 8];
    snprintf(text, sizeof text, "%s%s", money_format_count(value, count), unit);
    text_line(card, name, text, NULL, "");
}

static void required_lines(sheet *card, const xinyi_quota *q) {
    char remark[96], percent[VIEW_TEXT], money[MONEY_TEXT];
    remark[0] = '\0';
    if (q->factor_bp != 0)
        snprintf(remark, sizeof remark, "base %s × %s", money_format(q->base_fen, money),
                 view_percent(q->factor_bp, percent));
    money_line(card, "required", q->required_fen, NULL, remark);
    remark[0] = '\0';
    if (q->shortfall_fen > 0) snprintf(remark, sizeof remark, "short by %s", money_format(q->shortfall_fen, money));
    money_line(card, "lodged", q->lodged_fen, q->shortfall_fen > 0 ? "yellow" : NULL, remark);
    remark[0] = '\0';
    if (q->unsecured_bp != 0) snprintf(remark, sizeof remark, "lodged + %s", view_percent(q->unsecured_bp, percent));
    money_line(card, "limit", q->limit_fen, NULL, remark);
}

/* "from 2026-01-01 through 2026-12-31", "from 2026-01-01T09 until 2026-12-31T18", "from now, no end" */
static void validity(uint32_t from_hour, uint32_t to_hour, char *text, size_t room) {
    char from[WHEN_TEXT] = "now", to[WHEN_TEXT];
    if (from_hour != 0) when_format_hour(from_hour, false, from);
    when_format_hour(to_hour, true, to);
    if (to[0] == '\0')
        snprintf(text, room, "from %s, no end", from);
    else
        snprintf(text, room, "from %s %s %s", from, strchr(to, 'T') != NULL ? "until" : "through", to);
}

/* "valid", "ended", "not yet", "ends in 12 days" of one that has to be renewed soon. */
static void instrument_now(const xinyi_instrument *i, uint32_t now_hour, char *text, size_t room) {
    const char *state = instrument_state(i, now_hour);
    bool valid = strcmp(state, "valid") == 0, ends = i->to_hour != WHEN_NO_END;
    uint32_t hours = i->to_hour - now_hour;
    if (!valid || !ends || hours > ALERT_BOND_NOTICE_DAYS * 24u)
        snprintf(text, room, "%s", strcmp(state, "not_yet") == 0 ? "not yet" : state);
    else if (hours < 48)
        snprintf(text, room, "ends in %u hour%s", hours, hours == 1 ? "" : "s");
    else
        snprintf(text, room, "ends in %u days", hours / 24);
}

static bool print_instruments(const cli *c, const xinyi_account *a, uint32_t now_hour) {
    static const sheet_column headings[] = {{.name = "instrument", .right = true},
                                            {.name = "kind"},
                                            {.name = "amount", .right = true},
                                            {.name = "validity"},
                                            {.name = "now"}};
    if (instruments_of(a) == 0) return true;
    sheet *t = sheet_create(headings, sizeof headings / sizeof headings[0], c->color);
    for (size_t k = 0; k < instruments_of(a); k++) {
        const xinyi_instrument *i = &a->instruments[k];
        char text[64], money[MONEY_TEXT];
        const char *kind = columns_instrument_name(i->kind);
        sheet_row(t);
        snprintf(text, sizeof text, "%llu", (unsigned long long)i->id);
        sheet_cell(t, text);
        sheet_cell(t, kind != NULL ? kind : "unknown");
        sheet_cell(t, money_format(i->amount_fen, money));
        validity(i->from_hour, i->to_hour, text, sizeof text);
        sheet_cell(t, text);
        instrument_now(i, now_hour, text, sizeof text);
        sheet_cell_painted(t, text, strcmp(text, "valid") == 0 ? "green" : "yellow");
    }
    putchar('\n');
    bool ok = sheet_print(t);
    sheet_destroy(&t);
    return ok;
}

/* What an order or the clock asks of the account. */
static void account_lines(sheet *card, const quota_view_shown *s) {
    char text[QUOTA_VIEW_TIME + 16], remark[96], day[CLOCK_DATE_TEXT], moment[QUOTA_VIEW_TIME], money[MONEY_TEXT];
    if (s->a == NULL) return;
    if ((s->a->flags & XINYI_ACCOUNT_FROZEN) != 0) {
        snprintf(text, sizeof text, "frozen%s%s", s->frozen_since_ms != 0 ? " since " : "",
                 quota_view_time(s->frozen_since_ms, moment));
        bool told = s->a->freeze_reference[0] != '\0';
        snprintf(remark, sizeof remark, "%s%s%sno new exposure, nothing is given back", told ? "reference " : "",
                 s->a->freeze_reference, told ? "; " : "");
        text_line(card, "account", text, "red", remark);
    }
    if (s->a->topup_day != 0) {
        bool overdue = (s->a->flags & XINYI_ACCOUNT_TOPUP_OVERDUE) != 0;
        snprintf(remark, sizeof remark, "%s%s to be lodged", overdue ? "overdue: " : "",
                 money_format(s->q->shortfall_fen, money));
        text_line(card, "top up by", clock_format_day(s->a->topup_day, day), overdue ? "red" : "yellow",
                  s->q->shortfall_fen > 0 ? remark : "");
    }
}

bool quota_view_show_card(const cli *c, const quota_view_shown *s) {
    char text[128], reserved[MONEY_TEXT], committed[MONEY_TEXT], moment[QUOTA_VIEW_TIME];
    const xinyi_quota *q = s->q;
    sheet *card = sheet_card(3, c->color);
    text_line(card, "subject", s->subject, NULL, "");
    if (s->program != XINYI_PROGRAM_POWER) text_line(card, "program", programs_name(s->program), NULL, "");
    standing(card, q);
    account_lines(card, s);
    /* of a subject that needs no guarantee, what would be required and what is left say nothing */
    bool asked = (q->flags & XINYI_QUOTA_COVERED) != 0 && (q->flags & XINYI_QUOTA_EXEMPT) == 0;
    if (q->status == 0) {
        if (asked)
            required_lines(card, q);
        else if (q->lodged_fen > 0)
            money_line(card, "lodged", q->lodged_fen, NULL, "");
        snprintf(text, sizeof text, "reserved %s + committed %s", money_format(q->reserved_fen, reserved),
                 money_format(q->committed_fen, committed));
        money_line(card, "used", q->used_fen, NULL, text);
        if (asked) {
            money_line(card, "available", q->available_fen, q->available_fen > 0 ? "green" : "red", "");
            usage_line(card, q);
        }
        count_line(card, "energy, 12 months", q->energy_12m_mwh, " MWh");
        count_line(card, "wholesale, 2 months", q->wholesale_2m_mwh, " MWh");
        count_line(card, "retail, 2 months", q->retail_2m_mwh, " MWh");
        if (q->energy_12m_mwh == 0 && q->wholesale_2m_mwh == 0 && q->retail_2m_mwh == 0)
            count_line(card, "forecast, 12 months", q->forecast_12m_mwh, " MWh");
        count_line(card, "open reservations", q->open_reservations, "");
        text[0] = '\0';
        if (q->next_expiry_ms != 0)
            snprintf(text, sizeof text, "the next one ends %s", quota_view_time(q->next_expiry_ms, moment));
        count_line(card, "instruments", q->instrument_count, "");
        if (text[0] != '\0') text_line(card, "", "", NULL, text);
        snprintf(text, sizeof text, "policy version %u, account version %u", q->policy_version, q->account_version);
        text_line(card, "as of", text, NULL, "");
    }
    bool ok = sheet_print(card);
    sheet_destroy(&card);
    return ok && (s->a == NULL || print_instruments(c, s->a, s->now_hour));
}

/* ------------------------------------------------------------------ check */

void quota_view_check_json(jout *j, const char *subject, unsigned program, int64_t amount_fen,
                           const xinyi_quota_answer *a) {
    jout_string(j, "subject", subject);
    jout_string(j, "program", programs_name(program));
    jout_bool(j, "fits", a->status == 0);
    jout_string(j, "status", xinyi_status_name(a->status));
    quota_refusal_json(j, a->violations);
    jout_int(j, "amount_fen", amount_fen);
    flags_json(j, a->warning, a->flags);
    usage_json(j, a->usage_percent);
    jout_int(j, "required_fen", a->required_fen);
    jout_int(j, "limit_fen", a->limit_fen);
    jout_int(j, "used_fen", a->used_fen);
    jout_int(j, "available_fen", a->available_fen);
    jout_int(j, "policy_version", a->policy_version);
    jout_int(j, "account_version", a->account_version);
}

void quota_view_check_sentence(cli *c, const xinyi_subject *subject, unsigned program, int64_t amount_fen,
                               const xinyi_quota_answer *a) {
    char asked[MONEY_TEXT], available[MONEY_TEXT];
    buf why = {0};
    money_format(amount_fen, asked);
    money_format(a->available_fen, available);
    if (a->status != 0) {
        quota_refusal r = quota_refusal_of_check(subject, program, amount_fen, a);
        quota_refusal_write(c, &r, &why);
        bool many = __builtin_popcount(quota_refusal_bits(&r)) > 1; /* "does not fit, for 2 reasons:" */
        printf("%sdoes not fit%s%s %s\n", cli_paint(c, "31"), cli_paint(c, "0"), many ? "," : ":", buf_cstr(&why));
        buf_deinit(&why);
    } else if ((a->flags & XINYI_QUOTA_EXEMPT) != 0)
        printf("%sfits%s: %s; exempt: no guarantee is needed\n", cli_paint(c, "32"), cli_paint(c, "0"), asked);
    else
        printf("%sfits%s: %s of %s available\n", cli_paint(c, "32"), cli_paint(c, "0"), asked, available);
    if (a->warning > 0 && a->status == 0) printf("warning level %u: usage is %u%%\n", a->warning, a->usage_percent);
}

/* ------------------------------------------------------------------ operations */

static const char *subject_text(const xinyi_subject *s, char buffer[SUBJECT_TEXT]) {
    return cli_subject_text(s, buffer);
}

static bool has_target(unsigned kind) { return kind == XINYI_COMMIT || kind == XINYI_RELEASE; }
static bool has_amount(unsigned kind) {
    return kind == XINYI_RESERVE || kind == XINYI_COMMIT || kind == XINYI_SETTLE || kind == XINYI_PLEDGE ||
           kind == XINYI_AMEND;
}
static bool has_instrument(unsigned kind) {
    return kind == XINYI_PLEDGE || kind == XINYI_WITHDRAW || kind == XINYI_AMEND;
}

static void request_json(jout *j, const xinyi_operation *op) {
    char text[SUBJECT_TEXT], hex[XINYI_OPERATION_TEXT];
    jout_string(j, "operation", xinyi_operation_format(&op->id, hex));
    jout_string(j, "kind", quota_view_kind(op->kind));
    jout_string(j, "subject", subject_text(&op->subject, text));
    jout_string(j, "program", programs_name(op->program));
    if (op->linked) jout_bool(j, "linked", true);
    if (has_target(op->kind)) jout_string(j, "reservation", xinyi_operation_format(&op->target, hex));
    if (has_amount(op->kind)) jout_int(j, "asked_fen", op->amount_fen);
    if (op->kind == XINYI_FREEZE) jout_string(j, "reference", op->reference[0] != '\0' ? op->reference : NULL);
    if (has_instrument(op->kind)) {
        char number[24];
        snprintf(number, sizeof number, "%llu", (unsigned long long)op->instrument);
        jout_raw(j, "instrument", number);
    }
    if (op->kind == XINYI_PLEDGE) jout_string(j, "instrument_kind", columns_instrument_name(op->instrument_kind));
    if (op->kind == XINYI_AMEND) {
        time_json(j, "from_ms", (int64_t)op->from_hour * CLOCK_MS_PER_HOUR);
        if (op->to_hour != WHEN_NO_END) time_json(j, "to_ms", (int64_t)op->to_hour * CLOCK_MS_PER_HOUR);
        jout_bool(j, "no_end", op->to_hour == WHEN_NO_END);
    }
    if (op->kind == XINYI_ENERGY) {
        jout_int(j, "energy_12m_mwh", op->amount_fen);
        jout_int(j, "wholesale_2m_mwh", op->wholesale_2m_mwh);
        jout_int(j, "retail_2m_mwh", op->retail_2m_mwh);
        jout_int(j, "forecast_12m_gwh", op->forecast_12m_gwh);
    }
}

static void reply_json(jout *j, const xinyi_operation_reply *r) {
    jout_string(j, "status", xinyi_status_name(r->status));
    quota_refusal_json(j, r->violations);
    jout_int(j, "amount_fen", r->amount_fen);
    flags_json(j, r->warning, r->flags);
    jout_int(j, "limit_fen", r->limit_fen);
    jout_int(j, "used_fen", r->used_fen);
    jout_int(j, "committed_fen", r->committed_fen);
    jout_int(j, "available_fen", r->available_fen);
    time_json(j, "expires_ms", r->expires_ms);
    jout_int(j, "account_version", r->account_version);
}

void quota_view_operation_json(jout *j, const xinyi_operation *op, const xinyi_operation_reply *r,
                               const quota_view_more *more) {
    char moment[QUOTA_VIEW_TIME];
    request_json(j, op);
    reply_json(j, r);
    if (more == NULL) return;
    if (more->released_fen >= 0) jout_int(j, "released_fen", more->released_fen);
    jout_bool(j, "repeated", more->earlier != NULL);
    if (more->earlier == NULL) return;
    jout_string(j, "state", quota_view_state(more->earlier->state));
    jout_int(j, "at_ms", more->earlier->at_ms);
    jout_string(j, "at", quota_view_time(more->earlier->at_ms, moment));
}

static void request_lines(sheet *card, const xinyi_operation *op) {
    char text[96], subject[SUBJECT_TEXT], hex[XINYI_OPERATION_TEXT], a[WHEN_TEXT], b[WHEN_TEXT];
    sheet_pair(card, "operation", xinyi_operation_format(&op->id, hex));
    sheet_pair(card, "subject", subject_text(&op->subject, subject));
    if (has_target(op->kind)) sheet_pair(card, "reservation", xinyi_operation_format(&op->target, hex));
    if (op->program != XINYI_PROGRAM_POWER) sheet_pair(card, "program", programs_name(op->program));
    if (op->kind == XINYI_FREEZE && op->reference[0] != '\0') sheet_pair(card, "reference", op->reference);
    if (!has_instrument(op->kind)) return;
    const char *kind = columns_instrument_name(op->instrument_kind);
    snprintf(text, sizeof text, "%llu%s%s", (unsigned long long)op->instrument, kind != NULL ? ", " : "",
             kind != NULL ? kind : "");
    sheet_pair(card, "instrument", text);
    if (op->kind == XINYI_PLEDGE && (op->from_hour != 0 || op->to_hour != WHEN_NO_END)) {
        validity(op->from_hour, op->to_hour, text, sizeof text);
        sheet_pair(card, "valid", text);
    }
    if (op->kind != XINYI_AMEND) return;
    if (op->from_hour != 0) sheet_pair(card, "valid from", when_format_hour(op->from_hour, false, a));
    if (op->to_hour == WHEN_NO_END)
        sheet_pair(card, "valid", "without end");
    else if (op->to_hour != 0) {
        when_format_hour(op->to_hour, true, b);
        sheet_pair(card, strchr(b, 'T') != NULL ? "valid until" : "valid through", b);
    }
}

static void amount_lines(sheet *card, const xinyi_operation *op, const xinyi_operation_reply *r, int64_t released_fen) {
    char text[128], money[MONEY_TEXT], rest[MONEY_TEXT];
    if (r->status != 0) { /* nothing took effect: what was asked */
        if (has_amount(op->kind) && (op->kind != XINYI_AMEND || op->amount_fen > 0))
            sheet_pair(card, "asked", op->amount_fen > 0 ? money_format(op->amount_fen, money) : "all of it");
        return;
    }
    if (op->kind == XINYI_COMMIT && released_fen > 0) {
        snprintf(text, sizeof text, "committed %s; the other %s of the reservation is released",
                 money_format(r->amount_fen, money), money_format(released_fen, rest));
        sheet_pair(card, "amount", text);
    } else if (has_amount(op->kind) || r->amount_fen > 0) {
        if (op->kind != XINYI_ENERGY) sheet_pair(card, "amount", money_format(r->amount_fen, money));
    }
}

/* then: the answer is an earlier one, so its amounts are what they were. */
static void reply_lines(sheet *card, const xinyi_operation *op, const xinyi_operation_reply *r, int64_t released_fen,
                        bool then) {
    char text[96], money[MONEY_TEXT], moment[QUOTA_VIEW_TIME];
    amount_lines(card, op, r, released_fen);
    if (r->status == 0 && op->kind == XINYI_RESERVE && (r->flags & XINYI_QUOTA_EXEMPT) != 0)
        sheet_pair(card, "standing", "exempt: no guarantee is needed");
    if (r->expires_ms != 0) {
        snprintf(text, sizeof text, "%s (China time)", quota_view_time(r->expires_ms, moment));
        sheet_pair(card, "expires", text);
    }
    bool nothing = r->status != 0 && r->limit_fen == 0 && r->used_fen == 0; /* no account was looked at */
    if (!nothing && (r->flags & XINYI_QUOTA_EXEMPT) == 0)
        sheet_pair(card, then ? "limit then" : "limit", money_format(r->limit_fen, money));
    if (!nothing) sheet_pair(card, then ? "used then" : "used", money_format(r->used_fen, money));
    if (!nothing && (r->flags & XINYI_QUOTA_EXEMPT) == 0)
        sheet_pair(card, then ? "available then" : "available", money_format(r->available_fen, money));
    if (r->warning > 0) {
        snprintf(text, sizeof text, "level %u", r->warning);
        sheet_pair_painted(card, "warning", text, r->warning >= 3 ? "red" : "yellow");
    }
}

bool quota_view_operation_card(const cli *c, const xinyi_operation *op, const xinyi_operation_reply *r,
                               const quota_view_more *more) {
    char text[160], moment[QUOTA_VIEW_TIME];
    sheet *card = sheet_card(2, c->color);
    if (more->earlier != NULL) {
        bool reservation = op->kind == XINYI_RESERVE && r->status == 0;
        snprintf(text, sizeof text, "first answer repeated; executed %s%s%s%s",
                 quota_view_time(more->earlier->at_ms, moment), reservation ? "; the reservation is " : "",
                 reservation ? quota_view_state(more->earlier->state) : "",
                 reservation && more->earlier->state != QUOTA_OPEN ? " by now" : "");
        sheet_pair_painted(card, quota_view_kind(op->kind), text, "yellow");
    } else {
        snprintf(text, sizeof text, "%s", r->status == 0 ? "done" : xinyi_status_text(r->status));
        sheet_pair_painted(card, quota_view_kind(op->kind), text, r->status == 0 ? "green" : "red");
    }
    request_lines(card, op);
    reply_lines(card, op, r, more->released_fen, more->earlier != NULL);
    bool ok = sheet_print(card);
    sheet_destroy(&card);
    return ok;
}

/* ------------------------------------------------------------------ outcome */

void quota_view_outcome_json(jout *j, const xinyi_operation_id *id, const xinyi_outcome_reply *r) {
    char hex[XINYI_OPERATION_TEXT];
    if (r->status != 0) {
        jout_string(j, "operation", xinyi_operation_format(id, hex));
        jout_bool(j, "known", false);
        jout_string(j, "status", xinyi_status_name(r->status));
        return;
    }
    request_json(j, &r->request);
    jout_bool(j, "known", true);
    jout_string(j, "state", quota_view_state(r->state));
    jout_int(j, "at_ms", r->at_ms);
    reply_json(j, &r->reply);
}

bool quota_view_outcome_card(const cli *c, const xinyi_operation_id *id, const xinyi_outcome_reply *r) {
    char hex[XINYI_OPERATION_TEXT], moment[QUOTA_VIEW_TIME];
    if (r->status != 0) {
        printf("%s  %s: it was not executed, or is forgotten by now\n", xinyi_operation_format(id, hex),
               xinyi_status_text(r->status));
        return true;
    }
    bool done = r->reply.status == 0;
    char answer[160] = "done";
    sheet *card = sheet_card(2, c->color);
    if (!done) snprintf(answer, sizeof answer, "refused: %s", xinyi_status_text(r->reply.status));
    sheet_pair_painted(card, quota_view_kind(r->request.kind), answer, done ? "green" : "red");
    if (r->request.kind == XINYI_RESERVE && r->reply.status == 0) sheet_pair(card, "state", quota_view_state(r->state));
    sheet_pair(card, done ? "executed" : "answered", quota_view_time(r->at_ms, moment));
    request_lines(card, &r->request);
    reply_lines(card, &r->request, &r->reply, -1, true);
    bool ok = sheet_print(card);
    sheet_destroy(&card);
    return ok;
}
