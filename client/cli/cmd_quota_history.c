/* quota history: the newest events of an account, asked for page by page from the newest back. An event that happens
 * between two pages is not in the statement: the pages go on behind each other by version. */
#include "client/cli/cmd_quota.h"

#include "base/clock.h"
#include "client/cli/ask.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/programs.h"
#include "client/cli/quota_ledger.h"
#include "client/cli/quota_view.h"

#include <stdio.h>
#include <string.h>

#define EVENTS_DEFAULT 50
#define EVENTS_MAX 1000000

typedef struct history_ask {
    const char *subject;
    unsigned program;
    int64_t before, max;
} history_ask;

/* The first answer is the account as it is; of an account that changes meanwhile the statement ends with that. */
static int collect(cli *c, const history_ask *a, json_t **whole) {
    int64_t before = a->before, left = a->max;
    *whole = NULL;
    while (left > 0) {
        json_t *page;
        json_int_t part = left < QUOTA_LEDGER_PAGE ? left : QUOTA_LEDGER_PAGE;
        int code = ask_server(c,
                              json_pack("{s:s, s:s, s:i, s:I, s:I}", "command", "quota_history", "subject", a->subject,
                                        "program", (int)a->program, "before", (json_int_t)before, "max", part),
                              &page);
        if (code != 0) return code;
        const json_t *events = json_object_get(page, "events");
        size_t n = json_array_size(events);
        bool more = ask_true(page, "more") && n > 0;
        before = ask_number(json_array_get(events, 0), "version");
        left -= (int64_t)n;
        if (n == 0 && *whole != NULL) { /* forgotten meanwhile */
            json_decref(page);
            return 0;
        }
        if (!quota_ledger_join(whole, page)) return cli_no_memory(c);
        if (!more) break;
    }
    return 0;
}

static int print(cli *c, json_t *whole) {
    char why[160], moment[QUOTA_VIEW_TIME];
    const char *problem = quota_ledger_check(whole, why, sizeof why);
    if (c->json) {
        json_object_set_new(whole, "adds_up", json_boolean(problem == NULL));
        json_object_set_new(whole, "program", json_string(programs_name((unsigned)ask_number(whole, "program"))));
        int code = ask_print(c, whole);
        return code != 0 ? code : problem != NULL ? CLI_EXIT_REFUSED : CLI_EXIT_DONE;
    }
    if (json_is_null(json_object_get(whole, "opening"))) {
        int64_t from = ask_number(whole, "kept_from_ms");
        if (ask_true(whole, "more"))
            printf("older lines are kept, but an account tells only those of its newest operations\n");
        else
            printf("nothing is kept before that; history goes back to %s\n", quota_view_time(from, moment));
        return CLI_EXIT_DONE;
    }
    if (!quota_ledger_print(c, whole)) return cli_no_memory(c);
    return problem != NULL ? CLI_EXIT_REFUSED : CLI_EXIT_DONE;
}

int cmd_quota_history(cli *c, int argc, char **argv) {
    const char *program = NULL, *max = NULL, *before = NULL;
    const option_spec specs[] = {
        {"program", NULL, &program}, {"max", NULL, &max}, {"before", NULL, &before}, OPTION_END};
    char text[SUBJECT_TEXT];
    xinyi_subject subject;
    history_ask a = {.max = EVENTS_DEFAULT};
    json_t *whole = NULL;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one subject, such as uscc:91530000MA00TTT099");
    if (max != NULL && (!money_parse_count(max, strlen(max), EVENTS_MAX, &a.max) || a.max == 0))
        return cli_usage(c, "--max is a number from 1 to %d, not '%s'", EVENTS_MAX, max);
    if (before != NULL && (!money_parse_count(before, strlen(before), INT32_MAX, &a.before) || a.before == 0))
        return cli_usage(c, "--before is the version of a line, not '%s'", before);
    if ((code = cli_subject(c, argv[first], &subject)) != 0 || (code = programs_find(c, program, &a.program)) != 0 ||
        (code = cli_connect(c)) != 0)
        return code;
    if (a.program != XINYI_PROGRAM_POWER && (code = programs_learn(c)) != 0) return code; /* its name */
    a.subject = cli_subject_text(&subject, text);
    code = collect(c, &a, &whole);
    if (code == 0) code = print(c, whole);
    json_decref(whole);
    return code;
}
