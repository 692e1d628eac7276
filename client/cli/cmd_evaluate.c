/* evaluate: one subject as a card, several as a table, a file of them as a stream. A file is worked through in chunks
 * that the library splits into pipelined frames, so memory is bounded and the order is the file's. */
#include "base/purpose.h"
#include "client/cli/command.h"
#include "client/cli/money.h"
#include "client/cli/option.h"
#include "client/cli/progress.h"
#include "client/cli/scorecard_view.h"
#include "client/cli/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* base/purpose.h has them; here in two lines */
#define PURPOSES_1 " loan_review, travel_service, power_trading, administrative_approval, volunteer_service,"
#define PURPOSES_2 " data_maintenance, self_inquiry, supervision, benchmark"

const char help_evaluate[] =
    "usage: xinyi evaluate --scenario NAME ID... [--purpose NAME] [--csv]\n"
    "       xinyi evaluate --scenario NAME --file FILE [--csv]\n"
    "       xinyi evaluate --scorecard ID...\n"
    "\n"
    "Decides a scenario: loan, travel, power, approval, volunteer, or another that the policies define.\n"
    "  --file FILE      ids, one a line; - is standard input\n"
    "  --csv            CSV on standard output; --json prints one object a line\n"
    "  --receipts       instead of the decisions, receipts with which xinyi replay makes them again: subject, receipt\n"
    "  --scorecard      how the composite score and grade came about: each line with its value and its share\n"
    "  --purpose NAME   what the query is for; default: the one the scenario's policy names. One of\n"
    "                  " PURPOSES_1 "\n"
    "                  " PURPOSES_2 "\n"
    "Ids that are not valid are reported, the rest goes on (exit status 4). Of one subject the deciding row is told\n"
    "(JSON: decided_by {table, row, because}); of many JSON has its number, row = table × 4096 + row, both counted "
    "from\n"
    "1: 4099 is the third row of the first table. xinyi explain tells everything.\n"
    "\n"
    "  xinyi evaluate --scenario loan uscc:91530000MA00TTT099\n"
    "  xinyi evaluate --scenario loan --file ids.txt --csv > decisions.csv\n"
    "  xinyi evaluate --scorecard uscc:91530000MA00TTT099\n"
    "  xinyi evaluate --scenario loan --file ids.txt --receipts > receipts.txt\n"
    "  cut -d, -f1 province.csv | xinyi evaluate --scenario travel --file - --json\n";

#define CHUNK 16384
#define PAGE 1000 /* rows of one printed sheet */
#define ID_LINE_MAX 256
#define COMPLAINTS 20 /* about single lines, on stderr */

typedef struct evaluation {
    cli *c;
    catalog names;
    unsigned scenario, purpose;
    bool csv, receipts;
    xinyi_receipt *made; /* instead of decisions */
    xinyi_subject *subjects;
    xinyi_decision *decisions;
    size_t count; /* subjects waiting */
    size_t done, failed, complaints;
    sheet *page;
    bool one; /* a single subject: the deciding row is told, too */
} evaluation;

static const sheet_column columns[] = {{.name = "subject"},
                                       {.name = "outcome"},
                                       {.name = "tier", .right = true},
                                       {.name = "amount", .right = true},
                                       {.name = "rate", .right = true},
                                       {.name = "percent", .right = true},
                                       {.name = "benefits", .wrap = true}};

static bool print_page(evaluation *e) {
    bool ok = sheet_rows(e->page) == 0 || sheet_print(e->page);
    sheet_destroy(&e->page);
    return ok;
}

static void join_benefits(const evaluation *e, uint64_t benefits, const char *separator, buf *to) {
    buf_clear(to);
    for (unsigned bit = 0; bit < CATALOG_BENEFITS; bit++) {
        if ((benefits >> bit & 1) == 0) continue;
        const char *id = e->names.benefit_id[e->scenario][bit];
        if (to->size > 0) buf_append_str(to, separator);
        if (id != NULL)
            buf_append_str(to, id);
        else
            buf_printf(to, "#%u", bit);
    }
}

static bool table_line(evaluation *e, const char *subject, const xinyi_decision *d) {
    char text[VIEW_TEXT], money[MONEY_TEXT];
    buf benefits = {0};
    if (e->page == NULL) e->page = sheet_create(columns, sizeof columns / sizeof columns[0], e->c->color);
    if (e->page == NULL) return false;
    sheet_row(e->page);
    sheet_cell(e->page, subject);
    if (d->status != 0) {
        sheet_cell_painted(e->page, xinyi_status_name(d->status), "red");
    } else {
        sheet_cell_painted(e->page, view_outcome(d->outcome), view_outcome_paint(d->outcome));
        snprintf(text, sizeof text, "%u", d->tier);
        sheet_cell(e->page, d->tier != 0 ? text : "");
        sheet_cell(e->page, d->amount_fen != 0 ? money_format(d->amount_fen, money) : "");
        snprintf(text, sizeof text, "%+d bp", d->rate_bp);
        sheet_cell(e->page, d->rate_bp != 0 ? text : "");
        sheet_cell(e->page, d->percent_bp != 0 ? view_percent(d->percent_bp, text) : "");
        join_benefits(e, d->benefits, ", ", &benefits);
        sheet_cell(e->page, buf_cstr(&benefits));
    }
    buf_deinit(&benefits);
    return sheet_rows(e->page) < PAGE || print_page(e);
}

