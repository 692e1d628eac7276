/* Files of operations: what is understood, and what is told of a file that is not. */
#include "client/cli/quota_batch.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cli c;
static quota_batch b;

static int read_named(const char *text, const char *name) {
    FILE *f = tmpfile();
    cr_assert_not_null(f);
    fputs(text, f);
    fflush(f);
    rewind(f);
    cli_init(&c);
    c.command = "quota batch";
    b = (quota_batch){0};
    int code = quota_batch_read(&c, fileno(f), "trades", name, &b);
    fclose(f);
    return code;
}
static int read_text(const char *text) { return read_named(text, NULL); }

static void end(void) {
    quota_batch_deinit(&b);
    cli_deinit(&c);
}

#define WHO "uscc:91530000MA00TTT099"
#define SUBJECT "\"subject\": \"" WHO "\""

Test(quota_batch, every_kind_is_understood) {
    const char *text =
        "{\"kind\": \"reserve\", " SUBJECT ", \"amount\": \"100万\", \"ttl\": \"10m\", \"linked\": true, "
        "\"operation\": \"000102030405060708090A0B0C0D0E0F\"}\n"
        "\n"
        "  {\"kind\": \"commit\", " SUBJECT ", \"amount_fen\": 5, \"reservation\": "
        "\"000102030405060708090a0b0c0d0e0f\"}\r\n"
        "{\"kind\": \"release\", " SUBJECT ", \"reservation\": \"000102030405060708090a0b0c0d0e0f\"}\n"
        "{\"kind\": \"settle\", " SUBJECT ", \"amount_fen\": \"7\", \"linked\": null}\n"
        "{\"kind\": \"pledge\", " SUBJECT ", \"amount\": \"3\", \"instrument\": 18446744073709551615, "
        "\"instrument_kind\": \"bond\", \"from\": \"2026-01-01\"}\n"
        "{\"kind\": \"withdraw\", " SUBJECT ", \"instrument\": 2}\n"
        "{\"kind\": \"energy\", " SUBJECT ", \"energy_12m_mwh\": 12, \"wholesale_2m_mwh\": 2, "
        "\"retail_2m_mwh\": \"1,003\"}\n"
        "{\"kind\": \"amend\", " SUBJECT ", \"instrument\": 2, \"to\": \"none\", \"program\": 2}\n"
        "{\"kind\": \"freeze\", " SUBJECT ", \"reference\": \"冻结令-7\", \"program\": \"power\"}\n"
        "{\"kind\": \"unfreeze\", " SUBJECT "}";
    char *fixed = strdup(text); /* JSON integers end at 2^63: as a text */
    char *big = strstr(fixed, "18446744073709551615");
    memcpy(big, "9223372036854775807 ", 20);
    cr_assert_eq(read_text(fixed), 0);
    free(fixed);
    cr_assert_eq(b.count, 10);
    const xinyi_operation *o = b.operations;
    cr_assert(o[0].kind == XINYI_RESERVE && o[0].amount_fen == 100000000 && o[0].ttl_ms == 600000 && o[0].linked == 1);
    cr_assert(o[0].id.bytes[15] == 15 && o[0].program == 1 && o[0].subject.bytes[0] == 2);
    cr_assert(o[1].kind == XINYI_COMMIT && o[1].amount_fen == 5 && o[1].target.bytes[14] == 14 && o[1].linked == 0);
    cr_assert(o[2].kind == XINYI_RELEASE && o[2].target.bytes[1] == 1);
    cr_assert(o[3].kind == XINYI_SETTLE && o[3].amount_fen == 7);
    cr_assert(o[4].kind == XINYI_PLEDGE && o[4].amount_fen == 300 && o[4].instrument == INT64_MAX);
    cr_assert(o[4].instrument_kind == XINYI_BOND && o[4].to_hour == UINT32_MAX && o[4].from_hour > 0);
    cr_assert(o[5].kind == XINYI_WITHDRAW && o[5].instrument == 2);
    cr_assert(o[6].amount_fen == 12 && o[6].wholesale_2m_mwh == 2 && o[6].retail_2m_mwh == 1003);
    cr_assert(o[7].kind == XINYI_AMEND && o[7].to_hour == UINT32_MAX && o[7].amount_fen == 0 && o[7].program == 2);
    cr_assert(o[8].kind == XINYI_FREEZE && strcmp(o[8].reference, "冻结令-7") == 0);
    cr_assert(o[9].kind == XINYI_UNFREEZE && b.lines[9] == 11);
    cr_assert_not(b.named, "made ids are of this run only");
    end();
}

