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
    "decision\", or shows both. A receipt is a text that begins with xr1-; FILE or - (standard input) holds one, or "
    "many:\n"
    "one a line, behind its subject as xinyi evaluate --receipts writes them. Of many those that are not the same are\n"
    "told, with their line; --json prints every one, an object a line.\n"
    "Exit status 0 the same, 4 another decision, 1 the receipt is damaged or its policy set is not known; of many 4 "
    "if\n"
    "some are the same and others not.\n"
    "\n"
    "  xinyi replay kept.txt\n"
    "  xinyi explain --scenario loan uscc:91530000MA00TTT099 --receipt | xinyi replay -\n"
    "  xinyi evaluate --scenario loan --file ids.txt --receipts > receipts.txt && xinyi replay receipts.txt\n";

#define FILE_MAX (64u << 20)

static int read_receipt(const cli *c, const char *name, buf *text) {
    if (strncmp(name, "xr1-", 4) == 0) {
        buf_append_str(text, name);
        return buf_status(text) == STATUS_OK ? 0 : cli_no_memory(c);
    }
    if (strcmp(name, "-") == 0) {
        char chunk[4096];
        size_t n;
        while (text->size <= FILE_MAX && (n = fread(chunk, 1, sizeof chunk, stdin)) > 0) buf_append(text, chunk, n);
        if (buf_status(text) != STATUS_OK) return cli_no_memory(c);
        return text->size <= FILE_MAX ? 0 : cli_usage(c, "more than 64 MiB of receipts; replay them in parts");
    }
    errno = 0;
    status s = file_read(name, FILE_MAX, text);
    if (s == STATUS_OK) return 0;
    if (s == STATUS_TOO_LARGE) return cli_usage(c, "%s is larger than 64 MiB; replay it in parts", name);
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

/* The server's document. NULL: *code says how it failed, and it was told. */
static json_t *ask(cli *c, const receipt *r, int *code) {
    char request[RECEIPT_TEXT + 64], text[RECEIPT_TEXT];
    const char *answer = NULL;
    json_error_t problem;
    snprintf(request, sizeof request, "{\"command\":\"replay\",\"receipt\":\"%s\"}", receipt_format(r, text));
    if ((*code = cli_connect(c)) != 0) return NULL;
    int result = xinyi_command(c->x, request, &answer);
    if (result != 0) {
        *code = cli_failed(c, result);
        return NULL;
    }
    json_t *d = json_loads(answer, 0, &problem);
    if (d == NULL) {
        cli_error(c, "the server's answer cannot be read: %s", problem.text);
        *code = CLI_EXIT_REFUSED;
    }
    return d;
}

static int print_json(cli *c, const json_t *d) {
    char *text = json_dumps(d, JSON_COMPACT);
    if (text == NULL) return cli_no_memory(c);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    free(text);
    return json_is_true(json_object_get(d, "same")) ? CLI_EXIT_DONE : CLI_EXIT_PARTLY;
}

static int replay_one(cli *c, const char *text, size_t length) {
    receipt r;
    int code;
    if (receipt_parse(text, length, &r) != STATUS_OK) {
        cli_error(c, "%s; it begins with xr1- and has 218 characters, line breaks not counted",
                  status_text(STATUS_BAD_RECEIPT));
        return CLI_EXIT_REFUSED;
    }
    json_t *d = ask(c, &r, &code);
    if (d == NULL) return code;
    code = c->json ? print_json(c, d) : show(c, d);
    json_decref(d);
    return code;
}

/* ------------------------------------------------------------------ many, one a line */

/* Where a line's receipt begins: the line, or what stands behind its first blanks. NULL: it has none. */
static const char *receipt_of(const char *line, const char *end) {
    static const char mark[] = "xr1-";
    const size_t n = sizeof mark - 1;
    if ((size_t)(end - line) >= n && memcmp(line, mark, n) == 0) return line;
    const char *blank = line;
    while (blank < end && *blank != ' ' && *blank != '\t' && *blank != ',') blank++;
    while (blank < end && (*blank == ' ' || *blank == '\t' || *blank == ',')) blank++;
    return (size_t)(end - blank) >= n && memcmp(blank, mark, n) == 0 ? blank : NULL;
}

static const char *end_of_line(const char *line, const char *end) {
    const char *at = memchr(line, '\n', (size_t)(end - line));
    return at != NULL ? at : end;
}

/* Lines that hold a receipt; *first is the first one's. */
static size_t count_receipts(const char *text, const char *end, const char **first) {
    size_t count = 0;
    for (const char *line = text; line < end; line = end_of_line(line, end) + 1) {
        const char *r = receipt_of(line, end_of_line(line, end));
        if (r != NULL && count++ == 0) *first = r;
    }
    return count;
}

typedef struct outcome {
    size_t same, other, failed;
} outcome;

static int replay_line(cli *c, size_t number, const char *line, const char *at, const char *end, outcome *o) {
    receipt r;
    int code = CLI_EXIT_REFUSED;
    size_t named = (size_t)(at - line);
    while (named > 0 && (line[named - 1] == ' ' || line[named - 1] == '\t' || line[named - 1] == ',')) named--;
    if (receipt_parse(at, (size_t)(end - at), &r) != STATUS_OK) {
        cli_error(c, "line %zu: %s", number, status_text(STATUS_BAD_RECEIPT));
        o->failed++;
        return 0;
    }
    json_t *d = ask(c, &r, &code);
    if (d == NULL) {
        cli_error(c, "line %zu: could not be replayed", number);
        o->failed++;
        return code == CLI_EXIT_NO_CONNECTION ? code : 0;
    }
    bool same = json_is_true(json_object_get(d, "same"));
    if (same)
        o->same++;
    else
        o->other++;
    code = 0;
    if (c->json) {
        json_object_set_new(d, "line", json_integer((json_int_t)number));
        if (named > 0) json_object_set_new(d, "subject", json_stringn(line, named));
        if (print_json(c, d) == CLI_EXIT_REFUSED) code = CLI_EXIT_REFUSED;
    } else if (!same) {
        printf("line %zu: %.*s%s", number, (int)named, line, named > 0 ? ": " : "");
        if (show(c, d) == CLI_EXIT_REFUSED) code = CLI_EXIT_REFUSED;
    }
    json_decref(d);
    return code;
}

static int replay_many(cli *c, const char *text, const char *end) {
    outcome o = {0};
    size_t number = 1;
    int code = 0;
    for (const char *line = text; line < end && code == 0; number++) {
        const char *stop = end_of_line(line, end), *at = receipt_of(line, stop);
        if (at != NULL) {
            code = replay_line(c, number, line, at, stop, &o);
        } else if (stop > line && !(stop == line + 1 && *line == '\r')) {
            cli_error(c, "line %zu: no receipt", number);
            o.failed++;
        }
        line = stop + 1;
    }
    if (!c->json)
        printf("%zu receipts: %zu the same decision, %zu another, %zu not replayed\n", o.same + o.other + o.failed,
               o.same, o.other, o.failed);
    if (code != 0) return code;
    if (o.other == 0 && o.failed == 0) return CLI_EXIT_DONE;
    return o.same == 0 && o.other == 0 ? CLI_EXIT_REFUSED : CLI_EXIT_PARTLY;
}

int command_replay(cli *c, int argc, char **argv) {
    static const option_spec none[] = {OPTION_END};
    buf text = {0};
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (argc - first != 1) return cli_usage(c, "give one receipt, a file that holds some, or - for standard input");
    code = read_receipt(c, argv[first], &text);
    if (code == 0) {
        const char *begin = buf_cstr(&text), *end = begin + text.size, *at = begin;
        if (count_receipts(begin, end, &at) > 1)
            code = replay_many(c, begin, end);
        else
            code = replay_one(c, at, (size_t)(end - at));
    }
    buf_deinit(&text);
    return code;
}