static void csv_line(evaluation *e, const char *subject, const xinyi_decision *d) {
    char day[VIEW_TEXT];
    buf benefits = {0};
    join_benefits(e, d->benefits, "|", &benefits);
    printf("%s,%s,%s,%u,%s,%lld,%u,%d,%s,%u\n", subject, xinyi_status_name(d->status), view_outcome(d->outcome),
           d->tier, buf_cstr(&benefits), (long long)d->amount_fen, d->percent_bp, d->rate_bp,
           view_day(d->data_day, day), d->policy_version);
    buf_deinit(&benefits);
}

/* The server's reasons for a decision of a single subject; NULL without any. */
static json_t *reasons_of(const evaluation *e, const xinyi_subject *who, const xinyi_decision *d) {
    const char *text;
    json_error_t problem;
    if (!e->one || d->status != 0 || xinyi_explain(e->c->x, e->scenario, e->purpose, who, &text) != 0) return NULL;
    return json_loads(text, 0, &problem);
}

static const char *reason(const json_t *decided_by, const char *key) {
    const char *text = json_string_value(json_object_get(decided_by, key));
    return text != NULL ? text : "";
}

static void decided_by_json(const evaluation *e, const xinyi_subject *who, const xinyi_decision *d) {
    jout *o = &e->c->out;
    json_t *document = reasons_of(e, who, d);
    const json_t *row = json_object_get(document, "decided_by");
    if (json_is_object(row)) {
        jout_object(o, "decided_by");
        jout_string(o, "table", reason(row, "table"));
        jout_string(o, "row", reason(row, "row"));
        jout_string(o, "because", reason(row, "because"));
        jout_end(o);
    } else {
        jout_null(o, "decided_by");
    }
    json_decref(document);
}

static void decided_by_pair(const evaluation *e, const xinyi_subject *who, const xinyi_decision *d, sheet *card) {
    char text[512];
    json_t *document = reasons_of(e, who, d);
    const json_t *row = json_object_get(document, "decided_by");
    if (json_is_object(row)) {
        snprintf(text, sizeof text, "%s / %s%s%s", reason(row, "table"), reason(row, "row"),
                 reason(row, "because")[0] != '\0' ? ": " : "", reason(row, "because"));
        sheet_pair(card, "decided by", text);
    }
    json_decref(document);
}

static bool print_decision(evaluation *e, const xinyi_subject *who, const xinyi_decision *d) {
    char subject[SUBJECT_TEXT];
    cli_subject_text(who, subject);
    if (e->c->json) {
        jout_object(&e->c->out, NULL);
        jout_string(&e->c->out, "subject", subject);
        view_decision_json(&e->c->out, &e->names, e->scenario, d);
        if (e->one) decided_by_json(e, who, d);
        jout_end(&e->c->out);
        jout_line(&e->c->out);
        return true;
    }
    if (!e->csv) return table_line(e, subject, d);
    csv_line(e, subject, d);
    return true;
}

/* Decides and prints what has gathered. 0 or an exit code after a message. */
/* One line a subject: what went wrong goes to stderr, or with --csv and --json into the line. */
static void print_receipt(evaluation *e, const xinyi_subject *subject, const xinyi_receipt *r) {
    char text[SUBJECT_TEXT], word[XINYI_RECEIPT_TEXT] = "";
    cli_subject_text(subject, text);
    if (r->status == 0) xinyi_receipt_format(r, word);
    if (e->c->json) {
        jout *o = &e->c->out;
        jout_object(o, NULL);
        jout_string(o, "subject", text);
        jout_string(o, "status", xinyi_status_name(r->status));
        jout_string(o, "receipt", r->status == 0 ? word : NULL);
        jout_end(o);
        jout_line(o);
    } else if (e->csv) {
        printf("%s,%s,%s\n", text, xinyi_status_name(r->status), word);
    } else if (r->status == 0) {
        printf("%s %s\n", text, word);
    } else {
        cli_error(e->c, "%s: %s", text, xinyi_status_text(r->status));
    }
}

