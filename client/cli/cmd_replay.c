/* replay: the server makes a decision again from its receipt — the policy set of then, the inputs of then — and this
 * says whether it comes out the same. The receipt is checked here first, so that a damaged one needs no server.
 *
 *   {"command": "replay", "receipt": "xr1-…"}
 *     → {"same": true, "policy_version": 3, "policy_hash": "…", "result": DECISION, "again": DECISION}
 *   DECISION: {"status": "ok", "outcome": "granted", "tier": 2, "row": "eligibility / L7", "benefits":
 * ["pre_approval"], "amount_fen": n, "percent_bp": n, "rate_bp": n}; `result` is the receipt's. A row may be a number.
 */
#include "base/file.h"
#include "base/status.h"
#include "client/cli/command.h"
#include "client/cli/jout.h"
#include "client/cli/option.h"
#include "client/cli/sheet.h"
#include "client/cli/view.h"
#include "engine/receipt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char help_replay[] =
    "usage: xinyi replay RECEIPT | FILE | -\n"
    "\n"
    "Makes a decision again from its receipt (xinyi explain --receipt), after policies and profiles have changed: by "
    "the\n"
    "policy set of then, which the server keeps, and the inputs of then, which the receipt holds. Says \"the same\n"
    "decision\", or shows both. A receipt is a text that begins with xr1-; FILE or - (standard input) holds one.\n"
    "Exit status 0 the same, 4 another decision, 1 the receipt is damaged or its policy set is not known.\n"
    "\n"
    "  xinyi replay kept.txt\n"
    "  xinyi explain --scenario loan uscc:91530000MA00TTT099 --receipt | xinyi replay -\n";

#define FILE_MAX (64u << 10)

static int read_receipt(const cli *c, const char *name, buf *text) {
    if (strncmp(name, "xr1-", 4) == 0) {
        buf_append_str(text, name);
        return buf_status(text) == STATUS_OK ? 0 : cli_no_memory(c);
    }
    if (strcmp(name, "-") == 0) {
        char chunk[4096];
        size_t n;
        while (text->size <= FILE_MAX && (n = fread(chunk, 1, sizeof chunk, stdin)) > 0) buf_append(text, chunk, n);
        return buf_status(text) == STATUS_OK ? 0 : cli_no_memory(c);
    }
    errno = 0;
    status s = file_read(name, FILE_MAX, text);
    if (s == STATUS_OK) return 0;
    if (s == STATUS_TOO_LARGE) return cli_usage(c, "%s is too large to be a receipt", name);
    return cli_usage(c, "'%s' is no receipt (xr1-…), and no file of this name can be read: %s", name, strerror(errno));
}

/* "granted, benefits 3, tier 2 …" */
static void put_decision(sheet *t, const char *heading, const json_t *d) {
    static const char *const KEYS[] = {"status",   "outcome",    "tier",       "row",
                                       "benefits", "amount_fen", "percent_bp", "rate_bp"};
    sheet_row(t);
    sheet_cell(t, heading);
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        const json_t *v = json_object_get(d, KEYS[i]);
        char *dumped = json_is_string(v) || v == NULL ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        sheet_cell(t, json_is_string(v) ? json_string_value(v) : (dumped != NULL ? dumped : "-"));
        free(dumped);
    }
}

static int show(cli *c, const json_t *d) {
    static const sheet_column COLUMNS[] = {
        {.name = ""},           {.name = "status"},     {.name = "outcome"},
        {.name = "tier"},       {.name = "row"},        {.name = "benefits", .wrap = true},
        {.name = "amount_fen"}, {.name = "percent_bp"}, {.name = "rate_bp"}};
    const char *hash = json_string_value(json_object_get(d, "policy_hash"));
    bool same = json_is_true(json_object_get(d, "same"));
    printf("%s%s%s: policy version %lld, hash %s\n", cli_paint(c, same ? "32" : "31"),
           same ? "the same decision" : "another decision", cli_paint(c, "0"),
           (long long)json_integer_value(json_object_get(d, "policy_version")), hash != NULL ? hash : "-");
    sheet *t = sheet_create(COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0], c->color);
    put_decision(t, same ? "decision" : "receipt", json_object_get(d, "result"));
    if (!same) put_decision(t, "again", json_object_get(d, "again"));
    bool ok = sheet_print(t);
    sheet_destroy(&t);
    if (!ok) return cli_no_memory(c);
    return same ? CLI_EXIT_DONE : CLI_EXIT_PARTLY;
}

static int ask(cli *c, const receipt *r) {
    char request[RECEIPT_TEXT + 64], text[RECEIPT_TEXT];
    const char *answer = NULL;
    snprintf(request, sizeof request, "{\"command\":\"replay\",\"receipt\":\"%s\"}", receipt_format(r, text));
    int code = cli_connect(c);
    if (code != 0) return code;
    int result = xinyi_command(c->x, request, &answer);
    if (result != 0) return cli_failed(c, result);
    json_error_t problem;
    json_t *d = json_loads(answer, 0, &problem);
    if (d == NULL) {
        cli_error(c, "the server's answer cannot be read: %s", problem.text);
        return CLI_EXIT_REFUSED;
    }
    if (c->json) {
        jout_raw(&c->out, NULL, answer);
        jout_line(&c->out);
        code = json_is_true(json_object_get(d, "same")) ? CLI_EXIT_DONE : CLI_EXIT_PARTLY;
    } else {
        code = show(c, d);
    }
    json_decref(d);
    return code;
}

int command_replay(cli *c, int argc, char **argv) {
    static const option_spec none[] = {OPTION_END};
    buf text = {0};
    receipt r;
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one receipt, a file that holds one, or - for standard input");
    code = read_receipt(c, argv[first], &text);
    if (code == 0 && receipt_parse((const char *)text.data, text.size, &r) != STATUS_OK) {
        cli_error(c, "%s; it begins with xr1- and has 218 characters, line breaks not counted",
                  status_text(STATUS_BAD_RECEIPT));
        code = CLI_EXIT_REFUSED;
    }
    if (code == 0) code = ask(c, &r);
    buf_deinit(&text);
    return code;
}
