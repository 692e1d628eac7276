/* What an alert says: first what has happened, with the amounts it was raised with, then what is to be done about it.
 */
#include "client/cli/alert_view.h"

#include "base/clock.h"
#include "client/cli/money.h"
#include "client/cli/programs.h"
#include "client/cli/suggest.h"
#include "engine/alert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "2026-11-24 18:30:05", China time. */
static const char *moment(int64_t ms, char buffer[CLOCK_TIME_TEXT]) {
    clock_format_ms(ms, buffer);
    buffer[10] = ' ';
    buffer[19] = '\0';
    return buffer;
}

/* An end: the day when it is midnight, that is the last day on which it still holds; else the minute. */
static const char *end_text(int64_t ms, char buffer[CLOCK_TIME_TEXT]) {
    int32_t day = clock_day_of_ms(ms - 1);
    if (clock_ms_of_day(day + 1) == ms) return clock_format_day(day, buffer);
    moment(ms, buffer);
    buffer[16] = '\0';
    return buffer;
}

static const char *paint_of(const xinyi_alert *a) {
    switch (a->kind) {
    case ALERT_USAGE: return a->level >= 3 ? "31" : "33";
    case ALERT_EXPIRING:
    case ALERT_TOPUP: return "33";
    case ALERT_TOPPED_UP:
    case ALERT_UNFROZEN: return "32";
    default: return "31";
    }
}

static void say_usage(const xinyi_alert *a, buf *to) {
    char used[MONEY_TEXT], limit[MONEY_TEXT], left[MONEY_TEXT];
    money_format(a->used_fen, used);
    if (a->limit_fen == 0) {
        buf_printf(to, "used %s with no limit at all; no new exposure until guarantee is lodged", used);
        return;
    }
    buf_printf(to, "used %s of %s, ", used, money_format(a->limit_fen, limit));
    if (a->used_fen > a->limit_fen)
        buf_printf(to, "%s over; ", money_format(a->used_fen - a->limit_fen, left));
    else
        buf_printf(to, "%s left; ", money_format(a->limit_fen - a->used_fen, left));
    buf_append_str(to, a->level >= 3 ? "no new exposure until some is settled or more is lodged"
                                     : "settle exposure or lodge more before the limit is reached");
}

static void say_end(const xinyi_alert *a, buf *to) {
    char end[CLOCK_TIME_TEXT], used[MONEY_TEXT], limit[MONEY_TEXT], lodged[MONEY_TEXT], required[MONEY_TEXT];
    const char *kind = instrument_name(a->instrument_kind);
    bool over = a->used_fen > a->limit_fen, expired = a->kind == ALERT_EXPIRED;
    buf_printf(to, "%s %" PRIu64, kind != NULL ? kind : "instrument", a->instrument);
    if (expired)
        buf_printf(to, " has ended (%s); the limit is %s now, used %s", end_text(a->due_ms, end),
                   money_format(a->limit_fen, limit), money_format(a->used_fen, used));
    else
        buf_printf(to, " ends %s; lodged %s, required %s", end_text(a->due_ms, end),
                   money_format(a->lodged_fen, lodged), money_format(a->required_fen, required));
    buf_append_str(to, !expired ? "; renew it or pledge another before that"
                       : over   ? "; no new exposure until another is pledged"
                                : "; pledge another if it is still needed");
}

static void say_lodged(const xinyi_alert *a, buf *to) {
    char end[CLOCK_TIME_TEXT], lodged[MONEY_TEXT], required[MONEY_TEXT], missing[MONEY_TEXT];
    int64_t lacking = a->required_fen - a->lodged_fen;
    if (a->kind != ALERT_TOPPED_UP && lacking > 0) buf_printf(to, "%s short: ", money_format(lacking, missing));
    buf_printf(to, "lodged %s of %s required", money_format(a->lodged_fen, lodged),
               money_format(a->required_fen, required));
    if (a->kind == ALERT_TOPUP) buf_printf(to, "; to be topped up by %s", end_text(a->due_ms, end));
    if (a->kind == ALERT_OVERDUE) buf_printf(to, "; was due by %s: demand it", end_text(a->due_ms, end));
    if (a->kind == ALERT_TOPPED_UP) buf_append_str(to, "; nothing more to do");
}

/* Of kinds that are not known here the amounts only. */
static void say_frozen(const xinyi_alert *a, buf *to) {
    char used[MONEY_TEXT], limit[MONEY_TEXT];
    buf_printf(to, "used %s of %s", money_format(a->used_fen, used), money_format(a->limit_fen, limit));
    if (a->kind == ALERT_FROZEN) buf_append_str(to, "; no new exposure and nothing withdrawn until it is unfrozen");
    if (a->kind == ALERT_UNFROZEN) buf_append_str(to, "; open for new exposure again");
}