static int flush_receipts(evaluation *e) {
    int code = xinyi_receipts(e->c->x, e->scenario, e->purpose, e->subjects, e->count, e->made);
    if (code != 0) return cli_failed(e->c, code);
    for (size_t i = 0; i < e->count; i++) {
        if (e->made[i].status == 0)
            e->done++;
        else
            e->failed++;
        print_receipt(e, &e->subjects[i], &e->made[i]);
    }
    e->count = 0;
    return 0;
}

static int flush(evaluation *e) {
    if (e->count == 0) return 0;
    if (e->receipts) return flush_receipts(e);
    int code = xinyi_decide(e->c->x, e->scenario, e->purpose, e->subjects, e->count, e->decisions);
    if (code != 0) return cli_failed(e->c, code);
    for (size_t i = 0; i < e->count; i++) {
        if (e->decisions[i].status == 0)
            e->done++;
        else
            e->failed++;
        if (!print_decision(e, &e->subjects[i], &e->decisions[i])) return cli_no_memory(e->c);
    }
    e->count = 0;
    return 0;
}

/* ------------------------------------------------------------------ a file of ids */

static void complain(evaluation *e, const char *path, uint64_t line, const char *text, const char *why) {
    if (++e->complaints <= COMPLAINTS) cli_error(e->c, "%s:%llu: '%s': %s", path, (unsigned long long)line, text, why);
    if (e->complaints == COMPLAINTS + 1) cli_error(e->c, "… and more, not shown (--json has them all)");
}

/* path NULL: an argument, about which was complained already. */
static int bad_id(evaluation *e, const char *path, uint64_t line, const char *text, const char *why) {
    int code = flush(e); /* keeps the order */
    if (code != 0) return code;
    e->failed++;
    if (path != NULL) complain(e, path, line, text, why);
    if (!e->c->json) return 0;
    jout_object(&e->c->out, NULL);
    if (path != NULL) jout_int(&e->c->out, "line", (int64_t)line);
    jout_string(&e->c->out, "subject", text);
    jout_string(&e->c->out, "status", xinyi_status_name(STATUS_BAD_SUBJECT));
    jout_string(&e->c->out, "error", why);
    jout_end(&e->c->out);
    jout_line(&e->c->out);
    return 0;
}

static int one_line(evaluation *e, const char *path, uint64_t line, char *text, size_t length) {
    char why[256];
    subject_id id;
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) text[--length] = '\0';
    if (line == 1 && strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, length -= 3;
    size_t blanks = strspn(text, " \t");
    text += blanks, length -= blanks;
    if (length == 0 || (line == 1 && (strcmp(text, "subject") == 0 || strcmp(text, "id") == 0))) return 0;
    if (length > ID_LINE_MAX) text[length = ID_LINE_MAX] = '\0';
    subject_finding finding = subject_parse(text, length, e->c->today, &id);
    if (subject_verdict_is_error(finding.verdict))
        return bad_id(e, path, line, text, subject_explain(&finding, text, why, sizeof why));
    memcpy(e->subjects[e->count++].bytes, id.bytes, sizeof id.bytes);
    return e->count == CHUNK ? flush(e) : 0;
}

static int evaluate_file(evaluation *e, const char *path) {
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    if (f == NULL) return cli_usage(e->c, "cannot open %s: %s", path, strerror(errno));
    progress p;
    progress_init(&p, "evaluate", 0);
    bool quiet = isatty(STDOUT_FILENO);
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    uint64_t line = 0;
    int code = 0;
    while (code == 0 && (length = getline(&text, &room, f)) >= 0) {
        code = one_line(e, standard ? "standard input" : path, ++line, text, (size_t)length);
        if (!quiet && line % 1024 == 0) progress_update(&p, 0, e->done + e->failed, e->failed);
    }
    if (code == 0 && ferror(f)) {
        cli_error(e->c, "cannot read %s: %s", path, strerror(errno));
        code = CLI_EXIT_REFUSED;
    }
    if (code == 0) code = flush(e);
    progress_clear(&p);
    free(text);
    if (!standard) fclose(f);
    if (code != 0) return code;
    if (e->complaints > 0)
        cli_error(e->c, "%zu decided, %zu not, of which %zu %s not valid", e->done, e->failed, e->complaints,
                  e->complaints == 1 ? "id is" : "ids are");
    else if (e->failed > 0)
        cli_error(e->c, "%zu decided, %zu not", e->done, e->failed);
    return cli_exit_of_many(e->done, e->failed);
}

/* ------------------------------------------------------------------ arguments */