Test(quota_batch, csv_says_the_same) {
    cr_assert_eq(read_text("\xEF\xBB\xBFkind,subject,amount,ttl_ms,linked,reservation\r\n"
                           "reserve," WHO ",\"1,000.50\",60000,yes,\r\n"
                           "\r\n"
                           "release," WHO ",,,,000102030405060708090a0b0c0d0e0f\r\n"),
                 0);
    cr_assert_eq(b.count, 2);
    cr_assert(b.operations[0].amount_fen == 100050 && b.operations[0].ttl_ms == 60000 && b.operations[0].linked == 1);
    cr_assert(b.operations[1].kind == XINYI_RELEASE && b.operations[1].target.bytes[15] == 15);
    cr_assert_eq(b.lines[1], 4);
    end();
}

Test(quota_batch, a_name_makes_the_same_ids_again) {
    const char *text = "{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\"}\n"
                       "{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\"}\n";
    xinyi_operation_id first, second;
    cr_assert_eq(read_named(text, "morning"), 0);
    cr_assert(b.named);
    first = b.operations[0].id;
    second = b.operations[1].id;
    end();
    cr_assert_neq(memcmp(&first, &second, sizeof first), 0);
    cr_assert_eq(read_named(text, "morning"), 0);
    cr_assert_eq(memcmp(&first, &b.operations[0].id, sizeof first), 0);
    cr_assert_eq(memcmp(&second, &b.operations[1].id, sizeof first), 0);
    end();
    cr_assert_eq(read_named(text, "evening"), 0);
    cr_assert_neq(memcmp(&first, &b.operations[0].id, sizeof first), 0);
    end();
}

/* Mistakes: one file each, and what has to be said. */
static const struct {
    const char *text, *said;
} wrong[] = {
    {"", "trades is empty"},
    {" \n \n", "trades is empty"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\"}\nnonsense\n", "trades:2: not a JSON object"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\"}\n[1]\n", "trades:2: not a JSON object: something else"},
    {"{\"kind\": \"settle\", \"kind\": \"settle\"}", "trades:1: not a JSON object: duplicate"},
    {"{\"kind\": \"settel\", " SUBJECT "}", "trades:1: unknown kind 'settel'"},
    {"{" SUBJECT "}", "trades:1: kind is missing"},
    {"{\"kind\": \"settle\", \"amount\": \"1\"}", "trades:1: subject is missing"},
    {"{\"kind\": \"settle\", \"subject\": \"uscc:91530000MA00TTT090\", \"amount\": \"1\"}", "trades:1: subject: '"},
    {"{\"kind\": \"settle\", " SUBJECT "}", "trades:1: the amount is missing"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": 1.5}", "trades:1: amount is a text"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1.234\"}", "finer than one fen"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount_fen\": -5}", "trades:1: amount_fen: '-5'"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount_fen\": 0}", "more than 0"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount_fen\": 1, \"amount\": \"1\"}", "give one of them"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount_fen\": {}}", "must be a text or a whole number"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\", \"ttl\": \"1m\"}", "ttl does not belong to a settle"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\", \"amuont\": \"1\"}", "unknown member 'amuont'"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\", \"linked\": \"maybe\"}", "linked is true or false"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\", \"linked\": true}", "its chain does not end"},
    {"{\"kind\": \"settle\", " SUBJECT ", \"amount\": \"1\", \"operation\": \"12\"}", "is not an operation id"},
    {"{\"kind\": \"release\", " SUBJECT "}", "trades:1: reservation is missing"},
    {"{\"kind\": \"reserve\", " SUBJECT ", \"amount\": \"1\", \"ttl\": \"soon\"}", "ttl is a duration"},
    {"{\"kind\": \"amend\", " SUBJECT ", \"instrument\": 1}", "nothing to amend"},
    {"{\"kind\": \"amend\", " SUBJECT ", \"instrument\": 0, \"to\": \"none\"}", "instrument is a number from 1"},
    {"{\"kind\": \"pledge\", " SUBJECT ", \"instrument\": 1, \"amount\": \"1\"}", "instrument_kind is deposit"},
    {"{\"kind\": \"energy\", " SUBJECT ", \"energy_12m_mwh\": 1}", "wholesale_2m_mwh is missing"},
    {"{\"kind\": \"freeze\", " SUBJECT ", \"reference\": \"云法冻结令二号\"}", "has 21 bytes; 16 is the most"},
    {"{\"kind\": \"freeze\", " SUBJECT ", \"reference\": \"a\\u0000b\"}", "NUL"},
    {"{\"kind\": \"freeze\", " SUBJECT ", \"reference\": \"a\\nb\"}", "one line"},
    {"{\"kind\": \"unfreeze\", " SUBJECT ", \"program\": 16}", "guarantee program '16'"},
    {"{\"kind\": \"unfreeze\", " SUBJECT ", \"operation\": \"000102030405060708090a0b0c0d0e0f\"}\n"
     "{\"kind\": \"unfreeze\", " SUBJECT "}\n"
     "{\"kind\": \"unfreeze\", " SUBJECT ", \"operation\": \"000102030405060708090A0B0C0D0E0F\"}\n",
     "trades:3: the operation id is that of line 1"},
    {"kind,subject\n", "trades has no operations"},
    {"kind,subjekt\nsettle,x\n", "trades:1: unknown column 'subjekt'"},
    {"kind,subject,kind\n", "trades:1: column 'kind' is there twice"},
    {"subject,amount\n", "kind and subject among them"},
    {"kind,subject\nunfreeze\n", "trades:2: has another number of fields"},
    {"kind,subject\nunfreeze,\"" WHO "\n", "trades:2: "},
};

