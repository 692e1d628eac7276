/* A statement as banks write it: an opening line, a line an event with what it did to reserved and committed exposure,
 * the balance of both behind each, and a closing line that is the sum. What is printed is checked first: a client that
 * only repeated the server's word could not say "adds up". */
#include "client/cli/quota_ledger.h"

#include "client/cli/ask.h"
#include "client/cli/money.h"
#include "client/cli/programs.h"
#include "client/cli/quota_view.h"
#include "client/cli/sheet.h"
#include "client/cli/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct balance {
    int64_t reserved, committed;
} balance;

static balance balance_of(const json_t *object) {
    return (balance){ask_number(object, "reserved_fen"), ask_number(object, "committed_fen")};
}

static balance before_of(const json_t *event) {
    return (balance){ask_number(event, "reserved_before_fen"), ask_number(event, "committed_before_fen")};
}

static bool same(balance a, balance b) { return a.reserved == b.reserved && a.committed == b.committed; }

bool quota_ledger_join(json_t **whole, json_t *page) {
    if (*whole == NULL) {
        *whole = page;
        return page != NULL;
    }
    json_t *events = json_object_get(page, "events");
    bool ok = json_array_extend(events, json_object_get(*whole, "events")) == 0 &&
              json_object_set(*whole, "events", events) == 0 &&
              json_object_set(*whole, "opening", json_object_get(page, "opening")) == 0 &&
              json_object_set(*whole, "more", json_object_get(page, "more")) == 0;
    json_decref(page);
    return ok;
}

/* What each kind may do to the two balances with its amount. */
static bool plausible(const json_t *event) {
    const char *kind = ask_text(event, "kind");
    balance was = before_of(event), is = balance_of(event);
    int64_t amount = ask_number(event, "amount_fen");
    int64_t reserved = is.reserved - was.reserved, committed = is.committed - was.committed;
    if (is.reserved < 0 || is.committed < 0) return false;
    if (strcmp(kind, "reserve") == 0) return reserved == amount && committed == 0;
    if (strcmp(kind, "commit") == 0) return committed == amount && reserved <= -amount;
    if (strcmp(kind, "release") == 0 || strcmp(kind, "expiry") == 0) return reserved == -amount && committed == 0;
    if (strcmp(kind, "settle") == 0) return committed == -amount && reserved == 0;
    return reserved == 0 && committed == 0;
}

const char *quota_ledger_check(const json_t *whole, char *why, size_t room) {
    const json_t *events = json_object_get(whole, "events"), *opening = json_object_get(whole, "opening"), *event;
    size_t i;
    balance left = balance_of(opening);
    int64_t version = ask_number(opening, "version");
    json_array_foreach(events, i, event) {
        int64_t next = ask_number(event, "version");
        const char *problem = !same(before_of(event), left)      ? "does not begin with the balances before it"
                              : next != version + 1 && next != 1 ? "does not follow the line before it"
                              : !plausible(event) ? "changes the balances by something else than its amount"
                                                  : NULL;
        if (problem != NULL) {
            snprintf(why, room, "line %" PRId64 " (%s) %s", next, ask_text(event, "kind"), problem);
            return why;
        }
        left = balance_of(event);
        version = next;
    }
    const json_t *account = json_object_get(whole, "account");
    if (version != ask_number(account, "version") || same(left, balance_of(account))) return NULL;
    snprintf(why, room, "the last line leaves other balances than the account has");
    return why;
}

/* ------------------------------------------------------------------ for people */

static void signed_cell(sheet *t, int64_t fen) {
    char text[MONEY_TEXT + 1] = "+";
    if (fen == 0) {
        sheet_cell(t, "");
        return;
    }
    money_format(fen, text + (fen > 0));
    sheet_cell(t, text);
}

static void money_cell(sheet *t, int64_t fen) {
    char text[MONEY_TEXT];
    sheet_cell(t, money_format(fen, text));
}

static void edge_line(sheet *t, int64_t version, const char *what, balance b) {
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, version);
    sheet_row(t);
    sheet_cell(t, number);
    sheet_cell(t, "");
    sheet_cell(t, what);
    sheet_cell(t, "");
    money_cell(t, b.reserved);
    money_cell(t, b.committed);
    money_cell(t, b.reserved + b.committed);
}

#define HOUR_MS INT64_C(3600000)

/* ", from 2027-01-01 through 2027-12-31": what a pledge or an amendment says that is not said by its time. */
static void describe_validity(const json_t *event, char *text, size_t room) {
    const json_t *from = json_object_get(event, "from_ms"), *to = json_object_get(event, "to_ms");
    bool amend = strcmp(ask_text(event, "kind"), "amend") == 0;
    char hour[WHEN_TEXT];
    size_t n = 0;
    text[0] = '\0';
    if (from != NULL && (amend || json_integer_value(from) > ask_number(event, "at_ms")))
        n += (size_t)snprintf(text, room, ", from %s",
                              when_format_hour((uint32_t)(json_integer_value(from) / HOUR_MS), false, hour));
    if (json_is_integer(to)) {
        when_format_hour((uint32_t)(json_integer_value(to) / HOUR_MS), true, hour);
        n += (size_t)snprintf(text + n, room - n, "%s %s %s", n == 0 ? "," : "",
                              strchr(hour, 'T') != NULL ? "until" : "through", hour);
    } else if (to != NULL && amend) {
        n += (size_t)snprintf(text + n, room - n, ", no end");
    }
}

