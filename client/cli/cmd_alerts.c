/* alerts: what is open, and acknowledging it by number. */
#include "base/purpose.h"
#include "client/cli/alert_view.h"
#include "client/cli/ask.h"
#include "client/cli/command.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/programs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_alerts[] =
    "usage: xinyi alerts [list] [--kind K,...] [--program P] [--after N]\n"
    "       xinyi alerts ack NUMBER...\n"
    "       xinyi alerts ack --all-up-to N\n"
    "\n"
    "The alerts of the guarantee quota that are open, oldest first; acknowledging takes them off the list, for\n"
    "everybody, and is on disk when the command returns. xinyi watch shows them as they come; xinyi help watch lists\n"
    "the kinds.\n"
    "  --all-up-to N  every open alert whose number is N or lower\n"
    "Exit status of ack: 4 if some of the numbers were not open, 1 if none was.\n"
    "\n"
    "  xinyi alerts --kind overdue\n"
    "  xinyi alerts --json | jq -r 'select(.kind == \"topup\") | [.subject, .due] | @tsv'\n"
    "  xinyi alerts ack 17 18\n"
    "  xinyi alerts ack --all-up-to 18\n";

#define BATCH 1000 /* numbers of one command */

/* ------------------------------------------------------------------ list */

static int list(cli *c, int argc, char **argv) {
    const char *after_text = NULL, *kinds = NULL, *program = NULL, *purpose_text = NULL;
    const option_spec specs[] = {{"after", NULL, &after_text},
                                 {"kind", NULL, &kinds},
                                 {"program", NULL, &program},
                                 {"purpose", NULL, &purpose_text},
                                 OPTION_END};
    alert_filter filter;
    unsigned asked_for;
    uint64_t after = 0;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (first < argc) return cli_usage(c, "list takes no arguments, but got '%s'", argv[first]);
    if (after_text != NULL && !money_parse_u64(after_text, strlen(after_text), &after))
        return cli_usage(c, "--after is the number of an alert, not '%s'", after_text);
    if ((code = alert_filter_parse(c, kinds, program, &filter)) != 0 ||
        (code = cli_purpose(c, purpose_text, PURPOSE_POWER_TRADING, &asked_for)) != 0 || (code = cli_connect(c)) != 0 ||
        (code = programs_learn(c)) != 0)
        return code;
    for (size_t shown = 0;;) {
        xinyi_alert alerts[256];
        size_t count = sizeof alerts / sizeof alerts[0];
        int result = xinyi_alerts(c->x, asked_for, &after, alerts, &count);
        if (result != 0) return cli_failed(c, result);
        for (size_t i = 0; i < count; i++) {
            if (!alert_filter_passes(&filter, &alerts[i])) continue;
            shown++;
            if (!alert_view_print(c, &alerts[i])) return CLI_EXIT_DONE; /* cli_finish says why */
        }
        if (count > 0) continue;
        if (shown == 0 && !c->json) fputs("no alerts are open\n", stderr);
        return CLI_EXIT_DONE;
    }
}

/* ------------------------------------------------------------------ ack */

typedef struct acknowledged {
    uint64_t done;
    size_t unknown;
    json_t *unknown_numbers;
} acknowledged;

static int acknowledge(cli *c, const uint64_t *numbers, size_t count, acknowledged *sum) {
    json_t *asked = json_array(), *answer, *one;
    size_t i;
    for (i = 0; i < count; i++) json_array_append_new(asked, json_integer((json_int_t)numbers[i]));
    int code = ask_server(c, json_pack("{s:s, s:o}", "command", "alert_ack", "numbers", asked), &answer);
    if (code != 0) return code;
    sum->done += (uint64_t)ask_number(answer, "acknowledged");
    json_array_foreach(json_object_get(answer, "unknown"), i, one) {
        json_array_append(sum->unknown_numbers, one);
        sum->unknown++;
    }
    json_decref(answer);
    return 0;
}

