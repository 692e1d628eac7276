/* The quota commands that write. The operation id exists before anything is sent and is told whenever the outcome is
 * in doubt, with the exact commands that ask and repeat: nobody has to guess whether money was reserved. An operation
 * that is repeated by its id is asked for first, so that a first answer given again is not taken for news. */
#include "base/limits.h"
#include "base/purpose.h"
#include "base/status.h"
#include "base/utf8.h"
#include "client/cli/cmd_quota.h"
#include "client/cli/columns.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/programs.h"
#include "client/cli/quota_refusal.h"
#include "client/cli/quota_view.h"
#include "client/cli/when.h"

#include <stdio.h>
#include <string.h>

/* Every option of every kind; which ones a kind takes is said in `specs_of`. */
typedef struct arguments {
    const char *program, *operation, *yuan, *fen, *ttl, *reservation, *instrument, *kind, *from, *to;
    const char *energy_12m, *wholesale_2m, *retail_2m, *forecast_12m, *reference;
} arguments;

#define ALL_SPECS(a)                                                                                                   \
    {"program", NULL, &(a)->program}, {"operation", NULL, &(a)->operation}, {"amount", NULL, &(a)->yuan},              \
        {"amount-fen", NULL, &(a)->fen}, {"ttl", NULL, &(a)->ttl}, {"reservation", NULL, &(a)->reservation},           \
        {"instrument", NULL, &(a)->instrument}, {"kind", NULL, &(a)->kind}, {"from", NULL, &(a)->from},                \
        {"to", NULL, &(a)->to}, {"energy-12m", NULL, &(a)->energy_12m}, {"wholesale-2m", NULL, &(a)->wholesale_2m},    \
        {"retail-2m", NULL, &(a)->retail_2m}, {"forecast-12m", NULL, &(a)->forecast_12m}, {                            \
        "reference", NULL, &(a)->reference                                                                             \
    }

static const char *const taken[] = {
    [XINYI_RESERVE] = "program operation amount amount-fen ttl",
    [XINYI_COMMIT] = "program operation amount amount-fen reservation",
    [XINYI_RELEASE] = "program operation reservation",
    [XINYI_SETTLE] = "program operation amount amount-fen",
    [XINYI_PLEDGE] = "program operation amount amount-fen instrument kind from to",
    [XINYI_WITHDRAW] = "program operation instrument",
    [XINYI_ENERGY] = "program operation energy-12m wholesale-2m retail-2m forecast-12m",
    [XINYI_AMEND] = "program operation amount amount-fen instrument from to",
    [XINYI_FREEZE] = "program operation reference",
    [XINYI_UNFREEZE] = "program operation",
};

static bool takes(unsigned kind, const char *name) {
    size_t length = strlen(name);
    for (const char *p = taken[kind]; (p = strstr(p, name)) != NULL; p += length) {
        bool starts = p == taken[kind] || p[-1] == ' ', ends = p[length] == '\0' || p[length] == ' ';
        if (starts && ends) return true;
    }
    return false;
}

static int parse_options(const cli *c, unsigned kind, int argc, char **argv, arguments *a, int *first) {
    const option_spec all[] = {ALL_SPECS(a)};
    option_spec specs[sizeof all / sizeof all[0] + 1];
    size_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (takes(kind, all[i].name)) specs[n++] = all[i];
    specs[n] = (option_spec)OPTION_END;
    return option_parse(c, argc, argv, specs, first);
}

/* ------------------------------------------------------------------ arguments → operation */

static int parse_id(const cli *c, const char *text, const char *what, xinyi_operation_id *out) {
    if (xinyi_operation_parse(text, out) == 0) return 0;
    return cli_usage(c, "'%s' is not %s (32 hex digits)", text, what);
}

