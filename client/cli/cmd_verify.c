/* verify: of a running server what it holds in memory, of a data directory everything (xinyid --verify).
 *
 *   {"command": "verify"}
 *     → {"ok": true, "problem": null, "last_sequence": n, "subjects": n, "accounts": n, "operations": n,
 *        "open_reservations": n, "writes_waited_ms": ms} */
#include "client/cli/ask.h"
#include "client/cli/command.h"
#include "client/cli/daemon.h"
#include "client/cli/money.h"
#include "client/cli/option.h"

#include <stdio.h>

const char help_verify[] =
    "usage: xinyi verify\n"
    "       xinyi verify --data DIR\n"
    "\n"
    "Without --data the running server checks what it holds in memory: profiles and dossiers, and that the reserved\n"
    "amount of each guarantee account is the sum of its open reservations. Lookups go on; writes wait while the\n"
    "accounts are checked, and it tells how long.\n"
    "  --data DIR   a data directory that no server uses, on this machine: every file, every value, every group, and\n"
    "               everything above (runs xinyid --verify)\n"
    "\n"
    "  xinyi verify\n"
    "  xinyi verify --data /var/lib/xinyi --json | jq .problems\n";

#define PATIENCE_MS 600000 /* there may be fifty million */

static int show(const cli *c, const json_t *r) {
    char subjects[MONEY_TEXT], accounts[MONEY_TEXT], operations[MONEY_TEXT], open[MONEY_TEXT];
    printf("%s subjects, %s accounts, %s operations, %s open reservations checked; writes waited for %.1f ms\n",
           money_format_count(ask_number(r, "subjects"), subjects),
           money_format_count(ask_number(r, "accounts"), accounts),
           money_format_count(ask_number(r, "operations"), operations),
           money_format_count(ask_number(r, "open_reservations"), open),
           json_number_value(json_object_get(r, "writes_waited_ms")));
    if (ask_true(r, "ok")) {
        puts("everything adds up");
        return CLI_EXIT_DONE;
    }
    fflush(stdout);
    cli_error(c, "%s", ask_text(r, "problem"));
    return CLI_EXIT_REFUSED;
}

int command_verify(cli *c, int argc, char **argv) {
    const char *data = NULL;
    const option_spec specs[] = {{"data", NULL, &data}, OPTION_END};
    json_t *answer = NULL;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (first < argc)
        return cli_usage(c, "takes no arguments, but got '%s'; a directory goes behind --data", argv[first]);
    if (data != NULL) return daemon_become(c, (const char *const[DAEMON_ARGUMENTS]){"--verify", "--data", data});
    if (c->timeout_ms == 0) c->timeout_ms = PATIENCE_MS;
    if ((code = cli_connect(c)) != 0) return code;
    if ((code = ask_server(c, json_pack("{ss}", "command", "verify"), &answer)) != 0) return code;
    if (!c->json)
        code = show(c, answer);
    else if ((code = ask_print(c, answer)) == 0 && !ask_true(answer, "ok"))
        code = CLI_EXIT_REFUSED;
    json_decref(answer);
    return code;
}
