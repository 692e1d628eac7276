/* The answer's violations say what is wrong and most of the numbers; the rest is asked for only when somebody reads it,
 * so that a refusal costs a program nothing. */
#include "client/cli/quota_refusal.h"

#include "base/purpose.h"
#include "base/status.h"
#include "client/cli/ask.h"
#include "client/cli/money.h"
#include "client/cli/quota_view.h"
#include "client/cli/when.h"
#include "engine/ledger.h"

#include <stdio.h>
#include <string.h>

#define HISTORY_EVENTS 1024 /* the most that a server tells at once */

#define X(name, bit, code)                                                                                             \
    static_assert((unsigned)VIOLATION_##name == (unsigned)XINYI_VIOLATES_##name,                                       \
                  "the library and the engine number violations alike");
XINYI_VIOLATIONS(X)
#undef X
static_assert(VIOLATIONS_ALL == (1u << XINYI_VIOLATION_BITS) - 1, "the library knows every violation");

quota_refusal quota_refusal_of_check(const xinyi_subject *subject, unsigned program, int64_t asked_fen,
                                     const xinyi_quota_answer *a) {
    return (quota_refusal){.subject = *subject,
                           .program = (uint8_t)program,
                           .status = a->status,
                           .violations = a->violations,
                           .asked_fen = asked_fen,
                           .limit_fen = a->limit_fen,
                           .used_fen = a->used_fen,
                           .available_fen = a->available_fen};
}

quota_refusal quota_refusal_of_operation(const xinyi_operation *op, const xinyi_operation_reply *r) {
    return (quota_refusal){.subject = op->subject,
                           .program = op->program,
                           .status = r->status,
                           .violations = r->violations,
                           .ttl_ms = op->ttl_ms,
                           .asked_fen = op->amount_fen,
                           .limit_fen = r->limit_fen,
                           .used_fen = r->used_fen,
                           .available_fen = r->available_fen};
}

unsigned quota_refusal_bits(const quota_refusal *r) {
    if (r->violations != 0) return r->violations;
    for (unsigned bit = 0; bit < XINYI_VIOLATION_BITS; bit++)
        if (xinyi_violation_status(bit) == r->status) return 1u << bit;
    return 0;
}

void quota_refusal_json(jout *j, unsigned violations) {
    jout_array(j, "violations");
    for (unsigned bit = 0; bit < 16; bit++)
        if (violations >> bit & 1) jout_string(j, NULL, xinyi_violation_name(bit));
    jout_end(j);
}

/* ------------------------------------------------------------------ what is asked for */

int64_t quota_frozen_since(cli *c, const xinyi_subject *subject, unsigned program) {
    char text[SUBJECT_TEXT];
    json_t *answer = NULL, *event;
    int64_t since = 0;
    size_t i;
    int failure;
    json_t *request = json_pack("{s:s, s:s, s:i, s:i}", "command", "quota_history", "subject",
                                cli_subject_text(subject, text), "program", (int)program, "max", HISTORY_EVENTS);
    (void)ask_server_quietly(c, request, &answer, &failure);
    json_array_foreach(json_object_get(answer, "events"), i, event) if (strcmp(ask_text(event, "kind"), "freeze") == 0)
        since = ask_number(event, "at_ms");
    json_decref(answer);
    return since;
}

const char *quota_frozen_text(cli *c, const xinyi_subject *subject, unsigned program, char buffer[QUOTA_FROZEN_TEXT]) {
    xinyi_account_reply a;
    char moment[QUOTA_VIEW_TIME];
    buffer[0] = '\0';
    if (xinyi_accounts(c->x, program, PURPOSE_POWER_TRADING, subject, 1, &a) != 0 || a.status != 0) return buffer;
    size_t n = 0;
    if (a.account.freeze_reference[0] != '\0')
        n = (size_t)snprintf(buffer, QUOTA_FROZEN_TEXT, ", reference %s", a.account.freeze_reference);
    int64_t since = quota_frozen_since(c, subject, program);
    if (since != 0) snprintf(buffer + n, QUOTA_FROZEN_TEXT - n, ", since %s", quota_view_time(since, moment));
    return buffer;
}

/* ------------------------------------------------------------------ a line a reason */