/* A positional argument that is an operation id names the reservation; anything else is the subject. */
static int parse_positionals(const cli *c, arguments *a, int count, char **texts, xinyi_operation *op,
                             bool *has_subject) {
    xinyi_operation_id id;
    bool targets = op->kind == XINYI_COMMIT || op->kind == XINYI_RELEASE;
    *has_subject = false;
    for (int i = 0; i < count; i++) {
        if (targets && a->reservation == NULL && strlen(texts[i]) == XINYI_OPERATION_TEXT - 1 &&
            xinyi_operation_parse(texts[i], &id) == 0) {
            a->reservation = texts[i];
            continue;
        }
        if (*has_subject) return cli_usage(c, "one subject at a time; what is '%s'?", texts[i]);
        int code = cli_subject(c, texts[i], &op->subject);
        if (code != 0) return code;
        *has_subject = true;
    }
    if (!*has_subject && !targets) return cli_usage(c, "give a subject, such as uscc:91530000MA00TTT099");
    if (targets && a->reservation == NULL) return cli_usage(c, "which reservation? Give --reservation OPERATION");
    return targets ? parse_id(c, a->reservation, "a reservation's operation id", &op->target) : 0;
}

static int parse_instrument(const cli *c, const arguments *a, xinyi_operation *op) {
    if (a->instrument == NULL) return cli_usage(c, "which instrument? Give --instrument NUMBER");
    if (!money_parse_u64(a->instrument, strlen(a->instrument), &op->instrument) || op->instrument == 0)
        return cli_usage(c, "--instrument is a number from 1, not '%s'", a->instrument);
    if (op->kind == XINYI_WITHDRAW) return 0;
    if (op->kind == XINYI_PLEDGE) {
        if (a->kind == NULL)
            return cli_usage(c, "what kind of instrument? Give --kind deposit, bond or group_guarantee");
        op->instrument_kind = (uint8_t)columns_instrument_kind(a->kind, strlen(a->kind));
        if (op->instrument_kind == 0)
            return cli_usage(c, "--kind is deposit, bond or group_guarantee, not '%s'", a->kind);
        op->to_hour = WHEN_NO_END;
    }
    if (a->from != NULL && !when_parse_hour(a->from, strlen(a->from), false, &op->from_hour))
        return cli_usage(c, "--from is a date YYYY-MM-DD or YYYY-MM-DDTHH, not '%s'", a->from);
    if (a->to != NULL && !cmd_quota_end(a->to, &op->to_hour))
        return cli_usage(c, "--to is a date YYYY-MM-DD or YYYY-MM-DDTHH, or none, not '%s'", a->to);
    if (op->kind == XINYI_AMEND && a->from == NULL && a->to == NULL && a->yuan == NULL && a->fen == NULL)
        return cli_usage(c, "what is to be amended? Give --amount, --from or --to");
    return 0;
}

bool cmd_quota_end(const char *text, uint32_t *hour) {
    if (strcmp(text, "none") != 0) return when_parse_hour(text, strlen(text), true, hour);
    *hour = WHEN_NO_END;
    return true;
}

bool cmd_quota_reference(const char *text, xinyi_operation *op, char *why, size_t room) {
    size_t length = strlen(text);
    if (length < sizeof op->reference && utf8_is_line(text, length)) {
        memcpy(op->reference, text, length + 1);
        return true;
    }
    if (length >= sizeof op->reference)
        snprintf(why, room, "the reference has %zu bytes; %zu is the most (a Chinese character has 3): '%s'", length,
                 sizeof op->reference - 1, text);
    else
        snprintf(why, room, "the reference must be one line of UTF-8 text");
    return false;
}

static int parse_energy_value(const cli *c, const char *option, const char *text, int64_t max, int64_t *out) {
    if (text == NULL || money_parse_grouped(text, max, out)) return 0;
    return cli_usage(c, "%s is a whole number up to %lld, not '%s'", option, (long long)max, text);
}

