/* quota: dispatch to its subcommands, and the small ones that only read: check, outcome. */
#include "client/cli/cmd_quota.h"

#include "base/limits.h"
#include "base/purpose.h"
#include "base/status.h"
#include "client/cli/command.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/programs.h"
#include "client/cli/quota_view.h"
#include "client/cli/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_quota[] =
    "usage: xinyi quota show ID...\n"
    "       xinyi quota check ID --amount YUAN\n"
    "       xinyi quota reserve ID --amount YUAN [--ttl 300s]\n"
    "       xinyi quota commit [ID] --reservation OPERATION [--amount YUAN]     all of it without --amount\n"
    "       xinyi quota release [ID] --reservation OPERATION\n"
    "       xinyi quota settle ID --amount YUAN\n"
    "       xinyi quota pledge ID --instrument N --kind deposit|bond|group_guarantee --amount YUAN [--from DATE] [--to "
    "DATE]\n"
    "       xinyi quota amend ID --instrument N [--amount YUAN] [--from DATE] [--to DATE]\n"
    "       xinyi quota withdraw ID --instrument N\n"
    "       xinyi quota energy ID [--energy-12m MWH] [--wholesale-2m MWH] [--retail-2m MWH] [--forecast-12m GWH]\n"
    "       xinyi quota freeze ID [--reference TEXT]        xinyi quota unfreeze ID\n"
    "       xinyi quota history ID [--max N] [--before VERSION]                 what happened, adding up\n"
    "       xinyi quota batch FILE|-                                            operations from a file, chains too\n"
    "       xinyi quota outcome OPERATION...                                    what became of an operation\n"
    "\n"
    "  --amount YUAN     1000000, 1,000,000.00, 100万, 1.5亿; or --amount-fen FEN\n"
    "  --operation ID    repeat an operation safely: the same id and content give the first answer again\n"
    "  --ttl DURATION    300s, 5min, 1h30m, 1d\n"
    "  --from, --to      first and last day, or YYYY-MM-DDTHH (--to: that hour not included); from now, without end\n"
    "A commit of less than was reserved releases the rest. xinyi help quota ACTION tells the rest of an action.\n"
    "\n"
    "  xinyi quota check uscc:91530000MA00TTT099 --amount 100万\n"
    "  xinyi quota reserve uscc:91530000MA00TTT099 --amount 100万 --ttl 10m\n";

int cmd_quota_amount(const cli *c, const char *yuan, const char *fen, bool needed, int64_t *out) {
    const char *why;
    *out = 0;
    if (yuan != NULL && fen != NULL) return cli_usage(c, "give --amount or --amount-fen, not both");
    if (yuan == NULL && fen == NULL) return needed ? cli_usage(c, "which amount? Give --amount YUAN") : 0;
    if (yuan != NULL && !money_parse(yuan, out, &why)) return cli_usage(c, "--amount: '%s' %s", yuan, why);
    if (fen != NULL && !money_parse_count(fen, strlen(fen), LIMIT_AMOUNT_FEN, out))
        return cli_usage(c, "--amount-fen: '%s' is not a whole number of fen within range", fen);
    return *out > 0 ? 0 : cli_usage(c, "the amount must be more than 0");
}

/* ------------------------------------------------------------------ check */

static int check(cli *c, int argc, char **argv) {
    const char *program_text = NULL, *purpose_text = NULL, *yuan = NULL, *fen = NULL;
    const option_spec specs[] = {{"program", NULL, &program_text},
                                 {"purpose", NULL, &purpose_text},
                                 {"amount", NULL, &yuan},
                                 {"amount-fen", NULL, &fen},
                                 OPTION_END};
    unsigned program, asked_for;
    xinyi_quota_ask ask;
    xinyi_quota_answer answer;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one subject, such as uscc:91530000MA00TTT099");
    if ((code = cli_purpose(c, purpose_text, PURPOSE_POWER_TRADING, &asked_for)) != 0 ||
        (code = cli_subject(c, argv[first], &ask.subject)) != 0 ||
        (code = cmd_quota_amount(c, yuan, fen, true, &ask.amount_fen)) != 0 ||
        (code = programs_find(c, program_text, &program)) != 0 || (code = cli_connect(c)) != 0)
        return code;
    code = xinyi_quota_check(c->x, program, asked_for, &ask, 1, &answer);
    if (code != 0) return cli_failed(c, code);
    if (c->json) {
        char text[SUBJECT_TEXT];
        jout_object(&c->out, NULL);
        quota_view_check_json(&c->out, cli_subject_text(&ask.subject, text), program, ask.amount_fen, &answer);
        jout_end(&c->out);
        jout_line(&c->out);
    } else {
        quota_view_check_sentence(c, &ask.subject, program, ask.amount_fen, &answer);
    }
    return cli_exit_of(answer.status);
}