static void describe_energy(const json_t *event, char *text, size_t room) {
    char year[MONEY_TEXT], wholesale[MONEY_TEXT], retail[MONEY_TEXT];
    int64_t forecast = ask_number(event, "forecast_12m_gwh");
    money_format_count(ask_number(event, "energy_12m_mwh"), year);
    money_format_count(ask_number(event, "wholesale_2m_mwh"), wholesale);
    money_format_count(ask_number(event, "retail_2m_mwh"), retail);
    int n = snprintf(text, room, "energy %s / %s / %s MWh", year, wholesale, retail);
    if (forecast != 0) snprintf(text + n, room - (size_t)n, ", forecast %" PRId64 " GWh", forecast);
}

/* "commit of …a4c39e77": the end of an id tells reservations apart, their beginning is the time. */
static void describe(const json_t *event, char *text, size_t room) {
    const char *kind = ask_text(event, "kind"), *reservation = ask_text(event, "reservation"),
               *operation = ask_text(event, "operation"), *reference = ask_text(event, "reference"),
               *instrument_kind = ask_text(event, "instrument_kind");
    const json_t *instrument = json_object_get(event, "instrument");
    size_t n = strlen(reservation), m = strlen(operation);
    char validity[64];
    describe_validity(event, validity, sizeof validity);
    if (n >= 8)
        snprintf(text, room, "%s of …%s", kind, reservation + n - 8);
    else if (strcmp(kind, "reserve") == 0 && m >= 8)
        snprintf(text, room, "%s …%s", kind, operation + m - 8);
    else if (json_is_string(instrument))
        snprintf(text, room, "%s %s%s%s%s", kind, instrument_kind, instrument_kind[0] != '\0' ? " " : "",
                 json_string_value(instrument), validity);
    else if (instrument != NULL)
        snprintf(text, room, "%s %s%s%lld%s", kind, instrument_kind, instrument_kind[0] != '\0' ? " " : "",
                 (long long)json_integer_value(instrument), validity);
    else if (json_object_get(event, "energy_12m_mwh") != NULL)
        describe_energy(event, text, room);
    else
        snprintf(text, room, "%s%s%s", kind, reference[0] != '\0' ? ", " : "", reference);
}

static void event_line(sheet *t, const json_t *event) {
    char number[24], moment[QUOTA_VIEW_TIME], what[160];
    balance was = before_of(event), is = balance_of(event);
    snprintf(number, sizeof number, "%" PRId64, ask_number(event, "version"));
    describe(event, what, sizeof what);
    sheet_row(t);
    sheet_cell(t, number);
    sheet_cell(t, quota_view_time(ask_number(event, "at_ms"), moment));
    sheet_cell(t, what);
    int64_t amount = strcmp(ask_text(event, "kind"), "energy") == 0 ? 0 : ask_number(event, "amount_fen");
    if (amount != 0)
        money_cell(t, amount);
    else
        sheet_cell(t, "");
    signed_cell(t, is.reserved - was.reserved);
    signed_cell(t, is.committed - was.committed);
    money_cell(t, is.reserved + is.committed);
}

bool quota_ledger_print(const cli *c, const json_t *whole) {
    static const sheet_column columns[] = {
        {.name = "version", .right = true},
        {.name = "time"},
        {.name = "what"},
        {.name = "amount", .right = true},
        {.name = "reserved", .right = true},
        {.name = "committed", .right = true},
        {.name = "balance", .right = true},
    };
    const json_t *events = json_object_get(whole, "events"), *opening = json_object_get(whole, "opening"), *event;
    size_t i, n = json_array_size(events);
    int64_t program = ask_number(whole, "program");
    bool power = program == XINYI_PROGRAM_POWER;
    char why[160];
    balance first = balance_of(opening), last = first;
    int64_t version = ask_number(opening, "version");
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    edge_line(t, version, "opening", first);
    json_array_foreach(events, i, event) {
        event_line(t, event);
        last = balance_of(event);
        version = ask_number(event, "version");
    }
    const char *problem = quota_ledger_check(whole, why, sizeof why);
    edge_line(t, version, problem == NULL ? "closing, adds up" : "closing, DOES NOT ADD UP", last);
    bool ok = sheet_print(t);
    sheet_destroy(&t);
    if (problem != NULL) printf("%sdoes not add up%s: %s\n", cli_paint(c, "31"), cli_paint(c, "0"), problem);
    const json_t *account = json_object_get(whole, "account");
    if (ask_true(account, "frozen"))
        printf("the account is frozen: reference %s\n", ask_text(account, "freeze_reference"));
    if (ask_true(whole, "more") && n > 0)
        printf("older lines: xinyi quota history %s%s%s --before %" PRId64 "\n", ask_text(whole, "subject"),
               power ? "" : " --program ", power ? "" : programs_name((unsigned)program),
               ask_number(json_array_get(events, 0), "version"));
    return ok;
}