/* Energy not given stays as it is: the account is asked for it, or the operation that is repeated. */
static int fill_energy(cli *c, const arguments *a, const xinyi_outcome_reply *earlier, xinyi_operation *op) {
    int64_t forecast = 0;
    xinyi_quota q = {0};
    int code = 0;
    if (earlier->status == 0 && earlier->request.kind == XINYI_ENERGY) {
        op->amount_fen = earlier->request.amount_fen;
        op->wholesale_2m_mwh = earlier->request.wholesale_2m_mwh;
        op->retail_2m_mwh = earlier->request.retail_2m_mwh;
        forecast = earlier->request.forecast_12m_gwh;
    } else if (a->energy_12m == NULL || a->wholesale_2m == NULL || a->retail_2m == NULL || a->forecast_12m == NULL) {
        code = xinyi_quota_show(c->x, op->program, PURPOSE_POWER_TRADING, &op->subject, 1, &q);
        if (code != 0) return cli_failed(c, code);
        op->amount_fen = q.energy_12m_mwh;
        op->wholesale_2m_mwh = q.wholesale_2m_mwh;
        op->retail_2m_mwh = q.retail_2m_mwh;
        forecast = q.forecast_12m_mwh / 1000;
    }
    if ((code = parse_energy_value(c, "--energy-12m", a->energy_12m, LIMIT_ENERGY_MWH, &op->amount_fen)) == 0 &&
        (code = parse_energy_value(c, "--wholesale-2m", a->wholesale_2m, LIMIT_ENERGY_MWH, &op->wholesale_2m_mwh)) ==
            0 &&
        (code = parse_energy_value(c, "--retail-2m", a->retail_2m, LIMIT_ENERGY_MWH, &op->retail_2m_mwh)) == 0)
        code = parse_energy_value(c, "--forecast-12m", a->forecast_12m, LIMIT_ENERGY_MWH / 1000, &forecast);
    op->forecast_12m_gwh = (uint32_t)forecast;
    return code;
}

static int check_energy(const cli *c, const arguments *a) {
    int64_t ignored;
    if (a->energy_12m == NULL && a->wholesale_2m == NULL && a->retail_2m == NULL && a->forecast_12m == NULL)
        return cli_usage(c, "which energy? Give --energy-12m, --wholesale-2m, --retail-2m or --forecast-12m");
    int code;
    if ((code = parse_energy_value(c, "--energy-12m", a->energy_12m, LIMIT_ENERGY_MWH, &ignored)) != 0 ||
        (code = parse_energy_value(c, "--wholesale-2m", a->wholesale_2m, LIMIT_ENERGY_MWH, &ignored)) != 0 ||
        (code = parse_energy_value(c, "--retail-2m", a->retail_2m, LIMIT_ENERGY_MWH, &ignored)) != 0)
        return code;
    return parse_energy_value(c, "--forecast-12m", a->forecast_12m, LIMIT_ENERGY_MWH / 1000, &ignored);
}

static int parse_by_kind(const cli *c, const arguments *a, xinyi_operation *op) {
    char why[256];
    int code;
    switch (op->kind) {
    case XINYI_RESERVE:
        if (a->ttl != NULL && !when_parse_duration(a->ttl, &op->ttl_ms))
            return cli_usage(c, "--ttl is a duration such as 300s, 10m, 1h30m or 1d, at most 49 days, not '%s'",
                             a->ttl);
        return cmd_quota_amount(c, a->yuan, a->fen, true, &op->amount_fen);
    case XINYI_COMMIT: return cmd_quota_amount(c, a->yuan, a->fen, false, &op->amount_fen);
    case XINYI_SETTLE: return cmd_quota_amount(c, a->yuan, a->fen, true, &op->amount_fen);
    case XINYI_PLEDGE:
        if ((code = parse_instrument(c, a, op)) != 0) return code;
        return cmd_quota_amount(c, a->yuan, a->fen, true, &op->amount_fen);
    case XINYI_AMEND:
        if ((code = parse_instrument(c, a, op)) != 0) return code;
        return cmd_quota_amount(c, a->yuan, a->fen, false, &op->amount_fen);
    case XINYI_WITHDRAW: return parse_instrument(c, a, op);
    case XINYI_FREEZE:
        if (a->reference == NULL || cmd_quota_reference(a->reference, op, why, sizeof why)) return 0;
        return cli_usage(c, "--reference: %s", why);
    case XINYI_ENERGY: return check_energy(c, a);
    default: return 0;
    }
}

/* commit and release may leave the subject out: the reservation knows it. */
static int find_subject(cli *c, xinyi_operation *op) {
    xinyi_outcome_reply known;
    char hex[XINYI_OPERATION_TEXT];
    int code = xinyi_outcome(c->x, &op->target, 1, &known);
    if (code != 0) return cli_failed(c, code);
    if (known.status != 0) {
        cli_error(c, "%s: %s", xinyi_operation_format(&op->target, hex), xinyi_status_text(known.status));
        return cli_exit_of(known.status);
    }
    op->subject = known.request.subject;
    op->program = known.request.program;
    return 0;
}