Test(quota_batch, mistakes_are_told_with_file_and_line, .timeout = 60) {
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char said[8192] = "";
        int ends[2], saved = dup(STDERR_FILENO);
        setenv("XINYI_SERVER", "127.0.0.1:1", 1);
        cr_assert_eq(pipe(ends), 0);
        dup2(ends[1], STDERR_FILENO);
        int code = read_text(wrong[i].text);
        end();
        fflush(stderr);
        dup2(saved, STDERR_FILENO);
        close(saved);
        close(ends[1]);
        ssize_t n = read(ends[0], said, sizeof said - 1);
        close(ends[0]);
        cr_assert(n > 0);
        cr_assert_eq(code, CLI_EXIT_USAGE, "%s", wrong[i].text);
        cr_assert_not_null(strstr(said, wrong[i].said), "%s: '%s' is not in: %s", wrong[i].text, wrong[i].said, said);
    }
}

Test(quota_batch, many_mistakes_are_told_up_to_a_number) {
    size_t lines = 1000, room = lines * 16 + 1;
    char *text = malloc(room);
    size_t n = 0;
    for (size_t i = 0; i < lines; i++) n += (size_t)snprintf(text + n, room - n, "{\"kind\": \"x\"}\n");
    cr_redirect_stderr();
    cr_assert_eq(read_text(text), CLI_EXIT_USAGE);
    cr_assert_eq(b.mistakes, lines);
    cr_assert_eq(b.count, 0);
    end();
    free(text);
}

Test(quota_batch, parts_end_with_a_chain) {
    cr_redirect_stderr();
    static xinyi_operation o[20];
    quota_batch of = {.operations = o, .count = 20};
    for (size_t i = 6; i < 11; i++) o[i].linked = 1; /* 7 to 12 */
    cr_assert_eq(quota_batch_part(&of, 0, 8, 8), 6);
    cr_assert_eq(quota_batch_part(&of, 6, 4, 8), 6, "a chain longer than a part");
    cr_assert_eq(quota_batch_part(&of, 6, 4, 5), 0, "but no longer than that");
    cr_assert_eq(quota_batch_part(&of, 12, 8, 8), 8);
    cr_assert_eq(quota_batch_part(&of, 12, 100, 100), 8);
}