static void shortfall(cli *c, const quota_refusal *r, buf *to) {
    char required[MONEY_TEXT], lodged[MONEY_TEXT], more[MONEY_TEXT], subject[SUBJECT_TEXT];
    xinyi_quota q;
    buf_printf(to, "%s", xinyi_status_text(STATUS_SHORTFALL));
    bool known = c != NULL && xinyi_quota_show(c->x, r->program, PURPOSE_POWER_TRADING, &r->subject, 1, &q) == 0;
    if (!known || q.status != 0 || q.shortfall_fen <= 0) return;
    buf_printf(to, ": required %s, lodged %s: lodge %s more (xinyi quota pledge %s)",
               money_format(q.required_fen, required), money_format(q.lodged_fen, lodged),
               money_format(q.shortfall_fen, more), cli_subject_text(&r->subject, subject));
}

static void over_limit(const quota_refusal *r, buf *to) {
    char limit[MONEY_TEXT], used[MONEY_TEXT], asked[MONEY_TEXT], more[MONEY_TEXT];
    money_format(r->limit_fen, limit);
    money_format(r->used_fen, used);
    money_format(r->asked_fen, asked);
    int64_t left = r->limit_fen - r->used_fen; /* below 0 after a fall of the limit */
    if (r->chained)
        buf_printf(to, "%s: asked %s, limit %s, used %s, not counting the chain's other operations",
                   xinyi_status_text(XINYI_LIMIT_EXCEEDED), asked, limit, used);
    else if (r->asked_fen > left)
        buf_printf(to, "%s: limit %s, used %s, asked %s: %s too much", xinyi_status_text(XINYI_LIMIT_EXCEEDED), limit,
                   used, asked, money_format(r->asked_fen - left, more));
    else
        buf_printf(to, "the last warning level is reached (limit %s, used %s), so new exposure is refused: asked %s",
                   limit, used, asked);
}

static void reason(cli *c, const quota_refusal *r, unsigned bit, buf *to) {
    char subject[SUBJECT_TEXT], asked[MONEY_TEXT], frozen[QUOTA_FROZEN_TEXT] = "", when[WHEN_TEXT];
    const char *text = xinyi_violation_text(bit);
    cli_subject_text(&r->subject, subject);
    money_format(r->asked_fen, asked);
    switch (1u << bit) {
    case VIOLATION_LIMIT_EXCEEDED: over_limit(r, to); break;
    case VIOLATION_SHORTFALL: shortfall(c, r, to); break;
    case VIOLATION_FROZEN:
        buf_printf(to, "%s%s: no new exposure until it is unfrozen", text,
                   c != NULL ? quota_frozen_text(c, &r->subject, r->program, frozen) : "");
        break;
    case VIOLATION_BAD_TTL:
        buf_printf(to, "%s: asked %s; without --ttl the policy's own is taken", text,
                   when_format_duration(r->ttl_ms, when));
        break;
    case VIOLATION_SUSPENDED: buf_printf(to, "%s: exposure may only be reduced", text); break;
    case VIOLATION_UNRATED: buf_printf(to, "%s, and the policy asks for one", text); break;
    case VIOLATION_NOT_COVERED: buf_printf(to, "%s (see: xinyi get %s)", text, subject); break;
    case VIOLATION_NO_ACCOUNT:
        buf_printf(to, "%s: %s; the first guarantee opens it (xinyi quota pledge)", subject, text);
        break;
    case VIOLATION_AMOUNT_OVERFLOW: buf_printf(to, "%s: asked %s", text, asked); break;
    default: buf_printf(to, "%s: %s", subject, text); break;
    }
}

void quota_refusal_write(cli *c, const quota_refusal *r, buf *to) {
    char subject[SUBJECT_TEXT], asked[MONEY_TEXT];
    unsigned bits = quota_refusal_bits(r), count = (unsigned)__builtin_popcount(bits);
    if (r->status == STATUS_BAD_AMOUNT)
        buf_printf(to, "%s: asked %s", xinyi_status_text(r->status), money_format(r->asked_fen, asked));
    else if (bits == 0)
        buf_printf(to, "%s: %s", cli_subject_text(&r->subject, subject), xinyi_status_text(r->status));
    else if (count > 1)
        buf_printf(to, "for %u reasons:", count);
    for (unsigned bit = 0; bit < 16; bit++) {
        if ((bits >> bit & 1) == 0) continue;
        if (count > 1) buf_printf(to, "\n  %s: ", xinyi_violation_name(bit));
        reason(c, r, bit, to);
    }
}