/* ------------------------------------------------------------------ outcome */

static int print_outcomes(cli *c, const xinyi_operation_id *ids, const xinyi_outcome_reply *replies, size_t n) {
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        failed += replies[i].status != 0;
        if (c->json) {
            jout_object(&c->out, NULL);
            quota_view_outcome_json(&c->out, &ids[i], &replies[i]);
            jout_end(&c->out);
            jout_line(&c->out);
            continue;
        }
        if (i > 0) putchar('\n');
        if (!quota_view_outcome_card(c, &ids[i], &replies[i])) return cli_no_memory(c);
    }
    return cli_exit_of_many(n - failed, failed);
}

static int outcome(cli *c, int argc, char **argv) {
    const char *program_text = NULL; /* ids are of all programs: only checked */
    const option_spec specs[] = {{"program", NULL, &program_text}, OPTION_END};
    unsigned program;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0 || (code = programs_find(c, program_text, &program)) != 0) return code;
    if (first == argc) return cli_usage(c, "which operation? Give one or more operation ids (32 hex digits)");
    size_t n = (size_t)(argc - first);
    xinyi_operation_id *ids = calloc(n, sizeof *ids);
    xinyi_outcome_reply *replies = calloc(n, sizeof *replies);
    if (ids == NULL || replies == NULL) code = cli_no_memory(c);
    for (size_t i = 0; i < n && code == 0; i++)
        if (xinyi_operation_parse(argv[first + (int)i], &ids[i]) != 0)
            code = cli_usage(c, "'%s' is not an operation id (32 hex digits)", argv[first + (int)i]);
    if (code == 0) code = cli_connect(c);
    if (code == 0) {
        int result = xinyi_outcome(c->x, ids, n, replies);
        bool named = true; /* all by names that are known without asking */
        for (size_t i = 0; i < n && result == 0; i++)
            named &= replies[i].status != 0 || replies[i].request.program == XINYI_PROGRAM_POWER;
        if (result != 0)
            code = cli_failed(c, result);
        else if (named || (code = programs_learn(c)) == 0)
            code = print_outcomes(c, ids, replies, n);
    }
    free(ids);
    free(replies);
    return code;
}

/* ------------------------------------------------------------------ dispatch */

static const struct {
    const char *name, *title; /* title: for messages */
    int (*run)(cli *c, int argc, char **argv);
    unsigned kind;
} actions[] = {
    {"show", "quota show", cmd_quota_show, 0},          {"check", "quota check", check, 0},
    {"reserve", "quota reserve", NULL, XINYI_RESERVE},  {"commit", "quota commit", NULL, XINYI_COMMIT},
    {"release", "quota release", NULL, XINYI_RELEASE},  {"settle", "quota settle", NULL, XINYI_SETTLE},
    {"pledge", "quota pledge", NULL, XINYI_PLEDGE},     {"withdraw", "quota withdraw", NULL, XINYI_WITHDRAW},
    {"amend", "quota amend", NULL, XINYI_AMEND},        {"energy", "quota energy", NULL, XINYI_ENERGY},
    {"freeze", "quota freeze", NULL, XINYI_FREEZE},     {"unfreeze", "quota unfreeze", NULL, XINYI_UNFREEZE},
    {"history", "quota history", cmd_quota_history, 0}, {"batch", "quota batch", cmd_quota_batch, 0},
    {"outcome", "quota outcome", outcome, 0},
};

int cmd_quota_unknown(const cli *c, const char *action) {
    char near[SUGGEST_TEXT];
    suggest s = {.word = action};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) suggest_offer(&s, actions[i].name);
    return cli_usage(c, "unknown action '%s'%s", action, suggest_text(&s, near));
}

int command_quota(cli *c, int argc, char **argv) {
    if (argc < 2) return cli_usage(c, "what about the quota? show, check, reserve, commit, release, settle, pledge, …");
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(argv[1], actions[i].name) != 0) continue;
        c->command = actions[i].title;
        return actions[i].run != NULL ? actions[i].run(c, argc - 1, argv + 1)
                                      : cmd_quota_operate(c, actions[i].kind, argc - 1, argv + 1);
    }
    return cmd_quota_unknown(c, argv[1]);
}