/* "usage 82%", "expiring"; of a kind that is not known here its number. */
static void say_kind(const xinyi_alert *a, buf *to) {
    const char *name = alert_kind_name(a->kind), *title = alert_kind_title(a->kind);
    if (name == NULL) {
        buf_printf(to, "kind %u", a->kind);
        return;
    }
    buf_printf(to, "%s", name);
    if (a->kind == ALERT_USAGE && a->usage_percent != UINT32_MAX)
        buf_printf(to, " %" PRIu32 "%%, level %u of 3", a->usage_percent, a->level);
    buf_printf(to, " %s", title);
}

void alert_view_line(const cli *c, const xinyi_alert *a, buf *to) {
    char when[CLOCK_TIME_TEXT], subject[SUBJECT_TEXT];
    buf_printf(to, "%s  #%" PRIu64 "  %s", moment(a->at_ms, when), a->number, cli_paint(c, paint_of(a)));
    say_kind(a, to);
    buf_printf(to, "%s  %s  ", cli_paint(c, "0"), cli_subject_text(&a->subject, subject));
    if (a->program != XINYI_PROGRAM_POWER) buf_printf(to, "%s  ", programs_name(a->program));
    switch (a->kind) {
    case ALERT_USAGE: say_usage(a, to); break;
    case ALERT_EXPIRING:
    case ALERT_EXPIRED: say_end(a, to); break;
    case ALERT_TOPUP:
    case ALERT_OVERDUE:
    case ALERT_TOPPED_UP: say_lodged(a, to); break;
    default: say_frozen(a, to);
    }
}

static void put_moment(jout *j, const char *key, int64_t ms) {
    char text[CLOCK_TIME_TEXT];
    jout_string(j, key, ms == 0 ? NULL : clock_format_ms(ms, text));
}

void alert_view_json(jout *j, const xinyi_alert *a) {
    char subject[SUBJECT_TEXT];
    bool ends = a->kind == ALERT_EXPIRING || a->kind == ALERT_EXPIRED;
    jout_object(j, NULL);
    jout_int(j, "number", (int64_t)a->number);
    put_moment(j, "at", a->at_ms);
    jout_string(j, "subject", cli_subject_text(&a->subject, subject));
    jout_string(j, "program", programs_name(a->program));
    jout_string(j, "kind", alert_kind_name(a->kind));
    jout_string(j, "title", alert_kind_title(a->kind));
    jout_int(j, "level", a->level);
    if (a->usage_percent == UINT32_MAX)
        jout_null(j, "usage_percent");
    else
        jout_int(j, "usage_percent", a->usage_percent);
    jout_int(j, "account_version", a->account_version);
    jout_int(j, "limit_fen", a->limit_fen);
    jout_int(j, "used_fen", a->used_fen);
    jout_int(j, "required_fen", a->required_fen);
    jout_int(j, "lodged_fen", a->lodged_fen);
    put_moment(j, "due", a->due_ms);
    if (ends) jout_int(j, "instrument", (int64_t)a->instrument);
    if (ends) jout_string(j, "instrument_kind", instrument_name(a->instrument_kind));
    jout_end(j);
}

bool alert_view_print(cli *c, const xinyi_alert *a) {
    if (c->json) {
        alert_view_json(&c->out, a);
        jout_line(&c->out);
    } else {
        alert_view_line(c, a, &c->out.out);
        buf_append(&c->out.out, "\n", 1);
    }
    return jout_flush(&c->out);
}

/* ------------------------------------------------------------------ which ones */

static int parse_kind(const cli *c, const char *name, size_t length, uint32_t *kinds) {
    char word[32], near[SUGGEST_TEXT], all[160] = "";
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);
    suggest s = {.word = word};
    for (unsigned kind = 1; kind < ALERT_KIND_END; kind++) {
        const char *known = alert_kind_name(kind);
        if (known == NULL) continue;
        if (strcmp(known, word) == 0) {
            *kinds |= 1u << kind;
            return 0;
        }
        suggest_offer(&s, known);
        snprintf(all + strlen(all), sizeof all - strlen(all), " %s", known);
    }
    return cli_usage(c, "unknown kind of alert '%s'%s%s there are%s", word, suggest_text(&s, near),
                     s.best == NULL ? ";" : "", all);
}

int alert_filter_parse(cli *c, const char *kinds, const char *program, alert_filter *out) {
    *out = (alert_filter){0};
    int code = program != NULL ? programs_find(c, program, &out->program) : 0;
    while (code == 0 && kinds != NULL && *kinds != '\0') {
        size_t length = strcspn(kinds, ",");
        code = parse_kind(c, kinds, length, &out->kinds);
        kinds += length + (kinds[length] == ',');
    }
    return code;
}

bool alert_filter_passes(const alert_filter *f, const xinyi_alert *a) {
    if (f->program != 0 && f->program != a->program) return false;
    return f->kinds == 0 || (a->kind < 32 && (f->kinds >> a->kind & 1) != 0);
}