/* ------------------------------------------------------------------ operation → answer */

/* As a word of the shell. */
static void print_quoted(FILE *to, const char *option, const char *text) {
    fprintf(to, "%s'", option);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", to);
        else
            fputc(*text, to);
    }
    fputc('\'', to);
}

/* The command that sends exactly this operation again. */
static void print_command(const cli *c, FILE *to, const xinyi_operation *op) {
    char subject[SUBJECT_TEXT], hex[XINYI_OPERATION_TEXT], when[WHEN_TEXT];
    fprintf(to, "  xinyi --server %s quota %s %s", c->server, quota_view_kind(op->kind),
            cli_subject_text(&op->subject, subject));
    if (op->kind == XINYI_COMMIT || op->kind == XINYI_RELEASE)
        fprintf(to, " --reservation %s", xinyi_operation_format(&op->target, hex));
    if (op->program != XINYI_PROGRAM_POWER) fprintf(to, " --program %u", op->program);
    if (op->instrument != 0) fprintf(to, " --instrument %llu", (unsigned long long)op->instrument);
    if (op->kind == XINYI_PLEDGE) fprintf(to, " --kind %s", columns_instrument_name(op->instrument_kind));
    if (op->from_hour != 0) fprintf(to, " --from %s", when_format_hour(op->from_hour, false, when));
    if (op->to_hour == WHEN_NO_END && op->kind == XINYI_AMEND) fputs(" --to none", to);
    if (op->to_hour != WHEN_NO_END && op->to_hour != 0)
        fprintf(to, " --to %s", when_format_hour(op->to_hour, true, when));
    if (op->reference[0] != '\0') print_quoted(to, " --reference ", op->reference);
    if (op->kind == XINYI_ENERGY)
        fprintf(to, " --energy-12m %lld --wholesale-2m %lld --retail-2m %lld --forecast-12m %u",
                (long long)op->amount_fen, (long long)op->wholesale_2m_mwh, (long long)op->retail_2m_mwh,
                op->forecast_12m_gwh);
    else if (op->amount_fen != 0)
        fprintf(to, " --amount-fen %lld", (long long)op->amount_fen);
    if (op->ttl_ms != 0) fprintf(to, " --ttl %ums", op->ttl_ms);
    fprintf(to, " --operation %s\n", xinyi_operation_format(&op->id, hex));
}

static int outcome_unknown(const cli *c, const xinyi_operation *op) {
    char hex[XINYI_OPERATION_TEXT];
    xinyi_operation_format(&op->id, hex);
    cli_error(c, "whether operation %s was executed is not known", hex);
    fprintf(stderr, "ask what became of it:\n  xinyi --server %s quota outcome %s\nor repeat it, which is safe:\n",
            c->server, hex);
    print_command(c, stderr, op);
    return CLI_EXIT_NO_CONNECTION;
}

static int64_t committed_of(const cli *c, const xinyi_operation *op) {
    xinyi_quota q;
    bool known = xinyi_quota_show(c->x, op->program, PURPOSE_POWER_TRADING, &op->subject, 1, &q) == 0 && q.status == 0;
    return known ? q.committed_fen : -1;
}

/* The reservation that a commit or release names, as far as the server knows it. */
static bool reservation_of(const cli *c, const xinyi_operation *op, xinyi_outcome_reply *out) {
    return xinyi_outcome(c->x, &op->target, 1, out) == 0 && out->status == 0 && out->request.kind == XINYI_RESERVE &&
           out->reply.status == 0;
}