static int acknowledge_up_to(cli *c, uint64_t last, unsigned asked_for, acknowledged *sum) {
    xinyi_alert *alerts = calloc(BATCH, sizeof *alerts);
    uint64_t numbers[BATCH], after = 0;
    int code = alerts == NULL ? cli_no_memory(c) : 0;
    while (code == 0) {
        size_t count = BATCH, n = 0;
        int result = xinyi_alerts(c->x, asked_for, &after, alerts, &count);
        if (result != 0) {
            code = cli_failed(c, result);
            break;
        }
        while (n < count && alerts[n].number <= last) {
            numbers[n] = alerts[n].number;
            n++;
        }
        if (n == 0) break;
        code = acknowledge(c, numbers, n, sum);
        if (n < count) break;
    }
    free(alerts);
    return code;
}

static int acknowledge_given(cli *c, int count, char **texts, acknowledged *sum) {
    uint64_t numbers[BATCH];
    size_t n = 0;
    int code = 0;
    for (int i = 0; i < count && code == 0; i++) {
        money_parse_u64(texts[i], strlen(texts[i]), &numbers[n++]); /* looked at before */
        if (n < BATCH && i + 1 < count) continue;
        code = acknowledge(c, numbers, n, sum);
        n = 0;
    }
    return code;
}

static int say_acknowledged(cli *c, const acknowledged *sum, bool all) {
    if (c->json) {
        char *unknown = json_dumps(sum->unknown_numbers, JSON_COMPACT);
        jout_object(&c->out, NULL);
        jout_int(&c->out, "acknowledged", (int64_t)sum->done);
        jout_raw(&c->out, "unknown", unknown != NULL ? unknown : "null");
        jout_end(&c->out);
        jout_line(&c->out);
        free(unknown);
    } else {
        printf("acknowledged %" PRIu64 " alert%s\n", sum->done, sum->done == 1 ? "" : "s");
    }
    json_t *one;
    size_t i;
    if (!all)
        json_array_foreach(sum->unknown_numbers, i, one)
            cli_error(c, "no alert %lld is open", (long long)json_integer_value(one));
    return all ? CLI_EXIT_DONE : cli_exit_of_many((size_t)sum->done, sum->unknown);
}

static int ack(cli *c, int argc, char **argv) {
    const char *up_to = NULL, *purpose_text = NULL;
    const option_spec specs[] = {{"all-up-to", NULL, &up_to}, {"purpose", NULL, &purpose_text}, OPTION_END};
    unsigned asked_for;
    uint64_t number, last = 0;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if ((first < argc) == (up_to != NULL)) return cli_usage(c, "give numbers of alerts, or --all-up-to N");
    for (int i = first; i < argc; i++)
        if (!money_parse_u64(argv[i], strlen(argv[i]), &number) || number == 0 || number > INT64_MAX)
            return cli_usage(c, "'%s' is not the number of an alert", argv[i]);
    if (up_to != NULL && !money_parse_u64(up_to, strlen(up_to), &last))
        return cli_usage(c, "--all-up-to is the number of an alert, not '%s'", up_to);
    if ((code = cli_purpose(c, purpose_text, PURPOSE_POWER_TRADING, &asked_for)) != 0 || (code = cli_connect(c)) != 0)
        return code;
    acknowledged sum = {.unknown_numbers = json_array()};
    code = up_to != NULL ? acknowledge_up_to(c, last, asked_for, &sum)
                         : acknowledge_given(c, argc - first, argv + first, &sum);
    if (code == 0) code = say_acknowledged(c, &sum, up_to != NULL);
    json_decref(sum.unknown_numbers);
    return code;
}

int command_alerts(cli *c, int argc, char **argv) {
    const char *action = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    if (action == NULL) return list(c, argc, argv);
    if (strcmp(action, "list") == 0) return list(c, argc - 1, argv + 1);
    c->command = "alerts ack";
    if (strcmp(action, "ack") == 0) return ack(c, argc - 1, argv + 1);
    c->command = "alerts";
    return cli_usage(c, "unknown action '%s'; there are list and ack", action);
}