static int evaluate_one(evaluation *e) {
    int code = xinyi_decide(e->c->x, e->scenario, e->purpose, e->subjects, 1, e->decisions);
    if (code != 0) return cli_failed(e->c, code);
    char subject[SUBJECT_TEXT];
    sheet *card = sheet_card(2, e->c->color);
    sheet_pair(card, "subject", cli_subject_text(&e->subjects[0], subject));
    view_decision_card(e->c, card, &e->names, e->scenario, &e->decisions[0]);
    decided_by_pair(e, &e->subjects[0], &e->decisions[0], card);
    bool ok = sheet_print(card);
    sheet_destroy(&card);
    return ok ? cli_exit_of(e->decisions[0].status) : cli_no_memory(e->c);
}

static int evaluate_arguments(evaluation *e, int count, char **texts) {
    int code = 0;
    e->one = count == 1;
    for (int i = 0; i < count && code == 0; i++) {
        char why[256];
        subject_id id;
        subject_finding finding = subject_parse(texts[i], strlen(texts[i]), e->c->today, &id);
        if (subject_verdict_is_error(finding.verdict))
            code = bad_id(e, NULL, 0, texts[i], subject_explain(&finding, texts[i], why, sizeof why));
        else
            memcpy(e->subjects[e->count++].bytes, id.bytes, sizeof id.bytes);
    }
    if (code != 0) return code;
    if (e->one && !e->c->json && !e->csv && !e->receipts) return evaluate_one(e);
    code = flush(e);
    return code != 0 ? code : cli_exit_of_many(e->done, e->failed);
}

static int evaluate(evaluation *e, const char *file, int count, char **texts) {
    size_t room = file != NULL || count > CHUNK ? CHUNK : (size_t)count;
    if (count > CHUNK) return cli_usage(e->c, "more than %d ids: use --file", CHUNK);
    e->subjects = calloc(room, sizeof *e->subjects);
    e->decisions = calloc(room, sizeof *e->decisions);
    if (e->receipts) e->made = calloc(room, sizeof *e->made);
    if (e->subjects == NULL || e->decisions == NULL || (e->receipts && e->made == NULL)) return cli_no_memory(e->c);
    if (e->csv && e->receipts)
        puts("subject,status,receipt");
    else if (e->csv)
        puts("subject,status,outcome,tier,benefits,amount_fen,percent_bp,rate_bp,data_day,policy_version");
    int code = file != NULL ? evaluate_file(e, file) : evaluate_arguments(e, count, texts);
    if (!print_page(e) && code == 0) code = cli_no_memory(e->c);
    return code;
}

static int show_scorecards(cli *c, const char *purpose_text, int count, char **texts) {
    xinyi_subject *subjects = NULL;
    unsigned asked_for;
    int code = cli_purpose(c, purpose_text, PURPOSE_DATA_MAINTENANCE, &asked_for);
    if (code == 0) code = cli_subjects(c, count, texts, &subjects);
    if (code == 0) code = cli_connect(c);
    if (code == 0) code = scorecard_view(c, asked_for, subjects, (size_t)count);
    free(subjects);
    return code;
}

int command_evaluate(cli *c, int argc, char **argv) {
    evaluation e = {.c = c};
    bool scorecard = false;
    const char *scenario = NULL, *file = NULL, *purpose_text = NULL;
    const option_spec specs[] = {{"scenario", NULL, &scenario},
                                 {"file", NULL, &file},
                                 {"purpose", NULL, &purpose_text},
                                 {"csv", &e.csv, NULL},
                                 {"receipts", &e.receipts, NULL},
                                 {"scorecard", &scorecard, NULL},
                                 OPTION_END};
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0) return code;
    if (scorecard && (scenario != NULL || file != NULL || e.csv || e.receipts))
        return cli_usage(c, "--scorecard takes subjects and nothing else: a composite score is of no scenario");
    if (scorecard) return show_scorecards(c, purpose_text, argc - first, argv + first);
    if (scenario == NULL)
        return cli_usage(c, "which scenario? Give --scenario loan, travel, power, approval or volunteer");
    if (file == NULL && first == argc) return cli_usage(c, "which subject? Give ids, or --file FILE");
    if (file != NULL && first < argc) return cli_usage(c, "give ids or --file, not both");
    if (e.csv && c->json) return cli_usage(c, "--csv and --json exclude each other");
    xinyi_subject checked; /* mistakes are found before a connection is made */
    int bad = 0;
    for (int i = first; i < argc; i++) bad += cli_subject(c, argv[i], &checked) != 0;
    if (bad > 0 && bad == argc - first) return CLI_EXIT_USAGE;
    if ((code = cli_connect(c)) != 0 || (code = catalog_load(c, &e.names)) != 0) return code;
    code = catalog_scenario(c, &e.names, scenario, &e.scenario);
    if (code == 0) code = cli_purpose(c, purpose_text, catalog_purpose(&e.names, e.scenario), &e.purpose);
    if (code == 0) code = evaluate(&e, file, argc - first, argv + first);
    free(e.subjects);
    free(e.decisions);
    free(e.made);
    catalog_deinit(&e.names);
    return code;
}