/* One sentence: what was asked, and what stands against it. */
static void refusal(cli *c, const xinyi_operation *op, const xinyi_operation_reply *r, buf *to) {
    char a[MONEY_TEXT], b[MONEY_TEXT], hex[XINYI_OPERATION_TEXT], subject[SUBJECT_TEXT], frozen[QUOTA_FROZEN_TEXT];
    const char *text = xinyi_status_text(r->status);
    xinyi_outcome_reply reservation;
    int64_t committed;
    cli_subject_text(&op->subject, subject);
    money_format(op->amount_fen, a);
    switch (r->status) {
    case STATUS_LIMIT_EXCEEDED:
        if (op->kind != XINYI_WITHDRAW && op->kind != XINYI_AMEND) break;
        buf_printf(to, "%s instrument %llu%s the limit would fall below what is used: used %s, limit now %s",
                   op->kind == XINYI_AMEND ? "with" : "without", (unsigned long long)op->instrument,
                   op->kind == XINYI_AMEND ? " so amended" : "", money_format(r->used_fen, a),
                   money_format(r->limit_fen, b));
        return;
    case STATUS_FROZEN:
    case STATUS_ALREADY_FROZEN:
        if (op->kind == XINYI_RESERVE) break;
        buf_printf(to, "%s: %s%s%s", subject, text, quota_frozen_text(c, &op->subject, op->program, frozen),
                   r->status == STATUS_FROZEN ? "; what is lodged stays until it is unfrozen" : "");
        return;
    case STATUS_OVER_RESERVED:
        buf_printf(to, "%s: asked %s", text, a);
        if (reservation_of(c, op, &reservation))
            buf_printf(to, ", reserved %s", money_format(reservation.reply.amount_fen, b));
        return;
    case STATUS_OVER_COMMITTED:
        committed = committed_of(c, op);
        buf_printf(to, "%s: asked %s", text, a);
        if (committed >= 0) buf_printf(to, ", committed %s", money_format(committed, b));
        return;
    case STATUS_ALREADY_RESOLVED:
        buf_printf(to, "%s", text);
        if (reservation_of(c, op, &reservation)) buf_printf(to, ": it is %s", quota_view_state(reservation.state));
        return;
    case STATUS_UNKNOWN_OPERATION: buf_printf(to, "%s: %s", xinyi_operation_format(&op->target, hex), text); return;
    case STATUS_OPERATION_REUSED:
        buf_printf(to, "%s (see: xinyi quota outcome %s)", text, xinyi_operation_format(&op->id, hex));
        return;
    case STATUS_INSTRUMENT_EXISTS:
        buf_printf(to, "instrument %llu: %s (see: xinyi quota show %s)", (unsigned long long)op->instrument, text,
                   subject);
        return;
    case STATUS_UNKNOWN_INSTRUMENT:
        buf_printf(to, "instrument %llu: %s (see: xinyi quota show %s)", (unsigned long long)op->instrument, text,
                   subject);
        return;
    default: break;
    }
    quota_refusal why = quota_refusal_of_operation(op, r);
    if (op->kind == XINYI_RESERVE) {
        if (__builtin_popcount(quota_refusal_bits(&why)) > 1) buf_printf(to, "refused, ");
        quota_refusal_write(c, &why, to);
    } else
        buf_printf(to, "%s: %s", subject, text);
}

static int refused(cli *c, const xinyi_operation *op, const xinyi_operation_reply *r, const quota_view_more *more) {
    char moment[QUOTA_VIEW_TIME];
    buf why = {0};
    refusal(c, op, r, &why);
    if (more->earlier != NULL)
        buf_printf(&why, " (first answer repeated; executed %s)", quota_view_time(more->earlier->at_ms, moment));
    cli_error(c, "%s", buf_cstr(&why));
    buf_deinit(&why);
    if (status_classify(r->status) == STATUS_CLASS_AGAIN) {
        fputs("nothing was executed; to try again:\n", stderr);
        print_command(c, stderr, op);
    }
    return cli_exit_of(r->status);
}

static void next_commands(const cli *c, const xinyi_operation *op) {
    char subject[SUBJECT_TEXT], hex[XINYI_OPERATION_TEXT], program[32] = "";
    cli_subject_text(&op->subject, subject);
    xinyi_operation_format(&op->id, hex);
    if (op->program != XINYI_PROGRAM_POWER)
        snprintf(program, sizeof program, " --program %s", programs_name(op->program));
    printf("\nnext, before it expires:\n"
           "  xinyi --server %s quota commit %s%s --reservation %s\n"
           "  xinyi --server %s quota release %s%s --reservation %s\n",
           c->server, subject, program, hex, c->server, subject, program, hex);
}

/* What a commit left of its reservation. */
static int64_t released_by(const cli *c, const xinyi_operation *op, const xinyi_operation_reply *r) {
    xinyi_outcome_reply reservation;
    if (op->kind != XINYI_COMMIT || r->status != 0 || !reservation_of(c, op, &reservation)) return -1;
    return reservation.reply.amount_fen - r->amount_fen;
}

static int send_operation(cli *c, const xinyi_operation *op, const xinyi_outcome_reply *earlier) {
    xinyi_operation_reply reply;
    int code = xinyi_operate(c->x, op, 1, &reply);
    if (code != 0) {
        int exit_code = cli_failed(c, code);
        return exit_code == CLI_EXIT_NO_CONNECTION ? outcome_unknown(c, op) : exit_code;
    }
    bool again = earlier->status == 0 && reply.status != STATUS_OPERATION_REUSED &&
                 status_classify(reply.status) != STATUS_CLASS_AGAIN;
    quota_view_more more = {.earlier = again ? earlier : NULL, .released_fen = released_by(c, op, &reply)};
    if (c->json) {
        jout_object(&c->out, NULL);
        quota_view_operation_json(&c->out, op, &reply, &more);
        jout_end(&c->out);
        jout_line(&c->out);
    }
    if (status_classify(reply.status) == STATUS_CLASS_UNKNOWN) return outcome_unknown(c, op);
    if (reply.status != 0) return refused(c, op, &reply, &more);
    if (c->json) return CLI_EXIT_DONE;
    if (!quota_view_operation_card(c, op, &reply, &more)) return cli_no_memory(c);
    if (op->kind == XINYI_RESERVE && (!again || earlier->state == QUOTA_OPEN)) next_commands(c, op);
    return CLI_EXIT_DONE;
}

/* The program of a reservation is known with it: whoever does not name one means that. */
static void find_program(const cli *c, xinyi_operation *op) {
    xinyi_outcome_reply reservation;
    if (reservation_of(c, op, &reservation)) op->program = reservation.request.program;
}

/* Whether the operation has been executed before; only one that is named by its id can have been. */
static int look_back(cli *c, const arguments *a, const xinyi_operation *op, xinyi_outcome_reply *earlier) {
    *earlier = (xinyi_outcome_reply){.status = STATUS_UNKNOWN_OPERATION};
    int code = a->operation == NULL ? 0 : xinyi_outcome(c->x, &op->id, 1, earlier);
    if (code == 0) return 0;
    int exit_code = cli_failed(c, code);
    return exit_code == CLI_EXIT_NO_CONNECTION ? outcome_unknown(c, op) : exit_code;
}

int cmd_quota_operate(cli *c, unsigned kind, int argc, char **argv) {
    arguments a = {0};
    xinyi_operation op = {.kind = (uint8_t)kind};
    xinyi_outcome_reply earlier;
    bool has_subject;
    unsigned program;
    int first, code = parse_options(c, kind, argc, argv, &a, &first);
    if (code != 0) return code;
    if ((code = parse_positionals(c, &a, argc - first, argv + first, &op, &has_subject)) != 0 ||
        (code = parse_by_kind(c, &a, &op)) != 0)
        return code;
    if (a.operation == NULL)
        op.id = xinyi_operation_new();
    else if ((code = parse_id(c, a.operation, "an operation id", &op.id)) != 0)
        return code;
    if ((code = programs_find(c, a.program, &program)) != 0 || (code = cli_connect(c)) != 0) return code;
    op.program = (uint8_t)program;
    if (!has_subject && (code = find_subject(c, &op)) != 0) return code;
    if (has_subject && a.program == NULL && (kind == XINYI_COMMIT || kind == XINYI_RELEASE)) find_program(c, &op);
    if (op.program != XINYI_PROGRAM_POWER && (code = programs_learn(c)) != 0) return code; /* its name */
    if ((code = look_back(c, &a, &op, &earlier)) != 0) return code;
    if (kind == XINYI_ENERGY && (code = fill_energy(c, &a, &earlier, &op)) != 0) return code;
    return send_operation(c, &op, &earlier);
}
